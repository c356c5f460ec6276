//! A worker: runs parts of the queries that other processes ask.

use std::net::SocketAddr;
use std::process;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use nfdecode_sql::{TableOptions, serve, worker};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::program::report::report;
use crate::program::runner::Stop;

/// Ends the process on a panic of any thread.
///
/// The engine would take the end of a task that panics for the end of its rows, and the answer would lack the others.
pub(crate) fn end_on_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        process::abort();
    }));
}

/// Serves until SIGTERM or ctrl-C.
pub(crate) fn run(
    address: SocketAddr,
    options: &TableOptions,
    environment: Arc<RuntimeEnv>,
    runtime: &Runtime,
) -> Result<(), Stop> {
    let failed = |error: &dyn std::fmt::Display| Stop::Failed(format!("{address}: {error}"));
    let worker = worker(options, environment);
    runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| failed(&error))?;
        let bound = listener.local_addr().map_err(|error| failed(&error))?;
        let mut terminated = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
        report(&format!("a worker listens on {bound}"));
        // Queries that still run are not waited for: they fail, and can be asked again.
        tokio::select! {
            served = serve(listener, worker, std::future::pending()) => {
                served.map_err(|error| failed(&error))
            }
            _ = terminated.recv() => Ok(()),
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}
