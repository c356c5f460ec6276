//! A dictionary of values of fixed size.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use crate::columns::parquet::encode::value::PageValue;

/// Values by number, in the order of their first occurrence.
pub(crate) struct Dictionary<T> {
    pub(crate) entries: Vec<T>,
    /// The number of an entry plus 1, at a place that follows from its hash. At least half are 0.
    slots: Vec<u32>,
    /// By how much hashes are shifted to become places.
    shift: u32,
}

/// The factor of all hashes. It is secret, so that no input can be made whose values collide.
static FACTOR: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0_u8) | 1);

/// The factor for [`Dictionary::number`].
pub(crate) fn factor() -> u64 {
    *FACTOR
}

/// The place of a hash among slots; masked by the caller.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a table has fewer than 2^32 slots"
)]
#[inline]
fn place_of(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize
}

impl<T: PageValue> Dictionary<T> {
    pub(crate) fn new() -> Self {
        const BITS: u32 = 6;
        Self {
            entries: Vec::new(),
            slots: vec![0; 1 << BITS],
            shift: 64 - BITS,
        }
    }

    /// The number of a value, which becomes an entry if it is new.
    #[inline]
    pub(crate) fn number(&mut self, value: T, factor: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = place_of(value.hash(factor), self.shift);
        loop {
            match self.slots.get(at & mask) {
                Some(0) | None => break,
                Some(slot) => {
                    let number = slot - 1;
                    if self.entries.get(number as usize) == Some(&value) {
                        return number;
                    }
                }
            }
            at += 1;
        }
        self.insert(value, at & mask, factor)
    }

    #[inline(never)]
    fn insert(&mut self, value: T, at: usize, factor: u64) -> u32 {
        // Entries are limited to 2^16 and a page, far below 2^32.
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX - 1);
        self.entries.push(value);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = number + 1;
        }
        if self.entries.len() * 2 > self.slots.len() {
            self.grow(factor);
        }
        number
    }

    fn grow(&mut self, factor: u64) {
        let mut slots = vec![0; self.slots.len() * 4];
        self.shift -= 2;
        let mask = slots.len() - 1;
        for (entry, number) in self.entries.iter().zip(1..) {
            let mut at = place_of(entry.hash(factor), self.shift);
            while let Some(slot) = slots.get_mut(at & mask) {
                if *slot == 0 {
                    *slot = number;
                    break;
                }
                at += 1;
            }
        }
        self.slots = slots;
    }

    /// Appends the entries as the dictionary page has them, and returns their number.
    pub(crate) fn write(&self, page: &mut Vec<u8>, width: usize) -> usize {
        for entry in &self.entries {
            entry.put(width, page);
        }
        self.entries.len()
    }
}
