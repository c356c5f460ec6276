//! JSON and NDJSON: the keys, order, values and layout of nfdump 1.7.10.
//!
//! Where nfdump's own text is not valid JSON, not deterministic or plainly wrong, ours differs;
//! `docs/deviations.md` lists every case.
//!
//! The keys of a flow depend on the set of its elements. What an element prints is made once, from the element
//! table: the texts of keys, and what to read where. Nothing is made for a set, of which hostile files have many.

use std::net::IpAddr;

use crate::flow::bytes::Condition;
use crate::flow::bytes::{ip4_at, ip6_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::element::{self, Field, FieldKind};
use crate::flow::view::{Flow, Side};
use crate::output::buffer::TextBuffer;
use crate::output::format::{FileContext, FlowContext, FlowFormat};
use crate::output::keys::AROUND_KEY;
use crate::output::keys::show_fields;
use crate::output::keys::{KeyText, Keys, ShowField};
use crate::output::line::Line;
use crate::output::padded::Padded;
use crate::output::text;
use crate::output::values::value;
use crate::payload::tls::Hello;
use crate::raw::ELEMENT_SLOTS;
use crate::value::flags::TcpFlags;
use crate::value::protocol::TCP;
use crate::value::time::Timestamp;
use crate::value::zone::{TimeFormatter, Zone};

/// How objects are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// An array, one member per line.
    Json,
    /// One object per line.
    Ndjson,
}

impl Layout {
    /// The text before and after a member's key.
    pub(crate) fn around_key(self) -> (&'static str, &'static str) {
        let [json, ndjson] = AROUND_KEY;
        match self {
            Self::Json => json,
            Self::Ndjson => ndjson,
        }
    }
}

/// nfdump's `json` and `ndjson`.
#[derive(Clone)]
pub struct JsonFormat {
    layout: Layout,
    times: TimeFormatter,
    /// Print the file's name as first member.
    with_file: bool,
    /// The file that the next two are made for.
    file: FileContext,
    /// The text up to the value of `cnt`, without the comma that separates flows.
    before_count: Padded,
    /// The text from there to the value of `export_sysid`, for flows and for events.
    after_count: [Padded; 2],
    /// What each element prints, by its id; `None` for those that print nothing.
    groups: Vec<Option<Group>>,
    /// Bit i: element i prints something.
    printed: u64,
}

impl std::fmt::Debug for JsonFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonFormat")
            .field("layout", &self.layout)
            .field("with_file", &self.with_file)
            .finish_non_exhaustive()
    }
}

impl JsonFormat {
    /// One array, one member per line.
    #[must_use]
    pub fn json(zone: Zone) -> Self {
        Self::new(Layout::Json, zone)
    }

    /// One object per line.
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
        let mut groups = vec![None; ELEMENT_SLOTS];
        let mut printed = 0;
        for element in element::elements() {
            let group = Group::new(layout, element);
            if let (false, Some(slot)) = (
                group.members.is_empty(),
                groups.get_mut(usize::from(element.id)),
            ) {
                *slot = Some(group);
                printed |= 1 << element.id;
            }
        }
        let mut this = Self {
            layout,
            times: TimeFormatter::new(zone),
            with_file: false,
            file: FileContext::default(),
            before_count: Padded::default(),
            after_count: [Padded::default(), Padded::default()],
            groups,
            printed,
        };
        this.enter(&FlowContext::default());
        this
    }
}

impl JsonFormat {
    /// Prepares the members that are the same for all flows of a file.
    #[cold]
    fn enter(&mut self, context: &FlowContext) {
        self.file = context.file().clone();
        let (name, ident) = (context.file_name(), context.ident());
        let (before, after) = self.layout.around_key();
        let key = |key: &str| format!("{before}{key}{after}");
        let mut text = TextBuffer::default();
        let member = |name: &str, value: &[u8], text: &mut TextBuffer| {
            text.extend(key(name).as_bytes());
            text.push(b'"');
            text::json_string(value, text);
            text.push(b'"');
        };
        if self.with_file {
            member("file", name.as_bytes(), &mut text);
        }
        text.extend(key("cnt").as_bytes());
        // The first member of an object has no comma before it.
        let open = if self.layout == Layout::Json {
            &b" {"[..]
        } else {
            b"{"
        };
        let rest = text.as_bytes().get(1..).unwrap_or_default();
        self.before_count = Padded::new(&[open, rest].concat());
        for (after_count, kind) in self.after_count.iter_mut().zip(["FLOW", "EVENT"]) {
            text.clear();
            member("type", kind.as_bytes(), &mut text);
            if let Some(ident) = ident {
                member("ident", ident, &mut text);
            }
            text.extend(key("export_sysid").as_bytes());
            *after_count = Padded::new(text.as_bytes());
        }
    }
}

impl FlowFormat for JsonFormat {
    fn begin(&mut self, out: &mut TextBuffer) {
        if self.layout == Layout::Json {
            out.push(b'[');
        }
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer) {
        if !self.file.is(context.file()) {
            self.enter(context);
        }
        if self.layout == Layout::Json {
            if number == 1 {
                out.put(b"\n", 1);
            } else {
                out.put(b",\n", 2);
            }
        }
        self.before_count.append_to(out);
        text::decimal(number, out);
        self.after_count[usize::from(flow.is_event())].append_to(out);
        text::decimal(flow.exporter_sysid().into(), out);

        // Elements are in the order of their ids, as the table is.
        let mut left = flow.elements() & self.printed;
        while left != 0 {
            let id = left.trailing_zeros();
            left &= left - 1;
            let Some(Some(group)) = self.groups.get(id as usize) else {
                continue;
            };
            let Some(payload) = flow.element(group.element) else {
                continue;
            };
            if group.is_compiled {
                let shown = match self.layout {
                    Layout::Json => {
                        compiled::<true>(group.element, payload, flow, &mut self.times, out)
                    }
                    Layout::Ndjson => {
                        compiled::<false>(group.element, payload, flow, &mut self.times, out)
                    }
                };
                if shown {
                    continue;
                }
            }
            if group.is_tls {
                tls_members(flow, payload, &group.members, out);
                continue;
            }
            for member in &group.members {
                if flow.holds(member.condition, payload, member.offset) {
                    out.put(&member.key.text, member.key.length);
                    value::<true>(
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
                out.put(b",\n  \"sampled\" : ", 16);
                out.put(&[sampled, b'\n', b' ', b'}'], 4);
            }
            Layout::Ndjson => {
                out.put(b",\"sampled\":", 11);
                out.put(&[sampled, b'}', b'\n', 0], 3);
            }
        }
    }

    fn end(&mut self, flows: u64, out: &mut TextBuffer) {
        if self.layout == Layout::Json {
            out.extend(if flows == 0 { b"]\n" } else { b"\n]\n" });
        }
    }
}

/// The members of one element.
#[derive(Clone)]
struct Group {
    element: u8,
    /// These exist only if the payload holds a TLS hello.
    is_tls: bool,
    /// [`compiled`] prints it, unless its payload is too short.
    is_compiled: bool,
    members: Vec<Member>,
}

#[derive(Clone)]
struct Member {
    key: KeyText,
    kind: FieldKind,
    condition: Condition,
    offset: usize,
}

impl Group {
    fn new(layout: Layout, element: &element::Element) -> Self {
        let printed = element.fields.iter().filter(|field| !field.key.is_empty());
        Self {
            element: element.id,
            is_tls: printed.clone().all(|field| field.kind.is_tls()),
            is_compiled: element.size != 0 && printed.clone().all(|field| field.kind.is_compiled()),
            members: printed.map(|field| Member::new(layout, field)).collect(),
        }
    }
}

impl Member {
    fn new(layout: Layout, field: &Field) -> Self {
        let (before, after) = layout.around_key();
        Self {
            key: KeyText::new(before, field.key, after, field.kind),
            kind: field.kind,
            condition: field.condition,
            offset: field.offset,
        }
    }
}

impl FieldKind {
    pub(crate) fn is_tls(self) -> bool {
        matches!(
            self,
            Self::TlsVersion | Self::TlsSni | Self::TlsJa3 | Self::TlsJa4
        )
    }

    /// Whether [`Show`] writes it.
    fn is_compiled(self) -> bool {
        matches!(
            self,
            Self::U8
                | Self::U16
                | Self::U32
                | Self::U64
                | Self::Time
                | Self::FirstSeen
                | Self::Ip4
                | Self::Ip6
                | Self::TcpFlags
                | Self::SrcNet
                | Self::DstNet
                | Self::Geo
        )
    }
}

/// Writes fields whose offsets and keys the compiler knows.
struct Show<'a, 'l, 'f, const JSON: bool> {
    flow: &'a Flow<'f>,
    times: &'a mut TimeFormatter,
    line: Line<'l>,
}

/// Writes an element of the usual size, without a look at each member. Returns false if nothing was
/// written, so that the members must be.
#[inline(never)]
fn compiled<const JSON: bool>(
    element: u8,
    payload: &[u8],
    flow: &Flow<'_>,
    times: &mut TimeFormatter,
    out: &mut TextBuffer,
) -> bool {
    let Some(line) = out.line() else {
        return false;
    };
    let mut show = Show::<JSON> { flow, times, line };
    let shown = show_fields(element, payload, &mut show);
    let length = show.line.len();
    out.advance(length);
    shown
}

impl<const JSON: bool> ShowField for Show<'_, '_, '_, JSON> {
    #[inline(always)]
    fn field(
        &mut self,
        payload: &[u8],
        kind: FieldKind,
        at: usize,
        condition: Condition,
        keys: &'static Keys,
    ) {
        let key = if JSON { &keys.json } else { &keys.ndjson };
        if !keys.printed || !kind.is_compiled() || !self.flow.holds(condition, payload, at) {
            return;
        }
        let line = &mut self.line;
        line.put(&key.text, key.length);
        match kind {
            FieldKind::U8 => return line.octet(u8_at(payload, at)),
            FieldKind::U16 => return line.short_decimal(u16_at(payload, at).into()),
            FieldKind::U32 => return line.decimal(u32_at(payload, at).into()),
            FieldKind::U64 => return line.decimal(u64_at(payload, at)),
            // The key includes the value.
            FieldKind::Geo => return,
            FieldKind::Ip4 => line.ip4(ip4_at(payload, at)),
            FieldKind::Ip6 => line.ip6(ip6_at(payload, at)),
            FieldKind::TcpFlags => line.put(&TcpFlags(u8_at(payload, at)).letters(), 8),
            FieldKind::Time => self.time(u64_at(payload, at)),
            FieldKind::FirstSeen => self.time(self.flow.first_seen_at(payload, at)),
            FieldKind::SrcNet => self.network(self.flow.network_of(payload, Side::Source)),
            FieldKind::DstNet => self.network(self.flow.network_of(payload, Side::Destination)),
            _ => {}
        }
        self.line.push(b'"');
    }
}

impl<const JSON: bool> Show<'_, '_, '_, JSON> {
    #[inline(always)]
    fn time(&mut self, ms: u64) {
        let time = Timestamp::from_millis(ms);
        if let Some((date, clock, fraction)) = self.times.iso_pieces(time) {
            self.line.put(date, 11);
            self.line.put(&clock, 8);
            self.line.put(&fraction, 4);
            return;
        }
        let text = self.times.iso_text(time);
        let mut piece = [0; 32];
        piece
            .iter_mut()
            .zip(text)
            .for_each(|(to, from)| *to = *from);
        self.line.put(&piece, text.len());
    }

    #[inline(always)]
    fn network(&mut self, network: Option<IpAddr>) {
        match network {
            Some(IpAddr::V4(address)) => self.line.ip4(address),
            Some(IpAddr::V6(address)) => self.line.ip6(address),
            None => {}
        }
    }
}

/// The members of the hello at the start of a payload; only TCP flows have one.
fn tls_members(flow: &Flow<'_>, payload: &[u8], members: &[Member], out: &mut TextBuffer) {
    if flow.proto() != Some(TCP) {
        return;
    }
    let Some(hello) = Hello::parse(payload) else {
        return;
    };
    for member in members {
        let mut print = |value: &[u8]| {
            out.put(&member.key.text, member.key.length);
            text::json_string(value, out);
            out.push(b'"');
        };
        match member.kind {
            FieldKind::TlsVersion => print(hello.version().as_str().as_bytes()),
            FieldKind::TlsSni => hello.sni().into_iter().for_each(print),
            FieldKind::TlsJa3 => print(&hello.ja3()),
            FieldKind::TlsJa4 => hello.ja4().iter().for_each(|ja4| print(ja4)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::line::LINE_MAX;

    /// No value of a fixed size is longer, unused bytes after it included.
    const VALUE_MAX: usize = 48;

    /// Keys that are too long for their room do not compile; this checks the room for an element.
    #[test]
    fn every_compiled_element_fits_a_line() {
        let (before, after) = Layout::Json.around_key();
        for element in element::elements() {
            let fields = element.fields.iter().filter(|field| {
                !field.key.is_empty() && element.size != 0 && field.kind.is_compiled()
            });
            let longest: usize = fields
                .map(|field| before.len() + field.key.len() + after.len() + 3 + VALUE_MAX)
                .sum();
            assert!(longest < LINE_MAX, "{}", element.name);
        }
    }
}
