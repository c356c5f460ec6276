//! Addresses: from text and back, networks, families.
//!
//! An address is 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`, as in the columns of flows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder,
    StringArray, UInt8Array,
};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result};

use crate::functions::arguments::numbers;

/// Address bits that IPv4 addresses have before theirs.
const MAPPED_BITS: u8 = 96;

/// The address in 4 or 16 bytes.
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Ipv6Addr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).to_ipv6_mapped()),
        16 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?)),
        _ => None,
    }
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// The address that a text is.
pub(crate) fn parse(text: &str) -> Option<Ipv6Addr> {
    text.trim().parse().ok().map(wide)
}

/// As [`parse`], with an error that says what is wrong.
pub(crate) fn parse_or_fail(text: &str) -> Result<Ipv6Addr> {
    parse(text).ok_or_else(|| {
        let hint = match text.contains('/') {
            true => ": for networks use in_net(ADDRESS, 'NETWORK')",
            false => ", such as 192.0.2.10 or 2001:db8::1",
        };
        DataFusionError::Plan(format!("'{text}' is no IP address{hint}"))
    })
}

/// As people write it: IPv4 without the bytes before it.
pub(crate) fn shown(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        Some(v4) => v4.to_string(),
        None => address.to_string(),
    }
}

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    bits: u128,
    length: u8,
}

impl Network {
    fn new(address: Ipv6Addr, length: u8) -> Self {
        Self {
            bits: u128::from(address) & mask(length),
            length,
        }
    }

    /// A network as `10.0.0.0/8`; without a length it is a single address.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let fail = || {
            DataFusionError::Plan(format!(
                "'{text}' is no network, such as 10.0.0.0/8 or 2001:db8::/32"
            ))
        };
        let (address, length) = match text.trim().split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| fail())?;
        let (longest, before) = match address {
            IpAddr::V4(_) => (32, MAPPED_BITS),
            IpAddr::V6(_) => (128, 0),
        };
        let length = match length {
            Some(length) => length.parse::<u8>().map_err(|_| fail())?,
            None => longest,
        };
        if length > longest {
            return Err(fail());
        }
        Ok(Self::new(wide(address), length + before))
    }

    /// Its first address and its length of 0 to 128 bits.
    pub(crate) fn parts(self) -> (Ipv6Addr, u8) {
        (Ipv6Addr::from(self.bits), self.length)
    }

    /// Whether the address is in it. An IPv4 address is in no network of IPv6.
    pub(crate) fn contains(self, address: Ipv6Addr) -> bool {
        let is_v4 = address.to_ipv4_mapped().is_some();
        u128::from(address) & mask(self.length) == self.bits
            && (!is_v4 || self.length >= MAPPED_BITS)
    }
}

fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        length => u128::MAX << (128 - u32::from(length.min(128))),
    }
}

/// Reads addresses from an array of addresses, or of text.
pub(crate) enum Addresses<'a> {
    Bytes(&'a FixedSizeBinaryArray),
    Text(&'a StringArray),
}

impl<'a> Addresses<'a> {
    pub(crate) fn of(array: &'a ArrayRef) -> Self {
        match array.as_fixed_size_binary_opt() {
            Some(bytes) => Self::Bytes(bytes),
            None => Self::Text(array.as_string()),
        }
    }

    /// The address of a row; text that is none is an error.
    pub(crate) fn get(&self, row: usize) -> Result<Option<Ipv6Addr>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes
                .is_valid(row)
                .then(|| from_bytes(bytes.value(row)))
                .flatten()),
            Self::Text(text) => match text.is_valid(row) {
                true => parse_or_fail(text.value(row)).map(Some),
                false => Ok(None),
            },
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Result<Option<Ipv6Addr>>> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }
}

fn address_array(
    addresses: impl ExactSizeIterator<Item = Result<Option<Ipv6Addr>>>,
) -> Result<ArrayRef> {
    let mut built = FixedSizeBinaryBuilder::with_capacity(addresses.len(), 16);
    for address in addresses {
        match address? {
            Some(address) => built.append_value(address.octets())?,
            None => built.append_null(),
        }
    }
    Ok(Arc::new(built.finish()))
}

fn texts(array: &ArrayRef) -> impl ExactSizeIterator<Item = Option<&str>> {
    let text = array.as_string::<i32>();
    (0..text.len()).map(|row| text.is_valid(row).then(|| text.value(row)))
}

/// `ip(text)`
pub(crate) fn ip(args: &[ArrayRef]) -> Result<ArrayRef> {
    address_array(texts(&args[0]).map(|text| text.map(parse_or_fail).transpose()))
}

/// `try_ip(text)`
pub(crate) fn try_ip(args: &[ArrayRef]) -> Result<ArrayRef> {
    address_array(texts(&args[0]).map(|text| Ok(text.and_then(parse))))
}

/// `ip_text(address)`
pub(crate) fn ip_text(args: &[ArrayRef]) -> Result<ArrayRef> {
    let addresses = Addresses::of(&args[0]);
    let texts = addresses.iter().map(|address| Ok(address?.map(shown)));
    Ok(Arc::new(texts.collect::<Result<StringArray>>()?))
}

/// `mac_text(address)`
pub(crate) fn mac_text(args: &[ArrayRef]) -> Result<ArrayRef> {
    let bytes = args[0].as_fixed_size_binary();
    let shown = bytes.iter().map(|bytes| bytes.map(mac));
    Ok(Arc::new(shown.collect::<StringArray>()))
}

/// A MAC address as people write it.
pub(crate) fn mac(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// The bytes of a MAC address, with colons or dashes.
pub(crate) fn parse_mac(text: &str) -> Option<[u8; 6]> {
    text.trim()
        .replace('-', ":")
        .parse::<nfdecode::value::MacAddr>()
        .ok()
        .map(|address| address.0)
}

/// `in_net(address, network, …)`
pub(crate) fn in_net(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (first, networks) = args.split_first().ok_or_else(missing)?;
    let addresses = Addresses::of(first);
    let networks: Vec<&StringArray> = networks.iter().map(|array| array.as_string()).collect();
    // Most calls have the same networks in all rows.
    let mut known: Vec<Option<(&str, Network)>> = vec![None; networks.len()];
    let mut found = Vec::with_capacity(addresses.len());
    for (row, address) in addresses.iter().enumerate() {
        let address = address?;
        let mut answer = address.map(|_| false);
        for (place, texts) in networks.iter().enumerate() {
            if texts.is_null(row) {
                // True if another network has it, otherwise unknown.
                if answer == Some(false) {
                    answer = None;
                }
                continue;
            }
            let text = texts.value(row);
            let network = match known.get(place) {
                Some(Some((seen, network))) if *seen == text => *network,
                _ => {
                    let network = Network::parse(text)?;
                    if let Some(slot) = known.get_mut(place) {
                        *slot = Some((text, network));
                    }
                    network
                }
            };
            if address.is_some_and(|address| network.contains(address)) {
                answer = Some(true);
                break;
            }
        }
        found.push(answer);
    }
    Ok(Arc::new(BooleanArray::from(found)))
}

fn missing() -> DataFusionError {
    DataFusionError::Plan("an argument is missing".to_owned())
}

/// `net(address, bits of IPv4[, bits of IPv6])`
pub(crate) fn net(args: &[ArrayRef]) -> Result<ArrayRef> {
    /// What a site has.
    const USUAL_V6: u64 = 48;
    let addresses = Addresses::of(&args[0]);
    let lengths = |place: usize| args.get(place).map(numbers);
    let (v4, v6) = (lengths(1).ok_or_else(missing)?, lengths(2));
    address_array((0..addresses.len()).map(|row| {
        let Some(address) = addresses.get(row)? else {
            return Ok(None);
        };
        let is_v4 = address.to_ipv4_mapped().is_some();
        let (length, longest, before) = match is_v4 {
            true => (v4[row], 32, MAPPED_BITS),
            false => (v6.as_ref().map_or(Some(USUAL_V6), |v6| v6[row]), 128, 0),
        };
        let Some(length) = length else {
            return Ok(None);
        };
        let bits = u8::try_from(length).ok().filter(|bits| *bits <= longest);
        let bits = bits.ok_or_else(|| {
            DataFusionError::Execution(format!("net(): {length} bits of an address of {longest}"))
        })?;
        Ok(Some(Network::new(address, bits + before).parts().0))
    }))
}

/// `family(address)`
pub(crate) fn family(args: &[ArrayRef]) -> Result<ArrayRef> {
    let addresses = Addresses::of(&args[0]);
    let family = |address: Ipv6Addr| {
        if address.to_ipv4_mapped().is_some() {
            4_u8
        } else {
            6
        }
    };
    let found = addresses.iter().map(|address| Ok(address?.map(family)));
    Ok(Arc::new(found.collect::<Result<UInt8Array>>()?))
}

/// `is_private(address)`
pub(crate) fn is_private(args: &[ArrayRef]) -> Result<ArrayRef> {
    let addresses = Addresses::of(&args[0]);
    let is_private = |address: Ipv6Addr| match address.to_ipv4_mapped() {
        Some(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared(v4),
        None => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    };
    let found = addresses.iter().map(|address| Ok(address?.map(is_private)));
    Ok(Arc::new(found.collect::<Result<BooleanArray>>()?))
}

/// 100.64.0.0/10, which carriers share among their customers.
fn is_shared(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && b & 0xC0 == 64
}

/// A field of 16 bytes, marked as an address as the library marks its own.
pub(crate) fn marked(field: Field) -> Field {
    field.with_metadata([("ARROW:extension:name".to_owned(), "nfdecode.ip".to_owned())].into())
}

/// Whether a column of this type has addresses.
pub(crate) fn is_address(kind: &DataType) -> bool {
    matches!(kind, DataType::FixedSizeBinary(4 | 16))
}

/// Whether a column of this type has MAC addresses.
pub(crate) fn is_mac(kind: &DataType) -> bool {
    matches!(kind, DataType::FixedSizeBinary(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses_of_their_family() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.1.2.3", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("2001:db8::/32", "2001:db8:ffff::", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ] {
            let network = Network::parse(network).expect("a network");
            let address = parse(address).expect("an address");
            assert_eq!(network.contains(address), expected, "{network:?} {address}");
        }
        for text in [
            "10.0.0.0/33",
            "2001:db8::/129",
            "10.0.0/8",
            "",
            "/8",
            "10.0.0.0/x",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
