//! From nfcapd files to typed columns: Arrow IPC, Parquet, and directories of Parquet files.
//!
//! Blocks are decoded and encoded on several threads, a few at a time; the results are written in
//! the order of files and blocks, so that output is the same for any number of threads. What a format
//! does with its pieces is in a separate [`Sink`]; flows of small blocks are joined before ([`Small`]).

use std::collections::{HashMap, HashSet};
use std::io::{self};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use nfdecode::columns::{Labels, Projection, Rows};
use nfdecode::scan::{Grouping, Lane, OnDamage, Part, ScanFile, ScanInput, Stopped, Work};
use nfdecode::{Error, File, Scan};

use crate::args::slot::Slot;
use crate::args::{Addresses, Format, OutputArgs};
use crate::run::account::{self, Account};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::arrow_ipc::Ipc;
use crate::sink::output::{Out, Sink};
use crate::sink::parquet::{OneFile, Stored, finish};
use crate::sink::partition::{Directory, Origin, Settings};
use crate::sink::small::Small;
use crate::sink::target::Target;
use crate::sink::text::Printed;

/// Default number of threads for Parquet: each holds the blocks of a row group.
const PARQUET_THREADS: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Arrow IPC: a file, or a stream on standard output.
    Arrow { text: bool },
    /// Parquet: one file, or a directory with one for each input and slot of time.
    Parquet {
        partition_by: Option<Slot>,
        stored: Stored,
    },
}

impl Form {
    /// The format that the arguments request; `None` if it has no columns.
    pub(crate) fn of(args: &OutputArgs) -> Result<Option<Self>, Stop> {
        let is_parquet = args.format == Some(Format::Parquet);
        if !is_parquet && (args.bloom || args.partition_by.is_some()) {
            return Err(Stop::Usage(
                "--bloom and --partition-by need -f parquet".to_owned(),
            ));
        }
        let text = args.addresses == Some(Addresses::Text);
        if args.addresses.is_some() && !is_parquet && args.format != Some(Format::Arrow) {
            return Err(Stop::Usage(
                "--addresses needs -f arrow or parquet: the other formats have text".to_owned(),
            ));
        }
        Ok(match args.format {
            Some(Format::Arrow) => Some(Self::Arrow { text }),
            Some(Format::Parquet) => Some(Self::Parquet {
                partition_by: args.partition_by,
                stored: Stored {
                    bloom: args.bloom,
                    text,
                },
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

    /// The columns that the arguments request, if any.
    pub(crate) fn columns(args: &OutputArgs) -> Result<Option<Projection>, Stop> {
        let columns = args.fields.as_deref().map(|names| {
            Projection::from_names(names.split(',').map(str::trim))
                .map_err(|error| Stop::Usage(format!("--fields: {error}")))
        });
        columns.transpose()
    }

    /// Opens the destination; `None` is standard output.
    pub(crate) fn open(self, output: Option<&Path>) -> Result<Output<'_>, Stop> {
        use std::io::IsTerminal as _;
        if let Self::Parquet {
            partition_by: Some(slot),
            stored,
        } = self
        {
            let path = output.ok_or_else(|| {
                Stop::Usage("--partition-by needs a directory: -o DIR".to_owned())
            })?;
            return Ok(Output::Directory {
                path,
                slot,
                stored,
                is_durable: false,
            });
        }
        if output.is_none() && io::stdout().is_terminal() {
            return Err(Stop::Usage(
                "not writing binary data to a terminal; use -o FILE or redirect".to_owned(),
            ));
        }
        let target = Target::open(output)?;
        Ok(match self {
            Self::Arrow { text } => Output::Arrow { target, text },
            Self::Parquet { stored, .. } => Output::Parquet { target, stored },
        })
    }

    /// The suitable number of threads.
    pub(crate) fn threads(self, wanted: Option<NonZeroUsize>) -> NonZeroUsize {
        let threads = env::threads(wanted);
        match (self, wanted) {
            (Self::Parquet { .. }, None) => threads.min(PARQUET_THREADS),
            _ => threads,
        }
    }
}

/// The error for inputs that a directory cannot record: without a name they are not recognized in a later run.
pub(crate) fn no_file(name: &str) -> Stop {
    Stop::Usage(format!(
        "--partition-by needs files: {name} has no name that later runs would recognize"
    ))
}

/// The destination of columns.
pub(crate) enum Output<'a> {
    Arrow {
        target: Target,
        text: bool,
    },
    Parquet {
        target: Target,
        stored: Stored,
    },
    /// A directory of Parquet files, one for each input and slot of time.
    Directory {
        path: &'a Path,
        slot: Slot,
        stored: Stored,
        /// Files are on the disk before they are recorded.
        is_durable: bool,
    },
}

/// How to write columns.
pub(crate) struct ColumnWriter<'a> {
    /// The columns; `None`: the standard columns that have values.
    pub(crate) columns: Option<Projection>,
    /// A column with the name of each flow's file.
    pub(crate) with_file: bool,
    /// Which flows of which files, how files are opened, and on how many threads.
    pub(crate) scan: Scan,
    /// The text of the filter, which a directory of partitions records.
    pub(crate) filter: Option<String>,
    /// Maximum flows to write, as in the scan.
    pub(crate) limit: Option<u64>,
    /// A file that cannot be opened ends the run; otherwise it is reported and skipped.
    pub(crate) all_must_open: bool,
    /// What the files were converted from, if they are not what the user named.
    pub(crate) origin: Option<Origin<'a>>,
    pub(crate) report: &'a Report,
}

type FileDone<'a> = &'a mut (dyn FnMut(&ScanInput) -> Result<(), Stop> + Send);

impl ColumnWriter<'_> {
    /// Writes the flows of all sources to `output`. Damage is reported and
    /// skipped. `progress` receives the bytes read, `file_done` each file that has been written.
    ///
    /// Long: one arm for each kind of output.
    pub(crate) fn write(
        &self,
        output: Output<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        file_done: FileDone<'_>,
    ) -> Result<Printed, Stop> {
        match output {
            Output::Arrow { target, text } => {
                let is_file = target.is_named();
                let (out, fault) = Out::new(target);
                let columns = self.choose()?;
                let labels = self.labels(&columns);
                let sink = Ipc::new(columns, labels, text);
                let writer = sink.begin(out, is_file)?;
                let (writer, ended) = self.run(
                    &sink,
                    writer,
                    self.scan.inputs().cloned().collect(),
                    progress,
                    file_done,
                );
                let written = ended.and_then(|printed| Ok((printed, writer.finish()?)));
                self.close(fault.explain(written)?)
            }
            Output::Parquet { target, stored } => {
                let (out, fault) = Out::new(target);
                let columns = self.choose()?;
                let names: Vec<_> = self
                    .scan
                    .inputs()
                    .map(|input| input.name().to_owned())
                    .collect();
                let sink = OneFile::new(&columns, stored)?;
                let writer = sink.begin(out)?;
                let (writer, ended) = self.run(
                    &sink,
                    writer,
                    self.scan.inputs().cloned().collect(),
                    progress,
                    file_done,
                );
                let written = ended.and_then(|printed| Ok((printed, finish(writer, &names)?)));
                self.close(fault.explain(written)?)
            }
            Output::Directory {
                path,
                slot,
                stored,
                is_durable,
            } => {
                if self.limit.is_some() {
                    return Err(Stop::Usage(
                        "--partition-by writes whole files: it cannot be used with --limit"
                            .to_owned(),
                    ));
                }
                let columns = self.columns.clone().unwrap_or_default();
                let columns = self.with_file_column(columns)?;
                let copy = |input: &&ScanInput| input.copied_from().is_some();
                if let Some(input) = self.scan.inputs().find(copy) {
                    return Err(no_file(input.name()));
                }
                let settings = Settings {
                    columns: &columns,
                    slot,
                    stored,
                    filter: self.filter.as_deref(),
                    salvage: self.scan.options().is_partial(),
                    is_durable,
                };
                let sink = Directory::new(path, &settings)?;
                let inputs: Vec<_> = self.scan.inputs().cloned().collect();
                let names = || inputs.iter().map(|input| input.name().to_owned()).collect();
                let capture: Option<(_, HashSet<_>)> =
                    self.origin.map(|(capture, _)| (capture, names()));
                let (wanted, known) = sink.not_yet_written(inputs, self.origin, self.report);
                let (_, ended) = self.run(&sink, sink.begin(), wanted, progress, file_done);
                let mut printed = ended?;
                if let Some((capture, names)) = &capture {
                    sink.keep_only(capture, names)?;
                }
                printed.passed_over = known;
                if known != 0 {
                    let directory = path.display();
                    self.report
                        .note(format!("{known} files were written to {directory} earlier"));
                }
                if printed.totals.files == 0 && printed.totals.refused != 0 && known == 0 {
                    self.report.nothing_read();
                }
                Ok(printed)
            }
        }
    }

    /// Makes the output visible, unless it is empty because of a failure.
    fn close(&self, (printed, out): (Printed, Out)) -> Result<Printed, Stop> {
        if printed.totals.files == 0 && printed.totals.refused != 0 {
            self.report.nothing_read();
            if out.target().is_named() {
                // No file is left after a failure; standard output has an empty but valid document.
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

    /// The requested columns, or the standard ones that have values. To determine
    /// these, files are read until every flow that may be written has been seen; this is quick
    /// compared to writing.
    fn choose(&self) -> Result<Projection, Stop> {
        let columns = match &self.columns {
            Some(columns) => columns.clone(),
            None => {
                let mut elements = 0;
                let seen = self.scan.clone().on_damage(OnDamage::Report);
                seen.map_blocks(
                    |block| block.map(|block| block.block().elements()),
                    |found| {
                        match found {
                            Ok(found) => elements |= found,
                            Err(error) => self.tell_unread(&error),
                        }
                        if interrupt::interrupted() {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        }
                    },
                );
                interrupt::check()?;
                Projection::standard().filled_by(elements)
            }
        };
        self.with_file_column(columns)
    }

    /// Opens a file ahead of its turn.
    fn look_into(&self, input: &ScanInput) -> Option<File> {
        let file = input.open(self.scan.options());
        file.map_err(|error| self.tell_unread(&error)).ok()
    }

    /// Errors of a file are reported when the scan reaches it. A file that is unreadable now may be readable then,
    /// so without a message here missing values would be unexplained.
    fn tell_unread(&self, error: &Error) {
        if error.is_transient() {
            self.report.damage(error);
        }
    }

    /// Names and idents of all files, if requested: a dictionary of an Arrow file cannot
    /// change once it is written.
    fn labels(&self, columns: &Projection) -> Option<(Labels, HashMap<String, u32>)> {
        if !columns.contains("file") && !columns.contains("ident") {
            return None;
        }
        let idents: Vec<Option<Vec<u8>>> = self
            .scan
            .inputs()
            .map(|input| self.look_into(input)?.ident().map(<[u8]>::to_vec))
            .collect();
        let names = || self.scan.inputs().map(ScanInput::name);
        let labels = Labels::from_files(names().zip(idents.iter().map(Option::as_deref)));
        let numbers = names().map(str::to_owned).zip(0..).collect();
        Some((labels, numbers))
    }

    fn run<S: Sink>(
        &self,
        sink: &S,
        out: S::Out,
        inputs: Vec<ScanInput>,
        progress: &mut (dyn FnMut(u64) + Send),
        file_done: FileDone<'_>,
    ) -> (S::Out, Result<Printed, Stop>) {
        let tally = Tally {
            account: Account::default(),
            stop: None,
            out,
            small: Small::default(),
            worker: sink.worker(),
            progress,
            file_done,
        };
        let writing = Writing { writer: self, sink };
        let (totals, mut tally, _) = self.scan.run_over(inputs.into_iter(), &writing, tally);
        let written = match tally.stop.take() {
            Some(stop) => Err(stop),
            None => writing.write_small(&mut tally),
        };
        let ended = written.map(|()| Printed {
            totals,
            passed_over: 0,
        });
        (tally.out, ended)
    }
}

/// State that is updated in order.
struct Tally<'a, S: Sink> {
    /// Findings about the current file.
    account: Account,
    /// The reason why the run ends early.
    stop: Option<Stop>,
    out: S::Out,
    /// Flows that wait for others, so that they are worth being written.
    small: Small,
    /// Makes pieces of these.
    worker: S::Worker,
    progress: &'a mut (dyn FnMut(u64) + Send),
    file_done: FileDone<'a>,
}

struct Writing<'a, S> {
    writer: &'a ColumnWriter<'a>,
    sink: &'a S,
}

impl<'a, S: Sink> Work for Writing<'a, S> {
    type Worker = S::Worker;
    type Tally = Tally<'a, S>;

    fn worker(&self) -> S::Worker {
        self.sink.worker()
    }

    fn grouping(&self) -> Grouping {
        self.sink.groups()
    }

    fn work(
        &self,
        worker: &mut S::Worker,
        group: Vec<Part>,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> Result<(), Stopped> {
        let mut files: Vec<Arc<ScanFile>> = Vec::new();
        let mut rows = Rows::new();
        for part in &group {
            let Part::Block(block) = part else { continue };
            let file = block.file();
            if files.last().is_none_or(|last| !Arc::ptr_eq(last, file)) {
                files.push(Arc::clone(file));
            }
            // A group has parts of few files, see `Grouping`.
            let label = u32::try_from(files.len() - 1).unwrap_or(u32::MAX);
            rows.add(block.block(), label, block.selected(), block.len());
        }
        let mut made = (!rows.is_empty()).then(|| match Small::of(&rows, &files) {
            Some(small) => Made::Small(small),
            None => Made::Piece(self.sink.make(worker, rows, &files)),
        });
        drop(files);
        lane.in_turn(|tally| {
            let mut result = interrupt::check();
            for part in &group {
                result = result.and_then(|()| {
                    if matches!(part, Part::End(..)) {
                        self.hand_over(tally, made.take())?;
                    }
                    self.account(tally, part)
                });
            }
            match result.and_then(|()| self.hand_over(tally, made.take())) {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => {
                    tally.stop.get_or_insert(stop);
                    ControlFlow::Break(())
                }
            }
        })
    }
}

/// What was made of the flows of a group.
enum Made<P> {
    Piece(Result<P, Stop>),
    Small(Small),
}

impl<S: Sink> Writing<'_, S> {
    fn hand_over(
        &self,
        tally: &mut Tally<'_, S>,
        made: Option<Made<S::Piece>>,
    ) -> Result<(), Stop> {
        match made {
            None => Ok(()),
            Some(Made::Small(small)) => {
                tally.small.add(small);
                match tally.small.is_full() {
                    true => self.write_small(tally),
                    false => Ok(()),
                }
            }
            Some(Made::Piece(piece)) => {
                self.write_small(tally)?;
                self.sink.write(&mut tally.out, piece?)
            }
        }
    }

    /// Writes the flows that wait.
    fn write_small(&self, tally: &mut Tally<'_, S>) -> Result<(), Stop> {
        let Some((rows, files)) = tally.small.rows() else {
            return Ok(());
        };
        let piece = self.sink.make(&mut tally.worker, rows, files)?;
        tally.small.clear();
        self.sink.write(&mut tally.out, piece)
    }

    /// Counts and reports a part.
    fn account(&self, tally: &mut Tally<'_, S>, part: &Part) -> Result<(), Stop> {
        if let Part::Refused(error) = part
            && self.writer.all_must_open
        {
            return Err(Stop::failed(error));
        }
        tally.account.see(self.writer.report, part);
        (tally.progress)(account::stored_size(part));
        if let Part::End(end) = part {
            let state = tally.account.state();
            if self.sink.groups().one_file {
                self.write_small(tally)?;
            }
            self.sink.end_file(&mut tally.out, end.file(), state)?;
            (tally.file_done)(end.file().input())?;
        }
        interrupt::check()
    }
}
