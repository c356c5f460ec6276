//! Small captures built here, through both passes.

use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;

use super::*;

mod damage;
mod hostile;

/// Seconds of the first packet in these tests.
const START: u32 = 1_700_000_000;

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Rewrites and reads the result back: the account, the link type, and `(time in µs, frame)`.
type Rewritten = (Normalized, u32, Vec<(u64, Vec<u8>)>);

fn rewrite(capture: &[u8]) -> Result<Rewritten, CaptureError> {
    let directory = tempfile::tempdir().expect("temporary directory");
    let out = directory.path().join("out.pcap");
    let done = normalize(capture, &out, &mut go_on)?;
    let written = fs::read(&out).expect("output");
    assert_eq!(written.len() as u64, done.bytes_out);
    assert_eq!(written[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let word = |at: usize| u32::from_le_bytes(written[at..at + 4].try_into().expect("word"));
    let (mut at, mut packets) = (24, Vec::new());
    while at < written.len() {
        let length = word(at + 8) as usize;
        assert_eq!(word(at + 8), word(at + 12));
        assert!(word(at + 4) < 1_000_000 && length <= MAX_PACKET as usize);
        let time = u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4));
        packets.push((time, written[at + 16..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    assert_eq!(packets.len() as u64, done.packets_written);
    assert_eq!(
        done.packets_read - done.packets_written - done.without_payload,
        done.left_out
            .iter()
            .map(|&(_, packets)| packets)
            .sum::<u64>()
    );
    if done.link_type == 1 && done.y2038 == 0 {
        let again = inspect(&out, &mut go_on).expect("scan of the normal form");
        assert_eq!(again.direct, Ok(()));
        assert_eq!(again.packets, done.packets_written);
        assert_eq!(again.bytes, done.bytes_out);
    }
    Ok((done, word(20), packets))
}

fn frames(capture: &[u8]) -> Vec<Vec<u8>> {
    let (_, link_type, packets) = rewrite(capture).expect("capture");
    assert_eq!(link_type, 1);
    packets.into_iter().map(|(_, frame)| frame).collect()
}

fn scanned(capture: &[u8]) -> Result<Inspection, CaptureError> {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(capture).expect("write");
    inspect(file.path(), &mut go_on)
}

/// One IPv4 packet with UDP.
fn ipv4() -> Vec<u8> {
    let mut packet = vec![
        0x45, 0, 0, 33, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    packet.extend([0x03, 0xe8, 0x07, 0xd0, 0, 13, 0, 0]);
    packet.extend(b"hello");
    packet
}

fn ipv6() -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    packet.extend([0xfd; 32]);
    packet.extend([0x03, 0xe8, 0x07, 0xd0, 0, 8, 0, 0]);
    packet
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

const DESTINATION: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SOURCE: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn ethernet() -> Vec<u8> {
    join(&[&DESTINATION, &SOURCE, &[8, 0], &ipv4()])
}

/// The frame that a packet without addresses becomes.
fn synthetic(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[0; 12], &ethertype.to_be_bytes(), payload])
}

struct Pcap {
    magic: u32,
    big_endian: bool,
    bytes: Vec<u8>,
}

impl Pcap {
    fn new(magic: u32, big_endian: bool, link_word: u32) -> Self {
        let mut pcap = Self {
            magic,
            big_endian,
            bytes: Vec::new(),
        };
        let version = if big_endian { 2 << 16 | 4 } else { 4 << 16 | 2 };
        pcap.words(&[magic, version, 0, 0, 65_535, link_word]);
        pcap
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.bytes.extend(match self.big_endian {
                true => word.to_be_bytes(),
                false => word.to_le_bytes(),
            });
        }
    }

    fn packet(mut self, time: (u32, u32), wire: usize, data: &[u8]) -> Self {
        self.words(&[time.0, time.1, data.len() as u32, wire as u32]);
        if self.magic == 0xa1b2_cd34 {
            self.words(&[0, 0]);
        }
        self.bytes.extend(data);
        self
    }

    fn whole(self, data: &[u8]) -> Self {
        self.packet((START, 5), data.len(), data)
    }
}

fn classic(link_word: u32) -> Pcap {
    Pcap::new(0xa1b2_c3d4, false, link_word)
}

fn one(link_word: u32, data: &[u8]) -> Vec<u8> {
    classic(link_word).whole(data).bytes
}

struct PcapNg {
    big_endian: bool,
    bytes: Vec<u8>,
}

impl PcapNg {
    fn new(big_endian: bool) -> Self {
        let bytes = Vec::new();
        Self { big_endian, bytes }.section(big_endian)
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let total = self.u32((body.len() + padding + 12) as u32);
        let block = join(&[&self.u32(kind), &total, body, &[0, 0, 0][..padding], &total]);
        self.bytes.extend(block);
        self
    }

    fn section(mut self, big_endian: bool) -> Self {
        self.big_endian = big_endian;
        let order = self.u32(0x1a2b_3c4d);
        let body = join(&[&order, &self.u16(1), &self.u16(0), &[0xff; 8]]);
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = value.len().next_multiple_of(4) - value.len();
        let length = self.u16(value.len() as u16);
        join(&[&self.u16(code), &length, value, &[0, 0, 0][..padding]])
    }

    fn interface(self, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = join(&[&self.u16(link_type), &[0, 0], &self.u32(snap_length)]);
        body.extend(self.option(2, b"eth0x"));
        for &(code, value) in options {
            body.extend(self.option(code, value));
        }
        body.extend([0; 4]);
        self.block(1, &body)
    }

    fn packet(self, interface: u32, ticks: u64, wire: usize, data: &[u8]) -> Self {
        let body = join(&[
            &self.u32(interface),
            &self.u32((ticks >> 32) as u32),
            &self.u32(ticks as u32),
            &self.u32(data.len() as u32),
            &self.u32(wire as u32),
            data,
        ]);
        self.block(6, &body)
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("gzip");
    encoder.finish().expect("gzip")
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(data, 1).expect("zstd")
}

#[test]
fn all_forms_of_classic_pcap_become_one() {
    let micros = u64::from(START) * 1_000_000 + 123_456;
    for (magic, fraction) in [
        (0xa1b2_c3d4, 123_456),
        (0xa1b2_3c4d, 123_456_789),
        (0xa1b2_cd34, 123_456),
    ] {
        for big_endian in [false, true] {
            let capture = Pcap::new(magic, big_endian, 1)
                .packet((START, fraction), 47, &ethernet())
                .packet((START + 1, 0), 47, &ethernet());
            let (done, _, packets) = rewrite(&capture.bytes).expect("capture");
            assert_eq!(packets[0], (micros, ethernet()));
            assert_eq!(packets.len(), 2);
            assert_eq!(done.damage, None);
            assert_eq!(done.bytes_in, capture.bytes.len() as u64);
            let direct = scanned(&capture.bytes).expect("scan").direct;
            assert_eq!(direct.is_ok(), magic == 0xa1b2_c3d4);
        }
    }
}

#[test]
fn compression_is_told_by_content() {
    let plain = classic(1).whole(&ethernet()).whole(&ethernet()).bytes;
    let expected = frames(&plain);
    let (head, tail) = plain.split_at(50);
    for packed in [
        gzip(&plain),
        join(&[&gzip(head), &gzip(tail)]),
        zstd(&plain),
        join(&[&zstd(head), &zstd(tail)]),
        zstd(&gzip(&plain)),
    ] {
        assert_eq!(frames(&packed), expected);
        assert_eq!(
            scanned(&packed).expect("scan").direct,
            Err(RewriteReason::Compressed)
        );
    }
    let thrice = gzip(&gzip(&gzip(&plain)));
    assert!(matches!(
        rewrite(&thrice),
        Err(CaptureError::Compressed { .. })
    ));
    assert!(matches!(rewrite(&gzip(b"")), Err(CaptureError::Empty)));
}

#[test]
fn pcapng_interfaces_and_blocks() {
    let nanos = u64::from(START) * 1_000_000_000 + 123_456_789;
    for big_endian in [false, true] {
        let capture = PcapNg::new(big_endian);
        let offset = match big_endian {
            true => 1_000_000i64.to_be_bytes(),
            false => 1_000_000i64.to_le_bytes(),
        };
        let obsolete = join(&[
            &capture.u16(1),
            &[0; 2],
            &capture.u32(((nanos / 1000) >> 32) as u32),
            &capture.u32((nanos / 1000) as u32),
            &capture.u32(33),
            &capture.u32(33),
            &ipv4(),
        ]);
        let simple = join(&[&capture.u32(47), &ethernet()]);
        let capture = capture
            .interface(1, 0, &[])
            .interface(101, 0, &[])
            .interface(1, 0, &[(9, &[9]), (14, &offset), (13, &[4])])
            .interface(113, 0, &[(9, &[0x80 | 20])])
            .block(0xbad, b"anything")
            .packet(0, nanos / 1000, 47, &ethernet())
            .packet(1, nanos / 1000, 33, &ipv4())
            .packet(
                2,
                nanos - 1_000_000_000_000_000,
                51,
                &join(&[&ethernet(), b"FCS!"]),
            )
            .packet(
                3,
                u64::from(START) << 20 | 1 << 19,
                49,
                &cooked(0x0800, &ipv4()),
            )
            .block(2, &obsolete)
            .block(3, &simple)
            .section(!big_endian)
            .interface(101, 0, &[])
            .packet(0, nanos / 1000, 48, &ipv6());
        let (done, _, packets) = rewrite(&capture.bytes).expect("capture");
        let (start, raw) = (nanos / 1000, synthetic(0x0800, &ipv4()));
        assert_eq!(done.damage, None);
        assert_eq!(
            packets,
            [
                (start, ethernet()),
                (start, raw.clone()),
                (start, ethernet()),
                (u64::from(START) * 1_000_000 + 500_000, raw.clone()),
                (start, raw),
                (0, ethernet()),
                (start, synthetic(0x86dd, &ipv6())),
            ]
        );
        assert_eq!(
            scanned(&capture.bytes).expect("scan").direct,
            Err(RewriteReason::PcapNg)
        );
    }
}

#[test]
fn simple_packets_are_cut_at_the_snap_length() {
    let capture = PcapNg::new(false).interface(1, 40, &[]);
    let body = join(&[&capture.u32(47), &ethernet()[..40]]);
    let (done, _, packets) = rewrite(&capture.block(3, &body).bytes).expect("capture");
    assert_eq!(done.cut, 1);
    assert_eq!(packets[0].1, join(&[&ethernet()[..40], &[0; 7]]));
}

#[test]
fn check_sequence_length_of_one_packet() {
    let capture = PcapNg::new(true).interface(1, 0, &[]);
    let flags = capture.option(2, &capture.u32(4 << 5 | 1));
    let comment = capture.option(1, b"a comment");
    let mut body = [0, 0, 0, 51, 51].map(|word| capture.u32(word)).concat();
    body.extend(join(&[
        &ethernet(),
        b"FCS!",
        &[0],
        &comment,
        &flags,
        &[0; 4],
    ]));
    assert_eq!(frames(&capture.block(6, &body).bytes), [ethernet()]);
}

/// Captures whose link type, interface or packet options claim a check sequence that is not there.
#[test]
fn claimed_check_sequences_do_not_cut_ip_packets() {
    let tagged = join(&[&DESTINATION, &SOURCE, &[0x81, 0, 0, 7, 8, 0], &ipv4()]);
    let six = join(&[&DESTINATION, &SOURCE, &[0x86, 0xdd], &ipv6()]);
    let labelled = join(&[
        &DESTINATION,
        &SOURCE,
        &[0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64],
        &ipv4(),
    ]);
    let session = join(&[
        &DESTINATION,
        &SOURCE,
        &[0x88, 0x64, 0x11, 0, 0, 1, 0, 35, 0, 0x21],
        &ipv4(),
    ]);
    for frame in [&ethernet(), &tagged, &six, &labelled, &session] {
        let (done, _, packets) = rewrite(&one(0x2400_0001, frame)).expect("capture");
        assert_eq!((done.cut, &packets[0].1), (0, frame));
        let with = join(&[frame, b"FCS!"]);
        assert_eq!(
            &frames(&one(0x2400_0001, &with)),
            std::slice::from_ref(frame)
        );
        // Half a check sequence is padding.
        let half = join(&[frame, b"FC"]);
        assert_eq!(
            &frames(&one(0x2400_0001, &half)),
            std::slice::from_ref(frame)
        );
        let interface =
            PcapNg::new(false)
                .interface(1, 0, &[(13, &[4])])
                .packet(0, 0, frame.len(), frame);
        assert_eq!(&frames(&interface.bytes), std::slice::from_ref(frame));
        let option = PcapNg::new(true).interface(1, 0, &[]);
        let length = option.u32(frame.len() as u32);
        let padding = vec![0; frame.len().next_multiple_of(4) - frame.len()];
        let flags = option.option(2, &option.u32(4 << 5));
        let body = join(&[&[0; 12], &length, &length, frame, &padding, &flags]);
        let option = option.block(6, &body);
        assert_eq!(&frames(&option.bytes), std::slice::from_ref(frame));
    }
    // Other link layers, and 802.11 whose own flag claims one.
    let raw = frames(&one(0x2400_0065, &ipv4()));
    assert_eq!(raw, [synthetic(0x0800, &ipv4())]);
    let head = [0, 0, 9, 0, 2, 0, 0, 0, 0x10];
    let radio = frames(&one(127, &join(&[&head, &wifi(2, false, &snap())])));
    assert_eq!(radio, [ethernet()]);
    // Nothing is known of other protocols: the claim counts.
    let arp = join(&[&DESTINATION, &SOURCE, &[8, 6], &[1; 28]]);
    assert_eq!(frames(&one(0x2400_0001, &arp)), [&arp[..arp.len() - 4]]);
}

fn cooked(protocol: u16, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    join(&[&head, &protocol.to_be_bytes(), payload])
}

fn wifi(flags: u8, qos: bool, tail: &[u8]) -> Vec<u8> {
    let access_point = [2, 9, 9, 9, 9, 9];
    let (first, second, third) = match flags & 3 {
        0 => (DESTINATION, SOURCE, access_point),
        1 => (access_point, SOURCE, DESTINATION),
        2 => (DESTINATION, access_point, SOURCE),
        _ => (access_point, access_point, DESTINATION),
    };
    let mut frame = vec![if qos { 0x88 } else { 0x08 }, flags, 0, 0];
    frame.extend(join(&[&first, &second, &third, &[0x10, 0]]));
    if flags & 3 == 3 {
        frame.extend(SOURCE);
    }
    if qos {
        frame.extend([0, 0]);
    }
    frame.extend(tail);
    frame
}

fn snap() -> Vec<u8> {
    join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4()])
}

#[test]
fn every_link_type_becomes_ethernet() {
    let (v4, v6) = (ipv4(), ipv6());
    let (frame4, frame6) = (synthetic(0x0800, &v4), synthetic(0x86dd, &v6));
    let nflog = [
        2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, 5, 0, 10, 0, 1, 0, 0, 0, 37, 0, 9, 0,
    ];
    let pflog = |length: usize, family: u8| {
        let mut header = vec![0; length.next_multiple_of(4)];
        header[..2].copy_from_slice(&[length as u8, family]);
        header
    };
    let pppoe = [0x11, 0, 0, 1, 0, 35, 0, 0x21];
    let cases: [(u32, Vec<u8>, &[u8]); 36] = [
        (0, join(&[&[2, 0, 0, 0], &v4]), &frame4),
        (0, join(&[&[0, 0, 0, 2], &v4]), &frame4),
        (0, join(&[&[10, 0, 0, 0], &v6]), &frame6),
        (0, join(&[&[0, 0, 0, 24], &v6]), &frame6),
        (0, join(&[&[28, 0, 0, 0], &v6]), &frame6),
        (0, join(&[&[30, 0, 0, 0], &v6]), &frame6),
        (108, join(&[&[0, 0, 0, 2], &v4]), &frame4),
        (9, join(&[&[0, 0x21], &v4]), &frame4),
        (9, join(&[&[0x57], &v6]), &frame6),
        (9, join(&[&[0xff, 3, 0, 0x21], &v4]), &frame4),
        (50, join(&[&[0xff, 3, 0x57], &v6]), &frame6),
        (50, join(&[&[0x0f, 0, 8, 0], &v4]), &frame4),
        (
            9,
            join(&[&[2, 0x81, 0, 1, 1, 64], &v4]),
            &synthetic(0x8847, &join(&[&[0, 1, 1, 64], &v4])),
        ),
        (
            51,
            join(&[&pppoe, &v4]),
            &synthetic(0x8864, &join(&[&pppoe, &v4])),
        ),
        (12, v4.clone(), &frame4),
        (14, v6.clone(), &frame6),
        (101, v4.clone(), &frame4),
        (228, v4.clone(), &frame4),
        (229, v6.clone(), &frame6),
        (104, join(&[&[0x8f, 0, 0x86, 0xdd], &v6]), &frame6),
        (113, cooked(0x0800, &v4), &frame4),
        (
            113,
            cooked(0x88a8, &join(&[&[0, 7, 8, 0], &v4])),
            &synthetic(0x8100, &join(&[&[0, 7, 8, 0], &v4])),
        ),
        (
            276,
            join(&[&[0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6], &[0; 8], &v6]),
            &frame6,
        ),
        (239, join(&[&nflog, &v4, &[0; 3]]), &frame4),
        (117, join(&[&pflog(61, 2), &v4]), &frame4),
        (117, join(&[&pflog(64, 24), &v6]), &frame6),
        (105, wifi(0, false, &snap()), &ethernet()),
        (105, wifi(1, false, &snap()), &ethernet()),
        (105, wifi(2, true, &snap()), &ethernet()),
        (105, wifi(3, true, &snap()), &ethernet()),
        (
            127,
            join(&[&[0, 0, 8, 0, 0, 0, 0, 0], &wifi(2, true, &snap())]),
            &ethernet(),
        ),
        // With a time stamp and the flag for a check sequence.
        (
            127,
            join(&[
                &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0],
                &[1, 1, 1, 1, 1, 1, 1, 1, 0x10],
                &wifi(1, false, &snap()),
                b"FCS!",
            ]),
            &ethernet(),
        ),
        // With padding behind the header of 26 bytes.
        (
            127,
            join(&[
                &[0, 0, 9, 0, 2, 0, 0, 0, 0x20],
                &wifi(1, true, &join(&[&[0, 0], &snap()])),
            ]),
            &ethernet(),
        ),
        (0x2400_0001, join(&[&ethernet(), b"FCS!"]), &ethernet()),
        (0x0224_0001, ethernet(), &ethernet()),
        (1, ethernet(), &ethernet()),
    ];
    for (link_word, data, expected) in cases {
        assert_eq!(
            frames(&one(link_word, &data)),
            [expected],
            "{link_word:#x} {data:x?}"
        );
        // No length of the input may end badly.
        for length in 0..data.len() {
            let cut = classic(link_word).packet((START, 0), data.len(), &data[..length]);
            let (done, ..) = rewrite(&cut.bytes).expect("cut capture");
            assert_eq!(done.packets_read, 1);
        }
    }
    let swapped = Pcap::new(0xa1b2_c3d4, true, 239)
        .whole(&join(&[&[2, 0, 0, 5, 0, 37, 0, 9], &v4, &[0; 3]]))
        .bytes;
    assert_eq!(frames(&swapped), [frame4]);
}

#[test]
fn frames_without_a_network_packet_are_counted() {
    let mut aggregate = wifi(1, true, &snap());
    aggregate[24] = 0x80;
    let mut fragment = wifi(1, false, &snap());
    fragment[22] = 0x11;
    for (link_type, data) in [
        (9, vec![0xc0, 0x21, 1, 1, 0, 4]),
        (0, vec![7, 0, 0, 0, 0x45]),
        (101, vec![0x20; 20]),
        (105, wifi(0x41, false, &snap())),
        (105, vec![0x80; 60]),
        (105, aggregate),
        (105, fragment),
        (113, cooked(4, &[0; 30])),
        (239, vec![2, 0, 0, 5, 0, 0, 0, 0]),
    ] {
        let (done, ..) = rewrite(&one(link_type, &data)).expect("capture");
        assert_eq!((done.packets_read, done.without_payload), (1, 1));
        let [(contents, 1)] = done.contents[..] else {
            panic!("{:?}", done.contents);
        };
        let expected = match (link_type, data.first()) {
            (9, _) => "PPP control",
            (0, _) => "other address families",
            (101, _) => "neither IPv4 nor IPv6",
            (105, Some(0x80)) => "802.11 management",
            (105, _) if data.get(1) == Some(&0x41) => "encrypted 802.11",
            (105, _) => "without a whole network packet",
            (113, _) => "without an Ethernet type",
            _ => "without a network packet",
        };
        assert!(contents.contains(expected), "{contents}");
    }
}

#[test]
fn tags_become_those_that_are_followed() {
    let tagged = |tags: &[u8]| join(&[&DESTINATION, &SOURCE, tags, &[8, 0], &ipv4()]);
    for (before, after) in [
        (
            &[0x88, 0xa8, 0, 7, 0x91, 0, 0, 8][..],
            &[0x81, 0, 0, 7, 0x81, 0, 0, 8][..],
        ),
        (
            &[0x81, 0, 0, 7, 0x92, 0, 0, 8],
            &[0x81, 0, 0, 7, 0x81, 0, 0, 8],
        ),
        (
            &[0x81, 0, 0, 7, 0x88, 0x48, 0, 1, 1, 64],
            &[0x81, 0, 0, 7, 0x88, 0x47, 0, 1, 1, 64],
        ),
        (&[0x88, 0x48, 0, 1, 1, 64], &[0x88, 0x47, 0, 1, 1, 64]),
    ] {
        let capture = one(1, &tagged(before));
        let direct = scanned(&capture).expect("scan").direct;
        assert!(
            matches!(direct, Err(RewriteReason::Tag(1, _))),
            "{direct:?}"
        );
        assert_eq!(frames(&capture), [tagged(after)]);
    }
}

#[test]
fn pflog_of_the_current_form_stays() {
    let mut packet = vec![0; 100];
    packet[..2].copy_from_slice(&[100, 2]);
    packet.extend(ipv4());
    let (done, link_type, packets) = rewrite(&one(117, &packet)).expect("capture");
    assert_eq!((done.link_type, link_type), (117, 117));
    assert_eq!(packets[0].1, packet);
    let both = PcapNg::new(false)
        .interface(117, 0, &[])
        .interface(1, 0, &[])
        .packet(0, 0, packet.len(), &packet)
        .packet(1, 0, 47, &ethernet());
    assert_eq!(
        frames(&both.bytes),
        [synthetic(0x0800, &ipv4()), ethernet()]
    );
}

#[test]
fn cut_packets_are_filled_up() {
    let capture = classic(1)
        .packet((START, 0), 1514, &ethernet())
        .packet((START, 0), 30, &ethernet())
        .packet((START, 0), usize::MAX, &ethernet());
    let (done, _, packets) = rewrite(&capture.bytes).expect("capture");
    assert_eq!(done.cut, 2);
    assert_eq!(packets[0].1, join(&[&ethernet(), &[0; 1514 - 47]]));
    assert_eq!(packets[1].1, ethernet());
    assert_eq!(packets[2].1.len(), MAX_PACKET as usize);
    let scan = scanned(&capture.bytes).expect("scan");
    assert_eq!(
        (scan.packets, scan.direct),
        (0, Err(RewriteReason::Length(1)))
    );
    // Cut inside the check sequence: the packet itself is whole.
    let capture = classic(0x2400_0001).packet((START, 0), 51, &join(&[&ethernet(), b"FC"]));
    let (done, _, packets) = rewrite(&capture.bytes).expect("capture");
    assert_eq!((done.cut, &packets[0].1), (0, &ethernet()));
}

#[test]
fn time_stamps_are_brought_into_range() {
    let capture = classic(1)
        .packet((START, 1_500_000), 47, &ethernet())
        .packet((1 << 31, 0), 47, &ethernet())
        .packet((u32::MAX, 4_000_000_000), 47, &ethernet());
    let (done, _, packets) = rewrite(&capture.bytes).expect("capture");
    let last = (1u64 << 32) * 1_000_000;
    assert_eq!(packets[0].0, u64::from(START) * 1_000_000 + 1_500_000);
    assert_eq!(packets[2].0, last - 1);
    assert_eq!((done.y2038, done.clamped), (2, 1));
    assert_eq!(done.earliest, Some(packets[0].0 * 1000));
    assert_eq!(done.latest, Some(last * 1000 - 1));

    let before = (-5_000_000i64) as u64;
    let capture = PcapNg::new(false)
        .interface(1, 0, &[])
        .interface(1, 0, &[(9, &[0x80 | 32])])
        .interface(1, 0, &[(9, &[127]), (14, &[0; 8])])
        .packet(0, before, 47, &ethernet())
        .packet(0, u64::MAX >> 1, 47, &ethernet())
        .packet(1, (1 << 31 | 7) << 32, 47, &ethernet())
        .packet(2, u64::MAX, 47, &ethernet());
    let (done, _, packets) = rewrite(&capture.bytes).expect("capture");
    let times: Vec<u64> = packets.iter().map(|&(time, _)| time).collect();
    assert_eq!(times, [0, last - 1, (1 << 31 | 7) * 1_000_000, 0]);
    assert_eq!((done.y2038, done.clamped), (2, 2));

    for (time, reason) in [((START, 1_000_000), 1), ((1 << 31, 0), 1)] {
        let capture = classic(1).packet(time, 47, &ethernet());
        let direct = scanned(&capture.bytes).expect("scan").direct;
        assert_eq!(direct, Err(RewriteReason::Time(reason)));
    }
}

#[test]
fn old_versions_may_have_the_lengths_swapped() {
    let mut capture = one(1, &ethernet());
    capture[6] = 2;
    capture[24 + 8] = 60;
    let frame = frames(&capture).remove(0);
    assert_eq!((frame.len(), &frame[..47]), (60, &ethernet()[..]));
    assert_eq!(
        scanned(&capture).expect("scan").direct,
        Err(RewriteReason::Variant)
    );
}

#[test]
fn unsupported_link_types() {
    let Err(error) = rewrite(&classic(247).whole(&[0; 40]).whole(&[0; 40]).bytes) else {
        panic!("accepted");
    };
    let expected = "no packet could be used: 2 of the unsupported link type 247 (InfiniBand)";
    assert_eq!(error.to_string(), expected);
    let mixed = PcapNg::new(false)
        .interface(1, 0, &[])
        .interface(220, 0, &[])
        .packet(1, 0, 40, &[0; 40])
        .packet(0, 0, 47, &ethernet());
    let (done, _, packets) = rewrite(&mixed.bytes).expect("capture");
    assert_eq!((done.left_out, packets.len()), (vec![(220, 1)], 1));
}

#[test]
fn what_is_no_capture() {
    let refused = |start: &[u8]| {
        let (written, looked) = (rewrite(start), scanned(start));
        let (written, looked) = (
            written.expect_err("rewritten"),
            looked.expect_err("scanned"),
        );
        assert_eq!(written.to_string(), looked.to_string());
        written
    };
    assert!(matches!(refused(b""), CaptureError::Empty));
    assert!(matches!(
        refused(&[0x0c, 0xa5, 2, 0]),
        CaptureError::NfcapdFile
    ));
    assert!(matches!(
        refused(&one(1, &[])[..20]),
        CaptureError::HeaderCut { length: 20 }
    ));
    assert!(matches!(
        refused(b"BZh91AY"),
        CaptureError::Compressed { format: "bzip2" }
    ));
    assert_eq!(
        refused(b"hello\nworld").to_string(),
        "not a capture: neither pcap nor pcapng, begins with \"hello\\nworld\""
    );
    let Err(error) = inspect(Path::new("/no/such/file"), &mut go_on) else {
        panic!("found");
    };
    assert!(error.to_string().contains("/no/such/file"), "{error}");
}
