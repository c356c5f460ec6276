//! Answers in every form, to a file or to standard output.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::json::{
    ArrayWriter, LineDelimitedWriter, WriterBuilder,
    writer::{JsonArray, LineDelimited},
};
use datafusion::common::{DataFusionError, Result};
use nfdecode_sql::to_text;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::program::args::Form;
use crate::program::output_file::OutputFile;
use crate::program::table_text::TableText;

type Out = BufWriter<Box<dyn Write + Send>>;

/// An answer on its way out.
pub(crate) struct Answer {
    writer: Writer,
    file: Option<OutputFile>,
    rows: usize,
}

enum Writer {
    Table(Box<TableText>, Out),
    Csv(Box<csv::Writer<Out>>),
    Json(ArrayWriter<Out>),
    Ndjson(LineDelimitedWriter<Out>),
    ArrowFile(Box<FileWriter<Out>>),
    ArrowStream(Box<StreamWriter<Out>>),
    Parquet(Box<ArrowWriter<Out>>),
}

/// The form of an answer, from what was asked for.
pub(crate) fn form_of(
    form: Option<Form>,
    output: Option<&Path>,
) -> std::result::Result<Form, String> {
    let is_terminal = output.is_none() && io::stdout().is_terminal();
    let form = form.or_else(|| output.and_then(Form::of_file));
    let form = form.unwrap_or(if is_terminal { Form::Table } else { Form::Csv });
    match form {
        Form::Arrow | Form::Parquet if is_terminal => {
            Err("not writing binary data to a terminal: use -o FILE or redirect".to_owned())
        }
        form => Ok(form),
    }
}

impl Answer {
    /// Opens the output for rows of this schema.
    pub(crate) fn open(schema: &SchemaRef, form: Form, output: Option<&Path>) -> Result<Self> {
        let (file, inner): (_, Box<dyn Write + Send>) = match output {
            Some(path) => {
                let (file, out) = OutputFile::create(path).map_err(|error| {
                    DataFusionError::Execution(format!("{}: {error}", path.display()))
                })?;
                (Some(file), out)
            }
            None => (None, Box::new(io::stdout())),
        };
        let out = BufWriter::with_capacity(1 << 16, inner);
        let shown = to_text(&RecordBatch::new_empty(SchemaRef::clone(schema)))?;
        let writer = match form {
            Form::Table => Writer::Table(Box::new(TableText::new(&shown.schema())), out),
            Form::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(out);
                // The names come even if no row does.
                writer.write(&shown)?;
                Writer::Csv(Box::new(writer))
            }
            Form::Json => Writer::Json(
                WriterBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, JsonArray>(out),
            ),
            Form::Ndjson => Writer::Ndjson(
                WriterBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, LineDelimited>(out),
            ),
            Form::Arrow if output.is_some() => {
                Writer::ArrowFile(Box::new(FileWriter::try_new(out, schema)?))
            }
            Form::Arrow => Writer::ArrowStream(Box::new(StreamWriter::try_new(out, schema)?)),
            Form::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let schema = SchemaRef::clone(schema);
                Writer::Parquet(Box::new(ArrowWriter::try_new(
                    out,
                    schema,
                    Some(properties),
                )?))
            }
        };
        Ok(Self {
            writer,
            file,
            rows: 0,
        })
    }

    /// Writes rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        match &mut self.writer {
            Writer::Table(table, out) => table.add(&to_text(batch)?, out)?,
            Writer::Csv(writer) => writer.write(&to_text(batch)?)?,
            Writer::Json(writer) => writer.write(&to_text(batch)?)?,
            Writer::Ndjson(writer) => writer.write(&to_text(batch)?)?,
            Writer::ArrowFile(writer) => writer.write(batch)?,
            Writer::ArrowStream(writer) => writer.write(batch)?,
            Writer::Parquet(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Ends the answer, and returns its number of rows.
    pub(crate) fn finish(self) -> Result<usize> {
        match self.writer {
            Writer::Table(mut table, mut out) => {
                table.finish(&mut out)?;
                out.flush()?;
            }
            Writer::Csv(writer) => writer.into_inner().flush()?,
            Writer::Json(mut writer) => {
                writer.finish()?;
                let mut out = writer.into_inner();
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Writer::Ndjson(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Writer::ArrowFile(writer) => writer.into_inner()?.flush()?,
            Writer::ArrowStream(writer) => writer.into_inner()?.flush()?,
            Writer::Parquet(writer) => writer.into_inner()?.flush()?,
        }
        if let Some(file) = self.file {
            file.finish()?;
        }
        Ok(self.rows)
    }
}

/// Whether the reader of the output has gone, as `head` does.
pub(crate) fn is_closed_pipe(error: &DataFusionError) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        {
            return true;
        }
        source = error.source();
    }
    error.to_string().contains("Broken pipe")
}
