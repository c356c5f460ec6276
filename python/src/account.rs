//! What is wrong with the files of a read: damage in its place, missing blocks and flows at the end of a file.
//!
//! The same findings as those that the program reports. Does not decide what to do about them.

use std::path::Path;
use std::sync::Arc;

use nfdecode::scan::{Part, ScanFile};
use nfdecode::{Error, File};

use crate::errors::Problem;

/// What one part of a scan shows about its file.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A file begins.
    Start(Arc<ScanFile>),
    /// A block: its flows, how many flows they represent, and its damage.
    Block(u64, u64, Option<Error>),
    /// A place that cannot be read, or a file that does not open.
    Gap(Error),
    /// A file ends, and was read to its end.
    End(Arc<ScanFile>),
    /// Nothing.
    Nothing,
}

impl Seen {
    /// What this part shows.
    pub(crate) fn of(part: &Part) -> Self {
        match part {
            Part::Start(file) => Self::Start(Arc::clone(file)),
            Part::Block(found) => {
                let block = found.block();
                let damage = block.damage().cloned();
                Self::Block(block.len() as u64, block.flow_count(), damage)
            }
            Part::Gap(gap) => Self::Gap(gap.error().clone()),
            Part::Refused(error) => Self::Gap(error.clone()),
            Part::End(end) if end.is_whole() => Self::End(Arc::clone(end.file())),
            _ => Self::Nothing,
        }
    }
}

/// The findings about a file so far.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Something was reported that may explain missing blocks.
    explained: bool,
    blocks: u64,
    records: u64,
    stands_for: u64,
    salvage: bool,
}

impl Account {
    pub(crate) fn new(salvage: bool) -> Self {
        Self {
            salvage,
            ..Self::default()
        }
    }

    /// Adds a part, and calls `report` with what is wrong.
    pub(crate) fn see(&mut self, seen: Seen, report: &mut impl FnMut(Problem)) {
        match seen {
            Seen::Start(file) => {
                *self = Self::new(self.salvage);
                let file = file.file();
                if let Some(error) = file.appendix_damage() {
                    let reason = error.reason();
                    report(remark(
                        file,
                        format!("ident and statistics are not readable: {reason}"),
                    ));
                }
                if file.header().unfinished && !self.salvage {
                    let text = "the file is unfinished, still being written or abandoned: salvage=True recovers \
                                what is readable";
                    report(remark(file, text.to_owned()));
                }
            }
            Seen::Block(records, stands_for, damage) => {
                self.blocks += 1;
                self.records += records;
                self.stands_for = self.stands_for.saturating_add(stands_for);
                if let Some(error) = damage {
                    self.explained = true;
                    report(Problem::Error(error));
                }
            }
            Seen::Gap(error) => {
                self.explained = true;
                report(Problem::Error(error));
            }
            Seen::End(file) => self.close(file.file(), report),
            Seen::Nothing => {}
        }
    }

    fn close(&self, file: &File, report: &mut impl FnMut(Problem)) {
        let header = file.header();
        let announced = u64::from(header.blocks);
        if !self.explained && !header.unfinished && self.blocks < announced {
            let text = format!(
                "{} blocks read, but the header announces {announced}",
                self.blocks
            );
            report(remark(file, text));
        }
        let announced = file.announced_flows().unwrap_or(0);
        if self.records.max(self.stands_for) < announced {
            let text = format!(
                "{} flows read, but the file's statistics announce {announced}",
                self.records
            );
            report(remark(file, text));
        }
    }
}

fn remark(file: &File, text: String) -> Problem {
    let path = file.path().unwrap_or(Path::new("bytes"));
    Problem::Remark(path.into(), text)
}
