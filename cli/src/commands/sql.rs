//! `nfdecode sql`: runs the program `nfdecode-sql`, which is a package of its own.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::run::stop::Stop;

/// Its name, beside this program or in `PATH`.
const PROGRAM: &str = "nfdecode-sql";

/// Becomes the other program, with its arguments. Returns only if that fails.
pub(crate) fn run(words: &[OsString]) -> Result<(), Stop> {
    let beside = env::current_exe()
        .ok()
        .map(|program| program.with_file_name(PROGRAM))
        .filter(|program| program.is_file());
    let program = beside.unwrap_or_else(|| PathBuf::from(PROGRAM));
    let error = Command::new(&program).args(words).exec();
    Err(Stop::Failed(match error.kind() {
        io::ErrorKind::NotFound => format!(
            "sql: {PROGRAM} is neither beside nfdecode nor in PATH: \
             `cargo install --path sql` in the repository installs it (needs Rust 1.94)"
        ),
        _ => format!("{}: {error}", program.display()),
    }))
}
