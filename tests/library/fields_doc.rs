//! `docs/fields.md` is generated from the tables of names and must be current.

use crate::support;
use std::fmt::Write as _;

use nfdecode::output::csv;
use nfdecode::output::fields;

const INTRODUCTION: &str = "\
# Names of fields and columns

Made by `cargo xtask generate` from `src/flow/table.rs`, `src/output/fields/names.rs` and
`src/output/csv/tokens.rs`; do not edit. `nfdecode fields` prints the same.

## Fields, for `--fields`

```sh
nfdecode read FILE -f csv --fields first,duration,src_addr,dst_addr,dst_port,in_bytes
nfdecode read FILE -f csv --fields first,user_name --delimiter tab --no-header
nfdecode read FILE -f ndjson --fields first,src4_addr,dst4_addr
```

* Columns and members have the order and the names of the list. nfdump's own JSON keys are accepted beside
  our names, and are then the names.
* A value that the flow does not have is empty in CSV, and left out in JSON and NDJSON.
* Values have the text of nfdump's JSON: times in local time (`--tz`) with milliseconds, with `--utc` in UTC and with a `Z`
  behind, as any reader of RFC 3339 wants it; latencies in milliseconds. Kinds `u8` to `u64`, `milliseconds` and `seconds` are numbers in
  JSON, all others strings. Bytes, which nfdump does not print, are hexadecimal.
* CSV is quoted as in RFC 4180 where a value holds the delimiter, a quote or a line end. Lines end with LF.
  The first line has the names unless `--no-header` is given.
* Names do not change between versions; new ones may come.

";

fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("| name | nfdump's key | kind | element | meaning |\n|---|---|---|--:|---|\n");
    for field in fields::all() {
        let key = match field.key {
            "" => String::new(),
            key => format!("`{key}`"),
        };
        let element = field.element.map_or(String::new(), |id| id.to_string());
        writeln!(
            page,
            "| `{}` | {key} | {} | {element} | {} |",
            field.name, field.kind, field.doc
        )
        .expect("a String");
    }
    page.push_str(
        "\n## Columns of nfdump, for `-f csv:%TOKEN,…`\n\n\
         As `nfdump -o csv:…` prints them ([differences](deviations.md#csv)); `%csv` means the default\n\
         list, `csv-fast` a fixed one.\n\n\
         | token | header | token | header | token | header |\n|---|---|---|---|---|---|\n",
    );
    for row in csv::tokens().chunks(3) {
        for token in row {
            write!(page, "| `%{}` | {} ", token.name, token.header).expect("a String");
        }
        for _ in row.len()..3 {
            page.push_str("| | ");
        }
        page.push_str("|\n");
    }
    page
}

#[test]
fn fields_page_is_current() {
    support::assert_page("fields.md", &page(), "fields_doc");
}
