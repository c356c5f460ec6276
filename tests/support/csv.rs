//! nfdump 1.7.10's CSV, with the faults listed in `docs/deviations.md` (rows C-n) put right.

use std::net::{Ipv4Addr, Ipv6Addr};

/// All tokens but those that crash nfdump on some flows; `%ja3` is before `%ja4` (C-5).
pub const SAFE_TOKENS: &str = "%nfv,%cnt,%idt,%eng,%exp,%tfs,%ts,%tsr,%tsg,%te,%ter,%teg,%tr,%trr,%trg,%td,%tds,\
%pkt,%ipkt,%byt,%ibyt,%sp,%dp,%it,%ic,%pr,%flg,%fwd,%tos,%stos,%bps,%pps,%bpp,%sa,%da,%in,%out,%smk,%dmk,%dir,\
%dtos,%bfd,%end,%sn,%dn,%inam,%onam,%opkt,%obyt,%fl,%svln,%dvln,%sas,%das,%nhb,%nh,%ra,%mpls1,%mpls2,%mpls3,\
%mpls4,%mpls5,%mpls6,%mpls7,%mpls8,%mpls9,%mpls10,%mpls,%ismc,%odmc,%idmc,%osmc,%nas,%pas,%cl,%sl,%al,%tevt,\
%msec,%evt,%nfc,%xevt,%xsa,%xda,%nsa,%nda,%xsp,%xdp,%nsp,%ndp,%iacl,%eacl,%uname,%pbstart,%pbend,%pbstep,\
%pbsize,%nbid,%nbnam,%odid,%opid,%vrf,%ivrf,%ivrfnam,%evrf,%evrfnam,%pfifn,%pfact,%pfrea,%pfdir,%pfrule,%flid,\
%isid,%osid,%nats,%sc,%dc,%sloc,%dloc,%sasn,%dasn,%lbl,%minttl,%maxttl,%frag";

/// Those that crash nfdump on flows without element 1 or on certain hellos.
pub const FRAGILE_TOKENS: &str = "%ja3,%ja4,%sni,%tls,%stor,%dtor,%pr";

/// Whether it is a name of the one file in which numbers get other names later on.
fn is_renamed(name: &str) -> bool {
    name.starts_with(" TenGigE0/0/0/") || name.starts_with(" A")
}

/// One line, taken apart.
type Row = Vec<String>;

/// The header line and the lines of flows; lines that are not part of the table are left out, and so
/// is a last one that a crash cut off.
fn table(text: &[u8]) -> Vec<Row> {
    let text = String::from_utf8_lossy(text);
    let mut rows: Vec<Row> = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    rows.retain(|row| row.len() == columns);
    rows
}

/// Puts right what nfdump prints wrongly in one row.
fn correct(header: &Row, row: &mut Row, ours: &Row) {
    let column = |name: &str| header.iter().position(|found| found == name);
    let value = |row: &Row, name: &str| column(name).and_then(|at| row.get(at).cloned());
    let snapshot = row.clone();
    for (at, name) in header.iter().enumerate() {
        let ours = ours.get(at).map_or("", String::as_str);
        let cell = &mut row[at];
        match name.as_str() {
            "flowID" => {
                let id: u64 = cell.trim_start_matches("0x").parse().expect("a number");
                *cell = format!("{id:#x}");
            }
            "ingressACL" => {
                let words = cell.split_whitespace().map(|word| {
                    let word = u32::from_str_radix(word.trim_start_matches("0x"), 16);
                    format!("0x{:<8x}", word.expect("a word").swap_bytes())
                });
                *cell = words.collect::<Vec<_>>().join(" ");
            }
            "egressACL" => {
                let words = cell.split_whitespace().map(|word| {
                    let word: u32 = word.parse().expect("a word");
                    word.swap_bytes().to_string()
                });
                *cell = words.collect::<Vec<_>>().join(" ");
            }
            "srcNet" | "dstNet" => {
                let address = if name == "srcNet" {
                    "srcAddr"
                } else {
                    "dstAddr"
                };
                if let Some(address) = value(&snapshot, address) {
                    *cell = network(&address, cell);
                }
            }
            "tlsVersion" => {
                // Only server hellos have a JA3 and no JA4.
                let is_server = value(&snapshot, "ja4").as_deref() == Some("no-ja4");
                match (cell.as_str(), ours) {
                    ("TLS-1.2", "TLS-1.1") | ("TLS-1.3", "TLS-1.2") if is_server => {
                        *cell = ours.to_owned();
                    }
                    _ => {}
                }
            }
            // Names that nfdump has not read yet, or not yet the one that holds in the end.
            "inIfName" | "outIfName" | "ingressVrfName" | "egressVrfName"
                if ours.starts_with(' ') && (cell.is_empty() || is_renamed(cell)) =>
            {
                *cell = ours.to_owned();
            }
            _ => {}
        }
    }
}

/// nfdump's networks are right for masks 1 to 32 and 1 to 128.
fn network(address: &str, theirs: &str) -> String {
    let mask: u32 = theirs
        .rsplit_once('/')
        .and_then(|(_, mask)| mask.parse().ok())
        .expect("a mask");
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return match mask {
            0 => "0.0.0.0/0".to_owned(),
            1..=32 => theirs.to_owned(),
            _ => format!("{address}/{mask}"),
        };
    }
    let _: Ipv6Addr = address.parse().expect("an address");
    match mask {
        0 => "::/0".to_owned(),
        1..=128 => theirs.to_owned(),
        _ => format!("{address}/{mask}"),
    }
}

/// Our output must be nfdump's with its faults put right; `crashed`: as far as that goes. Returns how
/// many lines there were, or the first difference.
pub fn compare(theirs: &[u8], ours: &[u8], crashed: bool) -> Result<usize, String> {
    let (mut expected, mut kept) = (table(theirs), table(ours));
    if !crashed {
        let lines = ours.iter().filter(|byte| **byte == b'\n').count();
        if lines != kept.len() {
            return Err(format!(
                "{lines} lines of ours, {} of the right width",
                kept.len()
            ));
        }
    }
    if crashed && kept.len() > expected.len() {
        kept.truncate(expected.len());
    }
    if let Some(header) = expected.first().cloned() {
        for (row, ours) in expected.iter_mut().zip(&kept).skip(1) {
            correct(&header, row, ours);
        }
    }
    for (line, (theirs, ours)) in expected.iter().zip(&kept).enumerate() {
        let differs = theirs
            .iter()
            .zip(ours)
            .position(|(theirs, ours)| theirs != ours);
        if let Some(at) = differs {
            return Err(format!(
                "line {}, {}: expected {:?}, ours {:?}",
                line + 1,
                expected[0][at],
                theirs[at],
                ours[at]
            ));
        }
    }
    if expected.len() == kept.len() {
        Ok(kept.len())
    } else {
        Err(format!(
            "{} lines expected, ours {}",
            expected.len(),
            kept.len()
        ))
    }
}
