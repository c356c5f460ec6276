//! CSV as nfdump 1.7.10 prints it: `csv`, `csv:%ts,%td,…` with every token of nfdump, `csv-fast`.
//!
//! Where nfdump's own text is wrong, not deterministic or breaks the table, ours differs;
//! `docs/deviations.md` lists every case. Columns under our own names, with quoting as other programs
//! expect it, are in [`super::fields`].
//!
//! A list of tokens becomes a list of columns from one table. A column whose element a flow does
//! not have prints what its zeroes would print, unless nfdump has a word for that.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::file::block::Block;
use crate::file::names::Names;
use crate::flow::bytes::{
    acl_at, ip4_at, ip6_at, nat_offset, text_at, u8_at, u16_at, u32_at, u64_at,
};
use crate::flow::owned::OwnedFlow;
use crate::flow::view::Flow;
use crate::output::format::FlowFormat;
use crate::output::near::near;
use crate::output::text;
use crate::output::text::TextBuffer;
use crate::payload::tls::{Hello, Version};
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;
use crate::value::zone::TimeFormatter;
use crate::value::zone::Zone;

/// The list that `csv` alone stands for.
pub const DEFAULT: &str = "%ts,%td,%pr,%sa,%sp,%da,%dp,%pkt,%byt,%fl";

/// One token of nfdump's lists and what it prints.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// The token without its percent sign.
    pub name: &'static str,
    /// What the header line calls the column.
    pub header: &'static str,
    column: Column,
}

/// How a time is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Local,
    Utc,
    /// Seconds since the epoch and milliseconds.
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

/// What a column prints. Numbers name element and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    U8(u8, usize),
    U16(u8, usize),
    U32(u8, usize),
    U64(u8, usize),
    Mac(usize),
    Micros(usize),
    Mpls(usize),
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
    /// The element with the IPv4 address, that with the IPv6 address, and which of its addresses.
    Address(u8, u8, Side),
    Direction,
    Network(Side),
    Flows,
    AclHex,
    AclDecimal,
    UserName,
    NatString,
    NbarId,
    NbarName,
    InterfaceName(usize),
    VrfName(usize),
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
    /// What needs a data base, and the label, of which nfdump knows nothing.
    Fixed(&'static str),
    Organisation,
    // The others are of `csv-fast` only.
    /// Number of the printed line.
    Line,
    Family,
    FirstMillis,
    LastMillis,
    /// As `Address` of the flow; IPv6 before IPv4, and nothing if there is none.
    FastAddress(Side),
}

macro_rules! tokens {
    ($($name:literal $header:literal $column:expr;)*) => {
        /// All tokens, in nfdump's order.
        pub static TOKENS: &[Token] = {
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
    "pkt" "packets" U64(1, 24);
    "ipkt" "inPackets" U64(1, 24);
    "byt" "bytes" U64(1, 32);
    "ibyt" "inBytes" U64(1, 32);
    "sp" "srcPort" U16(1, 40);
    "dp" "dstPort" DstPort;
    "it" "icmpTYpe" U8(1, 43);
    "ic" "icmpCode" U8(1, 42);
    "pr" "proto" U8(1, 44);
    "flg" "flags" TcpFlags;
    "fwd" "fwdStatus" U8(1, 46);
    "tos" "tos" U8(1, 47);
    "stos" "srcTos" U8(1, 47);
    "bps" "bps" BitsPerSecond;
    "pps" "pps" PacketsPerSecond;
    "bpp" "bpp" BytesPerPacket;
    "sa" "srcAddr" Address(2, 3, Side::Source);
    "da" "dstAddr" Address(2, 3, Side::Destination);
    "in" "input" U32(4, 0);
    "out" "output" U32(4, 4);
    "smk" "srcMask" U8(4, 8);
    "dmk" "dstMask" U8(4, 9);
    "dir" "direction" Direction;
    "dtos" "dstTos" U8(4, 11);
    "bfd" "biDirection" U8(4, 12);
    "end" "endReason" U8(4, 13);
    "sn" "srcNet" Network(Side::Source);
    "dn" "dstNet" Network(Side::Destination);
    "inam" "inIfName" InterfaceName(0);
    "onam" "outIfName" InterfaceName(4);
    "opkt" "outPackets" U64(5, 8);
    "obyt" "outBytes" U64(5, 16);
    "fl" "flows" Flows;
    "svln" "srcVlan" U32(6, 0);
    "dvln" "dstVlan" U32(6, 4);
    "sas" "srcAS" U32(7, 0);
    "das" "dstAS" U32(7, 4);
    "nhb" "bgpNextIP" Address(8, 9, Side::Source);
    "nh" "nextIP" Address(10, 11, Side::Source);
    "ra" "routerIP" Address(12, 13, Side::Source);
    "mpls1" "mplsLabel1" Mpls(0);
    "mpls2" "mplsLabel2" Mpls(4);
    "mpls3" "mplsLabel3" Mpls(8);
    "mpls4" "mplsLabel4" Mpls(12);
    "mpls5" "mplsLabel5" Mpls(16);
    "mpls6" "mplsLabel6" Mpls(20);
    "mpls7" "mplsLabel7" Mpls(24);
    "mpls8" "mplsLabel8" Mpls(28);
    "mpls9" "mplsLabel9" Mpls(32);
    "mpls10" "mplsLabel10" Mpls(36);
    "mpls" "mplsLabel1-10" MplsAll;
    "ismc" "inSrcMac" Mac(0);
    "odmc" "outDstMac" Mac(8);
    "idmc" "inDstMac" Mac(16);
    "osmc" "outSrcMac" Mac(24);
    "nas" "nextAS" U32(16, 0);
    "pas" "prevAS" U32(16, 4);
    "cl" "clientLatency" Micros(0);
    "sl" "serverLatency" Micros(8);
    "al" "appLatency" Micros(16);
    "tevt" "eventTime" EventTime;
    "msec" "eventTime" EventMillis;
    "evt" "event" Event;
    "nfc" "connectionID" U32(19, 8);
    "xevt" "xEvent" XEvent;
    "xsa" "srcXIP" Address(20, 21, Side::Source);
    "xda" "dstXIP" Address(20, 21, Side::Destination);
    "nsa" "srcXIP" Address(20, 21, Side::Source);
    "nda" "dstXIP" Address(20, 21, Side::Destination);
    "xsp" "srcXPort" U16(22, 0);
    "xdp" "dstXPort" U16(22, 2);
    "nsp" "srcXPort" U16(22, 0);
    "ndp" "dstXPort" U16(22, 2);
    "iacl" "ingressACL" AclHex;
    "eacl" "egressACL" AclDecimal;
    "uname" "nselUser" UserName;
    "pbstart" "pbStart" U16(26, 0);
    "pbend" "pbEnd" U16(26, 2);
    "pbstep" "pbStep" U16(26, 4);
    "pbsize" "pbSize" U16(26, 6);
    "nbid" "nbarID" NbarId;
    "nbnam" "nbarName" NbarName;
    "odid" "obsDomainID" ObservationDomain;
    "opid" "obsPointID" ObservationPoint;
    "vrf" "ingressVrfID" U32(36, 4);
    "ivrf" "ingressVrfID" U32(36, 4);
    "ivrfnam" "ingressVrfName" VrfName(4);
    "evrf" "egressVrfID" U32(36, 0);
    "evrfnam" "egressVrfName" VrfName(0);
    "pfifn" "pfInterface" PfInterface;
    "pfact" "pfAction" PfAction;
    "pfrea" "pfReason" PfReason;
    "pfdir" "pfDirection" PfDirection;
    "pfrule" "pfRule" U32(37, 4);
    "flid" "flowID" FlowId;
    "isid" "inSrvID" U16(40, 0);
    "osid" "outSrvID" U16(40, 2);
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
    "minttl" "minTTL" U8(42, 2);
    "maxttl" "maxTTL" U8(42, 3);
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
        token("proto", Column::U8(1, 44)),
        token("srcAddr", Column::FastAddress(Side::Source)),
        token("srcPort", Column::U16(1, 40)),
        token("dstAddr", Column::FastAddress(Side::Destination)),
        token("dstPort", Column::U16(1, 42)),
        token("srcAS", Column::U32(7, 0)),
        token("dstAS", Column::U32(7, 4)),
        token("input", Column::U32(4, 0)),
        token("output", Column::U32(4, 4)),
        token("flags", Column::TcpFlags),
        token("srcTos", Column::U8(1, 47)),
        token("packets", Column::U64(1, 24)),
        token("bytes", Column::U64(1, 32)),
    ]
};

/// A list of columns as it is given after `csv:`.
#[derive(Clone, Debug)]
pub struct TokenList(Arc<[Token]>);

impl TokenList {
    /// Reads `%ts,%td,…` by nfdump's rules: a token ends where no letter or digit follows; tokens
    /// stand side by side or with one comma between; blanks around commas do not count; `%csv` is the
    /// [`DEFAULT`] list.
    ///
    /// # Errors
    /// [`TokenError`] for an unknown token, for anything between tokens, and for an empty list.
    pub fn parse(list: &str) -> Result<Self, TokenError> {
        let mut tokens = Vec::new();
        let mut rest = list.trim_start_matches(' ');
        // nfdump takes a comma before the first token.
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

/// nfdump's `csv` and `csv-fast`.
#[derive(Debug)]
pub struct CsvFormat {
    tokens: TokenList,
    /// A flow through a tunnel gets a line for its outer packets before its own.
    tunnel_lines: bool,
    header: bool,
    printer: Printer,
}

/// What columns need besides the flow.
#[derive(Debug)]
struct Printer {
    times: TimeFormatter,
    utc: TimeFormatter,
    /// With commas replaced; `None` if the file has none.
    ident: Option<Vec<u8>>,
    names: Arc<Names>,
    records: Option<RecordNumbers>,
}

impl CsvFormat {
    /// These columns, with times in `zone`.
    #[must_use]
    pub fn new(tokens: TokenList, zone: Zone) -> Self {
        let counts = tokens.0.iter().any(|token| token.column == Column::Record);
        Self {
            tunnel_lines: tokens != TokenList::fast(),
            tokens,
            header: true,
            printer: Printer {
                times: TimeFormatter::new(zone),
                utc: TimeFormatter::new(Zone::utc()),
                ident: None,
                names: Arc::default(),
                records: counts.then(RecordNumbers::default),
            },
        }
    }

    /// The same without the line of names.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    fn line(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        for token in self.tokens.0.iter() {
            self.printer.value(token.column, row, out);
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }

    #[cold]
    fn tunnel_line(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        if let Some(record) = outer_record(&row.flow) {
            let outer = OwnedFlow::from_record(record);
            let flow = outer.view();
            let outer = Row {
                flow,
                generic: flow
                    .record()
                    .get(RECORD_HEADER..RECORD_HEADER + GENERIC_SIZE)
                    .unwrap_or_default(),
                ..*row
            };
            self.line(&outer, out);
        }
    }
}

impl FlowFormat for CsvFormat {
    fn set_file(&mut self, ident: Option<&[u8]>, _: &str) {
        self.printer.ident = ident.map(|ident| {
            let mut text = TextBuffer::default();
            plain(ident, &mut text);
            text.as_bytes().to_vec()
        });
    }

    fn set_names(&mut self, names: &Arc<Names>) {
        self.printer.names = Arc::clone(names);
    }

    fn set_block(&mut self, block: &Block, records_before: u64) {
        if let Some(records) = &mut self.printer.records {
            records.enter(block, records_before);
        }
    }

    fn begin(&mut self, out: &mut TextBuffer) {
        if !self.header {
            return;
        }
        for (at, token) in self.tokens.0.iter().enumerate() {
            if at != 0 {
                out.push(b',');
            }
            out.extend(token.header.as_bytes());
        }
        out.push(b'\n');
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        const TUNNELS: u64 = 1 << 31 | 1 << 32;
        let records = self.printer.records.as_ref();
        let row = Row {
            flow: *flow,
            generic: flow.element(1).unwrap_or_default(),
            line: number,
            record: records.map_or(number, |records| records.number(flow).unwrap_or(number)),
        };
        if flow.elements() & TUNNELS != 0 && self.tunnel_lines {
            self.tunnel_line(&row, out);
        }
        self.line(&row, out);
    }

    fn end(&mut self, _: u64, _: &mut TextBuffer) {}
}

/// Which records of the input the flows of a block are.
#[derive(Debug, Default)]
pub(crate) struct RecordNumbers {
    /// Address of the block's first byte: tells where in it a flow lies.
    base: usize,
    /// Where records begin, ascending.
    starts: Vec<u32>,
    before: u64,
}

impl RecordNumbers {
    pub(crate) fn enter(&mut self, block: &Block, before: u64) {
        self.before = before;
        self.base = block.data().as_ptr().addr();
        self.starts.clear();
        self.starts.extend(block.record_offsets());
    }

    /// From 1; `None` for a flow of another block.
    pub(crate) fn number(&self, flow: &Flow<'_>) -> Option<u64> {
        let at = flow.record().as_ptr().addr().checked_sub(self.base)?;
        let at = u32::try_from(at).ok()?;
        let index = self.starts.binary_search(&at).ok()?;
        Some(self.before + index as u64 + 1)
    }
}

/// What a line is made from.
#[derive(Clone, Copy)]
struct Row<'a> {
    flow: Flow<'a>,
    /// Element 1; empty if the flow has none.
    generic: &'a [u8],
    line: u64,
    record: u64,
}

pub(crate) const RECORD_HEADER: usize = 12 + 4;
pub(crate) const GENERIC_SIZE: usize = 48;
/// Where in an outer record the ports are.
pub(crate) const PORTS: std::ops::Range<usize> = RECORD_HEADER + 40..RECORD_HEADER + 44;

/// A record of what is known of the outer packets of a tunnel: element 1 with the tunnel's protocol,
/// and its addresses.
pub(crate) fn outer_record(flow: &Flow<'_>) -> Option<Vec<u8>> {
    let generic = flow.element(1)?;
    let (id, size, tunnel) = match (flow.element(31), flow.element(32)) {
        (Some(tunnel), _) => (2_u16, 8, tunnel),
        (None, Some(tunnel)) => (3, 32, tunnel),
        (None, None) => return None,
    };
    let mut record = vec![0; 12];
    record[4] = 2;
    let mut element = |id: u16, payload: &[u8], size: usize| {
        record.extend(id.to_le_bytes());
        record.extend((size as u16 + 4).to_le_bytes());
        let at = record.len();
        record.extend(payload.iter().take(size));
        record.resize(at + size, 0);
    };
    element(1, generic, GENERIC_SIZE);
    element(id, tunnel, size);
    if let Some(first) = record.get_mut(RECORD_HEADER..RECORD_HEADER + 8) {
        first.copy_from_slice(&flow.first_seen_at(generic, 0).to_le_bytes());
    }
    if let Some(proto) = record.get_mut(RECORD_HEADER + 44) {
        *proto = u8_at(tunnel, size);
    }
    Some(record)
}

/// Text as stored; commas become semicolons, and what would break the line blanks.
pub(crate) fn plain(text: &[u8], out: &mut TextBuffer) {
    for byte in text {
        out.push(match byte {
            b',' => b';',
            b'\n' | b'\r' => b' ',
            other => *other,
        });
    }
}

impl Row<'_> {
    /// The payload of an element; nothing if the flow does not have it, which reads as zeroes.
    #[inline]
    fn payload(&self, id: u8) -> &[u8] {
        if id == 1 {
            return self.generic;
        }
        self.flow.element(id).unwrap_or_default()
    }

    fn first(&self) -> u64 {
        match u64_at(self.generic, 0) {
            0 if !self.generic.is_empty() => self.flow.first_seen_at(self.generic, 0),
            first => first,
        }
    }

    /// Milliseconds; 0 if either time is missing or they are in the wrong order.
    fn duration(&self) -> u64 {
        let (first, last) = (self.first(), u64_at(self.generic, 8));
        if first == 0 {
            return 0;
        }
        last.saturating_sub(first)
    }

    fn proto(&self) -> u8 {
        u8_at(self.generic, 44)
    }

    /// `count` a second, cut; what does not fit is 0, as in nfdump.
    fn per_second(&self, count: u64) -> u64 {
        const TOO_MUCH: f64 = 18_446_744_073_709_551_616.0;
        match self.duration() {
            0 => 0,
            duration => {
                let rate = count as f64 / (duration as f64 / 1000.0);
                if rate < TOO_MUCH { rate as u64 } else { 0 }
            }
        }
    }

    /// The event of NSEL, else of NAT: its element.
    fn event(&self) -> Option<(u8, &[u8])> {
        [19, 25]
            .into_iter()
            .find_map(|id| Some((id, self.flow.element(id)?)))
    }

    /// The hello in the payload; only TCP flows have one.
    fn hello(&self) -> Option<Hello<'_>> {
        const TCP: u8 = 6;
        if self.proto() != TCP {
            return None;
        }
        Hello::parse(self.flow.element(29)?)
    }

    fn address(&self, v4: u8, v6: u8, side: Side) -> IpAddr {
        let second = side == Side::Destination;
        if let Some(payload) = self.flow.element(v4) {
            IpAddr::V4(ip4_at(payload, if second { 4 } else { 0 }))
        } else if let Some(payload) = self.flow.element(v6) {
            IpAddr::V6(ip6_at(payload, if second { 16 } else { 0 }))
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    }
}

pub(crate) fn address(address: IpAddr, out: &mut TextBuffer) {
    match address {
        IpAddr::V4(address) => text::ip4(address, out),
        IpAddr::V6(address) => text::ip6(address, out),
    }
}

impl Printer {
    #[inline]
    fn value(&mut self, column: Column, row: &Row<'_>, out: &mut TextBuffer) {
        match column {
            Column::U8(id, at) => text::decimal(u8_at(row.payload(id), at).into(), out),
            Column::U16(id, at) => text::decimal(u16_at(row.payload(id), at).into(), out),
            Column::U32(id, at) => text::decimal(u32_at(row.payload(id), at).into(), out),
            Column::U64(id, at) => text::decimal(u64_at(row.payload(id), at), out),
            Column::First(style) => self.time(row.first(), style, out),
            Column::Last(style) => self.time(u64_at(row.generic, 8), style, out),
            Column::Received(style) => self.time(u64_at(row.generic, 16), style, out),
            Column::Duration => text::thousandths(row.duration(), out),
            Column::Address(v4, v6, side) => address(row.address(v4, v6, side), out),
            Column::DstPort => match row.proto() {
                1 | 58 => {
                    text::decimal(u8_at(row.generic, 43).into(), out);
                    out.push(b'.');
                    text::decimal(u8_at(row.generic, 42).into(), out);
                }
                _ => text::decimal(u16_at(row.generic, 42).into(), out),
            },
            Column::TcpFlags => {
                let flags = if row.proto() == 6 {
                    u8_at(row.generic, 45)
                } else {
                    0
                };
                out.put(&TcpFlags(flags).letters(), 8);
            }
            Column::Flows => text::decimal(
                row.flow
                    .element(5)
                    .map_or(1, |counters| u64_at(counters, 0)),
                out,
            ),
            Column::Line => text::decimal(row.line, out),
            Column::FirstMillis => text::decimal(row.first(), out),
            Column::LastMillis => text::decimal(u64_at(row.generic, 8), out),
            Column::Family => out.extend(match (row.flow.element(2), row.flow.element(3)) {
                (_, Some(_)) => b"10",
                (Some(_), None) => b"2",
                (None, None) => b"0",
            }),
            Column::FastAddress(side) => match (row.flow.element(2), row.flow.element(3)) {
                (None, None) => {}
                (_, Some(_)) => address(row.address(0, 3, side), out),
                (Some(_), None) => address(row.address(2, 0, side), out),
            },
            other => self.rare(other, row, out),
        }
    }

    /// Columns that are asked for less often.
    #[inline(never)]
    fn rare(&mut self, column: Column, row: &Row<'_>, out: &mut TextBuffer) {
        match column {
            Column::Mac(at) => text::mac(MacAddr::from_number(u64_at(row.payload(15), at)), out),
            Column::Micros(at) => text::thousandths(u64_at(row.payload(17), at), out),
            Column::Mpls(at) => padded_label(u32_at(row.payload(14), at), out),
            Column::MplsAll => {
                for at in (0..40).step_by(4) {
                    padded_label(u32_at(row.payload(14), at), out);
                    out.push(b' ');
                }
            }
            Column::EventTime | Column::EventMillis => {
                let time = row.event().map_or(0, |(_, event)| u64_at(event, 0));
                match column {
                    Column::EventTime => self.time(time, Style::Local, out),
                    _ => text::decimal(time, out),
                }
            }
            Column::Event => {
                let event = row.event().map_or(0, |(id, event)| match id {
                    19 => u8_at(event, 14),
                    _ => u8_at(event, nat_offset(event, 12)),
                });
                text::decimal(event.into(), out);
            }
            Column::XEvent => match row.flow.element(19).map(|event| u16_at(event, 12)) {
                None => out.extend(b"no-evt"),
                Some(0) => out.extend(b"IGNORE"),
                Some(1001) => out.extend(b"I-ACL"),
                Some(1002) => out.extend(b"E-ACL"),
                Some(1003) => out.extend(b"DENY"),
                Some(1004) => out.extend(b"NOSYN"),
                Some(other) => text::decimal(other.into(), out),
            },
            Column::BitsPerSecond => {
                let bits = u64_at(row.generic, 32).wrapping_mul(8);
                text::decimal(row.per_second(bits), out);
            }
            Column::PacketsPerSecond => {
                text::decimal(row.per_second(u64_at(row.generic, 24)), out);
            }
            Column::BytesPerPacket => {
                let (packets, bytes) = (u64_at(row.generic, 24), u64_at(row.generic, 32));
                // As in nfdump, 32 bits of it.
                let mean = bytes.checked_div(packets).unwrap_or(0) as u32;
                text::decimal(mean.into(), out);
            }
            Column::Direction => out.push(match u8_at(row.payload(4), 10) {
                0 => b'I',
                _ => b'E',
            }),
            Column::Network(side) => network(row, side, out),
            Column::AclHex => {
                for (at, word) in acl_at(row.payload(23), 0).into_iter().enumerate() {
                    out.extend(if at == 0 { b"0x" } else { b" 0x" });
                    let before = out.len();
                    text::hex(word, out);
                    text::pad(before, 8, out);
                }
            }
            Column::AclDecimal => {
                for (at, word) in acl_at(row.payload(23), 12).into_iter().enumerate() {
                    if at != 0 {
                        out.push(b' ');
                    }
                    text::decimal(word.into(), out);
                }
            }
            Column::UserName => match row.flow.element(24) {
                None => out.extend(b"<empty>"),
                Some(user) => plain(text_at(user, 0, row.flow.user_name_max()), out),
            },
            Column::NatString => match row.flow.element(41) {
                None => out.extend(b"<unknown>"),
                Some(string) => plain(text_at(string, 0, usize::MAX), out),
            },
            Column::NbarId => nbar_id(row.flow.element(27), out),
            Column::NbarName => self.nbar_name(row.flow.element(27), out),
            Column::InterfaceName(at) => {
                let index = u32_at(row.payload(4), at);
                let known = self.names.name_counts().1 != 0;
                named(
                    known,
                    index,
                    self.names.interface(index),
                    b" <no if name>",
                    out,
                );
            }
            Column::VrfName(at) => {
                let id = u32_at(row.payload(36), at);
                let known = self.names.name_counts().2 != 0;
                named(known, id, self.names.vrf(id), b" <no vrf name>", out);
            }
            Column::ObservationDomain => match row.flow.element(33) {
                None => out.extend(b"0x00"),
                Some(ids) => {
                    out.extend(b"0x");
                    text::hex(u32_at(ids, 8), out);
                }
            },
            Column::ObservationPoint => match row.flow.element(33) {
                None => out.extend(b"0x00"),
                Some(ids) => {
                    out.extend(b"0x");
                    text::hex_long(u64_at(ids, 0), out);
                }
            },
            Column::FlowId => {
                out.extend(b"0x");
                text::hex_long(u64_at(row.payload(39), 0), out);
            }
            Column::PfInterface => match row.flow.element(37) {
                None => out.extend(b"<no-pf>"),
                Some(log) => plain(text_at(log, 20, usize::MAX), out),
            },
            Column::PfAction => packet_filter(row.flow.element(37), 0, &PF_ACTIONS, out),
            Column::PfReason => packet_filter(row.flow.element(37), 1, &PF_REASONS, out),
            Column::PfDirection => out.extend(match row.flow.element(37) {
                None => &b"no pfinfo"[..],
                Some(log) if u8_at(log, 2) == 0 => b"out",
                Some(_) => b"in",
            }),
            Column::Fragment => {
                let flags = u8_at(row.payload(42), 1);
                out.extend(if flags & 0x40 != 0 { b"DF" } else { b"--" });
                out.extend(if flags & 0x20 != 0 { b"MF" } else { b"--" });
            }
            Column::EtherType => {
                text::display(format_args!("0x{:04x}", u16_at(row.payload(38), 24)), out);
            }
            Column::Ja3 => match row.hello() {
                None => out.extend(b"no-ja3"),
                Some(hello) => out.extend(&hello.ja3()),
            },
            Column::Ja4 => match row.hello().and_then(|hello| hello.ja4()) {
                None => out.extend(b"no-ja4"),
                Some(ja4) => out.extend(&ja4),
            },
            Column::Sni => match row.hello() {
                None => out.push(b'0'),
                Some(hello) => plain(hello.sni().unwrap_or_default(), out),
            },
            Column::Tls => out.extend(row.hello().map_or(
                &b"0"[..],
                |hello| match hello.version() {
                    Version::Ssl2 => b"SSL-2",
                    Version::Ssl3 => b"SSL-3",
                    Version::Tls10 => b"TLS-1.0",
                    Version::Tls11 => b"TLS-1.1",
                    Version::Tls12 => b"TLS-1.2",
                    Version::Tls13 => b"TLS-1.3",
                },
            )),
            Column::ExporterVersion => exporter_version(&row.flow, out),
            Column::Record => text::decimal(row.record, out),
            Column::Ident => {
                out.extend(self.ident.as_deref().unwrap_or(b"<no ident>"));
            }
            Column::Engine => {
                text::decimal(row.flow.engine_type().into(), out);
                out.push(b'/');
                text::decimal(row.flow.engine_id().into(), out);
            }
            Column::Exporter => text::decimal(row.flow.exporter_sysid().into(), out),
            Column::Fixed(fixed) => out.extend(fixed.as_bytes()),
            Column::Organisation
                if row.flow.element(2).is_none() && row.flow.element(3).is_none() =>
            {
                out.extend(b"none");
            }
            // Nothing to print, or printed by `value`.
            _ => {}
        }
    }

    #[inline]
    fn time(&mut self, ms: u64, style: Style, out: &mut TextBuffer) {
        const USUAL: usize = "2026-01-01 12:00:00.000".len();
        let times = match style {
            Style::Raw => {
                text::decimal(ms / 1000, out);
                out.push(b'.');
                text::padded((ms % 1000) as usize, out);
                return;
            }
            Style::Local => &mut self.times,
            Style::Utc => &mut self.utc,
        };
        if ms == 0 {
            out.put(b"0000-00-00 00:00:00.000", USUAL);
            return;
        }
        let text = times.spaced_text(Timestamp::from_millis(ms));
        match <&[u8; USUAL]>::try_from(text) {
            Ok(text) => out.put(text, USUAL),
            Err(_) => out.extend(text),
        }
    }

    fn nbar_name(&self, id: Option<&[u8]>, out: &mut TextBuffer) {
        let Some(id) = id else {
            return out.extend(b"no-nbar");
        };
        let Some(found) = self.names.application(id) else {
            return out.extend(b"no-info");
        };
        plain(&found.name, out);
        if let Some(description) = &found.description {
            out.push(b'/');
            plain(description, out);
        }
    }
}

/// Engine, then the selector; of engine 20 the enterprise number between them.
pub(crate) fn nbar_id(id: Option<&[u8]>, out: &mut TextBuffer) {
    let (engine, rest) = id.and_then(<[u8]>::split_first).unwrap_or((&0, &[]));
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    let (enterprise, selector) = match (id, engine) {
        (None, _) => (Some(&[][..]), rest),
        (_, 20) => {
            let (enterprise, selector) = rest.split_at_checked(4).unwrap_or((rest, &[]));
            (Some(enterprise), selector)
        }
        _ => (None, rest),
    };
    text::decimal((*engine).into(), out);
    if let Some(enterprise) = enterprise {
        out.extend(b"..");
        text::decimal(number(enterprise).into(), out);
    }
    out.extend(b"..");
    text::decimal(number(selector).into(), out);
}

/// A name with a blank before it, at most 127 bytes of both. Without any names nfdump prints nothing.
pub(crate) fn named(
    known: bool,
    number: u32,
    name: Option<&[u8]>,
    none: &[u8],
    out: &mut TextBuffer,
) {
    const LONGEST: usize = 126;
    match name {
        _ if !known => {}
        _ if number == 0 => out.extend(none),
        None => out.extend(b" <ingress not found>"),
        Some(name) => {
            out.push(b' ');
            plain(name.get(..LONGEST).unwrap_or(name), out);
        }
    }
}

/// The label right-aligned in 8 columns.
pub(crate) fn padded_label(label: u32, out: &mut TextBuffer) {
    let digits = (label >> 4)
        .checked_ilog10()
        .map_or(1, |log| log as usize + 1);
    out.extend(
        b"       "
            .get(..8_usize.saturating_sub(digits))
            .unwrap_or_default(),
    );
    text::mpls(MplsLabel(label), out);
}

/// Network and mask; 0 without element 4.
fn network(row: &Row<'_>, side: Side, out: &mut TextBuffer) {
    let mask = u8_at(row.payload(4), if side == Side::Source { 8 } else { 9 });
    match row.address(2, 3, side) {
        IpAddr::V4(found) => {
            let host = u32::MAX.checked_shr(mask.into()).unwrap_or(0);
            text::ip4(Ipv4Addr::from_bits(found.to_bits() & !host), out);
        }
        IpAddr::V6(found) => {
            let host = u128::MAX.checked_shr(mask.into()).unwrap_or(0);
            text::ip6(Ipv6Addr::from_bits(found.to_bits() & !host), out);
        }
    }
    out.push(b'/');
    text::decimal(mask.into(), out);
}

/// Which protocol the record came by.
fn exporter_version(flow: &Flow<'_>, out: &mut TextBuffer) {
    let version = flow.export_version();
    let (name, number) = match version {
        _ if flow.is_event() => ("event", version),
        0 => return out.extend(b"flow"),
        0x80.. => ("sflowV", version & 15),
        0x40..0x80 => ("pcapdV", version & 15),
        _ => ("netflowV", version & 15),
    };
    out.extend(name.as_bytes());
    text::decimal(number.into(), out);
}

pub(crate) const PF_ACTIONS: [&str; 16] = [
    "pass", "block", "scrub", "noscrub", "nat", "nonat", "binat", "nobinat", "rdr", "nordr",
    "synblock", "defer", "match", "divert", "rt", "afrt",
];

/// The closing bracket is nfdump's.
pub(crate) const PF_REASONS: [&str; 17] = [
    "match",
    "bad-offset",
    "fragment",
    "short",
    "normalize",
    "memory)",
    "bad-timestamp",
    "congestion",
    "ip-option",
    "proto-cksum",
    "state-mismatch",
    "state-insert",
    "state-limit",
    "src-limit",
    "synproxy",
    "translate",
    "no-route",
];

fn packet_filter(log: Option<&[u8]>, at: usize, names: &[&str], out: &mut TextBuffer) {
    out.extend(log.map_or(&b"no-pf"[..], |log| {
        let name = names.get(usize::from(u8_at(log, at)));
        name.map_or(&b"<undef>"[..], |name| name.as_bytes())
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(list: &str) -> Result<String, TokenError> {
        let mut out = TextBuffer::default();
        CsvFormat::new(TokenList::parse(list)?, Zone::utc()).begin(&mut out);
        Ok(String::from_utf8_lossy(out.as_bytes()).into_owned())
    }

    #[test]
    fn lists_are_read_as_nfdump_reads_them() {
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
    fn unknown_tokens_are_told_with_near_ones() {
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
