//! What the integration tests share: the program under test, the data of others, and skipping.
//!
//! Reference data and reference programs do not belong to this repository. Tests that need them are reported as ignored
//! without them: the build scripts look for them. With `NFDECODE_REQUIRE_DATA=1`, as in CI, their absence is a failure.
#![allow(dead_code)]

pub mod corpus;
pub mod csv;
pub mod damage;
pub mod layout1;
pub mod layout3;
pub mod reference;
pub mod second;
pub mod writer;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes that are often extremes and often zero.
pub fn bytes(size: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), size),
        1 => vec(Just(0), size),
        1 => vec(Just(0xFF), size),
        2 => vec(prop_oneof![Just(0), Just(0), any::<u8>()], size),
    ]
}

/// The top of this repository, whichever package the tests belong to.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    match option_env!("CARGO_BIN_EXE_nfdecode") {
        Some(_) => package.join(".."),
        None => package.to_owned(),
    }
}

/// The program under test, with an environment of its own and times in UTC.
pub fn nfdecode() -> Command {
    let program = option_env!("CARGO_BIN_EXE_nfdecode");
    let mut command = Command::new(program.expect("tests of the program are in tests/program"));
    command
        .current_dir(root())
        .env("TZ", "UTC")
        .env_remove("NFPCAPD")
        .env_remove("NFDECODE_KEY");
    command
}

/// As [`nfdecode`], to be interrupted: background jobs of a shell ignore SIGINT, and ignored signals stay ignored.
pub fn interruptible() -> Command {
    let plain = nfdecode();
    let mut command = Command::new("env");
    command
        .arg("--default-signal=HUP,INT,TERM")
        .arg(plain.get_program());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Runs the program under test.
pub fn run(arguments: &[&str]) -> Output {
    nfdecode()
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder of the shared test data, or `None` after saying that the test is skipped.
pub fn test_data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NFDECODE_TESTDATA")
        .map_or_else(|| root().join("../shared/testdata"), PathBuf::from);
    present(
        root.join(folder),
        "test data",
        "set NFDECODE_TESTDATA to their folder",
    )
}

/// A program of a reference version of nfdump, or `None` after saying that the test is skipped.
/// `NFDECODE_ORACLE` names the folder that holds one folder for each version.
pub fn oracle(version: &str, program: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("NFDECODE_ORACLE").map_or_else(|| root().join("../oracle"), PathBuf::from);
    let path = root.join(version).join("usr/bin").join(program);
    present(
        path,
        "reference program",
        "set NFDECODE_ORACLE to the folder of nfdump versions",
    )
}

/// The nfpcapd of this machine, or `None` after saying that the test is skipped.
pub fn nfpcapd() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .map(|directory| directory.join("nfpcapd"))
        .find(|path| path.is_file());
    present(
        found.unwrap_or_else(|| "nfpcapd".into()),
        "program",
        "install the package nfdump",
    )
}

fn present(path: PathBuf, what: &str, hint: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    let message = format!("{what} {} is not there: {hint}", path.display());
    assert!(
        std::env::var_os("NFDECODE_REQUIRE_DATA").is_none(),
        "{message}"
    );
    eprintln!("skipped: {message}");
    None
}

/// All files below a folder, in order.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The Parquet files below a folder, in order.
pub fn parquet_below(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    files_below(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
}

/// The file in these bytes, opened plainly and salvaging, as far as it can be.
pub fn both_ways(bytes: &[u8]) -> impl Iterator<Item = nfdecode::File> + use<> {
    let plain = nfdecode::File::from_bytes(bytes.to_vec());
    let partial = nfdecode::File::from_partial_bytes(bytes.to_vec());
    [plain, partial].into_iter().flatten()
}

/// The names of the rows in `docs/deviations.md`.
pub fn deviations() -> std::collections::HashSet<String> {
    let page = std::fs::read_to_string(root().join("docs/deviations.md")).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| row.split_once(" |"))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.ends_with(|c: char| c.is_ascii_digit()))
        .collect()
}

/// Fails unless the bytes are one JSON document.
pub fn assert_json(bytes: &[u8], context: &str) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{context}: not JSON: {error}"))
}

/// Fails unless every line is a JSON document.
pub fn assert_ndjson(bytes: &[u8], context: &str) -> Vec<serde_json::Value> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| assert_json(line, context))
        .collect()
}

/// Fails unless a page of `docs/` is what a test has made of the tables; writes it if asked to.
pub fn assert_page(name: &str, page: &str, test: &str) {
    assert_generated(&format!("docs/{name}"), page, test);
}

/// The same for any file; `path` is relative to the root of the repository.
pub fn assert_generated(path: &str, text: &str, test: &str) {
    let file = root().join(path);
    if std::env::var_os("NFDECODE_REGENERATE").is_some() {
        std::fs::write(&file, text).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == text,
        "{path} is out of date: run `cargo xtask generate` ({test})"
    );
}

/// What `nfdecode read` prints of a file, which may be damaged.
pub fn read(file: &Path, form: reference::Form, options: &[&str]) -> Vec<u8> {
    let output = nfdecode()
        .arg("read")
        .arg(file)
        .args(["-f", form.name()])
        .args(options)
        .output()
        .expect("it runs");
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}: {}",
        file.display(),
        stderr(&output)
    );
    output.stdout
}
