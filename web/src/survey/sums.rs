//! Sums over all flows.

use crate::survey::seen::{CLASSES, Seen};

/// Sums over all flows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// Flows, packets, bytes of each class of protocols.
    pub(crate) classes: [[u64; 3]; CLASSES],
    /// Flows that are marked as sampled.
    pub(crate) sampled: u64,
    /// TCP flows that have SYN and not ACK.
    pub(crate) attempts: u64,
}

impl Sums {
    /// Adds a flow.
    pub(crate) fn add(&mut self, flow: &Seen) {
        let amounts = [flow.flows, flow.packets, flow.bytes];
        for (to, amount) in self.classes[flow.class()].iter_mut().zip(amounts) {
            *to = to.saturating_add(amount);
        }
        self.sampled += u64::from(flow.is_sampled);
        self.attempts += u64::from(flow.is_attempt());
    }

    /// Adds the sums of another thread.
    pub(crate) fn merge(&mut self, other: &Self) {
        let pairs = self
            .classes
            .iter_mut()
            .flatten()
            .zip(other.classes.iter().flatten());
        pairs.for_each(|(to, from)| *to = to.saturating_add(*from));
        self.sampled += other.sampled;
        self.attempts += other.attempts;
    }
}
