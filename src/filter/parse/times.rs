//! Times as nfdump writes them: `2026-01-01T12:00:00.123`, in a time zone.
//!
//! Parts may be missing from the right.

use std::error::Error;
use std::fmt;

use crate::value::time::Timestamp;
use crate::value::zone::Zone;

/// The years that nfdump accepts.
const YEARS: (i64, i64) = (1970, 2038);
/// The first millisecond of the year after the last one, in UTC.
const END: u64 = 2_177_452_800_000;
/// What follows the number of a time in milliseconds since 1970.
const MILLIS: &str = "ms";

/// The reason why a text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeError(Reason);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reason {
    Form,
    Range,
    Skipped,
    Zero,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Reason::Form => "expected YYYY-MM-DDThh:mm:ss.mmm, parts may be missing from the right",
            Reason::Range => "a part of the time is out of range (years: 1970 to 2038)",
            Reason::Skipped => "the calendar does not have this time",
            Reason::Zero => "the first millisecond of 1970 means that there is no time",
        })
    }
}

impl Error for TimeError {}

/// Parses a time in nfdump's form: `2026-01-01T12:00:00.123`, parts may be missing from the right.
///
/// Accepts the years 1970 to 2038, `/` for `-`, and any character after the day. The result is in
/// UTC milliseconds; local times before 1970 in UTC wrap, as in nfdump.
///
/// ```
/// use nfdecode::filter::parse_time;
/// use nfdecode::value::Zone;
///
/// let time = parse_time("2026-01-01T12:00", &Zone::utc())?;
/// assert_eq!(time.to_string(), "2026-01-01T12:00:00.000Z");
/// # Ok::<(), nfdecode::filter::TimeError>(())
/// ```
///
/// # Errors
/// [`TimeError`] if the text has another form, a part is out of range, or the result would be 0,
/// which means "no time" in flow files.
pub fn parse_time(text: &str, zone: &Zone) -> Result<Timestamp, TimeError> {
    // For each part: digits, range, and the separators that may follow.
    let parts: [(usize, (i64, i64), &[u8]); 7] = [
        (4, YEARS, b"-/"),
        (2, (1, 12), b"-/"),
        (2, (1, 31), b""),
        (2, (0, 23), b":"),
        (2, (0, 59), b":"),
        (2, (0, 59), b"."),
        (3, (0, 999), b"\0"),
    ];
    let mut values = [YEARS.0, 1, 1, 0, 0, 0, 0];
    let mut rest = text.as_bytes();
    for ((digits, (low, high), separators), value) in parts.into_iter().zip(&mut values) {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length != digits {
            return Err(TimeError(Reason::Form));
        }
        let (found, after) = rest.split_at(length);
        *value = found
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        if !(low..=high).contains(value) {
            return Err(TimeError(Reason::Range));
        }
        match after.split_first() {
            None => {
                rest = after;
                break;
            }
            // Any character may follow the day.
            Some((separator, after)) if separators.is_empty() || separators.contains(separator) => {
                rest = after;
            }
            Some(_) => return Err(TimeError(Reason::Form)),
        }
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        return Err(TimeError(Reason::Form));
    }
    let [year, month, day, hour, minute, second, milli] = values;
    let small = |value: i64| value as i8;
    let seconds = zone
        .utc_second(
            (year as i16, small(month), day),
            (small(hour), small(minute), small(second)),
        )
        .ok_or(TimeError(Reason::Skipped))?;
    match seconds * 1000 + milli {
        0 => Err(TimeError(Reason::Zero)),
        // As nfdump: times before 1970 wrap.
        millis => Ok(Timestamp::from_millis(millis.cast_unsigned())),
    }
}

/// Parses a time in a filter: as [`parse_time`], or milliseconds since 1970 as `4102444800000ms`.
///
/// The second form is for times that nfdump's cannot express.
pub(crate) fn parse(text: &str, zone: &Zone) -> Result<Timestamp, TimeError> {
    match text.strip_suffix(MILLIS) {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits
            .parse()
            .map(Timestamp::from_millis)
            .map_err(|_| TimeError(Reason::Range)),
        _ => parse_time(text, zone),
    }
}

/// Writes a time so that [`parse`] reads it in UTC.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, millis: u64) -> fmt::Result {
    if !(1..END).contains(&millis) {
        return write!(f, "{millis}{MILLIS}");
    }
    let text = Timestamp::from_millis(millis).to_string();
    f.write_str(text.trim_end_matches('Z'))
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
        for millis in ["0", "1700000000000", "18446744073709551615"] {
            let time = parse(&format!("{millis}ms"), &Zone::utc()).map(Timestamp::as_millis);
            assert_eq!(time.map(|time| time.to_string()), Ok(millis.to_owned()));
        }
        for text in ["ms", "-1ms", "18446744073709551616ms", "1 ms"] {
            assert!(parse(text, &Zone::utc()).is_err(), "{text}");
        }
        assert!(parse_time("1700000000000ms", &Zone::utc()).is_err());
        let zurich = Zone::named("Europe/Zurich").unwrap();
        assert_eq!(
            parse("2023-07-01", &zurich).map(Timestamp::as_millis),
            Ok(1_688_162_400_000)
        );
    }
}
