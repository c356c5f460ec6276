//! Copies of flow records as rows, for blocks so small that a batch of each would cost more than its flows.
//!
//! Shapes that are the same in several blocks are one here. Does not decide which blocks are small.

use std::collections::HashMap;

use crate::columns::rows::{Row, Rows, ShapeKey, UNSHAPED, is_few};
use crate::flow::places::Places;
use crate::raw::{ListWord, RawShape};

/// Rows that own their records: collect the flows of many small blocks, then make batches of them.
///
/// Each row takes the bytes of its record and about 50 more. Clearing keeps the memory for the next rows.
///
/// ```
/// use nfdecode::columns::{BatchBuilder, OwnedRows, Projection, Rows};
///
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let mut all = OwnedRows::new();
/// for block in file.blocks() {
///     let block = block?;
///     let mut rows = Rows::new();
///     rows.add(&block, 0, None, usize::MAX);
///     all.append(&rows, &[0]);
/// }
/// let mut builder = BatchBuilder::new(&Projection::from_names(["src_addr", "in_bytes"])?);
/// let flows: usize = builder.batches(&all.rows())?.iter().map(|batch| batch.num_rows()).sum();
/// assert_eq!(flows, all.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct OwnedRows {
    /// The records, one after the other.
    bytes: Vec<u8>,
    /// Lists of places of rows without shape.
    lists: Vec<u8>,
    rows: Vec<OwnedRow>,
    shapes: Vec<RawShape>,
    known: HashMap<ShapeKey, u32>,
}

/// Where the parts of a row are.
struct OwnedRow {
    record: (usize, usize),
    list: (usize, usize),
    shape: u32,
    label: u32,
}

impl OwnedRows {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies rows behind those that are there. `labels` are the numbers of their files here, by the number of the
    /// file in `rows`; a file without number has number 0.
    pub fn append(&mut self, rows: &Rows<'_>, labels: &[u32]) {
        // Only shapes that rows have: a block may list others.
        let mut numbers = vec![None; rows.shapes().len()];
        for row in rows.rows(0..rows.len()) {
            let at = row.shape as usize;
            let shape = match (numbers.get_mut(at), rows.shapes().get(at)) {
                (Some(number), Some(Some(shape))) => {
                    *number.get_or_insert_with(|| self.number_of(shape))
                }
                _ => UNSHAPED,
            };
            let record = (self.bytes.len(), row.record.len());
            self.bytes.extend_from_slice(row.record);
            let start = self.lists.len();
            if shape == UNSHAPED {
                row.places().append_to(&mut self.lists);
            }
            self.rows.push(OwnedRow {
                record,
                list: (start, self.lists.len() - start),
                shape,
                label: labels.get(row.label as usize).copied().unwrap_or_default(),
            });
        }
    }

    /// The number of a shape; numbers begin behind [`UNSHAPED`].
    fn number_of(&mut self, shape: &RawShape) -> u32 {
        let next = u32::try_from(self.shapes.len() + 1).unwrap_or(UNSHAPED);
        *self.known.entry(ShapeKey::new(shape)).or_insert_with(|| {
            self.shapes.push(*shape);
            next
        })
    }

    /// The rows, to be made into batches.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        let shape_of = |number: u32| self.shapes.get(number.checked_sub(1)? as usize);
        let rows = self.rows.iter().map(|row| {
            let (start, length) = row.list;
            let list = self.lists.get(start..start + length).unwrap_or_default();
            let list: &[ListWord] = list.as_chunks().0;
            let places = shape_of(row.shape).map_or(Places::List(list), Places::Shape);
            let (start, length) = row.record;
            let record = self.bytes.get(start..start + length).unwrap_or_default();
            Row::new(record, row.shape, row.label, places)
        });
        Rows::of(rows.collect(), &self.shapes)
    }

    /// As [`Rows::is_few`].
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

    /// Bytes of the records.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lists.clear();
        self.rows.clear();
        self.shapes.clear();
        self.known.clear();
    }
}

impl std::fmt::Debug for OwnedRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnedRows")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}
