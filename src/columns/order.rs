//! Sorts rows by their start.

/// Bits of a digit of the radix sort.
const DIGIT: u32 = 11;
/// Values of a digit.
const DIGITS: usize = 1 << DIGIT;
/// Below this many values, counting digits costs more than comparing.
const RADIX_MIN: usize = 4096;

/// The numbers of the values in ascending order. `None` comes first; equal values keep their order.
///
/// Starts in a row group usually differ by minutes, so a word of 64 bits holds the difference to the first
/// one and the number. Two or three passes over such words take a fraction of the time of a sort by
/// comparison. Ranges of more than 49 days are compared.
pub(crate) fn ascending(values: &[Option<i64>]) -> Vec<u32> {
    let least = values.iter().flatten().min().copied().unwrap_or_default();
    let key =
        |value: &Option<i64>| value.map_or(Some(0), |value| value.abs_diff(least).checked_add(1));
    let words: Option<Vec<u64>> = values
        .iter()
        .zip(0_u32..)
        .map(|(value, number)| {
            let key = u32::try_from(key(value)?).ok()?;
            Some(u64::from(key) << 32 | u64::from(number))
        })
        .collect();
    let Some(mut words) = words else {
        let mut pairs: Vec<_> = values.iter().zip(0..).collect();
        pairs.sort_unstable();
        return pairs.into_iter().map(|(_, number)| number).collect();
    };
    if words.len() < RADIX_MIN {
        words.sort_unstable();
    } else {
        radix_sort(&mut words);
    }
    words.into_iter().map(low_half).collect()
}

/// Sorts words by their high half, from the lowest digit to the highest; the order of equal ones is kept.
fn radix_sort(words: &mut Vec<u64>) {
    let used = words.iter().fold(0, |all, word| all | word);
    let mut sorted = vec![0; words.len()];
    for shift in (u32::BITS..u64::BITS - used.leading_zeros()).step_by(DIGIT as usize) {
        let mut places = [0_usize; DIGITS];
        for word in &*words {
            places[digit(*word, shift)] += 1;
        }
        let mut start = 0;
        for place in &mut places {
            (*place, start) = (start, start + *place);
        }
        for word in &*words {
            let place = &mut places[digit(*word, shift)];
            if let Some(to) = sorted.get_mut(*place) {
                *to = *word;
            }
            *place += 1;
        }
        std::mem::swap(words, &mut sorted);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a digit is below DIGITS")]
#[inline]
fn digit(word: u64, shift: u32) -> usize {
    (word >> shift) as usize % DIGITS
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "only the low half is meant"
)]
fn low_half(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use super::ascending;

    /// The order of a stable sort by comparison.
    fn expected(values: &[Option<i64>]) -> Vec<u32> {
        let mut order: Vec<u32> = (0..).take(values.len()).collect();
        order.sort_by_key(|number| values[*number as usize]);
        order
    }

    #[test]
    fn the_order_is_that_of_a_stable_sort() {
        let mut seed = 1_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        // Ranges of one digit, of several, around 2^32, and of all numbers.
        for range in [1, 1000, 1 << 20, 1 << 31, u64::from(u32::MAX), 1 << 33] {
            for count in [0, 1, 100, 5000] {
                let values: Vec<_> = (0..count)
                    .map(|_| {
                        let value = (random() << 20 ^ random()) % range;
                        (random() % 50 != 0).then(|| 1_767_225_600_000 + value.cast_signed())
                    })
                    .collect();
                assert_eq!(ascending(&values), expected(&values), "{range} {count}");
            }
        }
        let ends = [
            Some(i64::MAX),
            None,
            Some(i64::MIN),
            Some(0),
            Some(i64::MAX),
        ];
        assert_eq!(ascending(&ends), expected(&ends));
    }
}
