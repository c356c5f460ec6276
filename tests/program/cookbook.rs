//! Every block of commands in `docs/cookbook.md` runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support;

/// Programs that recipes pipe into and that a machine may lack.
const OTHERS: [&str; 2] = ["curl", "jq"];

/// The commands of a page, each with the heading above it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut heading = String::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(_), "```") => found.extend(block.take().map(|text| (heading.clone(), text))),
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, line) => {
                if let Some(title) = line.strip_prefix("### ") {
                    heading = title.to_owned();
                }
            }
        }
    }
    found
}

fn has(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    found.is_ok_and(|output| output.status.success())
}

#[test]
fn every_recipe_runs() {
    let root = support::root();
    let page = fs::read_to_string(root.join("docs/cookbook.md")).expect("the page");
    let recipes = blocks(&page);
    assert!(recipes.len() >= 40, "{} recipes", recipes.len());
    let capture = root.join("tests/fixtures/captures/office.pcap");
    let archive = root.join("tests/fixtures/archive");
    let program = support::nfdecode();
    let folder = Path::new(program.get_program()).parent().expect("a folder");
    let path = format!(
        "{}:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let needs_nfpcapd = support::nfpcapd().is_none();
    for (title, commands) in recipes {
        if OTHERS
            .iter()
            .any(|other| commands.contains(&format!("| {other} ")) && !has(other))
            || (needs_nfpcapd && commands.contains("convert"))
        {
            println!("skipped: {title}");
            continue;
        }
        let place = tempfile::tempdir().expect("a folder");
        let copy = |from: &Path, name: &str| {
            fs::copy(from, place.path().join(name)).expect("copied");
        };
        copy(&capture, "capture.pcap");
        copy(&capture, "capture2.pcap");
        copy(&archive.join("nfcapd.202611241330"), "nfcapd.202611241330");
        fs::create_dir(place.path().join("archive")).expect("made");
        for entry in fs::read_dir(&archive).expect("listed").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("nfcapd.") {
                copy(&entry.path(), &format!("archive/{name}"));
            }
        }
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(place.path())
            .env("PATH", &path)
            .env("TZ", "UTC")
            .output()
            .expect("bash runs");
        assert!(
            output.status.success(),
            "{title}: {commands}{}",
            support::stderr(&output)
        );
    }
}
