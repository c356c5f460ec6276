//! When the small files of a partition are merged: when nothing was written into it for some time.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::run::interrupt;
use crate::run::stop::Stop;
use crate::sink::merge;

/// The longest and the shortest time between two looks at partitions.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Levels of directories of partitions: day, hour, minute.
const DEPTH: usize = 3;

/// Partitions whose files may be merged.
pub(crate) struct Compaction {
    /// Absolute.
    root: PathBuf,
    quiet: Duration,
    /// Relative to the root. `None` before the first look, which finds those of earlier runs.
    pending: Option<BTreeSet<PathBuf>>,
    next: Instant,
}

impl Compaction {
    /// `quiet`: the time without a new file after which a partition counts as closed.
    pub(crate) fn new(root: &Path, quiet: Duration) -> Result<Self, Stop> {
        let failed = |error: io::Error| Stop::failed(format!("{}: {error}", root.display()));
        Ok(Self {
            root: std::path::absolute(root).map_err(failed)?,
            quiet,
            pending: None,
            next: Instant::now(),
        })
    }

    /// Notes that these files were written.
    pub(crate) fn wrote(&mut self, files: Vec<PathBuf>) {
        if let Some(pending) = &mut self.pending {
            let partitions = files.iter().filter_map(|file| file.parent());
            pending.extend(partitions.map(Path::to_owned));
        }
    }

    /// Merges the files of closed partitions, as long as there is time. Returns whether more are closed. `is_last`:
    /// there is no later look.
    pub(crate) fn run(&mut self, until: Instant, is_last: bool) -> Result<bool, Stop> {
        if Instant::now() < self.next && !is_last {
            return Ok(false);
        }
        let root = self.root.clone();
        let failed = |error: io::Error| Stop::failed(format!("{}: {error}", root.display()));
        if self.pending.is_none() {
            let mut found = BTreeSet::new();
            search(&root, Path::new(""), DEPTH, &mut found).map_err(failed)?;
            self.pending = Some(found);
        }
        let pending = self.pending.get_or_insert_default();
        for partition in pending.clone() {
            let Some(last) = last_change(&root.join(&partition)) else {
                pending.remove(&partition);
                continue;
            };
            if last < self.quiet {
                continue;
            }
            // Each merge leaves fewer files, so this ends.
            loop {
                interrupt::check()?;
                if Instant::now() >= until {
                    return Ok(true);
                }
                if !merge::merge(&root, &partition, true).map_err(failed)? {
                    break;
                }
            }
            pending.remove(&partition);
        }
        let (least, most) = LOOKS;
        self.next = Instant::now() + (self.quiet / 4).clamp(least, most);
        Ok(false)
    }
}

/// Partitions with several files.
fn search(
    root: &Path,
    below: &Path,
    depth: usize,
    found: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    if merge::files(&root.join(below))?.len() > 1 && below != Path::new("") {
        found.insert(below.to_owned());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let is_partition = entry.file_name().as_encoded_bytes().contains(&b'=');
        if is_partition && entry.file_type()?.is_dir() {
            search(root, &below.join(entry.file_name()), depth - 1, found)?;
        }
    }
    Ok(())
}

/// How long ago the newest of several files was written; `None` if there are not several. A merged file is not new:
/// otherwise a partition of many files would wait after each merge.
fn last_change(partition: &Path) -> Option<Duration> {
    let files = merge::files(partition).ok()?;
    let age = |path: &PathBuf| {
        let modified = path.metadata().and_then(|found| found.modified()).ok()?;
        Some(modified.elapsed().unwrap_or_default())
    };
    let small = files.iter().filter(|path| !merge::is_merged(path));
    let newest = small.filter_map(age).min().unwrap_or(Duration::MAX);
    (files.len() > 1).then_some(newest)
}
