//! What people look at: a report of nfcapd archives as one HTML file.
//!
//! [`report::Survey`] counts flows in one pass, [`report::Report`] is the result and writes the page. Uses the public
//! interface of `nfdecode` only. The pages make no request and run without scripts.
#![forbid(unsafe_code)]

#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "report")]
mod survey;
#[cfg(feature = "report")]
mod svg;
#[cfg(feature = "report")]
mod text;
