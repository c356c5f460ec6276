//! The members of elements of fixed size, by code that the compiler makes from the element table.
//!
//! Members whose values come again in nearly all flows are remembered together. Elements of other sizes, and
//! kinds of values that are rare, are left to the caller.

use std::net::{IpAddr, Ipv6Addr};

use crate::flow::at::{At, id};
use crate::flow::bytes::{Condition, ip4_at, ip6_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::element::FieldKind;
use crate::flow::view::{Flow, Side};
use crate::output::buffer::TextBuffer;
use crate::output::clock;
use crate::output::head::Head;
use crate::output::keys::{GROUPS, Keys, ShowField, Together, show_fields};
use crate::output::line::{ELEMENT_MAX, LINE_MAX, Line};
use crate::output::memo::Memo;
use crate::value::flags::TcpFlags;
use crate::value::zone::{TimeFormatter, Zone};

/// Elements that are written at once at most. With the head of an object they fit a line.
const RUN_MAX: usize = LINE_MAX / ELEMENT_MAX - 1;

/// Writes members in one layout and remembers them.
#[derive(Clone)]
pub(crate) struct Objects {
    times: TimeFormatter,
    together: [Memo<u64>; GROUPS],
    /// IPv6 networks with their closing quote.
    networks: Memo<u128>,
}

impl Objects {
    /// With times in `zone`.
    pub(crate) fn new(zone: Zone) -> Self {
        Self {
            times: TimeFormatter::new(zone),
            together: std::array::from_fn(|_| Memo::new()),
            networks: Memo::new(),
        }
    }

    /// Writes times, for members that are written elsewhere.
    pub(crate) fn times(&mut self) -> &mut TimeFormatter {
        &mut self.times
    }

    /// Writes the head of an object, if one is given with the number of the flow, and members of elements that the
    /// flow has, from the first on; bit i is element i. All must be compiled. Returns those that are done: all, or
    /// those up to an element of unusual size, or as many as a line has room for.
    #[inline(never)]
    pub(crate) fn members<const JSON: bool>(
        &mut self,
        head: Option<(&mut Head, u64)>,
        elements: u64,
        flow: &Flow<'_>,
        out: &mut TextBuffer,
    ) -> u64 {
        let Some(mut line) = out.line() else {
            return 0;
        };
        if let Some((head, number)) = head {
            head.put_on(number, flow, &mut line);
        }
        let mut show = Show::<JSON> {
            flow,
            objects: self,
            line,
            key: 0,
            start: 0,
            is_usual: false,
            is_recalled: false,
        };
        let mut left = elements;
        for _ in 0..RUN_MAX {
            let element = left.trailing_zeros() as u8;
            if left == 0 || !show_fields(element, flow.stored(element), &mut show) {
                break;
            }
            left &= left - 1;
        }
        let length = show.line.len();
        out.advance(length);
        elements & !left
    }
}

impl FieldKind {
    /// Whether [`Objects::members`] writes it.
    pub(crate) fn is_compiled(self) -> bool {
        matches!(
            self,
            Self::U8
                | Self::U16
                | Self::U32
                | Self::U64
                | Self::Time
                | Self::FirstSeen
                | Self::Ip4
                | Self::Ip6
                | Self::TcpFlags
                | Self::SrcNet
                | Self::DstNet
                | Self::Geo
        )
    }
}

impl Together {
    /// The bytes that decide the text of the group, given the offset of its first field.
    #[inline(always)]
    fn key(self, payload: &[u8], first: usize) -> u64 {
        match self.bytes {
            2 => u16_at(payload, first).into(),
            4 => u32_at(payload, first).into(),
            _ => u64_at(payload, first),
        }
    }
}

/// Writes fields whose offsets and keys the compiler knows.
struct Show<'a, 'l, 'f, const JSON: bool> {
    flow: &'a Flow<'f>,
    objects: &'a mut Objects,
    line: Line<'l>,
    /// Of the members that are remembered together: their key, where they begin on the line, whether they
    /// may be remembered, and whether they were.
    key: u64,
    start: usize,
    is_usual: bool,
    is_recalled: bool,
}

impl<const JSON: bool> ShowField for Show<'_, '_, '_, JSON> {
    #[inline(always)]
    fn field(
        &mut self,
        payload: &[u8],
        kind: FieldKind,
        at: At,
        condition: Condition,
        keys: &'static Keys,
    ) {
        if !keys.printed || !kind.is_compiled() {
            return;
        }
        let Some(together) = keys.together else {
            if self.flow.holds(condition, payload, at.offset) {
                self.member(payload, kind, at.offset, keys);
            }
            return;
        };
        let memo = &mut self.objects.together[together.group];
        if together.is_first {
            self.is_usual =
                at.element != id::GENERIC || self.flow.holds(Condition::NotIcmp, payload, 0);
            self.key = together.key(payload, at.offset);
            self.start = self.line.len();
            self.is_recalled = self.is_usual && memo.recall(self.key, &mut self.line);
        }
        if self.is_recalled {
            return;
        }
        if self.flow.holds(condition, payload, at.offset) {
            self.member(payload, kind, at.offset, keys);
        }
        if together.is_last && self.is_usual {
            let memo = &mut self.objects.together[together.group];
            memo.remember(self.key, self.start, &self.line);
        }
    }
}

impl<const JSON: bool> Show<'_, '_, '_, JSON> {
    /// Key and value.
    #[inline(always)]
    fn member(&mut self, payload: &[u8], kind: FieldKind, at: usize, keys: &'static Keys) {
        let key = if JSON { &keys.json } else { &keys.ndjson };
        let line = &mut self.line;
        line.put(&key.text, key.length);
        match kind {
            FieldKind::U8 => return line.octet(u8_at(payload, at)),
            FieldKind::U16 => return line.decimal16(u16_at(payload, at)),
            FieldKind::U32 => return line.decimal(u32_at(payload, at).into()),
            FieldKind::U64 => return line.decimal(u64_at(payload, at)),
            // The key includes the value.
            FieldKind::Geo => return,
            FieldKind::Time => return self.time(u64_at(payload, at)),
            FieldKind::FirstSeen => return self.time(self.flow.first_seen_at(payload, at)),
            FieldKind::Ip4 => line.ip4(ip4_at(payload, at)),
            FieldKind::Ip6 => line.ip6(ip6_at(payload, at)),
            FieldKind::TcpFlags => line.put(&TcpFlags(u8_at(payload, at)).letters(), 8),
            FieldKind::SrcNet => {
                return self.network(self.flow.network_of(payload, Side::Source));
            }
            FieldKind::DstNet => {
                return self.network(self.flow.network_of(payload, Side::Destination));
            }
            _ => {}
        }
        self.line.push(b'"');
    }

    #[inline(always)]
    fn time(&mut self, ms: u64) {
        clock::time::<b'T', b'"'>(ms, &mut self.objects.times, &mut self.line);
    }

    /// A network with its closing quote.
    #[inline(always)]
    fn network(&mut self, network: Option<IpAddr>) {
        match network {
            Some(IpAddr::V4(address)) => self.line.ip4(address),
            Some(IpAddr::V6(address)) => return self.network6(address),
            None => {}
        }
        self.line.push(b'"');
    }

    #[inline(always)]
    fn network6(&mut self, network: Ipv6Addr) {
        let key = network.to_bits();
        if self.objects.networks.recall(key, &mut self.line) {
            return;
        }
        let start = self.line.len();
        self.line.ip6(network);
        self.line.push(b'"');
        self.objects.networks.remember(key, start, &self.line);
    }
}

#[cfg(test)]
mod tests {
    use crate::flow::element;
    use crate::output::keys::AROUND_KEY;
    use crate::output::line::ELEMENT_MAX;

    /// No value of a fixed size is longer, unused bytes after it included.
    const VALUE_MAX: usize = 48;

    /// Keys that are too long for their room do not compile; this checks the room for an element.
    #[test]
    fn every_compiled_element_fits_a_line() {
        let [(before, after), _] = AROUND_KEY;
        for element in element::elements() {
            let fields = element.fields.iter().filter(|field| {
                !field.key.is_empty() && element.size != 0 && field.kind.is_compiled()
            });
            let longest: usize = fields
                .map(|field| before.len() + field.key.len() + after.len() + 3 + VALUE_MAX)
                .sum();
            assert!(longest < ELEMENT_MAX, "{}", element.name);
        }
    }
}
