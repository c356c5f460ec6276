//! The steps, in the order in which CI runs them.

use std::env;
use std::fs;

use serde_json::Value;

use crate::shell::{Failure, output, root, run, run_with};
use crate::{api, dist, fuzz, layers, python, site, sql};

/// One step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn() -> Result<(), Failure>,
}

/// All steps.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "readme",
        about: "the first command of the README",
        run: readme,
    },
    Step {
        name: "test",
        about: "the tests, as the README runs them",
        run: test,
    },
    Step {
        name: "layers",
        about: "no import circles, rooms in order, unsafe in its place",
        run: layers::check,
    },
    Step {
        name: "format",
        about: "formatting",
        run: || run("cargo fmt --all --check"),
    },
    Step {
        name: "lint",
        about: "clippy: the workspace, and each feature alone",
        run: lint,
    },
    Step {
        name: "size",
        about: "the default library is the decoder and little else",
        run: size,
    },
    Step {
        name: "doc",
        about: "documentation without warnings",
        run: doc,
    },
    Step {
        name: "api",
        about: "the public interface is the one in docs/api.txt",
        run: api::check,
    },
    Step {
        name: "package",
        about: "packages build on their own",
        run: package,
    },
    Step {
        name: "bench",
        about: "each benchmark once, and the comparison program",
        run: bench,
    },
    Step {
        name: "consumers",
        about: "columns as pyarrow, Polars and DuckDB read them",
        run: consumers,
    },
    Step {
        name: "python",
        about: "the Python package: a wheel with the program, installed and tested",
        run: python::step,
    },
    Step {
        name: "sql",
        about: "SQL: the package nfdecode-sql, built without optimisation and tested",
        run: sql::step,
    },
    Step {
        name: "web",
        about: "pages in two browsers (needs chromium, firefox-esr and npm)",
        run: web,
    },
    Step {
        name: "site",
        about: "the documentation as a site, without dead links",
        run: site::step,
    },
    Step {
        name: "bindings",
        about: "bindings as bindgen makes them from the header",
        run: || run("cargo build -p nfdump-sys --features bindgen"),
    },
    Step {
        name: "c",
        about: "the C library under sanitizers, valgrind, analysers, as installed",
        run: c_library,
    },
    Step {
        name: "fuzz",
        about: "a short fuzzing pass, for faults and for cost",
        run: fuzz::step,
    },
    Step {
        name: "dist",
        about: "a Debian package, an archive, checksums and the list of parts in target/dist",
        run: dist::dist,
    },
    Step {
        name: "deb",
        about: "the Debian package on a minimal Debian without Rust (needs debootstrap)",
        run: dist::deb,
    },
    Step {
        name: "deny",
        about: "licences and sources of dependencies (needs cargo-deny)",
        run: || run("cargo deny --all-features check licenses bans sources"),
    },
    Step {
        name: "generate",
        about: "write everything that is derived from the tables and headers",
        run: generate,
    },
];

fn readme() -> Result<(), Failure> {
    let json = output("cargo run --release -- convert tests/fixtures/captures/office.pcap")?;
    let files: Value = serde_json::from_str(&json).map_err(|error| format!("not JSON: {error}"))?;
    match files.as_object() {
        Some(files) if !files.is_empty() => Ok(()),
        _ => Err("the conversion printed no files".to_owned()),
    }
}

/// Several times what it takes: a test that waits for ever must fail while there is time to report it.
fn test() -> Result<(), Failure> {
    run("timeout --verbose 55m cargo test --workspace")
}

fn lint() -> Result<(), Failure> {
    run("cargo clippy --workspace --all-targets -- -D warnings")?;
    // Each feature must bring what it needs.
    run("cargo clippy -q -p nfdecode --no-default-features -- -D warnings")?;
    for feature in features()? {
        run(&format!(
            "cargo clippy -q -p nfdecode --no-default-features --features {feature} -- -D warnings"
        ))?;
    }
    Ok(())
}

/// The features of the library.
fn features() -> Result<Vec<String>, Failure> {
    let text = output("cargo metadata --no-deps --format-version 1 --locked")?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let library = packages
        .iter()
        .find(|package| package["name"] == "nfdecode");
    let features = library.and_then(|package| package["features"].as_object());
    let names = features.ok_or("no features")?.keys();
    Ok(names.filter(|name| *name != "default").cloned().collect())
}

/// A service that adds the library must not get the program's dependencies.
fn size() -> Result<(), Failure> {
    const CRATES_MAX: usize = 12;
    let tree = output("cargo tree -p nfdecode -e normal --prefix none --no-dedupe --locked")?;
    let mut crates: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    crates.sort_unstable();
    crates.dedup();
    println!("{} crates: {}", crates.len(), crates.join(" "));
    if crates.len() > CRATES_MAX {
        return Err(format!("more than {CRATES_MAX} crates"));
    }
    Ok(())
}

fn doc() -> Result<(), Failure> {
    let strict = [("RUSTDOCFLAGS", "-D warnings")];
    run_with("cargo doc -p nfdecode --no-deps --all-features", &strict)?;
    run_with("cargo doc -p nfdump-sys --no-deps", &strict)
}

/// In a place of its own: Cargo uses what an earlier run left of the same version, which may be another state.
fn package() -> Result<(), Failure> {
    let place = env::temp_dir().join(format!("nfdecode-package-{}", std::process::id()));
    let result = run(&format!(
        "cargo package -p nfdump-sys -p nfdecode -p nfdecode-web -p nfdecode-cli --allow-dirty --target-dir {}",
        place.display()
    ));
    // A leftover costs only room, and is not worth a failure.
    let _ = fs::remove_dir_all(place);
    result
}

fn bench() -> Result<(), Failure> {
    run("cargo test -p nfdecode --bench stages")?;
    run("cargo check --manifest-path benches/compare/Cargo.toml")
}

fn consumers() -> Result<(), Failure> {
    run("python3 -m venv target/consumers")?;
    run("target/consumers/bin/pip install -q -r tests/consumers/requirements.txt")?;
    let oracle = env::var("NFDECODE_ORACLE").unwrap_or_default();
    let reference = format!("{oracle}/1.7.10/usr/bin/nfdump");
    let is_there = root().join(&reference).is_file();
    // The nfdump of Debian 12 leaves out members of the router's flows.
    let (program, folders): (&str, &[&str]) = match is_there {
        true => (
            &reference,
            &["tests/fixtures/archive", "tests/fixtures/router"],
        ),
        false => ("nfdump", &["tests/fixtures/archive"]),
    };
    let mut flows = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(root().join(folder)).map_err(|error| error.to_string())?;
        let names = entries.flatten().map(|entry| entry.path());
        let is_flow_file = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("nfcapd.2")
        };
        flows.extend(
            names
                .filter(is_flow_file)
                .map(|path| path.display().to_string()),
        );
    }
    flows.sort();
    run(&format!(
        "target/consumers/bin/python tests/consumers/check.py target/release/nfdecode {program} {}",
        flows.join(" ")
    ))
}

/// The program is the one of the step `readme`; the made files are those of the package's own tests.
fn web() -> Result<(), Failure> {
    run("cargo test -p nfdecode-web")?;
    run("python3 -m venv target/browser")?;
    run("target/browser/bin/pip install -q -r web/tests/requirements.txt")?;
    run(
        "npm install --silent --no-fund --no-audit --prefix target/browser axe-core@4.14.1 puppeteer-core@24.43.1",
    )?;
    let oracle = env::var("NFDECODE_ORACLE").unwrap_or_default();
    let reference = format!("{oracle}/1.7.10/usr/bin/nfdump");
    let reference = match root().join(&reference).is_file() {
        true => reference,
        false => String::new(),
    };
    run(&format!(
        "timeout --verbose 8m target/browser/bin/python web/tests/browser.py target/release/nfdecode target/tmp/made \
         target/browser/node_modules/axe-core/axe.min.js target/browser/pictures {reference}"
    ))?;
    run(
        "timeout --verbose 4m node web/tests/firefox.mjs target/release/nfdecode target/browser/node_modules target/browser/pictures",
    )
}

fn c_library() -> Result<(), Failure> {
    run(
        "make -C vendor/libnfdump check check-clang replay shortage examples races warnings analyze valgrind hosts",
    )
}

fn generate() -> Result<(), Failure> {
    let wanted = [("NFDECODE_REGENERATE", "1")];
    run_with("cargo build -p nfdump-sys --features bindgen", &wanted)?;
    run_with("cargo test -q -p nfdump-sys", &wanted)?;
    run_with(
        "cargo test -q -p nfdecode --test library -- _doc:: c_header::",
        &wanted,
    )
}
