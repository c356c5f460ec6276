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
        let mut interface = Self {
            link_type: fields.u16(0)?,
            snap_length: fields.u32(4)?,
            resolution: 6,
            offset: 0,
            fcs: 0,
        };
        // The first usable one of each kind counts.
        let (mut fcs, mut resolution, mut offset) = (None, None, None);
        for (code, value) in options(fields, 8) {
            match code {
                9 if resolution.is_none() => resolution = value.data.first().copied(),
                13 if fcs.is_none() => fcs = value.data.first().copied(),
                14 if offset.is_none() => offset = value.i64(0),
                _ => {}
            }
        }
        if let Some(resolution) = resolution {
            interface.resolution = resolution;
        }
        interface.offset = offset.unwrap_or(0);
        // Writers disagree whether this counts bits or bytes.
        let fcs = u32::from(fcs.unwrap_or(0));
        interface.fcs = if fcs < 8 { fcs } else { fcs / 8 }.min(4);
        Some(interface)
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
        // Such a block has no time stamp; capture libraries use 1970 too.
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
        let at_options = at + captured.next_multiple_of(4) as usize;
        let flags = options(fields, at_options)
            .find(|&(code, _)| code == 2)
            .and_then(|(_, value)| value.u32(0));
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

/// Codes and values of the options in the list at `at`, up to its end or a value that is cut off. Each
/// option takes four bytes or more, so the work is linear in the bytes of the block.
fn options(fields: Fields<'_>, mut at: usize) -> impl Iterator<Item = (u16, Fields<'_>)> {
    std::iter::from_fn(move || {
        let (code, length) = (fields.u16(at)?, usize::from(fields.u16(at + 2)?));
        if code == 0 {
            return None;
        }
        let data = fields.data.get(at + 4..at + 4 + length)?;
        at += 4 + length.next_multiple_of(4);
        Some((code, Fields { data, ..fields }))
    })
}
