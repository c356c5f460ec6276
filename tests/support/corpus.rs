//! The kept fuzzing corpora of the C library: one packed file per target.

use std::io::Read;
use std::path::PathBuf;

/// Name and bytes of every input kept for a fuzz target, such as `file-2`.
///
/// # Panics
///
/// If the packed corpus is missing or damaged.
pub fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let packed = super::root()
        .join("vendor/libnfdump/fuzz/corpus")
        .join(format!("{target}.tar.zst"));
    let file = std::fs::File::open(&packed).expect("the corpus is part of the repository");
    let decoder = zstd::Decoder::new(file).expect("the corpus is compressed with zstd");
    let mut archive = tar::Archive::new(decoder);
    archive
        .entries()
        .expect("the corpus is a tar archive")
        .map(|entry| {
            let mut entry = entry.expect("a whole entry");
            let path = packed.join(entry.path().expect("a name"));
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("a whole entry");
            (path, bytes)
        })
        .collect()
}
