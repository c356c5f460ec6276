//! From records to rows at full speed: what is known of all flows of a shape is decided once.
//!
//! A plan is a list of copies from fixed places of a record to fixed places of a row. What needs more than
//! a copy - payloads, texts, elements shorter than usual - is read through [`Source::value`], with the
//! same results.

use crate::aggregate::bins::Bins;
use crate::aggregate::extract::BATCH;
use crate::aggregate::grouping::Inner;
use crate::aggregate::key::{Absent, Key, Transform};
use crate::aggregate::layout::{Narrow, Place, counter, counters_of};
use crate::aggregate::source::{Shape, Source, Stored};
use crate::flow::at;
use crate::flow::bytes::{Condition, u8_at, u16_at, u32_at, u64_at};
use crate::flow::element::{EitherKind, FieldKind};
use crate::flow::view::Flow;
use crate::raw::{RawFlowRef, RawShape};

/// Bytes of the generic element that counters need.
const GENERIC_LEN: usize = 48;
/// Bytes of the element with outgoing counters.
const OUT_LEN: usize = 24;
/// The elements of the two address families: which of them counts is not a matter of the shape.
const FAMILIES: u64 = 1 << 2 | 1 << 3;

/// How a value gets from a record into a row.
#[derive(Clone, Copy, Debug)]
enum Fetch {
    /// Into the head: tag 1 and this many bytes.
    Byte,
    Short,
    Int,
    /// Into one word.
    Word,
    /// An IPv4 address under a mask of bits.
    Ip4 {
        mask: u32,
    },
    /// An IPv6 address under a mask of bits.
    Ip6 {
        masks: [u64; 2],
    },
    /// The start of the flow, by interval.
    First,
    Last,
    /// Through [`Source::value`].
    Slow {
        key: usize,
    },
}

#[derive(Clone, Debug)]
struct Step {
    copy: Fetch,
    /// Where in the record.
    at: usize,
    place: Place,
    /// What is added to the head besides the value.
    head: u64,
    /// Only if the flow is (or is not) ICMP.
    icmp: Option<bool>,
    /// With `icmp` unmet.
    absent: Absent,
    /// Of `First` and `Last`.
    bins: Option<Bins>,
}

/// A flow that waits for others of its shape.
#[derive(Clone, Copy)]
pub(crate) struct Pending<'a> {
    pub(crate) record: &'a [u8],
    pub(crate) found: &'a RawFlowRef,
    pub(crate) number: u64,
}

/// What to do with the flows of one shape.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where the generic element is.
    generic: usize,
    /// Where the outgoing counters are.
    out: Option<usize>,
    /// For each combination of sources; `None` if such flows are not counted under it.
    variants: Vec<Option<Variant>>,
}

/// What to do for one combination of sources.
#[derive(Debug)]
pub(crate) struct Variant {
    steps: Vec<Step>,
    /// Words of the key that are not always written as a whole, and must be 0 before.
    cleared: Vec<usize>,
}

impl Variant {
    fn new(steps: Vec<Step>, key_words: usize) -> Self {
        let is_written = |word: &usize| {
            steps.iter().any(|step| {
                let words = match step.copy {
                    _ if step.icmp.is_some() => 0,
                    Fetch::Word | Fetch::First | Fetch::Last => 1,
                    Fetch::Ip4 { .. } | Fetch::Ip6 { .. } => 2,
                    _ => 0,
                };
                (step.place.wide..step.place.wide + words).contains(word)
            })
        };
        let cleared = (0..key_words).filter(|word| !is_written(word)).collect();
        Self { steps, cleared }
    }
}

impl Plan {
    /// The plan for a shape; `None` if its flows must be read one by one.
    pub(crate) fn new(inner: &Inner, shape: &RawShape) -> Option<Self> {
        let place = |element: u8, length: usize| {
            let has = shape.present >> element & 1 != 0;
            let stored = *shape.length.get(usize::from(element))?;
            let at = *shape.offset.get(usize::from(element))?;
            (has && usize::from(stored) >= length).then_some(usize::from(at))
        };
        let has_out = shape.present >> 5 & 1 != 0;
        let out = place(5, OUT_LEN);
        if shape.present & FAMILIES == FAMILIES || has_out && out.is_none() {
            return None;
        }
        let generic = place(1, GENERIC_LEN)?;
        let variants = inner.variants.iter().map(|variant| {
            let mut steps = Vec::with_capacity(variant.len());
            let parts = inner.keys.iter().zip(variant).zip(&inner.layout.places);
            for (number, ((key, source), to)) in parts.enumerate() {
                match step(key, source, *to, number, &place) {
                    Found::Step(step) => steps.push(step),
                    Found::Nothing => {}
                    Found::Skip => return None,
                }
            }
            Some(Variant::new(steps, inner.layout.key_words))
        });
        Some(Self {
            generic,
            out,
            variants: variants.collect(),
        })
    }

    /// Words of the rows of its flows: those of narrow ones if nothing else is asked for.
    pub(crate) fn width(&self, inner: &Inner) -> usize {
        let layout = &inner.layout;
        match self.out {
            None if !inner.options.numbered && !inner.has_extras() => {
                layout.key_words + counter::NARROW
            }
            _ => layout.words,
        }
    }

    /// Writes what flows count into their rows of so many words, and their protocols. Returns a bit for each flow that
    /// must be read in another way.
    pub(crate) fn count_all(
        &self,
        inner: &Inner,
        pending: &[Pending<'_>],
        has_event: bool,
        (rows, width): (&mut [u64], usize),
        protos: &mut [u8; BATCH],
    ) -> u64 {
        let key_words = inner.layout.key_words;
        if width == key_words + counter::NARROW {
            return self.count_narrow(pending, has_event, (rows, width), protos);
        }
        let mut others = 0;
        let rows = rows.chunks_exact_mut(width);
        for (((place, flow), row), proto) in pending.iter().enumerate().zip(rows).zip(protos) {
            let counters = row.get_mut(key_words..);
            let Some(counters) = counters.and_then(|rest| rest.first_chunk_mut()) else {
                continue;
            };
            match self.count(flow.record, has_event, counters) {
                Some(found) => *proto = found,
                None => others |= 1 << place,
            }
            if let Some(to) = row.get_mut(key_words + counter::NUMBER) {
                *to = flow.number << 1;
            }
        }
        others
    }

    /// As [`count_all`](Self::count_all), into narrow rows.
    fn count_narrow(
        &self,
        pending: &[Pending<'_>],
        has_event: bool,
        (rows, width): (&mut [u64], usize),
        protos: &mut [u8; BATCH],
    ) -> u64 {
        let mut others = 0;
        let rows = rows.chunks_exact_mut(width);
        for (((place, flow), row), proto) in pending.iter().enumerate().zip(rows).zip(protos) {
            let generic = flow.record.get(self.generic..);
            let generic: Option<&[u8; GENERIC_LEN]> = generic.and_then(|rest| rest.first_chunk());
            let (Some(generic), Some(counters)) = (generic, row.last_chunk_mut()) else {
                others |= 1 << place;
                continue;
            };
            let word = |at: usize| u64_at(generic, at);
            let first = word(0);
            others |= u64::from(first == 0 && has_event) << place;
            *counters = Narrow::flow(generic[45], word(24), word(32), first, word(8));
            *proto = generic[44];
        }
        others
    }

    /// Writes what a flow counts. Returns its protocol, or `None` if it must be read in another way.
    #[inline]
    fn count(
        &self,
        record: &[u8],
        has_event: bool,
        counters: &mut [u64; counter::COUNT],
    ) -> Option<u8> {
        let generic: &[u8; GENERIC_LEN] = record.get(self.generic..)?.first_chunk()?;
        let word = |at: usize| u64_at(generic, at);
        let first = word(0);
        if first == 0 && has_event {
            return None;
        }
        let [flags, proto] = [generic[45], generic[44]];
        *counters = [1, word(24), word(32), 0, 0, word(8), first, flags.into()];
        if let Some(at) = self.out {
            let out: &[u8; OUT_LEN] = record.get(at..)?.first_chunk()?;
            counters[counter::FLOWS] = u64_at(out, at::aggr_flows.offset).max(1);
            counters[counter::OUT_PACKETS] = u64_at(out, at::out_packets.offset);
            counters[counter::OUT_BYTES] = u64_at(out, at::out_bytes.offset);
        }
        Some(proto)
    }

    /// What to do for each combination of sources.
    pub(crate) fn variants(&self) -> &[Option<Variant>] {
        &self.variants
    }
}

impl Variant {
    /// Writes the keys of flows into their rows, whose counters are there. Returns a bit for each flow that does not
    /// count.
    pub(crate) fn keys<'a>(
        &self,
        inner: &Inner,
        number: usize,
        pending: &[Pending<'a>],
        flow: impl Fn(&Pending<'a>) -> Flow<'a>,
        (rows, words): (&mut [u64], usize),
        protos: &[u8; BATCH],
    ) -> u64 {
        for row in rows.chunks_exact_mut(words) {
            self.cleared.iter().for_each(|at| set(row, *at, 0));
        }
        let mut left_out = 0;
        for step in &self.steps {
            // Rows of the usual widths - of a number, an address, two addresses - without multiplications.
            let is_done = match words {
                6 => step.copy_all(pending, 6, rows, protos),
                8 => step.copy_all(pending, 8, rows, protos),
                10 => step.copy_all(pending, 10, rows, protos),
                _ => step.copy_all(pending, words, rows, protos),
            };
            if is_done {
                continue;
            }
            let rows = rows.chunks_exact_mut(words);
            for (((place, found), row), proto) in pending.iter().enumerate().zip(rows).zip(protos) {
                let (key, counters) = row.split_at_mut(inner.layout.key_words);
                let view = || flow(found);
                if !step.run(inner, number, found.record, &view, *proto, counters, key) {
                    left_out |= 1 << place;
                }
            }
        }
        if inner.options.both_directions {
            let rows = rows.chunks_exact_mut(words).take(pending.len());
            rows.zip(protos)
                .for_each(|(row, proto)| inner.turn(*proto, row));
        }
        left_out
    }
}

impl Step {
    /// Writes the most usual values for all flows, in a loop for each of their types. Returns whether it did.
    #[inline(always)]
    fn copy_all(
        &self,
        pending: &[Pending<'_>],
        words: usize,
        rows: &mut [u64],
        protos: &[u8; BATCH],
    ) -> bool {
        let Place {
            head, bit, wide, ..
        } = self.place;
        let at = self.at;
        let rows = rows.chunks_exact_mut(words).zip(pending);
        let put = |row: &mut [u64], value: u64| {
            if let Some(word) = row.get_mut(head) {
                *word |= (self.head | value) << bit;
            }
        };
        if let Some(icmp) = self.icmp {
            // Ports, which are absent in flows of ICMP.
            let (Fetch::Short, Absent::Group) = (self.copy, self.absent) else {
                return false;
            };
            for ((row, flow), proto) in rows.zip(protos) {
                let value = self.head | u64::from(u16_at(flow.record, at)) << 1;
                let is_there = matches!(proto, 1 | 58) == icmp;
                if let Some(word) = row.get_mut(head) {
                    *word |= (value * u64::from(is_there)) << bit;
                }
            }
            return true;
        }
        match self.copy {
            Fetch::Byte => {
                rows.for_each(|(row, flow)| put(row, u64::from(u8_at(flow.record, at)) << 1));
            }
            Fetch::Short => {
                rows.for_each(|(row, flow)| put(row, u64::from(u16_at(flow.record, at)) << 1));
            }
            Fetch::Ip4 { mask } => rows.for_each(|(row, flow)| {
                put(row, 0);
                if let Some([high, low]) = row.get_mut(wide..wide + 2) {
                    (*high, *low) = (0, u64::from(u32_at(flow.record, at) & mask));
                }
            }),
            Fetch::Ip6 { masks } => rows.for_each(|(row, flow)| {
                put(row, 0);
                if let Some([high, low]) = row.get_mut(wide..wide + 2) {
                    *high = u64_at(flow.record, at) & masks[0];
                    *low = u64_at(flow.record, at + 8) & masks[1];
                }
            }),
            _ => return false,
        }
        true
    }

    /// Writes the value of one flow. Returns whether the flow counts.
    #[inline]
    #[expect(
        clippy::too_many_arguments,
        reason = "all of them are parts of one flow or its row"
    )]
    fn run<'a>(
        &self,
        inner: &Inner,
        variant: usize,
        record: &'a [u8],
        flow: &impl Fn() -> Flow<'a>,
        proto: u8,
        counters: &[u64],
        key: &mut [u64],
    ) -> bool {
        if let Some(icmp) = self.icmp
            && matches!(proto, 1 | 58) != icmp
        {
            match self.absent {
                Absent::Group => return true,
                Absent::Skip => return false,
                Absent::Zero => {
                    self.place.put(key, Stored::ZERO);
                    return true;
                }
            }
        }
        let wide = self.place.wide;
        let head = match self.copy {
            Fetch::Byte => self.head | u64::from(u8_at(record, self.at)) << 1,
            Fetch::Short => self.head | u64::from(u16_at(record, self.at)) << 1,
            Fetch::Int => self.head | u64::from(u32_at(record, self.at)) << 1,
            Fetch::Word => {
                set(key, wide, u64_at(record, self.at));
                self.head
            }
            Fetch::Ip4 { mask } => {
                set(key, wide, 0);
                set(key, wide + 1, u64::from(u32_at(record, self.at) & mask));
                self.head
            }
            Fetch::Ip6 { masks: [high, low] } => {
                set(key, wide, u64_at(record, self.at) & high);
                set(key, wide + 1, u64_at(record, self.at + 8) & low);
                self.head
            }
            Fetch::First | Fetch::Last => {
                let which = match self.copy {
                    Fetch::First => counter::FIRST,
                    _ => counter::LAST,
                };
                let time = counters_of(counters)[which];
                let time = self.bins.as_ref().map_or(time, |bins| bins.start(time));
                set(key, wide, time);
                self.head
            }
            Fetch::Slow { key: at } => return inner.put_key(variant, at, &flow(), key),
        };
        if let Some(word) = key.get_mut(self.place.head) {
            *word |= head << self.place.bit;
        }
        true
    }
}

#[inline]
fn set(row: &mut [u64], at: usize, value: u64) {
    if let Some(word) = row.get_mut(at) {
        *word = value;
    }
}

/// What becomes of a key in a shape.
enum Found {
    Step(Step),
    /// The key is absent.
    Nothing,
    /// Such flows are not counted.
    Skip,
}

/// The step for one key. `offset` finds an element with at least this many bytes.
///
/// Long: a list of kinds, one arm each.
fn step(
    key: &Key,
    source: &Source,
    place: Place,
    number: usize,
    offset: &impl Fn(u8, usize) -> Option<usize>,
) -> Found {
    let slow = Step {
        copy: Fetch::Slow { key: number },
        at: 0,
        place,
        head: 1,
        icmp: None,
        absent: key.absent,
        bins: match &key.transform {
            Transform::Every(bins) => Some(bins.clone()),
            _ => None,
        },
    };
    let fixed = |copy, at, head| Step {
        copy,
        at,
        head,
        ..slow.clone()
    };
    let absent = || match key.absent {
        Absent::Group => Found::Nothing,
        Absent::Skip => Found::Skip,
        Absent::Zero => Found::Step(slow.clone()),
    };
    match source {
        Source::Field(field, element) | Source::Stored(field, element) => {
            if offset(*element, 0).is_none() {
                return absent();
            }
            let (copy, length) = match (field.kind, &key.transform) {
                (FieldKind::U8 | FieldKind::TcpFlags, Transform::None) => (Fetch::Byte, 1),
                (FieldKind::U16, Transform::None) => (Fetch::Short, 2),
                (FieldKind::U32 | FieldKind::Ip4, Transform::None) => (Fetch::Int, 4),
                (FieldKind::U64 | FieldKind::Time, Transform::None) => (Fetch::Word, 8),
                (FieldKind::FirstSeen, _) => (Fetch::First, 8),
                (FieldKind::Time, _) if *element == 1 && field.offset == 8 => (Fetch::Last, 8),
                _ => return Found::Step(slow),
            };
            let Some(at) = offset(*element, field.offset + length) else {
                return Found::Step(slow);
            };
            let icmp = match (source, field.condition) {
                (Source::Stored(..), _) | (_, Condition::Always) => None,
                (_, Condition::Icmp) => Some(true),
                (_, Condition::NotIcmp) => Some(false),
                _ => return Found::Step(slow),
            };
            Found::Step(Step {
                icmp,
                ..fixed(copy, at + field.offset, 1)
            })
        }
        Source::Either(either) => {
            let [(v4, at4), (v6, at6)] = either.places();
            if either.kind != EitherKind::Ip {
                return Found::Step(slow);
            }
            let lengths = match &key.transform {
                Transform::None => [32, 128],
                Transform::Prefix(lengths) => *lengths,
                _ => return Found::Step(slow),
            };
            let mask = |length: u8| match place.shape {
                Shape::Network => u64::from(length) << 2,
                _ => 0,
            };
            if offset(v4, 0).is_some() {
                let host = u32::MAX.checked_shr(lengths[0].into()).unwrap_or(0);
                let copy = Fetch::Ip4 { mask: !host };
                return match offset(v4, at4 + 4) {
                    Some(at) => Found::Step(fixed(copy, at + at4, 1 | mask(lengths[0]))),
                    None => Found::Step(slow),
                };
            }
            if offset(v6, 0).is_none() {
                return absent();
            }
            let host = u128::MAX.checked_shr(lengths[1].into()).unwrap_or(0);
            let masks = [(!host >> 64) as u64, !host as u64];
            match offset(v6, at6 + 16) {
                Some(at) => {
                    Found::Step(fixed(Fetch::Ip6 { masks }, at + at6, 2 | mask(lengths[1])))
                }
                None => Found::Step(slow),
            }
        }
        Source::Computed(_, Some(element)) if offset(*element, 0).is_none() => absent(),
        Source::Computed(_, None) if offset(29, 0).is_none() && offset(30, 0).is_none() => absent(),
        _ => Found::Step(slow),
    }
}
