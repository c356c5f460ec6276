//! Any bytes as a capture: refused, or rewritten to one that every nfpcapd reads.
#![no_main]

#[path = "../../tests/support/rewritten.rs"]
mod rewritten;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|bytes: &[u8]| {
    let folder = FOLDER.path();
    nfdecode_fuzz::measure(bytes.len(), 65_536, || {
        let _ = rewritten::check(&"this input", bytes, folder);
    });
});
