//! From the text of a filter to an expression.

mod address;
mod events;
pub(crate) mod lexer;
pub(crate) mod names;
mod number;
pub(crate) mod parser;
mod payload;
mod suggest;
mod term;
pub(crate) mod times;
pub(crate) mod words;
