//! Where a field lies in the records of a shape.

use crate::columns::rows::Row;
use crate::columns::stride::Group;
use crate::flow::bytes::Condition;
use crate::flow::element::{Field, FieldKind};
use crate::raw::RawShape;

/// Where a field lies in records of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldPlace {
    /// Bytes from the start of the record.
    At(usize),
    /// The flow does not have the field.
    Absent,
    /// Only known for each record by itself: the element is cut, or the record has no shape.
    PerRecord,
}

impl FieldPlace {
    /// The place of `width` bytes at `at` of the payload of an element.
    pub(crate) fn new(shape: Option<&RawShape>, element: u8, at: usize, width: usize) -> Self {
        let Some(shape) = shape else {
            return Self::PerRecord;
        };
        if shape.present >> element & 1 == 0 {
            return Self::Absent;
        }
        let slot = usize::from(element);
        match (shape.offset.get(slot), shape.length.get(slot)) {
            (Some(offset), Some(length)) if at + width <= usize::from(*length) => {
                Self::At(usize::from(*offset) + at)
            }
            _ => Self::PerRecord,
        }
    }

    /// The place in records of a group.
    #[inline]
    pub(crate) fn in_group(places: &[Self], group: &Group) -> Self {
        places.get(group.shape).copied().unwrap_or(Self::PerRecord)
    }

    /// The place in the record of a row.
    #[inline]
    pub(crate) fn in_row(places: &[Self], row: &Row<'_>) -> Self {
        places
            .get(row.shape as usize)
            .copied()
            .unwrap_or(Self::PerRecord)
    }

    /// The `N` bytes at this place of a row, if it is known and the record has them.
    #[inline]
    pub(crate) fn read<const N: usize>(self, row: &Row<'_>) -> Option<[u8; N]> {
        match self {
            Self::At(at) => bytes_of(row.record, at),
            Self::Absent | Self::PerRecord => None,
        }
    }
}

/// `N` bytes of a record; `None` if it ends before.
#[inline]
pub(crate) fn bytes_of<const N: usize>(record: &[u8], at: usize) -> Option<[u8; N]> {
    record.get(at..at + N)?.first_chunk().copied()
}

/// Bytes of the payload that a field needs: up to its own end, and to what its condition looks at.
///
/// 0 for fields that are read by their length. `proto_at` is where the protocol is.
pub(crate) fn payload_needed(field: &Field, proto_at: usize) -> usize {
    let width = match field.kind {
        FieldKind::U8
        | FieldKind::TcpFlags
        | FieldKind::Fragment
        | FieldKind::NselEvent
        | FieldKind::NatEvent
        | FieldKind::NatEventId
        | FieldKind::DstNet => 1,
        // Both masks.
        FieldKind::U16 | FieldKind::SrcNet => 2,
        FieldKind::U32 | FieldKind::NatPool | FieldKind::Ip4 | FieldKind::Mpls => 4,
        FieldKind::Ip6 => 16,
        FieldKind::U64
        | FieldKind::Time
        | FieldKind::FirstSeen
        | FieldKind::EventTime
        | FieldKind::Micros
        | FieldKind::Mac => 8,
        _ => 0,
    };
    let condition = match field.condition {
        Condition::Icmp | Condition::NotIcmp => proto_at + 1,
        // Both TTLs.
        Condition::AnyTtl => 4,
        Condition::Always | Condition::NonZero => 0,
    };
    (field.offset + width).max(condition)
}

/// Whether a field is in an element that has two layouts.
pub(crate) fn has_two_layouts(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::NatEvent | FieldKind::NatEventId | FieldKind::NatPool
    )
}
