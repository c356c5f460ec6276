//! One pass over flows: everything that a report shows is counted here.
//!
//! Does not draw and writes no text for people.

pub(crate) mod files;
pub(crate) mod findings;
pub(crate) mod lists;
pub(crate) mod sample;
pub(crate) mod seen;
pub(crate) mod spread;
pub(crate) mod states;
pub(crate) mod sums;
pub(crate) mod terms;
pub(crate) mod timeline;
pub(crate) mod watch;
