//! Terms that compare IP and MAC addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::filter::error::{FilterError, FilterErrorKind as Wrong};
use crate::filter::expr::term::{Addresses, Term};
use crate::filter::limits::HOST_ADDRESSES_MAX;
use crate::filter::parse::lexer::{Span, Token};
use crate::filter::parse::parser::{Parser, Result, Words};
use crate::filter::parse::words::Kind;
use crate::filter::run::sets::{IpSet, Prefix};
use crate::filter::terms::{AddressTerm, MacTerm, Side};

impl Parser<'_> {
    /// The side that a direction means; `key` is `ip`, `net` or, where lists are accepted, `ip in`.
    fn side(&self, words: &Words, key: &str, list: bool) -> Result<Side> {
        let sides = || AddressTerm::all().iter().filter(|term| term.list || !list);
        let found = sides().find(|term| term.syntax == words.direction);
        found
            .map(|term| term.side)
            .ok_or_else(|| self.wrong_direction(words, key, sides().map(|term| term.syntax)))
    }

    /// `ip`, with an address or a list.
    pub(super) fn ip(&mut self, words: &Words) -> Result<Term> {
        let side = self.side(words, "ip", false)?;
        let key = self.token;
        self.advance()?;
        if self.token.kind == Kind::Key("in") {
            return self.address_list(words, key);
        }
        let is_plain = matches!(side, Side::Any | Side::Src | Side::Dst);
        if self.is_text("tor") {
            if !is_plain {
                let permitted = ["", "src", "dst"].into_iter();
                return Err(self.wrong_direction(words, "ip tor", permitted));
            }
            self.advance()?;
            return self.needs_database(words, "ip tor", "Tor");
        }
        if let Kind::Key(word @ ("proto" | "port" | "src" | "dst" | "ip" | "net" | "ttl" | "tos")) =
            self.token.kind
        {
            return Err(self
                .unexpected("an address")
                .help(format!("leave out the word before `{word}`")));
        }
        let (text, span) = self.text("an address")?;
        if self.token.kind == Kind::Byte(b'/') {
            let error = self.wrong(Wrong::Address, "`ip` accepts a single address");
            return Err(error.help(format!("did you mean `net {text}/…`?")));
        }
        let found = match address(&text) {
            Some(address) => vec![address],
            None if is_host_name(&text) && is_plain => self.resolve(&text, span)?,
            None => return Err(self.not_an_address(&text, span)),
        };
        Ok(Term::Address(
            side,
            match found.as_slice() {
                [address] => Addresses::Host(*address),
                _ => {
                    let prefixes = found.into_iter().map(host).collect();
                    Addresses::Set(Arc::new(IpSet::new(prefixes)))
                }
            },
        ))
    }

    /// `in [ … ]` after `ip`, which is the token `key`.
    fn address_list(&mut self, words: &Words, key: Token) -> Result<Term> {
        let side = self.side(words, "ip in", true).map_err(|error| {
            let span = words.start.to(key.span);
            error.at(self.lexer.excerpt(span))
        })?;
        self.advance()?;
        let mut prefixes = Vec::new();
        self.items(|parser| parser.list_item(&mut prefixes))?;
        let set = Arc::new(IpSet::new(prefixes));
        Ok(Term::Address(side, Addresses::Set(set)))
    }

    fn not_an_address(&self, text: &str, span: Span) -> FilterError {
        if is_host_name(text) {
            return self.wrong_at(
                span,
                Wrong::HostName,
                format!("`{text}` is not an address, and host names are not accepted here"),
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

    /// `net`, with a prefix length or a mask.
    pub(super) fn net(&mut self, words: &Words) -> Result<Term> {
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
            return Err(self.wrong_at(span, Wrong::HostName, message).help(
                "names are resolved only on request: `--resolve`, or `Options::with_resolver`",
            ));
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

    /// `geo CC`, which needs a database.
    pub(super) fn geo(&mut self, words: &Words, code: [u8; 2]) -> Result<Term> {
        let name = String::from_utf8_lossy(&code).into_owned();
        let permitted = [
            "", "src", "dst", "nat", "src nat", "dst nat", "tun", "src tun", "dst tun",
        ];
        if !permitted.contains(&words.direction) {
            return Err(self.wrong_direction(words, "geo", permitted.into_iter()));
        }
        self.advance()?;
        self.needs_database(words, &format!("geo {name}"), "geo")
    }

    pub(super) fn mac(&mut self, words: &Words) -> Result<Term> {
        let found = MacTerm::all()
            .iter()
            .find(|term| term.syntax == words.direction);
        let Some(MacTerm { side, .. }) = found else {
            let permitted = MacTerm::all().iter().map(|term| term.syntax);
            return Err(self.wrong_direction(words, "mac", permitted));
        };
        self.advance()?;
        let (text, span) = self.text("a MAC address")?;
        match mac(&text) {
            Some(0) => Err(self.wrong_at(
                span,
                Wrong::Address,
                "the MAC address 00:00:00:00:00:00 means that there is none",
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
}

fn host(address: IpAddr) -> Prefix {
    let length = if address.is_ipv4() { 32 } else { 128 };
    Prefix::new(address, length)
}

/// As in nfdump: IPv6 with a colon, a host name with a letter, otherwise IPv4.
fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn is_host_name(text: &str) -> bool {
    !text.contains(':') && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Six hexadecimal groups. Accepts blanks, signs and `0x` in front of a group, as nfdump does.
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
