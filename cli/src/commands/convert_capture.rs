//! Getting a capture ready for nfpcapd: as it is, or rewritten.
//!
//! Nearly every capture is one that nfpcapd can read as it is. A large file is therefore handed over
//! while the rest of it is still being looked at; whoever converts it holds the results back until that
//! look has ended well, and starts again with a rewritten capture if it has not.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::args::ConvertArgs;
use crate::run::interrupt;
use crate::run::progress::Progress;
use crate::run::report::Report;
use crate::run::stop::Stop;
use nfdecode::convert::capture;
use nfdecode::convert::capture::{CaptureError, Normalized, Scan};
use nfdecode::convert::workdir::WorkDir;

/// So many bytes are looked at before nfpcapd is started: headers that it cannot read show at once.
const HEAD: u64 = 2 << 20;
/// How often a look is asked whether it is done.
const POLL: Duration = Duration::from_millis(1);

/// The capture that the user has named.
pub(crate) struct Capture<'a> {
    path: &'a Path,
    report: &'a Report,
    /// Its size in bytes at first, 0 if nobody knows.
    pub(crate) size: u64,
    /// It can be read more than once.
    is_file: bool,
}

/// A capture that nfpcapd can read, as far as is known.
pub(crate) struct Prepared {
    /// What nfpcapd is to read.
    pub(crate) path: PathBuf,
    /// How long that was when it was looked at, in bytes.
    pub(crate) size: u64,
    packets: Packets,
}

/// How many packets there are.
enum Packets {
    Counted(u64),
    /// Not known yet, and neither is whether nfpcapd can read all of them.
    Looking(Look),
}

impl Prepared {
    /// Packets in it, if that is known already.
    pub(crate) fn packets(&self) -> Option<u64> {
        match self.packets {
            Packets::Counted(packets) => Some(packets),
            Packets::Looking(_) => None,
        }
    }

    /// Whether nfpcapd may have read something else than was looked at: the file has another size by now.
    pub(crate) fn has_changed(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() != self.size)
    }
}

impl<'a> Capture<'a> {
    pub(crate) fn new(args: &'a ConvertArgs, report: &'a Report) -> Result<Self, Stop> {
        let mut this = Self {
            path: &args.capture,
            report,
            size: 0,
            is_file: false,
        };
        if !this.is_stdin() {
            let found = fs::metadata(this.path).map_err(|error| this.failed(error))?;
            if found.is_dir() {
                return Err(this.failed(io::ErrorKind::IsADirectory.into()));
            }
            (this.size, this.is_file) = (found.len(), found.is_file());
        }
        Ok(this)
    }

    fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    pub(crate) fn name(&self) -> String {
        if self.is_stdin() {
            "standard input".to_owned()
        } else {
            self.path.display().to_string()
        }
    }

    /// Looks at the capture and rewrites it if need be.
    pub(crate) fn prepare(
        &self,
        work: &WorkDir,
        progress: &mut Progress,
    ) -> Result<Prepared, Stop> {
        if !self.is_file {
            return self.rewrite(work, progress);
        }
        // nfpcapd has another standard input, and its own idea of `/dev/stdin`.
        let Ok(path) = fs::canonicalize(self.path) else {
            return self.rewrite(work, progress);
        };
        let mut prepared = Prepared {
            packets: Packets::Looking(Look::start(&path)),
            path,
            size: self.size,
        };
        loop {
            if !self.is_good(&mut prepared, POLL)? {
                return self.rewrite(work, progress);
            }
            let Packets::Looking(look) = &prepared.packets else {
                return Ok(prepared);
            };
            let done = look.done();
            if done > HEAD {
                return Ok(prepared);
            }
            progress.set(done);
            interrupt::check()?;
        }
    }

    /// Whether nfpcapd can read all of it: `true` also as long as nothing else is known. Waits so long
    /// for the look to end. To be asked no more once the answer is no.
    pub(crate) fn is_good(&self, prepared: &mut Prepared, wait: Duration) -> Result<bool, Stop> {
        let Packets::Looking(look) = &prepared.packets else {
            return Ok(true);
        };
        let Some(verdict) = look.verdict(wait) else {
            return Ok(true);
        };
        let scan = verdict.map_err(|error| self.explain(error))?;
        if scan.direct.is_ok() {
            prepared.packets = Packets::Counted(scan.packets);
        }
        Ok(scan.direct.is_ok())
    }

    /// As [`Self::is_good`], once it is certain.
    pub(crate) fn is_good_for_certain(&self, prepared: &mut Prepared) -> Result<bool, Stop> {
        while prepared.packets().is_none() {
            interrupt::check()?;
            if !self.is_good(prepared, POLL)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes a capture of it that nfpcapd can read.
    pub(crate) fn rewrite(
        &self,
        work: &WorkDir,
        progress: &mut Progress,
    ) -> Result<Prepared, Stop> {
        progress.restart(self.size, "rewriting the capture");
        let mut observer = |done: u64| {
            progress.set(done);
            if interrupt::interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let out = work.capture();
        let normalized = if self.is_stdin() {
            capture::normalize(io::stdin().lock(), &out, &mut observer)
        } else {
            let input = fs::File::open(self.path).map_err(|error| self.failed(error))?;
            capture::normalize(input, &out, &mut observer)
        };
        let normalized = normalized.map_err(|error| self.explain(error))?;
        self.tell(&normalized);
        Ok(Prepared {
            size: fs::metadata(&out).map_or(0, |found| found.len()),
            path: out,
            packets: Packets::Counted(normalized.packets_written),
        })
    }

    /// What a user should know of a capture that had to be rewritten.
    fn tell(&self, found: &Normalized) {
        let (name, report) = (self.name(), self.report);
        if let Some(damage) = &found.damage {
            let (packet, offset) = (damage.packet, damage.offset);
            report.damage(format!(
                "{name}: packet {packet} (byte {offset}): {}; packets before it are converted",
                damage.reason
            ));
        }
        for (link_type, packets) in &found.left_out {
            let link = capture::link_type_name(*link_type).unwrap_or("unsupported");
            report.note(format!(
                "{name}: {packets} packets of link type {link_type} ({link}) are left out"
            ));
        }
        if found.clamped != 0 {
            report.note(format!(
                "{name}: {} packets have time stamps out of range",
                found.clamped
            ));
        }
        if found.y2038 != 0 {
            report.note(format!(
                "{name}: {} packets are later than 2038-01-19, which nfpcapd before 1.7.6 misreads",
                found.y2038
            ));
        }
    }

    fn failed(&self, error: io::Error) -> Stop {
        Stop::failed(format!("{}: {error}", self.name()))
    }

    fn explain(&self, error: CaptureError) -> Stop {
        match error {
            CaptureError::Cancelled => Stop::Interrupted,
            error => Stop::failed(format!("{}: {error}", self.name())),
        }
    }
}

/// A look at a capture, on a thread of its own. Ends when dropped.
struct Look {
    verdict: mpsc::Receiver<Result<Scan, CaptureError>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Bytes read.
    done: AtomicU64,
    stop: AtomicBool,
}

impl Look {
    fn start(path: &Path) -> Self {
        let (sender, verdict) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let (path, ours) = (path.to_owned(), Arc::clone(&shared));
        let failed = sender.clone();
        let thread = thread::Builder::new().spawn(move || {
            let mut observer = |done: u64| {
                ours.done.store(done, Ordering::Relaxed);
                if ours.stop.load(Ordering::Relaxed) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            // Nobody is left to be told if the receiver is gone.
            let _ = sender.send(capture::scan(&path, &mut observer));
        });
        let thread = thread.map_err(|source| {
            let context = "cannot start a thread".to_owned();
            // The receiver is at hand.
            let _ = failed.send(Err(CaptureError::Io { context, source }));
        });
        Self {
            verdict,
            shared,
            thread: thread.ok(),
        }
    }

    fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// How it ended; `None` if it has not after this time.
    fn verdict(&self, wait: Duration) -> Option<Result<Scan, CaptureError>> {
        match self.verdict.recv_timeout(wait) {
            Ok(verdict) => Some(verdict),
            Err(RecvTimeoutError::Timeout) => None,
            // It cannot end without a word but by a panic, which is ours to answer for.
            Err(RecvTimeoutError::Disconnected) => {
                let context = "cannot look at it".to_owned();
                let source = io::Error::other("internal error");
                Some(Err(CaptureError::Io { context, source }))
            }
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has been told of by its message.
            let _ = thread.join();
        }
    }
}
