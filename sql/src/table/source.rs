//! The scan of files: what DataFusion calls a file source, and the opener of one file or a part of it.
//!
//! DataFusion, and engines that distribute its plans, split files by byte ranges on their own. A source that ignored the
//! ranges would return flows more than once, so the range decides which blocks are read. Which files are read, and which
//! filter, is decided in `table`; the ranges are read in `range`.

use std::fmt;
use std::sync::Arc;

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
use datafusion::physical_expr::conjunction;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, apply_expression_roots};
use futures::{FutureExt as _, StreamExt as _};
use nfdecode::Filter;

use crate::error::external;
use crate::table::chosen::Plan;
#[cfg(feature = "cluster")]
use crate::table::elsewhere::{Report, is_as_planned};
use crate::table::flow_file::FlowFile;
use crate::table::options::{OnDamage, TableOptions};
use crate::table::range::{Counts, RangeReader, Reading};

/// What planning left out, for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skipped {
    pub(crate) files: usize,
    pub(crate) blocks: usize,
}

/// Reads nfcapd files for DataFusion's own scan node.
#[derive(Clone, Debug)]
pub(crate) struct FlowSource {
    pub(crate) schema: TableSchema,
    pub(crate) projection: SplitProjection,
    pub(crate) filter: Option<Filter>,
    /// What DataFusion has the scan test, over the columns of the table.
    pub(crate) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Whether it may have the scan test anything: not where the scan is sent elsewhere.
    pub(crate) takes_predicates: bool,
    pub(crate) options: TableOptions,
    pub(crate) metrics: ExecutionPlanMetricsSet,
    pub(crate) skipped: Skipped,
    /// What another process is told about the files.
    #[cfg(feature = "cluster")]
    pub(crate) report: Option<Report>,
}

impl FlowSource {
    /// A source of flows that the filter selects. `skipped` was left out before.
    pub(crate) fn new(
        schema: SchemaRef,
        filter: Option<Filter>,
        options: TableOptions,
        skipped: Skipped,
    ) -> Self {
        let schema = TableSchema::from(schema);
        Self {
            projection: SplitProjection::unprojected(&schema),
            schema,
            filter,
            predicate: None,
            takes_predicates: true,
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
        config: &FileScanConfig,
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
            count("files_skipped").add(self.skipped.files);
            count("blocks_skipped").add(self.skipped.blocks);
        }
        let schema = Arc::new(
            self.schema
                .file_schema()
                .project(&self.projection.file_indices)?,
        );
        let plan = Plan::new(schema, self.predicate.as_ref(), self.schema.file_schema())?;
        let opener = FlowOpener {
            reading: Reading {
                plan: Arc::new(plan),
                filter: self.filter.clone(),
                limit: config.limit,
                fails: matches!(self.options.on_damage, OnDamage::Fail),
                counts,
            },
            options: self.options.clone(),
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
        if let Some(filter) = &self.filter {
            write!(f, ", filter={filter}")?;
        }
        match &self.predicate {
            Some(predicate) => write!(f, ", predicate={predicate}"),
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
        let projected = self.projection.source.iter().map(|column| &column.expr);
        apply_expression_roots(projected.chain(&self.predicate), f)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        if !self.takes_predicates {
            let answers = vec![PushedDown::No; filters.len()];
            return Ok(FilterPushdownPropagation::with_parent_pushdown_result(
                answers,
            ));
        }
        // What is random may be computed once only, and DataFusion decides when.
        let is_taken = |filter: &Arc<dyn PhysicalExpr>| match is_volatile(filter) {
            true => PushedDown::No,
            false => PushedDown::Yes,
        };
        let answers: Vec<_> = filters.iter().map(is_taken).collect();
        let taken = filters.into_iter().zip(&answers);
        let taken: Vec<_> = taken
            .filter(|(_, answer)| matches!(answer, PushedDown::Yes))
            .map(|(filter, _)| filter)
            .collect();
        let found = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        if taken.is_empty() {
            return Ok(found);
        }
        let mut source = self.clone();
        source.predicate = Some(conjunction(
            source.predicate.take().into_iter().chain(taken),
        ));
        Ok(found.with_updated_node(Arc::new(source)))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.predicate.clone()
    }
}

struct FlowOpener {
    reading: Reading,
    options: TableOptions,
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
            self.reading.counts.files.add(1);
        }
        let reader = RangeReader::new(self.reading.clone(), file, found, start..end);
        Ok(async move { Ok(futures::stream::iter(reader).boxed()) }.boxed())
    }
}
