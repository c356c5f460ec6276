//! From rows to Arrow arrays: for each column one loop over the rows of each shape.
//!
//! Rows are taken a few hundred at a time, see [`Stride`]. Elements too short for a field, and
//! records whose elements must be looked for, go a slow way that gives the same values.

use std::sync::Arc;

use arrow_array::types::{Int32Type, UInt8Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int32Array,
    ListArray, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array, new_null_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use crate::columns::column::{Column, ColumnKind, Header, Source};
use crate::columns::projection::Projection;
use crate::columns::rows::{Row, Rows};
use crate::columns::stride::{Bits, Group, STRIDE, Stride};
use crate::file::block::Block;
use crate::flow::bytes::Condition;
use crate::flow::bytes::{acl_at, bytes_at, nat_offset, text_at, u8_at, u16_at};
use crate::flow::element::{Field, FieldKind};
use crate::flow::view::Flow;
use crate::payload::tls::Hello;
use crate::raw::RawShape;
use crate::value::mac::MacAddr;

/// Rows of one batch at most: blocks of usual files have fewer, and more would only cost memory.
pub const BATCH_MAX: usize = 1 << 16;

/// Makes record batches of the flows of decoded blocks.
///
/// ```no_run
/// use nfdecode::columns::{BatchBuilder, Projection};
/// let file = nfdecode::File::open("nfcapd.202601011200")?;
/// let mut builder = BatchBuilder::new(&Projection::of(["src_addr", "in_bytes"])?);
/// for block in file.blocks() {
///     for batch in builder.block(&block?)? {
///         println!("{} flows", batch.num_rows());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    projection: Projection,
    columns: Vec<Builder>,
    /// Arrays of nulls, as long as one was ever needed, by type.
    nulls: Vec<ArrayRef>,
    labels: Labels,
}

impl BatchBuilder {
    /// For batches of these columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let columns = projection
            .columns()
            .iter()
            .map(|column| Builder::new(column));
        Self {
            columns: columns.collect(),
            projection: projection.clone(),
            nulls: Vec::new(),
            labels: Labels::default(),
        }
    }

    /// The flows now come from a file of this name and ident: what the columns `file` and `ident`
    /// hold.
    pub fn set_file(&mut self, name: &str, ident: Option<&[u8]>) {
        self.labels = Labels::one(name, ident);
    }

    pub fn set_labels(&mut self, labels: Labels) {
        self.labels = labels;
    }

    /// The flows of a block, mostly in one batch; none if it has no flows.
    ///
    /// # Errors
    /// None that a block can cause; an error of the Arrow library is passed on.
    pub fn block(&mut self, block: &Block) -> Result<Vec<RecordBatch>, ArrowError> {
        let mut rows = Rows::new();
        rows.add(block, 0, None, usize::MAX);
        self.batches(&rows)
    }

    /// All rows in batches of up to [`BATCH_MAX`].
    pub fn batches(&mut self, rows: &Rows<'_>) -> Result<Vec<RecordBatch>, ArrowError> {
        (0..rows.len())
            .step_by(BATCH_MAX)
            .map(|start| {
                let end = rows.len().min(start + BATCH_MAX);
                let arrays = self.arrays(rows, start..end)?;
                let options = RecordBatchOptions::new().with_row_count(Some(end - start));
                RecordBatch::try_new_with_options(self.projection.schema(), arrays, &options)
            })
            .collect()
    }

    /// One array for each column.
    pub(crate) fn arrays(
        &mut self,
        rows: &Rows<'_>,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let count = range.len();
        let used = used_shapes(rows, range.clone());
        for column in &mut self.columns {
            column.begin(rows.shapes(), &used, count);
        }
        let mut stride = Stride::new(rows.shapes().len());
        for (number, taken) in rows.rows(range).chunks(STRIDE).enumerate() {
            stride.set(number, taken);
            for column in &mut self.columns {
                column.take(&stride, rows.shapes(), &self.labels);
            }
        }
        let Self {
            columns,
            nulls,
            labels,
            ..
        } = self;
        columns
            .iter_mut()
            .map(|column| {
                if !column.absent {
                    return column.finish(labels);
                }
                if column.column.kind() == ColumnKind::Word {
                    // Also of nulls the dictionary must be that of all batches.
                    return word_array(column.column, UInt8Array::new_null(count));
                }
                Ok(null_array(nulls, &column.column.data_type(), count))
            })
            .collect()
    }
}

/// Whether a shape occurs in these rows: others of its block do not matter.
fn used_shapes(rows: &Rows<'_>, range: std::ops::Range<usize>) -> Vec<bool> {
    let mut used = vec![false; rows.shapes().len()];
    for row in rows.rows(range) {
        if let Some(used) = used.get_mut(row.shape as usize) {
            *used = true;
        }
    }
    used
}

/// `count` nulls. Arrays of them are made once and shared: absent columns cost nothing.
fn null_array(nulls: &mut Vec<ArrayRef>, data_type: &DataType, count: usize) -> ArrayRef {
    let known = nulls
        .iter()
        .position(|array| array.data_type() == data_type);
    if let Some(array) = known.and_then(|at| nulls.get(at))
        && array.len() >= count
    {
        return array.slice(0, count);
    }
    let array = new_null_array(data_type, count.next_multiple_of(1024));
    match known.and_then(|at| nulls.get_mut(at)) {
        Some(shorter) => *shorter = Arc::clone(&array),
        None => nulls.push(Arc::clone(&array)),
    }
    array.slice(0, count)
}

/// What the columns `file` and `ident` hold, for one file or several.
#[derive(Clone, Debug)]
pub struct Labels {
    files: Arc<StringArray>,
    idents: Arc<StringArray>,
    /// For each file the numbers of its name and ident in these.
    keys: Arc<[(i32, Option<i32>)]>,
}

impl Default for Labels {
    fn default() -> Self {
        Self::one("", None)
    }
}

impl Labels {
    /// Of one file.
    pub fn one(name: &str, ident: Option<&[u8]>) -> Self {
        Self::of([(name, ident)])
    }

    /// Of several files, which rows name by their number.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Self {
        let (mut names, mut idents) = (Vec::new(), Vec::<String>::new());
        let mut keys = Vec::new();
        let mut numbers = std::collections::HashMap::new();
        for (name, ident) in files {
            let ident = ident.map(|ident| {
                let ident = String::from_utf8_lossy(ident).into_owned();
                *numbers.entry(ident.clone()).or_insert_with(|| {
                    idents.push(ident);
                    idents.len() as i32 - 1
                })
            });
            keys.push((names.len() as i32, ident));
            names.push(name);
        }
        Self {
            files: Arc::new(StringArray::from_iter_values(names)),
            idents: Arc::new(StringArray::from_iter_values(idents)),
            keys: keys.into(),
        }
    }
}

/// Which values there are, a bit each.
#[derive(Debug, Default)]
struct Validity {
    words: Vec<u64>,
    /// Some bit is clear.
    has_nulls: bool,
}

impl Validity {
    /// Bits of up to 64 values. Only the last call may have fewer.
    #[inline]
    fn push(&mut self, word: u64, count: usize) {
        let full = if count == 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        };
        self.has_nulls |= word & full != full;
        self.words.push(word);
    }

    /// Bits of the rows of a stride. Only the last call may have fewer than all.
    #[inline]
    fn add(&mut self, bits: &Bits, rows: usize) {
        for (word, count) in bits.words(rows) {
            self.push(word, count);
        }
    }

    fn take(&mut self, count: usize) -> Option<NullBuffer> {
        let words = std::mem::take(&mut self.words);
        let has_nulls = std::mem::take(&mut self.has_nulls);
        has_nulls.then(|| NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(words), 0, count)))
    }
}

/// The values collected so far.
#[derive(Debug)]
enum Values {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Time(Vec<i64>),
    /// IPv4 addresses, in network order.
    Ip4(Vec<u32>),
    /// Addresses of 16 bytes, in network order.
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

impl Values {
    fn new(kind: ColumnKind) -> Self {
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

    /// Makes room for one value for each of `rows`, in whole strides where these are filled.
    fn reserve(&mut self, rows: usize) {
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

    /// Leaves one value for each of `rows`.
    fn cut(&mut self, rows: usize) {
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
}

/// Where a field lies in records of a shape: bytes from their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32);

impl Place {
    /// The flow does not have it.
    const ABSENT: Self = Self(u32::MAX);
    /// It must be looked for, or is cut off.
    const SEARCH: Self = Self(u32::MAX - 1);

    /// For `width` bytes at `at` of a payload.
    fn new(shape: Option<&RawShape>, element: u8, at: usize, width: usize) -> Self {
        let Some(shape) = shape else {
            return Self::SEARCH;
        };
        if shape.present >> element & 1 == 0 {
            return Self::ABSENT;
        }
        let slot = usize::from(element);
        match (shape.offset.get(slot), shape.length.get(slot)) {
            (Some(offset), Some(length)) if at + width <= usize::from(*length) => {
                Self(u32::from(*offset) + at as u32)
            }
            _ => Self::SEARCH,
        }
    }
}

/// One column of a batch in the making.
#[derive(Debug)]
struct Builder {
    column: &'static Column,
    values: Values,
    validity: Validity,
    /// Rows taken.
    count: usize,
    /// For each shape, where the field lies; of either family, where the IPv4 address does.
    places: Vec<Place>,
    /// Where the address of the second family lies.
    second: Vec<Place>,
    /// Where the mask of a network lies.
    masks: Vec<Place>,
    /// No row of this batch has the field.
    absent: bool,
}

impl Builder {
    fn new(column: &'static Column) -> Self {
        Self {
            column,
            values: Values::new(column.kind()),
            validity: Validity::default(),
            count: 0,
            places: Vec::new(),
            second: Vec::new(),
            masks: Vec::new(),
            absent: false,
        }
    }

    /// Looks at the shapes of a batch of `count` rows.
    fn begin(&mut self, shapes: &[Option<&RawShape>], used: &[bool], count: usize) {
        let elements = self.column.elements();
        // Nothing is left of an earlier batch, even if that failed.
        self.count = 0;
        self.values = Values::new(self.column.kind());
        self.validity = Validity::default();
        let fills = |(shape, used): (&Option<&RawShape>, &bool)| {
            *used && shape.is_none_or(|shape| shape.present & elements != 0)
        };
        self.absent = elements != 0 && !shapes.iter().zip(used).any(fills);
        if self.absent {
            return;
        }
        self.values.reserve(count);
        let find = |element, at, width| {
            shapes
                .iter()
                .map(|shape| Place::new(*shape, element, at, width))
                .collect::<Vec<_>>()
        };
        match self.column.source {
            Source::Field(element, field) => {
                let width = extent(field).saturating_sub(field.offset);
                self.places = find(element, field.offset, width);
                if is_nat(field.kind) {
                    // Which of two layouts it has is for the search to tell; only the usual one of
                    // 16 bytes is known by its shape.
                    for (place, shape) in self.places.iter_mut().zip(shapes) {
                        let length = shape.and_then(|shape| shape.length.get(usize::from(element)));
                        if *place != Place::ABSENT && length != Some(&16) {
                            *place = Place::SEARCH;
                        }
                    }
                }
                if matches!(field.kind, FieldKind::SrcNet | FieldKind::DstNet) {
                    let side = usize::from(field.kind == FieldKind::DstNet);
                    self.masks = std::mem::take(&mut self.places);
                    self.places = find(2, 4 * side, 4);
                    self.second = find(3, 16 * side, 16);
                }
            }
            Source::Either([(v4, at4), (v6, at6)]) => {
                self.places = find(v4, at4, 4);
                self.second = find(v6, at6, 16);
            }
            Source::Mpls => self.places = find(14, 0, 40),
            Source::Header(_) | Source::File | Source::Ident => {}
        }
    }

    fn take<'a>(
        &mut self,
        stride: &Stride<'_, 'a>,
        shapes: &[Option<&'a RawShape>],
        labels: &Labels,
    ) {
        if self.absent {
            return;
        }
        let rows = stride.rows();
        self.count += rows.len();
        match self.column.source {
            Source::Field(element, field) => self.take_field(stride, shapes, element, field),
            Source::Header(header) => self.take_header(stride, header),
            Source::Either([v4, v6]) => {
                let (places, second) = (&self.places, &self.second);
                let Values::Ip(values) = &mut self.values else {
                    return;
                };
                let in_group = |group: &Group, out: &mut Out<'_, i128>| {
                    let ip4 = |bytes| Some(network_order(mapped(u32::from_le_bytes(bytes))));
                    let ip6 = |bytes| Some(network_order(ip6(bytes)));
                    match (known(places, group), known(second, group)) {
                        (Place::ABSENT, Place::ABSENT) => true,
                        (Place::ABSENT, place) => out.copy(stride, group, place, ip6),
                        (place, _) => out.copy(stride, group, place, ip4),
                    }
                };
                fill(stride, values, &mut self.validity, in_group, |row| {
                    either(row, v4, v6).map(network_order)
                });
            }
            Source::Mpls => self.take_mpls(rows),
            Source::File | Source::Ident => {
                let Values::Label(values) = &mut self.values else {
                    return;
                };
                let is_file = matches!(self.column.source, Source::File);
                // Which file a row is from is not a matter of its shape.
                fill(
                    stride,
                    values,
                    &mut self.validity,
                    |_, _| false,
                    |row| {
                        let (file, ident) = *labels.keys.get(row.label as usize)?;
                        if is_file { Some(file) } else { ident }
                    },
                );
            }
        }
    }

    /// Every row has what is in the header.
    fn take_header(&mut self, stride: &Stride<'_, '_>, header: Header) {
        let rows = stride.rows();
        let byte = match header {
            Header::EngineType => 6,
            Header::EngineId => 7,
            Header::ExportVersion => 11,
            Header::Type | Header::Sampled | Header::Anonymized | Header::ExporterSysid => FLAGS,
        };
        match &mut self.values {
            Values::Word(values) => each(stride, values, |row| u8_at(row.record, byte) & 0x01),
            Values::U16(values) => each(stride, values, |row| u16_at(row.record, 8)),
            Values::U8(values) => each(stride, values, |row| u8_at(row.record, byte)),
            Values::Bool(words) => {
                let bit = if header == Header::Sampled {
                    0x02
                } else {
                    0x04
                };
                words.extend(rows.chunks(64).map(|rows| {
                    rows.iter().rev().fold(0_u64, |word, row| {
                        word << 1 | u64::from(u8_at(row.record, byte) & bit != 0)
                    })
                }));
            }
            _ => {}
        }
    }

    fn take_field<'a>(
        &mut self,
        stride: &Stride<'_, 'a>,
        shapes: &[Option<&'a RawShape>],
        element: u8,
        field: &'static Field,
    ) {
        let find = Find {
            places: &self.places,
            shapes,
            element,
            field,
        };
        let rows = stride.rows();
        let validity = &mut self.validity;
        match &mut self.values {
            Values::U8(values) => find.fill(stride, values, validity, |[byte]| Some(byte)),
            Values::U16(values) => {
                find.fill(stride, values, validity, |b| Some(u16::from_le_bytes(b)))
            }
            Values::U32(values) => {
                find.fill(stride, values, validity, |b| Some(u32::from_le_bytes(b)))
            }
            Values::U64(values) => {
                find.fill(stride, values, validity, |b| Some(u64::from_le_bytes(b)))
            }
            Values::Time(values) => {
                let time = |bytes| i64::try_from(u64::from_le_bytes(bytes)).ok();
                match field.kind {
                    FieldKind::FirstSeen => {
                        let given = |bytes| time(bytes).filter(|first| *first != 0);
                        let in_group = |group: &Group, out: &mut Out<'_, i64>| {
                            out.copy(stride, group, known(&self.places, group), given)
                        };
                        fill(stride, values, validity, in_group, |row| {
                            match find.value(row, u64::from_le_bytes)? {
                                0 => find.flow(row).first().map(|first| first.as_millis()),
                                first => Some(first),
                            }
                            .and_then(|first| i64::try_from(first).ok())
                        });
                    }
                    FieldKind::EventTime => find.fill(stride, values, validity, |bytes| {
                        time(bytes).filter(|ms| *ms >= 1000)
                    }),
                    _ => find.fill(stride, values, validity, time),
                }
            }
            Values::Ip4(values) => find.fill(stride, values, validity, |bytes| {
                Some(u32::from_le_bytes(bytes).swap_bytes())
            }),
            Values::Ip(values) => match field.kind {
                FieldKind::Ip6 => {
                    find.fill(stride, values, validity, |b| Some(network_order(ip6(b))))
                }
                _ => {
                    let is_source = field.kind == FieldKind::SrcNet;
                    let in_group = |group: &Group, out: &mut Out<'_, i128>| {
                        let masks = known(&self.masks, group);
                        let places = [&self.places, &self.second].map(|at| known(at, group));
                        networks(stride, group, masks, places, is_source, out)
                    };
                    fill(stride, values, validity, in_group, |row| {
                        searched_network(row.flow(), is_source).map(network_order)
                    });
                }
            },
            Values::Mac(values) => {
                for rows in rows.chunks(64) {
                    let mut word = 0;
                    for (number, row) in rows.iter().enumerate() {
                        let mac = find.value(row, u64::from_le_bytes);
                        word |= u64::from(mac.is_some()) << number;
                        values.extend(MacAddr::from_number(mac.unwrap_or(0)).0);
                    }
                    validity.push(word, rows.len());
                }
            }
            Values::Word(values) => match field.kind {
                FieldKind::TlsVersion => fill(
                    stride,
                    values,
                    validity,
                    |_, _| false,
                    |row| {
                        find.hello(row).map(|hello| match hello.version().wire() {
                            0x0002 => 0,
                            wire => (wire & 0xFF) as u8 + 1,
                        })
                    },
                ),
                FieldKind::Fragment => find.fill(stride, values, validity, |[flags]| {
                    Some(flags >> 6 & 1 | (flags >> 5 & 1) << 1)
                }),
                _ => find.fill(stride, values, validity, |[event]| Some(event)),
            },
            Values::Bytes { ends, bytes } => {
                for rows in rows.chunks(64) {
                    let mut word = 0;
                    for (number, row) in rows.iter().enumerate() {
                        word |= u64::from(find.text(row, bytes).is_some()) << number;
                        ends.push(bytes.len() as i32);
                    }
                    validity.push(word, rows.len());
                }
            }
            Values::Bool(_) | Values::Label(_) | Values::Mpls { .. } => {}
        }
    }

    /// The entries up to the last that is not 0.
    fn take_mpls(&mut self, rows: &[Row<'_>]) {
        let Values::Mpls { ends, labels } = &mut self.values else {
            return;
        };
        for rows in rows.chunks(64) {
            let mut word = 0;
            for (number, row) in rows.iter().enumerate() {
                let place = place(&self.places, row);
                let stack: Option<[u8; 40]> = match place {
                    Place::ABSENT => None,
                    _ => read(row, place).or_else(|| Some(bytes_at(row.flow().element(14)?, 0))),
                };
                if let Some(stack) = stack {
                    word |= 1 << number;
                    let (entries, _) = stack.as_chunks::<4>();
                    let used = entries.iter().rposition(|entry| *entry != [0; 4]);
                    let used = entries.iter().take(used.map_or(0, |last| last + 1));
                    labels.extend(used.map(|entry| u32::from_le_bytes(*entry)));
                }
                ends.push(labels.len() as i32);
            }
            self.validity.push(word, rows.len());
        }
    }

    /// The array, leaving the builder empty.
    fn finish(&mut self, labels: &Labels) -> Result<ArrayRef, ArrowError> {
        let nulls = self.validity.take(self.count);
        let mut values = std::mem::replace(&mut self.values, Values::new(self.column.kind()));
        values.cut(self.count);
        Ok(match values {
            Values::U8(values) => Arc::new(UInt8Array::try_new(values.into(), nulls)?),
            Values::U16(values) => Arc::new(UInt16Array::try_new(values.into(), nulls)?),
            Values::U32(values) => Arc::new(UInt32Array::try_new(values.into(), nulls)?),
            Values::U64(values) => Arc::new(UInt64Array::try_new(values.into(), nulls)?),
            Values::Time(values) => {
                let times = TimestampMillisecondArray::try_new(values.into(), nulls)?;
                Arc::new(times.with_timezone("UTC"))
            }
            Values::Ip4(values) => fixed_size(4, Buffer::from_vec(values), nulls)?,
            Values::Ip(values) => fixed_size(16, Buffer::from_vec(values), nulls)?,
            Values::Mac(values) => fixed_size(6, Buffer::from_vec(values), nulls)?,
            Values::Bool(words) => {
                let bits = BooleanBuffer::new(Buffer::from_vec(words), 0, self.count);
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::Word(keys) => {
                return word_array(self.column, UInt8Array::try_new(keys.into(), nulls)?);
            }
            Values::Label(keys) => {
                let keys = Int32Array::try_new(keys.into(), nulls)?;
                let labels = match self.column.source {
                    Source::File => Arc::clone(&labels.files),
                    _ => Arc::clone(&labels.idents),
                };
                Arc::new(DictionaryArray::<Int32Type>::try_new(keys, labels)?)
            }
            Values::Bytes { ends, bytes } => {
                let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
                let bytes = Buffer::from_vec(bytes);
                if self.column.kind() == ColumnKind::Text {
                    Arc::new(StringArray::try_new(ends, bytes, nulls)?)
                } else {
                    Arc::new(BinaryArray::try_new(ends, bytes, nulls)?)
                }
            }
            Values::Mpls { ends, labels } => {
                let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
                let labels = Arc::new(UInt32Array::try_new(labels.into(), None)?);
                let DataType::List(item) = self.column.data_type() else {
                    return Err(ArrowError::SchemaError("a list is expected".to_owned()));
                };
                Arc::new(ListArray::try_new(item, ends, labels, nulls)?)
            }
        })
    }
}

fn word_array(column: &Column, keys: UInt8Array) -> Result<ArrayRef, ArrowError> {
    let words = Arc::clone(column.words());
    Ok(Arc::new(DictionaryArray::<UInt8Type>::try_new(
        keys, words,
    )?))
}

fn fixed_size(
    width: i32,
    bytes: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(FixedSizeBinaryArray::try_new(
        width, bytes, nulls,
    )?))
}

/// The values of a stride in the making, and which rows have one.
struct Out<'v, T> {
    values: &'v mut [T; STRIDE],
    valid: Bits,
}

impl<T: Copy> Out<'_, T> {
    /// Takes the values of all rows of a group from the same place. False: some row is not that
    /// simple, and the group must be done row by row.
    #[inline]
    fn copy<const N: usize>(
        &mut self,
        stride: &Stride<'_, '_>,
        group: &Group,
        place: Place,
        decode: impl Fn([u8; N]) -> Option<T>,
    ) -> bool {
        let at = match place {
            Place::ABSENT => return true,
            Place::SEARCH => return false,
            Place(at) => at as usize,
        };
        let mut simple = true;
        for (number, record) in stride.members(group) {
            match chunk(record, at).and_then(&decode) {
                Some(value) => self.values[number] = value,
                None => simple = false,
            }
        }
        if simple {
            self.valid.add(&group.rows);
        }
        simple
    }

    /// Likewise where only the rows that `decode` gives a value for have one.
    #[inline]
    fn pick<const N: usize>(
        &mut self,
        stride: &Stride<'_, '_>,
        group: &Group,
        place: Place,
        decode: impl Fn([u8; N], &[u8]) -> Option<T>,
    ) -> bool {
        let at = match place {
            Place::ABSENT => return true,
            Place::SEARCH => return false,
            Place(at) => at as usize,
        };
        let mut valid = Bits::default();
        let mut simple = true;
        for (number, record) in stride.members(group) {
            match chunk(record, at) {
                Some(bytes) => {
                    let value = decode(bytes, record);
                    valid.set(number, value.is_some());
                    if let Some(value) = value {
                        self.values[number] = value;
                    }
                }
                None => simple = false,
            }
        }
        if simple {
            self.valid.add(&valid);
        }
        simple
    }
}

#[inline]
fn chunk<const N: usize>(record: &[u8], at: usize) -> Option<[u8; N]> {
    record.get(at..at + N)?.first_chunk().copied()
}

/// A value for each row of a stride, and a bit that tells whether there is one. `in_group` does all
/// rows of a group at a time; if it cannot, `one` does them.
#[inline]
fn fill<'a, T: Copy + Default>(
    stride: &Stride<'_, 'a>,
    values: &mut [T],
    validity: &mut Validity,
    in_group: impl Fn(&Group, &mut Out<'_, T>) -> bool,
    one: impl Fn(&Row<'a>) -> Option<T>,
) {
    let Some(values) = stride.of(values) else {
        return;
    };
    let mut out = Out {
        values,
        valid: Bits::default(),
    };
    for group in stride.groups() {
        if !in_group(group, &mut out) {
            for (number, _) in stride.members(group) {
                let value = stride.rows().get(number).and_then(&one);
                out.valid.set(number, value.is_some());
                out.values[number] = value.unwrap_or_default();
            }
        }
    }
    validity.add(&out.valid, stride.rows().len());
}

/// A value for each row of a stride.
#[inline]
fn each<'a, T>(stride: &Stride<'_, 'a>, values: &mut [T], get: impl Fn(&Row<'a>) -> T) {
    if let Some(out) = stride.of(values) {
        for (out, row) in out.iter_mut().zip(stride.rows()) {
            *out = get(row);
        }
    }
}

/// Where a field lies in the records of a group.
#[inline]
fn known(places: &[Place], group: &Group) -> Place {
    places.get(group.shape).copied().unwrap_or(Place::SEARCH)
}

#[inline]
fn place(places: &[Place], row: &Row<'_>) -> Place {
    places
        .get(row.shape as usize)
        .copied()
        .unwrap_or(Place::SEARCH)
}

#[inline]
fn read<const N: usize>(row: &Row<'_>, place: Place) -> Option<[u8; N]> {
    row.record.get(place.0 as usize..)?.first_chunk().copied()
}

/// Bytes of the payload that must be there for a field to be read without looking closer: its own
/// end, and what its condition looks at.
fn extent(field: &Field) -> usize {
    let width = match field.kind {
        FieldKind::U8
        | FieldKind::TcpFlags
        | FieldKind::Fragment
        | FieldKind::NselEvent
        | FieldKind::NatEvent
        | FieldKind::NatEventId
        | FieldKind::DstNet => 1,
        // Both masks.
        FieldKind::U16 | FieldKind::SrcNet => 2,
        FieldKind::U32 | FieldKind::NatPool | FieldKind::Ip4 | FieldKind::Mpls => 4,
        FieldKind::Ip6 => 16,
        FieldKind::U64
        | FieldKind::Time
        | FieldKind::FirstSeen
        | FieldKind::EventTime
        | FieldKind::Micros
        | FieldKind::Mac => 8,
        // Read by their length.
        _ => 0,
    };
    let looks_at = match field.condition {
        Condition::Icmp | Condition::NotIcmp => PROTO + 1,
        Condition::AnyTtl => 4,
        Condition::Always | Condition::NonZero => 0,
    };
    (field.offset + width).max(looks_at)
}

/// Where a record has its flags.
const FLAGS: usize = 10;
/// Where element 1 has the protocol.
const PROTO: usize = 44;

fn is_nat(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::NatEvent | FieldKind::NatEventId | FieldKind::NatPool
    )
}

/// A field, and where it lies.
struct Find<'f, 'a> {
    places: &'f [Place],
    shapes: &'f [Option<&'a RawShape>],
    element: u8,
    field: &'static Field,
}

impl<'a> Find<'_, 'a> {
    /// Values of `N` bytes.
    #[inline]
    fn fill<const N: usize, T: Copy + Default>(
        &self,
        stride: &Stride<'_, 'a>,
        values: &mut [T],
        validity: &mut Validity,
        decode: impl Fn([u8; N]) -> Option<T> + Copy,
    ) {
        let offset = self.field.offset;
        let in_group = |group: &Group, out: &mut Out<'_, T>| {
            let place = known(self.places, group);
            // A byte of the element, in its record.
            let byte = |record: &[u8], at: usize| {
                u8_at(record, (place.0 as usize + at).wrapping_sub(offset))
            };
            let is_icmp = |record: &[u8]| matches!(byte(record, PROTO), 1 | 58);
            // One loop for each condition, so that none is asked for in it.
            match self.field.condition {
                Condition::Always => out.copy(stride, group, place, decode),
                Condition::Icmp => out.pick(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| is_icmp(record))
                }),
                Condition::NotIcmp => out.pick(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| !is_icmp(record))
                }),
                Condition::NonZero => out.pick(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| byte(record, offset) != 0)
                }),
                Condition::AnyTtl => out.pick(stride, group, place, |bytes, record| {
                    decode(bytes).filter(|_| byte(record, 2) != 0 || byte(record, 3) != 0)
                }),
            }
        };
        fill(stride, values, validity, in_group, |row| {
            if place(self.places, row) == Place::ABSENT {
                return None;
            }
            decode(self.search(row)?)
        });
    }

    /// The value of a field without condition.
    #[inline]
    fn value<const N: usize, T>(&self, row: &Row<'a>, decode: impl Fn([u8; N]) -> T) -> Option<T> {
        match place(self.places, row) {
            Place::ABSENT => None,
            place => read(row, place).or_else(|| self.search(row)).map(decode),
        }
    }

    /// The bytes of a field that may be cut off, or whose place is not known.
    #[cold]
    fn search<const N: usize>(&self, row: &Row<'a>) -> Option<[u8; N]> {
        let flow = row.flow();
        let payload = flow.element(self.element)?;
        let at = self.field.offset;
        flow.holds(self.field.condition, payload, at).then(|| {
            let moved = if is_nat(self.field.kind) {
                nat_offset(payload, at)
            } else {
                at
            };
            bytes_at(payload, moved)
        })
    }

    fn payload(&self, row: &Row<'a>) -> Option<&'a [u8]> {
        if place(self.places, row) == Place::ABSENT {
            return None;
        }
        self.flow(row).element(self.element)
    }

    #[inline]
    fn flow(&self, row: &Row<'a>) -> Flow<'a> {
        let shape = self.shapes.get(row.shape as usize).copied().flatten();
        Flow::new(row.record, shape)
    }

    /// The TLS hello in a payload; only TCP flows carry one.
    fn hello(&self, row: &Row<'a>) -> Option<Hello<'a>> {
        const TCP: u8 = 6;
        let hello = Hello::parse(self.payload(row)?)?;
        (self.flow(row).proto() == Some(TCP)).then_some(hello)
    }

    /// Appends the bytes of a field of variable length; `None` if there are none.
    fn text(&self, row: &Row<'a>, out: &mut Vec<u8>) -> Option<()> {
        let at = self.field.offset;
        match self.field.kind {
            FieldKind::TlsSni => lossy(self.hello(row)?.sni()?, out),
            FieldKind::TlsJa3 => out.extend(self.hello(row)?.ja3()),
            FieldKind::TlsJa4 => out.extend(self.hello(row)?.ja4()?),
            FieldKind::UserName => lossy(
                text_at(self.payload(row)?, at, self.flow(row).user_name_max()),
                out,
            ),
            FieldKind::Text => lossy(text_at(self.payload(row)?, at, usize::MAX), out),
            FieldKind::Acl => {
                let [id, extended, hash] = acl_at(self.payload(row)?, at);
                out.extend(format!("0x{id:x}/0x{extended:x}/0x{hash:x}").as_bytes());
            }
            _ => out.extend(self.payload(row)?.get(at..).unwrap_or_default()),
        }
        Some(())
    }
}

fn lossy(text: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(text) {
        Ok(text) => out.extend(text.as_bytes()),
        Err(_) => out.extend(String::from_utf8_lossy(text).as_bytes()),
    }
}

/// The number of an IPv6 address that is stored as two halves.
#[inline]
fn ip6(bytes: [u8; 16]) -> u128 {
    u128::from_le_bytes(bytes).rotate_left(64)
}

/// An IPv4 address as `::ffff:a.b.c.d`.
#[inline]
fn mapped(address: u32) -> u128 {
    0xFFFF_0000_0000 | u128::from(address)
}

/// Bytes as they go into the array.
#[inline]
fn network_order(address: u128) -> i128 {
    i128::from_ne_bytes(address.to_be_bytes())
}

/// The address of whichever family a flow has, looked for.
#[cold]
fn either(
    row: &Row<'_>,
    (element4, at4): (u8, usize),
    (element6, at6): (u8, usize),
) -> Option<u128> {
    let flow = row.flow();
    let v4 = flow.element(element4);
    v4.map(|payload| mapped(u32::from_le_bytes(bytes_at(payload, at4))))
        .or_else(|| Some(ip6(bytes_at(flow.element(element6)?, at6))))
}

/// The networks of the addresses of a group, as [`Flow::src_net`] and [`Flow::dst_net`] have them:
/// of addresses at one of two places, for IPv4 and IPv6. False as in [`Out::copy`].
#[inline]
fn networks(
    stride: &Stride<'_, '_>,
    group: &Group,
    masks: Place,
    places: [Place; 2],
    is_source: bool,
    out: &mut Out<'_, i128>,
) -> bool {
    let at = match masks {
        Place::ABSENT => return true,
        Place::SEARCH => return false,
        // The other mask is the byte after or before.
        Place(at) if is_source => at as usize,
        Place(at) => (at as usize).saturating_sub(1),
    };
    // No network at all without either mask.
    let mask = |record: &[u8]| match chunk(record, at)? {
        [0, 0] => None,
        [source, destination] => Some(u32::from(if is_source { source } else { destination })),
    };
    // Masks lie where the shape says, or the record has been cut there.
    let cut = stride
        .members(group)
        .any(|(_, record)| record.len() < at + 2);
    if cut {
        return false;
    }
    match places {
        [Place::ABSENT, Place::ABSENT] => true,
        [Place::ABSENT, place] => out.pick(stride, group, place, |bytes, record| {
            let host = u128::MAX.checked_shr(mask(record)?).unwrap_or(0);
            Some(network_order(ip6(bytes) & !host))
        }),
        [place, _] => out.pick(stride, group, place, |bytes, record| {
            let host = u32::MAX.checked_shr(mask(record)?).unwrap_or(0);
            Some(network_order(mapped(u32::from_le_bytes(bytes) & !host)))
        }),
    }
}

#[cold]
fn searched_network(flow: Flow<'_>, is_source: bool) -> Option<u128> {
    let network = if is_source {
        flow.src_net()
    } else {
        flow.dst_net()
    };
    network.map(|network| match network {
        std::net::IpAddr::V4(address) => mapped(address.to_bits()),
        std::net::IpAddr::V6(address) => address.to_bits(),
    })
}
