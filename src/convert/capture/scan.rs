//! The quick pass over a plain file: can nfpcapd read it as it is?
//!
//! Looks at every record header and at the tags of every frame, in large reads and without copying
//! packets, and ends at the first reason to rewrite. It does not tell what [`super::normalize()`]
//! will find behind that.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use crate::convert::capture::error::CaptureError;
use crate::convert::capture::link;
use crate::convert::capture::read::MAX_PACKET;
use crate::convert::capture::read::{Fields, FileHeader};
use crate::convert::capture::source::Kind;

/// Bytes per read; a record always fits.
const BUFFER: usize = 1 << 20;

/// Why a capture has to be rewritten before nfpcapd reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is compressed.
    Compressed,
    /// It is pcapng.
    PcapNg,
    /// It is classic pcap in a variant: nanoseconds, 24-byte record headers, an old version.
    Variant,
    /// The snap length is 0 or above [`MAX_PACKET`].
    SnapLength(u32),
    /// The link type word is not plain Ethernet.
    LinkType(u32),
    /// A packet (its number from 1) is longer than the snap length, shorter or longer than it was
    /// on the wire, or has an impossible length.
    Length(u64),
    /// A packet has a time stamp of 2^31 seconds or more, or a million microseconds or more.
    Time(u64),
    /// A packet has a tag of this Ethernet type, which nfpcapd does not follow.
    Tag(u64, u16),
    /// The file ends inside a packet, or has zero bytes in the place of one.
    Damage(u64),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed => write!(f, "the capture is compressed"),
            Self::PcapNg => write!(f, "the capture is pcapng"),
            Self::Variant => write!(f, "the capture is a variant of classic pcap"),
            Self::SnapLength(length) => write!(f, "the snap length is {length}"),
            Self::LinkType(word) => write!(f, "the link type is {word:#x}"),
            Self::Length(packet) => write!(f, "packet {packet} is cut or too long"),
            Self::Time(packet) => write!(f, "packet {packet} has an unusual time stamp"),
            Self::Tag(packet, tag) => write!(f, "packet {packet} has a tag of type {tag:#06x}"),
            Self::Damage(packet) => write!(f, "packet {packet} is damaged"),
        }
    }
}

/// What [`scan()`] found, up to the first reason to rewrite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// Packets without a reason to rewrite.
    pub packets: u64,
    /// Bytes of the file up to the end of the last of these packets.
    pub bytes: u64,
    /// The earliest time stamp of these, in nanoseconds since 1970; `None` without packets.
    pub earliest: Option<u64>,
    /// The latest time stamp of these.
    pub latest: Option<u64>,
    /// `Ok` if every release of nfpcapd reads the file as it is, else the first reason against.
    pub direct: Result<(), Reason>,
}

/// Reads the file at `path` as far as nfpcapd would read it alike in every release.
///
/// `observer` is called about every MiB with the bytes read so far, and stops the pass by returning
/// `Break`.
///
/// # Errors
/// Any [`CaptureError`] but `Damaged` and `Unsupported`: those show when a compressed or foreign
/// capture is rewritten.
pub fn scan(
    path: &Path,
    observer: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Scan, CaptureError> {
    let file = File::open(path).map_err(|error| failed(path, error))?;
    scan_from(file, observer, &|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> CaptureError {
    CaptureError::io(format!("cannot read {}", path.display()))(error)
}

/// A buffer over the file in which whole records are seen.
struct Window<'o, R> {
    source: R,
    observer: &'o mut dyn FnMut(u64) -> ControlFlow<()>,
    failed: &'o dyn Fn(io::Error) -> CaptureError,
    buffer: Vec<u8>,
    /// The bytes not used yet.
    start: usize,
    end: usize,
    taken: u64,
}

impl<R: Read> Window<'_, R> {
    /// The unused bytes, at least `length` unless the file ends before.
    fn at_least(&mut self, length: usize) -> Result<&[u8], CaptureError> {
        if self.end - self.start < length {
            self.refill(length)?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    #[cold]
    fn refill(&mut self, length: usize) -> Result<(), CaptureError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < length {
            let rest = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(bytes) => {
                    self.end += bytes;
                    self.taken += bytes as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((self.failed)(error)),
            }
        }
        match (self.observer)(self.taken) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(CaptureError::Cancelled),
        }
    }
}

fn scan_from(
    source: impl Read,
    observer: &mut dyn FnMut(u64) -> ControlFlow<()>,
    failed: &dyn Fn(io::Error) -> CaptureError,
) -> Result<Scan, CaptureError> {
    let mut window = Window {
        source,
        observer,
        failed,
        buffer: vec![0; BUFFER],
        start: 0,
        end: 0,
        taken: 0,
    };
    let start = window.at_least(FileHeader::LENGTH)?;
    let (kind, header) = (Kind::of(start), FileHeader::parse(start));
    let mut scan = Scan {
        packets: 0,
        bytes: 0,
        earliest: None,
        latest: None,
        direct: Ok(()),
    };
    scan.direct = match (kind, header) {
        (Kind::Gzip | Kind::Zstd, _) => Err(Reason::Compressed),
        (Kind::PcapNg, _) => Err(Reason::PcapNg),
        (Kind::Pcap { .. }, None) => {
            return Err(CaptureError::HeaderCut {
                length: start.len() as u64,
            });
        }
        (_, Some(header)) => {
            window.start += FileHeader::LENGTH;
            scan.bytes = FileHeader::LENGTH as u64;
            match check_header(&header) {
                Ok(()) => walk(&mut window, &header, &mut scan)?,
                not_direct => not_direct,
            }
        }
        (kind, None) => return Err(kind.refuse(start)),
    };
    Ok(scan)
}

fn check_header(header: &FileHeader) -> Result<(), Reason> {
    if header.nanoseconds || header.modified || header.version != (2, 4) {
        return Err(Reason::Variant);
    }
    if !(1..=MAX_PACKET).contains(&header.snap_length) {
        return Err(Reason::SnapLength(header.snap_length));
    }
    if header.link_word != u32::from(link::ETHERNET) {
        return Err(Reason::LinkType(header.link_word));
    }
    Ok(())
}

/// Goes over the records; the inner result is the verdict.
fn walk<R: Read>(
    window: &mut Window<'_, R>,
    header: &FileHeader,
    scan: &mut Scan,
) -> Result<Result<(), Reason>, CaptureError> {
    const RECORD: usize = 16;
    loop {
        let packet = scan.packets + 1;
        let fields = Fields {
            data: window.at_least(RECORD)?,
            big_endian: header.big_endian,
        };
        if fields.data.is_empty() {
            return Ok(Ok(()));
        }
        let (Some(seconds), Some(micros), Some(captured), Some(wire)) =
            (fields.u32(0), fields.u32(4), fields.u32(8), fields.u32(12))
        else {
            return Ok(Err(Reason::Damage(packet)));
        };
        if seconds | micros | captured | wire == 0 {
            return Ok(Err(Reason::Damage(packet)));
        }
        if captured > header.snap_length || captured != wire {
            return Ok(Err(Reason::Length(packet)));
        }
        if seconds >= 1 << 31 || micros >= 1_000_000 {
            return Ok(Err(Reason::Time(packet)));
        }
        let record = RECORD + captured as usize;
        let Some(frame) = window.at_least(record)?.get(RECORD..record) else {
            return Ok(Err(Reason::Damage(packet)));
        };
        if let Some(tag) = link::unknown_tag(frame) {
            return Ok(Err(Reason::Tag(packet, tag)));
        }
        window.start += record;
        scan.bytes += record as u64;
        scan.packets = packet;
        let time = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1000;
        scan.earliest = Some(scan.earliest.map_or(time, |earliest| earliest.min(time)));
        scan.latest = Some(scan.latest.map_or(time, |latest| latest.max(time)));
    }
}
