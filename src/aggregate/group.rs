//! Finished groups: their keys and counters, and their order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::aggregate::counters::Counters;
use crate::aggregate::distinct::Distinct;
use crate::aggregate::held::Extra;
use crate::aggregate::layout::counter;
use crate::aggregate::order::{Direction, Order, OrderBy, Tie};
use crate::aggregate::runs;
use crate::aggregate::source::{Shape, Stored};
use crate::aggregate::table::Table;
use crate::flow::field_value::FieldValue;
use crate::flow::owned::OwnedFlow;
use crate::value::time::Timestamp;

/// One group of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Group<'t> {
    groups: &'t Shared<'t>,
    pub(crate) row: &'t [u64],
    pub(crate) extra: &'t Extra,
}

/// What all groups share.
#[derive(Debug)]
pub(crate) struct Shared<'t> {
    table: &'t Table,
    texts: Vec<Arc<[u8]>>,
    none: Extra,
}

impl<'t> Group<'t> {
    /// The value of a key by its place; `None` if absent. Of a network this is its first address.
    #[must_use]
    pub fn key(&self, at: usize) -> Option<FieldValue<'t>> {
        let inner = &self.groups.table.grouping.0;
        let source = inner.variants.first()?.get(at)?;
        let stored = self.stored(at)?;
        if stored.tag == 0 {
            return None;
        }
        let text = match inner.layout.places.get(at)?.shape {
            Shape::Text => self.groups.text(stored),
            _ => &[],
        };
        Some(source.typed(stored, text))
    }

    /// The prefix length of a key that is a network.
    #[must_use]
    pub fn prefix_length(&self, at: usize) -> Option<u8> {
        let place = self.groups.table.grouping.0.layout.places.get(at)?;
        let stored = self.stored(at)?;
        (place.shape == Shape::Network && stored.tag != 0).then_some(stored.mask)
    }

    /// All keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = Option<FieldValue<'t>>> + use<'t> {
        let group = *self;
        let count = self.groups.table.grouping.0.keys.len();
        (0..count).map(move |at| group.key(at))
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let key_words = self.groups.table.grouping.0.layout.key_words;
        Counters::of(
            self.row.get(key_words..).unwrap_or_default(),
            self.direction(),
        )
    }

    /// The number of the first flow, if the grouping remembers it.
    #[must_use]
    pub fn first_number(&self) -> Option<u64> {
        Some(self.numbered()? >> 1)
    }

    /// The first flow, if the grouping keeps it.
    #[must_use]
    pub fn first_flow(&self) -> Option<OwnedFlow> {
        let keeps = self.groups.table.grouping.0.options.keep_first;
        keeps.then(|| OwnedFlow::from_record(self.extra.first.clone()))
    }

    /// How many different values of a [distinct count](crate::aggregate::GroupingBuilder::distinct) there are,
    /// and whether this is exact.
    #[must_use]
    pub fn distinct(&self, at: usize) -> Option<(u64, bool)> {
        self.extra.distinct.get(at).map(Distinct::count)
    }

    /// The smallest value that at least `thousandths` of the group's values do not exceed (500 for the median), by the
    /// place of the [quantity](crate::aggregate::GroupingBuilder::quantiles), and whether it is exact. `None` without values.
    #[must_use]
    pub fn quantile(&self, at: usize, thousandths: u16) -> Option<(u64, bool)> {
        self.extra.quantiles.get(at)?.at(thousandths)
    }

    fn numbered(&self) -> Option<u64> {
        let key_words = self.groups.table.grouping.0.layout.key_words;
        self.row.get(key_words + counter::NUMBER).copied()
    }

    /// 1 if the first flow had the key turned around.
    fn direction(&self) -> u64 {
        if self.groups.table.grouping.0.options.both_directions {
            self.numbered().unwrap_or(0) & 1
        } else {
            0
        }
    }

    fn stored(&self, at: usize) -> Option<Stored> {
        let inner = &self.groups.table.grouping.0;
        let mut at = at;
        if self.direction() == 1 {
            let turned = inner.pairs.iter().find_map(|(source, destination)| {
                match (*source == at, *destination == at) {
                    (true, _) => Some(*destination),
                    (_, true) => Some(*source),
                    _ => None,
                }
            });
            at = turned.unwrap_or(at);
        }
        Some(inner.layout.places.get(at)?.get(self.row))
    }

    /// Compares keys by value: absent first, IPv4 before IPv6.
    fn compare_keys(&self, other: &Self) -> Ordering {
        (0..self.groups.table.grouping.0.keys.len())
            .map(|at| self.compare_key(other, at))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Compares one key.
    pub(crate) fn compare_key(&self, other: &Self, at: usize) -> Ordering {
        let (Some(a), Some(b)) = (self.stored(at), other.stored(at)) else {
            return Ordering::Equal;
        };
        let is_text = matches!(self.shape(at), Some(Shape::Text));
        if is_text && a.tag == 1 && b.tag == 1 {
            return self.groups.text(a).cmp(self.groups.text(b));
        }
        (a.tag, a.words, a.mask).cmp(&(b.tag, b.words, b.mask))
    }

    fn shape(&self, at: usize) -> Option<Shape> {
        let place = self.groups.table.grouping.0.layout.places.get(at);
        place.map(|place| place.shape)
    }

    /// Writes bytes that compare as groups do in this order. Those of different groups differ.
    pub(crate) fn rank(&self, order: &Order, out: &mut Vec<u8>) {
        out.clear();
        if let Some(at) = order.within {
            self.rank_key(at, out);
        }
        let from = out.len();
        match order.by {
            OrderBy::Key => self.rank_keys(out),
            by => runs::put_number(self.sort_value(by), out),
        }
        if order.direction == Direction::Descending {
            runs::reverse(out, from);
        }
        if let Tie::Appearance(direction) = order.tie {
            let from = out.len();
            runs::put_number(self.first_number().unwrap_or(0), out);
            if direction == Direction::Descending {
                runs::reverse(out, from);
            }
        }
        if order.by != OrderBy::Key {
            self.rank_keys(out);
        }
    }

    fn rank_keys(&self, out: &mut Vec<u8>) {
        let count = self.groups.table.grouping.0.keys.len();
        (0..count).for_each(|at| self.rank_key(at, out));
    }

    fn rank_key(&self, at: usize, out: &mut Vec<u8>) {
        let (Some(stored), Some(shape)) = (self.stored(at), self.shape(at)) else {
            return;
        };
        stored.rank(shape, self.groups.text(stored), out);
    }

    /// A group of its parts.
    pub(crate) fn of(groups: &'t Shared<'t>, row: &'t [u64], extra: &'t Extra) -> Self {
        Self { groups, row, extra }
    }

    /// The value that an order compares.
    #[must_use]
    pub fn sort_value(&self, by: OrderBy) -> u64 {
        let counters = self.counters();
        let ms = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
        match by {
            OrderBy::Key => 0,
            OrderBy::Distinct(at) => self.distinct(at).map_or(0, |(count, _)| count),
            OrderBy::Quantile(at, part) => self.quantile(at, part).map_or(0, |(value, _)| value),
            OrderBy::Flows => counters.flows,
            OrderBy::Packets(side) => counters.packets_of(side),
            OrderBy::Bytes(side) => counters.bytes_of(side),
            OrderBy::Pps(side) => counters.pps(side),
            OrderBy::Bps(side) => counters.bps(side),
            OrderBy::Bpp(side) => counters.bpp(side),
            OrderBy::First => ms(counters.first),
            OrderBy::Last => ms(counters.last),
            OrderBy::Duration => counters.duration_ms(),
            OrderBy::Appearance => self.first_number().unwrap_or(0),
        }
    }
}

impl<'t> Shared<'t> {
    pub(crate) fn new(table: &'t Table) -> Self {
        Self {
            table,
            texts: table.grouping.0.texts.all(),
            none: Extra::default(),
        }
    }

    fn text(&self, stored: Stored) -> &[u8] {
        let number = stored.words[1] as usize;
        self.texts.get(number).map_or(&[], |text| text)
    }
}

/// The groups of a table.
#[derive(Debug)]
pub struct Groups<'t>(Shared<'t>);

impl<'t> Groups<'t> {
    pub(crate) fn new(table: &'t Table) -> Self {
        Self(Shared::new(table))
    }

    /// All groups, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Group<'_>> {
        let parts = self.0.table.parts.iter();
        let rows = parts.flat_map(|part| part.groups(&self.0.none));
        rows.map(|(row, extra)| Group {
            groups: &self.0,
            row,
            extra,
        })
    }

    /// All groups in this order. Equal ones are in order of their keys, or as [`Order::tie`] says: the
    /// result does not depend on threads.
    #[must_use]
    pub fn sorted(&self, order: &Order) -> Vec<Group<'_>> {
        self.top(order, usize::MAX)
    }

    /// The first `count` groups in this order.
    #[must_use]
    pub fn top(&self, order: &Order, count: usize) -> Vec<Group<'_>> {
        self.top_of(order, count, |_| true)
    }

    /// The first `count` groups in this order, with [`Order::within`] those of each value of that key, of those for
    /// which `passes` returns true.
    #[must_use]
    pub fn top_of(
        &self,
        order: &Order,
        count: usize,
        passes: impl Fn(&Group<'_>) -> bool,
    ) -> Vec<Group<'_>> {
        /// Groups that are collected before the worst are dropped, at least.
        const COLLECTED: usize = 1 << 12;
        let compare = |a: &(u64, Group<'_>), b: &(u64, Group<'_>)| order.compare(a, b);
        if let Some(at) = order.within {
            let all = self.iter().filter(|group| passes(group));
            let mut groups: Vec<_> = all
                .map(|group| (group.sort_value(order.by), group))
                .collect();
            groups.sort_unstable_by(compare);
            let mut kept = Within::new(at, count);
            let groups = groups.into_iter().map(|(_, group)| group);
            return groups.filter(|group| kept.keeps(group)).collect();
        }
        let most = count.saturating_mul(4).max(COLLECTED);
        let mut groups: Vec<(u64, Group<'_>)> = Vec::new();
        let keep_first = |groups: &mut Vec<(u64, Group<'_>)>| {
            if count < groups.len() && count > 0 {
                groups.select_nth_unstable_by(count - 1, compare);
            }
            groups.truncate(count);
        };
        // The value of the last group that is needed, once there are enough.
        let mut last = None;
        for group in self.iter() {
            let value = group.sort_value(order.by);
            let is_behind = |last: u64| order.direction.apply(value.cmp(&last)).is_gt();
            if last.is_some_and(is_behind) || !passes(&group) {
                continue;
            }
            groups.push((value, group));
            if groups.len() >= most {
                keep_first(&mut groups);
                last = groups.last().map(|(value, _)| *value);
            }
        }
        keep_first(&mut groups);
        groups.sort_unstable_by(compare);
        groups.into_iter().map(|(_, group)| group).collect()
    }
}

/// Keeps the first groups of each value of a key, given them in order.
#[derive(Debug)]
pub(crate) struct Within {
    key: usize,
    most: usize,
    value: Option<Stored>,
    count: usize,
}

impl Within {
    pub(crate) fn new(key: usize, most: usize) -> Self {
        Self {
            key,
            most,
            value: None,
            count: 0,
        }
    }

    pub(crate) fn keeps(&mut self, group: &Group<'_>) -> bool {
        let value = group.stored(self.key);
        if value != self.value {
            (self.value, self.count) = (value, 0);
        }
        self.count += 1;
        self.count <= self.most
    }
}

impl Order {
    /// Compares groups, each with the value that it is ordered by. Only equal keys compare as equal.
    fn compare(&self, a: &(u64, Group<'_>), b: &(u64, Group<'_>)) -> Ordering {
        let outer = self
            .within
            .map_or(Ordering::Equal, |at| a.1.compare_key(&b.1, at));
        let by_value = match self.by {
            OrderBy::Key => a.1.compare_keys(&b.1),
            _ => a.0.cmp(&b.0),
        };
        let by_tie = || match self.tie {
            Tie::Key => Ordering::Equal,
            Tie::Appearance(direction) => {
                direction.apply(a.1.first_number().cmp(&b.1.first_number()))
            }
        };
        outer
            .then_with(|| self.direction.apply(by_value))
            .then_with(by_tie)
            .then_with(|| a.1.compare_keys(&b.1))
    }
}

impl Table {
    /// The groups.
    #[must_use]
    pub fn groups(&self) -> Groups<'_> {
        Groups::new(self)
    }
}

impl Direction {
    fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Ascending => ordering,
            Self::Descending => ordering.reverse(),
        }
    }
}
