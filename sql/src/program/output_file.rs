//! A file of an answer, which appears under its name when it is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The name that a file has until it is complete, in the same directory.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// A file that is removed again unless [`OutputFile::finish`] is reached. Devices and pipes are written to as they are.
pub(crate) struct OutputFile {
    path: PathBuf,
    /// Its name until then; `None` if it has its own already.
    unfinished: Option<PathBuf>,
}

impl OutputFile {
    /// Opens the file for writing.
    pub(crate) fn create(path: &Path) -> io::Result<(Self, Box<dyn Write + Send>)> {
        let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
        let unfinished = (!is_special).then(|| unfinished(path));
        let file = match &unfinished {
            Some(name) => File::create(name)?,
            None => File::options().write(true).open(path)?,
        };
        let path = path.to_owned();
        Ok((Self { path, unfinished }, Box::new(file)))
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.unfinished.take() {
            Some(name) => fs::rename(name, &self.path),
            None => Ok(()),
        }
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(name) = &self.unfinished {
            // What failed before is what is reported.
            let _ = fs::remove_file(name);
        }
    }
}
