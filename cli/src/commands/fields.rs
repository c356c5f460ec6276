//! `nfdecode fields`: lists the names of fields and columns.

use std::fmt::Write as _;

use nfdecode::output::csv;
use nfdecode::output::fields;

/// The names for `--fields`, then the tokens for `-f csv:`.
pub(crate) fn list() -> Vec<u8> {
    let mut text = String::from("Fields, for --fields NAME,...\n\n");
    // Writing to a String does not fail.
    for field in fields::all() {
        let also = match field.key {
            "" => String::new(),
            key => format!(" (nfdump: {key})"),
        };
        let _ = writeln!(
            text,
            "{:<22} {:<12} {}{also}",
            field.name, field.kind, field.doc
        );
    }
    text.push_str("\nColumns of nfdump, for -f csv:%TOKEN,...\n\n");
    for line in csv::tokens().chunks(3) {
        let mut row = String::new();
        for token in line {
            let _ = write!(
                row,
                "{:<9} {:<17} ",
                format!("%{}", token.name),
                token.header
            );
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text.into_bytes()
}
