//! What every text form implements.

use std::sync::Arc;

use crate::file::block::Block;
use crate::file::names::Names;
use crate::flow::view::Flow;
use crate::output::text::TextBuffer;

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
