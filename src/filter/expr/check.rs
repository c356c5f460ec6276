//! Checks that an expression can be written as the text of a filter.
//!
//! What passes here, displayed and parsed again, gives the same expression.

use std::fmt;
use std::fmt::Write as _;

use crate::filter::error::{FilterError, FilterErrorKind};
use crate::filter::expr::Expr;
use crate::filter::expr::layout::{Layout, Step};
use crate::filter::expr::term::{Addresses, Compare, Dns, Mpls, Node, Payload, Term, Tls};
use crate::filter::limits::{PARENTHESES_MAX, PATTERN_ITEMS_MAX, PENDING_MAX, TEXT_MAX};
use crate::filter::run::sets::{IpSet, Prefix};
use crate::filter::terms::{Number, Side};
use crate::filter::written::{STRING_MAX, can_be_written};

/// Longest ident in bytes.
const IDENT_MAX: usize = 255;
/// Longest NSEL user name in bytes.
const USER_MAX: usize = 65;
/// Longest server name that can be looked for, in bytes.
const SERVER_NAME_MAX: usize = 64;

type Checked = Result<(), FilterError>;

fn refuse(kind: FilterErrorKind, message: impl Into<String>) -> Checked {
    Err(FilterError::new(kind, message))
}

impl Expr {
    /// Rejects an expression that no text can express.
    pub(crate) fn check(&self) -> Checked {
        let mut items = 0_usize;
        for node in &self.nodes {
            if let Node::Term(term) = node {
                term.check()?;
                items = items.saturating_add(term.pattern_items());
            }
        }
        if items > PATTERN_ITEMS_MAX {
            return refuse(
                FilterErrorKind::Limit,
                "the patterns of the filter are too large together",
            );
        }
        self.check_depth()?;
        self.check_length()
    }

    /// The parser counts what waits for its operand: nesting may not be deeper than it accepts.
    fn check_depth(&self) -> Checked {
        let layout = Layout::of(self);
        let mut open = 0_usize;
        // Each with the number of operators that wait while it is read.
        let mut steps = vec![(Step::Node(layout.root()), 0)];
        while let Some((step, waiting)) = steps.pop() {
            let too_deep = match step {
                Step::Node(node) => {
                    let from = steps.len();
                    let mut after_operator = 0;
                    for piece in layout.pieces(node) {
                        steps.push((piece, waiting + after_operator));
                        if matches!(piece, Step::Operator(_)) {
                            after_operator = 1;
                        }
                    }
                    steps.get_mut(from..).unwrap_or_default().reverse();
                    false
                }
                Step::Operator(operator) => {
                    operator == Layout::NOT && open + waiting >= PENDING_MAX
                }
                Step::Open => {
                    open += 1;
                    open > PARENTHESES_MAX || open + waiting > PENDING_MAX
                }
                Step::Close => {
                    open = open.saturating_sub(1);
                    false
                }
            };
            if too_deep {
                return refuse(FilterErrorKind::Limit, "nested too deeply");
            }
        }
        Ok(())
    }

    /// The text may not be longer than the parser accepts.
    pub(crate) fn check_length(&self) -> Checked {
        /// Longer than any term that is no list, with its operator and parentheses.
        const TERM_MAX: usize = 3 * STRING_MAX;
        /// Longer than an entry of a list.
        const ENTRY_MAX: usize = 48;
        let bound = self.nodes.iter().map(|node| match node {
            Node::Term(Term::NumberIn(_, values)) => TERM_MAX + ENTRY_MAX * values.len(),
            Node::Term(Term::Address(_, Addresses::Set(set))) => {
                TERM_MAX + ENTRY_MAX * set.prefixes().len()
            }
            Node::Term(Term::Unknown(_) | Term::Any) | Node::Not | Node::And | Node::Or => 64,
            Node::Term(_) => TERM_MAX,
        });
        // Formatting a large expression takes time: most are far below the limit.
        if bound.sum::<usize>() <= TEXT_MAX {
            return Ok(());
        }
        let mut length = Length(0);
        match write!(length, "{self}") {
            Ok(()) => Ok(()),
            Err(fmt::Error) => refuse(
                FilterErrorKind::Limit,
                format!("the filter is longer than {} MiB", TEXT_MAX >> 20),
            ),
        }
    }
}

/// Counts bytes and stops at [`TEXT_MAX`].
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        if self.0 > TEXT_MAX {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

impl Term {
    /// Rejects what no text can express, also when a program builds it.
    pub(crate) fn check(&self) -> Checked {
        match self {
            Self::Number(number, compare, value) => check_number(*number, *compare, *value),
            Self::NumberIn(number, values) => check_numbers(*number, values),
            Self::Ident(name) => check_ident(name),
            Self::User(name) if name.len() > USER_MAX => refuse(
                FilterErrorKind::Limit,
                format!("a user name has {USER_MAX} characters at most"),
            ),
            Self::User(name) | Self::PfInterface(name) => check_text(name),
            Self::Address(_, Addresses::Prefix(prefix)) => check_prefix(*prefix),
            Self::Address(side, Addresses::Set(set)) => check_set(*side, set),
            Self::PortInBlock(Number::Port | Number::SrcPort | Number::DstPort) => Ok(()),
            Self::PortInBlock(_) => refuse(
                FilterErrorKind::Direction,
                "only `port`, `src port` and `dst port` can be in a port block",
            ),
            Self::Mpls(part, compare, _) => check_mpls(*part, *compare),
            Self::Mac(_, 0) => refuse(
                FilterErrorKind::Address,
                "the MAC address 00:00:00:00:00:00 means that there is none",
            ),
            Self::Payload(payload) => check_payload(payload),
            Self::Any
            | Self::Ipv4
            | Self::Ipv6
            | Self::Address(..)
            | Self::Flags { .. }
            | Self::TtlEqual
            | Self::Mac(..)
            | Self::Unknown(_) => Ok(()),
        }
    }

    /// The size of the term's pattern, repetitions written out; 0 without one.
    fn pattern_items(&self) -> usize {
        match self {
            Self::Payload(Payload::Regex(pattern) | Payload::Content(_, pattern)) => {
                pattern.items()
            }
            _ => 0,
        }
    }
}

fn check_text(text: &str) -> Checked {
    if can_be_written(text) {
        return Ok(());
    }
    refuse(
        FilterErrorKind::Text,
        format!(
            "a text has {} printable ASCII characters at most, and not both kinds of quotes",
            STRING_MAX - 2
        ),
    )
}

fn check_value(number: Number, value: u64) -> Checked {
    let term = number.term();
    if value <= term.max {
        return Ok(());
    }
    refuse(
        FilterErrorKind::Range,
        format!(
            "{value} is out of range: `{}` goes from 0 to {}",
            term.name(),
            term.max
        ),
    )
}

fn check_number(number: Number, compare: Compare, value: u64) -> Checked {
    let term = number.term();
    check_value(number, value)?;
    if term.compare || compare == Compare::Equal {
        return Ok(());
    }
    refuse(
        FilterErrorKind::Syntax,
        format!("`{}` can only be tested for equality", term.name()),
    )
}

fn check_numbers(number: Number, values: &[u64]) -> Checked {
    let term = number.term();
    if !term.list {
        let message = format!("`{}` accepts no list", term.name());
        return refuse(FilterErrorKind::Syntax, message);
    }
    if values.is_empty() {
        return refuse(FilterErrorKind::Syntax, "the list is empty");
    }
    // The values are sorted.
    values
        .last()
        .map_or(Ok(()), |largest| check_value(number, *largest))
}

fn check_ident(name: &str) -> Checked {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !(1..=IDENT_MAX).contains(&name.len()) || !name.bytes().all(known) {
        return refuse(
            FilterErrorKind::Name,
            format!("an ident has 1 to {IDENT_MAX} letters, digits, `_` and `-`, nothing else"),
        );
    }
    check_text(name)
}

fn check_prefix(prefix: Prefix) -> Checked {
    if prefix.is_valid() {
        return Ok(());
    }
    refuse(
        FilterErrorKind::Range,
        format!("the prefix length is above {}", prefix.length_max()),
    )
}

fn check_set(side: Side, set: &IpSet) -> Checked {
    if !side.term().list {
        return refuse(
            FilterErrorKind::Direction,
            format!("`{} ip` accepts no list", side.term().syntax),
        );
    }
    if set.is_empty() {
        return refuse(FilterErrorKind::Syntax, "the list is empty");
    }
    set.prefixes().iter().copied().try_for_each(check_prefix)
}

fn check_mpls(part: Mpls, compare: Compare) -> Checked {
    match part {
        Mpls::Label(entry @ 10..) | Mpls::TrafficClass(entry @ 10..) => refuse(
            FilterErrorKind::Range,
            format!("there is no entry {entry}: a label stack has entries 0 to 9"),
        ),
        Mpls::Any if compare != Compare::Equal => refuse(
            FilterErrorKind::Syntax,
            "`mpls any` can only be tested for equality",
        ),
        _ => Ok(()),
    }
}

fn check_payload(payload: &Payload) -> Checked {
    match payload {
        Payload::Content(text, _) => check_text(text),
        Payload::Regex(pattern) => {
            check_text(pattern.text())?;
            check_text(pattern.modifiers())
        }
        Payload::Dns(_, Dns::Defined) => Ok(()),
        Payload::Dns(_, Dns::Name(text) | Dns::Address(text)) => check_text(text),
        Payload::Tls(tls) => check_tls(tls),
    }
}

fn check_tls(tls: &Tls) -> Checked {
    match tls {
        Tls::Defined | Tls::Ja3Defined | Tls::Ja4Defined => Ok(()),
        Tls::Version(wire) if tls_version(*wire).is_some() => Ok(()),
        Tls::Version(wire) => refuse(
            FilterErrorKind::Range,
            format!(
                "0x{wire:04x} is not a version: there are 0x0301 (TLS 1.0) to 0x0304 (TLS 1.3), \
                 and 0x0000, 0x0100, 0x0200 and 0x0300 (SSL 3.0)"
            ),
        ),
        Tls::ServerName(name) if name.len() > SERVER_NAME_MAX => refuse(
            FilterErrorKind::Limit,
            format!("a server name has {SERVER_NAME_MAX} characters at most"),
        ),
        Tls::ServerName(name) => check_text(name),
        Tls::Ja3(hash) => {
            if hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Ok(());
            }
            refuse(
                FilterErrorKind::Name,
                "a JA3 has 32 hexadecimal digits, as 11138d9933242c3a03b6aad35a296476",
            )
        }
        Tls::Ja4(hash) if is_ja4(hash) => check_text(hash),
        Tls::Ja4(_) => refuse(
            FilterErrorKind::Name,
            "a JA4 looks like t13d1516h2_8daaf6152771_b186095e22b6",
        ),
    }
}

fn is_ja4(hash: &str) -> bool {
    let bytes = hash.as_bytes();
    let hex = |at: std::ops::Range<usize>| {
        bytes
            .get(at)
            .is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit))
    };
    bytes.len() == 36
        && matches!(bytes.first(), Some(b't' | b'q'))
        && matches!(bytes.get(3), Some(b'd' | b'i'))
        && [10, 23].iter().all(|at| bytes.get(*at) == Some(&b'_'))
        && hex(11..23)
        && hex(24..36)
}

/// How a version on the wire is written: the word before `version`, major and minor number.
pub(crate) fn tls_version(wire: u16) -> Option<(&'static str, u16, u16)> {
    match wire {
        0x0301..=0x0304 => Some(("tls", 1, wire - 0x0301)),
        0x0000 | 0x0100 | 0x0200 | 0x0300 => Some(("ssl", wire >> 8, 0)),
        _ => None,
    }
}
