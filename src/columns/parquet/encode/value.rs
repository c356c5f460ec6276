//! Values of fixed size, as pages store them.

use crate::columns::parquet::encode::bits::low_half;

/// A value of fixed size.
pub(crate) trait PageValue: Copy + Ord + Default {
    /// A hash; `factor` is odd and secret.
    fn hash(self, factor: u64) -> u64;
    /// Appends its last `width` bytes in the order of Parquet. Numbers ignore the width.
    fn put(self, width: usize, out: &mut Vec<u8>);
    /// This minus another, wrapping.
    fn minus(self, other: Self) -> Self;
    /// Its bits as an unsigned number.
    fn bits(self) -> u64;
    /// Its value as a signed number.
    fn signed(self) -> i64;
    /// The value that [`signed`](Self::signed) returned the number of.
    fn from_signed(number: i64) -> Self;
}

impl PageValue for u32 {
    #[inline]
    fn hash(self, factor: u64) -> u64 {
        u64::from(self).wrapping_mul(factor)
    }

    #[inline]
    fn put(self, _: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline]
    fn bits(self) -> u64 {
        self.into()
    }

    #[inline]
    fn signed(self) -> i64 {
        self.cast_signed().into()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "differences wrap around in 32 bits"
    )]
    #[inline]
    fn from_signed(number: i64) -> Self {
        number as Self
    }
}

impl PageValue for u64 {
    #[inline]
    fn hash(self, factor: u64) -> u64 {
        (self ^ self >> 32).wrapping_mul(factor)
    }

    #[inline]
    fn put(self, _: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline]
    fn bits(self) -> u64 {
        self
    }

    #[inline]
    fn signed(self) -> i64 {
        self.cast_signed()
    }

    #[inline]
    fn from_signed(number: i64) -> Self {
        number.cast_unsigned()
    }
}

/// Up to 16 bytes in network order. They are never stored as differences.
impl PageValue for u128 {
    #[inline]
    fn hash(self, factor: u64) -> u64 {
        let (high, low) = (low_half(self >> 64), low_half(self));
        let high = (high ^ high >> 32).wrapping_mul(factor);
        (high.rotate_left(32) ^ low ^ low >> 32).wrapping_mul(factor)
    }

    #[inline]
    fn put(self, width: usize, out: &mut Vec<u8>) {
        let bytes = self.to_be_bytes();
        out.extend_from_slice(bytes.get(16 - width.min(16)..).unwrap_or_default());
    }

    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    fn bits(self) -> u64 {
        low_half(self)
    }

    fn signed(self) -> i64 {
        self.bits().cast_signed()
    }

    fn from_signed(number: i64) -> Self {
        number.cast_unsigned().into()
    }
}

/// Smallest and largest value; `None` if there are no values.
pub(crate) fn range<T: PageValue>(values: &[T]) -> Option<(T, T)> {
    let (first, rest) = values.split_first()?;
    Some(rest.iter().fold((*first, *first), |(low, high), value| {
        (low.min(*value), high.max(*value))
    }))
}
