//! A view of whole records over the chunks of an input.

use std::ops::Range;

use crate::convert::capture::input::{Chunks, Fault, Meter, Pool, ROOM};

/// The current chunk and the position in it.
pub(crate) struct Window<'s, 'o> {
    chunks: Chunks<'s, 'o>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `start` in the input, after decompression.
    offset: u64,
    is_last: bool,
    fault: Option<Fault>,
}

impl<'s, 'o> Window<'s, 'o> {
    pub(crate) fn new(chunks: Chunks<'s, 'o>) -> Self {
        Self {
            chunks,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            is_last: false,
            fault: None,
        }
    }

    pub(crate) fn meter(&mut self) -> &mut Meter<'o> {
        &mut self.chunks.meter
    }

    pub(crate) fn pool(&self) -> Pool {
        self.chunks.pool.clone()
    }

    /// Offset of the next byte, after decompression.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The unused bytes, at least `length` (at most [`ROOM`]) unless the input ends before.
    #[inline]
    pub(crate) fn at_least(&mut self, length: usize) -> Result<&[u8], Fault> {
        if self.end - self.start < length {
            self.refill(length)?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    #[cold]
    fn refill(&mut self, length: usize) -> Result<(), Fault> {
        while self.end - self.start < length {
            match self.advance() {
                Some(buffer) => self.chunks.pool.put(buffer),
                None => break,
            }
        }
        match self.fault.take_if(|_| self.end - self.start < length) {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Moves the unused bytes, less than [`ROOM`], in front of the next chunk; returns the buffer that
    /// is no longer needed. `None` at the end of the input and after a fault.
    pub(crate) fn advance(&mut self) -> Option<Vec<u8>> {
        let left = self.end - self.start;
        if self.is_last || left > ROOM {
            return None;
        }
        let (chunk, fault) = self.chunks.next();
        self.is_last = chunk.is_none() || fault.is_some();
        self.fault = fault;
        let mut chunk = chunk?;
        let start = ROOM - left;
        if let (Some(to), Some(from)) = (
            chunk.buffer.get_mut(start..ROOM),
            self.buffer.get(self.start..self.end),
        ) {
            to.copy_from_slice(from);
        }
        (self.start, self.end) = (start, chunk.end);
        Some(std::mem::replace(&mut self.buffer, chunk.buffer))
    }

    /// The unused bytes that are in memory, to be changed in place.
    pub(crate) fn available(&mut self) -> &mut [u8] {
        self.buffer
            .get_mut(self.start..self.end)
            .unwrap_or_default()
    }

    /// Where the unused bytes begin in the buffer.
    pub(crate) fn position(&self) -> usize {
        self.start
    }

    /// Bytes of the buffer, used or not.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Marks bytes as used; they stay in the buffer until more are needed.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }

    /// Skips up to `length` bytes; returns how many there were.
    pub(crate) fn skip(&mut self, length: u64) -> Result<u64, Fault> {
        let mut skipped = 0;
        while skipped < length {
            let available = self.at_least(1)?.len() as u64;
            if available == 0 {
                break;
            }
            let bytes = available.min(length - skipped);
            self.consume(bytes as usize);
            skipped += bytes;
        }
        Ok(skipped)
    }
}
