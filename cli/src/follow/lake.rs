//! Finished files into a directory of Parquet files, each exactly once: by the records of `--partition-by`.

use std::path::PathBuf;

use nfdecode::OpenOptions;
use nfdecode::columns::Projection;
use nfdecode::follow::Job;
use nfdecode::scan::ScanInput;

use crate::args::slot::Slot;
use crate::follow::compact::Compaction;
use crate::follow::tell::{Counts, Tell};
use crate::input::select::Selection;
use crate::run::stop::Stop;
use crate::sink::columns::{ColumnWriter, Output};
use crate::sink::parquet::Stored;
use crate::sink::partition::recorded;

/// The directory, and how it is written.
pub(crate) struct Lake {
    pub(crate) path: PathBuf,
    pub(crate) slot: Slot,
    pub(crate) stored: Stored,
    pub(crate) columns: Option<Projection>,
    pub(crate) selection: Selection,
    pub(crate) options: OpenOptions,
    pub(crate) threads: std::num::NonZeroUsize,
    pub(crate) memory: u64,
    /// Merges small files, if requested.
    pub(crate) compaction: Option<Compaction>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its flows are in the directory, as the directory's records say.
    Written,
    /// A part could not be read for a reason that may pass.
    Unread,
}

impl Lake {
    /// Writes files that were not written before. Also after an error, what was written stays.
    pub(crate) fn write(&mut self, jobs: &[Job], tell: &Tell<'_>) -> (Vec<Fate>, Result<(), Stop>) {
        let inputs = jobs.iter().map(|job| ScanInput::path(&*job.path));
        let scan = self
            .selection
            .scan(inputs)
            .open_with(self.options.clone())
            .threads(self.threads)
            .memory(self.memory);
        let writer = ColumnWriter {
            columns: self.columns.clone(),
            with_file: false,
            scan,
            filter: self.selection.text(),
            limit: None,
            all_must_open: false,
            origin: None,
            report: tell.report,
        };
        let output = Output::Directory {
            path: &self.path,
            slot: self.slot,
            stored: self.stored,
            is_durable: true,
        };
        let counts = tell.counts;
        let mut read = |bytes| {
            Counts::add(&counts.bytes, bytes);
            Counts::add(&counts.beat, 1);
        };
        let result = writer.write(output, &mut read, &mut |_| Ok(()));
        let is_complete = result.is_ok();
        if let Ok(printed) = &result {
            Counts::add(&counts.flows, printed.totals.flows);
            Counts::add(
                &counts.damage,
                printed.totals.damaged + printed.totals.refused,
            );
        }
        let mut fate = |job: &Job| match recorded(&self.path, &ScanInput::path(&*job.path)) {
            Some(files) => {
                if let Some(compaction) = &mut self.compaction {
                    compaction.wrote(files);
                }
                Some(Fate::Written)
            }
            // What comes after the file that ended the run was not looked at.
            None => is_complete.then_some(Fate::Unread),
        };
        let fates = jobs.iter().map_while(&mut fate).collect();
        (fates, result.map(drop))
    }
}
