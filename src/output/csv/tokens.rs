//! The tokens of nfdump's CSV and lists of them.

use std::fmt;
use std::sync::Arc;

use crate::flow::at::{self, At};
use crate::flow::view::Side;
use crate::output::near::near;

/// The list that `csv` without tokens means.
pub const DEFAULT: &str = "%ts,%td,%pr,%sa,%sp,%da,%dp,%pkt,%byt,%fl";

/// One token of nfdump's lists and what it prints.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Token {
    /// The token without its percent sign.
    pub name: &'static str,
    /// The name of the column in the header line.
    pub header: &'static str,
    pub(super) column: Column,
}

/// How a time is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Local,
    Utc,
    /// Seconds since the epoch and milliseconds.
    Raw,
}

/// How the three words of an ACL are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Hex,
    Decimal,
}

/// What a column prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    U8(At),
    U16(At),
    U32(At),
    U64(At),
    Mac(At),
    Micros(At),
    Mpls(At),
    MplsAll,
    First(Style),
    Last(Style),
    Received(Style),
    EventTime,
    EventMillis,
    Event,
    XEvent,
    Duration,
    DstPort,
    TcpFlags,
    BitsPerSecond,
    PacketsPerSecond,
    BytesPerPacket,
    /// The IPv4 address and the IPv6 address, one of which counts.
    Address([At; 2]),
    Direction,
    Network(Side),
    Flows,
    Acl(At, Words),
    UserName,
    NatString,
    NbarId,
    NbarName,
    InterfaceName(At),
    VrfName(At),
    ObservationDomain,
    ObservationPoint,
    PfInterface,
    PfAction,
    PfReason,
    PfDirection,
    FlowId,
    Fragment,
    /// Not in nfdump's CSV: its tables of `-A ethertype` lack it.
    EtherType,
    Ja3,
    Ja4,
    Sni,
    Tls,
    ExporterVersion,
    /// Number of the record in the input.
    Record,
    Ident,
    Engine,
    Exporter,
    /// Always the same text: values that need a database, and the label, which nfdump does not print.
    Fixed(&'static str),
    Organisation,
    // The others are of `csv-fast` only.
    /// Number of the printed line.
    Line,
    Family,
    FirstMillis,
    LastMillis,
    /// As `Address`; IPv6 before IPv4, and nothing if there is none.
    FastAddress([At; 2]),
}

macro_rules! tokens {
    ($($name:literal $header:literal $column:expr;)*) => {
        static TOKENS: &[Token] = {
            use Column::*;
            &[$(Token { name: $name, header: $header, column: $column },)*]
        };
    };
}

tokens! {
    "nfv" "version" ExporterVersion;
    "cnt" "count" Record;
    "idt" "Ident" Ident;
    "eng" "engine" Engine;
    "exp" "exporterID" Exporter;
    "tfs" "firstSeen" First(Style::Local);
    "ts" "firstSeen" First(Style::Local);
    "tsr" "firstSeen" First(Style::Raw);
    "tsg" "firstSeen" First(Style::Utc);
    "te" "lastSeen" Last(Style::Local);
    "ter" "lastSeen" Last(Style::Raw);
    "teg" "lastSeen" Last(Style::Utc);
    "tr" "received" Received(Style::Local);
    "trr" "received" Received(Style::Raw);
    "trg" "received" Received(Style::Utc);
    "td" "duration" Duration;
    "tds" "duration" Duration;
    "pkt" "packets" U64(at::in_packets);
    "ipkt" "inPackets" U64(at::in_packets);
    "byt" "bytes" U64(at::in_bytes);
    "ibyt" "inBytes" U64(at::in_bytes);
    "sp" "srcPort" U16(at::src_port);
    "dp" "dstPort" DstPort;
    "it" "icmpTYpe" U8(at::icmp_type);
    "ic" "icmpCode" U8(at::icmp_code);
    "pr" "proto" U8(at::proto);
    "flg" "flags" TcpFlags;
    "fwd" "fwdStatus" U8(at::fwd_status);
    "tos" "tos" U8(at::src_tos);
    "stos" "srcTos" U8(at::src_tos);
    "bps" "bps" BitsPerSecond;
    "pps" "pps" PacketsPerSecond;
    "bpp" "bpp" BytesPerPacket;
    "sa" "srcAddr" Address([at::src4_addr, at::src6_addr]);
    "da" "dstAddr" Address([at::dst4_addr, at::dst6_addr]);
    "in" "input" U32(at::input_snmp);
    "out" "output" U32(at::output_snmp);
    "smk" "srcMask" U8(at::src_mask);
    "dmk" "dstMask" U8(at::dst_mask);
    "dir" "direction" Direction;
    "dtos" "dstTos" U8(at::dst_tos);
    "bfd" "biDirection" U8(at::biflow_direction);
    "end" "endReason" U8(at::flow_end_reason);
    "sn" "srcNet" Network(Side::Source);
    "dn" "dstNet" Network(Side::Destination);
    "inam" "inIfName" InterfaceName(at::input_snmp);
    "onam" "outIfName" InterfaceName(at::output_snmp);
    "opkt" "outPackets" U64(at::out_packets);
    "obyt" "outBytes" U64(at::out_bytes);
    "fl" "flows" Flows;
    "svln" "srcVlan" U32(at::src_vlan);
    "dvln" "dstVlan" U32(at::dst_vlan);
    "sas" "srcAS" U32(at::src_as);
    "das" "dstAS" U32(at::dst_as);
    "nhb" "bgpNextIP" Address([at::bgp4_next_hop, at::bgp6_next_hop]);
    "nh" "nextIP" Address([at::ip4_next_hop, at::ip6_next_hop]);
    "ra" "routerIP" Address([at::ip4_router, at::ip6_router]);
    "mpls1" "mplsLabel1" Mpls(at::mpls_1);
    "mpls2" "mplsLabel2" Mpls(at::mpls_2);
    "mpls3" "mplsLabel3" Mpls(at::mpls_3);
    "mpls4" "mplsLabel4" Mpls(at::mpls_4);
    "mpls5" "mplsLabel5" Mpls(at::mpls_5);
    "mpls6" "mplsLabel6" Mpls(at::mpls_6);
    "mpls7" "mplsLabel7" Mpls(at::mpls_7);
    "mpls8" "mplsLabel8" Mpls(at::mpls_8);
    "mpls9" "mplsLabel9" Mpls(at::mpls_9);
    "mpls10" "mplsLabel10" Mpls(at::mpls_10);
    "mpls" "mplsLabel1-10" MplsAll;
    "ismc" "inSrcMac" Mac(at::in_src_mac);
    "odmc" "outDstMac" Mac(at::out_dst_mac);
    "idmc" "inDstMac" Mac(at::in_dst_mac);
    "osmc" "outSrcMac" Mac(at::out_src_mac);
    "nas" "nextAS" U32(at::next_as);
    "pas" "prevAS" U32(at::prev_as);
    "cl" "clientLatency" Micros(at::cli_latency);
    "sl" "serverLatency" Micros(at::srv_latency);
    "al" "appLatency" Micros(at::app_latency);
    "tevt" "eventTime" EventTime;
    "msec" "eventTime" EventMillis;
    "evt" "event" Event;
    "nfc" "connectionID" U32(at::connect_id);
    "xevt" "xEvent" XEvent;
    "xsa" "srcXIP" Address([at::src4_xlt_ip, at::src6_xlt_ip]);
    "xda" "dstXIP" Address([at::dst4_xlt_ip, at::dst6_xlt_ip]);
    "nsa" "srcXIP" Address([at::src4_xlt_ip, at::src6_xlt_ip]);
    "nda" "dstXIP" Address([at::dst4_xlt_ip, at::dst6_xlt_ip]);
    "xsp" "srcXPort" U16(at::src_xlt_port);
    "xdp" "dstXPort" U16(at::dst_xlt_port);
    "nsp" "srcXPort" U16(at::src_xlt_port);
    "ndp" "dstXPort" U16(at::dst_xlt_port);
    "iacl" "ingressACL" Acl(at::ingress_acl, Words::Hex);
    "eacl" "egressACL" Acl(at::egress_acl, Words::Decimal);
    "uname" "nselUser" UserName;
    "pbstart" "pbStart" U16(at::pblock_start);
    "pbend" "pbEnd" U16(at::pblock_end);
    "pbstep" "pbStep" U16(at::pblock_step);
    "pbsize" "pbSize" U16(at::pblock_size);
    "nbid" "nbarID" NbarId;
    "nbnam" "nbarName" NbarName;
    "odid" "obsDomainID" ObservationDomain;
    "opid" "obsPointID" ObservationPoint;
    "vrf" "ingressVrfID" U32(at::ingress_vrf);
    "ivrf" "ingressVrfID" U32(at::ingress_vrf);
    "ivrfnam" "ingressVrfName" VrfName(at::ingress_vrf);
    "evrf" "egressVrfID" U32(at::egress_vrf);
    "evrfnam" "egressVrfName" VrfName(at::egress_vrf);
    "pfifn" "pfInterface" PfInterface;
    "pfact" "pfAction" PfAction;
    "pfrea" "pfReason" PfReason;
    "pfdir" "pfDirection" PfDirection;
    "pfrule" "pfRule" U32(at::pf_rule);
    "flid" "flowID" FlowId;
    "isid" "inSrvID" U16(at::in_service_id);
    "osid" "outSrvID" U16(at::out_service_id);
    "nats" "natString" NatString;
    "ja3" "ja3" Ja3;
    "ja4" "ja4" Ja4;
    "sni" "sniName" Sni;
    "tls" "tlsVersion" Tls;
    "sc" "srcGeo" Fixed("..");
    "dc" "dstGeo" Fixed("..");
    "sloc" "srcLocation" Fixed("no location info");
    "dloc" "dstLocation" Fixed("no location info");
    "sasn" "srcOrg" Organisation;
    "dasn" "dstOrg" Organisation;
    "stor" "srcTor" Fixed("");
    "dtor" "dstTor" Fixed("");
    "lbl" "label" Fixed("<none>");
    "minttl" "minTTL" U8(at::min_ttl);
    "maxttl" "maxTTL" U8(at::max_ttl);
    "frag" "Frag" Fragment;
    "eth" "etherType" EtherType;
}

/// The columns of `csv-fast`.
const FAST: [Token; 17] = {
    const fn token(header: &'static str, column: Column) -> Token {
        Token {
            name: "",
            header,
            column,
        }
    }
    [
        token("cnt", Column::Line),
        token("af", Column::Family),
        token("firstSeen", Column::FirstMillis),
        token("lastSeen", Column::LastMillis),
        token("proto", Column::U8(at::proto)),
        token(
            "srcAddr",
            Column::FastAddress([at::src4_addr, at::src6_addr]),
        ),
        token("srcPort", Column::U16(at::src_port)),
        token(
            "dstAddr",
            Column::FastAddress([at::dst4_addr, at::dst6_addr]),
        ),
        token("dstPort", Column::U16(at::dst_port)),
        token("srcAS", Column::U32(at::src_as)),
        token("dstAS", Column::U32(at::dst_as)),
        token("input", Column::U32(at::input_snmp)),
        token("output", Column::U32(at::output_snmp)),
        token("flags", Column::TcpFlags),
        token("srcTos", Column::U8(at::src_tos)),
        token("packets", Column::U64(at::in_packets)),
        token("bytes", Column::U64(at::in_bytes)),
    ]
};

/// All tokens, in nfdump's order.
#[must_use]
pub fn tokens() -> &'static [Token] {
    TOKENS
}

/// A list of columns as it is given after `csv:`.
#[derive(Clone, Debug)]
pub struct TokenList(pub(super) Arc<[Token]>);

impl TokenList {
    /// Parses `%ts,%td,…` by nfdump's rules: a token ends before the first character that is no letter or
    /// digit; tokens are adjacent or separated by one comma; blanks around commas are ignored; `%csv` is
    /// the [`DEFAULT`] list.
    ///
    /// # Errors
    /// [`TokenError`] for an unknown token, for anything between tokens, and for an empty list.
    pub fn parse(list: &str) -> Result<Self, TokenError> {
        let mut tokens = Vec::new();
        let mut rest = list.trim_start_matches(' ');
        // nfdump accepts a comma before the first token.
        rest = rest.strip_prefix(',').unwrap_or(rest);
        rest = rest.trim_start_matches(' ');
        while !rest.is_empty() {
            let Some(after) = rest.strip_prefix('%') else {
                return Err(TokenError::Syntax(rest.to_owned()));
            };
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name == "csv" {
                tokens.extend(Self::parse(DEFAULT)?.0.iter());
            } else {
                let token = TOKENS.iter().find(|token| token.name == name);
                tokens.push(*token.ok_or_else(|| TokenError::Unknown(name.to_owned()))?);
            }
            if after.starts_with('%') {
                rest = after;
                continue;
            }
            rest = after.trim_start_matches(' ');
            if let Some(next) = rest.strip_prefix(',') {
                rest = next.trim_start_matches(' ');
                if !rest.starts_with('%') {
                    return Err(TokenError::Syntax(rest.to_owned()));
                }
            } else if !rest.is_empty() {
                return Err(TokenError::Syntax(rest.to_owned()));
            }
        }
        if tokens.is_empty() {
            return Err(TokenError::Empty);
        }
        Ok(Self(tokens.into()))
    }

    /// The columns of `csv`.
    #[must_use]
    pub fn standard() -> Self {
        Self::parse(DEFAULT).unwrap_or_else(|_| Self::fast())
    }

    /// The columns of `csv-fast`.
    #[must_use]
    pub fn fast() -> Self {
        Self(Arc::new(FAST))
    }

    /// Whether a column needs names of interfaces, VRFs or applications.
    #[must_use]
    pub fn needs_names(&self) -> bool {
        self.0.iter().any(|token| {
            matches!(
                token.column,
                Column::NbarName | Column::InterfaceName(_) | Column::VrfName(_)
            )
        })
    }
}

/// Two lists are equal if they print the same.
impl PartialEq for TokenList {
    fn eq(&self, other: &Self) -> bool {
        let columns = |list: &Self| {
            let columns = list.0.iter().map(|token| (token.header, token.column));
            columns.collect::<Vec<_>>()
        };
        columns(self) == columns(other)
    }
}

impl Eq for TokenList {}

/// Why a list of tokens cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// There is no such token.
    Unknown(String),
    /// Neither a token nor a comma; the rest of the list.
    Syntax(String),
    /// No token at all.
    Empty,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "unknown token %{name}")?;
                let near = near(name, TOKENS.iter().map(|token| token.name));
                for (at, found) in near.iter().enumerate() {
                    let before = if at == 0 { "; near it:" } else { "," };
                    write!(f, "{before} %{found}")?;
                }
                f.write_str(" (`nfdecode fields` lists all)")
            }
            Self::Syntax(rest) if rest.is_empty() => f.write_str("a token must follow the comma"),
            Self::Syntax(rest) => write!(f, "expected a comma and a token at {rest:?}"),
            Self::Empty => f.write_str("no tokens given"),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(list: &str) -> Result<String, TokenError> {
        let list = TokenList::parse(list)?;
        let headers: Vec<_> = list.0.iter().map(|token| token.header).collect();
        Ok(headers.join(",") + "\n")
    }

    #[test]
    fn lists_parse_as_in_nfdump() {
        for (list, expected) in [
            ("%ts", "firstSeen\n"),
            ("%sa%da", "srcAddr,dstAddr\n"),
            ("  ,%sa , %da  ", "srcAddr,dstAddr\n"),
            ("%tsr,%ts,%tsr", "firstSeen,firstSeen,firstSeen\n"),
            (
                "%mpls10,%mpls,%mpls1",
                "mplsLabel10,mplsLabel1-10,mplsLabel1\n",
            ),
        ] {
            assert_eq!(header(list).as_deref(), Ok(expected), "{list}");
        }
        assert_eq!(header("%csv"), header(DEFAULT));
        for list in [
            "", " ", ",", "%sa %da", "%sa;%da", "%sa,", "%sa,,%da", "sa", "%", "%saX", "%SA",
        ] {
            assert!(header(list).is_err(), "{list:?}");
        }
    }

    #[test]
    fn errors_suggest_similar_tokens() {
        let message = header("%ts,%srcip").unwrap_err().to_string();
        assert!(message.starts_with("unknown token %srcip"), "{message}");
        let message = header("%bytt").unwrap_err().to_string();
        assert!(message.contains(" %byt"), "{message}");
    }

    #[test]
    fn token_names_are_unique() {
        for (at, token) in TOKENS.iter().enumerate() {
            assert!(
                TOKENS[at + 1..]
                    .iter()
                    .all(|other| other.name != token.name),
                "%{}",
                token.name
            );
        }
    }
}
