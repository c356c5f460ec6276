//! Runs programs at the top of the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a step failed.
pub(crate) type Failure = String;

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// A command at the top of the repository, from words separated by spaces.
pub(crate) fn command(words: &str) -> Command {
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("true"));
    command.args(words).current_dir(root());
    command
}

/// Runs a command and fails if it does.
pub(crate) fn run(words: &str) -> Result<(), Failure> {
    finish(&mut command(words), words)
}

/// As [`run`], with environment variables.
pub(crate) fn run_with(words: &str, environment: &[(&str, &str)]) -> Result<(), Failure> {
    finish(command(words).envs(environment.iter().copied()), words)
}

fn finish(command: &mut Command, shown: &str) -> Result<(), Failure> {
    println!("+ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` cannot be run: {error}")),
    }
}

/// Standard output of a command that must succeed.
pub(crate) fn output(words: &str) -> Result<String, Failure> {
    let output = command(words)
        .output()
        .map_err(|error| format!("`{words}` cannot be run: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("`{words}` failed: {message}"));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{words}`: {error}"))
}

/// What is left on the disk of the repository.
pub(crate) fn free_space() -> String {
    let line = output("df -h --output=avail .").unwrap_or_default();
    line.lines().last().unwrap_or("?").trim().to_owned()
}
