//! Terms that look into payloads.

use std::sync::Arc;

use crate::filter::error::{FilterError, FilterErrorKind as Wrong};
use crate::filter::expr::term::{Dns, Payload, PayloadSide, Term, Tls};
use crate::filter::parse::lexer::Span;
use crate::filter::parse::parser::{Parser, Result, Words};
use crate::filter::parse::words::Kind;
use crate::filter::run::pattern::Pattern;

/// The words after `payload`.
struct Arguments {
    /// `content`, `dns` and so on, in lower case.
    kind: String,
    /// What is expected after it.
    expected: &'static str,
    second: (String, Span),
    third: Option<(String, Span)>,
}

impl Parser<'_> {
    pub(super) fn payload(&mut self, words: &Words) -> Result<Term> {
        self.advance()?;
        let arguments = self.payload_arguments()?;
        let payload = match arguments.kind.as_str() {
            "content" => self.payload_content(arguments)?,
            "regex" => self.payload_regex(arguments)?,
            "dns" => self.payload_dns(words, arguments)?,
            _ => Payload::Tls(self.payload_tls(arguments)?),
        };
        Ok(Term::Payload(payload))
    }

    fn payload_arguments(&mut self) -> Result<Arguments> {
        const KINDS: &str = "`content`, `regex`, `dns`, `tls`, `ja3` or `ja4`";
        let (kind, span) = self.text(KINDS)?;
        let kind = kind.to_ascii_lowercase();
        let expected = match kind.as_str() {
            "content" => "the text to find",
            "regex" => "a pattern",
            "dns" => "`defined`, `name` or `address`",
            "ssl" | "tls" => "`defined`, `version` or `sni`",
            "ja3" => "`defined` or a JA3",
            "ja4" => "`defined` or a JA4",
            "ja4s" => {
                let message =
                    "`payload ja4s` is not supported, as in nfdump without that build option";
                return Err(self.wrong_at(span, Wrong::Name, message));
            }
            _ => {
                let known = ["content", "regex", "dns", "tls", "ssl", "ja3", "ja4"];
                return Err(self.unknown_second(span, "payload", &kind, KINDS, &known));
            }
        };
        let second = self.text(expected)?;
        let third = if self.token.kind == Kind::Text {
            Some(self.text("a word")?)
        } else {
            None
        };
        Ok(Arguments {
            kind,
            expected,
            second,
            third,
        })
    }

    /// The error for an unknown word after `payload` and its kind.
    fn unknown_argument(&self, arguments: &Arguments) -> FilterError {
        let Arguments {
            kind,
            expected,
            second: (second, span),
            ..
        } = arguments;
        let message = format!("expected {expected} after `payload {kind}`, found `{second}`");
        self.wrong_at(*span, Wrong::Name, message)
    }

    /// The third word, which the second one needs.
    fn argument(&self, arguments: &Arguments) -> Result<(String, Span)> {
        arguments.third.clone().ok_or_else(|| {
            let Arguments { kind, second, .. } = arguments;
            let second = second.0.to_ascii_lowercase();
            self.unexpected(&format!("an argument of `payload {kind} {second}`"))
        })
    }

    fn payload_content(&mut self, arguments: Arguments) -> Result<Payload> {
        let (text, span) = arguments.second;
        let pattern = Pattern::literal(&text, self.pattern_items)
            .map_err(|error| error.at(self.lexer.excerpt(span)))?;
        self.pattern_items = self.pattern_items.saturating_sub(pattern.items());
        Ok(Payload::Content(text.into(), Arc::new(pattern)))
    }

    fn payload_regex(&mut self, arguments: Arguments) -> Result<Payload> {
        let (text, start) = arguments.second;
        let (modifiers, end) = arguments.third.unwrap_or((String::new(), start));
        let pattern = Pattern::new(&text, &modifiers, self.pattern_items)
            .map_err(|error| error.at(self.lexer.excerpt(start.to(end))))?;
        self.pattern_items = self.pattern_items.saturating_sub(pattern.items());
        Ok(Payload::Regex(Arc::new(pattern)))
    }

    fn payload_dns(&mut self, words: &Words, arguments: Arguments) -> Result<Payload> {
        let side = match words.direction {
            "" | "in" => PayloadSide::In,
            "out" => PayloadSide::Out,
            _ => {
                let permitted = ["", "in", "out"].into_iter();
                return Err(self.wrong_direction(words, "payload dns", permitted));
            }
        };
        let dns = match arguments.second.0.to_ascii_lowercase().as_str() {
            "defined" => Dns::Defined,
            "name" => Dns::Name(self.argument(&arguments)?.0.into()),
            "address" | "addr" => Dns::Address(self.argument(&arguments)?.0.into()),
            _ => return Err(self.unknown_argument(&arguments)),
        };
        Ok(Payload::Dns(side, dns))
    }

    fn payload_tls(&self, arguments: Arguments) -> Result<Tls> {
        let second = arguments.second.0.to_ascii_lowercase();
        Ok(match (arguments.kind.as_str(), second.as_str()) {
            ("ja3", "defined") => Tls::Ja3Defined,
            ("ja3", _) => Tls::Ja3(arguments.second.0.into()),
            ("ja4", "defined") => Tls::Ja4Defined,
            ("ja4", _) => Tls::Ja4(arguments.second.0.into()),
            (_, "defined") => Tls::Defined,
            (_, "version") => self.tls_version(&arguments)?,
            (_, "sni") => Tls::ServerName(self.argument(&arguments)?.0.into()),
            _ => return Err(self.unknown_argument(&arguments)),
        })
    }

    /// A version; as in nfdump, characters after it are ignored.
    fn tls_version(&self, arguments: &Arguments) -> Result<Tls> {
        let (version, span) = self.argument(arguments)?;
        match (arguments.kind.as_str(), version.as_bytes()) {
            ("tls", [b'1', b'.', minor @ b'0'..=b'3', ..]) => {
                Ok(Tls::Version(0x0301 + u16::from(minor - b'0')))
            }
            ("ssl", [major @ b'0'..=b'3', b'.', b'0', ..]) => {
                Ok(Tls::Version(u16::from(major - b'0') << 8))
            }
            (kind, _) => {
                let message = format!("`{version}` is not a version of {kind}");
                Err(self
                    .wrong_at(span, Wrong::Name, message)
                    .help("there are `tls version 1.0` to `1.3` and `ssl version 3.0`"))
            }
        }
    }
}
