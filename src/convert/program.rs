//! Finding nfpcapd and its version.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::convert::error::ConvertError;
use crate::convert::process;

/// The environment variable that names the program.
pub const NFPCAPD_VARIABLE: &str = "NFPCAPD";

/// Maximum run time of `nfpcapd -V`.
const PATIENCE: Duration = Duration::from_secs(10);
/// The version text is one line.
const OUTPUT_MAX: u64 = 4096;

/// A version of nfpcapd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 1 so far.
    pub major: u32,
    /// 7 for layout 2.
    pub minor: u32,
    /// Release.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// An nfpcapd whose version is known.
#[derive(Clone, Debug)]
pub struct Nfpcapd {
    /// Its path.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
}

impl Nfpcapd {
    /// Uses `explicit`, else the environment variable `NFPCAPD`, else the first nfpcapd in `PATH`, and
    /// runs it with `-V`.
    ///
    /// # Errors
    /// Nothing was found, or what was found is not nfpcapd.
    pub fn find(explicit: Option<&Path>) -> Result<Self, ConvertError> {
        let named = explicit.map(Path::to_owned).or_else(|| {
            env::var_os(NFPCAPD_VARIABLE)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        });
        let path = match named {
            Some(name) if name.components().count() > 1 => name,
            Some(name) => {
                in_path(name.as_os_str()).ok_or(ConvertError::NotFound { program: name })?
            }
            None => in_path("nfpcapd".as_ref()).ok_or_else(|| ConvertError::NotFound {
                program: "nfpcapd".into(),
            })?,
        };
        let version = ask(&path)?;
        Ok(Self { path, version })
    }
}

fn in_path(name: &OsStr) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

fn ask(path: &Path) -> Result<Version, ConvertError> {
    if !path.exists() {
        return Err(ConvertError::NotFound {
            program: path.to_owned(),
        });
    }
    let cannot_run = |source| ConvertError::CannotRun {
        program: path.to_owned(),
        source,
    };
    let mut child = Command::new(path)
        .arg("-V")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(cannot_run)?;
    let stdout = child.stdout.take();
    let reader = thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        if let Some(stdout) = stdout {
            // A text that cannot be read has no version.
            let _ = stdout.take(OUTPUT_MAX).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let deadline = Instant::now() + PATIENCE;
    while reader.is_ok() && !process::has_ended(&child) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    let has_ended = process::has_ended(&child);
    // Its own children may hold the pipe open; they end with it unless they have left the group.
    process::kill_group(&child);
    child.wait().map_err(cannot_run)?;
    let reader = reader.map_err(cannot_run)?;
    process::drain(&reader);
    let text = match reader.is_finished() && has_ended {
        true => reader.join().unwrap_or_default(),
        false => String::new(),
    };
    parse(&text).ok_or_else(|| ConvertError::NotNfpcapd {
        program: path.to_owned(),
    })
}

/// `…: Version: 1.7.10-release options: …`
fn parse(text: &str) -> Option<Version> {
    let (_, after) = text.split_once("Version:")?;
    let mut numbers = after.trim_start().split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some(Version {
        major: next()?,
        minor: next()?,
        patch: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_releases_are_understood() {
        for (text, expected) in [
            ("/usr/bin/nfpcapd: Version: 1.7.1", Some("1.7.1")),
            (
                "nfpcapd: Version: 1.7.5-release Options: NSEL-NEL ZSTD BZIP2 Date: x\n",
                Some("1.7.5"),
            ),
            (
                "nfpcapd: Version: 1.7.10-release options: LZ4 ZSTD BZIP2 date: x\n",
                Some("1.7.10"),
            ),
            ("x: Version: 1.8.0-12345678 options: LZ4", Some("1.8.0")),
            ("Version: one", None),
            ("nothing of the kind", None),
            ("", None),
        ] {
            assert_eq!(
                parse(text).map(|version| version.to_string()).as_deref(),
                expected
            );
        }
    }
}
