//! JSON and NDJSON: the keys, order, values and layout of nfdump 1.7.10.
//!
//! Where nfdump's own text is not valid JSON, not deterministic or plainly wrong, ours differs;
//! `docs/deviations.md` lists every case.
//!
//! The keys of a flow depend on the set of its elements, and an archive has few such sets. A template
//! is made once for each set, from the element table: the texts of keys, and what to read where.

use std::collections::HashMap;

use crate::flow::bytes::Condition;
use crate::flow::element::{self, Field, FieldKind};
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::format::{FileContext, FlowContext, FlowFormat};
use crate::output::head::Head;
use crate::output::keys::{AROUND_KEY, KeyText};
use crate::output::object::{Group, Objects, RUN_MAX};
use crate::output::text;
use crate::output::values::value;
use crate::payload::tls::Hello;
use crate::value::protocol::TCP;
use crate::value::zone::Zone;

/// Templates kept at most. Only hostile files have more sets of elements; then all are regenerated.
const TEMPLATES_MAX: usize = 4096;

/// Size of the cache of templates.
const RECENT: usize = 64;

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
    objects: Objects,
    /// Print the file's name as first member.
    with_file: bool,
    /// The file that the next is made for.
    file: FileContext,
    head: Head,
    templates: Vec<Template>,
    /// The index of the template for each set of elements.
    known: HashMap<u64, usize>,
    /// The templates used last, by a hash of the set, so that the map is rarely searched.
    recent: [usize; RECENT],
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
        let mut this = Self {
            layout,
            objects: Objects::new(zone),
            with_file: false,
            file: FileContext::default(),
            head: Head::new(b"", [b"", b""]),
            templates: Vec::new(),
            known: HashMap::new(),
            recent: [0; RECENT],
        };
        this.enter(&FlowContext::default());
        this
    }

    /// The index of the template for a set of elements.
    #[inline(always)]
    fn select(&mut self, elements: u64) -> usize {
        let place = (elements.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize % RECENT;
        let found = self.recent[place];
        match self.templates.get(found) {
            Some(template) if template.elements == elements => found,
            _ => self.find(elements, place),
        }
    }

    #[cold]
    fn find(&mut self, elements: u64, place: usize) -> usize {
        let found = match self.known.get(&elements) {
            Some(found) => *found,
            None => {
                if self.templates.len() >= TEMPLATES_MAX {
                    self.templates.clear();
                    self.known.clear();
                }
                self.templates.push(Template::new(self.layout, elements));
                self.known.insert(elements, self.templates.len() - 1);
                self.templates.len() - 1
            }
        };
        self.recent[place] = found;
        found
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
        let before_count = [open, rest].concat();
        let after_count = ["FLOW", "EVENT"].map(|kind| {
            let mut text = TextBuffer::default();
            member("type", kind.as_bytes(), &mut text);
            if let Some(ident) = ident {
                member("ident", ident, &mut text);
            }
            text.extend(key("export_sysid").as_bytes());
            text
        });
        let after_count = after_count.each_ref().map(TextBuffer::as_bytes);
        self.head = Head::new(&before_count, after_count);
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
        let selected = self.select(flow.elements());
        let Some(template) = self.templates.get(selected) else {
            return;
        };
        if self.layout == Layout::Json {
            if number == 1 {
                out.put(b"\n", 1);
            } else {
                out.put(b",\n", 2);
            }
        }
        let mut groups = template.groups.as_slice();
        let mut head = None;
        if self.head.fits_a_line() && groups.first().is_some_and(|group| group.run != 0) {
            head = Some((&mut self.head, number));
        } else {
            self.head.append_to(number, flow, out);
        }
        while let [group, others @ ..] = groups {
            if group.run != 0 {
                let (objects, head) = (&mut self.objects, head.take());
                let written = match self.layout {
                    Layout::Json => objects.members::<true>(head, groups, flow, out),
                    Layout::Ndjson => objects.members::<false>(head, groups, flow, out),
                };
                if written != 0 {
                    groups = groups.get(written..).unwrap_or_default();
                    continue;
                }
            }
            groups = others;
            let Some(payload) = flow.element(group.element) else {
                continue;
            };
            let members = template.members.get(group.members.clone());
            let members = members.unwrap_or_default();
            if group.is_tls {
                tls_members(flow, payload, members, out);
                continue;
            }
            for member in members {
                if flow.holds(member.condition, payload, member.offset) {
                    out.put(&member.key.text, member.key.length);
                    value::<true>(
                        member.kind,
                        payload,
                        member.offset,
                        flow,
                        self.objects.times(),
                        out,
                    );
                }
            }
        }

        let sampled = usize::from(flow.is_sampled());
        match self.layout {
            Layout::Json => {
                const ENDS: [&[u8; 20]; 2] =
                    [b",\n  \"sampled\" : 0\n }", b",\n  \"sampled\" : 1\n }"];
                out.put(ENDS[sampled], 20);
            }
            Layout::Ndjson => {
                const ENDS: [&[u8; 14]; 2] = [b",\"sampled\":0}\n", b",\"sampled\":1}\n"];
                out.put(ENDS[sampled], 14);
            }
        }
    }

    fn end(&mut self, flows: u64, out: &mut TextBuffer) {
        if self.layout == Layout::Json {
            out.extend(if flows == 0 { b"]\n" } else { b"\n]\n" });
        }
    }
}

/// What to print for one set of elements.
#[derive(Clone)]
struct Template {
    elements: u64,
    members: Vec<Member>,
    groups: Vec<Group>,
}

#[derive(Clone)]
struct Member {
    key: KeyText,
    kind: FieldKind,
    condition: Condition,
    offset: usize,
}

impl Template {
    fn new(layout: Layout, elements: u64) -> Self {
        let mut this = Self {
            elements,
            members: Vec::new(),
            groups: Vec::new(),
        };
        for element in element::elements()
            .iter()
            .filter(|element| elements >> element.id & 1 == 1)
        {
            let first = this.members.len();
            let printed = element.fields.iter().filter(|field| !field.key.is_empty());
            this.members
                .extend(printed.clone().map(|field| Member::new(layout, field)));
            let members = first..this.members.len();
            if !members.is_empty() {
                let is_tls = printed.clone().all(|field| field.kind.is_tls());
                let is_compiled =
                    element.size != 0 && printed.clone().all(|field| field.kind.is_compiled());
                this.groups.push(Group {
                    element: element.id,
                    is_tls,
                    run: usize::from(is_compiled),
                    members,
                });
            }
        }
        let mut after = 0;
        for group in this.groups.iter_mut().rev() {
            group.run = match group.run {
                0 => 0,
                _ => (after + 1).min(RUN_MAX),
            };
            after = group.run;
        }
        this
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
    use crate::flow::owned::OwnedFlow;
    use proptest::prelude::*;

    /// Remembers nothing, and writes members by the template.
    fn plain(mut format: JsonFormat, flow: &Flow<'_>, out: &mut TextBuffer) {
        let selected = format.select(flow.elements());
        for group in &mut format.templates[selected].groups {
            group.run = 0;
        }
        format.flow(2, flow, &FlowContext::default(), out);
    }

    /// Elements of a flow: usual ones, often with few values, sometimes cut.
    fn record() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => 0..3_u8, 1 => any::<u8>()];
        let payload = prop_oneof![
            3 => prop::collection::vec(0..2_u8, 80),
            2 => prop::collection::vec(byte, 80),
            1 => prop::collection::vec(any::<u8>(), 80),
        ];
        let all = element::elements().len();
        let element = (
            0..all,
            payload,
            0..20_usize,
            prop_oneof![Just(1_u8), Just(6), Just(17), Just(58)],
        );
        let first = (
            Just(0),
            prop::collection::vec(0..4_u8, 80),
            Just(1),
            Just(6),
        );
        let elements = (
            prop_oneof![9 => first, 1 => element.clone().boxed()],
            prop::collection::vec(element, 0..9),
        );
        elements.prop_map(|(first, others)| {
            let mut record = vec![0; 12];
            record[0] = 11;
            record[4] = 1 + others.len() as u8;
            for (which, mut payload, cut, proto) in std::iter::once(first).chain(others) {
                let element = &element::elements()[which];
                let size = if element.size == 0 { 20 } else { element.size };
                payload.resize(if cut == 0 { size - 1 } else { size }, 0);
                if element.id == crate::flow::at::id::GENERIC && payload.len() == size {
                    payload[crate::flow::at::proto.offset] = proto;
                }
                record.extend(u16::from(element.id).to_le_bytes());
                record.extend((payload.len() as u16 + 4).to_le_bytes());
                record.extend(payload);
            }
            record
        })
    }

    proptest! {
        #[test]
        fn remembered_text_is_that_of_the_template(
            records in prop::collection::vec(record(), 1..60),
            zone in prop::sample::select(vec!["UTC", "Europe/Zurich", "XYZ-3:30:17"]),
        ) {
            let zone = Zone::named(zone).expect("a zone");
            for layout in [Layout::Json, Layout::Ndjson] {
                let mut format = JsonFormat::new(layout, zone.clone());
                // Each flow twice in a row, so that everything that can be is recalled.
                for record in records.iter().flat_map(|record| [record, record]) {
                    let flow = OwnedFlow::from_record(record.clone());
                    let (mut expected, mut text) = (TextBuffer::default(), TextBuffer::default());
                    plain(JsonFormat::new(layout, zone.clone()), &flow.view(), &mut expected);
                    format.flow(2, &flow.view(), &FlowContext::default(), &mut text);
                    let (expected, text) = (expected.as_bytes(), text.as_bytes());
                    prop_assert_eq!(String::from_utf8_lossy(text), String::from_utf8_lossy(expected));
                }
            }
        }
    }
}
