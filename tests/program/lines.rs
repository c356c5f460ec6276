//! nfdump's lines, and the table for people.

use crate::support;
use std::process::Command;

use crate::support::writer::{self, Encoding, FlowRecord};

/// Files of which we read more, or read one record otherwise (`tests/deviations.rs`), and those whose
/// sums do not fit into 64 bits.
const LEFT_OUT: [&str; 4] = [
    "82_block_numtoohigh",
    "82_rec_numelem_high",
    "01_generic_max",
    "52_all6max",
];

/// The header, the lines of flows, and the summary; what nfdump prints besides has another beginning.
fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let of_table = |line: &&str| {
        line.starts_with("Date first seen")
            || line.starts_with("Summary: ")
            || line.split('-').next().is_some_and(|year| {
                year.len() >= 4 && year.bytes().all(|byte| byte.is_ascii_digit())
            })
    };
    text.lines().filter(of_table).map(str::to_owned).collect()
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn lines_are_those_of_nfdump() {
    let (Some(elements), Some(layout2), Some(nfdump)) = (
        support::test_data("elements"),
        support::test_data("nfcapd/layout2"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    let mut files = support::files_below(&elements);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "nf"));
    files.extend(support::files_below(&layout2));
    files.retain(|file| {
        let name = file.to_string_lossy();
        LEFT_OUT.iter().all(|left_out| !name.contains(left_out))
    });
    let mut failures = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let format = ["line", "long", "extended"][at % 3];
        let theirs = Command::new(&nfdump)
            .args(["-W", "1", "-C", "none", "-G", "none", "-o", format, "-r"])
            .arg(file)
            .env("TZ", "Europe/Zurich")
            .output()
            .expect("nfdump runs");
        let ours = support::nfdecode()
            .args(["read", "-f", format])
            .arg(file)
            .env("TZ", "Europe/Zurich")
            .output()
            .expect("it runs");
        let (theirs, ours) = (lines(&theirs.stdout), lines(&ours.stdout));
        if theirs != ours {
            let differ = theirs
                .iter()
                .zip(&ours)
                .find(|(theirs, ours)| theirs != ours);
            failures.push(format!("{} {format}: {differ:#?}", file.display()));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} differ\n{}",
        failures.len(),
        files.len(),
        failures.join("\n")
    );
    assert!(files.len() > 300);
}

/// Row C-15 of `docs/deviations.md`: about 2^32 seconds and beyond nfdump has wrong hours.
#[test]
fn durations_of_any_length() {
    const FIRST: u64 = 1000;
    let (right, wrong) = (
        [0, 86_399, 86_400, 90_061, 867_723, (1 << 31) - 1, 1 << 31],
        [(1_u64 << 32) - 1, 1 << 32, (1 << 32) + 7265],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.1");
    let printed = |seconds: &[u64], theirs: bool| {
        let flows = seconds.iter().map(|seconds| {
            let mut payload = [FIRST, FIRST + seconds * 1000, 0, 1, 100]
                .map(u64::to_le_bytes)
                .concat();
            payload.extend([0xE8, 3, 80, 0, 6, 0x1B, 0, 0]);
            FlowRecord {
                elements: vec![(1, payload), (2, vec![1, 2, 0, 192, 2, 100, 51, 198])],
                ..FlowRecord::default()
            }
            .bytes()
        });
        let file = writer::file(Encoding::None, None, &[flows.collect()]);
        std::fs::write(&path, file).expect("written");
        let mut command = match support::oracle("1.7.10", "nfdump") {
            Some(nfdump) if theirs => {
                let mut nfdump = Command::new(nfdump);
                nfdump.args(["-W", "1", "-C", "none", "-G", "none", "-o", "line", "-r"]);
                nfdump
            }
            _ => {
                let mut ours = support::nfdecode();
                ours.args(["read", "-f", "line"]);
                ours
            }
        };
        let output = command.arg(&path).env("TZ", "UTC").output();
        lines(&output.expect("it runs").stdout)
    };
    assert_eq!(printed(&right, false), printed(&right, true));
    let ours = printed(&wrong, false);
    for (line, duration) in ours[1..].iter().zip([
        "49710d 06:28:15.000",
        "49710d 06:28:16.000",
        "49710d 08:29:21.000",
    ]) {
        assert!(line.contains(duration), "{line}");
    }
    if support::oracle("1.7.10", "nfdump").is_some() {
        assert_ne!(ours, printed(&wrong, true));
    }
}

/// A table of the archive in this repository.
fn table(columns: &str, arguments: &[&str]) -> String {
    let archive = &crate::support::root()
        .join("tests/fixtures/archive/nfcapd.202611241330")
        .display()
        .to_string();
    let output = support::nfdecode()
        .args(["read", "-f", "table", archive])
        .args(arguments)
        .env("COLUMNS", columns)
        .env_remove("NO_COLOR")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", support::stderr(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn tables_fit_their_terminal() {
    for columns in [75_usize, 80, 100, 120, 132, 160, 250] {
        let text = table(&columns.to_string(), &["--limit", "50"]);
        let lines: Vec<&str> = text.lines().collect();
        // The totals take two lines where one is too long.
        assert!(lines.len() == 52 || lines.len() == 53, "{text}");
        for line in &lines {
            assert!(line.len() <= columns, "{columns}: {line}");
        }
        let flows = &lines[1..51];
        if columns >= 80 {
            assert!(flows.iter().all(|line| line.contains("11-24 ")), "{text}");
            let whole = "192.0.2.10:41456";
            assert!(flows.iter().any(|line| line.contains(whole)), "{text}");
        }
        assert!(
            lines[51].starts_with("Summary: total flows: 50, "),
            "{text}"
        );
    }
}

#[test]
fn colors_only_if_wanted() {
    assert!(!table("120", &[]).contains('\x1b'));
    assert!(!table("120", &["--color", "never"]).contains('\x1b'));
    let colored = table("120", &["--color", "always"]);
    assert!(colored.contains("\x1b[32mTCP"));
    // Without the colours it is the same text.
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    assert_eq!(plain, table("120", &[]));
}

#[test]
fn without_header_there_are_only_flows() {
    let text = table("120", &["--no-header", "--limit", "3"]);
    assert_eq!(text.lines().count(), 3);
    assert!(!text.contains("Summary"));
}
