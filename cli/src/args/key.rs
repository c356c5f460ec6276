//! The passphrase of encrypted files: from a file or the environment, never from the command line, which
//! others can see.

use std::env;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use zeroize::Zeroizing;

use nfdecode::{OpenOptions, Passphrase};

use crate::run::stop::Stop;

/// The variable with the passphrase if there is no `--key-file`.
const VARIABLE: &str = "NFDECODE_KEY";
/// Maximum length: a longer file is not a passphrase file.
const LENGTH_MAX: usize = 4096;

#[derive(Debug, Default, Args)]
pub(crate) struct KeyArgs {
    /// Read the passphrase of encrypted files from FILE, without its last line end; without this option, from
    /// the environment variable NFDECODE_KEY
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// How to open files.
    pub(crate) fn options(&self, partial: bool) -> Result<OpenOptions, Stop> {
        let options = OpenOptions::new().salvage(partial);
        let passphrase = match &self.key_file {
            Some(file) => Some(from_file(file)?),
            None => env::var_os(VARIABLE)
                .filter(|value| !value.is_empty())
                .map(|value| Passphrase::new(value.into_vec())),
        };
        Ok(match passphrase {
            Some(passphrase) => options.passphrase(passphrase),
            None => options,
        })
    }
}

fn from_file(path: &Path) -> Result<Passphrase, Stop> {
    let wrong = |reason: &str| Stop::Usage(format!("{}: {reason}", path.display()));
    // Allocated at full size: growing would leave copies of the passphrase in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(LENGTH_MAX + 2));
    File::open(path)
        .and_then(|file| {
            let mut file = file.take(LENGTH_MAX as u64 + 2);
            file.read_to_end(&mut text)
        })
        .map_err(|error| wrong(&error.to_string()))?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(wrong("the passphrase file is empty"));
    }
    if line.len() > LENGTH_MAX {
        return Err(wrong("too long for a passphrase"));
    }
    Ok(Passphrase::new(line))
}
