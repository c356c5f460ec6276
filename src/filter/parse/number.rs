//! Terms that compare a number, a name for a number, or a time.

use crate::filter::error::FilterErrorKind as Wrong;
use crate::filter::expr::term::{Compare, Term};
use crate::filter::parse::names::{self, Named};
use crate::filter::parse::parser::{Parser, Result, Words};
use crate::filter::parse::words::Kind;
use crate::filter::parse::{suggest, times};
use crate::filter::terms::{Number, NumberTerm};
use crate::suggest::closest;

impl Parser<'_> {
    /// A comparator and a number; only the number if the term can be tested for equality only.
    pub(super) fn comparison(&mut self, number: Number) -> Result<Term> {
        let term = number.term();
        if !term.compare && matches!(self.token.kind, Kind::Compare(_)) {
            let message = format!("`{}` accepts no comparator", term.name());
            return Err(self
                .wrong(Wrong::Syntax, message)
                .help("only equality can be tested, without `=`"));
        }
        let compare = self.compare()?.unwrap_or(Compare::Equal);
        Ok(Term::Number(number, compare, self.value(term)?))
    }

    /// A name from a table, or a comparison.
    pub(super) fn named(&mut self, number: Number, what: &str, table: &[Named]) -> Result<Term> {
        if self.token.kind != Kind::Text {
            return self.comparison(number);
        }
        let value = self.name(what, table)?;
        Ok(Term::Number(number, Compare::Equal, value))
    }

    /// The second word of a term of two, such as `icmp type`.
    pub(super) fn second_word(&mut self, first: &str) -> Result<Number> {
        let seconds = || {
            NumberTerm::all()
                .iter()
                .flat_map(|term| term.syntax)
                .filter_map(|syntax| syntax.strip_prefix(first)?.strip_prefix(' '))
        };
        let expected = suggest::list_of(seconds());
        let (word, span) = self.text(&expected)?;
        let lower = word.to_ascii_lowercase();
        match NumberTerm::written(&format!("{first} {lower}")) {
            Some(term) => Ok(term.number),
            None => {
                let message = format!("expected {expected} after `{first}`, found `{word}`");
                let error = self.wrong_at(span, Wrong::Name, message);
                Err(match closest(&word, seconds()) {
                    Some(meant) => error.help(format!("did you mean `{first} {meant}`?")),
                    None => error,
                })
            }
        }
    }

    /// `ttl`, `min ttl` and `max ttl`, with a comparison or `equal`.
    pub(super) fn ttl(&mut self, key: &str) -> Result<Term> {
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

    pub(super) fn forwarding_status(&mut self) -> Result<Term> {
        self.advance()?;
        self.named(
            Number::ForwardingStatus,
            "a forwarding status",
            names::FORWARDING,
        )
    }

    pub(super) fn flow_direction(&mut self) -> Result<Term> {
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

    pub(super) fn observation(&mut self) -> Result<Term> {
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

    pub(super) fn proto(&mut self, words: &Words) -> Result<Term> {
        let number = self.look_up(words, "proto")?;
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
                    _ => match closest(name, names::PROTOCOLS.iter().copied()) {
                        Some(meant) => error.help(format!("did you mean `{meant}`?")),
                        None => error
                            .help("a name has five characters at most; its beginning is enough"),
                    },
                })
            }
        }
    }

    /// `[ NUM [,] NUM … ]`
    pub(super) fn number_list(&mut self, number: Number) -> Result<Term> {
        let term = number.term();
        let mut values = Vec::new();
        self.items(|parser| {
            if parser.token.kind == Kind::Text {
                return Err(parser
                    .unexpected("a number")
                    .help("lists of numbers contain no ranges and no names"));
            }
            values.push(parser.value(term)?);
            Ok(())
        })?;
        values.sort_unstable();
        values.dedup();
        Ok(Term::NumberIn(number, values.into()))
    }

    /// `first seen` and `last seen`: the only terms whose first word is no keyword.
    pub(super) fn seen(&mut self) -> Result<Term> {
        let word = self.lexer.word(&self.token).to_owned();
        let number = match word.to_ascii_lowercase().as_str() {
            "first" => Number::FirstSeen,
            "last" => Number::LastSeen,
            _ => {
                let unknown =
                    suggest::unknown_word(self.lexer.word(&self.token), self.token.quoted);
                let error = self.wrong(
                    Wrong::Name,
                    format!("unknown filter term `{}`", unknown.term),
                );
                return Err(match unknown.help {
                    Some(help) => error.help(help),
                    None => error,
                });
            }
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

    /// `flags`, with letters, `=` and letters, or a comparison.
    pub(super) fn flags(&mut self) -> Result<Term> {
        /// The last one means the first six.
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
        self.advance()?;
        if matches!(self.token.kind, Kind::Key("as" | "pf" | "src")) {
            return Err(self
                .unexpected("TCP flags or a number from 0 to 255")
                .help("this is a keyword: write the letters in another order, or in quotes"));
        }
        if self.token.kind != Kind::Text {
            return self.comparison(Number::Flags);
        }
        let (text, span) = self.text("TCP flags")?;
        let (exact, letters) = match text.strip_prefix('=') {
            Some(letters) => (true, letters),
            None => (false, text.as_str()),
        };
        let wrong = |message: String| self.wrong_at(span, Wrong::Name, message);
        if text.len() > LENGTH_MAX {
            return Err(wrong(format!("flags have {LENGTH_MAX} characters at most")));
        }
        let (mut mask, mut all, mut seen) = (0, false, 0_u16);
        for letter in letters.bytes() {
            let Some(at) = LETTERS.iter().position(|(known, _)| *known == letter) else {
                let message = format!("`{}` is not a TCP flag", char::from(letter));
                return Err(wrong(message)
                    .help("flags are F S R P A U E C in capitals, or X for the first six"));
            };
            if seen >> at & 1 == 1 {
                return Err(wrong(format!("`{}` is given twice", char::from(letter))));
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
}
