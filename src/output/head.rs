//! The members of an object before those of elements: file, number, type, ident, exporter.
//!
//! Numbers of flows follow one another, so that nearly every one is the text of the last with another last
//! digit.

use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::line::{ELEMENT_MAX, Line, short_digits};
use crate::output::memo::Memo;
use crate::output::padded::Padded;
use crate::output::text;

/// The members before those of elements.
#[derive(Clone)]
pub(crate) struct Head {
    /// The text up to the value of `cnt`, without the comma that separates flows.
    before_count: Padded,
    /// The text from there to the value of `export_sysid`, for flows and for events.
    after_count: [Padded; 2],
    /// `after_count` with the value.
    exporters: Memo<u64>,
    count: Count,
    fits_a_line: bool,
}

impl Head {
    /// From the texts before and after the number; the second are for flows and for events.
    pub(crate) fn new(before_count: &[u8], after_count: [&[u8]; 2]) -> Self {
        let longest = after_count.iter().map(|text| text.len()).max();
        Self {
            before_count: Padded::new(before_count),
            after_count: after_count.map(Padded::new),
            exporters: Memo::new(),
            count: Count::unknown(),
            fits_a_line: before_count.len() + longest.unwrap_or(0) < ELEMENT_MAX - 64,
        }
    }

    /// Whether a line has room for them, and for members of elements.
    pub(crate) fn fits_a_line(&self) -> bool {
        self.fits_a_line
    }

    /// Appends them for one flow, whatever their length.
    pub(crate) fn append_to(&self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        self.before_count.append_to(out);
        text::decimal(number, out);
        self.after_count[usize::from(flow.is_event())].append_to(out);
        text::decimal(flow.exporter_sysid().into(), out);
    }

    /// Appends them for one flow to a line.
    #[inline(always)]
    pub(crate) fn put_on(&mut self, number: u64, flow: &Flow<'_>, line: &mut Line<'_>) {
        let is_event = usize::from(flow.is_event());
        let sysid = u64::from(flow.exporter_sysid());
        self.before_count.put_on(line);
        self.count.put_on(number, line);
        let key = sysid << 1 | is_event as u64;
        if !self.exporters.recall(key, line) {
            let start = line.len();
            self.after_count[is_event].put_on(line);
            line.decimal(sysid);
            self.exporters.remember(key, start, line);
        }
    }
}

/// A number and its text, from which that of the next is made.
#[derive(Clone, Debug)]
struct Count {
    /// The number after the one of the text.
    next: u64,
    /// Digits, the first in the lowest byte.
    text: u64,
    length: usize,
}

impl Count {
    /// The text ends with a 9, so that it is not used.
    const fn unknown() -> Self {
        Self {
            next: 0,
            text: b'9' as u64,
            length: 1,
        }
    }

    /// Appends a number.
    #[inline(always)]
    fn put_on(&mut self, number: u64, line: &mut Line<'_>) {
        const MAX: u64 = 99_999_999;
        let last = 8 * (self.length - 1) % 64;
        if number == self.next && (self.text >> last) as u8 != b'9' {
            self.text += 1 << last;
            self.next += 1;
        } else if number <= MAX {
            (self.text, self.length) = short_digits(number as u32);
            self.next = number + 1;
        } else {
            return line.decimal(number);
        }
        line.put(&self.text.to_le_bytes(), self.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::line::LINE_ROOM;

    #[test]
    fn numbers_in_any_order() {
        let mut count = Count::unknown();
        let near = |number: u64| number.saturating_sub(12)..number.saturating_add(12);
        let numbers = [0, 1, 9, 10, 99, 1000, 99_999_999, 100_000_000, u64::MAX];
        for number in numbers.into_iter().chain([5, 5, 0]).flat_map(near) {
            let mut room = [0; LINE_ROOM];
            let mut line = Line::new(&mut room);
            count.put_on(number, &mut line);
            let length = line.len();
            assert_eq!(&room[..length], number.to_string().as_bytes());
        }
    }
}
