//! What is known of one file: how far it was read, and what is to be done.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::file::handle::{File, Position};
use crate::follow::identity::{Fingerprint, Identity};
use crate::scan::part::ScanBlock;

/// How far a file was read, and what was counted on the way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub(crate) position: Position,
    pub(crate) flows: u64,
    pub(crate) records: u64,
    pub(crate) represented: u64,
    pub(crate) blocks: u64,
}

impl Progress {
    /// Where the next block begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Selected flows so far: the number of the last one in its file.
    #[must_use]
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// Flow records so far, selected or not.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// A block was read and its flows are delivered.
    pub fn add(&mut self, block: &ScanBlock) {
        self.position = block.next_position();
        self.flows = block.flows_before_in_file() + block.len() as u64;
        self.records += block.block().len() as u64;
        self.represented = self.represented.saturating_add(block.block().flow_count());
        self.blocks += 1;
    }

    /// A place that cannot be read was skipped; reading goes on there.
    pub fn skip_to(&mut self, position: Position) {
        self.position = position;
    }

    /// The flows that the statistics of a finished file announce beyond those that were read.
    #[must_use]
    pub fn lacking(&self, file: &File) -> u64 {
        let announced = file.announced_flows().unwrap_or(0);
        announced.saturating_sub(self.records.max(self.represented))
    }
}

/// How far the work on a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is to be read, or read on.
    #[default]
    Reading,
    /// Its flows are delivered; what follows, such as a command, is not done.
    Delivered,
    /// Nothing is left to do.
    Done,
}

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its path.
    pub path: Arc<Path>,
    /// What a rename does not change.
    pub identity: Identity,
    /// A collector is still writing it: a block that is not complete is no damage.
    pub is_live: bool,
    /// Nothing more is expected: what is missing or unfinished is a loss.
    pub is_last: bool,
    /// Its flows are only counted, since they are from before the beginning.
    pub is_silent: bool,
}

/// Size and time of modification, nanoseconds since the epoch.
pub(crate) type Look = (u64, u64);

/// What is known of one file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: Arc<Path>,
    pub(crate) look: Look,
    /// What it looked like when it was read last.
    pub(crate) read: Option<Look>,
    /// When it was seen to change last, in the time of the caller.
    pub(crate) since: Duration,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) label: Option<Box<str>>,
    pub(crate) progress: Progress,
    pub(crate) stage: Stage,
    pub(crate) is_silent: bool,
    /// It was seen once. A file being written waits for a second look: by then all before it have their names.
    pub(crate) is_new: bool,
    /// It is one of many that were found together: what collectors write now comes first.
    pub(crate) is_backlog: bool,
    /// It cannot be read now, which was reported.
    pub(crate) is_postponed: bool,
    /// How many looks have not found it.
    pub(crate) missing: u8,
    /// What was known of another file of the same name, which it has replaced.
    pub(crate) replaced: Option<Box<Entry>>,
    /// Not saved yet.
    pub(crate) is_dirty: bool,
}

impl Entry {
    pub(crate) fn new(path: Arc<Path>, look: Look, since: Duration) -> Self {
        Self {
            path,
            look,
            read: None,
            since,
            fingerprint: None,
            label: None,
            progress: Progress::default(),
            stage: Stage::Reading,
            is_silent: false,
            is_new: true,
            is_backlog: false,
            is_postponed: false,
            missing: 0,
            replaced: None,
            is_dirty: true,
        }
    }
}
