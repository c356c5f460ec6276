//! Why a command ended early, and with which exit status.

use std::fmt::Display;

/// Why a command ended early. The message has been, or will be, shown once.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Failed; shown as one line, exit status 1.
    Failed(String),
    /// Wrong usage found after parsing; exit status 2.
    Usage(String),
    /// A filter that is refused: several lines that show the place; exit status 2.
    Filter(String),
    /// Whoever read our output has enough: not a failure.
    OutputClosed,
    /// A signal asked us to end.
    Interrupted,
}

impl Stop {
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::Failed(message.to_string())
    }
}
