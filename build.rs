//! Makes the ABI version of the C library known to `nfdecode::VERSION`, and the available references to the tests.
#![forbid(unsafe_code)]

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEP_NFDUMP_ABI");
    let abi = env::var("DEP_NFDUMP_ABI").unwrap_or_else(|_| "unknown".to_owned());
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!(
        "cargo::rustc-env=NFDECODE_VERSION={version} (libnfdump ABI {abi}; layouts 1 to 3; none, lzo, bz2, lz4, zstd)"
    );
    announce_references(Path::new(env!("CARGO_MANIFEST_DIR")));
}

/// Sets a cfg for each of the references that tests need, so that tests without theirs are reported as ignored.
///
/// `NFDECODE_REQUIRE_DATA` sets all of them: a test whose reference is missing then fails. The build looks once; after
/// installing a reference, set its variable or touch this file.
fn announce_references(root: &Path) {
    for name in [
        "NFDECODE_REQUIRE_DATA",
        "NFDECODE_TESTDATA",
        "NFDECODE_ORACLE",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let folder = |name: &str, default: &str| {
        env::var_os(name).map_or_else(|| root.join("..").join(default), PathBuf::from)
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let nfpcapd = env::split_paths(&path)
        .map(|directory| directory.join("nfpcapd"))
        .find(|path| path.is_file());
    let references = [
        (
            "reference_data",
            Some(folder("NFDECODE_TESTDATA", "shared/testdata")),
        ),
        (
            "reference_programs",
            Some(folder("NFDECODE_ORACLE", "oracle").join("1.7.10/usr/bin/nfdump")),
        ),
        ("nfpcapd_installed", nfpcapd),
    ];
    let required = env::var_os("NFDECODE_REQUIRE_DATA").is_some();
    for (cfg, path) in references {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if required || path.is_some_and(|path| path.exists()) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
