//! The service answers over HTTP what the library finds.
#![allow(missing_docs)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long an answer may take at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends a program that would go on for ever.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn flows_are_found_limited_and_streamed() {
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/archive");
    let mut child = Command::new(env!("CARGO_BIN_EXE_nfdecode-example-http-service"))
        .args([archive, "127.0.0.1:0"])
        .env("TZ", "UTC")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let out = child.stdout.take().expect("a pipe");
    let _running = Running(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).expect("a line");
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .expect("an address");

    let get = |path: &str| -> (String, String) {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
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
