//! `convert --keep`: nfcapd files that stay when their flows have been printed.

use std::fs;
use std::io;
use std::path::Path;

use nfdecode::scan::ScanInput;

use crate::run::interrupt;
use crate::run::stop::Stop;
use crate::sink::target;

/// Where `--keep` puts files.
pub(crate) struct Keep<'a> {
    directory: &'a Path,
}

impl<'a> Keep<'a> {
    pub(crate) fn new(directory: &'a Path) -> Result<Self, Stop> {
        fs::create_dir_all(directory)
            .map_err(|error| Stop::failed(format!("{}: {error}", directory.display())))?;
        Ok(Self { directory })
    }

    /// Copies a file. An existing one of that name is not replaced, and is an error.
    fn copy(&self, file: &Path, name: &str) -> Result<(), Stop> {
        let target = self.directory.join(name);
        let failed =
            |error: &dyn std::fmt::Display| Stop::failed(format!("{}: {error}", target.display()));
        let make = || tempfile::NamedTempFile::new_in(self.directory);
        let mut copy = interrupt::temporary(make, |copy| copy.path())
            .map_err(|error| failed(&target::of_the_system(&error)))?;
        let result = (|| {
            io::copy(&mut fs::File::open(file)?, copy.as_file_mut())?;
            use std::os::unix::fs::PermissionsExt as _;
            copy.as_file()
                .set_permissions(fs::Permissions::from_mode(0o644))
        })();
        result.map_err(|error| failed(&target::of_the_system(&error)))?;
        let temporary = copy.path().to_owned();
        let result = copy.persist_noclobber(&target).map(drop);
        interrupt::forget(&temporary);
        result.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => failed(&"the file exists and is not replaced"),
            _ => failed(&error.error),
        })
    }
}

/// Removes a printed file, after keeping it if requested.
pub(crate) fn done_with(keep: Option<&Keep<'_>>, input: &ScanInput) -> Result<(), Stop> {
    let Some(path) = input.as_path() else {
        return Ok(());
    };
    keep.map_or(Ok(()), |keep| keep.copy(path, input.name()))?;
    // The directory is removed at the end; removing files early keeps it small.
    let _ = fs::remove_file(path);
    Ok(())
}
