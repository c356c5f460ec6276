//! Random filters: what they select against nfdump 1.7.10, and that no text does harm.
//!
//! `NFDECODE_FILTERS=10000` says how many expressions to compare; a few hundred otherwise.

use crate::support;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::writer::{Encoding, FlowRecord};
use nfdecode::File;
use nfdecode::Filter;
use nfdecode::filter::terms::{AddressTerm, MacTerm, NumberTerm};
use nfdecode::filter::{FilterError, Number, Options, Scope};
use nfdecode::value::Zone;
use proptest::prelude::*;

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn word(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

fn parse(text: &str) -> Result<Filter, FilterError> {
    let options = Options::new().with_zone(Zone::utc());
    options.with_unknown_places().parse(text)
}

/// Addresses and numbers that occur in a file, so that terms about them are not always false.
struct Seen {
    v4: Vec<String>,
    v6: Vec<String>,
    macs: Vec<String>,
    /// Values by the name of their field.
    numbers: Vec<(&'static str, Vec<u64>)>,
}

impl Seen {
    fn of(file: &File) -> Self {
        let (mut v4, mut v6, mut macs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut numbers: Vec<(&str, BTreeSet<u64>)> = Vec::new();
        for block in file.blocks() {
            for flow in block.expect("a sound block").flows() {
                for element in nfdecode::element::elements() {
                    for field in element.fields {
                        use nfdecode::FieldValue as Value;
                        let number = match field.value(&flow) {
                            Some(Value::Ip(std::net::IpAddr::V4(address))) => {
                                v4.insert(address.to_string());
                                continue;
                            }
                            Some(Value::Ip(std::net::IpAddr::V6(address))) => {
                                v6.insert(address.to_string());
                                continue;
                            }
                            Some(Value::Mac(mac)) => {
                                macs.insert(mac.to_string());
                                continue;
                            }
                            Some(Value::Number(number)) => number,
                            Some(Value::TcpFlags(flags)) => flags.0.into(),
                            Some(Value::NselEvent(event)) => event.0.into(),
                            _ => continue,
                        };
                        match numbers.iter_mut().find(|(name, _)| *name == field.name) {
                            Some((_, values)) => {
                                values.insert(number);
                            }
                            None => numbers.push((field.name, BTreeSet::from([number]))),
                        }
                    }
                }
            }
        }
        macs.remove("00:00:00:00:00:00");
        // These low bits occur in IPv6 addresses too, which confuses nfdump (F-6).
        let v4 = v4
            .into_iter()
            .filter(|address| !address.starts_with("192.168.169."));
        Self {
            v4: v4.collect(),
            v6: v6.into_iter().collect(),
            macs: macs.into_iter().collect(),
            numbers: numbers
                .into_iter()
                .map(|(name, values)| (name, values.into_iter().collect()))
                .collect(),
        }
    }
}

struct Generator<'a> {
    numbers: Numbers,
    seen: &'a Seen,
}

const COMPARATORS: [&str; 10] = ["", "=", "==", "eq", ">", "gt", "<", "lt", ">=", "<="];

impl Generator<'_> {
    fn filter(&mut self) -> String {
        let mut text = String::new();
        let depth = 1 + self.numbers.below(4);
        self.expr(depth, &mut text);
        text
    }

    fn expr(&mut self, depth: usize, out: &mut String) {
        if depth == 0 || self.numbers.chance(25) {
            let term = self.term();
            out.push_str(&term);
            return;
        }
        match self.numbers.below(6) {
            0 => {
                out.push_str(self.numbers.word(&["not ", "!", "NOT "]));
                self.operand(depth - 1, out);
            }
            operator => {
                self.operand(depth - 1, out);
                out.push_str(if operator < 4 { " and " } else { " or " });
                self.operand(depth - 1, out);
            }
        }
    }

    /// Sometimes without parentheses, so that precedence matters.
    fn operand(&mut self, depth: usize, out: &mut String) {
        let parentheses = self.numbers.chance(60);
        out.push_str(if parentheses { "(" } else { "" });
        self.expr(depth, out);
        out.push_str(if parentheses { ")" } else { "" });
    }

    fn value(&mut self, fields: &[&str], max: u64) -> u64 {
        let known: Vec<u64> = self
            .seen
            .numbers
            .iter()
            .filter(|(name, _)| fields.contains(name))
            .flat_map(|(_, values)| values.iter().copied())
            .collect();
        let value = if known.is_empty() || self.numbers.chance(25) {
            *self.numbers.pick(&[
                0,
                1,
                2,
                6,
                17,
                53,
                80,
                255,
                443,
                1000,
                65_535,
                1 << 33,
                u64::MAX,
            ])
        } else {
            *self.numbers.pick(&known)
        };
        let value = match self.numbers.below(6) {
            0 => value.saturating_add(1),
            1 => value.saturating_sub(1),
            _ => value,
        };
        value.min(max)
    }

    fn number(&mut self, value: u64) -> String {
        match self.numbers.below(8) {
            0 => format!("0x{value:x}"),
            1 if value != 0 && value.is_multiple_of(1000) => format!("{}k", value / 1000),
            _ => value.to_string(),
        }
    }

    fn time(&mut self) -> String {
        (*self.numbers.pick(&[
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:21",
            "2023/11/14.22:13:20.005",
            "2019-07-11T10:30:00.235",
            "2019-07-11T10:30",
            "2019",
            "2023-11",
            "'2023-11-14 22:13:20.007'",
            "2037-01-01",
        ]))
        .to_owned()
    }

    fn term(&mut self) -> String {
        match self.numbers.below(20) {
            0..9 => self.comparison(),
            9..13 => self.address(),
            13 => self.numbers_in(),
            14 => {
                let side = self.numbers.pick(MacTerm::all()).syntax;
                if self.seen.macs.is_empty() {
                    return "any".to_owned();
                }
                let mac = self.numbers.pick(&self.seen.macs).clone();
                format!("{side} mac {mac}").trim().to_owned()
            }
            15 => {
                let letters = [
                    "F", "S", "R", "P", "A", "U", "E", "C", "X", "SA", "FPA", "'AS'", "=A", "=SA",
                    "=X", "=PA", "''", "'='",
                ];
                format!("flags {}", self.numbers.pick(&letters))
            }
            16 | 17 => self.payload(),
            _ => (*self.numbers.pick(&[
                "any",
                "ipv4",
                "ipv6",
                "ident SYNTH-1_a",
                "ident TestFlows",
                "ident none",
                "ttl equal",
                "port in nat pblock",
                "src port in nat pblock",
                "dst port in nat pblock",
                "asa event denied",
                "asa event create",
                "asa denied ingress",
                "asa denied nosyn",
                "asa user bob",
                "asa user 'Bob Smith'",
                "pf interface em0",
                "pf action block",
                "pf action nat",
                "pf reason short",
                "pf dir in",
                "pf dir out",
                "nat event add44",
                "nat event threshld",
                "fwdstat Noroute",
                "fwdstat forw",
                "flowdir ingress",
                "flowdir egress",
                "proto tcp",
                "proto u",
                "proto icmp6",
                "proto ipv6",
                "tun proto ipip",
                "proto ''",
                "# a comment\nany",
                "geo CH",
                "ip tor",
                "mpls any 100",
                "mpls any 1010",
                "mpls eos 100100",
                "mpls label0 1010",
                "mpls label1 > 20",
                "mpls label9 <= 100100",
                "mpls exp0 < 3",
                "mpls exp1 2",
            ]))
            .to_owned(),
        }
    }

    fn comparison(&mut self) -> String {
        let term = loop {
            let term = self.numbers.pick(NumberTerm::all());
            // Only names are accepted for these.
            let named = [Number::PfAction, Number::PfReason, Number::PfDirection];
            if !named.contains(&term.number) {
                break term;
            }
        };
        let syntax = *self.numbers.pick(term.syntax);
        let syntax = if self.numbers.chance(10) {
            syntax.to_uppercase()
        } else {
            syntax.to_owned()
        };
        let compare = if term.compare {
            *self.numbers.pick(&COMPARATORS)
        } else {
            ""
        };
        let value = if matches!(term.number, Number::FirstSeen | Number::LastSeen) {
            self.time()
        } else {
            let value = self.value(term.fields, term.max);
            self.number(value)
        };
        format!("{syntax} {compare} {value}")
    }

    fn numbers_in(&mut self) -> String {
        let lists: Vec<_> = NumberTerm::all().iter().filter(|term| term.list).collect();
        let term = *self.numbers.pick(&lists);
        let mut text = format!("{} in [", term.syntax[0]);
        for item in 0..1 + self.numbers.below(5) {
            if item > 0 {
                text.push_str(self.numbers.word(&[" ", ",", ", ", " , ", "\n"]));
            }
            let value = self.value(term.fields, term.max);
            text.push_str(&value.to_string());
        }
        text + "]"
    }

    fn address(&mut self) -> String {
        let side = *self.numbers.pick(AddressTerm::all());
        let v6 = self.numbers.chance(40) && !self.seen.v6.is_empty();
        let pool = if v6 { &self.seen.v6 } else { &self.seen.v4 };
        let Some(address) = (!pool.is_empty()).then(|| self.numbers.pick(pool).clone()) else {
            return "any".to_owned();
        };
        let before = side.syntax;
        let text = match self.numbers.below(3) {
            0 => format!("{before} ip {address}"),
            1 if side.list => {
                // nfdump has faults with overlaps, host bits, /0 and both families (F-3 to F-6).
                let networks = self.numbers.chance(30);
                let length = if v6 { 64 } else { 24 };
                let mut entries = BTreeSet::new();
                for _ in 0..1 + self.numbers.below(5) {
                    let address = self.numbers.pick(pool).clone();
                    if masked(&address, 64) == "::" {
                        continue;
                    }
                    entries.insert(if networks {
                        format!("{}/{length}", masked(&address, length))
                    } else {
                        address
                    });
                }
                if entries.is_empty() {
                    return "any".to_owned();
                }
                let entries: Vec<String> = entries.into_iter().collect();
                let separator = *self.numbers.pick(&[" ", ", ", "\n"]);
                format!("{before} ip in [{}]", entries.join(separator))
            }
            _ => {
                let length = if v6 {
                    1 + self.numbers.below(128) as u8
                } else {
                    self.numbers.below(33) as u8
                };
                let network = masked(&address, length);
                if !v6 && self.numbers.chance(25) {
                    let mask = masked("255.255.255.255", length);
                    format!("{before} net {network} {mask}")
                } else {
                    format!("{before} net {network}/{length}")
                }
            }
        };
        text.trim().to_owned()
    }

    /// Not terms of JA4 together with values of JA3 (F-14), nor texts and patterns that nfdump
    /// searches for wrongly (F-11, F-12).
    fn payload(&mut self) -> String {
        let side = *self.numbers.pick(&["", "", "in ", "out "]);
        let any = *self.numbers.pick(&["", "", "src ", "dst ", "out "]);
        let dns = [
            "dns defined",
            "dns name example",
            "dns name www.",
            "dns name org.",
            "dns address 192.0.2",
            "dns addr 2001:db8",
        ];
        let others = [
            "content GET",
            "content 'GET /index'",
            "content binary",
            "content Host",
            "regex '^GET'",
            "regex 'get' i",
            "regex '(GET|POST) /'",
            "regex '^Host' m",
            "regex 'a{2,3}b'",
            "regex '[A-Z]+ /'",
            r"regex '\d\d'",
            r"regex '\w+\s\w'",
            "regex 'x'",
            "regex '.' s",
            "regex '[^a-z]'",
            "regex 'e.*t'",
            "tls defined",
            "ssl defined",
            "tls version 1.2",
            "tls version 1.0",
            "ssl version 3.0",
            "tls sni example",
            "ssl sni www",
            "ja3 defined",
            "ja3 11138d9933242c3a03b6aad35a296476",
        ];
        if self.numbers.chance(30) {
            format!("{side}payload {}", self.numbers.pick(&dns))
        } else {
            format!("{any}payload {}", self.numbers.pick(&others))
        }
    }
}

/// The address with the bits beyond the prefix cleared.
fn masked(address: &str, length: u8) -> String {
    match address.parse().expect("an address") {
        std::net::IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            std::net::Ipv4Addr::from_bits(address.to_bits() & !hosts).to_string()
        }
        std::net::IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(address.to_bits() & !hosts).to_string()
        }
    }
}

fn count(filter: &Filter, file: &File) -> u64 {
    let (mut records_before, mut total) = (0, 0);
    let mut selected = Vec::new();
    for block in file.blocks() {
        let block = block.expect("a sound block");
        let scope = Scope::new(file.ident()).with_records_before(records_before);
        filter.select(&block, scope, &mut selected);
        if !filter.needs_count() {
            let asked = block.flows().enumerate();
            let asked = asked.filter(|(_, flow)| filter.matches_in(flow, scope, 0));
            assert!(
                asked
                    .map(|(index, _)| index as u32)
                    .eq(selected.iter().copied()),
                "{filter}: select and matches disagree"
            );
        }
        total += selected.len() as u64;
        records_before += block.numbered_records();
    }
    assert!(total == 0 || filter.may_select(file), "{filter}: skipped");
    total
}

/// How many flows nfdump selects; `None`: it refuses the filter.
fn nfdump(program: &Path, file: &Path, filter: &str) -> Option<u64> {
    let output = Command::new(program)
        .args(["-W", "1", "-C", "none", "-G", "none", "-o", "null", "-r"])
        .arg(file)
        .arg(filter)
        .env("TZ", "UTC")
        .output()
        .expect("nfdump runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = text
        .lines()
        .rev()
        .find_map(|line| line.split_once("passed: "))?;
    let digits = passed.1.split(',').next()?;
    Some(digits.trim().parse().expect("a number"))
}

/// Flows of all elements of fixed size with bytes of which many are equal.
fn mixed(folder: &Path) -> PathBuf {
    let mut numbers = Numbers(7);
    let mut flows = Vec::new();
    for _ in 0..80 {
        let mut record = FlowRecord {
            engine: [numbers.below(3) as u8, numbers.below(3) as u8],
            sysid: numbers.below(4) as u16,
            ..FlowRecord::default()
        };
        for element in nfdecode::element::elements() {
            let fixed = element.size != 0 && element.id != 18;
            let likely = if element.id <= 4 { 80 } else { 25 };
            // One address family a record; the first element always.
            let family = element.id == 3 && record.elements.iter().any(|(id, _)| *id == 2);
            if !fixed || family || !(element.id == 1 || numbers.chance(likely)) {
                continue;
            }
            let mut payload: Vec<u8> = (0..element.size)
                .map(|_| *numbers.pick(&[0, 0, 0, 1, 2, 53, 80, 255]))
                .collect();
            match element.id {
                1 => {
                    let first = 1_700_000_000_000 + numbers.below(10_000) as u64;
                    let last = first + numbers.below(3_000) as u64;
                    payload[..8].copy_from_slice(&first.to_le_bytes());
                    payload[8..16].copy_from_slice(&last.to_le_bytes());
                    payload[44] = *numbers.pick(&[1, 6, 6, 17, 58]);
                }
                24 => payload[..4].copy_from_slice(b"bob\0"),
                38 => payload[26] = 0,
                _ => {}
            }
            record.elements.push((element.id.into(), payload));
        }
        flows.push(record);
    }
    let path = folder.join("mixed.nf");
    let records = flows.iter().map(FlowRecord::bytes).collect();
    let bytes = support::writer::file(Encoding::None, Some("mixed"), &[records]);
    std::fs::write(&path, bytes).expect("it is written");
    path
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn random_filters_select_what_nfdump_selects() {
    let (Some(folder), Some(program)) = (
        support::test_data("filter"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    let wanted: usize = std::env::var("NFDECODE_FILTERS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(300);
    let scratch = tempfile::tempdir().expect("a directory");
    let paths = [
        folder.join("synth.nf"),
        folder.join("nfgen.nf"),
        mixed(scratch.path()),
    ];
    let files: Vec<(PathBuf, File, Seen)> = paths
        .into_iter()
        .map(|path| {
            let file = File::open(&path).expect("a file");
            let seen = Seen::of(&file);
            (path, file, seen)
        })
        .collect();
    let (next, selective) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let differences = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= wanted {
                        return;
                    }
                    let (path, file, seen) = &files[number % files.len()];
                    let mut generator = Generator {
                        numbers: Numbers(number as u64 + 1),
                        seen,
                    };
                    let text = generator.filter();
                    let ours = match parse(&text) {
                        Ok(filter) => {
                            let again = parse(&filter.to_string());
                            assert_eq!(again.as_ref(), Ok(&filter), "{text}: as text");
                            Some(count(&filter, file))
                        }
                        Err(_) => None,
                    };
                    if ours.is_some_and(|count| count > 0) {
                        selective.fetch_add(1, Ordering::Relaxed);
                    }
                    let theirs = nfdump(&program, path, &text);
                    if ours != theirs {
                        let name = path.file_name().unwrap_or_default().display().to_string();
                        differences
                            .lock()
                            .expect("no panic")
                            .push(format!("{name} `{text}`: nfdump {theirs:?}, ours {ours:?}"));
                    }
                }
            });
        }
    });
    let differences = differences.into_inner().expect("no panic");
    let selective = selective.into_inner();
    println!("{wanted} filters compared, {selective} of them select something");
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(60)].join("\n")
    );
    assert!(selective * 3 > wanted, "most filters select nothing");
}

/// Leaves out, doubles or exchanges words.
fn mutate(numbers: &mut Numbers, text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    for _ in 0..1 + numbers.below(2) {
        if words.is_empty() {
            break;
        }
        let at = numbers.below(words.len());
        match numbers.below(4) {
            0 => {
                words.remove(at);
            }
            1 => words.insert(at, words[at]),
            2 => {
                let other = numbers.below(words.len());
                words.swap(at, other);
            }
            _ => {
                let strange = [
                    "in", "src", "nat", "=", ">", "[", "]", "(", ")", "not", "and", "80",
                    "1.2.3.4", "seen", "event", "next", "/", ",", "id", "ttl",
                ];
                words[at] = *numbers.pick(&strange);
            }
        }
    }
    words.join(" ")
}

/// Where we accept or refuse on purpose what nfdump does not (docs/deviations.md).
fn is_listed(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["ident", "mpls", "pf", "content", "regex"]
        .iter()
        .any(|word| lower.contains(word))
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn what_nfdump_refuses_is_refused() {
    let (Some(folder), Some(program)) = (
        support::test_data("filter"),
        support::oracle("1.7.10", "nfdump"),
    ) else {
        return;
    };
    let wanted: usize = std::env::var("NFDECODE_FILTERS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(200);
    let path = folder.join("synth.nf");
    let seen = Seen::of(&File::open(&path).expect("a file"));
    let mut refused = 0;
    let mut differences = Vec::new();
    for number in 0..wanted {
        let mut generator = Generator {
            numbers: Numbers(number as u64 + 1_000_000),
            seen: &seen,
        };
        let text = generator.filter();
        let text = mutate(&mut generator.numbers, &text);
        // A text without tokens, and names that would be looked up, are another matter.
        if is_listed(&text) || text.trim().is_empty() {
            continue;
        }
        let ours = parse(&text);
        let theirs = nfdump(&program, &path, &text).is_some();
        refused += usize::from(!theirs);
        if ours.is_ok() != theirs {
            differences.push(format!(
                "`{text}`: nfdump accepts: {theirs}, ours: {ours:?}"
            ));
        }
    }
    println!("{wanted} filters compared, {refused} refused by nfdump");
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n")
    );
    assert!(refused * 5 > wanted, "most filters are still sound");
}

/// Parses, and checks what must hold of the result, whatever the text.
fn check(text: &str) {
    match parse(text) {
        Ok(filter) => {
            let shown = filter.to_string();
            assert_eq!(
                parse(&shown).as_ref(),
                Ok(&filter),
                "{text:?} shown as {shown:?}"
            );
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.len() < 4000, "{} bytes of message", shown.len());
            assert!(
                shown.chars().all(|c| c == '\n' || !c.is_control()),
                "{shown:?}"
            );
            if let Some(span) = error.span() {
                assert!(span.start <= span.end && span.end <= text.len());
            }
        }
    }
}

const WORDS: &[&str] = &[
    "any",
    "not",
    "!",
    "(",
    ")",
    "and",
    "or",
    "src",
    "dst",
    "in",
    "out",
    "nat",
    "tun",
    "next",
    "bgp",
    "router",
    "exporter",
    "ip",
    "net",
    "port",
    "as",
    "proto",
    "tcp",
    "if",
    "mask",
    "vlan",
    "mac",
    "flags",
    "tos",
    "packets",
    "bytes",
    "ttl",
    "min",
    "equal",
    "mpls",
    "label0",
    "eos",
    "asa",
    "event",
    "denied",
    "user",
    "pf",
    "action",
    "pass",
    "dir",
    "observation",
    "domain",
    "id",
    "first",
    "seen",
    "2023-11-14",
    "payload",
    "regex",
    "'a|b'",
    "content",
    "dns",
    "name",
    "tls",
    "version",
    "1.2",
    "ja3",
    "defined",
    "geo CH",
    "tor",
    "ident",
    "count",
    "=",
    ">",
    "<=",
    "80",
    "0xff",
    "10k",
    "1.2.3.4",
    "::1",
    "/",
    "24",
    "[",
    "]",
    ",",
    "'",
    "\"",
    "#",
    "\n",
    "\r",
    "@include",
    "x",
    "ä",
    "\u{0}",
    "18446744073709551615",
    "00:11:22:33:44:55",
    "pblock",
    "engine",
    "type",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_does_harm(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_words_do_harm(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40), joined in any::<bool>()) {
        check(&words.join(if joined { "" } else { " " }));
    }

    /// A sound filter with a few bytes changed.
    #[test]
    fn no_change_does_harm(seed in any::<u64>(), changes in proptest::collection::vec((any::<usize>(), 0..4_u8, any::<u8>()), 1..6)) {
        let seen = Seen {
            v4: vec!["10.1.2.3".into(), "192.0.2.1".into()],
            v6: vec!["2001:db8::1".into()],
            macs: vec!["00:11:22:33:44:55".into()],
            numbers: Vec::new(),
        };
        let mut bytes = Generator { numbers: Numbers(seed), seen: &seen }.filter().into_bytes();
        for (at, what, byte) in changes {
            let at = at % (bytes.len() + 1);
            match what {
                0 if at < bytes.len() => { bytes.remove(at); }
                1 if at < bytes.len() => bytes[at] = byte,
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        check(&String::from_utf8_lossy(&bytes));
    }
}

type Maker = fn(usize) -> String;

/// Texts that are hard on parsers, of a length in proportion to the number.
const MAKERS: [(&str, Maker); 16] = [
    ("parentheses", |n| "(".repeat(n) + "any" + &")".repeat(n)),
    ("nots", |n| "not ".repeat(n) + "any"),
    ("ors", |n| "any or ".repeat(n) + "any"),
    ("terms", |n| {
        "src port > 80 and dst ip 1.2.3.4 or ".repeat(n / 8) + "any"
    }),
    ("nested", |n| {
        let n = n.min(2_400);
        "port 1 and (port 2 or (".repeat(n / 2) + "any" + &"))".repeat(n / 2)
    }),
    ("nested left", |n| {
        let n = n.min(2_400);
        "(".repeat(n) + "any" + &" and port 1) or port 2".repeat(n)
    }),
    ("ports", |n| format!("port in [{}]", "80 ".repeat(n))),
    ("addresses", |n| {
        let mut list = String::from("ip in [");
        for number in 0..n / 4 {
            let _ = write!(
                list,
                "{} ",
                std::net::Ipv4Addr::from_bits(number as u32 * 7919)
            );
        }
        list + "]"
    }),
    ("one word", |n| "x".repeat(4 * n)),
    ("equal signs", |n| "port ".to_owned() + &"=".repeat(4 * n)),
    ("digits", |n| "bytes ".to_owned() + &"9".repeat(4 * n)),
    ("no end of text", |n| "'".to_owned() + &"a".repeat(4 * n)),
    ("comments", |n| "#\n".repeat(n) + "any"),
    ("blanks", |n| " ".repeat(4 * n) + "x"),
    ("texts", |n| {
        "payload content 'aaaaaaaa' or ".repeat(n / 400) + "any"
    }),
    ("lines", |n| "\n".repeat(4 * n) + "x"),
];

/// Texts of many terms that each need memory.
const COSTLY_TERMS: [(&str, &str); 6] = [
    ("a list of one port", "port in [1] or "),
    ("a list of two AS", "as in [1 70000] or "),
    ("a list of one address", "ip in [1.2.3.4] or "),
    ("a list of both families", "ip in [1.2.3.4 ::1] or "),
    ("a name", "payload dns name a or "),
    ("a network", "net 10.0.0.0/8 or "),
];

/// What this thread has used of the processor.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to a timespec that lives long enough.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn parse_and_show(text: &str) {
    if let Ok(filter) = &parse(text) {
        assert!(filter.to_string().len() < 64 * text.len().max(64));
        drop(filter.explain());
    }
}

/// Four times the text may not take much more than four times the processor time.
#[test]
fn time_grows_with_the_text_only() {
    for (name, make) in MAKERS {
        let time = |n: usize| {
            let text = make(n);
            let started = processor_time();
            parse_and_show(&text);
            processor_time() - started
        };
        let (small, mut large) = (time(20_000), time(80_000));
        let most = small * 8 + Duration::from_millis(50);
        // Caches may be cold, but not each time.
        for _ in 0..3 {
            if large >= most {
                large = large.min(time(80_000));
            }
        }
        assert!(
            large < most,
            "{name}: {small:?}, four times as much: {large:?}"
        );
    }
}

/// Four times the text needs at most four times the memory, and none of it more than its share.
#[test]
fn memory_grows_with_the_text_only() {
    let measure = |text: String| {
        let most = allocation_counter::measure(|| parse_and_show(&text)).bytes_max;
        (text.len() as u64, most)
    };
    let repeated = COSTLY_TERMS.map(|(name, term)| {
        let sizes = [2_000, 8_000].map(|n| measure(term.repeat(n) + "any"));
        (name, sizes)
    });
    let made = MAKERS.map(|(name, make)| (name, [20_000, 80_000].map(|n| measure(make(n)))));
    for (name, [(_, small), (length, large)]) in repeated.into_iter().chain(made) {
        println!("{name}: {length} bytes of text, {large} bytes of memory");
        assert!(large <= 6 * small + 100_000, "{name}: {small} {large}");
        assert!(
            large < 100 * length + 1_000_000,
            "{name}: {large} of {length}"
        );
    }
}

/// Short patterns can need much memory each: their sum is limited.
#[test]
fn patterns_are_limited_together() {
    let filter = |count: usize| r"payload regex '\w{5000}' or ".repeat(count) + "any";
    assert!(parse(&filter(50)).is_ok());
    let text = filter(20_000);
    let mut kind = None;
    let most = allocation_counter::measure(|| {
        kind = parse(&text).err().map(|error| error.kind());
    });
    assert_eq!(kind, Some(nfdecode::filter::FilterErrorKind::Limit));
    println!("{} bytes of memory", most.bytes_max);
    assert!(most.bytes_max < 400 << 20, "{} bytes", most.bytes_max);
    // Short texts cost as much as short patterns.
    let texts = |count: usize| "payload content 'abc' or ".repeat(count) + "any";
    let most = allocation_counter::measure(|| assert!(parse(&texts(15_000)).is_ok()));
    assert!(most.bytes_max < 128 << 20, "{} bytes", most.bytes_max);
    assert!(parse(&texts(16_000)).is_err());
    // The same of expressions.
    let pattern = || nfdecode::filter::Expr::payload_regex(r"\w{5000}", "").expect("a pattern");
    assert!(Filter::build(nfdecode::filter::Expr::one_of((0..50).map(|_| pattern()))).is_ok());
    assert!(Filter::build(nfdecode::filter::Expr::one_of((0..220).map(|_| pattern()))).is_err());
}

#[test]
fn nesting_as_deep_as_nfdumps() {
    let parentheses = |n: usize| "(".repeat(n) + "any" + &")".repeat(n);
    assert!(parse(&parentheses(9_996)).is_ok());
    let error = parse(&parentheses(9_997)).expect_err("too deep");
    assert_eq!(error.kind(), nfdecode::filter::FilterErrorKind::Limit);
    assert!(parse(&("not ".repeat(9_997) + "any")).is_ok());
    assert!(parse(&("not ".repeat(9_998) + "any")).is_err());
    let alternating = "port 1 and (port 2 or (".repeat(2_400) + "any" + &"))".repeat(2_400);
    let filter = parse(&alternating).expect("deep but not too deep");
    assert_eq!(parse(&filter.to_string()), Ok(filter.clone()));
}
