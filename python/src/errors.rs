//! Exceptions: the classes are in `nfdecode/_errors.py`, and are made here from the library's errors.

use std::io;
use std::path::Path;
use std::sync::Arc;

use nfdecode::filter::FilterError;
use nfdecode::{Error, ErrorKind};
use pyo3::exceptions::{PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// A class of `nfdecode._errors`.
macro_rules! class {
    ($py:expr, $name:literal) => {{
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        CLASS.import($py, "nfdecode._errors", $name)
    }};
}

/// What happens at damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// The first ends the read, after the intact flows before it.
    Raise,
    /// A warning, and reading goes on.
    Warn,
    /// Reading goes on.
    Skip,
}

impl OnError {
    pub(crate) fn parse(text: &str) -> PyResult<Self> {
        match text {
            "raise" => Ok(Self::Raise),
            "warn" => Ok(Self::Warn),
            "skip" => Ok(Self::Skip),
            _ => Err(PyValueError::new_err(format!(
                "errors must be \"raise\", \"warn\" or \"skip\", not {text:?}"
            ))),
        }
    }
}

/// Something that is wrong with a file: damage at a place, or a remark on the whole file.
#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// As the library reports it.
    Error(Error),
    /// Fewer blocks or flows than announced, or an unfinished file.
    Remark(Arc<Path>, String),
    /// A thread panicked.
    Broken,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Remark(file, text) => write!(f, "{}: {text}", file.display()),
            Self::Broken => f.write_str("internal error: a thread of nfdecode has panicked"),
        }
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// The exception for it.
    pub(crate) fn exception(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Error(error) => from_error(py, error),
            Self::Remark(file, _) => {
                let fields = PyDict::new(py);
                let made = (|| {
                    fields.set_item("kind", "Count")?;
                    fields.set_item("file", file.display().to_string())?;
                    class!(py, "DamageError")?.call((self.to_string(),), Some(&fields))
                })();
                made.map_or_else(|error| error, PyErr::from_value)
            }
            Self::Broken => PyRuntimeError::new_err(self.to_string()),
        }
    }
}

/// The exception for an error of reading.
pub(crate) fn from_error(py: Python<'_>, error: &Error) -> PyErr {
    if error.is_io() {
        let source = std::error::Error::source(error);
        let code = source
            .and_then(|source| source.downcast_ref::<io::Error>())
            .and_then(io::Error::raw_os_error);
        return match (code, error.file()) {
            (Some(code), file) => from_code(py, code, file),
            _ => PyOSError::new_err(error.to_string()),
        };
    }
    if error.kind() == ErrorKind::OutOfMemory {
        return PyMemoryError::new_err(error.to_string());
    }
    let made = (|| {
        let class = match error.is_unsupported() {
            true => class!(py, "UnsupportedError")?,
            false => class!(py, "DamageError")?,
        };
        let fields = PyDict::new(py);
        fields.set_item("kind", format!("{:?}", error.kind()))?;
        let file = error.file().map(|file| file.display().to_string());
        fields.set_item("file", file)?;
        fields.set_item("block", error.block())?;
        fields.set_item("record", error.record())?;
        fields.set_item("offset", error.offset())?;
        class.call((error.to_string(),), Some(&fields))
    })();
    made.map_or_else(|error| error, PyErr::from_value)
}

/// `OSError(code, text, file)`, which becomes `FileNotFoundError` and the like.
pub(crate) fn from_code(py: Python<'_>, code: i32, file: Option<&Path>) -> PyErr {
    let text = py
        .import("os")
        .and_then(|os| os.call_method1("strerror", (code,)))
        .and_then(|text| text.extract::<String>())
        .unwrap_or_default();
    match file {
        Some(file) => PyOSError::new_err((code, text, file.as_os_str().to_owned())),
        None => PyOSError::new_err((code, text)),
    }
}

/// The exception for an error of the system about a file.
pub(crate) fn from_io(py: Python<'_>, error: &io::Error, file: Option<&Path>) -> PyErr {
    match error.raw_os_error() {
        Some(code) => from_code(py, code, file),
        None => {
            let name = file.map(|file| format!("{}: ", file.display()));
            PyOSError::new_err(format!("{}{error}", name.unwrap_or_default()))
        }
    }
}

/// The exception for a text that is not a filter.
pub(crate) fn from_filter(py: Python<'_>, error: &FilterError, text: &str) -> PyErr {
    // Python counts characters.
    let place = |at: usize| text.get(..at).map_or(at, |before| before.chars().count());
    let span = error
        .span()
        .map(|span| (place(span.start), place(span.end)));
    let made = (|| {
        let class = class!(py, "FilterError")?;
        class.call1((
            error.to_string(),
            error.message(),
            span,
            error.suggestion(),
            text,
        ))
    })();
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The exception of this class of `nfdecode._errors`, for an error of a conversion.
pub(crate) fn of_conversion(py: Python<'_>, name: &str, text: &str, kind: &str) -> PyErr {
    let made = py
        .import("nfdecode._errors")
        .and_then(|module| module.getattr(name)?.call1((text, kind)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Gives a warning of class `nfdecode.DamageWarning`.
pub(crate) fn warn(py: Python<'_>, problem: &Problem) -> PyResult<()> {
    let class = class!(py, "DamageWarning")?;
    let text = std::ffi::CString::new(problem.to_string().replace('\0', "\u{FFFD}"))?;
    PyErr::warn(py, class.as_any(), &text, 1)
}

/// Raises an `IncompleteError` for the losses of a conversion, or warns of them.
pub(crate) fn report_losses(py: Python<'_>, on_error: OnError, losses: &[String]) -> PyResult<()> {
    if losses.is_empty() || on_error == OnError::Skip {
        return Ok(());
    }
    let report = py.import("nfdecode._convert")?.getattr("_report")?;
    let policy = if on_error == OnError::Raise {
        "raise"
    } else {
        "warn"
    };
    report.call1((losses, policy, py.None())).map(drop)
}
