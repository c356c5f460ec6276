//! The element table: every fact about what a flow can hold, in one place.
//!
//! One entry an element, one line a field: accessor name, how it is stored, where, and the key
//! nfdump gives it in JSON. From this table come the accessors of [`Flow`], the JSON and NDJSON
//! writers and `docs/elements.md`. Adding an element is one entry here.
//!
//! Offsets count from the start of the element's payload. Fields stand in the order in which
//! nfdump prints them, which is not always the order in which they are stored.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::flow::bytes::{
    Condition, acl_at, ip4_at, ip6_at, nat_offset, text_at, u8_at, u16_at, u32_at, u64_at,
};
use crate::flow::field_value::FieldValue;
use crate::flow::view::Flow;
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;

/// How a field is stored, and thereby what type it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// Unsigned, 1 byte.
    U8,
    /// Unsigned, 2 bytes.
    U16,
    /// Unsigned, 4 bytes.
    U32,
    /// Unsigned, 8 bytes.
    U64,
    /// Milliseconds since the epoch, 8 bytes.
    Time,
    /// As `Time`; 0 is replaced by the event time of element 19, or else 25.
    FirstSeen,
    /// As `Time`, of an event; below 1000 it is unknown.
    EventTime,
    /// Microseconds, 8 bytes; text outputs show milliseconds.
    Micros,
    /// IPv4 address, 4 bytes.
    Ip4,
    /// IPv6 address, two 8-byte halves.
    Ip6,
    /// MAC address in the low 48 bits of 8 bytes.
    Mac,
    /// MPLS label stack entry, 4 bytes.
    Mpls,
    /// TCP flags, 1 byte.
    TcpFlags,
    /// Fragmentation flags, 1 byte.
    Fragment,
    /// NSEL event number, 1 byte, shown by name.
    NselEvent,
    /// NAT event number, 1 byte, shown by name; the element has two layouts.
    NatEvent,
    /// NAT event number, 1 byte; the element has two layouts.
    NatEventId,
    /// NAT pool, 4 bytes; the element has two layouts.
    NatPool,
    /// Three 4-byte words in network byte order.
    Acl,
    /// Text of at most 66 bytes, in layout 3 72, that ends at a NUL.
    UserName,
    /// Text to the end of the element, ends at a NUL.
    Text,
    /// Bytes to the end of the element.
    Bytes,
    /// Network of the source address under the mask of element 4.
    SrcNet,
    /// Network of the destination address under the mask of element 4.
    DstNet,
    /// Always empty: nfdump's place for a geo data base.
    Geo,
    /// TLS version of a hello in a payload.
    TlsVersion,
    /// Server name of a hello in a payload.
    TlsSni,
    /// JA3 of a hello in a payload.
    TlsJa3,
    /// JA4 of a hello in a payload.
    TlsJa4,
}

/// One field of an element.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Field {
    /// Name of the accessor of [`Flow`]; empty for fields that exist in text output only.
    pub name: &'static str,
    /// How it is stored.
    pub kind: FieldKind,
    /// Bytes from the start of the element's payload.
    pub offset: usize,
    /// When it exists.
    pub condition: Condition,
    /// nfdump's key in JSON and NDJSON; empty if nfdump does not print it.
    pub key: &'static str,
    /// One line on meaning and unit.
    pub doc: &'static str,
    /// Calls the accessor.
    get: for<'a> fn(&Flow<'a>) -> Option<FieldValue<'a>>,
}

impl Field {
    /// `doc` without links to methods, which mean nothing outside rustdoc.
    #[cfg(any(feature = "output", feature = "arrow"))]
    pub(crate) fn plain_doc(&self) -> &'static str {
        let text = self.doc.trim();
        text.split(" See also").next().unwrap_or_default()
    }

    /// What the accessor of this name returns for a flow. `None` if the flow does not have the field,
    /// and always for fields that only text output has.
    ///
    /// ```
    /// # let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
    /// # let block = file.blocks().next().ok_or("a block")??;
    /// # let flow = block.flows().next().ok_or("a flow")?;
    /// use nfdecode::FieldValue;
    /// let field = nfdecode::element::field("in_bytes").ok_or("no such field")?;
    /// assert_eq!(field.value(&flow), flow.in_bytes().map(FieldValue::Number));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn value<'a>(&self, flow: &Flow<'a>) -> Option<FieldValue<'a>> {
        (self.get)(flow)
    }
}

/// The field with this accessor name, such as `src_port`.
///
/// Looks through the whole table: find the field once, not for every flow.
#[must_use]
pub fn field(name: &str) -> Option<&'static Field> {
    ELEMENTS
        .iter()
        .flat_map(|element| element.fields)
        .find(|field| field.name == name)
}

/// The element with this id, if it is known.
#[must_use]
pub fn element(id: u8) -> Option<&'static Element> {
    ELEMENTS.iter().find(|element| element.id == id)
}

/// One element a flow can hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Element {
    /// The id stored in files of layout 2; from 60 on, ours for what only layout 3 holds.
    pub id: u8,
    /// What it is called.
    pub name: &'static str,
    /// Payload bytes as written today; 0 = variable.
    pub size: usize,
    /// Its fields in nfdump's order.
    pub fields: &'static [Field],
}

/// The type an accessor returns for a kind.
macro_rules! kind_type {
    (U8) => { u8 };
    (U16) => { u16 };
    (U32) => { u32 };
    (U64) => { u64 };
    (Time) => { Timestamp };
    (FirstSeen) => { Timestamp };
    (EventTime) => { Timestamp };
    (Micros) => { u64 };
    (Ip4) => { Ipv4Addr };
    (Ip6) => { Ipv6Addr };
    (Mac) => { MacAddr };
    (Mpls) => { MplsLabel };
    (TcpFlags) => { TcpFlags };
    (Fragment) => { IpFragment };
    (NselEvent) => { NselEvent };
    (NatEvent) => { NatEvent };
    (NatEventId) => { u8 };
    (NatPool) => { u32 };
    (Acl) => { [u32; 3] };
    (UserName) => { &'a [u8] };
    (Text) => { &'a [u8] };
    (Bytes) => { &'a [u8] };
}

/// How an accessor reads a kind from the payload `$e` at `$at`.
macro_rules! kind_read {
    (U8, $flow:ident, $e:ident, $at:expr) => { u8_at($e, $at) };
    (U16, $flow:ident, $e:ident, $at:expr) => { u16_at($e, $at) };
    (U32, $flow:ident, $e:ident, $at:expr) => { u32_at($e, $at) };
    (U64, $flow:ident, $e:ident, $at:expr) => { u64_at($e, $at) };
    (Time, $flow:ident, $e:ident, $at:expr) => { Timestamp::from_millis(u64_at($e, $at)) };
    (FirstSeen, $flow:ident, $e:ident, $at:expr) => { Timestamp::from_millis($flow.first_seen_at($e, $at)) };
    (EventTime, $flow:ident, $e:ident, $at:expr) => { Timestamp::from_millis(u64_at($e, $at)) };
    (Micros, $flow:ident, $e:ident, $at:expr) => { u64_at($e, $at) };
    (Ip4, $flow:ident, $e:ident, $at:expr) => { ip4_at($e, $at) };
    (Ip6, $flow:ident, $e:ident, $at:expr) => { ip6_at($e, $at) };
    (Mac, $flow:ident, $e:ident, $at:expr) => { MacAddr::from_number(u64_at($e, $at)) };
    (Mpls, $flow:ident, $e:ident, $at:expr) => { MplsLabel(u32_at($e, $at)) };
    (TcpFlags, $flow:ident, $e:ident, $at:expr) => { TcpFlags(u8_at($e, $at)) };
    (Fragment, $flow:ident, $e:ident, $at:expr) => { IpFragment(u8_at($e, $at)) };
    (NselEvent, $flow:ident, $e:ident, $at:expr) => { NselEvent(u8_at($e, $at)) };
    (NatEvent, $flow:ident, $e:ident, $at:expr) => { NatEvent(u8_at($e, nat_offset($e, $at))) };
    (NatEventId, $flow:ident, $e:ident, $at:expr) => { u8_at($e, nat_offset($e, $at)) };
    (NatPool, $flow:ident, $e:ident, $at:expr) => { u32_at($e, nat_offset($e, $at)) };
    (Acl, $flow:ident, $e:ident, $at:expr) => { acl_at($e, $at) };
    (UserName, $flow:ident, $e:ident, $at:expr) => { text_at($e, $at, $flow.user_name_max()) };
    (Text, $flow:ident, $e:ident, $at:expr) => { text_at($e, $at, usize::MAX) };
    (Bytes, $flow:ident, $e:ident, $at:expr) => { $e.get($at..).unwrap_or_default() };
}

macro_rules! condition {
    () => {
        Condition::Always
    };
    ($name:ident) => {
        Condition::$name
    };
}

/// One accessor. Fields that only text output has get none.
macro_rules! accessor {
    ($name:ident, SrcNet, $($rest:tt)*) => {};
    ($name:ident, DstNet, $($rest:tt)*) => {};
    ($name:ident, Geo, $($rest:tt)*) => {};
    ($name:ident, TlsVersion, $($rest:tt)*) => {};
    ($name:ident, TlsSni, $($rest:tt)*) => {};
    ($name:ident, TlsJa3, $($rest:tt)*) => {};
    ($name:ident, TlsJa4, $($rest:tt)*) => {};
    ($name:ident, $kind:ident, $id:literal, $at:literal, $when:expr, $($doc:literal)+) => {
        $(#[doc = $doc])+
        #[doc = concat!("\n\nElement ", stringify!($id), ", byte ", stringify!($at), ".")]
        #[inline]
        #[must_use]
        pub fn $name(&self) -> Option<kind_type!($kind)> {
            let payload = self.element($id)?;
            if !self.holds($when, payload, $at) {
                return None;
            }
            Some(kind_read!($kind, self, payload, $at))
        }
    };
}

/// How a field is read by name.
macro_rules! getter {
    ($name:ident, Geo) => {
        |_| None
    };
    ($name:ident, TlsVersion) => {
        |_| None
    };
    ($name:ident, TlsSni) => {
        |_| None
    };
    ($name:ident, TlsJa3) => {
        |_| None
    };
    ($name:ident, TlsJa4) => {
        |_| None
    };
    ($name:ident, UserName) => {
        |flow| flow.$name().map(FieldValue::Text)
    };
    ($name:ident, Text) => {
        |flow| flow.$name().map(FieldValue::Text)
    };
    ($name:ident, Bytes) => {
        |flow| flow.$name().map(FieldValue::Bytes)
    };
    ($name:ident, $kind:ident) => {
        |flow| flow.$name().map(FieldValue::from)
    };
}

/// Makes [`ELEMENTS`] and the accessors of [`Flow`] from the table.
macro_rules! elements {
    ($(
        $id:literal $title:literal $size:literal {
            $( $(#[doc = $doc:literal])+ $name:ident: $kind:ident @ $at:literal $(if $when:ident)? $(=> $key:literal)?; )*
        }
    )*) => {
        /// All elements, by ascending id.
        pub static ELEMENTS: &[Element] = &[$(
            Element {
                id: $id,
                name: $title,
                size: $size,
                fields: &[$(
                    Field {
                        name: stringify!($name),
                        kind: FieldKind::$kind,
                        offset: $at,
                        condition: condition!($($when)?),
                        key: concat!($($key)?),
                        doc: concat!($($doc),+),
                        get: getter!($name, $kind),
                    },
                )*],
            },
        )*];

        /// Every stored field. `None` means that the flow does not have it.
        impl<'a> Flow<'a> {
            $($( accessor!($name, $kind, $id, $at, condition!($($when)?), $($doc)+); )*)*
        }
    };
}

/// Hands the element table to a macro. Everything that is made from the table is made this way.
macro_rules! element_table {
    ($callback:ident) => {
        $callback! {
            1 "generic flow" 48 {
                /// Start of the flow. If stored as 0: the time of the NSEL or NAT event.
                first: FirstSeen @ 0 => "first";
                /// End of the flow; before its start in bad exports.
                last: Time @ 8 => "last";
                /// Arrival at the collector; 0 is unknown.
                received: Time @ 16 => "received";
                /// Packets, already scaled if the exporter sampled.
                in_packets: U64 @ 24 => "in_packets";
                /// Bytes (octets of layer 3), already scaled if the exporter sampled.
                in_bytes: U64 @ 32 => "in_bytes";
                /// IP protocol number.
                proto: U8 @ 44 => "proto";
                /// ICMP or ICMPv6 type; only for these protocols.
                icmp_type: U8 @ 43 if Icmp => "icmp_type";
                /// ICMP or ICMPv6 code; only for these protocols.
                icmp_code: U8 @ 42 if Icmp => "icmp_code";
                /// Union of the TCP flags, as stored for every protocol but ICMP and ICMPv6.
                tcp_flags: TcpFlags @ 45 if NotIcmp => "tcp_flags";
                /// Source port; not for ICMP and ICMPv6.
                src_port: U16 @ 40 if NotIcmp => "src_port";
                /// Destination port; not for ICMP and ICMPv6.
                dst_port: U16 @ 42 if NotIcmp => "dst_port";
                /// Forwarding status (IPFIX 89): 2 bits status, 6 bits reason; not for ICMP and ICMPv6.
                fwd_status: U8 @ 46 if NotIcmp => "fwd_status";
                /// Type of service on ingress.
                src_tos: U8 @ 47 => "src_tos";
            }
            2 "IPv4 addresses" 8 {
                /// IPv4 source address. See also [`src_addr`](Flow::src_addr).
                src4_addr: Ip4 @ 0 => "src4_addr";
                /// IPv4 destination address. See also [`dst_addr`](Flow::dst_addr).
                dst4_addr: Ip4 @ 4 => "dst4_addr";
                /// Place of the source address in nfdump's geo data base: empty.
                src4_geo: Geo @ 0 => "src4_geo";
                /// Place of the destination address in nfdump's geo data base: empty.
                dst4_geo: Geo @ 4 => "dst4_geo";
            }
            3 "IPv6 addresses" 32 {
                /// IPv6 source address. See also [`src_addr`](Flow::src_addr).
                src6_addr: Ip6 @ 0 => "src6_addr";
                /// IPv6 destination address. See also [`dst_addr`](Flow::dst_addr).
                dst6_addr: Ip6 @ 16 => "dst6_addr";
                /// Place of the source address in nfdump's geo data base: empty.
                src6_geo: Geo @ 0 => "src6_geo";
                /// Place of the destination address in nfdump's geo data base: empty.
                dst6_geo: Geo @ 16 => "dst6_geo";
            }
            4 "flow misc" 16 {
                /// Input interface index.
                input_snmp: U32 @ 0 => "input_snmp";
                /// Output interface index.
                output_snmp: U32 @ 4 => "output_snmp";
                /// Source prefix length in bits.
                src_mask: U8 @ 8 => "src_mask";
                /// Destination prefix length in bits.
                dst_mask: U8 @ 9 => "dst_mask";
                /// Source network: the address under its mask.
                src_net: SrcNet @ 8 => "src_net";
                /// Destination network: the address under its mask.
                dst_net: DstNet @ 9 => "dst_net";
                /// Direction at the observation point: 0 ingress, 1 egress.
                direction: U8 @ 10 => "direction";
                /// Type of service after the device.
                dst_tos: U8 @ 11 => "dst_tos";
                /// Biflow direction (IPFIX 239): 0 arbitrary, 1 initiator, 2 reverse initiator, 3 perimeter.
                biflow_direction: U8 @ 12;
                /// Flow end reason (IPFIX 136): 1 idle, 2 active timeout, 3 end detected, 4 forced, 5 lack of resources.
                flow_end_reason: U8 @ 13;
            }
            5 "out and aggregated counters" 24 {
                /// Packets in the other direction or after the device.
                out_packets: U64 @ 8 => "out_packets";
                /// Bytes in the other direction or after the device.
                out_bytes: U64 @ 16 => "out_bytes";
                /// Flows that were aggregated into this one; 0 counts as 1.
                aggr_flows: U64 @ 0 => "aggr_flows";
            }
            6 "VLAN" 8 {
                /// Source VLAN id.
                src_vlan: U32 @ 0 => "src_vlan";
                /// Destination VLAN id.
                dst_vlan: U32 @ 4 => "dst_vlan";
            }
            7 "AS numbers" 8 {
                /// Source autonomous system.
                src_as: U32 @ 0 => "src_as";
                /// Destination autonomous system.
                dst_as: U32 @ 4 => "dst_as";
            }
            8 "BGP next hop IPv4" 4 {
                /// IPv4 BGP next hop.
                bgp4_next_hop: Ip4 @ 0 => "bgp4_next_hop";
            }
            9 "BGP next hop IPv6" 16 {
                /// IPv6 BGP next hop.
                bgp6_next_hop: Ip6 @ 0 => "bgp6_next_hop";
            }
            10 "IP next hop IPv4" 4 {
                /// IPv4 next hop.
                ip4_next_hop: Ip4 @ 0 => "ip4_next_hop";
            }
            11 "IP next hop IPv6" 16 {
                /// IPv6 next hop.
                ip6_next_hop: Ip6 @ 0 => "ip6_next_hop";
            }
            12 "exporter IPv4" 4 {
                /// IPv4 address the flow was received from.
                ip4_router: Ip4 @ 0 => "ip4_router";
            }
            13 "exporter IPv6" 16 {
                /// IPv6 address the flow was received from.
                ip6_router: Ip6 @ 0 => "ip6_router";
            }
            14 "MPLS labels" 40 {
                /// Top of the MPLS label stack; 0 = unused, as in all ten.
                mpls_1: Mpls @ 0 => "mpls_1";
                /// Second MPLS label stack entry.
                mpls_2: Mpls @ 4 => "mpls_2";
                /// Third MPLS label stack entry.
                mpls_3: Mpls @ 8 => "mpls_3";
                /// Fourth MPLS label stack entry.
                mpls_4: Mpls @ 12 => "mpls_4";
                /// Fifth MPLS label stack entry.
                mpls_5: Mpls @ 16 => "mpls_5";
                /// Sixth MPLS label stack entry.
                mpls_6: Mpls @ 20 => "mpls_6";
                /// Seventh MPLS label stack entry.
                mpls_7: Mpls @ 24 => "mpls_7";
                /// Eighth MPLS label stack entry.
                mpls_8: Mpls @ 28 => "mpls_8";
                /// Ninth MPLS label stack entry.
                mpls_9: Mpls @ 32 => "mpls_9";
                /// Tenth MPLS label stack entry.
                mpls_10: Mpls @ 36 => "mpls_10";
            }
            15 "MAC addresses" 32 {
                /// Source MAC address on ingress (IPFIX 56).
                in_src_mac: Mac @ 0 => "in_src_mac";
                /// Destination MAC address on egress (IPFIX 57); nfpcapd puts the packet's destination here.
                out_dst_mac: Mac @ 8 => "out_dst_mac";
                /// Destination MAC address on ingress (IPFIX 80).
                in_dst_mac: Mac @ 16 => "in_dst_mac";
                /// Source MAC address on egress (IPFIX 81).
                out_src_mac: Mac @ 24 => "out_src_mac";
            }
            16 "adjacent AS" 8 {
                /// Next adjacent autonomous system.
                next_as: U32 @ 0 => "next_as";
                /// Previous adjacent autonomous system.
                prev_as: U32 @ 4 => "prev_as";
            }
            17 "latency" 24 {
                /// Client network latency in microseconds (JSON: milliseconds).
                cli_latency: Micros @ 0 => "cli_latency";
                /// Server network latency in microseconds (JSON: milliseconds).
                srv_latency: Micros @ 8 => "srv_latency";
                /// Application latency in microseconds (JSON: milliseconds).
                app_latency: Micros @ 16 => "app_latency";
            }
            18 "sampler reference" 16 {
                /// Sampler (selector) id the exporter gave.
                sampler_id: U64 @ 0;
                /// Exporter of the sampler.
                sampler_sysid: U16 @ 8;
            }
            19 "NSEL event" 16 {
                /// NSEL connection id.
                connect_id: U32 @ 8 => "connect_id";
                /// NSEL event number (IPFIX 233).
                event_id: U8 @ 14 => "event_id";
                /// NSEL event.
                event: NselEvent @ 14 => "event";
                /// NSEL extended event number.
                xevent_id: U16 @ 12 => "xevent_id";
                /// Time of the NSEL event.
                nsel_event_time: EventTime @ 0 => "t_event";
            }
            20 "NAT IPv4" 8 {
                /// Translated IPv4 source address.
                src4_xlt_ip: Ip4 @ 0 => "src4_xlt_ip";
                /// Translated IPv4 destination address.
                dst4_xlt_ip: Ip4 @ 4 => "dst4_xlt_ip";
            }
            21 "NAT IPv6" 32 {
                /// Translated IPv6 source address.
                src6_xlt_ip: Ip6 @ 0 => "src6_xlt_ip";
                /// Translated IPv6 destination address.
                dst6_xlt_ip: Ip6 @ 16 => "dst6_xlt_ip";
            }
            22 "NAT ports" 4 {
                /// Translated source port.
                src_xlt_port: U16 @ 0 => "src_xlt_port";
                /// Translated destination port.
                dst_xlt_port: U16 @ 2 => "dst_xlt_port";
            }
            23 "NSEL ACLs" 24 {
                /// Ingress ACL: id, extended id, hash.
                ingress_acl: Acl @ 0 => "ingress_acl";
                /// Egress ACL: id, extended id, hash.
                egress_acl: Acl @ 12 => "egress_acl";
            }
            24 "NSEL user name" 68 {
                /// User name, at most 66 bytes (layout 3: 72) of any encoding.
                user_name: UserName @ 0 => "user_name";
            }
            25 "NAT event" 16 {
                /// NAT event number (IPFIX 230).
                nat_event_id: NatEventId @ 12 => "nat_event_id";
                /// NAT event.
                nat_event: NatEvent @ 12 => "nat_event";
                /// NAT pool id.
                nat_pool_id: NatPool @ 8 => "nat_pool_id";
                /// Time of the NAT event.
                nat_event_time: EventTime @ 0 => "t_event";
            }
            26 "NAT port block" 8 {
                /// First port of the block.
                pblock_start: U16 @ 0 => "pblock_start";
                /// Last port of the block.
                pblock_end: U16 @ 2 => "pblock_end";
                /// Step between ports of the block.
                pblock_step: U16 @ 4 => "pblock_step";
                /// Ports in the block.
                pblock_size: U16 @ 6 => "pblock_size";
            }
            27 "NBAR application id" 0 {
                /// Application id: classification engine, then selector in network byte order.
                application_id: Bytes @ 0;
            }
            28 "flow label" 0 {
                /// Label set by a filter (nfdump 1.7.0 to 1.7.4).
                label: Text @ 0;
            }
            29 "payload in" 0 {
                /// First payload bytes; up to 3 zero bytes at the end may be padding.
                in_payload: Bytes @ 0;
                /// TLS version of the hello in the payload.
                in_tls: TlsVersion @ 0 => "in_tls";
                /// Server name of the hello in the payload.
                in_sni: TlsSni @ 0 => "in_sni";
                /// JA3 of the hello in the payload.
                in_ja3: TlsJa3 @ 0 => "in_ja3 hash";
                /// JA4 of the hello in the payload.
                in_ja4: TlsJa4 @ 0 => "in_ja4 hash";
            }
            30 "payload out" 0 {
                /// First payload bytes of the reverse direction; up to 3 zero bytes at the end may be padding.
                out_payload: Bytes @ 0;
                /// TLS version of the hello in the payload.
                out_tls: TlsVersion @ 0 => "out_tls";
                /// Server name of the hello in the payload.
                out_sni: TlsSni @ 0 => "out_sni";
                /// JA3 of the hello in the payload.
                out_ja3: TlsJa3 @ 0 => "out_ja3 hash";
                /// JA4 of the hello in the payload.
                out_ja4: TlsJa4 @ 0 => "out_ja4 hash";
            }
            31 "tunnel IPv4" 12 {
                /// Protocol of the IPv4 tunnel: 4 IP in IP, 41 IPv6, 47 GRE.
                tun4_proto: U32 @ 8 => "tun_proto";
                /// Outer IPv4 source address.
                src4_tun_ip: Ip4 @ 0 => "src4_tun_ip";
                /// Outer IPv4 destination address.
                dst4_tun_ip: Ip4 @ 4 => "dst4_tun_ip";
            }
            32 "tunnel IPv6" 40 {
                /// Protocol of the IPv6 tunnel: 4 IP in IP, 41 IPv6, 47 GRE.
                tun6_proto: U32 @ 32 => "tun_proto";
                /// Outer IPv6 source address.
                src6_tun_ip: Ip6 @ 0 => "src6_tun_ip";
                /// Outer IPv6 destination address.
                dst6_tun_ip: Ip6 @ 16 => "dst6_tun_ip";
            }
            33 "observation ids" 16 {
                /// Observation domain (IPFIX 149).
                observation_domain_id: U32 @ 8 => "observationDomainID";
                /// Observation point (IPFIX 138).
                observation_point_id: U64 @ 0 => "observationPointID";
            }
            34 "inline monitoring meta" 4 {
                /// Size of the monitored frame in bytes.
                frame_size: U16 @ 0;
                /// Link type of the monitored frame (IPFIX 408).
                frame_link_type: U16 @ 2;
            }
            35 "inline monitoring frame" 0 {
                /// First bytes of the monitored frame.
                frame: Bytes @ 0;
            }
            36 "VRF ids" 8 {
                /// VRF on ingress (IPFIX 234).
                ingress_vrf: U32 @ 4 => "ingress_vrf";
                /// VRF on egress (IPFIX 235).
                egress_vrf: U32 @ 0 => "egress_vrf";
            }
            37 "packet filter log" 0 {
                /// Action of the packet filter: 0 pass, 1 block, ...
                pf_action: U8 @ 0;
                /// Reason of the packet filter: 0 match, ...
                pf_reason: U8 @ 1;
                /// Direction: 1 in, 2 out.
                pf_direction: U8 @ 2;
                /// Whether addresses were rewritten.
                pf_rewritten: U8 @ 3;
                /// Rule number.
                pf_rule: U32 @ 4;
                /// Rule number in its sub rule set; 2^32-1 is none.
                pf_sub_rule: U32 @ 8;
                /// User id.
                pf_uid: U32 @ 12;
                /// Process id.
                pf_pid: U32 @ 16;
                /// Interface name.
                pf_interface: Text @ 20;
            }
            38 "layer 2" 32 {
                /// 802.1Q VLAN id (IPFIX 243).
                vlan_id: U16 @ 0 => "vlanID";
                /// 802.1Q VLAN id after the device (IPFIX 254).
                post_vlan_id: U16 @ 4 => "post_vlanID";
                /// Customer VLAN id (IPFIX 245).
                customer_vlan_id: U16 @ 2 => "cust_vlanID";
                /// Customer VLAN id after the device (IPFIX 255).
                post_customer_vlan_id: U16 @ 6 => "post_cust_vlanID";
                /// Physical ingress interface (IPFIX 252).
                phys_ingress: U32 @ 8 => "phys_ingress";
                /// Physical egress interface (IPFIX 253).
                phys_egress: U32 @ 12 => "phys_egress";
                /// EtherType (IPFIX 256).
                ethertype: U16 @ 24 => "ethertype";
                /// IP version (IPFIX 60): 0 unknown, 4, 6.
                ip_version: U8 @ 26 => "ip_version";
                /// VXLAN id; no writer sets it.
                vxlan: U64 @ 16;
            }
            39 "flow id" 8 {
                /// Flow id (IPFIX 148).
                flow_id: U64 @ 0 => "flowID";
            }
            40 "Nokia NAT services" 4 {
                /// Inside service id.
                in_service_id: U16 @ 0 => "inServiceID";
                /// Outside service id.
                out_service_id: U16 @ 2 => "outServiceID";
            }
            41 "Nokia NAT string" 0 {
                /// Subscriber string of any encoding.
                nat_string: Text @ 0 => "natString";
            }
            42 "IP info" 4 {
                /// Fragmentation flags; absent if 0.
                ip_fragment: Fragment @ 1 if NonZero => "ip_fragment";
                /// Smallest TTL or hop limit seen; absent if both are 0.
                min_ttl: U8 @ 2 if AnyTtl => "ip_minttl";
                /// Largest TTL or hop limit seen; absent if both are 0.
                max_ttl: U8 @ 3 if AnyTtl => "ip_maxttl";
                /// TTL of the first packet (nfdump 1.7.5 only); absent if 0.
                ttl: U8 @ 0 if NonZero;
            }
            60 "large exporter number (layout 3)" 4 {
                /// Number of the exporter where it is above 65535, which is all that layout 2 has room for.
                wide_export_sysid: U32 @ 0 => "export_sysid_wide";
            }
            61 "large observation domain (layout 3)" 8 {
                /// Observation domain where it is above 2^32-1, which is all that layout 2 has room for.
                wide_observation_domain_id: U64 @ 0 => "observationDomainID64";
            }
            62 "large NAT event (layout 3)" 2 {
                /// NAT event number where it is above 255, which is all that layout 2 has room for.
                wide_nat_event_id: U16 @ 0 => "nat_event_id_wide";
            }
            63 "event kind (layout 3)" 2 {
                /// What an event is, where its writer tells: 1 NSEL, 2 NAT.
                event_kind: U16 @ 0 => "event_kind";
            }
        }
    };
}

#[cfg(feature = "output")]
pub(crate) use element_table;

element_table!(elements);
