//! The element statistics of nfdump: their names, what they count, and how values are shown.

use nfdecode::aggregate::{Absent, AggregateError, Grouping, Key};

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Number,
    Address,
    Mac,
    Mpls,
    Flags,
    /// Microseconds.
    Latency,
    Event,
    Hex,
    Acl,
    Text,
    Nbar,
    /// Without a data base: nothing.
    Place,
    /// Without a data base: unknown, and the number.
    Organisation,
    /// A protocol by name in its own column, and by number here.
    Protocol,
    TunnelProtocol,
}

/// One statistic.
#[derive(Debug)]
pub(crate) struct Statistic {
    pub(crate) name: &'static str,
    pub(crate) header: &'static str,
    /// A flow counts once for each of these fields.
    pub(crate) fields: &'static [&'static str],
    pub(crate) show: Show,
}

macro_rules! statistics {
    ($($name:literal $header:literal $show:ident [$($field:literal)*];)*) => {
        /// All statistics but `record`.
        pub(crate) static STATISTICS: &[Statistic] = &[$(Statistic {
            name: $name,
            header: $header,
            fields: &[$($field),*],
            show: Show::$show,
        },)*];
    };
}

statistics! {
    "srcip" "Src IP Addr" Address ["src_addr"];
    "dstip" "Dst IP Addr" Address ["dst_addr"];
    "ip" "    IP Addr" Address ["src_addr" "dst_addr"];
    "srcgeo" "Src Geo" Place ["src"];
    "dstgeo" "Dst Geo" Place ["dst"];
    "geo" " Geo" Place ["src" "dst"];
    "nhip" "Nexthop IP" Address ["next_hop"];
    "nhbip" "Nexthop BGP IP" Address ["bgp_next_hop"];
    "router" "Router IP" Address ["exporter_addr"];
    "srcport" "Src Port" Number ["src_port"];
    "dstport" "Dst Port" Number ["dst_port"];
    "port" "Port" Number ["src_port" "dst_port"];
    "proto" "Protocol" Protocol ["proto"];
    "flags" "TCPflags" Flags ["tcp_flags"];
    "srctos" "Src Tos" Number ["src_tos"];
    "dsttos" "Dst Tos" Number ["dst_tos"];
    "tos" "Tos" Number ["src_tos" "dst_tos"];
    "dir" "Dir" Number ["direction"];
    "srcas" "Src AS" Number ["src_as"];
    "srcasn" "                                 Organisation AS num  " Organisation ["src_as"];
    "dstas" "Dst AS" Number ["dst_as"];
    "dstasn" "                                 Organisation AS num  " Organisation ["dst_as"];
    "as" "AS" Number ["src_as" "dst_as"];
    "asn" "                                 Organisation AS num  " Organisation ["src_as" "dst_as"];
    "prevas" "Prev AS" Number ["prev_as"];
    "nextas" "Next AS" Number ["next_as"];
    "inif" "Input If" Number ["input_snmp"];
    "outif" "Output If" Number ["output_snmp"];
    "if" "Interface" Number ["input_snmp" "output_snmp"];
    "srcmask" "Src Mask" Number ["src_mask"];
    "dstmask" "Dst Mask" Number ["dst_mask"];
    "mask" "Mask" Number ["src_mask" "dst_mask"];
    "tunproto" "Tun proto" TunnelProtocol ["tun4_proto" "tun6_proto"];
    "srcvlan" "Src Vlan" Number ["src_vlan"];
    "dstvlan" "Dst Vlan" Number ["dst_vlan"];
    "vlan" "Vlan" Number ["src_vlan" "dst_vlan"];
    "insrcmac" "In Src Mac" Mac ["in_src_mac"];
    "outdstmac" "Out Dst Mac" Mac ["out_dst_mac"];
    "indstmac" "In Dst Mac" Mac ["in_dst_mac"];
    "outsrcmac" "Out Src Mac" Mac ["out_src_mac"];
    "ethertype" "Ethertype" Number ["ethertype"];
    "srcmac" "Src Mac" Mac ["in_src_mac" "out_src_mac"];
    "dstmac" "Dst Mac" Mac ["in_dst_mac" "out_dst_mac"];
    "inmac" "In Mac" Mac ["in_src_mac" "in_dst_mac"];
    "outmac" "Out Mac" Mac ["out_src_mac" "out_dst_mac"];
    "mac" "Mac Addr" Mac ["in_src_mac" "out_dst_mac" "in_dst_mac" "out_src_mac"];
    "mpls1" "MPLS label 1" Mpls ["mpls_1"];
    "mpls2" "MPLS label 2" Mpls ["mpls_2"];
    "mpls3" "MPLS label 3" Mpls ["mpls_3"];
    "mpls4" "MPLS label 4" Mpls ["mpls_4"];
    "mpls5" "MPLS label 5" Mpls ["mpls_5"];
    "mpls6" "MPLS label 6" Mpls ["mpls_6"];
    "mpls7" "MPLS label 7" Mpls ["mpls_7"];
    "mpls8" "MPLS label 8" Mpls ["mpls_8"];
    "mpls9" "MPLS label 9" Mpls ["mpls_9"];
    "mpls10" "MPLS label 10" Mpls ["mpls_10"];
    "cl" "Client Latency" Latency ["cli_latency"];
    "sl" "Server Latency" Latency ["srv_latency"];
    "al" "Application Latency" Latency ["app_latency"];
    "nbar" "Nbar" Nbar ["application_id"];
    "ja3" "ja3                             " Text ["in_ja3" "out_ja3"];
    "ja4" "ja4                                " Text ["in_ja4"];
    "odid" "Obs DomainID" Hex ["observation_domain_id"];
    "opid" "Obs PointID" Hex ["observation_point_id"];
    "event" " Event" Event ["event_id"];
    "xevent" " Event" Number ["xevent_id"];
    "nat" "NAT Event" Event ["nat_event_id"];
    "natsrcip" "X-Src IP Addr" Address ["src_xlt_addr"];
    "natdstip" "X-Dst IP Addr" Address ["dst_xlt_addr"];
    "natip" "X-IP Addr" Address ["src_xlt_addr" "dst_xlt_addr"];
    "natsrcport" "X-Src Port" Number ["src_xlt_port"];
    "natdstport" "X-Dst Port" Number ["dst_xlt_port"];
    "natport" "X-Port" Number ["src_xlt_port" "dst_xlt_port"];
    "iacl" "Ingress ACL" Acl ["ingress_acl"];
    "eacl" "Egress ACL" Acl ["egress_acl"];
    "ivrf" "I-vrf ID" Number ["ingress_vrf"];
    "evrf" "E-vrf ID" Number ["egress_vrf"];
    "minttl" "minTTL" Number ["min_ttl"];
    "maxttl" "maxTTL" Number ["max_ttl"];
}

impl Statistic {
    /// Whether the protocol is its key.
    pub(crate) fn is_protocol(&self) -> bool {
        matches!(self.show, Show::Protocol | Show::TunnelProtocol)
    }

    /// What groups flows by it. The first key is the value, unless there is none; with `by_protocol` the
    /// last one is the protocol.
    pub(crate) fn grouping(&self, by_protocol: bool) -> Result<Grouping, AggregateError> {
        let mut builder = Grouping::builder().only_with_counters(true).wrap_sums(true);
        if self.show != Show::Place {
            // Numbers that are missing count as 0; flows without any other value are left out.
            let absent = match self.show {
                Show::Number | Show::Organisation | Show::Protocol | Show::TunnelProtocol => {
                    Absent::Zero
                }
                _ => Absent::Skip,
            };
            let key = Key::any_of_stored(self.fields.iter().copied())?;
            builder = builder.key(key.absent(absent));
        }
        if by_protocol && !self.is_protocol() {
            builder = builder.key(Key::stored("proto")?.absent(Absent::Zero));
        }
        builder.build()
    }

    /// How often each flow counts that is in a group without a value.
    pub(crate) fn weight(&self) -> u64 {
        match self.show {
            Show::Place => self.fields.len() as u64,
            _ => 1,
        }
    }
}
