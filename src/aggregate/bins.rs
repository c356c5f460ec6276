//! Intervals of time, aligned to the clock of a zone.

use std::fmt;
use std::sync::Arc;

use crate::aggregate::distinct;
use crate::value::zone::Zone;

/// Offsets are looked up from 1970 to this second (in 2106); the last one holds for all later times.
const LAST: i64 = u32::MAX as i64;
const WEEK: u64 = 7 * 86_400_000;
/// 1970-01-05, the first Monday, in milliseconds of local time.
const MONDAY: u64 = 4 * 86_400_000;

/// Intervals of equal length by the clock of a zone.
///
/// They begin at multiples of their length since 1970-01-01 00:00 local time: those of a day at midnight, those of
/// 6 hours at 0, 6, 12 and 18 o'clock. Whole weeks begin on Mondays. Where the clock changes an interval is longer
/// or shorter by as much, and no interval is empty because of it.
///
/// ```
/// use nfdecode::aggregate::Bins;
/// use nfdecode::value::Zone;
/// let days = Bins::every(86_400_000).in_zone(&Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
/// // 2026-07-01 00:30 in summer time belongs to July 1.
/// assert_eq!(days.start(1_782_858_600_000), 1_782_856_800_000);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Bins {
    /// Milliseconds; not 0.
    interval: u64,
    /// Milliseconds of local time at which an interval begins.
    origin: u64,
    /// From this UTC millisecond on the clock shows this much more; ascending, the first one since 0.
    offsets: Arc<[(u64, i64)]>,
}

impl Bins {
    /// Intervals of this many milliseconds in UTC. 0 is refused by those who use them.
    #[must_use]
    pub fn every(interval: u64) -> Self {
        let is_weeks = interval != 0 && interval.is_multiple_of(WEEK);
        Self {
            interval,
            origin: if is_weeks { MONDAY } else { 0 },
            offsets: Arc::new([(0, 0)]),
        }
    }

    /// The same intervals by the clock of this zone.
    #[must_use]
    pub fn in_zone(mut self, zone: &Zone) -> Self {
        let mut offsets: Vec<(u64, i64)> = Vec::new();
        let mut second = 0;
        while second < LAST {
            let span = zone.offset_at(second);
            let offset = span.offset * 1000;
            if offsets.last().is_none_or(|(_, last)| *last != offset) {
                offsets.push((second as u64 * 1000, offset));
            }
            second = span.until.max(second + 1);
        }
        self.offsets = offsets.into();
        self
    }

    /// Length in milliseconds, where the clock does not change.
    #[must_use]
    pub fn interval(&self) -> u64 {
        self.interval
    }

    /// The start of the interval that a time (milliseconds since the epoch) lies in.
    #[must_use]
    #[inline]
    pub fn start(&self, time: u64) -> u64 {
        match &*self.offsets {
            // The usual case, and the fastest.
            [(_, 0)] if time >= self.origin => time - (time - self.origin) % self.interval.max(1),
            offsets => self.start_in(offsets, time),
        }
    }

    #[inline(never)]
    fn start_in(&self, offsets: &[(u64, i64)], time: u64) -> u64 {
        let place = offsets.partition_point(|(from, _)| *from <= time);
        let at = |place: usize| offsets.get(place).copied();
        let (from, offset) = at(place.wrapping_sub(1)).unwrap_or_default();
        let local = i128::from(time) + i128::from(offset);
        let past = (local - i128::from(self.origin)).rem_euclid(self.interval.max(1).into());
        let mut start = local - past - i128::from(offset);
        if start < i128::from(from)
            && let Some((_, before)) = at(place.wrapping_sub(2))
        {
            // It began before the clock changed.
            start = (local - past - i128::from(before)).min(from.into());
        }
        u64::try_from(start.max(0)).unwrap_or(u64::MAX)
    }

    /// A length such that all starts are multiples of it.
    pub(crate) fn step(&self) -> u64 {
        let changes = self.offsets.iter();
        let numbers = changes.flat_map(|(from, offset)| [*from, offset.unsigned_abs()]);
        numbers.fold(gcd(self.interval, self.origin), gcd)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// All that decides what is counted together.
impl fmt::Debug for Bins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<u64> = self
            .offsets
            .iter()
            .flat_map(|(from, offset)| [*from, *offset as u64])
            .collect();
        f.debug_struct("Bins")
            .field("interval", &self.interval)
            .field("origin", &self.origin)
            .field("zone", &distinct::hash(0, &words))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn bins_are_aligned_to_the_clock() {
        let zurich = Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
        let day = Bins::every(24 * HOUR).in_zone(&zurich);
        // 2026-03-29: 01:00 UTC is the change to summer time. The day has 23 hours.
        let midnight = 1_774_738_800_000;
        for hour in 0..23 {
            assert_eq!(day.start(midnight + hour * HOUR), midnight, "{hour}");
        }
        assert_eq!(day.start(midnight - 1), midnight - 24 * HOUR);
        assert_eq!(day.start(midnight + 23 * HOUR), midnight + 23 * HOUR);
        // 2026-10-25 has 25 hours.
        let midnight = 1_792_879_200_000;
        for hour in 0..25 {
            assert_eq!(day.start(midnight + hour * HOUR), midnight, "{hour}");
        }
        assert_eq!(day.start(midnight + 25 * HOUR), midnight + 25 * HOUR);
        // Hours go on as always, also the one that the clock shows twice.
        let hours = Bins::every(HOUR).in_zone(&zurich);
        for hour in 0..30 {
            assert_eq!(
                hours.start(midnight + hour * HOUR + 5),
                midnight + hour * HOUR
            );
        }
        let india = Zone::named("IST-5:30").expect("a zone");
        let hours = Bins::every(HOUR).in_zone(&india);
        assert_eq!(hours.start(HOUR), HOUR / 2);
        assert_eq!((hours.step(), day.step()), (HOUR / 2, HOUR));
        assert_eq!(Bins::every(7 * 24 * HOUR).start(MONDAY + 3 * HOUR), MONDAY);
        assert_eq!(
            Bins::every(300_000).start(u64::MAX),
            u64::MAX - u64::MAX % 300_000
        );
        assert_eq!(day.start(0), 0);
    }

    #[test]
    fn starts_are_starts() {
        let zones = ["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "XYZ3:20", "ABC-13"];
        for zone in zones.map(|zone| Zone::named(zone).expect("a zone")) {
            for interval in [
                1,
                1000,
                60_000,
                7_000,
                HOUR,
                5 * HOUR,
                24 * HOUR,
                7 * 24 * HOUR,
            ] {
                let bins = Bins::every(interval).in_zone(&zone);
                let mut last = 0;
                for time in (0..4_000).map(|at| 1_774_000_000_000 + at * 1_234_567) {
                    let start = bins.start(time);
                    assert!(start <= time && time - start <= interval + HOUR);
                    assert!(start >= last, "intervals are in order");
                    assert_eq!(bins.start(start), start);
                    assert_eq!(start % bins.step(), 0);
                    last = start;
                }
            }
        }
    }
}
