//! Patterns for payloads: nfdump's dialect, run by the crate `regex` on bytes in linear time.
//!
//! A pattern is translated item by item, so that nothing of the other dialect is accepted by accident.
//! Back references are the only construct that is rejected, because they do not run in linear time.

use std::fmt::Write as _;

use regex::bytes::{Regex, RegexBuilder};

use crate::filter::error::{FilterError, FilterErrorKind};
use crate::filter::limits::PATTERN_BASE;

/// Most memory of a compiled pattern, and of each thread that runs it, in bytes.
const SIZE_MAX: usize = 1 << 20;
/// Most groups within each other.
const NESTING_MAX: usize = 254;
/// Largest number in `{n,m}`.
const REPEAT_MAX: u32 = 65_535;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Box<str>,
    modifiers: Box<str>,
    /// See [`Pattern::items`].
    items: usize,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.modifiers) == (&other.text, &other.modifiers)
    }
}

impl Eq for Pattern {}

fn refuse(message: impl Into<String>) -> FilterError {
    FilterError::new(FilterErrorKind::Regex, message)
}

/// Rejects a pattern before it is compiled, which is what needs time and memory.
fn check_items(items: usize, items_max: usize) -> Result<(), FilterError> {
    if items <= items_max {
        return Ok(());
    }
    Err(FilterError::new(
        FilterErrorKind::Limit,
        "the patterns of the filter are too large together",
    ))
}

impl Pattern {
    /// Translates and compiles a pattern of at most `items_max` [items](Self::items).
    pub(crate) fn new(text: &str, modifiers: &str, items_max: usize) -> Result<Self, FilterError> {
        let mut written = Translation::default();
        for modifier in modifiers.chars() {
            match modifier {
                'i' => written.ignore_case = true,
                'm' => written.lines = true,
                's' => written.dot_is_all = true,
                other => {
                    return Err(refuse(format!(
                        "unknown modifier `{other}`: there are `i`, `m` and `s`"
                    )));
                }
            }
        }
        let (translated, items) = written.translate(text)?;
        let items = items.saturating_add(PATTERN_BASE);
        check_items(items, items_max)?;
        let ignore_case = written.ignore_case;
        Self::compile(text, modifiers, &translated, ignore_case, items)
    }

    /// A pattern that finds this very text, of at most `items_max` [items](Self::items).
    pub(crate) fn literal(text: &str, items_max: usize) -> Result<Self, FilterError> {
        let items = text.len().saturating_add(PATTERN_BASE);
        check_items(items, items_max)?;
        if text.is_empty() {
            return Err(refuse("the text to look for is empty"));
        }
        Self::compile(text, "", &regex::escape(text), false, items)
    }

    fn compile(
        text: &str,
        modifiers: &str,
        translated: &str,
        ignore_case: bool,
        items: usize,
    ) -> Result<Self, FilterError> {
        let regex = RegexBuilder::new(translated)
            .unicode(false)
            .case_insensitive(ignore_case)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(SIZE_MAX)
            .nest_limit(4 * NESTING_MAX as u32)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(limit) => {
                    refuse(format!("the pattern needs more than {} KiB", limit >> 10))
                }
                _ => refuse("the pattern is not understood"),
            })?;
        Ok(Self {
            text: text.into(),
            modifiers: modifiers.into(),
            items,
            regex,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn modifiers(&self) -> &str {
        &self.modifiers
    }

    /// The size of the pattern: its characters and classes, with repetitions written out, and
    /// [`PATTERN_BASE`].
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Whether it matches somewhere. As in nfdump, a match cannot start after the last byte.
    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        let found = self.regex.find(payload);
        found.is_some_and(|found| found.start() < payload.len())
    }
}

/// The modifiers of a pattern.
#[derive(Default)]
struct Translation {
    ignore_case: bool,
    lines: bool,
    dot_is_all: bool,
}

/// What is known while a pattern is translated.
#[derive(Default)]
struct Progress {
    out: String,
    /// Items of each open group so far; the first entry is the pattern itself.
    sizes: Vec<usize>,
    /// Items of what was translated last.
    last: usize,
    /// Whether the current alternative has any content.
    begun: bool,
    /// Whether what was translated last can be repeated.
    repeatable: bool,
}

impl Progress {
    /// Notes an item, or a group of this size, that was written to `out`.
    fn item(&mut self, size: usize, repeatable: bool) {
        self.grow(size);
        self.last = size;
        (self.begun, self.repeatable) = (true, repeatable);
    }

    fn grow(&mut self, size: usize) {
        if let Some(items) = self.sizes.last_mut() {
            *items = items.saturating_add(size);
        }
    }

    fn begin_alternative(&mut self) {
        (self.begun, self.repeatable) = (false, false);
    }

    fn open_group(&mut self) -> Result<(), FilterError> {
        if self.sizes.len() > NESTING_MAX {
            return Err(refuse(format!(
                "more than {NESTING_MAX} groups in each other"
            )));
        }
        self.out.push_str("(?:");
        self.sizes.push(0);
        self.begin_alternative();
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), FilterError> {
        if self.sizes.len() <= 1 {
            return Err(refuse("`)` without `(`"));
        }
        if !self.begun {
            return Err(refuse("an empty group or alternative"));
        }
        self.out.push(')');
        let size = self.sizes.pop().unwrap_or_default();
        self.item(size.saturating_add(1), true);
        Ok(())
    }

    /// Translates a repetition, from after its first byte; returns where it ends.
    fn repetition(&mut self, bytes: &[u8], byte: u8, at: usize) -> Result<usize, FilterError> {
        if !self.repeatable {
            return Err(refuse(format!(
                "nothing to repeat before `{}`",
                char::from(byte)
            )));
        }
        let mut at = at;
        if byte == b'{' {
            let (end, times) = repeat(bytes, at, &mut self.out)?;
            // The item itself is counted already.
            let others = (times as usize).saturating_sub(1);
            self.grow(self.last.saturating_mul(others));
            at = end;
        } else {
            self.out.push(char::from(byte));
        }
        if bytes.get(at) == Some(&b'?') {
            self.out.push('?');
            at += 1;
        }
        self.repeatable = false;
        Ok(at)
    }

    /// Translates a backslash and what follows it, from after the backslash; returns where it ends.
    fn escape(&mut self, bytes: &[u8], at: usize) -> Result<usize, FilterError> {
        let Some(&letter) = bytes.get(at) else {
            return Err(refuse("nothing after the last `\\`"));
        };
        match class(letter.to_ascii_lowercase()) {
            Some(inside) => {
                let caret = if letter.is_ascii_uppercase() { "^" } else { "" };
                let _ = write!(self.out, "[{caret}{inside}]");
            }
            None if letter.is_ascii_digit() => {
                return Err(refuse("back references are not supported"));
            }
            None => literal(escaped(letter), &mut self.out),
        }
        self.item(1, true);
        Ok(at + 1)
    }
}

/// The class of a lower-case letter, as written in brackets.
fn class(letter: u8) -> Option<&'static str> {
    Some(match letter {
        b'd' => "0-9",
        b'w' => "A-Za-z0-9_",
        b's' => r"\x09-\x0D\x20",
        b'v' => r"\x0A-\x0D",
        b'h' => r"\x09\x20",
        _ => return None,
    })
}

/// The byte that a backslash and a letter mean, if the letter is no class.
fn escaped(letter: u8) -> u8 {
    match letter {
        b'r' => b'\r',
        b'n' => b'\n',
        other => other,
    }
}

impl Translation {
    /// The pattern in the dialect of the crate `regex`, and its number of items.
    fn translate(&self, text: &str) -> Result<(String, usize), FilterError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(refuse("the pattern is empty"));
        }
        let mut done = Progress {
            sizes: vec![0],
            ..Progress::default()
        };
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'(' => done.open_group()?,
                b')' => done.close_group()?,
                b'|' => {
                    if !done.begun {
                        return Err(refuse("an empty alternative"));
                    }
                    done.out.push('|');
                    done.begin_alternative();
                }
                b'^' | b'$' => {
                    done.out.push_str(self.anchor(byte));
                    done.item(4, false);
                }
                b'?' | b'*' | b'+' | b'{' => at = done.repetition(bytes, byte, at)?,
                b'.' => {
                    done.out.push_str(if self.dot_is_all {
                        "(?s:.)"
                    } else {
                        r"[^\r\n]"
                    });
                    done.item(1, true);
                }
                b'[' => {
                    let end = brackets(bytes, at, &mut done.out)?;
                    done.item(end - at, true);
                    at = end;
                }
                b']' | b'}' => {
                    return Err(refuse(format!(
                        "`{}` without its beginning",
                        char::from(byte)
                    )));
                }
                b'\\' => at = done.escape(bytes, at)?,
                byte => {
                    literal(byte, &mut done.out);
                    done.item(1, true);
                }
            }
        }
        if !done.begun {
            return Err(refuse("an empty group or alternative at the end"));
        }
        // As in nfdump, groups that are still open end here.
        for _ in 1..done.sizes.len() {
            done.out.push(')');
        }
        let items = done
            .sizes
            .iter()
            .fold(0, |sum: usize, items| sum.saturating_add(*items));
        Ok((done.out, items))
    }

    fn anchor(&self, byte: u8) -> &'static str {
        match (byte, self.lines) {
            (b'^', true) => r"(?:\A|\r\n|\n|\r)",
            (b'^', false) => r"\A",
            (_, true) => "(?:(?m:$)|(?mR:$))",
            (_, false) => r"\z",
        }
    }
}

fn literal(byte: u8, out: &mut String) {
    let _ = write!(out, r"\x{byte:02X}");
}

/// `{n}`, `{n,}` or `{n,m}` from after the brace; returns where it ends, and how often its item may be
/// copied.
fn repeat(bytes: &[u8], start: usize, out: &mut String) -> Result<(usize, u32), FilterError> {
    let wrong = || refuse("expected `{n}`, `{n,}` or `{n,m}`");
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| *byte == b'}')
        .ok_or_else(wrong)?;
    let inside = rest.get(..length).unwrap_or_default();
    let inside = std::str::from_utf8(inside).map_err(|_| wrong())?;
    let number = |text: &str| -> Result<u32, FilterError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| *number <= REPEAT_MAX);
        number.filter(|_| digits).ok_or_else(wrong)
    };
    let (low, high) = match inside.split_once(',') {
        None => (number(inside)?, None),
        Some((low, "")) => (number(low)?, Some(None)),
        Some((low, high)) => (number(low)?, Some(Some(number(high)?))),
    };
    let times = match high {
        None => {
            let _ = write!(out, "{{{low}}}");
            low
        }
        Some(None) => {
            let _ = write!(out, "{{{low},}}");
            low
        }
        Some(Some(high)) => {
            if low > high {
                return Err(refuse("the range of repetitions is empty"));
            }
            let _ = write!(out, "{{{low},{high}}}");
            high
        }
    };
    Ok((start + length + 1, times))
}

/// A class in brackets, from after the bracket; returns where it ends.
fn brackets(bytes: &[u8], start: usize, out: &mut String) -> Result<usize, FilterError> {
    let mut at = start;
    out.push('[');
    if bytes.get(at) == Some(&b'^') {
        out.push('^');
        at += 1;
    }
    let first = at;
    loop {
        let Some(&byte) = bytes.get(at) else {
            return Err(refuse("`[` without `]`"));
        };
        at += 1;
        let low = match byte {
            b']' if at - 1 > first => {
                out.push(']');
                return Ok(at);
            }
            b'\\' => {
                let Some(&letter) = bytes.get(at) else {
                    return Err(refuse("`[` without `]`"));
                };
                at += 1;
                if let Some(inside) = class(letter) {
                    out.push_str(inside);
                    continue;
                }
                escaped(letter)
            }
            byte => byte,
        };
        let range = match bytes.get(at..at + 2) {
            Some([b'-', b']']) => None,
            Some([b'-', high]) => Some(*high),
            _ => None,
        };
        let Some(high) = range else {
            literal(low, out);
            continue;
        };
        at += 2;
        let high = match high {
            b'\\' => {
                let letter = bytes.get(at).copied();
                at += 1;
                escaped(letter.ok_or_else(|| refuse("`[` without `]`"))?)
            }
            high => high,
        };
        if low > high {
            return Err(refuse(format!(
                "the range `{}-{}` is empty",
                char::from(low),
                char::from(high)
            )));
        }
        literal(low, out);
        out.push('-');
        literal(high, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, modifiers: &str, payload: &[u8]) -> bool {
        Pattern::new(pattern, modifiers, usize::MAX)
            .unwrap()
            .matches(payload)
    }

    #[test]
    fn the_dialect() {
        for (pattern, modifiers, payload, expected) in [
            ("GET|POST", "", &b"a POST b"[..], true),
            (r"\r\n", "", b"a\r\nb", true),
            (r"\r\n", "", b"a\nb", false),
            ("a.c", "", b"a\nc", false),
            ("a.c", "s", b"a\nc", true),
            ("^b", "", b"a\nb", false),
            ("^b", "m", b"a\nb", true),
            ("^b", "m", b"a\r\nb", true),
            ("a^b", "m", b"a\nb", true),
            ("a$", "", b"a\n", false),
            ("a$", "m", b"a\r\n", true),
            (r"\s$", "m", b"a\r\n", true),
            ("$", "", b"abc", false),
            ("$", "m", b"abc\nd", true),
            ("x*", "", b"", false),
            ("[]a-]+z", "", b"]-az", true),
            (r"[\d-]x", "", b"-x", true),
            (r"[\D]", "", b"D", true),
            (r"\D", "", b"\xFF", true),
            (r"[^a]", "", b"\xFF", true),
            ("GET", "i", b"get", true),
            ("a{2}b", "", b"aab", true),
            ("a{2,3}?b", "", b"ab", false),
            ("(a(b", "", b"ab", true),
            (r"\t", "", b"t", true),
        ] {
            let text = String::from_utf8_lossy(payload);
            assert_eq!(
                matches(pattern, modifiers, payload),
                expected,
                "{pattern} {modifiers} {text:?}"
            );
        }
    }

    #[test]
    fn what_is_refused() {
        for pattern in [
            "",
            "(",
            "()",
            "a|",
            "|a",
            "(a|)",
            "a)",
            "*a",
            "a**",
            "a{,2}",
            "a{2",
            "a{3,2}",
            "]",
            "}",
            "{2}",
            "[a",
            "[z-a]",
            "[]",
            r"(a)\1",
            r"\0",
            r"a\",
            "((((a{999}){999}){999}){999})",
        ] {
            assert!(Pattern::new(pattern, "", usize::MAX).is_err(), "{pattern}");
        }
        assert!(Pattern::new("a", "q", usize::MAX).is_err());
        assert!(Pattern::literal("", usize::MAX).is_err());
    }

    #[test]
    fn repetitions_count_as_written_out() {
        for (pattern, items) in [
            ("a", 1),
            ("abc", 3),
            (r"a|\d", 2),
            ("a*b+", 2),
            ("a{1000}", 1000),
            ("a{2,30}b", 31),
            ("a{0}", 1),
            ("(ab){10}", 30),
            ("((a{10}){10}", 110),
        ] {
            let pattern = Pattern::new(pattern, "", usize::MAX).unwrap();
            assert_eq!(pattern.items(), items + PATTERN_BASE, "{}", pattern.text());
        }
        let error = Pattern::new("a{1000}", "", 999).unwrap_err();
        assert_eq!(error.kind(), FilterErrorKind::Limit);
    }
}
