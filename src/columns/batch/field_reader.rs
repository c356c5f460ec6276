//! Reads one field of an element, in a group of records or in a single one.

use crate::columns::batch::place::{FieldPlace, has_two_layouts};
use crate::columns::batch::stride_values::{StrideValues, fill};
use crate::columns::batch::values::Validity;
use crate::columns::rows::Row;
use crate::columns::stride::{Group, Stride};
use crate::flow::bytes::{Condition, acl_at, bytes_at, nat_offset, text_at, u8_at};
use crate::flow::element::{Field, FieldKind};
use crate::payload::tls::Hello;

/// A field, and where it lies in records of each shape.
pub(crate) struct FieldReader<'p> {
    pub(crate) places: &'p [FieldPlace],
    pub(crate) element: u8,
    pub(crate) field: &'static Field,
    /// Where the protocol is in the element that has it.
    pub(crate) proto_at: usize,
}

impl FieldReader<'_> {
    /// Fills values of `N` bytes.
    #[inline]
    pub(crate) fn fill<const N: usize, T: Copy + Default>(
        &self,
        stride: &Stride<'_, '_>,
        values: &mut [T],
        validity: &mut Validity,
        decode: impl Fn([u8; N]) -> Option<T> + Copy,
    ) {
        let offset = self.field.offset;
        let in_group = |group: &Group, values: &mut StrideValues<'_, T>| {
            let place = FieldPlace::in_group(self.places, group);
            let FieldPlace::At(start) = place else {
                return place == FieldPlace::Absent;
            };
            // A byte of the element, in its record.
            let byte = |record: &[u8], at: usize| u8_at(record, (start + at).wrapping_sub(offset));
            let is_icmp = |record: &[u8]| matches!(byte(record, self.proto_at), 1 | 58);
            // One loop for each condition, so that the loop does not ask for it.
            match self.field.condition {
                Condition::Always => values.copy(stride, group, place, decode),
                Condition::Icmp => values.copy_if(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| is_icmp(record))
                }),
                Condition::NotIcmp => values.copy_if(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| !is_icmp(record))
                }),
                Condition::NonZero => values.copy_if(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| byte(record, offset) != 0)
                }),
                Condition::AnyTtl => values.copy_if(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| byte(record, 2) != 0 || byte(record, 3) != 0)
                }),
            }
        };
        fill(stride, values, validity, in_group, |row| {
            if self.is_absent(row) {
                return None;
            }
            decode(self.in_row(row)?)
        });
    }

    /// The value of a field without condition.
    #[inline]
    pub(crate) fn value<const N: usize, T>(
        &self,
        row: &Row<'_>,
        decode: impl Fn([u8; N]) -> T,
    ) -> Option<T> {
        if self.is_absent(row) {
            return None;
        }
        let place = FieldPlace::in_row(self.places, row);
        place.read(row).or_else(|| self.in_row(row)).map(decode)
    }

    /// Whether the flow of a row does not have the element, as far as its shape or its record tells at once.
    #[inline]
    fn is_absent(&self, row: &Row<'_>) -> bool {
        match FieldPlace::in_row(self.places, row) {
            FieldPlace::At(_) => false,
            FieldPlace::Absent => true,
            FieldPlace::PerRecord => !row.may_have(self.element),
        }
    }

    /// The bytes of a field that may be cut, or whose place is not known.
    #[cold]
    fn in_row<const N: usize>(&self, row: &Row<'_>) -> Option<[u8; N]> {
        let flow = row.flow();
        let payload = flow.element(self.element)?;
        let at = self.field.offset;
        flow.holds(self.field.condition, payload, at).then(|| {
            let at = if has_two_layouts(self.field.kind) {
                nat_offset(payload, at)
            } else {
                at
            };
            bytes_at(payload, at)
        })
    }

    fn payload<'a>(&self, row: &Row<'a>) -> Option<&'a [u8]> {
        if self.is_absent(row) {
            return None;
        }
        row.flow().element(self.element)
    }

    /// The TLS hello in a payload; only TCP flows carry one.
    pub(crate) fn hello<'a>(&self, row: &Row<'a>) -> Option<Hello<'a>> {
        const TCP: u8 = 6;
        let hello = Hello::parse(self.payload(row)?)?;
        (row.flow().proto() == Some(TCP)).then_some(hello)
    }

    /// Appends the bytes of a field of variable length; `None` if the flow does not have it.
    pub(crate) fn append_bytes(&self, row: &Row<'_>, out: &mut Vec<u8>) -> Option<()> {
        let at = self.field.offset;
        match self.field.kind {
            FieldKind::TlsSni => append_text(self.hello(row)?.sni()?, out),
            FieldKind::TlsJa3 => out.extend(self.hello(row)?.ja3()),
            FieldKind::TlsJa4 => out.extend(self.hello(row)?.ja4()?),
            FieldKind::UserName => append_text(
                text_at(self.payload(row)?, at, row.flow().user_name_max()),
                out,
            ),
            FieldKind::Text => append_text(text_at(self.payload(row)?, at, usize::MAX), out),
            FieldKind::Acl => {
                let [id, extended, hash] = acl_at(self.payload(row)?, at);
                out.extend(format!("0x{id:x}/0x{extended:x}/0x{hash:x}").as_bytes());
            }
            _ => out.extend(self.payload(row)?.get(at..).unwrap_or_default()),
        }
        Some(())
    }
}

/// Appends text; bytes that are not UTF-8 become U+FFFD.
fn append_text(text: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(text) {
        Ok(text) => out.extend(text.as_bytes()),
        Err(_) => out.extend(String::from_utf8_lossy(text).as_bytes()),
    }
}
