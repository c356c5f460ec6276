//! One flow: a view into a decoded block, and a copy to keep.
//!
//! A view decodes nothing until asked. The accessors of stored fields are made from the table in
//! [`crate::element`]; here are those that combine elements or read the record header.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::flow::bytes::{
    Condition, USER_NAME_MAX, USER_NAME_MAX_LAYOUT3, u8_at, u16_at, u32_at, u64_at,
};
use crate::flow::places::{Places, element_max};
use crate::raw::ELEMENT_MAX_LAYOUT2;

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

    /// The elements this flow has, as a bit set: bit i stands for element id i. Of two address
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

    /// Number of the exporter in its file ([`Names::exporter`](crate::Names::exporter)); 0 is none.
    #[inline]
    #[must_use]
    pub fn exporter_sysid(&self) -> u16 {
        u16_at(self.record, 8)
    }

    /// Engine type of the exporter.
    #[must_use]
    pub fn engine_type(&self) -> u8 {
        u8_at(self.record, 6)
    }

    /// Engine id of the exporter.
    #[must_use]
    pub fn engine_id(&self) -> u8 {
        u8_at(self.record, 7)
    }

    /// Export protocol: 1, 5, 9 NetFlow, 10 IPFIX, 0x41 nfpcapd, 0x80 and above sFlow, 0 unknown.
    #[must_use]
    pub fn export_version(&self) -> u8 {
        u8_at(self.record, 11)
    }

    #[inline]
    fn flags(&self) -> u8 {
        u8_at(self.record, 10)
    }

    /// Whether this is an event (NSEL, NEL, packet filter) rather than a flow.
    #[inline]
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.flags() & 0x01 != 0
    }

    /// Whether the exporter sampled; counters are scaled already.
    #[inline]
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags() & 0x02 != 0
    }

    /// Whether the addresses were anonymised.
    #[must_use]
    pub fn is_anonymized(&self) -> bool {
        self.flags() & 0x04 != 0
    }

    /// Source address of either family.
    #[must_use]
    pub fn src_addr(&self) -> Option<IpAddr> {
        self.either(self.src4_addr(), self.src6_addr())
    }

    /// Destination address of either family.
    #[must_use]
    pub fn dst_addr(&self) -> Option<IpAddr> {
        self.either(self.dst4_addr(), self.dst6_addr())
    }

    /// IP next hop of either family.
    #[must_use]
    pub fn next_hop(&self) -> Option<IpAddr> {
        self.either(self.ip4_next_hop(), self.ip6_next_hop())
    }

    /// BGP next hop of either family.
    #[must_use]
    pub fn bgp_next_hop(&self) -> Option<IpAddr> {
        self.either(self.bgp4_next_hop(), self.bgp6_next_hop())
    }

    /// Address of either family that the flow was received from.
    #[must_use]
    pub fn exporter_addr(&self) -> Option<IpAddr> {
        self.either(self.ip4_router(), self.ip6_router())
    }

    /// Translated source address of either family.
    #[must_use]
    pub fn src_xlt_addr(&self) -> Option<IpAddr> {
        self.either(self.src4_xlt_ip(), self.src6_xlt_ip())
    }

    /// Translated destination address of either family.
    #[must_use]
    pub fn dst_xlt_addr(&self) -> Option<IpAddr> {
        self.either(self.dst4_xlt_ip(), self.dst6_xlt_ip())
    }

    /// Network of the source address under its mask; `None` without address or without masks.
    #[must_use]
    pub fn src_net(&self) -> Option<IpAddr> {
        self.network_of(self.element(4)?, 0)
    }

    /// Network of the destination address under its mask; `None` without address or without masks.
    #[must_use]
    pub fn dst_net(&self) -> Option<IpAddr> {
        self.network_of(self.element(4)?, 1)
    }

    /// Number of flows this record stands for, at least 1.
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

    fn either(&self, v4: Option<Ipv4Addr>, v6: Option<Ipv6Addr>) -> Option<IpAddr> {
        v4.map(IpAddr::V4).or(v6.map(IpAddr::V6))
    }

    /// As [`src_net`](Self::src_net) (side 0) or [`dst_net`](Self::dst_net) (side 1), given the payload
    /// of element 4. As nfdump: no network at all when both masks are 0.
    #[inline]
    pub(crate) fn network_of(&self, misc: &[u8], side: usize) -> Option<IpAddr> {
        let (src, dst) = (u8_at(misc, 8), u8_at(misc, 9));
        if src | dst == 0 {
            return None;
        }
        let mask = if side == 0 { src } else { dst };
        if let Some(addresses) = self.element(2) {
            let host = u32::MAX.checked_shr(mask.into()).unwrap_or(0);
            return Some(IpAddr::V4(Ipv4Addr::from_bits(
                u32_at(addresses, 4 * side) & !host,
            )));
        }
        let address = crate::flow::bytes::ip6_at(self.element(3)?, 16 * side);
        let host = u128::MAX.checked_shr(mask.into()).unwrap_or(0);
        Some(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !host)))
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
            Condition::AnyTtl => u8_at(payload, 2) != 0 || u8_at(payload, 3) != 0,
        }
    }

    /// Start of the flow in ms: a stored 0 gives way to the time of an event, NSEL before NAT.
    #[inline]
    pub(crate) fn first_seen_at(&self, payload: &[u8], at: usize) -> u64 {
        match u64_at(payload, at) {
            0 => self
                .element(19)
                .or_else(|| self.element(25))
                .map_or(0, |event| u64_at(event, 0)),
            first => first,
        }
    }

    /// Of the two address families in this record, the one that nfdump 1.7.10 ignores: what the
    /// IP version of element 38 says, else IPv4 if its addresses are zero, else IPv6.
    fn superfluous_family(&self) -> u64 {
        let version = self.element(38).map_or(0, |layer2| u8_at(layer2, 26));
        let v4_is_zero = self
            .element(2)
            .is_none_or(|addresses| u32_at(addresses, 0) == 0 && u32_at(addresses, 4) == 0);
        match (version, v4_is_zero) {
            (6, _) | (0, true) => IPV4,
            (4, _) | (0, false) => IPV6,
            _ => 0,
        }
    }
}

const IPV4: u64 = 1 << 2;
const IPV6: u64 = 1 << 3;
pub(crate) const BOTH_FAMILIES: u64 = IPV4 | IPV6;

#[inline]
fn is_icmp(generic: &[u8]) -> bool {
    matches!(u8_at(generic, 44), 1 | 58)
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
