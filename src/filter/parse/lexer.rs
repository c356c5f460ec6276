//! From text to tokens, included files among them.
//!
//! Byte-wise, the longest match wins; every byte is looked at a bounded number of times. Knows
//! words, not their meaning.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::filter::error::{FilterError, FilterErrorKind, Place};
use crate::filter::expr::Compare;
use crate::filter::options::{Includes, Options};

/// Bytes of text at most, included files counted as often as they are included.
pub(crate) const TEXT_MAX: usize = 16 << 20;
/// Files included by files at most.
const DEPTH_MAX: usize = 10;
/// Bytes of one string at most, quotes included.
const STRING_MAX: usize = 256;

/// Words with a meaning of their own, and the word they stand for.
const KEYWORDS: &[(&str, &str)] = &[
    ("acl", "acl"),
    ("and", "and"),
    ("any", "any"),
    ("as", "as"),
    ("asa", "asa"),
    ("bgp", "bgp"),
    ("bpp", "bpp"),
    ("bps", "bps"),
    ("bytes", "bytes"),
    ("client", "client"),
    ("cnt", "count"),
    ("count", "count"),
    ("dst", "dst"),
    ("duration", "duration"),
    ("egress", "egress"),
    ("engine", "engine"),
    ("engine-id", "engine-id"),
    ("engine-type", "engine-type"),
    ("ethertype", "ethertype"),
    ("exporter", "exporter"),
    ("flags", "flags"),
    ("flowdir", "flowdir"),
    ("flows", "flows"),
    ("fwdstat", "fwdstat"),
    ("host", "ip"),
    ("icmp", "icmp"),
    ("icmp-code", "icmp-code"),
    ("icmp-type", "icmp-type"),
    ("ident", "ident"),
    ("if", "if"),
    ("in", "in"),
    ("ingress", "ingress"),
    ("ip", "ip"),
    ("ipv4", "ipv4"),
    ("ipv6", "ipv6"),
    ("latency", "latency"),
    ("mac", "mac"),
    ("mask", "mask"),
    ("max", "max"),
    ("min", "min"),
    ("mpls", "mpls"),
    ("nat", "nat"),
    ("net", "net"),
    ("next", "next"),
    ("not", "not"),
    ("observation", "observation"),
    ("or", "or"),
    ("out", "out"),
    ("packets", "packets"),
    ("payload", "payload"),
    ("pf", "pf"),
    ("port", "port"),
    ("pps", "pps"),
    ("prev", "prev"),
    ("proto", "proto"),
    ("router", "router"),
    ("seen", "seen"),
    ("server", "server"),
    ("src", "src"),
    ("tos", "tos"),
    ("ttl", "ttl"),
    ("tun", "tun"),
    ("vlan", "vlan"),
    ("vrf", "vrf"),
    ("xlate", "nat"),
];

/// Words that are comparators.
const COMPARATORS: &[(&str, Compare)] = &[
    ("=", Compare::Equal),
    ("==", Compare::Equal),
    ("eq", Compare::Equal),
    ("ge", Compare::GreaterOrEqual),
    ("gt", Compare::Greater),
    ("le", Compare::LessOrEqual),
    ("lt", Compare::Less),
];

/// All keywords, for suggestions.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().map(|(word, _)| *word)
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number(u64),
    /// The word that the keyword stands for.
    Key(&'static str),
    Compare(Compare),
    /// A word or quoted text.
    Text,
    /// A country code.
    Geo([u8; 2]),
    /// One of `()[],/`, or a byte that has no place in a filter.
    Byte(u8),
    End,
}

/// Bytes of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    source: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// From the start of this to the end of `last`, if both stand in the same text.
    pub(crate) fn to(self, last: Self) -> Self {
        if self.source == last.source && last.end >= self.end {
            Self {
                end: last.end,
                ..self
            }
        } else {
            last
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Quoted text is never a keyword.
    pub(crate) quoted: bool,
}

/// A text that tokens come from.
struct Source {
    name: Option<String>,
    /// To tell circles of includes.
    path: Option<PathBuf>,
    text: Arc<[u8]>,
}

pub(crate) struct Lexer<'o> {
    options: &'o Options,
    sources: Vec<Source>,
    /// Texts being read, innermost last: source, position.
    open: Vec<(usize, usize)>,
    total: usize,
}

/// Bytes that words consist of.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'-' | b'=')
}

impl<'o> Lexer<'o> {
    pub(crate) fn new(text: &[u8], options: &'o Options) -> Result<Self, FilterError> {
        let mut lexer = Self {
            options,
            sources: Vec::new(),
            open: Vec::new(),
            total: 0,
        };
        lexer.push(Source {
            name: options.name.clone(),
            path: None,
            text: text.into(),
        })?;
        Ok(lexer)
    }

    fn push(&mut self, source: Source) -> Result<(), FilterError> {
        self.total = self.total.saturating_add(source.text.len());
        if self.total > TEXT_MAX {
            return Err(FilterError::new(
                FilterErrorKind::Limit,
                format!("the filter is longer than {} MiB", TEXT_MAX >> 20),
            ));
        }
        self.open.push((self.sources.len(), 0));
        self.sources.push(source);
        Ok(())
    }

    /// The bytes of a token as written, without outer quotes.
    pub(crate) fn text(&self, token: &Token) -> &[u8] {
        let Span { source, start, end } = token.span;
        let text = self.sources.get(source).map_or(&[][..], |s| &s.text);
        let (start, end) = if token.quoted {
            (start + 1, end - 1)
        } else {
            (start, end)
        };
        text.get(start..end).unwrap_or_default()
    }

    /// As [`text`](Self::text); strings are ASCII.
    pub(crate) fn word(&self, token: &Token) -> &str {
        std::str::from_utf8(self.text(token)).unwrap_or_default()
    }

    /// How a message calls a token.
    pub(crate) fn name(&self, token: &Token) -> String {
        match token.kind {
            Kind::End => "the end of the filter".to_owned(),
            Kind::Byte(byte) if !(b' '..=b'~').contains(&byte) => match byte {
                b'\r' => "a carriage return".to_owned(),
                byte => format!("byte 0x{byte:02X}"),
            },
            _ => {
                let text: String = String::from_utf8_lossy(self.text(token))
                    .chars()
                    .take(40)
                    .collect();
                format!("`{text}`")
            }
        }
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        let source = self.sources.get(span.source);
        Place::new(
            source.and_then(|source| source.name.as_deref()),
            source.map_or(&[][..], |source| &source.text),
            span.start,
            span.end,
        )
    }

    pub(crate) fn next(&mut self) -> Result<Token, FilterError> {
        loop {
            let Some(&(source, start)) = self.open.last() else {
                return Ok(self.end());
            };
            let Some(text) = self.sources.get(source).map(|open| Arc::clone(&open.text)) else {
                return Ok(self.end());
            };
            let rest = text.get(start..).unwrap_or_default();
            let Some(&first) = rest.first() else {
                if self.open.len() == 1 {
                    return Ok(self.end());
                }
                self.open.pop();
                continue;
            };
            let token = |length: usize, kind: Kind| Token {
                kind,
                span: Span {
                    source,
                    start,
                    end: start + length,
                },
                quoted: false,
            };
            let token = match first {
                b' ' | b'\t' | b'\n' => {
                    self.advance(1);
                    continue;
                }
                b'#' => {
                    let line = rest.iter().position(|byte| *byte == b'\n');
                    self.advance(line.unwrap_or(rest.len()));
                    continue;
                }
                b'@' if starts_with(rest, b"@include") => {
                    self.include(source, start, rest)?;
                    continue;
                }
                b'\'' | b'"' => match quoted(rest) {
                    Some(length) => Token {
                        quoted: true,
                        ..token(length, Kind::Text)
                    },
                    None => {
                        let token = token(1, Kind::Byte(first));
                        return Err(FilterError::new(
                            FilterErrorKind::Syntax,
                            "the quoted text has no end, or holds more than printable ASCII",
                        )
                        .at(self.place(token.span)));
                    }
                },
                b'>' | b'<' => {
                    let equal = rest.get(1) == Some(&b'=');
                    let compare = match (first, equal) {
                        (b'>', false) => Compare::Greater,
                        (b'>', true) => Compare::GreaterOrEqual,
                        (_, false) => Compare::Less,
                        (_, true) => Compare::LessOrEqual,
                    };
                    token(1 + usize::from(equal), Kind::Compare(compare))
                }
                b'!' => token(1, Kind::Key("not")),
                byte if in_word(byte) => {
                    let length = rest.iter().take_while(|byte| in_word(**byte)).count();
                    let word = rest.get(..length).unwrap_or_default();
                    let code = match rest.get(length..length + 3) {
                        Some([b' ', a, b])
                            if word.eq_ignore_ascii_case(b"geo")
                                && a.is_ascii_alphabetic()
                                && b.is_ascii_alphabetic() =>
                        {
                            Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
                        }
                        _ => None,
                    };
                    match code {
                        Some(code) => token(length + 3, Kind::Geo(code)),
                        None => token(length, classify(word)),
                    }
                }
                byte => token(1, Kind::Byte(byte)),
            };
            let length = token.span.end - start;
            if token.kind == Kind::Text && length > STRING_MAX {
                return Err(FilterError::new(
                    FilterErrorKind::Limit,
                    format!("a word or quoted text may have {STRING_MAX} bytes at most"),
                )
                .at(self.place(token.span)));
            }
            self.advance(length);
            return Ok(token);
        }
    }

    fn advance(&mut self, bytes: usize) {
        if let Some((_, position)) = self.open.last_mut() {
            *position += bytes;
        }
    }

    /// The end lies in the text itself, not in a file it includes.
    fn end(&self) -> Token {
        let end = self.sources.first().map_or(0, |source| source.text.len());
        Token {
            kind: Kind::End,
            span: Span {
                source: 0,
                start: end,
                end,
            },
            quoted: false,
        }
    }

    fn include(&mut self, source: usize, start: usize, rest: &[u8]) -> Result<(), FilterError> {
        let after = rest.get(b"@include".len()..).unwrap_or_default();
        let blanks = after
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let name = after.get(blanks..).unwrap_or_default();
        let length = name
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\n'))
            .unwrap_or(name.len());
        let whole = b"@include".len() + blanks + length;
        self.advance(whole);
        if name.is_empty() {
            // As nfdump: at the end of the text it stands for nothing.
            return Ok(());
        }
        let name = String::from_utf8_lossy(name.get(..length).unwrap_or_default()).into_owned();
        let span = Span {
            source,
            start,
            end: start + whole,
        };
        let refuse = |message: String| FilterError::new(FilterErrorKind::Include, message);
        let read = || {
            if self.open.len() > DEPTH_MAX {
                return Err(FilterError::new(
                    FilterErrorKind::Limit,
                    format!("more than {DEPTH_MAX} files include each other"),
                ));
            }
            let path = self.permitted(&name)?;
            let circle = self.open.iter().any(|(open, _)| {
                let source = self.sources.get(*open);
                source.and_then(|source| source.path.as_deref()) == Some(&path)
            });
            if circle {
                return Err(refuse(format!("`{name}` includes itself")));
            }
            let text = read_text(&path)
                .map_err(|reason| refuse(format!("cannot include `{name}`: {reason}")))?;
            Ok((path, text))
        };
        match read() {
            Ok((path, text)) => {
                let place = self.place(span);
                self.push(Source {
                    name: Some(name),
                    path: Some(path),
                    text,
                })
                .map_err(|error| error.at(place))
            }
            Err(error) => Err(error.at(self.place(span))),
        }
    }

    /// Where the file really is, if the options allow to read it.
    fn permitted(&self, name: &str) -> Result<PathBuf, FilterError> {
        let refuse = |message: String| FilterError::new(FilterErrorKind::Include, message);
        let find = |path: &Path| {
            path.canonicalize()
                .map_err(|error| refuse(format!("cannot include `{name}`: {error}")))
        };
        match &self.options.includes {
            Includes::Refuse => Err(refuse("files may not be included here".to_owned())
                .help("programs allow it with `Options::includes`")),
            Includes::Anywhere => find(Path::new(name)),
            Includes::Below(directory) => {
                let directory = find(directory)?;
                let path = find(&directory.join(name))?;
                if path.starts_with(&directory) {
                    Ok(path)
                } else {
                    Err(refuse(format!(
                        "`{name}` is outside the permitted directory"
                    )))
                }
            }
        }
    }
}

/// Reads a filter file: a regular file, up to its first NUL.
pub(crate) fn read_text(path: &Path) -> Result<Arc<[u8]>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut text = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(TEXT_MAX as u64 + 1).read_to_end(&mut text))
        .map_err(|error| error.to_string())?;
    if let Some(nul) = text.iter().position(|byte| *byte == 0) {
        text.truncate(nul);
    }
    Ok(text.into())
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Length of the quoted text at the start, quotes included.
fn quoted(text: &[u8]) -> Option<usize> {
    let (quote, rest) = text.split_first()?;
    let length = rest
        .iter()
        .position(|byte| byte == quote || !(b' '..=b'~').contains(byte))?;
    (rest.get(length) == Some(quote)).then_some(length + 2)
}

/// What a word is.
fn classify(word: &[u8]) -> Kind {
    if let Some(number) = number(word) {
        return Kind::Number(number);
    }
    /// Longer than any keyword.
    const LENGTH_MAX: usize = 16;
    if word.len() > LENGTH_MAX {
        return Kind::Text;
    }
    let lower = word.to_ascii_lowercase();
    let is = |known: &str| known.as_bytes() == lower;
    if let Some((_, meaning)) = KEYWORDS.iter().find(|(known, _)| is(known)) {
        return Kind::Key(meaning);
    }
    match COMPARATORS.iter().find(|(known, _)| is(known)) {
        Some((_, compare)) => Kind::Compare(*compare),
        None => Kind::Text,
    }
}

/// Decimal, hexadecimal, or decimal with a unit. Saturates; products with a unit wrap, as nfdump's.
fn number(word: &[u8]) -> Option<u64> {
    let accumulate = |digits: &[u8], radix: u32| {
        let mut value = 0_u64;
        for digit in digits {
            let digit = u64::from(char::from(*digit).to_digit(radix)?);
            value = value.saturating_mul(u64::from(radix)).saturating_add(digit);
        }
        (!digits.is_empty()).then_some(value)
    };
    if let [b'0', b'x' | b'X', digits @ ..] = word {
        return accumulate(digits, 16);
    }
    let (last, digits) = word.split_last()?;
    let factor = match last.to_ascii_lowercase() {
        b'k' => 1_000,
        b'm' => 1_000_000,
        b'g' => 1_000_000_000,
        b't' => 1_000_000_000_000,
        _ => return accumulate(word, 10),
    };
    accumulate(digits, 10).map(|value| value.wrapping_mul(factor))
}
