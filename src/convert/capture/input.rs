//! The bytes of a capture in chunks: plain, or decompressed on a thread of its own.
//!
//! gzip (any number of members) and zstd (any number of frames) are detected by their first bytes.
//! Chunks have room in front of their data, so that a record that crosses two chunks is joined by
//! moving its first part only. Buffers are reused through a [`Pool`].

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};
use std::time::Duration;

use crate::convert::capture::error::CaptureError;
use crate::convert::capture::format::{Kind, MAX_PACKET, PREFIX};

/// Bytes of work between two calls of the observer.
const STEP: u64 = 1 << 20;
/// Longest wait for a decompressed chunk before the observer is called again.
const WAIT: Duration = Duration::from_millis(100);
/// Buffer in front of a decompressor.
const PACKED: usize = 1 << 18;
/// Nested compressions that are followed. More of them are an attack rather than a capture.
const LAYERS: u32 = 2;
/// Decompressed chunks that wait for the packet reader at most.
const WAITING: usize = 4;
/// Data bytes of a chunk: enough to make calls rare, few enough to stay in the cache.
const CHUNK: usize = 1 << 19;
/// Longest piece of a chunk that is looked at as a whole, and the room in front of its data.
pub(crate) const ROOM: usize = MAX_PACKET as usize + (1 << 13);

/// Called with the bytes read from the source so far; stops the pass by returning `Break`.
pub(crate) type Observer<'o> = &'o mut dyn FnMut(u64) -> ControlFlow<()>;

/// Why there are no more bytes, other than a regular end.
#[derive(Debug)]
pub(crate) enum Fault {
    Cancelled,
    /// The source failed.
    Source(io::Error),
    /// The compressed data are broken.
    Broken(String),
    /// Decompression could not be started.
    Start(CaptureError),
}

impl Fault {
    /// The error that ends the pass, or the text about damage.
    pub(crate) fn explain(self) -> Result<String, CaptureError> {
        match self {
            Self::Cancelled => Err(CaptureError::Cancelled),
            Self::Source(error) => Err(CaptureError::io("cannot read the capture")(error)),
            Self::Broken(reason) => Ok(reason),
            Self::Start(error) => Err(error),
        }
    }
}

/// Buffers to use again, from any thread.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A used buffer, as it was returned.
    pub(crate) fn used(&self) -> Option<Vec<u8>> {
        self.0.lock().ok()?.pop()
    }

    pub(crate) fn put(&self, buffer: Vec<u8>) {
        if let Ok(mut buffers) = self.0.lock() {
            buffers.push(buffer);
        }
    }

    fn chunk(&self) -> Chunk {
        Chunk {
            buffer: self
                .used()
                .filter(|buffer| buffer.len() == ROOM + CHUNK)
                .unwrap_or_else(|| vec![0; ROOM + CHUNK]),
            end: ROOM,
        }
    }
}

/// A buffer with data at `ROOM..end`.
pub(crate) struct Chunk {
    pub(crate) buffer: Vec<u8>,
    pub(crate) end: usize,
}

impl Chunk {
    /// Fills the chunk as far as there are bytes. After an error it holds what came before.
    fn fill(
        &mut self,
        source: &mut impl Read,
        mut note: impl FnMut(usize) -> bool,
    ) -> Option<io::Error> {
        while let Some(rest) = self
            .buffer
            .get_mut(self.end..)
            .filter(|rest| !rest.is_empty())
        {
            match source.read(rest) {
                Ok(0) => break,
                Ok(bytes) => {
                    self.end += bytes;
                    if !note(bytes) {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(error),
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.end == ROOM
    }
}

/// State that the threads of one pass share.
#[derive(Default)]
struct Shared {
    /// Bytes read from the source, before decompression.
    taken: AtomicU64,
    stop: AtomicBool,
    /// The error of the source: decompressors do not keep its cause.
    failure: Mutex<Option<io::Error>>,
}

/// The source itself: counts its bytes and remembers its error.
struct Counted<R> {
    inner: R,
    shared: Arc<Shared>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.shared.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("cancelled"));
            }
            match self.inner.read(buffer) {
                Ok(bytes) => {
                    self.shared.taken.fetch_add(bytes as u64, Ordering::Relaxed);
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if let Ok(mut failure) = self.shared.failure.lock() {
                        *failure = Some(error);
                    }
                    return Err(io::Error::other("the source failed"));
                }
            }
        }
    }
}

/// Counts work and calls the observer.
pub(crate) struct Meter<'o> {
    observer: Observer<'o>,
    shared: Arc<Shared>,
    pending: u64,
    cancelled: bool,
}

impl<'o> Meter<'o> {
    pub(crate) fn new(observer: Observer<'o>) -> Self {
        Self {
            observer,
            shared: Arc::default(),
            pending: 0,
            cancelled: false,
        }
    }

    /// Bytes read from the source, before decompression.
    pub(crate) fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Notes work done. Decompressed and written bytes count too, so that a small input that
    /// unfolds into a huge one can be cancelled.
    pub(crate) fn work(&mut self, bytes: usize) -> Result<(), Fault> {
        self.pending += bytes as u64;
        if self.pending < STEP {
            return Ok(());
        }
        self.observe()
    }

    fn observe(&mut self) -> Result<(), Fault> {
        self.pending = 0;
        let taken = self.taken();
        if !self.cancelled && (self.observer)(taken).is_break() {
            self.cancelled = true;
            self.shared.stop.store(true, Ordering::Relaxed);
        }
        match self.cancelled {
            true => Err(Fault::Cancelled),
            false => Ok(()),
        }
    }
}

type Plain<'s> = Counted<Box<dyn Read + 's>>;

/// The origin of chunks.
enum Origin<'s> {
    /// Read here.
    Plain(io::Chain<Cursor<Vec<u8>>, Plain<'s>>),
    /// Decompressed on another thread.
    Thread(Receiver<Result<Chunk, Fault>>),
}

/// The chunks of one input.
pub(crate) struct Chunks<'s, 'o> {
    origin: Origin<'s>,
    pub(crate) meter: Meter<'o>,
    pub(crate) pool: Pool,
}

impl<'s, 'o> Chunks<'s, 'o> {
    /// The bytes of `source` as they are.
    pub(crate) fn plain(source: impl Read + 's, meter: Meter<'o>) -> Self {
        let source: Box<dyn Read + 's> = Box::new(source);
        let counted = Counted {
            inner: source,
            shared: Arc::clone(&meter.shared),
        };
        Self {
            origin: Origin::Plain(Cursor::new(Vec::new()).chain(counted)),
            meter,
            pool: Pool::default(),
        }
    }

    /// The bytes of `source`, decompressed on a thread of `scope` if they are compressed.
    pub(crate) fn decompressed<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        source: impl Read + Send + 'scope,
        meter: Meter<'o>,
    ) -> Result<Self, CaptureError>
    where
        'scope: 's,
    {
        let pool = Pool::default();
        let mut counted = Counted {
            inner: source,
            shared: Arc::clone(&meter.shared),
        };
        let mut start = Vec::with_capacity(PREFIX);
        if (&mut counted)
            .take(PREFIX as u64)
            .read_to_end(&mut start)
            .is_err()
        {
            return Err(fault_of(&meter.shared, &io::Error::other("unreadable"))
                .explain()
                .map_or_else(|error| error, |reason| CaptureError::Damaged { reason }));
        }
        let kind = Kind::of(&start);
        if !matches!(kind, Kind::Gzip | Kind::Zstd) {
            let inner: Box<dyn Read + 's> = Box::new(counted.inner);
            let shared = counted.shared;
            let rest = Counted { inner, shared };
            return Ok(Self {
                origin: Origin::Plain(Cursor::new(start).chain(rest)),
                meter,
                pool,
            });
        }
        let (sender, receiver) = sync_channel(WAITING);
        let (buffers, shared) = (pool.clone(), Arc::clone(&meter.shared));
        thread::Builder::new()
            .name("decompress".to_owned())
            .spawn_scoped(scope, move || {
                let packed = Cursor::new(start).chain(counted);
                match unpack(Box::new(BufReader::with_capacity(PACKED, packed)), &shared) {
                    Ok(unpacked) => send_chunks(unpacked, &buffers, &shared, &sender),
                    // The receiver is gone only if the pass has ended.
                    Err(fault) => drop(sender.send(Err(fault))),
                }
            })
            .map_err(CaptureError::io("cannot start a thread"))?;
        Ok(Self {
            origin: Origin::Thread(receiver),
            meter,
            pool,
        })
    }

    /// The next chunk, never empty; `None` at the end. What was read before a fault comes first.
    pub(crate) fn next(&mut self) -> (Option<Chunk>, Option<Fault>) {
        match self.wait() {
            Ok((chunk, fault)) => {
                let bytes = chunk.as_ref().map_or(0, |chunk| chunk.end - ROOM);
                // Reading counts its own bytes, decompression those that come out.
                let counted = match &self.origin {
                    Origin::Plain(_) => Ok(()),
                    Origin::Thread(_) => self.meter.work(bytes),
                };
                (chunk, fault.or(counted.err()))
            }
            Err(fault) => (None, Some(fault)),
        }
    }

    fn wait(&mut self) -> Result<(Option<Chunk>, Option<Fault>), Fault> {
        match &mut self.origin {
            Origin::Plain(source) => {
                let mut chunk = self.pool.chunk();
                let mut cancelled = None;
                let failed = chunk.fill(source, |bytes| {
                    cancelled = self.meter.work(bytes).err();
                    cancelled.is_none()
                });
                let failed = failed.map(|error| fault_of(&self.meter.shared, &error));
                let chunk = (!chunk.is_empty()).then_some(chunk);
                Ok((chunk, cancelled.or(failed)))
            }
            Origin::Thread(receiver) => loop {
                match receiver.recv_timeout(WAIT) {
                    Ok(received) => return received.map(|chunk| (Some(chunk), None)),
                    Err(RecvTimeoutError::Timeout) => self.meter.observe()?,
                    Err(RecvTimeoutError::Disconnected) => return Ok((None, None)),
                }
            },
        }
    }
}

impl Drop for Chunks<'_, '_> {
    fn drop(&mut self) {
        // A decompressor that produces nothing would go on to the end of its input.
        self.meter.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// The cause of an error that a reader of the source has returned.
fn fault_of(shared: &Shared, error: &io::Error) -> Fault {
    match shared
        .failure
        .lock()
        .ok()
        .and_then(|mut failure| failure.take())
    {
        Some(failure) => Fault::Source(failure),
        None if shared.stop.load(Ordering::Relaxed) => Fault::Cancelled,
        None => Fault::Broken(format!("broken compressed data: {error}")),
    }
}

/// Puts decompressors around compressed data until something else comes out.
fn unpack<'p>(
    mut inner: Box<dyn BufRead + 'p>,
    shared: &Shared,
) -> Result<Box<dyn BufRead + 'p>, Fault> {
    for _ in 0..LAYERS {
        let mut start = Vec::with_capacity(PREFIX);
        if let Err(error) = inner.by_ref().take(PREFIX as u64).read_to_end(&mut start) {
            return Err(fault_of(shared, &error));
        }
        let kind = Kind::of(&start);
        inner = Box::new(Cursor::new(start).chain(inner));
        match kind {
            Kind::Gzip => {
                let decoder = flate2::bufread::MultiGzDecoder::new(inner);
                inner = Box::new(BufReader::with_capacity(PACKED, decoder));
            }
            Kind::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(inner)
                    .map_err(CaptureError::io("cannot start the zstd decompressor"))
                    .map_err(Fault::Start)?;
                inner = Box::new(BufReader::with_capacity(PACKED, decoder));
            }
            _ => break,
        }
    }
    Ok(inner)
}

/// Sends everything that `source` has, chunk by chunk, and then its fault if there is one.
fn send_chunks(
    mut source: impl Read,
    pool: &Pool,
    shared: &Shared,
    sender: &SyncSender<Result<Chunk, Fault>>,
) {
    loop {
        let mut chunk = pool.chunk();
        let failed = chunk.fill(&mut source, |_| true);
        let is_last = failed.is_some() || chunk.is_empty();
        if !chunk.is_empty() && sender.send(Ok(chunk)).is_err() {
            return;
        }
        if let Some(error) = failed {
            // The receiver is gone only if the pass has ended.
            drop(sender.send(Err(fault_of(shared, &error))));
        }
        if is_last {
            return;
        }
    }
}
