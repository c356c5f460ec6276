//! Row groups of Parquet files, encoded on any thread. Knows nothing of where files go.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use ::parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use ::parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use ::parquet::basic::Compression;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterPropertiesPtr;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{ColumnDescPtr, ColumnPath, TypePtr};
use arrow_array::ArrayRef;
use arrow_schema::{Schema, SchemaRef};

use crate::columns::batch::{BatchBuilder, Labels};
use crate::columns::column::{Column, ColumnKind};
use crate::columns::parquet::chunk;
use crate::columns::parquet::chunk::{Chunk, ChunkWriter, Tools};
use crate::columns::parquet::options::{Options, properties};
use crate::columns::projection::Projection;
use crate::columns::rows::Rows;

/// Rows that are arrays at a time, and a page of most columns.
pub(crate) const ROWS_AT_A_TIME: usize = 1 << 14;

/// Makes row groups of files that all have the same columns and properties.
pub struct GroupFormat {
    projection: Projection,
    level: i32,
    compression: Compression,
    root: TypePtr,
    leaves: Vec<ColumnDescPtr>,
    properties: WriterPropertiesPtr,
    /// Whether chunks of a column are made by [`ChunkWriter`], for each column.
    ours: Vec<bool>,
    /// Makes writers for the others, if there are any.
    factory: Option<ArrowRowGroupWriterFactory>,
}

/// What a thread of the program keeps.
pub struct GroupEncoder {
    builder: BatchBuilder,
    tools: Tools,
}

impl GroupEncoder {
    /// What the columns `file` and `ident` hold from now on.
    pub fn set_labels(&mut self, labels: Labels) {
        self.builder.set_labels(labels);
    }
}

impl GroupFormat {
    pub fn new(projection: &Projection, options: &Options) -> Result<Self> {
        let schema = projection.schema();
        let mut properties = properties(projection, options);
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let properties = Arc::new(properties);
        let converted = ArrowSchemaConverter::new().convert(&schema)?;
        let ours: Vec<_> = projection
            .columns()
            .iter()
            .map(|column| is_ours(column, options))
            .collect();
        let others: Vec<_> = schema
            .fields()
            .iter()
            .zip(&ours)
            .filter(|(_, ours)| !**ours)
            .map(|(field, _)| Arc::clone(field))
            .collect();
        let factory = if others.is_empty() {
            None
        } else {
            let others = Arc::new(Schema::new(others));
            let root = ArrowSchemaConverter::new().convert(&others)?;
            let properties = Arc::clone(&properties);
            let writer = SerializedFileWriter::new(io::sink(), root.root_schema_ptr(), properties)?;
            Some(ArrowRowGroupWriterFactory::new(&writer, others))
        };
        Ok(Self {
            projection: projection.clone(),
            level: options.level(),
            compression: properties.compression(&ColumnPath::new(Vec::new())),
            root: converted.root_schema_ptr(),
            // Every column has one leaf, lists included.
            leaves: converted.columns().to_vec(),
            properties,
            ours,
            factory,
        })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.projection.schema()
    }

    pub(crate) fn tools(&self) -> Tools {
        Tools::new(self.level)
    }

    pub fn encoder(&self) -> GroupEncoder {
        GroupEncoder {
            builder: BatchBuilder::new(&self.projection),
            tools: self.tools(),
        }
    }

    /// Encodes some rows as a row group.
    pub fn encode(
        &self,
        encoder: &mut GroupEncoder,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Result<RowGroup> {
        let mut group = self.group()?;
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + ROWS_AT_A_TIME);
            let arrays = encoder.builder.arrays(rows, start..end)?;
            group.add(&arrays, end - start, &mut encoder.tools)?;
            start = end;
        }
        group.finish(&mut encoder.tools)
    }

    /// A row group to begin with.
    pub(crate) fn group(&self) -> Result<GroupWriter> {
        Ok(GroupWriter {
            schema: self.schema(),
            writers: self.writers()?,
            rows: 0,
        })
    }

    /// One for each column.
    fn writers(&self) -> Result<Vec<Writer>> {
        let others = match &self.factory {
            Some(factory) => factory.create_column_writers(0)?,
            None => Vec::new(),
        };
        let mut others = others.into_iter();
        let columns = self.projection.columns().iter().zip(&self.leaves);
        let writers = columns.zip(&self.ours).map(|((column, leaf), ours)| {
            if *ours {
                let writer = ChunkWriter::new(column, leaf, self.compression);
                return Ok(Writer::Ours(Box::new(writer)));
            }
            let writer = others
                .next()
                .map(|writer| Writer::Library(Box::new(writer)));
            writer.ok_or_else(|| ParquetError::General("a column has no writer".to_owned()))
        });
        writers.collect()
    }

    /// A new file.
    pub fn writer<W: Write + Send>(&self, out: W) -> Result<SerializedFileWriter<W>> {
        SerializedFileWriter::new(out, self.root.clone(), Arc::clone(&self.properties))
    }
}

/// Whether chunks of a column are made by [`ChunkWriter`]. The library has what else it takes: the
/// ranges of pages of `first`, and Bloom filters.
fn is_ours(column: &Column, options: &Options) -> bool {
    let is_address = matches!(
        column.kind(),
        ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip
    );
    chunk::takes(column) && column.name() != "first" && !(options.bloom_filters && is_address)
}

/// A row group in the making.
pub(crate) struct GroupWriter {
    schema: SchemaRef,
    writers: Vec<Writer>,
    pub(crate) rows: usize,
}

impl GroupWriter {
    /// Adds rows: an array for each column.
    pub(crate) fn add(
        &mut self,
        arrays: &[ArrayRef],
        rows: usize,
        tools: &mut Tools,
    ) -> Result<()> {
        let columns = self.schema.fields().iter().zip(arrays);
        for ((field, array), writer) in columns.zip(&mut self.writers) {
            match writer {
                Writer::Ours(writer) => writer.add(array, tools)?,
                Writer::Library(writer) => {
                    for leaf in compute_leaves(field, array)? {
                        writer.write(&leaf)?;
                    }
                }
            }
        }
        self.rows += rows;
        Ok(())
    }

    pub(crate) fn finish(self, tools: &mut Tools) -> Result<RowGroup> {
        let chunks = self.writers.into_iter().map(|writer| {
            Ok(match writer {
                Writer::Ours(writer) => Encoded::Ours(writer.finish(tools)?),
                Writer::Library(writer) => Encoded::Library(writer.close()?),
            })
        });
        Ok(RowGroup {
            chunks: chunks.collect::<Result<_>>()?,
            rows: self.rows,
        })
    }
}

enum Writer {
    Ours(Box<ChunkWriter>),
    Library(Box<ArrowColumnWriter>),
}

enum Encoded {
    Ours(Chunk),
    Library(ArrowColumnChunk),
}

/// A row group, encoded and in memory.
pub struct RowGroup {
    chunks: Vec<Encoded>,
    pub rows: usize,
}

impl RowGroup {
    pub fn write<W: Write + Send>(self, out: &mut SerializedFileWriter<W>) -> Result<()> {
        let mut group = out.next_row_group()?;
        for chunk in self.chunks {
            match chunk {
                Encoded::Ours(chunk) => group.append_column(&chunk.bytes, chunk.close)?,
                Encoded::Library(chunk) => chunk.append_to_row_group(&mut group)?,
            }
        }
        group.close().map(drop)
    }
}

/// Names the files that the flows are from in a file's metadata.
pub fn name_sources<W: Write + Send>(out: &mut SerializedFileWriter<W>, sources: &[String]) {
    // Names are joined by what no name of a file holds.
    let list = sources.join("\n");
    out.append_key_value_metadata(KeyValue::new("nfdecode.sources".to_owned(), list));
}
