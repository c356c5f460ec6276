//! What readers make of damaged files: crashes, hangs, silence, broken JSON, and flows recovered.
//!
//! The files are made by `cargo test -p nfdecode-cli --test program mutations::` with `NFDECODE_MUTATIONS_TO`; the number of flows
//! that each had before is the end of its name. Every reader is a process of its own with limits to its
//! time and output, since some never end.

use std::error::Error;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest time to wait, for processes that wait themselves.
const PATIENCE: Duration = Duration::from_secs(5);
/// Seconds of processor time, and 512-byte units of output.
const LIMITS: &str = "ulimit -c 0; ulimit -t 2; ulimit -f 65536; exec \"$@\"";
/// Signals of these limits.
const LIMIT_SIGNALS: [i32; 3] = [9, 24, 25];
/// How the line starts that nfdump 1.7.5 and later print for every file.
const ROUTINE: &[u8] = b"Using ";
/// How a Rust program ends that panics.
const PANIC: i32 = 101;

/// A reader and what it did.
struct Rival {
    name: String,
    command: Vec<String>,
    /// Text in standard output is JSON; otherwise only the number of flows is printed.
    prints_json: bool,
    /// Layouts it claims to read.
    layouts: &'static [u8],
}

/// What came of one reader and one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    flows: u64,
    killed: bool,
    panicked: bool,
    hung: bool,
    /// Status 0 although flows are missing.
    content: bool,
    /// Likewise, and nothing on standard error but what is there for sound files too.
    silent: bool,
    invalid: bool,
}

/// Sums over all files of a layout.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    killed: u64,
    panicked: u64,
    hung: u64,
    content: u64,
    silent: u64,
    invalid: u64,
    flows: u64,
    more: u64,
}

pub fn run(folder: &Path, nfdecode: &Path, oracle: &Path) -> Result<(), Box<dyn Error>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    if !nfdecode.is_file() {
        return Err(format!("there is no {}", nfdecode.display()).into());
    }
    let rivals = rivals(nfdecode, oracle)?;
    let scratch = tempfile::tempdir()?;
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let work = |thread: usize| -> Result<Vec<(PathBuf, Vec<Outcome>)>, String> {
        let out = scratch.path().join(thread.to_string());
        let mut found = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (_, flows) = described(file).ok_or("another name than expected")?;
            let outcomes = rivals.iter().map(|rival| {
                rival
                    .read(file, flows, &out)
                    .map_err(|error| format!("{}: {error}", rival.name))
            });
            found.push((file.clone(), outcomes.collect::<Result<_, _>>()?));
        }
        Ok(found)
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let work = &work;
        let all: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        all.into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread failed".to_owned()))
            .collect()
    });
    let mut found = Vec::new();
    for result in results {
        found.extend(result??);
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    for layout in [2, 1, 3] {
        print_table(layout, &rivals, &found);
    }
    Ok(())
}

/// Layout and flows of the original, from the name.
fn described(file: &Path) -> Option<(u8, u64)> {
    let name = file.file_name()?.to_str()?;
    let (_, rest) = name.split_once("-layout")?;
    let (layout, flows) = rest.split_once('-')?;
    Some((layout.parse().ok()?, flows.parse().ok()?))
}

fn rivals(nfdecode: &Path, oracle: &Path) -> Result<Vec<Rival>, Box<dyn Error>> {
    let text = |path: &Path| path.display().to_string();
    let mut rivals = vec![Rival {
        name: "nfdecode".to_owned(),
        command: vec![text(nfdecode), "read".to_owned()],
        prints_json: true,
        layouts: &[1, 2, 3],
    }];
    for version in ["1.7.1", "1.7.5", "1.7.10"] {
        let mut program = oracle.join(version).join("usr/bin/nfdump");
        if !program.exists() && version == "1.7.1" {
            // That of Debian 12.
            program = "/usr/bin/nfdump".into();
        }
        let mut command = vec![text(&program)];
        if version != "1.7.1" {
            command.extend(["-W", "1", "-C", "none", "-G", "none"].map(str::to_owned));
        }
        command.extend(["-q", "-o", "json", "-r"].map(str::to_owned));
        rivals.push(Rival {
            name: format!("nfdump {version}"),
            command,
            prints_json: true,
            layouts: &[1, 2],
        });
    }
    rivals.push(Rival {
        name: "crate `nfdump` 0.2".to_owned(),
        command: vec![
            text(&std::env::current_exe()?),
            "sum".to_owned(),
            "crate".to_owned(),
        ],
        prints_json: false,
        layouts: &[1, 2],
    });
    Ok(rivals)
}

impl Rival {
    fn read(&self, file: &Path, expected: u64, scratch: &Path) -> Result<Outcome, std::io::Error> {
        let (out, err) = (scratch.with_extension("out"), scratch.with_extension("err"));
        let mut child = Command::new("sh")
            .args(["-c", LIMITS, "sh"])
            .args(&self.command)
            .arg(file)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?)
            .spawn()?;
        let started = Instant::now();
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if started.elapsed() > PATIENCE => {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                None => std::thread::sleep(Duration::from_micros(300)),
            }
        };
        let text = fs::read(&out)?;
        let messages = fs::read(&err)?;
        let mut messages = messages.split(|byte| *byte == b'\n');
        let quiet = messages.all(|line| line.is_empty() || line.starts_with(ROUTINE));
        let by_limit = |status: ExitStatus| {
            status
                .signal()
                .is_some_and(|signal| LIMIT_SIGNALS.contains(&signal))
        };
        let hung = status.is_none_or(by_limit);
        let code = status.and_then(|status| status.code());
        let flows = if self.prints_json {
            flows_in(&text)
        } else {
            number_in(&text)
        };
        let content = code == Some(0) && flows < expected;
        Ok(Outcome {
            flows,
            killed: !hung && code.is_none(),
            panicked: code == Some(PANIC),
            hung,
            content,
            silent: content && quiet,
            invalid: self.prints_json
                && serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err(),
        })
    }
}

/// Flows in JSON that may be broken: each has a line with its type.
fn flows_in(text: &[u8]) -> u64 {
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter(|line| line.trim_ascii_start().starts_with(b"\"type\" : "))
        .count() as u64
}

fn number_in(text: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(text);
    let number = text.lines().find_map(|line| line.split_once(" flows, "));
    number
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

fn print_table(layout: u8, rivals: &[Rival], found: &[(PathBuf, Vec<Outcome>)]) {
    let of_layout: Vec<_> = found
        .iter()
        .filter(|(file, _)| described(file).is_some_and(|(of, _)| of == layout))
        .collect();
    if of_layout.is_empty() {
        return;
    }
    println!(
        "\n| layout {layout}, {} files | killed by a signal | panic | hang | flows missing, status 0 | and without a word | output is not JSON | flows | files with more flows than nfdecode |",
        of_layout.len()
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (number, rival) in rivals.iter().enumerate() {
        if !rival.layouts.contains(&layout) {
            continue;
        }
        let mut row = Row::default();
        for (file, outcomes) in &of_layout {
            let (ours, outcome) = (outcomes[0], outcomes[number]);
            row.killed += u64::from(outcome.killed);
            row.panicked += u64::from(outcome.panicked);
            row.hung += u64::from(outcome.hung);
            row.content += u64::from(outcome.content);
            row.silent += u64::from(outcome.silent);
            row.invalid += u64::from(outcome.invalid);
            // What a program printed before it was stopped in an endless loop may be the same flow again and again.
            if !outcome.hung {
                row.flows += outcome.flows;
            }
            if !outcome.hung && outcome.flows > ours.flows {
                row.more += 1;
                eprintln!(
                    "{}: {} flows in {}, nfdecode {}",
                    rival.name,
                    outcome.flows,
                    file.display(),
                    ours.flows
                );
            }
        }
        let invalid = if rival.prints_json {
            row.invalid.to_string()
        } else {
            "–".to_owned()
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {invalid} | {} | {} |",
            rival.name,
            row.killed,
            row.panicked,
            row.hung,
            row.content,
            row.silent,
            row.flows,
            row.more
        );
    }
}
