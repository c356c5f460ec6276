/*
 * The elements of flows and their fields, as a list for the preprocessor.
 *
 * Generated from the element table of nfdecode by `cargo xtask generate`; do not edit.
 *
 * NFDUMP_FIELDS(FIELD) becomes FIELD(name, element, offset, type, condition) for each field: the id of its
 * element, bytes from the start of the element's payload, and the ends of names in nfdump_fields.h:
 * NFDUMP_TYPE_type and NFDUMP_WHEN_condition.  For example, the offsets of all fields as constants:
 *
 *     #define OFFSET(name, element, offset, type, condition) name##_offset = offset,
 *     enum { NFDUMP_FIELDS(OFFSET) };
 *
 * nfdump_fields() returns the same list at run time.
 */
#ifndef NFDUMP_ELEMENTS_H
#define NFDUMP_ELEMENTS_H

#define NFDUMP_FIELDS(FIELD) \
    /* 1 generic flow, 48 bytes */ \
    FIELD(first, 1, 0, TIME, ALWAYS) /* Start of the flow. If stored as 0: the time of the NSEL or NAT event. */ \
    FIELD(last, 1, 8, TIME, ALWAYS) /* End of the flow; before its start in bad exports. */ \
    FIELD(received, 1, 16, TIME, ALWAYS) /* Arrival at the collector; 0 is unknown. */ \
    FIELD(in_packets, 1, 24, U64, ALWAYS) /* Packets, already scaled if the exporter sampled. */ \
    FIELD(in_bytes, 1, 32, U64, ALWAYS) /* Bytes (octets of layer 3), already scaled if the exporter sampled. */ \
    FIELD(proto, 1, 44, U8, ALWAYS) /* IP protocol number. */ \
    FIELD(icmp_type, 1, 43, U8, ICMP) /* ICMP or ICMPv6 type; only for these protocols. */ \
    FIELD(icmp_code, 1, 42, U8, ICMP) /* ICMP or ICMPv6 code; only for these protocols. */ \
    /* Union of the TCP flags, as stored for every protocol but ICMP and ICMPv6. */ \
    FIELD(tcp_flags, 1, 45, U8, NOT_ICMP) \
    FIELD(src_port, 1, 40, U16, NOT_ICMP) /* Source port; not for ICMP and ICMPv6. */ \
    FIELD(dst_port, 1, 42, U16, NOT_ICMP) /* Destination port; not for ICMP and ICMPv6. */ \
    /* Forwarding status (IPFIX 89): 2 bits status, 6 bits reason; not for ICMP and ICMPv6. */ \
    FIELD(fwd_status, 1, 46, U8, NOT_ICMP) \
    FIELD(src_tos, 1, 47, U8, ALWAYS) /* Type of service on ingress. */ \
    /* 2 IPv4 addresses, 8 bytes */ \
    FIELD(src4_addr, 2, 0, IPV4, ALWAYS) /* IPv4 source address. */ \
    FIELD(dst4_addr, 2, 4, IPV4, ALWAYS) /* IPv4 destination address. */ \
    /* 3 IPv6 addresses, 32 bytes */ \
    FIELD(src6_addr, 3, 0, IPV6, ALWAYS) /* IPv6 source address. */ \
    FIELD(dst6_addr, 3, 16, IPV6, ALWAYS) /* IPv6 destination address. */ \
    /* 4 flow misc, 16 bytes */ \
    FIELD(input_snmp, 4, 0, U32, ALWAYS) /* Input interface index. */ \
    FIELD(output_snmp, 4, 4, U32, ALWAYS) /* Output interface index. */ \
    FIELD(src_mask, 4, 8, U8, ALWAYS) /* Source prefix length in bits. */ \
    FIELD(dst_mask, 4, 9, U8, ALWAYS) /* Destination prefix length in bits. */ \
    FIELD(direction, 4, 10, U8, ALWAYS) /* Direction at the observation point: 0 ingress, 1 egress. */ \
    FIELD(dst_tos, 4, 11, U8, ALWAYS) /* Type of service after the device. */ \
    /* Biflow direction (IPFIX 239): 0 arbitrary, 1 initiator, 2 reverse initiator, 3 perimeter. */ \
    FIELD(biflow_direction, 4, 12, U8, ALWAYS) \
    /* Flow end reason (IPFIX 136): 1 idle, 2 active timeout, 3 end detected, 4 forced, 5 lack of resources. */ \
    FIELD(flow_end_reason, 4, 13, U8, ALWAYS) \
    /* 5 out and aggregated counters, 24 bytes */ \
    FIELD(out_packets, 5, 8, U64, ALWAYS) /* Packets in the other direction or after the device. */ \
    FIELD(out_bytes, 5, 16, U64, ALWAYS) /* Bytes in the other direction or after the device. */ \
    FIELD(aggr_flows, 5, 0, U64, ALWAYS) /* Flows that were aggregated into this one; 0 counts as 1. */ \
    /* 6 VLAN, 8 bytes */ \
    FIELD(src_vlan, 6, 0, U32, ALWAYS) /* Source VLAN id. */ \
    FIELD(dst_vlan, 6, 4, U32, ALWAYS) /* Destination VLAN id. */ \
    /* 7 AS numbers, 8 bytes */ \
    FIELD(src_as, 7, 0, U32, ALWAYS) /* Source autonomous system. */ \
    FIELD(dst_as, 7, 4, U32, ALWAYS) /* Destination autonomous system. */ \
    /* 8 BGP next hop IPv4, 4 bytes */ \
    FIELD(bgp4_next_hop, 8, 0, IPV4, ALWAYS) /* IPv4 BGP next hop. */ \
    /* 9 BGP next hop IPv6, 16 bytes */ \
    FIELD(bgp6_next_hop, 9, 0, IPV6, ALWAYS) /* IPv6 BGP next hop. */ \
    /* 10 IP next hop IPv4, 4 bytes */ \
    FIELD(ip4_next_hop, 10, 0, IPV4, ALWAYS) /* IPv4 next hop. */ \
    /* 11 IP next hop IPv6, 16 bytes */ \
    FIELD(ip6_next_hop, 11, 0, IPV6, ALWAYS) /* IPv6 next hop. */ \
    /* 12 exporter IPv4, 4 bytes */ \
    FIELD(ip4_router, 12, 0, IPV4, ALWAYS) /* IPv4 address the flow was received from. */ \
    /* 13 exporter IPv6, 16 bytes */ \
    FIELD(ip6_router, 13, 0, IPV6, ALWAYS) /* IPv6 address the flow was received from. */ \
    /* 14 MPLS labels, 40 bytes */ \
    FIELD(mpls_1, 14, 0, MPLS, ALWAYS) /* Top of the MPLS label stack; 0 = unused, as in all ten. */ \
    FIELD(mpls_2, 14, 4, MPLS, ALWAYS) /* Second MPLS label stack entry. */ \
    FIELD(mpls_3, 14, 8, MPLS, ALWAYS) /* Third MPLS label stack entry. */ \
    FIELD(mpls_4, 14, 12, MPLS, ALWAYS) /* Fourth MPLS label stack entry. */ \
    FIELD(mpls_5, 14, 16, MPLS, ALWAYS) /* Fifth MPLS label stack entry. */ \
    FIELD(mpls_6, 14, 20, MPLS, ALWAYS) /* Sixth MPLS label stack entry. */ \
    FIELD(mpls_7, 14, 24, MPLS, ALWAYS) /* Seventh MPLS label stack entry. */ \
    FIELD(mpls_8, 14, 28, MPLS, ALWAYS) /* Eighth MPLS label stack entry. */ \
    FIELD(mpls_9, 14, 32, MPLS, ALWAYS) /* Ninth MPLS label stack entry. */ \
    FIELD(mpls_10, 14, 36, MPLS, ALWAYS) /* Tenth MPLS label stack entry. */ \
    /* 15 MAC addresses, 32 bytes */ \
    FIELD(in_src_mac, 15, 0, MAC, ALWAYS) /* Source MAC address on ingress (IPFIX 56). */ \
    /* Destination MAC address on egress (IPFIX 57); nfpcapd puts the packet's destination here. */ \
    FIELD(out_dst_mac, 15, 8, MAC, ALWAYS) \
    FIELD(in_dst_mac, 15, 16, MAC, ALWAYS) /* Destination MAC address on ingress (IPFIX 80). */ \
    FIELD(out_src_mac, 15, 24, MAC, ALWAYS) /* Source MAC address on egress (IPFIX 81). */ \
    /* 16 adjacent AS, 8 bytes */ \
    FIELD(next_as, 16, 0, U32, ALWAYS) /* Next adjacent autonomous system. */ \
    FIELD(prev_as, 16, 4, U32, ALWAYS) /* Previous adjacent autonomous system. */ \
    /* 17 latency, 24 bytes */ \
    FIELD(cli_latency, 17, 0, DURATION, ALWAYS) /* Client network latency in microseconds (JSON: milliseconds). */ \
    FIELD(srv_latency, 17, 8, DURATION, ALWAYS) /* Server network latency in microseconds (JSON: milliseconds). */ \
    FIELD(app_latency, 17, 16, DURATION, ALWAYS) /* Application latency in microseconds (JSON: milliseconds). */ \
    /* 18 sampler reference, 16 bytes */ \
    FIELD(sampler_id, 18, 0, U64, ALWAYS) /* Sampler (selector) id the exporter gave. */ \
    FIELD(sampler_sysid, 18, 8, U16, ALWAYS) /* Exporter of the sampler. */ \
    /* 19 NSEL event, 16 bytes */ \
    FIELD(connect_id, 19, 8, U32, ALWAYS) /* NSEL connection id. */ \
    FIELD(event_id, 19, 14, U8, ALWAYS) /* NSEL event number (IPFIX 233). */ \
    FIELD(xevent_id, 19, 12, U16, ALWAYS) /* NSEL extended event number. */ \
    FIELD(nsel_event_time, 19, 0, TIME, ALWAYS) /* Time of the NSEL event. */ \
    /* 20 NAT IPv4, 8 bytes */ \
    FIELD(src4_xlt_ip, 20, 0, IPV4, ALWAYS) /* Translated IPv4 source address. */ \
    FIELD(dst4_xlt_ip, 20, 4, IPV4, ALWAYS) /* Translated IPv4 destination address. */ \
    /* 21 NAT IPv6, 32 bytes */ \
    FIELD(src6_xlt_ip, 21, 0, IPV6, ALWAYS) /* Translated IPv6 source address. */ \
    FIELD(dst6_xlt_ip, 21, 16, IPV6, ALWAYS) /* Translated IPv6 destination address. */ \
    /* 22 NAT ports, 4 bytes */ \
    FIELD(src_xlt_port, 22, 0, U16, ALWAYS) /* Translated source port. */ \
    FIELD(dst_xlt_port, 22, 2, U16, ALWAYS) /* Translated destination port. */ \
    /* 23 NSEL ACLs, 24 bytes */ \
    FIELD(ingress_acl, 23, 0, ACL, ALWAYS) /* Ingress ACL: id, extended id, hash. */ \
    FIELD(egress_acl, 23, 12, ACL, ALWAYS) /* Egress ACL: id, extended id, hash. */ \
    /* 24 NSEL user name, 68 bytes */ \
    FIELD(user_name, 24, 0, TEXT, ALWAYS) /* User name, at most 66 bytes (layout 3: 72) of any encoding. */ \
    /* 25 NAT event, 16 bytes */ \
    FIELD(nat_event_id, 25, 12, U8, ALWAYS) /* NAT event number (IPFIX 230). */ \
    FIELD(nat_pool_id, 25, 8, U32, ALWAYS) /* NAT pool id. */ \
    FIELD(nat_event_time, 25, 0, TIME, ALWAYS) /* Time of the NAT event. */ \
    /* 26 NAT port block, 8 bytes */ \
    FIELD(pblock_start, 26, 0, U16, ALWAYS) /* First port of the block. */ \
    FIELD(pblock_end, 26, 2, U16, ALWAYS) /* Last port of the block. */ \
    FIELD(pblock_step, 26, 4, U16, ALWAYS) /* Step between ports of the block. */ \
    FIELD(pblock_size, 26, 6, U16, ALWAYS) /* Ports in the block. */ \
    /* 27 NBAR application id, variable size */ \
    /* Application id: classification engine, then selector in network byte order. */ \
    FIELD(application_id, 27, 0, BYTES, ALWAYS) \
    /* 28 flow label, variable size */ \
    FIELD(label, 28, 0, TEXT, ALWAYS) /* Label set by a filter (nfdump 1.7.0 to 1.7.4). */ \
    /* 29 payload in, variable size */ \
    FIELD(in_payload, 29, 0, BYTES, ALWAYS) /* First payload bytes; up to 3 zero bytes at the end may be padding. */ \
    /* 30 payload out, variable size */ \
    /* First payload bytes of the reverse direction; up to 3 zero bytes at the end may be padding. */ \
    FIELD(out_payload, 30, 0, BYTES, ALWAYS) \
    /* 31 tunnel IPv4, 12 bytes */ \
    FIELD(tun4_proto, 31, 8, U32, ALWAYS) /* Protocol of the IPv4 tunnel: 4 IP in IP, 41 IPv6, 47 GRE. */ \
    FIELD(src4_tun_ip, 31, 0, IPV4, ALWAYS) /* Outer IPv4 source address. */ \
    FIELD(dst4_tun_ip, 31, 4, IPV4, ALWAYS) /* Outer IPv4 destination address. */ \
    /* 32 tunnel IPv6, 40 bytes */ \
    FIELD(tun6_proto, 32, 32, U32, ALWAYS) /* Protocol of the IPv6 tunnel: 4 IP in IP, 41 IPv6, 47 GRE. */ \
    FIELD(src6_tun_ip, 32, 0, IPV6, ALWAYS) /* Outer IPv6 source address. */ \
    FIELD(dst6_tun_ip, 32, 16, IPV6, ALWAYS) /* Outer IPv6 destination address. */ \
    /* 33 observation ids, 16 bytes */ \
    FIELD(observation_domain_id, 33, 8, U32, ALWAYS) /* Observation domain (IPFIX 149). */ \
    FIELD(observation_point_id, 33, 0, U64, ALWAYS) /* Observation point (IPFIX 138). */ \
    /* 34 inline monitoring meta, 4 bytes */ \
    FIELD(frame_size, 34, 0, U16, ALWAYS) /* Size of the monitored frame in bytes. */ \
    FIELD(frame_link_type, 34, 2, U16, ALWAYS) /* Link type of the monitored frame (IPFIX 408). */ \
    /* 35 inline monitoring frame, variable size */ \
    FIELD(frame, 35, 0, BYTES, ALWAYS) /* First bytes of the monitored frame. */ \
    /* 36 VRF ids, 8 bytes */ \
    FIELD(ingress_vrf, 36, 4, U32, ALWAYS) /* VRF on ingress (IPFIX 234). */ \
    FIELD(egress_vrf, 36, 0, U32, ALWAYS) /* VRF on egress (IPFIX 235). */ \
    /* 37 packet filter log, variable size */ \
    FIELD(pf_action, 37, 0, U8, ALWAYS) /* Action of the packet filter: 0 pass, 1 block, ... */ \
    FIELD(pf_reason, 37, 1, U8, ALWAYS) /* Reason of the packet filter: 0 match, ... */ \
    FIELD(pf_direction, 37, 2, U8, ALWAYS) /* Direction: 1 in, 2 out. */ \
    FIELD(pf_rewritten, 37, 3, U8, ALWAYS) /* Whether addresses were rewritten. */ \
    FIELD(pf_rule, 37, 4, U32, ALWAYS) /* Rule number. */ \
    FIELD(pf_sub_rule, 37, 8, U32, ALWAYS) /* Rule number in its sub rule set; 2^32-1 is none. */ \
    FIELD(pf_uid, 37, 12, U32, ALWAYS) /* User id. */ \
    FIELD(pf_pid, 37, 16, U32, ALWAYS) /* Process id. */ \
    FIELD(pf_interface, 37, 20, TEXT, ALWAYS) /* Interface name. */ \
    /* 38 layer 2, 32 bytes */ \
    FIELD(vlan_id, 38, 0, U16, ALWAYS) /* 802.1Q VLAN id (IPFIX 243). */ \
    FIELD(post_vlan_id, 38, 4, U16, ALWAYS) /* 802.1Q VLAN id after the device (IPFIX 254). */ \
    FIELD(customer_vlan_id, 38, 2, U16, ALWAYS) /* Customer VLAN id (IPFIX 245). */ \
    FIELD(post_customer_vlan_id, 38, 6, U16, ALWAYS) /* Customer VLAN id after the device (IPFIX 255). */ \
    FIELD(phys_ingress, 38, 8, U32, ALWAYS) /* Physical ingress interface (IPFIX 252). */ \
    FIELD(phys_egress, 38, 12, U32, ALWAYS) /* Physical egress interface (IPFIX 253). */ \
    FIELD(ethertype, 38, 24, U16, ALWAYS) /* EtherType (IPFIX 256). */ \
    FIELD(ip_version, 38, 26, U8, ALWAYS) /* IP version (IPFIX 60): 0 unknown, 4, 6. */ \
    FIELD(vxlan, 38, 16, U64, ALWAYS) /* VXLAN id; no writer sets it. */ \
    /* 39 flow id, 8 bytes */ \
    FIELD(flow_id, 39, 0, U64, ALWAYS) /* Flow id (IPFIX 148). */ \
    /* 40 Nokia NAT services, 4 bytes */ \
    FIELD(in_service_id, 40, 0, U16, ALWAYS) /* Inside service id. */ \
    FIELD(out_service_id, 40, 2, U16, ALWAYS) /* Outside service id. */ \
    /* 41 Nokia NAT string, variable size */ \
    FIELD(nat_string, 41, 0, TEXT, ALWAYS) /* Subscriber string of any encoding. */ \
    /* 42 IP info, 4 bytes */ \
    FIELD(ip_fragment, 42, 1, U8, NOT_ZERO) /* Fragmentation flags; absent if 0. */ \
    FIELD(min_ttl, 42, 2, U8, TTL) /* Smallest TTL or hop limit seen; absent if both are 0. */ \
    FIELD(max_ttl, 42, 3, U8, TTL) /* Largest TTL or hop limit seen; absent if both are 0. */ \
    FIELD(ttl, 42, 0, U8, NOT_ZERO) /* TTL of the first packet (nfdump 1.7.5 only); absent if 0. */ \
    /* 60 large exporter number (layout 3), 4 bytes */ \
    /* Number of the exporter where it is above 65535, which is all that layout 2 has room for. */ \
    FIELD(wide_export_sysid, 60, 0, U32, ALWAYS) \
    /* 61 large observation domain (layout 3), 8 bytes */ \
    /* Observation domain where it is above 2^32-1, which is all that layout 2 has room for. */ \
    FIELD(wide_observation_domain_id, 61, 0, U64, ALWAYS) \
    /* 62 large NAT event (layout 3), 2 bytes */ \
    /* NAT event number where it is above 255, which is all that layout 2 has room for. */ \
    FIELD(wide_nat_event_id, 62, 0, U16, ALWAYS) \
    /* 63 event kind (layout 3), 2 bytes */ \
    FIELD(event_kind, 63, 0, U16, ALWAYS) /* Kind of the event, if its writer stored it: 1 NSEL, 2 NAT. */ \
    /* end */

#endif
