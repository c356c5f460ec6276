//! Addresses and networks as 16 bytes in network order.

use std::net::IpAddr;

use crate::columns::batch::place::{FieldPlace, bytes_of};
use crate::columns::batch::stride_values::StrideValues;
use crate::columns::rows::Row;
use crate::columns::stride::{Group, Stride};
use crate::flow::at::id;
use crate::flow::bytes::bytes_at;
use crate::flow::element::FieldKind;

/// The number of an IPv6 address, which is stored as two halves.
#[inline]
pub(crate) fn ip6(bytes: [u8; 16]) -> u128 {
    u128::from_le_bytes(bytes).rotate_left(64)
}

/// An IPv4 address as `::ffff:a.b.c.d`.
#[inline]
pub(crate) fn mapped(address: u32) -> u128 {
    0xFFFF_0000_0000 | u128::from(address)
}

/// An address as the array stores it.
#[inline]
pub(crate) fn network_order(address: u128) -> i128 {
    i128::from_ne_bytes(address.to_be_bytes())
}

/// The element of an address, and its offset in the payload.
pub(crate) type AddressPlace = (u8, usize);

/// The address of either family in a record whose places are not known.
#[cold]
pub(crate) fn either_in_row(row: &Row<'_>, [v4, v6]: [AddressPlace; 2]) -> Option<u128> {
    if !row.may_have(v4.0) && !row.may_have(v6.0) {
        return None;
    }
    let flow = row.flow();
    flow.element(v4.0)
        .map(|payload| mapped(u32::from_le_bytes(bytes_at(payload, v4.1))))
        .or_else(|| Some(ip6(bytes_at(flow.element(v6.0)?, v6.1))))
}

/// Which of the two addresses of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

impl Side {
    /// The side of a network; `None` for fields of other kinds.
    pub(crate) fn of_network(kind: FieldKind) -> Option<Self> {
        match kind {
            FieldKind::SrcNet => Some(Self::Source),
            FieldKind::DstNet => Some(Self::Destination),
            _ => None,
        }
    }
}

/// The networks of the addresses of a group, as [`Flow::src_net`] and [`Flow::dst_net`] return them.
///
/// `places` are those of the IPv4 and of the IPv6 address. False as of [`StrideValues::copy`].
///
/// [`Flow::src_net`]: crate::Flow::src_net
/// [`Flow::dst_net`]: crate::Flow::dst_net
#[inline]
pub(crate) fn networks(
    stride: &Stride<'_, '_>,
    group: &Group,
    masks: FieldPlace,
    places: [FieldPlace; 2],
    side: Side,
    values: &mut StrideValues<'_, i128>,
) -> bool {
    let at = match masks {
        FieldPlace::Absent => return true,
        FieldPlace::PerRecord => return false,
        // The other mask is the byte after or before.
        FieldPlace::At(at) if side == Side::Source => at,
        FieldPlace::At(at) => at.saturating_sub(1),
    };
    // Without either mask there is no network.
    let mask = |record: &[u8]| match bytes_of(record, at)? {
        [0, 0] => None,
        [source, destination] => Some(u32::from(match side {
            Side::Source => source,
            Side::Destination => destination,
        })),
    };
    // The masks are where the shape says, unless the record is cut there.
    let is_cut = stride
        .members(group)
        .any(|(_, record)| record.len() < at + 2);
    if is_cut {
        return false;
    }
    match places {
        [FieldPlace::Absent, FieldPlace::Absent] => true,
        [FieldPlace::Absent, place] => values.copy_if(stride, group, place, |bytes, record| {
            let host = u128::MAX.checked_shr(mask(record)?).unwrap_or(0);
            Some(network_order(ip6(bytes) & !host))
        }),
        [place, _] => values.copy_if(stride, group, place, |bytes, record| {
            let host = u32::MAX.checked_shr(mask(record)?).unwrap_or(0);
            Some(network_order(mapped(u32::from_le_bytes(bytes) & !host)))
        }),
    }
}

/// The network of a record whose places are not known.
#[cold]
pub(crate) fn network_in_row(row: &Row<'_>, side: Side) -> Option<u128> {
    if !row.may_have(id::MISC) {
        return None;
    }
    let flow = row.flow();
    let network = match side {
        Side::Source => flow.src_net(),
        Side::Destination => flow.dst_net(),
    };
    network.map(|network| match network {
        IpAddr::V4(address) => mapped(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    })
}
