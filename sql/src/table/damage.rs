//! What is wrong with the files that queries read: the same lines as `nfdecode read` prints.
//!
//! Collects lines. Does not print, and does not read.

use std::collections::HashSet;
use std::path::Path;
#[cfg(feature = "cluster")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::DataFusionError;
use nfdecode::file::foreign_kind;
use nfdecode::{Block, Error, ErrorKind, File};

/// Lines that are kept; a file of garbage must not fill the memory.
const LINES_MAX: usize = 100;

/// The damage that queries met, each problem once, in the order in which it was met.
///
/// `Clone` shares the same list. Several threads write to it.
#[derive(Clone, Debug, Default)]
pub struct DamageLog(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<String>,
    opened: u64,
    refused: u64,
    reported: HashSet<String>,
    beyond: u64,
}

impl DamageLog {
    /// No damage yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether damage was met since the log was made.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        !lock(&self.0).reported.is_empty()
    }

    /// Whether files were to be read, and none of them could be opened.
    #[must_use]
    pub fn is_nothing_read(&self) -> bool {
        let lines = lock(&self.0);
        lines.opened == 0 && lines.refused != 0
    }

    /// Removes and returns the lines added since the last call, without the name of a program before them.
    ///
    /// At most 100 lines are kept; the last one says how many more there were.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let mut lines = lock(&self.0);
        let mut taken = std::mem::take(&mut lines.waiting);
        let beyond = std::mem::take(&mut lines.beyond);
        if beyond != 0 {
            taken.push(format!("{beyond} more problems are not shown"));
        }
        taken
    }

    /// Removes all lines and counts, for the next query.
    pub fn clear(&self) {
        *lock(&self.0) = Lines::default();
    }

    /// Adds a line, unless it was added before.
    pub(crate) fn add(&self, line: String) {
        // Control characters in file names must not reach a terminal.
        let line: String = line
            .chars()
            .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
            .collect();
        let mut lines = lock(&self.0);
        if lines.reported.contains(&line) {
            return;
        }
        if lines.reported.len() < LINES_MAX {
            lines.waiting.push(line.clone());
            lines.reported.insert(line);
        } else {
            lines.beyond += 1;
        }
    }

    /// Adds a file that could not be opened.
    pub(crate) fn refused(&self, error: &Error, salvages: bool) {
        let hint = match error.kind() {
            ErrorKind::NotNfcapd => error.file().and_then(foreign_kind),
            ErrorKind::Truncated if !salvages => {
                Some("`nfdecode read --salvage` reads what is complete")
            }
            _ => None,
        };
        lock(&self.0).refused += 1;
        self.add(match hint {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        });
    }

    /// Counts a file that could be opened.
    pub(crate) fn opened(&self) {
        lock(&self.0).opened += 1;
    }
}

/// What a log has learned since the last time: it travels from one process to another.
#[cfg(feature = "cluster")]
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) lines: Vec<String>,
    pub(crate) opened: u64,
    pub(crate) refused: u64,
}

#[cfg(feature = "cluster")]
impl DamageLog {
    /// Removes and returns what was learned since the last time.
    pub(crate) fn drain(&self) -> Findings {
        let lines = self.take();
        let mut state = lock(&self.0);
        Findings {
            lines,
            opened: std::mem::take(&mut state.opened),
            refused: std::mem::take(&mut state.refused),
        }
    }

    /// Adds what another process has learned.
    pub(crate) fn absorb(&self, findings: Findings) {
        {
            let mut state = lock(&self.0);
            state.opened = state.opened.saturating_add(findings.opened);
            state.refused = state.refused.saturating_add(findings.refused);
        }
        findings.lines.into_iter().for_each(|line| self.add(line));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The findings about one file, whose ranges several threads read.
#[derive(Debug)]
pub(crate) struct Account {
    /// Unique in this process.
    #[cfg(feature = "cluster")]
    id: u64,
    log: DamageLog,
    salvages: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_begun: bool,
    /// A line that may explain missing blocks.
    is_explained: bool,
    blocks: u64,
    records: u64,
    stands_for: u64,
    /// Bytes of the file whose blocks were all read.
    covered: u64,
    /// Whether the whole file was read here.
    #[cfg(feature = "cluster")]
    is_closed: bool,
}

/// What was read of a file in some of its ranges: sums that another process completes.
#[cfg(feature = "cluster")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) is_explained: bool,
    pub(crate) blocks: u64,
    pub(crate) records: u64,
    pub(crate) stands_for: u64,
    pub(crate) covered: u64,
}

impl Account {
    pub(crate) fn new(log: DamageLog, salvages: bool) -> Self {
        #[cfg(feature = "cluster")]
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            #[cfg(feature = "cluster")]
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            log,
            salvages,
            state: Mutex::default(),
        }
    }

    /// Begins with what opening has found; the first range of a file does.
    pub(crate) fn open(&self, file: &File) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.is_begun, true) {
            return;
        }
        self.log.opened();
        if let Some(error) = file.appendix_damage() {
            let reason = error.reason();
            let what = match file.header().layout == 3 && error.block().is_none() {
                true => reason.to_owned(),
                false => format!("ident and statistics are not readable: {reason}"),
            };
            self.log.add(format!("{}: {what}", path(file)));
        }
        if file.header().unfinished {
            let hint = match self.salvages {
                true => "",
                false => ": `nfdecode read --salvage` reads what is complete",
            };
            self.log.add(format!(
                "{}: file is unfinished: still being written, or abandoned{hint}",
                path(file)
            ));
        }
    }

    /// Counts a block, and its damage.
    pub(crate) fn block(&self, block: &Block) {
        {
            let mut state = lock(&self.state);
            state.blocks += 1;
            state.records += block.len() as u64;
            state.stands_for = state.stands_for.saturating_add(block.flow_count());
        }
        if let Some(error) = block.damage() {
            self.damage(error);
        }
    }

    /// Counts damage.
    pub(crate) fn damage(&self, error: &Error) {
        lock(&self.state).is_explained = true;
        self.log.add(error.to_string());
    }

    /// Whether anything is wrong with a file of this log.
    pub(crate) fn is_damaged(&self) -> bool {
        self.log.is_damaged()
    }

    /// What is wrong, as the error of a query that damage fails.
    pub(crate) fn failure(&self) -> DataFusionError {
        DataFusionError::Execution(self.log.take().join("; "))
    }

    /// Counts a file that could not be opened; each of its ranges says so.
    pub(crate) fn refused(&self, error: &Error) {
        self.log.refused(error, self.salvages);
    }

    /// Ends a range of this many bytes. After the last one, flows that are missing are a loss.
    pub(crate) fn close(&self, file: &File, bytes: u64) {
        let mut state = lock(&self.state);
        state.covered = state.covered.saturating_add(bytes);
        let header = file.header();
        if state.covered < header.file_size {
            return;
        }
        #[cfg(feature = "cluster")]
        {
            state.is_closed = true;
        }
        let announced = u64::from(header.blocks);
        if !state.is_explained && !header.unfinished && state.blocks < announced {
            self.log.add(format!(
                "{}: {} blocks read, but the header announces {announced}",
                path(file),
                state.blocks
            ));
        }
        let announced = file.announced_flows().unwrap_or(0);
        if state.records.max(state.stands_for) < announced {
            let hint = match state.is_explained && !self.salvages {
                true => ": `nfdecode read --salvage` may recover more",
                false => "",
            };
            self.log.add(format!(
                "{}: {} flows read, but the file's statistics announce {announced}{hint}",
                path(file),
                state.records
            ));
        }
    }
}

#[cfg(feature = "cluster")]
impl Account {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn log(&self) -> &DamageLog {
        &self.log
    }

    /// Removes and returns the sums of ranges that are read, unless they are those of the whole file.
    pub(crate) fn drain(&self) -> Option<Part> {
        let mut state = lock(&self.state);
        if state.is_closed || state.covered == 0 {
            return None;
        }
        Some(Part {
            is_explained: state.is_explained,
            blocks: std::mem::take(&mut state.blocks),
            records: std::mem::take(&mut state.records),
            stands_for: std::mem::take(&mut state.stands_for),
            covered: std::mem::take(&mut state.covered),
        })
    }

    /// Adds what another process has read, as if it had been read here.
    pub(crate) fn absorb(&self, file: &File, part: Part) {
        self.open(file);
        {
            let mut state = lock(&self.state);
            state.is_explained |= part.is_explained;
            state.blocks = state.blocks.saturating_add(part.blocks);
            state.records = state.records.saturating_add(part.records);
            state.stands_for = state.stands_for.saturating_add(part.stands_for);
        }
        self.close(file, part.covered);
    }
}

fn path(file: &File) -> std::path::Display<'_> {
    file.path().unwrap_or(Path::new("")).display()
}
