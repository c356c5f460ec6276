//! The state file: what was read, so that a later process goes on from there.
//!
//! One line per file that changed is appended; a file with too many outdated lines is replaced atomically. Each line
//! has a check sum: of a line that a crash has cut off nothing is used. A lock keeps a second process away.
//! `docs/follow.md` has the format.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::file::handle::Position;
use crate::follow::entry::{Entry, Progress, Stage};
use crate::follow::identity::{Fingerprint, Identity};
use crate::follow::tracker::Tracker;

/// The first line, with the version of the format.
const HEADER: &str = "nfdecode-follow 1\n";
/// What every version begins with.
const NAME: &str = "nfdecode-follow ";
/// Outdated lines that are kept at least, so that small files are not replaced all the time.
const OUTDATED: u64 = 1000;

/// Why a state cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// Another process follows with it.
    InUse(PathBuf),
    /// It is of another version, or is no state.
    Foreign(PathBuf),
    /// A line in the middle is damaged: its number.
    Damaged(PathBuf, u64),
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => {
                write!(
                    f,
                    "{}: another process follows with this state",
                    path.display()
                )
            }
            Self::Foreign(path) => write!(
                f,
                "{}: is no state of this version: name another file",
                path.display()
            ),
            Self::Damaged(path, line) => write!(
                f,
                "{}: line {line} of the state is damaged: restore the file, or remove it to begin again",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StateError {}

/// An open state file.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    lines: u64,
    /// Released when the process ends, however it ends.
    _lock: File,
}

impl State {
    /// Opens a state, and adds its files to `tracker`. Creates it if it does not exist.
    ///
    /// # Errors
    /// It is in use, is damaged, or cannot be written.
    pub fn open(path: &Path, tracker: &mut Tracker) -> Result<Self, StateError> {
        let failed = |error| StateError::Io(path.to_owned(), error);
        let lock = lock(path)?;
        let known = match fs::read(path) {
            Ok(known) => Some(known),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        if let Some(known) = known.filter(|known| !known.is_empty()) {
            read(path, &known, tracker)?;
            tracker.set_known();
            tracker.learn_slots();
        }
        // Written at once: better to fail here than after output.
        let (file, length, lines) = replace(path, tracker).map_err(failed)?;
        tracker.set_saved();
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
            lines,
            _lock: lock,
        })
    }

    /// Saves what has changed.
    ///
    /// # Errors
    /// It cannot be written. What was saved before is intact.
    pub fn save(&mut self, tracker: &mut Tracker) -> Result<(), StateError> {
        if !tracker.is_dirty() {
            return Ok(());
        }
        let result = self.write(tracker);
        result.map_err(|error| StateError::Io(self.path.clone(), error))?;
        tracker.set_saved();
        Ok(())
    }

    fn write(&mut self, tracker: &Tracker) -> io::Result<()> {
        let files = tracker.entries().count() as u64;
        if self.lines > files.saturating_mul(2) + OUTDATED {
            (self.file, self.length, self.lines) = replace(&self.path, tracker)?;
            return Ok(());
        }
        let mut text = Vec::new();
        let mut lines = 0;
        for identity in tracker.forgotten() {
            let Identity {
                device,
                inode,
                born,
            } = identity;
            end_line(
                format!("-\t{device}\t{inode}\t{born}").as_bytes(),
                &mut text,
            );
            lines += 1;
        }
        for (identity, entry) in tracker.entries().filter(|(_, entry)| entry.is_dirty) {
            end_line(&line(identity, entry), &mut text);
            lines += 1;
        }
        let written = self.file.write_all(&text);
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // A cut line must not be in the way of later ones.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += text.len() as u64;
        self.lines += lines;
        Ok(())
    }
}

/// Locks a state: a file beside it, since the state itself is replaced.
fn lock(path: &Path) -> Result<File, StateError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let open = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name);
    let file = open.map_err(|error| StateError::Io(name.clone(), error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StateError::InUse(path.to_owned())),
        Err(error) => Err(StateError::Io(name, error.into())),
    }
}

/// Writes all files into a new state, which takes the place of the old one.
fn replace(path: &Path, tracker: &Tracker) -> io::Result<(File, u64, u64)> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut text = HEADER.as_bytes().to_vec();
    let mut lines = 1;
    for (identity, entry) in tracker.entries() {
        end_line(&line(identity, entry), &mut text);
        lines += 1;
    }
    let open = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&name);
    let mut file = open?;
    let written = file.write_all(&text).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&name, path)) {
        // The error to report is the first one.
        let _ = fs::remove_file(&name);
        return Err(error);
    }
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    // Not all file systems can do this; the file is in place.
    let _ = File::open(directory.unwrap_or(Path::new("."))).and_then(|place| place.sync_all());
    Ok((file, text.len() as u64, lines))
}

fn line(identity: &Identity, entry: &Entry) -> Vec<u8> {
    let Identity {
        device,
        inode,
        born,
    } = identity;
    let (size, modified) = entry.look;
    let stage = match entry.stage {
        Stage::Reading if entry.is_silent => "s",
        Stage::Reading => "r",
        Stage::Delivered => "d",
        Stage::Done => "x",
    };
    let fingerprint = entry
        .fingerprint
        .map_or("-".to_owned(), |found| found.to_string());
    let Progress {
        position,
        flows,
        records,
        represented,
        blocks,
    } = entry.progress;
    let (offset, block) = (position.offset(), position.block());
    let mut line = format!(
        "+\t{device}\t{inode}\t{born}\t{size}\t{modified}\t{stage}\t{fingerprint}\t{offset}\t{block}\t\
         {flows}\t{records}\t{represented}\t{blocks}\t"
    )
    .into_bytes();
    escape(
        entry.label.as_deref().unwrap_or_default().as_bytes(),
        &mut line,
    );
    line.push(b'\t');
    escape(entry.path.as_os_str().as_bytes(), &mut line);
    line
}

/// Writes bytes so that they fit in a field of a line.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            0..=0x1F | b'%' | 0x7F => out.extend(format!("%{byte:02x}").bytes()),
            _ => out.push(*byte),
        }
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = [*rest.next()?, *rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(bytes)
}

/// Appends a line with its check sum.
fn end_line(line: &[u8], out: &mut Vec<u8>) {
    out.extend(line);
    out.extend(format!("\t{:08x}\n", sum(line)).bytes());
}

/// FNV-1a: detects lines that were not written as a whole.
fn sum(line: &[u8]) -> u32 {
    let add = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    line.iter().fold(0x811c_9dc5, add)
}

fn read(path: &Path, text: &[u8], tracker: &mut Tracker) -> Result<(), StateError> {
    if !text.starts_with(HEADER.as_bytes()) {
        // The beginning of a header is what a crash at the very first write may leave.
        return match NAME.as_bytes().starts_with(text) || HEADER.as_bytes().starts_with(text) {
            true => Ok(()),
            false => Err(StateError::Foreign(path.to_owned())),
        };
    }
    let mut damaged = None;
    for (number, line) in (1..)
        .zip(text.split_inclusive(|byte| *byte == b'\n'))
        .skip(1)
    {
        if let Some(number) = damaged {
            return Err(StateError::Damaged(path.to_owned(), number));
        }
        let checked = line.strip_suffix(b"\n").and_then(checked);
        if checked.and_then(|line| apply(line, tracker)).is_none() {
            // The last line may be cut off; then it was not saved.
            damaged = Some(number);
        }
    }
    Ok(())
}

/// The line without its check sum, if that is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().rposition(|byte| *byte == b'\t')?;
    let (line, found) = (line.get(..at)?, line.get(at + 1..)?);
    (format!("{:08x}", sum(line)).as_bytes() == found).then_some(line)
}

fn apply(line: &[u8], tracker: &mut Tracker) -> Option<()> {
    let mut fields = line.split(|byte| *byte == b'\t');
    let kind = fields.next()?;
    let mut next = || fields.next();
    let number = |text: Option<&[u8]>| std::str::from_utf8(text?).ok()?.parse::<u64>().ok();
    let identity = Identity {
        device: number(next())?,
        inode: number(next())?,
        born: number(next())?,
    };
    if kind == b"-" {
        tracker.remove(identity);
        return Some(());
    }
    let look = (number(next())?, number(next())?);
    let stage = next()?;
    let fingerprint = match next()? {
        b"-" => None,
        text => {
            let text = std::str::from_utf8(text).ok()?;
            Some(Fingerprint(u64::from_str_radix(text, 16).ok()?))
        }
    };
    let offset = number(next())?;
    let block = u32::try_from(number(next())?).ok()?;
    let progress = Progress {
        position: Position::new(offset, block),
        flows: number(next())?,
        records: number(next())?,
        represented: number(next())?,
        blocks: number(next())?,
    };
    let label = String::from_utf8(unescape(next()?)?).ok()?;
    let path = PathBuf::from(OsString::from_vec(unescape(next()?)?));
    let mut entry = Entry::new(path.into(), look, Duration::ZERO);
    entry.fingerprint = fingerprint;
    entry.progress = progress;
    entry.label = (!label.is_empty()).then(|| label.into());
    entry.is_silent = stage == b"s";
    entry.stage = match stage {
        b"r" | b"s" => Stage::Reading,
        b"d" => Stage::Delivered,
        b"x" => Stage::Done,
        _ => return None,
    };
    tracker.restore(identity, entry);
    Some(())
}
