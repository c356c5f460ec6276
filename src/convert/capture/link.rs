//! Link headers: every supported one becomes an Ethernet header, and the tag types that nfpcapd
//! does not follow become those it does.
//!
//! A link layer without addresses gets zero addresses, for which nfpcapd stores none. Behind the link
//! header and its tags only the length in the IP header is looked at, and only where the capture
//! claims a frame check sequence.

use crate::convert::capture::format::Fields;
use crate::convert::capture::link_types::{ETHERNET, PFLOG};

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
/// Length of an Ethernet header.
const HEADER: usize = 14;

/// What is inside a link header.
struct Inner {
    /// Bytes in front of it.
    skip: usize,
    /// Its length on the wire.
    wire: u32,
    /// Bytes after `wire` that are a frame check sequence, or are claimed to be one.
    fcs: u32,
    ethertype: u16,
    /// Destination and source address.
    addresses: [u8; 12],
}

/// A packet as an Ethernet frame.
pub(crate) struct Frame<'p> {
    /// The new header; empty if the packet has its own.
    header: [u8; HEADER],
    has_header: bool,
    /// The bytes after `header`.
    pub(crate) data: &'p [u8],
    /// Length on the wire with the header.
    pub(crate) wire: u32,
    /// The capture does not hold all of it.
    pub(crate) is_cut: bool,
}

impl Frame<'_> {
    pub(crate) fn header(&self) -> &[u8] {
        if self.has_header { &self.header } else { &[] }
    }
}

/// Why a packet cannot be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The link type is not supported.
    LinkType,
    /// It holds no network packet; the text names what it holds, in the plural.
    NoNetworkPacket(&'static str),
}

/// Makes a packet an Ethernet frame. `wire` is its length with a frame check sequence of `fcs` bytes,
/// which is removed unless the IP packet needs these bytes: some captures claim one but have none.
#[inline]
pub(crate) fn to_ethernet<'p>(
    link_type: u16,
    fields: Fields<'p>,
    wire: u32,
    fcs: u32,
) -> Result<Frame<'p>, Rejection> {
    let without = wire.saturating_sub(fcs);
    if link_type == ETHERNET {
        let mut kept = without;
        if fcs != 0 {
            let ethertype = big_u16(fields.data, 12);
            let inner = fields.data.get(HEADER..).unwrap_or_default();
            let needed = ethertype.and_then(|ethertype| ip_length(ethertype, inner));
            let needed = needed.map_or(0, |needed| needed.saturating_add(HEADER as u32));
            kept = without.max(needed.min(wire));
        }
        return Ok(frame(None, fields.data, kept));
    }
    let stripped = Fields {
        data: fields.data.get(..without as usize).unwrap_or(fields.data),
        ..fields
    };
    let mut inner = look_inside(link_type, stripped, without, fcs)
        .ok_or(Rejection::LinkType)?
        .ok_or_else(|| Rejection::NoNetworkPacket(contents(link_type, stripped.data)))?;
    let data = fields.data.get(inner.skip..).unwrap_or_default();
    if inner.fcs != 0
        && let Some(needed) = ip_length(inner.ethertype, data)
    {
        inner.wire = inner.wire.max(needed.min(inner.wire + inner.fcs));
    }
    let mut header = [0; HEADER];
    let (addresses, ethertype) = header.split_at_mut(12);
    addresses.copy_from_slice(&inner.addresses);
    ethertype.copy_from_slice(&inner.ethertype.to_be_bytes());
    Ok(frame(Some(header), data, inner.wire))
}

/// A packet that keeps its link header, of `wire` bytes.
pub(crate) fn unchanged(data: &[u8], wire: u32) -> Frame<'_> {
    frame(None, data, wire)
}

/// A frame of `wire` bytes after the new header.
fn frame(header: Option<[u8; HEADER]>, data: &[u8], wire: u32) -> Frame<'_> {
    let data = data.get(..wire as usize).unwrap_or(data);
    let added = header.map_or(0, |header| header.len() as u32);
    Frame {
        has_header: header.is_some(),
        header: header.unwrap_or_default(),
        data,
        wire: wire.saturating_add(added),
        is_cut: (data.len() as u64) < u64::from(wire),
    }
}

/// Replaces tag types in an Ethernet frame by those that nfpcapd follows.
#[inline]
pub(crate) fn follow_tags(frame: &mut [u8]) {
    let mut at = 12;
    while let Some(place) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        let Some(known) = known_type(u16::from_be_bytes(*place)) else {
            return;
        };
        *place = known.to_be_bytes();
        if known != VLAN {
            return;
        }
        at += 4;
    }
}

/// Bytes from the Ethernet type on that the IP packet in a frame needs, by its own header.
fn ip_length(mut ethertype: u16, data: &[u8]) -> Option<u32> {
    let mut at = 0;
    loop {
        let byte = |offset: usize| data.get(at + offset).copied();
        let number = |offset: usize| big_u16(data, at + offset).map(u32::from);
        let start = at as u32;
        match (known_type(ethertype).unwrap_or(ethertype), byte(0)? >> 4) {
            (VLAN, _) => {
                ethertype = big_u16(data, at + 2)?;
                at += 4;
            }
            (MPLS, _) => {
                // The last label has the bottom bit; below it the version gives the protocol.
                if byte(2)? & 1 != 0 {
                    ethertype = ip_version(data.get(at + 4..)?)?;
                }
                at += 4;
            }
            (PPPOE_SESSION, _) => return Some(start + 6 + number(4)?),
            (IPV4, 4) => return Some(start + number(2)?),
            (IPV6, 6) => return Some(start + 40 + number(4)?),
            _ => return None,
        }
    }
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
        let ethertype = big_u16(frame, at)?;
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

/// Content of a packet of another link type than Ethernet: the outer `None` means an unsupported
/// link type, the inner one for no network packet.
fn look_inside(link_type: u16, fields: Fields<'_>, wire: u32, fcs: u32) -> Option<Option<Inner>> {
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
        105 => return Some(wifi(data, 0, wire, fcs, false)),
        127 => return Some(radiotap(data, wire, fcs)),
        239 => return Some(nflog(fields)),
        _ => return None,
    };
    Some(place.and_then(|(skip, ethertype)| {
        Some(Inner {
            skip: (skip < data.len()).then_some(skip)?,
            wire: wire.checked_sub(skip as u32)?,
            fcs,
            ethertype,
            addresses: [0; 12],
        })
    }))
}

fn big_u16(data: &[u8], at: usize) -> Option<u16> {
    let big_endian = true;
    Fields { data, big_endian }.u16(at)
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
                fcs: 0,
                ethertype: ip_version(fields.data.get(at + 4..)?)?,
                addresses: [0; 12],
            });
        }
        at += usize::from(length).next_multiple_of(4);
    }
}

/// Radiotap in front of 802.11. Of its fields only the flags matter: they announce a frame check
/// sequence at the end and of padding behind the 802.11 header.
fn radiotap(data: &[u8], wire: u32, outer_fcs: u32) -> Option<Inner> {
    let big_endian = false;
    let word = |at: usize| Fields { data, big_endian }.u32(at);
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
    let padded = flags & 0x20 != 0;
    wifi(
        data,
        length,
        wire.checked_sub(fcs)?,
        outer_fcs + fcs,
        padded,
    )
}

/// An 802.11 data frame at `start` that carries an Ethernet type. Protected frames, fragments and
/// aggregates are none.
fn wifi(data: &[u8], start: usize, wire: u32, fcs: u32, padded: bool) -> Option<Inner> {
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
        fcs,
        ethertype: ethertype(frame, length + 6)?,
        addresses,
    })
}

/// What a packet without a network packet holds instead, in the plural.
fn contents(link_type: u16, data: &[u8]) -> &'static str {
    match link_type {
        0 | 108 => "loopback packets of other address families",
        9 | 50 => "PPP control and other PPP packets",
        12 | 14 | 101 => "packets that are neither IPv4 nor IPv6",
        104 => "HDLC keepalives and other packets",
        105 => wifi_contents(data),
        127 => {
            let length = data.get(2..).and_then(|rest| rest.first_chunk());
            let length = length.map_or(0, |length| usize::from(u16::from_le_bytes(*length)));
            wifi_contents(data.get(length..).unwrap_or_default())
        }
        113 | 276 => "cooked packets without an Ethernet type",
        _ => "packets without a network packet",
    }
}

fn wifi_contents(frame: &[u8]) -> &'static str {
    match *frame {
        [kind, ..] if kind & 0x0c == 0 => "802.11 management frames",
        [kind, ..] if kind & 0x0c == 4 => "802.11 control frames",
        [_, flags, ..] if flags & 0x40 != 0 => "encrypted 802.11 frames",
        _ => "802.11 frames without a whole network packet",
    }
}
