//! The HTTP server: connections within limits, requests to answers.
//!
//! One thread has all connections. Answers that read flows are made on a few other threads; further requests wait, and
//! are turned away if they wait for long. A request whose client leaves ends at the next block.

use std::future::Future as _;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use nfdecode::Scan;
use nfdecode::scan::ScanInput;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant as Moment, Sleep, sleep, timeout};

use crate::serve::assets::{ASSETS, Asset, POLICY};
use crate::serve::body::{Body, Pieces};
use crate::serve::cache::Cache;
use crate::serve::export::Export;
use crate::serve::guard::Guard;
use crate::serve::params::Params;
use crate::serve::problem::Problem;
use crate::serve::run::Halt;
use crate::serve::service::Service;
use crate::serve::settings::Settings;
use crate::serve::{about, flows, index, view};

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to send the head of a request, and how long a connection may be idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// How long a client may take nothing of what is sent to it.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a request waits for others.
const QUEUE_PATIENCE: Duration = Duration::from_secs(30);
/// Requests that wait at most.
const QUEUE_MAX: usize = 64;
/// Bytes of the head of a request.
const HEAD_MAX: usize = 32 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Exports at once.
const EXPORTS_MAX: usize = 2;
/// Pieces of an export between its maker and its client.
const PIECES: usize = 4;
/// How often it is looked whether to end.
const PULSE: Duration = Duration::from_millis(100);

/// Lists the files that are served, or says why it cannot.
pub type Lister<'l> = Box<dyn Fn() -> Result<Vec<ScanInput>, String> + Send + Sync + 'l>;

/// A web application over nfcapd files, for browsers on this machine.
pub struct Server<'l> {
    listener: TcpListener,
    shared: Arc<Shared>,
    lister: Lister<'l>,
    cache: Option<Cache>,
}

/// What requests share.
struct Shared {
    service: Service,
    guard: Guard,
    queries: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    exports: Arc<Semaphore>,
}

impl<'l> Server<'l> {
    /// Listens. Files are listed by `lister` and read as `scan` says; its own inputs do not matter.
    ///
    /// # Errors
    /// The address cannot be listened on; it is reached by other machines and there is no token; the directory of the
    /// cache cannot be made; `lister` failed.
    pub fn bind(settings: Settings, scan: Scan, lister: Lister<'l>) -> io::Result<Self> {
        if !settings.listen.ip().is_loopback() && settings.token.is_none() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "other machines reach this address: a token is needed",
            ));
        }
        let reading = u64::from(scan.options().is_partial());
        let cache = settings.cache.clone();
        let cache = cache.map(|place| Cache::new(place, reading)).transpose()?;
        let listener = TcpListener::bind(settings.listen)?;
        let guard = Guard::new(
            listener.local_addr()?,
            &settings.hosts,
            settings.token.as_deref(),
        );
        let queries = Arc::new(Semaphore::new(settings.queries));
        let service = Service::new(settings, scan);
        service.archive.update(lister().map_err(io::Error::other)?);
        Ok(Self {
            listener,
            shared: Arc::new(Shared {
                service,
                guard,
                queries,
                waiting: Arc::new(Semaphore::new(QUEUE_MAX)),
                exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            }),
            lister,
            cache,
        })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// Those of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until `is_over`, which is asked several times a second. `report` gets what the user should know,
    /// such as that summaries cannot be saved.
    ///
    /// # Errors
    /// Those of the system at the start.
    pub fn run(
        self,
        is_over: impl Fn() -> bool + Sync,
        report: impl Fn(String) + Sync,
    ) -> io::Result<()> {
        let Self {
            listener,
            shared,
            lister,
            cache,
        } = self;
        listener.set_nonblocking(true)?;
        let queries = shared.service.settings.queries;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(queries + EXPORTS_MAX + 1)
            .build()?;
        let ended = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            let indexing = || {
                let is_over = || ended.load(Ordering::Relaxed);
                keep_up(&shared.service, cache.as_ref(), &lister, &is_over, &report);
            };
            thread::Builder::new()
                .name("index".to_owned())
                .spawn_scoped(scope, indexing)?;
            let result = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                // Connections end with the runtime.
                let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
                while !is_over() {
                    sleep(PULSE).await;
                }
                accepting.abort();
                Ok(())
            });
            ended.store(true, Ordering::Relaxed);
            result
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }
}

/// Lists and reads files, again and again if they are followed.
fn keep_up(
    service: &Service,
    cache: Option<&Cache>,
    lister: &Lister<'_>,
    is_over: &(dyn Fn() -> bool + Sync),
    report: &(dyn Fn(String) + Sync),
) {
    loop {
        if let Some(error) = index::run(&service.archive, cache, &service.scan, is_over) {
            report(format!("summaries cannot be saved: {error}"));
        }
        let Some(every) = service.settings.follow else {
            return;
        };
        let since = Instant::now();
        while since.elapsed() < every {
            if is_over() {
                return;
            }
            thread::sleep(PULSE.min(every));
        }
        match lister() {
            Ok(inputs) => {
                service.archive.update(inputs);
                service.archive.set_problem(None);
            }
            Err(problem) => service.archive.set_problem(Some(problem)),
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // Further clients wait in the queue of the system.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Such as too many open files: others will be closed.
            sleep(PULSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, std::convert::Infallible>(respond(shared, request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_PATIENCE)
                .max_buf_size(HEAD_MAX)
                .max_headers(HEADERS_MAX)
                .serve_connection(TokioIo::new(Patient::new(stream)), answer);
            // A client that breaks off is no problem of ours.
            let _ = connection.await;
            drop(place);
        });
    }
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let (head, _) = request.into_parts();
    let found = match shared.guard.admit(&head) {
        Ok(()) => route(shared, &head).await,
        Err(problem) => Err(problem),
    };
    found.unwrap_or_else(|problem| refusal(&problem))
}

async fn route(shared: Arc<Shared>, head: &Parts) -> Result<Response<Body>, Problem> {
    let path = head.uri.path();
    let query = head.uri.query().map(str::to_owned);
    if let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) {
        return Ok(asset_answer(asset));
    }
    let name = path.strip_prefix("/api/v1/").unwrap_or_default().to_owned();
    let is_known = [
        "meta", "fields", "filter", "command", "ticket", "series", "top", "view", "flows", "flow",
        "export",
    ]
    .contains(&name.as_str());
    if !is_known {
        let message = "there is nothing here: /api/v1/openapi.json lists what is";
        return Err(Problem::new(StatusCode::NOT_FOUND, message));
    }
    let has_ticket = || {
        let params = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        let ticket = params.into_iter().find(|(name, _)| name == "ticket");
        name == "export" && ticket.is_some_and(|(_, ticket)| shared.service.use_ticket(&ticket))
    };
    shared.guard.authorize(&head.headers, has_ticket)?;
    let query = query.as_deref();
    let service = &shared.service;
    match name.as_str() {
        "meta" => about::meta(service, query).map(|value| json_answer(&value)),
        "fields" => about::names(query).map(|value| json_answer(&value)),
        "filter" => about::filter(service, query).map(|value| json_answer(&value)),
        "command" => about::command(service, query).map(|value| json_answer(&value)),
        "ticket" => {
            Params::read(query, &[])?;
            let ticket = service.ticket().map_err(Problem::failed)?;
            Ok(json_answer(&serde_json::json!({ "ticket": ticket })))
        }
        "export" => export(&shared, query, head.method == hyper::Method::HEAD).await,
        _ => ask(&shared, name, query.map(str::to_owned)).await,
    }
}

/// Answers from flows, on another thread.
async fn ask(
    shared: &Arc<Shared>,
    name: String,
    query: Option<String>,
) -> Result<Response<Body>, Problem> {
    let permit = wait(shared, &shared.queries).await?;
    let (halt, leaving) = Halt::after(shared.service.settings.limit);
    let working = Arc::clone(shared);
    let work = move || {
        let (service, query) = (&working.service, query.as_deref());
        let json = |value: Value| ("application/json", value.to_string().into());
        let found = match name.as_str() {
            "series" => view::series(service, query, &halt).map(|(kind, text)| (kind, text.into())),
            "top" => view::top(service, query, &halt).map(json),
            "view" => view::view(service, query, &halt).map(json),
            "flow" => flows::details(service, query, &halt).map(json),
            _ => flows::page(service, query, &halt).map(|page| ("application/json", page)),
        };
        drop(permit);
        found
    };
    let found = tokio::task::spawn_blocking(work).await;
    drop(leaving);
    let (kind, bytes): (_, Vec<u8>) =
        found.map_err(|_| Problem::failed("the request failed here: please report this"))??;
    Ok(answer(StatusCode::OK, kind, Body::Whole(bytes.into())))
}

async fn export(
    shared: &Arc<Shared>,
    query: Option<&str>,
    is_head: bool,
) -> Result<Response<Body>, Problem> {
    let export = Export::new(&shared.service, query)?;
    let disposition = format!("attachment; filename=\"{}\"", export.file);
    let media = export.media;
    let body = match is_head {
        true => Body::Whole(Bytes::new()),
        false => {
            let permit = wait(shared, &shared.exports).await?;
            let (halt, leaving) = Halt::after(shared.service.settings.limit);
            let halt = halt.without_limit();
            let (sender, pieces) = mpsc::channel(PIECES);
            tokio::task::spawn_blocking(move || {
                export.run(Pieces::new(sender), &halt);
                drop(permit);
            });
            Body::Stream {
                pieces,
                _leaving: leaving,
            }
        }
    };
    let mut response = answer(StatusCode::OK, media, body);
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Waits for a place among those that are worked on.
async fn wait(shared: &Shared, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let busy = || {
        let message = "busy with other requests: try again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, message)
    };
    let _waiting = shared.waiting.try_acquire().map_err(|_| busy())?;
    let place = timeout(QUEUE_PATIENCE, Arc::clone(places).acquire_owned()).await;
    place.map_err(|_| busy())?.map_err(|_| busy())
}

fn json_answer(value: &Value) -> Response<Body> {
    let body = Body::Whole(value.to_string().into());
    answer(StatusCode::OK, "application/json", body)
}

fn asset_answer(asset: &Asset) -> Response<Body> {
    let body = Body::Whole(Bytes::from_static(asset.content.as_bytes()));
    answer(StatusCode::OK, asset.media, body)
}

fn refusal(problem: &Problem) -> Response<Body> {
    let body = Body::Whole(format!("{}\n", problem.json()).into());
    let mut response = answer(problem.status, "application/json", body);
    if problem.status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// An answer with the headers that all have: nothing is loaded from elsewhere, guessed, framed or kept.
fn answer(status: StatusCode, media: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let all = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = response.headers_mut();
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A connection that fails when its client takes nothing for long.
struct Patient {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream) -> Self {
        // Answers are small or large, never in between.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            stalled: None,
        }
    }

    fn watch<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let until = || Box::pin(tokio::time::sleep_until(Moment::now() + WRITE_PATIENCE));
        match self
            .stalled
            .get_or_insert_with(until)
            .as_mut()
            .poll(context)
        {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(result, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
