//! What the files of a scan say about themselves: damage, missing files, sampling, exporters.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use nfdecode::scan::{Part, ScanFile};
use nfdecode::{Error, Names};

/// Messages about damage that are kept.
const DAMAGE_MAX: usize = 40;
/// Missing files that are listed, in runs.
const GAPS_MAX: usize = 20;
/// Idents that are kept.
const IDENTS_MAX: usize = 100;
/// Exporters that are kept.
const EXPORTERS_MAX: usize = 4096;

/// All files so far.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) opened: u64,
    pub(crate) skipped: u64,
    pub(crate) stored: u64,
    /// What is wrong, each once, in the order of files.
    pub(crate) damage: Vec<String>,
    /// Messages beyond.
    pub(crate) damage_beyond: u64,
    pub(crate) idents: BTreeSet<String>,
    pub(crate) exporters: BTreeMap<IpAddr, ExporterSums>,
    /// Packets of which one was sampled; 0 is unknown.
    pub(crate) sampling: BTreeSet<u32>,
    pub(crate) sequence_failures: u64,
    slots: BTreeSet<u64>,
    now: Current,
}

/// The exporters of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExporterSums {
    pub(crate) kinds: BTreeSet<String>,
    pub(crate) ids: u64,
    pub(crate) sequence_failures: u64,
    pub(crate) sampling: BTreeSet<u32>,
}

/// The file that is being read.
#[derive(Debug, Default)]
struct Current {
    names: Names,
    explained: bool,
    blocks: u64,
    records: u64,
    represents: u64,
}

/// Files that are missing between two others, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) count: u64,
    /// Numbers of `YYYYMMDDhhmm`.
    pub(crate) after: u64,
    pub(crate) before: u64,
}

impl Files {
    /// Looks at a part of a scan; parts come in order.
    pub(crate) fn see(&mut self, part: &Part) {
        match part {
            Part::Start(file) => self.start(file),
            Part::Block(found) => {
                let block = found.block();
                self.stored += u64::from(found.position().stored_size());
                self.now.blocks += 1;
                self.now.records += block.len() as u64;
                self.now.represents = self.now.represents.saturating_add(block.flow_count());
                self.now.names.collect(block);
                if let Some(damage) = block.damage() {
                    self.error(damage);
                }
            }
            Part::Gap(gap) => self.error(gap.error()),
            Part::Refused(error) => {
                // It is not missing.
                self.add_slot(error.file());
                self.error(error);
            }
            Part::End(end) => {
                if end.is_whole() {
                    self.close(end.file());
                }
                self.keep_names();
            }
            _ => {}
        }
    }

    fn start(&mut self, found: &ScanFile) {
        self.now = Current::default();
        self.opened += 1;
        self.skipped += u64::from(found.is_skipped());
        let file = found.file();
        self.add_slot(file.path());
        if let Some(ident) = file.ident()
            && self.idents.len() < IDENTS_MAX
        {
            self.idents
                .insert(String::from_utf8_lossy(ident).into_owned());
        }
        if let Some(error) = file.appendix_damage() {
            let reason = error.reason();
            self.damaged(format!(
                "{}: ident and statistics are not readable: {reason}",
                found.name()
            ));
        }
        if file.header().unfinished {
            self.damaged(format!(
                "{}: file is unfinished: still being written, or abandoned",
                found.name()
            ));
        }
        if let Some(statistics) = file.statistics() {
            self.sequence_failures = self
                .sequence_failures
                .saturating_add(statistics.sequence_failures);
        }
    }

    /// Adds what other files say.
    pub(crate) fn join(&mut self, other: &Self) {
        self.opened += other.opened;
        self.skipped += other.skipped;
        self.stored = self.stored.saturating_add(other.stored);
        other
            .damage
            .iter()
            .for_each(|message| self.damaged(message.clone()));
        self.damage_beyond += other.damage_beyond;
        for ident in &other.idents {
            if self.idents.len() < IDENTS_MAX {
                self.idents.insert(ident.clone());
            }
        }
        for (address, theirs) in &other.exporters {
            if let Some(sums) = self.exporter(*address) {
                sums.ids = sums.ids.max(theirs.ids);
                sums.kinds.extend(theirs.kinds.iter().cloned());
                sums.sequence_failures = sums
                    .sequence_failures
                    .saturating_add(theirs.sequence_failures);
                sums.sampling.extend(&theirs.sampling);
            }
        }
        self.sampling.extend(&other.sampling);
        self.sequence_failures = self
            .sequence_failures
            .saturating_add(other.sequence_failures);
        self.slots.extend(&other.slots);
    }

    /// What is known of an exporter; `None` for a new one beyond the limit.
    fn exporter(&mut self, address: IpAddr) -> Option<&mut ExporterSums> {
        let has_room =
            self.exporters.len() < EXPORTERS_MAX || self.exporters.contains_key(&address);
        has_room.then(|| self.exporters.entry(address).or_default())
    }

    /// Notes that there is a file of this name.
    pub(crate) fn add_slot(&mut self, path: Option<&Path>) {
        let name = path.and_then(|path| path.file_name()?.to_str());
        self.slots.extend(name.and_then(slot));
    }

    fn close(&mut self, found: &ScanFile) {
        let file = found.file();
        let header = file.header();
        let now = &self.now;
        let (blocks, announced) = (now.blocks, u64::from(header.blocks));
        let (records, represents) = (now.records, now.represents);
        if !now.explained && !header.unfinished && blocks < announced {
            self.damaged(format!(
                "{}: {blocks} blocks read, but the header announces {announced}",
                found.name()
            ));
        }
        let announced = file.announced_flows().unwrap_or(0);
        if records.max(represents) < announced {
            self.damaged(format!(
                "{}: {records} flows read, but the file's statistics announce {announced}",
                found.name()
            ));
        }
    }

    fn keep_names(&mut self) {
        let names = std::mem::take(&mut self.now.names);
        for sampler in names.samplers() {
            let one_of = u64::from(sampler.packet_interval) + u64::from(sampler.packet_space);
            let one_of = u32::try_from(one_of).unwrap_or(u32::MAX);
            if one_of > 1 {
                self.sampling.insert(one_of);
            }
        }
        for exporter in names.exporters() {
            let Some(sums) = self.exporter(exporter.address) else {
                continue;
            };
            sums.ids += 1;
            sums.kinds.insert(exporter.version_name());
            sums.sequence_failures = sums
                .sequence_failures
                .saturating_add(exporter.sequence_failures);
            let own = names
                .samplers()
                .iter()
                .filter(|sampler| sampler.sysid == exporter.sysid);
            for sampler in own.take(8) {
                sums.sampling
                    .insert(sampler.packet_interval.saturating_add(sampler.packet_space));
            }
        }
    }

    fn error(&mut self, error: &Error) {
        self.now.explained = true;
        self.damaged(error.to_string());
    }

    fn damaged(&mut self, message: String) {
        if self.damage.len() >= DAMAGE_MAX {
            self.damage_beyond += u64::from(!self.damage.contains(&message));
        } else if !self.damage.contains(&message) {
            self.damage.push(message);
        }
    }

    /// Files that are missing by the names of the others, how many in all, and the usual distance in minutes.
    pub(crate) fn missing(&self) -> (Vec<Missing>, u64, u64) {
        let slots: Vec<(u64, u64)> = self
            .slots
            .iter()
            .filter_map(|slot| Some((*slot, minutes(*slot)?)))
            .collect();
        let mut steps = BTreeMap::<u64, u64>::new();
        let pairs = || {
            slots
                .windows(2)
                .filter_map(|pair| Some((pair.first()?, pair.get(1)?)))
        };
        for (before, after) in pairs() {
            *steps.entry(after.1.saturating_sub(before.1)).or_default() += 1;
        }
        let usual = steps
            .iter()
            .max_by_key(|(step, count)| (**count, std::cmp::Reverse(**step)));
        let Some((step, count)) = usual.filter(|(step, _)| **step != 0) else {
            return (Vec::new(), 0, 0);
        };
        // Without a rhythm nothing is missing.
        if *count < 2 || *count * 2 < slots.len() as u64 - 1 {
            return (Vec::new(), 0, *step);
        }
        let (mut missing, mut all) = (Vec::new(), 0);
        for (before, after) in pairs() {
            let count = ((after.1 - before.1) / step).saturating_sub(1);
            all += count;
            if count != 0 && missing.len() < GAPS_MAX {
                missing.push(Missing {
                    count,
                    after: before.0,
                    before: after.0,
                });
            }
        }
        (missing, all, *step)
    }
}

/// The digits of `nfcapd.YYYYMMDDhhmm`, without seconds.
fn slot(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("nfcapd.")?;
    let is_slot =
        matches!(digits.len(), 12 | 14) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.get(..12).filter(|_| is_slot)?.parse().ok()
}

/// Minutes since some day, of `YYYYMMDDhhmm`.
fn minutes(slot: u64) -> Option<u64> {
    let (date, time) = (slot / 10_000, slot % 10_000);
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || time > 2359 {
        return None;
    }
    // Years begin in March, so that the leap day comes last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    Some((days * 24 + time / 100) * 60 + time % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(slots: &[u64]) -> (Vec<Missing>, u64, u64) {
        let mut files = Files::default();
        files.slots.extend(slots);
        files.missing()
    }

    #[test]
    fn missing_files_are_found_by_name() {
        let (runs, all, step) = missing(&[
            202_602_282_345,
            202_602_282_350,
            202_602_282_355,
            202_603_010_010,
        ]);
        assert_eq!((all, step), (2, 5));
        let expected = Missing {
            count: 2,
            after: 202_602_282_355,
            before: 202_603_010_010,
        };
        assert_eq!(runs, [expected]);
        assert_eq!(missing(&[202_601_010_000, 202_601_020_000]).1, 0);
        assert_eq!(
            missing(&[202_601_010_000, 202_601_010_010, 202_601_020_000]).1,
            0
        );
    }

    #[test]
    fn slots_are_read_from_names() {
        assert_eq!(slot("nfcapd.202601012359"), Some(202_601_012_359));
        assert_eq!(slot("nfcapd.20260101235959"), Some(202_601_012_359));
        for name in [
            "nfcapd.current",
            "nfcapd.2026",
            "x.202601012359",
            "nfcapd.2026010123é9",
        ] {
            assert_eq!(slot(name), None, "{name}");
        }
    }
}
