//! The groups of one part of all keys: rows, and what does not fit into rows.

use crate::aggregate::dense::Dense;
use crate::aggregate::distinct::Distinct;
use crate::aggregate::extract::Batch;
use crate::aggregate::grouping::Inner;
use crate::aggregate::layout::counter;
use crate::aggregate::quantile::Quantiles;

/// What a group has beside its row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// The record of the first flow.
    pub(crate) first: Box<[u8]>,
    /// One for each distinct count.
    pub(crate) distinct: Box<[Distinct]>,
    /// One for each quantity.
    pub(crate) quantiles: Box<[Quantiles]>,
}

/// Groups in a table.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) dense: Dense,
    /// By number of the row; empty if the grouping needs none.
    pub(crate) extras: Vec<Extra>,
    /// Memory of the extras, about.
    extra_bytes: usize,
    found: Vec<u32>,
    /// A row with all its words.
    wide: Vec<u64>,
}

impl Held {
    pub(crate) fn new(inner: &Inner) -> Self {
        let layout = &inner.layout;
        Self {
            dense: Dense::new(layout.key_words, layout.words, inner.options.wrap),
            extras: Vec::new(),
            extra_bytes: 0,
            found: Vec::new(),
            wide: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.dense.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.dense.bytes() + self.extras.capacity() * size_of::<Extra>() + self.extra_bytes
    }

    /// Adds rows of flows.
    pub(crate) fn absorb(&mut self, inner: &Inner, batch: &Batch, records: &[(&[u8], u64)]) {
        let hashes = batch.hashes.get(..batch.count).unwrap_or_default();
        if batch.width != inner.layout.words {
            return self.dense.absorb_narrow(batch.filled(), hashes);
        }
        if !inner.has_extras() {
            return self.absorb_rows(batch.filled(), hashes);
        }
        let mut found = std::mem::take(&mut self.found);
        self.dense.absorb(batch.filled(), hashes, &mut found);
        if !inner.has_values() {
            // First flows are few: for all others nothing is looked up.
            for (number, (record, position)) in found.iter().zip(records) {
                if self.position(inner, *number) == *position {
                    let extra = self.extra(inner, *number);
                    let more = record.len() as isize - extra.first.len() as isize;
                    extra.first = (*record).into();
                    self.extra_bytes = self.extra_bytes.saturating_add_signed(more);
                }
            }
        } else {
            let distinct = inner.distinct.len();
            for (at, number) in found.iter().enumerate() {
                let values = batch.values.get(at * distinct..(at + 1) * distinct);
                let (record, position) = records.get(at).copied().unwrap_or_default();
                let is_first =
                    inner.options.keep_first && self.position(inner, *number) == position;
                let extra = self.extra(inner, *number);
                let mut more = 0;
                let quantiles = inner.quantiles.len();
                let numbers = batch.numbers.get(at * quantiles..(at + 1) * quantiles);
                for (kept, number) in extra.quantiles.iter_mut().zip(numbers.unwrap_or_default()) {
                    more -= kept.bytes() as isize;
                    number.iter().for_each(|number| kept.add(*number));
                    more += kept.bytes() as isize;
                }
                for (set, value) in extra.distinct.iter_mut().zip(values.unwrap_or_default()) {
                    more -= set.bytes() as isize;
                    set.add(*value);
                    more += set.bytes() as isize;
                }
                if is_first {
                    more += record.len() as isize - extra.first.len() as isize;
                    extra.first = record.into();
                }
                self.extra_bytes = self.extra_bytes.saturating_add_signed(more);
            }
        }
        self.found = found;
    }

    /// Adds rows, each with its hash.
    pub(crate) fn absorb_rows(&mut self, rows: &[u64], hashes: &[u64]) {
        self.dense.absorb_all(rows, hashes);
    }

    /// Adds one row, narrow or not, and what belongs to it.
    pub(crate) fn absorb_one(&mut self, inner: &Inner, row: &[u64], hash: u64, other: &Extra) {
        let mut found = std::mem::take(&mut self.found);
        inner.layout.widen(row, &mut self.wide);
        self.dense.absorb(&self.wide, &[hash], &mut found);
        if let (true, Some(number)) = (inner.has_extras(), found.first().copied()) {
            let is_first = inner.options.keep_first
                && self.position(inner, number) == number_of(inner, row) >> 1;
            let extra = self.extra(inner, number);
            let mut more = 0;
            for (kept, other) in extra.quantiles.iter_mut().zip(&other.quantiles) {
                more -= kept.bytes() as isize;
                kept.merge(other);
                more += kept.bytes() as isize;
            }
            for (set, other) in extra.distinct.iter_mut().zip(&other.distinct) {
                more -= set.bytes() as isize;
                set.merge(other);
                more += set.bytes() as isize;
            }
            if is_first {
                more += other.first.len() as isize - extra.first.len() as isize;
                extra.first = other.first.clone();
            }
            self.extra_bytes = self.extra_bytes.saturating_add_signed(more);
        }
        self.found = found;
    }

    /// Number of the first flow of a group.
    fn position(&self, inner: &Inner, number: u32) -> u64 {
        number_of(inner, self.dense.row(number)) >> 1
    }

    fn extra(&mut self, inner: &Inner, number: u32) -> &mut Extra {
        let number = number as usize;
        while self.extras.len() <= number {
            self.extras.push(Extra {
                first: Box::default(),
                distinct: vec![Distinct::default(); inner.distinct.len()].into(),
                quantiles: vec![Quantiles::default(); inner.quantiles.len()].into(),
            });
            self.extra_bytes += inner.distinct.len() * size_of::<Distinct>()
                + inner.quantiles.len() * size_of::<Quantiles>();
        }
        // The loop has made it.
        let last = self.extras.len() - 1;
        &mut self.extras[number.min(last)]
    }

    /// Each row with what belongs to it.
    pub(crate) fn groups<'h>(
        &'h self,
        none: &'h Extra,
    ) -> impl Iterator<Item = (&'h [u64], &'h Extra)> {
        let extras = self.extras.iter().chain(std::iter::repeat(none));
        self.dense.rows().zip(extras)
    }
}

pub(crate) fn number_of(inner: &Inner, row: &[u64]) -> u64 {
    let at = inner.layout.key_words + counter::NUMBER;
    row.get(at).copied().unwrap_or(0)
}
