//! Scans as bytes, for engines that run the parts of a plan on several machines.
//!
//! Encodes and decodes scans, and adds up what other processes found out about their files. Does not connect to
//! anything: that is the engine's part.

pub(crate) mod accounts;
mod codec;
mod message;

pub use codec::FlowCodec;
