//! Files of nfdump 1.8 (layout 3): our flows are those that 1.8 itself prints, in the keys that
//! nfdump 1.7.10 has for them, and those of the same capture in layout 2. What a writer of our own makes
//! reads as it was written, and as in layouts 1 and 2; encrypted, too.

use crate::support;
use std::path::Path;
use std::process::Output;

use crate::support::bytes;
use crate::support::layout1;
use crate::support::layout3::{self, FlowRecord};
use crate::support::reference::{self, Form, Member};
use crate::support::writer::{self, Encoding};
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer, json::JsonFormat};
use nfdecode::{ErrorKind, File, OpenOptions, OwnedFlow, Passphrase};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn flow_files_of_layout_3() {
    let (Some(files), Some(expected)) = (
        support::test_data("nfcapd/layout3"),
        support::test_data("expected/layout3"),
    ) else {
        return;
    };
    let mut failures = Vec::new();
    let (mut checked, mut flows) = (0, 0);
    for file in support::files_below(&files) {
        let relative = file.strip_prefix(&files).expect("below the folder");
        let compressed = expected.join(format!("{}.json.zst", relative.display()));
        let compressed = std::fs::read(&compressed).expect("a reference");
        let theirs = zstd::decode_all(compressed.as_slice()).expect("a ZSTD file");
        let mut theirs = reference::flows(&theirs, Form::Json);
        let mut ours = reference::our_flows(&support::read(&file, Form::Json, &[]), Form::Json);
        checked += 1;
        // nfdump 1.8 crashes in the middle of this one.
        if relative.starts_with("pcap-mixed-synthetic__1.8-none-pl") && theirs.len() < ours.len() {
            ours.truncate(theirs.len());
        }
        if ours.len() != theirs.len() {
            failures.push(format!(
                "{}: {} flows, nfdump has {}",
                relative.display(),
                ours.len(),
                theirs.len()
            ));
            continue;
        }
        flows += ours.len();
        for (ours, theirs) in ours.iter_mut().zip(&mut theirs) {
            reference::from_1_8(theirs, ours);
            reference::correct(theirs, ours);
            if let Some(difference) = difference(ours, theirs) {
                failures.push(format!("{}: {difference}", relative.display()));
                break;
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {checked} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(checked >= 109, "only {checked} files were there to compare");
    assert!(flows >= 60_000, "only {flows} flows");
}

/// The first member that differs.
fn difference(ours: &[Member], theirs: &[Member]) -> Option<String> {
    let count = &theirs.first()?.1;
    let mut pairs = ours.iter().zip(theirs);
    match pairs.find(|(ours, theirs)| ours != theirs) {
        Some((ours, theirs)) => Some(format!("flow {count}: expected {theirs:?}, ours {ours:?}")),
        None if ours.len() != theirs.len() => Some(format!(
            "flow {count}: {} members expected, ours {}",
            theirs.len(),
            ours.len()
        )),
        None => None,
    }
}

/// What a record of layout 2 calls an element of layout 3 is an unknown one, with or without a shape, and
/// whatever the flags say.
#[test]
fn elements_of_layout_3_exist_in_layout_3_only() {
    const WIDE_EXPORTER: u16 = nfdump_sys::NFDUMP_ELEMENT_WIDE_EXPORTER as u16;
    const EVENT_KIND: u16 = nfdump_sys::NFDUMP_ELEMENT_EVENT_KIND as u16;
    // The id that nfdump will define next.
    const UNUSED: u16 = nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as u16 + 1;
    for flags in [0, 0x40, 0xFF] {
        let record = writer::FlowRecord {
            flags,
            elements: vec![
                (1, vec![7; 48]),
                (24, vec![b'n'; 72]),
                (WIDE_EXPORTER, vec![1; 4]),
                (EVENT_KIND, vec![2; 2]),
                (UNUSED, vec![3; 8]),
            ],
            ..writer::FlowRecord::default()
        };
        let whole = record.bytes();
        // One that announces more elements than it has gets no shape.
        let mut cut = whole.clone();
        cut[4] = 9;
        let file = writer::file(Encoding::None, None, &[vec![whole, cut]]);
        let file = File::from_bytes(file).expect("a file");
        let expected = 1 << 1 | 1 << 24;
        let flows: Vec<OwnedFlow> = file.flows().filter_map(Result::ok).collect();
        assert_eq!(flows.len(), 2);
        for flow in &flows {
            assert_eq!(flow.view().elements(), expected, "flags {flags:#x}");
            assert_eq!(flow.view().wide_export_sysid(), None);
            assert_eq!(flow.view().user_name().map(<[u8]>::len), Some(66));
        }
        for block in file.blocks().flatten() {
            assert!(block.flows().all(|flow| flow.elements() == expected));
        }
    }
}

/// What `nfdecode read -f json` prints of a file.
fn json(file: &File) -> String {
    let mut format = JsonFormat::json(nfdecode::value::Zone::utc());
    let (mut out, mut count) = (TextBuffer::default(), 0);
    let context = FlowContext::new(file.ident(), "made");
    format.begin(&mut out);
    for block in file.blocks() {
        let block = block.expect("a block");
        assert!(block.damage().is_none(), "{:?}", block.damage());
        for flow in block.flows() {
            count += 1;
            format.flow(count, &flow, &context, &mut out);
        }
    }
    format.end(count, &mut out);
    String::from_utf8(out.as_bytes().to_vec()).expect("text")
}

/// An extension with numbers that layout 2 has room for.
fn extension(id: u8, size: usize) -> BoxedStrategy<(u8, Vec<u8>)> {
    let payload = match id {
        1 => (bytes(48), select(vec![1_u8, 6, 17, 47, 58, 132]))
            .prop_map(|(mut payload, proto)| {
                payload[44] = proto;
                payload
            })
            .boxed(),
        // Either a firewall event or one of translation.
        21 => (bytes(24), any::<bool>(), 1_u8..)
            .prop_map(|(mut payload, firewall, event)| {
                payload[14..20].fill(0);
                payload[if firewall { 14 } else { 18 }] = event;
                payload
            })
            .boxed(),
        23 => vec(select(b"abcXYZ 019.-_@/\"".to_vec()), 0..67)
            .prop_map(|mut name| {
                name.resize(72, 0);
                name
            })
            .boxed(),
        30 => bytes(16)
            .prop_map(|mut payload| {
                payload[12..].fill(0);
                payload
            })
            .boxed(),
        35 => (bytes(32), select(vec![0_u8, 4, 6]))
            .prop_map(|(mut payload, version)| {
                payload[26] = version;
                payload
            })
            .boxed(),
        _ if layout3::is_variable(id) => (0_usize..80).prop_flat_map(bytes).boxed(),
        _ => bytes(size).boxed(),
    };
    payload.prop_map(move |payload| (id, payload)).boxed()
}

/// A flow with any extensions in any order.
fn flow() -> impl Strategy<Value = FlowRecord> {
    let extensions = subsequence(layout3::EXTENSIONS.to_vec(), 0..40).prop_flat_map(|chosen| {
        let all: Vec<_> = chosen
            .into_iter()
            .map(|(id, size)| extension(id, size))
            .collect();
        all.prop_shuffle()
    });
    (
        extensions,
        any::<[u8; 2]>(),
        any::<u16>(),
        0_u16..8,
        any::<u8>(),
    )
        .prop_map(|(extensions, engine, sysid, flags, version)| FlowRecord {
            flags,
            sysid: sysid.into(),
            engine,
            version,
            extensions,
        })
}

/// Blocks of so many flows, and one without any.
fn blocks_of(flows: &[FlowRecord], size: usize, encoding: Encoding) -> Vec<layout3::Block> {
    let mut blocks = vec![(layout3::FLOWS, layout3::flows(&[]), encoding)];
    blocks.extend(flows.chunks(size).map(|flows| {
        let records: Vec<_> = flows.iter().map(FlowRecord::bytes).collect();
        (layout3::FLOWS, layout3::flows(&records), encoding)
    }));
    blocks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flows_read_as_written_and_as_in_layout_2(
        flows in vec(flow(), 1..60),
        encoding in select(Encoding::ALL.to_vec()),
        size in 1_usize..40,
    ) {
        let blocks = blocks_of(&flows, size, encoding);
        let file = File::from_bytes(layout3::file(Some("made"), flows.len() as u64, &blocks)).expect("a file");
        prop_assert!(file.appendix_damage().is_none());
        prop_assert_eq!(file.ident(), Some(&b"made"[..]));
        prop_assert_eq!(file.announced_flows(), Some(flows.len() as u64));
        let in_layout_2: Vec<_> = flows.iter().map(layout3::in_layout_2).collect();

        let mut expected = flows.iter().zip(&in_layout_2);
        for block in file.blocks() {
            let block = block.expect("a block");
            prop_assert!(block.damage().is_none());
            for found in block.flows() {
                let (written, twin) = expected.next().expect("no more flows than were written");
                prop_assert_eq!(u32::from(found.exporter_sysid()), written.sysid);
                prop_assert_eq!([found.engine_type(), found.engine_id()], written.engine);
                prop_assert_eq!(found.export_version(), written.version);
                prop_assert_eq!(found.is_event(), written.flags & 1 != 0);
                prop_assert_eq!(found.is_sampled(), written.flags & 2 != 0);
                prop_assert_eq!(found.is_anonymized(), written.flags & 4 != 0);
                let copy = found.to_owned_flow();
                for id in 1..=63_u8 {
                    let stored = twin.elements.iter().find(|(stored, _)| *stored == u16::from(id));
                    let of_two = matches!(id, 2 | 3) && found.elements() & 0b1100 != 0 && found.element(id).is_none();
                    // A user name has all of its 72 bytes here.
                    let length = if id == 24 { 68 } else { usize::MAX };
                    let payload = found.element(id).map(|payload| payload.get(..length).unwrap_or(payload));
                    prop_assert!(of_two || payload == stored.map(|(_, payload)| payload.as_slice()), "element {}", id);
                    prop_assert_eq!(found.element(id), copy.view().element(id));
                }
            }
        }
        prop_assert!(expected.next().is_none());

        let records: Vec<_> = in_layout_2.iter().map(writer::FlowRecord::bytes).collect();
        let blocks: Vec<_> = records.chunks(size).map(<[_]>::to_vec).collect();
        let twin = File::from_bytes(writer::file(encoding, Some("made"), &blocks)).expect("a file");
        prop_assert_eq!(json(&file), json(&twin));
    }

    #[test]
    fn the_same_flow_in_three_layouts(
        flows in vec(common_flow(), 1..40),
        at in 0_usize..4,
    ) {
        let encoding = [Encoding::None, Encoding::Lzo, Encoding::Bz2, Encoding::Lz4][at];
        let third = File::from_bytes(layout3::file(Some("made"), 0, &blocks_of(&flows, 7, encoding))).expect("a file");
        let records: Vec<_> = flows.iter().map(|flow| layout3::in_layout_2(flow).bytes()).collect();
        let second = File::from_bytes(writer::file(encoding, Some("made"), &[records])).expect("a file");
        let mut records = vec![layout1::map(3, &COMMON.map(|(_, extension)| extension))];
        records.extend(flows.iter().map(|flow| in_layout_1(flow).record()));
        let first = File::from_bytes(layout1::file(encoding, 0, "made", &[records])).expect("a file");
        let text = json(&third);
        prop_assert_eq!(&json(&second), &text);
        prop_assert_eq!(&json(&first), &text);
    }

    #[test]
    fn nothing_panics_on_changed_files(
        flows in vec(flow(), 1..20),
        encoding in select(Encoding::ALL.to_vec()),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<proptest::sample::Index>(),
        cut in any::<bool>(),
    ) {
        // Without checksums, so that changes are looked at.
        let mut stored: Vec<_> = blocks_of(&flows, 7, encoding).iter().map(layout3::stored_block).collect();
        stored.iter_mut().for_each(|block| block[16..24].fill(0));
        let mut bytes = layout3::assemble(0, &stored, |_| [0; 32]);
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()) + 1);
        }
        for partial in [false, true] {
            let Ok(file) = OpenOptions::new().partial(partial).from_bytes(bytes.clone()) else { continue };
            let mut format = JsonFormat::json(nfdecode::value::Zone::utc());
            let mut out = TextBuffer::default();
            format.begin(&mut out);
            for (at, flow) in file.blocks().flatten().flat_map(|block| block.flows().map(|flow| flow.to_owned_flow()).collect::<Vec<_>>()).enumerate() {
                format.flow(at as u64 + 1, &flow.view(), &FlowContext::default(), &mut out);
            }
            format.end(0, &mut out);
            let _ = file.names();
        }
    }
}

/// What all layouts have in common but for addresses, times and ports: extension of layout 3, of layout 1.
const COMMON: [(u8, u16); 13] = [
    (4, 5),
    (5, 8),
    (8, 7),
    (7, 13),
    (9, 9),
    (0, 11),
    (11, 23),
    (13, 22),
    (14, 20),
    (15, 21),
    (17, 45),
    (0, 25),
    (0, 27),
];

/// A flow of IPv4 or IPv6 that layout 1 can hold. Next hops and interfaces are not 0, which would mean that
/// they are not there.
fn common_flow() -> impl Strategy<Value = FlowRecord> {
    let payload = |id: u8, size: usize| {
        let used = vec(1_u8.., size);
        used.prop_map(move |payload| (id, payload))
    };
    let all: Vec<_> = [(1_u8, 48), (2, 32)]
        .into_iter()
        .chain(
            layout3::EXTENSIONS
                .into_iter()
                .filter(|(id, _)| COMMON.iter().any(|(common, _)| common == id)),
        )
        .map(|(id, size)| payload(id, size))
        .collect();
    (all, any::<bool>(), any::<u16>()).prop_map(|(mut extensions, v6, sysid)| {
        for (id, payload) in &mut extensions {
            match id {
                // Seconds of 32 bits, and a protocol without types and codes.
                1 => {
                    for at in [0, 8] {
                        let ms = u64::from(u32::from_le_bytes([
                            payload[at],
                            payload[at + 1],
                            payload[at + 2],
                            payload[at + 3],
                        ])) * 1000
                            + u64::from(payload[at + 4]);
                        payload[at..at + 8].copy_from_slice(&ms.to_le_bytes());
                    }
                    payload[44] = 17;
                }
                2 if v6 => *id = 3,
                2 => payload.truncate(8),
                5 => payload[6..].fill(0),
                7 => {
                    payload[2..4].fill(0);
                    payload[6..].fill(0);
                }
                _ => {}
            }
        }
        FlowRecord {
            flags: 0,
            sysid: sysid.into(),
            engine: [3, 4],
            version: 9,
            extensions,
        }
    })
}

fn in_layout_1(flow: &FlowRecord) -> layout1::Flow {
    let find = |id: u8| {
        let mut all = flow.extensions.iter();
        all.find(|(found, _)| *found == id)
            .map(|(_, payload)| payload.clone())
    };
    let generic = find(1).expect("times and ports");
    let number = |at: usize| u64::from_le_bytes(generic[at..at + 8].try_into().expect("8 bytes"));
    let port = |at: usize| u16::from_le_bytes([generic[at], generic[at + 1]]);
    let misc = find(5).expect("masks");
    let mut extensions = Vec::new();
    for (id, of_layout_1) in COMMON {
        match of_layout_1 {
            8 => extensions.extend([misc[4], misc[2], misc[0], misc[1]]),
            9 => extensions.extend(&find(9).expect("next hops")[..4]),
            11 => extensions.extend(&find(9).expect("next hops")[4..]),
            13 => {
                let vlans = find(7).expect("VLANs");
                extensions.extend([vlans[0], vlans[1], vlans[4], vlans[5]]);
            }
            23 => extensions.extend(&find(11).expect("the exporter")[..4]),
            25 => extensions.extend([0, 0, flow.engine[0], flow.engine[1]]),
            27 => extensions.extend(&generic[16..24]),
            _ => extensions.extend(find(id).expect("an extension")),
        }
    }
    let time = |ms: u64| ((ms / 1000) as u32, (ms % 1000) as u16);
    let v6 = find(3);
    layout1::Flow {
        old: false,
        flags: 6 | u8::from(v6.is_some()),
        version: flow.version,
        sysid: flow.sysid as u16,
        map: 3,
        first: time(number(0)),
        last: time(number(8)),
        bytes: [generic[46], generic[45], generic[44], generic[47]],
        ports: [port(40), port(42)],
        ends: [misc[3], misc[5]],
        addresses: v6.or(find(2)).expect("addresses"),
        packets: number(24),
        octets: number(32),
        extensions,
    }
}

/// Numbers that layout 2 has no room for are elements of their own.
#[test]
fn numbers_beyond_layout_2() {
    let mut event = vec![0; 24];
    event[16..20].copy_from_slice(&[2, 0, 0x2C, 1]);
    let record = FlowRecord {
        sysid: 70_000,
        extensions: vec![
            (1, vec![1; 48]),
            (21, event),
            (23, vec![b'u'; 72]),
            (30, vec![9; 16]),
        ],
        ..FlowRecord::default()
    };
    let blocks = blocks_of(&[record], 1, Encoding::Zstd);
    let file = File::from_bytes(layout3::file(None, 1, &blocks)).expect("a file");
    let flow = file.flows().next().expect("a flow").expect("a sound one");
    let flow = flow.view();
    assert_eq!(flow.wide_export_sysid(), Some(70_000));
    assert_eq!(flow.wide_nat_event_id(), Some(300));
    assert_eq!(flow.event_kind(), Some(2));
    assert_eq!(
        flow.wide_observation_domain_id(),
        Some(0x0909_0909_0909_0909)
    );
    assert_eq!(flow.user_name().map(<[u8]>::len), Some(72));

    // The same in every form of text, and told when layout 2 has no place for it.
    let folder = tempfile::tempdir().expect("a folder");
    let (path, rewritten) = (folder.path().join("layout3"), folder.path().join("layout2"));
    std::fs::write(&path, layout3::file(None, 1, &blocks)).expect("written");
    for arguments in [
        &["-f", "json"][..],
        &["-f", "ndjson"],
        &[
            "-f",
            "ndjson",
            "--fields",
            "export_sysid_wide,nat_event_id_wide,event_kind,observationDomainID64",
        ],
    ] {
        let output = support::nfdecode()
            .arg("read")
            .args(arguments)
            .arg(&path)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).replace(' ', "");
        for member in [
            "\"export_sysid_wide\":70000",
            "\"nat_event_id_wide\":300",
            "\"event_kind\":2",
            "\"observationDomainID64\":651061555542690057",
        ] {
            assert!(text.contains(member), "{arguments:?}: {member}: {text}");
        }
    }
    let output = support::nfdecode()
        .arg("rewrite")
        .args([&path, Path::new("-o"), &rewritten])
        .output()
        .expect("it runs");
    let message = support::stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(
        message.contains("1 of them without values that layout 2 cannot store"),
        "{message}"
    );
}

/// Exporters with samplers, and names of all kinds.
#[test]
fn exporters_and_names() {
    let address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1];
    let exporters = [
        layout3::exporter(1, address, 5, &[(7, 1, 99, 2), (-1, 1, 9, 0)]),
        layout3::exporter(2, [0x20; 16], 6, &[]),
    ];
    let named = |number: u32, name: &str| {
        let mut element = number.to_le_bytes().to_vec();
        element.extend(name.as_bytes());
        element.resize(24, 0);
        element
    };
    let mut application = vec![4, 8, 8, 3, 0, 0, 80];
    application.extend(b"http\0\0\0\0the web\0");
    application.resize(24, 0x11);
    for encoding in Encoding::ALL {
        let blocks = [
            (
                layout3::ARRAY,
                layout3::array(12, &[application.clone()]),
                encoding,
            ),
            (
                layout3::ARRAY,
                layout3::array(13, &[named(3, "eth0"), named(4, "eth1")]),
                encoding,
            ),
            (
                layout3::ARRAY,
                layout3::array(14, &[named(9, "red")]),
                encoding,
            ),
            (layout3::EXPORTERS, layout3::exporters(&exporters), encoding),
        ];
        let file = File::from_bytes(layout3::file(Some("site"), 0, &blocks)).expect("a file");
        let names = file.names();
        let exporter = names.exporter(1).expect("an exporter");
        assert_eq!(exporter.address.to_string(), "192.0.2.1");
        assert_eq!(
            (exporter.id, exporter.version, exporter.packets),
            (5, 9, 1000)
        );
        assert_eq!((exporter.flows, exporter.sequence_failures), (2000, 3));
        assert!(
            names
                .exporter(2)
                .is_some_and(|exporter| exporter.address.is_ipv6())
        );
        assert_eq!(names.samplers().len(), 2);
        let sampler = names.sampler(1, 7).expect("a sampler");
        assert_eq!((sampler.algorithm, sampler.packet_interval), (2, 1));
        assert_eq!(sampler.packet_space, 99);
        let application = names.application(&[3, 0, 0, 80]).expect("an application");
        assert_eq!(application.name, b"http");
        assert_eq!(application.description.as_deref(), Some(&b"the web"[..]));
        let interfaces = [names.interface(3), names.interface(4), names.interface(9)];
        assert_eq!(interfaces, [Some(&b"eth0"[..]), Some(b"eth1"), None]);
        assert_eq!(names.vrf(9), Some(&b"red"[..]));
    }
}

/// An encrypted file of some flows, and the same flows in the clear.
fn locked(encoding: Encoding) -> (Vec<u8>, Vec<u8>) {
    let record = |number: u8| FlowRecord {
        sysid: number.into(),
        extensions: vec![(1, vec![number; 48]), (2, vec![number; 8])],
        ..FlowRecord::default()
    };
    let flows: Vec<_> = (0..40).map(record).collect();
    let blocks = blocks_of(&flows, 20, encoding);
    (
        layout3::encrypted_file(Some("vault"), 40, &blocks),
        layout3::file(Some("vault"), 40, &blocks),
    )
}

fn unlock(bytes: &[u8], passphrase: &Passphrase, partial: bool) -> nfdecode::Result<File> {
    OpenOptions::new()
        .passphrase(passphrase.clone())
        .partial(partial)
        .from_bytes(bytes)
}

#[test]
fn encrypted_files_read_like_others() {
    let passphrase = Passphrase::new(layout3::PASSPHRASE);
    for encoding in Encoding::ALL {
        let (locked, plain) = locked(encoding);
        let file = unlock(&locked, &passphrase, false).expect("it opens");
        let twin = unlock(&plain, &passphrase, false).expect("a passphrase too many does no harm");
        assert!(
            file.appendix_damage().is_none(),
            "{:?}",
            file.appendix_damage()
        );
        assert_eq!(file.ident(), twin.ident());
        assert_eq!(file.statistics(), twin.statistics());
        assert!(file.header().encrypted && !twin.header().encrypted);
        assert_eq!(json(&file), json(&twin));
        // Without its end: what is there.
        let cut = unlock(&locked[..locked.len() - 60], &passphrase, true).expect("it opens");
        assert_eq!(cut.flows().filter(Result::is_ok).count(), 40);
    }
    let (locked, _) = locked(Encoding::Lz4);
    let error = File::from_bytes(locked.clone()).expect_err("no passphrase");
    assert_eq!(error.kind(), ErrorKind::Encrypted);
    assert!(!error.is_corrupt());
    let error = unlock(&locked, &Passphrase::new("Secret"), false).expect_err("another one");
    assert_eq!(error.kind(), ErrorKind::WrongKey);
    assert!(!error.is_corrupt());
}

/// Whatever is changed in an encrypted file is noticed, or changes nothing of what is read.
#[test]
fn changes_of_encrypted_files_are_noticed() {
    let passphrase = Passphrase::new(layout3::PASSPHRASE);
    let (locked, plain) = locked(Encoding::Zstd);
    let expected = json(&File::from_bytes(plain).expect("a file"));
    // Salt, nonce and key check make another key, which takes long; one of each is enough.
    let crypto = 48 + 40..48 + 96;
    for at in (0..locked.len()).filter(|at| !crypto.contains(at) || at % 19 == 0) {
        let mut changed = locked.clone();
        changed[at] ^= 0x04;
        // Header flags that say it is not encrypted: its blocks still are.
        let Ok(file) = unlock(&changed, &passphrase, false) else {
            continue;
        };
        let noticed = file.blocks().any(|block| block.is_err()) || file.appendix_damage().is_some();
        assert!(noticed || json(&file) == expected, "byte {at}");
    }

    // Blocks of the same size in each other's place.
    let file = unlock(&locked, &passphrase, false).expect("it opens");
    let refs: Vec<_> = file.block_refs().flatten().collect();
    let block = |at: usize| {
        let start = refs[at].offset() as usize;
        start..start + 24 + refs[at].stored_size() as usize
    };
    let mut swapped = locked.clone();
    if block(1).len() == block(2).len() {
        swapped[block(1)].copy_from_slice(&locked[block(2)]);
        let file = unlock(&swapped, &passphrase, false).expect("it opens");
        let error = file
            .blocks()
            .nth(1)
            .expect("a block")
            .expect_err("of another place");
        assert_eq!(error.kind(), ErrorKind::Checksum);
        assert_eq!(error.block(), Some(refs[1].index()));
        assert_eq!(file.blocks().filter(Result::is_ok).count(), refs.len() - 1);
    }

    // The header, which only the code in the footer covers.
    let mut changed = locked.clone();
    changed[8] ^= 1;
    let error = unlock(&changed, &passphrase, false).expect_err("another time");
    assert_eq!(error.kind(), ErrorKind::Checksum);
    let file = unlock(&changed, &passphrase, true).expect("it opens partially");
    assert_eq!(
        file.appendix_damage().map(|error| error.kind()),
        Some(ErrorKind::Checksum)
    );
    assert_eq!(json(&file), expected);
    let mut changed = locked.clone();
    let end = changed.len();
    changed[end - 32..].fill(0);
    let file = unlock(&changed, &passphrase, false).expect("it opens");
    assert!(file.appendix_damage().is_some());
    assert_eq!(json(&file), expected);
}

#[test]
fn commands_take_the_passphrase() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (locked, plain) = locked(Encoding::Lzo);
    std::fs::write(path("locked"), &locked).expect("written");
    std::fs::write(path("plain"), &plain).expect("written");
    std::fs::write(path("key"), format!("{}\n", layout3::PASSPHRASE)).expect("written");
    std::fs::write(path("empty"), "\n").expect("written");
    let run = |arguments: &[&str], input: &Path, key: Option<&str>| -> Output {
        let mut command = support::nfdecode();
        command.args(arguments).arg(input);
        if let Some(key) = key {
            command.env("NFDECODE_KEY", key);
        }
        command.output().expect("it runs")
    };
    let file = |name: &str| path(name).to_str().expect("a plain path").to_owned();
    let (key, empty, missing) = (file("key"), file("empty"), file("missing"));
    let (rewritten, repaired) = (file("rewritten"), file("repaired"));

    let expected = run(&["read", "-f", "ndjson"], &path("plain"), None).stdout;
    let from_file = ["read", "-f", "ndjson", "--key-file", &key];
    let from_environment = ["read", "-f", "ndjson"];
    for (arguments, passphrase) in [
        (&from_file[..], None),
        // The file counts.
        (&from_file[..], Some("another")),
        (&from_environment[..], Some(layout3::PASSPHRASE)),
    ] {
        let output = run(arguments, &path("locked"), passphrase);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            support::stderr(&output)
        );
        assert_eq!(output.stdout, expected);
    }
    for arguments in [
        &["info", "--key-file", &key][..],
        &["check", "--key-file", &key],
        &["read", "-f", "arrow", "--key-file", &key],
        &["rewrite", "--key-file", &key, "-o", &rewritten],
        &["repair", "--key-file", &key, "-o", &repaired],
    ] {
        let output = run(arguments, &path("locked"), None);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {} {text}",
            support::stderr(&output)
        );
        if arguments[0] == "info" {
            assert!(
                text.contains("encrypted") && text.contains("vault"),
                "{text}"
            );
        }
    }
    for made in ["rewritten", "repaired"] {
        assert_eq!(
            run(&["read", "-f", "ndjson"], &path(made), None).stdout,
            expected,
            "{made}"
        );
    }

    for (arguments, passphrase, status, phrase) in [
        (
            &["read"][..],
            None,
            1,
            "file is encrypted and needs its passphrase",
        ),
        (
            &["check"],
            Some(""),
            1,
            "file is encrypted and needs its passphrase",
        ),
        (
            &["read"],
            Some("another"),
            1,
            "file is encrypted with another passphrase",
        ),
        (&["read", "--key-file", &empty], None, 2, "is empty"),
        (&["read", "--key-file", &missing], None, 2, "No such file"),
    ] {
        let output = run(arguments, &path("locked"), passphrase);
        let text = support::stderr(&output) + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
        assert!(text.contains(phrase), "{arguments:?}: {text}");
    }
}

/// The directory is not where ident and statistics are, and messages do not say so.
#[test]
fn a_damaged_directory_is_called_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202401011200");
    let flow = FlowRecord::default().bytes();
    let block = (layout3::FLOWS, layout3::flows(&[flow]), Encoding::None);
    let sound = layout3::file(Some("here"), 1, &[block]);
    let place = u64::from_le_bytes(*sound[32..40].first_chunk().expect("eight bytes"));
    let mut damaged = sound;
    // The offset of its first block.
    damaged[place as usize + 16] ^= 1;
    std::fs::write(&path, damaged).expect("written");
    let path = path.to_str().expect("UTF-8");
    for (arguments, status) in [
        (&["read", "--count", path][..], 1),
        (&["read", "--count", "--salvage", path], 3),
    ] {
        let output = support::run(arguments);
        let message = support::stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{message}");
        assert!(message.contains("directory"), "{message}");
        assert!(!message.contains("ident and statistics"), "{message}");
    }
}
