//! A file of any content through the library's consumers: batches, groups, series, JSON, members, filters. None of them
//! panics, and all see the same flows.
//!
//! Shared by a test of the program and a fuzz target.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

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

/// Each filter and its opposite.
pub fn filters() -> &'static [(Filter, Filter)] {
    static PARSED: LazyLock<Vec<(Filter, Filter)>> = LazyLock::new(|| {
        let parse =
            |text: &str| Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let pair = |text: &&str| (parse(text), parse(&format!("not ({text})")));
        FILTERS.iter().map(pair).collect()
    });
    &PARSED
}

/// Gives a file to all consumers.
pub fn consume(case: &dyn Display, bytes: &[u8], filters: &[(Filter, Filter)]) {
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
