//! Flow files to measure with: what a busy border router reports in NetFlow v9, in any number.
//!
//! A fixed sequence, so that everyone measures with the same flows. Servers, ports and sizes are
//! distributed as in the wild: few take most. One flow in six is IPv6.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of a block of nfdump 1.7.
const BLOCK: usize = 2_097_148;
/// Flows until the sequence repeats: large files are made by repetition.
const PERIOD: u64 = 2_000_000;
/// Start of the slot, ms since the epoch.
const START: u64 = 1_767_225_600_000;
/// Length of a slot.
const SLOT_SECONDS: u64 = 300;
/// Five minutes of 31 days, all of which have names.
pub const SLOTS_MAX: u64 = 31 * 288;

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// 0.. with few values taking most, like clients of a server or lengths of a flow.
    fn skewed(&mut self, limit: u64) -> u64 {
        let bits = self.below(u64::from(64 - limit.leading_zeros()) + 1);
        self.below(1 << bits).min(limit - 1)
    }
}

struct Record(Vec<u8>, u16);

impl Record {
    fn element(&mut self, id: u16, payload: &[&[u8]]) {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        self.0.extend(id.to_le_bytes());
        self.0.extend((length as u16 + 4).to_le_bytes());
        payload.iter().for_each(|part| self.0.extend(*part));
        self.1 += 1;
    }
}

/// Writes one record into `block`, of a flow that begins at `first`.
fn flow(numbers: &mut Numbers, number: u64, first: u64, block: &mut Vec<u8>) {
    let (proto, port, flags) = match numbers.below(100) {
        0..50 => (6, 443, 0x1B),
        50..60 => (6, 80, 0x1B),
        60..78 => (17, 53, 0),
        78..86 => (17, 443, 0),
        86..90 => (6, 22, 0x02),
        90..96 => (17, 1024 + numbers.below(60_000) as u16, 0),
        96..99 => (1, 0x0800, 0),
        _ => (47, 0, 0),
    };
    let packets = match port {
        53 => 1,
        _ => 1 + numbers.skewed(1 << 14),
    };
    let bytes = packets * (40 + numbers.below(1400));
    let duration = if packets == 1 {
        0
    } else {
        numbers.skewed(1 << 16)
    };
    let reversed = numbers.below(2) == 1;
    let client = 1024 + numbers.below(64_000) as u16;
    let (source, destination) = match (proto, reversed) {
        (6 | 17, false) => (client, port),
        (6 | 17, true) => (port, client),
        _ => (0, port),
    };
    let mut record = Record(Vec::with_capacity(256), 0);
    record.0.extend([11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 9]);
    record.element(
        1,
        &[
            &first.to_le_bytes(),
            &(first + duration).to_le_bytes(),
            &(first + duration + 15_000).to_le_bytes(),
            &packets.to_le_bytes(),
            &bytes.to_le_bytes(),
            &source.to_le_bytes(),
            &destination.to_le_bytes(),
            &[proto, flags, 0, 0],
        ],
    );
    let near = numbers.skewed(1 << 16) as u32;
    let far = numbers.skewed(1 << 22) as u32;
    if number % 6 == 5 {
        let near = [0x2001_0db8_0000_0000_u64 + u64::from(near), 1];
        let far = [0x2001_0db9_0000_0000_u64 + u64::from(far), numbers.next()];
        let pair = if reversed { [far, near] } else { [near, far] };
        let bytes = pair.map(|[high, low]| [high.to_le_bytes(), low.to_le_bytes()].concat());
        record.element(3, &[&bytes[0], &bytes[1]]);
    } else {
        let (near, far) = (0x0A00_0000 + near, 0x4000_0000 + far);
        let pair = if reversed { [far, near] } else { [near, far] };
        record.element(2, &[&pair[0].to_le_bytes(), &pair[1].to_le_bytes()]);
    }
    let interfaces = [1 + numbers.below(4) as u32, 10 + numbers.below(4) as u32];
    record.element(
        4,
        &[
            &interfaces[0].to_le_bytes(),
            &interfaces[1].to_le_bytes(),
            &[24, 16, 0, 0, 0, 3, 0, 0],
        ],
    );
    if number.is_multiple_of(3) {
        record.element(
            6,
            &[&(100 + numbers.below(20) as u32).to_le_bytes(), &[0; 4]],
        );
    }
    let systems = [64_512_u32, 100 + numbers.skewed(60_000) as u32];
    record.element(7, &[&systems[0].to_le_bytes(), &systems[1].to_le_bytes()]);
    record.element(
        10,
        &[&(0xC000_0201 + numbers.below(6) as u32).to_le_bytes()],
    );
    record.element(12, &[&0xC000_02FE_u32.to_le_bytes()]);
    let Record(mut bytes, elements) = record;
    let size = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&size.to_le_bytes());
    bytes[4..6].copy_from_slice(&elements.to_le_bytes());
    block.extend(bytes);
}

/// Writes an uncompressed file of `flows` flows, without statistics. `nfdecode rewrite` adds them
/// and compresses.
pub fn write_plain(path: &Path, flows: u64) -> io::Result<()> {
    write(path, flows, PERIOD, START, 1)
}

/// As [`write_plain`] for the five minutes of this number, with flows of its own.
pub fn write_slot(path: &Path, flows: u64, slot: u64) -> io::Result<()> {
    let start = START + slot * SLOT_SECONDS * 1000;
    // Far apart, so that no sequence is a part of another one.
    write(path, flows, flows.max(1), start, 1 + (slot << 32))
}

/// Writes flows from `start` on, which repeat after `period` of them.
fn write(path: &Path, flows: u64, period: u64, start: u64, seed: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(&[0; 40])?;
    let mut numbers = Numbers(seed);
    let (mut block, mut records, mut blocks) = (Vec::with_capacity(BLOCK), 0_u32, 0_u32);
    for number in 0..flows {
        if number.is_multiple_of(period) {
            numbers = Numbers(seed);
        }
        let first = start + number % period * SLOT_SECONDS * 1000 / period;
        flow(&mut numbers, number, first, &mut block);
        records += 1;
        if block.len() > BLOCK - 256 || number + 1 == flows {
            out.write_all(&records.to_le_bytes())?;
            out.write_all(&(block.len() as u32).to_le_bytes())?;
            out.write_all(&[3, 0, 0, 0])?;
            out.write_all(&block)?;
            block.clear();
            records = 0;
            blocks += 1;
        }
    }
    let mut header = vec![0x0C, 0xA5, 2, 0, 0, 0x0A, 7, 1];
    header.extend((start / 1000).to_le_bytes());
    header.extend([0; 20]);
    header.extend(blocks.to_le_bytes());
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&header)?;
    out.flush()
}

/// The name that a collector gives the file of a slot, such as `nfcapd.202601010005`.
pub fn slot_name(slot: u64) -> String {
    let minutes = slot * SLOT_SECONDS / 60;
    // All slots are of one January.
    format!(
        "nfcapd.202601{:02}{:02}{:02}",
        1 + minutes / 1440,
        minutes / 60 % 24,
        minutes % 60
    )
}

/// What a capture for `convert` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Never closed: nfpcapd 1.7.10 writes nearly all flows at the end of the capture.
    Udp,
    /// Connections that begin with SYN and end with FIN, when nfpcapd writes them.
    Tcp,
}

/// Writes a capture of `flows` flows in a quarter of an hour, each of so many packets.
pub fn write_capture(
    path: &Path,
    transport: Transport,
    flows: u32,
    packets: u32,
) -> io::Result<()> {
    const SYN: u8 = 0x02;
    const FIN_ACK: u8 = 0x11;
    const ACK: u8 = 0x10;
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    // Microseconds, little-endian, version 2.4, Ethernet.
    out.write_all(&0xA1B2_C3D4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    out.write_all(&65_535_u32.to_le_bytes())?;
    out.write_all(&1_u32.to_le_bytes())?;
    let mut packet = [0_u8; 74];
    packet[12] = 8;
    // IPv4 of 60 bytes, UDP or TCP of 40; checksums are not looked at.
    packet[14..24].copy_from_slice(&[0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17]);
    match transport {
        Transport::Udp => packet[38..40].copy_from_slice(&40_u16.to_be_bytes()),
        Transport::Tcp => {
            packet[23] = 6;
            // A header of 20 bytes.
            packet[46] = 0x50;
        }
    }
    let total = flows * packets;
    for (number, position) in (0..total).map(|position| (position / packets, position)) {
        let micros = u64::from(position) * 900_000_000 / u64::from(total);
        let seconds = START / 1000 + micros / 1_000_000;
        out.write_all(&(seconds as u32).to_le_bytes())?;
        out.write_all(&((micros % 1_000_000) as u32).to_le_bytes())?;
        out.write_all(&74_u32.to_le_bytes())?;
        out.write_all(&74_u32.to_le_bytes())?;
        packet[26..30].copy_from_slice(&(0x0A00_0000 + number % 1_000_000).to_be_bytes());
        packet[30..34].copy_from_slice(&(0xC000_0200 + number % 200).to_be_bytes());
        packet[34..36].copy_from_slice(&(1024 + (number % 60_000) as u16).to_be_bytes());
        match transport {
            Transport::Udp => packet[36..38].copy_from_slice(&53_u16.to_be_bytes()),
            Transport::Tcp => {
                packet[36..38].copy_from_slice(&443_u16.to_be_bytes());
                packet[47] = match position % packets {
                    0 => SYN,
                    last if last + 1 == packets => FIN_ACK,
                    _ => ACK,
                };
            }
        }
        out.write_all(&packet)?;
    }
    out.flush()
}
