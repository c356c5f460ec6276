//! Flows as text, in nfdump's own forms and with fields of one's choice.
//!
//! A [`FlowFormat`] turns flows into bytes in a buffer; where the buffer goes is the caller's
//! business. One implementation a file: [`json`] has JSON and NDJSON, [`csv`] nfdump's CSV, [`fields`]
//! chosen fields in any of these, [`lines`] lines and tables for people.

pub mod csv;
pub mod fields;
pub mod json;
mod line;
pub mod lines;
mod text;

use std::sync::Arc;

pub use text::TextBuffer;

use crate::block::Block;
use crate::flow::Flow;
use crate::names::Names;

/// A text form for flows. Appends to a buffer, never fails, needs no allocation per flow.
pub trait FlowFormat {
    /// The following flows come from a file with this ident and name. The name is printed by
    /// formats that were asked to.
    fn set_file(&mut self, ident: Option<&[u8]>, name: &str);

    /// Names that the following flows may refer to. Only few columns need any.
    fn set_names(&mut self, _names: &Arc<Names>) {}

    /// The following flows are of this block; before it came this many records of all types. Only
    /// forms that number records need it.
    fn set_block(&mut self, _block: &Block, _records_before: u64) {}

    /// What stands before the first flow.
    fn begin(&mut self, out: &mut TextBuffer);

    /// One flow. `number` counts from 1; whatever separates flows is written before all but the first.
    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer);

    /// What stands after the last flow. `flows` is how many there were.
    fn end(&mut self, flows: u64, out: &mut TextBuffer);
}

/// The names most like a wrong one, at most three.
fn near<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const ALIKE: f64 = 0.75;
    let mut found: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.into_iter().take(3).map(|(_, name)| name).collect()
}
