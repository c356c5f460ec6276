//! Conditions on groups: `bytes > 1g and flows >= 10 or distinct:dst_port > 100`.

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::group::Group;
use crate::aggregate::measures::Measures;
use crate::aggregate::order::OrderBy;

/// Conditions on groups: `bytes > 1g and flows >= 10 or distinct:dst_port > 100`. By default every group meets them.
#[derive(Clone, Debug, Default)]
pub struct Having {
    /// Each of conditions that must all hold.
    alternatives: Vec<Vec<Condition>>,
}

#[derive(Clone, Copy, Debug)]
struct Condition {
    measure: OrderBy,
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
    /// Reads conditions: measures compared by `>`, `>=`, `<`, `<=`, `=`, `!=` with whole numbers, which may end in `k`,
    /// `m`, `g` or `t` for powers of 1000; times are milliseconds since 1970. `and` binds closer than `or`. An empty text
    /// has no conditions. What measures need beside counters is added to `measures`.
    ///
    /// # Errors
    /// [`AggregateError::UnknownMeasure`], [`AggregateError::Condition`].
    pub fn parse(text: &str, measures: &mut Measures) -> Result<Self> {
        let mut alternatives = vec![Vec::new()];
        let mut words = Vec::new();
        let mut end = |words: &mut Vec<&str>, all: &mut Vec<Vec<Condition>>| {
            let condition = condition(&words.join(" "), measures)?;
            words.clear();
            if let Some(last) = all.last_mut() {
                last.push(condition);
            }
            Ok::<(), AggregateError>(())
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
        Ok(Self { alternatives })
    }

    /// Whether a group of the grouping that [`Measures::extend`] made meets them.
    #[must_use]
    pub fn holds(&self, group: &Group<'_>) -> bool {
        let all = |conditions: &Vec<Condition>| conditions.iter().all(|one| one.holds(group));
        self.alternatives.is_empty() || self.alternatives.iter().any(all)
    }
}

impl Condition {
    fn holds(self, group: &Group<'_>) -> bool {
        let value = group.sort_value(self.measure);
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

fn condition(text: &str, measures: &mut Measures) -> Result<Condition> {
    let wrong = |reason: String| AggregateError::Condition(reason);
    let found = COMPARES
        .iter()
        .find_map(|(sign, compare)| Some((text.split_once(sign)?, *compare)));
    let ((measure, number), compare) =
        found.ok_or_else(|| wrong(format!("`{text}` is no comparison, such as `bytes > 1g`")))?;
    Ok(Condition {
        measure: measures.order_by(measure)?,
        compare,
        number: number_of(number.trim()).map_err(wrong)?,
    })
}

/// A number, perhaps with k, m, g or t for powers of 1000.
fn number_of(text: &str) -> std::result::Result<u64, String> {
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
        let mut measures = Measures::default();
        let having = "bytes > 1g and flows>=10 or distinct:dst_port != 3";
        let having = Having::parse(having, &mut measures).expect("conditions");
        assert_eq!(
            (having.alternatives.len(), measures.distinct().len()),
            (2, 1)
        );
        for wrong in [
            "bytes",
            "bytes >",
            "byte > 1",
            "bytes > 1 and",
            "or",
            "bytes > 1 flows > 2",
        ] {
            assert!(Having::parse(wrong, &mut measures).is_err(), "{wrong}");
        }
    }
}
