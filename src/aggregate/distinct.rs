//! How many different values: exact for few, an estimate for many.
//!
//! Up to [`EXACT_MAX`] values are kept as 64-bit hashes in an open table. Beyond, HyperLogLog with 2^12
//! registers and Ertl's estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017)
//! has a standard error of 1.04 / 64 = 1.6 %. The hash has no seed, so that counts of different runs
//! merge; values made to collide are counted too low.

/// Values that are counted exactly.
pub(crate) const EXACT_MAX: usize = 512;
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// Bits of a hash after the number of the register.
const REST: u32 = 64 - PRECISION;
const TABLE_MIN: usize = 4;

/// Different values of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Distinct(State);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Empty,
    One(u64),
    /// Open table of a power of 2; 0 is free.
    Few {
        slots: Box<[u64]>,
        count: usize,
    },
    Sketch(Box<[u8; REGISTERS]>),
}

/// A hash of a value that is never 0; the same in all processes.
pub(crate) fn hash(tag: u8, words: &[u64]) -> u64 {
    let mut state = u64::from(tag).wrapping_add(0x9e37_79b9_7f4a_7c15);
    for word in words {
        state = mix(state ^ *word);
    }
    mix(state).max(1)
}

/// As [`hash`], of bytes.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut state = mix(bytes.len() as u64 ^ 0x5851_f42d_4c95_7f2d);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    state.max(1)
}

/// One to one, so that different numbers have different hashes (SplitMix64).
fn mix(word: u64) -> u64 {
    let mut mixed = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Distinct {
    /// Adds a value by its hash; 0 is none.
    pub(crate) fn add(&mut self, hash: u64) {
        match &mut self.0 {
            _ if hash == 0 => {}
            State::Empty => self.0 = State::One(hash),
            State::One(known) if *known == hash => {}
            State::One(known) => {
                let known = *known;
                let mut slots = vec![0; TABLE_MIN].into_boxed_slice();
                insert(&mut slots, known);
                insert(&mut slots, hash);
                self.0 = State::Few { slots, count: 2 };
            }
            State::Few { slots, count } => {
                *count += usize::from(insert(slots, hash));
                if *count > EXACT_MAX {
                    let mut registers = Box::new([0; REGISTERS]);
                    let hashes = slots.iter().filter(|hash| **hash != 0);
                    hashes.for_each(|hash| register(&mut registers, *hash));
                    self.0 = State::Sketch(registers);
                } else if *count * 4 > slots.len() * 3 {
                    let mut larger = vec![0; slots.len() * 2].into_boxed_slice();
                    for hash in slots.iter().filter(|hash| **hash != 0) {
                        insert(&mut larger, *hash);
                    }
                    *slots = larger;
                }
            }
            State::Sketch(registers) => register(registers, hash),
        }
    }

    /// Adds the values of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        match &other.0 {
            State::Empty => {}
            State::One(hash) => self.add(*hash),
            State::Few { slots, .. } => slots.iter().for_each(|hash| self.add(*hash)),
            State::Sketch(theirs) => {
                let mut registers = theirs.clone();
                match &self.0 {
                    State::Empty => {}
                    State::One(hash) => register(&mut registers, *hash),
                    State::Few { slots, .. } => {
                        let hashes = slots.iter().filter(|hash| **hash != 0);
                        hashes.for_each(|hash| register(&mut registers, *hash));
                    }
                    State::Sketch(ours) => {
                        let pairs = registers.iter_mut().zip(ours.iter());
                        pairs.for_each(|(to, from)| *to = (*to).max(*from));
                    }
                }
                self.0 = State::Sketch(registers);
            }
        }
    }

    /// How many values, and whether this is exact.
    pub(crate) fn count(&self) -> (u64, bool) {
        match &self.0 {
            State::Empty => (0, true),
            State::One(_) => (1, true),
            State::Few { count, .. } => (*count as u64, true),
            State::Sketch(registers) => (estimate(registers), false),
        }
    }

    /// Memory beside the value itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.0 {
            State::Empty | State::One(_) => 0,
            State::Few { slots, .. } => slots.len() * 8,
            State::Sketch(_) => REGISTERS,
        }
    }

    /// Appends a stored form: a count of hashes and the hashes, or `u32::MAX` and the registers.
    pub(crate) fn store(&self, out: &mut Vec<u8>) {
        let mut hashes = |hashes: &[u64]| {
            let found = hashes.iter().filter(|hash| **hash != 0);
            out.extend((found.clone().count() as u32).to_le_bytes());
            found.for_each(|hash| out.extend(hash.to_le_bytes()));
        };
        match &self.0 {
            State::Empty => hashes(&[]),
            State::One(hash) => hashes(&[*hash]),
            State::Few { slots, .. } => hashes(slots),
            State::Sketch(registers) => {
                out.extend(u32::MAX.to_le_bytes());
                out.extend(registers.iter());
            }
        }
    }

    /// Bytes of a stored form that begins with this number; `None` if there is none.
    pub(crate) fn stored_size(count: u32) -> Option<usize> {
        match count {
            u32::MAX => Some(4 + REGISTERS),
            count if count as usize <= EXACT_MAX => Some(4 + count as usize * 8),
            _ => None,
        }
    }

    /// Reads what [`store`](Self::store) wrote; `None` if that is not what it is.
    pub(crate) fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let (count, mut rest) = bytes.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count);
        let mut distinct = Self::default();
        if count == u32::MAX {
            let (registers, after) = rest.split_first_chunk::<REGISTERS>()?;
            if registers.iter().any(|value| u32::from(*value) > REST + 1) {
                return None;
            }
            distinct.0 = State::Sketch(Box::new(*registers));
            rest = after;
        } else {
            if count as usize > EXACT_MAX {
                return None;
            }
            for _ in 0..count {
                let (hash, after) = rest.split_first_chunk::<8>()?;
                distinct.add(u64::from_le_bytes(*hash));
                rest = after;
            }
        }
        *bytes = rest;
        Some(distinct)
    }
}

/// Returns whether the hash is new. There must be a free slot.
fn insert(slots: &mut [u64], hash: u64) -> bool {
    let mask = slots.len().wrapping_sub(1);
    for step in 0..slots.len() {
        let place = (hash as usize).wrapping_add(step) & mask;
        match slots.get_mut(place) {
            Some(slot) if *slot == 0 => {
                *slot = hash;
                return true;
            }
            Some(slot) if *slot == hash => return false,
            _ => {}
        }
    }
    false
}

fn register(registers: &mut [u8; REGISTERS], hash: u64) {
    let zeros = (hash << PRECISION).leading_zeros().min(REST);
    if let Some(register) = registers.get_mut((hash >> REST) as usize) {
        *register = (*register).max(zeros as u8 + 1);
    }
}

/// Ertl's improved estimator: unbiased from 0 to the whole range, without tables.
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let mut counts = [0_u32; REST as usize + 2];
    for value in registers {
        if let Some(count) = counts.get_mut(usize::from(*value)) {
            *count += 1;
        }
    }
    let m = REGISTERS as f64;
    let [zeros, middle @ .., full] = &counts;
    let mut z = m * tau(1.0 - f64::from(*full) / m);
    for count in middle.iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(*zeros) / m);
    (ALPHA * m * m / z).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::default();
        values.for_each(|value| distinct.add(hash(1, &[0, value])));
        distinct
    }

    #[test]
    fn few_values_are_counted_exactly() {
        for count in [0, 1, 2, 3, 100, EXACT_MAX as u64] {
            let twice = of((0..count).chain(0..count));
            assert_eq!(twice.count(), (count, true));
        }
    }

    #[test]
    fn many_values_are_estimated_within_four_standard_errors() {
        for count in [513, 1_000, 5_000, 12_000, 100_000, 1_000_000] {
            let (estimate, exact) = of(0..count).count();
            let error = (estimate as f64 - count as f64).abs() / count as f64;
            assert!(!exact && error < 4.0 * 0.0163, "{count}: {estimate}");
        }
    }

    #[test]
    fn merging_equals_counting_together() {
        for (a, b) in [(0, 5), (5, 600), (600, 5), (400, 400), (2_000, 3_000)] {
            let together = of((0..a).chain(1_000..1_000 + b));
            let mut merged = of(0..a);
            merged.merge(&of(1_000..1_000 + b));
            assert_eq!(merged.count(), together.count(), "{a} {b}");
            let mut turned = of(1_000..1_000 + b);
            turned.merge(&of(0..a));
            assert_eq!(turned.count(), together.count(), "{a} {b}");
        }
    }

    #[test]
    fn stored_counts_are_read_back() {
        for count in [0, 1, 3, 500, 5_000] {
            let distinct = of(0..count);
            let mut bytes = Vec::new();
            distinct.store(&mut bytes);
            let mut rest = bytes.as_slice();
            let read = Distinct::restore(&mut rest).expect("what was stored");
            assert_eq!((read.count(), rest.len()), (distinct.count(), 0));
            for cut in 0..bytes.len().min(40) {
                let mut short = bytes.get(..cut).unwrap_or_default();
                assert!(Distinct::restore(&mut short).is_none());
            }
        }
    }
}
