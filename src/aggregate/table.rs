//! Groups of one thread.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use crate::aggregate::counters::Counters;
use crate::aggregate::dense::{self, Dense};
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::extract::{BATCH, Batch, Counted};
use crate::aggregate::grouping::{Grouping, Inner};
use crate::aggregate::layout::counter;
use crate::aggregate::plan::Plan;
use crate::file::block::Block;
use crate::flow::view::Flow;
use crate::raw::RawShape;

/// Groups of flows: a row per key that occurs.
#[derive(Debug)]
pub struct Table {
    pub(crate) grouping: Grouping,
    pub(crate) dense: Dense,
    /// The record of the first flow of each row, if wanted.
    pub(crate) firsts: Vec<Box<[u8]>>,
    /// All flows, each counted once.
    totals: [u64; counter::COUNT],
    batch: Batch,
    found: Vec<u32>,
    /// Number of the next flow that is added without one.
    next_number: u64,
}

impl Table {
    pub(crate) fn new(grouping: &Grouping) -> Self {
        let layout = &grouping.0.layout;
        let mut totals = [0; counter::COUNT];
        totals[counter::FIRST] = u64::MAX;
        Self {
            dense: Dense::new(layout.key_words, layout.words, grouping.0.options.wrap),
            batch: Batch::new(layout.words),
            grouping: grouping.clone(),
            firsts: Vec::new(),
            totals,
            found: Vec::with_capacity(BATCH),
            next_number: 0,
        }
    }

    /// Adds flows of a block: those with the `selected` indices, or else all.
    pub fn add(&mut self, block: &Block, selected: Option<&[u32]>) {
        let number = self.next_number;
        self.add_at(block, selected, number);
        self.next_number = number.saturating_add(block.len() as u64);
    }

    /// As [`add`](Self::add), where the first flow of the block has this number among all flows that are
    /// counted: what "first" means when several tables are merged. At most 63 bits.
    pub fn add_at(&mut self, block: &Block, selected: Option<&[u32]>, number: u64) {
        let grouping = Arc::clone(&self.grouping.0);
        let Some(content) = block.content() else {
            return;
        };
        let mut feed = Feed {
            inner: &grouping,
            table: self,
            plans: Vec::new(),
            shapes: content.shapes,
            records: [(&[], 0); BATCH],
        };
        feed.plans.resize_with(content.shapes.len(), || Planned::Unknown);
        let mut add = |index: u32| {
            if let Some(found) = content.flows.get(index as usize) {
                let at = found.offset as usize;
                let record = content.data.get(at..at + usize::from(found.size));
                let number = number.saturating_add(index.into());
                feed.add(record.unwrap_or_default(), found.shape, number);
            }
        };
        match selected {
            // A block has fewer flows than 2^32: its index counts them in 32 bits.
            None => (0..content.flows.len() as u32).for_each(add),
            Some(selected) => selected.iter().for_each(|index| add(*index)),
        }
        feed.flush();
    }

    fn keep_at(&mut self, at: u32, record: &[u8], number: u64) {
        let first = self.number_of(self.dense.row(at)) >> 1;
        match self.firsts.get_mut(at as usize) {
            Some(kept) if first == number => *kept = record.into(),
            Some(_) => {}
            None => self.firsts.push(record.into()),
        }
    }

    fn number_of(&self, row: &[u64]) -> u64 {
        let at = self.grouping.0.layout.key_words + counter::NUMBER;
        row.get(at).copied().unwrap_or(0)
    }

    /// Adds the groups of another table of the same grouping. The order of merging does not matter.
    ///
    /// # Errors
    /// [`AggregateError::OtherGrouping`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if !Arc::ptr_eq(&self.grouping.0, &other.grouping.0) {
            return Err(AggregateError::OtherGrouping);
        }
        dense::add(
            &mut self.totals,
            &other.totals,
            self.grouping.0.options.wrap,
        );
        for (number, row) in other.dense.rows().enumerate() {
            let hash = self.grouping.0.hash(row);
            self.dense.absorb(row, &[hash], &mut self.found);
            if let (Some(record), Some(at)) = (other.firsts.get(number), self.found.last().copied())
            {
                let first = self.number_of(row) >> 1;
                self.keep_at(at, record, first);
            }
        }
        self.next_number = self.next_number.max(other.next_number);
        Ok(())
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dense.len()
    }

    /// Whether there are no groups.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dense.len() == 0
    }

    /// The sums over all flows, each counted once whatever its keys.
    #[must_use]
    pub fn totals(&self) -> Counters {
        let mut totals = self.totals;
        let inner = &self.grouping.0;
        if !inner.options.separate_totals {
            for row in self.dense.rows() {
                let counters = row.get(inner.layout.key_words..).unwrap_or_default();
                dense::add(&mut totals, counters, inner.options.wrap);
            }
        }
        Counters::of(&totals, 0)
    }

    /// Memory in use, in bytes, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        let kept: usize = self.firsts.iter().map(|record| record.len() + 16).sum();
        self.dense.bytes() + kept + self.grouping.0.texts.bytes()
    }
}

/// What is known of a shape.
enum Planned {
    Unknown,
    Plan(Plan),
    /// Its flows are read one by one.
    Slow,
}

/// Flows of one block on their way into a table.
struct Feed<'t, 'a> {
    inner: &'t Inner,
    table: &'t mut Table,
    shapes: &'a [RawShape],
    plans: Vec<Planned>,
    /// The record and number of each row of the batch, if they are wanted.
    records: [(&'a [u8], u64); BATCH],
}

impl<'a> Feed<'_, 'a> {
    #[inline]
    fn add(&mut self, record: &'a [u8], shape_number: u16, number: u64) {
        let shape = self.shapes.get(usize::from(shape_number));
        let inner = self.inner;
        let planned = self.plans.get_mut(usize::from(shape_number));
        let (Some(shape), Some(planned)) = (shape, planned) else {
            return self.add_slowly(&Flow::new(record, None), number);
        };
        if let Planned::Unknown = planned {
            *planned = Plan::new(inner, shape).map_or(Planned::Slow, Planned::Plan);
        }
        let flow = || Flow::new(record, Some(shape));
        // What a start of 0 means depends on other elements.
        let has_event = || shape.present & (1 << 19 | 1 << 25) != 0;
        let counted = match planned {
            Planned::Plan(plan) => plan.counted(record, has_event).map(|counted| (&*plan, counted)),
            _ => None,
        };
        let Some((plan, counted)) = counted else {
            return self.add_slowly(&flow(), number);
        };
        let table = &mut *self.table;
        if inner.options.separate_totals {
            dense::add(&mut table.totals, &counted.counters, inner.options.wrap);
        }
        let words = inner.layout.words;
        for variant in 0..plan.variants() {
            let batch = &mut table.batch;
            let at = batch.count * words;
            let Some(row) = batch.rows.get_mut(at..at + words) else {
                return;
            };
            if plan.row(inner, variant, record, flow, &counted, number, row) {
                if let Some(to) = self.records.get_mut(batch.count)
                    && inner.options.keep_first
                {
                    *to = (record, number);
                }
                batch.count += 1;
                if batch.is_full() {
                    table.absorb(&self.records);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn add_slowly(&mut self, flow: &Flow<'a>, number: u64) {
        let inner = self.inner;
        let table = &mut *self.table;
        let Some(counted) = Counted::of(flow, inner.options.need_counters) else {
            return;
        };
        if inner.options.separate_totals {
            dense::add(&mut table.totals, &counted.counters, inner.options.wrap);
        }
        let words = inner.layout.words;
        for variant in 0..inner.variants.len() {
            let at = table.batch.count * words;
            let Some(row) = table.batch.rows.get_mut(at..at + words) else {
                continue;
            };
            if inner.row(variant, flow, &counted, number, row) {
                if let Some(to) = self.records.get_mut(table.batch.count) {
                    *to = (flow.record(), number);
                }
                table.batch.count += 1;
                if table.batch.is_full() {
                    table.absorb(&self.records);
                }
            }
        }
    }

    fn flush(&mut self) {
        self.table.absorb(&self.records);
    }
}

impl Table {
    /// Adds the rows of the batch to the groups.
    fn absorb(&mut self, records: &[(&[u8], u64); BATCH]) {
        let count = self.batch.count;
        let words = self.grouping.0.layout.words;
        let rows = self.batch.rows.get(..count * words).unwrap_or_default();
        let hashes = self.batch.hashes.get_mut(..count).unwrap_or_default();
        for (hash, row) in hashes.iter_mut().zip(rows.chunks_exact(words)) {
            *hash = self.grouping.0.hash(row);
        }
        self.dense.absorb(rows, hashes, &mut self.found);
        self.batch.count = 0;
        if self.grouping.0.options.keep_first {
            for (place, (record, number)) in records.iter().enumerate().take(count) {
                if let Some(at) = self.found.get(place).copied() {
                    self.keep_at(at, record, *number);
                }
            }
        }
    }
}

impl Grouping {
    /// An empty table of groups.
    #[must_use]
    pub fn table(&self) -> Table {
        Table::new(self)
    }
}

impl Inner {
    /// The hash of the key of a row.
    #[inline]
    pub(crate) fn hash(&self, row: &[u64]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let key = row.get(..self.layout.key_words).unwrap_or_default();
        key.iter().for_each(|word| hasher.write_u64(*word));
        hasher.finish()
    }
}
