//! One file of a scan, before it is opened.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::handle::{File, Position};
use crate::file::options::OpenOptions;

/// A file to read: a path, an open file, or a place that could not be looked at.
///
/// Made from anything that is a path, and from a [`File`]. Nothing is opened before the scan reaches it.
#[derive(Clone, Debug)]
pub struct ScanInput {
    origin: Origin,
    name: String,
    is_found: bool,
    start: Start,
}

/// Where reading a file begins, and what an earlier reading selected before that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    pub(crate) position: Position,
    pub(crate) flows: u64,
}

#[derive(Clone, Debug)]
enum Origin {
    Path {
        path: PathBuf,
        copied_from: Option<PathBuf>,
    },
    Open(File),
    Unreachable(Error),
}

impl ScanInput {
    /// The file at a path. Its name is the last part of the path.
    #[must_use]
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: name_of(Some(&path)),
            origin: Origin::Path {
                path,
                copied_from: None,
            },
            is_found: false,
            start: Start::default(),
        }
    }

    /// A file that is open, perhaps in memory. Its name is the last part of its path, or empty.
    #[must_use]
    pub fn file(file: File) -> Self {
        Self {
            name: name_of(file.path()),
            origin: Origin::Open(file),
            is_found: false,
            start: Start::default(),
        }
    }

    /// A place that cannot be read, such as a directory without permission. The scan reports `error` there.
    #[must_use]
    pub fn unreachable(error: Error) -> Self {
        Self {
            name: name_of(error.file()),
            origin: Origin::Unreachable(error),
            is_found: false,
            start: Start::default(),
        }
    }

    /// The file at a path that a search found. Unlike a file that the caller named, it is left out if its name
    /// says that it is days away from the times that a scan needs.
    #[must_use]
    pub fn found(path: impl Into<PathBuf>) -> Self {
        Self {
            is_found: true,
            ..Self::path(path)
        }
    }

    /// Whether a search found it, see [`found`](Self::found).
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.is_found
    }

    /// Begins reading where an earlier reading of the same file stopped, which selected `flows` flows: their
    /// numbers in the file go on from there. See [`ScanBlock::next_position`](super::ScanBlock::next_position).
    #[must_use]
    pub fn starting_at(mut self, position: Position, flows: u64) -> Self {
        self.start = Start { position, flows };
        self
    }

    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// Sets the name under which flows of this file are shown.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Says that the path is a temporary copy. Errors then name the original.
    #[must_use]
    pub fn copy_of(mut self, original: impl Into<PathBuf>) -> Self {
        if let Origin::Path { copied_from, .. } = &mut self.origin {
            *copied_from = Some(original.into());
        }
        self
    }

    /// The name under which flows of this file are shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path that is read, if there is one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Path { path, .. } => Some(path),
            Origin::Open(file) => file.path(),
            Origin::Unreachable(error) => error.file(),
        }
    }

    /// What the path is a copy of, if it is one.
    #[must_use]
    pub fn copied_from(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Path { copied_from, .. } => copied_from.as_deref(),
            Origin::Open(_) | Origin::Unreachable(_) => None,
        }
    }

    /// Why the place cannot be read, if that is known beforehand.
    #[must_use]
    pub fn problem(&self) -> Option<&Error> {
        match &self.origin {
            Origin::Unreachable(error) => Some(error),
            Origin::Path { .. } | Origin::Open(_) => None,
        }
    }

    /// Opens the file, or hands out the open one.
    ///
    /// # Errors
    /// Those of [`OpenOptions::open`], and the error of an [unreachable](Self::unreachable) place.
    pub fn open(&self, options: &OpenOptions) -> Result<File> {
        match &self.origin {
            Origin::Path { path, copied_from } => {
                options.open_as(path, copied_from.as_deref().unwrap_or(path))
            }
            Origin::Open(file) => Ok(file.clone()),
            Origin::Unreachable(error) => Err(error.clone()),
        }
    }
}

fn name_of(path: Option<&Path>) -> String {
    let name = path.and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl<P: Into<PathBuf>> From<P> for ScanInput {
    fn from(path: P) -> Self {
        Self::path(path)
    }
}
