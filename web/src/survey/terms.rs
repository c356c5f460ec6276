//! Values of groups and flows as terms of nfdump's filter language.

use nfdecode::aggregate::Group;

/// Fields and the words before their values; networks have `net` for `ip`.
pub(crate) const WORDS: &[(&str, &str)] = &[
    ("src_addr", "src ip"),
    ("dst_addr", "dst ip"),
    ("ip", "ip"),
    ("src_port", "src port"),
    ("dst_port", "dst port"),
    ("port", "port"),
    ("proto", "proto"),
    ("tcp_flags", "flags ="),
    ("src_as", "src as"),
    ("dst_as", "dst as"),
    ("as", "as"),
    ("input_snmp", "in if"),
    ("output_snmp", "out if"),
    ("if", "if"),
    ("exporter_addr", "exporter ip"),
    ("src_tos", "src tos"),
    ("in_bytes", "in bytes"),
    ("in_packets", "in packets"),
    ("ja3", "payload ja3"),
    ("ja4", "payload ja4"),
];
/// The same for texts, which are quoted. Such a term also selects texts that contain this one.
const QUOTED: &[(&str, &str)] = &[
    ("tls_sni", "payload tls sni"),
    ("dns_name", "payload dns name"),
];

/// A term, its value a key of the group.
pub(crate) fn term(words: &str, group: &Group<'_>, at: usize) -> Option<String> {
    let value = group.key(at)?;
    Some(match group.prefix_length(at) {
        Some(length) => format!("{words} {value}/{length}"),
        None => match value {
            nfdecode::FieldValue::TcpFlags(flags) => format!("{words} {}", flags.0),
            value => format!("{words} {value}"),
        },
    })
}

/// A term with a text that is quoted; `None` if it cannot be.
pub(crate) fn quoted(words: &str, group: &Group<'_>, at: usize) -> Option<String> {
    let text = group.key(at)?.to_string();
    let can_be = !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'\'');
    can_be.then(|| format!("{words} '{text}'"))
}

/// The filter that selects the flows of a group by these keys, named as in `nfdecode top`; `None` if the language
/// has no term for one of them, or its value is absent.
pub(crate) fn of_group(keys: &[String], group: &Group<'_>) -> Option<String> {
    let terms = keys.iter().enumerate().map(|(at, key)| {
        let (name, prefix) = match key.split_once('/') {
            Some((name, _)) => (name, true),
            None => (key.as_str(), false),
        };
        let find = |all: &'static [(&str, &str)]| all.iter().find(|(known, _)| *known == name);
        if let Some((_, words)) = find(QUOTED) {
            return quoted(words, group, at);
        }
        let (_, words) = find(WORDS)?;
        match prefix {
            // Exporters have no term for networks.
            true if name == "exporter_addr" => None,
            true => term(&words.replace("ip", "net"), group, at),
            false => term(words, group, at),
        }
    });
    let terms: Option<Vec<String>> = terms.collect();
    terms.map(|terms| terms.join(" and "))
}
