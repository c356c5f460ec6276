//! The class `Filter`: nfdump's filter language.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use nfdecode::filter::{Expr, Options};
use nfdecode::value::Zone;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors;

/// A compiled filter in nfdump's language.
#[pyclass(frozen, eq, module = "nfdecode", name = "Filter", from_py_object)]
#[derive(Clone, PartialEq)]
pub(crate) struct Filter(pub(crate) nfdecode::Filter);

/// The zone of a name; without one that of the environment.
pub(crate) fn zone(name: Option<&str>) -> PyResult<Zone> {
    match name {
        None => Ok(Zone::from_env()),
        Some(name) => Zone::named(name).map_err(|error| PyValueError::new_err(error.to_string())),
    }
}

#[pymethods]
impl Filter {
    #[new]
    #[pyo3(signature = (text, *, tz=None))]
    fn new(py: Python<'_>, text: &str, tz: Option<&str>) -> PyResult<Self> {
        let options = Options::new().with_zone(zone(tz)?);
        let parsed = py.detach(|| options.parse(text));
        parsed
            .map(Self)
            .map_err(|error| errors::from_filter(py, &error, text))
    }

    fn explain(&self) -> String {
        self.0.explain()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("nfdecode.Filter({:?})", self.0.to_string())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.to_string().hash(&mut hasher);
        hasher.finish()
    }

    fn __and__(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        built(py, self.0.expr().clone() & other.0.expr().clone())
    }

    fn __or__(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        built(py, self.0.expr().clone() | other.0.expr().clone())
    }

    fn __invert__(&self, py: Python<'_>) -> PyResult<Self> {
        built(py, !self.0.expr().clone())
    }
}

fn built(py: Python<'_>, expr: Expr) -> PyResult<Filter> {
    nfdecode::Filter::build(expr)
        .map(Filter)
        .map_err(|error| errors::from_filter(py, &error, ""))
}

/// A filter argument: a text or a `Filter`.
pub(crate) fn from_argument(argument: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Filter>> {
    let Some(argument) = argument else {
        return Ok(None);
    };
    if let Ok(filter) = argument.cast::<Filter>() {
        return Ok(Some(filter.get().clone()));
    }
    match argument.extract::<String>() {
        Ok(text) => Filter::new(argument.py(), &text, None).map(Some),
        Err(_) => Err(PyTypeError::new_err("filter must be a str or a nfdecode.Filter")),
    }
}
