//! From tokens to an expression.
//!
//! Operators are handled with a stack of their own: depth costs memory that is bounded, never the
//! stack of the thread. Which terms exist, which directions they have and which numbers they take is
//! in [`super::primitive`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::filter::error::{FilterError, FilterErrorKind as Wrong};
use crate::filter::expr::{
    Addresses, Compare, Dns, Expr, Mpls, Node, Payload, PayloadSide, Term, Tls,
};
use crate::filter::options::Options;
use crate::filter::parse::lexer::{Kind, Lexer, Span, Token, keywords};
use crate::filter::parse::names;
use crate::filter::parse::names::Named;
use crate::filter::parse::times;
use crate::filter::primitive::{MAC_SIDES, NUMBERS, Number, NumberTerm, SIDES, Side};
use crate::filter::run::pattern::Pattern;
use crate::filter::run::sets::{IpSet, Prefix};

/// Open parentheses, as in nfdump.
const PARENTHESES_MAX: usize = 9_996;
/// `not` and open parentheses waiting for their operand, as in nfdump.
const PENDING_MAX: usize = 9_997;
/// Addresses that a host name may have.
const HOST_ADDRESSES_MAX: usize = 1024;

type Result<T> = std::result::Result<T, FilterError>;

/// Parses a text.
pub(crate) fn parse(text: &[u8], options: &Options) -> Result<Expr> {
    let mut lexer = Lexer::new(text, options)?;
    let token = lexer.next()?;
    let parser = Parser {
        lexer,
        options,
        token,
        last: token,
    };
    parser.filter()
}

struct Parser<'o> {
    lexer: Lexer<'o>,
    options: &'o Options,
    /// The token to look at.
    token: Token,
    /// The one before.
    last: Token,
}

/// What waits for its operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Parenthesis(Span),
    Not,
    And,
    Or,
}

/// What is under way: the words of a term so far, for messages and for looking terms up.
struct Words {
    start: Span,
    /// The direction, as in the tables.
    direction: &'static str,
}

impl Parser<'_> {
    fn filter(mut self) -> Result<Expr> {
        let mut nodes = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut parentheses = 0_usize;
        if self.token.kind == Kind::End {
            return Ok(Expr::any());
        }
        loop {
            // An operand.
            match self.token.kind {
                Kind::Key("not") | Kind::Byte(b'(') => {
                    let open = self.token.kind == Kind::Byte(b'(');
                    parentheses += usize::from(open);
                    if parentheses > PARENTHESES_MAX || waiting.len() >= PENDING_MAX {
                        return Err(self.wrong(Wrong::Limit, "nested too deeply"));
                    }
                    waiting.push(if open {
                        Waiting::Parenthesis(self.token.span)
                    } else {
                        Waiting::Not
                    });
                    self.advance()?;
                    continue;
                }
                _ => nodes.push(Node::Term(self.term()?)),
            }
            // What follows an operand.
            loop {
                while waiting.pop_if(|top| *top == Waiting::Not).is_some() {
                    // Not twice is not at all.
                    if nodes.last() == Some(&Node::Not) {
                        nodes.pop();
                    } else {
                        nodes.push(Node::Not);
                    }
                }
                let operator = self.token.kind;
                let binds = |top: &mut Waiting| match operator {
                    Kind::Key("and") => *top == Waiting::And,
                    _ => matches!(top, Waiting::And | Waiting::Or),
                };
                while let Some(top) = waiting.pop_if(binds) {
                    nodes.push(if top == Waiting::And {
                        Node::And
                    } else {
                        Node::Or
                    });
                }
                match operator {
                    Kind::Key("and") => waiting.push(Waiting::And),
                    Kind::Key("or") => waiting.push(Waiting::Or),
                    Kind::Byte(b')') if waiting.pop().is_some() => {
                        parentheses = parentheses.saturating_sub(1);
                        self.advance()?;
                        continue;
                    }
                    Kind::Byte(b')') => {
                        return Err(self.wrong(Wrong::Syntax, "`)` without `(`"));
                    }
                    Kind::End => {
                        return match waiting.pop() {
                            Some(Waiting::Parenthesis(span)) => {
                                Err(FilterError::new(Wrong::Syntax, "`(` without `)`")
                                    .at(self.lexer.place(span)))
                            }
                            _ => Ok(Expr { nodes }),
                        };
                    }
                    _ => return Err(self.after_operand()),
                }
                self.advance()?;
                break;
            }
        }
    }

    /// Something stands where only an operator can.
    fn after_operand(&self) -> FilterError {
        let error = self.unexpected("`and`, `or`, `)` or the end");
        match self.lexer.word(&self.token) {
            "&&" | "&" => error.help("write `and`"),
            _ if matches!(self.token.kind, Kind::Byte(b'&')) => error.help("write `and`"),
            _ if matches!(self.token.kind, Kind::Byte(b'|')) => error.help("write `or`"),
            _ if self.token.kind == Kind::Byte(b'\r') => {
                error.help("lines end with a newline alone; remove the carriage returns")
            }
            _ => error.help("terms are joined with `and` or `or`"),
        }
    }

    fn advance(&mut self) -> Result<Token> {
        self.last = self.token;
        self.token = self.lexer.next()?;
        Ok(self.last)
    }

    /// An error at the token to look at.
    fn wrong(&self, kind: Wrong, message: impl Into<String>) -> FilterError {
        FilterError::new(kind, message).at(self.lexer.place(self.token.span))
    }

    /// An error at a span.
    fn wrong_at(&self, span: Span, kind: Wrong, message: impl Into<String>) -> FilterError {
        FilterError::new(kind, message).at(self.lexer.place(span))
    }

    fn unexpected(&self, expected: &str) -> FilterError {
        let found = self.lexer.name(&self.token);
        let error = self.wrong(Wrong::Syntax, format!("expected {expected}, found {found}"));
        let glued = !self.token.quoted
            && self.token.kind == Kind::Text
            && self.lexer.text(&self.token).contains(&b'=');
        if glued {
            error.help("`=` is part of a word unless blanks stand around it")
        } else if self.token.kind == Kind::Key("not") && self.last.kind != Kind::Key("not") {
            error.help("there is no `!=`: write `not` before the whole term, as in `not port 80`")
        } else {
            error
        }
    }

    fn is_text(&self, word: &str) -> bool {
        self.token.kind == Kind::Text && self.lexer.word(&self.token).eq_ignore_ascii_case(word)
    }

    fn text(&mut self, expected: &str) -> Result<(String, Span)> {
        if self.token.kind != Kind::Text {
            let error = self.unexpected(expected);
            return Err(match self.token.kind {
                Kind::Key(_) | Kind::Number(_) | Kind::Compare(_) => {
                    error.help("a word that has a meaning of its own must be quoted")
                }
                _ => error,
            });
        }
        let text = self.lexer.word(&self.token).to_owned();
        let token = self.advance()?;
        Ok((text, token.span))
    }

    fn compare(&mut self) -> Result<Option<Compare>> {
        match self.token.kind {
            Kind::Compare(compare) => {
                self.advance()?;
                Ok(Some(compare))
            }
            _ => Ok(None),
        }
    }

    fn number(&mut self, expected: &str) -> Result<(u64, Span)> {
        match self.token.kind {
            Kind::Number(number) => {
                let token = self.advance()?;
                Ok((number, token.span))
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// A number for a term, in its range.
    fn value(&mut self, term: &NumberTerm) -> Result<u64> {
        let expected = if term.max == u64::MAX {
            "a number".to_owned()
        } else {
            format!("a number from 0 to {}", term.max)
        };
        let (value, span) = self.number(&expected)?;
        if value > term.max {
            let message = format!(
                "{value} is out of range: `{}` goes from 0 to {}",
                term.syntax[0], term.max
            );
            return Err(self.wrong_at(span, Wrong::Range, message));
        }
        Ok(value)
    }

    /// `cmp NUM`, or only `NUM` where the term compares for equality alone.
    fn comparison(&mut self, number: Number) -> Result<Term> {
        let term = number.term();
        if !term.compare && matches!(self.token.kind, Kind::Compare(_)) {
            let message = format!("`{}` takes no comparator", term.syntax[0]);
            return Err(self
                .wrong(Wrong::Syntax, message)
                .help("only equality can be tested, without `=`"));
        }
        let compare = self.compare()?.unwrap_or(Compare::Equal);
        Ok(Term::Number(number, compare, self.value(term)?))
    }

    /// A name from a table, or what `comparison` takes.
    fn named(&mut self, number: Number, what: &str, table: &[Named]) -> Result<Term> {
        if self.token.kind != Kind::Text {
            return self.comparison(number);
        }
        let value = self.name(what, table)?;
        Ok(Term::Number(number, Compare::Equal, value))
    }

    fn name(&mut self, what: &str, table: &[Named]) -> Result<u64> {
        let (name, span) = self.text(what)?;
        match names::find(table, &name) {
            Some(value) => Ok(value),
            None => {
                let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
                let error = self.wrong_at(span, Wrong::Name, format!("`{name}` is not {what}"));
                Err(match near(&name, known.iter().copied()) {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")),
                    None => error.help(format!("there are: {}", known.join(", "))),
                })
            }
        }
    }

    fn term(&mut self) -> Result<Term> {
        let first = self.token;
        let term = self.term_unchecked()?;
        // Programs can build what the grammar excludes; here this is mostly known to hold.
        term.check()
            .map_err(|error| error.at(self.lexer.place(first.span.to(self.last.span))))?;
        Ok(term)
    }

    fn term_unchecked(&mut self) -> Result<Term> {
        let Kind::Key(key) = self.token.kind else {
            return self.directed();
        };
        let start = self.token.span;
        match key {
            "any" => {
                self.advance()?;
                Ok(Term::Any)
            }
            "ipv4" => {
                self.advance()?;
                Ok(Term::Ipv4)
            }
            "ipv6" => {
                self.advance()?;
                Ok(Term::Ipv6)
            }
            "ident" => {
                self.advance()?;
                let (name, _) = self.text("the ident of a file")?;
                Ok(Term::Ident(name.into()))
            }
            "count" => self.simple(Number::Count),
            "engine-type" => self.simple(Number::EngineType),
            "engine-id" => self.simple(Number::EngineId),
            "icmp-type" => self.simple(Number::IcmpType),
            "icmp-code" => self.simple(Number::IcmpCode),
            "duration" => self.simple(Number::Duration),
            "pps" => self.simple(Number::Pps),
            "bps" => self.simple(Number::Bps),
            "bpp" => self.simple(Number::Bpp),
            "flows" => self.simple(Number::Flows),
            "ethertype" => self.simple(Number::EtherType),
            "engine" | "icmp" => {
                self.advance()?;
                let second = self.second_word(key)?;
                self.comparison(second)
            }
            "exporter" => {
                self.advance()?;
                if self.token.kind == Kind::Text {
                    let second = self.second_word(key)?;
                    self.comparison(second)
                } else {
                    self.after_direction(Words {
                        start,
                        direction: "router",
                    })
                }
            }
            "min" | "max" | "ttl" => {
                let number = match key {
                    "min" => Number::MinTtl,
                    "max" => Number::MaxTtl,
                    _ => Number::Ttl,
                };
                self.advance()?;
                if number != Number::Ttl {
                    if self.token.kind != Kind::Key("ttl") {
                        return Err(self.unexpected("`ttl`"));
                    }
                    self.advance()?;
                }
                if self.is_text("equal") {
                    self.advance()?;
                    return Ok(Term::TtlEqual);
                }
                if self.token.kind == Kind::Text {
                    return Err(self.unexpected("a number from 0 to 255 or `equal`"));
                }
                self.comparison(number)
            }
            "fwdstat" => {
                self.advance()?;
                self.named(
                    Number::ForwardingStatus,
                    "a forwarding status",
                    names::FORWARDING,
                )
            }
            "flowdir" => {
                self.advance()?;
                let value = match self.token.kind {
                    Kind::Key("ingress") => 0,
                    Kind::Key("egress") => 1,
                    Kind::Number(_) => return self.comparison(Number::Direction),
                    _ => return Err(self.unexpected("`ingress`, `egress`, 0 or 1")),
                };
                self.advance()?;
                Ok(Term::Number(Number::Direction, Compare::Equal, value))
            }
            "mpls" => {
                self.advance()?;
                self.mpls()
            }
            "asa" => {
                self.advance()?;
                self.asa()
            }
            "pf" => {
                self.advance()?;
                self.pf()
            }
            "observation" => {
                self.advance()?;
                let number = if self.is_text("domain") {
                    Number::ObservationDomain
                } else if self.is_text("point") {
                    Number::ObservationPoint
                } else {
                    return Err(self.unexpected("`domain id` or `point id`"));
                };
                self.advance()?;
                if !self.is_text("id") {
                    return Err(self.unexpected("`id`"));
                }
                self.advance()?;
                self.comparison(number)
            }
            "nat" => {
                self.advance()?;
                if self.token.kind == Kind::Text {
                    self.nat()
                } else {
                    self.after_direction(Words {
                        start,
                        direction: "nat",
                    })
                }
            }
            _ => self.directed(),
        }
    }

    /// A keyword and a comparison.
    fn simple(&mut self, number: Number) -> Result<Term> {
        self.advance()?;
        self.comparison(number)
    }

    /// The second word of a term of two, such as `icmp type`.
    fn second_word(&mut self, first: &str) -> Result<Number> {
        let seconds = || {
            NUMBERS
                .iter()
                .flat_map(|term| term.syntax)
                .filter_map(|syntax| syntax.strip_prefix(first)?.strip_prefix(' '))
        };
        let expected = list_of(seconds());
        let (word, span) = self.text(&expected)?;
        let lower = word.to_ascii_lowercase();
        match Number::written(&format!("{first} {lower}")) {
            Some(term) => Ok(term.number),
            None => {
                let message = format!("expected {expected} after `{first}`, found `{word}`");
                let error = self.wrong_at(span, Wrong::Name, message);
                Err(match near(&word, seconds()) {
                    Some(meant) => error.help(format!("did you mean `{first} {meant}`?")),
                    None => error,
                })
            }
        }
    }

    /// A direction, and the term it belongs to.
    fn directed(&mut self) -> Result<Term> {
        let start = self.token.span;
        let direction = match self.token.kind {
            Kind::Key(key @ ("src" | "dst")) => {
                self.advance()?;
                match (key, self.token.kind) {
                    ("src", Kind::Key("nat")) => self.then("src nat")?,
                    ("src", Kind::Key("tun")) => self.then("src tun")?,
                    ("dst", Kind::Key("nat")) => self.then("dst nat")?,
                    ("dst", Kind::Key("tun")) => self.then("dst tun")?,
                    _ => key,
                }
            }
            Kind::Key(key @ ("in" | "out")) => {
                self.advance()?;
                match (key, self.token.kind) {
                    ("in", Kind::Key("src")) => self.then("in src")?,
                    ("in", Kind::Key("dst")) => self.then("in dst")?,
                    ("out", Kind::Key("src")) => self.then("out src")?,
                    ("out", Kind::Key("dst")) => self.then("out dst")?,
                    _ => key,
                }
            }
            Kind::Key("bgp") => {
                self.advance()?;
                if self.token.kind != Kind::Key("next") {
                    return Err(self.unexpected("`next` after `bgp`"));
                }
                self.then("bgp next")?
            }
            Kind::Key(
                key @ ("nat" | "tun" | "ingress" | "egress" | "client" | "server" | "prev" | "next"
                | "router"),
            ) => self.then(key)?,
            Kind::Text => return self.seen(),
            _ => "",
        };
        self.after_direction(Words { start, direction })
    }

    fn then(&mut self, direction: &'static str) -> Result<&'static str> {
        self.advance()?;
        Ok(direction)
    }

    fn after_direction(&mut self, words: Words) -> Result<Term> {
        if let Kind::Geo(code) = self.token.kind {
            let name = String::from_utf8_lossy(&code).into_owned();
            let permitted = [
                "", "src", "dst", "nat", "src nat", "dst nat", "tun", "src tun", "dst tun",
            ];
            if !permitted.contains(&words.direction) {
                return Err(self.direction(&words, "geo", permitted.into_iter()));
            }
            self.advance()?;
            return self.needs_database(&words, &format!("geo {name}"), "geo");
        }
        let Kind::Key(key) = self.token.kind else {
            return Err(self.no_term(&words));
        };
        match key {
            "proto" => {
                let number = self.look_up(&words, key)?;
                match self.token.kind {
                    Kind::Key("ipv6") => self.protocol(number, "IPv6"),
                    Kind::Key("icmp") => self.protocol(number, "ICMP"),
                    Kind::Text => {
                        let name = self.lexer.word(&self.token).to_owned();
                        self.protocol(number, &name)
                    }
                    Kind::Number(_) | Kind::Compare(_) => self.comparison(number),
                    _ => Err(self.unexpected("a protocol, as name or number from 0 to 255")),
                }
            }
            "port" | "as" => {
                let number = self.look_up(&words, key)?;
                if self.token.kind != Kind::Key("in") {
                    return self.comparison(number);
                }
                self.advance()?;
                if key == "port" && self.token.kind == Kind::Key("nat") {
                    self.advance()?;
                    if !self.is_text("pblock") {
                        return Err(self.unexpected("`pblock`"));
                    }
                    if !matches!(number, Number::Port | Number::SrcPort | Number::DstPort) {
                        let permitted = ["", "src", "dst"].into_iter();
                        return Err(self.direction(&words, "port in nat pblock", permitted));
                    }
                    self.advance()?;
                    return Ok(Term::PortInBlock(number));
                }
                self.number_list(number)
            }
            "ip" => self.ip(&words),
            "net" => self.net(&words),
            "flags" => {
                self.advance()?;
                if self.token.kind == Kind::Text {
                    return self.flags();
                }
                if matches!(self.token.kind, Kind::Key("as" | "pf" | "src")) {
                    return Err(self.unexpected("TCP flags or a number from 0 to 255").help(
                        "this is a keyword: write the letters in another order, or in quotes",
                    ));
                }
                self.comparison(Number::Flags)
            }
            "tos" | "packets" | "bytes" | "latency" | "acl" | "vrf" | "if" | "vlan" | "mask" => {
                let number = self.look_up(&words, key)?;
                self.comparison(number)
            }
            "mac" => {
                let found = MAC_SIDES
                    .iter()
                    .find(|(_, syntax, _)| *syntax == words.direction);
                let Some((side, ..)) = found else {
                    let permitted = MAC_SIDES.iter().map(|(_, syntax, _)| *syntax);
                    return Err(self.direction(&words, "mac", permitted));
                };
                self.advance()?;
                let (text, span) = self.text("a MAC address")?;
                match mac(&text) {
                    Some(0) => Err(self.wrong_at(
                        span,
                        Wrong::Address,
                        "the MAC address of zeros stands for none",
                    )),
                    Some(address) => Ok(Term::Mac(*side, address)),
                    None => Err(self
                        .wrong_at(
                            span,
                            Wrong::Address,
                            format!("`{text}` is not a MAC address"),
                        )
                        .help("six hexadecimal groups with `:` between, as 00:11:22:aa:bb:cc")),
                }
            }
            "payload" => {
                self.advance()?;
                self.payload(&words)
            }
            _ => Err(self.no_term(&words)),
        }
    }

    /// The number term for this direction and keyword; takes the keyword.
    fn look_up(&mut self, words: &Words, key: &str) -> Result<Number> {
        let written = if words.direction.is_empty() {
            key.to_owned()
        } else {
            format!("{} {key}", words.direction)
        };
        match Number::written(&written) {
            Some(term) => {
                self.advance()?;
                Ok(term.number)
            }
            None => {
                let directions = NUMBERS
                    .iter()
                    .flat_map(|term| term.syntax)
                    .filter_map(|syntax| {
                        let before = syntax.strip_suffix(key)?;
                        if before.is_empty() {
                            return Some("");
                        }
                        before.strip_suffix(' ')
                    });
                Err(self.direction(words, key, directions))
            }
        }
    }

    /// The direction does not go with the term.
    fn direction(
        &self,
        words: &Words,
        key: &str,
        permitted: impl Iterator<Item = &'static str>,
    ) -> FilterError {
        let permitted: Vec<String> = permitted
            .map(|before| match before {
                "" => format!("`{key}`"),
                before => format!("`{before} {key}`"),
            })
            .collect();
        let message = match words.direction {
            "" => format!("`{key}` needs a direction"),
            direction => format!("there is no `{direction} {key}`"),
        };
        self.wrong_at(words.start.to(self.token.span), Wrong::Direction, message)
            .help(format!("there is: {}", permitted.join(", ")))
    }

    /// Nothing that begins or continues a term.
    fn no_term(&self, words: &Words) -> FilterError {
        if words.direction.is_empty() {
            let error = self.unexpected("a term");
            return match self.token.kind {
                Kind::Key("and" | "or") | Kind::Byte(b')') | Kind::End | Kind::Compare(_)
                    if self.last.kind == Kind::Key("not") =>
                {
                    error.help("write `not` before the whole term, as in `not port = 443`")
                }
                Kind::Number(_) => error.help("say what the number is, as in `port 443`"),
                Kind::Byte(b'\r') => {
                    error.help("lines end with a newline alone; remove the carriage returns")
                }
                Kind::Byte(b'&') => error.help("write `and`"),
                Kind::Byte(b'|') => error.help("write `or`"),
                _ => error,
            };
        }
        let keys: Vec<String> = terms_with(words.direction)
            .map(|key| format!("`{}`", key))
            .collect();
        let error = self.unexpected(&format!(
            "what `{}` belongs to ({})",
            words.direction,
            keys.join(", ")
        ));
        if self.token.kind == Kind::Text {
            let word = self.lexer.word(&self.token);
            if let Some(meant) = near(word, terms_with(words.direction)) {
                return error.help(format!("did you mean `{} {meant}`?", words.direction));
            }
        }
        error
    }

    /// `first seen` and `last seen`, the only terms that begin with a word that is no keyword.
    fn seen(&mut self) -> Result<Term> {
        let word = self.lexer.word(&self.token).to_owned();
        let number = match word.to_ascii_lowercase().as_str() {
            "first" => Number::FirstSeen,
            "last" => Number::LastSeen,
            _ => return Err(self.unknown_word(&word)),
        };
        self.advance()?;
        if self.token.kind != Kind::Key("seen") {
            return Err(self.unexpected("`seen`"));
        }
        self.advance()?;
        let compare = self.compare()?.unwrap_or(Compare::Equal);
        let text = match self.token.kind {
            // nfdump keeps 32 bits of it, as a signed number.
            Kind::Number(number) => (number as u32).cast_signed().to_string(),
            Kind::Text => self.lexer.word(&self.token).to_owned(),
            _ => return Err(self.unexpected("a time, as 2026-01-01T12:00:00")),
        };
        let token = self.advance()?;
        match times::parse(&text, &self.options.zone()) {
            Ok(time) => Ok(Term::Number(number, compare, time.as_millis())),
            Err(reason) => {
                let error = self.wrong_at(
                    token.span,
                    Wrong::Time,
                    format!("`{text}` is not a time: {reason}"),
                );
                Err(if text.ends_with('Z') || text.contains('+') {
                    error.help("times are in the local zone, without `Z` or offset")
                } else {
                    error
                })
            }
        }
    }

    /// A word that begins no term.
    fn unknown_word(&self, word: &str) -> FilterError {
        let message = format!("`{word}` begins no term");
        let error = self.wrong(Wrong::Name, message);
        if self.lexer.text(&self.token).contains(&b'=') && !self.token.quoted {
            return error.help("`=` is part of a word unless blanks stand around it");
        }
        let known = [
            ("inet", "ipv4"),
            ("inet6", "ipv6"),
            ("sport", "src port"),
            ("dport", "dst port"),
            ("srcip", "src ip"),
            ("dstip", "dst ip"),
            ("saddr", "src ip"),
            ("daddr", "dst ip"),
            ("tcp", "proto tcp"),
            ("udp", "proto udp"),
            ("icmp6", "proto icmp6"),
            ("nip", "nat ip"),
            ("nport", "nat port"),
            ("xip", "nat ip"),
            ("xport", "nat port"),
            ("bgpnext", "bgp next ip"),
            ("sysid", "exporter id"),
            ("octets", "bytes"),
            ("pkts", "packets"),
            ("dir", "flowdir"),
            ("label", "mpls label0"),
            ("geo", "geo CC, with one blank and without quotes"),
        ];
        let lower = word.to_ascii_lowercase();
        if let Some((_, meant)) = known.iter().find(|(written, _)| *written == lower) {
            return error.help(format!("did you mean `{meant}`?"));
        }
        let numbers = NUMBERS.iter().flat_map(|term| term.syntax.iter().copied());
        let sides = SIDES.iter().map(|side| side.syntax);
        match near(word, numbers.chain(keywords()).chain(sides)) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error,
        }
    }

    fn protocol(&mut self, number: Number, name: &str) -> Result<Term> {
        match names::protocol(name) {
            Some(value) => {
                self.advance()?;
                Ok(Term::Number(number, Compare::Equal, value))
            }
            None => {
                let error = self.wrong(Wrong::Name, format!("`{name}` is not a protocol"));
                Err(match name.to_ascii_lowercase().as_str() {
                    "icmpv6" => error.help("did you mean `icmp6`?"),
                    _ => match near(name, names::PROTOCOLS.iter().copied()) {
                        Some(meant) => error.help(format!("did you mean `{meant}`?")),
                        None => {
                            error.help("names have five characters at most, or begin with these")
                        }
                    },
                })
            }
        }
    }

    /// `[ NUM [,] NUM … ]`
    fn number_list(&mut self, number: Number) -> Result<Term> {
        let term = number.term();
        let mut values = Vec::new();
        self.items(|parser| {
            if parser.token.kind == Kind::Text {
                return Err(parser
                    .unexpected("a number")
                    .help("lists of numbers have no ranges and no names"));
            }
            values.push(parser.value(term)?);
            Ok(())
        })?;
        values.sort_unstable();
        values.dedup();
        Ok(Term::NumberIn(number, values.into()))
    }

    /// A list in brackets; `item` takes one entry.
    fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.token.kind != Kind::Byte(b'[') {
            return Err(self.unexpected("`[`"));
        }
        let open = self.advance()?.span;
        if self.token.kind == Kind::Byte(b']') {
            let span = open.to(self.token.span);
            return Err(self.wrong_at(span, Wrong::Syntax, "the list is empty"));
        }
        loop {
            if self.token.kind == Kind::End {
                return Err(self.wrong_at(open, Wrong::Syntax, "`[` without `]`"));
            }
            item(self)?;
            match self.token.kind {
                Kind::Byte(b']') => {
                    self.advance()?;
                    return Ok(());
                }
                Kind::Byte(b',') => {
                    self.advance()?;
                }
                _ => {}
            }
        }
    }

    fn side(&self, words: &Words, key: &str, list: bool) -> Result<Side> {
        let sides = || SIDES.iter().filter(|side| side.list || !list);
        let found = sides().find(|side| side.syntax == words.direction);
        found.map(|side| side.side).ok_or_else(|| {
            let what = if list { "ip in" } else { key };
            self.direction(words, what, sides().map(|side| side.syntax))
        })
    }

    fn ip(&mut self, words: &Words) -> Result<Term> {
        let side = self.side(words, "ip", false)?;
        let key = self.token;
        self.advance()?;
        if self.token.kind == Kind::Key("in") {
            if !side.term().list {
                self.token = key;
                return Err(self
                    .side(words, "ip", true)
                    .err()
                    .unwrap_or_else(|| self.unexpected("an address")));
            }
            self.advance()?;
            let mut prefixes = Vec::new();
            self.items(|parser| parser.list_item(&mut prefixes))?;
            return Ok(Term::Address(
                side,
                Addresses::Set(Arc::new(IpSet::new(prefixes))),
            ));
        }
        let plain = matches!(side, Side::Any | Side::Src | Side::Dst);
        if self.is_text("tor") {
            if !plain {
                let permitted = ["", "src", "dst"].into_iter();
                return Err(self.direction(words, "ip tor", permitted));
            }
            self.advance()?;
            return self.needs_database(words, "ip tor", "Tor");
        }
        let (text, span) = self.text("an address")?;
        if self.token.kind == Kind::Byte(b'/') {
            let message = "`ip` takes a single address";
            let error = self.wrong(Wrong::Address, message);
            return Err(error.help(format!("did you mean `net {text}/…`?")));
        }
        match address(&text) {
            Some(address) => Ok(Term::Address(side, Addresses::Host(address))),
            None if is_host_name(&text) && plain => {
                let found = self.resolve(&text, span)?;
                match found.as_slice() {
                    [address] => Ok(Term::Address(side, Addresses::Host(*address))),
                    _ => {
                        let prefixes = found.into_iter().map(host).collect();
                        Ok(Term::Address(
                            side,
                            Addresses::Set(Arc::new(IpSet::new(prefixes))),
                        ))
                    }
                }
            }
            None => Err(self.not_an_address(&text, span)),
        }
    }

    fn not_an_address(&self, text: &str, span: Span) -> FilterError {
        if is_host_name(text) {
            return self.wrong_at(
                span,
                Wrong::HostName,
                format!("`{text}` is not an address, and host names are not allowed here"),
            );
        }
        self.wrong_at(
            span,
            Wrong::Address,
            format!("`{text}` is not an IPv4 or IPv6 address"),
        )
    }

    fn list_item(&mut self, prefixes: &mut Vec<Prefix>) -> Result<()> {
        let (text, span) = self.text("an address or a network")?;
        let found = match address(&text) {
            Some(address) => vec![address],
            None if is_host_name(&text) => self.resolve(&text, span)?,
            None => return Err(self.not_an_address(&text, span)),
        };
        if self.token.kind != Kind::Byte(b'/') {
            prefixes.extend(found.into_iter().map(host));
            return Ok(());
        }
        let length = self.prefix_length(found.first().is_none_or(IpAddr::is_ipv4))?;
        prefixes.extend(
            found
                .into_iter()
                .map(|address| Prefix::new(address, length)),
        );
        Ok(())
    }

    /// `/ NUM`
    fn prefix_length(&mut self, v4: bool) -> Result<u8> {
        self.advance()?;
        let max = if v4 { 32 } else { 128 };
        let (length, span) = self.number(&format!("a prefix length from 0 to {max}"))?;
        match u8::try_from(length) {
            Ok(length) if length <= max => Ok(length),
            _ => Err(self.wrong_at(
                span,
                Wrong::Range,
                format!("the prefix length {length} is above {max}"),
            )),
        }
    }

    fn net(&mut self, words: &Words) -> Result<Term> {
        let side = self.side(words, "net", false)?;
        self.advance()?;
        let (text, span) = self.text("a network")?;
        let Some(network) = address(&text) else {
            let error = self.not_an_address(&text, span);
            let dots = text.bytes().filter(|byte| *byte == b'.').count();
            return Err(
                if dots < 3 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                    error.help("write all four numbers, as in 192.168.0.0/16")
                } else {
                    error
                },
            );
        };
        match self.token.kind {
            Kind::Byte(b'/') => {
                let length = self.prefix_length(network.is_ipv4())?;
                let prefix = Prefix::new(network, length);
                Ok(Term::Address(side, Addresses::Prefix(prefix)))
            }
            Kind::Text => {
                let IpAddr::V4(network) = network else {
                    let message = "IPv6 networks are written with a prefix length";
                    return Err(self.wrong(Wrong::Address, message));
                };
                let (text, span) = self.text("a mask")?;
                match address(&text) {
                    Some(IpAddr::V4(mask)) => {
                        Ok(Term::Address(side, Addresses::Masked(network & mask, mask)))
                    }
                    _ => {
                        let message = format!("`{text}` is not an IPv4 mask");
                        Err(self.wrong_at(span, Wrong::Address, message))
                    }
                }
            }
            _ => Err(self.unexpected("`/` and a prefix length, or a mask")),
        }
    }

    fn resolve(&self, name: &str, span: Span) -> Result<Vec<IpAddr>> {
        let Some(resolver) = &self.options.resolver else {
            let message = format!("`{name}` is a host name");
            return Err(self
                .wrong_at(span, Wrong::HostName, message)
                .help("names are resolved only on request: `--resolve`, or `Options::resolver`"));
        };
        let refuse = |reason: String| {
            let message = format!("`{name}` cannot be resolved: {reason}");
            self.wrong_at(span, Wrong::HostName, message)
        };
        let mut found = resolver(name).map_err(|error| refuse(error.to_string()))?;
        found.truncate(HOST_ADDRESSES_MAX);
        if found.is_empty() {
            return Err(refuse("it has no address".to_owned()));
        }
        Ok(found)
    }

    fn needs_database(&mut self, words: &Words, text: &str, database: &str) -> Result<Term> {
        if self.options.unknown_places {
            let written = match words.direction {
                "" => text.to_owned(),
                direction => format!("{direction} {text}"),
            };
            return Ok(Term::Unknown(written.into()));
        }
        let span = words.start.to(self.last.span);
        let message = format!("`{text}` needs a {database} database, and there is none");
        Err(self.wrong_at(span, Wrong::NeedsDatabase, message).help(
            "addresses can be listed: `ip in [192.0.2.0/24 …]`, also in a file with `@include`",
        ))
    }

    fn flags(&mut self) -> Result<Term> {
        const LETTERS: [(u8, u8); 9] = [
            (b'F', 1),
            (b'S', 2),
            (b'R', 4),
            (b'P', 8),
            (b'A', 16),
            (b'U', 32),
            (b'E', 64),
            (b'C', 128),
            (b'X', 0),
        ];
        const LENGTH_MAX: usize = 10;
        let (text, span) = self.text("TCP flags")?;
        let (exact, letters) = match text.strip_prefix('=') {
            Some(letters) => (true, letters),
            None => (false, text.as_str()),
        };
        let wrong = |message: String| Err(self.wrong_at(span, Wrong::Name, message));
        if text.len() > LENGTH_MAX {
            return wrong(format!("flags have {LENGTH_MAX} characters at most"));
        }
        let (mut mask, mut all, mut seen) = (0, false, 0_u16);
        for letter in letters.bytes() {
            let Some(at) = LETTERS.iter().position(|(known, _)| *known == letter) else {
                let message = format!("`{}` is not a TCP flag", char::from(letter));
                return wrong(message).map_err(|error| {
                    error.help("flags are F S R P A U E C in capitals, or X for the first six")
                });
            };
            if seen >> at & 1 == 1 {
                return wrong(format!("`{}` stands twice", char::from(letter)));
            }
            seen |= 1 << at;
            all |= letter == b'X';
            mask |= LETTERS[at].1;
        }
        Ok(Term::Flags {
            mask: if all { 63 } else { mask },
            exact,
        })
    }

    fn mpls(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`label0` to `label9`, `exp0` to `exp9`, `any` or `eos`";
        let word = match self.token.kind {
            Kind::Key("any") => "any".to_owned(),
            Kind::Text => self.lexer.word(&self.token).to_ascii_lowercase(),
            _ => return Err(self.unexpected(EXPECTED)),
        };
        // As nfdump: an entry that is no number is 0.
        let entry = |digits: &str| match digits {
            "" => None,
            digits => {
                let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                let number: u64 = match length {
                    0 if digits.starts_with('-') => return None,
                    0 => 0,
                    length => digits[..length].parse().unwrap_or(u64::MAX),
                };
                u8::try_from(number).ok().filter(|entry| *entry < 10)
            }
        };
        let part = if word == "any" {
            Some(Mpls::Any)
        } else if word == "eos" {
            Some(Mpls::Bottom)
        } else if let Some(digits) = word.strip_prefix("label") {
            entry(digits).map(Mpls::Label)
        } else if let Some(digits) = word.strip_prefix("exp") {
            entry(digits).map(Mpls::TrafficClass)
        } else {
            None
        };
        let Some(part) = part else {
            let found = self.lexer.name(&self.token);
            let message = format!("expected {EXPECTED}, found {found}");
            return Err(self.wrong(Wrong::Name, message));
        };
        self.advance()?;
        let symbol = self.token;
        let compare = self.compare()?.unwrap_or(Compare::Equal);
        if part == Mpls::Any && compare != Compare::Equal {
            let message = "`mpls any` can only be tested for equality";
            return Err(self.wrong_at(symbol.span, Wrong::Syntax, message));
        }
        let (value, _) = self.number("a number")?;
        Ok(Term::Mpls(part, compare, value))
    }

    fn asa(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`event`, `denied`, `xevent` or `user`";
        let (word, span) = self.text(EXPECTED)?;
        match word.to_ascii_lowercase().as_str() {
            "event" => self.named(Number::AsaEvent, "an NSEL event", names::ASA_EVENTS),
            "denied" => {
                let what = "a reason to deny";
                let value = match self.token.kind {
                    Kind::Key(key @ ("ingress" | "egress")) => {
                        self.advance()?;
                        names::find(names::ASA_DENIED, key).unwrap_or_default()
                    }
                    _ => self.name(what, names::ASA_DENIED)?,
                };
                Ok(Term::Number(
                    Number::AsaExtendedEvent,
                    Compare::Equal,
                    value,
                ))
            }
            "xevent" => self.comparison(Number::AsaExtendedEvent),
            "user" => {
                let (name, _) = self.text("a user name")?;
                Ok(Term::User(name.into()))
            }
            _ => {
                let message = format!("expected {EXPECTED} after `asa`, found `{word}`");
                let error = self.wrong_at(span, Wrong::Name, message);
                Err(
                    match near(&word, ["event", "denied", "xevent", "user"].into_iter()) {
                        Some(meant) => error.help(format!("did you mean `asa {meant}`?")),
                        None => error,
                    },
                )
            }
        }
    }

    fn nat(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`event`, `pblock`, `ip`, `net` or `port`";
        let (word, span) = self.text(EXPECTED)?;
        match word.to_ascii_lowercase().as_str() {
            "event" => self.named(Number::NatEvent, "a NAT event", names::NAT_EVENTS),
            "pblock" => {
                let number = self.second_word("nat pblock")?;
                self.comparison(number)
            }
            _ => {
                let message = format!("expected {EXPECTED} after `nat`, found `{word}`");
                let error = self.wrong_at(span, Wrong::Name, message);
                let known = ["event", "pblock", "ip", "net", "port"].into_iter();
                Err(match near(&word, known) {
                    Some(meant) => error.help(format!("did you mean `nat {meant}`?")),
                    None => error,
                })
            }
        }
    }

    fn pf(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`action`, `reason`, `dir`, `rule` or `interface`";
        let (word, span) = self.text(EXPECTED)?;
        let equal = |number, value| Ok(Term::Number(number, Compare::Equal, value));
        match word.to_ascii_lowercase().as_str() {
            "action" => {
                let value = if self.token.kind == Kind::Key("nat") {
                    self.advance()?;
                    names::find(names::PF_ACTIONS, "nat").unwrap_or_default()
                } else {
                    self.name("an action of the packet filter", names::PF_ACTIONS)?
                };
                equal(Number::PfAction, value)
            }
            "reason" => {
                let value = self.name("a reason of the packet filter", names::PF_REASONS)?;
                equal(Number::PfReason, value)
            }
            "dir" => {
                let value = match self.token.kind {
                    Kind::Key(key @ ("in" | "out")) => {
                        self.advance()?;
                        names::find(names::PF_DIRECTIONS, key).unwrap_or_default()
                    }
                    Kind::Text => self.name("`in` or `out`", names::PF_DIRECTIONS)?,
                    _ => return Err(self.unexpected("`in` or `out`")),
                };
                equal(Number::PfDirection, value)
            }
            "rule" => self.comparison(Number::PfRule),
            "interface" => {
                let (name, _) = self.text("the name of an interface")?;
                Ok(Term::PfInterface(name.into()))
            }
            _ => {
                let message = format!("expected {EXPECTED} after `pf`, found `{word}`");
                let error = self.wrong_at(span, Wrong::Name, message);
                let known = ["action", "reason", "dir", "rule", "interface"].into_iter();
                Err(match near(&word, known) {
                    Some(meant) => error.help(format!("did you mean `pf {meant}`?")),
                    None => error,
                })
            }
        }
    }

    fn payload(&mut self, words: &Words) -> Result<Term> {
        const KINDS: &str = "`content`, `regex`, `dns`, `tls`, `ja3` or `ja4`";
        let (what, what_span) = self.text(KINDS)?;
        let what = what.to_ascii_lowercase();
        let expected = match what.as_str() {
            "content" => "the text to find",
            "regex" => "a pattern",
            "dns" => "`defined`, `name` or `address`",
            "ssl" | "tls" => "`defined`, `version` or `sni`",
            "ja3" => "`defined` or a JA3",
            "ja4" => "`defined` or a JA4",
            "ja4s" => {
                let message =
                    "`payload ja4s` is not supported, as in nfdump without that build option";
                return Err(self.wrong_at(what_span, Wrong::Name, message));
            }
            _ => {
                let message = format!("expected {KINDS} after `payload`, found `{what}`");
                let error = self.wrong_at(what_span, Wrong::Name, message);
                let known = ["content", "regex", "dns", "tls", "ssl", "ja3", "ja4"].into_iter();
                return Err(match near(&what, known) {
                    Some(meant) => error.help(format!("did you mean `payload {meant}`?")),
                    None => error,
                });
            }
        };
        let (second, second_span) = self.text(expected)?;
        let third = if self.token.kind == Kind::Text {
            Some(self.text("a word")?)
        } else {
            None
        };
        let lower = second.to_ascii_lowercase();
        let unknown = || {
            let message = format!("expected {expected} after `payload {what}`, found `{second}`");
            self.wrong_at(second_span, Wrong::Name, message)
        };
        let argument = || {
            third
                .clone()
                .ok_or_else(|| self.unexpected(&format!("an argument of `payload {what} {lower}`")))
        };
        let tls = |what| Ok(Term::Payload(Payload::Tls(what)));
        match what.as_str() {
            "content" => {
                let pattern = Pattern::literal(&second)
                    .map_err(|error| error.at(self.lexer.place(second_span)))?;
                Ok(Term::Payload(Payload::Content(
                    second.into(),
                    Arc::new(pattern),
                )))
            }
            "regex" => {
                let (modifiers, span) = third.unwrap_or((String::new(), second_span));
                let pattern = Pattern::new(&second, &modifiers)
                    .map_err(|error| error.at(self.lexer.place(second_span.to(span))))?;
                Ok(Term::Payload(Payload::Regex(Arc::new(pattern))))
            }
            "dns" => {
                let side = match words.direction {
                    "" | "in" => PayloadSide::In,
                    "out" => PayloadSide::Out,
                    _ => {
                        let permitted = ["", "in", "out"].into_iter();
                        return Err(self.direction(words, "payload dns", permitted));
                    }
                };
                let dns = match lower.as_str() {
                    "defined" => Dns::Defined,
                    "name" => Dns::Name(argument()?.0.into()),
                    "address" | "addr" => Dns::Address(argument()?.0.into()),
                    _ => return Err(unknown()),
                };
                Ok(Term::Payload(Payload::Dns(side, dns)))
            }
            "ssl" | "tls" => match lower.as_str() {
                "defined" => tls(Tls::Defined),
                "version" => {
                    let (version, span) = argument()?;
                    match (what.as_str(), version.as_bytes()) {
                        ("tls", [b'1', b'.', minor @ b'0'..=b'3', ..]) => {
                            tls(Tls::Version(0x0301 + u16::from(minor - b'0')))
                        }
                        ("ssl", [major @ b'0'..=b'3', b'.', b'0', ..]) => {
                            tls(Tls::Version(u16::from(major - b'0') << 8))
                        }
                        _ => {
                            let message = format!("`{version}` is not a version of {what}");
                            Err(self
                                .wrong_at(span, Wrong::Name, message)
                                .help("there are `tls version 1.0` to `1.3` and `ssl version 3.0`"))
                        }
                    }
                }
                "sni" => tls(Tls::ServerName(argument()?.0.into())),
                _ => Err(unknown()),
            },
            "ja3" if lower == "defined" => tls(Tls::Ja3Defined),
            "ja3" => tls(Tls::Ja3(second.into())),
            _ if lower == "defined" => tls(Tls::Ja4Defined),
            _ => tls(Tls::Ja4(second.into())),
        }
    }
}

/// Keywords that can follow a direction.
fn terms_with(direction: &'static str) -> impl Iterator<Item = &'static str> {
    let numbers = NUMBERS.iter().flat_map(|term| term.syntax).copied();
    let numbers = numbers.filter_map(move |syntax| {
        let key = syntax.strip_prefix(direction)?.strip_prefix(' ')?;
        (!key.contains(' ')).then_some(key)
    });
    let sides = SIDES.iter().filter(move |side| side.syntax == direction);
    let macs = MAC_SIDES
        .iter()
        .filter(move |(_, syntax, _)| *syntax == direction);
    sides
        .flat_map(|_| ["ip", "net"])
        .chain(numbers)
        .chain(macs.map(|_| "mac"))
}

fn list_of(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!("{} or {last}", before.join(", "))
        }
        _ => words.concat(),
    }
}

fn host(address: IpAddr) -> Prefix {
    let length = if address.is_ipv4() { 32 } else { 128 };
    Prefix::new(address, length)
}

/// As nfdump tells them apart: with a colon IPv6, with a letter a host name, else IPv4.
fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn is_host_name(text: &str) -> bool {
    !text.contains(':') && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Six hexadecimal groups; what nfdump tolerates in them is tolerated.
fn mac(text: &str) -> Option<u64> {
    let mut rest = text.as_bytes();
    let mut address = 0;
    for group in 0..6 {
        if group != 0 {
            rest = rest.strip_prefix(b":")?;
        }
        while let [b' ', after @ ..] = rest {
            rest = after;
        }
        let negative = match rest {
            [b'-', after @ ..] => {
                rest = after;
                true
            }
            [b'+', after @ ..] => {
                rest = after;
                false
            }
            _ => false,
        };
        if let [b'0', b'x' | b'X', digit, ..] = rest
            && digit.is_ascii_hexdigit()
        {
            rest = rest.get(2..)?;
        }
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if length == 0 {
            return None;
        }
        let (digits, after) = rest.split_at(length);
        rest = after;
        let value = digits.iter().fold(0_u8, |value, digit| {
            let digit = char::from(*digit).to_digit(16).unwrap_or(0) as u8;
            value.wrapping_mul(16).wrapping_add(digit)
        });
        let value = if negative {
            value.wrapping_neg()
        } else {
            value
        };
        address = address << 8 | u64::from(value);
    }
    Some(address)
}

/// The known word that is so near that it may be meant. Blanks, dashes and case do not count.
fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LENGTH_MAX: usize = 24;
    let squeeze = |text: &str| -> Vec<u8> {
        let bytes = text.bytes().filter(|byte| byte.is_ascii_alphanumeric());
        bytes.map(|byte| byte.to_ascii_lowercase()).collect()
    };
    if word.len() > LENGTH_MAX {
        return None;
    }
    let word = squeeze(word);
    let distance = |text: &str| edits(&word, &squeeze(text));
    let (found, edits) = known
        .filter(|known| !known.is_empty())
        .map(|known| (known, distance(known)))
        .min_by_key(|(_, edits)| *edits)?;
    let tolerated = match word.len() {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    (edits <= tolerated).then_some(found)
}

/// Letters to change, insert, remove, or exchange with their neighbour.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut rows = [
        (0..=b.len()).collect::<Vec<_>>(),
        vec![0; b.len() + 1],
        vec![0; b.len() + 1],
    ];
    for (i, x) in a.iter().enumerate() {
        rows.rotate_right(1);
        let [now, before, older] = &mut rows;
        now[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = before[j] + usize::from(x != y);
            now[j + 1] = change.min(before[j + 1] + 1).min(now[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                now[j + 1] = now[j + 1].min(older[j - 1] + 1);
            }
        }
    }
    rows[0][b.len()]
}
