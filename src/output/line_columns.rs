//! The columns of lines and of the table: which ones fit into a terminal, and values that are short enough for it.
//!
//! Date and duration stay in the narrowest terminals, TCP flags come next, then packets. IPv4 addresses are never cut
//! from 80 columns on; what is left goes to IPv6 addresses.

use crate::output::buffer::TextBuffer;
use crate::output::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Date and time of the start.
    Start,
    /// Date and time of the start, to the second.
    Second,
    /// As `Second`, without the year.
    Day,
    /// Time of the start.
    Clock,
    Duration,
    /// Duration in six places.
    Short,
    Proto,
    Source,
    Arrow,
    Destination,
    Flags,
    Tos,
    Packets,
    Bytes,
    /// Bytes in five places.
    FewBytes,
    PacketsPerSecond,
    BitsPerSecond,
    BytesPerPacket,
    Flows,
}

pub(super) const LINE: &[Column] = &[
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
pub(super) const LONG: &[Column] = &[
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
pub(super) const EXTENDED: &[Column] = &[
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
/// Columns of an address in nfdump's lines.
pub(super) const ADDRESS: usize = 16;
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
/// Less than that: flags before packets, and no milliseconds of the start.
const MIDDLE: &[Column] = &[
    Column::Second,
    Column::Short,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Flags,
    Column::Packets,
    Column::Bytes,
];
const FEW: &[Column] = &[
    Column::Second,
    Column::Short,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::Flags,
    Column::FewBytes,
];
/// A terminal of 80 columns.
const SLIM: &[Column] = &[
    Column::Day,
    Column::Short,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::FewBytes,
];
const NARROW: &[Column] = &[
    Column::Clock,
    Column::Proto,
    Column::Source,
    Column::Arrow,
    Column::Destination,
    Column::FewBytes,
];

/// Columns of the longest address.
const WHOLE_ADDRESS: usize = 39;
/// The columns that fit, and the columns of an address.
pub(super) fn fitting(width: usize) -> (&'static [Column], usize) {
    // Besides the two addresses: ports, arrow, the blanks between, and the columns named.
    const ENDS: usize = 6 + 1 + 2 + 1 + 6;
    const WIDE_REST: usize = 23 + 1 + 12 + 1 + 5 + 1 + ENDS + 1 + 8 + 1 + 8 + 1 + 8 + 1 + 5;
    const MIDDLE_REST: usize = 19 + 1 + 6 + 1 + 5 + 1 + ENDS + 1 + 8 + 1 + 8 + 1 + 8;
    const FEW_REST: usize = 19 + 1 + 6 + 1 + 5 + 1 + ENDS + 1 + 8 + 1 + 5;
    const SLIM_REST: usize = 14 + 1 + 6 + 1 + 5 + 1 + ENDS + 1 + 5;
    const NARROW_REST: usize = 12 + 1 + 5 + 1 + ENDS + 1 + 5;
    // Shorter ones say too little.
    const SHORTEST: usize = 11;
    // The widest with room for IPv4 addresses; the rest of the width goes to IPv6 addresses.
    for (columns, rest) in [
        (WIDE, WIDE_REST),
        (MIDDLE, MIDDLE_REST),
        (FEW, FEW_REST),
        (SLIM, SLIM_REST),
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

/// A duration in six places: `12.345` seconds, `12:34` minutes, `12h34m`, `123d`.
pub(super) fn short_duration(milliseconds: u64, out: &mut TextBuffer) {
    let seconds = milliseconds / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match hours {
        0 if minutes == 0 => {
            text::display(format_args!("{seconds}.{:03}", milliseconds % 1000), out)
        }
        0 => text::display(format_args!("{minutes}:{:02}", seconds % 60), out),
        1..100 => text::display(format_args!("{hours}h{:02}m", minutes % 60), out),
        _ => text::display(format_args!("{}d", hours / 24), out),
    }
}

/// A number in five places: below 100,000 as it is, above as thousands, millions and so on.
pub(super) fn few_places(number: u64, out: &mut TextBuffer) {
    if number < 100_000 {
        return text::decimal(number, out);
    }
    let mut size = number / 1000;
    for unit in ["K", "M", "G", "T", "P", "E"] {
        if size < 10_000 {
            return text::display(format_args!("{size}{unit}"), out);
        }
        size /= 1000;
    }
}
