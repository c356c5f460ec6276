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
use crate::input::paths::{Input, Unfinished};
use crate::input::select::{self, Selection};
use crate::run::account::{self, Account};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::{Report, plural};
use crate::run::stop::Stop;
use crate::sink::target::Target;

pub(crate) fn rewrite(args: &RewriteArgs, report: &Report) -> Result<(), Stop> {
    let zone = env::zone_of(args.tz.as_deref(), args.utc)?;
    let (paths, operand) = select::take_filter(&args.paths)?;
    let selection = Selection::new(&args.select, &zone, operand)?;
    if args.select.count {
        return Err(Stop::Usage(
            "--count goes with `nfdecode read` only".to_owned(),
        ));
    }
    if args.select.explain {
        return env::print(select::explain(&selection).as_bytes());
    }
    if paths.is_empty() {
        return Err(Stop::Usage(
            "a filter is given, but no file: name a file or directory".to_owned(),
        ));
    }
    let inputs = paths::expand(paths, Unfinished::Skipped, report)?;
    let scan = selection.scan(inputs.iter().map(Input::scan_input));
    let job = Job {
        scan: match args.limit {
            Some(limit) => scan.limit(limit),
            None => scan,
        },
        inputs: &inputs,
        output: &args.output,
        encoding: args.compress.0,
        options: args.key.options(false)?,
    };
    run(job, report)
}

pub(crate) fn repair(args: &RepairArgs, report: &Report) -> Result<(), Stop> {
    if args.path.is_dir() {
        return Err(Stop::Usage(format!(
            "{}: is a directory: repair its files one by one",
            args.path.display()
        )));
    }
    report.salvaging(true);
    let inputs = paths::expand(
        std::slice::from_ref(&args.path),
        Unfinished::Included,
        report,
    )?;
    let job = Job {
        scan: Scan::new(inputs.iter().map(Input::scan_input)).read_all(true),
        inputs: &inputs,
        output: &args.output,
        encoding: None,
        options: args.key.options(true)?,
    };
    run(job, report)
}

/// What is written, and where.
struct Job<'a> {
    /// The selected flows of the inputs.
    scan: Scan,
    inputs: &'a [Input],
    output: &'a Path,
    /// `None`: the encoding of the first input is kept.
    encoding: Option<Encoding>,
    options: OpenOptions,
}

/// Long: the steps of the command in order.
fn run(job: Job<'_>, report: &Report) -> Result<(), Stop> {
    let Job {
        scan,
        inputs,
        output,
        encoding,
        options,
    } = job;
    paths::refuse_as_output(inputs.iter().map(Input::origin), output)?;
    // The new file gets its encoding and ident from the first file that can be opened.
    let Some(first) = inputs.iter().find_map(|input| input.open(&options).ok()) else {
        for input in inputs {
            input
                .open(&options)
                .err()
                .iter()
                .for_each(|error| account::report_refused(report, error));
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
    let scan = scan.open_with(options.clone());
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
    report.note(format!(
        "{}: {} written",
        output.display(),
        plural(written, "flow")
    ));
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
                if let Some(numbers) = &written.numbers {
                    written
                        .writer
                        .write_scanned(found, numbers)
                        .map_err(failed)?;
                }
                written.flows += found.len() as u64;
                written.account.see(self.report, part);
            }
            _ => written.account.see(self.report, part),
        }
        Ok(())
    }
}
