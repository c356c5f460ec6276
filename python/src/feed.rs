//! A scan that runs on threads of its own, and a bounded channel of its results in order.
//!
//! Unlike the iterators of the library it can be waited for with a time limit, and ended while it finds nothing:
//! both are needed for Ctrl-C. Knows nothing of Python.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nfdecode::Scan;
use nfdecode::scan::{Lane, Part, ScanInput, Stopped, Work};

/// Makes results of the parts of a scan, on any thread.
pub(crate) trait Map: Send + Sync + 'static {
    /// What a thread keeps.
    type Worker;
    /// A result.
    type Output: Send + 'static;

    /// Called once per thread.
    fn worker(&self) -> Self::Worker;

    /// The results of a part, in order.
    fn map(&self, worker: &mut Self::Worker, part: Part, out: &mut Vec<Self::Output>);
}

/// What waiting for a result gave.
pub(crate) enum Next<T> {
    /// A result.
    Item(T),
    /// Nothing yet.
    Wait,
    /// There are no more.
    End,
    /// A thread has panicked: an error of ours.
    Broken,
}

/// A running scan. Ends when it is dropped.
pub(crate) struct Feed<T> {
    receiver: Option<Receiver<T>>,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Feed<T> {
    /// Starts to read `inputs`, which may have to be waited for.
    pub(crate) fn start<M: Map<Output = T>>(
        scan: Scan,
        inputs: impl Iterator<Item = ScanInput> + Send + 'static,
        map: M,
    ) -> std::io::Result<Self> {
        let cancel = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = sync_channel(scan.thread_count().get());
        let work = Sending {
            map,
            cancel: Arc::clone(&cancel),
        };
        let thread = thread::Builder::new()
            .name("nfdecode".to_owned())
            .spawn(move || {
                // Stopped: the results were not needed any more.
                let _ = scan.run_over(inputs, &work, sender);
            })?;
        Ok(Self {
            receiver: Some(receiver),
            cancel,
            thread: Some(thread),
        })
    }

    /// The next result, if it comes in time.
    pub(crate) fn next(&mut self, wait: Duration) -> Next<T> {
        let Some(receiver) = &self.receiver else {
            return Next::End;
        };
        match receiver.recv_timeout(wait) {
            Ok(item) => Next::Item(item),
            Err(RecvTimeoutError::Timeout) => Next::Wait,
            Err(RecvTimeoutError::Disconnected) => match self.thread.take().map(JoinHandle::join) {
                Some(Err(_)) => Next::Broken,
                _ => Next::End,
            },
        }
    }
}

impl<T> Feed<T> {
    /// Ends the scan and waits for its threads: at most the time of a block.
    pub(crate) fn stop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // The results were not needed; neither is a panic that one of them caused.
            let _ = thread.join();
        }
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends the results of parts in order.
struct Sending<M> {
    map: M,
    cancel: Arc<AtomicBool>,
}

impl<M: Map> Work for Sending<M> {
    type Worker = (M::Worker, Vec<M::Output>);
    type Tally = SyncSender<M::Output>;

    fn worker(&self) -> Self::Worker {
        (self.map.worker(), Vec::new())
    }

    fn work(
        &self,
        (worker, ready): &mut Self::Worker,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> Result<(), Stopped> {
        ready.clear();
        for part in parts {
            if self.cancel.load(Ordering::Relaxed) {
                return lane.in_turn(|_| ControlFlow::Break(()));
            }
            self.map.map(worker, part, ready);
        }
        if ready.is_empty() {
            return Ok(());
        }
        lane.in_turn(|sender| {
            for result in ready.drain(..) {
                if sender.send(result).is_err() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })
    }
}
