//! What every reader has to do at least: decompress, and touch each byte. In C, see `floor.c`.

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::path::Path;

// Its codecs are in the library that this links.
use nfdump_sys as _;

unsafe extern "C" {
    fn compare_floor(path: *const c_char, sum: *mut u64) -> c_int;
    fn compare_xxh3(data: *const u8, length: usize) -> u64;
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

/// The checksum of layout 3.
pub fn xxh3(bytes: &[u8]) -> u64 {
    // SAFETY: the pointer is valid for the length.
    unsafe { compare_xxh3(bytes.as_ptr(), bytes.len()) }
}

/// How long it takes to touch each byte of the file once it is in the memory of this process.
pub fn memory(path: &Path) -> io::Result<std::time::Duration> {
    let bytes = std::fs::read(path)?;
    let start = std::time::Instant::now();
    let words = bytes.chunks_exact(8);
    let sum = words
        .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
        .fold(0_u64, u64::wrapping_add);
    let took = start.elapsed();
    std::hint::black_box(sum);
    Ok(took)
}

/// The blocks of an LZO file, decompressed by miniLZO: how many bytes come out.
pub fn minilzo(path: &Path) -> io::Result<u64> {
    use std::io::Read as _;
    const LARGEST: usize = 5 << 20;
    let mut file = std::fs::File::open(path)?;
    let mut header = [0; 40];
    file.read_exact(&mut header)?;
    let [.., a, b, c, d] = header;
    let (mut stored, mut plain) = (vec![0; LARGEST], vec![0; LARGEST]);
    let mut total = 0;
    for _ in 0..u32::from_le_bytes([a, b, c, d]) {
        let mut block = [0; 12];
        file.read_exact(&mut block)?;
        let [_, _, _, _, a, b, c, d, ..] = block;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let stored = stored
            .get_mut(..length)
            .ok_or_else(|| io::Error::other("a block is too large"))?;
        file.read_exact(stored)?;
        let mut produced = plain.len() as minilzo_sys::lzo_uint;
        // SAFETY: both pointers are valid for the lengths given, and the function checks these.
        let status = unsafe {
            minilzo_sys::lzo1x_decompress_safe(
                stored.as_ptr(),
                stored.len() as minilzo_sys::lzo_uint,
                plain.as_mut_ptr(),
                &raw mut produced,
                std::ptr::null_mut(),
            )
        };
        if status != 0 {
            return Err(io::Error::other(format!("miniLZO: {status}")));
        }
        total += produced as u64;
    }
    Ok(total)
}
