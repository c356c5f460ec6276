//! The rewriting pass: any supported capture in, the normal form out.
//!
//! One pass over a source that need not be seekable, memory bounded by a few buffers and the windows
//! of the decompressors. What cannot be carried over is counted, never dropped silently.
//!
//! Compressed input is decompressed on a thread of its own and the output written by another. Records
//! of a classic Ethernet capture are changed in the buffer that they were read into and written from
//! there; the first one that needs more than that ends this, and packets are copied from then on.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use crate::convert::capture::error::{CaptureDamage, CaptureError};
use crate::convert::capture::format::{Fields, FileHeader, MAX_PACKET, NANOS};
use crate::convert::capture::input::{Chunks, Fault, Meter};
use crate::convert::capture::link::{self, Rejection};
use crate::convert::capture::link_types::{ETHERNET, PFLOG};
use crate::convert::capture::packets::{Packet, PacketReader, Stop};
use crate::convert::capture::window::Window;
use crate::convert::capture::write::{CaptureWriter, RECORD, record_header};

/// Account of a rewritten capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Normalized {
    /// Packets in the input, up to damage.
    pub packets_read: u64,
    /// Packets in the output. The difference to `packets_read` is the sum of `left_out` and
    /// `without_payload`.
    pub packets_written: u64,
    /// Packets left out for their link type: the type and their number, in ascending order.
    pub left_out: Vec<(u16, u64)>,
    /// Packets of supported link types without a network packet that can be carried over: 802.11
    /// management, protected or aggregated frames, PPP control, unknown loopback families.
    pub without_payload: u64,
    /// The same by what the packets are, as a phrase in the plural, in alphabetical order.
    pub contents: Vec<(&'static str, u64)>,
    /// Packets cut by the snap length and filled up with zero bytes.
    pub cut: u64,
    /// Bytes read from the source, before decompression.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Link type of the output: 1 (Ethernet) or 117 (pflog).
    pub link_type: u16,
    /// The earliest time stamp written, in nanoseconds since 1970; `None` without packets.
    pub earliest: Option<u64>,
    /// The latest time stamp written.
    pub latest: Option<u64>,
    /// Packets at or after 2^31 seconds (January 2038), which some releases of nfpcapd misread.
    pub y2038: u64,
    /// Packets before 1970 or after 2^32 seconds (February 2106), set to that limit.
    pub clamped: u64,
    /// Why reading ended before the end of the input.
    pub damage: Option<CaptureDamage>,
}

/// Rewrites the capture `source` into the file `out`, which is created or emptied.
///
/// The source may be classic pcap (micro- or nanoseconds, "modified", either byte order) or pcapng,
/// plain or compressed with gzip or zstd. The output has Ethernet frames; only a capture of nothing
/// but pflog packets with 100-byte headers keeps its link type, because nfpcapd makes records of
/// their own from it. In a pcapng file that decision is made at the first packet; packets from an
/// interface that is declared later and is not pflog are then left out.
///
/// `observer` is called at least every MiB of input, decompressed data or output with the bytes
/// read from the source so far, and stops the pass by returning `Break`.
///
/// Cut packets are filled up to their length on the wire, so the output can be much larger than the
/// input: up to [`MAX_PACKET`](super::MAX_PACKET) for every packet.
///
/// # Errors
/// Any [`CaptureError`]. `out` is then incomplete and for the caller to remove. A capture that
/// breaks off after its header is no error: see [`Normalized::damage`].
pub fn normalize(
    source: impl Read + Send,
    out: &Path,
    observer: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Normalized, CaptureError> {
    thread::scope(|scope| {
        let chunks = Chunks::decompressed(scope, source, Meter::new(observer))?;
        let mut reader = PacketReader::open(Window::new(chunks))?;
        let mut pass = Pass {
            writer: CaptureWriter::create(scope, out)?,
            is_begun: false,
            left_out: BTreeMap::new(),
            contents: BTreeMap::new(),
            done: Normalized {
                link_type: ETHERNET,
                ..Normalized::default()
            },
        };
        pass.run(&mut reader)?;
        pass.done.packets_read = reader.packets;
        pass.done.bytes_in = reader.window.meter().taken();
        pass.finish()
    })
}

struct Pass<'scope> {
    writer: CaptureWriter<'scope>,
    is_begun: bool,
    left_out: BTreeMap<u16, u64>,
    contents: BTreeMap<&'static str, u64>,
    done: Normalized,
}

impl Pass<'_> {
    fn run(&mut self, reader: &mut PacketReader<'_, '_>) -> Result<(), CaptureError> {
        if let Some(header) = reader.classic().filter(can_be_changed_in_place) {
            self.begin(ETHERNET)?;
            self.change_in_place(&header, reader)?;
        }
        loop {
            let before = self.writer.bytes();
            let reason = match reader.next() {
                Ok(Some(packet)) => {
                    self.packet(&packet)?;
                    // A few bytes of cut packets can become many of zeros: the observer can stop that.
                    let written = (self.writer.bytes() - before) as usize;
                    match reader.window.meter().work(written) {
                        Ok(()) => continue,
                        Err(fault) => fault.explain()?,
                    }
                }
                Ok(None) => return Ok(()),
                Err(Stop::Damage(reason)) => reason,
                Err(Stop::Fault(fault)) => fault.explain()?,
            };
            let damage = reader.damage(reason);
            if damage.offset == 0 {
                // The first block of pcapng, without which nothing is known.
                let reason = damage.reason;
                return Err(CaptureError::Damaged { reason });
            }
            self.done.damage = Some(damage);
            return Ok(());
        }
    }

    fn begin(&mut self, link_type: u16) -> Result<(), CaptureError> {
        self.is_begun = true;
        self.done.link_type = link_type;
        self.writer.header(link_type)
    }

    /// Changes records in the window, chunk by chunk, up to the first that needs more than that.
    fn change_in_place(
        &mut self,
        header: &FileHeader,
        reader: &mut PacketReader<'_, '_>,
    ) -> Result<(), CaptureError> {
        let pool = reader.window.pool();
        loop {
            let from = reader.window.position();
            let (length, is_whole) = self.change_records(header, reader);
            reader.window.consume(length);
            let range = from..from + length;
            let next = if is_whole {
                reader.window.advance()
            } else {
                None
            };
            let Some(buffer) = next else {
                return self.writer.copy_of(reader.window.bytes(range));
            };
            self.writer.records(buffer, range, &pool)?;
            match reader.window.meter().work(length) {
                Ok(()) => {}
                Err(Fault::Cancelled) => return Err(CaptureError::Cancelled),
                // Reading reports any other fault at its place.
                Err(_) => return Ok(()),
            }
        }
    }

    /// Changes the records that are in the window: their length, and whether the record after them is
    /// one that can be changed in place once all of it is there.
    fn change_records(
        &mut self,
        header: &FileHeader,
        reader: &mut PacketReader<'_, '_>,
    ) -> (usize, bool) {
        let data = reader.window.available();
        let mut at = 0;
        loop {
            let Some(record) = data.get_mut(at..at + RECORD) else {
                return (at, true);
            };
            let fields = Fields {
                data: record,
                big_endian: header.big_endian,
            };
            let number = |at| fields.u32(at).unwrap_or(0);
            let (seconds, fraction, length) = (number(0), number(4), number(8));
            let is_empty = seconds | fraction | length == 0;
            if length != number(12) || length > MAX_PACKET || is_empty {
                return (at, false);
            }
            let start = at + RECORD;
            let end = start + length as usize;
            let Some(frame) = data.get_mut(start..end) else {
                return (at, true);
            };
            link::follow_tags(frame);
            let nanos = i64::from(seconds) * NANOS + i64::from(fraction) * header.unit();
            let time = self.time(nanos);
            if let Some(record) = data.get_mut(at..start) {
                record.copy_from_slice(&record_header(time, length));
            }
            reader.packets += 1;
            self.done.packets_written += 1;
            at = end;
        }
    }

    fn packet(&mut self, packet: &Packet<'_>) -> Result<(), CaptureError> {
        if !self.is_begun {
            let is_pflog = packet.link_type == PFLOG
                && packet.is_only_link_type
                && link::is_current_pflog(packet.fields.data);
            self.begin(if is_pflog { PFLOG } else { ETHERNET })?;
        }
        let fcs = packet.fcs;
        let frame = if self.done.link_type == ETHERNET {
            link::to_ethernet(packet.link_type, packet.fields, packet.wire, fcs)
        } else if packet.link_type == self.done.link_type {
            let wire = packet.wire.saturating_sub(fcs);
            Ok(link::unchanged(packet.fields.data, wire))
        } else {
            Err(Rejection::LinkType)
        };
        match frame {
            Ok(frame) => {
                let time = self.time(packet.time);
                self.done.cut += u64::from(frame.is_cut);
                self.done.packets_written += 1;
                self.writer
                    .packet(time, frame.header(), frame.data, frame.wire)?;
            }
            Err(Rejection::LinkType) => *self.left_out.entry(packet.link_type).or_default() += 1,
            Err(Rejection::NoNetworkPacket(contents)) => {
                self.done.without_payload += 1;
                *self.contents.entry(contents).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Brings a time stamp into the range of the output, as seconds and microseconds.
    fn time(&mut self, nanos: i64) -> (u32, u32) {
        let kept = nanos.clamp(0, (1 << 32) * NANOS - 1);
        let done = &mut self.done;
        done.clamped += u64::from(kept != nanos);
        done.y2038 += u64::from(kept >= (1 << 31) * NANOS);
        // Not negative after the clamp.
        let stamp = kept as u64;
        done.earliest = Some(done.earliest.map_or(stamp, |earliest| earliest.min(stamp)));
        done.latest = Some(done.latest.map_or(stamp, |latest| latest.max(stamp)));
        let (seconds, rest) = (kept / NANOS, kept % NANOS);
        (seconds as u32, (rest / 1000) as u32)
    }

    fn finish(mut self) -> Result<Normalized, CaptureError> {
        if !self.is_begun {
            self.begin(self.done.link_type)?;
        }
        let mut done = self.done;
        done.left_out = self.left_out.into_iter().collect();
        done.contents = self.contents.into_iter().collect();
        if done.packets_written == 0 && done.without_payload == 0 && !done.left_out.is_empty() {
            return Err(CaptureError::Unsupported {
                link_types: done.left_out,
            });
        }
        done.bytes_out = self.writer.bytes();
        self.writer.finish()?;
        Ok(done)
    }
}

/// Whether records of the normal form can come out of this capture by changes in place.
fn can_be_changed_in_place(header: &FileHeader) -> bool {
    !header.modified
        && header.version >= (2, 4)
        && header.link_type() == ETHERNET
        && header.fcs() == 0
}
