//! Groups that do not fit into memory: written to temporary files by hash, merged piece by piece.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::aggregate::error::Result;
use crate::aggregate::grouping::Inner;
use crate::aggregate::held::{Extra, Held};
use crate::aggregate::store;

/// Where groups go, and how many may be in memory.
#[derive(Debug)]
pub(crate) struct Limit<'l> {
    /// Bytes of one part.
    pub(crate) bytes: usize,
    /// For temporary files; `None` is that of the system.
    pub(crate) directory: Option<&'l Path>,
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
    pub(crate) fn check(&mut self, inner: &Inner, limit: &Limit<'_>) -> Result<()> {
        if self.held.bytes() > limit.bytes {
            self.spill(inner, limit)?;
        }
        Ok(())
    }

    fn spill(&mut self, inner: &Inner, limit: &Limit<'_>) -> Result<()> {
        while self.files.len() < limit.pieces {
            let file = match limit.directory {
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
        limit: &Limit<'_>,
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
            let mut held = Held::new(inner);
            for _ in 0..piece.groups {
                let (row, extra) = store::decode(inner, &mut reader)?;
                held.absorb_one(inner, &row, inner.hash(&row), &extra);
            }
            take(held)?;
        }
        Ok(())
    }
}
