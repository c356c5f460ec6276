//! Records and files of any content through the library's consumers, in this process: batches, groups, series, JSON,
//! members, filters, see [`consume`].
//!
//! Beside the fuzz target `file`, which finds its inputs by itself: damage of [`damage`], and records with elements of any id, length and
//! content, alone and in blocks of any size. `NFDECODE_FUZZ_SECONDS=n` goes on for so long, with other cases than those
//! of a plain run, and prints how many there were and which one cost most for its bytes.

use std::time::{Duration, Instant};

use crate::consume;
use crate::support::damage::{self, Numbers};
use crate::support::writer::{self, Encoding, FlowRecord};

/// Cases without `NFDECODE_FUZZ_SECONDS`.
const CASES: u64 = 300;

/// A record with elements of any kind, mostly of the usual lengths.
fn any_record(numbers: &mut Numbers) -> Vec<u8> {
    const USUAL: [usize; 8] = [4, 8, 16, 24, 32, 40, 48, 64];
    let elements = (0..numbers.below(9)).map(|_| {
        let id = match numbers.below(8) {
            0 => numbers.next() as u16,
            _ => 1 + numbers.below(44) as u16,
        };
        let length = match numbers.below(6) {
            0 => numbers.below(80),
            1 if id == 29 || id == 30 => numbers.below(1_500),
            _ => USUAL[numbers.below(USUAL.len())],
        };
        let few = numbers.below(3);
        let byte = |numbers: &mut Numbers| match few {
            0 => 0,
            1 => [0, 1, 6, 17, 0x16, 3, 0xFF, b'a'][numbers.below(8)],
            _ => numbers.next() as u8,
        };
        (id, (0..length).map(|_| byte(numbers)).collect())
    });
    let elements = elements.collect();
    let mut record = FlowRecord {
        sysid: numbers.next() as u16,
        elements,
        ..FlowRecord::default()
    }
    .bytes();
    // A wrong number of elements, or a length that does not fit.
    if numbers.below(8) == 0 {
        let at = numbers.below(record.len().saturating_sub(4)) + 4;
        if let Some(byte) = record.get_mut(at) {
            *byte = numbers.next() as u8;
        }
    }
    record
}

/// A file: damaged ones and made ones in turn.
fn any_file(case: u64, originals: &[damage::Original]) -> Vec<u8> {
    let mut numbers = Numbers::new(case.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..8).for_each(|_| {
        numbers.next();
    });
    if case.is_multiple_of(2) {
        let mut bytes = originals[numbers.below(originals.len())].bytes.clone();
        (0..=numbers.below(3)).for_each(|_| damage::damage(&mut bytes, &mut numbers));
        return bytes;
    }
    let encoding = Encoding::ALL[numbers.below(Encoding::ALL.len())];
    let blocks = (0..1 + numbers.below(6)).map(|_| {
        let records = 1 + numbers.below(60);
        (0..records).map(|_| any_record(&mut numbers)).collect()
    });
    let blocks: Vec<Vec<Vec<u8>>> = blocks.collect();
    let mut bytes = writer::file(encoding, Some("any"), &blocks);
    if numbers.below(4) == 0 {
        damage::damage(&mut bytes, &mut numbers);
    }
    bytes
}

#[test]
fn every_consumer_takes_anything() {
    let seconds = std::env::var("NFDECODE_FUZZ_SECONDS").ok();
    let seconds = seconds
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    let originals = damage::originals();
    let (begin, mut slowest) = (Instant::now(), (0.0, 0));
    // Long runs go on where others have been.
    let first = if seconds.is_some() {
        u64::from(std::process::id()) << 32
    } else {
        0
    };
    let mut case = first;
    while seconds.map_or(case < CASES, |limit| begin.elapsed() < limit) {
        let bytes = any_file(case, &originals);
        let started = Instant::now();
        consume::consume(&case, &bytes, consume::filters());
        let rate = started.elapsed().as_secs_f64() / bytes.len() as f64;
        if rate > slowest.0 {
            slowest = (rate, case);
        }
        case += 1;
    }
    println!(
        "{} cases from {first}; most: {:.1} us a byte, case {}",
        case - first,
        slowest.0 * 1e6,
        slowest.1
    );
}
