//! Every example runs on the archive of this repository and prints what it should.
//!
//! `cargo test` builds them; before `cargo test --test examples` run `cargo build --examples`.
#![allow(missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const FILES: [&str; 3] = [
    "nfcapd.202611241330",
    "nfcapd.202611241335",
    "nfcapd.202611241340",
];

fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archive")
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

/// Ends a program that would go on for ever.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        (Self(child), out)
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

#[cfg(feature = "serde")]
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

#[cfg(all(feature = "convert", feature = "parquet"))]
#[test]
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

#[cfg(feature = "output")]
#[test]
fn follow() {
    let directory = tempfile::tempdir().expect("a directory");
    let read = |name| fs::read(archive().join(name)).expect("it is readable");
    fs::copy(archive().join(FILES[0]), directory.path().join(FILES[0])).expect("a copy");
    let mut command = example("follow");
    command.arg(directory.path()).stderr(Stdio::piped());
    let (mut running, mut out) = Running::start(&mut command);
    let mut stderr = BufReader::new(running.0.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    assert!(line.starts_with("following "), "{line}");
    let mut lines = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|_| {
                let mut line = String::new();
                out.read_line(&mut line).expect("a line");
                serde_json::from_str(&line).expect("JSON")
            })
            .collect()
    };

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
    let flows = lines(158 + 148);
    assert_eq!(
        flows.first().map(|flow| &flow["cnt"]),
        Some(&Value::from(1))
    );
    let starts = flows.iter().map(|flow| flow["first"].as_str());
    let wanted: Vec<String> =
        nfdecode::FileSet::new(FILES[1..].iter().map(|name| archive().join(name)))
            .flows()
            .map(|flow| flow.expect("it is intact").view().first().expect("a start"))
            .map(|first| first.to_string().trim_end_matches('Z').to_owned())
            .collect();
    assert!(starts.eq(wanted.iter().map(|first| Some(first.as_str()))));
    // Nothing comes twice: the next line is that of a file which begins now.
    pause();
    append(&directory.path().join("nfcapd.current.78"), &read(FILES[0]));
    assert_eq!(lines(1)[0]["cnt"], 158 + 148 + 1);
}

#[cfg(feature = "filter")]
#[test]
fn http_service() {
    let mut command = example("http_service");
    let (_running, mut out) = Running::start(command.arg(archive()).arg("127.0.0.1:0"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .expect("an address");

    let get = |path: &str| -> (String, String) {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        (head.to_owned(), body.to_owned())
    };
    let flows = |path: &str| -> Vec<Value> {
        let (head, body) = get(path);
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(
            head.contains("content-type: application/x-ndjson"),
            "{head}"
        );
        body.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    assert_eq!(flows("/flows").len(), 419);
    assert_eq!(flows("/flows?limit=7").len(), 7);
    assert_eq!(flows("/flows?filter=proto+tcp+and+port+443").len(), 28);
    assert_eq!(
        flows("/flows?filter=proto+tcp+and+port+443&limit=3").len(),
        3
    );
    let by_host = flows("/flows?filter=ip+2001:db8::1");
    assert_eq!(by_host.len(), 135);
    assert!(
        by_host
            .iter()
            .all(|flow| flow.to_string().contains("\"2001:db8::1\""))
    );
    let (head, body) = get("/flows?filter=proto+tcp+and+prot+443");
    assert!(
        head.starts_with("HTTP/1.0 400 ") && body.contains("prot"),
        "{head}\n{body}"
    );
    assert!(get("/flows?prot=6").0.starts_with("HTTP/1.0 400 "));
    assert!(get("/elsewhere").0.starts_with("HTTP/1.0 404 "));

    // Clients that go away cost nothing lasting: far more than there are places for queries.
    for _ in 0..50 {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream
            .write_all(b"GET /flows HTTP/1.0\r\n\r\n")
            .expect("a request");
    }
    let start = Instant::now();
    assert_eq!(flows("/flows").len(), 419);
    assert!(start.elapsed() < Duration::from_secs(20));
}
