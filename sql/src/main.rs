//! The program `nfdecode-sql`: SQL over nfcapd files from the command line, or in an interactive shell.

#![allow(missing_docs, reason = "a program has no public interface")]

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::run()
}
