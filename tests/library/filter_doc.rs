//! The tables in `docs/filter.md` are made from the tables of terms and must be current.

use crate::support;
use std::fmt::Write as _;

use nfdecode::element;
use nfdecode::filter::terms::{AddressTerm, MacTerm, NumberTerm, OtherTerm};

const BEGIN: &str = "<!-- made by tests/filter_doc.rs: begin -->\n";
const END: &str = "<!-- made by tests/filter_doc.rs: end -->\n";

/// `in_bytes (1)`: the accessors, each with its element.
fn fields<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let shown = names.map(|name| {
        let element = element::elements()
            .iter()
            .find(|element| element.fields.iter().any(|field| field.name == name));
        let id = element.expect("a field of the element table").id;
        format!("`{name}` ({id})")
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        "record or file".to_owned()
    } else {
        shown.join(", ")
    }
}

fn page() -> String {
    let mut page = String::from(
        "| term | accepts | range | reads (element) | meaning |\n|---|---|---|---|---|\n",
    );
    for term in OtherTerm::all() {
        writeln!(
            page,
            "| `{}` | | | {} | {} |",
            term.syntax,
            fields(term.fields.iter().copied()),
            term.doc
        )
        .expect("a String");
    }
    for term in NumberTerm::all() {
        let written: Vec<String> = term.syntax.iter().map(|text| format!("`{text}`")).collect();
        let accepts = match (term.compare, term.list) {
            (true, true) => "comparator, list",
            (true, false) => "comparator",
            _ => "equality",
        };
        let range = if term.max == u64::MAX {
            "64 bits".to_owned()
        } else {
            format!("0–{}", term.max)
        };
        writeln!(
            page,
            "| {} | {accepts} | {range} | {} | {} |",
            written.join(", "),
            fields(term.fields.iter().copied()),
            term.doc.trim()
        )
        .expect("a String");
    }
    for side in AddressTerm::all() {
        let before = match side.syntax {
            "" => String::new(),
            syntax => format!("{syntax} "),
        };
        let list = if side.list { ", list" } else { "" };
        let names = side.fields.iter().flat_map(|(v4, v6)| [*v4, *v6]);
        writeln!(
            page,
            "| `{before}ip`, `{before}net` | address or network{list} | | {} | {} |",
            fields(names),
            side.doc.trim()
        )
        .expect("a String");
    }
    for term in MacTerm::all() {
        let before = match term.syntax {
            "" => String::new(),
            syntax => format!("{syntax} "),
        };
        writeln!(
            page,
            "| `{before}mac` | MAC address | | {} | {} |",
            fields(term.fields.iter().copied()),
            term.doc.trim()
        )
        .expect("a String");
    }
    page
}

#[test]
fn table_of_terms_is_current() {
    let path = crate::support::root().join("docs/filter.md");
    let kept = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = kept.split_once(BEGIN).expect("the beginning of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let page = format!("{before}{BEGIN}{}{END}{after}", page());
    support::assert_page("filter.md", &page, "filter_doc");
}
