//! The class `Inputs`: files, directories and bytes as inputs of a scan.
//!
//! `nfdecode/_sources.py` turns what users give into a list of places; here they are checked and opened.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use nfdecode::scan::ScanInput;
use nfdecode::{FileSet, OpenOptions, Passphrase};
use pyo3::exceptions::PyFileNotFoundError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors;

/// Places between two looks at signals: each may be a slow file system's.
const SIGNALS_EVERY: usize = 64;

/// Files to read, in order.
#[pyclass(frozen, module = "nfdecode._nfdecode")]
pub(crate) struct Inputs {
    pub(crate) inputs: Vec<ScanInput>,
    pub(crate) options: OpenOptions,
    pub(crate) salvage: bool,
}

/// A place to read: a path, or bytes with a name.
#[derive(FromPyObject)]
pub(crate) enum Place {
    Bytes(PyBackedBytes, String),
    Path(PathBuf, bool),
}

#[pymethods]
impl Inputs {
    /// Long: the checks in order.
    #[new]
    #[pyo3(signature = (places, *, salvage=false, key=None, check_first=true))]
    fn new(
        py: Python<'_>,
        places: Vec<Place>,
        salvage: bool,
        key: Option<Vec<u8>>,
        check_first: bool,
    ) -> PyResult<Self> {
        let mut options = OpenOptions::new().salvage(salvage);
        if let Some(key) = key {
            options = options.passphrase(Passphrase::new(key));
        }
        let mut inputs = Vec::new();
        for (at, place) in places.into_iter().enumerate() {
            if at % SIGNALS_EVERY == 0 {
                py.check_signals()?;
            }
            match place {
                Place::Bytes(bytes, name) => {
                    let opened = py.detach(|| options.from_bytes(&bytes[..]));
                    match opened {
                        Ok(file) => inputs.push(ScanInput::file(file).named(name)),
                        Err(error) if check_first => return Err(errors::from_error(py, &error)),
                        Err(error) => inputs.push(ScanInput::unreachable(error).named(name)),
                    }
                }
                Place::Path(path, is_found) => add_path(py, path, is_found, &mut inputs)?,
            }
        }
        if let (Some(first), true) = (inputs.first(), check_first) {
            // A stream would lose the type of the error.
            py.detach(|| first.open(&options))
                .map_err(|error| errors::from_error(py, &error))?;
        }
        name_uniquely(&mut inputs);
        Ok(Self {
            inputs,
            options,
            salvage,
        })
    }

    fn __len__(&self) -> usize {
        self.inputs.len()
    }

    #[getter]
    fn names(&self) -> Vec<&str> {
        self.inputs.iter().map(ScanInput::name).collect()
    }

    #[getter]
    fn paths(&self) -> Vec<Option<&Path>> {
        self.inputs.iter().map(ScanInput::as_path).collect()
    }
}

/// A file, or all flow files below a directory.
fn add_path(
    py: Python<'_>,
    path: PathBuf,
    is_found: bool,
    inputs: &mut Vec<ScanInput>,
) -> PyResult<()> {
    let metadata = py
        .detach(|| fs::metadata(&path))
        .map_err(|error| errors::from_io(py, &error, Some(&path)))?;
    if metadata.is_dir() {
        let set = py.detach(|| FileSet::in_directory(&path));
        let set = set.map_err(|error| errors::from_error(py, &error))?;
        if set.is_empty() {
            let text = format!("{}: no nfcapd files in this directory", path.display());
            return Err(PyFileNotFoundError::new_err(text));
        }
        inputs.extend(set.inputs());
    } else if is_found {
        inputs.push(ScanInput::found(path));
    } else {
        inputs.push(ScanInput::path(path));
    }
    Ok(())
}

/// Inputs of the same name get their whole path as name.
fn name_uniquely(inputs: &mut [ScanInput]) {
    let mut counts = HashMap::<String, u32>::new();
    for input in inputs.iter() {
        *counts.entry(input.name().to_owned()).or_default() += 1;
    }
    for input in inputs {
        let is_shared = counts.get(input.name()).is_some_and(|count| *count > 1);
        if let (true, Some(path)) = (is_shared, input.as_path()) {
            let name = path.display().to_string();
            *input = input.clone().named(name);
        }
    }
}
