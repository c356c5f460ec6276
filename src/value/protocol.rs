//! IP protocol numbers that have a meaning for flow records (IANA "Protocol Numbers").

/// ICMP: flows have a type and a code instead of ports.
pub(crate) const ICMP: u8 = 1;
/// TCP: only these flows have TCP flags and TLS hellos.
#[allow(dead_code, reason = "not every feature needs it")]
pub(crate) const TCP: u8 = 6;
/// UDP.
#[allow(dead_code, reason = "not every feature needs it")]
pub(crate) const UDP: u8 = 17;
/// ICMPv6: as ICMP.
pub(crate) const ICMP6: u8 = 58;
