//! Chosen fields, under stable names: as CSV, a table, and as the members of JSON and NDJSON objects.
//!
//! Names are those of the accessors of [`Flow`](crate::Flow), from the element table, and of a few values
//! that are computed; nfdump's JSON keys are accepted too. Members and columns keep the order and
//! the names of the list. A field that the flow does not have is left out of JSON, and empty in CSV, which
//! is quoted as in RFC 4180 and the crate `csv`.
//!
//! Values have the text that they have in nfdump's JSON; bytes, which nfdump does not print, are
//! hexadecimal. nfdump's own CSV is in [`super::csv`].

mod aligned;
mod format;
mod list;
mod names;
mod quoting;

pub use format::FieldsFormat;
pub use list::{FieldList, UnknownField};
pub use names::{FieldName, all};
