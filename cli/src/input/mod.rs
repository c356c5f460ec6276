//! From paths and filters on the command line to what is read.

pub(crate) mod paths;
pub(crate) mod select;
