//! `rewrite` and `repair`: what they write holds the flows that `read` shows, and every nfdump 1.7
//! reads it, with ZSTD from 1.7.3 on.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::reference::{self, Form};
use crate::support::writer::{self, Encoding, FlowRecord};
use nfdecode::file::{Exporter, Sampler};

const METHODS: [&str; 7] = ["none", "lzo", "lz4", "zstd", "bz2", "zstd:9", "bz2:1"];

/// Some version of nfdump crashes while it prints these; the flows before that are compared.
const CRASHES_PRINTING: [&str; 6] = [
    "pcap-mixed-synthetic",
    "29_in_client_allgrease_cipher",
    "29_in_nogeneric",
    "53_natstring_8000",
    "52_all6max",
    "04_misc_noip_mask",
];

fn ndjson(file: &Path) -> Vec<u8> {
    let output = support::nfdecode()
        .arg("read")
        .arg(file)
        .args(["-f", "ndjson"])
        .output()
        .expect("it runs");
    output.stdout
}

fn rewrite(inputs: &[&Path], output: &Path, method: &str) -> Option<i32> {
    run_rewrite(inputs, output, method).status.code()
}

fn run_rewrite(inputs: &[&Path], output: &Path, method: &str) -> Output {
    let _ = std::fs::remove_file(output);
    let result = support::nfdecode()
        .arg("rewrite")
        .args(inputs)
        .arg("-o")
        .arg(output)
        .args(["--compress", method])
        .output()
        .expect("it runs");
    assert!(
        output.exists(),
        "{inputs:?}: {}",
        String::from_utf8_lossy(&result.stderr)
    );
    result
}

/// Exporters, samplers, and how many names there are.
fn known(file: &Path) -> (Vec<Exporter>, Vec<Sampler>, (usize, usize, usize)) {
    let names = nfdecode::File::open(file).expect("it opens").names();
    (
        names.exporters().cloned().collect(),
        names.samplers().to_vec(),
        names.name_counts(),
    )
}

/// Flows as a version of nfdump prints them; each version indents otherwise.
fn theirs(version: &str, nfdump: &Path, file: &Path) -> Vec<Vec<reference::Member>> {
    // Several threads print blocks in any order; 1.7.1 has one and knows no such option.
    let one_thread: &[&str] = if version == "1.7.1" {
        &[]
    } else {
        &["-W", "1"]
    };
    let output = Command::new(nfdump)
        .args(one_thread)
        .args(["-o", "json", "-r"])
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .expect("nfdump runs");
    let mut flows = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line = line.trim();
        if line.ends_with('{') && !line.contains('"') {
            flows.push(Vec::new());
        } else if let Some((key, value)) = line
            .strip_prefix('"')
            .and_then(|member| member.split_once("\" : "))
        {
            let value = value.strip_suffix(',').unwrap_or(value);
            flows
                .last_mut()
                .expect("a member of a flow")
                .push((key.to_owned(), value.to_owned()));
        }
    }
    flows
}

fn value<'a>(flow: &'a [reference::Member], key: &str) -> Option<&'a str> {
    let mut found = flow.iter().filter(|(name, _)| name == key);
    found.next().map(|(_, value)| value.trim_matches('"'))
}

/// What all versions print alike.
const COMMON: [&str; 24] = [
    "last",
    "src6_addr",
    "dst6_addr",
    "tcp_flags",
    "src_tos",
    "src_as",
    "dst_as",
    "input_snmp",
    "output_snmp",
    "src_mask",
    "dst_mask",
    "out_packets",
    "out_bytes",
    "in_src_mac",
    "out_dst_mac",
    "ip4_next_hop",
    "proto",
    "src_port",
    "dst_port",
    "in_packets",
    "in_bytes",
    "src4_addr",
    "dst4_addr",
    "first",
];

/// How often 1.7.5 may print the blocks of a file in another order before that counts.
const ATTEMPTS: usize = 20;

/// The first of the common keys that two readings of the same flows differ in.
fn differing_key(
    ours: &[Vec<reference::Member>],
    theirs: &[Vec<reference::Member>],
) -> Option<&'static str> {
    ours.iter().zip(theirs).find_map(|(ours, theirs)| {
        COMMON.into_iter().find(|key| {
            let pair = (value(ours, key), value(theirs, key));
            matches!(pair, (Some(a), Some(b)) if a != b)
        })
    })
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn every_file_can_be_rewritten_for_every_reader() {
    let folders: Option<Vec<PathBuf>> = [
        "nfcapd/layout2",
        "elements",
        "nfcapd/layout1",
        "layout1",
        "nfcapd/layout3",
    ]
    .into_iter()
    .map(support::test_data)
    .collect();
    let Some(folders) = folders else { return };
    let mut readers: Vec<(&str, PathBuf)> = ["1.7.5", "1.7.10"]
        .into_iter()
        .filter_map(|version| Some((version, support::oracle(version, "nfdump")?)))
        .collect();
    readers.extend(support::nfpcapd().map(|path| ("1.7.1", path.with_file_name("nfdump"))));
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("nfcapd.202601011200");
    let mut failures = Vec::new();
    let mut rewritten = 0;
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| support::files_below(folder))
        .collect();
    files.retain(|path| {
        let bytes = std::fs::read(path).expect("a file");
        matches!(bytes[..], [0x0C, 0xA5, 1..=3, 0, ..]) && nfdecode::File::open(path).is_ok()
    });
    for (at, file) in files.iter().enumerate() {
        let method = METHODS[at % METHODS.len()];
        rewrite(&[file], &output, method);
        rewritten += 1;
        let text = ndjson(file);
        if text != ndjson(&output) {
            failures.push(format!("{} {method}: flows differ", file.display()));
        }
        if known(file) != known(&output) {
            failures.push(format!(
                "{} {method}: exporters or names differ",
                file.display()
            ));
        }
        let ours = reference::our_flows(&text, Form::Ndjson);
        for (version, nfdump) in &readers {
            if *version == "1.7.1" && method.starts_with("zstd") {
                rewrite(&[file], &output, "lzo");
            }
            let mut theirs = theirs(version, nfdump, &output);
            // 1.7.5 prints blocks in another order now and then, whatever it is told of workers.
            for _ in 0..ATTEMPTS {
                if *version != "1.7.5" || differing_key(&ours, &theirs).is_none() {
                    break;
                }
                theirs = self::theirs(version, nfdump, &output);
            }
            let may_crash = CRASHES_PRINTING
                .iter()
                .any(|name| file.to_string_lossy().contains(name));
            if theirs.len() != ours.len() && !may_crash {
                failures.push(format!(
                    "{} {method}: {} flows, nfdump {version} reads {}",
                    file.display(),
                    ours.len(),
                    theirs.len()
                ));
            }
            // 1.7.1 has an idea of its own of what a record of both families shows.
            let both = file.to_string_lossy().contains("02_03_both_badver") && *version == "1.7.1";
            if let Some(key) = differing_key(&ours, &theirs).filter(|_| !both) {
                failures.push(format!(
                    "{} {method}: nfdump {version} reads another {key}",
                    file.display()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(rewritten > 440, "only {rewritten} files");
}

fn flow(number: u8, sysid: u16) -> Vec<u8> {
    let mut generic = vec![0; 48];
    generic[..8].copy_from_slice(&(1_700_000_000_000 + u64::from(number)).to_le_bytes());
    generic[8..16].copy_from_slice(&(1_700_000_001_000 + u64::from(number)).to_le_bytes());
    generic[24..32].copy_from_slice(&3_u64.to_le_bytes());
    generic[32..40].copy_from_slice(&100_u64.to_le_bytes());
    generic[44] = 17;
    FlowRecord {
        sysid,
        version: 9,
        elements: vec![(1, generic), (2, vec![number; 8])],
        ..FlowRecord::default()
    }
    .bytes()
}

/// An exporter in the form of nfdump 1.7.5, of one IPv4 address.
fn exporter(sysid: u16, address: [u8; 4], id: u32) -> Vec<u8> {
    let mut record = vec![7, 0, 32, 0, 9, 0, 0, 0];
    record.extend([0; 8]);
    record.extend(u64::from(u32::from_be_bytes(address)).to_le_bytes());
    record.extend(2_u16.to_le_bytes());
    record.extend(sysid.to_le_bytes());
    record.extend(id.to_le_bytes());
    record
}

#[test]
fn merged_files_keep_their_exporters_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // Both files call their exporter 1, but it is another one.
    for (name, address) in [("a", [192, 0, 2, 1]), ("b", [192, 0, 2, 2])] {
        let records = vec![exporter(1, address, 5), flow(address[3], 1)];
        let bytes = writer::file(Encoding::Lz4, Some("site"), &[records]);
        std::fs::write(path(name), bytes).expect("written");
    }
    let merged = path("merged");
    assert_eq!(rewrite(&[&path("a"), &path("b")], &merged, "zstd"), Some(0));

    let file = nfdecode::File::open(&merged).expect("it opens");
    let names = file.names();
    let addresses: Vec<_> = file
        .flows()
        .map(|flow| flow.expect("sound").view().exporter_sysid())
        .map(|sysid| names.exporter(sysid).map(|exporter| exporter.address))
        .collect();
    assert_eq!(
        addresses,
        [Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into())]
    );
    let statistics = file.statistics().expect("statistics");
    assert_eq!(statistics.total.flows, 2);
    assert_eq!(statistics.total.bytes, 200);
    assert_eq!(statistics.udp.packets, 6);
    assert_eq!(file.ident(), Some(&b"site"[..]));
    assert_eq!(file.header().compression, nfdecode::file::Compression::Zstd);
}

/// Short elements get their full length, for which the largest records have no room: those flows are
/// counted, and all others are written.
#[test]
fn flows_that_are_too_large_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let large = FlowRecord {
        elements: vec![(1, vec![1; 40]), (35, vec![2; 65_470])],
        ..FlowRecord::default()
    };
    let records = vec![flow(1, 0), large.bytes(), flow(2, 0)];
    let bytes = writer::file(Encoding::None, None, &[records]);
    std::fs::write(path("large"), bytes).expect("written");
    for command in ["rewrite", "repair"] {
        let _ = std::fs::remove_file(path("out"));
        let output = support::nfdecode()
            .arg(command)
            .arg(path("large"))
            .arg("-o")
            .arg(path("out"))
            .output()
            .expect("it runs");
        let message = support::stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.contains("1 flows are too large"), "{message}");
        assert!(message.contains("2 flows written"), "{message}");
        let file = nfdecode::File::open(path("out")).expect("it opens");
        assert_eq!(file.flows().filter(Result::is_ok).count(), 2);
        assert_eq!(file.announced_flows(), Some(2));
    }
}

#[test]
fn methods_that_there_are_not() {
    for (method, message) in [
        ("lz4:9", "lz4 has no levels"),
        ("bz2:99", "bz2 has levels 1 to 9"),
        ("zstd:0", "zstd has levels 1 to 22"),
        ("zip", "expected none, lzo, lz4, zstd, bz2 or same"),
    ] {
        let output = support::run(&["rewrite", "x", "-o", "y", "--compress", method]);
        assert_eq!(output.status.code(), Some(2));
        let said = support::stderr(&output);
        assert!(said.contains(message), "{said}");
    }
}

/// More exporters than a file has numbers for: flows of the last ones are of none, not of another.
#[test]
fn more_exporters_than_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for (name, first) in [("a", 10_u8), ("b", 11)] {
        let mut records: Vec<_> = (1..=40_000_u16)
            .map(|sysid| {
                let [high, low] = sysid.to_be_bytes();
                exporter(sysid, [first, 0, high, low], 5)
            })
            .collect();
        records.push(flow(first, 40_000));
        let bytes = writer::file(Encoding::Lz4, None, &[records]);
        std::fs::write(path(name), bytes).expect("written");
    }
    let output = run_rewrite(&[&path("a"), &path("b")], &path("out"), "same");
    let said = support::stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("14465 exporters are left out"), "{said}");
    let file = nfdecode::File::open(path("out")).expect("it opens");
    assert_eq!(file.names().exporters().count(), 65_535);
    let sysids: Vec<_> = file
        .flows()
        .map(|flow| flow.expect("sound").view().exporter_sysid())
        .collect();
    assert_eq!(sysids, [40_000, 0]);
}

/// Whole blocks that are gone without a trace but in the header or the end of the file.
#[test]
fn missing_blocks_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let blocks: Vec<Vec<Vec<u8>>> = (0..4).map(|block| vec![flow(block, 0); 5]).collect();
    let whole = writer::file(Encoding::Lz4, Some("site"), &blocks);
    let size = |at: usize| u32::from_le_bytes(whole[at + 4..at + 8].try_into().expect("4 bytes"));
    let mut starts = vec![40];
    (0..4).for_each(|block| starts.push(starts[block] + 12 + size(starts[block]) as usize));
    let mut without_end = whole[..starts[3]].to_vec();
    // The header tells of no appendix.
    without_end[18..20].fill(0);
    without_end[24..32].fill(0);
    let variants = [
        ("the end", whole[..starts[2]].to_vec()),
        ("all but one", whole[..starts[1]].to_vec()),
        (
            "in the middle",
            [&whole[..starts[1]], &whole[starts[2]..]].concat(),
        ),
        ("no appendix", without_end),
    ];
    for (name, bytes) in variants {
        std::fs::write(path("cut"), bytes).expect("written");
        for command in [&["read", "--salvage"][..], &["repair"], &["check"]] {
            let mut run = support::nfdecode();
            run.args(command).arg(path("cut"));
            if command == ["repair"] {
                run.arg("-o").arg(path("out"));
            }
            let output = run.output().expect("it runs");
            let said = support::stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{name}: {command:?}: {said}");
            assert_eq!(said.is_empty(), command == ["check"], "{name}: {command:?}");
            let counted = said.contains("blocks read, but the header announces 4");
            assert!(
                counted || command == ["check"] || name == "in the middle",
                "{name}: {said}"
            );
        }
    }
    // That a file was never closed is what `repair` is for.
    let mut unfinished = whole[..starts[3]].to_vec();
    unfinished[18..20].fill(0);
    unfinished[24..40].fill(0);
    std::fs::write(path("cut"), unfinished).expect("written");
    let cut = path("cut");
    let out = path("out");
    let arguments = [
        "repair",
        cut.to_str().expect("text"),
        "-o",
        out.to_str().expect("text"),
    ];
    let output = support::run(&arguments);
    let said = support::stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.ends_with("15 flows written\n"), "{said}");
}

/// Sums of what files tell may be any numbers.
#[test]
fn sequence_failures_of_any_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let mut bytes = writer::file(Encoding::None, None, &[vec![flow(1, 0)]]);
    // The last of the statistics.
    let end = bytes.len();
    bytes[end - 8..].fill(0xFF);
    std::fs::write(path("a"), &bytes).expect("written");
    let file = nfdecode::File::open(path("a")).expect("it opens");
    let failures = |file: &nfdecode::File| file.statistics().expect("statistics").sequence_failures;
    assert_eq!(failures(&file), u64::MAX);
    let merged = path("merged");
    assert_eq!(rewrite(&[&path("a"), &path("a")], &merged, "none"), Some(0));
    let file = nfdecode::File::open(merged).expect("it opens");
    assert_eq!(failures(&file), u64::MAX - 1);
}

/// Tens of thousands of samplers in each of several files, which are not compared one by one.
#[test]
fn more_samplers_than_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let sampler = |id: u32| {
        let mut record = vec![15, 0, 24, 0, 1, 0, 0, 0];
        record.extend(u64::from(id).to_le_bytes());
        record.extend([1, 0, 0, 0, 9, 0, 0, 0]);
        record
    };
    for (name, first) in [("a", 1), ("b", 100_001)] {
        let records: Vec<_> = (first..first + 65_538).map(sampler).collect();
        let bytes = writer::file(Encoding::Lz4, None, &[records, vec![flow(1, 1)]]);
        std::fs::write(path(name), bytes).expect("written");
    }
    let output = run_rewrite(&[&path("a"), &path("b")], &path("out"), "same");
    let said = support::stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(
        said.matches(": more samplers than the limit: 2 are left out")
            .count(),
        2,
        "{said}"
    );
    let names = nfdecode::File::open(path("out")).expect("it opens").names();
    assert_eq!(names.samplers().len(), 65_536);
    assert_eq!(names.samplers_left_out(), 65_536);
}

#[test]
fn the_input_is_never_the_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202601011200");
    let bytes = writer::file(Encoding::None, None, &[vec![flow(1, 0)]]);
    std::fs::write(&path, &bytes).expect("written");
    let path_text = path.to_str().expect("a plain path");
    for command in ["rewrite", "repair"] {
        let output = support::run(&[command, path_text, "-o", path_text]);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{}",
            support::stderr(&output)
        );
        assert_eq!(std::fs::read(&path).expect("still there"), bytes);
    }
}

#[test]
fn repair_saves_what_is_intact() {
    let folder = tempfile::tempdir().expect("a folder");
    let damaged = folder.path().join("damaged");
    let repaired = folder.path().join("repaired");
    let blocks: Vec<Vec<Vec<u8>>> = (0..3)
        .map(|block| (0..20).map(|at| flow(block * 20 + at, 0)).collect())
        .collect();
    for encoding in Encoding::ALL {
        let whole = writer::file(encoding, Some("site"), &blocks);
        // Cut at every seventh byte: a disk that was full.
        for length in (60..whole.len()).step_by(7) {
            std::fs::write(&damaged, &whole[..length]).expect("written");
            let _ = std::fs::remove_file(&repaired);
            let output = support::nfdecode()
                .arg("repair")
                .arg(&damaged)
                .arg("-o")
                .arg(&repaired)
                .output()
                .expect("it runs");
            let context = || format!("{encoding:?} {length}: {}", support::stderr(&output));
            // Something is missing wherever it is cut.
            assert_eq!(output.status.code(), Some(3), "{}", context());
            let salvaged = support::nfdecode()
                .args(["read", "--salvage", "-f", "ndjson"])
                .arg(&damaged)
                .output()
                .expect("it runs");
            let text =
                |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\"ident\":\"site\",", "");
            let again = ndjson(&repaired);
            assert_eq!(text(&again), text(&salvaged.stdout), "{}", context());
            let file = nfdecode::File::open(&repaired).expect("a sound file");
            let flows = support::assert_ndjson(&again, "repaired").len() as u64;
            let statistics = file.statistics().expect("statistics");
            assert_eq!(statistics.total.flows, flows);
            let verdict = support::run(&["check", repaired.to_str().expect("a plain path")]);
            assert_eq!(verdict.status.code(), Some(0), "{}", context());
        }
    }
}
