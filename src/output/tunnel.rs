//! The outer packets of a flow through a tunnel, as a flow of their own.

use crate::flow::at::{self, id, size};
use crate::flow::bytes::u8_at;
use crate::flow::owned::OwnedFlow;
use crate::flow::record::{ELEMENT_COUNT, ELEMENT_HEADER, HEADER};
use crate::flow::view::Flow;

/// The elements that describe a tunnel.
pub(crate) const ELEMENTS: u64 = 1 << id::TUNNEL4 | 1 << id::TUNNEL6;

/// Which ports the outer record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Those of the packets inside, as nfdump's CSV prints them.
    Inner,
    /// None, as nfdump's lines print them.
    None,
}

/// A flow of what is known of the outer packets of a tunnel: the generic element with the tunnel's
/// protocol, and its addresses. `None` if the flow has no tunnel.
pub(crate) fn outer_flow(flow: &Flow<'_>, ports: Ports) -> Option<OwnedFlow> {
    const { assert!(at::tun4_proto.offset == size::IPV4 && at::tun6_proto.offset == size::IPV6) }
    let stored = flow.element(id::GENERIC)?;
    let (addresses, length, tunnel) = match (flow.element(id::TUNNEL4), flow.element(id::TUNNEL6)) {
        (Some(tunnel), _) => (id::IPV4, size::IPV4, tunnel),
        (None, Some(tunnel)) => (id::IPV6, size::IPV6, tunnel),
        (None, None) => return None,
    };
    let mut generic = [0; size::GENERIC];
    copy(&mut generic, 0, stored);
    let first = flow.first_seen_at(stored, at::first.offset);
    copy(&mut generic, at::first.offset, &first.to_le_bytes());
    copy(&mut generic, at::proto.offset, &[u8_at(tunnel, length)]);
    if ports == Ports::None {
        copy(&mut generic, at::src_port.offset, &[0; 2]);
        copy(&mut generic, at::dst_port.offset, &[0; 2]);
    }
    let mut record = vec![0; HEADER];
    copy(&mut record, ELEMENT_COUNT, &[2]);
    let mut element = |id: u8, payload: &[u8], length: usize| {
        record.extend(u16::from(id).to_le_bytes());
        record.extend(((length + ELEMENT_HEADER) as u16).to_le_bytes());
        let at = record.len();
        record.extend(payload.iter().take(length));
        record.resize(at + length, 0);
    };
    element(id::GENERIC, &generic, size::GENERIC);
    element(addresses, tunnel, length);
    Some(OwnedFlow::from_record(record))
}

/// Copies as many bytes as there is room for.
fn copy(to: &mut [u8], at: usize, from: &[u8]) {
    let room = to.get_mut(at..).unwrap_or_default();
    room.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
