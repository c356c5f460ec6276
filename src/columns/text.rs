//! Columns of addresses as text instead of bytes.
//!
//! Text is what people read and what tables are joined on; bytes are a third of the size, and sort by number.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::columns::column::ColumnKind;
use crate::columns::projection::Projection;
use crate::value::MacAddr;

/// Bytes of the text of an address, usually.
const TEXT_USUAL: usize = 16;

/// Turns addresses of record batches into text: IPv4, IPv6 and MAC.
///
/// IPv6 is in the short form of RFC 5952. IPv4 in a column of both families is dotted, without `::ffff:`.
#[derive(Clone, Debug)]
pub struct TextAddresses {
    projection: Projection,
    schema: SchemaRef,
}

impl TextAddresses {
    /// For batches of these columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let schema = projection.schema();
        let fields = projection.columns().iter().zip(schema.fields());
        let fields = fields.map(|(column, field)| {
            if !column.kind().is_address() {
                return Arc::clone(field);
            }
            let mut metadata = field.metadata().clone();
            metadata.retain(|key, _| !key.starts_with("ARROW:extension:"));
            let field = Field::new(field.name(), DataType::Utf8, field.is_nullable());
            Arc::new(field.with_metadata(metadata))
        });
        let fields: Vec<_> = fields.collect();
        Self {
            schema: Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())),
            projection: projection.clone(),
        }
    }

    /// The schema of the results.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// A batch with addresses as text.
    ///
    /// # Errors
    /// The batch has other columns than the projection.
    pub fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.arrays(batch.columns());
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema(), columns, &options)
    }

    /// The arrays of a batch with addresses as text.
    pub(crate) fn arrays(&self, arrays: &[ArrayRef]) -> Vec<ArrayRef> {
        let columns = self.projection.columns().iter().zip(arrays);
        let texts = columns.map(|(column, array)| match array.as_any().downcast_ref() {
            Some(array) if column.kind().is_address() => addresses(array, column.kind()),
            _ => Arc::clone(array),
        });
        texts.collect()
    }
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
