//! A directory of Parquet files in partitions of time, named as Hive does: `day=2026-01-01/hour=12/`.
//!
//! Each input becomes one file in each partition that it has flows of. The name of a file follows
//! from the input's name and place, so that writing an input again replaces what it wrote before.
//!
//! The directory `_nfdecode/`, which readers of such directories skip, records what has been written:
//! a file for each input, with its size and modification time, and the files written for it. An input that
//! is recorded there, and has not changed, is not read again, unless a part of it was unreadable for
//! another reason than damage. Output of a capture is removed when it is replaced by other files. The record is
//! written before the first of its files appears, so that a crash leaves no file without a record.
//!
//! One file: the record and the files it protects change together; what remains beyond 600 lines is its test.

use crate::args::slot::Slot;
use nfdecode::scan::{Grouping, ScanFile, ScanInput};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedFileWriter;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use crate::run::account::State;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::ledger::{self, MEMORY, files_of, read_json, remembered};
use crate::sink::merge;
use crate::sink::output::Sink;
use crate::sink::parquet::{Stored, failed, groups, labels, options};
use crate::sink::target;
use nfdecode::columns::parquet::{GroupEncoder, GroupFormat, RowGroup, name_sources};
use nfdecode::columns::{Projection, Rows, SCHEMA_VERSION};

/// Maximum number of files open for writing; all are closed before another one is opened.
const OPEN_MAX: usize = 64;
/// Maximum partitions of one input: more are the result of damaged clocks or of a hostile file.
const PARTITIONS_MAX: usize = 10_000;

/// The settings that determine the content of a directory.
pub(crate) struct Settings<'a> {
    pub(crate) columns: &'a Projection,
    pub(crate) slot: Slot,
    pub(crate) stored: Stored,
    pub(crate) filter: Option<&'a str>,
    /// Whatever is readable of damaged files is written.
    pub(crate) salvage: bool,
    /// Files are on the disk before they are recorded: a power failure loses none that is recorded.
    pub(crate) is_durable: bool,
}

/// The capture that inputs were converted from, and the length of its time slots.
pub(crate) type Origin<'a> = (&'a Path, Duration);

/// State of an input when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// Name of its files, without partition and ending.
    stem: String,
    source: String,
    size: u64,
    /// Nanoseconds since the epoch.
    modified: u64,
    /// Seconds of the slots of a capture.
    capture_slot: Option<u64>,
}

impl Input {
    /// `origin`: what the file was converted from; changes are then looked for there.
    fn of(source: &ScanInput, origin: Option<Origin<'_>>) -> io::Result<Self> {
        let path = origin.map_or(source.as_path().unwrap_or(Path::new("")), |(capture, _)| {
            capture
        });
        let metadata = fs::metadata(path)?;
        let mut path = fs::canonicalize(path)?;
        if origin.is_some() {
            path.push(source.name());
        }
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let id = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-.".contains(c) {
                c
            } else {
                '-'
            }
        };
        Ok(Self {
            // Readers skip names that begin with a dot or an underscore.
            stem: format!(
                "{}-{}",
                name.chars()
                    .map(plain)
                    .collect::<String>()
                    .trim_start_matches('.'),
                id.collect::<String>()
            ),
            source: path.to_string_lossy().into_owned(),
            size: metadata.len(),
            modified: modified.map_or(0, |time| time.as_nanos() as u64),
            capture_slot: origin.map(|(_, slot)| slot.as_secs()),
        })
    }

    /// `state`: how far its files are; `found` and `salvaged`: how it was read.
    fn memory(&self, state: &str, found: State, salvaged: bool, files: &[(PathBuf, u64)]) -> Value {
        let files = files
            .iter()
            .map(|(path, rows)| json!({ "path": path.to_string_lossy(), "flows": rows }));
        json!({
            "source": self.source,
            "size": self.size,
            "modified": self.modified,
            "capture_slot": self.capture_slot,
            "state": state,
            "damaged": found == State::Damaged,
            "salvaged": salvaged,
            "files": files.collect::<Vec<_>>(),
        })
    }

    /// Whether the input equals the record, and reading it again would yield nothing more.
    fn is(&self, memory: &Value, salvage: bool) -> bool {
        memory["source"] == self.source.as_str()
            && memory["size"] == self.size
            && memory["modified"] == self.modified
            && memory["capture_slot"].as_u64() == self.capture_slot
            && memory["state"] == "written"
            && !(salvage && memory["damaged"] == true && memory["salvaged"] != true)
    }
}

/// The directory and how its files are written.
pub(crate) struct Directory {
    path: PathBuf,
    /// The name that the user gave.
    named: PathBuf,
    slot: Slot,
    salvage: bool,
    is_durable: bool,
    format: GroupFormat,
    inputs: std::sync::Mutex<BTreeMap<PathBuf, Input>>,
}

impl Directory {
    pub(crate) fn new(path: &Path, settings: &Settings<'_>) -> Result<Self, Stop> {
        let Settings {
            columns,
            slot,
            stored,
            filter,
            salvage,
            is_durable,
        } = *settings;
        // Names of temporary files are absolute; paths must be recognized as below the directory.
        let absolute = std::path::absolute(path)
            .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))?;
        let this = Self {
            path: absolute,
            named: path.to_owned(),
            slot,
            salvage,
            is_durable,
            format: GroupFormat::new(columns, &options(stored)).map_err(failed)?,
            inputs: std::sync::Mutex::default(),
        };
        fs::create_dir_all(this.path.join(MEMORY)).map_err(|error| this.failed(error))?;
        merge::recover(&this.path, is_durable).map_err(|error| this.failed(error))?;
        let names: Vec<_> = columns
            .columns()
            .iter()
            .map(|column| column.name())
            .collect();
        let mut wanted = json!({
            "schema_version": SCHEMA_VERSION,
            "partition_by": slot.name(),
            "columns": names,
            "filter": filter,
        });
        if stored.text {
            wanted["addresses"] = "text".into();
        }
        let known = path.join(MEMORY).join("settings.json");
        match read_json(&known) {
            Ok(Some(found)) if found == wanted => {}
            Ok(Some(_)) => {
                return Err(Stop::Usage(format!(
                    "{}: this directory was written with other columns, partitions, addresses or filter: see {}",
                    path.display(),
                    known.display()
                )));
            }
            Ok(None) => this.write_json(&known, &wanted)?,
            Err(error) => {
                let known = known.display();
                return Err(Stop::failed(format!(
                    "{known}: the record of the directory is not readable ({error}): use a new directory"
                )));
            }
        }
        Ok(this)
    }

    fn failed(&self, error: io::Error) -> Stop {
        let error = target::of_the_system(&error);
        Stop::failed(format!("{}: {error}", self.named.display()))
    }

    /// As `failed`, for errors of the library.
    fn not_written(&self, error: ParquetError) -> Stop {
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => self.failed(*error),
                Err(inner) => failed(ParquetError::External(inner)),
            },
            error => failed(error),
        }
    }

    fn memory_of(&self, input: &Input) -> PathBuf {
        self.path.join(MEMORY).join(format!("{}.json", input.stem))
    }

    fn write_json(&self, path: &Path, value: &Value) -> Result<(), Stop> {
        let written = ledger::write_json(path, value, self.is_durable);
        written.map_err(|error| self.failed(error))
    }

    /// The sources that are not in the directory yet, or have changed, and the number of the others.
    pub(crate) fn not_yet_written(
        &self,
        sources: Vec<ScanInput>,
        origin: Option<Origin<'_>>,
        report: &Report,
    ) -> (Vec<ScanInput>, u64) {
        let (mut wanted, mut known) = (Vec::new(), 0);
        let mut inputs = BTreeMap::new();
        for source in sources {
            // A source that cannot be examined cannot be opened either, which is reported then.
            let Ok(input) = Input::of(&source, origin) else {
                wanted.push(source);
                continue;
            };
            let memory = remembered(&self.memory_of(&input));
            let there = files_of(&memory)
                .iter()
                .all(|path| self.path.join(path).is_file());
            if there && input.is(&memory, self.salvage) {
                known += 1;
                if memory["damaged"] == true {
                    let source = input.source;
                    report.damage(format!(
                        "{source}: was damaged when it was converted earlier"
                    ));
                }
                continue;
            }
            inputs.insert(source.as_path().unwrap_or(Path::new("")).to_owned(), input);
            wanted.push(source);
        }
        if let Ok(mut known) = self.inputs.lock() {
            *known = inputs;
        }
        (wanted, known)
    }

    /// Removes the output of a capture that was split otherwise, or had flows of other times, than
    /// these names. Call it when the files of these names have been written.
    pub(crate) fn keep_only(&self, capture: &Path, names: &HashSet<String>) -> Result<(), Stop> {
        let failed = |error| self.failed(error);
        let capture = fs::canonicalize(capture).map_err(failed)?;
        let kept = |source: &Path| {
            let name = source.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| names.contains(name))
        };
        for entry in fs::read_dir(self.path.join(MEMORY)).map_err(failed)? {
            let name = entry.map_err(failed)?.path();
            let memory = remembered(&name);
            let source = memory["source"].as_str().map(Path::new);
            let is_of_capture =
                source.and_then(Path::parent) == Some(&capture) && memory["capture_slot"].is_u64();
            if is_of_capture && !source.is_some_and(kept) {
                let stem = name.file_stem().unwrap_or_default().to_string_lossy();
                for path in files_of(&memory) {
                    self.remove(&path, &stem)?;
                }
                fs::remove_file(&name).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Removes a file of a partition, and the partition if it has no other. Of a merged file, only what came from
    /// the input of this stem.
    fn remove(&self, path: &Path, stem: &str) -> Result<(), Stop> {
        if merge::is_merged(path) {
            let taken = merge::take_out(&self.path, path, stem, self.is_durable);
            return taken.map_err(|error| self.failed(error));
        }
        let path = self.path.join(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => {
                if let Some(partition) = path.parent() {
                    interrupt::remove_empty(partition, &self.path);
                }
                Ok(())
            }
        }
    }

    pub(crate) fn begin(&self) -> Files {
        Files::default()
    }

    /// The input that a file belongs to.
    fn input(&self, open: &ScanFile) -> Result<Input, Stop> {
        let known = self.inputs.lock().ok();
        let input = known.and_then(|known| known.get(open.input().as_path()?).cloned());
        input.ok_or_else(|| Stop::failed(format!("{}: has vanished", shown(open))))
    }
}

/// The files with the flows of an input, as it is now; `None` if it is not recorded as written in this directory.
pub(crate) fn recorded(directory: &Path, source: &ScanInput) -> Option<Vec<PathBuf>> {
    let input = Input::of(source, None).ok()?;
    let name = format!("{}.json", input.stem);
    let memory = remembered(&directory.join(MEMORY).join(name));
    input.is(&memory, false).then(|| files_of(&memory))
}

/// The files of the current input.
#[derive(Default)]
pub(crate) struct Files {
    /// By start of their partition.
    open: BTreeMap<Option<i64>, (SerializedFileWriter<fs::File>, Hidden, u64)>,
    /// Complete files: partition, flows.
    complete: Vec<(Option<i64>, Hidden, u64)>,
}

/// A file that readers do not see yet. It is removed unless it becomes visible, together with partitions that
/// are then empty.
struct Hidden {
    path: Option<TempPath>,
    /// The directory of all partitions.
    root: PathBuf,
}

impl Hidden {
    fn make_visible(mut self, name: &Path) -> io::Result<()> {
        let Some(path) = self.path.take() else {
            return Ok(());
        };
        let temporary = path.to_path_buf();
        match path.persist(name) {
            Ok(()) => {
                interrupt::forget(&temporary);
                Ok(())
            }
            Err(error) => {
                self.path = Some(error.path);
                Err(error.error)
            }
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let temporary = path.to_path_buf();
            drop(path);
            interrupt::forget(&temporary);
            if let Some(partition) = temporary.parent() {
                interrupt::remove_empty(partition, &self.root);
            }
        }
    }
}

impl Directory {
    fn close_all(&self, files: &mut Files, source: &str) -> Result<(), Stop> {
        for (start, (mut writer, path, rows)) in std::mem::take(&mut files.open) {
            name_sources(&mut writer, &[source.to_owned()]);
            let file = writer.into_inner();
            let file = file.map_err(|error| self.not_written(error))?;
            if self.is_durable {
                file.sync_all().map_err(|error| self.failed(error))?;
            }
            files.complete.push((start, path, rows));
        }
        Ok(())
    }

    /// Makes the files of an input visible, and records them.
    fn commit(&self, files: &mut Files, input: &Input, found: State) -> Result<(), Stop> {
        self.close_all(files, &input.source)?;
        let mut numbers = BTreeMap::<Option<i64>, u32>::new();
        let mut names = Vec::new();
        for (start, _, rows) in &files.complete {
            let number = numbers.entry(*start).or_default();
            *number += 1;
            let name = match number {
                1 => format!("{}.parquet", input.stem),
                number => format!("{}-{number}.parquet", input.stem),
            };
            names.push((self.slot.directory(*start).join(name), *rows));
        }
        let memory_with = |state, files: &[_]| input.memory(state, found, self.salvage, files);
        let memory = self.memory_of(input);
        let before = files_of(&remembered(&memory));
        // Until all files are in place, the record lists both the old ones and the new ones.
        let mut listed = names.clone();
        let gone = |path: &&PathBuf| !names.iter().any(|(name, _)| name == *path);
        let gone: Vec<_> = before.iter().filter(gone).cloned().collect();
        listed.extend(gone.iter().map(|path| (path.clone(), 0)));
        self.write_json(&memory, &memory_with("writing", &listed))?;
        for ((_, file, _), (name, _)) in files.complete.drain(..).zip(&names) {
            let result = file.make_visible(&self.path.join(name));
            result.map_err(|error| self.failed(error))?;
        }
        for path in gone {
            self.remove(&path, &input.stem)?;
        }
        // An input not read because of memory or the system is read again the next time.
        let state = match found {
            State::Sound | State::Damaged => "written",
            State::Unread => "incomplete",
        };
        self.write_json(&memory, &memory_with(state, &names))
    }
}

impl Sink for Directory {
    type Worker = GroupEncoder;
    /// One row group per partition, by start, and the input that they come from.
    type Piece = (Input, Vec<(Option<i64>, RowGroup)>);
    type Out = Files;

    fn groups(&self) -> Grouping {
        groups(true)
    }

    fn worker(&self) -> GroupEncoder {
        self.format.encoder()
    }

    fn make(
        &self,
        encoder: &mut GroupEncoder,
        mut rows: Rows<'_>,
        files: &[Arc<ScanFile>],
    ) -> Result<Self::Piece, Stop> {
        let Some(open) = files.first() else {
            return Err(Stop::failed("flows of no file"));
        };
        encoder.set_labels(labels(files));
        let slot = self.slot.millis();
        let starts: Vec<_> = rows
            .sort_by_first()
            .into_iter()
            .map(|first| first.map(|first| first - first.rem_euclid(slot)))
            .collect();
        let mut groups = Vec::new();
        let mut begin = 0;
        for run in starts.chunk_by(|a, b| a == b) {
            if groups.len() >= PARTITIONS_MAX {
                return Err(too_many(open));
            }
            let range = begin..begin + run.len();
            begin = range.end;
            let group = self.format.encode(encoder, &rows, range).map_err(failed)?;
            groups.push((run.first().copied().flatten(), group));
        }
        Ok((self.input(open)?, groups))
    }

    fn write(&self, files: &mut Files, (input, groups): Self::Piece) -> Result<(), Stop> {
        for (start, group) in groups {
            if !files.open.contains_key(&start) && files.open.len() >= OPEN_MAX {
                self.close_all(files, &input.source)?;
            }
            let entry = match files.open.entry(start) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let directory = self.path.join(self.slot.directory(start));
                    let make = || {
                        let made = fs::create_dir_all(&directory);
                        made.and_then(|()| target::temporary(&directory))
                            .inspect_err(|_| interrupt::remove_empty(&directory, &self.path))
                    };
                    let opened = interrupt::temporary_below(&self.path, make, |file| file.path());
                    let opened = opened.map_err(|error| self.failed(error))?;
                    let (file, path) = opened.into_parts();
                    let path = Hidden {
                        path: Some(path),
                        root: self.path.clone(),
                    };
                    let writer = self.format.writer(file);
                    let writer = writer.map_err(|error| self.not_written(error))?;
                    entry.insert((writer, path, 0))
                }
            };
            entry.2 += group.rows() as u64;
            let written = group.write(&mut entry.0);
            written.map_err(|error| self.not_written(error))?;
        }
        if files.open.len() + files.complete.len() > PARTITIONS_MAX {
            return Err(Stop::failed(format!(
                "{}: its flows belong to more than {PARTITIONS_MAX} partitions",
                input.source
            )));
        }
        Ok(())
    }

    fn end_file(&self, files: &mut Files, open: &ScanFile, state: State) -> Result<(), Stop> {
        let input = self.input(open)?;
        if !open.is_skipped() {
            return self.commit(files, &input, state);
        }
        // The input was not read: record only that it has no files any more.
        match self.memory_of(&input).exists() {
            true => self.commit(files, &input, State::Unread),
            false => Ok(()),
        }
    }
}

fn shown(file: &ScanFile) -> std::path::Display<'_> {
    file.input().as_path().unwrap_or(Path::new("")).display()
}

fn too_many(open: &ScanFile) -> Stop {
    Stop::failed(format!(
        "{}: its flows belong to more than {PARTITIONS_MAX} partitions",
        shown(open)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_read_again() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("nfcapd.202601011200");
        fs::write(&path, "a file").expect("written");
        let out = place.path().join("out");
        let columns = Projection::standard();
        let settings = Settings {
            columns: &columns,
            slot: Slot::Day,
            stored: Stored::default(),
            filter: None,
            salvage: false,
            is_durable: false,
        };
        let directory = Directory::new(&out, &settings);
        let directory = directory.unwrap_or_else(|_| panic!("a directory"));
        let report = Report::default();
        let known_after = |found: State| {
            let source = || ScanInput::path(&path);
            let input = Input::of(&source(), None).expect("it is there");
            let written = directory.commit(&mut directory.begin(), &input, found);
            assert!(written.is_ok(), "{found:?}");
            directory.not_yet_written(vec![source()], None, &report).1
        };
        assert_eq!(known_after(State::Unread), 0);
        assert_eq!(known_after(State::Damaged), 1);
        assert_eq!(known_after(State::Unread), 0);
        assert_eq!(known_after(State::Sound), 1);
    }
}
