//! Parquet files of flows.
//!
//! [`Writer`] makes a file of record batches. [`GroupFormat`] encodes row groups on several threads.
//! [`properties`] configure the writer of the `parquet` crate in the same way.
//!
//! ```no_run
//! use nfdecode::Scan;
//! use nfdecode::columns::{Projection, parquet};
//!
//! let columns = Projection::standard();
//! let out = std::fs::File::create("flows.parquet")?;
//! let mut writer = parquet::Writer::try_new(out, &columns, &parquet::Options::default())?;
//! for batch in Scan::new(["nfcapd.202601011200"]).columns(&columns) {
//!     writer.write(&batch?)?;
//! }
//! writer.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod chunk;
pub(crate) mod encode;
pub(crate) mod options;
pub(crate) mod row_group;
pub(crate) mod writer;

pub use options::{Options, ROW_GROUP, properties};
pub use row_group::{GroupEncoder, GroupFormat, RowGroup, name_sources};
pub use writer::Writer;
