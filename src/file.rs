//! An nfcapd file: header, ident, statistics, and its blocks in stored order.

use std::borrow::Cow;
use std::iter::FusedIterator;
use std::path::Path;
use std::sync::Arc;

use crate::block::{Block, BlockRef, Pool};
#[cfg(feature = "encryption")]
use crate::encryption::Passphrase;
use crate::error::{Error, Result};
use crate::flow::OwnedFlow;
use crate::names::Names;
use crate::raw::{RawCursor, RawFile, RawInfo};
use crate::time::Timestamp;

/// How to open a file: what [`File::open`], [`File::open_partial`] and the like do, and encrypted files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct OpenOptions {
    partial: bool,
    cut_block: bool,
    #[cfg(feature = "encryption")]
    passphrase: Option<Passphrase>,
}

impl OpenOptions {
    /// As [`File::open`] does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to take what is there of an unfinished or truncated file, see [`File::open_partial`].
    pub fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    /// With [`partial`](Self::partial): whether to take also what is there of a last block that the end of the
    /// file cuts. It comes after the error that tells of it.
    ///
    /// Not for a file that is still written and read on later from [`BlockRefs::position`]: that stays
    /// where the block begins, so that its flows come again. Blocks of encrypted files are only taken whole,
    /// for else nobody could tell whether they were changed.
    pub fn cut_block(mut self, cut_block: bool) -> Self {
        self.cut_block = cut_block;
        self
    }

    /// The passphrase of encrypted files (layout 3). Others are opened all the same.
    ///
    /// A file that does not match the code in its footer is refused with
    /// [`ErrorKind::Checksum`](crate::ErrorKind::Checksum), unless opened [partially](Self::partial); a
    /// block that was changed is an error of its own with the same kind.
    #[cfg(feature = "encryption")]
    pub fn passphrase(mut self, passphrase: Passphrase) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// Opens a file by path.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io), or why the file is not readable as nfcapd file;
    /// [`ErrorKind::Encrypted`](crate::ErrorKind::Encrypted) without a passphrase,
    /// [`ErrorKind::WrongKey`](crate::ErrorKind::WrongKey) with another one.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        self.open_as(path.as_ref(), path.as_ref())
    }

    /// As [`open`](Self::open), for a file that is called something else.
    pub(crate) fn open_as(&self, path: &Path, called: &Path) -> Result<File> {
        Self::called(RawFile::open(path, self), called)
    }

    /// Takes a file that is open for reading already: come by some other way than its path, or known by
    /// its inode rather than its name. `called` is what errors and [`File::path`] call it.
    ///
    /// It is read by position: where it stands does not matter and is not moved, and what is a pipe is
    /// refused. Others may read the same open file meanwhile.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_file(&self, file: std::fs::File, called: impl AsRef<Path>) -> Result<File> {
        Self::called(RawFile::from_file(file, self), called.as_ref())
    }

    fn called(raw: Result<RawFile>, called: &Path) -> Result<File> {
        let called: Arc<Path> = called.into();
        match raw {
            Ok(raw) => Ok(File {
                raw: Arc::new(raw),
                pool: Arc::default(),
                path: Some(called),
            }),
            Err(error) => Err(error.in_file(&called)),
        }
    }

    /// Opens a file that is in memory.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(&self, bytes: impl Into<Arc<[u8]>>) -> Result<File> {
        Ok(File {
            raw: Arc::new(RawFile::from_memory(bytes.into(), self)?),
            pool: Arc::default(),
            path: None,
        })
    }

    /// Whether to take all that can be had of a file that is not read on later.
    #[cfg(feature = "arrow")]
    pub(crate) fn salvage(self, wanted: bool) -> Self {
        self.partial(wanted).cut_block(wanted)
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.partial
    }

    pub(crate) fn takes_cut_block(&self) -> bool {
        self.cut_block
    }

    #[cfg(feature = "encryption")]
    pub(crate) fn passphrase_of(&self) -> Option<&Passphrase> {
        self.passphrase.as_ref()
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

    /// Opens an unfinished or truncated file and takes what is there: all whole blocks up to the end,
    /// whatever the header announces. For a collector's current file, and after a crash or a full disk.
    ///
    /// A cut last block is an [`ErrorKind::Truncated`](crate::ErrorKind::Truncated) at the end of
    /// iteration; for what is there of it, see [`OpenOptions::cut_block`]. To read on when the file has
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

    /// The number of flows that the statistics tell of, where it can be held against what is read.
    /// nfpcapd of nfdump 1.8 counts on from file to file, so that its numbers are too high.
    #[must_use]
    pub fn announced_flows(&self) -> Option<u64> {
        const NFPCAPD: u32 = 2;
        let info = self.info();
        let counts_on = info.layout == 3 && info.creator == NFPCAPD;
        (info.has_stat != 0 && !counts_on).then_some(info.stat.flows)
    }

    /// When the first and the last flow were seen, in ms, as the statistics tell, if these can be gone by.
    ///
    /// Collectors do not count the times of firewall events and of NAT events: files of nothing else have
    /// none, or the bounds of their slot, which are whole seconds. Those of nfdump 1.8 count few flows.
    #[cfg(feature = "filter")]
    pub(crate) fn counted_times(&self) -> Option<(u64, u64)> {
        let statistics = self.statistics().filter(|_| self.info().layout != 3)?;
        let first = statistics.first_seen?.as_millis();
        let last = statistics.last_seen?.as_millis();
        let is_slot = first % 1000 == 0 && last % 1000 == 0;
        (first < last && !is_slot).then_some((first, last))
    }

    /// What the file header tells.
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
    /// Layout 3: what is wrong with directory, footer, ident or statistics, though not enough to refuse the
    /// file.
    #[must_use]
    pub fn appendix_damage(&self) -> Option<Error> {
        self.raw.damage().map(|error| self.named(error))
    }

    /// The blocks in stored order, decoded one after the other.
    ///
    /// An `Err` tells of a block that is lost, or of a chain that breaks off; iteration goes on
    /// where the next sound block is found, and ends for good if there is none. A block
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
        IntoBlockRefs {
            file: self,
            cursor: RawCursor::default(),
        }
    }

    /// Reads and decodes one block. May be called from any number of threads at once.
    ///
    /// Flows of layout 1 need extension maps, which may stand in any block before theirs. Loading blocks
    /// in order, on however many threads, decompresses each once; loading one in the middle of such a
    /// file may have to look through those before it.
    ///
    /// # Errors
    /// The block cannot be read, decompressed, or is of an unknown type. Other blocks can.
    pub fn load(&self, found: BlockRef) -> Result<Block> {
        match Block::load(&self.raw, &self.pool, found) {
            Ok(mut block) => {
                block.name_damage(|error| self.named(error));
                Ok(block)
            }
            Err(error) => Err(self.named(error)),
        }
    }

    /// Copies of all flows in stored order: convenient, and slower than [`blocks`](Self::blocks).
    ///
    /// Errors as for [`blocks`](Self::blocks); damage inside a block comes after its flows.
    pub fn flows(&self) -> impl Iterator<Item = Result<OwnedFlow>> + '_ {
        self.blocks().flat_map(owned_flows)
    }

    /// Exporters, samplers and names. Reads the whole file, since these may stand in any block.
    ///
    /// Blocks that cannot be read contribute nothing; if that is not for damage, [`Names::unread`] tells.
    #[must_use]
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        names.collect_file(self);
        names
    }

    fn next_ref(&self, cursor: &mut RawCursor) -> Option<Result<BlockRef>> {
        let found = self.raw.next(cursor)?;
        Some(found.map(BlockRef).map_err(|error| self.named(error)))
    }

    fn info(&self) -> &RawInfo {
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

/// A place between two blocks of a file. Stays valid when the file grows.
#[derive(Clone, Copy, Debug)]
pub struct Position(RawCursor);

impl Position {
    /// A position that [`offset`](Self::offset) and [`block`](Self::block) told earlier, perhaps another
    /// process. In a file that does not have a block there, or no longer, reading goes on with the next
    /// sound block that is found; the start of a file is `Position::new(0, 0)`.
    #[must_use]
    pub fn new(offset: u64, block: u32) -> Self {
        Self(RawCursor {
            offset,
            index: block,
            ..RawCursor::default()
        })
    }

    /// Bytes from the start of the file; 0 stands for the first block.
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
    /// is writing: read its blocks, remember the position, and later open the file anew with
    /// [`File::open_partial`] and go on with [`File::block_refs_from`]. Each time with `open_partial`: what
    /// [`File::open`] and [`OpenOptions::cut_block`] hand out of a cut last block comes again.
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

impl Iterator for IntoBlockRefs {
    type Item = Result<BlockRef>;

    fn next(&mut self) -> Option<Result<BlockRef>> {
        self.file.next_ref(&mut self.cursor)
    }
}

impl FusedIterator for IntoBlockRefs {}

/// How the blocks of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not compressed.
    None,
    /// LZO1X.
    Lzo,
    /// bzip2.
    Bz2,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Files with other ids are refused when opened.
    fn from_id(id: u8) -> Self {
        match id {
            1 => Self::Lzo,
            2 => Self::Bz2,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => Self::None,
        }
    }

    /// `none`, `lzo`, `bz2`, `lz4` or `zstd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lzo => "lzo",
            Self::Bz2 => "bz2",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// What the file header tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Layout version of the container: 1 (nfdump 1.6) or 2 (1.7).
    pub layout: u16,
    /// How blocks are compressed; in layout 3 each block can differ.
    pub compression: Compression,
    /// Version word of the writing program. Unreliable: 1.7.10 writes 0x10701000. 0 in layout 1.
    pub writer_version: u32,
    /// Seconds since the epoch. Layout 1 does not tell: when the file was modified, 0 in memory.
    pub created: i64,
    /// Number of the writing program, see [`creator_name`](Self::creator_name).
    pub creator: u32,
    /// Data blocks announced.
    pub blocks: u32,
    /// Appendix blocks announced.
    pub appendix_blocks: u16,
    /// Bytes from the start of the file; 0 = none. In layout 3 that of the directory.
    pub appendix_offset: u64,
    /// Size of the file in bytes.
    pub file_size: u64,
    /// The writer has not finished the file: it is being written, or was abandoned.
    pub unfinished: bool,
    /// Blocks are encrypted. Such a file opens with its passphrase only.
    pub encrypted: bool,
}

impl Header {
    /// The writing program.
    #[must_use]
    pub fn creator_name(&self) -> &'static str {
        const NAMES: [&str; 10] = [
            "unknown",
            "nfcapd",
            "nfpcapd",
            "sfcapd",
            "nfdump",
            "nfanon",
            "nfprofile",
            "geolookup",
            "ft2nfdump",
            "torlookup",
        ];
        usize::try_from(self.creator)
            .ok()
            .and_then(|id| NAMES.get(id))
            .unwrap_or(&"unknown")
    }

    /// The version of the writing program as far as its version word can be trusted: the release
    /// for words that follow the scheme, the word itself otherwise.
    #[must_use]
    pub fn writer_version_text(&self) -> Cow<'static, str> {
        match self.writer_version.to_be_bytes() {
            [0, 0, 0, 0] => "unknown version".into(),
            [0x10, 0x70, 0x10, 0x00] => "1.7.10".into(),
            [0xD1, 0x08, minor, 0] => format!("1.8.{minor} development").into(),
            [0x01, 0x07, 0x00, patch] => format!("1.7.0.{patch}").into(),
            [release @ (0x01 | 0xF1), 0x07, minor, 0] => format!(
                "1.7.{minor}{}",
                if release == 0xF1 { " or later" } else { "" }
            )
            .into(),
            _ => format!("0x{:08x}", self.writer_version).into(),
        }
    }
}

/// Flows, bytes and packets of one protocol group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Flows.
    pub flows: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The statistics a writer leaves in its file. Its own counts: collectors count out-packets and
/// out-bytes in the totals but not per protocol, so the parts need not add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// All flows.
    pub total: Counters,
    /// TCP.
    pub tcp: Counters,
    /// UDP.
    pub udp: Counters,
    /// ICMP (and, with some writers, ICMPv6).
    pub icmp: Counters,
    /// Everything else.
    pub other: Counters,
    /// Earliest start of a flow; `None` if unknown.
    pub first_seen: Option<Timestamp>,
    /// Latest end of a flow; `None` if unknown.
    pub last_seen: Option<Timestamp>,
    /// Gaps in the exporters' sequence numbers.
    pub sequence_failures: u64,
}

impl Statistics {
    fn from_raw(raw: &nfdump_sys::nfdump_stat) -> Self {
        /// What writers leave when they saw no flow.
        const NO_FLOW: u64 = i64::MAX as u64;
        let counters = |flows, packets, bytes| Counters {
            flows,
            packets,
            bytes,
        };
        let seen = |ms: u64| (ms != 0 && ms != NO_FLOW).then(|| Timestamp::from_millis(ms));
        Self {
            total: counters(raw.flows, raw.packets, raw.bytes),
            tcp: counters(raw.flows_tcp, raw.packets_tcp, raw.bytes_tcp),
            udp: counters(raw.flows_udp, raw.packets_udp, raw.bytes_udp),
            icmp: counters(raw.flows_icmp, raw.packets_icmp, raw.bytes_icmp),
            other: counters(raw.flows_other, raw.packets_other, raw.bytes_other),
            first_seen: seen(raw.first_seen),
            last_seen: seen(raw.last_seen),
            sequence_failures: raw.sequence_failures,
        }
    }
}
