//! Flow records of decoded blocks as rows, in any order, ready to be read column by column.
//!
//! A shape says where elements lie; each row has a shape. A column looks once at each shape, and then
//! only at bytes.

use std::collections::HashMap;
use std::ops::Range;

use crate::columns::column::locate;
use crate::columns::order::ascending;
use crate::file::block::Block;
use crate::flow::places::Places;
use crate::flow::view::{BOTH_FAMILIES, Flow};
use crate::raw::{ELEMENT_SLOTS, RawShape};

/// One flow record.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) record: &'a [u8],
    /// Number of its shape in [`Rows::shapes`].
    pub(crate) shape: u32,
    /// Number of its file in the labels.
    pub(crate) label: u32,
    /// Where its elements lie, for fields whose place the shape does not say.
    places: Places<'a>,
}

impl<'a> Row<'a> {
    /// `shape` is the number of the shape of `places`, if these are those of a shape.
    pub(crate) fn new(record: &'a [u8], shape: u32, label: u32, places: Places<'a>) -> Self {
        Self {
            record,
            shape,
            label,
            places,
        }
    }

    pub(crate) fn places(&self) -> Places<'a> {
        self.places
    }

    /// Whether its record has an element. The flow may not: of two address families only one counts.
    #[inline]
    pub(crate) fn may_have(&self, element: u8) -> bool {
        self.places.present() >> (element & 63) & 1 == 1
    }

    /// The flow, for fields whose place the shape does not say.
    #[inline]
    pub(crate) fn flow(&self) -> Flow<'a> {
        Flow::new(self.record, self.places)
    }
}

/// The shape number of flows whose fields must be looked up flow by flow.
pub(crate) const UNSHAPED: u32 = 0;

/// What makes two shapes the same.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct ShapeKey(u64, [u16; ELEMENT_SLOTS], [u16; ELEMENT_SLOTS]);

impl ShapeKey {
    pub(crate) fn new(shape: &RawShape) -> Self {
        Self(shape.present, shape.offset, shape.length)
    }
}

/// So many shapes in one batch are worth finding those that are the same. Honest blocks have some dozen each.
const MANY_SHAPES: usize = 4096;

/// Whether a batch of so many rows alone would cost more than the rows. `bytes` are those of their records.
pub(crate) fn is_few(rows: usize, bytes: usize) -> bool {
    const ROWS: usize = 4096;
    const BYTES: usize = 1 << 20;
    rows < ROWS && bytes < BYTES
}

/// Flows of one or more blocks as rows, to be made into batches.
///
/// A batch usually holds all flows of a block ([`BatchBuilder::block`]). Use `Rows` to select flows by
/// number, to put flows of several blocks into one batch, or to sort them by start.
///
/// ```
/// use nfdecode::columns::{BatchBuilder, Projection, Rows};
///
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let block = file.blocks().next().ok_or("no block")??;
/// // The numbers of the flows to DNS servers.
/// let numbers: Vec<u32> = (0..).zip(block.flows()).filter(|(_, flow)| flow.dst_port() == Some(53)).map(|(n, _)| n).collect();
///
/// let mut rows = Rows::new();
/// rows.add(&block, 0, Some(&numbers), usize::MAX);
/// let mut builder = BatchBuilder::new(&Projection::from_names(["src_addr", "in_bytes"])?);
/// let flows: usize = builder.batches(&rows)?.iter().map(|batch| batch.num_rows()).sum();
/// assert_eq!(flows, numbers.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`BatchBuilder::block`]: crate::columns::BatchBuilder::block
pub struct Rows<'a> {
    rows: Vec<Row<'a>>,
    /// The first is `None`, for [`UNSHAPED`].
    shapes: Vec<Option<&'a RawShape>>,
}

impl<'a> Rows<'a> {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Vec::new(),
            shapes: vec![None],
        }
    }

    /// Rows whose shapes are these, numbered from 1.
    pub(crate) fn of(rows: Vec<Row<'a>>, shapes: &'a [RawShape]) -> Self {
        let shapes = std::iter::once(None).chain(shapes.iter().map(Some));
        Self {
            rows,
            shapes: shapes.collect(),
        }
    }

    /// Adds flows of a block.
    ///
    /// `selected` are the numbers of flows in the block, from 0 and ascending, as [`Filter::select`]
    /// returns them; `None` selects all. At most `limit` flows are added. `label` is the number of their file in
    /// the [`Labels`](crate::columns::Labels), 0 for a single file.
    ///
    /// [`Filter::select`]: crate::Filter::select
    pub fn add(&mut self, block: &'a Block, label: u32, selected: Option<&[u32]>, limit: usize) {
        let shapes = block.shapes();
        let first = self.shapes.len();
        self.shapes.extend(shapes.iter().map(Some));
        let row = |(record, shape, places): (&'a [u8], u16, Places<'a>)| {
            // Which of two address families counts does not follow from the shape.
            let shape = shapes
                .get(usize::from(shape))
                .filter(|known| known.present & BOTH_FAMILIES != BOTH_FAMILIES)
                .and_then(|_| u32::try_from(first + usize::from(shape)).ok());
            Row {
                record,
                shape: shape.unwrap_or(UNSHAPED),
                label,
                places,
            }
        };
        let flows = block.flow_records();
        match selected {
            None => self.rows.extend(flows.take(limit).map(row)),
            Some(selected) => {
                let mut selected = selected.iter().take(limit).copied().peekable();
                let chosen = flows
                    .zip(0..)
                    .filter(|(_, number)| selected.next_if_eq(number).is_some());
                self.rows.extend(chosen.map(|(flow, _)| row(flow)));
            }
        }
    }

    /// The rows of a range with the shapes that these have, equal ones once; `None` if there are few shapes anyway.
    ///
    /// Columns look at every shape, for each batch: of many blocks with thousands of shapes that would be most of the
    /// work.
    pub(crate) fn with_fewer_shapes(&self, range: Range<usize>) -> Option<Self> {
        if self.shapes.len() <= MANY_SHAPES {
            return None;
        }
        let mut shapes = vec![None];
        let mut numbers = vec![None; self.shapes.len()];
        let mut known = HashMap::new();
        let rows = self.rows(range).iter().map(|row| {
            let at = row.shape as usize;
            let shape = match (numbers.get_mut(at), self.shapes.get(at)) {
                (Some(number), Some(Some(shape))) => *number.get_or_insert_with(|| {
                    *known.entry(ShapeKey::new(shape)).or_insert_with(|| {
                        shapes.push(Some(*shape));
                        u32::try_from(shapes.len() - 1).unwrap_or(UNSHAPED)
                    })
                }),
                _ => UNSHAPED,
            };
            Row { shape, ..*row }
        });
        let rows = rows.collect();
        Some(Self { rows, shapes })
    }

    /// Keeps the rows with these numbers, which are ascending and from 0.
    pub fn keep(&mut self, numbers: &[u32]) {
        self.rows = in_order(&self.rows, numbers);
    }

    /// Gives files other numbers: the ones at their old numbers in `numbers`, 0 if there is none.
    pub fn renumber_files(&mut self, numbers: &[u32]) {
        for row in &mut self.rows {
            row.label = numbers.get(row.label as usize).copied().unwrap_or_default();
        }
    }

    /// Bytes of the records.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        self.rows.iter().map(|row| row.record.len()).sum()
    }

    /// Whether a batch of these rows alone would cost more than the rows: collect more of them as
    /// [`OwnedRows`](crate::columns::OwnedRows).
    #[must_use]
    pub fn is_few(&self) -> bool {
        is_few(self.len(), self.record_bytes())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn rows(&self, range: Range<usize>) -> &[Row<'a>] {
        self.rows.get(range).unwrap_or_default()
    }

    pub(crate) fn shapes(&self) -> &[Option<&'a RawShape>] {
        &self.shapes
    }

    /// The start of a flow in ms; `None` where the column `first` is null.
    fn first(row: &Row<'a>, place: Option<usize>) -> Option<i64> {
        let stored = place.and_then(|at| row.record.get(at..at + 8)?.first_chunk().copied());
        let first = match stored.map(u64::from_le_bytes) {
            // The time of an event may replace it.
            None | Some(0) => row.flow().first()?.as_millis(),
            Some(first) => first,
        };
        i64::try_from(first).ok()
    }

    /// Where each shape has the start of a flow.
    fn places_of_first(&self) -> Vec<Option<usize>> {
        let field = locate("first");
        let place = |shape: &Option<&RawShape>| {
            let ((element, field), shape) = field.zip(*shape)?;
            let length = usize::from(*shape.length.get(usize::from(element))?);
            let offset = usize::from(*shape.offset.get(usize::from(element))?);
            (length >= field.offset + 8).then_some(offset + field.offset)
        };
        self.shapes.iter().map(place).collect()
    }

    /// Sorts the rows by their start, and returns the start of each in ms.
    ///
    /// Rows without a start come first. Rows with the same start keep their order.
    pub fn sort_by_first(&mut self) -> Vec<Option<i64>> {
        let places = self.places_of_first();
        let rows = self.rows.iter();
        let first: Vec<Option<i64>> = rows
            .map(|row| Self::first(row, places.get(row.shape as usize).copied().flatten()))
            .collect();
        if first.is_sorted() {
            return first;
        }
        let order = ascending(&first);
        self.rows = in_order(&self.rows, &order);
        in_order(&first, &order)
    }
}

/// The items with these numbers.
fn in_order<T: Copy>(items: &[T], order: &[u32]) -> Vec<T> {
    let item = |number: &u32| items.get(*number as usize).copied();
    order.iter().filter_map(item).collect()
}

impl Default for Rows<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}
