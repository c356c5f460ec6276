//! Flows to standard output, block by block, with the position behind each block that was written.

use std::io::BufWriter;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use nfdecode::columns::{BatchBuilder, Labels, Projection, Rows};
use nfdecode::file::Position;
use nfdecode::follow::{Opened, Progress};
use nfdecode::output::{FlowContext, TextBuffer};
use nfdecode::scan::{Lane, Part, ScanBlock, ScanFile, Stopped, Work};
use nfdecode::{Error, Scan};

use crate::follow::tell::Counts;
use crate::follow::text::{Formatter, TextForm};
use crate::run::account;
use crate::run::interrupt;
use crate::run::stop::Stop;
use crate::sink::output::{Fault, Out};
use crate::sink::target::{BUFFER, Target};

/// Text that a thread collects before it waits for its turn.
const WAITING: usize = 4 << 20;

/// What is written.
pub(crate) enum Form {
    Text(Box<TextForm>),
    Arrow(Projection, SchemaRef),
}

impl Form {
    /// Arrow with these columns, the file of each flow and its number in the file.
    pub(crate) fn arrow(columns: &Projection) -> Result<Self, Stop> {
        let names = columns.columns().iter().map(|column| column.name());
        let names = names.filter(|name| *name != "file");
        let columns = Projection::from_names(std::iter::once("file").chain(names));
        let columns = columns.map_err(Stop::failed)?;
        let inner = columns.schema();
        let mut fields: Vec<_> = inner.fields().iter().cloned().collect();
        fields.insert(1, Arc::new(Field::new("flow", DataType::UInt64, false)));
        let schema = Schema::new_with_metadata(fields, inner.metadata().clone());
        Ok(Self::Arrow(columns, Arc::new(schema)))
    }
}

/// Where it is written to.
pub(crate) enum Destination {
    Text(Target),
    Arrow(Box<StreamWriter<BufWriter<Out>>>, Fault),
}

impl Destination {
    /// Opens standard output, and writes what comes before all flows.
    pub(crate) fn open(form: &Form) -> Result<Self, Stop> {
        let mut target = Target::open(None)?;
        match form {
            Form::Text(text) => {
                let mut before = TextBuffer::default();
                text.formatter().begin(&mut before);
                target.write(before.as_bytes())?;
                Ok(Self::Text(target))
            }
            Form::Arrow(_, schema) => {
                let (out, fault) = Out::new(target);
                let out = BufWriter::with_capacity(BUFFER, out);
                let writer = StreamWriter::try_new(out, schema).map_err(Stop::failed);
                let mut writer = fault.explain(writer)?;
                fault.explain(writer.flush().map_err(Stop::failed))?;
                Ok(Self::Arrow(Box::new(writer), fault))
            }
        }
    }

    fn write(&mut self, batches: &[RecordBatch]) -> Result<(), Stop> {
        let Self::Arrow(writer, fault) = self else {
            return Ok(());
        };
        let written = batches.iter().try_for_each(|batch| writer.write(batch));
        let written = written.and_then(|()| writer.flush());
        fault.explain(written.map_err(Stop::failed))
    }

    /// Ends the stream.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        match self {
            Self::Text(_) => Ok(()),
            Self::Arrow(writer, fault) => {
                let ended = writer.finish().and_then(|()| writer.flush());
                fault.explain(ended.map_err(Stop::failed))
            }
        }
    }
}

/// How far a file was read.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) progress: Progress,
    /// It was opened and its first part was seen.
    pub(crate) is_begun: bool,
    /// All of it was read that it had.
    pub(crate) is_over: bool,
    /// It cannot hold selected flows: its blocks were not read.
    pub(crate) is_skipped: bool,
    /// Places that cannot be read: how many, and the first.
    pub(crate) gaps: u64,
    pub(crate) first: Option<Error>,
    /// What the last part was, if that was a place that cannot be read: the last block may not be complete yet.
    pub(crate) at_end: Option<Error>,
}

impl Reading {
    fn gap(&mut self, error: Error) {
        self.gaps += 1;
        self.first.get_or_insert(error);
    }
}

/// Reads files that are open, and writes their flows.
pub(crate) struct Printing<'a> {
    pub(crate) form: &'a Form,
    pub(crate) counts: &'a Counts,
    /// Flows are only counted.
    pub(crate) is_silent: bool,
    /// When to begin no other file.
    pub(crate) until: Instant,
    /// When to stop in a file, at the end of a block. Blocks that were decoded ahead are decoded again then.
    pub(crate) at_last: Instant,
}

/// What is kept in order.
pub(crate) struct Tally<'t> {
    out: &'t mut Destination,
    readings: Vec<Reading>,
    /// Number of the current file, from 1.
    current: usize,
    stop: Option<Stop>,
}

impl Printing<'_> {
    /// Reads `opened` with the selection of `scan`. Returns how far each was read.
    pub(crate) fn run(
        &self,
        scan: &Scan,
        opened: &[Opened],
        out: &mut Destination,
    ) -> (Vec<Reading>, Result<(), Stop>) {
        let begin = |opened: &Opened| Reading {
            progress: opened.progress(),
            ..Reading::default()
        };
        let tally = Tally {
            out,
            readings: opened.iter().map(begin).collect(),
            current: 0,
            stop: None,
        };
        let work = Run {
            printing: self,
            _target: PhantomData,
        };
        let is_due = |number: usize| number == 0 || Instant::now() < self.until;
        let inputs = opened.iter().enumerate();
        let inputs = inputs
            .take_while(|(number, _)| is_due(*number))
            .map(|(_, opened)| opened.input());
        let (_, tally, _) = scan.run_over(inputs, &work, tally);
        (tally.readings, tally.stop.map_or(Ok(()), Err))
    }
}

struct Run<'r, 't> {
    printing: &'r Printing<'r>,
    _target: PhantomData<fn(&'t ())>,
}

/// What a thread keeps.
struct Worker {
    buffer: TextBuffer,
    file: Option<Arc<ScanFile>>,
    kind: Kind,
}

enum Kind {
    Text {
        format: Box<Formatter>,
        context: FlowContext,
    },
    Arrow(Box<BatchBuilder>),
}

impl Worker {
    fn set_file(&mut self, file: &Arc<ScanFile>) {
        if self
            .file
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, file))
        {
            return;
        }
        match &mut self.kind {
            Kind::Text { context, .. } => {
                *context = FlowContext::new(file.file().ident(), file.name());
            }
            Kind::Arrow(builder) => {
                let names = std::iter::once((file.name(), file.file().ident()));
                builder.set_labels(Labels::from_files(names));
            }
        }
        self.file = Some(Arc::clone(file));
    }
}

impl<'t> Work for Run<'_, 't> {
    type Worker = Worker;
    type Tally = Tally<'t>;

    fn worker(&self) -> Worker {
        Worker {
            buffer: TextBuffer::default(),
            file: None,
            kind: match self.printing.form {
                Form::Text(form) => Kind::Text {
                    format: Box::new(form.formatter()),
                    context: FlowContext::default(),
                },
                Form::Arrow(columns, _) => Kind::Arrow(Box::new(BatchBuilder::new(columns))),
            },
        }
    }

    fn work(
        &self,
        worker: &mut Worker,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally<'t>>,
    ) -> Result<(), Stopped> {
        for part in &parts {
            let batches = match part {
                Part::Block(block) if !self.printing.is_silent => {
                    self.block(worker, lane, block)?
                }
                _ => Ok(Vec::new()),
            };
            if matches!(part, Part::End(_)) {
                // A file that is not open any more can be removed.
                worker.file = None;
            }
            lane.in_turn(|tally| {
                let text = worker.buffer.as_bytes();
                let written =
                    batches.and_then(|batches| tally.write(self.printing, text, &batches));
                let result = written.map(|()| tally.see(self.printing, part));
                tally.go_on(result, self.printing.at_last)
            })?;
            worker.buffer.clear();
        }
        Ok(())
    }
}

/// Encoded flows of a block, or why they cannot be encoded.
type Encoded = Result<Vec<RecordBatch>, Stop>;

impl Run<'_, '_> {
    /// Formats a block. Text is written early when it is this thread's turn, or when there is too much of it.
    fn block(
        &self,
        worker: &mut Worker,
        lane: &mut Lane<'_, Tally<'_>>,
        block: &ScanBlock,
    ) -> Result<Encoded, Stopped> {
        worker.set_file(block.file());
        let before = block.flows_before_in_file();
        let (format, context) = match (&mut worker.kind, self.printing.form) {
            (Kind::Text { format, context }, _) => (format, context),
            (Kind::Arrow(builder), Form::Arrow(_, schema)) => {
                return Ok(batches(builder, schema, block));
            }
            (Kind::Arrow(_), _) => return Ok(Ok(Vec::new())),
        };
        let buffer = &mut worker.buffer;
        for (flow, number) in block.flows().zip(before + 1..) {
            format.flow(number, &flow, context, buffer);
            let is_full = buffer.len() >= WAITING;
            if is_full || (buffer.len() >= BUFFER && lane.is_turn()) {
                lane.in_turn(
                    |tally| match tally.write(self.printing, buffer.as_bytes(), &[]) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(stop) => {
                            tally.stop.get_or_insert(stop);
                            ControlFlow::Break(())
                        }
                    },
                )?;
                buffer.clear();
            }
        }
        Ok(Ok(Vec::new()))
    }
}

/// The flows of a block with their numbers.
fn batches(builder: &mut BatchBuilder, schema: &SchemaRef, block: &ScanBlock) -> Encoded {
    let mut rows = Rows::new();
    rows.add(block.block(), 0, block.selected(), block.len());
    let mut number = block.flows_before_in_file();
    let made = builder.batches(&rows).map_err(Stop::failed)?;
    let add = |batch: RecordBatch| {
        let rows = batch.num_rows() as u64;
        let numbers = UInt64Array::from_iter_values(number + 1..=number + rows);
        number += rows;
        let mut columns = batch.columns().to_vec();
        columns.insert(1, Arc::new(numbers) as ArrayRef);
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(Stop::failed)
    };
    made.into_iter().map(add).collect()
}

impl Tally<'_> {
    fn write(
        &mut self,
        printing: &Printing<'_>,
        text: &[u8],
        batches: &[RecordBatch],
    ) -> Result<(), Stop> {
        if text.is_empty() && batches.is_empty() {
            return Ok(());
        }
        Counts::set(&printing.counts.writing, 1);
        let written = match self.out {
            Destination::Text(target) => target.write(text),
            Destination::Arrow(..) => self.out.write(batches),
        };
        Counts::set(&printing.counts.writing, 0);
        written
    }

    /// Takes note of a part whose flows are written.
    fn see(&mut self, printing: &Printing<'_>, part: &Part) {
        let counts = printing.counts;
        Counts::add(&counts.beat, 1);
        Counts::add(&counts.bytes, account::stored_size(part));
        if matches!(part, Part::Start(_)) {
            self.current += 1;
        }
        let current = self.current.saturating_sub(1);
        let Some(reading) = self.readings.get_mut(current) else {
            return;
        };
        match part {
            Part::Start(file) => {
                reading.is_begun = true;
                reading.is_skipped = file.is_skipped();
            }
            Part::Block(block) => {
                if let Some(error) = reading.at_end.take() {
                    reading.gap(error);
                }
                if let Some(damage) = block.damage() {
                    reading.gap(damage.clone());
                }
                reading.progress.add(block);
                if !printing.is_silent {
                    Counts::add(&counts.flows, block.len() as u64);
                }
            }
            Part::Gap(gap) => {
                if let Some(error) = reading.at_end.replace(gap.error().clone()) {
                    reading.gap(error);
                }
            }
            Part::End(end) => {
                reading.is_over = true;
                let position: Position = end.position();
                reading.progress.skip_to(position);
            }
            _ => {}
        }
    }

    fn go_on(&mut self, result: Result<(), Stop>, at_last: Instant) -> ControlFlow<()> {
        let result = result.and_then(|()| interrupt::check());
        if let Err(stop) = result {
            self.stop.get_or_insert(stop);
            return ControlFlow::Break(());
        }
        match Instant::now() >= at_last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
