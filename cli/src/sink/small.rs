//! Flows of blocks that are too small to be written by themselves: a batch or row group of each would cost many times
//! what its flows do.
//!
//! Does not write: it collects copies of such flows, in order, until there are enough of them.

use std::sync::Arc;

use nfdecode::columns::{OwnedRows, Rows};
use nfdecode::scan::ScanFile;

/// Rows, and bytes of their records, from which on they are written by themselves.
const SMALL_ROWS: usize = 4096;
const SMALL_BYTES: usize = 1 << 20;

/// Rows, bytes and files that are collected at most, apart from what is added last. Files stay open meanwhile.
const ROWS: usize = 1 << 14;
const BYTES: usize = 8 << 20;
const FILES: usize = 16;

/// Copies of rows, and the files that they come from, by number.
#[derive(Default)]
pub(crate) struct Small {
    rows: OwnedRows,
    files: Vec<Arc<ScanFile>>,
}

impl Small {
    /// Copies of these rows, if they are few.
    pub(crate) fn of(rows: &Rows<'_>, files: &[Arc<ScanFile>]) -> Option<Self> {
        let is_small = rows.len() < SMALL_ROWS && rows.record_bytes() < SMALL_BYTES;
        is_small.then(|| {
            let mut small = Self::default();
            small.append(rows, files);
            small
        })
    }

    fn append(&mut self, rows: &Rows<'_>, files: &[Arc<ScanFile>]) {
        let numbers = files.iter().map(|file| self.number_of(file));
        let numbers = numbers.collect::<Vec<_>>();
        self.rows.append(rows, &numbers);
    }

    /// Files come in their order, so that only the last one can be known.
    fn number_of(&mut self, file: &Arc<ScanFile>) -> u32 {
        if self
            .files
            .last()
            .is_none_or(|last| !Arc::ptr_eq(last, file))
        {
            self.files.push(Arc::clone(file));
        }
        // There are at most some dozen.
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds the rows of `next`.
    pub(crate) fn add(&mut self, next: Self) {
        if self.rows.is_empty() {
            *self = next;
            return;
        }
        self.append(&next.rows.rows(), &next.files);
    }

    /// Whether there are enough rows to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.rows.record_bytes() >= BYTES || self.files.len() >= FILES
    }

    /// The rows and their files; `None` if there are none.
    pub(crate) fn rows(&self) -> Option<(Rows<'_>, &[Arc<ScanFile>])> {
        (!self.rows.is_empty()).then(|| (self.rows.rows(), self.files.as_slice()))
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.files.clear();
    }
}
