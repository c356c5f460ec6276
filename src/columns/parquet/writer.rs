//! The Parquet writer and its options.

use std::fmt;
use std::io::Write;

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::writer::SerializedFileWriter;
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;

use crate::columns::parquet::chunk::Tools;
use crate::columns::parquet::options::{Options, ROW_GROUP};
use crate::columns::parquet::row_group::{GroupFormat, GroupWriter, ROWS_AT_A_TIME, name_sources};
use crate::columns::projection::Projection;

/// Writes record batches of flows as one Parquet file: as [`ArrowWriter`] does with these
/// [`properties`], in half of the time and with smaller dictionaries of addresses.
///
/// Rows stay in the order in which they come; row groups have 131,072 of them, the last one what is
/// left. At most one row group is held, encoded. What has been written when a writer is dropped
/// without [`finish`](Self::finish) is no Parquet file.
///
/// [`ArrowWriter`]: ::parquet::arrow::ArrowWriter
pub struct Writer<W: Write + Send> {
    format: GroupFormat,
    file: SerializedFileWriter<W>,
    tools: Tools,
    group: Option<GroupWriter>,
    /// Batches too small to be pages, and their rows.
    small: Vec<RecordBatch>,
    small_rows: usize,
    sources: Vec<String>,
    rows: u64,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file with these columns. What `options` say of the order of rows is for the caller
    /// to keep.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn try_new(out: W, projection: &Projection, options: &Options) -> Result<Self> {
        let format = GroupFormat::new(projection, options)?;
        Ok(Self {
            file: format.writer(out)?,
            tools: format.tools(),
            format,
            group: None,
            small: Vec::new(),
            small_rows: 0,
            sources: Vec::new(),
            rows: 0,
        })
    }

    /// Adds the rows of a batch of the projection: of [`Reader`](super::Reader),
    /// [`Decoder`](super::Decoder) or [`BatchBuilder`](super::BatchBuilder), or of what they made.
    ///
    /// # Errors
    /// The batch has other columns, or words that are not those of its column; or the output cannot
    /// be written to. After an error the file cannot be finished in a useful way.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.schema_ref().fields() != self.format.schema().fields() {
            return Err(ParquetError::General(
                "the batch has other columns than the file".to_owned(),
            ));
        }
        self.rows += batch.num_rows() as u64;
        // Small pages are slow to read, and small batches come of filters.
        if self.small_rows + batch.num_rows() < ROWS_AT_A_TIME / 2 {
            self.small_rows += batch.num_rows();
            self.small.push(batch.clone());
            return Ok(());
        }
        self.end_small()?;
        self.encode(batch)
    }

    /// Names a file that the flows are from, for the entry `nfdecode.sources` of the metadata.
    pub fn add_source(&mut self, name: impl Into<String>) {
        self.sources.push(name.into());
    }

    /// Rows written so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the file, and gives back what it was written to.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn finish(mut self) -> Result<W> {
        self.end_small()?;
        self.end_group()?;
        if !self.sources.is_empty() {
            name_sources(&mut self.file, &self.sources);
        }
        self.file.into_inner()
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let group = match &mut self.group {
                Some(group) => group,
                none => none.insert(self.format.group()?),
            };
            let room = (ROW_GROUP - group.rows).min(ROWS_AT_A_TIME);
            let count = room.min(batch.num_rows() - start);
            let part = batch.slice(start, count);
            group.add(part.columns(), count, &mut self.tools)?;
            if group.rows >= ROW_GROUP {
                self.end_group()?;
            }
            start += count;
        }
        Ok(())
    }

    fn end_small(&mut self) -> Result<()> {
        self.small_rows = 0;
        match std::mem::take(&mut self.small).as_slice() {
            [] => Ok(()),
            [one] => self.encode(one),
            several => self.encode(&concat_batches(&self.format.schema(), several)?),
        }
    }

    fn end_group(&mut self) -> Result<()> {
        match self.group.take() {
            Some(group) => group.finish(&mut self.tools)?.write(&mut self.file),
            None => Ok(()),
        }
    }
}

impl<W: Write + Send> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
