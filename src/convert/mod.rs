//! Captures to nfcapd files, through the program nfpcapd.
//!
//! [`Convert`] holds the settings of one conversion, [`Conversion`] is an iterator over its files.
//! [`capture`] inspects captures, and rewrites those that some release of nfpcapd cannot read.
//!
//! | file | does |
//! |---|---|
//! | `settings`, `conversion`, `messages` | settings, order of events, final account |
//! | `prepare` | the capture as it is or rewritten |
//! | `run`, `log`, `progress` | one run of nfpcapd: started, watched, judged |
//! | `program`, `workdir` | the program and its private directory |
//! | `process`, `isolation` | child processes, System V objects |

pub mod capture;
pub(crate) mod conversion;
pub(crate) mod error;
pub(crate) mod isolation;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod prepare;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod progress;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod workdir;

pub use conversion::{Conversion, ConvertSummary, ConvertedFile, Progress, Stage};
pub use error::ConvertError;
pub use messages::Message;
pub use program::{NFPCAPD_VARIABLE, Nfpcapd, Version};
pub use settings::Convert;
pub use workdir::{WorkDir, remove_traces};
