//! The hash table: 8-byte slots that point into dense rows.
//!
//! A slot holds 32 bits of the hash and the number of a row. Those bits also give the place of the slot,
//! so that growing reads and writes slots in order and never looks at rows. Rows are looked up 64 at a time: first all
//! slots, then all rows that these lead to, then keys are compared and counters added. Reads of the first two steps do
//! not depend on each other, so that their misses of the cache overlap.

use std::hint::select_unpredictable;

use crate::aggregate::layout::{Narrow, counter, counters_of};

/// A slot without a row. Not 0: new slots must be written, since memory that is first read and then
/// written faults twice.
const EMPTY: u64 = u64::MAX;
const SLOTS_MIN: usize = 1 << 8;
/// Rows that are looked up together.
const TOGETHER: usize = 64;
/// Slots in which a row is looked for at once. There are as many behind the places of hashes.
const LOOKED_AT: usize = 3;
/// Words of a line of the cache.
const LINE: usize = 8;

/// Rows by key.
#[derive(Debug)]
pub(crate) struct Dense {
    slots: Vec<u64>,
    /// The place of a hash is its upper bits.
    shift: u32,
    /// Rows, after `skip` words that put them in line with the lines of the cache.
    rows: Vec<u64>,
    skip: usize,
    len: usize,
    key_words: usize,
    /// Words of rows that are added.
    words: usize,
    /// Words of rows that are kept.
    width: usize,
    wrap: bool,
}

impl Dense {
    pub(crate) fn new(key_words: usize, words: usize, wrap: bool) -> Self {
        // Rows with numbers are always kept whole.
        let is_narrow = words == key_words + counter::COUNT;
        Self {
            slots: vec![EMPTY; SLOTS_MIN + LOOKED_AT],
            shift: 32 - SLOTS_MIN.trailing_zeros(),
            rows: Vec::new(),
            skip: 0,
            len: 0,
            key_words,
            words,
            width: if is_narrow {
                key_words + counter::NARROW
            } else {
                words
            },
            wrap,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Memory in use, in bytes: what was reserved for rows and never written is none.
    pub(crate) fn bytes(&self) -> usize {
        (self.rows.len() + self.slots.capacity()) * 8
    }

    /// The row with this number, narrow or with all its words.
    #[inline]
    pub(crate) fn row(&self, number: u32) -> &[u64] {
        let at = self.skip + number as usize * self.width;
        self.rows.get(at..at + self.width).unwrap_or_default()
    }

    /// All rows in order of their number, each narrow or with all its words.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u64]> {
        let rows = self.rows.get(self.skip..).unwrap_or_default();
        rows.chunks_exact(self.width)
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

    /// As [`absorb_all`](Self::absorb_all), for narrow rows.
    pub(crate) fn absorb_narrow(&mut self, rows: &[u64], hashes: &[u64]) {
        let width = self.key_words + counter::NARROW;
        let rows = rows.chunks(TOGETHER * width);
        for (rows, hashes) in rows.zip(hashes.chunks(TOGETHER)) {
            self.make_room(hashes.len());
            match width {
                6 => self.each_packed::<1, 6>(rows, hashes),
                7 => self.each_packed::<2, 7>(rows, hashes),
                8 => self.each_packed::<3, 8>(rows, hashes),
                9 => self.each_packed::<4, 9>(rows, hashes),
                10 => self.each_packed::<5, 10>(rows, hashes),
                _ => {
                    for (row, hash) in rows.chunks_exact(width).zip(hashes) {
                        self.find(row, *hash as u32);
                    }
                }
            }
        }
    }

    /// `K` words of key in narrow rows of `N` words.
    #[inline(never)]
    fn each_packed<const K: usize, const N: usize>(&mut self, rows: &[u64], hashes: &[u64]) {
        let candidates = self.candidates::<N>(hashes);
        let rows = rows.as_chunks::<N>().0.iter().zip(hashes);
        for ((row, hash), number) in rows.zip(candidates) {
            let at = self.skip + number as usize * N;
            if self.width == N
                && let Some(entry) = self.rows.get_mut(at..at + N)
                && let Some(entry) = entry.first_chunk_mut::<N>()
                && same::<K, N, N>(entry, row)
                && let (Some(to), Some(from)) = (entry.last_chunk_mut(), row.last_chunk())
                && Narrow::add(to, from, self.wrap)
            {
                continue;
            }
            self.find(row, *hash as u32);
        }
    }

    fn each(&mut self, rows: &[u64], hashes: &[u64], mut found: impl FnMut(u32)) {
        let rows = rows.chunks(TOGETHER * self.words);
        for (rows, hashes) in rows.zip(hashes.chunks(TOGETHER)) {
            self.make_room(hashes.len());
            // Rows and keys of a known length are read and compared without loops and calls.
            match (self.key_words, self.words, self.width) {
                (1, 9, 6) => self.each_narrow::<1, 9, 6>(rows, hashes, &mut found),
                (2, 10, 7) => self.each_narrow::<2, 10, 7>(rows, hashes, &mut found),
                (3, 11, 8) => self.each_narrow::<3, 11, 8>(rows, hashes, &mut found),
                (4, 12, 9) => self.each_narrow::<4, 12, 9>(rows, hashes, &mut found),
                (5, 13, 10) => self.each_narrow::<5, 13, 10>(rows, hashes, &mut found),
                (1, 9, _) => self.each_wide::<1, 9>(rows, hashes, &mut found),
                (3, 11, _) => self.each_wide::<3, 11>(rows, hashes, &mut found),
                (5, 13, _) => self.each_wide::<5, 13>(rows, hashes, &mut found),
                (1, 10, _) => self.each_wide::<1, 10>(rows, hashes, &mut found),
                (3, 12, _) => self.each_wide::<3, 12>(rows, hashes, &mut found),
                (5, 14, _) => self.each_wide::<5, 14>(rows, hashes, &mut found),
                _ => {
                    for (row, hash) in rows.chunks_exact(self.words).zip(hashes) {
                        found(self.find(row, *hash as u32));
                    }
                }
            }
        }
    }

    /// `K` words of key in rows of `W` words, whose groups have rows of `N` words.
    #[inline(never)]
    fn each_narrow<const K: usize, const W: usize, const N: usize>(
        &mut self,
        rows: &[u64],
        hashes: &[u64],
        found: &mut impl FnMut(u32),
    ) {
        let candidates = self.candidates::<N>(hashes);
        let rows = rows.as_chunks::<W>().0.iter().zip(hashes);
        for ((row, hash), number) in rows.zip(candidates) {
            // A row of another width, after `find` has widened all, has no such place or another key; then
            // `find` is asked again.
            let at = self.skip + number as usize * N;
            if self.width == N
                && let Some(entry) = self.rows.get_mut(at..at + N)
                && let Some(entry) = entry.first_chunk_mut::<N>()
                && same::<K, N, W>(entry, row)
                && let (Some(to), Some(from)) = (entry.last_chunk_mut(), row.last_chunk())
                && Narrow::holds(from)
                && Narrow::add(to, &Narrow::pack(from), self.wrap)
            {
                found(number);
                continue;
            }
            found(self.find(row, *hash as u32));
        }
    }

    /// `K` words of key in rows of `W` words.
    #[inline(never)]
    fn each_wide<const K: usize, const W: usize>(
        &mut self,
        rows: &[u64],
        hashes: &[u64],
        found: &mut impl FnMut(u32),
    ) {
        let candidates = self.candidates::<W>(hashes);
        let rows = rows.as_chunks::<W>().0.iter().zip(hashes);
        for ((row, hash), number) in rows.zip(candidates) {
            let at = self.skip + number as usize * W;
            if let Some(entry) = self.rows.get_mut(at..at + W)
                && let Some(entry) = entry.first_chunk_mut::<W>()
                && same::<K, W, W>(entry, row)
                && let (Some(to), Some(from)) = (entry.get_mut(K..), row.get(K..))
            {
                add(to, from, self.wrap);
                found(number);
                continue;
            }
            found(self.find(row, *hash as u32));
        }
    }

    /// For each hash the number of the row that it probably has, or any other. Reads these rows, which are then in the
    /// cache.
    #[inline]
    fn candidates<const N: usize>(&self, hashes: &[u64]) -> [u32; TOGETHER] {
        let mut numbers = [0; TOGETHER];
        let mut sum = 0;
        // Slots are only read at first, in a loop so short that many of these reads are under way at once.
        for hash in hashes {
            let place = (*hash as u32 >> self.shift) as usize;
            sum ^= self.slots.get(place).copied().unwrap_or(0);
        }
        for (number, hash) in numbers.iter_mut().zip(hashes) {
            let hash = *hash as u32;
            let place = (hash >> self.shift) as usize;
            // A row is in one of the first slots nearly always. Without branches: which one cannot be predicted, and a
            // wrong guess is known only when the slot has come from memory. Of two slots that match it is no row's
            // number, or that of another key.
            if let Some(slots) = self.slots.get(place..place + LOOKED_AT) {
                let numbers = slots.iter().map(|slot| {
                    let is_it = (*slot >> 32) as u32 == hash;
                    select_unpredictable(is_it, *slot as u32, 0)
                });
                *number = numbers.fold(0, |all, one| all | one);
            }
        }
        for number in numbers.get(..hashes.len()).unwrap_or_default() {
            let at = self.skip + *number as usize * N;
            sum ^= self.rows.get(at).copied().unwrap_or(0);
            // Rows of a line lie in one.
            if N != LINE {
                sum ^= self.rows.get(at + N - 1).copied().unwrap_or(0);
            }
        }
        std::hint::black_box(sum);
        numbers
    }

    /// Adds a row, narrow or with all its words, to that of its key, which is made if there is none. Returns its number.
    #[inline(never)]
    fn find(&mut self, row: &[u64], hash: u32) -> u32 {
        let mask = self.places() - 1;
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
                if self.add_to(number, row) {
                    return number;
                }
            }
            place += 1;
        }
    }

    /// Adds `row` to the one with this number if the keys are equal.
    fn add_to(&mut self, number: u32, row: &[u64]) -> bool {
        let at = self.skip + number as usize * self.width;
        let entry = self.rows.get_mut(at..at + self.width);
        let entry = entry.and_then(|entry| entry.split_at_mut_checked(self.key_words));
        let (Some((key, counters)), Some((row_key, row_counters))) =
            (entry, row.split_at_checked(self.key_words))
        else {
            return false;
        };
        if key != row_key {
            return false;
        }
        if counters.len() != counter::NARROW {
            match row_counters.len() {
                counter::NARROW => add(counters, &counters_of(row_counters), self.wrap),
                _ => add(counters, row_counters, self.wrap),
            }
            return true;
        }
        let narrow = counters.first_chunk_mut().zip(narrow_of(row_counters));
        if !narrow.is_some_and(|(to, from)| Narrow::add(to, &from, self.wrap)) {
            self.widen();
            return self.add_to(number, row);
        }
        true
    }

    fn push(&mut self, row: &[u64]) {
        let (key, counters) = row.split_at_checked(self.key_words).unwrap_or_default();
        let narrow = narrow_of(counters);
        if self.is_narrow() && narrow.is_none() {
            self.widen();
        }
        self.reserve();
        self.rows.extend_from_slice(key);
        match narrow.filter(|_| self.is_narrow()) {
            Some(narrow) => self.rows.extend(narrow),
            None if counters.len() == counter::NARROW => self.rows.extend(counters_of(counters)),
            None => self.rows.extend_from_slice(counters),
        }
        self.len += 1;
    }

    /// Places of hashes: a power of 2.
    #[inline]
    fn places(&self) -> usize {
        1 << (32 - self.shift)
    }

    fn is_narrow(&self) -> bool {
        self.width != self.words
    }

    /// Makes room for one more row.
    fn reserve(&mut self) {
        if self.rows.capacity() - self.rows.len() >= self.width {
            return;
        }
        // By half: large blocks of memory grow without a copy.
        let more = (self.rows.len() / 2).max(16 * self.width);
        self.rows.reserve_exact(more + LINE);
        // A row of eight words lies in one line of the cache.
        let skip = (self.rows.as_ptr() as usize / 8).wrapping_neg() % LINE;
        match skip.cmp(&self.skip) {
            std::cmp::Ordering::Greater => {
                let more = skip - self.skip;
                let end = self.rows.len();
                self.rows.resize(end + more, 0);
                self.rows.copy_within(self.skip..end, skip);
            }
            std::cmp::Ordering::Less => {
                self.rows.drain(skip..self.skip);
            }
            std::cmp::Ordering::Equal => {}
        }
        self.skip = skip;
    }

    /// Gives all rows all their words.
    #[cold]
    fn widen(&mut self) {
        let mut rows = Vec::with_capacity((self.len + 16) * self.words);
        for row in self.rows() {
            let (key, counters) = row.split_at_checked(self.key_words).unwrap_or_default();
            rows.extend(key);
            rows.extend(counters_of(counters));
        }
        (self.rows, self.skip, self.width) = (rows, 0, self.words);
    }

    fn make_room(&mut self, more: usize) {
        while (self.len + more) * 4 > self.places() * 3 {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let size = self.places() * 2;
        let mut slots = Vec::with_capacity(size + LOOKED_AT);
        slots.resize(size + LOOKED_AT, EMPTY);
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

#[inline]
fn same<const K: usize, const A: usize, const B: usize>(a: &[u64; A], b: &[u64; B]) -> bool {
    let mut differences = 0;
    for at in 0..K {
        differences |= a[at] ^ b[at];
    }
    differences == 0
}

/// Counters, narrow or not, in fewer words if they fit.
#[inline]
fn narrow_of(counters: &[u64]) -> Option<[u64; counter::NARROW]> {
    if counters.len() == counter::NARROW {
        return counters.first_chunk().copied();
    }
    let counters = counters.first_chunk()?;
    Narrow::holds(counters).then(|| Narrow::pack(counters))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEYS: u64 = 300;

    /// Rows of so many words of key, in batches of which half are narrow. With `unusual`, some have outgoing counters
    /// or more flows than narrow rows hold.
    fn add_rows(key_words: usize, wrap: bool, unusual: bool) {
        let mut dense = Dense::new(key_words, key_words + counter::COUNT, wrap);
        let mut expected = BTreeMap::<Vec<u64>, [u64; counter::COUNT]>::new();
        let mut state = key_words as u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..80 {
            let is_narrow = next() % 2 == 0;
            let (mut rows, mut hashes) = (Vec::new(), Vec::new());
            for _ in 0..next() % 200 {
                let key = vec![next() % KEYS; key_words];
                let time = next();
                let mut counters = [1, next(), next() << 20, 0, 0, time + 9, time, next() % 64];
                if unusual && next() % 400 == 0 {
                    match is_narrow {
                        true => counters[counter::FLOWS] = (1 << 48) - 1,
                        false => counters[counter::OUT_PACKETS] = 3,
                    }
                }
                // Several keys have the same hash.
                hashes.push((key[0] % 100).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
                rows.extend(&key);
                match is_narrow {
                    true => rows.extend(Narrow::pack(&counters)),
                    false => rows.extend(counters),
                }
                match expected.get_mut(&key) {
                    Some(sums) => add(sums, &counters, wrap),
                    None => _ = expected.insert(key, counters),
                }
            }
            match is_narrow {
                true => dense.absorb_narrow(&rows, &hashes),
                false => dense.absorb_all(&rows, &hashes),
            }
        }
        let found: BTreeMap<_, _> = dense
            .rows()
            .map(|row| {
                let (key, counters) = row.split_at(key_words);
                (key.to_vec(), counters_of(counters))
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(found.len(), dense.len());
        assert_eq!(dense.is_narrow(), !unusual);
    }

    #[test]
    fn narrow_and_wide_rows_add_up() {
        for key_words in 1..=6 {
            for wrap in [false, true] {
                add_rows(key_words, wrap, false);
                add_rows(key_words, wrap, true);
            }
        }
    }
}
