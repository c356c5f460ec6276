//! `nfdecode rewrite` and `nfdecode repair`: flows from files into one new, well-formed file.

use std::path::Path;

use nfdecode::OpenOptions;
use nfdecode::file::Compression;
use nfdecode::writer::{Encoding, Writer};

use crate::args::{RepairArgs, RewriteArgs, file_named};
use crate::input::paths;
use crate::input::paths::Input;
use crate::run::account;
use crate::run::account::Account;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::target::Target;

pub(crate) fn rewrite(args: &RewriteArgs, report: &Report) -> Result<(), Stop> {
    let encoding = args.compress.0;
    run(
        &paths::expand(&args.paths, report)?,
        &args.output,
        encoding,
        &args.key.options(false)?,
        report,
    )
}

pub(crate) fn repair(args: &RepairArgs, report: &Report) -> Result<(), Stop> {
    if args.path.is_dir() {
        return Err(Stop::Usage(format!(
            "{}: is a directory: repair one file after the other",
            args.path.display()
        )));
    }
    run(
        &paths::expand(std::slice::from_ref(&args.path), report)?,
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
    paths::refuse_as_output(inputs.iter().map(Input::origin), output)?;
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
