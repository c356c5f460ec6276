//! What a word means: number, keyword, comparator, or text.

use crate::filter::expr::term::Compare;

/// Keywords, each with its meaning: synonyms have the same.
const KEYWORDS: &[(&str, &str)] = &[
    ("acl", "acl"),
    ("and", "and"),
    ("any", "any"),
    ("as", "as"),
    ("asa", "asa"),
    ("bgp", "bgp"),
    ("bpp", "bpp"),
    ("bps", "bps"),
    ("bytes", "bytes"),
    ("client", "client"),
    ("cnt", "count"),
    ("count", "count"),
    ("dst", "dst"),
    ("duration", "duration"),
    ("egress", "egress"),
    ("engine", "engine"),
    ("engine-id", "engine-id"),
    ("engine-type", "engine-type"),
    ("ethertype", "ethertype"),
    ("exporter", "exporter"),
    ("flags", "flags"),
    ("flowdir", "flowdir"),
    ("flows", "flows"),
    ("fwdstat", "fwdstat"),
    ("host", "ip"),
    ("icmp", "icmp"),
    ("icmp-code", "icmp-code"),
    ("icmp-type", "icmp-type"),
    ("ident", "ident"),
    ("if", "if"),
    ("in", "in"),
    ("ingress", "ingress"),
    ("ip", "ip"),
    ("ipv4", "ipv4"),
    ("ipv6", "ipv6"),
    ("latency", "latency"),
    ("mac", "mac"),
    ("mask", "mask"),
    ("max", "max"),
    ("min", "min"),
    ("mpls", "mpls"),
    ("nat", "nat"),
    ("net", "net"),
    ("next", "next"),
    ("not", "not"),
    ("observation", "observation"),
    ("or", "or"),
    ("out", "out"),
    ("packets", "packets"),
    ("payload", "payload"),
    ("pf", "pf"),
    ("port", "port"),
    ("pps", "pps"),
    ("prev", "prev"),
    ("proto", "proto"),
    ("router", "router"),
    ("seen", "seen"),
    ("server", "server"),
    ("src", "src"),
    ("tos", "tos"),
    ("ttl", "ttl"),
    ("tun", "tun"),
    ("vlan", "vlan"),
    ("vrf", "vrf"),
    ("xlate", "nat"),
];

/// Words that are comparators.
const COMPARATORS: &[(&str, Compare)] = &[
    ("=", Compare::Equal),
    ("==", Compare::Equal),
    ("eq", Compare::Equal),
    ("ge", Compare::GreaterOrEqual),
    ("gt", Compare::Greater),
    ("le", Compare::LessOrEqual),
    ("lt", Compare::Less),
];

/// All keywords, for suggestions.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().map(|(word, _)| *word)
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number(u64),
    /// A keyword, by its meaning.
    Key(&'static str),
    Compare(Compare),
    /// A word or quoted text.
    Text,
    /// A country code.
    Geo([u8; 2]),
    /// One of `()[],/`, or a byte that no filter may contain.
    Byte(u8),
    End,
}

/// Bytes that words consist of.
pub(crate) fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'-' | b'=')
}

/// What an unquoted word means.
pub(crate) fn classify(word: &[u8]) -> Kind {
    if let Some(number) = number(word) {
        return Kind::Number(number);
    }
    /// Longer than any keyword.
    const LENGTH_MAX: usize = 16;
    if word.len() > LENGTH_MAX {
        return Kind::Text;
    }
    let lower = word.to_ascii_lowercase();
    let is = |known: &str| known.as_bytes() == lower;
    if let Some((_, meaning)) = KEYWORDS.iter().find(|(known, _)| is(known)) {
        return Kind::Key(meaning);
    }
    match COMPARATORS.iter().find(|(known, _)| is(known)) {
        Some((_, compare)) => Kind::Compare(*compare),
        None => Kind::Text,
    }
}

/// Decimal, hexadecimal, or decimal with a unit.
///
/// Saturates at 2^64-1. Products with a unit wrap, as in nfdump.
fn number(word: &[u8]) -> Option<u64> {
    let accumulate = |digits: &[u8], radix: u32| {
        let mut value = 0_u64;
        for digit in digits {
            let digit = u64::from(char::from(*digit).to_digit(radix)?);
            value = value.saturating_mul(u64::from(radix)).saturating_add(digit);
        }
        (!digits.is_empty()).then_some(value)
    };
    if let [b'0', b'x' | b'X', digits @ ..] = word {
        return accumulate(digits, 16);
    }
    let (last, digits) = word.split_last()?;
    let factor = match last.to_ascii_lowercase() {
        b'k' => 1_000,
        b'm' => 1_000_000,
        b'g' => 1_000_000_000,
        b't' => 1_000_000_000_000,
        _ => return accumulate(word, 10),
    };
    accumulate(digits, 10).map(|value| value.wrapping_mul(factor))
}
