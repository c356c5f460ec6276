//! Groups that do not fit into memory: written to temporary files by hash, merged piece by piece.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::aggregate::error::Result;
use crate::aggregate::grouping::Inner;
use crate::aggregate::held::{Extra, Held};
use crate::aggregate::store;

/// Rows that are read at once.
const ROWS: usize = 64;

/// Where groups go, and how many may be in memory.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// Bytes of one part.
    pub(crate) bytes: usize,
    /// For temporary files; `None` is that of the system.
    pub(crate) directory: Option<Arc<Path>>,
    /// Files that one part is divided into.
    pub(crate) pieces: usize,
}

/// One part of all keys, in memory and in files.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) held: Held,
    files: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    file: BufWriter<File>,
    groups: u64,
}

impl Part {
    pub(crate) fn new(inner: &Inner) -> Self {
        Self {
            held: Held::new(inner),
            files: Vec::new(),
        }
    }

    pub(crate) fn is_spilled(&self) -> bool {
        !self.files.is_empty()
    }

    /// Moves groups to files if they take too much memory.
    pub(crate) fn check(&mut self, inner: &Inner, limit: &Limit) -> Result<()> {
        if self.held.bytes() > limit.bytes {
            self.spill(inner, limit)?;
        }
        Ok(())
    }

    /// Moves all groups to files.
    pub(crate) fn spill(&mut self, inner: &Inner, limit: &Limit) -> Result<()> {
        while self.files.len() < limit.pieces {
            let file = match &limit.directory {
                Some(directory) => tempfile::tempfile_in(directory)?,
                None => tempfile::tempfile()?,
            };
            self.files.push(Piece {
                file: BufWriter::new(file),
                groups: 0,
            });
        }
        let held = std::mem::replace(&mut self.held, Held::new(inner));
        let none = Extra::default();
        let mut bytes = Vec::new();
        for (row, extra) in held.groups(&none) {
            // The upper bits choose the part, the low half the place in it.
            let piece = (inner.hash(row) >> 48) as usize % limit.pieces.max(1);
            if let Some(piece) = self.files.get_mut(piece) {
                bytes.clear();
                store::encode(inner, row, extra, &mut bytes);
                piece.file.write_all(&bytes)?;
                piece.groups += 1;
            }
        }
        Ok(())
    }

    /// Hands over all groups, in tables with keys of their own: one if all are in memory.
    pub(crate) fn drain(
        mut self,
        inner: &Inner,
        limit: &Limit,
        mut take: impl FnMut(Held) -> Result<()>,
    ) -> Result<()> {
        if !self.is_spilled() {
            return take(self.held);
        }
        self.spill(inner, limit)?;
        for piece in self.files {
            let mut file = piece
                .file
                .into_inner()
                .map_err(|error| error.into_error())?;
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::with_capacity(1 << 16, file);
            take(read(inner, &mut reader, piece.groups)?)?;
        }
        Ok(())
    }
}

/// Reads groups that were written, and merges those of the same key.
fn read(inner: &Inner, from: &mut impl Read, groups: u64) -> Result<Held> {
    let mut held = Held::new(inner);
    if inner.has_extras() {
        for _ in 0..groups {
            let (row, extra) = store::decode(inner, from)?;
            held.absorb_one(inner, &row, inner.hash(&row), &extra);
        }
        return Ok(held);
    }
    let words = inner.layout.words;
    let mut bytes = vec![0; ROWS * words * 8];
    let (mut rows, mut hashes) = (Vec::with_capacity(ROWS * words), [0; ROWS]);
    let mut left = groups;
    while left != 0 {
        let count = usize::try_from(left).unwrap_or(ROWS).min(ROWS);
        let bytes = bytes.get_mut(..count * words * 8).unwrap_or_default();
        from.read_exact(bytes)?;
        let (chunks, _) = bytes.as_chunks();
        rows.clear();
        rows.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
        let hashes = hashes.get_mut(..count).unwrap_or_default();
        inner.hash_all(&rows, inner.layout.words, hashes);
        held.absorb_rows(&rows, hashes);
        left -= count as u64;
    }
    Ok(held)
}
