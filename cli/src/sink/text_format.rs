//! The choice among text forms that the command line makes.

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use clap::ColorChoice;

use nfdecode::output::FlowFormat;
use nfdecode::output::csv::{CsvFormat, TokenList};
use nfdecode::output::fields::{FieldList, FieldsFormat};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::lines::{LineFormat, Lines, Totals};
use nfdecode::value::Zone;

use crate::args::{Format, OutputArgs};
use crate::run::stop::Stop;

/// All settings of the text, except for the zone of times.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    format: Format,
    fields: Option<FieldList>,
    delimiter: u8,
    header: bool,
    /// A table for this many columns of the terminal, with or without colours.
    table: (Option<usize>, bool),
    totals: Arc<Totals>,
}

impl Style {
    /// The format that the arguments request; `default` if they name none.
    pub(crate) fn new(args: &OutputArgs, default: Format) -> Result<Self, Stop> {
        let format = args.format.clone().unwrap_or(default);
        let usage = |message: &str| Err(Stop::Usage(message.to_owned()));
        let is_csv = matches!(format, Format::Csv(_));
        if args.fields.is_some() && matches!(format, Format::Csv(Some(_))) {
            return usage(
                "--fields cannot be used with csv:... and csv-fast, which have columns of their own",
            );
        }
        if args.delimiter.is_some() && !(is_csv && args.fields.is_some()) {
            return usage(
                "--delimiter needs -f csv and --fields: nfdump's own CSV always has commas",
            );
        }
        if format == Format::Report {
            return usage("-f report is for captures: use nfdecode report");
        }
        if (args.header || args.no_header) && matches!(format, Format::Json | Format::Ndjson) {
            return usage("--header and --no-header need csv, lines or a table");
        }
        let chooses_itself = matches!(format, Format::Line | Format::Long | Format::Extended);
        if args.fields.is_some() && chooses_itself {
            return usage("--fields needs table, json, ndjson, csv, arrow or parquet");
        }
        let fields = match &args.fields {
            Some(names) if !matches!(format, Format::Arrow | Format::Parquet) => {
                let list = FieldList::parse(names);
                Some(list.map_err(|error| Stop::Usage(format!("--fields: {error}")))?)
            }
            _ => None,
        };
        let on_terminal = args.file().is_none() && io::stdout().is_terminal();
        Ok(Self {
            format,
            fields,
            delimiter: args.delimiter.unwrap_or(b','),
            header: !args.no_header,
            table: (columns(on_terminal), wants_color(args.color, on_terminal)),
            totals: Arc::default(),
        })
    }

    /// Whether flows of several files can be kept apart: in a JSON object, or by a name on each line.
    pub(crate) fn can_tell_files(&self) -> bool {
        !matches!(self.format, Format::Csv(_)) || self.fields.is_some()
    }

    /// Whether files are members of one object, rather than lines of one text.
    pub(crate) fn is_object(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether names that flows refer to must be looked up.
    pub(crate) fn needs_names(&self) -> bool {
        match &self.format {
            Format::Csv(Some(tokens)) => tokens.needs_names(),
            _ => false,
        }
    }

    fn lines(&self, lines: Lines, zone: Zone) -> Formatter {
        let format = LineFormat::new(lines, &self.totals, zone);
        Formatter::Lines(Box::new(if self.header {
            format
        } else {
            format.without_header()
        }))
    }

    /// A formatter for one thread. `tell_files`: each line of a flow names its file.
    pub(crate) fn formatter(&self, tell_files: bool, zone: &Zone) -> Formatter {
        let zone = zone.clone();
        if let Some(fields) = &self.fields {
            let fields = match (tell_files, &self.format) {
                (true, Format::Ndjson | Format::Csv(_) | Format::Table) => {
                    fields.clone().with_file_names()
                }
                _ => fields.clone(),
            };
            return Formatter::Fields(Box::new(match self.format {
                Format::Ndjson => FieldsFormat::ndjson(fields, zone),
                Format::Csv(_) => FieldsFormat::csv(fields, self.delimiter, self.header, zone),
                Format::Table => FieldsFormat::table(fields, self.header, zone),
                _ => FieldsFormat::json(fields, zone),
            }));
        }
        match &self.format {
            Format::Json => Formatter::Json(Box::new(JsonFormat::json(zone))),
            Format::Ndjson if tell_files => {
                Formatter::Json(Box::new(JsonFormat::ndjson(zone).with_file_names()))
            }
            // Columns and pages are written elsewhere.
            Format::Ndjson | Format::Arrow | Format::Parquet | Format::Report => {
                Formatter::Json(Box::new(JsonFormat::ndjson(zone)))
            }
            Format::Line => self.lines(Lines::Line, zone),
            Format::Long => self.lines(Lines::Long, zone),
            Format::Extended => self.lines(Lines::Extended, zone),
            Format::Table => {
                let (width, color) = self.table;
                self.lines(Lines::Table { width, color }, zone)
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

/// The default format: a table for a terminal, JSON for programs.
/// Options that only JSON has select JSON too.
pub(crate) fn default(args: &OutputArgs, by_file: bool) -> Format {
    let plain = args.file().is_none() && !by_file;
    if plain && io::stdout().is_terminal() {
        Format::Table
    } else {
        Format::Json
    }
}

/// Columns of the terminal; without one the value of `COLUMNS`, if set.
fn columns(on_terminal: bool) -> Option<usize> {
    let size = on_terminal
        .then(|| terminal_size::terminal_size_of(io::stdout()))
        .flatten();
    match size {
        Some((width, _)) => Some(width.0.into()),
        None => env::var("COLUMNS").ok()?.parse().ok(),
    }
}

fn wants_color(choice: ColorChoice, on_terminal: bool) -> bool {
    let unset = |name| env::var_os(name).is_none_or(|value| value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
            on_terminal && unset("NO_COLOR") && !dumb
        }
    }
}

/// The chosen format. It is matched once per block: printing a flow needs no virtual call.
pub(crate) enum Formatter {
    Json(Box<JsonFormat>),
    Csv(Box<CsvFormat>),
    Fields(Box<FieldsFormat>),
    Lines(Box<LineFormat>),
}

impl Formatter {
    /// The common interface, for calls that are less frequent than once per flow.
    pub(crate) fn any(&mut self) -> &mut dyn FlowFormat {
        match self {
            Self::Json(format) => format.as_mut(),
            Self::Csv(format) => format.as_mut(),
            Self::Fields(format) => format.as_mut(),
            Self::Lines(format) => format.as_mut(),
        }
    }
}
