//! Row groups of Parquet files, encoded on any thread. Knows nothing of where files go.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use ::parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves,
};
use ::parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use ::parquet::errors::Result;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterPropertiesPtr;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::TypePtr;
use arrow_schema::SchemaRef;

use super::batch::BatchBuilder;
use super::parquet::{Options, properties};
use super::projection::Projection;
use super::rows::Rows;

/// Rows that are arrays at a time.
const ROWS_AT_A_TIME: usize = 1 << 13;

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
