//! Names of numbers in filters.
//!
//! Not the names that output shows: a filter has shorter ones.

use crate::value::packet_filter;

/// A name and its number.
pub(crate) type Named = (&'static str, u64);

/// IP protocols 0 to 137, in order.
pub(crate) const PROTOCOLS: [&str; 138] = [
    "0", "ICMP", "IGMP", "GGP", "IPIP", "ST", "TCP", "CBT", "EGP", "IGP", "BBN", "NVPII", "PUP",
    "ARGUS", "ENCOM", "XNET", "CHAOS", "UDP", "MUX", "DCN", "HMP", "PRM", "XNS", "Trnk1", "Trnk2",
    "Leaf1", "Leaf2", "RDP", "IRTP", "ISO-4", "NETBK", "MFESP", "MEINP", "DCCP", "3PC", "IDPR",
    "XTP", "DDP", "IDPR", "TP++", "IL", "IPv6", "SDRP", "Rte6", "Frag6", "IDRP", "RSVP", "GRE",
    "MHRP", "BNA", "ESP", "AH", "INLSP", "SWIPE", "NARP", "MOBIL", "TLSP", "SKIP", "ICMP6",
    "NOHE6", "OPTS6", "HOST", "CFTP", "NET", "SATNT", "KLAN", "RVD", "IPPC", "FS", "SATM", "VISA",
    "IPCV", "CPNX", "CPHB", "WSN", "PVP", "BSATM", "SUNND", "WBMON", "WBEXP", "ISOIP", "VMTP",
    "SVMTP", "VINES", "TTP", "NSIGP", "DGP", "TCF", "EIGRP", "OSPF", "S-RPC", "LARP", "MTP",
    "AX.25", "OS", "MICP", "SCCSP", "ETHIP", "ENCAP", "99", "GMTP", "IFMP", "PNNI", "PIM", "ARIS",
    "SCPS", "QNX", "A/N", "IPcmp", "SNP", "CpqPP", "IPXIP", "VRRP", "PGM", "0hop", "L2TP", "DDX",
    "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP", "ISIS4", "FIRE", "CRTP", "CRUDP", "128",
    "IPLT", "SPS", "PIPE", "SCTP", "FC", "134", "MHEAD", "UDP-L", "MPLS",
];

/// Characters of the longest protocol name.
const PROTOCOL_NAME_MAX: usize = 5;

/// The lowest protocol whose name begins with this.
pub(crate) fn protocol(name: &str) -> Option<u64> {
    let begins = |known: &&str| {
        let start = known.as_bytes().get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    if name.len() > PROTOCOL_NAME_MAX {
        return None;
    }
    let number = PROTOCOLS.iter().position(begins)?;
    Some(number as u64)
}

/// Forwarding status.
pub(crate) const FORWARDING: &[Named] = &[
    ("Ukwn", 0),
    ("Forw", 1),
    ("Frag", 2),
    ("Drop", 16),
    ("DaclD", 17),
    ("Daclp", 18),
    ("Noroute", 19),
    ("Dadj", 20),
    ("Dfrag", 21),
    ("Dbadh", 22),
    ("Dbadtlen", 23),
    ("Dbadhlen", 24),
    ("DbadTTL", 25),
    ("Dpolicy", 26),
    ("Dwred", 27),
    ("Drpf", 28),
    ("Dforus", 29),
    ("DbadOf", 30),
    ("Dhw", 31),
    ("Term", 128),
    ("Tadj", 129),
    ("TincAdj", 130),
    ("Tforus", 131),
];

/// NSEL events.
pub(crate) const ASA_EVENTS: &[Named] = &[
    ("ignore", 0),
    ("create", 1),
    ("delete", 2),
    ("denied", 3),
    ("alert", 4),
    ("update", 5),
];

/// NSEL extended events: why a flow was denied.
pub(crate) const ASA_DENIED: &[Named] = &[
    ("ignore", 0),
    ("I-ACL", 1001),
    ("ingress", 1001),
    ("E-ACL", 1002),
    ("egress", 1002),
    ("deny", 1003),
    ("access", 1003),
    ("interface", 1003),
    ("nosyn", 1004),
];

/// NAT events.
pub(crate) const NAT_EVENTS: &[Named] = &[
    ("invalid", 0),
    ("add", 1),
    ("delete", 2),
    ("exhaust", 3),
    ("add44", 4),
    ("del44", 5),
    ("add64", 6),
    ("del64", 7),
    ("add44bib", 8),
    ("del44bib", 9),
    ("add64bib", 10),
    ("del64bib", 11),
    ("pexhaust", 12),
    ("quotaexh", 13),
    ("addaddr", 14),
    ("deladdr", 15),
    ("addpblk", 16),
    ("delpblk", 17),
    ("threshld", 18),
];

/// What a packet filter did.
pub(crate) const PF_ACTIONS: &[Named] =
    &numbered::<{ packet_filter::ACTIONS.len() }>(&packet_filter::ACTIONS, ("", 0));

/// Why a packet filter did it. nfdump spells `memory` with a parenthesis, which is accepted beside it.
pub(crate) const PF_REASONS: &[Named] = &numbered::<{ packet_filter::REASONS.len() + 1 }>(
    &packet_filter::REASONS,
    packet_filter::REASON_MEMORY,
);

/// Names with their numbers, and `rest` in the place of those that are missing.
const fn numbered<const N: usize>(names: &[&'static str], rest: (&'static str, u8)) -> [Named; N] {
    let mut all = [(rest.0, rest.1 as u64); N];
    let mut at = 0;
    while at < names.len() {
        all[at] = (names[at], at as u64);
        at += 1;
    }
    all
}

/// Directions of a packet filter.
pub(crate) const PF_DIRECTIONS: &[Named] = &[("in", 1), ("out", 0)];

/// The number of a name; case does not matter.
pub(crate) fn find(names: &[Named], name: &str) -> Option<u64> {
    let found = names
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(found.1)
}
