//! Which term comes next: the first words of each.

use crate::filter::error::{FilterError, FilterErrorKind as Wrong};
use crate::filter::expr::term::Term;
use crate::filter::parse::parser::{Parser, Result, Words};
use crate::filter::parse::suggest;
use crate::filter::parse::words::Kind;
use crate::filter::terms::{Number, NumberTerm};

/// Keywords of terms that are a number and its comparison, without a direction.
const SIMPLE: [(&str, Number); 11] = [
    ("count", Number::Count),
    ("engine-type", Number::EngineType),
    ("engine-id", Number::EngineId),
    ("icmp-type", Number::IcmpType),
    ("icmp-code", Number::IcmpCode),
    ("duration", Number::Duration),
    ("pps", Number::Pps),
    ("bps", Number::Bps),
    ("bpp", Number::Bpp),
    ("flows", Number::Flows),
    ("ethertype", Number::EtherType),
];

impl Parser<'_> {
    /// Reads a term, without checking all of its values.
    pub(super) fn read_term(&mut self) -> Result<Term> {
        let Kind::Key(key) = self.token.kind else {
            return self.directed();
        };
        if let Some((_, number)) = SIMPLE.iter().find(|(simple, _)| *simple == key) {
            self.advance()?;
            return self.comparison(*number);
        }
        match key {
            "any" => self.alone(Term::Any),
            "ipv4" => self.alone(Term::Ipv4),
            "ipv6" => self.alone(Term::Ipv6),
            "ident" => {
                self.advance()?;
                let (name, _) = self.text("the ident of a file")?;
                Ok(Term::Ident(name.into()))
            }
            "engine" | "icmp" => {
                self.advance()?;
                let number = self.second_word(key)?;
                self.comparison(number)
            }
            "exporter" | "nat" => self.term_or_direction(key),
            "min" | "max" | "ttl" => self.ttl(key),
            "fwdstat" => self.forwarding_status(),
            "flowdir" => self.flow_direction(),
            "mpls" => self.mpls(),
            "asa" => self.asa(),
            "pf" => self.pf(),
            "observation" => self.observation(),
            _ => self.directed(),
        }
    }

    /// A term of one keyword.
    fn alone(&mut self, term: Term) -> Result<Term> {
        self.advance()?;
        Ok(term)
    }

    /// `exporter` and `nat` begin terms of their own, and are directions.
    fn term_or_direction(&mut self, key: &'static str) -> Result<Term> {
        let start = self.token.span;
        self.advance()?;
        match (key, self.token.kind) {
            ("exporter", Kind::Text) => {
                let number = self.second_word(key)?;
                self.comparison(number)
            }
            (_, Kind::Text) => self.nat(),
            ("exporter", _) => self.after_direction(&Words {
                start,
                direction: "router",
            }),
            _ => self.after_direction(&Words {
                start,
                direction: key,
            }),
        }
    }

    /// A direction, and the term after it.
    fn directed(&mut self) -> Result<Term> {
        let start = self.token.span;
        let direction = match self.token.kind {
            Kind::Key(key @ ("src" | "dst" | "in" | "out")) => {
                self.advance()?;
                match (key, self.token.kind) {
                    ("src", Kind::Key("nat")) => self.then("src nat")?,
                    ("src", Kind::Key("tun")) => self.then("src tun")?,
                    ("dst", Kind::Key("nat")) => self.then("dst nat")?,
                    ("dst", Kind::Key("tun")) => self.then("dst tun")?,
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
        self.after_direction(&Words { start, direction })
    }

    /// Reads the last word of a direction.
    fn then(&mut self, direction: &'static str) -> Result<&'static str> {
        self.advance()?;
        Ok(direction)
    }

    /// The term after its direction.
    fn after_direction(&mut self, words: &Words) -> Result<Term> {
        let key = match self.token.kind {
            Kind::Geo(code) => return self.geo(words, code),
            Kind::Key(key) => key,
            _ => return Err(self.no_term(words)),
        };
        match key {
            "proto" => self.proto(words),
            "port" | "as" => {
                let number = self.look_up(words, key)?;
                if self.token.kind != Kind::Key("in") {
                    return self.comparison(number);
                }
                self.advance()?;
                if key == "port" && self.token.kind == Kind::Key("nat") {
                    return self.port_in_block(words, number);
                }
                self.number_list(number)
            }
            "ip" => self.ip(words),
            "net" => self.net(words),
            "flags" => self.flags(),
            "tos" | "packets" | "bytes" | "latency" | "acl" | "vrf" | "if" | "vlan" | "mask" => {
                let number = self.look_up(words, key)?;
                self.comparison(number)
            }
            "mac" => self.mac(words),
            "payload" => self.payload(words),
            _ => Err(self.no_term(words)),
        }
    }

    fn port_in_block(&mut self, words: &Words, number: Number) -> Result<Term> {
        self.advance()?;
        if !self.is_text("pblock") {
            return Err(self.unexpected("`pblock`"));
        }
        if !matches!(number, Number::Port | Number::SrcPort | Number::DstPort) {
            let permitted = ["", "src", "dst"].into_iter();
            return Err(self.wrong_direction(words, "port in nat pblock", permitted));
        }
        self.advance()?;
        Ok(Term::PortInBlock(number))
    }

    /// The number for this direction and keyword; reads the keyword.
    pub(super) fn look_up(&mut self, words: &Words, key: &str) -> Result<Number> {
        let written = if words.direction.is_empty() {
            key.to_owned()
        } else {
            format!("{} {key}", words.direction)
        };
        match NumberTerm::written(&written) {
            Some(term) => {
                self.advance()?;
                Ok(term.number)
            }
            None => {
                let directions = NumberTerm::all()
                    .iter()
                    .flat_map(|term| term.syntax)
                    .filter_map(|syntax| {
                        let before = syntax.strip_suffix(key)?;
                        if before.is_empty() {
                            return Some("");
                        }
                        before.strip_suffix(' ')
                    });
                Err(self.wrong_direction(words, key, directions))
            }
        }
    }

    /// The error for a direction that the term does not have.
    pub(super) fn wrong_direction(
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
            .help(format!("known terms: {}", permitted.join(", ")))
    }

    /// The error for a token that neither begins nor continues a term.
    fn no_term(&self, words: &Words) -> FilterError {
        if !words.direction.is_empty() {
            let expected = suggest::after(words.direction);
            let error = self.unexpected(&expected);
            if self.token.kind == Kind::Text
                && let Some(meant) = suggest::term(words.direction, self.lexer.word(&self.token))
            {
                return error.help(meant);
            }
            return error;
        }
        let error = self.unexpected("a term");
        let after_not = self.last.kind == Kind::Key("not");
        match self.token.kind {
            Kind::Key("and" | "or") | Kind::Byte(b')') | Kind::End | Kind::Compare(_)
                if after_not =>
            {
                error.help("write `not` before the whole term, as in `not port = 443`")
            }
            Kind::Number(_) => error.help("name the number, as in `port 443`"),
            Kind::Byte(b'\r') => error.help(suggest::NO_CARRIAGE_RETURNS),
            Kind::Byte(b'&') => error.help("write `and`"),
            Kind::Byte(b'|') => error.help("write `or`"),
            _ => error,
        }
    }
}
