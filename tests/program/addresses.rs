//! `--addresses text`: columns of addresses as people write them, equal to the addresses of the text forms.

use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::Value;

use crate::support::{self, run, stderr};

const FIELDS: &str = "src_addr,dst_addr,in_src_mac,src4_addr,src6_addr";
const PATHS: [&str; 2] = ["tests/fixtures/archive", "tests/fixtures/router"];

/// The values of the fields in text forms.
fn expected() -> Vec<Vec<Option<String>>> {
    let output = run(&[&["read", "-f", "ndjson", "--fields", FIELDS], &PATHS[..]].concat());
    let text = String::from_utf8(output.stdout).expect("text");
    let flow = |line: &str| -> Vec<Option<String>> {
        let flow: Value = serde_json::from_str(line).expect("JSON");
        let value = |name: &str| flow[name].as_str().map(str::to_owned);
        FIELDS.split(',').map(value).collect()
    };
    text.lines().map(flow).collect()
}

fn write(arguments: &[&str]) {
    let all = [
        &["read", "--fields", FIELDS, "--addresses", "text"],
        arguments,
        &PATHS[..],
    ]
    .concat();
    let output = run(&all);
    assert_eq!(
        (stderr(&output), output.status.code()),
        (String::new(), Some(0))
    );
}

fn of_parquet(path: &Path) -> Vec<Vec<Option<String>>> {
    let reader = SerializedFileReader::new(fs::File::open(path).expect("it opens"));
    let reader = reader.expect("Parquet");
    let rows = reader.get_row_iter(None).expect("rows").map(|row| {
        let row = row.expect("a row");
        (0..row.len())
            .map(|at| row.get_string(at).ok().cloned())
            .collect()
    });
    rows.collect()
}

#[test]
fn addresses_are_text_in_parquet_and_arrow() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let path = |name: &str| place(name).display().to_string();
    let mut expected = expected();
    assert!(
        expected
            .iter()
            .flatten()
            .flatten()
            .any(|text| text == "192.0.2.10")
    );
    assert!(
        expected
            .iter()
            .flatten()
            .flatten()
            .any(|text| text.contains("::"))
    );

    write(&["-o", &path("flows.arrow")]);
    let file = fs::File::open(place("flows.arrow")).expect("it opens");
    let mut found: Vec<Vec<Option<String>>> = Vec::new();
    for batch in arrow_ipc::reader::FileReader::try_new(file, None).expect("Arrow") {
        let batch = batch.expect("a batch");
        for row in 0..batch.num_rows() {
            let value = |column: &arrow_array::ArrayRef| {
                let column = column.as_string::<i32>();
                arrow_array::Array::is_valid(column, row).then(|| column.value(row).to_owned())
            };
            found.push(batch.columns().iter().map(value).collect());
        }
    }
    assert_eq!(found, expected);

    // Rows of Parquet are sorted by time.
    expected.sort_unstable();
    for bloom in [&[][..], &["--bloom"]] {
        write(&[&["-o", &path("flows.parquet")], bloom].concat());
        let mut found = of_parquet(&place("flows.parquet"));
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    // A directory keeps to its form.
    let lake = path("lake");
    let partitions = ["-f", "parquet", "--partition-by", "day", "-o", &lake];
    write(&partitions);
    let mut found: Vec<_> = support::parquet_below(&place("lake"))
        .flat_map(|path| of_parquet(&path))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    let bytes = run(&[&["read", "--fields", FIELDS, PATHS[0]], &partitions[..]].concat());
    assert_eq!(bytes.status.code(), Some(2));
    assert!(stderr(&bytes).contains("addresses"), "{}", stderr(&bytes));
}

#[test]
fn text_forms_have_text_anyway() {
    let output = run(&["read", PATHS[0], "-f", "csv", "--addresses", "text"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(
        stderr(&output).contains("--addresses needs"),
        "{}",
        stderr(&output)
    );
}
