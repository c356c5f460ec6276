//! The text of an expression: what can be built is read again as the same, what cannot be written
//! cannot be built.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nfdecode::filter::terms::{AddressTerm, MacTerm, NumberTerm};
use nfdecode::filter::{
    Compare, Expr, FilterError, FilterErrorKind, MacSide, Mpls, Number, Options, PayloadSide, Side,
};
use nfdecode::value::{MacAddr, Zone};
use nfdecode::{Filter, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

fn parse(text: &str) -> Result<Filter, FilterError> {
    Options::new().with_zone(Zone::utc()).parse(text)
}

/// Texts that are hard to write, and lengths around the limits.
fn texts() -> BoxedStrategy<String> {
    let pieces = select(vec![
        "'",
        "\"",
        "a",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\u{7F}",
        "\u{FC}",
        "\u{201C}",
        "\\",
        "#",
        "@include x",
        "' or any or asa user '",
        "\" or any or asa user \"",
        "and",
        "not",
        "geo CH",
        "]",
        ")",
        "1",
        "0x1",
        "k",
        "=",
        "-",
        ".",
        "_",
        ":",
    ]);
    let lengths = select(vec![
        1_usize, 2, 31, 32, 64, 65, 66, 253, 254, 255, 256, 257, 1000,
    ]);
    let letters = select(vec!["a", "7", "'", "=", "\u{E9}"]);
    let words = select(vec![
        "", "count", "and", "eq", "=", "==", "defined", "geo", "im", "80", "0x1f", "10k", "none",
    ]);
    prop_oneof![
        proptest::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat()),
        (letters, lengths).prop_map(|(letter, length)| letter.repeat(length)),
        words.prop_map(str::to_owned),
        "[ -~]{0,20}",
        "\\PC{0,20}",
    ]
    .boxed()
}

fn numbers() -> BoxedStrategy<u64> {
    let ends = select(vec![
        0,
        1,
        5,
        6,
        15,
        16,
        19,
        20,
        255,
        256,
        65_535,
        65_536,
        u64::from(u32::MAX),
        1 << 32,
        1_700_000_000_000,
        2_177_452_799_999,
        2_177_452_800_000,
        4_102_444_800_000,
        u64::MAX - 1,
        u64::MAX,
    ]);
    prop_oneof![3 => ends, 1 => any::<u64>(), 1 => 0..300_u64].boxed()
}

fn compares() -> impl Strategy<Value = Compare> {
    select(vec![
        Compare::Equal,
        Compare::Greater,
        Compare::Less,
        Compare::GreaterOrEqual,
        Compare::LessOrEqual,
    ])
}

fn number() -> impl Strategy<Value = Number> {
    let all = NumberTerm::all().iter().map(|term| term.number);
    select(all.collect::<Vec<_>>())
}

fn side() -> impl Strategy<Value = Side> {
    let all = AddressTerm::all().iter().map(|term| term.side);
    select(all.collect::<Vec<_>>())
}

fn mac_side() -> impl Strategy<Value = MacSide> {
    let all = MacTerm::all().iter().map(|term| term.side);
    select(all.collect::<Vec<_>>())
}

fn payload_side() -> impl Strategy<Value = PayloadSide> {
    select(vec![PayloadSide::In, PayloadSide::Out])
}

fn mpls() -> impl Strategy<Value = Mpls> {
    prop_oneof![
        (0..12_u8).prop_map(Mpls::Label),
        (0..12_u8).prop_map(Mpls::TrafficClass),
        Just(Mpls::Any),
        Just(Mpls::Bottom),
    ]
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        select(vec![
            "::",
            "::1",
            "::ffff:1.2.3.4",
            "1::",
            "0.0.0.0",
            "255.255.255.255"
        ])
        .prop_map(|text| text.parse().expect("an address")),
    ]
}

fn hashes() -> BoxedStrategy<String> {
    prop_oneof![
        "[0-9a-f]{32}",
        "[0-9]{32}",
        "[0-9A-F]{31,33}",
        "[tq][ -~]{2}[di][ -~]{6}_[0-9a-f]{12}_[0-9a-f]{12}",
        "[tq][0-9]{2}[di][0-9]{6}_[0-9]{12}_[0-9]{12}",
        "t\\PC{2}d\\PC{6}_[0-9a-f]{12}_[0-9a-f]{12}",
        texts(),
    ]
    .boxed()
}

/// Every constructor of a term.
fn terms() -> BoxedStrategy<Expr> {
    let simple = select(vec![
        Expr::any(),
        Expr::ipv4(),
        Expr::ipv6(),
        Expr::ttl_equal(),
        Expr::tls(),
        Expr::ja3(None),
        Expr::ja4(None),
    ]);
    let lists = proptest::collection::vec(numbers(), 0..5);
    let networks = proptest::collection::vec((addresses(), 0..140_u8), 0..4);
    let modifiers = prop_oneof![
        Just(String::new()),
        "[ims]{1,3}",
        Just("i".repeat(300)),
        texts()
    ];
    prop_oneof![
        simple,
        texts().prop_map(|text| Expr::ident(&text)),
        "[a-zA-Z0-9_-]{250,256}".prop_map(|text| Expr::ident(&text)),
        (number(), compares(), numbers()).prop_map(|(n, c, v)| Expr::number(n, c, v)),
        (
            select(vec![Number::FirstSeen, Number::LastSeen]),
            compares(),
            numbers()
        )
            .prop_map(|(n, c, v)| Expr::time(n, c, Timestamp::from_millis(v))),
        (number(), lists).prop_map(|(n, values)| Expr::number_in(n, values)),
        (side(), addresses()).prop_map(|(s, a)| Expr::address(s, a)),
        (side(), addresses(), 0..140_u8).prop_map(|(s, a, n)| Expr::network(s, a, n)),
        (side(), any::<[u32; 2]>()).prop_map(|(s, [a, m])| Expr::masked(
            s,
            Ipv4Addr::from_bits(a),
            Ipv4Addr::from_bits(m)
        )),
        (side(), networks).prop_map(|(s, list)| Expr::address_in(s, list)),
        any::<u8>().prop_map(Expr::flags),
        any::<u8>().prop_map(Expr::flags_exactly),
        number().prop_map(Expr::port_in_block),
        (mpls(), compares(), numbers()).prop_map(|(p, c, v)| Expr::mpls(p, c, v)),
        (mac_side(), prop_oneof![Just([0; 6]), any::<[u8; 6]>()])
            .prop_map(|(s, bytes)| Expr::mac(s, MacAddr(bytes))),
        texts().prop_map(|text| Expr::user(&text)),
        texts().prop_map(|text| Expr::pf_interface(&text)),
        texts().prop_filter_map("a text", |text| Expr::payload_content(&text).ok()),
        (texts(), modifiers)
            .prop_filter_map("a pattern", |(text, m)| Expr::payload_regex(&text, &m).ok()),
        payload_side().prop_map(Expr::dns),
        (payload_side(), texts()).prop_map(|(s, text)| Expr::dns_name(s, &text)),
        (payload_side(), texts()).prop_map(|(s, text)| Expr::dns_address(s, &text)),
        prop_oneof![
            0x02FE..0x0308_u16,
            select(vec![0, 0x100, 0x200, 0x400, 0x7f12]),
            any::<u16>()
        ]
        .prop_map(Expr::tls_version),
        texts().prop_map(|text| Expr::tls_server_name(&text)),
        hashes().prop_map(|hash| Expr::ja3(Some(&hash))),
        hashes().prop_map(|hash| Expr::ja4(Some(&hash))),
    ]
    .boxed()
}

fn exprs() -> impl Strategy<Value = Expr> {
    terms().prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a & b),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a | b),
            inner.clone().prop_map(|a| !a),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Expr::all),
            proptest::collection::vec(inner, 0..3).prop_map(Expr::one_of),
        ]
    })
}

fn check(expr: &Expr) -> Result<(), TestCaseError> {
    let text = expr.to_string();
    match Filter::build(expr.clone()) {
        Ok(filter) => {
            prop_assert_eq!(filter.to_string(), text.clone());
            let again = parse(&text);
            prop_assert_eq!(again.as_ref().map(Filter::expr), Ok(expr), "{}", text);
            prop_assert_eq!(Filter::try_from(expr.clone()), Ok(filter));
        }
        Err(error) => {
            prop_assert!(error.position().is_none());
            prop_assert!(parse(&text).is_err(), "{}: {}", text, error);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_built_term_is_read_as_the_same(expr in terms()) {
        check(&expr)?;
    }

    #[test]
    fn a_built_expression_is_read_as_the_same(expr in exprs()) {
        check(&expr)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing panics, and nothing takes a multiple of the length: a case ends in moments.
    #[test]
    fn any_text_is_parsed_or_refused(
        pieces in proptest::collection::vec(texts(), 0..40),
        part in select(vec!["(", "not ", "any and ", "[", "ip in [1.1.1.1 ", "any or not (", "\"", "@", "\\", "1"]),
        times in 0_usize..4_000,
    ) {
        for text in [pieces.concat(), pieces.join(" "), part.repeat(times) + "any"] {
            // Either is fine.
            let _ = parse(&text);
        }
    }
}

/// The kind of error with which an expression is refused.
fn refused(expr: Expr) -> FilterErrorKind {
    let text = expr.to_string();
    assert!(parse(&text).is_err(), "{text}");
    Filter::build(expr).expect_err(&text).kind()
}

#[test]
fn texts_that_cannot_be_written_are_refused() {
    for text in [
        "a'\" or any or asa user \"b",
        "a\nb",
        "M\u{FC}ller",
        "tab\t",
        "'\"",
    ] {
        for expr in [
            Expr::user(text),
            Expr::pf_interface(text),
            Expr::payload_content(text).expect("a text"),
            Expr::payload_regex(text, "").expect("a pattern"),
            Expr::dns_name(PayloadSide::In, text),
            Expr::dns_address(PayloadSide::Out, text),
            Expr::tls_server_name(text),
        ] {
            assert_eq!(refused(expr), FilterErrorKind::Text, "{text:?}");
        }
    }
    assert_eq!(
        refused(Expr::pf_interface(&" ".repeat(255))),
        FilterErrorKind::Text
    );
    // A word may be longer than quoted text.
    for length in [254, 255, 256] {
        let filter = Filter::build(Expr::pf_interface(&"x".repeat(length))).expect("a word");
        assert_eq!(parse(&filter.to_string()), Ok(filter), "{length}");
    }
    for wire in [0x7f12, 0x0305, 0x0400, 0x0001] {
        assert_eq!(refused(Expr::tls_version(wire)), FilterErrorKind::Range);
    }
}

/// Text that only the parser makes: words longer than quotes allow, digits alone, other zones.
#[test]
fn a_parsed_filter_is_read_as_the_same() {
    for text in [
        format!("payload content {}", "x".repeat(256)),
        format!("ident {}", "i".repeat(255)),
        format!("payload ja3 '{}'", "1".repeat(32)),
        "payload ja4 't13 1516h2_8daaf6152771_b186095e22b6'".to_owned(),
        "first seen > 4102444800000ms".to_owned(),
        "last seen 0ms".to_owned(),
        "asa user ''".to_owned(),
    ] {
        if let Ok(filter) = parse(&text) {
            assert_eq!(parse(&filter.to_string()), Ok(filter), "{text}");
        } else {
            assert!(text.contains("13 1516"), "{text}");
        }
    }
    let west = Options::new().with_zone(Zone::named("America/New_York").expect("a zone"));
    let filter = west.parse("first seen < 2038-12-31T23:30").expect("a time");
    assert_eq!(filter.to_string(), "first seen < 2177469000000ms");
    assert_eq!(parse(&filter.to_string()), Ok(filter));
}

#[test]
fn nesting_that_cannot_be_written_is_refused() {
    let term = || Expr::number(Number::Port, Compare::Equal, 1);
    // `port 1 and (port 1 or (port 1 and (…`
    let nested = |depth: usize| {
        (0..depth).fold(term(), |expr, level| {
            if level % 2 == 0 {
                term() | expr
            } else {
                term() & expr
            }
        })
    };
    // The greatest accepted depth, within bounds that are close enough to be quick.
    let most = |bounds: (usize, usize), accepts: &dyn Fn(usize) -> bool| {
        let (mut low, mut high) = bounds;
        assert!(accepts(low) && !accepts(high));
        while high - low > 1 {
            let middle = (low + high) / 2;
            if accepts(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    };
    let bounds = (6_600, 6_700);
    let built = most(bounds, &|depth| Filter::build(nested(depth)).is_ok());
    let parsed = most(bounds, &|depth| parse(&nested(depth).to_string()).is_ok());
    assert_eq!(built, parsed);
    // `not (port 1 and not (port 1 and …`
    let negated = |depth: usize| (0..depth).fold(term(), |expr, _| !(term() & expr));
    let bounds = (3_300, 3_400);
    let built = most(bounds, &|depth| Filter::build(negated(depth)).is_ok());
    let parsed = most(bounds, &|depth| parse(&negated(depth).to_string()).is_ok());
    assert_eq!(built, parsed);
}

#[test]
fn text_above_the_limit_is_refused() {
    let list = |count: u64| Expr::number_in(Number::As, (0..count).map(|n| n + 4_000_000_000));
    assert!(Filter::build(list(1_000_000)).is_ok());
    let error = Filter::build(list(1_600_000)).expect_err("too long");
    assert_eq!(error.kind(), FilterErrorKind::Limit);
    // Written out, the text is longer than it was.
    let text = "bps>1t or ".repeat(1_200_000) + "any";
    assert!(text.len() < 16 << 20);
    let error = parse(&text).expect_err("too long when written out");
    assert_eq!(error.kind(), FilterErrorKind::Limit);
}
