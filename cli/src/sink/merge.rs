//! Small files of a partition as one: row groups are copied as they are, and records refer to the new file.
//!
//! A journal makes it one step. It names the files and the inputs before the new file is written; the new file gets its
//! name when it is complete, and from then on the work is completed by whoever finds the journal. Until then it is
//! undone. Row groups keep their order and say which input they come from, so that an input can be taken out again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{ReaderProperties, WriterProperties};
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::run::interrupt;
use crate::sink::ledger::{MEMORY, files_of, read_json, remembered, write_json};
use crate::sink::target;

/// Files of at least this size stay as they are.
const SMALL: u64 = 32 << 20;
/// Size of a new file above which no more files are added.
const LARGE: u64 = 128 << 20;
/// Maximum files that become one; all are open at the same time.
const PARTS_MAX: usize = 256;
/// Metadata of a merged file: inputs and the number of their row groups, in order.
const INPUTS: &str = "nfdecode.inputs";
const SOURCES: &str = "nfdecode.sources";

/// Whether a file has this name because it was merged. Files of inputs have a dash in theirs.
pub(crate) fn is_merged(path: &Path) -> bool {
    number(path).is_some()
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("merged.")?
        .strip_suffix(".parquet")?
        .parse()
        .ok()
}

/// The Parquet files of a partition, in the order of their names.
pub(crate) fn files(partition: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(partition)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "parquet")
        {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Merges small files of a partition, a path relative to the directory, into one. Files that are in no record stay as
/// they are. Returns whether there were files to merge: then the next call may find more.
pub(crate) fn merge(root: &Path, partition: &Path, is_durable: bool) -> io::Result<bool> {
    let _lock = lock(root)?;
    // What a killed process has left comes first: its new file and the small ones hold the same flows.
    recover_locked(root, is_durable)?;
    let place = root.join(partition);
    let all = files(&place)?;
    let next = all.iter().filter_map(|path| number(path)).max();
    let merged = partition.join(format!("merged.{}.parquet", next.unwrap_or(0) + 1));
    let (mut parts, mut bytes) = (Vec::<Part>::new(), 0);
    for path in &all {
        let size = path.metadata()?.len();
        if size >= SMALL || bytes >= LARGE || parts.len() >= PARTS_MAX {
            continue;
        }
        let Some(part) = path
            .strip_prefix(root)
            .ok()
            .and_then(|path| Part::known(root, path))
        else {
            continue;
        };
        if parts.first().is_none_or(|first| first.is_alike(&part)) {
            bytes += size;
            parts.push(part);
        }
    }
    if parts.len() < 2 {
        return Ok(false);
    }
    let make = || target::temporary(&place);
    let file = interrupt::temporary(make, |file| file.path())?;
    let inputs: BTreeSet<&str> = parts.iter().flat_map(Part::stems).collect();
    let journal = json!({
        "temporary": file.path().strip_prefix(root).unwrap_or(file.path()).to_string_lossy(),
        "merged": merged.to_string_lossy(),
        "parts": parts.iter().map(|part| part.path.to_string_lossy()).collect::<Vec<_>>(),
        "inputs": inputs,
    });
    let result = write_json(&journal_of(root), &journal, is_durable).and_then(|()| {
        let groups = parts
            .iter()
            .flat_map(|part| part.groups().map(move |group| (part, group)));
        let merged = root.join(&merged);
        let file = write(file, groups, is_durable)?;
        let temporary = file.path().to_owned();
        let kept = file.persist_noclobber(&merged).map(drop);
        interrupt::forget(&temporary);
        kept.map_err(|error| error.error)?;
        if is_durable {
            fs::File::open(&place)?.sync_all()?;
        }
        Ok(())
    });
    drop(parts);
    // Also after a failure: it is completed or undone.
    settle(root, &journal, is_durable).and(result)?;
    Ok(true)
}

/// Completes or undoes what a process that was killed has left.
pub(crate) fn recover(root: &Path, is_durable: bool) -> io::Result<()> {
    if !journal_of(root).exists() {
        return Ok(());
    }
    let _lock = lock(root)?;
    recover_locked(root, is_durable)
}

/// As [`recover`], by who holds the lock.
fn recover_locked(root: &Path, is_durable: bool) -> io::Result<()> {
    if !journal_of(root).exists() {
        return Ok(());
    }
    match read_json(&journal_of(root))? {
        Some(journal) => settle(root, &journal, is_durable),
        None => Ok(()),
    }
}

/// Removes what came from an input from a merged file, and the file if nothing is left.
pub(crate) fn take_out(root: &Path, merged: &Path, stem: &str, is_durable: bool) -> io::Result<()> {
    let _lock = lock(root)?;
    let path = root.join(merged);
    if !path.exists() {
        return Ok(());
    }
    let part = Part::open(root, merged)?;
    let others: Vec<_> = part.groups().filter(|(_, owner)| *owner != stem).collect();
    let place = path.parent().unwrap_or(root);
    if others.is_empty() {
        fs::remove_file(&path)?;
        interrupt::remove_empty(place, root);
        return Ok(());
    }
    let make = || target::temporary(place);
    let file = interrupt::temporary(make, |file| file.path())?;
    let temporary = file.path().to_owned();
    let written = write(
        file,
        others.into_iter().map(|group| (&part, group)),
        is_durable,
    );
    let kept = written.and_then(|file| file.persist(&path).map_err(|error| error.error));
    interrupt::forget(&temporary);
    kept.map(drop)
}

fn journal_of(root: &Path) -> PathBuf {
    root.join(MEMORY).join("merge.json")
}

/// One process at a time.
fn lock(root: &Path) -> io::Result<fs::File> {
    let path = root.join(MEMORY).join("merge.lock");
    let mut options = fs::File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Does what follows from a journal: if the new file is there, it takes the place of its parts.
fn settle(root: &Path, journal: &Value, is_durable: bool) -> io::Result<()> {
    // The journal is a file that others may have changed, as records are.
    let listed = |key: &str| {
        let paths = journal[key].as_array().into_iter().flatten();
        let files: Vec<_> = paths.map(|path| json!({ "path": path })).collect();
        files_of(&json!({ "files": files }))
    };
    let named = |key: &str| files_of(&json!({ "files": [{ "path": journal[key] }] })).pop();
    let (merged, parts) = (named("merged"), listed("parts"));
    match merged.filter(|merged| root.join(merged).is_file()) {
        Some(merged) => {
            for part in &parts {
                remove(&root.join(part))?;
            }
            for stem in listed("inputs") {
                let name = format!("{}.json", stem.display());
                refer(&root.join(MEMORY).join(name), &parts, &merged, is_durable)?;
            }
        }
        None => {
            if let Some(temporary) = named("temporary") {
                remove(&root.join(temporary))?;
            }
        }
    }
    remove(&journal_of(root))
}

/// Lets the record of an input name the merged file instead of its parts.
fn refer(record: &Path, parts: &[PathBuf], merged: &Path, is_durable: bool) -> io::Result<()> {
    let mut memory = remembered(record);
    let Some(files) = memory["files"].as_array_mut() else {
        return Ok(());
    };
    let mut flows = 0;
    let before = files.len();
    files.retain(|file| {
        let is_part = file["path"]
            .as_str()
            .is_some_and(|path| parts.iter().any(|part| part == Path::new(path)));
        if is_part {
            flows += file["flows"].as_u64().unwrap_or(0);
        }
        !is_part
    });
    if files.len() == before {
        return Ok(());
    }
    files.push(json!({ "path": merged.to_string_lossy(), "flows": flows }));
    write_json(record, &memory, is_durable)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A file that becomes part of another.
struct Part {
    /// Relative to the directory.
    path: PathBuf,
    file: fs::File,
    reader: SerializedFileReader<fs::File>,
    /// Inputs and the number of their row groups.
    inputs: Vec<(String, usize)>,
}

impl Part {
    fn open(root: &Path, path: &Path) -> io::Result<Self> {
        let file = fs::File::open(root.join(path))?;
        let blooms = ReaderProperties::builder()
            .set_read_bloom_filter(true)
            .build();
        let options = ReadOptionsBuilder::new()
            .with_page_index()
            .with_reader_properties(blooms)
            .build();
        let reader = SerializedFileReader::new_with_options(file.try_clone()?, options);
        let reader = reader.map_err(of_parquet)?;
        let inputs = match metadata(&reader, INPUTS) {
            Some(text) => serde_json::from_str(text)?,
            None => Vec::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            reader,
            inputs,
        })
    }

    /// `None` for files that are in no record, or cannot be read.
    fn known(root: &Path, path: &Path) -> Option<Self> {
        let mut this = Self::open(root, path).ok()?;
        let groups = this.reader.num_row_groups();
        if !is_merged(path) {
            let name = path.file_stem()?.to_str()?;
            let is_recorded = |stem: &&str| {
                let memory = remembered(&root.join(MEMORY).join(format!("{stem}.json")));
                memory["state"] == "written" && files_of(&memory).iter().any(|file| file == path)
            };
            // The second file of an input in a partition ends in `-2`.
            let stems = [Some(name), name.rsplit_once('-').map(|(stem, _)| stem)];
            let stem = stems.into_iter().flatten().find(is_recorded)?;
            this.inputs = vec![(stem.to_owned(), groups)];
        }
        let owned: usize = this.inputs.iter().map(|(_, groups)| groups).sum();
        (owned == groups).then_some(this)
    }

    fn is_alike(&self, other: &Self) -> bool {
        let schema = |part: &Self| {
            let metadata = part.reader.metadata().file_metadata();
            metadata.schema_descr().root_schema_ptr()
        };
        schema(self) == schema(other)
    }

    fn stems(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|(stem, _)| stem.as_str())
    }

    /// Row groups, and the input of each.
    fn groups(&self) -> impl Iterator<Item = (usize, &str)> {
        let owners = self.inputs.iter();
        let owners = owners.flat_map(|(stem, count)| std::iter::repeat_n(stem.as_str(), *count));
        owners.enumerate()
    }

    /// Copies a row group.
    fn copy(
        &self,
        group: usize,
        out: &mut SerializedFileWriter<&mut fs::File>,
    ) -> Result<(), ParquetError> {
        let all = self.reader.metadata();
        let metadata = all.row_group(group);
        let reader = self.reader.get_row_group(group)?;
        let mut copy = out.next_row_group()?;
        for (at, column) in metadata.columns().iter().enumerate() {
            let indexes = all
                .column_index()
                .and_then(|index| index.get(group)?.get(at));
            let offsets = all
                .offset_index()
                .and_then(|index| index.get(group)?.get(at));
            let close = ColumnCloseResult {
                bytes_written: column.compressed_size().unsigned_abs(),
                rows_written: metadata.num_rows().unsigned_abs(),
                metadata: column.clone(),
                bloom_filter: reader.get_column_bloom_filter(at).cloned(),
                column_index: indexes
                    .filter(|index| !matches!(index, ColumnIndexMetaData::NONE))
                    .cloned(),
                offset_index: offsets.cloned(),
            };
            copy.append_column(&self.file, close)?;
        }
        copy.close().map(drop)
    }
}

fn metadata<'r>(reader: &'r SerializedFileReader<fs::File>, key: &str) -> Option<&'r str> {
    let pairs = reader.metadata().file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// Writes row groups into a file.
fn write<'p>(
    mut file: NamedTempFile,
    groups: impl Iterator<Item = (&'p Part, (usize, &'p str))>,
    is_durable: bool,
) -> io::Result<NamedTempFile> {
    let mut groups = groups.peekable();
    let Some((first, _)) = groups.peek().copied() else {
        return Ok(file);
    };
    let metadata_of_first = first.reader.metadata();
    let sorted = metadata_of_first
        .row_groups()
        .first()
        .and_then(|group| group.sorting_columns());
    let kept = metadata_of_first.file_metadata().key_value_metadata();
    let kept = kept.into_iter().flatten();
    let kept = kept.filter(|pair| ![INPUTS, SOURCES].contains(&pair.key.as_str()));
    let properties = WriterProperties::builder()
        .set_sorting_columns(sorted.cloned())
        .set_key_value_metadata(Some(kept.cloned().collect()))
        .build();
    let schema = metadata_of_first
        .file_metadata()
        .schema_descr()
        .root_schema_ptr();
    let out = SerializedFileWriter::new(file.as_file_mut(), schema, Arc::new(properties));
    let mut out = out.map_err(of_parquet)?;
    let (mut inputs, mut sources) = (Vec::<(&str, usize)>::new(), BTreeSet::new());
    for (part, (group, owner)) in groups {
        part.copy(group, &mut out).map_err(of_parquet)?;
        match inputs.last_mut() {
            Some((last, count)) if *last == owner => *count += 1,
            _ => inputs.push((owner, 1)),
        }
        sources.extend(
            metadata(&part.reader, SOURCES)
                .into_iter()
                .flat_map(str::lines),
        );
    }
    let sources: Vec<_> = sources.into_iter().collect();
    for (key, value) in [
        (INPUTS, serde_json::to_string(&inputs)?),
        (SOURCES, sources.join("\n")),
    ] {
        out.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    }
    out.close().map_err(of_parquet)?;
    if is_durable {
        file.as_file().sync_all()?;
    }
    Ok(file)
}

/// The error of the system, if it is one.
fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(inner) => io::Error::other(inner),
        },
        error => io::Error::other(error),
    }
}
