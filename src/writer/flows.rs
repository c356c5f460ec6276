//! Flows of any source as a file of layout 2.
//!
//! Flows are written clean: each element once, in full length, and nothing between them, since the
//! strictest reader (1.7.1) ends at anything else. Of two address families the one that counts is
//! kept, and a missing start time is filled in, as nfdump does when it copies flows. Exporters of
//! several source files get new numbers where theirs clash.
//!
//! Not kept: elements that layout 2 has not got, which would only confuse readers, and the last bytes of user names
//! above 66, both of layout 3; masked elements; records of unknown types.

use std::collections::{HashMap, HashSet};
use std::io::{self, Seek, SeekFrom, Write};
use std::net::IpAddr;

use crate::file::block::Block;
use crate::file::handle::File;
use crate::file::names::{Names, Sampler};
use crate::flow::at::{self, id};
use crate::flow::bytes::USER_NAME_MAX;
use crate::flow::element;
use crate::flow::record::{ELEMENT_COUNT, ELEMENT_HEADER, HEADER as RECORD_HEADER, SIZE, TYPE};
use crate::flow::view::Flow;
use crate::raw::ELEMENT_MAX_LAYOUT2;
use crate::scan::part::ScanBlock;
use crate::writer::counts::Counts;
use crate::writer::encoding::{Encoding, FILE_HEADER};
use crate::writer::records::{
    BLOCK, IDENT_MAX, even_ident_record, exporter_record, exporter_statistics_record, kind, put,
    sampler_record,
};

/// Readers have buffers of 5 MiB, writers of 1.7 fill blocks up to here.
const BLOCK_MAX: usize = 2_097_148;
/// Written as the version of the program. Means a release of 1.7, which readers do not look at.
const VERSION_WORD: u32 = 0x0107_0500;

/// Writes one file. Incomplete until [`Writer::finish`].
///
/// ```
/// use std::io::Cursor;
///
/// use nfdecode::File;
/// use nfdecode::file::Compression;
/// use nfdecode::writer::{Encoding, Writer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let file = File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let encoding = Encoding { compression: Compression::Zstd, level: Some(9) };
/// let out = Cursor::new(Vec::new()); // or a file
/// let mut writer = Writer::new(out, encoding, file.ident(), file.header().created)?;
/// let sysids = writer.write_names(&file.names(), &file)?;
/// for block in file.blocks() {
///     writer.write_block(&block?, &sysids)?;
/// }
/// let written = writer.finish()?.into_inner();
/// assert_eq!(File::from_bytes(written)?.flows().count(), file.flows().count());
/// # Ok(())
/// # }
/// ```
pub struct Writer<W> {
    out: W,
    encoding: Encoding,
    ident: Option<Vec<u8>>,
    created: i64,
    block: Vec<u8>,
    /// The record being made; kept for its memory.
    scratch: Vec<u8>,
    records: u32,
    blocks: u32,
    written: u64,
    /// Flows that no record can hold.
    left_out: u64,
    /// Flows written without some of their values.
    reduced: u64,
    /// Exporters that found no number.
    unnumbered: u64,
    statistics: Counts,
    /// New number of each exporter, by what identifies it.
    exporters: HashMap<(IpAddr, u32, u32), u16>,
    /// Used numbers, and where the search for a free one continues.
    used_sysids: HashSet<u16>,
    next_sysid: u16,
    samplers: HashSet<Sampler>,
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("encoding", &self.encoding)
            .field("blocks", &self.blocks)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// New numbers for the exporters of one source file.
#[derive(Clone, Debug, Default)]
pub struct SysidMap(HashMap<u16, u16>);

impl SysidMap {
    fn get(&self, sysid: u16) -> u16 {
        self.0.get(&sysid).copied().unwrap_or(sysid)
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file. `ident`, the name of the collector, is cut at a NUL and to 121 bytes; collectors
    /// without a name write `none`. `created` is in seconds since the epoch.
    ///
    /// # Errors
    /// The header cannot be written.
    pub fn new(
        mut out: W,
        encoding: Encoding,
        ident: Option<&[u8]>,
        created: i64,
    ) -> io::Result<Self> {
        out.write_all(&[0; FILE_HEADER])?;
        let ident = ident.map(|ident| {
            let text = ident.split(|byte| *byte == 0).next().unwrap_or_default();
            text.get(..IDENT_MAX).unwrap_or(text).to_vec()
        });
        Ok(Self {
            out,
            encoding,
            ident,
            created,
            block: Vec::with_capacity(BLOCK_MAX),
            scratch: Vec::new(),
            records: 0,
            blocks: 0,
            written: FILE_HEADER as u64,
            left_out: 0,
            reduced: 0,
            unnumbered: 0,
            statistics: Counts::default(),
            exporters: HashMap::new(),
            used_sysids: HashSet::new(),
            next_sysid: 1,
            samplers: HashSet::new(),
        })
    }

    /// Writes everything of a source file but its flows: exporters with their statistics, samplers.
    /// To be done before its flows; the result is for [`write_block`](Self::write_block).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_names(&mut self, names: &Names, source: &File) -> io::Result<SysidMap> {
        let mut map = SysidMap::default();
        let mut statistics = Vec::new();
        for exporter in names.exporters() {
            let key = (exporter.address, exporter.version, exporter.id);
            let sysid = match self.exporters.get(&key) {
                Some(known) => *known,
                None => {
                    let Some(sysid) = self.free_sysid(exporter.sysid) else {
                        // Its flows are then of no exporter, rather than of another one.
                        map.0.insert(exporter.sysid, 0);
                        self.unnumbered += 1;
                        continue;
                    };
                    self.used_sysids.insert(sysid);
                    self.exporters.insert(key, sysid);
                    self.record(&exporter_record(exporter, sysid))?;
                    sysid
                }
            };
            map.0.insert(exporter.sysid, sysid);
            if exporter.packets != 0 || exporter.flows != 0 || exporter.sequence_failures != 0 {
                statistics.push((sysid, exporter));
            }
        }
        for sampler in names.samplers() {
            let sampler = Sampler {
                sysid: map.get(sampler.sysid),
                ..*sampler
            };
            if self.samplers.insert(sampler) {
                self.record(&sampler_record(&sampler))?;
            }
        }
        // A record holds at most 2730 entries.
        for entries in statistics.chunks(2000) {
            self.record(&exporter_statistics_record(entries))?;
        }
        let failures = source
            .statistics()
            .map_or(0, |statistics| statistics.sequence_failures);
        let sum = &mut self.statistics.sequence_failures;
        *sum = sum.wrapping_add(failures);
        Ok(map)
    }

    /// The preferred number if it is free, else another; `None` if all are in use.
    fn free_sysid(&mut self, wanted: u16) -> Option<u16> {
        if wanted != 0 && !self.used_sysids.contains(&wanted) {
            return Some(wanted);
        }
        while self.used_sysids.contains(&self.next_sysid) {
            self.next_sysid = self.next_sysid.checked_add(1)?;
        }
        Some(self.next_sysid)
    }

    /// Writes the flows of a block and its names of applications, interfaces and VRFs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_block(&mut self, block: &Block, map: &SysidMap) -> io::Result<()> {
        for name in block.name_records() {
            self.record(name)?;
        }
        block
            .flows()
            .try_for_each(|flow| self.write_flow(&flow, map))
    }

    /// As [`write_block`](Self::write_block), of the flows with these indices only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_selected(
        &mut self,
        block: &Block,
        selected: &[u32],
        map: &SysidMap,
    ) -> io::Result<()> {
        for name in block.name_records() {
            self.record(name)?;
        }
        selected
            .iter()
            .filter_map(|index| block.flow(*index as usize))
            .try_for_each(|flow| self.write_flow(&flow, map))
    }

    /// As [`write_block`](Self::write_block), of the flows that a scan selected in the block.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_scanned(&mut self, block: &ScanBlock, map: &SysidMap) -> io::Result<()> {
        match block.selected() {
            Some(selected) => self.write_selected(block.block(), selected, map),
            None if block.len() == block.block().len() => self.write_block(block.block(), map),
            // A limit ends in this block.
            None => {
                let first: Vec<u32> = (0..).take(block.len()).collect();
                self.write_selected(block.block(), &first, map)
            }
        }
    }

    /// Writes one flow. One that is too large for a record, 65,535 bytes, is left out and
    /// [counted](Self::left_out).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_flow(&mut self, flow: &Flow<'_>, map: &SysidMap) -> io::Result<()> {
        let mut elements = 0_u16;
        let mut reduced = flow.elements() >> (ELEMENT_MAX_LAYOUT2 + 1) != 0;
        let mut record = std::mem::take(&mut self.scratch);
        record.clear();
        record.extend(flow.record().get(..RECORD_HEADER).unwrap_or_default());
        for element in element::elements()
            .iter()
            .filter(|element| element.id <= ELEMENT_MAX_LAYOUT2)
        {
            let Some(mut payload) = flow.element(element.id) else {
                continue;
            };
            if element.id == id::USER {
                reduced |= payload
                    .get(USER_NAME_MAX..)
                    .is_some_and(|rest| rest.iter().any(|byte| *byte != 0));
                payload = payload.get(..USER_NAME_MAX).unwrap_or(payload);
            }
            elements += 1;
            let start = record.len();
            let length = payload.len().max(element.size);
            record.extend([element.id, 0]);
            record.extend((length as u16 + ELEMENT_HEADER as u16).to_le_bytes());
            record.extend(payload);
            record.resize(start + ELEMENT_HEADER + length, 0);
            let written = record.get_mut(start + ELEMENT_HEADER..).unwrap_or_default();
            match element.id {
                id::GENERIC => {
                    let first = flow.first_seen_at(payload, at::first.offset);
                    put(written, at::first.offset, first.to_le_bytes());
                }
                id::SAMPLER => {
                    let sysid = flow.sampler_sysid().unwrap_or(0);
                    put(
                        written,
                        at::sampler_sysid.offset,
                        map.get(sysid).to_le_bytes(),
                    );
                }
                _ => {}
            }
        }
        let Ok(size) = u16::try_from(record.len()) else {
            // It was within a few bytes of the limit, and short elements got their full length.
            self.left_out += 1;
            self.scratch = record;
            return Ok(());
        };
        let sysid = map.get(flow.exporter_sysid());
        put(&mut record, TYPE, kind::FLOW.to_le_bytes());
        put(&mut record, SIZE, size.to_le_bytes());
        put(&mut record, ELEMENT_COUNT, elements.to_le_bytes());
        put(&mut record, at::header::exporter_sysid, sysid.to_le_bytes());
        // The mark of a run-time filter is not stored.
        if let Some(flags) = record.get_mut(at::header::is_event) {
            *flags &= 0x7F;
        }
        self.statistics.count(flow);
        self.reduced += u64::from(reduced);
        let result = self.record(&record);
        self.scratch = record;
        result
    }

    /// How many flows were left out because they are too large.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many flows were written without some of their values, which layout 2 has no place for: those of
    /// elements that only layout 3 has, and the end of user names above 66 bytes.
    #[must_use]
    pub fn reduced(&self) -> u64 {
        self.reduced
    }

    /// How many exporters were left out, since a file has numbers for 65,535 only. Their flows have the
    /// number 0, which is no exporter.
    #[must_use]
    pub fn exporters_left_out(&self) -> u64 {
        self.unnumbered
    }

    fn record(&mut self, record: &[u8]) -> io::Result<()> {
        if self.block.len() + record.len() > BLOCK_MAX {
            self.flush()?;
        }
        self.block.extend(record);
        self.records += 1;
        Ok(())
    }

    /// Writes the collected records as a block.
    fn flush(&mut self) -> io::Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        let (out, records) = (&mut self.out, self.records);
        self.written += self
            .encoding
            .write_block(out, records, BLOCK, &self.block)?;
        self.blocks += 1;
        self.block.clear();
        self.records = 0;
        Ok(())
    }

    /// Writes what is left, the appendix and the header. Returns what it has written to.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        let (blocks, appendix) = (self.blocks, self.written);
        if let Some(ident) = self.ident.take() {
            self.record(&even_ident_record(&ident))?;
        }
        self.record(&self.statistics.record())?;
        self.flush()?;

        let mut header = vec![0x0C, 0xA5, 2, 0];
        header.extend(VERSION_WORD.to_le_bytes());
        header.extend(self.created.to_le_bytes());
        header.extend([self.encoding.id(), 0, 1, 0, 0, 0, 0, 0]);
        header.extend(appendix.to_le_bytes());
        header.extend([0; 4]);
        header.extend(blocks.to_le_bytes());
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
