//! Compiles libnfdump with `cc` and tells dependent build scripts what it found.
//!
//! Exported as `DEP_NFDUMP_*`: `INCLUDE` (directory of `nfdump.h`), `ABI` (interface number),
//! `CODECS` (what the decoder reads, with library versions).
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Headers of the codec libraries, published by their -sys crates.
const CODEC_INCLUDES: [&str; 3] = ["DEP_ZSTD_INCLUDE", "DEP_LZ4_INCLUDE", "DEP_BZIP2_INCLUDE"];

fn main() {
    let library =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("libnfdump");
    let include = library.join("include");
    // Not the whole folder, in which the Makefile of the library has what it builds.
    for part in ["include", "src"] {
        println!("cargo::rerun-if-changed={}", library.join(part).display());
    }
    println!("cargo::metadata=include={}", include.display());
    println!("cargo::metadata=abi={}", abi_version(&include));

    let mut build = cc::Build::new();
    build
        .include(&include)
        .std("c17")
        .warnings(true)
        .extra_warnings(true)
        .flag_if_supported("-Wconversion")
        .flag_if_supported("-fvisibility=hidden");
    for name in CODEC_INCLUDES {
        println!("cargo::rerun-if-env-changed={name}");
        for directory in env::var_os(name).iter().flat_map(env::split_paths) {
            build.include(directory);
        }
    }
    // The decoder is the product: never leave it unoptimised, not even in debug builds.
    if env::var("OPT_LEVEL").is_ok_and(|level| level == "0") {
        build.opt_level(2);
    }
    for file in c_files(&library.join("src")) {
        build.file(file);
    }
    build.compile("nfdump");

    #[cfg(feature = "bindgen")]
    generate_bindings(&include);
}

/// Every C file below `directory`, in a stable order.
fn c_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(directory).expect("the C sources are part of the package");
    for entry in entries {
        let path = entry.expect("readable directory").path();
        if path.is_dir() {
            found.extend(c_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "c")
            // Its table is generated from the one in Rust: it must not be needed to build that.
            && !path.ends_with("src/fields.c")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The number in `#define NFDUMP_ABI_VERSION 1u`.
fn abi_version(include: &Path) -> String {
    let header =
        fs::read_to_string(include.join("nfdump.h")).expect("nfdump.h is part of the package");
    header
        .lines()
        .find_map(|line| line.strip_prefix("#define NFDUMP_ABI_VERSION "))
        .map(|number| number.trim().trim_end_matches('u').to_owned())
        .expect("nfdump.h defines NFDUMP_ABI_VERSION")
}

#[cfg(feature = "bindgen")]
fn generate_bindings(include: &Path) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("bindings.rs");
    include!("src/bindgen_options.rs")
        .header(include.join("nfdump.h").display().to_string())
        .generate()
        .expect("libclang reads nfdump.h")
        .write_to_file(out)
        .expect("OUT_DIR is writable");
}
