//! Results as people and text formats need them: addresses as text, sums as numbers.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, FixedSizeBinaryArray, ListArray, RecordBatch,
    StringArray, UInt64Array,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;

use crate::functions::address;

/// Addresses of 4, 6 and 16 bytes become text, whatever functions they went through; lists of them too. Decimals
/// without fraction, as sums are, become 64-bit numbers where all of them fit.
///
/// For tables, CSV and JSON. Arrow and Parquet keep the types.
///
/// # Errors
/// None that batches of a query can cause.
pub fn to_text(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns: Vec<(FieldRef, ArrayRef)> = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| column(field, array))
        .collect::<Result<_>>()?;
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
}

fn column(field: &FieldRef, array: &ArrayRef) -> Result<(FieldRef, ArrayRef)> {
    let shown = shown(array)?;
    let field = Field::new(field.name(), shown.data_type().clone(), true);
    Ok((Arc::new(field), shown))
}

fn shown(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        kind if address::is_address(kind) => {
            let text = |bytes: &[u8]| address::from_bytes(bytes).map(address::shown);
            texts(array.as_fixed_size_binary(), text)
        }
        kind if address::is_mac(kind) => texts(array.as_fixed_size_binary(), |bytes| {
            Some(address::mac(bytes))
        }),
        DataType::Decimal128(_, 0) => {
            let numbers = array.as_primitive::<Decimal128Type>();
            match small(numbers) {
                Some(numbers) => Arc::new(numbers),
                None => Arc::clone(array),
            }
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let values = shown(list.values())?;
            let item = Field::new(item.name(), values.data_type().clone(), true);
            let nulls = list.nulls().cloned();
            let list = ListArray::try_new(Arc::new(item), list.offsets().clone(), values, nulls)?;
            Arc::new(list)
        }
        _ => Arc::clone(array),
    })
}

fn texts(array: &FixedSizeBinaryArray, text: impl Fn(&[u8]) -> Option<String>) -> ArrayRef {
    let texts = array.iter().map(|bytes| bytes.and_then(&text));
    Arc::new(texts.collect::<StringArray>())
}

/// The numbers, if all of them are as small as the counters that were summed.
fn small(numbers: &Decimal128Array) -> Option<UInt64Array> {
    numbers
        .iter()
        .map(|number| number.map(u64::try_from).transpose().ok())
        .collect::<Option<Vec<_>>>()
        .map(UInt64Array::from)
}
