//! From the keys of a row of `-A` to the fields of its record.

use nfdecode::FieldValue;
use nfdecode::aggregate::Group;

use crate::nfdump::keys::{KeyList, Kind};
use crate::nfdump::record::Record;

/// Replaces an address by that of the row, which may be a network, or 0 if the row is of another family
/// than its fields.
pub(crate) fn mask(list: &KeyList, group: &Group<'_>, second: bool, record: &mut Record) {
    let of_side: Vec<_> = list
        .parts()
        .iter()
        .filter(|part| match part.field.kind {
            Kind::V4(side) | Kind::V6(side) => side == second,
            _ => false,
        })
        .collect();
    if of_side.is_empty() {
        return;
    }
    let mut found = of_side
        .iter()
        .filter_map(|part| group.key(list.key_of(part)?));
    match found.next() {
        Some(FieldValue::Ip(address)) => set_address(2, 3, second, address, record),
        _ if record.has(2) => record.set(2, 8, if second { 4 } else { 0 }, &[0; 4]),
        _ if record.has(3) => record.set(3, 32, if second { 16 } else { 0 }, &[0; 16]),
        _ => {}
    }
}

/// Writes an address into the element of its family.
fn set_address(v4: u8, v6: u8, second: bool, address: std::net::IpAddr, record: &mut Record) {
    let is_pair = matches!(v4, 2 | 20);
    match address {
        std::net::IpAddr::V4(address) => {
            let size = if is_pair { 8 } else { 4 };
            let at = if second { 4 } else { 0 };
            record.set(v4, size, at, &address.to_bits().to_le_bytes());
        }
        std::net::IpAddr::V6(address) => {
            let size = if is_pair { 32 } else { 16 };
            let at = if second { 16 } else { 0 };
            let bits = address.to_bits();
            let (high, low) = ((bits >> 64) as u64, bits as u64);
            record.set(v6, size, at, &high.to_le_bytes());
            record.set(v6, size, at + 8, &low.to_le_bytes());
        }
    }
}

/// Bytes of an element, for those that hold fields of `-A`.
fn element_size(id: u8) -> usize {
    match id {
        1 => 48,
        4 => 16,
        14 => 40,
        15 => 32,
        33 => 16,
        38 => 32,
        22 | 42 => 4,
        _ => 8,
    }
}

/// Writes a field of `-A` into the element that holds it.
pub(crate) fn write_field(kind: Kind, value: Option<FieldValue<'_>>, record: &mut Record) {
    match (kind, value) {
        (Kind::Number(id, at, size), Some(value)) => {
            let number = match value {
                FieldValue::Number(number) => number,
                FieldValue::TcpFlags(flags) => flags.0.into(),
                FieldValue::Mpls(label) => label.0.into(),
                FieldValue::Mac(mac) => mac
                    .0
                    .iter()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte)),
                _ => 0,
            };
            let bytes = number.to_le_bytes();
            let bytes = bytes.get(..size).unwrap_or_default();
            // Those of the row are in already.
            if (id, at) != (1, 45) {
                record.set(id, element_size(id), at, bytes);
            }
        }
        (Kind::Either(v4, v6, second), Some(FieldValue::Ip(address))) => {
            set_address(v4, v6, second, address, record);
        }
        (Kind::Network(source), Some(FieldValue::Ip(address))) => {
            set_address(2, 3, !source, address, record);
        }
        (Kind::V4(second) | Kind::V6(second), Some(FieldValue::Ip(address))) => {
            set_address(2, 3, second, address, record);
        }
        _ => {}
    }
}
