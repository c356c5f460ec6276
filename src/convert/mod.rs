//! From a capture to nfcapd files, by way of the program nfpcapd.
//!
//! * [`capture`] looks at a capture and rewrites what nfpcapd would refuse or drop.
//! * [`program`] finds nfpcapd, [`workdir`] gives it a private directory, [`run`] runs and judges it.
//!
//! Decoding what comes out is the business of [`crate::File`]; printing it that of the caller.

pub mod capture;
pub(crate) mod error;
pub(crate) mod ipc;
pub(crate) mod log;
pub mod program;
pub mod run;
pub mod workdir;

pub use error::ConvertError;
