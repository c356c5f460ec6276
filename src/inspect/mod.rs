//! Whole files in summary: what a file holds, and whether it is intact.
//!
//! [`Survey`] is what `nfdecode info` shows, [`Check`] what `nfdecode check` finds. Both read the whole file. Neither
//! prints.

pub(crate) mod check;
pub(crate) mod survey;

pub use check::{Check, Verdict};
pub use survey::Survey;
