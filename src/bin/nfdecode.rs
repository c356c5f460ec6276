//! The program `nfdecode`. Everything is in the library's `cli` module.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    nfdecode::cli::run()
}
