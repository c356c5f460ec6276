//! Files that are made to cost much, and honest ones to compare them with.

use crate::support::layout1;
use crate::support::layout3;
use crate::support::writer::{self, BLOCK_MAX, Encoding, FlowRecord};

/// A hostile file.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    /// The honest files that it is compared with.
    pub(super) kind: Kind,
    /// What it may cost beyond its bytes, with the reason.
    pub(super) extra: Extra,
    /// Blocks cannot be read.
    pub(super) is_damaged: bool,
}

/// Which honest file is of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Layout1(u8),
    Layout2(u8),
    Layout3(u8),
    /// Layout 2 with payloads.
    Payloads(u8),
    /// Layout 2 with some dozen arrangements of all elements, and so with as many columns as there are.
    Mixed2(u8),
    /// The same in layout 3.
    Mixed3(u8),
}

impl Kind {
    pub(super) fn encoding(self) -> u8 {
        let (Self::Layout1(number)
        | Self::Layout2(number)
        | Self::Layout3(number)
        | Self::Payloads(number)
        | Self::Mixed2(number)
        | Self::Mixed3(number)) = self;
        number
    }
}

/// Work that does not become decoded bytes or costs more than these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extra {
    None,
    /// Searching, and blocks that decode to nothing: `NFDUMP_SEARCH_MIN` and so on, in `SECURITY.md`.
    Speculation,
    /// This many times the work of an honest file.
    Times(f64),
}

/// Numbers that do not compress.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0 >> 24
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Milliseconds at which made flows begin.
const EPOCH: u64 = 1_732_455_000_000;

/// Times, counters, ports and protocol.
fn generic(random: &mut Random) -> Vec<u8> {
    let first = EPOCH + random.below(300_000);
    let mut payload = Vec::with_capacity(48);
    for number in [first, first + random.below(9_000), first + 9_500] {
        payload.extend(number.to_le_bytes());
    }
    let packets = 1 + random.below(900);
    payload.extend(packets.to_le_bytes());
    payload.extend((packets * (40 + random.below(1_400))).to_le_bytes());
    payload.extend((1_024 + random.below(60_000) as u16).to_le_bytes());
    payload.extend([[80_u16, 443, 53, 22][random.below(4) as usize].to_le_bytes()].concat());
    payload.extend([[6, 17][random.below(2) as usize], 0x1B, 0, 0]);
    payload
}

/// Flows that it represents, and packets and bytes of the answer.
fn counters(random: &mut Random) -> Vec<u8> {
    let packets = random.below(900);
    let numbers = [1, packets, packets * 300];
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// An ordinary flow of 124 bytes.
fn ordinary(random: &mut Random) -> FlowRecord {
    let mut addresses = (0x0A00_0000_u32 + random.below(4_000) as u32)
        .to_le_bytes()
        .to_vec();
    addresses.extend((0xC0A8_0000_u32 + random.below(60_000) as u32).to_le_bytes());
    FlowRecord {
        sysid: 1,
        elements: vec![
            (1, generic(random)),
            (2, addresses),
            (4, random.bytes(16)),
            (5, counters(random)),
        ],
        ..FlowRecord::default()
    }
}

/// A request, with a few hundred bytes of payload.
fn request(random: &mut Random) -> FlowRecord {
    let mut flow = ordinary(random);
    let text = format!(
        "GET /{:x}/{:x}.html HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: made/{}\r\nCookie: {:x}{:x}{:x}\r\n\r\n",
        random.next(),
        random.next(),
        random.below(99),
        random.next(),
        random.next(),
        random.next()
    );
    flow.elements.push((29, text.into_bytes()));
    flow
}

fn encoding(number: u8) -> Encoding {
    Encoding::ALL[usize::from(number)]
}

/// The honest file of a kind, with blocks of this many flows.
pub(super) fn honest(kind: Kind, blocks: usize, flows: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    let mut records = |make: &dyn Fn(&mut Random) -> Vec<u8>| -> Vec<Vec<Vec<u8>>> {
        let mut block = || (0..flows).map(|_| make(&mut random)).collect();
        (0..blocks).map(|_| block()).collect()
    };
    match kind {
        Kind::Layout2(number) => {
            let blocks = records(&|random| ordinary(random).bytes());
            writer::file(encoding(number), Some("honest"), &blocks)
        }
        Kind::Payloads(number) => {
            let blocks = records(&|random| request(random).bytes());
            writer::file(encoding(number), Some("honest"), &blocks)
        }
        Kind::Layout1(number) => {
            let mut blocks = records(&|random| flow1(random, 1).record());
            for block in &mut blocks {
                block.insert(0, layout1::map(1, &[4, 8, 13]));
            }
            layout1::file(encoding(number), 0, "honest", &blocks)
        }
        Kind::Layout3(number) => {
            let blocks = records(&|random| flow3(random, &[1, 2, 4]).bytes());
            file3(number, &blocks)
        }
        Kind::Mixed2(number) => {
            let blocks = records(&|random| two_elements(64, random.below(42) as u16).bytes());
            writer::file(encoding(number), Some("honest"), &blocks)
        }
        Kind::Mixed3(number) => {
            let mut chosen = Random::new(3);
            let kinds = (0..40).map(|_| some_extensions(&mut chosen));
            let kinds = kinds.collect::<Vec<_>>();
            let blocks = records(&|random| {
                let kind = random.below(40) as usize;
                flow3(random, &kinds[kind]).bytes()
            });
            file3(number, &blocks)
        }
    }
}

fn file3(number: u8, blocks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let count = blocks.iter().map(Vec::len).sum::<usize>();
    let blocks = blocks
        .iter()
        .map(|block| (layout3::FLOWS, layout3::flows(block), encoding(number)))
        .collect::<Vec<_>>();
    layout3::file(Some("honest"), count as u64, &blocks)
}

/// A quarter of the extensions of layout 3.
fn some_extensions(random: &mut Random) -> Vec<u8> {
    let known = (1..39_u8).filter(|id| !matches!(id, 25 | 26 | 27 | 32));
    known.filter(|_| random.below(4) == 0).collect()
}

/// An empty element with an undefined id, and a known one.
fn two_elements(undefined: u16, known: u16) -> FlowRecord {
    FlowRecord {
        elements: vec![(undefined, Vec::new()), (1 + known % 42, vec![0; 24])],
        ..FlowRecord::default()
    }
}

/// A flow of layout 1 with extensions 4, 8 and 13.
fn flow1(random: &mut Random, map: u16) -> layout1::Flow {
    let mut extensions = random.bytes(layout1::room(4));
    extensions.extend(random.bytes(layout1::room(8)));
    extensions.extend(random.bytes(layout1::room(13)));
    layout1::Flow {
        old: false,
        flags: 0,
        version: 9,
        sysid: 1,
        map,
        first: (1_732_455_000 + random.below(300) as u32, 7),
        last: (1_732_455_300, 8),
        bytes: [0, 0x1B, 6, 0],
        ports: [random.next() as u16, 443],
        ends: [0, 0],
        addresses: random.bytes(8),
        packets: 1 + random.below(900),
        octets: 40 + random.below(90_000),
        extensions,
    }
}

fn flow3(random: &mut Random, extensions: &[u8]) -> layout3::FlowRecord {
    let sizes = layout3::EXTENSIONS;
    let size = |id: u8| {
        sizes
            .iter()
            .find(|(known, _)| *known == id)
            .map_or(0, |found| found.1)
    };
    let extensions = extensions.iter().map(|id| match *id {
        1 => (1, generic(random)),
        id => (id, random.bytes(size(id))),
    });
    layout3::FlowRecord {
        sysid: 1,
        extensions: extensions.collect(),
        ..layout3::FlowRecord::default()
    }
}

fn case(name: &'static str, kind: Kind, bytes: Vec<u8>) -> Case {
    Case {
        name,
        bytes,
        kind,
        extra: Extra::None,
        is_damaged: false,
    }
}

impl Case {
    fn with(mut self, extra: Extra) -> Self {
        self.extra = extra;
        self
    }
}

const ZSTD: Kind = Kind::Layout2(Encoding::Zstd as u8);
const BZ2: Kind = Kind::Layout2(Encoding::Bz2 as u8);

fn zstd(name: &'static str, blocks: &[Vec<Vec<u8>>]) -> Case {
    case(name, ZSTD, writer::file(Encoding::Zstd, None, blocks))
}

/// Records in as few blocks as may hold them.
fn blocks_of(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let (mut blocks, mut size) = (vec![Vec::new()], 0);
    for record in records {
        size += record.len();
        if size > BLOCK_MAX {
            blocks.push(Vec::new());
            size = record.len();
        }
        blocks.last_mut().expect("one").push(record);
    }
    blocks
}

/// Empty elements with undefined ids, in records of the largest size.
fn many_elements(scale: usize) -> Case {
    let flow = FlowRecord {
        elements: (0..16_000).map(|at| (64 + at, Vec::new())).collect(),
        ..FlowRecord::default()
    };
    zstd("many elements", &blocks_of(vec![flow.bytes(); 24 * scale]))
}

/// Known elements again and again, of which the last counts.
fn repeated_elements(scale: usize) -> Case {
    let flow = FlowRecord {
        elements: (0..5_000).map(|at| (1 + at % 42, vec![0; 8])).collect(),
        ..FlowRecord::default()
    };
    zstd(
        "repeated elements",
        &blocks_of(vec![flow.bytes(); 24 * scale]),
    )
}

/// More arrangements of elements than are remembered, each of them again and again.
fn many_shapes(scale: usize) -> Case {
    let shapes = (0..6_000_u16).map(|at| two_elements(64 + at, at).bytes());
    let block = shapes.collect::<Vec<_>>();
    Case {
        kind: Kind::Mixed2(Encoding::Zstd as u8),
        ..zstd("many shapes", &vec![block; 2 * scale])
    }
}

/// Arrangements whose hashes are equal in the bits that find their place.
fn colliding_shapes(scale: usize) -> Case {
    const FACTOR: u32 = 0x9E37_79B1;
    let step = |hash: u32, header: u32| {
        let hash = (hash ^ header).wrapping_mul(FACTOR);
        hash ^ hash >> 15
    };
    let mut shapes = Vec::new();
    for id in 64..60_000_u32 {
        let second = 60_000 + id % 5_000;
        for length in 4..40_u32 {
            let hash = step(step(2, id | length << 16), second | 4 << 16);
            if hash & 0xFFF == 0x123 {
                let size = length as usize - 4;
                let elements = vec![(id as u16, vec![0; size]), (second as u16, Vec::new())];
                let flow = FlowRecord {
                    elements,
                    ..FlowRecord::default()
                };
                shapes.push(flow.bytes());
            }
        }
    }
    shapes.truncate(2_048);
    let tail = shapes[shapes.len() - 8..].to_vec();
    let mut block = shapes;
    for _ in 0..1_000 {
        block.extend_from_slice(&tail);
    }
    zstd("colliding shapes", &vec![block; 2 * scale])
}

/// Flows without elements.
fn empty_flows(scale: usize) -> Case {
    let flows = vec![FlowRecord::default().bytes(); 30_000 * scale];
    zstd("empty flows", &blocks_of(flows))
}

/// Records that are skipped, of four bytes each.
fn empty_records(scale: usize) -> Case {
    let records = vec![vec![99, 0, 4, 0]; 200_000 * scale];
    zstd("empty records", &blocks_of(records))
}

/// A block of bzip2 that decodes to zeros, and its header.
fn bomb(encoding: Encoding, size: usize) -> Vec<u8> {
    let stored = encoding.encode(&vec![0; size]);
    let mut block = 5_000_u32.to_le_bytes().to_vec();
    block.extend((stored.len() as u32).to_le_bytes());
    block.extend([3, 0, 0, 0]);
    block.extend(stored);
    block
}

/// A file of layout 2 whose blocks are these bytes.
fn raw_file(
    encoding: Encoding,
    body: &[u8],
    blocks: u32,
    appendix_blocks: u16,
    appendix: &[u8],
) -> Vec<u8> {
    let mut file = vec![0x0C, 0xA5, 2, 0, 0, 0x0A, 7, 1];
    file.extend(1_700_000_000_u64.to_le_bytes());
    file.extend([encoding as u8, 0]);
    file.extend(appendix_blocks.to_le_bytes());
    file.extend([4, 0, 0, 0]);
    file.extend((40 + body.len() as u64).to_le_bytes());
    file.extend([0; 4]);
    file.extend(blocks.to_le_bytes());
    file.extend(body);
    file.extend(appendix);
    file
}

/// Blocks that decode to as much as is allowed, and to nothing of use; also one byte beyond the limit.
pub(super) fn refused_blocks(number: u8, scale: usize) -> Case {
    let encoding = encoding(number);
    let pair = [bomb(encoding, BLOCK_MAX), bomb(encoding, BLOCK_MAX + 1)].concat();
    let count = (40 * scale).min(8_000_000 / pair.len());
    let file = raw_file(encoding, &pair.repeat(count), 2 * count as u32, 0, &[]);
    case("refused blocks", Kind::Layout2(number), file).with(Extra::Speculation)
}

/// Blocks of bzip2 that hold much in little, of which layout 3 wants little.
fn refused_layout3(scale: usize) -> Case {
    // The content of a block as it is announced, and another one in its place.
    let mut block = layout3::block(layout3::FLOWS, Encoding::Bz2, false, &[0; 3_000]);
    // Without runs of the same byte, so that it is not shortened before it is sorted.
    let stored = Encoding::Bz2.encode(&[0, 1].repeat(2_000_000));
    block.truncate(24);
    block[4..8].copy_from_slice(&(24 + stored.len() as u32).to_le_bytes());
    block.extend(stored);
    let blocks = vec![block; 500 * scale];
    let file = layout3::assemble(0, &blocks, |_| [0; 32]);
    let kind = Kind::Layout3(Encoding::Bz2 as u8);
    case("refused blocks of layout 3", kind, file).with(Extra::Speculation)
}

/// A damaged header, and places behind it that could be blocks.
fn searched_blocks(number: u8, scale: usize) -> Case {
    let encoding = encoding(number);
    let mut body = [7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0].to_vec();
    let bomb = bomb(encoding, BLOCK_MAX);
    let count = (250 * scale).min(8_000_000 / bomb.len());
    body.extend(bomb.repeat(count));
    let file = raw_file(encoding, &body, 9, 0, &[]);
    case("searched blocks", Kind::Layout2(number), file).with(Extra::Speculation)
}

/// The same with records to the end, but not as many as announced.
fn searched_records(number: u8, scale: usize) -> Case {
    let encoding = encoding(number);
    let record = [99, 0, 0, 1]
        .iter()
        .copied()
        .chain([0; 252])
        .collect::<Vec<u8>>();
    let stored = encoding.encode(&record.repeat(BLOCK_MAX / 256));
    let mut block = 5_000_u32.to_le_bytes().to_vec();
    block.extend((stored.len() as u32).to_le_bytes());
    block.extend([3, 0, 0, 0]);
    block.extend(stored);
    let mut body = [7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0].to_vec();
    body.extend(block.repeat((250 * scale).min(8_000_000 / block.len())));
    let file = raw_file(encoding, &body, 9, 0, &[]);
    case("searched records", Kind::Layout2(number), file).with(Extra::Speculation)
}

/// An appendix of more blocks than any writer makes.
fn appendix(scale: usize) -> Case {
    let block = bomb(Encoding::Bz2, 65_000);
    let file = raw_file(Encoding::Bz2, &[], 0, 65_535, &block.repeat(5_000 * scale));
    case("appendix", BZ2, file).with(Extra::Speculation)
}

/// Blocks of one flow, or of one byte.
pub(super) fn small_blocks(scale: usize) -> Case {
    let flow = FlowRecord::default().bytes();
    let none = Kind::Layout2(Encoding::None as u8);
    let file = writer::file(Encoding::None, None, &vec![vec![flow]; 20_000 * scale]);
    case("blocks of one flow", none, file)
}

fn one_byte_blocks(scale: usize) -> Case {
    let body = [1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 7].repeat(20_000 * scale);
    let none = Kind::Layout2(Encoding::None as u8);
    let file = raw_file(Encoding::None, &body, 20_000 * scale as u32, 0, &[]);
    Case {
        is_damaged: true,
        ..case("blocks of one byte", none, file)
    }
}

/// The largest blocks of layout 3, of flows without elements.
pub(super) fn large_blocks(megabytes: usize, count: usize) -> Case {
    let mut record = [0; 24];
    record[..4].copy_from_slice(&[16, 0, 24, 0]);
    let content = layout3::flows(&vec![record.to_vec(); megabytes * 43_000]);
    let blocks = vec![(layout3::FLOWS, content, Encoding::Zstd); count];
    let kind = Kind::Layout3(Encoding::Zstd as u8);
    case("large blocks", kind, layout3::file(None, 0, &blocks))
}

/// Each flow of layout 3 has other extensions than the one before it: how to convert them is worked out for each, which is
/// three fifths of the work of reading, and beyond 2,048 arrangements a flow has a list of its elements.
fn changing_extensions(scale: usize) -> Case {
    rich("changing extensions", 8_000 * scale, false).with(Extra::Times(3.0))
}

/// Many extensions, the same ones in each flow.
fn rich_flows(scale: usize) -> Case {
    rich("rich flows", 8_000 * scale, true)
}

fn rich(name: &'static str, flows: usize, same: bool) -> Case {
    let mut random = Random::new(3);
    let mut chosen = Vec::new();
    let flows = (0..flows).map(|_| {
        if chosen.is_empty() || !same {
            chosen = some_extensions(&mut random);
        }
        flow3(&mut random, &chosen).bytes()
    });
    let content = layout3::flows(&flows.collect::<Vec<_>>());
    let kind = Kind::Mixed3(Encoding::Zstd as u8);
    let file = layout3::file(None, 0, &[(layout3::FLOWS, content, Encoding::Zstd)]);
    case(name, kind, file)
}

/// Exporters with as many samplers as a record has room for.
fn samplers(scale: usize) -> Case {
    let samplers = (1..2_700).map(|id| (id, 1, 9, 1)).collect::<Vec<_>>();
    let record = layout3::exporter(1, [1; 16], 1, &samplers);
    let content = layout3::exporters(&vec![record; 8 * scale]);
    let block = (layout3::EXPORTERS, content, Encoding::Zstd);
    let kind = Kind::Layout3(Encoding::Zstd as u8);
    let file = layout3::file(None, 0, &[block.clone(), block]);
    // A sampler of 16 bytes is a line of what `info` prints.
    case("samplers", kind, file).with(Extra::Times(3.0))
}

/// Names of VRFs: as many as a block has room for, all of them different.
fn names(scale: usize) -> Case {
    let records = (0..10 * scale as u32).map(|record| {
        let mut body = Vec::new();
        for at in 0..3_000_u32 {
            body.extend((record * 3_000 + at).to_le_bytes());
            body.extend(format!("{at:07}\0").bytes());
        }
        let mut bytes = vec![14, 0];
        bytes.extend((body.len() as u16 + 12).to_le_bytes());
        bytes.extend(3_000_u16.to_le_bytes());
        bytes.extend(12_u16.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes
    });
    // A name of 12 bytes is an entry in a table, for which honest files have some hundred, where names are collected.
    zstd("names", &blocks_of(records)).with(Extra::Times(9.0))
}

/// Texts and payloads of control characters, which take several characters each in JSON.
fn texts(scale: usize) -> Case {
    let flow = FlowRecord {
        elements: [28, 29, 30, 37].map(|id| (id, vec![1; 15_000])).into(),
        ..FlowRecord::default()
    };
    zstd("texts", &blocks_of(vec![flow.bytes(); 12 * scale]))
}

/// A message of DNS that says it has as many records as it can, whose names point at each other.
fn dns(scale: usize) -> Case {
    let mut message = vec![0, 1, 0x81, 0x80];
    message.extend([0xFF; 8]);
    let mut random = Random::new(5);
    while message.len() < 60_000 {
        let back = 12 + random.below(message.len() as u64 - 11);
        message.extend([1, b'a', 0xC0 | (back >> 8 & 0x3F) as u8, back as u8]);
        message.extend([0, 1, 0, 1, 0, 0, 0, 9, 0, 0]);
    }
    payload("payloads of DNS", &message, 53, scale)
}

/// A hello of TLS with as many suites and extensions as it has room for.
fn tls(scale: usize) -> Case {
    let mut hello = vec![3, 3];
    hello.extend([7; 33]);
    hello[34] = 0;
    hello.extend(20_000_u16.to_be_bytes());
    hello.extend((0..10_000_u16).flat_map(u16::to_be_bytes));
    hello.extend([1, 0]);
    let extensions = (0..9_000_u16).flat_map(|id| [id.to_be_bytes(), [0, 0]].concat());
    let extensions = extensions.collect::<Vec<_>>();
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut message = vec![0x16, 3, 1];
    message.extend((hello.len() as u16 + 4).to_be_bytes());
    message.extend([1, 0]);
    message.extend((hello.len() as u16).to_be_bytes());
    message.extend(hello);
    payload("payloads of TLS", &message, 443, scale)
}

fn payload(name: &'static str, message: &[u8], port: u16, scale: usize) -> Case {
    let mut random = Random::new(9);
    let flows = (0..20 * scale).map(|_| {
        let mut flow = ordinary(&mut random);
        flow.elements[0].1[42..44].copy_from_slice(&port.to_le_bytes());
        flow.elements.push((29, message.to_vec()));
        flow.bytes()
    });
    let kind = Kind::Payloads(Encoding::Zstd as u8);
    let file = writer::file(Encoding::Zstd, None, &blocks_of(flows));
    case(name, kind, file)
}

/// Flows that begin and end at any time, all of them in groups of their own.
fn any_times(scale: usize) -> Case {
    let mut random = Random::new(11);
    let flows = (0..15_000 * scale).map(|_| {
        let mut flow = ordinary(&mut random);
        let generic = &mut flow.elements[0].1;
        generic[..8].copy_from_slice(&(random.next() << 20).to_le_bytes());
        generic[8..16].copy_from_slice(&(random.next() << 24).to_le_bytes());
        flow.elements[1].1 = random.bytes(8);
        flow.elements[3].1 = random.bytes(24);
        flow.bytes()
    });
    // Each flow is a group of its own, and its times another second: honest flows share them.
    zstd("flows of any time and count", &blocks_of(flows)).with(Extra::Times(3.0))
}

/// The largest blocks of flows that are all the same: nothing is wrong with them.
pub(super) fn same_flows(number: u8, scale: usize) -> Case {
    let encoding = encoding(number);
    let flow = ordinary(&mut Random::new(1)).bytes();
    let file = writer::file(encoding, None, &blocks_of(vec![flow; 10_000 * scale]));
    case("flows that are all the same", Kind::Layout2(number), file)
}

/// Extension maps of layout 1: each flow with another one, defined again in each block.
fn many_maps(scale: usize) -> Case {
    let mut random = Random::new(13);
    let blocks = (0..2 * scale).map(|block| {
        let mut records = Vec::new();
        for id in 0..4_000_u16 {
            let extensions = [
                4,
                8,
                if (usize::from(id) + block) % 2 == 0 {
                    13
                } else {
                    18
                },
            ];
            records.push(layout1::map(id, &extensions));
        }
        records.extend((0..4_000_u16).map(|id| flow1(&mut random, id).record()));
        records
    });
    let kind = Kind::Layout1(Encoding::Lz4 as u8);
    let blocks = blocks.collect::<Vec<_>>();
    let file = layout1::file(Encoding::Lz4, 0, "maps", &blocks);
    case("many maps", kind, file)
}

/// Layout 1: blocks whose maps are in the block before them, and damage.
pub(super) fn lost_maps(scale: usize) -> Case {
    let mut random = Random::new(17);
    let mut blocks = vec![vec![layout1::map(1, &[4, 8, 13])]];
    for _ in 0..400 * scale {
        blocks.push(vec![flow1(&mut random, 1).record()]);
    }
    let kind = Kind::Layout1(Encoding::Bz2 as u8);
    let mut file = layout1::file(Encoding::Bz2, 0, "maps", &blocks);
    let bomb = bomb(Encoding::Bz2, BLOCK_MAX);
    file.extend([7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0]);
    file.extend(bomb.repeat(100 * scale));
    file[8..12].copy_from_slice(&(900 * scale as u32).to_le_bytes());
    case("lost maps", kind, file).with(Extra::Speculation)
}

/// Every class, made when it is run; small for `scale` 1. Those that differ by encoding are for bzip2 alone unless
/// all are wanted: it is the one that costs most.
pub(super) fn cases(scale: usize, all_encodings: bool) -> Vec<Box<dyn Fn() -> Case>> {
    let mut cases: Vec<Box<dyn Fn() -> Case>> = Vec::new();
    let all: [fn(usize) -> Case; 21] = [
        many_elements,
        repeated_elements,
        many_shapes,
        colliding_shapes,
        empty_flows,
        empty_records,
        refused_layout3,
        appendix,
        small_blocks,
        one_byte_blocks,
        changing_extensions,
        rich_flows,
        samplers,
        names,
        texts,
        dns,
        tls,
        any_times,
        many_maps,
        lost_maps,
        |scale| large_blocks(4 * scale, 2),
    ];
    for make in all {
        cases.push(Box::new(move || make(scale)));
    }
    let encodings = match all_encodings {
        true => vec![Encoding::Lzo, Encoding::Bz2, Encoding::Lz4, Encoding::Zstd],
        false => vec![Encoding::Bz2],
    };
    for number in encodings.into_iter().map(|encoding| encoding as u8) {
        cases.push(Box::new(move || refused_blocks(number, scale)));
        cases.push(Box::new(move || searched_blocks(number, scale)));
        cases.push(Box::new(move || searched_records(number, scale)));
        cases.push(Box::new(move || same_flows(number, scale)));
    }
    cases
}
