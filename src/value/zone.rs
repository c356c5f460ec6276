//! Time zones, and the local time text of nfdump's output.
//!
//! Zones come from the system's zone files or from POSIX TZ strings, chosen as the C library does,
//! so that the text is the same as nfdump's. Leap seconds (zone files under `right/`) are not
//! applied.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::value::time::{DayText, OffsetSpan, SECONDS_PER_DAY, Timestamp};

/// Where the C library looks for zone files.
const ZONE_DIR: &str = "/usr/share/zoneinfo";
/// The zone used when `TZ` is not set.
const LOCAL_ZONE: &str = "/etc/localtime";
/// Real zone files are below 4 KB; protects from reading anything else into memory.
const MAX_ZONE_FILE: u64 = 1 << 20;
/// What POSIX strings without a rule for daylight saving time mean to the C library.
const DEFAULT_RULE: &str = ",M3.2.0,M11.1.0";

/// A time zone. Cheap to clone and to share between threads.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    is_marked: bool,
}

impl Zone {
    /// Coordinated universal time.
    pub const fn utc() -> Self {
        Self::new(TimeZone::UTC)
    }

    /// Coordinated universal time, named in the text: forms that are not nfdump's print a `Z` behind each time (chosen
    /// fields), or name the zone in their heading (the table). nfdump's forms are the same as with [`Zone::utc`].
    pub const fn marked_utc() -> Self {
        Self {
            zone: TimeZone::UTC,
            is_marked: true,
        }
    }

    const fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            is_marked: false,
        }
    }

    /// What forms of our own print behind times of this zone: `Z` or nothing.
    pub const fn mark(&self) -> &'static str {
        if self.is_marked { "Z" } else { "" }
    }

    /// The zone of this process, as the C library finds it.
    ///
    /// `TZ` without a leading `:` is a file below `TZDIR` (`/usr/share/zoneinfo` if that is not
    /// set), the absolute path of a zone file, or a POSIX string; anything else, also empty, is
    /// UTC. If `TZ` is not set the zone is `/etc/localtime`, or UTC without that file.
    ///
    /// A POSIX string with daylight saving time but without a rule gets the present rule of the US.
    /// glibc means to do the same, but its change-over hours are wrong in that case, and from
    /// November 2037 on it uses the offsets of New York. Malformed strings that glibc repairs, such
    /// as hours above 24, are UTC here.
    ///
    /// One addition: where the system has no `/usr/share/zoneinfo`, a zone name is looked up in
    /// the tz database compiled in, instead of becoming UTC.
    pub fn from_env() -> Self {
        let zone = match env::var_os("TZ") {
            None => from_file(Path::new(LOCAL_ZONE)),
            Some(value) => value
                .to_str()
                .and_then(|value| from_tz(value, env::var_os("TZDIR"))),
        };
        Self::new(zone.unwrap_or(TimeZone::UTC))
    }

    /// The zone called `name`: what [`Zone::from_env`] accepts as `TZ`, or any name of the tz
    /// database compiled in.
    ///
    /// # Errors
    ///
    /// If there is no such zone; empty is none.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        from_tz(name, env::var_os("TZDIR"))
            .or_else(|| TimeZoneDatabase::bundled().get(name).ok())
            .map(Self::new)
            .ok_or_else(|| ZoneError(name.to_owned()))
    }

    /// The UTC second of a local time. Days beyond the end of the month go on in the next one. Of a
    /// time that does not exist, or exists twice, the clock before the change counts.
    #[cfg(any(feature = "filter", feature = "follow"))]
    pub(crate) fn utc_second(&self, date: (i16, i8, i64), time: (i8, i8, i8)) -> Option<i64> {
        let (year, month, day) = date;
        let (hour, minute, second) = time;
        let first = jiff::civil::Date::new(year, month, 1).ok()?;
        let date = first
            .checked_add(jiff::Span::new().try_days(day - 1).ok()?)
            .ok()?;
        let local = date.to_datetime(jiff::civil::Time::new(hour, minute, second, 0).ok()?);
        let instant = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(instant.as_second())
    }

    /// UTC offset at `secs` (0 or more), and since and until when it holds at least.
    pub(crate) fn offset_at(&self, secs: i64) -> OffsetSpan {
        // The Gregorian calendar, weekdays included, repeats every 400 years, and so do the rules
        // of all zones in the far future. Beyond the range of jiff (year 9999) the same moment of
        // an earlier cycle gives the offset.
        const CYCLE: i64 = 146_097 * SECONDS_PER_DAY;
        const LIMIT: i64 = 20 * CYCLE; // year 9970: leaves room to find the next transition
        // glibc counts days in 32 bits when it applies a rule: from the year 5881581 on every
        // instant counts as later than the transitions of its year.
        const RULES_END: i64 = 2_147_483_821 * SECONDS_PER_DAY;
        if secs >= RULES_END {
            return OffsetSpan {
                from: RULES_END,
                until: i64::MAX,
                ..self.offset_at(RULES_END - 1)
            };
        }
        let shift = match secs - LIMIT {
            beyond @ 0.. => (beyond / CYCLE + 1) * CYCLE,
            _ => 0,
        };
        let instant = |secs| jiff::Timestamp::from_second(secs).unwrap_or(jiff::Timestamp::MAX);
        let (now, next) = (instant(secs - shift), instant(secs - shift + 1));
        let second = |transition: jiff::tz::TimeZoneTransition<'_>| {
            transition.timestamp().as_second() + shift
        };
        OffsetSpan {
            from: self.zone.preceding(next).next().map_or(i64::MIN, second),
            until: self.zone.following(now).next().map_or(RULES_END, second),
            offset: i64::from(self.zone.to_offset(now).seconds()),
        }
    }
}

/// The zone that the C library derives from a `TZ` value; `None` if it falls back to UTC.
fn from_tz(value: &str, zone_dir: Option<OsString>) -> Option<TimeZone> {
    let value = value.strip_prefix(':').unwrap_or(value);
    if value.is_empty() {
        return None;
    }
    let zone_dir = zone_dir.filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let dir = zone_dir.as_deref().unwrap_or(Path::new(ZONE_DIR));
    let bundled = || {
        (zone_dir.is_none() && !dir.is_dir())
            .then(|| TimeZoneDatabase::bundled().get(value).ok())
            .flatten()
    };
    from_file(&dir.join(value))
        .or_else(|| TimeZone::posix(value).ok())
        .or_else(|| TimeZone::posix(&format!("{value}{DEFAULT_RULE}")).ok())
        .or_else(bundled)
}

fn from_file(path: &Path) -> Option<TimeZone> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_ZONE_FILE {
        return None;
    }
    TimeZone::tzif(&path.to_string_lossy(), &fs::read(path).ok()?).ok()
}

/// No time zone has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError(String);

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown time zone {:?}: give a name such as Europe/Zurich or UTC, a POSIX string such \
             as CET-1CEST,M3.5.0,M10.5.0/3, or the path of a zone file",
            self.0
        )
    }
}

impl std::error::Error for ZoneError {}

/// Writes instants as local time. Keeps the text of the last two dates (flows begin and end on one
/// day and are often received on another), and asks the zone for its offset only when an instant
/// leaves the interval between two transitions: use one per thread. Flows of a block begin and end in few
/// minutes, whose text is kept as well.
#[derive(Clone, Debug)]
pub struct TimeFormatter {
    zone: Zone,
    span: OffsetSpan,
    /// The date used last is the first.
    days: [DayText; 2],
    /// Minutes used last, each at its number modulo [`MINUTES`].
    minutes: Box<[MinuteText; MINUTES]>,
}

/// Minutes whose text is kept.
const MINUTES: usize = 64;

const MINUTE_MILLIS: u64 = 60_000;

/// The text of a minute.
#[derive(Clone, Copy, Debug)]
struct MinuteText {
    /// Minutes since the epoch; the largest number is none.
    number: u64,
    /// `YYYY-MM-DDThh:mm`.
    text: [u8; 16],
}

/// Length of the text with a year of four digits.
const USUAL_LEN: usize = 23;

impl TimeFormatter {
    /// A formatter for local time in `zone`.
    pub fn new(zone: Zone) -> Self {
        Self {
            zone,
            span: OffsetSpan {
                from: 0,
                until: 0,
                offset: 0,
            },
            days: [DayText::new(), DayText::new()],
            minutes: Box::new(
                [MinuteText {
                    number: u64::MAX,
                    text: [0; 16],
                }; MINUTES],
            ),
        }
    }

    /// Appends `YYYY-MM-DDThh:mm:ss.mmm`, 23 bytes for years up to 9999 and one more for each
    /// further digit of the year.
    #[inline]
    pub fn write_iso(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        self.write(time, b'T', out);
    }

    /// Appends `YYYY-MM-DD hh:mm:ss.mmm`, as [`TimeFormatter::write_iso`] with a blank.
    #[inline]
    pub fn write_spaced(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        self.write(time, b' ', out);
    }

    /// What forms of our own print behind times, see [`Zone::mark`]. The functions of this type do not write it.
    pub const fn mark(&self) -> &'static str {
        self.zone.mark()
    }

    /// The text that [`TimeFormatter::write_iso`] would append.
    #[inline]
    pub(crate) fn iso_text(&mut self, time: Timestamp) -> &[u8] {
        self.text(time, b'T')
    }

    /// `YYYY-MM-DDThh:mm` of an instant and the milliseconds since that minute began. `None` where minutes
    /// of local time are not minutes of UTC, and for years of more than four digits.
    #[inline(always)]
    pub(crate) fn minute(&mut self, time: Timestamp) -> Option<([u8; 16], u32)> {
        let number = time.as_millis() / MINUTE_MILLIS;
        let past = (time.as_millis() % MINUTE_MILLIS) as u32;
        let minute = &self.minutes[number as usize % MINUTES];
        if minute.number == number {
            return Some((minute.text, past));
        }
        Some((self.enter_minute(number)?, past))
    }

    /// The text that [`TimeFormatter::write_spaced`] would append.
    #[inline]
    pub(crate) fn spaced_text(&mut self, time: Timestamp) -> &[u8] {
        self.text(time, b' ')
    }

    /// The text that [`TimeFormatter::write_iso`] would append, with another separator.
    #[inline]
    pub(crate) fn text(&mut self, time: Timestamp, separator: u8) -> &[u8] {
        let day = self.day(time);
        self.days[day & 1].text(time, separator)
    }

    /// Which of the dates is that of an instant.
    #[inline(always)]
    fn day(&mut self, time: Timestamp) -> usize {
        let secs = (time.as_millis() / 1000) as i64;
        let [first, second] = &self.days;
        if first.contains(secs) {
            0
        } else if second.contains(secs) {
            1
        } else {
            self.enter_day(secs)
        }
    }

    /// Keeps the text of a minute, unless local time makes that impossible.
    #[cold]
    #[inline(never)]
    fn enter_minute(&mut self, number: u64) -> Option<[u8; 16]> {
        let first = Timestamp::from_millis(number * MINUTE_MILLIS);
        let day = self.day(first);
        let text = self.days[day & 1].minute((first.as_millis() / 1000) as i64)?;
        self.minutes[number as usize % MINUTES] = MinuteText { number, text };
        Some(text)
    }

    #[inline]
    fn write(&mut self, time: Timestamp, separator: u8, out: &mut Vec<u8>) {
        let text = self.text(time, separator);
        // A known length makes the usual case a few moves.
        match <&[u8; USUAL_LEN]>::try_from(text) {
            Ok(text) => out.extend_from_slice(text),
            Err(_) => out.extend_from_slice(text),
        }
    }

    /// Makes a date that of the second `secs`; which one.
    #[cold]
    fn enter_day(&mut self, secs: i64) -> usize {
        if !(self.span.from..self.span.until).contains(&secs) {
            self.span = self.zone.offset_at(secs);
        }
        self.days.swap(0, 1);
        self.days[0].enter(secs, self.span);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn iso(zone: &Zone, ms: u64) -> String {
        let mut out = b"<".to_vec();
        TimeFormatter::new(zone.clone()).write_iso(Timestamp::from_millis(ms), &mut out);
        String::from_utf8(out).unwrap().split_off(1)
    }

    /// Checks each instant on its own and all in a row, so that what is kept does not matter.
    #[track_caller]
    fn check(name: &str, expected: &[(u64, &str)]) {
        let zone = zone(name);
        let mut formatter = TimeFormatter::new(zone.clone());
        for &(ms, text) in expected.iter().chain(expected.iter().rev()) {
            assert_eq!(iso(&zone, ms), text);
            let (mut row, mut spaced) = (Vec::new(), Vec::new());
            formatter.write_iso(Timestamp::from_millis(ms), &mut row);
            formatter.write_spaced(Timestamp::from_millis(ms), &mut spaced);
            assert_eq!(row, text.as_bytes());
            assert_eq!(spaced, text.replace('T', " ").as_bytes());
        }
    }

    #[test]
    fn utc() {
        check(
            "UTC",
            &[
                (0, "1970-01-01T00:00:00.000"),
                (86_399_999, "1970-01-01T23:59:59.999"),
                (86_400_000, "1970-01-02T00:00:00.000"),
                (951_782_400_007, "2000-02-29T00:00:00.007"),
                (1_700_000_000_123, "2023-11-14T22:13:20.123"),
                (4_107_542_400_000, "2100-03-01T00:00:00.000"),
                (253_402_300_799_999, "9999-12-31T23:59:59.999"),
                (253_402_300_800_000, "10000-01-01T00:00:00.000"),
                (i64::MAX as u64, "292278994-08-17T07:12:55.807"),
                (u64::MAX, "584556019-04-03T14:25:51.615"),
            ],
        );
    }

    // The expectations below are what glibc 2.36 prints.

    #[test]
    fn daylight_saving_time() {
        let expected = [
            (0, "1970-01-01T01:00:00.000"),
            (1_679_792_399_999, "2023-03-26T01:59:59.999"),
            (1_679_792_400_000, "2023-03-26T03:00:00.000"),
            (1_698_537_600_000, "2023-10-29T02:00:00.000"),
            (1_698_541_200_000, "2023-10-29T02:00:00.000"),
            (16_724_268_000_000, "2499-12-20T23:00:00.000"),
        ];
        check("Europe/Zurich", &expected);
        check("CET-1CEST,M3.5.0,M10.5.0/3", &expected[1..]);
    }

    #[test]
    fn other_zones() {
        check("America/New_York", &[(0, "1969-12-31T19:00:00.000")]);
        check("Asia/Kolkata", &[(1, "1970-01-01T05:30:00.001")]);
        check("XYZ-3:30", &[(0, "1970-01-01T03:30:00.000")]);
        check("GMT+2", &[(0, "1969-12-31T22:00:00.000")]);
        check(":UTC0", &[(0, "1970-01-01T00:00:00.000")]);
        check(
            "Pacific/Apia", // left out 2011-12-30
            &[
                (1_325_239_199_999, "2011-12-29T23:59:59.999"),
                (1_325_239_200_000, "2011-12-31T00:00:00.000"),
            ],
        );
        check(
            "Australia/Lord_Howe", // half an hour of daylight saving time
            &[
                (1_680_360_000_000, "2023-04-02T01:40:00.000"),
                (1_680_361_200_000, "2023-04-02T01:30:00.000"),
                (1_704_067_200_000, "2024-01-01T11:00:00.000"),
                (1_720_000_000_000, "2024-07-03T20:16:40.000"),
            ],
        );
    }

    #[test]
    fn rules_in_the_far_future() {
        check(
            "Europe/Zurich",
            &[
                (300_000_000_000_000, "11476-08-15T07:20:00.000"),
                (300_015_000_000_000, "11477-02-04T21:00:00.000"),
                (185_542_587_187_200_000, "5881580-07-12T02:00:00.000"),
                (i64::MAX as u64, "292278994-08-17T08:12:55.807"),
                (u64::MAX, "584556019-04-03T15:25:51.615"),
            ],
        );
        check(
            "Australia/Lord_Howe",
            &[(i64::MAX as u64, "292278994-08-17T18:12:55.807")],
        );
    }

    #[test]
    fn zones_as_the_c_library_finds_them() {
        for unknown in [
            "",
            ":",
            "Nowhere/Bogus",
            "XYZ",
            "AB3",
            "/etc/passwd",
            "/dev/zero",
        ] {
            assert!(from_tz(unknown, None).is_none(), "{unknown}");
        }
        let nowhere = || Some(OsString::from("/nonexistent"));
        assert!(from_tz("Europe/Zurich", nowhere()).is_none());
        assert!(from_tz("XYZ-3:30", nowhere()).is_some());
        assert!(from_tz("Europe/Zurich", Some(OsString::new())).is_some());
    }

    #[test]
    fn unknown_name_is_an_error() {
        let error = Zone::named("Nowhere/Bogus").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown time zone \"Nowhere/Bogus\": ")
        );
        assert!(Zone::named("").is_err());
    }

    #[test]
    fn zones_are_shared_between_threads() {
        fn shared<T: Clone + Send + Sync>() {}
        shared::<Zone>();
    }
}
