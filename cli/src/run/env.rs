//! Standard output, threads and the time zone, as the environment and the options set them.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::thread;

use nfdecode::value::Zone;

use crate::args::{OutputArgs, memory_size};
use crate::run::stop::Stop;

pub(crate) fn print(bytes: &[u8]) -> Result<(), Stop> {
    io::stdout()
        .write_all(bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::OutputClosed,
            _ => Stop::failed(format!("standard output: {error}")),
        })
}

/// Maximum threads, whatever the user requests: each has buffers of its own.
pub(crate) const THREADS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// The number of threads to use.
pub(crate) fn threads(wanted: Option<NonZeroUsize>) -> NonZeroUsize {
    wanted
        .or_else(|| thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
        .min(THREADS_MAX)
}

/// Memory for blocks being decoded, for commands without `--memory`: that of `NFDECODE_MEMORY`.
pub(crate) fn block_memory() -> Result<Option<u64>, String> {
    const VARIABLE: &str = "NFDECODE_MEMORY";
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) => memory_size(&value.to_string_lossy())
            .map(Some)
            .map_err(|error| format!("{VARIABLE}: {error}")),
        None => Ok(None),
    }
}

/// The time zone for output.
pub(crate) fn zone(args: &OutputArgs) -> Result<Zone, Stop> {
    zone_of(args.tz.as_deref(), args.utc)
}

/// The zone with this name, or UTC, or that of the environment.
pub(crate) fn zone_of(tz: Option<&str>, utc: bool) -> Result<Zone, Stop> {
    match tz {
        _ if utc => Ok(Zone::marked_utc()),
        Some(name) => Zone::named(name).map_err(|error| Stop::Usage(error.to_string())),
        None => Ok(Zone::from_env()),
    }
}

/// The memory for groups and for flows that are sorted: what the user allows, or a quarter of the machine's.
pub(crate) fn memory(wanted: Option<u64>) -> usize {
    const UNKNOWN: usize = 1 << 30;
    if let Some(wanted) = wanted {
        return usize::try_from(wanted).unwrap_or(usize::MAX);
    }
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    kib.map_or(UNKNOWN, |kib| kib.saturating_mul(1024) / 4)
}

/// The directory for temporary files without names, if the environment names one.
pub(crate) fn temporary() -> Option<std::path::PathBuf> {
    std::env::var_os("TMPDIR")
        .filter(|name| !name.is_empty())
        .map(Into::into)
}
