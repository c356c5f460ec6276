//! Fields by name: all fields of a flow, for code that selects fields at run time.
//!
//! Code that knows its fields uses the accessors of [`Flow`], which return exact types and cost less.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;

/// The value of a field of any type, see [`Field::value`](crate::element::Field::value) and [`Flow::fields`](crate::Flow::fields).
///
/// `Display` gives the text for people: numbers in decimal, addresses and times in their usual forms,
/// text with what is not UTF-8 replaced, bytes in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// A number of any width; [`Field::doc`](crate::element::Field::doc) has its unit.
    Number(u64),
    /// An instant.
    Time(Timestamp),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A MAC address.
    Mac(MacAddr),
    /// An MPLS label stack entry.
    Mpls(MplsLabel),
    /// TCP flags.
    TcpFlags(TcpFlags),
    /// Fragmentation flags.
    Fragment(IpFragment),
    /// An NSEL event.
    NselEvent(NselEvent),
    /// A NAT event.
    NatEvent(NatEvent),
    /// An ACL: id, extended id, hash.
    Acl([u32; 3]),
    /// Text of any encoding.
    Text(&'a [u8]),
    /// Bytes without a meaning as text.
    Bytes(&'a [u8]),
}

macro_rules! from {
    ($($from:ty => $variant:ident,)*) => {
        $(
            impl From<$from> for FieldValue<'_> {
                #[inline]
                fn from(value: $from) -> Self {
                    Self::$variant(value.into())
                }
            }
        )*
    };
}

from! {
    u8 => Number,
    u16 => Number,
    u32 => Number,
    u64 => Number,
    Timestamp => Time,
    Ipv4Addr => Ip,
    Ipv6Addr => Ip,
    IpAddr => Ip,
    MacAddr => Mac,
    MplsLabel => Mpls,
    TcpFlags => TcpFlags,
    IpFragment => Fragment,
    NselEvent => NselEvent,
    NatEvent => NatEvent,
    [u32; 3] => Acl,
}

impl fmt::Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Time(value) => value.fmt(f),
            Self::Ip(value) => value.fmt(f),
            Self::Mac(value) => value.fmt(f),
            Self::Mpls(value) => value.fmt(f),
            Self::TcpFlags(value) => value.fmt(f),
            Self::Fragment(value) => value.fmt(f),
            Self::NselEvent(value) => value.fmt(f),
            Self::NatEvent(value) => value.fmt(f),
            Self::Acl([id, extended, hash]) => write!(f, "0x{id:x}/0x{extended:x}/0x{hash:x}"),
            Self::Text(value) => String::from_utf8_lossy(value).fmt(f),
            Self::Bytes(value) => value.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}
