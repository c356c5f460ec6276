//! Reads files, selects flows, and counts them: what all tasks of the drop-in that read flows share.
//!
//! Blocks are decoded and selected from on several threads; what must be in order happens in the order of
//! files and blocks, so that nothing depends on the number of threads.

use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;

use nfdecode::filter::{Compare, Expr, Includes, Number, Options as FilterOptions, Scope};
use nfdecode::filter::{parse_time, records_in};
use nfdecode::scan::{self, Lane, Stages, Stopped};
use nfdecode::value::Zone;
use nfdecode::{Block, BlockRef, Error, File, Filter, Flow, Names, Timestamp};

use crate::nfdump::options::Options;
use crate::nfdump::quit::{Quit, tell};
use crate::nfdump::totals::{Account, Totals};
use crate::run::env;
use crate::run::interrupt;
use crate::run::stop::Stop;

/// What is read, and what of it is selected.
pub(crate) struct Reader {
    pub(crate) files: Vec<PathBuf>,
    filter: Option<Filter>,
    limit: Option<u64>,
    /// The time window of `-t` in milliseconds.
    pub(crate) window: Range<u64>,
    threads: NonZeroUsize,
    /// Names are collected, for forms that print them.
    names: bool,
}

/// A filter, from text or from a file.
pub(crate) fn filter(options: &Options, zone: &Zone) -> Result<Option<Filter>, Quit> {
    let parser = parser(zone);
    let parsed = match (&options.filter, &options.filter_file) {
        (Some(text), _) => parser.parse(text),
        (None, Some(path)) => {
            if std::fs::metadata(path).is_err() {
                return Err(Quit::Told {
                    stdout: String::new(),
                    message: Some(format!("path does not exist: {}", path.display())),
                    status: 255,
                });
            }
            parser.parse_file(path)
        }
        (None, None) => return Ok(None),
    };
    parsed
        .map(Some)
        .map_err(|error| Quit::filter(&error, options.filter.as_deref()))
}

/// How filters are read.
pub(crate) fn parser(zone: &Zone) -> FilterOptions {
    FilterOptions::new()
        .with_zone(zone.clone())
        .with_includes(Includes::Anywhere)
        .with_unknown_places()
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
        let mut window_range = 0..u64::MAX;
        let mut exprs: Vec<Expr> = Vec::new();
        if let Some(text) = &options.window {
            window_range = window(text, zone)?;
            let bound = |number, compare, ms| {
                Expr::time(number, compare, Timestamp::from_millis(ms))
            };
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
                Filter::build(Expr::all(exprs)).map_err(|error| Quit::filter(&error, None))?,
            ),
        };
        Ok(Self {
            files,
            filter,
            limit: options.limit,
            window: window_range,
            threads: env::threads(options.workers.and_then(NonZeroUsize::new)),
            names,
        })
    }

    /// Reads all flows. `worker` makes what a thread keeps; `work` is called for each block on any
    /// thread, `consume` with what it made, in order.
    pub(crate) fn run<W, R>(
        &self,
        worker: impl Fn() -> W + Sync,
        work: impl Fn(&mut W, Selected) -> R + Sync,
        consume: impl FnMut(R) -> Result<(), Stop> + Send,
    ) -> Result<Account, Stop>
    where
        W: Send,
        R: Send,
    {
        let tally = Tally {
            account: Account::new(),
            left: self.limit.unwrap_or(u64::MAX),
            records: 0,
            flows: 0,
            consume,
            stop: None,
        };
        let mut names = self.names.then(Arc::default);
        let items = self
            .files
            .iter()
            .enumerate()
            .flat_map(move |(index, path)| items(index, path, names.as_mut()));
        let stages = Reading {
            reader: self,
            worker,
            work,
            _consume: std::marker::PhantomData,
        };
        let (tally, end) = scan::run(&stages, self.threads, items, tally);
        match (end, tally.stop) {
            (Err(Stopped), Some(stop)) => Err(stop),
            _ => Ok(tally.account),
        }
    }
}

/// An open file.
pub(crate) struct Open {
    pub(crate) file: File,
    /// Which of the files it is.
    index: usize,
    /// What its flows may refer to.
    pub(crate) names: Option<Arc<Names>>,
}

enum Item {
    Start(Arc<Open>),
    Block(Arc<Open>, BlockRef),
    Lost(Error),
}

fn items(
    index: usize,
    path: &PathBuf,
    names: Option<&mut Arc<Names>>,
) -> impl Iterator<Item = Item> + use<> {
    let (open, refused) = match File::open(path) {
        Ok(file) => {
            let names = names.map(|names| {
                let known = Arc::make_mut(names);
                file.collect_names(known);
                let _ = known.take_unread();
                Arc::clone(names)
            });
            (Some(Arc::new(Open { file, index, names })), None)
        }
        Err(error) => (None, Some(Item::Lost(error))),
    };
    let parts = open.into_iter().flat_map(|open| {
        let start = Item::Start(Arc::clone(&open));
        let refs = open.file.clone().into_block_refs();
        let blocks = refs.map(move |found| match found {
            Ok(found) => Item::Block(Arc::clone(&open), found),
            Err(error) => Item::Lost(error),
        });
        std::iter::once(start).chain(blocks)
    });
    refused.into_iter().chain(parts)
}

/// A block with the flows to work on.
pub(crate) struct Selected {
    pub(crate) open: Arc<Open>,
    pub(crate) block: Block,
    /// The indices of the wanted flows; `None` if all are.
    pub(crate) indices: Option<Vec<u32>>,
    /// Flows worked on before.
    pub(crate) before: u64,
    /// Records of all kinds before.
    pub(crate) records_before: u64,
    /// The number of the first flow of the block, selected or not, among all.
    pub(crate) numbers_from: u64,
}

impl Selected {
    /// The wanted flows.
    pub(crate) fn flows(&self) -> impl Iterator<Item = Flow<'_>> {
        let all = self.indices.is_none().then(|| self.block.flows());
        let some = self.indices.iter().flatten();
        let some = some.filter_map(|index| self.block.flow(*index as usize));
        all.into_iter().flatten().chain(some)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        match &self.indices {
            Some(indices) => indices.len() as u64,
            None => self.block.len() as u64,
        }
    }

    /// Leaves only the first of them.
    fn truncate(&mut self, take: u64) {
        if take < self.len() {
            let take = usize::try_from(take).unwrap_or(usize::MAX);
            match &mut self.indices {
                Some(indices) => indices.truncate(take),
                None => self.indices = Some((0..take as u32).collect()),
            }
        }
    }
}

struct LoadedBlock {
    open: Arc<Open>,
    found: BlockRef,
    block: Result<Block, Error>,
    indices: Option<Vec<u32>>,
    before: u64,
    records: u64,
    numbers_from: u64,
    take: u64,
}

enum Loaded {
    Start(Arc<Open>),
    Block(Box<LoadedBlock>),
    Lost(Error),
}

impl LoadedBlock {
    fn select(&mut self, filter: Option<&Filter>, records_before: u64) {
        let (Some(filter), Ok(block)) = (filter, &self.block) else {
            return;
        };
        let scope = Scope {
            ident: self.open.file.ident(),
            records_before,
        };
        filter.select(block, scope, self.indices.get_or_insert_default());
    }

    fn wanted(&self) -> u64 {
        match (&self.indices, &self.block) {
            (Some(indices), _) => indices.len() as u64,
            (None, Ok(block)) => block.len() as u64,
            (None, Err(_)) => 0,
        }
    }

    /// How many records of its block have numbers.
    fn records_in(&self, block: &Block) -> u64 {
        match (self.open.file.header().layout, self.found.block_type()) {
            (1, _) | (2, 2) => records_in(block),
            _ => block.counts().records.into(),
        }
    }
}

/// What has to happen in order.
struct Tally<C> {
    account: Account,
    left: u64,
    records: u64,
    /// Flows in the blocks so far, selected or not.
    flows: u64,
    consume: C,
    stop: Option<Stop>,
}

struct Reading<'r, F, M, W, R, C> {
    reader: &'r Reader,
    worker: F,
    work: M,
    _consume: std::marker::PhantomData<fn(C, W, R)>,
}

impl<F, M, W, R, C> Stages for Reading<'_, F, M, W, R, C>
where
    F: Fn() -> W + Sync,
    M: Fn(&mut W, Selected) -> R + Sync,
    W: Send,
    R: Send,
    C: FnMut(R) -> Result<(), Stop> + Send,
{
    type Item = Item;
    type Loaded = Loaded;
    type Worker = W;
    type Tally = Tally<C>;

    fn worker(&self) -> W {
        (self.worker)()
    }

    fn load(&self, item: Item) -> Loaded {
        match item {
            Item::Start(open) => Loaded::Start(open),
            Item::Lost(error) => Loaded::Lost(error),
            Item::Block(open, found) => {
                let mut loaded = LoadedBlock {
                    block: open.file.load(found),
                    open,
                    found,
                    indices: None,
                    before: 0,
                    records: 0,
                    numbers_from: 0,
                    take: 0,
                };
                let filter = self.reader.filter.as_ref();
                if !filter.is_some_and(Filter::needs_count) {
                    loaded.select(filter, 0);
                }
                Loaded::Block(Box::new(loaded))
            }
        }
    }

    fn number(&self, loaded: &mut Loaded, tally: &mut Tally<C>) -> ControlFlow<()> {
        match loaded {
            Loaded::Start(open) => {
                tally
                    .account
                    .file(open.file.statistics(), open.file.ident());
                tally.account.starts.push((tally.flows, open.index));
                if let Some(names) = &open.names {
                    tally.account.names = Some(Arc::clone(names));
                }
            }
            Loaded::Lost(_) => {}
            Loaded::Block(loaded) => {
                let filter = self.reader.filter.as_ref();
                if filter.is_some_and(Filter::needs_count) {
                    loaded.select(filter, tally.records);
                }
                loaded.records = tally.records;
                loaded.before = tally.account.processed;
                let wanted = loaded.wanted();
                loaded.take = wanted.min(tally.left);
                tally.left -= loaded.take;
                tally.account.passed += wanted;
                tally.account.processed += loaded.take;
                if let Ok(block) = &loaded.block {
                    tally.records += loaded.records_in(block);
                    loaded.numbers_from = tally.flows;
                    tally.flows += block.len() as u64;
                    let counts = block.counts();
                    let others = u64::from(counts.records)
                        > block.len() as u64 + u64::from(counts.dropped_flows);
                    if wanted > 0 || others {
                        tally.account.bytes += counts.decoded_bytes;
                    }
                }
                if tally.left == 0 {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn work(
        &self,
        worker: &mut W,
        loaded: Loaded,
        lane: &mut Lane<'_, Tally<C>>,
    ) -> Result<(), Stopped> {
        let loaded = match loaded {
            Loaded::Start(_) => return Ok(()),
            Loaded::Lost(error) => {
                return lane.in_turn(|_| {
                    tell(&error.to_string());
                    ControlFlow::Continue(())
                });
            }
            Loaded::Block(loaded) => loaded,
        };
        let LoadedBlock {
            open,
            block,
            indices,
            before,
            records,
            numbers_from,
            take,
            ..
        } = *loaded;
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                return lane.in_turn(|tally| {
                    tally.account.skipped += 1;
                    tell(&error.to_string());
                    ControlFlow::Continue(())
                });
            }
        };
        let damage = block.damage().map(ToString::to_string);
        let mut selected = Selected {
            open,
            block,
            indices,
            before,
            records_before: records,
            numbers_from,
        };
        selected.truncate(take);
        let mut totals = Totals::default();
        selected.flows().for_each(|flow| totals.add(&flow));
        let result = (self.work)(worker, selected);
        lane.in_turn(|tally| {
            if let Some(damage) = &damage {
                tell(damage);
            }
            tally.account.totals.merge(&totals);
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
