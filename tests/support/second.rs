//! A second decoder of layout 2 to hold the real one against: plain, slow, safe, and written from the
//! description of the format alone.
//!
//! It reads a file that is in memory from its first to its last byte, keeps everything, and knows no
//! shortcuts. It does not look for blocks behind damage: where the chain of blocks breaks it ends, and says
//! so. Blocks of records of layout 1 are listed and not taken apart.

use super::writer::{BLOCK_MAX, Encoding};

/// The highest id that nfdump 1.7.10 has a meaning for.
pub const ELEMENT_MAX: u16 = nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as u16;

/// A number of 2 bytes, or `None` behind the end.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from(two[0]) | u16::from(two[1]) << 8)
}

/// The same of 4 bytes.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16_at(bytes, at)?) | u32::from(u16_at(bytes, at + 2)?) << 16)
}

/// The same of 8 bytes.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32_at(bytes, at)?) | u64::from(u32_at(bytes, at + 4)?) << 32)
}

/// A file, read to its end.
#[derive(Debug)]
pub struct SecondFile {
    pub writer_version: u32,
    pub created: i64,
    pub compression: u8,
    pub appendix_blocks: u16,
    pub creator: u32,
    pub appendix_offset: u64,
    pub announced_blocks: u32,
    pub ident: Option<Vec<u8>>,
    pub statistics: Option<[u64; 18]>,
    pub blocks: Vec<SecondBlock>,
    /// Why there are fewer blocks than announced.
    pub broken: Option<&'static str>,
    /// No appendix is where one should be.
    pub misplaced: bool,
}

/// A block of data.
#[derive(Debug)]
pub struct SecondBlock {
    pub offset: u64,
    pub announced: u32,
    pub stored: u32,
    pub kind: u16,
    /// Of an unknown type, or with flags that no writer sets.
    pub odd: bool,
    /// What it decodes to, or why it does not.
    pub content: Result<Records, &'static str>,
}

/// The records of a block, those before damage in its chain of records.
#[derive(Debug, Default)]
pub struct Records {
    pub data: Vec<u8>,
    pub records: Vec<Record>,
    pub damage: Option<&'static str>,
}

/// Where a record lies in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: u16,
    pub offset: usize,
    pub size: usize,
}

/// Where an element lies in its record. `length` is that of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    pub id: u16,
    pub offset: usize,
    pub length: usize,
}

/// How far the elements of a flow record can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// To the announced number, or to the end of the record.
    Yes,
    /// The last one runs past the end.
    Clipped,
    /// Not beyond one that is shorter than its header.
    Short,
    /// Not at all: the record is shorter than its header, or an element has no length.
    No,
}

impl SecondFile {
    /// Reads all of a file, or tells why it is none that can be read.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let magic = u16_at(bytes, 0).ok_or("shorter than a header")?;
        if bytes.len() < 40 {
            return Err("shorter than a header");
        }
        if magic != 0xA50C {
            return Err("another magic");
        }
        if u16_at(bytes, 2) != Some(2) {
            return Err("another layout");
        }
        let mut file = Self {
            writer_version: u32_at(bytes, 4).unwrap_or(0),
            created: u64_at(bytes, 8).unwrap_or(0).cast_signed(),
            compression: bytes[16],
            appendix_blocks: u16_at(bytes, 18).unwrap_or(0),
            creator: u32_at(bytes, 20).unwrap_or(0),
            appendix_offset: u64_at(bytes, 24).unwrap_or(0),
            announced_blocks: u32_at(bytes, 36).unwrap_or(0),
            ident: None,
            statistics: None,
            blocks: Vec::new(),
            broken: None,
            misplaced: false,
        };
        if bytes[17] != 0 {
            return Err("encrypted");
        }
        if file.compression > 4 {
            return Err("another compression");
        }
        if file.appendix_blocks != 0
            && (bytes.len() as u64..=i64::MAX as u64).contains(&file.appendix_offset)
        {
            return Err("truncated before its appendix");
        }
        let appendix = file.read_appendix(bytes);
        let end = match file.appendix_offset {
            offset if appendix && offset >= 40 => offset as usize,
            _ => bytes.len(),
        };
        file.read_blocks(bytes, end);
        file.misplaced = !appendix && file.appendix_blocks != 0;
        Ok(file)
    }

    /// Whether there is one; what is readable in it counts.
    fn read_appendix(&mut self, bytes: &[u8]) -> bool {
        let mut at = self.appendix_offset as usize;
        for _ in 0..self.appendix_blocks {
            let Some((header, stored)) = block_at(bytes, at) else {
                return false;
            };
            let Ok(plain) = self.decompress(header, stored) else {
                return false;
            };
            let records = walk(plain, u32_at(header, 0).unwrap_or(0));
            for record in &records.records {
                let bytes = &records.data[record.offset..][..record.size];
                let payload = &bytes[4..];
                match record.kind {
                    0x8001 if record.size < 128 => {
                        let end = payload.iter().position(|byte| *byte == 0);
                        self.ident = end.map(|end| payload[..end].to_vec()).or(self.ident.take());
                    }
                    0x8002 if payload.len() == 144 => {
                        let mut numbers = [0; 18];
                        for (at, number) in numbers.iter_mut().enumerate() {
                            *number = u64_at(payload, 8 * at).unwrap_or(0);
                        }
                        self.statistics = Some(numbers);
                    }
                    _ => {}
                }
            }
            // More bytes than records do no harm here.
            if matches!(records.damage, Some(damage) if damage == IMPOSSIBLE) {
                return false;
            }
            at += 12 + stored.len();
        }
        self.appendix_blocks != 0 && (self.ident.is_some() || self.statistics.is_some())
    }

    fn read_blocks(&mut self, bytes: &[u8], end: usize) {
        let mut at = 40;
        for _ in 0..self.announced_blocks {
            if at >= end {
                self.broken = Some("fewer blocks than announced");
                return;
            }
            let Some((header, stored)) = block_at(bytes, at) else {
                self.broken = Some("a block does not fit the file");
                return;
            };
            let announced = u32_at(header, 0).unwrap_or(0);
            if announced == 0 || announced as usize > BLOCK_MAX / 4 {
                self.broken = Some("a block cannot have so many records");
                return;
            }
            let kind = u16_at(header, 8).unwrap_or(0);
            let content = match kind {
                3 => self
                    .decompress(header, stored)
                    .map(|data| walk(data, announced)),
                // Look-up tables and records of layout 1.
                2 | 4 => Ok(Records::default()),
                _ => Err("a type of block that is not known"),
            };
            self.blocks.push(SecondBlock {
                offset: at as u64,
                announced,
                stored: stored.len() as u32,
                kind,
                odd: !(1..=4).contains(&kind) || u16_at(header, 10).is_none_or(|flags| flags > 7),
                content,
            });
            at += 12 + stored.len();
        }
    }

    fn decompress(&self, header: &[u8], stored: &[u8]) -> Result<Vec<u8>, &'static str> {
        // Bit 0 denies the compression of the file; no writer sets it. It is believed if records are there.
        if u16_at(header, 10).unwrap_or(0) & 1 != 0 && walk_to_end(stored).is_some() {
            return Ok(stored.to_vec());
        }
        let encoding = Encoding::ALL.get(usize::from(self.compression));
        let plain = encoding.and_then(|encoding| encoding.decode(stored));
        plain.ok_or("it does not decode")
    }
}

/// A block header and what it says lies behind it.
fn block_at(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let header = bytes.get(at..at.checked_add(12)?)?;
    let size = u32_at(header, 4)? as usize;
    if size == 0 || size > BLOCK_MAX {
        return None;
    }
    Some((header, bytes.get(at + 12..at + 12 + size)?))
}

const IMPOSSIBLE: &str = "a record does not fit its block";

/// The records of a block, as many as announced.
fn walk(data: Vec<u8>, announced: u32) -> Records {
    let mut found = Records::default();
    let mut at = 0;
    for _ in 0..announced {
        if at == data.len() {
            found.damage = Some("fewer records than announced");
            break;
        }
        let (Some(kind), Some(size)) = (u16_at(&data, at), u16_at(&data, at + 2)) else {
            found.damage = Some(IMPOSSIBLE);
            break;
        };
        let size = usize::from(size);
        if size < 4 || size > data.len() - at {
            found.damage = Some(IMPOSSIBLE);
            break;
        }
        found.records.push(Record {
            kind,
            offset: at,
            size,
        });
        at += size;
    }
    if found.damage.is_none() && at < data.len() {
        found.damage = Some("more records than announced");
    }
    found.data = data;
    found
}

/// How many records fill these bytes to the last.
fn walk_to_end(data: &[u8]) -> Option<usize> {
    let found = walk(data.to_vec(), u32::MAX);
    let fewer = found.damage == Some("fewer records than announced");
    (fewer && !found.records.is_empty()).then_some(found.records.len())
}

/// The elements of a flow record in stored order.
pub fn elements(record: &[u8]) -> (Vec<Element>, Whole) {
    let mut found = Vec::new();
    if record.len() < 12 {
        return (found, Whole::No);
    }
    let mut at = 12;
    for _ in 0..u16_at(record, 4).unwrap_or(0) {
        let (Some(id), Some(length)) = (u16_at(record, at), u16_at(record, at + 2)) else {
            break;
        };
        let length = usize::from(length);
        if length < 4 {
            let whole = if length == 0 { Whole::No } else { Whole::Short };
            return (found, whole);
        }
        let whole = length <= record.len() - at;
        let length = length.min(record.len() - at);
        found.push(Element {
            id,
            offset: at + 4,
            length: length - 4,
        });
        if !whole {
            return (found, Whole::Clipped);
        }
        at += length;
    }
    (found, Whole::Yes)
}

/// The elements that count: the last of each id, of those that have a meaning, and of two address families
/// one.
pub fn counting(record: &[u8], elements: &[Element]) -> Vec<Element> {
    let last = |id: u16| elements.iter().rev().find(|element| element.id == id);
    let mut found: Vec<Element> = (1..=ELEMENT_MAX).filter_map(last).copied().collect();
    if let (Some(v4), Some(_)) = (last(2), last(3)) {
        let version = last(38).map_or(0, |layer2| {
            let payload = &record[layer2.offset..][..layer2.length];
            payload.get(26).copied().unwrap_or(0)
        });
        let addresses = &record[v4.offset..][..v4.length];
        let zero = addresses.iter().take(8).all(|byte| *byte == 0);
        match (version, zero) {
            (6, _) | (0, true) => found.retain(|element| element.id != 2),
            (4, _) | (0, false) => found.retain(|element| element.id != 3),
            _ => {}
        }
    }
    found
}

/// What a record that is not a flow says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Exporter {
        sysid: u16,
        address: [u8; 16],
        version: u32,
        id: u32,
    },
    Counters {
        sysid: u32,
        failures: u32,
        packets: u64,
        flows: u64,
    },
    Sampler {
        sysid: u16,
        algorithm: u16,
        id: i64,
        interval: u32,
        space: u32,
    },
    Application {
        id: Vec<u8>,
        name: Vec<u8>,
        description: Option<Vec<u8>>,
    },
    Interface(u32, Vec<u8>),
    Vrf(u32, Vec<u8>),
}

/// All that a record tells, in order. Nothing of one that is not well-formed, and nothing behind an
/// entry that is not.
pub fn facts(record: &[u8]) -> Vec<Fact> {
    let mut found = Vec::new();
    let _ = match u16_at(record, 0) {
        Some(7) => exporter(record, &mut found),
        Some(8) => counters(record, &mut found),
        Some(9) => legacy_sampler(record, &mut found),
        Some(12) => applications(record, &mut found),
        Some(13 | 14) => numbered_names(record, &mut found),
        Some(15) => sampler(record, &mut found),
        _ => None,
    };
    found
}

fn exporter(record: &[u8], found: &mut Vec<Fact>) -> Option<()> {
    let stored: [u8; 16] = record.get(8..24)?.try_into().ok()?;
    let mut address = stored;
    match u16_at(record, 24)? {
        0 => {}
        family => {
            // Two numbers, the high half first.
            address[..8].reverse();
            address[8..].reverse();
            if family == 2 {
                address[10] = 0xFF;
                address[11] = 0xFF;
            }
        }
    }
    if record.len() == 32 {
        found.push(Fact::Exporter {
            sysid: u16_at(record, 26)?,
            address,
            version: u32_at(record, 4)?,
            id: u32_at(record, 28)?,
        });
    }
    Some(())
}

fn counters(record: &[u8], found: &mut Vec<Fact>) -> Option<()> {
    let count = u64::from(u32_at(record, 4)?);
    if count == 0 || record.len() as u64 != 8 + 24 * count {
        return None;
    }
    for entry in record[8..].chunks(24) {
        found.push(Fact::Counters {
            sysid: u32_at(entry, 0)?,
            failures: u32_at(entry, 4)?,
            packets: u64_at(entry, 8)?,
            flows: u64_at(entry, 16)?,
        });
    }
    Some(())
}

fn legacy_sampler(record: &[u8], found: &mut Vec<Fact>) -> Option<()> {
    found.push(Fact::Sampler {
        sysid: u16_at(record, 14)?,
        algorithm: u16_at(record, 12)?,
        id: i64::from(u32_at(record, 4)?.cast_signed()),
        interval: 1,
        space: u32_at(record, 8)?.saturating_sub(1),
    });
    Some(())
}

fn sampler(record: &[u8], found: &mut Vec<Fact>) -> Option<()> {
    found.push(Fact::Sampler {
        sysid: u16_at(record, 4)?,
        algorithm: u16_at(record, 6)?,
        id: u64_at(record, 8)?.cast_signed(),
        interval: u32_at(record, 16)?,
        space: u32_at(record, 20)?,
    });
    Some(())
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> Vec<u8> {
    let end = field.iter().position(|byte| *byte == 0);
    field[..end.unwrap_or(field.len())].to_vec()
}

fn applications(record: &[u8], found: &mut Vec<Fact>) -> Option<()> {
    let number = |at| u16_at(record, at).map(usize::from);
    let (count, size) = (number(4)?, number(6)?);
    // The form of 1.7.0 has one, and a header of its own in front.
    let old = size == 0;
    let lengths = if old { 12 } else { 8 };
    let [a, b, c] = [number(lengths)?, number(lengths + 2)?, number(lengths + 4)?];
    let (sum, start) = (a + b + c, lengths + 6);
    if sum == 0 || sum > 4096 || (!old && (sum > size || start + size * count > record.len())) {
        return None;
    }
    for at in 0..if old { 1 } else { count } {
        let fields = record.get(start + size * at..)?.get(..sum)?;
        found.push(Fact::Application {
            id: fields[..a].to_vec(),
            name: text(&fields[a..a + b]),
            description: (c != 0).then(|| text(&fields[a + b..])),
        });
    }
    Some(())
}

fn numbered_names(record: &[u8], found: &mut Vec<Fact>) -> Option<()> {
    let number = |at| u16_at(record, at).map(usize::from);
    let (count, size) = (number(4)?, number(6)?);
    if size < 5 || 12 + size * count > record.len() {
        return None;
    }
    for at in 0..count {
        let entry = record.get(12 + size * at..)?.get(..size)?;
        let (id, name) = (u32_at(entry, 0)?, &entry[4..]);
        if !name.contains(&0) {
            return None;
        }
        found.push(match record[0] {
            13 => Fact::Interface(id, text(name)),
            _ => Fact::Vrf(id, text(name)),
        });
    }
    Some(())
}
