//! The terms of the language as tables: syntax, accepted values, fields read.
//!
//! Parser, compiled program, builder and the table in `docs/filter.md` are made from these tables.
//! Fields are named as in [`crate::element`], which also says where they are stored.

use crate::flow::stored::Stored;

/// A term that compares a number.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NumberTerm {
    /// The number that is compared.
    pub number: Number,
    /// How the term is written, the usual way first.
    pub syntax: &'static [&'static str],
    /// The largest accepted number.
    pub max: u64,
    /// Whether `>`, `<` and so on are accepted; otherwise only equality, without `=`.
    pub compare: bool,
    /// Whether `in [...]` is accepted.
    pub list: bool,
    /// The fields of a flow that are read; any of them may match.
    pub fields: &'static [&'static str],
    /// What the term tests, in one line.
    pub doc: &'static str,
    /// Where `fields` are stored.
    pub(crate) stored: &'static [Stored],
}

impl NumberTerm {
    /// All terms that compare a number, in the order of [`Number`].
    #[must_use]
    pub fn all() -> &'static [Self] {
        NUMBERS
    }

    /// The term that compares this field alone, for engines that compare columns of the same name.
    ///
    /// Of the flows that have the field, it selects those whose field compares so. It may also select flows without the
    /// field, unless it [is exact](Self::is_exact). `None` for fields without such a term; `flags` is none, as it looks at
    /// TCP flows only.
    #[must_use]
    pub fn of_field(name: &str) -> Option<&'static Self> {
        NUMBERS
            .iter()
            .find(|term| term.fields == [name] && term.number != Number::Flags)
    }

    /// Whether a term of [one field](Self::of_field) selects only flows that have the field.
    ///
    /// Others take what is stored, or 0, where a flow has no such field: the ports of ICMP, AS numbers, forwarding
    /// status, TTL, and times of more than 63 bits.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !matches!(
            self.number,
            Number::SrcPort
                | Number::DstPort
                | Number::SrcAs
                | Number::DstAs
                | Number::FirstSeen
                | Number::LastSeen
                | Number::ForwardingStatus
                | Number::MinTtl
                | Number::MaxTtl
        )
    }

    /// The usual way to write the term.
    pub(crate) fn name(&self) -> &'static str {
        self.syntax.first().copied().unwrap_or_default()
    }

    /// The term that is written like this.
    pub(crate) fn written(syntax: &str) -> Option<&'static Self> {
        NUMBERS.iter().find(|term| term.syntax.contains(&syntax))
    }
}

macro_rules! flag {
    ($want:ident;) => { false };
    ($want:ident; $first:ident $($rest:ident)*) => { flag!(@ $want $first; $($rest)*) };
    (@ compare compare; $($rest:ident)*) => { true };
    (@ list list; $($rest:ident)*) => { true };
    (@ $want:ident $first:ident; $($rest:ident)*) => { flag!($want; $($rest)*) };
}

macro_rules! numbers {
    ($( $(#[doc = $doc:literal])+ $name:ident [$($syntax:literal)+] $max:expr, ($($flag:ident)*) [$($field:ident)*]; )*) => {
        /// A number of a flow that a filter can compare.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Number { $( $(#[doc = $doc])+ $name, )* }

        static NUMBERS: &[NumberTerm] = &[ $( NumberTerm {
            number: Number::$name,
            syntax: &[$($syntax),+],
            max: $max,
            compare: flag!(compare; $($flag)*),
            list: flag!(list; $($flag)*),
            fields: &[$(stringify!($field)),*],
            doc: concat!($($doc),+),
            stored: &[$(Stored::field(stringify!($field))),*],
        }, )* ];
    };
}

const U8: u64 = u8::MAX as u64;
const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;
const U64: u64 = u64::MAX;

numbers! {
    /// Protocol number, or the beginning of a name (`tcp`, `icmp6`, `u`).
    Proto ["proto"] U8, () [proto];
    /// Protocol of the tunnel.
    TunnelProto ["tun proto"] U8, () [tun4_proto tun6_proto];
    /// Source or destination port.
    Port ["port"] U16, (compare list) [src_port dst_port];
    /// Source port.
    SrcPort ["src port"] U16, (compare list) [src_port];
    /// Destination port; of ICMP type × 256 + code.
    DstPort ["dst port"] U16, (compare list) [dst_port];
    /// Translated source or destination port.
    NatPort ["nat port"] U16, (compare list) [src_xlt_port dst_xlt_port];
    /// Translated source port.
    SrcNatPort ["src nat port"] U16, (compare list) [src_xlt_port];
    /// Translated destination port.
    DstNatPort ["dst nat port"] U16, (compare list) [dst_xlt_port];
    /// ICMP or ICMPv6 type; false for other protocols.
    IcmpType ["icmp type" "icmp-type"] U8, (compare) [icmp_type];
    /// ICMP or ICMPv6 code; false for other protocols.
    IcmpCode ["icmp code" "icmp-code"] U8, (compare) [icmp_code];
    /// TCP flags as a number; false for other protocols.
    Flags ["flags"] U8, (compare) [tcp_flags];
    /// Type of service on ingress.
    Tos ["tos" "src tos"] U8, (compare) [src_tos];
    /// Type of service after the device.
    DstTos ["dst tos"] U8, (compare) [dst_tos];
    /// Packets.
    Packets ["packets" "in packets"] U64, (compare) [in_packets];
    /// Packets in the other direction or after the device.
    OutPackets ["out packets"] U64, (compare) [out_packets];
    /// Bytes.
    Bytes ["bytes" "in bytes"] U64, (compare) [in_bytes];
    /// Bytes in the other direction or after the device.
    OutBytes ["out bytes"] U64, (compare) [out_bytes];
    /// Flows aggregated into this one; false for flows without that counter.
    Flows ["flows"] U64, (compare) [aggr_flows];
    /// Last seen minus first seen, in ms.
    Duration ["duration"] U64, (compare) [first last];
    /// Packets per second; 0 if the duration is 0.
    Pps ["pps"] U64, (compare) [in_packets first last];
    /// Bits per second; 0 if the duration is 0.
    Bps ["bps"] U64, (compare) [in_bytes first last];
    /// Bytes per packet.
    Bpp ["bpp"] U64, (compare) [in_bytes in_packets];
    /// Start of the flow: a time.
    FirstSeen ["first seen"] U64, (compare) [first];
    /// End of the flow: a time.
    LastSeen ["last seen"] U64, (compare) [last];
    /// Forwarding status, as number or name (`Forw`, `Noroute`).
    ForwardingStatus ["fwdstat"] U8, (compare) [fwd_status];
    /// Smallest or largest TTL.
    Ttl ["ttl"] U8, (compare) [min_ttl max_ttl];
    /// Smallest TTL.
    MinTtl ["min ttl"] U8, (compare) [min_ttl];
    /// Largest TTL.
    MaxTtl ["max ttl"] U8, (compare) [max_ttl];
    /// Direction: 0 or `ingress`, 1 or `egress`.
    Direction ["flowdir"] 1, () [direction];
    /// Source or destination AS; a flow without AS numbers has AS 0.
    As ["as"] U32, (compare list) [src_as dst_as];
    /// Source AS; a flow without AS numbers has AS 0.
    SrcAs ["src as"] U32, (compare list) [src_as];
    /// Destination AS; a flow without AS numbers has AS 0.
    DstAs ["dst as"] U32, (compare list) [dst_as];
    /// Next adjacent AS.
    NextAs ["next as"] U32, (compare list) [next_as];
    /// Previous adjacent AS.
    PrevAs ["prev as"] U32, (compare list) [prev_as];
    /// Input or output interface.
    Interface ["if"] U32, () [input_snmp output_snmp];
    /// Input interface.
    InInterface ["in if"] U32, () [input_snmp];
    /// Output interface.
    OutInterface ["out if"] U32, () [output_snmp];
    /// Source or destination prefix length.
    Mask ["mask"] U8, () [src_mask dst_mask];
    /// Source prefix length.
    SrcMask ["src mask"] U8, () [src_mask];
    /// Destination prefix length.
    DstMask ["dst mask"] U8, () [dst_mask];
    /// Any VLAN id except those of customers.
    Vlan ["vlan"] U32, () [src_vlan dst_vlan vlan_id post_vlan_id];
    /// Source or 802.1Q VLAN id.
    SrcVlan ["src vlan"] U32, () [src_vlan vlan_id];
    /// Destination VLAN id, or 802.1Q VLAN id after the device.
    DstVlan ["dst vlan"] U32, () [dst_vlan post_vlan_id];
    /// EtherType.
    EtherType ["ethertype"] U64, () [ethertype];
    /// Client network latency in microseconds.
    ClientLatency ["client latency"] U64, (compare) [cli_latency];
    /// Server network latency in microseconds.
    ServerLatency ["server latency"] U64, (compare) [srv_latency];
    /// VRF on ingress.
    IngressVrf ["ingress vrf"] U64, (compare) [ingress_vrf];
    /// VRF on egress.
    EgressVrf ["egress vrf"] U64, (compare) [egress_vrf];
    /// Observation domain.
    ObservationDomain ["observation domain id"] U64, (compare) [observation_domain_id];
    /// Observation point.
    ObservationPoint ["observation point id"] U64, (compare) [observation_point_id];
    /// NSEL event, as number or name (`create`, `denied`).
    AsaEvent ["asa event"] 5, (compare) [event_id];
    /// NSEL extended event; `asa denied NAME` tests it by name (`ingress`, `nosyn`).
    AsaExtendedEvent ["asa xevent"] U64, (compare) [xevent_id];
    /// Any of the three words of the ingress ACL, as stored.
    IngressAcl ["ingress acl"] U64, (compare) [ingress_acl];
    /// Any of the three words of the egress ACL, as stored.
    EgressAcl ["egress acl"] U64, (compare) [egress_acl];
    /// NAT event, as number or name (`add44`, `delete`).
    NatEvent ["nat event"] 19, (compare) [nat_event_id];
    /// First port of the port block.
    PortBlockStart ["nat pblock start"] U64, (compare) [pblock_start];
    /// Last port of the port block.
    PortBlockEnd ["nat pblock end"] U64, (compare) [pblock_end];
    /// Step between ports of the port block.
    PortBlockStep ["nat pblock step"] U64, (compare) [pblock_step];
    /// Ports in the port block.
    PortBlockSize ["nat pblock size"] U64, (compare) [pblock_size];
    /// Rule of the packet filter.
    PfRule ["pf rule"] U64, (compare) [pf_rule];
    /// What the packet filter did: a name (`pass`, `block`, `nat`).
    PfAction ["pf action"] 15, () [pf_action];
    /// Why the packet filter did it: a name (`match`, `short`).
    PfReason ["pf reason"] 16, () [pf_reason];
    /// Direction of the packet filter: `in` or `out`.
    PfDirection ["pf dir"] 1, () [pf_direction];
    /// Engine type of the exporter.
    EngineType ["engine type" "engine-type"] U8, (compare) [];
    /// Engine id of the exporter.
    EngineId ["engine id" "engine-id"] U8, (compare) [];
    /// Number of the exporter in its file.
    ExporterId ["exporter id" "exporter sysid"] U16, (compare) [];
    /// Running number of the record, from 1 over all files; records that are not flows count too.
    Count ["count"] U64, (compare) [];
}

impl Number {
    /// The term that compares this number.
    #[must_use]
    pub fn term(self) -> &'static NumberTerm {
        // The table has one row per variant, in their order.
        NUMBERS.get(self as usize).unwrap_or(&NUMBERS[0])
    }
}

macro_rules! sides {
    ($( #[doc = $doc:literal] $name:ident $syntax:literal $list:literal [$($v4:ident $v6:ident),+]; )*) => {
        /// Which address of a flow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Side { $( #[doc = $doc] $name, )* }

        static SIDES: &[AddressTerm] = &[ $( AddressTerm {
            side: Side::$name,
            syntax: $syntax,
            list: $list,
            fields: &[$((stringify!($v4), stringify!($v6))),+],
            doc: $doc,
            stored: &[$((Stored::field(stringify!($v4)), Stored::field(stringify!($v6)))),+],
        }, )* ];
    };
}

/// A term that compares addresses, for one direction.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AddressTerm {
    /// The direction.
    pub side: Side,
    /// What is written before `ip` and `net`; may be empty.
    pub syntax: &'static str,
    /// Whether `ip in [...]` is accepted.
    pub list: bool,
    /// The fields of IPv4 and of IPv6; any of them may match.
    pub fields: &'static [(&'static str, &'static str)],
    /// Which address it is.
    pub doc: &'static str,
    /// Where `fields` are stored.
    pub(crate) stored: &'static [(Stored, Stored)],
}

impl AddressTerm {
    /// All terms that compare addresses, in the order of [`Side`].
    #[must_use]
    pub fn all() -> &'static [Self] {
        SIDES
    }
}

sides! {
    /// Source or destination address.
    Any "" true [src4_addr src6_addr, dst4_addr dst6_addr];
    /// Source address.
    Src "src" true [src4_addr src6_addr];
    /// Destination address.
    Dst "dst" true [dst4_addr dst6_addr];
    /// Translated source or destination address.
    Nat "nat" true [src4_xlt_ip src6_xlt_ip, dst4_xlt_ip dst6_xlt_ip];
    /// Translated source address.
    SrcNat "src nat" true [src4_xlt_ip src6_xlt_ip];
    /// Translated destination address.
    DstNat "dst nat" true [dst4_xlt_ip dst6_xlt_ip];
    /// Outer source or destination address of a tunnel.
    Tunnel "tun" true [src4_tun_ip src6_tun_ip, dst4_tun_ip dst6_tun_ip];
    /// Outer source address of a tunnel.
    SrcTunnel "src tun" true [src4_tun_ip src6_tun_ip];
    /// Outer destination address of a tunnel.
    DstTunnel "dst tun" true [dst4_tun_ip dst6_tun_ip];
    /// IP next hop.
    Next "next" true [ip4_next_hop ip6_next_hop];
    /// BGP next hop.
    BgpNext "bgp next" false [bgp4_next_hop bgp6_next_hop];
    /// Exporter that the flow was received from.
    Router "router" false [ip4_router ip6_router];
}

impl Side {
    /// The term that compares this address.
    #[must_use]
    pub fn term(self) -> &'static AddressTerm {
        SIDES.get(self as usize).unwrap_or(&SIDES[0])
    }
}

macro_rules! mac_sides {
    ($( #[doc = $doc:literal] $name:ident $syntax:literal [$($field:ident)+]; )*) => {
        /// Which MAC address of a flow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum MacSide { $( #[doc = $doc] $name, )* }

        static MAC_SIDES: &[MacTerm] = &[ $( MacTerm {
            side: MacSide::$name,
            syntax: $syntax,
            fields: &[$(stringify!($field)),+],
            doc: $doc,
            stored: &[$(Stored::field(stringify!($field))),+],
        }, )* ];
    };
}

/// A term that compares MAC addresses, for one direction.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MacTerm {
    /// The direction.
    pub side: MacSide,
    /// What is written before `mac`; may be empty.
    pub syntax: &'static str,
    /// The fields that are read; any of them may match.
    pub fields: &'static [&'static str],
    /// Which address it is.
    pub doc: &'static str,
    /// Where `fields` are stored.
    pub(crate) stored: &'static [Stored],
}

impl MacTerm {
    /// All terms that compare MAC addresses, in the order of [`MacSide`].
    #[must_use]
    pub fn all() -> &'static [Self] {
        MAC_SIDES
    }
}

mac_sides! {
    /// Any of the four MAC addresses.
    Any "" [in_src_mac out_dst_mac in_dst_mac out_src_mac];
    /// Source or destination MAC address on ingress.
    In "in" [in_src_mac in_dst_mac];
    /// Source or destination MAC address on egress.
    Out "out" [out_dst_mac out_src_mac];
    /// Source MAC address.
    Src "src" [in_src_mac out_src_mac];
    /// Destination MAC address.
    Dst "dst" [out_dst_mac in_dst_mac];
    /// Source MAC address on ingress.
    InSrc "in src" [in_src_mac];
    /// Destination MAC address on ingress.
    InDst "in dst" [in_dst_mac];
    /// Source MAC address on egress.
    OutSrc "out src" [out_src_mac];
    /// Destination MAC address on egress.
    OutDst "out dst" [out_dst_mac];
}

impl MacSide {
    /// The term that compares this address.
    #[must_use]
    pub fn term(self) -> &'static MacTerm {
        MAC_SIDES.get(self as usize).unwrap_or(&MAC_SIDES[0])
    }
}

/// A term that does not compare a number or an address.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OtherTerm {
    /// How the term is written; words in capitals are arguments.
    pub syntax: &'static str,
    /// The fields that are read.
    pub fields: &'static [&'static str],
    /// What the term tests, in one line.
    pub doc: &'static str,
}

impl OtherTerm {
    /// All terms that compare neither a number nor an address.
    #[must_use]
    pub fn all() -> &'static [Self] {
        OTHERS
    }
}

macro_rules! others {
    ($($syntax:literal [$($field:ident)*] $doc:literal;)*) => {
        static OTHERS: &[OtherTerm] = &[ $( OtherTerm {
            syntax: $syntax,
            fields: &[$(stringify!($field)),*],
            doc: $doc,
        }, )* ];
    };
}

others! {
    "any" [] "Every flow.";
    "ipv4" [src4_addr] "Flows with IPv4 addresses.";
    "ipv6" [src6_addr] "Flows with IPv6 addresses.";
    "ident NAME" [] "Flows of files with this ident; a file without one has `none`.";
    "flags LETTERS" [tcp_flags proto] "TCP flows with at least these flags, of `FSRPAUEC`; `X` is `FSRPAU`.";
    "flags =LETTERS" [tcp_flags proto] "TCP flows with exactly these flags.";
    "ttl equal" [min_ttl max_ttl] "All packets had the same TTL.";
    "port in nat pblock" [src_port dst_port pblock_start pblock_end] "A port (also `src`, `dst`) is in the flow's port block.";
    "asa denied NAME" [xevent_id] "Why NSEL denied: `ingress`, `egress`, `interface`, `nosyn`, `ignore`.";
    "asa user NAME" [user_name] "NSEL user; case matters.";
    "pf interface NAME" [pf_interface] "Interface of the packet filter; case matters.";
    "mpls label0 … label9 N" [mpls_1] "An entry of the MPLS label stack, from 0; accepts comparators.";
    "mpls exp0 … exp9 N" [mpls_1] "Traffic class of an entry, from 0; accepts comparators.";
    "mpls any N" [mpls_1] "One of the ten labels equals N.";
    "mpls eos N" [mpls_1] "The label at the bottom of the stack; accepts comparators.";
    "payload content TEXT" [in_payload out_payload] "The payload of either direction contains TEXT.";
    "payload regex PATTERN [ims]" [in_payload out_payload] "The pattern matches in the payload of either direction.";
    "payload dns defined" [in_payload] "The payload is a DNS message; `out payload` looks at the reverse direction.";
    "payload dns name TEXT" [in_payload] "A name asked for contains TEXT; names end with a dot.";
    "payload dns address TEXT" [in_payload] "An A or AAAA address in the answer contains TEXT.";
    "payload tls defined" [in_payload] "The payload is a TLS hello; `ssl` is the same.";
    "payload tls version 1.N" [in_payload] "The version in the hello, 1.0 to 1.3; `ssl version 3.0`.";
    "payload tls sni TEXT" [in_payload] "The server name contains TEXT.";
    "payload ja3 HASH" [in_payload] "JA3 of the client or JA3S of the server; or `defined`.";
    "payload ja4 HASH" [in_payload] "JA4 of the client; or `defined`.";
    "geo CC" [] "Rejected: needs a geo database.";
    "ip tor" [] "Rejected: needs a database of Tor nodes.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::element::field;

    #[test]
    fn rows_are_in_the_order_of_the_variants() {
        for term in NUMBERS {
            assert_eq!(term.number.term().syntax, term.syntax);
        }
        for term in SIDES {
            assert_eq!(term.side.term().syntax, term.syntax);
        }
        for term in MAC_SIDES {
            assert_eq!(term.side.term().syntax, term.syntax);
        }
    }

    #[test]
    fn fields_of_all_terms_exist() {
        for name in OTHERS.iter().flat_map(|term| term.fields) {
            assert!(field(name).is_some(), "{name}");
        }
    }

    #[test]
    fn compared_numbers_have_a_known_width() {
        let numbers = NUMBERS.iter().flat_map(|term| term.stored);
        for stored in numbers.chain(MAC_SIDES.iter().flat_map(|term| term.stored)) {
            assert_ne!(stored.width.bytes(), 0, "{stored:?}");
        }
    }
}
