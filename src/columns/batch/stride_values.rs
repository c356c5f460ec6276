//! The values of one stride: loops over the rows of a group that only copy bytes.

use crate::columns::batch::place::{FieldPlace, bytes_of};
use crate::columns::batch::values::Validity;
use crate::columns::rows::Row;
use crate::columns::stride::{Bits, Group, STRIDE, Stride};

/// The values of a stride, and which rows have one.
pub(crate) struct StrideValues<'v, T> {
    values: &'v mut [T; STRIDE],
    valid: Bits,
}

impl<T: Copy> StrideValues<'_, T> {
    /// Copies the values of all rows of a group from the same place.
    ///
    /// False if some row has no value there: then the group must be read row by row.
    #[inline]
    pub(crate) fn copy<const N: usize>(
        &mut self,
        stride: &Stride<'_, '_>,
        group: &Group,
        place: FieldPlace,
        decode: impl Fn([u8; N]) -> Option<T>,
    ) -> bool {
        let at = match place {
            FieldPlace::Absent => return true,
            FieldPlace::PerRecord => return false,
            FieldPlace::At(at) => at,
        };
        let mut complete = true;
        for (number, record) in stride.members(group) {
            match bytes_of(record, at).and_then(&decode) {
                Some(value) => self.values[number] = value,
                None => complete = false,
            }
        }
        if complete {
            self.valid.add(&group.rows);
        }
        complete
    }

    /// As [`copy`](Self::copy), but rows for which `decode` returns `None` are null.
    #[inline]
    pub(crate) fn copy_if<const N: usize>(
        &mut self,
        stride: &Stride<'_, '_>,
        group: &Group,
        place: FieldPlace,
        decode: impl Fn([u8; N], &[u8]) -> Option<T>,
    ) -> bool {
        let at = match place {
            FieldPlace::Absent => return true,
            FieldPlace::PerRecord => return false,
            FieldPlace::At(at) => at,
        };
        let mut valid = Bits::default();
        let mut complete = true;
        for (number, record) in stride.members(group) {
            match bytes_of(record, at) {
                Some(bytes) => {
                    let value = decode(bytes, record);
                    valid.set(number, value.is_some());
                    if let Some(value) = value {
                        self.values[number] = value;
                    }
                }
                None => complete = false,
            }
        }
        if complete {
            self.valid.add(&valid);
        }
        complete
    }
}

/// Fills the values of a stride and their validity.
///
/// `in_group` reads all rows of a group at once; where it returns false, `in_row` reads them one by one.
#[inline]
pub(crate) fn fill<'a, T: Copy + Default>(
    stride: &Stride<'_, 'a>,
    values: &mut [T],
    validity: &mut Validity,
    in_group: impl Fn(&Group, &mut StrideValues<'_, T>) -> bool,
    in_row: impl Fn(&Row<'a>) -> Option<T>,
) {
    let Some(values) = stride.part_of(values) else {
        return;
    };
    let mut filled = StrideValues {
        values,
        valid: Bits::default(),
    };
    for group in stride.groups() {
        if !in_group(group, &mut filled) {
            for (number, _) in stride.members(group) {
                let value = stride.rows().get(number).and_then(&in_row);
                filled.valid.set(number, value.is_some());
                filled.values[number] = value.unwrap_or_default();
            }
        }
    }
    validity.add(&filled.valid, stride.rows().len());
}

/// Fills the values of a stride, one for every row.
#[inline]
pub(crate) fn fill_all<'a, T>(
    stride: &Stride<'_, 'a>,
    values: &mut [T],
    get: impl Fn(&Row<'a>) -> T,
) {
    if let Some(values) = stride.part_of(values) {
        for (value, row) in values.iter_mut().zip(stride.rows()) {
            *value = get(row);
        }
    }
}
