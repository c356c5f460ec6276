//! The Python package: builds a wheel as it would be published, installs it, and runs its tests.
//!
//! Everything is below `target/python`: the environment, the wheel, and nothing in the sources but what Git ignores.

use std::env;
use std::fs;

use crate::shell::{Failure, root, run, run_with};

/// The environment of the step.
const BIN: &str = "target/python/bin";
const WHEELS: &str = "target/python/wheels";
const MANIFEST: &str = "--manifest-path python/Cargo.toml";

pub(crate) fn step() -> Result<(), Failure> {
    run("python3 -m venv target/python")?;
    run(&format!(
        "{BIN}/pip install -q -r python/tests/requirements.txt"
    ))?;
    run(&format!("cargo fmt {MANIFEST} --check"))?;
    run(&format!(
        "cargo clippy -q {MANIFEST} --locked --profile ci --target-dir python/target -- -D warnings"
    ))?;
    // The step `readme` has built it already.
    run("cargo build --release --locked -p nfdecode-cli")?;
    let program = root().join("target/release/nfdecode");
    let program = program.display().to_string();
    let bundled = [("NFDECODE_BUNDLE", program.as_str())];
    run_with(
        &format!("{BIN}/python python/_build/nfdecode_build.py"),
        &bundled,
    )?;
    // Wheels of earlier runs would be tested too.
    if root().join(WHEELS).exists() {
        fs::remove_dir_all(root().join(WHEELS)).map_err(|error| error.to_string())?;
    }
    // maturin looks for zig's compiler on the path.
    let path = env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", root().join(BIN).display());
    run_with(
        &format!(
            "{BIN}/maturin build -q {MANIFEST} --locked --profile ci --zig --compatibility manylinux_2_28 -o {WHEELS}"
        ),
        &[("PATH", &path)],
    )?;
    run(&format!(
        "{BIN}/pip install -q --force-reinstall --no-index --no-deps --find-links {WHEELS} nfdecode"
    ))?;
    let wheels = root().join(WHEELS).display().to_string();
    let environment = [
        ("NFDECODE_WHEELS", wheels.as_str()),
        ("NFDECODE_ZIG", "1"),
        ("NFDECODE_UNOPTIMIZED", "1"),
    ];
    run_with(
        &format!("timeout --verbose 10m {BIN}/pytest python/tests -p no:cacheprovider"),
        &environment,
    )
}
