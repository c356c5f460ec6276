//! A writer of layout 2 files for tests: any elements, any encoding, written from the description.
//!
//! Independent of the decoder on purpose. Knows nothing of what elements mean.
// A benchmark uses less of it.
#![allow(dead_code)]

use std::io::Read as _;

use lzokay_native as lzo;

/// Bytes of a block at most, stored or decoded.
pub const BLOCK_MAX: usize = 5 * 1024 * 1024 - 12;

/// The encodings of blocks, by their number in the file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    None = 0,
    Lzo = 1,
    Bz2 = 2,
    Lz4 = 3,
    Zstd = 4,
}

impl Encoding {
    pub const ALL: [Self; 5] = [Self::None, Self::Lzo, Self::Bz2, Self::Lz4, Self::Zstd];

    pub fn encode(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Lzo => lzo::compress(plain).expect("it compresses"),
            Self::Bz2 => {
                use std::io::Write as _;
                let mut encoder =
                    bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                encoder
                    .write_all(plain)
                    .and_then(|()| encoder.finish())
                    .expect("it compresses")
            }
            Self::Lz4 => lz4_flex::block::compress(plain),
            Self::Zstd => zstd::bulk::compress(plain, 3).expect("it compresses"),
        }
    }

    /// What stored bytes decode to, if they do, all of them, and within the limit.
    pub fn decode(self, stored: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None => Some(stored.to_vec()),
            Self::Lzo => {
                // This decoder is not made for hostile input and panics on some of it.
                let result = std::panic::catch_unwind(|| {
                    let mut reader = std::io::Cursor::new(stored);
                    let plain = lzo::decompress(&mut reader, None).ok()?;
                    (reader.position() == stored.len() as u64).then_some(plain)
                });
                result.ok()?.filter(|plain| plain.len() <= BLOCK_MAX)
            }
            Self::Bz2 => {
                // One stream; bytes behind it do no harm.
                let mut plain = Vec::new();
                let decoder = bzip2::read::BzDecoder::new(stored);
                let read = decoder.take(BLOCK_MAX as u64 + 1).read_to_end(&mut plain);
                read.ok().filter(|length| *length <= BLOCK_MAX)?;
                Some(plain)
            }
            Self::Lz4 => {
                let mut plain = vec![0; BLOCK_MAX];
                let length = lz4_flex::block::decompress_into(stored, &mut plain).ok()?;
                plain.truncate(length);
                (length > 0).then_some(plain)
            }
            Self::Zstd => zstd::bulk::decompress(stored, BLOCK_MAX).ok(),
        }
    }
}

/// Header fields of a flow record and its elements in stored order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowRecord {
    pub engine: [u8; 2],
    pub sysid: u16,
    pub flags: u8,
    pub version: u8,
    /// Id and payload.
    pub elements: Vec<(u16, Vec<u8>)>,
}

impl FlowRecord {
    pub fn bytes(&self) -> Vec<u8> {
        let mut elements = Vec::new();
        for (id, payload) in &self.elements {
            elements.extend(id.to_le_bytes());
            elements.extend((payload.len() as u16 + 4).to_le_bytes());
            elements.extend(payload);
        }
        let mut record = Vec::with_capacity(elements.len() + 12);
        for number in [11, elements.len() as u16 + 12, self.elements.len() as u16] {
            record.extend(number.to_le_bytes());
        }
        record.extend(self.engine);
        record.extend(self.sysid.to_le_bytes());
        record.extend([self.flags, self.version]);
        record.extend(elements);
        record
    }
}

/// Has the statistics of an uncompressed [`file`] tell of a first and a last flow, in ms.
pub fn set_times(file: &mut [u8], first: u64, last: u64) {
    // Behind them is only the number of sequence failures.
    let place = file.len() - 24;
    file[place..place + 8].copy_from_slice(&first.to_le_bytes());
    file[place + 8..place + 16].copy_from_slice(&last.to_le_bytes());
}

/// A whole file: each block is a list of records.
pub fn file(encoding: Encoding, ident: Option<&str>, blocks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut body = Vec::new();
    for records in blocks {
        body.extend(block(encoding, records));
    }
    // Of the statistics only the number of flows, which is the first.
    let flows = blocks
        .iter()
        .flatten()
        .filter(|record| record.first() == Some(&11))
        .count() as u64;
    let mut stat = vec![0x02, 0x80, 148, 0];
    stat.extend(flows.to_le_bytes());
    stat.extend([0; 136]);
    let mut appendix = vec![stat];
    if let Some(ident) = ident {
        let mut record = vec![0x01, 0x80];
        record.extend((ident.len() as u16 + 5).to_le_bytes());
        record.extend(ident.bytes());
        record.push(0);
        appendix.insert(0, record);
    }

    let mut file = vec![0x0C, 0xA5, 2, 0, 0, 0x0A, 7, 1];
    file.extend(1_700_000_000_u64.to_le_bytes());
    file.extend([encoding as u8, 0, 1, 0, 4, 0, 0, 0]);
    file.extend((40 + body.len() as u64).to_le_bytes());
    file.extend([0; 4]);
    file.extend((blocks.len() as u32).to_le_bytes());
    file.extend(body);
    file.extend(block(encoding, &appendix));
    file
}

/// A block of records with its header.
pub fn block(encoding: Encoding, records: &[Vec<u8>]) -> Vec<u8> {
    let stored = encoding.encode(&records.concat());
    let mut block = (records.len() as u32).to_le_bytes().to_vec();
    block.extend((stored.len() as u32).to_le_bytes());
    block.extend([3, 0, 0, 0]);
    block.extend(stored);
    block
}
