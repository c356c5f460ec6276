//! The top lists of a report: what each groups by, and the filter that selects the flows of a group.

use std::net::IpAddr;

use nfdecode::aggregate::{AggregateError, Group, Grouping, Key, Order};
use nfdecode::output::cells::protocol_name;
use nfdecode::{FieldValue, Flow};

use crate::survey::seen::{Seen, TCP};
use crate::survey::terms::{quoted, term};

/// A value of a key as it is compared: a kind (0 absent) and its bits.
pub(crate) type Mark = (u8, u128);
/// The values of one or two keys.
pub(crate) type Pair = [Mark; 2];

const NONE: Mark = (0, 0);
const PREFIXES: (u32, u32) = (24, 64);

/// What a sampled flow keeps, to find its groups again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) src: Option<IpAddr>,
    pub(crate) dst: Option<IpAddr>,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    proto: u8,
    flags: u8,
    src_as: Option<u32>,
    dst_as: Option<u32>,
    in_if: Option<u32>,
    out_if: Option<u32>,
    exporter: Option<IpAddr>,
}

impl Marks {
    /// Reads a flow.
    pub(crate) fn of(flow: &Flow<'_>, seen: &Seen) -> Self {
        Self {
            src: seen.src,
            dst: seen.dst,
            src_port: seen.src_port,
            dst_port: seen.dst_port,
            proto: seen.proto,
            flags: seen.flags,
            src_as: flow.src_as(),
            dst_as: flow.dst_as(),
            in_if: flow.input_snmp(),
            out_if: flow.output_snmp(),
            exporter: flow.exporter_addr(),
        }
    }
}

fn address(address: Option<IpAddr>) -> Mark {
    match address {
        Some(IpAddr::V4(v4)) => (4, v4.to_bits().into()),
        Some(IpAddr::V6(v6)) => (6, v6.to_bits()),
        None => NONE,
    }
}

fn network(found: Option<IpAddr>) -> Mark {
    let (v4, v6) = PREFIXES;
    match address(found) {
        (4, bits) => (4, bits >> (32 - v4) << (32 - v4)),
        (6, bits) => (6, bits >> (128 - v6) << (128 - v6)),
        other => other,
    }
}

fn number(number: Option<impl Into<u128>>) -> Mark {
    number.map_or(NONE, |number| (1, number.into()))
}

/// The value of a group's key as it is compared.
fn mark(value: Option<FieldValue<'_>>) -> Mark {
    match value {
        Some(FieldValue::Ip(ip)) => address(Some(ip)),
        Some(FieldValue::Number(value)) => number(Some(value)),
        Some(FieldValue::TcpFlags(flags)) => (1, flags.0.into()),
        _ => NONE,
    }
}

/// The values of a group's keys.
pub(crate) fn pair(group: &Group<'_>) -> Pair {
    [mark(group.key(0)), mark(group.key(1))]
}

/// A top list.
pub(crate) struct List {
    /// Its name in the page and in the data.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What a key is called at the head of its column.
    pub(crate) head: &'static str,
    /// Fields, as in `nfdecode top`.
    pub(crate) keys: &'static [&'static str],
    /// Only groups of TCP are listed; the first key is the protocol.
    pub(crate) is_tcp: bool,
    /// Where a sampled flow belongs; `None`: no spark lines.
    pub(crate) marks: Option<fn(&Marks) -> Pair>,
    /// The filter that selects exactly the flows of a group; `None` if the language has no term for it.
    filter: fn(&Group<'_>) -> Option<String>,
}

/// All lists, in the order of the page.
pub(crate) const LISTS: &[List] = &[
    List {
        id: "sources",
        title: "Sources",
        head: "Source address",
        keys: &["src_addr"],
        is_tcp: false,
        marks: Some(|marks| [address(marks.src), NONE]),
        filter: |group| term("src ip", group, 0),
    },
    List {
        id: "destinations",
        title: "Destinations",
        head: "Destination address",
        keys: &["dst_addr"],
        is_tcp: false,
        marks: Some(|marks| [address(marks.dst), NONE]),
        filter: |group| term("dst ip", group, 0),
    },
    List {
        id: "conversations",
        title: "Conversations",
        head: "Source → destination",
        keys: &["src_addr", "dst_addr"],
        is_tcp: false,
        marks: Some(|marks| [address(marks.src), address(marks.dst)]),
        filter: |group| {
            Some(format!(
                "{} and {}",
                term("src ip", group, 0)?,
                term("dst ip", group, 1)?
            ))
        },
    },
    List {
        id: "services",
        title: "Services by destination port",
        head: "Protocol and port",
        keys: &["proto", "dst_port"],
        is_tcp: false,
        marks: Some(|marks| [number(Some(marks.proto)), number(marks.dst_port)]),
        filter: |group| service("dst port", group),
    },
    List {
        id: "source_services",
        title: "Services by source port",
        head: "Protocol and port",
        keys: &["proto", "src_port"],
        is_tcp: false,
        marks: Some(|marks| [number(Some(marks.proto)), number(marks.src_port)]),
        filter: |group| service("src port", group),
    },
    List {
        id: "protocols",
        title: "Protocols",
        head: "Protocol",
        keys: &["proto"],
        is_tcp: false,
        marks: Some(|marks| [number(Some(marks.proto)), NONE]),
        filter: |group| protocol(group),
    },
    List {
        id: "source_networks",
        title: "Source networks",
        head: "Network: /24, IPv6 /64",
        keys: &["src_addr/24"],
        is_tcp: false,
        marks: Some(|marks| [network(marks.src), NONE]),
        filter: |group| term("src net", group, 0),
    },
    List {
        id: "destination_networks",
        title: "Destination networks",
        head: "Network: /24, IPv6 /64",
        keys: &["dst_addr/24"],
        is_tcp: false,
        marks: Some(|marks| [network(marks.dst), NONE]),
        filter: |group| term("dst net", group, 0),
    },
    List {
        id: "source_as",
        title: "Source ASes",
        head: "AS",
        keys: &["src_as"],
        is_tcp: false,
        marks: Some(|marks| [number(marks.src_as), NONE]),
        filter: |group| term("src as", group, 0),
    },
    List {
        id: "destination_as",
        title: "Destination ASes",
        head: "AS",
        keys: &["dst_as"],
        is_tcp: false,
        marks: Some(|marks| [number(marks.dst_as), NONE]),
        filter: |group| term("dst as", group, 0),
    },
    List {
        id: "as_pairs",
        title: "AS to AS",
        head: "Source AS → destination AS",
        keys: &["src_as", "dst_as"],
        is_tcp: false,
        marks: Some(|marks| [number(marks.src_as), number(marks.dst_as)]),
        filter: |group| {
            Some(format!(
                "{} and {}",
                term("src as", group, 0)?,
                term("dst as", group, 1)?
            ))
        },
    },
    List {
        id: "input_interfaces",
        title: "Input interfaces",
        head: "Interface",
        keys: &["input_snmp"],
        is_tcp: false,
        marks: Some(|marks| [number(marks.in_if), NONE]),
        filter: |group| term("in if", group, 0),
    },
    List {
        id: "output_interfaces",
        title: "Output interfaces",
        head: "Interface",
        keys: &["output_snmp"],
        is_tcp: false,
        marks: Some(|marks| [number(marks.out_if), NONE]),
        filter: |group| term("out if", group, 0),
    },
    List {
        id: "exporters",
        title: "Exporters",
        head: "Address",
        keys: &["exporter_addr"],
        is_tcp: false,
        marks: Some(|marks| [address(marks.exporter), NONE]),
        filter: |group| term("exporter ip", group, 0),
    },
    List {
        id: "tcp_flags",
        title: "TCP flags",
        head: "Flags seen in a flow",
        keys: &["proto", "tcp_flags"],
        is_tcp: true,
        marks: Some(|marks| [number(Some(marks.proto)), number(Some(marks.flags))]),
        filter: |group| Some(format!("proto tcp and {}", term("flags =", group, 1)?)),
    },
    List {
        id: "tls_names",
        title: "TLS server names",
        head: "Server name",
        keys: &["tls_sni"],
        is_tcp: false,
        marks: None,
        filter: |group| quoted("payload tls sni", group, 0),
    },
    List {
        id: "ja3",
        title: "TLS fingerprints, JA3",
        head: "JA3",
        keys: &["ja3"],
        is_tcp: false,
        marks: None,
        filter: |group| term("payload ja3", group, 0),
    },
    List {
        id: "ja4",
        title: "TLS fingerprints, JA4",
        head: "JA4",
        keys: &["ja4"],
        is_tcp: false,
        marks: None,
        filter: |group| term("payload ja4", group, 0),
    },
    List {
        id: "dns_names",
        title: "DNS names asked for",
        head: "Name",
        keys: &["dns_name"],
        is_tcp: false,
        marks: None,
        filter: |group| quoted("payload dns name", group, 0),
    },
];

fn protocol(group: &Group<'_>) -> Option<String> {
    Some(format!("proto {}", group.key(0)?))
}

fn service(words: &str, group: &Group<'_>) -> Option<String> {
    let protocol = protocol(group)?;
    Some(match term(words, group, 1) {
        Some(port) => format!("{protocol} and {port}"),
        None => protocol,
    })
}

impl List {
    /// What is grouped by.
    pub(crate) fn grouping(&self) -> Result<Grouping, AggregateError> {
        let mut builder = Grouping::builder();
        for key in self.keys {
            builder = builder.key(Key::parse(key)?);
        }
        builder.build()
    }

    /// Whether a group is listed.
    pub(crate) fn lists(&self, group: &Group<'_>) -> bool {
        !self.is_tcp || mark(group.key(0)) == (1, TCP.into())
    }

    /// The filter for all of a list, if it is not of all flows.
    pub(crate) fn only(&self) -> Option<&'static str> {
        self.is_tcp.then_some("proto tcp")
    }

    /// What is first.
    pub(crate) fn order() -> Order {
        Order::bytes()
    }

    /// Whether a group has none of the keys.
    pub(crate) fn is_absent(&self, group: &Group<'_>) -> bool {
        (0..self.keys.len()).all(|at| group.key(at).is_none())
    }

    /// The filter for a group; the values are those of the file, not those that are shown.
    pub(crate) fn filter(&self, group: &Group<'_>) -> Option<String> {
        (self.filter)(group)
    }

    /// The keys of a group as they are displayed.
    pub(crate) fn label(&self, group: &Group<'_>) -> String {
        let texts = self.keys.iter().enumerate().map(|(at, key)| {
            let Some(value) = group.key(at) else {
                return "none".to_owned();
            };
            match (*key, value, group.prefix_length(at)) {
                ("proto", FieldValue::Number(number), _) => protocol_text(number),
                (_, value, Some(length)) => format!("{value}/{length}"),
                (_, value, None) => value.to_string(),
            }
        });
        let mut texts: Vec<String> = texts.collect();
        if self.is_tcp {
            return texts.pop().unwrap_or_default();
        }
        texts.join(if self.keys.first() == Some(&"proto") {
            " "
        } else {
            " → "
        })
    }
}

/// The name of a protocol, or its number.
pub(crate) fn protocol_text(number: u64) -> String {
    let name = u8::try_from(number).map_or("", protocol_name).trim();
    if name.is_empty() {
        number.to_string()
    } else {
        name.to_owned()
    }
}
