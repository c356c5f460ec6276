//! Our CSV: nfdump 1.7.10's, byte for byte less the documented deviations, over all shared test data of
//! layout 2; and our own fields, which other programs must read.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::csv::{FRAGILE_TOKENS, SAFE_TOKENS, compare};
use crate::support::writer::{self, Encoding, FlowRecord};
use nfdecode::File;
use nfdecode::output::csv::{CsvFormat, TokenList, tokens};
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;

/// Files of which we read more, or read one record otherwise: `tests/deviations.rs`.
const RECOVERED: [&str; 2] = ["82_block_numtoohigh", "82_rec_numelem_high"];

fn nfdump(nfdump: &Path, format: &str, file: &Path, zone: &str) -> Output {
    Command::new(nfdump)
        .args(["-W", "1", "-C", "none", "-G", "none", "-o", format, "-r"])
        .arg(file)
        .env("TZ", zone)
        .output()
        .expect("nfdump runs")
}

fn nfdecode(format: &str, file: &Path, zone: &str) -> Output {
    let ours = support::nfdecode()
        .args(["read", "-f", format])
        .arg(file)
        .env("TZ", zone)
        .output()
        .expect("it runs");
    assert!(
        matches!(ours.status.code(), Some(0 | 3)),
        "{}: {}",
        file.display(),
        support::stderr(&ours)
    );
    ours
}

/// All small files, and all of layout 2.
fn files() -> Option<Vec<PathBuf>> {
    let elements = support::test_data("elements")?;
    let layout2 = support::test_data("nfcapd/layout2")?;
    let mut files = support::files_below(&elements);
    files.retain(|file| {
        let name = file.to_string_lossy();
        name.ends_with(".nf") && RECOVERED.iter().all(|recovered| !name.contains(recovered))
    });
    files.extend(support::files_below(&layout2));
    Some(files)
}

/// Whether csv-fast has a flow without addresses: nfdump prints memory for it, which can hold commas and
/// line ends.
fn lacks_addresses(fast: &[u8]) -> bool {
    String::from_utf8_lossy(fast)
        .lines()
        .any(|line| line.split(',').nth(1) == Some("0"))
}

fn check_all(format: &str) {
    let (Some(files), Some(reference)) = (files(), support::oracle("1.7.10", "nfdump")) else {
        return;
    };
    let zones = ["UTC", "Europe/Zurich", "America/New_York", "XYZ-3:30"];
    let mut failures = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let zone = zones[at % zones.len()];
        let theirs = nfdump(&reference, format, file, zone);
        let ours = nfdecode(format, file, zone);
        if format == "csv-fast" && lacks_addresses(&ours.stdout) {
            continue;
        }
        let crashed = !theirs.status.success();
        if let Err(difference) = compare(&theirs.stdout, &ours.stdout, crashed) {
            failures.push(format!("{}: {difference}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(files.len() > 300, "only {} files", files.len());
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn default_columns() {
    check_all("csv");
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn fast() {
    check_all("csv-fast");
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn all_tokens_together() {
    check_all(&format!("csv:{SAFE_TOKENS}"));
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn tokens_that_crash_nfdump() {
    check_all(&format!("csv:{FRAGILE_TOKENS}"));
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn every_token_by_itself_and_long_lists() {
    let (Some(folder), Some(reference)) = (
        support::test_data("elements"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    let mut lists: Vec<String> = tokens()
        .iter()
        // Nfdump's CSV lacks it.
        .filter(|token| token.name != "eth")
        .map(|token| format!("csv:%pr,%{}", token.name))
        .collect();
    lists.extend([
        "csv:%csv".to_owned(),
        "csv:  ,%te%ts , %csv,%mpls,%mpls1%mpls10 ".to_owned(),
        format!("csv:{SAFE_TOKENS},{SAFE_TOKENS}"),
        format!("csv:{SAFE_TOKENS}").replace(',', ""),
        "csv:%tsr,%ts,%tsg,%sa,%sn,%smk,%in,%inam,%ivrfnam,%nbnam,%nbid".to_owned(),
    ]);
    for name in [
        "01_times",
        "04_misc",
        "27_nbar_named",
        "29_in_client_grease",
        "32_tun6",
        "37_pf",
        "52_all4",
        "52_all6max",
    ] {
        let file = folder.join(format!("{name}.nf"));
        for list in &lists {
            // Networks are corrected by their address.
            let list = match list.as_str() {
                "csv:%pr,%sn" | "csv:%pr,%dn" => &format!("{list},%sa,%da"),
                "csv:%pr,%tls" => &format!("{list},%ja4"),
                _ => list,
            };
            let theirs = nfdump(&reference, list, &file, "UTC");
            let ours = nfdecode(list, &file, "UTC");
            let crashed = !theirs.status.success();
            let result = compare(&theirs.stdout, &ours.stdout, crashed);
            assert!(result.is_ok_and(|lines| lines > 1), "{name} {list}");
        }
    }
}

#[test]
fn wrong_lists_are_refused() {
    for (list, expected) in [
        ("csv:%ts,%bytt", "unknown token %bytt; near it: %byt"),
        ("csv:%ts %td", "expected a comma and a token at \"%td\""),
        ("csv:%ts,", "a token must follow the comma"),
        ("csv:", "no tokens given"),
        ("xml", "there are json, ndjson, csv"),
    ] {
        let output = support::run(&["read", "-f", list, "x"]);
        assert_eq!(output.status.code(), Some(2), "{list}");
        let message = support::stderr(&output);
        assert!(message.contains(expected), "{list}: {message}");
    }
}

/// A file with one flow of these elements.
fn file_of(ident: &str, elements: Vec<(u16, Vec<u8>)>) -> Vec<u8> {
    let flow = FlowRecord {
        elements,
        ..FlowRecord::default()
    };
    writer::file(Encoding::None, Some(ident), &[vec![flow.bytes()]])
}

fn printed(list: &str, ident: &str, elements: Vec<(u16, Vec<u8>)>) -> String {
    let file = File::from_bytes(file_of(ident, elements)).expect("a file");
    let tokens = if list == "fast" {
        TokenList::fast()
    } else {
        TokenList::parse(list).expect("a list")
    };
    let mut format = CsvFormat::new(tokens, Zone::utc()).without_header();
    let context = FlowContext::new(file.ident(), "x");
    let mut out = TextBuffer::default();
    for block in file.blocks() {
        for flow in block.expect("a block").flows() {
            format.flow(1, &flow, &context, &mut out);
        }
    }
    String::from_utf8_lossy(out.as_bytes()).into_owned()
}

/// Rows C-1 to C-10 of `docs/deviations.md`, as far as comparing cannot show them.
#[test]
fn deviations() {
    let user = |name: &[u8]| {
        let mut payload = name.to_vec();
        payload.resize(68, 0);
        (24, payload)
    };
    // Text cannot break a line; commas are nfdump's semicolons.
    assert_eq!(
        printed("%uname,%idt", "a,b\nc", vec![user(b"x\r\ny,\"z\"")]),
        "x  y;\"z\",a;b c\n"
    );
    // No address: nothing rather than memory.
    assert_eq!(
        printed("fast", "x", vec![]),
        "1,0,0,0,0,,0,,0,0,0,0,0,........,0,0,0\n"
    );
    // Networks of masks 0 and beyond the address.
    let addresses = (2, vec![1, 2, 0, 192, 2, 100, 51, 198]);
    let mut misc = vec![0; 16];
    (misc[8], misc[9]) = (0, 40);
    assert_eq!(
        printed("%sn,%dn", "x", vec![addresses, (4, misc)]),
        "0.0.0.0/0,198.51.100.2/40\n"
    );
    // Flow ids in hexadecimal, ACLs in the exporter's order.
    let acl = [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]]
        .concat()
        .repeat(2);
    assert_eq!(
        printed(
            "%flid,%iacl,%eacl",
            "x",
            vec![(39, vec![0xEF, 0xBE, 0, 0, 0, 0, 0, 1]), (23, acl)]
        ),
        "0x10000000000beef,0x1        0x100      0x10000   ,1 256 65536\n"
    );
}

/// Row C-8: nfdump hashes the lists that `%ja4` has sorted.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn ja3_is_the_same_before_and_after_ja4() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    let file = folder.join("29_in_client_cipherorder.nf");
    let values = |list: &str| {
        let text = String::from_utf8(nfdecode(list, &file, "UTC").stdout).expect("text");
        let line = text.lines().nth(1).expect("a flow").to_owned();
        let mut values: Vec<_> = line.split(',').map(str::to_owned).collect();
        values.sort();
        values
    };
    assert_eq!(values("csv:%ja3,%ja4"), values("csv:%ja4,%ja3"));
}

/// Element 1 of a flow from and to these times, in ms.
fn generic(first: u64, last: u64) -> (u16, Vec<u8>) {
    let mut payload = [first, last, last, 1, 100].map(u64::to_le_bytes).concat();
    payload.extend([0xE8, 3, 80, 0, 6, 0x1B, 0, 0]);
    (1, payload)
}

/// Row C-12: nfdump gives no name at all if the fields for name and description have more than 253 bytes.
#[test]
fn long_names_of_applications() {
    const ID: [u8; 4] = [13, 0, 1, 2];
    let names = |name: usize, description: usize| {
        let mut entry = ID.to_vec();
        for (letter, size) in [(b'n', name), (b'd', description)] {
            entry.resize(entry.len() + size - 1, letter);
            entry.push(0);
        }
        entry.resize(entry.len().next_multiple_of(4), 0);
        let mut record = Vec::new();
        for number in [
            12,
            14 + entry.len(),
            1,
            entry.len(),
            ID.len(),
            name,
            description,
        ] {
            record.extend((number as u16).to_le_bytes());
        }
        record.extend(entry);
        record
    };
    let folder = tempfile::tempdir().expect("a folder");
    for (name, description, known_to_nfdump) in
        [(200, 53, true), (200, 54, false), (30, 900, false)]
    {
        let flow = FlowRecord {
            elements: vec![generic(1000, 2000), (27, ID.to_vec())],
            ..FlowRecord::default()
        };
        let path = folder.path().join("nfcapd.1");
        let records = vec![names(name, description), flow.bytes()];
        std::fs::write(&path, writer::file(Encoding::None, None, &[records])).expect("written");
        let both = format!("{}/{}\n", "n".repeat(name - 1), "d".repeat(description - 1));
        let ours = nfdecode("csv:%nbnam", &path, "UTC");
        assert_eq!(
            String::from_utf8_lossy(&ours.stdout),
            format!("nbarName\n{both}")
        );
        if let Some(reference) = support::oracle("1.7.10", "nfdump") {
            let theirs = nfdump(&reference, "csv:%nbnam", &path, "UTC");
            let flow = if known_to_nfdump { &both } else { "\n" };
            assert_eq!(
                String::from_utf8_lossy(&theirs.stdout),
                format!("nbarName\n{flow}")
            );
        }
    }
}

/// Row C-13: nfdump tells of each flow that ends before it starts.
#[test]
fn flows_that_end_before_they_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.1");
    let file = file_of("x", vec![generic(1_700_000_000_000, 1_600_000_000_000)]);
    std::fs::write(&path, file).expect("written");
    let ours = nfdecode("csv", &path, "UTC");
    assert!(ours.stderr.is_empty(), "{}", support::stderr(&ours));
    let text = String::from_utf8_lossy(&ours.stdout);
    assert!(text.contains("2023-11-14 22:13:20.000,0.000,6,"), "{text}");
    if let Some(reference) = support::oracle("1.7.10", "nfdump") {
        let theirs = nfdump(&reference, "csv", &path, "UTC");
        assert_eq!(theirs.stdout, ours.stdout);
        assert!(support::stderr(&theirs).contains("last < first"));
    }
}

/// `%cnt` counts records of all types, over all files.
#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn records_are_counted_in_order_on_any_number_of_threads() {
    let (Some(folder), Some(reference)) = (
        support::test_data("elements"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    let files = ["27_nbar_named", "80_rectype_007", "52_all4"]
        .map(|name| folder.join(format!("{name}.nf")));
    let together = tempfile::tempdir().expect("a folder");
    for (at, file) in files.iter().enumerate() {
        let name = format!("nfcapd.20260101120{at}");
        std::fs::copy(file, together.path().join(name)).expect("a copy");
    }
    let list = "csv:%cnt,%pr,%inam,%nbnam";
    let theirs = Command::new(reference)
        .args(["-W", "1", "-C", "none", "-G", "none", "-o", list, "-R"])
        .arg(together.path())
        .env("TZ", "UTC")
        .output()
        .expect("nfdump runs");
    for jobs in ["1", "3"] {
        let ours = support::nfdecode()
            .args(["read", "-j", jobs, "-f", list])
            .arg(together.path())
            .output()
            .expect("it runs");
        let result = compare(&theirs.stdout, &ours.stdout, false);
        assert!(result.as_ref().is_ok_and(|lines| *lines > 5), "{result:?}");
    }
}

/// Quoted as the crate `csv` quotes, and read back by it.
#[test]
fn fields_are_csv_for_everybody() {
    let nasty: [&[u8]; 8] = [
        b"plain",
        b"a,b",
        b"say \"hi\"",
        b"two\nlines",
        b"cr\rhere",
        b"tab\there",
        b"",
        b";|",
    ];
    let flows: Vec<Vec<u8>> = nasty
        .iter()
        .map(|name| {
            let mut user = name.to_vec();
            user.resize(68, 0);
            let flow = FlowRecord {
                elements: vec![(24, user), (2, vec![1, 2, 0, 192, 2, 100, 51, 198])],
                ..FlowRecord::default()
            };
            flow.bytes()
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202601011200");
    std::fs::write(&path, writer::file(Encoding::None, Some("i,d"), &[flows])).expect("written");
    for (delimiter, byte) in [
        (",", b','),
        ("tab", b'\t'),
        (";", b';'),
        (".", b'.'),
        (" ", b' '),
    ] {
        let output = support::nfdecode()
            .args([
                "read",
                "-f",
                "csv",
                "--fields",
                "user_name,src_addr,ident,dst_port,cnt",
            ])
            .args(["--delimiter", delimiter])
            .arg(&path)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", support::stderr(&output));
        let mut expected = csv::WriterBuilder::new()
            .delimiter(byte)
            .from_writer(Vec::new());
        expected
            .write_record(["user_name", "src_addr", "ident", "dst_port", "cnt"])
            .expect("a record");
        for (name, number) in nasty.iter().zip(1..) {
            let name = if name.is_empty() { b"<empty>" } else { *name };
            let number = format!("{number}");
            let record: [&[u8]; 5] = [name, b"192.0.2.1", b"i,d", b"", number.as_bytes()];
            expected.write_record(record).expect("a record");
        }
        let expected = expected.into_inner().expect("bytes");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&expected),
            "{delimiter}"
        );
    }
    // A line of nothing would be no record.
    let output = support::nfdecode()
        .args([
            "read",
            "-f",
            "csv",
            "--no-header",
            "--fields",
            "dst_port",
            "--limit",
            "1",
        ])
        .arg(&path)
        .output()
        .expect("it runs");
    assert_eq!(output.stdout, b"\"\"\n");
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn fields_of_json() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    let file = folder.join("52_all4.nf");
    let run = |arguments: &[&str]| {
        let output = support::nfdecode()
            .arg("read")
            .args(arguments)
            .arg(&file)
            .output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", support::stderr(&output));
        output.stdout
    };
    // Every key of a whole object, asked for by itself, has the same value.
    let all = support::assert_json(&run(&["-f", "ndjson"]), "all");
    for (key, value) in all.as_object().expect("an object") {
        let one = support::assert_json(&run(&["-f", "ndjson", "--fields", key]), key);
        let members = one.as_object().expect("an object");
        assert_eq!(members.len(), 1, "{key}");
        assert_eq!(&members[key], value, "{key}");
    }
    // The order is that of the list; what is not there is left out.
    let list = "dst_addr,src6_addr,first,cnt,ident";
    let text = String::from_utf8(run(&["--fields", list])).expect("text");
    let flows = support::assert_json(text.as_bytes(), "json");
    let keys: Vec<_> = flows[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["dst_addr", "first", "cnt", "ident"]);
    assert!(text.starts_with("[\n {\n  \"dst_addr\" : \""), "{text}");
    assert!(text.ends_with("\"\n }\n]\n"), "{text}");
    let nothing = run(&["-f", "ndjson", "--fields", "src6_addr"]);
    assert_eq!(nothing, b"{}\n");
    let by_file = run(&["-f", "ndjson", "--by-file", "--fields", "cnt"]);
    let line = support::assert_json(&by_file, "by file");
    assert!(
        line["file"]
            .as_str()
            .is_some_and(|name| name.ends_with("52_all4.nf"))
    );
}

#[test]
fn options_that_do_not_fit_are_refused() {
    for arguments in [
        &["-f", "csv-fast", "--fields", "first"][..],
        &["-f", "csv:%ts", "--fields", "first"],
        &["-f", "csv", "--delimiter", ";"],
        &["-f", "json", "--no-header"],
        &["-f", "csv", "--by-file"],
        &["--fields", "nosuch"],
        &["-f", "long", "--fields", "first"],
        &["-f", "csv", "--fields", "first", "--delimiter", "ab"],
        &["-f", "csv", "--fields", "first", "--delimiter", "\""],
    ] {
        let output = support::nfdecode()
            .arg("read")
            .args(arguments)
            .arg("x")
            .output();
        assert_eq!(
            output.expect("it runs").status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn header_can_be_left_out() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    let file = folder.join("52_all4.nf").to_string_lossy().into_owned();
    let with = support::run(&["read", "-f", "csv", &file]).stdout;
    let without = support::run(&["read", "-f", "csv", "--no-header", &file]).stdout;
    let body = with.splitn(2, |byte| *byte == b'\n').nth(1);
    assert_eq!(body, Some(without.as_slice()));
    assert_eq!(
        with,
        support::run(&["read", "-f", "csv", "--no-header", "--header", &file]).stdout
    );
}
