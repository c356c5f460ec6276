//! What functions are called with.

use arrow::array::{ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, UInt64Type};

/// Whether values of this type are text, in any of Arrow's ways.
pub(crate) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// The numbers of an argument.
pub(crate) fn numbers(array: &ArrayRef) -> Vec<Option<u64>> {
    array.as_primitive::<UInt64Type>().iter().collect()
}
