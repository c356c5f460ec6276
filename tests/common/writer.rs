//! A writer of layout 2 nfcapd files for tests, written from the description of the format.
//!
//! Writes any record and element in any encoding, lets a test falsify every count, size and offset,
//! and makes random flows. Shares nothing with the decoder on purpose, and reads no files.

// Each test crate uses a part of this.
#![allow(dead_code)]

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::{Strategy, any};

/// Numbers, one after the other, little-endian.
macro_rules! le {
    ($($number:expr),+ $(,)?) => { [$(&$number.to_le_bytes()[..]),+].concat() };
}

// ------------------------------------------------------------------------------------------------
// Files and blocks

/// The encodings of blocks, by their number in the file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    None = 0,
    Lzo = 1,
    Bz2 = 2,
    Lz4 = 3,
    Zstd = 4,
}

impl Encoding {
    pub const ALL: [Self; 5] = [Self::None, Self::Lzo, Self::Bz2, Self::Lz4, Self::Zstd];

    pub fn compress(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Lzo => lzokay_native::compress(plain).expect("it compresses"),
            Self::Bz2 => {
                let level = bzip2::Compression::best();
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
                encoder.write_all(plain).expect("it compresses");
                encoder.finish().expect("it compresses")
            }
            Self::Lz4 => lz4_flex::block::compress(plain),
            Self::Zstd => zstd::bulk::compress(plain, 3).expect("it compresses"),
        }
    }
}

/// Header fields that are to say something else than the truth.
#[derive(Clone, Copy, Debug, Default)]
pub struct FalseHeader {
    pub magic: Option<u16>,
    pub layout: Option<u16>,
    pub compression: Option<u8>,
    pub encryption: Option<u8>,
    pub appendix_blocks: Option<u16>,
    pub off_appendix: Option<i64>,
    pub block_size: Option<u32>,
    pub num_blocks: Option<u32>,
}

/// A file: header, data blocks, appendix with ident and statistics, junk.
#[derive(Clone, Debug)]
pub struct FileBuilder {
    encoding: Encoding,
    nfversion: u32,
    created: i64,
    creator: u32,
    ident: Option<Vec<u8>>,
    stat: Option<Option<Vec<u8>>>,
    blocks: Vec<BlockBuilder>,
    appendix: Option<Vec<BlockBuilder>>,
    junk: Vec<u8>,
    falsified: FalseHeader,
}

impl FileBuilder {
    /// An empty file as nfcapd 1.7.10 writes it, with ident `none`.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            nfversion: 0x1070_1000,
            created: 1_700_000_000,
            creator: 1,
            ident: Some(b"none".to_vec()),
            stat: None,
            blocks: Vec::new(),
            appendix: None,
            junk: Vec::new(),
            falsified: FalseHeader::default(),
        }
    }

    /// Ident in the appendix, stored with a NUL and made even; `None` leaves the record out.
    pub fn ident(mut self, ident: Option<&[u8]>) -> Self {
        self.ident = ident.map(<[u8]>::to_vec);
        self
    }

    pub fn nfversion(mut self, version: u32) -> Self {
        self.nfversion = version;
        self
    }

    /// Seconds since 1970.
    pub fn created(mut self, seconds: i64) -> Self {
        self.created = seconds;
        self
    }

    pub fn creator(mut self, creator: u32) -> Self {
        self.creator = creator;
        self
    }

    /// Payload of the statistics record instead of the true one (see [`Stat`]); `None` leaves the
    /// record out.
    pub fn stat(mut self, payload: Option<Vec<u8>>) -> Self {
        self.stat = Some(payload);
        self
    }

    pub fn block(mut self, block: BlockBuilder) -> Self {
        self.blocks.push(block);
        self
    }

    /// These blocks as appendix instead of one block with ident and statistics.
    pub fn appendix(mut self, blocks: Vec<BlockBuilder>) -> Self {
        self.appendix = Some(blocks);
        self
    }

    /// Bytes after the appendix.
    pub fn junk(mut self, junk: &[u8]) -> Self {
        self.junk = junk.to_vec();
        self
    }

    pub fn falsify(mut self, change: impl FnOnce(&mut FalseHeader)) -> Self {
        change(&mut self.falsified);
        self
    }

    /// The statistics of the flows in the data blocks.
    pub fn true_stat(&self) -> Stat {
        let records = self.blocks.iter().flat_map(|block| &block.records);
        Stat::of(records.filter_map(|record| match record {
            Record::Flow(flow) => Some(flow),
            Record::Other(_) => None,
        }))
    }

    pub fn build(&self) -> Vec<u8> {
        let data: Vec<u8> = self
            .blocks
            .iter()
            .flat_map(|block| block.build(self.encoding))
            .collect();
        let appendix = self
            .appendix
            .clone()
            .unwrap_or_else(|| vec![self.usual_appendix()]);
        let has_appendix = !appendix.is_empty();
        let offset = if has_appendix {
            40 + data.len() as i64
        } else {
            0
        };
        let falsified = &self.falsified;
        let mut file = le![
            falsified.magic.unwrap_or(0xA50C),
            falsified.layout.unwrap_or(2),
            self.nfversion,
            self.created,
            falsified.compression.unwrap_or(self.encoding as u8),
            falsified.encryption.unwrap_or(0),
            falsified.appendix_blocks.unwrap_or(appendix.len() as u16),
            self.creator,
            falsified.off_appendix.unwrap_or(offset),
            falsified.block_size.unwrap_or(0),
            falsified.num_blocks.unwrap_or(self.blocks.len() as u32),
        ];
        file.extend(data);
        file.extend(appendix.iter().flat_map(|block| block.build(self.encoding)));
        file.extend(&self.junk);
        file
    }

    fn usual_appendix(&self) -> BlockBuilder {
        let mut block = BlockBuilder::new();
        if let Some(ident) = &self.ident {
            block = block.record(Record::ident(ident));
        }
        match self
            .stat
            .clone()
            .unwrap_or_else(|| Some(self.true_stat().payload()))
        {
            Some(payload) => block.record(Record::other(0x8002, payload)),
            None => block,
        }
    }
}

/// A block, stored in the encoding of its file.
#[derive(Clone, Debug)]
pub struct BlockBuilder {
    records: Vec<Record>,
    kind: u16,
    flags: u16,
    stored_plain: bool,
    stored: Option<Vec<u8>>,
    num_records: Option<u32>,
    size: Option<u32>,
}

impl BlockBuilder {
    /// A block of type 3 without records.
    pub fn new() -> Self {
        Self {
            records: Vec::new(),
            kind: 3,
            flags: 0,
            stored_plain: false,
            stored: None,
            num_records: None,
            size: None,
        }
    }

    pub fn record(mut self, record: impl Into<Record>) -> Self {
        self.records.push(record.into());
        self
    }

    pub fn records<R: Into<Record>>(mut self, records: impl IntoIterator<Item = R>) -> Self {
        self.records.extend(records.into_iter().map(Into::into));
        self
    }

    pub fn kind(mut self, kind: u16) -> Self {
        self.kind = kind;
        self
    }

    pub fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    /// Not compressed although the file is, and flag bit 0 set.
    pub fn stored_plain(mut self) -> Self {
        self.stored_plain = true;
        self.flags |= 1;
        self
    }

    /// These bytes behind the header instead of the encoded records.
    pub fn stored(mut self, bytes: Vec<u8>) -> Self {
        self.stored = Some(bytes);
        self
    }

    /// NumRecords instead of the true number.
    pub fn num_records(mut self, number: u32) -> Self {
        self.num_records = Some(number);
        self
    }

    /// Stored size instead of the true one.
    pub fn size(mut self, size: u32) -> Self {
        self.size = Some(size);
        self
    }

    /// The records, one after the other.
    pub fn plain(&self) -> Vec<u8> {
        self.records.iter().flat_map(Record::build).collect()
    }

    fn build(&self, encoding: Encoding) -> Vec<u8> {
        let stored = match &self.stored {
            Some(stored) => stored.clone(),
            None if self.stored_plain => self.plain(),
            None => encoding.compress(&self.plain()),
        };
        let mut block = le![
            self.num_records.unwrap_or(self.records.len() as u32),
            self.size.unwrap_or(stored.len() as u32),
            self.kind,
            self.flags,
        ];
        block.extend(stored);
        block
    }
}

/// The statistics record: flows, bytes, packets; then flows, bytes and packets for each of tcp, udp,
/// icmp and other; first and last seen in ms; sequence failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat(pub [u64; 18]);

impl Stat {
    /// Counts flows as `nfdump -w` does: flows without element 1 do not count; element 5 counts.
    pub fn of<'a>(flows: impl IntoIterator<Item = &'a FlowBuilder>) -> Self {
        /// Where the minimum starts; later firsts do not count, and it becomes 0 if none did.
        const NO_FIRST: u64 = i64::MAX as u64;
        let mut stat = [0_u64; 18];
        stat[15] = NO_FIRST;
        for flow in flows {
            let Some(generic) = flow.payload(1) else {
                continue;
            };
            let counters = flow.payload(5).unwrap_or_default();
            let protocol = match generic.get(44) {
                Some(6) => 0,
                Some(17) => 1,
                Some(1 | 58) => 2,
                _ => 3,
            };
            let count = number_at(counters, 0).max(1);
            let bytes = number_at(generic, 32).wrapping_add(number_at(counters, 16));
            let packets = number_at(generic, 24).wrapping_add(number_at(counters, 8));
            for (total, part, value) in [(0, 3, count), (1, 7, bytes), (2, 11, packets)] {
                stat[total] = stat[total].wrapping_add(value);
                stat[part + protocol] = stat[part + protocol].wrapping_add(value);
            }
            let event = flow.payload(19).or_else(|| flow.payload(25));
            let first = match (number_at(generic, 0), event) {
                (0, Some(event)) => number_at(event, 0),
                (first, _) => first,
            };
            stat[15] = stat[15].min(first);
            stat[16] = stat[16].max(number_at(generic, 8));
        }
        if stat[15] == NO_FIRST {
            stat[15] = 0;
        }
        Self(stat)
    }

    pub fn payload(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }
}

/// Missing bytes are 0.
fn number_at(payload: &[u8], offset: usize) -> u64 {
    (0..8).fold(0, |number, at| {
        number | u64::from(payload.get(offset + at).copied().unwrap_or(0)) << (8 * at)
    })
}

// ------------------------------------------------------------------------------------------------
// Records

/// A record of a block.
#[derive(Clone, Debug)]
pub enum Record {
    Flow(FlowBuilder),
    /// Any other record, or any bytes.
    Other(Vec<u8>),
}

impl From<FlowBuilder> for Record {
    fn from(flow: FlowBuilder) -> Self {
        Self::Flow(flow)
    }
}

/// How exporter records store their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressForm {
    /// Up to 1.7.7: two numbers and the address family of Linux.
    Numbers,
    /// Since 1.7.8: network order, IPv4 mapped into IPv6.
    Network,
}

impl Record {
    /// A record of any type with a true size.
    pub fn other(kind: u16, payload: Vec<u8>) -> Self {
        let size = payload.len() as u16 + 4;
        Self::with_size(kind, size, payload)
    }

    /// A record of any type and any size.
    pub fn with_size(kind: u16, size: u16, payload: Vec<u8>) -> Self {
        let mut bytes = le![kind, size];
        bytes.extend(payload);
        Self::Other(bytes)
    }

    /// Appendix record with the ident.
    pub fn ident(ident: &[u8]) -> Self {
        let mut payload = ident.to_vec();
        payload.resize((ident.len() + 2) & !1, 0);
        Self::other(0x8001, payload)
    }

    /// Type 7.
    pub fn exporter(version: u32, address: IpAddr, form: AddressForm, sysid: u16, id: u32) -> Self {
        let (family, address) = match (form, address) {
            (AddressForm::Numbers, IpAddr::V4(address)) => {
                (2_u16, le![0_u64, u64::from(u32::from(address))])
            }
            (AddressForm::Numbers, IpAddr::V6(address)) => (10, ip6(address)),
            (AddressForm::Network, IpAddr::V4(address)) => {
                (0, address.to_ipv6_mapped().octets().to_vec())
            }
            (AddressForm::Network, IpAddr::V6(address)) => (0, address.octets().to_vec()),
        };
        Self::other(7, [le![version], address, le![family, sysid, id]].concat())
    }

    /// Type 8; each entry is sysid, sequence failures, packets, flows.
    pub fn exporter_stats(entries: &[(u16, u32, u64, u64)]) -> Self {
        let mut payload = le![entries.len() as u32];
        for (sysid, failures, packets, flows) in entries {
            payload.extend(le![u32::from(*sysid), failures, packets, flows]);
        }
        Self::other(8, payload)
    }

    /// Type 9, one of `interval` packets.
    pub fn legacy_sampler(id: i32, interval: u32, algorithm: u16, sysid: u16) -> Self {
        Self::other(9, le![id, interval, algorithm, sysid])
    }

    /// Type 15, `interval` of `interval + space` packets.
    pub fn sampler(sysid: u16, algorithm: u16, id: i64, interval: u32, space: u32) -> Self {
        Self::other(15, le![sysid, algorithm, id, interval, space])
    }

    /// Type 12; each entry is application id, name, description. Fields are as wide as the widest;
    /// names get a NUL.
    pub fn nbar(entries: &[(&[u8], &str, &str)]) -> Self {
        let widest =
            |width: fn(&(&[u8], &str, &str)) -> usize| entries.iter().map(width).max().unwrap_or(0);
        let a = widest(|(id, _, _)| id.len());
        let b = widest(|(_, name, _)| name.len()) + 1;
        let c = widest(|(_, _, description)| description.len()) + 1;
        let size = (a + b + c).next_multiple_of(4);
        let mut payload = le![
            entries.len() as u16,
            size as u16,
            a as u16,
            b as u16,
            c as u16
        ];
        for (id, name, description) in entries {
            let mut entry = [
                padded(id, a),
                padded(name.as_bytes(), b),
                padded(description.as_bytes(), c),
            ]
            .concat();
            entry.resize(size, 0);
            payload.extend(entry);
        }
        Self::other(12, payload)
    }

    /// Type 13: interface index and name.
    pub fn interface_names(entries: &[(u32, &str)]) -> Self {
        Self::names(13, entries)
    }

    /// Type 14: ingress VRF id and name.
    pub fn vrf_names(entries: &[(u32, &str)]) -> Self {
        Self::names(14, entries)
    }

    fn names(kind: u16, entries: &[(u32, &str)]) -> Self {
        let longest = entries
            .iter()
            .map(|(_, name)| name.len())
            .max()
            .unwrap_or(0);
        let width = (longest + 1).next_multiple_of(4);
        let mut payload = le![entries.len() as u16, width as u16 + 4, width as u32];
        for (id, name) in entries {
            payload.extend(le![id]);
            payload.extend(padded(name.as_bytes(), width));
        }
        Self::other(kind, payload)
    }

    pub fn build(&self) -> Vec<u8> {
        match self {
            Self::Flow(flow) => flow.build(),
            Self::Other(bytes) => bytes.clone(),
        }
    }
}

/// An element; its length is that of the payload unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub id: u16,
    pub payload: Vec<u8>,
    pub length: Option<u16>,
}

/// A flow record (type 11) with its elements in stored order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowBuilder {
    pub engine: [u8; 2],
    pub exporter: u16,
    pub flags: u8,
    pub nfversion: u8,
    pub elements: Vec<Element>,
    /// Record size instead of the true one.
    pub size: Option<u16>,
    /// Number of elements instead of the true one.
    pub num_elements: Option<u16>,
}

/// Element 1. Times in ms since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generic {
    pub first: u64,
    pub last: u64,
    pub received: u64,
    pub packets: u64,
    pub bytes: u64,
    pub src_port: u16,
    pub dst_port: u16,
    pub proto: u8,
    pub tcp_flags: u8,
    pub fwd_status: u8,
    pub tos: u8,
}

/// Element 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Misc {
    pub input: u32,
    pub output: u32,
    pub src_mask: u8,
    pub dst_mask: u8,
    pub direction: u8,
    pub dst_tos: u8,
    pub biflow: u8,
    pub end_reason: u8,
}

/// Element 37.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketFilter<'a> {
    pub action: u8,
    pub reason: u8,
    pub direction: u8,
    pub rewritten: u8,
    pub rule: u32,
    pub sub_rule: u32,
    pub uid: u32,
    pub pid: u32,
    pub interface: &'a [u8],
}

/// Element 38.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layer2 {
    pub vlan: u16,
    pub customer_vlan: u16,
    pub post_vlan: u16,
    pub post_customer_vlan: u16,
    pub phys_ingress: u32,
    pub phys_egress: u32,
    pub vxlan: u64,
    pub ether_type: u16,
    pub ip_version: u8,
}

impl FlowBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Engine type and id.
    pub fn engine(mut self, kind: u8, id: u8) -> Self {
        self.engine = [kind, id];
        self
    }

    /// Sysid of the exporter.
    pub fn exporter(mut self, sysid: u16) -> Self {
        self.exporter = sysid;
        self
    }

    pub fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    pub fn nfversion(mut self, version: u8) -> Self {
        self.nfversion = version;
        self
    }

    /// Record size instead of the true one.
    pub fn size(mut self, size: u16) -> Self {
        self.size = Some(size);
        self
    }

    /// Number of elements instead of the true one.
    pub fn num_elements(mut self, number: u16) -> Self {
        self.num_elements = Some(number);
        self
    }

    /// Any element.
    pub fn element(mut self, id: u16, payload: impl Into<Vec<u8>>) -> Self {
        self.elements.push(Element {
            id,
            payload: payload.into(),
            length: None,
        });
        self
    }

    /// An element whose length (which includes its header of 4 bytes) need not be true.
    pub fn element_with_length(
        mut self,
        id: u16,
        length: u16,
        payload: impl Into<Vec<u8>>,
    ) -> Self {
        self.elements.push(Element {
            id,
            payload: payload.into(),
            length: Some(length),
        });
        self
    }

    /// Payload of the last element of that id, the one that counts.
    pub fn payload(&self, id: u16) -> Option<&[u8]> {
        let last = self.elements.iter().rev().find(|element| element.id == id);
        last.map(|element| element.payload.as_slice())
    }

    pub fn build(&self) -> Vec<u8> {
        let mut elements = Vec::new();
        for Element {
            id,
            payload,
            length,
        } in &self.elements
        {
            elements.extend(le![id, length.unwrap_or(payload.len() as u16 + 4)]);
            elements.extend(payload);
        }
        let size = self.size.unwrap_or(elements.len() as u16 + 12);
        let mut record = le![
            11_u16,
            size,
            self.num_elements.unwrap_or(self.elements.len() as u16)
        ];
        record.extend(self.engine);
        record.extend(le![self.exporter, self.flags, self.nfversion]);
        record.extend(elements);
        record
    }

    /// Element 0: what `nfdump -w` leaves of an element it drops.
    pub fn masked(self, payload: &[u8]) -> Self {
        self.element(0, payload)
    }

    /// Element 1.
    pub fn generic(self, g: Generic) -> Self {
        let mut payload = le![
            g.first, g.last, g.received, g.packets, g.bytes, g.src_port, g.dst_port
        ];
        payload.extend([g.proto, g.tcp_flags, g.fwd_status, g.tos]);
        self.element(1, payload)
    }

    /// Element 2.
    pub fn ipv4(self, src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        self.element(2, [ip4(src), ip4(dst)].concat())
    }

    /// Element 3.
    pub fn ipv6(self, src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        self.element(3, [ip6(src), ip6(dst)].concat())
    }

    /// Element 4.
    pub fn misc(self, m: Misc) -> Self {
        let mut payload = le![m.input, m.output];
        payload.extend([
            m.src_mask,
            m.dst_mask,
            m.direction,
            m.dst_tos,
            m.biflow,
            m.end_reason,
            0,
            0,
        ]);
        self.element(4, payload)
    }

    /// Element 5.
    pub fn counters(self, flows: u64, out_packets: u64, out_bytes: u64) -> Self {
        self.element(5, le![flows, out_packets, out_bytes])
    }

    /// Element 6.
    pub fn vlan(self, src: u32, dst: u32) -> Self {
        self.element(6, le![src, dst])
    }

    /// Element 7.
    pub fn autonomous_systems(self, src: u32, dst: u32) -> Self {
        self.element(7, le![src, dst])
    }

    /// Element 8 or 9.
    pub fn bgp_next_hop(self, address: IpAddr) -> Self {
        self.address(8, address)
    }

    /// Element 10 or 11.
    pub fn ip_next_hop(self, address: IpAddr) -> Self {
        self.address(10, address)
    }

    /// Element 12 or 13: where the collector received the flow from.
    pub fn router(self, address: IpAddr) -> Self {
        self.address(12, address)
    }

    /// The IPv6 form of an address element has the next id.
    fn address(self, id: u16, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.element(id, ip4(address)),
            IpAddr::V6(address) => self.element(id + 1, ip6(address)),
        }
    }

    /// Element 14: label·16 + exp·2 + bottom, top of the stack first.
    pub fn mpls(self, labels: [u32; 10]) -> Self {
        self.element(14, labels.map(u32::to_le_bytes).concat())
    }

    /// Element 15: in src, out dst, in dst, out src, each a number of 48 bits.
    pub fn mac(self, addresses: [u64; 4]) -> Self {
        self.element(15, addresses.map(u64::to_le_bytes).concat())
    }

    /// Element 16.
    pub fn adjacent_as(self, next: u32, previous: u32) -> Self {
        self.element(16, le![next, previous])
    }

    /// Element 17, in µs.
    pub fn latency(self, client: u64, server: u64, application: u64) -> Self {
        self.element(17, le![client, server, application])
    }

    /// Element 18.
    pub fn sampler_reference(self, id: u64, sysid: u16) -> Self {
        self.element(18, [le![id, sysid], vec![0; 6]].concat())
    }

    /// Element 19, time in ms.
    pub fn nsel_event(self, time: u64, connection: u32, extended: u16, event: u8) -> Self {
        self.element(19, le![time, connection, extended, event, 0_u8])
    }

    /// Element 20 or 21, by the family of the addresses.
    pub fn nat(self, src: IpAddr, dst: IpAddr) -> Self {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.element(20, [ip4(src), ip4(dst)].concat()),
            (src, dst) => self.element(21, [ip6(mapped(src)), ip6(mapped(dst))].concat()),
        }
    }

    /// Element 22.
    pub fn nat_ports(self, src: u16, dst: u16) -> Self {
        self.element(22, le![src, dst])
    }

    /// Element 23: three words each, stored big-endian.
    pub fn acl(self, ingress: [u32; 3], egress: [u32; 3]) -> Self {
        self.element(
            23,
            [ingress, egress]
                .concat()
                .iter()
                .flat_map(|word| word.to_be_bytes())
                .collect::<Vec<_>>(),
        )
    }

    /// Element 24: at most 66 bytes, zero-padded, and 2 bytes of padding.
    pub fn user_name(self, name: &[u8]) -> Self {
        self.element(24, padded(&name[..name.len().min(66)], 68))
    }

    /// Element 25 since 1.7.1, time in ms.
    pub fn nat_event(self, time: u64, pool: u32, event: u8) -> Self {
        self.element(25, le![time, pool, u32::from(event)])
    }

    /// Element 25 as 1.7.0 wrote it.
    pub fn nat_event_1_7_0(
        self,
        time: u64,
        egress_vrf: u32,
        ingress_vrf: u32,
        pool: u32,
        event: u8,
    ) -> Self {
        self.element(
            25,
            le![time, egress_vrf, ingress_vrf, pool, u32::from(event)],
        )
    }

    /// Element 26.
    pub fn nat_port_block(self, start: u16, end: u16, step: u16, size: u16) -> Self {
        self.element(26, le![start, end, step, size])
    }

    /// Element 27: classification engine, then the selector, big-endian.
    pub fn application(self, id: &[u8]) -> Self {
        self.element(27, id)
    }

    /// Element 28: with its NUL.
    pub fn label(self, text: &[u8]) -> Self {
        self.element(28, padded(text, text.len() + 1))
    }

    /// Element 29 as nfcapd writes it: exact.
    pub fn payload_in(self, bytes: &[u8]) -> Self {
        self.element(29, bytes)
    }

    /// Element 29 as nfpcapd writes it: a multiple of 4.
    pub fn payload_in_padded(self, bytes: &[u8]) -> Self {
        self.element(29, padded(bytes, bytes.len().next_multiple_of(4)))
    }

    /// Element 30.
    pub fn payload_out(self, bytes: &[u8]) -> Self {
        self.element(30, bytes)
    }

    /// Element 31 or 32, by the family of the addresses.
    pub fn tunnel(self, src: IpAddr, dst: IpAddr, proto: u32) -> Self {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                self.element(31, [ip4(src), ip4(dst), le![proto]].concat())
            }
            (src, dst) => self.element(
                32,
                [ip6(mapped(src)), ip6(mapped(dst)), le![proto, 0_u32]].concat(),
            ),
        }
    }

    /// Element 33.
    pub fn observation(self, point: u64, domain: u32) -> Self {
        self.element(33, le![point, domain, 0_u32])
    }

    /// Element 34.
    pub fn frame_meta(self, size: u16, link_type: u16) -> Self {
        self.element(34, le![size, link_type])
    }

    /// Element 35: exact.
    pub fn frame(self, bytes: &[u8]) -> Self {
        self.element(35, bytes)
    }

    /// Element 36; egress is stored first.
    pub fn vrf(self, ingress: u32, egress: u32) -> Self {
        self.element(36, le![egress, ingress])
    }

    /// Element 37; the name gets a NUL and is a multiple of 4, an empty one is left out.
    pub fn packet_filter(self, p: PacketFilter) -> Self {
        let width = if p.interface.is_empty() {
            0
        } else {
            (p.interface.len() + 1).next_multiple_of(4)
        };
        let mut payload = vec![p.action, p.reason, p.direction, p.rewritten];
        payload.extend(le![p.rule, p.sub_rule, p.uid, p.pid]);
        payload.extend(padded(p.interface, width));
        self.element(37, payload)
    }

    /// Element 38.
    pub fn layer2(self, l: Layer2) -> Self {
        let mut payload = le![l.vlan, l.customer_vlan, l.post_vlan, l.post_customer_vlan];
        payload.extend(le![l.phys_ingress, l.phys_egress, l.vxlan, l.ether_type]);
        payload.extend([l.ip_version, 0, 0, 0, 0, 0]);
        self.element(38, payload)
    }

    /// Element 39.
    pub fn flow_id(self, id: u64) -> Self {
        self.element(39, le![id])
    }

    /// Element 40.
    pub fn nokia_services(self, inside: u16, outside: u16) -> Self {
        self.element(40, le![inside, outside])
    }

    /// Element 41: the text and 4 zero bytes.
    pub fn nokia_string(self, text: &[u8]) -> Self {
        self.element(41, padded(text, text.len() + 4))
    }

    /// Element 42 since 1.7.6; fragment flags 0x40 DF, 0x20 MF.
    pub fn ip_info(self, fragment: u8, min_ttl: u8, max_ttl: u8) -> Self {
        self.element(42, [0, fragment, min_ttl, max_ttl])
    }

    /// Element 42 as 1.7.5 wrote it.
    pub fn ip_info_1_7_5(self, fragment: u8, ttl: u8) -> Self {
        self.element(42, [ttl, fragment, 0, 0])
    }
}

fn ip4(address: Ipv4Addr) -> Vec<u8> {
    le![u32::from(address)]
}

/// Two numbers, the high one first, each little-endian.
fn ip6(address: Ipv6Addr) -> Vec<u8> {
    let number = u128::from(address);
    le![(number >> 64) as u64, number as u64]
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn padded(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(size, 0);
    bytes
}

// ------------------------------------------------------------------------------------------------
// Random flows

/// A reproducible source of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// What nfdump 1.7.10 prints wrongly, unsteadily or not at all; numbers as in the list of its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A TLS client hello in the payload (B1, B5, B9).
    Tls,
    /// Text with quotes, control characters and bytes that are not ASCII (B2).
    Escaping,
    /// Element 40, whose second key is wrong in ndjson (B4).
    Services,
    /// Observation points above 32 bits (B7).
    PointId,
    /// IPv6 masks other than 64, IPv4 masks above 32, masks without address (B8, B17).
    Networks,
    /// Event times whose milliseconds need padding (B10).
    EventMillis,
    /// Payloads without element 1 (B18).
    PayloadAlone,
    /// More text than its buffer holds (B20).
    Size,
    /// User names of 66 bytes, NAT strings without NUL (B23).
    Unterminated,
    /// The MF flag (B27).
    MoreFragments,
    /// ACL words that read differently backwards (B32).
    AclOrder,
    /// Element 25 as 1.7.0 wrote it (B33).
    OldNatEvent,
    /// Both address families in one flow.
    BothFamilies,
    /// Masked elements, which versions before 1.7.8 do not skip.
    Masked,
}

/// What random flows may hold.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Ids to choose from, 1 to 42.
    pub elements: &'static [u16],
    /// Now and then 0 or all ones instead of a plausible number.
    pub extremes: bool,
    pub faults: &'static [Fault],
}

const ALL_ELEMENTS: [u16; 42] = {
    let mut ids = [0; 42];
    let mut at = 0;
    while at < ids.len() {
        ids[at] = at as u16 + 1;
        at += 1;
    }
    ids
};

impl Profile {
    /// nfdump 1.7.10 prints these flows rightly in json and ndjson.
    pub const SAFE: Self = Self {
        elements: &ALL_ELEMENTS,
        extremes: true,
        faults: &[],
    };
    /// nfdump 1.7.10 prints these flows rightly in json.
    pub const SAFE_JSON: Self = Self {
        faults: &[Fault::Services],
        ..Self::SAFE
    };
    /// Of [`Profile::SAFE`] what nfdump 1.7.1 knows.
    pub const KNOWN_TO_1_7_1: Self = Self {
        elements: &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25,
            26, 27, 28, 29, 30, 31, 32, 33, 36, 37,
        ],
        ..Self::SAFE
    };
    /// Everything a well-formed file can hold.
    pub const ANY: Self = Self {
        faults: &[
            Fault::Tls,
            Fault::Escaping,
            Fault::Services,
            Fault::PointId,
            Fault::Networks,
            Fault::EventMillis,
            Fault::PayloadAlone,
            Fault::Size,
            Fault::Unterminated,
            Fault::MoreFragments,
            Fault::AclOrder,
            Fault::OldNatEvent,
            Fault::BothFamilies,
            Fault::Masked,
        ],
        ..Self::SAFE
    };

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}

/// A flow with any of the elements: most often few, sometimes all.
pub fn random_flow(rng: &mut Rng, profile: &Profile) -> FlowBuilder {
    let density = rng.pick(&[1, 3, 3, 8, 16]);
    let chosen: Vec<u16> = profile
        .elements
        .iter()
        .copied()
        .filter(|_| rng.below(16) < density)
        .collect();
    flow_of(chosen, rng.next(), profile)
}

/// Flows as [`random_flow`] makes them; shrinks to fewer elements whose content stays.
pub fn flows(profile: &'static Profile) -> impl Strategy<Value = FlowBuilder> {
    let all = profile.elements.to_vec();
    let count = 0..=all.len();
    (proptest::sample::subsequence(all, count), any::<u64>())
        .prop_map(move |(chosen, seed)| flow_of(chosen, seed, profile))
}

pub fn encodings() -> impl Strategy<Value = Encoding> {
    proptest::sample::select(Encoding::ALL.to_vec())
}

/// A flow with these elements, less what the profile forbids, in random order.
fn flow_of(mut chosen: Vec<u16>, seed: u64, profile: &Profile) -> FlowBuilder {
    let mut rng = Rng(seed);
    // Any order: then what does not fit is not always the same, either.
    for at in (1..chosen.len()).rev() {
        chosen.swap(at, rng.below(at as u64 + 1) as usize);
    }
    if !profile.has(Fault::Size) {
        let mut left = TEXT_LIMIT;
        chosen.retain(|id| {
            let fits = text_size(*id) <= left;
            left -= if fits { text_size(*id) } else { 0 };
            fits
        });
    }
    if !profile.has(Fault::BothFamilies) && chosen.contains(&2) {
        let dropped = if chosen.contains(&3) {
            rng.pick(&[2, 3])
        } else {
            3
        };
        chosen.retain(|id| *id != dropped);
    }
    if !profile.has(Fault::PayloadAlone) && !chosen.contains(&1) {
        chosen.retain(|id| !matches!(id, 29 | 30));
    }
    if !profile.has(Fault::Services) {
        chosen.retain(|id| *id != 40);
    }

    let nfversion = rng.pick(&[0, 5, 9, 10, 0x41, 0x85]);
    let mut flow = FlowBuilder::new()
        .engine(rng.next() as u8, rng.next() as u8)
        .exporter(rng.pick(&[0, 1, 2, u16::MAX]))
        .flags(rng.pick(&[0, 0, 1, 2, 3, 4]))
        .nfversion(nfversion);
    for id in &chosen {
        // A source for each element: its content does not depend on what else was chosen.
        let mut values = Values {
            rng: Rng(seed ^ u64::from(*id) << 48),
            profile,
        };
        flow = values.add(*id, flow, &chosen);
        if profile.has(Fault::Masked) && values.rng.one_in(30) {
            let hole = values.rng.below(40);
            flow = flow.masked(&values.rng.bytes(hole));
        }
    }
    flow
}

/// Bytes that nfdump's buffer for one flow holds in json, less what every flow prints (with the
/// longest ident).
const TEXT_LIMIT: usize = 3581 - 260;

/// The most text, in bytes of json, that an element of a safe profile gives.
fn text_size(id: u16) -> usize {
    TEXT_SIZES.get(usize::from(id)).copied().unwrap_or(0)
}

const TEXT_SIZES: [usize; 43] = [
    0, 340, 108, 156, 215, 117, 54, 50, 39, 63, 38, 62, 36, 60, 301, 154, 52, 132, 0, 143, 74, 122,
    52, 107, 85, 143, 100, 0, 0, 0, 0, 102, 150, 75, 0, 0, 59, 0, 206, 35, 51, 83, 66,
];

/// Content of elements.
struct Values<'a> {
    rng: Rng,
    profile: &'a Profile,
}

impl Values<'_> {
    /// A plausible number, or an extreme one of `bits`.
    fn number(&mut self, bits: u32, plausible: u64) -> u64 {
        let most = u64::MAX >> (64 - bits);
        match self.rng.below(16) {
            0 if self.profile.extremes => 0,
            1 if self.profile.extremes => most,
            2 if self.profile.extremes => self.rng.next() & most,
            _ => self.rng.below(plausible),
        }
    }

    fn u8(&mut self) -> u8 {
        self.number(8, 256) as u8
    }

    fn u16(&mut self) -> u16 {
        self.number(16, 5000) as u16
    }

    fn u32(&mut self) -> u32 {
        self.number(32, 70_000) as u32
    }

    fn u64(&mut self) -> u64 {
        self.number(64, 5_000_000)
    }

    /// ms, of the years 2001 to 2033.
    fn time(&mut self) -> u64 {
        match self.number(64, 1_000_000_000_000) {
            plausible @ 1..1_000_000_000_000 => plausible + 1_000_000_000_000,
            extreme => extreme,
        }
    }

    fn event_time(&mut self) -> u64 {
        let time = self.time();
        if self.profile.has(Fault::EventMillis) || time < 1000 || time % 1000 >= 100 {
            time
        } else {
            time + 100
        }
    }

    fn v4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from(self.number(32, 1 << 32) as u32)
    }

    fn v6(&mut self) -> Ipv6Addr {
        let high = match self.rng.below(4) {
            0 => 0,
            _ => 0x2001_0db8_0000_0000 | self.rng.below(1 << 32),
        };
        // Groups of zeros in all places: their text is the difficult part.
        let low = self.number(64, u64::MAX)
            & self
                .rng
                .pick(&[u64::MAX, 0xFFFF, 0xFFFF_0000_FFFF, 0xFFFF_FFFF_FFFF]);
        Ipv6Addr::from(u128::from(high) << 64 | u128::from(low))
    }

    fn text(&mut self, most: u64) -> Vec<u8> {
        const SAFE: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 .-_@/<>,:";
        let length = self.number(6, 20).min(most);
        let any = self.profile.has(Fault::Escaping);
        (0..length)
            .map(|_| {
                if any {
                    (self.rng.next() as u8).max(1)
                } else {
                    self.rng.pick(SAFE)
                }
            })
            .collect()
    }

    fn payload(&mut self) -> Vec<u8> {
        if self.profile.has(Fault::Tls) && self.rng.one_in(3) {
            let name = self.text(40);
            return client_hello(&name);
        }
        let length = 1 + self.number(9, 80);
        let mut bytes = self.rng.bytes(length);
        if bytes[0] == 0x16 {
            bytes[0] = 0x17;
        }
        bytes
    }

    /// Masks of element 4, by the address that nfdump shows.
    fn masks(&mut self, chosen: &[u16]) -> [u8; 2] {
        match (chosen.contains(&2), chosen.contains(&3)) {
            _ if self.profile.has(Fault::Networks) => [self.u8(), self.u8()],
            (true, false) => [self.rng.below(33) as u8, self.rng.below(33) as u8],
            (false, true) => self.rng.pick(&[[0, 0], [64, 64]]),
            _ => [0, 0],
        }
    }

    fn acl(&mut self) -> [u32; 3] {
        let any = self.profile.has(Fault::AclOrder);
        [(); 3].map(|()| {
            let word = self.u32();
            if any {
                word
            } else {
                (word & 0xFFFF) | ((word & 0xFFFF).swap_bytes())
            }
        })
    }

    fn generic(&mut self) -> Generic {
        let first = self.time();
        let received = self.time();
        let last = if self.rng.one_in(8) {
            self.time()
        } else {
            first.saturating_add(self.rng.below(300_000))
        };
        Generic {
            first,
            last,
            received,
            packets: self.u64(),
            bytes: self.u64(),
            src_port: self.u16(),
            dst_port: self.u16(),
            proto: self.rng.pick(&[6, 6, 17, 17, 1, 58, 47, 132, 0, 255]),
            tcp_flags: self.u8(),
            fwd_status: self.u8(),
            tos: self.u8(),
        }
    }

    fn add(&mut self, id: u16, flow: FlowBuilder, chosen: &[u16]) -> FlowBuilder {
        match id {
            1 => flow.generic(self.generic()),
            2 => flow.ipv4(self.v4(), self.v4()),
            3 => flow.ipv6(self.v6(), self.v6()),
            4 => {
                let [src_mask, dst_mask] = self.masks(chosen);
                flow.misc(Misc {
                    input: self.u32(),
                    output: self.u32(),
                    src_mask,
                    dst_mask,
                    direction: self.rng.below(2) as u8,
                    dst_tos: self.u8(),
                    biflow: self.rng.below(4) as u8,
                    end_reason: self.rng.below(6) as u8,
                })
            }
            5 => flow.counters(self.u64(), self.u64(), self.u64()),
            6 => flow.vlan(self.u32(), self.u32()),
            7 => flow.autonomous_systems(self.u32(), self.u32()),
            8 => flow.bgp_next_hop(self.v4().into()),
            9 => flow.bgp_next_hop(self.v6().into()),
            10 => flow.ip_next_hop(self.v4().into()),
            11 => flow.ip_next_hop(self.v6().into()),
            12 => flow.router(self.v4().into()),
            13 => flow.router(self.v6().into()),
            14 => flow.mpls([(); 10].map(|()| self.number(24, 1 << 24) as u32)),
            15 => flow.mac([(); 4].map(|()| self.number(48, 1 << 48))),
            16 => flow.adjacent_as(self.u32(), self.u32()),
            17 => flow.latency(self.u64(), self.u64(), self.u64()),
            18 => flow.sampler_reference(self.u64(), self.u16()),
            19 => flow.nsel_event(
                self.event_time(),
                self.u32(),
                self.u16(),
                self.rng.below(7) as u8,
            ),
            20 => flow.nat(self.v4().into(), self.v4().into()),
            21 => flow.nat(self.v6().into(), self.v6().into()),
            22 => flow.nat_ports(self.u16(), self.u16()),
            23 => flow.acl(self.acl(), self.acl()),
            24 if self.profile.has(Fault::Unterminated) && self.rng.one_in(4) => {
                flow.user_name(&[b'u'; 66])
            }
            24 => flow.user_name(&self.text(65)),
            25 if self.profile.has(Fault::OldNatEvent) && self.rng.one_in(4) => flow
                .nat_event_1_7_0(
                    self.event_time(),
                    self.u32(),
                    self.u32(),
                    self.u32(),
                    self.u8(),
                ),
            25 => flow.nat_event(self.event_time(), self.u32(), self.rng.below(21) as u8),
            26 => flow.nat_port_block(self.u16(), self.u16(), self.u16(), self.u16()),
            27 => {
                let length = 1 + self.rng.below(8);
                flow.application(&self.rng.bytes(length))
            }
            28 => flow.label(&self.text(40)),
            29 if self.rng.one_in(2) => flow.payload_in_padded(&self.payload()),
            29 => flow.payload_in(&self.payload()),
            30 => flow.payload_out(&self.payload()),
            31 => flow.tunnel(
                self.v4().into(),
                self.v4().into(),
                self.rng.pick(&[4, 41, 47]),
            ),
            32 => flow.tunnel(
                self.v6().into(),
                self.v6().into(),
                self.rng.pick(&[4, 41, 47]),
            ),
            33 => {
                let point = self.u64();
                let kept = if self.profile.has(Fault::PointId) {
                    u64::MAX
                } else {
                    u64::from(u32::MAX)
                };
                flow.observation(point & kept, self.u32())
            }
            34 => flow.frame_meta(self.u16(), self.u16()),
            35 => flow.frame(&self.payload()),
            36 => flow.vrf(self.u32(), self.u32()),
            37 => {
                let interface = self.text(15);
                flow.packet_filter(PacketFilter {
                    action: self.rng.below(12) as u8,
                    reason: self.rng.below(16) as u8,
                    direction: self.rng.below(3) as u8,
                    rewritten: self.rng.below(2) as u8,
                    rule: self.u32(),
                    sub_rule: self.u32(),
                    uid: self.u32(),
                    pid: self.u32(),
                    interface: &interface,
                })
            }
            38 => flow.layer2(Layer2 {
                vlan: self.u16(),
                customer_vlan: self.u16(),
                post_vlan: self.u16(),
                post_customer_vlan: self.u16(),
                phys_ingress: self.u32(),
                phys_egress: self.u32(),
                vxlan: 0,
                ether_type: self.rng.pick(&[0, 0x0800, 0x86DD, 0x8847]),
                ip_version: self.rng.pick(&[0, 4, 6]),
            }),
            39 => flow.flow_id(self.u64()),
            40 => flow.nokia_services(self.u16(), self.u16()),
            41 if self.profile.has(Fault::Unterminated) && self.rng.one_in(4) => {
                flow.element(41, self.text(60))
            }
            41 => flow.nokia_string(&self.text(60)),
            42 => {
                let fragment = if self.profile.has(Fault::MoreFragments) {
                    self.u8()
                } else {
                    self.u8() & 0x40
                };
                flow.ip_info(fragment, self.u8(), self.u8())
            }
            other => unreachable!("no element {other}"),
        }
    }
}

/// A TLS 1.2 client hello with one cipher and a server name.
pub fn client_hello(name: &[u8]) -> Vec<u8> {
    let be = |number: usize| (number as u16).to_be_bytes().to_vec();
    let entry = [vec![0], be(name.len()), name.to_vec()].concat();
    let list = [be(entry.len()), entry].concat();
    let extension = [be(0), be(list.len()), list].concat();
    let hello = [
        vec![3, 3],
        vec![0x55; 32],
        vec![0, 0, 2, 0x13, 0x01, 1, 0],
        be(extension.len()),
        extension,
    ]
    .concat();
    let message = [vec![1, 0], be(hello.len()), hello].concat();
    [vec![0x16, 3, 1], be(message.len()), message].concat()
}
