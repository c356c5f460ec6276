//! What a line of a `fmt:` format is made from: a flow, and what follows from it.

use std::net::{IpAddr, Ipv4Addr};

use crate::flow::bytes::{ip4_at, ip6_at, u8_at, u64_at};
use crate::flow::view::Flow;
use crate::output::fmt_tokens::Side;
use crate::payload::tls::Hello;

/// What a line is made from.
pub(crate) struct Row<'a> {
    pub(crate) flow: Flow<'a>,
    /// Element 1; empty if the flow has none.
    pub(crate) generic: &'a [u8],
    pub(crate) first: u64,
    pub(crate) record: u64,
}

impl<'a> Row<'a> {
    pub(crate) fn new(flow: Flow<'a>, record: u64) -> Self {
        let generic = flow.element(1).unwrap_or_default();
        Self {
            flow,
            generic,
            first: match generic {
                [] => 0,
                generic => flow.first_seen_at(generic, 0),
            },
            record,
        }
    }

    pub(crate) fn payload(&self, id: u8) -> &'a [u8] {
        match id {
            1 => self.generic,
            id => self.flow.element(id).unwrap_or_default(),
        }
    }

    pub(crate) fn proto(&self) -> u8 {
        u8_at(self.generic, 44)
    }

    /// Milliseconds; 0 if a time is missing or they are in the wrong order.
    pub(crate) fn duration(&self) -> u64 {
        match self.first {
            0 => 0,
            first => u64_at(self.generic, 8).saturating_sub(first),
        }
    }

    /// `count` a second by whole numbers; products keep 64 bits, as in nfdump.
    pub(crate) fn per_second(&self, count: u64) -> u64 {
        count
            .wrapping_mul(1000)
            .checked_div(self.duration())
            .unwrap_or(0)
    }

    pub(crate) fn address(&self, v4: u8, v6: u8, side: Side) -> IpAddr {
        let second = usize::from(side == Side::Destination);
        if let Some(payload) = self.flow.element(v4) {
            IpAddr::V4(ip4_at(payload, 4 * second))
        } else if let Some(payload) = self.flow.element(v6) {
            IpAddr::V6(ip6_at(payload, 16 * second))
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    }

    /// The hello in a payload, that of the source first; only TCP flows have one.
    pub(crate) fn hello(&self) -> Option<Hello<'_>> {
        const TCP: u8 = 6;
        if self.proto() != TCP {
            return None;
        }
        [29, 30]
            .into_iter()
            .find_map(|id| Hello::parse(self.flow.element(id)?))
    }

    pub(crate) fn event(&self) -> Option<(u8, &[u8])> {
        [19, 25]
            .into_iter()
            .find_map(|id| Some((id, self.flow.element(id)?)))
    }
}
