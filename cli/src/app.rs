//! From the command line to the command.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command, ConvertArgs, ReadArgs};
use crate::commands::{check, convert, fields, info, read, rewrite};
use crate::run::env::print;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;

/// Runs the program with the arguments of the process.
pub(crate) fn run() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe while printing help is not an error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match &mut cli.command {
        Command::Convert(ConvertArgs { output, .. }) | Command::Read(ReadArgs { output, .. }) => {
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
        Command::Info(args) => info::run(args, &report),
        Command::Check(args) => check::run(args, &report),
        Command::Rewrite(args) => rewrite::rewrite(args, &report),
        Command::Repair(args) => rewrite::repair(args, &report),
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
