//! Flows made for the purpose: one case for each rule, and names as an attacker would choose them.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nfdecode::file::Compression;
use nfdecode::value::TcpFlags;
use nfdecode::writer::{Encoding, SysidMap, Writer};
use nfdecode::{FlowBuilder, OwnedFlow, Timestamp};

/// 2026-01-01 12:00 UTC.
const NOON: u64 = 1_767_268_800_000;

/// Names in the made files that must not reach a page as they are.
pub const HOSTILE: [&str; 4] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\" onmouseover=alert(1) x=\"",
    "<!--",
];

/// A folder with two made files. It stays, for the tests in a browser.
pub fn folder() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made");
        fs::create_dir_all(&folder).expect("a folder");
        write(
            &folder.join("nfcapd.202601011200"),
            Some(b"<img src=x onerror=alert(1)>"),
            &cases(),
        );
        write(
            &folder.join("nfcapd.202601011205"),
            Some(b"</title><script>"),
            &names(),
        );
        folder
    });
    made.clone()
}

/// A folder with a file of many long names.
pub fn many_long_names() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let flows: Vec<OwnedFlow> = (0..300)
        .map(|at: u16| {
            let name = format!("<{at}>{}", "&".repeat(240));
            let mut flow = start(NOON + u64::from(at) * 500, 20_000);
            let [high, low] = at.to_be_bytes();
            flow.src_addr(ip([10, 0, high, low]))
                .dst_addr(ip([10, 1, low, high]))
                .dst_port(at)
                .src_port(at);
            flow.src_as(at.into())
                .dst_as(at.into())
                .input_snmp(at.into())
                .output_snmp(at.into());
            built(
                flow.proto(6)
                    .in_bytes(1000 + u64::from(at))
                    .in_packets(9)
                    .in_payload(&hello(name.as_bytes())),
            )
        })
        .collect();
    write(&folder.path().join("nfcapd.202601011200"), None, &flows);
    folder
}

fn write(path: &Path, ident: Option<&[u8]>, flows: &[OwnedFlow]) {
    let encoding = Encoding {
        compression: Compression::Lz4,
        level: None,
    };
    let place = std::io::Cursor::new(Vec::new());
    let mut writer = Writer::new(place, encoding, ident, 0).expect("memory");
    for flow in flows {
        writer
            .write_flow(&flow.view(), &SysidMap::default())
            .expect("memory");
    }
    let bytes = writer.finish().expect("memory").into_inner();
    // Several tests may write the same file at once.
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    fs::write(&draft, bytes).expect("written");
    fs::rename(draft, path).expect("renamed");
}

fn ip(bytes: [u8; 4]) -> IpAddr {
    Ipv4Addr::from(bytes).into()
}

fn start(first: u64, lasts: u64) -> FlowBuilder {
    let mut flow = FlowBuilder::new();
    flow.first(Timestamp::from_millis(first))
        .last(Timestamp::from_millis(first + lasts));
    flow
}

fn built(flow: &mut FlowBuilder) -> OwnedFlow {
    flow.build().expect("no conflicts")
}

fn attempt(first: u64, ends: ([u8; 4], [u8; 4]), port: u16) -> OwnedFlow {
    let mut flow = start(first, 0);
    flow.src_addr(ip(ends.0))
        .dst_addr(ip(ends.1))
        .src_port(40_000)
        .dst_port(port);
    built(
        flow.proto(6)
            .tcp_flags(TcpFlags::SYN)
            .in_packets(1)
            .in_bytes(40),
    )
}

/// A case for each rule.
fn cases() -> Vec<OwnedFlow> {
    let mut flows = Vec::new();
    for at in 0..60_u8 {
        let time = NOON + u64::from(at) * 100;
        flows.push(attempt(time, ([203, 0, 113, 9], [192, 0, 2, at]), 445));
        flows.push(attempt(
            time,
            ([203, 0, 113, 10], [192, 0, 2, 200]),
            1000 + u16::from(at),
        ));
        let mut asked = start(time, 20);
        asked
            .src_addr(ip([192, 0, 2, 53]))
            .dst_addr(ip([198, 51, 100, at]))
            .src_port(50_000)
            .dst_port(53);
        flows.push(built(asked.proto(17).in_packets(1).in_bytes(70)));
    }
    for at in 0..1100_u16 {
        let [high, low] = (at % 550).to_be_bytes();
        flows.push(attempt(
            NOON + u64::from(at),
            ([10, 9, high, low], [192, 0, 2, 80]),
            80,
        ));
    }
    let mut answer = start(NOON + 5_000, 60_000);
    answer
        .src_addr(ip([198, 51, 100, 123]))
        .dst_addr(ip([192, 0, 2, 99]))
        .src_port(123)
        .dst_port(4_444);
    flows.push(built(
        answer.proto(17).in_packets(4_000).in_bytes(1_900_000),
    ));
    for at in 0..12 {
        let mut sign = start(NOON - 600_000 + at * 60_000 + at % 3 * 400, 300);
        sign.src_addr(ip([192, 0, 2, 7]))
            .dst_addr(ip([203, 0, 113, 77]))
            .src_port(41_000)
            .dst_port(8443);
        flows.push(built(
            sign.proto(6)
                .tcp_flags(TcpFlags(0x1b))
                .in_packets(9)
                .in_bytes(1_200),
        ));
    }
    let mut long = start(NOON - 7_000_000, 7_205_000);
    long.src_addr(ip([192, 0, 2, 8]))
        .dst_addr(ip([203, 0, 113, 78]))
        .src_port(41_001)
        .dst_port(22);
    flows.push(built(
        long.proto(6)
            .tcp_flags(TcpFlags(0x18))
            .in_packets(90_000)
            .in_bytes(80_000_000),
    ));
    // Before all others.
    let mut early = start(1_000, 500);
    early
        .src_addr(ip([192, 0, 2, 8]))
        .dst_addr(ip([203, 0, 113, 78]))
        .src_port(1)
        .dst_port(2);
    flows.push(built(early.proto(17).in_packets(1).in_bytes(100)));
    flows
}

/// Flows with names that an attacker would choose.
fn names() -> Vec<OwnedFlow> {
    let mut flows = Vec::new();
    for (at, name) in HOSTILE.iter().enumerate() {
        let mut flow = start(NOON + 300_000 + at as u64 * 1000, 2_000);
        flow.src_addr(ip([192, 0, 2, 20]))
            .dst_addr(ip([198, 51, 100, 20]))
            .src_port(42_000)
            .dst_port(443);
        flow.proto(6)
            .tcp_flags(TcpFlags(0x1a))
            .in_packets(7)
            .in_bytes(3_000)
            .user_name(name.as_bytes());
        flows.push(built(flow.in_payload(&hello(name.as_bytes()))));
        let mut flow = start(NOON + 300_000 + at as u64 * 1000, 20);
        flow.src_addr(ip([192, 0, 2, 20]))
            .dst_addr(ip([198, 51, 100, 53]))
            .src_port(42_001)
            .dst_port(53);
        flow.proto(17).in_packets(1).in_bytes(80);
        flows.push(built(flow.in_payload(&question(name.as_bytes()))));
    }
    flows
}

/// `body` after its length in two bytes.
fn counted(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

/// A TLS client hello for a server of this name.
fn hello(name: &[u8]) -> Vec<u8> {
    let names = counted(&[&[0], &counted(name)[..]].concat());
    let extensions = [&[0, 0][..], &counted(&names)].concat();
    let ciphers = counted(&[0x13, 0x01]);
    let body = [
        &[3, 3][..],
        &[0x11; 32],
        &[0],
        &ciphers,
        &[1, 0],
        &counted(&extensions),
    ]
    .concat();
    let message = [&[1, 0][..], &counted(&body)].concat();
    [&[0x16, 3, 1][..], &counted(&message)].concat()
}

/// A DNS question for a name of one label.
fn question(label: &[u8]) -> Vec<u8> {
    let header = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&header[..], &[label.len() as u8], label, &[0, 0, 1, 0, 1]].concat()
}

/// A folder with a small file for each five minutes of thirty days. It stays, for the tests in a browser.
pub fn month() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("month");
        let done = folder.join("done");
        if done.exists() {
            return folder;
        }
        for slot in 0..MONTH_FILES {
            let start = MONTH + slot * 300_000;
            let (day, minute) = (slot / 288 + 1, slot % 288 * 5);
            let place = folder.join(format!("2026/01/{day:02}"));
            fs::create_dir_all(&place).expect("a folder");
            let flows: Vec<OwnedFlow> = (0..12_u64).map(|at| of_month(start, slot, at)).collect();
            let name = format!("nfcapd.202601{day:02}{:02}{:02}", minute / 60, minute % 60);
            write(&place.join(name), Some(b"month"), &flows);
        }
        fs::write(done, "").expect("written");
        folder
    });
    made.clone()
}

/// Files of [`month`].
pub const MONTH_FILES: u64 = 8_640;
/// Its start: 2026-01-01 00:00 UTC.
pub const MONTH: u64 = 1_767_225_600_000;

fn of_month(slot_start: u64, slot: u64, at: u64) -> OwnedFlow {
    let mut flow = start(slot_start + at * 20_000, at * 3_000);
    let hour = slot / 12 % 24;
    let is_dns = at.is_multiple_of(3);
    flow.src_addr(ip([10, 0, 0, at as u8]))
        .dst_addr(ip([192, 0, 2, (slot % 7) as u8]))
        .src_port(40_000 + at as u16)
        .dst_port(if is_dns { 53 } else { 443 });
    built(
        flow.proto(if is_dns { 17 } else { 6 })
            .in_packets(1 + at)
            .in_bytes(1_000 * (1 + at) * (1 + hour)),
    )
}
