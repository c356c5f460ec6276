//! Record batches of a read: pulled by our own methods, or exported as an Arrow C stream.
//!
//! An Arrow C stream ends at its first error and loses the type of it. Therefore the error is kept here, and our
//! own methods raise it after a consumer has failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, SchemaRef};
use nfdecode::columns::{BatchBuilder, Joiner, Labels, OwnedRows, Projection, Rows, TextAddresses};
use nfdecode::scan::{Part, ScanBlock, ScanFile};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::account::{Account, Seen};
use crate::conversion::Converting;
use crate::errors::{self, OnError, Problem};
use crate::feed::{Feed, Map, Next};
use crate::interrupt;

/// Makes batches of the selected flows.
#[derive(Clone)]
pub(crate) struct ToBatches {
    pub(crate) projection: Projection,
    /// Turns addresses into text if the caller asked for it.
    text: Option<TextAddresses>,
    pub(crate) schema: SchemaRef,
}

/// The flows of a part, and what else it shows.
pub(crate) struct Batches {
    flows: Flows,
    seen: Seen,
}

/// Flows as batches, or as rows that are too few for one.
enum Flows {
    Batches(Result<Vec<RecordBatch>, ArrowError>),
    Few(OwnedRows, Arc<ScanFile>),
    None,
}

impl ToBatches {
    pub(crate) fn new(projection: &Projection, as_text: bool) -> Self {
        let text = as_text.then(|| TextAddresses::new(projection));
        Self {
            projection: projection.clone(),
            schema: match &text {
                Some(text) => text.schema(),
                None => projection.schema(),
            },
            text,
        }
    }

    fn flows(&self, builder: &mut BatchBuilder, block: &ScanBlock) -> Flows {
        let file = block.file();
        let mut rows = Rows::new();
        rows.add(block.block(), 0, block.selected(), block.len());
        if let Some(few) = Joiner::few(&rows) {
            return Flows::Few(few, Arc::clone(file));
        }
        builder.set_labels(Labels::one(file.name(), file.file().ident()));
        let batches = builder.batches(&rows);
        Flows::Batches(batches.and_then(|batches| self.in_form(batches)))
    }

    /// With addresses as text if the caller asked for it.
    fn in_form(&self, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, ArrowError> {
        match &self.text {
            Some(text) => batches.iter().map(|batch| text.batch(batch)).collect(),
            None => Ok(batches),
        }
    }
}

impl Map for ToBatches {
    type Worker = BatchBuilder;
    type Output = Batches;

    fn worker(&self) -> BatchBuilder {
        BatchBuilder::new(&self.projection)
    }

    fn map(&self, builder: &mut BatchBuilder, part: Part, out: &mut Vec<Batches>) {
        let flows = match &part {
            Part::Block(block) => self.flows(builder, block),
            _ => Flows::None,
        };
        match Seen::of(&part) {
            Seen::Nothing => {}
            seen => out.push(Batches { flows, seen }),
        }
    }
}

/// Why a read has ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Damage, with `errors="raise"`.
    Problem(Problem),
    /// A Python exception: usually KeyboardInterrupt.
    Exception(PyErr),
    /// The Arrow library.
    Arrow(String),
}

impl Failure {
    pub(crate) fn exception(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Problem(problem) => problem.exception(py),
            Self::Exception(error) => error.clone_ref(py),
            Self::Arrow(text) => PyRuntimeError::new_err(text.clone()),
        }
    }
}

/// A list that a read adds to, and that its description shows.
pub(crate) type Damage = Arc<Mutex<Vec<Problem>>>;

/// A running read.
pub(crate) struct Reading {
    feed: Feed<Batches>,
    form: ToBatches,
    /// Joins the flows of small blocks.
    joiner: Joiner,
    ready: VecDeque<RecordBatch>,
    account: Account,
    on_error: OnError,
    damage: Damage,
    /// Problems that no warning was given for: on threads other than the main one none can be.
    unwarned: Vec<Problem>,
    /// Found while batches before it are ready.
    pending: Option<Failure>,
    ended: bool,
    /// The conversion that the files come from.
    converting: Option<Converting>,
}

impl Reading {
    pub(crate) fn new(
        feed: Feed<Batches>,
        form: ToBatches,
        (on_error, damage): (OnError, Damage),
        salvage: bool,
        converting: Option<Converting>,
    ) -> Self {
        Self {
            feed,
            joiner: Joiner::new(&form.projection),
            form,
            ready: VecDeque::new(),
            account: Account::new(salvage),
            on_error,
            damage,
            unwarned: Vec::new(),
            pending: None,
            ended: false,
            converting,
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.form.schema
    }

    /// The next batch. Waits without the interpreter lock, and looks at signals, on the main thread; on others
    /// Python is not touched.
    pub(crate) fn next(&mut self) -> Option<Result<RecordBatch, Failure>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if let Some(failure) = self.pending.take() {
                self.ended = true;
                self.stop();
                return Some(Err(failure));
            }
            if self.ended {
                return None;
            }
            let next = if interrupt::is_main_thread() {
                let turn = |py: Python<'_>| {
                    self.warn(py)?;
                    py.check_signals()?;
                    Ok(py.detach(|| self.feed.next(interrupt::TICK)))
                };
                Python::try_attach(turn).unwrap_or(Ok(Next::End))
            } else {
                Ok(self.feed.next(interrupt::TICK))
            };
            match next {
                Ok(Next::Item(found)) => self.add(found),
                Ok(Next::Wait) => {}
                Ok(Next::End) => self.finish(),
                Ok(Next::Broken) => {
                    self.end_join();
                    self.pending = Some(Failure::Problem(Problem::Broken));
                }
                Err(exception) => {
                    self.pending = Some(Failure::Exception(exception));
                }
            }
        }
    }

    fn add(&mut self, found: Batches) {
        match found.flows {
            Flows::Few(rows, file) => {
                let joined = self.joiner.add(&rows, &file);
                self.add_joined(joined);
            }
            Flows::Batches(batches) => {
                self.end_join();
                self.add_batches(batches);
            }
            Flows::None => {}
        }
        let mut problems = Vec::new();
        self.account
            .see(found.seen, &mut |problem| problems.push(problem));
        if !problems.is_empty() {
            // The flows in front of it come before it.
            self.end_join();
        }
        for problem in problems {
            let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            damage.push(problem.clone());
            drop(damage);
            match self.on_error {
                OnError::Raise if self.pending.is_none() => {
                    self.pending = Some(Failure::Problem(problem));
                }
                OnError::Warn => self.unwarned.push(problem),
                OnError::Raise | OnError::Skip => {}
            }
        }
    }

    fn add_batches(&mut self, batches: Result<Vec<RecordBatch>, ArrowError>) {
        match batches {
            Ok(batches) => self.ready.extend(batches),
            Err(error) => self.pending = Some(Failure::Arrow(error.to_string())),
        }
    }

    fn add_joined(&mut self, batches: Result<Vec<RecordBatch>, ArrowError>) {
        let batches = batches.and_then(|batches| self.form.in_form(batches));
        self.add_batches(batches);
    }

    /// Makes batches of the flows that wait for others.
    fn end_join(&mut self) {
        let joined = self.joiner.finish();
        self.add_joined(joined);
    }

    /// Gives the warnings that are due. They can be exceptions, if the user has made them so.
    fn warn(&mut self, py: Python<'_>) -> PyResult<()> {
        for problem in self.unwarned.drain(..) {
            errors::warn(py, &problem)?;
        }
        Ok(())
    }

    /// The next batch for a method that holds the interpreter lock, with the warnings that are due.
    pub(crate) fn next_attached(&mut self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        interrupt::note_main_thread(py)?;
        let next = py.detach(|| self.next());
        self.warn(py)?;
        match next {
            Some(Ok(batch)) => Ok(Some(batch)),
            Some(Err(failure)) => Err(failure.exception(py)),
            None => Ok(None),
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.end_join();
        if interrupt::is_main_thread() {
            let warned = Python::try_attach(|py| self.warn(py)).unwrap_or(Ok(()));
            let failed = warned.err().map(Failure::Exception);
            self.pending = failed.or(self.pending.take());
        }
        let Some(converting) = self.converting.take() else {
            return;
        };
        let outcome = converting.finish();
        let judge = |py: Python<'_>| {
            outcome.check(py)?;
            errors::report_losses(py, self.on_error, &outcome.losses())
        };
        let failed = Python::try_attach(|py| judge(py).err()).flatten();
        self.pending = failed.map(Failure::Exception).or(self.pending.take());
    }
}

impl Reading {
    /// Ends a conversion first: the threads that read wait for its files.
    fn stop(&mut self) {
        let mut stop = || {
            self.converting = None;
            self.feed.stop();
        };
        match interrupt::is_main_thread() {
            true => {
                // With the interpreter lock, threads that wait for it could not end. Without an interpreter the fields
                // stop by themselves.
                Python::try_attach(|py| py.detach(&mut stop));
            }
            false => stop(),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why a stream has failed, if it has.
type Failed = Arc<Mutex<Option<Failure>>>;

/// Record batches for other libraries. Can be consumed once.
#[pyclass(frozen, module = "nfdecode._nfdecode")]
pub(crate) struct Stream {
    schema: SchemaRef,
    reading: Mutex<Option<Reading>>,
    failed: Failed,
    /// Whether our own method waits for the consumer, and raises what failed.
    is_own: bool,
}

impl Stream {
    pub(crate) fn new(reading: Reading, is_own: bool) -> Self {
        Self {
            schema: Arc::clone(reading.schema()),
            reading: Mutex::new(Some(reading)),
            failed: Failed::default(),
            is_own,
        }
    }

    fn take(&self) -> PyResult<Reading> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading
            .take()
            .ok_or_else(|| PyRuntimeError::new_err("this stream has been read already"))
    }
}

#[pymethods]
impl Stream {
    /// `requested_schema` is best effort by the specification, and ignored.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        interrupt::note_main_thread(py)?;
        let export = Export {
            reading: self.take()?,
            failed: Arc::clone(&self.failed),
            is_own: self.is_own,
        };
        let stream = FFI_ArrowArrayStream::new(Box::new(export));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.schema)
    }

    /// Raises what has ended the stream early.
    fn raise_failure(&self, py: Python<'_>) -> PyResult<()> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed
            .as_ref()
            .map_or(Ok(()), |failure| Err(failure.exception(py)))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// The next batch, as an object that other libraries import.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        let mut reading = self.reading.try_lock().map_err(|_| busy())?;
        match reading.as_mut() {
            Some(running) => Ok(running.next_attached(py)?.map(Batch)),
            None => Ok(None),
        }
    }
}

/// Two threads use one iterator.
pub(crate) fn busy() -> PyErr {
    PyValueError::new_err("this iterator is in use by another thread")
}

/// The schema as a capsule of the Arrow C data interface.
pub(crate) fn schema_capsule<'py>(
    py: Python<'py>,
    schema: &SchemaRef,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema.as_ref())
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// A read in the hands of another library.
struct Export {
    reading: Reading,
    failed: Failed,
    is_own: bool,
}

impl Iterator for Export {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let failure = match self.reading.next()? {
            Ok(batch) => return Some(Ok(batch)),
            Err(failure) => failure,
        };
        let text = match &failure {
            Failure::Problem(problem) => problem.to_string(),
            Failure::Exception(_) => "interrupted".to_owned(),
            Failure::Arrow(text) => text.clone(),
        };
        if matches!(failure, Failure::Exception(_)) && !self.is_own {
            // The consumer reports its own error; the exception follows as soon as it returns.
            Python::try_attach(|py| {
                let interrupted = py
                    .import("_thread")
                    .and_then(|module| module.call_method0("interrupt_main"));
                // Without it only the consumer's error remains.
                drop(interrupted);
            });
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = Some(failure);
        Some(Err(ArrowError::ExternalError(text.into())))
    }
}

impl RecordBatchReader for Export {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.reading.form.schema)
    }
}

/// One record batch, which any library that reads Arrow accepts: `polars.DataFrame(batch)`.
#[pyclass(frozen, module = "nfdecode")]
pub(crate) struct Batch(RecordBatch);

#[pymethods]
impl Batch {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        use arrow_array::Array as _;

        drop(requested_schema);
        let array = arrow_array::StructArray::from(self.0.clone());
        let exported = arrow_array::ffi::FFI_ArrowArray::new(&array.to_data());
        let schema = schema_capsule(py, &self.0.schema())?;
        let array = PyCapsule::new_with_value(py, exported, c"arrow_array")?;
        Ok((schema, array))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let one = arrow_array::RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(one));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.0.schema())
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    #[getter]
    fn columns(&self) -> Vec<String> {
        let schema = self.0.schema();
        let fields = schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    fn __repr__(&self) -> String {
        format!(
            "<nfdecode.Batch: {} flows, {} columns>",
            self.0.num_rows(),
            self.0.num_columns()
        )
    }
}
