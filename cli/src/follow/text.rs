//! The text of flows: NDJSON, JSON text sequences and CSV, each flow with its file and number.

use nfdecode::Flow;
use nfdecode::output::fields::{FieldList, FieldsFormat};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;

use crate::args::follow::{FollowArgs, FollowFormat};
use crate::run::stop::Stop;

/// Begins a record of a JSON text sequence.
const RECORD: u8 = 0x1E;
/// The fields of CSV without `--fields`.
const USUAL: &str =
    "first,last,proto,src_addr,src_port,dst_addr,dst_port,in_packets,in_bytes,tcp_flags";

/// A text form for one thread.
#[derive(Clone)]
pub(crate) struct TextForm {
    format: Format,
    is_sequence: bool,
}

#[derive(Clone)]
enum Format {
    Json(Box<JsonFormat>),
    Fields(Fields),
}

/// How to make a format of fields: it is not cloned.
#[derive(Clone)]
struct Fields {
    list: FieldList,
    csv: Option<(u8, bool)>,
    zone: Zone,
}

/// A form at work.
pub(crate) struct Formatter {
    format: Made,
    is_sequence: bool,
}

enum Made {
    Json(Box<JsonFormat>),
    Fields(Box<FieldsFormat>),
}

impl TextForm {
    /// The text that the arguments ask for; `None` if it is none.
    pub(crate) fn of(
        args: &FollowArgs,
        format: FollowFormat,
        zone: &Zone,
    ) -> Result<Option<Self>, Stop> {
        let is_csv = format == FollowFormat::Csv;
        if !matches!(
            format,
            FollowFormat::Ndjson | FollowFormat::JsonSeq | FollowFormat::Csv
        ) {
            return Ok(None);
        }
        let names = match &args.fields {
            Some(names) => Some(names.as_str()),
            None => is_csv.then_some(USUAL),
        };
        let format = match names {
            None => Format::Json(Box::new(JsonFormat::ndjson(zone.clone()).with_file_names())),
            Some(names) => {
                let has_number = names.split(',').any(|name| name.trim() == "cnt");
                let names = match has_number {
                    true => names.to_owned(),
                    false => format!("cnt,{names}"),
                };
                let list = FieldList::parse(&names);
                let list = list.map_err(|error| Stop::Usage(format!("--fields: {error}")))?;
                Format::Fields(Fields {
                    list: list.with_file_names(),
                    csv: is_csv.then_some((args.delimiter, !args.no_header)),
                    zone: zone.clone(),
                })
            }
        };
        Ok(Some(Self {
            format,
            is_sequence: args.format == Some(FollowFormat::JsonSeq),
        }))
    }

    pub(crate) fn formatter(&self) -> Formatter {
        let format = match &self.format {
            Format::Json(format) => Made::Json(format.clone()),
            Format::Fields(Fields { list, csv, zone }) => {
                let (list, zone) = (list.clone(), zone.clone());
                Made::Fields(Box::new(match csv {
                    Some((delimiter, header)) => FieldsFormat::csv(list, *delimiter, *header, zone),
                    None => FieldsFormat::ndjson(list, zone),
                }))
            }
        };
        Formatter {
            format,
            is_sequence: self.is_sequence,
        }
    }
}

impl Formatter {
    /// The text before all flows.
    pub(crate) fn begin(&mut self, out: &mut TextBuffer) {
        match &mut self.format {
            Made::Json(format) => format.begin(out),
            Made::Fields(format) => format.begin(out),
        }
    }

    #[inline]
    pub(crate) fn flow(
        &mut self,
        number: u64,
        flow: &Flow<'_>,
        context: &FlowContext,
        out: &mut TextBuffer,
    ) {
        if self.is_sequence {
            out.push(RECORD);
        }
        match &mut self.format {
            Made::Json(format) => format.flow(number, flow, context, out),
            Made::Fields(format) => format.flow(number, flow, context, out),
        }
    }
}
