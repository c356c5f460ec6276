//! Errors of a conversion.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::convert::capture::CaptureError;

/// Why a conversion failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The program does not exist.
    #[error(
        "{} not found: install the package nfdump (Debian, Ubuntu: apt-get install nfdump), or set NFPCAPD \
         to the path of nfpcapd", program.display()
    )]
    NotFound {
        /// The name or path that was searched for.
        program: PathBuf,
    },
    /// The operating system did not start the program.
    #[error("{}: {source}", program.display())]
    CannotRun {
        /// The program.
        program: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The program does not answer `-V` as nfpcapd does.
    #[error("{} does not look like nfpcapd: `-V` printed no version", program.display())]
    NotNfpcapd {
        /// The program.
        program: PathBuf,
    },
    /// A setting has a value that nfpcapd does not accept.
    #[error("{setting} must be between {least} and {most}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// The smallest value.
        least: &'static str,
        /// The largest value.
        most: &'static str,
    },
    /// The capture cannot be read or rewritten.
    #[error("{name}: {source}")]
    Capture {
        /// The name of the capture.
        name: String,
        /// What is wrong with it.
        source: CaptureError,
    },
    /// The capture cannot be opened.
    #[error("{name}: {source}")]
    CannotOpen {
        /// The name of the capture.
        name: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The directory for temporary files cannot be made or emptied: set `TMPDIR` to another place.
    #[error("temporary directory in {}: {source}", directory.display())]
    Temporary {
        /// Where it was to be.
        directory: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The run could not be watched.
    #[error("cannot watch nfpcapd: {source}")]
    Watch {
        /// The error of the operating system.
        source: io::Error,
    },
    /// nfpcapd ended with an error status.
    #[error("nfpcapd failed with status {status}{}{line}", if line.is_empty() { "" } else { ": " })]
    Failed {
        /// Its exit status.
        status: i32,
        /// Its first message.
        line: String,
    },
    /// nfpcapd was ended by a signal.
    #[error("nfpcapd was killed by signal {signal}")]
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// nfpcapd could not write its files: make room in the directory for temporary files, or set
    /// `TMPDIR` to another.
    #[error("nfpcapd cannot write: {line}")]
    WriteFailed {
        /// Its message.
        line: String,
    },
    /// nfpcapd ran longer than allowed and was stopped.
    #[error("nfpcapd ran longer than {} s and was stopped", limit.as_secs())]
    TimedOut {
        /// The time allowed.
        limit: Duration,
    },
    /// nfpcapd made no progress and was stopped.
    #[error("nfpcapd made no progress for {} s and was stopped", limit.as_secs())]
    Stalled {
        /// How long nothing changed.
        limit: Duration,
    },
    /// nfpcapd reported success, but its output is not complete.
    #[error("nfpcapd did not finish its work: {reason}")]
    Incomplete {
        /// What is missing.
        reason: String,
    },
    /// The progress callback requested a stop.
    #[error("the conversion was cancelled")]
    Cancelled,
}
