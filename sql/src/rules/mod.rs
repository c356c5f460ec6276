//! What queries mean where DataFusion would mean something else: text beside addresses, and sums of counters.

mod analyzer;
mod convert;
mod planner;
mod sum;

pub(crate) use analyzer::AddressRule;
pub(crate) use planner::TextPlanner;
pub(crate) use sum::sum;
