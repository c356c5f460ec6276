//! Whether a file is intact, what is damaged, and how much can be read.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::error::{Error, ErrorKind};
use crate::file::block::BlockCounts;
use crate::file::handle::File;
use crate::file::options::OpenOptions;
use crate::scan::builder::Scan;
use crate::scan::input::ScanInput;

/// Maximum damaged places listed per file; the others are counted.
const LISTED_MAX: usize = 1_000;

/// What a check says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything can be read.
    Intact,
    /// A part cannot be read, or less is there than announced.
    Damaged,
    /// No damage found, but a part could not be examined.
    Unknown,
    /// Not a readable nfcapd file.
    Unreadable,
}

impl Verdict {
    /// `intact`, `damaged`, `unknown` or `unreadable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Damaged => "damaged",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What checking a whole file has found.
///
/// ```
/// use std::num::NonZeroUsize;
/// use nfdecode::inspect::{Check, Verdict};
/// use nfdecode::{OpenOptions, scan::ScanInput};
///
/// let file = ScanInput::path("tests/fixtures/archive/nfcapd.202611241330");
/// let one = NonZeroUsize::MIN;
/// let found = Check::of(&file, &OpenOptions::new(), (one, None), || false);
/// assert_eq!((found.verdict(), found.flows), (Verdict::Intact, 113));
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// Why it is not a readable nfcapd file.
    pub refused: Option<Error>,
    /// Damaged places in order, at most 1,000.
    pub damage: Vec<Error>,
    /// Remarks that are not about one place.
    pub remarks: Vec<String>,
    /// Blocks that can be read, completely or in part.
    pub blocks: u64,
    /// Blocks that the header announces.
    pub announced_blocks: u32,
    /// Flows that can be read.
    pub flows: u64,
    /// Flows that the statistics announce.
    pub announced_flows: Option<u64>,
    /// Flows that were dropped, since they were too large to convert.
    pub dropped_flows: u64,
    /// Records of all kinds.
    pub records: u64,
    /// Damaged places beyond those in `damage`.
    pub unlisted: u64,
    /// There is more damage than the list and the missing flows show.
    is_flawed: bool,
}

/// What one block adds.
struct Found {
    flows: u64,
    stands_for: u64,
    broken_records: u64,
    counts: BlockCounts,
    damage: Option<Error>,
}

impl Check {
    /// Reads the file with these options, whatever can be recovered of it, on this many threads and with this
    /// [memory for blocks](Scan::memory). Ends early when `is_cancelled` is true.
    #[must_use]
    pub fn of(
        input: &ScanInput,
        options: &OpenOptions,
        threads: (NonZeroUsize, Option<u64>),
        is_cancelled: impl Fn() -> bool + Sync,
    ) -> Self {
        let mut this = Self::default();
        this.damage.extend(input.open(options).err());
        // What can be recovered counts, whatever the header announces.
        match input.open(&options.clone().salvage(true)) {
            Ok(file) => this.look_at(&file, threads, &is_cancelled),
            Err(error) => {
                this.damage.clear();
                this.refused = Some(error);
            }
        }
        this
    }

    /// Long: the checks of a file in order.
    fn look_at(
        &mut self,
        file: &File,
        (threads, memory): (NonZeroUsize, Option<u64>),
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) {
        let header = file.header();
        self.announced_blocks = header.blocks;
        if header.unfinished {
            let remark = "unfinished: still being written, or abandoned (read --salvage recovers what is readable)";
            self.remarks.push(remark.to_owned());
            self.is_flawed = true;
        }
        // It may be the reason why plain opening failed, and is then reported already.
        let is_known = !self.damage.iter().all(Error::is_transient);
        self.damage
            .extend(file.appendix_damage().filter(|_| !is_known));

        let (mut stands_for, mut broken_records) = (0_u64, 0_u64);
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
                Ok(Found {
                    flows: block.len() as u64,
                    stands_for: flows
                        .fold(0, |sum: u64, flow| sum.saturating_add(flow.flow_count())),
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
                match is_cancelled() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            },
        );
        if broken_records != 0 {
            self.is_flawed = true;
            self.remarks.push(format!(
                "{broken_records} records of exporters, samplers or names are malformed"
            ));
        }
        let announced = u64::from(self.announced_blocks);
        if self.damage.is_empty() && !header.unfinished && announced != self.blocks {
            let blocks = self.blocks;
            self.remarks.push(format!(
                "{blocks} blocks, but the header announces {announced}"
            ));
        }
        if self.unlisted != 0 {
            self.remarks
                .push(format!("{} more damaged places", self.unlisted));
        }
        self.announced_flows = file.announced_flows();
        let readable = self.flows.max(stands_for);
        if let Some(announced) = self.announced_flows.filter(|count| *count > readable) {
            let flows = self.flows;
            self.remarks.push(format!(
                "{flows} of {announced} announced flows are readable"
            ));
        }
    }

    fn note(&mut self, damage: Option<Error>) {
        if self.damage.len() < LISTED_MAX {
            self.damage.extend(damage);
        } else if let Some(error) = damage {
            self.unlisted += 1;
            self.is_flawed |= !error.is_transient();
        }
    }

    /// What it comes to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
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
            let found = Check {
                damage: kinds.iter().map(|kind| error(*kind)).collect(),
                is_flawed,
                ..Check::default()
            };
            assert_eq!(found.verdict(), expected, "{kinds:?}");
            // Missing flows may be in parts that could not be examined.
            let fewer = Check {
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
            let found = Check {
                refused: Some(error(kind)),
                ..Check::default()
            };
            assert_eq!(found.verdict(), expected);
        }
    }

    /// Damage is counted beyond the maximum of listed places.
    #[test]
    fn what_is_not_listed_counts() {
        let mut found = Check::default();
        for _ in 0..=LISTED_MAX {
            found.note(Some(error(ErrorKind::OutOfMemory)));
        }
        assert_eq!(found.verdict(), Verdict::Unknown);
        found.note(Some(error(ErrorKind::Truncated)));
        assert_eq!(found.verdict(), Verdict::Damaged);
    }
}
