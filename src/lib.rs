//! Reads nfcapd files - the flow archives of the nfdump suite - in-process.
//!
//! ```
//! # let path = "tests/fixtures/archive/nfcapd.202611241330";
//! let file = nfdecode::File::open(path)?;
//! println!("{} flows", file.statistics().map_or(0, |statistics| statistics.total.flows));
//! for block in file.blocks() {
//!     for flow in block?.flows() {
//!         println!("{:?} -> {:?}: {:?} bytes", flow.src_addr(), flow.dst_addr(), flow.in_bytes());
//!     }
//! }
//! # Ok::<(), nfdecode::Error>(())
//! ```
//!
//! # Guarantees
//! No function panics, whatever a file contains; damage is reported through [`Error`] and
//! [`Block::damage`], and what is readable around it is delivered. Every type is `Send`, and `Sync` too except iterators that
//! read on threads of their own: [`scan::ScanBlocks`] and `columns::Reader`.
//! Memory for one block in work is bounded (decoded at most 5 MiB, and 15 MiB more if converted from
//! layout 1; in layout 3 64 MiB and 128 MiB more, where nfdump's own writers stay within 4 MiB and 8 MiB;
//! see the limits in `nfdump.h`), whatever the file claims.
//! Nothing here starts threads, installs handlers or prints, except where its documentation says so.
//!
//! # Layers
//! * `libnfdump` (C, bundled) finds blocks, decompresses them and indexes their records.
//! * [`File`], [`Block`], [`Flow`] are the safe views: no allocation and no copy per flow, nothing
//!   decoded before access. [`OwnedFlow`] is a flow to keep, [`Scan`] reads many files.
//! * [`element`] is the table of everything a flow can hold, [`FieldValue`] any of it.
//! * [`scan`] is the ordered traversal of many files, on any number of threads.
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `output` | flows as nfdump prints them (module `output`), time zones, TLS fingerprints |
//! | `arrow` | flows as Arrow record batches (module `columns`) |
//! | `parquet` | the same as Parquet files (`columns::parquet::Writer`) |
//! | `filter` | nfdump's filter language (module `filter`) |
//! | `aggregate` | groups of flows: top lists, sums by key, series (module `aggregate`) |
//! | `encryption` | encrypted files (type `encryption::Passphrase`) |
//! | `serde` | `Serialize` for flows and the values in them (module `serde`) |
//! | `write` | new nfcapd files (module `writer`) |
//! | `follow` | the directories of collectors, every flow once (module `follow`) |
//! | `convert` | captures to nfcapd files, through the program nfpcapd (module `convert`) |
//!
//! No feature is on by default: the crate is then the decoder alone. The program is the package `nfdecode-cli`.
//!
#![doc = include_str!("guide.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(feature = "aggregate")]
pub mod aggregate;
#[cfg(feature = "arrow")]
pub mod columns;
#[cfg(feature = "convert")]
pub mod convert;
mod error;
pub mod file;
#[cfg(feature = "filter")]
pub mod filter;
mod flow;
#[cfg(feature = "follow")]
pub mod follow;
pub mod inspect;
#[cfg(feature = "output")]
pub mod output;
#[cfg(any(feature = "arrow", feature = "output"))]
pub mod payload;
#[allow(unsafe_code)]
mod raw;
pub mod scan;
#[cfg(any(feature = "aggregate", feature = "filter"))]
mod suggest;
pub mod value;
#[cfg(feature = "write")]
pub mod writer;

/// The element table: everything that a flow can hold, with names, types, units and keys.
pub mod element {
    pub use crate::flow::bytes::Condition;
    pub use crate::flow::element::{
        EitherField, EitherKind, Element, Field, FieldKind, HeaderField, HeaderKind, either_fields,
        element, elements, field, fields, header_fields,
    };
    pub use crate::flow::fields::Fields;
}

pub use error::{Error, ErrorKind, Result};
pub use file::block::{Block, BlockRef};
pub use file::handle::File;
pub use file::names::Names;
pub use file::options::OpenOptions;
#[cfg(feature = "encryption")]
pub use file::passphrase::Passphrase;
#[cfg(feature = "filter")]
pub use filter::compiled::Filter;
pub use flow::builder::{BuildError, FlowBuilder};
pub use flow::field_value::FieldValue;
pub use flow::owned::OwnedFlow;
pub use flow::view::Flow;
pub use scan::builder::Scan;
pub use scan::fileset::FileSet;
pub use value::time::Timestamp;

/// The version of this crate, of the C library in it, and what they read, as one line of text.
pub const VERSION: &str = env!("NFDECODE_VERSION");
