//! The fixed-width row of a group: words of the key, then words of counters.
//!
//! Narrow values, presence and families share the first words (the head); wide values follow. Rows are
//! equal exactly if their key words are.

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::key::Key;
use crate::aggregate::source::{Shape, Stored};

/// Words of a key at most: bounds the memory of one group.
const KEY_WORDS_MAX: usize = 64;

/// Counters, by their place after the key. Sums come first, then maxima, minima, unions.
pub(crate) mod counter {
    pub(crate) const FLOWS: usize = 0;
    pub(crate) const IN_PACKETS: usize = 1;
    pub(crate) const IN_BYTES: usize = 2;
    pub(crate) const OUT_PACKETS: usize = 3;
    pub(crate) const OUT_BYTES: usize = 4;
    /// Sums end here.
    pub(crate) const SUMS: usize = 5;
    pub(crate) const LAST: usize = 5;
    pub(crate) const FIRST: usize = 6;
    pub(crate) const FLAGS: usize = 7;
    /// Number of the first flow, with its direction in bit 0; only if the grouping wants it.
    pub(crate) const NUMBER: usize = 8;
    /// Counters without `NUMBER`.
    pub(crate) const COUNT: usize = 8;

    /// Words of the counters of a narrow row: flows and flags in one word, packets, last, bytes, first. Rows of
    /// groups without outgoing counters are kept so; see [`Narrow`](super::Narrow).
    pub(crate) const NARROW: usize = 5;
}

/// Counters in fewer words: those of groups without outgoing counters and with less than 2^48 flows.
#[derive(Clone, Copy)]
pub(crate) struct Narrow;

impl Narrow {
    /// Bits of the flags, below the flows.
    const FLAGS: u32 = 16;

    /// Whether these flows fit.
    #[inline]
    pub(crate) fn holds_flows(flows: u64) -> bool {
        flows >> (64 - Self::FLAGS) == 0
    }

    /// Whether these counters fit.
    #[inline]
    pub(crate) fn holds(counters: &[u64; counter::COUNT]) -> bool {
        (counters[counter::OUT_PACKETS] | counters[counter::OUT_BYTES]) == 0
            && Self::holds_flows(counters[counter::FLOWS])
            && counters[counter::FLAGS] >> Self::FLAGS == 0
    }

    #[inline]
    pub(crate) fn pack(counters: &[u64; counter::COUNT]) -> [u64; counter::NARROW] {
        Self::of(
            counters[counter::FLOWS] << Self::FLAGS | counters[counter::FLAGS],
            counters[counter::IN_PACKETS],
            counters[counter::IN_BYTES],
            counters[counter::FIRST],
            counters[counter::LAST],
        )
    }

    /// Those of one flow.
    #[inline]
    pub(crate) fn flow(
        flags: u8,
        packets: u64,
        bytes: u64,
        first: u64,
        last: u64,
    ) -> [u64; counter::NARROW] {
        let flows = 1 << Self::FLAGS | u64::from(flags);
        Self::of(flows, packets, bytes, first, last)
    }

    /// Neighbours are added in different ways, so that no compiler takes them together: without SSE 4 the greater of
    /// two pairs of words takes longer than two times the greater of two words.
    #[inline]
    fn of(flows: u64, packets: u64, bytes: u64, first: u64, last: u64) -> [u64; counter::NARROW] {
        [flows, packets, last, bytes, first]
    }

    /// Adds counters to others. Returns whether the sum fits; otherwise nothing has changed.
    #[inline]
    pub(crate) fn add(
        to: &mut [u64; counter::NARROW],
        from: &[u64; counter::NARROW],
        wrap: bool,
    ) -> bool {
        const FLAGS: u64 = (1 << Narrow::FLAGS) - 1;
        let Some(flows) = (to[0] & !FLAGS).checked_add(from[0] & !FLAGS) else {
            return false;
        };
        let sum = |a: u64, b: u64| match wrap {
            true => a.wrapping_add(b),
            false => a.saturating_add(b),
        };
        let [_, packets, last, bytes, first] = *from;
        *to = Self::of(
            flows | (to[0] | from[0]) & FLAGS,
            sum(to[1], packets),
            sum(to[3], bytes),
            to[4].min(first),
            to[2].max(last),
        );
        true
    }

    #[inline]
    pub(crate) fn unpack(narrow: &[u64; counter::NARROW]) -> [u64; counter::COUNT] {
        let [flows, packets, last, bytes, first] = *narrow;
        let flags = flows & ((1 << Self::FLAGS) - 1);
        [
            flows >> Self::FLAGS,
            packets,
            bytes,
            0,
            0,
            last,
            first,
            flags,
        ]
    }
}

/// The counters of a row after its key, narrow or not.
#[inline]
pub(crate) fn counters_of(stored: &[u64]) -> [u64; counter::COUNT] {
    match stored.first_chunk::<{ counter::NARROW }>() {
        Some(narrow) if stored.len() == counter::NARROW => Narrow::unpack(narrow),
        _ => stored.first_chunk().copied().unwrap_or_default(),
    }
}

/// Where one part of the key is in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) shape: Shape,
    /// Word with tag and narrow value.
    pub(crate) head: usize,
    /// Bit of the tag in it; the narrow value or the prefix length follows.
    pub(crate) bit: u32,
    /// First wide word.
    pub(crate) wide: usize,
}

impl Place {
    /// Bits in the head: tag and value.
    fn head_bits(shape: Shape) -> u32 {
        match shape {
            Shape::Narrow(bits) => 1 + u32::from(bits),
            Shape::Text => 33,
            Shape::Word | Shape::Double => 1,
            Shape::Address => 2,
            Shape::Network => 10,
        }
    }

    fn wide_words(shape: Shape) -> usize {
        match shape {
            Shape::Narrow(_) | Shape::Text => 0,
            Shape::Word => 1,
            Shape::Double | Shape::Address | Shape::Network => 2,
        }
    }

    fn tag_bits(self) -> u32 {
        match self.shape {
            Shape::Address | Shape::Network => 2,
            _ => 1,
        }
    }

    /// Puts a value into a row whose key words are 0.
    #[inline]
    pub(crate) fn put(self, row: &mut [u64], value: Stored) {
        // Only addresses of either family have more tags than one.
        let mut head = match self.shape {
            Shape::Address | Shape::Network => u64::from(value.tag),
            _ => u64::from(value.tag.min(1)),
        };
        let [high, low] = value.words;
        match self.shape {
            Shape::Narrow(_) | Shape::Text => head |= low << 1,
            Shape::Word => set(row, self.wide, low),
            Shape::Double | Shape::Address => {
                set(row, self.wide, high);
                set(row, self.wide + 1, low);
            }
            Shape::Network => {
                head |= u64::from(value.mask) << 2;
                set(row, self.wide, high);
                set(row, self.wide + 1, low);
            }
        }
        if let Some(word) = row.get_mut(self.head) {
            *word |= head << self.bit;
        }
    }

    /// Puts a value into a row that has another one.
    pub(crate) fn replace(self, row: &mut [u64], value: Stored) {
        if let Some(word) = row.get_mut(self.head) {
            *word &= !(((1 << Self::head_bits(self.shape)) - 1) << self.bit);
        }
        self.put(row, value);
    }

    /// The value in a row; tag 0 is absent.
    pub(crate) fn get(self, row: &[u64]) -> Stored {
        let word = |at: usize| row.get(at).copied().unwrap_or(0);
        let head = word(self.head) >> self.bit;
        let tag = (head & ((1 << self.tag_bits()) - 1)) as u8;
        let (mask, words) = match self.shape {
            Shape::Narrow(bits) => (0, [0, head >> 1 & ((1 << bits) - 1)]),
            Shape::Text => (0, [0, head >> 1 & 0xffff_ffff]),
            Shape::Word => (0, [0, word(self.wide)]),
            Shape::Double | Shape::Address => (0, [word(self.wide), word(self.wide + 1)]),
            Shape::Network => (
                (head >> 2 & 0xff) as u8,
                [word(self.wide), word(self.wide + 1)],
            ),
        };
        Stored { tag, mask, words }
    }
}

#[inline]
fn set(row: &mut [u64], at: usize, value: u64) {
    if let Some(word) = row.get_mut(at) {
        *word = value;
    }
}

/// The row of a grouping.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) places: Vec<Place>,
    /// Words of the key.
    pub(crate) key_words: usize,
    /// Words of a group: key and counters.
    pub(crate) words: usize,
}

impl Layout {
    /// Writes a row with all its words.
    pub(crate) fn widen(&self, row: &[u64], out: &mut Vec<u64>) {
        out.clear();
        self.append_wide(row, out);
    }

    /// Appends a row, narrow or not, with all its words.
    #[inline]
    pub(crate) fn append_wide(&self, row: &[u64], out: &mut Vec<u64>) {
        if row.len() == self.words {
            out.extend_from_slice(row);
            return;
        }
        let end = out.len() + self.words;
        let (key, stored) = row.split_at_checked(self.key_words).unwrap_or_default();
        out.extend(key);
        if stored.len() == counter::NARROW {
            out.extend(counters_of(stored));
        } else {
            out.extend(stored);
        }
        out.resize(end, 0);
    }

    pub(crate) fn new(keys: &[Key], numbered: bool) -> Result<Self> {
        let mut places = Vec::with_capacity(keys.len());
        let (mut head, mut used) = (0, 0);
        for key in keys {
            let shape = key.shape();
            let bits = Place::head_bits(shape);
            if used + bits > 64 {
                (head, used) = (head + 1, 0);
            }
            places.push(Place {
                shape,
                head,
                bit: used,
                wide: 0,
            });
            used += bits;
        }
        let mut wide = head + 1;
        for place in &mut places {
            place.wide = wide;
            wide += Place::wide_words(place.shape);
        }
        if wide > KEY_WORDS_MAX {
            return Err(AggregateError::TooMany("keys"));
        }
        Ok(Self {
            places,
            key_words: wide,
            words: wide + counter::COUNT + usize::from(numbered),
        })
    }
}
