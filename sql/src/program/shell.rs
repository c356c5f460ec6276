//! The interactive shell: history, completion, commands that begin with a backslash.

use std::path::PathBuf;
use std::time::Instant;

use datafusion::prelude::SessionContext;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};
use tokio::runtime::Runtime;

use crate::program::args::Form;
use crate::program::mistake::table_names;
use crate::program::runner::Program;

const HELP: &str = "\
Statements end with ;
  \\d            tables           \\d TABLE     its columns
  \\f            functions        \\timing      show times or not
  \\q            leave            ctrl-C       cancel a query
";

/// Words of SQL that are completed.
const WORDS: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "COPY",
    "COUNT",
    "CREATE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXPLAIN",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "SELECT",
    "SHOW",
    "TABLE",
    "THEN",
    "TO",
    "UNION",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
];

struct Names {
    /// Sorted.
    names: Vec<String>,
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..position).unwrap_or_default();
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\\'))
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        Ok((start, complete(&self.names, &before[start..])))
    }
}

/// The names that begin like this word, in its case.
fn complete(names: &[String], word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let is_upper = word.chars().any(char::is_uppercase);
    let words = WORDS.iter().filter_map(|known| {
        let begins = !word.is_empty() && known.to_lowercase().starts_with(&lower);
        begins.then(|| {
            if is_upper {
                (*known).to_owned()
            } else {
                known.to_lowercase()
            }
        })
    });
    let names = names
        .iter()
        .filter(|name| name.starts_with(&lower))
        .cloned();
    names.chain(words).collect()
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}

impl Validator for Names {}

impl Helper for Names {}

/// Names of tables, their columns and functions.
fn names_of(session: &SessionContext, runtime: &Runtime) -> Vec<String> {
    let state = session.state();
    let mut names: Vec<String> = state
        .scalar_functions()
        .keys()
        .chain(state.aggregate_functions().keys())
        .chain(state.window_functions().keys())
        .cloned()
        .collect();
    for table in table_names(session) {
        if let Ok(provider) = runtime.block_on(session.table_provider(table.as_str())) {
            let schema = provider.schema();
            names.extend(schema.fields().iter().map(|field| field.name().clone()));
        }
        names.push(table);
    }
    names.extend(["nfcapd", "parquet"].map(str::to_owned));
    names.sort();
    names.dedup();
    names
}

fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state =
        state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    let directory = state.join("nfdecode");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("sql_history"))
}

/// Reads statements until the input ends.
pub(crate) fn run(program: &Program, runtime: &Runtime, form: Form) -> rustyline::Result<()> {
    let mut editor: Editor<Names, FileHistory> = Editor::new()?;
    let history = history();
    if let Some(path) = &history {
        // The first time there is none.
        let _ = editor.load_history(path);
    }
    println!("SQL over nfcapd files; \\? shows commands");
    let mut is_timed = true;
    let mut text = String::new();
    loop {
        editor.set_helper(Some(Names {
            names: names_of(&program.session, runtime),
        }));
        let prompt = if text.is_empty() {
            "nfdecode> "
        } else {
            "     ...> "
        };
        let line = match editor.readline(prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                text.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        };
        let trimmed = line.trim();
        if text.is_empty() && trimmed.starts_with('\\') {
            let _ = editor.add_history_entry(trimmed);
            let mut words = trimmed.split_whitespace();
            match (words.next().unwrap_or_default(), words.next()) {
                ("\\q", _) => break,
                ("\\d", None) => println!("{}", table_names(&program.session).join("\n")),
                ("\\d", Some(table)) => {
                    let table = table.replace('"', "");
                    program.statement(runtime, &format!("DESCRIBE \"{table}\""), form);
                }
                ("\\f", _) => {
                    for function in nfdecode_sql::functions() {
                        println!("{:32} {}", function.syntax, function.doc);
                    }
                    println!("SHOW FUNCTIONS lists those of DataFusion");
                }
                ("\\timing", _) => {
                    is_timed = !is_timed;
                    println!("times are {}", if is_timed { "shown" } else { "not shown" });
                }
                _ => print!("{HELP}"),
            }
            continue;
        }
        text.push_str(&line);
        text.push('\n');
        if text.trim().is_empty() {
            text.clear();
        }
        if !text.trim_end().ends_with(';') {
            continue;
        }
        let _ = editor.add_history_entry(text.trim());
        let started = Instant::now();
        let rows = program.statement(runtime, &text, form);
        if let (Some(rows), true) = (rows, is_timed) {
            let noun = if rows == 1 { "row" } else { "rows" };
            println!("{rows} {noun} in {:.3} s", started.elapsed().as_secs_f64());
        }
        text.clear();
    }
    if let Some(path) = &history {
        // Without it, only the history is lost.
        let _ = editor.save_history(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_are_completed() {
        let names = vec![
            "src_addr".to_owned(),
            "src_port".to_owned(),
            "sum".to_owned(),
        ];
        assert_eq!(complete(&names, "src_"), ["src_addr", "src_port"]);
        assert_eq!(complete(&names, "SEL"), ["SELECT"]);
        assert_eq!(complete(&names, "sel"), ["select"]);
        assert_eq!(complete(&names, "x"), [""; 0]);
    }
}
