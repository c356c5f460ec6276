//! Instants in milliseconds, and (feature `output`) time zones and the local time text of nfdump's
//! output.
//!
//! Does not parse dates and prints no zone names or offsets.

use std::time::{Duration, SystemTime};
use std::{fmt, str};

/// An instant: milliseconds since 1970-01-01T00:00:00Z without leap seconds. All values of `u64`
/// are valid; flow files can hold any. The last one is in the year 584556019.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use nfdecode::Timestamp;
///
/// let start = Timestamp::from_millis(1_767_268_800_250);
/// assert_eq!(start.to_string(), "2026-01-01T12:00:00.250Z");
/// let end = start.saturating_add(Duration::from_secs(2));
/// assert_eq!(end.duration_since(start), Some(Duration::from_secs(2)));
/// assert_eq!(start.duration_since(end), None);
/// assert_eq!(Timestamp::from_system_time(SystemTime::UNIX_EPOCH), Some(Timestamp::default()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The instant `secs` seconds after 1970-01-01T00:00:00Z; the last possible one if that is later.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// A minute of the Gregorian calendar in UTC; `None` if there is no such minute from 1970 on.
    pub(crate) fn from_civil(
        year: u32,
        month: u32,
        day: u32,
        hour: u32,
        minute: u32,
    ) -> Option<Self> {
        if !(1..=12).contains(&month) || hour > 23 || minute > 59 {
            return None;
        }
        // Years begin in March here: the leap day comes last.
        let (year, month) = match month {
            1 | 2 => (year.checked_sub(1)?, month + 9),
            _ => (year, month - 3),
        };
        let leap_days = year / 4 - year / 100 + year / 400;
        let days = 365 * u64::from(year) + u64::from(leap_days);
        let days = days + u64::from((153 * month + 2) / 5) + u64::from(day.checked_sub(1)?);
        let since_epoch = days.checked_sub(719_468)?;
        let (_, _, real_day) = civil(i64::try_from(since_epoch).ok()?);
        let minutes = (since_epoch * 24 + u64::from(hour)) * 60 + u64::from(minute);
        (real_day == day).then(|| Self::from_secs(minutes * 60))
    }

    /// Time since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// The millisecond of a system time; `None` before 1970 and after the last possible instant.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Option<Self> {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok().map(Self)
    }

    /// From an earlier instant to this one; `None` if it is later.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }

    /// The instant that much later, in whole milliseconds; at most the last possible one.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// The instant that much earlier, in whole milliseconds; at least 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(ms))
    }

    /// The same instant as system time; `None` beyond the range of the platform.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.0))
    }
}

impl From<Timestamp> for Duration {
    /// Time since 1970-01-01T00:00:00Z.
    fn from(time: Timestamp) -> Self {
        time.since_epoch()
    }
}

/// RFC 3339 in UTC with milliseconds, as `2023-11-14T22:13:20.123Z`; later years than 9999 get more
/// digits.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut day = DayText::new();
        day.enter((self.0 / 1000) as i64, OffsetSpan::UTC);
        let text = str::from_utf8(day.text(*self, b'T')).map_err(|_| fmt::Error)?;
        write!(f, "{text}Z")
    }
}

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// A UTC offset in seconds, east positive, and the UTC seconds `from..until` in which it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OffsetSpan {
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) offset: i64,
}

impl OffsetSpan {
    const UTC: Self = Self {
        from: i64::MIN,
        until: i64::MAX,
        offset: 0,
    };
}

/// Text of the times of one local day.
#[derive(Clone, Debug)]
pub(crate) struct DayText {
    /// UTC seconds for which the date in `text` and `midnight` are right.
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// UTC second at which the local day begins, had it the offset of the span throughout.
    pub(crate) midnight: i64,
    /// The last text, right-aligned.
    pub(crate) text: [u8; 32],
    /// Where in `text` the year begins.
    pub(crate) start: usize,
}

/// Where in [`DayText::text`] the year ends.
const YEAR_END: usize = 13;
/// Where the date ends.
const DATE_END: usize = 19;

impl DayText {
    /// Of no day yet.
    pub(crate) const fn new() -> Self {
        Self {
            from: 0,
            until: 0,
            midnight: 0,
            text: *b"         0000-00-00T00:00:00.000",
            start: 9,
        }
    }

    /// Whether the UTC second `secs` is within this day.
    #[cfg(feature = "output")]
    #[inline]
    pub(crate) fn contains(&self, secs: i64) -> bool {
        (self.from..self.until).contains(&secs)
    }

    /// `YYYY-MM-DDThh:mm` of the minute that begins at the UTC second `secs`. `None` if the minute is not
    /// one of this local day from its first to its last second, and for years of more than four digits.
    #[cfg(feature = "output")]
    pub(crate) fn minute(&mut self, secs: i64) -> Option<[u8; 16]> {
        let is_whole = self.contains(secs) && self.contains(secs + 59);
        if !is_whole || (secs - self.midnight) % 60 != 0 {
            return None;
        }
        let time = Timestamp::from_secs(secs.try_into().ok()?);
        let text = self.text(time, b'T').strip_suffix(b":00.000")?;
        text.try_into().ok()
    }

    /// Text of an instant within this day.
    #[inline]
    pub(crate) fn text(&mut self, time: Timestamp, separator: u8) -> &[u8] {
        let (secs, millis) = ((time.0 / 1000) as i64, (time.0 % 1000) as u32);
        let second_of_day = (secs - self.midnight) as u32;
        let minute_of_day = second_of_day / 60;
        let [h1, h2] = digit_pair(minute_of_day / 60);
        let [m1, m2] = digit_pair(minute_of_day % 60);
        let [s1, s2] = digit_pair(second_of_day % 60);
        let [f1, f2] = digit_pair(millis / 10);
        let f3 = b'0' + (millis % 10) as u8;
        self.text[DATE_END..].copy_from_slice(&[
            separator, h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3,
        ]);
        self.text.get(self.start..).unwrap_or_default()
    }

    /// Makes this the local day of the UTC second `secs`, which must be in `span`.
    pub(crate) fn enter(&mut self, secs: i64, span: OffsetSpan) {
        let OffsetSpan {
            from,
            until,
            offset,
        } = span;
        let day = (secs + offset).div_euclid(SECONDS_PER_DAY);
        self.midnight = day * SECONDS_PER_DAY - offset;
        self.from = from.max(self.midnight);
        self.until = until.min(self.midnight + SECONDS_PER_DAY);

        let (mut year, month, day) = civil(day);
        let [m1, m2] = two_digits(month);
        let [d1, d2] = two_digits(day);
        self.text[YEAR_END..DATE_END].copy_from_slice(&[b'-', m1, m2, b'-', d1, d2]);
        self.start = YEAR_END;
        for (i, digit) in self.text[..YEAR_END].iter_mut().enumerate().rev() {
            if year == 0 {
                break;
            }
            *digit = b'0' + (year % 10) as u8;
            year /= 10;
            self.start = i;
        }
    }
}

/// Year, month and day of the `day`th day after 1970-01-01, which may not be before year 1.
fn civil(day: i64) -> (i64, u32, u32) {
    // Years are counted from March on here: the leap day comes last, and each group of five months
    // has 153 days.
    let day = day + 719_468; // since 0000-03-01
    let (cycle, day_of_cycle) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (0, month + 3),
        _ => (1, month - 9),
    };
    (
        cycle * 400 + year_of_cycle + year,
        month as u32,
        day_of_month as u32,
    )
}

/// Two decimal digits of a value below 100, looked up: a division costs more.
#[inline]
fn digit_pair(value: u32) -> [u8; 2] {
    static PAIRS: [[u8; 2]; 128] = {
        let mut pairs = [*b"00"; 128];
        let mut value = 0;
        while value < 100 {
            pairs[value] = two_digits(value as u32);
            value += 1;
        }
        pairs
    };
    // The mask changes no value below 100.
    PAIRS[value as usize & 127]
}

/// The last two decimal digits of a value below 100.
#[inline]
const fn two_digits(value: u32) -> [u8; 2] {
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(
            Timestamp::from_millis(u64::MAX).to_string(),
            "584556019-04-03T14:25:51.615Z"
        );
        assert_eq!(Timestamp::default().to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp::from_millis(951_782_400_007).to_string(),
            "2000-02-29T00:00:00.007Z"
        );
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let system = time.to_system_time().unwrap();
        assert_eq!(since(system), Duration::from_millis(time.as_millis()));
    }
}
