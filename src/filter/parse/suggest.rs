//! Help for unknown words: misspelled terms, and the syntax of other tools.

use crate::filter::parse::names;
use crate::filter::parse::words::keywords;
use crate::filter::terms::{AddressTerm, MacTerm, NumberTerm};
use crate::suggest::closest;

pub(super) const NO_CARRIAGE_RETURNS: &str =
    "lines end with a newline alone; remove the carriage returns";
pub(super) const BLANKS_AROUND_EQUAL: &str =
    "`=` is part of a word unless there are blanks around it";

/// Words of other programs and of other versions of nfdump, and how nfdump 1.7 says the same.
const OTHERS: &[(&str, &str)] = &[
    ("inet", "ipv4"),
    ("inet6", "ipv6"),
    ("ip6", "ipv6"),
    ("sport", "src port"),
    ("dport", "dst port"),
    ("srcip", "src ip"),
    ("dstip", "dst ip"),
    ("saddr", "src ip"),
    ("daddr", "dst ip"),
    ("nip", "nat ip"),
    ("nport", "nat port"),
    ("xip", "nat ip"),
    ("xport", "nat port"),
    ("bgpnext", "bgp next ip"),
    ("sysid", "exporter id"),
    ("octets", "bytes"),
    ("pkts", "packets"),
    ("dir", "flowdir"),
    ("label", "mpls label0"),
    ("geo", "geo CC, with one blank and without quotes"),
    // tcpdump
    ("portrange", "port >= LOW and port <= HIGH"),
    ("greater", "bytes >= N"),
    ("less", "bytes <= N"),
    ("ether", "mac"),
    ("gateway", "router ip"),
    ("arp", "ethertype 0x0806"),
    // Wireshark
    ("ip.addr", "ip"),
    ("ip.src", "src ip"),
    ("ip.dst", "dst ip"),
    ("ipv6.addr", "ip"),
    ("ipv6.src", "src ip"),
    ("ipv6.dst", "dst ip"),
    ("ip.proto", "proto"),
    ("ip.ttl", "ttl"),
    ("ip.dsfield", "tos"),
    ("tcp.port", "proto tcp and port"),
    ("tcp.srcport", "proto tcp and src port"),
    ("tcp.dstport", "proto tcp and dst port"),
    ("tcp.flags", "flags"),
    ("tcp.flags.syn", "flags S"),
    ("tcp.flags.ack", "flags A"),
    ("tcp.flags.fin", "flags F"),
    ("tcp.flags.reset", "flags R"),
    ("udp.port", "proto udp and port"),
    ("udp.srcport", "proto udp and src port"),
    ("udp.dstport", "proto udp and dst port"),
    ("icmp.type", "icmp type"),
    ("icmp.code", "icmp code"),
    ("eth.addr", "mac"),
    ("eth.src", "src mac"),
    ("eth.dst", "dst mac"),
    ("eth.type", "ethertype"),
    ("vlan.id", "vlan"),
    ("frame.len", "bytes"),
    ("frame.time", "first seen"),
    ("dns.qry.name", "payload dns name"),
    ("tls.handshake.extensions_server_name", "payload tls sni"),
    ("tls.handshake.ja3", "payload ja3"),
];

/// What to say of a word that begins no term.
pub(super) struct Unknown<'a> {
    /// The word, without a value glued to it.
    pub(super) term: &'a str,
    pub(super) help: Option<String>,
}

/// Help for a word at the place of a term. `quoted` words are no keywords.
pub(super) fn unknown_word(word: &str, quoted: bool) -> Unknown<'_> {
    let (term, value) = match word.split_once('=') {
        Some((term, value)) if !quoted && !term.is_empty() => {
            (term, Some(value.trim_start_matches('=')))
        }
        _ => (word, None),
    };
    let lower = term.to_ascii_lowercase();
    let other = OTHERS.iter().find(|(written, _)| *written == lower);
    let help = match (other, value) {
        // A flag of Wireshark: its value is part of the term.
        (Some((_, meant)), Some(_)) if meant.starts_with("flags ") => Some(did_you_mean(meant)),
        (Some((_, meant)), Some(value)) if !value.is_empty() => {
            Some(did_you_mean(&format!("{meant} {value}")))
        }
        (Some((_, meant)), _) => Some(did_you_mean(meant)),
        (None, Some(_)) => Some(BLANKS_AROUND_EQUAL.to_owned()),
        (None, None) => misspelled(term),
    };
    Unknown { term, help }
}

fn misspelled(word: &str) -> Option<String> {
    if names::PROTOCOLS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(word))
    {
        return Some(did_you_mean(&format!(
            "proto {}",
            word.to_ascii_lowercase()
        )));
    }
    let numbers = NumberTerm::all().iter();
    let numbers = numbers.flat_map(|term| term.syntax.iter().copied());
    let sides = AddressTerm::all().iter().map(|term| term.syntax);
    closest(word, numbers.chain(keywords()).chain(sides)).map(did_you_mean)
}

/// Names of services that people write where a port is expected. nfdump looks up none.
const SERVICES: &[(&str, u16)] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("dns", 53),
    ("domain", 53),
    ("http", 80),
    ("www", 80),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("snmp", 161),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("smb", 445),
    ("syslog", 514),
    ("ldaps", 636),
    ("imaps", 993),
    ("mysql", 3306),
    ("rdp", 3389),
    ("postgresql", 5432),
];

/// Help for a word that is not the number which a term expects: names of services, ranges, and numbers with other
/// units.
pub(super) fn number(word: &str, term: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    if term.ends_with("port")
        && let Some((_, port)) = SERVICES.iter().find(|(name, _)| *name == lower)
    {
        return Some(format!("ports are numbers: did you mean `{term} {port}`?"));
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((low, high)) = lower.split_once(['-', ':'])
        && is_number(low)
        && is_number(high)
    {
        return Some(format!(
            "a range is two comparisons: `{term} >= {low} and {term} <= {high}`"
        ));
    }
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (amount, unit) = lower.split_at_checked(digits)?;
    if term == "duration" && is_number(amount) {
        let factor = match unit {
            "ms" => 1,
            "s" | "sec" => 1_000,
            "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let milliseconds = amount.parse::<u64>().ok()?.checked_mul(factor)?;
        return Some(format!(
            "durations are in milliseconds: did you mean `{milliseconds}`?"
        ));
    }
    let unit = unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(unit);
    match unit {
        "" | "k" | "m" | "g" | "t" if amount.contains('.') => {
            Some("only whole numbers are accepted, with k, m, g or t".to_owned())
        }
        "k" | "m" | "g" | "t" if is_number(amount) => {
            Some(did_you_mean(&format!("{amount}{unit}")))
        }
        _ => None,
    }
}

fn did_you_mean(text: &str) -> String {
    format!("did you mean `{text}`?")
}

/// What is expected after a direction.
pub(super) fn after(direction: &'static str) -> String {
    let keys: Vec<String> = terms_with(direction)
        .map(|key| format!("`{key}`"))
        .collect();
    format!("a term after `{direction}` ({})", keys.join(", "))
}

/// Help for an unknown word after a direction.
pub(super) fn term(direction: &'static str, word: &str) -> Option<String> {
    let meant = closest(word, terms_with(direction))?;
    Some(did_you_mean(&format!("{direction} {meant}")))
}

/// Keywords that can follow a direction.
fn terms_with(direction: &'static str) -> impl Iterator<Item = &'static str> {
    let numbers = NumberTerm::all()
        .iter()
        .flat_map(|term| term.syntax)
        .copied();
    let numbers = numbers.filter_map(move |syntax| {
        let key = syntax.strip_prefix(direction)?.strip_prefix(' ')?;
        (!key.contains(' ')).then_some(key)
    });
    let is_same = move |syntax: &str| syntax == direction;
    let sides = AddressTerm::all()
        .iter()
        .filter(move |term| is_same(term.syntax));
    let macs = MacTerm::all()
        .iter()
        .filter(move |term| is_same(term.syntax));
    sides
        .flat_map(|_| ["ip", "net"])
        .chain(numbers)
        .chain(macs.map(|_| "mac"))
}

/// The words in quotes, with `or` before the last.
pub(super) fn list_of(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!("{} or {last}", before.join(", "))
        }
        _ => words.concat(),
    }
}
