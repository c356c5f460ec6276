//! The package in `sql/`: outside the workspace, because DataFusion wants a newer Rust.
//!
//! One build without optimisation, of which clippy uses nothing: it would check all dependencies once more.

use crate::shell::{Failure, output, run};

const MANIFEST: &str = "--manifest-path sql/Cargo.toml";

pub(crate) fn step() -> Result<(), Failure> {
    run(&format!("cargo fmt {MANIFEST} --check"))?;
    run(&format!("cargo test --no-run --locked {MANIFEST}"))?;
    let tests = output(&format!("cargo test -q --locked {MANIFEST} -- --list"))?;
    let count = tests
        .lines()
        .filter(|line| line.ends_with(": test"))
        .count();
    run(&format!("cargo test -q --locked {MANIFEST}"))?;
    println!("{count} tests of SQL passed");
    Ok(())
}
