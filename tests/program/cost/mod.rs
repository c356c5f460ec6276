//! Files and captures that are made to cost much: CPU time and memory of each command stay in proportion.
//!
//! CPU time is that of the process (user and system), not the time that passes, so that a busy machine does not
//! matter. It is compared with that of honest files of the same layout and encoding, measured in the same run: a byte,
//! a flow and a block of a hostile file cost at most twice as much as one of an honest file. `NFDECODE_COST=1` measures
//! more and larger files with more commands, and prints a table.

mod captures;
mod files;
mod process;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use files::{Case, Extra, Kind};
use nfdecode::OpenOptions;

/// More than an honest file costs by this factor is too much.
const TIMES: f64 = 2.0;
/// What measuring may be wrong by, in seconds: pages that are touched first, and the clock.
const GRACE: f64 = 0.02;
/// Measurements of the same; the least counts.
const REPEATS: usize = 2;

/// A command line with `FILE` and `OUT`.
type Words = &'static [&'static str];

/// Those that are always measured.
const SHORT: &[Words] = &[
    &["check", "FILE"],
    &["read", "--count", "FILE"],
    &["read", "-f", "ndjson", "--salvage", "FILE"],
    &["read", "-f", "parquet", "FILE", "-o", "OUT"],
    &["top", "src_addr", "FILE"],
    &["nfdump", "-r", "FILE", "-a", "-o", "csv"],
];

/// The others.
const LONG: &[Words] = &[
    &["info", "FILE"],
    &["read", "--count", "FILE", "proto tcp and not port 80"],
    &[
        "read",
        "--count",
        "FILE",
        "payload regex 'Host: [a-z]+\\.example' i",
    ],
    &["read", "--count", "FILE", "payload content 'nowhere'"],
    &[
        "read",
        "--count",
        "FILE",
        "payload dns name nowhere or payload tls sni nowhere",
    ],
    &["read", "-f", "json", "FILE"],
    &["read", "-f", "csv", "FILE"],
    &["read", "-f", "csv-fast", "FILE"],
    &["read", "-f", "table", "FILE"],
    &["read", "-f", "extended", "FILE"],
    &["read", "-f", "arrow", "FILE", "-o", "OUT"],
    &[
        "read", "-f", "parquet", "--fields", "all", "FILE", "-o", "OUT",
    ],
    &["rewrite", "--compress", "lz4", "FILE", "-o", "OUT"],
    &["repair", "FILE", "-o", "OUT"],
    &["top", "tls_sni,dns_name", "FILE"],
    &[
        "top",
        "src_addr,dst_port",
        "--every",
        "1h",
        "-n",
        "5",
        "FILE",
    ],
    &["series", "--every", "1d", "FILE"],
    &["series", "--every", "1d", "--split", "proto", "FILE"],
    &["nfdump", "-r", "FILE", "-s", "ip/bytes", "-s", "record"],
    &[
        "nfdump",
        "-r",
        "FILE",
        "-A",
        "srcip4/24,dstport",
        "-o",
        "json",
    ],
    &["nfdump", "-r", "FILE", "-O", "tstart", "-o", "extended"],
];

/// Whether everything is measured.
fn is_long() -> bool {
    std::env::var_os("NFDECODE_COST").is_some()
}

/// Whether a class is measured: all are unless `NFDECODE_COST` has a part of a name.
fn is_wanted(case: &Case) -> bool {
    let only = std::env::var("NFDECODE_COST").unwrap_or_default();
    only.len() <= 1 || case.name.contains(&only)
}

/// What a file holds, as far as it is read.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    stored: usize,
    decoded: u64,
    flows: usize,
    blocks: usize,
    /// Blocks that cannot be read.
    refused: usize,
}

impl Facts {
    fn of(bytes: &[u8]) -> Self {
        let mut facts = Self {
            stored: bytes.len(),
            ..Self::default()
        };
        let file = OpenOptions::new().salvage(true).from_bytes(bytes.to_vec());
        for block in file.iter().flat_map(nfdecode::File::blocks) {
            facts.blocks += 1;
            match block {
                Ok(block) => {
                    facts.decoded += block.counts().decoded_bytes;
                    facts.flows += block.len();
                }
                Err(_) => facts.refused += 1,
            }
        }
        facts
    }

    fn bytes(&self) -> f64 {
        self.stored as f64 + self.decoded as f64
    }
}

/// What an honest file costs, in seconds.
#[derive(Clone, Copy, Debug)]
struct Rates {
    /// Starting the program.
    base: f64,
    byte: f64,
    flow: f64,
    block: f64,
}

impl Rates {
    /// What these facts would cost in an honest file, without starting the program.
    fn cost(&self, facts: &Facts) -> f64 {
        let content = (self.byte * facts.bytes()).max(self.flow * facts.flows as f64);
        content + self.block * facts.blocks as f64
    }
}

/// An honest file.
type Honest = (Facts, Vec<u8>);

/// Measures, and remembers what honest files cost.
struct Bench {
    folder: PathBuf,
    rates: HashMap<(Words, Kind), Rates>,
    honest: HashMap<Kind, [Honest; 3]>,
    /// Seconds for each byte of a block of flows that are all the same, by encoding.
    repeated: HashMap<u8, f64>,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            rates: HashMap::new(),
            honest: HashMap::new(),
            repeated: HashMap::new(),
        }
    }

    /// Seconds that a command takes for a file of these bytes: the least of some runs, but no more than needed to be
    /// at most `enough`.
    fn measure(&self, words: Words, bytes: &[u8], enough: f64) -> f64 {
        let path = self.folder.join("nfcapd.202411241330");
        fs::write(&path, bytes).expect("it can be written");
        self.measure_path(words, &path, enough)
    }

    fn measure_path(&self, words: Words, path: &Path, enough: f64) -> f64 {
        let out = self.folder.join("out");
        let arguments = words.iter().map(|word| match *word {
            "FILE" => path.to_str().expect("UTF-8"),
            "OUT" => out.to_str().expect("UTF-8"),
            word => word,
        });
        let arguments = arguments.collect::<Vec<_>>();
        let mut least = f64::INFINITY;
        for _ in 0..REPEATS {
            let _ = fs::remove_file(&out).or_else(|_| fs::remove_dir_all(&out));
            let usage = process::run(&arguments);
            least = least.min(usage.time.as_secs_f64());
            if least <= enough {
                break;
            }
        }
        least
    }

    fn rates(&mut self, words: Words, kind: Kind) -> Rates {
        if let Some(known) = self.rates.get(&(words, kind)) {
            return *known;
        }
        let honest = self.honest.entry(kind).or_insert_with(|| {
            let flows = if is_long() { 60_000 } else { 9_000 };
            // A block costs microseconds, and more where two threads wait for each other: enough of them that they
            // are measured alike here and in hostile files.
            let blocks = 20_000;
            [(1, 1), (6, flows / 6), (blocks, 1)].map(|(blocks, flows)| {
                let bytes = files::honest(kind, blocks, flows);
                let facts = Facts::of(&bytes);
                assert_eq!(facts.flows, blocks * flows);
                (facts, bytes)
            })
        });
        let honest = honest.clone();
        let [one, many, small] =
            honest.map(|(facts, bytes)| (facts, self.measure(words, &bytes, 0.0)));
        let base = one.1;
        let time = (many.1 - base).max(1e-4);
        let (byte, flow) = (time / many.0.bytes(), time / many.0.flows as f64);
        let rest = small.1 - base - flow * small.0.flows as f64;
        let block = (rest / small.0.blocks as f64).max(0.0);
        let rates = Rates {
            base,
            byte,
            flow,
            block,
        };
        self.rates.insert((words, kind), rates);
        rates
    }

    /// Seconds that decoding takes on trial and in vain, at most.
    fn speculation(&mut self, words: Words, kind: Kind, stored: usize) -> f64 {
        /// `NFDUMP_SEARCH_MIN` and `NFDUMP_REFUSED_MAX`; the factors go with them.
        const MIN: f64 = 67_108_864.0;
        let stored = stored as f64;
        let refused = MIN + 64.0 * stored;
        let searches = match kind {
            // Maps have to be followed.
            Kind::Layout1(_) => 2.0,
            Kind::Layout2(_) | Kind::Payloads(_) | Kind::Mixed2(_) => 1.0,
            // The directory says where blocks are.
            Kind::Layout3(_) | Kind::Mixed3(_) => 0.0,
        };
        let opened = if matches!(words[0], "check" | "repair") {
            2.0
        } else {
            1.0
        };
        let bytes = searches * (MIN + 8.0 * stored) + refused;
        opened * bytes * self.repeated(kind.encoding())
    }

    /// Seconds that a byte of flows that are all the same costs.
    fn repeated(&mut self, encoding: u8) -> f64 {
        const READ: Words = &["read", "--count", "FILE"];
        if let Some(known) = self.repeated.get(&encoding) {
            return *known;
        }
        // As many megabytes as the limits allow in vain, so that the time can be measured.
        let case = files::same_flows(encoding, 128);
        let base = self.rates(READ, case.kind).base;
        let time = (self.measure(READ, &case.bytes, 0.0) - base).max(1e-4);
        let rate = time / Facts::of(&case.bytes).bytes();
        self.repeated.insert(encoding, rate);
        rate
    }

    /// Measures a command on a hostile file. Returns a description if it costs too much.
    fn judge(&mut self, words: Words, case: &Case, facts: &Facts) -> Option<String> {
        let kind = match case.kind {
            Kind::Layout2(number) if words.iter().any(|word| word.contains("payload")) => {
                Kind::Payloads(number)
            }
            kind => kind,
        };
        let rates = self.rates(words, kind);
        let honest = rates.cost(facts);
        let (times, extra) = match case.extra {
            Extra::None => (1.0, 0.0),
            Extra::Times(times) => (times, 0.0),
            Extra::Speculation => (1.0, self.speculation(words, case.kind, facts.stored)),
        };
        let allowed = rates.base + GRACE + TIMES * (honest * times + extra);
        let used = self.measure(words, &case.bytes, allowed);
        let ratio = (used - rates.base) / (honest + extra).max(0.002);
        let line = format!(
            "{:28} {:44} {used:7.3} s of {allowed:7.3}, {ratio:5.2} x; {} stored, {} decoded, {} flows, {} blocks",
            case.name,
            words.join(" "),
            facts.stored,
            facts.decoded,
            facts.flows,
            facts.blocks
        );
        if is_long() {
            println!("{line}");
        }
        (used > allowed).then_some(line)
    }
}

#[test]
fn hostile_files_cost_no_more_than_honest_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new(folder.path());
    let scale = if is_long() { 12 } else { 2 };
    let long = if is_long() { LONG } else { &[] };
    let mut found = Vec::new();
    for make in files::cases(scale, is_long()) {
        let case = make();
        if !is_wanted(&case) {
            continue;
        }
        let facts = Facts::of(&case.bytes);
        // What is not decoded would count as if it had no bytes.
        let is_read = facts.refused == 0 || case.extra == Extra::Speculation || case.is_damaged;
        assert!(is_read, "{}: {facts:?}", case.name);
        // What is done in vain is done by reading blocks, whatever becomes of the flows.
        let short = match case.extra {
            Extra::Speculation => &SHORT[..2],
            _ => SHORT,
        };
        for words in short.iter().chain(long) {
            found.extend(bench.judge(words, &case, &facts));
        }
    }
    assert!(found.is_empty(), "too much:\n{}", found.join("\n"));
}

#[test]
#[cfg_attr(
    not(nfpcapd_installed),
    ignore = "needs nfpcapd: install the package nfdump"
)]
fn hostile_captures_cost_no_more_than_honest_ones() {
    if crate::support::nfpcapd().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(folder.path());
    let convert: Words = &["convert", "FILE", "-f", "ndjson", "-o", "OUT"];
    let path = folder.path().join("capture");
    let measure = |bytes: &[u8], enough: f64| {
        fs::write(&path, bytes).expect("it can be written");
        bench.measure_path(convert, &path, enough)
    };
    let scale = if is_long() { 8 } else { 1 };
    let base = measure(&captures::honest(1), 0.0);
    let honest = captures::honest(4_000 * scale);
    // Clock ticks make this coarse.
    let byte = (measure(&honest, 0.0) - base).max(0.02) / honest.len() as f64;
    let mut found = Vec::new();
    for case in captures::cases(scale) {
        let bytes = (case.bytes.len() + case.decoded) as f64;
        let allowed = base + 2.0 * GRACE + TIMES * case.times * byte * bytes;
        let used = measure(&case.bytes, allowed);
        let ratio = (used - base) / (byte * bytes);
        let line = format!(
            "{:28} convert {used:7.3} s of {allowed:7.3}, {ratio:5.2} x; {} stored, {} decoded",
            case.name,
            case.bytes.len(),
            case.decoded
        );
        if is_long() {
            println!("{line}");
        }
        found.extend((used > allowed).then_some(line));
    }
    assert!(found.is_empty(), "too much:\n{}", found.join("\n"));
}

/// Filters of hostile text: refused, or parsed in proportion to their length.
#[test]
fn hostile_filters_cost_no_more_than_their_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(folder.path());
    let file = folder.path().join("nfcapd.202411241330");
    let kind = Kind::Layout2(0);
    fs::write(&file, files::honest(kind, 1, 1)).expect("it can be written");
    let filter = folder.path().join("filter");
    let count = if is_long() { 40_000 } else { 5_000 };
    let texts: [(&str, String); 7] = [
        ("ports", "port 1 or ".repeat(count) + "port 2"),
        ("in list", format!("ip in [{}]", "10.1.2.3 ".repeat(count))),
        (
            "parentheses",
            "(".repeat(count) + "any" + &")".repeat(count),
        ),
        ("negations", "not ".repeat(count) + "any"),
        (
            "patterns",
            "payload regex '(a|b|ab)*c' or ".repeat(count / 8) + "any",
        ),
        (
            "repetitions",
            "payload regex '((a{50}){50}){50}' or ".repeat(count / 8) + "any",
        ),
        ("words", "port and or ".repeat(count)),
    ];
    let words: Words = &["read", "--count", "-F", "FILTER", "FILE"];
    for (name, text) in texts {
        fs::write(&filter, &text).expect("it can be written");
        let used = (0..REPEATS).map(|_| {
            let filter = filter.to_str().expect("UTF-8");
            let file = file.to_str().expect("UTF-8");
            process::run(&["read", "--count", "-F", filter, file]).time
        });
        let used = used.min().unwrap_or_default();
        if is_long() {
            println!("{name:28} {} {used:?}, {} bytes", words[0], text.len());
        }
        // A microsecond for each byte, and what patterns may take (`PATTERN_ITEMS_MAX`).
        let allowed = Duration::from_secs(1) + Duration::from_micros(text.len() as u64);
        assert!(used <= allowed, "{name}: {used:?} of {allowed:?}");
    }
    drop(bench);
}

/// Memory of the blocks in work: at most the limit, and what one block needs that does not fit.
#[test]
fn memory_does_not_grow_with_threads() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202411241330");
    let out = folder.path().join("out");
    let (file, out) = (path.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let large = if is_long() { 24 } else { 16 };
    // Large blocks, and small ones that take much while they are decoded.
    let mut cases = vec![files::large_blocks(large, 24), files::lost_maps(4)];
    if is_long() {
        cases.extend(files::cases(4, true).iter().map(|make| make()));
    }
    for case in cases {
        if !is_wanted(&case) {
            continue;
        }
        fs::write(&path, &case.bytes).expect("it can be written");
        for threads in [2_u64, 16, 64] {
            let jobs = threads.to_string();
            let limit = (32 * MIB * threads).clamp(256 * MIB, 1024 * MIB);
            let mut commands = vec![
                vec!["read", "--count", "-j", &jobs, file],
                vec!["check", "-j", &jobs, file],
                vec![
                    "read",
                    "-f",
                    "parquet",
                    "-j",
                    &jobs,
                    "-o",
                    out,
                    file,
                    "proto tcp",
                ],
            ];
            if is_long() {
                commands.extend([
                    vec!["read", "-f", "parquet", "-j", &jobs, "-o", out, file],
                    vec!["top", "src_addr", "-j", &jobs, file],
                    vec!["read", "-f", "ndjson", "-j", &jobs, file],
                    vec!["read", "-f", "arrow", "-j", &jobs, "-o", out, file],
                    vec!["series", "-j", &jobs, file],
                    vec!["nfdump", "-r", file, "-s", "srcip", "-W", &jobs],
                ]);
            }
            if is_long() && threads == 2 {
                // These take no number of threads.
                commands.extend([
                    vec!["rewrite", "--compress", "lz4", "-o", out, file],
                    vec!["repair", "-o", out, file],
                    vec!["info", file],
                ]);
            }
            for arguments in commands {
                let _ = fs::remove_file(out);
                let peak = process::run(&arguments).peak / MIB;
                // The buffers and the index of one block, and the program.
                let allowed = limit / MIB + 256 + 96 + 64;
                if is_long() {
                    println!(
                        "{:28} {:10} -j {threads:2}: {peak} MiB of {allowed}",
                        case.name, arguments[0]
                    );
                }
                assert!(
                    peak <= allowed,
                    "{}: {arguments:?}: {peak} MiB, more than {allowed}",
                    case.name
                );
            }
        }
    }
}

/// Flows of small blocks are joined where something is made for many of them: a block of one flow costs what it takes to
/// read it, twice where columns are chosen first, and not a batch or a row group.
#[test]
fn blocks_of_one_flow_cost_little_in_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(folder.path());
    let case = files::small_blocks(if is_long() { 6 } else { 1 });
    // On one thread: how often two threads wait for each other differs from run to run.
    let count = bench.measure(&["read", "-j1", "--count", "FILE"], &case.bytes, 0.0);
    let forms: [Words; 6] = [
        &["read", "-j1", "-f", "ndjson", "FILE"],
        &["read", "-j1", "-f", "csv", "FILE"],
        &["read", "-j1", "-f", "table", "FILE"],
        &["read", "-j1", "-f", "arrow", "FILE", "-o", "OUT"],
        &["read", "-j1", "-f", "parquet", "FILE", "-o", "OUT"],
        &[
            "read",
            "-j1",
            "-f",
            "parquet",
            "--partition-by",
            "1h",
            "FILE",
            "-o",
            "OUT",
        ],
    ];
    for words in forms {
        let allowed = 3.0 * count + 2.0 * GRACE;
        let used = bench.measure(words, &case.bytes, allowed);
        if is_long() {
            println!("{:44} {used:7.3} s, counting {count:7.3}", words.join(" "));
        }
        assert!(used <= allowed, "{words:?}: {used} s of {allowed}");
    }
}

/// Fewer blocks are in work at once if the caller says so, in every command that has a way to say it.
#[test]
fn memory_is_what_the_caller_allows() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    let file = path.to_str().expect("UTF-8");
    fs::write(&path, files::large_blocks(16, 12).bytes).expect("it can be written");
    let commands: [(Words, &[(&str, &str)]); 5] = [
        (
            &["read", "--count", "-j", "16", "--memory", "8M", "FILE"],
            &[],
        ),
        (&["check", "-j", "16", "--memory", "8M", "FILE"], &[]),
        (
            &["top", "src_addr", "-j", "16", "--memory", "8M", "FILE"],
            &[],
        ),
        (&["series", "-j", "16", "--memory", "8M", "FILE"], &[]),
        (
            &["nfdump", "-r", "FILE", "-W", "16", "-s", "srcip"],
            &[("NFDECODE_MEMORY", "8M")],
        ),
    ];
    for (words, variables) in commands {
        let arguments = words
            .iter()
            .map(|word| if *word == "FILE" { file } else { word });
        let arguments = arguments.collect::<Vec<_>>();
        let peak = process::run_with(&arguments, variables).peak / MIB;
        // What is allowed, and the oldest block with its index (a third of what the largest block may take), for which
        // nothing has to wait; the program, and what its allocator keeps for a while.
        let allowed = 8 + (256 + 96) / 3 + 128;
        if is_long() {
            println!("{}: {peak} MiB of {allowed}", words.join(" "));
        }
        assert!(
            peak <= allowed,
            "{words:?}: {peak} MiB, more than {allowed}"
        );
    }
}

/// The command that would be slow if blocks that decode to nothing had no limit of their own: forty seconds and more.
#[test]
fn blocks_that_decode_to_nothing_are_limited_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.202611241330");
    fs::write(&path, files::refused_blocks(2, 10).bytes).expect("it can be written");
    let output = crate::support::run(&["read", "--count", path.to_str().expect("UTF-8")]);
    let message = crate::support::stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("decode to nothing"), "{message}");
}
