//! Link headers: every supported one becomes an Ethernet header, and the tag types that nfpcapd
//! does not follow become those it does.
//!
//! A link layer without addresses gets zero addresses, for which nfpcapd stores none. Nothing here
//! looks behind the link header and its VLAN tags.

use crate::convert::capture::read::{Fields, HEADROOM, Packet};

/// Ethernet.
pub(crate) const ETHERNET: u16 = 1;
/// OpenBSD packet filter log.
pub(crate) const PFLOG: u16 = 117;
/// Length of the pflog header that nfpcapd reads.
const PFLOG_HEADER: u8 = 100;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
/// The smallest Ethernet type; below are lengths and the pseudo protocols of Linux.
const FIRST_TYPE: u16 = 0x0600;

/// What is inside a link header.
struct Inner {
    /// Bytes in front of it.
    skip: usize,
    /// Its length on the wire.
    wire: u32,
    ethertype: u16,
    /// Destination and source address.
    addresses: [u8; 12],
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The packet is an Ethernet frame now.
    Ethernet,
    /// The link type is not supported.
    Unsupported,
    /// There is no network packet in it that could be carried in Ethernet.
    NoPayload,
}

/// A short name of a supported or otherwise common link type.
pub fn name(link_type: u16) -> Option<&'static str> {
    Some(match link_type {
        0 => "BSD loopback",
        ETHERNET => "Ethernet",
        9 => "PPP",
        12 | 14 | 101 => "raw IP",
        50 => "PPP in HDLC framing",
        51 => "PPPoE",
        104 => "Cisco HDLC",
        105 => "802.11",
        108 => "OpenBSD loopback",
        113 => "Linux cooked",
        PFLOG => "pflog",
        127 => "802.11 with radiotap",
        147..=162 => "private use",
        189 | 220 | 249 => "USB",
        195 | 215 | 230 | 283 => "802.15.4",
        187 | 201 | 251 | 256 => "Bluetooth",
        227 => "CAN",
        228 => "raw IPv4",
        229 => "raw IPv6",
        239 => "NFLOG",
        247 => "InfiniBand",
        253 => "netlink",
        276 => "Linux cooked v2",
        _ => return None,
    })
}

/// Makes `packet`, whose bytes are in `buffer`, an Ethernet frame with known tags.
pub(crate) fn to_ethernet(packet: &mut Packet, buffer: &mut [u8]) -> Outcome {
    if packet.link_type != ETHERNET {
        let fields = Fields {
            data: buffer.get(packet.range.clone()).unwrap_or_default(),
            big_endian: packet.big_endian,
        };
        let inner = match look_inside(packet.link_type, fields, packet.wire) {
            Ok(Some(inner)) => inner,
            Ok(None) => return Outcome::NoPayload,
            Err(Unsupported) => return Outcome::Unsupported,
        };
        let payload = packet.range.start + inner.skip;
        let Some(header) = (payload.checked_sub(14))
            .and_then(|start| buffer.get_mut(start..payload)?.first_chunk_mut::<14>())
        else {
            return Outcome::NoPayload;
        };
        let (addresses, ethertype) = header.split_at_mut(12);
        addresses.copy_from_slice(&inner.addresses);
        ethertype.copy_from_slice(&inner.ethertype.to_be_bytes());
        let captured = (packet.range.end - payload).min(inner.wire as usize);
        packet.cut = captured < inner.wire as usize;
        packet.range = payload - 14..payload + captured;
        packet.wire = inner.wire.saturating_add(14);
        packet.link_type = ETHERNET;
    }
    let frame = buffer.get_mut(packet.range.clone()).unwrap_or_default();
    let mut at = 12;
    while let Some(place) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        let Some(known) = known_type(u16::from_be_bytes(*place)) else {
            break;
        };
        *place = known.to_be_bytes();
        if known != VLAN {
            break;
        }
        at += 4;
    }
    Outcome::Ethernet
}

/// The type that nfpcapd follows in place of one of the same meaning, which it does not; `None`
/// for anything but tags and labels.
fn known_type(ethertype: u16) -> Option<u16> {
    match ethertype {
        VLAN | 0x88a8 | 0x9100 | 0x9200 => Some(VLAN),
        MPLS | MPLS_MULTICAST => Some(MPLS),
        _ => None,
    }
}

/// The first type in the tags of an Ethernet frame that [`to_ethernet`] would replace.
pub(crate) fn unknown_tag(frame: &[u8]) -> Option<u16> {
    let mut at = 12;
    loop {
        let ethertype = u16::from_be_bytes(*frame.get(at..)?.first_chunk()?);
        match known_type(ethertype)? {
            known if known != ethertype => return Some(ethertype),
            VLAN => at += 4,
            _ => return None,
        }
    }
}

/// Whether a pflog packet has the header that nfpcapd reads itself.
pub(crate) fn is_current_pflog(data: &[u8]) -> bool {
    data.first() == Some(&PFLOG_HEADER)
}

struct Unsupported;

fn look_inside(
    link_type: u16,
    fields: Fields<'_>,
    wire: u32,
) -> Result<Option<Inner>, Unsupported> {
    let data = fields.data;
    // Where the network packet begins, and its type.
    let place = match link_type {
        0 => family(data),
        9 | 50 => ppp(data),
        12 | 14 | 101 => ip_version(data).map(|ethertype| (0, ethertype)),
        51 => Some((0, PPPOE_SESSION)),
        104 => cisco_hdlc(data),
        108 => family(data),
        113 => cooked(data, 2, 14, 16),
        PFLOG => pflog(data),
        228 => Some((0, IPV4)),
        229 => Some((0, IPV6)),
        276 => cooked(data, 8, 0, 20),
        105 => return Ok(wifi(data, 0, wire, false)),
        127 => return Ok(radiotap(data, wire)),
        239 => return Ok(nflog(fields)),
        _ => return Err(Unsupported),
    };
    Ok(place.and_then(|(skip, ethertype)| {
        Some(Inner {
            skip: (skip < data.len()).then_some(skip)?,
            wire: wire.checked_sub(skip as u32)?,
            ethertype,
            addresses: [0; 12],
        })
    }))
}

fn big_u16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn ip_version(packet: &[u8]) -> Option<u16> {
    match packet.first()? >> 4 {
        4 => Some(IPV4),
        6 => Some(IPV6),
        _ => None,
    }
}

/// The type for an address family; that of IPv6 depends on the system.
fn family_type(family: u32) -> Option<u16> {
    match family {
        2 => Some(IPV4),
        10 | 24 | 28 | 30 => Some(IPV6),
        _ => None,
    }
}

/// BSD loopback: the family in the byte order of a host that is not known (0), or big-endian (108).
fn family(data: &[u8]) -> Option<(usize, u16)> {
    let family = *data.first_chunk()?;
    let number = u32::from_le_bytes(family).min(u32::from_be_bytes(family));
    Some((4, family_type(number)?))
}

fn ppp(data: &[u8]) -> Option<(usize, u16)> {
    let start = match *data {
        [0xff, 0x03, ..] => 2,
        [0x0f | 0x8f, 0x00, ..] => return cisco_hdlc(data),
        _ => 0,
    };
    // An odd first byte is a protocol number compressed to one byte.
    let first = *data.get(start)?;
    let (protocol, length) = match first & 1 {
        1 => (u16::from(first), 1),
        _ => (big_u16(data, start)?, 2),
    };
    let ethertype = match protocol {
        0x0021 => IPV4,
        0x0057 => IPV6,
        0x0281 | 0x0283 => MPLS,
        _ => return None,
    };
    Some((start + length, ethertype))
}

fn cisco_hdlc(data: &[u8]) -> Option<(usize, u16)> {
    Some((4, ethertype(data, 2)?))
}

fn ethertype(data: &[u8], at: usize) -> Option<u16> {
    big_u16(data, at).filter(|&ethertype| ethertype >= FIRST_TYPE)
}

/// Linux cooked capture: the hardware type says whether the protocol is an Ethernet type.
fn cooked(data: &[u8], hardware: usize, protocol: usize, length: usize) -> Option<(usize, u16)> {
    match big_u16(data, hardware)? {
        // Frame relay, radiotap and netlink use the field otherwise.
        770 | 803 | 824 => None,
        _ => Some((length, ethertype(data, protocol)?)),
    }
}

/// Packet filter log; the header length it states is without the padding to four bytes.
fn pflog(data: &[u8]) -> Option<(usize, u16)> {
    let length = usize::from(*data.first()?).next_multiple_of(4);
    Some((length, family_type(u32::from(*data.get(1)?))?))
}

/// Netfilter log: type-length-value fields, one of which is the packet.
fn nflog(fields: Fields<'_>) -> Option<Inner> {
    const PAYLOAD: u16 = 9;
    if *fields.data.get(1)? != 0 {
        return None;
    }
    let mut at = 4;
    loop {
        let length = fields.u16(at)?;
        let size = length.checked_sub(4)?;
        if fields.u16(at + 2)? & 0x7fff == PAYLOAD {
            return Some(Inner {
                skip: at + 4,
                wire: size.into(),
                ethertype: ip_version(fields.data.get(at + 4..)?)?,
                addresses: [0; 12],
            });
        }
        at += usize::from(length).next_multiple_of(4);
    }
}

/// Radiotap in front of 802.11. Of its fields only the flags matter: they tell of a frame check
/// sequence at the end and of padding behind the 802.11 header.
fn radiotap(data: &[u8], wire: u32) -> Option<Inner> {
    let word = |at: usize| Some(u32::from_le_bytes(*data.get(at..)?.first_chunk()?));
    let length = usize::from(u16::from_le_bytes(*data.get(2..)?.first_chunk()?));
    if *data.first()? != 0 || length < 8 {
        return None;
    }
    let present = word(4)?;
    let mut at = 8;
    let mut last = present;
    while last & 1 << 31 != 0 {
        last = word(at)?;
        at += 4;
    }
    if present & 1 != 0 {
        // The time stamp, aligned to its 8 bytes.
        at = at.next_multiple_of(8) + 8;
    }
    let flags = match present & 2 {
        0 => 0,
        _ => *data.get(at)?,
    };
    let fcs = if flags & 0x10 != 0 { 4 } else { 0 };
    wifi(data, length, wire.checked_sub(fcs)?, flags & 0x20 != 0)
}

/// An 802.11 data frame at `start` that carries an Ethernet type. Protected frames, fragments and
/// aggregates are none.
fn wifi(data: &[u8], start: usize, wire: u32, padded: bool) -> Option<Inner> {
    let frame = data.get(start..)?;
    let (&kind, &flags) = (frame.first()?, frame.get(1)?);
    let (to_ds, from_ds) = (flags & 1 != 0, flags & 2 != 0);
    let is_fragment = flags & 4 != 0 || frame.get(22)? & 0x0f != 0;
    // Version 0, type data, with payload, not protected.
    if kind & 0x4f != 0x08 || flags & 0x40 != 0 || is_fragment {
        return None;
    }
    let (destination, source, mut length) = match (to_ds, from_ds) {
        (false, false) => (4, 10, 24),
        (false, true) => (4, 16, 24),
        (true, false) => (16, 10, 24),
        (true, true) => (16, 24, 30),
    };
    if kind & 0x80 != 0 {
        if frame.get(length)? & 0x80 != 0 {
            return None;
        }
        length += 2;
        if flags & 0x80 != 0 {
            length += 4;
        }
    }
    if padded {
        length = length.next_multiple_of(4);
    }
    match *frame.get(length..length + 6)? {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8] => {}
        _ => return None,
    }
    let mut addresses = [0; 12];
    let (to, from) = addresses.split_at_mut(6);
    to.copy_from_slice(frame.get(destination..destination + 6)?);
    from.copy_from_slice(frame.get(source..source + 6)?);
    let skip = start + length + 8;
    Some(Inner {
        skip: (skip < data.len()).then_some(skip)?,
        wire: wire.checked_sub(skip as u32)?,
        ethertype: ethertype(frame, length + 6)?,
        addresses,
    })
}

// An Ethernet header fits in front of a packet that has no link header of its own.
const _: () = assert!(HEADROOM >= 14);
