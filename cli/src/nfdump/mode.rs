//! What `-o` names: how flows and tables are printed.

use nfdecode::output::csv::{TokenError, TokenList, tokens};
use nfdecode::output::fmt::{FmtFormat, FmtList, FmtOptions, PREDEFINED};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::raw::RawFormat;
use nfdecode::output::{FlowFormat, csv::CsvFormat};
use nfdecode::value::Zone;

use crate::nfdump::config::Config;
use crate::nfdump::lists;
use crate::nfdump::quit::Quit;

/// A form of output.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    Raw,
    /// The format, and the tokens in its text.
    Fmt(FmtList, Vec<String>),
    Json,
    Ndjson,
    Csv(TokenList, Vec<String>),
    CsvFast,
    Null,
}

/// An `-o` that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) mode: Mode,
    /// A `6` behind the name.
    pub(crate) long_addresses: bool,
    /// `fmt:…` or `csv:…` rather than a name.
    pub(crate) is_list: bool,
    /// Whether `-A` can be printed so: lists, and plain `csv`.
    pub(crate) fits_keys: bool,
}

impl Mode {
    /// Reads the value of `-o`; `config` has formats by name.
    pub(crate) fn parse(text: &str, config: &Config) -> Result<Chosen, Quit> {
        if let Some(chosen) = Self::of_config(text, config)? {
            return Ok(chosen);
        }
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("fmt:") {
            let list = text.get(4..).unwrap_or_default();
            return Ok(Chosen {
                mode: parse_fmt(&config.expand(list))?,
                long_addresses: false,
                is_list: true,
                fits_keys: true,
            });
        }
        if lower.starts_with("csv:") {
            let list = text.get(4..).unwrap_or_default();
            return Ok(Chosen {
                mode: parse_csv(list)?,
                long_addresses: false,
                is_list: true,
                fits_keys: true,
            });
        }
        let (name, long_addresses) = match lower.strip_suffix('6') {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        let mode = match name {
            "raw" => Self::Raw,
            "json" => Self::Json,
            "ndjson" => Self::Ndjson,
            "csv" => Self::csv(),
            "csv-fast" => Self::CsvFast,
            "null" => Self::Null,
            "nat" => parse_fmt("%ts %nevt %pr %sap -> %dap %nsap -> %ndap")?,
            name => match PREDEFINED.iter().find(|(known, _)| *known == name) {
                Some((_, format)) => parse_fmt(format)?,
                None => {
                    return Err(Quit::listing(
                        lists::modes(config),
                        format!("Unknown output mode '{text}'"),
                    ));
                }
            },
        };
        Ok(Chosen {
            mode,
            long_addresses,
            is_list: false,
            fits_keys: lower == "csv",
        })
    }

    /// A format that has its name from the configuration file.
    fn of_config(text: &str, config: &Config) -> Result<Option<Chosen>, Quit> {
        let find = |name: &str| {
            let text_of = |list: &[(String, String)]| {
                let found = list
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, text)| text.clone())
            };
            let fmt = text_of(&config.fmt).map(|text| parse_fmt(&config.expand(&text)));
            fmt.or_else(|| text_of(&config.csv).map(|text| parse_csv(&text)))
        };
        let (found, long_addresses) = match (find(text), text.strip_suffix('6')) {
            (None, Some(name)) => (find(name), true),
            (found, _) => (found, false),
        };
        found
            .map(|mode| {
                Ok(Chosen {
                    mode: mode?,
                    long_addresses,
                    is_list: false,
                    fits_keys: false,
                })
            })
            .transpose()
    }

    /// `csv` without a list.
    pub(crate) fn csv() -> Self {
        parse_csv(nfdecode::output::csv::DEFAULT).unwrap_or(Self::CsvFast)
    }

    /// A format that is known to be one.
    pub(crate) fn predefined(name: &str) -> Self {
        PREDEFINED
            .iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, format)| parse_fmt(format).ok())
            .unwrap_or(Self::Null)
    }

    /// Whether people read it, rather than programs.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self, Self::Fmt(..) | Self::Raw | Self::Null)
    }

    /// Whether `Summary:` and the lines after it follow.
    pub(crate) fn has_trailer(&self) -> bool {
        matches!(self, Self::Fmt(..) | Self::Null)
    }

    /// Whether flows print names that name records tell.
    pub(crate) fn needs_names(&self) -> bool {
        match self {
            Self::Fmt(list, _) => list.needs_names(),
            Self::Csv(list, _) => list.needs_names(),
            Self::Raw => true,
            _ => false,
        }
    }

    /// What prints flows; `None` prints nothing.
    pub(crate) fn format(&self, options: FmtOptions, quiet: bool, zone: &Zone) -> Option<Printer> {
        let zone = zone.clone();
        Some(match self {
            Self::Raw => Box::new(RawFormat::new(zone)),
            Self::Fmt(list, _) if quiet => {
                Box::new(FmtFormat::new(list.clone(), options, zone).without_header())
            }
            Self::Fmt(list, _) => Box::new(FmtFormat::new(list.clone(), options, zone)),
            Self::Json => Box::new(JsonFormat::json(zone)),
            Self::Ndjson => Box::new(JsonFormat::ndjson(zone)),
            Self::Csv(list, _) => Box::new(CsvFormat::new(list.clone(), zone)),
            Self::CsvFast => Box::new(CsvFormat::new(TokenList::fast(), zone)),
            Self::Null => return None,
        })
    }
}

/// What prints flows, on any thread.
pub(crate) type Printer = Box<dyn FlowFormat + Send>;

pub(crate) fn parse_fmt(list: &str) -> Result<Mode, Quit> {
    let parsed = FmtList::parse(list).map_err(|unknown| {
        Quit::listing(
            lists::tokens("fmt", FmtList::known()),
            format!("Output format parse error at: {}", unknown.0),
        )
    })?;
    Ok(Mode::Fmt(parsed, tokens_of(list)))
}

pub(crate) fn parse_csv(list: &str) -> Result<Mode, Quit> {
    let parsed = TokenList::parse(list).map_err(|error| match error {
        TokenError::Unknown(name) => Quit::listing(
            lists::tokens(
                "csv",
                tokens()
                    .iter()
                    .map(|token| token.name)
                    // Nfdump does not have it: its `-A ethertype -o csv` fails.
                    .filter(|name| *name != "eth"),
            ),
            format!("Output format parse error at: %{name}"),
        ),
        other => Quit::failed(format!("csv format: {other}")),
    })?;
    Ok(Mode::Csv(parsed, tokens_of(list)))
}

/// The names of the tokens in a list that was understood.
fn tokens_of(list: &str) -> Vec<String> {
    list.split('%')
        .skip(1)
        .map(|token| {
            let end = token
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(token.len());
            token.get(..end).unwrap_or_default().to_owned()
        })
        .collect()
}
