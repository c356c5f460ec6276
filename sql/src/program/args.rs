//! What can be written on the command line, and which of its words is the query.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

/// SQL over nfcapd files.
///
/// The tables are `flows`, `files`, `exporters`, `samplers` and `interfaces`. Without a query, an interactive shell on a
/// terminal, and otherwise the queries on standard input.
#[derive(Debug, Parser)]
#[command(name = "nfdecode-sql", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Files, directories and patterns, then the query:  nfdecode-sql archive/ "SELECT count(*) FROM flows"
    #[arg(value_name = "PATH… [QUERY]")]
    words: Vec<OsString>,

    /// The form of the answer; by default a table on a terminal, and csv elsewhere
    #[arg(short, long, value_name = "FORM")]
    pub(crate) format: Option<Form>,

    /// Write the answer to FILE, whose extension chooses the form: .csv, .json, .ndjson, .arrow, .parquet
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Memory for sorting and grouping, such as 512M or 4G; beyond it, temporary files
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub(crate) memory: Option<usize>,

    /// Threads; by default all cores
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Recover what is readable in files that are unfinished, truncated or damaged
    #[arg(long)]
    pub(crate) salvage: bool,

    /// Answer count(*), min(first) and max(last) of whole tables from the statistics of the files, unread
    #[arg(long)]
    pub(crate) trust_statistics: bool,

    /// Read the passphrase of encrypted files from FILE; without this option, from the variable NFDECODE_KEY
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Run queries on these workers, such as node1:5051,node2:5051
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) workers: Vec<String>,

    /// Be a worker for the queries of others, at an address such as 127.0.0.1:5051
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["words", "workers", "output", "format", "salvage"])]
    pub(crate) listen: Option<std::net::SocketAddr>,

    /// Print no messages but errors that end the run
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// A form of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for people
    Table,
    /// Lines of values
    Csv,
    /// An array of objects
    Json,
    /// One object per line
    Ndjson,
    /// Arrow IPC: a file with -o, a stream on standard output
    Arrow,
    /// A Parquet file
    Parquet,
}

impl Form {
    /// The form that the extension of a file names.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "txt" => Some(Self::Table),
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "arrow" => Some(Self::Arrow),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Words that begin statements.
const BEGINNINGS: &[&str] = &[
    "select", "with", "explain", "show", "describe", "desc", "copy", "create", "drop", "values",
    "from", "set", "table", "insert", "(select",
];

impl Args {
    /// The paths, and the query if there is one.
    pub(crate) fn split(&self) -> Result<(Vec<PathBuf>, Option<String>), String> {
        let mut paths: Vec<PathBuf> = self.words.iter().map(PathBuf::from).collect();
        let last = self.words.last().and_then(|word| word.to_str());
        let Some(last) = last.filter(|last| looks_like_query(last)) else {
            return Ok((paths, None));
        };
        if let Some(early) = paths
            .iter()
            .rev()
            .skip(1)
            .find(|path| path.to_str().is_some_and(looks_like_query))
        {
            return Err(format!(
                "two queries, '{}' and '{last}': put them in one argument, with ; between them",
                early.display()
            ));
        }
        paths.pop();
        Ok((paths, Some(last.to_owned())))
    }
}

fn looks_like_query(word: &str) -> bool {
    let mut words = word.split_whitespace();
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    let is_statement = BEGINNINGS.contains(&first.as_str()) || first.starts_with("--");
    // A file may have the name of a statement, but not one with blanks in it.
    is_statement && (words.next().is_some() || fs::metadata(word).is_err())
}

fn memory_size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| "expected a number, optionally with K, M or G".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("must be greater than zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_differ_from_paths() {
        for query in [
            "SELECT 1",
            "with x as (select 1) select * from x",
            "show tables",
            "-- c\nselect 1",
        ] {
            assert!(looks_like_query(query), "{query}");
        }
        for path in ["archive", "nfcapd.202601011200", "/etc/select"] {
            assert!(!looks_like_query(path), "{path}");
        }
    }
}
