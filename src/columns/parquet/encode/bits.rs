//! Packed bits: definition levels, the hybrid encoding of runs, variable-length numbers.

use arrow_buffer::NullBuffer;

/// Values of a run in the hybrid encoding at most. Its header then is one byte, as all writers have it.
pub(crate) const RUN: usize = 63 * 8;

/// The low byte of a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the low byte is meant"
)]
#[inline]
pub(crate) fn low_byte(number: u64) -> u8 {
    number as u8
}

/// The low four bytes of a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the low bytes are meant"
)]
#[inline]
pub(crate) fn low_word(number: u64) -> u32 {
    number as u32
}

/// The low eight bytes of a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the low bytes are meant"
)]
#[inline]
pub(crate) fn low_half(number: u128) -> u64 {
    number as u64
}

/// Replaces `out` by the first `count` bits as bytes.
pub(crate) fn bit_bytes(words: impl Iterator<Item = u64>, count: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend(words.flat_map(u64::to_le_bytes));
    out.resize(count.div_ceil(8), 0);
    if !count.is_multiple_of(8)
        && let Some(last) = out.last_mut()
    {
        *last &= (1 << (count % 8)) - 1;
    }
}

/// Appends definition levels: 1 for each value that is not null. `bits` is a buffer.
pub(crate) fn definition_levels(
    nulls: Option<&NullBuffer>,
    rows: usize,
    bits: &mut Vec<u8>,
    page: &mut Vec<u8>,
) {
    let length_at = page.len();
    page.extend_from_slice(&[0; 4]);
    match nulls {
        Some(nulls) if nulls.null_count() != rows => {
            bit_bytes(nulls.inner().bit_chunks().iter_padded(), rows, bits);
            for run in bits.chunks(RUN / 8) {
                page.push(low_byte(run.len() as u64) << 1 | 1);
                page.extend_from_slice(run);
            }
        }
        _ => {
            varint((rows as u64) << 1, page);
            page.push(u8::from(nulls.is_none()));
        }
    }
    // A page has at most 2^14 rows, so the levels are short.
    let length = low_word((page.len() - length_at - 4) as u64);
    if let Some(place) = page.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Appends a number, 7 bits per byte.
pub(crate) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

/// Appends a run of at most [`RUN`] numbers of `width` bits in the hybrid encoding.
pub(crate) fn hybrid_run(run: &[u32], width: u32, page: &mut Vec<u8>) {
    let first = run.first().copied().unwrap_or_default();
    if run.iter().fold(0, |differ, number| differ | number ^ first) == 0 {
        varint((run.len() as u64) << 1, page);
        let bytes = first.to_le_bytes();
        page.extend_from_slice(bytes.get(..width.div_ceil(8) as usize).unwrap_or_default());
        return;
    }
    let groups = run.len().div_ceil(8);
    page.push(low_byte(groups as u64) << 1 | 1);
    let end = page.len() + groups * width as usize;
    pack(run.iter().map(|number| u64::from(*number)), width, page);
    page.resize(end, 0);
}

/// Appends numbers of `width` bits. The last byte is filled with 0.
#[inline]
pub(crate) fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width > 32 {
        let (mut held, mut bits) = (0_u128, 0);
        for number in numbers {
            held |= u128::from(number) << bits;
            bits += width;
            if bits >= 64 {
                out.extend_from_slice(&low_half(held).to_le_bytes());
                held >>= 64;
                bits -= 64;
            }
        }
        let bytes = low_half(held).to_le_bytes();
        out.extend_from_slice(bytes.get(..bits.div_ceil(8) as usize).unwrap_or_default());
        return;
    }
    let (mut held, mut bits) = (0_u64, 0);
    for number in numbers {
        held |= number << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&low_word(held).to_le_bytes());
            held >>= 32;
            bits -= 32;
        }
    }
    let bytes = low_word(held).to_le_bytes();
    out.extend_from_slice(bytes.get(..bits.div_ceil(8) as usize).unwrap_or_default());
}
