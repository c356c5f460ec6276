//! Which queries run on workers: those whose tables are files, and whose limits survive the way.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::{FetchType, LogicalPlan, SkipType};
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
        match can_travel(plan)? {
            true => self.distributed.create_physical_plan(plan, session).await,
            false => {
                let planner = DefaultPhysicalPlanner::default();
                planner.create_physical_plan(plan, session).await
            }
        }
    }
}

/// Whether all tables are files, since others exist in this process only, and all limits fit DataFusion's messages:
/// these have 32 bits for a number of rows, and cut others off without an error.
fn can_travel(plan: &LogicalPlan) -> Result<bool> {
    let mut can_travel = true;
    plan.apply_with_subqueries(|node| {
        can_travel &= match node {
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source)?;
                provider.is::<FlowTable>() || provider.is::<ListingTable>()
            }
            LogicalPlan::Limit(limit) => {
                let SkipType::Literal(skip) = limit.get_skip_type()? else {
                    can_travel = false;
                    return Ok(TreeNodeRecursion::Stop);
                };
                let FetchType::Literal(fetch) = limit.get_fetch_type()? else {
                    can_travel = false;
                    return Ok(TreeNodeRecursion::Stop);
                };
                let rows = skip.saturating_add(fetch.unwrap_or(0));
                i32::try_from(rows).is_ok()
            }
            LogicalPlan::Sort(sort) => sort.fetch.is_none_or(|rows| i32::try_from(rows).is_ok()),
            _ => true,
        };
        Ok(match can_travel {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    })?;
    Ok(can_travel)
}
