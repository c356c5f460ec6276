//! A decoded block: the unit of reading, decompression, damage and parallel work.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;
use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::flow::places::Places;
use crate::flow::view::Flow;
use crate::raw;
use crate::raw::RawShape;
use crate::raw::{RawBlock, RawBlockRef, RawFile, RawFlowRef, SHAPE_NONE};

/// Buffers kept for reuse at most: enough for a decoder on each of many cores.
const POOL_MAX: usize = 64;

/// Decoders whose buffers wait for the next block, so that reading a file does not allocate
/// megabytes for each of its blocks.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<RawBlock>>);

impl Pool {
    fn take(&self) -> Result<RawBlock> {
        let waiting = self.0.lock().ok().and_then(|mut free| free.pop());
        waiting.map_or_else(RawBlock::new, Ok)
    }

    fn put(&self, mut block: RawBlock) {
        block.clear();
        if let Ok(mut free) = self.0.lock()
            && free.len() < POOL_MAX
        {
            free.push(block);
        }
    }
}

/// Where a block is in its file, according to its header. Cheap to copy and to send to a thread.
#[derive(Clone, Copy, Debug)]
pub struct BlockRef(pub(crate) RawBlockRef);

impl BlockRef {
    /// Number of the data block, from 0; in layout 3 its place in the directory.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.0.index
    }

    /// Bytes from the start of the file to the block header.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Payload bytes in the file, compressed if the file is.
    #[must_use]
    pub fn stored_size(&self) -> u32 {
        self.0.stored
    }

    /// Records announced in the header; 0 in files of layout 3, where only the block itself has the number.
    #[must_use]
    pub fn announced_records(&self) -> u32 {
        self.0.num_records
    }

    /// Block type. Layouts 1 and 2: 2 holds records of layout 1, 3 those of layout 2, 4 look-up tables.
    /// Layout 3: 1 holds flows, 2 names, 7 exporters.
    #[must_use]
    pub fn block_type(&self) -> u16 {
        self.0.type_
    }
}

/// A decoded block. Its buffers go back to the file when it is dropped.
pub struct Block {
    /// Present until dropped.
    raw: Option<RawBlock>,
    found: BlockRef,
    pool: Arc<Pool>,
    damage: Option<Error>,
    /// Layout of the file.
    layout: u16,
}

impl Block {
    /// Reads and decodes; the error has no file name yet.
    pub(crate) fn load(file: &Arc<RawFile>, pool: &Arc<Pool>, found: BlockRef) -> Result<Self> {
        Self::load_with(pool, found, |raw| raw.load(file, &found.0))
    }

    /// As [`load`](Self::load), with another way to fill the decoder.
    pub(crate) fn load_with(
        pool: &Arc<Pool>,
        found: BlockRef,
        fill: impl FnOnce(&mut RawBlock) -> Result<()>,
    ) -> Result<Self> {
        let mut raw = pool.take()?;
        match fill(&mut raw) {
            Ok(()) => {
                let damage = raw::damage(&raw.view().damage);
                Ok(Self {
                    raw: Some(raw),
                    found,
                    pool: Arc::clone(pool),
                    damage,
                    layout: 2,
                })
            }
            Err(error) => {
                pool.put(raw);
                Err(error)
            }
        }
    }

    pub(crate) fn set_layout(&mut self, layout: u16) {
        self.layout = layout;
    }

    /// How many of its records the filter term `count` numbers.
    ///
    /// All records, apart from those in the blocks of layout 1 that only say how to read others.
    #[must_use]
    pub fn numbered_records(&self) -> u64 {
        match (self.layout, self.found.block_type()) {
            (1, _) | (2, 2) => self.record_offsets().count() as u64,
            _ => self.counts().records.into(),
        }
    }

    pub(crate) fn name_damage(&mut self, name: impl FnOnce(Error) -> Error) {
        self.damage = self.damage.take().map(name);
    }

    /// Where the block lies in its file.
    #[must_use]
    pub fn position(&self) -> BlockRef {
        self.found
    }

    /// The flows in stored order. No allocation, no copy; go through them as often as you like.
    #[must_use]
    pub fn flows(&self) -> Flows<'_> {
        match &self.raw {
            Some(raw) => Flows {
                refs: raw.flows().iter(),
                raw: Some(raw),
            },
            None => Flows {
                refs: [].iter(),
                raw: None,
            },
        }
    }

    /// The flow with this index, in stored order.
    #[must_use]
    pub fn flow(&self, index: usize) -> Option<Flow<'_>> {
        let raw = self.raw.as_ref()?;
        raw.flows().get(index).map(|found| Flows::view(raw, found))
    }

    /// Number of flows that its records represent, see [`Flow::flow_count`].
    #[must_use]
    pub fn flow_count(&self) -> u64 {
        /// Aggregated counters.
        const COUNTERS: u64 = 1 << crate::flow::at::id::COUNTERS;
        let Some(raw) = &self.raw else { return 0 };
        let plain = raw
            .shapes()
            .iter()
            .all(|shape| shape.present & COUNTERS == 0);
        if plain && raw.flows().iter().all(|found| found.shape != SHAPE_NONE) {
            return self.len() as u64;
        }
        let counts = self.flows().map(|flow| flow.flow_count());
        counts.fold(0, u64::saturating_add)
    }

    /// How many flows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.as_ref().map_or(0, |raw| raw.flows().len())
    }

    /// Whether there are no flows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first damage met while decoding. What came before it is in [`flows`](Self::flows), and
    /// what came after it too unless the damage was in a record's size.
    #[must_use]
    pub fn damage(&self) -> Option<&Error> {
        self.damage.as_ref()
    }

    /// What was counted while decoding.
    #[must_use]
    pub fn counts(&self) -> BlockCounts {
        let Some(raw) = &self.raw else {
            return BlockCounts::default();
        };
        let view = raw.view();
        BlockCounts {
            records: view.walked,
            skipped_records: view.skipped,
            dropped_flows: view.dropped,
            clipped_flows: view.clipped,
            unknown_elements: view.unknown_elements,
            decoded_bytes: view.data_length as u64,
        }
    }

    /// All records, decoded; flows are slices of it.
    pub(crate) fn data(&self) -> &[u8] {
        self.raw.as_ref().map_or(&[], RawBlock::data)
    }

    /// Where in [`data`](Self::data) the records of all types begin.
    pub(crate) fn record_offsets(&self) -> impl Iterator<Item = u32> {
        const HEADER: u16 = 4;
        let data = self.data();
        let size_at = |at: u32| {
            let size = data.get(at as usize + 2..)?.first_chunk::<2>()?;
            Some(u16::from_le_bytes(*size)).filter(|size| *size >= HEADER)
        };
        let mut next = 0_u32;
        std::iter::from_fn(move || {
            let at = next;
            next = at.checked_add(u32::from(size_at(at)?))?;
            Some(at)
        })
    }

    /// The number of the record of each flow, in the order of [`flows`](Self::flows): `before` records
    /// of all types came before this block, and the first record of the input has the number 1.
    pub fn record_numbers(&self, before: u64) -> impl Iterator<Item = u64> {
        let mut records = (1..).zip(self.record_offsets());
        let offsets = self.raw.iter().flat_map(|raw| raw.flows().iter());
        // Flows are records in ascending order, so that both advance together.
        offsets.map_while(move |found| {
            let (number, _) = records.find(|(_, at)| *at >= found.offset)?;
            Some(before + number)
        })
    }

    #[cfg(feature = "write")]
    /// Records with names of applications, interfaces and VRFs, header included.
    pub(crate) fn name_records(&self) -> impl Iterator<Item = &[u8]> {
        self.records()
            .filter(|(kind, _)| (12..=14).contains(kind))
            .map(|(_, record)| record)
    }

    #[cfg(any(feature = "aggregate", feature = "filter"))]
    /// The decoded bytes with the index of flows.
    pub(crate) fn content(&self) -> Option<&RawBlock> {
        self.raw.as_ref()
    }

    /// Where elements lie, by shape number.
    pub(crate) fn shapes(&self) -> &[RawShape] {
        self.raw.as_ref().map_or(&[], RawBlock::shapes)
    }

    /// The union of the elements of all flows.
    pub fn elements(&self) -> u64 {
        let shapes = self.shapes();
        let known = shapes.iter().fold(0, |set, shape| set | shape.present);
        let flows = self.flows().zip(self.shape_numbers());
        flows
            .filter(|(_, shape)| usize::from(*shape) >= shapes.len())
            .fold(known, |set, (flow, _)| set | flow.elements())
    }

    /// The shape number of each flow; those of no shape have one that does not exist.
    pub(crate) fn shape_numbers(&self) -> impl Iterator<Item = u16> {
        let flows = self.raw.as_ref().map_or(&[][..], RawBlock::flows);
        flows.iter().map(|found| found.shape)
    }

    #[cfg(feature = "arrow")]
    /// The record of each flow with the number of its shape, as [`shape_numbers`](Self::shape_numbers),
    /// and with the places of its elements.
    pub(crate) fn flow_records(&self) -> impl ExactSizeIterator<Item = (&[u8], u16, Places<'_>)> {
        let raw = self.raw.as_ref();
        let flows = raw.map_or(&[][..], RawBlock::flows);
        let data = raw.map_or(&[][..], RawBlock::data);
        flows.iter().map(move |found| {
            let at = found.offset as usize;
            let record = data.get(at..at + usize::from(found.size));
            let places = raw.map_or(Places::List(&[]), |raw| Places::of(raw, found));
            (record.unwrap_or_default(), found.shape, places)
        })
    }

    /// Records that are not flows: type and bytes, header included.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.raw.iter().flat_map(|raw| {
            raw.records().iter().filter_map(|record| {
                let at = record.offset as usize;
                Some((
                    record.type_,
                    raw.data().get(at..at + usize::from(record.size))?,
                ))
            })
        })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(raw) = self.raw.take() {
            self.pool.put(raw);
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("index", &self.found.index())
            .field("flows", &self.len())
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a Block {
    type Item = Flow<'a>;
    type IntoIter = Flows<'a>;

    fn into_iter(self) -> Flows<'a> {
        self.flows()
    }
}

/// What was counted while decoding a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockCounts {
    /// Records of all types.
    pub records: u32,
    /// Records that are neither flows nor exporters, samplers or names; in layout 3 also exporters whose
    /// number is above 65,535.
    pub skipped_records: u32,
    /// Flow records left out because their elements cannot be separated or, in layout 1, their
    /// extension map is lost.
    pub dropped_flows: u32,
    /// Flow records kept although their last element is cut, in layout 1 without extensions, in layout 3
    /// without the last bytes of a payload of some 65,000.
    pub clipped_flows: u32,
    /// Elements with an undefined id.
    pub unknown_elements: u64,
    /// Bytes after decompression and, from layout 1, conversion.
    pub decoded_bytes: u64,
}

/// The flows of a block, see [`Block::flows`].
#[derive(Clone)]
pub struct Flows<'a> {
    refs: slice::Iter<'a, RawFlowRef>,
    raw: Option<&'a RawBlock>,
}

impl<'a> Flows<'a> {
    #[inline]
    fn view(raw: &'a RawBlock, found: &RawFlowRef) -> Flow<'a> {
        let at = found.offset as usize;
        let record = raw
            .data()
            .get(at..at + usize::from(found.size))
            .unwrap_or_default();
        Flow::new(record, Places::of(raw, found))
    }
}

impl<'a> Iterator for Flows<'a> {
    type Item = Flow<'a>;

    #[inline]
    fn next(&mut self) -> Option<Flow<'a>> {
        let raw = self.raw?;
        self.refs.next().map(|found| Self::view(raw, found))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.refs.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<Flow<'a>> {
        let raw = self.raw?;
        self.refs.nth(n).map(|found| Self::view(raw, found))
    }
}

impl DoubleEndedIterator for Flows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let raw = self.raw?;
        self.refs.next_back().map(|found| Self::view(raw, found))
    }
}

impl ExactSizeIterator for Flows<'_> {}
impl FusedIterator for Flows<'_> {}

impl fmt::Debug for Flows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
