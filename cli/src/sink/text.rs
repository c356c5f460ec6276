//! From nfcapd files to the chosen text: shared by the commands that print flows.
//!
//! Blocks are decoded and formatted on several threads; counting, writing and reporting happen in
//! the order of files and blocks, so output is the same for any number of threads.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nfdecode::file::Flows;
use nfdecode::filter::Scope;
use nfdecode::output::{FlowFormat, TextBuffer};
use nfdecode::scan::{self, Lane, Stages, Stopped};
use nfdecode::value::Zone;
use nfdecode::{Block, BlockRef};
use nfdecode::{Error, File, OpenOptions, filter};
use nfdecode::{Flow, Names};

use crate::input::paths;
use crate::input::select::Selection;
use crate::run::account;
use crate::run::account::Account;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::target::{BUFFER, Target};
use crate::sink::text_format::{Formatter, Style};

/// Text that a thread writes at once when it is its turn: it has not left the cache by then.
const PIECE: usize = 256 << 10;
/// Text that waits in all threads together, as long as each has at least [`WAITING_MIN`].
const WAITING: usize = 24 << 20;
/// Text that a thread collects at least before it waits for its turn. A whole block is about 10 MB.
const WAITING_MIN: usize = 4 << 20;
/// Text that a thread collects at most.
const WAITING_MAX: usize = 12 << 20;

/// Text that each of so many threads collects before it waits for its turn.
fn waiting(threads: NonZeroUsize) -> usize {
    (WAITING / threads).clamp(WAITING_MIN, WAITING_MAX)
}

/// How the flows of several files are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// One sequence over all files.
    Together,
    /// A JSON object with an array for each file; or, one line a flow, each with its file.
    ByFile,
}

/// A file to print.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// What to call it.
    pub(crate) name: String,
    /// What `path` is a copy of.
    pub(crate) copied_from: Option<PathBuf>,
}

impl Source {
    /// Opens it. Errors name what the user named.
    pub(crate) fn open(&self, options: &OpenOptions) -> Result<File, Error> {
        paths::open(&self.path, self.copied_from.as_deref(), options)
    }
}

/// How to print flows.
pub(crate) struct FlowWriter<'a> {
    pub(crate) style: Style,
    pub(crate) arrangement: Arrangement,
    pub(crate) zone: Zone,
    pub(crate) selection: Selection,
    /// Print only how many flows there are.
    pub(crate) count_only: bool,
    /// Flows to print at most.
    pub(crate) limit: Option<u64>,
    pub(crate) threads: NonZeroUsize,
    /// A file that cannot be opened ends the run; otherwise it is reported and passed over.
    pub(crate) all_must_open: bool,
    /// How to open files.
    pub(crate) options: OpenOptions,
    /// Set as soon as printing is going to end early, while threads may still wait for sources.
    pub(crate) gave_up: &'a AtomicBool,
    pub(crate) report: &'a Report,
}

/// What has been printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    /// Flows.
    pub(crate) flows: u64,
    /// Flows that were read, selected or not.
    pub(crate) read: u64,
    /// Files that could be opened.
    pub(crate) files: u64,
    /// Files that could not.
    pub(crate) refused: u64,
    /// Files that had been written before, of which nothing was read.
    pub(crate) passed_over: u64,
}

impl FlowWriter<'_> {
    /// Prints the flows of all sources. Damage is reported and passed over. `progress` is told of
    /// bytes read, `file_done` of each file that has been printed.
    ///
    /// The end of the text is up to the caller: it depends on more than printing.
    pub(crate) fn print<'t>(
        &self,
        sources: impl Iterator<Item = Source> + Send,
        target: &'t mut Target,
        progress: &mut (dyn FnMut(u64) + Send),
        file_done: &mut (dyn FnMut(&Source) -> Result<(), Stop> + Send),
    ) -> Result<Unfinished<'t>, Stop> {
        let mut text = Text {
            target,
            held: TextBuffer::default(),
            flushed: false,
        };
        if self.is_object() {
            text.held.push(b'{');
        } else if !self.count_only {
            self.new_format().any().begin(&mut text.held);
        }
        let tally = Tally {
            printed: Printed::default(),
            count: 0,
            records: 0,
            left: self.limit.unwrap_or(u64::MAX),
            text,
            in_file: false,
            account: Account::default(),
            stop: None,
            gave_up: self.gave_up,
            progress,
            file_done,
        };
        let mut names = self.style.needs_names().then(Arc::default);
        let items = sources.flat_map(move |source| {
            items_of(source, &self.options, &self.selection, names.as_mut())
        });
        let (tally, end) = scan::run(&Printing(self, PhantomData), self.threads, items, tally);
        let Tally {
            printed,
            count,
            text,
            in_file,
            stop,
            ..
        } = tally;
        let mut tail = TextBuffer::default();
        if in_file && self.is_object() {
            end_array(self.new_format().any(), count, &mut tail);
        }
        if self.count_only {
            tail.extend(printed.flows.to_string().as_bytes());
            tail.push(b'\n');
        } else if self.is_object() {
            tail.extend(if printed.files == 0 { b"}\n" } else { b"\n}\n" });
        } else {
            self.new_format().any().end(count, &mut tail);
        }
        let unfinished = Unfinished {
            printed,
            text,
            tail,
        };
        match (end, stop) {
            (Err(Stopped), Some(stop)) => {
                if matches!(stop, Stop::Failed(_)) {
                    unfinished.abandon();
                }
                Err(stop)
            }
            _ => Ok(unfinished),
        }
    }

    /// Whether there is a JSON object around the files' arrays.
    fn is_object(&self) -> bool {
        self.arrangement == Arrangement::ByFile && self.style.is_object() && !self.count_only
    }

    fn new_format(&self) -> Formatter {
        let tell_files = self.arrangement == Arrangement::ByFile;
        self.style.formatter(tell_files, &self.zone)
    }
}

/// Text on its way to the target. Little of it is held back, so that small output is written at
/// once, whole or not at all.
struct Text<'a> {
    target: &'a mut Target,
    held: TextBuffer,
    /// Some has left us already.
    flushed: bool,
}

impl Text<'_> {
    fn write(&mut self, text: &[u8]) -> Result<(), Stop> {
        // Once some has left, only what is small is worth a copy.
        let is_held = !self.flushed || text.len() < PIECE / 4;
        if is_held && self.held.len() + text.len() <= BUFFER {
            self.held.extend(text);
            return Ok(());
        }
        self.flush()?;
        self.target.write(text)
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.flushed = true;
        let result = self.target.write(self.held.as_bytes());
        self.held.clear();
        result
    }
}

/// Printed flows whose text lacks its end.
pub(crate) struct Unfinished<'a> {
    pub(crate) printed: Printed,
    text: Text<'a>,
    tail: TextBuffer,
}

impl Unfinished<'_> {
    /// Writes the end.
    pub(crate) fn finish(mut self) -> Result<(), Stop> {
        self.text.write(self.tail.as_bytes())?;
        self.text.flush()
    }

    /// After a failure: what a reader of standard output has begun to see is at least brought to a
    /// valid end; otherwise nothing appears.
    pub(crate) fn abandon(self) {
        if self.text.flushed && matches!(self.text.target, Target::Stdout(_)) {
            // The failure that led here is the one to report.
            let _ = self.finish();
        }
    }
}

/// What has to happen in order.
struct Tally<'t, 'a> {
    printed: Printed,
    /// Flows since `cnt` was 1.
    count: u64,
    /// Records of all kinds in the blocks so far.
    records: u64,
    /// Flows that may still be printed.
    left: u64,
    text: Text<'t>,
    /// The array of a file is open in what has been written.
    in_file: bool,
    /// What the current file turns out to hold.
    account: Account,
    /// Why the run ends early.
    stop: Option<Stop>,
    gave_up: &'a AtomicBool,
    progress: &'a mut (dyn FnMut(u64) + Send),
    file_done: &'a mut (dyn FnMut(&Source) -> Result<(), Stop> + Send),
}

impl Tally<'_, '_> {
    /// Ends the run with this.
    fn stop_with(&mut self, result: Result<(), Stop>) -> ControlFlow<()> {
        match result.and_then(|()| interrupt::check()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                self.stop.get_or_insert(stop);
                self.gave_up.store(true, Ordering::Relaxed);
                ControlFlow::Break(())
            }
        }
    }
}

/// A file being printed.
pub(crate) struct Open {
    pub(crate) source: Source,
    pub(crate) file: File,
    /// None of its flows can be wanted, so none is read.
    pub(crate) passed_over: bool,
    /// What its flows may refer to, if anybody asks.
    names: Option<Arc<Names>>,
}

/// A part of a file.
pub(crate) enum Item {
    Start(Arc<Open>),
    Block(Arc<Open>, BlockRef),
    /// A place in the chain of blocks that cannot be read.
    Gap(Error),
    End(Arc<Open>),
    Refused(Error),
}

enum Loaded {
    /// How many files came before.
    Start(Arc<Open>, u64),
    Block(Box<LoadedBlock>),
    Gap(Error),
    End {
        open: Arc<Open>,
        /// How many flows the file had.
        count: u64,
        /// It was read to its end, rather than to the last flow that may be printed.
        whole: bool,
    },
    Refused(Error),
}

/// A block that has been read, or not.
pub(crate) struct LoadedBlock {
    pub(crate) open: Arc<Open>,
    pub(crate) found: BlockRef,
    pub(crate) block: Result<Block, Error>,
    /// The indices of its flows that are wanted; `None`: all.
    pub(crate) selected: Option<Vec<u32>>,
    /// Flows before it.
    count: u64,
    /// Records of all types before it.
    records: u64,
    /// How many of its flows to print.
    pub(crate) take: u64,
}

impl LoadedBlock {
    /// Reads a block, and finds the wanted flows unless that depends on what is before them.
    pub(crate) fn load(open: Arc<Open>, found: BlockRef, selection: &Selection) -> Self {
        let block = open.file.load(found);
        let mut loaded = Self {
            open,
            found,
            block,
            selected: None,
            count: 0,
            records: 0,
            take: 0,
        };
        if !selection.counts_records() {
            loaded.select(selection, 0);
        }
        loaded
    }

    /// Finds the wanted flows.
    pub(crate) fn select(&mut self, selection: &Selection, records_before: u64) {
        let (Some(filter), Ok(block)) = (&selection.filter, &self.block) else {
            return;
        };
        let scope = Scope {
            ident: self.open.file.ident(),
            records_before,
        };
        filter.select(block, scope, self.selected.get_or_insert_default());
    }

    /// How many records of its block have numbers.
    pub(crate) fn records_in(&self, block: &Block) -> u64 {
        // Layout 1, also as a block of layout 2, has records that have no number: they only tell how to read
        // others, or nobody knows them.
        match (self.open.file.header().layout, self.found.block_type()) {
            (1, _) | (2, 2) => filter::records_in(block),
            _ => block.counts().records.into(),
        }
    }

    pub(crate) fn wanted(&self) -> u64 {
        match (&self.selected, &self.block) {
            (Some(selected), _) => selected.len() as u64,
            (None, Ok(block)) => block.len() as u64,
            (None, Err(_)) => 0,
        }
    }
}

/// The wanted flows of a block.
enum Wanted<'b> {
    All(Flows<'b>),
    These(&'b Block, std::slice::Iter<'b, u32>),
}

impl<'b> Iterator for Wanted<'b> {
    type Item = Flow<'b>;

    #[inline]
    fn next(&mut self) -> Option<Flow<'b>> {
        match self {
            Self::All(flows) => flows.next(),
            Self::These(block, indices) => block.flow(*indices.next()? as usize),
        }
    }
}

/// Opens a file and gives its parts. Its names, and those of the files before it, are known from its
/// first flow on, if there are `names` to collect.
pub(crate) fn items_of(
    source: Source,
    options: &OpenOptions,
    selection: &Selection,
    names: Option<&mut Arc<Names>>,
) -> impl Iterator<Item = Item> + use<> {
    let file = source.open(options);
    let mut unread = None;
    let (open, refused) = match file {
        Ok(file) => {
            let passed_over = !selection.may_select(&file);
            let names = names.map(|names| {
                let known = Arc::make_mut(names);
                file.collect_names(known);
                unread = known.take_unread();
                Arc::clone(names)
            });
            let open = Open {
                source,
                file,
                passed_over,
                names,
            };
            (Some(Arc::new(open)), None)
        }
        Err(error) => (None, Some(Item::Refused(error))),
    };
    let parts = open.into_iter().flat_map(move |open| {
        let start = Item::Start(Arc::clone(&open));
        let end = Item::End(Arc::clone(&open));
        let unread = unread.take().map(Item::Gap);
        let refs = open.file.clone().into_block_refs();
        let refs = refs.take(if open.passed_over { 0 } else { usize::MAX });
        let blocks = refs.map(move |found| match found {
            Ok(found) => Item::Block(Arc::clone(&open), found),
            Err(error) => Item::Gap(error),
        });
        std::iter::once(start)
            .chain(unread)
            .chain(blocks)
            .chain(std::iter::once(end))
    });
    refused.into_iter().chain(parts)
}

/// What a thread keeps.
struct Worker {
    format: Formatter,
    buffer: TextBuffer,
    /// The file that `format` was told of.
    file: Option<Arc<Open>>,
}

impl Worker {
    fn tell_file(&mut self, open: &Arc<Open>) {
        if self
            .file
            .as_ref()
            .is_none_or(|known| !Arc::ptr_eq(known, open))
        {
            let format = self.format.any();
            format.set_file(open.file.ident(), &open.source.name);
            if let Some(names) = &open.names {
                format.set_names(names);
            }
            self.file = Some(Arc::clone(open));
        }
    }
}

/// A run over the stages, with text for a target that lives for `'t`.
struct Printing<'t, 'a>(&'a FlowWriter<'a>, PhantomData<fn(&'t ())>);

impl<'t, 'a> Stages for Printing<'t, 'a> {
    type Item = Item;
    type Loaded = Loaded;
    type Worker = Worker;
    type Tally = Tally<'t, 'a>;

    fn worker(&self) -> Worker {
        Worker {
            format: self.0.new_format(),
            // Memory that is never written to is never there.
            buffer: TextBuffer::with_capacity(waiting(self.0.threads) + PIECE),
            file: None,
        }
    }

    fn load(&self, item: Item) -> Loaded {
        match item {
            Item::Start(open) => Loaded::Start(open, 0),
            Item::Block(open, found) => {
                let loaded = LoadedBlock::load(open, found, &self.0.selection);
                Loaded::Block(Box::new(loaded))
            }
            Item::Gap(error) => Loaded::Gap(error),
            Item::End(open) => Loaded::End {
                open,
                count: 0,
                whole: false,
            },
            Item::Refused(error) => Loaded::Refused(error),
        }
    }

    fn number(&self, loaded: &mut Loaded, tally: &mut Tally<'t, 'a>) -> ControlFlow<()> {
        match loaded {
            Loaded::Start(_, before) => {
                *before = tally.printed.files;
                tally.printed.files += 1;
                if self.0.arrangement == Arrangement::ByFile {
                    tally.count = 0;
                }
            }
            Loaded::Block(loaded) => {
                if self.0.selection.counts_records() {
                    // Only here it is known how many records there are before.
                    loaded.select(&self.0.selection, tally.records);
                }
                loaded.records = tally.records;
                if let Ok(block) = &loaded.block {
                    tally.records += loaded.records_in(block);
                    tally.printed.read += block.len() as u64;
                }
                loaded.count = tally.count;
                loaded.take = loaded.wanted().min(tally.left);
                tally.left -= loaded.take;
                tally.count += loaded.take;
                tally.printed.flows += loaded.take;
            }
            Loaded::End { open, count, whole } => {
                *count = tally.count;
                *whole = tally.left != 0 && !open.passed_over;
                if tally.left == 0 {
                    tally.gave_up.store(true, Ordering::Relaxed);
                    return ControlFlow::Break(());
                }
            }
            Loaded::Refused(_) => tally.printed.refused += 1,
            Loaded::Gap(_) => {}
        }
        ControlFlow::Continue(())
    }

    fn work(
        &self,
        worker: &mut Worker,
        loaded: Loaded,
        lane: &mut Lane<'_, Tally<'t, 'a>>,
    ) -> Result<(), Stopped> {
        match loaded {
            Loaded::Start(open, before) => {
                worker.buffer.clear();
                if self.0.is_object() {
                    let key = serde_json::to_string(&open.source.name).unwrap_or_default();
                    worker
                        .buffer
                        .extend(if before == 0 { b"\n" } else { b",\n" });
                    worker.buffer.extend(key.as_bytes());
                    worker.buffer.extend(b" : ");
                    worker.format.any().begin(&mut worker.buffer);
                }
                lane.in_turn(|tally| {
                    tally.account = Account::of(self.0.report, &open.file);
                    tally.account.tell_unfinished(self.0.report, &open.file);
                    tally.in_file = true;
                    let result = tally.text.write(worker.buffer.as_bytes());
                    tally.stop_with(result)
                })
            }
            Loaded::Block(loaded) => self.0.block(worker, lane, *loaded),
            Loaded::Refused(error) if self.0.all_must_open => {
                lane.in_turn(|tally| tally.stop_with(Err(Stop::failed(&error))))
            }
            Loaded::Gap(error) => lane.in_turn(|tally| {
                tally.account.damage(self.0.report, &error);
                tally.stop_with(Ok(()))
            }),
            Loaded::Refused(error) => lane.in_turn(|tally| {
                self.0.report.damage(&error);
                tally.stop_with(Ok(()))
            }),
            Loaded::End { open, count, whole } => {
                worker.buffer.clear();
                if self.0.is_object() {
                    end_array(worker.format.any(), count, &mut worker.buffer);
                }
                // A file that nobody has open any more can be removed.
                worker.file = None;
                lane.in_turn(|tally| {
                    tally.in_file = false;
                    if whole {
                        tally.account.close(self.0.report, &open.file);
                    }
                    if let Some(names) = &open.names {
                        account::names_left_out(self.0.report, names);
                    }
                    let written = tally.text.write(worker.buffer.as_bytes());
                    let result = written.and_then(|()| (tally.file_done)(&open.source));
                    tally.stop_with(result)
                })
            }
        }
    }
}

impl FlowWriter<'_> {
    /// Formats one block and writes it when its turn has come, or earlier than it is complete when
    /// it gets large.
    fn block(
        &self,
        worker: &mut Worker,
        lane: &mut Lane<'_, Tally<'_, '_>>,
        loaded: LoadedBlock,
    ) -> Result<(), Stopped> {
        let LoadedBlock {
            open,
            found,
            block,
            selected,
            count,
            records: before,
            take,
        } = loaded;
        let size = u64::from(found.stored_size());
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                return lane.in_turn(|tally| {
                    tally.account.damage(self.report, &error);
                    (tally.progress)(size);
                    tally.stop_with(Ok(()))
                });
            }
        };
        worker.tell_file(&open);
        worker.format.any().set_block(&block, before);
        worker.buffer.clear();
        if !self.count_only {
            let wanted = match &selected {
                Some(selected) => Wanted::These(&block, selected.iter()),
                None => Wanted::All(block.flows()),
            };
            let take = usize::try_from(take).unwrap_or(usize::MAX);
            let flows = wanted.take(take).zip(count + 1..);
            let buffer = &mut worker.buffer;
            match &mut worker.format {
                Formatter::Json(format) => format_flows(format.as_mut(), flows, buffer, lane)?,
                Formatter::Csv(format) => format_flows(format.as_mut(), flows, buffer, lane)?,
                Formatter::Fields(format) => format_flows(format.as_mut(), flows, buffer, lane)?,
                Formatter::Lines(format) => format_flows(format.as_mut(), flows, buffer, lane)?,
            }
        }
        let (records, stands_for) = (block.len() as u64, block.flow_count());
        lane.in_turn(|tally| {
            let result = tally.text.write(worker.buffer.as_bytes());
            tally.account.block(records, stands_for);
            if let Some(damage) = block.damage() {
                tally.account.damage(self.report, damage);
            }
            (tally.progress)(size);
            tally.stop_with(result)
        })
    }
}

/// Formats numbered flows into `buffer`; what gets too large for it is written already, and so is
/// every piece when nobody is to be waited for.
fn format_flows<'b>(
    format: &mut impl FlowFormat,
    flows: impl Iterator<Item = (Flow<'b>, u64)>,
    buffer: &mut TextBuffer,
    lane: &mut Lane<'_, Tally<'_, '_>>,
) -> Result<(), Stopped> {
    let mut look_at = PIECE;
    for (flow, number) in flows {
        format.flow(number, &flow, buffer);
        if buffer.len() < look_at {
            continue;
        }
        look_at = buffer.len() + PIECE;
        if buffer.len() + PIECE > buffer.capacity() || lane.is_turn() {
            lane.in_turn(|tally| {
                let result = tally.text.write(buffer.as_bytes());
                tally.stop_with(result)
            })?;
            buffer.clear();
            look_at = PIECE;
        }
    }
    Ok(())
}

/// The end of a file's array, without the newline: a comma or the end of the object follows.
fn end_array(format: &mut dyn FlowFormat, count: u64, out: &mut TextBuffer) {
    format.end(count, out);
    out.pop();
}
