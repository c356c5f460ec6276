//! From nfcapd files to sorted text: flows of all files in one order.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use nfdecode::Scan;
use nfdecode::aggregate::{AggregateError, FlowAdder, FlowOrder, FlowSorter};
use nfdecode::output::{FlowContext, TextBuffer};
use nfdecode::scan::{Lane, Part, ScanFile, Stopped, Work};
use nfdecode::value::Zone;

use crate::run::account::{self, Account};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::target::{BUFFER, Target};
use crate::sink::text_format::Style;

/// What to sort, and how to print it.
pub(crate) struct SortedFlows<'a> {
    pub(crate) order: FlowOrder,
    /// Flows to print at most.
    pub(crate) limit: Option<u64>,
    /// Bytes of flows in memory.
    pub(crate) memory: usize,
    pub(crate) scan: Scan,
    pub(crate) style: Style,
    /// Each flow says which file it is from.
    pub(crate) with_file: bool,
    pub(crate) zone: Zone,
    pub(crate) report: &'a Report,
}

impl SortedFlows<'_> {
    pub(crate) fn print(
        self,
        mut target: Target,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), Stop> {
        let most = self.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        let scan = self.scan.names(self.style.needs_names());
        let sorter = FlowSorter::new(self.order).first(most).with_memory(
            self.memory,
            scan.thread_count(),
            env::temporary().as_deref(),
        );
        let sorting = Sorting {
            sorter: &sorter,
            files: Mutex::default(),
            report: self.report,
        };
        let tally = Tally {
            account: Account::default(),
            progress,
            stop: None,
        };
        let (totals, tally, _) = scan.run(&sorting, tally);
        if let Some(stop) = tally.stop {
            return Err(stop);
        }
        if totals.files == 0 && totals.refused != 0 {
            self.report.nothing_read();
            if target.is_named() {
                // No file is left after a failure; standard output has an empty but valid document.
                return Ok(());
            }
        }
        let files = sorting.files.into_inner();
        let mut files = files.unwrap_or_else(PoisonError::into_inner).contexts;
        let mut formatter = self.style.formatter(self.with_file, &self.zone);
        let format = formatter.any();
        let (mut text, mut count) = (TextBuffer::default(), 0);
        format.begin(&mut text);
        let printed = sorter.for_each(|flow, origin| {
            count += 1;
            if let Some(context) = files.get_mut(origin.label as usize) {
                context.set_record_number(origin.record_number);
                format.flow(count, flow, context, &mut text);
            }
            if text.len() >= BUFFER {
                interrupt::check()?;
                target.write(text.as_bytes())?;
                text.clear();
            }
            Ok::<(), Ended>(())
        });
        printed.map_err(|Ended(stop)| stop)?;
        format.end(count, &mut text);
        target.write(text.as_bytes())?;
        target.finish()
    }
}

/// Why printing ended.
struct Ended(Stop);

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        Self(stop)
    }
}

impl From<AggregateError> for Ended {
    fn from(error: AggregateError) -> Self {
        Self(Stop::failed(format!("while sorting: {error}")))
    }
}

/// The files of flows, by number.
#[derive(Default)]
struct Files {
    numbers: HashMap<String, u32>,
    contexts: Vec<FlowContext>,
}

impl Files {
    fn number(&mut self, file: &ScanFile) -> u32 {
        if let Some(number) = self.numbers.get(file.name()) {
            return *number;
        }
        let number = self.contexts.len() as u32;
        let context = FlowContext::new(file.file().ident(), file.name());
        self.contexts.push(match file.names() {
            Some(names) => context.with_names(names),
            None => context,
        });
        self.numbers.insert(file.name().to_owned(), number);
        number
    }
}

struct Sorting<'a> {
    sorter: &'a FlowSorter,
    files: Mutex<Files>,
    report: &'a Report,
}

struct Worker {
    adder: FlowAdder,
    /// The file of the last block, and its number.
    file: Option<(Arc<ScanFile>, u32)>,
}

struct Tally<'a> {
    account: Account,
    progress: &'a mut (dyn FnMut(u64) + Send),
    stop: Option<Stop>,
}

impl<'a> Work for Sorting<'a> {
    type Worker = Worker;
    type Tally = Tally<'a>;

    fn worker(&self) -> Worker {
        Worker {
            adder: self.sorter.adder(),
            file: None,
        }
    }

    fn work(
        &self,
        worker: &mut Worker,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally<'a>>,
    ) -> Result<(), Stopped> {
        for part in parts {
            if let Part::Block(block) = &part {
                let number = match &worker.file {
                    Some((file, number)) if Arc::ptr_eq(file, block.file()) => *number,
                    _ => {
                        let files = self.files.lock();
                        let mut files = files.unwrap_or_else(PoisonError::into_inner);
                        let number = files.number(block.file());
                        worker.file = Some((Arc::clone(block.file()), number));
                        number
                    }
                };
                self.sorter.add(&mut worker.adder, block, number);
            }
            lane.in_turn(|tally| {
                tally.account.see(self.report, &part);
                (tally.progress)(account::stored_size(&part));
                match interrupt::check() {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(stop) => {
                        tally.stop.get_or_insert(stop);
                        ControlFlow::Break(())
                    }
                }
            })?;
        }
        Ok(())
    }
}
