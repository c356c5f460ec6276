//! Queries on several machines, with the engine datafusion-distributed.
//!
//! The process that asks plans the query, cuts it into stages and merges the answer. Workers run parts of the stages and
//! send rows to each other. There is no scheduler, and nothing is stored.

mod channels;
mod planner;
mod workers;

use std::future::Future;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion_distributed::{
    DistributedExt as _, SessionStateBuilderExt as _, Worker, WorkerQueryContext,
};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

pub use workers::Workers;

use crate::cluster::FlowCodec;
use crate::distributed::channels::{Channels, TEST_EVERY, TEST_FOR};
use crate::distributed::planner::Placement;
use crate::session::extend;
use crate::table::options::TableOptions;

/// Lets the queries of a session that is being built run on workers.
///
/// Call it after [`extend`] and with the same options. Files are listed and pruned here, and read by the workers, which
/// must see them under the same absolute paths. Queries that read little, and those of tables that are not files
/// (`files`, `exporters`, …), run in this process. Rows and damage are those of one process; their order is only that
/// of `ORDER BY`. If a worker ends or cannot be reached, the query fails, perhaps after its first rows.
///
/// A panic in one of the engine's tasks can end a stream of rows as if it was complete: end the process on panics, as the
/// program does.
#[must_use]
pub fn distribute(
    builder: SessionStateBuilder,
    workers: &Workers,
    options: &TableOptions,
) -> SessionStateBuilder {
    let codec = FlowCodec::new(options);
    let channels = Channels::new(Some(codec.accounts().clone()));
    let mut builder = builder
        .with_distributed_worker_resolver(workers.clone())
        .with_distributed_channel_resolver(channels)
        .with_distributed_user_codec(codec)
        .with_distributed_planner();
    let config = builder.config().take().unwrap_or_default();
    *builder.config() = Some(FlowCodec::prepare(config));
    let planner = builder.query_planner().take();
    match planner {
        Some(planner) => builder.with_query_planner(Arc::new(Placement::new(planner))),
        None => builder,
    }
}

/// A worker that opens files as `options` say, as with a passphrase; the rest comes with the plans.
///
/// See [`distribute`] about panics.
#[must_use]
pub fn worker(options: &TableOptions, environment: Arc<RuntimeEnv>) -> Worker {
    let options = options.clone();
    let channels = Channels::new(None);
    let state = move |context: WorkerQueryContext| {
        let state: Result<SessionState> = Ok(extend(context.builder, &options)
            .with_distributed_channel_resolver(channels.clone())
            .with_distributed_user_codec(FlowCodec::new(&options))
            .build());
        std::future::ready(state)
    };
    Worker::from_session_builder(state)
        .with_runtime_env(environment)
        .with_version(env!("CARGO_PKG_VERSION"))
}

/// Serves a worker until `shutdown` is ready.
///
/// Connections are neither encrypted nor authenticated, and a plan can read any file that the process can.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    worker: Worker,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    Server::builder()
        .http2_keepalive_interval(Some(TEST_EVERY))
        .http2_keepalive_timeout(Some(TEST_FOR))
        .add_service(worker.into_worker_server())
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            shutdown,
        )
        .await
        .map_err(|error| DataFusionError::External(Box::new(error)))
}
