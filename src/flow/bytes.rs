//! Reads values from the payload of an element at an offset.
//!
//! Bytes past the end of a payload read as 0. Nothing here knows which element it reads.

use std::net::{Ipv4Addr, Ipv6Addr};

/// When a field exists, given that its element does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// Always.
    Always,
    /// Protocol 1 or 58.
    Icmp,
    /// Any other protocol.
    NotIcmp,
    /// The byte itself is not 0.
    NonZero,
    /// The minimum or the maximum TTL is not 0.
    AnyTtl,
}

/// Bytes of a user name at most.
pub(crate) const USER_NAME_MAX: usize = 66;

/// The same in layout 3.
pub(crate) const USER_NAME_MAX_LAYOUT3: usize = 72;

/// `N` bytes at `at`; bytes that the element does not have are 0.
#[inline]
pub(crate) fn bytes_at<const N: usize>(payload: &[u8], at: usize) -> [u8; N] {
    match payload.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        Some(bytes) => *bytes,
        None => padded_bytes_at(payload, at),
    }
}

/// Elements that are shorter than they should be are rare.
#[cold]
#[inline(never)]
fn padded_bytes_at<const N: usize>(payload: &[u8], at: usize) -> [u8; N] {
    let mut padded = [0; N];
    let rest = payload.get(at..).unwrap_or_default();
    padded
        .iter_mut()
        .zip(rest)
        .for_each(|(to, from)| *to = *from);
    padded
}

#[inline]
pub(crate) fn u8_at(payload: &[u8], at: usize) -> u8 {
    payload.get(at).copied().unwrap_or(0)
}

#[inline]
pub(crate) fn u16_at(payload: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(payload, at))
}

#[inline]
pub(crate) fn u32_at(payload: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(payload, at))
}

#[inline]
pub(crate) fn u64_at(payload: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(payload, at))
}

#[inline]
pub(crate) fn ip4_at(payload: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32_at(payload, at))
}

#[inline]
pub(crate) fn ip6_at(payload: &[u8], at: usize) -> Ipv6Addr {
    let (high, low) = (u64_at(payload, at), u64_at(payload, at + 8));
    Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low))
}

/// ACL words are stored as they came from the exporter: in network byte order.
pub(crate) fn acl_at(payload: &[u8], at: usize) -> [u32; 3] {
    [0, 4, 8].map(|word| u32::from_be_bytes(bytes_at(payload, at + word)))
}

/// Text up to its NUL, at most `limit` bytes, never past the element.
pub(crate) fn text_at(payload: &[u8], at: usize, limit: usize) -> &[u8] {
    let field = payload.get(at..).unwrap_or_default();
    let field = field.get(..limit).unwrap_or(field);
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// nfdump 1.7.0 stored two VRF ids (8 bytes) in front of pool and event, which made the element
/// longer; only the length distinguishes the layouts.
pub(crate) fn nat_offset(payload: &[u8], at: usize) -> usize {
    const SIZE_OF_1_7_0: usize = 24;
    if payload.len() >= SIZE_OF_1_7_0 {
        at + 8
    } else {
        at
    }
}
