//! From an expression to a program that selects flows.

pub(crate) mod pattern;
pub(crate) mod plan;
pub(crate) mod program;
pub(crate) mod sets;
pub(crate) mod test;
pub(crate) mod tree;
