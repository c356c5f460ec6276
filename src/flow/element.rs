//! The types of the element table, and the table as data.

use crate::flow::at::{self, At};
use crate::flow::bytes::Condition;
use crate::flow::field_value::FieldValue;
use crate::flow::table::{either_table, element_table, header_table};
use crate::flow::view::Flow;

/// How a field is stored, and so which type it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// Unsigned, 1 byte.
    U8,
    /// Unsigned, 2 bytes.
    U16,
    /// Unsigned, 4 bytes.
    U32,
    /// Unsigned, 8 bytes.
    U64,
    /// Milliseconds since the epoch, 8 bytes.
    Time,
    /// As `Time`; 0 is replaced by the event time of element 19, or else 25.
    FirstSeen,
    /// As `Time`, of an event; below 1000 it is unknown.
    EventTime,
    /// Microseconds, 8 bytes; text outputs show milliseconds.
    Micros,
    /// IPv4 address, 4 bytes.
    Ip4,
    /// IPv6 address, two 8-byte halves.
    Ip6,
    /// MAC address in the low 48 bits of 8 bytes.
    Mac,
    /// MPLS label stack entry, 4 bytes.
    Mpls,
    /// TCP flags, 1 byte.
    TcpFlags,
    /// Fragmentation flags, 1 byte.
    Fragment,
    /// NSEL event number, 1 byte, shown by name.
    NselEvent,
    /// NAT event number, 1 byte, shown by name; the element has two layouts.
    NatEvent,
    /// NAT event number, 1 byte; the element has two layouts.
    NatEventId,
    /// NAT pool, 4 bytes; the element has two layouts.
    NatPool,
    /// Three 4-byte words in network byte order.
    Acl,
    /// Text of at most 66 bytes, in layout 3 72, that ends at a NUL.
    UserName,
    /// Text to the end of the element, ends at a NUL.
    Text,
    /// Bytes to the end of the element.
    Bytes,
    /// Network of the source address under the mask of element 4.
    SrcNet,
    /// Network of the destination address under the mask of element 4.
    DstNet,
    /// Always empty; nfdump prints the country of its geo database here.
    Geo,
    /// TLS version of a hello in a payload.
    TlsVersion,
    /// Server name of a hello in a payload.
    TlsSni,
    /// JA3 of a hello in a payload.
    TlsJa3,
    /// JA4 of a hello in a payload.
    TlsJa4,
}

/// One field of an element.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Field {
    /// Name of the accessor of [`Flow`]; empty for fields that exist in text output only.
    pub name: &'static str,
    /// How it is stored.
    pub kind: FieldKind,
    /// Bytes from the start of the element's payload.
    pub offset: usize,
    /// When it exists.
    pub condition: Condition,
    /// nfdump's key in JSON and NDJSON; empty if nfdump does not print it.
    pub key: &'static str,
    /// One line on meaning and unit.
    pub doc: &'static str,
    /// Calls the accessor.
    get: for<'a> fn(&Flow<'a>) -> Option<FieldValue<'a>>,
}

impl Field {
    /// [`doc`](Self::doc) without links to methods, for text outside rustdoc.
    #[must_use]
    pub fn plain_doc(&self) -> &'static str {
        plain(self.doc)
    }

    /// What the accessor of this name returns for a flow. `None` if the flow does not have the field,
    /// and always for fields that only text output has.
    ///
    /// ```
    /// # let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
    /// # let block = file.blocks().next().ok_or("a block")??;
    /// # let flow = block.flows().next().ok_or("a flow")?;
    /// use nfdecode::FieldValue;
    /// let field = nfdecode::element::field("in_bytes").ok_or("no such field")?;
    /// assert_eq!(field.value(&flow), flow.in_bytes().map(FieldValue::Number));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn value<'a>(&self, flow: &Flow<'a>) -> Option<FieldValue<'a>> {
        (self.get)(flow)
    }
}

/// The stored field with this accessor name, such as `src_port`.
///
/// Searches the whole table: find the field once, not for every flow.
#[must_use]
pub fn field(name: &str) -> Option<&'static Field> {
    ELEMENTS
        .iter()
        .flat_map(|element| element.fields)
        .find(|field| field.name == name)
}

/// All elements, by ascending id.
#[must_use]
pub fn elements() -> &'static [Element] {
    ELEMENTS
}

/// All stored fields with the id of their element, in the order of the table.
pub fn fields() -> impl Iterator<Item = (u8, &'static Field)> {
    let of = |element: &'static Element| element.fields.iter().map(|field| (element.id, field));
    ELEMENTS.iter().flat_map(of)
}

/// The fields of the record header.
#[must_use]
pub fn header_fields() -> &'static [HeaderField] {
    HEADER_FIELDS
}

/// The values that one of two elements holds, mostly addresses of either family.
#[must_use]
pub fn either_fields() -> &'static [EitherField] {
    EITHER_FIELDS
}

/// The element with this id, if it is known.
#[must_use]
pub fn element(id: u8) -> Option<&'static Element> {
    ELEMENTS.iter().find(|element| element.id == id)
}

/// One element a flow can hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Element {
    /// The id stored in files of layout 2. Ids from 60 on are this library's own, for what only layout 3 holds.
    pub id: u8,
    /// Its title.
    pub name: &'static str,
    /// Payload bytes as nfdump writes them today; 0 if variable.
    pub size: usize,
    /// Its fields in nfdump's order.
    pub fields: &'static [Field],
}

/// How a field of the record header is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderKind {
    /// Unsigned, 1 byte.
    U8,
    /// Unsigned, 2 bytes.
    U16,
    /// One bit of a byte, with this mask.
    Flag(u8),
}

/// One field of the record header. Every flow has all of them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HeaderField {
    /// Name of the accessor of [`Flow`].
    pub name: &'static str,
    /// How it is stored.
    pub kind: HeaderKind,
    /// Bytes from the start of the record.
    pub offset: usize,
    /// nfdump's key in JSON and NDJSON; empty if nfdump does not print it.
    pub key: &'static str,
    /// One line on meaning and unit.
    pub doc: &'static str,
    get: for<'a> fn(&Flow<'a>) -> FieldValue<'a>,
}

impl HeaderField {
    /// [`doc`](Self::doc) without links to methods, for text outside rustdoc.
    #[must_use]
    pub fn plain_doc(&self) -> &'static str {
        plain(self.doc)
    }

    /// What the accessor of this name returns for a flow; flags are 0 or 1.
    #[must_use]
    pub fn value<'a>(&self, flow: &Flow<'a>) -> FieldValue<'a> {
        (self.get)(flow)
    }
}

/// The type of a value that one of two elements holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EitherKind {
    /// An address: the first field is IPv4, the second IPv6.
    Ip,
    /// Unsigned, 4 bytes.
    U32,
    /// Milliseconds since the epoch.
    Time,
}

/// A value that one of two elements holds; the first that the flow has counts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EitherField {
    /// Name of the accessor of [`Flow`].
    pub name: &'static str,
    /// Its type.
    pub kind: EitherKind,
    /// The two stored fields, see [`field`].
    pub fields: [&'static str; 2],
    /// nfdump's key in JSON and NDJSON for both; empty if it has one for each or none.
    pub key: &'static str,
    /// One line on meaning and unit.
    pub doc: &'static str,
    /// Where the two fields lie.
    pub(crate) at: [At; 2],
    get: for<'a> fn(&Flow<'a>) -> Option<FieldValue<'a>>,
}

impl EitherField {
    /// Where the two fields lie, as element and offset.
    #[must_use]
    pub fn places(&self) -> [(u8, usize); 2] {
        self.at.map(|at| (at.element, at.offset))
    }

    /// What the accessor of this name returns for a flow. `None` if the flow has neither field.
    #[must_use]
    pub fn value<'a>(&self, flow: &Flow<'a>) -> Option<FieldValue<'a>> {
        (self.get)(flow)
    }
}

fn plain(doc: &'static str) -> &'static str {
    let text = doc.split(" See also").next().unwrap_or_default();
    let text = text.split(", see [").next().unwrap_or_default();
    text.trim()
}

macro_rules! condition {
    () => {
        Condition::Always
    };
    ($name:ident) => {
        Condition::$name
    };
}

/// How a field is read by name.
macro_rules! getter {
    ($name:ident, Geo) => {
        |_| None
    };
    ($name:ident, TlsVersion) => {
        |_| None
    };
    ($name:ident, TlsSni) => {
        |_| None
    };
    ($name:ident, TlsJa3) => {
        |_| None
    };
    ($name:ident, TlsJa4) => {
        |_| None
    };
    ($name:ident, UserName) => {
        |flow| flow.$name().map(FieldValue::Text)
    };
    ($name:ident, Text) => {
        |flow| flow.$name().map(FieldValue::Text)
    };
    ($name:ident, Bytes) => {
        |flow| flow.$name().map(FieldValue::Bytes)
    };
    ($name:ident, $kind:ident) => {
        |flow| flow.$name().map(FieldValue::from)
    };
}

/// Makes [`ELEMENTS`] from the table.
macro_rules! elements {
    ($(
        $id:literal $const:ident $title:literal $size:literal {
            $( $(#[doc = $doc:literal])+ $name:ident: $kind:ident @ $at:literal $(if $when:ident)? $(=> $key:literal)?; )*
        }
    )*) => {
        pub(crate) static ELEMENTS: &[Element] = &[$(
            Element {
                id: $id,
                name: $title,
                size: $size,
                fields: &[$(
                    Field {
                        name: stringify!($name),
                        kind: FieldKind::$kind,
                        offset: $at,
                        condition: condition!($($when)?),
                        key: concat!($($key)?),
                        doc: concat!($($doc),+).trim_ascii(),
                        get: getter!($name, $kind),
                    },
                )*],
            },
        )*];
    };
}

/// Makes [`HEADER_FIELDS`] from the table.
macro_rules! header {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident $(($mask:literal))? @ $at:literal $(=> $key:literal)?; )*) => {
        static HEADER_FIELDS: &[HeaderField] = &[$(
            HeaderField {
                name: stringify!($name),
                kind: HeaderKind::$kind $(($mask))?,
                offset: $at,
                key: concat!($($key)?),
                doc: concat!($($doc),+).trim_ascii(),
                get: |flow| FieldValue::Number(flow.$name().into()),
            },
        )*];
    };
}

/// Makes [`EITHER_FIELDS`] from the table.
macro_rules! either {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident [$first:ident $second:ident] $(=> $key:literal)?; )*) => {
        static EITHER_FIELDS: &[EitherField] = &[$(
            EitherField {
                name: stringify!($name),
                kind: EitherKind::$kind,
                fields: [stringify!($first), stringify!($second)],
                key: concat!($($key)?),
                doc: concat!($($doc),+).trim_ascii(),
                at: [at::$first, at::$second],
                get: |flow| flow.$name().map(FieldValue::from),
            },
        )*];
    };
}

element_table!(elements);
header_table!(header);
either_table!(either);
