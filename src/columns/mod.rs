//! Flows as typed columns: Arrow record batches, whole files or byte by byte, and Parquet.
//!
//! The schema is derived from the element table ([`crate::element`]) and listed in
//! `docs/schema.md`; [`Column`] describes one column, [`Projection`] chooses some of them. What is
//! not chosen is not decoded.
//!
//! * [`Reader`] turns files into record batches, in file order, decoded on several threads. It is a
//!   [`RecordBatchReader`](arrow_array::RecordBatchReader), so whatever takes Arrow takes it.
//! * [`Decoder`] takes the bytes of a file in pieces, as a network brings them.
//! * [`BatchBuilder`] is the step from one decoded block to record batches.
//! * `parquet` (feature `parquet`) writes Parquet files of flows.
//!
//! ```no_run
//! use nfdecode::Scan;
//! use nfdecode::columns::Projection;
//!
//! let columns = Projection::of(["first", "src_addr", "dst_port", "in_bytes"])?;
//! for batch in Scan::new(["nfcapd.202601011200"]).columns(&columns) {
//!     println!("{} flows", batch?.num_rows());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here writes files; the program `nfdecode` does (`-f arrow`, `-f parquet`).

pub(crate) mod batch;
pub(crate) mod column;
pub(crate) mod decoder;
#[cfg(feature = "parquet")]
pub mod parquet;
pub(crate) mod projection;
pub(crate) mod reader;
pub(crate) mod rows;
pub(crate) mod stride;

pub use batch::{BatchBuilder, Labels};
pub use column::{COLUMNS, Column, ColumnKind};
pub use decoder::Decoder;
pub use projection::{Projection, SCHEMA_VERSION, UnknownColumn};
pub use reader::Reader;
pub use rows::Rows;
