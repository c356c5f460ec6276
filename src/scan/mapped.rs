//! Results of a scan as an iterator: made on the caller's thread, or on threads of its own.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::error::Error;
use crate::scan::input::ScanInput;
use crate::scan::memory::Memory;
use crate::scan::part::Part;
use crate::scan::pipeline::{Lane, Stopped};
use crate::scan::traverse::{self, Item, Numbers, Settings};
use crate::scan::work::{self, Work};

/// Makes results of the parts of a scan.
pub(crate) trait PartMap: Send + Sync + 'static {
    /// What a thread keeps.
    type Worker: Send;
    /// A result.
    type Output: Send + 'static;

    /// Called once per thread.
    fn worker(&self) -> Self::Worker;

    /// The results of a part, in order.
    fn map(&self, worker: &mut Self::Worker, part: Part, out: &mut VecDeque<Self::Output>);

    /// Bytes of a block that a result holds; 0 if it holds none.
    fn held(_: &Self::Output) -> u64 {
        0
    }

    /// What to report if no thread can be started.
    fn failed(&self, error: Error) -> Self::Output;
}

/// The results of a scan in the order of files and blocks. Begins to read with the first call of `next`.
pub(crate) struct Mapped<M: PartMap>(State<M>);

enum State<M: PartMap> {
    New {
        inputs: Vec<ScanInput>,
        settings: Arc<Settings>,
        threads: (NonZeroUsize, Arc<Memory>),
        map: M,
    },
    Inline(Box<Inline<M>>),
    Threads(Threads<M::Output>),
    Ended,
}

impl<M: PartMap> Mapped<M> {
    pub(crate) fn new(
        inputs: Vec<ScanInput>,
        settings: Arc<Settings>,
        threads: (NonZeroUsize, Arc<Memory>),
        map: M,
    ) -> Self {
        Self(State::New {
            inputs,
            settings,
            threads,
            map,
        })
    }

    fn begin(&mut self) {
        let State::New {
            inputs,
            settings,
            threads,
            map,
        } = std::mem::replace(&mut self.0, State::Ended)
        else {
            return;
        };
        self.0 = if threads.0 == NonZeroUsize::MIN {
            State::Inline(Box::new(Inline::new(inputs, settings, map)))
        } else {
            State::Threads(Threads::start(inputs, settings, threads, map))
        };
    }
}

impl<M: PartMap> Iterator for Mapped<M> {
    type Item = M::Output;

    fn next(&mut self) -> Option<M::Output> {
        if matches!(self.0, State::New { .. }) {
            self.begin();
        }
        let next = match &mut self.0 {
            State::Inline(inline) => inline.next(),
            State::Threads(threads) => threads.next(M::held),
            State::New { .. } | State::Ended => None,
        };
        if next.is_none() {
            self.0 = State::Ended;
        }
        next
    }
}

impl<M: PartMap> fmt::Debug for Mapped<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0 {
            State::New { .. } => "new",
            State::Inline(_) | State::Threads(_) => "reading",
            State::Ended => "ended",
        };
        f.debug_tuple("Mapped").field(&state).finish()
    }
}

/// A scan on the caller's thread.
struct Inline<M: PartMap> {
    items: Box<dyn Iterator<Item = Item> + Send>,
    settings: Arc<Settings>,
    numbers: Numbers,
    map: M,
    worker: M::Worker,
    ready: VecDeque<M::Output>,
    is_over: bool,
}

impl<M: PartMap> Inline<M> {
    fn new(inputs: Vec<ScanInput>, settings: Arc<Settings>, map: M) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        Self {
            numbers: Numbers::new(&settings, Arc::clone(&done)),
            items: Box::new(traverse::items(
                inputs.into_iter(),
                Arc::clone(&settings),
                done,
            )),
            settings,
            worker: map.worker(),
            map,
            ready: VecDeque::new(),
            is_over: false,
        }
    }

    fn next(&mut self) -> Option<M::Output> {
        while self.ready.is_empty() && !self.is_over {
            let mut part = traverse::load(self.items.next()?, &self.settings);
            if self.numbers.number(&mut part, &self.settings) {
                self.is_over = self.numbers.is_over(&part);
                self.map.map(&mut self.worker, part, &mut self.ready);
            }
        }
        self.ready.pop_front()
    }
}

/// A scan on threads of its own, and the channel of its results.
struct Threads<T> {
    /// `None` once the results are not needed any more.
    results: Option<Receiver<T>>,
    pipeline: Option<JoinHandle<()>>,
    memory: Arc<Memory>,
}

impl<T: Send + 'static> Threads<T> {
    fn start<M: PartMap<Output = T>>(
        inputs: Vec<ScanInput>,
        settings: Arc<Settings>,
        (threads, memory): (NonZeroUsize, Arc<Memory>),
        map: M,
    ) -> Self {
        let (sender, results) = sync_channel(threads.get());
        let map = Arc::new(map);
        let sending = Sending {
            map: Arc::clone(&map),
            memory: Arc::clone(&memory),
        };
        let pipeline = thread::Builder::new().spawn(move || {
            let threads = (threads, &sending.memory);
            // Stopped: the iterator was dropped early.
            let _ = work::run(inputs.into_iter(), settings, threads, &sending, sender);
        });
        match pipeline {
            Ok(pipeline) => Self {
                results: Some(results),
                pipeline: Some(pipeline),
                memory,
            },
            Err(error) => {
                let (sender, results) = sync_channel(1);
                // The channel has room for it, and its receiver is here.
                let _ = sender.send(map.failed(Error::from_io(error, "cannot start a thread")));
                Self {
                    results: Some(results),
                    pipeline: None,
                    memory,
                }
            }
        }
    }

    fn next(&mut self, held: fn(&T) -> u64) -> Option<T> {
        if let Ok(result) = self.results.as_ref()?.recv() {
            let held = held(&result);
            if held != 0 {
                self.memory.unqueue(held);
            }
            return Some(result);
        }
        // All senders are gone: the scan has ended, or a thread has panicked. That must not look like an end.
        if let Some(Err(panic)) = self.pipeline.take().map(JoinHandle::join) {
            panic::resume_unwind(panic);
        }
        None
    }
}

impl<T> Drop for Threads<T> {
    fn drop(&mut self) {
        // A worker that waits for memory or for room in the channel learns that the results are not needed.
        self.memory.close();
        self.results = None;
        if let Some(pipeline) = self.pipeline.take() {
            // The results were not needed; neither is a panic that one of them caused.
            let _ = pipeline.join();
        }
    }
}

/// Sends the results of parts in order.
struct Sending<M> {
    map: Arc<M>,
    memory: Arc<Memory>,
}

impl<M: PartMap> Work for Sending<M> {
    type Worker = (M::Worker, VecDeque<M::Output>);
    type Tally = SyncSender<M::Output>;

    fn worker(&self) -> Self::Worker {
        (self.map.worker(), VecDeque::new())
    }

    fn work(
        &self,
        (worker, ready): &mut Self::Worker,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> Result<(), Stopped> {
        ready.clear();
        for part in parts {
            self.map.map(worker, part, ready);
        }
        if ready.is_empty() {
            return Ok(());
        }
        lane.in_turn(|sender| {
            for result in ready.drain(..) {
                let held = M::held(&result);
                if held != 0 {
                    self.memory.queue(held);
                }
                if sender.send(result).is_err() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::builder::Scan;

    /// Panics at the second part, or counts parts.
    struct Counts {
        panics: bool,
    }

    impl PartMap for Counts {
        type Worker = ();
        type Output = u64;

        fn worker(&self) {}

        fn map(&self, (): &mut (), part: Part, out: &mut VecDeque<u64>) {
            assert!(
                !(self.panics && matches!(part, Part::Block(_))),
                "on purpose"
            );
            out.push_back(1);
        }

        fn failed(&self, _: Error) -> u64 {
            0
        }
    }

    fn parts(panics: bool, threads: usize) -> Mapped<Counts> {
        let path = "tests/fixtures/archive/nfcapd.202611241330";
        let threads = NonZeroUsize::new(threads).expect("not zero");
        Scan::new([path, path])
            .threads(threads)
            .mapped(Counts { panics })
    }

    #[test]
    fn a_panic_of_a_thread_is_not_an_end_of_the_data() {
        for threads in [1, 2, 4] {
            // Start, one block and end of each of two files.
            assert_eq!(parts(false, threads).sum::<u64>(), 6);
            let result = panic::catch_unwind(|| parts(true, threads).count());
            assert!(result.is_err(), "{threads} threads");
        }
    }

    #[test]
    fn an_iterator_that_is_dropped_early_ends_its_threads() {
        let mut some = parts(false, 3);
        assert_eq!(some.next(), Some(1));
    }
}
