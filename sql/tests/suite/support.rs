//! What the tests share: sessions, results as text, the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::prelude::SessionContext;
use nfdecode_sql::{TableOptions, register, session, to_text};

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The archive of this repository.
pub fn archive() -> PathBuf {
    root().join("tests/fixtures/archive")
}

/// A file with exporters, samplers and names of interfaces.
pub fn router() -> PathBuf {
    root().join("tests/fixtures/router/nfcapd.202601010000")
}

/// A session with the tables of these files.
pub fn session_of(paths: &[PathBuf], options: &TableOptions) -> SessionContext {
    let session = session(options);
    register(&session, paths, options).expect("tables");
    session
}

/// The cells of batches as text, null as `NULL`.
pub fn cells(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let batch = to_text(batch).expect("text");
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|array| ArrayFormatter::try_new(array, &options).expect("a formatter"))
            .collect();
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            rows.push(cells.collect());
        }
    }
    rows
}

/// The rows that a query returns.
pub async fn query(session: &SessionContext, sql: &str) -> Result<Vec<Vec<String>>> {
    Ok(cells(&session.sql(sql).await?.collect().await?))
}

/// The only cell that a query returns.
pub async fn one(session: &SessionContext, sql: &str) -> String {
    let rows = query(session, sql).await;
    let mut rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    rows.remove(0).remove(0)
}

/// The program under test, at the top of the repository.
pub fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nfdecode-sql"))
        .current_dir(root())
        .args(arguments)
        .env("TZ", "UTC")
        .env_remove("NFDECODE_KEY")
        .output()
        .expect("the program starts")
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
