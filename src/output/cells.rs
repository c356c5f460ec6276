//! Values as nfdump shows them to people: scaled counters, durations, protocol names, short addresses.

use std::net::IpAddr;

use crate::output::text;
use crate::output::text::TextBuffer;

/// A counter: from a million on with one decimal and `M`, `G` or `T`.
pub fn scaled(number: u64, out: &mut TextBuffer) {
    const MILLION: u64 = 1_000_000;
    let (unit, name) = match number {
        0..MILLION => return text::decimal(number, out),
        MILLION..1_000_000_000 => (1e6, 'M'),
        1_000_000_000..1_000_000_000_000 => (1e9, 'G'),
        _ => (1e12, 'T'),
    };
    text::display(format_args!("{:.1} {name}", number as f64 / unit), out);
}

/// A duration in milliseconds as `hh:mm:ss.mmm`, with days before it if there are any.
pub fn duration(milliseconds: u64, out: &mut TextBuffer) {
    let seconds = milliseconds / 1000;
    let days = seconds / 86_400;
    if days != 0 {
        text::display(format_args!("{days:2}d "), out);
    }
    let pair = |number: u64, out: &mut TextBuffer| {
        out.push(b'0' + (number / 10) as u8);
        out.push(b'0' + (number % 10) as u8);
    };
    pair(seconds / 3600 % 24, out);
    out.push(b':');
    pair(seconds / 60 % 60, out);
    out.push(b':');
    pair(seconds % 60, out);
    out.push(b'.');
    text::padded((milliseconds % 1000) as usize, out);
}

/// Columns of an address in nfdump's lines.
pub const ADDRESS: usize = 16;

/// An address in at most `width` columns: a longer one loses its middle.
pub fn short_address(address: IpAddr, width: usize, out: &mut TextBuffer) {
    let from = out.len();
    match address {
        IpAddr::V4(address) => return text::ip4(address, out),
        IpAddr::V6(address) => text::ip6(address, out),
    }
    let length = out.len() - from;
    if length <= width {
        return;
    }
    let kept = width.saturating_sub(2);
    let (front, back) = (kept.div_ceil(2), kept / 2);
    let whole = out.as_bytes().get(from..).unwrap_or_default().to_vec();
    out.truncate(from + front);
    out.extend(b"..");
    out.extend(whole.get(length - back..).unwrap_or_default());
}

/// An address in full, as nfdump's JSON and CSV have it.
pub fn address(address: IpAddr, out: &mut TextBuffer) {
    short_address(address, usize::MAX, out);
}

/// What nfdump calls a protocol; empty for protocols that it shows as numbers.
#[must_use]
pub fn protocol_name(number: u8) -> &'static str {
    const NAMES: [&str; 140] = [
        "", "ICMP", "IGMP", "GGP", "IPIP", "ST", "TCP", "CBT", "EGP", "IGP", "BBN", "NVPII", "PUP",
        "ARGUS", "ENCOM", "XNET", "CHAOS", "UDP", "MUX", "DCN", "HMP", "PRM", "XNS", "Trnk1",
        "Trnk2", "Leaf1", "Leaf2", "RDP", "IRTP", "ISO-4", "NETBK", "MFESP", "MEINP", "DCCP",
        "3PC", "IDPR", "XTP", "DDP", "IDPR", "TP++", "IL", "IPv6", "SDRP", "Rte6", "Frag6", "IDRP",
        "RSVP", "GRE", "MHRP", "BNA", "ESP", "AH", "INLSP", "SWIPE", "NARP", "MOBIL", "TLSP",
        "SKIP", "ICMP6", "NOHE6", "OPTS6", "HOST", "CFTP", "NET", "SATNT", "KLAN", "RVD", "IPPC",
        "FS", "SATM", "VISA", "IPCV", "CPNX", "CPHB", "WSN", "PVP", "BSATM", "SUNND", "WBMON",
        "WBEXP", "ISOIP", "VMTP", "SVMTP", "VINES", "TTP", "NSIGP", "DGP", "TCF", "EIGRP", "OSPF",
        "S-RPC", "LARP", "MTP", "AX.25", "OS", "MICP", "SCCSP", "ETHIP", "ENCAP", "", "GMTP",
        "IFMP", "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPcmp", "SNP", "CpqPP", "IPXIP",
        "VRRP", "PGM", "0hop", "L2TP", "DDX", "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP",
        "ISIS4", "FIRE", "CRTP", "CRUDP", "", "IPLT", "SPS", "PIPE", "SCTP", "FC", "", "MHEAD",
        "UDP-L", "MPLS", "", "",
    ];
    NAMES.get(usize::from(number)).copied().unwrap_or_default()
}
