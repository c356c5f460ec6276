//! Groups of flows.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use crate::aggregate::counters::Counters;
use crate::aggregate::dense;
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::grouping::{Grouping, Inner};
use crate::aggregate::held::{Extra, Held};
use crate::aggregate::intake::{Intake, NOTHING};
use crate::aggregate::layout::{counter, counters_of};
use crate::file::block::Block;
use crate::scan::part::ScanBlock;

/// Groups of flows: a row per key that occurs.
#[derive(Debug)]
pub struct Table {
    pub(crate) grouping: Grouping,
    /// A power of 2; a key belongs to the part that the top bits of its hash say.
    pub(crate) parts: Vec<Held>,
    pub(crate) intake: Intake,
    /// Number of the next flow that is added without one.
    next_number: u64,
    /// `intake.totals` are those of all flows, whatever the groups.
    pub(crate) has_totals: bool,
}

impl Table {
    pub(crate) fn new(grouping: &Grouping) -> Self {
        let parts = vec![Held::new(&grouping.0)];
        Self::of(grouping, parts, Intake::new(&grouping.0))
    }

    /// Of a number of parts that is a power of 2.
    pub(crate) fn of(grouping: &Grouping, parts: Vec<Held>, intake: Intake) -> Self {
        Self {
            grouping: grouping.clone(),
            parts,
            intake,
            next_number: 0,
            has_totals: grouping.0.options.separate_totals,
        }
    }

    /// Adds flows of a block: those with the `selected` indices, or else all.
    pub fn add(&mut self, block: &Block, selected: Option<&[u32]>) {
        let number = self.next_number;
        self.add_at(block, selected, number);
        self.next_number = number.saturating_add(block.len() as u64);
    }

    /// As [`add`](Self::add), where the first of these flows has this number among all flows that are
    /// counted, the next one the next number: what "first" means when tables are merged. At most 63 bits.
    pub fn add_at(&mut self, block: &Block, selected: Option<&[u32]>, number: u64) {
        self.add_some(block, selected, usize::MAX, number);
    }

    /// Adds the selected flows of a block of a scan.
    pub fn add_scanned(&mut self, block: &ScanBlock) {
        let selected = block.selected();
        self.add_some(block.block(), selected, block.len(), block.flows_before());
    }

    fn add_some(&mut self, block: &Block, selected: Option<&[u32]>, most: usize, number: u64) {
        let inner = &*self.grouping.0;
        let parts = &mut self.parts;
        self.intake
            .block(inner, block, selected, most, number, |batch, records| {
                match parts.as_mut_slice() {
                    [part] => part.absorb(inner, batch, records),
                    // Tables of several parts come from merging; adding flows to one is rare.
                    parts => {
                        let mut held = Held::new(inner);
                        held.absorb(inner, batch, records);
                        merge(inner, parts, &held);
                    }
                }
            });
    }

    /// Adds the groups of another table of the same grouping. The order of merging does not matter.
    ///
    /// # Errors
    /// [`AggregateError::OtherGrouping`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if !Arc::ptr_eq(&self.grouping.0, &other.grouping.0) {
            return Err(AggregateError::OtherGrouping);
        }
        let inner = &*self.grouping.0;
        self.intake.add_totals(inner, &other.intake.totals);
        for part in &other.parts {
            merge(inner, &mut self.parts, part);
        }
        self.next_number = self.next_number.max(other.next_number);
        Ok(())
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(Held::len).sum()
    }

    /// Whether there are no groups.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sums over all flows, each counted once whatever its keys.
    #[must_use]
    pub fn totals(&self) -> Counters {
        let totals = if self.has_totals {
            self.intake.totals
        } else {
            self.sums()
        };
        Counters::of(&totals, 0)
    }

    /// The sums of all groups.
    pub(crate) fn sums(&self) -> [u64; counter::COUNT] {
        let inner = &self.grouping.0;
        let mut sums = NOTHING;
        for row in self.parts.iter().flat_map(|part| part.dense.rows()) {
            let counters = row.get(inner.layout.key_words..).unwrap_or_default();
            dense::add(&mut sums, &counters_of(counters), inner.options.wrap);
        }
        sums
    }

    /// Memory in use, in bytes, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        let parts: usize = self.parts.iter().map(Held::bytes).sum();
        parts + self.grouping.0.texts.bytes()
    }
}

/// Adds groups to the parts that they belong to.
fn merge(inner: &Inner, parts: &mut [Held], other: &Held) {
    let none = Extra::default();
    let count = parts.len();
    for (row, extra) in other.groups(&none) {
        let hash = inner.hash(row);
        if let Some(part) = parts.get_mut(part_of(hash, count)) {
            part.absorb_one(inner, row, hash, extra);
        }
    }
}

/// Which of `count` parts, a power of 2, a hash belongs to.
#[inline]
pub(crate) fn part_of(hash: u64, count: usize) -> usize {
    // The low half of the hash gives the place within a part.
    (hash >> 32) as usize & (count - 1)
}

impl Grouping {
    /// An empty table of groups.
    #[must_use]
    pub fn table(&self) -> Table {
        Table::new(self)
    }
}

impl Inner {
    /// The hashes of the keys of rows of this many words.
    pub(crate) fn hash_all(&self, rows: &[u64], width: usize, hashes: &mut [u64]) {
        let rows = rows.chunks_exact(width);
        match self.layout.key_words {
            1 => self.hash_keys::<1>(rows, hashes),
            2 => self.hash_keys::<2>(rows, hashes),
            3 => self.hash_keys::<3>(rows, hashes),
            4 => self.hash_keys::<4>(rows, hashes),
            5 => self.hash_keys::<5>(rows, hashes),
            _ => {
                let hashes = hashes.iter_mut().zip(rows);
                hashes.for_each(|(hash, row)| *hash = self.hash(row));
            }
        }
    }

    /// As [`hash`](Self::hash), for keys of `K` words.
    fn hash_keys<'r, const K: usize>(
        &self,
        rows: impl Iterator<Item = &'r [u64]>,
        hashes: &mut [u64],
    ) {
        for (hash, row) in hashes.iter_mut().zip(rows) {
            let mut hasher = self.hasher.build_hasher();
            let key: &[u64; K] = row.first_chunk().unwrap_or(&[0; K]);
            key.iter().for_each(|word| hasher.write_u64(*word));
            *hash = hasher.finish();
        }
    }

    /// The hash of the key of a row.
    #[inline]
    pub(crate) fn hash(&self, row: &[u64]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let key = row.get(..self.layout.key_words).unwrap_or_default();
        key.iter().for_each(|word| hasher.write_u64(*word));
        hasher.finish()
    }
}
