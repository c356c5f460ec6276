//! A sample of flows for spark lines: by chance, large flows with a larger one.
//!
//! Priority sampling: a flow of `b` bytes has the priority `b / u`, where `u` is a number from 0 to 1 that depends on its
//! number in the scan; the flows with the highest priorities are kept. Sums of bytes over any group are then
//! estimated without bias, and up to [`KEPT`] flows the sample is all of them. Does not depend on threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::survey::lists::Marks;

/// Flows that are kept.
pub(crate) const KEPT: usize = 1 << 16;
/// Flows that a thread collects before it hands them over.
const PIECE: usize = 1 << 10;

/// A flow of the sample.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) marks: Marks,
    pub(crate) times: (u64, u64),
    pub(crate) bytes: u64,
    priority: f64,
}

/// The sample of all threads.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// Priorities below are not kept, as bits; priorities are positive.
    least: AtomicU64,
    kept: Mutex<Vec<Drawn>>,
}

/// What a thread has drawn.
#[derive(Debug, Default)]
pub(crate) struct Draws(Vec<Drawn>);

impl Sample {
    /// Considers the flow with this number.
    #[inline]
    pub(crate) fn add(
        &self,
        draws: &mut Draws,
        number: u64,
        (times, bytes): ((u64, u64), u64),
        marks: impl FnOnce() -> Marks,
    ) {
        let chance = (mix(number) >> 11) as f64 + 1.0;
        let priority = (bytes as f64 + 1.0) * (1_u64 << 53) as f64 / chance;
        if priority < f64::from_bits(self.least.load(Ordering::Relaxed)) {
            return;
        }
        draws.0.push(Drawn {
            marks: marks(),
            times,
            bytes,
            priority,
        });
        if draws.0.len() >= PIECE {
            self.take(draws);
        }
    }

    /// Takes what a thread has drawn.
    pub(crate) fn take(&self, draws: &mut Draws) {
        let mut kept = self.lock();
        kept.append(&mut draws.0);
        if kept.len() > 2 * KEPT {
            self.cut(&mut kept);
        }
    }

    fn cut(&self, kept: &mut Vec<Drawn>) {
        if kept.len() > KEPT {
            kept.select_nth_unstable_by(KEPT, |a, b| b.priority.total_cmp(&a.priority));
            let least = kept[KEPT].priority;
            kept.truncate(KEPT);
            self.least.store(least.to_bits(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Drawn>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flows of the sample, each with the bytes that it represents, and whether they are all flows.
    pub(crate) fn finish(self) -> (Vec<(Drawn, f64)>, bool) {
        let mut kept = std::mem::take(&mut *self.lock());
        self.cut(&mut kept);
        let least = f64::from_bits(self.least.load(Ordering::Relaxed));
        let represents = |drawn: Drawn| {
            let bytes = (drawn.bytes as f64).max(least);
            (drawn, bytes)
        };
        (kept.into_iter().map(represents).collect(), least == 0.0)
    }
}

/// A number that looks random; splitmix64.
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_estimated() {
        let sample = Sample::default();
        let mut draws = Draws::default();
        let mut total = 0;
        let count = 4 * KEPT as u64;
        for number in 0..count {
            let bytes = 40 + mix(number ^ 0x55) % 1000;
            total += bytes;
            sample.add(&mut draws, number, ((0, 0), bytes), Marks::default);
        }
        sample.take(&mut draws);
        let (drawn, is_all) = sample.finish();
        assert!(!is_all && drawn.len() == KEPT);
        let sum: f64 = drawn.iter().map(|(_, bytes)| bytes).sum();
        let off = (sum / total as f64 - 1.0).abs();
        assert!(off < 0.02, "{off}");
    }

    #[test]
    fn few_flows_are_kept_as_they_are() {
        let sample = Sample::default();
        let mut draws = Draws::default();
        for number in 0..100 {
            sample.add(&mut draws, number, ((0, 0), number), Marks::default);
        }
        sample.take(&mut draws);
        let (drawn, is_all) = sample.finish();
        assert!(is_all && drawn.len() == 100);
        assert_eq!(drawn.iter().map(|(_, bytes)| *bytes).sum::<f64>(), 4950.0);
    }
}
