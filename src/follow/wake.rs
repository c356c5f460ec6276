//! When to look again: as soon as the system reports a change, and after some time anyway.
//!
//! Reports may be lost, late or too many. They wake only; a look at the directories decides.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// Changes come in groups: how long to wait for the rest of one.
const GROUP: Duration = Duration::from_millis(20);

/// Waits for changes in directories.
#[derive(Debug)]
pub struct Wake {
    changes: Receiver<()>,
    /// Keeps the channel open without a watcher.
    _sender: SyncSender<()>,
    watcher: Option<RecommendedWatcher>,
    problem: Option<String>,
}

impl Wake {
    /// Never wakes before the time is over: for network file systems, which report nothing.
    #[must_use]
    pub fn polling() -> Self {
        let (sender, changes) = mpsc::sync_channel(1);
        Self {
            changes,
            _sender: sender,
            watcher: None,
            problem: None,
        }
    }

    /// Wakes when something changes in these directories. Where that is not possible, only time wakes; see
    /// [`problem`](Self::problem).
    #[must_use]
    pub fn watching<P: AsRef<Path>>(roots: impl IntoIterator<Item = P>) -> Self {
        let mut this = Self::polling();
        let sender = this._sender.clone();
        let watch = move |event: notify::Result<notify::Event>| {
            // Reading makes no difference to what there is.
            let is_access = event.is_ok_and(|event| event.kind.is_access());
            if !is_access {
                // One waiting report is enough.
                let _ = sender.try_send(());
            }
        };
        let made = notify::recommended_watcher(watch).and_then(|mut watcher| {
            for root in roots {
                watcher.watch(root.as_ref(), RecursiveMode::Recursive)?;
            }
            Ok(watcher)
        });
        match made {
            Ok(watcher) => this.watcher = Some(watcher),
            Err(error) => this.problem = Some(error.to_string()),
        }
        this
    }

    /// Why only time wakes.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether the system reports changes.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.watcher.is_some()
    }

    /// Waits for a change, at most this long. Returns whether there was one.
    #[must_use]
    pub fn wait(&self, most: Duration) -> bool {
        let deadline = Instant::now() + most;
        match self.changes.recv_timeout(most) {
            Ok(()) => {
                let rest = deadline.saturating_duration_since(Instant::now());
                std::thread::sleep(GROUP.min(rest));
                // The rest of the group.
                let _ = self.changes.try_recv();
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}
