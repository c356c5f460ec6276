//! `nfdecode rewrite` and `nfdecode repair`: flows from files into one new, well-formed file.

use std::io::{Seek, Write};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::Path;

use nfdecode::scan::{Lane, Part, Stopped, Work};
use nfdecode::writer::{Encoding, SysidMap, Writer};
use nfdecode::{OpenOptions, Scan};

use crate::args::{RepairArgs, RewriteArgs, file_named};
use crate::input::paths;
use crate::input::paths::Input;
use crate::run::account::{self, Account};
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::target::Target;

pub(crate) fn rewrite(args: &RewriteArgs, report: &Report) -> Result<(), Stop> {
    let encoding = args.compress.0;
    run(
        &paths::expand(&args.paths, report)?,
        &args.output,
        encoding,
        &args.key.options(false)?,
        report,
    )
}

pub(crate) fn repair(args: &RepairArgs, report: &Report) -> Result<(), Stop> {
    if args.path.is_dir() {
        return Err(Stop::Usage(format!(
            "{}: is a directory: repair its files one by one",
            args.path.display()
        )));
    }
    run(
        &paths::expand(std::slice::from_ref(&args.path), report)?,
        &args.output,
        None,
        &args.key.options(true)?,
        report,
    )
}

/// `None`: the encoding of the first input is kept.
///
/// Long: the steps of the command in order.
fn run(
    inputs: &[Input],
    output: &Path,
    encoding: Option<Encoding>,
    options: &OpenOptions,
    report: &Report,
) -> Result<(), Stop> {
    paths::refuse_as_output(inputs.iter().map(Input::origin), output)?;
    // The new file gets its encoding and ident from the first file that can be opened.
    let Some(first) = inputs.iter().find_map(|input| input.open(options).ok()) else {
        for input in inputs {
            input
                .open(options)
                .err()
                .iter()
                .for_each(|error| report.damage(error));
        }
        report.nothing_read();
        return Ok(());
    };

    let mut target = Target::open(file_named(output))?;
    let failed = |error: std::io::Error| Stop::failed(format!("{}: {error}", output.display()));
    let header = first.header();
    let encoding = encoding.unwrap_or(Encoding {
        compression: header.compression,
        level: None,
    });
    let out = target.seekable().ok_or_else(|| {
        Stop::failed(format!(
            "{}: an nfcapd file cannot be written to a pipe or device: its header is written last",
            output.display()
        ))
    })?;
    let writer = Writer::new(out, encoding, first.ident(), header.created).map_err(failed)?;
    let scan = Scan::new(inputs.iter().map(Input::scan_input))
        .open_with(options.clone())
        .read_all(true);
    let rewriting = Rewriting {
        reports_unfinished: !options.is_partial(),
        output,
        report,
        _out: PhantomData,
    };
    let tally = Written {
        writer,
        numbers: None,
        account: Account::default(),
        flows: 0,
        stop: None,
    };
    let (_, tally, _) = scan.run(&rewriting, tally);
    if let Some(stop) = tally.stop {
        return Err(stop);
    }
    let (writer, mut written) = (tally.writer, tally.flows);
    let left_out = writer.left_out();
    if left_out != 0 {
        report.damage(format!(
            "{}: {left_out} flows are too large for a record and are left out",
            output.display()
        ));
    }
    written -= left_out.min(written);
    let exporters = writer.exporters_left_out();
    if exporters != 0 {
        report.damage(format!(
            "{}: {exporters} exporters are left out, since there are more than 65535",
            output.display()
        ));
    }
    let reduced = writer.reduced();
    writer.finish().map_err(failed)?;
    target.finish()?;
    report.note(format!("{}: {written} flows written", output.display()));
    if reduced != 0 {
        report.note(format!(
            "{}: {reduced} of them without values that layout 2 cannot store",
            output.display()
        ));
    }
    Ok(())
}

/// Writes the blocks of a scan to one file.
struct Rewriting<'a, W> {
    reports_unfinished: bool,
    output: &'a Path,
    report: &'a Report,
    _out: PhantomData<fn(W)>,
}

/// Totals of the written file.
struct Written<W: Write + Seek> {
    writer: Writer<W>,
    /// The new numbers of the current file's exporters.
    numbers: Option<SysidMap>,
    account: Account,
    flows: u64,
    stop: Option<Stop>,
}

impl<W: Write + Seek + Send> Work for Rewriting<'_, W> {
    type Worker = ();
    type Tally = Written<W>;

    fn worker(&self) {}

    fn work(
        &self,
        (): &mut (),
        parts: Vec<Part>,
        lane: &mut Lane<'_, Written<W>>,
    ) -> Result<(), Stopped> {
        for part in parts {
            lane.in_turn(|written| match self.write(written, &part) {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => {
                    written.stop = Some(stop);
                    ControlFlow::Break(())
                }
            })?;
        }
        Ok(())
    }
}

impl<W: Write + Seek> Rewriting<'_, W> {
    fn write(&self, written: &mut Written<W>, part: &Part) -> Result<(), Stop> {
        interrupt::check()?;
        let failed = |error| Stop::failed(format!("{}: {error}", self.output.display()));
        match part {
            Part::Start(found) => {
                let file = found.file();
                written.account = Account::of(self.report, file);
                if self.reports_unfinished {
                    written.account.tell_unfinished(self.report, file);
                }
                let names = file.names();
                if let Some(error) = names.unread() {
                    written.account.damage(self.report, error);
                }
                account::samplers_left_out(self.report, file, &names);
                let numbers = written.writer.write_names(&names, file).map_err(failed)?;
                written.numbers = Some(numbers);
            }
            Part::Block(found) => {
                let block = found.block();
                if let Some(numbers) = &written.numbers {
                    written.writer.write_block(block, numbers).map_err(failed)?;
                }
                written.flows += block.len() as u64;
                written.account.see(self.report, part);
            }
            _ => written.account.see(self.report, part),
        }
        Ok(())
    }
}
