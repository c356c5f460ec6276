//! The interface and packet blocks of pcapng.

use crate::convert::capture::format::{Fields, MAX_PACKET, NANOS, PacketHead};

/// An interface of a section.
pub(crate) struct Interface {
    pub(crate) link_type: u16,
    snap_length: u32,
    /// `if_tsresol`: negative power of 10, or of 2 with the top bit set.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset: i64,
    fcs: u32,
}

impl Interface {
    /// Parses the body of an interface block; `None` if it is too short.
    pub(crate) fn parse(fields: Fields<'_>) -> Option<Self> {
        let byte = |code| option(fields, 8, code)?.data.first().copied();
        let fcs = u32::from(byte(13).unwrap_or(0));
        Some(Self {
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

    /// Nanoseconds since 1970. Some writers store times before 1970 as negative numbers, although
    /// ticks have no sign; a time far out of range that can be negative is therefore read as such.
    #[inline]
    fn time(&self, ticks: u64) -> i64 {
        const LIMIT: i128 = (1 << 32) * NANOS as i128;
        if self.resolution == 6 && self.offset == 0 && ticks < 1 << 52 {
            return ticks as i64 * 1000;
        }
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

/// The packet of an enhanced (6), simple (3) or obsolete (2) packet block of `body` bytes, of which
/// `fields` holds the kept ones. The packet's position is one in the body.
pub(crate) fn block_packet(
    kind: u32,
    fields: Fields<'_>,
    body: u64,
    interfaces: &[Interface],
) -> Option<PacketHead> {
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
        // Such a block has no time stamp; capture libraries use 1970 as well.
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
    let mut fcs = interface.fcs;
    if kind == 6 {
        // Bits 5 to 8 of the flags are the length for this packet, 0 for unknown.
        let options = at + captured.next_multiple_of(4) as usize;
        let flags = option(fields, options, 2).and_then(|value| value.u32(0));
        match flags.map_or(0, |flags| flags >> 5 & 0xf) {
            0 => {}
            length => fcs = length.min(4),
        }
    }
    Some(PacketHead {
        link_type: interface.link_type,
        time,
        at,
        captured,
        wire,
        fcs,
    })
}

/// The value of the first option `wanted` in the list at `at`. Each option moves `at` by four bytes
/// or more, so the work is linear in the bytes of the block.
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
