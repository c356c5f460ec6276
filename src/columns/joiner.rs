//! Joins the flows of small blocks of a file into batches.
//!
//! A batch of one flow costs as much as one of a hundred. Does not read: rows are given to it in their order.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::columns::batch::{BatchBuilder, Labels};
use crate::columns::owned_rows::OwnedRows;
use crate::columns::projection::Projection;
use crate::columns::rows::Rows;
use crate::scan::part::ScanFile;

/// Collects the flows of small blocks until they are worth a batch: 4,096 flows or 1 MiB of records, or all of a file.
///
/// Where order matters, [`finish`](Self::finish) before a batch or an error that comes from elsewhere.
#[derive(Debug)]
pub struct Joiner {
    rows: OwnedRows,
    /// The file that they come from.
    file: Option<Arc<ScanFile>>,
    builder: BatchBuilder,
}

impl Joiner {
    /// Makes batches of these columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        Self {
            rows: OwnedRows::new(),
            file: None,
            builder: BatchBuilder::new(projection),
        }
    }

    /// Copies of the rows of a block if they are too few for a batch of their own. No rows are too few, too.
    #[must_use]
    pub fn few(rows: &Rows<'_>) -> Option<OwnedRows> {
        rows.is_few().then(|| {
            let mut few = OwnedRows::new();
            few.append(rows, &[0]);
            few
        })
    }

    /// Adds rows of a file. Returns batches that are complete.
    ///
    /// # Errors
    /// As [`BatchBuilder::block`].
    pub fn add(
        &mut self,
        rows: &OwnedRows,
        file: &Arc<ScanFile>,
    ) -> Result<Vec<RecordBatch>, ArrowError> {
        let known = self.file.as_ref();
        let mut batches = match known.is_some_and(|known| !Arc::ptr_eq(known, file)) {
            true => self.finish()?,
            false => Vec::new(),
        };
        if rows.is_empty() {
            return Ok(batches);
        }
        self.file = Some(Arc::clone(file));
        self.rows.append(&rows.rows(), &[0]);
        if !self.rows.is_few() {
            batches.extend(self.finish()?);
        }
        Ok(batches)
    }

    /// Batches of the rows that wait for others; usually one or none.
    ///
    /// # Errors
    /// As [`BatchBuilder::block`]. The rows are lost then.
    pub fn finish(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        let Some(file) = self.file.take() else {
            return Ok(Vec::new());
        };
        let labels = Labels::one(file.name(), file.file().ident());
        self.builder.set_labels(labels);
        let batches = self.builder.batches(&self.rows.rows());
        self.rows.clear();
        batches
    }
}
