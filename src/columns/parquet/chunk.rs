//! Column chunks of Parquet files: numbers, times, addresses, words.
//!
//! This is our own encoder, for speed: the writer of the `parquet` crate accepts values of any type and
//! nesting one by one, and dominates the cost of an export. Here a few loops make a page of values of
//! fixed size. Measured against `ArrowWriter` of parquet 59 with the same properties and batches, on one
//! core: 0.53 s instead of 1.70 s for 2 million flows of a router, 0.68 s instead of 1.75 s for 2 million of a
//! real sample (3.2 and 2.6 times as fast), and files are 2 to 3 % smaller, since addresses have
//! dictionaries. Page headers, metadata and files are the crate's, as are columns of other types.
//!
//! A chunk begins with a dictionary, which is abandoned when it stops saving space. Numbers then become
//! differences (`DELTA_BINARY_PACKED`), addresses plain bytes. Pages are of version 1, which every reader
//! supports.

use std::io::{self, Write as _};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrowPrimitiveType, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, LevelHistogram, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::columns::column::{Column, ColumnKind};
use crate::columns::parquet::encode::bits::{bit_bytes, definition_levels};
use crate::columns::parquet::encode::encoder::{PlainForm, ValueEncoder, word, write_words};
use crate::columns::parquet::encode::value::PageValue as _;

/// Whether chunks of a column are encoded here.
pub(crate) fn is_supported(column: &Column) -> bool {
    match column.kind() {
        ColumnKind::U8
        | ColumnKind::U16
        | ColumnKind::U32
        | ColumnKind::U64
        | ColumnKind::Time
        | ColumnKind::Ip4
        | ColumnKind::Ip6
        | ColumnKind::Ip
        | ColumnKind::Mac
        | ColumnKind::Word => true,
        ColumnKind::Bool => !column.is_nullable(),
        ColumnKind::Mpls | ColumnKind::Label | ColumnKind::Text | ColumnKind::Bytes => false,
    }
}

/// Buffers that a thread keeps for all chunks.
pub(crate) struct ChunkBuffers {
    level: i32,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// The page that is being encoded.
    page: Vec<u8>,
    /// Its bits of validity.
    bits: Vec<u8>,
    /// Numbers of its values in the dictionary.
    numbers: Vec<u32>,
    /// Its values that are not null.
    narrow: Vec<u32>,
    wide: Vec<u64>,
    widest: Vec<u128>,
}

impl ChunkBuffers {
    /// For pages of this level of ZSTD.
    pub(crate) fn new(level: i32) -> Self {
        Self {
            level,
            zstd: None,
            page: Vec::new(),
            bits: Vec::new(),
            numbers: Vec::new(),
            narrow: Vec::new(),
            wide: Vec::new(),
            widest: Vec::new(),
        }
    }

    /// The page, compressed.
    fn compress(&mut self) -> Result<Vec<u8>> {
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Compressor::new(self.level).map_err(external)?),
        };
        let mut compressed = zstd.compress(&self.page).map_err(external)?;
        compressed.shrink_to_fit();
        Ok(compressed)
    }
}

fn external(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn unexpected_type() -> ParquetError {
    ParquetError::General("a column has values of another type".to_owned())
}

/// A count or size as the format stores it.
fn in_format<T: TryFrom<usize>>(number: usize) -> Result<T> {
    let too_large = |_| ParquetError::General("a page is too large".to_owned());
    T::try_from(number).map_err(too_large)
}

/// Encodes one chunk.
pub(crate) struct ChunkWriter {
    descriptor: ColumnDescPtr,
    compression: Compression,
    is_nullable: bool,
    values: ChunkValues,
    pages: Vec<EncodedPage>,
    nulls: usize,
}

/// A page, compressed.
struct EncodedPage {
    bytes: Vec<u8>,
    uncompressed: usize,
    rows: usize,
    encoding: Encoding,
}

/// A complete chunk.
pub(crate) struct EncodedChunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// What a chunk knows of its values.
enum ChunkValues {
    /// Whether false and true occur.
    Bool([bool; 2]),
    /// Numbers of 32 bits in Parquet.
    Narrow(ValueEncoder<u32>),
    /// Numbers of 64 bits; times are signed.
    Wide(ValueEncoder<u64>),
    /// Bytes of this width.
    Fixed(ValueEncoder<u128>, usize),
    /// Keys of a given dictionary, and which of them occur.
    Words(ValueEncoder<u32>, &'static StringArray, Box<[bool; 256]>),
}

impl ChunkWriter {
    /// For a chunk of a column that [`is_supported`].
    pub(crate) fn new(
        column: &'static Column,
        descriptor: &ColumnDescPtr,
        compression: Compression,
    ) -> Self {
        let width = usize::try_from(descriptor.type_length())
            .unwrap_or(0)
            .min(16);
        let values = match column.kind() {
            ColumnKind::Bool => ChunkValues::Bool([false; 2]),
            ColumnKind::Time => ChunkValues::Wide(ValueEncoder::new(false)),
            ColumnKind::U64 => ChunkValues::Wide(ValueEncoder::new(true)),
            ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip | ColumnKind::Mac => {
                ChunkValues::Fixed(ValueEncoder::new(true), width)
            }
            ColumnKind::Word => ChunkValues::Words(
                ValueEncoder::new(true),
                column.words(),
                Box::new([false; 256]),
            ),
            _ => ChunkValues::Narrow(ValueEncoder::new(true)),
        };
        Self {
            descriptor: ColumnDescPtr::clone(descriptor),
            compression,
            is_nullable: column.is_nullable(),
            values,
            pages: Vec::new(),
            nulls: 0,
        }
    }

    /// Adds values as a page.
    pub(crate) fn add(&mut self, array: &dyn Array, buffers: &mut ChunkBuffers) -> Result<()> {
        let rows = array.len();
        let nulls = array.nulls().filter(|nulls| nulls.null_count() != 0);
        buffers.page.clear();
        if self.is_nullable {
            definition_levels(nulls, rows, &mut buffers.bits, &mut buffers.page);
        } else if nulls.is_some() {
            return Err(unexpected_type());
        }
        self.nulls += nulls.map_or(0, NullBuffer::null_count);
        let encoding = self.values.encode(array, nulls, buffers)?;
        self.pages.push(EncodedPage {
            uncompressed: buffers.page.len(),
            bytes: buffers.compress()?,
            rows,
            encoding,
        });
        Ok(())
    }

    /// Ends the chunk.
    pub(crate) fn finish(mut self, buffers: &mut ChunkBuffers) -> Result<EncodedChunk> {
        let mut out = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut out);
        let mut index = OffsetIndexBuilder::new();
        let mut encodings = EncodingCounts::new();
        let (mut uncompressed, mut rows) = (0, 0);
        let mut dictionary_offset = None;
        if self.has_dictionary() {
            buffers.page.clear();
            let entries = self.values.write_dictionary(&mut buffers.page);
            let size = buffers.page.len();
            let page = Page::DictionaryPage {
                buf: buffers.compress()?.into(),
                num_values: in_format(entries)?,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            encodings.add(PageType::DICTIONARY_PAGE, Encoding::PLAIN);
            let written = writer.write_page(CompressedPage::new(page, size))?;
            uncompressed += written.uncompressed_size;
            dictionary_offset = Some(written.offset.cast_signed());
        }
        let mut data_offset = None;
        for page in std::mem::take(&mut self.pages) {
            let data = Page::DataPage {
                buf: page.bytes.into(),
                num_values: in_format(page.rows)?,
                encoding: page.encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            encodings.add(PageType::DATA_PAGE, page.encoding);
            let written = writer.write_page(CompressedPage::new(data, page.uncompressed))?;
            let offset = written.offset.cast_signed();
            index.append_row_count(in_format(page.rows)?);
            index.append_offset_and_size(offset, in_format(written.compressed_size)?);
            uncompressed += written.uncompressed_size;
            rows += page.rows;
            data_offset.get_or_insert(offset);
        }
        out.flush()?;
        let bytes = out.into_inner()?;
        let metadata = ColumnChunkMetaData::builder(ColumnDescPtr::clone(&self.descriptor))
            .set_compression(self.compression)
            .set_encodings(encodings.all)
            .set_page_encoding_stats(encodings.pages)
            .set_total_compressed_size(in_format(bytes.len())?)
            .set_total_uncompressed_size(in_format(uncompressed)?)
            .set_num_values(in_format(rows)?)
            .set_data_page_offset(data_offset.unwrap_or_default())
            .set_dictionary_page_offset(dictionary_offset)
            .set_definition_level_histogram(self.level_histogram(rows)?)
            .set_statistics(self.values.statistics(self.nulls as u64, &self.descriptor))
            .build()?;
        Ok(EncodedChunk {
            close: ColumnCloseResult {
                bytes_written: bytes.len() as u64,
                rows_written: rows as u64,
                metadata,
                bloom_filter: None,
                column_index: None,
                offset_index: Some(index.build()),
            },
            bytes: bytes.into(),
        })
    }

    /// How many of the rows are null and how many are not.
    fn level_histogram(&self, rows: usize) -> Result<Option<LevelHistogram>> {
        let mut levels = LevelHistogram::try_new(self.descriptor.max_def_level());
        if let Some(levels) = &mut levels {
            levels.increment_by(0, in_format(self.nulls)?);
            levels.increment_by(1, in_format(rows - self.nulls)?);
        }
        Ok(levels)
    }

    fn has_dictionary(&self) -> bool {
        let mut pages = self.pages.iter();
        pages.any(|page| page.encoding == Encoding::RLE_DICTIONARY)
    }
}

/// The encodings of a chunk, for its metadata.
struct EncodingCounts {
    all: Vec<Encoding>,
    /// Pages in a row with the same encoding.
    pages: Vec<PageEncodingStats>,
}

impl EncodingCounts {
    /// Levels are always encoded as runs.
    fn new() -> Self {
        Self {
            all: vec![Encoding::RLE],
            pages: Vec::new(),
        }
    }

    fn add(&mut self, page_type: PageType, encoding: Encoding) {
        if !self.all.contains(&encoding) {
            self.all.push(encoding);
        }
        match self.pages.last_mut() {
            Some(last) if last.page_type == page_type && last.encoding == encoding => {
                last.count += 1;
            }
            _ => self.pages.push(PageEncodingStats {
                page_type,
                encoding,
                count: 1,
            }),
        }
    }
}

impl ChunkValues {
    /// Appends the values of an array to the page.
    fn encode(
        &mut self,
        array: &dyn Array,
        nulls: Option<&NullBuffer>,
        buffers: &mut ChunkBuffers,
    ) -> Result<Encoding> {
        let ChunkBuffers {
            page,
            bits,
            numbers,
            narrow,
            wide,
            widest,
            ..
        } = buffers;
        Ok(match self {
            Self::Bool(seen) => {
                let values = array.as_boolean_opt().ok_or_else(unexpected_type)?.values();
                let set = values.count_set_bits();
                seen[0] |= set != array.len();
                seen[1] |= set != 0;
                bit_bytes(values.bit_chunks().iter_padded(), array.len(), bits);
                page.extend_from_slice(bits);
                Encoding::PLAIN
            }
            Self::Narrow(encoder) => {
                narrow.clear();
                match array.data_type() {
                    DataType::UInt8 => compact::<UInt8Type, _>(array, nulls, narrow, u32::from)?,
                    DataType::UInt16 => compact::<UInt16Type, _>(array, nulls, narrow, u32::from)?,
                    _ => compact::<UInt32Type, _>(array, nulls, narrow, |value| value)?,
                }
                encoder.encode(narrow, PlainForm::Differences, numbers, page)
            }
            Self::Wide(encoder) => {
                wide.clear();
                if array.data_type() == &DataType::UInt64 {
                    compact::<UInt64Type, _>(array, nulls, wide, |value| value)?;
                } else {
                    compact::<TimestampMillisecondType, _>(array, nulls, wide, i64::cast_unsigned)?;
                }
                encoder.encode(wide, PlainForm::Differences, numbers, page)
            }
            Self::Fixed(encoder, width) => {
                fixed_values(array, nulls, *width, widest)?;
                encoder.encode(widest, PlainForm::Bytes(*width), numbers, page)
            }
            Self::Words(encoder, words, seen) => {
                let dictionary = array
                    .as_dictionary_opt::<UInt8Type>()
                    .ok_or_else(unexpected_type)?;
                if dictionary.values().as_string_opt::<i32>() != Some(words) {
                    return Err(unexpected_type());
                }
                narrow.clear();
                compact::<UInt8Type, _>(dictionary.keys(), nulls, narrow, u32::from)?;
                for key in &*narrow {
                    seen[*key as usize % 256] = true;
                }
                encoder.encode(narrow, PlainForm::Words(words), numbers, page)
            }
        })
    }

    /// Appends the entries of the dictionary page, and returns their number.
    fn write_dictionary(&self, page: &mut Vec<u8>) -> usize {
        match self {
            Self::Bool(_) => 0,
            Self::Narrow(encoder) => encoder.dictionary.write(page, 4),
            Self::Wide(encoder) => encoder.dictionary.write(page, 8),
            Self::Fixed(encoder, width) => encoder.dictionary.write(page, *width),
            Self::Words(encoder, words, _) => {
                let keys = &encoder.dictionary.entries;
                write_words(keys.iter().copied(), words, page);
                keys.len()
            }
        }
    }

    /// Smallest and largest value, and the number of nulls.
    fn statistics(&self, nulls: u64, descriptor: &ColumnDescPtr) -> Statistics {
        // Old readers may use them only if all orders of comparison agree.
        let signed = descriptor.sort_order().is_signed();
        macro_rules! of {
            ($range:expr) => {{
                let (low, high) = $range.unzip();
                ValueStatistics::new(low, high, None, Some(nulls), false)
                    .with_backwards_compatible_min_max(signed)
                    .into()
            }};
        }
        match self {
            Self::Bool([no, yes]) => of!((*no || *yes).then_some((!*no, *yes))),
            Self::Narrow(encoder) => {
                let range = encoder.range();
                of!(range.map(|(low, high)| (low.cast_signed(), high.cast_signed())))
            }
            Self::Wide(encoder) => {
                let range = encoder.range();
                of!(range.map(|(low, high)| (low.cast_signed(), high.cast_signed())))
            }
            Self::Fixed(encoder, width) => {
                let bytes = |value: u128| {
                    let mut bytes = Vec::new();
                    value.put(*width, &mut bytes);
                    FixedLenByteArray::from(bytes)
                };
                of!(encoder.range().map(|(low, high)| (bytes(low), bytes(high))))
            }
            Self::Words(_, words, seen) => {
                let used = || {
                    let keys = (0..).zip(&**seen).filter(|(_, seen)| **seen);
                    keys.map(|(key, _)| word(words, key))
                };
                let range = used().min().zip(used().max());
                of!(range.map(|(low, high)| (ByteArray::from(low), ByteArray::from(high))))
            }
        }
    }
}

/// Replaces `out` by the values of an array of bytes that are not null.
fn fixed_values(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    width: usize,
    out: &mut Vec<u128>,
) -> Result<()> {
    let values = array
        .as_fixed_size_binary_opt()
        .ok_or_else(unexpected_type)?;
    out.clear();
    let bytes = values.value_data().chunks_exact(width.max(1));
    append_valid(bytes, nulls, out, |bytes| {
        if let Some(bytes) = bytes.first_chunk::<16>() {
            return u128::from_be_bytes(*bytes);
        }
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u128::from(*byte))
    });
    Ok(())
}

/// Appends the values of an array that are not null.
fn compact<P: ArrowPrimitiveType, T: Copy + Default>(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    out: &mut Vec<T>,
    convert: impl Fn(P::Native) -> T,
) -> Result<()> {
    let values = array.as_primitive_opt::<P>().ok_or_else(unexpected_type)?;
    append_valid(values.values().iter(), nulls, out, |value| convert(*value));
    Ok(())
}

/// Appends those of the values that are not null.
fn append_valid<V, T: Copy + Default>(
    values: impl ExactSizeIterator<Item = V>,
    nulls: Option<&NullBuffer>,
    out: &mut Vec<T>,
    convert: impl Fn(V) -> T,
) {
    let Some(nulls) = nulls else {
        out.extend(values.map(convert));
        return;
    };
    if nulls.null_count() == nulls.len() {
        return;
    }
    // Every value is stored, but the position only advances after one that is not null.
    out.resize(values.len(), T::default());
    let mut count = 0;
    for (value, valid) in values.zip(nulls.iter()) {
        if let Some(place) = out.get_mut(count) {
            *place = convert(value);
        }
        count += usize::from(valid);
    }
    out.truncate(count);
}
