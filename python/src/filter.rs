//! The class `Filter`: nfdump's filter language.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use nfdecode::filter::{Compare, Expr, Number, Options};
use nfdecode::value::Zone;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors;

/// A compiled filter in nfdump's language: `Filter("proto tcp and dst port 443")`.
///
/// Filters are combined with `&`, `|` and `~`; equal ones compare equal. `str()` gives the text, with times in UTC.
/// `tz` is the zone of times in the text; default: that of the environment. A text that is no filter is a
/// `FilterError`.
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

    /// The filter as a tree: one term or operator per line, indented.
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

/// A comparison of a column with a number, or conditions that are joined: what Polars pushes down.
#[derive(FromPyObject)]
pub(crate) enum Implied {
    Compare(String, String, u64),
    Joined(String, Vec<Implied>),
}

/// Columns whose filter term reads the same stored value, and the term. Others are not pushed down: some terms give
/// another answer for flows without the field or of another protocol.
pub(crate) const SAME: [(&str, Number); 12] = [
    ("src_port", Number::SrcPort),
    ("dst_port", Number::DstPort),
    ("in_packets", Number::Packets),
    ("out_packets", Number::OutPackets),
    ("in_bytes", Number::Bytes),
    ("out_bytes", Number::OutBytes),
    ("first", Number::FirstSeen),
    ("last", Number::LastSeen),
    ("src_tos", Number::Tos),
    ("dst_tos", Number::DstTos),
    ("src_as", Number::SrcAs),
    ("dst_as", Number::DstAs),
];

impl Implied {
    fn expr(&self) -> Option<Expr> {
        match self {
            Self::Compare(column, sign, number) => {
                let (_, term) = SAME.iter().find(|(name, _)| name == column)?;
                let compare = match sign.as_str() {
                    "==" => Compare::Equal,
                    ">" => Compare::Greater,
                    ">=" => Compare::GreaterOrEqual,
                    "<" => Compare::Less,
                    "<=" => Compare::LessOrEqual,
                    _ => return None,
                };
                Some(Expr::number(*term, compare, *number))
            }
            Self::Joined(word, parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(Self::expr).collect();
                match word.as_str() {
                    "and" => Some(Expr::all(parts?)),
                    "or" => Some(Expr::one_of(parts?)),
                    _ => None,
                }
            }
        }
    }
}

/// The filter that a condition implies; `None` if it cannot be expressed.
#[pyfunction]
pub(crate) fn implied(condition: Implied) -> Option<Filter> {
    nfdecode::Filter::build(condition.expr()?).ok().map(Filter)
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
        Err(_) => Err(PyTypeError::new_err(
            "filter must be a str or a nfdecode.Filter",
        )),
    }
}
