//! The pregenerated bindings are what bindgen makes of the header today, and the linked library
//! is the one they describe.
#![allow(missing_docs)]

use std::path::Path;

#[test]
fn pregenerated_bindings_are_current() {
    if std::env::var_os("LIBCLANG_PATH").is_none() && !libclang_is_installed() {
        eprintln!("skipped: no libclang on this machine (Debian: apt-get install libclang-dev)");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = include!("../src/bindgen_options.rs")
        .header(
            root.join("libnfdump/include/nfdump.h")
                .display()
                .to_string(),
        )
        .generate()
        .expect("bindgen reads nfdump.h")
        .to_string();
    let path = root.join("src/bindings.rs");
    if std::env::var_os("NFDECODE_REGENERATE").is_some() {
        std::fs::write(&path, &fresh).expect("bindings.rs is writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == fresh,
        "src/bindings.rs is out of date: run cargo xtask generate"
    );
}

fn libclang_is_installed() -> bool {
    let directories = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    let llvm = (11..30).map(|version| format!("/usr/lib/llvm-{version}/lib"));
    directories
        .iter()
        .map(ToString::to_string)
        .chain(llvm)
        .any(|directory| {
            std::fs::read_dir(directory).is_ok_and(|entries| {
                entries.flatten().any(|entry| {
                    let name = entry.file_name();
                    let name = name.to_string_lossy();
                    name.starts_with("libclang")
                        && !name.starts_with("libclang_rt")
                        && !name.starts_with("libclang-cpp")
                        && name.contains(".so")
                })
            })
        })
}

#[test]
fn linked_library_has_the_abi_of_the_header() {
    // SAFETY: takes no arguments and reads a constant.
    let linked = unsafe { nfdump_sys::nfdump_abi_version() };
    assert_eq!(linked, nfdump_sys::NFDUMP_ABI_VERSION);
}
