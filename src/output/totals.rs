//! Totals of the lines printed, and the numbers that lines print.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::flow::at::{self, id};
use crate::flow::bytes::{u8_at, u64_at};
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::text;

/// Sums over the printed lines, shared by the threads that print them.
#[derive(Debug)]
pub struct Totals {
    flows: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            flows: AtomicU64::new(0),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            first: AtomicU64::new(u64::MAX),
            last: AtomicU64::new(0),
        }
    }
}

impl Totals {
    /// As nfdump: counts both directions, an aggregated flow of 0 flows as 1, and no record without the generic element.
    pub(crate) fn add(&self, flow: &Flow<'_>, seen: &Seen<'_>) {
        if seen.generic.is_empty() {
            return;
        }
        let add = |sum: &AtomicU64, number| sum.fetch_add(number, Ordering::Relaxed);
        add(&self.flows, flow.flow_count());
        add(&self.packets, seen.packets());
        add(&self.packets, flow.out_packets().unwrap_or(0));
        add(&self.bytes, seen.bytes());
        add(&self.bytes, flow.out_bytes().unwrap_or(0));
        self.first.fetch_min(seen.first, Ordering::Relaxed);
        self.last.fetch_max(seen.last(), Ordering::Relaxed);
    }

    /// nfdump's summary of the flows.
    pub(crate) fn line(&self, out: &mut TextBuffer) {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (flows, packets, bytes) = (load(&self.flows), load(&self.packets), load(&self.bytes));
        let span = load(&self.last).saturating_sub(load(&self.first));
        let rate = |count: u64| per_second(count, span);
        // As in nfdump, flows without duration have no mean.
        let mean = bytes.checked_div(packets).unwrap_or(0);
        out.extend(b"Summary: total flows: ");
        text::decimal(flows, out);
        for (name, number) in [
            (", total bytes: ", bytes),
            (", total packets: ", packets),
            (", avg bps: ", rate(bytes.wrapping_mul(8))),
            (", avg pps: ", rate(packets)),
            (", avg bpp: ", if span == 0 { 0 } else { mean }),
        ] {
            out.extend(name.as_bytes());
            scaled(number, out);
        }
    }
}

/// The generic element of a flow with its start.
pub(crate) struct Seen<'a> {
    /// The generic element; empty if the flow has none.
    pub(crate) generic: &'a [u8],
    pub(crate) first: u64,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(flow: &Flow<'a>) -> Self {
        let generic = flow.element(id::GENERIC).unwrap_or_default();
        let first = if generic.is_empty() {
            0
        } else {
            flow.first_seen_at(generic, at::first.offset)
        };
        Self { generic, first }
    }

    pub(crate) fn last(&self) -> u64 {
        u64_at(self.generic, at::last.offset)
    }

    pub(crate) fn packets(&self) -> u64 {
        u64_at(self.generic, at::in_packets.offset)
    }

    pub(crate) fn bytes(&self) -> u64 {
        u64_at(self.generic, at::in_bytes.offset)
    }

    pub(crate) fn proto(&self) -> u8 {
        u8_at(self.generic, at::proto.offset)
    }

    pub(crate) fn duration(&self) -> u64 {
        match self.first {
            0 => 0,
            first => self.last().saturating_sub(first),
        }
    }
}

/// `count` per second, truncated; 0 if it does not fit into 64 bits, as in nfdump.
pub(crate) fn per_second(count: u64, milliseconds: u64) -> u64 {
    const TOO_MUCH: f64 = 18_446_744_073_709_551_616.0;
    if milliseconds == 0 {
        return 0;
    }
    let rate = count as f64 * 1000.0 / milliseconds as f64;
    if rate < TOO_MUCH { rate as u64 } else { 0 }
}

/// A number; from a million on with one decimal and M, G or T.
pub(crate) fn scaled(number: u64, out: &mut TextBuffer) {
    const MILLION: u64 = 1_000_000;
    let (unit, name) = match number {
        0..MILLION => return text::decimal(number, out),
        MILLION..1_000_000_000 => (1e6, 'M'),
        1_000_000_000..1_000_000_000_000 => (1e9, 'G'),
        _ => (1e12, 'T'),
    };
    text::display(format_args!("{:.1} {name}", number as f64 / unit), out);
}
