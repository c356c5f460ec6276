//! Filters against the given rows, and against nfdump 1.7.10.

use crate::support;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::writer::{self, Encoding, FlowRecord};
use nfdecode::Filter;
use nfdecode::Timestamp;
use nfdecode::filter::{
    Compare, Expr, FilterError, FilterErrorKind, Includes, MacSide, Mpls, Number, Options,
    PayloadSide, Scope, Side, TimeError,
};
use nfdecode::value::MacAddr;
use nfdecode::value::Zone;
use nfdecode::{Block, File};

fn options() -> Options {
    Options::new().with_zone(Zone::utc())
}

fn parse(text: &str) -> Result<Filter, FilterError> {
    options().parse(text)
}

/// A file with its blocks decoded.
struct Decoded {
    file: File,
    blocks: Vec<Block>,
}

impl Decoded {
    fn new(file: File) -> Self {
        let blocks = file.blocks().map(|block| block.expect("a sound block"));
        let blocks = blocks.collect();
        Self { file, blocks }
    }
}

/// Flows that are selected, with all ways of asking.
fn count(filter: &Filter, files: &[&Decoded]) -> u64 {
    /// Asking slowly is for small blocks.
    const SMALL: usize = 4000;
    let (mut records_before, mut total) = (0, 0);
    let mut selected = Vec::new();
    for Decoded { file, blocks } in files {
        let mut here = 0;
        for block in blocks {
            let scope = Scope::new(file.ident()).with_records_before(records_before);
            filter.select(block, scope, &mut selected);
            if !filter.needs_count() && block.len() < SMALL {
                let asked = block.flows().enumerate();
                let asked = asked.filter(|(_, flow)| filter.matches_in(flow, scope, 0));
                let asked = asked.map(|(index, _)| index as u32);
                assert!(
                    asked.eq(selected.iter().copied()),
                    "{filter}: select and matches disagree"
                );
                let copies = block.flows().map(|flow| flow.to_owned_flow());
                let copies = copies.filter(|flow| filter.matches_in(&flow.view(), scope, 0));
                assert_eq!(copies.count(), selected.len(), "{filter}: copies of flows");
            }
            here += selected.len() as u64;
            records_before += block.numbered_records();
        }
        assert!(here == 0 || filter.may_select(file), "{filter}: skipped");
        total += here;
    }
    total
}

struct Row {
    file: String,
    expression: String,
    expected: String,
    recommended: Option<String>,
}

/// The rows of a CSV file with quoted fields.
fn rows(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).expect("the rows are readable");
    let mut records = vec![vec![String::new()]];
    let mut quoted = false;
    for c in text.chars() {
        let record = records.last_mut().expect("one");
        let field = record.last_mut().expect("one");
        match c {
            '"' => {
                // A quote in a quoted field is written twice.
                if !quoted && !field.is_empty() {
                    field.push('"');
                }
                quoted = !quoted;
            }
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    let rows = records
        .into_iter()
        .skip(1)
        .filter(|record| record.len() == 4);
    rows.map(|record| {
        let recommended = record[3].split("recommended=").nth(1);
        let recommended = recommended.map(|rest| {
            let end = rest.find([' ', ';']).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        Row {
            file: record[0].clone(),
            expression: record[1].clone(),
            expected: record[2].clone(),
            recommended,
        }
    })
    .collect()
}

fn data(name: &str) -> Option<PathBuf> {
    let folder = support::test_data("filter")?;
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    support::test_data("nfcapd/layout1").map(|folder| folder.join("found-isp-100k-bz2"))
}

/// What we do on purpose where the row has nfdump's answer.
fn ours(row: &Row) -> Option<&str> {
    match row.expression.as_str() {
        // D10: equality only, and no sentinel.
        "mpls any > 5" => Some("error"),
        "mpls eos 0xff000000" => Some("0"),
        // D23: the name without the parenthesis.
        "pf reason memory" => Some("1"),
        _ => row.recommended.as_deref(),
    }
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn given_rows() {
    let Some(folder) = support::test_data("filter") else {
        return;
    };
    let (mut checked, mut wrong) = (0, Vec::new());
    let mut files: HashMap<String, Decoded> = HashMap::new();
    for row in rows(&folder.join("filter-cases.csv")) {
        let Some(path) = data(&row.file) else {
            continue;
        };
        let file = files
            .entry(row.file.clone())
            .or_insert_with(|| Decoded::new(File::open(&path).expect("a file")));
        let needs_database = ["geo BR", "ip tor"].contains(&row.expression.as_str());
        if needs_database {
            let error = parse(&row.expression).expect_err("a database is needed");
            assert_eq!(error.kind(), FilterErrorKind::NeedsDatabase);
        }
        // As nfdump without databases.
        let found = match options().with_unknown_places().parse(&row.expression) {
            Ok(filter) => {
                let again = parse(&filter.to_string());
                if !needs_database {
                    assert_eq!(again.as_ref(), Ok(&filter), "{} as text", row.expression);
                }
                count(&filter, &[file]).to_string()
            }
            Err(_) => "error".to_owned(),
        };
        let expected = ours(&row).unwrap_or(&row.expected);
        checked += 1;
        if found != expected {
            wrong.push(format!(
                "{} `{}`: expected {expected}, found {found}",
                row.file, row.expression
            ));
        }
    }
    println!("{checked} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(checked, 609);
}

/// A file with one flow of these elements.
fn flow(elements: &[(u16, Vec<u8>)]) -> Decoded {
    let record = FlowRecord {
        elements: elements.to_vec(),
        ..FlowRecord::default()
    };
    let bytes = support::writer::file(Encoding::None, Some("one"), &[vec![record.bytes()]]);
    Decoded::new(File::from_bytes(bytes).expect("a file"))
}

/// Element 1 with protocol and ports.
fn generic(proto: u8, ports: [u16; 2]) -> (u16, Vec<u8>) {
    let mut payload = vec![0; 48];
    payload[40..42].copy_from_slice(&ports[0].to_le_bytes());
    payload[42..44].copy_from_slice(&ports[1].to_le_bytes());
    payload[44] = proto;
    (1, payload)
}

fn selects(text: &str, file: &Decoded) -> bool {
    let filter = parse(text).unwrap_or_else(|error| panic!("{error}"));
    count(&filter, &[file]) == 1
}

#[test]
fn deviations() {
    let tcp = flow(&[generic(6, [1024, 53]), (29, b"\x01".to_vec())]);
    // F-1
    for text in ["", " ", "\n", "# x", " # x\n\t"] {
        assert!(selects(text, &tcp), "{text:?}");
    }
    // F-7, F-8, F-14, F-18
    for text in [
        "mpls label10 1",
        "mpls exp99999999 1",
        "mpls label-1 1",
        "mpls any > 1",
        "any \u{E9} and not any",
        "any \r\nand any",
        "asa user 'M\u{FC}ller'",
        "pf dir both",
        "pf dir nat",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    let stack = flow(&[(14, vec![0x10; 40])]);
    assert!(!selects("mpls eos > 0", &stack));
    assert!(!selects("mpls eos 0xff000000", &stack));
    // F-19
    assert!(!selects("payload dns defined", &tcp));
    // F-20
    let error = parse("ip www.example.org").expect_err("a name");
    assert_eq!(error.kind(), FilterErrorKind::HostName);
    // F-22
    let mut old = vec![0; 24];
    old[20] = 4;
    assert!(selects("nat event add44", &flow(&[(25, old)])));
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn deviations_in_the_reference_data() {
    let Some(folder) = support::test_data("filter") else {
        return;
    };
    let synth = Decoded::new(File::open(folder.join("synth.nf")).expect("a file"));
    for (text, expected) in [
        // F-11
        ("payload regex 'GET|POST'", 1),
        (r"payload regex '\r\n'", 2),
        // F-13
        (
            "payload ja4 defined and payload ja3 11138d9933242c3a03b6aad35a296476",
            2,
        ),
        ("any \n and proto tcp", 45),
        ("any # c \n and proto tcp", 45),
        ("any\tand\tproto\ttcp", 45),
    ] {
        let filter = parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(count(&filter, &[&synth]), expected, "{text}");
    }
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn running_numbers_go_on_over_files() {
    let Some(folder) = support::test_data("filter") else {
        return;
    };
    let open = |name: &str| Decoded::new(File::open(folder.join(name)).expect("a file"));
    let files = [open("nfgen.nf"), open("synth.nf")];
    let files = [&files[0], &files[1]];
    for (text, expected) in [("count 36", 1), ("count > 35", 60), ("count < 36", 35)] {
        let filter = parse(text).expect("a filter");
        assert_eq!(count(&filter, &files), expected, "{text}");
    }
}

#[test]
fn included_files() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("written");
    let include = |name: &str, options: &Options| {
        options.parse(&format!("not @include {}", path(name).display()))
    };
    let anywhere = options().with_includes(Includes::Anywhere);
    let below = options().with_includes(Includes::Below(folder.path().into()));
    write("f", "proto tcp");
    assert_eq!(include("f", &anywhere), parse("not proto tcp"));
    assert_eq!(include("f", &below), parse("not proto tcp"));
    assert_eq!(below.parse("(@include f )"), parse("proto tcp"));
    assert_eq!(
        below
            .parse("ip in [@include list\n]")
            .map_err(|error| error.kind()),
        Err(FilterErrorKind::Include)
    );
    write(
        "list",
        "10.0.0.1, 10.0.0.2\n# the last\n10.0.0.3/32\0 rubbish",
    );
    assert_eq!(
        below.parse("ip in [@include list\n]"),
        parse("ip in [10.0.0.1 10.0.0.2 10.0.0.3]")
    );
    // A name goes on to the next blank.
    for (text, kind) in [
        ("(@include f)", FilterErrorKind::Include),
        ("@include ../f", FilterErrorKind::Include),
        ("@include /etc/passwd", FilterErrorKind::Include),
        ("@include .", FilterErrorKind::Include),
    ] {
        let error = below.parse(text).expect_err(text);
        assert_eq!(error.kind(), kind, "{text}");
    }
    assert_eq!(
        include("f", &options()).map_err(|error| error.kind()),
        Err(FilterErrorKind::Include)
    );
    // F-15
    write("circle", "any and @include circle");
    let error = below.parse("@include circle").expect_err("a circle");
    assert_eq!(error.kind(), FilterErrorKind::Include);
    for level in 0..11 {
        write(
            &format!("level{level}"),
            &format!("@include level{}", level + 1),
        );
    }
    write("level11", "proto tcp");
    assert_eq!(below.parse("@include level2"), parse("proto tcp"));
    let error = below.parse("@include level1").expect_err("too deep");
    assert_eq!(error.kind(), FilterErrorKind::Limit);
    // The place of a mistake is in the file.
    write("wrong", "any and\n  prot tcp");
    let error = below.parse("@include wrong").expect_err("a mistake");
    assert_eq!(
        (error.file(), error.position()),
        (Some("wrong"), Some((2, 3)))
    );
    assert_eq!(below.parse_file(path("f")), parse("proto tcp"));
    assert!(below.parse_file(folder.path()).is_err());
}

#[test]
fn host_names() {
    let resolver = |name: &str| -> std::io::Result<Vec<IpAddr>> {
        match name {
            "one" => Ok(vec!["192.0.2.1".parse().expect("an address")]),
            "two" => Ok(vec![
                "192.0.2.1".parse().expect("an address"),
                "2001:db8::1".parse().expect("an address"),
            ]),
            _ => Ok(Vec::new()),
        }
    };
    let options = options().with_resolver(Arc::new(resolver));
    assert_eq!(options.parse("src ip one"), parse("src ip 192.0.2.1"));
    assert_eq!(
        options.parse("ip two"),
        parse("ip in [192.0.2.1 2001:db8::1]")
    );
    assert_eq!(
        options.parse("dst ip in [two 10.0.0.1]"),
        parse("dst ip in [192.0.2.1 2001:db8::1 10.0.0.1]")
    );
    for text in ["ip nobody", "next ip one", "net one/24"] {
        let error = options.parse(text).expect_err(text);
        assert_eq!(error.kind(), FilterErrorKind::HostName, "{text}");
    }
}

/// Message, place and suggestion.
#[test]
fn errors_show_the_place() {
    let error = parse("proto tcp and\n  dst prt 443").expect_err("a mistake");
    assert_eq!(error.position(), Some((2, 7)));
    assert_eq!(error.span(), Some(20..23));
    assert_eq!(
        error.to_string(),
        "expected a term after `dst` (`ip`, `net`, `port`, `tos`, `as`, `mask`, `vlan`, `mac`), found `prt`\n \
         --> filter:2:7\n  |\n2 |   dst prt 443\n  |       ^^^\n  = did you mean `dst port`?"
    );
    for (text, place, help) in [
        ("dstport 443", 1, "did you mean `dst port`?"),
        ("dst-port 443", 1, "did you mean `dst port`?"),
        ("sport 443", 1, "did you mean `src port`?"),
        ("inet6", 1, "did you mean `ipv6`?"),
        ("portt 80", 1, "did you mean `port`?"),
        ("any && any", 5, "write `and`"),
        ("any || any", 5, "write `or`"),
        (
            "port=53",
            1,
            "`=` is part of a word unless there are blanks around it",
        ),
        (
            "port =53",
            6,
            "`=` is part of a word unless there are blanks around it",
        ),
        (
            "port != 53",
            6,
            "there is no `!=`: write `not` before the whole term, as in `not port 80`",
        ),
        ("proto icmpv6", 7, "did you mean `icmp6`?"),
        (
            "flags AS",
            7,
            "this is a keyword: write the letters in another order, or in quotes",
        ),
        ("ip 10.0.0.0/8", 12, "did you mean `net 10.0.0.0/…`?"),
        ("fwdstat frw", 9, "did you mean `Forw`?"),
        ("asa evnt denied", 5, "did you mean `asa event`?"),
        ("payload tsl defined", 9, "did you mean `payload tls`?"),
        ("icmp typ 8", 6, "did you mean `icmp type`?"),
        (
            "first seen > 2026-01-01T00:00:00Z",
            14,
            "times are in the local zone, without `Z` or offset",
        ),
        (
            "net 10.1/16",
            5,
            "write all four numbers, as in 192.168.0.0/16",
        ),
        ("if > 9", 4, "only equality can be tested, without `=`"),
        ("acl 1", 1, "known terms: `ingress acl`, `egress acl`"),
        ("ident count", 7, "this is a keyword: write it in quotes"),
        ("tcp", 1, "did you mean `proto tcp`?"),
        ("gre", 1, "did you mean `proto gre`?"),
        // tcpdump and Wireshark
        ("tcp port 80", 1, "did you mean `proto tcp`?"),
        ("host 1.2.3.4 && port 80", 14, "write `and`"),
        (
            "portrange 1-1024",
            1,
            "did you mean `port >= LOW and port <= HIGH`?",
        ),
        ("ip proto 6", 4, "leave out the word before `proto`"),
        ("ip.src==10.0.0.1", 1, "did you mean `src ip 10.0.0.1`?"),
        ("tcp.port == 80", 1, "did you mean `proto tcp and port`?"),
        (
            "udp.dstport==53",
            1,
            "did you mean `proto udp and dst port 53`?",
        ),
        ("tcp.flags.syn==1", 1, "did you mean `flags S`?"),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(
            (error.position(), error.suggestion()),
            (Some((1, place)), Some(help)),
            "{text}: {error}"
        );
    }
    let unknown = parse("any and tcp").expect_err("no term");
    assert_eq!(unknown.message(), "unknown filter term `tcp`");
    let unknown = parse("ip.src==10.0.0.1").expect_err("no term");
    assert_eq!(unknown.message(), "unknown filter term `ip.src`");
    // A long line is shown in part.
    let text = "any and ".repeat(1000) + "prt 80" + &" and any".repeat(1000);
    let shown = parse(&text).expect_err("a mistake").to_string();
    assert!(shown.contains("… ") && shown.len() < 500, "{shown}");
}

/// Each kind of term, built and written.
#[test]
fn what_can_be_written_can_be_built() {
    let v4: IpAddr = "192.0.2.1".parse().expect("an address");
    let v6: IpAddr = "2001:db8::1".parse().expect("an address");
    let mac = MacAddr([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
    for (expr, text) in [
        (Expr::any(), "any"),
        (Expr::ipv4() | !Expr::ipv6(), "ipv4 or not ipv6"),
        (Expr::ident("x"), "ident x"),
        (
            Expr::number(Number::Bytes, Compare::GreaterOrEqual, 1_000_000),
            "bytes >= 1m",
        ),
        (
            Expr::time(
                Number::FirstSeen,
                Compare::Less,
                Timestamp::from_millis(1_700_000_000_000),
            ),
            "first seen < 2023-11-14T22:13:20",
        ),
        (
            Expr::number_in(Number::Port, [443, 80, 80]),
            "port in [80 443]",
        ),
        (Expr::address(Side::Src, v4), "src ip 192.0.2.1"),
        (
            Expr::network(Side::BgpNext, v6, 32),
            "bgp next net 2001:db8::/32",
        ),
        (
            Expr::masked(Side::Any, [192, 0, 2, 1].into(), [255, 0, 255, 0].into()),
            "net 192.0.2.1 255.0.255.0",
        ),
        (
            Expr::address_in(Side::DstNat, [(v6, 64), (v4, 32)]),
            "dst nat ip in [192.0.2.1 2001:db8::/64]",
        ),
        (Expr::flags(0x12), "flags SA"),
        (Expr::flags_exactly(0x02), "flags =S"),
        (Expr::ttl_equal(), "ttl equal"),
        (
            Expr::port_in_block(Number::SrcPort),
            "src port in nat pblock",
        ),
        (
            Expr::mpls(Mpls::Label(3), Compare::Greater, 5),
            "mpls label3 > 5",
        ),
        (
            Expr::mpls(Mpls::TrafficClass(0), Compare::Equal, 5),
            "mpls exp0 5",
        ),
        (Expr::mpls(Mpls::Any, Compare::Equal, 5), "mpls any 5"),
        (
            Expr::mpls(Mpls::Bottom, Compare::LessOrEqual, 5),
            "mpls eos <= 5",
        ),
        (
            Expr::mac(MacSide::InSrc, mac),
            "in src mac 00:11:22:33:44:55",
        ),
        (Expr::user("bob"), "asa user bob"),
        (Expr::pf_interface("em0"), "pf interface em0"),
        (
            Expr::payload_content("a b").expect("a text"),
            "payload content 'a b'",
        ),
        (
            Expr::payload_regex("^a", "im").expect("a pattern"),
            "payload regex '^a' im",
        ),
        (Expr::dns(PayloadSide::Out), "out payload dns defined"),
        (
            Expr::dns_name(PayloadSide::In, "org."),
            "payload dns name org.",
        ),
        (
            Expr::dns_address(PayloadSide::In, "192."),
            "payload dns addr 192.",
        ),
        (Expr::tls(), "payload ssl defined"),
        (Expr::tls_version(0x0303), "payload tls version 1.2"),
        (Expr::tls_version(0x0300), "payload ssl version 3.0"),
        (Expr::tls_server_name("org"), "payload tls sni org"),
        (Expr::ja3(None), "payload ja3 defined"),
        (
            Expr::ja3(Some("11138d9933242c3a03b6aad35a296476")),
            "payload ja3 11138d9933242c3a03b6aad35a296476",
        ),
        (Expr::ja4(None), "payload ja4 defined"),
        (
            Expr::ja4(Some("t12d0306h2_5559582ccdc4_fb71836bce29")),
            "payload ja4 t12d0306h2_5559582ccdc4_fb71836bce29",
        ),
        (
            Expr::all([Expr::ipv4(), Expr::one_of([Expr::tls(), Expr::any()])]),
            "ipv4 and (payload tls defined or any)",
        ),
        (!Expr::all([]), "not any"),
        (Expr::one_of([]), "not any"),
    ] {
        let built = Filter::build(expr).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parse(text).as_ref(), Ok(&built), "{text}");
        assert_eq!(parse(&built.to_string()).as_ref(), Ok(&built), "{built}");
    }
    for expr in [
        Expr::number(Number::Port, Compare::Equal, 65_536),
        Expr::number(Number::Vlan, Compare::Greater, 1),
        Expr::number_in(Number::Port, []),
        Expr::number_in(Number::Bytes, [1]),
        Expr::network(Side::Any, v4, 33),
        Expr::address_in(Side::Router, [(v4, 32)]),
        Expr::address_in(Side::Any, [(v4, 33)]),
        Expr::address_in(Side::Any, []),
        Expr::ident("a.b"),
        Expr::mpls(Mpls::Label(10), Compare::Equal, 1),
        Expr::port_in_block(Number::Bytes),
        Expr::ja3(Some("x")),
        !Expr::user(&"x".repeat(66)),
    ] {
        assert!(Filter::build(expr.clone()).is_err(), "{expr}");
    }
}

#[test]
fn filters_are_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Filter>();
    is_shared::<Expr>();
    is_shared::<FilterError>();
    is_shared::<Options>();
    is_shared::<Scope<'static>>();
    is_shared::<TimeError>();
}

fn time(number: Number, compare: Compare, millis: u64) -> Expr {
    Expr::time(number, compare, Timestamp::from_millis(millis))
}

/// Statistics without times of flows are ignored, as in files of firewall events alone, whose times are
/// the bounds of their slot.
#[test]
fn statistics_without_times_of_flows() {
    let with = |first: u64, last: u64| {
        let mut bytes = writer::file(Encoding::None, None, &[]);
        writer::set_times(&mut bytes, first, last);
        File::from_bytes(bytes).expect("a file")
    };
    let filter = Filter::build(time(Number::LastSeen, Compare::Greater, 1 << 40));
    let filter = filter.expect("a filter");
    for (first, last, expected) in [
        (1001, 2000, false),
        (1000, 2001, false),
        (1000, 2000, true),
        (1001, 1001, true),
        (2001, 1001, true),
        (0, 1001, true),
        (1001, 0, true),
    ] {
        assert_eq!(
            filter.may_select(&with(first, last)),
            expected,
            "{first} {last}"
        );
    }
}

/// No collector's file is skipped for the time of its first flow, or of its last one.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn files_of_collectors_are_not_skipped() {
    let Some(folder) = support::test_data("nfcapd") else {
        return;
    };
    let (mut files, mut misleading) = (0, 0);
    for path in support::files_below(&folder) {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        let flows = || file.flows().filter_map(Result::ok);
        let first = flows().filter_map(|flow| flow.view().first()).min();
        let last = flows().filter_map(|flow| flow.view().last()).max();
        let (Some(first), Some(last)) = (first, last) else {
            continue;
        };
        let statistics = file.statistics().unwrap_or_default();
        files += 1;
        misleading += usize::from(
            statistics.first_seen.is_some_and(|told| told > first)
                || statistics.last_seen.is_some_and(|told| told < last),
        );
        let (first, last) = (first.as_millis(), last.as_millis());
        for expr in [
            time(Number::FirstSeen, Compare::LessOrEqual, first),
            time(Number::LastSeen, Compare::GreaterOrEqual, last),
        ] {
            let filter = Filter::build(expr).expect("a filter");
            assert!(filter.may_select(&file), "{}: {filter}", path.display());
        }
    }
    assert!(files > 200 && misleading > 50, "{files} {misleading}");
}

/// A file is skipped only if nothing in it can be selected.
#[test]
fn files_are_skipped_by_their_statistics() {
    let path = crate::support::root().join("tests/fixtures/archive");
    let file = File::open(path.join("nfcapd.202611241335")).expect("a file");
    let statistics = file.statistics().expect("statistics");
    let times = [statistics.first_seen, statistics.last_seen];
    let [Some(first), Some(last)] = times.map(|time| time.map(Timestamp::as_millis)) else {
        panic!("a file with times");
    };
    // Collectors do not count the times of NAT events, which may be outside of these bounds.
    let (first, last) = (first - 3_600_000, last + 3_600_000);
    for (expr, expected) in [
        (time(Number::LastSeen, Compare::GreaterOrEqual, last), true),
        (time(Number::LastSeen, Compare::Greater, last), false),
        (time(Number::FirstSeen, Compare::Less, first), false),
        (time(Number::FirstSeen, Compare::LessOrEqual, first), true),
        (!time(Number::FirstSeen, Compare::Less, first), true),
        (
            Expr::tls() & time(Number::FirstSeen, Compare::Less, first),
            false,
        ),
        (
            Expr::tls() | time(Number::FirstSeen, Compare::Less, first),
            true,
        ),
        (Expr::ident("other"), false),
        (!Expr::ident("other"), true),
        (!Expr::any(), false),
    ] {
        let filter = Filter::build(expr).expect("a filter");
        assert_eq!(filter.may_select(&file), expected, "{filter}");
    }
}
