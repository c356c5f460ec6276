//! Flows as dictionaries with nfdump's keys and values, equal to what the program prints as JSON.
//!
//! Most members of a flow are those of the flow before with the same elements. So a dictionary begins as a copy of
//! that one, which is one move of memory, and only members that differ are made and set.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use nfdecode::Flow;
use nfdecode::output::FlowContext;
use nfdecode::output::members::{MemberValue, Members};
use nfdecode::scan::{ScanBlock, ScanFile};
use nfdecode::value::Zone;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString};

use crate::interrupt;

/// Flows between two looks at signals: a few milliseconds.
const SIGNALS_EVERY: usize = 1024;
/// Kinds of flows that are remembered at most. Only hostile files have more.
const SHAPES_MAX: usize = 4096;
/// Texts that are remembered, by a hash: addresses and times occur again and again.
const TEXTS: usize = 1 << 13;

/// Makes dictionaries. The strings of keys are made once.
pub(crate) struct DictMaker {
    members: Members,
    keys: Vec<Py<PyString>>,
    /// The last flow of each set of elements and protocol.
    shapes: HashMap<(u64, u8), Shape>,
    texts: Texts,
    /// Texts of the file that comes next.
    context: FlowContext,
    file: Option<Arc<ScanFile>>,
}

/// A flow and its dictionary.
#[derive(Default)]
struct Shape {
    keys: Vec<usize>,
    values: Vec<Value>,
    dict: Option<Py<PyDict>>,
    /// Places in `values` that differ from `dict`.
    changed: Vec<usize>,
    /// Two members have the same key.
    is_ambiguous: bool,
}

#[derive(PartialEq)]
enum Value {
    Number(u64),
    Float(f64),
    Text(String),
}

/// Strings by their text: a table without chains, in which the last one stays.
struct Texts {
    hasher: RandomState,
    table: Vec<Option<(String, Py<PyString>)>>,
}

impl Texts {
    fn of<'py>(&mut self, py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        let hash = self.hasher.hash_one(text);
        let place = usize::try_from(hash % TEXTS as u64).unwrap_or_default();
        match self.table.get_mut(place) {
            Some(Some((known, string))) if known == text => string.bind(py).clone(),
            Some(entry) => {
                let string = PyString::new(py, text);
                *entry = Some((text.to_owned(), string.clone().unbind()));
                string
            }
            None => PyString::new(py, text),
        }
    }
}

impl Shape {
    /// Takes over the member at a place.
    fn put(&mut self, at: usize, key: usize, value: MemberValue<'_>) {
        if self.keys.get(at) != Some(&key) {
            // Another list of members: the dictionary is made again from nothing.
            self.dict = None;
            self.keys.truncate(at);
            self.values.truncate(at);
            self.keys.push(key);
            self.values.push(Value::Number(0));
        }
        let Some(known) = self.values.get_mut(at) else {
            return;
        };
        match (&mut *known, value) {
            (Value::Number(known), MemberValue::Number(number)) if *known == number => return,
            (Value::Text(known), MemberValue::Text(text)) if known == text => return,
            (Value::Text(known), MemberValue::Text(text)) => {
                known.clear();
                known.push_str(text);
            }
            (known, MemberValue::Number(number)) => *known = Value::Number(number),
            (known, MemberValue::Float(number)) => *known = Value::Float(number),
            (known, MemberValue::Text(text)) => *known = Value::Text(text.to_owned()),
            _ => {}
        }
        self.changed.push(at);
    }

    fn set(
        &self,
        dict: &Bound<'_, PyDict>,
        at: usize,
        keys: &[Py<PyString>],
        texts: &mut Texts,
    ) -> PyResult<()> {
        let py = dict.py();
        let key = self.keys.get(at).and_then(|key| keys.get(*key));
        let (Some(key), Some(value)) = (key, self.values.get(at)) else {
            return Ok(());
        };
        match value {
            Value::Number(number) => dict.set_item(key, PyInt::new(py, *number)),
            Value::Float(number) => dict.set_item(key, PyFloat::new(py, *number)),
            Value::Text(text) => dict.set_item(key, texts.of(py, text)),
        }
    }

    /// The dictionary of the flow that was put.
    fn dict<'py>(
        &mut self,
        py: Python<'py>,
        keys: &[Py<PyString>],
        texts: &mut Texts,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = match self.dict.take().filter(|_| !self.is_ambiguous) {
            Some(last) => {
                let dict = last.bind(py).copy()?;
                for at in &self.changed {
                    self.set(&dict, *at, keys, texts)?;
                }
                dict
            }
            None => {
                let dict = PyDict::new(py);
                for at in 0..self.values.len() {
                    self.set(&dict, at, keys, texts)?;
                }
                self.is_ambiguous = dict.len() != self.values.len();
                dict
            }
        };
        self.changed.clear();
        self.dict = Some(dict.clone().unbind());
        Ok(dict)
    }
}

impl DictMaker {
    pub(crate) fn new(py: Python<'_>, zone: Zone) -> Self {
        let intern = |key: &&str| PyString::intern(py, key).unbind();
        Self {
            members: Members::new(zone),
            keys: Members::keys().iter().map(intern).collect(),
            shapes: HashMap::new(),
            texts: Texts {
                hasher: RandomState::new(),
                table: (0..TEXTS).map(|_| None).collect(),
            },
            context: FlowContext::default(),
            file: None,
        }
    }

    /// Appends the selected flows of a block to a list. `before`: the value of `cnt` of the flow before.
    pub(crate) fn add(
        &mut self,
        py: Python<'_>,
        block: &ScanBlock,
        before: u64,
        list: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let is_same = |file: &Arc<ScanFile>| Arc::ptr_eq(file, block.file());
        if !self.file.as_ref().is_some_and(is_same) {
            let file = block.file();
            self.context = FlowContext::new(file.file().ident(), file.name());
            self.file = Some(Arc::clone(file));
            // Dictionaries that were handed out may have been changed since.
            self.shapes.clear();
        }
        for (at, (flow, number)) in block.flows().zip(before + 1..).enumerate() {
            if at % SIGNALS_EVERY == 0 {
                interrupt::check()?;
            }
            list.append(self.dict(py, number, &flow)?)?;
        }
        // From here on the caller may change them.
        self.shapes.values_mut().for_each(|shape| shape.dict = None);
        Ok(())
    }

    fn dict<'py>(
        &mut self,
        py: Python<'py>,
        number: u64,
        flow: &Flow<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes.clear();
        }
        let kind = (flow.elements(), flow.proto().unwrap_or_default());
        let shape = self.shapes.entry(kind).or_default();
        let mut at = 0;
        let mut put = |key: usize, value: MemberValue<'_>| {
            shape.put(at, key, value);
            at += 1;
        };
        self.members.visit(number, flow, &self.context, &mut put);
        if at != shape.keys.len() {
            shape.dict = None;
            shape.keys.truncate(at);
            shape.values.truncate(at);
        }
        shape.dict(py, &self.keys, &mut self.texts)
    }
}
