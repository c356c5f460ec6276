//! What every reader has to do at least: decompress, and touch each byte. In C, see `floor.c`.

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::path::Path;

// Its codecs are in the library that this links.
use nfdump_sys as _;

unsafe extern "C" {
    fn compare_floor(path: *const c_char, sum: *mut u64) -> c_int;
}

/// The sum of all 8-byte words of the decoded blocks.
pub fn run(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    let mut sum = 0;
    // SAFETY: `path` is NUL-terminated and `sum` writable for the whole call.
    match unsafe { compare_floor(path.as_ptr(), &raw mut sum) } {
        0 => Ok(sum),
        _ => Err(io::Error::other("the floor cannot read this file")),
    }
}
