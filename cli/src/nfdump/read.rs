//! Reads files, selects flows, and counts them: what all tasks of the drop-in that read flows share.
//!
//! Blocks are decoded and selected from on several threads; what must be in order happens in the order of
//! files and blocks, so that nothing depends on the number of threads.

use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;

use nfdecode::filter::parse_time;
use nfdecode::filter::{Compare, Expr, Includes, Number, Options as FilterOptions};
use nfdecode::scan::{Lane, Part, ScanBlock, ScanFile, ScanInput, Stopped, Work};
use nfdecode::value::Zone;
use nfdecode::{Error, Filter, Scan, Timestamp};

use crate::nfdump::options::Options;
use crate::nfdump::quit::{Quit, tell};
use crate::nfdump::totals::{Account, Totals};
use crate::run::env;
use crate::run::interrupt;
use crate::run::stop::Stop;

/// What is read, and what of it is selected.
pub(crate) struct Reader {
    pub(crate) files: Vec<PathBuf>,
    scan: Scan,
    /// The time window of `-t` in milliseconds.
    pub(crate) window: Range<u64>,
    /// Whether flows are summed up while they are read.
    pub(crate) sums: bool,
}

/// A filter, from text or from a file.
pub(crate) fn filter(options: &Options, zone: &Zone) -> Result<Option<Filter>, Quit> {
    let parser = parser(zone);
    let parsed = match (&options.filter, &options.filter_file) {
        (Some(text), _) => parser.parse(text),
        (None, Some(path)) => {
            let reason = match std::fs::metadata(path) {
                Err(_) => Some("path does not exist"),
                Ok(metadata) if !metadata.is_file() => Some("not a regular file"),
                Ok(_) => None,
            };
            if let Some(reason) = reason {
                return Err(Quit::Told {
                    stdout: String::new(),
                    message: Some(format!("{reason}: {}", path.display())),
                    status: 255,
                });
            }
            parser.parse_file(path)
        }
        (None, None) => return Ok(None),
    };
    parsed.map(Some).map_err(|error| {
        let file = options.filter_file.as_deref();
        let file = file.filter(|_| options.filter.is_none());
        Quit::filter(&error, options.filter.as_deref(), file)
    })
}

/// How filters are read.
pub(crate) fn parser(zone: &Zone) -> FilterOptions {
    FilterOptions::new()
        .with_zone(zone.clone())
        .with_includes(Includes::Anywhere)
        .with_unknown_places()
}

/// Whether the statistics of a file allow for flows in a time window. As in nfdump, a file outside of it
/// is not read and does not count for the time window of the output.
fn may_be_in(path: &PathBuf, window: &Range<u64>) -> bool {
    let statistics = nfdecode::File::open(path).ok();
    let statistics = statistics.and_then(|file| file.statistics());
    let ms = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
    statistics.is_none_or(|found| {
        let is_before = found
            .last_seen
            .is_some_and(|last| last.as_millis() < window.start);
        !is_before && ms(found.first_seen) <= window.end
    })
}

/// The bounds of `-t`, exclusive, in milliseconds.
fn window(text: &str, zone: &Zone) -> Result<Range<u64>, Quit> {
    let time = |text: &str| {
        parse_time(text, zone)
            .map(Timestamp::as_millis)
            .map_err(|error| Quit::failed(format!("-t {text}: {error}")))
    };
    match text.split_once('-') {
        Some((from, to)) => Ok(time(from)?..time(to)?),
        None => Ok(time(text)?..u64::MAX),
    }
}

impl Reader {
    pub(crate) fn new(
        options: &Options,
        files: Vec<PathBuf>,
        zone: &Zone,
        names: bool,
    ) -> Result<Self, Quit> {
        let filter = filter(options, zone)?;
        let mut files = files;
        let mut window_range = 0..u64::MAX;
        let mut exprs: Vec<Expr> = Vec::new();
        if let Some(text) = &options.window {
            window_range = window(text, zone)?;
            files.retain(|path| may_be_in(path, &window_range));
            let bound =
                |number, compare, ms| Expr::time(number, compare, Timestamp::from_millis(ms));
            exprs.push(bound(
                Number::FirstSeen,
                Compare::Greater,
                window_range.start,
            ));
            if window_range.end != u64::MAX {
                exprs.push(bound(Number::LastSeen, Compare::Less, window_range.end));
            }
        }
        exprs.extend(filter.iter().map(|filter| filter.expr().clone()));
        let filter = match exprs.is_empty() {
            true => None,
            false => Some(
                Filter::build(Expr::all(exprs))
                    .map_err(|error| Quit::filter(&error, None, None))?,
            ),
        };
        // The bytes read are reported at the end, so that no file is left out.
        let inputs = files.iter().map(ScanInput::path);
        let mut scan = Scan::new(inputs)
            .threads(env::threads(options.workers.and_then(NonZeroUsize::new)))
            .names(names)
            .read_all(true);
        if let Some(filter) = filter {
            scan = scan.select(filter);
        }
        if let Some(bytes) = env::block_memory().map_err(Quit::failed)? {
            scan = scan.memory(bytes);
        }
        if let Some(limit) = options.limit {
            scan = scan.limit(limit);
        }
        Ok(Self {
            files,
            scan,
            window: window_range,
            sums: true,
        })
    }

    /// On how many threads it reads.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.scan.thread_count()
    }

    /// Reads all flows. `worker` makes what a thread keeps; `work` is called for each block on any
    /// thread, `consume` with what it made, in order.
    pub(crate) fn run<W, R>(
        &self,
        worker: impl Fn() -> W + Sync,
        work: impl Fn(&mut W, Box<ScanBlock>) -> R + Sync,
        consume: impl FnMut(R) -> Result<(), Stop> + Send,
    ) -> Result<Account, Stop>
    where
        W: Send,
        R: Send,
    {
        let tally = Tally {
            account: Account::new(),
            consume,
            stop: None,
        };
        let reading = Reading {
            sums: self.sums,
            worker,
            work,
            _types: std::marker::PhantomData,
        };
        let (_, tally, end) = self.scan.run(&reading, tally);
        match (end, tally.stop) {
            (Err(_), Some(stop)) => Err(stop),
            _ => Ok(tally.account),
        }
    }
}

/// What has to happen in order.
struct Tally<C> {
    account: Account,
    consume: C,
    stop: Option<Stop>,
}

impl<C> Tally<C> {
    fn start(&mut self, file: &Arc<ScanFile>) {
        let account = &mut self.account;
        account.file(file.file().statistics(), file.file().ident());
        let path = file.input().as_path().map(PathBuf::from);
        account.starts.push((account.processed, path));
        if let Some(names) = file.names() {
            account.names = Some(Arc::clone(names));
        }
    }

    fn lost(&mut self, error: &Error) {
        self.account.skipped += 1;
        tell(&error.to_string());
    }
}

struct Reading<F, M, W, R, C> {
    sums: bool,
    worker: F,
    work: M,
    _types: std::marker::PhantomData<fn(C, W, R)>,
}

impl<F, M, W, R, C> Reading<F, M, W, R, C>
where
    M: Fn(&mut W, Box<ScanBlock>) -> R + Sync,
    C: FnMut(R) -> Result<(), Stop> + Send,
{
    fn block(
        &self,
        worker: &mut W,
        block: Box<ScanBlock>,
        lane: &mut Lane<'_, Tally<C>>,
    ) -> Result<(), Stopped> {
        let damage = block.damage().map(ToString::to_string);
        let mut totals = Totals::default();
        if self.sums {
            block.flows().for_each(|flow| totals.add(&flow));
        }
        let passed = block.len() as u64;
        let counts = block.block().counts();
        let flows = block.block().len() as u64 + u64::from(counts.dropped_flows);
        let has_others = u64::from(counts.records) > flows;
        let bytes = if passed > 0 || has_others {
            counts.decoded_bytes
        } else {
            0
        };
        let result = (self.work)(worker, block);
        lane.in_turn(|tally| {
            if let Some(damage) = &damage {
                tell(damage);
            }
            let account = &mut tally.account;
            account.totals.merge(&totals);
            account.passed += passed;
            account.processed += passed;
            account.bytes += bytes;
            let consumed = (tally.consume)(result).and_then(|()| interrupt::check());
            match consumed {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => {
                    tally.stop.get_or_insert(stop);
                    ControlFlow::Break(())
                }
            }
        })
    }
}

impl<F, M, W, R, C> Work for Reading<F, M, W, R, C>
where
    F: Fn() -> W + Sync,
    M: Fn(&mut W, Box<ScanBlock>) -> R + Sync,
    W: Send,
    R: Send,
    C: FnMut(R) -> Result<(), Stop> + Send,
{
    type Worker = W;
    type Tally = Tally<C>;

    fn worker(&self) -> W {
        (self.worker)()
    }

    fn work(
        &self,
        worker: &mut W,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally<C>>,
    ) -> Result<(), Stopped> {
        for part in parts {
            match part {
                Part::Start(file) => lane.in_turn(|tally| {
                    tally.start(&file);
                    ControlFlow::Continue(())
                })?,
                Part::Block(block) => self.block(worker, block, lane)?,
                Part::Gap(gap) => lane.in_turn(|tally| {
                    tally.lost(gap.error());
                    ControlFlow::Continue(())
                })?,
                Part::Refused(error) => lane.in_turn(|_| {
                    tell(&error.to_string());
                    ControlFlow::Continue(())
                })?,
                _ => {}
            }
        }
        Ok(())
    }
}
