//! `nfdecode convert`: every form of a capture gives the same flows, and every failure is reported.

use crate::support;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{assert_json, assert_ndjson, nfdecode, stderr};
use serde_json::Value;

fn fixture() -> PathBuf {
    crate::support::root().join("tests/fixtures/captures/office.pcap")
}

/// All nfpcapd at hand: the machine's and the reference versions.
fn programs() -> Vec<PathBuf> {
    let versions = ["1.7.5", "1.7.10"]
        .iter()
        .filter_map(|version| support::oracle(version, "nfpcapd"));
    support::nfpcapd().into_iter().chain(versions).collect()
}

fn convert(capture: &Path, program: &Path, arguments: &[&str]) -> Output {
    nfdecode()
        .arg("convert")
        .arg(capture)
        .arg("--nfpcapd")
        .arg(program)
        .args(arguments)
        .output()
        .expect("it runs")
}

/// Flows by file, in an order of their own, without the time of the conversion.
fn comparable(output: &Output, context: &str) -> Vec<(String, Vec<String>)> {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{context}: {}",
        stderr(output)
    );
    let document = assert_json(&output.stdout, context);
    let files = document
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, flows)| {
            let flows = flows.as_array().expect("an array");
            (name.clone(), in_own_order(flows))
        });
    files.collect()
}

/// Flows in an order of their own, without the time of the conversion.
fn in_own_order(flows: &[Value]) -> Vec<String> {
    let mut flows: Vec<String> = flows
        .iter()
        .map(|flow| {
            let mut flow = flow.as_object().expect("an object").clone();
            flow.retain(|key, _| key != "received" && key != "cnt");
            Value::Object(flow).to_string()
        })
        .collect();
    flows.sort();
    flows
}

// ---- other forms of the same packets ------------------------------------------------------------

struct Packet<'a> {
    seconds: u32,
    micros: u32,
    length: u32,
    bytes: &'a [u8],
}

/// The packets of a little-endian microsecond capture.
fn packets(capture: &[u8]) -> Vec<Packet<'_>> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(word(0), 0xA1B2_C3D4, "the fixture is a plain capture");
    let mut found = Vec::new();
    let mut at = 24;
    while at < capture.len() {
        let size = word(at + 8) as usize;
        found.push(Packet {
            seconds: word(at),
            micros: word(at + 4),
            length: word(at + 12),
            bytes: &capture[at + 16..at + 16 + size],
        });
        at += 16 + size;
    }
    found
}

/// A classic capture: byte order, nanoseconds, snap length.
fn classic(packets: &[Packet<'_>], swap: bool, nanoseconds: bool, snap: usize) -> Vec<u8> {
    let word = |number: u32| {
        if swap {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let half = |number: u16| {
        if swap {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let mut out = word(if nanoseconds {
        0xA1B2_3C4D
    } else {
        0xA1B2_C3D4
    })
    .to_vec();
    out.extend([half(2), half(4)].concat());
    out.extend([word(0), word(0), word(snap as u32), word(1)].concat());
    for packet in packets {
        let kept = &packet.bytes[..packet.bytes.len().min(snap)];
        let fraction = if nanoseconds {
            packet.micros * 1000
        } else {
            packet.micros
        };
        out.extend(
            [
                word(packet.seconds),
                word(fraction),
                word(kept.len() as u32),
                word(packet.length),
            ]
            .concat(),
        );
        out.extend(kept);
    }
    out
}

/// A pcapng file whose packets alternate between two interfaces.
fn pcapng(packets: &[Packet<'_>]) -> Vec<u8> {
    fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
        let padded = body.len().next_multiple_of(4);
        let length = (12 + padded) as u32;
        out.extend([kind.to_le_bytes(), length.to_le_bytes()].concat());
        out.extend(body);
        out.extend(vec![0; padded - body.len()]);
        out.extend(length.to_le_bytes());
    }
    let mut out = Vec::new();
    let header = [
        &0x1A2B_3C4D_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &[0xFF; 8],
    ]
    .concat();
    block(0x0A0D_0D0A, &header, &mut out);
    for _ in 0..2 {
        block(1, &[1, 0, 0, 0, 0, 0, 4, 0], &mut out);
    }
    for (number, packet) in packets.iter().enumerate() {
        let time = u64::from(packet.seconds) * 1_000_000 + u64::from(packet.micros);
        let words = [
            number as u32 % 2,
            (time >> 32) as u32,
            time as u32,
            packet.bytes.len() as u32,
            packet.length,
        ];
        let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        body.extend(packet.bytes);
        block(6, &body, &mut out);
    }
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory is patient")
}

#[test]
#[cfg_attr(
    not(any(nfpcapd_installed, reference_programs)),
    ignore = "needs nfpcapd: install the package nfdump, or set NFDECODE_ORACLE"
)]
fn every_form_of_a_capture_gives_the_same_flows() {
    let capture = fs::read(fixture()).expect("the fixture");
    let packets = packets(&capture);
    let whole = 262_144;
    let forms = [
        ("big-endian", classic(&packets, true, false, whole)),
        ("nanoseconds", classic(&packets, false, true, whole)),
        (
            "nanoseconds, big-endian",
            classic(&packets, true, true, whole),
        ),
        ("pcapng", pcapng(&packets)),
        ("gzip", gzip(&capture)),
        ("pcapng in gzip", gzip(&pcapng(&packets))),
        (
            "zstd",
            zstd::encode_all(capture.as_slice(), 1).expect("memory is patient"),
        ),
        ("cut to 96 bytes", classic(&packets, false, false, 96)),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for program in programs() {
        let plain = comparable(&convert(&fixture(), &program, &[]), "plain");
        assert!(plain.len() >= 3, "the fixture covers several slots");
        assert!(plain.iter().map(|(_, flows)| flows.len()).sum::<usize>() > 100);
        for (name, bytes) in &forms {
            // Named as what it is not: content decides.
            let path = folder.path().join("capture.txt");
            fs::write(&path, bytes).expect("the file can be written");
            let context = format!("{name} with {}", program.display());
            assert_eq!(
                comparable(&convert(&path, &program, &[]), &context),
                plain,
                "{context}"
            );
        }
        let mut child = nfdecode()
            .args(["convert", "-", "--nfpcapd"])
            .arg(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(&capture)
            .expect("it reads");
        assert_eq!(
            comparable(&child.wait_with_output().expect("it ends"), "stdin"),
            plain
        );
    }
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn output_has_the_promised_shape() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let document = assert_json(&convert(&fixture(), &program, &[]).stdout, "json");
    let files = document.as_object().expect("an object");
    assert!(
        files
            .keys()
            .all(|name| name.starts_with("nfcapd.20") && name.len() == 19)
    );
    assert!(
        files.keys().zip(files.keys().skip(1)).all(|(a, b)| a < b),
        "in time order"
    );
    for flows in files.values() {
        let counts = flows
            .as_array()
            .expect("an array")
            .iter()
            .map(|flow| flow["cnt"].as_u64());
        assert!(
            counts
                .zip(1..)
                .all(|(count, expected)| count == Some(expected)),
            "cnt from 1 in each file"
        );
    }
    let all = document.to_string();
    for phrase in [
        "_vlan\":100",
        "\"proto\":58",
        "\"icmp_type\":3",
        "2001:db8::1",
        "\"in_src_mac\"",
    ] {
        assert!(all.contains(phrase), "{phrase} is missing");
    }

    let lines = convert(&fixture(), &program, &["-f", "ndjson"]);
    let text = String::from_utf8(lines.stdout).expect("UTF-8");
    assert!(
        text.lines()
            .all(|line| line.starts_with("{\"file\":\"nfcapd.20"))
    );
    let flows: usize = files
        .values()
        .map(|flows| flows.as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(assert_ndjson(text.as_bytes(), "ndjson").len(), flows);

    let hourly = assert_json(
        &convert(&fixture(), &program, &["--slot", "1d"]).stdout,
        "slot",
    );
    assert_eq!(hourly.as_object().map(serde_json::Map::len), Some(1));
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn kept_files_are_those_that_were_printed() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let keep = folder.path().join("kept");
    let arguments = ["--keep", &keep.display().to_string()];
    let converted = convert(&fixture(), &program, &arguments);
    assert_eq!(converted.status.code(), Some(0), "{}", stderr(&converted));
    let read = nfdecode()
        .args(["read", "--by-file"])
        .arg(&keep)
        .output()
        .expect("it runs");
    assert_eq!(
        assert_json(&converted.stdout, "converted"),
        assert_json(&read.stdout, "read")
    );
    // Nothing is replaced.
    let again = convert(&fixture(), &program, &arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("exists"), "{}", stderr(&again));
}

#[test]
#[cfg_attr(
    not(all(reference_data, any(nfpcapd_installed, reference_programs))),
    ignore = "needs the reference data and nfpcapd: set NFDECODE_TESTDATA and install the package nfdump"
)]
fn no_flow_is_lost_when_clocks_change() {
    let Some(captures) = support::test_data("captures-made") else {
        return;
    };
    for program in programs() {
        let output = nfdecode()
            .arg("convert")
            .arg(captures.join("dst_fall_icmp.pcap"))
            .arg("--nfpcapd")
            .arg(&program)
            .env("TZ", "Europe/Zurich")
            .output()
            .expect("it runs");
        let flows = comparable(&output, "clock change")
            .iter()
            .map(|(_, flows)| flows.len())
            .sum::<usize>();
        assert_eq!(flows, 12, "{}", program.display());
    }
}

/// What nfpcapd says it wrote is what we print, for all captures of others.
#[test]
#[cfg_attr(
    not(all(reference_data, any(nfpcapd_installed, reference_programs))),
    ignore = "needs the reference data and nfpcapd: set NFDECODE_TESTDATA and install the package nfdump"
)]
fn captures_of_others() {
    let (Some(made), Some(real)) = (
        support::test_data("captures-made"),
        support::test_data("pcap"),
    ) else {
        return;
    };
    let captures: Vec<_> = [made, real]
        .iter()
        .flat_map(|folder| support::files_below(folder))
        .filter(|path| path.to_string_lossy().contains(".pcap"))
        .collect();
    assert!(captures.len() > 100);
    let refused = [
        "empty.pcap",
        "garbage.pcap",
        "text.pcap",
        "trunc_filehdr.pcap",
        "dlt_ipoib.pcap",
        "zstd_magic.pcap",
    ];
    let damaged = ["badlen.pcap", "trunc_first.pcap", "trunc_rechdr.pcap"];
    for program in programs() {
        for capture in &captures {
            let context = format!("{} with {}", capture.display(), program.display());
            let name = capture
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let output = convert(capture, &program, &[]);
            let message = stderr(&output);
            if refused.contains(&name.as_str()) {
                assert_eq!(output.status.code(), Some(1), "{context}: {message}");
                assert!(
                    output.stdout.is_empty() && message.lines().count() == 1,
                    "{context}: {message}"
                );
            } else if message.contains("killed by signal 11") {
                // nfpcapd 1.7.1 crashes on colliding fragments; that it did is told.
                assert!(
                    name.contains("collide") && output.status.code() == Some(1),
                    "{context}"
                );
            } else {
                // Status 0 means also: as many flows decoded as nfpcapd reported.
                let expected = if damaged.contains(&name.as_str()) {
                    3
                } else {
                    0
                };
                assert_eq!(output.status.code(), Some(expected), "{context}: {message}");
                assert_json(&output.stdout, &context);
            }
        }
    }
}

// ---- an nfpcapd that misbehaves ----------------------------------------------------------------------

/// A script that answers `-V` and then does `body`; `$out` is the output directory.
fn stand_in(folder: &Path, body: &str) -> PathBuf {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -V ]; then echo 'x: Version: 1.7.10'; exit 0; fi\n\
         while [ $# -gt 0 ]; do [ \"$1\" = -w ] && out=$2; shift; done\n\
         PATH=/usr/bin:/bin\n{body}\n"
    );
    executable(folder, &script)
}

fn executable(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("stand-in");
    // Not by this process: what another test starts just now would have it open for writing as well until
    // it executes, and what somebody writes to cannot be executed (ETXTBSY).
    let text = folder.join("stand-in.text");
    fs::write(&text, script).expect("the script can be written");
    let mut install = Command::new("install");
    let made = install.args(["-m", "755"]).args([&text, &path]).status();
    assert!(made.expect("it runs").success());
    fs::remove_file(text).expect("it was there");
    path
}

/// Converts in a temporary directory of its own, which must be empty afterwards.
fn convert_with(folder: &Path, program: &Path, arguments: &[&str]) -> Output {
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary).expect("a folder");
    let output = nfdecode()
        .arg("convert")
        .arg(fixture())
        .arg("--nfpcapd")
        .arg(program)
        .args(arguments)
        .env("TMPDIR", &temporary)
        .output()
        .expect("it runs");
    let left: Vec<_> = fs::read_dir(&temporary)
        .expect("a folder")
        .flatten()
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    output
}

const TOTAL: &str = "echo 'Total: Processed packets: 1, bytes: 1, decode errors: 0, short caplen: 0, unknown: 0' >&2\n\
                     echo 'Terminating nfpcapd.' >&2";

#[test]
fn misbehaving_programs_are_told_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for (body, phrase) in [
        (
            "exit 0",
            "did not finish its work: it ended without a message",
        ),
        (
            "echo 'Something is wrong' >&2; exit 1",
            "failed with status 1: Something is wrong",
        ),
        ("kill -11 $$", "killed by signal 11"),
        (TOTAL, "it reported 0 files, but wrote 0"),
        (
            "echo 'Ident: x Flows: 1, Packets: 1, Bytes: 1' >&2; exit 0",
            "it ended without a message",
        ),
        (
            &format!("touch $out/nfcapd.current.77\n{TOTAL}"),
            "left a file unfinished",
        ),
        (
            "echo 'write() error in nffile.c line 1: No space left on device' >&2; sleep 100",
            "cannot write",
        ),
        (
            "trap '' TERM INT; echo 'write() error: x' >&2; while :; do sleep 1; done",
            "cannot write",
        ),
        (
            &format!("echo garbage > $out/nfcapd.202601010000\n{TOTAL}"),
            "not an nfcapd file",
        ),
        (
            "yes 'Packet: 1: noise' | head -c 30000000 >&2; exit 3",
            "failed with status 3: Packet: 1: noise",
        ),
        ("sleep 100 & exit 0", "did not finish its work"),
        ("setsid sleep 8 & exit 0", "did not finish its work"),
        ("exec 2>&-; sleep 0.2; exit 0", "it ended without a message"),
        (
            "head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 3",
            "failed with status 3: xxxx",
        ),
        (
            "printf '\\033[31m\\377\\000red\\n' >&2; exit 4",
            "failed with status 4",
        ),
        (
            &format!("mkdir $out/nfcapd.202601010000\n{TOTAL}"),
            "nfcapd.202601010000 is not a file",
        ),
        (
            &format!("ln -s /etc/passwd $out/nfcapd.202601010000\n{TOTAL}"),
            "nfcapd.202601010000 is not a file",
        ),
        (
            "mkfifo $out/nfcapd.202601010000; sleep 100",
            "nfcapd.202601010000 is not a file",
        ),
        (
            &format!(
                "mkdir $out/deep; touch $out/deep/nfcapd.202601010000 $out/nfcapd.2026\n{TOTAL}"
            ),
            "it reported 0 files, but wrote 0",
        ),
        ("rm -r $out; sleep 0.2; exit 0", "cannot watch nfpcapd"),
        (
            "(exec 2>&-; while :; do date > $out/nfcapd.current.$$; done) & exit 6",
            "failed with status 6",
        ),
        (
            "while :; do head -c 4096 /dev/zero; done > $out/nfcapd.current.1 & sleep 0.2; kill -9 $$",
            "killed by signal 9",
        ),
    ] {
        let program = stand_in(folder.path(), body);
        let started = Instant::now();
        let output = convert_with(folder.path(), &program, &[]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{body}: {message}");
        assert!(
            message.contains(phrase) && message.lines().count() == 1 && message.len() < 2000,
            "{body}: {message}"
        );
        assert!(!message.trim_end().contains(char::is_control), "{body}");
        assert!(output.stdout.is_empty(), "{body}");
        assert!(started.elapsed() < Duration::from_secs(30), "{body}");
    }
    let program = stand_in(folder.path(), "sleep 100");
    let output = convert_with(folder.path(), &program, &["--timeout", "1"]);
    assert!(
        output.status.code() == Some(1) && stderr(&output).contains("longer than 1 s"),
        "{}",
        stderr(&output)
    );
}

/// What nfpcapd has started ends with it, also if it no longer holds anything of ours open.
#[test]
fn nobody_is_left_running() {
    let folder = tempfile::tempdir().expect("a folder");
    let number = folder.path().join("number");
    for (body, status) in [
        ("exit 0", 1),
        ("sleep 100", 1),
        ("echo 'write() error: x' >&2; sleep 100", 1),
    ] {
        let start = "(exec 2>&-; exec sleep 1000) &";
        let body = format!("{start}\necho $! > {}\n{body}", number.display());
        let program = stand_in(folder.path(), &body);
        let output = convert_with(folder.path(), &program, &["--timeout", "5"]);
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        let number = fs::read_to_string(&number).expect("the number of the process");
        let path = PathBuf::from("/proc").join(number.trim()).join("stat");
        // A zombie is somebody else's concern; dying takes a moment.
        let lives = || fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while lives() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!lives(), "{body}");
    }
}

#[test]
fn programs_that_do_not_tell_their_version() {
    let folder = tempfile::tempdir().expect("a folder");
    for body in [
        "exit 0",
        "kill -9 $$",
        "exec yes",
        "sleep 100 & exit 0",
        "echo 'Version: one.two'",
        "head -c 5000 /dev/zero; echo ' Version: 1.7.10'",
    ] {
        let script = format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n");
        let path = executable(folder.path(), &script);
        let output = convert_with(folder.path(), &path, &[]);
        assert!(
            output.status.code() == Some(1)
                && stderr(&output).contains("does not look like nfpcapd"),
            "{body}: {}",
            stderr(&output)
        );
    }
}

// ---- captures that are damaged ------------------------------------------------------------------------

/// The shipped capture in all forms, and where lengths and the like stand in the first ones of them.
fn damageable() -> Vec<(Vec<u8>, Vec<usize>)> {
    let capture = fs::read(fixture()).expect("the fixture");
    let packets = packets(&capture);
    let packets = &packets[..packets.len().min(60)];
    let plain = classic(packets, false, false, 262_144);
    // Version, snap length and link type; then time and lengths of each packet.
    let mut fields = vec![4, 6, 16, 20];
    let mut at = 24;
    for packet in packets {
        fields.extend([at, at + 4, at + 8, at + 12]);
        at += 16 + packet.bytes.len();
    }
    let next = pcapng(packets);
    // Type and length of each block, and what follows.
    let (mut blocks, mut at) = (Vec::new(), 0);
    while let Some(length) = next.get(at + 4..at + 8) {
        blocks.extend([at, at + 4, at + 8, at + 12, at + 20, at + 24]);
        at += u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        blocks.push(at - 4);
    }
    let compressed = gzip(&plain);
    let squeezed = zstd::encode_all(plain.as_slice(), 1).expect("memory is patient");
    vec![
        (classic(packets, true, true, 96), fields.clone()),
        (next, blocks),
        (compressed, (0..12).collect()),
        (squeezed, (0..12).collect()),
        (plain, fields),
    ]
}

/// Captures with bits flipped, cut, and with wrong lengths in their headers; always the same.
fn damaged(count: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let originals = damageable();
    let mut state = 0xD1B5_4A32_D192_ED03_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    (0..count).map(move |number| {
        let (original, fields) = &originals[number % originals.len()];
        let mut capture = original.clone();
        for _ in 0..=random(3) {
            let at = random(capture.len());
            match random(6) {
                0 => capture.truncate(at + 1),
                1 => capture[at] ^= 1 << random(8),
                2 => {
                    let end = capture.len().min(at + random(100));
                    capture.drain(at..end);
                }
                _ => {
                    let at = fields[random(fields.len())];
                    let values = [0, 1, 15, 0x7F, 0xFFFF, 262_145, 0x7FFF_FFFF, u32::MAX];
                    let value = values[random(values.len())].to_le_bytes();
                    if let Some(field) = capture.get_mut(at..at + 4) {
                        field.copy_from_slice(&value);
                    }
                }
            }
            if capture.is_empty() {
                break;
            }
        }
        (number, capture)
    })
}

/// What comes out of a damaged capture is one that every nfpcapd reads, or an error.
#[test]
fn damaged_captures_become_sound_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut rewritten, mut refused) = (0, 0);
    for (number, bytes) in damaged(3_000) {
        match crate::rewritten::check(&number, &bytes, folder.path()) {
            true => rewritten += 1,
            false => refused += 1,
        }
    }
    assert!(rewritten > 1_000 && refused > 100, "{rewritten} {refused}");
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn damaged_captures_give_flows_or_a_reason() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let path = folder.path().join("capture");
    for (number, bytes) in damaged(40) {
        fs::write(&path, &bytes).expect("written");
        let output = nfdecode()
            .arg("convert")
            .arg(&path)
            .arg("--nfpcapd")
            .arg(&program)
            .args(["--timeout", "30"])
            .env("TMPDIR", &temporary)
            .output()
            .expect("it runs");
        let message = stderr(&output);
        let context = format!("{number}: {message}");
        match output.status.code() {
            Some(0 | 3) => drop(assert_json(&output.stdout, &context)),
            Some(1) => {
                assert!(message.lines().last().is_some(), "{context}");
                assert!(output.stdout.is_empty(), "{context}");
            }
            other => panic!("{context}: {other:?}"),
        }
        let left = fs::read_dir(&temporary).expect("a folder").count();
        assert_eq!(left, 0, "{context}");
    }
}

/// The fixture's packets over and over, an hour apart: nfpcapd is started before all of it has been seen.
fn large() -> Vec<u8> {
    const ROUNDS: u32 = 16;
    let fixture = fs::read(fixture()).expect("the fixture is there");
    let once = packets(&fixture);
    let all: Vec<_> = (0..ROUNDS)
        .flat_map(|round| {
            once.iter().map(move |packet| Packet {
                seconds: packet.seconds + round * 3600,
                ..*packet
            })
        })
        .collect();
    let capture = classic(&all, false, false, 0xFFFF);
    assert!(capture.len() > 4 << 20, "{} bytes only", capture.len());
    capture
}

#[test]
#[cfg_attr(
    not(any(nfpcapd_installed, reference_programs)),
    ignore = "needs nfpcapd: install the package nfdump, or set NFDECODE_ORACLE"
)]
fn large_captures_that_must_be_rewritten_after_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let sound = large();
    let cut = &sound[..sound.len() - 7];
    let mut late = sound.clone();
    // The last time stamp says more than a million microseconds.
    let last = packets(&sound).last().expect("packets").bytes.len();
    let at = late.len() - last - 12;
    late[at..at + 4].fill(0xFF);
    for program in programs() {
        for (name, bytes, status) in [
            ("sound", &sound[..], 0),
            ("cut", cut, 3),
            ("late", &late, 0),
        ] {
            // What is compressed is always rewritten, before nfpcapd is started.
            let [plain, packed] = [bytes.to_vec(), gzip(bytes)].map(|bytes| {
                let capture = folder.path().join("capture");
                fs::write(&capture, bytes).expect("written");
                nfdecode()
                    .arg("convert")
                    .arg(&capture)
                    .arg("--nfpcapd")
                    .arg(&program)
                    .args(["-f", "ndjson", "--slot", "1d"])
                    .env("TMPDIR", &temporary)
                    .output()
                    .expect("it runs")
            });
            let context = format!("{name}, {}: {}", program.display(), stderr(&plain));
            assert_eq!(plain.status.code(), Some(status), "{context}");
            assert_eq!(packed.status.code(), Some(status), "{context}");
            assert_eq!(stderr(&plain), stderr(&packed), "{context}");
            let [plain, packed] = [plain, packed]
                .map(|output| in_own_order(&assert_ndjson(&output.stdout, &context)));
            assert!(plain.len() > 1_000 && plain == packed, "{context}");
            let left = fs::read_dir(&temporary).expect("a folder").count();
            assert_eq!(left, 0, "{context}");
        }
    }
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn kept_files_of_a_capture_that_had_to_be_rewritten() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let mut bytes = large();
    bytes.truncate(bytes.len() - 7);
    let capture = folder.path().join("capture");
    fs::write(&capture, bytes).expect("written");
    let arguments = ["--slot", "1h", "--keep", &path("kept"), "-o", &path("out")];
    let output = convert(&capture, &program, &arguments);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let text = fs::read(path("out")).expect("the output");
    let document = assert_json(&text, "out");
    let files = document.as_object().expect("an object");
    assert!(files.len() >= 16, "{} files", files.len());
    for (name, flows) in files {
        let kept = nfdecode::File::open(folder.path().join("kept").join(name)).expect("a file");
        assert_eq!(kept.flows().count(), flows.as_array().expect("flows").len());
    }
    let kept = fs::read_dir(path("kept")).expect("a folder").count();
    assert_eq!(kept, files.len());
    let counted = convert(&capture, &program, &["--count"]);
    let flows: usize = files
        .values()
        .map(|flows| flows.as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(counted.stdout, format!("{flows}\n").into_bytes());
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn a_capture_that_grows_is_no_loss() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let [capture, more] = ["capture", "more"].map(|name| folder.path().join(name));
    let bytes = fs::read(fixture()).expect("the fixture is there");
    let first = packets(&bytes).first().expect("a packet").bytes.len();
    fs::write(&more, &bytes[24..40 + first]).expect("written");
    fs::write(&capture, &bytes).expect("written");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -V ] || cat {} >> {}\nexec {} \"$@\"\n",
        more.display(),
        capture.display(),
        program.display()
    );
    let wrapper = executable(folder.path(), &script);
    let output = convert(&capture, &wrapper, &[]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(
        message.contains("the capture has changed while it was read"),
        "{message}"
    );
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn a_directory_of_partitions_can_be_written_again() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake").to_string_lossy().into_owned();
    let arguments = ["-f", "parquet", "--partition-by", "hour", "-o", &lake];
    for round in 0..2 {
        let output = convert(&fixture(), &program, &arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{message}");
        assert_eq!(message.contains("were written"), round == 1, "{message}");
    }
    // Slots of another length take the place of those that are there, and so does less of the capture.
    let files = || support::parquet_below(Path::new(&lake)).count();
    let before = files();
    let hours = &[&arguments[..], &["--slot", "1h"]].concat();
    for (arguments, expected) in [(&hours[..], 1), (&arguments, before), (hours, 1)] {
        let output = convert(&fixture(), &program, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(files(), expected, "{}", stderr(&output));
    }
    assert!(before > 1);
    let capture = folder.path().join("capture.pcap");
    let bytes = fs::read(fixture()).expect("the fixture");
    for (length, expected) in [(bytes.len(), 1 + before), (24, 1)] {
        fs::write(&capture, &bytes[..length]).expect("written");
        let output = convert(&capture, &program, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(files(), expected, "{}", stderr(&output));
    }
}

/// Flows that are not selected have been read all the same: they are not missing.
#[test]
#[cfg_attr(
    not(any(nfpcapd_installed, reference_programs)),
    ignore = "needs nfpcapd: install the package nfdump, or set NFDECODE_ORACLE"
)]
fn selected_flows_are_not_all_flows() {
    for program in programs() {
        for (since, some) in [("2000-01-01", true), ("2030-01-01", false)] {
            let output = convert(&fixture(), &program, &["--count", "--since", since]);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(0), "{message}");
            assert_eq!(output.stdout != b"0\n", some, "{message}");
        }
    }
}

#[test]
fn what_is_wrong_with_the_output_is_told_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = folder.path().join("ran");
    let program = stand_in(folder.path(), &format!("touch {}", ran.display()));
    let directory = folder.path().to_string_lossy().into_owned();
    for (arguments, status) in [
        (&["-f", "parquet", "--fields", "nosuch"][..], 2),
        (&["-f", "parquet", "-o", "/nonexistent/x"], 1),
        (&["-f", "parquet", "-o", &directory], 1),
        (&["-f", "parquet", "--partition-by", "hour"], 2),
        (&["-f", "json", "-o", "/nonexistent/x"], 1),
    ] {
        let output = convert(&fixture(), &program, arguments);
        let message = stderr(&output);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {message}"
        );
        assert!(!ran.exists(), "{arguments:?}: {message}");
    }
    // Whatever lies here under that name, `-` is no file.
    fs::copy(fixture(), folder.path().join("-")).expect("a copy");
    let mut command = nfdecode();
    command.current_dir(folder.path()).args(["convert", "-"]);
    command.arg("--nfpcapd").arg(&program);
    command.args(["-f", "parquet", "--partition-by", "hour", "-o", "lake"]);
    command.args(["--keep", "kept"]);
    let output = command.output().expect("it runs");
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("no name that later runs would recognize"),
        "{message}"
    );
    let made = |name: &str| folder.path().join(name).exists();
    assert!(!ran.exists() && !made("lake") && !made("kept"));
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn names_of_text_need_no_column() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let output = convert(&fixture(), &program, &["--fields", "first,src4_geo"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn a_pipe_as_output_is_opened_once() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("it runs");
    assert!(made.success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read(pipe).expect("it can be read"))
    };
    let name = pipe.to_str().expect("a plain path");
    let output = convert(&fixture(), &program, &["-f", "parquet", "-o", name]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let bytes = reader.join().expect("it ends");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn programs_that_fail_on_large_captures_that_must_be_rewritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("capture");
    let mut bytes = large();
    bytes.truncate(bytes.len() - 7);
    fs::write(&capture, bytes).expect("written");
    // Says that it has failed, of whichever capture: what counts is what it says of the rewritten one.
    let program = stand_in(folder.path(), "echo no >&2; exit 9");
    let output = convert(&capture, &program, &[]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("packets before it are converted") && message.contains("status 9: no"),
        "{message}"
    );
}

#[test]
fn a_missing_program_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = convert_with(folder.path(), Path::new("/nonexistent/nfpcapd"), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("install the package nfdump"),
        "{}",
        stderr(&output)
    );
    let output = nfdecode()
        .arg("convert")
        .arg(fixture())
        .env("PATH", "/nonexistent")
        .output()
        .expect("it runs");
    assert!(
        output.status.code() == Some(1) && stderr(&output).contains("install the package nfdump")
    );
    let output = convert_with(folder.path(), Path::new("/bin/true"), &[]);
    assert!(
        output.status.code() == Some(1) && stderr(&output).contains("does not look like nfpcapd"),
        "{}",
        stderr(&output)
    );
    let output = nfdecode()
        .args(["convert", "/nonexistent.pcap"])
        .output()
        .expect("it runs");
    assert!(output.status.code() == Some(1) && stderr(&output).contains("/nonexistent.pcap"));
    for arguments in [&["--slot", "1"][..], &["--slot", "x"], &["--timeout", "0"]] {
        assert_eq!(
            convert_with(folder.path(), Path::new("/bin/true"), arguments)
                .status
                .code(),
            Some(2)
        );
    }
}

#[test]
fn an_interrupt_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    for (signal, body) in [
        ("INT", "sleep 100"),
        ("TERM", "sleep 100"),
        ("HUP", "trap '' HUP INT TERM; while :; do sleep 1; done"),
    ] {
        let program = stand_in(folder.path(), body);
        let out = folder.path().join("flows.json");
        let child = support::interruptible()
            .arg("convert")
            .arg(fixture())
            .arg("--nfpcapd")
            .arg(&program)
            .arg("-o")
            .arg(&out)
            .env("TMPDIR", &temporary)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let deadline = Instant::now() + Duration::from_secs(60);
        while fs::read_dir(&temporary).expect("a folder").count() == 0 && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        let killed = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(killed.success());
        let output = child.wait_with_output().expect("it ends");
        let status = output.status;
        assert!(
            status.code().is_none(),
            "{signal}: {status}: {}",
            stderr(&output)
        );
        assert_eq!(
            fs::read_dir(&temporary).expect("a folder").count(),
            0,
            "{signal}"
        );
        let left = fs::read_dir(folder.path()).expect("a folder").flatten();
        let left: Vec<_> = left
            .map(|entry| entry.file_name())
            .filter(|name| name != "tmp" && name != "stand-in")
            .collect();
        assert!(left.is_empty(), "{signal}: {left:?}");
    }
}

// ---- several captures, limits, and what nfpcapd offers ----------------------------------------------

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn several_captures_make_one_dictionary() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = fs::read(fixture()).expect("the fixture");
    let packets = packets(&bytes);
    let (early, late) = packets.split_at(packets.len() / 2);
    let parts = [("a.pcap", early), ("b.pcap", late)].map(|(name, packets)| {
        let path = folder.path().join(name);
        fs::write(&path, classic(packets, false, true, 0xFFFF)).expect("written");
        path
    });
    let keep = folder.path().join("kept").display().to_string();
    let second = parts[1].display().to_string();
    let output = convert(&parts[0], &program, &[&second, "--keep", &keep]);
    let both = comparable(&output, "both");
    let [first, second] = parts.each_ref().map(|path| {
        let output = convert(path, &program, &[]);
        comparable(&output, "one")
    });
    // The slot at the seam is in both; the second time its name has a number.
    let seam = first.last().expect("files").0.clone();
    assert_eq!(seam, second.first().expect("files").0, "a common slot");
    let renamed = format!("{seam}.2");
    let second = second.into_iter().map(|(name, flows)| match name == seam {
        true => (renamed.clone(), flows),
        false => (name, flows),
    });
    let expected: Vec<_> = first.into_iter().chain(second).collect();
    assert_eq!(both, expected);
    let mut kept: Vec<_> = fs::read_dir(&keep)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    kept.sort();
    let mut names: Vec<_> = both.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    assert_eq!(kept, names);

    // A filter of one word, a missing capture, and a form that knows its inputs.
    let run = |arguments: &[&str]| convert(&parts[0], &program, arguments);
    let path = parts[1].display().to_string();
    let flows = |output: Output| {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<u64>()
    };
    let all = flows(run(&[&path, "--count"])).expect("a number");
    let ipv6 = flows(run(&[&path, "ipv6", "--count"])).expect("a number");
    assert!(ipv6 > 0 && ipv6 < all, "{ipv6} of {all}");
    let missing = run(&[&path, "c.pcap", "--count"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("c.pcap: "),
        "{}",
        stderr(&missing)
    );
    let lake = folder.path().join("lake").display().to_string();
    let refused = run(&[
        &path,
        "-f",
        "parquet",
        "--partition-by",
        "hour",
        "-o",
        &lake,
    ]);
    assert_eq!(refused.status.code(), Some(2));
    // Messages name the capture.
    fs::write(&parts[1], &bytes[..bytes.len() - 3]).expect("written");
    let cut = run(&[&path, "--count"]);
    assert_eq!(cut.status.code(), Some(3));
    assert!(stderr(&cut).contains("b.pcap: packet "), "{}", stderr(&cut));
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn a_limit_ends_the_conversion() {
    let Some(program) = support::nfpcapd() else {
        return;
    };
    for (limit, form) in [
        (7, "ndjson"),
        (1, "ndjson"),
        (100_000, "ndjson"),
        (7, "json"),
    ] {
        let limit = limit.to_string();
        let output = convert(&fixture(), &program, &["--limit", &limit, "-f", form]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let flows = match form {
            "ndjson" => assert_ndjson(&output.stdout, form).len(),
            _ => assert_json(&output.stdout, form)
                .as_object()
                .expect("an object")
                .values()
                .map(|flows| flows.as_array().map_or(0, Vec::len))
                .sum(),
        };
        let all = flows > 100;
        assert!(all || flows.to_string() == limit, "{flows} of {limit}");
        assert_eq!(stderr(&output), "", "nothing is missing");
    }
    // nfpcapd is not waited for.
    let folder = tempfile::tempdir().expect("a folder");
    let body = format!(
        "{} -r {} -w $out -t 300 2>/dev/null; sleep 100",
        program.display(),
        fixture().display()
    );
    let slow = stand_in(folder.path(), &body);
    let started = Instant::now();
    let output = convert_with(folder.path(), &slow, &["--limit", "1", "-f", "ndjson"]);
    assert_eq!(assert_ndjson(&output.stdout, "slow").len(), 1);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[test]
fn explaining_a_filter_needs_no_capture() {
    for arguments in [
        &["convert", "--explain", "port 53"][..],
        &["convert", "--explain", "x.pcap", "port 53"],
    ] {
        let output = nfdecode().args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with("port 53"), "{text}");
    }
    let output = nfdecode().args(["convert"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
#[cfg_attr(
    not(all(reference_data, any(nfpcapd_installed, reference_programs))),
    ignore = "needs the reference data and nfpcapd: set NFDECODE_TESTDATA and install the package nfdump"
)]
fn payloads_are_stored_on_request() {
    let Some(captures) = support::test_data("pcap") else {
        return;
    };
    let capture = captures.join("tls-web-v4-v6.pcap.gz");
    for program in programs() {
        let count = |arguments: &[&str]| {
            let output = convert(&capture, &program, arguments);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let flows = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            (flows, stderr(&output))
        };
        let (flows, message) = count(&["payload tls defined", "--count"]);
        assert_eq!(flows, "0");
        assert!(message.contains("--payload"), "{message}");
        let (flows, message) = count(&["payload tls defined", "--count", "--payload"]);
        assert!(flows.parse::<u64>().expect("a number") > 100, "{flows}");
        assert!(!message.contains("--payload"), "{message}");
    }
}

#[test]
fn options_reach_nfpcapd() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -V ]; then echo 'x: Version: 1.7.10'; exit 0; fi\n\
         for word in \"$@\"; do echo \"$word\"; done > {}\nexit 9\n",
        seen.display()
    );
    let program = executable(folder.path(), &script);
    for (arguments, expected) in [
        (&[][..], &["-o", "fat"][..]),
        (&["--payload"], &["-o", "fat,payload"]),
        (&["--active-timeout", "2m"], &["-e", "120,60"]),
        (&["--inactive-timeout", "7"], &["-e", "300,7"]),
        (&["--bpf", "-x or tcp"], &["--", "-x or tcp"]),
    ] {
        convert(&fixture(), &program, arguments);
        let words = fs::read_to_string(&seen).expect("it ran");
        let words: Vec<_> = words.lines().collect();
        let found = words.windows(2).any(|pair| pair == expected);
        assert!(found, "{arguments:?}: {words:?}");
        let plain = arguments.is_empty();
        assert!(!plain || !words.contains(&"-e") && !words.contains(&"--"));
    }
    for arguments in [
        &["--active-timeout", "2h"][..],
        &["--inactive-timeout", "0"],
        &["--active-timeout", "x"],
    ] {
        let output = convert(&fixture(), &program, arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
}

#[test]
#[cfg_attr(
    not(any(nfpcapd_installed, reference_programs)),
    ignore = "needs nfpcapd: install the package nfdump, or set NFDECODE_ORACLE"
)]
fn packets_are_filtered_before_the_conversion() {
    for program in programs() {
        let output = convert(
            &fixture(),
            &program,
            &["--bpf", "udp port 53", "-f", "ndjson"],
        );
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let flows = assert_ndjson(&output.stdout, "bpf");
        assert!(!flows.is_empty() && flows.iter().all(|flow| flow["proto"] == 17));
        let output = convert(&fixture(), &program, &["--bpf", "no such filter"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    }
}

/// A link type that claims a check sequence, and packets without IP.
#[test]
#[cfg_attr(
    not(any(nfpcapd_installed, reference_programs)),
    ignore = "needs nfpcapd: install the package nfdump, or set NFDECODE_ORACLE"
)]
fn packets_are_not_lost_without_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = fs::read(fixture()).expect("the fixture");
    let path = folder.path().join("capture");
    for program in programs() {
        let plain = comparable(&convert(&fixture(), &program, &[]), "plain");
        let mut claims = bytes.clone();
        claims[20..24].copy_from_slice(&0x2400_0001_u32.to_le_bytes());
        fs::write(&path, claims).expect("written");
        let context = format!("claimed check sequence, {}", program.display());
        let output = convert(&path, &program, &[]);
        assert_eq!(comparable(&output, &context), plain, "{context}");

        let beacon = [0x80; 60];
        let packets = [0, 1, 2].map(|second| Packet {
            seconds: 1_700_000_000 + second,
            micros: 0,
            length: 60,
            bytes: &beacon,
        });
        let mut capture = classic(&packets, false, false, 0xFFFF);
        capture[20] = 105;
        fs::write(&path, capture).expect("written");
        let output = convert(&path, &program, &["--count"]);
        assert_eq!(output.status.code(), Some(0));
        let message = stderr(&output);
        assert!(
            message.contains("3 packets, but none with IP")
                && message.contains("left out 3 802.11 management frames"),
            "{message}"
        );
        fs::write(&path, &bytes[..24]).expect("written");
        let message = stderr(&convert(&path, &program, &["--count"]));
        assert!(message.contains("holds no packets"), "{message}");
    }
}
