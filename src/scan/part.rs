//! What a scan hands out: files, blocks with their selected flows, and places that cannot be read.

use std::iter::FusedIterator;
use std::slice;
use std::sync::Arc;

use crate::error::Error;
use crate::file::block::{Block, BlockRef, Flows};
use crate::file::handle::{File, Position};
use crate::file::names::Names;
use crate::flow::view::Flow;
use crate::scan::input::ScanInput;

/// A part of the files of a scan, in the order of files and blocks.
#[derive(Debug)]
#[non_exhaustive]
pub enum Part {
    /// A file was opened. Its other parts follow, up to its `End`.
    Start(Arc<ScanFile>),
    /// A block, perhaps damaged in part.
    Block(Box<ScanBlock>),
    /// A place in a file that cannot be read.
    Gap(Gap),
    /// The end of a file.
    End(FileEnd),
    /// A file that could not be opened.
    Refused(Error),
}

/// An open file of a scan.
#[derive(Debug)]
pub struct ScanFile {
    pub(crate) input: ScanInput,
    pub(crate) file: File,
    pub(crate) is_skipped: bool,
    pub(crate) names: Option<Arc<Names>>,
}

impl ScanFile {
    /// What was opened.
    #[must_use]
    pub fn input(&self) -> &ScanInput {
        &self.input
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The name under which its flows are shown.
    #[must_use]
    pub fn name(&self) -> &str {
        self.input.name()
    }

    /// Whether its blocks are not read, since it cannot hold selected flows.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.is_skipped
    }

    /// The names in this file and those before it, if the scan [collects](crate::Scan::names) them.
    #[must_use]
    pub fn names(&self) -> Option<&Arc<Names>> {
        self.names.as_ref()
    }
}

/// A block of a scan with its selected flows.
#[derive(Debug)]
pub struct ScanBlock {
    pub(crate) file: Arc<ScanFile>,
    pub(crate) block: Block,
    /// Ascending indices; `None`: all flows.
    pub(crate) selected: Option<Vec<u32>>,
    pub(crate) flows_before: u64,
    pub(crate) flows_before_in_file: u64,
    pub(crate) records_before: u64,
    pub(crate) next: Position,
    /// How many of the selected flows are within the limit of the scan.
    pub(crate) take: usize,
}

impl ScanBlock {
    /// The file that the block belongs to.
    #[must_use]
    pub fn file(&self) -> &Arc<ScanFile> {
        &self.file
    }

    /// The decoded block, with all its flows and its damage.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// Where the block is in its file.
    #[must_use]
    pub fn position(&self) -> BlockRef {
        self.block.position()
    }

    /// Where the next block of its file begins, for [`ScanInput::starting_at`].
    #[must_use]
    pub fn next_position(&self) -> Position {
        self.next
    }

    /// What is wrong with the block, if it is damaged in part.
    #[must_use]
    pub fn damage(&self) -> Option<&Error> {
        self.block.damage()
    }

    /// Ascending indices of the selected flows within the limit; `None` if these are all flows of the block up
    /// to [`len`](Self::len).
    #[must_use]
    pub fn selected(&self) -> Option<&[u32]> {
        let selected = self.selected.as_deref()?;
        Some(selected.get(..self.take).unwrap_or(selected))
    }

    /// The selected flows within the limit, in stored order. No allocation, no copy.
    #[must_use]
    pub fn flows(&self) -> ScanFlows<'_> {
        let kind = match self.selected() {
            Some(selected) => Kind::Some(&self.block, selected.iter()),
            None => Kind::All(self.block.flows().take(self.take)),
        };
        ScanFlows(kind)
    }

    /// How many flows [`flows`](Self::flows) gives.
    #[must_use]
    pub fn len(&self) -> usize {
        self.take
    }

    /// Whether [`flows`](Self::flows) gives none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.take == 0
    }

    /// Selected flows in all blocks and files before.
    #[must_use]
    pub fn flows_before(&self) -> u64 {
        self.flows_before
    }

    /// Selected flows in the blocks before in the same file.
    #[must_use]
    pub fn flows_before_in_file(&self) -> u64 {
        self.flows_before_in_file
    }

    /// Records of all kinds in all blocks and files before, as the filter term `count` numbers them.
    #[must_use]
    pub fn records_before(&self) -> u64 {
        self.records_before
    }
}

impl<'a> IntoIterator for &'a ScanBlock {
    type Item = Flow<'a>;
    type IntoIter = ScanFlows<'a>;

    fn into_iter(self) -> ScanFlows<'a> {
        self.flows()
    }
}

/// The selected flows of a block, see [`ScanBlock::flows`].
#[derive(Clone, Debug)]
pub struct ScanFlows<'a>(Kind<'a>);

#[derive(Clone, Debug)]
enum Kind<'a> {
    All(std::iter::Take<Flows<'a>>),
    Some(&'a Block, slice::Iter<'a, u32>),
}

impl<'a> Iterator for ScanFlows<'a> {
    type Item = Flow<'a>;

    #[inline]
    fn next(&mut self) -> Option<Flow<'a>> {
        match &mut self.0 {
            Kind::All(flows) => flows.next(),
            Kind::Some(block, indices) => block.flow(usize::try_from(*indices.next()?).ok()?),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Kind::All(flows) => flows.size_hint(),
            Kind::Some(_, indices) => indices.size_hint(),
        }
    }
}

impl FusedIterator for ScanFlows<'_> {}

/// A place in a file that cannot be read.
#[derive(Debug)]
pub struct Gap {
    pub(crate) file: Arc<ScanFile>,
    pub(crate) position: Option<BlockRef>,
    pub(crate) error: Error,
}

impl Gap {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<ScanFile> {
        &self.file
    }

    /// The block that cannot be read; `None` for damage between blocks.
    #[must_use]
    pub fn position(&self) -> Option<BlockRef> {
        self.position
    }

    /// Why it cannot be read.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }
}

/// The end of a file.
#[derive(Debug)]
pub struct FileEnd {
    pub(crate) file: Arc<ScanFile>,
    pub(crate) flows: u64,
    pub(crate) is_whole: bool,
    pub(crate) position: Position,
}

impl FileEnd {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<ScanFile> {
        &self.file
    }

    /// Selected flows in the file.
    #[must_use]
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// Where reading stopped: behind the last block, or where the chain of blocks breaks off. See
    /// [`BlockRefs::position`](crate::file::BlockRefs::position).
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether the file was read to its end, rather than skipped or left at the limit of the scan.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}
