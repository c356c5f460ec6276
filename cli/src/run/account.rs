//! Per-file counts of flows and damage: errors are reported as they occur, missing flows at the
//! end of each file.
//!
//! The same for all commands that read flows. Does not read, and does not count selected or
//! printed flows.

use std::path::Path;

use nfdecode::inspect::Survey;
use nfdecode::scan::Part;
use nfdecode::{Error, ErrorKind, File, Names};

use crate::run::report::{Report, plural};

/// The state of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Nothing is wrong with it.
    #[default]
    Sound,
    /// The file is damaged, and was read as far as possible.
    Damaged,
    /// A part was not read for a transient reason: out of memory, or an error of the system.
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

/// The findings about a file so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    state: State,
    /// A message was printed that may explain missing blocks.
    explained: bool,
    /// Blocks that were read, completely or in part.
    blocks: u64,
    /// Flows in them.
    records: u64,
    /// How many flows these represent.
    stands_for: u64,
}

/// Bytes of the file that a part covers.
pub(crate) fn stored_size(part: &Part) -> u64 {
    let position = match part {
        Part::Block(block) => Some(block.position()),
        Part::Gap(gap) => gap.position(),
        _ => None,
    };
    position.map_or(0, |position| position.stored_size().into())
}

impl Account {
    /// Records what a part of a scan shows about its file, and reports errors.
    pub(crate) fn see(&mut self, report: &Report, part: &Part) {
        match part {
            Part::Start(found) => {
                let file = found.file();
                report.detail(|| match found.is_skipped() {
                    true => format!("{}: outside of the time window, not read", path(file)),
                    false => about(file),
                });
                report.has_read(1, 0, 0);
                *self = Self::of(report, file);
                self.tell_unfinished(report, file);
            }
            Part::Block(found) => {
                let block = found.block();
                report.has_read(0, stored_size(part), block.len() as u64);
                self.block(block.len() as u64, block.flow_count());
                if let Some(damage) = block.damage() {
                    self.damage(report, damage);
                }
            }
            Part::Gap(gap) => self.damage(report, gap.error()),
            Part::End(end) if end.is_whole() => self.close(report, end.file().file()),
            Part::Refused(error) => report_refused(report, error),
            _ => {}
        }
    }

    /// Begins an account, with the damage that opening has found at the end of the file.
    pub(crate) fn of(report: &Report, file: &File) -> Self {
        let mut this = Self::default();
        if let Some(error) = file.appendix_damage() {
            this.state = State::after(&error);
            report.damage(format!("{}: {}", path(file), at_the_end(file, &error)));
        }
        this
    }

    /// Reports a file that was never closed, which the user may not know.
    pub(crate) fn tell_unfinished(&mut self, report: &Report, file: &File) {
        if file.header().unfinished {
            self.state = self.state.max(State::Damaged);
            let hint = match report.is_salvaging() {
                true => "",
                false => ": `nfdecode read --salvage` reads what is complete",
            };
            report.damage(format!(
                "{}: file is unfinished: still being written, or abandoned{hint}",
                path(file)
            ));
        }
    }

    /// Counts a block: its records, and the flows that they represent.
    pub(crate) fn block(&mut self, records: u64, stands_for: u64) {
        self.blocks += 1;
        self.records += records;
        self.stands_for = self.stands_for.saturating_add(stands_for);
    }

    /// Counts all blocks of a file that was read as a whole, and reports their damage.
    pub(crate) fn survey(&mut self, report: &Report, file: &File, survey: &Survey) {
        self.blocks += survey.blocks;
        self.records += survey.flows;
        self.stands_for = self.stands_for.saturating_add(survey.represented);
        // Damage at the end of the file is reported when the account begins.
        let known = usize::from(file.appendix_damage().is_some());
        for error in survey.damage.iter().skip(known) {
            self.damage(report, error);
        }
    }

    /// Reports damage, or a part that could not be read.
    pub(crate) fn damage(&mut self, report: &Report, error: &Error) {
        self.state = self.state.max(State::after(error));
        self.explained = true;
        report.damage_of(error);
    }

    /// The state so far.
    pub(crate) fn state(self) -> State {
        self.state
    }

    /// Ends the account: reports missing flows. Collectors count records, other writers the flows that records
    /// represent; less than both is a loss. Damage reported before may explain missing blocks;
    /// otherwise they are a loss that shows only in the header.
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
            let hint = match self.explained && !report.is_salvaging() {
                true => ": `nfdecode read --salvage` may recover more",
                false => "",
            };
            report.damage(format!(
                "{}: {} flows read, but the file's statistics announce {announced}{hint}",
                path(file),
                self.records
            ));
        }
    }
}

/// A file in a line.
fn about(file: &File) -> String {
    let header = file.header();
    let (layout, blocks) = (header.layout, plural(header.blocks.into(), "block"));
    let compression = header.compression.name();
    let flows = match file.announced_flows() {
        Some(flows) => plural(flows, "flow"),
        None => "flows not counted".to_owned(),
    };
    format!(
        "{}: layout {layout}, {compression}, {blocks}, {flows}",
        path(file)
    )
}

/// Reports a file that could not be opened, with what reads it instead.
pub(crate) fn report_refused(report: &Report, error: &Error) {
    let hint = match error.kind() {
        ErrorKind::NotNfcapd => error.file().and_then(nfdecode::file::foreign_kind),
        ErrorKind::Truncated if !report.is_salvaging() => {
            Some("`nfdecode read --salvage` reads what is complete")
        }
        _ => None,
    };
    match hint {
        Some(hint) => report.damage_at(Some(error), format!("{error}: {hint}")),
        None => report.damage_of(error),
    }
}

/// What is wrong at the end of a file, where ident and statistics are. In layout 3 the directory and the footer are
/// there, too: these are not a part of any block.
fn at_the_end(file: &File, error: &Error) -> String {
    let reason = error.reason();
    if file.header().layout == 3 && error.block().is_none() {
        return reason.to_owned();
    }
    format!("ident and statistics are not readable: {reason}")
}

/// Reports names that were not kept, if there are any.
pub(crate) fn names_left_out(report: &Report, names: &Names) {
    if names.left_out() != 0 {
        report.damage(
            "more names of applications, interfaces and VRFs than the limit: some are left out",
        );
    }
}

/// As [`names_left_out`] for the samplers of a file.
pub(crate) fn samplers_left_out(report: &Report, file: &File, names: &Names) {
    let count = names.samplers_left_out();
    if count != 0 {
        let path = path(file);
        report.damage(format!(
            "{path}: more samplers than the limit: {count} are left out"
        ));
    }
}

fn path(file: &File) -> std::path::Display<'_> {
    file.path().unwrap_or(Path::new("")).display()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_asked_for_again_is_no_damage() {
        let report = Report::default();
        let mut account = Account::default();
        assert_eq!(account.state(), State::Sound);
        for (kind, expected) in [
            (ErrorKind::Compressed, State::Damaged),
            (ErrorKind::Unsupported, State::Damaged),
            (ErrorKind::OutOfMemory, State::Unread),
            // A file that is damaged too is still read again.
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
