//! Reading flows and writing them as text takes no memory for a flow: none at all once the buffers
//! are there.
//!
//! Counts what Rust code allocates on this thread. Of the C library only libbz2 allocates while
//! blocks are decoded, once for each of them.

use crate::support::writer::{self, Encoding, FlowRecord};
use allocation_counter::measure;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
use nfdecode::value::Zone;
use nfdecode::{BlockRef, File};

/// One block of flows: both families, alternating sets of elements, names, labels, times, an element
/// of every common kind.
fn flows(count: u16) -> Vec<Vec<u8>> {
    let flow = |number: u16| {
        let mut generic = Vec::new();
        for time in [0, 20, 15_000] {
            generic.extend((1_767_225_600_000 + u64::from(number) * 97 + time).to_le_bytes());
        }
        generic.extend(u64::from(number).to_le_bytes());
        generic.extend((u64::from(number) << 20).to_le_bytes());
        generic.extend(number.to_le_bytes());
        generic.extend([
            187,
            1,
            if number.is_multiple_of(5) { 1 } else { 6 },
            0x1B,
            0,
            0,
        ]);
        let mut elements = vec![(1, generic)];
        if number.is_multiple_of(3) {
            elements.push((3, (0..32).collect()));
        } else {
            elements.push((2, vec![1, 0, 0, 10, 2, 0, 0, 10]));
        }
        elements.push((4, vec![1, 0, 0, 0, 2, 0, 0, 0, 24, 16, 0, 0, 0, 0, 0, 0]));
        if number.is_multiple_of(2) {
            elements.extend([(6, vec![7; 8]), (7, vec![8; 8]), (14, vec![9; 40])]);
            elements.extend([(15, vec![1; 32]), (17, vec![2; 24]), (19, vec![3; 16])]);
            elements.extend([(23, vec![4; 24]), (24, b"somebody\0\0\0\0".to_vec())]);
            elements.extend([(41, b"subscriber\0\0".to_vec()), (42, vec![0, 0x40, 1, 2])]);
        }
        FlowRecord {
            sysid: 1,
            version: 9,
            elements,
            ..FlowRecord::default()
        }
        .bytes()
    };
    (0..count).map(flow).collect()
}

fn open(encoding: Encoding) -> (File, Vec<BlockRef>) {
    let blocks = [flows(3000), flows(2999), flows(3000)];
    let file = File::from_bytes(writer::file(encoding, Some("test"), &blocks)).expect("it opens");
    let refs = file.block_refs().collect::<Result<_, _>>();
    (file, refs.expect("the chain is whole"))
}

#[test]
fn reading_allocates_nothing() {
    for encoding in Encoding::ALL {
        let (file, refs) = open(encoding);
        let read = || {
            let mut sum = 0_u64;
            for found in &refs {
                let block = file.load(*found).expect("it decodes");
                for flow in block.flows() {
                    sum = sum.wrapping_add(flow.in_bytes().unwrap_or(0));
                    sum += u64::from(flow.src_addr().is_some());
                    sum += u64::from(flow.dst_port().unwrap_or(0));
                }
            }
            sum
        };
        let mut sums = [0, 0];
        sums[0] = read();
        let taken = measure(|| sums[1] = read());
        assert_eq!(sums[0], sums[1]);
        assert_eq!(taken.count_total, 0, "{encoding:?}: {taken:?}");
    }
}

#[test]
fn text_allocates_nothing() {
    for mut format in [
        JsonFormat::json(Zone::utc()),
        JsonFormat::ndjson(Zone::utc()),
    ] {
        let (file, refs) = open(Encoding::Lz4);
        let context = FlowContext::new(Some(b"test"), "file");
        let mut text = TextBuffer::default();
        let mut print = || {
            text.clear();
            let mut number = 0;
            for found in &refs {
                let block = file.load(*found).expect("it decodes");
                for flow in block.flows() {
                    number += 1;
                    format.flow(number, &flow, &context, &mut text);
                }
            }
            text.len()
        };
        let mut lengths = [0, 0];
        lengths[0] = print();
        let taken = measure(|| lengths[1] = print());
        assert!(lengths[0] > 3_000_000, "{lengths:?}");
        assert_eq!(lengths[0], lengths[1]);
        assert_eq!(taken.count_total, 0, "{taken:?}");
    }
}
