//! Reports: one HTML file with charts, top lists and findings.
//!
//! ```
//! use nfdecode::Scan;
//! use nfdecode_web::report::{Options, Survey};
//! let survey = Survey::new(&Options::new(["../tests/fixtures/archive"]), std::num::NonZeroUsize::MIN)?;
//! let report = survey.run(&Scan::directory("../tests/fixtures/archive")?)?;
//! assert!(report.html().starts_with("<!doctype html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The page makes no request, runs without scripts, and has at most [`SIZE_MAX`] bytes.

mod collect;
mod data;
mod draw;
mod options;
mod page;
mod result;

pub use collect::{Adder, Survey};
pub use options::Options;
pub use page::SIZE_MAX;
pub use result::Report;
