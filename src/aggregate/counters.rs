//! What is counted for a group, and what follows from it.

use crate::aggregate::layout::{counter, counters_of};
use crate::aggregate::order::Side;
use crate::value::flags::TcpFlags;
use crate::value::time::Timestamp;

/// What was counted for a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Flows; an aggregated flow counts as many as it stands for.
    pub flows: u64,
    /// Packets of the flow's own direction.
    pub in_packets: u64,
    /// Bytes of the flow's own direction.
    pub in_bytes: u64,
    /// Packets of the other direction.
    pub out_packets: u64,
    /// Bytes of the other direction.
    pub out_bytes: u64,
    /// Earliest start, `None` if no flow has times.
    pub first: Option<Timestamp>,
    /// Latest end.
    pub last: Option<Timestamp>,
    /// Union of the TCP flags as stored, of every protocol.
    pub tcp_flags: TcpFlags,
    /// With both directions in one group: those of answers.
    pub answer_flags: TcpFlags,
}

impl Counters {
    /// From stored counters in the direction of the first flow: 1 turns them around.
    pub(crate) fn of(stored: &[u64], direction: u64) -> Self {
        let stored = counters_of(stored);
        let at = |at: usize| stored.get(at).copied().unwrap_or(0);
        let has_times = at(counter::FIRST) != u64::MAX;
        let time = |ms: u64| has_times.then_some(Timestamp::from_millis(ms));
        let flags = at(counter::FLAGS);
        let (own, answers) = (TcpFlags(flags as u8), TcpFlags((flags >> 8) as u8));
        let same = Self {
            flows: at(counter::FLOWS),
            in_packets: at(counter::IN_PACKETS),
            in_bytes: at(counter::IN_BYTES),
            out_packets: at(counter::OUT_PACKETS),
            out_bytes: at(counter::OUT_BYTES),
            first: time(at(counter::FIRST)),
            last: time(at(counter::LAST)),
            tcp_flags: own,
            answer_flags: answers,
        };
        if direction == 0 {
            return same;
        }
        Self {
            in_packets: same.out_packets,
            in_bytes: same.out_bytes,
            out_packets: same.in_packets,
            out_bytes: same.in_bytes,
            tcp_flags: answers,
            answer_flags: own,
            ..same
        }
    }

    /// Packets of both directions.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets_of(Side::Both)
    }

    /// Bytes of both directions.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes_of(Side::Both)
    }

    /// Packets of one side.
    #[must_use]
    pub fn packets_of(&self, side: Side) -> u64 {
        match side {
            Side::Both => self.in_packets.saturating_add(self.out_packets),
            Side::In => self.in_packets,
            Side::Out => self.out_packets,
        }
    }

    /// Bytes of one side.
    #[must_use]
    pub fn bytes_of(&self, side: Side) -> u64 {
        match side {
            Side::Both => self.in_bytes.saturating_add(self.out_bytes),
            Side::In => self.in_bytes,
            Side::Out => self.out_bytes,
        }
    }

    /// From the earliest start to the latest end in ms; 0 without times, or if the end is first.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last.as_millis().saturating_sub(first.as_millis()),
            _ => 0,
        }
    }

    /// Packets a second over the whole duration; 0 if that is 0.
    #[must_use]
    pub fn pps(&self, side: Side) -> u64 {
        per_second(self.packets_of(side), 1, self.duration_ms())
    }

    /// Bits a second over the whole duration; 0 if that is 0.
    #[must_use]
    pub fn bps(&self, side: Side) -> u64 {
        per_second(self.bytes_of(side), 8, self.duration_ms())
    }

    /// Bytes a packet; 0 without packets.
    #[must_use]
    pub fn bpp(&self, side: Side) -> u64 {
        self.bytes_of(side)
            .checked_div(self.packets_of(side))
            .unwrap_or(0)
    }
}

fn per_second(count: u64, factor: u64, ms: u64) -> u64 {
    let rate = (u128::from(count) * u128::from(factor) * 1000)
        .checked_div(ms.into())
        .unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
