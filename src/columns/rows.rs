//! Flow records of decoded blocks as rows, in any order, ready to be read column by column.
//!
//! Where an element lies is known for each shape of a block; which shape a flow has is known for each
//! row. A column looks once at each shape and then only at bytes.

use std::ops::Range;

use crate::file::block::Block;
use crate::flow::places::Places;
use crate::flow::view::Flow;
use crate::raw::RawShape;

/// One flow record.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) record: &'a [u8],
    /// Number of its shape in [`Rows::shapes`].
    pub(crate) shape: u32,
    /// Number of its file among the labels.
    pub(crate) label: u32,
    /// Where its elements lie, for what is not decided by the shape.
    places: Places<'a>,
}

impl<'a> Row<'a> {
    /// The flow, for fields that must be looked up.
    #[inline]
    pub(crate) fn flow(&self) -> Flow<'a> {
        Flow::new(self.record, self.places)
    }
}

/// The shape number of flows whose fields must be looked up one by one.
pub(crate) const UNSHAPED: u32 = 0;

/// Rows of one block or more.
#[derive(Default)]
pub struct Rows<'a> {
    rows: Vec<Row<'a>>,
    /// `None` first, for [`UNSHAPED`].
    shapes: Vec<Option<&'a RawShape>>,
}

impl<'a> Rows<'a> {
    pub fn new() -> Self {
        Self {
            rows: Vec::new(),
            shapes: vec![None],
        }
    }

    /// Adds flows of a block: those of the `selected` numbers, which ascend, or else all; `most` at
    /// most. `label` is the number of their file.
    pub fn add(&mut self, block: &'a Block, label: u32, selected: Option<&[u32]>, most: usize) {
        const FAMILIES: u64 = 1 << 2 | 1 << 3;
        let shapes = block.shapes();
        let first = self.shapes.len() as u32;
        self.shapes.extend(shapes.iter().map(Some));
        let row = |(record, shape, places): (&'a [u8], u16, Places<'a>)| {
            // Which of two address families counts is not a matter of the shape.
            let shape = match shapes.get(usize::from(shape)) {
                Some(known) if known.present & FAMILIES != FAMILIES => first + u32::from(shape),
                _ => UNSHAPED,
            };
            Row {
                record,
                shape,
                label,
                places,
            }
        };
        let flows = block.flow_records();
        match selected {
            None => self.rows.extend(flows.take(most).map(row)),
            Some(selected) => {
                let mut selected = selected.iter().take(most).copied().peekable();
                let chosen = flows
                    .zip(0..)
                    .filter(|(_, number)| selected.next_if_eq(number).is_some());
                self.rows.extend(chosen.map(|(flow, _)| row(flow)));
            }
        }
    }

    /// All rows are from the file of this number.
    pub fn label(&mut self, label: u32) {
        self.rows.iter_mut().for_each(|row| row.label = label);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self, range: Range<usize>) -> &[Row<'a>] {
        self.rows.get(range).unwrap_or_default()
    }

    pub(crate) fn shapes(&self) -> &[Option<&'a RawShape>] {
        &self.shapes
    }

    /// Start of each flow, in ms; `None` where the column `first` is null.
    fn first(&self, row: &Row<'a>) -> Option<i64> {
        const GENERIC: usize = 1;
        let shape = self.shapes.get(row.shape as usize).copied().flatten();
        let at = shape.filter(|shape| shape.length[GENERIC] >= 8);
        let at = at.map(|shape| usize::from(shape.offset[GENERIC]));
        let stored = at.and_then(|at| row.record.get(at..at + 8)?.first_chunk().copied());
        let first = match stored.map(u64::from_le_bytes) {
            // Then the start of an event may stand for it.
            None | Some(0) => row.flow().first()?.as_millis(),
            Some(first) => first,
        };
        i64::try_from(first).ok()
    }

    /// Brings the rows into the order of their start; those without one come first. Rows that start
    /// at the same time stay in their order.
    pub fn sort_by_first(&mut self) -> Vec<Option<i64>> {
        let mut order: Vec<(Option<i64>, u32)> = self
            .rows
            .iter()
            .zip(0..)
            .map(|(row, number)| (self.first(row), number))
            .collect();
        if !order.is_sorted() {
            order.sort_unstable();
            let rows = std::mem::take(&mut self.rows);
            self.rows = order
                .iter()
                .filter_map(|(_, number)| rows.get(*number as usize).copied())
                .collect();
        }
        order.into_iter().map(|(first, _)| first).collect()
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}
