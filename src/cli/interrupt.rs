//! Signals that ask us to end: the work is told to stop, and whatever happens, temporary files go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::convert::workdir;

use super::report::Stop;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static TEMPORARY: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// How long the work may take to end by itself. It may be stuck in a write that nobody reads.
const GRACE: Duration = Duration::from_secs(2);

/// Starts watching for signals.
pub(super) fn watch() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    thread::spawn(move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        INTERRUPTED.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        // The process still lives, so the work did not end.
        remove_all();
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    });
}

/// Whether a signal has come.
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// `Err` once a signal has come.
pub(super) fn check() -> Result<(), Stop> {
    if interrupted() {
        Err(Stop::Interrupted)
    } else {
        Ok(())
    }
}

/// The file or directory is removed if a signal ends the process before [`forget`].
pub(super) fn remove_on_exit(path: &Path) {
    if let Ok(mut paths) = TEMPORARY.lock() {
        paths.insert(path.to_owned());
    }
}

/// The file or directory is somebody else's concern again.
pub(super) fn forget(path: &Path) {
    if let Ok(mut paths) = TEMPORARY.lock() {
        paths.remove(path);
    }
}

fn remove_all() {
    if let Ok(mut paths) = TEMPORARY.lock() {
        for path in std::mem::take(&mut *paths) {
            if path.is_dir() {
                workdir::remove_traces(&path);
            } else {
                // Nobody is left to be told.
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}
