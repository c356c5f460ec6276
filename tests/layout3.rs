//! Files of nfdump 1.8 (layout 3): our flows are those that 1.8 itself prints, told in the keys that
//! nfdump 1.7.10 has for them, and those of the same capture in layout 2.
#![allow(missing_docs)]

mod support;

use support::reference::{self, Form, Member};

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
