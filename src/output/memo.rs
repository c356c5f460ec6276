//! Remembered text, by the few bytes it was made from.
//!
//! Pays only where the same bytes come again in more than nineteen of twenty flows: protocol and flags, masks,
//! VLANs, the exporter, networks. A missing text is written to its line as ever, and one in four of them is
//! stored from there, so that values that never come again cost little. Does not know what the text says.

use crate::output::line::Line;

/// Bytes of text that are remembered at most.
pub(crate) const TEXT_MAX: usize = 64;

/// Texts remembered at once.
const SLOTS: usize = 64;

/// Texts by keys of up to 16 bytes. A text takes the place of another one whose key has the same hash.
#[derive(Clone)]
pub(crate) struct Memo<K> {
    slots: Box<[Slot<K>; SLOTS]>,
    missed: u8,
}

/// One in so many missing texts is stored.
const STORED: u8 = 4;

#[derive(Clone, Copy)]
struct Slot<K> {
    key: K,
    /// Bytes past `length` are unspecified.
    text: [u8; TEXT_MAX],
    length: usize,
}

/// What decides a text.
pub(crate) trait Key: Copy + Eq {
    /// A key whose place is not `slot`.
    fn elsewhere(slot: usize) -> Self;

    /// Where its text is kept.
    fn slot(self) -> usize;
}

const _: () = assert!(SLOTS == 1 << 6);

impl Key for u64 {
    fn elsewhere(slot: usize) -> Self {
        // The hash of 0 is 0, that of 1 is not.
        u64::from(slot == 0)
    }

    #[inline(always)]
    fn slot(self) -> usize {
        (self.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize
    }
}

impl Key for u128 {
    fn elsewhere(slot: usize) -> Self {
        u64::elsewhere(slot).into()
    }

    #[inline(always)]
    fn slot(self) -> usize {
        // Of a network the upper half counts most. Addition keeps the hash of 0 and of 1 apart.
        (self as u64).wrapping_add((self >> 64) as u64).slot()
    }
}

impl<K: Key> Memo<K> {
    /// Nothing is remembered yet.
    pub(crate) fn new() -> Self {
        let empty = |slot| Slot {
            key: K::elsewhere(slot),
            text: [0; TEXT_MAX],
            length: 0,
        };
        Self {
            slots: Box::new(std::array::from_fn(empty)),
            missed: 0,
        }
    }

    /// Appends the text of `key` to the line, if it is remembered.
    #[inline(always)]
    pub(crate) fn recall(&self, key: K, line: &mut Line<'_>) -> bool {
        let slot = &self.slots[key.slot() % SLOTS];
        let is_known = slot.key == key;
        if is_known {
            line.put(&slot.text, slot.length);
        }
        is_known
    }

    /// Remembers what the line has from `start` on as the text of `key`, once in a while.
    #[inline(always)]
    pub(crate) fn remember(&mut self, key: K, start: usize, line: &Line<'_>) {
        self.missed = (self.missed + 1) % STORED;
        if self.missed != 1 {
            return;
        }
        // Not the line itself goes into a call, or its position would not stay in a register.
        self.store(key, line.piece(start), line.len().saturating_sub(start));
    }

    #[cold]
    fn store(&mut self, key: K, text: &[u8; TEXT_MAX], length: usize) {
        if length <= TEXT_MAX {
            let text = *text;
            self.slots[key.slot() % SLOTS] = Slot { key, text, length };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::line::LINE_ROOM;

    fn unknown_at_first<K: Key>(keys: [K; 4]) {
        let mut room = [0; LINE_ROOM];
        let mut line = Line::new(&mut room);
        for key in keys {
            assert!(!Memo::new().recall(key, &mut line));
        }
        for slot in 0..SLOTS {
            assert_ne!(K::elsewhere(slot).slot(), slot);
        }
    }

    #[test]
    fn nothing_is_known_at_first() {
        unknown_at_first([0_u64, 1, 2, u64::MAX]);
        unknown_at_first([0_u128, 1, 1 << 64, u128::MAX]);
    }

    #[test]
    fn texts_come_back_unless_another_took_their_place() {
        let mut memo = Memo::new();
        let mut room = [0; LINE_ROOM];
        let mut recalled = 0;
        for key in (0..2000_u64).chain((0..2000).rev()) {
            for _ in 0..8 {
                let mut line = Line::new(&mut room);
                if memo.recall(key, &mut line) {
                    recalled += 1;
                } else {
                    line.decimal(key);
                    memo.remember(key, 0, &line);
                }
                let length = line.len();
                assert_eq!(&room[..length], key.to_string().as_bytes());
            }
        }
        assert!(recalled >= 4000 * (8 - usize::from(STORED)));
    }

    #[test]
    fn long_texts_are_not_kept() {
        let mut memo = Memo::new();
        let mut room = [0; LINE_ROOM];
        let mut line = Line::new(&mut room);
        (0..=TEXT_MAX).for_each(|_| line.push(b'x'));
        memo.remember(5_u64, 0, &line);
        assert!(!memo.recall(5, &mut line));
    }
}
