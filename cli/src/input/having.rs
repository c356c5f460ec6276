//! Conditions on groups: `bytes > 1g and flows >= 10 or distinct:dst_port > 100`.

use nfdecode::aggregate::Group;

use crate::input::measure::{Extras, Measure};

/// Alternatives, each of conditions that must all hold. None: every group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Having(Vec<Vec<Condition>>);

#[derive(Clone, Copy, Debug)]
struct Condition {
    measure: Measure,
    compare: Compare,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

/// The longer ones first: each is looked for in turn.
const COMPARES: [(&str, Compare); 7] = [
    (">=", Compare::GreaterOrEqual),
    ("<=", Compare::LessOrEqual),
    ("!=", Compare::NotEqual),
    ("==", Compare::Equal),
    (">", Compare::Greater),
    ("<", Compare::Less),
    ("=", Compare::Equal),
];

impl Having {
    /// Reads conditions; an empty text has none. What it needs is added to `extras`.
    pub(crate) fn parse(text: &str, extras: &mut Extras) -> Result<Self, String> {
        let mut alternatives = vec![Vec::new()];
        let mut words = Vec::new();
        let mut end = |words: &mut Vec<&str>, all: &mut Vec<Vec<Condition>>| {
            let condition = condition(&words.join(" "), extras)?;
            words.clear();
            if let Some(last) = all.last_mut() {
                last.push(condition);
            }
            Ok::<(), String>(())
        };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        for word in text.split_whitespace() {
            match word {
                "and" | "&&" => end(&mut words, &mut alternatives)?,
                "or" | "||" => {
                    end(&mut words, &mut alternatives)?;
                    alternatives.push(Vec::new());
                }
                _ => words.push(word),
            }
        }
        end(&mut words, &mut alternatives)?;
        Ok(Self(alternatives))
    }

    pub(crate) fn holds(&self, group: &Group<'_>) -> bool {
        let all = |conditions: &Vec<Condition>| conditions.iter().all(|one| one.holds(group));
        self.0.is_empty() || self.0.iter().any(all)
    }
}

impl Condition {
    fn holds(self, group: &Group<'_>) -> bool {
        let value = self.measure.of(group);
        match self.compare {
            Compare::Greater => value > self.number,
            Compare::GreaterOrEqual => value >= self.number,
            Compare::Less => value < self.number,
            Compare::LessOrEqual => value <= self.number,
            Compare::Equal => value == self.number,
            Compare::NotEqual => value != self.number,
        }
    }
}

fn condition(text: &str, extras: &mut Extras) -> Result<Condition, String> {
    let found = COMPARES
        .iter()
        .find_map(|(sign, compare)| Some((text.split_once(sign)?, *compare)));
    let ((measure, number), compare) =
        found.ok_or_else(|| format!("`{text}` is no comparison, such as `bytes > 1g`"))?;
    Ok(Condition {
        measure: Measure::parse(measure, extras)?,
        compare,
        number: number_of(number.trim())?,
    })
}

/// A number, perhaps with k, m, g or t for powers of 1000.
fn number_of(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&text[..at], 1_000_000_000),
        Some((at, 't' | 'T')) => (&text[..at], 1_000_000_000_000),
        _ => (text, 1_u64),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{text}` is no number"))?;
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        for (text, number) in [("0", 0), ("12", 12), ("3k", 3_000), ("1G", 1_000_000_000)] {
            assert_eq!(number_of(text), Ok(number));
        }
        for text in ["", "k", "1x", "-1", "99999999999999t", "1.5"] {
            assert!(number_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_name_measures() {
        let mut extras = Extras::default();
        let having = "bytes > 1g and flows>=10 or distinct:dst_port != 3";
        let having = Having::parse(having, &mut extras).expect("conditions");
        assert_eq!((having.0.len(), extras.distinct.len()), (2, 1));
        for wrong in [
            "bytes",
            "bytes >",
            "byte > 1",
            "bytes > 1 and",
            "or",
            "bytes > 1 flows > 2",
        ] {
            assert!(Having::parse(wrong, &mut extras).is_err(), "{wrong}");
        }
    }
}
