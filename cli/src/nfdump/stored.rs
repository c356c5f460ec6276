//! What files say about themselves, and changes to files as a whole: `-I -g -i -J -E -v -x -X -Z`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nfdecode::file::Statistics;
use nfdecode::filter::parse_time;
use nfdecode::output::TextBuffer;
use nfdecode::value::Zone;
use nfdecode::writer::{Encoding, Writer};
use nfdecode::{File, Names, Timestamp, writer};

use crate::nfdump::files;
use crate::nfdump::options::Options;
use crate::nfdump::plain::failed;
use crate::nfdump::quit::{Quit, tell};
use crate::nfdump::read;
use crate::nfdump::totals::spaced;
use crate::run::env::print;
use crate::run::interrupt;
use crate::run::stop::Stop;
use crate::sink::target::Target;

/// Opens a file or tells why it cannot be opened.
fn open(path: &Path) -> Option<File> {
    match File::open(path) {
        Ok(file) => Some(file),
        Err(error) => {
            tell(&error.to_string());
            None
        }
    }
}

fn open_one(path: &Path) -> Result<File, Quit> {
    if !path.exists() {
        return Err(Quit::failed(format!(
            "{} is not a file or directory",
            path.display()
        )));
    }
    File::open(path).map_err(|error| Quit::failed(error.to_string()))
}

/// `-I`: the sums of all files.
pub(crate) fn statistics(options: &Options) -> Result<(), Quit> {
    /// Exit status of nfdump without a file that can be read.
    const NOTHING: u8 = 250;
    let paths = files::list(options)?;
    if let Some(path) = paths.first()
        && let Err(error) = File::open(path)
    {
        return Err(Quit::Told {
            stdout: String::new(),
            message: Some(error.to_string()),
            status: NOTHING,
        });
    }
    let mut sums = [[0_u64; 5]; 3];
    let (mut first, mut last, mut failures) = (u64::MAX, 0, 0_u64);
    let mut ident = None;
    for file in paths.iter().filter_map(|path| open(path)) {
        if ident.is_none() {
            ident = file.ident().map(<[u8]>::to_vec);
        }
        let Some(found) = file.statistics() else {
            continue;
        };
        let parts = [found.total, found.tcp, found.udp, found.icmp, found.other];
        for (at, part) in parts.iter().enumerate() {
            for (sum, value) in sums.iter_mut().zip([part.flows, part.packets, part.bytes]) {
                if let Some(sum) = sum.get_mut(at) {
                    *sum = sum.wrapping_add(value);
                }
            }
        }
        if let Some(time) = found.first_seen {
            first = first.min(time.as_millis());
        }
        last = last.max(found.last_seen.map_or(0, Timestamp::as_millis));
        failures = failures.wrapping_add(found.sequence_failures);
    }
    let first = if first == u64::MAX { 0 } else { first };
    let mut out = b"Ident: ".to_vec();
    out.extend(ident.as_deref().unwrap_or(b"none"));
    let mut text = "\n".to_owned();
    for (name, sum) in ["Flows", "Packets", "Bytes"].iter().zip(sums) {
        let parts = ["", "_tcp", "_udp", "_icmp", "_other"];
        for (part, value) in parts.iter().zip(sum) {
            let _ = writeln!(text, "{name}{part}: {value}");
        }
    }
    for (name, value) in [
        ("First", first / 1000),
        ("Last", last / 1000),
        ("msec_first", first % 1000),
        ("msec_last", last % 1000),
        ("Sequence failures", failures),
    ] {
        let _ = writeln!(text, "{name}: {value}");
    }
    out.extend(text.as_bytes());
    Ok(print(&out)?)
}

/// `-g`: a line for each file, with the time in its name.
pub(crate) fn gnuplot(options: &Options) -> Result<(), Quit> {
    let zone = Zone::from_env();
    let mut text = "# yyyy-mm-dd HH:MM:SS,flows,packets,bytes\n".to_owned();
    for path in files::list(options)? {
        let Some(file) = open(&path) else {
            continue;
        };
        let name = path.file_name().map(OsStr::to_string_lossy);
        let digits = name
            .as_deref()
            .and_then(|name| name.split_once("nfcapd."))
            .map(|(_, digits)| digits);
        let Some(time) = digits.and_then(|digits| slot(digits, &zone)) else {
            tell(&format!(
                "{}: the name tells no time: nfcapd.YYYYMMDDhhmm is needed",
                path.display()
            ));
            continue;
        };
        let total = file
            .statistics()
            .map(|statistics: Statistics| statistics.total)
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{time},{},{},{}",
            total.flows, total.packets, total.bytes
        );
    }
    Ok(print(text.as_bytes())?)
}

/// The time that 12 or 14 digits tell, as nfdump prints it.
fn slot(digits: &str, zone: &Zone) -> Option<String> {
    if !matches!(digits.len(), 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let seconds = part(12..14).unwrap_or("00");
    let date = format!("{}-{}-{}", part(0..4)?, part(4..6)?, part(6..8)?);
    let time = format!("{}:{}:{seconds}", part(8..10)?, part(10..12)?);
    // Only times that exist.
    parse_time(&format!("{date}T{time}"), zone).ok()?;
    Some(format!("{date} {time}"))
}

/// A copy of a file beside it, which takes its place when it is finished.
fn replacement(path: &Path) -> Result<Target, Quit> {
    Ok(Target::open(Some(path))?)
}

/// `-i`: another ident for the file of `-r`.
pub(crate) fn rename(options: &Options, ident: &OsStr) -> Result<(), Quit> {
    let Some(path) = &options.read else {
        return Err(Quit::failed("-i needs the file of -r"));
    };
    let new = ident.as_bytes();
    if new.contains(&b' ') {
        return Err(Quit::failed("an ident must not contain blanks"));
    }
    let file = open_one(path)?;
    let refuse = |error: std::io::Error| failed(path, &error);
    let mut target = replacement(path)?;
    let Some(out) = target.seekable() else {
        return Err(Quit::failed(format!(
            "{}: not a plain file",
            path.display()
        )));
    };
    let mut source = fs::File::open(path).map_err(refuse)?;
    std::io::copy(&mut source, out).map_err(refuse)?;
    let end = writer::rename(&file, out, new).map_err(refuse)?;
    out.set_len(end).map_err(refuse)?;
    target.finish()?;
    let mut text = format!("{} ident: ", path.display()).into_bytes();
    text.extend(file.ident().unwrap_or_default());
    text.extend(b" -> ");
    text.extend(new);
    text.push(b'\n');
    Ok(print(&text)?)
}

/// `-J`: another compression for files.
pub(crate) fn recompress(options: &Options, encoding: Encoding) -> Result<(), Quit> {
    for path in files::list(options)? {
        let Some(file) = open(&path) else {
            continue;
        };
        let header = file.header();
        if header.compression == encoding.compression && header.layout == 2 {
            print(
                format!(
                    "File {} is already same compression method\n",
                    path.display()
                )
                .as_bytes(),
            )?;
            continue;
        }
        let left = |reason: &dyn std::fmt::Display| {
            Quit::failed(format!("{reason}: the file is left as it is"))
        };
        let mut target = replacement(&path)?;
        let Some(out) = target.seekable() else {
            return Err(left(&format!("{}: not a plain file", path.display())));
        };
        let result = match header.layout {
            2 => in_layout_2(&file, out, encoding),
            _ => from_another_layout(&file, out, encoding),
        };
        match result {
            Ok(()) => {}
            Err(Changing::Damage(error)) => return Err(left(&error)),
            Err(Changing::Write(error)) => {
                return Err(left(&format!("{}: {error}", path.display())));
            }
            Err(Changing::Stop(stop)) => return Err(stop.into()),
        }
        target.finish()?;
        print(format!("File {} compression changed\n", path.display()).as_bytes())?;
    }
    Ok(())
}

/// Why a file keeps its compression.
enum Changing {
    Damage(nfdecode::Error),
    Write(std::io::Error),
    Stop(Stop),
}

impl From<nfdecode::Error> for Changing {
    fn from(error: nfdecode::Error) -> Self {
        Self::Damage(error)
    }
}

impl From<std::io::Error> for Changing {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Stop> for Changing {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Every record as it is, in the blocks that it is in.
fn in_layout_2(file: &File, out: &mut fs::File, encoding: Encoding) -> Result<(), Changing> {
    let mut copy = writer::Recompressed::new(file, out, encoding)?;
    for block in file.blocks() {
        interrupt::check()?;
        let block = block?;
        if let Some(error) = block.damage() {
            return Err(error.clone().into());
        }
        copy.write_block(&block)?;
    }
    copy.finish()?;
    Ok(())
}

/// Flows and names as layout 2 has them.
fn from_another_layout(
    file: &File,
    out: &mut fs::File,
    encoding: Encoding,
) -> Result<(), Changing> {
    let mut writer = Writer::new(out, encoding, file.ident(), file.header().created)?;
    let map = writer.write_names(&file.names(), file)?;
    for block in file.blocks() {
        interrupt::check()?;
        let block = block?;
        if let Some(error) = block.damage() {
            return Err(error.clone().into());
        }
        writer.write_block(&block, &map)?;
    }
    if writer.left_out() != 0 || writer.reduced() != 0 || writer.exporters_left_out() != 0 {
        return Err(std::io::Error::other("layout 2 cannot hold all of it").into());
    }
    writer.finish()?;
    Ok(())
}

/// `-E`: exporters and samplers.
pub(crate) fn exporters(path: &Path) -> Result<(), Quit> {
    let mut names = Names::default();
    let mut is_any_open = false;
    for file in files::below(path)?.iter().filter_map(|path| open(path)) {
        file.collect_names(&mut names);
        is_any_open = true;
    }
    let mut text = "Exporters:\n".to_owned();
    if !is_any_open {
        return Ok(print(text.as_bytes())?);
    }
    if names.exporters().next().is_none() {
        text.push_str("No Exporter records found\n");
    }
    for exporter in names.exporters() {
        let width = if exporter.address.is_ipv4() { 16 } else { 40 };
        let mut address = TextBuffer::default();
        nfdecode::output::cells::address(exporter.address, &mut address);
        let _ = write!(
            text,
            "SysID: {}, IP: {:>width$}, version: {}, ID: {:2}",
            exporter.sysid,
            String::from_utf8_lossy(address.as_bytes()),
            exporter.version_name(),
            exporter.id
        );
        if exporter.flows == 0 {
            text.push_str(" - no flows sent\n");
        } else {
            let _ = writeln!(
                text,
                ", Sequence failures: {}, packets: {}, flows: {}",
                exporter.sequence_failures, exporter.packets, exporter.flows
            );
        }
        for sampler in names.samplers() {
            if sampler.sysid != exporter.sysid {
                continue;
            }
            let kind = match sampler.id {
                -1 => "Generic Sampler".to_owned(),
                -2 => "Static default Sampler".to_owned(),
                -3 => "Static overwrite Sampler".to_owned(),
                id => format!("Assigned Sampler: id: {id},"),
            };
            let colon = if sampler.id < 0 { ":" } else { "" };
            let _ = writeln!(
                text,
                "    Sampler: {kind}{colon} algorithm: {}, packet interval: {}, packet space: {}",
                sampler.algorithm, sampler.packet_interval, sampler.packet_space
            );
        }
    }
    Ok(print(text.as_bytes())?)
}

/// `-v`: reads the whole file and reports its parts.
pub(crate) fn verify(path: &Path) -> Result<(), Quit> {
    let file = open_one(path)?;
    let header = file.header();
    let compression = match header.compression.name() {
        "none" => "not compressed".to_owned(),
        name => format!("{name} compressed"),
    };
    let (mut blocks, mut records) = (0_u64, 0_u64);
    let mut kind = if header.layout == 1 { 2 } else { 3 };
    let mut failure = None;
    for found in file.block_refs() {
        let loaded = found.and_then(|found| {
            kind = found.block_type();
            file.load(found)
        });
        match loaded {
            Ok(block) => {
                blocks += 1;
                records += u64::from(block.counts().records);
            }
            Err(error) => failure = Some(error),
        }
    }
    let mut text = format!(
        "File       : {}\nSize       : {}\nVersion    : {} - {compression}",
        path.display(),
        header.file_size,
        header.layout
    );
    if header.layout == 1 {
        let _ = write!(
            text,
            " \nBlocks     : {}\nChecking data blocks\n |\r\nTotal\n",
            header.blocks
        );
    } else {
        let mut created = TextBuffer::default();
        let mut times = nfdecode::value::TimeFormatter::new(Zone::from_env());
        let ms = u64::try_from(header.created)
            .unwrap_or(0)
            .saturating_mul(1000);
        spaced(&mut times, ms, &mut created);
        for _ in ".000".chars() {
            created.pop();
        }
        let _ = write!(
            text,
            "\nCreated    : {}\nCreated by : {}\nnfdump     : {:x}\nencryption : {}\nAppdx blks : {}\nData blks  : {}\nChecking data blocks\n |\rChecking appendix blocks\n\nTotal\n",
            String::from_utf8_lossy(created.as_bytes()),
            header.creator_name(),
            header.writer_version,
            if header.encrypted { "yes" } else { "no" },
            header.appendix_blocks,
            header.blocks
        );
        // Ident and statistics.
        blocks += u64::from(header.appendix_blocks);
        records += 2 * u64::from(header.appendix_blocks);
    }
    let _ = write!(
        text,
        "Type {kind} blocks : {blocks}\nRecords       : {records}\n"
    );
    print(text.as_bytes())?;
    match failure {
        None => Ok(()),
        Some(error) => Err(Quit::failed(error.to_string())),
    }
}

/// `-x`: files since nfdump 1.7 have no extension maps.
pub(crate) fn maps(path: &Path) -> Result<(), Quit> {
    let paths = files::below(path)?;
    print(b"\nDump all extension maps:\n========================\n")?;
    let layouts: Vec<u16> = paths
        .iter()
        .filter_map(|path| open(path))
        .map(|file| file.header().layout)
        .collect();
    if layouts.contains(&1) {
        tell(
            "the extension maps of layout 1 are not printed: `nfdecode info` names the layout of a file",
        );
    } else if !layouts.is_empty() {
        print(b"No 1.6.x extension definition records\n")?;
    }
    Ok(())
}

/// `-X`: the filter as a tree.
pub(crate) fn explain(options: &Options) -> Result<(), Quit> {
    let filter = read::filter(options, &Zone::from_env())?;
    let text = filter.map_or_else(|| "any\n".to_owned(), |filter| filter.explain());
    Ok(print(text.as_bytes())?)
}

/// `-Z`: whether the filter can be read.
pub(crate) fn check_filter(options: &Options) -> Result<(), Quit> {
    read::filter(options, &Zone::from_env()).map(drop)
}
