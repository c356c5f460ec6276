//! Counting for many keys in bounded memory: if there are too many keys, only some are watched, each of these from its
//! first flow to its last.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::{FixedState, RandomState};

use crate::survey::sample::mix;

/// What is counted for a key.
pub(crate) trait State: Default {
    /// How much it holds beyond itself, in entries of 16 bytes.
    fn extra(&self) -> usize;
}

/// Counts by key. Which keys are watched depends on their hash and on how many there are, not on the order of flows.
#[derive(Debug)]
pub(crate) struct Watch<K, S> {
    states: HashMap<K, S, RandomState>,
    /// Keys are watched whose hash begins with this many zeros.
    zeros: u32,
    room: usize,
    extra: usize,
    /// The same in each run, so that the same keys are watched.
    hasher: FixedState,
}

impl<K: Hash + Eq + Copy, S: State> Watch<K, S> {
    /// For this many keys, or entries of their states.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            states: HashMap::default(),
            zeros: 0,
            room,
            extra: 0,
            hasher: FixedState::default(),
        }
    }

    fn is_watched(&self, key: &K) -> bool {
        self.zeros == 0 || mix(self.hasher.hash_one(key)).leading_zeros() >= self.zeros
    }

    /// Changes the state of a key, if it is watched.
    pub(crate) fn change(&mut self, key: K, change: impl FnOnce(&mut S)) {
        if !self.is_watched(&key) {
            return;
        }
        let state = self.states.entry(key).or_default();
        let before = state.extra();
        change(state);
        self.extra = (self.extra + state.extra()).saturating_sub(before);
        while self.states.len() + self.extra > self.room {
            self.watch_fewer();
        }
    }

    fn watch_fewer(&mut self) {
        self.zeros += 1;
        let mut states = std::mem::take(&mut self.states);
        states.retain(|key, _| self.is_watched(key));
        self.extra = states.values().map(State::extra).sum();
        self.states = states;
    }

    /// One in this many keys is watched.
    pub(crate) fn one_in(&self) -> u64 {
        1 << self.zeros.min(63)
    }

    /// The keys and their states, in no order.
    pub(crate) fn into_states(self) -> impl Iterator<Item = (K, S)> {
        self.states.into_iter()
    }

    /// The keys and their states, in no order.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&K, &S)> {
        self.states.iter()
    }
}

/// Different values, counted exactly up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Different(std::collections::HashSet<u64, RandomState>);

/// Different values that are counted.
pub(crate) const DIFFERENT_MAX: usize = 4096;

impl Different {
    /// Adds a value by its hash.
    pub(crate) fn add(&mut self, hash: u64) {
        if self.0.len() < DIFFERENT_MAX {
            self.0.insert(hash);
        }
    }

    /// How many there are, at most [`DIFFERENT_MAX`].
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Count(u64);

    impl State for Count {
        fn extra(&self) -> usize {
            0
        }
    }

    #[test]
    fn watched_keys_are_counted_from_their_first_flow() {
        let mut watch = Watch::<u64, Count>::new(1000);
        for _ in 0..3 {
            for key in 0..10_000 {
                watch.change(key * 7, |count| count.0 += 1);
            }
        }
        assert!(watch.one_in() >= 8, "{}", watch.one_in());
        let states: Vec<_> = watch.into_states().collect();
        assert!((300..=1000).contains(&states.len()), "{}", states.len());
        assert!(states.iter().all(|(_, count)| count.0 == 3));
    }
}
