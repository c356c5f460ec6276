//! SQL over nfcapd files, in-process, with [DataFusion](datafusion).
//!
//! [`session`] gives a session, [`register`] its tables. Files are read where they are, on all cores; nothing is
//! converted beforehand. `docs/sql.md` of the repository is the tutorial.
//!
//! ```
//! use nfdecode_sql::{TableOptions, register, session};
//!
//! # #[tokio::main]
//! # async fn main() -> datafusion::common::Result<()> {
//! let options = TableOptions::new();
//! let session = session(&options);
//! register(&session, ["../tests/fixtures/archive"], &options)?;
//! let top = session.sql("SELECT src_addr, sum(in_bytes) AS bytes FROM flows GROUP BY 1 ORDER BY 2 DESC LIMIT 3");
//! let batches = top.await?.collect().await?;
//! assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! * Addresses are 16 bytes, IPv4 as `::ffff:a.b.c.d`. Text beside them means an address: `src_addr = '192.0.2.10'`,
//!   `dst_addr IN ('192.0.2.0/24', '2001:db8::1')`. [`to_text`] shows them in results.
//! * Sums of 64-bit counters are decimals: they do not wrap.
//! * Conditions become a filter of nfdump where they can, and files that cannot have such flows are not read.
//! * Damage fails a query, unless [`OnDamage::Log`] collects it.
//!
//! * With the feature `cluster`, queries run on workers on several machines: `docs/cluster.md`.
//!
//! The major version of DataFusion is a part of this interface; it is re-exported.

pub use datafusion;

mod catalog;
#[cfg(feature = "cluster")]
mod cluster;
mod display;
#[cfg(feature = "cluster")]
mod distributed;
mod error;
mod functions;
mod pushdown;
mod rules;
mod session;
mod table;
mod table_functions;

#[cfg(feature = "cluster")]
pub use cluster::FlowCodec;
#[cfg(feature = "cluster")]
pub use datafusion_distributed;
pub use display::to_text;
#[cfg(feature = "cluster")]
pub use distributed::{Workers, distribute, serve, worker};
pub use functions::{Function, functions};
pub use session::{config, extend, register, session};
pub use table::FlowTable;
pub use table::damage::DamageLog;
pub use table::options::{OnDamage, TableOptions};
