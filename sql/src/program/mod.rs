//! The program: from its arguments to its exit status.

mod answer;
mod args;
mod cancel;
mod mistake;
mod output_file;
mod query;
mod report;
mod runner;
mod shell;
mod table_text;
#[cfg(feature = "cluster")]
mod worker;

use std::io::{self, IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionContext;
use nfdecode::{OpenOptions, Passphrase};
use nfdecode_sql::{DamageLog, OnDamage, TableOptions, config, extend, register};
#[cfg(feature = "cluster")]
use nfdecode_sql::{Workers, distribute};

use crate::program::args::Args;
use crate::program::cancel::INTERRUPTED;
use crate::program::mistake::Mistake;
use crate::program::report::report;
use crate::program::runner::{Program, Stop};

/// Success, although files are damaged.
const DAMAGED: u8 = 3;
/// A mistake in arguments or in the query.
const MISTAKE: u8 = 2;
/// The query failed, or nothing could be read.
const FAILED: u8 = 1;

/// Runs the program with the arguments of the process.
pub(crate) fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed pipe while printing help is not an error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { MISTAKE } else { 0 });
        }
    };
    let log = DamageLog::new();
    let result = run_with(&args, &log);
    if !args.quiet {
        log.take().iter().for_each(|line| report(line));
    }
    match result {
        Err(Stop::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(Stop::Mistake(message)) => {
            report(&message);
            ExitCode::from(MISTAKE)
        }
        Err(Stop::Failed(message)) => {
            report(&message);
            ExitCode::from(FAILED)
        }
        Ok(()) | Err(Stop::OutputClosed) if log.is_nothing_read() => ExitCode::from(FAILED),
        Ok(()) | Err(Stop::OutputClosed) if log.is_damaged() => ExitCode::from(DAMAGED),
        Ok(()) | Err(Stop::OutputClosed) => ExitCode::SUCCESS,
    }
}

fn run_with(args: &Args, log: &DamageLog) -> std::result::Result<(), Stop> {
    let (paths, query) = args.split().map_err(Stop::Mistake)?;
    let output = args.output.as_deref();
    let form = answer::form_of(args.format, output).map_err(Stop::Mistake)?;
    let failed = |error: &dyn std::fmt::Display| Stop::Failed(error.to_string());
    let options = TableOptions::new()
        .on_damage(OnDamage::Log(log.clone()))
        .salvage(args.salvage)
        .trust_statistics(args.trust_statistics)
        .open_with(open_options(args).map_err(Stop::Mistake)?);
    let mut building = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        building.worker_threads(threads.get());
    }
    let runtime = building
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    #[cfg(feature = "cluster")]
    if let Some(address) = args.listen {
        let environment = environment(args).map_err(|error| failed(&error))?;
        worker::end_on_panics();
        let result = worker::run(address, &options, environment, &runtime);
        runtime.shutdown_background();
        return result;
    }
    let session = session(args, &options)?;
    let program = Program {
        session,
        log: log.clone(),
        quiet: args.quiet,
    };
    if !paths.is_empty() {
        register(&program.session, paths, &options)
            .map_err(|error| Stop::Failed(Mistake::of(&error, &program.session).message))?;
    }
    let result = match query {
        Some(text) => program.text(&runtime, &text, form, output),
        None if io::stdin().is_terminal() => {
            shell::run(&program, &runtime, form).map_err(|error| failed(&error))
        }
        None => {
            let mut text = String::new();
            let mut input = io::stdin().lock();
            input
                .read_to_string(&mut text)
                .map_err(|error| failed(&error))?;
            if text.trim().is_empty() {
                return Err(Stop::Mistake(
                    "no query: nfdecode-sql PATH… \"SELECT …\"".to_owned(),
                ));
            }
            program.text(&runtime, &text, form, output)
        }
    };
    // Threads that compute for a query that was cancelled are not waited for.
    runtime.shutdown_background();
    result
}

fn session(args: &Args, options: &TableOptions) -> std::result::Result<SessionContext, Stop> {
    let mut config = config();
    if let Some(threads) = args.threads {
        config = config.with_target_partitions(threads.get());
    }
    let environment = environment(args).map_err(|error| Stop::Failed(error.to_string()))?;
    let builder = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment)
        .with_default_features();
    let builder = extend(builder, options);
    #[cfg(feature = "cluster")]
    let builder = if args.workers.is_empty() {
        builder
    } else {
        let workers = Workers::parse(args.workers.iter().map(String::as_str))
            .map_err(|error| Stop::Mistake(format!("--workers: {}", error.message())))?;
        worker::end_on_panics();
        distribute(builder, &workers, options)
    };
    Ok(SessionContext::new_with_state(builder.build()).enable_url_table())
}

/// The memory that sorting and grouping may use.
fn environment(args: &Args) -> Result<Arc<RuntimeEnv>> {
    let mut environment = RuntimeEnvBuilder::new();
    if let Some(bytes) = args.memory {
        /// Consumers of memory that an error names.
        const NAMED: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;
        let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED);
        environment = environment.with_memory_pool(Arc::new(pool));
    }
    environment.build_arc()
}

/// How files are opened: with the passphrase, if there is one.
fn open_options(args: &Args) -> std::result::Result<OpenOptions, String> {
    let passphrase = match &args.key_file {
        Some(path) => {
            let bytes =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Err(format!("{}: the passphrase file is empty", path.display()));
            }
            Some(line.to_vec())
        }
        None => std::env::var_os("NFDECODE_KEY")
            .map(std::os::unix::ffi::OsStringExt::into_vec)
            .filter(|bytes| !bytes.is_empty()),
    };
    let options = OpenOptions::new();
    Ok(match passphrase {
        Some(passphrase) => options.passphrase(Passphrase::new(passphrase)),
        None => options,
    })
}
