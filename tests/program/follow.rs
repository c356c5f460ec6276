//! `nfdecode follow`: every flow once, whatever happens to collectors, files and the program itself.
//!
//! Real collectors with slots of 2 s are fed over loopback. `NFDECODE_KILLS=n` kills the program n times instead of a
//! few.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::damage::Numbers;
use crate::support::{self, nfdecode, stderr};

/// A directory with the fixtures, and a place beside it.
pub(crate) struct Place {
    place: tempfile::TempDir,
}

pub(crate) const FILES: [&str; 3] = [
    "nfcapd.202611241330",
    "nfcapd.202611241335",
    "nfcapd.202611241340",
];
/// Flows in them.
pub(crate) const FLOWS: usize = 419;

pub(crate) fn fixture(name: &str) -> PathBuf {
    support::root().join("tests/fixtures/archive").join(name)
}

impl Place {
    pub(crate) fn empty() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        fs::create_dir(place.path().join("in")).expect("a directory");
        Self { place }
    }

    pub(crate) fn archive() -> Self {
        let this = Self::empty();
        for name in FILES {
            fs::copy(fixture(name), this.input().join(name)).expect("a copy");
        }
        this
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.path("in")
    }

    /// The program, following.
    pub(crate) fn follow(&self, arguments: &[&str]) -> Command {
        let mut command = support::interruptible();
        command.arg("follow").arg(self.input()).args(arguments);
        command.current_dir(self.place.path());
        command
    }

    pub(crate) fn once(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        let output = self
            .follow(arguments)
            .arg("--once")
            .output()
            .expect("it starts");
        let text = String::from_utf8(output.stdout.clone()).expect("text");
        (text, stderr(&output), output.status.code())
    }
}

/// Ends a child when a test fails.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("it starts"))
    }

    fn signal(&self, signal: i32) {
        let id = rustix::process::Pid::from_child(&self.0);
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
        rustix::process::kill_process(id, signal).expect("it runs");
    }

    /// Ends it as systemd does. Returns its exit status.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.signal(15);
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds.
fn wait_for<T>(what: &str, mut test: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = test() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn everything_once_is_what_read_prints() {
    let place = Place::archive();
    let read = nfdecode()
        .args(["read", "--by-file", "-f", "ndjson"])
        .arg(place.input())
        .output()
        .expect("it starts");
    let read = String::from_utf8(read.stdout).expect("text");
    let (text, errors, status) = place.once(&["--state", "s"]);
    assert_eq!((errors.as_str(), status), ("", Some(0)));
    assert_eq!(text, read);
    assert_eq!(
        place.once(&["--state", "s"]),
        (String::new(), String::new(), Some(0))
    );

    let (sequence, ..) = place.once(&["-f", "json-seq"]);
    assert_eq!(sequence.replace('\u{1e}', ""), read);
    assert!(sequence.lines().all(|line| line.starts_with('\u{1e}')));
    let (csv, ..) = place.once(&["-f", "csv", "--fields", "src_port", "proto udp"]);
    assert!(
        csv.starts_with("file,cnt,src_port\nnfcapd.202611241330,1,41456\n"),
        "{csv}"
    );
    let start = place.once(&["--from", "2037-01-01T00:00:00Z"]);
    assert_eq!(start, (String::new(), String::new(), Some(0)));
}

#[test]
fn arrow_has_the_file_and_the_number() {
    use arrow_array::cast::AsArray as _;
    let place = Place::archive();
    let output = place
        .follow(&["-f", "arrow", "--once"])
        .output()
        .expect("it starts");
    let reader = arrow_ipc::reader::StreamReader::try_new(&output.stdout[..], None).expect("Arrow");
    let mut found = Vec::new();
    for batch in reader {
        let batch = batch.expect("a batch");
        let numbers = batch.column_by_name("flow").expect("a column").clone();
        let numbers = numbers
            .as_primitive::<arrow_array::types::UInt64Type>()
            .clone();
        let files = batch.column_by_name("file").expect("a column");
        let files = files.as_dictionary::<arrow_array::types::Int32Type>();
        let names = files.values().as_string::<i32>();
        let keys = files.keys().values().iter();
        let names = keys.map(|key| {
            names
                .value(usize::try_from(*key).expect("a key"))
                .to_owned()
        });
        found.extend(names.zip(numbers.values().iter().copied()));
    }
    assert_eq!(found.len(), FLOWS);
    assert_eq!(found[0], (FILES[0].to_owned(), 1));
    assert_eq!(found[113], (FILES[1].to_owned(), 1));
    assert_eq!(found[FLOWS - 1], (FILES[2].to_owned(), 148));
}

#[test]
fn wrong_uses_are_explained() {
    let place = Place::archive();
    for (arguments, message) in [
        (&["-o", "x", "--live"][..], "--live is for standard output"),
        (&["-f", "parquet"], "-f parquet needs a directory"),
        (&["-f", "csv", "-o", "x"], "-o is for parquet"),
        (&["-f", "none"], "-f none needs --exec"),
        (&["--exec", "a 'b"], "--exec needs a command"),
        (&["--from", "yesterday"], "--from yesterday"),
        (&["--metrics", "0.0.0.0:0"], "not a loopback address"),
        (&["--fields", "srcport"], "--fields: unknown field"),
    ] {
        let (text, errors, status) = place.once(arguments);
        assert_eq!((text.as_str(), status), ("", Some(2)), "{errors}");
        assert!(
            errors.contains(message) && errors.lines().count() == 1,
            "{errors}"
        );
    }
    // Nothing was written before the state proved to be of no use.
    for state in ["/proc/state", "in", "none/state"] {
        let (text, errors, status) = place.once(&["--state", state]);
        assert_eq!((text.as_str(), status), ("", Some(1)), "{errors}");
        assert!(errors.contains(state), "{errors}");
    }
}

#[test]
fn two_followers_do_not_share_a_state() {
    let place = Place::archive();
    let mut first = place.follow(&["--state", "s"]);
    let first = Running::start(first.stdout(Stdio::null()));
    wait_for("the state", || lines(&place.path("s")).get(3).cloned());
    let (text, errors, status) = place.once(&["--state", "s"]);
    assert_eq!((text.as_str(), status), ("", Some(1)));
    assert_eq!(
        errors,
        "nfdecode: s: another process follows with this state\n"
    );
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(place.once(&["--state", "s"]).2, Some(0));
}

#[test]
fn full_disks_lose_nothing() {
    let place = Place::archive();
    // Output.
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("it opens");
    let output = place
        .follow(&["--state", "s", "--once"])
        .stdout(full)
        .output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    // The state: files of this size are all that may be written.
    let limited = |blocks: &str, state: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -f {blocks}; exec \"$@\""), "sh"])
            .arg(place.follow(&[]).get_program())
            .args(place.follow(&["--once", "--state", state]).get_args())
            .env("TZ", "UTC")
            .current_dir(place.place.path());
        command.output().expect("it starts")
    };
    let output = limited("0", "t");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(stderr(&output).contains("t: "), "{}", stderr(&output));
    assert_eq!(place.once(&["--state", "t"]).0.lines().count(), FLOWS);
    assert_eq!(place.once(&["--state", "s"]).0.lines().count(), FLOWS);
    // A directory of Parquet files.
    let arguments = ["-o", "lake", "--state", "u"];
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 4; exec \"$@\"", "sh"])
        .arg(place.follow(&[]).get_program())
        .args(place.follow(&arguments).arg("--once").get_args())
        .current_dir(place.place.path());
    let output = command.output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(place.once(&arguments).2, Some(0));
    assert_eq!(rows(&place.path("lake")), FLOWS);
}

/// Rows of all Parquet files.
pub(crate) fn rows(lake: &Path) -> usize {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let count = |path: PathBuf| {
        let reader = SerializedFileReader::new(fs::File::open(path).expect("it opens"));
        let metadata = reader
            .expect("Parquet")
            .metadata()
            .file_metadata()
            .num_rows();
        usize::try_from(metadata).expect("a number")
    };
    support::parquet_below(lake).map(count).sum()
}

#[test]
fn losses_are_reported() {
    let place = Place::archive();
    // A slot without a file.
    for (copy, name) in (0..).zip(["1345", "1400"]) {
        let to = place.input().join(format!("nfcapd.20261124{name}"));
        fs::copy(fixture(FILES[copy]), to).expect("a copy");
    }
    let (text, errors, status) = place.once(&["--state", "s"]);
    assert_eq!(status, Some(3));
    assert!(
        errors.ends_with("no file for 2 time slots, the first at 2026-11-24T13:50:00.000Z\n")
            && errors.lines().count() == 1,
        "{errors}"
    );
    assert_eq!(text.lines().count(), FLOWS + 113 + 158);
    assert_eq!(
        place.once(&["--state", "s"]),
        (String::new(), String::new(), Some(0))
    );

    // A file that breaks off. It is complete later on.
    let place = Place::empty();
    let whole = fs::read(fixture(FILES[0])).expect("readable");
    fs::write(place.input().join(FILES[0]), &whole[..1500]).expect("written");
    let mut running = place.follow(&["--from", "start", "--settle", "60"]);
    let out = fs::File::create(place.path("out")).expect("created");
    let running = Running::start(running.stdout(out));
    thread::sleep(Duration::from_millis(700));
    assert_eq!(lines(&place.path("out")).len(), 0);
    fs::write(place.input().join(FILES[0]), &whole).expect("written");
    wait_for("the rest", || {
        (lines(&place.path("out")).len() == 113).then_some(())
    });
    assert_eq!(running.terminate(), Some(0));
    // It stays as it is.
    fs::write(place.input().join(FILES[0]), &whole[..1500]).expect("written");
    let (text, errors, status) = place.once(&[]);
    assert_eq!((text.as_str(), status), ("", Some(3)), "{errors}");
    assert!(
        errors.contains("truncated") && errors.lines().count() == 1,
        "{errors}"
    );
}

#[test]
fn a_backlog_does_not_delay_what_is_written_now() {
    const BACKLOG: usize = 10_000;
    let place = Place::empty();
    let bytes = fs::read(fixture(FILES[1])).expect("readable");
    for number in 0..BACKLOG {
        let (day, minute) = (number / 1440 + 1, number % 1440);
        let name = format!("nfcapd.202610{day:02}{:02}{:02}", minute / 60, minute % 60);
        fs::write(place.input().join(name), &bytes).expect("written");
    }
    fs::write(place.input().join("nfcapd.current.7"), &bytes).expect("written");
    let mut running = place.follow(&["--live", "--from", "start", "--state", "s"]);
    let mut running = Running::start(running.stdout(Stdio::piped()));
    let out = BufReader::new(running.0.stdout.take().expect("a pipe"));
    let mut seen = BTreeMap::new();
    let mut first = None;
    let mut later = None;
    for (number, line) in out.lines().enumerate() {
        let line = line.expect("text");
        let name = line.split('"').nth(3).expect("a file").to_owned();
        if name.contains(".current.7#") {
            first.get_or_insert(number);
        }
        if name.contains(".current.8#") {
            later.get_or_insert(number);
        }
        if number == 20_000 {
            // Another collector begins.
            let other = fs::read(fixture(FILES[2])).expect("readable");
            fs::write(place.input().join("nfcapd.current.8"), other).expect("written");
        }
        *seen.entry(name).or_insert(0) += 1;
        if number + 1 == 158 * (BACKLOG + 1) + 148 {
            break;
        }
    }
    assert_eq!(seen.len(), BACKLOG + 2);
    assert_eq!(first, Some(0));
    let later = later.expect("it was read");
    assert!(later < 158 * BACKLOG, "only after the backlog: {later}");
    assert_eq!(running.terminate(), Some(0));
}

#[test]
fn a_slow_reader_slows_the_program() {
    let place = Place::empty();
    let bytes = fs::read(fixture(FILES[1])).expect("readable");
    for number in 0..1500 {
        let name = format!(
            "nfcapd.202610{:02}{:02}{:02}",
            number / 1440 + 1,
            number / 60 % 24,
            number % 60
        );
        fs::write(place.input().join(name), &bytes).expect("written");
    }
    let mut running = place.follow(&["--from", "start", "--state", "s"]);
    let mut running = Running::start(running.stdout(Stdio::piped()));
    let mut out = running.0.stdout.take().expect("a pipe");
    thread::sleep(Duration::from_secs(2));
    let memory = memory(running.0.id());
    assert!(memory < 64 << 10, "{memory} KiB");
    let mut piece = vec![0; 1 << 16];
    let mut lines = 0;
    while lines < 1500 * 158 {
        let length = out.read(&mut piece).expect("readable");
        assert!(length > 0, "it has ended");
        lines += piece[..length]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
    }
    assert_eq!(running.terminate(), Some(0));
}

/// Resident memory of a process, in KiB.
pub(crate) fn memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.expect("a number")
}

/// Open files of a process.
pub(crate) fn descriptors(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd"))
        .expect("it runs")
        .count()
}

#[test]
fn commands_are_repeated_and_given_up() {
    let place = Place::archive();
    let script = place.path("script");
    // Fails for the first file always, and for the second one once.
    let text = "case $1 in *1330) exit 3;; *1335) test -e seen || { touch seen; exit 1; };; esac; echo $1 >> done";
    fs::write(&script, text).expect("written");
    let (out, errors, status) =
        place.once(&["--state", "s", "--tries", "2", "--exec", "sh script {}"]);
    assert_eq!((out.as_str(), status), ("", Some(3)));
    let done = lines(&place.path("done"));
    let input = place.input();
    let path = |number: usize| input.join(FILES[number]).display().to_string();
    assert_eq!(done, [path(2), path(1)]);
    assert_eq!(lines(&place.path("s.failed")), [path(0)]);
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(
        errors.contains("given up after 2 tries; listed in s.failed"),
        "{errors}"
    );
    // Nothing is left to do.
    assert_eq!(
        place.once(&["--state", "s", "--exec", "false"]),
        (String::new(), String::new(), Some(0))
    );
}

#[test]
fn metrics_are_written_and_served() {
    let place = Place::archive();
    place.once(&["--metrics", "m.prom"]);
    let text = fs::read_to_string(place.path("m.prom")).expect("it is there");
    assert!(
        text.contains("\nnfdecode_follow_flows_total 419\n"),
        "{text}"
    );
    assert!(text.contains("\nnfdecode_follow_files_total 3\n"), "{text}");
    assert_eq!(text.lines().count() % 3, 0);

    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.expect("a port").to_string();
    let mut running = place.follow(&["--from", "start", "--metrics", &address]);
    let running = Running::start(running.stdout(Stdio::null()));
    let page = wait_for("the page", || {
        let mut client = TcpStream::connect(&address).ok()?;
        client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").ok()?;
        let mut page = String::new();
        client.read_to_string(&mut page).ok()?;
        page.contains("flows_total 419").then_some(page)
    });
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert_eq!(running.terminate(), Some(0));
}

#[test]
fn systemd_is_kept_informed() {
    let place = Place::archive();
    let socket = UnixDatagram::bind(place.path("socket")).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("set");
    let mut running = place.follow(&["--from", "start"]);
    running
        .env("NOTIFY_SOCKET", place.path("socket"))
        .env("WATCHDOG_USEC", "300000")
        .stdout(Stdio::null());
    let running = Running::start(&mut running);
    let receive = || {
        let mut message = [0; 100];
        let length = socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let first: Vec<String> = (0..6).map(|_| receive()).collect();
    assert!(
        first.iter().any(|message| message == "READY=1"),
        "{first:?}"
    );
    let alive = first
        .iter()
        .filter(|message| *message == "WATCHDOG=1")
        .count();
    assert_eq!(alive, 5, "{first:?}");
    assert_eq!(running.terminate(), Some(0));
    while receive() != "STOPPING=1" {}
}

/// A collector with slots of 2 s, and an exporter that sends it NetFlow v5 with right sequence numbers.
struct Collector {
    child: Child,
    is_over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    exporter: Option<thread::JoinHandle<()>>,
}

impl Collector {
    fn start(program: &Path, directory: &Path, flows_per_second: u64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        drop(socket);
        let mut command = Command::new(program);
        command
            .args(["-t", "2", "-S", "1", "-b", "127.0.0.1", "-I", "made", "-p"])
            .arg(port.to_string())
            .arg("-w")
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group: signals to ours do not reach it.
            .process_group(0);
        if let Some(root) = program.parent().and_then(Path::parent) {
            command.env("LD_LIBRARY_PATH", root.join("lib"));
        }
        let child = command.spawn().expect("the collector starts");
        wait_for("the collector", || {
            let mut files = support::files_below(directory).into_iter();
            files.next()
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let (over, number) = (Arc::clone(&is_over), Arc::clone(&sent));
        let exporter = thread::spawn(move || export(port, flows_per_second, &over, &number));
        Self {
            child,
            is_over,
            sent,
            exporter: Some(exporter),
        }
    }

    /// Ends the exporter, then the collector. Returns the number of flows that were sent.
    fn end(&mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(exporter) = self.exporter.take() {
            exporter.join().expect("it ends");
        }
        thread::sleep(Duration::from_millis(300));
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn export(port: u16, flows_per_second: u64, is_over: &AtomicBool, sent: &AtomicU64) {
    const FLOWS: u32 = 30;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let started = Instant::now();
    let mut sequence = 0_u32;
    while !is_over.load(Ordering::Relaxed) {
        let now = std::time::SystemTime::now();
        let now = now
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let uptime = u32::try_from(started.elapsed().as_millis()).expect("not long") + 100_000;
        let mut packet = Vec::new();
        packet.extend(5_u16.to_be_bytes());
        packet.extend(30_u16.to_be_bytes());
        for value in [
            uptime,
            now.as_secs() as u32,
            now.subsec_nanos(),
            sequence,
            0,
        ] {
            packet.extend(value.to_be_bytes());
        }
        for number in sequence..sequence + FLOWS {
            let mut record = [0; 48];
            record[..4].copy_from_slice(&(0x0A00_0000 + number % 65_536).to_be_bytes());
            record[4..8].copy_from_slice(&(0x0B00_0000 + number / 65_536).to_be_bytes());
            for (at, value) in [
                (16, number),
                (20, 100),
                (24, uptime - 50),
                (28, uptime - 10),
            ] {
                record[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
            record[34..36].copy_from_slice(&443_u16.to_be_bytes());
            record[38] = 6;
            packet.extend(record);
        }
        // A collector that has ended refuses packets.
        let _ = socket.send_to(&packet, ("127.0.0.1", port));
        sequence += FLOWS;
        sent.store(sequence.into(), Ordering::Relaxed);
        let due = Duration::from_millis(u64::from(sequence) * 1000 / flows_per_second);
        thread::sleep(due.saturating_sub(started.elapsed()));
    }
}

/// The collectors of two versions, as far as they are here.
fn collectors() -> Vec<PathBuf> {
    let installed = support::nfpcapd().map(|path| path.with_file_name("nfcapd"));
    let other = support::oracle("1.7.10", "nfcapd");
    installed.into_iter().chain(other).collect()
}

pub(crate) fn kills() -> u64 {
    let number = std::env::var("NFDECODE_KILLS").ok();
    number.and_then(|number| number.parse().ok()).unwrap_or(6)
}

/// A flow without what differs between a file being written and a finished one: its name, and the ident, which is
/// stored at the end.
fn body(line: &str) -> (String, u64, String) {
    let mut flow: Value = serde_json::from_str(line).expect("JSON");
    let members = flow.as_object_mut().expect("an object");
    let file = members
        .remove("file")
        .and_then(|file| Some(file.as_str()?.to_owned()));
    let number = members.remove("cnt").and_then(|number| number.as_u64());
    members.remove("ident");
    (
        file.expect("a file"),
        number.expect("a number"),
        flow.to_string(),
    )
}

/// Killed at any moment, standard output repeats flows with the same file and number, and loses none.
#[test]
#[cfg_attr(
    not(all(nfpcapd_installed, reference_programs)),
    ignore = "needs nfcapd and the reference programs: install the package nfdump, set NFDECODE_ORACLE"
)]
fn killed_at_any_moment_loses_nothing() {
    let fields = "in_bytes,src_addr,dst_addr,first,last";
    for program in collectors() {
        let place = Place::empty();
        let mut collector = Collector::start(&program, &place.input(), 15_000);
        let mut numbers = Numbers::new(21);
        let arguments = ["--live", "--state", "s", "--fields", fields];
        let out = |run: u64| fs::File::create(place.path(&format!("out.{run}"))).expect("created");
        let kills = kills();
        for run in 0..kills {
            let mut running = place.follow(&arguments);
            let running = Running::start(running.stdout(out(run)));
            thread::sleep(Duration::from_millis(numbers.below(1200) as u64));
            drop(running);
        }
        let sent = collector.end();
        let last = place
            .follow(&arguments)
            .arg("--once")
            .stdout(out(kills))
            .output();
        let last = last.expect("it starts");
        assert!(
            matches!(last.status.code(), Some(0 | 3)),
            "{}",
            stderr(&last)
        );
        let mut found: BTreeMap<(String, u64), String> = BTreeMap::new();
        let mut lines = 0_u64;
        for run in 0..=kills {
            let text = fs::read_to_string(place.path(&format!("out.{run}"))).expect("text");
            // The last line may be cut off.
            for line in text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
            {
                let (file, number, flow) = body(line);
                lines += 1;
                let before = found.insert((file, number), flow.clone());
                assert!(before.is_none_or(|before| before == flow), "{line}");
            }
        }
        let mut ours: Vec<_> = found.values().cloned().collect();
        let read = nfdecode()
            .args(["read", "--by-file", "-f", "ndjson", "--fields"])
            .arg(format!("cnt,{fields}"))
            .arg(place.input())
            .output()
            .expect("it starts");
        let read = String::from_utf8(read.stdout).expect("text");
        let mut direct: Vec<_> = read.lines().map(|line| body(line).2).collect();
        ours.sort_unstable();
        direct.sort_unstable();
        assert!(
            direct.len() as u64 <= sent && direct.len() > 1000,
            "{} of {sent}",
            direct.len()
        );
        assert_eq!(ours.len(), direct.len(), "{}", program.display());
        assert!(ours == direct, "{}: other flows", program.display());
        println!(
            "{}: {} flows, {} repeats",
            program.display(),
            ours.len(),
            lines - ours.len() as u64
        );
    }
}

/// Killed at any moment, a directory of Parquet files has each flow once.
#[test]
#[cfg_attr(
    not(all(nfpcapd_installed, reference_programs)),
    ignore = "needs nfcapd and the reference programs: install the package nfdump, set NFDECODE_ORACLE"
)]
fn killed_at_any_moment_parquet_has_each_flow_once() {
    let plain = &["-o", "lake"][..];
    let merging = &["-o", "lake", "--partition-by", "5m", "--compact=1s"][..];
    let variants = [plain, merging];
    let all = collectors()
        .into_iter()
        .flat_map(|program| variants.map(|variant| (program.clone(), variant)));
    for (program, arguments) in all {
        let place = Place::empty();
        let mut collector = Collector::start(&program, &place.input(), 15_000);
        let mut numbers = Numbers::new(22);
        for _ in 0..kills() {
            let running = Running::start(&mut place.follow(arguments));
            thread::sleep(Duration::from_millis(numbers.below(1200) as u64));
            drop(running);
        }
        collector.end();
        let (_, errors, status) = place.once(arguments);
        assert!(matches!(status, Some(0 | 3)), "{errors}");
        let output = nfdecode()
            .args(["read", "--count"])
            .arg(place.input())
            .output();
        let count = String::from_utf8(output.expect("it starts").stdout).expect("text");
        assert_eq!(
            rows(&place.path("lake")).to_string(),
            count.trim(),
            "{errors}"
        );
    }
}

/// How long flows take, with flat memory and descriptors.
#[test]
#[cfg_attr(
    not(all(nfpcapd_installed, reference_programs)),
    ignore = "needs nfcapd and the reference programs: install the package nfdump, set NFDECODE_ORACLE"
)]
fn finished_files_come_at_once_and_memory_is_flat() {
    for program in collectors() {
        let place = Place::empty();
        let mut collector = Collector::start(&program, &place.input(), 20_000);
        let mut running =
            place.follow(&["--from", "start", "--fields", "in_bytes", "--metrics", "m"]);
        let out = fs::File::create(place.path("out")).expect("created");
        let running = Running::start(running.stdout(out));
        let id = running.0.id();
        let mut delivered = BTreeMap::new();
        let started = Instant::now();
        let mut early = None;
        let mut at = 0;
        while started.elapsed() < Duration::from_secs(9) {
            // When the first flow of each file is there.
            let text = fs::read(place.path("out")).expect("readable");
            let now = std::time::SystemTime::now();
            let whole = text
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            for line in String::from_utf8_lossy(&text[at..whole.max(at)]).lines() {
                let name = line.split('"').nth(3).expect("a file").to_owned();
                delivered.entry(name).or_insert(now);
            }
            at = whole.max(at);
            if early.is_none() && delivered.len() == 1 {
                early = Some((memory(id), descriptors(id)));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let (memory_before, open_before) = early.expect("a file was read");
        let (memory_after, open_after) = (memory(id), descriptors(id));
        assert!(memory_after < 64 << 10, "{memory_after} KiB");
        assert!(
            memory_after < memory_before + (16 << 10),
            "{memory_before} to {memory_after} KiB"
        );
        assert!(
            open_after <= open_before + 2,
            "{open_before} to {open_after}"
        );
        collector.end();
        assert!(delivered.len() >= 3, "{delivered:?}");
        let mut worst = Duration::ZERO;
        for (name, when) in &delivered {
            // A rename changes the times of the inode.
            let metadata = fs::metadata(place.input().join(name)).expect("it is there");
            use std::os::unix::fs::MetadataExt as _;
            let renamed = std::time::UNIX_EPOCH
                + Duration::new(metadata.ctime() as u64, metadata.ctime_nsec() as u32);
            worst = worst.max(when.duration_since(renamed).unwrap_or_default());
        }
        println!("{}: at most {worst:?} after the rename", program.display());
        // The bar is 1 s; machines that run other tests are slower.
        assert!(worst < Duration::from_secs(3), "{worst:?}");
        assert_eq!(running.terminate(), Some(0));
    }
}

/// More than is read between two looks at the directories.
#[test]
fn everything_once_is_everything() {
    let place = Place::empty();
    // One file that takes long, and many.
    let flow = |number: u16| {
        let mut generic = vec![0; 48];
        generic[..8].copy_from_slice(&(1_700_000_000_000_u64 + u64::from(number)).to_le_bytes());
        generic[40..42].copy_from_slice(&number.to_le_bytes());
        let elements = vec![(1, generic), (2, number.to_le_bytes().repeat(4))];
        support::writer::FlowRecord {
            elements,
            ..Default::default()
        }
        .bytes()
    };
    let block: Vec<_> = (0..20_000).map(flow).collect();
    let blocks = vec![block; 12];
    let bytes = support::writer::file(support::writer::Encoding::Lz4, None, &blocks);
    for number in 0..3 {
        let name = format!("nfcapd.20260101120{number}");
        fs::write(place.input().join(name), &bytes).expect("written");
    }
    for state in [&["--state", "s"][..], &["-j", "1"], &["-f", "arrow"]] {
        let output = place
            .follow(state)
            .arg("--once")
            .output()
            .expect("it starts");
        assert_eq!(stderr(&output), "");
        let count = match state[1] {
            "arrow" => {
                let reader = arrow_ipc::reader::StreamReader::try_new(&output.stdout[..], None);
                let batches = reader
                    .expect("Arrow")
                    .map(|batch| batch.expect("a batch").num_rows());
                batches.sum()
            }
            _ => output.stdout.iter().filter(|byte| **byte == b'\n').count(),
        };
        assert_eq!(count, 3 * 12 * 20_000, "{state:?}");
    }
}
