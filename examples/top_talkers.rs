//! The ten addresses that send the most bytes, and how many ports each of them reaches.
//!
//! `cargo run --release --example top_talkers -- DIRECTORY`

use std::env;
use std::error::Error;
use std::num::NonZeroUsize;
use std::thread;

use nfdecode::Scan;
use nfdecode::aggregate::{Grouping, Key, Order};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os()
        .nth(1)
        .ok_or("usage: top_talkers DIRECTORY")?;
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let grouping = Grouping::builder()
        .key(Key::field("src_addr")?)
        .distinct(Key::field("dst_port")?)
        .build()?;
    let scan = Scan::directory(directory)?.threads(threads);
    let (table, read) = scan.aggregate(&grouping)?;
    for group in table.groups().top(&Order::bytes(), 10) {
        let address = group
            .key(0)
            .map_or("none".to_owned(), |key| key.to_string());
        let counters = group.counters();
        let (ports, is_exact) = group.distinct(0).unwrap_or_default();
        let about = if is_exact { "" } else { "about " };
        println!(
            "{address:40} {:12} bytes {:8} flows  {about}{ports} ports",
            counters.bytes(),
            counters.flows
        );
    }
    eprintln!(
        "{} flows in {} files, {} addresses",
        read.flows,
        read.files,
        table.len()
    );
    Ok(())
}
