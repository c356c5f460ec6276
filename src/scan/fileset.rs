//! Many files read as one: their order, and iteration over all of them.
//!
//! Keeps paths only and opens a file when its turn comes, so an archive may have any number of
//! files. Does not merge: flows come file by file, as stored. Does not know what flows are.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::iter::FusedIterator;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::vec;

use crate::error::{Error, Result};
use crate::file::block::Block;
use crate::file::handle::{File, IntoBlockRefs};
use crate::file::options::OpenOptions;
use crate::flow::owned::OwnedFlow;
use crate::scan::pipeline;

/// nfcapd files in an order, to be read one after the other.
///
/// ```
/// use nfdecode::FileSet;
///
/// let mut archive = FileSet::in_directory("tests/fixtures/archive")?;
/// archive.sort_by_time();
/// let mut packets = 0;
/// for block in archive.blocks() {
///     for flow in block?.flows() {
///         packets += flow.in_packets().unwrap_or(0);
///     }
/// }
/// assert_eq!((archive.len(), packets), (3, 1182));
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct FileSet {
    paths: Vec<PathBuf>,
    options: OpenOptions,
}

impl FileSet {
    /// These files in this order. Nothing is opened yet, so the paths need not exist.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            options: OpenOptions::new(),
        }
    }

    /// All nfcapd files below a directory in name order, as `nfdecode read DIRECTORY` takes them:
    /// files that are named `nfcapd.` and digits, start like one, or cannot be read, without those a
    /// collector is still writing (`nfcapd.current.1234`). Links are followed; a directory that several lead
    /// to counts once, so that they may form circles.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io): a directory cannot be listed, or what is in it not looked at.
    pub fn in_directory(path: impl AsRef<Path>) -> Result<Self> {
        let mut set = Self::default();
        let mut failed = None;
        search(path.as_ref(), &mut |found| match found {
            Ok(path) => set.paths.push(path),
            Err(problem) => {
                failed.get_or_insert(problem);
            }
        });
        match failed {
            None => Ok(set),
            Some((place, error)) => {
                Err(Error::from_io(error, "cannot be searched").in_file(&place.into()))
            }
        }
    }

    /// Opens files with [`File::open_partial`] instead of [`File::open`]: unfinished and cut ones too.
    pub fn partial(mut self, partial: bool) -> Self {
        self.options = self.options.partial(partial);
        self
    }

    /// Opens files with these options.
    pub fn open_with(mut self, options: OpenOptions) -> Self {
        self.options = options;
        self
    }

    /// Orders by file name, whatever the directory: `nfcapd.202601011200` names its time.
    pub fn sort_by_name(&mut self) {
        self.paths
            .sort_by(|a, b| (a.file_name(), a).cmp(&(b.file_name(), b)));
    }

    /// Orders by the earliest flow, as the files' statistics tell, or else by when the file was
    /// created. Opens each file for that. Files that cannot be opened come last, in their order.
    pub fn sort_by_time(&mut self) {
        self.paths.sort_by_cached_key(|path| {
            let Ok(file) = self.options.open(path) else {
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

    /// The paths in order.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The files in order, each opened when it is asked for. A file that cannot be opened is an
    /// `Err`; iteration goes on with the next.
    pub fn files(&self) -> Files {
        Files {
            paths: self.paths.clone().into_iter(),
            options: self.options.clone(),
        }
    }

    /// The blocks of all files in order, decoded one after the other. Errors as for
    /// [`files`](Self::files) and [`File::blocks`]; after each of them iteration goes on.
    pub fn blocks(&self) -> SetBlocks {
        SetBlocks {
            refs: SetBlockRefs {
                files: self.files(),
                current: None,
            },
        }
    }

    /// Copies of all flows in order: convenient, and slower than [`blocks`](Self::blocks). Errors as
    /// for [`blocks`](Self::blocks); damage inside a block comes after its flows.
    pub fn flows(&self) -> impl Iterator<Item = Result<OwnedFlow>> + use<> {
        self.blocks().flat_map(crate::file::handle::owned_flows)
    }

    /// Decodes the blocks of all files on `threads` threads, calls `map` on each there, and `consume`
    /// on the results in order. `Break` from `consume` ends it early.
    ///
    /// As [`pipeline::map_blocks`], with the threads busy across the ends of files: small files are
    /// worked on together.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, ops::ControlFlow};
    /// let archive = nfdecode::FileSet::in_directory("tests/fixtures/archive")?;
    /// let mut flows = 0;
    /// archive.map_blocks(
    ///     std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    ///     |block| block.map(|block| block.len()),
    ///     |result| {
    ///         flows += result.unwrap_or(0);
    ///         ControlFlow::Continue(())
    ///     },
    /// );
    /// assert_eq!(flows, 419);
    /// # Ok::<(), nfdecode::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `map` or `consume` panics; all threads have ended by then.
    pub fn map_blocks<R: Send>(
        &self,
        threads: NonZeroUsize,
        map: impl Fn(Result<Block>) -> R + Sync,
        consume: impl FnMut(R) -> ControlFlow<()> + Send,
    ) {
        let refs = self.blocks().refs;
        pipeline::map_items(
            refs,
            threads,
            |item| map(item.and_then(|(file, found)| file.load(found))),
            consume,
        );
    }
}

impl<P: Into<PathBuf>> FromIterator<P> for FileSet {
    fn from_iter<I: IntoIterator<Item = P>>(paths: I) -> Self {
        Self::new(paths)
    }
}

impl<P: Into<PathBuf>> Extend<P> for FileSet {
    fn extend<I: IntoIterator<Item = P>>(&mut self, paths: I) {
        self.paths.extend(paths.into_iter().map(Into::into));
    }
}

/// A file, or a place that cannot be searched with the reason.
pub type Found = std::result::Result<PathBuf, (PathBuf, io::Error)>;

/// Calls `found` for each nfcapd file below a directory in name order, and for each place below it that
/// cannot be searched. The rules are those of [`FileSet::in_directory`].
pub fn search(directory: &Path, found: &mut dyn FnMut(Found)) {
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
        } else if metadata.is_file()
            && !is_unfinished(&entry.file_name().to_string_lossy())
            && is_flow_file(&path)
        {
            found(Ok(path));
        }
    }
}

/// Names under which collectors write: `nfcapd.current.1234`.
fn is_unfinished(name: &str) -> bool {
    name.contains(".current.") || name.ends_with(".current")
}

/// Named like one, or starting like one. Damaged files keep their names, renamed ones their content;
/// `nfcapd.202601011200.json` is something else. What cannot be read may be one, which opening it tells.
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

/// The files of a set, see [`FileSet::files`].
#[derive(Clone, Debug)]
pub struct Files {
    paths: vec::IntoIter<PathBuf>,
    options: OpenOptions,
}

impl Iterator for Files {
    type Item = Result<File>;

    fn next(&mut self) -> Option<Result<File>> {
        self.paths.next().map(|path| self.options.open(path))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.paths.size_hint()
    }
}

impl ExactSizeIterator for Files {}
impl FusedIterator for Files {}

/// The places of all blocks, each with its file.
#[derive(Debug)]
struct SetBlockRefs {
    files: Files,
    current: Option<(File, IntoBlockRefs)>,
}

impl Iterator for SetBlockRefs {
    type Item = Result<(File, crate::file::block::BlockRef)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((file, refs)) = &mut self.current
                && let Some(found) = refs.next()
            {
                return Some(found.map(|found| (file.clone(), found)));
            }
            self.current = None;
            match self.files.next()? {
                Ok(file) => self.current = Some((file.clone(), file.into_block_refs())),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The blocks of a set, see [`FileSet::blocks`].
#[derive(Debug)]
pub struct SetBlocks {
    refs: SetBlockRefs,
}

impl SetBlocks {
    /// The file that the last block, or error inside a file, came from: for its
    /// [`names`](File::names), ident and path. `None` before the first and after a file that cannot
    /// be opened.
    #[must_use]
    pub fn file(&self) -> Option<&File> {
        self.refs.current.as_ref().map(|(file, _)| file)
    }
}

impl Iterator for SetBlocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        let found = self.refs.next()?;
        Some(found.and_then(|(file, found)| file.load(found)))
    }
}

impl FusedIterator for SetBlocks {}
