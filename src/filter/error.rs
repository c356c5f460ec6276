//! Filter errors: message, location, suggestion.
//!
//! Displayed as compilers do: message, location, the line with the offending word underlined. Never
//! longer than a screen, whatever the text, and without control characters.

use std::fmt;

/// Columns of the line shown before and after the offending word.
const CONTEXT: usize = 48;
/// Columns of the offending word that are shown and underlined.
const WORD_MAX: usize = 64;

/// The kind of mistake in a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// Not in the grammar of the language.
    Syntax,
    /// A number is out of its range.
    Range,
    /// An unknown word or name.
    Name,
    /// The term does not have this direction.
    Direction,
    /// Not an address, a network or a MAC address.
    Address,
    /// A host name that is not allowed here, or cannot be resolved.
    HostName,
    /// Not a time.
    Time,
    /// Not a pattern, or a pattern that is too large.
    Regex,
    /// A file that cannot be included, or may not be.
    Include,
    /// Too long, too large or too deeply nested.
    Limit,
    /// A text that no filter can contain, given to a constructor of [`Expr`](super::Expr).
    Text,
    /// The term needs a geo or Tor database.
    NeedsDatabase,
}

/// The reason why a filter is rejected.
///
/// `Display` gives several lines: message, location, the line of the filter, suggestion. `FilterError`
/// is one pointer, `Clone`, `Send` and `Sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: FilterErrorKind,
    message: String,
    help: Option<String>,
    excerpt: Option<Excerpt>,
}

/// The part of a text that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The included file; `None` is the text itself.
    name: Option<String>,
    line: usize,
    column: usize,
    /// The part of the line to show, and which of its characters to underline.
    shown: String,
    underlined: (usize, usize),
    /// Start and end in bytes of the text.
    span: (usize, usize),
}

impl Excerpt {
    /// The bytes `start..end` of `text`.
    pub(crate) fn new(name: Option<&str>, text: &[u8], start: usize, end: usize) -> Self {
        let start = start.min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let rest = text.get(start..).unwrap_or_default();
        let line_end = start
            + rest
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(rest.len());
        let end = end.clamp(start, line_end.max(start));
        let printable = |bytes: &[u8]| -> String {
            let text = String::from_utf8_lossy(bytes);
            let shown = text.chars().map(|c| match c {
                '\t' => ' ',
                c if c.is_control() => '\u{FFFD}',
                c => c,
            });
            shown.collect()
        };
        let from = start.saturating_sub(CONTEXT).max(line_start);
        let word_end = end.min(start + WORD_MAX);
        let to = line_end.min(word_end + CONTEXT);
        let slice = |from: usize, to: usize| printable(text.get(from..to).unwrap_or_default());
        let (head, word, tail) = (
            slice(from, start),
            slice(start, word_end),
            slice(word_end, to),
        );
        let (cut_before, cut_after) = (from > line_start, to < line_end);
        let lead = if cut_before { "… " } else { "" };
        let indent = lead.chars().count() + head.chars().count();
        Self {
            name: name.map(|name| printable(name.as_bytes())),
            line,
            column: 1 + String::from_utf8_lossy(text.get(line_start..start).unwrap_or_default())
                .chars()
                .count(),
            underlined: (indent, word.chars().count().max(1)),
            shown: format!(
                "{lead}{head}{word}{tail}{}",
                if cut_after { " …" } else { "" }
            ),
            span: (start, end),
        }
    }
}

impl FilterError {
    pub(crate) fn new(kind: FilterErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            help: None,
            excerpt: None,
        }))
    }

    pub(crate) fn at(mut self, excerpt: Excerpt) -> Self {
        self.0.excerpt = Some(excerpt);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The kind of mistake.
    #[must_use]
    pub fn kind(&self) -> FilterErrorKind {
        self.0.kind
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What may have been meant, or how to write it.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Line and column, both from 1; `None` for filters that are not text.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        self.0
            .excerpt
            .as_ref()
            .map(|excerpt| (excerpt.line, excerpt.column))
    }

    /// The offending bytes, as a range of the text that contains them.
    #[must_use]
    pub fn span(&self) -> Option<std::ops::Range<usize>> {
        let (start, end) = self.0.excerpt.as_ref()?.span;
        Some(start..end)
    }

    /// The included file that contains the mistake; `None` for the text that was parsed.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.0.excerpt.as_ref()?.name.as_deref()
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(excerpt) = &self.0.excerpt {
            let number = excerpt.line.to_string();
            let margin = " ".repeat(number.len());
            let name = excerpt.name.as_deref().unwrap_or("filter");
            let (indent, length) = excerpt.underlined;
            write!(
                f,
                "\n{margin}--> {name}:{number}:{}\n{margin} |\n{number} | {}\n{margin} | {}{}",
                excerpt.column,
                excerpt.shown,
                " ".repeat(indent),
                "^".repeat(length)
            )?;
            if let Some(help) = &self.0.help {
                write!(f, "\n{margin} = {help}")?;
            }
        } else if let Some(help) = &self.0.help {
            write!(f, "\n= {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FilterError {}
