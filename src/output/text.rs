//! The text of single values: numbers, addresses, labels, JSON strings.
//!
//! The forms are nfdump's, which for IPv6 addresses are those of glibc's `inet_ntop`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::output::buffer::TextBuffer;
use crate::output::digits::{HEX_PAIRS, THREE_DIGITS};
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;

/// Below 1000, three digits.
#[inline]
pub(crate) fn padded(number: usize, out: &mut TextBuffer) {
    if let Some(digits) = THREE_DIGITS.get(number) {
        out.put(digits, 3);
    }
}

/// Unsigned decimal.
#[inline]
pub(crate) fn decimal(number: u64, out: &mut TextBuffer) {
    if let Some(mut line) = out.line() {
        line.decimal(number);
        let length = line.len();
        out.advance(length);
    }
}

/// Unsigned lower-case hexadecimal without leading zeros.
pub(crate) fn hex(number: u32, out: &mut TextBuffer) {
    let mut text = [0; 8];
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&HEX_PAIRS[usize::from(byte)]);
    }
    let zeros = (number.leading_zeros() / 4).min(7);
    let shifted = u64::from_be_bytes(text) << (8 * zeros);
    out.put(&shifted.to_be_bytes(), 8 - zeros as usize);
}

/// As [`hex`], of 64 bits.
pub(crate) fn hex_long(number: u64, out: &mut TextBuffer) {
    let (high, low) = ((number >> 32) as u32, number as u32);
    if high == 0 {
        return hex(low, out);
    }
    hex(high, out);
    hex_bytes(&low.to_be_bytes(), out);
}

/// Two lower-case hexadecimal digits a byte.
pub(crate) fn hex_bytes(bytes: &[u8], out: &mut TextBuffer) {
    for byte in bytes {
        out.put(&HEX_PAIRS[usize::from(*byte)], 2);
    }
}

/// Blanks until what was written since `from` takes `width` columns.
pub(crate) fn pad(from: usize, width: usize, out: &mut TextBuffer) {
    while out.len() < from + width {
        out.push(b' ');
    }
}

/// Dotted decimal.
#[inline]
pub(crate) fn ip4(address: Ipv4Addr, out: &mut TextBuffer) {
    if let Some(mut line) = out.line() {
        line.ip4(address);
        let length = line.len();
        out.advance(length);
    }
}

/// An address of either family.
#[inline]
pub(crate) fn ip(address: IpAddr, out: &mut TextBuffer) {
    match address {
        IpAddr::V4(address) => ip4(address, out),
        IpAddr::V6(address) => ip6(address, out),
    }
}

/// RFC 5952 as glibc does it.
pub(crate) fn ip6(address: Ipv6Addr, out: &mut TextBuffer) {
    if let Some(mut line) = out.line() {
        line.ip6(address);
        let length = line.len();
        out.advance(length);
    }
}

/// Two hexadecimal digits a byte, colons between.
pub(crate) fn mac(address: MacAddr, out: &mut TextBuffer) {
    let mut text = [b':'; 18];
    for (place, byte) in text.chunks_exact_mut(3).zip(address.0) {
        let [high, low] = HEX_PAIRS[usize::from(byte)];
        place[0] = high;
        place[1] = low;
    }
    out.put(&text, 17);
}

/// Label, traffic class and bottom bit with dashes between.
pub(crate) fn mpls(label: MplsLabel, out: &mut TextBuffer) {
    decimal(label.label().into(), out);
    out.put(
        &[
            b'-',
            b'0' + label.traffic_class(),
            b'-',
            b'0' + u8::from(label.is_bottom()),
        ],
        4,
    );
}

/// Three words as `0x1/0x2/0x3`.
pub(crate) fn acl(words: [u32; 3], out: &mut TextBuffer) {
    for (at, word) in words.into_iter().enumerate() {
        out.extend(if at == 0 { b"0x" } else { b"/0x" });
        hex(word, out);
    }
}

/// Below this a double is so exact that its decimals, up to six, are those of the integer.
pub(crate) const EXACT: u64 = 1 << 40;

/// Microseconds as milliseconds with six decimals, by way of a double as nfdump does.
pub(crate) fn milliseconds(micros: u64, out: &mut TextBuffer) {
    if micros < EXACT {
        decimal(micros / 1000, out);
        out.push(b'.');
        padded((micros % 1000) as usize, out);
        out.put(b"000", 3);
    } else {
        display(format_args!("{:.6}", micros as f64 / 1000.0), out);
    }
}

/// A number of thousandths with three decimals, by way of a double as nfdump does.
pub(crate) fn thousandths(number: u64, out: &mut TextBuffer) {
    if number < EXACT {
        decimal(number / 1000, out);
        out.push(b'.');
        padded((number % 1000) as usize, out);
    } else {
        display(format_args!("{:.3}", number as f64 / 1000.0), out);
    }
}

/// A rare value by its `Display`.
pub(crate) fn display(value: impl std::fmt::Display, out: &mut TextBuffer) {
    struct Writer<'a>(&'a mut TextBuffer);
    impl std::fmt::Write for Writer<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.extend(text.as_bytes());
            Ok(())
        }
    }
    // The buffer accepts everything, and no `Display` of ours fails.
    let _ = std::fmt::write(&mut Writer(out), format_args!("{value}"));
}

/// The inside of a JSON string: quotes, backslashes and control characters escaped, bytes that
/// are not UTF-8 replaced by U+FFFD.
pub(crate) fn json_string(bytes: &[u8], out: &mut TextBuffer) {
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' | b'\\' => out.put(&[b'\\', byte], 2),
                b'\n' => out.put(b"\\n", 2),
                b'\r' => out.put(b"\\r", 2),
                b'\t' => out.put(b"\\t", 2),
                0..0x20 => {
                    out.put(b"\\u00", 4);
                    out.put(&HEX_PAIRS[usize::from(byte)], 2);
                }
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend("\u{FFFD}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut TextBuffer)) -> String {
        let mut out = TextBuffer::default();
        write(&mut out);
        String::from_utf8(out.as_bytes().to_vec()).expect("text is UTF-8")
    }

    #[test]
    fn numbers_of_all_lengths() {
        for exponent in 0..20 {
            let power = 10_u64.pow(exponent);
            for number in [power - 1, power, power + 1, power / 7 * 9] {
                assert_eq!(text(|out| decimal(number, out)), number.to_string());
            }
        }
        assert_eq!(text(|out| decimal(u64::MAX, out)), u64::MAX.to_string());
        for number in (0..=u32::MAX).step_by(99_991) {
            assert_eq!(text(|out| decimal(number.into(), out)), number.to_string());
            assert_eq!(text(|out| hex(number, out)), format!("{number:x}"));
            let address = Ipv4Addr::from_bits(number);
            assert_eq!(text(|out| ip4(address, out)), address.to_string());
        }
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
            let number = u64::from(number);
            assert_eq!(text(|out| hex_long(number, out)), expected);
            let number = number << 32 | 0x0a;
            assert_eq!(text(|out| hex_long(number, out)), format!("{number:x}"));
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
