//! Numbers and names of link types.

/// Ethernet.
pub(crate) const ETHERNET: u16 = 1;
/// OpenBSD packet filter log.
pub(crate) const PFLOG: u16 = 117;

/// Short name of a link type that is supported or common.
#[must_use]
pub fn link_type_name(link_type: u16) -> Option<&'static str> {
    Some(match link_type {
        0 => "BSD loopback",
        ETHERNET => "Ethernet",
        9 => "PPP",
        12 | 14 | 101 => "raw IP",
        50 => "PPP in HDLC framing",
        51 => "PPPoE",
        104 => "Cisco HDLC",
        105 => "802.11",
        108 => "OpenBSD loopback",
        113 => "Linux cooked",
        PFLOG => "pflog",
        127 => "802.11 with radiotap",
        147..=162 => "private use",
        189 | 220 | 249 => "USB",
        195 | 215 | 230 | 283 => "802.15.4",
        187 | 201 | 251 | 256 => "Bluetooth",
        227 => "CAN",
        228 => "raw IPv4",
        229 => "raw IPv6",
        239 => "NFLOG",
        247 => "InfiniBand",
        253 => "netlink",
        276 => "Linux cooked v2",
        _ => return None,
    })
}
