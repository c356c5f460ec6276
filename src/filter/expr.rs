//! Filters as values: what the parser makes of a text, and what programs build without one.
//!
//! An expression is kept in postfix order, so that nothing here is recursive, however deeply an
//! expression is nested.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use crate::filter::error::{FilterError, FilterErrorKind};
use crate::filter::parse::names;
use crate::filter::primitive::{MacSide, Number, Side};
use crate::filter::run::pattern::Pattern;
use crate::filter::run::sets::{IpSet, Prefix};
use crate::value::time::Timestamp;

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    fn symbol(self) -> &'static str {
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
pub enum PayloadSide {
    /// Element 29.
    In,
    /// Element 30.
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dns {
    Defined,
    Name(Box<str>),
    Address(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Defined,
    /// On the wire.
    Version(u16),
    ServerName(Box<str>),
    Ja3Defined,
    Ja3(Box<str>),
    Ja4Defined,
    Ja4(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    Host(IpAddr),
    Prefix(Prefix),
    Masked(Ipv4Addr, Ipv4Addr),
    Set(Arc<IpSet>),
}

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
    /// Contains these TCP flags, or is exactly these.
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
    /// A country or Tor nodes, without a database: never.
    Unknown(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Term(Term),
    Not,
    And,
    Or,
}

/// A filter expression: terms, combined with `&`, `|` and `!`.
///
/// Everything that can be written can be built:
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

    /// Flows of files with this ident; a file without one has `none`.
    #[must_use]
    pub fn ident(name: &str) -> Self {
        Self::of(Term::Ident(name.into()))
    }

    /// A number compared with a value.
    #[must_use]
    pub fn number(number: Number, compare: Compare, value: u64) -> Self {
        Self::of(Term::Number(number, compare, value))
    }

    /// A time, [`Number::FirstSeen`] or [`Number::LastSeen`], compared.
    #[must_use]
    pub fn time(number: Number, compare: Compare, time: Timestamp) -> Self {
        Self::number(number, compare, time.as_millis())
    }

    /// A number that is one of these.
    #[must_use]
    pub fn number_in(number: Number, values: impl IntoIterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        Self::of(Term::NumberIn(number, values.into()))
    }

    /// An address.
    #[must_use]
    pub fn address(side: Side, address: IpAddr) -> Self {
        Self::of(Term::Address(side, Addresses::Host(address)))
    }

    /// An address in a network; bits of `address` beyond the prefix do not matter.
    #[must_use]
    pub fn network(side: Side, address: IpAddr, length: u8) -> Self {
        let prefix = Prefix::new(address, length);
        Self::of(Term::Address(side, Addresses::Prefix(prefix)))
    }

    /// An IPv4 address that is `address` where the mask has ones.
    #[must_use]
    pub fn masked(side: Side, address: Ipv4Addr, mask: Ipv4Addr) -> Self {
        Self::of(Term::Address(side, Addresses::Masked(address & mask, mask)))
    }

    /// An address in one of these networks; a single address is a network of full length.
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

    /// All packets had the same TTL.
    #[must_use]
    pub fn ttl_equal() -> Self {
        Self::of(Term::TtlEqual)
    }

    /// A port ([`Number::Port`], `SrcPort` or `DstPort`) in the flow's port block.
    #[must_use]
    pub fn port_in_block(port: Number) -> Self {
        Self::of(Term::PortInBlock(port))
    }

    /// MPLS labels.
    #[must_use]
    pub fn mpls(part: Mpls, compare: Compare, value: u64) -> Self {
        Self::of(Term::Mpls(part, compare, value))
    }

    /// A MAC address.
    #[must_use]
    pub fn mac(side: MacSide, address: crate::value::mac::MacAddr) -> Self {
        let [a, b, c, d, e, f] = address.0;
        let number = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Self::of(Term::Mac(side, number))
    }

    /// NSEL user name.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self::of(Term::User(name.into()))
    }

    /// Interface of the packet filter.
    #[must_use]
    pub fn pf_interface(name: &str) -> Self {
        Self::of(Term::PfInterface(name.into()))
    }

    /// The payload of either direction contains a text.
    ///
    /// # Errors
    /// The text is empty.
    pub fn payload_content(text: &str) -> Result<Self, FilterError> {
        let pattern = Arc::new(Pattern::literal(text)?);
        Ok(Self::of(Term::Payload(Payload::Content(
            text.into(),
            pattern,
        ))))
    }

    /// The pattern matches in the payload of either direction. `modifiers` are any of `i`, `m`, `s`.
    ///
    /// # Errors
    /// Not a pattern, or one that needs too much memory.
    pub fn payload_regex(pattern: &str, modifiers: &str) -> Result<Self, FilterError> {
        let pattern = Arc::new(Pattern::new(pattern, modifiers)?);
        Ok(Self::of(Term::Payload(Payload::Regex(pattern))))
    }

    /// The payload is a DNS message.
    #[must_use]
    pub fn dns(side: PayloadSide) -> Self {
        Self::of(Term::Payload(Payload::Dns(side, Dns::Defined)))
    }

    /// A name that is asked for contains this.
    #[must_use]
    pub fn dns_name(side: PayloadSide, text: &str) -> Self {
        Self::of(Term::Payload(Payload::Dns(side, Dns::Name(text.into()))))
    }

    /// An address in the answer contains this, as text.
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
    #[must_use]
    pub fn tls_version(wire: u16) -> Self {
        Self::of(Term::Payload(Payload::Tls(Tls::Version(wire))))
    }

    /// The server name in the TLS hello contains this.
    #[must_use]
    pub fn tls_server_name(text: &str) -> Self {
        Self::of(Term::Payload(Payload::Tls(Tls::ServerName(text.into()))))
    }

    /// JA3 of the TLS hello; `None`: there is one.
    #[must_use]
    pub fn ja3(hash: Option<&str>) -> Self {
        Self::of(Term::Payload(Payload::Tls(
            hash.map_or(Tls::Ja3Defined, |hash| Tls::Ja3(hash.into())),
        )))
    }

    /// JA4 of the TLS hello; `None`: there is one.
    #[must_use]
    pub fn ja4(hash: Option<&str>) -> Self {
        Self::of(Term::Payload(Payload::Tls(
            hash.map_or(Tls::Ja4Defined, |hash| Tls::Ja4(hash.into())),
        )))
    }

    /// All of these; of none: every flow.
    #[must_use]
    pub fn all(exprs: impl IntoIterator<Item = Self>) -> Self {
        exprs
            .into_iter()
            .reduce(|a, b| a & b)
            .unwrap_or(Self::any())
    }

    /// One of these at least; of none: no flow.
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

    /// Refuses what could not be written either.
    pub(crate) fn check(&self) -> Result<(), FilterError> {
        self.nodes.iter().try_for_each(|node| match node {
            Node::Term(term) => term.check(),
            _ => Ok(()),
        })
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
        // Not twice is not at all.
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

/// Longest ident.
const IDENT_MAX: usize = 255;
/// Longest NSEL user.
const USER_MAX: usize = 65;
/// Longest server name that can be looked for.
const SERVER_NAME_MAX: usize = 64;

impl Term {
    /// What a text could not say is refused, also of programs.
    pub(crate) fn check(&self) -> Result<(), FilterError> {
        let refuse = |kind, message: String| Err(FilterError::new(kind, message));
        match self {
            Self::Number(number, compare, value) => {
                let term = number.term();
                check_value(*number, *value)?;
                if !term.compare && *compare != Compare::Equal {
                    return refuse(
                        FilterErrorKind::Syntax,
                        format!("`{}` can only be tested for equality", term.syntax[0]),
                    );
                }
            }
            Self::NumberIn(number, values) => {
                let term = number.term();
                if !term.list || values.is_empty() {
                    return refuse(
                        FilterErrorKind::Syntax,
                        if term.list {
                            "the list is empty".to_owned()
                        } else {
                            format!("`{}` takes no list", term.syntax[0])
                        },
                    );
                }
                values
                    .iter()
                    .try_for_each(|value| check_value(*number, *value))?;
            }
            Self::Ident(name) => {
                let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                if !(1..=IDENT_MAX).contains(&name.len()) || !name.bytes().all(known) {
                    return refuse(
                        FilterErrorKind::Name,
                        format!(
                            "an ident has 1 to {IDENT_MAX} letters, digits, `_` and `-`, nothing else"
                        ),
                    );
                }
            }
            Self::User(name) if name.len() > USER_MAX => {
                return refuse(
                    FilterErrorKind::Limit,
                    format!("a user name has {USER_MAX} characters at most"),
                );
            }
            Self::Address(side, addresses) => match addresses {
                Addresses::Prefix(prefix) if !prefix.is_valid() => {
                    return refuse(
                        FilterErrorKind::Range,
                        format!("the prefix length is above {}", prefix.length_max()),
                    );
                }
                Addresses::Set(set) => {
                    if !side.term().list {
                        return refuse(
                            FilterErrorKind::Direction,
                            format!("`{} ip` takes no list", side.term().syntax),
                        );
                    }
                    if set.is_empty() {
                        return refuse(FilterErrorKind::Syntax, "the list is empty".to_owned());
                    }
                    if let Some(prefix) = set.prefixes().iter().find(|prefix| !prefix.is_valid()) {
                        return refuse(
                            FilterErrorKind::Range,
                            format!("the prefix length is above {}", prefix.length_max()),
                        );
                    }
                }
                _ => {}
            },
            Self::PortInBlock(port)
                if !matches!(port, Number::Port | Number::SrcPort | Number::DstPort) =>
            {
                return refuse(
                    FilterErrorKind::Direction,
                    "only `port`, `src port` and `dst port` can be in a port block".to_owned(),
                );
            }
            Self::Mpls(part, compare, _) => match part {
                Mpls::Label(entry @ 10..) | Mpls::TrafficClass(entry @ 10..) => {
                    return refuse(
                        FilterErrorKind::Range,
                        format!("there is no entry {entry}: a label stack has entries 0 to 9"),
                    );
                }
                Mpls::Any if *compare != Compare::Equal => {
                    return refuse(
                        FilterErrorKind::Syntax,
                        "`mpls any` can only be tested for equality".to_owned(),
                    );
                }
                _ => {}
            },
            Self::Mac(_, 0) => {
                return refuse(
                    FilterErrorKind::Address,
                    "the MAC address of zeros stands for none".to_owned(),
                );
            }
            Self::Payload(Payload::Tls(tls)) => check_tls(tls)?,
            _ => {}
        }
        Ok(())
    }
}

fn check_value(number: Number, value: u64) -> Result<(), FilterError> {
    let term = number.term();
    if value <= term.max {
        return Ok(());
    }
    Err(FilterError::new(
        FilterErrorKind::Range,
        format!(
            "{value} is out of range: `{}` goes from 0 to {}",
            term.syntax[0], term.max
        ),
    ))
}

fn check_tls(tls: &Tls) -> Result<(), FilterError> {
    match tls {
        Tls::ServerName(name) if name.len() > SERVER_NAME_MAX => Err(FilterError::new(
            FilterErrorKind::Limit,
            format!("a server name to look for has {SERVER_NAME_MAX} characters at most"),
        )),
        Tls::Ja3(hash)
            if hash.len() != 32 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            Err(FilterError::new(
                FilterErrorKind::Name,
                "a JA3 has 32 hexadecimal digits",
            ))
        }
        Tls::Ja4(hash) => {
            let bytes = hash.as_bytes();
            let hex = |at: std::ops::Range<usize>| {
                bytes
                    .get(at)
                    .is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit))
            };
            let valid = bytes.len() == 36
                && matches!(bytes.first(), Some(b't' | b'q'))
                && matches!(bytes.get(3), Some(b'd' | b'i'))
                && [10, 23].iter().all(|at| bytes.get(*at) == Some(&b'_'))
                && hex(11..23)
                && hex(24..36);
            if valid {
                return Ok(());
            }
            Err(FilterError::new(
                FilterErrorKind::Name,
                "a JA4 looks like t13d1516h2_8daaf6152771_b186095e22b6",
            ))
        }
        _ => Ok(()),
    }
}

/// Text in quotes, in the kind of quotes that it does not contain.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains('\'') { '"' } else { '\'' };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

/// `dst ` for `dst`, nothing for nothing.
struct Before(&'static str);

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        if self.0.is_empty() {
            Ok(())
        } else {
            f.write_str(" ")
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Ipv4 => f.write_str("ipv4"),
            Self::Ipv6 => f.write_str("ipv6"),
            Self::Ident(name) => write!(f, "ident {}", Quoted(name)),
            Self::Number(number, compare, value) => {
                write!(f, "{} {}", number.term().syntax[0], compare.symbol())?;
                let named = |names: &[names::Named]| {
                    let found = names.iter().find(|(_, number)| number == value);
                    found.map_or("?", |(name, _)| *name)
                };
                match number {
                    Number::FirstSeen | Number::LastSeen => {
                        let text = Timestamp::from_millis(*value).to_string();
                        f.write_str(text.trim_end_matches('Z'))
                    }
                    Number::PfAction => f.write_str(named(names::PF_ACTIONS)),
                    Number::PfReason => f.write_str(named(names::PF_REASONS)),
                    Number::PfDirection => f.write_str(named(names::PF_DIRECTIONS)),
                    _ => write!(f, "{value}"),
                }
            }
            Self::NumberIn(number, values) => {
                write!(f, "{} in [", number.term().syntax[0])?;
                separated(f, values.iter())?;
                f.write_str("]")
            }
            Self::Address(side, addresses) => {
                let before = Before(side.term().syntax);
                match addresses {
                    Addresses::Host(address) => write!(f, "{before}ip {address}"),
                    Addresses::Prefix(prefix) => write!(f, "{before}net {prefix}"),
                    Addresses::Masked(address, mask) => write!(f, "{before}net {address} {mask}"),
                    Addresses::Set(set) => {
                        write!(f, "{before}ip in [")?;
                        separated(f, set.prefixes().iter())?;
                        f.write_str("]")
                    }
                }
            }
            Self::Flags { mask, exact } => {
                f.write_str(if *exact { "flags '=" } else { "flags '" })?;
                let letters = crate::value::flags::TcpFlags(*mask).letters();
                for letter in letters.iter().filter(|letter| **letter != b'.') {
                    write!(f, "{}", char::from(*letter))?;
                }
                f.write_str("'")
            }
            Self::TtlEqual => f.write_str("ttl equal"),
            Self::PortInBlock(port) => write!(f, "{} in nat pblock", port.term().syntax[0]),
            Self::Mpls(part, compare, value) => {
                match part {
                    Mpls::Label(entry) => write!(f, "mpls label{entry}"),
                    Mpls::TrafficClass(entry) => write!(f, "mpls exp{entry}"),
                    Mpls::Any => f.write_str("mpls any"),
                    Mpls::Bottom => f.write_str("mpls eos"),
                }?;
                write!(f, " {}{value}", compare.symbol())
            }
            Self::Mac(side, address) => {
                let address = crate::value::mac::MacAddr::from_number(*address);
                write!(f, "{}mac {address}", Before(side.term().0))
            }
            Self::User(name) => write!(f, "asa user {}", Quoted(name)),
            Self::PfInterface(name) => write!(f, "pf interface {}", Quoted(name)),
            Self::Payload(payload) => payload.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(text, _) => write!(f, "payload content {}", Quoted(text)),
            Self::Regex(pattern) => {
                write!(f, "payload regex {}", Quoted(pattern.text()))?;
                match pattern.modifiers() {
                    "" => Ok(()),
                    modifiers => write!(f, " '{modifiers}'"),
                }
            }
            Self::Dns(side, what) => {
                f.write_str(match side {
                    PayloadSide::In => "payload dns ",
                    PayloadSide::Out => "out payload dns ",
                })?;
                match what {
                    Dns::Defined => f.write_str("defined"),
                    Dns::Name(text) => write!(f, "name {}", Quoted(text)),
                    Dns::Address(text) => write!(f, "address {}", Quoted(text)),
                }
            }
            Self::Tls(what) => match what {
                Tls::Defined => f.write_str("payload tls defined"),
                Tls::Version(wire) if wire & 0xFF == 0 => {
                    write!(f, "payload ssl version {}.0", wire >> 8)
                }
                Tls::Version(wire) => {
                    write!(f, "payload tls version 1.{}", wire.wrapping_sub(0x0301))
                }
                Tls::ServerName(text) => write!(f, "payload tls sni {}", Quoted(text)),
                Tls::Ja3Defined => f.write_str("payload ja3 defined"),
                Tls::Ja3(hash) => write!(f, "payload ja3 {hash}"),
                Tls::Ja4Defined => f.write_str("payload ja4 defined"),
                Tls::Ja4(hash) => write!(f, "payload ja4 {hash}"),
            },
        }
    }
}

fn separated(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = impl fmt::Display>,
) -> fmt::Result {
    for (number, item) in items.enumerate() {
        if number != 0 {
            f.write_str(" ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// The text of the expression: parsed again (in UTC), it gives the same.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Layout::of(self).write(f, Style::Line)
    }
}

impl Expr {
    /// One term or operator a line, indented.
    pub(crate) fn tree(&self) -> impl fmt::Display + '_ {
        struct Tree<'a>(&'a Expr);
        impl fmt::Display for Tree<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Layout::of(self.0).write(f, Style::Tree)
            }
        }
        Tree(self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Line,
    Tree,
}

/// The nodes of an expression with the place of their first operand.
struct Layout<'a> {
    nodes: &'a [Node],
    /// For `and` and `or`: the node that is the left operand. The right one, and the operand of
    /// `not`, is the node before.
    left: Vec<usize>,
}

enum Step {
    Node { at: usize, depth: usize },
    Text(&'static str),
}

impl<'a> Layout<'a> {
    fn of(expr: &'a Expr) -> Self {
        let mut left = vec![0; expr.nodes.len()];
        let mut roots = Vec::new();
        for (at, node) in expr.nodes.iter().enumerate() {
            match node {
                Node::Term(_) => roots.push(at),
                Node::Not => {
                    roots.pop();
                    roots.push(at);
                }
                Node::And | Node::Or => {
                    roots.pop();
                    if let Some(slot) = left.get_mut(at) {
                        *slot = roots.pop().unwrap_or(0);
                    }
                    roots.push(at);
                }
            }
        }
        Self {
            nodes: &expr.nodes,
            left,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, style: Style) -> fmt::Result {
        /// Levels that are indented in a tree; deeper ones are not, for the size of the output.
        const INDENT_MAX: usize = 40;
        let mut steps = vec![Step::Node {
            at: self.nodes.len().saturating_sub(1),
            depth: 0,
        }];
        while let Some(step) = steps.pop() {
            let (at, depth) = match step {
                Step::Text(text) => {
                    f.write_str(text)?;
                    continue;
                }
                Step::Node { at, depth } => (at, depth),
            };
            let Some(node) = self.nodes.get(at) else {
                continue;
            };
            let below = |at: usize, depth: usize| Step::Node { at, depth };
            if style == Style::Tree {
                for _ in 0..depth.min(INDENT_MAX) {
                    f.write_str("  ")?;
                }
                match node {
                    Node::Term(term) => writeln!(f, "{term}")?,
                    Node::Not => {
                        f.write_str("not\n")?;
                        steps.push(below(at - 1, depth + 1));
                    }
                    Node::And | Node::Or => {
                        f.write_str(if *node == Node::And { "and\n" } else { "or\n" })?;
                        // Chains of one operator stand under one line.
                        let mut operand = at;
                        while self.nodes.get(operand) == Some(node) {
                            steps.push(below(operand - 1, depth + 1));
                            operand = self.left.get(operand).copied().unwrap_or(0);
                        }
                        steps.push(below(operand, depth + 1));
                    }
                }
                continue;
            }
            // An operand that binds less tightly than its place stands in parentheses.
            let push = |steps: &mut Vec<Step>, operand: usize, bare: &[Node]| {
                let parentheses = match self.nodes.get(operand) {
                    Some(Node::Term(_) | Node::Not) | None => false,
                    Some(node) => !bare.contains(node),
                };
                if parentheses {
                    steps.push(Step::Text(")"));
                }
                steps.push(below(operand, 0));
                if parentheses {
                    steps.push(Step::Text("("));
                }
            };
            let left = self.left.get(at).copied().unwrap_or(0);
            match node {
                Node::Term(term) => write!(f, "{term}")?,
                Node::Not => {
                    f.write_str("not ")?;
                    push(&mut steps, at - 1, &[]);
                }
                Node::And => {
                    push(&mut steps, at - 1, &[]);
                    steps.push(Step::Text(" and "));
                    push(&mut steps, left, &[Node::And]);
                }
                Node::Or => {
                    push(&mut steps, at - 1, &[Node::And]);
                    steps.push(Step::Text(" or "));
                    push(&mut steps, left, &[Node::And, Node::Or]);
                }
            }
        }
        Ok(())
    }
}
