//! Runs statements: from text to answers.

use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use futures::StreamExt as _;

use crate::program::answer::Answer;
use crate::program::args::Form;

/// The statements of a text.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement>> {
    let mut parser = DFParserBuilder::new(text)
        .with_dialect(&GenericDialect {})
        .build()?;
    Ok(parser.parse_statements()?.into())
}

/// Runs a statement and writes its answer, if it has one. Returns the number of rows.
pub(crate) async fn run(
    session: &SessionContext,
    statement: Statement,
    form: Form,
    output: Option<&Path>,
) -> Result<usize> {
    let plan = session.state().statement_to_plan(statement).await?;
    let frame = session.execute_logical_plan(plan).await?;
    if frame.schema().fields().is_empty() {
        // Views, tables and settings have no answer.
        frame.collect().await?;
        return Ok(0);
    }
    let mut stream = frame.execute_stream().await?;
    let mut answer = Answer::open(&stream.schema(), form, output)?;
    while let Some(batch) = stream.next().await {
        answer.write(&batch?)?;
    }
    answer.finish()
}

/// The error of a query that was interrupted.
pub(crate) fn interrupted() -> DataFusionError {
    DataFusionError::Execution("interrupted".to_owned())
}
