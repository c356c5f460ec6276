//! `nfdecode read`: the flows of nfcapd files.

use std::sync::atomic::AtomicBool;

use crate::args::ReadArgs;
use crate::input::paths;
use crate::input::paths::{Input, Unfinished};
use crate::input::select;
use crate::input::select::Selection;
use crate::run::env;
use crate::run::progress::Progress;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::columns::{ColumnWriter, Form};
use crate::sink::target::Target;
use crate::sink::text::{Arrangement, FlowWriter};
use crate::sink::text_format;
use crate::sink::text_format::Style;
use nfdecode::scan::ScanInput;

/// Long: the steps of the command in order, each a few lines.
pub(crate) fn run(args: &ReadArgs, report: &Report) -> Result<(), Stop> {
    let zone = env::zone(&args.output)?;
    let style = Style::new(
        &args.output,
        text_format::default(&args.output, args.by_file),
    )?;
    if args.by_file && !style.can_tell_files() {
        return Err(Stop::Usage(
            "--by-file needs json, ndjson or --fields".to_owned(),
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
            "a filter is given, but no file: name a file or directory".to_owned(),
        ));
    }
    report.salvaging(args.salvage);
    let unfinished = Unfinished::when(args.salvage);
    let inputs = match &args.dirs {
        Some(dirs) => paths::expand(&paths::below(dirs, paths), unfinished, report)?,
        None => paths::expand(paths, unfinished, report)?,
    };
    if let Some(output) = args.output.file() {
        paths::refuse_as_output(inputs.iter().map(Input::origin), output)?;
    }
    let form = Form::of(&args.output)?.filter(|_| !args.select.count);
    let threads = match form {
        Some(form) => form.threads(args.output.jobs),
        None => env::threads(args.output.jobs),
    };
    let scan = selection
        .scan(inputs.iter().map(Input::scan_input))
        .open_with(options)
        .threads(threads);
    let scan = match args.limit {
        Some(limit) => scan.limit(limit),
        None => scan,
    };
    let scan = match args.output.memory {
        Some(bytes) => scan.memory(bytes),
        None => scan,
    };
    let size = |input: &ScanInput| {
        let metadata = input.as_path().and_then(|path| path.metadata().ok());
        metadata.map_or(0, |found| found.len())
    };
    // Sparse files may have any size.
    let total = scan.inputs().map(size).fold(0, u64::saturating_add);
    let mut progress = Progress::new(args.output.progress, total, "reading", report);

    if let Some(form) = form {
        let writer = ColumnWriter {
            columns: Form::columns(&args.output)?,
            with_file: args.by_file,
            scan,
            filter: selection.text(),
            limit: args.limit,
            all_must_open: false,
            origin: None,
            report,
        };
        let mut advance = advance(&mut progress);
        let output = form.open(args.output.file())?;
        writer.write(output, &mut advance, &mut |_| Ok(()))?;
        return Ok(());
    }

    let mut target = Target::open(args.output.file())?;
    let arrangement = match args.by_file {
        true => Arrangement::ByFile,
        false => Arrangement::Together,
    };
    let inputs = scan.inputs().cloned().collect::<Vec<_>>().into_iter();
    let writer = FlowWriter {
        scan,
        style,
        arrangement,
        zone,
        count_only: args.select.count,
        all_must_open: false,
        gave_up: &AtomicBool::new(false),
        report,
    };
    let text = {
        let mut advance = advance(&mut progress);
        writer.print(inputs, &mut target, &mut advance, &mut |_| Ok(()))?
    };
    drop(progress);
    let printed = text.printed;
    if printed.totals.files == 0 && printed.totals.refused != 0 {
        report.nothing_read();
        if args.output.file().is_some() {
            // No file is left after a failure; standard output has an empty but valid document.
            return Ok(());
        }
    }
    text.finish()?;
    target.finish()
}

/// Updates the progress bar with the bytes read.
fn advance(progress: &mut Progress) -> impl FnMut(u64) {
    let mut done = 0;
    move |bytes| {
        done += bytes;
        progress.set(done);
    }
}
