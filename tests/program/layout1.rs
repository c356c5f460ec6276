//! Layout 1: every file of others, files of a writer of our own, and the same flows however they are
//! stored, against nfdump 1.7.10 less the deviations L1-1 and on.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::bytes;
use crate::support::layout1::{self, Flow};
use crate::support::reference::{self, Form, Member};
use crate::support::writer::Encoding;
use nfdecode::File;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What layout 1 has.
const ENCODINGS: [Encoding; 4] = [Encoding::None, Encoding::Lzo, Encoding::Bz2, Encoding::Lz4];

fn theirs(nfdump: &Path, file: &Path, form: Form) -> Vec<u8> {
    Command::new(nfdump)
        .args([
            "-W",
            "1",
            "-C",
            "none",
            "-G",
            "none",
            "-o",
            form.name(),
            "-r",
        ])
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .expect("nfdump runs")
        .stdout
}

/// nfdump's flows, put right by what the records tell.
fn expected(text: &[u8], form: Form, blocks: &[Vec<Vec<u8>>]) -> Vec<Vec<Member>> {
    let mut flows = reference::flows(text, form);
    let records = blocks
        .iter()
        .flatten()
        .filter(|record| layout1::is_flow(record));
    for (members, record) in flows.iter_mut().zip(records) {
        layout1::correct(members, record);
    }
    flows
}

/// Files with what nfdump 1.7.10 prints for them.
fn given() -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let (made, files, expected) = (
        support::test_data("layout1")?,
        support::test_data("nfcapd/layout1")?,
        support::test_data("expected/layout1")?,
    );
    let unpack = |path: &Path| {
        let bytes = std::fs::read(path).expect("a reference");
        zstd::decode_all(bytes.as_slice()).expect("a ZSTD file")
    };
    let mut given = Vec::new();
    for file in support::files_below(&made) {
        if file
            .extension()
            .is_some_and(|extension| extension == "nfcapd")
        {
            let text = file.with_extension("ndjson");
            let text =
                std::fs::read(&text).unwrap_or_else(|_| unpack(&file.with_extension("ndjson.zst")));
            given.push((file, text));
        }
    }
    for file in support::files_below(&files) {
        let relative = file
            .strip_prefix(&files)
            .expect("below the folder")
            .display();
        let text = unpack(&expected.join(format!("{relative}.ndjson.zst")));
        given.push((file, text));
    }
    Some(given)
}

/// Files whose records nfdump 1.7.10 skips (type 1) or misreads (1.6.13).
const NOT_FOR_NFDUMP: [&str; 4] = [
    "libnf-record_v6-1228",
    "found-old-record-v6",
    "found-old-records-lzo",
    "exp-v9-cisco__1.6.13-none",
];

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn files_of_others() {
    let (Some(given), Some(nfdump)) = (given(), support::oracle("1.7.10", "nfdump")) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let rewritten = folder.path().join("nfcapd.202601011200");
    let mut failures = Vec::new();
    let (mut flows, mut old) = (0, 0);
    for (file, text) in &given {
        let name = file.display().to_string();
        let mut blocks = layout1::records(&std::fs::read(file).expect("a file"));
        let mut text = text.clone();
        if NOT_FOR_NFDUMP.iter().any(|known| name.contains(known)) {
            let records = blocks.iter().flatten();
            old += records.filter(|record| record[0] == 1).count();
            blocks = layout1::for_nfdump(&blocks);
            // An ident like that of the file.
            let ident = File::open(file).expect("a file");
            let ident = String::from_utf8_lossy(ident.ident().unwrap_or_default()).into_owned();
            let bytes = layout1::file(Encoding::None, 0, &ident, &blocks);
            std::fs::write(&rewritten, bytes).expect("written");
            text = theirs(&nfdump, &rewritten, Form::Ndjson);
        }
        let output = support::read(file, Form::Ndjson, &[]);
        drop(support::assert_ndjson(&output, &name));
        match reference::compare_flows(
            expected(&text, Form::Ndjson, &blocks),
            &output,
            Form::Ndjson,
        ) {
            Ok(count) => flows += count,
            Err(difference) => failures.push(format!("{name}: {difference}")),
        }
        // The other form holds the same members; one large file is enough.
        if output.len() > 20 << 20 {
            continue;
        }
        let json = support::read(file, Form::Json, &[]);
        drop(support::assert_json(&json, &name));
        if reference::our_flows(&json, Form::Json) != reference::our_flows(&output, Form::Ndjson) {
            failures.push(format!("{name}: json and ndjson differ"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        given.len() >= 43 && flows > 120_000 && old > 8_000,
        "only {} files, {flows} flows, {old} of type 1",
        given.len()
    );
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn flows_without_their_map_can_be_salvaged() {
    let (Some(folder), Some(nfdump)) = (
        support::test_data("nfcapd/layout1"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    // Block 0 is damaged, and with it the map that all flows need.
    let file = folder.join("found-corrupt-lzo");
    assert!(support::read(&file, Form::Ndjson, &[]).is_empty());
    let salvaged = support::read(&file, Form::Ndjson, &["--salvage"]);
    let mut blocks = layout1::records(&std::fs::read(&file).expect("a file"));
    blocks.insert(0, vec![layout1::map(0, &[])]);
    blocks.retain(|records| !records.is_empty());
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("nfcapd.202601011200");
    let ident = String::from_utf8_lossy(
        File::open(&file)
            .expect("a file")
            .ident()
            .expect("an ident"),
    )
    .into_owned();
    std::fs::write(&path, layout1::file(Encoding::None, 0, &ident, &blocks)).expect("written");
    let text = theirs(&nfdump, &path, Form::Ndjson);
    let count = reference::compare_flows(
        expected(&text, Form::Ndjson, &blocks),
        &salvaged,
        Form::Ndjson,
    );
    assert_eq!(count, Ok(32_132));
}

/// Recompressing with nfdump leaves blocks of layout 1 records in a file of layout 2.
#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn blocks_of_layout_1_in_files_of_layout_2() {
    let (Some(given), Some(nfdump)) = (given(), support::oracle("1.7.10", "nfdump")) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202601011200");
    let mut recompressed = 0;
    for (at, (file, _)) in given.iter().enumerate() {
        // Of damaged files nfdump keeps less.
        if File::open(file).is_ok_and(|file| {
            file.blocks()
                .any(|block| block.is_err() || block.is_ok_and(|block| block.damage().is_some()))
        }) {
            continue;
        }
        std::fs::copy(file, &path).expect("copied");
        let method = ["0", "1", "2", "3", "4"][at % 5];
        let status = Command::new(&nfdump)
            .args(["-J", method, "-r"])
            .arg(&path)
            .output()
            .expect("nfdump runs");
        assert!(status.status.success());
        let opened = File::open(&path).expect("a file");
        if opened.header().layout != 2 {
            // Nothing to do: the file has this compression.
            continue;
        }
        recompressed += 1;
        assert!(
            opened
                .block_refs()
                .flatten()
                .all(|block| block.block_type() == 2)
        );
        // The mark of anonymised addresses is in the old header, and an empty ident becomes one.
        let plain =
            |text: Vec<u8>| String::from_utf8_lossy(&text).replace("\"ident\":\"none\",", "");
        assert_eq!(
            plain(support::read(&path, Form::Ndjson, &[])),
            plain(support::read(file, Form::Ndjson, &[])),
            "{}",
            file.display()
        );
    }
    assert!(recompressed >= 25, "only {recompressed} files");
}

// ---- files made here -----------------------------------------------------------

/// What an extension holds. Names that fill their field are left out: nfdump reads on behind them.
fn extension(id: u16) -> BoxedStrategy<Vec<u8>> {
    let size = layout1::room(id);
    match id {
        42 | 43 => vec(select(b"abcXYZ 019.-_@/".to_vec()), 0..size.min(60))
            .prop_map(move |mut name| {
                name.resize(size, 0);
                name
            })
            .boxed(),
        _ => bytes(size).boxed(),
    }
}

/// Extension lists of all kinds, alternatives of the same element included.
fn extension_list() -> impl Strategy<Value = Vec<u16>> {
    let ids: Vec<u16> = layout1::EXTENSIONS.iter().map(|(id, _)| *id).collect();
    prop_oneof![
        1 => Just(Vec::new()),
        1 => Just(ids.clone()),
        8 => subsequence(ids, 0..12),
    ]
    .prop_shuffle()
}

fn flow(map: u16, list: &[u16]) -> impl Strategy<Value = Flow> + use<> {
    let extensions: Vec<_> = list.iter().map(|id| extension(*id)).collect();
    let time = prop_oneof![9 => (any::<u32>(), 0_u16..1000), 1 => Just((0, 0))];
    (
        (
            any::<bool>(),
            0_u8..8,
            any::<bool>(),
            any::<bool>(),
            any::<u8>(),
            any::<u16>(),
        ),
        (time, (any::<u32>(), 0_u16..1000)),
        (
            any::<u8>(),
            any::<u8>(),
            select(vec![1_u8, 6, 17, 47, 58, 132]),
            any::<u8>(),
        ),
        (
            any::<[u16; 2]>(),
            any::<[u8; 2]>(),
            bytes(32),
            any::<[u64; 2]>(),
        ),
        extensions,
    )
        .prop_map(
            move |(
                (old, width, event, sampled, version, sysid),
                (first, last),
                (status, tcp, proto, tos),
                (ports, ends, addresses, counters),
                extensions,
            )| {
                let flags = width | u8::from(event) << 6 | u8::from(sampled) << 7;
                let cut = |bit: u8, value: u64| if flags & bit == 0 { value >> 32 } else { value };
                Flow {
                    old,
                    flags,
                    version,
                    sysid: if old { sysid % 256 } else { sysid },
                    map,
                    first,
                    last,
                    bytes: [status, tcp, proto, tos],
                    ports,
                    ends,
                    addresses: addresses[..if flags & 1 == 0 { 8 } else { 32 }].to_vec(),
                    packets: cut(2, counters[0]),
                    octets: cut(4, counters[1]),
                    extensions: extensions.concat(),
                }
            },
        )
}

/// A map, and flows that use it.
fn group() -> impl Strategy<Value = (Vec<u8>, Vec<Flow>)> {
    (select(vec![0_u16, 1, 7, 354, 65535]), extension_list())
        .prop_flat_map(|(id, list)| (Just(layout1::map(id, &list)), vec(flow(id, &list), 0..12)))
}

/// nfdump ignores a map of the same length that begins with the whole list it replaces.
fn is_ignored(old: &[u8], new: &[u8]) -> bool {
    let ids = |map: &[u8]| -> Vec<u16> {
        let words = map[8..]
            .chunks(2)
            .map(|word| u16::from_le_bytes([word[0], word[1]]));
        words.take_while(|id| *id != 0).collect()
    };
    old.len() == new.len() && ids(new).starts_with(&ids(old))
}

/// Groups one after the other; every flow but those in front of any map. Blocks end anywhere.
fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(group(), 1..8).prop_map(|groups| {
        let mut maps: Vec<Vec<u8>> = Vec::new();
        let mut records = Vec::new();
        for (map, flows) in groups {
            if let Some(known) = maps.iter_mut().find(|known| known[4..6] == map[4..6]) {
                if is_ignored(known, &map) && *known != map {
                    continue;
                }
                known.clone_from(&map);
            } else {
                maps.push(map.clone());
            }
            records.push(map);
            records.extend(flows.iter().map(Flow::record));
        }
        records
    })
}

/// Our text for a file of these records, and nfdump's for what it can read of it.
fn both(
    records: &[Vec<u8>],
    encoding: Encoding,
    size: usize,
    form: Form,
) -> Option<(Vec<Vec<Member>>, Vec<u8>)> {
    let nfdump = support::oracle("1.7.10", "nfdump")?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202601011200");
    let blocks: Vec<_> = records.chunks(size).map(<[_]>::to_vec).collect();
    std::fs::write(&path, layout1::file(encoding, 0, "made", &blocks)).expect("written");
    let ours = support::read(&path, form, &[]);
    let blocks: Vec<_> = layout1::for_nfdump(&blocks);
    std::fs::write(&path, layout1::file(encoding, 0, "made", &blocks)).expect("written");
    Some((expected(&theirs(&nfdump, &path, form), form, &blocks), ours))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[cfg_attr(not(reference_programs), ignore = "needs the reference programs: set NFDECODE_ORACLE")]
    fn nfdump_prints_what_we_print(records in records(), encoding in select(ENCODINGS.to_vec()), size in 1_usize..40) {
        let flows = records.iter().filter(|record| layout1::is_flow(record)).count();
        for form in Form::BOTH {
            let Some((expected, ours)) = both(&records, encoding, size, form) else { return Ok(()) };
            match reference::compare_flows(expected, &ours, form) {
                Ok(count) => prop_assert_eq!(count, flows),
                Err(difference) => prop_assert!(false, "{} {:?}: {}", form.name(), encoding, difference),
            }
        }
    }

    /// Whatever the order and the number of threads, flows are decoded with the maps of their place.
    #[test]
    fn blocks_can_be_loaded_in_any_order(records in records(), size in 1_usize..20, order in any::<u64>()) {
        let blocks: Vec<_> = records.chunks(size).map(<[_]>::to_vec).collect();
        let bytes = layout1::file(Encoding::Lz4, 0, "made", &blocks);
        let file = File::from_bytes(bytes.clone()).expect("a file");
        let flows = |block: nfdecode::Result<nfdecode::Block>| -> Vec<Vec<u8>> {
            block.expect("a block").flows().map(|flow| flow.record().to_vec()).collect()
        };
        let in_order: Vec<_> = file.blocks().map(flows).collect();
        let again = File::from_bytes(bytes).expect("a file");
        let mut places: Vec<_> = again.block_refs().map(|found| found.expect("a block")).collect();
        places.sort_by_key(|found| (u64::from(found.index()) + 1).wrapping_mul(order | 1) % 61);
        for place in &places {
            prop_assert_eq!(&flows(again.load(*place)), &in_order[place.index() as usize]);
        }
        let mut threaded = Vec::new();
        let third = again.clone();
        let scan = nfdecode::Scan::new([nfdecode::scan::ScanInput::file(third)]);
        let all = |block: nfdecode::Result<nfdecode::scan::ScanBlock>| {
            let found = block.expect("a block");
            found.flows().map(|flow| flow.record().to_vec()).collect::<Vec<_>>()
        };
        scan.threads(4.try_into().expect("not 0")).map_blocks(all, |block| {
            threaded.push(block);
            std::ops::ControlFlow::Continue(())
        });
        prop_assert_eq!(threaded, in_order);
    }

    #[test]
    fn nothing_panics_on_changed_files(
        records in records(),
        encoding in select(ENCODINGS.to_vec()),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let blocks: Vec<_> = records.chunks(9).map(<[_]>::to_vec).collect();
        let mut bytes = layout1::file(encoding, 2, "made", &blocks);
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()) + 1);
        }
        for file in [File::from_bytes(bytes.clone()), File::from_partial_bytes(bytes)].into_iter().flatten() {
            for block in file.blocks().flatten() {
                for flow in block.flows() {
                    let copy = flow.to_owned_flow();
                    prop_assert_eq!(flow.src_addr(), copy.view().src_addr());
                    prop_assert_eq!(flow.element(24), copy.view().element(24));
                }
            }
            let _ = file.names();
        }
    }
}

// ---- one by one: the rows of docs/deviations.md ------------------------------------

/// A TCP flow of IPv4 with these extensions.
fn plain(map: u16, extensions: &[u8]) -> Flow {
    Flow {
        old: false,
        flags: 0,
        version: 9,
        sysid: 1,
        map,
        first: (1_600_000_000, 321),
        last: (1_600_000_001, 0),
        bytes: [0, 2, 6, 0],
        ports: [1111, 443],
        ends: [0, 0],
        addresses: [1, 2, 0, 192, 2, 100, 51, 198].to_vec(),
        packets: 3,
        octets: 500,
        extensions: extensions.to_vec(),
    }
}

fn read(flags: u8, records: &[Vec<u8>]) -> (Vec<nfdecode::OwnedFlow>, Option<nfdecode::Error>) {
    let file = File::from_bytes(layout1::file(
        Encoding::Lzo,
        flags,
        "made",
        &[records.to_vec()],
    ))
    .expect("a file");
    let block = file.blocks().next().expect("a block").expect("readable");
    (
        block.flows().map(|flow| flow.to_owned_flow()).collect(),
        block.damage().cloned(),
    )
}

#[test]
fn what_nfdump_loses() {
    let mut event = 1_600_000_000_321_u64.to_le_bytes().to_vec();
    event.extend([77, 0, 0, 0, 0, 0, 1, 0, 0xE9, 3, 0, 0]);
    let flow = Flow {
        flags: 0xC0,
        ..plain(0, &event)
    };
    let (flows, damage) = read(2, &[layout1::map(0, &[37]), flow.record()]);
    assert!(damage.is_none());
    let flow = flows[0].view();
    assert!(flow.is_event() && flow.is_sampled() && flow.is_anonymized());
    assert_eq!((flow.dst_port(), flow.export_version()), (Some(443), 9));
    assert_eq!(
        (flow.connect_id(), flow.xevent_id()),
        (Some(77), Some(1001))
    );
    // Biflow direction and end reason, with masks and with interfaces.
    for (id, extension) in [(8, [1, 0, 24, 16]), (4, [7, 0, 0, 0])] {
        let flow = Flow {
            ends: [1, 2],
            ..plain(0, &extension)
        };
        let (flows, _) = read(0, &[layout1::map(0, &[id]), flow.record()]);
        let flow = flows[0].view();
        assert_eq!(
            (flow.biflow_direction(), flow.flow_end_reason()),
            (Some(1), Some(2))
        );
    }
}

#[test]
fn maps_that_nfdump_ignores_or_dies_of() {
    // A longer list of the same record size replaces a shorter one.
    let (flows, damage) = read(
        0,
        &[
            layout1::map(0, &[4, 8]),
            layout1::map(0, &[4, 8, 13]),
            plain(0, &[1, 0, 2, 0, 0, 0, 24, 16, 5, 0, 6, 0]).record(),
        ],
    );
    assert!(damage.is_none());
    assert_eq!(flows[0].view().dst_vlan(), Some(6));
    // A map that is none: its flows are lost, those of others are not.
    let mut invalid = layout1::map(3, &[4]);
    invalid[6] = 99;
    let (flows, damage) = read(
        0,
        &[
            layout1::map(0, &[]),
            invalid,
            plain(3, &[0; 4]).record(),
            plain(0, &[]).record(),
        ],
    );
    assert_eq!(flows.len(), 1);
    let damage = damage.expect("reported");
    assert_eq!(
        (damage.block(), damage.record(), damage.reason()),
        (Some(0), Some(1), "not a valid extension map")
    );
    // Maps of one file are not those of the next.
    let (flows, damage) = read(0, &[plain(0, &[]).record()]);
    assert!(flows.is_empty());
    assert_eq!(
        damage.expect("reported").reason(),
        "flow without a valid extension map"
    );
}

#[test]
fn records_end_with_themselves() {
    // Shorter than the map tells: what is certain is kept.
    let short = plain(0, &[1, 0, 2]);
    let (flows, damage) = read(
        0,
        &[
            layout1::map(0, &[4]),
            short.record(),
            plain(0, &[1, 0, 2, 0]).record(),
        ],
    );
    assert_eq!(flows.len(), 2);
    assert_eq!(damage.expect("reported").record(), Some(1));
    assert_eq!(
        (flows[0].view().dst_port(), flows[0].view().input_snmp()),
        (Some(443), None)
    );
    assert_eq!(flows[1].view().output_snmp(), Some(2));
    // User names that fill their field.
    for (id, room, kept) in [(42, 24, 24), (43, 72, 65)] {
        let (flows, _) = read(
            0,
            &[layout1::map(0, &[id]), plain(0, &vec![b'x'; room]).record()],
        );
        assert_eq!(
            flows[0].view().user_name(),
            Some(vec![b'x'; kept].as_slice())
        );
    }
    // 1.6.13 stores an interface too short.
    let (flows, damage) = read(
        0,
        &[
            layout1::map(0, &[5, 13]),
            plain(0, &[0, 160, 0, 22, 0, 0, 3, 0, 4, 0]).record(),
        ],
    );
    assert!(damage.is_none());
    assert_eq!(
        (flows[0].view().input_snmp(), flows[0].view().dst_vlan()),
        (Some(0x1600_A000), Some(4))
    );
}

/// A full block of the flows that grow most in conversion, which nfdump 1.7.5 to 1.7.10 abort on.
#[test]
fn blocks_may_grow() {
    let list = [4, 6, 13, 9, 14];
    let flow = plain(
        0,
        &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0, 0, 8, 0, 0, 0],
    )
    .record();
    let mut records = vec![layout1::map(0, &list)];
    records.extend(std::iter::repeat_n(flow, 60_000));
    let (flows, damage) = read(0, &records);
    assert!(damage.is_none());
    assert_eq!(flows.len(), 60_000);
    let last = flows[59_999].view();
    assert_eq!((last.out_packets(), last.dst_vlan()), (Some(8), Some(6)));
}

/// Not a test: writes the flows of a file (`NFDECODE_LARGE`) in layout 1, in all encodings beside it, to
/// measure with. Elements beyond those of `benches/compare` are left out.
#[test]
#[ignore = "makes files to measure with"]
fn make_large_files() {
    let path = PathBuf::from(std::env::var_os("NFDECODE_LARGE").expect("a file of layout 2"));
    let source = File::open(&path).expect("a file");
    // With and without VLANs; blocks of 1 MiB, as nfdump 1.6 makes them.
    let lists: [&[u16]; 2] = [&[5, 7, 8, 9, 23, 27], &[5, 7, 8, 9, 13, 23, 27]];
    let mut blocks = vec![vec![layout1::map(0, lists[0]), layout1::map(1, lists[1])]];
    let mut room = 1 << 20;
    for block in source.blocks() {
        for flow in block.expect("a block").flows() {
            let ms = |time: Option<nfdecode::Timestamp>| {
                let ms = time.map_or(0, nfdecode::Timestamp::as_millis);
                ((ms / 1000) as u32, (ms % 1000) as u16)
            };
            let (packets, octets) = (flow.in_packets().unwrap_or(0), flow.in_bytes().unwrap_or(0));
            let wide = |number: u64, bit: u8| if number > u32::MAX.into() { bit } else { 0 };
            let generic = flow.element(1).expect("a generic element");
            let misc = flow.element(4).expect("interfaces");
            let mut extensions = misc[..8].to_vec();
            extensions.extend(flow.element(7).expect("AS numbers"));
            extensions.extend([misc[11], misc[10], misc[8], misc[9]]);
            extensions.extend(flow.element(10).expect("a next hop"));
            let vlan = flow.element(6);
            if let Some(vlan) = vlan {
                extensions.extend([vlan[0], vlan[1], vlan[4], vlan[5]]);
            }
            extensions.extend(flow.element(12).expect("an exporter"));
            extensions.extend(&generic[16..24]);
            let v6 = flow.element(3);
            let record = Flow {
                old: false,
                flags: u8::from(v6.is_some()) | wide(packets, 2) | wide(octets, 4),
                version: flow.export_version(),
                sysid: flow.exporter_sysid(),
                map: u16::from(vlan.is_some()),
                first: ms(flow.first()),
                last: ms(flow.last()),
                bytes: [generic[46], generic[45], generic[44], generic[47]],
                ports: [
                    u16::from_le_bytes([generic[40], generic[41]]),
                    u16::from_le_bytes([generic[42], generic[43]]),
                ],
                ends: [misc[12], misc[13]],
                addresses: v6.or(flow.element(2)).expect("addresses").to_vec(),
                packets,
                octets,
                extensions,
            }
            .record();
            if record.len() > room {
                blocks.push(Vec::new());
                room = 1 << 20;
            }
            room -= record.len();
            blocks.last_mut().expect("a block").push(record);
        }
    }
    let ident = String::from_utf8_lossy(source.ident().unwrap_or_default()).into_owned();
    for encoding in ENCODINGS {
        let name = format!("{encoding:?}").to_lowercase();
        let out = path.with_extension(format!("layout1.{name}"));
        std::fs::write(out, layout1::file(encoding, 0, &ident, &blocks)).expect("written");
    }
}

/// Blocks of nfdump 1.5 are told and passed over.
#[test]
fn blocks_of_nfdump_1_5() {
    const KIND: usize = 276 + 8;
    let mut bytes = layout1::file(Encoding::None, 0, "none", &[vec![layout1::map(1, &[4])]]);
    assert_eq!(bytes[KIND..KIND + 2], [2, 0]);
    bytes[KIND] = 1;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old");
    std::fs::write(&path, &bytes).expect("written");
    let output = support::nfdecode()
        .args(["read", "-f", "json"])
        .arg(&path)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let message = support::stderr(&output);
    assert!(
        message.contains("blocks of nfdump 1.5 cannot be read"),
        "{message}"
    );
    support::assert_json(&output.stdout, "no flows");
}
