//! How much of files is read: small blocks, limits, files that are known, statistics that are believed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use nfdecode::File;
use nfdecode_sql::TableOptions;

use crate::support::{archive, one, query, router, session_of};

/// A file of so many blocks, which are all that of a file of the archive; and the flows in each.
fn many_blocks(folder: &Path, blocks: u32) -> (PathBuf, usize) {
    let source = archive().join("nfcapd.202611241330");
    let bytes = fs::read(&source).expect("a file");
    let file = File::open(&source).expect("a file");
    let block = file.block_refs().next().expect("a block").expect("a block");
    let start = usize::try_from(block.offset()).expect("small");
    let flows = file.load(block.clone()).expect("a block").len();
    let end = start + 12 + block.stored_size() as usize;
    let mut made = bytes[..start].to_vec();
    // Number and place of the blocks behind the flows, and number of blocks.
    made[18..20].fill(0);
    made[24..32].fill(0);
    made[36..40].copy_from_slice(&blocks.to_le_bytes());
    for _ in 0..blocks {
        made.extend(&bytes[start..end]);
    }
    let path = folder.join("nfcapd.202611241330");
    fs::write(&path, made).expect("written");
    (path, flows)
}

/// A count of the scan of a query.
async fn metric(session: &datafusion::prelude::SessionContext, sql: &str, name: &str) -> usize {
    let rows = query(session, &format!("EXPLAIN ANALYZE {sql}")).await;
    let plan = rows.expect("a plan").concat().concat();
    let found = plan.split(&format!("{name}=")).nth(1);
    let found = found.unwrap_or_else(|| panic!("no {name}: {plan}"));
    let digits = |c: &char| c.is_ascii_digit() || *c == '.';
    let number: String = found.chars().take_while(digits).collect();
    let times = if found[number.len()..].starts_with(" K") {
        1e3
    } else {
        1.0
    };
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{name}: {plan}"));
    (number * times).round() as usize
}

/// The plan of a query.
async fn plan_of(session: &datafusion::prelude::SessionContext, sql: &str) -> String {
    let rows = query(session, &format!("EXPLAIN {sql}")).await;
    rows.expect("a plan").concat().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn small_blocks_share_batches_and_limits_end_early() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, flows) = many_blocks(folder.path(), 600);
    let session = session_of(&[path], &TableOptions::new());
    let expected = (600 * flows).to_string();
    assert_eq!(one(&session, "SELECT count(*) FROM flows").await, expected);
    for sql in [
        "SELECT first, src_addr FROM flows",
        "SELECT first, src_addr FROM flows WHERE in_bytes % 1000 < 999",
        "SELECT 1 FROM flows",
    ] {
        let plan = session.sql(sql).await.expect("a plan");
        let mut stream = plan.execute_stream().await.expect("a stream");
        let (mut batches, mut rows) = (0, 0);
        while let Some(batch) = stream.next().await {
            batches += 1;
            rows += batch.expect("a batch").num_rows();
        }
        assert!(rows > 500 * flows, "{sql}: {rows}");
        assert!(batches < 100, "{sql}: {batches} batches");
    }
    for (sql, most) in [
        ("SELECT * FROM flows LIMIT 5", 8),
        ("SELECT * FROM flows WHERE proto = 6 LIMIT 5", 8),
        ("SELECT * FROM flows WHERE in_bytes % 7 = 3 LIMIT 5", 64),
    ] {
        let read = metric(&session, sql, "blocks_read").await;
        assert!(read <= most, "{sql}: {read} blocks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn later_rows_of_a_top_list_are_not_built() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, flows) = many_blocks(folder.path(), 600);
    let session = session_of(&[path], &TableOptions::new());
    let sql = "SELECT * FROM flows ORDER BY in_bytes DESC LIMIT 3";
    let read = metric(&session, sql, "flows_read").await;
    let built = metric(&session, sql, "flows_selected").await;
    assert_eq!(read, 600 * flows);
    assert!(built < read / 3, "{built} of {read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_are_looked_at_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    let put = |name: &str| fs::copy(archive().join(name), &path).expect("copied");
    put("nfcapd.202611241330");
    let session = session_of(&[folder.path().to_owned()], &TableOptions::new());
    let count = "SELECT count(*) FROM flows WHERE first >= '2026-11-24T13:00:00Z'";
    let before = one(&session, count).await;
    tokio::time::sleep(Duration::from_millis(3100)).await;
    // Known from now on.
    for _ in 0..2 {
        assert_eq!(one(&session, count).await, before);
    }
    put("nfcapd.202611241335");
    let after = one(&session, count).await;
    let expected = session_of(
        &[archive().join("nfcapd.202611241335")],
        &TableOptions::new(),
    );
    assert_eq!(after, one(&expected, count).await);
    assert_ne!(after, before);
    // A year later: left out without being opened, and counted as such.
    let late = "SELECT count(*) FROM flows WHERE first >= '2027-11-24T13:00:00Z'";
    assert_eq!(metric(&session, late, "files_skipped").await, 1);
    assert_eq!(metric(&session, late, "blocks_skipped").await, 1);
    fs::remove_file(&path).expect("removed");
    assert!(query(&session, count).await.is_err(), "nothing is left");
}

/// The numbers of writing programs.
const NFCAPD: u32 = 1;
const NFDUMP: u32 = 4;

/// The files of the archive, as if written by this program.
fn made_by(creator: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "nfcapd.202611241330",
        "nfcapd.202611241335",
        "nfcapd.202611241340",
    ] {
        let mut bytes = fs::read(archive().join(name)).expect("a file");
        bytes[20..24].copy_from_slice(&creator.to_le_bytes());
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_answer_only_where_they_are_trusted() {
    let trust = TableOptions::new().trust_statistics(true);
    let collected = made_by(NFCAPD);
    let files = [collected.path().to_owned()];
    let reading = session_of(&files, &TableOptions::new());
    let trusting = session_of(&files, &trust);
    for (sql, is_answered) in [
        ("SELECT count(*) FROM flows", true),
        ("SELECT min(first) || ' ' || max(last) FROM flows", true),
        ("SELECT count(*) FROM flows WHERE proto = 6", false),
        ("SELECT count(*) FROM flows WHERE in_bytes % 2 = 0", false),
        (
            "SELECT count(*) FROM flows WHERE nfdump('proto tcp')",
            false,
        ),
        (
            "SELECT count(*) FROM flows WHERE first > '2027-11-24T13:35:00Z'",
            false,
        ),
        ("SELECT count(src_as) FROM flows", false),
        ("SELECT max(first) FROM flows", false),
    ] {
        let is_read = |plan: &str| plan.contains("DataSourceExec");
        let plan = plan_of(&trusting, sql).await;
        assert_eq!(is_read(&plan), !is_answered, "{sql}: {plan}");
        assert!(is_read(&plan_of(&reading, sql).await), "{sql}");
        assert_eq!(one(&trusting, sql).await, one(&reading, sql).await, "{sql}");
    }
    // Files that were written by something else than a collector may count other things.
    let rewritten = made_by(NFDUMP);
    for others in [
        vec![rewritten.path().to_owned()],
        vec![files[0].clone(), router()],
    ] {
        let session = session_of(&others, &trust);
        let plan = plan_of(&session, "SELECT count(*) FROM flows").await;
        assert!(plan.contains("DataSourceExec"), "{plan}");
    }
}
