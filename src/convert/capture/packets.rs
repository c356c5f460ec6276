//! The packets of a classic pcap or pcapng stream, in order.
//!
//! All numbers of the input are untrusted: whatever they claim, at most [`MAX_PACKET`] bytes of a
//! packet and one window of memory are used, and each byte is looked at a bounded number of times.

use crate::convert::capture::error::{CaptureDamage, CaptureError};
use crate::convert::capture::format::{
    Fields, FileHeader, Kind, MAX_PACKET, NANOS, PREFIX, PacketHead,
};
use crate::convert::capture::input::Fault;
use crate::convert::capture::pcapng::{Interface, block_packet};
use crate::convert::capture::window::Window;

/// Kept bytes of a block body: a packet of full size, the fields before it and a few options.
const MAX_BODY: usize = MAX_PACKET as usize + 4096;
/// More interfaces in a section than any writer declares; bounds the memory for them.
const MAX_INTERFACES: usize = 65_536;

/// One packet as it is in the capture.
pub(crate) struct Packet<'w> {
    pub(crate) link_type: u16,
    /// The bytes, with a frame check sequence if there is one; in the byte order of the file, which
    /// is that of host-order fields in link headers.
    pub(crate) fields: Fields<'w>,
    /// Nanoseconds since 1970; saturated, far outside of what 32-bit seconds can hold.
    pub(crate) time: i64,
    /// Length on the wire; never less than what was captured.
    pub(crate) wire: u32,
    /// Length of the frame check sequence that the capture claims.
    pub(crate) fcs: u32,
    /// All known interfaces have this link type.
    pub(crate) is_only_link_type: bool,
}

/// Why there is no next packet although the input has not ended.
pub(crate) enum Stop {
    Fault(Fault),
    Damage(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn damage<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Damage(reason.into()))
}

enum Format {
    Pcap(FileHeader),
    PcapNg {
        big_endian: bool,
        interfaces: Vec<Interface>,
    },
}

/// Header of a pcapng block.
struct Block {
    kind: u32,
    /// Length of the body.
    body: u64,
    /// Length of everything, as it is stored.
    total: u32,
    big_endian: bool,
}

/// Reads packet after packet.
pub(crate) struct PacketReader<'s, 'o> {
    pub(crate) window: Window<'s, 'o>,
    format: Format,
    /// The kept bytes of a block that is longer than a window.
    long_body: Vec<u8>,
    /// Offset of the record or block being read.
    start: u64,
    pub(crate) packets: u64,
}

impl<'s, 'o> PacketReader<'s, 'o> {
    /// Reads the file header.
    pub(crate) fn open(mut window: Window<'s, 'o>) -> Result<Self, CaptureError> {
        let damaged = |fault: Fault| match fault.explain() {
            Ok(reason) => CaptureError::Damaged { reason },
            Err(error) => error,
        };
        let start = window.at_least(PREFIX).map_err(damaged)?;
        let format = match Kind::of(start) {
            Kind::PcapNg => Format::PcapNg {
                big_endian: false,
                interfaces: Vec::new(),
            },
            Kind::Pcap { .. } => {
                let start = window.at_least(FileHeader::LENGTH).map_err(damaged)?;
                let length = start.len() as u64;
                let header = FileHeader::parse(start).ok_or(CaptureError::HeaderCut { length })?;
                window.consume(FileHeader::LENGTH);
                Format::Pcap(header)
            }
            kind => return Err(CaptureError::refused(kind, start)),
        };
        Ok(Self {
            window,
            format,
            long_body: Vec::new(),
            start: 0,
            packets: 0,
        })
    }

    /// The header, if this is a classic capture.
    pub(crate) fn classic(&self) -> Option<FileHeader> {
        match self.format {
            Format::Pcap(header) => Some(header),
            Format::PcapNg { .. } => None,
        }
    }

    /// Position of the record or block that could not be read.
    pub(crate) fn damage(&self, reason: String) -> CaptureDamage {
        CaptureDamage {
            offset: self.start,
            packet: self.packets + 1,
            reason,
        }
    }

    /// The next packet; `None` at the end of the input.
    pub(crate) fn next(&mut self) -> Result<Option<Packet<'_>>, Stop> {
        self.start = self.window.offset();
        let (head, big_endian, is_long) = match self.format {
            Format::Pcap(header) => match self.next_record(&header)? {
                Some(head) => (head, header.big_endian, false),
                None => return Ok(None),
            },
            Format::PcapNg { .. } => match self.next_packet_block()? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let is_first = self.packets == 0;
        self.packets += 1;
        let is_only_link_type = match &self.format {
            Format::Pcap(_) => true,
            Format::PcapNg { interfaces, .. } => {
                is_first
                    && interfaces
                        .iter()
                        .all(|each| each.link_type == head.link_type)
            }
        };
        let range = head.at..head.at + head.captured as usize;
        let data = match is_long {
            false => self.window.bytes(range),
            true => self.long_body.get(range).unwrap_or_default(),
        };
        Ok(Some(Packet {
            link_type: head.link_type,
            fields: Fields { data, big_endian },
            time: head.time,
            wire: head.wire.max(head.captured),
            fcs: head.fcs,
            is_only_link_type,
        }))
    }

    /// The packet's place is one in the window's buffer.
    fn next_record(&mut self, header: &FileHeader) -> Result<Option<PacketHead>, Stop> {
        let size = if header.modified { 24 } else { 16 };
        let data = self.window.at_least(size)?;
        if data.is_empty() {
            return Ok(None);
        }
        if data.len() < size {
            return damage("the capture ends inside a record header");
        }
        let fields = Fields {
            data,
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
            // Early releases stored the two lengths in reverse order.
            (captured, wire) = (wire, captured);
        }
        if captured > MAX_PACKET {
            return damage(format!("a record claims {captured} bytes"));
        }
        let whole = size + captured as usize;
        if self.window.at_least(whole)?.len() < whole {
            return damage("the capture ends inside a packet");
        }
        let at = self.window.position() + size;
        self.window.consume(whole);
        Ok(Some(PacketHead {
            link_type: header.link_type(),
            time: i64::from(seconds) * NANOS + i64::from(fraction) * header.unit(),
            at,
            captured,
            wire,
            fcs: header.fcs(),
        }))
    }

    /// Reads blocks up to the next packet: the packet, the byte order, and whether its bytes are in
    /// `long_body` rather than in the window.
    fn next_packet_block(&mut self) -> Result<Option<(PacketHead, bool, bool)>, Stop> {
        loop {
            let Some(block) = self.block_header()? else {
                return Ok(None);
            };
            let Block {
                kind,
                body,
                big_endian,
                ..
            } = block;
            if !matches!(kind, 1 | 2 | 3 | 6) {
                if self.window.skip(body)? < body {
                    return damage("the capture ends inside a block");
                }
                self.block_trailer(&block)?;
                continue;
            }
            let kept = body.min(MAX_BODY as u64) as usize;
            let data = self.window.at_least(kept)?;
            let Some(data) = data.get(..kept) else {
                return damage("the capture ends inside a block");
            };
            let fields = Fields { data, big_endian };
            let Format::PcapNg { interfaces, .. } = &mut self.format else {
                return Ok(None);
            };
            if kind == 1 {
                let interface = Interface::parse(fields);
                self.end_block(kept, &block)?;
                let Some(interface) = interface else {
                    return damage("an interface block is too short");
                };
                let Format::PcapNg { interfaces, .. } = &mut self.format else {
                    return Ok(None);
                };
                if interfaces.len() == MAX_INTERFACES {
                    return damage("too many interfaces");
                }
                interfaces.push(interface);
                continue;
            }
            let packet = block_packet(kind, fields, body, interfaces);
            let is_long = body > kept as u64;
            if is_long {
                self.long_body.clear();
                self.long_body.extend_from_slice(data);
            }
            let base = self.end_block(kept, &block)?;
            let Some(mut packet) = packet else {
                return damage("a packet block is too short or names no interface");
            };
            if !is_long {
                packet.at += base;
            }
            return Ok(Some((packet, big_endian, is_long)));
        }
    }

    /// Reads the header of a block; `None` at the end.
    fn block_header(&mut self) -> Result<Option<Block>, Stop> {
        self.start = self.window.offset();
        let Format::PcapNg {
            big_endian,
            interfaces,
        } = &mut self.format
        else {
            return Ok(None);
        };
        let head = self.window.at_least(8)?;
        if head.is_empty() {
            return Ok(None);
        }
        if head.len() < 8 {
            return damage("the capture ends inside a block header");
        }
        let mut length = 8;
        if head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            length = 12;
            *big_endian = match self.window.at_least(12)?.get(8..12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
                _ => return damage("a section header without byte order"),
            };
            interfaces.clear();
        }
        let fields = Fields {
            data: self.window.at_least(length)?,
            big_endian: *big_endian,
        };
        let (kind, total) = (fields.u32(0).unwrap_or(0), fields.u32(4).unwrap_or(0));
        let big_endian = *big_endian;
        match u64::from(total).checked_sub(length as u64 + 4) {
            Some(body) if total % 4 == 0 => {
                self.window.consume(length);
                Ok(Some(Block {
                    kind,
                    body,
                    total,
                    big_endian,
                }))
            }
            _ => damage(format!("a block claims {total} bytes")),
        }
    }

    /// Reads the rest of a block of which `kept` bytes have been looked at. Returns where in the
    /// window's buffer the body is, if all of it was kept.
    fn end_block(&mut self, kept: usize, block: &Block) -> Result<usize, Stop> {
        if block.body > kept as u64 {
            if self.window.skip(block.body)? < block.body {
                return damage("the capture ends inside a block");
            }
            self.block_trailer(block)?;
            return Ok(0);
        }
        // Getting the trailer may move the body.
        if self.window.at_least(kept + 4)?.len() < kept + 4 {
            return damage("the capture ends inside a block");
        }
        let at = self.window.position();
        self.window.consume(kept);
        self.block_trailer(block)?;
        Ok(at)
    }

    /// Reads the second length of a block, which has to equal the first.
    fn block_trailer(&mut self, block: &Block) -> Result<(), Stop> {
        let fields = Fields {
            data: self.window.at_least(4)?,
            big_endian: block.big_endian,
        };
        match fields.u32(0) {
            None => damage("the capture ends inside a block"),
            Some(total) if total != block.total => damage("the two lengths of a block differ"),
            Some(_) => {
                self.window.consume(4);
                Ok(())
            }
        }
    }
}
