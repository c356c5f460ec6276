//! What went wrong on the way: one line each on standard error, and the exit status.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;

use crate::run::interrupt;
use crate::run::stop::Stop;

/// Lines about damage per run; a file of garbage must not flood a log.
const LINES_MAX: usize = 100;

/// Collects what is worth a line on standard error and what decides the exit status.
#[derive(Default)]
pub(crate) struct Report {
    damaged: AtomicBool,
    nothing_read: AtomicBool,
    damage: Mutex<Told>,
    /// Lines must not be drawn through a progress bar.
    bar: Mutex<Option<ProgressBar>>,
}

/// What was told of damage.
#[derive(Default)]
struct Told {
    lines: HashSet<String>,
    /// Problems for which there was no line any more.
    beyond: u64,
}

impl Report {
    /// Lines go above this bar from now on.
    pub(crate) fn attach(&self, bar: ProgressBar) {
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }

    /// Some input is damaged: exit status 3, unless something worse happens.
    pub(crate) fn damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    /// Tells of damage: a line, and exit status 3. A line that was shown is not shown again.
    pub(crate) fn damage(&self, message: impl Display) {
        self.damaged();
        let Ok(mut told) = self.damage.lock() else {
            return;
        };
        let message = message.to_string();
        if told.lines.contains(&message) {
            return;
        }
        if told.lines.len() < LINES_MAX {
            self.line(&message);
            told.lines.insert(message);
        } else {
            told.beyond += 1;
        }
    }

    /// Worth knowing; does not change the exit status.
    pub(crate) fn note(&self, message: impl Display) {
        self.line(&message.to_string());
    }

    /// Not one input could be read: exit status 1 although output may have been written.
    pub(crate) fn nothing_read(&self) {
        self.nothing_read.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_nothing_read(&self) -> bool {
        self.nothing_read.load(Ordering::Relaxed)
    }

    fn line(&self, message: &str) {
        self.print(format!("nfdecode: {}", printable(message)));
    }

    /// As `line`, for a message whose newlines are ours.
    fn lines(&self, message: &str) {
        let lines: Vec<String> = message.lines().map(printable).collect();
        self.print(format!("nfdecode: {}", lines.join("\n")));
    }

    fn print(&self, text: String) {
        // Whoever closed standard error, or has no room for it, has the exit status.
        let show = || drop(writeln!(io::stderr(), "{text}"));
        match self.bar.lock() {
            Ok(bar) => match bar.as_ref() {
                Some(bar) if !bar.is_hidden() => bar.suspend(show),
                _ => show(),
            },
            Err(_) => show(),
        }
    }

    /// The exit status of a command that ended with `result`.
    pub(crate) fn finish(&self, result: Result<(), Stop>) -> ExitCode {
        let beyond = self.damage.lock().map_or(0, |told| told.beyond);
        if beyond != 0 {
            self.line(&format!("{beyond} more problems are not shown"));
        }
        match result {
            Ok(()) if self.is_nothing_read() => ExitCode::from(1),
            Ok(()) if self.damaged.load(Ordering::Relaxed) => ExitCode::from(3),
            Ok(()) | Err(Stop::OutputClosed) => ExitCode::SUCCESS,
            // After a signal, temporary files go while the work may still be using them: no failure to tell of.
            Err(Stop::Failed(_)) if interrupt::interrupted() => super::interrupt::end(),
            Err(Stop::Failed(message)) => {
                self.line(&message);
                ExitCode::from(1)
            }
            Err(Stop::Usage(message)) => {
                self.line(&message);
                ExitCode::from(2)
            }
            Err(Stop::Filter(message)) => {
                self.lines(&message);
                ExitCode::from(2)
            }
            Err(Stop::Interrupted) => interrupt::end(),
        }
    }
}

/// Control characters in file names or idents must not reach a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = text.chars();
    shown
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}
