//! `nfdecode convert`: from captures to flows.
//!
//! Files are printed while nfpcapd is still at work: one thread watches it, another decodes each file
//! as soon as it is complete. A file is removed once printed, so that disk use stays small.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::args::{ConvertArgs, Format};
use crate::commands::convert_page;
use crate::input::paths;
use crate::input::select;
use crate::input::select::Selection;
use crate::run::env;
use crate::run::gather;
use crate::run::interrupt;
use crate::run::progress::Progress;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::columns;
use crate::sink::columns::{ColumnWriter, Form, Output};
use crate::sink::keep::{Keep, done_with};
use crate::sink::target::Target;
use crate::sink::text::{Arrangement, FlowWriter, Printed};
use crate::sink::text_format::Style;
use nfdecode::Scan;
use nfdecode::convert::{
    self, Conversion, Convert, ConvertError, Message, Nfpcapd, Stage, WorkDir,
};
use nfdecode::filter::{Includes, Options};
use nfdecode::scan::{Part, ScanBlock, ScanInput};
use nfdecode::value::Zone;
use nfdecode_web::report::{Adder, Survey};

/// File name endings that mean a capture rather than a filter if there is no such file.
const ENDINGS: [&str; 6] = [".pcap", ".pcapng", ".cap", ".dmp", ".gz", ".zst"];

pub(crate) fn run(args: &ConvertArgs, report: &Report) -> Result<(), Stop> {
    let (captures, operand) = split_operands(args)?;
    let zone = env::zone(&args.output)?;
    // All flows are counted, to be compared with nfpcapd's own count.
    let selection = Selection::new(&args.select, &zone, operand)?.reading_all(true);
    if args.select.explain {
        return env::print(select::explain(&selection).as_bytes());
    }
    if captures.is_empty() {
        return Err(Stop::Usage(
            "no capture is given: name a file, or use `-` for standard input".to_owned(),
        ));
    }
    let first = captures.first().map_or(Path::new(""), PathBuf::as_path);
    settings(Convert::file(first), args)
        .validate()
        .map_err(failed)?;
    let is_page = convert_page::is_wanted(args)?;
    let style = match is_page {
        false => Some(Style::new(&args.output, Format::Json)?),
        true => None,
    };
    check_captures(captures)?;
    if let Some(output) = args.output.file() {
        paths::refuse_as_output(captures.iter().map(PathBuf::as_path), output)?;
    }
    let form = Form::of(&args.output)?.filter(|_| !args.select.count);
    if form.is_some_and(Form::is_remembered) {
        check_origin(captures)?;
    }
    let program = Nfpcapd::find(args.nfpcapd.as_deref()).map_err(failed)?;
    if !args.payload && selection.reads_payload() {
        let text = "the filter tests payloads, which are only stored with --payload";
        report.note(text);
    }
    let keep = args.keep.as_deref().map(Keep::new).transpose()?;
    let gave_up = AtomicBool::new(false);
    let printer = match style {
        Some(style) => {
            let flows = (style, zone, selection);
            printer(args, first, form, flows, &gave_up, report)?
        }
        None => Printer::Page(
            Box::new(convert_page::survey(args, captures, operand, zone)?),
            scan(args, &selection).threads(env::threads(args.output.jobs)),
            Target::open(args.output.file())?,
        ),
    };
    let job = Job {
        args,
        captures,
        program: &program,
        keep: keep.as_ref(),
        gave_up: &gave_up,
        report,
        progress: RefCell::new(Progress::new(args.output.progress, 0, "", report)),
        held: RefCell::default(),
    };
    let mut conversions = Vec::new();
    let target = match printer {
        Printer::Columns(writer, output) => {
            job.write_columns(writer, output, &mut conversions)?;
            None
        }
        Printer::Text(writer, mut target) => {
            job.write_text(&writer, &mut target, &mut conversions)?;
            Some(target)
        }
        Printer::Page(survey, scan, mut target) => {
            let page = job.survey(*survey, &scan, &mut conversions)?;
            target.write(page.as_bytes())?;
            Some(target)
        }
    };
    for conversion in conversions {
        remove(conversion);
    }
    drop(job);
    target.map_or(Ok(()), Target::finish)
}

/// Which flows are written, of inputs that come one by one.
fn scan(args: &ConvertArgs, selection: &Selection) -> Scan {
    let scan = selection.scan(std::iter::empty());
    let scan = match args.limit {
        Some(limit) => scan.limit(limit),
        None => scan,
    };
    match args.output.memory {
        Some(bytes) => scan.memory(bytes),
        None => scan,
    }
}

/// Opens the destination, so that errors of the output are reported before the work.
fn printer<'a>(
    args: &'a ConvertArgs,
    capture: &'a Path,
    form: Option<Form>,
    (style, zone, selection): (Style, Zone, Selection),
    gave_up: &'a AtomicBool,
    report: &'a Report,
) -> Result<Printer<'a>, Stop> {
    let output = args.output.file();
    let arrangement = if style.can_tell_files() {
        Arrangement::ByFile
    } else {
        Arrangement::Together
    };
    let scan = scan(args, &selection);
    Ok(match form {
        Some(form) => {
            let writer = ColumnWriter {
                columns: Form::columns(&args.output)?,
                with_file: true,
                scan: scan.threads(form.threads(args.output.jobs)),
                filter: selection.text(),
                limit: args.limit,
                all_must_open: true,
                origin: Some((capture, args.slot)),
                report,
            };
            Printer::Columns(writer, form.open(output)?)
        }
        None => {
            let writer = FlowWriter {
                style,
                arrangement,
                zone,
                scan: scan.threads(env::threads(args.output.jobs)),
                count_only: args.select.count,
                all_must_open: true,
                gave_up,
                report,
            };
            Printer::Text(writer, Target::open(output)?)
        }
    })
}

/// Fails if a capture is missing or a directory: both are checked before looking for nfpcapd.
fn check_captures(captures: &[PathBuf]) -> Result<(), Stop> {
    for capture in captures.iter().filter(|path| path.as_os_str() != "-") {
        let failed = |error| Stop::failed(format!("{}: {error}", capture.display()));
        let found = fs::metadata(capture).map_err(failed)?;
        if found.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
    }
    Ok(())
}

/// Fails unless there is one capture that a directory of partitions can record.
fn check_origin(captures: &[PathBuf]) -> Result<(), Stop> {
    match captures {
        [capture] if capture.as_os_str() != "-" && capture.is_file() => Ok(()),
        [capture] => Err(columns::no_file(&capture.display().to_string())),
        _ => Err(Stop::Usage(
            "--partition-by accepts one capture: run convert for each".to_owned(),
        )),
    }
}

/// Separates captures from a filter, which is the last operand or contains a blank.
fn split_operands(args: &ConvertArgs) -> Result<(&[PathBuf], Option<&str>), Stop> {
    let operands = args.operands.as_slice();
    let (captures, filter) = select::take_filter(operands)?;
    let (Some(last), None) = (captures.last(), filter) else {
        return Ok((captures, filter));
    };
    let Some(text) = last.to_str().filter(|text| *text != "-") else {
        return Ok((captures, None));
    };
    let is_capture = last.symlink_metadata().is_ok()
        || text.contains('/')
        || ENDINGS.iter().any(|ending| text.ends_with(ending));
    let parses = || Options::new().with_includes(Includes::Anywhere).parse(text);
    let is_filter = match captures.len() {
        1 => args.select.explain || parses().is_ok_and(|_| !is_capture),
        _ => true,
    };
    match captures.split_last() {
        Some((_, captures)) if is_filter && !is_capture => Ok((captures, Some(text))),
        _ => Ok((captures, None)),
    }
}

/// The settings that the arguments request.
fn settings<'a>(mut convert: Convert<'a>, args: &ConvertArgs) -> Convert<'a> {
    convert = convert.slot(args.slot).payload(args.payload);
    if let Some(timeout) = args.timeout {
        convert = convert.timeout(timeout);
    }
    if let Some(timeout) = args.active_timeout {
        convert = convert.active_timeout(timeout);
    }
    if let Some(timeout) = args.inactive_timeout {
        convert = convert.inactive_timeout(timeout);
    }
    if let Some(filter) = &args.bpf {
        convert = convert.packet_filter(filter);
    }
    convert
}

/// The printer of flows, and its destination.
enum Printer<'a> {
    Columns(ColumnWriter<'a>, Output<'a>),
    Text(FlowWriter<'a>, Target),
    Page(Box<Survey>, Scan, Target),
}

/// An error message with the option that helps.
fn failed(error: ConvertError) -> Stop {
    match error {
        ConvertError::NotFound { .. } => Stop::failed(format!("{error}, or use --nfpcapd")),
        ConvertError::OutOfRange { .. } => Stop::Usage(error.to_string()),
        error => Stop::failed(error),
    }
}

/// Removes the directory of a conversion, even after a signal.
fn remove(conversion: Started<'_>) {
    let path = conversion.work;
    drop(conversion.conversion);
    interrupt::forget(&path);
}

/// A conversion whose files may still be needed.
struct Started<'a> {
    conversion: Conversion<'a>,
    work: PathBuf,
}

/// The state needed to convert the captures.
struct Job<'a> {
    args: &'a ConvertArgs,
    captures: &'a [PathBuf],
    program: &'a Nfpcapd,
    keep: Option<&'a Keep<'a>>,
    gave_up: &'a AtomicBool,
    report: &'a Report,
    progress: RefCell<Progress>,
    /// What the conversions had to report. Shown when the output is complete: if the output
    /// was closed early, losses are not of interest.
    held: RefCell<Vec<(&'a Path, Message)>>,
}

/// Sums over all captures.
#[derive(Default)]
struct Account {
    flows: u64,
    packets: u64,
}

impl Job<'_> {
    /// Columns are written when nfpcapd has ended: which of them have values must be known first.
    fn write_columns<'j>(
        &'j self,
        mut writer: ColumnWriter<'_>,
        output: Output<'_>,
        conversions: &mut Vec<Started<'j>>,
    ) -> Result<(), Stop> {
        let (sender, receiver) = mpsc::channel();
        let converted = self.convert_all(&sender, conversions);
        drop(sender);
        let account = converted.inspect_err(|_| self.report_held())?;
        let keep = self.keep;
        let mut file_done = |input: &ScanInput| done_with(keep, input);
        writer.scan = writer.scan.with_inputs(receiver);
        let printed = writer.write(output, &mut |_| (), &mut file_done)?;
        self.report_held();
        self.judge(&account, printed);
        Ok(())
    }

    /// Converts and prints files as soon as they are complete.
    fn write_text<'j>(
        &'j self,
        writer: &FlowWriter<'_>,
        target: &mut Target,
        conversions: &mut Vec<Started<'j>>,
    ) -> Result<(), Stop> {
        let keep = self.keep;
        let (converted, text) = self.convert_while(
            move |files| {
                let mut file_done = |input: &ScanInput| done_with(keep, input);
                writer.print(files.into_iter(), target, &mut |_| (), &mut file_done)
            },
            conversions,
        )?;
        match converted {
            Ok(account) => {
                // With a limit not all flows were read.
                if !self.gave_up.load(Ordering::Relaxed) {
                    self.report_held();
                    self.judge(&account, text.printed);
                }
                text.finish()
            }
            // The limit has been reached.
            Err(Stop::OutputClosed) => text.finish(),
            Err(stop) => {
                self.report_held();
                text.abandon();
                Err(stop)
            }
        }
    }

    /// Converts, and counts the flows of files as soon as they are complete. Returns the page.
    fn survey<'j>(
        &'j self,
        survey: Survey,
        scan: &Scan,
        conversions: &mut Vec<Started<'j>>,
    ) -> Result<String, Stop> {
        let (keep, gave_up, report) = (self.keep, self.gave_up, self.report);
        let counted = &survey;
        let see = move |part: &Part| {
            counted.see(part);
            let result = match part {
                Part::Refused(error) => Err(Stop::failed(error)),
                Part::End(end) => {
                    // The limit is reached: no more inputs are needed.
                    gave_up.fetch_or(!end.is_whole(), Ordering::Relaxed);
                    done_with(keep, end.file().input())
                }
                _ => Ok(()),
            };
            gave_up.fetch_or(result.is_err(), Ordering::Relaxed);
            result
        };
        let count = move |files: mpsc::Receiver<ScanInput>| {
            let add = |adder: &mut Adder, block: &ScanBlock| counted.add(adder, block);
            gather::run_over(
                scan,
                files.into_iter(),
                (|| counted.adder(), add),
                see,
                report,
            )
        };
        let (converted, totals) = self.convert_while(count, conversions)?;
        self.report_held();
        match converted {
            Ok(account) if !self.gave_up.load(Ordering::Relaxed) => {
                let passed_over = 0;
                self.judge(
                    &account,
                    Printed {
                        totals,
                        passed_over,
                    },
                );
            }
            // The limit has been reached.
            Ok(_) | Err(Stop::OutputClosed) => {}
            Err(stop) => return Err(stop),
        }
        Ok(survey.finish(&totals).map_err(Stop::failed)?.html())
    }

    /// Converts, while another thread does this with files as soon as they are complete.
    fn convert_while<'j, T: Send>(
        &'j self,
        work: impl FnOnce(mpsc::Receiver<ScanInput>) -> Result<T, Stop> + Send,
        conversions: &mut Vec<Started<'j>>,
    ) -> Result<(Result<Account, Stop>, T), Stop> {
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel::<ScanInput>();
            let worker = thread::Builder::new()
                .spawn_scoped(scope, move || work(receiver))
                .map_err(|error| Stop::failed(format!("cannot start a thread: {error}")))?;
            let converted = self.convert_all(&sender, conversions);
            drop(sender);
            // An error of the worker explains why the conversion stopped, if it did.
            let done = worker
                .join()
                .unwrap_or_else(|_| Err(Stop::failed("internal error while printing")))?;
            Ok((converted, done))
        })
    }

    fn report_held(&self) {
        for (capture, message) in self.held.borrow_mut().drain(..) {
            self.report_message(capture, &message);
        }
    }

    /// Converts captures one by one. Repeated names get a number.
    fn convert_all<'j>(
        &'j self,
        files: &mpsc::Sender<ScanInput>,
        conversions: &mut Vec<Started<'j>>,
    ) -> Result<Account, Stop> {
        let mut account = Account::default();
        let mut names = HashMap::<String, u32>::new();
        for capture in self.captures {
            let mut started = self.start(capture)?;
            let mut reported = 0;
            let ended = loop {
                let next = started.conversion.next();
                let messages = started.conversion.messages();
                let new = messages.iter().skip(reported).cloned();
                self.held
                    .borrow_mut()
                    .extend(new.map(|message| (capture.as_path(), message)));
                reported = messages.len();
                match next {
                    None => break Ok(()),
                    Some(Ok(file)) => {
                        let name = file.name();
                        let count = names.entry(name.clone()).or_default();
                        *count += 1;
                        let name = match *count {
                            1 => name,
                            count => format!("{name}.{count}"),
                        };
                        // A closed channel means that the printer has ended, which the callback detects.
                        let input = ScanInput::path(file.into_path()).named(name);
                        let _ = files.send(input);
                    }
                    Some(Err(error)) => break Err(self.stop(error)),
                }
            };
            if let Some(summary) = started.conversion.summary() {
                account.flows += summary.flows;
                account.packets += summary.capture_packets;
            }
            conversions.push(started);
            ended?;
        }
        Ok(account)
    }

    fn start<'j>(&'j self, capture: &'j Path) -> Result<Started<'j>, Stop> {
        let args = self.args;
        let work = interrupt::temporary(WorkDir::new, WorkDir::path).map_err(|error| {
            let place = std::env::temp_dir();
            let place = place.display();
            Stop::failed(format!(
                "cannot create a temporary directory in {place}: {error}"
            ))
        })?;
        let path = work.path().to_owned();
        let mut stage = None;
        let convert = match capture.as_os_str() == "-" {
            true => Convert::reader(io::stdin()).named("standard input"),
            false => Convert::file(capture),
        };
        let convert = settings(convert, args)
            .program(self.program.clone())
            .work_dir(work)
            .on_progress(move |seen: convert::Progress| {
                let mut progress = self.progress.borrow_mut();
                if stage.replace(seen.stage) != Some(seen.stage) {
                    progress.restart(seen.total, doing(seen.stage));
                }
                progress.set(seen.done);
                if interrupt::interrupted() || self.gave_up.load(Ordering::Relaxed) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
        match convert.start() {
            Ok(conversion) => Ok(Started {
                conversion,
                work: path,
            }),
            Err(error) => {
                interrupt::forget(&path);
                Err(self.stop(error))
            }
        }
    }

    fn stop(&self, error: ConvertError) -> Stop {
        match error {
            ConvertError::Cancelled if interrupt::interrupted() => Stop::Interrupted,
            ConvertError::Cancelled => Stop::OutputClosed,
            error => failed(error),
        }
    }

    fn report_message(&self, capture: &Path, message: &Message) {
        let name = capture.display().to_string();
        let text = message.to_string();
        // With several captures, each message names its own.
        let text = match self.captures {
            [_] => text,
            _ if text.starts_with(&name) || capture.as_os_str() == "-" => text,
            _ => format!("{name}: {text}"),
        };
        match message {
            Message::Loss(_) => self.report.damage(text),
            _ => self.report.note(text),
        }
    }

    /// Compares the number of flows read with nfpcapd's count.
    fn judge(&self, account: &Account, printed: Printed) {
        if printed.passed_over != 0 || account.packets == 0 {
            return;
        }
        let (flows, report) = (printed.totals.read, self.report);
        let is_limited = self
            .args
            .limit
            .is_some_and(|limit| printed.totals.flows >= limit);
        if flows != account.flows && !is_limited {
            report.damage(format!(
                "nfpcapd wrote {} flows, {flows} could be read",
                account.flows
            ));
        }
        if flows == 0 {
            let packets = account.packets;
            report.note(format!("{packets} packets gave no flows"));
        }
    }
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Rewriting => "rewriting the capture",
        Stage::Converting => "converting",
        _ => "inspecting the capture",
    }
}
