//! `docs/schema.md` is made from the columns and must be current: a change of it is a change of what
//! others rely on.

use crate::support;
use std::fmt::Write as _;

use arrow_schema::{DataType, TimeUnit};
use nfdecode::columns::{COLUMNS, Projection, SCHEMA_VERSION};

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
        "# The columns of Arrow and Parquet\n\n\
         Made from `src/columns/column.rs` and `src/element.rs` by `NFDECODE_REGENERATE=1 cargo test --test schema_doc`;\n\
         do not edit. Version of the schema: {SCHEMA_VERSION}. It changes when a column changes its name, type or meaning,\n\
         or goes; new columns do not change it.\n\n\
         *Standard* columns are those taken when nobody says which. Columns are null where a flow does not have\n\
         what they hold, except for those marked *never*. *Key* is nfdump's in JSON, if it has one; `--fields` takes\n\
         either name. Metadata of a field tell its element (`nfdecode.element`), its key (`nfdump.key`), its unit where\n\
         that is not plain, and its extension type: `nfdecode.ipv4`, `nfdecode.ipv6`, `nfdecode.ip`, `nfdecode.mac`,\n\
         `nfdecode.mpls`. What types were chosen and why is in [columns.md](columns.md).\n\n\
         | column | Arrow | Parquet | null | standard | element | key | meaning |\n|---|---|---|---|---|---|---|---|\n"
    );
    let schema = Projection::all().schema();
    for (column, field) in COLUMNS.iter().zip(schema.fields()) {
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
