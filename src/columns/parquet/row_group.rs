//! Row groups of Parquet files, encoded on any thread. The caller decides where files go.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath, TypePtr};

use crate::columns::batch::BatchBuilder;
use crate::columns::batch::labels::Labels;
use crate::columns::column::{Column, ColumnKind};
use crate::columns::parquet::chunk;
use crate::columns::parquet::chunk::{ChunkBuffers, ChunkWriter, EncodedChunk};
use crate::columns::parquet::options::{Options, properties};
use crate::columns::projection::Projection;
use crate::columns::rows::Rows;
use crate::columns::text::TextAddresses;

/// Rows of the arrays that are encoded at a time, and of a page of most columns.
pub(crate) const PAGE_ROWS: usize = 1 << 14;

/// Encodes row groups, on any number of threads.
///
/// All files and row groups of one format have the same columns and properties. Each thread has a
/// [`GroupEncoder`]; row groups are then written in the order of the caller's choice.
///
/// ```no_run
/// use nfdecode::columns::parquet::{GroupFormat, Options};
/// use nfdecode::columns::{Labels, Projection, Rows};
///
/// let file = nfdecode::File::open("nfcapd.202601011200")?;
/// let format = GroupFormat::new(&Projection::standard(), &Options::new().with_sorted(true))?;
/// let mut encoder = format.encoder();
/// encoder.set_labels(Labels::one("nfcapd.202601011200", file.ident()));
/// let mut out = format.writer(std::fs::File::create("flows.parquet")?)?;
/// for block in file.blocks() {
///     let block = block?;
///     let mut rows = Rows::new();
///     rows.add(&block, 0, None, usize::MAX);
///     rows.sort_by_first();
///     format.encode(&mut encoder, &rows, 0..rows.len())?.write(&mut out)?;
/// }
/// out.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Row groups of one block are small; collect rows of several blocks up to [`ROW_GROUP`](super::ROW_GROUP).
pub struct GroupFormat {
    projection: Projection,
    level: i32,
    compression: Compression,
    root: TypePtr,
    leaves: Vec<ColumnDescPtr>,
    properties: WriterPropertiesPtr,
    /// Whether a [`ChunkWriter`] encodes the column, for each column.
    ours: Vec<bool>,
    /// Makes the writers of the other columns, if there are any.
    factory: Option<ArrowRowGroupWriterFactory>,
    text: Option<Arc<TextAddresses>>,
}

/// The buffers of a thread that encodes row groups, see [`GroupFormat::encoder`].
pub struct GroupEncoder {
    builder: BatchBuilder,
    buffers: ChunkBuffers,
}

impl GroupEncoder {
    /// Ends pages early where a column has this many bytes of text, see [`BatchBuilder::with_text_max`].
    #[must_use]
    pub fn with_text_max(mut self, bytes: usize) -> Self {
        self.builder = self.builder.with_text_max(bytes);
        self
    }

    /// Sets names and idents of the files that rows come from, for the columns `file` and `ident`.
    pub fn set_labels(&mut self, labels: Labels) {
        self.builder.set_labels(labels);
    }
}

impl GroupFormat {
    /// The format of files with these columns and options.
    ///
    /// # Errors
    /// Errors of the `parquet` crate. No projection causes one.
    pub fn new(projection: &Projection, options: &Options) -> Result<Self> {
        let text = options
            .text_addresses
            .then(|| Arc::new(TextAddresses::new(projection)));
        let schema = match &text {
            Some(text) => text.schema(),
            None => projection.schema(),
        };
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
            text,
        })
    }

    /// The schema of batches, which have addresses as bytes.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.projection.schema()
    }

    pub(crate) fn buffers(&self) -> ChunkBuffers {
        ChunkBuffers::new(self.level)
    }

    /// An encoder, for one thread.
    #[must_use]
    pub fn encoder(&self) -> GroupEncoder {
        GroupEncoder {
            builder: BatchBuilder::new(&self.projection),
            buffers: self.buffers(),
        }
    }

    /// Encodes the rows of a range as a row group. The encoder must be of this format.
    ///
    /// # Errors
    /// Errors of the `parquet` crate, such as short memory. No content of rows causes one.
    pub fn encode(
        &self,
        encoder: &mut GroupEncoder,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Result<RowGroup> {
        let mut group = self.group()?;
        let mut start = range.start;
        let end = range.end.min(rows.len());
        while start < end {
            let page = start..end.min(start + PAGE_ROWS);
            let (arrays, count) = encoder.builder.arrays(rows, page)?;
            group.add(&arrays, count, &mut encoder.buffers)?;
            start += count;
        }
        group.finish(&mut encoder.buffers)
    }

    /// An empty row group.
    pub(crate) fn group(&self) -> Result<GroupWriter> {
        Ok(GroupWriter {
            schema: match &self.text {
                Some(text) => text.schema(),
                None => self.schema(),
            },
            text: self.text.clone(),
            writers: self.writers()?,
            rows: 0,
        })
    }

    /// One for each column.
    fn writers(&self) -> Result<Vec<ColumnWriter>> {
        let others = match &self.factory {
            Some(factory) => factory.create_column_writers(0)?,
            None => Vec::new(),
        };
        let mut others = others.into_iter();
        let columns = self.projection.columns().iter().zip(&self.leaves);
        let writers = columns.zip(&self.ours).map(|((column, leaf), ours)| {
            if *ours {
                let writer = ChunkWriter::new(column, leaf, self.compression);
                return Ok(ColumnWriter::Ours(Box::new(writer)));
            }
            let writer = others
                .next()
                .map(|writer| ColumnWriter::Library(Box::new(writer)));
            writer.ok_or_else(|| ParquetError::General("a column has no writer".to_owned()))
        });
        writers.collect()
    }

    /// Begins a file, which [`RowGroup::write`] adds row groups to.
    ///
    /// # Errors
    /// Writing to `out` fails.
    pub fn writer<W: Write + Send>(&self, out: W) -> Result<SerializedFileWriter<W>> {
        SerializedFileWriter::new(out, self.root.clone(), Arc::clone(&self.properties))
    }
}

/// Whether a [`ChunkWriter`] encodes the column. The ranges of pages of `first`, and Bloom filters, only
/// the library writes.
fn is_ours(column: &Column, options: &Options) -> bool {
    let is_address = matches!(
        column.kind(),
        ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip
    );
    chunk::is_supported(column)
        && column.name() != "first"
        && !(options.text_addresses && column.kind().is_address())
        && !(options.bloom_filters && is_address)
}

/// Encodes one row group.
pub(crate) struct GroupWriter {
    schema: SchemaRef,
    text: Option<Arc<TextAddresses>>,
    writers: Vec<ColumnWriter>,
    pub(crate) rows: usize,
}

impl GroupWriter {
    /// Adds rows: an array for each column.
    pub(crate) fn add(
        &mut self,
        arrays: &[ArrayRef],
        rows: usize,
        buffers: &mut ChunkBuffers,
    ) -> Result<()> {
        let texts = self.text.as_ref().map(|text| text.arrays(arrays));
        let arrays = texts.as_deref().unwrap_or(arrays);
        let columns = self.schema.fields().iter().zip(arrays);
        for ((field, array), writer) in columns.zip(&mut self.writers) {
            match writer {
                ColumnWriter::Ours(writer) => writer.add(array, buffers)?,
                ColumnWriter::Library(writer) => {
                    for leaf in compute_leaves(field, array)? {
                        writer.write(&leaf)?;
                    }
                }
            }
        }
        self.rows += rows;
        Ok(())
    }

    pub(crate) fn finish(self, buffers: &mut ChunkBuffers) -> Result<RowGroup> {
        let chunks = self.writers.into_iter().map(|writer| {
            Ok(match writer {
                ColumnWriter::Ours(writer) => ColumnChunk::Ours(writer.finish(buffers)?),
                ColumnWriter::Library(writer) => ColumnChunk::Library(writer.close()?),
            })
        });
        Ok(RowGroup {
            chunks: chunks.collect::<Result<_>>()?,
            rows: self.rows,
        })
    }
}

enum ColumnWriter {
    Ours(Box<ChunkWriter>),
    Library(Box<ArrowColumnWriter>),
}

enum ColumnChunk {
    Ours(EncodedChunk),
    Library(ArrowColumnChunk),
}

/// An encoded row group in memory, see [`GroupFormat::encode`].
pub struct RowGroup {
    chunks: Vec<ColumnChunk>,
    rows: usize,
}

impl RowGroup {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds it to a file that [`GroupFormat::writer`] of the same format has begun.
    ///
    /// # Errors
    /// Writing fails. The file then cannot be completed.
    pub fn write<W: Write + Send>(self, out: &mut SerializedFileWriter<W>) -> Result<()> {
        let mut group = out.next_row_group()?;
        for chunk in self.chunks {
            match chunk {
                ColumnChunk::Ours(chunk) => group.append_column(&chunk.bytes, chunk.close)?,
                ColumnChunk::Library(chunk) => chunk.append_to_row_group(&mut group)?,
            }
        }
        group.close().map(drop)
    }
}

/// Stores the names of the files that flows come from in the metadata, as `nfdecode.sources`.
pub fn name_sources<W: Write + Send>(out: &mut SerializedFileWriter<W>, sources: &[String]) {
    // One per line: no name of a file has a line break.
    let list = sources.join("\n");
    out.append_key_value_metadata(KeyValue::new("nfdecode.sources".to_owned(), list));
}

impl fmt::Debug for GroupFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupFormat")
            .field("columns", &self.projection)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for GroupEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupEncoder").finish_non_exhaustive()
    }
}

impl fmt::Debug for RowGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowGroup")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
