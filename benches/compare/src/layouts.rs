//! The flows of a file in layouts 1 and 3, as the collectors of nfdump 1.6 and 1.8 store them, to measure how
//! much slower these are read. Made for the flows of [`crate::data`] and no others.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use nfdecode::Flow;

use crate::floor;

/// Which form a file is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Of nfdump 1.6: blocks of 1 MiB.
    #[value(name = "layout1")]
    One,
    /// Of nfdump 1.8: blocks of 4 MiB.
    #[value(name = "layout3")]
    Three,
    /// The same with checksums, which are off unless asked for.
    #[value(name = "layout3x")]
    ThreeChecked,
}

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Three => "3",
            Self::ThreeChecked => "3 with checksums",
        }
    }

    /// Ending of such files.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::One => "layout1",
            Self::Three => "layout3",
            Self::ThreeChecked => "layout3x",
        }
    }

    fn block_max(self) -> usize {
        match self {
            Self::One => 1 << 20,
            Self::Three | Self::ThreeChecked => (4 << 20) - 24,
        }
    }
}

fn compress(encoding: &str, plain: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(match encoding {
        "none" => plain.to_vec(),
        "lzo" => lzokay_native::compress(plain).map_err(|error| error.to_string())?,
        "bz2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(plain)?;
            encoder.finish()?
        }
        "lz4" => lz4_flex::block::compress(plain),
        "zstd" => zstd::bulk::compress(plain, 3)?,
        _ => return Err("unknown encoding".into()),
    })
}

/// What every flow of the data has.
struct Parts<'a> {
    flow: Flow<'a>,
    generic: &'a [u8],
    v6: Option<&'a [u8]>,
    addresses: &'a [u8],
    misc: &'a [u8],
    vlan: Option<&'a [u8]>,
    systems: &'a [u8],
    next_hop: &'a [u8],
    exporter: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(flow: Flow<'a>) -> Option<Self> {
        Some(Self {
            flow,
            generic: flow.element(1)?,
            v6: flow.element(3),
            addresses: flow.element(3).or(flow.element(2))?,
            misc: flow.element(4)?,
            vlan: flow.element(6),
            systems: flow.element(7)?,
            next_hop: flow.element(10)?,
            exporter: flow.element(12)?,
        })
    }
}

/// Extension maps of layout 1, without and with VLANs: type, size, id, bytes in a record, extensions.
fn maps() -> Vec<u8> {
    let without = [2, 24, 0, 36, 5, 7, 8, 9, 23, 27, 0, 0];
    let with = [2, 24, 1, 40, 5, 7, 8, 9, 13, 23, 27, 0];
    let words = without.into_iter().chain(with);
    words.flat_map(u16::to_le_bytes).collect()
}

fn layout1(parts: &Parts<'_>, block: &mut Vec<u8>) {
    let start = block.len();
    let (flow, generic, misc) = (parts.flow, parts.generic, parts.misc);
    let ms = |time: Option<nfdecode::Timestamp>| {
        let ms = time.map_or(0, nfdecode::Timestamp::as_millis);
        (
            ((ms / 1000) as u32).to_le_bytes(),
            ((ms % 1000) as u16).to_le_bytes(),
        )
    };
    let (packets, octets) = (flow.in_packets().unwrap_or(0), flow.in_bytes().unwrap_or(0));
    let wide = |number: u64, bit: u8| if number > u32::MAX.into() { bit } else { 0 };
    let flags = u8::from(parts.v6.is_some()) | wide(packets, 2) | wide(octets, 4);
    let (first, last) = (ms(flow.first()), ms(flow.last()));
    block.extend([10, 0, 0, 0, flags, flow.export_version()]);
    block.extend(u16::from(parts.vlan.is_some()).to_le_bytes());
    block.extend([first.1, last.1].concat());
    block.extend([first.0, last.0].concat());
    block.extend([generic[46], generic[45], generic[44], generic[47]]);
    block.extend(&generic[40..44]);
    block.extend(flow.exporter_sysid().to_le_bytes());
    block.extend(&misc[12..14]);
    block.extend(parts.addresses);
    for (bit, value) in [(2, packets), (4, octets)] {
        let bytes = value.to_le_bytes();
        block.extend(&bytes[..if flags & bit != 0 { 8 } else { 4 }]);
    }
    block.extend(&misc[..8]);
    block.extend(parts.systems);
    block.extend([misc[11], misc[10], misc[8], misc[9]]);
    block.extend(parts.next_hop);
    if let Some(vlan) = parts.vlan {
        block.extend([vlan[0], vlan[1], vlan[4], vlan[5]]);
    }
    block.extend(parts.exporter);
    block.extend(&generic[16..24]);
    let size = (block.len() - start) as u16;
    block[start + 2..start + 4].copy_from_slice(&size.to_le_bytes());
}

fn layout3(parts: &Parts<'_>, block: &mut Vec<u8>) {
    let start = block.len();
    let misc = parts.misc;
    let routing = [
        misc[8], misc[9], misc[10], misc[12], misc[11], misc[13], 0, 0,
    ];
    let hops = [parts.next_hop, &[0; 4]].concat();
    let exporter = [parts.exporter, &[0; 4]].concat();
    let mut extensions: Vec<(u8, &[u8])> = vec![
        (1, parts.generic),
        (if parts.v6.is_some() { 3 } else { 2 }, parts.addresses),
        (4, &misc[..8]),
        (5, &routing),
    ];
    extensions.extend(parts.vlan.map(|vlan| (7, vlan)));
    extensions.extend([(8, parts.systems), (9, &hops), (11, &exporter)]);
    let flow = parts.flow;
    let bitmap = extensions.iter().fold(0_u64, |set, (id, _)| set | 1 << id);
    block.extend([16, 0, 0, 0, extensions.len() as u8, 0, 0, 0]);
    block.extend(u32::from(flow.exporter_sysid()).to_le_bytes());
    block.extend([
        flow.engine_type(),
        flow.engine_id(),
        flow.export_version(),
        0,
    ]);
    block.extend(bitmap.to_le_bytes());
    let mut at = (24 + 2 * extensions.len()).next_multiple_of(8);
    for (_, payload) in &extensions {
        block.extend((at as u16).to_le_bytes());
        at += payload.len();
    }
    block.resize(start + (24 + 2 * extensions.len()).next_multiple_of(8), 0);
    extensions
        .iter()
        .for_each(|(_, payload)| block.extend(*payload));
    block[start + 2..start + 4].copy_from_slice(&(at as u16).to_le_bytes());
}

/// A block with its header.
fn finish(
    layout: Layout,
    encoding: &str,
    plain: &mut [u8],
    records: u32,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut out = Vec::new();
    match layout {
        Layout::One => {
            let stored = compress(encoding, plain)?;
            out.extend(records.to_le_bytes());
            out.extend((stored.len() as u32).to_le_bytes());
            out.extend([2, 0, 0, 0]);
            out.extend(stored);
        }
        Layout::Three | Layout::ThreeChecked => {
            plain[..4].copy_from_slice(&records.to_le_bytes());
            let stored = compress(encoding, plain)?;
            let method = ["none", "lzo", "bz2", "lz4", "zstd"]
                .iter()
                .position(|name| *name == encoding);
            let checksum = if layout == Layout::ThreeChecked {
                floor::xxh3(&stored)
            } else {
                0
            };
            out.extend([1, 0, 0, 0]);
            out.extend((stored.len() as u32 + 24).to_le_bytes());
            out.extend((plain.len() as u32 + 24).to_le_bytes());
            out.extend([method.unwrap_or(0) as u8 + 1, 0, 0, 0]);
            out.extend(checksum.to_le_bytes());
            out.extend(stored);
        }
    }
    Ok(out)
}

/// Writes the flows of `source` to `out`.
pub fn carry(
    source: &Path,
    layout: Layout,
    encoding: &str,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let file = nfdecode::File::open(source)?;
    let head: usize = if layout == Layout::One { 276 } else { 48 };
    let mut to = BufWriter::with_capacity(1 << 20, File::create(out)?);
    to.write_all(&vec![0; head])?;
    let fresh = || {
        if layout == Layout::One {
            Vec::new()
        } else {
            vec![0; 32]
        }
    };
    let (mut plain, mut records, mut flows) = (fresh(), 0_u32, 0_u64);
    if layout == Layout::One {
        plain = maps();
        records = 2;
    }
    // Where blocks lie and how large they are.
    let mut directory: Vec<(u32, u64)> = Vec::new();
    let mut at = head as u64;
    let mut write = |plain: &mut Vec<u8>, records: u32| -> Result<(), Box<dyn Error>> {
        let bytes = finish(layout, encoding, plain, records)?;
        directory.push((bytes.len() as u32, at));
        at += bytes.len() as u64;
        to.write_all(&bytes)?;
        *plain = fresh();
        Ok(())
    };
    for block in file.blocks() {
        for flow in block?.flows() {
            if plain.len() + 256 > layout.block_max() {
                write(&mut plain, records)?;
                records = 0;
            }
            let parts = Parts::of(flow).ok_or("not a flow of these data")?;
            match layout {
                Layout::One => layout1(&parts, &mut plain),
                Layout::Three | Layout::ThreeChecked => layout3(&parts, &mut plain),
            }
            records += 1;
            flows += 1;
        }
    }
    write(&mut plain, records)?;
    match layout {
        Layout::One => {
            let method: u8 = match encoding {
                "lzo" => 0x01,
                "bz2" => 0x08,
                "lz4" => 0x10,
                _ => 0,
            };
            to.seek(SeekFrom::Start(0))?;
            to.write_all(&[0x0C, 0xA5, 1, 0, method, 0, 0, 0])?;
            to.write_all(&(directory.len() as u32).to_le_bytes())?;
            to.seek(SeekFrom::Start(140))?;
            to.write_all(&flows.to_le_bytes())?;
        }
        Layout::Three | Layout::ThreeChecked => {
            let mut bytes = 0xB10C_B10C_u32.to_le_bytes().to_vec();
            bytes.extend((directory.len() as u32).to_le_bytes());
            for (size, offset) in &directory {
                bytes.extend([1, 0, 0, 0]);
                bytes.extend(size.to_le_bytes());
                bytes.extend(offset.to_le_bytes());
            }
            let place = [&(bytes.len() as u32).to_le_bytes()[..], &at.to_le_bytes()].concat();
            bytes.extend([0x0F, 0xA5, 0, 0]);
            bytes.extend(&place);
            bytes.extend([0; 40]);
            to.write_all(&bytes)?;
            to.seek(SeekFrom::Start(0))?;
            to.write_all(&[0x0C, 0xA5, 3, 0, 0, 0, 8, 0xD1])?;
            to.write_all(&[0; 8])?;
            to.write_all(&[1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x40, 0])?;
            to.write_all(&place)?;
        }
    }
    Ok(to.flush()?)
}
