//! Captures to flows: `nfpcapd` runs on a thread of ours, and its files are read while it works.
//!
//! Nothing is left behind: the thread keeps the conversion, and with it the temporary directory, until all of its
//! files have been read or are not needed any more.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nfdecode::convert::capture::CaptureError;
use nfdecode::convert::{Conversion, Convert, ConvertError, Message, Progress, Stage};
use nfdecode::scan::{Part, ScanInput};
use nfdecode::{OpenOptions, Scan};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use crate::account::{Account, Seen};
use crate::dicts::DictMaker;
use crate::errors::{self, OnError, Problem};
use crate::feed::{Feed, Map, Next};
use crate::filter;
use crate::flows;
use crate::interrupt;
use crate::stream::{Damage, Reading, Stream, ToBatches, busy};

/// Error numbers of a full disk: no space, quota.
const FULL: [i32; 2] = [28, 122];

/// A capture: a path, bytes with a name, or a file object with a name.
#[derive(FromPyObject)]
pub(crate) enum Capture {
    Bytes(PyBackedBytes, String),
    Path(PathBuf),
    Object(Py<PyAny>, String),
}

/// Settings of a conversion.
#[derive(Clone, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    slot: f64,
    timeout: Option<f64>,
    nfpcapd: Option<PathBuf>,
    payload: bool,
    active_timeout: Option<f64>,
    inactive_timeout: Option<f64>,
    bpf: Option<String>,
}

/// A length of time of an argument.
fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| PyValueError::new_err(format!("{name}: {value} is no length of time")))
}

impl Settings {
    fn apply<'a>(&self, mut convert: Convert<'a>) -> PyResult<Convert<'a>> {
        convert = convert
            .slot(seconds("slot", self.slot)?)
            .payload(self.payload);
        if let Some(timeout) = self.timeout {
            convert = convert.timeout(seconds("timeout", timeout)?);
        }
        if let Some(path) = &self.nfpcapd {
            convert = convert.nfpcapd(path);
        }
        if let Some(timeout) = self.active_timeout {
            convert = convert.active_timeout(seconds("active_timeout", timeout)?);
        }
        if let Some(timeout) = self.inactive_timeout {
            convert = convert.inactive_timeout(seconds("inactive_timeout", timeout)?);
        }
        if let Some(filter) = &self.bpf {
            convert = convert.packet_filter(filter);
        }
        Ok(convert)
    }
}

/// A file object of Python as a reader.
struct Object(Py<PyAny>);

impl io::Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = |py: Python<'_>| {
            let bytes = self.0.bind(py).call_method1("read", (buffer.len(),))?;
            let bytes = bytes.cast::<PyBytes>()?.as_bytes();
            let length = bytes.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..length), bytes.get(..length)) {
                to.copy_from_slice(from);
            }
            Ok(length)
        };
        let ended = || io::Error::other("the interpreter has ended");
        Python::try_attach(read).unwrap_or_else(|| Err(PyErr::from(ended()))).map_err(io::Error::from)
    }
}

/// Totals and messages of the conversions.
#[derive(Debug, Default)]
struct Counted {
    flows: u64,
    packets: u64,
    messages: Vec<Message>,
}

/// How the conversions ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    counted: Counted,
    error: Option<ConvertError>,
}

impl Outcome {
    /// Raises the error that ended it.
    pub(crate) fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.error
            .as_ref()
            .map_or(Ok(()), |error| Err(exception(py, error)))
    }

    /// What is missing.
    pub(crate) fn losses(&self) -> Vec<String> {
        let messages = self.counted.messages.iter();
        let losses = messages.filter(|message| matches!(message, Message::Loss(_)));
        losses.map(ToString::to_string).collect()
    }
}

/// Conversions on a thread of their own.
pub(crate) struct Converting {
    cancel: Arc<AtomicBool>,
    progress: Arc<Mutex<Option<Progress>>>,
    /// Dropped when the files are not needed any more.
    release: Option<Sender<()>>,
    thread: Option<JoinHandle<Outcome>>,
}

impl Converting {
    /// Starts to convert, and returns the files as they come.
    fn start(captures: Vec<Capture>, settings: Settings) -> PyResult<(Self, Receiver<ScanInput>)> {
        // Checked here for a direct error.
        let checked = settings.apply(Convert::file("x"))?.validate();
        checked.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let cancel = Arc::new(AtomicBool::new(false));
        let progress = Arc::new(Mutex::new(None));
        let (sender, files) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let job = Job {
            settings,
            cancel: Arc::clone(&cancel),
            progress: Arc::clone(&progress),
            files: sender,
        };
        let thread = thread::Builder::new()
            .name("nfdecode-convert".to_owned())
            .spawn(move || job.run(captures, &released))
            .map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
        let this = Self {
            cancel,
            progress,
            release: Some(release),
            thread: Some(thread),
        };
        Ok((this, files))
    }

    /// Waits for the end, after all files have been read.
    pub(crate) fn finish(mut self) -> Outcome {
        self.release = None;
        let thread = self.thread.take().map(JoinHandle::join);
        match thread {
            Some(Ok(outcome)) => outcome,
            _ => Outcome {
                counted: Counted::default(),
                error: Some(ConvertError::Incomplete {
                    reason: "a thread of nfdecode has panicked".to_owned(),
                }),
            },
        }
    }
}

impl Drop for Converting {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        self.release = None;
        if let Some(thread) = self.thread.take() {
            // How it ended does not matter any more.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Job {
    settings: Settings,
    cancel: Arc<AtomicBool>,
    progress: Arc<Mutex<Option<Progress>>>,
    files: Sender<ScanInput>,
}

impl Job {
    fn run(self, captures: Vec<Capture>, released: &Receiver<()>) -> Outcome {
        let mut account = Counted::default();
        let mut conversions = Vec::new();
        let mut names = HashMap::<String, u32>::new();
        let mut error = None;
        for capture in captures {
            let (conversion, ended) = self.convert(capture, &mut names);
            if let Some(conversion) = &conversion {
                account.messages.extend(conversion.messages().iter().cloned());
                if let Some(summary) = conversion.summary() {
                    account.flows += summary.flows;
                    account.packets += summary.capture_packets;
                }
            }
            conversions.push(conversion);
            if let Err(ended) = ended {
                error = Some(ended);
                break;
            }
        }
        drop(self);
        // An error means that the sender is gone: the files are not needed any more.
        let _ = released.recv();
        drop(conversions);
        Outcome {
            counted: account,
            error,
        }
    }

    /// Converts one capture. Repeated names of files get a number.
    fn convert(
        &self,
        capture: Capture,
        names: &mut HashMap<String, u32>,
    ) -> (Option<Conversion<'static>>, Result<(), ConvertError>) {
        let convert = match capture {
            Capture::Path(path) => Convert::file(path),
            Capture::Bytes(bytes, name) => Convert::bytes(bytes).named(name),
            Capture::Object(object, name) => Convert::reader(Object(object)).named(name),
        };
        let (cancel, progress) = (Arc::clone(&self.cancel), Arc::clone(&self.progress));
        let watch = move |seen| {
            *progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            match cancel.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let started = match self.settings.apply(convert) {
            Ok(convert) => convert.on_progress(watch).start(),
            // The settings were applied once already.
            Err(_) => Err(ConvertError::Cancelled),
        };
        let mut conversion = match started {
            Ok(conversion) => conversion,
            Err(error) => return (None, Err(error)),
        };
        while let Some(file) = conversion.next() {
            match file {
                Ok(file) => {
                    let name = file.name();
                    let count = names.entry(name.clone()).or_default();
                    *count += 1;
                    let name = match *count {
                        1 => name,
                        count => format!("{name}.{count}"),
                    };
                    // Without a receiver the files are not needed any more; `cancel` says so.
                    let _ = self.files.send(ScanInput::path(file.into_path()).named(name));
                }
                Err(error) => return (Some(conversion), Err(error)),
            }
        }
        (Some(conversion), Ok(()))
    }
}

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
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    /// The next file that has ended.
    fn next_file<'py>(&mut self, py: Python<'py>) -> PyResult<Option<(String, Bound<'py, PyList>)>> {
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
        let seen = *converting.progress.lock().unwrap_or_else(PoisonError::into_inner);
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
            losses.push(format!("nfpcapd wrote {flows} flows, {records} could be read"));
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
    let map = ToBatches::new(&flows::projection(fields)?, as_text);
    let schema = Arc::clone(&map.schema);
    let (converting, files) = Converting::start(captures, settings)?;
    let feed = Feed::start(scan, files.into_iter(), map)
        .map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
    let damage = (OnError::parse(errors)?, Damage::default());
    let reading = Reading::new(feed, schema, damage, false, Some(converting));
    Ok(Stream::new(reading, true))
}

/// The exception for an error of a conversion, with what to do.
fn exception(py: Python<'_>, error: &ConvertError) -> PyErr {
    let of = |name, kind, help: &str| {
        errors::of_conversion(py, name, &format!("{error}{help}"), kind)
    };
    let full = |source: &io::Error| source.raw_os_error().is_some_and(|code| FULL.contains(&code));
    let room = "; make room there, or set TMPDIR to another directory";
    match error {
        ConvertError::NotFound { .. } => {
            of("NfpcapdNotFoundError", "NotFound", ", or pass nfpcapd=\"/path/to/nfpcapd\"")
        }
        ConvertError::CannotRun { .. } | ConvertError::NotNfpcapd { .. } => of(
            "NfpcapdNotFoundError",
            "NotNfpcapd",
            "; pass the path of nfpcapd as nfpcapd=",
        ),
        ConvertError::WriteFailed { .. } => of("DiskFullError", "WriteFailed", room),
        ConvertError::Temporary { source, .. } if full(source) => of("DiskFullError", "Temporary", room),
        ConvertError::Temporary { .. } => {
            of("ConvertError", "Temporary", "; set TMPDIR to another directory")
        }
        ConvertError::CannotOpen { name, source } => {
            errors::from_io(py, source, Some(Path::new(name)))
        }
        ConvertError::Capture {
            source: CaptureError::Io { source, .. },
            ..
        } if full(source) => of("DiskFullError", "Capture", room),
        ConvertError::Capture { source, .. } => {
            let help = match source {
                CaptureError::NfcapdFile => "; use nfdecode.read for nfcapd files",
                CaptureError::NotACapture { .. } => "; give a pcap or pcapng file",
                _ => "",
            };
            of("CaptureError", "Capture", help)
        }
        ConvertError::TimedOut { .. } | ConvertError::Stalled { .. } => {
            of("ConvertTimeoutError", "TimedOut", "; pass a larger timeout=")
        }
        ConvertError::OutOfRange { .. } => PyValueError::new_err(error.to_string()),
        ConvertError::Cancelled => of("ConvertError", "Cancelled", ""),
        _ => of("ConvertError", "Failed", ""),
    }
}
