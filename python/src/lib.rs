//! The Python package `nfdecode`: flows of nfcapd files and captures.
//!
//! This is the compiled part, `nfdecode._nfdecode`; the classes and functions for users are in `nfdecode/*.py`. On
//! the public interface of the library alone.
//!
//! | file | does |
//! |---|---|
//! | `source`, `filter`, `flows` | what to read: files, filter, description |
//! | `feed`, `interrupt` | reading on other threads; Ctrl-C |
//! | `stream`, `rows` | record batches for other libraries, dictionaries of Python's types |
//! | `export` | Parquet and JSON files |
//! | `inspect` | whole files in summary, new files of them |
//! | `aggregate` | groups of flows, traffic over time |
//! | `conversion`, `convert`, `dicts` | captures: the thread of nfpcapd, reading its files; dictionaries with nfdump's keys |
//! | `account`, `errors` | what is wrong with files; exceptions |

mod account;
mod aggregate;
mod conversion;
mod convert;
mod dicts;
mod errors;
mod export;
mod feed;
mod filter;
mod flows;
mod inspect;
mod interrupt;
mod rows;
mod source;
mod stream;

use pyo3::prelude::*;

/// The compiled part of the package.
#[pymodule(gil_used = false)]
fn _nfdecode(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interrupt::note_main_thread(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("version_text", nfdecode::VERSION)?;
    let pushed: Vec<&str> = filter::SAME.iter().map(|(name, _)| *name).collect();
    module.add("PUSHED_COLUMNS", pushed)?;
    module.add_class::<convert::ConvertIterator>()?;
    module.add_class::<filter::Filter>()?;
    module.add_class::<flows::Description>()?;
    module.add_class::<rows::RowIterator>()?;
    module.add_class::<source::Inputs>()?;
    module.add_class::<stream::Batch>()?;
    module.add_class::<stream::Stream>()?;
    module.add_function(wrap_pyfunction!(aggregate::series, module)?)?;
    module.add_function(wrap_pyfunction!(aggregate::top, module)?)?;
    module.add_function(wrap_pyfunction!(convert::convert_stream, module)?)?;
    module.add_function(wrap_pyfunction!(export::to_dicts, module)?)?;
    module.add_function(wrap_pyfunction!(export::to_json, module)?)?;
    module.add_function(wrap_pyfunction!(export::to_parquet, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::check, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::info, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::rewrite, module)?)?;
    module.add_function(wrap_pyfunction!(filter::implied, module)?)?;
    module.add_function(wrap_pyfunction!(flows::column_list, module)?)?;
    module.add_function(wrap_pyfunction!(flows::parse_moment, module)?)?;
    Ok(())
}
