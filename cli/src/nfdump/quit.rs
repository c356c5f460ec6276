//! Why the drop-in ends early: what it prints, and its exit status, which are nfdump's.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::run::env::print;
use crate::run::report::{Report, printable};
use crate::run::stop::Stop;

/// Exit status of nfdump for a filter that is refused.
const FILTER: u8 = 254;

/// An end before the work is done.
#[derive(Debug)]
pub(crate) enum Quit {
    /// Text on standard output, then a message, and an exit status.
    Told {
        stdout: String,
        message: Option<String>,
        status: u8,
    },
    /// A failure that all of our commands know.
    Stop(Stop),
}

impl Quit {
    /// A message, exit status 1.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::listing(String::new(), message)
    }

    /// A list on standard output and a message, exit status 1.
    pub(crate) fn listing(stdout: String, message: impl Into<String>) -> Self {
        Self::Told {
            stdout,
            message: Some(message.into()),
            status: 1,
        }
    }

    /// Text on standard output, exit status 0.
    pub(crate) fn done(stdout: impl Into<String>) -> Self {
        Self::Told {
            stdout: stdout.into(),
            message: None,
            status: 0,
        }
    }

    /// A filter that is refused. On standard output is what nfdump says of it, as near as can be: `text` is the
    /// filter, or the content of `file`.
    pub(crate) fn filter(
        error: &nfdecode::filter::FilterError,
        text: Option<&str>,
        file: Option<&std::path::Path>,
    ) -> Self {
        let included = error.file().filter(|_| file.is_none());
        let read = |name: &std::path::Path| std::fs::read_to_string(name).ok();
        let content = match (included, file) {
            (Some(name), _) => read(name.as_ref()),
            (None, Some(path)) => read(path),
            (None, None) => text.map(str::to_owned),
        };
        let span = error.span().unwrap_or(0..0);
        let content = content.unwrap_or_default();
        let mut word = content.get(span.clone()).unwrap_or_default();
        // Nfdump takes the word for text that something must follow, and stops at the next one.
        if error.message().starts_with("unknown filter term") {
            let rest = content.get(span.end..).unwrap_or_default();
            word = rest.split_whitespace().next().unwrap_or_default();
        } else if word == "(" {
            word = "";
        }
        let line = error.position().map_or(1, |(line, _)| line);
        let place = match (included, file) {
            (Some(name), _) => format!("File '{name}' line {line}"),
            (None, Some(path)) => format!("File '{}' line {line}", path.display()),
            (None, None) => format!("Line {line}"),
        };
        Self::Told {
            stdout: format!("{place}: syntax error at '{}'\n", printable(word)),
            message: Some(error.to_string()),
            status: FILTER,
        }
    }

    /// Prints what is to be printed; the exit status.
    pub(crate) fn finish(self, report: &Report) -> ExitCode {
        match self {
            Self::Told {
                stdout,
                message,
                status,
            } => {
                if let Err(stop) = print(stdout.as_bytes()) {
                    return report.finish(Err(stop));
                }
                if let Some(message) = message {
                    tell(&message);
                }
                ExitCode::from(status)
            }
            Self::Stop(stop) => match stop {
                Stop::OutputClosed | Stop::Interrupted => report.finish(Err(stop)),
                Stop::Failed(message) | Stop::Usage(message) | Stop::Filter(message) => {
                    report.finish(Err(Stop::Failed(message)))
                }
            },
        }
    }
}

impl From<Stop> for Quit {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// A message on standard error.
pub(crate) fn tell(message: &str) {
    let lines: Vec<String> = message.lines().map(printable).collect();
    // Without standard error the exit status has to do.
    let _ = writeln!(io::stderr(), "nfdecode: {}", lines.join("\n"));
}
