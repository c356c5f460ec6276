//! Reads nfcapd files - the flow archives of the nfdump suite - in-process.
//!
//! ```no_run
//! let file = nfdecode::File::open("nfcapd.202601011200")?;
//! println!("{} flows", file.statistics().map_or(0, |statistics| statistics.total.flows));
//! for block in file.blocks() {
//!     for flow in block?.flows() {
//!         println!("{:?} -> {:?}: {:?} bytes", flow.src_addr(), flow.dst_addr(), flow.in_bytes());
//!     }
//! }
//! # Ok::<(), nfdecode::Error>(())
//! ```
//!
//! # Layers
//! * `libnfdump` (C, bundled) finds blocks, decompresses them and indexes their records.
//! * [`File`], [`Block`], [`Flow`] are the safe views: no allocation and no copy per flow, nothing
//!   decoded before it is asked for. [`OwnedFlow`] is a flow to keep.
//! * [`element`] is the table of everything a flow can hold.
//! * `output` (feature `output`) writes flows as nfdump prints them; `convert` (feature `convert`)
//!   turns captures into nfcapd files through the program nfpcapd. Both are parts of the program
//!   `nfdecode` (feature `cli`, on by default); with `default-features = false` this crate is the
//!   decoder and nothing else.
//!
//! # What to rely on
//! No function panics, whatever a file contains; damage is reported through [`Error`] and
//! [`Block::damage`], and what is readable around it is delivered. Everything is `Send + Sync`.
//! Memory for one block in work is bounded (decoded at most 5 MiB, see `NFDUMP_BLOCK_MAX` in
//! `nfdump.h`), whatever the file claims.
#![deny(unsafe_code)]

pub mod block;
pub mod element;
pub mod error;
pub mod file;
pub mod flow;
pub mod names;
pub mod pipeline;
#[allow(unsafe_code)]
mod raw;
pub mod time;
pub mod value;
#[cfg(feature = "write")]
pub mod writer;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "convert")]
pub mod convert;
#[cfg(feature = "output")]
pub mod output;
#[cfg(feature = "output")]
pub mod tls;

pub use block::{Block, BlockRef};
pub use error::{Error, ErrorKind, Result};
pub use file::File;
pub use flow::{Flow, OwnedFlow};
pub use names::Names;
pub use time::Timestamp;
