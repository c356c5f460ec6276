//! A few hundred rows, grouped by shape.
//!
//! A column finds out once for all rows of a shape where its field lies. Per row it only copies bytes,
//! and the shape alone says which rows have a value.

use std::ops::Range;

use crate::columns::rows::Row;

/// Rows that all columns read before the next ones, so that the records stay in the cache.
pub(crate) const STRIDE: usize = 512;
/// Words with a bit for each row.
const WORDS: usize = STRIDE / 64;
/// A shape that no row of the stride has.
const NO_GROUP: u16 = u16::MAX;

/// A bit for each row of a stride.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bits([u64; WORDS]);

impl Bits {
    #[inline]
    pub(crate) fn set(&mut self, number: usize, value: bool) {
        self.0[number / 64 % WORDS] |= u64::from(value) << (number % 64);
    }

    #[inline]
    pub(crate) fn add(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    /// Each word with the number of rows it covers, of `count` rows.
    pub(crate) fn words(&self, count: usize) -> impl Iterator<Item = (u64, usize)> {
        let counts = (0..count)
            .step_by(64)
            .map(move |start| (count - start).min(64));
        self.0.into_iter().zip(counts)
    }
}

/// The rows of one shape.
#[derive(Debug)]
pub(crate) struct Group {
    /// Its number in the shapes of the rows.
    pub(crate) shape: usize,
    /// Which rows these are.
    pub(crate) rows: Bits,
    members: Range<usize>,
}

/// Rows of one stride at a time.
pub(crate) struct Stride<'r, 'a> {
    /// How many strides of the batch come before.
    number: usize,
    rows: &'r [Row<'a>],
    groups: Vec<Group>,
    /// Records and numbers of rows, group by group.
    records: [&'a [u8]; STRIDE],
    numbers: [u16; STRIDE],
    /// The group of each shape.
    by_shape: Vec<u16>,
}

impl<'r, 'a> Stride<'r, 'a> {
    /// A stride without rows, for rows of this many shapes.
    pub(crate) fn new(shapes: usize) -> Self {
        Self {
            number: 0,
            rows: &[],
            groups: Vec::new(),
            records: [&[]; STRIDE],
            numbers: [0; STRIDE],
            by_shape: vec![NO_GROUP; shapes],
        }
    }

    /// Replaces its rows by these, at most [`STRIDE`] of them. `number` counts the strides of the batch.
    pub(crate) fn set(&mut self, number: usize, rows: &'r [Row<'a>]) {
        let rows = rows.get(..STRIDE).unwrap_or(rows);
        self.number = number;
        self.rows = rows;
        for group in self.groups.drain(..) {
            if let Some(known) = self.by_shape.get_mut(group.shape) {
                *known = NO_GROUP;
            }
        }
        let mut group_of = [0_u16; STRIDE];
        for ((number, row), group_of) in rows.iter().enumerate().zip(&mut group_of) {
            let shape = row.shape as usize;
            let Some(known) = self.by_shape.get_mut(shape) else {
                continue;
            };
            if *known == NO_GROUP {
                // There are at most as many groups as rows.
                *known = u16::try_from(self.groups.len()).unwrap_or(NO_GROUP);
                self.groups.push(Group {
                    shape,
                    rows: Bits::default(),
                    members: 0..0,
                });
            }
            *group_of = *known;
            if let Some(group) = self.groups.get_mut(usize::from(*known)) {
                group.members.end += 1;
                group.rows.set(number, true);
            }
        }
        let mut start = 0;
        for group in &mut self.groups {
            let count = group.members.end;
            // The end advances with each row that is added below.
            group.members = start..start;
            start += count;
        }
        for ((number, row), group) in (0..).zip(rows).zip(group_of) {
            if let Some(group) = self.groups.get_mut(usize::from(group)) {
                let place = group.members.end % STRIDE;
                self.records[place] = row.record;
                self.numbers[place] = number;
                group.members.end += 1;
            }
        }
    }

    pub(crate) fn rows(&self) -> &'r [Row<'a>] {
        self.rows
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The rows of a group: their number, below [`STRIDE`], and record.
    #[inline]
    pub(crate) fn members(&self, group: &Group) -> impl Iterator<Item = (usize, &'a [u8])> {
        let range = group.members.clone();
        let numbers = self.numbers.get(range.clone()).unwrap_or_default();
        let records = self.records.get(range).unwrap_or_default();
        numbers
            .iter()
            .zip(records)
            .map(|(number, record)| (usize::from(*number) % STRIDE, *record))
    }

    /// The part of the values of a batch that belongs to its rows.
    #[inline]
    pub(crate) fn part_of<'v, T>(&self, values: &'v mut [T]) -> Option<&'v mut [T; STRIDE]> {
        values.as_chunks_mut().0.get_mut(self.number)
    }
}
