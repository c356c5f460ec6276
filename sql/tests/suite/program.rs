//! The program: forms of answers, mistakes, exit statuses.

use std::fs;

use crate::support::{program, root, stderr, stdout};

const ARCHIVE: &str = "tests/fixtures/archive";

/// Runs a query over the archive.
fn ask(options: &[&str], sql: &str) -> (Option<i32>, String, String) {
    let mut arguments = options.to_vec();
    arguments.extend([ARCHIVE, sql]);
    let output = program(&arguments);
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn answers_have_every_form() {
    let sql =
        "SELECT src_addr, sum(in_bytes) AS bytes FROM flows GROUP BY 1 ORDER BY 2 DESC LIMIT 2";
    for (form, expected) in [
        (
            "table",
            "src_addr     bytes\n192.0.2.1   126769\n192.0.2.10   51624\n",
        ),
        (
            "csv",
            "src_addr,bytes\n192.0.2.1,126769\n192.0.2.10,51624\n",
        ),
        (
            "json",
            "[{\"src_addr\":\"192.0.2.1\",\"bytes\":126769},{\"src_addr\":\"192.0.2.10\",\"bytes\":51624}]\n",
        ),
        (
            "ndjson",
            "{\"src_addr\":\"192.0.2.1\",\"bytes\":126769}\n{\"src_addr\":\"192.0.2.10\",\"bytes\":51624}\n",
        ),
    ] {
        assert_eq!(
            ask(&["-f", form], sql),
            (Some(0), expected.to_owned(), String::new()),
            "{form}"
        );
    }
    // Not a terminal.
    assert!(ask(&[], sql).1.starts_with("src_addr,bytes\n"));
    let folder = tempfile::tempdir().expect("a folder");
    for (name, start) in [
        ("a.parquet", &b"PAR1"[..]),
        ("a.arrow", b"ARROW1"),
        ("a.ndjson", b"{\"src"),
    ] {
        let path = folder.path().join(name);
        let (status, _, message) = ask(&["-o", path.to_str().expect("text")], sql);
        assert_eq!((status, message.as_str()), (Some(0), ""), "{name}");
        assert!(
            fs::read(&path).expect("a file").starts_with(start),
            "{name}"
        );
    }
}

#[test]
fn answers_without_rows_have_their_form() {
    let sql = "SELECT src_addr FROM flows WHERE dst_port = 9";
    for (form, expected) in [
        ("csv", "src_addr\n"),
        ("json", "[]\n"),
        ("ndjson", ""),
        ("table", "src_addr\n"),
    ] {
        assert_eq!(ask(&["-f", form], sql).1, expected, "{form}");
    }
}

#[test]
fn mistakes_have_a_place_and_a_suggestion() {
    for (sql, status, expected) in [
        (
            "SELECT in_byte FROM flows",
            2,
            "no column `in_byte`: did you mean `in_bytes`?",
        ),
        (
            "SELECT count(*) FROM flow",
            2,
            "no table `flow`: did you mean `flows`?",
        ),
        (
            "SELECT in_nett(src_addr, '10.0.0.0/8') FROM flows",
            2,
            "no function `in_nett`: did you mean `in_net`?",
        ),
        ("SELECT count(*) FORM flows", 2, "FORM"),
        ("SELECT FROM WHERE", 2, "\n  SELECT FROM WHERE\n"),
        (
            "SELECT count(*) FROM flows WHERE src_addr = '10.0.0'",
            2,
            "'10.0.0' is no IP address",
        ),
        (
            "SELECT count(*) FROM flows WHERE nfdump('prot tcp')",
            2,
            "nfdump('…')",
        ),
        (
            "SELECT sum(src_addr) FROM flows",
            2,
            "nfdecode: sum(number): there is no sum of FixedSizeBinary(16)",
        ),
        (
            "SELECT net(1, 2)",
            2,
            "nfdecode: net(address, bits4[, bits6]): argument 1 is an address, not Int64",
        ),
        ("SELECT 1/0", 1, "Divide by zero"),
    ] {
        let (found, _, message) = ask(&[], sql);
        assert_eq!(found, Some(status), "{sql}: {message}");
        assert!(message.starts_with("nfdecode: "), "{message}");
        assert!(message.contains(expected), "{sql}: {message}");
    }
    let (_, _, message) = ask(&[], "SELECT count(*) FROM flows\nWHERE in_byte > 3");
    assert!(
        message.ends_with("\n  WHERE in_byte > 3\n        ^\n"),
        "{message}"
    );
}

#[test]
fn usage_is_explained() {
    let count = "SELECT count(*) FROM flows";
    let none = program(&[count]);
    assert_eq!(none.status.code(), Some(2));
    assert!(
        stderr(&none).contains("name files before the query"),
        "{}",
        stderr(&none)
    );
    let two = program(&[ARCHIVE, "SELECT 1", "SELECT 2"]);
    assert!(stderr(&two).contains("two queries"), "{}", stderr(&two));
    let help = program(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["--memory", "--format", "--salvage", "flows"] {
        assert!(stdout(&help).contains(word), "{word}");
    }
    // Nothing on standard input, which is no terminal.
    let empty = program(&[ARCHIVE]);
    assert!(stderr(&empty).contains("no query"), "{}", stderr(&empty));
}

#[test]
fn several_statements_and_limits() {
    let (status, out, _) = ask(
        &["-f", "csv"],
        "CREATE VIEW dns AS SELECT * FROM flows WHERE dst_port = 53; SELECT count(*) AS n FROM dns; SELECT 2 AS x",
    );
    assert_eq!((status, out.as_str()), (Some(0), "n\n45\nx\n2\n"));
    let sorted = "SELECT first FROM flows ORDER BY first, src_port, in_bytes LIMIT 400";
    let (status, whole, message) = ask(&["--memory", "8M", "--threads", "2"], sorted);
    assert_eq!(status, Some(0), "{message}");
    assert_eq!(whole.lines().count(), 401);
    let (status, _, message) = ask(
        &["--memory", "1K"],
        "SELECT src_addr, src_port, count(*) FROM flows GROUP BY 1, 2",
    );
    assert_eq!(status, Some(1), "{message}");
    assert!(message.contains("--memory"), "{message}");
}

#[test]
fn wide_tables_leave_out_what_is_empty() {
    let (_, out, _) = ask(&["-f", "table"], "SELECT * FROM flows LIMIT 3");
    assert!(out.contains("src_addr"), "{out}");
    assert!(!out.contains("pblock_start"), "{out}");
    assert!(
        out.contains("columns without a value are not shown"),
        "{out}"
    );
}

#[test]
fn ctrl_c_ends_what_cannot_be_cancelled_and_leaves_nothing() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("a.csv");
    let endless = "SELECT count(*) FROM flows a, flows b, flows c, flows d, flows e \
                   WHERE a.in_bytes + b.in_bytes + c.in_bytes + d.in_bytes + e.in_bytes = 1";
    let mut child = Command::new(env!("CARGO_BIN_EXE_nfdecode-sql"))
        .args([ARCHIVE, endless, "-o", out.to_str().expect("text")])
        .current_dir(root())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let unfinished = || fs::read_dir(folder.path()).expect("listed").count();
    let begun = std::time::Instant::now();
    while unfinished() == 0 && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(unfinished(), 1, "it computes");
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status();
    assert!(killed.expect("kill runs").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert_eq!(unfinished(), 0);
}
