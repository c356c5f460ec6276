//! A short fuzzing pass: the C library by its own makefile, the Rust side by the targets in `fuzz/`.
//!
//! libFuzzer needs instrumented code, which a stable compiler makes too when it is asked for the pass by name. Does not
//! keep what it finds beyond `fuzz/target/corpus`.

use std::fs;
use std::path::Path;

use crate::shell::{Failure, output, root, run, run_with};

/// The targets, and the longest input of each: what is rewritten or decoded many times is kept short.
const TARGETS: [(&str, u32); 4] = [
    ("filter", 400),
    ("file", 4096),
    ("capture", 4096),
    ("stored", 4096),
];

/// Coverage as libFuzzer wants it. `--target` keeps these flags away from build scripts.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg=fuzzing";

/// More nanoseconds of CPU time for a byte are a fault. Each input has some bytes free, see the targets.
const COST_MAX: &str = "1000";

pub(crate) fn step() -> Result<(), Failure> {
    run("make -C vendor/libnfdump fuzz-all cost-all SECONDS=4")?;
    rust(&std::env::var("FUZZ_SECONDS").unwrap_or_else(|_| "4".to_owned()))
}

fn rust(seconds: &str) -> Result<(), Failure> {
    let host = host()?;
    let build =
        format!("cargo build --release --locked --manifest-path fuzz/Cargo.toml --target {host}");
    run_with(&build, &[("RUSTFLAGS", INSTRUMENTED)])?;
    let target = root().join("fuzz/target");
    let text = |error: std::io::Error| error.to_string();
    seeds(&target.join("seeds")).map_err(text)?;
    // Memory, where there is such a folder: some targets write files.
    let memory = Path::new("/dev/shm");
    let temporary = if memory.is_dir() {
        memory
    } else {
        target.as_path()
    };
    let temporary = temporary.to_string_lossy();
    for (name, longest) in TARGETS {
        let corpus = target.join("corpus").join(name);
        fs::create_dir_all(&corpus).map_err(text)?;
        let line = format!(
            "fuzz/target/{host}/release/{name} -max_total_time={seconds} -max_len={longest} -timeout=20 -verbosity=0 \
             -print_final_stats=1 -artifact_prefix=fuzz/target/{name}- {} fuzz/target/seeds/{name}",
            corpus.display()
        );
        run_with(&line, &[("TMPDIR", &temporary), ("COST_MAX", COST_MAX)])?;
    }
    Ok(())
}

/// Where to begin: the filters in the documentation, and the files of the tests.
fn seeds(folder: &Path) -> std::io::Result<()> {
    for (name, _) in TARGETS {
        fs::create_dir_all(folder.join(name))?;
    }
    let page = fs::read_to_string(root().join("docs/filter.md"))?;
    let filters = page.split('`').skip(1).step_by(2);
    for (number, filter) in filters.filter(|text| !text.is_empty()).enumerate() {
        fs::write(folder.join("filter").join(number.to_string()), filter)?;
    }
    let fixtures = root().join("tests/fixtures");
    for (from, name) in [
        ("archive", "file"),
        ("router", "file"),
        ("captures", "capture"),
    ] {
        for entry in fs::read_dir(fixtures.join(from))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), folder.join(name).join(entry.file_name()))?;
            }
        }
    }
    Ok(())
}

/// The name of this machine's target.
fn host() -> Result<String, Failure> {
    let said = output("rustc -vV")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc does not say its host".to_owned())
}
