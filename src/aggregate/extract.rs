//! From flows to rows: key and counters of each flow, a few at a time.

use std::cmp::Ordering;

use crate::aggregate::counted::Counted;
use crate::aggregate::grouping::Inner;
use crate::aggregate::key::Absent;
use crate::aggregate::layout::{Place, counter};
use crate::aggregate::source::{Shape, Stored, Value};
use crate::flow::view::Flow;
use crate::value::protocol::{TCP, UDP};

/// Rows that are looked up together, so that misses of the cache overlap.
pub(crate) const BATCH: usize = 64;

/// Rows of flows, ready for a table.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<u64>,
    /// Words of each row: all, or those of a [narrow](crate::aggregate::layout::Narrow) one.
    pub(crate) width: usize,
    pub(crate) hashes: [u64; BATCH],
    /// Hashes of the values that are counted, row by row; 0 is none.
    pub(crate) values: Vec<u64>,
    /// Numbers whose distribution is kept, row by row.
    pub(crate) numbers: Vec<Option<u64>>,
    pub(crate) count: usize,
}

impl Batch {
    pub(crate) fn new(words: usize, distinct: usize, quantiles: usize) -> Self {
        Self {
            values: vec![0; distinct * BATCH],
            numbers: vec![None; quantiles * BATCH],
            rows: vec![0; words * BATCH],
            width: words,
            hashes: [0; BATCH],
            count: 0,
        }
    }

    /// The rows of all its flows.
    pub(crate) fn filled(&self) -> &[u64] {
        let rows = self.rows.get(..self.count * self.width);
        rows.unwrap_or_default()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == BATCH
    }

    /// Adds the values of a flow that are counted or kept, to the row that is next.
    pub(crate) fn add_values(&mut self, inner: &Inner, flow: &Flow<'_>) {
        let at = self.count * inner.distinct.len();
        let values = self.values.get_mut(at..).unwrap_or_default();
        for (to, key) in values.iter_mut().zip(&inner.distinct) {
            *to = key.value_hash(flow);
        }
        let at = self.count * inner.quantiles.len();
        let numbers = self.numbers.get_mut(at..).unwrap_or_default();
        for (to, quantity) in numbers.iter_mut().zip(&inner.quantiles) {
            *to = quantity.value(flow);
        }
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
        let rest = row.get_mut(self.layout.key_words..).unwrap_or_default();
        rest.iter_mut()
            .zip(counted.counters)
            .for_each(|(to, from)| *to = from);
        if let Some(to) = rest.get_mut(counter::NUMBER) {
            *to = number << 1;
        }
        if self.options.both_directions {
            self.turn(counted.proto, row);
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

    /// With both directions in one group: turns a row around if its source is the greater one. Other protocols than
    /// TCP and UDP have no answers.
    pub(crate) fn turn(&self, proto: u8, row: &mut [u64]) {
        if !matches!(proto, TCP | UDP) || !self.turn_around(row) {
            return;
        }
        let rest = row.get_mut(self.layout.key_words..).unwrap_or_default();
        if let Some(counters) = rest.first_chunk_mut::<{ counter::COUNT }>() {
            counters.swap(counter::IN_PACKETS, counter::OUT_PACKETS);
            counters.swap(counter::IN_BYTES, counter::OUT_BYTES);
            counters[counter::FLAGS] <<= 8;
        }
        if let Some(number) = rest.get_mut(counter::NUMBER) {
            *number |= 1;
        }
    }

    /// Swaps source and destination in a key if the source is the greater one.
    fn turn_around(&self, row: &mut [u64]) -> bool {
        let places = |(source, destination): &(usize, usize)| {
            let place = |at: usize| self.layout.places.get(at).copied();
            Some((place(*source)?, place(*destination)?))
        };
        let pairs = || self.pairs.iter().filter_map(places);
        let values = pairs().map(|(source, destination)| {
            let value = |place: Place| {
                let value = place.get(row);
                (value.tag, value.words, value.mask)
            };
            value(source).cmp(&value(destination))
        });
        let order = values.into_iter().find(|order| order.is_ne());
        if order != Some(Ordering::Greater) {
            return false;
        }
        for (source, destination) in pairs() {
            let (here, there) = (source.get(row), destination.get(row));
            source.replace(row, there);
            destination.replace(row, here);
        }
        true
    }
}
