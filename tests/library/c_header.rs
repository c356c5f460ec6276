//! `nfdump_elements.h` of the C library is generated from the element table and must be current.

use std::fmt::Write as _;

use crate::support;
use nfdecode::element::{self, Condition, Element, Field, FieldKind};

const INTRODUCTION: &str = "\
/*
 * The elements of flows and their fields, as a list for the preprocessor.
 *
 * Generated from the element table of nfdecode by `cargo xtask generate`; do not edit.
 *
 * NFDUMP_FIELDS(FIELD) becomes FIELD(name, element, offset, type, condition) for each field: the id of its
 * element, bytes from the start of the element's payload, and the ends of names in nfdump_fields.h:
 * NFDUMP_TYPE_type and NFDUMP_WHEN_condition.  For example, the offsets of all fields as constants:
 *
 *     #define OFFSET(name, element, offset, type, condition) name##_offset = offset,
 *     enum { NFDUMP_FIELDS(OFFSET) };
 *
 * nfdump_fields() returns the same list at run time.
 */
#ifndef NFDUMP_ELEMENTS_H
#define NFDUMP_ELEMENTS_H

#define NFDUMP_FIELDS(FIELD) \\
";

/// Columns of the header at most.
const WIDTH: usize = 120;

/// The type of a field in C; `None` for what is derived from other fields.
///
/// # Panics
///
/// For a kind that has no counterpart in `nfdump_fields.h` yet.
fn c_type(kind: FieldKind) -> Option<&'static str> {
    Some(match kind {
        FieldKind::U8 | FieldKind::TcpFlags | FieldKind::Fragment | FieldKind::NatEventId => "U8",
        FieldKind::U16 => "U16",
        FieldKind::U32 | FieldKind::NatPool => "U32",
        FieldKind::U64 => "U64",
        FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime => "TIME",
        FieldKind::Micros => "DURATION",
        FieldKind::Ip4 => "IPV4",
        FieldKind::Ip6 => "IPV6",
        FieldKind::Mac => "MAC",
        FieldKind::Mpls => "MPLS",
        FieldKind::Acl => "ACL",
        FieldKind::UserName | FieldKind::Text => "TEXT",
        FieldKind::Bytes => "BYTES",
        // The same bytes as a field that is a number.
        FieldKind::NselEvent | FieldKind::NatEvent => return None,
        // Computed by text outputs.
        FieldKind::SrcNet
        | FieldKind::DstNet
        | FieldKind::Geo
        | FieldKind::TlsVersion
        | FieldKind::TlsSni
        | FieldKind::TlsJa3
        | FieldKind::TlsJa4 => return None,
        other => panic!("{other:?} has no type in nfdump_fields.h"),
    })
}

fn c_condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Always => "ALWAYS",
        Condition::Icmp => "ICMP",
        Condition::NotIcmp => "NOT_ICMP",
        Condition::NonZero => "NOT_ZERO",
        Condition::AnyTtl => "TTL",
        other => panic!("{other:?} has no name in nfdump_fields.h"),
    }
}

fn push_field(header: &mut String, element: &Element, field: &Field, kind: &str) {
    // Links to methods mean nothing outside rustdoc.
    let doc = field.doc.trim().split(" See also").next();
    let doc = doc.unwrap_or_default();
    assert!(
        !doc.contains("*/") && !doc.contains('\n'),
        "not a comment in C: {doc}"
    );
    let Element { id, .. } = element;
    let Field { name, offset, .. } = field;
    let condition = c_condition(field.condition);
    let field = format!("FIELD({name}, {id}, {offset}, {kind}, {condition})");
    if field.len() + doc.len() <= WIDTH - "     /*  */ \\".len() {
        push_line(header, &format!("{field} /* {doc} */"));
        return;
    }
    let mut comment = format!("/* {doc} */");
    while comment.len() > WIDTH - "     \\".len() {
        let end = comment[..WIDTH - "     \\".len()].rfind(' ');
        let rest = comment.split_off(end.expect("words"));
        push_line(header, &comment);
        comment = format!("  {rest}");
    }
    push_line(header, &comment);
    push_line(header, &field);
}

/// A line of the list, which goes on.
fn push_line(header: &mut String, text: &str) {
    writeln!(header, "    {text} \\").expect("a String");
}

fn elements_header() -> String {
    let mut header = String::from(INTRODUCTION);
    for element in element::elements() {
        let size = match element.size {
            0 => "variable size".to_owned(),
            size => format!("{size} bytes"),
        };
        push_line(
            &mut header,
            &format!("/* {} {}, {size} */", element.id, element.name),
        );
        for field in element.fields {
            if let Some(kind) = c_type(field.kind) {
                push_field(&mut header, element, field, kind);
            }
        }
    }
    header.push_str("    /* end */\n\n#endif\n");
    header
}

#[test]
fn c_header_is_current() {
    // Packages have the C library in a package of its own.
    if support::root().join("vendor").is_dir() {
        support::assert_generated(
            "vendor/libnfdump/include/nfdump_elements.h",
            &elements_header(),
            "library c_header",
        );
    }
}

/// `make examples` compares what the examples in C and Python print with this file.
#[test]
fn c_examples_print_what_the_library_reads() {
    let text = |value: Option<String>| value.unwrap_or_default();
    let mut expected =
        String::from("first,last,proto,src_addr,dst_addr,src_port,dst_port,in_packets,in_bytes\n");
    for name in ["202611241330", "202611241335", "202611241340"] {
        let path = support::root().join(format!("tests/fixtures/archive/nfcapd.{name}"));
        let file = nfdecode::File::open(path).expect("an nfcapd file");
        for block in file.blocks() {
            for flow in block.expect("a whole block").flows() {
                let columns = [
                    text(flow.first().map(|time| time.as_millis().to_string())),
                    text(flow.last().map(|time| time.as_millis().to_string())),
                    text(flow.proto().map(|number| number.to_string())),
                    text(flow.src_addr().map(|address| address.to_string())),
                    text(flow.dst_addr().map(|address| address.to_string())),
                    text(flow.src_port().map(|port| port.to_string())),
                    text(flow.dst_port().map(|port| port.to_string())),
                    text(flow.in_packets().map(|number| number.to_string())),
                    text(flow.in_bytes().map(|number| number.to_string())),
                ];
                writeln!(expected, "{}", columns.join(",")).expect("a String");
            }
        }
    }
    let examples = support::root().join("vendor/libnfdump/examples");
    if examples.is_dir() {
        let kept = std::fs::read_to_string(examples.join("flows.expected")).expect("text");
        assert!(kept == expected, "flows.expected is out of date");
    }
}
