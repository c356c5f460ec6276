//! `nfdecode report`: a page about an archive.

use std::io::{self, IsTerminal as _};

use nfdecode_web::report::Survey;

use crate::args::file_named;
use crate::args::report::ReportArgs;
use crate::input::select;
use crate::run::env;
use crate::run::gather::{self, Gather};
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::page::Shown;
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
    let shown = Shown {
        paths,
        select: &args.source.select,
        operand,
        tz: args.tz.as_deref(),
        utc: args.utc,
        limit: args.source.limit,
        memory: args.memory,
    };
    let options = shown
        .options(zone, reading(args))?
        .title(args.title.clone())
        .top(args.top.into());
    let mut target = Target::open(output)?;
    let survey = Survey::new(&options, source.scan.thread_count()).map_err(Stop::failed)?;
    let totals = source.run_seeing(
        || survey.adder(),
        |adder, block| survey.add(adder, block),
        |part| {
            survey.see(part);
            Ok(())
        },
        report,
    )?;
    if totals.files == 0 && totals.refused != 0 {
        report.nothing_read();
    }
    let page = survey.finish(&totals).map_err(Stop::failed)?.html();
    target.write(page.as_bytes())?;
    target.finish()
}

/// Arguments of commands that say how files are found and read.
fn reading(args: &ReportArgs) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(dirs) = &args.source.dirs {
        words.extend(["--dirs".to_owned(), dirs.clone()]);
    }
    if args.source.salvage {
        words.push("--salvage".to_owned());
    }
    words
}
