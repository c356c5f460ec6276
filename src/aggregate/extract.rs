//! From flows to rows: key and counters of each flow, a few at a time.

use crate::aggregate::grouping::Inner;
use crate::aggregate::key::Absent;
use crate::aggregate::layout::counter;
use crate::aggregate::source::{Shape, Stored, Value};
use crate::flow::at::{self, id};
use crate::flow::bytes::{u8_at, u64_at};
use crate::flow::view::Flow;
use crate::value::protocol::{TCP, UDP};

/// Rows that are looked up together, so that misses of the cache overlap.
pub(crate) const BATCH: usize = 64;

/// Rows of flows, ready for a table.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<u64>,
    pub(crate) hashes: [u64; BATCH],
    /// Hashes of the values that are counted, row by row; 0 is none.
    pub(crate) values: Vec<u64>,
    pub(crate) count: usize,
}

impl Batch {
    pub(crate) fn new(words: usize, distinct: usize) -> Self {
        Self {
            values: vec![0; distinct * BATCH],
            rows: vec![0; words * BATCH],
            hashes: [0; BATCH],
            count: 0,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == BATCH
    }

    /// Adds the values of a flow that are counted, to the row that is next.
    pub(crate) fn add_values(&mut self, inner: &Inner, flow: &Flow<'_>) {
        let at = self.count * inner.distinct.len();
        let values = self.values.get_mut(at..).unwrap_or_default();
        for (to, key) in values.iter_mut().zip(&inner.distinct) {
            *to = key.value_hash(flow);
        }
    }
}

/// What a flow counts, without its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) counters: [u64; counter::COUNT],
    pub(crate) proto: u8,
}

impl Counted {
    /// The counters of a flow; `None` if it has none and the grouping needs them.
    pub(crate) fn of(flow: &Flow<'_>, need_counters: bool) -> Option<Self> {
        let mut counters = [0; counter::COUNT];
        let mut proto = 0;
        counters[counter::FLOWS] = 1;
        counters[counter::FIRST] = u64::MAX;
        match flow.element(id::GENERIC) {
            Some(generic) => {
                counters[counter::IN_PACKETS] = u64_at(generic, at::in_packets.offset);
                counters[counter::IN_BYTES] = u64_at(generic, at::in_bytes.offset);
                counters[counter::FIRST] = flow.first_seen_at(generic, at::first.offset);
                counters[counter::LAST] = u64_at(generic, at::last.offset);
                counters[counter::FLAGS] = u8_at(generic, at::tcp_flags.offset).into();
                proto = u8_at(generic, at::proto.offset);
            }
            None if need_counters => return None,
            None => {}
        }
        if let Some(out) = flow.element(id::COUNTERS) {
            counters[counter::FLOWS] = u64_at(out, at::aggr_flows.offset).max(1);
            counters[counter::OUT_PACKETS] = u64_at(out, at::out_packets.offset);
            counters[counter::OUT_BYTES] = u64_at(out, at::out_bytes.offset);
        }
        Some(Self { counters, proto })
    }
}

impl Inner {
    /// Writes the row of a flow under one combination of sources. Returns whether it counts.
    pub(crate) fn row(
        &self,
        variant: usize,
        flow: &Flow<'_>,
        counted: &Counted,
        number: u64,
        row: &mut [u64],
    ) -> bool {
        let (key, _) = row.split_at_mut(self.layout.key_words);
        key.fill(0);
        for at in 0..self.keys.len() {
            if !self.put_key(variant, at, flow, key) {
                return false;
            }
        }
        let mut counters = counted.counters;
        let mut direction = 0;
        if self.options.both_directions
            && matches!(counted.proto, TCP | UDP)
            && self.turn_around(row)
        {
            direction = 1;
            counters.swap(counter::IN_PACKETS, counter::OUT_PACKETS);
            counters.swap(counter::IN_BYTES, counter::OUT_BYTES);
            counters[counter::FLAGS] <<= 8;
        }
        let rest = row.get_mut(self.layout.key_words..).unwrap_or_default();
        rest.iter_mut()
            .zip(counters)
            .for_each(|(to, from)| *to = from);
        if let Some(to) = rest.get_mut(counter::NUMBER) {
            *to = number << 1 | direction;
        }
        true
    }

    /// Puts the value of one key into a row. Returns whether the flow counts.
    pub(crate) fn put_key(
        &self,
        variant: usize,
        at: usize,
        flow: &Flow<'_>,
        row: &mut [u64],
    ) -> bool {
        let source = self
            .variants
            .get(variant)
            .and_then(|sources| sources.get(at));
        let (Some(key), Some(place), Some(source)) =
            (self.keys.get(at), self.layout.places.get(at), source)
        else {
            return false;
        };
        let stored = match source.value(flow) {
            Some(Value::Stored(stored)) => stored,
            Some(Value::Text(text)) => self.text(text),
            Some(Value::Owned(text, length)) => self.text(text.get(..length).unwrap_or_default()),
            Some(Value::Boxed(text)) => self.text(&text),
            None => match key.absent {
                Absent::Group => return true,
                Absent::Zero if place.shape == Shape::Text => self.text(b""),
                Absent::Zero => Stored::ZERO,
                Absent::Skip => return false,
            },
        };
        place.put(row, key.transform.apply(stored, flow));
        true
    }

    fn text(&self, text: &[u8]) -> Stored {
        Stored::number(self.texts.number(text).into())
    }

    /// Swaps source and destination in a key if the source is the greater one.
    fn turn_around(&self, row: &mut [u64]) -> bool {
        let place = |at: usize| self.layout.places.get(at).copied();
        let values = |side: fn(&(usize, usize)) -> usize, row: &[u64]| -> Vec<(u8, [u64; 2], u8)> {
            let places = self.pairs.iter().filter_map(|pair| place(side(pair)));
            places
                .map(|place| place.get(row))
                .map(|value| (value.tag, value.words, value.mask))
                .collect()
        };
        if values(|pair| pair.0, row) <= values(|pair| pair.1, row) {
            return false;
        }
        self.swap(row);
        true
    }

    /// Swaps source and destination in a key.
    pub(crate) fn swap(&self, row: &mut [u64]) {
        let mut key = vec![0; self.layout.key_words];
        for (at, place) in self.layout.places.iter().enumerate() {
            let other = self.pairs.iter().find_map(|(source, destination)| {
                match (*source == at, *destination == at) {
                    (true, _) => Some(*destination),
                    (_, true) => Some(*source),
                    _ => None,
                }
            });
            let from = other.and_then(|other| self.layout.places.get(other));
            place.put(&mut key, from.unwrap_or(place).get(row));
        }
        row.iter_mut().zip(key).for_each(|(to, from)| *to = from);
    }
}
