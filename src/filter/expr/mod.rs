//! Filters as values: the result of parsing, and what callers build in code.
//!
//! An expression is kept in postfix order, so that nothing is recursive, however deeply it is nested.

pub(crate) mod check;
mod display;
pub(crate) mod layout;
pub(crate) mod term;

use std::net::{IpAddr, Ipv4Addr};
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use crate::filter::error::FilterError;
use crate::filter::expr::term::{
    Addresses, Compare, Dns, Mpls, Node, Payload, PayloadSide, Term, Tls,
};
use crate::filter::limits::PATTERN_ITEMS_MAX;
use crate::filter::run::pattern::Pattern;
use crate::filter::run::sets::{IpSet, Prefix};
use crate::filter::terms::{MacSide, Number, Side};
use crate::value::mac::MacAddr;
use crate::value::time::Timestamp;

/// A filter expression: terms, combined with `&`, `|` and `!`.
///
/// Everything that can be written can be built, and everything that
/// [`Filter::build`](crate::Filter::build) accepts can be written: `Display` gives a text that is
/// parsed to an equal expression. Constructors check nothing; `build` reports what is out of range.
///
/// `Expr` is `Clone`, `Send` and `Sync`. Cloning copies the terms; lists and patterns are shared.
///
/// ```
/// use nfdecode::Filter;
/// use nfdecode::filter::{Compare, Expr, Number, Side};
///
/// let expr = Expr::number(Number::DstPort, Compare::Equal, 443)
///     & !Expr::network(Side::Src, "10.0.0.0".parse()?, 8);
/// let filter = Filter::build(expr)?;
/// assert_eq!(filter.to_string(), "dst port 443 and not src net 10.0.0.0/8");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// Postfix, never empty.
    pub(crate) nodes: Vec<Node>,
}

impl Expr {
    pub(crate) fn of(term: Term) -> Self {
        Self {
            nodes: vec![Node::Term(term)],
        }
    }

    /// Every flow.
    #[must_use]
    pub fn any() -> Self {
        Self::of(Term::Any)
    }

    /// Flows with IPv4 addresses.
    #[must_use]
    pub fn ipv4() -> Self {
        Self::of(Term::Ipv4)
    }

    /// Flows with IPv6 addresses.
    #[must_use]
    pub fn ipv6() -> Self {
        Self::of(Term::Ipv6)
    }

    /// Flows of files with this ident: 1 to 255 letters, digits, `_` and `-`.
    ///
    /// A file without an ident has `none`.
    #[must_use]
    pub fn ident(name: &str) -> Self {
        Self::of(Term::Ident(name.into()))
    }

    /// A number that compares like this with a value of at most [`NumberTerm::max`](super::terms::NumberTerm::max).
    ///
    /// Some numbers can only be tested for equality.
    #[must_use]
    pub fn number(number: Number, compare: Compare, value: u64) -> Self {
        Self::of(Term::Number(number, compare, value))
    }

    /// A time that compares like this: [`Number::FirstSeen`] or [`Number::LastSeen`].
    #[must_use]
    pub fn time(number: Number, compare: Compare, time: Timestamp) -> Self {
        Self::number(number, compare, time.as_millis())
    }

    /// A number that is one of these: ports and AS numbers. The list must not be empty.
    #[must_use]
    pub fn number_in(number: Number, values: impl IntoIterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        Self::of(Term::NumberIn(number, values.into()))
    }

    /// A single address.
    #[must_use]
    pub fn address(side: Side, address: IpAddr) -> Self {
        Self::of(Term::Address(side, Addresses::Host(address)))
    }

    /// An address in a network. `length` is in bits; bits of `address` beyond it do not matter.
    #[must_use]
    pub fn network(side: Side, address: IpAddr, length: u8) -> Self {
        let prefix = Prefix::new(address, length);
        Self::of(Term::Address(side, Addresses::Prefix(prefix)))
    }

    /// An IPv4 address that equals `address` in the bits that the mask has set.
    #[must_use]
    pub fn masked(side: Side, address: Ipv4Addr, mask: Ipv4Addr) -> Self {
        Self::of(Term::Address(side, Addresses::Masked(address & mask, mask)))
    }

    /// An address in one of these networks, of which there must be one at least.
    ///
    /// A single address is a network of 32 or 128 bits.
    #[must_use]
    pub fn address_in(side: Side, networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        let prefixes = networks
            .into_iter()
            .map(|(address, length)| Prefix::new(address, length));
        Self::of(Term::Address(
            side,
            Addresses::Set(Arc::new(IpSet::new(prefixes.collect()))),
        ))
    }

    /// TCP flows with at least these flags.
    #[must_use]
    pub fn flags(mask: u8) -> Self {
        Self::of(Term::Flags { mask, exact: false })
    }

    /// TCP flows with exactly these flags.
    #[must_use]
    pub fn flags_exactly(mask: u8) -> Self {
        Self::of(Term::Flags { mask, exact: true })
    }

    /// Flows of which all packets had the same TTL.
    #[must_use]
    pub fn ttl_equal() -> Self {
        Self::of(Term::TtlEqual)
    }

    /// A port ([`Number::Port`], `SrcPort` or `DstPort`) in the flow's port block.
    #[must_use]
    pub fn port_in_block(port: Number) -> Self {
        Self::of(Term::PortInBlock(port))
    }

    /// A part of the MPLS label stack that compares like this with a value.
    #[must_use]
    pub fn mpls(part: Mpls, compare: Compare, value: u64) -> Self {
        Self::of(Term::Mpls(part, compare, value))
    }

    /// A MAC address other than 00:00:00:00:00:00.
    #[must_use]
    pub fn mac(side: MacSide, address: MacAddr) -> Self {
        let [a, b, c, d, e, f] = address.0;
        let number = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Self::of(Term::Mac(side, number))
    }

    /// NSEL user name, at most 65 characters; case matters.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self::of(Term::User(name.into()))
    }

    /// Interface of the packet filter; case matters.
    #[must_use]
    pub fn pf_interface(name: &str) -> Self {
        Self::of(Term::PfInterface(name.into()))
    }

    /// The payload of either direction contains a text.
    ///
    /// # Errors
    /// [`FilterErrorKind::Regex`](super::FilterErrorKind::Regex) if the text is empty.
    pub fn payload_content(text: &str) -> Result<Self, FilterError> {
        let pattern = Arc::new(Pattern::literal(text, PATTERN_ITEMS_MAX)?);
        Ok(Self::of(Term::Payload(Payload::Content(
            text.into(),
            pattern,
        ))))
    }

    /// The pattern matches in the payload of either direction. `modifiers` are any of `i`, `m`, `s`.
    ///
    /// Matching takes time in proportion to the payload.
    ///
    /// # Errors
    /// [`FilterErrorKind::Regex`](super::FilterErrorKind::Regex) if it is no pattern, or needs more
    /// than 1 MiB.
    pub fn payload_regex(pattern: &str, modifiers: &str) -> Result<Self, FilterError> {
        let pattern = Arc::new(Pattern::new(pattern, modifiers, PATTERN_ITEMS_MAX)?);
        Ok(Self::of(Term::Payload(Payload::Regex(pattern))))
    }

    /// The payload is a DNS message.
    #[must_use]
    pub fn dns(side: PayloadSide) -> Self {
        Self::of(Term::Payload(Payload::Dns(side, Dns::Defined)))
    }

    /// A DNS message that asks for a name that contains this text.
    #[must_use]
    pub fn dns_name(side: PayloadSide, text: &str) -> Self {
        Self::of(Term::Payload(Payload::Dns(side, Dns::Name(text.into()))))
    }

    /// A DNS answer with an address that contains this text.
    #[must_use]
    pub fn dns_address(side: PayloadSide, text: &str) -> Self {
        Self::of(Term::Payload(Payload::Dns(side, Dns::Address(text.into()))))
    }

    /// The payload is a TLS hello.
    #[must_use]
    pub fn tls() -> Self {
        Self::of(Term::Payload(Payload::Tls(Tls::Defined)))
    }

    /// The version in the TLS hello, as on the wire: 0x0303 is TLS 1.2.
    ///
    /// 0x0301 to 0x0304, and 0x0000, 0x0100, 0x0200 and 0x0300 (SSL 3.0).
    #[must_use]
    pub fn tls_version(wire: u16) -> Self {
        Self::of(Term::Payload(Payload::Tls(Tls::Version(wire))))
    }

    /// The server name in the TLS hello contains this text of at most 64 characters.
    #[must_use]
    pub fn tls_server_name(text: &str) -> Self {
        Self::of(Term::Payload(Payload::Tls(Tls::ServerName(text.into()))))
    }

    /// JA3 of the TLS hello, 32 hexadecimal digits; `None` if any will do.
    #[must_use]
    pub fn ja3(hash: Option<&str>) -> Self {
        Self::of(Term::Payload(Payload::Tls(
            hash.map_or(Tls::Ja3Defined, |hash| Tls::Ja3(hash.into())),
        )))
    }

    /// JA4 of the TLS hello, 36 characters; `None` if any will do.
    #[must_use]
    pub fn ja4(hash: Option<&str>) -> Self {
        Self::of(Term::Payload(Payload::Tls(
            hash.map_or(Tls::Ja4Defined, |hash| Tls::Ja4(hash.into())),
        )))
    }

    /// Flows that all of these select; every flow if there are none.
    #[must_use]
    pub fn all(exprs: impl IntoIterator<Item = Self>) -> Self {
        exprs
            .into_iter()
            .reduce(|a, b| a & b)
            .unwrap_or(Self::any())
    }

    /// Flows that one of these selects; no flow if there are none.
    #[must_use]
    pub fn one_of(exprs: impl IntoIterator<Item = Self>) -> Self {
        exprs
            .into_iter()
            .reduce(|a, b| a | b)
            .unwrap_or(!Self::any())
    }

    fn join(mut self, other: Self, node: Node) -> Self {
        self.nodes.extend(other.nodes);
        self.nodes.push(node);
        self
    }
}

impl BitAnd for Expr {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.join(other, Node::And)
    }
}

impl BitOr for Expr {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.join(other, Node::Or)
    }
}

impl Not for Expr {
    type Output = Self;

    fn not(mut self) -> Self {
        // Double negation cancels.
        match self.nodes.pop() {
            Some(Node::Not) => {}
            last => {
                self.nodes.extend(last);
                self.nodes.push(Node::Not);
            }
        }
        self
    }
}
