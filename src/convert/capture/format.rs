//! Magic numbers, byte order and file headers of captures.

/// Longest packet that is read or written, in bytes; also the snap length of the normal form.
///
/// It is the largest snap length that common capture libraries accept. A record that claims more is
/// damaged.
pub const MAX_PACKET: u32 = 262_144;

/// Number of leading bytes that [`Kind::of`] needs.
pub(crate) const PREFIX: usize = 16;

/// Format of an input, detected by its first bytes and never by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Classic pcap.
    Pcap {
        /// Numbers are big-endian.
        big_endian: bool,
        /// Fractions of a second are nanoseconds.
        nanoseconds: bool,
        /// Record headers have 24 bytes.
        modified: bool,
    },
    /// pcapng, of either byte order.
    PcapNg,
    Gzip,
    Zstd,
    /// A compression that is not supported.
    Other(&'static str),
    Nfcapd,
    Unknown,
}

impl Kind {
    pub(crate) fn of(start: &[u8]) -> Self {
        let pcap = |big_endian, nanoseconds, modified| Self::Pcap {
            big_endian,
            nanoseconds,
            modified,
        };
        match *start {
            [0xd4, 0xc3, 0xb2, 0xa1, ..] => pcap(false, false, false),
            [0xa1, 0xb2, 0xc3, 0xd4, ..] => pcap(true, false, false),
            [0x4d, 0x3c, 0xb2, 0xa1, ..] => pcap(false, true, false),
            [0xa1, 0xb2, 0x3c, 0x4d, ..] => pcap(true, true, false),
            [0x34, 0xcd, 0xb2, 0xa1, ..] => pcap(false, false, true),
            [0xa1, 0xb2, 0xcd, 0x34, ..] => pcap(true, false, true),
            [0x0a, 0x0d, 0x0d, 0x0a, ..] => Self::PcapNg,
            [0x1f, 0x8b, ..] => Self::Gzip,
            // The second form is a skippable frame, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other("lz4"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz"),
            [b'L', b'Z', b'I', b'P', ..] => Self::Other("lzip"),
            [b'P', b'K', 3, 4, ..] => Self::Other("zip"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Self::Other("7-zip"),
            [0x1f, 0x9d, ..] => Self::Other("compress"),
            [0x0c, 0xa5, ..] | [0xa5, 0x0c, ..] => Self::Nfcapd,
            _ => Self::Unknown,
        }
    }
}

/// Numbers at fixed offsets of a slice, in the byte order of the file.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) big_endian: bool,
}

impl Fields<'_> {
    #[inline]
    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        #[cfg(test)]
        reads::add();
        let mut bytes = *self.data.get(at..)?.first_chunk::<N>()?;
        if !self.big_endian {
            bytes.reverse();
        }
        Some(bytes)
    }

    #[inline]
    pub(crate) fn u16(self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_be_bytes)
    }

    pub(crate) fn i64(self, at: usize) -> Option<i64> {
        self.bytes(at).map(i64::from_be_bytes)
    }
}

/// Header of a classic capture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileHeader {
    pub(crate) big_endian: bool,
    pub(crate) nanoseconds: bool,
    pub(crate) modified: bool,
    /// Major and minor version; current writers use 2.4.
    pub(crate) version: (u16, u16),
    pub(crate) snap_length: u32,
    /// The whole link type word, with the bits for class and frame check sequence.
    pub(crate) link_word: u32,
}

impl FileHeader {
    /// Length of the header in bytes.
    pub(crate) const LENGTH: usize = 24;

    /// Parses the header; `None` if `start` is too short or of another format.
    pub(crate) fn parse(start: &[u8]) -> Option<Self> {
        let Kind::Pcap {
            big_endian,
            nanoseconds,
            modified,
        } = Kind::of(start)
        else {
            return None;
        };
        let fields = Fields {
            data: start,
            big_endian,
        };
        Some(Self {
            big_endian,
            nanoseconds,
            modified,
            version: (fields.u16(4)?, fields.u16(6)?),
            snap_length: fields.u32(16)?,
            link_word: fields.u32(20)?,
        })
    }

    pub(crate) fn link_type(&self) -> u16 {
        self.link_word as u16
    }

    /// Bytes of frame check sequence that the header claims at the end of each packet: bit 26 says
    /// that the top four bits count 16-bit words. No link layer has more than 4 bytes.
    pub(crate) fn fcs(&self) -> u32 {
        if self.link_word & 0x0400_0000 == 0 {
            return 0;
        }
        ((self.link_word >> 28) * 2).min(4)
    }

    /// Nanoseconds in one unit of the fraction of a second.
    pub(crate) fn unit(&self) -> i64 {
        if self.nanoseconds { 1 } else { 1000 }
    }
}

pub(crate) const NANOS: i64 = 1_000_000_000;

/// Numbers of one packet, whose bytes are elsewhere.
pub(crate) struct PacketHead {
    pub(crate) link_type: u16,
    /// Nanoseconds since 1970; saturated.
    pub(crate) time: i64,
    /// Where the packet begins, in a body or a buffer.
    pub(crate) at: usize,
    pub(crate) captured: u32,
    /// Length on the wire.
    pub(crate) wire: u32,
    /// Length of the frame check sequence that the capture claims.
    pub(crate) fcs: u32,
}

/// Counts the numbers that are read, for tests that bound the work on hostile captures.
#[cfg(test)]
pub(crate) mod reads {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn add() {
        COUNT.set(COUNT.get() + 1);
    }

    pub(crate) fn reset() {
        COUNT.set(0);
    }

    pub(crate) fn count() -> u64 {
        COUNT.get()
    }
}
