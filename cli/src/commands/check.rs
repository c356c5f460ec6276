//! `nfdecode check`: whether a file is intact, what is damaged, and how much can be read.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde_json::{Value, json};

use nfdecode::file::BlockCounts;
use nfdecode::scan::ScanInput;
use nfdecode::{Error, ErrorKind, File, OpenOptions, Scan};

use crate::args::CheckArgs;
use crate::input::paths;
use crate::input::paths::{Input, Unfinished};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::report::{plural, printable};
use crate::run::stop::Stop;

pub(crate) fn run(args: &CheckArgs, report: &Report) -> Result<(), Stop> {
    let inputs = paths::expand(&args.paths, Unfinished::Skipped, report)?;
    let threads = env::threads(args.jobs);
    let options = args.key.options(false)?;
    let mut readable = false;
    let mut sum = Sum::default();
    if args.json {
        env::print(b"[")?;
    }
    for (at, input) in inputs.iter().enumerate() {
        let found = Findings::of(input, &options, (threads, args.memory))?;
        readable |= found.verdict() != Verdict::Unreadable;
        sum.add(&found);
        if found.verdict() != Verdict::Intact {
            report.damaged();
        }
        let text = if args.json {
            let object = serde_json::to_string_pretty(&found.json(input)).map_err(Stop::failed)?;
            format!("{}\n{object}", if at == 0 { "" } else { "," })
        } else {
            found.text(input)
        };
        env::print(text.as_bytes())?;
    }
    if args.json {
        env::print(b"\n]\n")?;
    }
    if inputs.len() > 1 && !args.json {
        env::print(sum.text().as_bytes())?;
    }
    if !readable {
        report.nothing_read();
    }
    Ok(())
}

/// Totals of several files.
#[derive(Default)]
struct Sum {
    files: [u64; 4],
    flows: u64,
}

impl Sum {
    fn add(&mut self, found: &Findings) {
        let at = VERDICTS.iter().position(|one| *one == found.verdict());
        if let Some(count) = at.and_then(|at| self.files.get_mut(at)) {
            *count += 1;
        }
        self.flows += found.flows;
    }

    fn text(&self) -> String {
        let all = self.files.iter().sum();
        let counts = VERDICTS.iter().zip(self.files);
        let counts = counts.filter(|(_, count)| *count != 0);
        let counts: Vec<String> = counts
            .map(|(verdict, count)| format!("{count} {}", verdict.name()))
            .collect();
        format!(
            "{}: {}; {}\n",
            plural(all, "file"),
            counts.join(", "),
            plural(self.flows, "flow")
        )
    }
}

/// Maximum damaged places listed per file; the others are counted.
const LISTED_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Intact,
    Damaged,
    /// No damage found, but a part could not be examined.
    Unknown,
    Unreadable,
}

/// All verdicts, the best first.
const VERDICTS: [Verdict; 4] = [
    Verdict::Intact,
    Verdict::Damaged,
    Verdict::Unknown,
    Verdict::Unreadable,
];

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Damaged => "damaged",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Findings from reading a whole file.
#[derive(Default)]
struct Findings {
    /// Not a readable nfcapd file.
    refused: Option<Error>,
    damage: Vec<Error>,
    /// Remarks that are not an [`Error`] at one place.
    remarks: Vec<String>,
    blocks: u64,
    announced_blocks: u32,
    flows: u64,
    announced_flows: Option<u64>,
    dropped_flows: u64,
    /// Records of all types.
    records: u64,
    /// Number of damaged places beyond those kept.
    unlisted: u64,
    /// There is more damage than the list `damage` and the missing flows show.
    is_flawed: bool,
}

/// The contribution of one block.
struct Block {
    flows: u64,
    stands_for: u64,
    broken_records: u64,
    counts: BlockCounts,
    damage: Option<Error>,
}

impl Findings {
    fn of(
        input: &Input,
        options: &OpenOptions,
        threads: (NonZeroUsize, Option<u64>),
    ) -> Result<Self, Stop> {
        let mut this = Self::default();
        this.damage.extend(input.open(options).err());
        // What can be recovered counts, whatever the header announces.
        match input.open(&options.clone().salvage(true)) {
            Ok(file) => this.look_at(&file, threads)?,
            Err(error) => {
                this.damage.clear();
                this.refused = Some(error);
            }
        }
        Ok(this)
    }

    /// Long: the checks of a file in order.
    fn look_at(
        &mut self,
        file: &File,
        (threads, memory): (NonZeroUsize, Option<u64>),
    ) -> Result<(), Stop> {
        let header = file.header();
        self.announced_blocks = header.blocks;
        if header.unfinished {
            let remark = "unfinished: still being written, or abandoned (read --salvage recovers what is readable)";
            self.remarks.push(remark.to_owned());
            self.is_flawed = true;
        }
        // It may be the reason why plain opening failed, and is then reported already.
        let told = !self.damage.iter().all(Error::is_transient);
        self.damage.extend(file.appendix_damage().filter(|_| !told));

        let mut stands_for = 0_u64;
        let mut broken_records = 0_u64;
        let scan = Scan::new([ScanInput::file(file.clone())]).threads(threads);
        let scan = match memory {
            Some(bytes) => scan.memory(bytes),
            None => scan,
        };
        scan.map_blocks(
            |block| {
                let found = block?;
                let block = found.block();
                let flows = block.flows();
                let stands_for =
                    flows.fold(0, |sum: u64, flow| sum.saturating_add(flow.flow_count()));
                Ok(Block {
                    flows: block.len() as u64,
                    stands_for,
                    broken_records: block.malformed_records() as u64,
                    counts: block.counts(),
                    damage: block.damage().cloned(),
                })
            },
            |result: Result<_, Error>| {
                match result {
                    Ok(block) => {
                        self.blocks += 1;
                        self.flows += block.flows;
                        stands_for = stands_for.saturating_add(block.stands_for);
                        self.records += u64::from(block.counts.records);
                        self.dropped_flows += u64::from(block.counts.dropped_flows);
                        broken_records += block.broken_records;
                        self.note(block.damage);
                    }
                    Err(error) => self.note(Some(error)),
                }
                if interrupt::interrupted() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        interrupt::check()?;

        if broken_records != 0 {
            self.is_flawed = true;
            self.remarks.push(format!(
                "{broken_records} records of exporters, samplers or names are malformed"
            ));
        }
        if self.damage.is_empty()
            && !header.unfinished
            && u64::from(self.announced_blocks) != self.blocks
        {
            self.remarks.push(format!(
                "{} blocks, but the header announces {}",
                self.blocks, self.announced_blocks
            ));
        }
        if self.unlisted != 0 {
            self.remarks
                .push(format!("{} more damaged places", self.unlisted));
        }
        self.announced_flows = file.announced_flows();
        if let Some(announced) = self
            .announced_flows
            .filter(|announced| *announced > self.flows.max(stands_for))
        {
            self.remarks.push(format!(
                "{} of {announced} announced flows are readable",
                self.flows
            ));
        }
        Ok(())
    }

    fn note(&mut self, damage: Option<Error>) {
        if self.damage.len() < LISTED_MAX {
            self.damage.extend(damage);
        } else if let Some(error) = damage {
            self.unlisted += 1;
            self.is_flawed |= !error.is_transient();
        }
    }

    fn verdict(&self) -> Verdict {
        let is_short = |error: &Error| error.kind() == ErrorKind::OutOfMemory;
        // Errors that are not damage may explain what is missing.
        match &self.refused {
            Some(error) if is_short(error) => Verdict::Unknown,
            Some(_) => Verdict::Unreadable,
            None if self.damage.is_empty() && self.remarks.is_empty() => Verdict::Intact,
            None if !self.is_flawed
                && !self.damage.is_empty()
                && self.damage.iter().all(Error::is_transient) =>
            {
                Verdict::Unknown
            }
            None => Verdict::Damaged,
        }
    }

    fn text(&self, input: &Input) -> String {
        let mut out = format!("{}: {}", printable(&input.name), self.verdict().name());
        if self.refused.is_none() {
            // Writing to a String cannot fail.
            let flows = plural(self.flows, "flow");
            let _ = write!(out, ", {flows} in {}", plural(self.blocks, "block"));
        }
        out.push('\n');
        let errors = self
            .refused
            .iter()
            .chain(&self.damage)
            .map(Error::without_file);
        for line in errors.chain(self.remarks.iter().cloned()) {
            let _ = writeln!(out, "    {line}");
        }
        out
    }

    fn json(&self, input: &Input) -> Value {
        let place = |error: &Error| {
            json!({
                "kind": format!("{:?}", error.kind()),
                "block": error.block(),
                "record": error.record(),
                "offset": error.offset(),
                "reason": error.without_file(),
            })
        };
        json!({
            "file": input.name,
            "verdict": self.verdict().name(),
            "flows": self.flows,
            "announced_flows": self.announced_flows,
            "dropped_flows": self.dropped_flows,
            "records": self.records,
            "blocks": self.blocks,
            "announced_blocks": self.announced_blocks,
            "damage": self.refused.iter().chain(&self.damage).map(place).collect::<Vec<_>>(),
            "remarks": self.remarks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, 0, "made up")
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_called_damaged() {
        let (short, broken) = (ErrorKind::OutOfMemory, ErrorKind::Compressed);
        for (kinds, is_flawed, expected) in [
            (&[][..], false, Verdict::Intact),
            (&[short, short], false, Verdict::Unknown),
            (&[short, broken], false, Verdict::Damaged),
            (&[short], true, Verdict::Damaged),
            (&[broken], false, Verdict::Damaged),
        ] {
            let found = Findings {
                damage: kinds.iter().map(|kind| error(*kind)).collect(),
                is_flawed,
                ..Findings::default()
            };
            assert_eq!(found.verdict(), expected, "{kinds:?}");
            // Missing flows may be in parts that could not be examined.
            let fewer = Findings {
                remarks: vec!["fewer flows than announced".to_owned()],
                ..found
            };
            let expected = match expected {
                Verdict::Intact => Verdict::Damaged,
                other => other,
            };
            assert_eq!(fewer.verdict(), expected, "{kinds:?}");
        }
        for (kind, expected) in [(short, Verdict::Unknown), (broken, Verdict::Unreadable)] {
            let found = Findings {
                refused: Some(error(kind)),
                ..Findings::default()
            };
            assert_eq!(found.verdict(), expected);
        }
    }

    /// Damage is counted beyond the maximum of listed places.
    #[test]
    fn what_is_not_listed_counts() {
        let mut found = Findings::default();
        for _ in 0..=LISTED_MAX {
            found.note(Some(error(ErrorKind::OutOfMemory)));
        }
        assert_eq!(found.verdict(), Verdict::Unknown);
        found.note(Some(error(ErrorKind::Truncated)));
        assert_eq!(found.verdict(), Verdict::Damaged);
    }
}
