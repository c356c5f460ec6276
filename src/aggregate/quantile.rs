//! Quantiles of a value in a group: exact for few values, within 1 % for many.
//!
//! Up to [`EXACT_MAX`] values are kept as they are. Beyond, a histogram counts them in buckets of less than 1 %
//! (`hdrhistogram`), whose merging is associative: results depend neither on threads nor on the order of flows.

use hdrhistogram::Histogram;

/// Values that are kept exactly.
pub(crate) const EXACT_MAX: usize = 256;
/// Significant decimal digits of a bucket.
const DIGITS: u8 = 2;
/// Larger values count as this one.
const VALUE_MAX: u64 = 1 << 62;
/// Marks a histogram in the stored form.
const MANY: u32 = u32::MAX;
/// Buckets of a stored histogram at most.
const BUCKETS_MAX: u32 = 1 << 13;

/// The values of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantiles(State);

#[derive(Clone, Debug)]
enum State {
    Few(Vec<u64>),
    Many(Box<Histogram<u32>>),
}

impl Default for State {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Quantiles {
    pub(crate) fn add(&mut self, value: u64) {
        let value = value.min(VALUE_MAX);
        match &mut self.0 {
            State::Few(values) if values.len() < EXACT_MAX => values.push(value),
            State::Few(_) => {
                if let Some(many) = self.many() {
                    record(many, value, 1);
                }
            }
            State::Many(many) => record(many, value, 1),
        }
    }

    /// Adds the values of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        match &other.0 {
            State::Few(values) => values.iter().for_each(|value| self.add(*value)),
            State::Many(theirs) => {
                if let Some(many) = self.many() {
                    for bucket in theirs.iter_recorded() {
                        record(many, bucket.value_iterated_to(), bucket.count_at_value());
                    }
                }
            }
        }
    }

    /// The histogram, made if there is none.
    fn many(&mut self) -> Option<&mut Histogram<u32>> {
        if let State::Few(values) = &self.0 {
            // The number of digits is one of those that there are.
            let mut many = Box::new(Histogram::new(DIGITS).ok()?);
            values.iter().for_each(|value| record(&mut many, *value, 1));
            self.0 = State::Many(many);
        }
        match &mut self.0 {
            State::Many(many) => Some(many),
            State::Few(_) => None,
        }
    }

    /// The smallest value that at least this part (in thousandths) of all values do not exceed, and whether it is
    /// exact. `None` without values.
    pub(crate) fn at(&self, thousandths: u16) -> Option<(u64, bool)> {
        let part = u64::from(thousandths.min(1000));
        match &self.0 {
            State::Few(values) => {
                let mut values = values.clone();
                values.sort_unstable();
                let rank = (values.len() as u64 * part).div_ceil(1000).max(1);
                let value = values.get(usize::try_from(rank).ok()? - 1)?;
                Some((*value, true))
            }
            State::Many(many) => {
                let rank = u128::from(many.len()) * u128::from(part);
                let (rank, mut count) = (rank.div_ceil(1000).max(1), 0);
                let mut buckets = many.iter_recorded();
                let found = buckets.find(|bucket| {
                    count += u128::from(bucket.count_at_value());
                    count >= rank
                })?;
                Some((found.value_iterated_to(), false))
            }
        }
    }

    /// Memory beside the value itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.0 {
            State::Few(values) => values.capacity() * 8,
            State::Many(many) => size_of::<Histogram<u32>>() + many.distinct_values() * 4,
        }
    }

    /// Appends a stored form: a count of values and the values, or [`MANY`], a count of buckets and these.
    pub(crate) fn store(&self, out: &mut Vec<u8>) {
        match &self.0 {
            State::Few(values) => {
                out.extend((values.len() as u32).to_le_bytes());
                values
                    .iter()
                    .for_each(|value| out.extend(value.to_le_bytes()));
            }
            State::Many(many) => {
                out.extend(MANY.to_le_bytes());
                out.extend((many.iter_recorded().count() as u32).to_le_bytes());
                for bucket in many.iter_recorded() {
                    out.extend(bucket.value_iterated_to().to_le_bytes());
                    out.extend(bucket.count_at_value().to_le_bytes());
                }
            }
        }
    }

    /// Reads a stored form with these readers of numbers; `None` if there is none.
    pub(crate) fn restore<E>(
        mut number: impl FnMut() -> Result<u32, E>,
    ) -> Result<Option<Self>, E> {
        let mut found = Self::default();
        let wide = |number: &mut dyn FnMut() -> Result<u32, E>| -> Result<u64, E> {
            let low = u64::from(number()?);
            Ok(u64::from(number()?) << 32 | low)
        };
        let count = number()?;
        if count != MANY {
            if count as usize > EXACT_MAX {
                return Ok(None);
            }
            for _ in 0..count {
                let value = wide(&mut number)?;
                found.add(value);
            }
            return Ok(Some(found));
        }
        let buckets = number()?;
        if buckets > BUCKETS_MAX {
            return Ok(None);
        }
        for _ in 0..buckets {
            let value = wide(&mut number)?.min(VALUE_MAX);
            let count = number()?;
            if let Some(many) = found.many() {
                record(many, value, count);
            }
        }
        Ok(Some(found))
    }
}

fn record(many: &mut Histogram<u32>, value: u64, count: u32) {
    // Counts stay at the largest number. The histogram grows with its values, which have a limit: it cannot fail.
    let _ = many.record_n(value, count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_and_merge_in_any_order() {
        for count in [1_u64, 2, 100, 256, 257, 20_000] {
            let values: Vec<u64> = (0..count).map(|at| at * at % 1_000_003).collect();
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let all = |order: &mut dyn Iterator<Item = &u64>| {
                let mut parts = [const { Quantiles(State::Few(Vec::new())) }; 3];
                for (at, value) in order.enumerate() {
                    parts[at % 3].add(*value);
                }
                let [mut a, b, c] = parts;
                a.merge(&c);
                a.merge(&b);
                a
            };
            let one = all(&mut values.iter());
            let other = all(&mut values.iter().rev());
            for part in [0, 1, 500, 950, 999, 1000] {
                let (found, is_exact) = one.at(part).expect("values");
                assert_eq!(other.at(part), Some((found, is_exact)));
                let rank = (count * u64::from(part)).div_ceil(1000).max(1) as usize;
                let expected = sorted[rank - 1];
                assert_eq!(is_exact, count as usize <= EXACT_MAX);
                assert!(
                    found >= expected && found - expected <= expected / 100,
                    "{found} {expected}"
                );
                if is_exact {
                    assert_eq!(found, expected);
                }
            }
            let mut bytes = Vec::new();
            one.store(&mut bytes);
            let mut words = bytes
                .chunks(4)
                .map(|word| u32::from_le_bytes(word.try_into().expect("4")));
            let back = Quantiles::restore(|| words.next().ok_or(()))
                .expect("all")
                .expect("it");
            assert_eq!(back.at(500), one.at(500));
        }
        let mut largest = Quantiles::default();
        (0..300).for_each(|_| largest.add(u64::MAX));
        assert!(largest.at(500).is_some_and(|(value, _)| value >= VALUE_MAX));
        assert_eq!(Quantiles::default().at(500), None);
    }
}
