//! The records of a directory of partitions: JSON files that are replaced atomically.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::interrupt;
use crate::sink::target;

/// Directory of the records of what has been written.
pub(crate) const MEMORY: &str = "_nfdecode";

/// The files named in a record.
pub(crate) fn files_of(memory: &Value) -> Vec<PathBuf> {
    let files = memory["files"].as_array().into_iter().flatten();
    let paths = files
        .filter_map(|file| file["path"].as_str())
        .map(PathBuf::from);
    // The record is a file that others may have changed; its paths must not lead out of the directory.
    let inside = |path: &PathBuf| {
        path.components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
    };
    paths.filter(inside).collect()
}

/// `None` if there is no such file.
pub(crate) fn read_json(path: &Path) -> io::Result<Option<Value>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The record in a file: nothing if it cannot be read.
pub(crate) fn remembered(path: &Path) -> Value {
    read_json(path).ok().flatten().unwrap_or_default()
}

/// Replaces a file atomically; `is_durable`: it is on the disk before.
pub(crate) fn write_json(path: &Path, value: &Value, is_durable: bool) -> io::Result<()> {
    let make = || target::temporary(path.parent().unwrap_or(Path::new("")));
    let mut file = interrupt::temporary(make, |file| file.path())?;
    serde_json::to_writer_pretty(&mut file, value)?;
    if is_durable {
        file.as_file().sync_all()?;
    }
    let name = file.path().to_owned();
    let result = file.persist(path);
    interrupt::forget(&name);
    result.map(drop).map_err(|error| error.error)
}
