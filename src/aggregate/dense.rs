//! The hash table: 8-byte slots that point into dense rows.
//!
//! A slot holds 32 bits of the hash and the number of a row. Those bits also give the place of the slot,
//! so that growing reads and writes slots in order and never looks at rows. Rows lie in chunks and do not
//! move; a table never has room for twice the rows it needs.

use crate::aggregate::layout::counter;

/// Rows of one chunk.
const CHUNK: usize = 1 << 10;
const CHUNK_BITS: u32 = CHUNK.trailing_zeros();
/// A slot without a row. Not 0: new slots must be written, since memory that is first read and then
/// written faults twice.
const EMPTY: u64 = u64::MAX;
const SLOTS_MIN: usize = 1 << 8;
/// Slots of a table that does not fit into the second cache.
const LARGE: usize = 1 << 14;
/// Rows that are read ahead.
const TOUCHED: usize = 64;

/// Rows by key.
#[derive(Debug)]
pub(crate) struct Dense {
    slots: Vec<u64>,
    /// The place of a hash is its upper bits.
    shift: u32,
    chunks: Vec<Vec<u64>>,
    len: usize,
    key_words: usize,
    words: usize,
    wrap: bool,
}

impl Dense {
    pub(crate) fn new(key_words: usize, words: usize, wrap: bool) -> Self {
        let mut dense = Self {
            slots: Vec::new(),
            shift: 32 - SLOTS_MIN.trailing_zeros(),
            chunks: Vec::new(),
            len: 0,
            key_words,
            words,
            wrap,
        };
        dense.slots.resize(SLOTS_MIN, EMPTY);
        dense
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Memory in use, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        // Called often, so that chunks are not looked at: all but the first are made whole.
        let rows = match self.chunks.as_slice() {
            [only] => only.capacity(),
            chunks => chunks.len() * CHUNK * self.words,
        };
        (rows + self.slots.capacity()) * 8
    }

    /// The row with this number.
    #[inline]
    pub(crate) fn row(&self, number: u32) -> &[u64] {
        let number = number as usize;
        let at = (number & (CHUNK - 1)) * self.words;
        self.chunks
            .get(number >> CHUNK_BITS)
            .and_then(|chunk| chunk.get(at..at + self.words))
            .unwrap_or_default()
    }

    /// All rows in order of their number.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.chunks_exact(self.words))
    }

    /// Adds rows to those of the same key. `found` gets their numbers.
    pub(crate) fn absorb(&mut self, rows: &[u64], hashes: &[u64], found: &mut Vec<u32>) {
        found.clear();
        self.each(rows, hashes, |number| found.push(number));
    }

    /// As [`absorb`](Self::absorb), for those who do not need the numbers.
    pub(crate) fn absorb_all(&mut self, rows: &[u64], hashes: &[u64]) {
        self.each(rows, hashes, |_| {});
    }

    fn each(&mut self, rows: &[u64], hashes: &[u64], found: impl FnMut(u32)) {
        self.make_room(hashes.len());
        if self.slots.len() >= LARGE {
            for hashes in hashes.chunks(TOUCHED) {
                self.touch(hashes);
            }
        }
        // Keys of a known length are compared without a call, and without a loop.
        match self.key_words {
            1 => self.each_of::<1>(rows, hashes, found),
            2 => self.each_of::<2>(rows, hashes, found),
            3 => self.each_of::<3>(rows, hashes, found),
            4 => self.each_of::<4>(rows, hashes, found),
            5 => self.each_of::<5>(rows, hashes, found),
            _ => self.each_of::<0>(rows, hashes, found),
        }
    }

    /// `K` words of a key are compared as an array, the others one by one.
    fn each_of<const K: usize>(
        &mut self,
        rows: &[u64],
        hashes: &[u64],
        mut found: impl FnMut(u32),
    ) {
        for (row, hash) in rows.chunks_exact(self.words).zip(hashes) {
            found(self.absorb_one::<K>(row, *hash as u32));
        }
    }

    /// Reads the slots and rows that hashes lead to: independent reads, whose misses of the cache overlap, which
    /// those of [`absorb_one`](Self::absorb_one) do not.
    fn touch(&self, hashes: &[u64]) {
        let mut slots = [EMPTY; TOUCHED];
        for (slot, hash) in slots.iter_mut().zip(hashes) {
            let place = (*hash as u32 >> self.shift) as usize;
            *slot = self.slots.get(place).copied().unwrap_or(EMPTY);
        }
        let mut sum = 0;
        for slot in slots.iter().filter(|slot| **slot != EMPTY) {
            if let [first, .., last] = self.row(*slot as u32) {
                sum ^= first ^ last;
            }
        }
        std::hint::black_box(sum);
    }

    #[inline]
    fn absorb_one<const K: usize>(&mut self, row: &[u64], hash: u32) -> u32 {
        let mask = self.slots.len() - 1;
        let mut place = (hash >> self.shift) as usize;
        loop {
            // `place` is masked, so that there always is a slot; the other arm is never taken.
            let Some(slot) = self.slots.get_mut(place & mask) else {
                return 0;
            };
            if *slot == EMPTY {
                let number = self.len as u32;
                *slot = u64::from(hash) << 32 | u64::from(number);
                self.push(row);
                return number;
            }
            if (*slot >> 32) as u32 == hash {
                let number = *slot as u32;
                if self.add_to::<K>(number, row) {
                    return number;
                }
            }
            place += 1;
        }
    }

    /// Adds `row` to the one with this number if the keys are equal.
    #[inline]
    fn add_to<const K: usize>(&mut self, number: u32, row: &[u64]) -> bool {
        let number = number as usize;
        let at = (number & (CHUNK - 1)) * self.words;
        let chunk = self.chunks.get_mut(number >> CHUNK_BITS);
        let entry = chunk.and_then(|chunk| chunk.get_mut(at..at + self.words));
        let entry = entry.and_then(|entry| entry.split_first_chunk_mut::<K>());
        let (Some((key, counters)), Some((row_key, row_counters))) =
            (entry, row.split_first_chunk::<K>())
        else {
            return false;
        };
        if key != row_key {
            return false;
        }
        let rest = self.key_words - K;
        let (Some((key, counters)), Some((row_key, row_counters))) = (
            counters.split_at_mut_checked(rest),
            row_counters.split_at_checked(rest),
        ) else {
            return false;
        };
        if key.iter().zip(row_key).any(|(ours, theirs)| ours != theirs) {
            return false;
        }
        add(counters, row_counters, self.wrap);
        true
    }

    fn push(&mut self, row: &[u64]) {
        if self.len & (CHUNK - 1) == 0 {
            // Small tables stay small; later chunks are made in one piece.
            let rows = if self.len == 0 { 16 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(rows * self.words));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.extend_from_slice(row);
        }
        self.len += 1;
    }

    fn make_room(&mut self, more: usize) {
        while (self.len + more) * 4 > self.slots.len() * 3 {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let mut slots = Vec::with_capacity(size);
        slots.resize(size, EMPTY);
        self.shift -= 1;
        let mask = size - 1;
        for slot in self.slots.iter().filter(|slot| **slot != EMPTY) {
            let mut place = ((*slot >> 32) as u32 >> self.shift) as usize;
            loop {
                match slots.get_mut(place & mask) {
                    Some(free) if *free == EMPTY => {
                        *free = *slot;
                        break;
                    }
                    Some(_) => place += 1,
                    None => break,
                }
            }
        }
        self.slots = slots;
    }
}

/// Adds counters to counters.
#[inline]
pub(crate) fn add(to: &mut [u64], from: &[u64], wrap: bool) {
    if let (Some(to), Some(from)) = (to.get_mut(counter::NUMBER), from.get(counter::NUMBER)) {
        *to = (*to).min(*from);
    }
    let (Some(to), Some(from)) = (
        to.first_chunk_mut::<{ counter::COUNT }>(),
        from.first_chunk::<{ counter::COUNT }>(),
    ) else {
        return;
    };
    if wrap {
        for at in 0..counter::SUMS {
            to[at] = to[at].wrapping_add(from[at]);
        }
    } else {
        for at in 0..counter::SUMS {
            to[at] = to[at].saturating_add(from[at]);
        }
    }
    to[counter::LAST] = to[counter::LAST].max(from[counter::LAST]);
    to[counter::FIRST] = to[counter::FIRST].min(from[counter::FIRST]);
    to[counter::FLAGS] |= from[counter::FLAGS];
}
