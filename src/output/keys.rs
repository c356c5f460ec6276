//! The JSON keys of all fields with the text around them, as constants, and which members are remembered
//! together.

use crate::flow::at::{self, At};
use crate::flow::bytes::Condition;
use crate::flow::element::FieldKind;
use crate::flow::table::element_table;

/// Room for a key with the text around it; the longest is `,\n  "observationDomainID" : `.
pub(crate) const KEY_ROOM: usize = 32;

/// Comma, key, colon and, for strings, the opening quote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyText {
    /// Bytes past `length` are unspecified.
    pub(crate) text: [u8; KEY_ROOM],
    pub(crate) length: usize,
}

impl KeyText {
    /// With the text before and after the key. A key that is too long does not compile.
    pub(crate) const fn new(before: &str, key: &str, after: &str, kind: FieldKind) -> Self {
        let quotes = match kind {
            // Always empty, so that the value is constant too.
            FieldKind::Geo => "\"\"",
            _ if kind.is_string() => "\"",
            _ => "",
        };
        let mut this = Self {
            text: [0; KEY_ROOM],
            length: 0,
        };
        let parts = [before, key, after, quotes];
        let mut part = 0;
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                this.text[this.length] = bytes[at];
                this.length += 1;
                at += 1;
            }
            part += 1;
        }
        this
    }
}

/// The key of a field in both layouts. A field without key is not printed.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) json: KeyText,
    pub(crate) ndjson: KeyText,
    pub(crate) printed: bool,
    pub(crate) together: Option<Together>,
}

/// Members that are printed one after the other, and whose values come again in nearly all flows: number,
/// first and last field, bytes from the first on that decide their text. Groups of the generic element
/// are for other protocols than ICMP, which have more members between these.
const TOGETHER: [(At, At, usize); GROUPS] = [
    (at::proto, at::tcp_flags, 2),
    (at::fwd_status, at::src_tos, 2),
    (at::src_mask, at::dst_mask, 2),
    (at::direction, at::dst_tos, 2),
    (at::src_vlan, at::dst_vlan, 8),
    (at::ip4_router, at::ip4_router, 4),
];

/// Groups of members that are remembered together.
pub(crate) const GROUPS: usize = 6;

/// The place of a field in such a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Together {
    /// Which group.
    pub(crate) group: usize,
    pub(crate) is_first: bool,
    pub(crate) is_last: bool,
    /// Bytes from the first field on that decide the text.
    pub(crate) bytes: usize,
}

impl Together {
    const fn of(at: At, kind: FieldKind) -> Option<Self> {
        // Networks lie where the masks do, and depend on the addresses.
        if matches!(kind, FieldKind::SrcNet | FieldKind::DstNet) {
            return None;
        }
        let mut group = 0;
        while group < GROUPS {
            let (first, last, bytes) = TOGETHER[group];
            let is_first = at.element == first.element && at.offset == first.offset;
            let is_last = at.element == last.element && at.offset == last.offset;
            if is_first || is_last {
                return Some(Self {
                    group,
                    is_first,
                    is_last,
                    bytes,
                });
            }
            group += 1;
        }
        None
    }
}

/// The text before and after a key in JSON and in NDJSON.
pub(crate) const AROUND_KEY: [(&str, &str); 2] = [(",\n  \"", "\" : "), (",\"", "\":")];

impl Keys {
    const fn new(key: &str, at: At, kind: FieldKind) -> Self {
        let [json, ndjson] = AROUND_KEY;
        Self {
            json: KeyText::new(json.0, key, json.1, kind),
            ndjson: KeyText::new(ndjson.0, key, ndjson.1, kind),
            printed: !key.is_empty(),
            together: Together::of(at, kind),
        }
    }
}

/// A visitor of the fields of an element.
pub(crate) trait ShowField {
    /// One field of the element with this payload.
    fn field(
        &mut self,
        payload: &[u8],
        kind: FieldKind,
        at: At,
        condition: Condition,
        keys: &'static Keys,
    );
}

impl FieldKind {
    /// Whether values are instants, printed in a zone.
    pub(crate) const fn is_time(self) -> bool {
        matches!(self, Self::Time | Self::FirstSeen | Self::EventTime)
    }

    /// Whether its value is a string in JSON.
    pub(crate) const fn is_string(self) -> bool {
        !matches!(
            self,
            Self::U8
                | Self::U16
                | Self::U32
                | Self::U64
                | Self::NatEventId
                | Self::NatPool
                | Self::Micros
        )
    }
}

/// Makes [`show_fields`] from the element table.
macro_rules! show_fields {
    ($(
        $id:literal $const:ident $title:literal $size:literal {
            $( $(#[doc = $doc:literal])+ $name:ident: $kind:ident @ $at:literal $(if $when:ident)? $(=> $key:literal)?; )*
        }
    )*) => {
        /// Calls `show` for each field of an element, with constants for all that the table knows, so that
        /// the compiler makes straight code. Returns false, without a call, if the element is too short or
        /// of variable size.
        #[inline(always)]
        pub(crate) fn show_fields(id: u8, payload: &[u8], show: &mut impl ShowField) -> bool {
            match id {
                $(
                    $id if $size != 0 => match payload.first_chunk::<$size>() {
                        Some(payload) => {
                            $( show.field(
                                payload,
                                FieldKind::$kind,
                                At { element: $id, offset: $at },
                                condition!($($when)?),
                                const {
                                    let at = At { element: $id, offset: $at };
                                    &Keys::new(concat!($($key)?), at, FieldKind::$kind)
                                },
                            ); )*
                            true
                        }
                        None => false,
                    }
                )*
                _ => false,
            }
        }
    };
}

macro_rules! condition {
    () => {
        Condition::Always
    };
    ($name:ident) => {
        Condition::$name
    };
}

element_table!(show_fields);
