//! Flows as lines for people: nfdump's `line`, `long` and `extended`, and a table for terminals.
//!
//! The first three are nfdump 1.7.10's, byte for byte, with its `Summary:` line but without the lines
//! after that, which report times and speed. The table has as many of the same columns as fit: fewer on
//! narrow terminals, whole IPv6 addresses on wide ones, and colours on request.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::flow::at::{self, id};
use crate::flow::bytes::{u8_at, u16_at};
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::format::{FlowContext, FlowFormat};
use crate::output::line_columns::{
    ADDRESS, Column, EXTENDED, LINE, LONG, few_places, fitting, short_duration,
};
use crate::output::protocols::protocol;
use crate::output::text;
use crate::output::totals::{Seen, per_second, scaled};
use crate::output::tunnel::{self, Ports};
use crate::value::flags::TcpFlags;
use crate::value::protocol::{ICMP, ICMP6, TCP, UDP};
use crate::value::time::Timestamp;
use crate::value::zone::TimeFormatter;
use crate::value::zone::Zone;

pub use crate::output::totals::Totals;

/// A set of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lines {
    /// nfdump's `line`.
    Line,
    /// nfdump's `long`: with TCP flags and type of service.
    Long,
    /// nfdump's `extended`: with rates too.
    Extended,
    /// As many columns as fit into a width.
    Table {
        /// Columns of the terminal; `None` for no limit.
        width: Option<usize>,
        /// Use colours.
        color: bool,
    },
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

/// nfdump's `line`, `long` and `extended`, and the table.
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

/// Columns of a port, or of type and code of ICMP in most cases.
const PORT: usize = 5;

impl LineFormat {
    /// These lines, with times in `zone`. Formats that print parts of one text share `totals`.
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

    /// Leaves out the first line, with the names of columns, and the last, with the totals.
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

    /// One line for a flow, or for the outer packets of a tunnel.
    fn line(&mut self, flow: &Flow<'_>, seen: &Seen<'_>, out: &mut TextBuffer) {
        let mut cell = std::mem::take(&mut self.cell);
        for (at, column) in self.columns.iter().enumerate() {
            if at != 0 {
                out.push(b' ');
            }
            cell.clear();
            self.value(*column, flow, seen, &mut cell);
            let (width, left) = self.shape(*column);
            if cell.len() > width && matches!(self.lines, Lines::Table { .. }) {
                // Type and code of ICMP may be longer than a port; the address gives way.
                let excess = cell.len() - width;
                let blanks = cell.as_bytes().iter().take_while(|byte| **byte == b' ');
                let cut = blanks.count().min(excess);
                let kept = cell.as_bytes().get(cut..).unwrap_or_default().to_vec();
                cell.clear();
                cell.extend(&kept);
            }
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

    /// Width, and whether text is left-aligned.
    fn shape(&self, column: Column) -> (usize, bool) {
        match column {
            Column::Start => (23, true),
            Column::Second => (19, true),
            Column::Day => (14, true),
            Column::Clock => (12, true),
            Column::Duration => (self.duration_width(), false),
            Column::Short => (6, false),
            Column::Proto => (5, true),
            // Addresses are aligned by themselves, so that ports are below each other.
            Column::Source | Column::Destination => (self.address + 1 + PORT, true),
            Column::Arrow => (2, true),
            Column::Flags => (8, false),
            Column::Tos => (4, false),
            Column::Packets | Column::Bytes | Column::PacketsPerSecond | Column::BitsPerSecond => {
                (8, false)
            }
            Column::BytesPerPacket => (6, false),
            Column::Flows | Column::FewBytes => (5, false),
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
                TCP => paint::TCP,
                UDP => paint::UDP,
                ICMP | ICMP6 => paint::ICMP,
                _ => paint::OTHER,
            }),
            Column::Arrow | Column::Duration | Column::Short => Some(paint::DIM),
            Column::Packets if seen.packets() >= MANY => Some(paint::LARGE),
            Column::Bytes | Column::FewBytes if seen.bytes() >= MANY => Some(paint::LARGE),
            _ => None,
        }
    }

    fn value(&mut self, column: Column, flow: &Flow<'_>, seen: &Seen<'_>, out: &mut TextBuffer) {
        match column {
            Column::Start if seen.first == 0 => out.extend(b"0000-00-00 00:00:00.000"),
            Column::Start => {
                out.extend(self.times.spaced_text(Timestamp::from_millis(seen.first)));
            }
            Column::Second | Column::Day => {
                let text = self.times.spaced_text(Timestamp::from_millis(seen.first));
                let from = if column == Column::Day { 5 } else { 0 };
                out.extend(text.get(from..19).unwrap_or_default());
            }
            Column::Clock => {
                let text = self.times.spaced_text(Timestamp::from_millis(seen.first));
                let clock = text.rsplit(|byte| *byte == b' ').next();
                out.extend(clock.unwrap_or_default());
            }
            Column::Duration => duration(seen.duration(), out),
            Column::Short => short_duration(seen.duration(), out),
            Column::Proto => match protocol(seen.proto()) {
                "" => text::decimal(seen.proto().into(), out),
                name => out.extend(name.as_bytes()),
            },
            Column::Source => {
                let is_v4 = self.address(flow.src_addr(), out);
                out.push(if is_v4 { b':' } else { b'.' });
                text::decimal(u16_at(seen.generic, at::src_port.offset).into(), out);
            }
            Column::Destination => {
                let is_v4 = self.address(flow.dst_addr(), out);
                out.push(if is_v4 { b':' } else { b'.' });
                if matches!(seen.proto(), ICMP | ICMP6) {
                    text::decimal(u8_at(seen.generic, at::icmp_type.offset).into(), out);
                    out.push(b'.');
                    text::decimal(u8_at(seen.generic, at::icmp_code.offset).into(), out);
                } else {
                    text::decimal(u16_at(seen.generic, at::dst_port.offset).into(), out);
                }
            }
            Column::Arrow => out.extend(b"->"),
            Column::Flags => {
                let flags = if seen.proto() == TCP {
                    u8_at(seen.generic, at::tcp_flags.offset)
                } else {
                    0
                };
                out.extend(&TcpFlags(flags).letters());
            }
            Column::Tos => text::decimal(u8_at(seen.generic, at::src_tos.offset).into(), out),
            Column::Packets => scaled(seen.packets(), out),
            Column::Bytes => scaled(seen.bytes(), out),
            Column::FewBytes => few_places(seen.bytes(), out),
            Column::PacketsPerSecond => scaled(per_second(seen.packets(), seen.duration()), out),
            Column::BitsPerSecond => {
                let bits = seen.bytes().wrapping_mul(8);
                scaled(per_second(bits, seen.duration()), out);
            }
            Column::BytesPerPacket => {
                // nfdump keeps the lower 32 bits.
                let mean = seen.bytes().checked_div(seen.packets()).unwrap_or(0) as u32;
                text::decimal(mean.into(), out);
            }
            Column::Flows => text::decimal(flow.aggr_flows().unwrap_or(1), out),
        }
    }

    /// Right-aligned; long addresses lose their middle. Returns whether it is an IPv4 address.
    fn address(&mut self, address: Option<IpAddr>, out: &mut TextBuffer) -> bool {
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.whole.clear();
        text::ip(address, &mut self.whole);
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

/// Hours, minutes, seconds; days before them if there are any.
pub(crate) fn duration(milliseconds: u64, out: &mut TextBuffer) {
    let seconds = milliseconds / 1000;
    let days = seconds / 86_400;
    if days != 0 {
        text::display(format_args!("{days:2}d "), out);
    }
    let pair = |number: u64, out: &mut TextBuffer| {
        out.push(b'0' + (number / 10) as u8);
        out.push(b'0' + (number % 10) as u8);
    };
    pair(seconds / 3600 % 24, out);
    out.push(b':');
    pair(seconds / 60 % 60, out);
    out.push(b':');
    pair(seconds % 60, out);
    out.push(b'.');
    text::padded((milliseconds % 1000) as usize, out);
}

impl FlowFormat for LineFormat {
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

    fn flow(&mut self, _: u64, flow: &Flow<'_>, _: &FlowContext, out: &mut TextBuffer) {
        let seen = Seen::of(flow);
        if flow.elements() & tunnel::ELEMENTS != 0
            && !matches!(self.lines, Lines::Table { .. })
            && let Some(outer) = tunnel::outer_flow(flow, Ports::None)
        {
            let outer = outer.view();
            let seen = Seen {
                generic: outer.element(id::GENERIC).unwrap_or_default(),
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
            let before = out.len();
            self.totals.line(out);
            self.fold(before, out);
            self.paint(paint::NONE, out);
            out.push(b'\n');
        }
    }
}

impl LineFormat {
    /// Puts the rates of the totals, written since `from`, on a line of their own if one line is too long for the
    /// terminal.
    fn fold(&self, from: usize, out: &mut TextBuffer) {
        let Lines::Table {
            width: Some(width), ..
        } = self.lines
        else {
            return;
        };
        let line = out.as_bytes().get(from..).unwrap_or_default();
        if line.len() <= width {
            return;
        }
        let line = String::from_utf8_lossy(line).replacen(", avg bps", ",\n         avg bps", 1);
        out.truncate(from);
        out.extend(line.as_bytes());
    }

    fn table_header(&mut self, out: &mut TextBuffer) {
        self.paint(paint::HEADER, out);
        for (at, column) in self.columns.iter().enumerate() {
            if at != 0 {
                out.push(b' ');
            }
            let name = match column {
                Column::Start | Column::Second | Column::Day | Column::Clock
                    if self.times.mark().is_empty() =>
                {
                    "First seen"
                }
                Column::Start | Column::Second | Column::Day => "First seen UTC",
                Column::Clock => "First, UTC",
                Column::Duration => "Duration",
                Column::Short => "Lasted",
                Column::Proto => "Proto",
                Column::Source => "Source",
                Column::Destination => "Destination",
                Column::Arrow => "",
                Column::Flags => "Flags",
                Column::Tos => "Tos",
                Column::Packets => "Packets",
                Column::Bytes | Column::FewBytes => "Bytes",
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
