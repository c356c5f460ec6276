//! The decoder against a second one that was written from the description alone, record by record:
//! all valid files of layout 2 there are, and the kept corpora of fuzzing as far as both read them.

use crate::support;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use crate::support::second::{self, Element, Fact, Records, SecondBlock, SecondFile, Whole};
use nfdecode::{Block, File, Flow};

/// What both found.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    /// Files that both refuse.
    refused: usize,
    /// Files of which the real decoder tells that the chain of blocks is damaged.
    broken_off: usize,
    /// Files whose chain of blocks is whole.
    intact: usize,
    blocks: usize,
    records: usize,
    flows: usize,
    elements: usize,
    facts: usize,
    /// Blocks that only one of them decompresses: the libraries behind them are of different strictness.
    one_sided: Vec<String>,
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.files += 1;
        let (second, file) = match (SecondFile::read(bytes), File::from_bytes(bytes.to_vec())) {
            (Ok(second), Ok(file)) => (second, file),
            (Err(_), Err(_)) => {
                self.refused += 1;
                return Ok(());
            }
            // The corpus is that of a mutator which knows no layouts.
            (Err(_), Ok(file)) if file.header().layout != 2 => {
                self.refused += 1;
                return Ok(());
            }
            (second, file) => {
                return Err(format!(
                    "opening: {:?}, ours {:?}",
                    second.err(),
                    file.err()
                ));
            }
        };
        compare_headers(&second, &file)?;
        self.intact += usize::from(second.broken.is_none());
        let ours = file.block_refs().collect::<Vec<_>>();
        // Blocks of no known type are looked at with suspicion, as is an appendix that is not there: then there
        // may be more blocks than announced.
        let odd = second.misplaced || second.blocks.iter().any(|block| block.odd);
        // Where the real decoder tells that the chain is damaged it looks for the next block, which the second one
        // does not do: they are compared as far as both take the file.
        let sound = ours.iter().take_while(|found| found.is_ok()).count();
        self.broken_off += usize::from(sound < ours.len());
        let fewer = ours.len() < second.blocks.len();
        if sound == ours.len()
            && second.broken.is_none()
            && (fewer || (!odd && ours.len() > second.blocks.len()))
        {
            return Err(format!("{} blocks, ours {ours:?}", second.blocks.len()));
        }
        // Where the chain breaks, the real decoder looks for the next block, and may find that it begins
        // inside of the last one.
        let certain =
            second.blocks.len() - usize::from(second.broken.is_some()).min(second.blocks.len());
        let certain = certain.min(sound);
        let mut facts = Vec::new();
        let mut all_facts = second.broken.is_none() && !odd && sound == ours.len();
        for (theirs, ours) in second.blocks[..certain].iter().zip(ours) {
            let context = |text: String| format!("block at {}: {text}", theirs.offset);
            let found = ours.map_err(|error| context(format!("ours: {error}")))?;
            let places = (theirs.offset, theirs.announced, theirs.stored, theirs.kind);
            let our_places = (
                found.offset(),
                found.announced_records(),
                found.stored_size(),
                found.block_type(),
            );
            if places != our_places {
                return Err(context(format!("{places:?}, ours {our_places:?}")));
            }
            match (&theirs.content, file.load(found)) {
                (Ok(_), Ok(block)) if theirs.kind == 3 && is_broken_off(&block) => {
                    self.one_sided.push(context("ours breaks off".to_owned()));
                    all_facts = false;
                }
                (Ok(records), Ok(block)) if theirs.kind == 3 => {
                    self.blocks += 1;
                    self.block(theirs, records, &block, &mut facts)
                        .map_err(context)?;
                }
                (Ok(_), Ok(block)) => {
                    // Records of layout 1 may bring exporters along.
                    all_facts &= block.counts().records == 0;
                }
                (Err(_), Err(_)) => {}
                // What is in front of the damage of compressed data, which the second decoder does not look at.
                (Err(_), Ok(block)) if is_broken_off(&block) => all_facts = false,
                (Ok(_), Err(_)) if theirs.kind != 3 => {}
                (theirs, ours) => {
                    let (theirs, ours) = (theirs.as_ref().err(), ours.err());
                    let text = format!("{theirs:?}, ours {ours:?}");
                    self.one_sided.push(context(text));
                    all_facts = false;
                }
            }
        }
        if all_facts {
            self.facts += facts.len();
            compare_facts(&facts, &file)?;
        }
        Ok(())
    }

    fn block(
        &mut self,
        theirs: &SecondBlock,
        records: &Records,
        block: &Block,
        facts: &mut Vec<Fact>,
    ) -> Result<(), String> {
        let counts = block.counts();
        let walked = counts.records as usize;
        if walked != records.records.len() || counts.decoded_bytes != records.data.len() as u64 {
            return Err(format!(
                "{} records in {} bytes, ours {counts:?}",
                records.records.len(),
                records.data.len()
            ));
        }
        self.records += walked;
        let (mut dropped, mut clipped, mut skipped, mut unknown) = (0, 0, 0, 0);
        let mut flows = block.flows();
        // Where the first flow lies: the others are found at their distance from it.
        let mut start = None;
        for record in &records.records {
            let bytes = &records.data[record.offset..][..record.size];
            if record.kind != 11 {
                // None that is shorter says anything.
                let known = matches!(record.kind, 7 | 8 | 9 | 12..=15) && record.size >= 16;
                skipped += u32::from(!known);
                facts.extend(second::facts(bytes));
                continue;
            }
            let (elements, whole) = second::elements(bytes);
            if whole == Whole::No {
                dropped += 1;
                continue;
            }
            clipped += u32::from(matches!(whole, Whole::Clipped | Whole::Short));
            // One that is cut is not counted among the unknown.
            let told = elements.len() - usize::from(whole == Whole::Clipped);
            unknown += elements[..told]
                .iter()
                .filter(|element| element.id > second::ELEMENT_MAX)
                .count() as u64;
            let flow = flows
                .next()
                .ok_or_else(|| format!("no flow at {}", record.offset))?;
            let place = flow.record().as_ptr() as usize;
            let (first, at) = *start.get_or_insert((record.offset, place));
            if flow.record() != bytes || place - at != record.offset - first {
                return Err(format!("another record at {}", record.offset));
            }
            compare_flow(bytes, &elements, &flow)
                .map_err(|text| format!("record at {}: {text}", record.offset))?;
            self.flows += 1;
            self.elements += elements.len();
        }
        if flows.next().is_some() {
            return Err("more flows".to_owned());
        }
        let expected = (dropped, clipped, skipped, unknown);
        let ours = (
            counts.dropped_flows,
            counts.clipped_flows,
            counts.skipped_records,
            counts.unknown_elements,
        );
        if expected != ours {
            return Err(format!(
                "dropped, clipped, skipped, unknown {expected:?}, ours {ours:?}"
            ));
        }
        let damaged = records.damage.is_some() || dropped + clipped != 0 || theirs.announced == 0;
        if damaged != block.damage().is_some() {
            return Err(format!(
                "damage {:?}, ours {:?}",
                records.damage,
                block.damage()
            ));
        }
        Ok(())
    }
}

fn is_broken_off(block: &Block) -> bool {
    let damage = block.damage().map(nfdecode::Error::kind);
    matches!(damage, Some(nfdecode::ErrorKind::Compressed))
}

fn compare_headers(second: &SecondFile, file: &File) -> Result<(), String> {
    let ours = file.header();
    let equal = ours.layout == 2
        && ours.writer_version == second.writer_version
        && ours.created == second.created
        && ours.creator == second.creator
        && ours.blocks == second.announced_blocks
        && ours.appendix_blocks == second.appendix_blocks
        && ours.appendix_offset == second.appendix_offset
        && ["none", "lzo", "bz2", "lz4", "zstd"][usize::from(second.compression)]
            == ours.compression.name();
    if !equal {
        return Err(format!("another header: {ours:?}"));
    }
    if file.ident() != second.ident.as_deref() {
        return Err(format!("ident {:?}, ours {:?}", second.ident, file.ident()));
    }
    let statistics = file.statistics().map(|ours| {
        let groups = [&ours.tcp, &ours.udp, &ours.icmp, &ours.other];
        let seen = |time: Option<nfdecode::Timestamp>| time.map_or(0, |time| time.as_millis());
        let mut numbers = vec![ours.total.flows, ours.total.bytes, ours.total.packets];
        numbers.extend(groups.map(|group| group.flows));
        numbers.extend(groups.map(|group| group.bytes));
        numbers.extend(groups.map(|group| group.packets));
        numbers.extend([
            seen(ours.first_seen),
            seen(ours.last_seen),
            ours.sequence_failures,
        ]);
        numbers
    });
    let expected = second.statistics.map(|mut numbers| {
        for seen in &mut numbers[15..17] {
            if *seen == i64::MAX as u64 {
                *seen = 0;
            }
        }
        numbers.to_vec()
    });
    if statistics != expected {
        return Err(format!("statistics {expected:?}, ours {statistics:?}"));
    }
    Ok(())
}

fn compare_flow(record: &[u8], elements: &[Element], flow: &Flow<'_>) -> Result<(), String> {
    let header = (
        [flow.engine_type(), flow.engine_id()],
        flow.exporter_sysid(),
        [flow.is_event(), flow.is_sampled(), flow.is_anonymized()],
        flow.export_version(),
    );
    let expected = (
        [record[6], record[7]],
        u16::from_le_bytes([record[8], record[9]]),
        [1, 2, 4].map(|bit| record[10] & bit != 0),
        record[11],
    );
    if header != expected {
        return Err(format!("header {expected:?}, ours {header:?}"));
    }
    let counting = second::counting(record, elements);
    // As the block has it, and as a copy finds it that has no index.
    let copy = flow.to_owned_flow();
    for flow in [*flow, copy.view()] {
        let set = counting
            .iter()
            .fold(0_u64, |set, element| set | 1 << element.id);
        if flow.elements() != set {
            return Err(format!("elements {set:b}, ours {:b}", flow.elements()));
        }
        for id in 0..=64 {
            let expected = counting.iter().find(|element| element.id == u16::from(id));
            let ours = flow.element(id).map(|payload| Element {
                id: id.into(),
                offset: payload.as_ptr() as usize - flow.record().as_ptr() as usize,
                length: payload.len(),
            });
            if expected != ours.as_ref() {
                return Err(format!("{expected:?}, ours {ours:?}"));
            }
        }
    }
    Ok(())
}

/// Exporters, samplers and names of a file, by what its records say.
fn compare_facts(facts: &[Fact], file: &File) -> Result<(), String> {
    let names = file.names();
    let mut exporters = BTreeMap::new();
    let mut counters: BTreeMap<u16, [u64; 3]> = BTreeMap::new();
    let mut samplers = Vec::new();
    let mut applications = BTreeMap::new();
    let (mut interfaces, mut vrfs) = (BTreeMap::new(), BTreeMap::new());
    for fact in facts {
        match fact {
            Fact::Exporter { sysid, .. } => drop(exporters.insert(*sysid, fact)),
            Fact::Counters {
                sysid,
                failures,
                packets,
                flows,
            } => {
                if let Ok(sysid) = u16::try_from(*sysid) {
                    let sums = counters.entry(sysid).or_default();
                    for (sum, number) in
                        sums.iter_mut()
                            .zip([u64::from(*failures), *packets, *flows])
                    {
                        *sum = sum.saturating_add(number);
                    }
                }
            }
            Fact::Sampler { .. } if samplers.contains(fact) => {}
            Fact::Sampler { .. } => samplers.push(fact.clone()),
            Fact::Application { id, .. } => drop(applications.insert(id, fact)),
            Fact::Interface(id, name) => drop(interfaces.insert(*id, name)),
            Fact::Vrf(id, name) => drop(vrfs.insert(*id, name)),
        }
    }
    if names.exporters().count() != exporters.len() {
        return Err(format!("{} exporters expected", exporters.len()));
    }
    for ours in names.exporters() {
        let numbers = [ours.sequence_failures, ours.packets, ours.flows];
        let expected = counters.get(&ours.sysid).copied().unwrap_or_default();
        let equal = matches!(exporters.get(&ours.sysid), Some(Fact::Exporter { address, version, id, .. })
            if Ipv6Addr::from(*address).to_canonical() == ours.address && *version == ours.version && *id == ours.id);
        if !equal || numbers != expected {
            return Err(format!("another exporter: {ours:?}"));
        }
    }
    let ours = names.samplers().iter().map(|sampler| Fact::Sampler {
        sysid: sampler.sysid,
        algorithm: sampler.algorithm,
        id: sampler.id,
        interval: sampler.packet_interval,
        space: sampler.packet_space,
    });
    if !ours.eq(samplers.iter().cloned()) {
        return Err(format!(
            "samplers {samplers:?}, ours {:?}",
            names.samplers()
        ));
    }
    if names.name_counts() != (applications.len(), interfaces.len(), vrfs.len()) {
        return Err(format!("other numbers of names: {:?}", names.name_counts()));
    }
    for (id, fact) in applications {
        let ours = names.application(id).map(|ours| Fact::Application {
            id: id.clone(),
            name: ours.name.clone(),
            description: ours.description.clone(),
        });
        if ours.as_ref() != Some(fact) {
            return Err(format!("{fact:?}, ours {ours:?}"));
        }
    }
    let equal = interfaces
        .iter()
        .all(|(id, name)| names.interface(*id) == Some(name.as_slice()))
        && vrfs
            .iter()
            .all(|(id, name)| names.vrf(*id) == Some(name.as_slice()));
    equal
        .then_some(())
        .ok_or_else(|| "other names of interfaces or VRFs".to_owned())
}

fn is_layout_2(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x0C, 0xA5, 2, 0])
}

/// Compares all files and fails with what differs.
fn compare_all(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Tally {
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for (path, bytes) in files {
        if let Err(failure) = tally.add(&bytes) {
            failures.push(format!("{}: {failure}", path.display()));
        }
    }
    eprintln!("{tally:#?}");
    assert!(
        failures.is_empty(),
        "{} differ: {failures:#?}",
        failures.len()
    );
    tally
}

fn read_all(folder: &Path) -> impl Iterator<Item = (PathBuf, Vec<u8>)> + use<> {
    support::files_below(folder).into_iter().map(|path| {
        let bytes = std::fs::read(&path).expect("it can be read");
        (path, bytes)
    })
}

fn repository(folder: &str) -> PathBuf {
    crate::support::root().join(folder)
}

#[test]
fn valid_files() {
    let mut folders = vec![repository("tests/fixtures/archive")];
    folders.extend(
        ["nfcapd/layout2", "elements", "filter"]
            .iter()
            .filter_map(|folder| support::test_data(folder)),
    );
    let complete = folders.len() == 4;
    let files = folders
        .iter()
        .flat_map(|folder| read_all(folder))
        .filter(|(_, bytes)| is_layout_2(bytes));
    let tally = compare_all(files);
    assert_eq!(
        (tally.refused, tally.broken_off, tally.one_sided.len()),
        (0, 0, 0)
    );
    assert!(tally.flows > if complete { 170_000 } else { 10 });
}

#[test]
fn corpus_of_files() {
    let tally = compare_all(support::corpus::inputs("file-2"));
    assert!(tally.flows > 1_000);
    assert!(tally.one_sided.len() < 10);
}

#[test]
fn corpus_of_blocks() {
    let encodings = ["none", "lzo", "bz2", "lz4", "zstd"];
    let blocks = (0_u8..).zip(encodings).flat_map(|(method, encoding)| {
        let inputs = support::corpus::inputs(&format!("block-{encoding}"))
            .into_iter()
            .filter(|(_, bytes)| bytes.len() > 4);
        // A file of this one block, without appendix.
        inputs.map(move |(path, input)| {
            let mut file = vec![0x0C, 0xA5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, method];
            file.resize(36, 0);
            file.extend([1, 0, 0, 0]);
            file.extend(&input[..4]);
            file.extend((input.len() as u32 - 4).to_le_bytes());
            file.extend([3, 0, 0, 0]);
            file.extend(&input[4..]);
            (path, file)
        })
    });
    let tally = compare_all(blocks);
    assert!(tally.flows > 1_000);
}
