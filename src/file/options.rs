//! How to open a file.

#[cfg(feature = "encryption")]
use crate::file::passphrase::Passphrase;
use crate::raw;

/// How to open a file: what [`File::open`](crate::File::open), [`File::open_partial`](crate::File::open_partial) and the like do, and encrypted files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct OpenOptions {
    partial: bool,
    cut_block: bool,
    #[cfg(feature = "encryption")]
    passphrase: Option<Passphrase>,
}

impl OpenOptions {
    /// As [`File::open`](crate::File::open) does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to read unfinished and truncated files, see [`File::open_partial`](crate::File::open_partial).
    pub fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    /// With [`partial`](Self::partial): whether to read also the available part of a last block that the end of the
    /// file truncates. It follows the error that reports the truncation.
    ///
    /// Not for a file that is still written and read on later from [`BlockRefs::position`](crate::file::BlockRefs::position): the position stays
    /// where the block begins, so its flows would be returned again. Blocks of encrypted files are read only whole,
    /// because changes of a part would not be detected.
    pub fn cut_block(mut self, cut_block: bool) -> Self {
        self.cut_block = cut_block;
        self
    }

    /// The passphrase of encrypted files (layout 3). Unencrypted files open as usual.
    ///
    /// A file that does not match the code in its footer is rejected with
    /// [`ErrorKind::Checksum`](crate::ErrorKind::Checksum), unless opened [partially](Self::partial); a
    /// block that was changed is an error of its own with the same kind.
    #[cfg(feature = "encryption")]
    pub fn passphrase(mut self, passphrase: Passphrase) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// Whether to read everything recoverable in a file that is not read on later.
    pub fn salvage(self, wanted: bool) -> Self {
        self.partial(wanted).cut_block(wanted)
    }

    /// Whether unfinished and truncated files are read as far as possible.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    #[cfg(feature = "encryption")]
    pub(crate) fn passphrase_of(&self) -> Option<&Passphrase> {
        self.passphrase.as_ref()
    }

    /// The flags of the C library's open functions.
    pub(crate) fn flags(&self) -> u32 {
        let mut flags = 0;
        if self.partial {
            flags |= raw::OPEN_PARTIAL;
        }
        if self.cut_block {
            flags |= raw::OPEN_CUT;
        }
        #[cfg(feature = "encryption")]
        if self.passphrase.is_some() {
            flags |= raw::OPEN_ENCRYPTED;
        }
        flags
    }
}
