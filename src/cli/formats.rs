//! The choice among text forms that the command line makes.

use crate::output::FlowFormat;
use crate::output::csv::{CsvFormat, TokenList};
use crate::output::fields::{FieldList, FieldsFormat};
use crate::output::json::JsonFormat;
use crate::time::Zone;

use super::args::{Format, OutputArgs};
use super::report::Stop;

/// All that decides what flows look like, but for the zone of their times.
#[derive(Clone, Debug)]
pub(super) struct Style {
    format: Format,
    fields: Option<FieldList>,
    delimiter: u8,
    header: bool,
}

impl Style {
    /// What the arguments ask for; `default` if they name no form.
    pub(super) fn new(args: &OutputArgs, default: Format) -> Result<Self, Stop> {
        let format = args.format.clone().unwrap_or(default);
        let usage = |message: &str| Err(Stop::Usage(message.to_owned()));
        let is_csv = matches!(format, Format::Csv(_));
        if args.fields.is_some() && matches!(format, Format::Csv(Some(_))) {
            return usage(
                "--fields does not go with csv:... and csv-fast: these choose themselves",
            );
        }
        if args.delimiter.is_some() && !(is_csv && args.fields.is_some()) {
            return usage(
                "--delimiter needs -f csv and --fields: nfdump's own CSV always has commas",
            );
        }
        if (args.header || args.no_header) && !is_csv {
            return usage("--header and --no-header go with the csv formats only");
        }
        let fields = match &args.fields {
            Some(names) if !matches!(format, Format::Arrow | Format::Parquet) => {
                let list = FieldList::parse(names);
                Some(list.map_err(|error| Stop::Usage(format!("--fields: {error}")))?)
            }
            _ => None,
        };
        Ok(Self {
            format,
            fields,
            delimiter: args.delimiter.unwrap_or(b','),
            header: !args.no_header,
        })
    }

    /// Whether flows of several files can be kept apart: in a JSON object, or by a name on each line.
    pub(super) fn can_tell_files(&self) -> bool {
        !matches!(self.format, Format::Csv(_)) || self.fields.is_some()
    }

    /// Whether files are members of one object, rather than lines of one text.
    pub(super) fn is_object(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether names that flows refer to must be looked up.
    pub(super) fn needs_names(&self) -> bool {
        match &self.format {
            Format::Csv(Some(tokens)) => tokens.needs_names(),
            _ => false,
        }
    }

    /// A formatter for one thread. `tell_files`: each flow's line names its file.
    pub(super) fn formatter(&self, tell_files: bool, zone: &Zone) -> Formatter {
        let zone = zone.clone();
        if let Some(fields) = &self.fields {
            let fields = match (tell_files, &self.format) {
                (true, Format::Ndjson | Format::Csv(_)) => fields.clone().with_file_names(),
                _ => fields.clone(),
            };
            return Formatter::Fields(Box::new(match self.format {
                Format::Ndjson => FieldsFormat::ndjson(fields, zone),
                Format::Csv(_) => FieldsFormat::csv(fields, self.delimiter, self.header, zone),
                _ => FieldsFormat::json(fields, zone),
            }));
        }
        match &self.format {
            Format::Json => Formatter::Json(Box::new(JsonFormat::json(zone))),
            Format::Ndjson if tell_files => {
                Formatter::Json(Box::new(JsonFormat::ndjson(zone).with_file_names()))
            }
            // Columns are not made here.
            Format::Ndjson | Format::Arrow | Format::Parquet => {
                Formatter::Json(Box::new(JsonFormat::ndjson(zone)))
            }
            Format::Csv(tokens) => {
                let tokens = tokens.clone().unwrap_or_else(TokenList::standard);
                let format = CsvFormat::new(tokens, zone);
                Formatter::Csv(Box::new(if self.header {
                    format
                } else {
                    format.without_header()
                }))
            }
        }
    }
}

/// The chosen form. Which one it is is asked once for each block: printing a flow is no virtual call.
pub(super) enum Formatter {
    Json(Box<JsonFormat>),
    Csv(Box<CsvFormat>),
    Fields(Box<FieldsFormat>),
}

impl Formatter {
    /// For all that happens less often than once for each flow.
    pub(super) fn any(&mut self) -> &mut dyn FlowFormat {
        match self {
            Self::Json(format) => format.as_mut(),
            Self::Csv(format) => format.as_mut(),
            Self::Fields(format) => format.as_mut(),
        }
    }
}
