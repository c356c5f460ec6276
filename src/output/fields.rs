//! Chosen fields, under stable names: as CSV, and as the members of JSON and NDJSON objects.
//!
//! Names are those of the accessors of [`Flow`], from the element table, and of a few
//! values that combine elements; nfdump's JSON keys are understood as well. Members and columns come
//! in the order in which they were asked for and are called what they were asked for. What a flow does
//! not have is left out of JSON, and empty in CSV, which quotes as RFC 4180 and the crate `csv` do.
//!
//! Values have the text that they have in nfdump's JSON; bytes, which nfdump does not print, are
//! hexadecimal. nfdump's own CSV is in [`super::csv`].

use std::fmt;
use std::sync::Arc;

use crate::flow::bytes::u64_at;
use crate::flow::element::{self, Field, FieldKind};
use crate::flow::view::Flow;
use crate::output::format::FlowFormat;
use crate::output::json;
use crate::output::json::Layout;
use crate::output::near::near;
use crate::output::text;
use crate::output::text::TextBuffer;
use crate::payload::tls::Hello;
use crate::value::zone::{TimeFormatter, Zone};

/// A name that can be asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldName {
    /// The name.
    pub name: &'static str,
    /// nfdump's key in JSON, which is understood too; empty if it has none or it is the same.
    pub key: &'static str,
    /// What kind of value it is: `u16`, `time`, `text`, …
    pub kind: &'static str,
    /// The element it is stored in; `None` if it is in the record's header or made from several.
    pub element: Option<u8>,
    /// One line on meaning and unit.
    pub doc: &'static str,
}

/// Values that are no field of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    File,
    Count,
    Type,
    Ident,
    ExporterSysid,
    Sampled,
    Anonymized,
    EngineType,
    EngineId,
    ExportVersion,
    Duration,
    FlowCount,
}

const HEADERS: &[(Header, &str, &str, &str)] = &[
    (
        Header::File,
        "file",
        "text",
        "Name of the file the flow is from.",
    ),
    (
        Header::Count,
        "cnt",
        "u64",
        "Number of the flow in the output, from 1.",
    ),
    (
        Header::Type,
        "type",
        "text",
        "`FLOW`, or `EVENT` for NSEL, NEL and packet filter logs.",
    ),
    (
        Header::Ident,
        "ident",
        "text",
        "Ident of the file the flow is from.",
    ),
    (
        Header::ExporterSysid,
        "export_sysid",
        "u16",
        "Number of the exporter in its file; 0 is none.",
    ),
    (
        Header::Sampled,
        "sampled",
        "u8",
        "1 if the exporter sampled; counters are scaled already.",
    ),
    (
        Header::Anonymized,
        "anonymized",
        "u8",
        "1 if the addresses were anonymised.",
    ),
    (
        Header::EngineType,
        "engine_type",
        "u8",
        "Engine type of the exporter.",
    ),
    (
        Header::EngineId,
        "engine_id",
        "u8",
        "Engine id of the exporter.",
    ),
    (
        Header::ExportVersion,
        "export_version",
        "u8",
        "Export protocol: 1, 5, 9 NetFlow, 10 IPFIX, 65 nfpcapd, 128 and above sFlow, 0 unknown.",
    ),
    (
        Header::Duration,
        "duration",
        "seconds",
        "Seconds from `first` to `last`, three decimals; absent if either is missing or they are in the wrong order.",
    ),
    (
        Header::FlowCount,
        "flow_count",
        "u64",
        "Flows this record stands for, at least 1.",
    ),
];

/// Values that are in one of two elements; the first that the flow has counts.
const EITHER: &[(&str, [&str; 2], &str)] = &[
    (
        "src_addr",
        ["src4_addr", "src6_addr"],
        "Source address of either family.",
    ),
    (
        "dst_addr",
        ["dst4_addr", "dst6_addr"],
        "Destination address of either family.",
    ),
    (
        "next_hop",
        ["ip4_next_hop", "ip6_next_hop"],
        "IP next hop of either family.",
    ),
    (
        "bgp_next_hop",
        ["bgp4_next_hop", "bgp6_next_hop"],
        "BGP next hop of either family.",
    ),
    (
        "exporter_addr",
        ["ip4_router", "ip6_router"],
        "Address of either family that the flow was received from.",
    ),
    (
        "src_xlt_addr",
        ["src4_xlt_ip", "src6_xlt_ip"],
        "Translated source address of either family.",
    ),
    (
        "dst_xlt_addr",
        ["dst4_xlt_ip", "dst6_xlt_ip"],
        "Translated destination address of either family.",
    ),
    (
        "src_tun_addr",
        ["src4_tun_ip", "src6_tun_ip"],
        "Outer source address of a tunnel of either family.",
    ),
    (
        "dst_tun_addr",
        ["dst4_tun_ip", "dst6_tun_ip"],
        "Outer destination address of a tunnel of either family.",
    ),
    (
        "tun_proto",
        ["tun4_proto", "tun6_proto"],
        "Protocol of a tunnel of either family: 4 IP in IP, 41 IPv6, 47 GRE.",
    ),
    (
        "t_event",
        ["nsel_event_time", "nat_event_time"],
        "Time of the NSEL event, else of the NAT event.",
    ),
];

fn stored() -> impl Iterator<Item = (u8, &'static Field)> {
    element::fields()
}

/// All names, in the order of `docs/fields.md`: the record's header, what combines elements, then the
/// element table.
pub fn all() -> impl Iterator<Item = FieldName> {
    let header =
        |(_, name, kind, doc): &(Header, &'static str, &'static str, &'static str)| FieldName {
            name,
            key: "",
            kind,
            element: None,
            doc,
        };
    let either = |(name, of, doc): &(&'static str, [&'static str; 2], &'static str)| FieldName {
        name,
        key: "",
        kind: stored()
            .find(|(_, field)| field.name == of[0])
            .map_or("", |(_, field)| match kind_name(field.kind) {
                "ipv4" => "ip",
                other => other,
            }),
        element: None,
        doc,
    };
    let field = |(element, field): (u8, &'static Field)| FieldName {
        name: field.name,
        key: if field.key == field.name {
            ""
        } else {
            field.key
        },
        kind: kind_name(field.kind),
        element: Some(element),
        doc: field.plain_doc(),
    };
    HEADERS
        .iter()
        .map(header)
        .chain(EITHER.iter().map(either))
        .chain(stored().map(field))
}

fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::U8 | FieldKind::NatEventId => "u8",
        FieldKind::U16 => "u16",
        FieldKind::U32 | FieldKind::NatPool => "u32",
        FieldKind::U64 => "u64",
        FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime => "time",
        FieldKind::Micros => "milliseconds",
        FieldKind::Ip4 => "ipv4",
        FieldKind::Ip6 => "ipv6",
        FieldKind::SrcNet | FieldKind::DstNet => "ip",
        FieldKind::Mac => "mac",
        FieldKind::Mpls => "mpls",
        FieldKind::TcpFlags => "flags",
        FieldKind::Acl => "acl",
        FieldKind::Bytes => "hex",
        FieldKind::Fragment
        | FieldKind::NselEvent
        | FieldKind::NatEvent
        | FieldKind::UserName
        | FieldKind::Text
        | FieldKind::Geo
        | FieldKind::TlsVersion
        | FieldKind::TlsSni
        | FieldKind::TlsJa3
        | FieldKind::TlsJa4 => "text",
    }
}

/// There is no field of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField(String);

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("empty field name");
        }
        write!(f, "unknown field {:?}", self.0)?;
        for (at, found) in near(&self.0, all().map(|known| known.name))
            .iter()
            .enumerate()
        {
            let before = if at == 0 { "; near it:" } else { "," };
            write!(f, "{before} {found}")?;
        }
        f.write_str(" (`nfdecode fields` lists all)")
    }
}

impl std::error::Error for UnknownField {}

/// Where a value comes from.
#[derive(Clone, Debug)]
enum Source {
    Header(Header),
    /// The first of these that the flow has: element and field.
    Stored(Vec<(u8, &'static Field)>),
}

#[derive(Clone, Debug)]
struct Chosen {
    name: String,
    source: Source,
}

/// Fields in the order in which they are to be printed.
#[derive(Clone, Debug)]
pub struct FieldList(Arc<[Chosen]>);

impl FieldList {
    /// Reads names with commas between.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn parse(list: &str) -> Result<Self, UnknownField> {
        let chosen: Result<Vec<_>, _> = list
            .split(',')
            .map(|name| Self::find(name.trim()))
            .collect();
        Ok(Self(chosen?.into()))
    }

    fn find(name: &str) -> Result<Chosen, UnknownField> {
        let header = HEADERS.iter().find(|(_, known, ..)| *known == name);
        let either = EITHER.iter().find(|(known, ..)| *known == name);
        let source = if let Some((header, ..)) = header {
            Source::Header(*header)
        } else {
            let names = either.map_or([name, name], |(_, names, _)| *names);
            let named = |wanted: &str| {
                let mut by_name = stored().filter(|(_, field)| field.name == wanted);
                let mut by_key =
                    stored().filter(|(_, field)| !wanted.is_empty() && field.key == wanted);
                by_name.next().or_else(|| by_key.next())
            };
            let mut found: Vec<_> = names.into_iter().filter_map(named).collect();
            found.dedup_by_key(|(element, field)| (*element, field.name));
            if found.is_empty() {
                return Err(UnknownField(name.to_owned()));
            }
            Source::Stored(found)
        };
        Ok(Chosen {
            name: name.to_owned(),
            source,
        })
    }

    /// The same with the name of the file first, unless it is in the list.
    #[must_use]
    pub fn with_file_names(self) -> Self {
        let is_file = |chosen: &Chosen| matches!(chosen.source, Source::Header(Header::File));
        if self.0.iter().any(is_file) {
            return self;
        }
        let file = Chosen {
            name: "file".to_owned(),
            source: Source::Header(Header::File),
        };
        Self(
            std::iter::once(file)
                .chain(self.0.iter().cloned())
                .collect(),
        )
    }
}

/// How the fields are laid out.
#[derive(Debug)]
enum Form {
    Json(Layout),
    Csv { header: bool, quoting: Box<Quoting> },
}

/// Chosen fields in one of the text forms.
#[derive(Debug)]
pub struct FieldsFormat {
    fields: FieldList,
    form: Form,
    times: TimeFormatter,
    file: Vec<u8>,
    ident: Option<Vec<u8>>,
    /// For each field what stands before its value in JSON, without the comma.
    keys: Vec<Vec<u8>>,
}

impl FieldsFormat {
    /// One array of objects, one member a line.
    #[must_use]
    pub fn json(fields: FieldList, zone: Zone) -> Self {
        Self::new(fields, Form::Json(Layout::Json), zone)
    }

    /// One object a line.
    #[must_use]
    pub fn ndjson(fields: FieldList, zone: Zone) -> Self {
        Self::new(fields, Form::Json(Layout::Ndjson), zone)
    }

    /// One line a flow, with this byte between fields, after a line with the names if `header`.
    #[must_use]
    pub fn csv(fields: FieldList, delimiter: u8, header: bool, zone: Zone) -> Self {
        let quoting = Box::new(Quoting::new(delimiter));
        Self::new(fields, Form::Csv { header, quoting }, zone)
    }

    fn new(fields: FieldList, form: Form, zone: Zone) -> Self {
        let keys = match &form {
            Form::Csv { .. } => Vec::new(),
            Form::Json(layout) => {
                let (before, after) = layout.around_key();
                let key = |chosen: &Chosen| {
                    let text = format!("{before}{}{after}", chosen.name);
                    text.as_bytes().get(1..).unwrap_or_default().to_vec()
                };
                fields.0.iter().map(key).collect()
            }
        };
        Self {
            fields,
            form,
            times: TimeFormatter::new(zone),
            file: Vec::new(),
            ident: None,
            keys,
        }
    }

    fn object(&mut self, layout: Layout, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        match layout {
            Layout::Json if number == 1 => out.extend(b"\n {"),
            Layout::Json => out.extend(b",\n {"),
            Layout::Ndjson => out.push(b'{'),
        }
        let mut first = true;
        let fields = Arc::clone(&self.fields.0);
        for (chosen, at) in fields.iter().zip(0..) {
            let before = out.len();
            if !first {
                out.push(b',');
            }
            out.extend(self.keys.get(at).map_or(&[], Vec::as_slice));
            if self.value::<true>(&chosen.source, number, flow, out) {
                first = false;
            } else {
                out.truncate(before);
            }
        }
        out.extend(match layout {
            Layout::Json => b"\n }",
            Layout::Ndjson => b"}\n",
        });
    }

    fn line(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        let fields = Arc::clone(&self.fields.0);
        let start = out.len();
        for (at, chosen) in fields.iter().enumerate() {
            if at != 0 {
                self.delimiter(out);
            }
            let before = out.len();
            self.value::<false>(&chosen.source, number, flow, out);
            if let Form::Csv { quoting, .. } = &mut self.form
                && (quoting.any_value || chosen.source.is_free_text())
            {
                quoting.apply(before, out);
            }
        }
        self.end_line(start, out);
    }

    fn delimiter(&self, out: &mut TextBuffer) {
        if let Form::Csv { quoting, .. } = &self.form {
            out.push(quoting.delimiter);
        }
    }

    /// An empty line would be no record.
    fn end_line(&self, start: usize, out: &mut TextBuffer) {
        if out.len() == start {
            out.extend(b"\"\"");
        }
        out.push(b'\n');
    }

    /// The value, in JSON with its quotes; `false` if the flow has none.
    #[inline]
    fn value<const JSON: bool>(
        &mut self,
        source: &Source,
        number: u64,
        flow: &Flow<'_>,
        out: &mut TextBuffer,
    ) -> bool {
        match source {
            Source::Stored(fields) => fields.iter().any(|(element, field)| {
                let Some(payload) = flow.element(*element) else {
                    return false;
                };
                if !flow.holds(field.condition, payload, field.offset) {
                    return false;
                }
                if field.kind.is_tls() {
                    return tls_value::<JSON>(field.kind, payload, flow, out);
                }
                if field.kind == FieldKind::Geo {
                    return free_text::<JSON>(b"", out);
                }
                if JSON && field.kind.is_string() {
                    out.push(b'"');
                }
                json::value::<JSON>(
                    field.kind,
                    payload,
                    field.offset,
                    flow,
                    &mut self.times,
                    out,
                );
                true
            }),
            Source::Header(header) => self.header::<JSON>(*header, number, flow, out),
        }
    }

    fn header<const JSON: bool>(
        &self,
        header: Header,
        number: u64,
        flow: &Flow<'_>,
        out: &mut TextBuffer,
    ) -> bool {
        let number = match header {
            Header::File => return free_text::<JSON>(&self.file, out),
            Header::Ident => {
                return self
                    .ident
                    .as_deref()
                    .is_some_and(|ident| free_text::<JSON>(ident, out));
            }
            Header::Type => {
                let kind = if flow.is_event() {
                    &b"EVENT"[..]
                } else {
                    b"FLOW"
                };
                return free_text::<JSON>(kind, out);
            }
            Header::Duration => {
                return match duration(flow) {
                    Some(duration) => {
                        text::thousandths(duration, out);
                        true
                    }
                    None => false,
                };
            }
            Header::Count => number,
            Header::ExporterSysid => flow.exporter_sysid().into(),
            Header::Sampled => flow.is_sampled().into(),
            Header::Anonymized => flow.is_anonymized().into(),
            Header::EngineType => flow.engine_type().into(),
            Header::EngineId => flow.engine_id().into(),
            Header::ExportVersion => flow.export_version().into(),
            Header::FlowCount => flow.flow_count(),
        };
        text::decimal(number, out);
        true
    }
}

impl FlowFormat for FieldsFormat {
    fn set_file(&mut self, ident: Option<&[u8]>, name: &str) {
        self.ident = ident.map(<[u8]>::to_vec);
        self.file = name.as_bytes().to_vec();
    }

    fn begin(&mut self, out: &mut TextBuffer) {
        match &mut self.form {
            Form::Json(Layout::Json) => out.push(b'['),
            Form::Csv {
                header: true,
                quoting,
            } => {
                for (at, chosen) in self.fields.0.iter().enumerate() {
                    if at != 0 {
                        out.push(quoting.delimiter);
                    }
                    let before = out.len();
                    out.extend(chosen.name.as_bytes());
                    quoting.apply(before, out);
                }
                out.push(b'\n');
            }
            Form::Json(Layout::Ndjson) | Form::Csv { header: false, .. } => {}
        }
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        match self.form {
            Form::Json(layout) => self.object(layout, number, flow, out),
            Form::Csv { .. } => self.line(number, flow, out),
        }
    }

    fn end(&mut self, flows: u64, out: &mut TextBuffer) {
        if let Form::Json(Layout::Json) = self.form {
            out.extend(if flows == 0 { b"]\n" } else { b"\n]\n" });
        }
    }
}

impl Source {
    /// Whether its text can be anything.
    fn is_free_text(&self) -> bool {
        match self {
            Self::Header(header) => matches!(header, Header::File | Header::Ident),
            Self::Stored(fields) => fields.iter().any(|(_, field)| {
                matches!(
                    field.kind,
                    FieldKind::UserName | FieldKind::Text | FieldKind::TlsSni | FieldKind::TlsJa4
                )
            }),
        }
    }
}

/// Milliseconds from first to last seen.
fn duration(flow: &Flow<'_>) -> Option<u64> {
    let generic = flow.element(1)?;
    let (first, last) = (flow.first_seen_at(generic, 0), u64_at(generic, 8));
    if first == 0 || last == 0 {
        return None;
    }
    last.checked_sub(first)
}

fn free_text<const JSON: bool>(value: &[u8], out: &mut TextBuffer) -> bool {
    if JSON {
        out.push(b'"');
        text::json_string(value, out);
        out.push(b'"');
    } else {
        out.extend(value);
    }
    true
}

/// What the hello at the start of a payload has; only TCP flows carry one.
fn tls_value<const JSON: bool>(
    kind: FieldKind,
    payload: &[u8],
    flow: &Flow<'_>,
    out: &mut TextBuffer,
) -> bool {
    const TCP: u8 = 6;
    if flow.proto() != Some(TCP) {
        return false;
    }
    let Some(hello) = Hello::parse(payload) else {
        return false;
    };
    match kind {
        FieldKind::TlsVersion => free_text::<JSON>(hello.version().as_str().as_bytes(), out),
        FieldKind::TlsSni => hello.sni().is_some_and(|sni| free_text::<JSON>(sni, out)),
        FieldKind::TlsJa3 => free_text::<JSON>(&hello.ja3(), out),
        FieldKind::TlsJa4 => hello.ja4().is_some_and(|ja4| free_text::<JSON>(&ja4, out)),
        _ => false,
    }
}

/// Quoting of CSV as readers expect it.
#[derive(Debug)]
struct Quoting {
    delimiter: u8,
    /// The delimiter can occur in numbers, times and addresses.
    any_value: bool,
    writer: csv_core::Writer,
    copy: Vec<u8>,
}

impl Quoting {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            any_value: !matches!(delimiter, b',' | b';' | b'|' | b'\t'),
            writer: csv_core::WriterBuilder::new().delimiter(delimiter).build(),
            copy: Vec::new(),
        }
    }

    /// Puts what was written since `from` in quotes if it needs them.
    fn apply(&mut self, from: usize, out: &mut TextBuffer) {
        let written = out.as_bytes().get(from..).unwrap_or_default();
        if !self.writer.should_quote(written) {
            return;
        }
        self.copy.clear();
        self.copy.extend_from_slice(written);
        out.truncate(from);
        out.push(b'"');
        for piece in self.copy.split_inclusive(|byte| *byte == b'"') {
            out.extend(piece);
            if piece.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_under_its_own() {
        let names: Vec<_> = all().map(|field| field.name).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[at + 1..].contains(name), "{name} twice");
            assert!(FieldList::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_key_of_nfdump_is_understood() {
        for (_, field) in stored().filter(|(_, field)| !field.key.is_empty()) {
            assert!(FieldList::parse(field.key).is_ok(), "{}", field.key);
        }
        for key in ["cnt", "type", "ident", "export_sysid", "sampled"] {
            assert!(FieldList::parse(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn unknown_names_are_told_with_near_ones() {
        let message = FieldList::parse("first,src_adr").unwrap_err().to_string();
        assert!(
            message.starts_with("unknown field \"src_adr\"; near it: src_addr"),
            "{message}"
        );
        assert!(FieldList::parse("first,").is_err());
        assert!(FieldList::parse("").is_err());
    }
}
