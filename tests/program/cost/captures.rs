//! Captures that are made to cost much when they are rewritten for nfpcapd, and an honest one.

use std::io::Write as _;

/// A hostile capture.
pub(super) struct Capture {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    /// Bytes that it decompresses to.
    pub(super) decoded: usize,
    /// So many times the work of an honest one, since packets and blocks are so much smaller.
    pub(super) times: f64,
}

fn header(link_type: u32) -> Vec<u8> {
    let words = [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 262_144, link_type];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn packet(at: u32, bytes: &[u8]) -> Vec<u8> {
    let words = [
        1_732_455_000 + at / 1_000,
        at % 1_000,
        bytes.len() as u32,
        bytes.len() as u32,
    ];
    let mut packet = words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect::<Vec<_>>();
    packet.extend(bytes);
    packet
}

/// A packet of UDP with 400 bytes of content.
fn frame(number: u32) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend(428_u16.to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0]);
    frame.extend((number as u16 % 500).to_be_bytes());
    frame.extend([192, 168, 0, 1, 0x30, 0x39, 0, 53]);
    frame.extend(408_u16.to_be_bytes());
    frame.extend([0, 0]);
    frame.resize(442, number as u8);
    frame
}

/// A classic capture of ordinary packets.
pub(super) fn honest(packets: usize) -> Vec<u8> {
    let mut bytes = header(1);
    for number in 0..packets as u32 {
        bytes.extend(packet(number, &frame(number)));
    }
    bytes
}

fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let padded = body.len().next_multiple_of(4);
    let length = (12 + padded) as u32;
    out.extend([kind.to_le_bytes(), length.to_le_bytes()].concat());
    out.extend(body);
    out.resize(out.len() + padded - body.len(), 0);
    out.extend(length.to_le_bytes());
}

fn section(out: &mut Vec<u8>) {
    let mut body = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xFF; 8]);
    block(0x0A0D_0D0A, &body, out);
}

fn interface(link_type: u16, options: &[u8], out: &mut Vec<u8>) {
    let mut body = link_type.to_le_bytes().to_vec();
    body.extend([0, 0, 0, 0, 4, 0]);
    body.extend(options);
    block(1, &body, out);
}

fn enhanced(interface: u32, at: u32, bytes: &[u8], options: &[u8], out: &mut Vec<u8>) {
    let time = 1_732_455_000_000_000 + u64::from(at) * 1_000;
    let size = bytes.len() as u32;
    let words = [interface, (time >> 32) as u32, time as u32, size, size];
    let mut body = words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect::<Vec<_>>();
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(options);
    block(6, &body, out);
}

fn case(name: &'static str, bytes: Vec<u8>, times: f64) -> Capture {
    Capture {
        name,
        bytes,
        decoded: 0,
        times,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory is patient")
}

pub(super) fn cases(scale: usize) -> Vec<Capture> {
    let count = 20_000 * scale as u32;
    let mut cases = Vec::new();

    let mut bytes = header(1);
    (0..count * 3).for_each(|at| bytes.extend(packet(at, &[])));
    // Headers of 16 bytes, where honest packets have 458 bytes.
    cases.push(case("empty packets", bytes, 12.0));

    let mut bytes = Vec::new();
    section(&mut bytes);
    (0..count).for_each(|_| interface(1, &[], &mut bytes));
    (0..count).for_each(|at| enhanced(count - 1 - at, at, &frame(at)[..60], &[], &mut bytes));
    cases.push(case("many interfaces", bytes, 6.0));

    let mut bytes = Vec::new();
    section(&mut bytes);
    (0..count)
        .for_each(|at| interface([1, 101, 113, 276, 0, 12][at as usize % 6], &[], &mut bytes));
    (0..count).for_each(|at| enhanced(at, at, &frame(at)[..60], &[], &mut bytes));
    cases.push(case("many link types", bytes, 6.0));

    let mut bytes = Vec::new();
    for at in 0..count {
        section(&mut bytes);
        interface(1, &[], &mut bytes);
        enhanced(0, at, &[], &[], &mut bytes);
    }
    cases.push(case("many sections", bytes, 8.0));

    // Options of four bytes, and one that gives the resolution of time again and again.
    let options = [1, 0, 0, 0].repeat(10_000);
    let times = [9, 0, 1, 0, 6, 0, 0, 0].repeat(5_000);
    let mut bytes = Vec::new();
    section(&mut bytes);
    (0..4 * scale).for_each(|_| interface(1, &[options.as_slice(), &times].concat(), &mut bytes));
    (0..20 * scale as u32).for_each(|at| enhanced(0, at, &frame(at), &options, &mut bytes));
    cases.push(case("many options", bytes, 4.0));

    let mut bytes = Vec::new();
    section(&mut bytes);
    (0..count * 3).for_each(|_| block(0x7777, &[], &mut bytes));
    cases.push(case("many unknown blocks", bytes, 8.0));

    let zeros = vec![0; 8 << 20];
    cases.push(Capture {
        decoded: zeros.len(),
        ..case("gzip of zeros", gzip(&zeros), 4.0)
    });
    let mut plain = header(1);
    plain.extend(packet(1, &vec![0; 200_000]).repeat(40));
    cases.push(Capture {
        decoded: plain.len(),
        ..case("gzip of large packets", gzip(&plain), 4.0)
    });
    let empty = gzip(&[]);
    let mut bytes = gzip(&honest(1));
    bytes.extend(empty.repeat(count as usize));
    // Members of 20 bytes, each with a state of its own.
    cases.push(case("many members of gzip", bytes, 30.0));
    let frames = zstd::bulk::compress(&[], 1).expect("zstd");
    let mut bytes = zstd::bulk::compress(&honest(1), 1).expect("zstd");
    bytes.extend(frames.repeat(count as usize));
    cases.push(case("many frames of zstd", bytes, 30.0));

    let mut bytes = honest(2_000 * scale);
    let cut = bytes.len() - 100;
    bytes.truncate(cut);
    cases.push(case("truncated", bytes, 1.0));
    cases
}
