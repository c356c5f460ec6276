//! Connections to workers: errors that name the worker, and what workers report about files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_distributed::grpc::{BoxCloneSyncChannel, create_worker_client};
use datafusion_distributed::{
    ChannelResolver, CoordinatorToWorkerMsg, ExecuteTaskRequest, GetWorkerInfoRequest,
    GetWorkerInfoResponse, SetPlanRequest, WorkerChannel, WorkerToCoordinatorMsg,
};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use tonic::codegen::http::HeaderMap;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use crate::cluster::accounts::Accounts;

/// How often a connection is tested while an answer is awaited.
pub(super) const TEST_EVERY: Duration = Duration::from_secs(10);
/// How long the other side may take to answer such a test.
pub(super) const TEST_FOR: Duration = Duration::from_secs(20);
/// How long a worker may take to accept a connection.
const CONNECT_FOR: Duration = Duration::from_secs(10);

/// Connections to workers, one for each. `Clone` shares them.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    open: Arc<Mutex<HashMap<Url, Channel>>>,
    /// Of the files of queries that this process asks.
    accounts: Option<Accounts>,
}

impl Channels {
    pub(super) fn new(accounts: Option<Accounts>) -> Self {
        Self {
            open: Arc::default(),
            accounts,
        }
    }

    async fn channel(&self, url: &Url) -> Result<Channel> {
        let known = self.lock().get(url).cloned();
        if let Some(channel) = known {
            // It connects again by itself.
            return Ok(channel);
        }
        let endpoint = Endpoint::from_shared(url.to_string()).map_err(|error| at(url, &error))?;
        let channel = endpoint
            .connect_timeout(CONNECT_FOR)
            .tcp_nodelay(true)
            // A machine that is switched off says nothing more.
            .http2_keep_alive_interval(TEST_EVERY)
            .keep_alive_timeout(TEST_FOR)
            .connect()
            .await
            .map_err(|error| at(url, &error))?;
        Ok(self.lock().entry(url.clone()).or_insert(channel).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Url, Channel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error of a connection, with its worker and its cause.
fn at(url: &Url, error: &(dyn std::error::Error + 'static)) -> DataFusionError {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    DataFusionError::Execution(format!("worker {}: {root}", name_of(url)))
}

/// Names the worker in errors of the connection. Errors of the query on the worker stay as they are.
fn named(url: &Url, error: DataFusionError) -> DataFusionError {
    match &error {
        DataFusionError::External(inner) if inner.is::<tonic::Status>() => at(url, inner.as_ref()),
        _ => error,
    }
}

fn name_of(url: &Url) -> &str {
    url.as_str()
        .trim_start_matches("http://")
        .trim_end_matches('/')
}

#[async_trait]
impl ChannelResolver for Channels {
    async fn get_worker_client_for_url(&self, url: &Url) -> Result<Box<dyn WorkerChannel>> {
        let channel = self.channel(url).await?;
        Ok(Box::new(Connection {
            url: url.clone(),
            inner: create_worker_client(BoxCloneSyncChannel::new(channel)),
            accounts: self.accounts.clone(),
        }))
    }
}

/// A connection to a worker.
struct Connection {
    url: Url,
    inner: Box<dyn WorkerChannel>,
    accounts: Option<Accounts>,
}

#[async_trait]
impl WorkerChannel for Connection {
    async fn coordinator_channel(
        &mut self,
        headers: HeaderMap,
        request: SetPlanRequest,
        messages: BoxStream<'static, CoordinatorToWorkerMsg>,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<WorkerToCoordinatorMsg>>> {
        let url = self.url.clone();
        let accounts = self.accounts.clone();
        let answers = self
            .inner
            .coordinator_channel(headers, request, messages, metrics, context)
            .await
            .map_err(|error| named(&url, error))?;
        let answers = answers.map(move |answer| {
            let mut answer = answer.map_err(|error| named(&url, error))?;
            if let (WorkerToCoordinatorMsg::TaskMetrics(found), Some(accounts)) =
                (&mut answer, &accounts)
            {
                for metrics in &mut found.pre_order_plan_metrics {
                    *metrics = accounts.absorb(metrics)?;
                }
            }
            Ok(answer)
        });
        Ok(answers.boxed())
    }

    async fn execute_task(
        &mut self,
        headers: HeaderMap,
        request: ExecuteTaskRequest,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        let streams = self
            .inner
            .execute_task(headers, request, metrics, context)
            .await
            .map_err(|error| named(&self.url, error))?;
        let streams = streams.into_iter().map(|stream| {
            let url = self.url.clone();
            stream.map_err(move |error| named(&url, error)).boxed()
        });
        Ok(streams.collect())
    }

    async fn get_worker_info(
        &mut self,
        request: GetWorkerInfoRequest,
    ) -> Result<GetWorkerInfoResponse> {
        self.inner
            .get_worker_info(request)
            .await
            .map_err(|error| named(&self.url, error))
    }
}
