//! `nfdecode rewrite` and `nfdecode repair`: flows from files into one new, well-formed file.

use std::path::Path;

use crate::file::{Compression, OpenOptions};
use crate::writer::{Encoding, Writer};

use super::account::{self, Account};
use super::args::{RepairArgs, RewriteArgs, file_named};
use super::inputs::{self, Input};
use super::interrupt;
use super::report::{Report, Stop};
use super::target::Target;

pub(super) fn rewrite(args: &RewriteArgs, report: &Report) -> Result<(), Stop> {
    let encoding = args.compress.0;
    run(
        &inputs::expand(&args.paths, report)?,
        &args.output,
        encoding,
        &args.key.options(false)?,
        report,
    )
}

pub(super) fn repair(args: &RepairArgs, report: &Report) -> Result<(), Stop> {
    if args.path.is_dir() {
        return Err(Stop::Usage(format!(
            "{}: is a directory: repair one file after the other",
            args.path.display()
        )));
    }
    run(
        &inputs::expand(std::slice::from_ref(&args.path), report)?,
        &args.output,
        None,
        &args.key.options(true)?,
        report,
    )
}

/// Without an encoding, that of the first input is kept.
fn run(
    inputs: &[Input],
    output: &Path,
    encoding: Option<Encoding>,
    options: &OpenOptions,
    report: &Report,
) -> Result<(), Stop> {
    inputs::refuse_as_output(inputs.iter().map(Input::origin), output)?;
    let mut files = inputs.iter().filter_map(|input| match input.open(options) {
        Ok(file) => Some(file),
        Err(error) => {
            report.damage(&error);
            None
        }
    });
    let Some(first) = files.next() else {
        report.nothing_read();
        return Ok(());
    };

    let mut target = Target::open(file_named(output))?;
    let failed = |error: std::io::Error| Stop::failed(format!("{}: {error}", output.display()));
    let header = first.header();
    let encoding = encoding.unwrap_or(Encoding {
        compression: header.compression,
        level: None,
    });
    let out = target.seekable().ok_or_else(|| {
        Stop::failed(format!(
            "{}: an nfcapd file cannot be written to a pipe or device, since its header comes last",
            output.display()
        ))
    })?;
    let mut writer = Writer::new(out, encoding, first.ident(), header.created).map_err(failed)?;
    let mut written = 0_u64;
    for file in std::iter::once(first).chain(files) {
        let mut account = Account::of(report, &file);
        if !options.is_partial() {
            account.tell_unfinished(report, &file);
        }
        let names = file.names();
        if let Some(error) = names.unread() {
            account.damage(report, error);
        }
        account::samplers_left_out(report, &file, &names);
        let map = writer.write_names(&names, &file).map_err(failed)?;
        for block in file.blocks() {
            interrupt::check()?;
            match block {
                Ok(block) => {
                    writer.write_block(&block, &map).map_err(failed)?;
                    written += block.len() as u64;
                    account.block(block.len() as u64, block.flow_count());
                    if let Some(damage) = block.damage() {
                        account.damage(report, damage);
                    }
                }
                Err(error) => account.damage(report, &error),
            }
        }
        account.close(report, &file);
    }
    let left_out = writer.left_out();
    if left_out != 0 {
        report.damage(format!(
            "{}: {left_out} flows are too large for a record and are left out",
            output.display()
        ));
    }
    written -= left_out.min(written);
    let exporters = writer.exporters_left_out();
    if exporters != 0 {
        report.damage(format!(
            "{}: {exporters} exporters are left out, since there are more than 65535",
            output.display()
        ));
    }
    let reduced = writer.reduced();
    writer.finish().map_err(failed)?;
    target.finish()?;
    report.note(format!("{}: {written} flows written", output.display()));
    if reduced != 0 {
        report.note(format!(
            "{}: {reduced} of them without values that layout 2 has no place for",
            output.display()
        ));
    }
    Ok(())
}

/// `none`, `lzo`, `lz4`, `zstd[:level]`, `bz2[:level]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompressArg(pub(super) Option<Encoding>);

/// Reads the value of `--compress`.
pub(super) fn parse_compression(text: &str) -> Result<CompressArg, String> {
    let (name, level) = text
        .split_once(':')
        .map_or((text, None), |(name, level)| (name, Some(level)));
    let (compression, levels) = match name {
        "none" => (Compression::None, 0..=0),
        "lzo" => (Compression::Lzo, 0..=0),
        "lz4" => (Compression::Lz4, 0..=0),
        "zstd" => (Compression::Zstd, 1..=22),
        "bz2" | "bzip2" => (Compression::Bz2, 1..=9),
        "same" => return Ok(CompressArg(None)),
        _ => return Err("expected none, lzo, lz4, zstd, bz2 or same".to_owned()),
    };
    let level = match level {
        None => None,
        Some(level) => match level
            .parse()
            .ok()
            .filter(|level| levels.contains(level) && *level != 0)
        {
            Some(level) => Some(level),
            None if *levels.end() == 0 => return Err(format!("{name} has no levels")),
            None => {
                return Err(format!(
                    "{name} has levels {} to {}",
                    levels.start(),
                    levels.end()
                ));
            }
        },
    };
    Ok(CompressArg(Some(Encoding { compression, level })))
}
