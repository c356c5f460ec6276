//! Copies of files of layout 2 that change something about the file and nothing about its records.

use std::io::{self, Seek, SeekFrom, Write};

use crate::file::block::Block;
use crate::file::handle::File;
use crate::writer::counts::Counts;
use crate::writer::encoding::{Encoding, FILE_HEADER};
use crate::writer::records::{BLOCK, IDENT_MAX, even_ident_record, ident_record, put};

/// Gives a copy of a file of layout 2 another ident: `copy` holds all bytes of `source`. Blocks are left as they
/// are. The last part of the file, with ident and statistics, is written anew.
///
/// # Errors
/// The file has another layout, or is unfinished; the copy cannot be written.
pub fn rename<W: Write + Seek>(source: &File, copy: &mut W, ident: &[u8]) -> io::Result<u64> {
    let header = source.header();
    if header.layout != 2 || header.unfinished || header.encrypted {
        return Err(io::Error::other(
            "only finished files of layout 2 can have another ident",
        ));
    }
    if ident.len() > IDENT_MAX || ident.contains(&0) {
        return Err(io::Error::other(format!(
            "an ident has at most {IDENT_MAX} bytes"
        )));
    }
    let end = match header.appendix_offset {
        0 => header.file_size,
        offset => offset,
    };
    let statistics = source.statistics().map(Counts::of).unwrap_or_default();
    let records = [even_ident_record(ident), statistics.record()];
    let encoding = Encoding {
        compression: header.compression,
        level: None,
    };
    copy.seek(SeekFrom::Start(end))?;
    let size = encoding.write_block(copy, records.len() as u32, BLOCK, &records.concat())?;
    // How many such blocks there are, and where.
    copy.seek(SeekFrom::Start(18))?;
    copy.write_all(&1_u16.to_le_bytes())?;
    copy.seek(SeekFrom::Start(24))?;
    copy.write_all(&end.to_le_bytes())?;
    copy.flush()?;
    Ok(end + size)
}

/// A copy of a file of layout 2 in another encoding: every record as it is, in the same blocks, with the same
/// ident and statistics. Incomplete until [`Recompressed::finish`].
///
/// [`Writer`](crate::writer::Writer) writes flows clean and counts them again; this changes nothing but the encoding.
pub struct Recompressed<'f, W> {
    out: W,
    source: &'f File,
    encoding: Encoding,
    blocks: u32,
    written: u64,
}

impl<W> std::fmt::Debug for Recompressed<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recompressed")
            .field("encoding", &self.encoding)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

impl<'f, W: Write + Seek> Recompressed<'f, W> {
    /// Begins the copy.
    ///
    /// # Errors
    /// The file has another layout, is unfinished or encrypted; the copy cannot be written.
    pub fn new(source: &'f File, mut out: W, encoding: Encoding) -> io::Result<Self> {
        let header = source.header();
        if header.layout != 2 || header.unfinished || header.encrypted {
            return Err(io::Error::other(
                "only finished files of layout 2 can have another compression",
            ));
        }
        out.write_all(&[0; FILE_HEADER])?;
        Ok(Self {
            out,
            source,
            encoding,
            blocks: 0,
            written: FILE_HEADER as u64,
        })
    }

    /// Writes a block of the file.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn write_block(&mut self, block: &Block) -> io::Result<()> {
        let found = block.position();
        self.block(found.announced_records(), found.block_type(), block.data())?;
        self.blocks += 1;
        Ok(())
    }

    fn block(&mut self, records: u32, kind: u16, plain: &[u8]) -> io::Result<()> {
        let out = &mut self.out;
        self.written += self.encoding.write_block(out, records, kind, plain)?;
        Ok(())
    }

    /// Writes the appendix and the header. Returns what it has written to.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let appendix = self.written;
        let mut records = Vec::new();
        if let Some(ident) = self.source.ident() {
            records.push(ident_record(ident));
        }
        if let Some(statistics) = self.source.statistics() {
            records.push(Counts::of(statistics).record());
        }
        let has_appendix = !records.is_empty();
        if has_appendix {
            self.block(records.len() as u32, BLOCK, &records.concat())?;
        }
        let source = self.source.header();
        let mut header = [0; FILE_HEADER];
        put(&mut header, 0, [0x0C, 0xA5, 2, 0]);
        put(&mut header, 4, source.writer_version.to_le_bytes());
        put(&mut header, 8, source.created.to_le_bytes());
        put(&mut header, 16, [self.encoding.id(), 0]);
        put(&mut header, 18, u16::from(has_appendix).to_le_bytes());
        put(&mut header, 20, source.creator.to_le_bytes());
        let offset = if has_appendix { appendix } else { 0 };
        put(&mut header, 24, offset.to_le_bytes());
        put(&mut header, 36, self.blocks.to_le_bytes());
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
