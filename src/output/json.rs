//! JSON and NDJSON: the keys, order, values and layout of nfdump 1.7.10.
//!
//! Where nfdump's own text is not valid JSON, not deterministic or plainly wrong, ours differs;
//! `docs/deviations.md` lists every case.
//!
//! The keys of a flow depend on the set of its elements. What an element prints is made once, from the element
//! table: the texts of keys, and what to read where. Nothing is made for a set, of which hostile files have many.

use crate::flow::bytes::Condition;
use crate::flow::element::{self, Field, FieldKind};
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::format::{FileContext, FlowContext, FlowFormat};
use crate::output::head::Head;
use crate::output::keys::{AROUND_KEY, KeyText};
use crate::output::object::Objects;
use crate::output::text;
use crate::output::values::value;
use crate::payload::tls::Hello;
use crate::raw::ELEMENT_SLOTS;
use crate::value::protocol::TCP;
use crate::value::zone::Zone;

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
    /// What each element prints, by its id; `None` for those that print nothing.
    groups: Vec<Option<Group>>,
    /// Bit i: element i prints something.
    printed: u64,
    /// Bit i: [`Objects::members`] writes element i, unless its payload is too short.
    compiled: u64,
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
        let (mut printed, mut compiled) = (0, 0);
        for element in element::elements() {
            let group = Group::new(layout, element);
            if let (false, Some(slot)) = (
                group.members.is_empty(),
                groups.get_mut(usize::from(element.id)),
            ) {
                let is_compiled = element.size != 0
                    && group.members.iter().all(|member| member.kind.is_compiled());
                *slot = Some(group);
                printed |= 1 << element.id;
                compiled |= u64::from(is_compiled) << element.id;
            }
        }
        let mut this = Self {
            layout,
            objects: Objects::new(zone),
            with_file: false,
            file: FileContext::default(),
            head: Head::new(b"", [b"", b""]),
            groups,
            printed,
            compiled,
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
        if self.layout == Layout::Json {
            if number == 1 {
                out.put(b"\n", 1);
            } else {
                out.put(b",\n", 2);
            }
        }
        // Elements are in the order of their ids, as the table is.
        let mut left = flow.elements() & self.printed;
        let mut head = None;
        if self.head.fits_a_line() && left & left.wrapping_neg() & self.compiled != 0 {
            head = Some((&mut self.head, number));
        } else {
            self.head.append_to(number, flow, out);
        }
        while left != 0 {
            let others = left & !self.compiled;
            // Those in front of the first that is not compiled.
            let run = left & (others & others.wrapping_neg()).wrapping_sub(1);
            if run != 0 {
                let (objects, head) = (&mut self.objects, head.take());
                let written = match self.layout {
                    Layout::Json => objects.members::<true>(head, run, flow, out),
                    Layout::Ndjson => objects.members::<false>(head, run, flow, out),
                };
                if written != 0 {
                    left &= !written;
                    continue;
                }
            }
            let id = left.trailing_zeros();
            left &= left - 1;
            let Some(Some(group)) = self.groups.get(id as usize) else {
                continue;
            };
            let Some(payload) = flow.element(id as u8) else {
                continue;
            };
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

/// The members of one element.
#[derive(Clone)]
struct Group {
    /// These exist only if the payload holds a TLS hello.
    is_tls: bool,
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
            is_tls: printed.clone().all(|field| field.kind.is_tls()),
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

    /// Remembers nothing, and writes each member by what the table says about it.
    fn plain(mut format: JsonFormat, flow: &Flow<'_>, out: &mut TextBuffer) {
        format.compiled = 0;
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
        fn remembered_text_is_that_of_the_table(
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
