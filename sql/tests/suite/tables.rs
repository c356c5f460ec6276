//! Tables about files, tables named by path, files that are written.

use std::fs;

use nfdecode_sql::TableOptions;

use crate::support::{archive, one, query, root, router, session_of};

#[tokio::test(flavor = "multi_thread")]
async fn tables_about_files() {
    let options = TableOptions::new();
    let session = session_of(&[archive(), router()], &options);
    assert_eq!(one(&session, "SELECT count(*) FROM files").await, "4");
    let rows = query(
        &session,
        "SELECT file, layout, compression, flows, first, damage FROM files ORDER BY file LIMIT 2",
    );
    let rows = rows.await.expect("rows");
    assert_eq!(
        rows[0],
        ["nfcapd.202601010000", "2", "lz4", "300", "NULL", "NULL"]
    );
    assert_eq!(rows[1][0], "nfcapd.202611241330");
    assert_ne!(rows[1][4], "NULL");
    for (table, column) in [
        ("exporters", "address"),
        ("samplers", "packet_interval"),
        ("interfaces", "name"),
    ] {
        let count = format!("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL");
        one(&session, &count).await;
    }
    // What they have is described.
    for table in ["flows", "files", "exporters", "samplers", "interfaces"] {
        let described = query(&session, &format!("DESCRIBE {table}")).await;
        assert!(!described.expect("columns").is_empty(), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_in_queries() {
    let session = nfdecode_sql::session(&TableOptions::new());
    let path = |name: &str| root().join(name).display().to_string();
    let archive = path("tests/fixtures/archive");
    let count = |from: String| format!("SELECT count(*) FROM {from}");
    for (from, expected) in [
        (format!("nfcapd('{archive}')"), "419"),
        (format!("nfcapd('{archive}/nfcapd.20261124133?')"), "271"),
        (format!("nfcapd('{archive}/*330', '{archive}/*340')"), "261"),
        (format!("nfcapd('{archive}', salvage => true)"), "419"),
        (format!("NFCAPD('{archive}', salvage => false)"), "419"),
    ] {
        assert_eq!(
            one(&session, &count(from.clone())).await,
            expected,
            "{from}"
        );
    }
    for (from, expected) in [
        ("nfcapd()".to_owned(), "no path"),
        ("nfcapd('/nowhere')".to_owned(), "/nowhere: no such file"),
        (format!("nfcapd('{archive}/x*')"), "no file matches"),
        (format!("nfcapd('{archive}', speed => 3)"), "only salvage"),
        ("parquet('/nowhere')".to_owned(), "/nowhere"),
        ("parquet(3)".to_owned(), "paths are text"),
    ] {
        let error = query(&session, &count(from.clone()))
            .await
            .expect_err(&from);
        assert!(error.to_string().contains(expected), "{from}: {error}");
    }
    let created = format!("CREATE EXTERNAL TABLE edge STORED AS NFCAPD LOCATION '{archive}'");
    query(&session, &created).await.expect("a table");
    assert_eq!(one(&session, "SELECT count(*) FROM edge").await, "419");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_queries_write() {
    let session = session_of(&[archive()], &TableOptions::new());
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    for (name, kind) in [("a.csv", ""), ("a.json", ""), ("lake/a.parquet", "")] {
        let copy = format!(
            "COPY (SELECT src_addr, in_bytes, first FROM flows) TO '{place}/{name}' {kind}"
        );
        assert_eq!(one(&session, &copy).await, "419", "{name}");
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("text");
    assert!(
        read("a.csv").contains("\n192.0.2.10,"),
        "{}",
        &read("a.csv")[..200]
    );
    assert!(read("a.json").contains("\"src_addr\":\"192.0.2.10\""));
    // Both kinds of files in one query, with the same types.
    let both = format!(
        "SELECT count(*) FROM (SELECT src_addr FROM flows UNION ALL SELECT src_addr FROM parquet('{place}/lake')) \
         WHERE src_addr = '192.0.2.10'"
    );
    assert_eq!(one(&session, &both).await, "222");
    // Lists of addresses in text.
    fs::write(
        folder.path().join("bad.csv"),
        "address,why\n192.0.2.10,test\nx,broken\n",
    )
    .expect("written");
    let joined = format!(
        "SELECT count(*) FROM flows JOIN '{place}/bad.csv' AS bad ON src_addr = bad.address"
    );
    assert_eq!(one(&session, &joined).await, "111");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_shows_in_explain() {
    let session = session_of(&[archive()], &TableOptions::new());
    let plan = |sql: &'static str| {
        let session = &session;
        async move {
            let rows = query(session, &format!("EXPLAIN ANALYZE {sql}")).await;
            rows.expect("a plan").concat().join("\n")
        }
    };
    let text = plan("SELECT count(*) FROM flows WHERE dst_port = 53").await;
    assert!(text.contains("filter=dst port 53"), "{text}");
    assert!(text.contains("blocks_read=3"), "{text}");
    assert!(text.contains("files_read=3"), "{text}");
    // Days away from all flows: nothing is read.
    let text = plan("SELECT count(*) FROM flows WHERE first > '2026-11-28T00:00:00Z'").await;
    assert!(text.contains("files_skipped=3"), "{text}");
    let text = plan("SELECT sum(in_bytes) FROM flows WHERE in_net(src_addr, '192.0.2.0/24')").await;
    assert!(text.contains("src net 192.0.2.0/24"), "{text}");
}
