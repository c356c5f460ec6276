//! Sets of addresses and of numbers for fast lookups.
//!
//! An address set is a sequence of sorted ranges that do not touch, one per family, behind a bit map
//! that answers most lookups alone. A lookup costs the logarithm of the size of the set. Memory is in
//! proportion to the set.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network; with full length a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// Bits of the address beyond the prefix are cleared.
    pub(crate) fn new(address: IpAddr, length: u8) -> Self {
        let address = match address {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & !hosts).into()
            }
            IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & !hosts).into()
            }
        };
        Self { address, length }
    }

    pub(crate) fn address(self) -> IpAddr {
        self.address
    }

    pub(crate) fn length(self) -> u8 {
        self.length
    }

    pub(crate) fn length_max(self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    pub(crate) fn is_valid(self) -> bool {
        self.length <= self.length_max()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Most bits of the map in front of a set.
const MAP_BITS_MAX: usize = 1 << 15;
/// Bits of the map per piece of the address space that has members.
const BITS_PER_PIECE: usize = 32;
/// A range of more pieces than this is too wide for the map.
const PIECES_MAX: u64 = 1 << 12;

/// Answers for most pieces of the address space that no member is in them.
///
/// A hash map of bits, in proportion to the set: there may be as many sets as terms.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sieve {
    /// Empty: every piece may have members.
    map: Box<[u64]>,
    /// How far the hash of a piece is shifted to get its bit.
    shift: u32,
}

impl Sieve {
    /// `ranges` in pieces.
    fn new(ranges: impl Iterator<Item = (u64, u64)> + Clone) -> Self {
        let wide = ranges.clone().any(|(low, high)| high - low >= PIECES_MAX);
        let pieces = ranges.clone().map(|(low, high)| high - low + 1);
        let pieces = if wide { u64::MAX } else { pieces.sum::<u64>() };
        // A full map answers nothing.
        if pieces == 0 || pieces > MAP_BITS_MAX as u64 / 2 {
            return Self {
                map: Box::default(),
                shift: 0,
            };
        }
        let bits = (pieces as usize * BITS_PER_PIECE).next_power_of_two();
        let bits = bits.clamp(64, MAP_BITS_MAX);
        let mut sieve = Self {
            map: vec![0; bits / 64].into_boxed_slice(),
            shift: 64 - bits.trailing_zeros(),
        };
        for piece in ranges.flat_map(|(low, high)| low..=high) {
            let bit = sieve.bit(piece);
            if let Some(word) = sieve.map.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        sieve
    }

    #[inline]
    fn bit(&self, piece: u64) -> usize {
        (piece.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    #[inline]
    fn may_have(&self, piece: u64) -> bool {
        if self.map.is_empty() {
            return true;
        }
        let bit = self.bit(piece);
        self.map
            .get(bit / 64)
            .is_none_or(|word| word >> (bit % 64) & 1 == 1)
    }
}

/// A set of networks of both families.
#[derive(Clone, Debug)]
pub(crate) struct IpSet {
    /// Sorted, without duplicates.
    prefixes: Box<[Prefix]>,
    /// First and last address of each range; starts and ends ascend.
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl PartialEq for IpSet {
    fn eq(&self, other: &Self) -> bool {
        self.prefixes == other.prefixes
    }
}

impl Eq for IpSet {}

#[derive(Clone, Debug)]
struct Ranges<T> {
    starts: Box<[T]>,
    ends: Box<[T]>,
    sieve: Sieve,
}

impl<T: Copy + Ord> Ranges<T> {
    /// `ranges` must be sorted. `next` gives the following value, `piece` the part of the address
    /// space that a value is in.
    fn new(ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>, piece: impl Fn(T) -> u64) -> Self {
        let mut starts: Vec<T> = Vec::new();
        let mut ends: Vec<T> = Vec::new();
        for (start, end) in ranges {
            match ends.last_mut() {
                Some(last) if next(*last).is_none_or(|next| start <= next) => {
                    *last = end.max(*last);
                }
                _ => {
                    starts.push(start);
                    ends.push(end);
                }
            }
        }
        let pieces = starts.iter().zip(&ends);
        let sieve = Sieve::new(pieces.map(|(start, end)| (piece(*start), piece(*end))));
        Self {
            starts: starts.into(),
            ends: ends.into(),
            sieve,
        }
    }

    #[inline]
    fn contains(&self, value: T) -> bool {
        // The last range that starts at or before the value.
        let after = self.starts.partition_point(|start| *start <= value);
        after
            .checked_sub(1)
            .and_then(|at| self.ends.get(at))
            .is_some_and(|end| value <= *end)
    }
}

fn piece_of_v4(address: u32) -> u64 {
    u64::from(address >> 8)
}

fn piece_of_v6(address: u128) -> u64 {
    (address >> 64) as u64
}

impl IpSet {
    pub(crate) fn new(mut prefixes: Vec<Prefix>) -> Self {
        prefixes.sort_unstable();
        prefixes.dedup();
        let v4 = prefixes.iter().filter_map(|prefix| match prefix.address {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
                Some((address.to_bits(), address.to_bits() | hosts))
            }
            IpAddr::V6(_) => None,
        });
        let v6 = prefixes.iter().filter_map(|prefix| match prefix.address {
            IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
                Some((address.to_bits(), address.to_bits() | hosts))
            }
            IpAddr::V4(_) => None,
        });
        Self {
            v4: Ranges::new(v4.collect(), |v| v.checked_add(1), piece_of_v4),
            v6: Ranges::new(v6.collect(), |v| v.checked_add(1), piece_of_v6),
            prefixes: prefixes.into(),
        }
    }

    pub(crate) fn prefixes(&self) -> &[Prefix] {
        &self.prefixes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    pub(crate) fn has_v4(&self) -> bool {
        !self.v4.starts.is_empty()
    }

    pub(crate) fn has_v6(&self) -> bool {
        !self.v6.starts.is_empty()
    }

    #[inline]
    pub(crate) fn contains_v4(&self, address: u32) -> bool {
        self.v4.sieve.may_have(piece_of_v4(address)) && self.v4.contains(address)
    }

    #[inline]
    pub(crate) fn contains_v6(&self, address: u128) -> bool {
        self.v6.sieve.may_have(piece_of_v6(address)) && self.v6.contains(address)
    }
}

/// A set of numbers: a bit for each number up to the largest, or sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberSet {
    Bits(Box<[u64]>),
    Sorted {
        /// The bit of a value that is not in the set is mostly clear.
        sieve: [u64; 4],
        values: Box<[u64]>,
    },
}

impl NumberSet {
    /// `values` must be sorted.
    pub(crate) fn new(values: &[u64]) -> Self {
        /// Values below this can have a bit each.
        const SMALL: u64 = 1 << 16;
        /// Most words of bits per value: there may be as many lists as terms.
        const WORDS_PER_VALUE: usize = 32;
        let largest = values.last().copied().unwrap_or_default();
        let words = (largest / 64 + 1) as usize;
        if largest >= SMALL || words > WORDS_PER_VALUE * values.len() {
            let mut sieve = [0; 4];
            for value in values {
                let (word, bit) = sieve_bit(*value);
                if let Some(word) = sieve.get_mut(word) {
                    *word |= bit;
                }
            }
            return Self::Sorted {
                sieve,
                values: values.into(),
            };
        }
        let mut bits = vec![0_u64; words];
        for value in values {
            if let Some(word) = bits.get_mut((value / 64) as usize) {
                *word |= 1 << (value % 64);
            }
        }
        Self::Bits(bits.into())
    }

    #[inline]
    pub(crate) fn contains(&self, value: u64) -> bool {
        match self {
            Self::Bits(bits) => bits
                .get((value / 64) as usize)
                .is_some_and(|word| word >> (value % 64) & 1 == 1),
            Self::Sorted { sieve, values } => {
                let (word, bit) = sieve_bit(value);
                let may_have = sieve.get(word).is_some_and(|word| word & bit != 0);
                may_have && values.binary_search(&value).is_ok()
            }
        }
    }
}

/// The word of a sieve and the bit in it for a value: its lowest 8 bits.
#[inline]
fn sieve_bit(value: u64) -> (usize, u64) {
    ((value >> 6 & 3) as usize, 1 << (value & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefixes: &[&str]) -> IpSet {
        let parse = |text: &&str| {
            let (address, length) = text.split_once('/').unwrap();
            Prefix::new(address.parse().unwrap(), length.parse().unwrap())
        };
        IpSet::new(prefixes.iter().map(parse).collect())
    }

    fn contains(set: &IpSet, address: &str) -> bool {
        match address.parse().unwrap() {
            IpAddr::V4(address) => set.contains_v4(address.to_bits()),
            IpAddr::V6(address) => set.contains_v6(address.to_bits()),
        }
    }

    #[test]
    fn overlapping_touching_and_whole_networks() {
        let some = set(&[
            "10.1.2.3/32",
            "10.0.0.0/8",
            "11.0.0.0/9",
            "11.128.0.0/9",
            "192.0.2.9/24",
            "255.255.255.255/32",
            "2001:db8::1/32",
            "::1/128",
        ]);
        assert_eq!(some.v4.starts.len(), 3);
        for inside in [
            "10.0.0.0",
            "11.255.255.255",
            "192.0.2.0",
            "192.0.2.255",
            "255.255.255.255",
            "2001:db8:ffff::",
            "::1",
        ] {
            assert!(contains(&some, inside), "{inside}");
        }
        for outside in [
            "9.255.255.255",
            "12.0.0.0",
            "192.0.3.0",
            "255.255.255.254",
            "2001:db9::",
            "::",
            "::a01:203",
        ] {
            assert!(!contains(&some, outside), "{outside}");
        }
        let all = set(&["0.0.0.0/0", "::/0"]);
        for inside in ["0.0.0.0", "255.255.255.255", "::", "ffff::"] {
            assert!(contains(&all, inside));
        }
        assert!(!contains(&set(&["0.0.0.0/0"]), "::"));
    }

    #[test]
    fn sets_of_numbers() {
        let few = [0, 22, 80, 443, 65_535];
        let large = [1, 80, 1 << 40];
        let many: Vec<u64> = (0..2000).map(|number| number * 31).collect();
        for values in [&few[..], &large, &many, &[]] {
            let set = NumberSet::new(values);
            for value in 0..70_000 {
                assert_eq!(set.contains(value), values.contains(&value), "{value}");
            }
        }
        assert!(NumberSet::new(&large).contains(1 << 40));
        assert!(matches!(NumberSet::new(&many), NumberSet::Bits(_)));
    }

    #[test]
    fn small_sets_take_little_memory() {
        let one = set(&["192.0.2.1/32"]);
        assert_eq!((one.v4.sieve.map.len(), one.v6.sieve.map.len()), (1, 0));
        assert!(matches!(
            NumberSet::new(&[1, 60_000]),
            NumberSet::Sorted { .. }
        ));
        let NumberSet::Bits(bits) = NumberSet::new(&[22, 80, 443]) else {
            panic!("a few bits");
        };
        assert_eq!(bits.len(), 7);
    }

    proptest::proptest! {
        #[test]
        fn lookups_agree_with_a_scan(prefixes in proptest::collection::vec((0..4_u32, 0..=255_u32, 20..=32_u8), 1..40),
                     asked in proptest::collection::vec((0..4_u32, 0..=1023_u32), 40)) {
            let address = |a: u32, b: u32| Ipv4Addr::from_bits(0x0A00_0000 | a << 16 | b);
            let list: Vec<Prefix> = prefixes.iter().map(|(a, b, n)| Prefix::new(address(*a, *b).into(), *n)).collect();
            let set = IpSet::new(list.clone());
            for (a, b) in asked {
                let asked = address(a, b);
                let scan = list.iter().any(|p| Prefix::new(asked.into(), p.length) == *p);
                proptest::prop_assert_eq!(set.contains_v4(asked.to_bits()), scan);
            }
        }
    }
}
