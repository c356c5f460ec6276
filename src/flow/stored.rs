//! Where numbers and texts lie in a flow record, looked up in the element table by field name.
//!
//! Lookups are `const`: a misspelled name does not compile, and nothing is searched at run time.

use crate::flow::at;
use crate::flow::element::{ELEMENTS, Element, Field, FieldKind};

/// The element id that means the record header.
pub(crate) const HEADER: u8 = 0;

/// How many bytes a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Width {
    One,
    Two,
    Four,
    Eight,
    /// Not a number of one of these widths: an IPv6 address, text, or bytes.
    Other,
}

impl Width {
    /// The width in bytes; 0 for [`Width::Other`].
    pub(crate) const fn bytes(self) -> u16 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
            Self::Other => 0,
        }
    }

    const fn of(kind: FieldKind) -> Self {
        match kind {
            FieldKind::U8
            | FieldKind::TcpFlags
            | FieldKind::Fragment
            | FieldKind::NselEvent
            | FieldKind::NatEvent
            | FieldKind::NatEventId => Self::One,
            FieldKind::U16 => Self::Two,
            FieldKind::U32
            | FieldKind::Ip4
            | FieldKind::Acl
            | FieldKind::Mpls
            | FieldKind::NatPool => Self::Four,
            FieldKind::U64
            | FieldKind::Time
            | FieldKind::FirstSeen
            | FieldKind::EventTime
            | FieldKind::Micros
            | FieldKind::Mac => Self::Eight,
            _ => Self::Other,
        }
    }
}

/// Where a field lies in a flow record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stored {
    /// The element, or [`HEADER`].
    pub(crate) element: u8,
    /// Bytes from the start of the element's payload, or of the record.
    pub(crate) offset: u16,
    pub(crate) width: Width,
    /// How many numbers follow each other: three words of an ACL, otherwise one.
    pub(crate) count: u16,
    /// The element has two layouts, distinguished by its length.
    pub(crate) nat_layout: bool,
}

impl Stored {
    /// Engine type of the exporter, in the record header.
    pub(crate) const ENGINE_TYPE: Self =
        Self::in_header(at::header::engine_type as u16, Width::One);
    /// Engine id of the exporter, in the record header.
    pub(crate) const ENGINE_ID: Self = Self::in_header(at::header::engine_id as u16, Width::One);
    /// Number of the exporter, in the record header.
    pub(crate) const EXPORTER_ID: Self =
        Self::in_header(at::header::exporter_sysid as u16, Width::Two);

    const fn in_header(offset: u16, width: Width) -> Self {
        Self {
            element: HEADER,
            offset,
            width,
            count: 1,
            nat_layout: false,
        }
    }

    /// The field with this accessor name.
    ///
    /// # Panics
    /// If there is none. Only for constants, where this is an error of the compiler.
    pub(crate) const fn field(name: &str) -> Self {
        let (element, field) = find(name);
        Self {
            element: element.id,
            // The table has no offset above 65535: elements are shorter.
            offset: field.offset as u16,
            width: Width::of(field.kind),
            count: match field.kind {
                FieldKind::Acl => 3,
                _ => 1,
            },
            nat_layout: matches!(
                field.kind,
                FieldKind::NatEvent | FieldKind::NatEventId | FieldKind::NatPool
            ),
        }
    }

    /// Offset as index into the payload.
    pub(crate) const fn at(self) -> usize {
        self.offset as usize
    }

    /// The number that is `index` numbers after this one.
    pub(crate) const fn following(self, index: u16) -> Self {
        Self {
            offset: self.offset + index * self.width.bytes(),
            count: 1,
            ..self
        }
    }

    /// Each of the numbers that follow each other.
    pub(crate) fn numbers(self) -> impl Iterator<Item = Self> {
        (0..self.count).map(move |index| self.following(index))
    }
}

/// Looks through the table: for constants only.
const fn find(name: &str) -> (&'static Element, &'static Field) {
    let mut elements = ELEMENTS;
    while let [element, others @ ..] = elements {
        let mut fields = element.fields;
        while let [field, rest @ ..] = fields {
            if same(field.name, name) {
                return (element, field);
            }
            fields = rest;
        }
        elements = others;
    }
    panic!("no such field in the element table")
}

const fn same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    while let ([x, others @ ..], [y, rest @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (others, rest);
    }
    true
}
