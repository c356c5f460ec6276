//! Columns of a table of chosen fields.
//!
//! A column is as wide as the usual values of its kind, so that lines can be printed one by one and on any thread.
//! Longer values are printed whole and move the rest of their line.

use crate::output::buffer::TextBuffer;
use crate::output::fields::list::Chosen;
use crate::output::fields::names::all;

/// How values of one column are aligned.
#[derive(Clone, Copy, Debug)]
struct Column {
    width: usize,
    left: bool,
}

/// The columns of a table.
#[derive(Debug)]
pub(super) struct Aligned {
    columns: Vec<Column>,
    copy: Vec<u8>,
}

/// Text, addresses and times begin at the left, numbers end at the right.
fn column(chosen: &Chosen, mark: &str) -> Column {
    let kind = all()
        .find(|field| field.name == chosen.name || field.key == chosen.name)
        .map_or("text", |field| field.kind);
    let (width, left) = match kind {
        "u8" => (3, false),
        "u16" => (5, false),
        "u32" => (8, false),
        "u64" | "milliseconds" => (10, false),
        "time" => (23 + mark.len(), true),
        "ipv4" => (15, true),
        "ip" | "ipv6" => (24, true),
        "mac" => (17, true),
        "flags" => (8, true),
        _ => (12, true),
    };
    Column {
        width: width.max(chosen.name.len()),
        left,
    }
}

impl Aligned {
    /// `mark`: what is printed behind times.
    pub(super) fn new(fields: &[Chosen], mark: &str) -> Self {
        let columns = fields.iter().map(|chosen| column(chosen, mark));
        Self {
            columns: columns.collect(),
            copy: Vec::new(),
        }
    }

    /// Brings what was written since `from` to the width of the column. The last one gets no blanks after it.
    pub(super) fn apply(&mut self, at: usize, from: usize, out: &mut TextBuffer) {
        let Some(Column { width, left }) = self.columns.get(at).copied() else {
            return;
        };
        let written = out.as_bytes().get(from..).unwrap_or_default();
        // Multi-byte characters are rare here and take one place each.
        let places = written.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let blanks = width.saturating_sub(places);
        let is_last = at + 1 == self.columns.len();
        if left && !is_last {
            pad(blanks, out);
        } else if !left {
            self.copy.clear();
            self.copy.extend_from_slice(written);
            out.truncate(from);
            pad(blanks, out);
            out.extend(&self.copy);
        }
    }
}

fn pad(blanks: usize, out: &mut TextBuffer) {
    for _ in 0..blanks {
        out.push(b' ');
    }
}
