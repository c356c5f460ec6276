//! Answers as rows of named, typed columns, in every form.
//!
//! Names and types are the same in all forms: numbers are unsigned 64-bit integers, times instants in
//! milliseconds, percentages floating point, everything else text. What is absent is null, in csv empty.

use std::io::{self, BufWriter, IsTerminal as _};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{
    Float64Builder, StringBuilder, TimestampMillisecondBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use nfdecode::value::{TimeFormatter, Zone};

use crate::args::answer::{AnswerArgs, AnswerFormat};
use crate::args::file_named;
use crate::run::stop::Stop;
use crate::sink::answer_table::TableText;
use crate::sink::cell::{Cell, Column, Kind};
use crate::sink::output::{Fault, Out};
use crate::sink::target::{BUFFER, Target};

/// Rows of a record batch.
const BATCH: usize = 8192;

/// An answer on its way out.
pub(crate) struct Answer {
    columns: Vec<Column>,
    form: Form,
    times: TimeFormatter,
    rows: u64,
}

enum Form {
    Lines {
        target: Target,
        text: Vec<u8>,
        style: Style,
    },
    Table {
        target: Target,
        table: TableText,
    },
    Columns {
        columns: Columns,
        writer: ColumnWriter,
        fault: Fault,
    },
}

#[derive(Clone, Copy)]
enum Style {
    Csv { delimiter: u8, header: bool },
    Json,
    Ndjson,
}

enum ColumnWriter {
    ArrowFile(Box<FileWriter<BufWriter<Out>>>),
    ArrowStream(Box<StreamWriter<BufWriter<Out>>>),
    Parquet(Box<ArrowWriter<BufWriter<Out>>>),
}

impl Answer {
    /// Opens the output.
    pub(crate) fn open(args: &AnswerArgs, columns: Vec<Column>, zone: Zone) -> Result<Self, Stop> {
        let output = args.output.as_deref().and_then(file_named);
        let is_terminal = output.is_none() && io::stdout().is_terminal();
        let format = args.format.unwrap_or(match is_terminal {
            true => AnswerFormat::Table,
            false => AnswerFormat::Csv,
        });
        let is_binary = matches!(format, AnswerFormat::Arrow | AnswerFormat::Parquet);
        if is_binary && is_terminal {
            return Err(Stop::Usage(
                "not writing binary data to a terminal; use -o FILE or redirect".to_owned(),
            ));
        }
        let target = Target::open(output)?;
        let lines = |target, style| Form::Lines {
            target,
            text: Vec::new(),
            style,
        };
        let form = match format {
            AnswerFormat::Table => Form::Table {
                target,
                table: TableText::new(&columns, args, is_terminal),
            },
            AnswerFormat::Csv => lines(
                target,
                Style::Csv {
                    delimiter: args.delimiter.unwrap_or(b','),
                    header: !args.no_header,
                },
            ),
            AnswerFormat::Json => lines(target, Style::Json),
            AnswerFormat::Ndjson => lines(target, Style::Ndjson),
            AnswerFormat::Arrow | AnswerFormat::Parquet => {
                let built = Columns::new(&columns);
                let schema = Arc::clone(&built.schema);
                let is_file = target.is_named();
                let (out, fault) = Out::new(target);
                let out = BufWriter::with_capacity(BUFFER, out);
                let writer = match format {
                    AnswerFormat::Parquet => {
                        let zstd = ZstdLevel::default();
                        let properties = WriterProperties::builder()
                            .set_compression(Compression::ZSTD(zstd))
                            .build();
                        ArrowWriter::try_new(out, schema, Some(properties))
                            .map(|writer| ColumnWriter::Parquet(Box::new(writer)))
                            .map_err(Stop::failed)
                    }
                    _ if is_file => FileWriter::try_new(out, &schema)
                        .map(|writer| ColumnWriter::ArrowFile(Box::new(writer)))
                        .map_err(Stop::failed),
                    _ => StreamWriter::try_new(out, &schema)
                        .map(|writer| ColumnWriter::ArrowStream(Box::new(writer)))
                        .map_err(Stop::failed),
                };
                Form::Columns {
                    columns: built,
                    writer: fault.explain(writer)?,
                    fault,
                }
            }
        };
        let mut answer = Self {
            columns,
            form,
            times: TimeFormatter::new(zone),
            rows: 0,
        };
        answer.begin();
        Ok(answer)
    }

    fn begin(&mut self) {
        if let Form::Lines { text, style, .. } = &mut self.form {
            match style {
                Style::Csv {
                    delimiter,
                    header: true,
                } => {
                    for (at, column) in self.columns.iter().enumerate() {
                        if at != 0 {
                            text.push(*delimiter);
                        }
                        csv_text(&column.name, *delimiter, text);
                    }
                    text.push(b'\n');
                }
                Style::Json => text.push(b'['),
                _ => {}
            }
        }
    }

    /// Adds a row: one cell per column.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), Stop> {
        self.row_with_bar(cells, None)
    }

    /// Makes the bars of a table a chart: what they show, and how much a full bar is.
    pub(crate) fn set_axis(&mut self, name: &str, most: u64) {
        if let Form::Table { table, .. } = &mut self.form {
            table.set_axis(name, most);
        }
    }

    /// As [`row`](Self::row), with the length of the bar that a table shows, in percent.
    pub(crate) fn row_with_bar(&mut self, cells: &[Cell], bar: Option<f64>) -> Result<(), Stop> {
        let is_first = self.rows == 0;
        self.rows += 1;
        match &mut self.form {
            Form::Lines {
                target,
                text,
                style,
            } => {
                match style {
                    Style::Csv { delimiter, .. } => {
                        csv_row(cells, *delimiter, &mut self.times, text);
                    }
                    Style::Json => {
                        text.extend(if is_first { &b"\n"[..] } else { b",\n" });
                        json_row(&self.columns, cells, &mut self.times, text);
                    }
                    Style::Ndjson => {
                        json_row(&self.columns, cells, &mut self.times, text);
                        text.push(b'\n');
                    }
                }
                if text.len() >= BUFFER {
                    target.write(text)?;
                    text.clear();
                }
                Ok(())
            }
            Form::Table { table, .. } => {
                table.row(cells, bar, &mut self.times);
                Ok(())
            }
            Form::Columns {
                columns,
                writer,
                fault,
            } => {
                columns.row(cells);
                if columns.count < BATCH {
                    return Ok(());
                }
                fault.explain(columns.batch().and_then(|batch| writer.write(&batch)))
            }
        }
    }

    /// Writes the end.
    pub(crate) fn finish(self) -> Result<(), Stop> {
        match self.form {
            Form::Lines {
                mut target,
                mut text,
                style,
            } => {
                if let Style::Json = style {
                    text.extend(if self.rows == 0 {
                        &b"]\n"[..]
                    } else {
                        b"\n]\n"
                    });
                }
                target.write(&text)?;
                target.finish()
            }
            Form::Table { mut target, table } => {
                target.write(table.finish().as_bytes())?;
                target.finish()
            }
            Form::Columns {
                mut columns,
                mut writer,
                fault,
            } => {
                let written = match columns.count {
                    0 => Ok(()),
                    _ => columns.batch().and_then(|batch| writer.write(&batch)),
                };
                let out = fault.explain(written.and_then(|()| writer.finish()))?;
                out.into_target().finish()
            }
        }
    }
}

fn csv_row(cells: &[Cell], delimiter: u8, times: &mut TimeFormatter, text: &mut Vec<u8>) {
    for (at, cell) in cells.iter().enumerate() {
        if at != 0 {
            text.push(delimiter);
        }
        match cell {
            Cell::Null => {}
            Cell::Text(value) => csv_text(value, delimiter, text),
            Cell::Number(value) => text.extend(value.to_string().as_bytes()),
            Cell::Float(value) => text.extend(format!("{value:.3}").as_bytes()),
            Cell::Time(value) => {
                times.write_iso(*value, text);
                text.extend(times.mark().as_bytes());
            }
        }
    }
    text.push(b'\n');
}

/// Quotes as RFC 4180 wants it.
fn csv_text(value: &str, delimiter: u8, text: &mut Vec<u8>) {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    if !value.bytes().any(special) {
        text.extend(value.as_bytes());
        return;
    }
    text.push(b'"');
    text.extend(value.replace('"', "\"\"").as_bytes());
    text.push(b'"');
}

fn json_row(columns: &[Column], cells: &[Cell], times: &mut TimeFormatter, text: &mut Vec<u8>) {
    text.push(b'{');
    for (at, (column, cell)) in columns.iter().zip(cells).enumerate() {
        if at != 0 {
            text.push(b',');
        }
        json_text(&column.name, text);
        text.push(b':');
        match cell {
            Cell::Null => text.extend(b"null"),
            Cell::Text(value) => json_text(value, text),
            Cell::Number(value) => text.extend(value.to_string().as_bytes()),
            Cell::Float(value) => text.extend(format!("{value:.3}").as_bytes()),
            Cell::Time(value) => {
                text.push(b'"');
                times.write_iso(*value, text);
                text.extend(times.mark().as_bytes());
                text.push(b'"');
            }
        }
    }
    text.push(b'}');
}

fn json_text(value: &str, text: &mut Vec<u8>) {
    // Strings always serialize.
    text.extend(serde_json::to_string(value).unwrap_or_default().as_bytes());
}

/// Arrow columns being built.
struct Columns {
    schema: SchemaRef,
    builders: Vec<Builder>,
    count: usize,
}

enum Builder {
    Text(StringBuilder),
    Number(UInt64Builder),
    Float(Float64Builder),
    Time(TimestampMillisecondBuilder),
}

impl Columns {
    fn new(columns: &[Column]) -> Self {
        let fields = columns.iter().map(|column| {
            let data_type = match column.kind {
                Kind::Text => DataType::Utf8,
                Kind::Number => DataType::UInt64,
                Kind::Float => DataType::Float64,
                Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            };
            Field::new(&column.name, data_type, true)
        });
        let builders = columns.iter().map(|column| match column.kind {
            Kind::Text => Builder::Text(StringBuilder::new()),
            Kind::Number => Builder::Number(UInt64Builder::new()),
            Kind::Float => Builder::Float(Float64Builder::new()),
            Kind::Time => Builder::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
        });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            builders: builders.collect(),
            count: 0,
        }
    }

    fn row(&mut self, cells: &[Cell]) {
        for (builder, cell) in self.builders.iter_mut().zip(cells) {
            match (builder, cell) {
                (Builder::Text(builder), Cell::Text(value)) => builder.append_value(value),
                (Builder::Text(builder), _) => builder.append_null(),
                (Builder::Number(builder), Cell::Number(value)) => builder.append_value(*value),
                (Builder::Number(builder), _) => builder.append_null(),
                (Builder::Float(builder), Cell::Float(value)) => builder.append_value(*value),
                (Builder::Float(builder), _) => builder.append_null(),
                (Builder::Time(builder), Cell::Time(value)) => {
                    builder.append_option(i64::try_from(value.as_millis()).ok());
                }
                (Builder::Time(builder), _) => builder.append_null(),
            }
        }
        self.count += 1;
    }

    fn batch(&mut self) -> Result<RecordBatch, Stop> {
        self.count = 0;
        let arrays = self.builders.iter_mut().map(|builder| -> ArrayRef {
            match builder {
                Builder::Text(builder) => Arc::new(builder.finish()),
                Builder::Number(builder) => Arc::new(builder.finish()),
                Builder::Float(builder) => Arc::new(builder.finish()),
                Builder::Time(builder) => Arc::new(builder.finish()),
            }
        });
        RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect()).map_err(Stop::failed)
    }
}

impl ColumnWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Stop> {
        match self {
            Self::ArrowFile(writer) => writer.write(batch).map_err(Stop::failed),
            Self::ArrowStream(writer) => writer.write(batch).map_err(Stop::failed),
            Self::Parquet(writer) => writer.write(batch).map_err(Stop::failed),
        }
    }

    fn finish(self) -> Result<Out, Stop> {
        let out = match self {
            Self::ArrowFile(writer) => writer.into_inner().map_err(Stop::failed)?,
            Self::ArrowStream(writer) => writer.into_inner().map_err(Stop::failed)?,
            Self::Parquet(writer) => writer.into_inner().map_err(Stop::failed)?,
        };
        out.into_inner()
            .map_err(|error| Stop::failed(error.error()))
    }
}
