//! One question to a flow.
//!
//! Every number and text is found through the element table ([`Stored`]).

use std::sync::Arc;

use crate::filter::expr::term::{Dns, Tls};
use crate::filter::run::pattern::Pattern;
use crate::filter::run::sets::{IpSet, NumberSet};
use crate::filter::scope::Scope;
use crate::flow::bytes::{ip6_at, nat_offset, text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::stored::{HEADER, Stored, Width};
use crate::flow::view::Flow;
use crate::payload::dns;
use crate::payload::tls::Hello;

/// The protocol number of TCP.
pub(crate) const TCP: u64 = 6;
const DNS_PORT: u64 = 53;
/// TCP puts the length of a DNS message in front of it.
const DNS_TCP_PREFIX: usize = 2;

/// Fields that tests of a special kind read.
pub(crate) mod known {
    use super::Stored;

    pub(crate) const PROTO: Stored = Stored::field("proto");
    pub(crate) const TCP_FLAGS: Stored = Stored::field("tcp_flags");
    pub(crate) const SRC_PORT: Stored = Stored::field("src_port");
    pub(crate) const DST_PORT: Stored = Stored::field("dst_port");
    pub(crate) const FIRST: Stored = Stored::field("first");
    pub(crate) const LAST: Stored = Stored::field("last");
    pub(crate) const PACKETS: Stored = Stored::field("in_packets");
    pub(crate) const BYTES: Stored = Stored::field("in_bytes");
    pub(crate) const SRC_IPV4: Stored = Stored::field("src4_addr");
    pub(crate) const SRC_IPV6: Stored = Stored::field("src6_addr");
    pub(crate) const MPLS_TOP: Stored = Stored::field("mpls_1");
    pub(crate) const MPLS_LAST: Stored = Stored::field("mpls_10");
    pub(crate) const MIN_TTL: Stored = Stored::field("min_ttl");
    pub(crate) const MAX_TTL: Stored = Stored::field("max_ttl");
    pub(crate) const BLOCK_START: Stored = Stored::field("pblock_start");
    pub(crate) const BLOCK_END: Stored = Stored::field("pblock_end");
    pub(crate) const USER_NAME: Stored = Stored::field("user_name");
    pub(crate) const PF_INTERFACE: Stored = Stored::field("pf_interface");
    pub(crate) const PAYLOAD_IN: Stored = Stored::field("in_payload");
    pub(crate) const PAYLOAD_OUT: Stored = Stored::field("out_payload");
}

/// The numbers from `low` to `low + span`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: u64,
    pub(crate) span: u64,
}

impl Range {
    pub(crate) fn new((low, high): (u64, u64)) -> Self {
        Self {
            low,
            span: high - low,
        }
    }

    #[inline]
    pub(crate) fn contains(self, value: u64) -> bool {
        value.wrapping_sub(self.low) <= self.span
    }
}

/// A number that is computed from several fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Computed {
    FirstSeen,
    Duration,
    Pps,
    Bps,
    Bpp,
}

/// One question to a flow. Without the element the answer is no, unless stated otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Always,
    Has(u8),
    Range {
        stored: Stored,
        range: Range,
        absent: bool,
    },
    /// The number is `value` under the mask.
    Bits {
        stored: Stored,
        mask: u64,
        value: u64,
    },
    In {
        stored: Stored,
        set: Arc<NumberSet>,
        absent: bool,
    },
    /// An IPv6 address is `value` under the mask.
    Bits6 {
        stored: Stored,
        mask: u128,
        value: u128,
    },
    Set4 {
        stored: Stored,
        set: Arc<IpSet>,
    },
    Set6 {
        stored: Stored,
        set: Arc<IpSet>,
    },
    Computed(Computed, Range),
    /// Bit n of `classes` means traffic class n.
    TrafficClass {
        stored: Stored,
        classes: u8,
    },
    MplsAny(u64),
    MplsBottom(Range),
    TtlEqual,
    PortInBlock(Stored),
    User(Box<str>),
    PfInterface(Box<str>),
    Pattern(Stored, Arc<Pattern>),
    Dns(Stored, Dns),
    Tls(Tls),
    Ident(Box<str>),
    Count(Range),
}

impl Test {
    /// The element whose absence decides the answer, and that answer.
    pub(crate) fn needs(&self) -> Option<(u8, bool)> {
        let (stored, absent) = match self {
            Self::Always | Self::Ident(_) | Self::Count(_) => return None,
            Self::Has(element) => return Some((*element, false)),
            Self::Range { stored, absent, .. } | Self::In { stored, absent, .. } => {
                (*stored, *absent)
            }
            Self::Bits { stored, .. }
            | Self::TrafficClass { stored, .. }
            | Self::Set4 { stored, .. }
            | Self::Bits6 { stored, .. }
            | Self::Set6 { stored, .. }
            | Self::Pattern(stored, _)
            | Self::Dns(stored, _) => (*stored, false),
            Self::Computed(..) => (known::FIRST, false),
            Self::MplsAny(_) | Self::MplsBottom(_) => (known::MPLS_TOP, false),
            Self::TtlEqual => (known::MIN_TTL, false),
            Self::PortInBlock(_) => (known::BLOCK_START, false),
            Self::User(_) => (known::USER_NAME, false),
            Self::PfInterface(_) => (known::PF_INTERFACE, false),
            Self::Tls(_) => (known::PAYLOAD_IN, false),
        };
        (stored.element != HEADER).then_some((stored.element, absent))
    }

    /// The cost of one run in nanoseconds, and the probability of a yes: rough, for the order only.
    pub(crate) fn estimate(&self) -> (f32, f32) {
        match self {
            Self::Always => (0.0, 1.0),
            Self::Has(_) => (0.1, 0.5),
            Self::Ident(_) => (0.5, 0.5),
            Self::Count(_) => (0.5, 0.5),
            Self::Range { stored, range, .. } => {
                let likely = match range.span {
                    0 if stored.width == Width::One => 0.4,
                    0 => 0.05,
                    _ => 0.4,
                };
                (1.0, likely)
            }
            Self::Bits { mask, .. } if *mask == u64::from(u32::MAX) => (1.0, 0.01),
            Self::Bits { .. } => (1.0, 0.2),
            Self::TrafficClass { .. } => (1.0, 0.2),
            Self::In { .. } => (1.5, 0.2),
            Self::Bits6 { .. } => (1.5, 0.02),
            Self::Set4 { .. } | Self::Set6 { .. } => (3.0, 0.1),
            Self::Computed(Computed::FirstSeen | Computed::Duration, _) => (2.0, 0.4),
            Self::Computed(..) => (8.0, 0.3),
            Self::MplsAny(_) | Self::MplsBottom(_) => (5.0, 0.1),
            Self::TtlEqual | Self::PortInBlock(_) => (2.0, 0.2),
            Self::User(_) | Self::PfInterface(_) => (10.0, 0.05),
            Self::Pattern(..) => (200.0, 0.1),
            Self::Dns(..) => (200.0, 0.1),
            Self::Tls(Tls::Ja3(_) | Tls::Ja4(_)) => (2000.0, 0.01),
            Self::Tls(_) => (200.0, 0.1),
        }
    }

    /// The answer for a flow of any shape.
    ///
    /// One arm per test, each a few lines: splitting the match would only hide it.
    pub(crate) fn ask(&self, flow: &Flow<'_>, scope: Scope<'_>, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Has(element) => flow.element(*element).is_some(),
            Self::Range {
                stored,
                range,
                absent,
            } => number_of(flow, *stored).map_or(*absent, |value| range.contains(value)),
            Self::Bits {
                stored,
                mask,
                value,
            } => number_of(flow, *stored).is_some_and(|found| found & mask == *value),
            Self::In {
                stored,
                set,
                absent,
            } => number_of(flow, *stored).map_or(*absent, |value| set.contains(value)),
            Self::Bits6 {
                stored,
                mask,
                value,
            } => address6_of(flow, *stored).is_some_and(|found| found & mask == *value),
            Self::Set4 { stored, set } => {
                number_of(flow, *stored).is_some_and(|value| set.contains_v4(value as u32))
            }
            Self::Set6 { stored, set } => {
                address6_of(flow, *stored).is_some_and(|value| set.contains_v6(value))
            }
            Self::Computed(what, range) => {
                flow.element(known::FIRST.element).is_some_and(|times| {
                    let first = flow.first_seen_at(times, known::FIRST.at());
                    range.contains(compute(*what, times, first))
                })
            }
            Self::TrafficClass { stored, classes } => {
                number_of(flow, *stored).is_some_and(|entry| classes >> (entry >> 1 & 7) & 1 == 1)
            }
            Self::MplsAny(label) => {
                label_stack(flow).is_some_and(|mut stack| stack.any(|entry| entry >> 4 == *label))
            }
            Self::MplsBottom(range) => label_stack(flow)
                .and_then(|mut stack| stack.find(|entry| entry & 1 == 1))
                .is_some_and(|entry| range.contains(entry >> 4)),
            Self::TtlEqual => flow.element(known::MIN_TTL.element).is_some_and(|ttls| {
                u8_at(ttls, known::MIN_TTL.at()) == u8_at(ttls, known::MAX_TTL.at())
            }),
            Self::PortInBlock(port) => number_of(flow, *port).is_some_and(|port| {
                let start = number_of(flow, known::BLOCK_START);
                let end = number_of(flow, known::BLOCK_END);
                start.is_some_and(|start| start <= port) && end.is_some_and(|end| port <= end)
            }),
            Self::User(name) => {
                text_of(flow, known::USER_NAME, flow.user_name_max()) == Some(name.as_bytes())
            }
            Self::PfInterface(name) => {
                text_of(flow, known::PF_INTERFACE, usize::MAX) == Some(name.as_bytes())
            }
            Self::Pattern(stored, pattern) => flow
                .element(stored.element)
                .is_some_and(|payload| pattern.matches(payload)),
            Self::Dns(stored, what) => dns_message(flow, *stored, what),
            Self::Tls(what) => tls_hello(flow, what),
            Self::Ident(name) => Scope::ident_or_none(scope.ident) == name.as_bytes(),
            Self::Count(range) => range.contains(number),
        }
    }
}

/// A number of a flow, found through its elements.
fn number_of(flow: &Flow<'_>, stored: Stored) -> Option<u64> {
    if stored.element == HEADER {
        return Some(read(flow.record(), stored.at(), stored.width));
    }
    let payload = flow.element(stored.element)?;
    let offset = if stored.nat_layout {
        nat_offset(payload, stored.at())
    } else {
        stored.at()
    };
    Some(read(payload, offset, stored.width))
}

fn address6_of(flow: &Flow<'_>, stored: Stored) -> Option<u128> {
    Some(address6(flow.element(stored.element)?, stored.at()))
}

fn text_of<'a>(flow: &Flow<'a>, stored: Stored, limit: usize) -> Option<&'a [u8]> {
    Some(text_at(flow.element(stored.element)?, stored.at(), limit))
}

/// The entries of the MPLS label stack, from the top.
fn label_stack<'a>(flow: &Flow<'a>) -> Option<impl Iterator<Item = u64> + use<'a>> {
    let stack = flow.element(known::MPLS_TOP.element)?;
    let offsets = known::MPLS_TOP.at()..=known::MPLS_LAST.at();
    let offsets = offsets.step_by(usize::from(known::MPLS_TOP.width.bytes()));
    Some(offsets.map(|at| u64::from(u32_at(stack, at))))
}

/// A number of this width; bytes past the end read as 0.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize, width: Width) -> u64 {
    match width {
        Width::One => u8_at(bytes, at).into(),
        Width::Two => u16_at(bytes, at).into(),
        Width::Four => u32_at(bytes, at).into(),
        Width::Eight => u64_at(bytes, at),
        // No test of a number is made of such a field.
        Width::Other => 0,
    }
}

#[inline]
pub(crate) fn address6(bytes: &[u8], at: usize) -> u128 {
    ip6_at(bytes, at).to_bits()
}

/// Differences and products wrap, as in nfdump. `generic` is the element of the times and counters.
#[inline]
fn compute(what: Computed, generic: &[u8], first: u64) -> u64 {
    let duration = || u64_at(generic, known::LAST.at()).wrapping_sub(first);
    let rate = |amount: u64, factor: u64| match duration() {
        0 => 0,
        duration => amount.wrapping_mul(factor) / duration,
    };
    let packets = u64_at(generic, known::PACKETS.at());
    let bytes = u64_at(generic, known::BYTES.at());
    match what {
        Computed::FirstSeen => first,
        Computed::Duration => duration(),
        Computed::Pps => rate(packets, 1000),
        Computed::Bps => rate(bytes, 8000),
        Computed::Bpp => bytes.checked_div(packets).unwrap_or(0),
    }
}

fn is_tcp(flow: &Flow<'_>) -> bool {
    number_of(flow, known::PROTO) == Some(TCP)
}

fn dns_message(flow: &Flow<'_>, stored: Stored, what: &Dns) -> bool {
    let Some(payload) = flow.element(stored.element) else {
        return false;
    };
    let is_dns = |port| number_of(flow, port) == Some(DNS_PORT);
    if !is_dns(known::SRC_PORT) && !is_dns(known::DST_PORT) {
        return false;
    }
    let message = if is_tcp(flow) {
        payload.get(DNS_TCP_PREFIX..)
    } else {
        Some(payload)
    };
    let mut found = matches!(what, Dns::Defined);
    let look = |wanted: &str, text: &[u8]| dns::contains(text, wanted.as_bytes());
    let decoded = message.and_then(|message| match what {
        Dns::Defined => dns::decode(message, |_| {}, |_| {}),
        Dns::Name(name) => dns::decode(message, |text| found |= look(name, text), |_| {}),
        Dns::Address(address) => dns::decode(message, |_| {}, |text| found |= look(address, text)),
    });
    decoded.is_some() && found
}

fn tls_hello(flow: &Flow<'_>, what: &Tls) -> bool {
    let payload = flow.element(known::PAYLOAD_IN.element);
    let Some(hello) = payload.filter(|_| is_tcp(flow)).and_then(Hello::parse) else {
        return false;
    };
    match what {
        Tls::Defined | Tls::Ja3Defined => true,
        Tls::Version(wire) => hello.version().wire() == *wire,
        Tls::ServerName(name) => hello
            .sni()
            .is_some_and(|sni| dns::contains(sni, name.as_bytes())),
        Tls::Ja3(hash) => hello.ja3() == hash.as_bytes(),
        Tls::Ja4Defined => hello.ja4().is_some(),
        Tls::Ja4(hash) => hello.ja4().is_some_and(|ja4| ja4 == hash.as_bytes()),
    }
}
