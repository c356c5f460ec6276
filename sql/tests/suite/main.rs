//! Tests of SQL: through the library, and through the program.
#![allow(missing_docs)]

#[cfg(feature = "cluster")]
mod codec;
mod damage;
#[cfg(feature = "cluster")]
mod distributed;
mod docs;
mod logic;
mod program;
mod pushdown;
mod scan;
mod support;
mod tables;
#[cfg(feature = "cluster")]
mod workers;
