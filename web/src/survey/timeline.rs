//! Traffic over time, exact at any number of flows and any range of time, in bounded memory.
//!
//! Flows are spread over their lives. For each small interval two sums are kept, of the rates that change in it and of
//! these times their moments: what has passed by the end of any interval follows from them. Intervals get longer
//! when there are too many; lengths divide each other, so that sums add up. A time far away from all others takes one
//! interval and no resolution from them.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::survey::seen::{CLASSES, Seen};

/// Lengths of intervals in ms; each divides the next.
const LENGTHS: [u64; 14] = [
    1,
    10,
    100,
    1_000,
    5_000,
    10_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    21_600_000,
    86_400_000,
    604_800_000,
    604_800_000 << 20,
];
/// Intervals in which something happens, at most.
const INTERVALS_MAX: usize = 8192;
/// Lengths that are shown, in ms.
const SHOWN: [u64; 30] = [
    1,
    10,
    100,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_419_200_000,
    9_676_800_000,
    38_707_200_000,
    154_828_800_000,
    604_800_000 << 20,
    604_800_000 << 24,
];
/// Intervals that are shown, at most.
const SHOWN_MAX: u64 = 150;
/// Binary digits of a fraction.
const FRACTION: u32 = 24;
/// Times and amounts above are cut to this, so that sums stay in range.
const TIME_MAX: u64 = 1 << 43;
const AMOUNT_MAX: u64 = 1 << 56;

/// Sums of an interval and a class of protocols; pairs are packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) flows: u64,
    pub(crate) ends: u64,
    /// Of flows that lie in the interval; fixed point, as the others.
    pub(crate) here: [i128; 2],
    pub(crate) rates: [i128; 2],
    pub(crate) moments: [i128; 2],
}

/// Sums of an interval by class of protocols.
pub(crate) type Interval = [Sums; CLASSES];
/// Flows, packets and bytes of an interval by class of protocols.
pub(crate) type Counts = [[u64; 3]; CLASSES];

/// Traffic over time by class of protocols.
#[derive(Debug)]
pub(crate) struct Timeline {
    level: usize,
    places: HashMap<u64, u32, RandomState>,
    intervals: Vec<Interval>,
    last: (u64, u32),
    /// Flows that have no times.
    pub(crate) without_time: u64,
}

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// Start of the first interval, in ms.
    pub(crate) start: u64,
    /// Length of an interval, in ms.
    pub(crate) length: u64,
    /// For each interval and class: flows that start in it, packets, bytes.
    pub(crate) points: Vec<Counts>,
    /// Flows that start before or after the range.
    pub(crate) outside: u64,
    /// Bytes before and after the range.
    pub(crate) bytes_outside: u64,
    /// The earliest start and the latest end of any flow.
    pub(crate) extremes: (u64, u64),
}

impl Chart {
    /// End of the last interval, in ms.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.length * self.points.len() as u64
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            level: 0,
            places: HashMap::default(),
            intervals: Vec::new(),
            last: (u64::MAX, 0),
            without_time: 0,
        }
    }
}

impl Timeline {
    /// Empty, with intervals of the longest length that this one is a multiple of.
    pub(crate) fn for_length(ms: u64) -> Self {
        let fits = |length: &u64| *length <= ms && ms.is_multiple_of(*length);
        Self {
            level: LENGTHS.iter().rposition(fits).unwrap_or(0),
            ..Self::default()
        }
    }

    /// Joins intervals until there are at most this many.
    pub(crate) fn shrink(&mut self, most: usize) {
        while self.intervals.len() > most.max(1) && self.level + 1 < LENGTHS.len() {
            self.coarsen(self.level + 1);
        }
    }

    /// Adds sums to the interval of a time. Those of shorter intervals lose nothing but resolution.
    pub(crate) fn put(&mut self, time: u64, class: usize, sums: &Sums) {
        let at = time.min(TIME_MAX) / self.length();
        if let Some(to) = self.at(at).get_mut(class) {
            to.join(sums);
        }
        while self.intervals.len() > INTERVALS_MAX {
            self.coarsen(self.level + 1);
        }
    }

    /// Makes intervals at least this long, for sums of such intervals.
    pub(crate) fn coarsen_to(&mut self, ms: u64) {
        let level = LENGTHS.iter().position(|length| *length >= ms);
        self.coarsen(level.unwrap_or(LENGTHS.len() - 1));
    }

    /// Starts and sums of the intervals in which something happens, in order of time.
    pub(crate) fn intervals(&self) -> Vec<(u64, &Interval)> {
        let mut sorted = self.sorted();
        sorted
            .iter_mut()
            .for_each(|(interval, _)| *interval *= self.length());
        sorted
    }

    fn sorted(&self) -> Vec<(u64, &Interval)> {
        let places = self.places.iter();
        let mut sorted: Vec<(u64, &Interval)> = places
            .map(|(interval, place)| (*interval, &self.intervals[*place as usize]))
            .collect();
        sorted.sort_unstable_by_key(|(interval, _)| *interval);
        sorted
    }

    /// Adds a flow.
    pub(crate) fn add(&mut self, flow: &Seen) {
        let Some((first, last)) = flow.times else {
            self.without_time += flow.flows;
            return;
        };
        let (first, last) = (first.min(TIME_MAX), last.min(TIME_MAX));
        let class = flow.class();
        let amounts =
            [flow.packets, flow.bytes].map(|amount| i128::from(amount.min(AMOUNT_MAX)) << FRACTION);
        let (start, end) = (first / self.length(), last / self.length());
        let sums = &mut self.at(start)[class];
        sums.flows = sums.flows.saturating_add(flow.flows);
        if start == end {
            sums.ends = sums.ends.saturating_add(flow.flows);
            add_here(&mut sums.here, amounts);
        } else {
            let lasts = i128::from(last - first);
            let rates = amounts.map(|amount| amount / lasts);
            // What division leaves is counted at the start.
            add_here(&mut sums.here, amounts.map(|amount| amount % lasts));
            add_rates(sums, rates, first);
            let sums = &mut self.at(end)[class];
            sums.ends = sums.ends.saturating_add(flow.flows);
            add_rates(sums, rates.map(|rate| -rate), last);
        }
        while self.intervals.len() > INTERVALS_MAX {
            self.coarsen(self.level + 1);
        }
    }

    /// Length of an interval in ms.
    pub(crate) fn length(&self) -> u64 {
        LENGTHS[self.level.min(LENGTHS.len() - 1)]
    }

    fn at(&mut self, interval: u64) -> &mut Interval {
        if self.last.0 != interval {
            let next = self.intervals.len() as u32;
            let place = *self.places.entry(interval).or_insert(next);
            if place == next {
                self.intervals.push(Interval::default());
            }
            self.last = (interval, place);
        }
        &mut self.intervals[self.last.1 as usize]
    }

    /// Joins intervals to longer ones.
    fn coarsen(&mut self, level: usize) {
        let level = level.min(LENGTHS.len() - 1);
        if level <= self.level {
            return;
        }
        let factor = LENGTHS[level] / self.length();
        let places = std::mem::take(&mut self.places);
        let intervals = std::mem::take(&mut self.intervals);
        self.level = level;
        self.last = (u64::MAX, 0);
        for (interval, place) in places {
            let from = intervals[place as usize];
            join(self.at(interval / factor), &from);
        }
    }

    /// Adds what another one has seen.
    pub(crate) fn merge(&mut self, mut other: Self) {
        let level = self.level.max(other.level);
        self.coarsen(level);
        other.coarsen(level);
        self.without_time += other.without_time;
        for (interval, place) in &other.places {
            let from = other.intervals[*place as usize];
            join(self.at(*interval), &from);
        }
        while self.intervals.len() > INTERVALS_MAX {
            self.coarsen(self.level + 1);
        }
    }

    /// The chart. Its range leaves out what is far from nearly all flows.
    pub(crate) fn chart(&self) -> Chart {
        let sorted = self.sorted();
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
            return Chart::default();
        };
        let extremes = (first.0, last.0);
        let (from, to) = range(&sorted, extremes);
        let fine = self.length();
        let length = shown_length((to - from + 1) * fine, fine, SHOWN_MAX);
        let start = from * fine / length * length;
        let count = ((to + 1) * fine - start).div_ceil(length);
        let mut chart = Chart {
            start,
            length,
            extremes: (extremes.0 * fine, (extremes.1 + 1) * fine),
            ..Chart::default()
        };
        let mut passed = Passed::default();
        let mut left = sorted.into_iter().peekable();
        let mut all_before = [[0; 3]; CLASSES];
        for at in 0..=count {
            let until = start + at * length;
            while let Some((_, sums)) = left.next_if(|(interval, _)| *interval * fine < until) {
                passed.add(sums);
            }
            let all = passed.until(until);
            if at == 0 {
                chart.outside += all.iter().map(|class| class[0]).sum::<u64>();
                chart.bytes_outside += all.iter().map(|class| class[2]).sum::<u64>();
            } else {
                let difference = |class: usize| {
                    let pairs = all[class].iter().zip(&all_before[class]);
                    let mut found = [0; 3];
                    for (to, (now, before)) in found.iter_mut().zip(pairs) {
                        *to = now.saturating_sub(*before);
                    }
                    found
                };
                chart.points.push(std::array::from_fn(difference));
            }
            all_before = all;
        }
        left.for_each(|(_, sums)| passed.add(sums));
        let all = passed.until((extremes.1 + 1) * fine);
        for (all, before) in all.iter().zip(&all_before) {
            chart.outside += all[0].saturating_sub(before[0]);
            chart.bytes_outside += all[2].saturating_sub(before[2]);
        }
        chart
    }
}

fn add_here(to: &mut [i128; 2], amounts: [i128; 2]) {
    for (to, amount) in to.iter_mut().zip(amounts) {
        *to = to.saturating_add(amount);
    }
}

fn add_rates(sums: &mut Sums, rates: [i128; 2], at: u64) {
    for (place, rate) in rates.into_iter().enumerate() {
        sums.rates[place] = sums.rates[place].saturating_add(rate);
        let moment = rate.saturating_mul(i128::from(at));
        sums.moments[place] = sums.moments[place].saturating_add(moment);
    }
}

fn join(to: &mut Interval, from: &Interval) {
    for (to, from) in to.iter_mut().zip(from) {
        to.join(from);
    }
}

impl Sums {
    /// Adds other sums.
    pub(crate) fn join(&mut self, from: &Self) {
        self.flows = self.flows.saturating_add(from.flows);
        self.ends = self.ends.saturating_add(from.ends);
        add_here(&mut self.here, from.here);
        add_here(&mut self.rates, from.rates);
        add_here(&mut self.moments, from.moments);
    }
}

/// The shortest length that is shown, such that a span has fewer than this many intervals of it; a multiple of `fine`.
pub(crate) fn shown_length(span: u64, fine: u64, most: u64) -> u64 {
    let fits = |length: &&u64| length.is_multiple_of(fine) && span / **length < most;
    SHOWN.iter().find(fits).copied().unwrap_or(fine)
}

/// Traffic of a range of time, in intervals of one length, from the sums of timelines.
pub(crate) struct Clip {
    start: u64,
    length: u64,
    before: Interval,
    columns: Vec<Interval>,
}

impl Clip {
    /// This many intervals from `start` on, which is a multiple of their length.
    pub(crate) fn new(start: u64, length: u64, count: usize) -> Self {
        Self {
            start,
            length: length.max(1),
            before: Interval::default(),
            columns: vec![Interval::default(); count],
        }
    }

    /// Adds sums of an interval of a timeline whose length divides ours.
    pub(crate) fn put(&mut self, time: u64, class: usize, sums: &Sums) {
        let to = match time.checked_sub(self.start) {
            None => Some(&mut self.before),
            Some(after) => usize::try_from(after / self.length)
                .ok()
                .and_then(|at| self.columns.get_mut(at)),
        };
        if let Some(to) = to.and_then(|interval| interval.get_mut(class)) {
            to.join(sums);
        }
    }

    /// Adds all of a timeline.
    pub(crate) fn put_all(&mut self, line: &Timeline) {
        for (time, interval) in line.intervals() {
            for (class, sums) in interval.iter().enumerate() {
                self.put(time, class, sums);
            }
        }
    }

    /// For each interval and class: flows that start in it, packets, bytes.
    pub(crate) fn points(&self) -> Vec<Counts> {
        let mut passed = Passed(self.before);
        let mut before = passed.until(self.start);
        let columns = self.columns.iter().zip(1..);
        columns
            .map(|(column, at)| {
                passed.add(column);
                let all = passed.until(self.start.saturating_add(at * self.length));
                let point = std::array::from_fn(|class| {
                    std::array::from_fn(|kind| all[class][kind].saturating_sub(before[class][kind]))
                });
                before = all;
                point
            })
            .collect()
    }
}

/// What has passed up to a moment.
#[derive(Default)]
struct Passed(Interval);

impl Passed {
    fn add(&mut self, sums: &Interval) {
        join(&mut self.0, sums);
    }

    /// Flows, packets and bytes up to a time that no rate changes after.
    fn until(&self, time: u64) -> [[u64; 3]; CLASSES] {
        let time = i128::from(time);
        self.0.map(|sums| {
            let amount = |at: usize| {
                let moving = sums.rates[at]
                    .saturating_mul(time)
                    .saturating_sub(sums.moments[at]);
                let all = moving.saturating_add(sums.here[at]);
                u64::try_from(all >> FRACTION).unwrap_or(0)
            };
            [sums.flows, amount(0), amount(1)]
        })
    }
}

/// First and last interval to show: those with the middle 99 % of starts and ends, and what is near to them.
fn range(sorted: &[(u64, &Interval)], (first, last): (u64, u64)) -> (u64, u64) {
    let count = |pick: fn(&Sums) -> u64| {
        let sums = sorted.iter().flat_map(|(_, interval)| interval.iter());
        sums.map(pick).fold(0, u64::saturating_add)
    };
    let place = |pick: fn(&Sums) -> u64, before: u64| {
        let mut seen = 0_u64;
        let found = sorted.iter().find(|(_, interval)| {
            seen = seen.saturating_add(interval.iter().map(pick).sum());
            seen > before
        });
        found.map_or(last, |(interval, _)| *interval)
    };
    let starts = count(|sums| sums.flows);
    let ends = count(|sums| sums.ends);
    let low = place(|sums| sums.flows, starts / 200);
    let high = place(|sums| sums.ends, ends.saturating_sub(1) - ends / 200).max(low);
    let near = (high - low) / 2 + 1;
    let is_near =
        |(interval, _): &&(u64, &Interval)| *interval + near >= low && *interval <= high + near;
    let from = sorted
        .iter()
        .find(is_near)
        .map_or(first, |(interval, _)| *interval);
    let to = sorted
        .iter()
        .rev()
        .find(is_near)
        .map_or(last, |(interval, _)| *interval);
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(first: u64, last: u64, bytes: u64) -> Seen {
        Seen {
            src: None,
            dst: None,
            times: Some((first, last)),
            bytes,
            packets: 1,
            answer_packets: 0,
            answer_bytes: 0,
            flows: 1,
            src_port: None,
            dst_port: None,
            proto: 6,
            flags: 0,
            is_sampled: false,
        }
    }

    fn sum(chart: &Chart, at: usize) -> u64 {
        let classes = chart.points.iter().flatten();
        classes.map(|class| class[at]).sum()
    }

    #[test]
    fn flows_are_spread_over_their_life() {
        let mut line = Timeline::default();
        line.add(&flow(0, 100_000, 1_000_000));
        let chart = line.chart();
        assert_eq!(sum(&chart, 2) + chart.bytes_outside, 1_000_000);
        let whole = chart.points.len() - 1;
        let bytes: Vec<u64> = chart.points[..whole]
            .iter()
            .map(|point| point[0][2])
            .collect();
        let (least, most) = (bytes.iter().min(), bytes.iter().max());
        assert!(most.unwrap() - least.unwrap() <= 1, "{bytes:?}");
    }

    #[test]
    fn a_time_far_away_is_left_out_and_counted() {
        let mut line = Timeline::default();
        line.add(&flow(1_000, 1_500, 70));
        for at in 0..1000 {
            let start = 500_000_000_000 + at * 300;
            line.add(&flow(start, start + 200, 10));
        }
        line.add(&flow(u64::MAX, u64::MAX, 5));
        let chart = line.chart();
        assert_eq!((chart.outside, chart.bytes_outside), (2, 75));
        assert_eq!((sum(&chart, 0), sum(&chart, 2)), (1000, 10_000));
        assert!(chart.end() - chart.start < 400_000, "{chart:?}");
    }

    #[test]
    fn a_clip_is_a_part_of_the_whole() {
        let mut line = Timeline::for_length(60_000);
        assert_eq!(line.length(), 60_000);
        // One byte each ms for an hour, and a flow within an interval.
        line.add(&flow(30_000, 3_630_000, 3_600_000));
        line.add(&flow(600_100, 600_200, 77));
        let mut clip = Clip::new(600_000, 120_000, 3);
        clip.put_all(&line);
        let points = clip.points();
        assert_eq!(
            points.iter().map(|point| point[0][2]).collect::<Vec<_>>(),
            [120_077, 120_000, 120_000]
        );
        assert_eq!(points.iter().map(|point| point[0][0]).sum::<u64>(), 1);
        line.shrink(1);
        assert_eq!(line.intervals().len(), 1);
        let mut clip = Clip::new(0, line.length(), 1);
        clip.put_all(&line);
        assert_eq!(clip.points()[0][0], [2, 2, 3_600_077]);
    }

    #[test]
    fn threads_and_order_change_nothing() {
        let flows: Vec<Seen> = (0..30_000_u64)
            .map(|at| {
                let start = 1_000_000 + at * 7_919 % 40_000_000;
                flow(start, start + at * 31 % 900_000, at % 1_500)
            })
            .collect();
        let mut one = Timeline::default();
        flows.iter().for_each(|flow| one.add(flow));
        let (mut two, mut three) = (Timeline::default(), Timeline::default());
        flows.iter().rev().step_by(2).for_each(|flow| two.add(flow));
        flows
            .iter()
            .rev()
            .skip(1)
            .step_by(2)
            .for_each(|flow| three.add(flow));
        two.merge(three);
        let (one, two) = (one.chart(), two.chart());
        assert!(one.points == two.points);
        let bytes: u64 = flows.iter().map(|flow| flow.bytes).sum();
        assert_eq!(sum(&one, 2) + one.bytes_outside, bytes);
        assert_eq!(sum(&one, 0) + one.outside, 30_000);
    }
}
