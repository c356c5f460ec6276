//! From the paths a user gives to nfcapd files in order.
//!
//! A directory means all nfcapd files below it, in name order, without those a collector is
//! still writing, which are used if asked for; other files in it are skipped. A pattern is expanded if no file has that very name,
//! and so is a range `first..last` of files in name order. `-` is standard input. It and other pipes and
//! devices are copied first: an nfcapd file has its ident at the end.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use nfdecode::scan::{self, ScanInput};
use nfdecode::{Error, File, OpenOptions};

use crate::run::interrupt;
use crate::run::report::{Report, plural};
use crate::run::stop::Stop;
use crate::sink::target;

/// Its name in messages.
const STDIN: &str = "standard input";

/// One file to read.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// The key in output: the file name, or the whole path where names would clash.
    pub(crate) name: String,
    /// The origin of `path`, if that is a copy.
    pub(crate) copied_from: Option<PathBuf>,
    /// Whether the user named this very file.
    pub(crate) is_named: bool,
    /// Removes the copy.
    _copy: Option<NamedTempFile>,
}

/// Expands paths. Fails if one does not exist or contains no files. Unreadable parts of a
/// directory are reported, and the rest is used.
pub(crate) fn expand(
    paths: &[PathBuf],
    unfinished: Unfinished,
    report: &Report,
) -> Result<Vec<Input>, Stop> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(copy(&mut io::stdin().lock(), "-", STDIN)?);
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let mut found = Expansion::new(unfinished);
                found.search(path);
                let nothing = format!("{}: no nfcapd files in this directory", path.display());
                inputs.extend(found.settle(nothing, report)?);
            }
            Ok(metadata) if metadata.is_file() => inputs.push(Input::new(path.clone(), true)),
            Ok(_) => {
                let mut pipe = fs::File::open(path).map_err(|error| failed(path, &error))?;
                let name = path.display().to_string();
                inputs.push(copy(&mut pipe, &name, &name)?);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match range(path) {
                Some((first, last)) => {
                    inputs.extend(search_range(&first, &last, unfinished, report)?);
                }
                None => inputs.extend(match_pattern(path, unfinished, report)?),
            },
            Err(error) => return Err(failed(path, &error)),
        }
    }
    name_uniquely(&mut inputs);
    Ok(inputs)
}

impl Input {
    fn new(path: PathBuf, is_named: bool) -> Self {
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        Self {
            path,
            name,
            copied_from: None,
            is_named,
            _copy: None,
        }
    }

    /// The name that the user gave: `-` is standard input.
    pub(crate) fn origin(&self) -> &Path {
        match self.copied_from.as_deref() {
            Some(from) if from == Path::new(STDIN) => Path::new("-"),
            Some(from) => from,
            None => &self.path,
        }
    }

    /// Opens the file. Errors contain the name that the user gave.
    pub(crate) fn open(&self, options: &OpenOptions) -> Result<File, Error> {
        self.scan_input().open(options)
    }

    /// The same as an input of a scan.
    pub(crate) fn scan_input(&self) -> ScanInput {
        let input = match self.is_named {
            true => ScanInput::path(&self.path),
            false => ScanInput::found(&self.path),
        };
        let input = input.named(&self.name);
        match &self.copied_from {
            Some(original) => input.copy_of(original),
            None => input,
        }
    }
}

/// Fails if an output is also an input, which would be lost.
pub(crate) fn refuse_as_output<'a>(
    inputs: impl IntoIterator<Item = &'a Path>,
    output: &Path,
) -> Result<(), Stop> {
    let Ok(place) = fs::canonicalize(output) else {
        return Ok(());
    };
    // A file written in place can have many names, so files are compared; a replaced file has one path.
    let is_written_to = target::is_written_to(output);
    let is_output = |input: &Path| match input.as_os_str() == "-" {
        true => is_standard_input(&place),
        false if is_written_to => is_same_file(input, output),
        false => fs::canonicalize(input).is_ok_and(|input| input == place),
    };
    match inputs.into_iter().find(|input| is_output(input)) {
        Some(input) => Err(Stop::Usage(format!(
            "{}: the output is also an input: choose another file",
            input.display()
        ))),
        None => Ok(()),
    }
}

/// Device and inode of a plain file.
fn id(found: io::Result<fs::Metadata>) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let found = found.ok().filter(fs::Metadata::is_file)?;
    Some((found.dev(), found.ino()))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    id(fs::metadata(one)).is_some_and(|found| Some(found) == id(fs::metadata(other)))
}

/// Whether standard input is redirected from this file.
fn is_standard_input(path: &Path) -> bool {
    use std::os::fd::AsFd as _;
    let stdin = io::stdin().as_fd().try_clone_to_owned().map(fs::File::from);
    let stdin = id(stdin.and_then(|stdin| stdin.metadata()));
    stdin.is_some_and(|stdin| Some(stdin) == id(fs::metadata(path)))
}

fn failed(path: &Path, error: &io::Error) -> Stop {
    Stop::failed(format!("{}: {error}", path.display()))
}

/// Makes keys unique: two files of the same name, from two directories, must not share a key.
fn name_uniquely(inputs: &mut [Input]) {
    let mut seen = HashMap::<String, usize>::new();
    for input in &*inputs {
        *seen.entry(input.name.clone()).or_default() += 1;
    }
    for input in inputs
        .iter_mut()
        .filter(|input| seen.get(&input.name).is_some_and(|count| *count > 1))
    {
        input.name = input.origin().to_string_lossy().into_owned();
    }
    // The same path given twice: the first keeps its name, whatever later files are called.
    let mut names: HashSet<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let mut seen = HashMap::<String, usize>::new();
    for input in inputs {
        let count = seen.entry(input.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            let name = loop {
                let name = format!("{} ({count})", input.name);
                if names.insert(name.clone()) {
                    break name;
                }
                *count += 1;
            };
            input.name = name;
        }
    }
}

/// What happens to files below directories that a collector is still writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// They are left out.
    Skipped,
    /// As far as they are readable: `--salvage`.
    Included,
}

impl Unfinished {
    /// Included when salvaging.
    pub(crate) fn when(salvage: bool) -> Self {
        match salvage {
            true => Self::Included,
            false => Self::Skipped,
        }
    }
}

/// The files found for a path that is not a file.
struct Expansion {
    unfinished: Unfinished,
    inputs: Vec<Input>,
    /// Files that a collector is still writing.
    skipped: Vec<PathBuf>,
    /// Unreadable places, and why.
    problems: Vec<(PathBuf, io::Error)>,
}

impl Expansion {
    fn new(unfinished: Unfinished) -> Self {
        Self {
            unfinished,
            inputs: Vec::new(),
            skipped: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn add(&mut self, path: PathBuf) {
        self.inputs.push(Input::new(path, false));
    }

    fn search(&mut self, directory: &Path) {
        scan::search_all(directory, &mut |found| match found {
            Ok(path) if self.unfinished == Unfinished::Skipped && scan::is_unfinished(&path) => {
                self.skipped.push(path);
            }
            Ok(path) => self.add(path),
            Err(problem) => self.problems.push(problem),
        });
    }

    /// The files, after reporting problems. Fails without files: with the first problem, or with
    /// `nothing`.
    fn settle(self, nothing: String, report: &Report) -> Result<Vec<Input>, Stop> {
        let nothing = match self.skipped.first() {
            Some(path) => format!(
                "{nothing}, except for {} that a collector is still writing: read --salvage {}",
                plural(self.skipped.len() as u64, "file"),
                path.display()
            ),
            None => nothing,
        };
        // For people: a program that reads a live directory must not get a line each time.
        if !self.skipped.is_empty() && !self.inputs.is_empty() && io::stderr().is_terminal() {
            report.note(format!(
                "{} that a collector is still writing skipped; --salvage reads what is complete",
                plural(self.skipped.len() as u64, "file")
            ));
        }
        let mut problems = self
            .problems
            .into_iter()
            .map(|(place, error)| format!("{}: {error}", place.display()));
        let failure = self
            .inputs
            .is_empty()
            .then(|| problems.next().unwrap_or(nothing));
        problems.for_each(|problem| report.damage(problem));
        match failure {
            Some(failure) => Err(Stop::Failed(failure)),
            None => Ok(self.inputs),
        }
    }
}

/// The paths below each of several directories: `dir/one:two:three` are `dir/one`, `dir/two` and
/// `dir/three`, as in nfdump.
pub(crate) fn below(directories: &str, paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut directories = directories.split(':').map(Path::new);
    let first = directories.next().unwrap_or(Path::new(""));
    let parent = first.parent().unwrap_or(Path::new(""));
    let others = directories.map(|directory| parent.join(directory));
    let all = std::iter::once(first.to_owned()).chain(others);
    all.flat_map(|directory| paths.iter().map(move |path| directory.join(path)))
        .collect()
}

/// First and last file of a range. The last one may be a name in the directory of the first.
fn range(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let text = path.to_str()?;
    // `..` can also be a directory: the first file must exist, the last one need not.
    text.match_indices("..").find_map(|(at, _)| {
        let first = Path::new(text.get(..at)?);
        let last = text.get(at + 2..)?;
        if last.is_empty() || !first.is_file() {
            return None;
        }
        let last = match last.contains('/') {
            true => PathBuf::from(last),
            false => first.with_file_name(last),
        };
        Some((first.to_owned(), last))
    })
}

/// The files from `first` to `last`, in name order, below the directory that both are in.
fn search_range(
    first: &Path,
    last: &Path,
    unfinished: Unfinished,
    report: &Report,
) -> Result<Vec<Input>, Stop> {
    let common = first
        .parent()
        .into_iter()
        .flat_map(Path::ancestors)
        .find(|directory| last.starts_with(directory))
        .unwrap_or(Path::new(""));
    let directory = match common.as_os_str().is_empty() {
        true => Path::new("."),
        false => common,
    };
    let mut found = Expansion::new(unfinished);
    found.search(directory);
    let strip = |path: &Path| path.strip_prefix(directory).unwrap_or(path).to_owned();
    let range = strip(first)..=strip(last);
    found
        .inputs
        .retain(|input| range.contains(&strip(&input.path)));
    found.problems.retain(|(place, _)| {
        let place = strip(place);
        // A directory counts if a part of it is in the range.
        let is_around = |end: &PathBuf| end.starts_with(&place);
        range.contains(&place) || is_around(range.start()) || is_around(range.end())
    });
    let nothing = format!(
        "{}..{}: no nfcapd files in this range",
        first.display(),
        last.display()
    );
    found.settle(nothing, report)
}

/// The message for a path that does not exist. A word that would be a filter is a likely mistake.
fn missing(path: &Path) -> String {
    let shown = path.display();
    let is_word = path
        .to_str()
        .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let as_filter = path.to_str().filter(|_| is_word).and_then(filter_of_word);
    match as_filter {
        Some(filter) => {
            format!("{shown}: no such file or directory; for a filter use --filter '{filter}'")
        }
        None => format!("{shown}: no such file or directory"),
    }
}

/// A filter that a word alone may mean.
fn filter_of_word(word: &str) -> Option<String> {
    let protocols = ["tcp", "udp", "icmp", "icmp6", "gre", "esp", "sctp"];
    let word = word.to_ascii_lowercase();
    let port = match word.as_str() {
        "http" => 80,
        "https" => 443,
        "dns" => 53,
        "ssh" => 22,
        _ if protocols.contains(&word.as_str()) => return Some(format!("proto {word}")),
        _ => return None,
    };
    Some(format!("port {port}"))
}

fn match_pattern(path: &Path, unfinished: Unfinished, report: &Report) -> Result<Vec<Input>, Stop> {
    let missing = || Stop::failed(missing(path));
    let pattern = path
        .to_str()
        .filter(|text| text.contains(['*', '?', '[']))
        .ok_or_else(missing)?;
    let matches =
        glob::glob(pattern).map_err(|error| Stop::Usage(format!("{pattern}: {error}")))?;
    let mut found = Expansion::new(unfinished);
    for path in matches {
        match path {
            Ok(path) if path.is_dir() => found.search(&path),
            Ok(path) => found.add(path),
            Err(error) => found.problems.push((error.path().to_owned(), error.into())),
        }
    }
    found.settle(format!("{pattern}: no file matches"), report)
}

/// Bytes copied at a time.
const PIECE: usize = 1 << 16;

fn copy(from: &mut dyn Read, name: &str, shown: &str) -> Result<Input, Stop> {
    let explain = |error: io::Error| Stop::failed(format!("{shown}: {error}"));
    let make = || tempfile::Builder::new().prefix("nfdecode-").tempfile();
    let copy = interrupt::temporary(make, |copy| copy.path());
    let mut copy = copy.map_err(|error| {
        let error = target::of_the_system(&error);
        Stop::failed(format!("cannot create a temporary file: {error}"))
    })?;
    let mut piece = vec![0; PIECE];
    let mut start = Vec::new();
    loop {
        interrupt::check()?;
        let length = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(explain(error)),
        };
        let bytes = piece.get(..length).unwrap_or_default();
        copy.write_all(bytes).map_err(|error| {
            Stop::failed(format!(
                "{shown}: cannot be copied to {}: {}",
                copy.path().display(),
                target::of_the_system(&error)
            ))
        })?;
        // Endless inputs, such as /dev/zero, must not fill the disk.
        start.extend(bytes.iter().take(2_usize.saturating_sub(start.len())));
        if matches!(start[..], [a, b] if !scan::is_magic([a, b])) {
            break;
        }
    }
    Ok(Input {
        path: copy.path().to_owned(),
        name: name.to_owned(),
        copied_from: Some(shown.into()),
        is_named: true,
        _copy: Some(copy),
    })
}
