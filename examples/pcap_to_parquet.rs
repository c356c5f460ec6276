//! Converts a capture to a Parquet file of its flows, through nfpcapd and without files that remain.
//!
//! `cargo run --release --example pcap_to_parquet -- capture.pcap flows.parquet`
//!
//! `nfdecode convert -f parquet` does the same, with progress and partitions.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use nfdecode::Scan;
use nfdecode::columns::{Projection, parquet};
use nfdecode::convert::Convert;
use nfdecode::scan::ScanInput;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = &arguments[..] else {
        return Err("usage: pcap_to_parquet CAPTURE PARQUET".into());
    };
    let mut conversion = Convert::file(input).start()?;
    // Each file is removed when it is dropped, at the latest with the conversion.
    let files = conversion.by_ref().collect::<Result<Vec<_>, _>>()?;
    for message in conversion.messages() {
        eprintln!("{message}");
    }

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
    for batch in Scan::new(files.iter().map(|file| ScanInput::path(file.path())))
        .threads(threads)
        .columns(&columns)
    {
        writer.write(&batch?)?;
    }
    println!("{} flows", writer.rows());
    writer.finish()?;
    Ok(())
}
