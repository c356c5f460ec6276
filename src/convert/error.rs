//! Why a conversion failed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a conversion failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// There is no such program.
    #[error(
        "{} not found: install the package nfdump (Debian, Ubuntu: apt-get install nfdump), or name the program with \
         --nfpcapd or the environment variable NFPCAPD", program.display()
    )]
    NotFound {
        /// What was looked for.
        program: PathBuf,
    },
    /// The system refused to start it.
    #[error("{}: {source}", program.display())]
    CannotRun {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not answer `-V` as nfpcapd does.
    #[error("{} is not nfpcapd: it does not tell its version", program.display())]
    NotNfpcapd {
        /// The program.
        program: PathBuf,
    },
    /// The run could not be watched.
    #[error("cannot watch nfpcapd: {source}")]
    Watch {
        /// Why.
        source: io::Error,
    },
    /// It ended with an error status.
    #[error("nfpcapd failed with status {status}{}{line}", if line.is_empty() { "" } else { ": " })]
    Failed {
        /// Its exit status.
        status: i32,
        /// The first thing it said.
        line: String,
    },
    /// A signal ended it.
    #[error("nfpcapd was killed by signal {signal}")]
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// It could not write its files.
    #[error("nfpcapd cannot write: {line}")]
    WriteFailed {
        /// What it said.
        line: String,
    },
    /// It ran longer than allowed and was killed.
    #[error("nfpcapd ran longer than {} s and was stopped", limit.as_secs())]
    TimedOut {
        /// The time allowed.
        limit: Duration,
    },
    /// It stood still and was killed.
    #[error("nfpcapd stood still for {} s and was stopped", limit.as_secs())]
    Stalled {
        /// How long nothing moved.
        limit: Duration,
    },
    /// It ended as if all were well, but it is not.
    #[error("nfpcapd did not finish its work: {reason}")]
    Incomplete {
        /// What is missing.
        reason: String,
    },
}
