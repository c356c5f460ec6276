//! Which files `-r`, `-R` and `-M` name.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use crate::nfdump::options::Options;
use crate::nfdump::quit::{Quit, tell};

/// The files to read, in order.
pub(crate) fn list(options: &Options) -> Result<Vec<PathBuf>, Quit> {
    let mut files = Vec::new();
    match (&options.directories, &options.read, &options.range) {
        (None, Some(path), _) => files = below(path)?,
        (None, None, Some(spec)) => range(Path::new(""), spec, &mut files),
        (Some(directories), read, spec) => {
            for directory in expand(directories) {
                match (read, spec) {
                    (Some(path), _) => {
                        let path = directory.join(path);
                        if path.is_file() {
                            files.push(path);
                        } else {
                            tell(&format!("{}: no such file", path.display()));
                        }
                    }
                    (None, Some(spec)) => range(&directory, spec, &mut files),
                    (None, None) => {}
                }
            }
        }
        (None, None, None) => {}
    }
    Ok(files)
}

/// A file, or the files below a directory.
pub(crate) fn below(path: &Path) -> Result<Vec<PathBuf>, Quit> {
    let mut files = Vec::new();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => walk(path, &mut files),
        Ok(metadata) if metadata.is_file() => files.push(path.to_owned()),
        _ => {
            return Err(Quit::failed(format!(
                "{} is not a file or directory",
                path.display()
            )));
        }
    }
    Ok(files)
}

/// Whether a collector is still writing this file, or it is hidden.
fn is_left_out(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") || name.starts_with(b"nfcapd.current")
}

/// What is in a directory, in name order.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let found = match fs::read_dir(directory) {
        Ok(found) => found,
        Err(error) => {
            tell(&format!("{}: {error}", directory.display()));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = found
        .filter_map(Result::ok)
        .filter(|entry| !is_left_out(&entry.file_name()))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// Directories below each other at most.
const DEPTH_MAX: usize = 64;

/// All files below a directory, in name order.
fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    fn below(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) {
        for path in entries(directory) {
            if path.is_dir() {
                if depth < DEPTH_MAX {
                    below(&path, depth + 1, files);
                }
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    below(directory, 0, files);
}

/// `DIRECTORY`, `FIRST` or `FIRST:LAST`, where the last one may lie in directories beside that of the first.
fn range(base: &Path, spec: &OsStr, files: &mut Vec<PathBuf>) {
    let bytes = spec.as_bytes();
    let (first, last) = match bytes.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let (first, last) = bytes.split_at(colon);
            (first, last.get(1..))
        }
        None => (bytes, None),
    };
    let path = base.join(OsStr::from_bytes(first));
    if last.is_none() && path.is_dir() {
        return walk(&path, files);
    }
    if !path.is_file() {
        return tell(&format!("{}: no such file", path.display()));
    }
    let levels = last.map_or(0, |last| last.iter().filter(|byte| **byte == b'/').count());
    let names: Vec<&OsStr> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut root = path.as_path();
    for _ in 0..=levels {
        root = match root.parent() {
            Some(parent) => parent,
            None => Path::new(""),
        };
    }
    if names.len() <= levels {
        return tell("-R: the first file must be as deep in directories as the last one");
    }
    let from: PathBuf = names
        .get(names.len() - levels - 1..)
        .unwrap_or_default()
        .iter()
        .collect();
    let to = last.map(|last| PathBuf::from(OsStr::from_bytes(last)));
    if to.as_ref().is_some_and(|to| *to < from) {
        tell(&format!(
            "-R: `{}` comes after the last file: nothing is in this range",
            from.display()
        ));
    }
    let root = if root.as_os_str().is_empty() {
        Path::new(".")
    } else {
        root
    };
    // As in nfdump, each part of a path lies between those of the first and the last file.
    let is_between = |relative: &Path| {
        let lower = relative
            .iter()
            .zip(from.iter())
            .all(|(name, from)| name >= from);
        let upper = to
            .as_deref()
            .is_none_or(|to| relative.iter().zip(to.iter()).all(|(name, to)| name <= to));
        lower && upper
    };
    level(root, Path::new(""), levels, &mut |relative| {
        if is_between(relative) {
            files.push(root.join(relative));
        }
    });
}

/// Files that many directories below a root, by their path from there.
fn level(root: &Path, below: &Path, levels: usize, found: &mut dyn FnMut(&Path)) {
    for path in entries(&root.join(below)) {
        let relative = below.join(path.file_name().unwrap_or_default());
        if levels > 0 && path.is_dir() {
            level(root, &relative, levels - 1, found);
        } else if levels == 0 && path.is_file() {
            found(&relative);
        }
    }
}

/// `/dir/one:two:three` are `/dir/one`, `/dir/two`, `/dir/three`; `/dir/@` is all that is in `/dir`.
fn expand(directories: &OsStr) -> Vec<PathBuf> {
    let mut names = directories.as_bytes().split(|byte| *byte == b':');
    let first = names.next().unwrap_or_default();
    if let Some(parent) = first.strip_suffix(b"@") {
        let parent = Path::new(OsStr::from_bytes(parent));
        return entries(parent)
            .into_iter()
            .filter(|path| path.is_dir())
            .collect();
    }
    let first = PathBuf::from(OsString::from_vec(first.to_vec()));
    let parent = first.parent().unwrap_or(Path::new("")).to_owned();
    let others = names.map(|name| parent.join(OsStr::from_bytes(name)));
    let all = std::iter::once(first.clone()).chain(others);
    all.filter(|path| {
        let is_directory = path.is_dir();
        if !is_directory {
            tell(&format!("{}: not a directory", path.display()));
        }
        is_directory
    })
    .collect()
}
