//! Every example runs on the archive of this repository and prints what it should.
//!
//! `cargo test` builds them; before `cargo test --test examples` run `cargo build --examples`.

use crate::support;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

const FILES: [&str; 3] = [
    "nfcapd.202611241330",
    "nfcapd.202611241335",
    "nfcapd.202611241340",
];

fn archive() -> PathBuf {
    crate::support::root().join("tests/fixtures/archive")
}

/// The built example, which lies beside the directory of this test.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("the directory of the profile");
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build --examples",
        path.display()
    );
    let mut command = Command::new(path);
    command.env("TZ", "UTC");
    command
}

fn output(command: &mut Command) -> (String, String) {
    let output = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{err}");
    (out, err)
}

/// How long a program that works may need for a line at most. Without it a test of one that does not
/// would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines of a stream, which is read to its end whether they are asked for or not.
struct Lines(Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (lines, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // A program whose reader has gone would end. Nobody may want the rest of the lines.
                drop(lines.send(line));
            }
        });
        Self(receiver)
    }

    fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a line")
    }

    fn flows(&self, count: usize) -> Vec<Value> {
        (0..count)
            .map(|_| serde_json::from_str(&self.next()).expect("JSON"))
            .collect()
    }
}

/// Ends a program that would go on for ever.
struct Running(Child);

impl Running {
    /// Starts it, and gives what it prints and what it tells.
    fn start(command: &mut Command) -> (Self, Lines, Lines) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let out = Lines::of(child.stdout.take().expect("a pipe"));
        let err = Lines::of(child.stderr.take().expect("a pipe"));
        (Self(child), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn sum_by_port() {
    let files = FILES.map(|name| archive().join(name));
    let (out, _) = output(example("sum_by_port").args(files));
    let lines: Vec<_> = out
        .lines()
        .map(str::split_whitespace)
        .map(Vec::from_iter)
        .collect();
    assert_eq!(lines.first(), Some(&vec!["80", "18632"]), "{out}");
    assert_eq!(lines.len(), 10);
}

#[test]
fn parallel_scan() {
    let (out, err) = output(example("parallel_scan").arg(archive()));
    assert!(out.starts_with("419 flows in 3 files\n"), "{out}");
    assert_eq!((out.lines().count(), err.as_str()), (8, ""), "{out}");
}

#[test]
fn owned_serde() {
    let (out, err) = output(
        example("owned_serde")
            .arg("3")
            .arg(archive().join(FILES[0])),
    );
    let bytes: Vec<_> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|flow| flow["in_bytes"].as_u64())
        .collect();
    assert_eq!(bytes.first(), Some(&Some(6997)), "{out}");
    assert!(bytes.len() == 3 && bytes.is_sorted_by(|a, b| a >= b));
    assert!(err.contains(": 6997 bytes from "), "{err}");
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn pcap_to_parquet() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    if support::nfpcapd().is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let flows = directory.path().join("flows.parquet");
    let capture = archive().with_file_name("captures").join("office.pcap");
    let (out, _) = output(example("pcap_to_parquet").arg(capture).arg(&flows));
    let printed: i64 = out
        .trim()
        .strip_suffix(" flows")
        .and_then(|count| count.parse().ok())
        .expect("a number of flows");
    // How long flows are cut in time differs between versions of nfpcapd.
    assert!((300..600).contains(&printed), "{out}");
    let file = fs::File::open(flows).expect("it is there");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), printed);
    assert_eq!(metadata.schema_descr().num_columns(), 9);
}

/// Appends to a file as a collector does.
fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("it opens");
    file.write_all(bytes).expect("it is writable");
}

/// Starts the follower and waits until it has seen what is there.
fn follow_in(directory: &Path) -> (Running, Lines) {
    let (running, out, err) = Running::start(example("follow").arg(directory));
    let line = err.next();
    assert!(line.starts_with("following "), "{line}");
    (running, out)
}

/// When each flow began, of printed flows and of files.
fn starts(flows: &[Value]) -> Vec<String> {
    let start = |flow: &Value| flow["first"].as_str().expect("a start").to_owned();
    flows.iter().map(start).collect()
}

fn starts_in(names: &[&str]) -> Vec<String> {
    nfdecode::FileSet::new(names.iter().map(|name| archive().join(name)))
        .scan()
        .flows()
        .map(|flow| flow.expect("it is intact").view().first().expect("a start"))
        .map(|first| first.to_string().trim_end_matches('Z').to_owned())
        .collect()
}

#[test]
fn follow() {
    let directory = tempfile::tempdir().expect("a directory");
    let read = |name| fs::read(archive().join(name)).expect("it is readable");
    fs::copy(archive().join(FILES[0]), directory.path().join(FILES[0])).expect("a copy");
    let (_running, out) = follow_in(directory.path());

    // Written in three pieces: header, half a block, the rest; then it gets its name.
    let current = directory.path().join("nfcapd.current.77");
    let bytes = read(FILES[1]);
    let pause = || std::thread::sleep(Duration::from_millis(300));
    append(&current, &bytes[..40]);
    pause();
    append(&current, &bytes[40..1000]);
    pause();
    append(&current, &bytes[1000..]);
    fs::rename(&current, directory.path().join(FILES[1])).expect("a new name");
    append(&current, &read(FILES[2]));
    let flows = out.flows(158 + 148);
    assert_eq!(
        flows.first().map(|flow| &flow["cnt"]),
        Some(&Value::from(1))
    );
    assert_eq!(starts(&flows), starts_in(&FILES[1..]));
    // Nothing comes twice: the next line is that of a file which begins now.
    pause();
    append(&directory.path().join("nfcapd.current.78"), &read(FILES[0]));
    assert_eq!(out.flows(1)[0]["cnt"], 1);
}

/// Files get their names, and others theirs, while the follower looks at them.
#[test]
fn follow_through_many_rotations() {
    const ROTATIONS: usize = 400;
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, out) = follow_in(directory.path());
    let current = directory.path().join("nfcapd.current.77");
    let written: Vec<_> = (0..ROTATIONS)
        .map(|number| FILES[number % FILES.len()])
        .collect();
    for (number, name) in written.iter().enumerate() {
        let bytes = fs::read(archive().join(name)).expect("it is readable");
        append(&current, &bytes[..1000]);
        append(&current, &bytes[1000..]);
        let (hour, minute) = (number / 60, number % 60);
        let finished = format!("nfcapd.20261124{hour:02}{minute:02}");
        fs::rename(&current, directory.path().join(finished)).expect("a new name");
        // Several within one look of the follower, and for as long as a few of them take.
        std::thread::sleep(Duration::from_millis(1));
    }
    let wanted = starts_in(&written);
    assert_eq!(starts(&out.flows(wanted.len())), wanted);
}

#[test]
fn top_talkers() {
    let (out, err) = output(example("top_talkers").arg(archive()));
    let first = out.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("192.0.2.1 ") && first.contains("126769 bytes"),
        "{out}"
    );
    assert!(err.starts_with("419 flows in 3 files"), "{err}");
}

#[test]
fn top_service_counts_each_file_once() {
    let cache = tempfile::tempdir().expect("a directory");
    let ask = |wanted: &str| {
        let mut service = example("top_service");
        service.arg(archive()).arg(cache.path()).arg("127.0.0.1:0");
        let (_running, out, _) = Running::start(&mut service);
        let line = out.next();
        let address = line.strip_prefix("http://").expect("an address").to_owned();
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        write!(stream, "GET /{wanted} HTTP/1.1\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let first = ask("3");
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{first}");
    assert_eq!(first.lines().skip(4).count(), 3, "{first}");
    assert_eq!(
        fs::read_dir(cache.path()).expect("kept groups").count(),
        FILES.len()
    );
    // Another process answers from what was kept.
    assert_eq!(ask("3"), first);
    assert!(ask("all").starts_with("HTTP/1.1 400"));
}
