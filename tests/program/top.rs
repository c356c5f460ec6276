//! `nfdecode top` and `nfdecode series`: forms, orders, conditions, messages.

use std::process::Output;

use serde_json::Value;

use crate::support::nfdecode;

const ARCHIVE: &str = "tests/fixtures/archive";

fn run(arguments: &[&str]) -> Output {
    nfdecode()
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn objects(arguments: &[&str]) -> Vec<Value> {
    let text = stdout(arguments);
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.collect()
}

fn number(object: &Value, name: &str) -> u64 {
    object[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {object}"))
}

#[test]
fn top_shows_the_largest_groups_first() {
    let all = objects(&["top", "src_addr", ARCHIVE, "-n", "0", "-f", "ndjson"]);
    let bytes: Vec<u64> = all.iter().map(|object| number(object, "bytes")).collect();
    assert!(bytes.is_sorted_by(|a, b| a >= b));
    let flows: u64 = all.iter().map(|object| number(object, "flows")).sum();
    assert_eq!((flows, bytes.iter().sum::<u64>()), (419, 245_869));
    let some = objects(&["top", "srcip", ARCHIVE, "-n", "3", "-f", "ndjson"]);
    assert_eq!(some.len(), 3);
    for (some, all) in some.iter().zip(&all) {
        assert_eq!(some["srcip"], all["src_addr"]);
    }
    let few = objects(&[
        "top",
        "src_addr",
        ARCHIVE,
        "-n",
        "0",
        "-f",
        "ndjson",
        "--by",
        "flows",
        "--ascending",
    ]);
    let flows: Vec<u64> = few.iter().map(|object| number(object, "flows")).collect();
    assert!(flows.is_sorted());
}

#[test]
fn forms_hold_the_same_rows() {
    let question = ["top", "src_addr/16,proto", ARCHIVE, "-n", "0", "-f"];
    let with = |form: &str| stdout(&[&question[..], &[form]].concat());
    let array: Vec<Value> = serde_json::from_str(&with("json")).expect("an array");
    let lines: Vec<Value> = with("ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(array, lines);
    let csv = with("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().expect("a header").clone();
    assert_eq!(names.get(0), Some("src_addr/16"));
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), lines.len());
    for (row, object) in rows.iter().zip(&lines) {
        for (name, cell) in names.iter().zip(row) {
            let value = match &object[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Number(number) if name == "percent" => {
                    format!("{:.3}", number.as_f64().expect("a number"))
                }
                other => other.to_string(),
            };
            assert_eq!(cell, value, "{name}");
        }
    }
    let table = with("table");
    assert_eq!(table.lines().count(), lines.len() + 1);
    let folder = tempfile::tempdir().expect("a folder");
    for extension in ["arrow", "parquet", "json", "csv"] {
        let path = folder.path().join(format!("top.{extension}"));
        let path = path.to_str().expect("UTF-8");
        stdout(&["top", "proto", ARCHIVE, "-o", path]);
        let bytes = std::fs::read(path).expect("the output");
        match extension {
            "arrow" => assert!(bytes.starts_with(b"ARROW1")),
            "parquet" => assert!(bytes.starts_with(b"PAR1")),
            "json" => assert!(bytes.starts_with(b"[")),
            _ => assert!(bytes.starts_with(b"proto,flows")),
        }
    }
}

#[test]
fn threads_and_memory_make_no_difference() {
    let question = [
        "top",
        "src_addr,dst_port",
        ARCHIVE,
        "-n",
        "20",
        "-f",
        "csv",
        "--by",
        "packets",
    ];
    let expected = stdout(&question);
    for more in [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--memory", "1k"]] {
        assert_eq!(
            stdout(&[&question[..], &more].concat()),
            expected,
            "{more:?}"
        );
    }
}

#[test]
fn all_groups_and_intervals_need_little_memory() {
    for question in [
        &["top", "src_addr,dst_port", "-n", "0", "-f", "csv"][..],
        &["top", "proto", "--every", "10s", "-n", "1", "-f", "json"],
        &[
            "top",
            "ip/24",
            "--every",
            "1h",
            "-n",
            "0",
            "--by",
            "distinct:dst_port",
        ],
        &[
            "top",
            "src_addr",
            "-n",
            "0",
            "--having",
            "flows > 2",
            "--by",
            "key",
        ],
    ] {
        let question = [question, &[ARCHIVE]].concat();
        let expected = stdout(&question);
        assert!(expected.lines().count() > 5);
        for memory in ["1", "10k", "1M"] {
            for jobs in ["1", "3"] {
                let limited = [&question[..], &["--memory", memory, "-j", jobs]].concat();
                assert_eq!(stdout(&limited), expected, "{limited:?}");
            }
        }
    }
    let texts = run(&["top", "tls_sni", ARCHIVE, "--memory", "1"]);
    let errors = String::from_utf8_lossy(&texts.stderr);
    assert!(
        texts.status.success() || errors.contains("--memory"),
        "{errors}"
    );
}

#[test]
fn intervals_begin_by_the_clock_of_the_zone() {
    let times = |command: &[&str], zone: &str| -> Vec<String> {
        let more = [ARCHIVE, "--every", "1d", "-f", "ndjson", "--tz", zone];
        let rows = objects(&[command, &more].concat());
        let times = rows.iter().filter_map(|row| row["time"].as_str());
        times.map(str::to_owned).collect()
    };
    for zone in ["Europe/Zurich", "America/St_Johns", "UTC"] {
        for command in [&["series"][..], &["top", "proto"]] {
            let found = times(command, zone);
            assert!(!found.is_empty());
            let midnight = |time: &String| time.contains("T00:00:00.000");
            assert!(found.iter().all(midnight), "{zone}: {found:?}");
        }
    }
}

#[test]
fn read_sorts_flows() {
    let values = |more: &[&str], name: &str| -> Vec<Option<u64>> {
        let rows = objects(&[&["read", ARCHIVE, "-f", "ndjson"], more].concat());
        rows.iter().map(|row| row[name].as_u64()).collect()
    };
    let all = values(&[], "in_bytes");
    let sorted = values(&["--sort", "in_bytes"], "in_bytes");
    let mut expected = all.clone();
    expected.sort();
    assert_eq!(sorted, expected);
    expected.reverse();
    for more in [
        ["-j", "1"],
        ["-j", "4"],
        ["--memory", "1"],
        ["--memory", "30k"],
    ] {
        let more = [&["--sort", "in_bytes:desc"], &more[..]].concat();
        assert_eq!(values(&more, "in_bytes"), expected, "{more:?}");
        let some = [&more[..], &["--limit", "7"]].concat();
        assert_eq!(values(&some, "in_bytes"), expected[..7], "{some:?}");
    }
    // Absent values are last in both directions, equal ones as they are stored.
    for order in ["dst_port", "dst_port:desc"] {
        let ports = values(&["--sort", order], "dst_port");
        let absent = ports.iter().position(Option::is_none);
        assert!(
            ports[absent.unwrap_or(ports.len())..]
                .iter()
                .all(Option::is_none)
        );
    }
    let numbers =
        |more: &[&str]| stdout(&[&["read", ARCHIVE, "-f", "csv:%ts,%pr,%sa"], more].concat());
    let stable = numbers(&["--sort", "proto"]);
    assert_eq!(
        numbers(&["--sort", "proto", "--memory", "1", "-j", "3"]),
        stable
    );
    for form in ["json", "line", "table", "csv"] {
        let all = stdout(&["read", ARCHIVE, "-f", form]);
        let sorted = stdout(&["read", ARCHIVE, "-f", form, "--sort", "src_addr,duration"]);
        assert_eq!(sorted.lines().count(), all.lines().count(), "{form}");
    }
    for (arguments, hint) in [
        (&["--sort", "in_byte"][..], "in_bytes"),
        (&["--sort", "ip"], "one field"),
        (&["--sort", "bytes:up"], ":asc"),
        (&["--sort", "bytes", "-f", "arrow"], "text"),
        (&["--sort", "bytes", "--by-file", "-f", "json"], "--by-file"),
    ] {
        let output = run(&[&["read", ARCHIVE], arguments].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {errors}");
        assert!(errors.contains(hint), "{arguments:?}: {errors}");
    }
}

#[test]
fn conditions_distinct_counts_and_intervals() {
    let having = ["--having", "flows >= 5 and distinct:dst_port > 1"];
    let found = objects(
        &[
            &["top", "src_addr", ARCHIVE, "-n", "0", "-f", "ndjson"],
            &having[..],
        ]
        .concat(),
    );
    assert!(!found.is_empty());
    for object in &found {
        assert!(number(object, "flows") >= 5 && number(object, "distinct_dst_port") > 1);
    }
    let by = objects(&[
        "top",
        "src_addr",
        ARCHIVE,
        "--by",
        "distinct:dst_port",
        "-f",
        "ndjson",
    ]);
    let counts: Vec<u64> = by
        .iter()
        .map(|object| number(object, "distinct_dst_port"))
        .collect();
    assert!(counts.is_sorted_by(|a, b| a >= b));
    let every = objects(&[
        "top", "proto", ARCHIVE, "--every", "1h", "-n", "1", "-f", "ndjson",
    ]);
    let times: Vec<&str> = every
        .iter()
        .filter_map(|object| object["time"].as_str())
        .collect();
    assert!(
        times.is_sorted_by(|a, b| a < b),
        "one group for each interval: {times:?}"
    );
}

#[test]
fn wrong_questions_are_refused_with_a_hint() {
    for (arguments, hint) in [
        (&["top", "src_adr", ARCHIVE][..], "src_addr"),
        (&["top", "proto/8", ARCHIVE], "prefix"),
        (&["top", "src_addr", ARCHIVE, "--by", "octets"], "bytes"),
        (
            &["top", "src_addr", ARCHIVE, "--having", "bytes"],
            "bytes > 1g",
        ),
        (&["top", "src_addr", ARCHIVE, "--count"], "read"),
        (&["series", ARCHIVE, "--split", "protocol"], "proto"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(hint), "{arguments:?}: {errors}");
    }
}

#[test]
fn filters_select_what_is_counted() {
    let with = objects(&["top", "proto", ARCHIVE, "proto tcp", "-f", "ndjson"]);
    assert_eq!(with.len(), 1);
    let count = stdout(&["read", ARCHIVE, "proto tcp", "--count"]);
    assert_eq!(number(&with[0], "flows").to_string(), count.trim());
}

#[test]
fn series_have_rows_for_gaps_and_keep_sums() {
    for spread in ["even", "start", "end"] {
        let rows = objects(&[
            "series", ARCHIVE, "--every", "10s", "-f", "ndjson", "--spread", spread,
        ]);
        let sum = |name: &str| rows.iter().map(|row| number(row, name)).sum::<u64>();
        assert_eq!((sum("flows"), sum("bytes")), (419, 245_869));
        assert!(rows.iter().any(|row| number(row, "bytes") == 0));
        let times: Vec<&str> = rows.iter().filter_map(|row| row["time"].as_str()).collect();
        assert!(times.is_sorted_by(|a, b| a < b));
    }
    let split = objects(&["series", ARCHIVE, "--split", "proto", "-f", "ndjson"]);
    let bytes: u64 = split.iter().map(|row| number(row, "bytes")).sum();
    assert_eq!(bytes, 245_869);
    let chart = stdout(&["series", ARCHIVE, "-f", "table", "--color", "always"]);
    assert!(chart.contains('█'), "{chart}");
    let short = run(&["series", ARCHIVE, "--every", "1s", "--split", "src_addr"]);
    assert!(short.status.code() != Some(101));
}
