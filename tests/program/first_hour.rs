//! What new users type in their first hour, and one clear line for what does not work.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{self, run, stderr};

/// The archive of this repository.
fn archive() -> PathBuf {
    support::root().join("tests/fixtures/archive")
}

fn first_file() -> PathBuf {
    archive().join("nfcapd.202611241330")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Runs and expects this exit status and this part of the messages.
fn refuses(arguments: &[&str], status: i32, expected: &str) {
    let output = run(arguments);
    let message = stderr(&output);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {message}"
    );
    assert!(message.contains(expected), "{arguments:?}: {message}");
}

#[test]
fn extensions_that_name_no_form_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = &first_file();
    for (name, expected) in [
        ("x.xlsx", "spreadsheets open csv: use -f csv"),
        ("x.csv.gz", "a pipe to the compressor"),
        ("x.txt", "no form of output has the extension .txt"),
        ("x.tsv", "choose columns with --fields"),
    ] {
        let path = folder.path().join(name);
        refuses(&["read", text(file), "-o", text(&path)], 2, expected);
        assert!(!path.exists(), "{name}");
    }
    for (name, start) in [
        ("x.pq", &b"PAR1"[..]),
        ("x.JSON", b"[\n {"),
        ("without", b"[\n {"),
    ] {
        let path = folder.path().join(name);
        let output = run(&["read", text(file), "--limit", "1", "-o", text(&path)]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(fs::read(&path).expect("written").starts_with(start));
    }
    let path = folder.path().join("chosen.tsv");
    run(&[
        "read",
        text(file),
        "--limit",
        "1",
        "--fields",
        "proto,src_port",
        "-o",
        text(&path),
    ]);
    let lines = fs::read_to_string(&path).expect("written");
    assert!(lines.starts_with("proto\tsrc_port\n"), "{lines}");
    let path = folder.path().join("top.tsv");
    run(&["top", "proto", text(file), "-o", text(&path)]);
    let lines = fs::read_to_string(&path).expect("written");
    assert!(lines.starts_with("proto\tflows\t"), "{lines}");
    // A number is no Parquet file.
    let path = folder.path().join("count.parquet");
    refuses(
        &["read", text(file), "--count", "-o", text(&path)],
        2,
        "--count prints a number",
    );
    refuses(
        &["top", "proto", text(file), "-o", "csv"],
        2,
        "-o names a file",
    );
}

#[test]
fn other_files_name_the_command_that_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for (start, expected) in [
        (&[0xD4, 0xC3, 0xB2, 0xA1][..], "use `nfdecode convert`"),
        (&[0x0A, 0x0D, 0x0D, 0x0A], "use `nfdecode convert`"),
        (&[0x1F, 0x8B, 8, 0], "zcat FILE | nfdecode read -"),
        (&[0x28, 0xB5, 0x2F, 0xFD], "zstdcat FILE | nfdecode read -"),
        (b"PAR1", "a Parquet file"),
        (b"[\n {", "JSON text"),
    ] {
        let path = folder.path().join("file");
        fs::write(&path, [start, &[0; 300]].concat()).expect("written");
        for command in ["read", "info"] {
            refuses(&[command, text(&path)], 1, expected);
        }
    }
}

#[test]
fn live_directories_say_what_was_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let current = folder.path().join("nfcapd.current.4711");
    fs::copy(first_file(), &current).expect("copied");
    let directory = text(folder.path());
    refuses(
        &["read", directory],
        1,
        "1 file that a collector is still writing: read --salvage",
    );
    let count = |arguments: &[&str]| String::from_utf8(run(arguments).stdout).expect("text");
    let all = count(&["read", text(&current), "--count"]);
    assert_eq!(count(&["read", directory, "--salvage", "--count"]), all);
    // Finished files are read without it.
    fs::copy(first_file(), folder.path().join("nfcapd.202601010000")).expect("copied");
    assert_eq!(count(&["read", directory, "--count"]), all);
}

#[test]
fn damage_names_the_option_that_reads_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(first_file()).expect("read");
    let cut = folder.path().join("nfcapd.202601010000");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    let output = run(&["read", text(&cut), "--count"]);
    assert!(
        stderr(&output).contains("read --salvage"),
        "{}",
        stderr(&output)
    );
    let output = run(&["read", text(&cut), "--count", "--salvage"]);
    assert!(
        !stderr(&output).contains("--salvage"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn numbers_are_refused_in_plain_words() {
    let file = &first_file();
    for (option, value, expected) in [
        ("-j", "0", "must be greater than zero"),
        ("-j", "x", "expected a whole number"),
        ("--limit", "abc", "expected a whole number"),
        ("--limit", "99999999999999999999", "too large"),
    ] {
        refuses(&["read", text(file), option, value], 2, expected);
    }
}

#[test]
fn words_of_other_tools_are_understood_in_messages() {
    let archive = archive();
    for (filter, expected) in [
        ("port https ", "did you mean `port 443`?"),
        ("dst port 80-90", "`dst port >= 80 and dst port <= 90`"),
        ("bytes > 1MB", "did you mean `1m`?"),
        ("bytes > 1.5k", "only whole numbers"),
        ("duration > 10s", "did you mean `10000`?"),
        ("tcp.port == 80", "did you mean `proto tcp and port`?"),
    ] {
        refuses(&["read", text(&archive), filter], 2, expected);
    }
    for (word, expected) in [
        ("tcp", "--filter 'proto tcp'"),
        ("https", "--filter 'port 443'"),
    ] {
        refuses(&["read", text(&archive), word], 1, expected);
    }
}

#[test]
fn directories_end_with_totals() {
    let archive = archive();
    let output = run(&["check", text(&archive)]);
    let shown = String::from_utf8(output.stdout).expect("text");
    let last = shown.lines().last().expect("a line");
    assert!(
        last.contains(" files: ") && last.ends_with(" flows"),
        "{last}"
    );
    let shown = String::from_utf8(run(&["info", text(&archive)]).stdout).expect("text");
    assert!(shown.contains("\nAll files    "), "{shown}");
    let shown = String::from_utf8(run(&["info", text(&first_file())]).stdout).expect("text");
    assert!(!shown.contains("All files"), "{shown}");
}

#[test]
fn fields_can_be_searched() {
    let shown = |arguments: &[&str]| String::from_utf8(run(arguments).stdout).expect("text");
    let found = shown(&["fields", "TLS"]);
    assert!(found.contains("\nin_tls "), "{found}");
    assert!(!found.contains("src_port"), "{found}");
    let json = shown(&["fields", "next", "hop", "--json"]);
    let fields: Vec<serde_json::Value> = serde_json::from_str(&json).expect("valid JSON");
    assert!(!fields.is_empty());
    assert!(fields.iter().all(|field| field["name"].is_string()));
    refuses(
        &["fields", "nothing-like-it"],
        1,
        "`nfdecode fields` lists all",
    );
}

#[test]
fn chosen_fields_as_a_table() {
    let file = &first_file();
    let fields = "first,src_addr,dst_port,in_bytes";
    let output = run(&[
        "read",
        text(file),
        "-f",
        "table",
        "--fields",
        fields,
        "--limit",
        "9",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let table = String::from_utf8(output.stdout).expect("text");
    let output = run(&[
        "read",
        text(file),
        "-f",
        "csv",
        "--fields",
        fields,
        "--limit",
        "9",
    ]);
    let csv = String::from_utf8(output.stdout).expect("text");
    let words = |text: &str, by: fn(char) -> bool| -> Vec<Vec<String>> {
        let line = |line: &str| {
            line.split(by)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        text.lines().map(line).collect()
    };
    assert_eq!(words(&table, |c| c == ' '), words(&csv, |c| c == ','));
    // Numbers end in one column.
    let ends: Vec<usize> = table.lines().map(str::len).collect();
    assert!(ends.iter().all(|end| *end == ends[0]), "{table}");
}

#[test]
fn rewrite_selects() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive();
    let new = folder.path().join("new");
    let count = |arguments: &[&str]| -> u64 {
        let shown = String::from_utf8(run(arguments).stdout).expect("text");
        shown.trim().parse().expect("a number")
    };
    let filter = "proto tcp";
    let output = run(&["rewrite", text(&archive), filter, "-o", text(&new)]);
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = count(&["read", text(&archive), filter, "--count"]);
    assert!(expected != 0 && expected != count(&["read", text(&archive), "--count"]));
    assert_eq!(count(&["read", text(&new), "--count"]), expected);
    assert_eq!(count(&["read", text(&new), filter, "--count"]), expected);
    run(&["rewrite", text(&archive), "--limit", "7", "-o", text(&new)]);
    assert_eq!(count(&["read", text(&new), "--count"]), 7);
    refuses(
        &["rewrite", text(&archive), "--count", "-o", text(&new)],
        2,
        "--count",
    );
}

#[test]
fn manual_pages_are_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    assert!(run(&["man", "--dir", text(&pages)]).status.success());
    for name in ["nfdecode.1", "nfdecode-read.1", "nfdecode-convert.1"] {
        let page = fs::read_to_string(pages.join(name)).expect("a page");
        assert!(page.contains(".TH"), "{name}");
    }
    let one = run(&["man", "read"]).stdout;
    assert_eq!(
        one,
        fs::read(pages.join("nfdecode-read.1")).expect("a page")
    );
    refuses(&["man", "nothing"], 2, "no such command");
}

/// Lines of help are wrapped once, at the width of the terminal.
#[test]
fn help_is_wrapped_once() {
    for command in ["convert", "read", "top", "series", "rewrite", "check"] {
        let output = run(&[command, "-h"]);
        let help = String::from_utf8(output.stdout).expect("text");
        let after = help.split("Print version").last().unwrap_or_default();
        let lines: Vec<&str> = after.lines().collect();
        for pair in lines.windows(2) {
            let is_text = |line: &str| !line.is_empty() && !line.starts_with(' ');
            if is_text(pair[0]) && is_text(pair[1]) {
                let next = pair[1].split(' ').next().unwrap_or_default();
                assert!(
                    pair[0].len() + 1 + next.len() > 98,
                    "{command}: a line ends early: {}",
                    pair[0]
                );
            }
        }
    }
}

#[test]
fn messages_for_programs_and_none_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(first_file()).expect("read");
    let broken = folder.path().join("broken");
    let mut bytes = whole.clone();
    bytes[150..160].fill(0xFF);
    fs::write(&broken, bytes).expect("written");
    let output = run(&["read", text(&broken), "--json-messages", "--count"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let messages = support::assert_ndjson(&output.stderr, "messages");
    assert!(messages.iter().all(|message| message["level"] == "damage"));
    let first = &messages[0];
    assert_eq!(first["file"].as_str(), Some(text(&broken)), "{first}");
    assert!(
        first["kind"].is_string() && first["offset"].is_u64(),
        "{first}"
    );
    let output = run(&["read", text(&broken), "-q", "--count"]);
    assert_eq!(
        (output.status.code(), stderr(&output)),
        (Some(3), String::new())
    );
    // What ends the run is said even so.
    refuses(&["read", "-q", "nothing-here"], 1, "no such file");
    let output = run(&["read", text(&broken), "prto tcp", "--json-messages"]);
    let messages = support::assert_ndjson(&output.stderr, "messages");
    assert_eq!(messages[0]["level"], "error");
}

#[test]
fn those_who_ask_are_told_what_is_read() {
    let archive = support::root().join("tests/fixtures/archive");
    for words in [
        ["read", "--count"].as_slice(),
        &["top", "proto"],
        &["series"],
        &["read", "-f", "ndjson", "--sort", "bytes"],
        &["read", "-f", "arrow"],
    ] {
        let silent = run(&[words, &[text(&archive)]].concat());
        let output = run(&[words, &["-v", text(&archive)]].concat());
        assert_eq!(output.stdout, silent.stdout, "{words:?}");
        assert_eq!(stderr(&silent), "");
        let said = stderr(&output);
        let lines: Vec<_> = said.lines().collect();
        // Three files, and the sum of them.
        assert_eq!(lines.len(), 4, "{words:?}: {said}");
        assert!(
            lines[0].contains("nfcapd.202611241330: layout 2, "),
            "{said}"
        );
        assert!(lines[3].starts_with("nfdecode: read "), "{said}");
        assert!(lines[3].contains(" of 3 files in "), "{said}");
    }
    refuses(
        &["read", "-v", "-q", "nothing-here"],
        2,
        "cannot be used with",
    );
}
