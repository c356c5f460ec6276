//! `nfdecode follow --compact`: small files become one, and each flow is still there once.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use crate::follow::{FILES, FLOWS, Place, Running, fixture, kills};
use crate::support;
use crate::support::damage::Numbers;

const MERGE: &[&str] = &["-o", "lake", "--compact=1s"];

/// All rows, in some order that only depends on them.
fn rows(lake: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    for path in support::parquet_below(lake) {
        let reader = SerializedFileReader::new(fs::File::open(path).expect("it opens"));
        let reader = reader.expect("Parquet");
        for row in reader.get_row_iter(None).expect("rows") {
            rows.push(row.expect("a row").to_string());
        }
    }
    rows.sort_unstable();
    rows
}

fn files(lake: &Path) -> Vec<PathBuf> {
    support::parquet_below(lake).collect()
}

/// Lets all files look as if they were written an hour ago.
fn age(lake: &Path) {
    let then = SystemTime::now() - Duration::from_secs(3600);
    for path in files(lake) {
        let file = fs::File::options().write(true).open(path);
        file.and_then(|file| file.set_modified(then)).expect("set");
    }
}

fn records(lake: &Path) -> Vec<(PathBuf, Value)> {
    let all = support::files_below(&lake.join("_nfdecode")).into_iter();
    let records = all.filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("nfcapd."))
    });
    records
        .map(|path| {
            let text = fs::read(&path).expect("readable");
            (path, serde_json::from_slice(&text).expect("JSON"))
        })
        .collect()
}

#[test]
fn small_files_of_a_closed_partition_become_one() {
    let place = Place::archive();
    let lake = place.path("lake");
    assert_eq!(place.once(MERGE), (String::new(), String::new(), Some(0)));
    let parts = files(&lake);
    assert_eq!(parts.len(), 3, "written a moment ago");
    let before = rows(&lake);
    assert_eq!(before.len(), FLOWS);
    age(&lake);
    assert_eq!(place.once(&["-o", "lake"]).2, Some(0));
    assert_eq!(files(&lake), parts, "only if requested");
    assert_eq!(place.once(MERGE), (String::new(), String::new(), Some(0)));
    let merged = files(&lake);
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0].file_name(), Some("merged.1.parquet".as_ref()));
    assert_eq!(rows(&lake), before);
    // Files of another program stay as they are.
    let other = merged[0].with_file_name("other.parquet");
    fs::copy(&merged[0], &other).expect("a copy");
    age(&lake);
    assert_eq!(place.once(MERGE).2, Some(0));
    assert_eq!(files(&lake).len(), 2);
    fs::remove_file(other).expect("removed");

    // An input that has changed is replaced; its flows are taken out of the merged file.
    fs::copy(fixture(FILES[0]), place.input().join(FILES[2])).expect("a copy");
    assert_eq!(place.once(MERGE).2, Some(0));
    assert_eq!(rows(&lake).len(), FLOWS - 148 + 113);
    age(&lake);
    assert_eq!(place.once(MERGE).2, Some(0));
    assert_eq!(
        files(&lake)[0].file_name(),
        Some("merged.2.parquet".as_ref())
    );
    assert_eq!(
        (files(&lake).len(), rows(&lake).len()),
        (1, FLOWS - 148 + 113)
    );
    // Other commands know what was written, too.
    let read = support::nfdecode()
        .args(["read", "-f", "parquet", "--partition-by", "hour", "-o"])
        .arg(&lake)
        .arg(place.input())
        .output()
        .expect("it starts");
    assert!(support::stderr(&read).contains("3 files were written to"));
    assert_eq!(
        (files(&lake).len(), rows(&lake).len()),
        (1, FLOWS - 148 + 113)
    );
}

/// An archive that was written in small files, and what it then has.
struct Unmerged {
    place: Place,
    lake: PathBuf,
    parts: Vec<(PathBuf, Vec<u8>)>,
    records: Vec<(PathBuf, Value)>,
}

impl Unmerged {
    fn new() -> Self {
        let place = Place::archive();
        let lake = place.path("lake");
        place.once(MERGE);
        let bytes = |path: PathBuf| (path.clone(), fs::read(path).expect("readable"));
        Self {
            parts: files(&lake).into_iter().map(bytes).collect(),
            records: records(&lake),
            place,
            lake,
        }
    }

    fn partition(&self) -> &Path {
        self.parts[0].0.parent().expect("a directory")
    }

    fn temporary(&self) -> PathBuf {
        self.partition().join(".nfdecode-abcdef.tmp")
    }

    fn journal(&self) -> PathBuf {
        self.lake.join("_nfdecode/merge.json")
    }

    /// What a process that merges all files writes before it does.
    fn write_journal(&self) {
        let name = |path: &Path| {
            let below = path.strip_prefix(&self.lake).expect("below");
            below.display().to_string()
        };
        let parts = self.parts.iter().map(|(path, _)| name(path));
        let inputs = self.records.iter();
        let inputs = inputs.map(|(path, _)| path.file_stem().and_then(|stem| stem.to_str()));
        let journal = json!({
            "temporary": name(&self.temporary()),
            "merged": name(&self.partition().join("merged.1.parquet")),
            "parts": parts.collect::<Vec<_>>(),
            "inputs": inputs.collect::<Vec<_>>(),
        });
        fs::write(self.journal(), journal.to_string()).expect("written");
    }

    /// A new input, which is then written without merging.
    fn write_another(&self, name: &str) {
        fs::copy(fixture(FILES[1]), self.place.input().join(name)).expect("a copy");
        assert_eq!(self.place.once(&["-o", "lake"]).2, Some(0));
        assert!(!self.journal().exists());
    }
}

#[test]
fn what_a_killed_process_has_left_is_undone_or_completed() {
    // Before the new file had its name.
    let early = Unmerged::new();
    fs::write(early.temporary(), "half").expect("written");
    early.write_journal();
    early.write_another("nfcapd.202611241345");
    assert!(!early.temporary().exists());
    assert_eq!(rows(&early.lake).len(), FLOWS + 158);

    // After that, with some of the small files and records as they were.
    let late = Unmerged::new();
    age(&late.lake);
    late.place.once(MERGE);
    assert_eq!(rows(&late.lake).len(), FLOWS);
    for left in 0..=late.parts.len() {
        for (path, bytes) in &late.parts[..left] {
            fs::write(path, bytes).expect("written");
        }
        for (path, record) in &late.records {
            fs::write(path, record.to_string()).expect("written");
        }
        late.write_journal();
        late.write_another(&format!("nfcapd.2026112414{left:02}"));
        let expected = FLOWS + 158 * (left + 1);
        assert_eq!(rows(&late.lake).len(), expected, "{left} files left");
        let named = records(&late.lake)
            .iter()
            .filter(|(_, record)| {
                let path = record["files"][0]["path"].as_str();
                path.is_some_and(|path| path.ends_with("/merged.1.parquet"))
            })
            .count();
        assert_eq!(named, FILES.len());
    }
}

/// Nothing is written in between: any next run finds what is left.
#[test]
fn a_killed_merge_is_settled_without_new_input() {
    let late = Unmerged::new();
    age(&late.lake);
    late.place.once(MERGE);
    for left in 0..=late.parts.len() {
        for next in [&["-o", "lake"], MERGE] {
            for (path, bytes) in &late.parts[..left] {
                fs::write(path, bytes).expect("written");
            }
            for (path, record) in &late.records {
                fs::write(path, record.to_string()).expect("written");
            }
            late.write_journal();
            age(&late.lake);
            assert_eq!(
                late.place.once(next),
                (String::new(), String::new(), Some(0))
            );
            assert!(!late.journal().exists());
            let now = (files(&late.lake).len(), rows(&late.lake).len());
            assert_eq!(now, (1, FLOWS), "{left} files left");
        }
    }
}

/// More files than are open at the same time.
#[test]
fn a_partition_of_many_files_becomes_one_file() {
    const INPUTS: usize = 600;
    let place = Place::empty();
    let lake = place.path("lake");
    for input in 0..INPUTS {
        let name = format!("nfcapd.20261124{:02}{:02}", input / 60, input % 60);
        fs::copy(fixture(FILES[1]), place.input().join(name)).expect("a copy");
    }
    assert_eq!(place.once(&["-o", "lake"]).2, Some(0));
    assert_eq!(files(&lake).len(), INPUTS);
    age(&lake);
    assert_eq!(place.once(MERGE), (String::new(), String::new(), Some(0)));
    assert_eq!((files(&lake).len(), rows(&lake).len()), (1, INPUTS * 158));
}

/// Killed at any moment while files are merged, each flow is there once.
#[test]
fn killed_while_files_are_merged() {
    const BATCH: usize = 12;
    let place = Place::empty();
    let lake = place.path("lake");
    let mut numbers = Numbers::new(23);
    let (mut inputs, mut merged) = (0, 0);
    // How long a run takes that merges, wherever this test runs.
    let mut length = Duration::ZERO;
    for run in 0..=kills() * 4 {
        for _ in 0..BATCH {
            let name = format!("nfcapd.20261124{:02}{:02}", inputs / 60, inputs % 60);
            fs::copy(fixture(FILES[1]), place.input().join(name)).expect("a copy");
            inputs += 1;
        }
        assert_eq!(place.once(&["-o", "lake"]).2, Some(0));
        age(&lake);
        let before = files(&lake).len();
        if run > 0 {
            let running = Running::start(&mut place.follow(MERGE));
            let limit = usize::try_from(length.as_micros()).expect("short");
            thread::sleep(Duration::from_micros(numbers.below(limit) as u64));
            drop(running);
            merged += usize::from(files(&lake).len() < before);
        }
        // What one left is also found by the next that is killed.
        if run % 2 == 0 {
            age(&lake);
            let started = Instant::now();
            assert_eq!(place.once(MERGE), (String::new(), String::new(), Some(0)));
            length = length.max(started.elapsed());
            assert_eq!((files(&lake).len(), rows(&lake).len()), (1, inputs * 158));
        }
    }
    let (_, errors, status) = place.once(&["-o", "lake"]);
    assert_eq!((errors.as_str(), status), ("", Some(0)));
    assert_eq!(rows(&lake).len(), inputs * 158);
    assert!(!lake.join("_nfdecode/merge.json").exists());
    age(&lake);
    assert_eq!(place.once(MERGE), (String::new(), String::new(), Some(0)));
    assert_eq!((files(&lake).len(), rows(&lake).len()), (1, inputs * 158));
    println!("{inputs} files, merged in {merged} of {} runs", kills() * 4);
}
