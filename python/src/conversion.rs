//! The conversion of captures on a thread of ours: settings, sources, files as they come, and how it ended.
//!
//! Nothing is left behind: the thread keeps the conversion, and with it the temporary directory, until all of its
//! files have been read or are not needed any more. Does not read flows.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nfdecode::convert::capture::CaptureError;
use nfdecode::convert::{Conversion, Convert, ConvertError, Message, Progress};
use nfdecode::scan::ScanInput;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::errors;

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
        Python::try_attach(read)
            .unwrap_or_else(|| Err(PyErr::from(ended())))
            .map_err(io::Error::from)
    }
}

/// Totals and messages of the conversions.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    pub(crate) messages: Vec<Message>,
}

/// How the conversions ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) counted: Counted,
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
    pub(crate) progress: Arc<Mutex<Option<Progress>>>,
    /// Dropped when the files are not needed any more.
    release: Option<Sender<()>>,
    thread: Option<JoinHandle<Outcome>>,
}

impl Converting {
    /// Starts to convert, and returns the files as they come.
    pub(crate) fn start(
        captures: Vec<Capture>,
        settings: Settings,
    ) -> PyResult<(Self, Receiver<ScanInput>)> {
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
                account
                    .messages
                    .extend(conversion.messages().iter().cloned());
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
                    let _ = self
                        .files
                        .send(ScanInput::path(file.into_path()).named(name));
                }
                Err(error) => return (Some(conversion), Err(error)),
            }
        }
        (Some(conversion), Ok(()))
    }
}

/// The exception for an error of a conversion, with what to do.
fn exception(py: Python<'_>, error: &ConvertError) -> PyErr {
    let of =
        |name, kind, help: &str| errors::of_conversion(py, name, &format!("{error}{help}"), kind);
    let full = |source: &io::Error| {
        source
            .raw_os_error()
            .is_some_and(|code| FULL.contains(&code))
    };
    let room = "; make room there, or set TMPDIR to another directory";
    match error {
        ConvertError::NotFound { .. } => of(
            "NfpcapdNotFoundError",
            "NotFound",
            ", or pass nfpcapd=\"/path/to/nfpcapd\"",
        ),
        ConvertError::CannotRun { .. } | ConvertError::NotNfpcapd { .. } => of(
            "NfpcapdNotFoundError",
            "NotNfpcapd",
            "; pass the path of nfpcapd as nfpcapd=",
        ),
        ConvertError::WriteFailed { .. } => of("DiskFullError", "WriteFailed", room),
        ConvertError::Temporary { source, .. } if full(source) => {
            of("DiskFullError", "Temporary", room)
        }
        ConvertError::Temporary { .. } => of(
            "ConvertError",
            "Temporary",
            "; set TMPDIR to another directory",
        ),
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
        ConvertError::TimedOut { .. } | ConvertError::Stalled { .. } => of(
            "ConvertTimeoutError",
            "TimedOut",
            "; pass a larger timeout=",
        ),
        ConvertError::OutOfRange { .. } => PyValueError::new_err(error.to_string()),
        ConvertError::Cancelled => of("ConvertError", "Cancelled", ""),
        _ => of("ConvertError", "Failed", ""),
    }
}
