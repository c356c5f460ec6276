//! A capture to a Parquet file of its flows, through nfpcapd and without files that stay behind.
//!
//! `cargo run --release --example pcap_to_parquet -- capture.pcap flows.parquet`
//!
//! `nfdecode convert -f parquet` does the same, with progress and partitions.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nfdecode::Scan;
use nfdecode::columns::{Projection, parquet};
use nfdecode::convert::capture;
use nfdecode::convert::program::Nfpcapd;
use nfdecode::convert::run::{Event, Job, Run};
use nfdecode::convert::workdir::WorkDir;

/// Runs nfpcapd, after rewriting what it would refuse, and returns its files in order.
fn to_flow_files(input: &Path, work: &WorkDir) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let go_on = &mut |_| ControlFlow::Continue(());
    let rewritten = work.capture();
    let scan = capture::scan(input, go_on)?;
    let (path, packets) = match scan.direct {
        Ok(()) => (input, scan.packets),
        Err(reason) => {
            eprintln!("rewriting the capture: {reason}");
            let result = capture::normalize(fs::File::open(input)?, &rewritten, go_on)?;
            (rewritten.as_path(), result.packets_written)
        }
    };
    let job = Job {
        capture: path,
        packets: Some(packets),
        slot: Duration::from_secs(300),
        timeout: None,
        stall: Duration::from_secs(60),
    };
    let mut run = Run::start(&Nfpcapd::find(None)?, job, work)?;
    let mut files = Vec::new();
    loop {
        match run.next_event()? {
            Event::File(path) => files.push(path),
            Event::Progress(_) => {}
            Event::Finished(summary) => {
                for loss in &summary.losses {
                    eprintln!("{loss}");
                }
                return Ok(files);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = &arguments[..] else {
        return Err("usage: pcap_to_parquet CAPTURE PARQUET".into());
    };
    // Goes away with everything in it at the end, however that comes.
    let work = WorkDir::new()?;
    let files = to_flow_files(input, &work)?;

    let columns = Projection::from_names([
        "first",
        "last",
        "src_addr",
        "dst_addr",
        "src_port",
        "dst_port",
        "proto",
        "in_packets",
        "in_bytes",
    ])?;
    let out = fs::File::create(output)?;
    let mut writer = parquet::Writer::try_new(out, &columns, &parquet::Options::default())?;
    writer.add_source(input.to_string_lossy());
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    for batch in Scan::new(files).threads(threads).columns(&columns) {
        writer.write(&batch?)?;
    }
    println!("{} flows", writer.rows());
    writer.finish()?;
    Ok(())
}
