//! Ctrl-C while a query runs.
//!
//! A query is cancelled where it waits for rows. One that computes for long without waiting cannot be, so that the
//! process ends instead: at once, or in the shell if asked for once more.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::ctrl_c;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::program::output_file::unfinished;
use crate::program::report::report;

/// The exit status after ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;
/// How long a query may take to notice that it is cancelled.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches for ctrl-C until it is dropped, on a thread of its own: a query may keep all others busy.
pub(crate) struct Watch(
    #[expect(dead_code, reason = "dropping it ends the thread")] oneshot::Sender<()>,
);

impl Watch {
    /// Watches over a query whose answer goes to a file, if one is given.
    pub(crate) fn start(is_shell: bool, output: Option<PathBuf>) -> Self {
        let (sender, over) = oneshot::channel::<()>();
        thread::spawn(move || {
            // Without it ctrl-C still cancels what waits.
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = over => {}
                    () = wait(is_shell) => {
                        if let Some(path) = output {
                            // There may be none yet.
                            let _ = std::fs::remove_file(unfinished(&path));
                        }
                        std::process::exit(INTERRUPTED.into());
                    }
                }
            });
        });
        Self(sender)
    }
}

/// Returns when the process has to end.
async fn wait(is_shell: bool) {
    // If ctrl-C cannot be caught, it ends the process anyway.
    let _ = ctrl_c().await;
    sleep(PATIENCE).await;
    if is_shell {
        report("the query does not stop: ctrl-C again ends the program");
        let _ = ctrl_c().await;
    }
}
