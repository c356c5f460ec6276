//! The program `nfdecode`: command line, messages and exit status around the library `nfdecode`.
//!
//! | folder | holds |
//! |---|---|
//! | `args` | what can be written on the command line |
//! | `commands` | one file per command |
//! | `follow` | the parts of `nfdecode follow` |
//! | `input` | from paths and filters to what is read |
//! | `nfdump` | the drop-in for nfdump |
//! | `sink` | from flows to files and standard output |
//! | `run` | messages, progress, interrupts, exit status |
//!
//! Only the public interface of the library is used.
#![forbid(unsafe_code)]

mod app;
mod args;
mod commands;
mod follow;
mod input;
mod nfdump;
mod run;
mod sink;

fn main() -> std::process::ExitCode {
    app::run()
}
