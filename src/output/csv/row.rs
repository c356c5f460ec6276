//! What a line of CSV is made from.

use std::net::{IpAddr, Ipv4Addr};

use crate::flow::at::{self, At, id};
use crate::flow::bytes::{ip4_at, ip6_at, nat_offset, u8_at, u64_at};
use crate::flow::view::Flow;
use crate::output::format::FlowContext;
use crate::payload::tls::Hello;
use crate::value::protocol::TCP;

/// One flow with its numbers.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) flow: Flow<'a>,
    /// The generic element; empty if the flow has none.
    pub(super) generic: &'a [u8],
    pub(super) context: &'a FlowContext,
    pub(super) line: u64,
    pub(super) record: u64,
}

impl Row<'_> {
    /// The payload of an element; empty, which reads as zeros, if the flow does not have it.
    #[inline]
    pub(super) fn payload(&self, id: u8) -> &[u8] {
        if id == id::GENERIC {
            return self.generic;
        }
        self.flow.element(id).unwrap_or_default()
    }

    pub(super) fn first(&self) -> u64 {
        match u64_at(self.generic, at::first.offset) {
            0 if !self.generic.is_empty() => {
                self.flow.first_seen_at(self.generic, at::first.offset)
            }
            first => first,
        }
    }

    /// In milliseconds; 0 without a start, or if the end is before it.
    pub(super) fn duration(&self) -> u64 {
        let (first, last) = (self.first(), self.last());
        if first == 0 {
            return 0;
        }
        last.saturating_sub(first)
    }

    pub(super) fn proto(&self) -> u8 {
        u8_at(self.generic, at::proto.offset)
    }

    pub(super) fn last(&self) -> u64 {
        u64_at(self.generic, at::last.offset)
    }

    pub(super) fn packets(&self) -> u64 {
        u64_at(self.generic, at::in_packets.offset)
    }

    pub(super) fn bytes(&self) -> u64 {
        u64_at(self.generic, at::in_bytes.offset)
    }

    /// `count` per second, truncated; 0 if it does not fit into 64 bits, as in nfdump.
    pub(super) fn per_second(&self, count: u64) -> u64 {
        const TOO_MUCH: f64 = 18_446_744_073_709_551_616.0;
        match self.duration() {
            0 => 0,
            duration => {
                let rate = count as f64 / (duration as f64 / 1000.0);
                if rate < TOO_MUCH { rate as u64 } else { 0 }
            }
        }
    }

    /// The time and the number of the event of NSEL, else of NAT; 0 without one.
    pub(super) fn event(&self) -> (u64, u8) {
        if let Some(event) = self.flow.element(id::NSEL) {
            let time = u64_at(event, at::nsel_event_time.offset);
            return (time, u8_at(event, at::event_id.offset));
        }
        let event = self.flow.element(id::NAT_EVENT).unwrap_or_default();
        let number = nat_offset(event, at::nat_event_id.offset);
        (
            u64_at(event, at::nat_event_time.offset),
            u8_at(event, number),
        )
    }

    /// The hello in the payload; only TCP flows have one.
    pub(super) fn hello(&self) -> Option<Hello<'_>> {
        if self.proto() != TCP {
            return None;
        }
        Hello::parse(self.flow.element(id::PAYLOAD_IN)?)
    }

    /// The IPv4 address if the flow has its element, else the IPv6 address, else 0.0.0.0.
    pub(super) fn address(&self, [v4, v6]: [At; 2]) -> IpAddr {
        if let Some(payload) = self.flow.element(v4.element) {
            IpAddr::V4(ip4_at(payload, v4.offset))
        } else if let Some(payload) = self.flow.element(v6.element) {
            IpAddr::V6(ip6_at(payload, v6.offset))
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    }
}
