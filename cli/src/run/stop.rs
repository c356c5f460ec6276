//! Why a command ended early, and with which exit status.

use std::fmt::Display;

/// Why a command ended early. The message is shown exactly once.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Failed; shown as one line, exit status 1.
    Failed(String),
    /// Wrong usage found after parsing; exit status 2.
    Usage(String),
    /// A filter error: several lines that show the location; exit status 2.
    Filter(String),
    /// Standard output was closed (EPIPE); not an error.
    OutputClosed,
    /// A termination signal was received.
    Interrupted,
}

impl Stop {
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::Failed(message.to_string())
    }
}
