//! MAC addresses.

use std::fmt;
use std::str::FromStr;

/// A MAC address, most significant byte first. `Display` gives `02:00:5e:10:00:01`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// From the stored form: the low 48 bits of a number.
    pub(crate) fn from_number(number: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Self([a, b, c, d, e, f])
    }

    /// The stored form.
    #[cfg(feature = "aggregate")]
    pub(crate) fn to_number(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The six bytes, most significant first.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(address: MacAddr) -> Self {
        address.0
    }
}

/// The text is not a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseMacAddrError;

impl fmt::Display for ParseMacAddrError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a MAC address is six hexadecimal bytes, such as 02:00:5e:10:00:01")
    }
}

impl std::error::Error for ParseMacAddrError {}

/// Six bytes of one or two hexadecimal digits of either case, all separated by `:` or all by `-`.
///
/// ```
/// use nfdecode::value::MacAddr;
/// let address: MacAddr = "02:00:5e:10:00:01".parse()?;
/// assert_eq!(address.octets(), [0x02, 0x00, 0x5e, 0x10, 0x00, 0x01]);
/// assert_eq!("2-0-5E-10-0-1".parse(), Ok(address));
/// assert!("02:00:5e:10:00".parse::<MacAddr>().is_err());
/// # Ok::<(), nfdecode::value::ParseMacAddrError>(())
/// ```
impl FromStr for MacAddr {
    type Err = ParseMacAddrError;

    fn from_str(text: &str) -> Result<Self, ParseMacAddrError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut pieces = text.split(separator);
        let mut octets = [0; 6];
        for octet in &mut octets {
            let piece = pieces.next().ok_or(ParseMacAddrError)?;
            let is_hex = piece.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_hex || piece.len() > 2 {
                return Err(ParseMacAddrError);
            }
            *octet = u8::from_str_radix(piece, 16).map_err(|_| ParseMacAddrError)?;
        }
        match pieces.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(ParseMacAddrError),
        }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}
