//! Distributions: how many flows have which duration, size and number of packets.

use crate::survey::seen::Seen;

/// Classes of a distribution.
pub(crate) const STEPS: usize = 12;
/// Upper bounds of durations, in ms; the last class has none.
pub(crate) const DURATIONS: [u64; STEPS - 1] = [
    1, 10, 100, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000,
];
/// Upper bounds of bytes.
pub(crate) const BYTES: [u64; STEPS - 1] = [
    64,
    128,
    512,
    1_500,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
];
/// Upper bounds of packets.
pub(crate) const PACKETS: [u64; STEPS - 1] = [2, 3, 4, 6, 11, 21, 51, 101, 1_001, 10_001, 100_001];

/// Counts of flows by duration, bytes and packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distributions {
    pub(crate) durations: [u64; STEPS],
    pub(crate) bytes: [u64; STEPS],
    pub(crate) packets: [u64; STEPS],
}

impl Distributions {
    /// Adds a flow.
    pub(crate) fn add(&mut self, flow: &Seen) {
        count(&mut self.durations, &DURATIONS, flow.duration(), flow.flows);
        count(&mut self.bytes, &BYTES, flow.bytes, flow.flows);
        count(&mut self.packets, &PACKETS, flow.packets, flow.flows);
    }

    /// Adds the counts of another one.
    pub(crate) fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.durations, &other.durations),
            (&mut self.bytes, &other.bytes),
            (&mut self.packets, &other.packets),
        ];
        for (to, from) in pairs {
            for (to, from) in to.iter_mut().zip(from) {
                *to = to.saturating_add(*from);
            }
        }
    }
}

fn count(counts: &mut [u64; STEPS], bounds: &[u64; STEPS - 1], value: u64, flows: u64) {
    let at = bounds.iter().take_while(|bound| value >= **bound).count();
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_add(flows);
    }
}
