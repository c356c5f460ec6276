//! Bytes by destination port over nfcapd files, the ten largest first.
//!
//! `cargo run --release --example sum_by_port -- nfcapd.*`
#![forbid(unsafe_code)]

use nfdecode::File;

fn main() -> nfdecode::Result<()> {
    let mut bytes_to = vec![0_u64; 1 << 16];
    for path in std::env::args_os().skip(1) {
        for block in File::open(path)?.blocks() {
            for flow in block?.flows() {
                if let (Some(port), Some(bytes)) = (flow.dst_port(), flow.in_bytes()) {
                    bytes_to[usize::from(port)] += bytes;
                }
            }
        }
    }
    let mut ports: Vec<_> = bytes_to
        .into_iter()
        .enumerate()
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    ports.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for (port, bytes) in ports.iter().take(10) {
        println!("{port:>5} {bytes:>16}");
    }
    Ok(())
}
