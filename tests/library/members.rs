//! Keys and values of flows are those that a reader of the printed JSON gets.

use nfdecode::output::json::JsonFormat;
use nfdecode::output::members::{MemberValue, Members};
use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
use nfdecode::value::Zone;
use nfdecode::{File, FileSet};
use serde_json::{Map, Value};

use crate::support;

fn check(file: &File) -> u64 {
    let context = FlowContext::new(file.ident(), "name");
    let mut format = JsonFormat::ndjson(Zone::utc());
    let mut members = Members::new(Zone::utc());
    let mut text = TextBuffer::default();
    let mut number = 0;
    for block in file.blocks() {
        let block = block.expect("an intact file");
        for flow in block.flows() {
            number += 1;
            text.clear();
            format.flow(number, &flow, &context, &mut text);
            let printed: Map<String, Value> =
                serde_json::from_slice(text.as_bytes()).expect("an object");
            let mut visited = Map::new();
            members.visit(number, &flow, &context, &mut |key, value| {
                let value = match value {
                    MemberValue::Number(number) => number.into(),
                    MemberValue::Float(number) => number.into(),
                    MemberValue::Text(text) => text.into(),
                    _ => Value::Null,
                };
                visited.insert(Members::keys()[key].to_owned(), value);
            });
            assert_eq!(visited, printed);
            assert!(visited.keys().eq(printed.keys()), "{:?}", printed.keys());
        }
    }
    number
}

#[test]
fn members_are_those_of_the_json() {
    let mut flows = 0;
    for folder in ["tests/fixtures/archive", "tests/fixtures/router"] {
        let files = FileSet::in_directory(folder).expect("a directory");
        for path in files.paths() {
            flows += check(&File::open(path).expect("an nfcapd file"));
        }
    }
    assert!(flows > 419, "{flows}");
}

/// Every element and value that the reference data has.
#[cfg_attr(not(reference_data), ignore = "needs the reference data")]
#[test]
fn members_of_all_elements() {
    for folder in ["elements", "nfcapd", "layout1"] {
        let Some(folder) = support::test_data(folder) else {
            return;
        };
        let files = FileSet::in_directory(folder).expect("a directory");
        assert!(!files.is_empty());
        for path in files.paths() {
            let Ok(file) = File::open(path) else { continue };
            if file.blocks().all(|block| block.is_ok()) {
                check(&file);
            }
        }
    }
}
