//! The time slots that `--partition-by` can name.

use std::path::PathBuf;

use nfdecode::Timestamp;

/// Length of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Slot {
    /// day=2026-01-01
    Day,
    /// day=2026-01-01/hour=12
    Hour,
    /// day=2026-01-01/hour=12/minute=05
    #[value(name = "5m")]
    FiveMinutes,
}

impl Slot {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::FiveMinutes => "5m",
        }
    }

    pub(crate) fn millis(self) -> i64 {
        match self {
            Self::Day => 86_400_000,
            Self::Hour => 3_600_000,
            Self::FiveMinutes => 300_000,
        }
    }

    /// The directory of the partition that begins at this time; without a time, the one that Hive uses for nulls.
    pub(crate) fn directory(self, start: Option<i64>) -> PathBuf {
        const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
        let time = start.map(|start| Timestamp::from_millis(start.unsigned_abs()).to_string());
        let (day, rest) = match &time {
            Some(time) => time.split_once('T').unwrap_or((time, "")),
            None => (NULL, ""),
        };
        let part = |from| match time {
            Some(_) => rest.get(from..from + 2).unwrap_or(NULL),
            None => NULL,
        };
        let mut path = PathBuf::from(format!("day={day}"));
        if self != Self::Day {
            path.push(format!("hour={}", part(0)));
        }
        if self == Self::FiveMinutes {
            path.push(format!("minute={}", part(3)));
        }
        path
    }
}
