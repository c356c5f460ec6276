//! The drop-in `nfdecode nfdump` against stored runs of nfdump, and against nfdump itself.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::nfdump_options::words;
use crate::support;

fn drop_in(file: &Path, arguments: &[String]) -> Output {
    support::nfdecode()
        .arg("nfdump")
        .arg("-r")
        .arg(file)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

/// Lines without what differs from run to run.
fn lines(text: &str, arguments: &[String]) -> Vec<String> {
    let counts = arguments.iter().any(|argument| argument == "-c");
    let kept = text.split('\n').filter(|line| !line.starts_with("Sys: "));
    kept.map(|line| match line.find("passed: ") {
        Some(at) if counts && line.starts_with("Total records") => line[..at].to_owned(),
        _ => line.to_owned(),
    })
    .collect()
}

/// Whether nfdump got a duration of this line wrong: negative, or beyond 32 bits.
fn has_bad_duration(line: &str) -> bool {
    let is_negative = |field: &str| {
        field.starts_with('-')
            && field.len() > 1
            && field[1..].starts_with(|c: char| c.is_ascii_digit())
    };
    line.split([' ', ':']).any(is_negative)
        || line.contains(",18446744073709")
        || line.split(' ').any(|field| {
            field.len() > 5
                && field.ends_with('d')
                && field[..field.len() - 1].bytes().all(|b| b.is_ascii_digit())
        })
        || line.split(' ').any(|field| {
            let hours = field.split(':').next().unwrap_or_default();
            field.matches(':').count() == 2
                && field.contains('.')
                && hours.len() > 2
                && hours.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// The line without its duration: whatever lies between the first time and the protocol, or the third
/// value in CSV.
fn without_duration(line: &str) -> String {
    if let Some(at) = line.find("Duration:") {
        return line[..at].to_owned();
    }
    if line.contains(',') {
        let values = line.split(',').enumerate();
        let is_duration = |value: &str| {
            value.rsplit_once('.').is_some_and(|(seconds, rest)| {
                rest.len() == 3 && seconds.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let kept: Vec<&str> = values
            .filter(|(at, value)| *at > 2 || *at == 0 || !is_duration(value))
            .map(|(_, value)| value)
            .collect();
        return kept.join(",");
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    let is_duration = |field: &&str| {
        let days = field.strip_suffix('d').unwrap_or("x");
        days.trim_start_matches('-')
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            || (field.contains(':') && field.contains('.') && field.matches(':').count() == 2)
    };
    let kept: Vec<&str> = fields
        .iter()
        .enumerate()
        .filter(|(at, field)| *at < 2 || *at > 4 || !is_duration(field))
        .map(|(_, field)| *field)
        .collect();
    kept.join(" ")
}

/// The ranges of lines whose order does not matter, and whether other lines may be in their place.
fn ties(note: &str) -> Vec<(usize, usize, bool)> {
    let Some((_, ties)) = note.split_once("ties=") else {
        return Vec::new();
    };
    let ties = ties.split([';', ' ']).next().unwrap_or_default();
    ties.split(',')
        .filter_map(|range| {
            let (first, last) = range.strip_prefix('L')?.split_once('-')?;
            let cut = last.ends_with('*');
            let last = last.trim_end_matches('*').parse().ok()?;
            Some((first.parse::<usize>().ok()? - 1, last, cut))
        })
        .collect()
}

fn compare(expected: &str, actual: &str, note: &str, arguments: &[String]) -> Result<(), String> {
    let mut expected = lines(expected, arguments);
    let mut actual = lines(actual, arguments);
    if expected.len() != actual.len() {
        return Err(format!(
            "{} lines instead of {}",
            actual.len(),
            expected.len()
        ));
    }
    if expected.iter().any(|line| has_bad_duration(line)) {
        for line in expected.iter_mut().chain(&mut actual) {
            *line = without_duration(line);
        }
    }
    let mut free = HashSet::new();
    for (first, last, cut) in ties(note) {
        free.extend(first..last);
        // Rows are numbered as they come.
        let plain = |line: &String| match line.split_once("\"cnt\":") {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before}{rest}")
            }
            None => line.clone(),
        };
        let sorted = |lines: &[String]| {
            let rows = lines.get(first..last).unwrap_or_default();
            let mut rows: Vec<String> = rows.iter().map(plain).collect();
            rows.sort();
            rows
        };
        if !cut && sorted(&expected) != sorted(&actual) {
            return Err(format!(
                "rows of the tie in lines {}-{last} differ",
                first + 1
            ));
        }
    }
    for (at, (expected, actual)) in expected.iter().zip(&actual).enumerate() {
        if !free.contains(&at) && expected != actual {
            return Err(format!(
                "line {}\n  expected {expected}\n  got      {actual}",
                at + 1
            ));
        }
    }
    Ok(())
}

/// Standard output and exit status of a stored run, as we do it.
fn run_case(data: &Path, file: &str, arguments: &[String], note: &str) -> (String, i32) {
    let directory = tempfile::tempdir().expect("a directory");
    let written = directory.path().join("out.nf");
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| match argument.as_str() {
            "{out}" => written.display().to_string(),
            other => other.to_owned(),
        })
        .collect();
    let output = drop_in(&data.join(file), &arguments);
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some((_, then)) = note.split_once("then=") {
        let then = then.split(';').next().unwrap_or_default();
        if !text.is_empty() {
            text = format!("== first command ==\n{text}== then ==\n");
        }
        if written.exists() {
            let output = drop_in(&written, &words(then));
            text.push_str(&String::from_utf8_lossy(&output.stdout));
        } else {
            text.push_str("(no file)\n");
        }
    }
    (text, output.status.code().unwrap_or(-1))
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn stored_runs_are_those_of_nfdump_or_as_recommended() {
    let Some(data) = support::test_data("statistics/cases.csv") else {
        return;
    };
    let data = data.parent().and_then(Path::parent).expect("a folder");
    // What we print where `docs/deviations.md` says so: after a line `== CASE ID STATUS ROWS` the lines of a run.
    let file = support::root().join("tests/program/nfdump_recommended.txt");
    let text = fs::read_to_string(file).expect("what is recommended");
    let mut recommended = HashMap::new();
    let known = support::deviations();
    for part in text.split("== CASE ").skip(1) {
        let (title, text) = part.split_once('\n').expect("a title");
        let mut words = title.split(' ');
        let id = words.next().expect("an id");
        let status: i32 = words
            .next()
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let rows: Vec<&str> = words.collect();
        assert!(
            !rows.is_empty(),
            "{id}: no row of docs/deviations.md is named"
        );
        for row in &rows {
            assert!(
                known.contains(*row),
                "{id}: {row} is not in docs/deviations.md"
            );
        }
        recommended.insert(id, (status, rows.join(" "), text));
    }
    let mut cases = csv::Reader::from_path(data.join("statistics/cases.csv")).expect("cases");
    let mut failures = Vec::new();
    let mut fresh = String::new();
    let mut count = 0;
    for case in cases.records() {
        let case = case.expect("a case");
        let field = |at: usize| case.get(at).unwrap_or_default();
        let (id, file, note) = (field(0), field(1), field(5));
        let arguments = words(field(2));
        count += 1;
        let (text, status) = run_case(data, file, &arguments, note);
        let stored = fs::read(data.join("statistics").join(field(3))).expect("its output");
        let stored = String::from_utf8_lossy(&stored).into_owned();
        let mut result = compare(&stored, &text, note, &arguments);
        if status.to_string() != field(4) {
            result = Err(format!("exit status {status} instead of {}", field(4)));
        }
        let Err(difference) = result else {
            if recommended.contains_key(id) {
                failures.push(format!("{id}: as nfdump, though listed"));
            }
            continue;
        };
        let better = note.split_once("recommended=").and_then(|(_, file)| {
            let file = file.split([' ', ';']).next()?;
            fs::read(data.join("statistics").join(file)).ok()
        });
        if let Some(better) = better {
            let sorted = |text: &str| {
                let mut lines = lines(text, &arguments);
                lines.sort();
                lines
            };
            if sorted(&String::from_utf8_lossy(&better)) == sorted(&text) && status == 0 {
                continue;
            }
        }
        let kept: Vec<String> = lines(&text, &arguments);
        let kept = kept.join("\n");
        match recommended.get(id) {
            Some((expected, _, text))
                if *expected == status && text.trim_end() == kept.trim_end() => {}
            _ => failures.push(format!("{id} {file} {}: {difference}", field(2))),
        }
        let rows = recommended
            .get(id)
            .map_or("?", |(_, rows, _)| rows.as_str());
        fresh.push_str(&format!(
            "== CASE {id} {status} {rows}\n{}\n",
            kept.trim_end()
        ));
    }
    assert_eq!(count, 676);
    if let Some(path) = std::env::var_os("NFDECODE_RECOMMENDED") {
        fs::write(path, fresh).expect("it can be written");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Row N-42 of `docs/deviations.md`.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn networks_leave_the_addresses_beside_them_alone() {
    let Some(data) = support::test_data("statistics/files") else {
        return;
    };
    for fields in ["srcnet,srcip", "srcip,srcnet"] {
        let line = format!("-q -A {fields} 'src ip 198.51.100.37'");
        let output = drop_in(&data.join("masks.nf"), &words(&line));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for expected in [" 198.51.100.0/24 ", " 198.51.100.37 "] {
            assert!(text.contains(expected), "{text}");
        }
    }
}

#[test]
fn a_link_of_that_name_is_enough() {
    let directory = tempfile::tempdir().expect("a directory");
    let link = directory.path().join("nfdump");
    let program = support::nfdecode();
    std::os::unix::fs::symlink(program.get_program(), &link).expect("a link");
    let file = support::root().join("tests/fixtures/archive/nfcapd.202611241330");
    let by_link = Command::new(&link)
        .args(["-q", "-o", "json", "-r"])
        .arg(&file)
        .env("TZ", "UTC")
        .output()
        .expect("it runs");
    let by_command = drop_in(
        &file,
        &["-q".to_owned(), "-o".to_owned(), "json".to_owned()],
    );
    assert!(by_link.status.success());
    assert_eq!(by_link.stdout, by_command.stdout);
    let flows: serde_json::Value = serde_json::from_slice(&by_link.stdout).expect("JSON");
    assert!(flows.as_array().is_some_and(|flows| !flows.is_empty()));
}

#[test]
fn json_is_valid_whatever_is_asked() {
    let file = support::root().join("tests/fixtures/archive/nfcapd.202611241330");
    for line in [
        "-o json",
        "-q -o json 'bytes > 100g'",
        "-a -o json",
        "-a -o json 'bytes > 100g'",
        "-b -o json -n 2",
        "-O bytes -o json -n 3",
        "-s record/bytes -o json",
        "-a -o json -P 'bytes > 100g'",
        "-s record -o json -P 'bytes > 100g'",
    ] {
        let output = drop_in(&file, &words(line));
        assert!(output.status.success(), "{line}");
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
        assert!(parsed.is_ok_and(|value| value.is_array()), "{line}");
    }
    for line in [
        "-s proto -o ndjson",
        "-s srcip -s record -o ndjson",
        "-s flags -o json",
    ] {
        let output = drop_in(&file, &words(line));
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(!text.is_empty(), "{line}");
        for object in text.lines() {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(object);
            assert!(
                parsed.is_ok_and(|value| value.is_object()),
                "{line}: {object}"
            );
        }
    }
}

/// A copy of a file in a directory of its own.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    let source = support::root().join("tests/fixtures/archive").join(name);
    fs::copy(source, &path).expect("a copy");
    (directory, path)
}

#[test]
fn idents_and_compression_change_and_nothing_else() {
    let (_directory, path) = copy("nfcapd.202611241330");
    let flows = |path: &Path| drop_in(path, &words("-q -o csv")).stdout;
    let before = flows(&path);
    let output = drop_in(&path, &words("-i new-name"));
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.ends_with(" -> new-name\n"), "{text}");
    assert_eq!(flows(&path), before);
    for (method, status) in [
        ("3", 0),
        ("lzo", 0),
        ("BZ2", 0),
        ("4", 0),
        ("0", 0),
        ("9", 1),
    ] {
        let output = drop_in(&path, &["-J".to_owned(), method.to_owned()]);
        assert_eq!(output.status.code(), Some(status), "{method}");
        assert_eq!(flows(&path), before, "{method}");
    }
    let output = drop_in(&path, &words("-I"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("Ident: new-name\nFlows: "), "{text}");
    let long = "x".repeat(122);
    for ident in ["two words", &long] {
        let output = drop_in(&path, &["-i".to_owned(), ident.to_owned()]);
        assert_eq!(output.status.code(), Some(1), "{ident}");
    }
    if let Some(nfdump) = support::oracle("1.7.10", "nfdump") {
        let theirs = Command::new(nfdump)
            .args([
                "-W", "1", "-C", "none", "-G", "none", "-q", "-o", "csv", "-r",
            ])
            .arg(&path)
            .env("TZ", "UTC")
            .output()
            .expect("nfdump runs");
        assert_eq!(theirs.stdout, before);
    }
}

#[test]
#[cfg_attr(
    not(reference_programs),
    ignore = "needs the reference programs: set NFDECODE_ORACLE"
)]
fn ranges_and_directories_name_the_files_that_nfdump_reads() {
    let Some(nfdump) = support::oracle("1.7.10", "nfdump") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let archive = support::root().join("tests/fixtures/archive");
    for (at, name) in [
        "nfcapd.202301010000",
        "nfcapd.202301010005",
        "nfcapd.current.123",
        ".hidden",
        "other",
        "a/nfcapd.202301010000",
        "a/nfcapd.202301010010",
        "b/nfcapd.202301010005",
        "b/nfcapd.202301010015",
        "b/deep/nfcapd.202301010015",
    ]
    .iter()
    .enumerate()
    {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        let source = [
            "nfcapd.202611241330",
            "nfcapd.202611241335",
            "nfcapd.202611241340",
        ][at % 3];
        fs::copy(archive.join(source), &path).expect("a copy");
    }
    for line in [
        "-r .",
        "-R .",
        "-R nfcapd.202301010005",
        "-R nfcapd.202301010000:nfcapd.202301010005",
        "-R nfcapd.202301010000:nfcapd.202301010003",
        "-R a/nfcapd.202301010000:b/nfcapd.202301010005",
        "-R a/nfcapd.202301010000:b/nfcapd.202301010015",
        "-R nfcapd.202301010005:nfcapd.202301010000",
        "-R none",
        "-M ./a:b -R .",
        "-M ./a:b -r nfcapd.202301010005",
        "-M ./@ -R .",
        "-r a",
    ] {
        let ours = support::nfdecode()
            .current_dir(root)
            .arg("nfdump")
            .args(["-q", "-o", "csv"])
            .args(line.split(' '))
            .output()
            .expect("it runs");
        let theirs = Command::new(&nfdump)
            .current_dir(root)
            .args(["-W", "1", "-C", "none", "-G", "none", "-q", "-o", "csv"])
            .args(line.split(' '))
            .env("TZ", "UTC")
            .output()
            .expect("nfdump runs");
        let theirs = String::from_utf8_lossy(&theirs.stdout).replace("No matching flows\n", "");
        assert_eq!(String::from_utf8_lossy(&ours.stdout), theirs, "{line}");
    }
}

#[test]
fn read_names_the_mistakes_of_users_of_nfdump() {
    let file = support::root().join("tests/fixtures/archive/nfcapd.202611241330");
    let directory = tempfile::tempdir().expect("a directory");
    for (words, expected) in [
        (&["-o", "json"][..], "use -f json"),
        (&["-o", "csv:%ts,%sa"], "use -f csv:%ts,%sa"),
        (&["-o", "fmt:%ts"], "nfdecode nfdump"),
        (&["-s", "srcip/bytes"], "nfdecode top"),
        (&["-A", "srcip"], "nfdecode top"),
        (&["-r", "x"], "files need no option"),
        (&["-o", "long6"], "use -f long"),
        (&["-o", "biline"], "nfdecode nfdump"),
        (&["-sproto/bytes"], "nfdecode top"),
        (&["-q", "-o", "json"], "use -f json"),
        (&["-a", "-o", "csv"], "nfdecode top"),
        (&["-c", "10"], "--limit N"),
        (&["-J", "lz4"], "--compress METHOD"),
    ] {
        let output = support::nfdecode()
            .current_dir(directory.path())
            .arg("read")
            .arg(&file)
            .args(words)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let message = support::stderr(&output);
        assert!(message.contains(expected), "{words:?}: {message}");
        assert!(message.lines().count() <= 2, "{words:?}: {message}");
    }
    let left: Vec<_> = fs::read_dir(directory.path())
        .expect("a directory")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
