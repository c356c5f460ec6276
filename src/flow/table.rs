//! The element table: every fact about what a flow can hold, in one place.
//!
//! Three tables, each handed to a macro of the caller's choice: [`element_table`] has the stored fields,
//! [`header_table`] those of the record header, [`either_table`] the values that one of two elements
//! holds. Everything else is generated from them: accessors of [`Flow`](crate::Flow) and
//! [`OwnedFlow`](crate::OwnedFlow), the builder, constants of ids and offsets ([`at`](super::at)),
//! `elements`, serde, JSON keys, columns, filter terms and `docs/elements.md`. Adding an element is one
//! entry here; `CONTRIBUTING.md` lists the steps.
//!
//! Sources: `spec/nfcapd-layout2.md` for layout 2, `spec/nfcapd-layout3.md` for the ids from 60 on, which are this library's own; files of
//! nfdump 1.7.0 to 1.7.10 agree.

/// Hands the stored fields to a macro, one entry per element and one line per field.
///
/// `id NAME "title" size { /// doc name: Kind @ offset if Condition => "key"; … }`: size is in bytes as
/// written today, 0 if variable; offsets count from the start of the element's payload. Fields are in the
/// order in which nfdump prints them, which is not always the order in which they are stored. Without a
/// key nfdump does not print the field.
macro_rules! element_table {
    ($callback:ident) => {
        $callback! {
            1 GENERIC "generic flow" 48 {
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
            2 IPV4 "IPv4 addresses" 8 {
                /// IPv4 source address. See also [`src_addr`](crate::Flow::src_addr).
                src4_addr: Ip4 @ 0 => "src4_addr";
                /// IPv4 destination address. See also [`dst_addr`](crate::Flow::dst_addr).
                dst4_addr: Ip4 @ 4 => "dst4_addr";
                /// Place of the source address in nfdump's geo data base: empty.
                src4_geo: Geo @ 0 => "src4_geo";
                /// Place of the destination address in nfdump's geo data base: empty.
                dst4_geo: Geo @ 4 => "dst4_geo";
            }
            3 IPV6 "IPv6 addresses" 32 {
                /// IPv6 source address. See also [`src_addr`](crate::Flow::src_addr).
                src6_addr: Ip6 @ 0 => "src6_addr";
                /// IPv6 destination address. See also [`dst_addr`](crate::Flow::dst_addr).
                dst6_addr: Ip6 @ 16 => "dst6_addr";
                /// Place of the source address in nfdump's geo data base: empty.
                src6_geo: Geo @ 0 => "src6_geo";
                /// Place of the destination address in nfdump's geo data base: empty.
                dst6_geo: Geo @ 16 => "dst6_geo";
            }
            4 MISC "flow misc" 16 {
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
            5 COUNTERS "out and aggregated counters" 24 {
                /// Packets in the other direction or after the device.
                out_packets: U64 @ 8 => "out_packets";
                /// Bytes in the other direction or after the device.
                out_bytes: U64 @ 16 => "out_bytes";
                /// Flows that were aggregated into this one; 0 counts as 1.
                aggr_flows: U64 @ 0 => "aggr_flows";
            }
            6 VLAN "VLAN" 8 {
                /// Source VLAN id.
                src_vlan: U32 @ 0 => "src_vlan";
                /// Destination VLAN id.
                dst_vlan: U32 @ 4 => "dst_vlan";
            }
            7 AS "AS numbers" 8 {
                /// Source autonomous system.
                src_as: U32 @ 0 => "src_as";
                /// Destination autonomous system.
                dst_as: U32 @ 4 => "dst_as";
            }
            8 BGP_NEXT_HOP4 "BGP next hop IPv4" 4 {
                /// IPv4 BGP next hop.
                bgp4_next_hop: Ip4 @ 0 => "bgp4_next_hop";
            }
            9 BGP_NEXT_HOP6 "BGP next hop IPv6" 16 {
                /// IPv6 BGP next hop.
                bgp6_next_hop: Ip6 @ 0 => "bgp6_next_hop";
            }
            10 NEXT_HOP4 "IP next hop IPv4" 4 {
                /// IPv4 next hop.
                ip4_next_hop: Ip4 @ 0 => "ip4_next_hop";
            }
            11 NEXT_HOP6 "IP next hop IPv6" 16 {
                /// IPv6 next hop.
                ip6_next_hop: Ip6 @ 0 => "ip6_next_hop";
            }
            12 EXPORTER4 "exporter IPv4" 4 {
                /// IPv4 address the flow was received from.
                ip4_router: Ip4 @ 0 => "ip4_router";
            }
            13 EXPORTER6 "exporter IPv6" 16 {
                /// IPv6 address the flow was received from.
                ip6_router: Ip6 @ 0 => "ip6_router";
            }
            14 MPLS "MPLS labels" 40 {
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
            15 MAC "MAC addresses" 32 {
                /// Source MAC address on ingress (IPFIX 56).
                in_src_mac: Mac @ 0 => "in_src_mac";
                /// Destination MAC address on egress (IPFIX 57); nfpcapd puts the packet's destination here.
                out_dst_mac: Mac @ 8 => "out_dst_mac";
                /// Destination MAC address on ingress (IPFIX 80).
                in_dst_mac: Mac @ 16 => "in_dst_mac";
                /// Source MAC address on egress (IPFIX 81).
                out_src_mac: Mac @ 24 => "out_src_mac";
            }
            16 ADJACENT_AS "adjacent AS" 8 {
                /// Next adjacent autonomous system.
                next_as: U32 @ 0 => "next_as";
                /// Previous adjacent autonomous system.
                prev_as: U32 @ 4 => "prev_as";
            }
            17 LATENCY "latency" 24 {
                /// Client network latency in microseconds (JSON: milliseconds).
                cli_latency: Micros @ 0 => "cli_latency";
                /// Server network latency in microseconds (JSON: milliseconds).
                srv_latency: Micros @ 8 => "srv_latency";
                /// Application latency in microseconds (JSON: milliseconds).
                app_latency: Micros @ 16 => "app_latency";
            }
            18 SAMPLER "sampler reference" 16 {
                /// Sampler (selector) id the exporter gave.
                sampler_id: U64 @ 0;
                /// Exporter of the sampler.
                sampler_sysid: U16 @ 8;
            }
            19 NSEL "NSEL event" 16 {
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
            20 NAT4 "NAT IPv4" 8 {
                /// Translated IPv4 source address.
                src4_xlt_ip: Ip4 @ 0 => "src4_xlt_ip";
                /// Translated IPv4 destination address.
                dst4_xlt_ip: Ip4 @ 4 => "dst4_xlt_ip";
            }
            21 NAT6 "NAT IPv6" 32 {
                /// Translated IPv6 source address.
                src6_xlt_ip: Ip6 @ 0 => "src6_xlt_ip";
                /// Translated IPv6 destination address.
                dst6_xlt_ip: Ip6 @ 16 => "dst6_xlt_ip";
            }
            22 NAT_PORTS "NAT ports" 4 {
                /// Translated source port.
                src_xlt_port: U16 @ 0 => "src_xlt_port";
                /// Translated destination port.
                dst_xlt_port: U16 @ 2 => "dst_xlt_port";
            }
            23 ACL "NSEL ACLs" 24 {
                /// Ingress ACL: id, extended id, hash.
                ingress_acl: Acl @ 0 => "ingress_acl";
                /// Egress ACL: id, extended id, hash.
                egress_acl: Acl @ 12 => "egress_acl";
            }
            24 USER "NSEL user name" 68 {
                /// User name, at most 66 bytes (layout 3: 72) of any encoding.
                user_name: UserName @ 0 => "user_name";
            }
            25 NAT_EVENT "NAT event" 16 {
                /// NAT event number (IPFIX 230).
                nat_event_id: NatEventId @ 12 => "nat_event_id";
                /// NAT event.
                nat_event: NatEvent @ 12 => "nat_event";
                /// NAT pool id.
                nat_pool_id: NatPool @ 8 => "nat_pool_id";
                /// Time of the NAT event.
                nat_event_time: EventTime @ 0 => "t_event";
            }
            26 PORT_BLOCK "NAT port block" 8 {
                /// First port of the block.
                pblock_start: U16 @ 0 => "pblock_start";
                /// Last port of the block.
                pblock_end: U16 @ 2 => "pblock_end";
                /// Step between ports of the block.
                pblock_step: U16 @ 4 => "pblock_step";
                /// Ports in the block.
                pblock_size: U16 @ 6 => "pblock_size";
            }
            27 APPLICATION "NBAR application id" 0 {
                /// Application id: classification engine, then selector in network byte order.
                application_id: Bytes @ 0;
            }
            28 LABEL "flow label" 0 {
                /// Label set by a filter (nfdump 1.7.0 to 1.7.4).
                label: Text @ 0;
            }
            29 PAYLOAD_IN "payload in" 0 {
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
            30 PAYLOAD_OUT "payload out" 0 {
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
            31 TUNNEL4 "tunnel IPv4" 12 {
                /// Protocol of the IPv4 tunnel: 4 IP in IP, 41 IPv6, 47 GRE.
                tun4_proto: U32 @ 8 => "tun_proto";
                /// Outer IPv4 source address.
                src4_tun_ip: Ip4 @ 0 => "src4_tun_ip";
                /// Outer IPv4 destination address.
                dst4_tun_ip: Ip4 @ 4 => "dst4_tun_ip";
            }
            32 TUNNEL6 "tunnel IPv6" 40 {
                /// Protocol of the IPv6 tunnel: 4 IP in IP, 41 IPv6, 47 GRE.
                tun6_proto: U32 @ 32 => "tun_proto";
                /// Outer IPv6 source address.
                src6_tun_ip: Ip6 @ 0 => "src6_tun_ip";
                /// Outer IPv6 destination address.
                dst6_tun_ip: Ip6 @ 16 => "dst6_tun_ip";
            }
            33 OBSERVATION "observation ids" 16 {
                /// Observation domain (IPFIX 149).
                observation_domain_id: U32 @ 8 => "observationDomainID";
                /// Observation point (IPFIX 138).
                observation_point_id: U64 @ 0 => "observationPointID";
            }
            34 FRAME_META "inline monitoring meta" 4 {
                /// Size of the monitored frame in bytes.
                frame_size: U16 @ 0;
                /// Link type of the monitored frame (IPFIX 408).
                frame_link_type: U16 @ 2;
            }
            35 FRAME "inline monitoring frame" 0 {
                /// First bytes of the monitored frame.
                frame: Bytes @ 0;
            }
            36 VRF "VRF ids" 8 {
                /// VRF on ingress (IPFIX 234).
                ingress_vrf: U32 @ 4 => "ingress_vrf";
                /// VRF on egress (IPFIX 235).
                egress_vrf: U32 @ 0 => "egress_vrf";
            }
            37 PF "packet filter log" 0 {
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
            38 LAYER2 "layer 2" 32 {
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
            39 FLOW_ID "flow id" 8 {
                /// Flow id (IPFIX 148).
                flow_id: U64 @ 0 => "flowID";
            }
            40 NAT_SERVICE "Nokia NAT services" 4 {
                /// Inside service id.
                in_service_id: U16 @ 0 => "inServiceID";
                /// Outside service id.
                out_service_id: U16 @ 2 => "outServiceID";
            }
            41 NAT_STRING "Nokia NAT string" 0 {
                /// Subscriber string of any encoding.
                nat_string: Text @ 0 => "natString";
            }
            42 IP_INFO "IP info" 4 {
                /// Fragmentation flags; absent if 0.
                ip_fragment: Fragment @ 1 if NonZero => "ip_fragment";
                /// Smallest TTL or hop limit seen; absent if both are 0.
                min_ttl: U8 @ 2 if AnyTtl => "ip_minttl";
                /// Largest TTL or hop limit seen; absent if both are 0.
                max_ttl: U8 @ 3 if AnyTtl => "ip_maxttl";
                /// TTL of the first packet (nfdump 1.7.5 only); absent if 0.
                ttl: U8 @ 0 if NonZero;
            }
            60 WIDE_EXPORTER "large exporter number (layout 3)" 4 {
                /// Number of the exporter where it is above 65535, which is all that layout 2 has room for.
                wide_export_sysid: U32 @ 0 => "export_sysid_wide";
            }
            61 WIDE_DOMAIN "large observation domain (layout 3)" 8 {
                /// Observation domain where it is above 2^32-1, which is all that layout 2 has room for.
                wide_observation_domain_id: U64 @ 0 => "observationDomainID64";
            }
            62 WIDE_NAT_EVENT "large NAT event (layout 3)" 2 {
                /// NAT event number where it is above 255, which is all that layout 2 has room for.
                wide_nat_event_id: U16 @ 0 => "nat_event_id_wide";
            }
            63 EVENT_KIND "event kind (layout 3)" 2 {
                /// Kind of the event, if its writer stored it: 1 NSEL, 2 NAT.
                event_kind: U16 @ 0 => "event_kind";
            }
        }
    };
}

/// Hands the fields of the 12-byte record header to a macro; every flow has all of them.
///
/// `/// doc name: Kind @ offset => "key";`: offsets count from the start of the record. A `Flag(mask)` is
/// one bit of its byte.
macro_rules! header_table {
    ($callback:ident) => {
        $callback! {
            /// Export protocol: 1, 5, 9 NetFlow, 10 IPFIX, 65 nfpcapd, 128 and above sFlow, 0 unknown.
            export_version: U8 @ 11;
            /// Engine type of the exporter.
            engine_type: U8 @ 6;
            /// Engine id of the exporter.
            engine_id: U8 @ 7;
            /// Number of the exporter in its file, see [`Names::exporter`](crate::Names::exporter); 0 is none.
            exporter_sysid: U16 @ 8 => "export_sysid";
            /// Whether this is an event (NSEL, NEL, packet filter) rather than a flow.
            is_event: Flag(0x01) @ 10;
            /// Whether the exporter sampled; counters are scaled already.
            is_sampled: Flag(0x02) @ 10 => "sampled";
            /// Whether the addresses were anonymised.
            is_anonymized: Flag(0x04) @ 10;
        }
    };
}

/// Hands the values that are stored in one of two elements to a macro. The first that the flow has counts.
///
/// `/// doc name: Kind [first second] => "key";`: first and second are fields of the element table.
macro_rules! either_table {
    ($callback:ident) => {
        $callback! {
            /// Source address of either family.
            src_addr: Ip [src4_addr src6_addr];
            /// Destination address of either family.
            dst_addr: Ip [dst4_addr dst6_addr];
            /// IP next hop of either family.
            next_hop: Ip [ip4_next_hop ip6_next_hop];
            /// BGP next hop of either family.
            bgp_next_hop: Ip [bgp4_next_hop bgp6_next_hop];
            /// Address of either family that the flow was received from.
            exporter_addr: Ip [ip4_router ip6_router];
            /// Translated source address of either family.
            src_xlt_addr: Ip [src4_xlt_ip src6_xlt_ip];
            /// Translated destination address of either family.
            dst_xlt_addr: Ip [dst4_xlt_ip dst6_xlt_ip];
            /// Outer source address of a tunnel of either family.
            src_tun_addr: Ip [src4_tun_ip src6_tun_ip];
            /// Outer destination address of a tunnel of either family.
            dst_tun_addr: Ip [dst4_tun_ip dst6_tun_ip];
            /// Protocol of a tunnel of either family: 4 IP in IP, 41 IPv6, 47 GRE.
            tun_proto: U32 [tun4_proto tun6_proto] => "tun_proto";
            /// Time of the NSEL event, else of the NAT event.
            event_time: Time [nsel_event_time nat_event_time] => "t_event";
        }
    };
}

pub(crate) use {either_table, element_table, header_table};
