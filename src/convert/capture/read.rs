//! The packets of a classic pcap or pcapng stream, one after the other.
//!
//! Own code instead of the crate `pcap-parser`, because that wants a whole block in its buffer (a
//! long name-resolution or decryption-secrets block ends reading), turns every read error into one
//! value without cause (cancellation, a broken disk and a broken gzip stream become the same), and
//! knows neither the obsolete packet block nor big-endian "modified" captures.
//!
//! Nothing here looks into a packet. All numbers of the input are untrusted: at most
//! [`MAX_PACKET`] bytes of a packet and one buffer of memory are used, whatever they say.

use std::io;
use std::ops::Range;

use crate::convert::capture::error::{CaptureError, Damage};
use crate::convert::capture::source::{Input, Kind};

/// The longest packet read or written, in bytes, and the snap length of the normal form. It is the
/// largest snap length that the capture libraries in use accept; a longer claim is damage.
pub const MAX_PACKET: u32 = 262_144;

/// Room in front of the packet in the buffer, for an Ethernet header put there later.
pub(crate) const HEADROOM: usize = 16;
/// Kept bytes of a block body: a packet of full size, the fields before it and a few options.
const MAX_BODY: usize = MAX_PACKET as usize + 4096;
/// More interfaces in a section than any writer declares; bounds the memory for them.
const MAX_INTERFACES: usize = 65_536;
const NANOS: i64 = 1_000_000_000;

/// One packet; its bytes are in the buffer of the [`Reader`].
pub(crate) struct Packet {
    pub(crate) link_type: u16,
    /// Byte order of the file, which is that of host-order fields in link headers.
    pub(crate) big_endian: bool,
    /// Nanoseconds since 1970; saturated, far outside of what 32-bit seconds can hold.
    pub(crate) time: i64,
    /// Where in the buffer the packet is, without a frame check sequence; begins at
    /// [`HEADROOM`] or behind it.
    pub(crate) range: Range<usize>,
    /// Length on the wire, without a frame check sequence; never less than what was captured.
    pub(crate) wire: u32,
    /// The input does not have the whole packet.
    pub(crate) cut: bool,
}

/// Why there is no next packet although the input has not ended.
pub(crate) enum Stop {
    Read(io::Error),
    Damage(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn damage<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Damage(reason.into()))
}

/// Numbers at fixed places of a slice, in the byte order of the file.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) big_endian: bool,
}

impl Fields<'_> {
    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        let mut bytes = *self.data.get(at..)?.first_chunk::<N>()?;
        if !self.big_endian {
            bytes.reverse();
        }
        Some(bytes)
    }

    pub(crate) fn u16(self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_be_bytes)
    }

    fn i64(self, at: usize) -> Option<i64> {
        self.bytes(at).map(i64::from_be_bytes)
    }
}

/// The header of a classic capture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileHeader {
    pub(crate) big_endian: bool,
    pub(crate) nanoseconds: bool,
    pub(crate) modified: bool,
    /// Major and minor version; every writer of the last decades says 2.4.
    pub(crate) version: (u16, u16),
    pub(crate) snap_length: u32,
    /// The whole link type word, with the bits for class and frame check sequence.
    pub(crate) link_word: u32,
}

impl FileHeader {
    /// Bytes of the header in the file.
    pub(crate) const LENGTH: usize = 24;

    /// Reads the header; `None` if `start` is shorter than it or of another kind.
    pub(crate) fn parse(start: &[u8]) -> Option<Self> {
        let Kind::Pcap {
            big_endian,
            nanoseconds,
            modified,
        } = Kind::of(start)
        else {
            return None;
        };
        let fields = Fields {
            data: start,
            big_endian,
        };
        Some(Self {
            big_endian,
            nanoseconds,
            modified,
            version: (fields.u16(4)?, fields.u16(6)?),
            snap_length: fields.u32(16)?,
            link_word: fields.u32(20)?,
        })
    }

    /// Bytes of frame check sequence at the end of each packet: bit 26 says that the top four bits
    /// count 16-bit words. No link layer has more than 4 bytes.
    fn fcs(&self) -> u32 {
        if self.link_word & 0x0400_0000 == 0 {
            return 0;
        }
        ((self.link_word >> 28) * 2).min(4)
    }
}

/// An interface of a pcapng section.
struct Interface {
    link_type: u16,
    snap_length: u32,
    /// `if_tsresol`: negative power of 10, or of 2 with the top bit set.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset: i64,
    fcs: u32,
}

impl Interface {
    /// Nanoseconds since 1970. Some writers store times before 1970 as negative numbers, although
    /// ticks have no sign; so a time far out of range that can be one is.
    fn time(&self, ticks: u64) -> i64 {
        const LIMIT: i128 = (1 << 32) * NANOS as i128;
        let offset = i128::from(self.offset) * i128::from(NANOS);
        let mut time = self.nanos(ticks) + offset;
        if time >= LIMIT && ticks >> 63 == 1 {
            time = offset - self.nanos(ticks.wrapping_neg());
        }
        time.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    fn nanos(&self, ticks: u64) -> i128 {
        let (ticks, exponent) = (i128::from(ticks), self.resolution & 0x7f);
        let nanos = i128::from(NANOS);
        // No product reaches 2^94.
        if self.resolution & 0x80 != 0 {
            return (ticks * nanos) >> exponent;
        }
        match 10i128.checked_pow(u32::from(exponent.abs_diff(9))) {
            Some(factor) if exponent <= 9 => ticks * factor,
            Some(factor) => ticks / factor,
            None => 0,
        }
    }
}

enum Format {
    Pcap(FileHeader),
    PcapNg {
        big_endian: bool,
        interfaces: Vec<Interface>,
    },
}

/// Reads packet after packet into one buffer.
pub(crate) struct Reader<'m> {
    input: Input<'m>,
    format: Format,
    buffer: Vec<u8>,
    /// Offset of the record or block being read.
    start: u64,
    packets: u64,
}

impl<'m> Reader<'m> {
    /// Reads the file header. A read error comes back as it is.
    pub(crate) fn open(mut input: Input<'m>) -> Result<Result<Self, CaptureError>, io::Error> {
        let format = if input.kind == Kind::PcapNg {
            Format::PcapNg {
                big_endian: false,
                interfaces: Vec::new(),
            }
        } else {
            let mut start = [0; FileHeader::LENGTH];
            let length = input.fill(&mut start)?;
            match FileHeader::parse(start.get(..length).unwrap_or_default()) {
                Some(header) => Format::Pcap(header),
                None => {
                    return Ok(Err(CaptureError::HeaderCut {
                        length: length as u64,
                    }));
                }
            }
        };
        Ok(Ok(Self {
            input,
            format,
            buffer: vec![0; HEADROOM + MAX_BODY],
            start: 0,
            packets: 0,
        }))
    }

    /// Packets read so far.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// The buffer that holds the last packet.
    pub(crate) fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Whether every packet that may follow has this link type, as far as is known by now.
    pub(crate) fn only_link_type(&self, link_type: u16) -> bool {
        match &self.format {
            Format::Pcap(header) => header.link_word as u16 == link_type,
            Format::PcapNg { interfaces, .. } => {
                interfaces.iter().all(|each| each.link_type == link_type)
            }
        }
    }

    /// Says where reading stopped.
    pub(crate) fn damage(&self, reason: String) -> Damage {
        Damage {
            offset: self.start,
            packet: self.packets + 1,
            reason,
        }
    }

    /// The next packet; `None` at the end of the input.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Stop> {
        let packet = match self.format {
            Format::Pcap(header) => self.next_record(&header)?,
            Format::PcapNg { .. } => self.next_packet_block()?,
        };
        self.packets += u64::from(packet.is_some());
        Ok(packet)
    }

    fn next_record(&mut self, header: &FileHeader) -> Result<Option<Packet>, Stop> {
        self.start = self.input.offset();
        let mut record = [0; 24];
        let record = &mut record[..if header.modified { 24 } else { 16 }];
        match self.input.fill(record)? {
            0 => return Ok(None),
            length if length < record.len() => {
                return damage("the capture ends inside a record header");
            }
            _ => {}
        }
        let fields = Fields {
            data: record,
            big_endian: header.big_endian,
        };
        let number = |at| fields.u32(at).unwrap_or(0);
        let (seconds, fraction, mut captured, mut wire) =
            (number(0), number(4), number(8), number(12));
        if seconds | fraction | captured | wire == 0 {
            // What a crash leaves in a file: no writer stores an empty packet at time zero.
            return damage("zero bytes in the place of a record header");
        }
        if captured > wire && header.version < (2, 4) {
            // Early releases stored the two lengths the other way round.
            (captured, wire) = (wire, captured);
        }
        if captured > MAX_PACKET {
            return damage(format!("a record claims {captured} bytes"));
        }
        let body = self.buffer.get_mut(HEADROOM..HEADROOM + captured as usize);
        if self.input.fill(body.unwrap_or_default())? < captured as usize {
            return damage("the capture ends inside a packet");
        }
        let unit = if header.nanoseconds { 1 } else { 1000 };
        Ok(Some(packet(
            header.link_word as u16,
            header.big_endian,
            i64::from(seconds) * NANOS + i64::from(fraction) * unit,
            HEADROOM,
            captured,
            wire,
            header.fcs(),
        )))
    }

    fn next_packet_block(&mut self) -> Result<Option<Packet>, Stop> {
        let Self {
            input,
            format:
                Format::PcapNg {
                    big_endian,
                    interfaces,
                },
            buffer,
            start,
            ..
        } = self
        else {
            return Ok(None);
        };
        let buffer = buffer.get_mut(HEADROOM..).unwrap_or_default();
        loop {
            *start = input.offset();
            let mut head = [0; 12];
            let is_section = match input.fill(&mut head[..8])? {
                0 => return Ok(None),
                8 => head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]),
                _ => return damage("the capture ends inside a block header"),
            };
            let mut taken = 8;
            if is_section {
                taken += input.fill(&mut head[8..])? as u64;
                *big_endian = match head[8..] {
                    [0x1a, 0x2b, 0x3c, 0x4d] => true,
                    [0x4d, 0x3c, 0x2b, 0x1a] => false,
                    _ => return damage("a section header without byte order"),
                };
                interfaces.clear();
            }
            let fields = Fields {
                data: &head,
                big_endian: *big_endian,
            };
            let (kind, total) = (fields.u32(0).unwrap_or(0), fields.u32(4).unwrap_or(0));
            let body = match u64::from(total).checked_sub(taken + 4) {
                Some(body) if total % 4 == 0 => body,
                _ => return damage(format!("a block claims {total} bytes")),
            };
            let wanted = matches!(kind, 1 | 2 | 3 | 6);
            let kept = if wanted { body.min(MAX_BODY as u64) } else { 0 };
            let data = buffer.get_mut(..kept as usize).unwrap_or_default();
            if (input.fill(data)? as u64) < kept || input.skip(body - kept)? < body - kept {
                return damage("the capture ends inside a block");
            }
            let mut trailer = [0; 4];
            if input.fill(&mut trailer)? < trailer.len() {
                return damage("the capture ends inside a block");
            }
            if head[4..8] != trailer {
                return damage("the two lengths of a block differ");
            }
            if !wanted {
                continue;
            }
            let fields = Fields {
                data,
                big_endian: *big_endian,
            };
            if kind == 1 {
                let Some(interface) = interface(fields) else {
                    return damage("an interface block is too short");
                };
                if interfaces.len() == MAX_INTERFACES {
                    return damage("too many interfaces");
                }
                interfaces.push(interface);
                continue;
            }
            return match block_packet(kind, fields, body, interfaces) {
                Some(packet) => Ok(Some(packet)),
                None => damage("a packet block is too short or names no interface"),
            };
        }
    }
}

/// Puts a packet together: takes the frame check sequence off and sets the wire length right.
fn packet(
    link_type: u16,
    big_endian: bool,
    time: i64,
    at: usize,
    captured: u32,
    wire: u32,
    fcs: u32,
) -> Packet {
    let cut = captured < wire;
    let wire = wire.max(captured).saturating_sub(fcs);
    // A packet can be cut inside its check sequence.
    let kept = captured.min(wire);
    Packet {
        link_type,
        big_endian,
        time,
        range: at..at + kept as usize,
        wire,
        cut: cut && kept < wire,
    }
}

fn interface(fields: Fields<'_>) -> Option<Interface> {
    let byte = |code| option(fields, 8, code)?.data.first().copied();
    let fcs = u32::from(byte(13).unwrap_or(0));
    Some(Interface {
        link_type: fields.u16(0)?,
        snap_length: fields.u32(4)?,
        resolution: byte(9).unwrap_or(6),
        offset: option(fields, 8, 14)
            .and_then(|value| value.i64(0))
            .unwrap_or(0),
        // Writers disagree whether this counts bits or bytes.
        fcs: if fcs < 8 { fcs } else { fcs / 8 }.min(4),
    })
}

/// The packet of an enhanced (6), simple (3) or obsolete (2) packet block of `body` bytes.
fn block_packet(
    kind: u32,
    fields: Fields<'_>,
    body: u64,
    interfaces: &[Interface],
) -> Option<Packet> {
    let number = match kind {
        2 => u32::from(fields.u16(0)?),
        6 => fields.u32(0)?,
        _ => 0,
    };
    let interface = interfaces.get(number as usize)?;
    let (at, time, captured, wire) = if kind == 3 {
        let wire = fields.u32(0)?;
        let limit = match interface.snap_length {
            0 => u32::MAX,
            limit => limit,
        };
        let captured = u64::from(wire.min(limit)).min(body.checked_sub(4)?);
        // Such a block has no time stamp; the capture libraries say 1970 as well.
        (4, 0, captured, wire)
    } else {
        let ticks = u64::from(fields.u32(4)?) << 32 | u64::from(fields.u32(8)?);
        let captured = u64::from(fields.u32(12)?);
        (20, interface.time(ticks), captured, fields.u32(16)?)
    };
    if captured > body.checked_sub(at)? {
        return None;
    }
    let captured = captured.min(MAX_PACKET.into()) as u32;
    let at = at as usize;
    let fcs = if kind == 6 {
        // Bits 5 to 8 of the flags are the length for this packet, 0 for unknown.
        let options = at + captured.next_multiple_of(4) as usize;
        let flags = option(fields, options, 2).and_then(|value| value.u32(0));
        match flags.map_or(0, |flags| flags >> 5 & 0xf) {
            0 => interface.fcs,
            fcs => fcs.min(4),
        }
    } else {
        interface.fcs
    };
    Some(packet(
        interface.link_type,
        fields.big_endian,
        time,
        HEADROOM + at,
        captured,
        wire,
        fcs,
    ))
}

/// The value of the first option `wanted` in the list at `at`.
fn option(fields: Fields<'_>, mut at: usize, wanted: u16) -> Option<Fields<'_>> {
    loop {
        let (code, length) = (fields.u16(at)?, usize::from(fields.u16(at + 2)?));
        at += 4;
        if code == wanted {
            let data = fields.data.get(at..at + length)?;
            return Some(Fields { data, ..fields });
        }
        if code == 0 {
            return None;
        }
        at += length.next_multiple_of(4);
    }
}
