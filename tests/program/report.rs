//! `nfdecode report`: files, messages, exit status; what is in the page is tested in `web/tests`.

use std::fs;

use serde_json::Value;

use crate::support::{run, stderr};

const ARCHIVE: &str = "tests/fixtures/archive";

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    let (json, _) = rest.split_once("</script>").expect("an end");
    serde_json::from_str(json).expect("JSON")
}

fn page(arguments: &[&str]) -> String {
    let output = run(&[&["report"], arguments].concat());
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    assert_eq!(stderr(&output), "");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_page_goes_to_a_file_or_to_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    assert_eq!(page(&[ARCHIVE, "-o", path.to_str().expect("UTF-8")]), "");
    let written = fs::read_to_string(&path).expect("the page");
    assert!(written.starts_with("<!doctype html>"));
    assert_eq!(page(&[ARCHIVE]), written);
    assert_eq!(page(&[ARCHIVE, "-o", "-", "--jobs", "3"]), written);
    assert_eq!(
        fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn selections_are_those_of_the_other_commands() {
    let tcp = page(&[ARCHIVE, "proto tcp", "--title", "Only <TCP>"]);
    assert!(tcp.contains("<title>Only &#60;TCP&#62;</title>"));
    let top = run(&["top", "proto", ARCHIVE, "proto tcp", "-f", "json"]);
    let top: Value = serde_json::from_slice(&top.stdout).expect("JSON");
    let data = data(&tcp);
    assert_eq!(data["bytes"], top[0]["bytes"]);
    assert_eq!(data["filter"], "proto tcp");
    // Rows, in commands, are joined with the filter of the page.
    assert!(tcp.contains(
        "nfdecode top src_addr -n 20 tests/fixtures/archive --filter &#39;proto tcp&#39;"
    ));
    let late = page(&[ARCHIVE, "--since", "2026-11-24T13:40:00Z", "--top", "3"]);
    assert!(late.contains("--since 2026-11-24T13:40:00Z"));
    assert_eq!(
        self::data(&late)["lists"]["sources"]["rows"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[test]
fn commands_of_the_page_run() {
    let page = page(&[ARCHIVE, "proto tcp"]);
    let mut count = 0;
    for (at, _) in page.match_indices("<pre><code>") {
        let (command, _) = page[at + 11..].split_once("</code>").expect("an end");
        let command = command
            .replace("&#39;", "'")
            .replace("&#62;", ">")
            .replace("&#38;", "&");
        let program = env!("CARGO_BIN_EXE_nfdecode");
        let script = command.replacen("nfdecode", program, 1);
        let done = std::process::Command::new("sh")
            .args(["-c", &script])
            .current_dir(crate::support::root())
            .output()
            .expect("a shell");
        assert!(done.status.success(), "{command}: {}", stderr(&done));
        assert!(!done.stdout.is_empty(), "{command}");
        count += 1;
    }
    assert!(count > 8, "{count} commands");
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn a_capture_gives_the_page_of_its_files() {
    const CAPTURE: &str = "tests/fixtures/captures/office.pcap";
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (html, kept, left) = (path("page.html"), path("kept"), path("left"));
    let page = |arguments: &[&str]| {
        let output = run(&[&["convert", CAPTURE], arguments].concat());
        assert_eq!(
            (stderr(&output), output.status.code()),
            (String::new(), Some(0))
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(page(&["-o", &html, "--keep", &kept]), "");
    let written = fs::read_to_string(&html).expect("the page");
    let of_files = self::page(&[&kept]);
    assert_eq!(data(&written), data(&of_files));
    assert!(written.contains(&format!("nfdecode top src_addr -n 20 {kept}<")));
    // Without the files, the page has the command that makes them.
    let page = page(&["-f", "report", "proto tcp"]);
    assert_eq!(data(&page)["filter"], "proto tcp");
    let command = format!("nfdecode convert {CAPTURE} --count --keep office-nfcapd");
    assert!(page.contains(&command) && page.contains("top src_addr -n 20 office-nfcapd"));
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let words = words.iter().map(|word| match *word {
        "office-nfcapd" => left.as_str(),
        word => word,
    });
    assert!(run(&words.collect::<Vec<_>>()).status.success());
    assert_eq!(data(&self::page(&[&left, "proto tcp"])), data(&page));
}

#[test]
fn damage_is_reported_and_the_page_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(
        crate::support::root()
            .join(ARCHIVE)
            .join("nfcapd.202611241330"),
    )
    .expect("a file");
    let path = folder.path().join("nfcapd.202611241330");
    fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let output = run(&["report", path.to_str().expect("UTF-8"), ARCHIVE]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(page.contains("<strong>Damaged</strong>"));
    let name = path.display().to_string();
    assert!(
        stderr(&output).contains(&name) && page.contains(&name),
        "which file"
    );
}

#[test]
fn mistakes_are_explained() {
    for (arguments, status, words) in [
        (&["report"][..], 2, "required arguments"),
        (
            &["report", "no-such-folder"],
            1,
            "no such file or directory",
        ),
        (&["report", ARCHIVE, "--top", "0"], 2, "1..=100"),
        (&["report", ARCHIVE, "tpc or udp"], 2, "unknown filter term"),
        (&["report", ARCHIVE, "--count"], 2, "nfdecode read"),
        (
            &["report", ARCHIVE, "--tz", "Nowhere/Land"],
            2,
            "Nowhere/Land",
        ),
        (&["report", "proto tcp"], 2, "no file"),
        (&["read", ARCHIVE, "-f", "report"], 2, "nfdecode report"),
        (&["read", ARCHIVE, "-o", "a.html"], 2, "nfdecode report"),
        (
            &["convert", "a.pcap", "-o", "a.html", "--fields", "src_addr"],
            2,
            "--fields cannot be used with -f report",
        ),
        (
            &["convert", "a.pcap", "-f", "report", "--count"],
            2,
            "--count cannot be used with -f report",
        ),
    ] {
        let output = run(arguments);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty());
    }
}
