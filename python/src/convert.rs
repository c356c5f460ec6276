//! Captures to flows: an iterator over files with dictionaries, and a stream of record batches.
//!
//! `nfpcapd` and the thread that watches it are in `conversion`; its files are read here while it works.

use std::fs;
use std::sync::{Mutex, PoisonError};

use nfdecode::convert::{Message, Progress, Stage};
use nfdecode::scan::Part;
use nfdecode::{OpenOptions, Scan};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::account::{Account, Seen};
use crate::conversion::{Capture, Converting, Counted, Settings};
use crate::dicts::DictMaker;
use crate::errors::{OnError, Problem};
use crate::feed::{Feed, Map, Next};
use crate::filter;
use crate::flows;
use crate::interrupt;
use crate::stream::{Damage, Reading, Stream, ToBatches, busy};

/// Hands out parts as they are, and removes files that have been read.
struct ToParts;

impl Map for ToParts {
    type Worker = ();
    type Output = Part;

    fn worker(&self) {}

    fn map(&self, (): &mut (), part: Part, out: &mut Vec<Part>) {
        if let Part::End(end) = &part
            && let Some(path) = end.file().input().as_path()
        {
            // The directory is removed in the end; this keeps it small.
            let _ = fs::remove_file(path);
        }
        out.push(part);
    }
}

/// A running conversion: an iterator over its files, each as name and list of dictionaries.
#[pyclass(frozen, module = "nfdecode._nfdecode")]
pub(crate) struct ConvertIterator {
    state: Mutex<Option<State>>,
    messages: Mutex<(Vec<String>, Vec<String>)>,
}

struct State {
    feed: Feed<Part>,
    converting: Option<Converting>,
    maker: DictMaker,
    account: Account,
    problems: Vec<Problem>,
    records: u64,
    callback: Option<Py<PyAny>>,
    reported: Option<Progress>,
}

impl Drop for State {
    fn drop(&mut self) {
        // A file object is read on the other thread, which needs the interpreter lock to end.
        Python::try_attach(|py| {
            py.detach(|| {
                self.converting = None;
                self.feed.stop();
            });
        });
    }
}

#[pymethods]
impl ConvertIterator {
    #[new]
    #[pyo3(signature = (captures, settings, *, filter=None, tz=None, progress=None, threads=None))]
    fn new(
        py: Python<'_>,
        captures: Vec<Capture>,
        settings: Settings,
        filter: Option<&Bound<'_, PyAny>>,
        tz: Option<&str>,
        progress: Option<Py<PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        interrupt::note_main_thread(py)?;
        let scan = scan(filter, threads)?;
        let maker = DictMaker::new(py, filter::zone(tz)?);
        let (converting, files) = Converting::start(captures, settings)?;
        let feed = Feed::start(scan, files.into_iter(), ToParts)
            .map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            state: Mutex::new(Some(State {
                feed,
                converting: Some(converting),
                maker,
                account: Account::default(),
                problems: Vec::new(),
                records: 0,
                callback: progress,
                reported: None,
            })),
            messages: Mutex::default(),
        })
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(String, Bound<'py, PyList>)>> {
        let mut state = self.state.try_lock().map_err(|_| busy())?;
        let Some(running) = state.as_mut() else {
            return Ok(None);
        };
        let next = running.next_file(py);
        match next {
            Ok(Some(file)) => Ok(Some(file)),
            Ok(None) => {
                let messages = running.finish(py);
                *state = None;
                let messages = messages?;
                *self.messages.lock().unwrap_or_else(PoisonError::into_inner) = messages;
                Ok(None)
            }
            Err(error) => {
                *state = None;
                Err(error)
            }
        }
    }

    /// Ends the conversion and removes its files.
    fn close(&self) -> PyResult<()> {
        *self.state.try_lock().map_err(|_| busy())? = None;
        Ok(())
    }

    /// Notes and losses, once it has ended.
    #[getter]
    fn messages(&self) -> (Vec<String>, Vec<String>) {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl State {
    /// The next file that has ended.
    fn next_file<'py>(
        &mut self,
        py: Python<'py>,
    ) -> PyResult<Option<(String, Bound<'py, PyList>)>> {
        let list = PyList::empty(py);
        loop {
            interrupt::check()?;
            self.show_progress(py)?;
            let part = match py.detach(|| self.feed.next(interrupt::TICK)) {
                Next::Item(part) => part,
                Next::Wait => continue,
                Next::End => return Ok(None),
                Next::Broken => return Err(Problem::Broken.exception(py)),
            };
            let problems = &mut self.problems;
            self.account
                .see(Seen::of(&part), &mut |problem| problems.push(problem));
            match part {
                Part::Block(block) => {
                    self.records += block.block().len() as u64;
                    self.maker.add(py, &block, list.len() as u64, &list)?;
                }
                Part::End(end) => return Ok(Some((end.file().name().to_owned(), list))),
                _ => {}
            }
        }
    }

    fn show_progress(&mut self, py: Python<'_>) -> PyResult<()> {
        let (Some(callback), Some(converting)) = (&self.callback, &self.converting) else {
            return Ok(());
        };
        let seen = *converting
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = seen.filter(|_| seen != self.reported) {
            self.reported = seen;
            let stage = match progress.stage {
                Stage::Rewriting => "rewriting",
                Stage::Converting => "converting",
                _ => "inspecting",
            };
            callback.call1(py, (stage, progress.done, progress.total))?;
        }
        Ok(())
    }

    /// Notes and losses, or the error that ended the conversion.
    fn finish(&mut self, py: Python<'_>) -> PyResult<(Vec<String>, Vec<String>)> {
        let Some(converting) = self.converting.take() else {
            return Ok((Vec::new(), Vec::new()));
        };
        let outcome = py.detach(|| converting.finish());
        outcome.check(py)?;
        let (mut notes, mut losses) = (Vec::new(), Vec::new());
        for message in &outcome.counted.messages {
            match message {
                Message::Loss(text) => losses.push(text.clone()),
                message => notes.push(message.to_string()),
            }
        }
        losses.extend(self.problems.iter().map(ToString::to_string));
        let Counted { flows, packets, .. } = outcome.counted;
        if packets != 0 && self.records != flows {
            let records = self.records;
            losses.push(format!(
                "nfpcapd wrote {flows} flows, {records} could be read"
            ));
        }
        if packets != 0 && self.records == 0 {
            notes.push(format!("{packets} packets gave no flows"));
        }
        Ok((notes, losses))
    }
}

fn scan(filter: Option<&Bound<'_, PyAny>>, threads: Option<usize>) -> PyResult<Scan> {
    // All flows are counted, to be compared with nfpcapd's own count.
    let scan = Scan::default()
        .open_with(OpenOptions::new())
        .read_all(true)
        .threads(flows::thread_count(threads)?);
    Ok(match filter::from_argument(filter)? {
        Some(filter) => scan.select(filter.0),
        None => scan,
    })
}

/// The flows of captures as record batches, with a column `file` if it is asked for.
#[pyfunction]
#[pyo3(signature = (captures, settings, *, fields=None, filter=None, as_text=false, errors="raise",
                    threads=None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn convert_stream(
    py: Python<'_>,
    captures: Vec<Capture>,
    settings: Settings,
    fields: Option<Vec<String>>,
    filter: Option<&Bound<'_, PyAny>>,
    as_text: bool,
    errors: &str,
    threads: Option<usize>,
) -> PyResult<Stream> {
    interrupt::note_main_thread(py)?;
    let scan = scan(filter, threads)?;
    let form = ToBatches::new(&flows::projection(fields)?, as_text);
    let (converting, files) = Converting::start(captures, settings)?;
    let feed = Feed::start(scan, files.into_iter(), form.clone())
        .map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
    let damage = (OnError::parse(errors)?, Damage::default());
    let reading = Reading::new(feed, form, damage, false, Some(converting));
    Ok(Stream::new(reading, true))
}
