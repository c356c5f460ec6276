//! Traffic over time: flows, packets and bytes in intervals of equal length.
//!
//! A flow that lasts is spread over its intervals by adding its rate where it starts and taking it away where
//! it ends, so that a flow costs the same however long it lasts. Sums are integers with a binary fraction:
//! nothing depends on the order of flows, and what goes in comes out.

use std::collections::{BTreeMap, HashMap};

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::extract::Counted;
use crate::aggregate::grouping::Grouping;
use crate::aggregate::key::Key;
use crate::aggregate::layout::counter;
use crate::aggregate::source::{Shape, Stored};
use crate::flow::field_value::FieldValue;
use crate::flow::view::Flow;
use crate::value::time::Timestamp;

/// Binary digits of a fraction.
const FRACTION: u32 = 16;
/// Places at which anything changes, at most: bounds memory for hostile times.
const CHANGES_MAX: usize = 4_000_000;
/// Intervals from the first to the last of a series at most, times series.
const POINTS_MAX: u64 = 4_000_000;

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
    interval: u64,
    spread: Spread,
    changes: HashMap<Box<[u64]>, BTreeMap<u64, Change>>,
    count: usize,
    is_full: bool,
    without_time: u64,
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

impl Series {
    /// Intervals of this many milliseconds since the epoch, for each value of a key or for all flows.
    ///
    /// # Errors
    /// [`AggregateError::Interval`] if the interval is 0, those of the key.
    pub fn new(interval: u64, spread: Spread, split: Option<Key>) -> Result<Self> {
        if interval == 0 {
            return Err(AggregateError::Interval("series".to_owned()));
        }
        let builder = Grouping::builder();
        let grouping = match split {
            Some(key) => builder.key(key).build()?,
            None => builder.build()?,
        };
        Ok(Self::of(&grouping, interval, spread))
    }

    fn of(grouping: &Grouping, interval: u64, spread: Spread) -> Self {
        Self {
            grouping: grouping.clone(),
            interval,
            spread,
            changes: HashMap::new(),
            count: 0,
            is_full: false,
            without_time: 0,
        }
    }

    /// An empty series of the same kind, for another thread; to be [merged](Self::merge).
    #[must_use]
    pub fn another(&self) -> Self {
        Self::of(&self.grouping, self.interval, self.spread)
    }

    /// Adds a flow. Flows without times are counted apart.
    pub fn add(&mut self, flow: &Flow<'_>) {
        let Some(counted) = Counted::of(flow, true) else {
            self.without_time += 1;
            return;
        };
        let inner = std::sync::Arc::clone(&self.grouping.0);
        for variant in 0..inner.variants.len() {
            let mut key = vec![0; inner.layout.key_words];
            let counts = (0..inner.keys.len()).all(|at| inner.put_key(variant, at, flow, &mut key));
            if counts {
                self.add_counted(key.into(), &counted.counters);
            }
        }
    }

    fn add_counted(&mut self, key: Box<[u64]>, counters: &[u64; counter::COUNT]) {
        let (first, last) = (counters[counter::FIRST], counters[counter::LAST]);
        let sum = |a: usize, b: usize| i128::from(counters[a]) + i128::from(counters[b]);
        let amounts = [
            sum(counter::IN_PACKETS, counter::OUT_PACKETS) << FRACTION,
            sum(counter::IN_BYTES, counter::OUT_BYTES) << FRACTION,
        ];
        let interval = self.interval;
        let (start, end) = (first / interval, last.max(first) / interval);
        let changes = self.changes.entry(key).or_default();
        let before = changes.len();
        let flows = &mut changes.entry(start).or_default().flows;
        *flows = flows.saturating_add(counters[counter::FLOWS]);
        match self.spread {
            Spread::Start => put(changes, start, amounts),
            Spread::End => put(changes, end, amounts),
            Spread::Even if start == end => put(changes, start, amounts),
            Spread::Even => {
                let lasts = i128::from(last - first);
                let share = |ms: u64| amounts.map(|amount| portion(amount, ms.into(), lasts));
                let head = share((start + 1).saturating_mul(interval).saturating_sub(first));
                let rate = share(interval);
                let whole = i128::from(end - start - 1);
                // The last interval gets what is left, so that nothing is lost by rounding.
                let [packets, bytes] = [0, 1].map(|at: usize| {
                    let [amount, head, rate] = [amounts, head, rate].map(|pair| pair[at]);
                    (amount - head).saturating_sub(rate.saturating_mul(whole))
                });
                put(changes, start, head);
                put(changes, end, [packets, bytes]);
                if whole > 0 {
                    turn(changes, start + 1, rate);
                    turn(changes, end, rate.map(|rate| -rate));
                }
            }
        }
        self.count += changes.len() - before;
        if self.count > CHANGES_MAX {
            self.is_full = true;
            self.changes.clear();
            self.count = 0;
        }
    }

    /// Adds another series of the same kind. The order of merging does not matter.
    ///
    /// # Errors
    /// [`AggregateError::OtherGrouping`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if !std::sync::Arc::ptr_eq(&self.grouping.0, &other.grouping.0) {
            return Err(AggregateError::OtherGrouping);
        }
        self.is_full |= other.is_full;
        self.without_time += other.without_time;
        for (key, theirs) in &other.changes {
            let ours = self.changes.entry(key.clone()).or_default();
            let before = ours.len();
            for (at, change) in theirs {
                let to = ours.entry(*at).or_default();
                to.flows = to.flows.saturating_add(change.flows);
                add(&mut to.here, change.here);
                add(&mut to.rate, change.rate);
            }
            self.count += ours.len() - before;
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
        if self.is_full {
            return Err(AggregateError::TooMany("intervals"));
        }
        let ends = self.changes.values().filter_map(|changes| {
            Some((*changes.first_key_value()?.0, *changes.last_key_value()?.0))
        });
        let range = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let Some((start, end)) = range else {
            return Ok(Vec::new());
        };
        let series = self.changes.len() as u64;
        let intervals = (end - start).saturating_add(1);
        if intervals.saturating_mul(series) > POINTS_MAX {
            return Err(AggregateError::TooMany("intervals"));
        }
        let mut points = Vec::new();
        for (number, (_, key)) in self.sorted().into_iter().enumerate() {
            let Some(changes) = self.changes.get(key) else {
                continue;
            };
            // Running sums are rounded rather than intervals: they add up to what went in.
            let (mut rate, mut sums, mut shown) = ([0_i128; 2], [0_i128; 2], [0_i128; 2]);
            for at in start..=end {
                let change = changes.get(&at).copied().unwrap_or_default();
                add(&mut rate, change.rate);
                add(&mut sums, rate);
                add(&mut sums, change.here);
                let rounded = sums.map(|sum| sum.saturating_add(1 << (FRACTION - 1)) >> FRACTION);
                let [packets, bytes] =
                    [0, 1].map(|at: usize| rounded[at].saturating_sub(shown[at]));
                shown = rounded;
                points.push(Point {
                    time: Timestamp::from_millis(at.saturating_mul(self.interval)),
                    series: number,
                    flows: change.flows,
                    packets: packets.try_into().unwrap_or(u64::MAX),
                    bytes: bytes.try_into().unwrap_or(u64::MAX),
                });
            }
        }
        points.sort_by_key(|point| (point.time, point.series));
        Ok(points)
    }
}

/// `amount` times `part` of `whole`; amounts have at most 82 bits.
fn portion(amount: i128, part: i128, whole: i128) -> i128 {
    let part = part.min(whole);
    match amount.checked_mul(part) {
        Some(product) => product / whole,
        // So long a time that seconds are good enough.
        None => amount / (whole >> 20).max(1) * (part >> 20),
    }
}

fn put(changes: &mut BTreeMap<u64, Change>, at: u64, amounts: [i128; 2]) {
    add(&mut changes.entry(at).or_default().here, amounts);
}

fn turn(changes: &mut BTreeMap<u64, Change>, at: u64, rate: [i128; 2]) {
    add(&mut changes.entry(at).or_default().rate, rate);
}

fn add(to: &mut [i128; 2], from: [i128; 2]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(from);
    }
}
