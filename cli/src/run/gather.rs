//! Flows of all inputs into something that threads count with.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nfdecode::Scan;
use nfdecode::scan::{Lane, Part, ScanBlock, ScanInput, Stopped, Totals, Work};
use nfdecode::value::Zone;

use crate::args::ProgressMode;
use crate::args::answer::{AnswerArgs, SourceArgs};
use crate::args::file_named;
use crate::input::paths::{self, Input, Unfinished};
use crate::input::select::{self, Selection};
use crate::run::account::{self, Account};
use crate::run::env;
use crate::run::interrupt;
use crate::run::progress::Progress;
use crate::run::report::Report;
use crate::run::stop::Stop;

/// What is read.
pub(crate) struct Source {
    pub(crate) scan: Scan,
    /// Files that only exist while this does.
    _inputs: Vec<Input>,
    progress: ProgressMode,
}

/// How it is read.
pub(crate) struct Gather<'a> {
    /// The output, which must not be an input.
    pub(crate) output: Option<&'a Path>,
    pub(crate) jobs: Option<NonZeroUsize>,
    pub(crate) memory: Option<u64>,
    pub(crate) progress: ProgressMode,
}

impl<'a> From<&'a AnswerArgs> for Gather<'a> {
    fn from(args: &'a AnswerArgs) -> Self {
        Self {
            output: args.output.as_deref(),
            jobs: args.jobs,
            memory: args.memory,
            progress: args.progress,
        }
    }
}

/// The flows that the arguments select; `None` if they only ask how the filter is understood.
pub(crate) fn source(
    args: &SourceArgs,
    paths: &[PathBuf],
    gather: &Gather<'_>,
    zone: &Zone,
    report: &Report,
) -> Result<Option<Source>, Stop> {
    let options = args.key.options(args.salvage)?;
    let (paths, operand) = select::take_filter(paths)?;
    let selection = Selection::new(&args.select, zone, operand)?.reading_all(args.salvage);
    if args.select.count {
        return Err(Stop::Usage(
            "--count goes with `nfdecode read` only".to_owned(),
        ));
    }
    if args.select.explain {
        env::print(select::explain(&selection).as_bytes())?;
        return Ok(None);
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
    if let Some(output) = gather.output.and_then(file_named) {
        paths::refuse_as_output(inputs.iter().map(Input::origin), output)?;
    }
    let threads: NonZeroUsize = env::threads(gather.jobs);
    let scan = selection
        .scan(inputs.iter().map(Input::scan_input))
        .open_with(options)
        .threads(threads);
    let scan = match args.limit {
        Some(limit) => scan.limit(limit),
        None => scan,
    };
    let scan = match gather.memory {
        Some(bytes) => scan.memory(bytes),
        None => scan,
    };
    Ok(Some(Source {
        scan,
        _inputs: inputs,
        progress: gather.progress,
    }))
}

impl Source {
    /// Calls `add` with each block on some thread, and with what `make` made for that thread. Reports damage in
    /// the order of files.
    pub(crate) fn run<W>(
        &self,
        make: impl Fn() -> W + Sync,
        add: impl Fn(&mut W, &ScanBlock) + Sync,
        report: &Report,
    ) -> Result<Totals, Stop> {
        self.run_seeing(make, add, |_| Ok(()), report)
    }

    /// As [`run`](Self::run), and calls `see` with each part of the files in order.
    pub(crate) fn run_seeing<W>(
        &self,
        make: impl Fn() -> W + Sync,
        add: impl Fn(&mut W, &ScanBlock) + Sync,
        see: impl Fn(&Part) -> Result<(), Stop> + Sync,
        report: &Report,
    ) -> Result<Totals, Stop> {
        let size = |input: &ScanInput| {
            let metadata = input.as_path().and_then(|path: &Path| path.metadata().ok());
            metadata.map_or(0, |found| found.len())
        };
        // Sparse files may claim any size.
        let total = self.scan.inputs().map(size).fold(0, u64::saturating_add);
        let progress = Progress::new(self.progress, total, "reading", report);
        let gathering = Gathering {
            make,
            add,
            see,
            report,
        };
        let inputs: Vec<_> = self.scan.inputs().cloned().collect();
        gathering.run(&self.scan, inputs.into_iter(), progress)
    }
}

/// As [`Source::run_seeing`] for inputs that appear meanwhile. Shows no progress.
pub(crate) fn run_over<W>(
    scan: &Scan,
    inputs: impl Iterator<Item = ScanInput> + Send,
    (make, add): (impl Fn() -> W + Sync, impl Fn(&mut W, &ScanBlock) + Sync),
    see: impl Fn(&Part) -> Result<(), Stop> + Sync,
    report: &Report,
) -> Result<Totals, Stop> {
    let gathering = Gathering {
        make,
        add,
        see,
        report,
    };
    let progress = Progress::hidden();
    gathering.run(scan, inputs, progress)
}

struct Gathering<'r, M, A, S> {
    make: M,
    add: A,
    see: S,
    report: &'r Report,
}

struct Tally {
    account: Account,
    progress: Progress,
    done: u64,
    stop: Option<Stop>,
}

impl<W, M, A, S> Gathering<'_, M, A, S>
where
    M: Fn() -> W + Sync,
    A: Fn(&mut W, &ScanBlock) + Sync,
    S: Fn(&Part) -> Result<(), Stop> + Sync,
{
    fn run(
        &self,
        scan: &Scan,
        inputs: impl Iterator<Item = ScanInput> + Send,
        progress: Progress,
    ) -> Result<Totals, Stop> {
        let tally = Tally {
            account: Account::default(),
            progress,
            done: 0,
            stop: None,
        };
        let (totals, tally, _) = scan.run_over(inputs, self, tally);
        match tally.stop {
            Some(stop) => Err(stop),
            None => Ok(totals),
        }
    }
}

impl<W, M, A, S> Work for Gathering<'_, M, A, S>
where
    M: Fn() -> W + Sync,
    A: Fn(&mut W, &ScanBlock) + Sync,
    S: Fn(&Part) -> Result<(), Stop> + Sync,
{
    type Worker = W;
    type Tally = Tally;

    fn worker(&self) -> W {
        (self.make)()
    }

    fn work(
        &self,
        worker: &mut W,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally>,
    ) -> Result<(), Stopped> {
        for part in parts {
            if let Part::Block(block) = &part {
                (self.add)(worker, block);
            }
            lane.in_turn(|tally| {
                tally.account.see(self.report, &part);
                let seen = (self.see)(&part);
                tally.done += account::stored_size(&part);
                tally.progress.set(tally.done);
                match seen.and_then(|()| interrupt::check()) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(stop) => {
                        tally.stop.get_or_insert(stop);
                        ControlFlow::Break(())
                    }
                }
            })?;
        }
        Ok(())
    }
}
