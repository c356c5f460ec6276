//! Every consumer of a scan gives the same answer: which flows, in which order, how many, with which limit,
//! and what was wrong with the files.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use nfdecode::columns::Projection;
use nfdecode::scan::{OnDamage, Totals};
use nfdecode::{Error, Filter, Scan};

use crate::support::{self, nfdecode};

/// Files of every kind that a scan can meet, in the order in which they are read.
fn inputs(folder: &std::path::Path) -> Vec<PathBuf> {
    let archive = support::root().join("tests/fixtures/archive");
    let read = |name: &str| fs::read(archive.join(name)).expect("a fixture");
    let router = support::root().join("tests/fixtures/router/nfcapd.202601010000");
    let first = read("nfcapd.202611241330");
    let mut announces_less = first.clone();
    // The number of records in the header of the first block.
    announces_less[40..44].copy_from_slice(&73_u32.to_le_bytes());
    let mut flipped = read("nfcapd.202611241335");
    let middle = flipped.len() / 2;
    flipped[middle..middle + 16].fill(0xFF);
    let mut cut = read("nfcapd.202611241340");
    cut.truncate(cut.len() * 2 / 3);
    let made = [
        ("nfcapd.1", announces_less),
        ("nfcapd.2", read("nfcapd.202611241335")),
        ("nfcapd.3", flipped),
        (
            "nfcapd.4",
            b"not a flow file, but long enough to be one".to_vec(),
        ),
        ("nfcapd.5", cut),
        ("nfcapd.6", read("nfcapd.202611241340")),
    ];
    let mut paths: Vec<PathBuf> = made
        .iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            fs::write(&path, bytes).expect("written");
            path
        })
        .collect();
    paths.push(folder.join("nfcapd.missing"));
    paths.push(router);
    paths
}

/// What a consumer found: the bytes of each flow in order, and how many errors it met.
type Answer = (Vec<Option<u64>>, usize);

fn by_blocks(scan: &Scan) -> Answer {
    let (mut flows, mut errors) = (Vec::new(), 0);
    for block in scan.blocks() {
        match block {
            Ok(block) => {
                assert_eq!(block.flows_before(), flows.len() as u64);
                flows.extend(block.flows().map(|flow| flow.in_bytes()));
                errors += usize::from(block.damage().is_some());
            }
            Err(_) => errors += 1,
        }
    }
    (flows, errors)
}

fn by_flows(scan: &Scan) -> Answer {
    let (mut flows, mut errors) = (Vec::new(), 0);
    for flow in scan.flows() {
        match flow {
            Ok(flow) => flows.push(flow.view().in_bytes()),
            Err(_) => errors += 1,
        }
    }
    (flows, errors)
}

fn by_map(scan: &Scan) -> Answer {
    let (mut flows, mut errors) = (Vec::new(), 0);
    scan.map_blocks(
        |block| {
            let block = block?;
            let bytes: Vec<_> = block.flows().map(|flow| flow.in_bytes()).collect();
            Ok((bytes, block.damage().is_some()))
        },
        |found: Result<_, Error>| {
            match found {
                Ok((bytes, is_damaged)) => {
                    flows.extend(bytes);
                    errors += usize::from(is_damaged);
                }
                Err(_) => errors += 1,
            }
            ControlFlow::Continue(())
        },
    );
    (flows, errors)
}

fn by_columns(scan: &Scan) -> Answer {
    let (mut flows, mut errors) = (Vec::new(), 0);
    let projection = Projection::from_names(["in_bytes"]).expect("a column");
    for batch in scan.columns(&projection) {
        match batch {
            Ok(batch) => flows.extend(batch.column(0).as_primitive::<UInt64Type>()),
            Err(_) => errors += 1,
        }
    }
    (flows, errors)
}

/// What the program prints as NDJSON.
fn by_program(paths: &[PathBuf], options: &[String]) -> Vec<Option<u64>> {
    let output = nfdecode()
        .arg("read")
        .args(["-f", "ndjson"])
        .args(options)
        .args(paths)
        .output()
        .expect("it runs");
    support::assert_ndjson(&output.stdout, "agree")
        .iter()
        .map(|flow| flow["in_bytes"].as_u64())
        .collect()
}

fn counted_by_program(paths: &[PathBuf], options: &[String]) -> u64 {
    let output = nfdecode()
        .args(["read", "--count"])
        .args(options)
        .args(paths)
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.trim().parse().expect("a number")
}

/// The number of rows of what the program writes in a column format.
fn rows_by_program(paths: &[PathBuf], options: &[String], folder: &std::path::Path) -> usize {
    let out = folder.join("out.arrow");
    let output = nfdecode()
        .args(["read", "-f", "arrow", "-o"])
        .arg(&out)
        .args(options)
        .args(paths)
        .output()
        .expect("it runs");
    assert!(out.exists(), "{}", support::stderr(&output));
    let file = fs::File::open(&out).expect("written");
    let reader = arrow_ipc::reader::FileReader::try_new(file, None).expect("Arrow");
    reader.map(|batch| batch.expect("a batch").num_rows()).sum()
}

#[test]
fn consumers_agree_about_damaged_and_limited_inputs() {
    let folder = tempfile::tempdir().expect("a directory");
    let existing = inputs(folder.path());
    // The program refuses to begin if a file that was named does not exist.
    let named: Vec<PathBuf> = existing
        .iter()
        .filter(|path| path.exists())
        .cloned()
        .collect();
    let filters = [
        "any",
        "proto udp",
        "count < 120",
        "count > 200 and bytes > 100",
    ];
    let limits = [
        None,
        Some(0),
        Some(1),
        Some(113),
        Some(114),
        Some(300),
        Some(1_000_000),
    ];
    for salvage in [false, true] {
        for filter in filters {
            for limit in limits {
                let context = format!("{filter}, limit {limit:?}, salvage {salvage}");
                let scan_on = |threads: usize| {
                    let scan = Scan::new(&existing)
                        .salvage(salvage)
                        .select(Filter::parse(filter).expect("a filter"))
                        .threads(NonZeroUsize::new(threads).expect("not zero"));
                    match limit {
                        Some(limit) => scan.limit(limit),
                        None => scan,
                    }
                };
                let expected = by_blocks(&scan_on(1));
                for threads in [1, 2, 5] {
                    let scan = scan_on(threads);
                    let consumers = [by_blocks, by_flows, by_map, by_columns];
                    for (number, consumer) in consumers.iter().enumerate() {
                        assert_eq!(
                            consumer(&scan),
                            expected,
                            "{context}: consumer {number}, {threads} threads"
                        );
                    }
                    let Totals {
                        flows,
                        damaged,
                        refused,
                        ..
                    } = scan.count();
                    assert_eq!(flows, expected.0.len() as u64, "{context}");
                    assert_eq!(damaged + refused, expected.1 as u64, "{context}");
                }
                let mut options = vec!["--filter".to_owned(), filter.to_owned()];
                options.extend(
                    limit
                        .iter()
                        .flat_map(|limit| ["--limit".to_owned(), limit.to_string()]),
                );
                options.extend(salvage.then(|| "--salvage".to_owned()));
                assert_eq!(by_program(&named, &options), expected.0, "{context}");
                assert_eq!(
                    counted_by_program(&named, &options),
                    expected.0.len() as u64,
                    "{context}"
                );
                assert_eq!(
                    rows_by_program(&named, &options, folder.path()),
                    expected.0.len(),
                    "{context}"
                );
            }
        }
    }
}

#[test]
fn policies_for_damage() {
    let folder = tempfile::tempdir().expect("a directory");
    let scan = Scan::new(inputs(folder.path()));
    let (all, errors) = by_blocks(&scan);
    assert!(errors > 2, "{errors}");
    for threads in [1, 4] {
        let scan = scan
            .clone()
            .threads(NonZeroUsize::new(threads).expect("not zero"));
        let ignoring = scan.clone().on_damage(OnDamage::Ignore);
        assert_eq!(by_columns(&ignoring), (all.clone(), 0));
        let stopping = scan.on_damage(OnDamage::Stop);
        for answer in [by_flows(&stopping), by_columns(&stopping)] {
            assert_eq!(answer.1, 1);
            assert!(answer.0.len() < all.len() && all.starts_with(&answer.0));
        }
    }
}

/// A limit that is reached ends the scan there: what lies behind it is neither read nor reported.
#[test]
fn limits_end_a_scan_at_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let scan = Scan::new(inputs(folder.path())).limit(10);
    for threads in [1, 2, 8] {
        let totals = scan
            .clone()
            .threads(NonZeroUsize::new(threads).expect("not zero"))
            .count();
        assert_eq!((totals.flows, totals.files, totals.refused), (10, 1, 0));
    }
}
