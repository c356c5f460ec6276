//! Random conditions, with the scan's filter and without, and against filters of the library.

use arrow::datatypes::DataType;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use nfdecode::columns::columns;
use nfdecode::{Filter, Scan};
use nfdecode_sql::{TableOptions, config, extend, register};

use crate::support::{archive, one, root, router};

/// A session that divides even small files.
fn session(threads: usize, split: bool) -> SessionContext {
    let mut config: SessionConfig = config().with_target_partitions(threads);
    if split {
        config.options_mut().optimizer.repartition_file_min_size = 0;
    }
    let options = TableOptions::new();
    let builder = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features();
    let session = SessionContext::new_with_state(extend(builder, &options).build());
    register(&session, [archive(), router()], &options).expect("tables");
    session
}

/// A condition of one column, with a value that occurs.
fn term(random: &mut fastrand::Rng, samples: &[(String, DataType, Vec<String>)]) -> String {
    let (name, kind, values) = &samples[random.usize(..samples.len())];
    let value = || values[random.clone().usize(..values.len())].clone();
    let value = match kind {
        DataType::FixedSizeBinary(_) | DataType::Timestamp(..) | DataType::Dictionary(..) => {
            format!("'{}'", value())
        }
        _ => value(),
    };
    let other = values[random.usize(..values.len())].replace('\'', "");
    let other = if value.starts_with('\'') {
        format!("'{other}'")
    } else {
        other
    };
    let is_ordered = !matches!(kind, DataType::Dictionary(..));
    match random.u8(..7) {
        0 => format!("{name} = {value}"),
        1 => format!("{name} <> {value}"),
        2 if is_ordered => format!("{name} < {value}"),
        3 if is_ordered => format!("{name} >= {value}"),
        4 => format!("{name} IN ({value}, {other})"),
        5 if is_ordered => format!("{name} NOT BETWEEN {value} AND {other}"),
        6 if matches!(kind, DataType::FixedSizeBinary(16)) => {
            let length = if value.contains(':') { 64 } else { 24 };
            format!("in_net({name}, '{}/{length}')", value.trim_matches('\''))
        }
        _ => format!("{name} NOT IN ({value}, {other})"),
    }
}

fn condition(
    random: &mut fastrand::Rng,
    samples: &[(String, DataType, Vec<String>)],
    depth: u8,
) -> String {
    if depth == 0 {
        return term(random, samples);
    }
    let mut part = || condition(random, samples, depth - 1);
    let (left, right) = (part(), part());
    match random.u8(..4) {
        0 => format!("({left} AND {right})"),
        1 => format!("({left} OR {right})"),
        2 => format!("NOT ({left})"),
        _ => left,
    }
}

/// Columns with some of their values.
async fn samples(session: &SessionContext) -> Vec<(String, DataType, Vec<String>)> {
    let mut found = Vec::new();
    for column in columns() {
        let kind = column.data_type();
        let is_known = kind.is_integer()
            || matches!(
                kind,
                DataType::FixedSizeBinary(16) | DataType::Timestamp(..)
            )
            || column.name() == "ident";
        if !is_known {
            continue;
        }
        let sql = format!(
            "SELECT DISTINCT {0} FROM flows WHERE {0} IS NOT NULL ORDER BY 1 LIMIT 40",
            column.name()
        );
        let rows = crate::support::query(session, &sql).await.expect("values");
        let values: Vec<String> = rows.into_iter().flatten().collect();
        if !values.is_empty() {
            found.push((column.name().to_owned(), kind, values));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_mean_the_same_pushed_down_or_not() {
    let pushed = session(3, true);
    let plain = session(1, false);
    // Without a scan to push to: the same flows in memory.
    let all = plain.sql("SELECT * FROM flows").await.expect("a plan");
    let all = all.collect().await.expect("flows");
    let schema = all[0].schema();
    let table = datafusion::datasource::MemTable::try_new(schema, vec![all]).expect("a table");
    plain.deregister_table("flows").expect("removed");
    plain
        .register_table("flows", std::sync::Arc::new(table))
        .expect("a table");
    let samples = samples(&plain).await;
    assert!(samples.len() > 25, "{} columns", samples.len());
    let mut random = fastrand::Rng::with_seed(19);
    let mut selected = 0;
    for round in 0..250 {
        let condition = condition(&mut random, &samples, round % 4);
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(sum(in_bytes), 0) FROM flows WHERE {condition}"
        );
        let expected = one(&plain, &sql).await;
        assert_eq!(one(&pushed, &sql).await, expected, "{condition}");
        selected += usize::from(!expected.starts_with("0 "));
    }
    assert!(selected > 100, "only {selected} conditions select anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_of_nfdump_select_what_the_library_selects() {
    let session = session(2, true);
    let words = [
        "proto tcp",
        "proto udp",
        "src port > 1024",
        "dst port 53",
        "src net 192.0.2.0/24",
        "ipv6",
        "bytes > 500",
        "flags S",
        "duration > 100",
        "src as 0",
        "if 3",
        "vlan 10",
        "packets < 3",
        "host 192.0.2.10",
        "icmp type 8",
    ];
    let mut random = fastrand::Rng::with_seed(19);
    for _ in 0..120 {
        let word = |random: &mut fastrand::Rng| words[random.usize(..words.len())];
        let (a, b, c) = (word(&mut random), word(&mut random), word(&mut random));
        let filter = match random.u8(..3) {
            0 => a.to_owned(),
            1 => format!("{a} and not ({b} or {c})"),
            _ => format!("({a} or {b}) and {c}"),
        };
        Filter::parse(&filter).expect("a filter");
        let directory = Scan::directory(root().join("tests/fixtures/archive")).expect("a scan");
        let mut inputs: Vec<_> = directory.inputs().cloned().collect();
        inputs.push(router().into());
        let scan = Scan::new(inputs).filter(&filter).expect("a filter");
        let expected = scan.count().flows.to_string();
        let sql = format!("SELECT count(*) FROM flows WHERE nfdump('{filter}')");
        assert_eq!(one(&session, &sql).await, expected, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_partitions_gives_each_flow_once() {
    for threads in [1, 2, 5, 16] {
        let session = session(threads, true);
        for (sql, expected) in [
            ("SELECT count(*) FROM flows", "719"),
            (
                "SELECT sum(in_bytes) FROM flows WHERE file LIKE 'nfcapd.2026112%'",
                "245869",
            ),
            (
                "SELECT count(*) FROM (SELECT DISTINCT src_addr, src_port, dst_addr, dst_port, proto, first FROM flows WHERE file LIKE 'nfcapd.2026112%' AND proto = 6)",
                "134",
            ),
            (
                "SELECT count(*) FROM (SELECT first FROM flows ORDER BY first LIMIT 700)",
                "700",
            ),
        ] {
            assert_eq!(
                one(&session, sql).await,
                expected,
                "{threads} threads: {sql}"
            );
        }
    }
}
