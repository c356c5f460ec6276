//! The rewriting pass: any supported capture in, the normal form out.
//!
//! One pass over a source that need not be seekable, memory bounded by one packet and the windows
//! of the decompressors. What cannot be carried over is counted, never dropped silently.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use crate::convert::capture::error::{CaptureError, Damage};
use crate::convert::capture::link;
use crate::convert::capture::link::Outcome;
use crate::convert::capture::read::{Packet, Reader, Stop};
use crate::convert::capture::source::{Input, Meter};
use crate::convert::capture::write::Writer;

const NANOS: i64 = 1_000_000_000;

/// What [`normalize()`] did.
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
    /// Packets cut by the snap length and filled up with zero bytes.
    pub cut: u64,
    /// Bytes taken from the source, before decompression.
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
    pub damage: Option<Damage>,
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
/// taken from the source so far, and stops the pass by returning `Break`.
///
/// Cut packets are filled up to their length on the wire, so the output can be much larger than the
/// input: up to [`MAX_PACKET`](super::MAX_PACKET) for every packet.
///
/// # Errors
/// Any [`CaptureError`]. `out` is then incomplete and for the caller to remove. A capture that
/// breaks off after its header is no error: see [`Normalized::damage`].
pub fn normalize(
    source: impl Read,
    out: &Path,
    observer: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Normalized, CaptureError> {
    let meter = Meter::new(observer);
    let input = Input::open(source, &meter)?;
    let mut reader = match Reader::open(input) {
        Ok(reader) => reader?,
        Err(error) => {
            let reason = meter.explain(&error)?;
            return Err(CaptureError::Damaged { reason });
        }
    };
    let mut pass = Pass {
        writer: Writer::create(out)?,
        is_begun: false,
        left_out: BTreeMap::new(),
        done: Normalized {
            link_type: link::ETHERNET,
            ..Normalized::default()
        },
    };
    loop {
        let reason = match reader.next() {
            Ok(Some(packet)) => {
                let before = pass.writer.bytes();
                pass.packet(packet, &mut reader)?;
                // A few bytes of cut packets can become many of zeros: the observer can stop that.
                match meter.work((pass.writer.bytes() - before) as usize) {
                    Ok(()) => continue,
                    Err(error) => meter.explain(&error)?,
                }
            }
            Ok(None) => break,
            Err(Stop::Damage(reason)) => reason,
            Err(Stop::Read(error)) => meter.explain(&error)?,
        };
        let damage = reader.damage(reason);
        if damage.offset == 0 {
            // The first block of pcapng, without which nothing is known.
            let reason = damage.reason;
            return Err(CaptureError::Damaged { reason });
        }
        pass.done.damage = Some(damage);
        break;
    }
    pass.done.packets_read = reader.packets();
    pass.done.bytes_in = meter.taken();
    pass.finish()
}

struct Pass {
    writer: Writer,
    is_begun: bool,
    left_out: BTreeMap<u16, u64>,
    done: Normalized,
}

impl Pass {
    fn packet(&mut self, mut packet: Packet, reader: &mut Reader<'_>) -> Result<(), CaptureError> {
        if !self.is_begun {
            self.is_begun = true;
            let data = reader.buffer().get(packet.range.clone());
            if packet.link_type == link::PFLOG
                && data.is_some_and(link::is_current_pflog)
                && reader.only_link_type(link::PFLOG)
            {
                self.done.link_type = link::PFLOG;
            }
            self.writer.header(self.done.link_type)?;
        }
        let outcome = if self.done.link_type == link::ETHERNET {
            link::to_ethernet(&mut packet, reader.buffer())
        } else if packet.link_type == self.done.link_type {
            Outcome::Ethernet
        } else {
            Outcome::Unsupported
        };
        match outcome {
            Outcome::Ethernet => {
                let time = self.time(packet.time);
                self.done.cut += u64::from(packet.cut);
                self.done.packets_written += 1;
                let data = reader.buffer().get(packet.range).unwrap_or_default();
                self.writer.packet(time, data, packet.wire)?;
            }
            Outcome::Unsupported => *self.left_out.entry(packet.link_type).or_default() += 1,
            Outcome::NoPayload => self.done.without_payload += 1,
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
            self.writer.header(self.done.link_type)?;
        }
        let mut done = self.done;
        done.left_out = self.left_out.into_iter().collect();
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
