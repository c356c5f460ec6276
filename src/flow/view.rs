//! One flow: a view into a decoded block, and a copy to keep.
//!
//! A view decodes fields on access. The accessors of single fields are generated from the table in
//! [`crate::element`]; the ones here combine several fields.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::flow::at::{self, id};
use crate::flow::bytes::{
    Condition, USER_NAME_MAX, USER_NAME_MAX_LAYOUT3, ip4_at, ip6_at, u8_at, u32_at, u64_at,
};
use crate::flow::places::{Places, element_max};
use crate::raw::ELEMENT_MAX_LAYOUT2;
use crate::value::protocol::{ICMP, ICMP6};

/// Which of the two ends of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// An address with its host bits cleared; a mask above 32 clears none.
pub(crate) fn network4(address: Ipv4Addr, mask: u8) -> Ipv4Addr {
    let host = u32::MAX.checked_shr(mask.into()).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & !host)
}

/// An address with its host bits cleared; a mask above 128 clears none.
pub(crate) fn network6(address: Ipv6Addr, mask: u8) -> Ipv6Addr {
    let host = u128::MAX.checked_shr(mask.into()).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & !host)
}

/// A flow in a decoded [`Block`](crate::Block). Small and `Copy`; owns nothing.
///
/// Accessors return `None` when the flow does not have the field. Nothing panics on any content.
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    /// The whole record.
    record: &'a [u8],
    places: Places<'a>,
    /// Bit i: element i is there and counts.
    present: u64,
}

impl<'a> Flow<'a> {
    /// `places` must be those of this record: with others, values are wrong.
    #[inline]
    pub(crate) fn new(record: &'a [u8], places: Places<'a>) -> Self {
        let present = places.present();
        let mut flow = Self {
            record,
            places,
            present,
        };
        if present & BOTH_FAMILIES == BOTH_FAMILIES {
            flow.present &= !flow.superfluous_family();
        }
        flow
    }

    /// The elements this flow has, as a bit set: bit i means element id i. Of two address
    /// families in one record only the one that counts is in it.
    #[inline]
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.present
    }

    /// The stored payload of an element, `None` if the flow does not have it. Of an element
    /// stored twice the last counts.
    #[inline]
    #[must_use]
    pub fn element(&self, id: u8) -> Option<&'a [u8]> {
        if id >= 64 || self.present >> id & 1 == 0 {
            return None;
        }
        self.places.payload(self.record, id)
    }

    /// The stored payload of an element that the flow [has](Self::elements); empty if it is not whole.
    #[cfg(feature = "output")]
    #[inline(always)]
    pub(crate) fn stored(&self, id: u8) -> &'a [u8] {
        self.places.payload(self.record, id).unwrap_or_default()
    }

    /// Where the elements lie.
    pub(crate) fn places(&self) -> Places<'a> {
        self.places
    }

    /// The record in the form of layout 2, header included: as stored there, converted from others. Its
    /// type is 11, or 16 when it was made of a record of layout 3.
    #[must_use]
    pub fn record(&self) -> &'a [u8] {
        self.record
    }

    /// Network of the source address under its mask; `None` without address or without masks.
    #[must_use]
    pub fn src_net(&self) -> Option<IpAddr> {
        self.network_of(self.element(id::MISC)?, Side::Source)
    }

    /// Network of the destination address under its mask; `None` without address or without masks.
    #[must_use]
    pub fn dst_net(&self) -> Option<IpAddr> {
        self.network_of(self.element(id::MISC)?, Side::Destination)
    }

    /// Number of flows this record represents, at least 1.
    #[must_use]
    pub fn flow_count(&self) -> u64 {
        self.aggr_flows().unwrap_or(1).max(1)
    }

    /// From the start of the flow to its end. `None` if a time is absent, or the end is before the
    /// start, as in bad exports.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.last()?.duration_since(self.first()?)
    }

    /// As [`src_net`](Self::src_net) or [`dst_net`](Self::dst_net), given the payload of the element with
    /// the masks. As nfdump: no network at all when both masks are 0.
    #[inline(always)]
    pub(crate) fn network_of(&self, misc: &[u8], side: Side) -> Option<IpAddr> {
        let src = u8_at(misc, at::src_mask.offset);
        let dst = u8_at(misc, at::dst_mask.offset);
        if src | dst == 0 {
            return None;
        }
        let (mask, v4, v6) = match side {
            Side::Source => (src, at::src4_addr.offset, at::src6_addr.offset),
            Side::Destination => (dst, at::dst4_addr.offset, at::dst6_addr.offset),
        };
        if let Some(addresses) = self.element(id::IPV4) {
            return Some(IpAddr::V4(network4(ip4_at(addresses, v4), mask)));
        }
        let address = ip6_at(self.element(id::IPV6)?, v6);
        Some(IpAddr::V6(network6(address, mask)))
    }

    /// Bytes of a user name: layout 3 has room for more than layout 2.
    pub(crate) fn user_name_max(&self) -> usize {
        if element_max(self.record) > ELEMENT_MAX_LAYOUT2 {
            USER_NAME_MAX_LAYOUT3
        } else {
            USER_NAME_MAX
        }
    }

    /// Whether a field exists, given its element.
    #[inline]
    pub(crate) fn holds(&self, condition: Condition, payload: &[u8], at: usize) -> bool {
        match condition {
            Condition::Always => true,
            Condition::Icmp => is_icmp(payload),
            Condition::NotIcmp => !is_icmp(payload),
            Condition::NonZero => u8_at(payload, at) != 0,
            Condition::AnyTtl => {
                u8_at(payload, at::min_ttl.offset) != 0 || u8_at(payload, at::max_ttl.offset) != 0
            }
        }
    }

    /// Start of the flow in ms: a stored 0 gives way to the time of an event, NSEL before NAT.
    #[inline(always)]
    pub(crate) fn first_seen_at(&self, payload: &[u8], at: usize) -> u64 {
        match u64_at(payload, at) {
            0 => self.time_of_event(),
            first => first,
        }
    }

    /// The time of an event in ms, NSEL before NAT; 0 without one.
    #[cold]
    fn time_of_event(&self) -> u64 {
        if let Some(event) = self.element(id::NSEL) {
            return u64_at(event, at::nsel_event_time.offset);
        }
        let event = self.element(id::NAT_EVENT);
        event.map_or(0, |event| u64_at(event, at::nat_event_time.offset))
    }

    /// Of the two address families in this record, the one that nfdump 1.7.10 ignores: what the
    /// IP version of element 38 says, else IPv4 if its addresses are zero, else IPv6.
    fn superfluous_family(&self) -> u64 {
        let version = self.element(id::LAYER2);
        let version = version.map_or(0, |layer2| u8_at(layer2, at::ip_version.offset));
        let v4_is_zero = self.element(id::IPV4).is_none_or(|addresses| {
            u32_at(addresses, at::src4_addr.offset) == 0
                && u32_at(addresses, at::dst4_addr.offset) == 0
        });
        match (version, v4_is_zero) {
            (6, _) | (0, true) => IPV4,
            (4, _) | (0, false) => IPV6,
            _ => 0,
        }
    }
}

const IPV4: u64 = 1 << id::IPV4;
const IPV6: u64 = 1 << id::IPV6;
pub(crate) const BOTH_FAMILIES: u64 = IPV4 | IPV6;

#[inline]
fn is_icmp(generic: &[u8]) -> bool {
    matches!(u8_at(generic, at::proto.offset), ICMP | ICMP6)
}

impl fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("first", &self.first())
            .field("proto", &self.proto())
            .field("src_addr", &self.src_addr())
            .field("src_port", &self.src_port())
            .field("dst_addr", &self.dst_addr())
            .field("dst_port", &self.dst_port())
            .field("in_packets", &self.in_packets())
            .field("in_bytes", &self.in_bytes())
            .finish_non_exhaustive()
    }
}

/// Flows are equal when their stored records are.
impl PartialEq for Flow<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl Eq for Flow<'_> {}

impl Hash for Flow<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record.hash(state);
    }
}
