//! How texts are written in a filter: as a word, or in quotes.
//!
//! Quoted text has no escapes: it cannot contain its own kind of quotes, nor anything other than
//! printable ASCII. A text that fits neither form cannot be part of a filter.

use std::fmt;

use crate::filter::parse::words::{Kind, classify, in_word};

/// The longest word or quoted text in bytes, quotes included.
pub(crate) const STRING_MAX: usize = 256;

/// Whether quoted text may contain the byte.
pub(crate) fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// The quotes in which a text can be written; `None` if it can be in neither kind.
fn quotes(text: &str) -> Option<char> {
    if text.len() + 2 > STRING_MAX || !text.bytes().all(is_printable) {
        return None;
    }
    ['\'', '"'].into_iter().find(|quote| !text.contains(*quote))
}

/// Whether the text, without quotes, is read as this very text.
fn is_word(text: &str) -> bool {
    (1..=STRING_MAX).contains(&text.len())
        && text.bytes().all(in_word)
        && classify(text.as_bytes()) == Kind::Text
}

/// Whether a filter can contain the text.
pub(crate) fn can_be_written(text: &str) -> bool {
    quotes(text).is_some() || is_word(text)
}

/// Displays a text as it is written in a filter.
///
/// A text that cannot be written is displayed in a form that no filter accepts.
pub(crate) enum Written<'a> {
    /// In quotes if possible, otherwise as a word.
    Quoted(&'a str),
    /// As a word if possible, otherwise in quotes.
    Word(&'a str),
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, bare) = match self {
            Self::Quoted(text) => (*text, false),
            Self::Word(text) => (*text, true),
        };
        match quotes(text) {
            Some(quote) if !(bare && is_word(text)) => write!(f, "{quote}{text}{quote}"),
            None if !is_word(text) => write!(f, "\u{201C}{}\u{201D}", text.escape_debug()),
            _ => f.write_str(text),
        }
    }
}
