//! The largest flows of nfcapd files, kept while reading and printed as JSON lines by serde.
//!
//! `cargo run --release --features serde --example owned_serde -- 5 nfcapd.*`
//!
//! Does at last what a consumer of that JSON does: reads it into a type of its own.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::net::IpAddr;

use nfdecode::Scan;
use serde::Deserialize;

/// What the consumer wants of a flow. A field that the flow does not have is not in its JSON.
#[derive(Deserialize)]
struct Transfer {
    first: String,
    #[serde(alias = "src4_addr", alias = "src6_addr")]
    from: IpAddr,
    #[serde(alias = "dst4_addr", alias = "dst6_addr")]
    to: IpAddr,
    dst_port: Option<u16>,
    in_bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let wanted = arguments
        .next()
        .and_then(|count| count.to_str()?.parse::<usize>().ok())
        .ok_or("usage: owned_serde COUNT FILE...")?;

    // By bytes; of equal flows the earlier one counts as larger. The first entry is the smallest.
    let mut largest = BTreeMap::new();
    let mut number = 0_u64;
    for block in Scan::new(arguments).blocks() {
        for flow in block?.flows() {
            number += 1;
            let key = (flow.in_bytes().unwrap_or(0), Reverse(number));
            if largest.len() < wanted
                || largest
                    .first_key_value()
                    .is_some_and(|(least, _)| key > *least)
            {
                largest.insert(key, flow.to_owned_flow());
            }
            if largest.len() > wanted {
                largest.pop_first();
            }
        }
    }

    for flow in largest.values().rev() {
        let line = serde_json::to_string(flow)?;
        println!("{line}");
        let Transfer {
            first,
            from,
            to,
            dst_port,
            in_bytes,
        } = serde_json::from_str(&line)?;
        let port = dst_port.map_or_else(String::new, |port| format!(" port {port}"));
        eprintln!("{first}: {in_bytes} bytes from {from} to {to}{port}");
    }
    Ok(())
}
