//! `nfdecode nfdump`: a drop-in for nfdump 1.7.10.
//!
//! Options, output and exit status are nfdump's; `docs/deviations.md` lists what differs. A link named
//! `nfdump` to the program behaves so by itself.
//!
//! | file | holds |
//! |---|---|
//! | `options`, `getopt`, `order`, `keys`, `mode`, `config` | the command line, and nfdump's configuration file |
//! | `lists` | the lists that nfdump prints after a wrong name |
//! | `files`, `read` | which files, which flows |
//! | `task`, `context` | what is done with them, and how it is shown |
//! | `plain`, `rows`, `record`, `row_fields`, `table`, `statistic`, `totals` | printing and writing |
//! | `stored` | what files say about themselves |

mod config;
mod context;
mod files;
mod getopt;
mod keys;
mod lists;
mod mode;
mod options;
mod order;
mod plain;
mod quit;
mod read;
mod record;
mod row_fields;
mod rows;
mod statistic;
mod stored;
mod table;
mod task;
mod totals;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::nfdump::options::{Options, Task};
use crate::nfdump::quit::Quit;
use crate::run::interrupt;
use crate::run::report::Report;

/// Runs with the words after the name of the program.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let report = Report::default();
    if let Err(stop) = interrupt::watch() {
        return report.finish(Err(stop));
    }
    match Options::parse(words).and_then(|options| perform(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(quit) => quit.finish(&report),
    }
}

fn perform(options: &Options) -> Result<(), Quit> {
    match &options.task {
        None => task::run(options),
        Some(Task::Statistics) => stored::statistics(options),
        Some(Task::Gnuplot) => stored::gnuplot(options),
        Some(Task::Rename(ident)) => stored::rename(options, ident),
        Some(Task::Recompress(encoding)) => stored::recompress(options, *encoding),
        Some(Task::Exporters(path)) => stored::exporters(path),
        Some(Task::Verify(path)) => stored::verify(path),
        Some(Task::Maps(path)) => stored::maps(path),
        Some(Task::Explain) => stored::explain(options),
        Some(Task::CheckFilter) => stored::check_filter(options),
    }
}
