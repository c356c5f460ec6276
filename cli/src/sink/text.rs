//! From nfcapd files to the chosen text: shared by the commands that print flows.
//!
//! Blocks are decoded and formatted on several threads; counting, writing and reporting happen in
//! the order of files and blocks, so output is the same for any number of threads.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
use nfdecode::scan::{FileEnd, Lane, Part, ScanBlock, ScanFile, ScanInput, Stopped, Totals, Work};
use nfdecode::value::Zone;
use nfdecode::{Flow, Scan};

use crate::run::account::{self, Account};
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::target::{BUFFER, Target};
use crate::sink::text_format::{Formatter, Style};

/// Text below this is worth a copy to save a write.
const SMALL: usize = 64 << 10;
/// Maximum text that waits in all threads together, as long as each has at least [`WAITING_MIN`].
const WAITING: usize = 24 << 20;
/// Minimum text that a thread collects before it waits for its turn. A whole block is about 10 MB.
const WAITING_MIN: usize = 4 << 20;
/// Maximum text that a thread collects.
const WAITING_MAX: usize = 12 << 20;

/// Size of the text that each of this many threads collects before it waits for its turn.
fn waiting(threads: NonZeroUsize) -> usize {
    (WAITING / threads).clamp(WAITING_MIN, WAITING_MAX)
}

/// How the flows of several files are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// One sequence over all files.
    Together,
    /// A JSON object with an array for each file; or, one line a flow, each with its file.
    ByFile,
}

/// How to print flows.
pub(crate) struct FlowWriter<'a> {
    /// Which flows, how files are opened, and on how many threads.
    pub(crate) scan: Scan,
    pub(crate) style: Style,
    pub(crate) arrangement: Arrangement,
    pub(crate) zone: Zone,
    /// Print only the number of flows.
    pub(crate) count_only: bool,
    /// A file that cannot be opened ends the run; otherwise it is reported and skipped.
    pub(crate) all_must_open: bool,
    /// Set as soon as printing will end early, while threads may still wait for inputs.
    pub(crate) gave_up: &'a AtomicBool,
    pub(crate) report: &'a Report,
}

/// Totals of a printed run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) totals: Totals,
    /// Files written earlier, which were not read again.
    pub(crate) passed_over: u64,
}

impl FlowWriter<'_> {
    /// Prints the flows of all inputs. Damage is reported and skipped. `progress` is called with bytes
    /// read, `file_done` with each file that has been printed.
    ///
    /// The caller writes the end of the text, which depends on more than printing.
    ///
    /// Long: what comes before the run, the run, and what comes after it.
    pub(crate) fn print<'t>(
        &self,
        inputs: impl Iterator<Item = ScanInput> + Send,
        target: &'t mut Target,
        progress: &mut (dyn FnMut(u64) + Send),
        file_done: &mut (dyn FnMut(&ScanInput) -> Result<(), Stop> + Send),
    ) -> Result<Unfinished<'t>, Stop> {
        let mut text = Text {
            target,
            held: TextBuffer::default(),
            flushed: false,
        };
        let piece = text.target.piece();
        if self.is_object() {
            text.held.push(b'{');
        } else if !self.count_only {
            self.new_format().any().begin(&mut text.held);
        }
        let tally = Tally {
            files: 0,
            text,
            in_file: None,
            account: Account::default(),
            stop: None,
            gave_up: self.gave_up,
            progress,
            file_done,
        };
        let printing = Printing {
            writer: self,
            piece,
            target: PhantomData,
        };
        let scan = self.scan.clone().names(self.style.needs_names());
        let (totals, tally, end) = scan.run_over(inputs, &printing, tally);
        let Tally {
            text,
            in_file,
            stop,
            ..
        } = tally;
        let mut tail = TextBuffer::default();
        if let Some(count) = in_file
            && self.is_object()
        {
            end_array(self.new_format().any(), count, &mut tail);
        }
        if self.count_only {
            tail.extend(totals.flows.to_string().as_bytes());
            tail.push(b'\n');
        } else if self.is_object() {
            tail.extend(if totals.files == 0 { b"}\n" } else { b"\n}\n" });
        } else {
            let count = match self.arrangement {
                Arrangement::Together => totals.flows,
                // One line per flow: the number of the last file's flows, as the format numbers them.
                Arrangement::ByFile => in_file.unwrap_or_default(),
            };
            self.new_format().any().end(count, &mut tail);
        }
        let unfinished = Unfinished {
            printed: Printed {
                totals,
                passed_over: 0,
            },
            text,
            tail,
        };
        match (end, stop) {
            (Err(_), Some(stop)) => {
                if matches!(stop, Stop::Failed(_)) {
                    unfinished.abandon();
                }
                Err(stop)
            }
            _ => Ok(unfinished),
        }
    }

    /// Whether there is a JSON object around the files' arrays.
    fn is_object(&self) -> bool {
        self.arrangement == Arrangement::ByFile && self.style.is_object() && !self.count_only
    }

    fn new_format(&self) -> Formatter {
        let tell_files = self.arrangement == Arrangement::ByFile;
        self.style.formatter(tell_files, &self.zone)
    }
}

/// Text for the target. Only small amounts are buffered: small output is written in one call,
/// completely or not.
struct Text<'a> {
    target: &'a mut Target,
    held: TextBuffer,
    /// Some text has already been written.
    flushed: bool,
}

impl Text<'_> {
    fn write(&mut self, text: &[u8]) -> Result<(), Stop> {
        // After the first write only small pieces are worth a copy.
        let is_held = !self.flushed || text.len() < SMALL;
        if is_held && self.held.len() + text.len() <= BUFFER {
            self.held.extend(text);
            return Ok(());
        }
        self.flush()?;
        self.target.write(text)
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.flushed = true;
        let result = self.target.write(self.held.as_bytes());
        self.held.clear();
        result
    }
}

/// Printed flows whose text lacks its end.
pub(crate) struct Unfinished<'a> {
    pub(crate) printed: Printed,
    text: Text<'a>,
    tail: TextBuffer,
}

impl Unfinished<'_> {
    /// Writes the end.
    pub(crate) fn finish(mut self) -> Result<(), Stop> {
        self.text.write(self.tail.as_bytes())?;
        self.text.flush()
    }

    /// After a failure: output that a reader of standard output has begun to see is completed to a
    /// valid document; otherwise there is no output.
    pub(crate) fn abandon(self) {
        if self.text.flushed && matches!(self.text.target, Target::Stdout(_)) {
            // The failure that led here is the one to report.
            let _ = self.finish();
        }
    }
}

/// State that is updated in order.
struct Tally<'t, 'a> {
    /// Files that have been begun.
    files: u64,
    text: Text<'t>,
    /// The array of a file is open in what has been written, with this many flows so far.
    in_file: Option<u64>,
    /// Findings about the current file.
    account: Account,
    /// The reason why the run ends early.
    stop: Option<Stop>,
    gave_up: &'a AtomicBool,
    progress: &'a mut (dyn FnMut(u64) + Send),
    file_done: &'a mut (dyn FnMut(&ScanInput) -> Result<(), Stop> + Send),
}

impl Tally<'_, '_> {
    /// Ends the run with this.
    fn stop_with(&mut self, result: Result<(), Stop>) -> ControlFlow<()> {
        match result.and_then(|()| interrupt::check()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                self.stop.get_or_insert(stop);
                self.gave_up.store(true, Ordering::Relaxed);
                ControlFlow::Break(())
            }
        }
    }
}

/// State of a worker thread.
struct Worker {
    format: Formatter,
    buffer: TextBuffer,
    /// The file of the last block.
    file: Option<Arc<ScanFile>>,
    /// The text that `format` prints for that file.
    context: FlowContext,
}

impl Worker {
    fn set_file(&mut self, file: &Arc<ScanFile>) {
        let known = self.file.as_ref();
        if known.is_none_or(|known| !Arc::ptr_eq(known, file)) {
            let context = FlowContext::new(file.file().ident(), file.name());
            self.context = match file.names() {
                Some(names) => context.with_names(names),
                None => context,
            };
            self.file = Some(Arc::clone(file));
        }
    }
}

/// A run over the parts of a scan, with text for a target that lives for `'t`.
struct Printing<'t, 'a> {
    writer: &'a FlowWriter<'a>,
    /// Text that a thread writes at once when it is its turn.
    piece: usize,
    target: PhantomData<fn(&'t ())>,
}

impl<'t, 'a> Work for Printing<'t, 'a> {
    type Worker = Worker;
    type Tally = Tally<'t, 'a>;

    fn worker(&self) -> Worker {
        Worker {
            format: self.writer.new_format(),
            // Memory that is never written to is never allocated by the system.
            buffer: TextBuffer::with_capacity(
                waiting(self.writer.scan.thread_count()) + self.piece,
            ),
            file: None,
            context: FlowContext::default(),
        }
    }

    fn work(
        &self,
        worker: &mut Worker,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally<'t, 'a>>,
    ) -> Result<(), Stopped> {
        for part in parts {
            worker.buffer.clear();
            match &part {
                Part::Start(file) => self.writer.start(worker, lane, file)?,
                Part::Block(block) => self.writer.block(worker, lane, block, self.piece)?,
                Part::End(end) => self.writer.end(worker, lane, end)?,
                Part::Refused(error) if self.writer.all_must_open => {
                    lane.in_turn(|tally| tally.stop_with(Err(Stop::failed(error))))?;
                }
                _ => {}
            }
            lane.in_turn(|tally| {
                tally.account.see(self.writer.report, &part);
                (tally.progress)(account::stored_size(&part));
                let result = match &part {
                    Part::End(end) => {
                        if !end.is_whole() {
                            // The limit is reached: no more inputs are needed.
                            tally.gave_up.store(true, Ordering::Relaxed);
                        }
                        if let Some(names) = end.file().names() {
                            account::names_left_out(self.writer.report, names);
                        }
                        (tally.file_done)(end.file().input())
                    }
                    _ => Ok(()),
                };
                tally.stop_with(result)
            })?;
        }
        Ok(())
    }
}

impl FlowWriter<'_> {
    fn start(
        &self,
        worker: &mut Worker,
        lane: &mut Lane<'_, Tally<'_, '_>>,
        file: &ScanFile,
    ) -> Result<(), Stopped> {
        if self.is_object() {
            let key = serde_json::to_string(file.name()).unwrap_or_default();
            worker.buffer.extend(key.as_bytes());
            worker.buffer.extend(b" : ");
            worker.format.any().begin(&mut worker.buffer);
        }
        lane.in_turn(|tally| {
            let before: &[u8] = match (self.is_object(), tally.files) {
                (false, _) => b"",
                (true, 0) => b"\n",
                (true, _) => b",\n",
            };
            tally.files += 1;
            tally.in_file = Some(0);
            let written = tally.text.write(before);
            let result = written.and_then(|()| tally.text.write(worker.buffer.as_bytes()));
            tally.stop_with(result)
        })
    }

    fn end(
        &self,
        worker: &mut Worker,
        lane: &mut Lane<'_, Tally<'_, '_>>,
        end: &FileEnd,
    ) -> Result<(), Stopped> {
        if self.is_object() {
            end_array(worker.format.any(), end.flows(), &mut worker.buffer);
        }
        // A file that no thread has open any more can be removed.
        worker.file = None;
        lane.in_turn(|tally| {
            if self.is_object() {
                tally.in_file = None;
            }
            let result = tally.text.write(worker.buffer.as_bytes());
            tally.stop_with(result)
        })
    }

    /// Formats one block and writes it when the thread owns the turn, or in pieces when it gets
    /// large.
    fn block(
        &self,
        worker: &mut Worker,
        lane: &mut Lane<'_, Tally<'_, '_>>,
        block: &ScanBlock,
        piece: usize,
    ) -> Result<(), Stopped> {
        worker.set_file(block.file());
        let before = match self.arrangement {
            Arrangement::Together => block.flows_before(),
            Arrangement::ByFile => block.flows_before_in_file(),
        };
        if !self.count_only {
            let numbered = worker.format.any().needs_record_numbers();
            let mut text = FlowText {
                flows: block.flows().zip(before + 1..),
                records: numbered.then(|| record_numbers(block).into_iter()),
                context: &mut worker.context,
                buffer: &mut worker.buffer,
                piece,
            };
            match &mut worker.format {
                Formatter::Json(format) => text.format(format.as_mut(), lane)?,
                Formatter::Csv(format) => text.format(format.as_mut(), lane)?,
                Formatter::Fields(format) => text.format(format.as_mut(), lane)?,
                Formatter::Lines(format) => text.format(format.as_mut(), lane)?,
            }
        }
        lane.in_turn(|tally| {
            tally.in_file = Some(before + block.len() as u64);
            let result = tally.text.write(worker.buffer.as_bytes());
            tally.stop_with(result)
        })
    }
}

/// The numbers of the records of the selected flows.
fn record_numbers(block: &ScanBlock) -> Vec<u64> {
    let all = block.block().record_numbers(block.records_before());
    let Some(selected) = block.selected() else {
        return all.collect();
    };
    let all: Vec<u64> = all.collect();
    let number = |at: &u32| all.get(*at as usize).copied();
    selected.iter().filter_map(number).collect()
}

/// The flows of a block while they are formatted.
struct FlowText<'w, F> {
    /// Flows with their numbers in the output.
    flows: F,
    /// The numbers of their records in the input, if the format prints these.
    records: Option<std::vec::IntoIter<u64>>,
    context: &'w mut FlowContext,
    buffer: &'w mut TextBuffer,
    /// Text that is written at once.
    piece: usize,
}

impl<'b, F: Iterator<Item = (Flow<'b>, u64)>> FlowText<'_, F> {
    /// Formats all flows into the buffer. Writes text early when the buffer is full, and each piece when this
    /// thread owns the turn.
    fn format(
        &mut self,
        format: &mut impl FlowFormat,
        lane: &mut Lane<'_, Tally<'_, '_>>,
    ) -> Result<(), Stopped> {
        let (buffer, piece) = (&mut *self.buffer, self.piece);
        let mut look_at = piece;
        for (flow, number) in self.flows.by_ref() {
            if let Some(record) = self.records.as_mut().and_then(Iterator::next) {
                self.context.set_record_number(record);
            }
            format.flow(number, &flow, self.context, buffer);
            if buffer.len() < look_at {
                continue;
            }
            look_at = buffer.len() + piece;
            if buffer.len() + piece > buffer.capacity() || lane.is_turn() {
                lane.in_turn(|tally| {
                    let result = tally.text.write(buffer.as_bytes());
                    tally.stop_with(result)
                })?;
                buffer.clear();
                look_at = piece;
            }
        }
        Ok(())
    }
}

/// The end of a file's array, without the newline: a comma or the end of the object follows.
fn end_array(format: &mut dyn FlowFormat, count: u64, out: &mut TextBuffer) {
    format.end(count, out);
    out.pop();
}
