//! Flows as text, in nfdump's own forms.
//!
//! A [`FlowFormat`] turns flows into bytes in a buffer; where the buffer goes is the caller's
//! business. One implementation a file: [`json`] has JSON and NDJSON.

pub mod json;
mod line;
mod text;

pub use text::TextBuffer;

use crate::flow::Flow;

/// A text form for flows. Appends to a buffer, never fails, needs no allocation per flow.
pub trait FlowFormat {
    /// The following flows come from a file with this ident and name. The name is printed by
    /// formats that were asked to.
    fn set_file(&mut self, ident: Option<&[u8]>, name: &str);

    /// What stands before the first flow.
    fn begin(&mut self, out: &mut TextBuffer);

    /// One flow. `number` counts from 1; whatever separates flows is written before all but the first.
    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer);

    /// What stands after the last flow. `flows` is how many there were.
    fn end(&mut self, flows: u64, out: &mut TextBuffer);
}
