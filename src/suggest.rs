//! "Did you mean": known names that are close to an unknown one.
//!
//! Used in error messages only, so speed does not matter.

/// Longer words are no misspelled names; comparing them would cost time for nothing.
const WORD_MAX: usize = 24;

/// The known name that differs from `word` by at most two typing mistakes.
///
/// A mistake is a letter that is wrong, missing, superfluous or exchanged with its neighbour. Case,
/// blanks, dashes and underscores do not count. Words of three or four letters may have one mistake,
/// shorter ones none.
pub(crate) fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_MAX {
        return None;
    }
    let word = letters(word);
    let (found, mistakes) = known
        .filter(|known| !known.is_empty())
        .map(|known| (known, strsim::osa_distance(&word, &letters(known))))
        .min_by_key(|(_, mistakes)| *mistakes)?;
    let tolerated = match word.len() {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    (mistakes <= tolerated).then_some(found)
}

/// The letters and digits of a name, in lower case.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn names_with_few_mistakes_are_found() {
        let known = ["src port", "dst port", "proto", "ip", ""];
        for (word, expected) in [
            ("srcport", Some("src port")),
            ("SRC-PORT", Some("src port")),
            ("dst prot", Some("dst port")),
            ("porto", Some("proto")),
            ("pi", None),
            ("ip", Some("ip")),
            ("", None),
            ("bytes", None),
            ("src portsrc portsrc portsrc port", None),
        ] {
            assert_eq!(closest(word, known.into_iter()), expected, "{word}");
        }
    }
}
