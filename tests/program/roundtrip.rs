//! Files with any elements in any order and encoding, made by a writer of our own: nfdump 1.7.10 and
//! nfdecode must print them alike, and the decoder must give back what was written. Whatever bytes names and
//! texts consist of, and whatever is in a file of the kept corpora of fuzzing, every form can be parsed.

use crate::support;
use std::process::Command;
use std::sync::Arc;

use crate::support::bytes;
use crate::support::csv::{self, FRAGILE_TOKENS, SAFE_TOKENS};
use crate::support::reference::{self, Form};
use crate::support::writer::{self, Encoding, FlowRecord};
use nfdecode::File;
use nfdecode::output::csv::{CsvFormat, TokenList};
use nfdecode::output::fields::{self, FieldList, FieldsFormat};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::lines::{LineFormat, Lines, Totals};
use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
use nfdecode::value::Zone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Payload sizes of elements whose content is of no consequence: nfdump prints any.
const PLAIN: [(u16, usize); 28] = [
    (5, 24),
    (6, 8),
    (7, 8),
    (8, 4),
    (9, 16),
    (10, 4),
    (11, 16),
    (12, 4),
    (13, 16),
    (14, 40),
    (15, 32),
    (16, 8),
    (17, 24),
    (18, 16),
    (19, 16),
    (20, 8),
    (21, 32),
    (22, 4),
    (23, 24),
    (25, 16),
    (26, 8),
    (31, 12),
    (32, 40),
    (33, 16),
    (34, 4),
    (36, 8),
    (39, 8),
    (40, 4),
];

fn text(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(select(b"abcXYZ 019.-_@/".to_vec()), 1..longest)
}

/// Element 1, which nfdump needs for payloads; protocols that matter more often than others.
fn generic() -> impl Strategy<Value = Vec<u8>> {
    (
        bytes(48),
        select(vec![1_u8, 6, 17, 47, 58, 132]),
        0_u64..4_102_444_800_000,
    )
        .prop_map(|(mut payload, proto, first)| {
            payload[44] = proto;
            if payload[0] % 3 != 0 {
                payload[..8].copy_from_slice(&first.to_le_bytes());
            }
            payload
        })
}

/// Elements with content that nfdump reads closely. Where it has faults beyond correction (crashes,
/// memory of others), such content is left out; those have tests of their own.
fn particular() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let layer2 = (bytes(32), select(vec![0_u8, 4, 6])).prop_map(|(mut payload, version)| {
        payload[26] = version;
        payload
    });
    let info = bytes(4).prop_map(|mut payload| {
        payload[1] &= !0x20;
        payload
    });
    let user = text(60).prop_map(|mut name| {
        name.resize(68, 0);
        name
    });
    let subscriber = text(60).prop_map(|mut string| {
        string.extend([0; 4]);
        string
    });
    (
        proptest::option::of(bytes(8)),
        proptest::option::of(bytes(32)),
        proptest::option::of(bytes(16)),
        proptest::option::of(layer2),
        proptest::option::of(info),
        proptest::option::of(user),
        proptest::option::of(subscriber),
        proptest::option::of((
            select(vec![27_u16, 28, 29, 30, 35, 37]),
            vec(any::<u8>(), 24..61),
        )),
    )
        .prop_map(|(v4, v6, misc, layer2, info, user, subscriber, variable)| {
            let mut elements = Vec::new();
            let addressed = v4.is_some() || v6.is_some();
            elements.extend(v4.map(|payload| (2, payload)));
            elements.extend(v6.map(|payload| (3, payload)));
            elements.extend(misc.filter(|_| addressed).map(|payload| (4, payload)));
            elements.extend(layer2.map(|payload| (38, payload)));
            elements.extend(info.map(|payload| (42, payload)));
            elements.extend(user.map(|payload| (24, payload)));
            elements.extend(subscriber.map(|payload| (41, payload)));
            elements.extend(variable);
            elements
        })
}

/// A flow with any of the elements in any order, some stored twice, some masked.
fn flow() -> impl Strategy<Value = FlowRecord> {
    let plain = subsequence(PLAIN.to_vec(), 0..8).prop_flat_map(|chosen| {
        chosen
            .into_iter()
            .map(|(id, size)| (Just(id), bytes(size)))
            .collect::<Vec<_>>()
    });
    let masked = proptest::option::weighted(0.1, (Just(0_u16), vec(any::<u8>(), 0..13)));
    (
        generic(),
        plain,
        particular(),
        masked,
        any::<bool>(),
        any::<[u8; 2]>(),
        any::<u16>(),
        0_u8..4,
        any::<u8>(),
    )
        .prop_flat_map(
            |(generic, plain, particular, masked, twice, engine, sysid, flags, version)| {
                let mut elements = vec![(1, generic)];
                elements.extend(plain);
                elements.extend(particular);
                elements.extend(masked);
                if twice {
                    let (id, mut again) = elements[elements.len() / 2].clone();
                    // Element 1 decides what is printed of others; of two address families nfdump drops
                    // the last one stored and then finds the first again.
                    if !matches!(id, 1..=3) {
                        if id < 24 {
                            again
                                .iter_mut()
                                .for_each(|byte| *byte = byte.wrapping_add(1));
                        }
                        elements.push((id, again));
                    }
                }
                Just(elements)
                    .prop_shuffle()
                    .prop_map(move |elements| FlowRecord {
                        engine,
                        sysid,
                        flags,
                        version,
                        elements,
                    })
            },
        )
}

fn encoding() -> impl Strategy<Value = Encoding> {
    select(Encoding::ALL.to_vec())
}

fn blocks_of(flows: &[FlowRecord], size: usize) -> Vec<Vec<Vec<u8>>> {
    flows
        .chunks(size)
        .map(|flows| flows.iter().map(FlowRecord::bytes).collect())
        .collect()
}

/// The text of all flows that can be read, and how many there are.
fn print(file: &File, format: &mut dyn FlowFormat) -> (Vec<u8>, usize) {
    let mut out = TextBuffer::default();
    let (mut count, mut records) = (0, 0);
    let context = FlowContext::new(file.ident(), "na\"me\n\u{7f}");
    let mut context = context.with_names(&Arc::new(file.names()));
    format.begin(&mut out);
    for block in file.blocks().flatten() {
        for (flow, record) in block.flows().zip(block.record_numbers(records)) {
            count += 1;
            context.set_record_number(record);
            format.flow(count, &flow, &context, &mut out);
        }
        records += u64::from(block.counts().records);
    }
    format.end(count, &mut out);
    (out.as_bytes().to_vec(), count as usize)
}

/// Every form of text is what it promises to be, for any content.
fn assert_forms_parse(file: &File, context: &str) {
    let fields = fields::all().map(|field| field.name).collect::<Vec<_>>();
    let columns = fields.len();
    let fields = FieldList::parse(&fields.join(","))
        .expect("names of fields")
        .with_file_names();
    let zone = Zone::utc;
    for mut format in [
        Box::new(JsonFormat::json(zone())) as Box<dyn FlowFormat>,
        Box::new(FieldsFormat::json(fields.clone(), zone())),
    ] {
        let (text, flows) = print(file, &mut *format);
        let document: Vec<serde::de::IgnoredAny> =
            serde_json::from_slice(&text).unwrap_or_else(|error| {
                panic!("{context}: {error}: {}", String::from_utf8_lossy(&text))
            });
        assert_eq!(document.len(), flows, "{context}");
    }
    for mut format in [
        Box::new(JsonFormat::ndjson(zone()).with_file_names()) as Box<dyn FlowFormat>,
        Box::new(FieldsFormat::ndjson(fields.clone(), zone())),
    ] {
        let (text, flows) = print(file, &mut *format);
        assert_eq!(
            support::assert_ndjson(&text, context).len(),
            flows,
            "{context}"
        );
    }
    let mut format = FieldsFormat::csv(fields, b',', true, zone());
    let (text, flows) = print(file, &mut format);
    let mut reader = ::csv::Reader::from_reader(text.as_slice());
    let mut rows = 0;
    for row in reader.byte_records() {
        let row = row.unwrap_or_else(|error| panic!("{context}: {error}"));
        assert!(row.len() >= columns, "{context}");
        rows += 1;
    }
    assert_eq!(rows, flows, "{context}");
    let totals = Arc::new(Totals::default());
    let table = Lines::Table {
        width: Some(120),
        color: false,
    };
    for lines in [Lines::Line, Lines::Long, Lines::Extended, table] {
        let (text, _) = print(file, &mut LineFormat::new(lines, &totals, zone()));
        let text = String::from_utf8(text).expect("UTF-8");
        assert!(
            !text.chars().any(|one| one.is_control() && one != '\n'),
            "{context}: {text:?}"
        );
    }
    let all = TokenList::parse(&format!("{SAFE_TOKENS},{FRAGILE_TOKENS}")).expect("tokens");
    for tokens in [TokenList::standard(), TokenList::fast(), all] {
        let _ = print(file, &mut CsvFormat::new(tokens, zone()));
    }
}

#[test]
fn kept_corpora_can_be_printed() {
    let mut opened = 0;
    for layout in 1..=3 {
        for (path, bytes) in support::corpus::inputs(&format!("file-{layout}")) {
            for file in support::both_ways(&bytes) {
                opened += 1;
                assert_forms_parse(&file, &path.display().to_string());
            }
        }
    }
    assert!(opened > 500, "{opened} files of the corpora can be opened");
}

/// A record of names: of applications, interfaces or VRFs.
fn names_record(kind: u16, id: &[u8; 4], name: &[u8], description: &[u8]) -> Vec<u8> {
    let (size, lead) = match kind {
        12 => (4 + name.len() + description.len(), 14),
        _ => (4 + name.len() + 1, 12),
    };
    let mut record = Vec::new();
    for number in [kind, (lead + size) as u16, 1, size as u16] {
        record.extend(number.to_le_bytes());
    }
    if kind == 12 {
        for length in [4, name.len(), description.len()] {
            record.extend((length as u16).to_le_bytes());
        }
    } else {
        record.extend((name.len() as u32 + 1).to_le_bytes());
    }
    record.extend(id);
    record.extend(name);
    record.extend(if kind == 12 { description } else { &[0] });
    record
}

/// Bytes that text forms trip over, more often than others.
fn hostile_text(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => any::<u8>(),
        2 => select(b"\"\\\n\r\t\0,;'{}[]\x1b\x7f\x80\xc3\xa9\xe2\xed\xa0\xf0\xff".to_vec()),
    ];
    vec(byte, 0..longest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[cfg_attr(not(reference_programs), ignore = "needs the reference programs: set NFDECODE_ORACLE")]
    fn nfdump_prints_what_we_print(flows in vec(flow(), 1..60), encoding in encoding(), size in 1_usize..40) {
        let Some(nfdump) = support::oracle("1.7.10", "nfdump") else { return Ok(()) };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nfcapd.202601011200");
        std::fs::write(&path, writer::file(encoding, Some("made"), &blocks_of(&flows, size))).expect("it is written");
        for form in Form::BOTH {
            let theirs = Command::new(&nfdump)
                .args(["-W", "1", "-C", "none", "-G", "none", "-o", form.name(), "-r"])
                .arg(&path)
                .env("TZ", "UTC")
                .output()
                .expect("nfdump runs");
            let ours = support::nfdecode().arg("read").arg(&path).args(["-f", form.name()]).output().expect("it runs");
            prop_assert_eq!(ours.status.code(), Some(0), "{}", support::stderr(&ours));
            match reference::compare(&theirs.stdout, &ours.stdout, form) {
                Ok(count) => prop_assert_eq!(count, flows.len()),
                Err(difference) => prop_assert!(false, "{} {:?}: {}", form.name(), encoding, difference),
            }
        }
    }

    #[test]
    #[cfg_attr(not(reference_programs), ignore = "needs the reference programs: set NFDECODE_ORACLE")]
    fn nfdump_prints_our_csv(mut flows in vec(flow(), 1..60), encoding in encoding(), size in 1_usize..40) {
        let Some(nfdump) = support::oracle("1.7.10", "nfdump") else { return Ok(()) };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nfcapd.202601011200");
        // Without addresses csv-fast prints left-over memory.
        for flow in &mut flows {
            if flow.elements.iter().all(|(id, _)| !matches!(id, 2 | 3)) {
                flow.elements.push((2, vec![1, 2, 0, 192, 2, 100, 51, 198]));
            }
            // Names without end are read on, and line ends in them split lines.
            for (_, payload) in flow.elements.iter_mut().filter(|(id, _)| *id == 37) {
                payload.truncate(20);
                payload.extend(b"em0,\"x\0");
            }
        }
        std::fs::write(&path, writer::file(encoding, Some("made"), &blocks_of(&flows, size))).expect("it is written");
        for form in ["csv", "csv-fast", &format!("csv:{SAFE_TOKENS},{FRAGILE_TOKENS}")] {
            let theirs = Command::new(&nfdump)
                .args(["-W", "1", "-C", "none", "-G", "none", "-o", form, "-r"])
                .arg(&path)
                .env("TZ", "UTC")
                .output()
                .expect("nfdump runs");
            let ours = support::nfdecode().arg("read").arg(&path).args(["-f", form]).output().expect("it runs");
            prop_assert_eq!(ours.status.code(), Some(0), "{}", support::stderr(&ours));
            match csv::compare(&theirs.stdout, &ours.stdout, !theirs.status.success()) {
                Ok(lines) => prop_assert!(lines > flows.len() || !theirs.status.success()),
                Err(difference) => prop_assert!(false, "{} {:?}: {}", form, encoding, difference),
            }
        }
    }

    #[test]
    fn decoder_gives_back_what_was_written(flows in vec(flow(), 1..60), encoding in encoding(), size in 1_usize..40) {
        let file = File::from_bytes(writer::file(encoding, None, &blocks_of(&flows, size))).expect("a file");
        prop_assert_eq!(file.ident(), None);
        let mut expected = flows.iter();
        for block in file.blocks() {
            let block = block.expect("a block");
            prop_assert!(block.damage().is_none());
            for found in block.flows() {
                let written = expected.next().expect("no more flows than were written");
                prop_assert_eq!(found.record(), written.bytes());
                prop_assert_eq!(found.exporter_sysid(), written.sysid);
                prop_assert_eq!((found.engine_type(), found.engine_id()), (written.engine[0], written.engine[1]));
                // The last of equal elements counts; a copy finds the same without the index.
                let copy = found.to_owned_flow();
                for id in 1..=63_u8 {
                    let last = written.elements.iter().rev().find(|(stored, _)| *stored == u16::from(id));
                    let both = found.elements() & 0b1100 != 0 && (id == 2 || id == 3) && found.element(id).is_none();
                    if !both {
                        prop_assert_eq!(found.element(id), last.map(|(_, payload)| payload.as_slice()));
                    }
                    prop_assert_eq!(found.element(id), copy.view().element(id));
                }
                prop_assert_eq!(found.first(), copy.view().first());
            }
        }
        prop_assert!(expected.next().is_none());
    }

    #[test]
    fn nothing_panics_on_changed_files(
        flows in vec(flow(), 1..20),
        encoding in encoding(),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<proptest::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = writer::file(encoding, Some("made"), &blocks_of(&flows, 7));
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()) + 1);
        }
        let Ok(file) = File::from_bytes(bytes) else { return Ok(()) };
        let mut format = JsonFormat::json(Zone::utc());
        let (mut out, mut count) = (TextBuffer::default(), 0);
        let context = FlowContext::new(file.ident(), "changed");
        format.begin(&mut out);
        for block in file.blocks().flatten() {
            for flow in block.flows() {
                count += 1;
                format.flow(count, &flow, &context, &mut out);
            }
        }
        format.end(count, &mut out);
        let document: Vec<serde::de::IgnoredAny> = serde_json::from_slice(out.as_bytes()).expect("JSON");
        prop_assert_eq!(document.len() as u64, count);
        let _ = file.names();
    }

    #[test]
    fn names_and_texts_of_any_bytes_can_be_printed(
        texts in vec((select(vec![24_u16, 27, 28, 29, 30, 35, 37, 41]), hostile_text(90)), 1..20),
        names in vec((12_u16..15, any::<[u8; 4]>(), hostile_text(30), hostile_text(30)), 0..8),
        generic in generic(),
        from_layout_3 in any::<bool>(),
    ) {
        let mut records: Vec<_> = names
            .iter()
            .map(|(kind, id, name, description)| names_record(*kind, id, name, description))
            .collect();
        for (number, (id, text)) in texts.iter().enumerate() {
            let mut elements = vec![(1, generic.clone()), (*id, text.clone())];
            // Something for the names to be names of.
            if let Some((_, id, ..)) = names.get(number % names.len().max(1)) {
                elements.extend([(4, id.repeat(4)), (36, id.repeat(2)), (27, id.to_vec())]);
            }
            let flags = if from_layout_3 { 0x40 } else { 0 };
            records.push(FlowRecord { flags, elements, ..FlowRecord::default() }.bytes());
        }
        let ident: String = texts[0].1.iter().map(|byte| char::from(*byte)).collect();
        let bytes = writer::file(Encoding::None, Some(&ident), &[records]);
        let file = File::from_bytes(bytes).expect("a file");
        assert_forms_parse(&file, "any bytes");
    }
}
