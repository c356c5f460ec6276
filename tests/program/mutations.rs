//! Damaged files, thousands of them, always the same: nothing crashes or hangs, output is always
//! JSON, losses are reported, the rest can be repaired, and nfdump 1.7.10 reads no flow that we do not.
//!
//! Runs in short form by default. `NFDECODE_MUTATIONS=n` sets the number of variants,
//! `NFDECODE_MUTATIONS_COMPARE=1` gives every variant to nfdump, and `NFDECODE_MUTATIONS_TO=folder`
//! only writes them down, for the program in `benches/compare`.

use crate::support;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::damage::{self, Original, Variants};
use crate::support::second::SecondFile;
use nfdecode::{File, OpenOptions};

/// Variants tried when nothing else is asked for.
const VARIANTS: usize = 5_000;
/// One variant in this many is also given to nfdump, which takes time and sometimes all of it.
const COMPARED: usize = 25;
/// One variant in this many is also repaired.
const REPAIRED: usize = 10;
/// How long a program may take for a file of a few kilobytes.
const PATIENCE: Duration = Duration::from_secs(5);

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
        // Some of it never ends.
        let mut limited = std::io::Read::take(&mut stdout, 64 << 20);
        let _ = std::io::Read::read_to_end(&mut limited, &mut text);
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

/// What `nfdecode read` makes of a file: flows, and whether it did not complain. Fails on anything we
/// promise not to do.
fn read_ours(path: &Path, flows: usize, variant: usize) -> (usize, bool) {
    // Slow once may be the machine, which stood still; slow again is the program.
    let timed = || {
        let started = Instant::now();
        let output = support::nfdecode().arg("read").arg(path).output();
        (output.expect("it runs"), started.elapsed())
    };
    let (mut output, mut takes) = timed();
    if takes >= PATIENCE {
        (output, takes) = timed();
    }
    assert!(takes < PATIENCE, "variant {variant} took {takes:?}");
    let context = || format!("variant {variant}: {}", support::stderr(&output));
    let document = support::assert_json(&output.stdout, &context());
    let ours = document.as_array().expect("an array").len();
    match output.status.code() {
        Some(0) => {
            // The statistics may be what was damaged; then there is nothing to miss flows by.
            let announced = announced_flows(path).unwrap_or(0).min(flows as u64);
            assert!(
                ours as u64 >= announced,
                "silent loss of {} flows: {}",
                flows - ours,
                context()
            );
            (ours, true)
        }
        Some(1 | 3) => {
            assert!(!output.stderr.is_empty(), "{}", context());
            (ours, false)
        }
        status => panic!("status {status:?}: {}", context()),
    }
}

/// `nfdecode repair` of the same file: it tells all that `read --salvage` tells but that the file is unfinished,
/// and what it writes are the same flows in a sound file.
fn repair_ours(path: &Path, variant: usize) {
    let repaired = PathBuf::from(format!("{}.repaired", path.display()));
    let salvaged = support::nfdecode()
        .args(["read", "--salvage", "-f", "ndjson"])
        .arg(path)
        .output()
        .expect("it runs");
    let output = support::nfdecode()
        .arg("repair")
        .arg(path)
        .arg("-o")
        .arg(&repaired)
        .output()
        .expect("it runs");
    let (told, status) = (support::stderr(&salvaged), output.status.code());
    let context = || format!("variant {variant}: {told}{}", support::stderr(&output));
    if salvaged.status.code() == Some(1) {
        assert_eq!(
            (status, repaired.exists()),
            (Some(1), false),
            "{}",
            context()
        );
        return;
    }
    let is_damaged = told
        .lines()
        .any(|line| !line.contains("file is unfinished"));
    assert!(matches!(status, Some(0 | 3)), "{status:?} {}", context());
    assert!(status == Some(3) || !is_damaged, "{}", context());
    let file = File::open(&repaired).expect("it opens");
    assert!(file.appendix_damage().is_none());
    let mut flows = 0;
    for block in file.blocks() {
        let block = block.expect("a block");
        assert!(block.damage().is_none(), "{}", context());
        flows += block.len();
    }
    let expected = salvaged
        .stdout
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    assert_eq!(flows, expected, "{}", context());
    std::fs::remove_file(repaired).expect("it was there");
}

fn announced_flows(path: &Path) -> Option<u64> {
    File::open(path)
        .ok()?
        .statistics()
        .map(|statistics| statistics.total.flows)
}

/// The library on the same bytes, plainly, partially and salvaging: no panic, and an end. Flows with salvaging.
fn read_in_process(bytes: &[u8], variant: usize) -> usize {
    let mut most = 0;
    let salvaging = OpenOptions::new().partial(true).cut_block(true);
    let salvaged = salvaging.from_bytes(bytes.to_vec());
    for file in support::both_ways(bytes).chain(salvaged) {
        let mut flows = 0;
        for (results, block) in file.blocks().enumerate() {
            assert!(results <= bytes.len(), "variant {variant}: iteration ends");
            if let Ok(block) = block {
                flows += block.flows().len();
                for flow in block.flows() {
                    std::hint::black_box(flow.to_owned_flow().view().elements());
                }
            }
        }
        let _ = file.names();
        most = most.max(flows);
    }
    most
}

#[test]
fn damaged_files_are_read_as_far_as_they_go() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|number| number.parse().ok())
    };
    let variants = Variants::new(number("NFDECODE_MUTATIONS").unwrap_or(VARIANTS));
    eprintln!(
        "{} variants of {} files, which have {} fields and values",
        variants.count,
        variants.originals.len(),
        variants.walk_length()
    );
    if let Some(folder) = std::env::var_os("NFDECODE_MUTATIONS_TO") {
        return write_down(&variants, Path::new(&folder));
    }
    let compared = if std::env::var_os("NFDECODE_MUTATIONS_COMPARE").is_some() {
        1
    } else {
        COMPARED
    };
    let nfdump = support::oracle("1.7.10", "nfdump");
    let folder = tempfile::tempdir().expect("a folder");
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (next, intact, salvaged, survived) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let work = |thread: usize| {
        let path = folder.path().join(format!("nfcapd.20260101120{thread}"));
        let mut fewer = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= variants.count {
                return fewer;
            }
            let variant = variants.get(number);
            std::fs::write(&path, &variant.bytes).expect("it is written");
            let (ours, complete) = read_ours(&path, variant.flows, number);
            intact.fetch_add(usize::from(complete), Ordering::Relaxed);
            salvaged.fetch_add(read_in_process(&variant.bytes, number), Ordering::Relaxed);
            if number.is_multiple_of(REPAIRED) {
                repair_ours(&path, number);
            }
            // Of layout 1 nfdump prints what it finds in memory behind a block whose last record is cut.
            let comparable = variant.layout == 2 && number.is_multiple_of(compared);
            let Some(nfdump) = nfdump.as_deref().filter(|_| comparable) else {
                continue;
            };
            let theirs = flows_of(
                Command::new(nfdump)
                    .args(["-W", "1", "-C", "none", "-G", "none", "-o", "ndjson", "-r"])
                    .arg(&path),
            );
            survived.fetch_add(usize::from(theirs.is_some()), Ordering::Relaxed);
            // Of a record shorter than its header nfdump prints a flow made of what is behind it.
            let at_least = match theirs {
                Some(theirs) if theirs > ours => ours + headless(&variant.bytes),
                _ => ours,
            };
            if let Some(theirs) = theirs.filter(|theirs| *theirs > at_least) {
                fewer.push(format!("variant {number}: {ours}, nfdump {theirs}"));
            }
        }
    };
    let fewer: Vec<String> = std::thread::scope(|scope| {
        let work = &work;
        let all: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        all.into_iter()
            .flat_map(|thread| thread.join().expect("no failure"))
            .collect()
    });
    let intact = intact.into_inner();
    eprintln!(
        "{intact} read without complaint, {} with; {} flows with salvaging; nfdump ended by itself on {}",
        variants.count - intact,
        salvaged.into_inner(),
        survived.into_inner()
    );
    assert!(fewer.is_empty(), "fewer flows than nfdump: {fewer:#?}");
}

/// Flow records that are shorter than the header of a flow.
fn headless(bytes: &[u8]) -> usize {
    let blocks = SecondFile::read(bytes).map_or_else(|_| Vec::new(), |file| file.blocks);
    let records = blocks
        .iter()
        .filter_map(|block| block.content.as_ref().ok());
    records
        .flat_map(|records| &records.records)
        .filter(|record| record.kind == 11 && record.size < 12)
        .count()
}

/// One file for each variant. Its name tells the layout and the flows of the original.
fn write_down(variants: &Variants, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    for number in 0..variants.count {
        let variant = variants.get(number);
        let name = format!("{number:06}-layout{}-{}", variant.layout, variant.flows);
        std::fs::write(folder.join(name), &variant.bytes).expect("it is written");
    }
}

/// Source ports, which number the flows of the originals, and whether all is well.
fn ports(bytes: &[u8]) -> (Vec<u16>, bool) {
    // One whose end is missing is read only when asked to.
    let plain = File::from_bytes(bytes.to_vec());
    let mut well = plain.is_ok();
    let file = plain.or_else(|_| File::from_partial_bytes(bytes.to_vec()));
    let file = file.expect("a file");
    well &= file.appendix_damage().is_none();
    let mut found = Vec::new();
    for block in file.blocks() {
        match block {
            Ok(block) => {
                well &= block.damage().is_none();
                found.extend(block.flows().filter_map(|flow| flow.src_port()));
            }
            Err(_) => well = false,
        }
    }
    well &= file
        .announced_flows()
        .is_none_or(|flows| flows <= found.len() as u64);
    (found, well)
}

/// What the flows of a file's blocks are, one list a block.
fn ports_by_block(original: &Original) -> Vec<Vec<u16>> {
    let file = File::from_bytes(original.bytes.clone()).expect("a file");
    let lists = file.blocks().map(|block| {
        let block = block.expect("a block");
        block.flows().filter_map(|flow| flow.src_port()).collect()
    });
    lists.filter(|list: &Vec<u16>| !list.is_empty()).collect()
}

#[test]
fn only_the_damaged_block_is_lost() {
    for original in damage::originals() {
        let lists = ports_by_block(&original);
        let places = damage::blocks(&original.bytes);
        let places: Vec<_> = places
            .into_iter()
            .filter(|place| place.holds_flows)
            .collect();
        assert_eq!(lists.len(), places.len());
        if lists.len() < 3 || !original.independent {
            continue;
        }
        for (number, place) in places.iter().enumerate() {
            let context = |what: &str| {
                format!(
                    "layout {}, {:?}, {what} block {number}",
                    original.layout, original.encoding
                )
            };
            let length = place.payload.len();
            for share in 1..8 {
                let at = place.payload.start + length * share / 8;
                let chunk = at..(at + length / 8 + 1).min(place.payload.end);
                for deleted in [true, false] {
                    let mut bytes = original.bytes.clone();
                    if deleted {
                        bytes.drain(chunk.clone());
                    } else {
                        let copy = bytes[chunk.clone()].to_vec();
                        bytes.splice(at..at, copy);
                    }
                    let what = if deleted {
                        "part deleted in"
                    } else {
                        "part doubled in"
                    };
                    let (found, well) = ports(&bytes);
                    // Bytes behind the last block of layout 1 are ignored, as by nfdump.
                    let pushed_out = original.layout == 1 && !deleted && number + 1 == places.len();
                    assert!(!well || pushed_out, "{}: nothing was told", context(what));
                    for (other, list) in lists.iter().enumerate() {
                        let there = list.iter().all(|port| found.contains(port));
                        assert!(
                            other == number || there,
                            "{} {share}: {other} is lost",
                            context(what)
                        );
                    }
                }
            }
            let block = original.bytes[place.start..place.payload.end].to_vec();
            let mut gone = original.bytes.clone();
            gone.drain(place.start..place.payload.end);
            let (found, well) = ports(&gone);
            let others = || {
                lists
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != number)
            };
            let expected: Vec<u16> = others().flat_map(|(_, list)| list.clone()).collect();
            assert_eq!((found, well), (expected, false), "{}", context("deleted"));

            let mut twice = original.bytes.clone();
            twice.splice(place.start..place.start, block);
            let (found, _) = ports(&twice);
            for list in &lists {
                assert!(
                    list.iter().all(|port| found.contains(port)),
                    "{}",
                    context("doubled")
                );
            }
        }
    }
}
