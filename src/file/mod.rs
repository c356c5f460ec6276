//! Files, their headers and blocks, the names in them, and decryption.

pub(crate) mod block;
#[cfg(feature = "encryption")]
pub(crate) mod decrypt;
pub(crate) mod facts;
pub(crate) mod foreign;
pub(crate) mod handle;
pub(crate) mod header;
pub(crate) mod names;
pub(crate) mod options;
#[cfg(feature = "encryption")]
pub(crate) mod passphrase;
pub(crate) mod ranges;

pub use block::{BlockCounts, Flows};
pub use facts::FileFacts;
pub use foreign::foreign_kind;
pub use handle::{BlockRefs, Blocks, IntoBlockRefs, Position};
pub use header::{Compression, Counters, Header, Statistics};
pub use names::{ApplicationName, Exporter, Sampler};
pub use ranges::BlockRefsIn;
