//! What a line of a `fmt:` format is made from: a flow, and what follows from it.

use std::net::{IpAddr, Ipv4Addr};

use crate::flow::at::{self, At, id};
use crate::flow::bytes::{ip4_at, ip6_at, nat_offset, u8_at, u16_at, u64_at};
use crate::flow::view::Flow;
use crate::output::format::FlowContext;
use crate::payload::tls::Hello;
use crate::value::protocol::TCP;

/// What a line is made from.
pub(crate) struct Row<'a> {
    pub(crate) flow: Flow<'a>,
    /// Element 1; empty if the flow has none.
    pub(crate) generic: &'a [u8],
    pub(crate) first: u64,
    pub(crate) context: &'a FlowContext,
    pub(crate) record: u64,
}

impl<'a> Row<'a> {
    pub(crate) fn new(flow: Flow<'a>, context: &'a FlowContext, record: u64) -> Self {
        let generic = flow.element(id::GENERIC).unwrap_or_default();
        Self {
            flow,
            generic,
            first: match generic {
                [] => 0,
                generic => flow.first_seen_at(generic, at::first.offset),
            },
            context,
            record,
        }
    }

    pub(crate) fn payload(&self, id: u8) -> &'a [u8] {
        match id {
            id::GENERIC => self.generic,
            id => self.flow.element(id).unwrap_or_default(),
        }
    }

    pub(crate) fn proto(&self) -> u8 {
        u8_at(self.generic, at::proto.offset)
    }

    /// Milliseconds; 0 if a time is missing or they are in the wrong order.
    pub(crate) fn duration(&self) -> u64 {
        match self.first {
            0 => 0,
            first => u64_at(self.generic, at::last.offset).saturating_sub(first),
        }
    }

    /// `count` a second by whole numbers; products keep 64 bits, as in nfdump.
    pub(crate) fn per_second(&self, count: u64) -> u64 {
        count
            .wrapping_mul(1000)
            .checked_div(self.duration())
            .unwrap_or(0)
    }

    /// The IPv4 address if the flow has its element, else the IPv6 address, else 0.0.0.0.
    pub(crate) fn address(&self, [v4, v6]: [At; 2]) -> IpAddr {
        if let Some(payload) = self.flow.element(v4.element) {
            IpAddr::V4(ip4_at(payload, v4.offset))
        } else if let Some(payload) = self.flow.element(v6.element) {
            IpAddr::V6(ip6_at(payload, v6.offset))
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    }

    /// The hello in a payload, that of the source first; only TCP flows have one.
    pub(crate) fn hello(&self) -> Option<Hello<'_>> {
        if self.proto() != TCP {
            return None;
        }
        [id::PAYLOAD_IN, id::PAYLOAD_OUT]
            .into_iter()
            .find_map(|id| Hello::parse(self.flow.element(id)?))
    }

    /// The number of the event of NSEL, else of NAT, and whether it is of NAT.
    pub(crate) fn event(&self) -> Option<(bool, u8)> {
        if let Some(event) = self.flow.element(id::NSEL) {
            return Some((false, u8_at(event, at::event_id.offset)));
        }
        let event = self.flow.element(id::NAT_EVENT)?;
        let place = nat_offset(event, at::nat_event_id.offset);
        Some((true, u8_at(event, place)))
    }

    /// The time of that event in milliseconds.
    pub(crate) fn event_time(&self) -> u64 {
        if let Some(event) = self.flow.element(id::NSEL) {
            return u64_at(event, at::nsel_event_time.offset);
        }
        let event = self.flow.element(id::NAT_EVENT).unwrap_or_default();
        u64_at(event, at::nat_event_time.offset)
    }

    /// The number of the extended event of NSEL.
    pub(crate) fn extended_event(&self) -> Option<u16> {
        let event = self.flow.element(id::NSEL)?;
        Some(u16_at(event, at::xevent_id.offset))
    }
}
