//! From the keys of a row of `-A` to the fields of its record.

use nfdecode::aggregate::Group;
use nfdecode::{FieldValue, OwnedFlow};

use crate::nfdump::keys::{KeyList, Kind};
use crate::nfdump::record::Record;

/// Replaces an address by the network of the row, if the list has a prefix length for it. A row of the other
/// family than its fields shows 0. Without a prefix length the address is that of the first flow, as in
/// nfdump.
pub(crate) fn mask(
    list: &KeyList,
    group: &Group<'_>,
    second: bool,
    elements: u64,
    record: &mut Record,
) {
    if list.of_side(second).all(|part| part.prefix.is_none()) {
        return;
    }
    // Of two families in a record the one that counts; only some have both.
    let (is_v4, is_v6) = (elements >> 2 & 1 != 0, elements >> 3 & 1 != 0);
    let value = |is_v4: bool| {
        let part = list
            .of_side(second)
            .find(|part| matches!(part.field.kind, Kind::V4(_)) == is_v4)?;
        group.key(list.key_of(part)?)
    };
    match value(is_v4) {
        Some(FieldValue::Ip(address)) if is_v4 || is_v6 => {
            set_address(2, 3, second, address, record);
        }
        _ if is_v4 && is_v6 => {}
        _ if is_v4 => record.set(2, 8, if second { 4 } else { 0 }, &[0; 4]),
        _ if is_v6 => record.set(3, 32, if second { 16 } else { 0 }, &[0; 16]),
        _ => {}
    }
}

/// Writes an address of one family, if the first flow of the row is of that family.
pub(crate) fn write_family(
    list: &KeyList,
    group: &Group<'_>,
    second: bool,
    first: Option<&OwnedFlow>,
    record: &mut Record,
) {
    let Some(elements) = first.map(|flow| flow.view().elements()) else {
        return;
    };
    for part in list.of_side(second) {
        let id = if matches!(part.field.kind, Kind::V4(_)) {
            2
        } else {
            3
        };
        let value = list.key_of(part).and_then(|at| group.key(at));
        if let Some(FieldValue::Ip(address)) = value
            && elements >> id & 1 != 0
        {
            set_address(2, 3, second, address, record);
        }
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
        _ => {}
    }
}
