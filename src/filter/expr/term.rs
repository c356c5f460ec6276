//! Terms of an expression, and the values in them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::filter::run::pattern::Pattern;
use crate::filter::run::sets::{IpSet, Prefix};
use crate::filter::terms::{MacSide, Number, Side};

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compare {
    /// `=`, or nothing.
    Equal,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
}

impl Compare {
    /// How the comparison is written before a number.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::Greater => "> ",
            Self::Less => "< ",
            Self::GreaterOrEqual => ">= ",
            Self::LessOrEqual => "<= ",
        }
    }

    /// The values for which the comparison holds, both ends included; `None` if there are none.
    pub(crate) fn range(self, value: u64) -> Option<(u64, u64)> {
        match self {
            Self::Equal => Some((value, value)),
            Self::Greater => value.checked_add(1).map(|low| (low, u64::MAX)),
            Self::Less => value.checked_sub(1).map(|high| (0, high)),
            Self::GreaterOrEqual => Some((value, u64::MAX)),
            Self::LessOrEqual => Some((0, value)),
        }
    }
}

/// Which part of an MPLS label stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mpls {
    /// The label of an entry, from 0 to 9.
    Label(u8),
    /// The traffic class of an entry, from 0 to 9.
    TrafficClass(u8),
    /// Any label; only equality.
    Any,
    /// The label at the bottom of the stack.
    Bottom,
}

/// Which payload of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PayloadSide {
    /// The payload of the flow's own direction (`in_payload`).
    In,
    /// The payload of the reverse direction (`out_payload`).
    Out,
}

/// What to find in a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Content(Box<str>, Arc<Pattern>),
    Regex(Arc<Pattern>),
    Dns(PayloadSide, Dns),
    Tls(Tls),
}

/// What to find in a DNS message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dns {
    Defined,
    Name(Box<str>),
    Address(Box<str>),
}

/// What to find in a TLS hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Defined,
    /// The number on the wire: 0x0303 is TLS 1.2.
    Version(u16),
    ServerName(Box<str>),
    Ja3Defined,
    Ja3(Box<str>),
    Ja4Defined,
    Ja4(Box<str>),
}

/// The addresses for which a term is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    Host(IpAddr),
    Prefix(Prefix),
    Masked(Ipv4Addr, Ipv4Addr),
    Set(Arc<IpSet>),
}

/// One term. Not every value is valid: see `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    Any,
    Ipv4,
    Ipv6,
    Ident(Box<str>),
    Number(Number, Compare, u64),
    /// Sorted, each once.
    NumberIn(Number, Arc<[u64]>),
    Address(Side, Addresses),
    /// TCP flows with at least these flags, or with exactly these.
    Flags {
        mask: u8,
        exact: bool,
    },
    TtlEqual,
    /// A port is in the flow's port block: `Port`, `SrcPort` or `DstPort`.
    PortInBlock(Number),
    Mpls(Mpls, Compare, u64),
    Mac(MacSide, u64),
    User(Box<str>),
    PfInterface(Box<str>),
    Payload(Payload),
    /// A country or the Tor nodes, without a database: selects nothing.
    Unknown(Box<str>),
}

/// A term or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Term(Term),
    Not,
    And,
    Or,
}
