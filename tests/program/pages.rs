//! The commands of the pages in `docs/` run as they are printed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::support;

/// Programs that commands pipe into and that a machine may lack.
const OTHERS: [&str; 2] = ["curl", "jq"];

/// Pages whose blocks are run line by line, and how many lines they have at least.
const PAGES: [(&str, usize); 8] = [
    ("../README.md", 9),
    ("columns.md", 6),
    ("convert.md", 5),
    ("fields.md", 3),
    ("filter.md", 5),
    ("report.md", 7),
    ("rewrite.md", 4),
    ("top.md", 9),
];

/// Words in a comment behind a command which say that it fails.
const FAILS: [&str; 2] = ["# rejected", "# not a filter"];

/// The blocks of commands of a page, each with the heading above it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let page = fs::read_to_string(support::root().join("docs").join(page)).expect("the page");
    let mut found = Vec::new();
    let mut heading = String::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(_), "```") => found.extend(block.take().map(|text| (heading.clone(), text))),
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, line) => {
                if let Some(title) = line.strip_prefix("### ") {
                    heading = title.to_owned();
                }
            }
        }
    }
    found
}

fn has(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    found.is_ok_and(|output| output.status.success())
}

/// Whether this machine has what a command needs.
fn can_run(commands: &str) -> bool {
    let lacks = |other: &str| commands.contains(&format!("| {other} ")) && !has(other);
    let converts = commands.contains("convert") || commands.contains("office ");
    !OTHERS.iter().any(|other| lacks(other)) && (!converts || support::nfpcapd().is_some())
}

/// A folder with the files that the pages name.
fn scene() -> tempfile::TempDir {
    let root = support::root();
    let place = tempfile::tempdir().expect("a folder");
    let copy = |from: &Path, name: &str| {
        let to = place.path().join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(from, to).expect("copied");
    };
    let capture = root.join("tests/fixtures/captures/office.pcap");
    for name in [
        "capture.pcap",
        "capture2.pcap",
        "office.pcap",
        "ring_00001.pcap",
        "ring_00002.pcap",
    ] {
        copy(&capture, name);
    }
    let archive = root.join("tests/fixtures/archive");
    for entry in fs::read_dir(&archive).expect("listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("nfcapd.") {
            copy(&entry.path(), &format!("archive/{name}"));
        }
    }
    copy(&archive.join("nfcapd.202611241330"), "nfcapd.202611241330");
    place
}

/// What only the pages name that are run line by line.
fn furnish(place: &Path) {
    let file = place.join("nfcapd.202611241330");
    for name in [
        "FILE",
        "nfcapd.1",
        "nfcapd.202601011200",
        "nfcapd.current.1234",
        "2026/01/15/nfcapd.202601150000",
        "archive/2026/01/nfcapd.202601010000",
        "old/nfcapd.202001011200",
    ] {
        let to = place.join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(&file, to).expect("copied");
    }
    fs::write(place.join("scanners.filter"), "dst port 22 or dst port 23").expect("written");
    let consumer = place.join("consumer");
    fs::write(&consumer, "#!/bin/sh\ncat > /dev/null\n").expect("written");
    fs::set_permissions(&consumer, fs::Permissions::from_mode(0o755)).expect("executable");
    fs::create_dir(place.join("tests")).expect("made");
    symlink(
        support::root().join("tests/fixtures"),
        place.join("tests/fixtures"),
    )
    .expect("a link");
}

/// Runs commands in a folder, with the program under test in front of the path.
fn run(commands: &str, place: &Path) -> Output {
    let program = support::nfdecode();
    let folder = Path::new(program.get_program()).parent().expect("a folder");
    let path = format!(
        "{}:{}:{}",
        folder.display(),
        place.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(place)
        .env("PATH", &path)
        .env("TZ", "UTC")
        .output()
        .expect("bash runs")
}

#[test]
fn every_recipe_of_the_cookbook_runs() {
    let recipes = blocks("cookbook.md");
    assert!(recipes.len() >= 40, "{} recipes", recipes.len());
    for (title, commands) in recipes {
        if !can_run(&commands) {
            println!("skipped: {title}");
            continue;
        }
        let place = scene();
        let output = run(&commands, place.path());
        assert!(
            output.status.success(),
            "{title}: {commands}{}",
            support::stderr(&output)
        );
    }
}

#[test]
fn every_command_of_the_guides_does_what_is_said() {
    for (page, least) in PAGES {
        let place = scene();
        furnish(place.path());
        // Figures of the page on speed need data of their own.
        let blocks = blocks(page).into_iter();
        let text: String = blocks
            .map(|(_, commands)| commands)
            .filter(|commands| !commands.contains("flows.lz4"))
            .collect();
        // What installs, and what runs until it is stopped, have tests of their own.
        let is_ours = |line: &&str| {
            let elsewhere = ["nfdecode follow ", "nfdecode serve ", "nfdecode sql "];
            line.starts_with("nfdecode ") && !elsewhere.iter().any(|other| line.starts_with(other))
        };
        let lines: Vec<_> = text.lines().filter(is_ours).collect();
        assert!(lines.len() >= least, "{page}: {} commands", lines.len());
        for line in lines {
            if !can_run(line) {
                println!("skipped: {line}");
                continue;
            }
            let output = run(line, place.path());
            let fails = FAILS.iter().any(|words| line.contains(words));
            assert_eq!(
                output.status.success(),
                !fails,
                "{page}: {line}\n{}",
                support::stderr(&output)
            );
        }
    }
}

/// Commands of the page on following, with what a test has in place of the paths of a server. They end when everything
/// was read.
#[test]
fn every_command_of_the_page_on_following_runs() {
    const PLACES: [(&str, &str); 4] = [
        ("/var/cache/nfdump", "archive"),
        ("/var/lib/nf/", "state/"),
        ("/lake", "lake"),
        ("nfdecode follow ", "nfdecode follow --once "),
    ];
    let place = scene();
    let script = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
    };
    // In place of consumers: what they are sent is kept.
    for name in ["psql", "clickhouse-client", "consumer"] {
        script(name, &format!("#!/bin/sh\ncat >> {name}.input\n"));
    }
    let mut lines = Vec::new();
    for (_, block) in blocks("follow.md") {
        match block.strip_prefix("#!/bin/sh\n# load-postgres") {
            Some(_) => script("load-postgres", &block),
            None => lines.extend(block.replace("\\\n", "").lines().map(str::to_owned)),
        }
    }
    lines.retain(|line| line.starts_with("nfdecode follow "));
    assert!(lines.len() >= 8, "{} commands", lines.len());
    for line in lines {
        if !can_run(&line) {
            println!("skipped: {line}");
            continue;
        }
        // Each begins with a collector that is new to it.
        let state = place.path().join("state");
        let _ = fs::remove_file(place.path().join("s"));
        let _ = fs::remove_dir_all(&state);
        fs::create_dir(state).expect("made");
        let command = PLACES.iter().fold(line.clone(), |line, (theirs, ours)| {
            line.replace(theirs, ours)
        });
        let output = run(&command, place.path());
        assert!(
            output.status.success(),
            "{line}\n{}",
            support::stderr(&output)
        );
        assert_eq!(support::stderr(&output), "", "{line}");
    }
    let sent =
        |name: &str| fs::read_to_string(place.path().join(name)).expect("it was sent something");
    assert!(sent("psql.input").contains("COPY flows FROM STDIN"));
    assert!(sent("clickhouse-client.input").contains("\"file\""));
    assert!(
        support::parquet_below(&place.path().join("lake"))
            .next()
            .is_some()
    );
}
