//! However a run ends - a signal at any moment, a full disk, closed standard output - a file is
//! complete or as it was before, no temporary file is left, and the exit status is right.
//!
//! `NFDECODE_SIGNALS=n` sends n signals to each command instead of a few.
#![cfg(unix)]

use crate::support;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::writer::{self, Encoding, FlowRecord};
use crate::support::{nfdecode, stderr};

/// What is in the place of an output file before.
const OLD: &[u8] = b"what was there before\n";

/// Where a command writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Directory,
}

/// A command line; `OUT` means the output, `IN` the inputs.
struct Form {
    arguments: &'static [&'static str],
    output: Place,
}

const FORMS: [Form; 10] = [
    file_form(&["read", "IN", "-o", "OUT"]),
    file_form(&["read", "IN", "-f", "ndjson", "-j", "1", "-o", "OUT"]),
    file_form(&["read", "IN", "-f", "csv", "-o", "OUT"]),
    file_form(&["read", "IN", "-f", "long", "-o", "OUT"]),
    file_form(&["read", "IN", "-f", "arrow", "-o", "OUT"]),
    file_form(&["read", "IN", "-f", "parquet", "-o", "OUT"]),
    file_form(&["rewrite", "IN", "--compress", "zstd", "-o", "OUT"]),
    file_form(&["repair", "FIRST", "-o", "OUT"]),
    file_form(&["convert", "CAPTURE", "-o", "OUT"]),
    Form {
        arguments: &[
            "read",
            "IN",
            "-f",
            "parquet",
            "--partition-by",
            "hour",
            "-o",
            "OUT",
        ],
        output: Place::Directory,
    },
];

const fn file_form(arguments: &'static [&'static str]) -> Form {
    Form {
        arguments,
        output: Place::File,
    }
}

/// Inputs, a stand-in for nfpcapd, and folders for output and temporary files.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(blocks: u64, flows: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["in", "out", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        for (number, encoding) in [Encoding::None, Encoding::Lz4].into_iter().enumerate() {
            let records = |block: u64| {
                let flow = |at: u64| flow((number as u64 * blocks + block) * flows + at);
                (0..flows).map(flow).collect::<Vec<_>>()
            };
            let blocks: Vec<_> = (0..blocks).map(records).collect();
            let bytes = writer::file(encoding, Some("made"), &blocks);
            let name = format!("in/nfcapd.20231114{:02}00", 10 + number);
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        // As nfpcapd, but its flows have nothing to do with the capture.
        let total = 2 * blocks * flows;
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = -V ]; then echo 'x: Version: 1.7.10'; exit 0; fi\n\
             while [ $# -gt 0 ]; do [ \"$1\" = -w ] && out=$2; shift; done\n\
             PATH=/usr/bin:/bin\ncd {} || exit 1\n\
             for file in nfcapd.*; do cp $file $out/nfcapd.current.1 || exit 1\n\
             mv $out/nfcapd.current.1 $out/$file; done\n\
             echo \"Ident: 'x' Flows: {total}, Packets: 1, Bytes: 1\" >&2\n\
             echo \"Ident: 'x' Flows: 0, Packets: 1, Bytes: 1\" >&2\n\
             echo 'Total: Processed packets: 1, bytes: 1, decode errors: 0, short caplen: 0, unknown: 0' >&2\n\
             echo 'Terminating nfpcapd.' >&2\n",
            folder.path().join("in").display(),
        );
        let path = folder.path().join("stand-in");
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program and its arguments, with output to this place. A directory is told by a path from here:
    /// what is temporary in it has an absolute one.
    fn arguments(&self, form: &Form, out: &Path) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let mut all = Vec::new();
        for argument in form.arguments {
            all.push(match *argument {
                "IN" => text(self.path("in")),
                "FIRST" => text(self.path("in/nfcapd.202311141000")),
                "CAPTURE" => {
                    text(crate::support::root().join("tests/fixtures/captures/office.pcap"))
                }
                "OUT" if form.output == Place::Directory => {
                    let from_here = out.strip_prefix(self.folder.path());
                    text(from_here.unwrap_or(out).to_owned())
                }
                "OUT" => text(out.to_owned()),
                other => other.to_owned(),
            });
        }
        if form.arguments.first() == Some(&"convert") {
            all.extend(["--nfpcapd".to_owned(), text(self.path("stand-in"))]);
        }
        all
    }

    fn command(&self, form: &Form, out: &Path) -> Command {
        let mut command = support::interruptible();
        command
            .args(self.arguments(form, out))
            .current_dir(self.folder.path())
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// Fails if anything temporary is left anywhere.
    fn assert_clean(&self, context: &str) {
        let left: Vec<_> = ["in", "out", "tmp"]
            .iter()
            .flat_map(|name| support::files_below(&self.path(name)))
            .filter(|path| path.starts_with(self.path("tmp")) || is_temporary(path))
            .collect();
        assert!(left.is_empty(), "{context}: left behind: {left:?}");
        let folders = fs::read_dir(self.path("tmp")).expect("a folder");
        assert_eq!(folders.count(), 0, "{context}: left behind");
    }
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with(".tmp")
}

fn flow(number: u64) -> Vec<u8> {
    let mut generic = vec![0; 48];
    let first = 1_700_000_000_000 + number * 997;
    for (at, time) in [first, first + 20, first + 900].iter().enumerate() {
        generic[8 * at..8 * at + 8].copy_from_slice(&time.to_le_bytes());
    }
    // Nothing that can be compressed.
    let noise = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    generic[24] = 1;
    generic[32..40].copy_from_slice(&(noise >> 1).to_le_bytes());
    generic[44] = 6;
    FlowRecord {
        version: 9,
        elements: vec![
            (1, generic),
            (2, noise.reverse_bits().to_le_bytes().to_vec()),
        ],
        ..FlowRecord::default()
    }
    .bytes()
}

/// The Parquet files of a directory by name, or a file.
fn content(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = match out.is_dir() {
        true => support::files_below(out),
        false => vec![out.to_owned()],
    };
    files
        .into_iter()
        .filter(|path| path.is_file() && !path.starts_with(out.join("_nfdecode")))
        .map(|path| {
            let bytes = fs::read(&path).expect("readable");
            (path.strip_prefix(out).unwrap_or(&path).to_owned(), bytes)
        })
        .collect()
}

/// A partition without files is what an interrupted run must not leave.
fn assert_no_empty_folders(folder: &Path, context: &str) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert!(
                fs::read_dir(&path).expect("a folder").count() != 0,
                "{context}: {} is empty",
                path.display()
            );
            assert_no_empty_folders(&path, context);
        }
    }
}

/// The place for output, as it is before each run.
fn prepare(out: &Path, form: &Form) {
    let _ = fs::remove_dir_all(out);
    let _ = fs::remove_file(out);
    if form.output == Place::File {
        fs::write(out, OLD).expect("written");
    }
}

fn send(signal: i32, child: u32) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), child.to_string()])
        .stderr(Stdio::null())
        .status();
    // It may have ended already, which is no failure.
    let _ = status.expect("kill runs");
}

#[test]
fn signals_at_any_moment() {
    let scene = Scene::new(8, 2_000);
    let rounds = std::env::var("NFDECODE_SIGNALS").ok();
    let rounds = rounds.map_or(4, |rounds| rounds.parse().expect("a number"));
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below.max(1)
    };
    for form in &FORMS {
        let out = scene.path("out/flows");
        prepare(&out, form);
        let started = Instant::now();
        let whole = scene.command(form, &out).output().expect("it runs");
        let takes = started.elapsed();
        let usual = whole.status.code();
        assert!(
            matches!(usual, Some(0 | 3)),
            "{:?}: {}",
            form.arguments,
            stderr(&whole)
        );
        let reference = content(&out);
        scene.assert_clean("undisturbed");
        for round in 0..rounds {
            let signal = [2, 15, 1][round % 3];
            prepare(&out, form);
            let mut child = scene
                .command(form, &out)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            let moment = Duration::from_micros(random(takes.as_micros() as u64));
            std::thread::sleep(moment);
            send(signal, child.id());
            let status = child.wait().expect("it ends");
            let context = format!("{:?}, signal {signal} after {moment:?}", form.arguments);
            assert!(
                status.code() == usual || status.signal() == Some(signal),
                "{context}: {status}"
            );
            scene.assert_clean(&context);
            assert_outcome(form, &out, &reference, status, &context);
            if form.output == Place::Directory && round == 0 {
                // The next run does what is missing, and no more.
                let again = scene.command(form, &out).output().expect("it runs");
                assert_eq!(
                    again.status.code(),
                    Some(0),
                    "{context}: {}",
                    stderr(&again)
                );
                assert!(content(&out) == reference, "{context}: read on");
            }
        }
    }
}

/// A file is complete after success, and what it was before otherwise; of a directory every file is
/// complete.
fn assert_outcome(
    form: &Form,
    out: &Path,
    reference: &BTreeMap<PathBuf, Vec<u8>>,
    status: ExitStatus,
    context: &str,
) {
    let ended = status.code().is_some();
    match form.output {
        Place::File => {
            let found = fs::read(out).expect("a file");
            let is_whole = reference.values().next() == Some(&found);
            // The signal may come between the last step and the end.
            assert!(
                is_whole || (!ended && found == OLD),
                "{context}: half a file"
            );
        }
        Place::Directory => {
            if !out.exists() {
                assert!(!ended, "{context}: nothing");
                return;
            }
            for (name, bytes) in content(out) {
                let whole = reference.get(&name) == Some(&bytes);
                assert!(whole, "{context}: {} is half a file", name.display());
            }
            assert_no_empty_folders(out, context);
        }
    }
}

/// What was ignored when we were started stays ignored: `nohup nfdecode ... &`.
#[test]
fn ignored_signals_stay_ignored() {
    let scene = Scene::new(2, 100);
    let fifo = scene.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("it runs");
    assert!(made.success());
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_nfdecode"))
        .arg("read")
        .arg(scene.path("in"))
        .arg("-o")
        .arg(&fifo)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Opening ends when both ends are open, so it is at work when this comes.
    let mut reader = fs::File::open(&fifo).expect("it opens");
    send(1, child.id());
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut text).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let flows = support::assert_json(&text, "all of it");
    assert_eq!(flows.as_array().map(Vec::len), Some(400));
}

fn assert_failure(output: &Output, phrase: &str, context: &str) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{context}: {message}");
    assert!(
        message.contains(phrase) && message.lines().count() == 1,
        "{context}: {message}"
    );
}

/// What is said when files cannot grow. With `convert` it is the stand-in that fails, in one way or
/// another.
fn failure_of(form: &Form, phrase: &'static str) -> &'static str {
    match form.arguments.first() {
        Some(&"convert") => "nf",
        _ => phrase,
    }
}

/// As with a full disk, for everybody: a limit to the size of files.
#[test]
fn files_that_must_not_grow() {
    let scene = Scene::new(2, 1_500);
    for form in &FORMS {
        let out = scene.path("out/flows");
        prepare(&out, form);
        let output = Command::new("sh")
            .args(["-c", "ulimit -f 24; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_nfdecode"))
            .args(scene.arguments(form, &out))
            .current_dir(scene.folder.path())
            .env("TMPDIR", scene.path("tmp"))
            .output()
            .expect("it runs");
        let context = format!("{:?}", form.arguments);
        let phrase = failure_of(form, "File too large");
        assert_failure(&output, phrase, &context);
        scene.assert_clean(&context);
        match form.output {
            Place::File => assert_eq!(fs::read(&out).expect("a file"), OLD, "{context}"),
            Place::Directory => {
                assert!(content(&out).is_empty(), "{context}");
                assert_no_empty_folders(&out, &context);
            }
        }
    }
}

/// A disk of 200 kB, in a mount namespace of its own that is gone with the shell.
#[test]
fn disks_that_are_full() {
    let scene = Scene::new(4, 3_000);
    let disk = scene.path("out");
    let in_namespace = |script: &str, arguments: &[String]| {
        Command::new("unshare")
            .args(["-m", "sh", "-c"])
            .arg(format!(
                "mount -t tmpfs -o size=200k tmpfs '{}' 2>/dev/null || exit 99\n{script}",
                disk.display()
            ))
            .arg("sh")
            .args(arguments)
            .current_dir(scene.folder.path())
            .env("TZ", "UTC")
            .env("TMPDIR", &disk)
            .output()
    };
    match in_namespace("exit 0", &[]) {
        Ok(output) if output.status.success() => {}
        _ => {
            eprintln!("skipped: mounting takes root and unshare");
            return;
        }
    }
    let run = "\"$@\"; code=$?; cd \"$TMPDIR\"; find . -type f -o -empty; exit $code";
    for form in &FORMS {
        let mut arguments = vec![env!("CARGO_BIN_EXE_nfdecode").to_owned()];
        arguments.extend(scene.arguments(form, &disk.join("flows")));
        let output = in_namespace(run, &arguments).expect("it runs");
        let context = format!("{:?}", form.arguments);
        assert_failure(&output, failure_of(form, "No space left"), &context);
        let left = String::from_utf8_lossy(&output.stdout).into_owned();
        let left: Vec<_> = left
            .lines()
            .filter(|name| *name != "." && *name != "./flows/_nfdecode/settings.json")
            .collect();
        assert!(left.is_empty(), "{context}: {left:?}");
    }
    // Standard input is copied first.
    let mut arguments = vec![scene.path("in/nfcapd.202311141000").display().to_string()];
    arguments.push(env!("CARGO_BIN_EXE_nfdecode").to_owned());
    let script = "cat \"$1\" | \"$2\" read - -o \"$TMPDIR/x\"; code=$?; cd \"$TMPDIR\"; find . -type f; exit $code";
    let output = in_namespace(script, &arguments).expect("it runs");
    assert_failure(&output, "No space left", "standard input");
    assert!(output.stdout.is_empty(), "{output:?}");
}

/// With the usual 64 KiB, program and reader wait for each other again and again.
#[test]
#[cfg(target_os = "linux")]
fn a_pipe_holds_a_mebibyte() {
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
    let scene = Scene::new(1, 1);
    let out = || io::pipe().expect("a pipe");
    // Users can be denied large pipes: then the program does without, too.
    let (ours, _) = out();
    let most = fcntl_setpipe_size(&ours, 1 << 20).unwrap_or(1 << 16);
    let outputs: [&[&str]; 2] = [&[], &["-o", "/dev/stdout"]];
    for output in outputs {
        let (reader, writer) = out();
        let mut command = nfdecode();
        command.arg("read").arg(scene.path("in")).args(output);
        let status = command.stdout(writer).status().expect("it runs");
        assert!(status.success());
        assert_eq!(fcntl_getpipe_size(&reader).expect("a size"), most);
    }
}

/// Every command that prints, with a device that is full and a pipe that is not read.
#[test]
fn nobody_takes_the_output() {
    let scene = Scene::new(4, 3_000);
    let input = scene.path("in").display().to_string();
    let input = input.as_str();
    let stand_in = scene.path("stand-in").display().to_string();
    let capture = &crate::support::root()
        .join("tests/fixtures/captures/office.pcap")
        .display()
        .to_string();
    let commands: [&[&str]; 19] = [
        &["read", input],
        &["read", input, "-f", "json", "-j", "1"],
        &["read", input, "--by-file"],
        &["read", input, "-f", "ndjson"],
        &["read", input, "-f", "csv"],
        &["read", input, "-f", "csv:%ts,%sa"],
        &["read", input, "-f", "csv", "--fields", "first"],
        &["read", input, "-f", "line"],
        &["read", input, "-f", "table"],
        &["read", input, "-f", "arrow"],
        &["read", input, "-f", "parquet"],
        &["read", input, "--count"],
        &["read", input, "--explain", "any"],
        &["info", input],
        &["check", "--json", input],
        &["fields"],
        &["man"],
        &["completions", "zsh"],
        &["convert", capture, "--nfpcapd", &stand_in],
    ];
    for arguments in commands {
        let mut command = nfdecode();
        command.args(arguments).env("TMPDIR", scene.path("tmp"));
        let context = format!("{arguments:?}");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            (output.status.code(), stderr(&output)),
            (Some(0), String::new()),
            "{context}: closed pipe"
        );
        scene.assert_clean(&context);
        if let Ok(full) = fs::File::options().write(true).open("/dev/full") {
            let output = command.stdout(full).output().expect("it runs");
            assert_failure(&output, "No space left", &context);
            scene.assert_clean(&context);
        }
    }
}

/// Messages that cannot be printed change nothing else.
#[test]
fn standard_error_may_be_full_or_closed() {
    let scene = Scene::new(2, 10);
    let (input, missing) = (
        scene.path("in/nfcapd.202311141000"),
        scene.path("in/missing"),
    );
    let whole = fs::read(&input).expect("readable");
    fs::write(&input, &whole[..whole.len() - 10]).expect("written");
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    let (reader, closed) = io::pipe().expect("a pipe");
    drop(reader);
    let outputs: [&dyn Fn() -> Stdio; 2] = [&|| full.try_clone().expect("a copy").into(), &|| {
        closed.try_clone().expect("a copy").into()
    }];
    for broken in outputs {
        let run = |arguments: &[&str], path: &Path| {
            let mut command = nfdecode();
            command.args(arguments).arg(path).stderr(broken());
            command.output().expect("it runs").status.code()
        };
        assert_eq!(run(&["read", "--salvage"], &input), Some(3));
        assert_eq!(run(&["check"], &input), Some(3));
        assert_eq!(run(&["read"], &missing), Some(1));
        assert_eq!(run(&["read", "--limit", "x"], &input), Some(2));
    }
}

/// A machine that has no more threads to give.
#[test]
fn no_thread_is_a_failure_like_others() {
    let scene = Scene::new(1, 10);
    let (input, out) = (
        scene.path("in/nfcapd.202311141000"),
        scene.path("out/flows"),
    );
    let output = nfdecode()
        .arg("read")
        .arg(&input)
        .arg("-o")
        .arg(&out)
        // No stack is that large.
        .env("RUST_MIN_STACK", (1_u64 << 50).to_string())
        .output()
        .expect("it runs");
    assert_failure(&output, "cannot watch for signals", "no threads");
    scene.assert_clean("no threads");
}

#[test]
fn links_stay_links_and_what_is_open_is_written_to() {
    let scene = Scene::new(1, 10);
    let input = scene.path("in/nfcapd.202311141000");
    let run = |out: &Path| {
        nfdecode()
            .arg("read")
            .arg(&input)
            .args(["--count", "-o"])
            .arg(out)
            .output()
            .expect("it runs")
    };
    let (link, place) = (scene.path("out/link"), scene.path("tmp/place"));
    std::os::unix::fs::symlink("../tmp/place", &link).expect("a link");
    assert_eq!(run(&link).status.code(), Some(0));
    assert!(link.is_symlink());
    assert_eq!(fs::read(&place).expect("what the link leads to"), b"10\n");
    let circle = scene.path("out/circle");
    std::os::unix::fs::symlink("circle", &circle).expect("a link");
    assert_failure(&run(&circle), "circle", "a circle");
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        let output = run(Path::new(name));
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(0), &b"10\n"[..]),
            "{name}: {}",
            stderr(&output)
        );
    }
    // What others have written there stays.
    let log = scene.path("out/log");
    for (name, descriptor) in [
        ("/dev/stdout", 1),
        ("/proc/self/fd/1", 1),
        ("/dev/stderr", 2),
    ] {
        fs::write(&log, "begun\n").expect("written");
        let file = fs::File::options()
            .append(true)
            .open(&log)
            .expect("it opens");
        let mut command = nfdecode();
        command
            .arg("read")
            .arg(&input)
            .args(["--count", "-o", name]);
        match descriptor {
            1 => command.stdout(file),
            _ => command.stderr(file),
        };
        let status = command.status().expect("it runs");
        let text = fs::read_to_string(&log).expect("text");
        assert_eq!(
            (status.code(), text.as_str()),
            (Some(0), "begun\n10\n"),
            "{name}"
        );
    }
}

/// What is read must not be what is written, by whatever name.
#[test]
fn an_input_is_never_overwritten() {
    let scene = Scene::new(1, 10);
    let input = scene.path("in/nfcapd.202311141000");
    let before = fs::read(&input).expect("readable");
    let link = scene.path("out/link");
    std::os::unix::fs::symlink(&input, &link).expect("a link");
    let capture = scene.path("in/capture.pcap");
    fs::copy(
        crate::support::root().join("tests/fixtures/captures/office.pcap"),
        &capture,
    )
    .expect("a copy");
    let packets = fs::read(&capture).expect("readable");
    for arguments in [
        &["read", "-f", "json"][..],
        &["read", "-f", "parquet"],
        &["rewrite"],
        &["repair"],
        &["convert"],
    ] {
        for out in [&input, &link, &scene.path("in/../in/nfcapd.202311141000")] {
            let is_capture = arguments == ["convert"];
            let (input, out) = match is_capture {
                true => (&capture, &capture),
                false => (&input, out),
            };
            let output = nfdecode()
                .args(arguments)
                .arg(input)
                .arg("-o")
                .arg(out)
                .output()
                .expect("it runs");
            assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
            let output = nfdecode()
                .args(arguments)
                .arg("-")
                .arg("-o")
                .arg(out)
                .stdin(fs::File::open(input).expect("it opens"))
                .output()
                .expect("it runs");
            assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        }
    }
    assert!(fs::read(&input).expect("readable") == before);
    assert!(fs::read(&capture).expect("readable") == packets);
}
