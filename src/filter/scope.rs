//! Where the flows of a block are in their files: what the terms `ident` and `count` refer to.

/// Where the flows of a block stand: what the terms `ident` and `count` need to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// The ident of the file; without one it is `none`.
    pub ident: Option<&'a [u8]>,
    /// Records of all kinds in the blocks and files before, the sum of their [`numbered_records`](crate::Block::numbered_records).
    pub records_before: u64,
}

/// Running numbers of records: all kinds count.
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

    /// The number of the record at this place, which must not be before that of the last call.
    pub(crate) fn of(&mut self, at: usize) -> u64 {
        while self.position < at {
            let size = crate::flow::bytes::u16_at(self.data, self.position + 2);
            // A record of no size is not passed by the index either.
            self.position += usize::from(size.max(1));
            self.number += 1;
        }
        self.number
    }
}
