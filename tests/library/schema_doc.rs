//! `docs/schema.md` is generated from the columns. A change of it is a change of the public schema.

use crate::support;
use std::fmt::Write as _;

use arrow_schema::{DataType, TimeUnit};
use nfdecode::columns::{Projection, SCHEMA_VERSION, columns};

fn arrow(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) => format!("Timestamp(ms, {zone})"),
        DataType::List(item) => format!("List<{}>", item.data_type()),
        DataType::Dictionary(key, value) => format!("Dictionary<{key}, {value}>"),
        other => other.to_string(),
    }
}

fn parquet(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::UInt8 => "INT32 (UINT_8)",
        DataType::UInt16 => "INT32 (UINT_16)",
        DataType::UInt32 => "INT32 (UINT_32)",
        DataType::UInt64 => "INT64 (UINT_64)",
        DataType::Timestamp(..) => "INT64 (TIMESTAMP, ms, UTC)",
        DataType::FixedSizeBinary(4) => "FIXED(4)",
        DataType::FixedSizeBinary(6) => "FIXED(6)",
        DataType::FixedSizeBinary(_) => "FIXED(16)",
        DataType::List(_) => "LIST of INT32 (UINT_32)",
        DataType::Dictionary(..) | DataType::Utf8 => "BYTE_ARRAY (STRING)",
        _ => "BYTE_ARRAY",
    }
}

fn page() -> String {
    let mut page = format!(
        "# The columns of Arrow and Parquet\n\
         \n\
         Generated from the element table by `cargo xtask generate`; do not edit.\n\
         \n\
         Version of the schema: {SCHEMA_VERSION}. It changes when a column is removed or changes its name, type or meaning. New\n\
         columns do not change it.\n\
         \n\
         *Standard* columns are those written without `--fields`. A column is null where a flow does not have the value,\n\
         unless it is marked *never*. *Key* is nfdump's key in JSON, if it has one; `--fields` accepts either name. The\n\
         metadata of a field have its element (`nfdecode.element`), its key (`nfdump.key`), its unit if that is not clear from\n\
         the type, and its extension type: `nfdecode.ipv4`, `nfdecode.ipv6`, `nfdecode.ip`, `nfdecode.mac`, `nfdecode.mpls`.\n\
         [columns.md](columns.md) explains the types.\n\
         \n\
         | column | Arrow | Parquet | null | standard | element | key | meaning |\n|---|---|---|---|---|---|---|---|\n"
    );
    let schema = Projection::all().schema();
    for (column, field) in columns().iter().zip(schema.fields()) {
        assert_eq!(
            (column.name(), &column.data_type(), column.is_nullable()),
            (
                field.name().as_str(),
                field.data_type(),
                field.is_nullable()
            )
        );
        let elements: Vec<_> = (1..64)
            .filter(|id| column.elements() >> id & 1 == 1)
            .map(|id| id.to_string())
            .collect();
        let key = match column.key() {
            "" => String::new(),
            key => format!("`{key}`"),
        };
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} | {key} | {} |",
            column.name(),
            arrow(&column.data_type()),
            parquet(&column.data_type()),
            if column.is_nullable() { "" } else { "never" },
            if column.is_standard() { "yes" } else { "" },
            elements.join(", "),
            column.doc()
        )
        .expect("a String");
    }
    page
}

#[test]
fn schema_page_is_current() {
    support::assert_page("schema.md", &page(), "schema_doc");
}
