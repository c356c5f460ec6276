//! The values and the validity of a column while a batch is built.

use std::sync::Arc;

use arrow_array::types::{Int32Type, UInt8Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int32Array,
    ListArray, StringArray, TimestampMillisecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use crate::columns::batch::labels::Labels;
use crate::columns::column::{Column, ColumnKind, ColumnSource};
use crate::columns::stride::{Bits, STRIDE};

/// Which values are not null, a bit each.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    words: Vec<u64>,
    /// Some bit is clear.
    has_nulls: bool,
}

impl Validity {
    /// Adds the bits of up to 64 values. Only the last call may have fewer.
    #[inline]
    pub(crate) fn push(&mut self, word: u64, count: usize) {
        let full = if count == 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        };
        self.has_nulls |= word & full != full;
        self.words.push(word);
    }

    /// Adds the bits of the rows of a stride. Only the last stride may have fewer than [`STRIDE`].
    #[inline]
    pub(crate) fn add(&mut self, bits: &Bits, rows: usize) {
        for (word, count) in bits.words(rows) {
            self.push(word, count);
        }
    }

    /// The bits of `count` values, if one of them is null. Leaves none.
    pub(crate) fn take(&mut self, count: usize) -> Option<NullBuffer> {
        let words = std::mem::take(&mut self.words);
        let has_nulls = std::mem::take(&mut self.has_nulls);
        has_nulls.then(|| NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(words), 0, count)))
    }
}

/// The values of a column collected so far.
#[derive(Debug)]
pub(crate) enum ColumnValues {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Time(Vec<i64>),
    /// IPv4 addresses in network order.
    Ip4(Vec<u32>),
    /// Addresses of 16 bytes in network order.
    Ip(Vec<i128>),
    Mac(Vec<u8>),
    Bool(Vec<u64>),
    Word(Vec<u8>),
    Label(Vec<i32>),
    Bytes {
        ends: Vec<i32>,
        bytes: Vec<u8>,
    },
    Mpls {
        ends: Vec<i32>,
        labels: Vec<u32>,
    },
}

/// The end of a value in a buffer of this length.
///
/// A length that does not fit saturates. Batches end before ([`BatchBuilder`] limits them), and
/// [`ColumnValues::into_array`] returns an error otherwise.
///
/// [`BatchBuilder`]: crate::columns::BatchBuilder
#[inline]
pub(crate) fn end_at(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

impl ColumnValues {
    /// No values of a column of this kind.
    pub(crate) fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Bool => Self::Bool(Vec::new()),
            ColumnKind::U8 => Self::U8(Vec::new()),
            ColumnKind::U16 => Self::U16(Vec::new()),
            ColumnKind::U32 => Self::U32(Vec::new()),
            ColumnKind::U64 => Self::U64(Vec::new()),
            ColumnKind::Time => Self::Time(Vec::new()),
            ColumnKind::Ip4 => Self::Ip4(Vec::new()),
            ColumnKind::Ip6 | ColumnKind::Ip => Self::Ip(Vec::new()),
            ColumnKind::Mac => Self::Mac(Vec::new()),
            ColumnKind::Word => Self::Word(Vec::new()),
            ColumnKind::Label => Self::Label(Vec::new()),
            ColumnKind::Text | ColumnKind::Bytes => Self::Bytes {
                ends: Vec::new(),
                bytes: Vec::new(),
            },
            ColumnKind::Mpls => Self::Mpls {
                ends: Vec::new(),
                labels: Vec::new(),
            },
        }
    }

    /// Makes room for one value for each of `rows`. Values of fixed size are filled with 0, in whole strides.
    pub(crate) fn reserve(&mut self, rows: usize) {
        let filled = rows.next_multiple_of(STRIDE);
        match self {
            Self::U8(values) | Self::Word(values) => values.resize(filled, 0),
            Self::U16(values) => values.resize(filled, 0),
            Self::U32(values) | Self::Ip4(values) => values.resize(filled, 0),
            Self::U64(values) => values.resize(filled, 0),
            Self::Time(values) => values.resize(filled, 0),
            Self::Ip(values) => values.resize(filled, 0),
            Self::Label(values) => values.resize(filled, 0),
            Self::Mac(values) => values.reserve(rows * 6),
            Self::Bool(words) => words.reserve(rows / 64 + 1),
            Self::Bytes { ends, .. } | Self::Mpls { ends, .. } => {
                ends.reserve(rows + 1);
                ends.push(0);
            }
        }
    }

    /// Bytes of values of variable length.
    pub(crate) fn variable_bytes(&self) -> usize {
        match self {
            Self::Bytes { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Leaves one value for each of `rows`.
    fn truncate(&mut self, rows: usize) {
        match self {
            Self::U8(values) | Self::Word(values) => values.truncate(rows),
            Self::U16(values) => values.truncate(rows),
            Self::U32(values) | Self::Ip4(values) => values.truncate(rows),
            Self::U64(values) => values.truncate(rows),
            Self::Time(values) => values.truncate(rows),
            Self::Ip(values) => values.truncate(rows),
            Self::Label(values) => values.truncate(rows),
            Self::Mac(_) | Self::Bool(_) | Self::Bytes { .. } | Self::Mpls { .. } => {}
        }
    }

    /// The array of the first `count` values.
    pub(crate) fn into_array(
        mut self,
        column: &Column,
        count: usize,
        nulls: Option<NullBuffer>,
        labels: &Labels,
    ) -> Result<ArrayRef, ArrowError> {
        self.truncate(count);
        Ok(match self {
            Self::U8(values) => Arc::new(UInt8Array::try_new(values.into(), nulls)?),
            Self::U16(values) => Arc::new(UInt16Array::try_new(values.into(), nulls)?),
            Self::U32(values) => Arc::new(UInt32Array::try_new(values.into(), nulls)?),
            Self::U64(values) => Arc::new(UInt64Array::try_new(values.into(), nulls)?),
            Self::Time(values) => {
                let times = TimestampMillisecondArray::try_new(values.into(), nulls)?;
                Arc::new(times.with_timezone("UTC"))
            }
            Self::Ip4(values) => fixed_size_array(4, Buffer::from_vec(values), nulls)?,
            Self::Ip(values) => fixed_size_array(16, Buffer::from_vec(values), nulls)?,
            Self::Mac(values) => fixed_size_array(6, Buffer::from_vec(values), nulls)?,
            Self::Bool(words) => {
                let bits = BooleanBuffer::new(Buffer::from_vec(words), 0, count);
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Self::Word(keys) => {
                return word_array(column, UInt8Array::try_new(keys.into(), nulls)?);
            }
            Self::Label(keys) => {
                let keys = Int32Array::try_new(keys.into(), nulls)?;
                let words = match column.source {
                    ColumnSource::File => &labels.files,
                    _ => &labels.idents,
                };
                let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(words) as _)?;
                Arc::new(array)
            }
            Self::Bytes { ends, bytes } => bytes_array(column, ends, bytes, nulls)?,
            Self::Mpls { ends, labels } => {
                let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
                let labels = Arc::new(UInt32Array::try_new(labels.into(), None)?);
                let DataType::List(item) = column.data_type() else {
                    return Err(ArrowError::SchemaError("a list is expected".to_owned()));
                };
                Arc::new(ListArray::try_new(item, ends, labels, nulls)?)
            }
        })
    }
}

fn bytes_array(
    column: &Column,
    ends: Vec<i32>,
    bytes: Vec<u8>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    if i32::try_from(bytes.len()).is_err() {
        return Err(ArrowError::OffsetOverflowError(bytes.len()));
    }
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    let bytes = Buffer::from_vec(bytes);
    Ok(if column.kind() == ColumnKind::Text {
        Arc::new(StringArray::try_new(ends, bytes, nulls)?)
    } else {
        Arc::new(BinaryArray::try_new(ends, bytes, nulls)?)
    })
}

/// The array of a column of words: keys, with the dictionary that all batches have.
pub(crate) fn word_array(column: &Column, keys: UInt8Array) -> Result<ArrayRef, ArrowError> {
    let words = Arc::clone(column.words());
    Ok(Arc::new(DictionaryArray::<UInt8Type>::try_new(
        keys, words,
    )?))
}

fn fixed_size_array(
    width: i32,
    bytes: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(FixedSizeBinaryArray::try_new(
        width, bytes, nulls,
    )?))
}
