//! Bodies of answers: whole, or sent while they are made.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use hyper::body::{Bytes, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::serve::run::Leaving;

/// Bytes that are handed over at a time, about.
const PIECE: usize = 64 * 1024;
/// How long a client may take for a piece.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the maker of a stream waits for room before it looks again.
const PAUSE: Duration = Duration::from_millis(3);

/// The body of an answer.
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Pieces, and what halts their maker when the client leaves.
    Stream {
        pieces: mpsc::Receiver<io::Result<Bytes>>,
        _leaving: Leaving,
    },
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream { pieces, .. } => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

/// Sends what is written to it as pieces of a body. A slow client slows the writer down.
pub(crate) struct Pieces {
    out: mpsc::Sender<io::Result<Bytes>>,
    held: Vec<u8>,
}

impl Pieces {
    /// To this channel.
    pub(crate) fn new(out: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self {
            out,
            held: Vec::with_capacity(PIECE),
        }
    }

    /// Lets the client see that the body is not whole.
    pub(crate) fn break_off(self, reason: &str) {
        // The client may have left, which is as good.
        let _ = send(&self.out, Err(io::Error::other(reason.to_owned())));
    }
}

fn send(out: &mpsc::Sender<io::Result<Bytes>>, piece: io::Result<Bytes>) -> io::Result<()> {
    let since = Instant::now();
    let mut piece = piece;
    loop {
        piece = match out.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(TrySendError::Full(_)) if since.elapsed() > PATIENCE => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(TrySendError::Full(piece)) => piece,
        };
        thread::sleep(PAUSE);
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.held, Vec::with_capacity(PIECE));
        send(&self.out, Ok(piece.into()))
    }
}
