//! Times as nfdump writes them in filters and time windows: `2026-01-01T12:00:00.123`, with parts
//! missing from the right, in a zone.

use crate::value::time::Timestamp;
use crate::value::zone::Zone;

/// What is wrong with a text that is no time.
pub(crate) const EXPECTED: &str =
    "expected YYYY-MM-DDThh:mm:ss.mmm, parts may be missing from the right";

/// Reads a time; `Err` says what is wrong.
pub(crate) fn parse(text: &str, zone: &Zone) -> Result<Timestamp, &'static str> {
    // For each part: digits, range, and the separators that may follow.
    let parts: [(usize, i64, i64, &[u8]); 7] = [
        (4, 1970, 2038, b"-/"),
        (2, 1, 12, b"-/"),
        (2, 1, 31, b""),
        (2, 0, 23, b":"),
        (2, 0, 59, b":"),
        (2, 0, 59, b"."),
        (3, 0, 999, b"\0"),
    ];
    let mut values = [1970, 1, 1, 0, 0, 0, 0];
    let mut rest = text.as_bytes();
    for ((digits, low, high, separators), value) in parts.into_iter().zip(&mut values) {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length != digits {
            return Err(EXPECTED);
        }
        let (found, after) = rest.split_at(length);
        *value = found
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        if !(low..=high).contains(value) {
            return Err("a part of the time is out of range");
        }
        match after.split_first() {
            None => {
                rest = after;
                break;
            }
            // After the day any character will do.
            Some((separator, after)) if separators.is_empty() || separators.contains(separator) => {
                rest = after;
            }
            Some(_) => return Err(EXPECTED),
        }
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        return Err(EXPECTED);
    }
    let [year, month, day, hour, minute, second, milli] = values;
    let small = |value: i64| value as i8;
    let seconds = zone
        .utc_second(
            (year as i16, small(month), day),
            (small(hour), small(minute), small(second)),
        )
        .ok_or("no such time")?;
    match seconds * 1000 + milli {
        0 => Err("the first millisecond of 1970 stands for no time"),
        // As nfdump: times before 1970 wrap.
        millis => Ok(Timestamp::from_millis(millis.cast_unsigned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_be_missing() {
        for (text, millis) in [
            ("2023", 1_672_531_200_000),
            ("2023-", 1_672_531_200_000),
            ("2023-11", 1_698_796_800_000),
            ("2023-11-14", 1_699_920_000_000),
            ("2023/11/14.22:13", 1_699_999_980_000),
            ("2023-11-14 22:13:20", 1_700_000_000_000),
            ("2023-11-14x22:13:20.", 1_700_000_000_000),
            ("2023-11-14T22:13:20.123", 1_700_000_000_123),
            ("2019-02-30", 1_551_484_800_000),
        ] {
            let time = parse(text, &Zone::utc());
            assert_eq!(time.map(Timestamp::as_millis), Ok(millis), "{text}");
        }
        for text in [
            "",
            "20",
            "2023-1",
            "2023-13",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.12",
            "2023-11-14T22:13:20.123 ",
            "20190711",
            "1969",
            "2039",
            "1970",
            "2023-11-14T24",
        ] {
            assert!(parse(text, &Zone::utc()).is_err(), "{text}");
        }
        let zurich = Zone::named("Europe/Zurich").unwrap();
        assert_eq!(
            parse("2023-07-01", &zurich).map(Timestamp::as_millis),
            Ok(1_688_162_400_000)
        );
    }
}
