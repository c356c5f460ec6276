//! What makes a file the same file: its inode, and a hash of its beginning.
//!
//! Neither alone is enough. Inodes are used again after a file was removed, and copies have the same content.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use crate::file::handle::File;

/// Bytes of the first block that are hashed at most.
const HASHED: usize = 4096;

/// Device, inode and time of birth: what a rename does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Number of the device.
    pub device: u64,
    /// Number of the inode.
    pub inode: u64,
    /// Nanoseconds since the epoch; 0 where the file system does not store it.
    pub born: u64,
}

impl Identity {
    /// The identity that the system reports.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok();
        let born = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: born.map_or(0, |born| u64::try_from(born.as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

/// Hash of what a writer does not change any more: a part of the header, and the beginning of the first block.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(crate) u64);

impl Fingerprint {
    /// The hash of an open file; `None` before its first block is complete.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(file: &File, bytes: &std::fs::File) -> io::Result<Option<Self>> {
        let Some(Ok(first)) = file.block_refs().next() else {
            return Ok(None);
        };
        let header = file.header();
        let mut hash = Sha256::new();
        hash.update(header.layout.to_le_bytes());
        hash.update(header.creator.to_le_bytes());
        // Layout 1 does not store it; the header has the time of the last change instead.
        if header.layout != 1 {
            hash.update(header.created.to_le_bytes());
        }
        hash.update(first.offset().to_le_bytes());
        hash.update(first.stored_size().to_le_bytes());
        let wanted = HASHED.min(first.stored_size() as usize);
        let mut start = vec![0; wanted];
        bytes.read_exact_at(&mut start, first.offset())?;
        hash.update(&start);
        let hash = hash.finalize();
        let start = hash.first_chunk::<8>().copied().unwrap_or_default();
        Ok(Some(Self(u64::from_be_bytes(start))))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
