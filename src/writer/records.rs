//! Records that are not flows, as they are stored.

use std::net::IpAddr;

use crate::file::names::{Exporter, Sampler};

/// Types of records.
pub(crate) mod kind {
    pub(crate) const EXPORTER: u16 = 7;
    pub(crate) const EXPORTER_STATISTICS: u16 = 8;
    pub(crate) const FLOW: u16 = 11;
    pub(crate) const SAMPLER: u16 = 15;
    pub(crate) const IDENT: u16 = 0x8001;
    pub(crate) const STATISTICS: u16 = 0x8002;
}

/// The type of blocks of records.
pub(crate) const BLOCK: u16 = 3;
/// Readers ignore an ident record of 128 bytes or more.
pub(crate) const IDENT_MAX: usize = 121;

pub(crate) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(field) = bytes.get_mut(at..at + N) {
        field.copy_from_slice(&value);
    }
}

pub(crate) fn with_header(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut record = kind.to_le_bytes().to_vec();
    record.extend((payload.len() as u16 + 4).to_le_bytes());
    record.extend(payload);
    record
}

/// In the form of writers up to 1.7.7, which every 1.7 reads: the address as two numbers, and its
/// family.
pub(crate) fn exporter_record(exporter: &Exporter, sysid: u16) -> Vec<u8> {
    let (high, low, family) = match exporter.address {
        IpAddr::V4(address) => (0, u64::from(address.to_bits()), 2_u16),
        IpAddr::V6(address) => (
            (address.to_bits() >> 64) as u64,
            address.to_bits() as u64,
            10,
        ),
    };
    let mut payload = exporter.version.to_le_bytes().to_vec();
    payload.extend(high.to_le_bytes());
    payload.extend(low.to_le_bytes());
    payload.extend(family.to_le_bytes());
    payload.extend(sysid.to_le_bytes());
    payload.extend(exporter.id.to_le_bytes());
    with_header(kind::EXPORTER, &payload)
}

pub(crate) fn exporter_statistics_record(entries: &[(u16, &Exporter)]) -> Vec<u8> {
    let mut payload = (entries.len() as u32).to_le_bytes().to_vec();
    for (sysid, exporter) in entries {
        payload.extend(u32::from(*sysid).to_le_bytes());
        payload.extend((exporter.sequence_failures.min(u32::MAX.into()) as u32).to_le_bytes());
        payload.extend(exporter.packets.to_le_bytes());
        payload.extend(exporter.flows.to_le_bytes());
    }
    with_header(kind::EXPORTER_STATISTICS, &payload)
}

pub(crate) fn sampler_record(sampler: &Sampler) -> Vec<u8> {
    let mut payload = sampler.sysid.to_le_bytes().to_vec();
    payload.extend(sampler.algorithm.to_le_bytes());
    payload.extend(sampler.id.to_le_bytes());
    payload.extend(sampler.packet_interval.to_le_bytes());
    payload.extend(sampler.packet_space.to_le_bytes());
    with_header(kind::SAMPLER, &payload)
}

/// The name of a collector, with the NUL at its end.
pub(crate) fn ident_record(ident: &[u8]) -> Vec<u8> {
    let mut payload = ident.to_vec();
    payload.push(0);
    with_header(kind::IDENT, &payload)
}

/// As [`ident_record`], in an even number of bytes.
pub(crate) fn even_ident_record(ident: &[u8]) -> Vec<u8> {
    let mut payload = ident.to_vec();
    payload.push(0);
    if payload.len() % 2 == 1 {
        payload.push(0);
    }
    with_header(kind::IDENT, &payload)
}
