//! The bytes of a capture: plain, gzip (any number of members) or zstd (any number of frames), told
//! apart by their first bytes and never by a name.
//!
//! [`Meter`] counts what is taken from the source, calls the observer, and remembers which error
//! was one of the source: the decompressors hand errors on in ways that no longer tell a broken
//! stream from a broken disk. [`Input`] is what the packet readers see. Neither knows a capture
//! format beyond its first bytes.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;

use crate::convert::capture::error::CaptureError;

/// Bytes between two calls of the observer.
const STEP: u64 = 1 << 20;
/// Buffer in front of a decompressor and in front of the packet reader.
const BUFFER: usize = 1 << 18;
/// Compressions inside each other that are followed. More is no capture but an attack.
const LAYERS: u32 = 2;
/// First bytes looked at to tell a format.
const PREFIX: usize = 16;

/// The observer of a pass: is told the bytes taken from the source so far, and may stop it.
pub(crate) type Observer<'o> = &'o mut dyn FnMut(u64) -> ControlFlow<()>;

/// Counts, reports progress and keeps the cause of a stop; shared by all layers of one input.
pub(crate) struct Meter<'o> {
    observer: RefCell<Observer<'o>>,
    taken: Cell<u64>,
    pending: Cell<u64>,
    cancelled: Cell<bool>,
    failure: Cell<Option<io::Error>>,
}

impl<'o> Meter<'o> {
    pub(crate) fn new(observer: Observer<'o>) -> Self {
        Self {
            observer: RefCell::new(observer),
            taken: Cell::new(0),
            pending: Cell::new(0),
            cancelled: Cell::new(false),
            failure: Cell::new(None),
        }
    }

    /// Bytes taken from the source, before decompression.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Notes work done. What comes out of a decompressor and what is written counts too, so that a
    /// small input that unfolds into a huge one can be cancelled.
    pub(crate) fn work(&self, bytes: usize) -> io::Result<()> {
        self.pending.set(self.pending.get() + bytes as u64);
        if self.pending.get() < STEP {
            return Ok(());
        }
        self.pending.set(0);
        let mut observer = self.observer.borrow_mut();
        if observer(self.taken.get()).is_break() {
            self.cancelled.set(true);
            return Err(io::Error::other("cancelled"));
        }
        Ok(())
    }

    /// Splits an error of a read: what ends the pass, or the text about broken compressed data.
    pub(crate) fn explain(&self, error: &io::Error) -> Result<String, CaptureError> {
        if self.cancelled.get() {
            return Err(CaptureError::Cancelled);
        }
        match self.failure.take() {
            Some(failure) => Err(CaptureError::io("cannot read the capture")(failure)),
            None => Ok(format!("broken compressed data: {error}")),
        }
    }
}

/// The source itself, or what came out of the decompressors.
struct Metered<'m, 'o, R> {
    inner: R,
    meter: &'m Meter<'o>,
    is_source: bool,
}

impl<R: Read> Read for Metered<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        if !self.is_source {
            let bytes = read?;
            self.meter.work(bytes)?;
            return Ok(bytes);
        }
        match read {
            Ok(bytes) => {
                self.meter.taken.set(self.meter.taken.get() + bytes as u64);
                self.meter.work(bytes)?;
                Ok(bytes)
            }
            Err(error) => {
                self.meter.failure.set(Some(error));
                Err(io::Error::other("the source failed"))
            }
        }
    }
}

/// What the first bytes of an input say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Classic pcap.
    Pcap {
        /// Numbers are big-endian.
        big_endian: bool,
        /// Fractions of a second are nanoseconds.
        nanoseconds: bool,
        /// Record headers have 24 bytes.
        modified: bool,
    },
    /// pcapng, of either byte order.
    PcapNg,
    Gzip,
    Zstd,
    Other(&'static str),
    Nfcapd,
    Unknown,
}

impl Kind {
    pub(crate) fn of(start: &[u8]) -> Self {
        let pcap = |big_endian, nanoseconds, modified| Self::Pcap {
            big_endian,
            nanoseconds,
            modified,
        };
        match *start {
            [0xd4, 0xc3, 0xb2, 0xa1, ..] => pcap(false, false, false),
            [0xa1, 0xb2, 0xc3, 0xd4, ..] => pcap(true, false, false),
            [0x4d, 0x3c, 0xb2, 0xa1, ..] => pcap(false, true, false),
            [0xa1, 0xb2, 0x3c, 0x4d, ..] => pcap(true, true, false),
            [0x34, 0xcd, 0xb2, 0xa1, ..] => pcap(false, false, true),
            [0xa1, 0xb2, 0xcd, 0x34, ..] => pcap(true, false, true),
            [0x0a, 0x0d, 0x0d, 0x0a, ..] => Self::PcapNg,
            [0x1f, 0x8b, ..] => Self::Gzip,
            // The second form is a skippable frame, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other("lz4"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz"),
            [b'L', b'Z', b'I', b'P', ..] => Self::Other("lzip"),
            [b'P', b'K', 3, 4, ..] => Self::Other("zip"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Self::Other("7-zip"),
            [0x1f, 0x9d, ..] => Self::Other("compress"),
            [0x0c, 0xa5, ..] | [0xa5, 0x0c, ..] => Self::Nfcapd,
            _ => Self::Unknown,
        }
    }

    /// Turns a kind that is no capture into the error that says so.
    pub(crate) fn refuse(self, start: &[u8]) -> CaptureError {
        match self {
            _ if start.is_empty() => CaptureError::Empty,
            Self::Nfcapd => CaptureError::NfcapdFile,
            Self::Other(format) => CaptureError::Compressed { format },
            Self::Gzip | Self::Zstd => CaptureError::Compressed {
                format: "gzip or zstd too many times over",
            },
            _ => CaptureError::NotACapture {
                start: start.iter().take(PREFIX).copied().collect(),
            },
        }
    }
}

/// The decompressed bytes of a capture, with the offset of the next one.
pub(crate) struct Input<'m> {
    inner: Box<dyn BufRead + 'm>,
    offset: u64,
    /// What the input is: only [`Kind::Pcap`] or [`Kind::PcapNg`].
    pub(crate) kind: Kind,
}

impl<'m> Input<'m> {
    /// Looks through the compressions of `source` at the capture inside.
    pub(crate) fn open<'o>(
        source: impl Read + 'm,
        meter: &'m Meter<'o>,
    ) -> Result<Self, CaptureError> {
        let source = Metered {
            inner: source,
            meter,
            is_source: true,
        };
        let mut inner: Box<dyn BufRead + 'm> = Box::new(BufReader::with_capacity(BUFFER, source));
        let mut layers = 0;
        loop {
            let mut start = Vec::with_capacity(PREFIX);
            let mut first = inner.by_ref().take(PREFIX as u64);
            if let Err(error) = first.read_to_end(&mut start) {
                let reason = meter.explain(&error)?;
                return Err(CaptureError::Damaged { reason });
            }
            let kind = Kind::of(&start);
            if !matches!(kind, Kind::Gzip | Kind::Zstd) || layers == LAYERS {
                if !matches!(kind, Kind::Pcap { .. } | Kind::PcapNg) {
                    return Err(kind.refuse(&start));
                }
                let inner = Box::new(Cursor::new(start).chain(inner));
                return Ok(Self {
                    inner,
                    offset: 0,
                    kind,
                });
            }
            layers += 1;
            let packed = Cursor::new(start).chain(inner);
            let unpacked: Box<dyn Read + 'm> = if kind == Kind::Gzip {
                Box::new(flate2::bufread::MultiGzDecoder::new(packed))
            } else {
                let decoder = zstd::stream::read::Decoder::with_buffer(packed)
                    .map_err(CaptureError::io("cannot start the zstd decompressor"))?;
                Box::new(decoder)
            };
            let unpacked = Metered {
                inner: unpacked,
                meter,
                is_source: false,
            };
            inner = Box::new(BufReader::with_capacity(BUFFER, unpacked));
        }
    }

    /// Offset of the next byte, after decompression.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills `buffer` as far as there are bytes; less than its length means the end of the input.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let bytes = self.inner.read(rest)?;
            if bytes == 0 {
                break;
            }
            filled += bytes;
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    /// Reads over `length` bytes; the result is smaller at the end of the input.
    pub(crate) fn skip(&mut self, length: u64) -> io::Result<u64> {
        let mut skipped = 0;
        while skipped < length {
            let available = self.inner.fill_buf()?.len() as u64;
            if available == 0 {
                break;
            }
            let bytes = available.min(length - skipped);
            self.inner.consume(bytes as usize);
            skipped += bytes;
        }
        self.offset += skipped;
        Ok(skipped)
    }
}
