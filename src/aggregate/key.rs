//! One part of a grouping's key.

use crate::aggregate::bins::Bins;
use crate::aggregate::distinct;
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::source::{Shape, Source, Stored, Value};
use crate::flow::at::id;
use crate::flow::element::either_fields;
use crate::flow::view::Flow;

/// What an absent value of a key means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absent {
    /// A value of its own: flows without the field are a group.
    #[default]
    Group,
    /// The value 0, for addresses 0.0.0.0; as nfdump groups numbers and in `-A`.
    Zero,
    /// The flow is not counted; as nfdump's statistics of addresses and texts.
    Skip,
}

/// How a value is changed before it is grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transform {
    None,
    /// The network under a prefix length, for IPv4 and for IPv6.
    Prefix([u8; 2]),
    /// The network under the mask of element 4; byte of the mask.
    FlowMask(usize),
    /// The start of an interval.
    Every(Bins),
}

/// One part of a grouping's key: a field, an address under a prefix, or a time interval.
///
/// ```
/// use nfdecode::aggregate::Key;
/// let network = Key::prefix("src_addr", 24, 64)?;
/// let either = Key::any_of(["src_port", "dst_port"])?;
/// # Ok::<(), nfdecode::aggregate::AggregateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Key {
    pub(crate) name: String,
    /// One or more: each gives a key of its own for every flow.
    pub(crate) sources: Vec<Source>,
    pub(crate) transform: Transform,
    pub(crate) absent: Absent,
}

impl Key {
    /// A field by name: one of [`element`](crate::element), an address of either family (`src_addr`,
    /// `dst_addr`, `next_hop`, `bgp_next_hop`, `exporter_addr`, `src_xlt_addr`, `dst_xlt_addr`,
    /// `src_tun_addr`, `dst_tun_addr`), a field of the record header (`exporter_sysid`, `engine_type`,
    /// `engine_id`, `export_version`, `is_event`, `is_sampled`, `is_anonymized`), or a value of a TLS hello in
    /// the payload (`tls_version`, `tls_sni`, `ja3`, `ja4`), or the name that a DNS message asks for
    /// (`dns_name`, lower case).
    ///
    /// # Errors
    /// [`AggregateError::UnknownField`] with the closest names.
    pub fn field(name: &str) -> Result<Self> {
        Ok(Self::of(name, vec![Source::named(name)?]))
    }

    /// As [`field`](Self::field), as stored: present in every flow that has the element. So `dst_port`
    /// is type and code of ICMP flows, as in nfdump's statistics.
    ///
    /// # Errors
    /// As [`field`](Self::field).
    pub fn stored(name: &str) -> Result<Self> {
        Ok(Self::of(name, vec![Source::stored(name)?]))
    }

    /// Each of several fields in turn: a flow counts once for every field, twice in one group if two
    /// values are equal.
    ///
    /// # Errors
    /// As [`field`](Self::field), and [`AggregateError::MixedTypes`].
    pub fn any_of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        let keys: Result<Vec<Self>> = names.into_iter().map(Self::field).collect();
        Self::joined(keys?)
    }

    /// As [`any_of`](Self::any_of), with fields as [`stored`](Self::stored).
    ///
    /// # Errors
    /// As [`any_of`](Self::any_of).
    pub fn any_of_stored<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        let keys: Result<Vec<Self>> = names.into_iter().map(Self::stored).collect();
        Self::joined(keys?)
    }

    /// The network of an address under a prefix length for each family; 0 makes one network of a family.
    ///
    /// # Errors
    /// [`AggregateError::Prefix`] if the field is no address or a length too long.
    pub fn prefix(name: &str, v4: u8, v6: u8) -> Result<Self> {
        Self::field(name)?.with_prefix(v4, v6)
    }

    /// This key under a prefix length for each family.
    ///
    /// # Errors
    /// As [`prefix`](Self::prefix).
    pub fn with_prefix(mut self, v4: u8, v6: u8) -> Result<Self> {
        let fits = v4 <= 32 && v6 <= 128 && self.sources.iter().all(Source::is_address);
        if !fits || self.transform != Transform::None {
            return Err(AggregateError::Prefix(self.name));
        }
        self.transform = Transform::Prefix([v4, v6]);
        Ok(self)
    }

    /// The network of `src_addr` (or `dst_addr`) under the mask stored in the flow; without a mask that of
    /// all addresses of the family (`0.0.0.0/0`, `::/0`). Masks too long for the family count as full.
    #[must_use]
    pub fn network(source: bool) -> Self {
        let (name, at) = if source {
            ("src_addr", 8)
        } else {
            ("dst_addr", 9)
        };
        let either = either_fields().iter();
        let sources = either
            .filter(|either| either.name == name)
            .map(Source::Either)
            .collect();
        let mut key = Self::of(if source { "src_net" } else { "dst_net" }, sources);
        key.transform = Transform::FlowMask(at);
        key
    }

    /// The interval of time that a field lies in, by its start.
    ///
    /// # Errors
    /// [`AggregateError::Interval`] if the field is no time or the interval 0.
    pub fn every(name: &str, bins: Bins) -> Result<Self> {
        let mut key = Self::field(name)?;
        if bins.interval() == 0 || !key.sources.iter().all(Source::is_time) {
            return Err(AggregateError::Interval(key.name));
        }
        key.transform = Transform::Every(bins);
        Ok(key)
    }

    /// What the absence of the value means.
    #[must_use]
    pub fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    /// Whether its values are numbers.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.sources.first().is_some_and(Source::is_number)
    }

    /// Whether its values are instants.
    #[must_use]
    pub fn is_time(&self) -> bool {
        self.sources.first().is_some_and(Source::is_time)
    }

    /// Another name for the key, for columns and messages.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Its name: that of the field unless [`named`](Self::named) otherwise.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn of(name: &str, sources: Vec<Source>) -> Self {
        Self {
            name: name.to_owned(),
            sources,
            transform: Transform::None,
            absent: Absent::Group,
        }
    }

    fn joined(keys: Vec<Self>) -> Result<Self> {
        let names: Vec<String> = keys.iter().map(|key| key.name.clone()).collect();
        let sources: Vec<Source> = keys.into_iter().flat_map(|key| key.sources).collect();
        let name = names.join("|");
        let Some(shape) = sources.first().map(Source::shape) else {
            return Err(AggregateError::MixedTypes(name));
        };
        if sources.iter().any(|source| source.shape() != shape) {
            return Err(AggregateError::MixedTypes(name));
        }
        Ok(Self::of(&name, sources))
    }

    /// A hash of the value of a flow; 0 if absent.
    pub(crate) fn value_hash(&self, flow: &Flow<'_>) -> u64 {
        let Some(source) = self.sources.first() else {
            return 0;
        };
        match source.value(flow) {
            None => 0,
            Some(Value::Text(text)) => distinct::hash_bytes(text),
            Some(Value::Boxed(text)) => distinct::hash_bytes(&text),
            Some(Value::Owned(text, length)) => {
                distinct::hash_bytes(text.get(..length).unwrap_or_default())
            }
            Some(Value::Stored(stored)) => {
                let stored = self.transform.apply(stored, flow);
                let [high, low] = stored.words;
                match high {
                    0 => distinct::hash(stored.tag, &[low]),
                    _ => distinct::hash(stored.tag, &[low, high]),
                }
            }
        }
    }

    /// How its values are stored.
    pub(crate) fn shape(&self) -> Shape {
        match (self.sources.first().map(Source::shape), &self.transform) {
            (Some(Shape::Address), Transform::Prefix(_) | Transform::FlowMask(_)) => Shape::Network,
            (shape, _) => shape.unwrap_or(Shape::Word),
        }
    }
}

impl Transform {
    /// Changes a value that is present.
    #[inline]
    pub(crate) fn apply(&self, stored: Stored, flow: &Flow<'_>) -> Stored {
        match self {
            Self::None => stored,
            Self::Prefix(lengths) => {
                let length = if stored.tag == 2 {
                    lengths[1]
                } else {
                    lengths[0]
                };
                network(stored, length)
            }
            Self::FlowMask(at) => {
                let misc = flow.element(id::MISC);
                let mask = misc.map_or(0, |misc| crate::flow::bytes::u8_at(misc, *at));
                network(stored, mask)
            }
            Self::Every(bins) => {
                let [high, time] = stored.words;
                Stored {
                    words: [high, bins.start(time)],
                    ..stored
                }
            }
        }
    }
}

/// The network of an address; lengths too long for the family count as full.
#[inline]
pub(crate) fn network(stored: Stored, length: u8) -> Stored {
    let [high, low] = stored.words;
    if stored.tag == 2 {
        let mask = length.min(128);
        let host = u128::MAX.checked_shr(mask.into()).unwrap_or(0);
        let bits = (u128::from(high) << 64 | u128::from(low)) & !host;
        return Stored {
            tag: 2,
            mask,
            words: [(bits >> 64) as u64, bits as u64],
        };
    }
    let mask = length.min(32);
    let host = u32::MAX.checked_shr(mask.into()).unwrap_or(0);
    Stored {
        tag: stored.tag,
        mask,
        words: [0, low & u64::from(!host)],
    }
}
