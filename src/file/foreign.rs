//! What files are that are not nfcapd files, by their first bytes.

use std::io::Read as _;
use std::path::Path;

/// What a file is that is not an nfcapd file, and what reads it.
///
/// For messages, such as ``a packet capture: use `nfdecode convert` ``. Reads the first four bytes; `None` if they are of
/// no known kind, or if the file cannot be read.
#[must_use]
pub fn foreign_kind(path: &Path) -> Option<&'static str> {
    let mut start = [0; 4];
    // A pipe would be waited for.
    let is_plain = path.metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_plain {
        return None;
    }
    let mut file = std::fs::File::open(path).ok()?;
    file.read_exact(&mut start).ok()?;
    match start {
        [0xD4, 0xC3, 0xB2, 0xA1]
        | [0xA1, 0xB2, 0xC3, 0xD4]
        | [0x4D, 0x3C, 0xB2, 0xA1]
        | [0xA1, 0xB2, 0x3C, 0x4D]
        | [0x0A, 0x0D, 0x0D, 0x0A] => Some("a packet capture: use `nfdecode convert`"),
        [0x1F, 0x8B, ..] => Some("compressed with gzip: zcat FILE | nfdecode read -"),
        [0x28, 0xB5, 0x2F, 0xFD] => Some("compressed with zstd: zstdcat FILE | nfdecode read -"),
        [b'B', b'Z', b'h', _] => Some("compressed with bzip2: bzcat FILE | nfdecode read -"),
        [0xFD, b'7', b'z', b'X'] => Some("compressed with xz: xzcat FILE | nfdecode read -"),
        [b'P', b'A', b'R', b'1'] => {
            Some("a Parquet file: `nfdecode sql` reads it as parquet('FILE')")
        }
        [b'{' | b'[', ..] => Some("JSON text, such as nfdecode writes"),
        _ => None,
    }
}
