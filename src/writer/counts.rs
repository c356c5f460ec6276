//! The statistics of a file: counted from flows, or taken from another file.

use crate::file::header::Statistics;
use crate::flow::at::{self, id};
use crate::flow::bytes::u64_at;
use crate::flow::view::Flow;
use crate::value::protocol;
use crate::value::time::Timestamp;
use crate::writer::records::{kind, with_header};

/// Statistics as `nfdump -w` counts them: a record represents the number of flows in element 5; packets
/// and bytes of both directions count; ICMPv6 is ICMP; records without element 1 do not count.
#[derive(Default)]
pub(crate) struct Counts {
    flows: [u64; 5],
    bytes: [u64; 5],
    packets: [u64; 5],
    first: Option<u64>,
    last: u64,
    pub(crate) sequence_failures: u64,
}

impl Counts {
    /// Those that a file has.
    pub(crate) fn of(statistics: Statistics) -> Self {
        let parts = [
            statistics.total,
            statistics.tcp,
            statistics.udp,
            statistics.icmp,
            statistics.other,
        ];
        Self {
            flows: parts.map(|part| part.flows),
            bytes: parts.map(|part| part.bytes),
            packets: parts.map(|part| part.packets),
            first: statistics.first_seen.map(Timestamp::as_millis),
            last: statistics.last_seen.map_or(0, Timestamp::as_millis),
            sequence_failures: statistics.sequence_failures,
        }
    }

    pub(crate) fn count(&mut self, flow: &Flow<'_>) {
        let Some(generic) = flow.element(id::GENERIC) else {
            return;
        };
        let group = match flow.proto() {
            Some(protocol::TCP) => 1,
            Some(protocol::UDP) => 2,
            Some(protocol::ICMP | protocol::ICMP6) => 3,
            _ => 4,
        };
        let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).wrapping_add(b.unwrap_or(0));
        for (counters, value) in [
            (&mut self.flows, flow.flow_count()),
            (
                &mut self.packets,
                sum(flow.in_packets(), flow.out_packets()),
            ),
            (&mut self.bytes, sum(flow.in_bytes(), flow.out_bytes())),
        ] {
            for at in [0, group] {
                if let Some(counter) = counters.get_mut(at) {
                    *counter = counter.wrapping_add(value);
                }
            }
        }
        let first = flow.first_seen_at(generic, at::first.offset);
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = self.last.max(u64_at(generic, at::last.offset));
    }

    /// As a record.
    pub(crate) fn record(&self) -> Vec<u8> {
        let total = |counters: &[u64; 5]| counters.first().copied().unwrap_or(0);
        let mut numbers = vec![total(&self.flows), total(&self.bytes), total(&self.packets)];
        for counters in [&self.flows, &self.bytes, &self.packets] {
            numbers.extend(&counters[1..]);
        }
        numbers.extend([self.first.unwrap_or(0), self.last, self.sequence_failures]);
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        with_header(kind::STATISTICS, &bytes)
    }
}
