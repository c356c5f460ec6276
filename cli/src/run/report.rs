//! Messages on standard error, one line each, and the exit status.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;

use crate::run::interrupt;
use crate::run::stop::Stop;

/// Maximum lines about damage per run; a file of garbage must not flood a log.
const LINES_MAX: usize = 100;

/// Collects messages for standard error and determines the exit status.
#[derive(Default)]
pub(crate) struct Report {
    damaged: AtomicBool,
    nothing_read: AtomicBool,
    salvaging: AtomicBool,
    damage: Mutex<Told>,
    /// Lines must not be drawn through a progress bar.
    bar: Mutex<Option<ProgressBar>>,
}

/// The messages about damage.
#[derive(Default)]
struct Told {
    lines: HashSet<String>,
    /// Number of problems beyond the maximum of lines.
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

    /// Reports damage: a line, and exit status 3. The same line is shown only once.
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

    /// Prints a note; does not change the exit status.
    pub(crate) fn note(&self, message: impl Display) {
        self.line(&message.to_string());
    }

    /// No input could be read: exit status 1 although output may have been written.
    pub(crate) fn nothing_read(&self) {
        self.nothing_read.store(true, Ordering::Relaxed);
    }

    /// Whatever is readable is read already: messages need not propose it.
    pub(crate) fn salvaging(&self, salvages: bool) {
        self.salvaging.store(salvages, Ordering::Relaxed);
    }

    pub(crate) fn is_salvaging(&self) -> bool {
        self.salvaging.load(Ordering::Relaxed)
    }

    pub(crate) fn is_nothing_read(&self) -> bool {
        self.nothing_read.load(Ordering::Relaxed)
    }

    fn line(&self, message: &str) {
        self.print(format!("nfdecode: {}", printable(message)));
    }

    /// As `line`, for a message that contains newlines of its own.
    fn lines(&self, message: &str) {
        let lines: Vec<String> = message.lines().map(printable).collect();
        self.print(format!("nfdecode: {}", lines.join("\n")));
    }

    fn print(&self, text: String) {
        // If standard error is closed or full, the exit status still reports the problem.
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
            // After a signal, temporary files are removed while threads may still use them: their errors are not reported.
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

/// A number and a noun: `1 flow`, `2 flows`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Control characters in file names or idents must not reach a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = text.chars();
    shown
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}
