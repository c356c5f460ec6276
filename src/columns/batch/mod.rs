//! From rows to record batches.
//!
//! Columns are built a few hundred rows at a time, see [`Stride`]: for each column one loop over the rows
//! of each shape. Records whose fields are not where their shape says take a slower path with identical
//! results.

pub(crate) mod address;
pub(crate) mod builder;
pub(crate) mod field_reader;
pub(crate) mod labels;
pub(crate) mod place;
pub(crate) mod stride_values;
pub(crate) mod values;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt8Array, new_null_array};
use arrow_schema::{ArrowError, DataType};

use crate::columns::batch::builder::ColumnBuilder;
use crate::columns::batch::values::word_array;
use crate::columns::column::ColumnKind;
use crate::columns::projection::Projection;
use crate::columns::rows::Rows;
use crate::columns::stride::{STRIDE, Stride};
use crate::file::block::Block;

pub use crate::columns::batch::labels::Labels;

/// Rows of one batch at most. Blocks of today's writers have fewer; larger batches only cost memory.
pub const BATCH_MAX: usize = 1 << 16;

/// Bytes of text at which a batch ends: more than the largest block has as text.
const TEXT_MAX: usize = 256 << 20;

/// Text that one stride can add to a column: bytes that are not UTF-8 take three in its place.
const STRIDE_TEXT_MAX: usize = STRIDE * 3 * u16::MAX as usize;

/// Offsets of Arrow's text have 31 bits, which no batch may exceed.
const TEXT_LIMIT: usize = i32::MAX as usize - STRIDE_TEXT_MAX;

/// Builds record batches of the flows of decoded blocks.
///
/// One builder serves any number of blocks and files. It keeps no flows between calls, only buffers
/// and the labels.
///
/// ```no_run
/// use nfdecode::columns::{BatchBuilder, Projection};
/// let file = nfdecode::File::open("nfcapd.202601011200")?;
/// let mut builder = BatchBuilder::new(&Projection::from_names(["src_addr", "in_bytes"])?);
/// for block in file.blocks() {
///     for batch in builder.block(&block?)? {
///         println!("{} flows", batch.num_rows());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Some rows of a block, by number, or rows of several blocks: see [`Rows`].
#[derive(Debug)]
pub struct BatchBuilder {
    projection: Projection,
    columns: Vec<ColumnBuilder>,
    /// Arrays of nulls by type, as long as one was ever needed.
    nulls: Vec<ArrayRef>,
    labels: Labels,
    text_max: usize,
}

impl BatchBuilder {
    /// A builder of batches of these columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let columns = projection.columns().iter();
        Self {
            columns: columns.map(|column| ColumnBuilder::new(column)).collect(),
            projection: projection.clone(),
            nulls: Vec::new(),
            labels: Labels::default(),
            text_max: TEXT_MAX,
        }
    }

    /// Ends batches after the first rows with which a column has this many bytes of text or more.
    ///
    /// Without this, batches end at 256 MiB of text in a column, which no block of its own reaches.
    /// Rows are counted in steps of 512, so that a batch can exceed the limit by what these hold.
    #[must_use]
    pub fn with_text_max(mut self, bytes: usize) -> Self {
        self.text_max = bytes.min(TEXT_LIMIT);
        self
    }

    /// Sets name and ident of the file that the next flows come from, for the columns `file` and `ident`.
    pub fn set_file(&mut self, name: &str, ident: Option<&[u8]>) {
        self.labels = Labels::one(name, ident);
    }

    /// Sets names and idents of several files, for [`Rows`] that come from them.
    pub fn set_labels(&mut self, labels: Labels) {
        self.labels = labels;
    }

    /// The flows of a block, usually in one batch; no batch if the block has no flows.
    ///
    /// # Errors
    /// Errors of the Arrow library. No content of a block causes one.
    pub fn block(&mut self, block: &Block) -> Result<Vec<RecordBatch>, ArrowError> {
        let mut rows = Rows::new();
        rows.add(block, 0, None, usize::MAX);
        self.batches(&rows)
    }

    /// All rows, in batches of up to 65,536 rows.
    ///
    /// Batches with much text are shorter, see [`with_text_max`](Self::with_text_max).
    ///
    /// # Errors
    /// As [`block`](Self::block).
    pub fn batches(&mut self, rows: &Rows<'_>) -> Result<Vec<RecordBatch>, ArrowError> {
        let mut batches = Vec::new();
        let mut start = 0;
        while start < rows.len() {
            let end = rows.len().min(start + BATCH_MAX);
            let (arrays, count) = self.arrays(rows, start..end)?;
            let options = RecordBatchOptions::new().with_row_count(Some(count));
            let schema = self.projection.schema();
            batches.push(RecordBatch::try_new_with_options(schema, arrays, &options)?);
            start += count;
        }
        Ok(batches)
    }

    /// One array for each column, and how many rows they have: those of the range or, where these have
    /// too much text, the first of them. At least one unless the range is empty.
    pub(crate) fn arrays(
        &mut self,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Result<(Vec<ArrayRef>, usize), ArrowError> {
        let fewer = rows.with_fewer_shapes(range.clone());
        let (rows, range) = match &fewer {
            Some(fewer) => (fewer, 0..fewer.len()),
            None => (rows, range),
        };
        let used = used_shapes(rows, range.clone());
        for column in &mut self.columns {
            column.begin(rows.shapes(), &used, range.len());
        }
        let mut count = 0;
        let mut stride = Stride::new(rows.shapes().len());
        for (number, rows) in rows.rows(range).chunks(STRIDE).enumerate() {
            stride.set(number, rows);
            let mut text = 0;
            for column in &mut self.columns {
                column.add(&stride, &self.labels);
                text = text.max(column.variable_bytes());
            }
            count += rows.len();
            if text >= self.text_max {
                break;
            }
        }
        let Self {
            columns,
            nulls,
            labels,
            ..
        } = self;
        let arrays = columns.iter_mut().map(|column| {
            if !column.is_absent {
                return column.finish(labels);
            }
            if column.column.kind() == ColumnKind::Word {
                // The dictionary must be that of all batches, also for nulls.
                return word_array(column.column, UInt8Array::new_null(count));
            }
            Ok(null_array(nulls, &column.column.data_type(), count))
        });
        Ok((arrays.collect::<Result<_, _>>()?, count))
    }
}

/// Which shapes occur in these rows. Others of their blocks do not matter.
fn used_shapes(rows: &Rows<'_>, range: Range<usize>) -> Vec<bool> {
    let mut used = vec![false; rows.shapes().len()];
    for row in rows.rows(range) {
        if let Some(used) = used.get_mut(row.shape as usize) {
            *used = true;
        }
    }
    used
}

/// `count` nulls. Their arrays are built once and shared, so that absent columns cost nothing.
fn null_array(nulls: &mut Vec<ArrayRef>, data_type: &DataType, count: usize) -> ArrayRef {
    let known = nulls
        .iter()
        .position(|array| array.data_type() == data_type);
    if let Some(array) = known.and_then(|at| nulls.get(at))
        && array.len() >= count
    {
        return array.slice(0, count);
    }
    let array = new_null_array(data_type, count.next_multiple_of(1024));
    match known.and_then(|at| nulls.get_mut(at)) {
        Some(shorter) => *shorter = Arc::clone(&array),
        None => nulls.push(Arc::clone(&array)),
    }
    array.slice(0, count)
}
