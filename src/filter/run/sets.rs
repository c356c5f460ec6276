//! Sets of addresses and of numbers, made for looking up.
//!
//! Address sets are sorted ranges that do not touch, one sequence a family, behind a small bit map
//! that answers most questions alone. The cost of a question grows with the logarithm of the set.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network, or with full length a single address.
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

/// Bits of the map in front of a set.
const MAP_BITS: usize = 1 << 15;
/// A range of more pieces than this is too wide for the map.
const PIECES_MAX: u64 = 1 << 12;

/// Tells for sure of most pieces of the address space that no member is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sieve(Option<Box<[u64]>>);

impl Sieve {
    /// `ranges` in pieces.
    fn new(ranges: impl Iterator<Item = (u64, u64)> + Clone) -> Self {
        let wide = ranges.clone().any(|(low, high)| high - low >= PIECES_MAX);
        let pieces = ranges.clone().map(|(low, high)| high - low + 1);
        // A full map answers nothing.
        if wide || pieces.sum::<u64>() > MAP_BITS as u64 / 2 {
            return Self(None);
        }
        let mut map = vec![0_u64; MAP_BITS / 64].into_boxed_slice();
        for piece in ranges.flat_map(|(low, high)| low..=high) {
            let bit = Self::bit(piece);
            if let Some(word) = map.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        Self(Some(map))
    }

    #[inline]
    fn bit(piece: u64) -> usize {
        let mixed = piece.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - MAP_BITS.trailing_zeros())) as usize
    }

    #[inline]
    fn may_have(&self, piece: u64) -> bool {
        let Some(map) = &self.0 else { return true };
        let bit = Self::bit(piece);
        map.get(bit / 64)
            .is_none_or(|word| word >> (bit % 64) & 1 == 1)
    }
}

/// A set of networks of both families.
#[derive(Clone, Debug)]
pub(crate) struct IpSet {
    /// Sorted, each once.
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
    /// `ranges` sorted; `next` is the value after one; `piece` names the part of the address space.
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

/// A set of numbers: a bit each for those of 16 bits, sorted otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberSet {
    Bits(Box<[u64]>),
    Sorted(Box<[u64]>),
}

impl NumberSet {
    /// `values` sorted.
    pub(crate) fn new(values: &[u64]) -> Self {
        const SMALL: usize = 1 << 16;
        if values.last().is_none_or(|last| *last >= SMALL as u64) {
            return Self::Sorted(values.into());
        }
        let mut bits = vec![0_u64; SMALL / 64];
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
            Self::Sorted(values) => values.binary_search(&value).is_ok(),
        }
    }
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

    proptest::proptest! {
        #[test]
        fn as_a_scan(prefixes in proptest::collection::vec((0..4_u32, 0..=255_u32, 20..=32_u8), 1..40),
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
