//! The options of the drop-in that change files or read no flows, what it refuses, and damaged files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support;
use crate::support::damage;

/// Words as a shell takes them apart: quotes, and nothing else.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A folder with files of every kind: flows, text, nothing, configuration, a directory.
fn scene() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = support::root().join("tests/fixtures/archive");
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("written");
    };
    for name in ["nfcapd.202611241330", "nfcapd.202611241335"] {
        let bytes = fs::read(archive.join(name)).expect("a fixture");
        put(name, &bytes);
        put(&format!("all/{name}"), &bytes);
    }
    put("text", b"this is no flow\n");
    put("empty", b"");
    put("filter", b"proto udp and\n port 53\n");
    put("wrong-filter", b"proto udp and\n[port 53\n");
    let formats = "[nfdump]\nfmt.mine = \"%ts %da\"\nfmt.both = \"%mine %pr\"\ncsv.list = \"%ts,%sa\"\nmaxworkers = 1\n";
    put("formats", formats.as_bytes());
    put("wrong-toml", b"[nfdump]\nfoo\n");
    folder
}

fn ours(folder: &Path, words: &[String]) -> Output {
    support::nfdecode()
        .current_dir(folder)
        .arg("nfdump")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

fn theirs(nfdump: &Path, folder: &Path, words: &[String]) -> Output {
    Command::new(nfdump)
        .current_dir(folder)
        .args(["-W", "1", "-G", "none"])
        .args(words)
        .env("TZ", "UTC")
        .env_remove("NFCONF")
        .stdin(Stdio::null())
        .output()
        .expect("nfdump runs")
}

/// Without what differs from run to run, and the name of the program.
fn plain(output: &Output, nfdump: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout).replace(nfdump, "nfdump");
    let lines = text.split('\n').filter(|line| !line.starts_with("Sys: "));
    lines.collect::<Vec<_>>().join("\n")
}

const FLOWS: &str = "-r nfcapd.202611241330";

/// After `-r` and a file: the same bytes and exit status as nfdump.
const SAME: &str = "-H none
-H missing
-G missing
-D 192.0.2.1 -q
-T -q -n 5
-T -q -s srcip/bytes -n 3
-W 0 -q
-W -1
-W many -q
-C none -q
-C missing
-C formats -q -o mine
-C formats -q -o MINE
-C formats -q -o mine6
-C formats -q -o list
-C formats -q -o 'fmt:%mine %pr'
-C formats -A dstip -o mine
-C formats -A dstip -o list
-C formats -o other
-C formats -b -q -o mine
-j -y
-z=lz4 -j
-z=other
-z=
-z=lz4:99 -w out
-z=zstd:99 -w out
-z=lzo:3 -w out
-z=bz2:3 -w out
-z=zstd:-3 -w out
-z=LZ4 -w out
-z -w out
-J 7
-J lz5
-J lz4:50
-J zstd:50
-J 0
-i 'two words'
-I
-g
-n 3x -q
-n x -q
-n -1
-c x
-c -1
-c 0
-o other
-o ''
-o 6
-o fmt
-o csv:
-o fmt6:%sa
-o 'fmt:%other'
-o 'csv:%other'
-o 'csv:text'
-o 'fmt:text' -q
-o pipe
-t text
-t +10
-t -10
-t 2026/11/24.13:30:10-
-t 2026/11/24.13:31:00 -q
-t 2026/11/24.13:30:00-2026/11/24.13:32:00
-f missing
-f filter -q
-f all
-f wrong-filter
-f wrong-filter any -q
'bytes >'
'src port >'
'any)'
'(any'
'any other'
'other 3'
bytes '>' 1000 -q
-P 'bytes >'
-a -s srcip -n 2
-A srcip -s srcip/bytes -n 2
-m -n 3 -q
-m -s record
-O other
-O bytes:x
-O bytes:
-O bytes:A
-O BYTES -q -n 3
-s srcip/
-s srcip:
-s srcip:P
-s /bytes
-s ''
-s srcip,dstip
-s recordx
-s RECORD/BYTES -n 1
-A ''
-A ,
-A other
-A srcip,srcip
-A srcip4/33
-A srcip4/0
-A srcip6/129
-A srcip/24
-A proto -o line
-A proto -o json
-A proto -o fmt:%sa
-A proto -o csv6
-b -A proto
-A proto -A tos
-b -o line -n 2
-o line -b -n 2
-R all
-M .:all
-s srcip -s srcip -s srcip -s srcip -s srcip -s srcip -s srcip -s srcip -s dstip";

/// Without a file before them.
const SAME_ALONE: &str = "-E nfcapd.202611241330
-E all
-E missing
-E text
-v nfcapd.202611241330
-v missing
-v text
-x nfcapd.202611241330
-x all
-x missing
-x text
-I -r missing
-I -r text
-I -r empty
-I -r all
-I -R all
-J 3 -r missing
-J 3 -r text
-i x -r missing
-r missing
-r text
-r empty
-r all -q
-R all -q
-R missing
-R all/nfcapd.202611241335 -q
-M all -R . -q
-Z any
-Z ''
-Z 'any other'
-Z -f filter
-Z -f wrong-filter
-h
-n 3
-r
-l 5
-k";

#[test]
#[cfg_attr(
    not(reference_programs),
    ignore = "needs the reference programs: set NFDECODE_ORACLE"
)]
fn options_do_what_they_do_in_nfdump() {
    let Some(nfdump) = support::oracle("1.7.10", "nfdump") else {
        return;
    };
    let name = nfdump.display().to_string();
    let with_file = SAME.lines().map(|line| format!("{FLOWS} {line}"));
    let mut failures = Vec::new();
    for line in with_file.chain(SAME_ALONE.lines().map(str::to_owned)) {
        // Each program has files of its own: some options change them.
        let (our_scene, their_scene) = (scene(), scene());
        let words = words(&line);
        let (ours, theirs) = (
            ours(our_scene.path(), &words),
            theirs(&nfdump, their_scene.path(), &words),
        );
        let (our_text, their_text) = (plain(&ours, &name), plain(&theirs, &name));
        if our_text != their_text || ours.status.code() != theirs.status.code() {
            let differ = their_text
                .lines()
                .zip(our_text.lines())
                .find(|(a, b)| a != b);
            failures.push(format!(
                "{line}: {:?} instead of {:?}: {differ:?}, {} instead of {} bytes",
                ours.status.code(),
                theirs.status.code(),
                our_text.len(),
                their_text.len()
            ));
        }
        // Every refusal has a message.
        if ours.status.code() != Some(0) && ours.stdout.is_empty() {
            assert!(!ours.stderr.is_empty(), "{line}");
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What differs, by its row in `docs/deviations.md`: exit status, and a part of the message or the text.
const DIFFERENT: [(&str, &str, i32, &str); 22] = [
    ("N-31", "-r nfcapd.202611241330 -G text", 1, "use -G none"),
    ("N-31", "-r nfcapd.202611241330 -H text", 1, "use -H none"),
    ("N-32", "-X 'proto tcp'", 0, "proto 6"),
    ("N-35", "-V", 0, "1.7.10"),
    (
        "N-19",
        "-r nfcapd.202611241330 -s srcip/bytes:x",
        1,
        "a direction is",
    ),
    (
        "N-18",
        "-r nfcapd.202611241330 -s srcip/-",
        1,
        "Unknown order",
    ),
    (
        "N-18",
        "-r nfcapd.202611241330 -O -",
        1,
        "not a known order",
    ),
    (
        "N-20",
        "-r nfcapd.202611241330 -A ethertype -o csv",
        0,
        "etherType",
    ),
    (
        "N-24",
        "-r nfcapd.202611241330 -A srcip4/24x",
        1,
        "prefix length",
    ),
    (
        "N-25",
        "-r nfcapd.202611241330 -s srcip -o raw",
        0,
        "Top 10",
    ),
    (
        "N-26",
        "-r nfcapd.202611241330 -o json 'not any'",
        0,
        "no matching flows",
    ),
    (
        "N-36",
        "-r nfcapd.202611241330 'port 70000'",
        254,
        "out of range",
    ),
    (
        "N-38",
        "-C none -Z 'any other'",
        254,
        "syntax error at 'other'",
    ),
    (
        "N-39",
        "-r nfcapd.202611241330 -w missing/out",
        1,
        "missing/out",
    ),
    ("N-39", "-r nfcapd.202611241330 -w all", 1, "is a directory"),
    ("N-39", "-i x -r text", 1, "not an nfcapd file"),
    (
        "N-22",
        "-i 12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012 -r nfcapd.202611241330",
        1,
        "at most 121",
    ),
    ("N-23", "-g -r text", 0, "not an nfcapd file"),
    (
        "N-14",
        "-r nfcapd.202611241330 -s record/bytes:a/packets -n 1",
        0,
        "ordered by bytes",
    ),
    (
        "N-40",
        "-C wrong-toml -r nfcapd.202611241330",
        1,
        "configuration file wrong-toml",
    ),
    (
        "N-46",
        "-M missing -R . -q -o csv",
        0,
        "missing: not a directory",
    ),
    (
        "N-40",
        "-C geo -r nfcapd.202611241330 -n 1",
        0,
        "geodb of the configuration file is not read",
    ),
];

#[test]
fn what_differs_is_documented_and_explained() {
    let rows = support::deviations();
    for (row, line, status, expected) in DIFFERENT {
        assert!(rows.contains(row), "{row} is not in docs/deviations.md");
        let folder = scene();
        let geo = "[nfdump]\ngeodb.path = \"/var/db/geo.nf\"\n";
        fs::write(folder.path().join("geo"), geo).expect("written");
        let output = ours(folder.path(), &words(line));
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &support::stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{line}: {text}");
        assert!(text.contains(expected), "{line}: {text}");
    }
}

/// The files of a folder and what is in them.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = support::files_below(folder).into_iter();
    files
        .map(|path| {
            let bytes = fs::read(&path).expect("a file");
            (path, bytes)
        })
        .collect()
}

/// A folder with one file that takes a while to compress.
fn large() -> (tempfile::TempDir, PathBuf) {
    use crate::support::writer::{Encoding, FlowRecord, file};
    let flow = |number: u64| {
        let mut generic = [
            1_700_000_000_000 + number,
            1_700_000_001_000 + number,
            0,
            1,
            number * 77,
        ]
        .map(u64::to_le_bytes)
        .concat();
        generic.extend([1, 2, 3, 4, 6, 0, 0, 0]);
        let address = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .to_le_bytes()
            .to_vec();
        let elements = vec![(1, generic), (2, address)];
        FlowRecord {
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    };
    let blocks: Vec<Vec<Vec<u8>>> = (0..12)
        .map(|block| (0..20_000).map(|at| flow(block * 20_000 + at)).collect())
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    fs::write(&path, file(Encoding::None, Some("made"), &blocks)).expect("written");
    (folder, path)
}

#[test]
fn an_interrupted_change_leaves_the_file_as_it_was() {
    let (folder, path) = large();
    let before = contents(folder.path());
    for signal in ["TERM", "INT", "HUP", "KILL"] {
        let mut child = support::interruptible()
            .args(["nfdump", "-J", "zstd:22", "-r"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        // The new file is being written when there is one beside the old one.
        let begin = Instant::now();
        while contents(folder.path()).len() < 2 {
            assert!(begin.elapsed() < Duration::from_secs(60), "no new file");
            assert!(
                child.try_wait().expect("a status").is_none(),
                "it has ended already"
            );
        }
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(child.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success());
        let status = child.wait().expect("it ends");
        assert!(!status.success(), "{signal}");
        let mut after = contents(folder.path());
        if signal == "KILL" {
            // Then what was new is left beside the file.
            after.retain(|(name, _)| *name == path);
        }
        assert!(after == before, "{signal}");
    }
}

/// A limit on the size of files ends the process in the middle of writing.
#[test]
fn a_change_that_cannot_be_written_leaves_the_file_as_it_was() {
    let folder = scene();
    let path = folder.path().join("nfcapd.202611241330");
    let before = fs::read(&path).expect("a file");
    for options in ["-i new-name", "-J 0", "-J bz2"] {
        let command = format!(
            "ulimit -f 1; exec {} nfdump {options} -r nfcapd.202611241330",
            support::nfdecode().get_program().display()
        );
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .output()
            .expect("sh runs");
        assert!(!output.status.success(), "{options}");
        assert!(fs::read(&path).expect("a file") == before, "{options}");
    }
}

#[test]
fn another_compression_changes_nothing_else() {
    let folder = scene();
    let path = folder.path().join("nfcapd.202611241330");
    let records = |path: &Path| {
        let file = nfdecode::File::open(path).expect("it opens");
        let flows: Vec<Vec<u8>> = file
            .flows()
            .map(|flow| flow.expect("a flow").record().to_vec())
            .collect();
        let text = format!(
            "{:?} {:?} {:?}",
            file.ident(),
            file.statistics(),
            file.header().created
        );
        (flows, text)
    };
    let before = records(&path);
    for method in ["0", "1", "BZ2", "lz4:9", "zstd:19", "0"] {
        let line = format!("-J {method} -r nfcapd.202611241330");
        let output = ours(folder.path(), &words(&line));
        assert!(
            output.status.success(),
            "{line}: {}",
            support::stderr(&output)
        );
        assert!(records(&path) == before, "{line}");
    }
}

#[test]
fn damaged_files_end_soon_and_with_a_message() {
    let variants = damage::Variants::new(40);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    let out = folder.path().join("out");
    let lines = [
        "-s ip/bytes -s proto -n 0",
        "-A srcip,dstport,inif -O bytes",
        "-a -o json",
        "-B",
        "-O duration -o csv",
        "-o raw",
        "-o 'fmt:%line %mpls %nbnam %uname %ja4 %sni'",
        "-b -w OUT",
        "-I",
        "-J zstd",
        "-i other",
    ];
    for variant in 0..40 {
        let bytes = variants.get(variant).bytes;
        for line in lines.iter().copied().chain(["-E", "-v", "-x"]) {
            fs::write(&path, &bytes).expect("written");
            let line = line.replace("OUT", &out.display().to_string());
            let mut words = words(&line);
            if !matches!(line.as_str(), "-E" | "-v" | "-x") {
                words.push("-r".to_owned());
            }
            words.push(path.display().to_string());
            let begin = Instant::now();
            let output = ours(folder.path(), &words);
            let status = output.status.code();
            assert!(
                matches!(status, Some(0 | 1 | 250)),
                "{variant} {line}: {status:?}"
            );
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "{variant} {line}"
            );
            // What was read is printed; no part of it is made up in bulk.
            assert!(output.stdout.len() < 64 << 20, "{variant} {line}");
            if line.contains("json") {
                support::assert_json(&output.stdout, &format!("{variant} {line}"));
            }
            if status != Some(0) {
                assert!(!output.stderr.is_empty(), "{variant} {line}");
                assert!(
                    fs::read(&path).expect("a file") == bytes,
                    "{variant} {line}"
                );
            }
        }
    }
}

/// All commands of `docs/from-nfdump.md`, on files of their own.
#[test]
fn the_commands_of_the_page_work() {
    let page = fs::read_to_string(support::root().join("docs/from-nfdump.md")).expect("the page");
    let commands: Vec<&str> = page
        .split('`')
        .filter(|code| code.starts_with("nfdecode ") && *code != "nfdecode read")
        .filter(|code| !code.contains('…'))
        .collect();
    assert!(commands.len() > 60, "{}", commands.len());
    let can_convert = support::nfpcapd().is_some();
    for command in commands {
        let folder = scene();
        let at = |name: &str| folder.path().join(name);
        for name in ["nfcapd.202611241330", "nfcapd.202611241335"] {
            fs::create_dir_all(at("other")).expect("a folder");
            fs::copy(at(name), at("other").join(name)).expect("a copy");
        }
        fs::copy(at("nfcapd.202611241330"), at("copy")).expect("a copy");
        let captures = support::files_below(&support::root().join("tests/fixtures/captures"));
        let capture = captures
            .iter()
            .find(|path| path.extension().is_some_and(|ending| ending == "pcap"));
        if command.contains("CAPTURE") {
            let Some(capture) = capture.filter(|_| can_convert) else {
                continue;
            };
            fs::copy(capture, at("capture.pcap")).expect("a copy");
        }
        let mut line = command.to_owned();
        for (name, value) in [
            ("FILTERFILE", "filter"),
            ("'FILTER'", "'proto udp'"),
            ("FILE", "nfcapd.202611241330"),
            ("FIRST", "nfcapd.202611241330"),
            ("LAST", "nfcapd.202611241335"),
            ("START-END", "2026/11/24.13:30:00-2026/11/24.13:34:00"),
            ("CAPTURE", "capture.pcap"),
            ("CONFIG", "formats"),
            ("COPY", "copy"),
            ("OTHER", "other"),
            ("DIR", "all"),
            ("OUT", "out"),
        ] {
            line = line.replace(name, value);
        }
        let output = support::nfdecode()
            .current_dir(folder.path())
            .args(&words(&line)[1..])
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        assert!(
            output.status.success(),
            "{line}: {}",
            support::stderr(&output)
        );
        let has_written = ["out", "out.json"].iter().any(|name| at(name).exists());
        assert_eq!(has_written, command.contains("OUT"), "{line}");
        let is_silent = command.contains("OUT") || command.contains("-C ");
        assert!(
            is_silent || !output.stdout.is_empty(),
            "{line} prints nothing"
        );
    }
}

/// Each option of nfdump is in a table of the page.
#[test]
fn every_option_is_on_the_page() {
    let page = fs::read_to_string(support::root().join("docs/from-nfdump.md")).expect("the page");
    for letter in "rRMftcnN6qsaAbBOmPowzjyJWCGHEIgivxXZTDVh".chars() {
        assert!(
            page.contains(&format!("`-{letter}")) || page.contains(&format!(" -{letter} ")),
            "-{letter}"
        );
    }
}

/// `-t` of nfdump and of `read`: bounds do not belong to the window.
#[test]
fn the_bounds_of_a_window_are_outside_of_it() {
    use crate::support::writer::{Encoding, FlowRecord, file, set_times};
    const START: u64 = 1_700_000_000_000; // 2023-11-14T22:13:20Z
    let flow = |at: u64| {
        let (first, last) = (START + at * 1000, START + at * 1000 + 2000);
        let mut generic = [first, last, 0, 1, 100].map(u64::to_le_bytes).concat();
        generic.extend([at as u8, 0, 80, 0, 6, 0, 0, 0]);
        let elements = vec![(1, generic), (2, vec![1, 2, 0, 192, 2, 100, 51, 198])];
        FlowRecord {
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    };
    let mut bytes = file(Encoding::None, None, &[(0..10).map(flow).collect()]);
    set_times(&mut bytes, START, START + 11_000);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("flows"), bytes).expect("written");
    for (window, expected) in [
        ("2023/11/14.22:13:22-2023/11/14.22:13:27", "3 4"),
        ("2023/11/14.22:13:22", "3 4 5 6 7 8 9"),
        ("2023/11/14.22:13:21-2023/11/14.22:13:22", ""),
        ("2023/11/14.22:13:19-2023/11/14.22:13:23", "0"),
    ] {
        let ports = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let lines = text.lines().map(str::trim);
            let ports = lines.filter(|line| line.bytes().all(|byte| byte.is_ascii_digit()));
            ports.collect::<Vec<_>>().join(" ")
        };
        let line = words(&format!("-q -r flows -o fmt:%sp -t {window}"));
        assert_eq!(ports(&ours(folder.path(), &line)), expected, "{window}");
        if let Some(nfdump) = support::oracle("1.7.10", "nfdump") {
            assert_eq!(
                ports(&theirs(&nfdump, folder.path(), &line)),
                expected,
                "{window}"
            );
        }
        let read = support::nfdecode()
            .current_dir(folder.path())
            .args([
                "read",
                "flows",
                "--window",
                window,
                "-f",
                "csv",
                "--no-header",
            ])
            .args(["--fields", "src_port"])
            .output();
        assert_eq!(ports(&read.expect("it runs")), expected, "{window}");
    }
}
