//! The options of nfdump and their values.

use std::ffi::OsString;
use std::path::PathBuf;

use nfdecode::file::Compression;
use nfdecode::writer::Encoding;

use crate::nfdump::config::Config;
use crate::nfdump::getopt;
use crate::nfdump::getopt::{Part, Takes, Wrong};
use crate::nfdump::keys::KeyList;
use crate::nfdump::mode::{Chosen, Mode};
use crate::nfdump::order::{ElementTables, RecordOrder, RecordTables};
use crate::nfdump::quit::{Quit, tell};

/// Rows of a table unless `-n` says otherwise.
const TOP: u64 = 10;
/// Element statistics in one run at most.
const STATISTICS_MAX: usize = 8;

/// What is done instead of printing flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// `-I`
    Statistics,
    /// `-g`
    Gnuplot,
    /// `-i`
    Rename(OsString),
    /// `-J`
    Recompress(Encoding),
    /// `-E`
    Exporters(PathBuf),
    /// `-v`
    Verify(PathBuf),
    /// `-x`
    Maps(PathBuf),
    /// `-X`
    Explain,
    /// `-Z`
    CheckFilter,
}

/// How flows become rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aggregation {
    /// `-a`
    FiveTuple,
    /// `-A`
    Keys(KeyList),
    /// `-b`, and `-B` with true.
    Bidirectional(bool),
}

/// A command line that was understood.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) read: Option<PathBuf>,
    pub(crate) range: Option<OsString>,
    pub(crate) directories: Option<OsString>,
    pub(crate) filter_file: Option<PathBuf>,
    pub(crate) filter: Option<String>,
    pub(crate) window: Option<String>,
    pub(crate) limit: Option<u64>,
    top: Option<u64>,
    pub(crate) plain_numbers: bool,
    pub(crate) long_addresses: bool,
    pub(crate) quiet: bool,
    pub(crate) tagged: bool,
    pub(crate) elements: Vec<ElementTables>,
    pub(crate) records: Option<RecordTables>,
    pub(crate) aggregation: Option<Aggregation>,
    pub(crate) order: Option<RecordOrder>,
    pub(crate) post_filter: Option<String>,
    pub(crate) output: Option<Chosen>,
    pub(crate) write: Option<PathBuf>,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) workers: Option<usize>,
    pub(crate) geo: Option<OsString>,
    pub(crate) tor: Option<OsString>,
    pub(crate) task: Option<Task>,
}

fn takes(letter: u8) -> Option<Takes> {
    match letter {
        b'6' | b'a' | b'b' | b'B' | b'g' | b'h' | b'I' | b'j' | b'm' | b'N' | b'q' | b'T'
        | b'V' | b'X' | b'y' | b'Z' => Some(Takes::Nothing),
        b'A' | b'c' | b'C' | b'D' | b'E' | b'f' | b'G' | b'H' | b'i' | b'J' | b'M' | b'n'
        | b'o' | b'O' | b'P' | b'R' | b'r' | b's' | b't' | b'v' | b'W' | b'w' | b'x' => {
            Some(Takes::Value)
        }
        b'z' => Some(Takes::Attached),
        _ => None,
    }
}

/// What `-h` prints, and wrong usage.
fn usage() -> Quit {
    Quit::done(format!(
        "usage nfdump [options] [\"filter\"]\n{}",
        include_str!("usage.txt")
    ))
}

fn text(value: OsString) -> String {
    value.to_string_lossy().into_owned()
}

/// The digits in front, as C's `atoi` reads them.
fn number(text: &str) -> i64 {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let number = digits.get(..end).unwrap_or_default();
    let number = number
        .parse()
        .unwrap_or(if number.is_empty() { 0 } else { i64::MAX });
    if digits.len() == text.len() {
        number
    } else {
        -number
    }
}

impl Options {
    /// Reads the words after the name of the program.
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, Quit> {
        let parts = getopt::parts(words, takes).map_err(|wrong| {
            match wrong {
                Wrong::Unknown(letter) => {
                    tell(&format!("invalid option -- '{}'", char::from(letter)));
                }
                Wrong::NoValue(letter) => {
                    tell(&format!(
                        "option requires an argument -- '{}'",
                        char::from(letter)
                    ));
                }
            }
            usage()
        })?;
        let mut this = Self::default();
        let mut words = Vec::new();
        let mut bidirectional = false;
        let mut five_tuple = false;
        let mut keys = None;
        // The last one of `-o`, and what `-b` and `-B` set.
        let mut output: Option<String> = None;
        let mut config = None;
        for part in parts {
            match part {
                Part::Word(word) => words.push(text(word)),
                Part::Option(letter, value) => {
                    let value = value.unwrap_or_default();
                    match letter {
                        b'a' => five_tuple = true,
                        b'A' if keys.is_some() => {
                            return Err(Quit::failed("-A is given twice"));
                        }
                        b'A' => keys = Some(text(value)),
                        b'b' | b'B' => {
                            bidirectional = true;
                            let guesses = letter == b'B'
                                || this.aggregation == Some(Aggregation::Bidirectional(true));
                            this.aggregation = Some(Aggregation::Bidirectional(guesses));
                            output = Some("biline".to_owned());
                        }
                        b'o' => output = Some(text(value)),
                        b'C' => config = Some(value),
                        other => this.option(other, value)?,
                    }
                }
            }
        }
        let config = Config::load(config.as_deref())?;
        if let Some(output) = output {
            this.output = Some(Mode::parse(&output, &config)?);
        }
        if !words.is_empty() {
            this.filter = Some(words.join(" "));
        }
        match keys {
            Some(_) if bidirectional => {
                return Err(Quit::failed("-A and -b or -B are mutually exclusive"));
            }
            Some(list) => this.aggregation = Some(Aggregation::Keys(KeyList::parse(&list)?)),
            None if five_tuple && !bidirectional => {
                this.aggregation = Some(Aggregation::FiveTuple);
            }
            None => {}
        }
        this.check()?;
        Ok(this)
    }

    fn option(&mut self, letter: u8, value: OsString) -> Result<(), Quit> {
        match letter {
            b'h' => return Err(usage()),
            b'V' => {
                return Err(Quit::done(format!(
                    "nfdump: Version: 1.7.10-compatible options: {}\n",
                    nfdecode::VERSION
                )));
            }
            b'6' => self.long_addresses = true,
            b'N' => self.plain_numbers = true,
            b'q' => self.quiet = true,
            b'T' => self.tagged = true,
            b'r' => self.read = Some(value.into()),
            b'R' => self.range = Some(value),
            b'M' => self.directories = Some(value),
            b'f' => self.filter_file = Some(value.into()),
            b't' => self.window = Some(text(value)),
            b'c' => match number(&text(value)) {
                limit @ 1.. => self.limit = Some(limit as u64),
                _ => return Err(Quit::failed("-c takes a number above 0")),
            },
            b'n' => match number(&text(value)) {
                top @ 0.. => self.top = Some(top as u64),
                _ => return Err(Quit::failed("-n takes a number, not a negative one")),
            },
            b's' => self.statistic(&text(value))?,
            b'O' => self.order = Some(RecordOrder::parse(&text(value))?),
            b'm' => {
                tell("-m is deprecated: it means -O tstart");
                self.order = Some(RecordOrder::parse("tstart")?);
            }
            b'P' => self.post_filter = Some(text(value)),
            b'w' => self.write = Some(value.into()),
            b'z' => self.compress(&text(value))?,
            b'j' => self.compress("bz2")?,
            b'y' => self.compress("lz4")?,
            b'W' => match usize::try_from(number(&text(value))) {
                Ok(workers) => self.workers = Some(workers),
                Err(_) => return Err(Quit::failed("-W takes a number, not a negative one")),
            },
            b'G' => self.geo = Some(value),
            b'H' => self.tor = Some(value),
            b'D' => tell("-D is ignored: name servers are those of the system"),
            _ => self.task(letter, value)?,
        }
        Ok(())
    }

    fn task(&mut self, letter: u8, value: OsString) -> Result<(), Quit> {
        let task = match letter {
            b'I' => Task::Statistics,
            b'g' if self.task == Some(Task::Statistics) => return Ok(()),
            b'g' => Task::Gnuplot,
            b'i' => Task::Rename(value),
            b'J' => Task::Recompress(recompression(&text(value))?),
            b'E' => Task::Exporters(value.into()),
            b'v' => Task::Verify(value.into()),
            b'x' => Task::Maps(value.into()),
            b'X' => Task::Explain,
            b'Z' => Task::CheckFilter,
            _ => return Err(usage()),
        };
        self.task = Some(task);
        Ok(())
    }

    fn statistic(&mut self, text: &str) -> Result<(), Quit> {
        if let Some(tables) = RecordTables::parse(text)? {
            match &mut self.records {
                Some(known) => known.add(tables),
                None => self.records = Some(tables),
            }
            return Ok(());
        }
        if self.elements.len() == STATISTICS_MAX {
            return Err(Quit::failed(format!(
                "too many statistics: at most {STATISTICS_MAX} in one run"
            )));
        }
        self.elements.push(ElementTables::parse(text)?);
        Ok(())
    }

    fn compress(&mut self, text: &str) -> Result<(), Quit> {
        if text == "=" {
            return Err(Quit::failed(
                "-z=: use -z=lzo, -z=bz2, -z=lz4[:level] or -z=zstd[:level]",
            ));
        }
        if self.encoding.is_some() {
            return Err(Quit::failed("only one of -z, -j and -y can be given"));
        }
        self.encoding = Some(encoding(text.strip_prefix('=').unwrap_or(text))?);
        Ok(())
    }

    /// What cannot be combined.
    fn check(&mut self) -> Result<(), Quit> {
        if self.records.is_some() && self.order.is_some() {
            return Err(Quit::Told {
                stdout: "-s record and -O (-m) are mutually exclusive options\n".to_owned(),
                message: None,
                status: 1,
            });
        }
        if let Some(Aggregation::Keys(keys)) = &self.aggregation {
            let keys = keys.clone();
            keys.check_output(&mut self.output)?;
        }
        if self.read.is_some() && self.range.is_some() {
            return Err(Quit::failed("-r and -R are mutually exclusive"));
        }
        if self.directories.is_some() && self.read.is_none() && self.range.is_none() {
            return Err(Quit::failed(
                "-M needs -r or -R: add `-R .` for all files in the directories",
            ));
        }
        for (letter, base) in [('G', &self.geo), ('H', &self.tor)] {
            if let Some(path) = base.as_ref().filter(|path| *path != "none") {
                let path = path.to_string_lossy();
                return Err(Quit::failed(match std::fs::metadata(&*path) {
                    Err(_) => format!("path does not exist: {path}"),
                    Ok(_) => format!(
                        "-{letter} {path}: data bases of places and Tor exits are not supported: use -{letter} none"
                    ),
                }));
            }
        }
        let needs_no_input = matches!(
            self.task,
            Some(
                Task::Exporters(_)
                    | Task::Verify(_)
                    | Task::Maps(_)
                    | Task::Explain
                    | Task::CheckFilter
            )
        );
        if self.read.is_none() && self.range.is_none() && !needs_no_input {
            return Err(usage());
        }
        Ok(())
    }

    /// Rows of a table at most.
    pub(crate) fn top(&self) -> Option<u64> {
        let has_statistics = !self.elements.is_empty() || self.records.is_some();
        match self.top {
            None if has_statistics => Some(TOP),
            None | Some(0) => None,
            top => top,
        }
    }

    /// What titles say of it: the number given, 0 for all.
    pub(crate) fn output_mode(&self) -> Mode {
        self.output
            .as_ref()
            .map_or_else(|| Mode::predefined("line"), |chosen| chosen.mode.clone())
    }

    /// Whether IPv6 addresses are shown in full.
    pub(crate) fn shows_long_addresses(&self) -> bool {
        self.long_addresses
            || self
                .output
                .as_ref()
                .is_some_and(|chosen| chosen.long_addresses)
    }
}

/// What `-z=` names.
fn encoding(text: &str) -> Result<Encoding, Quit> {
    let (name, level) = with_level(text);
    let compression = match name.as_str() {
        "" | "lzo" => Compression::Lzo,
        "bz2" => Compression::Bz2,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => {
            return Err(Quit::failed(format!(
                "-z={text}: use -z=lzo, -z=bz2, -z=lz4[:level] or -z=zstd[:level]"
            )));
        }
    };
    at_level(compression, level).ok_or_else(|| level_refused("-z=", text))
}

/// What `-J` names.
fn recompression(text: &str) -> Result<Encoding, Quit> {
    let (name, level) = with_level(text);
    let compression = match name.as_str() {
        "0" => Compression::None,
        "1" | "lzo" => Compression::Lzo,
        "2" | "bz2" => Compression::Bz2,
        "3" | "lz4" => Compression::Lz4,
        "4" | "zstd" => Compression::Zstd,
        _ => {
            return Err(Quit::failed(
                "-J takes 0 for uncompressed, 1 or LZO, 2 or BZ2, 3 or LZ4, 4 or ZSTD",
            ));
        }
    };
    at_level(compression, level).ok_or_else(|| level_refused("-J ", text))
}

/// `name:level`, the name in lower case.
fn with_level(text: &str) -> (String, Option<i64>) {
    match text.split_once(':') {
        Some((name, level)) => (name.to_ascii_lowercase(), Some(number(level))),
        None => (text.to_ascii_lowercase(), None),
    }
}

/// The encoding with its level; as in nfdump those of LZO and BZ2 do not matter. `None` for a level that there
/// is not.
fn at_level(compression: Compression, level: Option<i64>) -> Option<Encoding> {
    let most = match compression {
        Compression::Lz4 => 12,
        Compression::Zstd => 22,
        _ => {
            return Some(Encoding {
                compression,
                level: None,
            });
        }
    };
    let level = u32::try_from(level.unwrap_or(0)).ok()?;
    (level <= most).then_some(Encoding {
        compression,
        level: (level != 0).then_some(level),
    })
}

fn level_refused(option: &str, text: &str) -> Quit {
    Quit::failed(format!(
        "{option}{text}: levels of LZ4 go up to 12, those of ZSTD up to 22"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Quit> {
        Options::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, expected) in [("3x", 3), ("x", 0), ("", 0), ("-1", -1), ("0012", 12)] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn words_make_the_filter_wherever_they_are() {
        let options = parse("-qNr file proto tcp -n 3").unwrap();
        assert_eq!(options.filter.as_deref(), Some("proto tcp"));
        assert!(options.quiet && options.plain_numbers);
        assert_eq!(options.top(), Some(3));
    }

    #[test]
    fn limits_of_tables() {
        assert_eq!(parse("-r f").unwrap().top(), None);
        assert_eq!(parse("-r f -s srcip").unwrap().top(), Some(10));
        assert_eq!(parse("-r f -s srcip -n 0").unwrap().top(), None);
    }

    #[test]
    fn what_cannot_be_combined() {
        for line in [
            "-r f -b -A srcip",
            "-r f -R d",
            "-M a:b",
            "-r f -j -y",
            "-r f -n -1",
            "-r f -s record -O bytes",
            "-r f -A srcip -A dstip",
            "-r f -c 0",
        ] {
            assert!(
                matches!(parse(line), Err(Quit::Told { status: 1, .. })),
                "{line}"
            );
        }
    }

    #[test]
    fn both_directions_set_the_format_unless_one_follows() {
        let tokens = |line| match parse(line).unwrap().output_mode() {
            Mode::Fmt(list, _) => list.tokens().count(),
            _ => 0,
        };
        assert_eq!(tokens("-r f -o long -b"), tokens("-r f -o biline"));
        assert_eq!(tokens("-r f -b -o long"), tokens("-r f -o long"));
    }
}
