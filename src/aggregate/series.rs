//! Traffic over time: flows, packets and bytes in intervals.
//!
//! A flow that lasts is spread over its intervals by adding its rate where it starts and taking it away where
//! it ends, so that a flow costs the same however long it lasts. Sums are integers with a binary fraction:
//! nothing depends on the order of flows, and what goes in comes out.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::aggregate::bins::Bins;
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::grouping::Grouping;
use crate::aggregate::intake::Intake;
use crate::aggregate::key::Key;
use crate::aggregate::layout::{counter, counters_of};
use crate::aggregate::source::{Shape, Stored};
use crate::file::block::Block;
use crate::flow::field_value::FieldValue;
use crate::scan::part::ScanBlock;
use crate::value::time::Timestamp;

/// Binary digits of a fraction.
const FRACTION: u32 = 16;
/// Places at which anything changes, at most: bounds memory for hostile times.
const CHANGES_MAX: usize = 4_000_000;
/// Intervals from the first to the last of a series at most, times series.
const POINTS_MAX: u64 = 4_000_000;
/// Steps of an interval that do not count for that limit.
const STEPS_MAX: u64 = 96;

/// Where the bytes and packets of a flow that lasts are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spread {
    /// In proportion to the time in each interval.
    #[default]
    Even,
    /// In the interval of its start.
    Start,
    /// In the interval of its end.
    End,
}

/// Flows, packets and bytes by time, perhaps for each value of a key.
#[derive(Debug)]
pub struct Series {
    grouping: Grouping,
    bins: Bins,
    /// Milliseconds of the steps in which is counted: intervals consist of whole ones.
    step: u64,
    spread: Spread,
    changes: Changes,
    intake: Intake,
    without_time: u64,
}

/// What happens at which step, for each value of the key.
#[derive(Debug, Default)]
struct Changes {
    numbers: HashMap<Box<[u64]>, usize, RandomState>,
    series: Vec<HashMap<u64, Change, RandomState>>,
    /// The key of the last flow, and its number.
    last: Option<(Box<[u64]>, usize)>,
    count: usize,
    /// The first and the last step at which anything happens.
    range: Option<(u64, u64)>,
    /// There is too much: nothing more is counted.
    is_full: bool,
}

/// What happens at the start of an interval.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    flows: u64,
    /// In this interval alone: packets and bytes.
    here: [i128; 2],
    /// From this interval on, for each interval.
    rate: [i128; 2],
}

/// One interval of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point {
    /// Start of the interval.
    pub time: Timestamp,
    /// Place of the series in [`Series::labels`].
    pub series: usize,
    /// Flows that start in it.
    pub flows: u64,
    /// Packets of both directions.
    pub packets: u64,
    /// Bytes of both directions.
    pub bytes: u64,
}

impl Changes {
    /// The series of a key.
    fn of(&mut self, key: &[u64]) -> &mut HashMap<u64, Change, RandomState> {
        let number = match &self.last {
            Some((last, number)) if **last == *key => *number,
            _ => {
                let known = self.numbers.get(key).copied();
                let number = known.unwrap_or_else(|| {
                    self.series.push(HashMap::default());
                    self.numbers.insert(key.into(), self.series.len() - 1);
                    self.series.len() - 1
                });
                self.last = Some((key.into(), number));
                number
            }
        };
        // The number is that of a series.
        let last = self.series.len() - 1;
        &mut self.series[number.min(last)]
    }

    /// Ends counting if there are too many: memory for hostile times is bounded.
    fn check(&mut self, more: usize) {
        self.count += more;
        if self.count > CHANGES_MAX {
            self.give_up();
        }
    }

    /// Adds steps at which something happens. Ends counting if these are too far apart, as no later flow changes that.
    fn widen(&mut self, (start, end): (u64, u64), steps_max: u64) {
        let (first, last) = self.range.unwrap_or((start, end));
        let (first, last) = (first.min(start), last.max(end));
        self.range = Some((first, last));
        if last - first >= steps_max {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        *self = Self {
            is_full: true,
            ..Self::default()
        };
    }
}

impl Series {
    /// Intervals, and a series for each value of a key or one for all flows.
    ///
    /// # Errors
    /// [`AggregateError::Interval`] if the interval is 0, those of the key.
    pub fn new(bins: Bins, spread: Spread, split: Option<Key>) -> Result<Self> {
        if bins.interval() == 0 {
            return Err(AggregateError::Interval("series".to_owned()));
        }
        let builder = Grouping::builder().only_with_counters(true);
        let grouping = match split {
            Some(key) => builder.key(key).build()?,
            None => builder.build()?,
        };
        Ok(Self::of(&grouping, bins, spread))
    }

    fn of(grouping: &Grouping, bins: Bins, spread: Spread) -> Self {
        Self {
            grouping: grouping.clone(),
            step: bins.step().max(1),
            bins,
            spread,
            changes: Changes::default(),
            intake: Intake::new(&grouping.0),
            without_time: 0,
        }
    }

    /// An empty series of the same kind, for another thread; to be [merged](Self::merge).
    #[must_use]
    pub fn another(&self) -> Self {
        Self::of(&self.grouping, self.bins.clone(), self.spread)
    }

    /// Adds flows of a block: those with the `selected` indices, or else all. Flows without times are counted apart.
    pub fn add(&mut self, block: &Block, selected: Option<&[u32]>) {
        self.add_some(block, selected, usize::MAX);
    }

    /// Adds the selected flows of a block of a scan.
    pub fn add_scanned(&mut self, block: &ScanBlock) {
        self.add_some(block.block(), block.selected(), block.len());
    }

    fn add_some(&mut self, block: &Block, selected: Option<&[u32]>, most: usize) {
        let inner = &*self.grouping.0;
        let (step, spread, steps_max) = (self.step, self.spread, self.steps_max());
        let changes = &mut self.changes;
        let layout = &inner.layout;
        self.intake
            .block(inner, block, selected, most, 0, |batch, _| {
                for row in batch.filled().chunks_exact(batch.width) {
                    let (key, counters) = row.split_at(layout.key_words);
                    if !changes.is_full {
                        let range = put_flow(changes, key, &counters_of(counters), step, spread);
                        changes.widen(range, steps_max);
                    }
                }
            });
        self.without_time += std::mem::take(&mut self.intake.left_out);
    }

    /// Steps from the first to the last at most, times series.
    fn steps_max(&self) -> u64 {
        POINTS_MAX.saturating_mul((self.bins.interval() / self.step).clamp(1, STEPS_MAX))
    }

    /// Adds another series of the same kind. The order of merging does not matter.
    ///
    /// # Errors
    /// [`AggregateError::OtherGrouping`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if !std::sync::Arc::ptr_eq(&self.grouping.0, &other.grouping.0) {
            return Err(AggregateError::OtherGrouping);
        }
        self.changes.is_full |= other.changes.is_full;
        if let Some(range) = other.changes.range {
            let steps_max = self.steps_max();
            self.changes.widen(range, steps_max);
        }
        self.without_time += other.without_time;
        if self.changes.is_full {
            return Ok(());
        }
        for (key, number) in &other.changes.numbers {
            let theirs = other.changes.series.get(*number).into_iter().flatten();
            let ours = self.changes.of(key);
            let before = ours.len();
            for (at, change) in theirs {
                let to = ours.entry(*at).or_default();
                to.flows = to.flows.saturating_add(change.flows);
                add(&mut to.here, change.here);
                add(&mut to.rate, change.rate);
            }
            let more = ours.len() - before;
            self.changes.check(more);
        }
        Ok(())
    }

    /// Flows that have no times and are in no interval.
    #[must_use]
    pub fn without_time(&self) -> u64 {
        self.without_time
    }

    /// The keys of the series in ascending order, as they are displayed; `None` if absent or without a key.
    #[must_use]
    pub fn labels(&self) -> Vec<Option<String>> {
        self.sorted().into_iter().map(|(label, _)| label).collect()
    }

    fn sorted(&self) -> Vec<(Option<String>, &[u64])> {
        let inner = &self.grouping.0;
        let texts = inner.texts.all();
        let place = inner.layout.places.first();
        let source = inner.variants.first().and_then(|variant| variant.first());
        let mut sorted: Vec<_> = self
            .changes
            .numbers
            .keys()
            .map(|key| {
                let stored = place.map_or(Stored::default(), |place| place.get(key));
                let is_text = place.is_some_and(|place| place.shape == Shape::Text);
                let text = texts.get(stored.words[1] as usize).filter(|_| is_text);
                let text: &[u8] = text.map_or(&[], |text| text);
                let value = source
                    .filter(|_| stored.tag != 0)
                    .map(|source| source.typed(stored, text));
                let is_network = place.is_some_and(|place| place.shape == Shape::Network);
                let label = value.map(|value: FieldValue<'_>| match is_network {
                    true => format!("{value}/{}", stored.mask),
                    false => value.to_string(),
                });
                ((stored.tag, text, stored.words, stored.mask), label, &**key)
            })
            .collect();
        sorted.sort_by(|a, b| match (a.0.1.is_empty(), b.0.1.is_empty()) {
            (true, true) => (a.0.0, a.0.2, a.0.3).cmp(&(b.0.0, b.0.2, b.0.3)),
            _ => (a.0.0, a.0.1).cmp(&(b.0.0, b.0.1)),
        });
        sorted
            .into_iter()
            .map(|(_, label, key)| (label, key))
            .collect()
    }

    /// All intervals from the first to the last in which anything happens, in order of time, then of series; those
    /// between without traffic are zeros.
    ///
    /// # Errors
    /// [`AggregateError::TooMany`] intervals: times are far apart, or the interval is short.
    pub fn points(&self) -> Result<Vec<Point>> {
        if self.changes.is_full {
            return Err(AggregateError::TooMany("intervals"));
        }
        let Some((start, end)) = self.changes.range else {
            return Ok(Vec::new());
        };
        let series = self.changes.series.len() as u64;
        let steps = (end - start).saturating_add(1);
        if steps.saturating_mul(series) > self.steps_max() {
            return Err(AggregateError::TooMany("intervals"));
        }
        let mut points = Vec::new();
        for (number, (_, key)) in self.sorted().into_iter().enumerate() {
            let changes = self.changes.numbers.get(key);
            if let Some(changes) = changes.and_then(|at| self.changes.series.get(*at)) {
                self.points_of(changes, number, (start, end), &mut points);
            }
        }
        points.sort_by_key(|point| (point.time, point.series));
        Ok(points)
    }

    /// The intervals of one series.
    fn points_of(
        &self,
        changes: &HashMap<u64, Change, RandomState>,
        series: usize,
        (start, end): (u64, u64),
        points: &mut Vec<Point>,
    ) {
        // Running sums are rounded rather than intervals: they add up to what went in.
        let (mut rate, mut sums, mut shown) = ([0_i128; 2], [0_i128; 2], [0_i128; 2]);
        let mut open: Option<Point> = None;
        let mut close = |mut point: Point, sums: [i128; 2]| {
            let rounded = sums.map(|sum| sum.saturating_add(1 << (FRACTION - 1)) >> FRACTION);
            let [packets, bytes] = [0, 1].map(|at: usize| rounded[at].saturating_sub(shown[at]));
            shown = rounded;
            point.packets = packets.try_into().unwrap_or(u64::MAX);
            point.bytes = bytes.try_into().unwrap_or(u64::MAX);
            points.push(point);
        };
        for at in start..=end {
            let time = self.bins.start(at.saturating_mul(self.step));
            let time = Timestamp::from_millis(time);
            let is_same = open.as_ref().is_some_and(|point| point.time == time);
            if !is_same {
                let next = Point {
                    time,
                    series,
                    flows: 0,
                    packets: 0,
                    bytes: 0,
                };
                if let Some(point) = open.replace(next) {
                    close(point, sums);
                }
            }
            let change = changes.get(&at).copied().unwrap_or_default();
            add(&mut rate, change.rate);
            add(&mut sums, rate);
            add(&mut sums, change.here);
            if let Some(point) = &mut open {
                point.flows = point.flows.saturating_add(change.flows);
            }
        }
        if let Some(point) = open {
            close(point, sums);
        }
    }
}

/// Counts a flow in the steps that it lasts. Returns the first and the last step at which it changes anything.
fn put_flow(
    changes: &mut Changes,
    key: &[u64],
    counters: &[u64; counter::COUNT],
    step: u64,
    spread: Spread,
) -> (u64, u64) {
    let (first, last) = (counters[counter::FIRST], counters[counter::LAST]);
    let sum = |a: usize, b: usize| i128::from(counters[a]) + i128::from(counters[b]);
    let amounts = [
        sum(counter::IN_PACKETS, counter::OUT_PACKETS),
        sum(counter::IN_BYTES, counter::OUT_BYTES),
    ];
    let whole = amounts.map(|amount| amount << FRACTION);
    let (start, end) = (first / step, last.max(first) / step);
    let series = changes.of(key);
    let before = series.len();
    let here = series.entry(start).or_default();
    here.flows = here.flows.saturating_add(counters[counter::FLOWS]);
    match spread {
        Spread::Start => add(&mut here.here, whole),
        Spread::Even if start == end => add(&mut here.here, whole),
        Spread::End => put(series, end, whole),
        Spread::Even => {
            let lasts = last - first;
            let share = |ms: u64| amounts.map(|amount| portion(amount, ms, lasts));
            let head = share((start + 1).saturating_mul(step).saturating_sub(first));
            add(&mut here.here, head);
            let rate = share(step);
            let steps = i128::from(end - start - 1);
            // The last step gets what is left, so that nothing is lost by rounding.
            let rest = [0, 1].map(|at: usize| {
                let [amount, head, rate] = [whole, head, rate].map(|pair| pair[at]);
                (amount - head).saturating_sub(rate.saturating_mul(steps))
            });
            put(series, end, rest);
            if steps > 0 {
                turn(series, start + 1, rate);
                turn(series, end, rate.map(|rate| -rate));
            }
        }
    }
    let more = series.len() - before;
    changes.check(more);
    match spread {
        Spread::Start => (start, start),
        Spread::Even | Spread::End => (start, end),
    }
}

/// `amount` times `part` of `whole`, with its fraction; amounts have at most 65 bits.
fn portion(amount: i128, part: u64, whole: u64) -> i128 {
    let part = part.min(whole);
    // The usual numbers fit into words, whose division is several times as fast.
    if let Ok(amount) = u64::try_from(amount)
        && let Some(product) = amount.checked_mul(part)
        && whole < 1 << (64 - FRACTION)
        && whole != 0
    {
        let (quotient, rest) = (product / whole, product % whole);
        return i128::from(quotient) << FRACTION | i128::from((rest << FRACTION) / whole);
    }
    let (amount, part, whole) = (amount << FRACTION, i128::from(part), i128::from(whole));
    match amount.checked_mul(part) {
        Some(product) => product / whole.max(1),
        // So long a time that seconds are good enough.
        None => amount / (whole >> 20).max(1) * (part >> 20),
    }
}

fn put(changes: &mut HashMap<u64, Change, RandomState>, at: u64, amounts: [i128; 2]) {
    add(&mut changes.entry(at).or_default().here, amounts);
}

fn turn(changes: &mut HashMap<u64, Change, RandomState>, at: u64, rate: [i128; 2]) {
    add(&mut changes.entry(at).or_default().rate, rate);
}

fn add(to: &mut [i128; 2], from: [i128; 2]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(from);
    }
}
