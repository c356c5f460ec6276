//! Where output goes: standard output, or a file that appears when it is complete.
//!
//! A file is written under a temporary name in the same directory and then renamed; it has the permissions of the
//! file it replaces. A link stays a link: its target is replaced. A destination that cannot be replaced - a device, a
//! pipe, an open file of a process - is written to.

use crate::run::interrupt;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::run::stop::Stop;

/// Size of the write buffer.
pub(crate) const BUFFER: usize = 1 << 20;
/// Text that is written to a pipe or a device at once: it has not left the cache by then.
const PIECE: usize = 256 << 10;
/// Text that is written to a regular file at once: each call takes the lock of the file.
const PIECE_OF_FILE: usize = 1 << 20;
/// Bytes that a pipe holds: as many as Linux gives without privileges. With the usual 64 KiB, reader and
/// writer wait for each other at each piece.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// An open destination. A file is removed again unless [`Target::finish`] is reached.
pub(crate) enum Target {
    Stdout(File),
    File {
        temporary: NamedTempFile,
        path: PathBuf,
    },
    /// A destination that cannot be replaced by renaming: a device, a pipe.
    Special {
        file: File,
        path: PathBuf,
    },
}

impl Target {
    /// `None` is standard output.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Stop> {
        let Some(path) = path else {
            // A descriptor of its own, unbuffered: we write large pieces, and one failure is enough.
            let stdout =
                stdout_file().map_err(|error| Stop::failed(format!("standard output: {error}")))?;
            widen(&stdout);
            return Ok(Self::Stdout(stdout));
        };
        let failed = |error: io::Error| {
            Stop::failed(format!("{}: {}", path.display(), of_the_system(&error)))
        };
        let place = follow_links(path).map_err(failed)?;
        match (&place, path.metadata()) {
            (_, Ok(metadata)) if metadata.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            (Place::Open(number), _) => {
                let file = opened(path, *number).map_err(failed)?;
                return Ok(Self::special(path, file));
            }
            (_, Ok(metadata)) if !metadata.is_file() => {
                let file = File::options().write(true).open(path).map_err(failed)?;
                return Ok(Self::special(path, file));
            }
            _ => {}
        }
        let Place::Name(place) = place else {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        };
        let directory = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let make = || temporary(directory);
        let temporary = interrupt::temporary(make, |file| file.path()).map_err(failed)?;
        if let Ok(replaced) = place.metadata() {
            keep_closed(temporary.as_file(), &replaced).map_err(failed)?;
        }
        Ok(Self::File {
            temporary,
            path: place,
        })
    }

    fn special(path: &Path, file: File) -> Self {
        widen(&file);
        Self::Special {
            file,
            path: path.to_owned(),
        }
    }

    /// Whether the user named the destination, rather than standard output.
    pub(crate) fn is_named(&self) -> bool {
        !matches!(self, Self::Stdout(_))
    }

    /// Text that is worth a call of [`write`](Self::write).
    pub(crate) fn piece(&self) -> usize {
        let is_file = match self {
            Self::Stdout(file) | Self::Special { file, .. } => {
                file.metadata().is_ok_and(|metadata| metadata.is_file())
            }
            Self::File { .. } => true,
        };
        if is_file { PIECE_OF_FILE } else { PIECE }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let written = match self {
            Self::Stdout(file) | Self::Special { file, .. } => file.write_all(bytes),
            Self::File { temporary, .. } => temporary.as_file_mut().write_all(bytes),
        };
        written.map_err(|error| self.explain(&error))
    }

    /// The file, for output that is not written from front to back; `None` if that is not possible.
    pub(crate) fn seekable(&mut self) -> Option<&mut File> {
        match self {
            Self::File { temporary, .. } => Some(temporary.as_file_mut()),
            Self::Stdout(_) | Self::Special { .. } => None,
        }
    }

    /// Makes a file visible under its name.
    pub(crate) fn finish(self) -> Result<(), Stop> {
        match self {
            Self::Stdout(_) | Self::Special { .. } => Ok(()),
            Self::File { temporary, path } => {
                let name = temporary.path().to_owned();
                let result = temporary.persist(&path);
                interrupt::forget(&name);
                result
                    .map(drop)
                    .map_err(|error| Stop::failed(format!("{}: {}", path.display(), error.error)))
            }
        }
    }

    fn explain(&self, error: &io::Error) -> Stop {
        match self {
            _ if error.kind() == io::ErrorKind::BrokenPipe => Stop::OutputClosed,
            Self::Stdout(_) => Stop::failed(format!("standard output: {error}")),
            Self::File { path, .. } | Self::Special { path, .. } => {
                Stop::failed(format!("{}: {error}", path.display()))
            }
        }
    }
}

/// A temporary file in this directory; it gets its name when it is complete.
pub(crate) fn temporary(directory: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".nfdecode-")
        .suffix(".tmp")
        // Permissions of any new file; the process's umask applies.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
}

/// Restricts the new file to the readers of the file that it replaces. The new one belongs to its writer, so
/// set-user-id and similar bits are not copied.
fn keep_closed(file: &File, replaced: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    let mut mode = replaced.mode() & 0o777;
    if own.gid() != replaced.gid() && fchown(file, None, Some(replaced.gid())).is_err() {
        // If the group differs, it gets the permissions of others.
        mode = (mode & 0o707) | (mode & 0o007) << 3;
    }
    if own.mode() & 0o7777 != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Maximum links followed, as in the system.
const LINKS_MAX: usize = 40;

/// What a path refers to.
enum Place {
    /// A file of this name, which need not exist.
    Name(PathBuf),
    /// An open file of a process, such as `/dev/stdout`; its number if it is this process.
    Open(Option<u32>),
}

/// `/dev/fd/7`, `/proc/self/fd/7`, `/proc/1234/task/1234/fd/7`.
fn is_open_file(place: &Path) -> bool {
    let name = place.file_name().unwrap_or_default().as_encoded_bytes();
    let directory = place.parent().unwrap_or(place);
    // A path through the working directory of a process is an ordinary path.
    let leads_away = |part: std::path::Component<'_>| {
        ["cwd", "root"].iter().any(|name| part.as_os_str() == *name)
    };
    name.iter().all(u8::is_ascii_digit)
        && (directory == Path::new("/dev/fd")
            || (directory.starts_with("/proc")
                && directory.ends_with("fd")
                && !directory.components().any(leads_away)))
}

/// Whether output of this name is written to an existing object, rather than replacing it.
pub(crate) fn is_written_to(path: &Path) -> bool {
    !matches!(follow_links(path), Ok(Place::Name(_)))
}

fn follow_links(path: &Path) -> io::Result<Place> {
    let mut place = path.to_owned();
    for _ in 0..LINKS_MAX {
        if is_open_file(&place) {
            let own = ["/proc/self/fd", "/dev/fd"];
            let number = own.iter().find_map(|own| place.strip_prefix(own).ok());
            let number = number.and_then(|number| number.to_str()?.parse().ok());
            return Ok(Place::Open(number));
        }
        let Ok(target) = place.read_link() else {
            return Ok(Place::Name(place));
        };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::other("too many levels of links"))
}

/// Opens a file that a process has open, to be written to from its current position.
fn opened(path: &Path, number: Option<u32>) -> io::Result<File> {
    match number {
        Some(1) => stdout_file(),
        Some(2) => stderr_file(),
        // Opening the file again would begin at its start and overwrite the output of others.
        _ => File::options().append(true).open(path),
    }
}

/// The system's error, without the name of a temporary file that `tempfile` appends.
pub(crate) fn of_the_system(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((said, _)) => said.to_owned(),
        None => text,
    }
}

/// Lets a pipe hold more. Files that are no pipes refuse, as do pipes of users who have too many: both work as
/// before.
fn widen(file: &File) {
    #[cfg(target_os = "linux")]
    if rustix::pipe::fcntl_getpipe_size(file).is_ok_and(|size| size < PIPE) {
        let _ = rustix::pipe::fcntl_setpipe_size(file, PIPE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

fn stdout_file() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

fn stderr_file() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    io::stderr().as_fd().try_clone_to_owned().map(File::from)
}
