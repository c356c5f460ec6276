//! Flows one after the other: printed, or written to a file.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nfdecode::file::Compression;
use nfdecode::output::{FlowContext, TextBuffer};
use nfdecode::scan::{ScanBlock, ScanFile};
use nfdecode::writer::{Encoding, SysidMap, Writer};

use crate::nfdump::context::Context;
use crate::nfdump::mode::{Mode, Printer};
use crate::nfdump::quit::tell;
use crate::nfdump::read::Reader;
use crate::nfdump::totals::Account;
use crate::run::stop::Stop;
use crate::sink::target::Target;

/// What a thread prints with.
struct Worker {
    printer: Option<Printer>,
    /// The file of the last block, and what its flows are printed with.
    file: Option<(Arc<ScanFile>, FlowContext)>,
}

impl Worker {
    /// Prints the flows of a block.
    fn print(&mut self, block: &ScanBlock, text: &mut TextBuffer) {
        let Some(printer) = &mut self.printer else {
            return;
        };
        let file = block.file();
        let is_known = |(known, _): &(Arc<ScanFile>, FlowContext)| Arc::ptr_eq(known, file);
        if !self.file.as_ref().is_some_and(is_known) {
            let mut context = FlowContext::new(file.file().ident(), "");
            if let Some(names) = file.names() {
                context = context.with_names(names);
            }
            self.file = Some((Arc::clone(file), context));
        }
        let Some((_, context)) = &mut self.file else {
            return;
        };
        let mut records = printer
            .needs_record_numbers()
            .then(|| record_numbers(block).into_iter());
        for (flow, number) in block.flows().zip(block.flows_before() + 1..) {
            if let Some(record) = records.as_mut().and_then(Iterator::next) {
                context.set_record_number(record);
            }
            printer.flow(number, &flow, context, text);
        }
    }
}

/// The number of the record of each selected flow.
fn record_numbers(block: &ScanBlock) -> Vec<u64> {
    let all = block.block().record_numbers(block.records_before());
    match block.selected() {
        None => all.take(block.len()).collect(),
        Some(selected) => {
            let all: Vec<u64> = all.collect();
            let chosen = selected
                .iter()
                .map(|index| all.get(*index as usize).copied());
            chosen.map(Option::unwrap_or_default).collect()
        }
    }
}

/// Prints all flows.
pub(crate) fn print(context: &Context, reader: &Reader) -> Result<(), Stop> {
    let mode = &context.mode;
    let mut target = Target::open(None)?;
    let mut text = TextBuffer::default();
    if let Some(mut printer) = context.printer() {
        printer.begin(&mut text);
    }
    if !matches!(mode, Mode::Json) {
        target.write(text.as_bytes())?;
        text.clear();
    }
    let mut start = Some(text);
    let worker = || Worker {
        printer: context.printer(),
        file: None,
    };
    // Buffers that have been written out are filled again.
    let pool: Mutex<Vec<TextBuffer>> = Mutex::default();
    let lock = || pool.lock().unwrap_or_else(PoisonError::into_inner);
    let work = |worker: &mut Worker, block: Box<ScanBlock>| {
        let mut text = lock().pop().unwrap_or_default();
        text.clear();
        worker.print(&block, &mut text);
        text
    };
    let account = reader.run(worker, work, |text: TextBuffer| {
        if !text.is_empty() {
            if let Some(start) = start.take() {
                target.write(start.as_bytes())?;
            }
            target.write(text.as_bytes())?;
        }
        lock().push(text);
        Ok(())
    })?;
    finish(context, &mut target, &account, account.processed)
}

/// The end of a text with this number of flows.
pub(crate) fn finish(
    context: &Context,
    target: &mut Target,
    account: &Account,
    printed: u64,
) -> Result<(), Stop> {
    let mut text = TextBuffer::default();
    let is_json = matches!(context.mode, Mode::Json);
    if is_json && printed == 0 {
        text.extend(b"[\n");
    }
    no_match(context, account, &mut text);
    if is_json {
        text.extend(b"\n]\n");
    }
    context.trailer(account, &mut text);
    target.write(text.as_bytes())
}

/// Says that nothing matched: where the text is for people, in the text.
pub(crate) fn no_match(context: &Context, account: &Account, text: &mut TextBuffer) {
    if account.passed != 0 {
        return;
    }
    if context.mode.is_for_people() {
        text.extend(b"No matching flows\n");
    } else {
        tell("no matching flows");
    }
}

/// Begins an nfcapd file at a path.
pub(crate) fn create<'t>(
    target: &'t mut Target,
    path: &Path,
    encoding: Option<Encoding>,
    ident: Option<&[u8]>,
) -> Result<Writer<&'t mut std::fs::File>, Stop> {
    let out = target.seekable().ok_or_else(|| {
        Stop::failed(format!(
            "{}: an nfcapd file cannot be written to a pipe or device",
            path.display()
        ))
    })?;
    let encoding = encoding.unwrap_or(Encoding {
        compression: Compression::None,
        level: None,
    });
    let now = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() as i64);
    Writer::new(out, encoding, ident, now).map_err(|error| failed(path, &error))
}

/// Why a file cannot be written.
pub(crate) fn failed(path: &Path, error: &std::io::Error) -> Stop {
    Stop::failed(format!("{}: {error}", path.display()))
}

/// What is written to, with the numbers of exporters of the file that is being read.
struct Output<W: std::io::Write + std::io::Seek> {
    writer: Writer<W>,
    file: Option<(Arc<ScanFile>, SysidMap)>,
}

/// Writes all flows to a file.
pub(crate) fn write(context: &Context, reader: &Reader, path: &Path) -> Result<(), Stop> {
    let failed = |error: std::io::Error| failed(path, &error);
    let mut target = Target::open(Some(path))?;
    // The ident is that of the last file, as nfdump has it.
    let last = reader.files.last();
    let last = last.and_then(|path| nfdecode::File::open(path).ok());
    let ident = last.as_ref().and_then(nfdecode::File::ident);
    let writer = create(&mut target, path, context.encoding, ident)?;
    let mut output = Output { writer, file: None };
    let account = reader.run(
        || (),
        |(), block| block,
        |block: Box<ScanBlock>| {
            let file = block.file();
            let is_known = output
                .file
                .as_ref()
                .is_some_and(|(known, _)| Arc::ptr_eq(known, file));
            if !is_known {
                let names = file.file().names();
                let map = output
                    .writer
                    .write_names(&names, file.file())
                    .map_err(failed)?;
                output.file = Some((Arc::clone(file), map));
            }
            let Some((_, map)) = &output.file else {
                return Ok(());
            };
            output.writer.write_scanned(&block, map).map_err(failed)
        },
    )?;
    output.writer.finish().map_err(failed)?;
    target.finish()?;
    let mut stdout = Target::open(None)?;
    let mut text = TextBuffer::default();
    // As with -q, but for what a program would miss.
    if matches!(context.mode, Mode::Csv(..) | Mode::CsvFast)
        && let Some(mut printer) = context.printer()
    {
        printer.begin(&mut text);
    }
    no_match(context, &account, &mut text);
    if matches!(context.mode, Mode::Json) {
        text.extend(b"[\n\n]\n");
    }
    stdout.write(text.as_bytes())
}
