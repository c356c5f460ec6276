//! The program `nfdecode`: command line, messages, exit status. Decoding is done elsewhere.

mod account;
mod args;
mod capture;
mod check;
mod columns;
mod convert;
mod fields;
mod flows;
mod formats;
mod info;
mod inputs;
mod interrupt;
mod key;
mod progress;
mod read;
mod report;
mod rewrite;
mod select;
mod target;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use clap::{CommandFactory as _, Parser as _};

use crate::time::Zone;
use args::{Cli, Command, ConvertArgs, OutputArgs, ReadArgs};
use report::{Report, Stop};

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe while printing help is nobody's problem.
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

fn print(bytes: &[u8]) -> Result<(), Stop> {
    io::stdout()
        .write_all(bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::OutputClosed,
            _ => Stop::failed(format!("standard output: {error}")),
        })
}

/// Threads at most, whatever is asked for: each has buffers of its own.
const THREADS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// How many threads to use.
fn threads(wanted: Option<NonZeroUsize>) -> NonZeroUsize {
    wanted
        .or_else(|| thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
        .min(THREADS_MAX)
}

/// The zone that the user wants times in.
fn zone(args: &OutputArgs) -> Result<Zone, Stop> {
    match &args.tz {
        _ if args.utc => Ok(Zone::utc()),
        Some(name) => Zone::named(name).map_err(|error| Stop::Usage(error.to_string())),
        None => Ok(Zone::from_env()),
    }
}
