//! Flows as typed columns: Arrow record batches, and Parquet files.
//!
//! The schema is derived from the element table ([`crate::element`]) and listed in `docs/schema.md`.
//! [`columns`](columns()) are all columns; a [`Projection`] chooses some of them, and the others are not
//! decoded.
//!
//! * [`Reader`] reads files into record batches, in file order, on several threads. It is a
//!   [`RecordBatchReader`](arrow_array::RecordBatchReader), which all Arrow software accepts.
//! * [`Decoder`] reads a file whose bytes arrive in pieces, such as from a network.
//! * [`BatchBuilder`] makes record batches of one decoded block, or of some of its flows ([`Rows`]). [`Joiner`] and
//!   [`OwnedRows`] join the flows of small blocks.
//! * [`TextAddresses`] turns addresses of batches into text.
//! * `parquet` (feature `parquet`) writes Parquet files of flows.
//!
//! The Arrow and Parquet crates of the signatures are re-exported: [`arrow_array`], [`arrow_schema`] and, as
//! `parquet` names the module, `parquet_crate`.
//!
//! ```no_run
//! use nfdecode::Scan;
//! use nfdecode::columns::Projection;
//!
//! let columns = Projection::from_names(["first", "src_addr", "dst_port", "in_bytes"])?;
//! for batch in Scan::new(["nfcapd.202601011200"]).columns(&columns) {
//!     println!("{} flows", batch?.num_rows());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The program `nfdecode` writes such files with `-f arrow` and `-f parquet`.

// Lengths and counts come from files: each remaining cast has a reason.
#![deny(clippy::cast_possible_truncation)]

pub(crate) mod batch;
pub(crate) mod column;
pub(crate) mod decoder;
pub(crate) mod joiner;
pub(crate) mod order;
pub(crate) mod owned_rows;
#[cfg(feature = "parquet")]
pub mod parquet;
pub(crate) mod projection;
pub(crate) mod reader;
pub(crate) mod rows;
pub(crate) mod stride;
pub(crate) mod text;

#[cfg(feature = "parquet")]
pub use ::parquet as parquet_crate;
pub use arrow_array;
pub use arrow_schema;

pub use batch::{BatchBuilder, Labels};
pub use column::{Column, ColumnKind, columns};
pub use decoder::Decoder;
pub use joiner::Joiner;
pub use owned_rows::OwnedRows;
pub use projection::{Projection, SCHEMA_VERSION, UnknownColumn};
pub use reader::Reader;
pub use rows::Rows;
pub use text::TextAddresses;
