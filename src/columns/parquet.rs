//! What Parquet files of flows need: properties that suit the columns, and row groups in order of
//! time, encoded on any thread.
//!
//! ```no_run
//! use nfdecode::columns::{Projection, Reader, parquet};
//!
//! let columns = Projection::standard();
//! let properties = parquet::properties(&columns, &parquet::Options::default());
//! let out = std::fs::File::create("flows.parquet")?;
//! let mut writer = ::parquet::arrow::ArrowWriter::try_new(out, columns.schema(), Some(properties))?;
//! for batch in Reader::new(["nfcapd.202601011200"], &columns) {
//!     writer.write(&batch?)?;
//! }
//! writer.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use ::parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves,
};
use ::parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::errors::Result;
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{ColumnPath, TypePtr};
use arrow_schema::SchemaRef;

use super::batch::BatchBuilder;
use super::column::ColumnKind;
use super::projection::{Projection, SCHEMA_VERSION};
use super::rows::Rows;

/// Rows that a row group is meant to have. Enough for columns to compress well, few enough for
/// several to be in memory.
pub(crate) const ROW_GROUP: usize = 1 << 17;
/// Rows that are arrays at a time.
const ROWS_AT_A_TIME: usize = 1 << 13;

/// What there is to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Level of ZSTD, 1 to 22.
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

/// Properties for a writer of these columns: ZSTD, statistics for every column of every row group,
/// encodings that suit what the columns hold.
#[must_use]
pub fn properties(projection: &Projection, options: &Options) -> WriterProperties {
    let level = ZstdLevel::try_new(options.level.clamp(1, 22)).unwrap_or_default();
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
                    column_idx: leaf_number(projection, number),
                    descending: false,
                    nulls_first: true,
                }]));
            }
        }
    }
    builder.build()
}

/// Every column has one leaf, lists included.
fn leaf_number(_: &Projection, number: i32) -> i32 {
    number
}

/// Makes row groups of files that all have the same columns and properties.
#[derive(Debug)]
pub(crate) struct Format {
    schema: SchemaRef,
    root: TypePtr,
    properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
}

impl Format {
    pub(crate) fn new(projection: &Projection, options: &Options) -> Result<Self> {
        let schema = projection.schema();
        let mut properties = properties(projection, options);
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let properties = Arc::new(properties);
        let root = ArrowSchemaConverter::new()
            .convert(&schema)?
            .root_schema_ptr();
        let writer = SerializedFileWriter::new(io::sink(), root.clone(), Arc::clone(&properties))?;
        Ok(Self {
            factory: ArrowRowGroupWriterFactory::new(&writer, SchemaRef::clone(&schema)),
            schema,
            root,
            properties,
        })
    }

    /// Encodes some rows as a row group.
    pub(crate) fn encode(
        &self,
        builder: &mut BatchBuilder,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Result<RowGroup> {
        let mut writers = self.factory.create_column_writers(0)?;
        let count = range.len();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + ROWS_AT_A_TIME);
            let arrays = builder.arrays(rows, start..end)?;
            let mut columns = writers.iter_mut();
            for (field, array) in self.schema.fields().iter().zip(&arrays) {
                for (leaf, writer) in compute_leaves(field, array)?.iter().zip(&mut columns) {
                    writer.write(leaf)?;
                }
            }
            start = end;
        }
        let chunks = writers.into_iter().map(|writer| writer.close());
        Ok(RowGroup {
            chunks: chunks.collect::<Result<_>>()?,
            rows: count,
        })
    }

    /// A new file.
    pub(crate) fn writer<W: Write + Send>(&self, out: W) -> Result<SerializedFileWriter<W>> {
        SerializedFileWriter::new(out, self.root.clone(), Arc::clone(&self.properties))
    }
}

/// A row group, encoded and in memory.
#[derive(Debug)]
pub(crate) struct RowGroup {
    chunks: Vec<ArrowColumnChunk>,
    pub(crate) rows: usize,
}

impl RowGroup {
    pub(crate) fn write<W: Write + Send>(self, out: &mut SerializedFileWriter<W>) -> Result<()> {
        let mut group = out.next_row_group()?;
        for chunk in self.chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close().map(drop)
    }
}

/// Names the files that the flows are from in a file's metadata.
pub(crate) fn name_sources<W: Write + Send>(out: &mut SerializedFileWriter<W>, sources: &[String]) {
    // Names are joined by what no name of a file holds.
    let list = sources.join("\n");
    out.append_key_value_metadata(KeyValue::new("nfdecode.sources".to_owned(), list));
}
