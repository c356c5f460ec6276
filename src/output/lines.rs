//! Flows as lines for people: nfdump's `line`, `long` and `extended`, and a table for terminals.
//!
//! The first three are nfdump 1.7.10's, byte for byte, with its `Summary:` line and without the lines
//! after it, which tell of times and speed. The table has the same columns, as many as fit: narrower
//! ones on narrow terminals, whole IPv6 addresses on wide ones, and colours if wanted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::flow::bytes::{u8_at, u16_at, u64_at};
use crate::flow::owned::OwnedFlow;
use crate::flow::view::Flow;
use crate::output::cells::{duration, protocol_name, scaled};
use crate::output::format::FlowFormat;
use crate::output::text;
use crate::output::text::TextBuffer;
use crate::value::flags::TcpFlags;
use crate::value::time::Timestamp;
use crate::value::zone::TimeFormatter;
use crate::value::zone::Zone;

/// Which columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// nfdump's `line`.
    Line,
    /// nfdump's `long`: with TCP flags and type of service.
    Long,
    /// nfdump's `extended`: with rates as well.
    Extended,
    /// What fits into this many columns.
    Table {
        /// Columns of the terminal; `None` if there is no limit.
        width: Option<usize>,
        /// Use colours.
        color: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// Date and time of the start.
    Start,
    /// Time of the start.
    Clock,
    Duration,
    Proto,
    Source,
    Arrow,
    Destination,
    Flags,
    Tos,
    Packets,
    Bytes,
    PacketsPerSecond,
    BitsPerSecond,
    BytesPerPacket,
    Flows,
}

/// Colours of the terminal, by their meaning here.
mod paint {
    pub const HEADER: &str = "\x1b[1m";
    pub const DIM: &str = "\x1b[2m";
    pub const TCP: &str = "\x1b[32m";
    pub const UDP: &str = "\x1b[34m";
    pub const ICMP: &str = "\x1b[33m";
    pub const OTHER: &str = "\x1b[35m";
    pub const LARGE: &str = "\x1b[1;33m";
    pub const NONE: &str = "\x1b[0m";
}

/// What the lines of a run add up to; shared by all that print them.
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
    /// As nfdump: both directions, and nothing of a record without element 1.
    fn add(&self, flow: &Flow<'_>, seen: &Seen<'_>) {
        if seen.generic.is_empty() {
            return;
        }
        let add = |sum: &AtomicU64, number| sum.fetch_add(number, Ordering::Relaxed);
        add(&self.flows, flow.aggr_flows().unwrap_or(1));
        add(&self.packets, seen.packets());
        add(&self.packets, flow.out_packets().unwrap_or(0));
        add(&self.bytes, seen.bytes());
        add(&self.bytes, flow.out_bytes().unwrap_or(0));
        self.first.fetch_min(seen.first, Ordering::Relaxed);
        self.last.fetch_max(seen.last(), Ordering::Relaxed);
    }

    /// nfdump's summary of the flows.
    fn line(&self, out: &mut TextBuffer) {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (flows, packets, bytes) = (load(&self.flows), load(&self.packets), load(&self.bytes));
        let span = load(&self.last).saturating_sub(load(&self.first));
        let rate = |count: u64| per_second(count, span);
        // nfdump has no mean either for flows without duration.
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

/// What most columns need.
struct Seen<'a> {
    /// Element 1; empty if the flow has none.
    generic: &'a [u8],
    first: u64,
}

impl Seen<'_> {
    fn last(&self) -> u64 {
        u64_at(self.generic, 8)
    }

    fn packets(&self) -> u64 {
        u64_at(self.generic, 24)
    }

    fn bytes(&self) -> u64 {
        u64_at(self.generic, 32)
    }

    fn proto(&self) -> u8 {
        u8_at(self.generic, 44)
    }

    fn duration(&self) -> u64 {
        match self.first {
            0 => 0,
            first => self.last().saturating_sub(first),
        }
    }
}

/// `count` in `milliseconds`, cut; what does not fit is 0, as in nfdump.
fn per_second(count: u64, milliseconds: u64) -> u64 {
    const TOO_MUCH: f64 = 18_446_744_073_709_551_616.0;
    if milliseconds == 0 {
        return 0;
    }
    let rate = count as f64 * 1000.0 / milliseconds as f64;
    if rate < TOO_MUCH { rate as u64 } else { 0 }
}

/// nfdump's `line` and its like.
pub struct LineFormat {
    lines: Lines,
    columns: &'static [Column],
    /// Columns of an address; longer ones are cut in the middle.
    address: usize,
    color: bool,
    header: bool,
    times: TimeFormatter,
    totals: Arc<Totals>,
    cell: TextBuffer,
    whole: TextBuffer,
}

impl fmt::Debug for LineFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineFormat")
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

const LINE: &[Column] = &[
    Column::Start,
    Column::Duration,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Packets,
    Column::Bytes,
    Column::Flows,
];
const LONG: &[Column] = &[
    Column::Start,
    Column::Duration,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Flags,
    Column::Tos,
    Column::Packets,
    Column::Bytes,
    Column::Flows,
];
const EXTENDED: &[Column] = &[
    Column::Start,
    Column::Duration,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Flags,
    Column::Tos,
    Column::Packets,
    Column::Bytes,
    Column::PacketsPerSecond,
    Column::BitsPerSecond,
    Column::BytesPerPacket,
    Column::Flows,
];
const WIDE: &[Column] = &[
    Column::Start,
    Column::Duration,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Flags,
    Column::Packets,
    Column::Bytes,
    Column::Flows,
];
const MIDDLE: &[Column] = &[
    Column::Start,
    Column::Duration,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Packets,
    Column::Bytes,
];
const NARROW: &[Column] = &[
    Column::Clock,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Packets,
    Column::Bytes,
];

/// Columns of an address in nfdump's lines.
const ADDRESS: usize = 16;
/// Columns of the longest address.
const WHOLE_ADDRESS: usize = 39;
/// Columns of a port, or of type and code of ICMP in most cases.
const PORT: usize = 5;

impl LineFormat {
    /// These lines, with times in `zone`. All that print one text share `totals`.
    #[must_use]
    pub fn new(lines: Lines, totals: &Arc<Totals>, zone: Zone) -> Self {
        let (columns, address, color) = match lines {
            Lines::Line => (LINE, ADDRESS, false),
            Lines::Long => (LONG, ADDRESS, false),
            Lines::Extended => (EXTENDED, ADDRESS, false),
            Lines::Table { width, color } => {
                let (columns, address) = fitting(width.unwrap_or(usize::MAX));
                (columns, address, color)
            }
        };
        Self {
            lines,
            columns,
            address,
            color,
            header: true,
            times: TimeFormatter::new(zone),
            totals: Arc::clone(totals),
            cell: TextBuffer::default(),
            whole: TextBuffer::default(),
        }
    }

    /// The same without the first line, which names the columns, and without the last.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    fn paint(&self, color: &str, out: &mut TextBuffer) {
        if self.color {
            out.extend(color.as_bytes());
        }
    }

    /// One line for a flow, or for what is outside of a tunnel.
    fn line(&mut self, flow: &Flow<'_>, seen: &Seen<'_>, out: &mut TextBuffer) {
        let mut cell = std::mem::take(&mut self.cell);
        for (at, column) in self.columns.iter().enumerate() {
            if at != 0 {
                out.push(b' ');
            }
            cell.clear();
            self.value(*column, flow, seen, &mut cell);
            let (width, left) = self.shape(*column);
            let blanks = width.saturating_sub(cell.len());
            let color = self.color_of(*column, seen);
            let last = at + 1 == self.columns.len();
            if !left {
                out.extend(&BLANKS[..blanks.min(BLANKS.len())]);
            }
            if let Some(color) = color {
                self.paint(color, out);
            }
            out.extend(cell.as_bytes());
            if color.is_some() {
                self.paint(paint::NONE, out);
            }
            if left && !last {
                out.extend(&BLANKS[..blanks.min(BLANKS.len())]);
            }
        }
        out.push(b'\n');
        self.cell = cell;
    }

    /// Width, and whether text stands on the left.
    fn shape(&self, column: Column) -> (usize, bool) {
        match column {
            Column::Start => (23, true),
            Column::Clock => (12, true),
            Column::Duration => (self.duration_width(), false),
            Column::Proto => (5, true),
            // Addresses are aligned by themselves, so that ports stand below one another.
            Column::Source | Column::Destination => (self.address + 1 + PORT, true),
            Column::Arrow => (2, true),
            Column::Flags => (8, false),
            Column::Tos => (4, false),
            Column::Packets | Column::Bytes | Column::PacketsPerSecond | Column::BitsPerSecond => {
                (8, false)
            }
            Column::BytesPerPacket => (6, false),
            Column::Flows => (5, false),
        }
    }

    fn duration_width(&self) -> usize {
        if matches!(self.lines, Lines::Table { .. }) {
            12
        } else {
            16
        }
    }

    fn color_of(&self, column: Column, seen: &Seen<'_>) -> Option<&'static str> {
        const MANY: u64 = 1_000_000;
        if !self.color {
            return None;
        }
        match column {
            Column::Proto => Some(match seen.proto() {
                6 => paint::TCP,
                17 => paint::UDP,
                1 | 58 => paint::ICMP,
                _ => paint::OTHER,
            }),
            Column::Arrow | Column::Duration => Some(paint::DIM),
            Column::Packets if seen.packets() >= MANY => Some(paint::LARGE),
            Column::Bytes if seen.bytes() >= MANY => Some(paint::LARGE),
            _ => None,
        }
    }

    fn value(&mut self, column: Column, flow: &Flow<'_>, seen: &Seen<'_>, out: &mut TextBuffer) {
        match column {
            Column::Start if seen.first == 0 => out.extend(b"0000-00-00 00:00:00.000"),
            Column::Start => {
                out.extend(self.times.spaced_text(Timestamp::from_millis(seen.first)));
            }
            Column::Clock => {
                let text = self.times.spaced_text(Timestamp::from_millis(seen.first));
                let clock = text.rsplit(|byte| *byte == b' ').next();
                out.extend(clock.unwrap_or_default());
            }
            Column::Duration => duration(seen.duration(), out),
            Column::Proto => match protocol_name(seen.proto()) {
                "" => text::decimal(seen.proto().into(), out),
                name => out.extend(name.as_bytes()),
            },
            Column::Source => {
                let is_v4 = self.address(flow.src_addr(), out);
                out.push(if is_v4 { b':' } else { b'.' });
                text::decimal(u16_at(seen.generic, 40).into(), out);
            }
            Column::Destination => {
                let is_v4 = self.address(flow.dst_addr(), out);
                out.push(if is_v4 { b':' } else { b'.' });
                if matches!(seen.proto(), 1 | 58) {
                    text::decimal(u8_at(seen.generic, 43).into(), out);
                    out.push(b'.');
                    text::decimal(u8_at(seen.generic, 42).into(), out);
                } else {
                    text::decimal(u16_at(seen.generic, 42).into(), out);
                }
            }
            Column::Arrow => out.extend(b"->"),
            Column::Flags => {
                let flags = if seen.proto() == 6 {
                    u8_at(seen.generic, 45)
                } else {
                    0
                };
                out.extend(&TcpFlags(flags).letters());
            }
            Column::Tos => text::decimal(u8_at(seen.generic, 47).into(), out),
            Column::Packets => scaled(seen.packets(), out),
            Column::Bytes => scaled(seen.bytes(), out),
            Column::PacketsPerSecond => scaled(per_second(seen.packets(), seen.duration()), out),
            Column::BitsPerSecond => {
                let bits = seen.bytes().wrapping_mul(8);
                scaled(per_second(bits, seen.duration()), out);
            }
            Column::BytesPerPacket => {
                // As in nfdump, 32 bits of it.
                let mean = seen.bytes().checked_div(seen.packets()).unwrap_or(0) as u32;
                text::decimal(mean.into(), out);
            }
            Column::Flows => text::decimal(flow.aggr_flows().unwrap_or(1), out),
        }
    }

    /// Right-aligned; what is too long loses its middle. Whether it is an IPv4 address.
    fn address(&mut self, address: Option<IpAddr>, out: &mut TextBuffer) -> bool {
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.whole.clear();
        super::csv::address(address, &mut self.whole);
        let whole = self.whole.as_bytes();
        if whole.len() > self.address {
            let kept = self.address.saturating_sub(2);
            let (front, back) = (kept.div_ceil(2), kept / 2);
            out.extend(whole.get(..front).unwrap_or_default());
            out.extend(b"..");
            out.extend(whole.get(whole.len() - back..).unwrap_or_default());
        } else {
            out.extend(&BLANKS[..(self.address - whole.len()).min(BLANKS.len())]);
            out.extend(whole);
        }
        address.is_ipv4()
    }
}

const BLANKS: &[u8; 64] = &[b' '; 64];

/// The columns that fit, and how long addresses can be.
fn fitting(width: usize) -> (&'static [Column], usize) {
    // Besides the two addresses: times, protocol, ports, counters and the blanks between.
    const WIDE_REST: usize =
        23 + 1 + 12 + 1 + 5 + 1 + 6 + 1 + 2 + 1 + 6 + 1 + 8 + 1 + 8 + 1 + 8 + 1 + 5;
    const MIDDLE_REST: usize = 23 + 1 + 12 + 1 + 5 + 1 + 6 + 1 + 2 + 1 + 6 + 1 + 8 + 1 + 8;
    const NARROW_REST: usize = 12 + 1 + 5 + 1 + 6 + 1 + 2 + 1 + 6 + 1 + 8 + 1 + 8;
    // Shorter ones say too little.
    const SHORTEST: usize = 11;
    // The one that has room for IPv4 addresses; the room that is left goes to IPv6.
    for (columns, rest) in [
        (WIDE, WIDE_REST),
        (MIDDLE, MIDDLE_REST),
        (NARROW, NARROW_REST),
    ] {
        let room = width.saturating_sub(rest) / 2;
        if room >= ADDRESS - 1 {
            return (columns, room.min(WHOLE_ADDRESS));
        }
    }
    let room = width.saturating_sub(NARROW_REST) / 2;
    (NARROW, room.max(SHORTEST))
}

impl FlowFormat for LineFormat {
    fn set_file(&mut self, _: Option<&[u8]>, _: &str) {}

    fn begin(&mut self, out: &mut TextBuffer) {
        if !self.header {
            return;
        }
        match self.lines {
            Lines::Line => out.extend(
                b"Date first seen         Duration         Proto      Src IP Addr:Port          Dst IP Addr:Port   Packets    Bytes Flows\n",
            ),
            Lines::Long => out.extend(
                b"Date first seen         Duration         Proto      Src IP Addr:Port          Dst IP Addr:Port     Flags  Tos  Packets    Bytes Flows\n",
            ),
            Lines::Extended => out.extend(
                b"Date first seen         Duration         Proto      Src IP Addr:Port          Dst IP Addr:Port     Flags  Tos  Packets    Bytes      pps      bps    Bpp Flows\n",
            ),
            Lines::Table { .. } => self.table_header(out),
        }
    }

    fn flow(&mut self, _: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        const TUNNELS: u64 = 1 << 31 | 1 << 32;
        let generic = flow.element(1).unwrap_or_default();
        let seen = Seen {
            generic,
            first: if generic.is_empty() {
                0
            } else {
                flow.first_seen_at(generic, 0)
            },
        };
        if flow.elements() & TUNNELS != 0
            && !matches!(self.lines, Lines::Table { .. })
            && let Some(mut record) = super::csv::outer_record(flow)
        {
            // Unlike CSV, lines show no ports of the packets inside.
            if let Some(ports) = record.get_mut(super::csv::PORTS) {
                ports.fill(0);
            }
            let outer = OwnedFlow::from_record(record);
            let outer = outer.view();
            let seen = Seen {
                generic: outer.element(1).unwrap_or_default(),
                first: seen.first,
            };
            self.line(&outer, &seen, out);
        }
        self.line(flow, &seen, out);
        self.totals.add(flow, &seen);
    }

    fn end(&mut self, _: u64, out: &mut TextBuffer) {
        if self.header {
            self.paint(paint::HEADER, out);
            self.totals.line(out);
            self.paint(paint::NONE, out);
            out.push(b'\n');
        }
    }
}

impl LineFormat {
    fn table_header(&mut self, out: &mut TextBuffer) {
        self.paint(paint::HEADER, out);
        for (at, column) in self.columns.iter().enumerate() {
            if at != 0 {
                out.push(b' ');
            }
            let name = match column {
                Column::Start => "First seen",
                Column::Clock => "First seen",
                Column::Duration => "Duration",
                Column::Proto => "Proto",
                Column::Source => "Source",
                Column::Destination => "Destination",
                Column::Arrow => "",
                Column::Flags => "Flags",
                Column::Tos => "Tos",
                Column::Packets => "Packets",
                Column::Bytes => "Bytes",
                Column::PacketsPerSecond => "pps",
                Column::BitsPerSecond => "bps",
                Column::BytesPerPacket => "Bpp",
                Column::Flows => "Flows",
            };
            let (width, left) = match column {
                // Above the addresses, which end before the colon.
                Column::Source | Column::Destination => {
                    let blanks = self.address.saturating_sub(name.len());
                    out.extend(&BLANKS[..blanks.min(BLANKS.len())]);
                    (name.len() + 1 + PORT, true)
                }
                column => self.shape(*column),
            };
            let blanks = width.saturating_sub(name.len()).min(BLANKS.len());
            if left {
                out.extend(name.as_bytes());
            }
            out.extend(&BLANKS[..blanks]);
            if !left {
                out.extend(name.as_bytes());
            }
        }
        self.paint(paint::NONE, out);
        out.push(b'\n');
    }
}
