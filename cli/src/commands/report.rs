//! `nfdecode report`: a page about an archive.

use std::io::{self, IsTerminal as _};

use nfdecode_web::report::{Options, Survey};

use crate::args::file_named;
use crate::args::report::ReportArgs;
use crate::args::shared::SelectArgs;
use crate::input::select;
use crate::run::env;
use crate::run::gather::{self, Gather};
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::target::Target;

pub(crate) fn run(args: &ReportArgs, report: &Report) -> Result<(), Stop> {
    let zone = env::zone_of(args.tz.as_deref(), args.utc)?;
    let output = args.output.as_deref().and_then(file_named);
    if output.is_none() && io::stdout().is_terminal() && !args.source.select.explain {
        return Err(Stop::Usage(
            "not writing a page to a terminal; use -o FILE or redirect".to_owned(),
        ));
    }
    let gather = Gather {
        output,
        jobs: args.jobs,
        memory: args.memory,
        progress: args.progress,
    };
    let Some(source) = gather::source(&args.source, &args.paths, &gather, &zone, report)? else {
        return Ok(());
    };
    let (paths, operand) = select::take_filter(&args.paths)?;
    let memory = env::memory(args.memory);
    let options = Options::new(paths.iter().map(|path| path.to_string_lossy()))
        .title(args.title.clone())
        .top(args.top.into())
        .zone(zone)
        .filter(filter_text(&args.source.select, operand)?)
        .arguments(arguments(args))
        .memory(memory, env::temporary());
    let mut target = Target::open(output)?;
    let survey = Survey::new(&options, source.scan.thread_count()).map_err(Stop::failed)?;
    let totals = source.run_seeing(
        || survey.adder(),
        |adder, block| survey.add(adder, block),
        |part| survey.see(part),
        report,
    )?;
    if totals.files == 0 && totals.refused != 0 {
        report.nothing_read();
    }
    let page = survey.finish(&totals).map_err(Stop::failed)?.html();
    target.write(page.as_bytes())?;
    target.finish()
}

/// The text of the filter, as it was given.
fn filter_text(args: &SelectArgs, operand: Option<&str>) -> Result<Option<String>, Stop> {
    match &args.filter_file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            text.map(|text| Some(text.trim().to_owned()))
                .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))
        }
        None => Ok(args.filter.as_deref().or(operand).map(str::to_owned)),
    }
}

/// What a command needs to read the same flows, apart from paths and filter.
fn arguments(args: &ReportArgs) -> Vec<String> {
    let mut words = Vec::new();
    let select = &args.source.select;
    let texts = [
        ("--since", &select.since),
        ("--until", &select.until),
        ("--window", &select.window),
        ("--dirs", &args.source.dirs),
        ("--tz", &args.tz),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            words.extend([name.to_owned(), text.clone()]);
        }
    }
    if let Some(last) = select.last {
        words.extend(["--last".to_owned(), format!("{}s", last.as_secs())]);
    }
    let flags = [
        ("--utc", args.utc),
        ("--salvage", args.source.salvage),
        ("--resolve", select.resolve),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| (*name).to_owned()),
    );
    if let Some(limit) = args.source.limit {
        words.extend(["--limit".to_owned(), limit.to_string()]);
    }
    words
}
