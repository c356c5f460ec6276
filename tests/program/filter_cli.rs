//! Selecting flows from the command line.

use crate::support;
use std::path::PathBuf;
use std::process::Output;

use crate::support::{nfdecode, stderr};

fn archive() -> PathBuf {
    crate::support::root().join("tests/fixtures/archive")
}

const FILES: [&str; 3] = [
    "nfcapd.202611241330",
    "nfcapd.202611241335",
    "nfcapd.202611241340",
];

/// In the archive.
fn read(arguments: &[&str]) -> Output {
    nfdecode()
        .current_dir(archive())
        .arg("read")
        .args(arguments)
        .output()
        .expect("it runs")
}

fn count(arguments: &[&str]) -> u64 {
    let output = read(&[&["--count"], arguments].concat());
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a number")
}

#[test]
fn the_filter_is_the_first_or_the_last_operand_or_an_option() {
    let udp = count(&["--filter", "proto udp", FILES[0]]);
    assert!(udp > 0 && udp < 113);
    assert_eq!(count(&[FILES[0], "proto udp"]), udp);
    assert_eq!(count(&["proto udp", FILES[0]]), udp);
    assert_eq!(count(&[FILES[0], "any"]), 113);
    assert_eq!(count(&[FILES[0]]), 113);
    assert_eq!(count(&["."]), 419);
    assert_eq!(
        count(&[".", "!(proto udp)"]) + count(&[".", "proto udp"]),
        419
    );

    let scratch = tempfile::tempdir().expect("a directory");
    let filter = scratch.path().join("filter");
    std::fs::write(&filter, "# a service\nproto udp\n").expect("written");
    let filter = filter.to_str().expect("a path");
    assert_eq!(count(&["-F", filter, FILES[0]]), udp);
    assert_eq!(
        count(&[FILES[0], &format!("any and @include {filter}")]),
        udp
    );

    for (arguments, message) in [
        (vec!["-F", filter, FILES[0], "proto udp"], "one as option"),
        (vec!["proto udp", FILES[0], "proto udp"], "two filters"),
        (vec!["proto udp"], "name a file or directory"),
        (
            vec!["--filter", "prot udp", FILES[0]],
            "did you mean `proto`?",
        ),
        (vec![FILES[0], "ip www.example.org"], "--resolve"),
    ] {
        let output = read(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(message),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    let output = read(&["--filter", "any", "-F", filter, FILES[0]]);
    assert_eq!(output.status.code(), Some(2));
    // Without a blank it is a path.
    let output = read(&[FILES[0], "port=53"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_file_that_reads_like_a_filter() {
    let scratch = tempfile::tempdir().expect("a directory");
    let copy = |name: &str| {
        std::fs::copy(archive().join(FILES[0]), scratch.path().join(name)).expect("copied");
    };
    copy("proto udp");
    copy("my flows");
    let read = |arguments: &[&str]| {
        let mut command = nfdecode();
        command
            .current_dir(scratch.path())
            .args(["read", "--count"]);
        command.args(arguments).output().expect("it runs")
    };
    assert_eq!(read(&["my flows"]).stdout, b"113\n");
    assert_eq!(read(&["my flow*"]).stdout, b"113\n");
    assert_eq!(read(&["./proto udp"]).stdout, b"113\n");
    let output = read(&["my flows", "proto udp"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is a file and a filter"));
}

#[test]
fn numbers_order_and_limit_are_those_of_selected_flows() {
    let ndjson = |arguments: &[&str]| {
        let output = read(&[&["-f", "ndjson", "."], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        support::assert_ndjson(&output.stdout, "selected")
    };
    let all = ndjson(&[]);
    let expected: Vec<_> = all.iter().filter(|flow| flow["proto"] == 17).collect();
    for jobs in ["1", "3"] {
        let selected = ndjson(&["-j", jobs, "--filter", "proto udp"]);
        assert_eq!(selected.len(), expected.len());
        for (index, (ours, expected)) in selected.iter().zip(&expected).enumerate() {
            assert_eq!(ours["cnt"], index as u64 + 1);
            assert_eq!(
                (&ours["first"], &ours["src_port"]),
                (&expected["first"], &expected["src_port"])
            );
        }
        let some = ndjson(&["-j", jobs, "--limit", "7", "--filter", "proto udp"]);
        assert_eq!(some, selected[..7]);
    }
    assert_eq!(count(&[".", "count 120"]), 1);
    assert_eq!(
        count(&["-j", "3", ".", "count > 100"]),
        count(&["-j", "1", ".", "count > 100"])
    );
}

#[test]
fn time_windows() {
    let times = |filter: &str| count(&[".", "--filter", filter]);
    let noon = "2026-11-24T13:36:00";
    assert_eq!(
        count(&[".", "--since", &format!("{noon}Z")]),
        times(&format!("last seen >= {noon}"))
    );
    assert_eq!(
        count(&[".", "--until", "2026-11-24T14:36:00+01:00"]),
        times(&format!("first seen < {noon}"))
    );
    assert_eq!(
        count(&[".", "-t", "2026/11/24.13:34:00-2026/11/24.13:36:00"]),
        times("first seen > 2026-11-24T13:34 and last seen < 2026-11-24T13:36")
    );
    // In the zone of the output.
    assert_eq!(
        count(&[
            ".",
            "--tz",
            "Europe/Zurich",
            "--since",
            "2026-11-24T14:36:00"
        ]),
        times(&format!("last seen >= {noon}"))
    );
    assert_eq!(count(&[".", "--until", "2020-01-01"]), 0);
    assert_eq!(count(&[".", "--since", "2030-01-01", "proto udp"]), 0);
    for arguments in [
        &[".", "--since", "tomorrow"][..],
        &[".", "--since", "2026-01-02", "--until", "2026-01-01"],
        &[".", "-t", "2026-01-02-2026"],
        &[".", "--last", "1h", "--since", "2026"],
    ] {
        assert_eq!(read(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn ranges_and_several_directories() {
    assert_eq!(count(&["nfcapd.202611241330..nfcapd.202611241335"]), 271);
    assert_eq!(count(&["./nfcapd.202611241335..nfcapd.202611249999"]), 306);
    let outside = archive().parent().expect("a directory").to_owned();
    let run = |arguments: &[&str]| {
        let mut command = nfdecode();
        command.current_dir(&outside).args(["read", "--count"]);
        command.args(arguments).output().expect("it runs")
    };
    let text = "archive/nfcapd.202611241330..archive/nfcapd.202611241335";
    assert_eq!(run(&[text]).stdout, b"271\n");
    assert_eq!(
        run(&["archive/nfcapd.202611241330..nfcapd.202611241335"]).stdout,
        b"271\n"
    );
    assert_eq!(
        run(&["../fixtures/archive/nfcapd.202611241330..nfcapd.202611241335"]).stdout,
        b"271\n"
    );
    assert_eq!(run(&["-M", "archive:archive", FILES[0]]).stdout, b"226\n");
    let output = run(&["archive/nfcapd.202611241340..nfcapd.202611241330"]);
    assert_eq!(output.status.code(), Some(1));
    let output = run(&["archive/nfcapd.1..nfcapd.2"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn explain_reads_nothing() {
    let output = read(&[
        "--explain",
        "HOST 192.0.2.1 and not (port 80 or port in [443 22])",
    ]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "ip 192.0.2.1 and not (port 80 or port in [22 443])\n\n\
         and\n  ip 192.0.2.1\n  not\n    or\n      port 80\n      port in [22 443]\n"
    );
    let output = nfdecode()
        .args(["convert", "nothing.pcap", "port 53", "--explain"])
        .output()
        .expect("it runs");
    assert_eq!(output.stdout, b"port 53\n\nport 53\n");
}

/// What was not selected is not missing.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn selecting_is_no_loss() {
    let Some(folder) = support::test_data("filter") else {
        return;
    };
    let output = nfdecode()
        .args(["read", "-f", "ndjson"])
        .arg(folder.join("nfcapd.sample"))
        .arg("dst port 443")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(support::assert_ndjson(&output.stdout, "sample").len(), 727);
}

#[test]
fn convert_selects() {
    let capture = archive().join("../captures/office.pcap");
    let run = |arguments: &[&str]| {
        let mut command = nfdecode();
        command.arg("convert").arg(&capture).args(arguments);
        command.output().expect("it runs")
    };
    let all = run(&["--count"]);
    if stderr(&all).contains("nfpcapd") && !all.status.success() {
        println!("skipped: no nfpcapd");
        return;
    }
    let number = |output: Output| -> u64 {
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .expect("a number")
    };
    let (all, udp, others) = (
        number(all),
        number(run(&["proto udp", "--count"])),
        number(run(&["--filter", "not proto udp", "--count"])),
    );
    assert!(udp > 0 && udp < all);
    assert_eq!(udp + others, all);
}
