//! From the command line to the command.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::habits;
use crate::args::{Cli, Command, ConvertArgs, ReadArgs};
use crate::commands::{
    check, convert, fields, info, read, report as report_page, rewrite, series, top,
};
use crate::run::env::print;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;

/// Runs the program with the arguments of the process.
pub(crate) fn run() -> ExitCode {
    if let Some(words) = nfdump_words(std::env::args_os()) {
        return crate::nfdump::run(words);
    }
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe while printing help is not an error.
            let _ = error.print();
            if let Some(hint) = habits::hint(&error, std::env::args_os().skip(1)) {
                let _ = writeln!(std::io::stderr(), "\n{hint}");
            }
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    if let Command::Nfdump { words } = &cli.command {
        return crate::nfdump::run(words.clone());
    }
    match &mut cli.command {
        Command::Convert(ConvertArgs { output, .. }) | Command::Read(ReadArgs { output, .. }) => {
            if let Some(mistake) = habits::form_as_file(output.output.as_deref()) {
                return Report::default().finish(Err(Stop::Usage(mistake)));
            }
            output.settle_format();
        }
        _ => {}
    }
    let report = Report::default();
    if let Err(stop) = interrupt::watch() {
        return report.finish(Err(stop));
    }
    let result = match &cli.command {
        Command::Convert(args) => convert::run(args, &report),
        Command::Read(args) => read::run(args, &report),
        Command::Report(args) => report_page::run(args, &report),
        Command::Series(args) => series::run(args, &report),
        Command::Top(args) => top::run(args, &report),
        Command::Info(args) => info::run(args, &report),
        Command::Check(args) => check::run(args, &report),
        Command::Rewrite(args) => rewrite::rewrite(args, &report),
        Command::Repair(args) => rewrite::repair(args, &report),
        // Done above.
        Command::Nfdump { .. } => Ok(()),
        Command::Fields => print(&fields::list()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "nfdecode", &mut script);
            print(&script)
        }
        Command::Man => manual().and_then(|pages| print(&pages)),
    };
    report.finish(result)
}

/// The words of a command line of nfdump: after `nfdecode nfdump`, or all if the program is called
/// `nfdump`.
fn nfdump_words(mut words: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let program = words.next().unwrap_or_default();
    if Path::new(&program).file_name() == Some(OsStr::new("nfdump")) {
        return Some(words.collect());
    }
    (words.next()? == "nfdump").then(|| words.collect())
}

/// The manual: one page, then one for each command.
fn manual() -> Result<Vec<u8>, Stop> {
    let mut pages = Vec::new();
    let mut command = Cli::command();
    command.build();
    let named = std::iter::once(command.clone()).chain(command.get_subcommands().cloned());
    for command in named.filter(|command| command.get_name() != "help") {
        clap_mangen::Man::new(command)
            .render(&mut pages)
            .map_err(Stop::failed)?;
    }
    Ok(pages)
}
