//! The private temporary directory of one conversion.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, process, thread};

use crate::convert::isolation;

/// Names end in this many decimal digits at most. nfpcapd derives the keys of its shared memory from
/// the path; among siblings that differ in so few digits they cannot collide.
const NAMES: u32 = 1_000_000;
/// How often removing a directory is tried.
const REMOVALS: u32 = 20;

/// A directory with `out/` for nfpcapd's files and an empty configuration file. Removed when dropped.
#[derive(Debug)]
pub struct WorkDir {
    path: PathBuf,
}

impl WorkDir {
    /// Makes one in the system's directory for temporary files, readable by this user only.
    ///
    /// # Errors
    /// The directory cannot be made, for example because `TMPDIR` names none.
    pub fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // nfpcapd derives its keys from the resolved path.
        let parent = env::temp_dir().canonicalize()?;
        for _ in 0..NAMES {
            let number = (process::id() + NEXT.fetch_add(1, Ordering::Relaxed)) % NAMES;
            let path = parent.join(format!("nfdecode-{number}"));
            match make_private(&path) {
                Ok(()) => {
                    let this = Self { path };
                    fs::create_dir(this.out())?;
                    fs::write(this.configuration(), b"")?;
                    return Ok(this);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that nfpcapd writes to.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.path.join("out")
    }

    /// Removes the files and System V objects of nfpcapd, for another run.
    ///
    /// # Errors
    /// The directory cannot be emptied.
    pub fn clear(&self) -> io::Result<()> {
        isolation::remove_leftovers(&self.out());
        remove(&self.out())?;
        fs::create_dir(self.out())
    }

    /// An empty configuration file, used instead of the system's.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.path.join("empty.conf")
    }

    /// The path for a rewritten capture.
    #[must_use]
    pub fn capture(&self) -> PathBuf {
        self.path.join("capture.pcap")
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // There is no caller to report a failure to.
        let _ = remove(&self.path);
    }
}

/// Removes the directory. A killed process may still be writing there for a moment, hence the retries.
fn remove(path: &Path) -> io::Result<()> {
    let mut result = fs::remove_dir_all(path);
    for _ in 1..REMOVALS {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                thread::sleep(Duration::from_millis(10));
                result = fs::remove_dir_all(path);
            }
            _ => break,
        }
    }
    result
}

/// Removes a directory made by [`WorkDir::new`] and the System V objects of its nfpcapd, even while that
/// runs: for a process that is about to end.
pub fn remove_traces(path: &Path) {
    isolation::remove_leftovers(&path.join("out"));
    // There is no caller to report a failure to.
    let _ = remove(path);
}

fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path)
}
