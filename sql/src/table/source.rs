//! The scan of files: what DataFusion calls a file source, and the opener of one file or a part of it.
//!
//! DataFusion, and engines that distribute its plans, split files by byte ranges on their own. A source that ignored the
//! ranges would return flows more than once, so the range decides which blocks are read. Which files are read, and which
//! filter, is decided in `table`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::{FutureExt as _, StreamExt as _};
use nfdecode::columns::{BatchBuilder, Labels, Projection, Rows};
use nfdecode::file::BlockRefsIn;
use nfdecode::filter::Scope;
use nfdecode::{Block, File, Filter};

use crate::table::damage::Account;
#[cfg(feature = "cluster")]
use crate::table::elsewhere::{Report, is_as_planned};
use crate::table::options::{OnDamage, TableOptions};

/// A file of a scan, carried by DataFusion's description of it.
#[derive(Clone, Debug)]
pub(crate) struct FlowFile {
    pub(crate) path: PathBuf,
    /// Its value in the column `file`.
    pub(crate) name: Arc<str>,
    pub(crate) account: Arc<Account>,
}

/// Reads nfcapd files for DataFusion's own scan node.
#[derive(Clone, Debug)]
pub(crate) struct FlowSource {
    pub(crate) schema: TableSchema,
    pub(crate) projection: SplitProjection,
    pub(crate) filter: Option<Filter>,
    pub(crate) options: TableOptions,
    pub(crate) metrics: ExecutionPlanMetricsSet,
    pub(crate) skipped: usize,
    /// What another process is told about the files.
    #[cfg(feature = "cluster")]
    pub(crate) report: Option<Report>,
}

impl FlowSource {
    /// A source of flows that the filter selects. `skipped` files were left out before, for the metrics.
    pub(crate) fn new(
        schema: SchemaRef,
        filter: Option<Filter>,
        options: TableOptions,
        skipped: usize,
    ) -> Self {
        let schema = TableSchema::from(schema);
        Self {
            projection: SplitProjection::unprojected(&schema),
            schema,
            filter,
            options,
            metrics: ExecutionPlanMetricsSet::new(),
            skipped,
            #[cfg(feature = "cluster")]
            report: None,
        }
    }
}

impl FileSource for FlowSource {
    fn create_file_opener(
        &self,
        _: Arc<dyn ObjectStore>,
        _: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let counts = Counts {
            files: count("files_read"),
            blocks: count("blocks_read"),
            flows: count("flows_read"),
            selected: count("flows_selected"),
        };
        if partition == 0 {
            count("files_skipped").add(self.skipped);
        }
        let schema = Arc::new(
            self.schema
                .file_schema()
                .project(&self.projection.file_indices)?,
        );
        let names = schema.fields().iter().map(|field| field.name());
        let columns = Projection::from_names(names).map_err(external)?;
        let opener = FlowOpener {
            schema,
            columns,
            filter: self.filter.clone(),
            options: self.options.clone(),
            counts,
        };
        ProjectionOpener::try_new(
            self.projection.clone(),
            Arc::new(opener),
            self.schema.file_schema(),
        )
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, _: usize) -> Arc<dyn FileSource> {
        // A batch has the flows of a block, whatever is asked for.
        Arc::new(self.clone())
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        #[cfg(feature = "cluster")]
        if let Some(report) = &self.report {
            report.write(&self.metrics);
        }
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "nfcapd"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.filter {
            Some(filter) => write!(f, ", filter={filter}"),
            None => Ok(()),
        }
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let mut source = self.clone();
        source.projection = SplitProjection::new(
            self.schema.file_schema(),
            &source.projection.source.try_merge(projection)?,
        );
        Ok(Some(Arc::new(source)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<
        datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation<Arc<dyn FileSource>>,
    > {
        // What can be translated was translated from the logical plan.
        use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(
            vec![PushedDown::No; filters.len()],
        ))
    }
}

/// What `EXPLAIN ANALYZE` shows.
#[derive(Clone)]
struct Counts {
    files: Count,
    blocks: Count,
    flows: Count,
    selected: Count,
}

struct FlowOpener {
    schema: SchemaRef,
    columns: Projection,
    filter: Option<Filter>,
    options: TableOptions,
    counts: Counts,
}

impl FileOpener for FlowOpener {
    fn open(&self, part: PartitionedFile) -> Result<FileOpenFuture> {
        let found = part.extension::<FlowFile>().cloned().ok_or_else(|| {
            DataFusionError::Internal("a file that the table did not list".to_owned())
        })?;
        let (start, end) = part.range();
        let opened = self.options.open().open(&found.path);
        #[cfg(feature = "cluster")]
        if self.options.is_planned_elsewhere {
            is_as_planned(&opened, &found.path, part.object_meta.size)?;
        }
        let file = match (opened, &self.options.on_damage) {
            (Ok(file), _) => file,
            (Err(error), OnDamage::Fail) => return Err(external(error)),
            (Err(error), OnDamage::Log(_)) => {
                found.account.refused(&error);
                return Ok(async { Ok(futures::stream::empty().boxed()) }.boxed());
            }
        };
        found.account.open(&file);
        if start == 0 {
            self.counts.files.add(1);
        }
        let mut builder = BatchBuilder::new(&self.columns);
        builder.set_labels(Labels::one(&found.name, file.ident()));
        let reader = RangeReader {
            refs: Some(file.clone().into_block_refs_in(start..end)),
            bytes: end - start,
            file,
            found,
            builder,
            schema: Arc::clone(&self.schema),
            filter: self.filter.clone(),
            fails: matches!(self.options.on_damage, OnDamage::Fail),
            counts: self.counts.clone(),
            ready: Vec::new().into_iter(),
            failed: None,
        };
        Ok(async move { Ok(futures::stream::iter(reader).boxed()) }.boxed())
    }
}

/// The batches of a range of a file.
struct RangeReader {
    refs: Option<BlockRefsIn>,
    bytes: u64,
    file: File,
    found: FlowFile,
    builder: BatchBuilder,
    schema: SchemaRef,
    filter: Option<Filter>,
    fails: bool,
    counts: Counts,
    ready: std::vec::IntoIter<RecordBatch>,
    /// Comes after the flows that are ready.
    failed: Option<nfdecode::Error>,
}

impl RangeReader {
    /// Makes batches of the selected flows of a block.
    fn batches(&mut self, block: &Block) -> Result<()> {
        let selected = self.filter.as_ref().map(|filter| {
            let mut selected = Vec::new();
            filter.select(block, Scope::new(self.file.ident()), &mut selected);
            selected
        });
        let count = selected.as_ref().map_or(block.len(), Vec::len);
        self.counts.blocks.add(1);
        self.counts.flows.add(block.len());
        self.counts.selected.add(count);
        if count == 0 {
            return Ok(());
        }
        let batches = if self.schema.fields().is_empty() {
            let options = RecordBatchOptions::new().with_row_count(Some(count));
            vec![RecordBatch::try_new_with_options(
                Arc::clone(&self.schema),
                Vec::new(),
                &options,
            )?]
        } else {
            let mut rows = Rows::new();
            rows.add(block, 0, selected.as_deref(), count);
            self.builder.batches(&rows)?
        };
        self.ready = batches.into_iter();
        Ok(())
    }

    fn damage(&mut self, error: nfdecode::Error) {
        if self.fails {
            self.refs = None;
            self.failed = Some(error);
        } else {
            self.found.account.damage(&error);
        }
    }
}

impl Iterator for RangeReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.next() {
                return Some(Ok(batch));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(external(error)));
            }
            let Some(next) = self.refs.as_mut()?.next() else {
                self.refs = None;
                self.found.account.close(&self.file, self.bytes);
                if !self.fails || !self.found.account.is_damaged() {
                    return None;
                }
                return Some(Err(self.found.account.failure()));
            };
            match next.and_then(|next| self.file.load(next)) {
                Ok(block) => {
                    self.found.account.block(&block);
                    if let Err(error) = self.batches(&block) {
                        self.refs = None;
                        return Some(Err(error));
                    }
                    if let (true, Some(error)) = (self.fails, block.damage()) {
                        let error = error.clone();
                        self.damage(error);
                    }
                }
                Err(error) => self.damage(error),
            }
        }
    }
}

/// An error of the library as one of DataFusion.
pub(crate) fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
