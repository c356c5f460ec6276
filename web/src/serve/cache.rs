//! Summaries on disk, so that the next start needs not read the files again.
//!
//! One file for each directory of flow files, named by a hash of its path. It is replaced as a whole, so that several
//! programs may use the same cache. A cache that is damaged or of another version counts as empty. It holds names of
//! files and addresses of exporters: only its owner may read it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::serve::archive::{Archive, Entry, Identity, List};
use crate::serve::codec::{Decoder, Encoder};
use crate::serve::summary::Summary;

/// The beginning of a cache file: changes with what is in it.
const MAGIC: &[u8] = b"nfdecode summaries 1\n";
/// A larger cache file is not ours.
const SIZE_MAX: u64 = 1 << 30;
const DIGEST: usize = 32;

/// A directory with summaries.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    /// What else summaries depend on, such as whether damaged files are salvaged.
    reading: u64,
}

/// Summaries of files by their names.
type Known = BTreeMap<Vec<u8>, (Identity, Vec<u8>)>;

impl Cache {
    /// In this directory, which is made if it does not exist.
    pub(crate) fn new(directory: PathBuf, reading: u64) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self { directory, reading })
    }

    /// Gives the files of a list the summaries that are known.
    pub(crate) fn load(&self, archive: &Archive, list: &List) {
        for (directory, entries) in directories(list) {
            let known = self.read(&directory);
            for entry in entries {
                let name = entry.path.file_name().unwrap_or_default().as_bytes();
                let found = known.get(name);
                let fits = found.filter(|(identity, _)| *identity == entry.identity);
                if let Some(summary) = fits.and_then(|(_, bytes)| Summary::decode(bytes)) {
                    archive.summarize(entry, summary);
                }
            }
        }
    }

    /// Writes the summaries of the directories of these files.
    pub(crate) fn save(&self, list: &List, changed: &[Arc<Entry>]) -> io::Result<()> {
        let parents: Vec<PathBuf> = changed.iter().map(|entry| parent(entry)).collect();
        for (directory, entries) in directories(list) {
            if !parents.contains(&directory) {
                continue;
            }
            let mut known = self.read(&directory);
            // Files that are gone are forgotten; others may be known to another program that serves them.
            known.retain(|name, _| {
                let name = std::ffi::OsStr::from_bytes(name);
                directory.join(name).symlink_metadata().is_ok()
            });
            for entry in entries {
                let name = entry.path.file_name().unwrap_or_default().as_bytes();
                if let Some(summary) = entry.summary.get()
                    && !summary.is_passing
                    && entry.identity != Identity::default()
                {
                    known.insert(name.to_vec(), (entry.identity, summary.encode()));
                }
            }
            self.write(&directory, &known)?;
        }
        Ok(())
    }

    fn place(&self, directory: &Path) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(directory.as_os_str().as_bytes());
        hash.update(self.reading.to_le_bytes());
        let name: String = hash
            .finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.directory.join(format!("{name}.summaries"))
    }

    fn read(&self, directory: &Path) -> Known {
        let place = self.place(directory);
        let is_ours = fs::metadata(&place).is_ok_and(|found| found.len() <= SIZE_MAX);
        let bytes = is_ours.then(|| fs::read(&place)).and_then(Result::ok);
        bytes.and_then(|bytes| decode(&bytes)).unwrap_or_default()
    }

    fn write(&self, directory: &Path, known: &Known) -> io::Result<()> {
        let place = self.place(directory);
        let draft = place.with_extension(format!("{}.draft", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(&encode(known)))
            .and_then(|()| fs::rename(&draft, &place));
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

/// The directory of a file, under one name however it was given.
fn parent(entry: &Entry) -> PathBuf {
    let parent = match entry.path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned())
}

fn directories(list: &List) -> BTreeMap<PathBuf, Vec<&Arc<Entry>>> {
    let mut found = BTreeMap::<PathBuf, Vec<_>>::new();
    let mut last: Option<(&Path, PathBuf)> = None;
    for entry in &list.entries {
        let given = entry.path.parent().unwrap_or(Path::new(""));
        let canonical = match &last {
            Some((known, canonical)) if *known == given => canonical.clone(),
            _ => parent(entry),
        };
        last = Some((given, canonical.clone()));
        found.entry(canonical).or_default().push(entry);
    }
    found
}

fn encode(known: &Known) -> Vec<u8> {
    let mut out = Encoder::default();
    for (name, (identity, bytes)) in known {
        out.bytes(name);
        out.number(identity.size);
        out.signed(identity.changed);
        out.number(identity.inode);
        out.bytes(bytes);
    }
    let body = out.finish();
    let digest = Sha256::digest(&body);
    [MAGIC, &digest, &body].concat()
}

fn decode(bytes: &[u8]) -> Option<Known> {
    let (digest, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(DIGEST)?;
    if Sha256::digest(body)[..] != *digest {
        return None;
    }
    let (mut read, mut known) = (Decoder(body), Known::new());
    while !read.is_empty() {
        let name = read.bytes()?.to_vec();
        let identity = Identity {
            size: read.number()?,
            changed: read.signed()?,
            inode: read.number()?,
        };
        known.insert(name, (identity, read.bytes()?.to_vec()));
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use nfdecode::scan::ScanInput;

    use super::*;
    use crate::survey::files::Files;
    use crate::survey::timeline::Timeline;

    #[test]
    fn summaries_survive_and_changed_files_have_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            fs::write(path(name), name).expect("written");
        }
        let place = path("cache");
        let start = || {
            let archive = Archive::default();
            archive.update(["a", "b"].map(|name| ScanInput::path(path(name))).into());
            let cache = Cache::new(place.clone(), 0).expect("a cache");
            cache.load(&archive, &archive.list());
            (archive, cache)
        };
        let (archive, cache) = start();
        let list = archive.list();
        for entry in &list.entries {
            assert!(entry.summary.get().is_none());
            archive.summarize(
                entry,
                Summary::new(Timeline::default(), [1, 2, 3], &Files::default()),
            );
        }
        cache.save(&list, &list.entries).expect("saved");
        let (archive, _) = start();
        assert_eq!(archive.overall().done, 2);
        assert_eq!(archive.overall().totals, [2, 4, 6]);
        fs::write(path("b"), "another").expect("written");
        let (archive, _) = start();
        assert_eq!(archive.overall().done, 1);
        // Another way of reading has other summaries.
        let other = Cache::new(place.clone(), 1).expect("a cache");
        let archive = Archive::default();
        archive.update(vec![ScanInput::path(path("a"))]);
        other.load(&archive, &archive.list());
        assert_eq!(archive.overall().done, 0);
        // A damaged cache is an empty one.
        for file in fs::read_dir(&place).expect("a folder").flatten() {
            let mut bytes = fs::read(file.path()).expect("readable");
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(file.path(), bytes).expect("written");
        }
        assert_eq!(start().0.overall().done, 0);
    }
}
