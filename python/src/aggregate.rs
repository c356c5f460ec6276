//! `top` and `series`: groups of flows, and traffic over time.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nfdecode::aggregate::{
    AggregateError, Bins, Collector, Direction, Group, Grouping, Having, Key, Measures, Order,
    OrderBy, Series, Side, Spread,
};
use nfdecode::scan::{Lane, Part, ScanBlock, Stopped, Work};
use nfdecode::{FieldValue, Scan, Timestamp};
use pyo3::exceptions::{PyMemoryError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::account::{Account, Seen};
use crate::errors::{OnError, Problem};
use crate::flows;
use crate::interrupt;
use crate::source::Inputs;

/// Memory for groups unless the caller says otherwise; more goes to temporary files.
const MEMORY_USUAL: usize = 1 << 30;

/// The exception for an error of an aggregation.
fn exception(error: &AggregateError) -> PyErr {
    match error {
        AggregateError::Memory => PyMemoryError::new_err(
            "not all groups fit into memory: ask for fewer with n=, or allow more with memory=",
        ),
        AggregateError::Io(_) => PyOSError::new_err(error.to_string()),
        AggregateError::TooMany(_) => PyValueError::new_err(format!(
            "{error}: use a longer interval, or a window with since= and until="
        )),
        error => PyValueError::new_err(error.to_string()),
    }
}

/// Runs a scan through `add`, and reports what is wrong.
fn gather<W>(
    py: Python<'_>,
    scan: &Scan,
    (on_error, salvage): (OnError, bool),
    make: impl Fn() -> W + Sync,
    add: impl Fn(&mut W, &ScanBlock) + Sync,
) -> PyResult<()> {
    let cancel = AtomicBool::new(false);
    let gathering = Gathering {
        make,
        add,
        cancel: &cancel,
        stops: on_error == OnError::Raise,
    };
    let tally = (Account::new(salvage), Vec::new());
    let (_, (_, problems), _) = interrupt::run(py, &cancel, || scan.run(&gathering, tally))?;
    flows::report(py, on_error, &problems)
}

struct Gathering<'a, M, A> {
    make: M,
    add: A,
    cancel: &'a AtomicBool,
    stops: bool,
}

impl<W, M: Fn() -> W + Sync, A: Fn(&mut W, &ScanBlock) + Sync> Work for Gathering<'_, M, A> {
    type Worker = W;
    type Tally = (Account, Vec<Problem>);

    fn worker(&self) -> W {
        (self.make)()
    }

    fn work(
        &self,
        worker: &mut W,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> Result<(), Stopped> {
        for part in parts {
            if let Part::Block(block) = &part {
                (self.add)(worker, block);
            }
            lane.in_turn(|(account, problems)| {
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

/// What to read, as the functions of this module get it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Reading<'py> {
    inputs: Bound<'py, Inputs>,
    filter: Option<Bound<'py, PyAny>>,
    since: Option<u64>,
    until: Option<u64>,
    limit: Option<u64>,
    errors: String,
    threads: Option<usize>,
}

impl Reading<'_> {
    fn scan(&self) -> PyResult<(Scan, (OnError, bool))> {
        let inputs = self.inputs.get();
        let window = (self.since, self.until);
        let scan = flows::scan(
            inputs,
            self.filter.as_ref(),
            window,
            self.limit,
            self.threads,
        )?;
        Ok((scan, (OnError::parse(&self.errors)?, inputs.salvage)))
    }
}

/// Names of keys, and what groups have beside counters.
struct Shape<'a> {
    keys: &'a [String],
    measures: &'a Measures,
}

/// The groups with the most of something, as dictionaries.
///
/// Long: the steps in order.
#[pyfunction]
#[pyo3(signature = (reading, fields, *, by, n, ascending, distinct, quantiles, having, every_ms, memory, epoch))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn top<'py>(
    py: Python<'py>,
    reading: Reading<'py>,
    fields: Vec<String>,
    by: &str,
    n: Option<usize>,
    ascending: bool,
    distinct: Vec<String>,
    quantiles: Vec<String>,
    having: &str,
    every_ms: Option<u64>,
    memory: Option<usize>,
    epoch: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let wrong = |error: AggregateError| exception(&error);
    let mut builder = Grouping::builder();
    let mut keys = Vec::new();
    if let Some(every) = every_ms {
        let key = Key::every("first", Bins::every(every)).map_err(wrong)?;
        builder = builder.key(key.named("time"));
        keys.push("time".to_owned());
    }
    for name in fields {
        builder = builder.key(Key::parse(&name).map_err(wrong)?);
        keys.push(name);
    }
    let mut measures = Measures::default();
    for name in &distinct {
        measures.distinct_of(name);
    }
    for name in &quantiles {
        if !matches!(
            measures.order_by(name).map_err(wrong)?,
            OrderBy::Quantile(..)
        ) {
            return Err(PyValueError::new_err(format!(
                "{name:?} is no quantile, such as \"p95:duration\""
            )));
        }
    }
    let by = measures.order_by(by).map_err(wrong)?;
    let having = Having::parse(having, &mut measures).map_err(wrong)?;
    let builder = measures.extend(builder).map_err(wrong)?;
    let grouping = builder.build().map_err(wrong)?;
    let direction = match ascending {
        true => Direction::Ascending,
        false => Measures::usual_direction(by),
    };
    let order = match every_ms {
        // Intervals in order of time, in each the first groups.
        Some(_) => Order::new(by, direction).within(0),
        None => Order::new(by, direction),
    };
    let (scan, policy) = reading.scan()?;
    let directory = std::env::var_os("TMPDIR").map(PathBuf::from);
    let collector = Collector::new(&grouping, scan.thread_count())
        .with_memory(memory.unwrap_or(MEMORY_USUAL), directory);
    let add =
        |adder: &mut nfdecode::aggregate::Adder, block: &ScanBlock| collector.add(adder, block);
    gather(py, &scan, policy, || collector.adder(), add)?;
    let of = |counters: &nfdecode::aggregate::Counters| match by {
        OrderBy::Flows => counters.flows,
        OrderBy::Packets(_) => counters.packets(),
        _ => counters.bytes(),
    };
    let shape = Shape {
        keys: &keys,
        measures: &measures,
    };
    let list = PyList::empty(py);
    let count = n.unwrap_or(usize::MAX);
    collector
        .for_each_ranked(
            &order,
            count,
            |group| having.holds(group),
            |group, overall| {
                interrupt::check()?;
                let dict = shape.dict(py, group, &epoch)?;
                let (part, total) = (of(&group.counters()), of(&overall.totals));
                let percent = if total == 0 {
                    0.0
                } else {
                    part as f64 * 100.0 / total as f64
                };
                dict.set_item("percent", percent)?;
                list.append(dict)?;
                Ok(())
            },
        )
        .map_err(|ended| match ended {
            Ended::Ours(error) => wrong(error),
            Ended::Python(error) => error,
        })?;
    Ok(list)
}

/// Why the groups were not all made into dictionaries.
enum Ended {
    Ours(AggregateError),
    Python(PyErr),
}

impl From<AggregateError> for Ended {
    fn from(error: AggregateError) -> Self {
        Self::Ours(error)
    }
}

impl From<PyErr> for Ended {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

/// An aware `datetime`, or `None`.
fn time<'py>(epoch: &Bound<'py, PyAny>, time: Option<Timestamp>) -> PyResult<Bound<'py, PyAny>> {
    epoch.call1((time.map(Timestamp::as_millis),))
}

impl Shape<'_> {
    fn dict<'py>(
        &self,
        py: Python<'py>,
        group: &Group<'_>,
        epoch: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (at, name) in self.keys.iter().enumerate() {
            match (group.key(at), group.prefix_length(at)) {
                (None, _) => dict.set_item(name, py.None())?,
                (Some(FieldValue::Number(number)), _) => dict.set_item(name, number)?,
                (Some(FieldValue::Time(found)), _) => {
                    dict.set_item(name, time(epoch, Some(found))?)?
                }
                (Some(value), Some(length)) => dict.set_item(name, format!("{value}/{length}"))?,
                (Some(value), None) => dict.set_item(name, value.to_string())?,
            }
        }
        let counters = group.counters();
        for (name, number) in [
            ("flows", counters.flows),
            ("packets", counters.packets()),
            ("bytes", counters.bytes()),
            ("in_packets", counters.in_packets),
            ("in_bytes", counters.in_bytes),
            ("out_packets", counters.out_packets),
            ("out_bytes", counters.out_bytes),
        ] {
            dict.set_item(name, number)?;
        }
        dict.set_item("first", time(epoch, counters.first)?)?;
        dict.set_item("last", time(epoch, counters.last)?)?;
        for (name, number) in [
            ("duration", counters.duration_ms()),
            ("bps", counters.bps(Side::Both)),
            ("pps", counters.pps(Side::Both)),
            ("bpp", counters.bpp(Side::Both)),
        ] {
            dict.set_item(name, number)?;
        }
        for (at, name) in self.measures.distinct().enumerate() {
            let count = group.distinct(at).map_or(0, |(count, _)| count);
            dict.set_item(format!("distinct_{name}"), count)?;
        }
        for column in self.measures.quantiles() {
            let found = group.quantile(column.place, column.thousandths);
            dict.set_item(&column.name, found.map(|(value, _)| value))?;
        }
        Ok(dict)
    }
}

/// Traffic over time, as dictionaries.
#[pyfunction]
#[pyo3(signature = (reading, every_ms, *, split, spread, epoch))]
pub(crate) fn series<'py>(
    py: Python<'py>,
    reading: Reading<'py>,
    every_ms: u64,
    split: Option<&str>,
    spread: &str,
    epoch: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let wrong = |error: AggregateError| exception(&error);
    let spread = match spread {
        "even" => Spread::Even,
        "start" => Spread::Start,
        "end" => Spread::End,
        _ => {
            return Err(PyValueError::new_err(
                "spread must be \"even\", \"start\" or \"end\"",
            ));
        }
    };
    let key = split.map(Key::parse).transpose().map_err(wrong)?;
    let mut all = Series::new(Bins::every(every_ms), spread, key).map_err(wrong)?;
    let (scan, policy) = reading.scan()?;
    // A series for each thread.
    let parts: Mutex<Vec<Arc<Mutex<Series>>>> = Mutex::default();
    let make = || {
        let own = Arc::new(Mutex::new(all.another()));
        let mut known = parts.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(Arc::clone(&own));
        own
    };
    let add = |own: &mut Arc<Mutex<Series>>, block: &ScanBlock| {
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        own.add_scanned(block);
    };
    gather(py, &scan, policy, make, add)?;
    for own in parts.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let own = own.lock().unwrap_or_else(PoisonError::into_inner);
        all.merge(&own).map_err(wrong)?;
    }
    let points = py.detach(|| all.points()).map_err(wrong)?;
    let labels = all.labels();
    let rate = |count: u64, factor: u128| {
        let rate = u128::from(count) * factor * 1000 / u128::from(every_ms.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    };
    let list = PyList::empty(py);
    for point in &points {
        interrupt::check()?;
        let dict = PyDict::new(py);
        dict.set_item("time", time(&epoch, Some(point.time))?)?;
        if let Some(name) = split {
            dict.set_item(name, labels.get(point.series).cloned().flatten())?;
        }
        for (name, number) in [
            ("flows", point.flows),
            ("packets", point.packets),
            ("bytes", point.bytes),
            ("bps", rate(point.bytes, 8)),
            ("pps", rate(point.packets, 1)),
        ] {
            dict.set_item(name, number)?;
        }
        list.append(dict)?;
    }
    Ok(list)
}
