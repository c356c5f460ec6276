//! Runs the statements of a text, reports errors, and stops at ctrl-C.

use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use nfdecode_sql::DamageLog;
use tokio::runtime::Runtime;

use crate::program::answer;
use crate::program::args::Form;
use crate::program::cancel::Watch;
use crate::program::mistake::Mistake;
use crate::program::query;
use crate::program::report::report;

/// A session with its log of damage.
pub(crate) struct Program {
    pub(crate) session: SessionContext,
    pub(crate) log: DamageLog,
    pub(crate) quiet: bool,
}

/// Why a run ended early.
pub(crate) enum Stop {
    Mistake(String),
    Failed(String),
    Interrupted,
    OutputClosed,
}

impl Program {
    /// Runs all statements of a text.
    pub(crate) fn text(
        &self,
        runtime: &Runtime,
        text: &str,
        form: Form,
        output: Option<&Path>,
    ) -> std::result::Result<(), Stop> {
        let _watch = Watch::start(false, output.map(Path::to_owned));
        self.run(runtime, text, form, output)
            .map(drop)
            .map_err(|error| {
                if answer::is_closed_pipe(&error) {
                    return Stop::OutputClosed;
                }
                if matches!(&error, DataFusionError::Execution(text) if text == "interrupted") {
                    return Stop::Interrupted;
                }
                let mistake = Mistake::of(&error, &self.session);
                let message = mistake.show(text);
                match mistake.is_query {
                    true => Stop::Mistake(message),
                    false => Stop::Failed(message),
                }
            })
    }

    /// Runs statements from the shell and reports errors. Returns the number of rows.
    pub(crate) fn statement(&self, runtime: &Runtime, text: &str, form: Form) -> Option<usize> {
        let watch = Watch::start(true, None);
        let result = self.run(runtime, text, form, None);
        drop(watch);
        if !self.quiet {
            self.log.take().iter().for_each(|line| report(line));
        }
        match result {
            Ok(rows) => Some(rows),
            Err(error) => {
                report(&Mistake::of(&error, &self.session).show(text));
                None
            }
        }
    }

    fn run(
        &self,
        runtime: &Runtime,
        text: &str,
        form: Form,
        output: Option<&Path>,
    ) -> Result<usize> {
        let statements = query::statements(text)?;
        let work = async {
            let mut rows = 0;
            for statement in statements {
                rows += query::run(&self.session, statement, form, output).await?;
            }
            Ok(rows)
        };
        runtime.block_on(async {
            tokio::select! {
                done = work => done,
                _ = tokio::signal::ctrl_c() => Err(query::interrupted()),
            }
        })
    }
}
