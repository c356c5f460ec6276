//! Files of nfdump 1.8 (layout 3): our flows are those that 1.8 itself prints, told in the keys that
//! nfdump 1.7.10 has for them, and those of the same capture in layout 2.
#![allow(missing_docs)]

mod support;

use nfdecode::{File, OwnedFlow};
use support::reference::{self, Form, Member};
use support::writer::{self, Encoding};

#[test]
fn flow_files_of_layout_3() {
    let (Some(files), Some(expected)) = (
        support::test_data("nfcapd/layout3"),
        support::test_data("expected/layout3"),
    ) else {
        return;
    };
    let mut failures = Vec::new();
    let (mut checked, mut flows) = (0, 0);
    for file in support::files_below(&files) {
        let relative = file.strip_prefix(&files).expect("below the folder");
        let compressed = expected.join(format!("{}.json.zst", relative.display()));
        let compressed = std::fs::read(&compressed).expect("a reference");
        let theirs = zstd::decode_all(compressed.as_slice()).expect("a ZSTD file");
        let mut theirs = reference::flows(&theirs, Form::Json);
        let mut ours = reference::flows(&support::read(&file, Form::Json, &[]), Form::Json);
        checked += 1;
        // nfdump 1.8 crashes in the middle of this one.
        if relative.starts_with("pcap-mixed-synthetic__1.8-none-pl") && theirs.len() < ours.len() {
            ours.truncate(theirs.len());
        }
        if ours.len() != theirs.len() {
            failures.push(format!(
                "{}: {} flows, nfdump has {}",
                relative.display(),
                ours.len(),
                theirs.len()
            ));
            continue;
        }
        flows += ours.len();
        for (ours, theirs) in ours.iter_mut().zip(&mut theirs) {
            reference::from_1_8(theirs, ours);
            reference::correct(theirs, ours);
            if let Some(difference) = difference(ours, theirs) {
                failures.push(format!("{}: {difference}", relative.display()));
                break;
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {checked} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(checked >= 109, "only {checked} files were there to compare");
    assert!(flows >= 60_000, "only {flows} flows");
}

/// The first member that differs.
fn difference(ours: &[Member], theirs: &[Member]) -> Option<String> {
    let count = &theirs.first()?.1;
    let mut pairs = ours.iter().zip(theirs);
    match pairs.find(|(ours, theirs)| ours != theirs) {
        Some((ours, theirs)) => Some(format!("flow {count}: expected {theirs:?}, ours {ours:?}")),
        None if ours.len() != theirs.len() => Some(format!(
            "flow {count}: {} members expected, ours {}",
            theirs.len(),
            ours.len()
        )),
        None => None,
    }
}

/// What a record of layout 2 calls an element of layout 3 is an unknown one, with or without a shape, and
/// whatever the flags say.
#[test]
fn elements_of_layout_3_exist_in_layout_3_only() {
    for flags in [0, 0x40, 0xFF] {
        let record = writer::FlowRecord {
            flags,
            elements: vec![
                (1, vec![7; 48]),
                (24, vec![b'n'; 72]),
                (43, vec![1; 4]),
                (46, vec![2; 2]),
                (63, vec![3; 8]),
            ],
            ..writer::FlowRecord::default()
        };
        let whole = record.bytes();
        // One that announces more elements than it has gets no shape.
        let mut cut = whole.clone();
        cut[4] = 9;
        let file = writer::file(Encoding::None, None, &[vec![whole, cut]]);
        let file = File::from_bytes(file).expect("a file");
        let expected = 1 << 1 | 1 << 24;
        let flows: Vec<OwnedFlow> = file.flows().filter_map(Result::ok).collect();
        assert_eq!(flows.len(), 2);
        for flow in &flows {
            assert_eq!(flow.view().elements(), expected, "flags {flags:#x}");
            assert_eq!(flow.view().wide_export_sysid(), None);
            assert_eq!(flow.view().user_name().map(<[u8]>::len), Some(66));
        }
        for block in file.blocks().flatten() {
            assert!(block.flows().all(|flow| flow.elements() == expected));
        }
    }
}
