//! Each stage of the way of a flow on its own, on one thread: `cargo bench --bench stages`.
//!
//! The input is one full block of flows as a border router sends them. Decoding includes the index;
//! `none` is the index alone.
#![allow(missing_docs)]

#[path = "../tests/support/writer.rs"]
mod writer;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
use nfdecode::value::Zone;
use nfdecode::{Block, File};
use writer::{Encoding, FlowRecord};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// What fits a block of nfdump.
const FLOWS: u32 = 15_000;

fn main() {
    divan::main();
}

fn flow(number: u32) -> Vec<u8> {
    // Scatters, so that the encodings have something to do.
    let mixed = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let first = 1_767_225_600_000 + u64::from(number) * 20;
    let mut generic = Vec::new();
    for time in [first, first + (mixed >> 52), first + 15_000] {
        generic.extend(time.to_le_bytes());
    }
    generic.extend((1 + (mixed >> 54)).to_le_bytes());
    generic.extend((mixed >> 40).to_le_bytes());
    generic.extend(((mixed >> 20) as u16).to_le_bytes());
    generic.extend([187, 1, 6, 0x1B, 0, 0]);
    let mut elements = vec![(1, generic)];
    let mut misc = vec![0; 16];
    if number.is_multiple_of(6) {
        let high = 0x2001_0db8_0000_0000 | u64::from(number);
        elements.push((3, [high, 1, high, mixed].map(u64::to_le_bytes).concat()));
        misc[8..10].copy_from_slice(&[48, 32]);
    } else {
        elements.push((2, mixed.to_le_bytes().to_vec()));
        misc[8..10].copy_from_slice(&[24, 16]);
    }
    elements.push((4, misc));
    if number.is_multiple_of(3) {
        elements.push((6, vec![100, 0, 0, 0, 0, 0, 0, 0]));
    }
    elements.push((7, vec![0, 252, 0, 0, 64, 31, 0, 0]));
    elements.push((10, vec![1, 2, 0, 192]));
    elements.push((12, vec![254, 2, 0, 192]));
    FlowRecord {
        sysid: 1,
        version: 9,
        elements,
        ..FlowRecord::default()
    }
    .bytes()
}

fn file(encoding: Encoding) -> File {
    let flows = (0..FLOWS).map(flow).collect();
    File::from_bytes(writer::file(encoding, Some("bench"), &[flows])).expect("it opens")
}

fn block() -> Block {
    let file = file(Encoding::None);
    let block = file.blocks().next().expect("there is a block");
    block.expect("it decodes")
}

#[divan::bench(args = Encoding::ALL)]
fn decode(bencher: Bencher, encoding: Encoding) {
    let file = file(encoding);
    let found = file.block_refs().next().expect("there is a block");
    let found = found.expect("its header is sound");
    bencher
        .counter(ItemsCount::new(FLOWS))
        .bench(|| file.load(black_box(found)).map(|block| block.len()));
}

#[divan::bench]
fn visit(bencher: Bencher) {
    let block = block();
    bencher.counter(ItemsCount::new(FLOWS)).bench(|| {
        let flows = black_box(&block).flows();
        flows.filter_map(|flow| flow.in_bytes()).sum::<u64>()
    });
}

fn text(bencher: Bencher, mut format: JsonFormat) {
    let block = block();
    let context = FlowContext::new(Some(b"bench"), "file");
    let mut out = TextBuffer::default();
    bencher.counter(ItemsCount::new(FLOWS)).bench_local(|| {
        out.clear();
        for (flow, number) in black_box(&block).flows().zip(1..) {
            format.flow(number, &flow, &context, &mut out);
        }
        out.len()
    });
}

#[divan::bench]
fn json(bencher: Bencher) {
    text(bencher, JsonFormat::json(Zone::utc()));
}

#[divan::bench]
fn ndjson(bencher: Bencher) {
    text(bencher, JsonFormat::ndjson(Zone::utc()));
}
