//! The files that are served: in order, each with its identity and, once it was read, its summary.
//!
//! A list never changes; following directories makes a new one that shares what has not changed.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::BuildHasher as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::fast::FixedState;
use nfdecode::scan::ScanInput;

use crate::serve::summary::Summary;
use crate::survey::files::Files;
use crate::survey::timeline::{Chart, Clip, Timeline};

/// What tells a file from another one at the same path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) changed: i128,
    pub(crate) inode: u64,
}

impl Identity {
    /// Of what is at a path now; zeros if nothing is.
    pub(crate) fn of(path: &Path) -> Self {
        let Ok(found) = fs::metadata(path) else {
            return Self::default();
        };
        Self {
            size: found.len(),
            changed: i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec()),
            inode: found.ino(),
        }
    }
}

/// A file that is served.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) input: ScanInput,
    pub(crate) path: PathBuf,
    /// A number for the path: what references to flows name the file by.
    pub(crate) key: u64,
    pub(crate) identity: Identity,
    pub(crate) summary: OnceLock<Summary>,
}

/// Files in order.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) entries: Vec<Arc<Entry>>,
    by_key: HashMap<u64, usize>,
}

impl List {
    /// The place of a file in the list.
    pub(crate) fn place(&self, key: u64) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    /// Files that may hold flows of a range of time in ms.
    pub(crate) fn within(&self, from: Option<u64>, to: Option<u64>) -> Vec<&Arc<Entry>> {
        let may_be = |entry: &&Arc<Entry>| match entry.summary.get() {
            // Flows without times are in no window.
            Some(summary) if from.is_some() || to.is_some() => {
                summary.span.is_some_and(|(first, last)| {
                    from.is_none_or(|from| last >= from) && to.is_none_or(|to| first < to)
                })
            }
            _ => true,
        };
        self.entries.iter().filter(may_be).collect()
    }

    /// Traffic of a range of time by the summaries, and whether some are missing; `None` if their intervals do not fit.
    pub(crate) fn clip(&self, start: u64, length: u64, count: usize) -> Option<(Clip, bool)> {
        let end = start.saturating_add(length.saturating_mul(count as u64));
        let mut clip = Clip::new(start, length, count);
        let mut is_partial = false;
        for entry in self.within(Some(start), Some(end)) {
            let Some(summary) = entry.summary.get() else {
                is_partial = true;
                continue;
            };
            if !length.is_multiple_of(summary.length) || !start.is_multiple_of(summary.length) {
                return None;
            }
            summary.clip(&mut clip);
        }
        Some((clip, is_partial))
    }
}

/// What all files are together, as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct Overall {
    line: Timeline,
    pub(crate) files: Files,
    /// Flows, packets, bytes.
    pub(crate) totals: [u64; 3],
    /// Files with a summary.
    pub(crate) done: usize,
}

impl Overall {
    fn add(&mut self, entry: &Entry) {
        let Some(summary) = entry.summary.get() else {
            return;
        };
        summary.add_to(&mut self.line);
        self.files.join(&summary.files(&entry.path));
        for (sum, more) in self.totals.iter_mut().zip(summary.totals) {
            *sum = sum.saturating_add(more);
        }
        self.done += 1;
    }

    /// The chart of everything, without what is far from nearly all flows.
    pub(crate) fn chart(&self) -> Chart {
        self.line.chart()
    }
}

/// The files that are served.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    list: Mutex<Arc<List>>,
    overall: Mutex<Overall>,
    problem: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is locked is whole between statements, whatever thread panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Archive {
    /// The files now.
    pub(crate) fn list(&self) -> Arc<List> {
        Arc::clone(&lock(&self.list))
    }

    /// What all files are together.
    pub(crate) fn overall(&self) -> MutexGuard<'_, Overall> {
        lock(&self.overall)
    }

    /// Why the files could not be listed the last time.
    pub(crate) fn problem(&self) -> Option<String> {
        lock(&self.problem).clone()
    }

    /// Notes why the files cannot be listed, or that they can.
    pub(crate) fn set_problem(&self, problem: Option<String>) {
        *lock(&self.problem) = problem;
    }

    /// Replaces the list. Files that are the same keep their summaries. Says whether anything changed.
    pub(crate) fn update(&self, inputs: Vec<ScanInput>) -> bool {
        let old = self.list();
        let hasher = FixedState::default();
        let (mut list, mut seen) = (List::default(), HashSet::new());
        for input in inputs {
            let path = input.as_path().unwrap_or(Path::new("")).to_owned();
            if !seen.insert(path.clone()) {
                continue;
            }
            let key = hasher.hash_one(&path);
            let identity = Identity::of(&path);
            let known = old.place(key).and_then(|at| old.entries.get(at));
            let same = known.filter(|known| known.path == path && known.identity == identity);
            let entry = same.cloned().unwrap_or_else(|| {
                Arc::new(Entry {
                    input,
                    path,
                    key,
                    identity,
                    summary: OnceLock::new(),
                })
            });
            list.by_key.insert(key, list.entries.len());
            list.entries.push(entry);
        }
        let is_same = list.entries.len() == old.entries.len()
            && list
                .entries
                .iter()
                .zip(&old.entries)
                .all(|(new, old)| Arc::ptr_eq(new, old));
        if is_same {
            return false;
        }
        let only_grew = old.entries.iter().all(|entry| {
            list.place(entry.key)
                .is_some_and(|at| Arc::ptr_eq(&list.entries[at], entry))
        });
        if !only_grew {
            let mut overall = Overall::default();
            list.entries.iter().for_each(|entry| overall.add(entry));
            *self.overall() = overall;
        }
        *lock(&self.list) = Arc::new(list);
        true
    }

    /// Keeps the summary of a file.
    pub(crate) fn summarize(&self, entry: &Entry, summary: Summary) {
        if entry.summary.set(summary).is_ok() {
            self.overall().add(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(archive: &Archive) -> ([u64; 3], usize) {
        let overall = archive.overall();
        (overall.totals, overall.done)
    }

    #[test]
    fn a_list_keeps_what_has_not_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            fs::write(path(name), name).expect("written");
        }
        let archive = Archive::default();
        let inputs = |names: &[&str]| {
            names
                .iter()
                .map(|name| ScanInput::path(path(name)))
                .collect()
        };
        assert!(archive.update(inputs(&["a", "b", "a"])));
        let before = archive.list();
        assert_eq!(before.entries.len(), 2);
        archive.summarize(
            &before.entries[0],
            Summary::new(Timeline::default(), [1, 2, 3], &Files::default()),
        );
        assert!(!archive.update(inputs(&["a", "b"])));
        fs::write(path("b"), "longer").expect("written");
        fs::write(path("c"), "c").expect("written");
        assert!(archive.update(inputs(&["a", "b", "c"])));
        let after = archive.list();
        assert!(Arc::ptr_eq(&before.entries[0], &after.entries[0]));
        assert!(!Arc::ptr_eq(&before.entries[1], &after.entries[1]));
        assert_eq!(known(&archive), ([1, 2, 3], 1));
        assert!(after.entries[1].summary.get().is_none());
        // A file that is gone takes its numbers with it.
        assert!(archive.update(inputs(&["c"])));
        assert_eq!(known(&archive), ([0, 0, 0], 0));
    }
}
