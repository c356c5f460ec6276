//! Filters against the given rows, and against nfdump 1.7.10.
#![allow(missing_docs)]

mod support;

use std::path::{Path, PathBuf};

use nfdecode::File;
use nfdecode::filter::{Filter, FilterError, FilterErrorKind, Options, Scope};
use nfdecode::time::Zone;

fn options() -> Options {
    Options::new().with_zone(Zone::utc())
}

fn parse(text: &str) -> Result<Filter, FilterError> {
    options().parse(text)
}

/// Flows that are selected, with both ways of asking.
fn count(filter: &Filter, files: &[&File]) -> u64 {
    let (mut records_before, mut total) = (0, 0);
    let mut selected = Vec::new();
    for file in files {
        let mut here = 0;
        for block in file.blocks() {
            let block = block.expect("a sound block");
            let scope = Scope {
                ident: file.ident(),
                records_before,
            };
            filter.select(&block, scope, &mut selected);
            if !filter.needs_count() {
                let asked = block.flows().enumerate();
                let asked = asked.filter(|(_, flow)| filter.matches_in(flow, scope, 0));
                assert!(
                    asked
                        .map(|(index, _)| index as u32)
                        .eq(selected.iter().copied()),
                    "{filter}: select and matches disagree"
                );
                let copies = block.flows().map(|flow| flow.to_owned_flow());
                let copies = copies.filter(|flow| filter.matches_in(&flow.view(), scope, 0));
                assert_eq!(copies.count(), selected.len(), "{filter}: copies of flows");
            }
            here += selected.len() as u64;
            records_before += u64::from(block.counts().records);
        }
        assert!(
            here == 0 || filter.may_select(file),
            "{filter}: passed over"
        );
        total += here;
    }
    total
}

struct Row {
    file: String,
    expression: String,
    expected: String,
    recommended: Option<String>,
}

/// The rows of a CSV file with quoted fields.
fn rows(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).expect("the rows are readable");
    let mut records = vec![vec![String::new()]];
    let mut quoted = false;
    for c in text.chars() {
        let record = records.last_mut().expect("one");
        let field = record.last_mut().expect("one");
        match c {
            '"' => {
                // A quote in a quoted field is written twice.
                if !quoted && !field.is_empty() {
                    field.push('"');
                }
                quoted = !quoted;
            }
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    let rows = records
        .into_iter()
        .skip(1)
        .filter(|record| record.len() == 4);
    rows.map(|record| {
        let recommended = record[3].split("recommended=").nth(1);
        let recommended = recommended.map(|rest| {
            let end = rest.find([' ', ';']).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        Row {
            file: record[0].clone(),
            expression: record[1].clone(),
            expected: record[2].clone(),
            recommended,
        }
    })
    .collect()
}

fn data(name: &str) -> Option<PathBuf> {
    let folder = support::test_data("filter")?;
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    support::test_data("nfcapd/layout1").map(|folder| folder.join("found-isp-100k-bz2"))
}

/// What we do on purpose where the row has nfdump's answer.
fn ours(row: &Row) -> Option<&str> {
    match row.expression.as_str() {
        // D10: equality only, and no sentinel.
        "mpls any > 5" => Some("error"),
        "mpls eos 0xff000000" => Some("0"),
        // D23: the name without the parenthesis.
        "pf reason memory" => Some("1"),
        _ => row.recommended.as_deref(),
    }
}

#[test]
fn given_rows() {
    let Some(folder) = support::test_data("filter") else {
        return;
    };
    let (mut checked, mut wrong) = (0, Vec::new());
    for row in rows(&folder.join("filter-cases.csv")) {
        let Some(path) = data(&row.file) else {
            continue;
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == nfdecode::ErrorKind::Unsupported => continue,
            Err(error) => panic!("{error}"),
        };
        let needs_database = ["geo BR", "ip tor"].contains(&row.expression.as_str());
        if needs_database {
            let error = parse(&row.expression).expect_err("a database is needed");
            assert_eq!(error.kind(), FilterErrorKind::NeedsDatabase);
        }
        // As nfdump without databases.
        let found = match options().with_unknown_places().parse(&row.expression) {
            Ok(filter) => {
                let again = parse(&filter.to_string());
                if !needs_database {
                    assert_eq!(again.as_ref(), Ok(&filter), "{} as text", row.expression);
                }
                count(&filter, &[&file]).to_string()
            }
            Err(_) => "error".to_owned(),
        };
        let expected = ours(&row).unwrap_or(&row.expected);
        checked += 1;
        if found != expected {
            wrong.push(format!(
                "{} `{}`: expected {expected}, found {found}",
                row.file, row.expression
            ));
        }
    }
    println!("{checked} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 500);
}
