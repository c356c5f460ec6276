//! Command lines by the rules of `getopt`: short options in clusters, values attached or apart.
//!
//! As with GNU `getopt`, words that are no options may stand anywhere; `--` ends the options.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// What a letter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Value,
    /// A value only if it is attached.
    Attached,
}

/// One part of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Option(u8, Option<OsString>),
    Word(OsString),
}

/// Why a command line cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Unknown(u8),
    NoValue(u8),
}

/// Takes words apart; `takes` knows the letters.
pub(crate) fn parts(
    words: impl IntoIterator<Item = OsString>,
    takes: impl Fn(u8) -> Option<Takes>,
) -> Result<Vec<Part>, Wrong> {
    let mut parts = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let letters = match word.as_bytes() {
            b"--" => {
                parts.extend(words.by_ref().map(Part::Word));
                break;
            }
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => {
                parts.push(Part::Word(word));
                continue;
            }
        };
        let mut rest = letters;
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            match takes(*letter).ok_or(Wrong::Unknown(*letter))? {
                Takes::Nothing => parts.push(Part::Option(*letter, None)),
                Takes::Attached => {
                    let value = (!rest.is_empty()).then(|| OsString::from_vec(rest.to_vec()));
                    parts.push(Part::Option(*letter, value));
                    rest = &[];
                }
                Takes::Value => {
                    let value = match rest {
                        [] => words.next().ok_or(Wrong::NoValue(*letter))?,
                        rest => OsString::from_vec(rest.to_vec()),
                    };
                    parts.push(Part::Option(*letter, Some(value)));
                    rest = &[];
                }
            }
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(letter: u8) -> Option<Takes> {
        match letter {
            b'a' | b'q' => Some(Takes::Nothing),
            b'r' | b'n' => Some(Takes::Value),
            b'z' => Some(Takes::Attached),
            _ => None,
        }
    }

    fn split(line: &str) -> Result<Vec<Part>, Wrong> {
        parts(line.split(' ').map(OsString::from), takes)
    }

    #[test]
    fn clusters_and_values() {
        let option = |letter, value: &str| Part::Option(letter, Some(value.into()));
        let plain = |letter| Part::Option(letter, None);
        assert_eq!(
            split("-qar file word -n3 -z=lzo -z more -- -q"),
            Ok(vec![
                plain(b'q'),
                plain(b'a'),
                option(b'r', "file"),
                Part::Word("word".into()),
                option(b'n', "3"),
                option(b'z', "=lzo"),
                plain(b'z'),
                Part::Word("more".into()),
                Part::Word("-q".into()),
            ])
        );
        assert_eq!(split("-n -3"), Ok(vec![option(b'n', "-3")]));
        assert_eq!(split("-"), Ok(vec![Part::Word("-".into())]));
        assert_eq!(split("-qx"), Err(Wrong::Unknown(b'x')));
        assert_eq!(split("--help"), Err(Wrong::Unknown(b'-')));
        assert_eq!(split("-q -r"), Err(Wrong::NoValue(b'r')));
    }
}
