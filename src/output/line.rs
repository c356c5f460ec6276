//! Text of a flow, written into room that is known to suffice.
//!
//! A [`Line`] lives in registers: a room of fixed size and a position in it. Writes check no bounds
//! and stay inside: positions are masked, which the compiler understands and which never changes one,
//! since the text of an element is short and a line gets no more elements than it has room for. As in
//! [`buffer`](super::buffer) every piece has a fixed size and may write unused bytes after itself.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::output::digits::{HEX_PAIRS, THREE_DIGITS};

/// Bytes of text in a line at most; most flows have less.
pub(crate) const LINE_MAX: usize = 8192;
/// Bytes of text that an element may have. A test checks that none has more.
pub(crate) const ELEMENT_MAX: usize = 1024;
/// Largest piece.
const PIECE_MAX: usize = 64;
/// Bytes of room that a line needs.
pub(crate) const LINE_ROOM: usize = LINE_MAX + PIECE_MAX;
/// A position in the room for a line.
pub(crate) struct Line<'a> {
    room: &'a mut [u8; LINE_ROOM],
    at: usize,
}

/// Octets in decimal with a dot at the end, and their length without it.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut table = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let [a, b, c, zeros] = THREE_DIGITS[octet];
        table[octet] = match zeros {
            0 => ([a, b, c, b'.'], 3),
            1 => ([b, c, b'.', 0], 2),
            _ => ([c, b'.', 0, 0], 1),
        };
        octet += 1;
    }
    table
};

/// The longest run of at least two zero groups for each set of zero groups, bit i for group i:
/// start and length. The first on a tie; 8 and 0 when there is none.
static ZERO_RUNS: [(u8, u8); 256] = {
    let mut table = [(8, 0); 256];
    let mut set = 0;
    while set < 256 {
        let (mut best, mut start, mut at) = ((8, 0), 0, 0);
        while at < 8 {
            if set >> at & 1 == 0 {
                start = at + 1;
            } else if at + 1 - start > best.1 {
                best = (start, at + 1 - start);
            }
            at += 1;
        }
        if best.1 >= 2 {
            table[set] = (best.0 as u8, best.1 as u8);
        }
        set += 1;
    }
    table
};

/// The digits of a number below 10^8, one a byte, the most significant in the lowest byte.
#[inline(always)]
fn eight_digits(number: u32) -> u64 {
    // Halves, then quarters, then eighths, all at once: a division by a constant is a product.
    let halves = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let quarters = hundreds | (halves - hundreds * 100) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (quarters - tens * 10) << 8
}

const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// The text of a number below 10^8, its first digit in the lowest byte, and its length.
#[inline(always)]
pub(crate) fn short_digits(number: u32) -> (u64, usize) {
    let digits = eight_digits(number);
    // The last digit is printed even if it is 0.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    ((digits | ZEROS) >> (8 * zeros), 8 - zeros as usize)
}

impl<'a> Line<'a> {
    #[inline(always)]
    pub(crate) fn new(room: &'a mut [u8; LINE_ROOM]) -> Self {
        Self { room, at: 0 }
    }

    /// Bytes written.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.at
    }

    /// Whether another element may have no room.
    #[inline(always)]
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.at > LINE_MAX - ELEMENT_MAX
    }

    /// The piece that begins at `start`; bytes past the end of the line are unspecified.
    #[inline(always)]
    pub(crate) fn piece<const N: usize>(&self, start: usize) -> &[u8; N] {
        const { assert!(N <= PIECE_MAX) }
        let rest = self.room.get(start % LINE_MAX..);
        rest.and_then(<[u8]>::first_chunk).unwrap_or(&[0; N])
    }

    /// Appends the first `used` bytes of `piece`.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, piece: &[u8; N], used: usize) {
        const { assert!(N <= PIECE_MAX) }
        debug_assert!(self.at < LINE_MAX, "a line is not overrun");
        let rest = self.room.get_mut(self.at % LINE_MAX..);
        // An assignment is a move in every build, a copy between slices may be a call.
        if let Some(target) = rest.and_then(<[u8]>::first_chunk_mut::<N>) {
            *target = *piece;
        }
        self.at += used;
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, byte: u8) {
        self.put(&[byte], 1);
    }

    /// Unsigned decimal.
    #[inline(always)]
    pub(crate) fn decimal(&mut self, number: u64) {
        const EIGHT: u64 = 100_000_000;
        const SIXTEEN: u64 = EIGHT * EIGHT;
        if number < EIGHT {
            self.short_decimal(number as u32);
        } else {
            let mut rest = number;
            if rest >= SIXTEEN {
                self.short_decimal((rest / SIXTEEN) as u32);
                rest %= SIXTEEN;
                self.put(
                    &(eight_digits((rest / EIGHT) as u32) | ZEROS).to_le_bytes(),
                    8,
                );
            } else {
                self.short_decimal((rest / EIGHT) as u32);
            }
            self.put(
                &(eight_digits((rest % EIGHT) as u32) | ZEROS).to_le_bytes(),
                8,
            );
        }
    }

    /// Unsigned decimal below 10^8, without a branch.
    #[inline(always)]
    pub(crate) fn short_decimal(&mut self, number: u32) {
        let (text, length) = short_digits(number);
        self.put(&text.to_le_bytes(), length);
    }

    /// Unsigned decimal of 16 bits, without a branch.
    #[inline(always)]
    pub(crate) fn decimal16(&mut self, number: u16) {
        const ZEROS: u64 = u64::from_le_bytes(*b"00000\0\0\0");
        let (high, low) = (usize::from(number / 100), usize::from(number % 100));
        // As words: bytes taken one by one are put together one by one.
        let high = u32::from_le_bytes(THREE_DIGITS[high]) & 0x00FF_FFFF;
        let low = u32::from_le_bytes(THREE_DIGITS[low]) & 0x00FF_FF00;
        let text = u64::from(high) | u64::from(low) << 16;
        // The last digit is printed even if it is 0.
        let zeros = ((text ^ ZEROS) | 1 << 32).trailing_zeros() / 8;
        self.put(&(text >> (8 * zeros)).to_le_bytes(), 5 - zeros as usize);
    }

    /// Unsigned decimal of a byte.
    #[inline(always)]
    pub(crate) fn octet(&mut self, number: u8) {
        let (digits, length) = &OCTETS[usize::from(number)];
        self.put(digits, usize::from(*length));
    }

    /// A number of thousandths with three decimals.
    #[inline(always)]
    pub(crate) fn thousandths(&mut self, number: u64) {
        self.decimal(number / 1000);
        let [a, b, c, _] = THREE_DIGITS[(number % 1000) as usize];
        self.put(&[b'.', a, b, c], 4);
    }

    /// Removes the last byte.
    #[inline(always)]
    pub(crate) fn step_back(&mut self) {
        self.at -= 1;
    }

    /// Dotted decimal.
    #[inline(always)]
    pub(crate) fn ip4(&mut self, address: Ipv4Addr) {
        for octet in address.octets() {
            let (digits, length) = &OCTETS[usize::from(octet)];
            self.put(digits, usize::from(*length) + 1);
        }
        self.at -= 1;
    }

    /// RFC 5952 as glibc does it: addresses whose first 96 bits are zero, or zero but for `ffff` at
    /// the end, show the rest as an IPv4 address, unless the run of zeros reaches into it.
    #[inline(always)]
    pub(crate) fn ip6(&mut self, address: Ipv6Addr) {
        // The position goes by value, so that it stays in a register here.
        self.at = ip6(self.room, self.at, address);
    }
}

#[inline(never)]
fn ip6(room: &mut [u8; LINE_ROOM], at: usize, address: Ipv6Addr) -> usize {
    let mut line = Line { room, at };
    let groups = address.segments();
    let mut set = 0;
    for (at, group) in groups.iter().enumerate() {
        set |= usize::from(*group == 0) << at;
    }
    let (start, length) = ZERO_RUNS[set & 255];
    let (start, length) = (usize::from(start), usize::from(length));
    let dotted = start == 0 && (length == 6 || length == 5 && groups[5] == 0xffff);
    let end = if dotted { 6 } else { 8 };
    let mut at = 0;
    while at < end {
        if at == start {
            line.put(b"::", 2);
            at += length;
            continue;
        }
        if at != 0 && at != start + length {
            line.push(b':');
        }
        let [high, low] = groups[at].to_be_bytes();
        let [[a, b], [c, d]] = [HEX_PAIRS[usize::from(high)], HEX_PAIRS[usize::from(low)]];
        let zeros = (groups[at].leading_zeros() / 4).min(3);
        let shifted = u32::from_be_bytes([a, b, c, d]) << (8 * zeros);
        line.put(&shifted.to_be_bytes(), 4 - zeros as usize);
        at += 1;
    }
    if dotted {
        if length == 5 {
            line.push(b':');
        }
        line.ip4(Ipv4Addr::from_bits(
            u32::from(groups[6]) << 16 | u32::from(groups[7]),
        ));
    }
    line.at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Line<'_>)) -> String {
        let mut room = [b'?'; LINE_ROOM];
        let mut line = Line::new(&mut room);
        write(&mut line);
        let length = line.len();
        String::from_utf8_lossy(&room[..length]).into_owned()
    }

    #[test]
    fn all_numbers_of_16_bits() {
        for number in 0..=u16::MAX {
            assert_eq!(text(|line| line.decimal16(number)), number.to_string());
        }
    }

    #[test]
    fn thousandths_have_three_decimals() {
        for (number, expected) in [
            (0, "0.000"),
            (7, "0.007"),
            (1_050, "1.050"),
            (123_456_789_012, "123456789.012"),
        ] {
            assert_eq!(text(|line| line.thousandths(number)), expected);
        }
    }
}
