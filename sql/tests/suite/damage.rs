//! Damaged and hostile files: what queries answer, and what they say.

use std::fs;
use std::path::PathBuf;

use nfdecode_sql::{DamageLog, OnDamage, TableOptions};

use crate::support::{archive, one, program, query, session_of, stderr, stdout};

/// A file of the archive with some bytes changed, in a folder of its own.
fn changed(change: impl Fn(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = fs::read(archive().join("nfcapd.202611241330")).expect("a file");
    change(&mut bytes);
    let path = folder.path().join("nfcapd.202611241330");
    fs::write(&path, bytes).expect("written");
    (folder, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_fails_a_query_unless_it_is_logged() {
    let (_folder, path) = changed(|bytes| bytes.truncate(bytes.len() / 2));
    let failing = session_of(&[path.clone(), archive()], &TableOptions::new());
    let error = query(&failing, "SELECT count(*) FROM flows")
        .await
        .expect_err("damage");
    assert!(error.to_string().contains("nfcapd.202611241330"), "{error}");

    let log = DamageLog::new();
    let options = TableOptions::new().on_damage(OnDamage::Log(log.clone()));
    let telling = session_of(&[path, archive()], &options);
    assert_eq!(one(&telling, "SELECT count(*) FROM flows").await, "419");
    assert!(log.is_damaged() && !log.is_nothing_read());
    assert_eq!(log.take().len(), 1);
    assert!(log.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_byte_is_an_answer_or_an_error() {
    let whole = fs::read(archive().join("nfcapd.202611241330")).expect("a file");
    let mut random = fastrand::Rng::with_seed(19);
    for _ in 0..60 {
        let place = random.usize(..whole.len());
        let value = random.u8(..);
        let (_folder, path) = changed(|bytes| bytes[place] = value);
        let log = DamageLog::new();
        let options = TableOptions::new()
            .salvage(random.bool())
            .on_damage(OnDamage::Log(log));
        let session = session_of(&[path], &options);
        for sql in [
            "SELECT count(*) FROM flows WHERE dst_port = 53",
            "SELECT src_addr, sum(in_bytes) FROM flows GROUP BY 1",
            "SELECT * FROM files",
            "SELECT * FROM exporters",
        ] {
            query(&session, sql)
                .await
                .unwrap_or_else(|error| panic!("byte {place}: {sql}: {error}"));
        }
    }
}

#[test]
fn the_program_tells_damage_and_answers() {
    let (_folder, path) = changed(|bytes| {
        // Inside the only block.
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xFF);
    });
    let path = path.to_str().expect("text");
    let count = "SELECT count(*) FROM flows";
    let damaged = program(&[path, "tests/fixtures/archive/nfcapd.202611241335", count]);
    assert_eq!(damaged.status.code(), Some(3), "{}", stderr(&damaged));
    assert!(
        stderr(&damaged).starts_with(&format!("nfdecode: {path}: ")),
        "{}",
        stderr(&damaged)
    );
    // All of the sound file, and some of the other.
    let answer = stdout(&damaged);
    let count_of_both: u64 = answer
        .lines()
        .nth(1)
        .expect("a row")
        .parse()
        .expect("a number");
    assert!((158..271).contains(&count_of_both), "{answer}");
    let quiet = program(&["-q", path, count]);
    assert_eq!(
        (quiet.status.code(), stderr(&quiet)),
        (Some(3), String::new())
    );
    // As `nfdecode read`: nothing could be opened.
    let other = program(&["Cargo.toml", count]);
    assert_eq!(other.status.code(), Some(1), "{}", stderr(&other));
    assert!(
        stderr(&other).contains("Cargo.toml: not an nfcapd file"),
        "{}",
        stderr(&other)
    );
    let missing = program(&["/nowhere", count]);
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(
        stderr(&missing),
        "nfdecode: /nowhere: no such file or directory\n"
    );
    // Files that are left out by their time are no damage.
    let sound = program(&[
        path,
        "SELECT count(*) FROM flows WHERE first > '2027-01-01T00:00:00Z'",
    ]);
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
}

#[test]
fn other_files_are_named_with_what_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = "SELECT count(*) FROM flows";
    for (bytes, hint) in [
        (
            &b"\xD4\xC3\xB2\xA1 and what follows"[..],
            "a packet capture: use `nfdecode convert`",
        ),
        (
            b"PAR1 and what follows",
            "a Parquet file: `nfdecode sql` reads it as parquet('FILE')",
        ),
    ] {
        let path = folder.path().join("some");
        fs::write(&path, bytes).expect("written");
        let path = path.to_str().expect("text");
        let refused = program(&[path, count]);
        let message = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{message}");
        assert!(message.ends_with(&format!(": {hint}\n")), "{message}");
    }
}

#[test]
fn messages_have_words_of_the_system_and_no_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing/a.csv");
    let missing = missing.to_str().expect("text");
    let select = "SELECT src_addr FROM flows LIMIT 1";
    let named = format!("SELECT * FROM '{missing}'");
    let lake = format!("SELECT * FROM parquet('{missing}')");
    let copied = format!("COPY ({select}) TO '/proc/version/a.csv'");
    let archive = "tests/fixtures/archive";
    for arguments in [
        &["-o", missing, archive, select][..],
        &["--key-file", missing, archive, select],
        &[missing, select],
        &[archive, &named],
        &[archive, &lake],
        &[archive, &copied],
    ] {
        let failed = program(arguments);
        let message = stderr(&failed);
        assert!(matches!(failed.status.code(), Some(1 | 2)), "{arguments:?}");
        assert!(message.starts_with("nfdecode: "), "{message}");
        assert!(!message.contains("os error"), "{message}");
    }
}
