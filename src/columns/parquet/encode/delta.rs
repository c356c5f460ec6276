//! Numbers as differences: `DELTA_BINARY_PACKED`.

use crate::columns::parquet::encode::bits::{low_byte, pack, varint};
use crate::columns::parquet::encode::value::PageValue;

/// Values of a block.
const BLOCK: usize = 128;
/// Values of a part of a block. Each part has its own width.
const PART: usize = 32;

/// Appends numbers as differences.
pub(crate) fn differences<T: PageValue>(values: &[T], page: &mut Vec<u8>) {
    let zigzag = |number: i64| (number << 1 ^ number >> 63).cast_unsigned();
    varint(BLOCK as u64, page);
    varint((BLOCK / PART) as u64, page);
    varint(values.len() as u64, page);
    let first = values.first().copied().unwrap_or_default();
    varint(zigzag(first.signed()), page);
    let mut steps = [T::default(); BLOCK];
    let mut before = first;
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        let mut least = i64::MAX;
        for (step, value) in steps.iter_mut().zip(block) {
            *step = value.minus(before);
            before = *value;
            least = least.min(step.signed());
        }
        varint(zigzag(least), page);
        let widths_at = page.len();
        page.extend_from_slice(&[0; BLOCK / PART]);
        let least = T::from_signed(least);
        let used = steps.get(..block.len()).unwrap_or_default();
        for (number, part) in used.chunks(PART).enumerate() {
            let above = |step: &T| step.minus(least).bits();
            let all = part.iter().fold(0, |all, step| all | above(step));
            let width = u64::BITS - all.leading_zeros();
            if let Some(place) = page.get_mut(widths_at + number) {
                *place = low_byte(width.into());
            }
            let end = page.len() + PART / 8 * width as usize;
            pack(part.iter().map(above), width, page);
            page.resize(end, 0);
        }
    }
}
