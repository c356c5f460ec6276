//! Flows as text, in nfdump's own forms and with fields of one's choice.
//!
//! A [`FlowFormat`] turns flows into bytes in a buffer; where the buffer goes is the caller's
//! business. One implementation a file: [`json`] has JSON and NDJSON, [`csv`] nfdump's CSV, [`fields`]
//! chosen fields in any of these, [`lines`] lines and tables for people.

pub mod cells;
pub mod csv;
pub mod fields;
pub mod fmt;
mod fmt_list;
mod fmt_row;
mod fmt_tokens;
pub mod fmt_values;
pub(crate) mod format;
pub mod json;
pub(crate) mod keys;
pub(crate) mod line;
pub mod lines;
pub(crate) mod near;
pub mod raw;
pub(crate) mod text;

pub use format::FlowFormat;
pub use text::TextBuffer;
