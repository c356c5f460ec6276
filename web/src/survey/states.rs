//! What the rules of the findings count for a key.

use crate::survey::seen::Seen;
use crate::survey::watch::{Different, State};

/// Flows from which a regular pattern is reported, the shortest period in ms, and starts that are kept.
pub(crate) const REGULAR: usize = 8;
pub(crate) const PERIOD: u64 = 5_000;
pub(crate) const STARTS: usize = 128;

/// Different values and flows.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    pub(crate) different: Different,
    pub(crate) flows: u64,
}

impl State for Reach {
    fn extra(&self) -> usize {
        self.different.count()
    }
}

/// Bytes asked and answered, of a service.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
}

impl State for Exchange {
    fn extra(&self) -> usize {
        0
    }
}

/// Packets and bytes in each direction of a pair, by the order of addresses.
#[derive(Debug, Default)]
pub(crate) struct Both {
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: u64,
}

impl State for Both {
    fn extra(&self) -> usize {
        0
    }
}

/// Starts of flows.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    pub(crate) starts: Vec<u64>,
    pub(crate) longest: u64,
    pub(crate) flows: u64,
}

impl State for Starts {
    fn extra(&self) -> usize {
        self.starts.capacity() / 2
    }
}

impl Reach {
    /// Adds a flow and a value by its hash.
    pub(crate) fn add(&mut self, value: u64, flow: &Seen) {
        self.different.add(value);
        self.flows = self.flows.saturating_add(flow.flows);
    }
}

impl Exchange {
    /// Adds bytes.
    pub(crate) fn add(&mut self, asked: u64, answered: u64) {
        self.asked = self.asked.saturating_add(asked);
        self.answered = self.answered.saturating_add(answered);
    }
}

impl Starts {
    /// The period in ms and its variation in percent, if the starts are regular.
    pub(crate) fn period(&mut self) -> Option<(u64, u64)> {
        if self.starts.len() < REGULAR {
            return None;
        }
        self.starts.sort_unstable();
        let gaps: Vec<f64> = self
            .starts
            .windows(2)
            .filter_map(|pair| Some((pair.get(1)? - pair.first()?) as f64))
            .collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        let percent = variance.sqrt() * 100.0 / mean.max(1.0);
        let is_regular =
            mean >= PERIOD as f64 && percent <= 10.0 && (self.longest as f64) < mean / 2.0;
        is_regular.then_some((mean as u64, percent as u64))
    }
}
