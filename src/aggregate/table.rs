//! Groups of one thread.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use crate::aggregate::counters::Counters;
use crate::aggregate::dense::{self, Dense};
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::extract::{BATCH, Batch, Counted};
use crate::aggregate::grouping::{Grouping, Inner};
use crate::aggregate::layout::counter;
use crate::file::block::Block;
use crate::flow::view::Flow;

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
        match selected {
            None => {
                for (flow, number) in block.flows().zip(number..) {
                    self.add_flow(&flow, number);
                }
            }
            Some(selected) => {
                for index in selected {
                    if let Some(flow) = block.flow(*index as usize) {
                        self.add_flow(&flow, number.saturating_add(u64::from(*index)));
                    }
                }
            }
        }
        self.flush();
    }

    /// Adds one flow with its number among all.
    fn add_flow(&mut self, flow: &Flow<'_>, number: u64) {
        let grouping = Arc::clone(&self.grouping.0);
        let Some(counted) = Counted::of(flow, grouping.options.need_counters) else {
            return;
        };
        dense::add(&mut self.totals, &counted.counters, grouping.options.wrap);
        let words = grouping.layout.words;
        for variant in &grouping.variants {
            let at = self.batch.count * words;
            let Some(row) = self.batch.rows.get_mut(at..at + words) else {
                continue;
            };
            if !grouping.row(variant, flow, &counted, number, row) {
                continue;
            }
            let hash = grouping.hash(row);
            if let Some(to) = self.batch.hashes.get_mut(self.batch.count) {
                *to = hash;
            }
            self.batch.count += 1;
            if grouping.options.keep_first {
                self.flush();
                self.keep(flow.record(), number);
            } else if self.batch.is_full() {
                self.flush();
            }
        }
    }

    /// Keeps the record of the flow that was added last if it is the first of its group.
    fn keep(&mut self, record: &[u8], number: u64) {
        let Some(at) = self.found.last().copied() else {
            return;
        };
        self.keep_at(at, record, number);
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

    fn flush(&mut self) {
        let count = self.batch.count;
        let words = self.grouping.0.layout.words;
        let rows = self.batch.rows.get(..count * words).unwrap_or_default();
        let hashes = self.batch.hashes.get(..count).unwrap_or_default();
        self.dense.absorb(rows, hashes, &mut self.found);
        self.batch.count = 0;
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
        Counters::of(&self.totals, 0)
    }

    /// Memory in use, in bytes, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        let kept: usize = self.firsts.iter().map(|record| record.len() + 16).sum();
        self.dense.bytes() + kept + self.grouping.0.texts.bytes()
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
