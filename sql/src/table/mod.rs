//! The table of flows: which files a query reads, and how much of them.
//!
//! Lists, prunes and estimates. Reading is in `source`, translating conditions in `pushdown`.

pub(crate) mod damage;
#[cfg(feature = "cluster")]
pub(crate) mod elsewhere;
pub(crate) mod listing;
pub(crate) mod options;
pub(crate) mod source;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr as Sql, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use nfdecode::columns::Projection;
use nfdecode::filter::Expr;
use nfdecode::{File, Filter, Scan, Timestamp};

use crate::pushdown::{starts_from, translate};
use crate::table::damage::Account;
use crate::table::listing::{Listed, list};
use crate::table::options::TableOptions;
use crate::table::source::{FlowFile, FlowSource, external};

/// The flows of nfcapd files as a table of DataFusion.
///
/// The columns are those of [`nfdecode::columns::columns`], in that order. Paths are files, directories and patterns such
/// as `archive/2026/*`; they are listed again for each query. Register it with any
/// [`SessionContext`](datafusion::prelude::SessionContext); [`session`](crate::session) also knows the functions, and
/// how addresses compare with text.
#[derive(Clone, Debug)]
pub struct FlowTable {
    paths: Vec<PathBuf>,
    options: TableOptions,
    schema: SchemaRef,
}

/// What planning finds out about a file.
struct Opened {
    file: Listed,
    bytes: u64,
    flows: Option<u64>,
}

impl FlowTable {
    /// A table of the flows of these files and directories.
    ///
    /// # Errors
    /// A path does not exist, or a directory has no nfcapd files. Files that cannot be read are errors of the query.
    pub fn new(
        paths: impl IntoIterator<Item = impl Into<PathBuf>>,
        options: TableOptions,
    ) -> Result<Self> {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        list(&paths, &options.log())?;
        Ok(Self {
            paths,
            options,
            schema: Projection::all().schema(),
        })
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    pub(crate) fn options(&self) -> &TableOptions {
        &self.options
    }

    /// The files that may have flows that the filter selects, and how many others there are.
    fn prune(&self, filter: Option<&Filter>, from: Option<u64>) -> Result<(Vec<Opened>, usize)> {
        let options = self.options.open();
        // The filter does not conclude from the last end of a flow when flows start: scans allow two days for that.
        let scan = Scan::default().needs_times(from.map(Timestamp::from_millis), None);
        let is_left_out = |file: &File| {
            !scan.may_select(file) || filter.is_some_and(|filter| !filter.may_select(file))
        };
        let mut kept = Vec::new();
        let mut skipped = 0;
        for file in list(&self.paths, &self.options.log())? {
            let size = || std::fs::metadata(&file.path).map_or(0, |found| found.len());
            match options.open(&file.path) {
                Ok(opened) if is_left_out(&opened) => skipped += 1,
                Ok(opened) => kept.push(Opened {
                    bytes: opened.header().file_size,
                    flows: opened.announced_flows(),
                    file,
                }),
                // Reading it reports the error.
                Err(_) => kept.push(Opened {
                    bytes: size().max(1),
                    flows: None,
                    file,
                }),
            }
        }
        Ok((kept, skipped))
    }

    /// Files in their order, in at most `count` groups of about the same number of bytes.
    fn groups(&self, files: Vec<Opened>, count: usize) -> Vec<FileGroup> {
        let log = self.options.log();
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let share = (total / count.max(1) as u64).max(1);
        let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new()];
        let mut held = 0;
        for Opened { file, bytes, .. } in files {
            if held >= share && groups.len() < count {
                groups.push(Vec::new());
                held = 0;
            }
            held += bytes;
            let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
            let part = PartitionedFile::new(path.to_string_lossy(), bytes);
            let part = part.with_extension(FlowFile {
                path: file.path,
                name: file.name,
                account: Arc::new(Account::new(log.clone(), self.options.salvages)),
            });
            if let Some(group) = groups.last_mut() {
                group.push(part);
            }
        }
        groups.into_iter().map(FileGroup::new).collect()
    }

    fn statistics_of(&self, files: &[Opened]) -> Statistics {
        let flows = files.iter().map(|file| file.flows);
        let flows = flows.sum::<Option<u64>>().map(|flows| flows as usize);
        let mut statistics = Statistics::new_unknown(&self.schema);
        // A damaged file announces what it does not have, so no number is exact.
        statistics.num_rows = flows.map_or(Precision::Absent, Precision::Inexact);
        statistics
    }
}

#[async_trait]
impl TableProvider for FlowTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Sql],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|condition| match translate(condition) {
            Some(found) if found.has_filter && found.is_exact => TableProviderFilterPushDown::Exact,
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Sql],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let translated: Vec<_> = filters.iter().filter_map(translate).collect();
        let decides = translated.iter().any(|found| found.has_filter);
        let exprs = translated.into_iter().map(|found| found.expr);
        let filter = match Filter::build(Expr::all(exprs)) {
            Ok(filter) if *filter.expr() == Expr::any() => None,
            Ok(filter) => Some(filter),
            Err(error) if decides => return Err(external(error)),
            // Together they are too long for a filter: DataFusion alone tests them.
            Err(_) => None,
        };
        let from = filters.iter().filter_map(starts_from).max();
        let (files, skipped) = self.prune(filter.as_ref(), from)?;
        let statistics = self.statistics_of(&files);
        let groups = self.groups(files, state.config().target_partitions());
        let source = FlowSource::new(self.schema(), filter, self.options.clone(), skipped);
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
                .with_file_groups(groups)
                .with_statistics(statistics)
                .with_limit(limit)
                .with_projection_indices(projection.cloned())?
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
