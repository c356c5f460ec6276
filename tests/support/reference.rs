//! nfdump 1.7.10's own text, with the faults listed in `docs/deviations.md` put right.
//!
//! A reference is taken apart into members, each known fault is corrected by an independent
//! calculation here, and the result is put together again: it must equal our output byte for byte.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One member of an object: key, and value as printed.
pub type Member = (String, String);

/// The two text forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    Ndjson,
}

impl Form {
    pub const BOTH: [Self; 2] = [Self::Json, Self::Ndjson];

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
        }
    }
}

/// The flows in nfdump's text. Lines that are not part of a flow are left out (deviation 3), and so
/// is a last flow that a crash cut off (deviations 8, 9, 10, 11).
pub fn flows(text: &[u8], form: Form) -> Vec<Vec<Member>> {
    taken_apart(text, form, end_of_unescaped)
}

/// The flows in our own text, whose strings are escaped.
pub fn our_flows(text: &[u8], form: Form) -> Vec<Vec<Member>> {
    taken_apart(text, form, end_of_escaped)
}

/// `end` finds the closing quote of a text that begins with the opening one.
fn taken_apart(text: &[u8], form: Form, end: fn(&str) -> Option<usize>) -> Vec<Vec<Member>> {
    let text = String::from_utf8_lossy(text);
    let mut flows = Vec::new();
    match form {
        Form::Ndjson => {
            for line in text.split_inclusive('\n') {
                if let Some(inside) = line
                    .strip_prefix('{')
                    .and_then(|line| line.strip_suffix("}\n"))
                {
                    flows.push(split_members(inside, end));
                }
            }
        }
        Form::Json => {
            let mut open: Option<Vec<Member>> = None;
            for line in text.lines() {
                // A message without newline can stand before the brace.
                if line.ends_with(" {") && !line.contains('"') {
                    open = Some(Vec::new());
                } else if line.starts_with(" }") {
                    flows.extend(open.take());
                } else if let (Some(members), Some(member)) = (&mut open, line.strip_prefix("  \""))
                {
                    let Some((key, value)) = member.split_once("\" : ") else {
                        // A crash can cut off in the middle of a line.
                        open = None;
                        continue;
                    };
                    members.push((
                        key.to_owned(),
                        value.strip_suffix(',').unwrap_or(value).to_owned(),
                    ));
                }
            }
        }
    }
    flows
}

/// `"key":value,"key":value`.
fn split_members(mut rest: &str, end_of_text: fn(&str) -> Option<usize>) -> Vec<Member> {
    let mut members = Vec::new();
    while let Some((key, after)) = rest
        .strip_prefix('"')
        .and_then(|rest| rest.split_once("\":"))
    {
        let end = if after.starts_with('"') {
            end_of_text(after)
        } else {
            after.find(',').map(|at| at - 1)
        };
        let end = end.map_or(after.len(), |at| at + 1);
        members.push((key.to_owned(), after[..end].to_owned()));
        rest = after[end..].strip_prefix(',').unwrap_or("");
    }
    members
}

/// nfdump does not escape quotes, so its texts end at the next key.
fn end_of_unescaped(text: &str) -> Option<usize> {
    (1..text.len()).find(|at| {
        text.is_char_boundary(*at)
            && text[*at..].starts_with('"')
            && (at + 1 == text.len()
                || text[at + 1..].starts_with(",\"") && text[at + 2..].contains("\":"))
    })
}

fn end_of_escaped(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes()
        .skip(1)
        .position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })
        .map(|at| at + 1)
}

/// Puts right what nfdump prints wrongly. `ours` is needed where nfdump's value has lost bits.
pub fn correct(members: &mut [Member], ours: &[Member]) {
    let value_of = |members: &[Member], key: &str| {
        members
            .iter()
            .find(|(found, _)| found == key)
            .map(|(_, value)| value.trim_matches('"').to_owned())
    };
    let number = |members: &[Member], key: &str| {
        value_of(members, key).and_then(|value| value.parse::<u8>().ok())
    };
    let (src_mask, dst_mask) = (number(members, "src_mask"), number(members, "dst_mask"));
    let snapshot = members.to_vec();
    let mut side = "in";
    let mut services = 0;

    for at in 0..members.len() {
        let (key, value) = &mut members[at];
        match key.as_str() {
            "in_tls" | "out_tls" => {
                side = if key == "in_tls" { "in" } else { "out" };
                let text = value.trim_matches('"').to_owned();
                // Only client hellos have a JA4; it follows before the next group.
                let group = snapshot[at + 1..].iter().take_while(|(key, _)| is_tls(key));
                let is_client = group.clone().any(|(key, _)| key.contains("ja4"));
                // A client without extensions to hash has none either, but then a name or a version
                // that no server hello gives; ours decides there.
                let corrected = match text.as_str() {
                    "TLS1.2" if !is_client && ours_is(ours, key, "TLS1.1") => "TLS1.1",
                    "TLS1.3" if !is_client && ours_is(ours, key, "TLS1.2") => "TLS1.2",
                    other => other,
                };
                *value = format!("\"{corrected}\"");
            }
            "sni" => *key = format!("{side}_sni"),
            "ja3 hash" => *key = format!("{side}_ja3 hash"),
            "ja4 hash" => *key = format!("{side}_ja4 hash"),
            "inServiceID" => {
                services += 1;
                if services == 2 {
                    *key = "outServiceID".to_owned();
                }
            }
            "observationPointID" => {
                let ours = value_of(ours, "observationPointID")
                    .and_then(|value| value.parse::<u64>().ok());
                if let Some(ours) = ours.filter(|ours| (*ours as u32).to_string() == *value) {
                    *value = ours.to_string();
                }
            }
            "src_net" | "dst_net" => {
                let (address, mask) = if key == "src_net" {
                    (["src4_addr", "src6_addr"], src_mask)
                } else {
                    (["dst4_addr", "dst6_addr"], dst_mask)
                };
                let address = address.iter().find_map(|key| value_of(&snapshot, key));
                let no_masks = src_mask == Some(0) && dst_mask == Some(0);
                let network = match (address, mask) {
                    (Some(address), Some(mask)) if !no_masks => {
                        network(&address, mask, value.trim_matches('"'))
                    }
                    _ => String::new(),
                };
                *value = format!("\"{network}\"");
            }
            "t_event" => {
                if let Some((seconds, ms)) = value.trim_matches('"').rsplit_once('.')
                    && seconds != "<unknown>"
                {
                    *value = format!("\"{seconds}.{ms:0>3}\"");
                }
            }
            "ingress_acl" | "egress_acl" => {
                let words = value.trim_matches('"').split('/').map(|word| {
                    let word = u32::from_str_radix(word.trim_start_matches("0x"), 16)
                        .expect("a hexadecimal word");
                    format!("0x{:x}", word.swap_bytes())
                });
                *value = format!("\"{}\"", words.collect::<Vec<_>>().join("/"));
            }
            "ip_fragment" => {
                if let Some(at) = value.find("MF") {
                    *value = format!("{}\"", &value[..at + 2]);
                }
            }
            "ident" | "user_name" | "natString" => *value = escape(value),
            _ => {}
        }
        if key == "in_sni" || key == "out_sni" {
            *value = escape(value);
        }
    }
}

fn is_tls(key: &str) -> bool {
    key.contains("sni") || key.contains("ja3") || key.contains("ja4")
}

fn ours_is(ours: &[Member], key: &str, expected: &str) -> bool {
    ours.iter()
        .any(|(found, value)| found == key && value.trim_matches('"') == expected)
}

/// The same text in quotes, escaped.
fn escape(value: &str) -> String {
    let inside = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    serde_json::to_string(inside).expect("a string")
}

/// nfdump's IPv4 networks are right up to mask 32; all others are calculated here, bit by bit.
fn network(address: &str, mask: u8, theirs: &str) -> String {
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return if mask <= 32 {
            theirs.to_owned()
        } else {
            address.to_string()
        };
    }
    let mut octets = address.parse::<Ipv6Addr>().expect("an address").octets();
    for bit in usize::from(mask)..128 {
        octets[bit / 8] &= !(0x80 >> (bit % 8));
    }
    glibc_ipv6(octets.into())
}

/// Rust and glibc agree but for addresses with 96 zero bits in front.
fn glibc_ipv6(address: Ipv6Addr) -> String {
    let groups = address.segments();
    if groups[..6] == [0; 6] && groups[6] != 0 {
        let [.., a, b, c, d] = address.octets();
        return format!("::{a}.{b}.{c}.{d}");
    }
    address.to_string()
}

/// The text of a whole document.
pub fn render(flows: &[Vec<Member>], form: Form) -> String {
    let objects = flows.iter().map(|members| {
        let members = members.iter();
        match form {
            Form::Ndjson => {
                let members: Vec<_> = members
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}\n", members.join(","))
            }
            Form::Json => {
                let members: Vec<_> = members
                    .map(|(key, value)| format!("  \"{key}\" : {value}"))
                    .collect();
                format!(" {{\n{}\n }}", members.join(",\n"))
            }
        }
    });
    match form {
        Form::Ndjson => objects.collect(),
        Form::Json if flows.is_empty() => "[]\n".to_owned(),
        Form::Json => format!("[\n{}\n]\n", objects.collect::<Vec<_>>().join(",\n")),
    }
}

/// Our output must be nfdump's with its faults put right. Returns the first difference.
pub fn compare(theirs: &[u8], ours: &[u8], form: Form) -> Result<usize, String> {
    compare_flows(flows(theirs, form), ours, form)
}

/// As [`compare`], for flows that have been taken apart already.
pub fn compare_flows(
    mut expected: Vec<Vec<Member>>,
    ours: &[u8],
    form: Form,
) -> Result<usize, String> {
    let our_flows = our_flows(ours, form);
    for (members, ours) in expected.iter_mut().zip(&our_flows) {
        correct(members, ours);
    }
    let count = expected.len();
    let expected = render(&expected, form);
    let ours =
        String::from_utf8(ours.to_vec()).map_err(|_| "our output is not UTF-8".to_owned())?;
    if expected == ours {
        return Ok(count);
    }
    let mut lines = expected.lines().zip(ours.lines()).enumerate();
    Err(match lines.find(|(_, (theirs, ours))| theirs != ours) {
        Some((line, (theirs, ours))) => {
            format!("line {}:\n  expected {theirs}\n  ours     {ours}", line + 1)
        }
        None => format!(
            "{} lines expected, ours {}",
            expected.lines().count(),
            ours.lines().count()
        ),
    })
}

/// Members that the development state of nfdump 1.8 never prints: it cuts the bit set of extensions to 32
/// bits, and has no text for application ids and frames.
const NOT_PRINTED_BY_1_8: [&str; 18] = [
    "ingress_vrf",
    "egress_vrf",
    "vlanID",
    "post_vlanID",
    "cust_vlanID",
    "post_cust_vlanID",
    "phys_ingress",
    "phys_egress",
    "ethertype",
    "ip_version",
    "flowID",
    "inServiceID",
    "outServiceID",
    "natString",
    "ip_fragment",
    "ip_minttl",
    "ip_maxttl",
    "event_kind",
];

/// Tells in the keys of nfdump 1.7.10 what nfdump 1.8 prints for a file of layout 3: rows L3-1 to L3-8 of
/// `docs/deviations.md`. `ours` loses what 1.8 never prints.
pub fn from_1_8(theirs: &mut Vec<Member>, ours: &mut Vec<Member>) {
    let value_of = |members: &[Member], key: &str| {
        let mut found = members.iter().filter(|(found, _)| found == key);
        found.next().map(|(_, value)| value.clone())
    };
    // 1.8 prints both families of addresses where a record has them.
    if let (Some(src), Some(dst), Some(_)) = (
        value_of(theirs, "src4_addr"),
        value_of(theirs, "dst4_addr"),
        value_of(theirs, "src6_addr"),
    ) {
        let superfluous = match value_of(ours, "ip_version").as_deref() {
            Some("4") => Some('6'),
            Some("6") => Some('4'),
            Some("0") | None if src == dst && src == "\"0.0.0.0\"" => Some('4'),
            Some("0") | None => Some('6'),
            Some(_) => None,
        };
        theirs.retain(|(key, _)| {
            let family = key.strip_prefix("src").or_else(|| key.strip_prefix("dst"));
            !family.is_some_and(|rest| {
                rest.starts_with(|family| Some(family) == superfluous)
                    && (rest.ends_with("_addr") || rest.ends_with("_geo"))
            })
        });
    }
    ours.retain(|(key, _)| !NOT_PRINTED_BY_1_8.contains(&key.as_str()));
    theirs.retain(|(key, _)| !key.ends_with("_tz"));
    for (key, value) in theirs.iter_mut() {
        let family = if value.contains(':') { '6' } else { '4' };
        match key.as_str() {
            "src_xlate_ip" => *key = format!("src{family}_xlt_ip"),
            "dst_xlate_ip" => *key = format!("dst{family}_xlt_ip"),
            "src_tun_ip" => *key = format!("src{family}_tun_ip"),
            "dst_tun_ip" => *key = format!("dst{family}_tun_ip"),
            "cli_latency" | "srv_latency" | "app_latency" => {
                let micros: f64 = value.parse().expect("a number");
                *value = format!("{:.6}", micros / 1000.0);
            }
            _ => {}
        }
    }
    // Layout 3 stores next hops in pairs, where all zero means that one was not given.
    for (ip, bgp) in [
        ("ip4_next_hop", "bgp4_next_hop"),
        ("ip6_next_hop", "bgp6_next_hop"),
    ] {
        let is_zero = |theirs: &[Member], key: &str| {
            theirs.iter().any(|(found, value)| {
                found == key && matches!(value.as_str(), "\"0.0.0.0\"" | "\"::\"")
            })
        };
        let (no_ip, no_bgp) = (is_zero(theirs, ip), is_zero(theirs, bgp));
        theirs.retain(|(key, _)| !(key == bgp && no_bgp || key == ip && no_ip && !no_bgp));
    }
    // It stores halves of two elements of layout 2; the other half is zero there.
    let zeros: [&[(&str, &str)]; 2] = [
        &[
            ("in_src_mac", "\"00:00:00:00:00:00\""),
            ("out_dst_mac", "\"00:00:00:00:00:00\""),
            ("in_dst_mac", "\"00:00:00:00:00:00\""),
            ("out_src_mac", "\"00:00:00:00:00:00\""),
        ],
        &[
            ("input_snmp", "0"),
            ("output_snmp", "0"),
            ("src_mask", "0"),
            ("dst_mask", "0"),
            ("src_net", "\"\""),
            ("dst_net", "\"\""),
            ("direction", "0"),
            ("dst_tos", "0"),
        ],
    ];
    for group in zeros {
        if theirs
            .iter()
            .any(|(key, _)| key == group[0].0 || key == group[2].0)
        {
            for (key, value) in group {
                if !theirs.iter().any(|(found, _)| found == key) {
                    theirs.push(((*key).to_owned(), (*value).to_owned()));
                }
            }
        }
    }
    // The order of 1.7.10 is that of the elements.
    let places: Vec<&str> = ["cnt", "type", "ident", "export_sysid"]
        .into_iter()
        .chain(
            nfdecode::element::elements()
                .iter()
                .flat_map(|element| element.fields)
                .map(|field| field.key),
        )
        .chain(["sampled"])
        .collect();
    // An event time belongs to the NAT event where there is no other.
    let is_nat = !theirs.iter().any(|(key, _)| key == "event_id");
    theirs.sort_by_key(|(key, _)| match key.as_str() {
        "t_event" if is_nat => places.iter().rposition(|place| place == key),
        _ => places.iter().position(|place| place == key),
    });
}
