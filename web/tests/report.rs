//! Reports of made and of recorded flows: what is in the page, that it is all of it, and that nothing escapes.
#![allow(missing_docs)]

mod made;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use nfdecode::{FieldValue, Flow, Scan};
use nfdecode_web::report::{Options, SIZE_MAX, Survey};
use serde_json::Value;

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

fn page_of(scan: &Scan, options: &Options) -> String {
    let survey = Survey::new(options, scan.thread_count()).expect("lists are right");
    survey.run(scan).expect("no temporary files").html()
}

fn page(path: &Path) -> String {
    let scan = Scan::directory(path).expect("a folder");
    page_of(&scan, &Options::new([path.display().to_string()]))
}

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    let (json, _) = rest.split_once("</script>").expect("an end");
    serde_json::from_str(json).expect("JSON")
}

/// Flows, packets and bytes that a filter selects.
fn sums(scan: &Scan, filter: &str) -> [u64; 3] {
    let scan = scan
        .clone()
        .filter(filter)
        .unwrap_or_else(|error| panic!("{filter}: {error}"));
    let mut sums = [0; 3];
    for block in scan.blocks() {
        for flow in block.expect("no damage").flows() {
            let number = |field: fn(&Flow<'_>) -> Option<u64>| field(&flow).unwrap_or(0);
            sums[0] += flow.aggr_flows().unwrap_or(1).max(1);
            sums[1] += number(|flow| flow.in_packets()) + number(|flow| flow.out_packets());
            sums[2] += number(|flow| flow.in_bytes()) + number(|flow| flow.out_bytes());
        }
    }
    sums
}

fn check_filters(path: &Path) -> usize {
    let scan = Scan::directory(path).expect("a folder");
    let data = data(&page(path));
    let mut checked = 0;
    for (name, list) in data["lists"].as_object().expect("lists") {
        for row in list["rows"].as_array().expect("rows") {
            let Some(filter) = row[7].as_str() else {
                continue;
            };
            let shown =
                [&row[1], &row[2], &row[3]].map(|number| number.as_u64().expect("a number"));
            let is_part = name.starts_with("tls") || name.starts_with("dns");
            let selected = sums(&scan, filter);
            // Names are looked for anywhere in a name.
            match is_part {
                true => assert!(selected[0] >= shown[0], "{name}: {filter}"),
                false => assert_eq!(selected, shown, "{name}: {filter}"),
            }
            checked += 1;
        }
    }
    checked
}

#[test]
fn rows_are_what_their_filters_select() {
    assert!(check_filters(&fixtures("archive")) > 50);
    assert!(check_filters(&fixtures("router")) > 100);
    assert!(check_filters(&made::folder()) > 30);
}

#[test]
fn pairs_of_ases_are_listed_where_there_are_some() {
    let router = page(&fixtures("router"));
    let lists = &data(&router)["lists"];
    let rows = lists["as_pairs"]["rows"].as_array().expect("rows");
    let label = |row: &Value| row[0].as_str().map(str::to_owned);
    let named = rows.iter().find(|row| row[7].is_string()).expect("a pair");
    let (from, to) = (&lists["source_as"], &lists["destination_as"]);
    let both = label(named).expect("a label");
    let (source, destination) = both.split_once(" → ").expect("two");
    for (list, name) in [(from, source), (to, destination)] {
        let rows = list["rows"].as_array().expect("rows");
        let is_listed = rows.iter().any(|row| label(row).as_deref() == Some(name));
        assert!(is_listed, "{name}");
    }
    let archive = page(&fixtures("archive"));
    assert!(data(&archive)["lists"]["as_pairs"].is_null());
    let (_, absent) = archive.split_once("Not in these flows:").expect("a list");
    assert!(
        absent.contains("AS to AS"),
        "lists without values are named"
    );
}

#[test]
fn totals_are_those_of_the_files() {
    let path = fixtures("archive");
    let data = data(&page(&path));
    assert_eq!(
        (&data["flows"], &data["packets"], &data["bytes"]),
        (&419.into(), &1182.into(), &245_869.into())
    );
    let time = &data["time"];
    let classes = time["points"]["bytes"].as_array().expect("classes");
    let points = classes
        .iter()
        .flat_map(|class| class.as_array().expect("points"));
    let inside: u64 = points.map(|point| point.as_u64().expect("a number")).sum();
    assert_eq!(
        inside + time["bytes_outside"].as_u64().expect("a number"),
        245_869
    );
    assert!(page(&path).contains("No damage found in 3 files."));
}

#[test]
fn threads_make_no_difference() {
    for path in [fixtures("archive"), fixtures("router"), made::folder()] {
        let scan = Scan::directory(&path).expect("a folder");
        let options = Options::new(["x"]);
        let one = page_of(&scan, &options);
        for threads in [2, 5] {
            let scan = scan
                .clone()
                .threads(NonZeroUsize::new(threads).expect("not 0"));
            assert!(
                page_of(&scan, &options) == one,
                "{} with {threads} threads",
                path.display()
            );
        }
    }
}

#[test]
fn little_memory_makes_no_difference() {
    let scan = Scan::directory(made::folder()).expect("a folder");
    let options = Options::new(["x"]);
    let few = options.clone().memory(1 << 16, None);
    assert!(page_of(&scan, &few) == page_of(&scan, &options));
}

#[test]
fn findings_have_a_rule_and_a_filter_that_selects() {
    let path = made::folder();
    let scan = Scan::directory(&path).expect("a folder");
    let page = page(&path);
    let data = data(&page);
    let findings = data["findings"].as_array().expect("findings");
    let names: Vec<&str> = findings
        .iter()
        .map(|found| found["id"].as_str().expect("a name"))
        .collect();
    let expected = [
        "horizontal_scan",
        "vertical_scan",
        "syn_flood",
        "dns_to_many",
        "amplification",
        "regular",
        "long",
        "one_sided",
    ];
    assert_eq!(names, expected);
    for found in findings {
        let filters = found["filters"].as_array().expect("filters");
        assert!(!filters.is_empty());
        for filter in filters {
            let filter = filter.as_str().expect("text");
            assert!(sums(&scan, filter)[0] > 0, "{filter} selects nothing");
        }
    }
    for words in [
        "203.0.113.9 → port 445",
        "60 destinations",
        "one each 1 min",
        "no request seen",
        "2 h",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn ordinary_traffic_has_no_findings() {
    let data = data(&page(&fixtures("router")));
    // Half of these flows were made without answers.
    let names = data["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|found| &found["id"]);
    assert_eq!(names.collect::<Vec<_>>(), ["one_sided"]);
}

/// What is in files is text, whatever it looks like.
#[test]
fn hostile_names_stay_text() {
    let page = page(&made::folder());
    for hostile in made::HOSTILE {
        assert!(!page.contains(hostile), "{hostile} is in the page as it is");
    }
    assert_eq!(page.matches("<script").count(), 2, "the page's own scripts");
    assert_eq!(page.matches("</script").count(), 2);
    assert!(
        page.contains("&#60;img src=x onerror=alert(1)&#62;"),
        "it is shown escaped"
    );
    let data = data(&page);
    let names = data["lists"]["tls_names"]["rows"].as_array().expect("rows");
    assert!(names.iter().any(|row| {
        row[0]
            .as_str()
            .is_some_and(|name| name.contains("</script>"))
    }));
    let options = Options::new(["</title><script>alert(1)</script>", "'; rm -rf / #"])
        .title(Some("</title><script>alert(2)</script>".to_owned()))
        .filter(Some("ident '<b>'".to_owned()));
    let scan = Scan::directory(fixtures("archive")).expect("a folder");
    let page = page_of(&scan, &options);
    assert_eq!(page.matches("<script").count(), 2);
    assert!(!page.contains("<b>"));
    assert!(
        page.contains("&#39;&#39;\\&#39;&#39;; rm -rf / #&#39;"),
        "paths are quoted for a shell"
    );
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    for path in [fixtures("archive"), made::folder()] {
        let page = page(&path);
        assert!(page.starts_with("<!doctype html>"));
        assert!(page.contains("default-src &#39;none&#39;; style-src &#39;sha256-"));
        let (head, _) = page.split_once("<body>").expect("a body");
        for word in ["http:", "https:", "@import", "url(", "<link", "<iframe"] {
            assert!(!head.contains(word), "{word}");
        }
        for word in [
            " style=",
            " onclick=",
            "<img ",
            "<link",
            "<iframe",
            "<object",
        ] {
            assert!(!page.contains(word), "{word}");
        }
    }
}

#[test]
fn damage_and_missing_files_are_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(fixtures("archive/nfcapd.202611241330")).expect("a file");
    for minute in ["00", "05", "10", "20", "25"] {
        let bytes = match minute {
            "10" => &whole[..whole.len() / 2],
            _ => &whole[..],
        };
        std::fs::write(
            folder.path().join(format!("nfcapd.2026112413{minute}")),
            bytes,
        )
        .expect("written");
    }
    let page = page(folder.path());
    assert!(page.contains("<strong>Damaged</strong>"), "damage");
    assert!(page.contains("nfcapd.202611241310"), "which file");
    assert!(
        page.contains("1 between nfcapd.202611241310 and nfcapd.202611241320"),
        "a missing file"
    );
    let data = data(&page);
    assert_eq!(data["missing_files"], 1);
    assert!(data["damage"].as_u64().is_some_and(|count| count > 0));
}

#[test]
fn a_page_is_small_whatever_is_in_the_files() {
    let folder = made::many_long_names();
    let scan = Scan::directory(folder.path()).expect("a folder");
    let page = page_of(&scan, &Options::new(["x".repeat(5000)]).top(100));
    assert!(page.len() <= SIZE_MAX, "{}", page.len());
    assert!(page.contains("<strong>Shortened</strong>"));
    assert!(page.len() > SIZE_MAX / 2);
}

#[test]
fn no_flows_are_no_problem() {
    let scan = Scan::directory(fixtures("archive"))
        .expect("a folder")
        .filter("proto 99")
        .expect("a filter");
    let page = page_of(
        &scan,
        &Options::new(["x"]).filter(Some("proto 99".to_owned())),
    );
    assert!(page.contains("There are no flows with times."));
    assert_eq!(data(&page)["flows"], 0);
}

#[test]
fn impossible_times_leave_the_chart_readable() {
    let page = page(&made::folder());
    assert!(
        page.contains("Not in the chart: 2 flows"),
        "the flow of 1970, and one of two hours, are counted"
    );
    let data = data(&page);
    let time = &data["time"];
    let points = time["points"]["flows"][0].as_array().expect("points").len() as u64;
    let span = points * time["interval"].as_u64().expect("a length");
    assert!(span < 24 * 3_600_000, "{span} ms");
}

#[test]
fn keys_of_lists_are_fields() {
    for (_, list) in data(&page(&made::folder()))["lists"]
        .as_object()
        .expect("lists")
    {
        for key in list["keys"].as_array().expect("keys") {
            nfdecode::aggregate::Key::parse(key.as_str().expect("text")).expect("a field");
        }
    }
    // `FieldValue` is what labels are made of.
    assert_eq!(FieldValue::from(7_u8).to_string(), "7");
}
