//! Lists of files: found below directories, sorted by name or time.
//!
//! Keeps paths only. Does not read flows: a [`Scan`](crate::Scan) of the list does.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::options::OpenOptions;
use crate::scan::input::ScanInput;

/// nfcapd files in an order, to be read one after the other.
///
/// ```
/// use nfdecode::FileSet;
///
/// let mut archive = FileSet::in_directory("tests/fixtures/archive")?;
/// archive.sort_by_time();
/// let mut packets = 0;
/// for block in archive.scan().blocks() {
///     for flow in block?.flows() {
///         packets += flow.in_packets().unwrap_or(0);
///     }
/// }
/// assert_eq!((archive.len(), packets), (3, 1182));
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct FileSet {
    inputs: Vec<ScanInput>,
    options: OpenOptions,
}

impl FileSet {
    /// These files in this order. Nothing is opened yet, so the paths need not exist.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        paths.into_iter().collect()
    }

    /// All nfcapd files below a directory in name order.
    ///
    /// These are files that are named `nfcapd.` and digits, begin like one, or cannot be read, without those a
    /// collector is still writing (`nfcapd.current.1234`). Links are followed; a directory that several lead
    /// to counts once, so that they may form circles. A place below the directory that cannot be searched
    /// becomes an input that reports the error when it is read, see [`problems`](Self::problems).
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io): the directory itself cannot be listed.
    pub fn in_directory(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut set = Self::default();
        let mut failed = None;
        search(path, &mut |found| match found {
            Ok(path) => set.inputs.push(ScanInput::found(path)),
            Err((place, error)) => {
                let is_top = place == path;
                let error = Error::from_io(error, "cannot be searched").in_file(&place.into());
                if is_top {
                    failed.get_or_insert(error.clone());
                }
                set.inputs.push(ScanInput::unreachable(error));
            }
        });
        match failed {
            None => Ok(set),
            Some(error) => Err(error),
        }
    }

    /// Opens files with these options.
    pub fn open_with(mut self, options: OpenOptions) -> Self {
        self.options = options;
        self
    }

    /// How files are opened.
    pub fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Orders by file name, whatever the directory: `nfcapd.202601011200` names its time.
    pub fn sort_by_name(&mut self) {
        let key = |input: &ScanInput| {
            let path = input.as_path().unwrap_or(Path::new(""));
            (path.file_name().map(ToOwned::to_owned), path.to_owned())
        };
        self.inputs.sort_by_cached_key(key);
    }

    /// Orders by the earliest flow according to the files' statistics, or else by when the file was created.
    /// Opens each file for that. Files that cannot be opened come last, in their order.
    pub fn sort_by_time(&mut self) {
        self.inputs.sort_by_cached_key(|input| {
            let Ok(file) = input.open(&self.options) else {
                return u64::MAX;
            };
            let first = file
                .statistics()
                .and_then(|statistics| statistics.first_seen);
            first.map_or_else(
                || {
                    u64::try_from(file.header().created)
                        .unwrap_or(0)
                        .saturating_mul(1000)
                },
                crate::value::time::Timestamp::as_millis,
            )
        });
    }

    /// The paths in order, places that cannot be searched included.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.inputs.iter().filter_map(ScanInput::as_path)
    }

    /// The files in order, as inputs of a scan.
    pub fn inputs(&self) -> impl Iterator<Item = ScanInput> + '_ {
        self.inputs.iter().cloned()
    }

    /// The places that could not be searched.
    pub fn problems(&self) -> impl Iterator<Item = &Error> {
        self.inputs.iter().filter_map(ScanInput::problem)
    }

    /// How many files there are, with places that cannot be searched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there are no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }
}

impl<P: Into<PathBuf>> FromIterator<P> for FileSet {
    fn from_iter<I: IntoIterator<Item = P>>(paths: I) -> Self {
        let mut set = Self::default();
        set.extend(paths);
        set
    }
}

impl<P: Into<PathBuf>> Extend<P> for FileSet {
    fn extend<I: IntoIterator<Item = P>>(&mut self, paths: I) {
        self.inputs
            .extend(paths.into_iter().map(|path| ScanInput::path(path)));
    }
}

/// A file, or a place that cannot be searched with the reason.
pub type Found = std::result::Result<PathBuf, (PathBuf, io::Error)>;

/// Calls `found` for each nfcapd file below a directory in name order, and for each place below it that
/// cannot be searched. The rules are those of [`FileSet::in_directory`].
pub fn search(directory: &Path, found: &mut dyn FnMut(Found)) {
    search_all(directory, &mut |entry| match entry {
        Ok(path) if is_unfinished(&path) => {}
        entry => found(entry),
    });
}

/// As [`search`], including files that a collector is still writing, see [`is_unfinished`].
pub fn search_all(directory: &Path, found: &mut dyn FnMut(Found)) {
    search_from(directory, &mut HashSet::new(), found);
}

fn search_from(directory: &Path, seen: &mut HashSet<PathBuf>, found: &mut dyn FnMut(Found)) {
    let is_inner = !seen.is_empty();
    let mut list = || -> io::Result<Vec<fs::DirEntry>> {
        if !seen.insert(fs::canonicalize(directory)?) {
            return Ok(Vec::new());
        }
        let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        Ok(entries)
    };
    let entries = match list() {
        Ok(entries) => entries,
        // Removed meanwhile, as by nfexpire.
        Err(error) if is_inner && error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return found(Err((directory.to_owned(), error))),
    };
    for entry in entries {
        let path = entry.path();
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // A link that leads nowhere or to itself, or a file removed meanwhile, is no flow file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => continue,
            Err(error) => {
                found(Err((path, error)));
                continue;
            }
        };
        if metadata.is_dir() {
            search_from(&path, seen, found);
        } else if metadata.is_file() && is_flow_file(&path) {
            found(Ok(path));
        }
    }
}

/// Whether collectors give this name to files that they are still writing: `nfcapd.current.1234`. The file is not
/// looked at.
#[must_use]
pub fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".current.") || name.ends_with(".current")
}

/// Named like one, or starting like one. Damaged files keep their names, renamed ones their content;
/// `nfcapd.202601011200.json` is another kind of file. An unreadable file may be one; opening it reports the error.
fn is_flow_file(path: &Path) -> bool {
    let named_like_one = path
        .file_name()
        .and_then(|name| name.as_encoded_bytes().strip_prefix(b"nfcapd."))
        .is_some_and(|rest| rest.iter().all(u8::is_ascii_digit));
    named_like_one || {
        let mut magic = [0; 2];
        let read =
            fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut magic));
        match read.map_err(|error| error.kind()) {
            Ok(()) => is_magic(magic),
            Err(io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound) => false,
            Err(_) => true,
        }
    }
}

/// Whether a file that starts so is an nfcapd file, of a writer of either byte order.
#[must_use]
pub fn is_magic(start: [u8; 2]) -> bool {
    matches!(start, [0x0C, 0xA5] | [0xA5, 0x0C])
}
