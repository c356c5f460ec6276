//! A service that answers "who sends most" for an archive that grows, with partial results kept on disk.
//!
//! `cargo run --release --example top_service -- DIRECTORY CACHE [ADDRESS]`, then
//! `curl 'http://127.0.0.1:8081/10'` for the ten addresses that send the most bytes.
//!
//! Each nfcapd file is counted once; its groups are kept in CACHE. A question merges the available groups, in any order,
//! and counts only files that are new. Requests are served one after the other; memory is that of all groups.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, thread};

use nfdecode::aggregate::{Grouping, Key, Order, Table};
use nfdecode::{FileSet, Scan};

/// Groups to show at most.
const MOST: usize = 10_000;
/// Maximum time for a client to send or accept anything.
const PATIENCE: Duration = Duration::from_secs(10);

struct Service {
    directory: PathBuf,
    cache: PathBuf,
    grouping: Grouping,
}

impl Service {
    /// The groups of one file: those kept, or counted now and kept.
    fn groups(&self, path: &Path) -> Result<Table, Box<dyn Error>> {
        let name = path.strip_prefix(&self.directory)?.to_string_lossy();
        let kept = self
            .cache
            .join(format!("{}.groups", name.replace('/', "_")));
        // A table of another version or grouping is an error: the file is counted again.
        if let Ok(file) = File::open(&kept)
            && let Ok(table) = Table::read(&self.grouping, &mut BufReader::new(file))
        {
            return Ok(table);
        }
        let threads = thread::available_parallelism()?;
        let scan = Scan::new([path.to_owned()]).threads(threads);
        let (table, _) = scan.aggregate(&self.grouping)?;
        // It appears when it is complete.
        let unfinished = kept.with_extension("new");
        let mut out = BufWriter::new(File::create(&unfinished)?);
        table.write(&mut out)?;
        out.flush()?;
        fs::rename(unfinished, kept)?;
        Ok(table)
    }

    /// The first groups of all files, a line for each.
    fn top(&self, count: usize) -> Result<String, Box<dyn Error>> {
        let mut all = self.grouping.table();
        for path in FileSet::in_directory(&self.directory)?.paths() {
            all.merge(&self.groups(path)?)?;
        }
        let groups = all.groups();
        let lines = groups.top(&Order::bytes(), count).into_iter().map(|group| {
            let address = group.key(0).map_or("-".to_owned(), |key| key.to_string());
            let counters = group.counters();
            format!("{address}\t{}\t{}\n", counters.bytes(), counters.flows)
        });
        Ok(lines.collect())
    }

    fn answer(&self, stream: &mut TcpStream) -> Result<(), Box<dyn Error>> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut request = String::new();
        let limited = std::io::Read::take(&mut *stream, 4096);
        BufReader::new(limited).read_line(&mut request)?;
        let path = request
            .strip_prefix("GET /")
            .and_then(|rest| rest.split(' ').next());
        let count = path.and_then(|path| path.parse::<usize>().ok());
        let (status, text) = match count {
            Some(count) => match self.top(count.min(MOST)) {
                Ok(text) => ("200 OK", text),
                Err(error) => ("500 Internal Server Error", format!("{error}\n")),
            },
            None => ("400 Bad Request", "GET /N\n".to_owned()),
        };
        let length = text.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
        )?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let usage = "usage: top_service DIRECTORY CACHE [ADDRESS]";
    let service = Service {
        directory: arguments.next().ok_or(usage)?.into(),
        cache: arguments.next().ok_or(usage)?.into(),
        grouping: Grouping::builder().key(Key::field("src_addr")?).build()?,
    };
    let address = arguments
        .next()
        .and_then(|address| address.into_string().ok());
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8081"))?;
    fs::create_dir_all(&service.cache)?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        // A client that went away is no reason to end.
        if let Err(error) = stream
            .map_err(Into::into)
            .and_then(|mut stream| service.answer(&mut stream))
        {
            eprintln!("{error}");
        }
    }
    Ok(())
}
