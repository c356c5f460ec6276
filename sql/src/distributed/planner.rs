//! Which queries run on workers: those whose tables are files.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner as _};

use crate::table::FlowTable;

/// Plans for workers where it can, and for this process elsewhere.
#[derive(Debug)]
pub(super) struct Placement {
    distributed: Arc<dyn QueryPlanner + Send + Sync>,
}

impl Placement {
    pub(super) fn new(distributed: Arc<dyn QueryPlanner + Send + Sync>) -> Self {
        Self { distributed }
    }
}

#[async_trait]
impl QueryPlanner for Placement {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match has_only_files(plan)? {
            true => self.distributed.create_physical_plan(plan, session).await,
            false => {
                let planner = DefaultPhysicalPlanner::default();
                planner.create_physical_plan(plan, session).await
            }
        }
    }
}

/// Whether all tables are files: others exist in this process only.
fn has_only_files(plan: &LogicalPlan) -> Result<bool> {
    let mut is_only_files = true;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            is_only_files &= provider.is::<FlowTable>() || provider.is::<ListingTable>();
        }
        Ok(match is_only_files {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    })?;
    Ok(is_only_files)
}
