//! The class `Description`: what to read, and everything that can be started from it.
//!
//! `nfdecode.Flows` is the public face. A description is immutable; each read starts anew.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nfdecode::columns::{Column, ColumnKind, Projection, columns};
use nfdecode::filter::parse_time;
use nfdecode::scan::{Lane, Part, Stopped, Work};
use nfdecode::{Scan, Timestamp};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};

use crate::account::{Account, Seen};
use crate::errors::{self, OnError, Problem};
use crate::feed::Feed;
use crate::filter;
use crate::interrupt;
use crate::rows::RowIterator;
use crate::source::Inputs;
use crate::stream::{Damage, Reading, Stream, ToBatches, schema_capsule};

/// Threads at most: each has buffers of its own.
const THREADS_MAX: usize = 256;

/// What to read.
#[pyclass(frozen, module = "nfdecode._nfdecode")]
pub(crate) struct Description {
    scan: Scan,
    projection: Projection,
    as_text: bool,
    on_error: OnError,
    salvage: bool,
    /// What the last read found.
    damage: Mutex<Damage>,
}

/// The number of threads to use.
pub(crate) fn thread_count(wanted: Option<usize>) -> PyResult<NonZeroUsize> {
    match wanted {
        None => Ok(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        Some(count) => NonZeroUsize::new(count.min(THREADS_MAX))
            .ok_or_else(|| PyValueError::new_err("threads must be at least 1")),
    }
}

/// A scan of these inputs, with a filter and a window of time in ms since the epoch.
pub(crate) fn scan(
    inputs: &Inputs,
    filter: Option<&Bound<'_, PyAny>>,
    (since, until): (Option<u64>, Option<u64>),
    limit: Option<u64>,
    threads: Option<usize>,
) -> PyResult<Scan> {
    let mut scan = Scan::new(inputs.inputs.iter().cloned())
        .open_with(inputs.options.clone())
        .read_all(inputs.salvage)
        .threads(thread_count(threads)?);
    if let Some(filter) = filter::from_argument(filter)? {
        scan = scan.select(filter.0);
    }
    if let Some(since) = since {
        scan = scan.since(Timestamp::from_millis(since));
    }
    if let Some(until) = until {
        scan = scan.until(Timestamp::from_millis(until));
    }
    if let Some(limit) = limit {
        scan = scan.limit(limit);
    }
    Ok(scan)
}

/// The columns of these names; without names the standard columns.
pub(crate) fn projection(fields: Option<Vec<String>>) -> PyResult<Projection> {
    match fields {
        None => Ok(Projection::standard()),
        Some(names) => Projection::from_names(names).map_err(|error| {
            PyValueError::new_err(format!("{error} (nfdecode.columns() lists all)"))
        }),
    }
}

#[pymethods]
impl Description {
    /// Long: one parameter per setting.
    #[new]
    #[pyo3(signature = (inputs, *, fields=None, filter=None, since=None, until=None, limit=None, as_text=false,
                        errors="raise", threads=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        inputs: &Inputs,
        fields: Option<Vec<String>>,
        filter: Option<&Bound<'_, PyAny>>,
        since: Option<u64>,
        until: Option<u64>,
        limit: Option<u64>,
        as_text: bool,
        errors: &str,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        Ok(Self {
            scan: scan(inputs, filter, (since, until), limit, threads)?,
            projection: projection(fields)?,
            as_text,
            on_error: OnError::parse(errors)?,
            salvage: inputs.salvage,
            damage: Mutex::default(),
        })
    }

    #[getter]
    fn columns(&self) -> Vec<&'static str> {
        let columns = self.projection.columns().iter();
        columns.map(|column| column.name()).collect()
    }

    /// The exceptions of what the last read found.
    #[getter]
    fn damage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let damage = self
            .damage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let found = damage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let list = PyList::empty(py);
        for problem in &found {
            list.append(problem.exception(py).into_value(py))?;
        }
        Ok(list)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &ToBatches::new(&self.projection, self.as_text).schema)
    }

    /// `own`: the caller raises what ends the stream early.
    fn stream(&self, own: bool) -> PyResult<Stream> {
        Ok(Stream::new(self.start(self.as_text)?, own))
    }

    fn rows(&self, py: Python<'_>) -> PyResult<RowIterator> {
        RowIterator::new(py, self.start(false)?, &self.projection)
    }

    /// The number of selected flows, and warnings or an exception for damage.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        let cancel = AtomicBool::new(false);
        let counting = Counting {
            stops: self.on_error == OnError::Raise,
            cancel: &cancel,
        };
        let tally = Tally {
            account: Account::new(self.salvage),
            problems: Vec::new(),
        };
        let (totals, tally, _) = interrupt::run(py, &cancel, || self.scan.run(&counting, tally))?;
        self.new_damage()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&tally.problems);
        report(py, self.on_error, &tally.problems)?;
        Ok(totals.flows)
    }
}

impl Description {
    pub(crate) fn scan(&self) -> &Scan {
        &self.scan
    }

    pub(crate) fn projection(&self) -> &Projection {
        &self.projection
    }

    pub(crate) fn on_error(&self) -> OnError {
        self.on_error
    }

    pub(crate) fn salvage(&self) -> bool {
        self.salvage
    }

    pub(crate) fn new_damage(&self) -> Damage {
        let damage = Damage::default();
        let mut last = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Arc::clone(&damage);
        damage
    }

    pub(crate) fn start(&self, as_text: bool) -> PyResult<Reading> {
        let form = ToBatches::new(&self.projection, as_text);
        let inputs: Vec<_> = self.scan.inputs().cloned().collect();
        let feed = Feed::start(self.scan.clone(), inputs.into_iter(), form.clone())
            .map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
        Ok(Reading::new(
            feed,
            form,
            (self.on_error, self.new_damage()),
            self.salvage,
            None,
        ))
    }
}

/// Warns of problems, or raises the first.
pub(crate) fn report(py: Python<'_>, on_error: OnError, problems: &[Problem]) -> PyResult<()> {
    match on_error {
        OnError::Skip => Ok(()),
        OnError::Warn => problems
            .iter()
            .try_for_each(|problem| errors::warn(py, problem)),
        OnError::Raise => match problems.first() {
            Some(problem) => Err(problem.exception(py)),
            None => Ok(()),
        },
    }
}

/// Counts, and keeps an account.
struct Counting<'a> {
    stops: bool,
    cancel: &'a AtomicBool,
}

struct Tally {
    account: Account,
    problems: Vec<Problem>,
}

impl Work for Counting<'_> {
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
            lane.in_turn(|tally| {
                let Tally { account, problems } = tally;
                account.see(Seen::of(&part), &mut |problem| problems.push(problem));
                let is_over = self.stops && !problems.is_empty();
                match is_over || self.cancel.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        }
        Ok(())
    }
}

/// A time in nfdump's form as ms since the epoch, in this zone or the one of the environment.
#[pyfunction]
#[pyo3(signature = (text, tz=None))]
pub(crate) fn parse_moment(text: &str, tz: Option<&str>) -> PyResult<u64> {
    parse_time(text, &filter::zone(tz)?)
        .map(Timestamp::as_millis)
        .map_err(|error| PyValueError::new_err(format!("{text:?}: {error}")))
}

/// All columns: name, type, key of nfdump, meaning, whether it is a standard column.
#[pyfunction]
pub(crate) fn column_list(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for column in columns() {
        let entry = PyDict::new(py);
        entry.set_item("name", column.name())?;
        entry.set_item("type", type_name(column))?;
        entry.set_item("key", column.key())?;
        entry.set_item("doc", column.doc())?;
        entry.set_item("standard", column.is_standard())?;
        list.append(entry)?;
    }
    Ok(list)
}

fn type_name(column: &Column) -> &'static str {
    match column.kind() {
        ColumnKind::Bool => "bool",
        ColumnKind::U8 => "uint8",
        ColumnKind::U16 => "uint16",
        ColumnKind::U32 => "uint32",
        ColumnKind::U64 => "uint64",
        ColumnKind::Time => "timestamp[ms, UTC]",
        ColumnKind::Ip4 => "ipv4",
        ColumnKind::Ip6 => "ipv6",
        ColumnKind::Ip => "ip",
        ColumnKind::Mac => "mac",
        ColumnKind::Mpls => "list[uint32]",
        ColumnKind::Word | ColumnKind::Label => "dictionary[str]",
        ColumnKind::Bytes => "bytes",
        _ if column.kind().is_address() => "ip",
        _ => "str",
    }
}
