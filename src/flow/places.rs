//! Where the elements of a flow record lie.
//!
//! A decoded block has a shape for most of its flows and a list of places for each of the others, so that
//! no field is searched for. Records outside of a block get a list here, by the same rules.

use crate::flow::bytes::u16_at;
use crate::raw::{self, ELEMENT_MAX_LAYOUT2, ListWord, RawBlock, RawFlowRef, RawShape};

/// Bytes of a flow record before its elements.
const HEADER: usize = 12;
const ELEMENT_HEADER: usize = 4;

/// Words of a list before the places.
const LIST_PRESENT: usize = raw::LIST_PRESENT;

/// Where the elements of one flow record lie.
#[derive(Clone, Copy)]
pub(crate) enum Places<'a> {
    /// Where all records of a shape have them.
    Shape(&'a RawShape),
    /// Where this record has them: the words of an `nfdump_flow_list`. Empty without elements.
    List(&'a [ListWord]),
}

impl<'a> Places<'a> {
    /// Those of a flow of a decoded block.
    #[inline]
    pub(crate) fn of(block: &'a RawBlock, flow: &RawFlowRef) -> Self {
        match block.shapes().get(usize::from(flow.shape)) {
            Some(shape) => Self::Shape(shape),
            None => Self::List(block.list(flow)),
        }
    }

    /// Bit i: element i is there.
    #[inline]
    pub(crate) fn present(self) -> u64 {
        match self {
            Self::Shape(shape) => shape.present,
            Self::List(words) => listed(words),
        }
    }

    /// The payload of an element that is there, in its record.
    #[inline]
    pub(crate) fn payload(self, record: &[u8], id: u8) -> Option<&[u8]> {
        let (at, length) = match self {
            Self::Shape(shape) => (
                *shape.offset.get(usize::from(id))?,
                *shape.length.get(usize::from(id))?,
            ),
            Self::List(words) => place_in(words, id)?,
        };
        let at = usize::from(at);
        record.get(at..at + usize::from(length))
    }

    /// Appends the list of these places to `out`.
    pub(crate) fn append_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Shape(shape) => {
                let place = |id: usize| Some((*shape.offset.get(id)?, *shape.length.get(id)?));
                append_places(shape.present, place, out);
            }
            Self::List(words) => out.extend_from_slice(words.as_flattened()),
        }
    }

    /// Bytes that [`append_to`](Self::append_to) appends.
    pub(crate) fn list_size(self) -> usize {
        size_of::<ListWord>() * (LIST_PRESENT + self.present().count_ones() as usize)
    }
}

/// The elements that a list has places for.
fn listed(words: &[ListWord]) -> u64 {
    match words.first_chunk::<LIST_PRESENT>() {
        Some([low, high]) => {
            u64::from(u32::from_ne_bytes(*low)) | u64::from(u32::from_ne_bytes(*high)) << 32
        }
        None => 0,
    }
}

/// Offset and length of an element.
#[cold]
fn place_in(words: &[ListWord], id: u8) -> Option<(u16, u16)> {
    let before = listed(words) & !(u64::MAX.checked_shl(id.into())?);
    let word = words.get(LIST_PRESENT + before.count_ones() as usize)?;
    let word = u32::from_ne_bytes(*word);
    Some((word as u16, (word >> 16) as u16))
}

/// Appends the list of a record to `out`.
pub(crate) fn append_list(record: &[u8], out: &mut Vec<u8>) {
    let mut places = [(0, 0); raw::ELEMENT_SLOTS];
    let mut present = 0_u64;
    for (id, at, length) in walk(record) {
        if let Some(place) = places.get_mut(usize::from(id)) {
            *place = (at, length);
            present |= 1 << id;
        }
    }
    append_places(present, |id| places.get(id).copied(), out);
}

/// Appends a list of the elements in `present`.
fn append_places(present: u64, place: impl Fn(usize) -> Option<(u16, u16)>, out: &mut Vec<u8>) {
    out.extend((present as u32).to_ne_bytes());
    out.extend(((present >> 32) as u32).to_ne_bytes());
    for id in (0..raw::ELEMENT_SLOTS).filter(|id| present >> id & 1 != 0) {
        let (at, length) = place(id).unwrap_or((0, 0));
        out.extend((u32::from(at) | u32::from(length) << 16).to_ne_bytes());
    }
}

/// The highest element id that means something. Records made of those of layout 3 have a type that no
/// stored flow of layout 2 has, and only they have elements above [`ELEMENT_MAX_LAYOUT2`].
pub(crate) fn element_max(record: &[u8]) -> u8 {
    if u16_at(record, 0) == raw::FLOW_LAYOUT3 {
        raw::ELEMENT_MAX
    } else {
        ELEMENT_MAX_LAYOUT2
    }
}

/// The elements of a record in stored order, with offset and length of their payloads: ids up to a highest,
/// by the rules of the C index. It ends at the announced count, at the end of the record, at a length
/// below 4, and where no record can reach; an element that runs past the end is cut there.
fn walk(record: &[u8]) -> impl Iterator<Item = (u8, u16, u16)> {
    const RECORD_MAX: usize = u16::MAX as usize;
    let record = record.get(..RECORD_MAX).unwrap_or(record);
    let element_max = element_max(record);
    let count = u16_at(record, 4);
    let mut at = HEADER;
    (0..count)
        .map_while(move |_| {
            let rest = record.get(at..)?;
            let [id_low, id_high, length_low, length_high] =
                *rest.first_chunk::<ELEMENT_HEADER>()?;
            let length = usize::from(u16::from_le_bytes([length_low, length_high]));
            let payload = length.min(rest.len()).checked_sub(ELEMENT_HEADER)?;
            let start = at + ELEMENT_HEADER;
            at = start + payload;
            let id = u16::from_le_bytes([id_low, id_high]);
            Some((id, u16::try_from(start).ok()?, u16::try_from(payload).ok()?))
        })
        .filter_map(move |(id, start, length)| {
            let id = u8::try_from(id).ok()?;
            (1..=element_max)
                .contains(&id)
                .then_some((id, start, length))
        })
}
