//! `nfdecode read -f arrow` and `-f parquet`: files, streams, directories; what is left when things go
//! wrong. That other programs read them is checked by `tests/consumers/`.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::layout1;
use crate::support::writer::{self, Encoding, FlowRecord};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMillisecondType, UInt64Type};
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

/// A flow of this start, in ms, and so many bytes.
fn flow(first: u64, bytes: u64) -> Vec<u8> {
    let mut generic = [
        first.to_le_bytes(),
        first.to_le_bytes(),
        [0; 8],
        [0; 8],
        bytes.to_le_bytes(),
    ]
    .concat();
    generic.extend([0, 0, 0, 0, 6, 0, 0, 0]);
    let elements = vec![(1, generic), (2, vec![1, 2, 0, 192, 2, 100, 51, 198])];
    FlowRecord {
        elements,
        ..FlowRecord::default()
    }
    .bytes()
}

/// 2026-01-01T12:00:00Z
const NOON: u64 = 1_767_268_800_000;
const HOUR: u64 = 3_600_000;

fn write(path: &Path, flows: &[(u64, u64)]) {
    let records: Vec<_> = flows
        .iter()
        .map(|(first, bytes)| flow(*first, *bytes))
        .collect();
    let blocks: Vec<_> = records.chunks(3).map(<[_]>::to_vec).collect();
    fs::write(path, writer::file(Encoding::Lz4, Some("made"), &blocks)).expect("it is written");
}

fn read(arguments: &[&str], paths: &[&Path]) -> Output {
    support::nfdecode()
        .arg("read")
        .args(arguments)
        .args(paths)
        .output()
        .expect("it runs")
}

fn ok(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", support::stderr(output));
}

fn parquet(path: &Path) -> Vec<RecordBatch> {
    let file = fs::File::open(path).expect("it is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .expect("Parquet")
        .build()
        .expect("a reader");
    reader.map(|batch| batch.expect("a batch")).collect()
}

fn bytes(batches: &[RecordBatch]) -> Vec<u64> {
    let columns = batches
        .iter()
        .map(|batch| batch.column_by_name("in_bytes").expect("a column"));
    columns
        .flat_map(|column| column.as_primitive::<UInt64Type>().values().to_vec())
        .collect()
}

fn firsts(batches: &[RecordBatch]) -> Vec<i64> {
    let columns = batches
        .iter()
        .map(|batch| batch.column_by_name("first").expect("a column"));
    columns
        .flat_map(|column| {
            column
                .as_primitive::<TimestampMillisecondType>()
                .values()
                .to_vec()
        })
        .collect()
}

/// All Parquet files below a directory, relative to it.
fn made(directory: &Path) -> Vec<PathBuf> {
    support::parquet_below(directory)
        .map(|path| path.strip_prefix(directory).expect("below it").to_owned())
        .collect()
}

/// What `bytes` gives of all Parquet files below a directory, sorted.
fn all_bytes(directory: &Path) -> Vec<u64> {
    let mut all: Vec<_> = support::parquet_below(directory)
        .flat_map(|path| bytes(&parquet(&path)))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn one_parquet_file_in_order_of_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, out] =
        ["nfcapd.1", "nfcapd.2", "flows.parquet"].map(|name| folder.path().join(name));
    write(&a, &[(NOON + 5, 1), (NOON + 3, 2), (NOON + 9, 3), (0, 4)]);
    write(&b, &[(NOON + 4, 5), (NOON, 6)]);
    ok(&read(
        &[
            "-f",
            "parquet",
            "--bloom",
            "--by-file",
            "-o",
            out.to_str().expect("text"),
        ],
        &[&a, &b],
    ));
    let batches = parquet(&out);
    assert_eq!(bytes(&batches), [4, 6, 2, 5, 1, 3]);
    assert!(firsts(&batches).is_sorted());
    // Columns without values are left out, those of the header are there.
    let schema = batches[0].schema();
    assert!(schema.field_with_name("src_addr").is_ok() && schema.field_with_name("ident").is_ok());
    assert!(
        schema.field_with_name("src4_addr").is_err() && schema.field_with_name("mpls").is_err()
    );

    let reader = SerializedFileReader::new(fs::File::open(&out).expect("a file")).expect("Parquet");
    let metadata = reader.metadata();
    let named = metadata
        .file_metadata()
        .key_value_metadata()
        .expect("metadata");
    let value = |key: &str| {
        named
            .iter()
            .find(|found| found.key == key)
            .and_then(|found| found.value.clone())
    };
    assert_eq!(
        value("nfdecode.sources").as_deref(),
        Some("nfcapd.1\nnfcapd.2")
    );
    assert_eq!(value("nfdecode.schema_version").as_deref(), Some("1"));
    for column in metadata.row_group(0).columns() {
        let is_address = column.column_path().string().ends_with("_addr");
        assert_eq!(column.bloom_filter_offset().is_some(), is_address);
        assert!(column.statistics().is_some(), "{}", column.column_path());
    }
    assert!(metadata.row_group(0).sorting_columns().is_some());
}

/// Flows whose columns are constant, of few values, of many, of few at first and many later; without
/// nulls, with some, with nothing else for a while. Three pages and a bit of each.
fn motley() -> Vec<Vec<u8>> {
    const FLOWS: u64 = 36_000;
    let mut state = 1_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut record = |number: u64| {
        let mut words = |count: u64, kind: u64| {
            let word = |at| {
                let random = random() as u32;
                match (at + kind) % 4 {
                    0 => 7,
                    1 => random % 5,
                    2 => random,
                    _ if number < FLOWS / 2 => random % 100,
                    _ => random,
                }
            };
            (0..count)
                .map(word)
                .flat_map(u32::to_le_bytes)
                .collect::<Vec<_>>()
        };
        let mut generic = words(12, number % 2);
        generic[..8].copy_from_slice(&(NOON + number / 3).to_le_bytes());
        generic[44] = [1, 6, 17][(number % 3) as usize];
        let mut elements = vec![(1, generic)];
        for id in [2, 4, 6, 7, 8, 10, 12, 14, 15, 19, 20] {
            let there = match id % 4 {
                0 => true,
                1 => number.is_multiple_of(3),
                2 => number > FLOWS / 3 || id == 2,
                _ => words(1, 2)[0] & 1 == 0,
            };
            if there && !(id == 2 && number.is_multiple_of(5)) {
                elements.push((id, words(10, u64::from(id))));
            }
        }
        if number.is_multiple_of(5) {
            elements.push((3, words(8, 2)));
        }
        FlowRecord {
            flags: (number / 20_000) as u8,
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    };
    (0..FLOWS).map(&mut record).collect()
}

#[test]
fn parquet_holds_what_arrow_does() {
    use parquet::basic::Encoding as Coding;
    let folder = tempfile::tempdir().expect("a folder");
    let [input, arrow, out] =
        ["nfcapd.1", "flows.arrow", "flows.parquet"].map(|name| folder.path().join(name));
    let blocks: Vec<_> = motley().chunks(3000).map(<[_]>::to_vec).collect();
    fs::write(&input, writer::file(Encoding::None, None, &blocks)).expect("it is written");
    for (form, out) in [("arrow", &arrow), ("parquet", &out)] {
        let out = out.to_str().expect("text");
        ok(&read(
            &["-f", form, "--fields", "all", "-o", out],
            &[&input],
        ));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&out).expect("a file"))
        .expect("Parquet");
    let metadata = builder.metadata().clone();
    let mut batches = builder.with_batch_size(1 << 20).build().expect("a reader");
    let parquet = batches.next().expect("one").expect("a batch");
    assert!(batches.next().is_none());
    let arrow = fs::File::open(&arrow).expect("a file");
    let mut row = 0;
    for batch in arrow_ipc::reader::FileReader::try_new(arrow, None).expect("Arrow") {
        let batch = batch.expect("a batch");
        let same = parquet.slice(row, batch.num_rows());
        for (number, field) in batch.schema().fields().iter().enumerate() {
            assert_eq!(
                batch.column(number),
                same.column(number),
                "{}",
                field.name()
            );
        }
        row += batch.num_rows();
    }
    assert_eq!(row, parquet.num_rows());

    // All ways to encode have been seen, a dictionary that was given up among them.
    let group = metadata.row_group(0);
    let column = |name: &str| {
        let found = group
            .columns()
            .iter()
            .find(|column| column.column_path().string() == name);
        found.expect("a column")
    };
    let codings = |name| column(name).encodings().collect::<Vec<_>>();
    for coding in [Coding::RLE_DICTIONARY, Coding::DELTA_BINARY_PACKED] {
        let codings = codings("src_as");
        assert!(codings.contains(&coding), "{codings:?}");
    }
    assert!(codings("last").contains(&Coding::DELTA_BINARY_PACKED));
    assert!(codings("type").contains(&Coding::RLE_DICTIONARY));
    let addresses = codings("dst_addr");
    assert!(addresses.contains(&Coding::PLAIN), "{addresses:?}");

    // What readers pass over row groups by.
    let statistics = column("in_bytes").statistics().expect("statistics");
    let values = parquet.column_by_name("in_bytes").expect("a column");
    let values = values.as_primitive::<UInt64Type>().values();
    let ends =
        [values.iter().min(), values.iter().max()].map(|end| end.expect("some").to_le_bytes());
    assert_eq!(statistics.min_bytes_opt(), Some(&ends[0][..]));
    assert_eq!(statistics.max_bytes_opt(), Some(&ends[1][..]));
    for name in ["src_addr", "in_src_mac", "event", "sampled"] {
        let statistics = column(name).statistics().expect("statistics");
        let values = parquet.column_by_name(name).expect("a column");
        assert_eq!(
            statistics.null_count_opt(),
            Some(values.null_count() as u64),
            "{name}"
        );
    }
    let statistics = column("src_addr").statistics().expect("statistics");
    let values = parquet.column_by_name("src_addr").expect("a column");
    let values = values.as_fixed_size_binary();
    assert_eq!(statistics.min_bytes_opt(), values.iter().flatten().min());
    assert_eq!(statistics.max_bytes_opt(), values.iter().flatten().max());
}

/// The library's own writer gives the same file for batches of any size.
#[test]
fn parquet_of_the_library() {
    use nfdecode::columns::Projection;
    use nfdecode::columns::parquet::{Options, Writer};
    use nfdecode::scan::ScanInput;
    let blocks: Vec<_> = motley().chunks(1500).map(<[_]>::to_vec).collect();
    let bytes = writer::file(Encoding::None, None, &blocks);
    let columns = Projection::standard();
    let batches: Vec<_> = nfdecode::Scan::new([ScanInput::file(
        nfdecode::File::from_bytes(bytes).expect("a file"),
    )])
    .columns(&columns)
    .map(|batch| batch.expect("a batch"))
    .collect();
    let written = |sizes: &[usize]| {
        let mut writer =
            Writer::try_new(Vec::new(), &columns, &Options::default()).expect("a writer");
        writer.add_source("made");
        let mut sizes = sizes.iter().cycle();
        for batch in &batches {
            let mut at = 0;
            while at < batch.num_rows() {
                let size = *sizes.next().expect("a size");
                let size = size.min(batch.num_rows() - at);
                writer.write(&batch.slice(at, size)).expect("it is written");
                at += size;
            }
        }
        assert_eq!(writer.rows(), 36_000);
        bytes::Bytes::from(writer.finish().expect("a file"))
    };
    let whole = arrow_select::concat::concat_batches(&columns.schema(), &batches).expect("one");
    for sizes in [&[1500][..], &[1, 700, 3]] {
        let reader = ParquetRecordBatchReaderBuilder::try_new(written(sizes)).expect("Parquet");
        let mut reader = reader.with_batch_size(1 << 20).build().expect("a reader");
        let read = reader.next().expect("one").expect("a batch");
        assert_eq!(read.columns(), whole.columns());
    }
    // A batch of other columns is refused.
    let mut writer =
        Writer::try_new(Vec::new(), &Projection::all(), &Options::default()).expect("a writer");
    assert!(writer.write(&batches[0]).is_err());
}

#[test]
fn fields_filters_and_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, out] = ["nfcapd.1", "flows.parquet"].map(|name| folder.path().join(name));
    write(&a, &(0..10).map(|at| (NOON + at, at)).collect::<Vec<_>>());
    let path = out.to_str().expect("text");
    ok(&read(
        &[
            "-f",
            "parquet",
            "-o",
            path,
            "--fields",
            "in_bytes,dst4_addr",
            "--filter",
            "bytes > 3",
            "--limit",
            "4",
        ],
        &[&a],
    ));
    let batches = parquet(&out);
    assert_eq!(bytes(&batches), [4, 5, 6, 7]);
    assert_eq!(batches[0].num_columns(), 2);
    for (arguments, message) in [
        (
            &["-f", "parquet", "--fields", "bytess"][..],
            "unknown column bytess",
        ),
        (&["-f", "json", "--bloom"], "need -f parquet"),
        (
            &["-f", "parquet", "--partition-by", "day"],
            "needs a directory",
        ),
        (
            &[
                "-f",
                "parquet",
                "--partition-by",
                "day",
                "--limit",
                "1",
                "-o",
                path,
            ],
            "cannot be used with --limit",
        ),
    ] {
        let output = read(arguments, &[&a]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            support::stderr(&output).contains(message),
            "{}",
            support::stderr(&output)
        );
    }
}

/// Columns are those that selected flows have, and not only the first flows of all.
#[test]
fn columns_of_flows_behind_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, out] =
        ["nfcapd.1", "nfcapd.2", "flows.parquet"].map(|name| folder.path().join(name));
    write(&a, &(0..10).map(|at| (NOON + at, 1)).collect::<Vec<_>>());
    let mut with_vlan = flow(NOON, 7);
    // Element 6: source and destination VLAN.
    with_vlan.extend([6, 0, 12, 0, 5, 0, 0, 0, 6, 0, 0, 0]);
    let size = with_vlan.len() as u16;
    with_vlan[2..4].copy_from_slice(&size.to_le_bytes());
    with_vlan[4..6].copy_from_slice(&3_u16.to_le_bytes());
    let bytes = writer::file(Encoding::Lz4, None, &[vec![with_vlan]]);
    fs::write(&b, bytes).expect("it is written");
    let out_text = out.to_str().expect("text");
    for (limit, filter, rows, has_vlan) in [
        ("10", "bytes 7", 1, true),
        ("10", "any", 10, false),
        ("10", "", 10, false),
        ("11", "", 11, true),
    ] {
        let mut arguments = vec!["-f", "parquet", "-o", out_text, "--limit", limit];
        if !filter.is_empty() {
            arguments.extend(["--filter", filter]);
        }
        ok(&read(&arguments, &[&a, &b]));
        let batches = parquet(&out);
        let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let vlan = batches[0].schema().column_with_name("src_vlan").is_some();
        assert_eq!((found, vlan), (rows, has_vlan), "{limit} {filter}");
    }
}

/// The running number of a record is the same for every form, also where some records have none.
#[test]
fn numbers_of_records_do_not_depend_on_the_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let [file, out] = ["nfcapd.1", "flows.parquet"].map(|name| folder.path().join(name));
    let flow = |bytes: u64| {
        let flow = layout1::Flow {
            old: false,
            flags: 0,
            version: 9,
            sysid: 0,
            map: 1,
            first: (1_700_000_000, 0),
            last: (1_700_000_000, 0),
            bytes: [0, 0, 17, 0],
            ports: [1, 2],
            ends: [0; 2],
            addresses: vec![1; 8],
            packets: 1,
            octets: bytes,
            extensions: Vec::new(),
        };
        flow.record()
    };
    // Extension maps are records without a number.
    let blocks: Vec<_> = (0..5)
        .map(|block| vec![layout1::map(1, &[]), flow(2 * block), flow(2 * block + 1)])
        .collect();
    let bytes_of_file = layout1::file(Encoding::Lzo, 0, "made", &blocks);
    fs::write(&file, bytes_of_file).expect("it is written");
    for filter in ["count > 6", "count < 4", "count 5"] {
        let arguments = ["-f", "parquet", "-o", out.to_str().expect("text")];
        ok(&read(
            &[&arguments[..], &["--filter", filter]].concat(),
            &[&file],
        ));
        let text = read(&["-f", "ndjson", "--filter", filter], &[&file]);
        ok(&text);
        let lines = String::from_utf8(text.stdout).expect("text");
        let expected: Vec<u64> = lines
            .lines()
            .map(|line| {
                let flow: serde_json::Value = serde_json::from_str(line).expect("JSON");
                flow["in_bytes"].as_u64().expect("a number")
            })
            .collect();
        assert!(!expected.is_empty(), "{filter}");
        assert_eq!(bytes(&parquet(&out)), expected, "{filter}");
    }
}

#[test]
fn arrow_file_and_stream_are_the_same_for_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, out] = ["nfcapd.1", "nfcapd.2", "flows.arrow"].map(|name| folder.path().join(name));
    write(&a, &(0..20).map(|at| (NOON + at, at)).collect::<Vec<_>>());
    write(&b, &(20..50).map(|at| (NOON + at, at)).collect::<Vec<_>>());
    let path = out.to_str().expect("text");
    let mut stream = None;
    for threads in ["1", "2", "7"] {
        ok(&read(
            &["-f", "arrow", "-j", threads, "--by-file", "-o", path],
            &[&a, &b],
        ));
        let output = read(&["-f", "arrow", "-j", threads, "--by-file"], &[&a, &b]);
        ok(&output);
        let file = fs::File::open(&out).expect("a file");
        let file: Vec<_> = arrow_ipc::reader::FileReader::try_new(file, None)
            .expect("Arrow")
            .flatten()
            .collect();
        let reader = arrow_ipc::reader::StreamReader::try_new(output.stdout.as_slice(), None)
            .expect("Arrow");
        let batches: Vec<_> = reader.flatten().collect();
        assert_eq!(bytes(&file), (0..50).collect::<Vec<_>>());
        assert_eq!(file, batches);
        assert_eq!(
            stream.get_or_insert(output.stdout.clone()),
            &output.stdout,
            "{threads} threads"
        );
    }
}

#[test]
fn partitions_restart_where_they_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, c, out] =
        ["nfcapd.1", "nfcapd.2", "nfcapd.3", "out"].map(|name| folder.path().join(name));
    write(&a, &[(NOON, 1), (NOON - 1, 2), (NOON + HOUR, 3)]);
    write(&b, &[(NOON + 1, 4)]);
    let arguments = [
        "-f",
        "parquet",
        "--partition-by",
        "hour",
        "-o",
        out.to_str().expect("text"),
    ];
    ok(&read(&arguments, &[&a, &b]));
    let files = made(&out);
    let hours: Vec<_> = files
        .iter()
        .map(|path| path.parent().expect("a folder").to_str().expect("text"))
        .collect();
    assert_eq!(
        hours,
        [
            "day=2026-01-01/hour=11",
            "day=2026-01-01/hour=12",
            "day=2026-01-01/hour=12",
            "day=2026-01-01/hour=13"
        ]
    );
    assert_eq!(all_bytes(&out), [1, 2, 3, 4]);
    // The same columns in all files, whether they have values or not.
    let schemas: Vec<_> = files
        .iter()
        .map(|path| parquet(&out.join(path))[0].schema())
        .collect();
    assert!(
        schemas
            .windows(2)
            .all(|pair| pair[0].fields() == pair[1].fields())
    );

    // What is there is not written again; what is new is.
    let times = |files: &[PathBuf]| {
        files
            .iter()
            .map(|path| {
                fs::metadata(out.join(path))
                    .and_then(|found| found.modified())
                    .expect("a time")
            })
            .collect::<Vec<_>>()
    };
    let before = times(&files);
    write(&c, &[(NOON, 5)]);
    let output = read(&arguments, &[&a, &b, &c]);
    ok(&output);
    assert!(
        support::stderr(&output).contains("2 files were written"),
        "{}",
        support::stderr(&output)
    );
    assert_eq!(times(&files), before);
    assert_eq!(made(&out).len(), 5);

    // A changed input replaces its files, and takes away those it has no flows for any more.
    write(&a, &[(NOON + 2, 7), (NOON + 3, 8)]);
    ok(&read(&arguments, &[&a, &b, &c]));
    assert_eq!((all_bytes(&out), made(&out).len()), (vec![4, 5, 7, 8], 3));

    // A crash between renames: what the list tells of is written anew.
    let memory = support::files_below(&out.join("_nfdecode"));
    let of_b = memory
        .iter()
        .find(|path| path.to_string_lossy().contains("nfcapd.2-"))
        .expect("a list");
    let text = fs::read_to_string(of_b)
        .expect("text")
        .replace("\"written\"", "\"writing\"");
    fs::write(of_b, text).expect("it is written");
    ok(&read(&arguments, &[&a, &b, &c]));
    assert!(
        fs::read_to_string(of_b)
            .expect("text")
            .contains("\"written\"")
    );
    assert_eq!(made(&out).len(), 3);
    // A missing file as well.
    fs::remove_file(out.join(&made(&out)[0])).expect("it was there");
    ok(&read(&arguments, &[&a, &b, &c]));
    assert_eq!(made(&out).len(), 3);

    // Other columns do not mix with these.
    let output = read(&[&arguments[..], &["--fields", "in_bytes"]].concat(), &[&a]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        support::stderr(&output)
    );
    // No temporary file is left.
    let names = support::files_below(&out).into_iter();
    let names: Vec<_> = names
        .filter(|path| path.to_string_lossy().ends_with(".tmp"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

/// What a directory remembers is what it needs to be told apart from other input.
#[test]
fn what_a_directory_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let [good, bad, out] = ["nfcapd.1", "nfcapd.2", "out"].map(|name| folder.path().join(name));
    write(&good, &[(NOON, 1)]);
    write(&bad, &[(NOON, 2), (NOON, 3)]);
    // The type of its block alone is damaged: only salvaging reads it.
    let mut damaged = fs::read(&bad).expect("a file");
    damaged[48] = 9;
    fs::write(&bad, damaged).expect("it is written");
    let out_text = out.to_str().expect("text");
    let arguments =
        |length: &'static str| ["-f", "parquet", "--partition-by", length, "-o", out_text];
    let run = |length: &'static str, more: &[&str], paths: &[&Path]| {
        read(&[&arguments(length), more].concat(), paths)
    };
    // No file: nothing is made.
    for name in ["-", "/dev/stdin"] {
        let mut command = support::nfdecode();
        command.arg("read").args(arguments("hour")).arg(name);
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        let input = fs::read(&good).expect("a file");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, &input).expect("room");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let message = support::stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(
            message.contains("no name that later runs would recognize"),
            "{message}"
        );
        assert!(!out.exists(), "{name}");
    }

    ok(&run("hour", &[], &[&good]));
    let output = run("day", &[], &[&good]);
    assert_eq!(output.status.code(), Some(2), "another length");
    // What is salvaged counts as new, once.
    assert_eq!(run("hour", &[], &[&good, &bad]).status.code(), Some(3));
    assert_eq!(all_bytes(&out), [1]);
    for known in [1, 2] {
        let output = run("hour", &["--salvage"], &[&good, &bad]);
        let message = support::stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.contains("nfcapd.2"), "{message}");
        let told = format!("{known} files were written");
        assert!(message.contains(&told), "{message}");
        assert_eq!(all_bytes(&out), [1, 2, 3]);
    }
    // Without salvaging there is no more to be had.
    assert_eq!(run("hour", &[], &[&bad]).status.code(), Some(3));
    assert_eq!(all_bytes(&out), [1, 2, 3]);

    // Settings that cannot be read are no invitation to write others.
    for (text, status) in [("garbage", 1), ("[]", 2), ("", 1)] {
        let settings = out.join("_nfdecode/settings.json");
        fs::write(&settings, text).expect("it is written");
        let output = run("day", &[], &[&good]);
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(support::stderr(&output).contains("settings.json"));
        assert_eq!(fs::read_to_string(&settings).expect("text"), text);
    }
}

/// A file that is not read for what it tells of itself may be read later.
#[test]
fn skipped_inputs_are_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (misleading, out) = (path("in/nfcapd.202601011200"), path("out"));
    fs::create_dir(path("in")).expect("a folder");
    // Times of its flows in 1970, as its statistics have it.
    let mut file = writer::file(Encoding::None, None, &[vec![flow(NOON, 1)]]);
    writer::set_times(&mut file, 1001, 2000);
    fs::write(&misleading, &file).expect("it is written");
    let out_text = out.to_str().expect("text");
    let run = |more: &[&str]| {
        let arguments = ["-f", "parquet", "--partition-by", "hour", "-o", out_text];
        let since = ["--since", "2025-01-01"];
        let output = read(&[&arguments[..], &since, more].concat(), &[&path("in")]);
        ok(&output);
        made(&out).len()
    };
    assert_eq!(
        [run(&[]), run(&[]), run(&["--salvage"]), run(&[])],
        [0, 0, 1, 1]
    );
    // Nor does salvaging go by names.
    fs::rename(&misleading, path("in/nfcapd.200001011200")).expect("another name");
    for (more, expected) in [(&[][..], "0\n"), (&["--salvage"], "1\n")] {
        let since = ["--count", "--since", "2025-01-01"];
        let output = read(&[&since[..], more].concat(), &[&path("in")]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn damage_is_reported_and_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let [good, bad, text, out, one] = ["nfcapd.1", "nfcapd.2", "nfcapd.3", "out", "one.parquet"]
        .map(|name| folder.path().join(name));
    write(&good, &[(NOON, 1)]);
    write(
        &bad,
        &(0..9).map(|at| (NOON + at, at + 10)).collect::<Vec<_>>(),
    );
    let mut broken = fs::read(&bad).expect("a file");
    let second = 40 + 12 + u32::from_le_bytes(broken[44..48].try_into().expect("4 bytes")) as usize;
    broken[second + 12..second + 40].fill(0xFF);
    fs::write(&bad, broken).expect("it is written");
    fs::write(&text, "no flow file").expect("it is written");

    let output = read(
        &["-f", "parquet", "-o", one.to_str().expect("text")],
        &[&good, &bad, &text],
    );
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        support::stderr(&output)
    );
    assert_eq!(bytes(&parquet(&one)).len(), 7);

    let arguments = [
        "-f",
        "parquet",
        "--partition-by",
        "5m",
        "-o",
        out.to_str().expect("text"),
    ];
    for _ in 0..2 {
        let output = read(&arguments, &[&good, &bad, &text]);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{}",
            support::stderr(&output)
        );
        assert!(support::stderr(&output).contains("nfcapd.2"));
        assert!(
            made(&out)
                .iter()
                .all(|path| path.starts_with("day=2026-01-01/hour=12/minute=00"))
        );
        assert_eq!(
            made(&out)
                .iter()
                .map(|path| bytes(&parquet(&out.join(path))).len())
                .sum::<usize>(),
            7
        );
    }
    // An input of which not all could be read for another reason is read again.
    let memories = || {
        let memories = fs::read_dir(out.join("_nfdecode")).expect("a directory");
        memories.map(|memory| memory.expect("an entry").path())
    };
    let states = || -> Vec<_> {
        let texts = memories().map(|memory| fs::read_to_string(memory).expect("text"));
        texts.filter(|text| text.contains("\"state\"")).collect()
    };
    assert!(
        states()
            .iter()
            .all(|text| text.contains("\"state\": \"written\""))
    );
    for memory in memories() {
        let text = fs::read_to_string(&memory).expect("text");
        let text = text.replace("\"state\": \"written\"", "\"state\": \"incomplete\"");
        fs::write(memory, text).expect("it is written");
    }
    let output = read(&arguments, &[&good]);
    ok(&output);
    assert!(
        !support::stderr(&output).contains("before"),
        "{}",
        support::stderr(&output)
    );
    let count = |state: &str| states().iter().filter(|text| text.contains(state)).count();
    assert_eq!((count("\"written\""), count("\"incomplete\"")), (1, 1));
    // Nothing at all: no file, status 1.
    fs::remove_file(&one).expect("it was there");
    let output = read(
        &["-f", "parquet", "-o", one.to_str().expect("text")],
        &[&text],
    );
    assert_eq!((output.status.code(), one.exists()), (Some(1), false));
}

#[test]
fn flows_of_wild_clocks() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, out] = ["nfcapd.1", "out"].map(|name| folder.path().join(name));
    // Without a start, before the epoch's first day is over, far in the future, beyond what is a time.
    let mut records: Vec<_> = [1, NOON, 4_102_444_800_000, u64::MAX]
        .iter()
        .map(|first| flow(*first, 1))
        .collect();
    records.push(
        FlowRecord {
            elements: vec![(39, vec![1; 8])],
            ..FlowRecord::default()
        }
        .bytes(),
    );
    fs::write(&a, writer::file(Encoding::None, None, &[records])).expect("it is written");
    ok(&read(
        &[
            "-f",
            "parquet",
            "--partition-by",
            "day",
            "-o",
            out.to_str().expect("text"),
        ],
        &[&a],
    ));
    let days: Vec<_> = made(&out)
        .iter()
        .map(|path| {
            path.parent()
                .expect("a folder")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(
        days,
        [
            "day=1970-01-01",
            "day=2026-01-01",
            "day=2100-01-01",
            "day=__HIVE_DEFAULT_PARTITION__"
        ]
    );
    let nulls = out.join(made(&out).last().expect("a file"));
    assert_eq!(parquet(&nulls)[0].num_rows(), 2);
    assert_eq!(
        parquet(&nulls)[0]
            .column_by_name("first")
            .expect("a column")
            .null_count(),
        2
    );
}
