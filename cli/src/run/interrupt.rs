//! Termination signals: running work is stopped and temporary files are removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXCPU, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use nfdecode::convert;

use crate::run::stop::Stop;

/// The signal received; 0: none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Temporary files and directories. With some, parent directories that are then empty are removed too, up
/// to the given one.
static TEMPORARY: Mutex<BTreeMap<PathBuf, Option<PathBuf>>> = Mutex::new(BTreeMap::new());

/// The time that work has to end by itself. It may be blocked in a write to a full pipe.
const GRACE: Duration = Duration::from_secs(2);

/// Starts watching for signals. Signals that were ignored at the start, as with `nohup`, stay
/// ignored. Fails if watching is not possible: temporary files would remain after a signal.
pub(crate) fn watch() -> Result<(), Stop> {
    let failed = |error: io::Error| Stop::failed(format!("cannot watch for signals: {error}"));
    // The default action kills: a write beyond the maximum file size (`ulimit -f`) must fail like other writes.
    let unused = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(SIGXFSZ, unused);
    let wanted = [SIGINT, SIGTERM, SIGHUP, SIGXCPU];
    let wanted = wanted.into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = Signals::new(wanted).map_err(failed)?;
    let thread = thread::Builder::new().spawn(move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        SIGNAL.store(signal, Ordering::Relaxed);
        let deadline = Instant::now() + GRACE;
        // A second signal ends the process at once.
        while Instant::now() < deadline && signals.pending().next().is_none() {
            thread::sleep(Duration::from_millis(10));
        }
        // The process still runs, so the work did not end. From here on no temporary file is created.
        let _kept = remove_all();
        let _ = emulate_default_handler(signal);
    });
    thread.map(drop).map_err(failed)
}

/// Whether a signal was ignored at the start. Works on Linux only.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set >> (signal - 1) & 1 == 1)
}

/// Whether a signal was received.
pub(crate) fn interrupted() -> bool {
    SIGNAL.load(Ordering::Relaxed) != 0
}

/// `Err` once a signal was received.
pub(crate) fn check() -> Result<(), Stop> {
    if interrupted() {
        Err(Stop::Interrupted)
    } else {
        Ok(())
    }
}

/// Ends the process as the signal would have ended it, so that the parent process sees the signal.
pub(crate) fn end() -> ExitCode {
    let _kept = remove_all();
    let _ = emulate_default_handler(SIGNAL.load(Ordering::Relaxed));
    ExitCode::from(130)
}

/// Creates a temporary file or directory that is removed if a signal ends the process before [`forget`].
pub(crate) fn temporary<T>(
    make: impl FnOnce() -> io::Result<T>,
    path: impl FnOnce(&T) -> &Path,
) -> io::Result<T> {
    remember(make, path, None)
}

/// As [`temporary`] for a file in a directory of its own below `root`, which [`remove_empty`] removes.
pub(crate) fn temporary_below<T>(
    root: &Path,
    make: impl FnOnce() -> io::Result<T>,
    path: impl FnOnce(&T) -> &Path,
) -> io::Result<T> {
    remember(make, path, Some(root))
}

fn remember<T>(
    make: impl FnOnce() -> io::Result<T>,
    path: impl FnOnce(&T) -> &Path,
    root: Option<&Path>,
) -> io::Result<T> {
    // Under one lock: a file must not be created without being listed.
    let mut paths = paths();
    let made = make()?;
    paths.insert(path(&made).to_owned(), root.map(Path::to_owned));
    Ok(made)
}

/// Removes a file or directory from the list of temporary ones.
pub(crate) fn forget(path: &Path) {
    paths().remove(path);
}

/// Removes a directory below `root` and those around it, as far as they are empty.
pub(crate) fn remove_empty(directory: &Path, root: &Path) {
    let below = |directory: &&Path| directory.starts_with(root) && *directory != root;
    for directory in directory.ancestors().take_while(below) {
        if fs::remove_dir(directory).is_err() {
            return;
        }
    }
}

fn paths() -> MutexGuard<'static, BTreeMap<PathBuf, Option<PathBuf>>> {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While the result is alive, no temporary file is created.
fn remove_all() -> MutexGuard<'static, BTreeMap<PathBuf, Option<PathBuf>>> {
    let mut paths = paths();
    for (path, root) in std::mem::take(&mut *paths) {
        if path.is_dir() {
            convert::remove_traces(&path);
        } else {
            // The parent has closed standard error; nothing to report to.
            let _ = fs::remove_file(&path);
        }
        if let (Some(root), Some(directory)) = (root, path.parent()) {
            remove_empty(directory, &root);
        }
    }
    paths
}
