//! All flows of a selection as a file: CSV, NDJSON, Arrow or Parquet, sent while they are read.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use arrow_ipc::writer::StreamWriter;
use nfdecode::Scan;
use nfdecode::columns::Projection;
use nfdecode::columns::parquet::{Options, Writer};
use nfdecode::output::fields::{FieldList, FieldsFormat};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
use nfdecode::value::Zone;

use crate::serve::body::Pieces;
use crate::serve::flows;
use crate::serve::params::{Params, Selection};
use crate::serve::problem::Problem;
use crate::serve::run::{self, Halt};
use crate::serve::service::Service;

/// A form of export, and what browsers call it.
const FORMS: [(&str, &str); 4] = [
    ("csv", "text/csv; charset=utf-8"),
    ("ndjson", "application/x-ndjson"),
    ("arrow", "application/vnd.apache.arrow.stream"),
    ("parquet", "application/vnd.apache.parquet"),
];

/// An export that can begin.
pub(crate) struct Export {
    scan: Scan,
    zone: Zone,
    form: Form,
    /// The name of a file for it.
    pub(crate) file: &'static str,
    /// Its media type.
    pub(crate) media: &'static str,
}

enum Form {
    Csv(FieldList),
    /// All of nfdump's keys without fields.
    Ndjson(Option<FieldList>),
    Arrow(Projection),
    Parquet(Projection),
}

impl Export {
    /// Reads the parameters: everything that can be wrong is known before the first byte is sent.
    pub(crate) fn new(service: &Service, query: Option<&str>) -> Result<Self, Problem> {
        let names = [&Selection::NAMES[..], &["format", "fields", "ticket"]].concat();
        let params = Params::read(query, &names)?;
        let zone = service.settings.zone.clone();
        let selection = Selection::read(&params, &zone)?;
        let format = params.word("format", &FORMS.map(|(name, _)| name))?;
        let columns = || match params.get("fields") {
            Some(names) => Projection::from_names(names.split(',').map(str::trim))
                .map_err(|error| Problem::wrong(format!("`fields`: {error}"))),
            None => Ok(Projection::standard()),
        };
        let fields = || flows::fields(&params);
        let (form, file) = match format.unwrap_or("csv") {
            "ndjson" => (
                Form::Ndjson(params.get("fields").map(|_| fields()).transpose()?),
                "flows.ndjson",
            ),
            "arrow" => (Form::Arrow(columns()?), "flows.arrows"),
            "parquet" => (Form::Parquet(columns()?), "flows.parquet"),
            _ => (Form::Csv(fields()?), "flows.csv"),
        };
        let media = FORMS.iter().find(|(name, _)| Some(*name) == format);
        let list = service.archive.list();
        Ok(Self {
            scan: selection.scan(&service.scan, &selection.entries(&list))?,
            zone,
            form,
            file,
            media: media.map_or(FORMS[0].1, |(_, media)| media),
        })
    }

    /// Sends all flows.
    pub(crate) fn run(self, mut out: Pieces, halt: &Halt) {
        let (scan, zone) = (&self.scan, &self.zone);
        let ended = match self.form {
            Form::Csv(fields) => {
                let make = |header| FieldsFormat::csv(fields.clone(), b',', header, zone.clone());
                let mut head = TextBuffer::default();
                make(true).begin(&mut head);
                out.write_all(head.as_bytes())
                    .and_then(|()| text(scan, halt, || make(false), &mut out))
            }
            Form::Ndjson(Some(fields)) => {
                let make = || FieldsFormat::ndjson(fields.clone(), zone.clone());
                text(scan, halt, make, &mut out)
            }
            Form::Ndjson(None) => text(scan, halt, || JsonFormat::ndjson(zone.clone()), &mut out),
            Form::Arrow(columns) => arrow(scan, halt, &columns, &mut out),
            Form::Parquet(columns) => parquet(scan, halt, &columns, &mut out),
        };
        if let Err(error) = ended.and_then(|()| out.flush()) {
            out.break_off(&error.to_string());
        }
    }
}

fn stopped(problem: Problem) -> io::Error {
    io::Error::other(problem.message)
}

fn text<F: FlowFormat>(
    scan: &Scan,
    halt: &Halt,
    make: impl Fn() -> F + Sync,
    out: &mut Pieces,
) -> io::Result<()> {
    let ended = run::blocks(
        scan,
        halt,
        make,
        |format, block| {
            let file = block.file();
            let context = FlowContext::new(file.file().ident(), file.name());
            let mut text = TextBuffer::default();
            for (flow, number) in block.flows().zip(block.flows_before() + 1..) {
                format.flow(number, &flow, &context, &mut text);
            }
            text
        },
        |text, _| match out.write_all(text.as_bytes()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => Err(Problem::failed(error)),
        },
    );
    ended.map(drop).map_err(stopped)
}

/// Hands over the batches of a scan. Damage leaves flows out, as everywhere; the page about damage says so.
fn each_batch(
    scan: &Scan,
    halt: &Halt,
    columns: &Projection,
    mut done: impl FnMut(&nfdecode::columns::arrow_array::RecordBatch) -> io::Result<()>,
) -> io::Result<()> {
    for batch in scan.columns(columns) {
        halt.check().map_err(stopped)?;
        if let Ok(batch) = batch {
            done(&batch)?;
        }
    }
    Ok(())
}

fn arrow(scan: &Scan, halt: &Halt, columns: &Projection, out: &mut Pieces) -> io::Result<()> {
    let mut writer = StreamWriter::try_new(out, &columns.schema()).map_err(io::Error::other)?;
    each_batch(scan, halt, columns, |batch| {
        writer.write(batch).map_err(io::Error::other)
    })?;
    writer.finish().map_err(io::Error::other)
}

fn parquet(scan: &Scan, halt: &Halt, columns: &Projection, out: &mut Pieces) -> io::Result<()> {
    let mut writer = Writer::try_new(out, columns, &Options::new()).map_err(io::Error::other)?;
    each_batch(scan, halt, columns, |batch| {
        writer.write(batch).map_err(io::Error::other)
    })?;
    writer.finish().map(drop).map_err(io::Error::other)
}
