//! Workers as processes on this machine, files that are worth several of them, and sessions that ask.

use std::io::{BufRead as _, BufReader, Cursor};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use nfdecode::file::Compression;
use nfdecode::writer::{Encoding, SysidMap, Writer};
use nfdecode::{FlowBuilder, Timestamp};
use nfdecode_sql::{TableOptions, Workers, config, distribute, extend, register};

/// A worker that ends with the test.
pub struct Worker {
    process: Child,
    pub address: String,
}

impl Worker {
    /// Starts a worker with these arguments more.
    pub fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_nfdecode-sql"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            // Relative paths would mean other files there.
            .current_dir("/")
            .env_remove("NFDECODE_KEY")
            .stderr(Stdio::piped())
            .spawn()
            .expect("a worker starts");
        let mut line = String::new();
        let messages = process.stderr.take().expect("its messages");
        BufReader::new(messages)
            .read_line(&mut line)
            .expect("a line");
        let address = line.trim_end().rsplit(' ').next().expect("an address");
        assert!(line.contains("a worker listens on "), "{line}");
        Self {
            address: address.to_owned(),
            process,
        }
    }

    /// Ends it without a chance to say goodbye.
    pub fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("its end");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Some workers.
pub fn workers(count: usize) -> Vec<Worker> {
    (0..count).map(|_| Worker::start(&[])).collect()
}

/// Their addresses, as the program expects them.
pub fn addresses(workers: &[Worker]) -> String {
    let addresses: Vec<&str> = workers.iter().map(|it| it.address.as_str()).collect();
    addresses.join(",")
}

/// A session whose queries run on workers, however little they read.
pub fn asking(
    workers: &[Worker],
    partitions: usize,
    paths: &[PathBuf],
    options: &TableOptions,
) -> SessionContext {
    let builder = SessionStateBuilder::new()
        .with_config(config().with_target_partitions(partitions))
        .with_default_features();
    let addresses = workers.iter().map(|worker| worker.address.as_str());
    let workers = Workers::parse(addresses).expect("addresses");
    let builder = distribute(extend(builder, options), &workers, options);
    let session = SessionContext::new_with_state(builder.build()).enable_url_table();
    session
        .state_ref()
        .write()
        .config_mut()
        .options_mut()
        .set("distributed.file_scan_config_bytes_per_partition", "1")
        .expect("a setting of the engine");
    register(&session, paths, options).expect("tables");
    session
}

/// Writes a file of many blocks: 2 MiB for each 20,000 flows or so, which differ in all that queries group by.
pub fn write_large(path: &Path, flows: u32, compression: Compression) {
    let encoding = Encoding {
        compression,
        level: None,
    };
    let out = Cursor::new(Vec::new());
    let mut writer = Writer::new(out, encoding, Some(b"large"), 1_790_000_000).expect("memory");
    let mut random = fastrand::Rng::with_seed(7);
    for number in 0..flows {
        let first = 1_790_000_000_000 + u64::from(number / 100) * 150;
        let proto = [6, 17, 47][random.usize(..3)];
        let flow = FlowBuilder::new()
            .first(Timestamp::from_millis(first))
            .last(Timestamp::from_millis(first + random.u64(..60_000)))
            .proto(proto)
            .src_addr(Ipv4Addr::from_bits(0x0A00_0000 + random.u32(..3_000)).into())
            .dst_addr(Ipv4Addr::from_bits(0xC000_0200 + random.u32(..200)).into())
            .src_port(random.u16(1_024..))
            .dst_port([53, 80, 443, 8_080][random.usize(..4)])
            .in_packets(random.u64(1..1_000))
            .in_bytes(random.u64(40..1_500_000))
            .build()
            .expect("a flow");
        writer
            .write_flow(&flow.view(), &SysidMap::default())
            .expect("memory");
    }
    let bytes = writer.finish().expect("memory").into_inner();
    std::fs::write(path, bytes).expect("written");
}
