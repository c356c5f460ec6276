//! From the command line to the command.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::habits;
use crate::args::{Cli, Command, ConvertArgs, ManArgs, OutputArgs, ReadArgs, SelectArgs};
use crate::commands::{
    check, convert, fields, follow, info, read, report as report_page, rewrite, series, serve, sql,
    top,
};
use crate::run::env::print;
use crate::run::interrupt;
use crate::run::report::{Report, Wordiness};
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
            let _ = match habits::hint(&error, std::env::args_os().skip(1)) {
                Some(hint) => writeln!(std::io::stderr(), "nfdecode: {hint}"),
                None => error.print(),
            };
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    if let Command::Nfdump { words } = &cli.command {
        return crate::nfdump::run(words.clone());
    }
    let report = Report::new(Wordiness::new(cli.quiet, cli.verbose), cli.json_messages);
    if let Err(mistake) = settle_format(&mut cli.command) {
        return report.finish(Err(Stop::Usage(mistake)));
    }
    if let Err(stop) = interrupt::watch() {
        return report.finish(Err(stop));
    }
    let result = match &cli.command {
        Command::Convert(args) => convert::run(args, &report),
        Command::Read(args) => read::run(args, &report),
        Command::Report(args) => report_page::run(args, &report),
        Command::Serve(args) => serve::run(args, &report),
        Command::Series(args) => series::run(args, &report),
        Command::Top(args) => top::run(args, &report),
        Command::Follow(args) => follow::run(args, &report),
        Command::Info(args) => info::run(args, &report),
        Command::Check(args) => check::run(args, &report),
        Command::Rewrite(args) => rewrite::rewrite(args, &report),
        Command::Repair(args) => rewrite::repair(args, &report),
        // Done above.
        Command::Nfdump { .. } => Ok(()),
        Command::Sql { words } => sql::run(words),
        Command::Fields(args) => fields::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "nfdecode", &mut script);
            print(&script)
        }
        Command::Man(args) => manual(args),
    };
    report.finish(result)
}

/// Settles the form of the output, before anything is read.
fn settle_format(command: &mut Command) -> Result<(), String> {
    let output = match command {
        Command::Convert(args) => args.output.output.as_deref(),
        Command::Read(args) => args.output.output.as_deref(),
        Command::Top(args) => args.answer.output.as_deref(),
        Command::Series(args) => args.answer.output.as_deref(),
        _ => None,
    };
    habits::form_as_file(output).map_or(Ok(()), Err)?;
    if let Command::Convert(args) = command {
        args.output.settle_page();
    }
    match command {
        Command::Convert(args) => {
            let ConvertArgs { output, select, .. } = &mut **args;
            settle_flows(output, select)
        }
        Command::Read(args) => {
            let ReadArgs { output, select, .. } = &mut **args;
            settle_flows(output, select)
        }
        Command::Top(args) => args.answer.settle_format(),
        Command::Series(args) => args.answer.settle_format(),
        _ => Ok(()),
    }
}

/// Settles the form in which flows are written, unless they go to a directory.
fn settle_flows(output: &mut OutputArgs, select: &SelectArgs) -> Result<(), String> {
    if output.partition_by.is_some() {
        return Ok(());
    }
    let form = output.format.clone();
    output.settle_format()?;
    match output.file() {
        Some(file) if select.count && form.is_none() && output.format.is_some() => Err(format!(
            "{}: --count prints a number, which is no file of this kind: leave out -o",
            file.display()
        )),
        _ => Ok(()),
    }
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

/// Prints or writes pages of the manual: one for the program, then one for each command.
fn manual(args: &ManArgs) -> Result<(), Stop> {
    let mut command = Cli::command();
    command.build();
    let named = std::iter::once(command.clone()).chain(command.get_subcommands().cloned());
    let mut pages = Vec::new();
    for command in named.filter(|command| command.get_name() != "help") {
        let man = clap_mangen::Man::new(command);
        let mut page = Vec::new();
        man.render(&mut page).map_err(Stop::failed)?;
        pages.push((man.get_filename(), page));
    }
    if let Some(name) = &args.command {
        let file = format!("nfdecode-{name}.1");
        let found = pages.iter().find(|(known, _)| *known == file);
        let (_, page) = found.ok_or_else(|| {
            Stop::Usage(format!(
                "{name}: no such command: `nfdecode --help` lists all"
            ))
        })?;
        return print(page);
    }
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)
            .map_err(|error| Stop::failed(format!("{}: {error}", dir.display())))?;
        for (name, page) in pages {
            let path = dir.join(name);
            std::fs::write(&path, page)
                .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))?;
        }
        return Ok(());
    }
    let all: Vec<u8> = pages.into_iter().flat_map(|(_, page)| page).collect();
    print(&all)
}
