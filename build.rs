//! Makes the ABI version of the C library known to `nfdecode::VERSION`.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_NFDUMP_ABI");
    let abi = std::env::var("DEP_NFDUMP_ABI").unwrap_or_else(|_| "unknown".to_owned());
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!(
        "cargo::rustc-env=NFDECODE_VERSION={version} (libnfdump ABI {abi}; layouts 1 to 3; none, lzo, bz2, lz4, zstd)"
    );
}
