//! Damaged files, thousands of them, always the same: nothing crashes or hangs, output is always
//! JSON, what is lost is told, and nfdump 1.7.10 reads no flow that we do not.
//!
//! Runs in short form by default; `NFDECODE_MUTATIONS=n` sets the number of variants.
#![allow(missing_docs)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::layout1;
use support::writer::{self, Encoding, FlowRecord};

/// Variants tried when nothing else is asked for.
const VARIANTS: usize = 5_000;
/// One variant in this many is also given to nfdump, which takes time and sometimes all of it.
const COMPARED: usize = 25;
/// How long a program may take for a file of a few kilobytes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A small generator of numbers; the sequence is part of the test.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Valid files of all encodings: few and many blocks, plain flows and flows of many elements.
fn originals() -> Vec<(Vec<u8>, usize)> {
    let flow = |number: u16, rich: bool| {
        let mut generic = vec![0; 48];
        generic[..8].copy_from_slice(&(1_700_000_000_000 + u64::from(number)).to_le_bytes());
        generic[44] = 6;
        let mut elements = vec![(1, generic), (2, number.to_le_bytes().repeat(4))];
        if rich {
            elements.extend([
                (4, vec![7; 16]),
                (14, vec![1; 40]),
                (15, vec![2; 32]),
                (27, vec![13, 0, 1, 2]),
            ]);
            elements.extend([
                (24, [&b"somebody"[..], &[0; 60]].concat()),
                (29, vec![0x16; usize::from(number % 9) + 1]),
            ]);
        }
        FlowRecord {
            sysid: 1,
            version: 9,
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    };
    let mut files = Vec::new();
    for encoding in Encoding::ALL {
        for (blocks, flows, rich) in [(1, 30, false), (4, 10, true), (3, 60, false)] {
            let blocks: Vec<_> = (0..blocks)
                .map(|block| {
                    (0..flows)
                        .map(|at| flow(block * flows + at, rich))
                        .collect::<Vec<_>>()
                })
                .collect();
            files.push((
                writer::file(encoding, Some("made"), &blocks),
                usize::from(flows) * blocks.len(),
            ));
        }
    }
    files.extend(originals_of_layout_1());
    files
}

/// The same of layout 1: maps in the first block only, or in each.
fn originals_of_layout_1() -> Vec<(Vec<u8>, usize)> {
    let flow = |number: u16, map: u16, extensions: usize| {
        let flow = layout1::Flow {
            old: false,
            flags: 0,
            version: 9,
            sysid: 1,
            map,
            first: (1_700_000_000 + u32::from(number), 0),
            last: (1_700_000_000 + u32::from(number), 5),
            bytes: [0, 0x1B, 6, 0],
            ports: [number, 443],
            ends: [0, 0],
            addresses: number.to_le_bytes().repeat(4),
            packets: 1,
            octets: 40,
            extensions: vec![7; extensions],
        };
        flow.record()
    };
    let mut files = Vec::new();
    for encoding in [Encoding::None, Encoding::Lzo, Encoding::Bz2, Encoding::Lz4] {
        for everywhere in [false, true] {
            let blocks: Vec<Vec<Vec<u8>>> = (0..3)
                .map(|block| {
                    let mut records = Vec::new();
                    if block == 0 || everywhere {
                        records.push(layout1::map(0, &[4, 6, 8]));
                        records.push(layout1::map(1, &[5, 20, 22, 27, 37, 41]));
                    }
                    let flows = (0..12).map(|at| match at % 3 {
                        0 => flow(12 * block + at, 1, 8 + 16 + 40 + 8 + 20 + 24),
                        _ => flow(12 * block + at, 0, 12),
                    });
                    records.extend(flows);
                    records
                })
                .collect();
            files.push((layout1::file(encoding, 0, "made", &blocks), 36));
        }
    }
    files
}

/// Damages a file in one of the ways that networks, disks, collectors and people do.
fn damage(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(bytes.len());
    let length = numbers.below(64) + 1;
    let chunk = at..(at + length).min(bytes.len());
    match numbers.below(8) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes.truncate(at.max(1)),
        2 => drop(bytes.drain(chunk)),
        3 => {
            let copy = bytes[chunk.clone()].to_vec();
            bytes.splice(chunk.start..chunk.start, copy);
        }
        4 => bytes[chunk].fill(0),
        5 => {
            let other = numbers.below(bytes.len());
            bytes.swap(at, other);
        }
        // Extremes where lengths, counts, types and offsets are: the file header, and near the
        // starts of blocks and records, which are likely there.
        6 => {
            let field = 16 + 2 * numbers.below(24);
            write_extreme(bytes, field, numbers);
        }
        _ => write_extreme(bytes, 40 + 4 * numbers.below(60), numbers),
    }
}

fn write_extreme(bytes: &mut [u8], at: usize, numbers: &mut Numbers) {
    const EXTREMES: [u32; 8] = [0, 1, 3, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 5_242_869];
    let value = EXTREMES[numbers.below(EXTREMES.len())].to_le_bytes();
    let width = [2, 4][numbers.below(2)];
    if let Some(field) = bytes.get_mut(at..at + width) {
        field.copy_from_slice(&value[..width]);
    }
}

/// Flows in a program's ndjson, or `None` if it did not end in time or was killed.
fn flows_of(command: &mut Command) -> Option<usize> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stdout, &mut text);
        text
    });
    let deadline = Instant::now() + PATIENCE / 5;
    let status = loop {
        match child.try_wait().expect("it can be waited for") {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                let _ = child.kill();
                let _ = child.wait();
                let _ = reader.join();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let text = reader.join().expect("the reader ends");
    // Flows begin with their number; lines of noise do not.
    let flows = text
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"{\"cnt\"") && line.ends_with(b"}"));
    status.code().map(|_| flows.count())
}

#[test]
fn damaged_files_are_read_as_far_as_they_go() {
    let variants = std::env::var("NFDECODE_MUTATIONS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(VARIANTS);
    let nfdump = support::oracle("1.7.10", "nfdump");
    let originals = originals();
    assert!(originals.len() >= 12);
    let mut numbers = Numbers(0x6e66_6465_636f_6465);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202601011200");
    let (mut intact, mut told, mut survived) = (0, 0, 0);

    for variant in 0..variants {
        let (original, flows) = &originals[variant % originals.len()];
        let mut bytes = original.clone();
        for _ in 0..numbers.below(2) + 1 {
            damage(&mut bytes, &mut numbers);
        }
        std::fs::write(&path, &bytes).expect("it is written");
        let started = Instant::now();
        let output = support::nfdecode()
            .arg("read")
            .arg(&path)
            .output()
            .expect("it runs");
        assert!(
            started.elapsed() < PATIENCE,
            "variant {variant} took {:?}",
            started.elapsed()
        );
        let context = || format!("variant {variant}: {}", support::stderr(&output));
        let document = support::assert_json(&output.stdout, "a damaged file");
        let ours = document.as_array().expect("an array").len();
        match output.status.code() {
            Some(0) => {
                intact += 1;
                // The statistics may be what was damaged; then there is nothing to miss flows by.
                let announced = announced_flows(&path).unwrap_or(0).min(*flows as u64);
                assert!(
                    ours as u64 >= announced,
                    "silent loss of {} flows: {}",
                    flows - ours,
                    context()
                );
            }
            Some(1 | 3) => {
                told += 1;
                assert!(!output.stderr.is_empty(), "{}", context());
            }
            status => panic!("status {status:?}: {}", context()),
        }
        // Of layout 1 nfdump prints what it finds in memory behind a block whose last record is cut.
        let comparable = original[2] == 2 && variant % COMPARED == 0;
        if let Some(nfdump) = nfdump.as_deref().filter(|_| comparable) {
            let theirs = flows_of(
                Command::new(nfdump)
                    .args(["-W", "1", "-C", "none", "-G", "none", "-o", "ndjson", "-r"])
                    .arg(&path),
            );
            if let Some(theirs) = theirs {
                survived += 1;
                assert!(
                    ours >= theirs,
                    "nfdump reads {theirs} flows, we {ours}: {}",
                    context()
                );
            }
        }
    }
    eprintln!(
        "{variants} variants: {intact} read without complaint, {told} with; nfdump ended by itself on {survived}"
    );
}

fn announced_flows(path: &Path) -> Option<u64> {
    nfdecode::File::open(path)
        .ok()?
        .statistics()
        .map(|statistics| statistics.total.flows)
}
