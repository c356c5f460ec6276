//! CSV as nfdump 1.7.10 prints it: `csv`, `csv:%ts,%td,…` with every token of nfdump, `csv-fast`.
//!
//! Where nfdump's own text is wrong, not deterministic or breaks the table, ours differs;
//! `docs/deviations.md` lists every case. Columns under our own names, quoted as other programs
//! expect, are in [`super::fields`].
//!
//! A [`TokenList`] chooses the columns, a [`CsvFormat`] prints them. A column whose element the flow
//! does not have prints what zeros would print, unless nfdump has a word for the absence.

mod format;
pub(crate) mod printer;
mod row;
mod tokens;

pub use format::CsvFormat;
pub use tokens::{DEFAULT, Token, TokenError, TokenList, tokens};
