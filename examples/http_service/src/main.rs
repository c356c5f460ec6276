//! A small HTTP service that answers queries over an archive of nfcapd files with NDJSON.
//!
//! `cargo run --release --example http_service -- DIRECTORY [ADDRESS]`
//!
//! `curl -G http://127.0.0.1:8080/flows -d limit=100 --data-urlencode 'filter=proto tcp and dst port 443'`
//!
//! Filters come from strangers: the library takes them in nfdump's language, in linear time, and reads
//! no file and resolves no name unless configured to.
//!
//! Decoding never runs on the threads of the async runtime: each query has a blocking task, a
//! semaphore bounds how many of these there are, and further queries wait. The task hands text over
//! through a short channel, so a slow client slows its own query down and memory stays bounded. When
//! a client goes away, the channel closes and its task ends with the block it is at; one that was
//! still waiting never starts.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use nfdecode::FileSet;
use nfdecode::Filter;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

/// Text is handed over in pieces of about this size.
const PIECE: usize = 64 * 1024;
/// Maximum time for a client to accept a piece. A stalled client must not keep others waiting.
const PATIENCE: Duration = Duration::from_secs(30);

struct Service {
    directory: PathBuf,
    queries: Arc<Semaphore>,
}

/// What to look for; without a filter every flow.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    filter: Option<String>,
    limit: Option<u64>,
}

/// Text on its way to the client.
struct Answer {
    text: TextBuffer,
    out: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Answer {
    /// Sends the text once there is enough. Fails when the receiver is gone.
    fn flush(&mut self, at_least: usize) -> io::Result<()> {
        if self.text.len() < at_least.max(1) {
            return Ok(());
        }
        let piece = Bytes::copy_from_slice(self.text.as_bytes());
        self.text.clear();
        let sent = timeout(PATIENCE, self.out.send(Ok(piece)));
        self.runtime
            .block_on(sent)
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// Runs on a thread for blocking work.
fn search(directory: &Path, filter: &Filter, limit: u64, answer: &mut Answer) -> io::Result<()> {
    let mut archive = FileSet::in_directory(directory)?;
    archive.sort_by_name();
    let scan = archive.scan().select(filter.clone()).limit(limit);
    let mut format = JsonFormat::ndjson(Zone::named("UTC").map_err(io::Error::other)?);
    for block in scan.blocks() {
        if answer.out.is_closed() {
            return Ok(());
        }
        // A damaged block costs its flows, not the query.
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        let context = FlowContext::new(block.file().file().ident(), "");
        for (flow, number) in block.flows().zip(block.flows_before() + 1..) {
            format.flow(number, &flow, &context, &mut answer.text);
            answer.flush(PIECE)?;
        }
    }
    answer.flush(0)
}

async fn flows(State(service): State<Arc<Service>>, Query(query): Query<Search>) -> Response {
    let filter = match Filter::parse(query.filter.as_deref().unwrap_or("any")) {
        Ok(filter) => filter,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let limit = query.limit.unwrap_or(u64::MAX);
    let Ok(permit) = Arc::clone(&service.queries).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (out, pieces) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut answer = Answer {
            text: TextBuffer::default(),
            out,
            runtime: Handle::current(),
        };
        if let Err(error) = search(&service.directory, &filter, limit, &mut answer) {
            // The client sees a body that breaks off instead of one that looks complete.
            drop(answer.out.try_send(Err(error)));
        }
        drop(permit);
    });
    let body = Body::from_stream(ReceiverStream::new(pieces));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .ok_or("usage: http_service DIRECTORY [ADDRESS]")?;
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let service = Service {
        directory: directory.into(),
        queries: Arc::new(Semaphore::new(cores)),
    };
    let router = axum::Router::new()
        .route("/flows", get(flows))
        .with_state(Arc::new(service));
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
