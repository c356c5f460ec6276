//! The server as its clients see it, over sockets: answers equal those of the library, and whoever asks in another
//! way than a browser with our page gets nothing.
#![allow(missing_docs)]

#[path = "serve/grafana.rs"]
mod grafana;
mod made;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nfdecode::output::fields::{FieldList, FieldsFormat};
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::scan::ScanInput;
use nfdecode::value::Zone;
use nfdecode::{FileSet, Scan};
use nfdecode_web::serve::{Server, Settings};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

/// A server that ends with this.
struct Served {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server ends without a panic");
        }
    }
}

fn files(folder: &Path) -> Result<Vec<ScanInput>, String> {
    let found = FileSet::in_directory(folder).map_err(|error| error.to_string())?;
    Ok(found.inputs().collect())
}

fn serve_with(folder: &Path, change: impl FnOnce(Settings) -> Settings) -> Served {
    let settings = change(Settings::new([folder.display().to_string()]));
    let place = folder.to_owned();
    let server = Server::bind(settings, Scan::default(), Box::new(move || files(&place)));
    let server = server.expect("it listens");
    let address = server.address().expect("an address");
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let thread = thread::spawn(move || {
        let is_over = || over.load(Ordering::Relaxed);
        server.run(is_over, |_| ()).expect("it runs");
    });
    Served {
        address,
        is_over,
        thread: Some(thread),
    }
}

fn serve(folder: &Path) -> Served {
    serve_with(folder, |settings| settings)
}

impl Served {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    /// What is answered to these bytes: status, head, body.
    fn raw(&self, request: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = self.connect();
        // A request that is refused early may not be taken to its end.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            return (0, String::new(), answer);
        };
        let head = String::from_utf8(answer[..end].to_vec()).expect("text");
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        (status.unwrap_or(0), head, answer.split_off(end + 4))
    }

    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        self.get_with(path, "")
    }

    fn get_with(&self, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        // In the older version bodies are not in chunks.
        let request = format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\n{headers}\r\n",
            self.address
        );
        self.raw(request.as_bytes())
    }

    fn json(&self, path: &str) -> Value {
        let (status, head, body) = self.get(path);
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{path}: {head} {text}");
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Waits until all files have been read.
    fn when_read(&self) -> Value {
        let since = Instant::now();
        loop {
            let meta = self.json("/api/v1/meta");
            if meta["files"]["read"] == meta["files"]["count"] {
                return meta;
            }
            assert!(since.elapsed() < PATIENCE, "{meta}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn other_hosts_methods_and_paths_get_nothing() {
    let served = serve(&fixtures("archive"));
    let address = served.address;
    let status = |request: String| served.raw(request.as_bytes()).0;
    assert_eq!(served.get("/").0, 200);
    for host in [
        String::new(),
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{}\r\n", address.port()),
        format!("Host: 127.0.0.1.evil.example:{}\r\n", address.port()),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("Host: {address}\r\nHost: evil.example\r\n"),
    ] {
        let found = status(format!(
            "GET /api/v1/meta HTTP/1.1\r\n{host}Connection: close\r\n\r\n"
        ));
        assert_eq!(found, 421, "{host}");
    }
    let absolute = format!(
        "GET http://evil.example/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(status(absolute), 421);
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "get",
    ] {
        let request = format!(
            "{method} /api/v1/meta HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        );
        let found = status(request);
        assert!([400, 405, 421].contains(&found), "{method}: {found}");
    }
    let body = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    );
    assert_eq!(status(body), 400);
    let chunked = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    );
    assert_eq!(status(chunked), 400);
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/serve.js/../../Cargo.toml",
        "/api/v1/",
        "/api/v1/../v1/meta",
        "/api/v1/meta/",
        "/serve.css%00",
        "/templates/serve.html",
        "/api/v2/meta",
        "/favicon.ico",
    ] {
        let (status, _, body) = served.get(path);
        assert_eq!(status, 404, "{path}");
        assert!(!body.windows(5).any(|five| five == b"root:"), "{path}");
    }
    for query in [
        "x=1",
        "filter=any&filter=any",
        "from=now",
        "bins=0",
        "bins=99999999",
        "n=-1",
        "split=src_addr",
        "metric=x",
    ] {
        assert_eq!(
            served.get(&format!("/api/v1/view?{query}")).0,
            400,
            "{query}"
        );
    }
    for reference in [
        "",
        "x",
        "1-2-3-4",
        "../../etc/passwd",
        "ffffffffffffffff-0-0-0",
    ] {
        let status = served.get(&format!("/api/v1/flow?ref={reference}")).0;
        assert!([400, 410].contains(&status), "{reference}: {status}");
    }
}

#[test]
fn answers_have_headers_that_bind_browsers() {
    let served = serve(&fixtures("archive"));
    for path in [
        "/",
        "/serve.js",
        "/serve.css",
        "/api/v1/meta",
        "/api/v1/export?format=csv",
        "/nothing",
    ] {
        let head = served.get(path).1.to_ascii_lowercase();
        for part in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(part), "{path}: {part}: {head}");
        }
        for part in [
            "access-control",
            "set-cookie",
            "unsafe-inline",
            "unsafe-eval",
        ] {
            assert!(!head.contains(part), "{path}: {part}: {head}");
        }
    }
    let request = format!(
        "HEAD /api/v1/export HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        served.address
    );
    let (status, _, body) = served.raw(request.as_bytes());
    assert_eq!((status, body.len()), (200, 0));
}

#[test]
fn large_heads_are_refused_and_slow_clients_let_go() {
    let served = serve(&fixtures("archive"));
    let address = served.address;
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let status = served.raw(huge.as_bytes()).0;
    assert!([0, 431].contains(&status), "{status}");
    let many = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\n{}\r\n",
        "X: y\r\n".repeat(1000)
    );
    let status = served.raw(many.as_bytes()).0;
    assert!([0, 400, 431].contains(&status), "{status}");
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n",
        "x".repeat(100_000)
    );
    let status = served.raw(long.as_bytes()).0;
    assert!([0, 414, 431].contains(&status), "{status}");
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let status = served.raw(garbage).0;
        assert!([0, 400].contains(&status), "{status}");
    }
    // A client that never ends its head is disconnected.
    let mut slow = served.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ")
        .expect("it is connected");
    let since = Instant::now();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(
        since.elapsed() < Duration::from_secs(40),
        "{:?}",
        since.elapsed()
    );
    assert!(since.elapsed() > Duration::from_secs(5));
    assert_eq!(served.get("/").0, 200);
}

#[test]
fn with_a_token_only_who_has_it_gets_data() {
    let folder = fixtures("archive");
    let served = serve_with(&folder, |settings| {
        settings.token(Some("correct-horse".to_owned()))
    });
    // The page has nothing in it that is secret.
    assert_eq!(served.get("/").0, 200);
    for name in [
        "meta", "fields", "filter", "series", "top", "view", "flows", "flow", "export", "command",
        "ticket",
    ] {
        let path = format!("/api/v1/{name}");
        assert_eq!(served.get(&path).0, 403, "{name}");
        assert_eq!(
            served.get(&format!("{path}?token=correct-horse")).0,
            403,
            "{name}"
        );
        assert_eq!(
            served.get_with(&path, "Authorization: Bearer wrong\r\n").0,
            403,
            "{name}"
        );
    }
    let token = "Authorization: Bearer correct-horse\r\n";
    assert_eq!(served.get_with("/api/v1/meta", token).0, 200);
    assert_eq!(
        served
            .get_with(
                "/api/v1/meta",
                &format!("{token}Sec-Fetch-Site: cross-site\r\n")
            )
            .0,
        403
    );
    let (_, _, body) = served.get_with("/api/v1/ticket", token);
    let ticket: Value = serde_json::from_slice(&body).expect("JSON");
    let ticket = ticket["ticket"].as_str().expect("a ticket");
    assert_eq!(served.get(&format!("/api/v1/meta?ticket={ticket}")).0, 403);
    assert_eq!(
        served.get(&format!("/api/v1/export?ticket={ticket}")).0,
        200
    );
    assert_eq!(
        served.get(&format!("/api/v1/export?ticket={ticket}")).0,
        403
    );
    let open = Settings::new(["x"]).listen("0.0.0.0:0".parse().expect("an address"));
    let refused = Server::bind(open, Scan::default(), Box::new(|| Ok(Vec::new())));
    assert_eq!(
        refused.err().map(|error| error.kind()),
        Some(std::io::ErrorKind::PermissionDenied)
    );
}

#[test]
fn filters_of_strangers_reach_no_file_and_no_name() {
    let served = serve(&fixtures("archive"));
    for (filter, part) in [
        ("%40include+/etc/passwd", "include"),
        ("ip+www.example.org", "host name"),
        ("count+%3C+3", "count"),
    ] {
        let (status, _, body) = served.get(&format!("/api/v1/view?filter={filter}"));
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(
            status == 400 && text.contains(part),
            "{filter}: {status} {text}"
        );
    }
    let found = served.json("/api/v1/filter?text=proto+tcp+and+prot+6");
    assert_eq!(
        (&found["valid"], &found["start"], &found["end"]),
        (&false.into(), &14.into(), &18.into())
    );
    assert_eq!(found["suggestion"], "did you mean `proto`?");
    let deep = "%28".repeat(9_000);
    assert_eq!(
        served.json(&format!("/api/v1/filter?text={deep}"))["valid"],
        false
    );
}

/// All flows of a filter in pages of this size.
fn pages(served: &Served, filter: &str, limit: usize) -> Vec<Value> {
    let (mut flows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = served.json(&format!(
            "/api/v1/flows?filter={filter}&limit={limit}&cursor={cursor}"
        ));
        let rows = page["rows"].as_array().expect("rows");
        assert!(rows.len() <= limit);
        flows.extend(rows.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return flows,
        }
    }
}

#[test]
fn pages_lead_to_the_last_flow() {
    for name in ["archive", "router"] {
        let folder = fixtures(name);
        let served = serve(&folder);
        for filter in ["any", "proto+udp", "src+port+%3E+40000"] {
            let text = filter.replace('+', " ").replace("%3E", ">");
            let scan = Scan::directory(&folder)
                .expect("a folder")
                .filter(&text)
                .expect("a filter");
            let fields = FieldList::parse(
                "first,duration,proto,src_addr,src_port,dst_addr,dst_port,tcp_flags,in_packets,in_bytes",
            );
            let mut format = FieldsFormat::ndjson(fields.expect("fields"), Zone::utc());
            let mut lines = TextBuffer::default();
            for flow in scan.flows() {
                format.flow(
                    1,
                    &flow.expect("intact").view(),
                    &FlowContext::default(),
                    &mut lines,
                );
            }
            let expected: Vec<Value> = String::from_utf8_lossy(lines.as_bytes())
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect();
            let limit = (expected.len() / 11).max(3);
            let found = pages(&served, filter, limit);
            let flows: Vec<&Value> = found.iter().map(|row| &row["flow"]).collect();
            assert_eq!(flows.len(), expected.len(), "{name} {filter}");
            assert!(
                flows
                    .iter()
                    .zip(&expected)
                    .all(|(one, other)| *one == other),
                "{name} {filter}"
            );
            for row in found.iter().step_by(97) {
                let one = served.json(&format!(
                    "/api/v1/flow?ref={}",
                    row["ref"].as_str().expect("a text")
                ));
                let fields = one["fields"].as_array().expect("fields");
                let port = fields
                    .iter()
                    .find(|field| field[0] == "src_port")
                    .map(|field| field[1].clone());
                let expected = row["flow"]
                    .get("src_port")
                    .map(|port| Value::String(port.to_string()));
                assert_eq!(port.filter(|_| expected.is_some()), expected, "{one}");
            }
        }
    }
}

#[test]
fn exports_hold_all_selected_flows() {
    let served = serve(&fixtures("archive"));
    let export = |query: &str| {
        let (status, head, body) = served.get(&format!("/api/v1/export?{query}"));
        assert_eq!(status, 200, "{query}: {head}");
        body
    };
    let lines = |body: Vec<u8>| String::from_utf8(body).expect("text").lines().count();
    assert_eq!(lines(export("format=csv")), 420);
    assert_eq!(lines(export("format=ndjson")), 419);
    assert_eq!(
        lines(export(
            "format=ndjson&filter=proto+tcp&fields=src_addr,in_bytes"
        )),
        134
    );
    let parquet = export("format=parquet");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let arrow = export("format=arrow&filter=proto+tcp&fields=src_addr,in_bytes");
    let batches = arrow_ipc::reader::StreamReader::try_new(&arrow[..], None).expect("a stream");
    let rows: usize = batches
        .map(|batch| batch.expect("a batch").num_rows())
        .sum();
    assert_eq!(rows, 134);
    for query in [
        "format=x",
        "fields=nonsense",
        "format=parquet&fields=nonsense",
        "filter=prot",
    ] {
        assert_eq!(
            served.get(&format!("/api/v1/export?{query}")).0,
            400,
            "{query}"
        );
    }
}

#[test]
fn summaries_draw_what_files_hold() {
    let folder = made::month();
    let cache = tempfile::tempdir().expect("a folder");
    let place = || Some(cache.path().to_owned());
    let served = serve_with(&folder, |settings| settings.cache(place()));
    let meta = served.when_read();
    assert_eq!(meta["files"]["count"], made::MONTH_FILES);
    assert_eq!(meta["flows"], made::MONTH_FILES * 12);
    drop(served);
    let served = serve_with(&folder, |settings| settings.cache(place()));
    let again = served.when_read();
    assert_eq!(again, meta);
    let day = made::MONTH + 86_400_000 * 7;
    for window in [
        String::new(),
        format!("&from={day}&to={}", day + 86_400_000),
        format!("&from={day}&to={}", day + 7_200_000),
    ] {
        for split in ["protocol", "none"] {
            let path = format!("/api/v1/series?split={split}&bins=100{window}");
            let quick = served.json(&path);
            let read = served.json(&format!("{path}&filter=any"));
            let quick = &quick["series"];
            assert_eq!(quick["from_summaries"], true, "{path}");
            assert_eq!(read["series"]["from_summaries"], false);
            for part in ["start", "interval", "end", "totals", "series"] {
                assert_eq!(quick[part], read["series"][part], "{path}: {part}");
            }
        }
    }
    // A page of the last file, and the last page.
    let late = made::MONTH + (made::MONTH_FILES - 1) * 300_000;
    let last = served.json(&format!("/api/v1/flows?from={late}"));
    assert!(last["next"].is_null() && last["rows"].as_array().is_some_and(|rows| rows.len() >= 12));
}

#[test]
fn clients_that_leave_cost_nothing() {
    let served = serve(&made::month());
    for _ in 0..120 {
        let mut stream = served.connect();
        let request = format!(
            "GET /api/v1/view?filter=any HTTP/1.1\r\nHost: {}\r\n\r\n",
            served.address
        );
        stream
            .write_all(request.as_bytes())
            .expect("it is connected");
    }
    let since = Instant::now();
    assert_eq!(
        served
            .get("/api/v1/top?filter=src+ip+10.0.0.1&from=1767225600000&to=1767229200000")
            .0,
        200
    );
    assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
}

#[test]
fn followed_directories_grow() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |name: &str| {
        let from = fixtures("archive").join(name);
        std::fs::copy(from, folder.path().join(name)).expect("copied");
    };
    copy("nfcapd.202611241330");
    let served = serve_with(folder.path(), |settings| {
        settings.follow(Some(Duration::from_millis(50)))
    });
    let before = served.when_read()["flows"].as_u64().expect("a number");
    copy("nfcapd.202611241335");
    copy("nfcapd.202611241340");
    let since = Instant::now();
    loop {
        let meta = served.when_read();
        if meta["flows"] == 419 {
            break;
        }
        assert!(since.elapsed() < PATIENCE && before < 419, "{meta}");
        thread::sleep(Duration::from_millis(20));
    }
}
