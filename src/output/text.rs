//! Text of single values, appended to a byte buffer: numbers, addresses, labels, JSON strings.
//!
//! The forms are nfdump's, which for IPv6 addresses are those of glibc's `inet_ntop`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::value::{MacAddr, MplsLabel};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Unsigned decimal.
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Unsigned lower-case hexadecimal without leading zeros.
pub(super) fn hex(number: u32, out: &mut Vec<u8>) {
    let digits = (u32::BITS - number.leading_zeros()).div_ceil(4).max(1);
    out.extend(
        (0..digits)
            .rev()
            .map(|digit| HEX[(number >> (4 * digit)) as usize & 15]),
    );
}

/// Dotted decimal.
pub(super) fn ip4(address: Ipv4Addr, out: &mut Vec<u8>) {
    let [a, b, c, d] = address.octets();
    decimal(a.into(), out);
    for octet in [b, c, d] {
        out.push(b'.');
        decimal(octet.into(), out);
    }
}

/// The longest run of at least two zero groups, the first on a tie: start and length.
fn zero_run(groups: &[u16; 8]) -> (usize, usize) {
    let (mut best, mut start) = ((8, 0), 0);
    for (at, group) in groups.iter().enumerate() {
        if *group != 0 {
            start = at + 1;
        } else if at + 1 - start > best.1 {
            best = (start, at + 1 - start);
        }
    }
    if best.1 < 2 { (8, 0) } else { best }
}

/// RFC 5952 as glibc does it: addresses whose first 96 bits are zero, or zero but for `ffff` at
/// the end, show the rest as an IPv4 address, unless the run of zeros reaches into it.
pub(super) fn ip6(address: Ipv6Addr, out: &mut Vec<u8>) {
    let groups = address.segments();
    let (start, length) = zero_run(&groups);
    let dotted = start == 0 && (length == 6 || length == 5 && groups[5] == 0xffff);
    let end = if dotted { 6 } else { 8 };
    let mut at = 0;
    while at < end {
        if at == start {
            out.extend_from_slice(b"::");
            at += length;
            continue;
        }
        if at != 0 && at != start + length {
            out.push(b':');
        }
        hex(groups[at].into(), out);
        at += 1;
    }
    if dotted {
        if length == 5 {
            out.push(b':');
        }
        let bits = u32::from(groups[6]) << 16 | u32::from(groups[7]);
        ip4(Ipv4Addr::from_bits(bits), out);
    }
}

/// Two hexadecimal digits a byte, colons between.
pub(super) fn mac(address: MacAddr, out: &mut Vec<u8>) {
    let mut text = [b':'; 17];
    for (pair, byte) in text.chunks_mut(3).zip(address.0) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    out.extend_from_slice(&text);
}

/// Label, traffic class and bottom bit with dashes between.
pub(super) fn mpls(label: MplsLabel, out: &mut Vec<u8>) {
    decimal(label.label().into(), out);
    out.extend_from_slice(&[
        b'-',
        b'0' + label.traffic_class(),
        b'-',
        b'0' + u8::from(label.is_bottom()),
    ]);
}

/// Three words as `0x1/0x2/0x3`.
pub(super) fn acl(words: [u32; 3], out: &mut Vec<u8>) {
    for (at, word) in words.into_iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"0x" } else { b"/0x" });
        hex(word, out);
    }
}

/// Microseconds as milliseconds with six decimals, by way of a double as nfdump does.
pub(super) fn milliseconds(micros: u64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Up to here the double is so exact that its six decimals are those of the integer.
    const EXACT: u64 = 1 << 40;
    if micros < EXACT {
        decimal(micros / 1000, out);
        let rest = (micros % 1000) as u16;
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
        out.push(b'.');
        out.extend_from_slice(&digits);
        out.extend_from_slice(b"000");
    } else {
        let milliseconds = micros as f64 / 1000.0;
        write!(out, "{milliseconds:.6}").expect("writing to a Vec cannot fail");
    }
}

/// The inside of a JSON string: quotes, backslashes and control characters escaped, bytes that
/// are not UTF-8 replaced by U+FFFD.
pub(super) fn json_string(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[
                        HEX[usize::from(byte >> 4)],
                        HEX[usize::from(byte & 15)],
                    ]);
                }
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text is UTF-8")
    }

    #[test]
    fn ipv6_is_written_as_glibc_writes_it() {
        // Examples of the description of nfdump's output, all seen with 1.7.10.
        for expected in [
            "::",
            "::1",
            "::2",
            "::ffff",
            "::1.2.3.4",
            "::0.1.0.0",
            "::ffff:1.2.3.4",
            "::ffff:0.0.0.0",
            "::ffff:0:102:304",
            "64:ff9b::102:304",
            "1::2:0:0:3:4",
            "2001:db8:0:1:1:1:1:1",
            "0:1::",
        ] {
            let address: Ipv6Addr = expected.parse().expect("an address");
            assert_eq!(text(|out| ip6(address, out)), expected);
        }
    }

    #[test]
    fn ipv6_parses_back() {
        for seed in 0..=255_u128 {
            // Every pattern of zero and non-zero groups.
            let bits = (0..8).fold(0, |bits, group| {
                (bits << 16) | ((seed >> group & 1) * 0xabc)
            });
            let address = Ipv6Addr::from_bits(bits);
            assert_eq!(text(|out| ip6(address, out)).parse(), Ok(address));
        }
    }

    #[test]
    fn latencies_are_doubles_with_six_decimals() {
        for (micros, expected) in [
            (0, "0.000000"),
            (1234, "1.234000"),
            (u64::MAX, "18446744073709552.000000"),
            ((1 << 53) + 1, "9007199254740.992188"),
            ((1 << 40) - 1, "1099511627.775000"),
        ] {
            assert_eq!(text(|out| milliseconds(micros, out)), expected);
        }
    }

    #[test]
    fn hex_has_no_leading_zeros() {
        for (number, expected) in [(0, "0"), (0xf, "f"), (0x10, "10"), (u32::MAX, "ffffffff")] {
            assert_eq!(text(|out| hex(number, out)), expected);
        }
    }

    #[test]
    fn strings_of_any_bytes_are_json() {
        let all: Vec<u8> = (0..=255).collect();
        let quoted = text(|out| {
            out.push(b'"');
            json_string(&all, out);
            out.push(b'"');
        });
        assert!(quoted.starts_with(r#""\u0000\u0001"#));
        assert!(quoted.contains("!\\\"#$") && quoted.contains(r"[\\]"));
        assert!(quoted.ends_with('"'));
    }
}
