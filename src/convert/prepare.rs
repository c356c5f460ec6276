//! Preparing a capture for nfpcapd: as it is, or rewritten.
//!
//! Most captures can be read by nfpcapd as they are. A large file is therefore passed to it while the
//! rest of the file is still being inspected; results are held back until the inspection has ended
//! well, and the run is repeated with a rewritten capture if it has not.

use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::convert::capture::{self, CaptureError, Inspection};

/// Bytes that are inspected before nfpcapd is started: headers that it cannot read show at once.
pub(crate) const HEAD: u64 = 2 << 20;

/// The origin of a capture's bytes.
pub(crate) enum CaptureSource<'a> {
    Path(PathBuf),
    Reader(Box<dyn Read + Send + 'a>),
}

impl CaptureSource<'_> {
    /// Path and size of a file that can be read more than once, by nfpcapd too. nfpcapd has another
    /// standard input and its own idea of `/dev/stdin`, hence the resolved path.
    pub(crate) fn file(&self) -> io::Result<Option<(PathBuf, u64)>> {
        let Self::Path(path) = self else {
            return Ok(None);
        };
        let found = fs::metadata(path)?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(match fs::canonicalize(path) {
            Ok(path) if found.is_file() => Some((path, found.len())),
            _ => None,
        })
    }

    /// Rewrites the capture to `out`.
    pub(crate) fn rewrite(
        &mut self,
        out: &Path,
        observer: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<capture::Normalized, CaptureError> {
        match self {
            Self::Path(path) => {
                let source = fs::File::open(path).map_err(CaptureError::io("cannot open it"))?;
                capture::normalize(source, out, observer)
            }
            Self::Reader(reader) => capture::normalize(reader, out, observer),
        }
    }
}

/// A capture that nfpcapd can read, as far as is known.
pub(crate) struct Prepared {
    /// The file for nfpcapd.
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was inspected.
    pub(crate) size: u64,
    packets: Packets,
}

/// Number of packets in a prepared capture.
enum Packets {
    Counted(u64),
    /// Not known yet, and neither is whether nfpcapd can read all of them.
    Inspecting(InspectionThread),
}

impl Prepared {
    /// A file that may be readable as it is.
    pub(crate) fn unknown(path: PathBuf, size: u64) -> Self {
        Self {
            packets: Packets::Inspecting(InspectionThread::start(&path)),
            path,
            size,
        }
    }

    /// A rewritten capture.
    pub(crate) fn rewritten(path: PathBuf, packets: u64) -> Self {
        Self {
            size: fs::metadata(&path).map_or(0, |found| found.len()),
            path,
            packets: Packets::Counted(packets),
        }
    }

    /// The number of packets, once it is known.
    pub(crate) fn packets(&self) -> Option<u64> {
        match self.packets {
            Packets::Counted(packets) => Some(packets),
            Packets::Inspecting(_) => None,
        }
    }

    /// Bytes that have been inspected so far.
    pub(crate) fn inspected(&self) -> u64 {
        match &self.packets {
            Packets::Counted(_) => self.size,
            Packets::Inspecting(thread) => thread.done(),
        }
    }

    /// Whether nfpcapd may have read something else than was inspected: the file's size has changed.
    pub(crate) fn has_changed(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() != self.size)
    }

    /// Whether nfpcapd can read all of it: `None` if that is not known after `wait`. Not to be called
    /// again after `false`.
    pub(crate) fn verdict(&mut self, wait: Duration) -> Result<Option<bool>, CaptureError> {
        let Packets::Inspecting(thread) = &self.packets else {
            return Ok(Some(true));
        };
        let Some(inspection) = thread.result(wait) else {
            return Ok(None);
        };
        let inspection = inspection?;
        if inspection.direct.is_ok() {
            self.packets = Packets::Counted(inspection.packets);
        }
        Ok(Some(inspection.direct.is_ok()))
    }
}

/// An inspection on a thread of its own, which ends when this is dropped.
struct InspectionThread {
    result: mpsc::Receiver<Result<Inspection, CaptureError>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Bytes read.
    done: AtomicU64,
    stop: AtomicBool,
}

impl InspectionThread {
    fn start(path: &Path) -> Self {
        let (sender, result) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let (path, ours) = (path.to_owned(), Arc::clone(&shared));
        let failed = sender.clone();
        let thread = thread::Builder::new()
            .name("inspect capture".to_owned())
            .spawn(move || {
                let mut observer = |done: u64| {
                    ours.done.store(done, Ordering::Relaxed);
                    if ours.stop.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                };
                // The receiver may be gone: then the result is not needed.
                let _ = sender.send(capture::inspect(&path, &mut observer));
            });
        let thread = thread.map_err(|source| {
            let context = "cannot start a thread".to_owned();
            // The receiver exists: it is returned below.
            let _ = failed.send(Err(CaptureError::Io { context, source }));
        });
        Self {
            result,
            shared,
            thread: thread.ok(),
        }
    }

    fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// The result; `None` if there is none after this time.
    fn result(&self, wait: Duration) -> Option<Result<Inspection, CaptureError>> {
        match self.result.recv_timeout(wait) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            // The thread ends without a result only by a panic.
            Err(RecvTimeoutError::Disconnected) => {
                let context = "cannot inspect it".to_owned();
                let source = io::Error::other("internal error");
                Some(Err(CaptureError::Io { context, source }))
            }
        }
    }
}

impl Drop for InspectionThread {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has printed its message.
            let _ = thread.join();
        }
    }
}
