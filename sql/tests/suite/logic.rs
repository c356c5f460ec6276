//! The files in `tests/slt`, in the format of sqllogictest.

use std::fs;

use nfdecode_sql::TableOptions;
use nfdecode_sql::datafusion::common::DataFusionError;
use nfdecode_sql::datafusion::prelude::SessionContext;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner, parse_file};
use tokio::runtime::Runtime;

use crate::support::{archive, query, session_of};

struct Engine {
    runtime: Runtime,
    session: SessionContext,
}

impl Engine {
    fn new() -> Self {
        let session = session_of(&[archive()], &TableOptions::new());
        let runtime = Runtime::new().expect("a runtime");
        Self { runtime, session }
    }
}

impl DB for Engine {
    type Error = DataFusionError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, DataFusionError> {
        let rows = self.runtime.block_on(query(&self.session, sql))?;
        let Some(first) = rows.first() else {
            return Ok(DBOutput::Rows {
                types: Vec::new(),
                rows,
            });
        };
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; first.len()],
            rows: rows
                .into_iter()
                .map(|row| {
                    // An empty text would be no column at all.
                    let shown = |cell: String| {
                        if cell.is_empty() {
                            "(empty)".to_owned()
                        } else {
                            cell
                        }
                    };
                    row.into_iter().map(shown).collect()
                })
                .collect(),
        })
    }
}

#[test]
fn files_of_queries_and_answers() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 4, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Engine::new()) });
        // Types of columns are tested with arrow_typeof.
        runner.with_column_validator(|_, _| true);
        let records = parse_file(&file).expect("a file of sqllogictest");
        for record in records {
            wrong.extend(runner.run(record).err().map(|error| error.to_string()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
