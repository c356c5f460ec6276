//! Record batches of a scan.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::columns::batch::{BatchBuilder, Labels};
use crate::columns::joiner::Joiner;
use crate::columns::owned_rows::OwnedRows;
use crate::columns::projection::Projection;
use crate::columns::rows::Rows;
use crate::error::Error;
use crate::scan::builder::Scan;
use crate::scan::damage::Gated;
use crate::scan::mapped::{Mapped, PartMap};
use crate::scan::part::{Part, ScanBlock, ScanFile};

/// Record batches of the flows of a [`Scan`], in the order of files and blocks.
///
/// A batch holds the selected flows of one block: 10,000 to 20,000 in files of today's writers, never more than
/// 65,536. Blocks of a file with fewer than 4,096 share a batch. There is none for a block without selected flows.
/// Memory is bounded by the number of threads.
///
/// An error is an [`ArrowError::ExternalError`] with an [`Error`](crate::Error): a file that does not open, or
/// damage. It comes in its place, after the intact flows before it, and reading goes on with the next call,
/// unless the scan [says otherwise](Scan::on_damage). A reader that stops at the first error leaves data unread.
///
/// ```no_run
/// use std::num::NonZeroUsize;
/// use nfdecode::Scan;
/// use nfdecode::columns::Projection;
///
/// let columns = Projection::from_names(["src_addr", "dst_addr", "in_bytes"])?;
/// let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
/// let scan = Scan::new(["nfcapd.202601011200", "nfcapd.202601011205"]).threads(threads);
/// let batches = scan.columns(&columns).collect::<Result<Vec<_>, _>>()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    projection: Projection,
    batches: Gated<Mapped<ToBatches>>,
    /// Joins the flows of small blocks.
    joiner: Joiner,
    ready: VecDeque<Result<RecordBatch, ArrowError>>,
}

impl Scan {
    /// Record batches of the selected flows. What a filter looks at need not be among the columns.
    #[must_use]
    pub fn columns(&self, projection: &Projection) -> Reader {
        let batches = ToBatches {
            projection: projection.clone(),
        };
        Reader {
            projection: projection.clone(),
            batches: self.gated(self.mapped(batches)),
            joiner: Joiner::new(projection),
            ready: VecDeque::new(),
        }
    }
}

impl Reader {
    /// The columns that are read.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Makes batches of the flows that wait for others.
    fn end_join(&mut self) {
        let rest = self.joiner.finish();
        self.add(rest);
    }

    fn add(&mut self, batches: Result<Vec<RecordBatch>, ArrowError>) {
        match batches {
            Ok(batches) => self.ready.extend(batches.into_iter().map(Ok)),
            Err(error) => self.ready.push_back(Err(error)),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.batches.next() {
                Some(Ok(Found::Few(rows, file))) => {
                    let complete = self.joiner.add(&rows, &file);
                    self.add(complete);
                }
                Some(Ok(Found::Batch(batch))) => {
                    self.end_join();
                    self.ready.push_back(Ok(batch));
                }
                Some(Err(error)) => {
                    self.end_join();
                    self.ready.push_back(Err(error));
                }
                None => {
                    self.end_join();
                    break;
                }
            }
        }
        self.ready.pop_front()
    }
}

impl std::iter::FusedIterator for Reader {}

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

fn external(error: Error) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

/// What was made of a block.
enum Found {
    Batch(RecordBatch),
    /// Flows that are too few for one.
    Few(Box<OwnedRows>, Arc<ScanFile>),
}

/// Makes batches of the selected flows of blocks, and errors in their places.
struct ToBatches {
    projection: Projection,
}

impl ToBatches {
    fn block(
        builder: &mut BatchBuilder,
        block: &ScanBlock,
        out: &mut VecDeque<Result<Found, ArrowError>>,
    ) {
        let file = block.file();
        let mut rows = Rows::new();
        rows.add(block.block(), 0, block.selected(), block.len());
        match Joiner::few(&rows) {
            Some(few) => out.push_back(Ok(Found::Few(Box::new(few), Arc::clone(file)))),
            None => {
                builder.set_labels(Labels::one(file.name(), file.file().ident()));
                match builder.batches(&rows) {
                    Ok(batches) => out.extend(batches.into_iter().map(Found::Batch).map(Ok)),
                    Err(error) => out.push_back(Err(error)),
                }
            }
        }
        out.extend(block.damage().map(|damage| Err(external(damage.clone()))));
    }
}

impl PartMap for ToBatches {
    type Worker = BatchBuilder;
    type Output = Result<Found, ArrowError>;

    fn worker(&self) -> BatchBuilder {
        BatchBuilder::new(&self.projection)
    }

    fn map(&self, builder: &mut BatchBuilder, part: Part, out: &mut VecDeque<Self::Output>) {
        match part {
            Part::Block(block) => Self::block(builder, &block, out),
            Part::Gap(gap) => out.push_back(Err(external(gap.error))),
            Part::Refused(error) => out.push_back(Err(external(error))),
            Part::Start(_) | Part::End(_) => {}
        }
    }

    fn failed(&self, error: Error) -> Self::Output {
        Err(external(error))
    }
}
