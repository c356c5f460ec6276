//! The text of an expression, and its tree.

use std::fmt;

use crate::filter::expr::Expr;
use crate::filter::expr::check::tls_version;
use crate::filter::expr::layout::{Layout, Step};
use crate::filter::expr::term::{Addresses, Dns, Mpls, Node, Payload, PayloadSide, Term, Tls};
use crate::filter::parse::{names, times};
use crate::filter::terms::{Number, Side};
use crate::filter::written::Written;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;

/// The text of the expression: parsed again (in UTC), it gives the same expression.
///
/// This holds for expressions that [`Filter::build`](crate::Filter::build) accepts. The text of
/// others is no filter.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = Layout::of(self);
        let mut steps = vec![Step::Node(layout.root())];
        while let Some(step) = steps.pop() {
            match step {
                Step::Open => f.write_str("(")?,
                Step::Close => f.write_str(")")?,
                Step::Operator(text) => f.write_str(text)?,
                Step::Node(at) => match layout.node(at) {
                    Some(Node::Term(term)) => term.fmt(f)?,
                    _ => {
                        let from = steps.len();
                        steps.extend(layout.pieces(at));
                        steps.get_mut(from..).unwrap_or_default().reverse();
                    }
                },
            }
        }
        Ok(())
    }
}

impl Expr {
    /// The expression as a tree: one term or operator per line, indented.
    pub(crate) fn tree(&self) -> impl fmt::Display + '_ {
        Tree(self)
    }
}

struct Tree<'a>(&'a Expr);

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Deeper levels are not indented, which bounds the size of the output.
        const INDENT_MAX: usize = 40;
        let layout = Layout::of(self.0);
        let mut lines = vec![(layout.root(), 0_usize)];
        while let Some((at, depth)) = lines.pop() {
            let Some(node) = layout.node(at) else {
                continue;
            };
            for _ in 0..depth.min(INDENT_MAX) {
                f.write_str("  ")?;
            }
            match node {
                Node::Term(term) => writeln!(f, "{term}")?,
                Node::Not => {
                    f.write_str("not\n")?;
                    lines.push((at - 1, depth + 1));
                }
                Node::And | Node::Or => {
                    f.write_str(if *node == Node::And { "and\n" } else { "or\n" })?;
                    // The operands of a chain of one operator are listed below one line.
                    let mut operand = at;
                    while layout.node(operand) == Some(node) {
                        lines.push((operand - 1, depth + 1));
                        operand = layout.left(operand);
                    }
                    lines.push((operand, depth + 1));
                }
            }
        }
        Ok(())
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
            Self::Ident(name) => write!(f, "ident {}", Written::Quoted(name)),
            Self::Number(number, compare, value) => {
                write!(f, "{} {}", number.term().name(), compare.symbol())?;
                write_value(f, *number, *value)
            }
            Self::NumberIn(number, values) => {
                write!(f, "{} in [", number.term().name())?;
                separated(f, values.iter())?;
                f.write_str("]")
            }
            Self::Address(side, addresses) => write_addresses(f, *side, addresses),
            Self::Flags { mask, exact } => {
                f.write_str(if *exact { "flags '=" } else { "flags '" })?;
                let letters = TcpFlags(*mask).letters();
                for letter in letters.iter().filter(|letter| **letter != b'.') {
                    write!(f, "{}", char::from(*letter))?;
                }
                f.write_str("'")
            }
            Self::TtlEqual => f.write_str("ttl equal"),
            Self::PortInBlock(port) => write!(f, "{} in nat pblock", port.term().name()),
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
                let address = MacAddr::from_number(*address);
                write!(f, "{}mac {address}", Before(side.term().syntax))
            }
            Self::User(name) => write!(f, "asa user {}", Written::Quoted(name)),
            Self::PfInterface(name) => write!(f, "pf interface {}", Written::Quoted(name)),
            Self::Payload(payload) => payload.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

/// The value of a comparison: a number, a name where only names are accepted, or a time.
fn write_value(f: &mut fmt::Formatter<'_>, number: Number, value: u64) -> fmt::Result {
    let names = match number {
        Number::PfAction => names::PF_ACTIONS,
        Number::PfReason => names::PF_REASONS,
        Number::PfDirection => names::PF_DIRECTIONS,
        Number::FirstSeen | Number::LastSeen => return times::write(f, value),
        _ => return write!(f, "{value}"),
    };
    match names.iter().find(|(_, known)| *known == value) {
        Some((name, _)) => f.write_str(name),
        None => write!(f, "{value}"),
    }
}

fn write_addresses(f: &mut fmt::Formatter<'_>, side: Side, addresses: &Addresses) -> fmt::Result {
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

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(text, _) => write!(f, "payload content {}", Written::Quoted(text)),
            Self::Regex(pattern) => {
                write!(f, "payload regex {}", Written::Quoted(pattern.text()))?;
                match pattern.modifiers() {
                    "" => Ok(()),
                    modifiers => write!(f, " {}", Written::Quoted(modifiers)),
                }
            }
            Self::Dns(side, what) => {
                f.write_str(match side {
                    PayloadSide::In => "payload dns ",
                    PayloadSide::Out => "out payload dns ",
                })?;
                match what {
                    Dns::Defined => f.write_str("defined"),
                    Dns::Name(text) => write!(f, "name {}", Written::Quoted(text)),
                    Dns::Address(text) => write!(f, "address {}", Written::Quoted(text)),
                }
            }
            Self::Tls(what) => match what {
                Tls::Defined => f.write_str("payload tls defined"),
                Tls::Version(wire) => match tls_version(*wire) {
                    Some((what, major, minor)) => {
                        write!(f, "payload {what} version {major}.{minor}")
                    }
                    None => write!(f, "payload tls version 0x{wire:04x}"),
                },
                Tls::ServerName(text) => write!(f, "payload tls sni {}", Written::Quoted(text)),
                Tls::Ja3Defined => f.write_str("payload ja3 defined"),
                Tls::Ja3(hash) => write!(f, "payload ja3 {}", Hash(hash)),
                Tls::Ja4Defined => f.write_str("payload ja4 defined"),
                Tls::Ja4(hash) => write!(f, "payload ja4 {}", Hash(hash)),
            },
        }
    }
}

/// A hash as a word. The keyword `defined` is not a hash, and must not be read as the keyword.
struct Hash<'a>(&'a str);

impl fmt::Display for Hash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "defined" => f.write_str("\u{201C}defined\u{201D}"),
            hash => Written::Word(hash).fmt(f),
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
