//! The normal form: classic pcap, little-endian, microseconds, snap length [`MAX_PACKET`].
//!
//! Writes what it is given; link layer and time stamps are made fit elsewhere.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::convert::capture::error::CaptureError;
use crate::convert::capture::read::MAX_PACKET;

/// Output buffer in bytes.
const BUFFER: usize = 1 << 20;

/// A capture being written.
pub(crate) struct Writer {
    file: BufWriter<File>,
    path: PathBuf,
    bytes: u64,
}

impl Writer {
    /// Creates the file, or empties an existing one.
    pub(crate) fn create(path: &Path) -> Result<Self, CaptureError> {
        let context = || format!("cannot create {}", path.display());
        let file = File::create(path).map_err(|error| CaptureError::io(context())(error))?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER, file),
            path: path.to_path_buf(),
            bytes: 0,
        })
    }

    /// Bytes written so far, whether or not they have left the buffer.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the file header; to be called once, before the first packet.
    pub(crate) fn header(&mut self, link_type: u16) -> Result<(), CaptureError> {
        let mut header = [0; 24];
        let words = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, MAX_PACKET, link_type.into()];
        self.put(pack(&mut header, &words))
    }

    /// Writes a packet of `data` and zero bytes up to `length`, at most [`MAX_PACKET`], so that it
    /// does not count as cut. `time` is in microseconds since 1970 as seconds and rest.
    pub(crate) fn packet(
        &mut self,
        time: (u32, u32),
        data: &[u8],
        length: u32,
    ) -> Result<(), CaptureError> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let length = length.min(MAX_PACKET);
        let data = data.get(..length as usize).unwrap_or(data);
        let mut record = [0; 16];
        self.put(pack(&mut record, &[time.0, time.1, length, length]))?;
        self.put(data)?;
        let mut missing = length as usize - data.len();
        while missing > 0 {
            let zeros = ZEROS.get(..missing).unwrap_or(&ZEROS);
            self.put(zeros)?;
            missing -= zeros.len();
        }
        Ok(())
    }

    /// Hands everything to the system; says so if that fails.
    pub(crate) fn finish(mut self) -> Result<(), CaptureError> {
        let flushed = self.file.flush();
        self.check(flushed)
    }

    fn put(&mut self, data: &[u8]) -> Result<(), CaptureError> {
        self.bytes += data.len() as u64;
        let written = self.file.write_all(data);
        self.check(written)
    }

    fn check(&self, written: io::Result<()>) -> Result<(), CaptureError> {
        let context = || format!("cannot write {}", self.path.display());
        written.map_err(|error| CaptureError::io(context())(error))
    }
}

/// The words in little-endian order, as many as fit.
fn pack<'b>(bytes: &'b mut [u8], words: &[u32]) -> &'b [u8] {
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
