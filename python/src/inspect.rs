//! `info`, `check`, `rewrite` and `repair`: whole files in summary, and new files of them.

use std::fs::{self, File as NewFile, OpenOptions as CreateOptions};
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nfdecode::file::{Compression, Counters};
use nfdecode::inspect::{Check, Survey};
use nfdecode::scan::{Lane, Part, Stopped, Work};
use nfdecode::writer::{Encoding, SysidMap, Writer};
use nfdecode::{File, Scan, Timestamp};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::account::{Account, Seen};
use crate::errors::{self, OnError, Problem};
use crate::flows::{report, thread_count};
use crate::interrupt;
use crate::source::Inputs;

/// A dictionary of these members.
macro_rules! dict {
    ($py:expr, { $($key:literal: $value:expr),* $(,)? }) => {{
        let dict = PyDict::new($py);
        $( dict.set_item($key, $value)?; )*
        dict
    }};
}

/// One dictionary per file, as `nfdecode info --json` prints it, with `damage`.
#[pyfunction]
pub(crate) fn info<'py>(py: Python<'py>, inputs: &Inputs) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for input in &inputs.inputs {
        let file = py.detach(|| input.open(&inputs.options));
        let file = file.map_err(|error| errors::from_error(py, &error))?;
        let cancel = AtomicBool::new(false);
        let next = || match cancel.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let survey = interrupt::run(py, &cancel, || Survey::of(&file, next))?;
        list.append(survey_dict(py, input.name(), &file, &survey)?)?;
    }
    Ok(list)
}

/// Long: a list of members.
fn survey_dict<'py>(
    py: Python<'py>,
    name: &str,
    file: &File,
    survey: &Survey,
) -> PyResult<Bound<'py, PyDict>> {
    let header = file.header();
    let counters = |counters: Counters| -> PyResult<Bound<'py, PyDict>> {
        Ok(dict!(py, {
            "flows": counters.flows, "packets": counters.packets, "bytes": counters.bytes,
        }))
    };
    let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let statistics = match file.statistics() {
        None => None,
        Some(statistics) => Some(dict!(py, {
            "total": counters(statistics.total)?,
            "tcp": counters(statistics.tcp)?,
            "udp": counters(statistics.udp)?,
            "icmp": counters(statistics.icmp)?,
            "other": counters(statistics.other)?,
            "first_ms": ms(statistics.first_seen),
            "last_ms": ms(statistics.last_seen),
            "sequence_failures": statistics.sequence_failures,
        })),
    };
    let exporters = PyList::empty(py);
    for exporter in survey.names.exporters() {
        exporters.append(dict!(py, {
            "sysid": exporter.sysid,
            "address": exporter.address.to_string(),
            "version": exporter.version_name(),
            "id": exporter.id,
            "packets": exporter.packets,
            "flows": exporter.flows,
            "sequence_failures": exporter.sequence_failures,
        }))?;
    }
    let samplers = PyList::empty(py);
    for sampler in survey.names.samplers() {
        samplers.append(dict!(py, {
            "sysid": sampler.sysid,
            "id": sampler.id,
            "algorithm": sampler.algorithm,
            "packet_interval": sampler.packet_interval,
            "packet_space": sampler.packet_space,
        }))?;
    }
    let elements = PyList::empty(py);
    for (id, name, flows) in survey.present() {
        elements.append(dict!(py, { "id": id, "name": name, "flows": flows }))?;
    }
    let damage = survey.damage.iter().map(ToString::to_string);
    Ok(dict!(py, {
        "file": name,
        "size": header.file_size,
        "layout": header.layout,
        "compression": header.compression.name(),
        "creator": header.creator_name(),
        "writer_version": header.writer_version_text(),
        "created": header.created,
        "unfinished": header.unfinished,
        "encrypted": header.encrypted,
        "ident": file.ident().map(|ident| String::from_utf8_lossy(ident).into_owned()),
        "blocks": survey.blocks,
        "announced_blocks": header.blocks,
        "stored_bytes": survey.stored_bytes,
        "decoded_bytes": survey.decoded_bytes,
        "records": survey.records,
        "flows": survey.flows,
        "unknown_elements": survey.unknown_elements,
        "first_ms": ms(survey.first),
        "last_ms": ms(survey.last),
        "statistics": statistics,
        "exporters": exporters,
        "samplers": samplers,
        "elements": elements,
        "damage": damage.collect::<Vec<_>>(),
    }))
}

/// One dictionary per file, as `nfdecode check --json` prints it.
#[pyfunction]
#[pyo3(signature = (inputs, threads=None))]
pub(crate) fn check<'py>(
    py: Python<'py>,
    inputs: &Inputs,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyList>> {
    let threads = thread_count(threads)?;
    let list = PyList::empty(py);
    for input in &inputs.inputs {
        let cancel = AtomicBool::new(false);
        let is_cancelled = || cancel.load(Ordering::Relaxed);
        let found = interrupt::run(py, &cancel, || {
            Check::of(input, &inputs.options, (threads, None), is_cancelled)
        })?;
        let damage = PyList::empty(py);
        for error in found.refused.iter().chain(&found.damage) {
            damage.append(dict!(py, {
                "kind": format!("{:?}", error.kind()),
                "block": error.block(),
                "record": error.record(),
                "offset": error.offset(),
                "reason": error.without_file(),
            }))?;
        }
        list.append(dict!(py, {
            "file": input.name(),
            "verdict": found.verdict().name(),
            "flows": found.flows,
            "announced_flows": found.announced_flows,
            "dropped_flows": found.dropped_flows,
            "records": found.records,
            "blocks": found.blocks,
            "announced_blocks": found.announced_blocks,
            "damage": damage,
            "remarks": found.remarks,
        }))?;
    }
    Ok(list)
}

/// Writes the flows of files to a new nfcapd file, which appears when it is complete. Returns how many.
///
/// Long: the steps in order.
#[pyfunction]
#[pyo3(signature = (inputs, path, *, compression=None, level=None, errors="raise"))]
pub(crate) fn rewrite(
    py: Python<'_>,
    inputs: &Inputs,
    path: PathBuf,
    compression: Option<&str>,
    level: Option<u32>,
    errors: &str,
) -> PyResult<u64> {
    let on_error = OnError::parse(errors)?;
    let failed = |py: Python<'_>, error: io::Error| errors::from_io(py, &error, Some(&path));
    let first = inputs
        .inputs
        .iter()
        .find_map(|input| input.open(&inputs.options).ok());
    let Some(first) = first else {
        let why = inputs
            .inputs
            .iter()
            .find_map(|input| input.open(&inputs.options).err());
        return Err(why.map_or_else(
            || PyValueError::new_err("no file is given"),
            |error| errors::from_error(py, &error),
        ));
    };
    let is_output = |input: &Path| is_same(input, &path);
    if inputs
        .inputs
        .iter()
        .filter_map(|input| input.as_path())
        .any(is_output)
    {
        return Err(PyValueError::new_err(
            "the output is also an input: choose another file",
        ));
    }
    let header = first.header();
    let encoding = match compression {
        None => Encoding {
            compression: header.compression,
            level: None,
        },
        Some(name) => encoding(name, level)?,
    };
    let temporary = temporary(&path);
    let out = CreateOptions::new()
        .write(true)
        .read(true)
        .create(true)
        .truncate(true)
        .open(&temporary);
    let out = out.map_err(|error| failed(py, error))?;
    let cleanup = Cleanup(&temporary);
    let writer = Writer::new(BufWriter::new(out), encoding, first.ident(), header.created)
        .map_err(|error| failed(py, error))?;
    let scan = Scan::new(inputs.inputs.iter().cloned())
        .open_with(inputs.options.clone())
        .read_all(true);
    let cancel = AtomicBool::new(false);
    let rewriting = Rewriting {
        cancel: &cancel,
        stops: on_error == OnError::Raise,
    };
    let written = Written {
        writer,
        numbers: None,
        account: Account::new(inputs.salvage),
        problems: Vec::new(),
        flows: 0,
        failed: None,
    };
    let (_, written, _) = interrupt::run(py, &cancel, || scan.run(&rewriting, written))?;
    if let Some(error) = written.failed {
        return Err(failed(py, error));
    }
    report(py, on_error, &written.problems)?;
    let flows = written.flows - written.writer.left_out().min(written.flows);
    let finish = || {
        let mut out = written.writer.finish()?;
        out.flush()?;
        drop(out);
        fs::rename(&temporary, &path)
    };
    py.detach(finish).map_err(|error| failed(py, error))?;
    std::mem::forget(cleanup);
    Ok(flows)
}

/// Removes a file that was not completed.
struct Cleanup<'a>(&'a Path);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        // A leftover is worth no second error.
        let _ = fs::remove_file(self.0);
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn encoding(name: &str, level: Option<u32>) -> PyResult<Encoding> {
    let all = [
        Compression::None,
        Compression::Lzo,
        Compression::Bz2,
        Compression::Lz4,
        Compression::Zstd,
    ];
    let found = all.into_iter().find(|one| one.name() == name);
    let compression = found.ok_or_else(|| {
        let names = all.map(Compression::name).join(", ");
        PyValueError::new_err(format!("unknown compression {name:?}: use one of {names}"))
    })?;
    Ok(Encoding { compression, level })
}

struct Rewriting<'a> {
    cancel: &'a AtomicBool,
    stops: bool,
}

struct Written {
    writer: Writer<BufWriter<NewFile>>,
    /// The new numbers of the current file's exporters.
    numbers: Option<SysidMap>,
    account: Account,
    problems: Vec<Problem>,
    flows: u64,
    failed: Option<io::Error>,
}

impl Work for Rewriting<'_> {
    type Worker = ();
    type Tally = Written;

    fn worker(&self) {}

    fn work(
        &self,
        (): &mut (),
        parts: Vec<Part>,
        lane: &mut Lane<'_, Written>,
    ) -> Result<(), Stopped> {
        for part in parts {
            lane.in_turn(|written| {
                written.failed = write(written, &part).err();
                let Written {
                    account, problems, ..
                } = written;
                account.see(Seen::of(&part), &mut |problem| problems.push(problem));
                let is_over =
                    written.failed.is_some() || (self.stops && !written.problems.is_empty());
                match is_over || self.cancel.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        }
        Ok(())
    }
}

fn write(written: &mut Written, part: &Part) -> io::Result<()> {
    match part {
        Part::Start(found) => {
            let file = found.file();
            let names = file.names();
            written
                .problems
                .extend(names.unread().cloned().map(Problem::Error));
            written.numbers = Some(written.writer.write_names(&names, file)?);
        }
        Part::Block(found) => {
            if let Some(numbers) = &written.numbers {
                written.writer.write_block(found.block(), numbers)?;
            }
            written.flows += found.block().len() as u64;
        }
        _ => {}
    }
    Ok(())
}
