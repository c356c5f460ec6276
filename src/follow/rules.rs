//! What a tracker goes by, and what it reports.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::value::time::Timestamp;
use crate::value::zone::Zone;

/// Which files are read if nothing is known of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// All.
    #[default]
    Start,
    /// Those that appear or grow from now on.
    Now,
    /// Those that were changed at this time or later.
    At(Timestamp),
}

/// What a tracker goes by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rules {
    /// Read files that are still being written.
    pub live: bool,
    /// Where to begin without a state.
    pub begin: Begin,
    /// A finished file that breaks off is read again if it changes within this time, and given up after it.
    pub settle: Duration,
    /// Read abandoned files of collectors that did not change for this time.
    pub orphans: Option<Duration>,
    /// The zone of the collector's file names.
    pub zone: Zone,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            live: false,
            begin: Begin::Start,
            settle: Duration::from_secs(60),
            orphans: None,
            zone: Zone::utc(),
        }
    }
}

/// Something that a user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There are no files for some time slots.
    MissingSlots {
        /// The directory of the collector.
        source: PathBuf,
        /// Start of the first one, seconds since the epoch.
        from: i64,
        /// How many.
        count: u64,
    },
    /// A file vanished before it was read to its end.
    Vanished(PathBuf),
    /// A file was replaced by another one of the same name, or rewritten: it is read from its start.
    Rewritten(PathBuf),
    /// A place that cannot be listed, and why. What is known of the files below is kept.
    Unreachable(PathBuf, String),
}

impl Event {
    /// Whether flows are lost.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        !matches!(self, Self::Rewritten(_))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingSlots {
                source,
                from,
                count,
            } => {
                let from = Timestamp::from_millis(from.unsigned_abs().saturating_mul(1000));
                let (noun, first) = match count {
                    1 => ("slot", ""),
                    _ => ("slots", ", the first"),
                };
                let source = source.display();
                write!(
                    f,
                    "{source}: no file for {count} time {noun}{first} at {from}"
                )
            }
            Self::Vanished(path) => {
                write!(
                    f,
                    "{}: vanished before it was read to its end",
                    path.display()
                )
            }
            Self::Rewritten(path) => {
                write!(f, "{}: was rewritten: reading it again", path.display())
            }
            Self::Unreachable(path, why) => write!(f, "{}: {why}", path.display()),
        }
    }
}
