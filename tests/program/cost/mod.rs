//! Files that are made to cost much: the CPU time of each command stays within a constant and a factor of the
//! bytes stored and decoded.
//!
//! CPU time is that of the process (user and system), not the time that passes, so that a busy machine does not
//! matter. The ceilings find work that is not proportional, not a slow release. `NFDECODE_COST=1` prints what each case costs.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::layout3;
use crate::support::nfdecode;
use crate::support::writer::{self, BLOCK_MAX, Encoding, FlowRecord};

/// Starting the program, and work that a file may cause whatever its size: `NFDUMP_SEARCH_MIN` and
/// `NFDUMP_REFUSED_MAX` bytes decoded on trial, twice since some commands open a file twice.
const START: Duration = Duration::from_secs(8);
/// For each byte stored or decoded, by what is done with it.
const DECODED: Duration = Duration::from_nanos(400);
const PRINTED: Duration = Duration::from_nanos(4_000);
/// When a command is ended, after so much time that no case is near it.
const PATIENCE: Duration = Duration::from_secs(240);

/// A hostile file.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Bytes that its blocks decode to, as far as they are decoded.
    decoded: usize,
}

/// Empty elements with undefined ids, in records of the largest size.
fn many_elements() -> Case {
    let flow = FlowRecord {
        elements: (0..16_000).map(|at| (64 + at, Vec::new())).collect(),
        ..FlowRecord::default()
    };
    let block = vec![flow.bytes(); 24];
    let decoded = block.concat().len() * 2;
    Case {
        name: "many elements",
        bytes: writer::file(Encoding::Zstd, None, &[block.clone(), block]),
        decoded,
    }
}

/// More arrangements of elements than are remembered, each of them again and again.
fn many_shapes() -> Case {
    let shapes = (0..6_000_u16).map(|at| {
        let flow = FlowRecord {
            elements: vec![(64 + at, Vec::new()), (1 + at % 42, vec![0; 24])],
            ..FlowRecord::default()
        };
        flow.bytes()
    });
    let block = shapes.collect::<Vec<_>>();
    let decoded = block.concat().len() * 8;
    Case {
        name: "many shapes",
        bytes: writer::file(Encoding::Zstd, None, &vec![block; 8]),
        decoded,
    }
}

/// A block of bzip2 that decodes to zeros, and its header.
fn bomb(size: usize) -> Vec<u8> {
    let stored = Encoding::Bz2.encode(&vec![0; size]);
    let mut block = 5_000_u32.to_le_bytes().to_vec();
    block.extend((stored.len() as u32).to_le_bytes());
    block.extend([3, 0, 0, 0]);
    block.extend(stored);
    block
}

/// A file of layout 2 in bzip2 whose blocks are these bytes.
fn bzip2_file(body: &[u8], blocks: u32, appendix_blocks: u16, appendix: &[u8]) -> Vec<u8> {
    let mut file = vec![0x0C, 0xA5, 2, 0, 0, 0x0A, 7, 1];
    file.extend(1_700_000_000_u64.to_le_bytes());
    file.extend([Encoding::Bz2 as u8, 0]);
    file.extend(appendix_blocks.to_le_bytes());
    file.extend([4, 0, 0, 0]);
    file.extend((40 + body.len() as u64).to_le_bytes());
    file.extend([0; 4]);
    file.extend(blocks.to_le_bytes());
    file.extend(body);
    file.extend(appendix);
    file
}

/// Blocks that decode to as much as is allowed, and to nothing of use; also one byte beyond the limit.
fn refused_blocks() -> Case {
    let body = [bomb(BLOCK_MAX), bomb(BLOCK_MAX + 1)].concat().repeat(400);
    Case {
        name: "refused blocks",
        decoded: body.len() * 64,
        bytes: bzip2_file(&body, 800, 0, &[]),
    }
}

/// A damaged header, and places behind it that could be blocks.
fn searched_blocks() -> Case {
    let mut body = [7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0].to_vec();
    body.extend(bomb(BLOCK_MAX).repeat(1_000));
    Case {
        name: "searched blocks",
        decoded: body.len() * 64,
        bytes: bzip2_file(&body, 9, 0, &[]),
    }
}

/// An appendix of more blocks than any writer makes.
fn appendix() -> Case {
    let block = bomb(65_000);
    Case {
        name: "appendix",
        decoded: 0,
        bytes: bzip2_file(&[], 0, 65_535, &block.repeat(20_000)),
    }
}

/// The largest blocks of layout 3: names of samplers that are all the same.
fn large_blocks() -> Case {
    let content = vec![0; 64 << 20 >> 2];
    let blocks = vec![(layout3::FLOWS, content.clone(), Encoding::Zstd); 3];
    Case {
        name: "large blocks",
        decoded: content.len() * 3 * 2,
        bytes: layout3::file(None, 0, &blocks),
    }
}

/// Exporters with as many samplers as a record has room for.
fn samplers() -> Case {
    let samplers = (1..2_700).map(|id| (id, 1, 9, 1)).collect::<Vec<_>>();
    let record = layout3::exporter(1, [1; 16], 1, &samplers);
    let content = layout3::exporters(&vec![record; 24]);
    let decoded = content.len() * 2;
    let block = (layout3::EXPORTERS, content, Encoding::Zstd);
    Case {
        name: "samplers",
        decoded: decoded * 2,
        bytes: layout3::file(None, 0, &[block.clone(), block]),
    }
}

/// Names of VRFs: as many as a block has room for, all of them different.
fn names() -> Case {
    let records = (0..40_u32).map(|record| {
        let mut body = Vec::new();
        for at in 0..3_000_u32 {
            body.extend((record * 3_000 + at).to_le_bytes());
            body.extend(format!("{at:07}\0").bytes());
        }
        let mut bytes = vec![14, 0];
        bytes.extend((body.len() as u16 + 12).to_le_bytes());
        bytes.extend(3_000_u16.to_le_bytes());
        bytes.extend(12_u16.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes
    });
    let block = records.collect::<Vec<_>>();
    let decoded = block.concat().len();
    Case {
        name: "names",
        decoded,
        bytes: writer::file(Encoding::Zstd, None, &[block]),
    }
}

/// Payloads of control characters, which take several characters each in JSON.
fn texts() -> Case {
    let flow = FlowRecord {
        elements: [28, 29, 30, 37, 38].map(|id| (id, vec![1; 12_000])).into(),
        ..FlowRecord::default()
    };
    let block = vec![flow.bytes(); 40];
    let decoded = block.concat().len();
    Case {
        name: "texts",
        decoded,
        bytes: writer::file(Encoding::Zstd, None, &[block]),
    }
}

/// The largest block of flows that are all the same: nothing is wrong with it.
fn honest_bomb() -> Case {
    let flow = FlowRecord {
        elements: vec![(1, vec![1; 48]), (2, vec![1; 8])],
        ..FlowRecord::default()
    };
    let block = vec![flow.bytes(); 20_000];
    let decoded = block.concat().len();
    Case {
        name: "flows that are all the same",
        decoded,
        bytes: writer::file(Encoding::Bz2, None, &[block]),
    }
}

/// The CPU time of a process that has ended and was not waited for, in user and in kernel mode.
fn cpu_time(process: u32) -> Option<Duration> {
    /// Clock ticks a second, as Linux shows them to programs.
    const TICKS: u64 = 100;
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold anything; what follows it begins with the third field.
    let (_, fields) = text.rsplit_once(')')?;
    let fields = fields.split_whitespace().collect::<Vec<_>>();
    if *fields.first()? != "Z" {
        return None;
    }
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(
        (ticks(11)? + ticks(12)?) * 1000 / TICKS,
    ))
}

/// Runs the program and returns its CPU time.
fn cost(arguments: &[&str]) -> Duration {
    let mut child = nfdecode()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begin = Instant::now();
    let used = loop {
        if let Some(used) = cpu_time(child.id()) {
            break used;
        }
        if begin.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let status = child.wait().expect("it has ended");
    assert!(
        matches!(status.code(), Some(0 | 1 | 3)),
        "{arguments:?}: {status}"
    );
    used
}

/// Runs all commands on a file.
fn run(case: &Case, folder: &Path) {
    let path = folder.join("nfcapd.202611241330");
    fs::write(&path, &case.bytes).expect("it can be written");
    let file = path.to_str().expect("UTF-8");
    let out = folder.join("out");
    let output = out.to_str().expect("UTF-8");
    let commands: &[(&[&str], Duration)] = &[
        (&["check", file], DECODED),
        (&["info", file], DECODED),
        (&["read", "--count", file], DECODED),
        (&["read", "-f", "json", file], PRINTED),
        (&["read", "-f", "ndjson", "--salvage", file], PRINTED),
        (&["read", "-f", "csv", file], PRINTED),
        (&["read", "-f", "table", file], PRINTED),
        (&["read", "-f", "arrow", file, "-o", output], PRINTED),
        (&["read", "-f", "parquet", file, "-o", output], PRINTED),
        (
            &["rewrite", "--compress", "lz4", file, "-o", output],
            PRINTED,
        ),
        (&["repair", file, "-o", output], PRINTED),
        (
            &["nfdump", "-r", file, "-s", "ip/bytes", "-s", "ja3"],
            PRINTED,
        ),
        (
            &["nfdump", "-r", file, "-A", "srcip,dstport", "-o", "csv"],
            PRINTED,
        ),
        (&["nfdump", "-r", file, "-a", "-O", "bytes"], PRINTED),
        (&["nfdump", "-r", file, "-o", "raw"], PRINTED),
        (&["nfdump", "-r", file, "-b", "-w", output], PRINTED),
        (&["nfdump", "-I", "-r", file], DECODED),
        (&["nfdump", "-E", file], DECODED),
        (&["nfdump", "-v", file], DECODED),
        (&["nfdump", "-J", "lz4", "-r", file], PRINTED),
    ];
    for (arguments, each) in commands {
        let _ = fs::remove_file(&out);
        let used = cost(arguments);
        let bytes = u32::try_from(case.bytes.len() + case.decoded).expect("not large");
        let ceiling = START + *each * bytes;
        if std::env::var_os("NFDECODE_COST").is_some() {
            let words = arguments[..arguments.len().min(3)].join(" ");
            let words = words.replace(file, "FILE");
            println!(
                "{:28} {words:24} {used:8.2?} of {ceiling:8.2?}: {} stored, {} decoded",
                case.name,
                case.bytes.len(),
                case.decoded
            );
        }
        assert!(
            used <= ceiling,
            "{}: {arguments:?} takes {used:?}, more than {ceiling:?}",
            case.name
        );
    }
}

/// Each case, made when it is run.
const CASES: [fn() -> Case; 10] = [
    many_elements,
    many_shapes,
    refused_blocks,
    searched_blocks,
    appendix,
    large_blocks,
    samplers,
    names,
    texts,
    honest_bomb,
];

#[test]
#[ignore = "the ceilings are estimates until they are measured on a machine at rest"]
fn hostile_files_cost_no_more_than_their_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in CASES {
        run(&case(), folder.path());
    }
}

/// The command that would be slow if blocks that decode to nothing had no limit of their own: forty seconds and more.
#[test]
fn blocks_that_decode_to_nothing_are_limited_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    fs::write(&path, refused_blocks().bytes).expect("it can be written");
    let output = crate::support::run(&["read", "--count", path.to_str().expect("UTF-8")]);
    let message = crate::support::stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("decode to nothing"), "{message}");
}
