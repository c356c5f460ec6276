//! Tests of the library through its public interface.
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod aggregate;
mod allocations;
mod builder;
mod c_header;
mod convert;
mod elements_doc;
mod examples;
mod fields_doc;
mod filter;
mod filter_doc;
mod filter_random;
mod filter_text;
mod follow;
mod members;
mod one_table;
mod packaging;
mod reading;
mod schema_doc;
mod second;
mod serde;
mod terms;
