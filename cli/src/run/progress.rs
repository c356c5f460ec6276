//! A progress bar on standard error for work that takes longer than a moment.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::ProgressMode;
use crate::run::report::Report;

/// Minimum duration: shorter work shows nothing.
const MOMENT: Duration = Duration::from_millis(700);

/// A bar counting bytes. Hidden until it is worth showing.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When to show it; `None` if it is shown, or never will be.
    show_at: Option<Instant>,
}

impl Progress {
    /// `total` bytes of work.
    pub(crate) fn new(mode: ProgressMode, total: u64, what: &'static str, report: &Report) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        report.attach(bar.clone());
        let show = match mode {
            ProgressMode::Always => true,
            ProgressMode::Auto => io::stderr().is_terminal(),
            ProgressMode::Never => false,
        };
        let delay = if mode == ProgressMode::Always {
            Duration::ZERO
        } else {
            MOMENT
        };
        Self {
            bar,
            show_at: show.then(|| Instant::now() + delay),
        }
    }

    /// A bar that is never shown.
    pub(crate) fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            show_at: None,
        }
    }

    /// `done` of the bytes are done.
    pub(crate) fn set(&mut self, done: u64) {
        if self.show_at.is_some_and(|at| Instant::now() >= at) {
            self.show_at = None;
            self.bar
                .set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        self.bar.set_position(done);
    }

    /// A new piece of work with its own total.
    pub(crate) fn restart(&mut self, total: u64, what: &'static str) {
        self.bar.set_length(total);
        self.bar.set_position(0);
        self.bar.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
