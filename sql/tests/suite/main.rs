//! Tests of SQL: through the library, and through the program.
#![allow(missing_docs)]

mod damage;
mod docs;
mod logic;
mod program;
mod pushdown;
mod scan;
mod support;
mod tables;
