//! A writer of layout 3 files for tests: any extensions in any order, any encoding, checksums,
//! encryption; written from the description.
//!
//! Independent of the decoder on purpose. [`in_layout_2`] converts a flow to layout 2, the writer
//! itself knows nothing of what extensions mean.

use blake2::Blake2bMac;
use blake2::digest::{FixedOutput as _, Update as _, consts::U32};
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};

use super::writer::{self, Encoding};

/// Types of blocks.
pub const FLOWS: u32 = 1;
pub const ARRAY: u32 = 2;
pub const STATISTICS: u32 = 3;
pub const IDENT: u32 = 4;
const META: u32 = 5;
pub const EXPORTERS: u32 = 7;

/// Bytes before the first block.
pub const HEADER: usize = 48;
/// Bytes of a block header.
pub const BLOCK_HEADER: usize = 24;

/// What encrypted files are locked with, and its key under their salt: a pair that the description gives.
pub const PASSPHRASE: &str = "secret";
const KEY: &str = "d6d69704fac377604b7f9a0920d68b86d34981a00ec89d0a460a02a5636f5740";
const SALT: &str = "76ffe13233699dbc503560098712f1103f26bafe42481ab455dbc882c5f8bfa2";
const NONCE: &str = "70feab2ebb397593780fc236";
const KEY_CHECK: &str = "38d0df9b74a28711a7d3c7d1459a0187";

/// Id and size of all extensions; the size of variable ones is left open.
pub const EXTENSIONS: [(u8, usize); 39] = [
    (1, 48),
    (2, 8),
    (3, 32),
    (4, 8),
    (5, 8),
    (6, 24),
    (7, 8),
    (8, 8),
    (9, 8),
    (10, 32),
    (11, 8),
    (12, 16),
    (13, 40),
    (14, 16),
    (15, 16),
    (16, 8),
    (17, 24),
    (18, 8),
    (19, 32),
    (20, 8),
    (21, 24),
    (22, 24),
    (23, 72),
    (24, 8),
    (25, 0),
    (26, 0),
    (27, 0),
    (28, 16),
    (29, 40),
    (30, 16),
    (31, 8),
    (32, 0),
    (33, 8),
    (34, 24),
    (35, 32),
    (36, 8),
    (37, 8),
    (38, 4),
    (39, 8),
];

/// A flow record: header fields, and extensions by id in the order in which they are to lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowRecord {
    pub flags: u16,
    pub sysid: u32,
    pub engine: [u8; 2],
    pub version: u8,
    /// Id and payload; those of variable extensions without their length.
    pub extensions: Vec<(u8, Vec<u8>)>,
}

/// Whether an extension begins with its length.
pub fn is_variable(id: u8) -> bool {
    matches!(id, 25 | 26 | 27 | 32)
}

impl FlowRecord {
    pub fn bytes(&self) -> Vec<u8> {
        let count = self.extensions.len();
        let bitmap = self
            .extensions
            .iter()
            .fold(0_u64, |set, (id, _)| set | 1 << id);
        let mut body = vec![0; (24 + 2 * count).next_multiple_of(8)];
        let mut offsets = std::collections::BTreeMap::new();
        for (id, payload) in &self.extensions {
            offsets.insert(*id, body.len() as u16);
            if is_variable(*id) {
                body.extend((payload.len() as u32).to_le_bytes());
            }
            body.extend(payload);
            // Padding is anything but zero.
            body.resize(body.len().next_multiple_of(8), 0x11);
        }
        let mut header = vec![16, 0];
        header.extend((body.len() as u16).to_le_bytes());
        header.extend((count as u16).to_le_bytes());
        header.extend(self.flags.to_le_bytes());
        header.extend(self.sysid.to_le_bytes());
        header.extend(self.engine);
        header.extend([self.version, 0]);
        header.extend(bitmap.to_le_bytes());
        for offset in offsets.values() {
            header.extend(offset.to_le_bytes());
        }
        body[..header.len()].copy_from_slice(&header);
        body
    }
}

/// What follows the header of a block of flows.
pub fn flows(records: &[Vec<u8>]) -> Vec<u8> {
    let mut content = (records.len() as u32).to_le_bytes().to_vec();
    content.resize(32, 0);
    content.extend(records.concat());
    content
}

/// What follows the header of a block of names: elements of one size.
pub fn array(kind: u16, elements: &[Vec<u8>]) -> Vec<u8> {
    let size = elements.first().map_or(0, Vec::len) as u16;
    let mut content = (elements.len() as u32).to_le_bytes().to_vec();
    content.extend(size.to_le_bytes());
    content.extend(kind.to_le_bytes());
    content.extend(elements.concat());
    content
}

/// What follows the header of a block of exporters.
pub fn exporters(records: &[Vec<u8>]) -> Vec<u8> {
    let mut content = (records.len() as u32).to_le_bytes().to_vec();
    content.extend([0; 4]);
    content.extend(records.concat());
    content
}

/// An exporter with samplers: id, packet interval, space interval, algorithm.
pub fn exporter(
    sysid: u32,
    address: [u8; 16],
    id: u32,
    samplers: &[(i64, u32, u32, u32)],
) -> Vec<u8> {
    let mut record = vec![17, 0];
    record.extend((56 + 24 * samplers.len() as u16).to_le_bytes());
    record.extend(address);
    record.extend(9_u32.to_le_bytes());
    record.extend(id.to_le_bytes());
    record.extend(sysid.to_le_bytes());
    record.extend(1000_u64.to_le_bytes());
    record.extend(2000_u64.to_le_bytes());
    record.extend(3_u32.to_le_bytes());
    record.extend((samplers.len() as u16).to_le_bytes());
    record.extend((samplers.len() as u16).to_le_bytes());
    for (id, interval, space, algorithm) in samplers {
        record.extend(id.to_le_bytes());
        for number in [interval, space, algorithm] {
            record.extend(number.to_le_bytes());
        }
        record.extend([1, 0, 0xFF, 0xFF]);
    }
    record
}

/// Blocks of a file: type, content, and how to encode it.
pub type Block = (u32, Vec<u8>, Encoding);

/// A whole file. Statistics tell of `flow_count` flows.
pub fn file(ident: Option<&str>, flow_count: u64, blocks: &[Block]) -> Vec<u8> {
    let all = with_small_blocks(ident, flow_count, blocks);
    let stored: Vec<Vec<u8>> = all.iter().map(stored_block).collect();
    assemble(0, &stored, |_| [0; 32])
}

/// The same encrypted with [`PASSPHRASE`].
pub fn encrypted_file(ident: Option<&str>, flow_count: u64, blocks: &[Block]) -> Vec<u8> {
    let mut crypto = vec![1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    for hex in [SALT, NONCE, KEY_CHECK] {
        crypto.extend(bytes(hex));
    }
    let mut stored = vec![stored_block(&(META, crypto.clone(), Encoding::None))];
    stored[0][16..24].fill(0);
    let mut at = (HEADER + stored[0].len()) as u64;
    for (kind, content, encoding) in with_small_blocks(ident, flow_count, blocks) {
        // Nothing is encrypted that is not compressed.
        let encoding = match encoding {
            Encoding::None => Encoding::Zstd,
            other => other,
        };
        let block = encrypted_block(&(kind, content, encoding), at);
        at += block.len() as u64;
        stored.push(block);
    }
    assemble(1, &stored, |file| {
        let directory = directory(&stored);
        let parts = [&file[4..18], &file[20..28], &crypto, &directory[8..]];
        mac(&mac_key(), &[], &[], &parts.concat())
    })
}

/// Statistics and ident behind other blocks.
pub fn with_small_blocks(ident: Option<&str>, flow_count: u64, blocks: &[Block]) -> Vec<Block> {
    let mut all = blocks.to_vec();
    let mut statistics = flow_count.to_le_bytes().to_vec();
    statistics.resize(144, 0);
    all.push((STATISTICS, statistics, Encoding::None));
    if let Some(ident) = ident {
        let mut content = ident.as_bytes().to_vec();
        content.resize(128, 0);
        all.push((IDENT, content, Encoding::None));
    }
    all
}

/// One block as it lies in a file, with a checksum.
pub fn stored_block((kind, content, encoding): &Block) -> Vec<u8> {
    block(*kind, *encoding, true, content)
}

/// The same, with a checksum or without.
pub fn block(kind: u32, encoding: Encoding, checksum: bool, content: &[u8]) -> Vec<u8> {
    let payload = encoding.encode(content);
    let mut block = kind.to_le_bytes().to_vec();
    block.extend((payload.len() as u32 + 24).to_le_bytes());
    block.extend((content.len() as u32 + 24).to_le_bytes());
    block.extend((encoding as u16 + 1).to_le_bytes());
    block.extend([0; 2]);
    let sum = if checksum { xxh3(&payload) } else { 0 };
    block.extend(sum.to_le_bytes());
    block.extend(payload);
    block
}

/// The same encrypted, for its place in the file.
fn encrypted_block(block: &Block, at: u64) -> Vec<u8> {
    let mut stored = stored_block(block);
    let mut payload = stored.split_off(BLOCK_HEADER);
    let mut associated = [&stored[..4], &stored[8..14], &[0; 6]].concat();
    associated.extend(at.to_le_bytes());
    let mut nonce: [u8; 12] = bytes(NONCE).try_into().expect("12 bytes");
    for (byte, with) in nonce.iter_mut().zip(at.to_le_bytes()) {
        *byte ^= with;
    }
    let key: [u8; 32] = bytes(KEY).try_into().expect("32 bytes");
    let tag = ChaCha20Poly1305::new(&key.into())
        .encrypt_inout_detached(&nonce.into(), &associated, payload.as_mut_slice().into())
        .expect("it can be encrypted");
    payload.extend(&tag[..]);
    stored[4..8].copy_from_slice(&((BLOCK_HEADER + payload.len()) as u32).to_le_bytes());
    stored[14] = 1;
    stored[16..].copy_from_slice(&xxh3(&payload).to_le_bytes());
    stored.extend(payload);
    stored
}

fn mac(key: &[u8], salt: &[u8], personal: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Blake2bMac::<U32>::new_with_salt_and_personal(Some(key), salt, personal)
        .expect("sizes that fit");
    mac.update(message);
    mac.finalize_fixed().into()
}

/// The key of the MAC is made of that of the file.
fn mac_key() -> [u8; 32] {
    let mut salt = [0; 16];
    salt[0] = 1;
    mac(&bytes(KEY), &salt, b"nfdmpMAC\0\0\0\0\0\0\0\0", &[])
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

/// The directory of blocks that lie one after the other from the header on.
pub fn directory(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut directory = 0xB10C_B10C_u32.to_le_bytes().to_vec();
    directory.extend((blocks.len() as u32).to_le_bytes());
    let mut at = HEADER;
    for block in blocks {
        directory.extend(block.get(..4).unwrap_or(&[0; 4]));
        directory.extend((block.len() as u32).to_le_bytes());
        directory.extend((at as u64).to_le_bytes());
        at += block.len();
    }
    directory
}

/// A header that names no directory yet.
pub fn header(flags: u32) -> Vec<u8> {
    let mut header = vec![0x0C, 0xA5, 3, 0, 0, 0, 8, 0xD1];
    header.extend(1_700_000_000_u64.to_le_bytes());
    header.extend([1, 0, 1, 0]);
    header.extend(flags.to_le_bytes());
    header.extend(4_194_304_u32.to_le_bytes());
    header.resize(HEADER, 0);
    header
}

/// Header, blocks, directory and footer. The MAC is made of the header.
pub fn assemble(flags: u32, blocks: &[Vec<u8>], mac: impl FnOnce(&[u8]) -> [u8; 32]) -> Vec<u8> {
    let header = header(flags);
    let mac = mac(&header);
    enclose(&header, blocks, true, mac)
}

/// Blocks as they are behind a header, which is made to name the directory that follows; and a footer.
pub fn enclose(header: &[u8], blocks: &[Vec<u8>], checksum: bool, mac: [u8; 32]) -> Vec<u8> {
    let directory = directory(blocks);
    let body = blocks.concat();
    let mut place = (directory.len() as u32).to_le_bytes().to_vec();
    place.extend(((HEADER + body.len()) as u64).to_le_bytes());
    let mut file = header[..HEADER].to_vec();
    file[28..40].copy_from_slice(&place);
    file.extend(body);
    file.extend(&directory);
    file.extend(0xA50F_u32.to_le_bytes());
    file.extend(place);
    let sum = if checksum { xxh3(&directory) } else { 0 };
    file.extend(sum.to_le_bytes());
    file.extend(mac);
    file
}

/// XXH3, 64 bits.
pub fn xxh3(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// A flow as a writer of layout 2 stores it. Numbers must be such that layout 2 has room for them.
pub fn in_layout_2(flow: &FlowRecord) -> writer::FlowRecord {
    let mut elements: Vec<(u16, Vec<u8>)> = Vec::new();
    let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let has = |id: u8| flow.extensions.iter().any(|(found, _)| *found == id);
    for (id, bytes) in &flow.extensions {
        let mut add = |id: u16, payload: &[u8]| elements.push((id, payload.to_vec()));
        let (front, back) = bytes.split_at(bytes.len() / 2);
        match id {
            1..=3 => add(u16::from(*id), bytes),
            6..=8 => add(u16::from(*id) - 1, bytes),
            // Either next hop may be missing; if both are, it was the BGP one that was never given.
            9 | 10 => {
                let at = u16::from(*id - 9);
                if !zero(front) || zero(back) {
                    add(10 + at, front);
                }
                if !zero(back) {
                    add(8 + at, back);
                }
            }
            11 => add(12, front),
            12 => add(13, bytes),
            13 => add(14, bytes),
            16 => add(16, bytes),
            17 => add(17, bytes),
            18 => add(20, bytes),
            19 => add(21, bytes),
            20 => add(22, front),
            21 => {
                if bytes[14] != 0 {
                    add(19, &[&bytes[..15], &[0]].concat());
                } else {
                    add(
                        25,
                        &[&bytes[..8], &bytes[20..], &[bytes[18], 0, 0, 0]].concat(),
                    );
                }
            }
            22 => add(23, bytes),
            23 => add(24, &[&bytes[..66], &[0, 0]].concat()),
            24 => add(26, bytes),
            25 => add(27, bytes),
            26 => add(29, bytes),
            27 => add(30, bytes),
            28 => add(31, &bytes[..12]),
            29 => add(32, &[&bytes[..36], &[0; 4]].concat()),
            30 => add(33, &[&bytes[..12], &[0; 4]].concat()),
            31 => add(34, front),
            32 => add(35, bytes),
            33 => add(36, bytes),
            34 => add(37, &[bytes.as_slice(), &[0; 4]].concat()),
            35 => add(38, &[&bytes[..27], &[0; 5]].concat()),
            36 => add(39, bytes),
            37 => add(40, front),
            38 => add(41, &[bytes.as_slice(), &[0; 4]].concat()),
            39 => add(42, &[&[0], &bytes[..3]].concat()),
            4 => {
                let rest = flow.extensions.iter().find(|(id, _)| *id == 5);
                let rest = rest.map_or(vec![0; 8], |(_, bytes)| bytes.clone());
                add(4, &[bytes.as_slice(), &misc(&rest)].concat());
            }
            5 if !has(4) => add(4, &[&[0; 8], misc(bytes).as_slice()].concat()),
            14 => {
                let rest = flow.extensions.iter().find(|(id, _)| *id == 15);
                let rest = rest.map_or(vec![0; 16], |(_, bytes)| bytes.clone());
                add(15, &[bytes.as_slice(), &rest].concat());
            }
            15 if !has(14) => add(15, &[&[0; 16], bytes.as_slice()].concat()),
            _ => {}
        }
    }
    writer::FlowRecord {
        engine: flow.engine,
        sysid: flow.sysid as u16,
        flags: flow.flags as u8,
        version: flow.version,
        elements,
    }
}

/// Masks, direction, type of service, biflow direction, end reason.
fn misc(bytes: &[u8]) -> Vec<u8> {
    let [src, dst, direction, biflow, tos, end, ..] = *bytes else {
        panic!("too short")
    };
    vec![src, dst, direction, tos, biflow, end, 0, 0]
}
