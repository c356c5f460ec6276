//! Values as nfdump shows them to people: scaled counters, durations, protocol names, short addresses.

use std::net::IpAddr;

use crate::output::buffer::TextBuffer;
use crate::output::{lines, protocols, text, totals};

/// A counter: from a million on with one decimal and `M`, `G` or `T`.
pub fn scaled(number: u64, out: &mut TextBuffer) {
    totals::scaled(number, out);
}

/// A duration in milliseconds as `hh:mm:ss.mmm`, with days before it if there are any.
pub fn duration(milliseconds: u64, out: &mut TextBuffer) {
    lines::duration(milliseconds, out);
}

/// Columns of an address in nfdump's lines.
pub const ADDRESS: usize = 16;

/// An address in at most `width` columns: a longer one loses its middle.
pub fn short_address(address: IpAddr, width: usize, out: &mut TextBuffer) {
    let from = out.len();
    match address {
        IpAddr::V4(address) => return text::ip4(address, out),
        IpAddr::V6(address) => text::ip6(address, out),
    }
    let length = out.len() - from;
    if length <= width {
        return;
    }
    let kept = width.saturating_sub(2);
    let (front, back) = (kept.div_ceil(2), kept / 2);
    let whole = out.as_bytes().get(from..).unwrap_or_default().to_vec();
    out.truncate(from + front);
    out.extend(b"..");
    out.extend(whole.get(length - back..).unwrap_or_default());
}

/// An address in full, as nfdump's JSON and CSV have it.
pub fn address(address: IpAddr, out: &mut TextBuffer) {
    short_address(address, usize::MAX, out);
}

/// What nfdump calls a protocol; empty for protocols that it shows as numbers.
#[must_use]
pub fn protocol_name(number: u8) -> &'static str {
    protocols::protocol(number)
}
