//! The command line: arguments, options and their help.

pub(crate) mod answer;
pub(crate) mod compression;
pub(crate) mod deferred;
pub(crate) mod follow;
pub(crate) mod habits;
pub(crate) mod key;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod shared;
pub(crate) mod slot;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::answer::{SeriesArgs, TopArgs};
use crate::args::compression::{CompressArg, parse_compression};
use crate::args::deferred::Deferred;
use crate::args::follow::FollowArgs;
use crate::args::key::KeyArgs;
use crate::args::report::ReportArgs;
use crate::args::serve::ServeArgs;
use crate::args::slot::Slot;

pub(crate) use crate::args::shared::{
    Addresses, ProgressMode, SelectArgs, file_named, memory_size, parse_count, parse_delimiter,
    parse_duration, parse_jobs,
};

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueHint};

use nfdecode::output::csv::TokenList;

const AFTER_HELP: &str = "\
Exit status:
  0  done
  1  failed: nothing could be read, converted or written
  2  wrong usage
  3  done, but some input was damaged or could not be read; what was readable is in the output

Times are printed in the zone of TZ, else of the system, as nfdump prints them.";

/// Reads nfcapd flow files, and turns captures into flows, in nfdump's JSON.
#[derive(Debug, Parser)]
#[command(name = "nfdecode", version = nfdecode::VERSION, about, after_help = AFTER_HELP, max_term_width = 100)]
#[command(arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print only errors that end the run; damage still shows in the exit status
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Also report each file as it is read, and at the end the flows, bytes and files read and the time
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Print messages as JSON, one object per line: level, message, and of damage its kind, file, block and offset
    #[arg(long, global = true)]
    pub(crate) json_messages: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Turn a capture into flows: one JSON object, an array of flows for each nfcapd file
    Convert(Deferred<ConvertArgs>),
    /// Print the flows of nfcapd files
    Read(Deferred<ReadArgs>),
    /// Show the groups of flows with the most bytes, packets, flows, ...
    Top(Deferred<TopArgs>),
    /// Show traffic over time
    Series(Deferred<SeriesArgs>),
    /// Follow the directories of collectors: each flow once, to standard output, Parquet or a command
    Follow(Deferred<FollowArgs>),
    /// Write a page about an archive: one HTML file with charts, top lists and findings
    Report(Deferred<ReportArgs>),
    /// Look at an archive in the browser: chart, top lists, flows, by any filter
    Serve(Deferred<ServeArgs>),
    /// Describe nfcapd files: header, statistics, exporters, elements
    Info(Deferred<InfoArgs>),
    /// Check nfcapd files for damage and report how much is readable
    Check(Deferred<CheckArgs>),
    /// Write flows of nfcapd files into one new file: select, merge, recompress
    Rewrite(Deferred<RewriteArgs>),
    /// Write a well-formed file with whatever is readable of a damaged one
    Repair(Deferred<RepairArgs>),
    /// Do what nfdump does, with nfdump's own options: nfdecode nfdump -r FILE -s srcip/bytes
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Nfdump {
        /// Options and filter of nfdump
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Ask in SQL, with the program nfdecode-sql: nfdecode sql archive/ "SELECT count(*) FROM flows"
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Sql {
        /// Paths, query and options of nfdecode-sql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// List the names for --fields, and the tokens of -f csv:...
    Fields(Deferred<FieldsArgs>),
    /// Print a completion script for a shell: source <(nfdecode completions bash)
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print manual pages: nfdecode man read | man -l -
    Man(Deferred<ManArgs>),
}

/// How flows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Ndjson,
    /// nfdump's columns if there is no list.
    Csv(Option<TokenList>),
    Arrow,
    Parquet,
    Line,
    Long,
    Extended,
    Table,
    /// A page, of `convert` only.
    Report,
}

/// Reads the name of a [`Format`].
#[derive(Clone)]
struct FormatParser;

/// The help text of each format.
const FORMATS: [(&str, &str); 12] = [
    ("json", "Arrays of objects, as `nfdump -o json`"),
    ("ndjson", "One object per line, as `nfdump -o ndjson`"),
    (
        "csv",
        "Lines of values as `nfdump -o csv`; with --fields those fields",
    ),
    (
        "csv:%ts,%td,...",
        "Columns of your choice, as `nfdump -o csv:...`",
    ),
    ("csv-fast", "As `nfdump -o csv-fast`"),
    ("table", "Columns for people, as wide as the terminal"),
    ("line", "As `nfdump -o line`"),
    ("long", "As `nfdump -o long`"),
    ("extended", "As `nfdump -o extended`"),
    (
        "arrow",
        "Arrow IPC: a file with -o, a stream on standard output",
    ),
    (
        "parquet",
        "A Parquet file, or with --partition-by a directory of them",
    ),
    (
        "report",
        "In `convert`, an HTML page as `nfdecode report` writes it",
    ),
];

impl TypedValueParser for FormatParser {
    type Value = Format;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Format, clap::Error> {
        let parse = |text: &str| match (
            text.to_ascii_lowercase().as_str(),
            text.strip_prefix("csv:"),
        ) {
            ("json", _) => Ok(Format::Json),
            ("ndjson", _) => Ok(Format::Ndjson),
            ("csv", _) => Ok(Format::Csv(None)),
            ("arrow", _) => Ok(Format::Arrow),
            ("parquet", _) => Ok(Format::Parquet),
            ("table", _) => Ok(Format::Table),
            ("line", _) => Ok(Format::Line),
            ("long", _) => Ok(Format::Long),
            ("extended", _) => Ok(Format::Extended),
            ("report", _) => Ok(Format::Report),
            ("csv-fast", _) => Ok(Format::Csv(Some(TokenList::fast()))),
            (_, Some(list)) => match TokenList::parse(list) {
                Ok(tokens) => Ok(Format::Csv(Some(tokens))),
                Err(error) => Err(error.to_string()),
            },
            _ => {
                let names = FORMATS.map(|(name, _)| name).join(", ");
                Err(format!("there are {names}"))
            }
        };
        StringValueParser::new()
            .try_map(move |text| parse(&text))
            .parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = FORMATS.map(|(name, help)| PossibleValue::new(name).help(help));
        Some(Box::new(values.into_iter()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// How to write flows
    ///
    /// Default: taken from the extension of -o FILE (.json, .ndjson, .csv, .arrow, .parquet, in `convert` .html), else
    /// `table` when `read` prints to a terminal, else `json`.
    #[arg(short, long, value_parser = FormatParser)]
    pub(crate) format: Option<Format>,

    /// Print these fields, in this order; `nfdecode fields` lists all. Not for csv:... and csv-fast; in
    /// arrow and parquet also `all` and `standard`
    #[arg(long, value_name = "NAME,...")]
    pub(crate) fields: Option<String>,

    /// In csv with --fields, put this between values: one character, or `tab`
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    pub(crate) delimiter: Option<u8>,

    /// When to use colours in a table; on a terminal if NO_COLOR is not set
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,

    /// In csv, print the header line (the default)
    #[arg(long, overrides_with = "no_header")]
    pub(crate) header: bool,

    /// Do not print the header line, nor the summary of lines and tables
    #[arg(long, overrides_with = "header")]
    pub(crate) no_header: bool,

    /// Write to FILE instead of standard output (`-`); it appears only when complete
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// In arrow and parquet, addresses as bytes in network order (the default) or as text
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) addresses: Option<Addresses>,

    /// In parquet, bloom filters on columns of addresses
    #[arg(long)]
    pub(crate) bloom: bool,

    /// In parquet, write a file for each input and slot of time (UTC) into the directory of -o; inputs
    /// written earlier are skipped
    #[arg(long, value_enum, value_name = "SLOT")]
    pub(crate) partition_by: Option<Slot>,

    /// Print times in this zone: a name (Europe/Zurich) or a POSIX rule (CET-1CEST,M3.5.0,M10.5.0/3)
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Print times in UTC, with a Z in forms that are not nfdump's
    #[arg(long, conflicts_with = "tz")]
    pub(crate) utc: bool,

    /// Number of decoding threads; one per core if not given
    #[arg(short, long, value_name = "N", value_parser = parse_jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Memory for blocks being decoded, such as 256M: K, M and G are powers of 1024
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub(crate) memory: Option<u64>,

    /// When to show a progress bar on standard error
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: ProgressMode,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads pcap (microseconds, nanoseconds, either byte order) and pcapng, plain or compressed with gzip \
or zstd. Whatever nfpcapd would reject or drop is rewritten first: nanosecond time stamps, several \
interfaces, packets cut by a snap length, raw IP, Linux cooked and other link types, 802.1ad tags.

Names of nfcapd files are the start of their time slot in UTC. nfpcapd is looked for in --nfpcapd, \
in the environment variable NFPCAPD, then in PATH.")]
pub(crate) struct ConvertArgs {
    /// Captures, in order; `-` reads standard input. The last operand may be a filter
    #[arg(value_name = "CAPTURE", required_unless_present = "explain", value_hint = ValueHint::FilePath)]
    pub(crate) operands: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Length of the time slot of one nfcapd file, at least 2 s: 300, 90s, 5m, 1h, 1d
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    pub(crate) slot: Duration,

    /// Keep the nfcapd files in DIR, created if missing; existing files are not replaced
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) keep: Option<PathBuf>,

    /// The nfpcapd to run
    #[arg(long, value_name = "PROGRAM", value_hint = ValueHint::CommandName)]
    pub(crate) nfpcapd: Option<PathBuf>,

    /// Give up when nfpcapd runs longer than this
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Print at most N flows
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) limit: Option<u64>,

    /// Store the first payload of each flow: needed for payload filters, and TLS and DNS fields
    #[arg(long)]
    pub(crate) payload: bool,

    /// Store an active flow after this time, 1s to 1h; 5m if not given
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) active_timeout: Option<Duration>,

    /// Store a flow after this time without packets, 1s to 1h; 60s if not given
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) inactive_timeout: Option<Duration>,

    /// Convert only packets that this filter selects, in tcpdump's language
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    pub(crate) bpf: Option<String>,

    #[command(flatten)]
    pub(crate) select: SelectArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The first or the last PATH is a filter if no file has that name and it holds a blank or one of ( ! < > #, \
or is `any`, `ipv4` or `ipv6`.

Examples:
  nfdecode read nfcapd.202601011200 'proto tcp and dst port 443'
  nfdecode read archive/2026/01/ -f csv --fields first,src_addr,dst_addr,in_bytes -o january.csv
  nfdecode read archive/ --last 1h -f ndjson | jq .src4_addr
  zcat nfcapd.202601011200.gz | nfdecode read - --count")]
pub(crate) struct ReadArgs {
    /// Files, directories (recursively, in name order), patterns, ranges (dir/first..last);
    /// `-` reads standard input
    #[arg(value_name = "PATH", required_unless_present = "explain", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Look for each PATH below each of these directories, as nfdump: dir/one:two:three
    #[arg(short = 'M', long, value_name = "DIRS")]
    pub(crate) dirs: Option<String>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// One JSON object, an array of flows for each file (ndjson: each line starts with the file)
    #[arg(long)]
    pub(crate) by_file: bool,

    /// Recover what is readable in unfinished, truncated or damaged files
    #[arg(long)]
    pub(crate) salvage: bool,

    /// Stop after N flows; with --sort, print the first N in that order
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) limit: Option<u64>,

    /// Sort by fields or by bytes, packets, duration, bps, pps, bpp: bytes, dst_port:desc,first
    ///
    /// These measures are in descending order and fields ascending unless :asc or :desc follows. Flows without the
    /// field come last, and flows with equal values stay as they are stored. With --limit only as many flows are in
    /// memory; otherwise what exceeds --memory (a quarter of the machine's if not given) is sorted in temporary files.
    #[arg(long, value_name = "FIELD,...")]
    pub(crate) sort: Option<String>,

    #[command(flatten)]
    pub(crate) select: SelectArgs,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Files, directories (recursively, in name order), patterns; `-` reads standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Print a JSON array, one object per file
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 all intact; 3 some damaged or not found; 1 none readable.")]
pub(crate) struct CheckArgs {
    /// Files, directories (recursively, in name order), patterns; `-` reads standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Print a JSON array, one object per file
    #[arg(long)]
    pub(crate) json: bool,

    /// Number of decoding threads; one per core if not given
    #[arg(short, long, value_name = "N", value_parser = parse_jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Memory for blocks being decoded, such as 256M: K, M and G are powers of 1024
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub(crate) memory: Option<u64>,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The new file has layout 2, the ident of the first input, and recounted statistics; nfdump 1.7.1 to \
1.7.10 read it (zstd from 1.7.3 on). Exporters of several inputs get new numbers where theirs clash.

Examples:
  nfdecode rewrite archive/2026/01/ -o january --compress zstd:9
  nfdecode rewrite archive/ 'dst port 443' --last 24h -o https")]
pub(crate) struct RewriteArgs {
    /// Files, directories (recursively, in name order), patterns, ranges (dir/first..last); `-` reads standard
    /// input. The first or the last may be a filter
    #[arg(value_name = "PATH", required_unless_present = "explain", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// The new file; it appears only when complete
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// none, lzo, lz4, zstd[:1-22], bz2[:1-9], or same as the first input
    #[arg(long, value_name = "METHOD", default_value = "same", value_parser = parse_compression)]
    pub(crate) compress: CompressArg,

    /// Stop after N flows
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) limit: Option<u64>,

    /// Zone of times in the filter and the time window
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Times in the filter and the time window are UTC
    #[arg(long, conflicts_with = "tz")]
    pub(crate) utc: bool,

    #[command(flatten)]
    pub(crate) select: SelectArgs,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The damaged file is not changed. Exit status: 3 if it was damaged; 0 if it was intact or only not closed, \
so that its end is missing.")]
pub(crate) struct RepairArgs {
    /// The damaged, truncated or unfinished file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,

    /// The new file; it appears only when complete
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FieldsArgs {
    /// Only names and descriptions that contain all of these words
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,

    /// Print a JSON array, one object per field
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The page of this command; without it, all pages
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub(crate) command: Option<String>,

    /// Write each page into a file of this directory: nfdecode.1, nfdecode-read.1, ...
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

impl OutputArgs {
    /// Derives the format from the extension of the output, if `-f` is not given.
    pub(crate) fn settle_format(&mut self) -> Result<(), String> {
        let Some(output) = self.file().filter(|_| self.format.is_none()) else {
            return Ok(());
        };
        self.format = match shared::form_of_extension(output)? {
            None => None,
            Some("ndjson") => Some(Format::Ndjson),
            Some("csv") => Some(Format::Csv(None)),
            Some("arrow") => Some(Format::Arrow),
            Some("parquet") => Some(Format::Parquet),
            Some("tsv") if self.fields.is_some() => {
                self.delimiter.get_or_insert(b'\t');
                Some(Format::Csv(None))
            }
            Some("tsv") => {
                return Err(format!(
                    "{}: nfdump's columns have commas: use .csv, or choose columns with --fields NAME,...",
                    output.display()
                ));
            }
            Some(_) => Some(Format::Json),
        };
        Ok(())
    }

    /// Chooses a page if the extension of the output is that of one, and `-f` is not given.
    pub(crate) fn settle_page(&mut self) {
        let extension = self.file().and_then(Path::extension);
        if self.format.is_none() && extension.is_some_and(shared::is_of_pages) {
            self.format = Some(Format::Report);
        }
    }

    /// The file to write; `None` is standard output.
    pub(crate) fn file(&self) -> Option<&Path> {
        file_named(self.output.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [
            ("300", 300),
            ("90s", 90),
            ("5m", 300),
            ("2h", 7_200),
            ("1d", 86_400),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in [
            "",
            "m",
            "0",
            "5x",
            "-1",
            "99999999999999999999",
            "9999999999999999999d",
            "5µ",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
