//! Order, early ends, panics and threads of a run.

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
    type Numbers = u64;
    type Tally = Vec<(u64, u64)>;

    fn worker(&self) {}

    fn load(&self, item: u64) -> (u64, u64) {
        self.loaded.fetch_add(1, Ordering::Relaxed);
        if item.is_multiple_of(7) {
            thread::sleep(Duration::from_micros(300));
        }
        assert!(item != self.panic_at, "wanted");
        (item * item, 0)
    }

    fn number(&self, loaded: &mut (u64, u64), numbers: &mut u64) -> ControlFlow<()> {
        *numbers += 1;
        loaded.1 = *numbers;
        if *numbers == self.last {
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
            tally.push(loaded);
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

fn run_squares(
    stages: &Squares,
    threads: usize,
    items: impl Iterator<Item = u64> + Send,
) -> (Vec<(u64, u64)>, std::result::Result<(), Stopped>) {
    let threads = NonZeroUsize::new(threads).expect("not zero");
    let outcome = run(stages, threads, items, 0, Vec::new());
    (outcome.tally, outcome.end)
}

#[test]
fn results_are_the_same_for_any_number_of_threads() {
    for threads in [1, 2, 3, 8] {
        let all = run_squares(&squares(0, 0, 999), threads, 0..200);
        assert_eq!(all, (expected(200), Ok(())));
        let none = run_squares(&squares(0, 0, 999), threads, 0..0);
        assert_eq!(none, (Vec::new(), Ok(())));
    }
}

#[test]
fn early_ends_are_exact() {
    for threads in [1, 2, 8] {
        let stages = squares(50, 0, 999);
        let stopped = run_squares(&stages, threads, 0..);
        assert_eq!(stopped, (expected(50), Err(Stopped(()))));
        let stages = squares(0, 50, 999);
        let ended = run_squares(&stages, threads, 0..);
        assert_eq!(ended, (expected(50), Ok(())));
        assert!(
            stages.loaded.into_inner() < 50 + 2 * threads as u64,
            "no thread runs far ahead"
        );
    }
}

#[test]
fn a_panic_reaches_the_caller_and_leaves_no_thread_waiting() {
    for threads in [1, 2, 8] {
        let result = std::panic::catch_unwind(|| run_squares(&squares(0, 0, 33), threads, 0..200));
        assert!(result.is_err());
    }
}

/// Returns [`Stopped`] from `work` although the lane did not: a mistake that must not hang the run.
struct Quits;

impl Stages for Quits {
    type Item = u64;
    type Loaded = u64;
    type Worker = ();
    type Numbers = ();
    type Tally = Vec<u64>;

    fn worker(&self) {}

    fn load(&self, item: u64) -> u64 {
        item
    }

    fn number(&self, _: &mut u64, (): &mut ()) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn work(
        &self,
        (): &mut (),
        item: u64,
        lane: &mut Lane<'_, Vec<u64>>,
    ) -> std::result::Result<(), Stopped> {
        if item == 3 {
            return Err(Stopped(()));
        }
        lane.in_turn(|tally| {
            tally.push(item);
            ControlFlow::Continue(())
        })
    }
}

#[test]
fn work_that_stops_by_itself_ends_the_run_and_says_so() {
    for threads in [1, 2, 8] {
        let threads = NonZeroUsize::new(threads).expect("not zero");
        let outcome = run(&Quits, threads, 0..10, (), Vec::new());
        assert_eq!(outcome.end, Err(Stopped(())));
        assert!(outcome.tally.iter().zip(0..).all(|(item, at)| *item == at));
        assert!(outcome.tally.len() <= 3);
    }
}

/// Its first step in turn waits until another thread has loaded two more items.
struct Slow {
    loaded: Mutex<u64>,
    changed: Condvar,
}

impl Stages for Slow {
    type Item = u64;
    type Loaded = u64;
    type Worker = ();
    type Numbers = u64;
    type Tally = u64;

    fn worker(&self) {}

    fn load(&self, item: u64) -> u64 {
        *lock(&self.loaded) += 1;
        self.changed.notify_all();
        item
    }

    fn number(&self, _: &mut u64, numbers: &mut u64) -> ControlFlow<()> {
        *numbers += 1;
        ControlFlow::Continue(())
    }

    fn work(
        &self,
        (): &mut (),
        item: u64,
        lane: &mut Lane<'_, u64>,
    ) -> std::result::Result<(), Stopped> {
        lane.in_turn(|tally| {
            if item == 0 {
                let limit = Duration::from_secs(60);
                let loaded = lock(&self.loaded);
                let waited = self
                    .changed
                    .wait_timeout_while(loaded, limit, |loaded| *loaded < 3);
                let waited = waited.unwrap_or_else(PoisonError::into_inner);
                assert!(!waited.1.timed_out(), "a slow step blocks loading");
            }
            *tally += 1;
            ControlFlow::Continue(())
        })
    }
}

#[test]
fn a_slow_step_in_turn_does_not_block_loading() {
    let stages = Slow {
        loaded: Mutex::new(0),
        changed: Condvar::new(),
    };
    let threads = NonZeroUsize::new(3).expect("not zero");
    let outcome = run(&stages, threads, 0..8, 0, 0);
    assert_eq!((outcome.numbers, outcome.tally), (8, 8));
}

/// Items of this size or less are small. Counts threads.
struct Small {
    most: u64,
    threads: AtomicU64,
}

impl Stages for Small {
    type Item = u64;
    type Loaded = u64;
    type Worker = ();
    type Numbers = ();
    type Tally = Vec<u64>;

    fn worker(&self) {
        self.threads.fetch_add(1, Ordering::Relaxed);
    }

    fn is_small(&self, item: &u64) -> bool {
        *item <= self.most
    }

    fn load(&self, item: u64) -> u64 {
        item
    }

    fn number(&self, _: &mut u64, (): &mut ()) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn work(
        &self,
        (): &mut (),
        item: u64,
        lane: &mut Lane<'_, Vec<u64>>,
    ) -> std::result::Result<(), Stopped> {
        lane.in_turn(|tally| {
            tally.push(item);
            ControlFlow::Continue(())
        })
    }
}

#[test]
fn threads_are_started_for_large_or_many_items() {
    let cases = [
        ("two small ones", 1..3, 2, 1),
        ("a large one", 1..2, 0, 4),
        ("a large one after a small one", 1..3, 1, 4),
        ("many small ones", 1..9, 9, 4),
    ];
    for (what, items, most, expected) in cases {
        let stages = Small {
            most,
            threads: AtomicU64::new(0),
        };
        let threads = NonZeroUsize::new(4).expect("not zero");
        let outcome = run(&stages, threads, items.clone(), (), Vec::new());
        assert_eq!(outcome.tally, items.collect::<Vec<_>>());
        assert_eq!(stages.threads.into_inner(), expected, "{what}");
    }
}
