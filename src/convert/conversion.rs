//! The conversion of one capture, from the first look at it to the final account.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::convert::capture::CaptureError;
use crate::convert::error::ConvertError;
use crate::convert::messages::{self, Message};
use crate::convert::prepare::{CaptureSource, HEAD, Prepared};
use crate::convert::program::Nfpcapd;
use crate::convert::run::{Event, Job, Outcome, Run};
use crate::convert::workdir::WorkDir;
use crate::error::Error;
use crate::file::handle::File;

/// Bytes of files that are held back at most until a capture is known to be good. nfpcapd waits then.
const HELD_MAX: u64 = 256 << 20;
/// How long to wait for an inspection before the progress callback is called again.
const POLL: Duration = Duration::from_millis(1);
/// The step that a conversion is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The beginning of the capture is inspected.
    Inspecting,
    /// The capture is rewritten for nfpcapd.
    Rewriting,
    /// nfpcapd converts it.
    Converting,
}

/// Progress of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The current step; rewriting may follow converting, which is then repeated.
    pub stage: Stage,
    /// Bytes of the capture that this step has read, approximately.
    pub done: u64,
    /// Size of the capture in bytes; 0 if it is not known.
    pub total: u64,
}

pub(crate) type Callback<'a> = Box<dyn FnMut(Progress) -> ControlFlow<()> + 'a>;

/// All that a conversion needs.
pub(crate) struct Plan<'a> {
    pub(crate) source: CaptureSource<'a>,
    pub(crate) name: String,
    pub(crate) program: Nfpcapd,
    pub(crate) work: WorkDir,
    pub(crate) callback: Option<Callback<'a>>,
    pub(crate) job: Job,
    /// Path and size, if the capture is a file.
    pub(crate) capture_file: Option<(PathBuf, u64)>,
}

/// An nfcapd file made of a capture. It is removed when this is dropped.
#[derive(Debug)]
pub struct ConvertedFile {
    path: PathBuf,
    is_kept: bool,
}

impl ConvertedFile {
    /// The name, `nfcapd.` and the start of the time slot in UTC.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The path in the temporary directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file. An open file stays readable when its name is removed.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn open(&self) -> Result<File, Error> {
        File::open(&self.path)
    }

    /// Leaves the file in the temporary directory, which is removed with the [`Conversion`].
    #[must_use]
    pub fn into_path(mut self) -> PathBuf {
        self.is_kept = true;
        std::mem::take(&mut self.path)
    }
}

impl Drop for ConvertedFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // The directory is removed in the end anyway; this keeps it small.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Counters of a finished conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConvertSummary {
    /// Files written.
    pub files: u64,
    /// Flows in them.
    pub flows: u64,
    /// Packets in these flows.
    pub packets: u64,
    /// Bytes in these flows.
    pub bytes: u64,
    /// Packets that nfpcapd read.
    pub processed: u64,
    /// Packets of the capture that were given to nfpcapd.
    pub capture_packets: u64,
}

/// A running conversion: an iterator over its files in time order.
///
/// Files are returned while nfpcapd is still running, once the capture is known to be good. Dropping this
/// ends nfpcapd and removes the temporary directory.
pub struct Conversion<'a> {
    /// Dropped first: it writes to the directory.
    run: Option<Run>,
    source: CaptureSource<'a>,
    name: String,
    program: Nfpcapd,
    work: WorkDir,
    callback: Option<Callback<'a>>,
    /// When everything must be done; set when nfpcapd is started for the first time.
    deadline: Option<Instant>,
    size: u64,
    prepared: Prepared,
    job: Job,
    /// Files of a capture that may not be good.
    held: Vec<PathBuf>,
    held_bytes: u64,
    ready: VecDeque<PathBuf>,
    messages: Vec<Message>,
    summary: Option<ConvertSummary>,
    has_failed: bool,
}

impl fmt::Debug for Conversion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversion")
            .field("name", &self.name)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

impl Iterator for Conversion<'_> {
    type Item = Result<ConvertedFile, ConvertError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(path) = self.ready.pop_front() {
                let is_kept = false;
                return Some(Ok(ConvertedFile { path, is_kept }));
            }
            if self.summary.is_some() || self.has_failed {
                return None;
            }
            if let Err(error) = self.advance() {
                self.has_failed = true;
                self.run = None;
                return Some(Err(error));
            }
        }
    }
}

impl<'a> Conversion<'a> {
    /// Inspects the beginning of the capture, or rewrites all of it.
    pub(crate) fn begin(plan: Plan<'a>) -> Result<Self, ConvertError> {
        let mut conversion = Self {
            run: None,
            source: plan.source,
            name: plan.name,
            program: plan.program,
            work: plan.work,
            callback: plan.callback,
            deadline: None,
            size: plan.capture_file.as_ref().map_or(0, |&(_, size)| size),
            // Replaced below.
            prepared: Prepared::rewritten(PathBuf::new(), 0),
            job: plan.job,
            held: Vec::new(),
            held_bytes: 0,
            ready: VecDeque::new(),
            messages: Vec::new(),
            summary: None,
            has_failed: false,
        };
        match plan.capture_file {
            Some((path, size)) => {
                conversion.prepared = Prepared::unknown(path, size);
                conversion.inspect_head()?;
            }
            None => conversion.rewrite()?,
        }
        Ok(conversion)
    }

    /// Losses and notes so far; complete once the iterator has ended.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Counters, once the iterator has ended without an error.
    #[must_use]
    pub fn summary(&self) -> Option<&ConvertSummary> {
        self.summary.as_ref()
    }

    /// Calls the callback.
    fn observe(&mut self, stage: Stage, done: u64, total: u64) -> Result<(), ConvertError> {
        let progress = Progress { stage, done, total };
        match self.callback.as_mut().map(|callback| callback(progress)) {
            Some(ControlFlow::Break(())) => Err(ConvertError::Cancelled),
            _ => Ok(()),
        }
    }

    fn bad_capture(&self, source: CaptureError) -> ConvertError {
        match source {
            CaptureError::Cancelled => ConvertError::Cancelled,
            source => ConvertError::Capture {
                name: self.name.clone(),
                source,
            },
        }
    }

    /// Inspects enough for nfpcapd to be started.
    fn inspect_head(&mut self) -> Result<(), ConvertError> {
        loop {
            match self.verdict(POLL)? {
                Some(true) => return Ok(()),
                Some(false) => return self.rewrite(),
                None => {}
            }
            let done = self.prepared.inspected();
            if done > HEAD {
                return Ok(());
            }
            self.observe(Stage::Inspecting, done, self.size)?;
        }
    }

    fn verdict(&mut self, wait: Duration) -> Result<Option<bool>, ConvertError> {
        let verdict = self.prepared.verdict(wait);
        verdict.map_err(|error| self.bad_capture(error))
    }

    /// Waits until it is certain whether nfpcapd can read the capture.
    fn is_good_for_certain(&mut self) -> Result<bool, ConvertError> {
        loop {
            if let Some(is_good) = self.verdict(POLL)? {
                return Ok(is_good);
            }
            let done = self.prepared.inspected();
            self.observe(Stage::Inspecting, done, self.size)?;
        }
    }

    /// Makes a capture that nfpcapd can read.
    fn rewrite(&mut self) -> Result<(), ConvertError> {
        let (size, callback) = (self.size, &mut self.callback);
        let mut observer = |done| match callback {
            Some(callback) => callback(Progress {
                stage: Stage::Rewriting,
                done,
                total: size,
            }),
            None => ControlFlow::Continue(()),
        };
        let out = self.work.capture();
        let normalized = self.source.rewrite(&out, &mut observer);
        let normalized = normalized.map_err(|error| self.bad_capture(error))?;
        let found = messages::of_rewriting(&self.name, &normalized);
        self.messages.extend(found);
        self.prepared = Prepared::rewritten(out, normalized.packets_written);
        Ok(())
    }

    /// Starts again with a rewritten capture.
    fn start_again(&mut self) -> Result<(), ConvertError> {
        self.run = None;
        self.held.clear();
        self.held_bytes = 0;
        self.work
            .clear()
            .map_err(|source| ConvertError::Temporary {
                directory: self.work.path().to_owned(),
                source,
            })?;
        self.rewrite()
    }

    /// Proceeds to the next event.
    fn advance(&mut self) -> Result<(), ConvertError> {
        if self.prepared.packets() == Some(0) {
            if self.messages.is_empty() {
                let text = format!("{}: the capture holds no packets", self.name);
                self.messages.push(Message::Note(text));
            }
            self.summary = Some(ConvertSummary::default());
            return Ok(());
        }
        let mut run = match self.run.take() {
            Some(run) => run,
            None => self.run_nfpcapd()?,
        };
        let event = run.next_event();
        // What nfpcapd says about a capture that it cannot read does not count, except that there is no
        // room or time.
        let is_final = !matches!(
            event,
            Ok(Event::File(_) | Event::Progress(_))
                | Err(ConvertError::WriteFailed { .. } | ConvertError::TimedOut { .. })
        );
        let is_good = match is_final {
            true => self.is_good_for_certain()?,
            false => self.verdict(Duration::ZERO)? != Some(false),
        };
        if !is_good {
            drop(run);
            return self.start_again();
        }
        let mut finished = None;
        match event.map_err(|error| self.with_whole_timeout(error))? {
            Event::File(path) => {
                self.held_bytes += fs::metadata(&path).map_or(0, |found| found.len());
                self.held.push(path);
            }
            Event::Progress(done) => self.observe(Stage::Converting, done, self.prepared.size)?,
            Event::Finished(outcome) => finished = Some(outcome),
        }
        if self.held_bytes > HELD_MAX && !run.suspended(|| self.is_good_for_certain())? {
            drop(run);
            return self.start_again();
        }
        self.run = Some(run);
        if let Some(packets) = self.prepared.packets() {
            self.held_bytes = 0;
            self.ready.extend(self.held.drain(..));
            if let Some(outcome) = finished {
                self.finish(outcome, packets);
            }
        }
        Ok(())
    }

    /// Starts nfpcapd. Even with a second start, everything must be done in time.
    fn run_nfpcapd(&mut self) -> Result<Run, ConvertError> {
        if let (None, Some(timeout)) = (self.deadline, self.job.timeout) {
            self.deadline = Instant::now().checked_add(timeout);
        }
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        let job = Job {
            capture: self.prepared.path.clone(),
            timeout: left,
            ..self.job.clone()
        };
        self.observe(Stage::Converting, 0, self.prepared.size)?;
        Run::start(&self.program, job, &self.work)
    }

    /// The limit of a second start is what the first has left of it.
    fn with_whole_timeout(&self, error: ConvertError) -> ConvertError {
        match error {
            ConvertError::TimedOut { limit } => ConvertError::TimedOut {
                limit: self.job.timeout.unwrap_or(limit),
            },
            error => error,
        }
    }

    /// Notes the account of nfpcapd.
    fn finish(&mut self, outcome: Outcome, packets: u64) {
        let has_changed = self.prepared.has_changed();
        self.run = None;
        // A rewritten capture that is no longer needed occupies disk space.
        let _ = fs::remove_file(self.work.capture());
        let processed = outcome.processed;
        if has_changed {
            let text = format!("{}: the capture has changed while it was read", self.name);
            self.messages.push(Message::Note(text));
        } else if processed != packets && self.job.packet_filter.is_none() {
            let text = format!("nfpcapd processed {processed} of {packets} packets");
            self.messages.push(Message::Loss(text));
        }
        let notes = outcome.notes.into_iter().map(Message::Note);
        self.messages.extend(notes);
        self.summary = Some(ConvertSummary {
            files: outcome.files,
            flows: outcome.flows,
            packets: outcome.packets,
            bytes: outcome.bytes,
            processed,
            capture_packets: packets,
        });
    }
}
