//! Errors for people: what is wrong, where in the query, and what was probably meant.

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::parser::ParserError;

/// An error for people.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// What is wrong, in one line, with a hint.
    pub(crate) message: String,
    /// Line and column of the query, from 1.
    place: Option<(u64, u64)>,
    /// Whether the query is wrong, not what it reads.
    pub(crate) is_query: bool,
}

impl Mistake {
    /// Describes an error of a query.
    pub(crate) fn of(error: &DataFusionError, session: &SessionContext) -> Self {
        let mut place = error
            .diagnostic()
            .and_then(|found| found.span)
            .map(|span| (span.start.line, span.start.column));
        let root = error.find_root();
        let (message, is_query) = match root {
            DataFusionError::SQL(error, _) => {
                let (message, found) = parser_message(error);
                place = found.or(place);
                (message, true)
            }
            DataFusionError::SchemaError(error, _) => (schema_message(error), true),
            DataFusionError::Plan(text) => (plan_message(text, session), true),
            DataFusionError::NotImplemented(text) => {
                (format!("{text}: DataFusion has no way to do this"), true)
            }
            DataFusionError::ResourcesExhausted(text) => (
                format!(
                    "the query needs more memory: {}: give it more with --memory",
                    first_line(text)
                ),
                false,
            ),
            DataFusionError::External(error) => (error.to_string(), false),
            DataFusionError::Execution(text) => (text.clone(), false),
            other => (other.strip_backtrace(), false),
        };
        match argument_message(&message) {
            Some(message) => Self {
                message,
                place,
                is_query: true,
            },
            None => Self {
                message,
                place,
                is_query,
            },
        }
    }

    /// The message, and below it the line of the query with a mark under the place.
    pub(crate) fn show(&self, query: &str) -> String {
        let mut text = self.message.trim_end().replace('\n', " ");
        let Some((line, column)) = self.place else {
            return text;
        };
        let (Ok(line), Ok(column)) = (usize::try_from(line), usize::try_from(column)) else {
            return text;
        };
        if let Some(shown) = line.checked_sub(1).and_then(|line| query.lines().nth(line)) {
            let shown: String = shown
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            let before = " ".repeat(column.saturating_sub(1).min(shown.chars().count()));
            text.push_str(&format!("\n  {shown}\n  {before}^"));
        }
        text
    }
}

/// What a function says about its arguments, without what DataFusion says around it.
fn argument_message(text: &str) -> Option<String> {
    let (_, message) = text.split_once("coercion failed with: ")?;
    let message = message.trim_start_matches("Error during planning: ");
    let message = message.split(" No function matches").next()?;
    Some(message.trim_end_matches('.').to_owned())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The message of the parser without the place, and the place.
fn parser_message(error: &ParserError) -> (String, Option<(u64, u64)>) {
    let text = match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "the query is nested too deeply",
    };
    let Some((message, place)) = text.rsplit_once(" at Line: ") else {
        return (text.to_owned(), None);
    };
    let place = place.split_once(", Column: ").and_then(|(line, column)| {
        let column: String = column.chars().take_while(char::is_ascii_digit).collect();
        Some((line.trim().parse().ok()?, column.parse().ok()?))
    });
    (message.to_owned(), place)
}

fn schema_message(error: &SchemaError) -> String {
    let SchemaError::FieldNotFound {
        field,
        valid_fields,
    } = error
    else {
        return error.to_string();
    };
    let names = valid_fields.iter().map(|column| column.name.as_str());
    let hint = match nearest(&field.name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None if valid_fields.is_empty() => "the query has no FROM".to_owned(),
        None => "DESCRIBE flows lists the columns of flows".to_owned(),
    };
    format!("no column `{}`: {hint}", field.name)
}

fn plan_message(text: &str, session: &SessionContext) -> String {
    if let Some(name) = text
        .strip_prefix("table '")
        .and_then(|rest| rest.split('\'').next())
    {
        let name = name.rsplit('.').next().unwrap_or(name);
        let known = table_names(session);
        let hint = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                "name files before the query: nfdecode-sql PATH \"SELECT …\"".to_owned()
            }
            None => format!("there are {}", known.join(", ")),
        };
        return format!("no table `{name}`: {hint}");
    }
    if let Some(rest) = text.strip_prefix("Invalid function '") {
        let name = rest.split('\'').next().unwrap_or(rest);
        let state = session.state();
        let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.sort();
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "\\f in the shell lists functions".to_owned(),
        };
        return format!("no function `{name}`: {hint}");
    }
    text.to_owned()
}

/// The names of all tables of a session.
pub(crate) fn table_names(session: &SessionContext) -> Vec<String> {
    let schema = session
        .catalog("datafusion")
        .and_then(|catalog| catalog.schema("public"));
    let mut names = schema.map_or_else(Vec::new, |schema| schema.table_names());
    names.sort();
    names
}

/// The name that was probably meant.
fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const NEAR: f64 = 0.75;
    names
        .map(|name| (strsim::jaro_winkler(&written.to_lowercase(), name), name))
        .filter(|(near, _)| *near >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
