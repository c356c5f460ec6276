//! From nfcapd files to typed columns: Arrow IPC, Parquet, and directories of Parquet files.
//!
//! Blocks are decoded and encoded on several threads, a few at a time; what comes out is written in
//! the order of files and blocks, so that it is the same for any number of threads. What a form
//! does with its pieces is in a [`Sink`] of its own.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nfdecode::columns::{Labels, Projection, Rows};
use nfdecode::scan::{self, Lane, Stages, Stopped};
use nfdecode::{Error, File, OpenOptions};

use crate::args::slot::Slot;
use crate::args::{Format, OutputArgs};
use crate::input::select::Selection;
use crate::run::account::{Account, State};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::arrow_ipc::Ipc;
use crate::sink::output::{Fault, GroupShape, Out, Sink};
use crate::sink::parquet::{OneFile, finish};
use crate::sink::partition::{Directory, Origin, Settings};
use crate::sink::target::Target;
use crate::sink::text::{Item, LoadedBlock, Open, Printed, Source, items_of};

/// Files that a group has parts of at most: all of them are open at the same time.
const FILES_MAX: usize = 16;
/// Threads for Parquet if nobody says how many: each holds the blocks of a row group.
const PARQUET_THREADS: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

/// What to make of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Arrow IPC: a file, or a stream on standard output.
    Arrow,
    /// Parquet: one file, or a directory with one for each input and slot of time.
    Parquet {
        partition_by: Option<Slot>,
        bloom: bool,
    },
}

impl Form {
    /// What the arguments ask for; `None` if that is no form with columns.
    pub(crate) fn of(args: &OutputArgs) -> Result<Option<Self>, Stop> {
        let is_parquet = args.format == Some(Format::Parquet);
        if !is_parquet && (args.bloom || args.partition_by.is_some()) {
            return Err(Stop::Usage(
                "--bloom and --partition-by go with -f parquet only".to_owned(),
            ));
        }
        Ok(match args.format {
            Some(Format::Arrow) => Some(Self::Arrow),
            Some(Format::Parquet) => Some(Self::Parquet {
                partition_by: args.partition_by,
                bloom: args.bloom,
            }),
            _ => None,
        })
    }

    /// Whether later runs know what was written.
    pub(crate) fn is_remembered(self) -> bool {
        matches!(
            self,
            Self::Parquet {
                partition_by: Some(_),
                ..
            }
        )
    }

    /// The columns that the arguments ask for, if they do.
    pub(crate) fn columns(args: &OutputArgs) -> Result<Option<Projection>, Stop> {
        let columns = args.fields.as_deref().map(|names| {
            Projection::from_names(names.split(',').map(str::trim))
                .map_err(|error| Stop::Usage(format!("--fields: {error}")))
        });
        columns.transpose()
    }

    /// Opens what it goes to; `None` is standard output.
    pub(crate) fn open(self, output: Option<&Path>) -> Result<Output<'_>, Stop> {
        use std::io::IsTerminal as _;
        if let Self::Parquet {
            partition_by: Some(slot),
            bloom,
        } = self
        {
            let path = output.ok_or_else(|| {
                Stop::Usage("--partition-by needs a directory: -o DIR".to_owned())
            })?;
            return Ok(Output::Directory { path, slot, bloom });
        }
        if output.is_none() && io::stdout().is_terminal() {
            return Err(Stop::Usage(
                "this form is not for terminals: give a file with -o, or redirect".to_owned(),
            ));
        }
        let target = Target::open(output)?;
        Ok(match self {
            Self::Arrow => Output::Arrow(target),
            Self::Parquet { bloom, .. } => Output::Parquet { target, bloom },
        })
    }

    /// How many threads suit it.
    pub(crate) fn threads(self, wanted: Option<NonZeroUsize>) -> NonZeroUsize {
        let threads = env::threads(wanted);
        match (self, wanted) {
            (Self::Parquet { .. }, None) => threads.min(PARQUET_THREADS),
            _ => threads,
        }
    }
}

/// What a directory cannot remember: it has no name by which it would be known again.
pub(crate) fn no_file(name: &str) -> Stop {
    Stop::Usage(format!(
        "--partition-by needs files: {name} cannot be told apart from others"
    ))
}

/// Where columns go.
pub(crate) enum Output<'a> {
    Arrow(Target),
    Parquet {
        target: Target,
        bloom: bool,
    },
    /// A directory of Parquet files, one for each input and slot of time.
    Directory {
        path: &'a Path,
        slot: Slot,
        bloom: bool,
    },
}

/// How to write columns.
pub(crate) struct ColumnWriter<'a> {
    /// Which columns; without, those that have values.
    pub(crate) columns: Option<Projection>,
    /// A column with the name of each flow's file.
    pub(crate) with_file: bool,
    /// Which flows.
    pub(crate) selection: Selection,
    /// Flows to write at most.
    pub(crate) limit: Option<u64>,
    pub(crate) threads: NonZeroUsize,
    /// A file that cannot be opened ends the run; otherwise it is reported and passed over.
    pub(crate) all_must_open: bool,
    /// How to open files.
    pub(crate) options: OpenOptions,
    /// What the files were made from, if they are not what the user named.
    pub(crate) origin: Option<Origin<'a>>,
    pub(crate) report: &'a Report,
}

type FileDone<'a> = &'a mut (dyn FnMut(&Source) -> Result<(), Stop> + Send);

impl ColumnWriter<'_> {
    /// Writes the flows of all sources to `output`. Damage is reported and passed
    /// over. `progress` is told of bytes read, `file_done` of each file that has been written.
    pub(crate) fn write(
        &self,
        sources: Vec<Source>,
        output: Output<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        file_done: FileDone<'_>,
    ) -> Result<Printed, Stop> {
        match output {
            Output::Arrow(target) => {
                let is_file = target.is_named();
                let (out, fault) = Out::new(target);
                let columns = self.choose(&sources)?;
                let labels = self.labels(&sources, &columns);
                let sink = Ipc::new(columns, labels);
                let writer = sink.begin(out, is_file)?;
                let (writer, ended) = self.run(&sink, writer, sources, progress, file_done);
                let written = ended.and_then(|printed| Ok((printed, writer.finish()?)));
                self.close(fault.explain(written)?)
            }
            Output::Parquet { target, bloom } => {
                let (out, fault) = Out::new(target);
                let columns = self.choose(&sources)?;
                let names: Vec<_> = sources.iter().map(|source| source.name.clone()).collect();
                let sink = OneFile::new(&columns, bloom)?;
                let writer = sink.begin(out)?;
                let (writer, ended) = self.run(&sink, writer, sources, progress, file_done);
                let written = ended.and_then(|printed| Ok((printed, finish(writer, &names)?)));
                self.close(fault.explain(written)?)
            }
            Output::Directory { path, slot, bloom } => {
                if self.limit.is_some() {
                    return Err(Stop::Usage(
                        "--partition-by writes whole files: it does not go with --limit".to_owned(),
                    ));
                }
                let columns = self.columns.clone().unwrap_or_default();
                let columns = self.with_file_column(columns)?;
                if let Some(source) = sources.iter().find(|source| source.copied_from.is_some()) {
                    return Err(no_file(&source.name));
                }
                let settings = Settings {
                    columns: &columns,
                    slot,
                    bloom,
                    selection: &self.selection,
                    salvage: self.options.is_partial(),
                };
                let sink = Directory::new(path, &settings)?;
                let names = || sources.iter().map(|source| source.name.clone()).collect();
                let capture: Option<(_, HashSet<_>)> =
                    self.origin.map(|(capture, _)| (capture, names()));
                let (wanted, known) = sink.not_yet_written(sources, self.origin, self.report);
                let (_, ended) = self.run(&sink, sink.begin(), wanted, progress, file_done);
                let mut printed = ended?;
                if let Some((capture, names)) = &capture {
                    sink.keep_only(capture, names)?;
                }
                printed.passed_over = known;
                if known != 0 {
                    let directory = path.display();
                    self.report.note(format!(
                        "{known} files had been written to {directory} before"
                    ));
                }
                if printed.files == 0 && printed.refused != 0 && known == 0 {
                    self.report.nothing_read();
                }
                Ok(printed)
            }
        }
    }

    /// Makes the output visible, unless there is nothing to show.
    fn close(&self, (printed, out): (Printed, Out)) -> Result<Printed, Stop> {
        if printed.files == 0 && printed.refused != 0 {
            self.report.nothing_read();
            if out.target().is_named() {
                // A file is for results; standard output has got an empty but valid document.
                return Ok(printed);
            }
        }
        out.into_target().finish()?;
        Ok(printed)
    }

    fn with_file_column(&self, columns: Projection) -> Result<Projection, Stop> {
        if !self.with_file || columns.contains("file") {
            return Ok(columns);
        }
        let names = columns.columns().iter().map(|column| column.name());
        Projection::from_names(std::iter::once("file").chain(names)).map_err(Stop::failed)
    }

    /// The columns that were asked for, or those of the standard ones that have values. To know
    /// which these are, files are read until all flows have been seen that can be written; that is quick
    /// compared to what follows.
    fn choose(&self, sources: &[Source]) -> Result<Projection, Stop> {
        let columns = match &self.columns {
            Some(columns) => columns.clone(),
            None => {
                let (mut elements, mut flows) = (0, 0_u64);
                // Which flows a filter selects is not known yet.
                let limit = self.limit.filter(|_| self.selection.filter.is_none());
                for source in sources {
                    interrupt::check()?;
                    let Some(file) = self.look_into(source) else {
                        continue;
                    };
                    if !self.selection.may_select(&file) {
                        continue;
                    }
                    scan::map_blocks(
                        &file,
                        self.threads,
                        |block| block.map(|block| (block.elements(), block.len() as u64)),
                        |found| {
                            match found {
                                Ok((found, count)) => {
                                    elements |= found;
                                    flows = flows.saturating_add(count);
                                }
                                Err(error) => self.tell_unread(&error),
                            }
                            let enough = limit.is_some_and(|limit| flows >= limit);
                            if enough || interrupt::interrupted() {
                                ControlFlow::Break(())
                            } else {
                                ControlFlow::Continue(())
                            }
                        },
                    );
                    if limit.is_some_and(|limit| flows >= limit) {
                        break;
                    }
                }
                Projection::standard().filled_by(elements)
            }
        };
        self.with_file_column(columns)
    }

    /// Opens a file before it is its turn.
    fn look_into(&self, source: &Source) -> Option<File> {
        let file = source.open(&self.options);
        file.map_err(|error| self.tell_unread(&error)).ok()
    }

    /// What is wrong with a file is told when it is its turn. But what cannot be read now may be readable then,
    /// and nobody would know why something is missing.
    fn tell_unread(&self, error: &Error) {
        if error.is_transient() {
            self.report.damage(error);
        }
    }

    /// Names and idents of all files, if they are asked for: a dictionary of an Arrow file cannot
    /// change once it is written.
    fn labels(
        &self,
        sources: &[Source],
        columns: &Projection,
    ) -> Option<(Labels, HashMap<String, u32>)> {
        if !columns.contains("file") && !columns.contains("ident") {
            return None;
        }
        let idents: Vec<Option<Vec<u8>>> = sources
            .iter()
            .map(|source| self.look_into(source)?.ident().map(<[u8]>::to_vec))
            .collect();
        let names = sources.iter().map(|source| source.name.as_str());
        let labels = Labels::from_files(names.clone().zip(idents.iter().map(Option::as_deref)));
        let numbers = names.map(str::to_owned).zip(0..).collect();
        Some((labels, numbers))
    }

    fn run<S: Sink>(
        &self,
        sink: &S,
        out: S::Out,
        sources: Vec<Source>,
        progress: &mut (dyn FnMut(u64) + Send),
        file_done: FileDone<'_>,
    ) -> (S::Out, Result<Printed, Stop>) {
        // Without flows to write no file needs to be opened.
        let wanted = if self.limit == Some(0) { 0 } else { usize::MAX };
        let gave_up = AtomicBool::new(false);
        let tally = Tally {
            printed: Printed::default(),
            records: 0,
            left: self.limit.unwrap_or(u64::MAX),
            account: Account::default(),
            stop: None,
            out,
            gave_up: &gave_up,
            progress,
            file_done,
        };
        let sources = sources.into_iter().take(wanted);
        let groups = Groups {
            items: sources
                .flat_map(|source| items_of(source, &self.options, &self.selection, None))
                .peekable(),
            shape: sink.groups(),
        };
        let writing = Writing { writer: self, sink };
        let (tally, _) = scan::run(&writing, self.threads, groups, tally);
        let ended = match tally.stop {
            Some(stop) => Err(stop),
            None => Ok(tally.printed),
        };
        (tally.out, ended)
    }
}

/// Parts of files, put together.
struct Groups<I: Iterator<Item = Item>> {
    items: std::iter::Peekable<I>,
    shape: GroupShape,
}

impl<I: Iterator<Item = Item>> Iterator for Groups<I> {
    type Item = Vec<Item>;

    fn next(&mut self) -> Option<Vec<Item>> {
        let (mut flows, mut blocks, mut files) = (0_u64, 0, 0);
        let mut group = Vec::new();
        while flows < self.shape.flows && blocks < self.shape.blocks && files < FILES_MAX {
            let Some(item) = self.items.next() else { break };
            let is_end = matches!(item, Item::End(_));
            match &item {
                Item::Block(_, found) => {
                    flows = flows.saturating_add(found.announced_records().into());
                    blocks += 1;
                }
                Item::Start(_) | Item::Gap(_) | Item::Refused(_) => files += 1,
                Item::End(_) => {}
            }
            group.push(item);
            if is_end && self.shape.one_file {
                break;
            }
        }
        (!group.is_empty()).then_some(group)
    }
}

/// A part of a group.
enum Part {
    Start(Arc<Open>),
    Block(Box<LoadedBlock>),
    Gap(Error),
    /// Whether the file was read to its end, rather than to the last flow that may be written.
    End(Arc<Open>, bool),
    Refused(Error),
}

/// What has to happen in order.
struct Tally<'a, O> {
    printed: Printed,
    /// Records of all kinds so far.
    records: u64,
    /// Flows that may still be written.
    left: u64,
    /// What the current file turns out to hold.
    account: Account,
    /// Why the run ends early.
    stop: Option<Stop>,
    out: O,
    gave_up: &'a AtomicBool,
    progress: &'a mut (dyn FnMut(u64) + Send),
    file_done: FileDone<'a>,
}

struct Writing<'a, S> {
    writer: &'a ColumnWriter<'a>,
    sink: &'a S,
}

impl<'a, S: Sink> Stages for Writing<'a, S> {
    type Item = Vec<Item>;
    type Loaded = Vec<Part>;
    type Worker = S::Worker;
    type Tally = Tally<'a, S::Out>;

    fn worker(&self) -> S::Worker {
        self.sink.worker()
    }

    fn load(&self, group: Vec<Item>) -> Vec<Part> {
        let load = |item| match item {
            Item::Start(open) => Part::Start(open),
            Item::Block(open, found) => {
                let loaded = LoadedBlock::load(open, found, &self.writer.selection);
                Part::Block(Box::new(loaded))
            }
            Item::Gap(error) => Part::Gap(error),
            Item::End(open) => Part::End(open, false),
            Item::Refused(error) => Part::Refused(error),
        };
        group.into_iter().map(load).collect()
    }

    fn number(&self, group: &mut Vec<Part>, tally: &mut Self::Tally) -> ControlFlow<()> {
        for part in &mut *group {
            match part {
                Part::Start(_) => tally.printed.files += 1,
                Part::Block(loaded) => {
                    if self.writer.selection.counts_records() {
                        // Only here it is known how many records there are before.
                        loaded.select(&self.writer.selection, tally.records);
                    }
                    if let Ok(block) = &loaded.block {
                        tally.records += loaded.records_in(block);
                        tally.printed.read += block.len() as u64;
                    }
                    loaded.take = loaded.wanted().min(tally.left);
                    tally.left -= loaded.take;
                    tally.printed.flows += loaded.take;
                }
                Part::Refused(_) => tally.printed.refused += 1,
                Part::End(open, whole) => *whole = tally.left != 0 && !open.passed_over,
                Part::Gap(_) => {}
            }
        }
        if tally.left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn work(
        &self,
        worker: &mut S::Worker,
        group: Vec<Part>,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> Result<(), Stopped> {
        let mut files: Vec<Arc<Open>> = Vec::new();
        let mut rows = Rows::new();
        for part in &group {
            let Part::Block(loaded) = part else { continue };
            if files
                .last()
                .is_none_or(|last| !Arc::ptr_eq(last, &loaded.open))
            {
                files.push(Arc::clone(&loaded.open));
            }
            if let Ok(block) = &loaded.block {
                let most = usize::try_from(loaded.take).unwrap_or(usize::MAX);
                rows.add(
                    block,
                    files.len() as u32 - 1,
                    loaded.selected.as_deref(),
                    most,
                );
            }
        }
        let mut piece = (rows.len() != 0).then(|| self.sink.make(worker, rows, &files));
        drop(files);
        lane.in_turn(|tally| {
            let mut result = interrupt::check();
            for part in &group {
                result = result.and_then(|()| {
                    if matches!(part, Part::End(..)) {
                        self.hand_over(tally, piece.take())?;
                    }
                    self.account(tally, part)
                });
            }
            match result.and_then(|()| self.hand_over(tally, piece.take())) {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => {
                    tally.stop.get_or_insert(stop);
                    tally.gave_up.store(true, Ordering::Relaxed);
                    ControlFlow::Break(())
                }
            }
        })
    }
}

impl<S: Sink> Writing<'_, S> {
    fn hand_over(
        &self,
        tally: &mut Tally<'_, S::Out>,
        piece: Option<Result<S::Piece, Stop>>,
    ) -> Result<(), Stop> {
        piece.map_or(Ok(()), |piece| self.sink.write(&mut tally.out, piece?))
    }

    /// Counts and reports a part.
    fn account(&self, tally: &mut Tally<'_, S::Out>, part: &Part) -> Result<(), Stop> {
        let report = self.writer.report;
        match part {
            Part::Start(open) => {
                tally.account = Account::of(report, &open.file);
                tally.account.tell_unfinished(report, &open.file);
            }
            Part::Block(loaded) => {
                (tally.progress)(loaded.found.stored_size().into());
                let damage = match &loaded.block {
                    Ok(block) => {
                        tally.account.block(block.len() as u64, block.flow_count());
                        block.damage()
                    }
                    Err(error) => Some(error),
                };
                if let Some(damage) = damage {
                    tally.account.damage(report, damage);
                }
            }
            Part::Refused(error) if self.writer.all_must_open => return Err(Stop::failed(error)),
            Part::Gap(error) => tally.account.damage(report, error),
            Part::Refused(error) => report.damage(error),
            Part::End(open, whole) => {
                let state = match whole {
                    true => tally.account.close(report, &open.file),
                    false => tally.account.state(),
                };
                self.sink.end_file(&mut tally.out, open, state)?;
                (tally.file_done)(&open.source)?;
            }
        }
        interrupt::check()
    }
}
