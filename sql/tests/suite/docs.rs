//! The queries of `docs/sql.md` run, and its functions are those that there are.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{archive, root};

fn page() -> String {
    fs::read_to_string(root().join("docs/sql.md")).expect("the page")
}

/// The blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    page.split(&start)
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block.to_owned()))
        .collect()
}

/// A folder with what the page talks about.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("archive");
    fs::create_dir(&folder).expect("made");
    for entry in fs::read_dir(archive()).expect("listed").flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("nfcapd.") {
            fs::copy(entry.path(), folder.join(name)).expect("copied");
        }
    }
    let write = |name: &str, text: &str| fs::write(place.path().join(name), text).expect("written");
    write("blocklist.csv", "address,why\n192.0.2.10,test\n");
    write("networks.csv", "network,why\n192.0.2.0/24,test\n");
    write("asn.csv", "number,name\n64496,documentation\n");
    place
}

fn runs(place: &Path, query: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_nfdecode-sql"))
        .current_dir(place)
        .args(["archive", query])
        .output()
        .expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{query}\n{message}");
    assert_eq!(message, "", "{query}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn queries_of_the_page_run() {
    let queries = blocks(&page(), "sql");
    assert!(queries.len() >= 30, "{} queries", queries.len());
    let place = place();
    for query in queries {
        let answer = runs(place.path(), &query);
        assert!(!answer.is_empty(), "{query}");
    }
}

#[test]
fn first_lines_of_the_page_answer() {
    let first = blocks(&page(), "sh").remove(0);
    let line = first.lines().nth(1).expect("a second line");
    let query = line.split('"').nth(1).expect("a query");
    let answer = runs(place().path(), query);
    assert!(
        answer.starts_with("src_addr,bytes\n192.0.2.1,126769\n"),
        "{answer}"
    );
}

#[test]
fn functions_of_the_page_are_those_there_are() {
    let page = page();
    for function in nfdecode_sql::functions() {
        let row = format!(
            "| `{}` | {} | {} |",
            function.syntax, function.doc, function.nulls
        );
        assert!(page.contains(&row), "docs/sql.md lacks: {row}");
    }
}

/// The lines of `docs/cluster.md` that start workers and ask them, with addresses that are free here.
#[cfg(feature = "cluster")]
#[test]
fn first_lines_of_the_page_of_clusters_answer() {
    use crate::workers::Worker;

    let page = fs::read_to_string(root().join("docs/cluster.md")).expect("the page");
    let first = blocks(&page, "sh").remove(0);
    let lines: Vec<&str> = first.lines().collect();
    let [starts @ .., asks] = lines.as_slice() else {
        panic!("no lines");
    };
    let mut started = Vec::new();
    let mut addresses = asks.split(' ').nth(2).expect("addresses").to_owned();
    for line in starts {
        let words: Vec<&str> = line.split(' ').collect();
        let ["nfdecode-sql", "--listen", address, "&"] = words.as_slice() else {
            panic!("{line}");
        };
        let worker = Worker::start(&[]);
        assert!(addresses.contains(address), "{asks}");
        addresses = addresses.replace(address, &worker.address);
        started.push(worker);
    }
    let query = asks.split('"').nth(1).expect("a query");
    let place = place();
    let output = Command::new(env!("CARGO_BIN_EXE_nfdecode-sql"))
        .current_dir(place.path())
        .args(["--workers", &addresses, "archive/", query])
        .output()
        .expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    let answer = String::from_utf8(output.stdout).expect("text");
    assert_eq!(answer, runs(place.path(), query));
    assert_eq!(started.len(), 2);
}
