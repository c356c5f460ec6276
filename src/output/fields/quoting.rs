//! Quotes in CSV.

use crate::output::buffer::TextBuffer;

/// Quotes values as in RFC 4180.
#[derive(Debug)]
pub(super) struct Quoting {
    pub(super) delimiter: u8,
    /// The delimiter can occur in numbers, times and addresses.
    pub(super) any_value: bool,
    writer: csv_core::Writer,
    copy: Vec<u8>,
}

impl Quoting {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            any_value: !matches!(delimiter, b',' | b';' | b'|' | b'\t'),
            writer: csv_core::WriterBuilder::new().delimiter(delimiter).build(),
            copy: Vec::new(),
        }
    }

    /// Puts what was written since `from` in quotes if it needs them.
    pub(super) fn apply(&mut self, from: usize, out: &mut TextBuffer) {
        let written = out.as_bytes().get(from..).unwrap_or_default();
        if !self.writer.should_quote(written) {
            return;
        }
        self.copy.clear();
        self.copy.extend_from_slice(written);
        out.truncate(from);
        out.push(b'"');
        for piece in self.copy.split_inclusive(|byte| *byte == b'"') {
            out.extend(piece);
            if piece.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}
