//! Arguments of the commands that answer questions: `top` and `series`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ColorChoice, ValueEnum, ValueHint};

use crate::args::key::KeyArgs;
use crate::args::shared::{
    ProgressMode, SelectArgs, file_named, form_of_extension, memory_size, parse_count,
    parse_delimiter, parse_duration, parse_jobs,
};

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// Columns for people
    Table,
    /// Lines of values
    Csv,
    /// An array of objects
    Json,
    /// One object per line
    Ndjson,
    /// Arrow IPC: a file with -o, a stream on standard output
    Arrow,
    /// A Parquet file
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// How to write the answer
    ///
    /// Default: taken from the extension of -o FILE (.json, .ndjson, .csv, .tsv, .txt, .arrow, .parquet), else
    /// `table` on a terminal, else `csv`.
    #[arg(short, long, value_enum, ignore_case = true)]
    pub(crate) format: Option<AnswerFormat>,

    /// Write to FILE instead of standard output (`-`); it appears when complete, or not at all
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// In csv, put this between values: one character, or `tab`
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    pub(crate) delimiter: Option<u8>,

    /// In csv and tables, omit the line of names
    #[arg(long)]
    pub(crate) no_header: bool,

    /// When to use colours and bars in a table; on a terminal if NO_COLOR is not set
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,

    /// Print times in this zone: a name (Europe/Zurich) or a POSIX rule (CET-1CEST,M3.5.0,M10.5.0/3)
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Print times in UTC, with a Z
    #[arg(long, conflicts_with = "tz")]
    pub(crate) utc: bool,

    /// Threads; as many as there are cores if not given
    #[arg(short, long, value_name = "N", value_parser = parse_jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Memory for blocks being decoded, and for the groups of `top`, of which the rest goes to temporary files: 500M,
    /// 4G; groups take up to a quarter of the machine's memory if not given
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub(crate) memory: Option<u64>,

    /// When to show a progress bar on standard error
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: ProgressMode,
}

impl AnswerArgs {
    /// Derives the format from the extension of the output, if `-f` is not given.
    pub(crate) fn settle_format(&mut self) -> Result<(), String> {
        let output = self.output.as_deref().and_then(file_named);
        let Some(output) = output.filter(|_| self.format.is_none()) else {
            return Ok(());
        };
        if output
            .extension()
            .is_some_and(|extension| extension == "txt")
        {
            self.format = Some(AnswerFormat::Table);
            return Ok(());
        }
        self.format = match form_of_extension(output)? {
            None => None,
            Some("json") => Some(AnswerFormat::Json),
            Some("ndjson") => Some(AnswerFormat::Ndjson),
            Some("arrow") => Some(AnswerFormat::Arrow),
            Some("parquet") => Some(AnswerFormat::Parquet),
            Some("tsv") => {
                self.delimiter.get_or_insert(b'\t');
                Some(AnswerFormat::Csv)
            }
            Some(_) => Some(AnswerFormat::Csv),
        };
        Ok(())
    }
}

/// What to read.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Look for each PATH below each of these directories, as nfdump: dir/one:two:three
    #[arg(short = 'M', long, value_name = "DIRS")]
    pub(crate) dirs: Option<String>,

    /// Recover what is readable in files that are unfinished, truncated or damaged
    #[arg(long)]
    pub(crate) salvage: bool,

    /// Count only the first N selected flows
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) limit: Option<u64>,

    #[command(flatten)]
    pub(crate) select: SelectArgs,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
FIELDS are names of `nfdecode fields`, addresses with a prefix length (src_addr/24, src_addr/24/48), names of \
nfdump's statistics (srcip, dstport, ip, port, as, ...), or tls_sni, ja3, ja4, dns_name. `ip`, `port`, `as`, `if` \
and the like count each flow for its source and for its destination. An absent value is a group of its own.

Examples:
  nfdecode top src_addr archive/ --by bytes -n 10
  nfdecode top src_addr/24,dst_port archive/2026/01/ 'proto tcp' -f csv -n 0
  nfdecode top dst_addr archive/ --by distinct:src_addr --having 'flows > 1000'
  nfdecode top proto archive/ --every 1h --last 24h")]
pub(crate) struct TopArgs {
    /// What to group by: names, separated by commas
    #[arg(value_name = "FIELDS")]
    pub(crate) fields: String,

    /// Files, directories (recursively, in name order), patterns, ranges (dir/first..last);
    /// `-` reads standard input; the first or the last may be a filter
    #[arg(value_name = "PATH", required_unless_present = "explain", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Order by this: flows, packets, bytes, bps, pps, bpp, duration, first, last, key, distinct:FIELD, or a
    /// quantile of flows such as p95:duration, median:bytes
    #[arg(long, value_name = "MEASURE", default_value = "bytes")]
    pub(crate) by: String,

    /// Smallest first
    #[arg(long)]
    pub(crate) ascending: bool,

    /// Groups to show, with --every in each interval; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) groups: usize,

    /// Also count the different values of FIELD in each group; may be repeated
    #[arg(long, value_name = "FIELD")]
    pub(crate) distinct: Vec<String>,

    /// Also show a quantile of the flows of each group, such as p95:duration, median:bytes; may be repeated
    #[arg(long, value_name = "QUANTILE")]
    pub(crate) quantile: Vec<String>,

    /// Only groups for which this holds: measures compared with numbers, joined by `and` or `or`
    #[arg(long, value_name = "CONDITION")]
    pub(crate) having: Option<String>,

    /// Also group by intervals of time, by the start of a flow: 300, 90s, 5m, 1h, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) every: Option<Duration>,

    #[command(flatten)]
    pub(crate) answer: AnswerArgs,

    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// Where the bytes and packets of a flow that lasts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpreadArg {
    /// In proportion to the time in each interval
    Even,
    /// Where the flow starts
    Start,
    /// Where it ends
    End,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Intervals begin at multiples of their length since midnight of 1970-01-01 in the zone in which times are printed: \
days at midnight, weeks on Mondays. Flows are counted where they start; their bytes and packets as --spread says. \
Intervals without traffic are rows of zeros.

Examples:
  nfdecode series archive/ --every 1h --last 24h
  nfdecode series archive/2026/01/ --every 5m --split proto -f csv
  nfdecode series nfcapd.202601011200 --every 10s --by packets 'dst port 53'")]
pub(crate) struct SeriesArgs {
    /// Files, directories (recursively, in name order), patterns, ranges (dir/first..last);
    /// `-` reads standard input; the first or the last may be a filter
    #[arg(value_name = "PATH", required_unless_present = "explain", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Length of an interval: 300, 90s, 5m, 1h, 1d
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    pub(crate) every: Duration,

    /// A series for each value of FIELD
    #[arg(long, value_name = "FIELD")]
    pub(crate) split: Option<String>,

    /// What the bars show: bytes, packets or flows
    #[arg(long, value_name = "MEASURE", default_value = "bytes", value_parser = ["bytes", "packets", "flows"])]
    pub(crate) by: String,

    /// Where the bytes and packets of a flow that lasts are counted
    #[arg(long, value_enum, value_name = "HOW", default_value = "even")]
    pub(crate) spread: SpreadArg,

    #[command(flatten)]
    pub(crate) answer: AnswerArgs,

    #[command(flatten)]
    pub(crate) source: SourceArgs,
}
