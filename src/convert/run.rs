//! One run of nfpcapd: started without a shell, watched, and judged.
//!
//! nfpcapd ends with status 0 in most cases of failure, and hangs for ever on a full disk. Success is
//! therefore never concluded from the status alone, and a run without progress is killed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::convert::error::ConvertError;
use crate::convert::isolation;
use crate::convert::log::Log;
use crate::convert::process;
use crate::convert::program::{Nfpcapd, Version};
use crate::convert::progress;
use crate::convert::workdir::WorkDir;

/// How often the output directory is looked at.
const POLL: Duration = Duration::from_millis(2);
/// How often progress is looked at, which costs more.
const PROGRESS_POLL: Duration = Duration::from_millis(100);
/// Flow nodes allocated at the start; more are made when needed.
const FLOW_NODES: &str = "4096";

/// What nfpcapd is to do.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// A capture that nfpcapd can read as it is.
    pub(crate) capture: PathBuf,
    /// Length of a time slot: whole seconds, 2 to 2^31-1.
    pub(crate) slot: Duration,
    /// Kill the run after this time.
    pub(crate) timeout: Option<Duration>,
    /// Kill the run when nothing has moved for this time.
    pub(crate) stall: Duration,
    /// Store payloads.
    pub(crate) payload: bool,
    /// Active and inactive timeout of flows in seconds.
    pub(crate) flow_timeouts: Option<(u64, u64)>,
    /// A filter in the language of libpcap.
    pub(crate) packet_filter: Option<String>,
}

impl Job {
    fn arguments(&self, work: &WorkDir) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "-r".into(),
            self.capture.clone().into(),
            "-w".into(),
            work.out().into(),
            "-C".into(),
            work.configuration().into(),
            "-t".into(),
            self.slot.as_secs().to_string().into(),
            "-B".into(),
            FLOW_NODES.into(),
            "-o".into(),
            if self.payload { "fat,payload" } else { "fat" }.into(),
        ];
        if let Some((active, inactive)) = self.flow_timeouts {
            arguments.extend(["-e".into(), format!("{active},{inactive}").into()]);
        }
        if let Some(filter) = &self.packet_filter {
            arguments.extend(["--".into(), filter.into()]);
        }
        arguments
    }
}

/// What happened next.
#[derive(Debug)]
pub(crate) enum Event {
    /// nfpcapd has closed this file. Reported once, in name order.
    File(PathBuf),
    /// Bytes of the capture that nfpcapd has read.
    Progress(u64),
    /// It has ended, and its output is complete.
    Finished(Outcome),
}

/// Counters of a finished run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) files: u64,
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Packets that nfpcapd read.
    pub(crate) processed: u64,
    /// Packets left out and unusual messages.
    pub(crate) notes: Vec<String>,
}

/// A run in progress. Killed, with all its traces removed, when dropped.
pub(crate) struct Run {
    child: Child,
    job: Job,
    out: PathBuf,
    version: Version,
    log: Arc<Mutex<Log>>,
    reader: Option<JoinHandle<()>>,
    reported: BTreeSet<PathBuf>,
    waiting: Vec<PathBuf>,
    status: Option<ExitStatus>,
    started: Instant,
    moved: Instant,
    looked: Instant,
    state: (u64, u64),
}

impl Run {
    /// Starts the program.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(program: &Nfpcapd, job: Job, work: &WorkDir) -> Result<Self, ConvertError> {
        let mut command = Command::new(&program.path);
        command
            .args(job.arguments(work))
            .env_clear()
            // Names of files follow the zone; in UTC no slot has the name of another.
            .env("TZ", "UTC0")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        isolation::isolate(&mut command);
        let mut child = command.spawn().map_err(|source| ConvertError::CannotRun {
            program: program.path.clone(),
            source,
        })?;
        let stderr = child.stderr.take();
        let now = Instant::now();
        // This cleanup runs from here on, whatever fails.
        let mut this = Self {
            child,
            job,
            out: work.out(),
            version: program.version,
            log: Arc::default(),
            reader: None,
            reported: BTreeSet::new(),
            waiting: Vec::new(),
            status: None,
            started: now,
            moved: now,
            looked: now,
            state: (0, 0),
        };
        if let Some(stderr) = stderr {
            this.reader = Some(this.follow(stderr).map_err(watch)?);
        }
        Ok(this)
    }

    /// Reads its messages on a thread of its own.
    fn follow(&self, stderr: ChildStderr) -> io::Result<JoinHandle<()>> {
        let log = Arc::clone(&self.log);
        thread::Builder::new().spawn(move || {
            Log::follow(stderr, |line| {
                if let Ok(mut log) = log.lock() {
                    log.line(line);
                }
            });
        })
    }

    /// Waits for the next event, at most about a tenth of a second: progress comes at least so often.
    ///
    /// # Errors
    /// The run failed, made no progress, or left something broken. It has ended then.
    pub(crate) fn next_event(&mut self) -> Result<Event, ConvertError> {
        loop {
            if let Some(file) = self.waiting.pop() {
                return Ok(Event::File(file));
            }
            if self.status.is_some() {
                return self.judge().map(Event::Finished);
            }
            // In this order: files closed before the end are there when we look after it. What it has
            // started ends with it, while its number cannot be anybody else's yet.
            if process::has_ended(&self.child) {
                process::kill_group(&self.child);
                self.status = self.child.wait().map(Some).map_err(watch)?;
            }
            self.find_files()?;
            if self.status.is_some() {
                continue;
            }
            self.check_health()?;
            if self.looked.elapsed() >= PROGRESS_POLL {
                return Ok(Event::Progress(self.look_at_progress()));
            }
            if self.waiting.is_empty() {
                thread::sleep(POLL);
            }
        }
    }

    /// Pauses nfpcapd while `wait` waits for something else. That time does not count for the
    /// limits of the job.
    pub(crate) fn suspended<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        if self.status.is_none() {
            process::suspend_group(&self.child);
        }
        let result = wait();
        if self.status.is_none() {
            process::resume_group(&self.child);
        }
        let pause = begun.elapsed();
        self.started += pause;
        self.moved += pause;
        result
    }

    /// Puts new files into `waiting`, last name first.
    fn find_files(&mut self) -> Result<(), ConvertError> {
        let entries = fs::read_dir(&self.out).map_err(watch)?;
        for entry in entries.flatten() {
            let path = entry.path();
            if is_final(&entry.file_name().to_string_lossy()) && !self.reported.contains(&path) {
                // A file that has vanished is noticed when files are counted.
                if entry.file_type().is_ok_and(|kind| !kind.is_file()) {
                    self.kill();
                    let name = entry.file_name();
                    let reason = format!("{} is not a file", name.to_string_lossy());
                    return Err(ConvertError::Incomplete { reason });
                }
                self.reported.insert(path.clone());
                self.waiting.push(path);
            }
        }
        self.waiting.sort_unstable_by(|a, b| b.cmp(a));
        Ok(())
    }

    fn check_health(&mut self) -> Result<(), ConvertError> {
        let write_error = self.log.lock().ok().and_then(|log| log.write_error.clone());
        if let Some(line) = write_error {
            self.kill();
            return Err(ConvertError::WriteFailed { line });
        }
        if let Some(limit) = self
            .job
            .timeout
            .filter(|limit| self.started.elapsed() > *limit)
        {
            self.kill();
            return Err(ConvertError::TimedOut { limit });
        }
        if self.moved.elapsed() > self.job.stall {
            self.kill();
            return Err(ConvertError::Stalled {
                limit: self.job.stall,
            });
        }
        Ok(())
    }

    fn look_at_progress(&mut self) -> u64 {
        self.looked = Instant::now();
        let consumed = progress::consumed(self.child.id(), &self.job.capture, self.version);
        let written = fs::read_dir(&self.out)
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|entry| entry.metadata().ok())
                    .map(|found| found.len())
                    .sum()
            })
            .unwrap_or(0);
        let state = (consumed, written);
        if state != self.state {
            self.state = state;
            self.moved = self.looked;
        }
        consumed
    }

    /// Kills the process group, reaps the child and removes what it left in the system.
    fn kill(&mut self) {
        if self.status.is_none() {
            process::kill_group(&self.child);
            self.status = self.child.wait().ok();
        }
        isolation::remove_leftovers(&self.out);
    }

    /// After the end: was it a success?
    fn judge(&mut self) -> Result<Outcome, ConvertError> {
        self.drain();
        let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
        let first_line = log
            .others
            .first()
            .map_or_else(String::new, |(line, _)| line.clone());
        let status = self.status.unwrap_or_default();
        if let Some(signal) = status.signal() {
            isolation::remove_leftovers(&self.out);
            return Err(ConvertError::Killed { signal });
        }
        if let Some(line) = log.write_error {
            return Err(ConvertError::WriteFailed { line });
        }
        if !status.success() {
            isolation::remove_leftovers(&self.out);
            return Err(ConvertError::Failed {
                status: status.code().unwrap_or(-1),
                line: first_line,
            });
        }
        let incomplete = |reason: String| Err(ConvertError::Incomplete { reason });
        let Some(total) = log.total.as_ref().filter(|_| log.terminated) else {
            return incomplete(match first_line.as_str() {
                "" => "it ended without a message".to_owned(),
                line => format!("it ended early: {line}"),
            });
        };
        if self.left_behind() {
            return incomplete("it left a file unfinished".to_owned());
        }
        if self.reported.is_empty() || self.reported.len() as u64 != log.files {
            return incomplete(format!(
                "it reported {} files, but wrote {}",
                log.files,
                self.reported.len()
            ));
        }

        let of = |name: &str| total.get(name).copied().unwrap_or(0);
        let processed = of("processed") + of("processed packets");
        let mut notes = Vec::new();
        for (name, meaning) in [
            ("short caplen", "packets cut too short for nfpcapd"),
            ("decode errors", "packets that nfpcapd could not decode"),
            ("unknown", "packets of kinds unknown to nfpcapd"),
            ("skipped", "packets without IP skipped by nfpcapd"),
        ] {
            match of(name) {
                0 => {}
                count => notes.push(format!("{count} {meaning}")),
            }
        }
        notes.extend(log.others.iter().map(|(line, count)| match count {
            1 => format!("nfpcapd: {line}"),
            _ => format!("nfpcapd: {line} ({count} lines like this)"),
        }));
        Ok(Outcome {
            files: log.files,
            flows: log.flows,
            packets: log.packets,
            bytes: log.bytes,
            processed,
            notes,
        })
    }

    /// Waits for the last lines. A grandchild may hold the pipe open for ever; then they are lost.
    fn drain(&mut self) {
        if let Some(reader) = &self.reader {
            process::drain(reader);
        }
        if let Some(reader) = self.reader.take_if(|reader| reader.is_finished()) {
            // It does not panic, and if it did, the log would be incomplete.
            let _ = reader.join();
        }
    }

    fn left_behind(&self) -> bool {
        fs::read_dir(&self.out).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().contains(".current."))
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
        }
    }
}

fn watch(source: io::Error) -> ConvertError {
    ConvertError::Watch { source }
}

/// `nfcapd.` and the start of a slot: 12 digits, or 14 for slots below a minute.
fn is_final(name: &str) -> bool {
    name.strip_prefix("nfcapd.").is_some_and(|digits| {
        matches!(digits.len(), 12 | 14) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
