//! The blocks of a part of a file, for readers that divide a file among themselves.
//!
//! Lists blocks only. Does not read them, and does not choose the parts.

use std::iter::FusedIterator;
use std::ops::Range;

use crate::error::Result;
use crate::file::block::BlockRef;
use crate::file::handle::{File, IntoBlockRefs};

impl File {
    /// The blocks whose header begins in a range of bytes: from `start`, up to but without `end`.
    ///
    /// Ranges that cover a file without overlap, such as those of engines that split files, give each block once.
    /// The last one also has what is found at or beyond the end of the file. An error belongs to the range in which
    /// [its offset](crate::Error::offset) lies.
    ///
    /// Files of layout 1 cannot be divided, because their blocks need extension maps of earlier ones; files of
    /// layout 3 are not, because they have a directory of their blocks. The range that begins at 0 has all their blocks,
    /// the others none.
    ///
    /// Each range walks the headers of the blocks before it: a read of some bytes for each.
    ///
    /// ```
    /// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
    /// let size = file.header().file_size;
    /// let halves = [0..size / 2, size / 2..size];
    /// let blocks: usize = halves.map(|half| file.clone().into_block_refs_in(half).count()).iter().sum();
    /// assert_eq!(blocks, file.block_refs().count());
    /// # Ok::<(), nfdecode::Error>(())
    /// ```
    #[must_use]
    pub fn into_block_refs_in(self, range: Range<u64>) -> BlockRefsIn {
        let header = self.header();
        let is_divisible = header.layout == 2;
        let range = match (is_divisible, range.start) {
            (false, 0) => 0..u64::MAX,
            (false, _) => 0..0,
            (true, _) if range.end >= header.file_size => range.start..u64::MAX,
            (true, _) => range,
        };
        BlockRefsIn {
            refs: (!range.is_empty()).then(|| self.into_block_refs()),
            range,
        }
    }
}

/// The places of the blocks of a range, see [`File::into_block_refs_in`].
#[derive(Debug)]
pub struct BlockRefsIn {
    refs: Option<IntoBlockRefs>,
    range: Range<u64>,
}

impl Iterator for BlockRefsIn {
    type Item = Result<BlockRef>;

    fn next(&mut self) -> Option<Result<BlockRef>> {
        loop {
            let found = self.refs.as_mut()?.next();
            let offset = match &found {
                Some(Ok(block)) => block.offset(),
                Some(Err(error)) => error.offset(),
                None => {
                    self.refs = None;
                    return None;
                }
            };
            if self.range.contains(&offset) {
                return found;
            }
            // Blocks lie one behind the other. The place of an error may be behind the block that comes next.
            if offset >= self.range.end && matches!(found, Some(Ok(_))) {
                self.refs = None;
            }
        }
    }
}

impl FusedIterator for BlockRefsIn {}
