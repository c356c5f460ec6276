//! Text and addresses, after SQL is planned: lists, ranges, casts, subqueries, and files of text that addresses are
//! written to.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::dml::CopyTo;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

use crate::rules::convert;

/// Converts what text beside addresses means, and addresses to text where text is asked for.
#[derive(Debug)]
pub(crate) struct AddressRule;

impl AnalyzerRule for AddressRule {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(node)?;
        Ok(done.data)
    }

    fn name(&self) -> &'static str {
        "addresses"
    }
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Copy(copy) = plan {
        return copy_as_text(copy);
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let is_filter = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    let done = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let done = expr.transform_up(|expr| one(expr, &schema, is_filter))?;
        Ok(done.update_data(|expr| name.restore(expr)))
    })?;
    if done.transformed {
        return done.map_data(LogicalPlan::recompute_schema);
    }
    Ok(done)
}

fn one(expr: Expr, schema: &DFSchema, is_filter: bool) -> Result<Transformed<Expr>> {
    let mut found = convert::other(&expr, schema)?;
    if found.is_none() && is_filter {
        found = convert::nfdump_call(&expr, schema)?;
    }
    Ok(match found {
        Some(found) => Transformed::yes(found),
        None => Transformed::no(expr),
    })
}

/// Files of text have addresses as text.
fn copy_as_text(copy: CopyTo) -> Result<Transformed<LogicalPlan>> {
    let is_text = matches!(copy.file_type.get_ext().as_str(), "csv" | "json");
    let schema = Arc::clone(copy.input.schema());
    let mut is_changed = false;
    let mut columns = Vec::new();
    for (qualifier, field) in schema.iter() {
        let column = Expr::Column(Column::from((qualifier, field)));
        columns.push(match convert::shown_as_text(&column, &schema)? {
            Some(shown) if is_text => {
                is_changed = true;
                shown.alias_qualified(qualifier.cloned(), field.name())
            }
            _ => column,
        });
    }
    if !is_changed {
        return Ok(Transformed::no(LogicalPlan::Copy(copy)));
    }
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(copy.input))
        .project(columns)?
        .build()?;
    let copy = CopyTo::new(
        Arc::new(input),
        copy.output_url,
        copy.partition_by,
        copy.file_type,
        copy.options,
    );
    Ok(Transformed::yes(LogicalPlan::Copy(copy)))
}
