//! The scan: which files, how to open them, which flows, how many threads.

use std::collections::VecDeque;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::handle::File;
use crate::file::options::OpenOptions;
use crate::flow::owned::OwnedFlow;
use crate::scan::damage::{Gated, OnDamage};
use crate::scan::fileset::FileSet;
use crate::scan::input::ScanInput;
use crate::scan::mapped::{Mapped, PartMap};
use crate::scan::memory::{self, Memory};
use crate::scan::part::{Part, ScanBlock};
use crate::scan::pipeline::{Lane, Stopped};
use crate::scan::select::Select;
use crate::scan::traverse::{Settings, Totals};
use crate::scan::work::{self, Work};
use crate::value::time::Timestamp;

/// A description of what to read: files, options, a selection, a limit and a number of threads.
///
/// The one way from files to flows: [`blocks`](Self::blocks), [`flows`](Self::flows),
/// [`count`](Self::count), [`map_blocks`](Self::map_blocks), [`run`](Self::run) and the readers of record
/// batches give the same flows with the same numbers, limits and errors. A scan can be run any number of times
/// and cloned cheaply; nothing is opened before it runs.
///
/// Files are read in the given order. Memory is [limited](Self::memory), whatever the files hold.
///
/// ```
/// use nfdecode::Scan;
///
/// let scan = Scan::directory("tests/fixtures/archive")?;
/// let mut bytes = 0;
/// for block in scan.blocks() {
///     for flow in block?.flows() {
///         bytes += flow.in_bytes().unwrap_or(0);
///     }
/// }
/// assert_eq!((scan.count().flows, bytes), (419, 245_869));
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Scan {
    inputs: Vec<ScanInput>,
    settings: Settings,
    threads: NonZeroUsize,
    on_damage: OnDamage,
}

impl Default for Scan {
    fn default() -> Self {
        Self::new(std::iter::empty::<ScanInput>())
    }
}

impl Scan {
    /// These files in this order, on one thread.
    pub fn new(inputs: impl IntoIterator<Item = impl Into<ScanInput>>) -> Self {
        Self {
            inputs: inputs.into_iter().map(Into::into).collect(),
            settings: Settings::default(),
            threads: NonZeroUsize::MIN,
            on_damage: OnDamage::Report,
        }
    }

    /// All nfcapd files below a directory, as [`FileSet::in_directory`] finds them.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io): the directory itself cannot be listed. Directories below it
    /// that cannot be listed are errors of the scan.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self> {
        FileSet::in_directory(path).map(Self::from)
    }

    /// The same description for other files.
    pub fn with_inputs(mut self, inputs: impl IntoIterator<Item = impl Into<ScanInput>>) -> Self {
        self.inputs = inputs.into_iter().map(Into::into).collect();
        self
    }

    /// Opens files with these options.
    pub fn open_with(mut self, options: OpenOptions) -> Self {
        self.settings.options = options;
        self
    }

    /// Recovers what is readable in unfinished and truncated files, see [`OpenOptions::salvage`], and reads all
    /// files, whatever their statistics say.
    pub fn salvage(mut self, wanted: bool) -> Self {
        self.settings.options = self.settings.options.salvage(wanted);
        self.read_all(wanted)
    }

    /// Reads on this many threads. 1, the default, is the caller's thread alone.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Limits the memory of blocks in work to this many bytes, for all threads together.
    ///
    /// Counts the buffers for stored, decompressed and converted records of the blocks that are being decoded or
    /// worked on, or wait for the caller of an iterator; not their indexes, which are small unless a file is made
    /// to have large ones, nor blocks that the caller holds, nor what the work itself allocates. A block that
    /// does not fit waits until others are done; one that never fits is read alone, so that the limit can be exceeded
    /// by one block. Has no effect on one thread, which reads one block at a time. The flows and their order
    /// stay the same. The default is 32 MiB for each thread, but at least 256 MiB and at most 1 GiB: enough for
    /// the blocks of all known writers.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.settings.memory = Some(bytes);
        self
    }

    /// Ends after this many selected flows.
    pub fn limit(mut self, flows: u64) -> Self {
        self.settings.limit = Some(flows);
        self
    }

    /// Selects flows. What was selected before must still hold: selections are combined by `and`.
    pub fn select(mut self, select: impl Select + 'static) -> Self {
        self.settings.selection.add(Arc::new(select));
        self
    }

    /// Says that only flows in this range of time are needed, so that files outside of it need not be read.
    /// Selects no flows by itself. `None` leaves a side open. Trusts names and statistics of files to two
    /// days, since names are in an unknown zone.
    pub fn needs_times(mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        self.settings.selection.narrow(from, to);
        self
    }

    /// Reads all files, also those that cannot hold selected flows by their names and statistics.
    pub fn read_all(mut self, wanted: bool) -> Self {
        self.settings.selection.read_all(wanted);
        self
    }

    /// Collects the names in each file before its first block, for [`ScanFile::names`](super::ScanFile::names).
    /// Costs a second reading of each file.
    pub fn names(mut self, wanted: bool) -> Self {
        self.settings.collects_names = wanted;
        self
    }

    /// What the iterators of this scan do with errors. Has no effect on [`run`](Self::run), which is given every
    /// part.
    pub fn on_damage(mut self, on_damage: OnDamage) -> Self {
        self.on_damage = on_damage;
        self
    }

    /// The files that the scan will open. Files found by a search are left out if their names say that they are
    /// days away from [the times that are needed](Self::needs_times).
    pub fn inputs(&self) -> impl Iterator<Item = &ScanInput> {
        let is_needed = |input: &&ScanInput| {
            let path = input.as_path().filter(|_| input.is_found());
            path.is_none_or(|path| self.settings.selection.may_be_in(path))
        };
        self.inputs.iter().filter(is_needed)
    }

    /// The number of threads.
    #[must_use]
    pub fn thread_count(&self) -> NonZeroUsize {
        self.threads
    }

    /// How files are opened.
    pub fn options(&self) -> &OpenOptions {
        &self.settings.options
    }

    /// Whether all flows are selected, apart from the limit.
    #[must_use]
    pub fn selects_all(&self) -> bool {
        self.settings.selection.is_everything()
    }

    /// Whether the blocks of an open file would be read, rather than skipped.
    #[must_use]
    pub fn may_select(&self, file: &File) -> bool {
        self.settings.selection.may_select(file)
    }

    /// The blocks in order, each with its selected flows. With more than one thread, blocks are decoded ahead on
    /// threads of the iterator's own, which end when it is dropped.
    ///
    /// Errors are files that do not open, and places that cannot be read; iteration continues after each unless
    /// [configured otherwise](Self::on_damage). Damage inside a block is reported by [`ScanBlock::damage`].
    ///
    /// # Panics
    /// Never by itself; a panic of a thread continues in `next`.
    #[must_use]
    pub fn blocks(&self) -> ScanBlocks {
        ScanBlocks(Gated::new(self.mapped(ToBlocks), self.on_damage))
    }

    /// Copies of the selected flows in order: convenient, and slower than [`blocks`](Self::blocks). Damage
    /// inside a block is an error after its flows.
    pub fn flows(&self) -> impl Iterator<Item = Result<OwnedFlow>> + Send + use<> {
        Gated::new(self.mapped(ToFlows), self.on_damage)
    }

    /// Counts: selected flows, and what was read and could not be read for it.
    #[must_use]
    pub fn count(&self) -> Totals {
        self.run(&Counting, ()).0
    }

    /// Decodes the blocks on all threads, calls `map` on each there, and `consume` on the results in order.
    /// `Break` from `consume` ends it early. Errors are handed to `map` as [`blocks`](Self::blocks) would
    /// report them.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, ops::ControlFlow};
    /// use nfdecode::Scan;
    ///
    /// let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    /// let scan = Scan::directory("tests/fixtures/archive")?.threads(threads);
    /// let mut flows = 0;
    /// scan.map_blocks(
    ///     |block| block.map_or(0, |block| block.len()),
    ///     |found| {
    ///         flows += found;
    ///         ControlFlow::Continue(())
    ///     },
    /// );
    /// assert_eq!(flows, 419);
    /// # Ok::<(), nfdecode::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `map` or `consume` panics; all threads have ended by then.
    pub fn map_blocks<R: Send>(
        &self,
        map: impl Fn(Result<ScanBlock>) -> R + Sync,
        consume: impl FnMut(R) -> ControlFlow<()> + Send,
    ) {
        let mapping = Mapping {
            map,
            on_damage: self.on_damage,
            _consume: PhantomData,
        };
        // `consume` ends the run when it has all it needs: not an error.
        let _ = self.run(&mapping, consume);
    }

    /// Runs every part of the scan through `work`, on all threads. Returns what was read, what `work` kept in
    /// order, and whether it ended the run early.
    ///
    /// # Panics
    /// If `work` panics; all threads have ended by then.
    pub fn run<W: Work>(
        &self,
        work: &W,
        tally: W::Tally,
    ) -> (Totals, W::Tally, std::result::Result<(), Stopped>) {
        let inputs = self.inputs().cloned().collect::<Vec<_>>().into_iter();
        self.run_over(inputs, work, tally)
    }

    /// As [`run`](Self::run), over other inputs: those that appear while the scan runs. The iterator may
    /// wait for them.
    ///
    /// # Panics
    /// As for [`run`](Self::run).
    pub fn run_over<W: Work>(
        &self,
        inputs: impl Iterator<Item = ScanInput> + Send,
        work: &W,
        tally: W::Tally,
    ) -> (Totals, W::Tally, std::result::Result<(), Stopped>) {
        let settings = Arc::new(self.settings.clone());
        let memory = Memory::new(self.memory_limit());
        work::run(inputs, settings, (self.threads, &memory), work, tally)
    }

    fn memory_limit(&self) -> u64 {
        let limit = self.settings.memory;
        limit.unwrap_or_else(|| memory::default_limit(self.threads))
    }

    pub(crate) fn mapped<M: PartMap>(&self, map: M) -> Mapped<M> {
        let settings = Arc::new(self.settings.clone());
        let inputs = self.inputs().cloned().collect();
        let memory = Memory::new(self.memory_limit());
        Mapped::new(inputs, settings, (self.threads, memory), map)
    }

    #[cfg(feature = "arrow")]
    pub(crate) fn gated<I>(&self, results: I) -> Gated<I> {
        Gated::new(results, self.on_damage)
    }
}

impl FileSet {
    /// A scan of these files, opened with the options of this set.
    pub fn scan(&self) -> Scan {
        Scan::from(self)
    }
}

impl From<FileSet> for Scan {
    fn from(files: FileSet) -> Self {
        Self::from(&files)
    }
}

impl From<&FileSet> for Scan {
    fn from(files: &FileSet) -> Self {
        Self::new(files.inputs()).open_with(files.options().clone())
    }
}

/// The blocks of a scan, see [`Scan::blocks`].
#[derive(Debug)]
pub struct ScanBlocks(Gated<Mapped<ToBlocks>>);

impl Iterator for ScanBlocks {
    type Item = Result<ScanBlock>;

    fn next(&mut self) -> Option<Result<ScanBlock>> {
        self.0.next()
    }
}

impl FusedIterator for ScanBlocks {}

/// A block, or an error in its place. `None` for parts that are neither.
fn block_of(part: Part) -> Option<Result<ScanBlock>> {
    match part {
        Part::Block(block) => Some(Ok(*block)),
        Part::Gap(gap) => Some(Err(gap.error)),
        Part::Refused(error) => Some(Err(error)),
        Part::Start(_) | Part::End(_) => None,
    }
}

struct ToBlocks;

impl PartMap for ToBlocks {
    type Worker = ();
    type Output = Result<ScanBlock>;

    fn worker(&self) {}

    fn map(&self, (): &mut (), part: Part, out: &mut VecDeque<Self::Output>) {
        out.extend(block_of(part));
    }

    fn held(output: &Self::Output) -> u64 {
        let block = output.as_ref();
        block.map_or(0, |found| memory::held(found.block()))
    }

    fn failed(&self, error: Error) -> Self::Output {
        Err(error)
    }
}

struct ToFlows;

impl PartMap for ToFlows {
    type Worker = ();
    type Output = Result<OwnedFlow>;

    fn worker(&self) {}

    fn map(&self, (): &mut (), part: Part, out: &mut VecDeque<Self::Output>) {
        match block_of(part) {
            Some(Ok(block)) => {
                out.extend(block.flows().map(|flow| Ok(flow.to_owned_flow())));
                out.extend(block.damage().cloned().map(Err));
            }
            Some(Err(error)) => out.push_back(Err(error)),
            None => {}
        }
    }

    fn failed(&self, error: Error) -> Self::Output {
        Err(error)
    }
}

/// Keeps nothing: the totals of the scan are the result.
struct Counting;

impl Work for Counting {
    type Worker = ();
    type Tally = ();

    fn worker(&self) {}

    fn work(
        &self,
        (): &mut (),
        _: Vec<Part>,
        _: &mut Lane<'_, ()>,
    ) -> std::result::Result<(), Stopped> {
        Ok(())
    }
}

/// A function for blocks, and one for its results.
struct Mapping<M, C> {
    map: M,
    on_damage: OnDamage,
    _consume: PhantomData<fn(C)>,
}

impl<R, M, C> Work for Mapping<M, C>
where
    R: Send,
    M: Fn(Result<ScanBlock>) -> R + Sync,
    C: FnMut(R) -> ControlFlow<()> + Send,
{
    type Worker = ();
    type Tally = C;

    fn worker(&self) {}

    fn work(
        &self,
        (): &mut (),
        parts: Vec<Part>,
        lane: &mut Lane<'_, C>,
    ) -> std::result::Result<(), Stopped> {
        for block in parts.into_iter().filter_map(block_of) {
            let is_error = block.is_err();
            if is_error && self.on_damage == OnDamage::Ignore {
                continue;
            }
            let result = (self.map)(block);
            lane.in_turn(|consume| match consume(result) {
                ControlFlow::Continue(()) if is_error && self.on_damage == OnDamage::Stop => {
                    ControlFlow::Break(())
                }
                next => next,
            })?;
        }
        Ok(())
    }
}
