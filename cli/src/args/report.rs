//! Arguments of `nfdecode report`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::args::answer::SourceArgs;
use crate::args::shared::{ProgressMode, memory_size};

#[derive(Debug, Args)]
#[command(after_help = "\
The page is one file that makes no request and can be read without scripts: totals, damage, traffic over time, top
lists, distributions, and findings with the rule and the filter of each. It has at most 200 kB.

Examples:
  nfdecode report archive/2026/01/ -o january.html
  nfdecode report archive/ 'net 192.0.2.0/24' --last 24h --title 'Branch office' -o branch.html
  nfdecode report nfcapd.202601011200 --top 50 --tz Europe/Zurich > noon.html")]
pub(crate) struct ReportArgs {
    /// Files, directories (recursively, in name order), patterns, ranges (dir/first..last);
    /// `-` reads standard input; the first or the last may be a filter
    #[arg(value_name = "PATH", required_unless_present = "explain", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Write to FILE instead of standard output (`-`); it appears when complete, or not at all
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// The title of the page
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,

    /// Rows of each list, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) top: u8,

    /// Print times in this zone: a name (Europe/Zurich) or a POSIX rule (CET-1CEST,M3.5.0,M10.5.0/3)
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Print times in UTC
    #[arg(long, conflicts_with = "tz")]
    pub(crate) utc: bool,

    /// Threads; as many as there are cores if not given
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Keep at most this much of the groups in memory, the rest in temporary files: 500M, 4G; a quarter of the
    /// machine's memory if not given
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub(crate) memory: Option<u64>,

    /// When to show a progress bar on standard error
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: ProgressMode,

    #[command(flatten)]
    pub(crate) source: SourceArgs,
}
