//! Keys as text: field names, nfdump's statistic names, prefixes.

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::key::Key;
use crate::aggregate::source;
use crate::suggest;

/// IPv6 prefix length beside an IPv4 one when only that is given.
const V6_DEFAULT: u8 = 64;

/// nfdump's names, and short names of ours, with the fields that they stand for; several are counted in turn.
static SHORT: &[(&str, &[&str])] = &[
    ("addr", &["src_addr", "dst_addr"]),
    ("ip", &["src_addr", "dst_addr"]),
    ("srcip", &["src_addr"]),
    ("dstip", &["dst_addr"]),
    ("nhip", &["next_hop"]),
    ("nhbip", &["bgp_next_hop"]),
    ("router", &["exporter_addr"]),
    ("natsrcip", &["src_xlt_addr"]),
    ("natdstip", &["dst_xlt_addr"]),
    ("natip", &["src_xlt_addr", "dst_xlt_addr"]),
    ("port", &["src_port", "dst_port"]),
    ("srcport", &["src_port"]),
    ("dstport", &["dst_port"]),
    ("natsrcport", &["src_xlt_port"]),
    ("natdstport", &["dst_xlt_port"]),
    ("natport", &["src_xlt_port", "dst_xlt_port"]),
    ("tunproto", &["tun_proto"]),
    ("flags", &["tcp_flags"]),
    ("srctos", &["src_tos"]),
    ("dsttos", &["dst_tos"]),
    ("tos", &["src_tos", "dst_tos"]),
    ("dir", &["direction"]),
    ("srcas", &["src_as"]),
    ("dstas", &["dst_as"]),
    ("as", &["src_as", "dst_as"]),
    ("prevas", &["prev_as"]),
    ("nextas", &["next_as"]),
    ("inif", &["input_snmp"]),
    ("outif", &["output_snmp"]),
    ("if", &["input_snmp", "output_snmp"]),
    ("srcmask", &["src_mask"]),
    ("dstmask", &["dst_mask"]),
    ("mask", &["src_mask", "dst_mask"]),
    ("srcnet", &["src_net"]),
    ("dstnet", &["dst_net"]),
    ("net", &["src_net", "dst_net"]),
    ("srcvlan", &["src_vlan"]),
    ("dstvlan", &["dst_vlan"]),
    ("vlan", &["src_vlan", "dst_vlan"]),
    ("insrcmac", &["in_src_mac"]),
    ("outdstmac", &["out_dst_mac"]),
    ("indstmac", &["in_dst_mac"]),
    ("outsrcmac", &["out_src_mac"]),
    ("srcmac", &["in_src_mac", "out_src_mac"]),
    ("dstmac", &["in_dst_mac", "out_dst_mac"]),
    ("inmac", &["in_src_mac", "in_dst_mac"]),
    ("outmac", &["out_src_mac", "out_dst_mac"]),
    (
        "mac",
        &["in_src_mac", "out_dst_mac", "in_dst_mac", "out_src_mac"],
    ),
    ("mpls1", &["mpls_1"]),
    ("mpls2", &["mpls_2"]),
    ("mpls3", &["mpls_3"]),
    ("mpls4", &["mpls_4"]),
    ("mpls5", &["mpls_5"]),
    ("mpls6", &["mpls_6"]),
    ("mpls7", &["mpls_7"]),
    ("mpls8", &["mpls_8"]),
    ("mpls9", &["mpls_9"]),
    ("mpls10", &["mpls_10"]),
    ("cl", &["cli_latency"]),
    ("sl", &["srv_latency"]),
    ("al", &["app_latency"]),
    ("nbar", &["application_id"]),
    ("odid", &["observation_domain_id"]),
    ("opid", &["observation_point_id"]),
    ("nat", &["nat_event"]),
    ("xevent", &["xevent_id"]),
    ("iacl", &["ingress_acl"]),
    ("eacl", &["egress_acl"]),
    ("ivrf", &["ingress_vrf"]),
    ("evrf", &["egress_vrf"]),
    ("minttl", &["min_ttl"]),
    ("maxttl", &["max_ttl"]),
    ("exp", &["exporter_sysid"]),
    ("exporter", &["exporter_addr"]),
    ("sni", &["tls_sni"]),
];

impl Key {
    /// A key as text: the name of a [field](Self::field), one of nfdump's statistics (`srcip`, `dstport`, `ip`,
    /// …; those of both directions count each flow for source and destination), or an address with a prefix
    /// length: `src_addr/24` is IPv4 by /24 and IPv6 by /64, `src_addr/48` IPv4 whole and IPv6 by /48,
    /// `src_addr/24/48` says both. The key is named as the text.
    ///
    /// ```
    /// use nfdecode::aggregate::Key;
    /// assert_eq!(Key::parse("srcip/24")?.name(), "srcip/24");
    /// assert!(Key::parse("src_adr").is_err_and(|error| error.to_string().contains("src_addr")));
    /// # Ok::<(), nfdecode::aggregate::AggregateError>(())
    /// ```
    ///
    /// # Errors
    /// [`AggregateError::UnknownField`] with the closest names, [`AggregateError::Prefix`].
    pub fn parse(text: &str) -> Result<Self> {
        let (name, prefix) = match text.split_once('/') {
            Some((name, prefix)) => (name, Some(prefix)),
            None => (text, None),
        };
        let lower = name.to_ascii_lowercase();
        let short = SHORT.iter().find(|(short, _)| *short == lower);
        let key = match short {
            Some((_, fields)) => Self::any_of(fields.iter().copied())?,
            None => Self::field(&lower).map_err(|_| unknown(name))?,
        };
        let key = match prefix {
            None => key,
            Some(prefix) => {
                let wrong = || AggregateError::Prefix(text.to_owned());
                let number = |text: &str| text.parse::<u8>().map_err(|_| wrong());
                let (v4, v6) = match prefix.split_once('/') {
                    Some((v4, v6)) => (number(v4)?, number(v6)?),
                    None => match number(prefix)? {
                        v4 @ 0..=32 => (v4, V6_DEFAULT),
                        v6 => (32, v6),
                    },
                };
                key.with_prefix(v4, v6).map_err(|_| wrong())?
            }
        };
        Ok(key.named(text))
    }

    /// All names that [`parse`](Self::parse) accepts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        source::names().chain(SHORT.iter().map(|(short, _)| *short))
    }
}

fn unknown(name: &str) -> AggregateError {
    let near = suggest::closest(name, Key::names());
    AggregateError::UnknownField(name.to_owned(), near.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stand_for_fields_of_one_type() {
        for (short, fields) in SHORT {
            assert!(
                fields
                    .iter()
                    .all(|field| source::Source::named(field).is_ok()),
                "{short}"
            );
            assert!(Key::parse(short).is_ok(), "{short}");
        }
        for name in Key::names() {
            assert!(Key::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn prefixes_are_checked() {
        for text in [
            "src_addr/0",
            "ip/24",
            "src_addr/128",
            "dst_addr/24/48",
            "srcip/33",
        ] {
            assert!(Key::parse(text).is_ok(), "{text}");
        }
        for text in [
            "src_addr/129",
            "src_addr/33/64",
            "src_addr/",
            "src_addr/24x",
            "proto/8",
            "src_port/1",
        ] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }
}
