//! `nfdecode follow` at the limits: file systems that are full, a day of files in a moment, files of layout 3 that grow.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::follow::{FILES, FLOWS, Place, Running, descriptors, fixture, memory, rows};
use crate::support::layout3::{self, FlowRecord};
use crate::support::stderr;
use crate::support::writer::{self, Encoding};

/// A file system in memory of some size; `None` if this user may not mount one.
struct FileSystem {
    path: PathBuf,
}

impl FileSystem {
    fn new(place: &Place, size: &str) -> Option<Self> {
        let path = place.path("small");
        fs::create_dir(&path).expect("a directory");
        let this = Self { path };
        if this.mount(&format!("size={size}")) {
            return Some(this);
        }
        println!("ignored: needs the right to mount a file system");
        None
    }

    fn mount(&self, options: &str) -> bool {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&self.path)
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    fn grow(&self) {
        assert!(self.mount("remount,size=64m"));
    }

    /// Takes all room that is left.
    fn fill(&self) -> PathBuf {
        let filler = self.path.join("filler");
        let mut size = 1 << 20;
        let mut bytes = Vec::new();
        while size > 0 {
            bytes.resize(bytes.len() + size, 0);
            if fs::write(&filler, &bytes).is_err() {
                bytes.truncate(bytes.len() - size);
                size /= 2;
            }
        }
        let _ = fs::write(&filler, &bytes);
        filler
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
    }
}

/// Copies of a fixture under the names of slots of five minutes.
fn fill_input(place: &Place, range: std::ops::Range<usize>) {
    for number in range {
        fs::copy(fixture(FILES[1]), place.input().join(name(number))).expect("a copy");
    }
}

fn name(number: usize) -> String {
    let (day, minute) = (number / 288 + 1, number % 288 * 5);
    format!("nfcapd.202610{day:02}{:02}{:02}", minute / 60, minute % 60)
}

/// File and number of each flow.
fn pairs(text: &str) -> BTreeSet<(String, u64)> {
    let pair = |line: &str| {
        let flow: Value = serde_json::from_str(line).expect("JSON");
        let file = flow["file"].as_str().expect("a file").to_owned();
        (file, flow["cnt"].as_u64().expect("a number"))
    };
    text.lines().map(pair).collect()
}

#[test]
fn a_state_on_a_full_file_system() {
    let place = Place::archive();
    let Some(small) = FileSystem::new(&place, "256k") else {
        return;
    };
    let filler = small.fill();
    let arguments = ["--state", "small/s", "--fields", "in_bytes"];
    let (text, errors, status) = place.once(&arguments);
    assert_eq!((text.as_str(), status), ("", Some(1)), "{errors}");
    assert!(
        errors.contains("small/s") && errors.contains("No space left"),
        "{errors}"
    );
    fs::remove_file(filler).expect("removed");
    let (text, errors, status) = place.once(&arguments);
    assert_eq!((errors.as_str(), status), ("", Some(0)));
    assert_eq!(text.lines().count(), FLOWS);

    // It becomes full while files are read.
    fill_input(&place, 0..1500);
    let (first, errors, status) = place.once(&arguments);
    assert_eq!(status, Some(1), "{errors}");
    assert!(errors.contains("No space left"), "{errors}");
    small.grow();
    let (second, errors, status) = place.once(&arguments);
    assert!(matches!(status, Some(0 | 3)), "{errors}");
    let all = pairs(&(first + &second));
    assert_eq!(
        all.len(),
        1500 * 158,
        "each flow, some with the same number again"
    );
}

#[test]
fn output_on_a_full_file_system() {
    let place = Place::empty();
    let Some(small) = FileSystem::new(&place, "256k") else {
        return;
    };
    fill_input(&place, 0..48);
    let lake = place.path("small/lake");
    let arguments = ["-o", "small/lake", "--state", "s"];
    let (_, errors, status) = place.once(&arguments);
    assert_eq!(status, Some(1), "{errors}");
    assert!(errors.contains("No space left"), "{errors}");
    let written = rows(&lake);
    assert!(
        written < 48 * 158 && written.is_multiple_of(158),
        "{written}: whole files"
    );
    small.grow();
    assert_eq!(
        place.once(&arguments),
        (String::new(), String::new(), Some(0))
    );
    assert_eq!(rows(&lake), 48 * 158);

    // Merging needs room as well.
    let merging = [&arguments[..], &["--compact=1s"]].concat();
    let filler = small.fill();
    thread::sleep(Duration::from_millis(1100));
    let (_, errors, status) = place.once(&merging);
    assert_eq!(status, Some(1), "{errors}");
    assert!(errors.contains("No space left"), "{errors}");
    assert_eq!(rows(&lake), 48 * 158);
    fs::remove_file(filler).expect("removed");
    assert_eq!(
        place.once(&merging),
        (String::new(), String::new(), Some(0))
    );
    assert_eq!(rows(&lake), 48 * 158);

    // Standard output.
    let filler = small.fill();
    let out = fs::File::create(place.path("small/out")).expect("created");
    let output = place
        .follow(&["--once", "--state", "t"])
        .stdout(out)
        .output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    fs::remove_file(filler).expect("removed");
    let (text, ..) = place.once(&["--state", "t"]);
    let before = fs::read_to_string(place.path("small/out")).expect("text");
    let whole = before.rfind('\n').map_or(0, |end| end + 1);
    assert_eq!(pairs(&(before[..whole].to_owned() + &text)).len(), 48 * 158);
}

/// Lines that another process writes.
struct Arriving {
    file: fs::File,
    lines: usize,
}

impl Arriving {
    fn new(path: PathBuf) -> Self {
        let file = fs::File::open(path).expect("it opens");
        Self { file, lines: 0 }
    }

    /// Waits for this number of lines.
    fn wait(&mut self, lines: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut piece = Vec::new();
        while self.lines < lines {
            assert!(Instant::now() < deadline, "{} of {lines} lines", self.lines);
            piece.clear();
            self.file.read_to_end(&mut piece).expect("readable");
            self.lines += piece.iter().filter(|byte| **byte == b'\n').count();
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A day of slots of five minutes, each as soon as the one before was read, of which the oldest expire.
/// `NFDECODE_DAYS=n` makes it n days.
#[test]
fn a_day_of_files_with_flat_memory_and_descriptors() {
    const KEPT: usize = 60;
    let days: Option<usize> = std::env::var("NFDECODE_DAYS")
        .ok()
        .and_then(|days| days.parse().ok());
    let count = 288 * days.unwrap_or(1).clamp(1, 28);
    let place = Place::empty();
    let arguments = [
        "--live", "--from", "start", "--state", "s", "--fields", "in_bytes",
    ];
    let out = fs::File::create(place.path("out")).expect("created");
    let running = Running::start(place.follow(&arguments).stdout(out));
    let id = running.0.id();
    let bytes = fs::read(fixture(FILES[1])).expect("readable");
    let mut flows = Arriving::new(place.path("out"));
    let mut early = None;
    for number in 0..count {
        let current = place.input().join("nfcapd.current.7");
        fs::write(&current, &bytes).expect("written");
        fs::rename(current, place.input().join(name(number))).expect("renamed");
        flows.wait((number + 1) * 158);
        // As a collector expires files.
        if let Some(old) = number.checked_sub(KEPT) {
            fs::remove_file(place.input().join(name(old))).expect("removed");
        }
        if number == 95 {
            early = Some((memory(id), descriptors(id)));
        }
    }
    let (memory_before, open_before) = early.expect("a third of a day");
    let (memory_after, open_after) = (memory(id), descriptors(id));
    assert!(
        memory_after < memory_before + (8 << 10),
        "{memory_before} to {memory_after} KiB"
    );
    assert!(
        open_after <= open_before + 2,
        "{open_before} to {open_after}"
    );
    let state = fs::metadata(place.path("s")).expect("the state").len();
    assert!(state < 1 << 20, "{state} bytes of state");
    assert_eq!(running.terminate(), Some(0));
    let text = fs::read_to_string(place.path("out")).expect("text");
    assert_eq!(
        (text.lines().count(), pairs(&text).len()),
        (count * 158, count * 158)
    );
    println!(
        "{count} files: {memory_before} to {memory_after} KiB, {open_before} to {open_after} open files"
    );
}

/// The directory of blocks is at the end of a file of layout 3: until then blocks are found without it.
#[test]
fn files_of_layout_3_that_grow_give_each_flow_once() {
    let flow = |number: u8| {
        let extensions = vec![(1, vec![number; 48])];
        FlowRecord {
            extensions,
            ..FlowRecord::default()
        }
        .bytes()
    };
    let block = |first: u8| {
        let records: Vec<_> = (first..first + 40).map(flow).collect();
        (layout3::FLOWS, layout3::flows(&records), Encoding::Zstd)
    };
    let whole = layout3::file(Some("made"), 120, &[block(0), block(40), block(80)]);
    for live in [&[][..], &["--live"]] {
        let place = Place::empty();
        let out = fs::File::create(place.path("out")).expect("created");
        let arguments = [&["--from", "start", "--state", "s"], live].concat();
        let running = Running::start(place.follow(&arguments).stdout(out).stderr(Stdio::piped()));
        // It grows under its final name, as a copy does, and under that of a file being written.
        let (copy, current) = (name(1), "nfcapd.current.7".to_owned());
        for size in [40, whole.len() / 3, whole.len() / 2, whole.len() - 8] {
            for file in [&copy, &current] {
                fs::write(place.input().join(file), &whole[..size]).expect("written");
            }
            thread::sleep(Duration::from_millis(300));
        }
        for file in [&copy, &current] {
            fs::write(place.input().join(file), &whole).expect("written");
        }
        fs::rename(place.input().join(&current), place.input().join(name(2))).expect("renamed");
        Arriving::new(place.path("out")).wait(240);
        assert_eq!(running.terminate(), Some(0), "nothing is damaged");
        let text = fs::read_to_string(place.path("out")).expect("text");
        assert_eq!(
            (text.lines().count(), pairs(&text).len()),
            (240, 240),
            "{text}"
        );
    }
}

/// Files that are read together are open at the same time, but do not keep buffers of their own.
#[test]
fn memory_does_not_grow_with_files_that_are_read_together() {
    const COUNT: usize = 64;
    let flow = |number: u16| {
        let mut generic = vec![0; 48];
        generic[..8].copy_from_slice(&(1_700_000_000_000_u64 + u64::from(number)).to_le_bytes());
        let elements = vec![(1, generic), (2, number.to_le_bytes().repeat(4))];
        let record = writer::FlowRecord {
            elements,
            ..Default::default()
        };
        record.bytes()
    };
    let block: Vec<_> = (0..20_000).map(flow).collect();
    let bytes = writer::file(Encoding::Lz4, None, &[block]);
    let place = Place::empty();
    for number in 0..COUNT {
        fs::write(place.input().join(name(number)), &bytes).expect("written");
    }
    let out = fs::File::create(place.path("out")).expect("created");
    let arguments = ["--from", "start", "--state", "s", "--fields", "in_bytes"];
    let running = Running::start(place.follow(&arguments).stdout(out));
    Arriving::new(place.path("out")).wait(COUNT * 20_000);
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .expect("a number");
    println!("{COUNT} files: at most {peak} KiB");
    assert!(peak < 64 << 10, "{peak} KiB");
    assert_eq!(running.terminate(), Some(0));
}
