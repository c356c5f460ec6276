//! Parquet files of flows: a writer, and properties for those who have their own.
//!
//! ```no_run
//! use nfdecode::columns::{Projection, Reader, parquet};
//!
//! let columns = Projection::standard();
//! let out = std::fs::File::create("flows.parquet")?;
//! let mut writer = parquet::Writer::try_new(out, &columns, &parquet::Options::default())?;
//! for batch in Reader::new(["nfcapd.202601011200"], &columns) {
//!     writer.write(&batch?)?;
//! }
//! writer.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::Write;

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::ColumnPath;
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;

use super::chunk::Tools;
use super::column::ColumnKind;
use super::projection::{Projection, SCHEMA_VERSION};
use super::row_group::{GroupWriter, ROWS_AT_A_TIME};

#[cfg(feature = "cli")]
pub(crate) use super::row_group::{Encoder, RowGroup};
pub(crate) use super::row_group::{Format, name_sources};

/// Rows that a row group is meant to have. Enough for columns to compress well, few enough for
/// several to be in memory.
pub(crate) const ROW_GROUP: usize = 1 << 17;

/// What there is to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Level of ZSTD, 1 to 22; others count as the nearest of these.
    pub level: i32,
    /// Bloom filters on columns of addresses: they find the row groups of an address that is rare.
    pub bloom: bool,
    /// Rows are in the order of `first` in each row group, and the metadata may say so.
    pub sorted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: 1,
            bloom: false,
            sorted: false,
        }
    }
}

impl Options {
    /// The level as ZSTD has it.
    pub(super) fn level(&self) -> i32 {
        self.level.clamp(1, 22)
    }
}

/// Properties for a writer of these columns: ZSTD, statistics for every column of every row group,
/// encodings that suit what the columns hold.
#[must_use]
pub fn properties(projection: &Projection, options: &Options) -> WriterProperties {
    let level = ZstdLevel::try_new(options.level()).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("nfdecode version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "nfdecode.schema_version".to_owned(),
            SCHEMA_VERSION.to_string(),
        )]));
    for (column, number) in projection.columns().iter().zip(0..) {
        let path = ColumnPath::new(vec![column.name().to_owned()]);
        match column.kind() {
            // Neighbours are close to each other, and a dictionary of them would be large.
            ColumnKind::Time => {
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
            }
            ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip if options.bloom => {
                builder = builder
                    .set_column_bloom_filter_enabled(path.clone(), true)
                    .set_column_bloom_filter_max_ndv(path.clone(), ROW_GROUP as u64);
            }
            _ => {}
        }
        if column.name() == "first" {
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::Page);
            if options.sorted {
                builder = builder.set_sorting_columns(Some(vec![SortingColumn {
                    // Every column has one leaf, lists included.
                    column_idx: number,
                    descending: false,
                    nulls_first: true,
                }]));
            }
        }
    }
    builder.build()
}

/// Writes record batches of flows as one Parquet file: as [`ArrowWriter`] does with these
/// [`properties`], in half of the time and with smaller dictionaries of addresses.
///
/// Rows stay in the order in which they come; row groups have 131,072 of them, the last one what is
/// left. At most one row group is held, encoded. What has been written when a writer is dropped
/// without [`finish`](Self::finish) is no Parquet file.
///
/// [`ArrowWriter`]: ::parquet::arrow::ArrowWriter
pub struct Writer<W: Write + Send> {
    format: Format,
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
        let format = Format::new(projection, options)?;
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
