//! Messages on standard error, one line each, and the exit status.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{HumanBytes, ProgressBar};
use nfdecode::Error;
use serde_json::json;

use crate::run::interrupt;
use crate::run::stop::Stop;

/// Maximum lines about damage per run; a file of garbage must not flood a log.
const LINES_MAX: usize = 100;

/// Which messages are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wordiness {
    /// Only errors that end the run.
    Quiet,
    #[default]
    Usual,
    /// Also what is read, and how fast.
    Verbose,
}

impl Wordiness {
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (_, true) => Self::Verbose,
            _ => Self::Usual,
        }
    }
}

/// How much has been read so far.
#[derive(Default)]
struct Amount {
    files: AtomicU64,
    bytes: AtomicU64,
    flows: AtomicU64,
}

/// Collects messages for standard error and determines the exit status.
pub(crate) struct Report {
    damaged: AtomicBool,
    nothing_read: AtomicBool,
    salvaging: AtomicBool,
    wordiness: Wordiness,
    begun: Instant,
    read: Amount,
    /// Messages are JSON.
    json: bool,
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

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Detail,
    Note,
    Damage,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Detail => "detail",
            Self::Note => "note",
            Self::Damage => "damage",
            Self::Error => "error",
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new(Wordiness::Usual, false)
    }
}

impl Report {
    /// Messages for people, or for programs as `json`.
    pub(crate) fn new(wordiness: Wordiness, json: bool) -> Self {
        Self {
            damaged: AtomicBool::default(),
            nothing_read: AtomicBool::default(),
            salvaging: AtomicBool::default(),
            wordiness,
            begun: Instant::now(),
            read: Amount::default(),
            json,
            damage: Mutex::default(),
            bar: Mutex::default(),
        }
    }

    /// Prints a message only with `--verbose`.
    pub(crate) fn detail<T: Display>(&self, message: impl FnOnce() -> T) {
        if self.wordiness == Wordiness::Verbose {
            self.line(Level::Detail, None, &message().to_string());
        }
    }

    /// Counts what has been read.
    pub(crate) fn has_read(&self, files: u64, bytes: u64, flows: u64) {
        let read = &self.read;
        for (sum, more) in [
            (&read.files, files),
            (&read.bytes, bytes),
            (&read.flows, flows),
        ] {
            sum.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// How much was read, and how fast.
    fn conclude(&self) {
        let [files, bytes, flows] = [&self.read.files, &self.read.bytes, &self.read.flows]
            .map(|sum| sum.load(Ordering::Relaxed));
        if files == 0 {
            return;
        }
        self.detail(|| {
            let seconds = self.begun.elapsed().as_secs_f64();
            let rate = flows as f64 / seconds.max(0.001);
            format!(
                "read {} ({}) of {} in {seconds:.2} s: {rate:.0} flows a second",
                plural(flows, "flow"),
                HumanBytes(bytes),
                plural(files, "file"),
            )
        });
    }

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
        self.damage_at(None, message);
    }

    /// As [`damage`](Self::damage), of an error with its place.
    pub(crate) fn damage_of(&self, error: &Error) {
        self.damage_at(Some(error), error);
    }

    /// As [`damage_of`](Self::damage_of), in other words than the error's.
    pub(crate) fn damage_at(&self, error: Option<&Error>, message: impl Display) {
        self.damaged();
        let Ok(mut told) = self.damage.lock() else {
            return;
        };
        let message = message.to_string();
        if told.lines.contains(&message) {
            return;
        }
        if told.lines.len() < LINES_MAX {
            self.line(Level::Damage, error, &message);
            told.lines.insert(message);
        } else {
            told.beyond += 1;
        }
    }

    /// Prints a note; does not change the exit status.
    pub(crate) fn note(&self, message: impl Display) {
        self.line(Level::Note, None, &message.to_string());
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

    /// Prints a message as one line.
    fn line(&self, level: Level, error: Option<&Error>, message: &str) {
        self.show(level, error, message, &printable(message));
    }

    /// `shown` is what people see of the message.
    fn show(&self, level: Level, error: Option<&Error>, message: &str, shown: &str) {
        if self.wordiness == Wordiness::Quiet && level != Level::Error {
            return;
        }
        if self.json {
            let mut object = json!({ "level": level.name(), "message": message });
            if let (Some(error), Some(object)) = (error, object.as_object_mut()) {
                let file = error.file().map(|file| file.display().to_string());
                object.insert("kind".to_owned(), format!("{:?}", error.kind()).into());
                object.insert("file".to_owned(), file.into());
                object.insert("block".to_owned(), error.block().into());
                object.insert("record".to_owned(), error.record().into());
                object.insert("offset".to_owned(), error.offset().into());
            }
            return self.print(object.to_string());
        }
        self.print(format!("nfdecode: {shown}"));
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
            let message = format!("{beyond} more problems are not shown");
            self.line(Level::Damage, None, &message);
        }
        self.conclude();
        match result {
            Ok(()) if self.is_nothing_read() => ExitCode::from(1),
            Ok(()) if self.damaged.load(Ordering::Relaxed) => ExitCode::from(3),
            Ok(()) | Err(Stop::OutputClosed) => ExitCode::SUCCESS,
            // After a signal, temporary files are removed while threads may still use them: their errors are not reported.
            Err(Stop::Failed(_)) if interrupt::interrupted() => super::interrupt::end(),
            Err(Stop::Failed(message)) => {
                self.line(Level::Error, None, &message);
                ExitCode::from(1)
            }
            Err(Stop::Usage(message)) => {
                self.line(Level::Error, None, &message);
                ExitCode::from(2)
            }
            Err(Stop::Filter(message)) => {
                // It has lines of its own, which show the place.
                let lines: Vec<String> = message.lines().map(printable).collect();
                self.show(Level::Error, None, &message, &lines.join("\n"));
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
