//! What users of the library rely on: traits, fields by name, and sets of files.

use crate::support;
use std::collections::hash_map::DefaultHasher;
use std::error::Error as _;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::support::layout1;
use crate::support::writer::{self, Encoding, FlowRecord};
use nfdecode::OpenOptions;
use nfdecode::element;
use nfdecode::{
    Block, BlockRef, Error, FieldValue, File, FileSet, Flow, Names, OwnedFlow, Scan, Timestamp,
};
use nfdecode::{file, scan};

fn archive() -> PathBuf {
    crate::support::root().join("tests/fixtures/archive")
}

#[test]
fn everything_can_go_to_other_threads() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<File>();
    check::<Block>();
    check::<BlockRef>();
    check::<Flow<'static>>();
    check::<OwnedFlow>();
    check::<FieldValue<'static>>();
    check::<Names>();
    check::<Error>();
    check::<Timestamp>();
    check::<FileSet>();
    check::<Scan>();
    check::<scan::ScanBlock>();
    check::<scan::Part>();
    check::<scan::ScanInput>();
    check::<file::Blocks<'static>>();
    check::<file::BlockRefs<'static>>();
    check::<file::IntoBlockRefs>();
    check::<file::Position>();
    check::<file::Flows<'static>>();
    check::<nfdecode::element::Fields<'static>>();
    check::<nfdecode::OpenOptions>();
    check::<nfdecode::Filter>();
    check::<nfdecode::filter::Expr>();
    check::<nfdecode::filter::FilterError>();
    check::<nfdecode::value::Zone>();
    check::<nfdecode::columns::Projection>();
    check::<nfdecode::columns::BatchBuilder>();
    check::<nfdecode::writer::Writer<Vec<u8>>>();
    check::<nfdecode::output::json::JsonFormat>();

    // Iterators with threads of their own are used by one thread at a time.
    fn check_send<T: Send + 'static>() {}
    check_send::<scan::ScanBlocks>();
    check_send::<nfdecode::columns::Reader>();
}

#[test]
fn errors_have_kind_place_and_source() {
    let missing = File::open("/nowhere/nfcapd.1").expect_err("there is no such file");
    assert!(missing.is_io() && !missing.is_corrupt() && !missing.is_unsupported());
    assert_eq!(missing.file(), Some(Path::new("/nowhere/nfcapd.1")));
    let source = missing.source().expect("the system's error");
    let source = source.downcast_ref::<io::Error>().expect("an io::Error");
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert_eq!(
        missing.to_string(),
        "/nowhere/nfcapd.1: cannot open: No such file or directory (os error 2)"
    );
    assert_eq!(io::Error::from(missing).kind(), io::ErrorKind::NotFound);

    let other = File::from_bytes(*b"not a flow file, but long enough to be one").expect_err("text");
    assert!(other.is_corrupt() && other.source().is_none());
    assert_eq!(io::Error::from(other).kind(), io::ErrorKind::InvalidData);
}

#[test]
fn fields_by_name_are_those_of_the_accessors() {
    {
        for owned in Scan::directory(archive()).expect("a directory").flows() {
            let owned = owned.expect("it is intact");
            let flow = owned.view();
            let value = |name| flow.field(name);
            assert_eq!(value("first"), flow.first().map(FieldValue::Time));
            assert_eq!(value("src_port"), flow.src_port().map(FieldValue::from));
            assert_eq!(value("src4_addr"), flow.src4_addr().map(FieldValue::from));
            assert_eq!(value("tcp_flags"), flow.tcp_flags().map(FieldValue::from));
            assert_eq!(value("no_such_field"), None);
            let found: Vec<_> = flow.fields().collect();
            assert!(!found.is_empty());
            assert!(
                found
                    .iter()
                    .all(|(field, found)| value(field.name) == Some(*found))
            );
            let all = element::elements()
                .iter()
                .flat_map(|element| element.fields);
            assert_eq!(
                all.filter_map(|field| field.value(&flow)).count(),
                found.len()
            );
        }
    }
    assert_eq!(
        element::field("in_bytes").map(|field| field.offset),
        Some(32)
    );
    assert_eq!(element::element(5).map(|element| element.id), Some(5));
    let last = nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as u8;
    assert!(element::element(last).is_some() && element::element(last + 1).is_none());
    assert!(element::element(64).is_none());
}

#[test]
fn names_of_fields_are_unique() {
    let mut names: Vec<_> = element::elements()
        .iter()
        .flat_map(|element| element.fields)
        .map(|field| field.name)
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn fields_of_hostile_records_do_no_harm() {
    for length in 0..80_usize {
        for fill in [0, 1, 0x2C, 0xFF] {
            let mut record = vec![fill; length];
            record.splice(0..0, [11, 0, 0xFF, 0xFF, 9, 0, 0, 0, 0, 0, 0, 0]);
            let owned = OwnedFlow::from_record(record);
            for (field, value) in owned.view().fields() {
                assert!(!format!("{} {value} {value:?}", field.name).is_empty());
            }
        }
        drop(format!("{:?}", OwnedFlow::from_record(vec![0xFF; length])));
    }
}

#[test]
fn owned_flows_are_equal_to_their_views() {
    let file = File::open(archive().join("nfcapd.202611241330")).expect("it opens");
    for block in &file {
        let block = block.expect("it is intact");
        for flow in &block {
            let owned = OwnedFlow::from(flow);
            assert_eq!(owned.view(), flow);
            assert_eq!(OwnedFlow::from_record(owned.record()), owned);
            let values = |flow: Flow<'_>| format!("{:?}", flow.fields());
            assert_eq!(values(owned.view()), values(flow));
            assert_eq!(format!("{owned:?}"), format!("{flow:?}"));
        }
    }
}

/// A record with a value for each element, and this many empty unknown elements after the first.
fn flow_of_many(empty: usize) -> Vec<u8> {
    let known = (1..=nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as u16)
        .filter(|id| *id != 3)
        .map(|id| (id, vec![id as u8; 80]));
    let mut elements: Vec<_> = known.collect();
    elements.splice(1..1, std::iter::repeat_n((9999, Vec::new()), empty));
    FlowRecord {
        elements,
        ..FlowRecord::default()
    }
    .bytes()
}

/// However many elements a flow has, and whether or not they have a shape, it has the same values in every
/// form of it.
#[test]
fn flows_have_the_same_fields_with_and_without_shape() {
    let records = [flow_of_many(0), flow_of_many(15_000)];
    let bytes = writer::file(Encoding::None, None, &[records.to_vec()]);
    let file = File::from_bytes(bytes).expect("a file");
    let block = file.blocks().next().expect("a block").expect("intact");
    let values = |flow: Flow<'_>| {
        let fields = flow
            .fields()
            .map(|(field, value)| format!("{} {value:?}", field.name));
        fields.collect::<Vec<_>>()
    };
    let expected = values(block.flow(0).expect("a flow"));
    assert!(expected.len() > 80, "{}", expected.len());
    for (flow, record) in block.flows().zip(&records) {
        assert_eq!(values(flow), expected);
        assert_eq!(values(flow.to_owned_flow().view()), expected);
        assert_eq!(
            values(OwnedFlow::from_record(record.as_slice()).view()),
            expected
        );
        assert_eq!(flow.to_owned_flow().record(), record);
    }
    let last = block.flows().next_back().expect("a flow");
    assert_eq!(values(last), expected);
    // Nothing can lie where no record reaches.
    let mut long = flow_of_many(0);
    long.resize(70_000, 0);
    assert_eq!(
        OwnedFlow::from_record(long).view().in_bytes(),
        Some(0x0101_0101_0101_0101)
    );
}

/// The elements of a flow are looked for once, not once for each field.
#[test]
fn fields_of_many_elements_cost_no_walk_each() {
    let time = |empty| {
        let bytes = writer::file(Encoding::None, None, &[vec![flow_of_many(empty); 40]]);
        let file = File::from_bytes(bytes).expect("a file");
        let run = || {
            let start = std::time::Instant::now();
            let block = file.blocks().next().expect("a block").expect("intact");
            let count = block.flows().map(|flow| flow.fields().count());
            assert!(count.sum::<usize>() > 40 * 80);
            start.elapsed()
        };
        (0..5).map(|_| run()).min().expect("five runs")
    };
    // 22 times the bytes. A walk for each of some 100 fields took 600 times as long.
    let (few, many) = (time(0), time(15_000));
    assert!(many < 100 * few, "{many:?}, {few:?}");
}

#[test]
fn sets_find_and_order_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let copy = |from: &str, to: &str| {
        let to = directory.path().join(to);
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        std::fs::copy(archive().join(from), to).expect("a copy");
    };
    copy("nfcapd.202611241330", "b/nfcapd.202611241330");
    copy("nfcapd.202611241335", "a/nfcapd.202611241335");
    copy("nfcapd.202611241340", "a/renamed");
    copy("nfcapd.202611241340", "b/nfcapd.current.77");
    copy("README.md", "a/notes");
    let mut set = FileSet::in_directory(directory.path()).expect("it is readable");
    let names = |set: &FileSet| -> Vec<String> {
        set.inputs().map(|input| input.name().to_owned()).collect()
    };
    assert_eq!(
        names(&set),
        ["nfcapd.202611241335", "renamed", "nfcapd.202611241330"]
    );
    set.sort_by_name();
    assert_eq!(
        names(&set),
        ["nfcapd.202611241330", "nfcapd.202611241335", "renamed"]
    );
    set.extend([directory.path().join("missing")]);
    let mut set: FileSet = set.paths().collect::<Vec<_>>().into_iter().rev().collect();
    set.sort_by_time();
    assert_eq!(
        names(&set),
        [
            "nfcapd.202611241330",
            "nfcapd.202611241335",
            "renamed",
            "missing"
        ]
    );

    let mut blocks = set.scan().blocks();
    let mut flows = Vec::new();
    let mut errors = 0;
    for block in &mut blocks {
        match block {
            Ok(block) => {
                flows.extend(block.flows().map(|flow| flow.to_owned_flow()));
            }
            Err(error) => {
                assert!(error.is_io());
                errors += 1;
            }
        }
    }
    assert!(blocks.next().is_none());
    assert_eq!((flows.len(), errors), (419, 1));
    assert!(
        set.scan()
            .flows()
            .filter_map(Result::ok)
            .eq(flows.iter().cloned())
    );
    for threads in [1, 2, 5] {
        let mut parallel = Vec::new();
        let threads = NonZeroUsize::new(threads).expect("not zero");
        set.scan().threads(threads).map_blocks(
            |block| {
                block.map(|block| {
                    block
                        .flows()
                        .map(|flow| flow.to_owned_flow())
                        .collect::<Vec<_>>()
                })
            },
            |result| {
                parallel.extend(result.unwrap_or_default());
                ControlFlow::Continue(())
            },
        );
        assert_eq!(parallel, flows);
    }

    assert!(
        FileSet::in_directory(directory.path().join("missing")).is_err_and(|error| error.is_io())
    );
    assert!(FileSet::default().is_empty() && FileSet::default().scan().flows().next().is_none());
}

/// Links that form circles, alone and with others, lead nowhere else.
#[cfg(unix)]
#[test]
fn links_in_a_directory() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir_all(path("a/b")).expect("a directory");
    for name in ["a/nfcapd.1", "a/b/nfcapd.2"] {
        std::fs::copy(archive().join("nfcapd.202611241330"), path(name)).expect("a copy");
    }
    for (target, name) in [
        (".", "a/x"),
        (".", "a/y"),
        ("..", "a/z"),
        ("../../a", "a/b/up"),
        ("b", "a/c"),
        ("nowhere", "a/nfcapd.3"),
        ("nfcapd.1/nowhere", "a/nfcapd.7"),
        ("itself", "a/itself"),
        ("itself/nfcapd.4", "a/behind"),
        ("nfcapd.1", "a/nfcapd.5"),
    ] {
        symlink(target, path(name)).expect("a link");
    }
    let set = FileSet::in_directory(directory.path()).expect("it is readable");
    let found: Vec<_> = set
        .paths()
        .filter_map(|path| path.strip_prefix(directory.path()).ok())
        .collect();
    // A link to a file is a file.
    assert_eq!(
        found,
        ["a/b/nfcapd.2", "a/nfcapd.1", "a/nfcapd.5"].map(Path::new)
    );

    // Deep is no circle.
    let deep = path(&"d/".repeat(100));
    std::fs::create_dir_all(&deep).expect("a directory");
    std::fs::copy(path("a/nfcapd.1"), deep.join("nfcapd.6")).expect("a copy");
    let set = FileSet::in_directory(path("d")).expect("it is readable");
    assert!(set.paths().eq([deep.join("nfcapd.6")]));
}

/// An open file stays the same, whatever its name refers to now.
#[test]
fn files_that_are_open_already() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("nfcapd.current.77");
    let names = ["nfcapd.202611241330", "nfcapd.202611241335"];
    std::fs::copy(archive().join(names[0]), &path).expect("a copy");
    let mut open = std::fs::File::open(&path).expect("it opens");
    std::fs::remove_file(&path).expect("it is removed");
    std::fs::copy(archive().join(names[1]), &path).expect("a copy");

    let again = open.try_clone().expect("the same open file");
    let file = OpenOptions::new().open_file(again, &path).expect("a file");
    let other = File::open(&path).expect("a file");
    for (file, name) in [(&file, names[0]), (&other, names[1])] {
        assert_eq!(file.path(), Some(path.as_path()));
        let stored = File::open(archive().join(name)).expect("a file");
        let all = |file: &File| -> Vec<_> { file.flows().filter_map(Result::ok).collect() };
        assert!(!all(file).is_empty() && all(file) == all(&stored), "{name}");
    }
    // The file offset is unchanged.
    assert_eq!(io::Seek::stream_position(&mut open).ok(), Some(0));

    let refused = |file: std::fs::File| {
        let error = OpenOptions::new().open_file(file, "somewhere").err();
        let error = error.expect("it is refused");
        assert_eq!(error.file(), Some(Path::new("somewhere")));
        error.is_io()
    };
    assert!(refused(
        std::fs::File::open(directory.path()).expect("it opens")
    ));
    // Nothing can be read by position from a pipe, nor anything from what is open for writing.
    let (reader, mut writer) = io::pipe().expect("a pipe");
    io::Write::write_all(&mut writer, &[0; 4096]).expect("room");
    refused(std::os::fd::OwnedFd::from(reader).into());
    let appending = std::fs::OpenOptions::new().append(true).open(&path);
    assert!(refused(appending.expect("it opens")));
}

/// An unreadable folder in a readable one is reported.
#[cfg(unix)]
#[test]
fn directories_without_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("inner");
    std::fs::create_dir(&inner).expect("a directory");
    std::fs::write(inner.join("nfcapd.1"), "x").expect("written");
    let allow = |mode| std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(mode));
    allow(0o444).expect("changed");
    if std::fs::metadata(inner.join("nfcapd.1")).is_ok() {
        eprintln!("skipped: root may look everywhere");
        return;
    }
    let found = FileSet::in_directory(directory.path());
    allow(0o755).expect("changed");
    // The rest is found, and the place that cannot be searched is an error of the scan.
    let found = found.expect("the directory itself can be listed");
    let problem = found.problems().next().expect("a problem");
    assert!(problem.is_io() && problem.file() == Some(&inner));
    let errors: Vec<_> = found.scan().blocks().filter_map(Result::err).collect();
    assert!(matches!(&errors[..], [error] if error.is_io() && error.file() == Some(&inner)));
}

/// A record of names of interfaces.
fn interfaces(names: impl Iterator<Item = (u32, u8)>, length: usize) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0_u16;
    for (number, letter) in names {
        entries.extend(number.to_le_bytes());
        entries.extend(vec![letter; length - 1]);
        entries.push(0);
        count += 1;
    }
    let mut record = Vec::new();
    for word in [13, (12 + entries.len()) as u16, count, (4 + length) as u16] {
        record.extend(word.to_le_bytes());
    }
    record.extend((length as u32).to_le_bytes());
    record.extend(entries);
    record
}

/// Collectors store all names again and again; only what is kept counts for the limit.
#[test]
fn names_that_come_again_take_no_room() {
    const LENGTH: usize = 996;
    // A record has 65 names, a block 70 records: 4.5 MB, six times.
    let record = |first: u32, letter: u8| {
        let numbers = first * 65..first * 65 + 65;
        interfaces(numbers.map(move |number| (number, letter)), LENGTH)
    };
    let block = |from: u32, letter: u8| (from..from + 70).map(|at| record(at, letter)).collect();
    let names_of = |blocks: &[Vec<Vec<u8>>]| {
        let bytes = writer::file(Encoding::Lz4, None, blocks);
        let file = File::from_bytes(bytes).expect("a file");
        assert!(file.blocks().all(|block| block.is_ok()));
        file.names()
    };
    let again: Vec<Vec<Vec<u8>>> = (b'a'..=b'f').map(|letter| block(0, letter)).collect();
    let names = names_of(&again);
    assert_eq!((names.name_counts(), names.left_out()), ((0, 4550, 0), 0));
    assert_eq!(names.interface(4549), Some(&[b'f'; LENGTH - 1][..]));
    assert!(names.unread().is_none());

    let others: Vec<Vec<Vec<u8>>> = (0..6).map(|at| block(at * 70, b'a')).collect();
    let names = names_of(&others);
    let (_, kept, _) = names.name_counts();
    assert!((14_000..17_000).contains(&kept), "{kept}");
    assert_eq!(kept as u64 + names.left_out(), 6 * 4550);
    // What is known already can still change.
    let mut changed = others;
    changed.push(block(0, b'z'));
    let names = names_of(&changed);
    assert_eq!(names.interface(0), Some(&[b'z'; LENGTH - 1][..]));
}

#[test]
fn sets_read_unfinished_files_when_asked_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("nfcapd.cut");
    let mut bytes = std::fs::read(archive().join("nfcapd.202611241330")).expect("it is readable");
    // As a collector leaves it before the end: no appendix and no blocks announced.
    bytes.truncate(bytes.len() - 100);
    bytes[24..40].fill(0);
    std::fs::write(&path, bytes).expect("it is writable");
    let set = FileSet::new([&path]);
    assert_eq!(set.scan().flows().filter(Result::is_ok).count(), 0);
    let set = set.open_with(OpenOptions::new().partial(true));
    assert_eq!(set.scan().flows().filter(Result::is_ok).count(), 113);
}

/// The shared test data hold every element of layout 2: nothing about them may differ between the two
/// ways. `tests/layout3.rs` has what only layout 3 holds.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn fields_of_all_elements() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    let mut seen = std::collections::BTreeSet::new();
    for path in support::files_below(&folder) {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        for flow in file.flows().flatten() {
            seen.extend(flow.view().fields().map(|(field, _)| field.name));
        }
    }
    let text_only = |name: &str| {
        ["_geo", "_tls", "_sni", "_ja3", "_ja4"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let missing: Vec<_> = element::elements()
        .iter()
        .filter(|element| u32::from(element.id) <= nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2)
        .flat_map(|element| element.fields)
        .map(|field| field.name)
        .filter(|name| !seen.contains(name) && !text_only(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Small files of layouts 1 and 2 in all encodings, each also cut and changed, written to a folder; with
/// the fixtures and, where they are at hand, the small files of the shared test data, layout 3 among
/// them.
fn many_files(folder: &Path) -> Vec<PathBuf> {
    let flow = |number: u8| {
        let elements = vec![(1, vec![number; 48]), (2, vec![number; 8])];
        FlowRecord {
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    };
    let blocks: Vec<_> = (0..3)
        .map(|block| (0..20).map(|at| flow(20 * block + at)).collect::<Vec<_>>())
        .collect();
    let flow = |number: u16| {
        layout1::Flow {
            old: false,
            flags: 0,
            version: 9,
            sysid: 1,
            map: 0,
            first: (1_700_000_000, 0),
            last: (1_700_000_000, 5),
            bytes: [0, 0x1B, 6, 0],
            ports: [number, 443],
            ends: [0, 0],
            addresses: vec![1; 8],
            packets: 1,
            octets: 40,
            extensions: vec![7; 12],
        }
        .record()
    };
    let with_map = |block: u16| {
        let mut records = vec![layout1::map(0, &[4, 6, 8])];
        records.extend((0..20).map(|at| flow(20 * block + at)));
        records
    };
    let blocks1: Vec<Vec<Vec<u8>>> = (0..3).map(with_map).collect();
    let mut files = Vec::new();
    for encoding in Encoding::ALL {
        files.push(writer::file(encoding, Some("made"), &blocks));
        if encoding != Encoding::Zstd {
            files.push(layout1::file(encoding, 0, "made", &blocks1));
        }
    }
    let mut paths = support::files_below(&archive());
    for (number, bytes) in files.iter().enumerate() {
        let mut damaged = vec![bytes.clone(), bytes[..bytes.len() / 2].to_vec()];
        for at in [17, 45, 60, bytes.len() / 2, bytes.len() - 20] {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            damaged.push(changed);
        }
        for (variant, bytes) in damaged.iter().enumerate() {
            let path = folder.join(format!("{number}-{variant}"));
            std::fs::write(&path, bytes).expect("written");
            paths.push(path);
        }
    }
    for name in ["nfcapd", "elements", "layout1"] {
        let Some(folder) = support::test_data(name) else {
            continue;
        };
        let is_small = |path: &PathBuf| path.metadata().is_ok_and(|found| found.len() < 100_000);
        paths.extend(support::files_below(&folder).into_iter().filter(is_small));
    }
    paths
}

/// All that a file tells: flows, errors, names.
fn summary(path: &Path, partial: bool) -> String {
    let file = match partial {
        true => File::open_partial(path),
        false => File::open(path),
    };
    let file = match file {
        Ok(file) => file,
        Err(error) => return error.to_string(),
    };
    let mut out = format!("{:?} {:?}", file.ident(), file.statistics());
    for block in file.blocks() {
        let mut hasher = DefaultHasher::new();
        let damage = match &block {
            Ok(block) => {
                block
                    .flows()
                    .for_each(|flow| flow.record().hash(&mut hasher));
                block.damage().cloned()
            }
            Err(error) => Some(error.clone()),
        };
        let _ = write!(out, " {:x} {damage:?}", hasher.finish());
    }
    let names = file.names();
    let mut known: Vec<_> = names.exporters().map(|name| format!("{name:?}")).collect();
    known.extend(names.samplers().iter().map(|name| format!("{name:?}")));
    known.sort();
    let _ = write!(out, " {known:?} {:?}", names.name_counts());
    out
}

/// Many files in many threads at once: what comes out is what comes out of one after the other.
#[test]
fn many_files_in_many_threads() {
    const THREADS: usize = 16;
    let folder = tempfile::tempdir().expect("a folder");
    let paths = many_files(folder.path());
    let all = |partial| paths.iter().map(move |path| summary(path, partial));
    let expected: Vec<_> = all(false).zip(all(true)).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (paths, expected) = (&paths, &expected);
            scope.spawn(move || {
                // Neighbours meet in the same files, others in different ones.
                let from = thread / 2 * paths.len() / THREADS;
                let places = (from..paths.len()).chain(0..from);
                for at in places.skip(thread % 2).step_by(2) {
                    let path = &paths[at];
                    let found = (summary(path, false), summary(path, true));
                    assert_eq!(found, expected[at], "{}", path.display());
                }
            });
        }
    });
}

/// Opens, reads and closes files over and over: run by [`nothing_grows`] in a process of its own.
#[test]
#[ignore = "part of nothing_grows"]
fn cycles() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = many_files(folder.path());
    let cycles = std::env::var("NFDECODE_CYCLES").ok();
    let cycles: usize = cycles.map_or(3_000, |cycles| cycles.parse().expect("a number"));
    // Twice through all files before the measurement, and as much after it.
    let cycles = cycles.max(4 * paths.len());
    let usage = || {
        let descriptors = std::fs::read_dir("/proc/self/fd").expect("Linux").count();
        let memory = std::fs::read_to_string("/proc/self/status").expect("Linux");
        // Not pages of files, which come and go as the system likes.
        let of = |name: &str| -> u64 {
            let line = memory.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|text| text.trim().strip_suffix(" kB"));
            number.expect("memory").parse().expect("a number")
        };
        let kilobytes = of("RssAnon:") + of("VmSwap:");
        (descriptors, kilobytes)
    };
    let mut before = usage();
    for cycle in 0..cycles {
        if cycle == cycles / 2 {
            // What allocators keep is there by now.
            before = usage();
        }
        let text = summary(&paths[cycle % paths.len()], cycle / paths.len() % 2 == 1);
        assert!(!text.is_empty());
    }
    let after = usage();
    println!(
        "{} files, {cycles} cycles: {} descriptors and {} kB after half of them, {} and {} kB at the end",
        paths.len(),
        before.0,
        before.1,
        after.0,
        after.1
    );
    assert_eq!(before.0, after.0, "descriptors");
    assert!(
        after.1 < before.1 + 1024,
        "{} kB, then {}",
        before.1,
        after.1
    );
}

#[test]
fn nothing_grows() {
    if !Path::new("/proc/self/fd").exists() {
        eprintln!("skipped: only Linux tells of descriptors and memory");
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(program)
        .args(["--exact", "reading::cycles", "--ignored", "--nocapture"])
        // Large memory goes back to the system when it is freed, as at the start: else glibc keeps some of it
        // or not, depending on what came first.
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        support::stderr(&output)
    );
    assert!(text.contains("1 passed"), "{text}");
    print!("{text}");
}

/// A place in a file can be kept anywhere as two numbers.
#[test]
fn reading_goes_on_from_a_place_that_was_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in many_files(folder.path()) {
        let Ok(file) = File::open_partial(&path) else {
            continue;
        };
        let rest = |position| {
            let refs = file.block_refs_from(position).map(|found| found.ok());
            refs.map(|found| found.map(|found| (found.index(), found.offset())))
                .collect::<Vec<_>>()
        };
        let mut refs = file.block_refs();
        loop {
            let position = refs.position();
            let kept = file::Position::new(position.offset(), position.block());
            // Behind damage a position also knows how the next block is to be read.
            if refs.next().is_none_or(|found| found.is_err()) {
                break;
            }
            assert_eq!(rest(kept), rest(position), "{}", path.display());
        }
        // Places that are none do no harm.
        let size = file.header().file_size;
        for offset in [
            1,
            39,
            40,
            41,
            size - 1,
            size,
            size + 1,
            u64::MAX - 3,
            u64::MAX,
        ] {
            for block in [0, 1, u32::MAX] {
                let found = rest(file::Position::new(offset, block));
                assert!(found.len() < 1_000, "{}", path.display());
            }
        }
    }
}

/// Flows of many blocks, as far as a cut file holds them.
#[test]
fn what_is_there_of_a_cut_block_is_taken_if_asked_for() {
    let record = |number: u32| {
        let flow = FlowRecord {
            elements: vec![(39, u64::from(number).to_le_bytes().to_vec())],
            ..FlowRecord::default()
        };
        flow.bytes()
    };
    let blocks: Vec<Vec<_>> = (0..3_u32)
        .map(|block| (0..8000).map(|flow| record(8000 * block + flow)).collect())
        .collect();
    let numbers = |file: &File| -> (Vec<u64>, usize) {
        let (mut found, mut errors) = (Vec::new(), 0);
        for block in file.blocks() {
            match block {
                Ok(block) => {
                    found.extend(block.flows().filter_map(|flow| flow.flow_id()));
                    errors += usize::from(block.damage().is_some());
                }
                Err(_) => errors += 1,
            }
        }
        (found, errors)
    };
    for encoding in Encoding::ALL {
        let whole = writer::file(encoding, None, &blocks);
        let sound = File::from_bytes(whole.clone()).expect("a file");
        let starts: Vec<_> = sound
            .block_refs()
            .flatten()
            .map(|found| found.offset())
            .collect();
        let end = sound.header().appendix_offset;
        let length = end - (end - starts[2]) / 4;
        let cut = &whole[..usize::try_from(length).expect("a length")];
        let options = nfdecode::OpenOptions::new().partial(true);
        let (blocks_only, told) = numbers(&options.from_bytes(cut).expect("a file"));
        assert_eq!((blocks_only.len(), told), (16_000, 1), "{encoding:?}");
        let file = options.cut_block(true).from_bytes(cut).expect("a file");
        let (found, told) = numbers(&file);
        assert_eq!(
            found,
            (0..found.len() as u64).collect::<Vec<_>>(),
            "{encoding:?}"
        );
        // Of bzip2 the only block of its own is cut, zstd has several.
        let least = match encoding {
            Encoding::Bz2 => 16_000,
            Encoding::Zstd => 16_001,
            _ => 21_600,
        };
        assert!(
            (least..22_800).contains(&found.len()),
            "{encoding:?}: {}",
            found.len()
        );
        assert!(told != 0, "{encoding:?}");
        // To read on, that block comes again.
        let mut refs = file.block_refs();
        assert_eq!(refs.by_ref().count(), 4);
        assert_eq!(
            (refs.position().offset(), refs.position().block()),
            (starts[2], 2)
        );
        let grown = File::from_partial_bytes(whole).expect("a file");
        let rest = grown
            .block_refs_from(refs.position())
            .flatten()
            .next()
            .expect("a block");
        assert_eq!(grown.load(rest).expect("it is whole").flows().len(), 8000);
    }
}
