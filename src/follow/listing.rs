//! Looking at directories: which flow files there are, with their sizes.
//!
//! A directory is listed again only if its time of modification has changed, so that looking at a large archive
//! costs one call per directory. Files that a collector writes are looked at each time: growing does not change their
//! directory. Does not remember files, and decides nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::follow::identity::Identity;
use crate::scan::fileset::{is_flow_file, is_unfinished};

/// How long after its last change a directory is listed once more: times of files are only so exact.
const INEXACT: Duration = Duration::from_millis(100);

/// A file as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its path.
    pub path: PathBuf,
    /// What a rename does not change.
    pub identity: Identity,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, nanoseconds since the epoch.
    pub modified: u64,
}

impl Seen {
    /// A file with what the system reports about it.
    #[must_use]
    pub fn new(path: PathBuf, metadata: &Metadata) -> Self {
        Self {
            path,
            identity: Identity::of(metadata),
            size: metadata.len(),
            modified: nanos(metadata),
        }
    }
}

fn nanos(metadata: &Metadata) -> u64 {
    let time = metadata.modified().ok();
    let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// What a look at the directories has found.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// All flow files of the directories that were listed. Other directories have not changed.
    pub directories: BTreeMap<PathBuf, Vec<Seen>>,
    /// Growing files of directories that have not changed.
    pub growing: Vec<Seen>,
    /// Directories that have vanished.
    pub gone: Vec<PathBuf>,
    /// Roots that can be listed and have no flow files.
    pub empty: Vec<PathBuf>,
    /// Places that cannot be listed, and why. Nothing is known about the files below.
    pub unreachable: Vec<(PathBuf, String)>,
    /// Whether every directory was listed.
    pub is_complete: bool,
}

/// What is known of a directory.
struct Known {
    /// Nanoseconds since the epoch; `None`: list it again.
    modified: Option<u64>,
    inner: Vec<PathBuf>,
    live: Vec<PathBuf>,
    files: usize,
}

/// Looks at directories again and again.
pub struct Lister {
    roots: Vec<PathBuf>,
    known: HashMap<PathBuf, Known>,
}

impl std::fmt::Debug for Lister {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lister")
            .field("roots", &self.roots)
            .field("directories", &self.known.len())
            .finish()
    }
}

impl Lister {
    /// For these directories and all below them.
    pub fn new(roots: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            roots: roots.into_iter().map(Into::into).collect(),
            known: HashMap::new(),
        }
    }

    /// The directories that were given.
    #[must_use]
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// How many directories are known.
    #[must_use]
    pub fn directories(&self) -> usize {
        self.known.len()
    }

    /// Looks at all directories. `is_complete`: lists also those that seem unchanged.
    pub fn list(&mut self, is_complete: bool) -> Listing {
        let mut listing = Listing {
            is_complete,
            ..Listing::default()
        };
        let mut visited = HashSet::new();
        let mut reached = HashSet::new();
        for root in self.roots.clone() {
            let mut files = 0;
            let mut waiting = vec![root.clone()];
            while let Some(directory) = waiting.pop() {
                match self.visit(&directory, &mut visited, &mut listing) {
                    Ok(inner) => {
                        waiting.extend(inner);
                        files += self.known.get(&directory).map_or(0, |known| known.files);
                        reached.insert(directory);
                    }
                    // Vanished meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound && directory != root => {}
                    Err(error) => {
                        files += 1;
                        listing.unreachable.push((directory, error.to_string()));
                    }
                }
            }
            if files == 0 {
                listing.empty.push(root);
            }
        }
        let is_lost = |directory: &PathBuf| !reached.contains(directory);
        let lost: Vec<PathBuf> = self
            .known
            .keys()
            .filter(|at| is_lost(at))
            .cloned()
            .collect();
        for directory in lost {
            self.known.remove(&directory);
            let is_hidden = |(place, _): &(PathBuf, String)| directory.starts_with(place);
            if !listing.unreachable.iter().any(is_hidden) {
                listing.gone.push(directory);
            }
        }
        listing
    }

    /// Looks at one directory, unless that was done before by another path. Returns those in it.
    fn visit(
        &mut self,
        directory: &Path,
        visited: &mut HashSet<(u64, u64)>,
        listing: &mut Listing,
    ) -> io::Result<Vec<PathBuf>> {
        let metadata = fs::metadata(directory)?;
        if !visited.insert((metadata.dev(), metadata.ino())) {
            return Ok(Vec::new());
        }
        let modified = nanos(&metadata);
        if let Some(known) = self.known.get(directory)
            && known.modified == Some(modified)
            && !listing.is_complete
        {
            let live = known.live.iter().filter_map(|path| look_at(path));
            listing.growing.extend(live);
            return Ok(known.inner.clone());
        }
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let (files, inner) = list(directory)?;
        let is_exact = started.saturating_sub(Duration::from_nanos(modified)) > INEXACT;
        let live = files.iter().map(|seen| &seen.path);
        let live = live.filter(|path| is_unfinished(path)).cloned().collect();
        let known = Known {
            modified: is_exact.then_some(modified),
            inner: inner.clone(),
            live,
            files: files.len(),
        };
        self.known.insert(directory.to_owned(), known);
        listing.directories.insert(directory.to_owned(), files);
        Ok(inner)
    }
}

/// A file as it is now.
pub(crate) fn look_at(path: &Path) -> Option<Seen> {
    let metadata = fs::metadata(path).ok()?;
    metadata
        .is_file()
        .then(|| Seen::new(path.to_owned(), &metadata))
}

/// The flow files in a directory, growing ones included, and the directories in it.
fn list(directory: &Path) -> io::Result<(Vec<Seen>, Vec<PathBuf>)> {
    let (mut files, mut inner) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if is_private(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        // What vanishes meanwhile, or is a link to nowhere, is no flow file.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            inner.push(path);
        } else if metadata.is_file() && (is_unfinished(&path) || is_flow_file(&path)) {
            files.push(Seen::new(path, &metadata));
        }
    }
    inner.sort_unstable();
    inner.reverse();
    Ok((files, inner))
}

/// Temporary files of ours and of other programs, such as rsync, and the records of our own directories.
fn is_private(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") || name == b"_nfdecode"
}
