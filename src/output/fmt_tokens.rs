//! The tokens of nfdump's `fmt:` formats: their headers, and what a cell shows.

use crate::flow::at::{self, At, id};
use crate::flow::view::Side;

/// How a time is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Local,
    Utc,
    /// Seconds since the epoch and milliseconds.
    Raw,
}

/// A token, its header, and what its cells show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) name: &'static str,
    pub(crate) header: &'static str,
    pub(crate) cell: Cell,
}

/// What follows an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Plain,
    /// As `Plain`, with a header that does not grow with the addresses.
    Narrow,
    Port,
    NatPort,
    /// The country, which is never known.
    Place,
    PlacePort,
}

/// What a cell shows: places of values, and widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    U8(At, usize),
    U16(At, usize),
    U32(At, usize),
    /// Scaled, in 8 columns.
    Counter(At),
    First(Style),
    Last(Style),
    Received(Style),
    Duration,
    DurationSeconds,
    DstPort,
    Protocol,
    Flags,
    BitsPerSecond,
    PacketsPerSecond,
    BytesPerPacket,
    /// The elements with the IPv4 and the IPv6 addresses.
    Address([At; 2], Side, Shown),
    Direction,
    Network(Side),
    InterfaceName(At),
    VrfName(At),
    Flows,
    Mpls(At),
    MplsAll,
    Mac(At),
    Micros(At),
    EventTime,
    EventMillis,
    Event,
    XEvent,
    AclHex,
    AclDecimal,
    UserName,
    NatString,
    NbarId,
    NbarName,
    Payload(u8),
    ObservationDomain,
    ObservationPoint,
    PfInterface,
    PfAction,
    PfReason,
    PfDirection,
    FlowId,
    Ja3,
    Ja4,
    Sni,
    Tls,
    ExporterVersion,
    Record,
    Ident,
    Engine,
    Exporter,
    Fixed(&'static str),
    Ttl,
    Fragment,
    EtherType,
    NewLine,
}

macro_rules! tokens {
    ($($name:literal $header:literal $cell:expr;)*) => {
        /// All tokens, in nfdump's order.
        pub(crate) static TOKENS: &[Token] = {
            use Cell::*;
            &[$(Token { name: $name, header: $header, cell: $cell },)*]
        };
    };
}

const SRC: Side = Side::Source;
const DST: Side = Side::Destination;

tokens! {
    "nfv" "Ver" ExporterVersion;
    "cnt" "Count" Record;
    "idt" "Ident       " Ident;
    "eng" " engine" Engine;
    "exp" "Exp ID" Exporter;
    "tfs" "Date first seen        " First(Style::Local);
    "ts" "Date first seen        " First(Style::Local);
    "tsr" "First seen raw" First(Style::Raw);
    "tsg" "First seen GMT         " First(Style::Utc);
    "te" "Date last seen         " Last(Style::Local);
    "ter" "Last seen raw " Last(Style::Raw);
    "teg" "Last seen GMT          " Last(Style::Utc);
    "tr" "Date flow received     " Received(Style::Local);
    "trr" "Received raw  " Received(Style::Raw);
    "trg" "Date flow received GMT " Received(Style::Utc);
    "td" "Duration        " Duration;
    "tds" "Duration        " DurationSeconds;
    "pkt" " Packets" Counter(at::in_packets);
    "ipkt" "  In Pkt" Counter(at::in_packets);
    "byt" "   Bytes" Counter(at::in_bytes);
    "ibyt" " In Byte" Counter(at::in_bytes);
    "sp" "Src Pt" U16(at::src_port, 6);
    "dp" "Dst Pt" DstPort;
    "it" "ICMP-T" U8(at::icmp_type, 6);
    "ic" "ICMP-C" U8(at::icmp_code, 6);
    "pr" "Proto" Protocol;
    "flg" "   Flags" Flags;
    "fwd" "Fwd" U8(at::fwd_status, 3);
    "tos" " Tos" U8(at::src_tos, 4);
    "stos" "STos" U8(at::src_tos, 4);
    "bps" "     bps" BitsPerSecond;
    "pps" "     pps" PacketsPerSecond;
    "bpp" "   Bpp" BytesPerPacket;
    "sa" "     Src IP Addr" Address([at::src4_addr, at::src6_addr], SRC, Shown::Plain);
    "da" "     Dst IP Addr" Address([at::dst4_addr, at::dst6_addr], DST, Shown::Plain);
    "sap" "     Src IP Addr:Port " Address([at::src4_addr, at::src6_addr], SRC, Shown::Port);
    "dap" "     Dst IP Addr:Port " Address([at::dst4_addr, at::dst6_addr], DST, Shown::Port);
    "gsap" "     Src IP Addr(..):Port " Address([at::src4_addr, at::src6_addr], SRC, Shown::PlacePort);
    "gdap" "     Dst IP Addr(..):Port " Address([at::dst4_addr, at::dst6_addr], DST, Shown::PlacePort);
    "gsa" "     Src IP Addr(..)" Address([at::src4_addr, at::src6_addr], SRC, Shown::Place);
    "gda" "     Dst IP Addr(..)" Address([at::dst4_addr, at::dst6_addr], DST, Shown::Place);
    "in" " Input" U32(at::input_snmp, 6);
    "out" "Output" U32(at::output_snmp, 6);
    "smk" "SMask" U8(at::src_mask, 5);
    "dmk" "DMask" U8(at::dst_mask, 5);
    "dir" "Dir" Direction;
    "dtos" "DTos" U8(at::dst_tos, 4);
    "bfd" "Bfd" U8(at::biflow_direction, 3);
    "end" "End" U8(at::flow_end_reason, 3);
    "sn" "        Src Network" Network(SRC);
    "dn" "        Dst Network" Network(DST);
    "inam" " Input interface name" InterfaceName(at::input_snmp);
    "onam" "Output interface name" InterfaceName(at::output_snmp);
    "opkt" " Out Pkt" Counter(at::out_packets);
    "obyt" "Out Byte" Counter(at::out_bytes);
    "fl" "Flows" Flows;
    "svln" "SVlan" U32(at::src_vlan, 5);
    "dvln" "DVlan" U32(at::dst_vlan, 5);
    "sas" "Src AS" U32(at::src_as, 6);
    "das" "Dst AS" U32(at::dst_as, 6);
    "nhb" " BGP next-hop IP" Address([at::bgp4_next_hop, at::bgp6_next_hop], SRC, Shown::Plain);
    "nh" "     Next-hop IP" Address([at::ip4_next_hop, at::ip6_next_hop], SRC, Shown::Plain);
    "ra" "       Router IP" Address([at::ip4_router, at::ip6_router], SRC, Shown::Plain);
    "gra" "       Router IP(..)" Address([at::ip4_router, at::ip6_router], SRC, Shown::Place);
    "mpls1" " MPLS lbl 1 " Mpls(at::mpls_1);
    "mpls2" " MPLS lbl 2 " Mpls(at::mpls_2);
    "mpls3" " MPLS lbl 3 " Mpls(at::mpls_3);
    "mpls4" " MPLS lbl 4 " Mpls(at::mpls_4);
    "mpls5" " MPLS lbl 5 " Mpls(at::mpls_5);
    "mpls6" " MPLS lbl 6 " Mpls(at::mpls_6);
    "mpls7" " MPLS lbl 7 " Mpls(at::mpls_7);
    "mpls8" " MPLS lbl 8 " Mpls(at::mpls_8);
    "mpls9" " MPLS lbl 9 " Mpls(at::mpls_9);
    "mpls10" " MPLS lbl 10" Mpls(at::mpls_10);
    "mpls" "                                               MPLS labels 1-10                                                                   " MplsAll;
    "ismc" "  In src MAC Addr" Mac(at::in_src_mac);
    "odmc" " Out dst MAC Addr" Mac(at::out_dst_mac);
    "idmc" "  In dst MAC Addr" Mac(at::in_dst_mac);
    "osmc" " Out src MAC Addr" Mac(at::out_src_mac);
    "nas" "Next AS" U32(at::next_as, 7);
    "pas" "Prev AS" U32(at::prev_as, 7);
    "cl" "C Latency" Micros(at::cli_latency);
    "sl" "S latency" Micros(at::srv_latency);
    "al" "A latency" Micros(at::app_latency);
    "tevt" "Event time             " EventTime;
    "msec" "   Event Time" EventMillis;
    "evt" "   Event" Event;
    "nfc" "   Conn-ID" U32(at::connect_id, 10);
    "xevt" " XEvent" XEvent;
    "xsa" "   X-late Src IP" Address([at::src4_xlt_ip, at::src6_xlt_ip], SRC, Shown::Narrow);
    "xda" "   X-late Dst IP" Address([at::dst4_xlt_ip, at::dst6_xlt_ip], DST, Shown::Narrow);
    "xsap" "   X-Src IP Addr:Port " Address([at::src4_xlt_ip, at::src6_xlt_ip], SRC, Shown::NatPort);
    "xdap" "   X-Dst IP Addr:Port " Address([at::dst4_xlt_ip, at::dst6_xlt_ip], DST, Shown::NatPort);
    "nsa" "   X-late Src IP" Address([at::src4_xlt_ip, at::src6_xlt_ip], SRC, Shown::Narrow);
    "nda" "   X-late Dst IP" Address([at::dst4_xlt_ip, at::dst6_xlt_ip], DST, Shown::Narrow);
    "nsap" "   X-Src IP Addr:Port " Address([at::src4_xlt_ip, at::src6_xlt_ip], SRC, Shown::NatPort);
    "ndap" "   X-Dst IP Addr:Port " Address([at::dst4_xlt_ip, at::dst6_xlt_ip], DST, Shown::NatPort);
    "xsp" "XsPort" U16(at::src_xlt_port, 6);
    "xdp" "XdPort" U16(at::dst_xlt_port, 6);
    "nsp" "XsPort" U16(at::src_xlt_port, 6);
    "ndp" "XdPort" U16(at::dst_xlt_port, 6);
    "iacl" "Ingress ACL                     " AclHex;
    "eacl" "Egress ACL                      " AclDecimal;
    "uname" "UserName" UserName;
    "pbstart" "Pb-Start" U16(at::pblock_start, 7);
    "pbend" "Pb-End" U16(at::pblock_end, 7);
    "pbstep" "Pb-Step" U16(at::pblock_step, 7);
    "pbsize" "Pb-Size" U16(at::pblock_size, 7);
    "nbid" "nbar ID" NbarId;
    "nbnam" "nbar name" NbarName;
    "ipl" "Input Payload" Payload(id::PAYLOAD_IN);
    "opl" "Output Payload" Payload(id::PAYLOAD_OUT);
    "odid" "obsDomainID" ObservationDomain;
    "opid" "  obsPointID" ObservationPoint;
    "vrf" "  I-VRF-ID" U32(at::ingress_vrf, 10);
    "ivrf" "  I-VRF-ID" U32(at::ingress_vrf, 10);
    "ivrfnam" "  I-VRF-Name" VrfName(at::ingress_vrf);
    "evrf" "  E-VRF-ID" U32(at::egress_vrf, 10);
    "evrfnam" "  E-VRF-Name" VrfName(at::egress_vrf);
    "pfifn" "interface" PfInterface;
    "pfact" "action" PfAction;
    "pfrea" "reason" PfReason;
    "pfdir" "dir" PfDirection;
    "pfrule" "rule" U32(at::pf_rule, 4);
    "flid" "               flowID" FlowId;
    "isid" " inSrvID" U16(at::in_service_id, 8);
    "osid" "outSrvID" U16(at::out_service_id, 8);
    "nats" "nat string" NatString;
    "ja3" "                                   ja3" Ja3;
    "ja4" "                                   ja4" Ja4;
    "sni" "sni name" Sni;
    "tls" "TLS ver" Tls;
    "sc" "SC" Fixed("..");
    "dc" "DC" Fixed("..");
    "sloc" "Src IP location info" Fixed("<no location info>");
    "dloc" "Dst IP location info" Fixed("<no location info>");
    "sasn" "Src AS organisation           " Fixed("                          none");
    "dasn" "Dst AS organisation           " Fixed("                          none");
    "stor" "STor" Fixed("    ");
    "dtor" "DTor" Fixed("    ");
    "lbl" "           label" Fixed("          <none>");
    "ttl" "min/maxTTL" Ttl;
    "minttl" "minTTL" U8(at::min_ttl, 6);
    "maxttl" "maxTTL" U8(at::max_ttl, 6);
    "frag" "Frag" Fragment;
    "eth" "EtherType" EtherType;
    "n" "" NewLine;
}
