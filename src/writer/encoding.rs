//! How blocks are compressed and stored.

use std::io::{self, Write};

use crate::file::header::Compression;

/// The header of a file, which is written last.
pub(crate) const FILE_HEADER: usize = 40;
const BLOCK_HEADER: usize = 12;

/// How to compress, with the level where the method has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The method. nfdump 1.7.1 does not read [`Compression::Zstd`].
    pub compression: Compression,
    /// Level of ZSTD (1..=22) or bzip2 (1..=9); others have none.
    pub level: Option<u32>,
}

impl Encoding {
    /// The number in the file header.
    pub(crate) fn id(self) -> u8 {
        match self.compression {
            Compression::None => 0,
            Compression::Lzo => 1,
            Compression::Bz2 => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        }
    }

    fn encode(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        match self.compression {
            Compression::None => Ok(plain.to_vec()),
            Compression::Lzo => {
                lzokay_native::compress(plain).map_err(|error| io::Error::other(error.to_string()))
            }
            Compression::Bz2 => {
                let level = bzip2::Compression::new(self.level.unwrap_or(9).clamp(1, 9));
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Compression::Lz4 => Ok(lz4_flex::block::compress(plain)),
            Compression::Zstd => {
                let level = self.level.unwrap_or(3).clamp(1, 22) as i32;
                zstd::bulk::compress(plain, level)
            }
        }
    }

    /// Writes a block of this type, and returns the bytes that it occupies.
    pub(crate) fn write_block(
        self,
        out: &mut impl Write,
        records: u32,
        kind: u16,
        plain: &[u8],
    ) -> io::Result<u64> {
        let stored = self.encode(plain)?;
        out.write_all(&records.to_le_bytes())?;
        out.write_all(&(stored.len() as u32).to_le_bytes())?;
        out.write_all(&kind.to_le_bytes())?;
        out.write_all(&[0, 0])?;
        out.write_all(&stored)?;
        Ok((BLOCK_HEADER + stored.len()) as u64)
    }
}
