//! Damaged captures, failing sources, and stops by the observer.

use super::*;

#[test]
fn damage_keeps_what_is_before_it() {
    let whole = classic(1).whole(&ethernet()).whole(&ethernet()).bytes;
    let second = 24 + 16 + 47;
    let zeros = join(&[&whole[..second], &[0; 64]]);
    let mut absurd = whole.clone();
    absurd[second + 8..second + 12].copy_from_slice(&[0xff; 4]);
    for (capture, reason) in [
        (
            &whole[..second + 3],
            "the capture ends inside a record header",
        ),
        (&whole[..second + 16], "the capture ends inside a packet"),
        (&whole[..second + 62], "the capture ends inside a packet"),
        (&zeros, "zero bytes in the place of a record header"),
        (&absurd, "a record claims 4294967295 bytes"),
    ] {
        let (done, _, packets) = rewrite(capture).expect("capture");
        let damage = done.damage.expect("damage");
        assert_eq!(damage.reason, reason);
        assert_eq!((damage.offset, damage.packet), (second as u64, 2));
        assert_eq!(packets.len(), 1);
        let scan = scanned(capture).expect("scan");
        assert_eq!((scan.packets, scan.direct.is_err()), (1, true));
    }

    let mut many = classic(1);
    for _ in 0..20_000 {
        many = many.whole(&ethernet());
    }
    for packed in [gzip(&many.bytes), zstd(&many.bytes)] {
        let (done, _, packets) = rewrite(&packed[..packed.len() / 2]).expect("capture");
        let reason = done.damage.expect("damage").reason;
        assert!(reason.starts_with("broken compressed data"), "{reason}");
        assert!((1..20_000).contains(&packets.len()));
    }

    let good = PcapNg::new(false)
        .interface(1, 0, &[])
        .packet(0, 0, 47, &ethernet());
    let offset = good.bytes.len() as u64;
    for bad in [
        &[6, 0, 0][..],
        &[6, 0, 0, 0, 0, 0, 0, 0x10],
        &[6, 0, 0, 0, 13, 0, 0, 0],
        &[5, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0],
        &[6, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0],
        &[10, 13, 13, 10, 28, 0, 0, 0, 1, 2, 3, 4],
        &PcapNg::new(false).packet(9, 0, 47, &ethernet()).bytes[28..],
    ] {
        let (done, _, packets) = rewrite(&join(&[&good.bytes, bad])).expect("capture");
        let damage = done.damage.expect("damage");
        assert_eq!(
            (damage.offset, damage.packet, packets.len()),
            (offset, 2, 1)
        );
    }
    assert!(matches!(
        rewrite(&good.bytes[..20]),
        Err(CaptureError::Damaged { .. })
    ));
}

/// A source that fails after its data.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            bytes => Ok(bytes),
        }
    }
}

/// Found by fuzzing: the packet became a record of zeros, which looks like damage.
#[test]
fn an_empty_packet_at_the_first_moment_is_a_packet() {
    let capture = classic(1)
        .whole(&ethernet())
        .packet((0, 0), 0, &[7])
        .whole(&ethernet())
        .bytes;
    let (done, _, packets) = rewrite(&capture).expect("capture");
    assert_eq!((done.damage, packets.len()), (None, 3));
}

#[test]
fn errors_of_the_source_are_no_damage() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let out = directory.path().join("out.pcap");
    let capture = one(1, &ethernet());
    for data in [
        capture.clone(),
        gzip(&capture)[..40].to_vec(),
        zstd(&capture)[..40].to_vec(),
    ] {
        let result = normalize(Failing(Cursor::new(data)), &out, &mut go_on);
        let Err(CaptureError::Io { source, .. }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(source.to_string(), "the disk is gone");
    }
    let result = normalize(&capture[..], &directory.path().join("no/out"), &mut go_on);
    assert!(matches!(result, Err(CaptureError::Io { .. })));
    if Path::new("/dev/full").exists() {
        let result = normalize(&capture[..], Path::new("/dev/full"), &mut go_on);
        let Err(CaptureError::Io { context, .. }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(context, "cannot write /dev/full");
    }
}

#[test]
fn the_observer_sees_progress_and_stops() {
    let mut capture = classic(1);
    for _ in 0..100 {
        capture = capture.whole(&[1; 60_000]);
    }
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(file.path(), &capture.bytes).expect("write");
    let out = tempfile::NamedTempFile::new().expect("temporary file");
    let mut seen = Vec::new();
    let mut note = |bytes| {
        seen.push(bytes);
        ControlFlow::Continue(())
    };
    normalize(&capture.bytes[..], out.path(), &mut note).expect("capture");
    inspect(file.path(), &mut note).expect("scan");
    assert!(seen.len() >= 10, "{seen:?}");
    let mut stop = |_| ControlFlow::Break(());
    // The packed form is far smaller than a step: what comes out of it counts.
    for data in [
        capture.bytes.clone(),
        gzip(&capture.bytes),
        zstd(&capture.bytes),
    ] {
        let result = normalize(&data[..], out.path(), &mut stop);
        assert!(matches!(result, Err(CaptureError::Cancelled)), "{result:?}");
    }
    assert!(matches!(
        inspect(file.path(), &mut stop),
        Err(CaptureError::Cancelled)
    ));
    let mut cut = classic(1);
    for _ in 0..8 {
        cut = cut.packet((START, 0), 1 << 20, &ethernet());
    }
    let result = normalize(&cut.bytes[..], out.path(), &mut stop);
    assert!(matches!(result, Err(CaptureError::Cancelled)), "{result:?}");
}

#[test]
fn long_packets_of_pcapng_are_shortened() {
    let long = vec![1; MAX_PACKET as usize + 9999];
    let capture = PcapNg::new(false)
        .interface(1, 0, &[])
        .packet(0, 0, long.len(), &long)
        .packet(0, 0, 47, &ethernet());
    let all = frames(&capture.bytes);
    assert_eq!((all[0].len(), &all[1]), (MAX_PACKET as usize, &ethernet()));
}
