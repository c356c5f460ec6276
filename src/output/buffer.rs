//! A growing buffer of text.
//!
//! Copying a piece of a fixed size and then counting only its used bytes takes one or two moves, where a
//! copy of unknown length is a call. So a piece may write unused bytes after itself; the next one
//! overwrites them.

use crate::output::line::{LINE_ROOM, Line};

/// A growing buffer of text that keeps its memory when cleared.
#[derive(Default)]
pub struct TextBuffer {
    /// All initialised; bytes past `len` are unspecified.
    bytes: Vec<u8>,
    len: usize,
}

impl std::fmt::Debug for TextBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextBuffer")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl TextBuffer {
    /// An empty buffer with room for about `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity],
            len: 0,
        }
    }

    /// The text so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Bytes of text.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of text that fit before it must grow.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Removes the text and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Keeps the first `len` bytes only.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Removes the last byte.
    pub fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }

    /// Appends any number of bytes.
    #[inline]
    pub fn extend(&mut self, text: &[u8]) {
        let end = self.len + text.len();
        if end > self.bytes.len() {
            self.grow(end);
        }
        if let Some(target) = self.bytes.get_mut(self.len..end) {
            target.copy_from_slice(text);
            self.len = end;
        }
    }

    /// Appends the first `used` bytes of `piece`.
    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, piece: &[u8; N], used: usize) {
        let rest = self.bytes.get_mut(self.len..);
        // An assignment is a move in every build, a copy between slices may be a call.
        if let Some(target) = rest.and_then(<[u8]>::first_chunk_mut::<N>) {
            *target = *piece;
            self.len += used;
        } else {
            self.put_after_growing(piece, used);
        }
    }

    #[cold]
    fn put_after_growing(&mut self, piece: &[u8], used: usize) {
        let end = self.len + used;
        self.extend(piece);
        self.len = end;
    }

    /// Room for a line after the text; [`advance`](Self::advance) makes what was written part of the text.
    #[inline(always)]
    pub(crate) fn line(&mut self) -> Option<Line<'_>> {
        if self.len + LINE_ROOM > self.bytes.len() {
            self.grow(self.len + LINE_ROOM);
        }
        let room = self.bytes.get_mut(self.len..)?.first_chunk_mut()?;
        Some(Line::new(room))
    }

    /// Makes the first `written` bytes after the text part of it.
    #[inline(always)]
    pub(crate) fn advance(&mut self, written: usize) {
        self.len = (self.len + written).min(self.bytes.len());
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.put(&[byte], 1);
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        self.bytes.resize((2 * end).max(4096), 0);
    }
}
