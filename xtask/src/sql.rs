//! The package in `sql/`: outside the workspace, because DataFusion wants a newer Rust.
//!
//! One build without optimisation, with all features, of which clippy uses nothing: it would check all dependencies once
//! more. So would a build without features.

use crate::shell::{Failure, output, run};

const MANIFEST: &str = "--manifest-path sql/Cargo.toml";
const TESTED: &str = "--locked --all-features --manifest-path sql/Cargo.toml";

pub(crate) fn step() -> Result<(), Failure> {
    run(&format!("cargo fmt {MANIFEST} --check"))?;
    run(&format!("cargo test --no-run {TESTED}"))?;
    let tests = output(&format!("cargo test -q {TESTED} -- --list"))?;
    let count = tests
        .lines()
        .filter(|line| line.ends_with(": test"))
        .count();
    run(&format!("cargo test -q {TESTED}"))?;
    println!("{count} tests of SQL passed");
    Ok(())
}
