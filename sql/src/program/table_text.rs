//! Answers as columns for people.
//!
//! The widths are those of the first rows; later rows that are wider are not cut. Columns that are empty in these
//! rows are left out where there are many, and named at the end.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

/// Rows that decide the widths.
const ROWS: usize = 1_000;
/// Columns above which empty ones are left out.
const COLUMNS: usize = 24;

/// Rows on their way to a table.
pub(crate) struct TableText {
    names: Vec<String>,
    is_number: Vec<bool>,
    waiting: Vec<Vec<String>>,
    /// Known after the first rows: each column that is shown, with its width.
    widths: Option<Vec<(usize, usize)>>,
    pub(crate) rows: usize,
}

impl TableText {
    /// A table of these columns.
    pub(crate) fn new(schema: &SchemaRef) -> Self {
        let fields = schema.fields().iter();
        Self {
            names: fields.clone().map(|field| field.name().clone()).collect(),
            is_number: fields
                .map(|field| {
                    let kind = field.data_type();
                    kind.is_numeric() && !matches!(kind, DataType::Null)
                })
                .collect(),
            waiting: Vec::new(),
            widths: None,
            rows: 0,
        }
    }

    /// Adds rows, whose addresses are text already.
    pub(crate) fn add(&mut self, batch: &RecordBatch, out: &mut impl Write) -> Result<()> {
        let options = FormatOptions::default().with_null("");
        let columns = batch
            .columns()
            .iter()
            .map(|array| ArrayFormatter::try_new(array.as_ref(), &options))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns
                .iter()
                .map(|column| cell(&column.value(row).to_string()));
            self.waiting.push(cells.collect());
            self.rows += 1;
            if self.waiting.len() >= ROWS {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    /// Writes what waits. Call it after the last row.
    pub(crate) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.flush(out)?;
        let shown = self.widths.as_ref().map_or(0, Vec::len);
        match self.names.len() - shown {
            0 => Ok(()),
            hidden => writeln!(out, "({hidden} columns without a value are not shown)"),
        }
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.widths.is_none() {
            let widths = self.measure();
            let header: Vec<&str> = self.names.iter().map(String::as_str).collect();
            line(&header, &widths, &self.is_number, out)?;
            self.widths = Some(widths);
        }
        let widths = self.widths.as_deref().unwrap_or_default();
        for row in self.waiting.drain(..) {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            line(&cells, widths, &self.is_number, out)?;
        }
        Ok(())
    }

    fn measure(&self) -> Vec<(usize, usize)> {
        let width = |text: &str| text.chars().count();
        let columns = self.names.iter().enumerate().filter_map(|(column, name)| {
            let cells = self.waiting.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| width(cell)).max().unwrap_or(0);
            let is_hidden = widest == 0 && self.names.len() > COLUMNS && !self.waiting.is_empty();
            (!is_hidden).then(|| (column, widest.max(width(name))))
        });
        columns.collect()
    }
}

fn line(
    cells: &[&str],
    widths: &[(usize, usize)],
    is_number: &[bool],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut text = String::new();
    for (place, (column, width)) in widths.iter().enumerate() {
        let cell = cells.get(*column).copied().unwrap_or_default();
        if place > 0 {
            text.push_str("  ");
        }
        match is_number.get(*column) {
            Some(true) => text.push_str(&format!("{cell:>width$}")),
            _ => text.push_str(&format!("{cell:<width$}")),
        }
    }
    writeln!(out, "{}", text.trim_end())
}

/// Control characters in names and payloads must not reach a terminal.
fn cell(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}
