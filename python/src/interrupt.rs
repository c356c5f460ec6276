//! Ctrl-C: signals are checked on Python's main thread while work runs on others.
//!
//! Only the main thread may run Python's signal handlers. A consumer may read on any of its own threads, perhaps
//! while another one waits for it with the interpreter lock; such threads therefore never touch Python here.

use std::panic;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::prelude::*;

/// Time between two looks at signals.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Python's main thread.
static MAIN: OnceLock<ThreadId> = OnceLock::new();

/// Remembers the calling thread if it is Python's main thread.
pub(crate) fn note_main_thread(py: Python<'_>) -> PyResult<()> {
    if MAIN.get().is_none() {
        let threading = py.import("threading")?;
        let (this, main) = (
            threading.call_method0("current_thread")?,
            threading.call_method0("main_thread")?,
        );
        if this.is(&main) {
            MAIN.get_or_init(|| thread::current().id());
        }
    }
    Ok(())
}

/// Whether this is Python's main thread.
pub(crate) fn is_main_thread() -> bool {
    MAIN.get() == Some(&thread::current().id())
}

/// Runs signal handlers, on the main thread; does nothing on others, and at the end of the interpreter.
pub(crate) fn check() -> PyResult<()> {
    if !is_main_thread() {
        return Ok(());
    }
    Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(()))
}

/// Runs `job` on a thread of its own without the interpreter lock. A signal sets `cancel`, at which the job must
/// end soon.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    cancel: &AtomicBool,
    job: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    note_main_thread(py)?;
    py.detach(|| {
        thread::scope(|scope| {
            let (done, ended) = mpsc::channel::<()>();
            let worker = scope.spawn(move || {
                let result = job();
                drop(done);
                result
            });
            let mut interrupted = Ok(());
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if interrupted.is_ok() {
                    interrupted = check();
                    cancel.fetch_or(interrupted.is_err(), Ordering::Relaxed);
                }
            }
            match worker.join() {
                // Work that is always shorter than a tick would never be interrupted otherwise.
                Ok(result) => interrupted.and_then(|()| check()).map(|()| result),
                Err(panic) => panic::resume_unwind(panic),
            }
        })
    })
}
