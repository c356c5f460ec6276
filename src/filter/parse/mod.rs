//! From the text of a filter to an expression.

pub(crate) mod lexer;
pub(crate) mod names;
pub(crate) mod parser;
pub(crate) mod times;
