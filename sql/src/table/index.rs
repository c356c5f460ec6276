//! What is known of files from earlier queries, so that queries over many files open only those they read.
//!
//! In memory only. What is known is used as long as the file is the same: its size, inode, and times of change.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use nfdecode::file::FileFacts;
use nfdecode::{Error, File, OpenOptions};

/// A file that was changed less than this ago may be changed again without other times: file systems count in steps.
const SETTLED: Duration = Duration::from_secs(2);

/// What planning needs to know of a file.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) facts: FileFacts,
    pub(crate) bytes: u64,
    pub(crate) blocks: u32,
    /// The flows that its statistics announce.
    pub(crate) flows: Option<u64>,
    /// Whether its statistics count each of its records: only collectors do, and only in files that they finished.
    pub(crate) is_counted: bool,
    /// Times of the first and the last flow by its statistics, in ms.
    pub(crate) times: Option<(u64, u64)>,
}

impl Known {
    fn of(file: &File) -> Self {
        let header = file.header();
        let is_collected = matches!(header.creator_name(), "nfcapd" | "nfpcapd" | "sfcapd");
        let is_whole = !header.unfinished && file.appendix_damage().is_none();
        Self {
            facts: file.facts(),
            bytes: header.file_size,
            blocks: header.blocks,
            flows: file.announced_flows(),
            is_counted: is_collected && is_whole,
            times: file.counted_times(),
        }
    }
}

/// What tells a file from another one at the same path, and from itself before it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    /// Of what is at a path now, unless it was changed so lately that this does not tell.
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        let changed = (found.ctime(), found.ctime_nsec());
        let latest = found.ctime().max(found.mtime());
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(latest).ok()?);
        let is_settled = since.elapsed().is_ok_and(|age| age >= SETTLED);
        is_settled.then(|| Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed,
        })
    }
}

/// The files of a table by their paths. `Clone` shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index(Arc<Mutex<HashMap<PathBuf, (Identity, Known)>>>);

impl Index {
    /// What is known of a file, which is opened only if it is not known, or not the same any more.
    pub(crate) fn look_up(&self, path: &Path, options: &OpenOptions) -> Result<Known, Error> {
        // Before it is opened: what replaces it meanwhile has another identity next time.
        let identity = Identity::of(path);
        {
            let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(now), Some((then, known))) = (identity, files.get(path))
                && now == *then
            {
                return Ok(known.clone());
            }
        }
        let known = Known::of(&options.open(path)?);
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => files.insert(path.to_owned(), (identity, known.clone())),
            None => files.remove(path),
        };
        Ok(known)
    }

    /// Forgets files, once there are many, that are not among these.
    pub(crate) fn keep<'p>(&self, paths: impl ExactSizeIterator<Item = &'p Path>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() > 2 * paths.len() {
            let paths: std::collections::HashSet<&Path> = paths.collect();
            files.retain(|path, _| paths.contains(path.as_path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, FileTimes};

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        root.join("tests/fixtures/archive").join(name)
    }

    #[test]
    fn a_file_that_was_replaced_is_opened_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nfcapd.202611241330");
        fs::copy(fixture("nfcapd.202611241330"), &path).expect("copied");
        let (index, options) = (Index::default(), OpenOptions::new());
        let first = index.look_up(&path, &options).expect("a file");
        assert!(
            index.0.lock().expect("no panic").is_empty(),
            "too new to be known"
        );
        std::thread::sleep(SETTLED + Duration::from_millis(1100));
        let second = index.look_up(&path, &options).expect("a file");
        assert_eq!(
            (first.facts, first.bytes),
            (second.facts.clone(), second.bytes)
        );
        assert_eq!(index.0.lock().expect("no panic").len(), 1);

        // Another file with the same size and the same time of modification.
        let modified = fs::metadata(&path)
            .expect("metadata")
            .modified()
            .expect("a time");
        let other = fs::read(fixture("nfcapd.202611241335")).expect("read");
        let size = usize::try_from(second.bytes).expect("small");
        let mut bytes = other;
        bytes.resize(size, 0);
        fs::write(&path, &bytes).expect("written");
        let file = fs::File::options().write(true).open(&path).expect("a file");
        file.set_times(FileTimes::new().set_modified(modified))
            .expect("set");
        let third = index.look_up(&path, &options);
        assert!(third.is_err() || third.is_ok_and(|third| third.facts != second.facts));
        fs::remove_file(&path).expect("removed");
        assert!(index.look_up(&path, &options).is_err());
    }
}
