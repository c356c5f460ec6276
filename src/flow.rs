//! One flow: a view into a decoded block, and a copy to keep.
//!
//! A view decodes nothing until asked. The accessors of stored fields are made from the table in
//! [`crate::element`]; here are those that combine elements or read the record header.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::element::{
    Condition, USER_NAME_MAX, USER_NAME_MAX_LAYOUT3, u8_at, u16_at, u32_at, u64_at,
};
use crate::raw::{self, ELEMENT_MAX_LAYOUT2, ListWord, RawBlock, RawFlowRef, RawShape};

/// Bytes of a flow record before its elements.
const HEADER: usize = 12;
const ELEMENT_HEADER: usize = 4;

/// A flow in a decoded [`Block`](crate::Block). Small and `Copy`; owns nothing.
///
/// Accessors return `None` when the flow does not have the field. Nothing panics on any content.
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    /// The whole record, at least [`HEADER`] bytes.
    record: &'a [u8],
    places: Places<'a>,
    /// Bit i: element i is there and counts.
    present: u64,
}

/// Where the elements of a flow record lie, so that no field is searched for.
#[derive(Clone, Copy)]
pub(crate) enum Places<'a> {
    /// Where all records of a shape have them.
    Shape(&'a RawShape),
    /// Where this record has them: the words of an `nfdump_flow_list`. Empty without elements.
    List(&'a [ListWord]),
}

/// Words of a list before the places.
const LIST_PRESENT: usize = raw::LIST_PRESENT;

impl<'a> Places<'a> {
    /// Those of a flow of a decoded block.
    #[inline]
    pub(crate) fn of(block: &'a RawBlock, flow: &RawFlowRef) -> Self {
        match block.shapes().get(usize::from(flow.shape)) {
            Some(shape) => Self::Shape(shape),
            None => Self::List(block.list(flow)),
        }
    }

    /// Bit i: element i is there.
    #[inline]
    pub(crate) fn present(self) -> u64 {
        match self {
            Self::Shape(shape) => shape.present,
            Self::List(words) => listed(words),
        }
    }

    /// The payload of an element that is there, in its record.
    #[inline]
    fn payload(self, record: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let (at, length) = match self {
            Self::Shape(shape) => (
                *shape.offset.get(usize::from(id))?,
                *shape.length.get(usize::from(id))?,
            ),
            Self::List(words) => place_in(words, id)?,
        };
        let at = usize::from(at);
        record.get(at..at + usize::from(length))
    }
}

/// The elements that a list has places for.
fn listed(words: &[ListWord]) -> u64 {
    match words.first_chunk::<LIST_PRESENT>() {
        Some([low, high]) => {
            u64::from(u32::from_ne_bytes(*low)) | u64::from(u32::from_ne_bytes(*high)) << 32
        }
        None => 0,
    }
}

/// Offset and length of an element.
#[cold]
fn place_in(words: &[ListWord], id: u8) -> Option<(u16, u16)> {
    let before = listed(words) & !(u64::MAX.checked_shl(id.into())?);
    let word = words.get(LIST_PRESENT + before.count_ones() as usize)?;
    let word = u32::from_ne_bytes(*word);
    Some((word as u16, (word >> 16) as u16))
}

/// Appends the list of a record to `out`, by the same rules as the index of a block.
fn append_list(record: &[u8], out: &mut Vec<u8>) {
    let mut places = [0_u32; raw::ELEMENT_SLOTS];
    let mut present = 0_u64;
    for (id, at, length) in walk(record) {
        if let Some(place) = places.get_mut(usize::from(id)) {
            *place = u32::from(at) | u32::from(length) << 16;
            present |= 1 << id;
        }
    }
    extend_list(present, |id| places.get(id).copied(), out);
}

/// Appends a list with the place of each element in `present`.
fn extend_list(present: u64, place: impl Fn(usize) -> Option<u32>, out: &mut Vec<u8>) {
    out.extend((present as u32).to_ne_bytes());
    out.extend(((present >> 32) as u32).to_ne_bytes());
    for id in (0..raw::ELEMENT_SLOTS).filter(|id| present >> id & 1 != 0) {
        out.extend(place(id).unwrap_or(0).to_ne_bytes());
    }
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

    /// A copy that does not borrow the block.
    #[must_use]
    pub fn to_owned_flow(&self) -> OwnedFlow {
        let mut bytes = Vec::with_capacity(
            self.record.len() + 4 * (LIST_PRESENT + self.places.present().count_ones() as usize),
        );
        bytes.extend_from_slice(self.record);
        match self.places {
            Places::Shape(shape) => {
                let place = |id: usize| {
                    Some(
                        u32::from(*shape.offset.get(id)?) | u32::from(*shape.length.get(id)?) << 16,
                    )
                };
                extend_list(shape.present, place, &mut bytes);
            }
            Places::List(words) => bytes.extend_from_slice(words.as_flattened()),
        }
        OwnedFlow {
            bytes: bytes.into(),
            length: self.record.len(),
        }
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
        let address = crate::element::ip6_at(self.element(3)?, 16 * side);
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
const BOTH_FAMILIES: u64 = IPV4 | IPV6;

#[inline]
fn is_icmp(generic: &[u8]) -> bool {
    matches!(u8_at(generic, 44), 1 | 58)
}

/// The highest element id that means something. Records made of those of layout 3 have a type that no
/// stored flow of layout 2 has, and only they have elements above [`ELEMENT_MAX_LAYOUT2`].
fn element_max(record: &[u8]) -> u8 {
    if u16_at(record, 0) == raw::FLOW_LAYOUT3 {
        raw::ELEMENT_MAX
    } else {
        ELEMENT_MAX_LAYOUT2
    }
}

/// The elements of a record in stored order, with offset and length of their payloads: ids up to a highest,
/// by the rules of the C index. It ends at the announced count, at the end of the record, at a length
/// below 4, and where no record can reach; an element that runs past the end is cut there.
fn walk(record: &[u8]) -> impl Iterator<Item = (u8, u16, u16)> {
    const RECORD_MAX: usize = u16::MAX as usize;
    let record = record.get(..RECORD_MAX).unwrap_or(record);
    let element_max = element_max(record);
    let count = u16_at(record, 4);
    let mut at = HEADER;
    (0..count)
        .map_while(move |_| {
            let rest = record.get(at..)?;
            let [id_low, id_high, length_low, length_high] =
                *rest.first_chunk::<ELEMENT_HEADER>()?;
            let length = usize::from(u16::from_le_bytes([length_low, length_high]));
            let payload = length.min(rest.len()).checked_sub(ELEMENT_HEADER)?;
            let start = at + ELEMENT_HEADER;
            at = start + payload;
            let id = u16::from_le_bytes([id_low, id_high]);
            Some((id, u16::try_from(start).ok()?, u16::try_from(payload).ok()?))
        })
        .filter_map(move |(id, start, length)| {
            let id = u8::try_from(id).ok()?;
            (1..=element_max)
                .contains(&id)
                .then_some((id, start, length))
        })
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

/// A flow that owns its record: keep it, send it, collect it.
///
/// Its size in memory is that of the record, and 8 bytes and 4 for each of its elements, which say where
/// these lie. Its fields are read through [`view`](Self::view).
///
/// ```
/// use nfdecode::{File, OwnedFlow};
/// let file = File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let mut flows = file.flows().collect::<Result<Vec<OwnedFlow>, _>>()?;
/// flows.sort_by_key(|flow| std::cmp::Reverse(flow.view().in_bytes()));
/// let largest = flows.first().ok_or("no flow")?.view();
/// assert_eq!(largest.in_bytes(), Some(6997));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct OwnedFlow {
    /// The record, then its list of places.
    bytes: Box<[u8]>,
    /// Of the record.
    length: usize,
}

impl OwnedFlow {
    /// From a [`record`](Self::record) that was kept elsewhere. Other bytes do no harm: the flow then
    /// has what can be found in them.
    #[must_use]
    pub fn from_record(record: impl Into<Box<[u8]>>) -> Self {
        let record: Box<[u8]> = record.into();
        let length = record.len();
        let mut list = Vec::new();
        append_list(&record, &mut list);
        let mut bytes = record.into_vec();
        bytes.extend(list);
        Self {
            bytes: bytes.into(),
            length,
        }
    }

    /// The view with all the accessors.
    #[must_use]
    pub fn view(&self) -> Flow<'_> {
        let (record, list) = self.parts();
        Flow::new(record, Places::List(list))
    }

    fn parts(&self) -> (&[u8], &[ListWord]) {
        let (record, list) = self.bytes.split_at_checked(self.length).unwrap_or_default();
        (record, list.as_chunks().0)
    }

    /// The stored record, header included.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        self.parts().0
    }
}

/// Flows are equal when their records are.
impl PartialEq for OwnedFlow {
    fn eq(&self, other: &Self) -> bool {
        self.record() == other.record()
    }
}

impl Eq for OwnedFlow {}

impl Hash for OwnedFlow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record().hash(state);
    }
}

impl From<Flow<'_>> for OwnedFlow {
    fn from(flow: Flow<'_>) -> Self {
        flow.to_owned_flow()
    }
}

impl<'a> From<&'a OwnedFlow> for Flow<'a> {
    fn from(flow: &'a OwnedFlow) -> Self {
        flow.view()
    }
}

impl fmt::Debug for OwnedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}
