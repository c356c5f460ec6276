//! The JSON keys of all fields with the text around them, as constants.

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
}

/// The text before and after a key in JSON and in NDJSON.
pub(crate) const AROUND_KEY: [(&str, &str); 2] = [(",\n  \"", "\" : "), (",\"", "\":")];

impl Keys {
    const fn new(key: &str, kind: FieldKind) -> Self {
        let [json, ndjson] = AROUND_KEY;
        Self {
            json: KeyText::new(json.0, key, json.1, kind),
            ndjson: KeyText::new(ndjson.0, key, ndjson.1, kind),
            printed: !key.is_empty(),
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
        at: usize,
        condition: Condition,
        keys: &'static Keys,
    );
}

impl FieldKind {
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
                                $at,
                                condition!($($when)?),
                                const { &Keys::new(concat!($($key)?), FieldKind::$kind) },
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
