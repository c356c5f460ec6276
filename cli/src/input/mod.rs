//! From paths and filters on the command line to what is read.

pub(crate) mod having;
pub(crate) mod measure;
pub(crate) mod paths;
pub(crate) mod select;
