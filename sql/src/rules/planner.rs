//! Comparisons with text, while SQL is planned: DataFusion would refuse or misread them before any rule sees them.

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::rules::convert;

/// Plans comparisons of addresses, protocols and ports with text.
#[derive(Debug)]
pub(crate) struct TextPlanner;

impl ExprPlanner for TextPlanner {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::PGBitwiseShiftLeft => Operator::BitwiseShiftLeft,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(
            match convert::comparison(&expr.left, op, &expr.right, schema)? {
                Some(planned) => PlannerResult::Planned(planned),
                None => PlannerResult::Original(expr),
            },
        )
    }
}
