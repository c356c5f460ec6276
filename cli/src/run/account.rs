//! What a file turns out to hold while it is read, and what is told of it: damage as it is met, and at the
//! end what is missing.
//!
//! The same for every command that reads flows. Does not read, and does not count what is selected or
//! printed.

use std::path::Path;

use nfdecode::scan::Part;
use nfdecode::{Error, File, Names};

use crate::run::report::Report;

/// How a file was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Nothing is wrong with it.
    #[default]
    Sound,
    /// It is damaged, and was read as far as it can be.
    Damaged,
    /// Something was not read that perhaps can be: memory was short, or the system refused.
    Unread,
}

impl State {
    fn after(error: &Error) -> Self {
        if error.is_transient() {
            Self::Unread
        } else {
            Self::Damaged
        }
    }
}

/// What is known of a file so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    state: State,
    /// Something was told that may explain blocks that are missing.
    explained: bool,
    /// Blocks that were read, wholly or in part.
    blocks: u64,
    /// Flows in them.
    records: u64,
    /// How many flows these stand for.
    stands_for: u64,
}

/// Bytes of the file that a part stands for.
pub(crate) fn stored_size(part: &Part) -> u64 {
    let position = match part {
        Part::Block(block) => Some(block.position()),
        Part::Gap(gap) => gap.position(),
        _ => None,
    };
    position.map_or(0, |position| position.stored_size().into())
}

impl Account {
    /// Records what a part of a scan shows of its file, and reports what is wrong with it.
    pub(crate) fn see(&mut self, report: &Report, part: &Part) {
        match part {
            Part::Start(found) => {
                *self = Self::of(report, found.file());
                self.tell_unfinished(report, found.file());
            }
            Part::Block(found) => {
                let block = found.block();
                self.block(block.len() as u64, block.flow_count());
                if let Some(damage) = block.damage() {
                    self.damage(report, damage);
                }
            }
            Part::Gap(gap) => self.damage(report, gap.error()),
            Part::End(end) if end.is_whole() => self.close(report, end.file().file()),
            Part::Refused(error) => report.damage(error),
            _ => {}
        }
    }

    /// Opens it with what the file itself gives away about its end, if that is not sound.
    pub(crate) fn of(report: &Report, file: &File) -> Self {
        let mut this = Self::default();
        if let Some(error) = file.appendix_damage() {
            this.state = State::after(&error);
            let reason = error.reason();
            report.damage(format!(
                "{}: ident and statistics are not readable: {reason}",
                path(file)
            ));
        }
        this
    }

    /// Tells of a file that was never closed, which the user may not know.
    pub(crate) fn tell_unfinished(&mut self, report: &Report, file: &File) {
        if file.header().unfinished {
            self.state = self.state.max(State::Damaged);
            report.damage(format!(
                "{}: file is unfinished: still being written, or abandoned",
                path(file)
            ));
        }
    }

    /// A block has been read, with so many flows that stand for so many.
    pub(crate) fn block(&mut self, records: u64, stands_for: u64) {
        self.blocks += 1;
        self.records += records;
        self.stands_for = self.stands_for.saturating_add(stands_for);
    }

    /// Tells of damage, or of what could not be read.
    pub(crate) fn damage(&mut self, report: &Report, error: &Error) {
        self.state = self.state.max(State::after(error));
        self.explained = true;
        report.damage(error);
    }

    /// As it is so far.
    pub(crate) fn state(self) -> State {
        self.state
    }

    /// Closes it: tells what is missing. Collectors count records, other writers the flows that records
    /// stand for; less than both is a loss. Damage that was met may explain blocks that are missing;
    /// otherwise they are a loss that only the header tells of.
    pub(crate) fn close(&mut self, report: &Report, file: &File) {
        let header = file.header();
        let announced = u64::from(header.blocks);
        if !self.explained && !header.unfinished && self.blocks < announced {
            self.state = self.state.max(State::Damaged);
            report.damage(format!(
                "{}: {} blocks read, but the header announces {announced}",
                path(file),
                self.blocks
            ));
        }
        let announced = file.announced_flows().unwrap_or(0);
        if self.records.max(self.stands_for) < announced {
            self.state = self.state.max(State::Damaged);
            report.damage(format!(
                "{}: {} flows read, but the file's statistics tell of {announced}",
                path(file),
                self.records
            ));
        }
    }
}

/// Tells of names that were not kept, if there are any.
pub(crate) fn names_left_out(report: &Report, names: &Names) {
    if names.left_out() != 0 {
        report.damage(
            "more names of applications, interfaces and VRFs than are kept: some are left out",
        );
    }
}

/// As [`names_left_out`] for the samplers of a file.
pub(crate) fn samplers_left_out(report: &Report, file: &File, names: &Names) {
    let count = names.samplers_left_out();
    if count != 0 {
        let path = path(file);
        report.damage(format!(
            "{path}: more samplers than are kept: {count} are left out"
        ));
    }
}

fn path(file: &File) -> std::path::Display<'_> {
    file.path().unwrap_or(Path::new("")).display()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfdecode::ErrorKind;

    #[test]
    fn what_can_be_asked_for_again_is_no_damage() {
        let report = Report::default();
        let mut account = Account::default();
        assert_eq!(account.state(), State::Sound);
        for (kind, expected) in [
            (ErrorKind::Compressed, State::Damaged),
            (ErrorKind::Unsupported, State::Damaged),
            (ErrorKind::OutOfMemory, State::Unread),
            // What is damaged as well is still to be read again.
            (ErrorKind::Truncated, State::Unread),
        ] {
            account.damage(&report, &Error::new(kind, 0, "made up"));
            assert_eq!(account.state(), expected, "{kind:?}");
        }
        let refused = std::io::Error::other("made up");
        assert_eq!(
            State::after(&Error::from_io(refused, "read")),
            State::Unread
        );
    }
}
