//! Messages of nfpcapd on standard error: counted and stored within bounds.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

/// Longest line that is parsed; the rest of it is dropped.
const LINE_MAX: u64 = 1024;
/// Different unexpected lines that are kept.
const OTHERS_MAX: usize = 16;

/// The counters of a run and the lines that do not belong to a normal one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// `Ident:` lines, one per file written.
    pub(crate) files: u64,
    /// Sums over these.
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// The counters of the `Total:` line by name.
    pub(crate) total: Option<BTreeMap<String, u64>>,
    /// The last line announced a regular end.
    pub(crate) terminated: bool,
    /// The disk is full or broken; the process may hang for ever.
    pub(crate) write_error: Option<String>,
    /// Other lines: the first of each kind, with the number of that kind.
    pub(crate) others: Vec<(String, u64)>,
}

impl Log {
    /// Parses one line.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        self.terminated = line == "Terminating nfpcapd.";
        if self.terminated {
            return;
        }
        if line.contains("Total:") {
            self.total = Some(counters(line));
        } else if line.starts_with("Ident:") {
            // The ident may hold anything, commas too; the counters come after its closing quote.
            let found = counters(line.rsplit_once('\'').map_or(line, |(_, after)| after));
            let of = |name: &str| found.get(name).copied().unwrap_or(0);
            self.files += 1;
            self.flows += of("flows");
            self.packets += of("packets");
            self.bytes += of("bytes");
        } else if line.starts_with("write() error") {
            self.write_error.get_or_insert_with(|| line.to_owned());
        } else if !is_routine(line) {
            // Lines of one kind differ in numbers only.
            let kind = |line: &str| {
                line.split(|c: char| c.is_ascii_digit())
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let known = self
                .others
                .iter()
                .position(|(known, _)| kind(known) == kind(line));
            if let Some((_, count)) = known.and_then(|at| self.others.get_mut(at)) {
                *count += 1;
            } else if self.others.len() < OTHERS_MAX {
                self.others.push((line.to_owned(), 1));
            }
        }
    }

    /// Reads lines until the end of the stream and calls `update` with each.
    pub(crate) fn follow(stream: impl Read, mut update: impl FnMut(&str)) {
        let mut reader = BufReader::with_capacity(1 << 16, stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => update(&String::from_utf8_lossy(&line)),
            }
            if line.last() != Some(&b'\n')
                && line.len() as u64 == LINE_MAX
                && skip_line(&mut reader).is_err()
            {
                return;
            }
        }
    }
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(());
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let (length, found) = end.map_or((available.len(), false), |at| (at + 1, true));
        reader.consume(length);
        if found {
            return Ok(());
        }
    }
}

/// Whether a line belongs to every run.
fn is_routine(line: &str) -> bool {
    const STARTS: [&str; 8] = [
        "Add flow source:",
        "Startup nfpcapd.",
        "Verbose log level:",
        "Init flow hash:",
        "Processed:",
        "Nodes:",
        "Nodes in use:",
        "Terminating flow process",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// `Name: 12, other name: 34` by lower-case name.
fn counters(line: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for part in line.split(',') {
        if let Some((name, number)) = part.rsplit_once(':')
            && let Ok(number) = number.trim().parse()
        {
            let name = name
                .rsplit(':')
                .next()
                .unwrap_or_default()
                .trim()
                .to_lowercase();
            found.insert(name, number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_all_releases_are_understood() {
        for (line, processed) in [
            (
                "Total: Processed: 9, skipped: 1, short caplen: 2, unknown: 3",
                "processed",
            ),
            (
                "Total: Processed: 9, skipped: 1, short caplen: 2, unknown: 3, duplicates: 0",
                "processed",
            ),
            (
                "Total: Processed packets: 9, bytes: 800, decode errors: 1, short caplen: 2, unknown: 3, duplicates: 0",
                "processed packets",
            ),
        ] {
            let mut log = Log::default();
            log.line(line);
            let total = log.total.expect("a total line");
            assert_eq!(total[processed], 9);
            assert_eq!((total["short caplen"], total["unknown"]), (2, 3));
        }
    }

    #[test]
    fn files_add_up_and_noise_is_bounded() {
        let mut log = Log::default();
        log.line("Ident: 'a', Flows: 1, Packets: 1, Bytes: 1' Flows: 2, Packets: 3, Bytes: 400");
        log.line("Ident: 'x' Flows: 5, Packets: 6, Bytes: 700");
        for number in 0..1000 {
            log.line(&format!("Packet: {number}: unsupported"));
        }
        log.line("Terminating nfpcapd.");
        log.line("");
        assert_eq!(
            (log.files, log.flows, log.packets, log.bytes),
            (2, 7, 9, 1100)
        );
        assert_eq!(log.others, [("Packet: 0: unsupported".to_owned(), 1000)]);
        assert!(log.terminated);
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut lines = Vec::new();
        let text = [vec![b'x'; 1 << 20], b"\nTerminating nfpcapd.\n".to_vec()].concat();
        Log::follow(text.as_slice(), |line| lines.push(line.to_owned()));
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len() as u64, LINE_MAX);
    }
}
