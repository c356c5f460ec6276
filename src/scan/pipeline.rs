//! Ordered parallel map: items are loaded and worked on by many threads, results come in item order.
//!
//! Each item goes through four steps. Loading and working run on any thread at any time. Numbering and
//! handing over run in item order, by the worker that owns the turn. Each worker holds one item, so memory
//! is bounded by the number of threads, and a slow consumer slows the workers down; there is no queue.
//!
//! Does not know what the work is; [`Scan`](crate::Scan) is the one user in this crate.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The run has ended early. Code that gets this value returns it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped(());

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was stopped")
    }
}

impl std::error::Error for Stopped {}

/// Small items at the start that the calling thread works on before it starts others, and one more.
const ALONE_MAX: usize = 3;

/// What is done with each item, in four steps.
pub trait Stages: Sync {
    /// What is worked on.
    type Item: Send;
    /// What loading makes of an item.
    type Loaded;
    /// What a thread keeps from item to item, such as buffers.
    type Worker;
    /// What the second step keeps, such as running numbers.
    type Numbers: Send;
    /// What the fourth step keeps, such as the output.
    type Tally: Send;

    /// Called once per thread.
    fn worker(&self) -> Self::Worker;

    /// Whether an item is so little work that to start a thread may cost more. The calling thread works on a few such
    /// items at the start before the others are started.
    fn is_small(&self, _item: &Self::Item) -> bool {
        false
    }

    /// First step, on any thread at any time.
    fn load(&self, item: Self::Item) -> Self::Loaded;

    /// Second step, one item at a time in item order. `Break`: this is the last item.
    ///
    /// Runs at the same time as the fourth step of earlier items.
    fn number(&self, loaded: &mut Self::Loaded, numbers: &mut Self::Numbers) -> ControlFlow<()>;

    /// Third step, on any thread at any time after the second. Results are handed over, which is the fourth
    /// step, by [`Lane::in_turn`]: once, several times or never.
    ///
    /// # Errors
    /// [`Stopped`] as returned by the lane. It ends the run.
    fn work(
        &self,
        worker: &mut Self::Worker,
        loaded: Self::Loaded,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> std::result::Result<(), Stopped>;
}

/// Access to the fourth step for one item.
pub struct Lane<'a, T> {
    turns: &'a Turns,
    tally: &'a Mutex<T>,
    index: u64,
}

impl<T> fmt::Debug for Lane<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl<T> Lane<'_, T> {
    /// Waits until all earlier items are done, then calls `step`. `Break` ends the run.
    ///
    /// # Errors
    /// [`Stopped`] when the run has ended, by `step` or otherwise.
    pub fn in_turn(
        &mut self,
        step: impl FnOnce(&mut T) -> ControlFlow<()>,
    ) -> std::result::Result<(), Stopped> {
        drop(self.turns.wait(|counts| counts.done == self.index)?);
        // Only the owner of the turn gets here, so this lock is never contended. It is not the lock of the
        // counts: loading and numbering go on while a slow step runs.
        match step(&mut lock(self.tally)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(self.turns.stop()),
        }
    }

    /// Whether [`in_turn`](Self::in_turn) would not wait: all earlier items are done, or the run has ended.
    #[must_use]
    pub fn is_turn(&self) -> bool {
        let counts = lock(&self.turns.counts);
        counts.stopped || counts.done == self.index
    }
}

/// The turn: which item is next.
struct Turns {
    counts: Mutex<Counts>,
    changed: Condvar,
}

struct Counts {
    /// Items that have been numbered.
    numbered: u64,
    /// Items that are done.
    done: u64,
    /// Items from this one on are not needed.
    end: u64,
    stopped: bool,
    /// Threads that wait for a change: without any, nothing needs to be announced, which costs a call of the system.
    waiting: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in a step stops the run; nothing that it left behind is used after that.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turns {
    fn wait(
        &self,
        ready: impl Fn(&Counts) -> bool,
    ) -> std::result::Result<MutexGuard<'_, Counts>, Stopped> {
        let mut counts = lock(&self.counts);
        while !counts.stopped && !ready(&counts) {
            counts.waiting += 1;
            counts = self
                .changed
                .wait(counts)
                .unwrap_or_else(PoisonError::into_inner);
            counts.waiting -= 1;
        }
        if counts.stopped {
            Err(Stopped(()))
        } else {
            Ok(counts)
        }
    }

    fn update(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = lock(&self.counts);
        change(&mut counts);
        let is_waited_for = counts.waiting != 0;
        drop(counts);
        if is_waited_for {
            self.changed.notify_all();
        }
    }

    fn stop(&self) -> Stopped {
        self.update(|counts| counts.stopped = true);
        Stopped(())
    }
}

/// Ends the run when its thread panics, so that the others do not wait for a turn that never ends.
struct StopOnPanic<'a>(&'a Turns);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// How a run ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<N, T> {
    /// What the second step kept.
    pub numbers: N,
    /// What the fourth step kept.
    pub tally: T,
    /// [`Stopped`] if a step ended the run early.
    pub end: std::result::Result<(), Stopped>,
}

/// Runs all items through the stages on `threads` threads, the calling one among them.
///
/// Uses fewer threads if the system allows no more.
///
/// # Panics
/// If a stage panics; all threads have ended by then.
pub fn run<S: Stages>(
    stages: &S,
    threads: NonZeroUsize,
    items: impl Iterator<Item = S::Item> + Send,
    numbers: S::Numbers,
    tally: S::Tally,
) -> Outcome<S::Numbers, S::Tally> {
    let run = Run {
        stages,
        items: Mutex::new(items.zip(0_u64..).fuse()),
        turns: Turns {
            counts: Mutex::new(Counts {
                numbered: 0,
                done: 0,
                end: u64::MAX,
                stopped: false,
                waiting: 0,
            }),
            changed: Condvar::new(),
        },
        numbers: Mutex::new(numbers),
        tally: Mutex::new(tally),
    };
    thread::scope(|scope| {
        let mut alone = if threads.get() == 1 { 0 } else { ALONE_MAX };
        run.serve(|item| {
            if alone == 0 {
                return;
            }
            alone -= 1;
            if alone > 0 && stages.is_small(item) {
                return;
            }
            alone = 0;
            for _ in 1..threads.get() {
                let others = || run.serve(|_| ());
                if thread::Builder::new().spawn_scoped(scope, others).is_err() {
                    break;
                }
            }
        });
    });
    let into_inner = PoisonError::into_inner;
    let stopped = run
        .turns
        .counts
        .into_inner()
        .unwrap_or_else(into_inner)
        .stopped;
    Outcome {
        numbers: run
            .numbers
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
        tally: run
            .tally
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
        end: if stopped { Err(Stopped(())) } else { Ok(()) },
    }
}

/// What the threads of a run share.
struct Run<'a, S: Stages, I> {
    stages: &'a S,
    items: Mutex<I>,
    turns: Turns,
    numbers: Mutex<S::Numbers>,
    tally: Mutex<S::Tally>,
}

impl<S: Stages, I: Iterator<Item = (S::Item, u64)>> Run<'_, S, I> {
    /// The work of one thread: item after item, until there are no more or the run is stopped. `before` is called with
    /// each item that this thread got.
    fn serve(&self, mut before: impl FnMut(&S::Item)) {
        let _guard = StopOnPanic(&self.turns);
        let mut worker = self.stages.worker();
        loop {
            let next = lock(&self.items).next();
            let Some((item, index)) = next else { return };
            before(&item);
            match self.process(&mut worker, item, index) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                // Whatever the stage meant by it: items after this one would wait for ever.
                Err(Stopped(())) => {
                    self.turns.stop();
                    return;
                }
            }
        }
    }

    /// One item. `Break`: it and all after it are not needed.
    fn process(
        &self,
        worker: &mut S::Worker,
        item: S::Item,
        index: u64,
    ) -> std::result::Result<ControlFlow<()>, Stopped> {
        {
            let counts = lock(&self.turns.counts);
            if counts.stopped || index >= counts.end {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut loaded = self.stages.load(item);
        {
            let counts = self
                .turns
                .wait(|counts| counts.numbered == index || index >= counts.end)?;
            if index >= counts.end {
                return Ok(ControlFlow::Break(()));
            }
        }
        let is_last = self
            .stages
            .number(&mut loaded, &mut lock(&self.numbers))
            .is_break();
        self.turns.update(|counts| {
            if is_last {
                counts.end = index + 1;
            }
            counts.numbered += 1;
        });
        let mut lane = Lane {
            turns: &self.turns,
            tally: &self.tally,
            index,
        };
        self.stages.work(worker, loaded, &mut lane)?;
        drop(self.turns.wait(|counts| counts.done == index)?);
        self.turns.update(|counts| counts.done += 1);
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests;
