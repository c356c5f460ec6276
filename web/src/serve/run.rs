//! Runs scans for requests: cancelled when the client leaves, ended when they take too long.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use nfdecode::Scan;
use nfdecode::scan::{Lane, Part, ScanBlock, Stopped, Totals, Work};

use crate::serve::problem::Problem;

/// Says when a request is no longer worth an answer.
#[derive(Clone, Debug)]
pub(crate) struct Halt {
    has_left: Arc<AtomicBool>,
    until: Option<Instant>,
    limit: Duration,
}

/// Halts a request when it is dropped: the client has left.
#[derive(Debug)]
pub(crate) struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Halt {
    /// After this time, or once the other half is dropped.
    pub(crate) fn after(limit: Duration) -> (Self, Leaving) {
        let has_left = Arc::new(AtomicBool::new(false));
        let halt = Self {
            has_left: Arc::clone(&has_left),
            until: Instant::now().checked_add(limit),
            limit,
        };
        (halt, Leaving(has_left))
    }

    /// Without a limit of time: what is sent as it is found takes as long as it is read.
    pub(crate) fn without_limit(self) -> Self {
        Self {
            until: None,
            ..self
        }
    }

    /// Whether to go on.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.has_left.load(Ordering::Relaxed) {
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the client left"));
        }
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "not answered within {} s: choose a shorter time, or use the command line",
                    self.limit.as_secs()
                ),
            ));
        }
        Ok(())
    }
}

/// Calls `work` with each block on some thread and what `make` made for that thread, and `done` with its result in
/// order, until that says that it has enough.
pub(crate) fn blocks<W, R>(
    scan: &Scan,
    halt: &Halt,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &ScanBlock) -> R + Sync,
    done: impl FnMut(R, &ScanBlock) -> Result<ControlFlow<()>, Problem> + Send,
) -> Result<Totals, Problem> {
    let work = Typed(work, PhantomData);
    let running = Running { make, work, halt };
    let tally = Tally {
        done,
        problem: None,
    };
    let (totals, tally, _) = scan.run(&running, tally);
    match tally.problem {
        Some(problem) => Err(problem),
        None => Ok(totals),
    }
}

/// As [`blocks`], where the result is what the threads have.
pub(crate) fn each_block<W>(
    scan: &Scan,
    halt: &Halt,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &ScanBlock) + Sync,
) -> Result<Totals, Problem> {
    blocks(scan, halt, make, work, |(), _| {
        Ok(ControlFlow::Continue(()))
    })
}

struct Running<'h, M, A> {
    make: M,
    work: A,
    halt: &'h Halt,
}

struct Tally<D> {
    done: D,
    problem: Option<Problem>,
}

impl<W, R, M, A, D> Work for Running<'_, M, Typed<A, W, R, D>>
where
    M: Fn() -> W + Sync,
    A: Fn(&mut W, &ScanBlock) -> R + Sync,
    D: FnMut(R, &ScanBlock) -> Result<ControlFlow<()>, Problem> + Send,
{
    type Worker = W;
    type Tally = Tally<D>;

    fn worker(&self) -> W {
        (self.make)()
    }

    fn work(
        &self,
        worker: &mut W,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Tally<D>>,
    ) -> Result<(), Stopped> {
        for part in parts {
            let found = match &part {
                Part::Block(block) => Some(((self.work.0)(worker, block), block)),
                _ => None,
            };
            lane.in_turn(|tally| {
                let next = self.halt.check().and_then(|()| match found {
                    Some((result, block)) => (tally.done)(result, block),
                    None => Ok(ControlFlow::Continue(())),
                });
                next.unwrap_or_else(|problem| {
                    tally.problem.get_or_insert(problem);
                    ControlFlow::Break(())
                })
            })?;
        }
        Ok(())
    }
}

/// A function, and the types that it is used with.
struct Typed<A, W, R, D>(A, PhantomData<fn(W, R, D)>);
