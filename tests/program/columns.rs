//! Columns have the values that NDJSON prints, for every flow of all test data of layout 2. They are the same for
//! any choice of columns, any number of threads, and any pieces that bytes arrive in.

use crate::support;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::support::reference::{self, Form};
use crate::support::writer::{self, Encoding, FlowRecord};
use crate::support::{layout1, layout3};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Int32Type, TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader as _};
use nfdecode::Scan;
use nfdecode::Timestamp;
use nfdecode::columns::{BatchBuilder, Column, ColumnKind, Decoder, Projection, Rows, columns};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;
use nfdecode::value::{MacAddr, MplsLabel, TcpFlags};
use nfdecode::{Block, File, Flow};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A value as text that can be compared; `None` if it is null.
fn text(column: &Column, array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let v6 = |bytes: &[u8]| Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes"));
    Some(match column.kind() {
        ColumnKind::Bool => u8::from(array.as_boolean().value(row)).to_string(),
        ColumnKind::U8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        ColumnKind::U16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        ColumnKind::U32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        ColumnKind::U64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        ColumnKind::Time => {
            let ms = array.as_primitive::<TimestampMillisecondType>().value(row);
            Timestamp::from_millis(ms as u64).to_string()
        }
        ColumnKind::Ip4 => {
            let bytes = array.as_fixed_size_binary().value(row);
            Ipv4Addr::from(<[u8; 4]>::try_from(bytes).expect("4 bytes")).to_string()
        }
        ColumnKind::Ip6 => v6(array.as_fixed_size_binary().value(row)).to_string(),
        ColumnKind::Ip => v6(array.as_fixed_size_binary().value(row))
            .to_canonical()
            .to_string(),
        ColumnKind::Mac => {
            let bytes = array.as_fixed_size_binary().value(row);
            MacAddr(bytes.try_into().expect("6 bytes")).to_string()
        }
        ColumnKind::Mpls => {
            let labels = array.as_list::<i32>().value(row);
            let labels = labels.as_primitive::<UInt32Type>();
            format!("{:?}", labels.values())
        }
        ColumnKind::Word => {
            let words = array.as_dictionary::<UInt8Type>();
            let key = usize::from(words.keys().value(row));
            words.values().as_string::<i32>().value(key).to_owned()
        }
        ColumnKind::Label => {
            let labels = array.as_dictionary::<Int32Type>();
            let key = labels.keys().value(row) as usize;
            labels.values().as_string::<i32>().value(key).to_owned()
        }
        ColumnKind::Text => array.as_string::<i32>().value(row).to_owned(),
        ColumnKind::Bytes => format!("{:?}", array.as_binary::<i32>().value(row)),
        other => panic!("{other:?} is new"),
    })
}

/// What NDJSON prints, in the same form.
fn expected(column: &Column, printed: &str) -> Option<String> {
    let plain = if printed.starts_with('"') {
        serde_json::from_str::<String>(printed).expect("a string")
    } else {
        printed.to_owned()
    };
    match column.kind() {
        ColumnKind::Time if plain.starts_with("<unknown>") => None,
        ColumnKind::Time => Some(format!("{plain}Z")),
        ColumnKind::Ip if plain.is_empty() => None,
        ColumnKind::Ip4 => Some(plain.parse::<Ipv4Addr>().expect("an address").to_string()),
        ColumnKind::Ip6 => Some(plain.parse::<Ipv6Addr>().expect("an address").to_string()),
        ColumnKind::Ip => {
            let address = plain.parse::<std::net::IpAddr>().expect("an address");
            Some(address.to_canonical().to_string())
        }
        ColumnKind::U8 if column.name() == "tcp_flags" => {
            let flags = (0..=255).find(|flags| TcpFlags(*flags).to_string() == plain);
            flags.map(|flags: u8| flags.to_string())
        }
        ColumnKind::Text if plain == "<empty>" => Some(String::new()),
        _ => Some(plain),
    }
}

/// Compares one flow with its members in NDJSON, and with its accessors.
fn check(
    flow: &Flow<'_>,
    members: &[(String, String)],
    columns: &[&Column],
    batch: &RecordBatch,
    row: usize,
) -> Result<(), String> {
    let value = |name: &str| {
        let at = columns
            .iter()
            .position(|column| column.name() == name)
            .expect("a column");
        text(columns[at], batch.column(at), row)
    };
    let equal = |name: &str, found: Option<String>, wanted: Option<String>| {
        if found == wanted {
            Ok(())
        } else {
            Err(format!(
                "row {row}, {name}: {found:?} instead of {wanted:?}"
            ))
        }
    };
    // Members and columns are in the same order, so keys that occur twice find their columns.
    let mut members = members.iter().filter(|(key, _)| key != "cnt").peekable();
    let mut sorted: Vec<_> = columns
        .iter()
        .filter(|column| !column.key().is_empty())
        .collect();
    sorted.sort_by_key(|column| match column.key() {
        "type" => 0,
        "ident" => 1,
        "export_sysid" => 2,
        "sampled" => 99,
        _ => 3,
    });
    let mut stack = Vec::new();
    for column in sorted {
        while let Some((key, printed)) =
            members.next_if(|(key, _)| key.starts_with("mpls_") || key.ends_with("_geo"))
        {
            if key.starts_with("mpls_") {
                stack.push(printed.trim_matches('"').to_owned());
            }
        }
        let here = column.elements() == 0 || column.elements() & flow.elements() != 0;
        let printed = members.next_if(|(key, _)| here && key == column.key());
        let found = value(column.name());
        if column.name().ends_with("_latency") {
            // Printed in milliseconds.
            let us = match column.name() {
                "cli_latency" => flow.cli_latency(),
                "srv_latency" => flow.srv_latency(),
                _ => flow.app_latency(),
            };
            equal(column.name(), found, us.map(|us| us.to_string()))?;
            continue;
        }
        match printed {
            // A time beyond 63 bits.
            Some(_) if column.kind() == ColumnKind::Time && found.is_none() => {
                let ms = match column.name() {
                    "first" => flow.first(),
                    "last" => flow.last(),
                    "received" => flow.received(),
                    "nsel_event_time" => flow.nsel_event_time(),
                    _ => flow.nat_event_time(),
                };
                let ms = ms.expect("it is printed").as_millis();
                if ms <= i64::MAX as u64 && !(ms < 1000 && column.name().contains("event")) {
                    return Err(format!("row {row}, {}: {ms} is lost", column.name()));
                }
            }
            Some((_, printed)) => equal(column.name(), found, expected(column, printed))?,
            None => equal(column.name(), found, None)?,
        }
    }
    if let Some((key, _)) = members.next() {
        return Err(format!("row {row}: nothing for {key}"));
    }
    let used = stack
        .iter()
        .rposition(|entry| entry != "0-0-0")
        .map_or(0, |last| last + 1);
    let found = batch.column(
        columns
            .iter()
            .position(|column| column.name() == "mpls")
            .expect("a column"),
    );
    if stack.is_empty() {
        equal("mpls", value("mpls"), None)?;
    } else {
        let labels = found.as_list::<i32>().value(row);
        let labels = labels.as_primitive::<UInt32Type>().values().iter();
        let labels: Vec<_> = labels.map(|entry| MplsLabel(*entry).to_string()).collect();
        if labels != stack[..used] {
            return Err(format!("row {row}, mpls: {labels:?} instead of {stack:?}"));
        }
    }

    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let address =
        |value: Option<std::net::IpAddr>| value.map(|value| value.to_canonical().to_string());
    let bytes = |value: Option<&[u8]>| value.map(|value| format!("{value:?}"));
    let lossy =
        |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
    for (name, wanted) in [
        ("src_addr", address(flow.src_addr())),
        ("dst_addr", address(flow.dst_addr())),
        ("next_hop", address(flow.next_hop())),
        ("bgp_next_hop", address(flow.bgp_next_hop())),
        ("exporter_addr", address(flow.exporter_addr())),
        ("src_xlt_addr", address(flow.src_xlt_addr())),
        ("dst_xlt_addr", address(flow.dst_xlt_addr())),
        (
            "src_tun_addr",
            address(
                flow.src4_tun_ip()
                    .map(Into::into)
                    .or(flow.src6_tun_ip().map(Into::into)),
            ),
        ),
        (
            "dst_tun_addr",
            address(
                flow.dst4_tun_ip()
                    .map(Into::into)
                    .or(flow.dst6_tun_ip().map(Into::into)),
            ),
        ),
        ("anonymized", number(Some(flow.is_anonymized().into()))),
        ("engine_type", number(Some(flow.engine_type().into()))),
        ("engine_id", number(Some(flow.engine_id().into()))),
        ("export_version", number(Some(flow.export_version().into()))),
        (
            "biflow_direction",
            number(flow.biflow_direction().map(Into::into)),
        ),
        (
            "flow_end_reason",
            number(flow.flow_end_reason().map(Into::into)),
        ),
        ("sampler_id", number(flow.sampler_id())),
        (
            "sampler_sysid",
            number(flow.sampler_sysid().map(Into::into)),
        ),
        ("application_id", bytes(flow.application_id())),
        ("label", lossy(flow.label())),
        ("in_payload", bytes(flow.in_payload())),
        ("out_payload", bytes(flow.out_payload())),
        ("frame_size", number(flow.frame_size().map(Into::into))),
        (
            "frame_link_type",
            number(flow.frame_link_type().map(Into::into)),
        ),
        ("frame", bytes(flow.frame())),
        ("pf_action", number(flow.pf_action().map(Into::into))),
        ("pf_rule", number(flow.pf_rule().map(Into::into))),
        ("pf_sub_rule", number(flow.pf_sub_rule().map(Into::into))),
        ("pf_uid", number(flow.pf_uid().map(Into::into))),
        ("pf_pid", number(flow.pf_pid().map(Into::into))),
        ("pf_interface", lossy(flow.pf_interface())),
        ("vxlan", number(flow.vxlan())),
        ("ttl", number(flow.ttl().map(Into::into))),
    ] {
        equal(name, value(name), wanted)?;
    }
    Ok(())
}

/// Compares all flows of a file.
fn check_file(file: &File, builder: &mut BatchBuilder) -> Result<usize, String> {
    let projection = Projection::all();
    let mut format = JsonFormat::ndjson(Zone::utc());
    let context = FlowContext::new(file.ident(), "");
    builder.set_file("some name", file.ident());
    let mut flows = 0;
    for block in file.blocks().flatten() {
        let mut out = TextBuffer::default();
        // Of large blocks every seventh flow.
        let step = if block.len() > 2000 { 7 } else { 1 };
        for (flow, number) in block.flows().step_by(step).zip(1..) {
            format.flow(number, &flow, &context, &mut out);
        }
        let printed = reference::our_flows(out.as_bytes(), Form::Ndjson);
        let batches = builder.block(&block).map_err(|error| error.to_string())?;
        let rows = batches
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
        let mut count = 0;
        let rows = block.flows().zip(rows).step_by(step);
        for ((flow, (batch, row)), members) in rows.zip(&printed) {
            check(&flow, members, projection.columns(), batch, row)?;
            count += 1;
        }
        assert_eq!(count, block.len().div_ceil(step));
        let made: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(made, block.len());
        flows += count;
    }
    Ok(flows)
}

/// All files of layout 2 among the test data.
fn files() -> Option<Vec<PathBuf>> {
    let mut files = support::files_below(&support::test_data("nfcapd/layout2")?);
    let elements = support::files_below(&support::test_data("elements")?);
    files.extend(
        elements
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "nf")),
    );
    Some(files)
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn columns_hold_what_ndjson_prints() {
    let Some(files) = files() else { return };
    let mut builder = BatchBuilder::new(&Projection::all());
    let (mut checked, mut flows, mut failures) = (0, 0, Vec::new());
    for path in files {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        match check_file(&file, &mut builder) {
            Ok(count) => flows += count,
            Err(difference) => failures.push(format!("{}: {difference}", path.display())),
        }
        checked += 1;
    }
    assert!(
        failures.is_empty(),
        "{} of {checked} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        checked >= 300 && flows >= 30_000,
        "{checked} files, {flows} flows"
    );
}

/// Flows with any elements of any length: also those that are cut, doubled or of both families.
#[test]
fn columns_of_any_elements() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    let element = (
        1_u16..u16::try_from(nfdump_sys::NFDUMP_ELEMENT_SLOTS).expect("64"),
        proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..72),
    );
    let flow = (
        prop_oneof![
            9 => proptest::collection::vec(element.clone(), 0..12),
            // Too many for a shape.
            1 => proptest::collection::vec(element, 49..60),
        ],
        any::<[u8; 2]>(),
        any::<u8>(),
    );
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&proptest::collection::vec(flow, 1..90), |flows| {
        let records = flows.into_iter().map(|(mut elements, engine, flags)| {
            // nfdump's JSON has no TLS members without element 1, and nothing else depends on it.
            for (id, payload) in &mut elements {
                if *id == 1 && payload.len() > 44 {
                    payload[44] = [1, 6, 17, 58][usize::from(payload[44] % 4)];
                }
            }
            FlowRecord {
                engine,
                sysid: 7,
                flags,
                version: 9,
                elements,
            }
            .bytes()
        });
        check_records(records.collect()).map_err(TestCaseError::fail)?;
        Ok(())
    });
    result.expect("no difference");
}

/// Compares the flows of a block of records.
fn check_records(records: Vec<Vec<u8>>) -> Result<usize, String> {
    let bytes = writer::file(Encoding::None, Some("any"), &[records]);
    let file = File::from_bytes(bytes).expect("a file");
    check_file(&file, &mut BatchBuilder::new(&Projection::all()))
}

/// Texts that could be taken for the end of a member, or for the next one.
#[test]
fn columns_of_texts_that_look_like_members() {
    let texts = [
        "\",",
        "\",\"",
        "\",\"proto\":6",
        "\\",
        "\\\"",
        "\\\",",
        "\"",
        "\"}",
        ",",
        "\n{",
        "\u{7f}",
    ];
    let records = texts.iter().flat_map(|text| {
        [24, 41].map(|id| {
            let mut payload = text.as_bytes().to_vec();
            payload.resize(68, 0);
            FlowRecord {
                elements: vec![(id, payload), (2, vec![1; 8])],
                ..FlowRecord::default()
            }
            .bytes()
        })
    });
    let count = check_records(records.collect()).expect("no difference");
    assert_eq!(count, 2 * texts.len());
}

fn batches(
    paths: &[PathBuf],
    projection: &Projection,
    threads: usize,
) -> Vec<Result<RecordBatch, String>> {
    let threads = NonZeroUsize::new(threads).expect("not zero");
    let reader = Scan::new(paths).threads(threads).columns(projection);
    assert_eq!(reader.schema(), projection.schema());
    reader
        .map(|batch| batch.map_err(|error| error.to_string()))
        .collect()
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn any_number_of_threads_gives_the_same_batches() {
    let Some(files) = files() else { return };
    let projection = Projection::all();
    let one = batches(&files, &projection, 1);
    assert!(one.iter().any(Result::is_err), "some files are damaged");
    for threads in [2, 3, 8] {
        assert_eq!(
            batches(&files, &projection, threads),
            one,
            "{threads} threads"
        );
    }
    // A reader that is dropped early ends its threads.
    let threads = NonZeroUsize::new(4).expect("not zero");
    let mut reader = Scan::new(files).threads(threads).columns(&projection);
    assert!(reader.next().is_some());
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn any_choice_of_columns_gives_the_same_values() {
    let Some(files) = files() else { return };
    let all = batches(&files, &Projection::all(), 2);
    // Each column at least once, in an order that is not that of the schema.
    let names: Vec<_> = columns().iter().rev().map(Column::name).collect();
    for names in names.chunks(16) {
        let projection = Projection::from_names(names).expect("columns");
        let some = batches(&files, &projection, 2);
        assert_eq!(some.len(), all.len());
        for (all, some) in all.iter().zip(&some) {
            match (all, some) {
                (Ok(all), Ok(some)) => {
                    for name in names {
                        assert_eq!(
                            all.column_by_name(name),
                            some.column_by_name(name),
                            "{name}"
                        );
                    }
                }
                (all, some) => assert_eq!(all.as_ref().err(), some.as_ref().err()),
            }
        }
    }
}

/// As many flows as each block has by [`Filter::select`], with the same values.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn filters_choose_rows_on_any_number_of_threads() {
    use nfdecode::Filter;
    use nfdecode::filter::Scope;
    let Some(files) = files() else { return };
    let projection = Projection::from_names(["in_bytes", "dst_addr"]).expect("columns");
    let mut chosen = 0;
    for text in [
        "any",
        "proto tcp and bytes > 100",
        "dst port 53 or icmp-type 8",
        "count > 500 and count < 1000",
        "not ident none and packets 1",
        "not any",
    ] {
        let filter = Filter::parse(text).expect("a filter");
        let (mut expected, mut records_before) = (Vec::new(), 0);
        for file in &files {
            let Ok(file) = File::open(file) else { continue };
            if !filter.needs_count() && !filter.may_select(&file) {
                continue;
            }
            for block in file.blocks().flatten() {
                let scope = Scope::new(file.ident()).with_records_before(records_before);
                let mut selected = Vec::new();
                filter.select(&block, scope, &mut selected);
                let flows = selected.iter().filter_map(|at| block.flow(*at as usize));
                expected.extend(flows.map(|flow| flow.in_bytes()));
                records_before += block.numbered_records();
            }
        }
        for threads in [1, 3] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let scan = Scan::new(&files).threads(threads).select(filter.clone());
            let reader = scan.columns(&projection);
            let found: Vec<_> = reader
                .flatten()
                .flat_map(|batch| {
                    let column = batch.column_by_name("in_bytes").expect("a column");
                    column
                        .as_primitive::<UInt64Type>()
                        .iter()
                        .collect::<Vec<_>>()
                })
                .collect();
            assert_eq!(found, expected, "{text}, {threads} threads");
        }
        chosen += expected.len();
    }
    assert!(chosen > 1000, "{chosen} flows");
}

/// Numbers that are the same in each run, of 31 bits.
/// Rows with a user name whose bytes are not UTF-8, so that each takes three bytes as text.
fn records_with_text(count: u64) -> Vec<Vec<u8>> {
    let record = |number: u64| {
        let mut generic = vec![0; 48];
        generic[..8].copy_from_slice(&(1_767_225_600_000 + number).to_le_bytes());
        FlowRecord {
            elements: vec![(1, generic), (24, vec![0xFF; 60])],
            ..FlowRecord::default()
        }
        .bytes()
    };
    (0..count).map(record).collect()
}

#[test]
fn batches_end_at_the_limit_of_text() {
    let bytes = writer::file(Encoding::None, None, &[records_with_text(2000)]);
    let file = File::from_bytes(bytes).expect("a file");
    let block = file.blocks().next().expect("a block").expect("intact");
    let projection = Projection::from_names(["first", "user_name"]).expect("columns");
    let whole = BatchBuilder::new(&projection)
        .block(&block)
        .expect("batches");
    assert_eq!(whole.len(), 1);

    let rows = |limit: usize| -> Vec<usize> {
        let mut builder = BatchBuilder::new(&projection).with_text_max(limit);
        let batches = builder.block(&block).expect("batches");
        let mut start = 0;
        for batch in &batches {
            assert_eq!(*batch, whole[0].slice(start, batch.num_rows()));
            start += batch.num_rows();
        }
        batches.iter().map(RecordBatch::num_rows).collect()
    };
    // 512 rows have 92,160 bytes of text.
    assert_eq!(rows(0), [512, 512, 512, 464]);
    assert_eq!(rows(92_160), [512, 512, 512, 464]);
    assert_eq!(rows(92_161), [1024, 976]);
    assert_eq!(rows(usize::MAX), [2000]);
}

#[test]
fn parquet_pages_end_at_the_limit_of_text() {
    use nfdecode::columns::parquet::{GroupFormat, Options};
    let bytes = writer::file(Encoding::None, None, &[records_with_text(2000)]);
    let file = File::from_bytes(bytes).expect("a file");
    let block = file.blocks().next().expect("a block").expect("intact");
    let projection = Projection::from_names(["last", "user_name"]).expect("columns");
    let format = GroupFormat::new(&projection, &Options::new()).expect("a format");
    let mut rows = Rows::new();
    rows.add(&block, 0, None, usize::MAX);
    let group = |limit: usize| {
        let mut encoder = format.encoder().with_text_max(limit);
        let mut out = format.writer(Vec::new()).expect("a file");
        let group = format.encode(&mut encoder, &rows, 0..rows.len());
        let group = group.expect("a group");
        assert_eq!(group.rows(), 2000);
        group.write(&mut out).expect("it is written");
        let mut file = tempfile::tempfile().expect("a file");
        let bytes = out.into_inner().expect("a file");
        file.write_all(&bytes).expect("it is written");
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 4096);
        reader
            .expect("a file")
            .collect::<Result<Vec<_>, _>>()
            .expect("batches")
    };
    assert_eq!(group(1), group(usize::MAX));
}

/// A record with too many elements for a shape costs no more per column than any other.
///
/// Building batches of a decoded block is compared with that of records which have 60 elements. A walk over
/// the elements for each field and row would take 250 times as long.
#[test]
fn elements_are_walked_once_per_flow() {
    let block = |elements: usize| {
        let mut all = vec![(99, Vec::new()); elements];
        all.push((1, vec![1; 48]));
        all.push((4, vec![1; 16]));
        let record = FlowRecord {
            elements: all,
            ..FlowRecord::default()
        };
        let bytes = writer::file(Encoding::Zstd, None, &[vec![record.bytes(); 60]]);
        let file = File::from_bytes(bytes).expect("a file");
        file.blocks().next().expect("a block").expect("intact")
    };
    let (few, many) = (block(60), block(15_000));
    let mut builder = BatchBuilder::new(&Projection::all());
    let mut fastest = |block: &Block| {
        let times = (0..9).map(|_| {
            let start = std::time::Instant::now();
            let batches = builder.block(block).expect("batches");
            assert_eq!(batches[0].num_rows(), 60);
            start.elapsed()
        });
        times.min().expect("a time")
    };
    let (few, many) = (fastest(&few), fastest(&many));
    assert!(many < few * 20, "{many:?} instead of {few:?}");
}

fn random(mut seed: u64) -> impl FnMut() -> usize {
    move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    }
}

/// The bytes of a file in pieces.
fn in_pieces(
    bytes: &[u8],
    projection: &Projection,
    name: &str,
    mut size: impl FnMut() -> usize,
) -> (Vec<Result<RecordBatch, String>>, bool) {
    let mut decoder = Decoder::new(projection).with_file_name(name);
    let mut made = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let piece = &bytes[at..bytes.len().min(at + size().max(1))];
        at += decoder.decode(piece);
        while let Some(batch) = decoder.flush() {
            made.push(batch.map_err(|error| error.to_string()));
        }
    }
    (made, decoder.finish().is_ok())
}

/// Batches without damage, as one.
fn joined(batches: &[Result<RecordBatch, String>], projection: &Projection) -> RecordBatch {
    let batches = batches
        .iter()
        .map(|batch| batch.as_ref().expect("no damage"));
    arrow_select::concat::concat_batches(&projection.schema(), batches).expect("the same columns")
}

/// Blocks too small for a batch share one, up to the first error, and not with those of another file.
#[test]
fn small_blocks_share_batches() {
    let flow = |number: u32| {
        let element = (39, [number.to_le_bytes(), [0; 4]].concat());
        let flow = FlowRecord {
            elements: vec![element],
            ..FlowRecord::default()
        };
        flow.bytes()
    };
    let blocks = |from: u32, sizes: &[u32]| -> Vec<Vec<Vec<u8>>> {
        let ends = sizes.iter().scan(from, |end, size| {
            *end += size;
            Some((*end - size, *end))
        });
        ends.map(|(start, end)| (start..end).map(flow).collect())
            .collect()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    for (name, sizes, from) in [
        ("nfcapd.1", &[1, 2, 3, 5_000, 4, 4_000, 200, 7][..], 0),
        ("nfcapd.2", &[10, 1, 20], 20_000),
    ] {
        let mut bytes = writer::file(Encoding::Zstd, None, &blocks(from, sizes));
        if from != 0 {
            // The data of the second block.
            let second = 40 + 12 + u32::from_le_bytes(bytes[44..48].try_into().expect("4 bytes"));
            bytes[second as usize + 12] ^= 0xFF;
        }
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        paths.push(path);
    }
    let projection = Projection::from_names(["flow_id", "file"]).expect("columns");
    for threads in [1, 4] {
        let found = batches(&paths, &projection, threads);
        let rows = found
            .iter()
            .map(|batch| batch.as_ref().ok().map(RecordBatch::num_rows));
        let expected = [6, 5_000, 4_204, 7, 10].map(Some);
        let expected = [&expected[..], &[None, Some(20)]].concat();
        assert_eq!(rows.collect::<Vec<_>>(), expected, "{threads} threads");
        let numbers = found.iter().flatten().flat_map(|batch| {
            let numbers = batch.column(0).as_primitive::<UInt64Type>();
            numbers.values().to_vec()
        });
        let expected = (0..9_217).chain(20_000..20_010).chain(20_011..20_031);
        assert!(numbers.eq(expected), "{threads} threads");
    }
}

#[test]
fn other_layouts_are_not_read_in_pieces() {
    let projection = Projection::from_names(["first"]).expect("a column");
    let files = [
        layout1::file(Encoding::None, 0, "none", &[]),
        layout3::file(None, 0, &[]),
    ];
    for bytes in files {
        let mut decoder = Decoder::new(&projection);
        decoder.decode(&bytes);
        let error = decoder.flush().expect("an end").expect_err("an error");
        assert!(
            error.to_string().contains("only files of layout 2"),
            "{error}"
        );
    }
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn bytes_in_pieces_give_the_same_batches() {
    let Some(files) = files() else { return };
    // All columns but the one that is stored at the end of a file.
    let names: Vec<_> = columns()
        .iter()
        .map(Column::name)
        .filter(|name| *name != "ident")
        .collect();
    let projection = Projection::from_names(names).expect("columns");
    let mut random = random(1);
    let mut intact = 0;
    for path in files {
        let whole = batches(std::slice::from_ref(&path), &projection, 1);
        if whole.iter().any(Result::is_err) {
            continue;
        }
        intact += 1;
        let bytes = std::fs::read(&path).expect("it was there");
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let rounds: &[usize] = if bytes.len() < 4096 {
            &[1, 7, 64, 4096]
        } else {
            &[977, 1 << 20]
        };
        for most in rounds {
            let (pieces, ended) = in_pieces(&bytes, &projection, &name, || random() % most + 1);
            assert!(ended, "{}", path.display());
            // One has a batch for each block, the other joins small ones.
            assert_eq!(
                joined(&pieces, &projection),
                joined(&whole, &projection),
                "{} in pieces of up to {most}",
                path.display()
            );
        }
    }
    assert!(intact >= 200, "{intact} files");
}

#[test]
fn pieces_of_damaged_files() {
    let flow = FlowRecord {
        elements: vec![(39, vec![7, 0, 0, 0, 0, 0, 0, 0])],
        ..FlowRecord::default()
    }
    .bytes();
    let good = writer::file(
        Encoding::Zstd,
        None,
        &[vec![flow.clone()], vec![flow.clone()], vec![flow]],
    );
    let projection = Projection::from_names(["flow_id"]).expect("a column");
    let (whole, ended) = in_pieces(&good, &projection, "", || 11);
    assert!(ended && whole.len() == 3 && whole.iter().all(Result::is_ok));
    // Cut anywhere, it never claims to be complete, and gives what was whole.
    for length in 0..good.len() {
        let (made, ended) = in_pieces(&good[..length], &projection, "", || 5);
        let appendix = made.len() == 3;
        assert_eq!(ended, appendix, "{length} bytes");
        assert!(made.iter().all(Result::is_ok), "{length} bytes: {made:?}");
    }
    // A block that does not decompress costs itself only; its place is told.
    let mut bad = good.clone();
    let second = 40 + 12 + u32::from_le_bytes(good[44..48].try_into().expect("4 bytes")) as usize;
    bad[second + 12] ^= 0xFF;
    let (made, ended) = in_pieces(&bad, &projection, "", || 3);
    assert!(ended);
    let errors: Vec<_> = made
        .iter()
        .filter_map(|batch| batch.as_ref().err())
        .collect();
    assert_eq!((made.len(), errors.len()), (3, 1), "{made:?}");
    assert!(
        errors[0].contains(&format!("block 1 (byte {second})")),
        "{errors:?}"
    );
    // Other files are refused, whatever follows.
    for bytes in [
        vec![0; 5000],
        b"a long text that is no nfcapd file, whatever comes next in it".to_vec(),
    ] {
        let (made, _) = in_pieces(&bytes, &projection, "", || 999);
        assert_eq!((made.len(), made[0].is_err()), (1, true));
    }
}

#[test]
fn unknown_names_are_reported_with_a_suggestion() {
    for (name, text) in [
        ("FlowID", "unknown column FlowID: did you mean flow_id?"),
        (
            "In_Bytes",
            "unknown column In_Bytes: did you mean in_bytes?",
        ),
        ("bytes", "unknown column bytes"),
    ] {
        let error = Projection::from_names([name]).expect_err("no such column");
        assert_eq!(error.to_string(), text);
    }
    let twice = Projection::from_names(["in_bytes", "first", "in_bytes"]).expect("columns");
    assert_eq!(twice.columns().len(), 2);
    let by_key = Projection::from_names(["flowID"]).expect("a key of nfdump's");
    assert_eq!(by_key.columns()[0].name(), "flow_id");
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn words_are_the_same_in_all_batches() {
    let Some(folder) = support::test_data("nfcapd/layout2") else {
        return;
    };
    let files = support::files_below(&folder);
    let projection =
        Projection::from_names(["event", "nat_event", "ip_fragment", "in_tls"]).expect("columns");
    let mut first: Option<RecordBatch> = None;
    for batch in batches(&files, &projection, 2).into_iter().flatten() {
        let known = first.get_or_insert_with(|| batch.clone());
        for (known, column) in known.columns().iter().zip(batch.columns()) {
            if column.null_count() < column.len() && known.null_count() < known.len() {
                let values =
                    |array: &ArrayRef| array.as_dictionary::<UInt8Type>().values().to_data();
                assert_eq!(values(known), values(column));
            }
        }
    }
}

#[test]
fn element_names_are_unique_and_types_known() {
    let mut names: Vec<_> = columns().iter().map(Column::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), columns().len());
}

/// Flows with the elements of routers, for what reads our columns in `tests/consumers`: the file in the
/// repository is this one, `NFDECODE_REGENERATE=1` writes it again.
#[test]
fn the_file_for_consumers() {
    const FLOWS: u64 = 300;
    const START: u64 = 1_767_225_600_000;
    let mut random = random(7);
    let mut records = Vec::new();
    for at in 0..FLOWS {
        let is_ip6 = at % 3 == 1;
        let protocol = match at % 10 {
            0 => {
                if is_ip6 {
                    58
                } else {
                    1
                }
            }
            1..=4 => 17,
            _ => 6,
        };
        let mut bytes = |count: usize| -> Vec<u8> { (0..count).map(|_| random() as u8).collect() };
        let address = if is_ip6 { 16 } else { 4 };
        let first = START + at * 3_000;
        let mut generic = [
            first,
            first + at * 7,
            first + 9_000,
            at % 50 + 1,
            at * 811 + 40,
        ]
        .map(u64::to_le_bytes)
        .concat();
        generic.extend(bytes(4));
        generic.extend([protocol, if protocol == 6 { 0x1B } else { 0 }, 0, 8]);
        let mut elements = vec![
            (1, generic),
            (if is_ip6 { 3 } else { 2 }, bytes(2 * address)),
        ];
        let family = |four: u16| if is_ip6 { four + 1 } else { four };
        if at % 2 == 0 {
            let mut misc = bytes(8);
            misc.extend([24, 16, (at % 4 / 2) as u8, 32, 0, 0, 0, 0]);
            elements.push((4, misc));
        }
        if at % 3 == 0 {
            let counters = [at % 4, at + 1, at * 90 + 1].map(u64::to_le_bytes).concat();
            elements.push((5, counters));
        }
        if at % 4 == 0 {
            let vlans = [at as u32 % 4000, at as u32 % 90].map(u32::to_le_bytes);
            elements.extend([(6, vlans.concat()), (7, bytes(8))]);
        }
        if at % 5 == 0 {
            elements.extend([8, 10, 12].map(|hop| (family(hop), bytes(address))));
        }
        if at % 7 == 0 {
            elements.push((14, bytes(40)));
        }
        if at % 6 == 0 {
            elements.extend([(15, bytes(32)), (16, bytes(8))]);
        }
        if at % 8 == 0 {
            elements.push((family(20), bytes(2 * address)));
            elements.extend([(22, bytes(4)), (36, bytes(8))]);
        }
        let record = FlowRecord {
            engine: [1, 2],
            sysid: (at % 3) as u16,
            version: 9,
            elements,
            ..FlowRecord::default()
        };
        records.push(record.bytes());
    }
    let made = writer::file(Encoding::Lz4, Some("router"), &[records]);
    let path = &crate::support::root()
        .join("tests/fixtures/router/nfcapd.202601010000")
        .display()
        .to_string();
    if std::env::var_os("NFDECODE_REGENERATE").is_some() {
        std::fs::write(path, &made).expect("written");
    }
    assert!(std::fs::read(path).expect("the file") == made, "{path}");
}
