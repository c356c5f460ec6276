//! From text to tokens, with included files.
//!
//! Works on bytes; the longest match wins. Every byte is looked at a bounded number of times.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::filter::error::{Excerpt, FilterError, FilterErrorKind};
use crate::filter::expr::term::Compare;
use crate::filter::limits::{INCLUDE_DEPTH_MAX, INCLUDES_MAX, TEXT_MAX};
use crate::filter::options::{Includes, Options};
use crate::filter::parse::words::{Kind, classify, in_word};
use crate::filter::written::{STRING_MAX, is_printable};

/// A range of bytes in one of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    source: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// From the start of this to the end of `last`; `last` alone if it is in another text.
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

/// The filter itself, or an included file.
struct Source {
    name: Option<String>,
    /// Finds files that include themselves.
    path: Option<PathBuf>,
    text: Arc<[u8]>,
}

pub(crate) struct Lexer<'o> {
    options: &'o Options,
    sources: Vec<Source>,
    /// Texts being read, the innermost last: index of the source, position.
    open: Vec<(usize, usize)>,
    total: usize,
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

    /// As [`text`](Self::text), as a string: words and quoted texts are ASCII.
    pub(crate) fn word(&self, token: &Token) -> &str {
        std::str::from_utf8(self.text(token)).unwrap_or_default()
    }

    /// How messages refer to a token.
    pub(crate) fn name(&self, token: &Token) -> String {
        match token.kind {
            Kind::End => "the end of the filter".to_owned(),
            Kind::Byte(byte) if !is_printable(byte) => match byte {
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

    /// The bytes of a span, for an error.
    pub(crate) fn excerpt(&self, span: Span) -> Excerpt {
        let source = self.sources.get(span.source);
        Excerpt::new(
            source.and_then(|source| source.name.as_deref()),
            source.map_or(&[][..], |source| &source.text),
            span.start,
            span.end,
        )
    }

    /// The next token. After the end, the end again.
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
            match first {
                b' ' | b'\t' | b'\n' => self.advance(1),
                b'#' => {
                    let line = rest.iter().position(|byte| *byte == b'\n');
                    self.advance(line.unwrap_or(rest.len()));
                }
                b'@' if starts_with(rest, b"@include") => self.include(source, start, rest)?,
                _ => {
                    let (length, kind) = read_token(first, rest);
                    let token = Token {
                        kind,
                        span: Span {
                            source,
                            start,
                            end: start + length,
                        },
                        quoted: matches!(first, b'\'' | b'"'),
                    };
                    self.check(&token, length)?;
                    self.advance(length);
                    return Ok(token);
                }
            }
        }
    }

    /// Rejects quoted text without an end, and texts that are too long.
    fn check(&self, token: &Token, length: usize) -> Result<(), FilterError> {
        let error = match token.kind {
            Kind::Byte(_) if token.quoted => FilterError::new(
                FilterErrorKind::Syntax,
                "the quoted text has no end, or contains other bytes than printable ASCII",
            ),
            Kind::Text if length > STRING_MAX => FilterError::new(
                FilterErrorKind::Limit,
                format!("a word or quoted text may have {STRING_MAX} bytes at most"),
            ),
            _ => return Ok(()),
        };
        Err(error.at(self.excerpt(token.span)))
    }

    fn advance(&mut self, bytes: usize) {
        if let Some((_, position)) = self.open.last_mut() {
            *position += bytes;
        }
    }

    /// The end of the filter itself, not of an included file.
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
            // As in nfdump, it is ignored at the end of the text.
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
            if self.sources.len() > INCLUDES_MAX {
                return Err(FilterError::new(
                    FilterErrorKind::Limit,
                    format!("more than {INCLUDES_MAX} files are included"),
                ));
            }
            if self.open.len() > INCLUDE_DEPTH_MAX {
                return Err(FilterError::new(
                    FilterErrorKind::Limit,
                    format!("more than {INCLUDE_DEPTH_MAX} files include each other"),
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
                let excerpt = self.excerpt(span);
                self.push(Source {
                    name: Some(name),
                    path: Some(path),
                    text,
                })
                .map_err(|error| error.at(excerpt))
            }
            Err(error) => Err(error.at(self.excerpt(span))),
        }
    }

    /// The real path of a file, if the options allow to read it.
    fn permitted(&self, name: &str) -> Result<PathBuf, FilterError> {
        let refuse = |message: String| FilterError::new(FilterErrorKind::Include, message);
        let find = |path: &Path| {
            path.canonicalize()
                .map_err(|error| refuse(format!("cannot include `{name}`: {error}")))
        };
        match &self.options.includes {
            Includes::Refuse => Err(refuse("files may not be included here".to_owned())
                .help("programs allow it with `Options::with_includes`")),
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

/// Reads a filter from a regular file, up to the first NUL.
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

/// The token at the start of `rest`: its length and kind.
fn read_token(first: u8, rest: &[u8]) -> (usize, Kind) {
    let compare = |or_equal, alone| match rest.get(1) {
        Some(b'=') => (2, Kind::Compare(or_equal)),
        _ => (1, Kind::Compare(alone)),
    };
    match first {
        b'\'' | b'"' => match quoted(rest) {
            Some(length) => (length, Kind::Text),
            None => (1, Kind::Byte(first)),
        },
        b'>' => compare(Compare::GreaterOrEqual, Compare::Greater),
        b'<' => compare(Compare::LessOrEqual, Compare::Less),
        b'!' => (1, Kind::Key("not")),
        byte if in_word(byte) => {
            let length = rest.iter().take_while(|byte| in_word(**byte)).count();
            let word = rest.get(..length).unwrap_or_default();
            match rest.get(length..length + 3) {
                Some([b' ', a, b])
                    if word.eq_ignore_ascii_case(b"geo")
                        && a.is_ascii_alphabetic()
                        && b.is_ascii_alphabetic() =>
                {
                    let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
                    (length + 3, Kind::Geo(code))
                }
                _ => (length, classify(word)),
            }
        }
        byte => (1, Kind::Byte(byte)),
    }
}

/// Length of the quoted text at the start, quotes included.
fn quoted(text: &[u8]) -> Option<usize> {
    let (quote, rest) = text.split_first()?;
    let length = rest
        .iter()
        .position(|byte| byte == quote || !is_printable(*byte))?;
    (rest.get(length) == Some(quote)).then_some(length + 2)
}
