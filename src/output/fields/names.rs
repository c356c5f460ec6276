//! The names of fields.

use crate::flow::element::{
    self, EitherField, EitherKind, Field, FieldKind, HeaderField, HeaderKind,
};

/// The name of a field.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldName {
    /// The name.
    pub name: &'static str,
    /// nfdump's key in JSON, which is understood too; empty if there is none or it is the same.
    pub key: &'static str,
    /// The kind of its value: `u16`, `time`, `text`, …
    pub kind: &'static str,
    /// The element that stores it; `None` for the record header and values made from several elements.
    pub element: Option<u8>,
    /// One line on meaning and unit.
    pub doc: &'static str,
}

/// Values that no field stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Computed {
    File,
    Count,
    Type,
    Ident,
    Duration,
    FlowCount,
}

/// A computed value with its name, kind and meaning.
pub(super) const COMPUTED: [(Computed, &str, &str, &str); 6] = [
    (
        Computed::File,
        "file",
        "text",
        "Name of the file the flow is from.",
    ),
    (
        Computed::Count,
        "cnt",
        "u64",
        "Number of the flow in the output, from 1.",
    ),
    (
        Computed::Type,
        "type",
        "text",
        "`FLOW`, or `EVENT` for NSEL, NEL and packet filter logs.",
    ),
    (
        Computed::Ident,
        "ident",
        "text",
        "Ident of the file the flow is from.",
    ),
    (
        Computed::Duration,
        "duration",
        "seconds",
        "Seconds from `first` to `last`, three decimals; absent if either is missing or they are in the wrong order.",
    ),
    (
        Computed::FlowCount,
        "flow_count",
        "u64",
        "Flows this record represents, at least 1.",
    ),
];

/// Names of before 0.1 for fields of the record header, still understood: name of the accessor, old name.
pub(super) const OLD_NAMES: [(&str, &str); 1] = [("is_anonymized", "anonymized")];

/// All names, in the order of `docs/fields.md`: computed values, the record header, values that one of two
/// elements holds, then the element table.
pub fn all() -> impl Iterator<Item = FieldName> {
    COMPUTED
        .iter()
        .map(|(_, name, kind, doc)| FieldName {
            name,
            key: "",
            kind,
            element: None,
            doc,
        })
        .chain(element::header_fields().iter().map(header))
        .chain(element::either_fields().iter().map(either))
        .chain(element::fields().map(stored))
}

/// A key that differs from the name.
fn other_key(name: &str, key: &'static str) -> &'static str {
    if key == name { "" } else { key }
}

fn header(field: &HeaderField) -> FieldName {
    FieldName {
        name: field.name,
        key: other_key(field.name, field.key),
        kind: match field.kind {
            HeaderKind::U16 => "u16",
            // Flags are 0 or 1, as in nfdump's JSON.
            HeaderKind::U8 | HeaderKind::Flag(_) => "u8",
        },
        element: None,
        doc: field.plain_doc(),
    }
}

fn either(field: &EitherField) -> FieldName {
    FieldName {
        name: field.name,
        key: other_key(field.name, field.key),
        kind: match field.kind {
            EitherKind::Ip => "ip",
            EitherKind::U32 => "u32",
            EitherKind::Time => "time",
        },
        element: None,
        doc: field.doc,
    }
}

fn stored((element, field): (u8, &'static Field)) -> FieldName {
    FieldName {
        name: field.name,
        key: other_key(field.name, field.key),
        kind: kind_name(field.kind),
        element: Some(element),
        doc: field.plain_doc(),
    }
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
