//! The framing of a flow record of layout 2, and a writer for it.
//!
//! A record is a header of 12 bytes and elements, each with a header of 4 bytes: id and length, 16 bits
//! each, the length with the header. The fields of the record header are in the table.

/// Bytes of a flow record before its elements.
pub(crate) const HEADER: usize = 12;
/// Bytes of an element before its payload.
pub(crate) const ELEMENT_HEADER: usize = 4;
/// Offset of the record type, 2 bytes.
pub(crate) const TYPE: usize = 0;
/// Offset of the size of the record with its header, 2 bytes.
pub(crate) const SIZE: usize = 2;
/// Offset of the number of elements, 2 bytes.
pub(crate) const ELEMENT_COUNT: usize = 4;
