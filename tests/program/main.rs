//! Tests of the program `nfdecode`, and of the library where the program is the easiest way to ask it.
#![allow(missing_docs)]

#[path = "../support/consume.rs"]
mod consume;
#[path = "../support/rewritten.rs"]
mod rewritten;
#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod agree;
mod columns;
mod columns_cli;
mod command_line;
mod compact;
mod consumers;
mod convert;
mod cost;
mod csv;
mod deviations;
mod endings;
mod filter_cli;
mod first_hour;
mod follow;
mod follow_limits;
mod identity;
mod layout1;
mod layout3;
mod lines;
mod mutations;
mod nfdump;
mod nfdump_options;
mod nfdump_random;
mod pages;
mod report;
mod rewrite;
mod roundtrip;
mod serve;
mod sql;
mod top;
