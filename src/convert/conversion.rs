//! The conversion of one capture, from its settings to the files and the final account.

use std::collections::VecDeque;
use std::env;
use std::fmt;
use std::fs;
use std::io::{Cursor, Read};
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

/// nfpcapd moves all the time unless its disk is full.
const STALL: Duration = Duration::from_secs(60);
/// Bytes of files that are held back at most until a capture is known to be good. nfpcapd waits then.
const HELD_MAX: u64 = 256 << 20;
/// How long to wait for an inspection before the progress callback is called again.
const POLL: Duration = Duration::from_millis(1);
/// Flow timeouts of nfpcapd in seconds if none are given.
const DEFAULT_ACTIVE: u64 = 300;
const DEFAULT_INACTIVE: u64 = 60;

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

type Callback<'a> = Box<dyn FnMut(Progress) -> ControlFlow<()> + 'a>;

/// Settings for the conversion of one capture to nfcapd files.
///
/// The capture may be pcap or pcapng, plain or compressed with gzip or zstd. The program nfpcapd
/// (Debian package `nfdump`) does the work; what it would refuse or drop is rewritten first. All files
/// are in a private temporary directory, which is removed with the [`Conversion`].
///
/// ```
/// use nfdecode::convert::Convert;
///
/// # if nfdecode::convert::Nfpcapd::find(None).is_err() { return Ok(()) }
/// let mut conversion = Convert::file("tests/fixtures/captures/office.pcap").start()?;
/// for file in &mut conversion {
///     let file = file?;
///     for block in file.open()?.blocks() {
///         println!("{}: {} flows", file.name(), block?.len());
///     }
/// }
/// for message in conversion.messages() {
///     eprintln!("{message}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "start() begins the conversion"]
pub struct Convert<'a> {
    source: CaptureSource<'a>,
    name: String,
    program: Option<Nfpcapd>,
    nfpcapd: Option<PathBuf>,
    work: Option<WorkDir>,
    callback: Option<Callback<'a>>,
    slot: Duration,
    timeout: Option<Duration>,
    payload: bool,
    active: Option<Duration>,
    inactive: Option<Duration>,
    packet_filter: Option<String>,
}

impl fmt::Debug for Convert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Convert")
            .field("name", &self.name)
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

impl<'a> Convert<'a> {
    /// Converts the capture at `path`. Pipes and devices are read once.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self::new(CaptureSource::Path(path), name)
    }

    /// Converts the capture that `reader` returns.
    pub fn reader(reader: impl Read + Send + 'a) -> Self {
        Self::new(
            CaptureSource::Reader(Box::new(reader)),
            "the capture".to_owned(),
        )
    }

    /// Converts a capture in memory.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + 'a) -> Self {
        Self::reader(Cursor::new(bytes))
    }

    fn new(source: CaptureSource<'a>, name: String) -> Self {
        Self {
            source,
            name,
            program: None,
            nfpcapd: None,
            work: None,
            callback: None,
            slot: Duration::from_secs(300),
            timeout: None,
            payload: false,
            active: None,
            inactive: None,
            packet_filter: None,
        }
    }

    /// Sets the name of the capture in messages; default: its path.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the length of the time slot of one file: whole seconds, 2 s to 68 years; default 5 minutes.
    pub fn slot(mut self, slot: Duration) -> Self {
        self.slot = slot;
        self
    }

    /// Sets the time that nfpcapd may take; default: none. It is always stopped after 60 s without
    /// progress.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the path of nfpcapd; default: the environment variable `NFPCAPD`, then `PATH`.
    pub fn nfpcapd(mut self, path: impl Into<PathBuf>) -> Self {
        self.nfpcapd = Some(path.into());
        self
    }

    /// Sets an nfpcapd that has been found already, instead of [`nfpcapd`](Self::nfpcapd).
    pub fn program(mut self, program: Nfpcapd) -> Self {
        self.program = Some(program);
        self
    }

    /// Stores the first payload of each flow, for payload filters and TLS and DNS fields; default: no.
    ///
    /// nfpcapd up to 1.7.10 crashes on payloads of more than about 65,400 bytes, which is reported as
    /// [`ConvertError::Killed`]. Zero bytes that fill up a cut packet are part of its payload.
    pub fn payload(mut self, payload: bool) -> Self {
        self.payload = payload;
        self
    }

    /// Sets the time after which a flow under way is stored: 1 to 3600 s; default 300 s.
    /// nfpcapd 1.7.10 hardly applies flow timeouts to captures.
    pub fn active_timeout(mut self, timeout: Duration) -> Self {
        self.active = Some(timeout);
        self
    }

    /// Sets the time without packets after which a flow is stored: 1 to 3600 s; default 60 s.
    pub fn inactive_timeout(mut self, timeout: Duration) -> Self {
        self.inactive = Some(timeout);
        self
    }

    /// Converts only packets that a filter in libpcap's language selects, as `tcp port 443`.
    pub fn packet_filter(mut self, filter: impl Into<String>) -> Self {
        self.packet_filter = Some(filter.into());
        self
    }

    /// Sets a callback for progress, called about every tenth of a second. Returning `Break` ends the
    /// conversion with [`ConvertError::Cancelled`].
    pub fn on_progress(mut self, callback: impl FnMut(Progress) -> ControlFlow<()> + 'a) -> Self {
        self.callback = Some(Box::new(callback));
        self
    }

    /// Uses a directory that has been made already; default: a new one in `TMPDIR` or `/tmp`.
    pub fn work_dir(mut self, work: WorkDir) -> Self {
        self.work = Some(work);
        self
    }

    /// Checks the settings without starting anything.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn validate(&self) -> Result<(), ConvertError> {
        self.job().map(drop)
    }

    /// Finds nfpcapd, and inspects the beginning of the capture or rewrites all of it.
    ///
    /// # Errors
    /// A setting is out of range, nfpcapd is missing, or the capture cannot be used.
    pub fn start(self) -> Result<Conversion<'a>, ConvertError> {
        let job = self.job()?;
        let file = self
            .source
            .file()
            .map_err(|source| ConvertError::CannotOpen {
                name: self.name.clone(),
                source,
            })?;
        let program = match self.program {
            Some(program) => program,
            None => Nfpcapd::find(self.nfpcapd.as_deref())?,
        };
        let work = match self.work {
            Some(work) => work,
            None => WorkDir::new().map_err(|source| ConvertError::Temporary {
                directory: env::temp_dir(),
                source,
            })?,
        };
        let mut conversion = Conversion {
            run: None,
            source: self.source,
            name: self.name,
            program,
            work,
            callback: self.callback,
            deadline: None,
            size: file.as_ref().map_or(0, |&(_, size)| size),
            // Replaced below.
            prepared: Prepared::rewritten(PathBuf::new(), 0),
            job,
            held: Vec::new(),
            held_bytes: 0,
            ready: VecDeque::new(),
            messages: Vec::new(),
            summary: None,
            has_failed: false,
        };
        match file {
            Some((path, size)) => {
                conversion.prepared = Prepared::unknown(path, size);
                conversion.inspect_head()?;
            }
            None => conversion.rewrite()?,
        }
        Ok(conversion)
    }

    fn job(&self) -> Result<Job, ConvertError> {
        let check = |setting, time: Duration, range: std::ops::RangeInclusive<u64>, least, most| {
            match range.contains(&time.as_secs()) {
                true => Ok(time.as_secs()),
                false => Err(ConvertError::OutOfRange {
                    setting,
                    least,
                    most,
                }),
            }
        };
        check(
            "the slot",
            self.slot,
            2..=0x7FFF_FFFF,
            "2 seconds",
            "68 years",
        )?;
        let flow_timeout = |setting, time: Option<Duration>| {
            time.map(|time| check(setting, time, 1..=3600, "1 second", "1 hour"))
                .transpose()
        };
        let active = flow_timeout("the active timeout", self.active)?;
        let inactive = flow_timeout("the inactive timeout", self.inactive)?;
        let flow_timeouts = (active.is_some() || inactive.is_some()).then(|| {
            (
                active.unwrap_or(DEFAULT_ACTIVE),
                inactive.unwrap_or(DEFAULT_INACTIVE),
            )
        });
        Ok(Job {
            capture: PathBuf::new(),
            slot: self.slot,
            timeout: self.timeout,
            stall: STALL,
            payload: self.payload,
            flow_timeouts,
            packet_filter: self.packet_filter.clone(),
        })
    }
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

/// A conversion under way: an iterator over its files in time order.
///
/// Files come while nfpcapd is still at work, once the capture is known to be good. Dropping this
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

impl Conversion<'_> {
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

    /// Goes on to the next event.
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
        // A rewritten capture takes room that is needed no more.
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
