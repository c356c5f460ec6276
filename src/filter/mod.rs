//! Selecting flows: nfdump's whole filter language, and the same as Rust expressions.
//!
//! ```no_run
//! use nfdecode::Filter;
//!
//! let filter = Filter::parse("proto tcp and dst port 443 and bytes > 1m")?;
//! let file = nfdecode::File::open("nfcapd.202601011200")?;
//! for block in file.blocks() {
//!     for flow in block?.flows().filter(|flow| filter.matches(flow)) {
//!         println!("{flow:?}");
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Filter::parse`] reads the text, [`Expr`] builds one without text, [`Filter::select`] goes through
//! a block at full speed, [`Filter::may_select`] tells of files that need not be read. The language is
//! described in `docs/filter.md`; where nfdump 1.7.10 is wrong, see `docs/deviations.md`.
//!
//! A filter from an untrusted source is safe: parsing takes time in proportion to the text, no depth
//! of nesting exhausts the stack, no file is read and no name resolved unless [`Options`] allow it,
//! patterns run in linear time.

pub(crate) mod compiled;
pub(crate) mod error;
pub(crate) mod expr;
pub(crate) mod options;
pub(crate) mod parse;
pub mod primitive;
pub(crate) mod run;
mod scan;
pub(crate) mod scope;

pub use compiled::parse_time;
pub use error::{FilterError, FilterErrorKind};
pub use expr::{Compare, Expr, Mpls, PayloadSide};
pub use options::{Includes, Options, Resolver};
pub use primitive::{MacSide, Number, Side};
pub use scope::Scope;
