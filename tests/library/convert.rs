//! `nfdecode::convert`: one capture to files, from Rust.

use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use nfdecode::convert::{Convert, ConvertError, Message, Stage};

use crate::support;

fn capture() -> PathBuf {
    support::root().join("tests/fixtures/captures/office.pcap")
}

/// Names and numbers of flows of all files, after which nothing remains.
fn all(convert: Convert<'_>) -> Vec<(String, usize)> {
    let mut conversion = convert.start().expect("it starts");
    let mut directory = PathBuf::new();
    let mut files = Vec::new();
    for file in &mut conversion {
        let file = file.expect("a file");
        directory = file.path().parent().expect("a directory").to_owned();
        files.push((file.name(), file.open().expect("it opens").flows().count()));
    }
    let summary = conversion.summary().expect("a summary").clone();
    assert_eq!(summary.files, files.len() as u64);
    let flows: usize = files.iter().map(|(_, flows)| flows).sum();
    assert_eq!(summary.flows, flows as u64);
    assert!(summary.processed <= summary.capture_packets);
    let losses = |message: &&Message| matches!(message, Message::Loss(_));
    assert_eq!(conversion.messages().iter().find(losses), None);
    assert!(conversion.next().is_none());
    assert!(directory.is_dir());
    drop(conversion);
    assert!(!directory.exists(), "{}", directory.display());
    files
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn files_bytes_and_readers_give_the_same_files() {
    if support::nfpcapd().is_none() {
        return;
    }
    let bytes = fs::read(capture()).expect("the capture");
    let files = all(Convert::file(capture()));
    assert!(files.len() >= 3);
    assert_eq!(all(Convert::bytes(&bytes)), files);
    assert_eq!(all(Convert::reader(&bytes[..])), files);
    let day = Duration::from_secs(86_400);
    let one = all(Convert::file(capture()).slot(day).timeout(day));
    assert_eq!(one.len(), 1);
    let payload = all(Convert::file(capture()).payload(true));
    assert_eq!(payload, files);
    let dns = all(Convert::file(capture())
        .packet_filter("udp port 53")
        .slot(day));
    assert!(dns[0].1 < one[0].1, "{dns:?}");
    // Without a packet filter every packet is processed.
    let mut conversion = Convert::file(capture()).start().expect("it starts");
    assert!(conversion.by_ref().all(|file| file.is_ok()));
    let summary = conversion.summary().expect("a summary");
    assert_eq!(summary.processed, summary.capture_packets);
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn a_conversion_that_is_dropped_leaves_nothing() {
    if support::nfpcapd().is_none() {
        return;
    }
    let mut conversion = Convert::file(capture()).start().expect("it starts");
    let file = conversion.next().expect("a file").expect("a good one");
    let path = file.path().to_owned();
    let open = file.open().expect("it opens");
    drop(conversion);
    assert!(!path.exists() && !path.parent().expect("a directory").exists());
    assert!(open.flows().count() > 0, "an open file stays readable");
    // A file that is dropped goes at once, one whose path is taken with the directory.
    let mut conversion = Convert::file(capture()).start().expect("it starts");
    let first = conversion.next().expect("a file").expect("a good one");
    let gone = first.path().to_owned();
    drop(first);
    assert!(!gone.exists());
    let kept = conversion.next().expect("a file").expect("a good one");
    let kept = kept.into_path();
    assert!(kept.exists());
    drop(conversion);
    assert!(!kept.exists());
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn progress_is_reported_and_can_cancel() {
    if support::nfpcapd().is_none() {
        return;
    }
    let mut stages = Vec::new();
    let note = |progress: nfdecode::convert::Progress| {
        stages.push(progress.stage);
        ControlFlow::Continue(())
    };
    all(Convert::file(capture()).on_progress(note));
    assert!(stages.contains(&Stage::Converting));
    let stop = |_| ControlFlow::Break(());
    let mut conversion = match Convert::file(capture()).on_progress(stop).start() {
        Ok(conversion) => conversion,
        Err(error) => {
            assert!(matches!(error, ConvertError::Cancelled));
            return;
        }
    };
    let error = conversion.next().expect("an end").expect_err("an error");
    assert!(matches!(error, ConvertError::Cancelled));
    assert!(conversion.next().is_none());
}

/// The error of a conversion that must not start.
fn error(convert: Convert<'_>) -> ConvertError {
    match convert.start() {
        Err(error) => error,
        Ok(_) => panic!("it starts"),
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let second = Duration::from_secs(1);
    for convert in [
        Convert::file(capture()).slot(second),
        Convert::file(capture()).active_timeout(second * 3601),
        Convert::file(capture()).inactive_timeout(Duration::ZERO),
    ] {
        assert!(convert.validate().is_err());
        assert!(matches!(error(convert), ConvertError::OutOfRange { .. }));
    }
    let missing = error(Convert::file("/nonexistent.pcap"));
    assert!(matches!(missing, ConvertError::CannotOpen { .. }));
    assert!(missing.to_string().starts_with("/nonexistent.pcap: "));
    let program = error(Convert::file(capture()).nfpcapd("/nonexistent/nfpcapd"));
    assert!(matches!(program, ConvertError::NotFound { .. }));
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn errors_name_the_input() {
    if support::nfpcapd().is_none() {
        return;
    }
    let text = error(Convert::bytes(b"hello world").named("greeting"));
    assert!(
        text.to_string().starts_with("greeting: not a capture"),
        "{text}"
    );
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let broken = error(Convert::reader(Broken));
    assert!(broken.to_string().contains("the disk is gone"), "{broken}");
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn losses_are_reported() {
    if support::nfpcapd().is_none() {
        return;
    }
    let bytes = fs::read(capture()).expect("the capture");
    let mut conversion = Convert::bytes(&bytes[..bytes.len() - 3])
        .named("cut")
        .start()
        .expect("it starts");
    assert!(conversion.all(|file| file.is_ok()));
    let [Message::Loss(text)] = conversion.messages() else {
        panic!("{:?}", conversion.messages());
    };
    assert!(
        text.starts_with("cut: packet ") && text.contains("inside a packet"),
        "{text}"
    );
    let mut empty = Convert::bytes(&bytes[..24]).start().expect("it starts");
    assert!(empty.next().is_none());
    let [Message::Note(text)] = empty.messages() else {
        panic!("{:?}", empty.messages());
    };
    assert!(text.contains("no packets"), "{text}");
}
