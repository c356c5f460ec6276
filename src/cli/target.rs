//! Where output goes: standard output, or a file that appears when it is complete.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::report::Stop;

/// Bytes collected before they are written.
pub(super) const BUFFER: usize = 1 << 20;

/// An open destination. A file is removed again unless [`Target::finish`] is reached.
pub(super) enum Target {
    Stdout(File),
    File {
        temporary: NamedTempFile,
        path: PathBuf,
    },
    /// Something that cannot be replaced by renaming: a device, a pipe.
    Special {
        file: File,
        path: PathBuf,
    },
}

impl Target {
    /// `None` is standard output.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Stop> {
        let Some(path) = path else {
            // A descriptor of its own, unbuffered: we write large pieces, and one failure is enough.
            let stdout =
                stdout_file().map_err(|error| Stop::failed(format!("standard output: {error}")))?;
            return Ok(Self::Stdout(stdout));
        };
        let failed = |error: io::Error| Stop::failed(format!("{}: {error}", path.display()));
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(path).map_err(failed)?;
                return Ok(Self::Special {
                    file,
                    path: path.to_owned(),
                });
            }
            _ => {}
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".nfdecode-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any new file; the process's umask applies.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let temporary = builder.tempfile_in(directory).map_err(failed)?;
        super::interrupt::remove_on_exit(temporary.path());
        Ok(Self::File {
            temporary,
            path: path.to_owned(),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let written = match self {
            Self::Stdout(file) | Self::Special { file, .. } => file.write_all(bytes),
            Self::File { temporary, .. } => temporary.as_file_mut().write_all(bytes),
        };
        written.map_err(|error| self.explain(&error))
    }

    /// For what is not written from front to back; `None` if that is not possible.
    pub(super) fn seekable(&mut self) -> Option<&mut File> {
        match self {
            Self::File { temporary, .. } => Some(temporary.as_file_mut()),
            Self::Stdout(_) | Self::Special { .. } => None,
        }
    }

    /// Makes a file visible under its name.
    pub(super) fn finish(self) -> Result<(), Stop> {
        match self {
            Self::Stdout(_) | Self::Special { .. } => Ok(()),
            Self::File { temporary, path } => {
                let name = temporary.path().to_owned();
                let result = temporary.persist(&path);
                super::interrupt::forget(&name);
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

#[cfg(unix)]
fn stdout_file() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}
