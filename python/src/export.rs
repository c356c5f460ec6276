//! Files of flows: Parquet, JSON; and dictionaries with nfdump's keys.
//!
//! A file is written beside its place and renamed when it is complete.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array as _, RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use nfdecode::Timestamp;
use nfdecode::columns::Projection;
use nfdecode::columns::parquet::{Options, Writer};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::scan::{Part, ScanBlock, ScanFile};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::account::{Account, Seen};
use crate::dicts::DictMaker;
use crate::errors::{self, Problem};
use crate::feed::{Feed, Map, Next};
use crate::filter;
use crate::flows::{self, Description};
use crate::interrupt;

/// Partitions that are written at a time. More are closed and, if needed, continued in another file.
const OPEN_MAX: usize = 24;

/// A file that appears when it is complete.
struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    is_done: bool,
}

impl NewFile {
    fn create(path: PathBuf) -> io::Result<(Self, File)> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary)?;
        let this = Self {
            path,
            temporary,
            is_done: false,
        };
        Ok((this, file))
    }

    fn finish(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_done {
            // A leftover is worth no second error.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A Parquet file that is being written.
struct Output {
    file: NewFile,
    writer: Writer<BufWriter<File>>,
}

impl Output {
    fn create(path: PathBuf, projection: &Projection, options: &Options) -> io::Result<Self> {
        let (file, out) = NewFile::create(path)?;
        let writer =
            Writer::try_new(BufWriter::new(out), projection, options).map_err(io::Error::other)?;
        Ok(Self { file, writer })
    }

    fn finish(self) -> io::Result<()> {
        let mut out = self.writer.finish().map_err(of_parquet)?;
        out.flush()?;
        self.file.finish()
    }
}

/// The error of the system inside an error of the Parquet library.
fn of_parquet(error: nfdecode::columns::parquet_crate::errors::ParquetError) -> io::Error {
    use nfdecode::columns::parquet_crate::errors::ParquetError;
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(inner) => io::Error::other(inner),
        },
        error => io::Error::other(error),
    }
}

/// Length of a partition in ms, and how many parts its path has.
fn partition(name: &str) -> PyResult<(i64, usize)> {
    match name {
        "day" => Ok((86_400_000, 1)),
        "hour" => Ok((3_600_000, 2)),
        "5m" => Ok((300_000, 3)),
        _ => Err(PyValueError::new_err(format!(
            "partition_by must be \"day\", \"hour\" or \"5m\", not {name:?}"
        ))),
    }
}

/// A directory of Parquet files.
struct Partitions {
    directory: PathBuf,
    projection: Projection,
    options: Options,
    millis: i64,
    depth: usize,
    first: usize,
    open: HashMap<Option<i64>, Output>,
    /// Files of each partition so far.
    parts: HashMap<Option<i64>, u32>,
}

impl Partitions {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let times = batch
            .column(self.first)
            .as_primitive_opt::<TimestampMillisecondType>()
            .ok_or_else(|| io::Error::other("`first` is no time"))?;
        let mut rows: HashMap<Option<i64>, Vec<u32>> = HashMap::new();
        for (row, at) in (0..times.len()).zip(0_u32..) {
            let slot = (!times.is_null(row)).then(|| times.value(row).div_euclid(self.millis));
            rows.entry(slot).or_default().push(at);
        }
        for (slot, rows) in rows {
            let part = match rows.len() == batch.num_rows() {
                true => batch.clone(),
                false => {
                    take_record_batch(batch, &UInt32Array::from(rows)).map_err(io::Error::other)?
                }
            };
            if !self.open.contains_key(&slot) {
                self.make_room()?;
                let number = self.parts.entry(slot).or_default();
                let directory = self
                    .directory
                    .join(directory(slot, self.millis, self.depth));
                fs::create_dir_all(&directory)?;
                let path = directory.join(format!("part-{number}.parquet"));
                *number += 1;
                let output = Output::create(path, &self.projection, &self.options)?;
                self.open.insert(slot, output);
            }
            if let Some(output) = self.open.get_mut(&slot) {
                output.writer.write(&part).map_err(of_parquet)?;
            }
        }
        Ok(())
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.open.len() >= OPEN_MAX {
            let oldest = self.open.keys().min().copied();
            if let Some(output) = oldest.and_then(|slot| self.open.remove(&slot)) {
                output.finish()?;
            }
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        self.open.into_values().try_for_each(Output::finish)
    }
}

/// The directory of a partition, as the program names it.
fn directory(slot: Option<i64>, millis: i64, depth: usize) -> PathBuf {
    const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
    let time = slot.map(|slot| {
        let ms = slot.saturating_mul(millis).unsigned_abs();
        Timestamp::from_millis(ms).to_string()
    });
    let (day, rest) = match &time {
        Some(time) => time.split_once('T').unwrap_or((time, "")),
        None => (NULL, ""),
    };
    let part = |from| match time {
        Some(_) => rest.get(from..from + 2).unwrap_or(NULL),
        None => NULL,
    };
    let parts = [
        format!("day={day}"),
        format!("hour={}", part(0)),
        format!("minute={}", part(3)),
    ];
    parts.into_iter().take(depth).collect()
}

/// Where Parquet goes.
enum Sink {
    One(Box<Output>),
    Many(Box<Partitions>),
}

/// Writes Parquet. Returns the number of flows.
#[pyfunction]
#[pyo3(signature = (description, path, *, partition_by=None, bloom=false))]
pub(crate) fn to_parquet(
    py: Python<'_>,
    description: &Description,
    path: PathBuf,
    partition_by: Option<&str>,
    bloom: bool,
) -> PyResult<u64> {
    let options = Options::new().with_bloom_filters(bloom);
    let projection = description.projection();
    let failed = |py: Python<'_>, error: io::Error| errors::from_io(py, &error, Some(&path));
    let mut sink = match partition_by {
        None => Sink::One(Box::new(
            Output::create(path.clone(), projection, &options)
                .map_err(|error| failed(py, error))?,
        )),
        Some(name) => {
            let (millis, depth) = partition(name)?;
            let first = projection
                .columns()
                .iter()
                .position(|column| column.name() == "first");
            let first = first.ok_or_else(|| {
                PyValueError::new_err("partition_by needs the column `first`: add it to fields")
            })?;
            check_empty(&path).map_err(|error| failed(py, error))?;
            Sink::Many(Box::new(Partitions {
                directory: path.clone(),
                projection: projection.clone(),
                options,
                millis,
                depth,
                first,
                open: HashMap::new(),
                parts: HashMap::new(),
            }))
        }
    };
    let mut reading = description.start(false)?;
    let mut flows = 0;
    while let Some(batch) = reading.next_attached(py)? {
        flows += batch.num_rows() as u64;
        let written = py.detach(|| match &mut sink {
            Sink::One(output) => output.writer.write(&batch).map_err(of_parquet),
            Sink::Many(partitions) => partitions.write(&batch),
        });
        written.map_err(|error| failed(py, error))?;
    }
    let ended = py.detach(|| match sink {
        Sink::One(output) => output.finish(),
        Sink::Many(partitions) => partitions.finish(),
    });
    ended.map_err(|error| failed(py, error))?;
    Ok(flows)
}

/// Writes nfdump's JSON. Returns the number of flows.
#[pyfunction]
#[pyo3(signature = (description, path, *, lines=true, tz=None))]
pub(crate) fn to_json(
    py: Python<'_>,
    description: &Description,
    path: PathBuf,
    lines: bool,
    tz: Option<&str>,
) -> PyResult<u64> {
    let zone = filter::zone(tz)?;
    let mut format = match lines {
        true => JsonFormat::ndjson(zone),
        false => JsonFormat::json(zone),
    };
    let failed = |py: Python<'_>, error: io::Error| errors::from_io(py, &error, Some(&path));
    let (file, mut out) = NewFile::create(path.clone()).map_err(|error| failed(py, error))?;
    let mut text = TextBuffer::default();
    let mut contexts = Contexts::default();
    let mut number = 0;
    format.begin(&mut text);
    description.each_part(py, |py, part| {
        let Part::Block(block) = part else {
            return Ok(());
        };
        let written = py.detach(|| {
            let context = contexts.of(&block);
            for flow in block.flows() {
                number += 1;
                format.flow(number, &flow, context, &mut text);
            }
            let done = out.write_all(text.as_bytes());
            text.clear();
            done
        });
        written.map_err(|error| failed(py, error))
    })?;
    format.end(number, &mut text);
    let ended = out.write_all(text.as_bytes()).and_then(|()| file.finish());
    ended.map_err(|error| failed(py, error))?;
    Ok(number)
}

/// Flows as dictionaries with nfdump's keys.
#[pyfunction]
#[pyo3(signature = (description, *, tz=None))]
pub(crate) fn to_dicts<'py>(
    py: Python<'py>,
    description: &Description,
    tz: Option<&str>,
) -> PyResult<Bound<'py, PyList>> {
    let mut maker = DictMaker::new(py, filter::zone(tz)?);
    let list = PyList::empty(py);
    description.each_part(py, |py, part| match part {
        Part::Block(block) => maker.add(py, &block, list.len() as u64, &list),
        _ => Ok(()),
    })?;
    Ok(list)
}

/// The directory must be empty: files of an earlier run would count twice.
fn check_empty(path: &Path) -> io::Result<()> {
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(io::Error::from_raw_os_error(NOT_EMPTY)),
        },
    }
}

/// The error number for a directory that is not empty, of Linux.
const NOT_EMPTY: i32 = 39;

/// The texts of the file that a block is of.
#[derive(Default)]
struct Contexts {
    file: Option<Arc<ScanFile>>,
    context: FlowContext,
}

impl Contexts {
    fn of(&mut self, block: &ScanBlock) -> &FlowContext {
        let file = block.file();
        if !self
            .file
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, file))
        {
            self.context = FlowContext::new(file.file().ident(), file.name());
            self.file = Some(Arc::clone(file));
        }
        &self.context
    }
}

/// Hands out parts as they are.
struct AsTheyAre;

impl Map for AsTheyAre {
    type Worker = ();
    type Output = Part;

    fn worker(&self) {}

    fn map(&self, (): &mut (), part: Part, out: &mut Vec<Part>) {
        out.push(part);
    }
}

impl Description {
    /// Calls `act` with each part of the files in order, and reports what is wrong as the description says.
    fn each_part(
        &self,
        py: Python<'_>,
        mut act: impl FnMut(Python<'_>, Part) -> PyResult<()>,
    ) -> PyResult<()> {
        interrupt::note_main_thread(py)?;
        let inputs: Vec<_> = self.scan().inputs().cloned().collect();
        let mut feed = Feed::start(self.scan().clone(), inputs.into_iter(), AsTheyAre)
            .map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
        let mut account = Account::new(self.salvage());
        let damage = self.new_damage();
        loop {
            interrupt::check()?;
            let part = match py.detach(|| feed.next(interrupt::TICK)) {
                Next::Item(part) => part,
                Next::Wait => continue,
                Next::End => return Ok(()),
                Next::Broken => return Err(Problem::Broken.exception(py)),
            };
            let mut problems = Vec::new();
            account.see(Seen::of(&part), &mut |problem| problems.push(problem));
            damage
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(problems.iter().cloned());
            act(py, part)?;
            flows::report(py, self.on_error(), &problems)?;
        }
    }
}
