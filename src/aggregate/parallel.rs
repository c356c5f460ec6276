//! Groups of the flows of a scan, on many threads.
//!
//! A thread first counts in a small table of its own. While keys repeat, that is all; when they do not, rows
//! go to the part of all keys that they belong to, many at a time under its lock. There are more
//! parts than threads, so that threads rarely meet, and nothing is merged at the end but the small tables.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::extract::Batch;
use crate::aggregate::grouping::{Grouping, Inner};
use crate::aggregate::held::{Extra, Held};
use crate::aggregate::intake::{Intake, Records};
use crate::aggregate::spill::{Limit, Part};
use crate::aggregate::table::{Table, part_of};
use crate::scan::builder::Scan;
use crate::scan::part::{self, ScanBlock};
use crate::scan::pipeline::{Lane, Stopped};
use crate::scan::traverse::Totals;
use crate::scan::work::Work;

/// Groups in the table of a thread at most: some megabytes.
const LOCAL_MAX: usize = 1 << 16;
/// The tables of all threads have this part of the memory.
const LOCAL_SHARE: usize = 4;
/// Flows for each group at least, for a table of a thread to be worth its while.
const REPEATS: usize = 4;
/// Groups after which keys that hardly repeat are noticed: before the table leaves the second cache.
const EARLY: usize = 1 << 13;
/// Rows that go past the table of a thread before it is tried again.
const DIRECT: usize = 1 << 20;
/// Rows that a thread hands to a part at once.
const OUTGOING: usize = 256;
/// Parts for each thread.
const PARTS: usize = 8;
const PARTS_MAX: usize = 256;
/// Temporary files at most, as long as there are fewer parts.
const PIECES: usize = 256;

/// Groups that many threads add to.
#[derive(Debug)]
pub struct Collector {
    grouping: Grouping,
    parts: Vec<Mutex<Part>>,
    /// Bytes of all groups.
    memory: usize,
    /// Bytes of the table of a thread.
    local_memory: usize,
    threads: usize,
    directory: Option<Arc<Path>>,
    /// The first thing that went wrong with a temporary file.
    fault: Mutex<Option<AggregateError>>,
    locals: Mutex<Vec<Arc<Mutex<Local>>>>,
    /// Without other threads there is one part and no table of a thread's own.
    is_single: bool,
    /// `fault` is set: nothing more is counted.
    has_failed: AtomicBool,
}

/// What one thread counts with.
#[derive(Debug)]
pub struct Adder(Arc<Mutex<Local>>);

#[derive(Debug)]
struct Local {
    intake: Intake,
    counts: Counting,
}

#[derive(Debug)]
struct Counting {
    held: Held,
    /// Rows that went into `held`.
    rows: usize,
    /// Rows that still go past it.
    direct: usize,
    outgoing: Vec<Outgoing>,
}

/// Rows on their way to a part.
#[derive(Debug, Default)]
struct Outgoing {
    rows: Vec<u64>,
    hashes: Vec<u64>,
}

impl Collector {
    /// For this number of threads.
    #[must_use]
    pub fn new(grouping: &Grouping, threads: NonZeroUsize) -> Self {
        let is_single = threads.get() == 1;
        let parts = if is_single {
            1
        } else {
            (threads.get().saturating_mul(PARTS))
                .min(PARTS_MAX)
                .next_power_of_two()
        };
        let parts = (0..parts).map(|_| Mutex::new(Part::new(&grouping.0)));
        Self {
            grouping: grouping.clone(),
            parts: parts.collect(),
            memory: usize::MAX,
            local_memory: usize::MAX,
            threads: threads.get(),
            directory: None,
            fault: Mutex::default(),
            locals: Mutex::default(),
            is_single,
            has_failed: AtomicBool::new(false),
        }
    }

    /// Keeps at most about this many bytes of groups in memory; others go to temporary files in `directory`
    /// (`None`: that of the system), which have no names. Then only
    /// [`for_each_ranked`](Self::for_each_ranked) gives results. Texts of keys stay in memory: if they alone exceed the
    /// limit, counting ends with [`AggregateError::Memory`].
    #[must_use]
    pub fn with_memory(mut self, bytes: usize, directory: Option<PathBuf>) -> Self {
        (self.memory, self.directory) = (bytes, directory.map(Into::into));
        self.local_memory = bytes / self.threads.saturating_mul(LOCAL_SHARE);
        self
    }

    /// The limit of one part.
    fn limit(&self) -> Limit {
        let parts = self.parts.len().max(1);
        Limit {
            bytes: self.memory / parts,
            directory: self.directory.clone(),
            pieces: (PIECES / parts).max(1),
        }
    }

    /// Does something with a part, then looks whether it is too large.
    fn with_part(&self, at: usize, change: impl FnOnce(&mut Held)) {
        let Some(part) = self.parts.get(at) else {
            return;
        };
        let mut part = lock(part);
        change(&mut part.held);
        if self.memory != usize::MAX
            && let Err(error) = part.check(&self.grouping.0, &self.limit())
        {
            self.fail(error);
        }
    }

    /// Ends counting.
    fn fail(&self, error: AggregateError) {
        lock(&self.fault).get_or_insert(error);
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// What a thread adds flows with.
    #[must_use]
    pub fn adder(&self) -> Adder {
        let inner = &self.grouping.0;
        let local = Arc::new(Mutex::new(Local {
            intake: Intake::new(inner),
            counts: Counting {
                held: Held::new(inner),
                rows: 0,
                direct: 0,
                outgoing: self.parts.iter().map(|_| Outgoing::default()).collect(),
            },
        }));
        lock(&self.locals).push(Arc::clone(&local));
        Adder(local)
    }

    /// Adds the selected flows of a block.
    pub fn add(&self, adder: &mut Adder, block: &ScanBlock) {
        let inner = &*self.grouping.0;
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        let mut local = lock(&adder.0);
        let Local { intake, counts } = &mut *local;
        let number = block.flows_before();
        let sink = |batch: &Batch, records: &Records<'_>| {
            if self.is_single {
                self.with_part(0, |held| held.absorb(inner, batch, records));
            } else {
                self.absorb(inner, counts, batch, records);
            }
        };
        let selected = block.selected();
        intake.block(inner, block.block(), selected, block.len(), number, sink);
        if self.memory != usize::MAX && inner.texts.bytes() > self.memory {
            self.fail(AggregateError::Memory);
        }
    }

    fn absorb(&self, inner: &Inner, counts: &mut Counting, batch: &Batch, records: &Records<'_>) {
        if counts.direct > 0 {
            counts.direct = counts.direct.saturating_sub(batch.count);
            let rows = batch.filled().chunks_exact(batch.width);
            for (row, hash) in rows.zip(&batch.hashes) {
                self.send(inner, counts, row, *hash);
            }
            return;
        }
        counts.held.absorb(inner, batch, records);
        counts.rows += batch.count;
        let (rows, groups) = (counts.rows, counts.held.len());
        let is_hopeless = groups > EARLY && rows < 2 * groups;
        let is_large = groups > LOCAL_MAX || counts.held.bytes() > self.local_memory;
        if is_large || is_hopeless && !inner.has_extras() {
            self.give_up_local(inner, counts);
            // Sets of values and first flows are always put together in the small table.
            if rows < REPEATS * groups && !inner.has_extras() {
                counts.direct = DIRECT;
            }
        }
    }

    /// Moves the groups of a thread's table to the parts.
    fn give_up_local(&self, inner: &Inner, counts: &mut Counting) {
        let held = std::mem::replace(&mut counts.held, Held::new(inner));
        counts.rows = 0;
        if !inner.has_extras() {
            for row in held.dense.rows() {
                self.send(inner, counts, row, inner.hash(row));
            }
            return;
        }
        let none = Extra::default();
        for (row, extra) in held.groups(&none) {
            let hash = inner.hash(row);
            let at = part_of(hash, self.parts.len());
            self.with_part(at, |held| held.absorb_one(inner, row, hash, extra));
        }
    }

    /// Adds a row, narrow or not, to those that are on their way.
    #[inline]
    fn send(&self, inner: &Inner, counts: &mut Counting, row: &[u64], hash: u64) {
        let at = part_of(hash, self.parts.len());
        let Some(outgoing) = counts.outgoing.get_mut(at) else {
            return;
        };
        inner.layout.append_wide(row, &mut outgoing.rows);
        outgoing.hashes.push(hash);
        if outgoing.hashes.len() >= OUTGOING {
            self.deliver(at, outgoing);
        }
    }

    fn deliver(&self, at: usize, outgoing: &mut Outgoing) {
        self.with_part(at, |held| {
            held.absorb_rows(&outgoing.rows, &outgoing.hashes)
        });
        outgoing.rows.clear();
        outgoing.hashes.clear();
    }

    /// All groups. Adders that are still in use have no further effect.
    ///
    /// # Errors
    /// [`AggregateError::Memory`] if they did not fit into memory, [`AggregateError::Io`].
    pub fn finish(self) -> Result<Table> {
        let (grouping, parts, totals, _) = self.into_parts()?;
        if parts.iter().any(Part::is_spilled) {
            return Err(AggregateError::Memory);
        }
        let held = parts.into_iter().map(|part| part.held);
        Ok(Table::of(&grouping, held.collect(), totals))
    }

    /// Groups by part, totals, and the limit of what comes next.
    pub(crate) fn into_parts(mut self) -> Result<(Grouping, Vec<Part>, Intake, Limit)> {
        let totals = self.collect()?;
        // Before the parts are taken: into how many pieces each is divided depends on their number.
        let limit = Limit {
            bytes: self.memory,
            ..self.limit()
        };
        let parts = std::mem::take(&mut self.parts);
        let parts = parts.into_iter();
        let parts = parts.map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok((self.grouping, parts.collect(), totals, limit))
    }

    /// Moves the groups of all threads to the parts. Returns the totals that groups do not have.
    fn collect(&self) -> Result<Intake> {
        let inner = &*self.grouping.0;
        let mut totals = Intake::new(inner);
        for local in lock(&self.locals).iter() {
            let mut local = lock(local);
            totals.add_totals(inner, &local.intake.totals);
            self.give_up_local(inner, &mut local.counts);
            for (at, outgoing) in local.counts.outgoing.iter_mut().enumerate() {
                self.deliver(at, outgoing);
            }
        }
        match lock(&self.fault).take() {
            Some(error) => Err(error),
            None => Ok(totals),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere ends the run; nothing is read after it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Collecting<'c>(&'c Collector);

impl Work for Collecting<'_> {
    type Worker = Adder;
    type Tally = ();

    fn worker(&self) -> Adder {
        self.0.adder()
    }

    fn work(
        &self,
        adder: &mut Adder,
        parts: Vec<part::Part>,
        _: &mut Lane<'_, ()>,
    ) -> std::result::Result<(), Stopped> {
        for part in parts {
            if let part::Part::Block(block) = part {
                self.0.add(adder, &block);
            }
        }
        Ok(())
    }
}

impl Scan {
    /// The groups of the selected flows, on all threads of the scan, and what was read for it. What cannot be
    /// read is left out and counted in [`Totals`].
    ///
    /// # Errors
    /// None that a scan can cause: there is no limit of memory.
    pub fn aggregate(&self, grouping: &Grouping) -> Result<(Table, Totals)> {
        let collector = Collector::new(grouping, self.thread_count());
        let (totals, (), _) = self.run(&Collecting(&collector), ());
        Ok((collector.finish()?, totals))
    }
}
