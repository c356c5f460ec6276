//! `nfdecode serve`: how it starts and ends, and its messages; what it answers is tested in `web/tests`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::{self, run, stderr};

const ARCHIVE: &str = "tests/fixtures/archive";

/// A server, and the address that it printed.
fn start(arguments: &[&str]) -> (Child, String) {
    let mut child = support::nfdecode()
        .args([&["serve", ARCHIVE, "--no-cache"], arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let out = child.stdout.take().expect("a pipe");
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).expect("a line");
    (child, line.trim().to_owned())
}

/// Ends it as a terminal would.
fn end(mut child: Child) -> (Option<i32>, String) {
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status();
    assert!(killed.expect("kill runs").success());
    let status = child.wait().expect("it ends");
    let mut text = String::new();
    let errors = child.stderr.as_mut().expect("a pipe");
    errors.read_to_string(&mut text).expect("text");
    (status.code(), text)
}

fn get(address: &str, path: &str) -> String {
    let host = address
        .trim_start_matches("http://")
        .split('/')
        .next()
        .expect("a host");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn it_serves_until_it_is_interrupted() {
    let (child, address) = start(&[]);
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    assert!(get(&address, "/").starts_with("HTTP/1.0 200 "));
    assert!(get(&address, "/api/v1/top?fields=proto").contains("245869"));
    let (status, messages) = end(child);
    assert_eq!(status, Some(0));
    assert_eq!(messages, "nfdecode: 3 files served until Ctrl-C\n");
}

#[test]
fn a_token_is_random_or_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "open-sesame-1234\n").expect("written");
    let option = format!("--token={}", path.display());
    let (child, address) = start(&[&option]);
    assert!(address.ends_with("/#token=open-sesame-1234"), "{address}");
    assert!(get(&address, "/api/v1/meta").starts_with("HTTP/1.0 403 "));
    end(child);
    let (one, first) = start(&["--token"]);
    let (other, second) = start(&["--token"]);
    let token = |address: &str| {
        address
            .split_once("#token=")
            .map(|(_, token)| token.to_owned())
    };
    assert!(token(&first).is_some_and(|token| token.len() == 32));
    assert_ne!(token(&first), token(&second));
    end(one);
    end(other);
    std::fs::write(&path, "short\n").expect("written");
    let refused = run(&["serve", ARCHIVE, &option]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("at least 12"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn what_cannot_be_served_is_said() {
    for (arguments, status, part) in [
        (
            &["serve", ARCHIVE, "--listen", "0.0.0.0:0"][..],
            2,
            "add --token",
        ),
        (
            &["serve", "-", "--follow"],
            2,
            "--follow is for directories",
        ),
        (&["serve", "nowhere/"], 1, "no such file"),
        (
            &["serve", "tests/fixtures/captures/office.pcap"],
            1,
            "a packet capture: use `nfdecode convert`",
        ),
        (&["serve", ARCHIVE, "--listen", "nonsense"], 2, "--listen"),
        (
            &["serve", ARCHIVE, "--tz", "Nowhere/Land"],
            2,
            "Nowhere/Land",
        ),
        (&["serve"], 2, "PATH"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(
            stderr(&output).contains(part),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}
