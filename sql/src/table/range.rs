//! The batches of a range of bytes of a file: reads blocks, selects flows, joins what is too small for a batch of its own.
//!
//! What a batch has is decided in `chosen`, what damage means in `damage`.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_plan::metrics::Count;
use nfdecode::columns::{OwnedRows, Rows};
use nfdecode::file::BlockRefsIn;
use nfdecode::filter::Scope;
use nfdecode::{Block, File, Filter};

use crate::error::external;
use crate::table::chosen::{Chooser, Plan};
use crate::table::flow_file::FlowFile;

/// So many flows that are only counted are worth a batch.
const COUNTED: usize = 1 << 14;

/// What `EXPLAIN ANALYZE` shows.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) files: Count,
    pub(crate) blocks: Count,
    pub(crate) flows: Count,
    pub(crate) selected: Count,
}

/// What is done with the flows of every range.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) plan: Arc<Plan>,
    pub(crate) filter: Option<Filter>,
    /// Flows that are enough.
    pub(crate) limit: Option<usize>,
    /// Whether damage ends the query.
    pub(crate) fails: bool,
    pub(crate) counts: Counts,
}

/// The batches of a range of a file.
pub(crate) struct RangeReader {
    reading: Reading,
    refs: Option<BlockRefsIn>,
    bytes: u64,
    file: File,
    found: FlowFile,
    chooser: Chooser,
    /// Flows of blocks that have few.
    waiting: OwnedRows,
    /// Flows that are only counted.
    counted: usize,
    /// The blocks of these flows, and how many of them make a batch. The number grows, so that the first flows come soon.
    blocks: usize,
    patience: usize,
    ready: VecDeque<RecordBatch>,
    /// Comes after the flows that are ready.
    failed: Option<DataFusionError>,
}

impl RangeReader {
    /// Of the blocks that begin in this range.
    pub(crate) fn new(
        reading: Reading,
        file: File,
        found: FlowFile,
        range: std::ops::Range<u64>,
    ) -> Self {
        Self {
            chooser: Chooser::new(&reading.plan, &found.name, file.ident()),
            refs: Some(file.clone().into_block_refs_in(range.clone())),
            bytes: range.end.saturating_sub(range.start),
            reading,
            file,
            found,
            waiting: OwnedRows::new(),
            counted: 0,
            blocks: 0,
            patience: 1,
            ready: VecDeque::new(),
            failed: None,
        }
    }

    /// Reads on; `None` at the end.
    fn step(&mut self) -> Option<Result<()>> {
        let Some(next) = self.refs.as_mut()?.next() else {
            self.refs = None;
            let flushed = self.flush();
            self.found.account.close(&self.file, self.bytes);
            if self.reading.fails && self.found.account.is_damaged() {
                self.failed = Some(self.found.account.failure());
            }
            return Some(flushed);
        };
        Some(match next.and_then(|next| self.file.load(next)) {
            Ok(block) => {
                self.found.account.block(&block);
                self.add(&block).and_then(|()| match block.damage() {
                    Some(error) if self.reading.fails => self.fail(error.clone()),
                    _ => Ok(()),
                })
            }
            Err(error) if self.reading.fails => self.fail(error),
            Err(error) => {
                self.found.account.damage(&error);
                Ok(())
            }
        })
    }

    /// The query fails after the flows before the damage.
    fn fail(&mut self, error: nfdecode::Error) -> Result<()> {
        self.refs = None;
        self.failed = Some(external(error));
        self.flush()
    }

    /// Adds the selected flows of a block.
    fn add(&mut self, block: &Block) -> Result<()> {
        let selected = self.reading.filter.as_ref().map(|filter| {
            let mut selected = Vec::new();
            filter.select(block, Scope::new(self.file.ident()), &mut selected);
            selected
        });
        let count = selected.as_ref().map_or(block.len(), Vec::len);
        self.reading.counts.blocks.add(1);
        self.reading.counts.flows.add(block.len());
        if count == 0 {
            return Ok(());
        }
        self.blocks += 1;
        let is_enough = |rows| self.reading.limit.is_some_and(|limit| rows >= limit);
        let is_time = self.blocks >= self.patience;
        if self.reading.plan.only_counts() {
            self.counted += count;
            return match is_time || self.counted >= COUNTED || is_enough(self.counted) {
                true => self.flush(),
                false => Ok(()),
            };
        }
        let mut rows = Rows::new();
        rows.add(block, 0, selected.as_deref(), count);
        if !rows.is_few() {
            self.flush()?;
            return self.choose(rows);
        }
        if self.waiting.is_empty() && (is_time || is_enough(rows.len())) {
            self.grow();
            return self.choose(rows);
        }
        self.waiting.append(&rows, &[0]);
        match is_time || !self.waiting.is_few() || is_enough(self.waiting.len()) {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Makes batches of the flows that wait.
    fn flush(&mut self) -> Result<()> {
        self.grow();
        if self.counted != 0 {
            let batch = self.reading.plan.counted(self.counted)?;
            self.reading.counts.selected.add(self.counted);
            self.counted = 0;
            self.ready.push_back(batch);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let chosen = self.choose(waiting.rows());
        self.waiting = waiting;
        self.waiting.clear();
        chosen
    }

    /// More blocks make the next batch.
    fn grow(&mut self) {
        if self.blocks >= self.patience {
            self.patience = self.patience.saturating_mul(2);
        }
        self.blocks = 0;
    }

    fn choose(&mut self, rows: Rows<'_>) -> Result<()> {
        let batches = self.chooser.batches(rows)?;
        let chosen = batches.iter().map(RecordBatch::num_rows).sum();
        self.reading.counts.selected.add(chosen);
        self.ready.extend(batches);
        Ok(())
    }
}

impl Iterator for RangeReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            if let Err(error) = self.step()? {
                self.refs = None;
                self.failed = None;
                return Some(Err(error));
            }
        }
    }
}
