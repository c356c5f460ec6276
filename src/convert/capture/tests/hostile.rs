//! Captures made to cost work, and mutated ones.

use super::*;

/// Mutations of captures of all kinds: both passes end without panic, and account for all packets.
#[test]
fn mutated_captures_do_no_harm() {
    let mut seeds = vec![
        PcapNg::new(false)
            .interface(1, 0, &[(9, &[9]), (13, &[4])])
            .packet(0, 1 << 60, 60, &ethernet())
            .section(true)
            .interface(127, 0, &[])
            .packet(
                0,
                7,
                99,
                &join(&[&[0, 0, 8, 0, 0, 0, 0, 0], &wifi(2, true, &snap())]),
            )
            .bytes,
        gzip(&one(1, &ethernet())),
        zstd(&one(1, &ethernet())),
    ];
    for link_type in [0, 1, 9, 50, 51, 101, 104, 105, 113, 117, 127, 239, 276] {
        let capture = Pcap::new(0xa1b2_c3d4, link_type % 2 == 0, link_type);
        let data = join(&[&cooked(0x8100, &snap()), &ethernet()]);
        seeds.push(capture.whole(&data).whole(&ethernet()).bytes);
    }
    let directory = tempfile::tempdir().expect("temporary directory");
    let (input, out) = (directory.path().join("in"), directory.path().join("out"));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..4000 {
        let mut capture = seeds[round % seeds.len()].clone();
        for _ in 0..=random(4) {
            let at = random(capture.len());
            match random(5) {
                0 => capture.truncate(at + 1),
                1 => capture[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)],
                2 => {
                    let chunk = capture[at..].to_vec();
                    capture.extend(chunk);
                }
                _ => capture[at] ^= 1 << random(8),
            }
        }
        fs::write(&input, &capture).expect("write");
        let scanned = inspect(&input, &mut go_on);
        if let Ok(done) = normalize(&capture[..], &out, &mut go_on) {
            let rest: u64 = done.left_out.iter().map(|&(_, packets)| packets).sum();
            assert_eq!(
                done.packets_read,
                done.packets_written + done.without_payload + rest
            );
            if let Ok(Inspection {
                direct: Ok(()),
                packets,
                ..
            }) = scanned
            {
                // What is fit as it is comes out as it went in.
                assert_eq!((done.packets_written, done.damage), (packets, None));
                assert_eq!(done.bytes_out, capture.len() as u64);
            }
        }
    }
}

/// A block of pcapng of which only the header is well-formed.
fn block_header(kind: u32, total: u32) -> Vec<u8> {
    [kind, total].map(u32::to_le_bytes).concat()
}

/// Captures that are made to cost as much as possible, with the packets in them.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    const SIZE: usize = 1 << 20;
    let start = PcapNg::new(false).interface(1, 0, &[]).bytes;
    let fill = |piece: &[u8]| {
        let mut bytes = start.clone();
        bytes.extend(piece.repeat(SIZE / piece.len()));
        bytes
    };
    let tiny = PcapNg::new(false).block(0xbad, b"").bytes[28..].to_vec();
    let interfaces = PcapNg::new(false).interface(1, 0, &[]).bytes[28..].to_vec();
    let sections = PcapNg::new(false).bytes;
    let empty_packets = PcapNg::new(false).packet(0, 0, 0, b"").bytes[28..].to_vec();
    // As many options as fit, none of which is looked for; then a long one.
    let options = [7, 0, 0, 0].repeat(60_000);
    let with_options = join(&[&[0; 20], &options]);
    let option_loop = PcapNg::new(false).block(6, &with_options).bytes[28..].to_vec();
    let interface_options = join(&[&[1, 0, 0, 0, 0, 0, 0, 0], &options]);
    let interface_loop = PcapNg::new(false).block(1, &interface_options).bytes[28..].to_vec();
    let huge = join(&[&start, &block_header(6, 0xffff_fffc), &vec![0; SIZE]]);
    let long = PcapNg::new(false).block(6, &vec![0; SIZE]).bytes[28..].to_vec();
    let fields = [4, 0, 1, 0].repeat(60_000);
    let nflog = one(239, &join(&[&[2, 0, 0, 0], &fields]));
    let tags = [0x81, 0, 0, 7].repeat(60_000);
    let tagged = join(&[&[0; 12], &tags]);
    let labels = join(&[&[0; 12], &[0x88, 0x47], &[0, 0, 0, 0].repeat(60_000)]);
    let present = join(&[
        &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 240_000],
    ]);
    let records = join(&[&one(1, b"x"), &join(&[&[1; 8], &[0; 8]]).repeat(SIZE / 16)]);
    vec![
        ("tiny blocks", fill(&tiny)),
        ("interfaces", fill(&interfaces)),
        ("sections", fill(&sections)),
        ("empty packets", fill(&empty_packets)),
        ("options of packets", fill(&option_loop)),
        ("options of interfaces", fill(&interface_loop)),
        ("a huge block", huge),
        ("long blocks", fill(&long)),
        ("netfilter fields", nflog),
        ("VLAN tags", one(1, &tagged)),
        ("VLAN tags and a check sequence", one(0x2400_0001, &tagged)),
        ("labels and a check sequence", one(0x2400_0001, &labels)),
        ("radiotap words", one(127, &present)),
        ("empty records", records),
    ]
}

/// Counted in numbers that are read and in calls of the observer, since time depends on the machine.
#[test]
fn hostile_captures_cost_as_much_as_they_are_long() {
    for (name, bytes) in hostile() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let out = directory.path().join("out");
        format::reads::reset();
        let done = normalize(&bytes[..], &out, &mut go_on).expect(name);
        let reads = format::reads::count();
        // An interface block is searched for three options; nothing else is looked at as often.
        let most = bytes.len() as u64;
        assert!(reads <= most, "{name}: {reads} reads for {most} bytes");
        assert!(
            done.bytes_out <= 24 + 2 * most,
            "{name}: {}",
            done.bytes_out
        );
        fs::write(&out, &bytes).expect("write");
        format::reads::reset();
        inspect(&out, &mut go_on).expect(name);
        assert!(format::reads::count() <= most, "{name}");
    }
}

#[test]
fn bombs_can_be_stopped_at_every_step() {
    // 64 MiB of zeros behind a header, in about 64 KiB, and once more inside itself.
    let plain = join(&[&one(1, &ethernet()), &vec![0; 64 << 20]]);
    for bomb in [gzip(&plain), zstd(&plain), gzip(&zstd(&plain))] {
        assert!(bomb.len() < 1 << 20);
        let directory = tempfile::tempdir().expect("temporary directory");
        let out = directory.path().join("out");
        let mut calls = 0;
        let mut stop_later = |_| {
            calls += 1;
            match calls {
                3 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        };
        let result = normalize(&bomb[..], &out, &mut stop_later);
        // Zeros are damage, which may come before the third MiB: then the rest is not unpacked.
        match result {
            Err(CaptureError::Cancelled) => assert_eq!(calls, 3),
            Ok(done) => assert!(done.damage.is_some() && calls < 3),
            other => panic!("{other:?}"),
        }
    }
    // Members and frames that hold nothing, without end.
    struct Endless(Vec<u8>, usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.0[self.1];
                self.1 = (self.1 + 1) % self.0.len();
            }
            Ok(buffer.len())
        }
    }
    for nothing in [
        gzip(b""),
        zstd(b""),
        vec![0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0],
    ] {
        let out = tempfile::NamedTempFile::new().expect("temporary file");
        let mut stop = |_| ControlFlow::Break(());
        let result = normalize(Endless(nothing, 0), out.path(), &mut stop);
        assert!(matches!(result, Err(CaptureError::Cancelled)), "{result:?}");
    }
}
