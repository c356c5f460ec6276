//! Queries on workers: the rows, the damage and the errors of one process.

use std::fs;
use std::path::PathBuf;

use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use nfdecode::file::Compression;
use nfdecode_sql::{DamageLog, OnDamage, TableOptions};

use crate::support::{archive, program, query, root, router, session_of, stderr, stdout};
use crate::workers::{Worker, addresses, asking, workers, write_large};

/// Every shape of query. Without an ORDER BY that decides, rows are compared in any order.
const SHAPES: &[&str] = &[
    // Counts, sums, extremes.
    "SELECT count(*) FROM flows",
    "SELECT count(*), count(src_as), count(DISTINCT src_addr), sum(in_bytes), min(first), max(last) FROM flows",
    "SELECT sum(in_bytes), avg(in_packets), min(in_bytes), max(in_bytes) FROM flows WHERE proto = 'udp'",
    "SELECT ip_text(min(src_addr)), ip_text(max(dst_addr)) FROM flows",
    "SELECT count(*) FROM flows WHERE dst_port = 53 AND src_addr = '10.0.0.0/24'",
    "SELECT count(*) FROM flows WHERE dst_port = 9",
    "SELECT count(*), sum(in_bytes) FROM flows WHERE nfdump('proto udp and port 53')",
    "SELECT count(*) FROM flows WHERE first >= '2026-09-21T14:15:00Z' AND first < '2026-09-21T14:16:00.250Z'",
    "SELECT count(*) FROM flows WHERE NOT in_net(dst_addr, '192.0.2.0/25') OR proto <> 6",
    // Groups.
    "SELECT proto, count(*), sum(in_bytes) FROM flows GROUP BY 1",
    "SELECT proto_name(proto), dst_port, count(DISTINCT src_addr) FROM flows GROUP BY 1, 2",
    "SELECT net(src_addr, 24), count(*), sum(in_packets) FROM flows GROUP BY 1 HAVING count(*) > 3",
    "SELECT src_addr, dst_addr, dst_port, sum(in_bytes) FROM flows GROUP BY 1, 2, 3",
    "SELECT file, count(*) FROM flows GROUP BY 1",
    "SELECT ident, type, count(*) FROM flows GROUP BY 1, 2",
    "SELECT date_bin(INTERVAL '1 minute', first) AS slot, sum(in_bytes) FROM flows GROUP BY 1 ORDER BY 1",
    "SELECT proto, dst_port, sum(in_bytes) FROM flows GROUP BY GROUPING SETS ((proto), (dst_port), ())",
    "SELECT proto, array_length(array_agg(DISTINCT dst_port)) FROM flows GROUP BY 1",
    "SELECT proto, count(*) FILTER (WHERE in_bytes > 500) FROM flows GROUP BY 1",
    // Distinct.
    "SELECT DISTINCT dst_addr FROM flows",
    "SELECT DISTINCT proto, dst_port, file FROM flows ORDER BY 1, 2, 3",
    "SELECT count(DISTINCT (src_addr, dst_port)) FROM flows",
    // Top N and sorts.
    "SELECT src_addr, sum(in_bytes) AS bytes FROM flows GROUP BY 1 ORDER BY bytes DESC, 1 LIMIT 10",
    "SELECT first, src_addr, dst_addr, src_port, dst_port, in_bytes FROM flows ORDER BY in_bytes DESC, 1, 2, 3, 4 LIMIT 25",
    "SELECT first, src_addr, src_port, in_bytes FROM flows WHERE dst_port = 53 ORDER BY 1, 2, 3, 4 LIMIT 10 OFFSET 40",
    "SELECT src_addr, src_port, dst_addr, in_bytes FROM flows WHERE dst_port = 80 ORDER BY 1, 2, 3, 4",
    // All columns and rows.
    "SELECT * FROM flows WHERE in_bytes < 2000",
    "SELECT src_addr, in_bytes FROM flows",
    // Windows.
    "SELECT * FROM (SELECT proto, in_bytes, row_number() OVER (PARTITION BY proto ORDER BY in_bytes DESC, first, src_port) AS place FROM flows) WHERE place <= 3 ORDER BY 1, 3",
    "SELECT slot, bytes - lag(bytes) OVER (ORDER BY slot) FROM (SELECT date_bin(INTERVAL '5 minutes', first) AS slot, sum(in_bytes) AS bytes FROM flows GROUP BY 1) ORDER BY 1",
    // Joins and subqueries.
    "SELECT count(*), sum(a.in_bytes) FROM flows a JOIN flows b ON a.src_addr = b.dst_addr AND a.src_port = b.dst_port",
    "SELECT a.dst_addr, count(*) FROM flows a JOIN (SELECT dst_addr FROM flows GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 3) b ON a.dst_addr = b.dst_addr GROUP BY 1",
    "SELECT a.dst_addr, n, m FROM (SELECT dst_addr, count(*) AS n FROM flows WHERE proto = 6 GROUP BY 1) a FULL JOIN (SELECT dst_addr, count(*) AS m FROM flows WHERE proto = 17 GROUP BY 1) b ON a.dst_addr = b.dst_addr",
    "SELECT p.n, sum(in_bytes) FROM flows LEFT JOIN (VALUES (6, 'a'), (17, 'b')) AS p(k, n) ON proto = p.k GROUP BY 1",
    "SELECT count(*) FROM flows WHERE src_addr IN (SELECT src_addr FROM flows WHERE in_bytes > 1400000)",
    "SELECT count(*) FROM flows WHERE src_addr NOT IN (SELECT dst_addr FROM flows WHERE dst_port = 9)",
    "SELECT count(*) FROM flows a WHERE EXISTS (SELECT 1 FROM flows b WHERE b.dst_addr = a.dst_addr AND b.dst_port = 53 AND b.in_bytes > 1490000)",
    "SELECT count(*) FROM flows WHERE in_bytes > (SELECT avg(in_bytes) FROM flows)",
    "SELECT count(*) FROM (SELECT proto, dst_port FROM flows GROUP BY 1, 2) a CROSS JOIN (SELECT DISTINCT proto FROM flows) b",
    // Sets.
    "SELECT proto, in_bytes FROM flows WHERE in_bytes < 900 UNION ALL SELECT dst_port, in_bytes FROM flows WHERE in_bytes > 1499000",
    "SELECT src_addr FROM flows WHERE proto = 6 INTERSECT SELECT src_addr FROM flows WHERE proto = 17",
    "SELECT src_addr FROM flows EXCEPT SELECT src_addr FROM flows WHERE proto = 17",
    // Functions of this package on every side of a boundary.
    "SELECT family(src_addr), is_private(dst_addr), port_name(dst_port), count(*), sum(bps(in_bytes, first, last)) FROM flows GROUP BY 1, 2, 3",
    "SELECT tcp_flags(tcp_flags), has_flags(tcp_flags, 'S'), max(duration(first, last)) FROM flows GROUP BY 1, 2",
    // Tables that are not files.
    "SELECT f.file, f.flows, count(*) FROM flows JOIN files f ON flows.file = f.file GROUP BY 1, 2",
    "SELECT count(*) FROM files",
    "SELECT 1 + 1",
];

/// Queries whose rows depend on what is read first: only their number is that of one process.
const LIMITS: &[(&str, usize)] = &[
    ("SELECT src_addr FROM flows LIMIT 7", 7),
    ("SELECT * FROM flows LIMIT 300", 300),
    ("SELECT * FROM flows LIMIT 0", 0),
    ("SELECT DISTINCT dst_addr FROM flows LIMIT 5", 5),
    ("SELECT src_addr FROM flows LIMIT 5000000000", usize::MAX),
    ("SELECT src_addr FROM flows WHERE dst_port = 53 LIMIT 3", 3),
];

fn is_sorted(sql: &str) -> bool {
    sql.rfind("ORDER BY")
        .is_some_and(|place| !sql[place..].contains(')'))
}

async fn rows(session: &SessionContext, sql: &str) -> Vec<Vec<String>> {
    let found = query(session, sql).await;
    let mut rows = found.unwrap_or_else(|error| panic!("{sql}: {error}"));
    if !is_sorted(sql) {
        rows.sort();
    }
    rows
}

async fn plan(session: &SessionContext, sql: &str) -> String {
    let frame = session.sql(sql).await.expect("a query");
    let plan = frame.create_physical_plan().await.expect("a plan");
    datafusion::physical_plan::displayable(plan.as_ref())
        .indent(false)
        .to_string()
}

/// Small files, one that is worth several workers, and one of these a second time.
fn files() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("nfcapd.202609211330");
    write_large(&large, 60_000, Compression::Lz4);
    let again = root().join("tests/fixtures/archive/nfcapd.202611241335");
    (folder, vec![archive(), router(), large, again])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_query_equals_one_process() {
    let (_folder, paths) = files();
    let options = TableOptions::new();
    let alone = session_of(&paths, &options);
    let workers = workers(3);
    let total = rows(&alone, "SELECT src_addr FROM flows").await.len();
    // Fewer, as many and more parts of files than tasks. One alone is not divided.
    for partitions in [2, 3, 7] {
        let asking = asking(&workers, partitions, &paths, &options);
        let shown = plan(&asking, SHAPES[1]).await;
        assert!(shown.contains("DistributedExec"), "{shown}");
        for sql in SHAPES {
            assert_eq!(
                rows(&asking, sql).await,
                rows(&alone, sql).await,
                "{partitions} partitions: {sql}"
            );
        }
        for (sql, limit) in LIMITS {
            let found = rows(&asking, sql).await.len();
            let there = rows(&alone, sql).await.len();
            assert_eq!(found, there, "{sql}");
            assert!(found <= (*limit).min(total), "{sql}");
        }
    }
}

/// One query of each kind, for many files.
const FEW: &[&str] = &[
    "SELECT count(*), sum(in_bytes), count(DISTINCT src_addr) FROM flows",
    "SELECT file, proto, count(*) FROM flows GROUP BY 1, 2",
    "SELECT src_addr, src_port, first, in_bytes FROM flows ORDER BY in_bytes DESC, 1, 2, 3 LIMIT 20",
];

/// A session that answers from damaged files, and what it has to say about them.
fn logging() -> (TableOptions, DamageLog) {
    let log = DamageLog::new();
    let options = TableOptions::new().on_damage(OnDamage::Log(log.clone()));
    (options, log)
}

async fn same_rows_and_damage(workers: &[Worker], paths: &[PathBuf], salvage: bool) {
    let (options, log) = logging();
    let alone = session_of(paths, &options.salvage(salvage));
    let (options, log_of_workers) = logging();
    let asking = asking(workers, 3, paths, &options.salvage(salvage));
    for sql in FEW {
        let expected = rows(&alone, sql).await;
        assert_eq!(rows(&asking, sql).await, expected, "{paths:?}: {sql}");
        assert_eq!(
            log_of_workers.is_nothing_read(),
            log.is_nothing_read(),
            "{paths:?}: {sql}"
        );
        let lines = |log: &DamageLog| {
            let mut lines = log.take();
            log.clear();
            lines.sort();
            lines
        };
        assert_eq!(lines(&log_of_workers), lines(&log), "{paths:?}: {sql}");
    }
}

/// The files of a folder of the shared test data, or none after saying so.
fn test_data(folder: &str) -> Vec<PathBuf> {
    let data = std::env::var_os("NFDECODE_TESTDATA")
        .map_or_else(|| root().join("../shared/testdata"), PathBuf::from);
    let Ok(entries) = fs::read_dir(data.join("nfcapd").join(folder)) else {
        let is_required = std::env::var_os("NFDECODE_REQUIRE_DATA").is_some();
        assert!(!is_required, "no test data: set NFDECODE_TESTDATA");
        eprintln!("no test data: files of {folder} are not tested");
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn layouts_that_are_not_divided() {
    let workers = workers(2);
    for folder in ["layout1", "layout3"] {
        let paths = test_data(folder);
        if !paths.is_empty() {
            same_rows_and_damage(&workers, &paths, false).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_reaches_the_process_that_asks() {
    let workers = workers(2);
    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("nfcapd.202609211330");
    write_large(&large, 60_000, Compression::None);
    let whole = fs::read(&large).expect("a file");
    let blocks: Vec<u64> = {
        let file = nfdecode::File::open(&large).expect("it opens");
        let places = file.block_refs().map(|block| block.expect("one").offset());
        places.collect()
    };
    assert!(blocks.len() > 2, "{blocks:?}");
    type Change<'c> = Box<dyn Fn(&mut Vec<u8>) + 'c>;
    let changes: [(&str, Change); 5] = [
        (
            "the middle",
            Box::new(|bytes| {
                let middle = bytes.len() / 2;
                bytes[middle..middle + 3_000].fill(0xFF);
            }),
        ),
        (
            "cut in a block",
            Box::new(|bytes| bytes.truncate(bytes.len() * 2 / 3)),
        ),
        // Nothing is damaged but the number of blocks.
        (
            "cut between blocks",
            Box::new(|bytes| bytes.truncate(blocks[2] as usize)),
        ),
        (
            "the end",
            Box::new(|bytes| {
                let end = bytes.len();
                bytes[end - 200..].fill(0);
            }),
        ),
        ("the header", Box::new(|bytes| bytes[..4].fill(0))),
    ];
    for (what, change) in changes {
        eprintln!("{what}");
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(&large, bytes).expect("written");
        for salvage in [false, true] {
            same_rows_and_damage(&workers, &[archive(), large.clone()], salvage).await;
        }
        same_rows_and_damage(&workers, std::slice::from_ref(&large), false).await;
        // Where damage fails queries, it fails those on workers.
        let failing = TableOptions::new();
        let paths = [archive(), large.clone()];
        for session in [
            session_of(&paths, &failing),
            asking(&workers, 3, &paths, &failing),
        ] {
            let error = query(&session, FEW[0]).await.expect_err(what);
            assert!(error.to_string().contains("202609211330"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_byte_says_what_one_process_says() {
    let workers = workers(2);
    let whole = fs::read(archive().join("nfcapd.202611241330")).expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    let mut random = fastrand::Rng::with_seed(23);
    for _ in 0..20 {
        let mut bytes = whole.clone();
        let place = random.usize(..bytes.len());
        bytes[place] = random.u8(..);
        fs::write(&path, bytes).expect("written");
        same_rows_and_damage(&workers, &[archive(), path.clone()], random.bool()).await;
    }
}

/// Statements of one text: the engine shall not spare its workers.
fn eager(sql: &str) -> String {
    format!("SET distributed.file_scan_config_bytes_per_partition = 1; {sql}")
}

#[test]
fn the_program_asks_workers() {
    let workers = workers(2);
    let addresses = addresses(&workers);
    let ask = |path: &str, sql: &str| program(&["--workers", &addresses, path, &eager(sql)]);
    let count = "SELECT count(*) FROM flows";
    let whole = ask("tests/fixtures/archive", count);
    assert_eq!(
        (whole.status.code(), stdout(&whole), stderr(&whole)),
        (Some(0), "count(*)\n419\n".to_owned(), String::new())
    );
    let explained = ask(
        "tests/fixtures/archive",
        &format!("EXPLAIN ANALYZE {count}"),
    );
    let text = stdout(&explained);
    assert!(
        text.contains("blocks_read") && !text.contains("nfcapd_"),
        "{text}"
    );

    // Exit status and messages are those of one process.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    let mut bytes = fs::read(archive().join("nfcapd.202611241330")).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xFF);
    fs::write(&path, bytes).expect("written");
    let path = path.to_str().expect("text");
    let alone = program(&[path, count]);
    let damaged = ask(path, count);
    assert_eq!(alone.status.code(), Some(3));
    assert_eq!(damaged.status.code(), Some(3), "{}", stderr(&damaged));
    assert_eq!(stdout(&damaged), stdout(&alone));
    assert_eq!(stderr(&damaged), stderr(&alone));
    let nothing = ask("/etc/hostname", count);
    assert_eq!(nothing.status.code(), Some(1), "{}", stderr(&nothing));

    // Mistakes.
    let column = ask("tests/fixtures/archive", "SELECT in_byte FROM flows");
    assert_eq!(column.status.code(), Some(2));
    let wrong = program(&["--workers", "node1", "tests/fixtures/archive", count]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("'node1': not an address"),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn a_worker_that_is_not_there_fails_the_query() {
    let mut workers = workers(2);
    workers[1].kill();
    let gone = workers[1].address.clone();
    let addresses = addresses(&workers);
    let sql = eager("SELECT proto, count(*) FROM flows GROUP BY 1");
    let output = program(&["--workers", &addresses, "tests/fixtures/archive", &sql]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let message = stderr(&output);
    assert!(
        message.contains(&format!("worker {gone}: ")) && message.contains("refused"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_fails_the_query() {
    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("nfcapd.202609211330");
    write_large(&large, 120_000, Compression::Lz4);
    let options = TableOptions::new();
    for sql in [
        "SELECT * FROM flows",
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY src_addr ORDER BY first) AS n FROM flows)",
    ] {
        let mut workers = workers(3);
        let asking = asking(&workers, 2, std::slice::from_ref(&large), &options);
        let small = "SET distributed.worker_connection_buffer_budget_bytes = 1";
        query(&asking, small).await.expect("a setting");
        let frame = asking.sql(sql).await.expect("a query");
        let mut stream = frame.execute_stream().await.expect("rows");
        let first = stream.next().await.expect("a batch").expect("rows");
        let mut rows = first.num_rows();
        workers[1].kill();
        let mut failed = None;
        while let Some(batch) = stream.next().await {
            match batch {
                Ok(batch) => rows += batch.num_rows(),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let error = failed.unwrap_or_else(|| panic!("{sql}: an answer of {rows} rows"));
        assert!(rows < 120_000, "{rows}");
        eprintln!("{error}");
        // The others go on.
        let left = [workers.remove(0), workers.remove(1)];
        let asking = crate::workers::asking(&left, 2, std::slice::from_ref(&large), &options);
        assert_eq!(
            crate::support::one(&asking, "SELECT count(*) FROM flows").await,
            "120000"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_fails_the_query() {
    let workers = workers(2);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    let other = |name: &str| {
        fs::copy(archive().join(name), &path).expect("copied");
    };
    for (log, change) in [
        (false, Some("nfcapd.202611241335")),
        (true, Some("nfcapd.202611241335")),
        (true, None),
    ] {
        other("nfcapd.202611241330");
        let (logging, found) = logging();
        let options = if log { logging } else { TableOptions::new() };
        let asking = asking(&workers, 2, std::slice::from_ref(&path), &options);
        let frame = asking
            .sql("SELECT proto, count(*) FROM flows GROUP BY 1")
            .await
            .expect("a query");
        let planned = frame.create_physical_plan().await.expect("a plan");
        match change {
            Some(name) => other(name),
            None => fs::remove_file(&path).expect("removed"),
        }
        let rows = datafusion::physical_plan::collect(planned, asking.task_ctx()).await;
        let error = rows.expect_err("another file").to_string();
        assert!(error.contains("nfcapd.202611241330"), "{error}");
        assert!(!found.is_damaged());
    }
}
