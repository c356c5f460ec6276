//! Work on many things at once, with results in order.
//!
//! Blocks are independent, so they can be read, decompressed and formatted on several threads. What
//! must happen in order - counting, and handing results over - is done by the worker whose turn it
//! is. Nobody holds more than one item and its result, so memory is bounded by the number of threads
//! and a slow consumer slows everybody down; there is no queue.
//!
//! [`map_blocks`] is the simple form; [`Stages`] the full one. Neither knows what the work is.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::Result;
use crate::file::block::Block;
use crate::file::handle::File;

/// The run has ended early; whoever gets this returns as soon as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// What is done with each item, in four steps.
pub trait Stages: Sync {
    /// What there is to work on.
    type Item: Send;
    /// What loading makes of it.
    type Loaded;
    /// What a thread keeps from item to item, such as buffers.
    type Worker;
    /// What the steps in order share.
    type Tally: Send;

    /// Made once for each thread.
    fn worker(&self) -> Self::Worker;

    /// First step, on any thread at any time.
    fn load(&self, item: Self::Item) -> Self::Loaded;

    /// Second step, one item at a time and in order. `Break`: this is the last item.
    fn number(&self, loaded: &mut Self::Loaded, tally: &mut Self::Tally) -> ControlFlow<()>;

    /// Third step, on any thread at any time after the second. What it has made it hands over
    /// through [`Lane::in_turn`], once or in pieces.
    ///
    /// # Errors
    /// [`Stopped`], passed on from the lane.
    fn work(
        &self,
        worker: &mut Self::Worker,
        loaded: Self::Loaded,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> std::result::Result<(), Stopped>;
}

/// The way to the steps in order for one item.
pub struct Lane<'a, T> {
    shared: &'a Shared<T>,
    index: u64,
}

impl<T> std::fmt::Debug for Lane<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        let mut turns = self.shared.wait(|turns| turns.done == self.index)?;
        match step(&mut turns.tally) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                turns.stopped = true;
                self.shared.changed.notify_all();
                Err(Stopped)
            }
        }
    }
}

impl<T> Lane<'_, T> {
    /// Whether [`in_turn`](Self::in_turn) would not wait: all earlier items are done, or the run has
    /// ended.
    #[must_use]
    pub fn is_turn(&self) -> bool {
        let turns = self.shared.lock();
        turns.stopped || turns.done == self.index
    }
}

struct Shared<T> {
    turns: Mutex<Turns<T>>,
    changed: Condvar,
}

struct Turns<T> {
    /// Items that went through the second step.
    numbered: u64,
    /// Items that are done.
    done: u64,
    /// No item from this one on is wanted.
    end: u64,
    stopped: bool,
    tally: T,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Turns<T>> {
        // A panic in a step in order has set `stopped`; nothing of the tally is used after that.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(
        &self,
        ready: impl Fn(&Turns<T>) -> bool,
    ) -> std::result::Result<MutexGuard<'_, Turns<T>>, Stopped> {
        let mut turns = self.lock();
        while !turns.stopped && !ready(&turns) {
            turns = self
                .changed
                .wait(turns)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if turns.stopped {
            Err(Stopped)
        } else {
            Ok(turns)
        }
    }
}

/// Ends the run if its thread panics: others must not wait for a turn that never ends.
struct StopOnPanic<'a, T>(&'a Shared<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().stopped = true;
            self.0.changed.notify_all();
        }
    }
}

/// Runs all items through the stages on `threads` threads, the calling one among them; on fewer if the
/// system allows no more. Returns the tally, and whether the run came to its end.
///
/// # Panics
/// If a stage panics; all threads have ended by then.
pub fn run<S: Stages>(
    stages: &S,
    threads: NonZeroUsize,
    items: impl Iterator<Item = S::Item> + Send,
    tally: S::Tally,
) -> (S::Tally, std::result::Result<(), Stopped>) {
    let shared = Shared {
        turns: Mutex::new(Turns {
            numbered: 0,
            done: 0,
            end: u64::MAX,
            stopped: false,
            tally,
        }),
        changed: Condvar::new(),
    };
    let source = Mutex::new(items.zip(0_u64..).fuse());
    thread::scope(|scope| {
        for _ in 1..threads.get() {
            let serve = || serve(stages, &source, &shared);
            if thread::Builder::new().spawn_scoped(scope, serve).is_err() {
                break;
            }
        }
        serve(stages, &source, &shared);
    });
    let turns = shared
        .turns
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    (
        turns.tally,
        if turns.stopped { Err(Stopped) } else { Ok(()) },
    )
}

/// What one thread does: item after item, until there are no more or the run is stopped.
fn serve<S: Stages>(
    stages: &S,
    source: &Mutex<impl Iterator<Item = (S::Item, u64)>>,
    shared: &Shared<S::Tally>,
) {
    let _guard = StopOnPanic(shared);
    let mut worker = stages.worker();
    loop {
        let next = source.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((item, index)) = next else { return };
        if process(stages, &mut worker, item, index, shared).is_err() {
            return;
        }
    }
}

fn process<S: Stages>(
    stages: &S,
    worker: &mut S::Worker,
    item: S::Item,
    index: u64,
    shared: &Shared<S::Tally>,
) -> std::result::Result<(), Stopped> {
    {
        let turns = shared.lock();
        if turns.stopped || index >= turns.end {
            return Err(Stopped);
        }
    }
    let mut loaded = stages.load(item);
    {
        let mut turns = shared.wait(|turns| turns.numbered == index || index >= turns.end)?;
        if index >= turns.end {
            return Err(Stopped);
        }
        if stages.number(&mut loaded, &mut turns.tally).is_break() {
            turns.end = index + 1;
        }
        turns.numbered += 1;
        shared.changed.notify_all();
    }
    let mut lane = Lane { shared, index };
    stages.work(worker, loaded, &mut lane)?;
    let mut turns = shared.wait(|turns| turns.done == index)?;
    turns.done += 1;
    shared.changed.notify_all();
    Ok(())
}

/// Decodes the blocks of a file on `threads` threads, calls `map` on each there, and `consume` on
/// the results in file order. `Break` from `consume` ends it early.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
/// let mut total = 0_u64;
/// nfdecode::scan::map_blocks(
///     &file,
///     threads,
///     |block| block.map_or(0, |block| block.flows().filter_map(|flow| flow.in_bytes()).sum::<u64>()),
///     |bytes| {
///         total += bytes;
///         ControlFlow::Continue(())
///     },
/// );
/// assert_eq!(total, 57_227);
/// # Ok::<(), nfdecode::Error>(())
/// ```
///
/// # Panics
/// If `map` or `consume` panics; all threads have ended by then.
pub fn map_blocks<R: Send>(
    file: &File,
    threads: NonZeroUsize,
    map: impl Fn(Result<Block>) -> R + Sync,
    consume: impl FnMut(R) -> ControlFlow<()> + Send,
) {
    map_items(
        file.block_refs(),
        threads,
        |item| map(item.and_then(|found| file.load(found))),
        consume,
    );
}

/// Calls `map` on items on `threads` threads, and `consume` on the results in order.
pub(crate) fn map_items<T: Send, R: Send>(
    items: impl Iterator<Item = T> + Send,
    threads: NonZeroUsize,
    map: impl Fn(T) -> R + Sync,
    consume: impl FnMut(R) -> ControlFlow<()> + Send,
) {
    struct MapItems<T, M, C> {
        map: M,
        _types: std::marker::PhantomData<fn(T, C)>,
    }

    impl<T, R, M, C> Stages for MapItems<T, M, C>
    where
        T: Send,
        M: Fn(T) -> R + Sync,
        C: FnMut(R) -> ControlFlow<()> + Send,
    {
        type Item = T;
        type Loaded = R;
        type Worker = ();
        type Tally = C;

        fn worker(&self) {}

        fn load(&self, item: T) -> R {
            (self.map)(item)
        }

        fn number(&self, _: &mut R, _: &mut C) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn work(
            &self,
            (): &mut (),
            result: R,
            lane: &mut Lane<'_, C>,
        ) -> std::result::Result<(), Stopped> {
            lane.in_turn(|consume| consume(result))
        }
    }

    let stages = MapItems {
        map,
        _types: std::marker::PhantomData,
    };
    // An early end is what the consumer wanted.
    let _ = run(&stages, threads, items, consume);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// Squares numbers; some take longer than others.
    struct Squares {
        stop_at: u64,
        last: u64,
        panic_at: u64,
        loaded: AtomicU64,
    }

    impl Stages for Squares {
        type Item = u64;
        type Loaded = (u64, u64);
        type Worker = ();
        type Tally = (u64, Vec<(u64, u64)>);

        fn worker(&self) {}

        fn load(&self, item: u64) -> (u64, u64) {
            self.loaded.fetch_add(1, Ordering::Relaxed);
            if item.is_multiple_of(7) {
                thread::sleep(Duration::from_micros(300));
            }
            assert!(item != self.panic_at, "wanted");
            (item * item, 0)
        }

        fn number(&self, loaded: &mut (u64, u64), tally: &mut Self::Tally) -> ControlFlow<()> {
            tally.0 += 1;
            loaded.1 = tally.0;
            if tally.0 == self.last {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }

        fn work(
            &self,
            (): &mut (),
            loaded: (u64, u64),
            lane: &mut Lane<'_, Self::Tally>,
        ) -> std::result::Result<(), Stopped> {
            lane.in_turn(|tally| {
                tally.1.push(loaded);
                if loaded.1 == self.stop_at {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        }
    }

    fn squares(stop_at: u64, last: u64, panic_at: u64) -> Squares {
        Squares {
            stop_at,
            last,
            panic_at,
            loaded: AtomicU64::new(0),
        }
    }

    fn expected(count: u64) -> Vec<(u64, u64)> {
        (0..count).map(|item| (item * item, item + 1)).collect()
    }

    #[test]
    fn results_are_the_same_for_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let (tally, end) = run(&squares(0, 0, 999), threads, 0..200, (0, Vec::new()));
            assert_eq!((tally.1, end), (expected(200), Ok(())));
            assert_eq!(
                run(&squares(0, 0, 999), threads, 0..0, (0, Vec::new())).1,
                Ok(())
            );
        }
    }

    #[test]
    fn early_ends_are_exact() {
        for threads in [1, 2, 8] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let stages = squares(50, 0, 999);
            let (tally, end) = run(&stages, threads, 0.., (0, Vec::new()));
            assert_eq!((tally.1, end), (expected(50), Err(Stopped)));
            let stages = squares(0, 50, 999);
            let (tally, end) = run(&stages, threads, 0.., (0, Vec::new()));
            assert_eq!((tally.1, end), (expected(50), Ok(())));
            assert!(
                stages.loaded.into_inner() < 50 + 2 * threads.get() as u64,
                "nobody runs far ahead"
            );
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_nobody_waiting() {
        for threads in [1, 2, 8] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let result = std::panic::catch_unwind(|| {
                run(&squares(0, 0, 33), threads, 0..200, (0, Vec::new()))
            });
            assert!(result.is_err());
        }
    }
}
