//! What flows refer to by number: exporters, samplers, and names of applications, interfaces and
//! VRFs.
//!
//! Writers with several threads store blocks in any order, so these records can follow the flows
//! that need them: collect a whole file before resolving. Numbers of exporters are unique within
//! one file only; names of interfaces and VRFs are not tied to an exporter.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

use crate::error::Error;
use crate::file::block::Block;
use crate::raw;

const EXPORTER: u16 = 7;
const EXPORTER_STATISTICS: u16 = 8;
const SAMPLER_LEGACY: u16 = 9;
const APPLICATIONS: u16 = 12;
const INTERFACES: u16 = 13;
const VRFS: u16 = 14;
const SAMPLER: u16 = 15;

/// Names kept at most, in bytes with what keeping them costs. A file made to fill memory gets no
/// further; real ones need some kilobytes.
const NAMES_MAX: usize = 16 << 20;
/// What an entry costs beside its bytes.
const ENTRY: usize = 128;
/// Samplers kept at most.
const SAMPLERS_MAX: usize = 1 << 16;

/// An exporter known to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exporter {
    /// The number flows refer to.
    pub sysid: u16,
    /// Its address.
    pub address: IpAddr,
    /// Export protocol: 1, 5, 7, 9 NetFlow, 10 IPFIX, 250 nfdump, 9999 sFlow.
    pub version: u32,
    /// Engine tag, source id, observation domain or sub-agent id.
    pub id: u32,
    /// Gaps in its sequence numbers; 0 without statistics.
    pub sequence_failures: u64,
    /// Packets received from it; 0 without statistics.
    pub packets: u64,
    /// Flow records received from it; 0 without statistics.
    pub flows: u64,
}

impl Exporter {
    /// `netflow v5`, `netflow v9`, `ipfix v10`, `sflow`; otherwise the number with its protocol.
    #[must_use]
    pub fn version_name(&self) -> String {
        match self.version {
            9999 => "sflow".to_owned(),
            10 => "ipfix v10".to_owned(),
            250 => "nfdump transfer".to_owned(),
            version => format!("netflow v{version}"),
        }
    }
}

/// A sampler of an exporter. One group of `packet_interval` packets is selected out of
/// `packet_interval + packet_space`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Sampler {
    /// The exporter's number.
    pub sysid: u16,
    /// Above 0 the exporter's own id; -1 generic, -2 default and -3 overwrite set on the collector.
    pub id: i64,
    /// Sampling algorithm (IPFIX 304).
    pub algorithm: u16,
    /// Consecutive packets selected (IPFIX 305).
    pub packet_interval: u32,
    /// Consecutive packets skipped (IPFIX 306).
    pub packet_space: u32,
}

/// Name of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplicationName {
    /// Short name, any bytes.
    pub name: Vec<u8>,
    /// Description, any bytes; `None` if the record declares no field for it.
    pub description: Option<Vec<u8>>,
}

impl ApplicationName {
    fn cost(&self, id: &[u8]) -> usize {
        let description = self.description.as_deref().unwrap_or_default();
        cost(&[id, &self.name, description])
    }
}

/// The memory for an entry of these parts.
fn cost(parts: &[&[u8]]) -> usize {
    parts.iter().map(|part| part.len()).sum::<usize>() + ENTRY
}

/// Exporters, samplers and names of a file, or of several files read one by one.
#[derive(Clone, Debug, Default)]
pub struct Names {
    exporters: BTreeMap<u16, Exporter>,
    /// Statistics may be stored before the exporter they belong to.
    statistics: BTreeMap<u16, (u64, u64, u64)>,
    samplers: Vec<Sampler>,
    known_samplers: HashSet<Sampler>,
    samplers_left_out: u64,
    /// Bytes that names occupy, see [`cost`].
    held: usize,
    left_out: u64,
    unread: Option<Error>,
    applications: HashMap<Vec<u8>, ApplicationName>,
    interfaces: HashMap<u32, Vec<u8>>,
    vrfs: HashMap<u32, Vec<u8>>,
}

impl Names {
    /// Adds the records of a block. Later records replace earlier ones; statistics add up.
    pub fn collect(&mut self, block: &Block) {
        for (kind, record) in block.records() {
            match kind {
                EXPORTER => self.add_exporter(record),
                EXPORTER_STATISTICS => self.add_statistics(record),
                SAMPLER | SAMPLER_LEGACY => self.add_sampler(record),
                APPLICATIONS | INTERFACES | VRFS => self.add_names(kind, record),
                _ => {}
            }
        }
    }

    fn add_exporter(&mut self, record: &[u8]) {
        let Some(found) = raw::parse_exporter(record) else {
            return;
        };
        let (sequence_failures, packets, flows) = self
            .statistics
            .get(&found.sysid)
            .copied()
            .unwrap_or_default();
        let exporter = Exporter {
            sysid: found.sysid,
            address: Ipv6Addr::from(found.address).to_canonical(),
            version: found.version,
            id: found.id,
            sequence_failures,
            packets,
            flows,
        };
        self.exporters.insert(found.sysid, exporter);
    }

    fn add_statistics(&mut self, record: &[u8]) {
        for entry in (0..).map_while(|index| raw::exporter_stat_at(record, index)) {
            let Ok(sysid) = u16::try_from(entry.sysid) else {
                continue;
            };
            let sums = self.statistics.entry(sysid).or_default();
            sums.0 = sums.0.saturating_add(entry.sequence_failures.into());
            sums.1 = sums.1.saturating_add(entry.packets);
            sums.2 = sums.2.saturating_add(entry.flows);
            if let Some(exporter) = self.exporters.get_mut(&sysid) {
                (exporter.sequence_failures, exporter.packets, exporter.flows) = *sums;
            }
        }
    }

    fn add_names(&mut self, kind: u16, record: &[u8]) {
        for entry in entries(record) {
            let (id, number) = (entry.id, entry.number);
            let known = match kind {
                APPLICATIONS => self.applications.get(id).map(|known| known.cost(id)),
                INTERFACES => self.interfaces.get(&number).map(|name| cost(&[name])),
                _ => self.vrfs.get(&number).map(|name| cost(&[name])),
            };
            let size = match kind {
                APPLICATIONS => cost(&[id, entry.name, entry.description.unwrap_or_default()]),
                _ => cost(&[entry.name]),
            };
            // What it replaces makes room.
            let held = self.held - known.unwrap_or(0) + size;
            if held > NAMES_MAX {
                self.left_out += 1;
                continue;
            }
            self.held = held;
            let name = entry.name.to_vec();
            match kind {
                APPLICATIONS => {
                    let description = entry.description.map(<[u8]>::to_vec);
                    let application = ApplicationName { name, description };
                    drop(self.applications.insert(id.to_vec(), application));
                }
                INTERFACES => drop(self.interfaces.insert(number, name)),
                _ => drop(self.vrfs.insert(number, name)),
            }
        }
    }

    fn add_sampler(&mut self, record: &[u8]) {
        let Some(found) = raw::parse_sampler(record) else {
            return;
        };
        let sampler = Sampler {
            sysid: found.sysid,
            id: found.id,
            algorithm: found.algorithm,
            packet_interval: found.packet_interval,
            packet_space: found.packet_space,
        };
        if self.known_samplers.contains(&sampler) {
            return;
        }
        if self.samplers.len() >= SAMPLERS_MAX {
            self.samplers_left_out += 1;
            return;
        }
        self.known_samplers.insert(sampler);
        self.samplers.push(sampler);
    }

    /// As [`collect`](Self::collect) for all blocks of a file. Keeps the first error that is not damage:
    /// no other part of the interface reports such an error.
    /// Remembers the first block that could not be read for another reason than damage.
    pub(crate) fn lost(&mut self, error: Error) {
        if error.is_transient() {
            self.unread.get_or_insert(error);
        }
    }

    /// Why names may be missing: the first error of [`File::names`](crate::File::names) that is not
    /// damage, such as out of memory or an error of the system.
    #[must_use]
    pub fn unread(&self) -> Option<&Error> {
        self.unread.as_ref()
    }

    /// As [`unread`](Self::unread), which is then forgotten.
    pub fn take_unread(&mut self) -> Option<Error> {
        self.unread.take()
    }

    /// Number of names of applications, interfaces and VRFs left out, since all of them together occupy at
    /// most 16 MiB; a name that is stored twice and left out counts twice. No real exporter reaches the limit.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// As [`left_out`](Self::left_out) for samplers, of which 65,536 are kept.
    #[must_use]
    pub fn samplers_left_out(&self) -> u64 {
        self.samplers_left_out
    }

    /// Exporters by ascending number.
    pub fn exporters(&self) -> impl Iterator<Item = &Exporter> {
        self.exporters.values()
    }

    /// The exporter with this number ([`Flow::exporter_sysid`](crate::Flow::exporter_sysid)).
    #[must_use]
    pub fn exporter(&self, sysid: u16) -> Option<&Exporter> {
        self.exporters.get(&sysid)
    }

    /// All distinct samplers in stored order.
    #[must_use]
    pub fn samplers(&self) -> &[Sampler] {
        &self.samplers
    }

    /// The sampler that an exporter gave this id (element 18 of a flow).
    #[must_use]
    pub fn sampler(&self, sysid: u16, id: u64) -> Option<&Sampler> {
        let id = i64::try_from(id).ok().filter(|id| *id > 0)?;
        self.samplers
            .iter()
            .rev()
            .find(|sampler| sampler.sysid == sysid && sampler.id == id)
    }

    /// Name of an application id (element 27 of a flow).
    #[must_use]
    pub fn application(&self, id: &[u8]) -> Option<&ApplicationName> {
        self.applications.get(id)
    }

    /// Name of an interface index, any bytes.
    #[must_use]
    pub fn interface(&self, index: u32) -> Option<&[u8]> {
        self.interfaces.get(&index).map(Vec::as_slice)
    }

    /// All named interfaces with their indices, by index.
    #[must_use]
    pub fn interfaces(&self) -> impl ExactSizeIterator<Item = (u32, &[u8])> {
        let mut named: Vec<(u32, &[u8])> = self
            .interfaces
            .iter()
            .map(|(index, name)| (*index, name.as_slice()))
            .collect();
        named.sort_unstable();
        named.into_iter()
    }

    /// Name of a VRF id, any bytes.
    #[must_use]
    pub fn vrf(&self, id: u32) -> Option<&[u8]> {
        self.vrfs.get(&id).map(Vec::as_slice)
    }

    /// How many applications, interfaces and VRFs have names.
    #[must_use]
    pub fn name_counts(&self) -> (usize, usize, usize) {
        (
            self.applications.len(),
            self.interfaces.len(),
            self.vrfs.len(),
        )
    }
}

impl Block {
    /// How many of its records of exporters, samplers and names cannot be read as what their type says.
    #[must_use]
    pub fn malformed_records(&self) -> usize {
        self.records()
            .filter(|(kind, record)| !is_well_formed(*kind, record))
            .count()
    }
}

fn is_well_formed(kind: u16, record: &[u8]) -> bool {
    match kind {
        EXPORTER => raw::parse_exporter(record).is_some(),
        EXPORTER_STATISTICS => raw::exporter_stat_at(record, 0).is_some(),
        SAMPLER | SAMPLER_LEGACY => raw::parse_sampler(record).is_some(),
        APPLICATIONS | INTERFACES | VRFS => raw::name_at(record, 0).is_some(),
        _ => true,
    }
}

fn entries(record: &[u8]) -> impl Iterator<Item = raw::RawName<'_>> {
    (0..).map_while(|index| raw::name_at(record, index))
}
