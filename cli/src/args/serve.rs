//! Arguments of `nfdecode serve`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::args::key::KeyArgs;
use crate::args::shared::{memory_size, parse_duration, parse_jobs};

#[derive(Debug, Args)]
#[command(after_help = "\
The address of the page is printed on standard output. Nothing can be changed through it. Other users of this machine \
can open it too, unless --token is given. The same data are at /api/v1/ for programs: /api/v1/openapi.json describes it.

Examples:
  nfdecode serve archive/2026/01/ --open
  nfdecode serve /var/cache/nfdump --follow --listen 127.0.0.1:8080
  nfdecode serve archive/ --listen 192.0.2.7:8080 --token=/etc/nfdecode/token
  curl -G http://127.0.0.1:8080/api/v1/top -d fields=src_addr --data-urlencode 'filter=proto tcp'")]
pub(crate) struct ServeArgs {
    /// Files, directories (recursively, in name order), patterns, ranges (dir/first..last);
    /// `-` reads standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Listen on this address; port 0 is any free one. Addresses of other than this machine need --token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,

    /// Answer only those who have a token: the first line of FILE, else that of NFDECODE_TOKEN, else a random one. It is
    /// part of the address that is printed
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    pub(crate) token: Option<Option<PathBuf>>,

    /// Also answer requests for this name of the machine; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// Look for new files every 10 s, or as often as this
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "10s", value_parser = parse_duration)]
    pub(crate) follow: Option<Duration>,

    /// Times are in this zone: a name (Europe/Zurich) or a POSIX rule (CET-1CEST,M3.5.0,M10.5.0/3)
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Times are in UTC
    #[arg(long, conflicts_with = "tz")]
    pub(crate) utc: bool,

    /// Look for each PATH below each of these directories, as nfdump: dir/one:two:three
    #[arg(short = 'M', long, value_name = "DIRS", help_heading = "Reading files")]
    pub(crate) dirs: Option<String>,

    /// Recover what is readable in files that are unfinished, truncated or damaged
    #[arg(long, help_heading = "Reading files")]
    pub(crate) salvage: bool,

    /// Keep summaries of files in DIR, so that the next start is fast; ~/.cache/nfdecode if not given
    #[arg(long, value_name = "DIR", help_heading = "Reading files", value_hint = ValueHint::DirPath)]
    pub(crate) cache: Option<PathBuf>,

    /// Keep no summaries on disk
    #[arg(long, conflicts_with = "cache", help_heading = "Reading files")]
    pub(crate) no_cache: bool,

    #[command(flatten, next_help_heading = "Reading files")]
    pub(crate) key: KeyArgs,

    /// Decoding threads of a request; as many as there are cores if not given
    #[arg(short, long, value_name = "N", help_heading = "Limits", value_parser = parse_jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Requests that read flows at once; others wait
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Limits", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) queries: u8,

    /// How long a request may read; exports may take longer
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Limits", value_parser = parse_duration)]
    pub(crate) timeout: Duration,

    /// Memory for blocks being decoded, and for groups, of which the rest goes to temporary files: 500M, 4G; groups take
    /// up to a quarter of the machine's memory if not given
    #[arg(long, value_name = "SIZE", help_heading = "Limits", value_parser = memory_size)]
    pub(crate) memory: Option<u64>,
}
