//! Constant text, stored so that it is copied in pieces of a fixed size.

use crate::output::buffer::TextBuffer;
use crate::output::line::Line;

const PIECE: usize = 32;

/// Text that is copied in pieces of a fixed size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Padded {
    pieces: Vec<[u8; PIECE]>,
    length: usize,
}

impl Padded {
    pub(crate) fn new(text: &[u8]) -> Self {
        let pieces = text.chunks(PIECE).map(|chunk| {
            let mut piece = [0; PIECE];
            piece
                .iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            piece
        });
        Self {
            pieces: pieces.collect(),
            length: text.len(),
        }
    }

    /// Appends the text to a line, which must have room for it.
    #[inline(always)]
    pub(crate) fn put_on(&self, line: &mut Line<'_>) {
        let mut rest = self.length;
        for piece in &self.pieces {
            line.put(piece, rest.min(PIECE));
            rest = rest.saturating_sub(PIECE);
        }
    }

    /// Appends the text.
    pub(crate) fn append_to(&self, out: &mut TextBuffer) {
        let mut rest = self.length;
        for piece in &self.pieces {
            out.put(piece, rest.min(PIECE));
            rest = rest.saturating_sub(PIECE);
        }
    }
}
