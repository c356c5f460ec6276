//! The table of flows: which files a query reads, and how much of them.
//!
//! Lists, prunes and estimates. Reading is in `source`, translating conditions in `pushdown`.

pub(crate) mod chosen;
pub(crate) mod damage;
#[cfg(feature = "cluster")]
pub(crate) mod elsewhere;
pub(crate) mod flow_file;
pub(crate) mod index;
pub(crate) mod listing;
pub(crate) mod options;
pub(crate) mod range;
pub(crate) mod source;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr as Sql, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use nfdecode::columns::Projection;
use nfdecode::file::FileFacts;
use nfdecode::filter::Expr;
use nfdecode::{Filter, Timestamp};

use crate::error::external;
use crate::pushdown::{starts_from, translate};
use crate::table::damage::Account;
use crate::table::flow_file::FlowFile;
use crate::table::index::{Index, Known};
use crate::table::listing::{Listed, list};
use crate::table::options::TableOptions;
use crate::table::source::{FlowSource, Skipped};

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
    index: Index,
}

/// A file to be read, and what is known of it; nothing if it could not be opened.
struct Opened {
    file: Listed,
    bytes: u64,
    known: Option<Known>,
}

/// Which files a query reads, and what it does not.
struct Chosen {
    files: Vec<Opened>,
    skipped: Skipped,
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
            index: Index::default(),
        })
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    pub(crate) fn options(&self) -> &TableOptions {
        &self.options
    }

    /// The files that may have flows that the filter selects.
    fn prune(&self, filter: Option<&Filter>, from: Option<u64>) -> Result<Chosen> {
        let options = self.options.open();
        // The filter does not conclude from the last end of a flow when flows start: there are two days for that.
        let from = from.map(Timestamp::from_millis);
        let is_left_out = |facts: &FileFacts| {
            !facts.may_have(from, None) || filter.is_some_and(|filter| !filter.may_select_by(facts))
        };
        let mut files = Vec::new();
        let mut skipped = Skipped::default();
        let listed = list(&self.paths, &self.options.log())?;
        self.index
            .keep(listed.iter().map(|file| file.path.as_path()));
        for file in listed {
            match self.index.look_up(&file.path, &options) {
                Ok(known) if is_left_out(&known.facts) => {
                    skipped.files += 1;
                    skipped.blocks += known.blocks as usize;
                }
                Ok(known) => files.push(Opened {
                    bytes: known.bytes,
                    known: Some(known),
                    file,
                }),
                // Reading it reports the error.
                Err(_) => files.push(Opened {
                    bytes: std::fs::metadata(&file.path).map_or(1, |found| found.len().max(1)),
                    known: None,
                    file,
                }),
            }
        }
        Ok(Chosen { files, skipped })
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

    /// What the files' own statistics say. They answer queries by themselves only where the options say so, and nothing
    /// is left out: a damaged or wrongly counted file would be believed.
    fn statistics_of(&self, files: &[Opened], is_all: bool) -> Statistics {
        let known = |of: fn(&Known) -> Option<u64>| {
            files.iter().map(move |file| of(file.known.as_ref()?))
        };
        let flows = known(|known| known.flows).sum::<Option<u64>>();
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = flows.map_or(Precision::Absent, |flows| {
            Precision::Inexact(usize::try_from(flows).unwrap_or(usize::MAX))
        });
        let is_counted = |file: &Opened| file.known.as_ref().is_some_and(|known| known.is_counted);
        if !self.options.trusts_statistics || !is_all || !files.iter().all(is_counted) {
            return statistics;
        }
        if let Precision::Inexact(flows) = statistics.num_rows {
            statistics.num_rows = Precision::Exact(flows);
        }
        let bound = |time: Option<u64>| {
            let time = time.and_then(|time| i64::try_from(time).ok());
            time.map_or(Precision::Absent, |time| {
                Precision::Exact(ScalarValue::TimestampMillisecond(
                    Some(time),
                    Some("UTC".into()),
                ))
            })
        };
        let all = |of| known(of).collect::<Option<Vec<u64>>>().unwrap_or_default();
        let first = all(|known| Some(known.times?.0)).into_iter().min();
        let last = all(|known| Some(known.times?.1)).into_iter().max();
        for (column, field) in statistics
            .column_statistics
            .iter_mut()
            .zip(self.schema.fields())
        {
            match field.name().as_str() {
                "first" => column.min_value = bound(first),
                "last" => column.max_value = bound(last),
                _ => {}
            }
        }
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
        let Chosen { files, skipped } = self.prune(filter.as_ref(), from)?;
        let is_all = filter.is_none() && skipped.files == 0;
        let statistics = self.statistics_of(&files, is_all);
        let groups = self.groups(files, state.config().target_partitions());
        let source = FlowSource::new(self.schema(), filter, self.options.clone(), skipped);
        #[cfg(feature = "cluster")]
        let source = FlowSource {
            takes_predicates: state
                .config()
                .get_extension::<elsewhere::Travels>()
                .is_none(),
            ..source
        };
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
