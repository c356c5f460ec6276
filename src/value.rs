//! Small typed values found in elements: addresses, labels, flags, event numbers.
//!
//! Plain wrappers around what is stored; formatting here is for people (`Display`), the output
//! formats have their own writers.

use std::fmt;

/// A MAC address, most significant byte first. `Display` gives `02:00:5e:10:00:01`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// From the stored form: the low 48 bits of a number.
    pub(crate) fn from_number(number: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Self([a, b, c, d, e, f])
    }

    /// The six bytes, most significant first.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(address: MacAddr) -> Self {
        address.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// One entry of an MPLS label stack (RFC 3032 without the TTL), as stored: label, class and bottom
/// mark in the low 24 bits. `Display` gives `label-class-bottom`, as nfdump prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MplsLabel(pub u32);

impl MplsLabel {
    /// The label. Not cut to 20 bits: what is stored above them shows.
    #[must_use]
    pub fn label(self) -> u32 {
        self.0 >> 4
    }

    /// Traffic class ("experimental bits"), 0..=7.
    #[must_use]
    pub fn traffic_class(self) -> u8 {
        (self.0 >> 1) as u8 & 7
    }

    /// Whether this is the last entry of the stack.
    #[must_use]
    pub fn is_bottom(self) -> bool {
        self.0 & 1 == 1
    }
}

impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{}",
            self.label(),
            self.traffic_class(),
            u8::from(self.is_bottom())
        )
    }
}

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

/// A Cisco NSEL event number (IPFIX 233): 0 ignore, 1 create, 2 delete, 3 denied, 4 alert, 5 update.
/// `Display` gives the name nfdump prints, `DENIED`, or `9-Unknw` for other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NselEvent(pub u8);

impl fmt::Display for NselEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 6] = ["IGNORE", "CREATE", "DELETE", "DENIED", "ALERT", "UPDATE"];
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}-Unknw", self.0),
        }
    }
}

/// A NAT event number (IPFIX 230). `Display` gives the name nfdump prints, `NAT44 session create`, or
/// `99-Unknown` for other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NatEvent(pub u8);

impl fmt::Display for NatEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 19] = [
            "INVALID",
            "NAT translation create",
            "NAT translation delete",
            "NAT Addresses exhausted",
            "NAT44 session create",
            "NAT44 session delete",
            "NAT64 session create",
            "NAT64 session delete",
            "NAT44 BIB create",
            "NAT44 BIB delete",
            "NAT64 BIB create",
            "NAT64 BIB delete",
            "NAT ports exhausted",
            "Quota Exceeded",
            "Address binding create",
            "Address binding delete",
            "Port block allocation",
            "Port block de-allocation",
            "Threshold Reached",
        ];
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}-Unknown", self.0),
        }
    }
}
