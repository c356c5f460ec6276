//! The quick pass over a plain file: can nfpcapd read it as it is?
//!
//! Looks at every record header and at the tags of every frame, in large reads and without copying
//! packets, and ends at the first reason to rewrite. What follows that reason is left to
//! [`super::normalize()`].

use std::fmt;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use crate::convert::capture::error::CaptureError;
use crate::convert::capture::format::{Fields, FileHeader, Kind, MAX_PACKET};
use crate::convert::capture::input::{Chunks, Fault, Meter};
use crate::convert::capture::link;
use crate::convert::capture::link_types::ETHERNET;
use crate::convert::capture::window::Window;

/// Why a capture has to be rewritten before nfpcapd reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RewriteReason {
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

impl fmt::Display for RewriteReason {
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

/// Result of [`inspect()`], up to the first reason to rewrite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Packets without a reason to rewrite.
    pub packets: u64,
    /// Bytes of the file up to the end of the last of these packets.
    pub bytes: u64,
    /// The earliest time stamp of these, in nanoseconds since 1970; `None` without packets.
    pub earliest: Option<u64>,
    /// The latest time stamp of these.
    pub latest: Option<u64>,
    /// `Ok` if every release of nfpcapd reads the file as it is, else the first reason against.
    pub direct: Result<(), RewriteReason>,
}

/// Reads the file at `path` as far as every release of nfpcapd would read it alike.
///
/// `observer` is called about every MiB with the bytes read so far, and stops the pass by returning
/// `Break`.
///
/// # Errors
/// Any [`CaptureError`] but `Damaged` and `Unsupported`: those show when a compressed or foreign
/// capture is rewritten.
pub fn inspect(
    path: &Path,
    observer: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Inspection, CaptureError> {
    let context = || format!("cannot read {}", path.display());
    let file = File::open(path).map_err(|error| CaptureError::io(context())(error))?;
    let mut window = Window::new(Chunks::plain(file, Meter::new(observer)));
    inspect_window(&mut window).map_err(|error| match error {
        CaptureError::Io { source, .. } => CaptureError::io(context())(source),
        error => error,
    })
}

/// What a fault means for a plain file.
fn failed(fault: Fault) -> CaptureError {
    match fault.explain() {
        // Nothing is decompressed here.
        Ok(reason) => CaptureError::Damaged { reason },
        Err(error) => error,
    }
}

fn inspect_window(window: &mut Window<'_, '_>) -> Result<Inspection, CaptureError> {
    let start = window.at_least(FileHeader::LENGTH).map_err(failed)?;
    let (kind, header) = (Kind::of(start), FileHeader::parse(start));
    let mut inspection = Inspection {
        packets: 0,
        bytes: 0,
        earliest: None,
        latest: None,
        direct: Ok(()),
    };
    inspection.direct = match (kind, header) {
        (Kind::Gzip | Kind::Zstd, _) => Err(RewriteReason::Compressed),
        (Kind::PcapNg, _) => Err(RewriteReason::PcapNg),
        (Kind::Pcap { .. }, None) => {
            return Err(CaptureError::HeaderCut {
                length: start.len() as u64,
            });
        }
        (_, Some(header)) => {
            window.consume(FileHeader::LENGTH);
            inspection.bytes = FileHeader::LENGTH as u64;
            match check_header(&header) {
                Ok(()) => walk(window, &header, &mut inspection)?,
                not_direct => not_direct,
            }
        }
        (kind, None) => return Err(CaptureError::refused(kind, start)),
    };
    Ok(inspection)
}

fn check_header(header: &FileHeader) -> Result<(), RewriteReason> {
    if header.nanoseconds || header.modified || header.version != (2, 4) {
        return Err(RewriteReason::Variant);
    }
    if !(1..=MAX_PACKET).contains(&header.snap_length) {
        return Err(RewriteReason::SnapLength(header.snap_length));
    }
    if header.link_word != u32::from(ETHERNET) {
        return Err(RewriteReason::LinkType(header.link_word));
    }
    Ok(())
}

/// Goes over the records; the inner result is the verdict.
fn walk(
    window: &mut Window<'_, '_>,
    header: &FileHeader,
    inspection: &mut Inspection,
) -> Result<Result<(), RewriteReason>, CaptureError> {
    const RECORD: usize = 16;
    loop {
        let packet = inspection.packets + 1;
        let fields = Fields {
            data: window.at_least(RECORD).map_err(failed)?,
            big_endian: header.big_endian,
        };
        if fields.data.is_empty() {
            return Ok(Ok(()));
        }
        let (Some(seconds), Some(micros), Some(captured), Some(wire)) =
            (fields.u32(0), fields.u32(4), fields.u32(8), fields.u32(12))
        else {
            return Ok(Err(RewriteReason::Damage(packet)));
        };
        if seconds | micros | captured | wire == 0 {
            return Ok(Err(RewriteReason::Damage(packet)));
        }
        if captured > header.snap_length || captured != wire {
            return Ok(Err(RewriteReason::Length(packet)));
        }
        if seconds >= 1 << 31 || micros >= 1_000_000 {
            return Ok(Err(RewriteReason::Time(packet)));
        }
        let record = RECORD + captured as usize;
        let Some(frame) = window.at_least(record).map_err(failed)?.get(RECORD..record) else {
            return Ok(Err(RewriteReason::Damage(packet)));
        };
        if let Some(tag) = link::unknown_tag(frame) {
            return Ok(Err(RewriteReason::Tag(packet, tag)));
        }
        window.consume(record);
        inspection.bytes += record as u64;
        inspection.packets = packet;
        let time = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1000;
        inspection.earliest = Some(
            inspection
                .earliest
                .map_or(time, |earliest| earliest.min(time)),
        );
        inspection.latest = Some(inspection.latest.map_or(time, |latest| latest.max(time)));
    }
}
