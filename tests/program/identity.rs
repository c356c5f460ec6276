//! Our json and ndjson are nfdump 1.7.10's, byte for byte, less the documented deviations: over all
//! shared test data of layout 2.

use crate::support;
use std::path::Path;

use crate::support::reference::{self, Form};

/// References that end early because nfdump crashed or gave up: only flows before that count.
const CRASHED: [(&str, Form); 11] = [
    ("04_misc_noip_mask", Form::Json),
    ("04_misc_noip_mask", Form::Ndjson),
    ("29_in_client_allgrease_cipher", Form::Json),
    ("29_in_client_allgrease_cipher", Form::Ndjson),
    ("29_in_client_allgrease_ext", Form::Json),
    ("29_in_client_allgrease_ext", Form::Ndjson),
    ("29_in_nogeneric", Form::Ndjson),
    ("52_all6max", Form::Json),
    ("53_natstring_8000", Form::Json),
    ("53_natstring_8000", Form::Ndjson),
    ("pcap-mixed-synthetic", Form::Ndjson),
];

/// Files of which we read more, or read one record otherwise: flows that differ are looked at in
/// `tests/deviations.rs`.
const RECOVERED: [&str; 2] = ["82_block_numtoohigh", "82_rec_numelem_high"];

/// Compares; after a crash of the reference only the flows it had printed.
fn check(file: &Path, theirs: &[u8], form: Form) -> Result<usize, String> {
    let ours = support::read(file, form, &[]);
    match form {
        Form::Json => drop(support::assert_json(&ours, &file.display().to_string())),
        Form::Ndjson => drop(support::assert_ndjson(&ours, &file.display().to_string())),
    }
    let name = file.to_string_lossy();
    if CRASHED
        .iter()
        .any(|(crashed, in_form)| name.contains(crashed) && *in_form == form)
    {
        let printed = reference::flows(theirs, form).len();
        let mut kept = reference::our_flows(&ours, form);
        assert!(
            kept.len() >= printed,
            "{name}: fewer flows than before the reference crashed"
        );
        kept.truncate(printed);
        return reference::compare(theirs, reference::render(&kept, form).as_bytes(), form);
    }
    reference::compare(theirs, &ours, form)
}

fn assert_none(failures: &[String], checked: usize, at_least: usize) {
    assert!(
        failures.is_empty(),
        "{} of {checked} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        checked >= at_least,
        "only {checked} files were there to compare"
    );
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn small_files_per_element() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    let mut failures = Vec::new();
    let mut checked = 0;
    for file in support::files_below(&folder) {
        if file.extension().is_none_or(|extension| extension != "nf")
            || RECOVERED
                .iter()
                .any(|name| file.to_string_lossy().contains(name))
        {
            continue;
        }
        for form in Form::BOTH {
            let theirs = std::fs::read(file.with_extension(form.name())).expect("a reference");
            checked += 1;
            if let Err(difference) = check(&file, &theirs, form) {
                failures.push(format!("{} {}: {difference}", file.display(), form.name()));
            }
        }
    }
    assert_none(&failures, checked, 150);
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn flow_files_of_layout_2() {
    let (Some(files), Some(expected)) = (
        support::test_data("nfcapd/layout2"),
        support::test_data("expected/layout2"),
    ) else {
        return;
    };
    let mut failures = Vec::new();
    let mut checked = 0;
    for file in support::files_below(&files) {
        let relative = file.strip_prefix(&files).expect("below the folder");
        let compressed = expected.join(format!("{}.ndjson.zst", relative.display()));
        let compressed = std::fs::read(&compressed).expect("a reference");
        let theirs = zstd::decode_all(compressed.as_slice()).expect("a ZSTD file");
        checked += 1;
        if let Err(difference) = check(&file, &theirs, Form::Ndjson) {
            failures.push(format!("{}: {difference}", relative.display()));
        }
        // The other form holds the same members.
        let ndjson = reference::our_flows(&support::read(&file, Form::Ndjson, &[]), Form::Ndjson);
        if ndjson != reference::our_flows(&support::read(&file, Form::Json, &[]), Form::Json) {
            failures.push(format!("{}: json and ndjson differ", relative.display()));
        }
    }
    assert_none(&failures, checked, 200);
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn json_as_nfdump_prints_it_now() {
    let (Some(files), Some(nfdump)) = (
        support::test_data("nfcapd/layout2"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    let mut failures = Vec::new();
    let mut checked = 0;
    // Zones on both sides of Greenwich, with and without daylight saving time.
    let zones = [
        "UTC",
        "Europe/Zurich",
        "America/New_York",
        "Asia/Kolkata",
        "XYZ-3:30",
    ];
    for (at, file) in support::files_below(&files).iter().enumerate() {
        if CRASHED
            .iter()
            .any(|(name, _)| file.to_string_lossy().contains(name))
        {
            continue;
        }
        let zone = zones[at % zones.len()];
        let theirs = std::process::Command::new(&nfdump)
            .args(["-W", "1", "-C", "none", "-G", "none", "-o", "json", "-r"])
            .arg(file)
            .env("TZ", zone)
            .output()
            .expect("nfdump runs");
        let ours = support::nfdecode()
            .arg("read")
            .arg(file)
            .env("TZ", zone)
            .output()
            .expect("it runs");
        checked += 1;
        if let Err(difference) = reference::compare(&theirs.stdout, &ours.stdout, Form::Json) {
            failures.push(format!("{} in {zone}: {difference}", file.display()));
        }
    }
    assert_none(&failures, checked, 200);
}
