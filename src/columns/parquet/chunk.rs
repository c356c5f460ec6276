//! Column chunks of Parquet files, for what flows have most of: numbers, times, addresses, words.
//!
//! The Parquet library's writer takes values of any type and nesting one by one, and spends more time
//! on them than all else that is done with a flow. Here a page of values of fixed size is made in a
//! few loops. Page headers, metadata and files remain the library's, as do columns of other types.
//!
//! A column begins with a dictionary, which is given up when it does not pay. Numbers then become
//! differences (`DELTA_BINARY_PACKED`), addresses plain bytes. Pages are of the first version, which
//! every reader knows.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::sync::LazyLock;

use ::parquet::basic::{Compression, Encoding, PageType};
use ::parquet::column::page::{CompressedPage, Page, PageWriter as _};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::data_type::{ByteArray, FixedLenByteArray};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{
    ColumnChunkMetaData, LevelHistogram, OffsetIndexBuilder, PageEncodingStats,
};
use ::parquet::file::statistics::{Statistics, ValueStatistics};
use ::parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrowPrimitiveType, StringArray};
use arrow_buffer::NullBuffer;
use bytes::Bytes;

use crate::columns::column::{Column, ColumnKind};

/// Values after which a dictionary must have shown that it pays.
const TRIAL: usize = 4096;
/// Entries of a dictionary at most.
const ENTRIES_MAX: usize = 1 << 16;
/// Entries of a dictionary of words at most: Arrow's reader wants their number to fit into a byte.
const WORDS_MAX: usize = 255;
/// Values of a run in the hybrid encoding at most: its header then is one byte, as of all writers.
const RUN: usize = 63 * 8;
/// Values of a block and of a part of it in the encoding of differences.
const BLOCK: usize = 128;
const PART: usize = 32;

/// Whether chunks of a column are made here.
pub(crate) fn takes(column: &Column) -> bool {
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

/// What a thread keeps for all chunks.
pub(crate) struct Tools {
    level: i32,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// The page in the making.
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

impl Tools {
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
            none => none.insert(zstd::bulk::Compressor::new(self.level).map_err(failed)?),
        };
        let mut compressed = zstd.compress(&self.page).map_err(failed)?;
        compressed.shrink_to_fit();
        Ok(compressed)
    }
}

fn failed(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn unexpected() -> ParquetError {
    ParquetError::General("a column has values of another type".to_owned())
}

/// A chunk in the making.
pub(crate) struct ChunkWriter {
    descriptor: ColumnDescPtr,
    compression: Compression,
    nullable: bool,
    values: Values,
    pages: Vec<DataPage>,
    nulls: u64,
}

/// A page, compressed.
struct DataPage {
    bytes: Vec<u8>,
    uncompressed: usize,
    rows: usize,
    encoding: Encoding,
}

/// A chunk, complete.
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// What a chunk knows of its values.
enum Values {
    /// Whether there is a false and a true.
    Bool([bool; 2]),
    /// Numbers of 32 bits in Parquet.
    Narrow(Coder<u32>),
    /// Of 64 bits; times are signed.
    Wide(Coder<u64>),
    /// Bytes of this width.
    Fixed(Coder<u128>, usize),
    /// Keys of a dictionary that is given, and which of them occur.
    Words(Coder<u32>, &'static StringArray, Box<[bool; 256]>),
}

impl ChunkWriter {
    /// For a chunk of a column that [`takes`] is true of.
    pub(crate) fn new(
        column: &'static Column,
        descriptor: &ColumnDescPtr,
        compression: Compression,
    ) -> Self {
        let width = usize::try_from(descriptor.type_length())
            .unwrap_or(0)
            .min(16);
        let values = match column.kind() {
            ColumnKind::Bool => Values::Bool([false; 2]),
            ColumnKind::Time => Values::Wide(Coder::new(false)),
            ColumnKind::U64 => Values::Wide(Coder::new(true)),
            ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip | ColumnKind::Mac => {
                Values::Fixed(Coder::new(true), width)
            }
            ColumnKind::Word => {
                Values::Words(Coder::new(true), column.words(), Box::new([false; 256]))
            }
            _ => Values::Narrow(Coder::new(true)),
        };
        Self {
            descriptor: ColumnDescPtr::clone(descriptor),
            compression,
            nullable: column.is_nullable(),
            values,
            pages: Vec::new(),
            nulls: 0,
        }
    }

    /// Adds values as a page.
    pub(crate) fn add(&mut self, array: &dyn Array, tools: &mut Tools) -> Result<()> {
        let rows = array.len();
        let nulls = array.nulls().filter(|nulls| nulls.null_count() != 0);
        tools.page.clear();
        if self.nullable {
            levels(nulls, rows, &mut tools.bits, &mut tools.page);
        } else if nulls.is_some() {
            return Err(unexpected());
        }
        self.nulls += nulls.map_or(0, |nulls| nulls.null_count() as u64);
        let Tools {
            page,
            bits,
            numbers,
            narrow,
            wide,
            widest,
            ..
        } = tools;
        let encoding = match &mut self.values {
            Values::Bool(seen) => {
                let values = array.as_boolean_opt().ok_or_else(unexpected)?.values();
                let set = values.count_set_bits();
                seen[0] |= set != rows;
                seen[1] |= set != 0;
                bit_bytes(values.bit_chunks().iter_padded(), rows, bits);
                page.extend_from_slice(bits);
                Encoding::PLAIN
            }
            Values::Narrow(coder) => {
                narrow.clear();
                match array.data_type() {
                    arrow_schema::DataType::UInt8 => {
                        compact::<UInt8Type, _>(array, nulls, narrow, u32::from)?;
                    }
                    arrow_schema::DataType::UInt16 => {
                        compact::<UInt16Type, _>(array, nulls, narrow, u32::from)?;
                    }
                    _ => compact::<UInt32Type, _>(array, nulls, narrow, |value| value)?,
                }
                coder.encode(narrow, Rest::Differences, numbers, page)
            }
            Values::Wide(coder) => {
                wide.clear();
                if array.data_type() == &arrow_schema::DataType::UInt64 {
                    compact::<UInt64Type, _>(array, nulls, wide, |value| value)?;
                } else {
                    compact::<TimestampMillisecondType, _>(array, nulls, wide, i64::cast_unsigned)?;
                }
                coder.encode(wide, Rest::Differences, numbers, page)
            }
            Values::Fixed(coder, width) => {
                let values = array.as_fixed_size_binary_opt().ok_or_else(unexpected)?;
                widest.clear();
                let bytes = values.value_data().chunks_exact((*width).max(1));
                pick(bytes, nulls, widest, |bytes| {
                    if let Some(bytes) = bytes.first_chunk::<16>() {
                        return u128::from_be_bytes(*bytes);
                    }
                    bytes
                        .iter()
                        .fold(0, |number, byte| number << 8 | u128::from(*byte))
                });
                coder.encode(widest, Rest::Plain(*width), numbers, page)
            }
            Values::Words(coder, words, seen) => {
                let dictionary = array
                    .as_dictionary_opt::<UInt8Type>()
                    .ok_or_else(unexpected)?;
                if dictionary.values().as_string_opt::<i32>() != Some(words) {
                    return Err(unexpected());
                }
                let keys = dictionary.keys();
                narrow.clear();
                compact::<UInt8Type, _>(keys, nulls, narrow, u32::from)?;
                for key in &*narrow {
                    seen[*key as usize % 256] = true;
                }
                coder.encode(narrow, Rest::Words(words), numbers, page)
            }
        };
        self.pages.push(DataPage {
            uncompressed: tools.page.len(),
            bytes: tools.compress()?,
            rows,
            encoding,
        });
        Ok(())
    }

    /// Ends the chunk.
    pub(crate) fn finish(mut self, tools: &mut Tools) -> Result<Chunk> {
        let mut out = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut out);
        let mut index = OffsetIndexBuilder::new();
        let mut encodings = vec![Encoding::RLE];
        let mut encoding_stats: Vec<PageEncodingStats> = Vec::new();
        let mut count = |page_type, encoding| {
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
            match encoding_stats.last_mut() {
                Some(last) if last.page_type == page_type && last.encoding == encoding => {
                    last.count += 1;
                }
                _ => encoding_stats.push(PageEncodingStats {
                    page_type,
                    encoding,
                    count: 1,
                }),
            }
        };
        let (mut uncompressed, mut rows) = (0, 0);
        let has_dictionary = self
            .pages
            .iter()
            .any(|page| page.encoding == Encoding::RLE_DICTIONARY);
        let mut dictionary_offset = None;
        if has_dictionary {
            tools.page.clear();
            let entries = self.values.write_dictionary(&mut tools.page);
            let size = tools.page.len();
            let page = Page::DictionaryPage {
                buf: tools.compress()?.into(),
                num_values: entries as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            count(PageType::DICTIONARY_PAGE, Encoding::PLAIN);
            let written = writer.write_page(CompressedPage::new(page, size))?;
            uncompressed += written.uncompressed_size;
            dictionary_offset = Some(written.offset as i64);
        }
        let mut data_offset = None;
        for page in std::mem::take(&mut self.pages) {
            let data = Page::DataPage {
                buf: page.bytes.into(),
                num_values: page.rows as u32,
                encoding: page.encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            count(PageType::DATA_PAGE, page.encoding);
            let written = writer.write_page(CompressedPage::new(data, page.uncompressed))?;
            index.append_row_count(page.rows as i64);
            index.append_offset_and_size(written.offset as i64, written.compressed_size as i32);
            uncompressed += written.uncompressed_size;
            rows += page.rows as u64;
            data_offset.get_or_insert(written.offset as i64);
        }
        out.flush()?;
        let bytes = out.into_inner()?;
        let mut levels = LevelHistogram::try_new(self.descriptor.max_def_level());
        if let Some(levels) = &mut levels {
            levels.increment_by(0, self.nulls as i64);
            levels.increment_by(1, (rows - self.nulls) as i64);
        }
        let metadata = ColumnChunkMetaData::builder(ColumnDescPtr::clone(&self.descriptor))
            .set_compression(self.compression)
            .set_encodings(encodings)
            .set_page_encoding_stats(encoding_stats)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(uncompressed as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(data_offset.unwrap_or_default())
            .set_dictionary_page_offset(dictionary_offset)
            .set_definition_level_histogram(levels)
            .set_statistics(self.values.statistics(self.nulls, &self.descriptor))
            .build()?;
        Ok(Chunk {
            close: ColumnCloseResult {
                bytes_written: bytes.len() as u64,
                rows_written: rows,
                metadata,
                bloom_filter: None,
                column_index: None,
                offset_index: Some(index.build()),
            },
            bytes: bytes.into(),
        })
    }
}

impl Values {
    /// The entries as they stand in the page of the dictionary, and how many these are.
    fn write_dictionary(&self, page: &mut Vec<u8>) -> usize {
        match self {
            Self::Bool(_) => 0,
            Self::Narrow(coder) => coder.dictionary.write(page, 4),
            Self::Wide(coder) => coder.dictionary.write(page, 8),
            Self::Fixed(coder, width) => coder.dictionary.write(page, *width),
            Self::Words(coder, words, _) => {
                write_words(&coder.dictionary.entries, words, page);
                coder.dictionary.entries.len()
            }
        }
    }

    /// Smallest and largest value, and the number of nulls.
    fn statistics(&self, nulls: u64, descriptor: &ColumnDescPtr) -> Statistics {
        // Only where all comparisons agree old readers may use them.
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
            Self::Narrow(coder) => {
                let range = coder.range();
                of!(range.map(|(low, high)| (low.cast_signed(), high.cast_signed())))
            }
            Self::Wide(coder) => {
                let range = coder.range();
                of!(range.map(|(low, high)| (low.cast_signed(), high.cast_signed())))
            }
            Self::Fixed(coder, width) => {
                let bytes = |value: u128| {
                    let mut bytes = Vec::new();
                    value.put(*width, &mut bytes);
                    FixedLenByteArray::from(bytes)
                };
                of!(coder.range().map(|(low, high)| (bytes(low), bytes(high))))
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

fn write_words(keys: &[u32], words: &StringArray, page: &mut Vec<u8>) {
    for key in keys {
        let word = word(words, *key).as_bytes();
        page.extend_from_slice(&(word.len() as u32).to_le_bytes());
        page.extend_from_slice(word);
    }
}

fn word(words: &StringArray, key: u32) -> &str {
    let key = key as usize;
    if key < words.len() {
        words.value(key)
    } else {
        ""
    }
}

/// Appends the values of an array that are not null.
fn compact<P: ArrowPrimitiveType, T: Copy + Default>(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    out: &mut Vec<T>,
    convert: impl Fn(P::Native) -> T,
) -> Result<()> {
    let values = array.as_primitive_opt::<P>().ok_or_else(unexpected)?;
    pick(values.values().iter(), nulls, out, |value| convert(*value));
    Ok(())
}

/// Appends those of the values that are not null.
fn pick<V, T: Copy + Default>(
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
    // Every value is stored, but only after one that counts the next place is taken.
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

/// The first `count` bits as bytes.
fn bit_bytes(words: impl Iterator<Item = u64>, count: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend(words.flat_map(u64::to_le_bytes));
    out.resize(count.div_ceil(8), 0);
    if !count.is_multiple_of(8)
        && let Some(last) = out.last_mut()
    {
        *last &= (1 << (count % 8)) - 1;
    }
}

/// Appends definition levels: 1 where there is a value.
fn levels(nulls: Option<&NullBuffer>, rows: usize, bits: &mut Vec<u8>, page: &mut Vec<u8>) {
    let length_at = page.len();
    page.extend_from_slice(&[0; 4]);
    match nulls {
        Some(nulls) if nulls.null_count() != rows => {
            bit_bytes(nulls.inner().bit_chunks().iter_padded(), rows, bits);
            for run in bits.chunks(RUN / 8) {
                page.push((run.len() as u8) << 1 | 1);
                page.extend_from_slice(run);
            }
        }
        _ => {
            varint((rows as u64) << 1, page);
            page.push(u8::from(nulls.is_none()));
        }
    }
    let length = (page.len() - length_at - 4) as u32;
    if let Some(place) = page.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A value of fixed size.
trait Stored: Copy + Ord + Default {
    fn hash(self, factor: u64) -> u64;
    /// Its first `width` bytes as Parquet has them.
    fn put(self, width: usize, out: &mut Vec<u8>);
    /// This minus another, around the ends of its type.
    fn minus(self, other: Self) -> Self;
    fn bits(self) -> u64;
    /// From a number that has its sign.
    fn signed(self) -> i64;
    fn of(number: i64) -> Self;
}

impl Stored for u32 {
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

    #[inline]
    fn of(number: i64) -> Self {
        number as Self
    }
}

impl Stored for u64 {
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
    fn of(number: i64) -> Self {
        number.cast_unsigned()
    }
}

/// Bytes in network order.
impl Stored for u128 {
    #[inline]
    fn hash(self, factor: u64) -> u64 {
        let (high, low) = ((self >> 64) as u64, self as u64);
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
        self as u64
    }

    fn signed(self) -> i64 {
        self as i64
    }

    fn of(number: i64) -> Self {
        number.cast_unsigned().into()
    }
}

/// Values by number, in the order in which they occurred first.
struct Dictionary<T> {
    entries: Vec<T>,
    /// The number of an entry and 1, at a place that follows from its hash; at least half are 0.
    slots: Vec<u32>,
    /// What hashes are shifted by, so that they fit.
    shift: u32,
}

/// Nobody outside can know it, hence nobody can choose values that have the same place.
static FACTOR: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0_u8) | 1);

impl<T: Stored> Dictionary<T> {
    fn new() -> Self {
        const BITS: u32 = 6;
        Self {
            entries: Vec::new(),
            slots: vec![0; 1 << BITS],
            shift: 64 - BITS,
        }
    }

    #[inline]
    fn number(&mut self, value: T, factor: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = (value.hash(factor) >> self.shift) as usize;
        loop {
            match self.slots.get(at & mask) {
                Some(0) | None => break,
                Some(slot) => {
                    let number = slot - 1;
                    if self.entries.get(number as usize) == Some(&value) {
                        return number;
                    }
                }
            }
            at += 1;
        }
        self.insert(value, at & mask, factor)
    }

    #[inline(never)]
    fn insert(&mut self, value: T, at: usize, factor: u64) -> u32 {
        let number = self.entries.len() as u32;
        self.entries.push(value);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = number + 1;
        }
        if self.entries.len() * 2 > self.slots.len() {
            self.grow(factor);
        }
        number
    }

    fn grow(&mut self, factor: u64) {
        let mut slots = vec![0; self.slots.len() * 4];
        self.shift -= 2;
        let mask = slots.len() - 1;
        for (entry, number) in self.entries.iter().zip(1..) {
            let mut at = (entry.hash(factor) >> self.shift) as usize;
            while let Some(slot) = slots.get_mut(at & mask) {
                if *slot == 0 {
                    *slot = number;
                    break;
                }
                at += 1;
            }
        }
        self.slots = slots;
    }

    fn write(&self, page: &mut Vec<u8>, width: usize) -> usize {
        for entry in &self.entries {
            entry.put(width, page);
        }
        self.entries.len()
    }
}

/// What becomes of values without dictionary.
#[derive(Clone, Copy)]
enum Rest {
    /// Differences.
    Differences,
    /// Bytes of this width.
    Plain(usize),
    /// These words, by number.
    Words(&'static StringArray),
}

/// Makes pages of values.
struct Coder<T> {
    dictionary: Dictionary<T>,
    /// Values go to the dictionary.
    collects: bool,
    /// Values so far.
    count: usize,
    /// Of the values that are not in the dictionary.
    outside: Option<(T, T)>,
}

impl<T: Stored> Coder<T> {
    fn new(collects: bool) -> Self {
        Self {
            dictionary: Dictionary::new(),
            collects,
            count: 0,
            outside: None,
        }
    }

    /// Smallest and largest value.
    fn range(&self) -> Option<(T, T)> {
        let inside = range(&self.dictionary.entries);
        match (inside, self.outside) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (inside, outside) => inside.or(outside),
        }
    }

    fn encode(
        &mut self,
        values: &[T],
        rest: Rest,
        numbers: &mut Vec<u32>,
        page: &mut Vec<u8>,
    ) -> Encoding {
        if self.collects && self.collect(values, rest, numbers) {
            let width = u32::BITS
                - (self.dictionary.entries.len().saturating_sub(1) as u32).leading_zeros();
            page.push(width as u8);
            for run in numbers.chunks(RUN) {
                hybrid(run, width, page);
            }
            return Encoding::RLE_DICTIONARY;
        }
        if let Some((low, high)) = range(values) {
            let known = self.outside.get_or_insert((low, high));
            *known = (known.0.min(low), known.1.max(high));
        }
        match rest {
            Rest::Differences => {
                differences(values, page);
                Encoding::DELTA_BINARY_PACKED
            }
            Rest::Plain(width) => {
                page.reserve(values.len() * width);
                for value in values {
                    value.put(width, page);
                }
                Encoding::PLAIN
            }
            Rest::Words(words) => {
                let keys: Vec<_> = values.iter().map(|key| key.bits() as u32).collect();
                write_words(&keys, words, page);
                Encoding::PLAIN
            }
        }
    }

    /// Finds the numbers of values, unless the dictionary does not pay.
    fn collect(&mut self, values: &[T], rest: Rest, numbers: &mut Vec<u32>) -> bool {
        // A number and its entry take more room than the bytes that would be stored otherwise.
        let share = match rest {
            Rest::Differences => 4,
            Rest::Plain(_) => 2,
            Rest::Words(_) => 1,
        };
        let most = match rest {
            Rest::Words(_) => WORDS_MAX,
            _ => ENTRIES_MAX,
        };
        let pays =
            |entries: usize, values: usize| entries * share <= values.max(TRIAL) && entries <= most;
        if !pays(self.dictionary.entries.len(), self.count) {
            self.collects = false;
            return false;
        }
        numbers.clear();
        numbers.reserve(values.len());
        let factor = *FACTOR;
        let dictionary = &mut self.dictionary;
        let known = dictionary.entries.len();
        let first = self.count == 0;
        for part in values.chunks(TRIAL) {
            numbers.extend(part.iter().map(|value| dictionary.number(*value, factor)));
            if first && !pays(dictionary.entries.len(), numbers.len()) {
                // No page has been made with it.
                *dictionary = Dictionary::new();
                self.collects = false;
                return false;
            }
        }
        if matches!(rest, Rest::Words(_)) && dictionary.entries.len() > most {
            // Pages made before have only those.
            dictionary.entries.truncate(known);
            self.collects = false;
            return false;
        }
        self.count += values.len();
        true
    }
}

fn range<T: Stored>(values: &[T]) -> Option<(T, T)> {
    let (first, rest) = values.split_first()?;
    Some(rest.iter().fold((*first, *first), |(low, high), value| {
        (low.min(*value), high.max(*value))
    }))
}

/// Appends a run of numbers of `width` bits.
fn hybrid(run: &[u32], width: u32, page: &mut Vec<u8>) {
    let first = run.first().copied().unwrap_or_default();
    if run.iter().fold(0, |differ, number| differ | number ^ first) == 0 {
        varint((run.len() as u64) << 1, page);
        let bytes = first.to_le_bytes();
        page.extend_from_slice(bytes.get(..width.div_ceil(8) as usize).unwrap_or_default());
        return;
    }
    let groups = run.len().div_ceil(8);
    page.push((groups as u8) << 1 | 1);
    let end = page.len() + groups * width as usize;
    pack(run.iter().map(|number| u64::from(*number)), width, page);
    page.resize(end, 0);
}

/// Appends numbers of `width` bits, the last byte filled with 0.
#[inline]
fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width > 32 {
        let (mut held, mut bits) = (0_u128, 0);
        for number in numbers {
            held |= u128::from(number) << bits;
            bits += width;
            if bits >= 64 {
                out.extend_from_slice(&(held as u64).to_le_bytes());
                held >>= 64;
                bits -= 64;
            }
        }
        let bytes = (held as u64).to_le_bytes();
        out.extend_from_slice(bytes.get(..bits.div_ceil(8) as usize).unwrap_or_default());
        return;
    }
    let (mut held, mut bits) = (0_u64, 0);
    for number in numbers {
        held |= number << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&(held as u32).to_le_bytes());
            held >>= 32;
            bits -= 32;
        }
    }
    let bytes = (held as u32).to_le_bytes();
    out.extend_from_slice(bytes.get(..bits.div_ceil(8) as usize).unwrap_or_default());
}

/// Appends numbers as differences.
fn differences<T: Stored>(values: &[T], page: &mut Vec<u8>) {
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
        let least = T::of(least);
        let used = steps.get(..block.len()).unwrap_or_default();
        for (number, part) in used.chunks(PART).enumerate() {
            let over = |step: &T| step.minus(least).bits();
            let all = part.iter().fold(0, |all, step| all | over(step));
            let width = u64::BITS - all.leading_zeros();
            if let Some(place) = page.get_mut(widths_at + number) {
                *place = width as u8;
            }
            let end = page.len() + PART / 8 * width as usize;
            pack(part.iter().map(over), width, page);
            page.resize(end, 0);
        }
    }
}
