//! What is reported and counted while following.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use nfdecode::follow::Event;

use crate::run::report::Report;

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) flows: AtomicU64,
    /// Bytes of blocks as they are stored.
    pub(crate) bytes: AtomicU64,
    pub(crate) files: AtomicU64,
    /// Losses: slots, files, flows before the collector.
    pub(crate) gaps: AtomicU64,
    /// Places and files that cannot be read.
    pub(crate) damage: AtomicU64,
    /// Files that wait.
    pub(crate) waiting: AtomicU64,
    /// Commands that failed, and files given up after that.
    pub(crate) failures: AtomicU64,
    pub(crate) given_up: AtomicU64,
    /// Time from the last change of a file until it was read, in ms: the last one.
    pub(crate) lag: AtomicU64,
    /// Changes whenever something is done.
    pub(crate) beat: AtomicU64,
    /// Whether we wait for the reader of our output.
    pub(crate) writing: AtomicU64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(crate) fn set(counter: &AtomicU64, number: u64) {
        counter.store(number, Ordering::Relaxed);
    }
}

/// Reports, and counts what was reported. A line per finding: unlike other commands this one may run for years,
/// so that their limit on lines does not apply.
pub(crate) struct Tell<'a> {
    pub(crate) report: &'a Report,
    pub(crate) counts: &'a Counts,
}

impl Tell<'_> {
    pub(crate) fn note(&self, message: impl Display) {
        self.report.note(message);
    }

    /// Flows are lost.
    pub(crate) fn gap(&self, message: impl Display) {
        Counts::add(&self.counts.gaps, 1);
        self.report.damaged();
        self.report.note(message);
    }

    /// A file is damaged.
    pub(crate) fn damage(&self, message: impl Display) {
        Counts::add(&self.counts.damage, 1);
        self.report.damaged();
        self.report.note(message);
    }

    pub(crate) fn event(&self, event: &Event) {
        match event.is_gap() {
            true => self.gap(event),
            false => self.note(event),
        }
    }
}
