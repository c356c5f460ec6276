//! The normal form: classic pcap, little-endian, microseconds, snap length [`MAX_PACKET`].
//!
//! Packets are collected in buffers that a thread of its own writes. Whole pieces of a capture that
//! have the normal form already are written as they are.

use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::convert::capture::error::CaptureError;
use crate::convert::capture::format::MAX_PACKET;
use crate::convert::capture::input::Pool;
use crate::convert::capture::link;
use crate::convert::capture::link_types::ETHERNET;

/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 19;
/// Pieces that wait to be written at most.
const WAITING: usize = 4;
/// Length of a record header.
pub(crate) const RECORD: usize = 16;

/// Bytes to write, and the pool that their buffer goes back to.
struct Piece {
    buffer: Vec<u8>,
    range: Range<usize>,
    pool: Pool,
}

/// A capture being written.
pub(crate) struct CaptureWriter<'scope> {
    thread: Option<ScopedJoinHandle<'scope, io::Result<()>>>,
    sender: Option<SyncSender<Piece>>,
    buffer: Vec<u8>,
    made: Pool,
    path: PathBuf,
    link_type: u16,
    bytes: u64,
}

impl<'scope> CaptureWriter<'scope> {
    /// Creates the file, or empties an existing one, and starts the thread that writes it.
    pub(crate) fn create<'env>(
        scope: &'scope Scope<'scope, 'env>,
        path: &Path,
    ) -> Result<Self, CaptureError> {
        let context = || format!("cannot create {}", path.display());
        let file = File::create(path).map_err(|error| CaptureError::io(context())(error))?;
        let (sender, receiver) = sync_channel(WAITING);
        let thread = thread::Builder::new()
            .name("write capture".to_owned())
            .spawn_scoped(scope, move || write_pieces(file, &receiver))
            .map_err(CaptureError::io("cannot start a thread"))?;
        Ok(Self {
            thread: Some(thread),
            sender: Some(sender),
            buffer: Vec::with_capacity(BUFFER + MAX_PACKET as usize + RECORD),
            made: Pool::default(),
            path: path.to_path_buf(),
            link_type: ETHERNET,
            bytes: 0,
        })
    }

    /// Bytes so far, whether or not they have been written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the file header; to be called once, before the first packet.
    pub(crate) fn header(&mut self, link_type: u16) -> Result<(), CaptureError> {
        self.link_type = link_type;
        let words = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, MAX_PACKET, link_type.into()];
        for word in words {
            self.buffer.extend_from_slice(&u32::to_le_bytes(word));
        }
        self.bytes += 24;
        Ok(())
    }

    /// Writes a packet: `header`, `data`, and zero bytes up to `length`, at most [`MAX_PACKET`], so
    /// that it does not count as cut. `time` is in seconds and microseconds since 1970.
    #[inline]
    pub(crate) fn packet(
        &mut self,
        time: (u32, u32),
        header: &[u8],
        data: &[u8],
        length: u32,
    ) -> Result<(), CaptureError> {
        let length = length.min(MAX_PACKET);
        self.buffer.extend_from_slice(&record_header(time, length));
        let start = self.buffer.len();
        let end = start + length as usize;
        self.buffer.extend_from_slice(header);
        let room = (length as usize).saturating_sub(header.len());
        self.buffer
            .extend_from_slice(data.get(..room).unwrap_or(data));
        self.buffer.resize(end, 0);
        if self.link_type == ETHERNET {
            link::follow_tags(self.buffer.get_mut(start..).unwrap_or_default());
        }
        self.bytes += (RECORD + length as usize) as u64;
        self.send_if_full()
    }

    /// Writes records that have the normal form, from a buffer that is no longer needed.
    pub(crate) fn records(
        &mut self,
        buffer: Vec<u8>,
        range: Range<usize>,
        pool: &Pool,
    ) -> Result<(), CaptureError> {
        self.flush()?;
        self.bytes += range.len() as u64;
        self.send(Piece {
            buffer,
            range,
            pool: pool.clone(),
        })
    }

    /// Writes a copy of records that have the normal form.
    pub(crate) fn copy_of(&mut self, records: &[u8]) -> Result<(), CaptureError> {
        self.buffer.extend_from_slice(records);
        self.bytes += records.len() as u64;
        self.send_if_full()
    }

    /// Waits until everything has been handed to the operating system.
    pub(crate) fn finish(mut self) -> Result<(), CaptureError> {
        self.flush()?;
        self.join()
    }

    fn send_if_full(&mut self) -> Result<(), CaptureError> {
        if self.buffer.len() < BUFFER {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), CaptureError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut next = self.made.used().unwrap_or_else(|| {
            // As the first one: a packet of full length fits behind a full buffer.
            Vec::with_capacity(BUFFER + MAX_PACKET as usize + RECORD)
        });
        next.clear();
        let buffer = std::mem::replace(&mut self.buffer, next);
        self.send(Piece {
            range: 0..buffer.len(),
            buffer,
            pool: self.made.clone(),
        })
    }

    fn send(&mut self, piece: Piece) -> Result<(), CaptureError> {
        let sent = self.sender.as_ref().map(|sender| sender.send(piece));
        match sent {
            Some(Ok(())) => Ok(()),
            // The thread has ended, and its result says why.
            _ => self.join().and_then(|()| {
                let error = io::Error::other("the writing thread has ended");
                Err(CaptureError::io(self.context())(error))
            }),
        }
    }

    /// Ends the thread and returns its result.
    fn join(&mut self) -> Result<(), CaptureError> {
        self.sender = None;
        let result = match self.thread.take().map(ScopedJoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the writing thread panicked")),
            None => Ok(()),
        };
        result.map_err(|error| CaptureError::io(self.context())(error))
    }

    fn context(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

fn write_pieces(mut file: File, pieces: &Receiver<Piece>) -> io::Result<()> {
    for piece in pieces {
        file.write_all(piece.buffer.get(piece.range).unwrap_or_default())?;
        piece.pool.put(piece.buffer);
    }
    Ok(())
}

/// A record header of the normal form for a packet of `length` bytes.
#[inline]
pub(crate) fn record_header(time: (u32, u32), length: u32) -> [u8; RECORD] {
    // Sixteen bytes of zeros would look like the place of a packet that was never written.
    let micros = match (time, length) {
        ((0, 0), 0) => 1,
        _ => time.1,
    };
    let mut header = [0; RECORD];
    for (place, word) in header
        .chunks_exact_mut(4)
        .zip([time.0, micros, length, length])
    {
        place.copy_from_slice(&word.to_le_bytes());
    }
    header
}
