//! Damaged files for tests, always the same: valid files of all layouts and encodings, and the ways in which
//! networks, disks, collectors and people damage them.
//!
//! Every length, count, type and offset has its place in [`fields`], also of what is compressed: there a
//! block is decoded, changed and encoded again, so that the damage lies deeper.

use std::ops::Range;

use super::layout3;
use super::second::{u16_at, u32_at, u64_at};
use super::writer::{self, Encoding, FlowRecord};
use super::{layout1, second};

/// A small generator of numbers; the sequence is part of the tests.
pub struct Numbers(u64);

impl Numbers {
    /// Other seeds give other sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x6e66_6465_636f_6465)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// A valid file and the number of its flows.
pub struct Original {
    pub layout: u8,
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
    pub flows: usize,
    /// Each block can be read without the others.
    pub independent: bool,
}

/// Valid files of all layouts and encodings: few and many blocks, plain flows and flows of many
/// elements, exporters and names. Flow `n` of a file has source port `n`.
pub fn originals() -> Vec<Original> {
    let mut files = Vec::new();
    for encoding in Encoding::ALL {
        for (blocks, flows, rich) in [(1, 6, false), (2, 2, true), (3, 40, false), (4, 10, true)] {
            let blocks: Vec<_> = (0..blocks)
                .map(|block| records(block, flows, rich))
                .collect();
            files.push(Original {
                layout: 2,
                encoding,
                bytes: writer::file(encoding, Some("made"), &blocks),
                flows: usize::from(flows) * blocks.len(),
                independent: true,
            });
        }
    }
    for encoding in Encoding::ALL {
        if encoding != Encoding::Zstd {
            files
                .extend([false, true].map(|everywhere| original_of_layout_1(encoding, everywhere)));
        }
        files.extend([false, true].map(|checksums| original_of_layout_3(encoding, checksums)));
    }
    files
}

/// 192.0.2.1, as IPv6 stores it.
const ADDRESS: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1];

fn generic(number: u16) -> Vec<u8> {
    let mut payload = vec![0; 48];
    payload[..8].copy_from_slice(&(1_700_000_000_000 + u64::from(number)).to_le_bytes());
    payload[40..42].copy_from_slice(&number.to_le_bytes());
    payload[44] = 6;
    payload
}

fn records(block: u16, flows: u16, rich: bool) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    if rich {
        let mut exporter = vec![7, 0, 32, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        exporter.extend([0, 0, 255, 255, 192, 0, 2, 1, 0, 0, 1, 0, 7, 0, 0, 0]);
        let mut counters = vec![8, 0, 32, 0, 1, 0, 0, 0, 1, 0, 0, 0];
        counters.resize(32, 0);
        let mut sampler = vec![15, 0, 24, 0, 1, 0, 2, 0, 5, 0, 0, 0, 0, 0, 0, 0];
        sampler.extend([1, 0, 0, 0, 99, 0, 0, 0]);
        let application =
            b"\x0c\0\x26\0\x01\0\x18\0\x04\0\x08\0\x0c\0\x0d\0\x01\x02http\0\0\0\0World Wide\0\0";
        let interface = b"\x0d\0\x1c\0\x01\0\x10\0\x0c\0\0\0\x03\0\0\0Gi0/0/3\0\0\0\0\0";
        records.extend([
            exporter,
            counters,
            sampler,
            application.to_vec(),
            interface.to_vec(),
        ]);
    }
    records.extend((0..flows).map(|at| {
        let number = block * flows + at;
        let mut elements = vec![(1, generic(number)), (2, number.to_le_bytes().repeat(4))];
        if rich {
            elements.extend([
                (4, vec![7; 16]),
                (14, vec![1; 40]),
                (15, vec![2; 32]),
                (24, [&b"somebody"[..], &[0; 60]].concat()),
                (27, vec![13, 0, 1, 2]),
                (29, vec![0x16; usize::from(number % 9) + 1]),
            ]);
        }
        FlowRecord {
            sysid: 1,
            version: 9,
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    }));
    records
}

/// Maps in the first block only, or in each.
fn original_of_layout_1(encoding: Encoding, everywhere: bool) -> Original {
    let flow = |number: u16, map: u16, extensions: usize| {
        let flow = layout1::Flow {
            old: false,
            flags: 0,
            version: 9,
            sysid: 1,
            map,
            first: (1_700_000_000 + u32::from(number), 0),
            last: (1_700_000_000 + u32::from(number), 5),
            bytes: [0, 0x1B, 6, 0],
            ports: [number, 443],
            ends: [0, 0],
            addresses: number.to_le_bytes().repeat(4),
            packets: 1,
            octets: 40,
            extensions: vec![7; extensions],
        };
        flow.record()
    };
    let blocks: Vec<Vec<Vec<u8>>> = (0..3)
        .map(|block| {
            let mut records = Vec::new();
            if block == 0 || everywhere {
                records.push(layout1::map(0, &[4, 6, 8]));
                records.push(layout1::map(1, &[5, 20, 22, 27, 37, 41]));
            }
            records.extend((0..6).map(|at| match at % 3 {
                0 => flow(6 * block + at, 1, 8 + 16 + 40 + 8 + 20 + 24),
                _ => flow(6 * block + at, 0, 12),
            }));
            records
        })
        .collect();
    Original {
        layout: 1,
        encoding,
        bytes: layout1::file(encoding, 0, "made", &blocks),
        flows: 18,
        independent: everywhere,
    }
}

fn original_of_layout_3(encoding: Encoding, checksums: bool) -> Original {
    let flow = |number: u16| {
        let mut extensions = vec![(1, generic(number)), (2, number.to_le_bytes().repeat(4))];
        if number.is_multiple_of(3) {
            extensions.extend([
                (4, vec![7; 8]),
                (14, vec![2; 16]),
                (23, vec![0x61; 72]),
                (26, b"payload".to_vec()),
            ]);
        }
        layout3::FlowRecord {
            sysid: 1,
            version: 9,
            extensions,
            ..layout3::FlowRecord::default()
        }
        .bytes()
    };
    let exporter = layout3::exporter(1, ADDRESS, 7, &[]);
    let mut blocks = vec![(
        layout3::EXPORTERS,
        layout3::exporters(&[exporter]),
        encoding,
    )];
    for start in [0, 6, 12, 18] {
        let records: Vec<_> = (start..start + 6).map(flow).collect();
        blocks.push((layout3::FLOWS, layout3::flows(&records), encoding));
    }
    let names = [&3_u32.to_le_bytes()[..], b"Gi0/0/3\0\0\0\0\0"].concat();
    blocks.push((layout3::ARRAY, layout3::array(13, &[names]), encoding));
    let blocks: Vec<_> = layout3::with_small_blocks(Some("made"), 24, &blocks)
        .iter()
        .map(|(kind, content, encoding)| layout3::block(*kind, *encoding, checksums, content))
        .collect();
    Original {
        layout: 3,
        encoding,
        bytes: layout3::enclose(&layout3::header(0), &blocks, checksums, [0; 32]),
        flows: 24,
        independent: true,
    }
}

/// Where a block lies in a file.
#[derive(Clone, Debug)]
pub struct Place {
    pub start: usize,
    /// Of its payload.
    pub payload: Range<usize>,
    pub encoding: Encoding,
    /// The appendix, ident or statistics.
    pub aside: bool,
    pub holds_flows: bool,
    /// What it holds is described by records; in layout 3 behind so many bytes.
    lead: usize,
}

/// The blocks of a file that is still whole, the appendix included.
pub fn blocks(bytes: &[u8]) -> Vec<Place> {
    let layout = u16_at(bytes, 2).unwrap_or(0);
    let start = match layout {
        1 => 276,
        2 => 40,
        _ => layout3::HEADER,
    };
    let end = match layout {
        3 => bytes.len().min(u64_at(bytes, 32).unwrap_or(0) as usize),
        _ => bytes.len(),
    };
    let appendix = (layout == 2).then(|| u64_at(bytes, 24).unwrap_or(0) as usize);
    let mut found = Vec::new();
    let mut at = start;
    while at < end {
        let kind = u32_at(bytes, at).unwrap_or(0);
        let (header, size) = match layout {
            3 => (
                layout3::BLOCK_HEADER,
                u32_at(bytes, at + 4).unwrap_or(0) as usize,
            ),
            _ => (12, u32_at(bytes, at + 4).unwrap_or(0) as usize + 12),
        };
        if size < header || size > end - at {
            break;
        }
        let aside = appendix == Some(at) || (layout == 3 && (3..=4).contains(&kind));
        found.push(Place {
            start: at,
            payload: at + header..at + size,
            encoding: encoding_of(bytes, layout, at),
            aside,
            holds_flows: !aside && (layout != 3 || kind == layout3::FLOWS),
            lead: match (layout, kind) {
                (3, layout3::FLOWS) => 32,
                (3, _) => 8,
                _ => 0,
            },
        });
        at += size;
    }
    found
}

fn encoding_of(bytes: &[u8], layout: u16, block: usize) -> Encoding {
    let method = match layout {
        1 => match bytes[4] & 0x19 {
            0x01 => 1,
            0x08 => 2,
            0x10 => 3,
            _ => 0,
        },
        2 => usize::from(bytes[16]),
        _ => usize::from(u16_at(bytes, block + 12).unwrap_or(1)).saturating_sub(1),
    };
    Encoding::ALL.get(method).copied().unwrap_or(Encoding::None)
}

/// Puts other content into a block: encoded, with sizes, places and checksum that fit.
fn replace(bytes: &mut Vec<u8>, place: &Place, plain: &[u8]) {
    if plain.is_empty() {
        return;
    }
    let stored = place.encoding.encode(plain);
    let (old, new) = (place.payload.len(), stored.len());
    let moved = |offset: Option<u64>| {
        let offset = offset.unwrap_or(0).wrapping_add(new as u64);
        offset.wrapping_sub(old as u64)
    };
    bytes.splice(place.payload.clone(), stored);
    if u16_at(bytes, 2) == Some(3) {
        let sizes =
            [new, plain.len()].map(|size| ((size + layout3::BLOCK_HEADER) as u32).to_le_bytes());
        bytes[place.start + 4..place.start + 12].copy_from_slice(&sizes.concat());
        let at = place.start + 16;
        if u64_at(bytes, at) != Some(0) {
            let end = place.payload.start + new;
            let sum = layout3::xxh3(&bytes[place.payload.start..end]);
            bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
        }
        let directory = moved(u64_at(bytes, 32));
        bytes[32..40].copy_from_slice(&directory.to_le_bytes());
        *bytes = reassembled(bytes);
    } else {
        bytes[place.start + 4..place.start + 8].copy_from_slice(&(new as u32).to_le_bytes());
        if u16_at(bytes, 2) == Some(2) && !place.aside {
            let appendix = moved(u64_at(bytes, 24));
            bytes[24..32].copy_from_slice(&appendix.to_le_bytes());
        }
    }
}

/// The same blocks of layout 3 with a directory that fits.
fn reassembled(bytes: &[u8]) -> Vec<u8> {
    let places = blocks(bytes);
    let all: Vec<_> = places
        .iter()
        .map(|place| bytes[place.start..place.payload.end].to_vec())
        .collect();
    let checksums = all
        .first()
        .is_some_and(|block| u64_at(block, 16) != Some(0));
    layout3::enclose(bytes, &all, checksums, [0; 32])
}

/// A number in a file: in the file as it is, or in what a block decodes to.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    block: Option<usize>,
    at: usize,
    width: usize,
}

/// Every length, count, type and offset of a valid file.
pub fn fields(bytes: &[u8]) -> Vec<Field> {
    let layout = u16_at(bytes, 2).unwrap_or(0);
    let mut found = Vec::new();
    let mut add = |block, at, widths: &[usize]| {
        let mut at = at;
        for &width in widths {
            found.push(Field { block, at, width });
            at += width;
        }
    };
    match layout {
        1 => add(None, 0, &[2, 2, 4, 4]),
        2 => {
            add(None, 0, &[2, 2, 4]);
            add(None, 16, &[1, 1, 2, 4, 8, 4, 4]);
        }
        _ => {
            add(None, 0, &[2, 2, 4]);
            add(None, 16, &[2, 2, 4, 4, 4, 8, 8]);
            let directory = bytes.len().min(u64_at(bytes, 32).unwrap_or(0) as usize);
            add(None, directory, &[4, 4]);
            for entry in 0..blocks(bytes).len() {
                add(None, directory + 8 + 16 * entry, &[4, 4, 8]);
            }
            add(None, bytes.len().saturating_sub(56), &[4, 4, 8, 8]);
        }
    }
    for (number, place) in blocks(bytes).into_iter().enumerate() {
        match layout {
            3 => add(None, place.start, &[4, 4, 4, 2, 2, 8]),
            _ => add(None, place.start, &[4, 4, 2, 2]),
        }
        let inside = Some(number);
        let plain = place
            .encoding
            .decode(&bytes[place.payload.clone()])
            .unwrap_or_default();
        if layout == 3 && !place.aside {
            add(
                inside,
                0,
                if place.lead == 32 {
                    &[4, 4, 8, 8, 8]
                } else {
                    &[4, 2, 2]
                },
            );
        }
        for (at, size) in records_in(&plain, &place) {
            add(inside, at, &[2, 2]);
            let record = &plain[at..at + size];
            match (layout, record[0]) {
                (2, 11) => {
                    add(inside, at + 4, &[2]);
                    let (elements, _) = second::elements(record);
                    for element in elements {
                        add(inside, at + element.offset - 4, &[2, 2]);
                    }
                }
                (2, 12) => add(inside, at + 4, &[2, 2, 2, 2, 2]),
                (2, 7 | 8 | 13 | 15) => add(inside, at + 4, &[2, 2, 4]),
                (1, 10) => add(inside, at + 4, &[1, 1, 2]),
                (1, 2) => add(inside, at + 4, &vec![2; size / 2 - 2]),
                (3, 16) => {
                    let count = usize::from(u16_at(record, 4).unwrap_or(0));
                    add(inside, at + 4, &[2, 2, 4, 1, 1, 2, 8]);
                    add(inside, at + 24, &vec![2; count]);
                    // The length in front of a payload is behind the last place of the table.
                    if let Some(last) = u16_at(record, 22 + 2 * count) {
                        add(inside, at + usize::from(last), &[4]);
                    }
                }
                (3, 17) => add(inside, at + 52, &[2, 2]),
                _ => {}
            }
        }
    }
    found
}

/// The records of a block: where they are and how long.
fn records_in(plain: &[u8], place: &Place) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = place.lead;
    while let Some(size) = u16_at(plain, at + 2).map(usize::from) {
        if size < 4 || size > plain.len() - at {
            break;
        }
        found.push((at, size));
        at += size;
    }
    found
}

/// How many values [`set`] knows for a field.
pub const EXTREMES: usize = 8;

/// Gives a field one of the values that decoders trip over.
pub fn set(bytes: &mut Vec<u8>, field: Field, extreme: usize) {
    let Some(number) = field.block else {
        return set_at(bytes, field, extreme);
    };
    let place = blocks(bytes).swap_remove(number);
    if let Some(mut plain) = place.encoding.decode(&bytes[place.payload.clone()]) {
        set_at(&mut plain, field, extreme);
        replace(bytes, &place, &plain);
    }
}

fn set_at(bytes: &mut [u8], Field { at, width, .. }: Field, extreme: usize) {
    let Some(field) = bytes.get_mut(at..at + width) else {
        return;
    };
    let old = field
        .iter()
        .rev()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let value = match extreme {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => old.wrapping_add(1),
        4 => old.wrapping_sub(1),
        5 => 1 << (8 * width - 1),
        6 => 5_242_869,
        _ => old ^ 0x10,
    };
    field.copy_from_slice(&value.to_le_bytes()[..width]);
}

/// Damages a file in some way.
pub fn damage(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let places = blocks(bytes);
    match numbers.below(12) {
        0..6 => damage_bytes(bytes, numbers),
        6 => {
            let fields = fields(bytes);
            if !fields.is_empty() {
                set(
                    bytes,
                    fields[numbers.below(fields.len())],
                    numbers.below(EXTREMES),
                );
            }
        }
        7 | 8 => damage_blocks(bytes, &places, numbers),
        _ if places.is_empty() => damage_bytes(bytes, numbers),
        kind => {
            let place = &places[numbers.below(places.len())];
            let Some(mut plain) = place.encoding.decode(&bytes[place.payload.clone()]) else {
                return;
            };
            if kind == 9 {
                damage_bytes(&mut plain, numbers);
            } else {
                damage_records(&mut plain, place, numbers);
            }
            replace(bytes, place, &plain);
        }
    }
}

/// A bit flipped, an end cut off, chunks deleted, doubled, zeroed, swapped.
fn damage_bytes(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    if bytes.is_empty() {
        return;
    }
    let at = numbers.below(bytes.len());
    let length = numbers.below(64) + 1;
    let chunk = at..(at + length).min(bytes.len());
    match numbers.below(6) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes.truncate(at.max(1)),
        2 => drop(bytes.drain(chunk)),
        3 => {
            let copy = bytes[chunk.clone()].to_vec();
            bytes.splice(chunk.start..chunk.start, copy);
        }
        4 => bytes[chunk].fill(0),
        _ => {
            let other = numbers.below(bytes.len());
            let (low, high) = (at.min(other), at.max(other));
            let length = length.min(bytes.len() - high).min(high - low);
            let (first, second) = bytes.split_at_mut(high);
            first[low..low + length].swap_with_slice(&mut second[..length]);
        }
    }
}

/// Whole blocks deleted, doubled, or swapped. In layout 3 the directory fits afterwards in one case of two.
fn damage_blocks(bytes: &mut Vec<u8>, places: &[Place], numbers: &mut Numbers) {
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return;
    };
    let area = first.start..last.payload.end;
    let mut all: Vec<_> = places
        .iter()
        .map(|place| bytes[place.start..place.payload.end].to_vec())
        .collect();
    change(&mut all, numbers);
    if u16_at(bytes, 2) == Some(3) && numbers.below(2) == 0 {
        *bytes = layout3::enclose(bytes, &all, false, [0; 32]);
    } else {
        bytes.splice(area, all.concat());
    }
}

/// Whole records deleted, doubled, or swapped; their announced number stays.
fn damage_records(plain: &mut Vec<u8>, place: &Place, numbers: &mut Numbers) {
    let records = records_in(plain, place);
    let mut all: Vec<_> = records
        .iter()
        .map(|(at, size)| plain[*at..at + size].to_vec())
        .collect();
    change(&mut all, numbers);
    plain.truncate(place.lead.min(plain.len()));
    plain.extend(all.concat());
}

fn change(parts: &mut Vec<Vec<u8>>, numbers: &mut Numbers) {
    if parts.is_empty() {
        return;
    }
    let at = numbers.below(parts.len());
    match numbers.below(3) {
        0 => drop(parts.remove(at)),
        1 => parts.insert(at, parts[at].clone()),
        _ => {
            let other = numbers.below(parts.len());
            parts.swap(at, other);
        }
    }
}

/// A damaged file.
pub struct Variant {
    pub layout: u8,
    /// Flows of the original.
    pub flows: usize,
    pub bytes: Vec<u8>,
}

/// So many variants, always the same. One in two has a field with another value, all fields and values in
/// turn if there are enough variants; the others are damaged at random, once or twice.
pub struct Variants {
    pub count: usize,
    pub originals: Vec<Original>,
    /// Number of the original, field, value.
    walk: Vec<(usize, Field, usize)>,
}

impl Variants {
    pub fn new(count: usize) -> Self {
        let originals = originals();
        let mut walk = Vec::new();
        for (number, original) in originals.iter().enumerate() {
            // Of the largest files the containers only; what is in them is in others too.
            let small = original.layout != 2 || original.flows < 10;
            let fields = fields(&original.bytes).into_iter();
            for field in fields.filter(|field| small || field.block.is_none()) {
                walk.extend((0..EXTREMES).map(|extreme| (number, field, extreme)));
            }
        }
        Self {
            count,
            originals,
            walk,
        }
    }

    /// How many values there are for all fields together.
    pub fn walk_length(&self) -> usize {
        self.walk.len()
    }

    pub fn get(&self, variant: usize) -> Variant {
        let mut numbers = Numbers::new((variant as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..4 {
            numbers.next();
        }
        let turns = (self.count / 2).clamp(1, self.walk.len());
        let turn = variant / 2 * self.walk.len() / turns;
        let step = self.walk.get(turn).filter(|_| variant.is_multiple_of(2));
        let number = step.map_or(variant / 2 % self.originals.len(), |step| step.0);
        let original = &self.originals[number];
        let mut bytes = original.bytes.clone();
        match step {
            Some((_, field, extreme)) => set(&mut bytes, *field, *extreme),
            None => (0..=numbers.below(2)).for_each(|_| damage(&mut bytes, &mut numbers)),
        }
        // Checksums tell nearly everything; in some variants they are put right, as if the damage had been
        // there when the file was written.
        if original.layout == 3 && numbers.below(2) == 0 {
            fit_checksums(&mut bytes);
        }
        Variant {
            layout: original.layout,
            flows: original.flows,
            bytes,
        }
    }
}

/// Gives the blocks of a file of layout 3 and its directory the checksums that they have now.
fn fit_checksums(bytes: &mut [u8]) {
    for place in blocks(bytes) {
        let sum = layout3::xxh3(&bytes[place.payload.clone()]);
        bytes[place.start + 16..place.start + 24].copy_from_slice(&sum.to_le_bytes());
    }
    let (Some(offset), Some(end)) = (u64_at(bytes, 32), bytes.len().checked_sub(56)) else {
        return;
    };
    if let Some(directory) = usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..end))
    {
        let sum = layout3::xxh3(directory);
        bytes[end + 16..end + 24].copy_from_slice(&sum.to_le_bytes());
    }
}
