//! Flows as text, in nfdump's own forms and with chosen fields.
//!
//! A [`FlowFormat`] appends flows to a [`TextBuffer`]; the caller writes the buffer. There is one
//! implementation per module: [`json`] has JSON and NDJSON, [`csv`] nfdump's CSV, [`fields`] chosen fields
//! in any of these, [`lines`] lines and tables for people.

pub(crate) mod buffer;
pub mod cells;
pub(crate) mod clock;
pub mod csv;
pub(crate) mod digits;
pub mod fields;
pub mod fmt;
mod fmt_list;
mod fmt_row;
mod fmt_tokens;
pub mod fmt_values;
pub(crate) mod format;
pub(crate) mod head;
pub mod json;
pub(crate) mod keys;
pub(crate) mod line;
mod line_columns;
pub mod lines;
pub mod members;
pub(crate) mod memo;
pub(crate) mod near;
pub(crate) mod object;
pub(crate) mod padded;
pub(crate) mod protocols;
pub mod raw;
pub(crate) mod text;
pub(crate) mod totals;
pub(crate) mod tunnel;
pub(crate) mod values;

pub use buffer::TextBuffer;
pub use format::{FlowContext, FlowFormat};
pub use protocols::protocol as protocol_name;
