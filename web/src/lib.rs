//! What people look at: a report of nfcapd archives as one HTML file, and a local web application over them.
//!
//! [`report::Survey`] counts flows in one pass, [`report::Report`] is the result and writes the page, which makes no
//! request and runs without scripts. [`serve::Server`] answers a browser on this machine. Uses the public interface of
//! `nfdecode` only.
#![forbid(unsafe_code)]

#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "report")]
mod survey;
#[cfg(feature = "report")]
mod svg;
#[cfg(feature = "report")]
mod text;
