//! Arguments and values that several commands have.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

/// When to show a progress bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// On a terminal, when it takes longer than a moment
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The form of columns of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Addresses {
    /// Bytes in network order: a third of the size, and in the order of numbers
    Bytes,
    /// Text, as people write it
    Text,
}

/// Which flows to select.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selecting flows")]
pub(crate) struct SelectArgs {
    /// Only flows that this filter selects; nfdump's language
    #[arg(long, value_name = "TEXT", conflicts_with = "filter_file")]
    pub(crate) filter: Option<String>,

    /// Read the filter from FILE
    #[arg(short = 'F', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) filter_file: Option<PathBuf>,

    /// Only flows that end at or after TIME: RFC 3339, 2026/01/31.12:00:00, or -1h for an hour ago
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,

    /// Only flows that began before TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,

    /// Only flows of the last 30m, 24h, 7d
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with_all = ["since", "until"])]
    pub(crate) last: Option<Duration>,

    /// As nfdump -t: flows that begin after START and end before END, START[-END] as 2026/01/31.12:00:00
    #[arg(short = 't', long, value_name = "WINDOW", conflicts_with_all = ["since", "until", "last"])]
    pub(crate) window: Option<String>,

    /// Look up host names in the filter
    #[arg(long)]
    pub(crate) resolve: bool,

    /// Print only the number of flows
    #[arg(long)]
    pub(crate) count: bool,

    /// Print how the filter is parsed, without reading flows
    #[arg(long)]
    pub(crate) explain: bool,
}

/// The form that the extension of an output file names: a value of `-f`, or `tsv`. `None` without an extension. Fails
/// for extensions that name no form, rather than writing JSON under another name.
pub(crate) fn form_of_extension(output: &Path) -> Result<Option<&'static str>, String> {
    let Some(extension) = output.extension() else {
        return Ok(None);
    };
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    let hint = match extension.as_str() {
        "json" => return Ok(Some("json")),
        "ndjson" | "jsonl" => return Ok(Some("ndjson")),
        "csv" => return Ok(Some("csv")),
        "arrow" | "arrows" | "feather" | "ipc" => return Ok(Some("arrow")),
        "parquet" | "pq" => return Ok(Some("parquet")),
        "tsv" => return Ok(Some("tsv")),
        "gz" | "zst" | "bz2" | "xz" => {
            "text is not compressed here: use -f FORMAT and a pipe to the compressor, or -f parquet"
        }
        _ if is_of_pages(OsStr::new(&extension)) => {
            "a page about nfcapd files is written by nfdecode report"
        }
        "xls" | "xlsx" | "ods" => "spreadsheets open csv: use -f csv",
        _ => "use -f FORMAT",
    };
    Err(format!(
        "{}: no form of output has the extension .{}: {hint}",
        output.display(),
        extension.escape_default()
    ))
}

/// Whether files with this extension are pages.
pub(crate) fn is_of_pages(extension: &OsStr) -> bool {
    ["html", "htm"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// The file that an argument names; `None` is standard output.
pub(crate) fn file_named(path: &Path) -> Option<&Path> {
    let is_stdout = path == Path::new("-") || path == Path::new("/dev/stdout");
    (!is_stdout).then_some(path)
}

/// Reads a number of threads.
pub(crate) fn parse_jobs(text: &str) -> Result<NonZeroUsize, String> {
    let number = usize::try_from(parse_count(text)?).map_err(|_| "too large".to_owned())?;
    NonZeroUsize::new(number).ok_or_else(|| "must be greater than zero".to_owned())
}

/// Reads a number of things, such as `--limit`.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    use std::num::IntErrorKind;
    text.parse::<u64>().map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow => "too large".to_owned(),
        _ => "expected a whole number".to_owned(),
    })
}

/// A character that can separate values of CSV.
pub(crate) fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [b'"' | b'\n' | b'\r'] => Err("quotes and line ends cannot separate values".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("expected one ASCII character, or tab".to_owned()),
    }
}

/// Reads a duration: a number of seconds, or a number with `s`, `m`, `h` or `d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "expected a number, optionally with s, m, h or d".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) => Err("must be greater than zero".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("too long".to_owned()),
    }
}

/// Reads a size: a number of bytes, or a number with `K`, `M`, `G` or `T` for powers of 1024.
pub(crate) fn memory_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        Some((at, 't' | 'T')) => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "expected a number, optionally with K, M, G or T".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("must be greater than zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("too large".to_owned()),
    }
}
