//! What the terms `ident` and `count` need to know of a block.

use crate::flow::bytes::u16_at;

/// The file of a block, and its place among all records: for the terms `ident` and `count`.
///
/// ```
/// use nfdecode::filter::Scope;
///
/// let scope = Scope::new(Some(b"edge")).with_records_before(10_000);
/// assert_eq!(scope.ident, Some(&b"edge"[..]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope<'a> {
    /// The ident of the file; without one it is `none`.
    pub ident: Option<&'a [u8]>,
    /// Records of all kinds in earlier blocks and files: the sum of their
    /// [`numbered_records`](crate::Block::numbered_records).
    pub records_before: u64,
}

impl<'a> Scope<'a> {
    /// The first block of a file with this ident.
    #[must_use]
    pub const fn new(ident: Option<&'a [u8]>) -> Self {
        Self {
            ident,
            records_before: 0,
        }
    }

    /// Sets how many records are in earlier blocks and files. Only the term `count` needs it.
    #[must_use]
    pub const fn with_records_before(mut self, records: u64) -> Self {
        self.records_before = records;
        self
    }

    /// The ident that the term `ident` compares.
    pub(crate) fn ident_or_none(ident: Option<&[u8]>) -> &[u8] {
        ident.unwrap_or(b"none")
    }
}

/// Running numbers of records of all kinds, from 1.
pub(crate) struct RecordNumbers<'a> {
    data: &'a [u8],
    position: usize,
    number: u64,
}

impl<'a> RecordNumbers<'a> {
    pub(crate) fn new(data: &'a [u8], before: u64) -> Self {
        Self {
            data,
            position: 0,
            number: before + 1,
        }
    }

    /// The number of the record at this offset, which must not be below that of the last call.
    pub(crate) fn of(&mut self, at: usize) -> u64 {
        while self.position < at {
            let size = u16_at(self.data, self.position + 2);
            // A record of size 0 does not advance the index either.
            self.position += usize::from(size.max(1));
            self.number += 1;
        }
        self.number
    }
}
