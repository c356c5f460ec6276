//! The arguments of `nfdecode follow`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use crate::args::key::KeyArgs;
use crate::args::shared::{Addresses, memory_size, parse_delimiter, parse_duration};
use crate::args::slot::Slot;

/// How flows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FollowFormat {
    /// One JSON object per line, with `file` and `cnt`, the number of the flow in its file
    Ndjson,
    /// The same as JSON text sequence (RFC 7464)
    JsonSeq,
    /// Lines of the values of --fields, after `file` and `cnt`
    Csv,
    /// An Arrow IPC stream with the columns `file` and `flow`
    Arrow,
    /// A directory of Parquet files, with --partition-by and -o
    Parquet,
    /// Nothing: files are only handed to --exec
    None,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The last DIR is a filter if no directory has that name and it holds a blank or one of ( ! < > #.

Standard output has every flow at least once: after a crash, flows since the last checkpoint are repeated
with the same `file` and number. A Parquet directory has every flow exactly once. Missing time slots, files
that vanish before they are read, fewer flows than a file announces and gaps in sequence numbers are
reported in one line each, and end in exit status 3.

Examples:
  nfdecode follow /var/cache/nfdump --live | vector --config vector.toml
  nfdecode follow /var/cache/nfdump 'proto tcp' -f parquet --partition-by hour -o /lake
  nfdecode follow /var/cache/nfdump --from start --once --state s --exec 'gzip -k {}'")]
pub(crate) struct FollowArgs {
    /// Directories of collectors, with all below them. The last operand may be a filter
    #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
    pub(crate) operands: Vec<PathBuf>,

    /// Read also the file that a collector is writing, block by block
    #[arg(long)]
    pub(crate) live: bool,

    /// Where to begin if no state is known: start, now, or a time of the last change of files (RFC 3339,
    /// 2026/01/31.12:00:00, -1h). Default: start with --state or -o, else now
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,

    /// Read everything that is there, then end
    #[arg(long)]
    pub(crate) once: bool,

    /// How to write flows; parquet if there is -o, none if there is only --exec, else ndjson
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<FollowFormat>,

    /// Write these fields, in this order; `nfdecode fields` lists all
    #[arg(long, value_name = "NAME,...")]
    pub(crate) fields: Option<String>,

    /// In csv, put this between values: one character, or `tab`
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter, default_value = ",")]
    pub(crate) delimiter: u8,

    /// In csv, do not print the header line
    #[arg(long)]
    pub(crate) no_header: bool,

    /// In parquet, the directory
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,

    /// In parquet, a file for each input and slot of time (UTC); hour if not given
    #[arg(long, value_enum, value_name = "SLOT")]
    pub(crate) partition_by: Option<Slot>,

    /// In parquet, merge the small files of a partition when nothing was written into it for this time; 15m if not
    /// given
    #[arg(long, value_name = "TIME", value_parser = parse_duration, num_args = 0..=1, require_equals = true, default_missing_value = "15m")]
    pub(crate) compact: Option<Duration>,

    /// In parquet, addresses as bytes in network order (the default) or as text
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) addresses: Option<Addresses>,

    /// In parquet, bloom filters on columns of addresses
    #[arg(long)]
    pub(crate) bloom: bool,

    /// Remember in FILE what was read; with -o, DIR/_nfdecode/follow.state if not given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) state: Option<PathBuf>,

    /// Run this command for each finished file, after its flows are written; {} is its path
    ///
    /// Words are separated by blanks and may be quoted; there is no shell. A command that fails is repeated
    /// after 1 s, 2 s, 4 s, ... up to 5 min; then the path is added to the list STATE.failed.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub(crate) exec: Option<String>,

    /// How often --exec tries a file
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) tries: NonZeroU32,

    /// Write metrics for Prometheus: into FILE, or served on a loopback address such as 127.0.0.1:9095
    #[arg(long, value_name = "FILE|ADDRESS")]
    pub(crate) metrics: Option<String>,

    /// Do not ask the system to report changes: for network file systems
    #[arg(long)]
    pub(crate) poll: bool,

    /// How often to look if no change is reported
    #[arg(long, value_name = "MILLISECONDS", default_value = "500", value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub(crate) interval: u64,

    /// Read files named `current` that did not change for this time: a collector has abandoned them
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) orphans: Option<Duration>,

    /// How long an unfinished or truncated file may still change before it counts as damaged
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60")]
    pub(crate) settle: Duration,

    /// Times, and those in names of files, are in this zone
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Times, and those in names of files, are in UTC
    #[arg(long, conflicts_with = "tz")]
    pub(crate) utc: bool,

    /// Only flows that this filter selects; nfdump's language
    #[arg(long, value_name = "TEXT", conflicts_with = "filter_file")]
    pub(crate) filter: Option<String>,

    /// Read the filter from FILE
    #[arg(short = 'F', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) filter_file: Option<PathBuf>,

    /// Number of decoding threads; 2 if not given, 1 for parquet
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Memory for blocks being decoded, such as 16M: K, M and G are powers of 1024
    #[arg(long, value_name = "SIZE", value_parser = memory_size, default_value = "16M")]
    pub(crate) memory: u64,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}
