//! Records and files of any content through the library's consumers, in this process: batches, groups, series, JSON,
//! members, filters. None of them panics, and all see the same flows.
//!
//! Takes the place of a fuzzer on the Rust side: damage of [`damage`], and records with elements of any id, length and
//! content, alone and in blocks of any size. `NFDECODE_FUZZ_SECONDS=n` goes on for so long, with other cases than those
//! of a plain run, and prints how many there were and which one cost most for its bytes.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use nfdecode::aggregate::{Bins, Grouping, Key, Series, Spread};
use nfdecode::columns::Projection;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::members::Members;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::scan::ScanInput;
use nfdecode::value::Zone;
use nfdecode::{Filter, OpenOptions, Scan};

use crate::support::damage::{self, Numbers};
use crate::support::writer::{self, Encoding, FlowRecord};

/// Cases without `NFDECODE_FUZZ_SECONDS`.
const CASES: u64 = 300;

/// Each with its opposite selects all flows.
const FILTERS: [&str; 12] = [
    "proto tcp",
    "src port > 1023 and dst port < 1024",
    "net 10.0.0.0/8",
    "ip in [10.0.0.1 192.168.0.0/16 fe80::/10]",
    "bytes > 1k or packets < 3",
    "duration > 100",
    "flags S and not flags A",
    "payload content 'GET'",
    "payload regex '[a-z]+[0-9]' i",
    "payload tls sni example",
    "payload dns name example",
    "mpls label1 5 or vlan 7 or src mac 00:11:22:33:44:55",
];

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

/// Gives a file to all consumers.
fn consume(case: u64, bytes: &[u8], filters: &[(Filter, Filter)]) {
    let options = OpenOptions::new().salvage(true);
    let Ok(file) = options.from_bytes(bytes.to_vec()) else {
        return;
    };
    let scan = Scan::new([ScanInput::file(file)]).salvage(true);
    let threads = |count| {
        scan.clone()
            .threads(NonZeroUsize::new(count).expect("not zero"))
    };

    // What all others are compared with; and text and members on the way.
    let (mut expected, mut number) = (Vec::new(), 0);
    let mut json = JsonFormat::ndjson(Zone::utc());
    let mut members = Members::new(Zone::utc());
    let (context, mut text, mut seen) = (FlowContext::default(), TextBuffer::default(), 0);
    for block in scan.blocks().flatten() {
        for flow in block.flows() {
            number += 1;
            expected.push(flow.in_bytes());
            text.clear();
            json.flow(number, &flow, &context, &mut text);
            let line = serde_json::from_slice::<serde_json::Value>(text.as_bytes());
            let printed = line.unwrap_or_else(|error| panic!("case {case}: {error}"));
            let mut values = 0;
            members.visit(number, &flow, &context, &mut |_, _| values += 1);
            let printed = printed.as_object().map_or(0, serde_json::Map::len);
            // The same key may be there twice: then the last value counts.
            assert!(printed <= values, "case {case}");
            seen += values;
        }
    }
    assert!(seen >= expected.len(), "case {case}");

    for count in [1, 3] {
        let mut found = Vec::new();
        for batch in threads(count).columns(&Projection::all()).flatten() {
            let column = batch.column_by_name("in_bytes").expect("a column");
            found.extend(column.as_primitive::<UInt64Type>());
            assert!(
                batch
                    .columns()
                    .iter()
                    .all(|array| array.len() == batch.num_rows())
            );
        }
        assert_eq!(found, expected, "case {case}, {count} threads");
    }

    let keys = ["src_addr", "proto", "tls_sni"].map(|name| Key::field(name).expect("a key"));
    let grouping = keys
        .into_iter()
        .fold(Grouping::builder(), |builder, key| builder.key(key));
    let grouping = grouping.build().expect("a grouping");
    let (table, totals) = threads(2).aggregate(&grouping).expect("it fits");
    assert_eq!(totals.flows, expected.len() as u64, "case {case}");
    assert!(table.len() <= expected.len(), "case {case}");

    let split = Some(Key::field("proto").expect("a key"));
    let mut series = Series::new(Bins::every(60_000), Spread::Start, split).expect("a series");
    for block in scan.blocks().flatten() {
        series.add_scanned(&block);
    }
    // Times of any year: there may be too many intervals between them.
    let _ = series.points();

    for (number, (filter, opposite)) in filters.iter().enumerate() {
        let count = |filter: &Filter| scan.clone().select(filter.clone()).count().flows;
        let both = count(filter) + count(opposite);
        assert_eq!(
            both,
            expected.len() as u64,
            "case {case}, {}",
            FILTERS[number]
        );
    }
}

#[test]
fn every_consumer_takes_anything() {
    let seconds = std::env::var("NFDECODE_FUZZ_SECONDS").ok();
    let seconds = seconds
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    let originals = damage::originals();
    let parse = |text: &str| Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let filters = FILTERS.map(|text| (parse(text), parse(&format!("not ({text})"))));
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
        consume(case, &bytes, &filters);
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
