//! Bytes by destination port over nfcapd files, the ten largest first.
//!
//! `cargo run --release --example sum_by_port -- nfcapd.*`
#![forbid(unsafe_code)]

use std::cmp::Reverse;

fn main() -> nfdecode::Result<()> {
    let mut bytes_to = vec![0_u64; 1 << 16];
    for block in nfdecode::Scan::new(std::env::args_os().skip(1)).blocks() {
        for flow in block?.flows() {
            if let (Some(port), Some(bytes)) = (flow.dst_port(), flow.in_bytes()) {
                bytes_to[usize::from(port)] += bytes;
            }
        }
    }
    let mut ports: Vec<_> = bytes_to.into_iter().zip(0..).collect();
    ports.sort_by_key(|(bytes, port): &(u64, u32)| (Reverse(*bytes), *port));
    for (bytes, port) in ports.iter().take(10).filter(|(bytes, _)| *bytes > 0) {
        println!("{port:>5} {bytes:>16}");
    }
    Ok(())
}
