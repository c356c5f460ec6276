//! Small typed values found in elements: addresses, labels, flags, event numbers.
//!
//! Plain wrappers around what is stored; formatting here is for people (`Display`), the output
//! formats have their own writers.

use std::fmt;

/// The union of the TCP flags of a flow's packets: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32,
/// ECE 64, CWR 128. `Display` gives [`letters`](Self::letters).
///
/// ```
/// use nfdecode::value::TcpFlags;
/// let flags = TcpFlags(0x12);
/// assert!(flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::FIN));
/// assert_eq!(flags.to_string(), "...A..S.");
/// assert_eq!(TcpFlags::SYN | TcpFlags::ACK, flags);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has finished.
    pub const FIN: Self = Self(0x01);
    /// Synchronise: the start of a connection.
    pub const SYN: Self = Self(0x02);
    /// The connection is reset.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// Acknowledgement.
    pub const ACK: Self = Self(0x10);
    /// Urgent.
    pub const URG: Self = Self(0x20);
    /// Congestion was experienced.
    pub const ECE: Self = Self(0x40);
    /// The congestion window was reduced.
    pub const CWR: Self = Self(0x80);

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// One letter a flag from CWR to FIN, `.` where it is clear: `...AP.SF`.
    #[must_use]
    pub fn letters(self) -> [u8; 8] {
        static LETTERS: [[u8; 8]; 256] = {
            let mut table = [*b"CEUAPRSF"; 256];
            let mut flags = 0;
            while flags < 256 {
                let mut bit = 0;
                while bit < 8 {
                    if flags & (0x80 >> bit) == 0 {
                        table[flags][bit] = b'.';
                    }
                    bit += 1;
                }
                flags += 1;
            }
            table
        };
        LETTERS[usize::from(self.0)]
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters()
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

/// What was known of fragmentation (IPFIX 197): 0x40 do not fragment, 0x20 more fragments. `Display`
/// gives [`text`](Self::text).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IpFragment(pub u8);

impl IpFragment {
    /// Nothing for 0, else `DF` or `--`, followed by `MF` if that bit is set.
    #[must_use]
    pub fn text(self) -> &'static str {
        match (self.0, self.0 & 0x40 != 0, self.0 & 0x20 != 0) {
            (0, ..) => "",
            (_, true, true) => "DFMF",
            (_, true, false) => "DF",
            (_, false, true) => "--MF",
            (_, false, false) => "--",
        }
    }
}

impl fmt::Display for IpFragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
