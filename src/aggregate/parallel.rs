//! Groups of the flows of a scan, on many threads.
//!
//! A thread first counts in a small table of its own. While keys repeat, that is all; when they do not, rows
//! go to the part of all keys that they belong to, many at a time under its lock. There are more
//! parts than threads, so that threads rarely meet, and nothing is merged at the end but the small tables.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aggregate::error::Result;
use crate::aggregate::extract::Batch;
use crate::aggregate::grouping::{Grouping, Inner};
use crate::aggregate::held::{Extra, Held};
use crate::aggregate::intake::{Intake, Records};
use crate::aggregate::table::{Table, part_of};
use crate::scan::builder::Scan;
use crate::scan::part::{Part, ScanBlock};
use crate::scan::pipeline::{Lane, Stopped};
use crate::scan::traverse::Totals;
use crate::scan::work::Work;

/// Groups in the table of a thread at most: it stays in the second cache.
const LOCAL_MAX: usize = 4096;
/// Flows for each group at least, for a table of a thread to be worth its while.
const REPEATS: usize = 4;
/// Rows that go past the table of a thread before it is tried again.
const DIRECT: usize = 1 << 18;
/// Rows that a thread hands to a part at once.
const OUTGOING: usize = 256;
/// Parts for each thread.
const PARTS: usize = 8;
const PARTS_MAX: usize = 1024;

/// Groups that many threads add to.
#[derive(Debug)]
pub struct Collector {
    grouping: Grouping,
    parts: Vec<Mutex<Held>>,
    locals: Mutex<Vec<Arc<Mutex<Local>>>>,
    /// Without other threads there is one part and no table of a thread's own.
    is_single: bool,
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
    /// For so many threads.
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
        let parts = (0..parts).map(|_| Mutex::new(Held::new(&grouping.0)));
        Self {
            grouping: grouping.clone(),
            parts: parts.collect(),
            locals: Mutex::default(),
            is_single,
        }
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
        let mut local = lock(&adder.0);
        let Local { intake, counts } = &mut *local;
        let number = block.flows_before();
        let sink = |batch: &Batch, records: &Records<'_>| {
            if self.is_single {
                if let Some(part) = self.parts.first() {
                    lock(part).absorb(inner, batch, records);
                }
            } else {
                self.absorb(inner, counts, batch, records);
            }
        };
        let selected = block.selected();
        intake.block(inner, block.block(), selected, block.len(), number, sink);
    }

    fn absorb(&self, inner: &Inner, counts: &mut Counting, batch: &Batch, records: &Records<'_>) {
        if counts.direct > 0 {
            counts.direct = counts.direct.saturating_sub(batch.count);
            let rows = batch.rows.chunks_exact(inner.layout.words);
            for (row, hash) in rows.zip(&batch.hashes).take(batch.count) {
                self.send(counts, row, *hash);
            }
            return;
        }
        counts.held.absorb(inner, batch, records);
        counts.rows += batch.count;
        if counts.held.len() > LOCAL_MAX {
            let repeats = counts.rows / counts.held.len();
            self.give_up_local(inner, counts);
            // Sets of values and first flows are always put together in the small table.
            if repeats < REPEATS && !inner.has_extras() {
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
                self.send(counts, row, inner.hash(row));
            }
            return;
        }
        let none = Extra::default();
        for (row, extra) in held.groups(&none) {
            let hash = inner.hash(row);
            if let Some(part) = self.parts.get(part_of(hash, self.parts.len())) {
                lock(part).absorb_one(inner, row, hash, extra);
            }
        }
    }

    #[inline]
    fn send(&self, counts: &mut Counting, row: &[u64], hash: u64) {
        let at = part_of(hash, self.parts.len());
        let Some(outgoing) = counts.outgoing.get_mut(at) else {
            return;
        };
        outgoing.rows.extend_from_slice(row);
        outgoing.hashes.push(hash);
        if outgoing.hashes.len() >= OUTGOING {
            self.deliver(at, outgoing);
        }
    }

    fn deliver(&self, at: usize, outgoing: &mut Outgoing) {
        if let Some(part) = self.parts.get(at) {
            lock(part).absorb_rows(&outgoing.rows, &outgoing.hashes);
        }
        outgoing.rows.clear();
        outgoing.hashes.clear();
    }

    /// All groups. Adders that are still in use have no further effect.
    #[must_use]
    pub fn finish(self) -> Table {
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
        let parts = self.parts.into_iter();
        let parts = parts.map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        Table::of(&self.grouping, parts.collect(), totals)
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
        parts: Vec<Part>,
        _: &mut Lane<'_, ()>,
    ) -> std::result::Result<(), Stopped> {
        for part in parts {
            if let Part::Block(block) = part {
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
    /// None yet; groups that exceed the memory allowed.
    ///
    /// # Panics
    /// Never by itself.
    pub fn aggregate(&self, grouping: &Grouping) -> Result<(Table, Totals)> {
        let collector = Collector::new(grouping, self.thread_count());
        let (totals, (), _) = self.run(&Collecting(&collector), ());
        Ok((collector.finish(), totals))
    }
}
