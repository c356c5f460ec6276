//! What a report needs of a flow, read once.

use std::net::IpAddr;

use nfdecode::Flow;

/// The protocols that are shown apart: TCP, UDP, ICMP of both families, all others.
pub(crate) const CLASSES: usize = 4;
/// TCP.
pub(crate) const TCP: u8 = 6;
/// UDP.
pub(crate) const UDP: u8 = 17;
/// The TCP flag SYN.
pub(crate) const SYN: u8 = 0x02;
/// The TCP flag ACK.
pub(crate) const ACK: u8 = 0x10;

/// Start and end in ms, in this order.
fn times(flow: &Flow<'_>) -> Option<(u64, u64)> {
    let (first, last) = flow.first().zip(flow.last())?;
    let first = first.as_millis();
    Some((first, last.as_millis().max(first)))
}

/// A flow with the fields of a report. Absent numbers are 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) src: Option<IpAddr>,
    pub(crate) dst: Option<IpAddr>,
    /// Start and end in ms; `None` if the flow has no times.
    pub(crate) times: Option<(u64, u64)>,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) answer_packets: u64,
    pub(crate) answer_bytes: u64,
    pub(crate) flows: u64,
    /// `None` of flows without ports.
    pub(crate) src_port: Option<u16>,
    pub(crate) dst_port: Option<u16>,
    pub(crate) proto: u8,
    pub(crate) flags: u8,
    pub(crate) is_sampled: bool,
}

impl Seen {
    /// Reads a flow.
    pub(crate) fn of(flow: &Flow<'_>) -> Self {
        Self {
            src: flow.src_addr(),
            dst: flow.dst_addr(),
            src_port: flow.src_port(),
            dst_port: flow.dst_port(),
            flags: flow.tcp_flags().map_or(0, |flags| flags.0),
            is_sampled: flow.is_sampled(),
            ..Self::amounts(flow)
        }
    }

    /// Reads times, amounts and the protocol only.
    pub(crate) fn amounts(flow: &Flow<'_>) -> Self {
        let answer_bytes = flow.out_bytes().unwrap_or(0);
        let answer_packets = flow.out_packets().unwrap_or(0);
        Self {
            src: None,
            dst: None,
            times: times(flow),
            bytes: flow.in_bytes().unwrap_or(0).saturating_add(answer_bytes),
            packets: flow
                .in_packets()
                .unwrap_or(0)
                .saturating_add(answer_packets),
            answer_packets,
            answer_bytes,
            flows: flow.aggr_flows().unwrap_or(1).max(1),
            src_port: None,
            dst_port: None,
            proto: flow.proto().unwrap_or(0),
            flags: 0,
            is_sampled: false,
        }
    }

    /// Which of the protocols that are shown apart it is.
    pub(crate) fn class(&self) -> usize {
        match self.proto {
            TCP => 0,
            UDP => 1,
            1 | 58 => 2,
            _ => 3,
        }
    }

    /// Duration in ms.
    pub(crate) fn duration(&self) -> u64 {
        self.times.map_or(0, |(first, last)| last - first)
    }

    /// Whether it is a TCP connection that was asked for and not accepted: SYN without ACK.
    pub(crate) fn is_attempt(&self) -> bool {
        self.proto == TCP && self.flags & (SYN | ACK) == SYN
    }
}
