//! Flows in an order: the first ones in memory, all of them with bounded memory.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aggregate::counters::Counters;
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::key::Key;
use crate::aggregate::measure::FlowMeasure;
use crate::aggregate::order::Direction;
use crate::aggregate::runs::{self, Sorted, Sorter};
use crate::aggregate::source::Value;
use crate::flow::owned::OwnedFlow;
use crate::flow::view::Flow;
use crate::scan::part::ScanBlock;

/// An order of flows: by one value, flows with equal ones by the next; then as they are stored.
///
/// ```
/// use nfdecode::aggregate::FlowOrder;
/// let order = FlowOrder::parse("bytes")?; // most bytes first
/// let order = FlowOrder::parse("dst_port,duration:desc")?;
/// assert!(FlowOrder::parse("byte").is_err());
/// # Ok::<(), nfdecode::aggregate::AggregateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlowOrder(Vec<(What, Direction)>);

/// What flows are ordered by.
#[derive(Clone, Debug)]
enum What {
    Measure(FlowMeasure),
    Key(Box<Key>),
}

impl FlowOrder {
    /// An order as text: names of keys as in [`Key::parse`], or `bytes`, `packets`, `flows` (of aggregated flows),
    /// `bps`, `pps`, `bpp`, `duration`, separated by commas. `:asc` or `:desc` may follow each; without, these
    /// measures are in descending order and all else is ascending.
    ///
    /// # Errors
    /// [`AggregateError::UnknownField`] with the closest name, [`AggregateError::Order`].
    pub fn parse(text: &str) -> Result<Self> {
        let parts = text.split(',').map(str::trim).map(|part| {
            let (name, direction) = match part.split_once(':') {
                Some((name, "asc")) => (name, Some(Direction::Ascending)),
                Some((name, "desc")) => (name, Some(Direction::Descending)),
                Some(_) => return Err(AggregateError::Order(part.to_owned())),
                None => (part, None),
            };
            let (what, usual) = match FlowMeasure::named(name) {
                Some(measure) => (What::Measure(measure), Direction::Descending),
                None => (What::Key(Self::key(name)?.into()), Direction::Ascending),
            };
            Ok((what, direction.unwrap_or(usual)))
        });
        Ok(Self(parts.collect::<Result<_>>()?))
    }

    fn key(name: &str) -> Result<Key> {
        let key = Key::parse(name).map_err(|error| match error {
            AggregateError::UnknownField(name, near) => {
                let names = FlowMeasure::names().chain(Key::names());
                let nearer = crate::suggest::closest(&name, names);
                AggregateError::UnknownField(name, nearer.map_or(near, str::to_owned))
            }
            error => error,
        })?;
        if key.sources.len() != 1 {
            return Err(AggregateError::Order(name.to_owned()));
        }
        Ok(key)
    }

    /// Writes bytes that compare as flows do in this order. Flows without a value come last in both directions.
    fn rank(&self, flow: &Flow<'_>, number: u64, out: &mut Vec<u8>) {
        out.clear();
        let mut counters: Option<Counters> = None;
        for (what, direction) in &self.0 {
            let from = out.len() + 1;
            match what {
                What::Measure(measure) => {
                    let counters = counters.get_or_insert_with(|| FlowMeasure::counters(flow));
                    out.push(0);
                    runs::put_number(measure.of(counters), out);
                }
                What::Key(key) => rank_key(key, flow, out),
            }
            if *direction == Direction::Descending {
                runs::reverse(out, from);
            }
        }
        runs::put_number(number, out);
    }
}

fn rank_key(key: &Key, flow: &Flow<'_>, out: &mut Vec<u8>) {
    let value = key.sources.first().and_then(|source| source.value(flow));
    out.push(u8::from(value.is_none()));
    match value {
        None => {}
        Some(Value::Stored(stored)) => {
            key.transform
                .apply(stored, flow)
                .rank(key.shape(), &[], out);
        }
        Some(Value::Text(text)) => runs::put_text(text, out),
        Some(Value::Boxed(text)) => runs::put_text(&text, out),
        Some(Value::Owned(text, length)) => {
            runs::put_text(text.get(..length).unwrap_or_default(), out);
        }
    }
}

/// Sorts the flows of a scan, on many threads.
#[derive(Debug)]
pub struct FlowSorter {
    order: FlowOrder,
    most: usize,
    memory: usize,
    directory: Option<PathBuf>,
    sorters: Mutex<Vec<Arc<Mutex<Sorter>>>>,
    fault: Mutex<Option<std::io::Error>>,
}

/// What one thread sorts with.
#[derive(Debug)]
pub struct FlowAdder {
    sorter: Arc<Mutex<Sorter>>,
    rank: Vec<u8>,
    payload: Vec<u8>,
}

/// Where a sorted flow is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// What was given to [`FlowSorter::add`], such as the number of a file.
    pub label: u32,
    /// The number of its record, see [`Block::record_numbers`](crate::Block::record_numbers).
    pub record_number: u64,
}

impl FlowSorter {
    /// All flows in this order, in memory.
    #[must_use]
    pub fn new(order: FlowOrder) -> Self {
        Self {
            order,
            most: usize::MAX,
            memory: usize::MAX,
            directory: None,
            sorters: Mutex::default(),
            fault: Mutex::default(),
        }
    }

    /// Only the first `most` flows: memory is that of twice as many for each thread.
    #[must_use]
    pub fn first(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Keeps at most about this many bytes in memory, shared by this many threads; the rest goes to temporary files
    /// without names in `directory` (`None`: that of the system).
    #[must_use]
    pub fn with_memory(
        mut self,
        bytes: usize,
        threads: NonZeroUsize,
        directory: Option<&Path>,
    ) -> Self {
        self.memory = bytes / threads;
        self.directory = directory.map(Path::to_owned);
        self
    }

    /// What a thread adds flows with.
    #[must_use]
    pub fn adder(&self) -> FlowAdder {
        let sorter = Sorter::new(self.memory, self.most, self.directory.as_deref());
        let sorter = Arc::new(Mutex::new(sorter));
        lock(&self.sorters).push(Arc::clone(&sorter));
        FlowAdder {
            sorter,
            rank: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Adds the selected flows of a block.
    pub fn add(&self, adder: &mut FlowAdder, block: &ScanBlock, label: u32) {
        if lock(&self.fault).is_some() {
            return;
        }
        let numbers: Vec<u64> = block
            .block()
            .record_numbers(block.records_before())
            .collect();
        let FlowAdder {
            sorter,
            rank,
            payload,
        } = adder;
        let mut sorter = lock(sorter);
        for (index, flow) in block.flows().enumerate() {
            let place = block
                .selected()
                .map_or(Some(index), |selected| Some(*selected.get(index)? as usize));
            let number = block.flows_before() + index as u64;
            self.order.rank(&flow, number, rank);
            if !sorter.may_need(rank) {
                continue;
            }
            let record = place.and_then(|place| numbers.get(place)).copied();
            payload.clear();
            payload.extend(label.to_le_bytes());
            payload.extend(record.unwrap_or_default().to_le_bytes());
            payload.extend(flow.record());
            if let Err(error) = sorter.push(rank, payload) {
                lock(&self.fault).get_or_insert(error);
                return;
            }
        }
    }

    /// Hands over the flows in order. Adders that are still in use have no further effect.
    ///
    /// # Errors
    /// [`AggregateError::Io`] from temporary files, and what `visit` returns.
    pub fn for_each<E: From<AggregateError>>(
        self,
        mut visit: impl FnMut(&Flow<'_>, Origin) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if let Some(error) = lock(&self.fault).take() {
            return Err(AggregateError::Io(error).into());
        }
        let empty = || Sorter::new(self.memory, self.most, self.directory.as_deref());
        let sorters: Vec<Sorter> = lock(&self.sorters)
            .iter()
            .map(|sorter| std::mem::replace(&mut *lock(sorter), empty()))
            .collect();
        let sorted = Sorted::of(sorters).map_err(AggregateError::Io)?;
        sorted
            .for_each(|_, payload| {
                let Some((label, rest)) = payload.split_first_chunk() else {
                    return Ok(());
                };
                let Some((number, record)) = rest.split_first_chunk() else {
                    return Ok(());
                };
                let origin = Origin {
                    label: u32::from_le_bytes(*label),
                    record_number: u64::from_le_bytes(*number),
                };
                let flow = OwnedFlow::from_record(record);
                visit(&flow.view(), origin).map_err(runs::Failed::Theirs)
            })
            .map_err(runs::Failed::into_theirs)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere ends the run; nothing is read after it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
