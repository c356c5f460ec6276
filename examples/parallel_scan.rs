//! The hosts that sent most, over all nfcapd files below a directory, on all cores.
//!
//! `cargo run --release --example parallel_scan -- DIRECTORY`
//!
//! Blocks are decoded and summed up on many threads; the sums come back in file order, so the result
//! is the same for any number of threads. Damaged blocks are reported and skipped.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use nfdecode::FileSet;
use nfdecode::scan::ScanBlock;

#[derive(Default)]
struct Sums {
    flows: u64,
    bytes_from: HashMap<IpAddr, u64>,
}

fn sum_up(block: &ScanBlock) -> Sums {
    let mut sums = Sums::default();
    for flow in block.flows() {
        sums.flows += flow.flow_count();
        if let (Some(host), Some(bytes)) = (flow.src_addr(), flow.in_bytes()) {
            *sums.bytes_from.entry(host).or_default() += bytes;
        }
    }
    sums
}

fn main() -> nfdecode::Result<()> {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut archive = FileSet::in_directory(directory)?;
    archive.sort_by_time();

    let mut total = Sums::default();
    archive.scan().threads(threads).map_blocks(
        |block| {
            let block = block?;
            Ok((sum_up(&block), block.damage().cloned()))
        },
        |result: nfdecode::Result<_>| {
            match result {
                Ok((sums, damage)) => {
                    total.flows += sums.flows;
                    for (host, bytes) in sums.bytes_from {
                        *total.bytes_from.entry(host).or_default() += bytes;
                    }
                    if let Some(damage) = damage {
                        eprintln!("{damage}");
                    }
                }
                Err(error) => eprintln!("{error}"),
            }
            ControlFlow::Continue(())
        },
    );

    println!("{} flows in {} files", total.flows, archive.len());
    let mut hosts: Vec<_> = total.bytes_from.into_iter().collect();
    hosts.sort_by_key(|(host, bytes)| (Reverse(*bytes), *host));
    for (host, bytes) in hosts.iter().take(10) {
        println!("{bytes:>16} {host}");
    }
    Ok(())
}
