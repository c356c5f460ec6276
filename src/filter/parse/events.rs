//! Terms of MPLS, NSEL (`asa`), NAT events and packet filters (`pf`).

use crate::filter::error::{FilterError, FilterErrorKind as Wrong};
use crate::filter::expr::term::{Compare, Mpls, Term};
use crate::filter::parse::lexer::Span;
use crate::filter::parse::names;
use crate::filter::parse::parser::{Parser, Result};
use crate::filter::parse::words::Kind;
use crate::filter::terms::Number;
use crate::suggest::closest;

impl Parser<'_> {
    pub(super) fn mpls(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`label0` to `label9`, `exp0` to `exp9`, `any` or `eos`";
        self.advance()?;
        let word = match self.token.kind {
            Kind::Key("any") => "any".to_owned(),
            Kind::Text => self.lexer.word(&self.token).to_ascii_lowercase(),
            _ => return Err(self.unexpected(EXPECTED)),
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

    pub(super) fn asa(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`event`, `denied`, `xevent` or `user`";
        self.advance()?;
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
            _ => Err(self.unknown_second(
                span,
                "asa",
                &word,
                EXPECTED,
                &["event", "denied", "xevent", "user"],
            )),
        }
    }

    /// `nat` with a second word that is not a direction.
    pub(super) fn nat(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`event`, `pblock`, `ip`, `net` or `port`";
        let (word, span) = self.text(EXPECTED)?;
        match word.to_ascii_lowercase().as_str() {
            "event" => self.named(Number::NatEvent, "a NAT event", names::NAT_EVENTS),
            "pblock" => {
                let number = self.second_word("nat pblock")?;
                self.comparison(number)
            }
            _ => Err(self.unknown_second(
                span,
                "nat",
                &word,
                EXPECTED,
                &["event", "pblock", "ip", "net", "port"],
            )),
        }
    }

    pub(super) fn pf(&mut self) -> Result<Term> {
        const EXPECTED: &str = "`action`, `reason`, `dir`, `rule` or `interface`";
        self.advance()?;
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
            _ => Err(self.unknown_second(
                span,
                "pf",
                &word,
                EXPECTED,
                &["action", "reason", "dir", "rule", "interface"],
            )),
        }
    }

    /// The error for an unknown word after the first word of a term.
    pub(super) fn unknown_second(
        &self,
        span: Span,
        first: &str,
        word: &str,
        expected: &str,
        known: &[&str],
    ) -> FilterError {
        let message = format!("expected {expected} after `{first}`, found `{word}`");
        let error = self.wrong_at(span, Wrong::Name, message);
        match closest(word, known.iter().copied()) {
            Some(meant) => error.help(format!("did you mean `{first} {meant}`?")),
            None => error,
        }
    }
}

/// The entry of a label stack after `label` or `exp`. As in nfdump, other text than a number is 0.
fn entry(digits: &str) -> Option<u8> {
    if digits.is_empty() || digits.starts_with('-') {
        return None;
    }
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let number = match digits.get(..length) {
        None | Some("") => 0,
        Some(number) => number.parse().ok()?,
    };
    (number < 10).then_some(number)
}
