//! From many files to ordered blocks, the same way for every consumer.
//!
//! [`Scan`](crate::Scan) describes what to read. Its simple forms are iterators; [`Work`] is the full form, with
//! workers on many threads and results in order. [`run`] is the ordered parallel map below it.

pub(crate) mod builder;
pub(crate) mod damage;
pub(crate) mod fileset;
pub(crate) mod input;
pub(crate) mod mapped;
pub(crate) mod memory;
pub(crate) mod part;
pub(crate) mod pipeline;
pub(crate) mod select;
pub(crate) mod traverse;
pub(crate) mod work;

pub use builder::ScanBlocks;
pub use damage::OnDamage;
pub use fileset::{Found, is_magic, is_unfinished, search, search_all};
pub use input::ScanInput;
pub use part::{FileEnd, Gap, Part, ScanBlock, ScanFile, ScanFlows};
pub use pipeline::{Lane, Outcome, Stages, Stopped, run};
pub use select::Select;
pub use traverse::Totals;
pub use work::{Grouping, Work};
