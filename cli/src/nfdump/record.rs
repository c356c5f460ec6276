//! Records of rows: a flow's record with the counters of all flows of its row.

use nfdecode::Flow;

/// Bytes of a record before its elements.
const HEADER: usize = 12;
const ELEMENT_HEADER: usize = 4;
const GENERIC: u16 = 1;
const GENERIC_SIZE: usize = 48;
const COUNTERS: u16 = 5;
const COUNTERS_SIZE: usize = 24;

/// What a row has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowCounters {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) in_packets: u64,
    pub(crate) in_bytes: u64,
    pub(crate) out_packets: u64,
    pub(crate) out_bytes: u64,
    pub(crate) flows: u64,
    pub(crate) flags: u8,
}

impl RowCounters {
    /// Those of one flow.
    pub(crate) fn of(flow: &Flow<'_>) -> Self {
        let ms = |time: Option<nfdecode::Timestamp>| time.map_or(0, nfdecode::Timestamp::as_millis);
        Self {
            first: ms(flow.first()),
            last: ms(flow.last()),
            in_packets: flow.in_packets().unwrap_or(0),
            in_bytes: flow.in_bytes().unwrap_or(0),
            out_packets: flow.out_packets().unwrap_or(0),
            out_bytes: flow.out_bytes().unwrap_or(0),
            // As stored: an aggregated flow may say 0.
            flows: flow.aggr_flows().unwrap_or(1),
            flags: 0,
        }
    }
}

/// A record being changed, in the form of layout 2.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    bytes: Vec<u8>,
}

impl Record {
    /// A copy of a flow's record.
    pub(crate) fn copy_of(record: &[u8]) -> Self {
        Self {
            bytes: record.to_vec(),
        }
    }

    /// A record without elements, with the header of another one but for its exporter.
    pub(crate) fn without_elements(like: &[u8]) -> Self {
        const FLOW: u8 = 11;
        let mut bytes = vec![0; HEADER];
        bytes
            .iter_mut()
            .zip(like)
            .for_each(|(to, from)| *to = *from);
        for at in [1, 2, 3, 4, 5, 6, 7, 8, 9] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = 0;
            }
        }
        if let Some(kind) = bytes.first_mut() {
            *kind = FLOW;
        }
        Self { bytes }
    }

    /// The record.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        let size = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        self.put(2, &size.to_le_bytes());
        self.bytes
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }

    fn u16_at(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_le_bytes(*bytes))
    }

    fn count(&self) -> u16 {
        self.u16_at(4).unwrap_or(0)
    }

    /// Where the payload of an element lies, the last one if there are several.
    fn find(&self, id: u16) -> Option<std::ops::Range<usize>> {
        let mut at = HEADER;
        let mut found = None;
        for _ in 0..self.count() {
            let (Some(known), Some(length)) = (self.u16_at(at), self.u16_at(at + 2)) else {
                break;
            };
            let length = usize::from(length);
            if length < ELEMENT_HEADER {
                break;
            }
            let end = (at + length).min(self.bytes.len());
            if known == id {
                found = Some(at + ELEMENT_HEADER..end);
            }
            at += length;
        }
        found
    }

    /// Hides an element, so that no reader takes it for the one that counts.
    pub(crate) fn hide(&mut self, id: u8) {
        while let Some(found) = self.find(id.into()) {
            self.put(found.start - ELEMENT_HEADER, &[0, 0]);
        }
    }

    /// The payload of an element, made of zeroes if the record does not have it or it is shorter.
    fn element(&mut self, id: u16, size: usize) -> usize {
        if let Some(found) = self.find(id)
            && found.len() >= size
        {
            return found.start;
        }
        let kept = self
            .find(id)
            .and_then(|found| self.bytes.get(found))
            .map(<[u8]>::to_vec)
            .unwrap_or_default();
        // What lies behind the last element is not part of the record.
        let end = self.end();
        self.bytes.truncate(end);
        self.bytes.extend(id.to_le_bytes());
        self.bytes
            .extend(((size + ELEMENT_HEADER) as u16).to_le_bytes());
        let at = self.bytes.len();
        self.bytes.extend(&kept);
        self.bytes.resize(at + size, 0);
        let count = self.count().saturating_add(1);
        self.put(4, &count.to_le_bytes());
        at
    }

    /// Where the last element ends.
    fn end(&self) -> usize {
        let mut at = HEADER;
        for _ in 0..self.count() {
            match self.u16_at(at + 2) {
                Some(length) if usize::from(length) >= ELEMENT_HEADER => at += usize::from(length),
                _ => break,
            }
        }
        at.min(self.bytes.len())
    }

    /// Writes bytes into an element of this size, which is added if need be.
    pub(crate) fn set(&mut self, id: u8, size: usize, at: usize, value: &[u8]) {
        let start = self.element(id.into(), size);
        self.put(start + at, value);
    }

    /// Writes the counters of a row. With flags, they replace those of the record.
    pub(crate) fn set_counters(&mut self, counters: &RowCounters, flags: Option<u8>) {
        let generic = self.element(GENERIC, GENERIC_SIZE);
        self.put(generic, &counters.first.to_le_bytes());
        self.put(generic + 8, &counters.last.to_le_bytes());
        self.put(generic + 24, &counters.in_packets.to_le_bytes());
        self.put(generic + 32, &counters.in_bytes.to_le_bytes());
        if let Some(flags) = flags {
            self.put(generic + 45, &[flags]);
        }
        let is_sum = counters.flows > 1 || counters.out_packets > 0 || counters.out_bytes > 0;
        if is_sum || self.find(COUNTERS).is_some() {
            let at = self.element(COUNTERS, COUNTERS_SIZE);
            self.put(at, &counters.flows.to_le_bytes());
            self.put(at + 8, &counters.out_packets.to_le_bytes());
            self.put(at + 16, &counters.out_bytes.to_le_bytes());
        }
    }

    /// Turns source and destination around: addresses, ports, AS numbers, interfaces and masks.
    pub(crate) fn turn_around(&mut self) {
        for (id, one, other, size) in [
            (1, 40, 42, 2),
            (2, 0, 4, 4),
            (3, 0, 16, 16),
            (7, 0, 4, 4),
            (4, 0, 4, 4),
            (4, 8, 9, 1),
        ] {
            let Some(found) = self.find(id) else {
                continue;
            };
            for at in 0..size {
                let (a, b) = (found.start + one + at, found.start + other + at);
                if a < found.end && b < found.end {
                    self.bytes.swap(a, b);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfdecode::OwnedFlow;

    fn record(elements: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![11, 0, 0, 0, elements.len() as u8, 0, 0, 0, 0, 0, 0, 9];
        for (id, payload) in elements {
            bytes.extend(id.to_le_bytes());
            bytes.extend((payload.len() as u16 + 4).to_le_bytes());
            bytes.extend(*payload);
        }
        bytes
    }

    #[test]
    fn counters_are_replaced_and_added() {
        let counters = RowCounters {
            first: 1000,
            last: 2000,
            in_packets: 3,
            in_bytes: 4,
            out_packets: 5,
            out_bytes: 6,
            flows: 7,
            flags: 0x1b,
        };
        for elements in [
            &[(1, &[9_u8; 48][..]), (2, &[1; 8])][..],
            &[(1, &[9; 48]), (5, &[8; 24]), (2, &[1; 8])],
            &[(2, &[1; 8]), (1, &[9; 20])],
            &[],
        ] {
            let mut row = Record::copy_of(&record(elements));
            row.set_counters(&counters, Some(0x1b));
            let flow = OwnedFlow::from_record(row.into_bytes());
            let flow = flow.view();
            assert_eq!(flow.first().map(|time| time.as_millis()), Some(1000));
            assert_eq!(flow.in_bytes(), Some(4));
            assert_eq!((flow.out_bytes(), flow.aggr_flows()), (Some(6), Some(7)));
            assert_eq!(flow.element(2).is_some(), !elements.is_empty());
        }
    }

    #[test]
    fn what_is_no_record_is_taken_as_it_is() {
        for bytes in [&[][..], &[0; 3], &[255; 12], &[255; 40]] {
            let mut row = Record::copy_of(bytes);
            row.set_counters(&RowCounters::default(), None);
            row.turn_around();
            let _ = OwnedFlow::from_record(row.into_bytes()).view().in_bytes();
        }
    }
}
