//! The members of a flow's JSON object as keys and values, for dictionaries of other languages.
//!
//! The same keys, order and values as [`JsonFormat`](super::json::JsonFormat) prints, without the text of JSON
//! in between: a reader of its output gets equal objects. Does not print.

use std::sync::LazyLock;

use crate::flow::bytes::{Condition, nat_offset, u8_at, u16_at, u32_at, u64_at};
use crate::flow::element::{self, FieldKind};
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::format::FlowContext;
use crate::output::values::value;
use crate::payload::tls::Hello;
use crate::value::protocol::TCP;
use crate::value::zone::{TimeFormatter, Zone};

/// Keys that are not of elements, at their places in [`Members::keys`].
const KEYS: [&str; 5] = ["cnt", "type", "ident", "export_sysid", "sampled"];
const CNT: usize = 0;
const TYPE: usize = 1;
const IDENT: usize = 2;
const EXPORT_SYSID: usize = 3;
const SAMPLED: usize = 4;

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MemberValue<'a> {
    /// A whole number.
    Number(u64),
    /// A number of milliseconds with decimals.
    Float(f64),
    /// A text. Bytes that are not UTF-8 are replaced by U+FFFD.
    Text(&'a str),
}

/// Visits the members of flows. Keeps buffers: use one per thread.
///
/// ```
/// use nfdecode::output::members::{MemberValue, Members};
/// use nfdecode::output::FlowContext;
/// use nfdecode::value::Zone;
///
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let context = FlowContext::new(file.ident(), "");
/// let (mut members, mut bytes) = (Members::new(Zone::utc()), 0);
/// for block in file.blocks() {
///     for (number, flow) in (1..).zip(block?.flows()) {
///         members.visit(number, &flow, &context, &mut |key, value| match (Members::keys()[key], value) {
///             ("in_bytes", MemberValue::Number(number)) => bytes += number,
///             _ => {}
///         });
///     }
/// }
/// assert!(bytes > 0);
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Debug)]
pub struct Members {
    times: TimeFormatter,
    text: TextBuffer,
    /// The elements with members, by ascending id as in a flow.
    groups: Vec<Group>,
}

/// The members of one element.
#[derive(Debug)]
struct Group {
    element: u8,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    key: usize,
    kind: FieldKind,
    condition: Condition,
    offset: usize,
}

impl Members {
    /// Times are written in this zone.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self {
            times: TimeFormatter::new(zone),
            text: TextBuffer::default(),
            groups: groups(),
        }
    }

    /// All keys. Members name theirs by its place here.
    #[must_use]
    pub fn keys() -> &'static [&'static str] {
        static ALL: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
            let fields = element::elements()
                .iter()
                .flat_map(|element| element.fields);
            let mut keys = KEYS.to_vec();
            keys.extend(fields.map(|field| field.key).filter(|key| !key.is_empty()));
            keys
        });
        &ALL
    }

    /// Calls `visit` with each member of a flow in order: the place of its key in [`keys`](Self::keys), and its
    /// value. `number` is the value of `cnt`.
    pub fn visit(
        &mut self,
        number: u64,
        flow: &Flow<'_>,
        context: &FlowContext,
        visit: &mut impl FnMut(usize, MemberValue<'_>),
    ) {
        visit(CNT, MemberValue::Number(number));
        let kind = if flow.is_event() { "EVENT" } else { "FLOW" };
        visit(TYPE, MemberValue::Text(kind));
        if let Some(ident) = context.ident() {
            visit(IDENT, MemberValue::Text(&String::from_utf8_lossy(ident)));
        }
        let sysid = flow.exporter_sysid();
        visit(EXPORT_SYSID, MemberValue::Number(sysid.into()));
        for group in &self.groups {
            let Some(payload) = flow.element(group.element) else {
                continue;
            };
            if group.members.iter().all(|member| member.kind.is_tls()) {
                tls(flow, payload, &group.members, visit);
                continue;
            }
            for member in &group.members {
                if !flow.holds(member.condition, payload, member.offset) {
                    continue;
                }
                if let Some(number) = number_of(member, payload) {
                    visit(member.key, number);
                    continue;
                }
                self.text.clear();
                let (kind, at) = (member.kind, member.offset);
                value::<false>(kind, payload, at, flow, &mut self.times, &mut self.text);
                let text = self.text.as_bytes();
                match std::str::from_utf8(text) {
                    Ok(text) => visit(member.key, MemberValue::Text(text)),
                    Err(_) => {
                        let text = String::from_utf8_lossy(text);
                        visit(member.key, MemberValue::Text(&text));
                    }
                }
            }
        }
        visit(SAMPLED, MemberValue::Number(flow.is_sampled().into()));
    }
}

/// The elements that have members.
fn groups() -> Vec<Group> {
    let mut key = KEYS.len();
    let mut groups = Vec::new();
    for element in element::elements() {
        let mut members = Vec::new();
        for field in element.fields.iter().filter(|field| !field.key.is_empty()) {
            members.push(Member {
                key,
                kind: field.kind,
                condition: field.condition,
                offset: field.offset,
            });
            key += 1;
        }
        if !members.is_empty() {
            groups.push(Group {
                element: element.id,
                members,
            });
        }
    }
    groups
}

/// The value, if it is a number in JSON.
#[inline]
fn number_of(member: &Member, payload: &[u8]) -> Option<MemberValue<'static>> {
    let at = member.offset;
    Some(MemberValue::Number(match member.kind {
        FieldKind::U8 => u8_at(payload, at).into(),
        FieldKind::U16 => u16_at(payload, at).into(),
        FieldKind::U32 => u32_at(payload, at).into(),
        FieldKind::U64 => u64_at(payload, at),
        FieldKind::NatEventId => u8_at(payload, nat_offset(payload, at)).into(),
        FieldKind::NatPool => u32_at(payload, nat_offset(payload, at)).into(),
        FieldKind::Micros => return Some(MemberValue::Float(milliseconds(u64_at(payload, at)))),
        _ => return None,
    }))
}

/// What a reader of the printed number gets: it has six decimals.
fn milliseconds(micros: u64) -> f64 {
    let number = micros as f64 / 1000.0;
    format!("{number:.6}").parse().unwrap_or(number)
}

/// The members of the hello at the start of a payload; only TCP flows have one.
fn tls(
    flow: &Flow<'_>,
    payload: &[u8],
    members: &[Member],
    visit: &mut impl FnMut(usize, MemberValue<'_>),
) {
    if flow.proto() != Some(TCP) {
        return;
    }
    let Some(hello) = Hello::parse(payload) else {
        return;
    };
    for member in members {
        let mut put = |text: &[u8]| {
            visit(
                member.key,
                MemberValue::Text(&String::from_utf8_lossy(text)),
            );
        };
        match member.kind {
            FieldKind::TlsVersion => put(hello.version().as_str().as_bytes()),
            FieldKind::TlsSni => hello.sni().into_iter().for_each(put),
            FieldKind::TlsJa3 => put(&hello.ja3()),
            FieldKind::TlsJa4 => hello.ja4().iter().for_each(|ja4| put(ja4)),
            _ => {}
        }
    }
}
