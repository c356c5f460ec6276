//! Builds the array of one column: for each stride one loop over the rows of each shape.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;

use crate::columns::batch::address::{
    AddressPlace, Side, either_in_row, ip6, mapped, network_in_row, network_order, networks,
};
use crate::columns::batch::field_reader::FieldReader;
use crate::columns::batch::labels::Labels;
use crate::columns::batch::place::{FieldPlace, has_two_layouts, payload_needed};
use crate::columns::batch::stride_values::{StrideValues, fill, fill_all};
use crate::columns::batch::values::{ColumnValues, Validity, end_at};
use crate::columns::column::{Column, ColumnSource, HeaderField, locate};
use crate::columns::rows::Row;
use crate::columns::stride::{Group, Stride};
use crate::flow::bytes::{bytes_at, u8_at, u16_at};
use crate::flow::element::{self, Field, FieldKind};
use crate::raw::RawShape;
use crate::value::mac::MacAddr;

/// One column of the batch that is being built.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    pub(crate) column: &'static Column,
    values: ColumnValues,
    validity: Validity,
    /// Rows added.
    count: usize,
    /// For each shape, where the field lies; of either family, where the IPv4 address does.
    places: Vec<FieldPlace>,
    /// Where the IPv6 address lies.
    places6: Vec<FieldPlace>,
    /// Where the mask of a network lies.
    masks: Vec<FieldPlace>,
    /// The addresses that networks are made of.
    addresses: Option<[AddressPlace; 2]>,
    /// Where the protocol is in its element.
    proto_at: usize,
    /// No row of this batch has the field.
    pub(crate) is_absent: bool,
}

impl ColumnBuilder {
    pub(crate) fn new(column: &'static Column) -> Self {
        let place = |name| locate(name).map(|(element, field)| (element, field.offset));
        let both = |v4, v6| Some([place(v4)?, place(v6)?]);
        let addresses = match column.source {
            ColumnSource::Either(addresses) => Some(addresses),
            ColumnSource::Field(_, field) => match Side::of_network(field.kind) {
                Some(Side::Source) => both("src4_addr", "src6_addr"),
                Some(Side::Destination) => both("dst4_addr", "dst6_addr"),
                None => None,
            },
            _ => None,
        };
        Self {
            column,
            values: ColumnValues::new(column.kind()),
            validity: Validity::default(),
            count: 0,
            places: Vec::new(),
            places6: Vec::new(),
            masks: Vec::new(),
            addresses,
            proto_at: locate("proto").map_or(0, |(_, proto)| proto.offset),
            is_absent: false,
        }
    }

    /// Begins a batch of up to `count` rows of these shapes, of which the `used` ones occur.
    pub(crate) fn begin(&mut self, shapes: &[Option<&RawShape>], used: &[bool], count: usize) {
        let elements = self.column.elements();
        // Nothing is left of an earlier batch, even if that failed.
        self.count = 0;
        self.values = ColumnValues::new(self.column.kind());
        self.validity = Validity::default();
        let fills = |(shape, used): (&Option<&RawShape>, &bool)| {
            *used && shape.is_none_or(|shape| shape.present & elements != 0)
        };
        self.is_absent = elements != 0 && !shapes.iter().zip(used).any(fills);
        if self.is_absent {
            return;
        }
        self.values.reserve(count);
        let find = |element, at, width| {
            shapes
                .iter()
                .map(|shape| FieldPlace::new(*shape, element, at, width))
                .collect::<Vec<_>>()
        };
        if let Some([v4, v6]) = self.addresses {
            self.places = find(v4.0, v4.1, 4);
            self.places6 = find(v6.0, v6.1, 16);
        }
        match self.column.source {
            ColumnSource::Field(element, field) => {
                let width = payload_needed(field, self.proto_at).saturating_sub(field.offset);
                let mut places = find(element, field.offset, width);
                if has_two_layouts(field.kind) {
                    keep_usual_layout(&mut places, shapes, element);
                }
                if self.addresses.is_some() {
                    self.masks = places;
                } else {
                    self.places = places;
                }
            }
            ColumnSource::Mpls(element, size) => self.places = find(element, 0, size),
            ColumnSource::Either(_)
            | ColumnSource::Header(_)
            | ColumnSource::File
            | ColumnSource::Ident => {}
        }
    }

    /// Adds the rows of a stride.
    pub(crate) fn add(&mut self, stride: &Stride<'_, '_>, labels: &Labels) {
        if self.is_absent {
            return;
        }
        self.count += stride.rows().len();
        match self.column.source {
            ColumnSource::Field(element, field) => self.add_field(stride, element, field),
            ColumnSource::Header(header) => self.add_header(stride, header),
            ColumnSource::Either(addresses) => self.add_either(stride, addresses),
            ColumnSource::Mpls(element, _) => self.add_mpls(stride.rows(), element),
            ColumnSource::File | ColumnSource::Ident => self.add_labels(stride, labels),
        }
    }

    /// Bytes of values of variable length added so far.
    pub(crate) fn variable_bytes(&self) -> usize {
        self.values.variable_bytes()
    }

    /// The array of the rows added. Leaves the builder empty.
    pub(crate) fn finish(&mut self, labels: &Labels) -> Result<ArrayRef, ArrowError> {
        let nulls = self.validity.take(self.count);
        let values = std::mem::replace(&mut self.values, ColumnValues::new(self.column.kind()));
        values.into_array(self.column, self.count, nulls, labels)
    }

    fn add_either(&mut self, stride: &Stride<'_, '_>, addresses: [AddressPlace; 2]) {
        let (places, places6) = (&self.places, &self.places6);
        let ColumnValues::Ip(values) = &mut self.values else {
            return;
        };
        let in_group = |group: &Group, values: &mut StrideValues<'_, i128>| {
            let ip4 = |bytes| Some(network_order(mapped(u32::from_le_bytes(bytes))));
            let ip6 = |bytes| Some(network_order(ip6(bytes)));
            match (
                FieldPlace::in_group(places, group),
                FieldPlace::in_group(places6, group),
            ) {
                (FieldPlace::Absent, FieldPlace::Absent) => true,
                (FieldPlace::Absent, place) => values.copy(stride, group, place, ip6),
                (place, _) => values.copy(stride, group, place, ip4),
            }
        };
        fill(stride, values, &mut self.validity, in_group, |row| {
            either_in_row(row, addresses).map(network_order)
        });
    }

    /// Adds the names or idents of files, which do not depend on the shape of a row.
    fn add_labels(&mut self, stride: &Stride<'_, '_>, labels: &Labels) {
        let ColumnValues::Label(values) = &mut self.values else {
            return;
        };
        let is_file = matches!(self.column.source, ColumnSource::File);
        fill(
            stride,
            values,
            &mut self.validity,
            |_, _| false,
            |row| {
                let keys = labels.keys_of(row.label)?;
                if is_file { keys.file } else { keys.ident }
            },
        );
    }

    /// Adds values of the record header, which every row has.
    fn add_header(&mut self, stride: &Stride<'_, '_>, header: HeaderField) {
        let at = header.offset();
        let flag = header.flag();
        match &mut self.values {
            ColumnValues::Word(values) => fill_all(stride, values, |row| {
                u8::from(u8_at(row.record, at) & flag != 0)
            }),
            ColumnValues::U16(values) => fill_all(stride, values, |row| u16_at(row.record, at)),
            ColumnValues::U8(values) => fill_all(stride, values, |row| u8_at(row.record, at)),
            ColumnValues::Bool(words) => words.extend(stride.rows().chunks(64).map(|rows| {
                rows.iter().rev().fold(0_u64, |word, row| {
                    word << 1 | u64::from(u8_at(row.record, at) & flag != 0)
                })
            })),
            _ => {}
        }
    }

    fn add_field(&mut self, stride: &Stride<'_, '_>, element: u8, field: &'static Field) {
        let reader = FieldReader {
            places: &self.places,
            element,
            field,
            proto_at: self.proto_at,
        };
        let validity = &mut self.validity;
        match &mut self.values {
            ColumnValues::U8(values) => reader.fill(stride, values, validity, |[byte]| Some(byte)),
            ColumnValues::U16(values) => {
                reader.fill(stride, values, validity, |b| Some(u16::from_le_bytes(b)));
            }
            ColumnValues::U32(values) => {
                reader.fill(stride, values, validity, |b| Some(u32::from_le_bytes(b)));
            }
            ColumnValues::U64(values) => {
                reader.fill(stride, values, validity, |b| Some(u64::from_le_bytes(b)));
            }
            ColumnValues::Time(values) => add_times(&reader, stride, values, validity),
            ColumnValues::Ip4(values) => reader.fill(stride, values, validity, |bytes| {
                Some(u32::from_le_bytes(bytes).swap_bytes())
            }),
            ColumnValues::Ip(values) => match Side::of_network(field.kind) {
                None => reader.fill(stride, values, validity, |bytes| {
                    Some(network_order(ip6(bytes)))
                }),
                Some(side) => {
                    let in_group = |group: &Group, values: &mut StrideValues<'_, i128>| {
                        let masks = FieldPlace::in_group(&self.masks, group);
                        let places = [&self.places, &self.places6]
                            .map(|places| FieldPlace::in_group(places, group));
                        networks(stride, group, masks, places, side, values)
                    };
                    fill(stride, values, validity, in_group, |row| {
                        network_in_row(row, side).map(network_order)
                    });
                }
            },
            ColumnValues::Mac(values) => add_macs(&reader, stride, values, validity),
            ColumnValues::Word(values) => add_words(&reader, stride, values, validity),
            ColumnValues::Bytes { ends, bytes } => {
                for rows in stride.rows().chunks(64) {
                    let mut word = 0;
                    for (number, row) in rows.iter().enumerate() {
                        word |= u64::from(reader.append_bytes(row, bytes).is_some()) << number;
                        ends.push(end_at(bytes.len()));
                    }
                    validity.push(word, rows.len());
                }
            }
            ColumnValues::Bool(_) | ColumnValues::Label(_) | ColumnValues::Mpls { .. } => {}
        }
    }

    /// Adds label stacks: the entries up to the last that is not 0.
    fn add_mpls(&mut self, rows: &[Row<'_>], element: u8) {
        let ColumnValues::Mpls { ends, labels } = &mut self.values else {
            return;
        };
        for rows in rows.chunks(64) {
            let mut word = 0;
            for (number, row) in rows.iter().enumerate() {
                let place = FieldPlace::in_row(&self.places, row);
                let stack: Option<[u8; 40]> = match place {
                    FieldPlace::Absent => None,
                    FieldPlace::PerRecord if !row.may_have(element) => None,
                    _ => place
                        .read(row)
                        .or_else(|| Some(bytes_at(row.flow().element(element)?, 0))),
                };
                if let Some(stack) = stack {
                    word |= 1 << number;
                    let (entries, _) = stack.as_chunks::<4>();
                    let used = entries.iter().rposition(|entry| *entry != [0; 4]);
                    let used = entries.iter().take(used.map_or(0, |last| last + 1));
                    labels.extend(used.map(|entry| u32::from_le_bytes(*entry)));
                }
                ends.push(end_at(labels.len()));
            }
            self.validity.push(word, rows.len());
        }
    }
}

/// Of an element with two layouts, only the usual one is known by its shape.
fn keep_usual_layout(places: &mut [FieldPlace], shapes: &[Option<&RawShape>], element: u8) {
    let usual = element::element(element).map(|element| element.size);
    for (place, shape) in places.iter_mut().zip(shapes) {
        let length = shape.and_then(|shape| shape.length.get(usize::from(element)));
        if *place != FieldPlace::Absent && length.copied().map(usize::from) != usual {
            *place = FieldPlace::PerRecord;
        }
    }
}

fn add_times(
    reader: &FieldReader<'_>,
    stride: &Stride<'_, '_>,
    values: &mut [i64],
    validity: &mut Validity,
) {
    /// Event times below are unknown, as for nfdump.
    const EVENT_MIN: i64 = 1000;
    let time = |bytes| i64::try_from(u64::from_le_bytes(bytes)).ok();
    match reader.field.kind {
        FieldKind::FirstSeen => {
            let stored = |bytes| time(bytes).filter(|first| *first != 0);
            let in_group = |group: &Group, values: &mut StrideValues<'_, i64>| {
                let place = FieldPlace::in_group(reader.places, group);
                values.copy(stride, group, place, stored)
            };
            fill(stride, values, validity, in_group, |row| {
                match reader.value(row, u64::from_le_bytes)? {
                    // The time of an event may replace it.
                    0 => row.flow().first().map(|first| first.as_millis()),
                    first => Some(first),
                }
                .and_then(|first| i64::try_from(first).ok())
            });
        }
        FieldKind::EventTime => reader.fill(stride, values, validity, |bytes| {
            time(bytes).filter(|ms| *ms >= EVENT_MIN)
        }),
        _ => reader.fill(stride, values, validity, time),
    }
}

fn add_macs(
    reader: &FieldReader<'_>,
    stride: &Stride<'_, '_>,
    values: &mut Vec<u8>,
    validity: &mut Validity,
) {
    for rows in stride.rows().chunks(64) {
        let mut word = 0;
        for (number, row) in rows.iter().enumerate() {
            let mac = reader.value(row, u64::from_le_bytes);
            word |= u64::from(mac.is_some()) << number;
            values.extend(MacAddr::from_number(mac.unwrap_or(0)).0);
        }
        validity.push(word, rows.len());
    }
}

/// Adds positions in the dictionary of the column, [`Column::words`].
fn add_words(
    reader: &FieldReader<'_>,
    stride: &Stride<'_, '_>,
    values: &mut [u8],
    validity: &mut Validity,
) {
    match reader.field.kind {
        FieldKind::TlsVersion => {
            let in_row = |row: &Row<'_>| {
                let wire = reader.hello(row)?.version().wire();
                Some(match wire {
                    // SSL 2; the others are 0x0300 to 0x0304.
                    0x0002 => 0,
                    wire => wire.to_le_bytes()[0].saturating_add(1),
                })
            };
            fill(stride, values, validity, |_, _| false, in_row);
        }
        FieldKind::Fragment => reader.fill(stride, values, validity, |[flags]| {
            Some(flags >> 6 & 1 | (flags >> 5 & 1) << 1)
        }),
        _ => reader.fill(stride, values, validity, |[event]| Some(event)),
    }
}
