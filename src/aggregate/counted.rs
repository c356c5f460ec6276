//! What one flow counts.

use crate::aggregate::layout::counter;
use crate::flow::at::{self, id};
use crate::flow::bytes::{u8_at, u64_at};
use crate::flow::view::Flow;

/// What a flow counts, without its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) counters: [u64; counter::COUNT],
    pub(crate) proto: u8,
}

impl Counted {
    /// The counters of a flow; `None` if it has none and the grouping needs them.
    pub(crate) fn of(flow: &Flow<'_>, need_counters: bool) -> Option<Self> {
        let mut counters = [0; counter::COUNT];
        let mut proto = 0;
        counters[counter::FLOWS] = 1;
        counters[counter::FIRST] = u64::MAX;
        match flow.element(id::GENERIC) {
            Some(generic) => {
                counters[counter::IN_PACKETS] = u64_at(generic, at::in_packets.offset);
                counters[counter::IN_BYTES] = u64_at(generic, at::in_bytes.offset);
                counters[counter::FIRST] = flow.first_seen_at(generic, at::first.offset);
                counters[counter::LAST] = u64_at(generic, at::last.offset);
                counters[counter::FLAGS] = u8_at(generic, at::tcp_flags.offset).into();
                proto = u8_at(generic, at::proto.offset);
            }
            None if need_counters => return None,
            None => {}
        }
        if let Some(out) = flow.element(id::COUNTERS) {
            counters[counter::FLOWS] = u64_at(out, at::aggr_flows.offset).max(1);
            counters[counter::OUT_PACKETS] = u64_at(out, at::out_packets.offset);
            counters[counter::OUT_BYTES] = u64_at(out, at::out_bytes.offset);
        }
        Some(Self { counters, proto })
    }
}
