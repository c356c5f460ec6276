//! Metrics for Prometheus: a file for the textfile collector, or one page on a loopback address.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::follow::tell::Counts;
use crate::run::stop::Stop;

/// How often the file is written at most.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where metrics go.
pub(crate) enum Metrics {
    Nowhere,
    File(PathBuf, Option<Instant>),
    /// A thread answers.
    Served,
}

impl Metrics {
    pub(crate) fn new(place: Option<&str>, counts: &Arc<Counts>) -> Result<Self, Stop> {
        let Some(place) = place else {
            return Ok(Self::Nowhere);
        };
        let Ok(address) = place.parse::<SocketAddr>() else {
            let mut this = Self::File(place.into(), None);
            // Better to fail here than later.
            this.write(counts, true)
                .map_err(|error| Stop::failed(format!("{place}: {error}")))?;
            return Ok(this);
        };
        if !address.ip().is_loopback() {
            return Err(Stop::Usage(format!(
                "--metrics {place}: not a loopback address: use 127.0.0.1 or [::1], or a file"
            )));
        }
        let failed = |error| Stop::failed(format!("--metrics {place}: {error}"));
        let listener = TcpListener::bind(address).map_err(failed)?;
        let counts = Arc::clone(counts);
        let serve = move || {
            for client in listener.incoming().flatten() {
                // A client that goes away is no problem of ours.
                let _ = answer(client, &counts);
            }
        };
        thread::Builder::new().spawn(serve).map_err(failed)?;
        Ok(Self::Served)
    }

    /// Writes the file, unless it was written just now.
    pub(crate) fn write(&mut self, counts: &Counts, at_once: bool) -> io::Result<()> {
        let Self::File(path, last) = self else {
            return Ok(());
        };
        if !at_once && last.is_some_and(|last| last.elapsed() < PAUSE) {
            return Ok(());
        }
        *last = Some(Instant::now());
        let mut name = path.as_os_str().to_owned();
        // The collector reads only names that end in `.prom`.
        name.push(".new");
        fs::write(&name, text(counts))?;
        fs::rename(&name, path)
    }
}

fn answer(mut client: TcpStream, counts: &Counts) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut request = [0; 1024];
    let length = client.read(&mut request)?;
    let request = request.get(..length).unwrap_or_default();
    let (status, body) = match request.starts_with(b"GET /metrics ") {
        true => ("200 OK", text(counts)),
        false => ("404 Not Found", "the page is /metrics\n".to_owned()),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// All metrics in Prometheus' text format.
pub(crate) fn text(counts: &Counts) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let get = Counts::get;
    let lag = get(&counts.lag) as f64 / 1000.0;
    let all = [
        (
            "flows_total",
            "counter",
            "Flows delivered",
            get(&counts.flows) as f64,
        ),
        (
            "bytes_total",
            "counter",
            "Bytes of blocks read, as stored",
            get(&counts.bytes) as f64,
        ),
        (
            "files_total",
            "counter",
            "Files read to their end",
            get(&counts.files) as f64,
        ),
        (
            "gaps_total",
            "counter",
            "Reported losses of slots, files and flows",
            get(&counts.gaps) as f64,
        ),
        (
            "damage_total",
            "counter",
            "Places and files that cannot be read",
            get(&counts.damage) as f64,
        ),
        (
            "exec_failures_total",
            "counter",
            "Commands that failed",
            get(&counts.failures) as f64,
        ),
        (
            "exec_given_up_total",
            "counter",
            "Files whose command was given up",
            get(&counts.given_up) as f64,
        ),
        (
            "waiting_files",
            "gauge",
            "Files that wait to be read",
            get(&counts.waiting) as f64,
        ),
        (
            "lag_seconds",
            "gauge",
            "From the last change of a file until it was read",
            lag,
        ),
        (
            "blocked",
            "gauge",
            "Whether output waits for its reader",
            get(&counts.writing) as f64,
        ),
        (
            "time_seconds",
            "gauge",
            "Time of these numbers",
            now.as_secs_f64().floor(),
        ),
    ];
    let mut out = String::new();
    for (name, kind, help, value) in all {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "# HELP nfdecode_follow_{name} {help}.\n# TYPE nfdecode_follow_{name} {kind}\nnfdecode_follow_{name} {value}"
        );
    }
    out
}
