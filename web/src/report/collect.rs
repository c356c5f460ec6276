//! One pass over the flows: every list, chart and rule of a report is fed from the same blocks.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nfdecode::Scan;
use nfdecode::aggregate::{self, AggregateError, Collector};
use nfdecode::scan::{Lane, Part, ScanBlock, Stopped, Totals, Work};

use crate::report::options::Options;
use crate::report::result::{Counted, Report, Rows};
use crate::survey::files::Files;
use crate::survey::findings::Findings;
use crate::survey::lists::{LISTS, List, Marks};
use crate::survey::sample::{Draws, Sample};
use crate::survey::seen::Seen;
use crate::survey::spread::Distributions;
use crate::survey::sums::Sums;
use crate::survey::timeline::Timeline;

/// Counts flows for a report.
///
/// Each thread has an [`Adder`]. Blocks are added in any order, parts are [seen](Self::see) in theirs.
#[derive(Debug)]
pub struct Survey {
    options: Options,
    collectors: Vec<Collector>,
    sample: Sample,
    findings: Findings,
    files: Mutex<Files>,
    locals: Mutex<Vec<Arc<Mutex<Local>>>>,
    adders: AtomicUsize,
}

/// What a thread counts by itself.
#[derive(Debug, Default)]
struct Local {
    timeline: Timeline,
    distributions: Distributions,
    sums: Sums,
    draws: Draws,
    flows: Vec<Seen>,
}

/// What a thread adds blocks with.
#[derive(Debug)]
pub struct Adder {
    lists: Vec<aggregate::Adder>,
    local: Arc<Mutex<Local>>,
    turn: usize,
}

impl Survey {
    /// For this number of threads.
    ///
    /// # Errors
    /// [`AggregateError`], never in practice: the lists are fixed.
    pub fn new(options: &Options, threads: NonZeroUsize) -> Result<Self, AggregateError> {
        // Each list may be the one that needs it.
        let memory = options.memory / LISTS.len();
        let collector = |list: &List| {
            let collector = Collector::new(&list.grouping()?, threads);
            Ok(collector.with_memory(memory, options.directory.clone()))
        };
        Ok(Self {
            options: options.clone(),
            collectors: LISTS
                .iter()
                .map(collector)
                .collect::<Result<_, AggregateError>>()?,
            sample: Sample::default(),
            findings: Findings::default(),
            files: Mutex::default(),
            locals: Mutex::default(),
            adders: AtomicUsize::new(0),
        })
    }

    /// What a thread adds blocks with.
    #[must_use]
    pub fn adder(&self) -> Adder {
        let local = Arc::new(Mutex::new(Local::default()));
        lock(&self.locals).push(Arc::clone(&local));
        Adder {
            lists: self.collectors.iter().map(Collector::adder).collect(),
            local,
            turn: self.adders.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Adds the selected flows of a block.
    pub fn add(&self, adder: &mut Adder, block: &ScanBlock) {
        for (collector, list) in self.collectors.iter().zip(&mut adder.lists) {
            collector.add(list, block);
        }
        let mut local = lock(&adder.local);
        let Local {
            timeline,
            distributions,
            sums,
            draws,
            flows,
        } = &mut *local;
        flows.clear();
        for (flow, number) in block.flows().zip(block.flows_before()..) {
            let seen = Seen::of(&flow);
            timeline.add(&seen);
            distributions.add(&seen);
            sums.add(&seen);
            if let Some(times) = seen.times {
                let amount = (times, seen.bytes);
                self.sample
                    .add(draws, number, amount, || Marks::of(&flow, &seen));
            }
            flows.push(seen);
        }
        self.findings.add(flows, adder.turn);
    }

    /// Looks at a part of the scan: what is damaged, missing or sampled. Parts come in order.
    pub fn see(&self, part: &Part) {
        lock(&self.files).see(part);
    }

    /// Reads a scan. Errors of files are in the report.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn run(self, scan: &Scan) -> Result<Report, AggregateError> {
        let (totals, (), _) = scan.run(&Reading(&self), ());
        self.finish(&totals)
    }

    /// The report.
    ///
    /// # Errors
    /// [`AggregateError::Io`]: temporary files cannot be written or read.
    pub fn finish(self, totals: &Totals) -> Result<Report, AggregateError> {
        let mut all = Local::default();
        for local in self
            .locals
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            let mut local = std::mem::take(&mut *lock(&local));
            self.sample.take(&mut local.draws);
            all.timeline.merge(local.timeline);
            all.distributions.merge(&local.distributions);
            all.sums.merge(&local.sums);
        }
        let mut lists = Vec::new();
        for (list, collector) in LISTS.iter().zip(self.collectors) {
            lists.push(Rows::new(list, collector, self.options.top)?);
        }
        let mut files = self
            .files
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if totals.refused != 0 && files.opened == 0 && files.damage.is_empty() {
            files.damage.push("no file could be opened".to_owned());
        }
        let counted = Counted {
            timeline: all.timeline,
            distributions: all.distributions,
            sums: all.sums,
        };
        Ok(Report::new(
            self.options,
            *totals,
            (counted, lists),
            (files, self.findings.finish()),
            self.sample.finish(),
        ))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere ends the run; nothing is read after it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Reading<'s>(&'s Survey);

impl Work for Reading<'_> {
    type Worker = Adder;
    type Tally = ();

    fn worker(&self) -> Adder {
        self.0.adder()
    }

    fn work(
        &self,
        adder: &mut Adder,
        parts: Vec<Part>,
        lane: &mut Lane<'_, ()>,
    ) -> Result<(), Stopped> {
        for part in parts {
            if let Part::Block(block) = &part {
                self.0.add(adder, block);
            }
            lane.in_turn(|()| {
                self.0.see(&part);
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }
}
