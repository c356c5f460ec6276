//! `nfdump('…')`: a filter of nfdump as a condition of SQL.
//!
//! It looks at records, not at columns: the scan decides it, and nothing can be computed from values. The planner adds a
//! column of the table to the call, which says which table is meant, and keeps the call from being computed beforehand.

use datafusion::common::{DataFusionError, Result};
use nfdecode::Filter;

/// The filter, or where it is wrong.
pub(crate) fn parse(text: &str) -> Result<Filter> {
    let filter = Filter::parse(text)
        .map_err(|error| DataFusionError::Plan(format!("nfdump('…'): {error}")))?;
    if filter.needs_count() {
        return Err(DataFusionError::Plan(
            "nfdump('…'): the term `count` numbers the records of all files, in an order that queries do not have: use LIMIT"
                .to_owned(),
        ));
    }
    Ok(filter)
}

/// What a call outside of such conditions says.
pub(crate) fn misplaced() -> DataFusionError {
    DataFusionError::Plan(
        "nfdump('…') is a condition of WHERE on flows: alone, with AND, or with OR and NOT beside other nfdump('…')"
            .to_owned(),
    )
}
