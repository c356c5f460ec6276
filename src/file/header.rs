//! What a file says about itself: header, compression and its writer's statistics.

use std::borrow::Cow;

use crate::value::time::Timestamp;

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
    /// Files with other ids are rejected when opened.
    pub(crate) fn from_id(id: u8) -> Self {
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

/// The file header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Layout version of the container: 1 (nfdump 1.6) or 2 (1.7).
    pub layout: u16,
    /// How blocks are compressed; in layout 3 each block can differ.
    pub compression: Compression,
    /// Version word of the writing program. Unreliable: 1.7.10 writes 0x10701000. 0 in layout 1.
    pub writer_version: u32,
    /// Seconds since the epoch. In layout 1, which does not store it, the file's modification time; 0 in memory.
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
    pub(crate) fn from_raw(raw: &nfdump_sys::nfdump_stat) -> Self {
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
