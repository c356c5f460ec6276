//! Makes the summaries of files that have none: in the background, in the order of files.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nfdecode::Scan;
use nfdecode::scan::{Lane, Part, Stopped, Work};

use crate::serve::archive::{Archive, Entry};
use crate::serve::cache::Cache;
use crate::serve::summary::{INTERVAL, Summary};
use crate::survey::files::Files;
use crate::survey::seen::Seen;
use crate::survey::timeline::Timeline;

/// How often what was found so far is saved.
const SAVE_EVERY: Duration = Duration::from_secs(20);

/// Reads all files without a summary, until `is_over`. Returns why summaries could not be saved.
pub(crate) fn run(
    archive: &Archive,
    cache: Option<&Cache>,
    scan: &Scan,
    is_over: &(dyn Fn() -> bool + Sync),
) -> Option<std::io::Error> {
    let list = archive.list();
    if let Some(cache) = cache {
        cache.load(archive, &list);
    }
    let missing: Vec<&Arc<Entry>> = list
        .entries
        .iter()
        .filter(|entry| entry.summary.get().is_none())
        .collect();
    if missing.is_empty() {
        return None;
    }
    let by_path: HashMap<&Path, &Arc<Entry>> = missing
        .iter()
        .map(|entry| (entry.path.as_path(), *entry))
        .collect();
    let scan = scan
        .clone()
        .with_inputs(missing.iter().map(|entry| entry.input.clone()));
    let indexing = Indexing {
        archive,
        by_path,
        is_over,
        save: &|done| cache.map_or(Ok(()), |cache| cache.save(&list, done)),
    };
    let mut tally = scan.run(&indexing, Tally::default()).1;
    // Places that could not be looked at have no part of their own.
    if let Err(error) = (indexing.save)(&tally.unsaved) {
        tally.failed.get_or_insert(error);
    }
    tally.failed
}

struct Indexing<'a> {
    archive: &'a Archive,
    by_path: HashMap<&'a Path, &'a Arc<Entry>>,
    is_over: &'a (dyn Fn() -> bool + Sync),
    save: &'a (dyn Fn(&[Arc<Entry>]) -> std::io::Result<()> + Sync),
}

/// The file that is being read, and those that were read and not saved.
struct Tally {
    line: Timeline,
    totals: [u64; 3],
    files: Files,
    is_passing: bool,
    unsaved: Vec<Arc<Entry>>,
    saved: Instant,
    failed: Option<std::io::Error>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            line: Timeline::for_length(INTERVAL),
            totals: [0; 3],
            files: Files::default(),
            is_passing: false,
            unsaved: Vec::new(),
            saved: Instant::now(),
            failed: None,
        }
    }
}

impl Work for Indexing<'_> {
    type Worker = ();
    type Tally = Tally;

    fn worker(&self) {}

    fn work(
        &self,
        (): &mut (),
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally>,
    ) -> Result<(), Stopped> {
        for part in parts {
            let mut line = Timeline::for_length(INTERVAL);
            let mut totals = [0_u64; 3];
            if let Part::Block(block) = &part {
                for flow in block.flows() {
                    let seen = Seen::amounts(&flow);
                    line.add(&seen);
                    let amounts = [seen.flows, seen.packets, seen.bytes];
                    for (sum, more) in totals.iter_mut().zip(amounts) {
                        *sum = sum.saturating_add(more);
                    }
                }
            }
            lane.in_turn(|tally| {
                if matches!(part, Part::Block(_)) {
                    tally.line.merge(line);
                    for (sum, more) in tally.totals.iter_mut().zip(totals) {
                        *sum = sum.saturating_add(more);
                    }
                }
                tally.files.see(&part);
                tally.is_passing |= match &part {
                    // What is in encrypted files is not for the disk.
                    Part::Start(file) => file.file().header().encrypted,
                    Part::Gap(gap) => gap.error().is_transient(),
                    Part::Refused(_) => true,
                    _ => false,
                };
                match &part {
                    Part::End(end) => self.keep(tally, end.file().input().as_path()),
                    Part::Refused(error) => self.keep(tally, error.file()),
                    _ => {}
                }
                match (self.is_over)() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        }
        Ok(())
    }
}

impl Indexing<'_> {
    /// The file has been read.
    fn keep(&self, tally: &mut Tally, path: Option<&Path>) {
        let line = std::mem::replace(&mut tally.line, Timeline::for_length(INTERVAL));
        let totals = std::mem::take(&mut tally.totals);
        let files = std::mem::take(&mut tally.files);
        let is_passing = std::mem::take(&mut tally.is_passing);
        let Some(entry) = path.and_then(|path| self.by_path.get(path)) else {
            return;
        };
        let mut summary = Summary::new(line, totals, &files);
        summary.is_passing = is_passing;
        self.archive.summarize(entry, summary);
        tally.unsaved.push(Arc::clone(entry));
        if tally.saved.elapsed() >= SAVE_EVERY {
            if let Err(error) = (self.save)(&tally.unsaved) {
                tally.failed.get_or_insert(error);
            }
            tally.unsaved.clear();
            tally.saved = Instant::now();
        }
    }
}
