//! JSON and NDJSON: the keys, order, values and layout of nfdump 1.7.10.
//!
//! Where nfdump's own text is not valid JSON, not deterministic or plainly wrong, ours differs;
//! `docs/deviations.md` lists every case.
//!
//! Which keys a flow has depends on the set of its elements, and an archive has few such sets. For
//! each a template is made once from the element table: the key texts, and what to read where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

use super::{FlowFormat, text};
use crate::element::{
    Condition, ELEMENTS, FieldKind, USER_NAME_MAX, acl_at, ip4_at, ip6_at, nat_offset, text_at,
    u8_at, u16_at, u32_at, u64_at,
};
use crate::flow::Flow;
use crate::time::Timestamp;
use crate::time::{TimeFormatter, Zone};
use crate::tls::Hello;
use crate::value::{IpFragment, MacAddr, MplsLabel, NatEvent, NselEvent, TcpFlags};

/// Templates kept at most. Only hostile files have more sets of elements; theirs are then made anew.
const TEMPLATES_MAX: usize = 4096;

/// How objects are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// An array, one member a line.
    Json,
    /// One object a line.
    Ndjson,
}

impl Layout {
    /// What stands before and after a member's key.
    fn around_key(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => (",\n  \"", "\" : "),
            Self::Ndjson => (",\"", "\":"),
        }
    }
}

/// nfdump's `json` and `ndjson`.
pub struct JsonFormat {
    layout: Layout,
    times: TimeFormatter,
    /// Print the file's name as first member.
    with_file: bool,
    file: Vec<u8>,
    ident: Vec<u8>,
    templates: HashMap<u64, Template>,
    /// The template used last, apart from the map: successive flows mostly share it.
    current: Option<(u64, Template)>,
}

impl JsonFormat {
    /// One array, one member a line.
    #[must_use]
    pub fn json(zone: Zone) -> Self {
        Self::new(Layout::Json, zone)
    }

    /// One object a line.
    #[must_use]
    pub fn ndjson(zone: Zone) -> Self {
        Self::new(Layout::Ndjson, zone)
    }

    /// Makes the file's name the first member of each object, under the key `file`.
    #[must_use]
    pub fn with_file_names(mut self) -> Self {
        self.with_file = true;
        self
    }

    fn new(layout: Layout, zone: Zone) -> Self {
        Self {
            layout,
            times: TimeFormatter::new(zone),
            with_file: false,
            file: Vec::new(),
            ident: Vec::new(),
            templates: HashMap::new(),
            current: None,
        }
    }

    /// A member with a text value, comma in front.
    fn text_member(&self, key: &str, value: &[u8], out: &mut Vec<u8>) {
        let (before, after) = self.layout.around_key();
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(after.as_bytes());
        out.push(b'"');
        text::json_string(value, out);
        out.push(b'"');
    }

    /// Makes the template for a set of elements the current one.
    fn select(&mut self, elements: u64) {
        if self
            .current
            .as_ref()
            .is_some_and(|(set, _)| *set == elements)
        {
            return;
        }
        if let Some((set, template)) = self.current.take() {
            if self.templates.len() >= TEMPLATES_MAX {
                self.templates.clear();
            }
            self.templates.insert(set, template);
        }
        let template = self
            .templates
            .remove(&elements)
            .unwrap_or_else(|| Template::new(self.layout, elements));
        self.current = Some((elements, template));
    }
}

impl FlowFormat for JsonFormat {
    fn set_file(&mut self, ident: Option<&[u8]>, name: &str) {
        let mut member = Vec::new();
        if self.with_file {
            self.text_member("file", name.as_bytes(), &mut member);
            // First in its object: no comma.
            member.remove(0);
        }
        self.file = member;
        let mut member = Vec::new();
        if let Some(ident) = ident {
            self.text_member("ident", ident, &mut member);
        }
        self.ident = member;
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.layout == Layout::Json {
            out.push(b'[');
        }
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut Vec<u8>) {
        self.select(flow.elements());
        let Some((_, template)) = &self.current else {
            return;
        };

        let event = flow.is_event();
        match self.layout {
            Layout::Json => {
                out.extend_from_slice(if number == 1 { b"\n {" } else { b",\n {" });
                out.extend_from_slice(&self.file);
                out.extend_from_slice(if self.file.is_empty() {
                    b"\n  \"cnt\" : "
                } else {
                    b",\n  \"cnt\" : "
                });
                text::decimal(number, out);
                out.extend_from_slice(if event {
                    b",\n  \"type\" : \"EVENT\""
                } else {
                    b",\n  \"type\" : \"FLOW\""
                });
                out.extend_from_slice(&self.ident);
                out.extend_from_slice(b",\n  \"export_sysid\" : ");
            }
            Layout::Ndjson => {
                out.push(b'{');
                out.extend_from_slice(&self.file);
                out.extend_from_slice(if self.file.is_empty() {
                    b"\"cnt\":"
                } else {
                    b",\"cnt\":"
                });
                text::decimal(number, out);
                out.extend_from_slice(if event {
                    b",\"type\":\"EVENT\""
                } else {
                    b",\"type\":\"FLOW\""
                });
                out.extend_from_slice(&self.ident);
                out.extend_from_slice(b",\"export_sysid\":");
            }
        }
        text::decimal(flow.exporter_sysid().into(), out);

        for group in &template.groups {
            let Some(payload) = flow.element(group.element) else {
                continue;
            };
            let mut hello = None;
            for member in template
                .members
                .get(group.members.clone())
                .unwrap_or_default()
            {
                if !flow.holds(member.condition, payload, member.offset) {
                    continue;
                }
                let key = template.keys.get(member.key.clone()).unwrap_or_default();
                if member.kind.is_tls() {
                    let hello = hello.get_or_insert_with(|| tls_hello(flow, payload));
                    if let Some(hello) = hello {
                        tls_value(member.kind, hello, key, out);
                    }
                } else {
                    out.extend_from_slice(key);
                    value(
                        member.kind,
                        payload,
                        member.offset,
                        flow,
                        &mut self.times,
                        out,
                    );
                }
            }
        }

        let sampled = b'0' + u8::from(flow.is_sampled());
        match self.layout {
            Layout::Json => {
                out.extend_from_slice(b",\n  \"sampled\" : ");
                out.push(sampled);
                out.extend_from_slice(b"\n }");
            }
            Layout::Ndjson => {
                out.extend_from_slice(b",\"sampled\":");
                out.push(sampled);
                out.extend_from_slice(b"}\n");
            }
        }
    }

    fn end(&mut self, flows: u64, out: &mut Vec<u8>) {
        if self.layout == Layout::Json {
            out.extend_from_slice(if flows == 0 { b"]\n" } else { b"\n]\n" });
        }
    }
}

/// What to print for one set of elements.
struct Template {
    /// Key texts one after the other, each with its comma and colon.
    keys: Vec<u8>,
    members: Vec<Member>,
    groups: Vec<Group>,
}

/// The members of one element.
struct Group {
    element: u8,
    members: Range<usize>,
}

struct Member {
    key: Range<usize>,
    kind: FieldKind,
    condition: Condition,
    offset: usize,
}

impl Template {
    fn new(layout: Layout, elements: u64) -> Self {
        let (before, after) = layout.around_key();
        let mut this = Self {
            keys: Vec::new(),
            members: Vec::new(),
            groups: Vec::new(),
        };
        for element in ELEMENTS
            .iter()
            .filter(|element| elements >> element.id & 1 == 1)
        {
            let first = this.members.len();
            for field in element.fields.iter().filter(|field| !field.key.is_empty()) {
                let start = this.keys.len();
                for part in [before, field.key, after] {
                    this.keys.extend_from_slice(part.as_bytes());
                }
                this.members.push(Member {
                    key: start..this.keys.len(),
                    kind: field.kind,
                    condition: field.condition,
                    offset: field.offset,
                });
            }
            this.groups.push(Group {
                element: element.id,
                members: first..this.members.len(),
            });
        }
        this
    }
}

impl FieldKind {
    fn is_tls(self) -> bool {
        matches!(
            self,
            Self::TlsVersion | Self::TlsSni | Self::TlsJa3 | Self::TlsJa4
        )
    }
}

/// The hello at the start of a payload; only TCP flows carry one.
fn tls_hello<'a>(flow: &Flow<'_>, payload: &'a [u8]) -> Option<Hello<'a>> {
    const TCP: u8 = 6;
    if flow.proto() == Some(TCP) {
        Hello::parse(payload)
    } else {
        None
    }
}

/// A TLS member with its key, unless the hello does not have it.
fn tls_value(kind: FieldKind, hello: &Hello<'_>, key: &[u8], out: &mut Vec<u8>) {
    let mut member = |value: &[u8]| {
        out.extend_from_slice(key);
        out.push(b'"');
        text::json_string(value, out);
        out.push(b'"');
    };
    match kind {
        FieldKind::TlsVersion => member(hello.version().as_str().as_bytes()),
        FieldKind::TlsSni => hello.sni().into_iter().for_each(member),
        FieldKind::TlsJa3 => member(&hello.ja3()),
        FieldKind::TlsJa4 => hello.ja4().iter().for_each(|ja4| member(ja4)),
        _ => {}
    }
}

/// The value of a member.
#[inline]
fn value(
    kind: FieldKind,
    payload: &[u8],
    at: usize,
    flow: &Flow<'_>,
    times: &mut TimeFormatter,
    out: &mut Vec<u8>,
) {
    match kind {
        FieldKind::U8 => text::decimal(u8_at(payload, at).into(), out),
        FieldKind::U16 => text::decimal(u16_at(payload, at).into(), out),
        FieldKind::U32 => text::decimal(u32_at(payload, at).into(), out),
        FieldKind::U64 => text::decimal(u64_at(payload, at), out),
        FieldKind::NatEventId => text::decimal(u8_at(payload, nat_offset(payload, at)).into(), out),
        FieldKind::NatPool => text::decimal(u32_at(payload, nat_offset(payload, at)).into(), out),
        FieldKind::Micros => text::milliseconds(u64_at(payload, at), out),
        FieldKind::Geo => out.extend_from_slice(b"\"\""),
        // All others are strings; those made of free text are escaped, the rest needs no escaping.
        _ => {
            out.push(b'"');
            match kind {
                FieldKind::Time => {
                    times.write_iso(Timestamp::from_millis(u64_at(payload, at)), out)
                }
                FieldKind::FirstSeen => {
                    times.write_iso(Timestamp::from_millis(flow.first_seen_at(payload, at)), out)
                }
                FieldKind::EventTime => event_time(u64_at(payload, at), times, out),
                FieldKind::Ip4 => text::ip4(ip4_at(payload, at), out),
                FieldKind::Ip6 => text::ip6(ip6_at(payload, at), out),
                FieldKind::Mac => text::mac(MacAddr::from_number(u64_at(payload, at)), out),
                FieldKind::Mpls => text::mpls(MplsLabel(u32_at(payload, at)), out),
                FieldKind::TcpFlags => {
                    out.extend_from_slice(&TcpFlags(u8_at(payload, at)).letters())
                }
                FieldKind::Fragment => {
                    out.extend_from_slice(IpFragment(u8_at(payload, at)).text().as_bytes())
                }
                FieldKind::NselEvent => display(NselEvent(u8_at(payload, at)), out),
                FieldKind::NatEvent => {
                    display(NatEvent(u8_at(payload, nat_offset(payload, at))), out)
                }
                FieldKind::Acl => text::acl(acl_at(payload, at), out),
                FieldKind::SrcNet => network(flow.src_net(), out),
                FieldKind::DstNet => network(flow.dst_net(), out),
                FieldKind::UserName => match text_at(payload, at, USER_NAME_MAX) {
                    [] => out.extend_from_slice(b"<empty>"),
                    name => text::json_string(name, out),
                },
                FieldKind::Text => text::json_string(text_at(payload, at, usize::MAX), out),
                _ => {}
            }
            out.push(b'"');
        }
    }
}

fn network(network: Option<IpAddr>, out: &mut Vec<u8>) {
    match network {
        Some(IpAddr::V4(address)) => text::ip4(address, out),
        Some(IpAddr::V6(address)) => text::ip6(address, out),
        None => {}
    }
}

/// Event times below one second are unknown to nfdump.
fn event_time(ms: u64, times: &mut TimeFormatter, out: &mut Vec<u8>) {
    if ms < 1000 {
        out.extend_from_slice(b"<unknown>.");
        text::decimal(ms, out);
    } else {
        times.write_iso(Timestamp::from_millis(ms), out);
    }
}

fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    use std::io::Write as _;
    write!(out, "{value}").expect("writing to a Vec cannot fail");
}
