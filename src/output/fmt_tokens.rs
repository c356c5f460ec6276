//! The tokens of nfdump's `fmt:` formats: their headers, and what a cell shows.

/// How a time is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Local,
    Utc,
    /// Seconds since the epoch and milliseconds.
    Raw,
}

/// Which of two addresses, ports, networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
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

/// What a cell shows. Numbers name element, offset and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    U8(u8, usize, usize),
    U16(u8, usize, usize),
    U32(u8, usize, usize),
    /// Scaled, in 8 columns.
    Counter(u8, usize),
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
    Address(u8, u8, Side, Shown),
    Direction,
    Network(Side),
    InterfaceName(usize),
    VrfName(usize),
    Flows,
    Mpls(usize),
    MplsAll,
    Mac(usize),
    Micros(usize),
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
    "pkt" " Packets" Counter(1, 24);
    "ipkt" "  In Pkt" Counter(1, 24);
    "byt" "   Bytes" Counter(1, 32);
    "ibyt" " In Byte" Counter(1, 32);
    "sp" "Src Pt" U16(1, 40, 6);
    "dp" "Dst Pt" DstPort;
    "it" "ICMP-T" U8(1, 43, 6);
    "ic" "ICMP-C" U8(1, 42, 6);
    "pr" "Proto" Protocol;
    "flg" "   Flags" Flags;
    "fwd" "Fwd" U8(1, 46, 3);
    "tos" " Tos" U8(1, 47, 4);
    "stos" "STos" U8(1, 47, 4);
    "bps" "     bps" BitsPerSecond;
    "pps" "     pps" PacketsPerSecond;
    "bpp" "   Bpp" BytesPerPacket;
    "sa" "     Src IP Addr" Address(2, 3, SRC, Shown::Plain);
    "da" "     Dst IP Addr" Address(2, 3, DST, Shown::Plain);
    "sap" "     Src IP Addr:Port " Address(2, 3, SRC, Shown::Port);
    "dap" "     Dst IP Addr:Port " Address(2, 3, DST, Shown::Port);
    "gsap" "     Src IP Addr(..):Port " Address(2, 3, SRC, Shown::PlacePort);
    "gdap" "     Dst IP Addr(..):Port " Address(2, 3, DST, Shown::PlacePort);
    "gsa" "     Src IP Addr(..)" Address(2, 3, SRC, Shown::Place);
    "gda" "     Dst IP Addr(..)" Address(2, 3, DST, Shown::Place);
    "in" " Input" U32(4, 0, 6);
    "out" "Output" U32(4, 4, 6);
    "smk" "SMask" U8(4, 8, 5);
    "dmk" "DMask" U8(4, 9, 5);
    "dir" "Dir" Direction;
    "dtos" "DTos" U8(4, 11, 4);
    "bfd" "Bfd" U8(4, 12, 3);
    "end" "End" U8(4, 13, 3);
    "sn" "        Src Network" Network(SRC);
    "dn" "        Dst Network" Network(DST);
    "inam" " Input interface name" InterfaceName(0);
    "onam" "Output interface name" InterfaceName(4);
    "opkt" " Out Pkt" Counter(5, 8);
    "obyt" "Out Byte" Counter(5, 16);
    "fl" "Flows" Flows;
    "svln" "SVlan" U32(6, 0, 5);
    "dvln" "DVlan" U32(6, 4, 5);
    "sas" "Src AS" U32(7, 0, 6);
    "das" "Dst AS" U32(7, 4, 6);
    "nhb" " BGP next-hop IP" Address(8, 9, SRC, Shown::Plain);
    "nh" "     Next-hop IP" Address(10, 11, SRC, Shown::Plain);
    "ra" "       Router IP" Address(12, 13, SRC, Shown::Plain);
    "gra" "       Router IP(..)" Address(12, 13, SRC, Shown::Place);
    "mpls1" " MPLS lbl 1 " Mpls(0);
    "mpls2" " MPLS lbl 2 " Mpls(4);
    "mpls3" " MPLS lbl 3 " Mpls(8);
    "mpls4" " MPLS lbl 4 " Mpls(12);
    "mpls5" " MPLS lbl 5 " Mpls(16);
    "mpls6" " MPLS lbl 6 " Mpls(20);
    "mpls7" " MPLS lbl 7 " Mpls(24);
    "mpls8" " MPLS lbl 8 " Mpls(28);
    "mpls9" " MPLS lbl 9 " Mpls(32);
    "mpls10" " MPLS lbl 10" Mpls(36);
    "mpls" "                                               MPLS labels 1-10                                                                   " MplsAll;
    "ismc" "  In src MAC Addr" Mac(0);
    "odmc" " Out dst MAC Addr" Mac(8);
    "idmc" "  In dst MAC Addr" Mac(16);
    "osmc" " Out src MAC Addr" Mac(24);
    "nas" "Next AS" U32(16, 0, 7);
    "pas" "Prev AS" U32(16, 4, 7);
    "cl" "C Latency" Micros(0);
    "sl" "S latency" Micros(8);
    "al" "A latency" Micros(16);
    "tevt" "Event time             " EventTime;
    "msec" "   Event Time" EventMillis;
    "evt" "   Event" Event;
    "nfc" "   Conn-ID" U32(19, 8, 10);
    "xevt" " XEvent" XEvent;
    "xsa" "   X-late Src IP" Address(20, 21, SRC, Shown::Narrow);
    "xda" "   X-late Dst IP" Address(20, 21, DST, Shown::Narrow);
    "xsap" "   X-Src IP Addr:Port " Address(20, 21, SRC, Shown::NatPort);
    "xdap" "   X-Dst IP Addr:Port " Address(20, 21, DST, Shown::NatPort);
    "nsa" "   X-late Src IP" Address(20, 21, SRC, Shown::Narrow);
    "nda" "   X-late Dst IP" Address(20, 21, DST, Shown::Narrow);
    "nsap" "   X-Src IP Addr:Port " Address(20, 21, SRC, Shown::NatPort);
    "ndap" "   X-Dst IP Addr:Port " Address(20, 21, DST, Shown::NatPort);
    "xsp" "XsPort" U16(22, 0, 6);
    "xdp" "XdPort" U16(22, 2, 6);
    "nsp" "XsPort" U16(22, 0, 6);
    "ndp" "XdPort" U16(22, 2, 6);
    "iacl" "Ingress ACL                     " AclHex;
    "eacl" "Egress ACL                      " AclDecimal;
    "uname" "UserName" UserName;
    "pbstart" "Pb-Start" U16(26, 0, 7);
    "pbend" "Pb-End" U16(26, 2, 7);
    "pbstep" "Pb-Step" U16(26, 4, 7);
    "pbsize" "Pb-Size" U16(26, 6, 7);
    "nbid" "nbar ID" NbarId;
    "nbnam" "nbar name" NbarName;
    "ipl" "Input Payload" Payload(29);
    "opl" "Output Payload" Payload(30);
    "odid" "obsDomainID" ObservationDomain;
    "opid" "  obsPointID" ObservationPoint;
    "vrf" "  I-VRF-ID" U32(36, 4, 10);
    "ivrf" "  I-VRF-ID" U32(36, 4, 10);
    "ivrfnam" "  I-VRF-Name" VrfName(4);
    "evrf" "  E-VRF-ID" U32(36, 0, 10);
    "evrfnam" "  E-VRF-Name" VrfName(0);
    "pfifn" "interface" PfInterface;
    "pfact" "action" PfAction;
    "pfrea" "reason" PfReason;
    "pfdir" "dir" PfDirection;
    "pfrule" "rule" U32(37, 4, 4);
    "flid" "               flowID" FlowId;
    "isid" " inSrvID" U16(40, 0, 8);
    "osid" "outSrvID" U16(40, 2, 8);
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
    "minttl" "minTTL" U8(42, 2, 6);
    "maxttl" "maxTTL" U8(42, 3, 6);
    "frag" "Frag" Fragment;
    "eth" "EtherType" EtherType;
    "n" "" NewLine;
}
