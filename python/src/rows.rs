//! Iteration over flows as dictionaries with Python's own types: `ipaddress`, aware `datetime`, bytes, lists.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Mutex;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Int32Type, TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use nfdecode::columns::{Column, ColumnKind, Projection};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::stream::{Reading, busy};

/// Addresses that are remembered as objects at most: making one takes a microsecond.
const ADDRESSES_MAX: usize = 1 << 16;

/// An iterator over flows.
#[pyclass(frozen, module = "nfdecode._nfdecode")]
pub(crate) struct RowIterator(Mutex<State>);

struct State {
    reading: Option<Reading>,
    projection: Projection,
    names: Vec<Py<PyString>>,
    batch: Option<RecordBatch>,
    row: usize,
    makers: Makers,
}

/// What values are made with.
struct Makers {
    epoch: Py<PyAny>,
    milliseconds: Py<PyAny>,
    ip4: Py<PyAny>,
    ip6: Py<PyAny>,
    addresses: HashMap<Vec<u8>, Py<PyAny>>,
}

impl RowIterator {
    pub(crate) fn new(py: Python<'_>, reading: Reading, projection: &Projection) -> PyResult<Self> {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let epoch = datetime
            .getattr("datetime")?
            .call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
        let one = PyDict::new(py);
        one.set_item("milliseconds", 1)?;
        let one = datetime.getattr("timedelta")?.call((), Some(&one))?;
        let ipaddress = py.import("ipaddress")?;
        let names = projection.columns().iter();
        Ok(Self(Mutex::new(State {
            reading: Some(reading),
            projection: projection.clone(),
            names: names
                .map(|column| PyString::intern(py, column.name()).unbind())
                .collect(),
            batch: None,
            row: 0,
            makers: Makers {
                epoch: epoch.unbind(),
                milliseconds: one.unbind(),
                ip4: ipaddress.getattr("IPv4Address")?.unbind(),
                ip6: ipaddress.getattr("IPv6Address")?.unbind(),
                addresses: HashMap::new(),
            },
        })))
    }
}

#[pymethods]
impl RowIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let mut state = self.0.try_lock().map_err(|_| busy())?;
        let State {
            reading,
            projection,
            names,
            batch,
            row,
            makers,
        } = &mut *state;
        while batch.as_ref().is_none_or(|batch| *row >= batch.num_rows()) {
            *row = 0;
            *batch = None;
            let Some(running) = reading.as_mut() else {
                return Ok(None);
            };
            *batch = running.next_attached(py)?;
            if batch.is_none() {
                *reading = None;
            }
        }
        let dict = PyDict::new(py);
        if let Some(batch) = batch {
            let columns = projection.columns().iter().zip(batch.columns());
            for (name, (column, array)) in names.iter().zip(columns) {
                let value = makers.value(py, column, array.as_ref(), *row)?;
                dict.set_item(name.bind(py), value)?;
            }
        }
        *row += 1;
        Ok(Some(dict))
    }
}

impl Makers {
    /// The value of a column in a row.
    fn value<'py>(
        &mut self,
        py: Python<'py>,
        column: &Column,
        array: &dyn Array,
        row: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        if array.is_null(row) {
            return Ok(py.None().into_bound(py));
        }
        match array.data_type() {
            DataType::Boolean => array.as_boolean().value(row).into_bound_py_any(py),
            DataType::UInt8 => array
                .as_primitive::<UInt8Type>()
                .value(row)
                .into_bound_py_any(py),
            DataType::UInt16 => array
                .as_primitive::<UInt16Type>()
                .value(row)
                .into_bound_py_any(py),
            DataType::UInt32 => array
                .as_primitive::<UInt32Type>()
                .value(row)
                .into_bound_py_any(py),
            DataType::UInt64 => array
                .as_primitive::<UInt64Type>()
                .value(row)
                .into_bound_py_any(py),
            DataType::Utf8 => array.as_string::<i32>().value(row).into_bound_py_any(py),
            DataType::Binary => {
                let bytes = array.as_binary::<i32>().value(row);
                Ok(PyBytes::new(py, bytes).into_any())
            }
            DataType::Timestamp(..) => self.time(
                py,
                array.as_primitive::<TimestampMillisecondType>().value(row),
            ),
            DataType::FixedSizeBinary(_) => {
                self.address(py, column.kind(), array.as_fixed_size_binary().value(row))
            }
            DataType::Dictionary(key, _) if **key == DataType::UInt8 => {
                let array = array.as_dictionary::<UInt8Type>();
                let at = usize::from(array.keys().value(row));
                array
                    .values()
                    .as_string::<i32>()
                    .value(at)
                    .into_bound_py_any(py)
            }
            DataType::Dictionary(..) => {
                let array = array.as_dictionary::<Int32Type>();
                let at = usize::try_from(array.keys().value(row)).unwrap_or_default();
                array
                    .values()
                    .as_string::<i32>()
                    .value(at)
                    .into_bound_py_any(py)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>().value(row);
                let numbers = list.as_primitive::<UInt32Type>().values().to_vec();
                Ok(PyList::new(py, numbers)?.into_any())
            }
            _ => Ok(py.None().into_bound(py)),
        }
    }

    /// `None` after the year 9999, which `datetime` cannot hold.
    fn time<'py>(&self, py: Python<'py>, ms: i64) -> PyResult<Bound<'py, PyAny>> {
        let since = self.milliseconds.bind(py).mul(ms);
        match since.and_then(|since| self.epoch.bind(py).add(since)) {
            Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
                Ok(py.None().into_bound(py))
            }
            result => result,
        }
    }

    fn address<'py>(
        &mut self,
        py: Python<'py>,
        kind: ColumnKind,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        if kind == ColumnKind::Mac {
            let text: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            return text.join(":").into_bound_py_any(py);
        }
        if let Some(known) = self.addresses.get(bytes) {
            return Ok(known.bind(py).clone());
        }
        let inner = <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from);
        let inner = inner.ok().filter(|_| kind == ColumnKind::Ip);
        let made = match inner.and_then(|address| address.to_ipv4_mapped()) {
            Some(address) => self
                .ip4
                .bind(py)
                .call1((PyBytes::new(py, &address.octets()),)),
            None if bytes.len() == 4 => self.ip4.bind(py).call1((PyBytes::new(py, bytes),)),
            None => self.ip6.bind(py).call1((PyBytes::new(py, bytes),)),
        }?;
        if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.clear();
        }
        self.addresses.insert(bytes.to_vec(), made.clone().unbind());
        Ok(made)
    }
}
