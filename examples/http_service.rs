//! A small HTTP service that answers queries over an archive of nfcapd files with NDJSON.
//!
//! `cargo run --release --example http_service -- DIRECTORY [ADDRESS]`
//!
//! `curl 'http://127.0.0.1:8080/flows?addr=192.0.2.10&port=443&proto=6&limit=100'`
//!
//! Decoding never runs on the threads of the async runtime: each query has a blocking task, a
//! semaphore bounds how many of these there are, and further queries wait. The task hands text over
//! through a short channel, so a slow client slows its own query down and memory stays bounded. When
//! a client goes away, the channel closes and its task ends with the block it is at; one that was
//! still waiting never starts.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowFormat as _, TextBuffer};
use nfdecode::time::Zone;
use nfdecode::{FileSet, Flow};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

/// Text is handed over in pieces of about this size.
const PIECE: usize = 64 * 1024;
/// How long a client may take for a piece. One that stands still must not keep others waiting.
const PATIENCE: Duration = Duration::from_secs(30);

struct Service {
    directory: PathBuf,
    queries: Arc<Semaphore>,
}

/// What to look for. What is not given matches every flow.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    addr: Option<IpAddr>,
    port: Option<u16>,
    proto: Option<u8>,
    limit: Option<u64>,
}

impl Search {
    fn matches(&self, flow: &Flow<'_>) -> bool {
        let either = |a, b| a == self.addr || b == self.addr;
        (self.proto.is_none() || flow.proto() == self.proto)
            && (self.port.is_none() || flow.dst_port() == self.port || flow.src_port() == self.port)
            && (self.addr.is_none() || either(flow.src_addr(), flow.dst_addr()))
    }
}

/// Runs on a thread for blocking work. Ends early when nobody listens any more.
fn search(
    directory: PathBuf,
    search: &Search,
    out: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut archive = FileSet::in_directory(directory)?;
    archive.sort_by_name();
    let mut format = JsonFormat::ndjson(Zone::named("UTC").map_err(io::Error::other)?);
    let mut text = TextBuffer::default();
    let mut found = 0;
    let limit = search.limit.unwrap_or(u64::MAX);
    let runtime = Handle::current();
    let hand_over = |text: &mut TextBuffer| {
        let piece = Bytes::copy_from_slice(text.as_bytes());
        text.clear();
        let sent = runtime.block_on(timeout(PATIENCE, out.send(Ok(piece))));
        sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    };

    let mut blocks = archive.blocks();
    while let Some(block) = blocks.next() {
        if out.is_closed() || found >= limit {
            break;
        }
        // A damaged block costs its flows, not the query.
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        format.set_file(blocks.file().and_then(|file| file.ident()), "");
        for flow in block.flows().filter(|flow| search.matches(flow)) {
            if found >= limit {
                break;
            }
            found += 1;
            format.flow(found, &flow, &mut text);
            if text.len() >= PIECE {
                hand_over(&mut text)?;
            }
        }
    }
    if !text.is_empty() {
        hand_over(&mut text)?;
    }
    Ok(())
}

async fn flows(State(service): State<Arc<Service>>, Query(query): Query<Search>) -> Response {
    let Ok(permit) = Arc::clone(&service.queries).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (out, pieces) = mpsc::channel(4);
    let directory = service.directory.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = search(directory, &query, &out) {
            // The client sees a body that breaks off instead of one that looks complete.
            drop(out.try_send(Err(error)));
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
