//! Patterns for payloads: nfdump's dialect, run by the crate `regex` in linear time on bytes.
//!
//! The pattern is taken apart and written anew, so that nothing of the other dialect is accepted by
//! accident. Back references are the one construct that is refused: they cannot be had in linear
//! time.

use std::fmt::Write as _;

use regex::bytes::{Regex, RegexBuilder};

use crate::filter::error::{FilterError, FilterErrorKind};

/// Memory that a compiled pattern, and each thread that runs it, may use at most.
const SIZE_MAX: usize = 1 << 20;
/// Groups within groups.
const NESTING_MAX: usize = 254;
/// Largest number in `{n,m}`.
const REPEAT_MAX: u32 = 65_535;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Box<str>,
    modifiers: Box<str>,
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

impl Pattern {
    pub(crate) fn new(text: &str, modifiers: &str) -> Result<Self, FilterError> {
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
        let translated = written.translate(text)?;
        Self::compile(text, modifiers, &translated, written.ignore_case)
    }

    /// Finds this very text.
    pub(crate) fn literal(text: &str) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Err(refuse("the text to look for is empty"));
        }
        Self::compile(text, "", &regex::escape(text), false)
    }

    fn compile(
        text: &str,
        modifiers: &str,
        translated: &str,
        ignore_case: bool,
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
            regex,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn modifiers(&self) -> &str {
        &self.modifiers
    }

    /// Whether it matches somewhere. As in nfdump a match starts at a byte, not behind the last.
    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        let found = self.regex.find(payload);
        found.is_some_and(|found| found.start() < payload.len())
    }
}

#[derive(Default)]
struct Translation {
    ignore_case: bool,
    lines: bool,
    dot_is_all: bool,
}

/// Inside of brackets for the small letter of a class.
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

/// What a backslash and a letter that is no class stand for.
fn escaped(letter: u8) -> u8 {
    match letter {
        b'r' => b'\r',
        b'n' => b'\n',
        other => other,
    }
}

impl Translation {
    fn translate(&self, text: &str) -> Result<String, FilterError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(refuse("the pattern is empty"));
        }
        let mut out = String::with_capacity(4 * bytes.len());
        let mut open = 0_usize;
        // Whether something stands in this alternative, and whether it can be repeated.
        let (mut begun, mut repeatable) = (false, false);
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'(' => {
                    open += 1;
                    if open > NESTING_MAX {
                        return Err(refuse(format!(
                            "more than {NESTING_MAX} groups in each other"
                        )));
                    }
                    out.push_str("(?:");
                    (begun, repeatable) = (false, false);
                    continue;
                }
                b')' => {
                    if open == 0 {
                        return Err(refuse("`)` without `(`"));
                    }
                    if !begun {
                        return Err(refuse("an empty group or alternative"));
                    }
                    open -= 1;
                    out.push(')');
                }
                b'|' => {
                    if !begun {
                        return Err(refuse("an empty alternative"));
                    }
                    out.push('|');
                    (begun, repeatable) = (false, false);
                    continue;
                }
                b'^' => {
                    out.push_str(if self.lines {
                        r"(?:\A|\r\n|\n|\r)"
                    } else {
                        r"\A"
                    });
                    (begun, repeatable) = (true, false);
                    continue;
                }
                b'$' => {
                    out.push_str(if self.lines {
                        "(?:(?m:$)|(?mR:$))"
                    } else {
                        r"\z"
                    });
                    (begun, repeatable) = (true, false);
                    continue;
                }
                b'?' | b'*' | b'+' | b'{' => {
                    if !repeatable {
                        return Err(refuse(format!(
                            "nothing to repeat before `{}`",
                            char::from(byte)
                        )));
                    }
                    if byte == b'{' {
                        at = repeat(bytes, at, &mut out)?;
                    } else {
                        out.push(char::from(byte));
                    }
                    if bytes.get(at) == Some(&b'?') {
                        out.push('?');
                        at += 1;
                    }
                    repeatable = false;
                    continue;
                }
                b'.' => out.push_str(if self.dot_is_all {
                    "(?s:.)"
                } else {
                    r"[^\r\n]"
                }),
                b'[' => at = brackets(bytes, at, &mut out)?,
                b']' | b'}' => {
                    return Err(refuse(format!(
                        "`{}` without its beginning",
                        char::from(byte)
                    )));
                }
                b'\\' => {
                    let Some(&letter) = bytes.get(at) else {
                        return Err(refuse("nothing after the last `\\`"));
                    };
                    at += 1;
                    let negated = letter.is_ascii_uppercase();
                    match (class(letter.to_ascii_lowercase()), letter) {
                        (Some(inside), _) => {
                            let caret = if negated { "^" } else { "" };
                            let _ = write!(out, "[{caret}{inside}]");
                        }
                        (None, b'0'..=b'9') => {
                            return Err(refuse("back references are not supported"));
                        }
                        (None, letter) => literal(escaped(letter), &mut out),
                    }
                }
                byte => literal(byte, &mut out),
            }
            (begun, repeatable) = (true, true);
        }
        if !begun {
            return Err(refuse("an empty group or alternative at the end"));
        }
        // As nfdump: groups still open end here.
        (0..open).for_each(|_| out.push(')'));
        Ok(out)
    }
}

fn literal(byte: u8, out: &mut String) {
    let _ = write!(out, r"\x{byte:02X}");
}

/// `{n}`, `{n,}` or `{n,m}` from after the brace; returns the place behind it.
fn repeat(bytes: &[u8], start: usize, out: &mut String) -> Result<usize, FilterError> {
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
    let _ = match inside.split_once(',') {
        None => write!(out, "{{{}}}", number(inside)?),
        Some((low, "")) => write!(out, "{{{},}}", number(low)?),
        Some((low, high)) => {
            let (low, high) = (number(low)?, number(high)?);
            if low > high {
                return Err(refuse("the range of repetitions is empty"));
            }
            write!(out, "{{{low},{high}}}")
        }
    };
    Ok(start + length + 1)
}

/// A class in brackets from after the bracket; returns the place behind it.
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
        Pattern::new(pattern, modifiers).unwrap().matches(payload)
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
            assert!(Pattern::new(pattern, "").is_err(), "{pattern}");
        }
        assert!(Pattern::new("a", "q").is_err());
        assert!(Pattern::literal("").is_err());
    }
}
