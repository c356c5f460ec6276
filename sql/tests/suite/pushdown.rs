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
    if random.u8(..3) == 0 {
        return computed(random, name, kind, &value);
    }
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

/// A condition that no filter of nfdump can express: the scan evaluates it over the column.
fn computed(random: &mut fastrand::Rng, name: &str, kind: &DataType, value: &str) -> String {
    match (random.u8(..5), kind) {
        (0, _) => format!("{name} IS NULL"),
        (1, _) => format!("coalesce({name} = {value}, true)"),
        (2, kind) if kind.is_integer() => format!("{name} % 3 = 1"),
        (3, kind) if kind.is_integer() => format!("({name} = {value}) = (src_port > 1024)"),
        (2, DataType::FixedSizeBinary(16)) => format!("ip_text({name}) LIKE '%2%'"),
        (3, DataType::FixedSizeBinary(16)) => format!("family({name}) = 6"),
        _ => format!("CASE WHEN proto = 6 THEN {name} <> {value} ELSE {name} IS NOT NULL END"),
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

/// A session with the same flows in memory, so that there is no scan to push anything to.
async fn in_memory() -> SessionContext {
    let plain = session(1, false);
    let all = plain.sql("SELECT * FROM flows").await.expect("a plan");
    let all = all.collect().await.expect("flows");
    let schema = all[0].schema();
    let table = datafusion::datasource::MemTable::try_new(schema, vec![all]).expect("a table");
    plain.deregister_table("flows").expect("removed");
    plain
        .register_table("flows", std::sync::Arc::new(table))
        .expect("a table");
    plain
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_mean_the_same_pushed_down_or_not() {
    let pushed = session(3, true);
    let plain = in_memory().await;
    let samples = samples(&plain).await;
    assert!(samples.len() > 25, "{} columns", samples.len());
    let mut random = fastrand::Rng::with_seed(19);
    let mut selected = 0;
    for round in 0..400 {
        let condition = condition(&mut random, &samples, [0, 1, 2, 3][round % 4]);
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(sum(in_bytes), 0) FROM flows WHERE {condition}"
        );
        let expected = one(&plain, &sql).await;
        assert_eq!(one(&pushed, &sql).await, expected, "{condition}");
        selected += usize::from(!expected.starts_with("0 "));
    }
    assert!(selected > 160, "only {selected} conditions select anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_later_rows_must_have_changes_no_answer() {
    let plain = in_memory().await;
    let samples = samples(&plain).await;
    let mut random = fastrand::Rng::with_seed(19);
    let mut rows = 0;
    for round in 0..150 {
        let pushed = session(1 + round % 3, round % 2 == 0);
        let column = |random: &mut fastrand::Rng| samples[random.usize(..samples.len())].0.clone();
        let (a, b) = (column(&mut random), column(&mut random));
        let condition = condition(&mut random, &samples, 1);
        let direction = ["ASC", "DESC", "ASC NULLS FIRST", "DESC NULLS LAST"][random.usize(..4)];
        let limit = random.usize(1..30);
        let sql = match round % 5 {
            // The first rows of an order.
            0 => format!(
                "SELECT {a} AS x, {b} AS y, proto, in_bytes FROM flows
                 ORDER BY {a} {direction}, {b}, proto, in_bytes LIMIT {limit}"
            ),
            1 => format!(
                "SELECT {a} AS x, in_bytes FROM flows WHERE {condition}
                 ORDER BY in_bytes {direction}, {a} LIMIT {limit}"
            ),
            // A join with few rows, and one that keeps rows without partner.
            2 => format!(
                "SELECT count(*), sum(f.in_bytes) FROM flows f
                 JOIN (SELECT DISTINCT dst_addr AS other FROM flows WHERE {condition}) o ON f.src_addr = o.other"
            ),
            3 => format!(
                "SELECT count(*), count(o.other), sum(f.in_bytes) FROM flows f
                 LEFT JOIN (SELECT DISTINCT {a} AS other FROM flows WHERE {condition}) o ON f.{a} = o.other"
            ),
            _ => format!("SELECT min({a}), max({b}), count({a}) FROM flows WHERE {condition}"),
        };
        let query = |session| crate::support::query(session, &sql);
        let expected = query(&plain).await;
        match (query(&pushed).await, expected) {
            (Ok(found), Ok(expected)) => {
                rows += expected.len();
                assert_eq!(found, expected, "{sql}");
            }
            (Err(_), Err(_)) => {}
            (found, expected) => panic!("{sql}: {found:?} but {expected:?}"),
        }
    }
    assert!(rows > 300, "only {rows} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_not_chosen_are_not_built() {
    let session = session(1, false);
    for (sql, expected) in [
        // Not a filter of nfdump.
        ("SELECT * FROM flows WHERE in_bytes % 7 = 3", "predicate="),
        (
            "SELECT * FROM flows ORDER BY in_bytes DESC LIMIT 3",
            "predicate=DynamicFilter",
        ),
        (
            "SELECT * FROM flows f JOIN (SELECT max(src_addr) AS a FROM flows) o ON f.src_addr = o.a",
            "predicate=DynamicFilter",
        ),
    ] {
        let explained = format!("EXPLAIN {sql}");
        let plan = crate::support::query(&session, &explained).await;
        let plan = plan.expect("a plan").concat().concat();
        assert!(plan.contains(expected), "{sql}: {plan}");
        assert!(!plan.contains("FilterExec"), "{sql}: {plan}");
    }
    // What is random is for DataFusion alone.
    let plan = crate::support::query(&session, "EXPLAIN SELECT * FROM flows WHERE random() < 0.5");
    let plan = plan.await.expect("a plan").concat().concat();
    assert!(
        plan.contains("FilterExec") && !plan.contains("predicate="),
        "{plan}"
    );
    // The limit is inside, so the condition may not go below it.
    let inner = "SELECT count(*) FROM (SELECT * FROM flows LIMIT 40) WHERE in_bytes % 2 = 0";
    let all = "SELECT count(*) FROM flows WHERE in_bytes % 2 = 0";
    assert_ne!(one(&session, inner).await, one(&session, all).await);
    assert_eq!(
        one(
            &session,
            "SELECT count(*) FROM (SELECT * FROM flows WHERE in_bytes % 2 = 0 LIMIT 40)"
        )
        .await,
        "40"
    );
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
