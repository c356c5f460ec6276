//! Files of layout 1 for tests: a writer and a reader, made from the description.
//!
//! Independent of the decoder on purpose. The writer knows how long extensions are and not what they
//! mean; the reader knows the few fields that nfdump 1.7.10 does not print as they are stored.

use std::collections::HashMap;

use super::reference::Member;
use super::writer::Encoding;

/// Bytes of each extension in a record; what is not here takes none.
pub const EXTENSIONS: [(u16, usize); 35] = [
    (4, 4),
    (5, 8),
    (6, 4),
    (7, 8),
    (8, 4),
    (9, 4),
    (10, 16),
    (11, 4),
    (12, 16),
    (13, 4),
    (14, 4),
    (15, 8),
    (16, 4),
    (17, 8),
    (18, 4),
    (19, 8),
    (20, 16),
    (21, 16),
    (22, 40),
    (23, 4),
    (24, 16),
    (25, 4),
    (26, 8),
    (27, 8),
    (37, 20),
    (38, 4),
    (39, 8),
    (40, 32),
    (41, 24),
    (42, 24),
    (43, 72),
    (45, 24),
    (46, 12),
    (47, 8),
    (48, 8),
];

/// Bytes of an extension in a record.
pub fn room(extension: u16) -> usize {
    EXTENSIONS
        .iter()
        .find(|(id, _)| *id == extension)
        .map_or(0, |(_, size)| *size)
}

/// An extension map. The obsolete extension 47 counts nothing in it.
pub fn map(id: u16, extensions: &[u16]) -> Vec<u8> {
    let counted = extensions.iter().filter(|extension| **extension != 47);
    let extent: usize = counted.map(|extension| room(*extension)).sum();
    let mut words = extensions.to_vec();
    words.push(0);
    if words.len() % 2 == 1 {
        words.push(0);
    }
    let size = 8 + 2 * words.len();
    [2, size as u16, id, extent as u16]
        .iter()
        .chain(&words)
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

/// A flow record.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Of type 1, as writers up to 1.6.11 have it.
    pub old: bool,
    /// 0x01 IPv6, 0x02 and 0x04 64-bit packets and bytes, 0x40 event, 0x80 sampled.
    pub flags: u8,
    pub version: u8,
    pub sysid: u16,
    pub map: u16,
    /// Seconds and milliseconds.
    pub first: (u32, u16),
    pub last: (u32, u16),
    /// Forwarding status, TCP flags, protocol, TOS.
    pub bytes: [u8; 4],
    pub ports: [u16; 2],
    /// Biflow direction and end reason.
    pub ends: [u8; 2],
    /// 8 or 32 bytes.
    pub addresses: Vec<u8>,
    pub packets: u64,
    pub octets: u64,
    pub extensions: Vec<u8>,
}

impl Flow {
    pub fn record(&self) -> Vec<u8> {
        let mut record = vec![if self.old { 1 } else { 10 }, 0, 0, 0, self.flags];
        record.push(if self.old {
            self.sysid as u8
        } else {
            self.version
        });
        record.extend(self.map.to_le_bytes());
        record.extend(self.first.1.to_le_bytes());
        record.extend(self.last.1.to_le_bytes());
        record.extend(self.first.0.to_le_bytes());
        record.extend(self.last.0.to_le_bytes());
        record.extend(self.bytes);
        record.extend(self.ports.iter().flat_map(|port| port.to_le_bytes()));
        if !self.old {
            record.extend(self.sysid.to_le_bytes());
            record.extend(self.ends);
        }
        record.extend(&self.addresses);
        for (bit, value) in [(2, self.packets), (4, self.octets)] {
            let bytes = value.to_le_bytes();
            record.extend(&bytes[..if self.flags & bit != 0 { 8 } else { 4 }]);
        }
        record.extend(&self.extensions);
        let size = (record.len() as u16).to_le_bytes();
        record[2..4].copy_from_slice(&size);
        record
    }
}

/// A whole file: each block is a list of records.
pub fn file(encoding: Encoding, flags: u8, ident: &str, blocks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let method = match encoding {
        Encoding::None => 0,
        Encoding::Lzo => 0x01,
        Encoding::Bz2 => 0x08,
        Encoding::Lz4 => 0x10,
        Encoding::Zstd => panic!("layout 1 has no ZSTD"),
    };
    let mut file = vec![0x0C, 0xA5, 1, 0, flags | method, 0, 0, 0];
    file.extend((blocks.len() as u32).to_le_bytes());
    file.extend(ident.as_bytes());
    file.resize(140, 0);
    // Of the statistics only the number of flows, which is the first.
    let flows = blocks.iter().flatten().filter(|record| is_flow(record));
    file.extend((flows.count() as u64).to_le_bytes());
    file.resize(276, 0);
    for records in blocks {
        let stored = encoding.encode(&records.concat());
        file.extend((records.len() as u32).to_le_bytes());
        file.extend((stored.len() as u32).to_le_bytes());
        file.extend([2, 0, 0, 0]);
        file.extend(stored);
    }
    file
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

pub fn is_flow(record: &[u8]) -> bool {
    matches!(u16_at(record, 0), 1 | 10)
}

/// The records of a file, block by block. Ends a block at a record that does not fit.
pub fn records(file: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut blocks = Vec::new();
    let mut rest = file.get(276..).unwrap_or_default();
    while rest.len() >= 12 {
        let (count, stored) = (u32_at(rest, 0), u32_at(rest, 4) as usize);
        let encoding = match file[4] & 0x19 {
            0x01 => Encoding::Lzo,
            0x08 => Encoding::Bz2,
            0x10 => Encoding::Lz4,
            _ => Encoding::None,
        };
        let plain = encoding.decode(&rest[12..12 + stored]);
        let plain = plain.expect("it decodes");
        let mut found = Vec::new();
        let mut left = plain.as_slice();
        while left.len() >= 4 && found.len() < count as usize {
            let size = usize::from(u16_at(left, 2));
            if size < 4 || size > left.len() {
                break;
            }
            found.push(left[..size].to_vec());
            left = &left[size..];
        }
        blocks.push(found);
        rest = &rest[12 + stored..];
    }
    blocks
}

/// Bytes of a flow record before its extensions.
pub fn required(record: &[u8]) -> usize {
    let fixed = if u16_at(record, 0) == 1 { 28 } else { 32 };
    let bit = |mask: u8, set, clear| if record[4] & mask != 0 { set } else { clear };
    fixed + bit(1, 32, 8) + bit(2, 8, 4) + bit(4, 8, 4)
}

/// The same flows as nfdump 1.7.10 can read them: records of type 1 become type 10, interfaces of 6
/// bytes (nfdump 1.6.13) become 8. Blocks are small, since it converts 2 MiB at most.
pub fn for_nfdump(blocks: &[Vec<Vec<u8>>]) -> Vec<Vec<Vec<u8>>> {
    let mut maps: HashMap<u16, Vec<u16>> = HashMap::new();
    let mut records = Vec::new();
    for record in blocks.iter().flatten() {
        let mut record = record.clone();
        if u16_at(&record, 0) == 2 {
            let words = (8..record.len()).step_by(2).map(|at| u16_at(&record, at));
            let ids = words.take_while(|id| *id != 0).collect();
            maps.insert(u16_at(&record, 4), ids);
        } else if is_flow(&record) {
            let start = required(&record);
            if let Some(ids) = maps.get(&u16_at(&record, 6)) {
                let extent: usize = ids.iter().map(|id| room(*id)).sum();
                if let Some(before) = ids.iter().position(|id| *id == 5)
                    && record.len() + 2 == start + extent
                {
                    let offset: usize = ids[..before].iter().map(|id| room(*id)).sum();
                    let at = start + offset + 6;
                    record.splice(at..at, [0, 0]);
                }
            }
            if u16_at(&record, 0) == 1 {
                record.splice(28..28, [record[5], 0, 0, 0]);
                record[5] = 0;
                record[0] = 10;
            }
            let size = (record.len() as u16).to_le_bytes();
            record[2..4].copy_from_slice(&size);
        }
        records.push(record);
    }
    records.chunks(4000).map(<[_]>::to_vec).collect()
}

/// Puts right what nfdump 1.7.10 prints of a flow of layout 1 and which the record tells otherwise.
/// The rows are L1-1 to L1-3 of `docs/deviations.md`.
pub fn correct(members: &mut [Member], record: &[u8]) {
    let event = record[4] & 0x40 != 0;
    let sampled = record[4] & 0x80 != 0;
    let told = |key: &str| {
        members
            .iter()
            .any(|(found, value)| found == key && value != "0")
    };
    // What the event tells of ICMP counts, unless it tells nothing.
    let no_icmp = !told("icmp_type") && !told("icmp_code");
    for (key, value) in members {
        match key.as_str() {
            "type" if event => *value = "\"EVENT\"".to_owned(),
            "sampled" if sampled => *value = "1".to_owned(),
            "dst_port" => *value = u16_at(record, 26).to_string(),
            "icmp_type" if no_icmp => *value = record[27].to_string(),
            "icmp_code" if no_icmp => *value = record[26].to_string(),
            // Layout 1 has them as numbers and nfdump is right. The correction for layout 2, where it is
            // not, follows and is made undone here.
            "ingress_acl" | "egress_acl" => {
                let words = value.trim_matches('"').split('/').map(|word| {
                    let word = u32::from_str_radix(word.trim_start_matches("0x"), 16);
                    format!("0x{:x}", word.expect("a word").swap_bytes())
                });
                *value = format!("\"{}\"", words.collect::<Vec<_>>().join("/"));
            }
            _ => {}
        }
    }
}
