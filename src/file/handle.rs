//! An nfcapd file: header, ident, statistics, and its blocks in stored order.

use std::iter::FusedIterator;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::block::{Block, BlockRef, Pool};
#[cfg(feature = "encryption")]
use crate::file::decrypt::Unlocked;
use crate::file::header::{Compression, Header, Statistics};
use crate::file::names::Names;
use crate::file::options::OpenOptions;
use crate::flow::owned::OwnedFlow;
use crate::raw::{RawCursor, RawFile, RawInfo};

impl OpenOptions {
    /// Opens a file by path.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io), or why the file is not readable as nfcapd file;
    /// [`ErrorKind::Encrypted`](crate::ErrorKind::Encrypted) without a passphrase,
    /// [`ErrorKind::WrongKey`](crate::ErrorKind::WrongKey) with another one.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        self.open_as(path.as_ref(), path.as_ref())
    }

    /// As [`open`](Self::open), for a file that errors and [`File::path`] know under another name, such as a
    /// temporary copy.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_as(&self, path: &Path, called: &Path) -> Result<File> {
        self.finish(RawFile::open(path, self.flags()), Some(called))
    }

    /// Reads a file that is already open: obtained by another way than its path, or identified by
    /// its inode rather than its name. `called` is its name in errors and [`File::path`].
    ///
    /// It is read by position: the file offset is neither used nor changed, and pipes are
    /// rejected. Others may read the same open file meanwhile.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_file(&self, file: std::fs::File, called: impl AsRef<Path>) -> Result<File> {
        self.finish(
            RawFile::from_file(file, self.flags()),
            Some(called.as_ref()),
        )
    }

    fn opened(&self, raw: RawFile, path: Option<Arc<Path>>) -> Result<File> {
        Ok(File {
            #[cfg(feature = "encryption")]
            unlocked: self.unlock(&raw)?,
            raw: Arc::new(raw),
            pool: Arc::default(),
            path,
        })
    }

    fn finish(&self, raw: Result<RawFile>, called: Option<&Path>) -> Result<File> {
        let path: Option<Arc<Path>> = called.map(Into::into);
        let opened = raw.and_then(|raw| self.opened(raw, path.clone()));
        opened.map_err(|error| match &path {
            Some(path) => error.in_file(path),
            None => error,
        })
    }

    #[cfg(feature = "encryption")]
    fn unlock(&self, raw: &RawFile) -> Result<Option<Arc<Unlocked>>> {
        let Some(passphrase) = self.passphrase_of() else {
            return Ok(None);
        };
        Ok(Unlocked::new(raw, passphrase, self.is_partial())?.map(Arc::new))
    }

    /// Opens a file that is in memory.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(&self, bytes: impl Into<Arc<[u8]>>) -> Result<File> {
        self.finish(RawFile::from_memory(bytes.into(), self.flags()), None)
    }
}

/// An open nfcapd file.
///
/// Opening reads the header, the ident and the statistics only. A `File` is `Send`, `Sync`
/// and cheap to clone: clones share the open file, and blocks can be loaded from many threads.
///
/// ```
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let mut total = 0;
/// for block in file.blocks() {
///     for flow in block?.flows() {
///         if flow.dst_port() == Some(443) {
///             total += flow.in_bytes().unwrap_or(0);
///         }
///     }
/// }
/// assert_eq!(total, 3005);
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Clone)]
pub struct File {
    raw: Arc<RawFile>,
    /// What the blocks of an encrypted file are decrypted with.
    #[cfg(feature = "encryption")]
    unlocked: Option<Arc<Unlocked>>,
    pool: Arc<Pool>,
    path: Option<Arc<Path>>,
}

impl File {
    /// Opens a file by path.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io), or why the file is not readable as nfcapd file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open(path)
    }

    /// Opens an unfinished or truncated file and reads whatever can be recovered: all whole blocks up to the end,
    /// whatever the header announces. For a collector's current file, and after a crash or a full disk.
    ///
    /// A truncated last block is an [`ErrorKind::Truncated`](crate::ErrorKind::Truncated) at the end of
    /// iteration; to recover a part of it, see [`OpenOptions::cut_block`]. To read on when the file has
    /// grown, see [`BlockRefs::position`].
    ///
    /// # Errors
    /// As for [`open`](Self::open), but not because the end of the file is missing.
    pub fn open_partial(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().partial(true).open(path)
    }

    /// Opens a file that is in memory.
    ///
    /// # Errors
    /// Why the bytes are not readable as nfcapd file.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self> {
        OpenOptions::new().from_bytes(bytes)
    }

    /// As [`open_partial`](Self::open_partial) for a file in memory.
    ///
    /// # Errors
    /// As for [`from_bytes`](Self::from_bytes), but not because the end of the file is missing.
    pub fn from_partial_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self> {
        OpenOptions::new().partial(true).from_bytes(bytes)
    }

    /// The path it was opened by, or what it was [said to be called](OpenOptions::open_file).
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The name given to the data by the collector; any bytes. `None` without (intact) appendix.
    #[must_use]
    pub fn ident(&self) -> Option<&[u8]> {
        let info = self.info();
        if info.has_ident == 0 {
            return None;
        }
        info.ident.get(..info.ident_length as usize)
    }

    /// The writer's statistics; `None` without (intact) appendix.
    #[must_use]
    pub fn statistics(&self) -> Option<Statistics> {
        let info = self.info();
        (info.has_stat != 0).then(|| Statistics::from_raw(&info.stat))
    }

    /// The number of flows announced in the statistics, where it can be compared with what is read.
    /// nfpcapd of nfdump 1.8 does not reset its counters between files, so that its numbers are too high.
    #[must_use]
    pub fn announced_flows(&self) -> Option<u64> {
        const NFPCAPD: u32 = 2;
        let info = self.info();
        let counts_on = info.layout == 3 && info.creator == NFPCAPD;
        (info.has_stat != 0 && !counts_on).then_some(info.stat.flows)
    }

    /// When the first and the last flow were seen, in ms, according to the statistics, if these are reliable.
    ///
    /// Collectors do not count the times of firewall events and of NAT events: files that contain only such events have
    /// none, or the bounds of their slot, which are whole seconds. Those of nfdump 1.8 count few flows.
    #[must_use]
    pub fn counted_times(&self) -> Option<(u64, u64)> {
        let statistics = self.statistics().filter(|_| self.info().layout != 3)?;
        let first = statistics.first_seen?.as_millis();
        let last = statistics.last_seen?.as_millis();
        let is_slot = first % 1000 == 0 && last % 1000 == 0;
        (first < last && !is_slot).then_some((first, last))
    }

    /// The file header.
    #[must_use]
    pub fn header(&self) -> Header {
        let info = self.info();
        Header {
            layout: info.layout,
            compression: Compression::from_id(info.compression),
            writer_version: info.nfdversion,
            created: info.created,
            creator: info.creator,
            blocks: info.num_blocks,
            appendix_blocks: info.appendix_blocks,
            appendix_offset: info.appendix_offset,
            file_size: info.file_size,
            unfinished: info.unfinished != 0,
            encrypted: info.crypto.header_size != 0,
        }
    }

    /// Why ident and statistics are missing, if the appendix is damaged. Flows are not affected.
    ///
    /// Layout 3: damage of directory, footer, ident or statistics that does not prevent reading the
    /// file.
    #[must_use]
    pub fn appendix_damage(&self) -> Option<Error> {
        let found = self.raw.damage(self.info());
        #[cfg(feature = "encryption")]
        let found = found.or_else(|| self.unlocked.as_ref()?.damage.clone());
        found.map(|error| self.named(error))
    }

    /// The blocks in stored order, decoded one after the other.
    ///
    /// An `Err` reports a block that is lost, or a chain that breaks off; iteration continues
    /// at the next sound block found, and ends if there is none. A block
    /// that is partly readable is `Ok`, see [`Block::damage`].
    #[must_use]
    pub fn blocks(&self) -> Blocks<'_> {
        Blocks {
            refs: self.block_refs(),
        }
    }

    /// The blocks in stored order, not yet read: for [`load`](Self::load), perhaps elsewhere.
    #[must_use]
    pub fn block_refs(&self) -> BlockRefs<'_> {
        BlockRefs {
            file: self,
            cursor: RawCursor::default(),
        }
    }

    /// As [`block_refs`](Self::block_refs), from where an earlier reading of the same file stopped.
    #[must_use]
    pub fn block_refs_from(&self, position: Position) -> BlockRefs<'_> {
        BlockRefs {
            file: self,
            cursor: position.0,
        }
    }

    /// As [`block_refs`](Self::block_refs), without borrowing the file.
    #[must_use]
    pub fn into_block_refs(self) -> IntoBlockRefs {
        self.into_block_refs_from(Position::default())
    }

    /// As [`block_refs_from`](Self::block_refs_from), without borrowing the file.
    #[must_use]
    pub fn into_block_refs_from(self, position: Position) -> IntoBlockRefs {
        IntoBlockRefs {
            file: self,
            cursor: position.0,
        }
    }

    /// The same file, whose blocks share their buffers with those of others.
    pub(crate) fn with_buffers_of(mut self, pool: &Arc<Pool>) -> Self {
        self.pool = Arc::clone(pool);
        self
    }

    /// Reads and decodes one block. May be called from any number of threads at once.
    ///
    /// Flows of layout 1 need extension maps, which may be in any block before theirs. Loading blocks
    /// in order, on however many threads, decompresses each once; loading one in the middle of such a
    /// file may require reading those before it.
    ///
    /// # Errors
    /// The block cannot be read, decompressed, or is of an unknown type. Other blocks can.
    pub fn load(&self, found: BlockRef) -> Result<Block> {
        #[cfg(feature = "encryption")]
        let loaded = match &self.unlocked {
            Some(unlocked) => Block::load_with(&self.pool, found, |raw| {
                raw.decode(&found.0, |bytes| {
                    unlocked.read_block(&self.raw, &found.0, bytes)
                })
            }),
            None => Block::load(&self.raw, &self.pool, found),
        };
        #[cfg(not(feature = "encryption"))]
        let loaded = Block::load(&self.raw, &self.pool, found);
        match loaded {
            Ok(mut block) => {
                block.name_damage(|error| self.named(error));
                block.set_layout(self.info().layout);
                Ok(block)
            }
            Err(error) => Err(self.named(error)),
        }
    }

    /// Copies of all flows in stored order: convenient, and slower than [`blocks`](Self::blocks).
    ///
    /// Errors as for [`blocks`](Self::blocks); damage inside a block is returned after its flows.
    pub fn flows(&self) -> impl Iterator<Item = Result<OwnedFlow>> + '_ {
        self.blocks().flat_map(owned_flows)
    }

    /// Exporters, samplers and names. Reads the whole file, since these may be in any block.
    ///
    /// Blocks that cannot be read contribute nothing; [`Names::unread`] has the error, unless it is damage.
    #[must_use]
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        self.collect_names(&mut names);
        names
    }

    /// As [`names`](Self::names), into names that were collected before, perhaps from other files.
    pub fn collect_names(&self, names: &mut Names) {
        for block in self.blocks() {
            match block {
                Ok(block) => names.collect(&block),
                Err(error) => names.lost(error),
            }
        }
    }

    fn next_ref(&self, cursor: &mut RawCursor) -> Option<Result<BlockRef>> {
        let found = self.raw.next(cursor)?;
        Some(found.map(BlockRef).map_err(|error| self.named(error)))
    }

    fn info(&self) -> &RawInfo {
        #[cfg(feature = "encryption")]
        if let Some(unlocked) = &self.unlocked {
            return &unlocked.info.0;
        }
        self.raw.info()
    }

    fn named(&self, error: Error) -> Error {
        match &self.path {
            Some(path) => error.in_file(path),
            None => error,
        }
    }
}

/// Copies of the flows of a block, then its damage.
pub(crate) fn owned_flows(block: Result<Block>) -> Vec<Result<OwnedFlow>> {
    match block {
        Ok(block) => {
            let flows = block.flows().map(|flow| Ok(flow.to_owned_flow()));
            flows.chain(block.damage().cloned().map(Err)).collect()
        }
        Err(error) => vec![Err(error)],
    }
}

impl<'a> IntoIterator for &'a File {
    type Item = Result<Block>;
    type IntoIter = Blocks<'a>;

    fn into_iter(self) -> Blocks<'a> {
        self.blocks()
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("header", &self.header())
            .finish_non_exhaustive()
    }
}

/// The blocks of a file, see [`File::blocks`].
#[derive(Debug)]
pub struct Blocks<'a> {
    refs: BlockRefs<'a>,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        let found = self.refs.next()?;
        Some(found.and_then(|found| self.refs.file.load(found)))
    }
}

impl FusedIterator for Blocks<'_> {}

/// A place between two blocks of a file; the default is the start. Stays valid when the file grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position(RawCursor);

impl Position {
    /// A position that [`offset`](Self::offset) and [`block`](Self::block) returned earlier, perhaps in another
    /// process. In a file that has no block there, or none any more, reading continues with the next
    /// sound block found; the start of a file is `Position::new(0, 0)`.
    #[must_use]
    pub fn new(offset: u64, block: u32) -> Self {
        Self(RawCursor {
            offset,
            index: block,
            ..RawCursor::default()
        })
    }

    /// Bytes from the start of the file; 0 means the first block.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Number of the next block.
    #[must_use]
    pub fn block(&self) -> u32 {
        self.0.index
    }
}

impl BlockRefs<'_> {
    /// Where the next block begins, or where the chain broke off. To follow a file that a collector
    /// is writing: read its blocks, remember the position, and later open the file again with
    /// [`File::open_partial`] and continue with [`File::block_refs_from`]. Use `open_partial` each time: the part of
    /// a truncated last block that [`File::open`] and [`OpenOptions::cut_block`] return would be returned again.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(RawCursor {
            ended: 0,
            ..self.cursor
        })
    }
}

/// The places of a file's blocks, see [`File::block_refs`].
#[derive(Debug)]
pub struct BlockRefs<'a> {
    file: &'a File,
    cursor: RawCursor,
}

impl Iterator for BlockRefs<'_> {
    type Item = Result<BlockRef>;

    fn next(&mut self) -> Option<Result<BlockRef>> {
        self.file.next_ref(&mut self.cursor)
    }
}

impl FusedIterator for BlockRefs<'_> {}

/// The places of a file's blocks, see [`File::into_block_refs`].
#[derive(Debug)]
pub struct IntoBlockRefs {
    file: File,
    cursor: RawCursor,
}

impl IntoBlockRefs {
    /// As [`BlockRefs::position`].
    #[must_use]
    pub fn position(&self) -> Position {
        Position(RawCursor {
            ended: 0,
            ..self.cursor
        })
    }
}

impl Iterator for IntoBlockRefs {
    type Item = Result<BlockRef>;

    fn next(&mut self) -> Option<Result<BlockRef>> {
        self.file.next_ref(&mut self.cursor)
    }
}

impl FusedIterator for IntoBlockRefs {}
