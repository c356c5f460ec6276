//! What would be published is complete and small, and what it needs builds with the Rust it promises.
//!
//! That the packages build on their own is for CI: `cargo package --workspace`.

use crate::support;
use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Runs cargo in this repository. `None` in an unpacked package, which has nothing to package.
fn cargo(arguments: &[&str]) -> Option<String> {
    let root = &crate::support::root();
    if !root.join("vendor").is_dir() {
        return None;
    }
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(arguments)
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        support::stderr(&output)
    );
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

fn contents(package: &str) -> Option<BTreeSet<String>> {
    let list = cargo(&[
        "package",
        "--list",
        "--allow-dirty",
        "--offline",
        "-p",
        package,
    ])?;
    Some(list.lines().map(str::to_owned).collect())
}

#[test]
fn the_c_library_is_whole_in_its_package() {
    let Some(packed) = contents("nfdump-sys") else {
        return;
    };
    let library = crate::support::root().join("vendor/libnfdump");
    let mut count = 0;
    for directory in ["src", "include"] {
        for path in support::files_below(&library.join(directory)) {
            let path = path.strip_prefix(&library).expect("it is below");
            let packed_as = format!("libnfdump/{}", path.display());
            assert!(packed.contains(&packed_as), "{packed_as} is missing");
            count += 1;
        }
    }
    assert!(count > 20);
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "build.rs",
        "src/bindings.rs",
    ] {
        assert!(packed.contains(file), "{file} is missing");
    }
    assert!(
        !packed
            .iter()
            .any(|file| file.contains("corpus") || file.contains("/build/"))
    );
}

#[test]
fn the_crate_is_whole_in_its_package() {
    let Some(packed) = contents("nfdecode") else {
        return;
    };
    let root = &crate::support::root();
    for directory in ["src", "examples", "tests/fixtures/archive"] {
        for path in support::files_below(&root.join(directory)) {
            let path = path
                .strip_prefix(root)
                .expect("it is below")
                .display()
                .to_string();
            // A package of its own.
            if path.starts_with("examples/http_service") {
                continue;
            }
            assert!(packed.contains(&path), "{path} is missing");
        }
    }
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "build.rs",
        "docs/elements.md",
    ] {
        assert!(packed.contains(file), "{file} is missing");
    }
    let size: u64 = packed
        .iter()
        .filter_map(|file| root.join(file).metadata().ok())
        .map(|metadata| metadata.len())
        .sum();
    assert!(size < 4_000_000, "{size} bytes");
    assert!(
        !packed
            .iter()
            .any(|file| file.starts_with("vendor") || file.starts_with(".ci"))
    );
}

/// Without a toolchain of that age, what can be said: the compiler warns of younger parts of the
/// standard library (clippy, `incompatible_msrv`), and no dependency asks for a younger compiler.
#[test]
fn dependencies_build_with_the_promised_compiler() {
    let version = |text: &str| -> Vec<u64> {
        let numbers = text.split('.').map(|part| part.parse().expect("a number"));
        numbers.chain([0, 0]).take(3).collect()
    };
    let promised = env!("CARGO_PKG_RUST_VERSION");
    let host = if cfg!(target_arch = "aarch64") {
        "aarch64"
    } else {
        "x86_64"
    };
    let platform = format!("{host}-unknown-linux-gnu");
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--all-features",
    ];
    let Some(metadata) = cargo(&[&arguments[..], &["--filter-platform", &platform]].concat())
    else {
        return;
    };
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let packages = metadata["packages"].as_array().expect("packages");
    let too_young: Vec<_> = packages
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| used.contains(id)))
        .filter(|package| {
            let needed = package["rust_version"].as_str();
            needed.is_some_and(|needed| version(needed) > version(promised))
        })
        .map(|package| {
            format!(
                "{} {}: {}",
                package["name"], package["version"], package["rust_version"]
            )
        })
        .collect();
    assert!(used.len() > 20 && too_young.is_empty(), "{too_young:?}");
}
