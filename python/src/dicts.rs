//! Flows as dictionaries with nfdump's keys and values, equal to what the program prints as JSON.

use std::sync::Arc;

use nfdecode::output::FlowContext;
use nfdecode::output::members::{MemberValue, Members};
use nfdecode::scan::{ScanBlock, ScanFile};
use nfdecode::value::Zone;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::interrupt;

/// Flows between two looks at signals: a few milliseconds.
const SIGNALS_EVERY: usize = 1024;

/// Makes dictionaries. The strings of keys are made once.
pub(crate) struct DictMaker {
    members: Members,
    keys: Vec<Py<PyString>>,
    types: [Py<PyString>; 2],
    /// Texts of the file that comes next.
    context: FlowContext,
    file: Option<Arc<ScanFile>>,
}

impl DictMaker {
    pub(crate) fn new(py: Python<'_>, zone: Zone) -> Self {
        let intern = |key: &&str| PyString::intern(py, key).unbind();
        Self {
            members: Members::new(zone),
            keys: Members::keys().iter().map(intern).collect(),
            types: [
                intern!(py, "FLOW").clone().unbind(),
                intern!(py, "EVENT").clone().unbind(),
            ],
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
        }
        let Self {
            members,
            keys,
            types,
            context,
            ..
        } = self;
        let keys: Vec<_> = keys.iter().map(|key| key.bind(py)).collect();
        let types = types.each_ref().map(|text| text.bind(py));
        let mut number = before;
        for (at, flow) in block.flows().enumerate() {
            if at % SIGNALS_EVERY == 0 {
                interrupt::check()?;
            }
            number += 1;
            let dict = PyDict::new(py);
            let mut failed = None;
            let mut put = |key: usize, value: MemberValue<'_>| {
                let Some(key) = keys.get(key) else { return };
                let done = match value {
                    MemberValue::Number(number) => dict.set_item(key, number),
                    MemberValue::Float(number) => dict.set_item(key, number),
                    MemberValue::Text("FLOW") => dict.set_item(key, types[0]),
                    MemberValue::Text("EVENT") => dict.set_item(key, types[1]),
                    MemberValue::Text(text) => dict.set_item(key, text),
                    _ => Ok(()),
                };
                if let Err(error) = done {
                    failed.get_or_insert(error);
                }
            };
            members.visit(number, &flow, context, &mut put);
            if let Some(error) = failed {
                return Err(error);
            }
            list.append(dict)?;
        }
        Ok(())
    }
}
