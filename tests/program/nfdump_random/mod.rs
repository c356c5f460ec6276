//! Random command lines of the drop-in against nfdump 1.7.10 itself.
//!
//! `NFDECODE_RANDOM=5000` says how many; `NFDECODE_RANDOM_SEED` where they begin. Rows of equal sort value may come in
//! any order (row N-30 of `docs/deviations.md`): where the orders differ, the values that rows are sorted by must be
//! equal. Command lines are chosen so that the other rows make no difference, or only in columns that are left out here.

mod commands;
mod files;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use self::commands::Line;
use self::files::Input;
use crate::support;

/// Random command lines unless `NFDECODE_RANDOM` says how many.
const RANDOM: usize = 800;

/// Random numbers that depend on nothing but the seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }

    fn one<'a>(&mut self, words: &'a str) -> &'a str {
        let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        words[self.below(words.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Standard output and exit status.
type Outcome = (String, Option<i32>);

/// Both programs.
struct Programs {
    nfdump: PathBuf,
}

impl Programs {
    fn run(mut command: Command) -> Outcome {
        let output = command
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text, output.status.code())
    }

    fn theirs(&self, words: &[String]) -> Outcome {
        let mut command = Command::new(&self.nfdump);
        command
            .args(["-W", "1", "-C", "none", "-G", "none"])
            .args(words);
        Self::run(command)
    }

    fn ours(words: &[String]) -> Outcome {
        let mut command = support::nfdecode();
        command
            .args(["nfdump", "-C", "none", "-G", "none"])
            .args(words);
        Self::run(command)
    }
}

/// A number as tables show it: `1.2 M` is one word here.
fn words_of(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match words.last_mut() {
            Some(last)
                if word.len() <= 2
                    && word.starts_with(['M', 'G', 'T'])
                    && last.ends_with(|c: char| c.is_ascii_digit()) =>
            {
                last.push_str(word);
            }
            _ => words.push(
                word.replace('(', " ")
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
        }
    }
    words
}

/// What is compared: lines, one for each flow or row, without what differs by a row of `docs/deviations.md`.
fn lines(text: &str, line: &Line) -> Vec<String> {
    let text = match line.form.starts_with("json") && line.has_rows {
        // One line for each object.
        true => text
            .replace(",\n  \"", ", \"")
            .replace("{\n  \"", "{\"")
            .replace("\n }", "}")
            .replace("},\n", "}\n"),
        false => text.to_owned(),
    };
    // Records of `raw` have many lines.
    let text = match line.form.starts_with("raw") && line.has_rows {
        true => text.replace("\n  ", " "),
        false => text,
    };
    let is_counted = line.words.iter().any(|word| word == "-c");
    let is_json = line.form.contains("json");
    let is_csv = line.form.starts_with("csv");
    let mut lines = Vec::new();
    for row in text.split('\n') {
        if row.starts_with("Sys: ") {
            continue;
        }
        // Row N-26.
        if row == "No matching flows" && (is_json || is_csv) {
            continue;
        }
        // Row N-15.
        if is_json && line.has_rows && matches!(row, "[" | "]" | "") {
            continue;
        }
        let mut row = row.to_owned();
        if is_counted && let Some(at) = row.find(", passed: ") {
            row.truncate(at);
        }
        if !line.has_rows {
            row = element_row(&row, line, is_csv, is_json);
        } else if is_json {
            row = without_member(&row, "\"cnt\"");
            // Row 7: networks of IPv6 addresses.
            if row.contains("6_addr\"") {
                row = without_member(&row, "\"src_net\"");
                row = without_member(&row, "\"dst_net\"");
            }
        }
        // Rows are numbered as they come.
        if line.form.starts_with("raw")
            && let Some(at) = row.find(" Flags  ")
        {
            row.drain(..at);
        }
        if line.form.starts_with("csv-fast")
            && let Some((_, rest)) = row.split_once(',')
        {
            row = rest.to_owned();
        }
        lines.push(row);
    }
    lines
}

/// Without a member of an object and its value.
fn without_member(row: &str, key: &str) -> String {
    let Some((before, after)) = row.split_once(key) else {
        return row.to_owned();
    };
    let rest = after.find(',').map_or("", |comma| &after[comma..]);
    format!("{before}{rest}")
}

/// Statistics without a value in nfdump's CSV (row N-5).
const WITHOUT_VALUE: &str = "flags cl sl al event nat odid opid srcasn dstasn asn";

/// A row of an element table, without what rows N-5 and N-9 change.
fn element_row(row: &str, line: &Line, is_csv: bool, is_json: bool) -> String {
    let names = || {
        let names = line.statistics.iter();
        names.map(|statistic| statistic.split([':', '/']).next().unwrap_or_default())
    };
    let is_empty = |name: &str| WITHOUT_VALUE.split(' ').any(|known| known == name);
    if is_json {
        let mut row = row.to_owned();
        for name in names() {
            let key = format!("\"{name}\" : \"");
            match name {
                "proto" => {
                    if let Some((before, after)) = row.split_once(", \"proto\" : \"") {
                        let rest = after.find('"').map_or("", |end| &after[end + 1..]);
                        row = format!("{before}{rest}");
                    }
                }
                "tunproto" if row.contains("\"tunproto\"") => {
                    row = without_member(&row, "\"proto\"")
                }
                name if is_empty(name) => {
                    if let Some((before, after)) = row.split_once(&key) {
                        let (value, rest) = after.split_once('"').unwrap_or_default();
                        let is_lost = matches!(name, "flags" | "srcasn" | "dstasn" | "asn");
                        let value = if is_lost { "" } else { value.trim() };
                        row = format!("{before}{key}{value}\"{rest}");
                    }
                }
                _ => {}
            }
        }
        return row;
    }
    if is_csv && row.contains(',') && !row.starts_with("ts,") {
        let mut values: Vec<&str> = row.split(',').collect();
        // Tables of several statistics follow each other: their names are not in them.
        if names().any(|name| name == "tunproto") {
            values[3] = "";
        }
        if names().any(is_empty) {
            values[4] = "";
        }
        return values.join(",");
    }
    row.to_owned()
}

/// What a row is sorted by, if the row shows it.
fn sort_value(row: &str, line: &Line) -> Option<u64> {
    let order = line.order.as_deref()?;
    let mut told = row.split(" =").skip(1);
    let mut number = || {
        let text = told.next()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (in_packets, in_bytes, out_packets, out_bytes, flows) =
        (number()?, number()?, number()?, number()?, number()?);
    let mut ms = || {
        let text = told.next()?.split_whitespace().next()?;
        let (seconds, ms) = text.split_once('.')?;
        Some(seconds.parse::<u64>().ok()? * 1000 + ms.parse::<u64>().ok()?)
    };
    let (first, last) = (ms()?, ms()?);
    let of = |name: &str, input: u64, output: u64| {
        let side = order.strip_suffix(name)?;
        match side {
            "" => Some(input.wrapping_add(output)),
            "i" => Some(input),
            "o" => Some(output),
            _ => None,
        }
    };
    let duration = if last == 0 {
        0
    } else {
        last.wrapping_sub(first)
    };
    let rate = |count: u64, factor: u64| {
        count
            .wrapping_mul(factor)
            .checked_div(duration)
            .unwrap_or(0)
    };
    Some(match order {
        "flows" => flows,
        "tstart" => first,
        "tend" => last,
        "duration" => duration,
        _ => of("packets", in_packets, out_packets)
            .or_else(|| of("bytes", in_bytes, out_bytes))
            .or_else(|| of("pps", in_packets, out_packets).map(|packets| rate(packets, 1000)))
            .or_else(|| of("bps", in_bytes, out_bytes).map(|bytes| rate(bytes, 8000)))
            .or_else(|| {
                let bytes = of("bpp", in_bytes, out_bytes)?;
                let packets = of("bpp", in_packets, out_packets)?;
                Some(bytes.checked_div(packets).unwrap_or(0))
            })?,
    })
}

/// The columns by which an element table may be sorted, as text: equal values have equal texts.
fn element_value(row: &str, order: &str) -> Option<String> {
    let at = match order.trim_start_matches(['i', 'o']) {
        "flows" => 0,
        "packets" | "pkg" => 1,
        "bytes" | "byte" => 2,
        "pps" => 3,
        "bps" => 4,
        _ => 5,
    };
    if row.starts_with('{') {
        let names = ["flows", "packets", "bytes", "pps", "bps", "bpp"];
        let (_, after) = row.split_once(&format!("\"{}\" : ", names[at]))?;
        return Some(after.split([',', '}']).next()?.to_owned());
    }
    if row.contains(',') && !row.starts_with("Summary") {
        let values: Vec<&str> = row.split(',').collect();
        let place = [5, 7, 9, 11, 12, 13][at];
        return values.get(place).map(|value| (*value).to_owned());
    }
    // From the end: flows(%) packets(%) bytes(%) pps bps bpp.
    let words = words_of(&row.replace("( ", "(").replace('(', " ("));
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let from_end = [6, 5, 4, 3, 2, 1][at];
    words
        .len()
        .checked_sub(from_end)
        .map(|at| words[at].clone())
}

/// The order of the table that a row belongs to, by the title above it.
fn order_at(rows: &[String], at: usize, line: &Line) -> Option<String> {
    let title = rows[..at].iter().rev().find_map(|row| {
        let (_, order) = row.strip_prefix("Top ")?.split_once(" ordered by ")?;
        Some(order.trim_end_matches(':').to_owned())
    });
    title.or_else(|| {
        let [statistic] = &line.statistics[..] else {
            return None;
        };
        let orders: Vec<&str> = statistic.split('/').skip(1).collect();
        match orders[..] {
            [] => Some("flows".to_owned()),
            [order] => Some(order.split(':').next()?.to_owned()),
            _ => None,
        }
    })
}

/// The first difference that is not one of rows of equal value. `all` is nfdump's output without a limit.
fn difference(
    line: &Line,
    expected: &str,
    actual: &str,
    all: impl FnOnce() -> String,
) -> Option<String> {
    let (expected, actual) = (lines(expected, line), lines(actual, line));
    let shown = |theirs: &str, ours: &str| format!("\n  expected {theirs}\n  got      {ours}");
    if expected.len() != actual.len() {
        let (theirs, ours) = (expected.len(), actual.len());
        return Some(format!("{ours} lines instead of {theirs}"));
    }
    let (at, _) = expected
        .iter()
        .zip(&actual)
        .enumerate()
        .find(|(_, (a, b))| a != b)?;
    let first = shown(&expected[at], &actual[at]);
    if line.order.is_none() && line.statistics.is_empty() {
        return Some(first);
    }
    for (at, (theirs, ours)) in expected.iter().zip(&actual).enumerate() {
        if theirs == ours {
            continue;
        }
        let is_tie = if line.has_rows {
            sort_value(theirs, line) == sort_value(ours, line)
        } else if let Some(order) = order_at(&expected, at, line) {
            element_value(theirs, &order) == element_value(ours, &order)
        } else {
            true
        };
        if !is_tie {
            return Some(format!("not of equal value:{}", shown(theirs, ours)));
        }
    }
    if line.limit.is_some() || line.words.iter().any(|word| word == "-P") {
        // Others of the same value may be shown.
        let all = lines(&all(), line);
        let known: HashSet<&String> = all.iter().chain(&expected).collect();
        return actual
            .iter()
            .find(|row| !known.contains(row))
            .map(|row| format!("not a row of nfdump: {row}"));
    }
    let (mut theirs, mut ours) = (expected, actual);
    theirs.sort();
    ours.sort();
    (theirs != ours).then_some(first)
}

/// The words with another limit, and without a filter on rows.
fn without_limit(words: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-n" | "-P" => {
                rest.next();
            }
            _ => all.push(word.clone()),
        }
    }
    all.extend(["-n".to_owned(), "0".to_owned()]);
    all
}

/// One command line with both programs.
fn compare(programs: &Programs, input: &Input, line: &Line, folder: &Path) -> Option<String> {
    let with = |words: &[String], name: &str| {
        let mut all = input.options.clone();
        all.extend(words.iter().cloned());
        if line.writes {
            all.extend(["-w".to_owned(), folder.join(name).display().to_string()]);
        }
        all
    };
    let (theirs, ours) = ("theirs.nf", "ours.nf");
    for name in [theirs, ours] {
        let _ = fs::remove_file(folder.join(name));
    }
    let (expected, status) = programs.theirs(&with(&line.words, theirs));
    let (actual, our_status) = Programs::ours(&with(&line.words, ours));
    // Nfdump crashes while it writes some rows (row N-49).
    if status.is_none() && our_status == Some(0) {
        return None;
    }
    if status != our_status {
        return Some(format!("exit status {our_status:?} instead of {status:?}"));
    }
    if !line.writes {
        let all = || {
            programs
                .theirs(&with(&without_limit(&line.words), theirs))
                .0
        };
        return difference(line, &expected, &actual, all);
    }
    if expected.replace("No matching flows\n", "") != actual.replace("No matching flows\n", "") {
        return Some(format!("\n  expected {expected}\n  got      {actual}"));
    }
    let (theirs, ours) = (folder.join(theirs), folder.join(ours));
    if theirs.exists() != ours.exists() {
        return Some(format!("{} exists, or not", ours.display()));
    }
    if !theirs.exists() {
        return None;
    }
    // What nfdump reads from both.
    for form in ["-q -o ndjson", "-q -o line -N", "-I"] {
        let read = |path: &Path| {
            let mut words = vec!["-r".to_owned(), path.display().to_string()];
            words.extend(form.split(' ').map(str::to_owned));
            let (text, _) = programs.theirs(&words);
            // Rows N-13 and N-43.
            let is_empty = text.contains("\nFlows: 0\n");
            let lines = text
                .lines()
                .filter(|line| !is_empty || !line.starts_with("Ident"))
                .map(|line| without_member(line, "\"received\""));
            lines.collect::<Vec<_>>().join("\n")
        };
        let (expected, actual) = (read(&theirs), read(&ours));
        let differ = expected.lines().zip(actual.lines()).find(|(a, b)| a != b);
        if let Some((theirs, ours)) = differ {
            return Some(format!(
                "written, {form}:\n  expected {theirs}\n  got      {ours}"
            ));
        }
        if expected.len() != actual.len() {
            return Some(format!("written, {form}: other rows"));
        }
    }
    None
}

/// Options that read no flows or change files, on copies.
fn compare_files(
    programs: &Programs,
    numbers: &mut Numbers,
    input: &Input,
    folder: &Path,
) -> Option<String> {
    let path = input.path.as_ref()?;
    // Of layout 1 nfdump appends the ident to the file, where nothing finds it (row N-41).
    if path.to_string_lossy().contains("layout1") {
        return None;
    }
    let copies = ["theirs", "ours"].map(|name| {
        let copy = folder.join(name).join("nfcapd.202311142210");
        fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
        fs::copy(path, &copy).expect("a copy");
        copy
    });
    let option = numbers.one("-I -g -v -E -x -i -i -J -J -J");
    let value = match option {
        "-i" => numbers.one("new a-name 1 x.y_z"),
        "-J" => numbers.one("0 1 2 3 4 lzo bz2 lz4 zstd LZ4 zstd:9 lz4:7 none 5"),
        _ => "",
    };
    let mut texts = Vec::new();
    for (at, copy) in copies.iter().enumerate() {
        let copy = copy.display().to_string();
        let words: Vec<&str> = match option {
            "-v" | "-E" | "-x" => vec![option, &copy],
            "-i" | "-J" => vec![option, value, "-r", &copy],
            _ => vec![option, "-r", &copy],
        };
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let (text, status) = match at {
            0 => programs.theirs(&words),
            _ => Programs::ours(&words),
        };
        let mut all = vec![format!("{status:?} {}", text.replace(&copy, "FILE"))];
        if matches!(option, "-i" | "-J") {
            // Nfdump's `-v` fails on files that its `-J` has written.
            for form in ["-q -o ndjson", "-I", "-E"] {
                let mut words: Vec<String> = form.split(' ').map(str::to_owned).collect();
                if form != "-E" {
                    words.push("-r".to_owned());
                }
                words.push(copy.clone());
                let (text, _) = programs.theirs(&words);
                let lines = text.replace(&copy, "FILE");
                all.push(lines);
            }
        }
        texts.push(all);
    }
    let (theirs, ours) = (&texts[0], &texts[1]);
    let differ = theirs.iter().zip(ours).find(|(a, b)| a != b)?;
    let lines = differ.0.lines().zip(differ.1.lines()).find(|(a, b)| a != b);
    Some(format!("{option} {value}: {lines:?} of {differ:?}"))
}

#[test]
#[cfg_attr(
    not(all(reference_data, reference_programs)),
    ignore = "needs the reference data and programs: set NFDECODE_TESTDATA and NFDECODE_ORACLE"
)]
fn random_command_lines_print_what_nfdump_prints() {
    let Some(nfdump) = support::oracle("1.7.10", "nfdump") else {
        return;
    };
    let programs = Programs { nfdump };
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        text.parse::<usize>().ok()
    };
    let count = number("NFDECODE_RANDOM").unwrap_or(RANDOM);
    let seed = number("NFDECODE_RANDOM_SEED").unwrap_or(20_261_130);
    let folder = tempfile::tempdir().expect("a folder");
    let mut numbers = Numbers(seed as u64);
    let inputs = files::inputs(&mut numbers, folder.path());
    let mut failures = Vec::new();
    for _ in 0..count {
        let input = &inputs[numbers.below(inputs.len())];
        if numbers.chance(6) {
            if let Some(found) = compare_files(&programs, &mut numbers, input, folder.path()) {
                failures.push(format!("{:?}: {found}", input.options));
            }
            continue;
        }
        let line = commands::line(&mut numbers, input);
        if let Some(found) = compare(&programs, input, &line, folder.path()) {
            failures.push(format!("{:?} {:?}: {found}", input.options, line.words));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count}:\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
}
