//! Record batches of files: blocks decoded on several threads, batches in file order.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::columns::batch::{BatchBuilder, Labels};
use crate::columns::projection::Projection;
use crate::columns::rows::Rows;
use crate::error::Error;
use crate::file::block::{Block, BlockRef};
use crate::file::handle::File;
use crate::file::options::OpenOptions;
#[cfg(feature = "filter")]
use crate::filter::compiled::Filter;
use crate::filter::scope::{Scope, records_in};
use crate::scan::pipeline;
use crate::scan::pipeline::{Lane, Stages, Stopped};

/// Record batches of nfcapd files, in the order of files and blocks whatever the number of threads.
///
/// A batch holds the flows of one block: 10,000 to 20,000 in files of today's writers, never more
/// than 65,536. Memory is bounded by the number of threads, not by the files.
///
/// An error is an [`ArrowError::ExternalError`] with an [`Error`](crate::Error): a file that does not
/// open, or damage. It comes in its place, after the flows that are intact before it, and reading
/// goes on with the next call. Who stops at the first error has not read everything; who passes
/// over errors has read what is readable.
///
/// ```no_run
/// use std::num::NonZeroUsize;
/// use nfdecode::columns::{Projection, Reader};
///
/// let columns = Projection::from_names(["src_addr", "dst_addr", "in_bytes"])?;
/// let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
/// let reader = Reader::new(["nfcapd.202601011200", "nfcapd.202601011205"], &columns).threads(threads);
/// let batches = reader.collect::<Result<Vec<_>, _>>()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    projection: Projection,
    state: State,
}

enum State {
    /// Not begun.
    New {
        inputs: Vec<Input>,
        threads: NonZeroUsize,
        options: OpenOptions,
        wanted: Wanted,
    },
    /// On the caller's thread.
    Inline(Box<Inline>),
    /// On threads of its own.
    Threads(Threads),
    Ended,
}

/// A pipeline at work, and where its batches come out.
struct Threads {
    batches: Receiver<Result<RecordBatch, ArrowError>>,
    pipeline: Option<JoinHandle<()>>,
}

enum Input {
    Path(PathBuf),
    Open(File),
}

impl Reader {
    /// Reads the files of these paths, one after the other. Nothing is opened before the first call
    /// of `next`.
    #[must_use]
    pub fn new<P: Into<PathBuf>>(
        paths: impl IntoIterator<Item = P>,
        projection: &Projection,
    ) -> Self {
        let inputs = paths.into_iter().map(|path| Input::Path(path.into()));
        Self::over(inputs.collect(), projection)
    }

    /// Reads files that are open, perhaps in memory.
    #[must_use]
    pub fn of_files(files: impl IntoIterator<Item = File>, projection: &Projection) -> Self {
        Self::over(files.into_iter().map(Input::Open).collect(), projection)
    }

    fn over(inputs: Vec<Input>, projection: &Projection) -> Self {
        Self {
            projection: projection.clone(),
            state: State::New {
                inputs,
                threads: NonZeroUsize::MIN,
                options: OpenOptions::new(),
                wanted: Wanted::default(),
            },
        }
    }

    /// Decodes on so many threads. One, if this is not called: then there is no thread but the
    /// caller's. No effect once reading has begun.
    #[must_use]
    pub fn threads(mut self, count: NonZeroUsize) -> Self {
        if let State::New { threads, .. } = &mut self.state {
            *threads = count;
        }
        self
    }

    /// Takes what is there of files without their end, as [`File::open_partial`] does, and of a last block that
    /// is cut. No effect once reading has begun.
    #[must_use]
    pub fn salvage(mut self, wanted: bool) -> Self {
        if let State::New { options, .. } = &mut self.state {
            *options = std::mem::take(options).salvage(wanted);
        }
        self
    }

    /// Opens files with these options. No effect once reading has begun.
    #[must_use]
    pub fn open_with(mut self, wanted: OpenOptions) -> Self {
        if let State::New { options, .. } = &mut self.state {
            *options = wanted;
        }
        self
    }

    /// Only flows that the filter selects. What it looks at need not be among the columns. Batches
    /// hold what is left of a block, and there is none where nothing is. Files whose statistics tell
    /// that nothing in them is selected are opened but not read, so that damage in them stays
    /// unknown. `count` of the filter language counts records over all files. No effect once reading
    /// has begun.
    ///
    /// ```no_run
    /// use nfdecode::columns::{Projection, Reader};
    /// use nfdecode::Filter;
    ///
    /// let columns = Projection::from_names(["src_addr", "in_bytes"])?;
    /// let filter = Filter::parse("proto udp and dst port 53")?;
    /// for batch in Reader::new(["nfcapd.202601011200"], &columns).with_filter(&filter) {
    ///     println!("{} flows", batch?.num_rows());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "filter")]
    #[must_use]
    pub fn with_filter(mut self, filter: &Filter) -> Self {
        if let State::New { wanted, .. } = &mut self.state {
            wanted.filter = Some(filter.clone());
        }
        self
    }

    /// The columns that are read.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    fn begin(&mut self) {
        let State::New {
            inputs,
            threads,
            options,
            wanted,
        } = std::mem::replace(&mut self.state, State::Ended)
        else {
            return;
        };
        let of_files = wanted.clone();
        let items = inputs
            .into_iter()
            .flat_map(move |input| items_of(input, &options, &of_files));
        if threads == NonZeroUsize::MIN {
            self.state = State::Inline(Box::new(Inline {
                items: Box::new(items),
                builder: BatchBuilder::new(&self.projection),
                wanted,
                records: 0,
                ready: VecDeque::new(),
            }));
            return;
        }
        let (sender, batches) = sync_channel(threads.get());
        let stages = Batches {
            projection: self.projection.clone(),
            wanted,
        };
        let tally = Tally { sender, records: 0 };
        let pipeline = thread::Builder::new().spawn(move || {
            // A reader that is dropped early wants no more.
            let _ = pipeline::run(&stages, threads, items, tally);
        });
        self.state = match pipeline {
            Ok(pipeline) => State::Threads(Threads {
                batches,
                pipeline: Some(pipeline),
            }),
            Err(error) => {
                let (sender, batches) = sync_channel(1);
                // The channel is empty, and its other end right here.
                let _ = sender.send(Err(ArrowError::from(error)));
                State::Threads(Threads {
                    batches,
                    pipeline: None,
                })
            }
        };
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, State::New { .. }) {
            self.begin();
        }
        let next = match &mut self.state {
            State::Inline(inline) => inline.next(),
            State::Threads(threads) => threads.batches.recv().ok(),
            State::New { .. } | State::Ended => None,
        };
        if next.is_none() {
            self.state = State::Ended;
        }
        next
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        self.projection.schema()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("projection", &self.projection)
            .finish_non_exhaustive()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Whoever waits for room in the channel learns that nobody is there any more.
        drop(std::mem::replace(&mut self.batches, sync_channel(0).1));
        if let Some(pipeline) = self.pipeline.take() {
            // A panic has been printed; there is nothing to be done about it in a destructor.
            let _ = pipeline.join();
        }
    }
}

/// Which flows are wanted.
#[derive(Clone, Default)]
struct Wanted {
    #[cfg(feature = "filter")]
    filter: Option<Filter>,
}

#[cfg(feature = "filter")]
impl Wanted {
    /// Whether a file can have some.
    fn may_be_in(&self, file: &File) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.needs_count() || filter.may_select(file))
    }

    /// Records of a block that count, if any do.
    fn records_in(&self, block: &Block) -> u64 {
        let filter = self.filter.as_ref();
        let counts = filter.is_some_and(Filter::needs_count);
        if counts { records_in(block) } else { 0 }
    }

    /// The numbers of wanted flows of a block; `None` if all are.
    fn select(&self, open: &Open, block: &Block, records_before: u64) -> Option<Vec<u32>> {
        let scope = Scope {
            ident: open.file.ident(),
            records_before,
        };
        let mut selected = Vec::new();
        self.filter.as_ref()?.select(block, scope, &mut selected);
        Some(selected)
    }
}

/// Without the feature `filter` all flows are wanted.
#[cfg(not(feature = "filter"))]
impl Wanted {
    fn may_be_in(&self, _: &File) -> bool {
        true
    }

    fn records_in(&self, _: &Block) -> u64 {
        0
    }

    fn select(&self, _: &Open, _: &Block, _: u64) -> Option<Vec<u32>> {
        None
    }
}

/// An open file with the name that its flows show.
struct Open {
    file: File,
    labels: Labels,
}

type Item = Result<(Arc<Open>, BlockRef), Error>;

fn items_of(
    input: Input,
    options: &OpenOptions,
    wanted: &Wanted,
) -> impl Iterator<Item = Item> + use<> {
    let file = match input {
        Input::Path(path) => options.open(path),
        Input::Open(file) => Ok(file),
    };
    let (file, refused) = match file {
        Ok(file) => (Some(file).filter(|file| wanted.may_be_in(file)), None),
        Err(error) => (None, Some(Err(error))),
    };
    let blocks = file.into_iter().flat_map(|file| {
        let name = file.path().and_then(std::path::Path::file_name);
        let name = name.unwrap_or_default().to_string_lossy();
        let open = Arc::new(Open {
            labels: Labels::one(&name, file.ident()),
            file: file.clone(),
        });
        file.into_block_refs()
            .map(move |found| Ok((Arc::clone(&open), found?)))
    });
    refused.into_iter().chain(blocks)
}

fn external(error: Error) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

/// Batches of the wanted flows of one block, and its damage after them.
fn make(
    builder: &mut BatchBuilder,
    open: &Open,
    block: Result<Block, Error>,
    wanted: &Wanted,
    records_before: u64,
) -> Vec<Result<RecordBatch, ArrowError>> {
    let block = match block {
        Ok(block) => block,
        Err(error) => return vec![Err(external(error))],
    };
    builder.set_labels(open.labels.clone());
    let selected = wanted.select(open, &block, records_before);
    let mut rows = Rows::new();
    rows.add(&block, 0, selected.as_deref(), usize::MAX);
    let mut made = match builder.batches(&rows) {
        Ok(batches) => batches.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    };
    made.extend(block.damage().map(|damage| Err(external(damage.clone()))));
    made
}

struct Inline {
    items: Box<dyn Iterator<Item = Item> + Send>,
    builder: BatchBuilder,
    wanted: Wanted,
    /// Records so far.
    records: u64,
    ready: VecDeque<Result<RecordBatch, ArrowError>>,
}

impl Inline {
    fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        while self.ready.is_empty() {
            match self.items.next()? {
                Ok((open, found)) => {
                    let block = open.file.load(found);
                    let before = self.records;
                    if let Ok(block) = &block {
                        self.records += self.wanted.records_in(block);
                    }
                    let made = make(&mut self.builder, &open, block, &self.wanted, before);
                    self.ready.extend(made);
                }
                Err(error) => return Some(Err(external(error))),
            }
        }
        self.ready.pop_front()
    }
}

/// The work of the threads.
struct Batches {
    projection: Projection,
    wanted: Wanted,
}

/// A block, and how many records there are before it.
struct Loaded {
    open: Arc<Open>,
    block: Result<Block, Error>,
    records_before: u64,
}

/// What has to happen in order.
struct Tally {
    sender: SyncSender<Result<RecordBatch, ArrowError>>,
    records: u64,
}

impl Stages for Batches {
    type Item = Item;
    type Loaded = Result<Loaded, Error>;
    type Worker = BatchBuilder;
    type Tally = Tally;

    fn worker(&self) -> BatchBuilder {
        BatchBuilder::new(&self.projection)
    }

    fn load(&self, item: Item) -> Self::Loaded {
        item.map(|(open, found)| Loaded {
            block: open.file.load(found),
            open,
            records_before: 0,
        })
    }

    fn number(&self, loaded: &mut Self::Loaded, tally: &mut Tally) -> ControlFlow<()> {
        if let Ok(loaded) = loaded {
            loaded.records_before = tally.records;
            if let Ok(block) = &loaded.block {
                tally.records += self.wanted.records_in(block);
            }
        }
        ControlFlow::Continue(())
    }

    fn work(
        &self,
        builder: &mut BatchBuilder,
        loaded: Self::Loaded,
        lane: &mut Lane<'_, Tally>,
    ) -> Result<(), Stopped> {
        let made = match loaded {
            Ok(Loaded {
                open,
                block,
                records_before,
            }) => make(builder, &open, block, &self.wanted, records_before),
            Err(error) => vec![Err(external(error))],
        };
        lane.in_turn(|tally| {
            if made
                .into_iter()
                .all(|batch| tally.sender.send(batch).is_ok())
            {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
    }
}
