//! The one error type: what is wrong, in which file, block and record, at which byte.
//!
//! Nothing here decides what to do about an error; iteration in [`crate::file`] documents which
//! errors end a file and which only cost a block.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A `Result` with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system failed to open or read; [`std::error::Error::source`] has its error.
    Io,
    /// The file does not begin like an nfcapd file.
    NotNfcapd,
    /// The file was written on a host of the other byte order.
    OtherByteOrder,
    /// A valid file, but of a kind this version does not read: layout, compression, unknown encryption.
    Unsupported,
    /// The file ends before something it announces.
    Truncated,
    /// A size that no writer produces.
    ImpossibleSize,
    /// Compressed data do not decode.
    Compressed,
    /// A record does not fit its block.
    Record,
    /// An element does not fit its record.
    Element,
    /// There is less than a count announces.
    Count,
    /// Bytes are not those that were written: their checksum differs.
    Checksum,
    /// The file is encrypted, and no passphrase was given.
    Encrypted,
    /// The file is encrypted with another passphrase.
    WrongKey,
    /// The work limit for one file was reached: the rest was not searched.
    NotSearched,
    /// Out of memory; the file itself may be intact. The call can be repeated.
    OutOfMemory,
}

/// An error while opening or reading an nfcapd file.
///
/// `Display` gives one line: file, block, record or byte offset, reason.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    file: Option<Arc<Path>>,
    block: Option<u32>,
    record: Option<u32>,
    offset: u64,
    reason: &'static str,
    numbers: Option<(u64, u64)>,
    io: Option<Arc<io::Error>>,
}

impl Error {
    /// An error of this kind at a byte offset, for instance for tests of code that handles errors.
    #[must_use]
    pub fn new(kind: ErrorKind, offset: u64, reason: &'static str) -> Self {
        Self(Box::new(Inner {
            kind,
            file: None,
            block: None,
            record: None,
            offset,
            reason,
            numbers: None,
            io: None,
        }))
    }

    /// An error of the operating system; `reason` says what it refused.
    #[must_use]
    pub fn from_io(error: io::Error, reason: &'static str) -> Self {
        let mut this = Self::new(ErrorKind::Io, 0, reason);
        this.0.io = Some(Arc::new(error));
        this
    }

    pub(crate) fn at(mut self, block: Option<u32>, record: Option<u32>) -> Self {
        self.0.block = block;
        self.0.record = record;
        self
    }

    pub(crate) fn with_numbers(mut self, value: u64, limit: u64) -> Self {
        self.0.numbers = (value != 0 || limit != 0).then_some((value, limit));
        self
    }

    /// The place is `by` bytes further on in the file than it seemed.
    #[cfg(feature = "arrow")]
    pub(crate) fn moved(mut self, by: u64) -> Self {
        if self.0.record.is_none() {
            self.0.offset = self.0.offset.saturating_add(by);
        }
        self
    }

    pub(crate) fn in_file(mut self, file: &Arc<Path>) -> Self {
        self.0.file = Some(Arc::clone(file));
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file, unless it was opened from memory.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The number of the data block, from 0.
    #[must_use]
    pub fn block(&self) -> Option<u32> {
        self.0.block
    }

    /// The number of the record in its block, from 0.
    #[must_use]
    pub fn record(&self) -> Option<u32> {
        self.0.record
    }

    /// Where: bytes from the start of the file, or from the start of the *decoded* block when
    /// [`record`](Self::record) is known.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// A phrase naming what is wrong.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// The number found and the one it was compared with, where numbers are to blame.
    #[must_use]
    pub fn numbers(&self) -> Option<(u64, u64)> {
        self.0.numbers
    }

    /// The text without the file's name, for places where the name is already shown.
    #[must_use]
    pub fn without_file(&self) -> String {
        let mut this = self.clone();
        this.0.file = None;
        this.to_string()
    }

    /// Whether the file contains something that no intact file contains.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        !(self.is_transient() || self.is_unsupported())
    }

    /// Whether the error is transient (an error of the system, or out of memory) and says nothing about the
    /// file; a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_io() || self.0.kind == ErrorKind::OutOfMemory
    }

    /// Whether the operating system reported the error.
    #[must_use]
    pub fn is_io(&self) -> bool {
        self.0.kind == ErrorKind::Io
    }

    /// Whether the file may be fine but is of a kind this version does not read, or is encrypted and the
    /// right passphrase is missing.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unsupported
                | ErrorKind::OtherByteOrder
                | ErrorKind::Encrypted
                | ErrorKind::WrongKey
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            file,
            block,
            record,
            offset,
            reason,
            numbers,
            io,
        } = &*self.0;
        if let Some(file) = file {
            write!(f, "{}: ", PathBuf::from(&**file).display())?;
        }
        match (block, record) {
            (Some(block), Some(record)) => {
                write!(
                    f,
                    "block {block}, record {record} (byte {offset} of the decoded block): "
                )?;
            }
            (Some(block), None) => write!(f, "block {block} (byte {offset}): ")?,
            _ => {}
        }
        f.write_str(reason)?;
        if let Some(io) = io {
            return write!(f, ": {io}");
        }
        match (numbers, kind) {
            (Some((value, limit)), ErrorKind::NotNfcapd) => {
                write!(f, " (starts with 0x{value:04x} instead of 0x{limit:04x})")
            }
            (
                Some((value, limit)),
                ErrorKind::ImpossibleSize
                | ErrorKind::Record
                | ErrorKind::Element
                | ErrorKind::Count,
            ) if *limit != 0 => {
                write!(f, " ({value}, {limit})")
            }
            (Some((value, limit)), ErrorKind::Truncated) => {
                write!(f, " ({value} of {limit} bytes)")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.io.as_deref().map(|error| error as _)
    }
}

/// For functions that return [`io::Error`]: errors of the system keep their kind, those of a file's
/// content become [`InvalidData`](io::ErrorKind::InvalidData),
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) where its end is missing, or
/// [`PermissionDenied`](io::ErrorKind::PermissionDenied) where its passphrase is. The text and this error
/// as inner one are kept.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match (&error.0.io, error.0.kind) {
            (Some(io), _) => io.kind(),
            (None, ErrorKind::OutOfMemory) => io::ErrorKind::OutOfMemory,
            (None, ErrorKind::Truncated) => io::ErrorKind::UnexpectedEof,
            (None, ErrorKind::Unsupported | ErrorKind::OtherByteOrder) => {
                io::ErrorKind::Unsupported
            }
            (None, ErrorKind::Encrypted | ErrorKind::WrongKey) => io::ErrorKind::PermissionDenied,
            (None, _) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
