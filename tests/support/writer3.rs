//! A writer of layout 3 files for tests, made from the description: any records, any encoding, with
//! checksums or without.

use super::writer::Encoding;

/// Bytes before the first block.
pub const HEADER: usize = 48;
/// Bytes of a block header.
pub const BLOCK_HEADER: usize = 24;
/// Types of blocks.
pub const FLOWS: u32 = 1;
pub const NAMES: u32 = 2;
pub const STATISTICS: u32 = 3;
pub const IDENT: u32 = 4;
pub const EXPORTERS: u32 = 7;

/// A flow record: extensions by ascending number.
pub fn record(extensions: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let pad = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(8), 0);
    let set = extensions.iter().fold(0_u64, |set, (id, _)| set | 1 << id);
    let mut record = vec![16, 0, 0, 0, extensions.len() as u8, 0, 0, 0];
    record.extend([1, 0, 0, 0, 0, 0, 9, 0]);
    record.extend(set.to_le_bytes());
    let mut at = (record.len() + 2 * extensions.len()).next_multiple_of(8);
    for (_, payload) in extensions {
        record.extend((at as u16).to_le_bytes());
        at += payload.len().next_multiple_of(8);
    }
    pad(&mut record);
    for (_, payload) in extensions {
        record.extend(payload);
        pad(&mut record);
    }
    let size = record.len() as u16;
    record[2..4].copy_from_slice(&size.to_le_bytes());
    record
}

/// What a block of flows holds.
pub fn flows(records: &[Vec<u8>]) -> Vec<u8> {
    let mut plain = (records.len() as u32).to_le_bytes().to_vec();
    plain.resize(32, 0);
    plain.extend(records.concat());
    plain
}

/// What a block of one exporter without samplers holds.
pub fn exporter() -> Vec<u8> {
    let mut plain = vec![1, 0, 0, 0, 0, 0, 0, 0, 17, 0, 56, 0];
    plain.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1]);
    plain.extend([9, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]);
    plain.resize(8 + 56, 0);
    plain
}

/// A block with its header.
pub fn block(kind: u32, encoding: Encoding, checksum: bool, plain: &[u8]) -> Vec<u8> {
    let stored = encoding.encode(plain);
    let mut block = kind.to_le_bytes().to_vec();
    for size in [stored.len(), plain.len()] {
        block.extend(((size + BLOCK_HEADER) as u32).to_le_bytes());
    }
    block.extend([encoding as u8 + 1, 0, 0, 0]);
    let sum = if checksum { xxh3(&stored) } else { 0 };
    block.extend(sum.to_le_bytes());
    block.extend(stored);
    block
}

/// A whole file of such blocks, and of statistics and ident.
pub fn file(encoding: Encoding, checksums: bool, flows: usize, blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut statistics = (flows as u64).to_le_bytes().to_vec();
    statistics.resize(144, 0);
    let mut ident = b"made".to_vec();
    ident.resize(128, 0);
    let mut all = blocks.to_vec();
    all.push(block(STATISTICS, Encoding::None, checksums, &statistics));
    all.push(block(IDENT, Encoding::None, checksums, &ident));
    let mut header = vec![0x0C, 0xA5, 3, 0, 0, 0, 8, 0xD1];
    header.extend(1_700_000_000_u64.to_le_bytes());
    header.extend([1, 0, encoding as u8 + 1, 0, 0, 0, 0, 0]);
    header.extend((4_u32 << 20).to_le_bytes());
    header.resize(HEADER, 0);
    assemble(&header, &all, checksums)
}

/// Blocks as they are, with a header, directory and footer that fit.
pub fn assemble(header: &[u8], blocks: &[Vec<u8>], checksum: bool) -> Vec<u8> {
    let mut directory = vec![0x0C, 0xB1, 0x0C, 0xB1];
    directory.extend((blocks.len() as u32).to_le_bytes());
    let mut at = HEADER;
    for block in blocks {
        directory.extend(block.get(..4).unwrap_or(&[0; 4]));
        directory.extend((block.len() as u32).to_le_bytes());
        directory.extend((at as u64).to_le_bytes());
        at += block.len();
    }
    let mut place = (directory.len() as u32).to_le_bytes().to_vec();
    place.extend((at as u64).to_le_bytes());
    let mut file = header[..HEADER].to_vec();
    file[28..40].copy_from_slice(&place);
    file.extend(blocks.concat());
    file.extend(&directory);
    file.extend([0x0F, 0xA5, 0, 0]);
    file.extend(place);
    let sum = if checksum { xxh3(&directory) } else { 0 };
    file.extend(sum.to_le_bytes());
    file.extend([0; 32]);
    file
}

/// XXH3, 64 bits.
pub fn xxh3(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
