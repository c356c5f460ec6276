//! Encodings of the values of Parquet pages.

pub(crate) mod bits;
pub(crate) mod delta;
pub(crate) mod dictionary;
pub(crate) mod encoder;
pub(crate) mod value;
