//! `docs/elements.md` is made from the element table and must be current.

use crate::support;
use std::fmt::Write as _;

use nfdecode::element::{self, Condition, FieldKind};

fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Icmp => "protocol 1 or 58",
        Condition::NotIcmp => "protocol not 1 or 58",
        Condition::NonZero => "not 0",
        Condition::AnyTtl => "one of both not 0",
        _ => "",
    }
}

fn page() -> String {
    let mut page = String::from(
        "# What a flow can hold\n\n\
         Made from `src/flow/table.rs` by `cargo xtask generate`; do not edit.\n\n\
         *Accessor* is the method of `Flow`, *key* the name in JSON and NDJSON, *byte* the place in the\n\
         element's payload. Fields are in nfdump's order. Numbers are stored little-endian. Source: the\n\
         description of layout 2, checked against files of nfdump 1.7.0 to 1.7.10.\n",
    );
    for element in element::elements() {
        let size = if element.size == 0 {
            "variable".to_owned()
        } else {
            format!("{} bytes", element.size)
        };
        writeln!(page, "\n## {} {} ({size})\n", element.id, element.name).expect("a String");
        page.push_str(
            "| accessor | key | byte | kind | only if | meaning |\n|---|---|--:|---|---|---|\n",
        );
        for field in element.fields {
            let text_only = matches!(
                field.kind,
                FieldKind::Geo
                    | FieldKind::TlsVersion
                    | FieldKind::TlsSni
                    | FieldKind::TlsJa3
                    | FieldKind::TlsJa4
            );
            let accessor = if text_only {
                String::new()
            } else {
                format!("`{}`", field.name)
            };
            let key = if field.key.is_empty() {
                String::new()
            } else {
                format!("`{}`", field.key)
            };
            // Links to methods mean nothing outside rustdoc.
            let meaning = field
                .doc
                .trim()
                .split(" See also")
                .next()
                .unwrap_or_default();
            writeln!(
                page,
                "| {accessor} | {key} | {} | {:?} | {} | {meaning} |",
                field.offset,
                field.kind,
                condition(field.condition)
            )
            .expect("a String");
        }
    }
    page
}

#[test]
fn elements_page_is_current() {
    support::assert_page("elements.md", &page(), "elements_doc");
}

#[test]
fn element_ids_ascend_and_fields_fit() {
    assert!(
        element::elements()
            .windows(2)
            .all(|pair| pair[0].id < pair[1].id)
    );
    // Those of nfdump without a gap, then ours.
    let ids = (1..=nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2)
        .chain(nfdump_sys::NFDUMP_ELEMENT_WIDE_EXPORTER..=nfdump_sys::NFDUMP_ELEMENT_MAX);
    assert!(
        element::elements()
            .iter()
            .map(|element| u32::from(element.id))
            .eq(ids)
    );
    for element in element::elements() {
        let beyond = element
            .fields
            .iter()
            .find(|field| element.size != 0 && field.offset >= element.size);
        assert!(beyond.is_none(), "element {}: {beyond:?}", element.id);
    }
}
