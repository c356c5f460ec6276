//! `nfdecode read`: the flows of nfcapd files.

use std::sync::atomic::AtomicBool;

use crate::args::ReadArgs;
use crate::input::paths;
use crate::input::paths::Input;
use crate::input::select;
use crate::input::select::Selection;
use crate::run::env;
use crate::run::progress::Progress;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::columns::{ColumnWriter, Form};
use crate::sink::target::Target;
use crate::sink::text::{Arrangement, FlowWriter, Source};
use crate::sink::text_format;
use crate::sink::text_format::Style;

pub(crate) fn run(args: &ReadArgs, report: &Report) -> Result<(), Stop> {
    let zone = env::zone(&args.output)?;
    let style = Style::new(
        &args.output,
        text_format::default(&args.output, args.by_file),
    )?;
    if args.by_file && !style.can_tell_files() {
        return Err(Stop::Usage(
            "--by-file goes with json, ndjson and --fields only".to_owned(),
        ));
    }
    let options = args.key.options(args.salvage)?;
    let (paths, operand) = select::take_filter(&args.paths)?;
    let selection = Selection::new(&args.select, &zone, operand)?.reading_all(args.salvage);
    if args.select.explain {
        return env::print(select::explain(&selection).as_bytes());
    }
    if paths.is_empty() {
        return Err(Stop::Usage(
            "a filter is given, but no file to read".to_owned(),
        ));
    }
    let mut inputs = match &args.dirs {
        Some(dirs) => paths::expand(&paths::below(dirs, paths), report)?,
        None => paths::expand(paths, report)?,
    };
    if let Some(output) = args.output.file() {
        paths::refuse_as_output(inputs.iter().map(Input::origin), output)?;
    }
    inputs.retain(|input| input.is_named || selection.may_be_in(&input.path));
    let size = |input: &Input| input.path.metadata().map_or(0, |found| found.len());
    // Sparse files may claim any size.
    let total = inputs.iter().map(size).fold(0, u64::saturating_add);
    let mut progress = Progress::new(args.output.progress, total, "reading", report);

    if let Some(form) = Form::of(&args.output)?
        && !args.select.count
    {
        let writer = ColumnWriter {
            columns: Form::columns(&args.output)?,
            with_file: args.by_file,
            selection,
            limit: args.limit,
            threads: form.threads(args.output.jobs),
            all_must_open: false,
            options,
            origin: None,
            report,
        };
        let sources = inputs.iter().map(source_of).collect();
        let mut advance = advance(&mut progress);
        let output = form.open(args.output.file())?;
        writer.write(sources, output, &mut advance, &mut |_| Ok(()))?;
        return Ok(());
    }

    let mut target = Target::open(args.output.file())?;
    let by_file = args.by_file;
    let writer = FlowWriter {
        style,
        arrangement: if by_file {
            Arrangement::ByFile
        } else {
            Arrangement::Together
        },
        zone,
        selection,
        count_only: args.select.count,
        limit: args.limit,
        threads: env::threads(args.output.jobs),
        all_must_open: false,
        options,
        gave_up: &AtomicBool::new(false),
        report,
    };
    let sources = inputs.iter().map(source_of);
    // Without flows to print no file needs to be opened.
    let sources = sources.take(if args.limit == Some(0) { 0 } else { usize::MAX });
    let text = {
        let mut advance = advance(&mut progress);
        writer.print(sources, &mut target, &mut advance, &mut |_| Ok(()))?
    };
    drop(progress);
    let printed = text.printed;
    if printed.files == 0 && printed.refused != 0 {
        report.nothing_read();
        if args.output.file().is_some() {
            // A file is for results; standard output has got an empty but valid document.
            return Ok(());
        }
    }
    text.finish()?;
    target.finish()
}

fn source_of(input: &Input) -> Source {
    Source {
        path: input.path.clone(),
        name: input.name.clone(),
        copied_from: input.copied_from.clone(),
    }
}

/// Tells the progress bar of bytes that have been read.
fn advance(progress: &mut Progress) -> impl FnMut(u64) {
    let mut done = 0;
    move |bytes| {
        done += bytes;
        progress.set(done);
    }
}
