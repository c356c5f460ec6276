//! The element table is the only place that knows ids and offsets, and what must agree with it does.

use std::fs;
use std::path::Path;

use nfdecode::element;

use crate::support;

/// Files that may have numbers that look like ids or offsets, with the reason.
const ALLOWED: &[(&str, &str)] = &[
    ("src/flow/table.rs", "the table itself"),
    (
        "src/file/",
        "records that are not flows: exporters, samplers, names",
    ),
    ("src/raw.rs", "the C interface has no elements"),
    (
        "src/flow/places.rs",
        "the walk over a record: its type and its count of elements",
    ),
    ("src/columns/decoder.rs", "headers of files and blocks"),
];

/// The last argument of the call that begins at `open`, the index of its parenthesis, if it ends in the line.
fn last_argument(line: &str, open: usize) -> Option<&str> {
    let (mut depth, mut start) = (0, open + 1);
    for (at, letter) in line.char_indices().skip_while(|(at, _)| *at < open) {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => {
                depth -= 1;
                if depth == 0 {
                    return line.get(start..at).map(str::trim);
                }
            }
            ',' if depth == 1 => start = at + 1,
            _ => {}
        }
    }
    None
}

/// Whether a line reads an element or a field by a number.
fn has_literal(line: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let calls = |name: &str| {
        let ends = line.match_indices(name).map(|(at, _)| at + name.len() - 1);
        ends.collect::<Vec<_>>()
    };
    let read_by_number = [
        "u8_at(", "u16_at(", "u32_at(", "u64_at(", "ip4_at(", "ip6_at(", "acl_at(",
    ]
    .into_iter()
    .chain([
        "element(",
        "payload(",
        "first_seen_at(",
        "nat_offset(",
        ">(",
    ])
    .flat_map(calls)
    .filter_map(|open| last_argument(line, open))
    .any(is_number);
    let bit_of_element = line.contains("elements() >> 1") || line.contains("elements() & 1 <<");
    read_by_number || bit_of_element
}

#[test]
fn no_other_file_has_ids_or_offsets() {
    let root = support::root();
    let mut found = Vec::new();
    for path in support::files_below(&root.join("src")) {
        let name = path.strip_prefix(&root).expect("below the root");
        let name = name.to_string_lossy().into_owned();
        if !name.ends_with(".rs") || ALLOWED.iter().any(|(known, _)| name.starts_with(known)) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for (line, number) in code.lines().zip(1..) {
            if !line.trim_start().starts_with("//") && has_literal(line) {
                found.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "use the constants of src/flow/at.rs:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_search_finds_literals() {
    for line in [
        "let x = flow.element(2)?;",
        "u64_at(row.payload(id::MISC), 8)",
        "payload(15)",
        "flow.first_seen_at(generic, 0)",
        "bytes_at::<4>(payload, 12)",
    ] {
        assert!(has_literal(line), "{line}");
    }
    for line in [
        "flow.element(id::IPV4)?",
        "u8_at(payload, at::proto.offset)",
        "element::element(number)",
        "u32_at(bytes, 4 * entry)",
    ] {
        assert!(!has_literal(line), "{line}");
    }
}

/// Ids that nfdump stores have no gap, up to the highest one that the C library knows.
#[test]
fn the_table_and_the_c_header_have_the_same_ids() {
    let known = u8::try_from(nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2).expect("a byte");
    let ids: Vec<_> = element::elements()
        .iter()
        .map(|element| element.id)
        .collect();
    let stored: Vec<_> = ids.iter().copied().filter(|id| *id <= known).collect();
    assert_eq!(stored, (1..=known).collect::<Vec<_>>());
    let all = u8::try_from(nfdump_sys::NFDUMP_ELEMENT_MAX).expect("a byte");
    assert_eq!(ids.last(), Some(&all));
    let slots = nfdump_sys::NFDUMP_ELEMENT_SLOTS;
    assert!(ids.iter().all(|id| u32::from(*id) < slots));
}

/// The seeds of the fuzzers have every element in its size.
#[test]
fn the_seeds_of_the_fuzzers_have_all_elements() {
    let path = support::root().join("vendor/libnfdump/fuzz/seeds.c");
    if !Path::exists(&path) {
        eprintln!("skipped: the package has no fuzzers");
        return;
    }
    let text = fs::read_to_string(path).expect("seeds.c");
    let (_, list) = text.split_once("element_sizes_2[").expect("the sizes");
    let (_, list) = list.split_once('{').expect("the sizes");
    let (list, _) = list.split_once('}').expect("the sizes");
    let sizes: Vec<usize> = list
        .split(',')
        .map(|size| size.trim().parse().expect("a size"))
        .collect();
    let known = nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as usize;
    assert_eq!(sizes.len(), known + 1, "one size per id, and one for id 0");
    for element in element::elements() {
        if let Some(size) = sizes.get(usize::from(element.id)) {
            let same = element.size == 0 || element.size == *size;
            assert!(same, "element {} has {size} bytes", element.id);
        }
    }
}
