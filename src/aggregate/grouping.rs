//! What to group by and what to count.

use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::key::{Absent, Key, Transform};
use crate::aggregate::layout::Layout;
use crate::aggregate::measure::FlowMeasure;
use crate::aggregate::source::{Shape, Source, Value};
use crate::aggregate::texts::Texts;
use crate::flow::view::Flow;

/// Combinations of [`Key::any_of`] at most: what one flow can cost.
const VARIANTS_MAX: usize = 64;
/// Distinct counts at most: what one group can take.
const DISTINCT_MAX: usize = 16;

/// What to group flows by and how to count them. Cheap to clone, shared between threads.
///
/// ```
/// use nfdecode::aggregate::{Grouping, Key, Order};
/// let grouping = Grouping::builder().key(Key::field("src_addr")?).build()?;
/// let mut table = grouping.table();
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// for block in file.blocks() {
///     table.add(&block?, None);
/// }
/// for group in table.groups().top(&Order::bytes(), 3) {
///     println!("{:?}: {} bytes", group.key(0), group.counters().bytes());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grouping(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) keys: Vec<Key>,
    pub(crate) layout: Layout,
    /// For each combination of sources, one source per key.
    pub(crate) variants: Vec<Vec<Source>>,
    pub(crate) options: Options,
    /// What distinct values of are counted.
    pub(crate) distinct: Vec<Key>,
    /// What has quantiles.
    pub(crate) quantiles: Vec<Quantity>,
    pub(crate) hasher: RandomState,
    pub(crate) texts: Texts,
    /// Pairs of keys to swap for the other direction.
    pub(crate) pairs: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) both_directions: bool,
    pub(crate) need_counters: bool,
    pub(crate) keep_first: bool,
    pub(crate) numbered: bool,
    pub(crate) wrap: bool,
    /// The sums of all groups are not those of all flows.
    pub(crate) separate_totals: bool,
}

impl Inner {
    /// All that decides what a group is and what is counted, as text.
    pub(crate) fn signature(&self) -> String {
        let keys = |keys: &[Key]| -> String {
            let described = keys.iter().map(|key| {
                let sources = key.sources.iter().map(Source::describe);
                let sources = sources.collect::<Vec<_>>().join("|");
                format!("{sources} {:?} {:?}", key.transform, key.absent)
            });
            described.collect::<Vec<_>>().join("\n")
        };
        format!(
            "{}\n\n{}\n\n{:?}\n\n{:?}",
            keys(&self.keys),
            keys(&self.distinct),
            self.quantiles
                .iter()
                .map(Quantity::describe)
                .collect::<Vec<_>>(),
            self.options
        )
    }

    /// Whether groups have more than a row.
    pub(crate) fn has_extras(&self) -> bool {
        self.options.keep_first || self.has_values()
    }

    /// Whether values of each flow go into more than a row.
    pub(crate) fn has_values(&self) -> bool {
        !self.distinct.is_empty() || !self.quantiles.is_empty()
    }
}

/// Makes a [`Grouping`].
#[derive(Debug, Default)]
pub struct GroupingBuilder {
    keys: Vec<Key>,
    distinct: Vec<Key>,
    quantiles: Vec<Quantity>,
    options: Options,
}

/// A number that flows have: a measure or a field.
#[derive(Clone, Debug)]
pub(crate) enum Quantity {
    Measure(FlowMeasure),
    Field(Source),
}

impl Quantity {
    fn describe(&self) -> String {
        match self {
            Self::Measure(measure) => format!("{measure:?}"),
            Self::Field(source) => source.describe(),
        }
    }

    /// Its value for a flow, if it has one.
    pub(crate) fn value(&self, flow: &Flow<'_>) -> Option<u64> {
        match self {
            Self::Measure(measure) => Some(measure.of(&FlowMeasure::counters(flow))),
            Self::Field(source) => match source.value(flow)? {
                Value::Stored(stored) => Some(stored.words[1]),
                _ => None,
            },
        }
    }
}

impl Grouping {
    /// A builder without keys: all flows are one group.
    #[must_use]
    pub fn builder() -> GroupingBuilder {
        GroupingBuilder::default()
    }

    /// The keys, in the order in which they were given.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.0.keys.iter()
    }
}

impl GroupingBuilder {
    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Counts the different values of a key in each group: exactly up to 512, beyond that with a standard error
    /// of 1.6 %. Of several fields the first counts. See [`Group::distinct`](crate::aggregate::Group::distinct).
    #[must_use]
    pub fn distinct(mut self, key: Key) -> Self {
        self.distinct.push(key);
        self
    }

    /// Keeps the distribution of a number in each group: `duration` (ms), `bytes`, `packets`, `bps`, `pps`, `bpp`, or a
    /// field whose values are numbers. Up to 256 values are kept exactly; beyond, quantiles are at most 1 % too large.
    /// See [`Group::quantile`](crate::aggregate::Group::quantile).
    ///
    /// # Errors
    /// [`AggregateError::UnknownField`], [`AggregateError::NoNumber`].
    pub fn quantiles(mut self, name: &str) -> Result<Self> {
        let quantity = match FlowMeasure::named(name) {
            Some(measure) => Quantity::Measure(measure),
            None => match Key::parse(name)?.sources.as_slice() {
                [source] if source.is_number() => Quantity::Field(*source),
                _ => return Err(AggregateError::NoNumber(name.to_owned())),
            },
        };
        self.quantiles.push(quantity);
        Ok(self)
    }

    /// Leaves out flows without the element that holds times, counters and protocol; as nfdump does.
    #[must_use]
    pub fn only_with_counters(mut self, only: bool) -> Self {
        self.options.need_counters = only;
        self
    }

    /// Keeps a copy of the first flow of each group, see [`Group::first_flow`](crate::aggregate::Group::first_flow).
    #[must_use]
    pub fn keep_first_flow(mut self, keep: bool) -> Self {
        self.options.keep_first = keep;
        self
    }

    /// Remembers which flow came first, for [`OrderBy::Appearance`](crate::aggregate::OrderBy::Appearance).
    #[must_use]
    pub fn remember_first(mut self, remember: bool) -> Self {
        self.options.numbered = remember;
        self
    }

    /// TCP and UDP flows in both directions are one group, in the direction of the first flow: for every key
    /// `src_…` there must be a `dst_…`. Bytes and packets of answers count on the other side, and
    /// TCP flags of answers are kept apart. Implies [`remember_first`](Self::remember_first).
    #[must_use]
    pub fn both_directions(mut self, both: bool) -> Self {
        self.options.both_directions = both;
        self
    }

    /// Sums that exceed 64 bits start again at 0, as in nfdump. Otherwise they stay at the largest number.
    #[must_use]
    pub fn wrap_sums(mut self, wrap: bool) -> Self {
        self.options.wrap = wrap;
        self
    }

    /// The grouping.
    ///
    /// # Errors
    /// [`AggregateError::TooMany`] keys or combinations, [`AggregateError::OneSided`].
    pub fn build(self) -> Result<Grouping> {
        let Self {
            keys,
            distinct,
            quantiles,
            mut options,
        } = self;
        if distinct.len() > DISTINCT_MAX {
            return Err(AggregateError::TooMany("distinct counts"));
        }
        if quantiles.len() > DISTINCT_MAX {
            return Err(AggregateError::TooMany("quantiles"));
        }
        options.numbered |= options.keep_first || options.both_directions;
        let mut variants = vec![Vec::new()];
        for key in &keys {
            if variants.len() * key.sources.len() > VARIANTS_MAX {
                return Err(AggregateError::TooMany("combinations"));
            }
            let longer = variants.iter().flat_map(|variant: &Vec<Source>| {
                key.sources.iter().map(|source| {
                    let mut longer = variant.clone();
                    longer.push(*source);
                    longer
                })
            });
            variants = longer.collect();
        }
        options.separate_totals = variants.len() > 1
            || options.both_directions
            || keys.iter().any(|key| key.absent == Absent::Skip);
        let pairs = if options.both_directions {
            pairs(&keys)?
        } else {
            Vec::new()
        };
        let layout = Layout::new(&keys, options.numbered)?;
        Ok(Grouping(Arc::new(Inner {
            keys,
            layout,
            distinct,
            quantiles,
            variants,
            options,
            hasher: RandomState::default(),
            texts: Texts::default(),
            pairs,
        })))
    }
}

/// The keys that belong together as source and destination.
fn pairs(keys: &[Key]) -> Result<Vec<(usize, usize)>> {
    let mut pairs = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let one_sided = || AggregateError::OneSided(key.name.clone());
        let (here, there) = match key.name.get(..4) {
            Some("src_") => ("src_", "dst_"),
            Some("dst_") => ("dst_", "src_"),
            _ => continue,
        };
        let counterpart = key.name.replacen(here, there, 1);
        let other = keys
            .iter()
            .position(|other| {
                let same_mask = other.transform == key.transform
                    || matches!(other.transform, Transform::FlowMask(_));
                other.name == counterpart && other.shape() == key.shape() && same_mask
            })
            .ok_or_else(one_sided)?;
        if key.shape() == Shape::Text {
            return Err(one_sided());
        }
        if here == "src_" {
            pairs.push((at, other));
        }
    }
    Ok(pairs)
}
