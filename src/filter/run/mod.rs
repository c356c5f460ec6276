//! From an expression to a program that selects flows.

pub(crate) mod pattern;
pub(crate) mod program;
pub(crate) mod sets;
