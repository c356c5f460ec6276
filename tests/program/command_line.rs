//! The program as its users meet it: arguments, output, messages, exit status.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{assert_json, assert_ndjson, nfdecode, root, run, stderr};

/// A small flow file made by our own hands: header, one block of two flows, appendix.
fn flow_file() -> Vec<u8> {
    let mut flows = Vec::new();
    for port in [1000_u16, 2000] {
        flows.extend([11, 0, 76, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 52, 0]);
        for number in [
            1_700_000_000_123_u64,
            1_700_000_004_690,
            1_700_000_060_000,
            10,
            1000,
        ] {
            flows.extend(number.to_le_bytes());
        }
        flows.extend(port.to_le_bytes());
        flows.extend([
            0xBB, 0x01, 6, 0x1B, 0, 0, 2, 0, 12, 0, 1, 2, 0, 192, 2, 100, 51, 198,
        ]);
    }
    let mut appendix = vec![0x01, 0x80, 10, 0];
    appendix.extend(b"fixed\0");
    appendix.extend([0x02, 0x80, 148, 0]);
    appendix.extend([0; 144]);

    let mut file = vec![0x0C, 0xA5, 2, 0, 0, 1, 7, 1];
    file.extend(1_700_000_000_u64.to_le_bytes());
    file.extend([0, 0, 1, 0, 4, 0, 0, 0]);
    file.extend((40 + 12 + flows.len() as u64).to_le_bytes());
    file.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    for records in [flows, appendix] {
        file.extend([2, 0, 0, 0]);
        file.extend((records.len() as u32).to_le_bytes());
        file.extend([3, 0, 0, 0]);
        file.extend(records);
    }
    file
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    std::fs::write(&path, bytes).expect("the file can be written");
    path.display().to_string()
}

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Keys of an object, in order.
fn keys(document: &serde_json::Value) -> Vec<&str> {
    let object = document.as_object().expect("an object");
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn read_prints_one_array_over_all_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = write(folder.path(), "nfcapd.202601011200", &flow_file());
    let two = write(folder.path(), "nfcapd.202601011205", &flow_file());
    let output = run(&["read", &one, &two]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let flows = assert_json(&output.stdout, "read");
    let counts: Vec<_> = flows
        .as_array()
        .expect("an array")
        .iter()
        .map(|flow| flow["cnt"].as_u64())
        .collect();
    assert_eq!(counts, [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(flows[0]["first"], "2023-11-14T22:13:20.123");
    assert_eq!(flows[0]["ident"], "fixed");

    let limited = run(&["read", &one, &two, "--limit", "3", "-f", "ndjson"]);
    assert_eq!(assert_ndjson(&limited.stdout, "limit").len(), 3);
    assert_eq!(run(&["read", &one, "--limit", "0"]).stdout, b"[]\n");
}

#[test]
fn read_by_file_gives_the_dictionary() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "b/nfcapd.202601011200",
        "a/nfcapd.202601011200",
        "nfcapd.202601011205",
    ] {
        write(folder.path(), name, &flow_file());
    }
    write(folder.path(), "nfcapd.current.123", b"not finished");
    write(folder.path(), "notes.txt", b"not a flow file");
    let path = folder.path().display().to_string();
    let output = run(&["read", "--by-file", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document = assert_json(&output.stdout, "by file");
    let clash = |directory: &str| format!("{path}/{directory}/nfcapd.202601011200");
    assert_eq!(
        keys(&document),
        [&clash("a"), &clash("b"), "nfcapd.202601011205"]
    );
    assert!(
        document
            .as_object()
            .expect("an object")
            .values()
            .all(|flows| flows[0]["cnt"] == 1 && flows[1]["cnt"] == 2)
    );

    let lines = run(&["read", "--by-file", "-f", "ndjson", &path]);
    let text = String::from_utf8(lines.stdout).expect("UTF-8");
    assert!(text.lines().all(|line| line.starts_with("{\"file\":\"")));
    assert_eq!(assert_ndjson(text.as_bytes(), "by file").len(), 6);
}

#[test]
fn read_takes_patterns_and_standard_input() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "nfcapd.202601011200", &flow_file());
    let pattern = folder.path().join("nfcapd.2026*").display().to_string();
    assert_eq!(
        assert_json(&run(&["read", &pattern]).stdout, "pattern")
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    let mut child = nfdecode()
        .args(["read", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(&flow_file())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        assert_json(&output.stdout, "stdin")
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn times_follow_the_chosen_zone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "nfcapd.202601011200", &flow_file());
    let first = |arguments: &[&str], tz: &str| {
        let output = nfdecode()
            .arg("read")
            .arg(&file)
            .args(arguments)
            .env("TZ", tz)
            .output()
            .expect("it runs");
        assert_json(&output.stdout, "zone")[0]["first"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(
        first(&[], "Europe/Zurich").as_deref(),
        Some("2023-11-14T23:13:20.123")
    );
    assert_eq!(
        first(&["--utc"], "Europe/Zurich").as_deref(),
        Some("2023-11-14T22:13:20.123")
    );
    assert_eq!(
        first(&["--tz", "America/New_York"], "UTC").as_deref(),
        Some("2023-11-14T17:13:20.123")
    );
    assert_eq!(
        run(&["read", &file, "--tz", "Nowhere/Bogus"]).status.code(),
        Some(2)
    );
    assert_eq!(
        run(&["read", &file, "--tz", "UTC", "--utc"]).status.code(),
        Some(2)
    );
}

/// nfdump's forms have no place for it.
#[test]
fn utc_is_told_in_our_own_forms() {
    let file = root().join("tests/fixtures/archive/nfcapd.202611241330");
    let text = |words: &[&str]| {
        let output = nfdecode()
            .args(words)
            .arg(&file)
            .env("TZ", "Asia/Tokyo")
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let chosen = |form, zone| {
        let fields = ["--fields", "first,src_addr", "--limit", "1"];
        text(&[&["read", "-f", form, zone], &fields[..]].concat())
    };
    for form in ["csv", "json", "ndjson", "table"] {
        assert!(chosen(form, "--utc").contains("2026-11-24T13:31:57.679Z"));
        let other = chosen(form, "--tz=UTC");
        assert!(other.contains("2026-11-24T13:31:57.679") && !other.contains('Z'));
    }
    let table = text(&["read", "-f", "table", "--utc", "--limit", "1"]);
    assert!(table.starts_with("First seen UTC "), "{table}");
    for form in ["csv", "json", "ndjson"] {
        let top = text(&["top", "proto", "--every", "1h", "-f", form, "--utc"]);
        assert!(top.contains("2026-11-24T13:00:00.000Z"), "{top}");
        let series = text(&["series", "--every", "5m", "-f", form, "--utc"]);
        assert!(series.contains("2026-11-24T13:30:00.000Z"), "{series}");
    }
    assert!(text(&["series", "--every", "5m", "-f", "table", "--utc"]).contains(" 13:30:00.000Z "));
    for form in ["json", "ndjson", "csv", "line", "long", "extended"] {
        let theirs = text(&["read", "-f", form, "--utc", "--limit", "1"]);
        let times = theirs.contains("13:31:57.679") && !theirs.contains(".679Z");
        assert!(times, "{form}: {theirs}");
    }
}

#[test]
fn wrong_input_gives_one_line_and_a_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = flow_file();
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let swapped: Vec<u8> = [&[0xA5, 0x0C][..], &good[2..]].concat();
    for (name, bytes, phrase) in [
        ("empty", Vec::new(), "file is empty"),
        (
            "text",
            b"hello world, this is no flow file at all".to_vec(),
            "not an nfcapd file",
        ),
        ("short", good[..30].to_vec(), "shorter than a header"),
        ("cut", good[..100].to_vec(), "truncated"),
        ("swapped", swapped, "other byte order"),
        (
            "layout1",
            [&[0x0C, 0xA5, 1, 0][..], &good[4..100]].concat(),
            "shorter than a header",
        ),
        (
            "as layout3",
            changed(2, 3),
            "the directory of the blocks is not where the header says",
        ),
        (
            "encrypted",
            changed(17, 1),
            "encrypted files are not supported",
        ),
        ("compression", changed(16, 9), "unknown compression method"),
    ] {
        let file = write(folder.path(), name, &bytes);
        let output = run(&["read", &file]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            message.contains(phrase) && message.contains(name),
            "{name}: {message}"
        );
        assert_eq!(message.lines().count(), 1, "{name}: {message}");
        assert_eq!(output.stdout, b"[]\n", "{name}");
        // With a good file beside it, that one is read.
        let good = write(folder.path(), "good", &good);
        let both = run(&["read", &file, &good]);
        assert_eq!(both.status.code(), Some(3), "{name}");
        assert_eq!(
            assert_json(&both.stdout, name).as_array().map(Vec::len),
            Some(2),
            "{name}"
        );
    }
    for path in ["/nonexistent", "/nonexistent/*"] {
        let output = run(&["read", path]);
        assert_eq!(
            (output.status.code(), stderr(&output).lines().count()),
            (Some(1), 1),
            "{path}"
        );
        assert!(output.stdout.is_empty());
    }
    let nothing = folder.path().join("nothing");
    std::fs::create_dir(&nothing).expect("a folder");
    let output = run(&["read", &nothing.display().to_string()]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("no nfcapd files"));
    assert_eq!(run(&["read"]).status.code(), Some(2));
    assert_eq!(run(&["reed"]).status.code(), Some(2));
    assert_eq!(
        run(&["read", "x", "--limit", "many"]).status.code(),
        Some(2)
    );
}

#[test]
fn damage_inside_costs_only_what_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = flow_file();
    bytes[40] = 3; // announces a third record
    let file = write(folder.path(), "count", &bytes);
    let output = run(&["read", &file]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("fewer records than the block announces"));
    assert_eq!(
        assert_json(&output.stdout, "count")
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    let mut bytes = flow_file();
    bytes[52 + 76 + 2] = 0xFF; // size of the second record
    let file = write(folder.path(), "size", &bytes);
    let output = run(&["read", &file, "-f", "ndjson"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(assert_ndjson(&output.stdout, "size").len(), 1);
}

#[test]
fn files_without_their_end_are_salvaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = flow_file();
    let block = 40..40 + 12 + 2 * 76;
    // As a collector leaves it while it writes: no counts, no appendix.
    let mut unfinished = whole[..block.end].to_vec();
    unfinished[18..20].fill(0);
    unfinished[24..40].fill(0);
    let current = write(folder.path(), "nfcapd.current.1", &unfinished);
    let plain = run(&["read", &current]);
    assert_eq!(
        (plain.status.code(), plain.stdout.as_slice()),
        (Some(3), &b"[]\n"[..])
    );
    let salvaged = run(&["read", "--salvage", &current]);
    assert_eq!(
        assert_json(&salvaged.stdout, "current")
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    // A finished file whose end is missing, in the appendix, in the second flow or in the first.
    for (length, flows) in [(block.end, 2), (block.end - 5, 1), (block.end - 80, 0)] {
        let cut = write(folder.path(), "nfcapd.202601011200", &whole[..length]);
        assert_eq!(run(&["read", &cut]).status.code(), Some(1));
        let salvaged = run(&["read", "--salvage", &cut]);
        assert_eq!(salvaged.status.code(), Some(3));
        assert_eq!(
            assert_json(&salvaged.stdout, "cut")
                .as_array()
                .map(Vec::len),
            Some(flows)
        );
    }
}

#[test]
fn check_gives_verdicts() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = flow_file();
    let mut damaged = whole.clone();
    damaged[52 + 76 + 2] = 0xFF;
    let intact = write(folder.path(), "intact", &whole);
    let damaged = write(folder.path(), "damaged", &damaged);
    let cut = write(folder.path(), "cut", &whole[..40 + 12 + 2 * 76]);
    let garbage = write(folder.path(), "garbage", b"garbage");
    for (files, status) in [
        (vec![&intact], 0),
        (vec![&intact, &damaged], 3),
        (vec![&cut], 3),
        (vec![&garbage], 1),
        (vec![&garbage, &intact], 3),
    ] {
        let output = nfdecode()
            .arg("check")
            .args(&files)
            .output()
            .expect("it runs");
        assert_eq!(
            output.status.code(),
            Some(status),
            "{files:?}: {}",
            stderr(&output)
        );
    }
    let output = run(&["check", "--json", &intact, &damaged, &cut, &garbage]);
    let found = assert_json(&output.stdout, "check");
    let verdicts = ["intact", "damaged", "damaged", "unreadable"];
    for (at, (verdict, flows)) in verdicts.iter().zip([2, 1, 2, 0]).enumerate() {
        assert_eq!(
            (found[at]["verdict"].as_str(), found[at]["flows"].as_u64()),
            (Some(*verdict), Some(flows)),
            "{at}"
        );
    }
    assert_eq!(found[1]["damage"][0]["record"], 1);
    let text = String::from_utf8(run(&["check", &damaged]).stdout).expect("UTF-8");
    assert!(
        text.starts_with("damaged: damaged, 1 flow in 1 block\n    block 0, record 1"),
        "{text}"
    );
}

#[test]
fn a_file_that_grows_is_read_on() {
    let whole = flow_file();
    let mut growing = whole[..40].to_vec();
    growing[18..20].fill(0);
    growing[24..40].fill(0);
    let block = &whole[40..40 + 12 + 2 * 76];
    let mut position = None;
    for blocks in 1..4 {
        growing.extend(block);
        // The next block has begun to arrive.
        let now = [&growing[..], &block[..30]].concat();
        let file = nfdecode::File::from_partial_bytes(now).expect("a file");
        let mut refs = match position {
            Some(position) => file.block_refs_from(position),
            None => file.block_refs(),
        };
        let found: Vec<_> = refs.by_ref().collect();
        assert_eq!(
            found
                .iter()
                .flatten()
                .map(nfdecode::BlockRef::index)
                .collect::<Vec<_>>(),
            [blocks - 1]
        );
        assert!(
            found.last().is_some_and(Result::is_err),
            "a cut block is told"
        );
        position = Some(refs.position());
    }
}

#[test]
fn flows_that_are_missing_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = flow_file();
    let statistics = bytes.len() - 144;
    bytes[statistics] = 5;
    let file = write(folder.path(), "nfcapd.202601011200", &bytes);
    let output = run(&["read", &file]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("2 flows read, but the file's statistics announce 5"));
    // With a limit no flow is missing.
    assert_eq!(run(&["read", "--limit", "1", &file]).status.code(), Some(0));

    // Nor does anybody get told by chance: where the limit is reached does not depend on who works on what.
    let sound = write(folder.path(), "nfcapd.202601011205", &flow_file());
    for form in ["ndjson", "arrow"] {
        for (limit, status) in [("2", 0), ("3", 3), ("4", 3)] {
            for _ in 0..20 {
                let arguments = ["read", "-f", form, "--limit", limit, "-j", "4"];
                let output = run(&[&arguments[..], &[&file, &sound]].concat());
                assert_eq!(output.status.code(), Some(status), "{form} {limit}");
            }
        }
    }
}

#[test]
fn output_files_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "in/nfcapd.202601011200", &flow_file());
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let target = out.join("flows.json").display().to_string();
    assert_eq!(run(&["read", &file, "-o", &target]).status.code(), Some(0));
    assert_json(&std::fs::read(&target).expect("the file"), "file");
    assert_eq!(entries(&out), ["flows.json"]);

    let garbage = write(folder.path(), "in/garbage", b"garbage");
    let target = out.join("other.json").display().to_string();
    assert_eq!(
        run(&["read", &garbage, "-o", &target]).status.code(),
        Some(1)
    );
    assert_eq!(
        run(&["read", &file, "-o", &out.display().to_string()])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(
        run(&["read", &file, "-o", "/nonexistent/flows.json"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(entries(&out), ["flows.json"]);
}

#[test]
fn the_name_of_the_output_tells_its_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "nfcapd.202601011200", &flow_file());
    for (name, start) in [
        ("x.json", "[\n"),
        ("x.ndjson", "{\"cnt\":1"),
        ("x.csv", "firstSeen,"),
        ("x.parquet", "PAR1"),
        ("x.arrow", "ARROW1"),
        ("x", "[\n"),
    ] {
        let out = folder.path().join(name);
        let output = run(&["read", &file, "-o", &out.display().to_string()]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        let bytes = std::fs::read(&out).expect("the file");
        assert!(bytes.starts_with(start.as_bytes()), "{name}");
    }
    let out = folder.path().join("x.csv").display().to_string();
    assert_eq!(
        run(&["read", &file, "-f", "json", "-o", &out])
            .status
            .code(),
        Some(0)
    );
    assert_json(&std::fs::read(&out).expect("the file"), "-f counts");
    // What was made of files is not taken for files to read, whatever its name.
    write(folder.path(), "nfcapd.202601011200.json", b"[]\n");
    let all = run(&["read", "--count", &folder.path().display().to_string()]);
    assert_eq!(
        (all.status.code(), all.stdout.as_slice()),
        (Some(0), &b"2\n"[..])
    );
}

#[test]
fn pipes_and_devices_are_read_like_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "nfcapd.202601011200", &flow_file());
    let output = std::process::Command::new("bash")
        .args(["-c", "\"$0\" read --count <(cat \"$1\")"])
        .args([env!("CARGO_BIN_EXE_nfdecode"), &file])
        .output()
        .expect("bash runs");
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), &b"2\n"[..]),
        "{}",
        stderr(&output)
    );
    for (device, phrase) in [
        ("/dev/zero", "/dev/zero: not an nfcapd file"),
        ("/dev/null", "/dev/null: file is empty"),
        ("-", "standard input: file is empty"),
    ] {
        let output = run(&["read", device]);
        assert_eq!(output.status.code(), Some(1), "{device}");
        assert!(
            stderr(&output).contains(phrase),
            "{device}: {}",
            stderr(&output)
        );
    }
    for jobs in ["7", "100000"] {
        let output = run(&["read", &file, "--count", "-j", jobs]);
        assert_eq!(output.stdout, b"2\n", "{jobs}");
    }
    let directory = folder.path().display().to_string();
    let output = run(&["repair", &directory, "-o", "x"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&["read", &file, "-o", "/nonexistent/x"]);
    assert_eq!(
        stderr(&output),
        "nfdecode: /nonexistent/x: No such file or directory (os error 2)\n"
    );
}

#[test]
fn full_disk_and_closed_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "nfcapd.202601011200", &flow_file());
    if Path::new("/dev/full").exists() {
        let output = run(&["read", &file, "-o", "/dev/full"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("No space left"),
            "{}",
            stderr(&output)
        );
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device");
        let output = nfdecode()
            .args(["read", &file])
            .stdout(full)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1));
    }
    let mut child = nfdecode()
        .args(["read", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), stderr(&output)),
        (Some(0), String::new())
    );
}

#[test]
fn info_describes_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "nfcapd.202601011200", &flow_file());
    let text = run(&["info", &file]);
    assert_eq!(text.status.code(), Some(0));
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    for phrase in [
        "nfcapd.202601011200",
        "nfdump (1.7.1)",
        "fixed",
        "flows 2",
        "generic flow",
        "2023-11-14 22:13:20",
    ] {
        assert!(text.contains(phrase), "{phrase} is missing:\n{text}");
    }
    let document = assert_json(&run(&["info", "--json", &file]).stdout, "info");
    assert_eq!(document[0]["flows"], 2);
    assert_eq!(document[0]["elements"][1]["name"], "IPv4 addresses");
    assert_eq!(document[0]["first_ms"], 1_700_000_000_123_u64);
    let garbage = write(folder.path(), "garbage", b"garbage");
    let output = run(&["info", "--json", &garbage]);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(1), &b"[]\n"[..])
    );
}

#[test]
fn help_completions_and_manual() {
    let help = String::from_utf8(run(&["--help"]).stdout).expect("UTF-8");
    assert!(help.contains("convert") && help.contains("Exit status"));
    assert!(
        String::from_utf8(run(&["--version"]).stdout)
            .expect("UTF-8")
            .contains("libnfdump ABI")
    );
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).stdout.len() > 500, "{shell}");
    }
    let manual = String::from_utf8(run(&["man"]).stdout).expect("UTF-8");
    assert!(manual.contains(".TH") && manual.contains("nfdecode"));
    assert_eq!(run(&[]).status.code(), Some(2));
}

/// Whatever files are called, no two have one name: keys of a JSON object that repeat lose flows.
#[test]
fn names_of_inputs_are_unique() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["x", "x (2)", "-", "sub/x"] {
        write(folder.path(), name, &flow_file());
    }
    for (paths, names) in [
        (
            &["x", "x", "x (2)", "x", "x (2)"][..],
            &["x", "x (3)", "x (2)", "x (4)", "x (2) (2)"][..],
        ),
        (&["sub/x", "x", "sub/x"], &["sub/x", "x", "sub/x (2)"]),
        (&["-", "./-"], &["-", "./-"]),
    ] {
        let stdin = std::fs::File::open(folder.path().join("x")).expect("it opens");
        let mut command = nfdecode();
        command.current_dir(folder.path()).stdin(stdin);
        let output = command.args(["read", "--by-file"]).args(paths).output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let document = assert_json(&output.stdout, "by file");
        let mut names = names.to_vec();
        names.sort_unstable();
        assert_eq!(keys(&document), names);
    }
}

/// What cannot be looked at in a directory is told; the rest is read.
#[test]
fn directories_with_places_that_are_closed() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let allow = |name: &str, mode| {
        let path = folder.path().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
    };
    write(folder.path(), "nfcapd.202601011200", &flow_file());
    let one = run(&["read", &path, "--count"]);
    assert_eq!((one.status.code(), &one.stdout[..]), (Some(0), &b"2\n"[..]));
    // A name that no file can have is neither there nor not there.
    symlink("x".repeat(300), folder.path().join("aside")).expect("a link");
    for command in [&["read", "--count"][..], &["check"], &["info"]] {
        let output = run(&[command, &[path.as_str()]].concat());
        assert_eq!(output.status.code(), Some(3), "{command:?}");
        assert!(stderr(&output).contains("aside: "), "{}", stderr(&output));
        assert!(!output.stdout.is_empty(), "{command:?}");
    }
    std::fs::remove_file(folder.path().join("aside")).expect("removed");

    // As somebody who may not look everywhere. A file without the usual name may be one, too.
    write(folder.path(), "closed/nfcapd.202601011205", &flow_file());
    write(folder.path(), "renamed", &flow_file());
    allow("", 0o755);
    allow("nfcapd.202601011200", 0o644);
    let program = env!("CARGO_BIN_EXE_nfdecode");
    let as_nobody = |arguments: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
        command.args(arguments).output()
    };
    let open = format!("{path}/nfcapd.202601011200");
    if as_nobody(&["read", "--count", &open]).is_ok_and(|output| output.stdout == b"2\n") {
        allow("closed", 0o000);
        allow("renamed", 0o000);
        let output = as_nobody(&["read", "--count", &path]).expect("it runs");
        let message = stderr(&output);
        assert_eq!(
            (output.status.code(), &output.stdout[..]),
            (Some(3), &b"2\n"[..]),
            "{message}"
        );
        assert!(
            message.contains("closed: ") && message.contains("renamed: "),
            "{message}"
        );
        let closed = format!("{path}/closed");
        let output = as_nobody(&["read", "--count", &closed]).expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        for (pattern, status) in [
            (format!("{path}/*"), 3),
            (format!("{path}/*/nfcapd.*"), 1),
            (format!("{open}..nfcapd.202601011300"), 0),
        ] {
            let output = as_nobody(&["read", "--count", &pattern]).expect("it runs");
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(status), "{pattern}: {message}");
            assert_eq!(output.stdout == b"2\n", status != 1, "{pattern}");
        }
    } else {
        eprintln!("skipped in part: only root can run the program as somebody else");
    }
    allow("closed", 0o755);
}

/// A file that is replaced is replaced as a whole, by whatever path, and stays as closed as it was; a file
/// that is read is not written to, whatever it is called there.
#[test]
fn outputs_by_other_paths() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let input = write(folder.path(), "nfcapd.202601011200", &flow_file());
    let linked = folder.path().join("linked");
    std::fs::hard_link(&input, &linked).expect("a link");
    let old = folder.path().join("old.json");
    std::fs::write(&old, "old").expect("written");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o4600)).expect("changed");
    std::fs::create_dir(folder.path().join("fd")).expect("a folder");
    std::fs::write(folder.path().join("fd/1"), "old").expect("written");
    let read_to = |output: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "exec \"$@\" 7>>linked", "sh"]);
        command.arg(env!("CARGO_BIN_EXE_nfdecode"));
        command.args(["read", &input, "-f", "json", "-o", output]);
        command
            .current_dir(folder.path())
            .output()
            .expect("it runs")
    };
    for name in ["old.json", "new.json", "fd/1"] {
        let output = read_to(&format!("/proc/self/cwd/{name}"));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_json(
            &std::fs::read(folder.path().join(name)).expect("a file"),
            name,
        );
    }
    let mode = std::fs::metadata(&old)
        .expect("a file")
        .permissions()
        .mode();
    // It is ours now, and nobody's program.
    assert_eq!(mode & 0o7777, 0o600);
    for name in ["/dev/fd/7", "/proc/self/fd/7", "/proc/thread-self/fd/7"] {
        let output = read_to(name);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_eq!(std::fs::read(&input).expect("a file"), flow_file());
    }
}

/// Damage is told by `info` as by all others.
#[test]
fn info_tells_of_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = flow_file();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let appendix = whole.len() - 12 - 158;
    for (bytes, phrase) in [
        (with(appendix + 4, &[0xFF; 4]), "ident and statistics"),
        (with(36, &[2]), "fewer data blocks"),
        (with(whole.len() - 144, &[5]), "statistics announce 5"),
        (with(52 + 2, &[0xFF; 2]), "block 0"),
    ] {
        let file = write(folder.path(), "nfcapd.202601011200", &bytes);
        let output = run(&["info", &file]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{phrase}: {message}");
        assert!(message.contains(phrase), "{phrase}: {message}");
        assert!(!output.stdout.is_empty(), "{phrase}");
    }
    // Names of files cannot steer a terminal.
    let file = write(folder.path(), "x\u{1b}[2J\nnfcapd.1: intact", &whole);
    for command in ["info", "check"] {
        let output = run(&[command, &file]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            !text.contains('\u{1b}') && !text.contains("\nnfcapd"),
            "{text}"
        );
    }
}
