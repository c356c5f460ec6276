//! What integration tests share.

pub mod writer;
