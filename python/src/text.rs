//! Columns of addresses as text, for `addresses="text"`.
//!
//! Text is what people read and what tables are joined on; bytes are a third of the size, and sort by number.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use nfdecode::columns::{ColumnKind, Projection};
use nfdecode::value::MacAddr;

/// Bytes of the text of an address, usually.
const TEXT_USUAL: usize = 16;

/// Whether columns of this kind can be text.
pub(crate) fn is_address(kind: ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Ip | ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Mac
    )
}

/// The schema of a projection with addresses as text.
pub(crate) fn schema(projection: &Projection) -> SchemaRef {
    let schema = projection.schema();
    let fields = projection.columns().iter().zip(schema.fields());
    let fields = fields.map(|(column, field)| {
        if !is_address(column.kind()) {
            return Arc::clone(field);
        }
        let mut metadata = field.metadata().clone();
        metadata.retain(|key, _| !key.starts_with("ARROW:extension:"));
        let field = Field::new(field.name(), DataType::Utf8, field.is_nullable());
        Arc::new(field.with_metadata(metadata))
    });
    let fields: Vec<_> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// A batch with addresses as text. `schema` is that of [`schema`].
pub(crate) fn batch(
    batch: &RecordBatch,
    projection: &Projection,
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let columns = projection.columns().iter().zip(batch.columns());
    let columns = columns.map(|(column, array)| match array.as_any().downcast_ref() {
        Some(array) if is_address(column.kind()) => addresses(array, column.kind()),
        _ => Arc::clone(array),
    });
    let columns: Vec<_> = columns.collect();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// The texts of an array of addresses.
fn addresses(array: &FixedSizeBinaryArray, kind: ColumnKind) -> ArrayRef {
    use std::fmt::Write as _;

    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * TEXT_USUAL);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        // Writing to a String does not fail.
        let _ = write!(text, "{}", Address(array.value(row), kind));
        builder.append_value(&text);
    }
    Arc::new(builder.finish())
}

/// The bytes of an address as text.
struct Address<'a>(&'a [u8], ColumnKind);

impl std::fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Ok(bytes) = <[u8; 4]>::try_from(self.0) {
            return Ipv4Addr::from(bytes).fmt(f);
        }
        if let Ok(bytes) = <[u8; 6]>::try_from(self.0) {
            return MacAddr(bytes).fmt(f);
        }
        match <[u8; 16]>::try_from(self.0).map(Ipv6Addr::from) {
            Ok(address) => match address.to_ipv4_mapped() {
                Some(inner) if self.1 == ColumnKind::Ip => inner.fmt(f),
                _ => address.fmt(f),
            },
            Err(_) => Ok(()),
        }
    }
}
