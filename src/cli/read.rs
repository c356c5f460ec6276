//! `nfdecode read`: the flows of nfcapd files.

use crate::file::File;

use super::args::ReadArgs;
use super::flows::{Arrangement, FlowWriter};
use super::inputs;
use super::progress::Progress;
use super::report::{Report, Stop};
use super::target::Target;

pub(super) fn run(args: &ReadArgs, report: &Report) -> Result<(), Stop> {
    let zone = super::zone(&args.output)?;
    let inputs = inputs::expand(&args.paths)?;
    let sizes: Vec<u64> = inputs
        .iter()
        .map(|input| input.path.metadata().map_or(0, |found| found.len()))
        .collect();
    let mut progress = Progress::new(args.output.progress, sizes.iter().sum(), "reading", report);

    let arrangement = if args.by_file {
        Arrangement::ByFile
    } else {
        Arrangement::Together
    };
    let target = Target::open(args.output.output.as_deref())?;
    let mut writer = FlowWriter::new(
        args.output.format,
        arrangement,
        zone,
        args.limit,
        target,
        report,
    )?;
    let mut done = 0;
    let mut opened = 0_usize;
    for (input, size) in inputs.iter().zip(sizes) {
        if writer.is_full() {
            break;
        }
        match File::open(&input.path) {
            Ok(file) => {
                opened += 1;
                writer.file(&file, &input.name, |position| progress.set(done + position))?;
            }
            Err(error) => report.damage(&error),
        }
        done += size;
        progress.set(done);
    }
    drop(progress);
    if opened == 0 && !writer.is_full() {
        report.nothing_read();
        if args.output.output.is_some() {
            // A file is for results; standard output gets an empty but valid document.
            return Ok(());
        }
    }
    writer.finish()
}
