//! `nfdecode read`: the flows of nfcapd files.

use std::sync::atomic::AtomicBool;

use super::args::ReadArgs;
use super::flows::{Arrangement, FlowWriter, Source};
use super::inputs;
use super::progress::Progress;
use super::report::{Report, Stop};
use super::target::Target;

pub(super) fn run(args: &ReadArgs, report: &Report) -> Result<(), Stop> {
    let zone = super::zone(&args.output)?;
    let inputs = inputs::expand(&args.paths)?;
    let size = |input: &inputs::Input| input.path.metadata().map_or(0, |found| found.len());
    let total = inputs.iter().map(size).sum();
    let mut progress = Progress::new(args.output.progress, total, "reading", report);

    let mut target = Target::open(args.output.output.as_deref())?;
    let by_file = args.by_file;
    let writer = FlowWriter {
        format: args.output.format,
        arrangement: if by_file {
            Arrangement::ByFile
        } else {
            Arrangement::Together
        },
        zone,
        limit: args.limit,
        threads: super::threads(args.output.jobs),
        all_must_open: false,
        salvage: args.salvage,
        gave_up: &AtomicBool::new(false),
        report,
    };
    let sources = inputs.iter().map(|input| Source {
        path: input.path.clone(),
        name: input.name.clone(),
    });
    // Without flows to print no file needs to be opened.
    let sources = sources.take(if args.limit == Some(0) { 0 } else { usize::MAX });
    let mut done = 0;
    let mut advance = |bytes| {
        done += bytes;
        progress.set(done);
    };
    let text = writer.print(sources, &mut target, &mut advance, &mut |_| Ok(()))?;
    drop(progress);
    let printed = text.printed;
    if printed.files == 0 && printed.refused != 0 {
        report.nothing_read();
        if args.output.output.is_some() {
            // A file is for results; standard output has got an empty but valid document.
            return Ok(());
        }
    }
    text.finish()?;
    target.finish()
}
