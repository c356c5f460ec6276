//! Selection of flows: nfdump's filter language, as text and as Rust expressions.
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
//! [`Filter::parse`](crate::Filter::parse) reads a text, [`Expr`] builds a filter without one,
//! [`Filter::select`](crate::Filter::select) selects from a whole block at full speed, and
//! [`Filter::may_select`](crate::Filter::may_select) finds files that need not be read. The language
//! is described in `docs/filter.md`; `docs/deviations.md` lists where nfdump 1.7.10 is wrong.
//!
//! Filters from untrusted sources are safe: time and memory of parsing are in proportion to the
//! text, no depth of nesting exhausts the stack, patterns run in linear time, and no file is read
//! and no name resolved unless [`Options`] allow it.

pub(crate) mod compiled;
pub(crate) mod error;
pub(crate) mod expr;
pub(crate) mod limits;
pub(crate) mod options;
pub(crate) mod parse;
pub(crate) mod run;
mod scan;
pub(crate) mod scope;
pub mod terms;
pub(crate) mod written;

pub use error::{FilterError, FilterErrorKind};
pub use expr::Expr;
pub use expr::term::{Compare, Mpls, PayloadSide};
pub use options::{Includes, Options, Resolver};
pub use parse::times::{TimeError, parse_time};
pub use scope::Scope;
pub use terms::{MacSide, Number, Side};
