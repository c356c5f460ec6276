//! `nfdecode convert`: from a capture to flows.
//!
//! Files are printed while nfpcapd is still at work: one thread watches it, another decodes each file
//! as soon as it is closed, once the capture is known to be good. A file is removed once printed, so
//! disk use stays small.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::{ConvertArgs, Format};
use crate::commands::convert_capture::{Capture, Prepared};
use crate::input::paths;
use crate::input::select;
use crate::input::select::Selection;
use crate::run::env;
use crate::run::interrupt;
use crate::run::progress::Progress;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::columns;
use crate::sink::columns::{ColumnWriter, Form, Output};
use crate::sink::target;
use crate::sink::target::Target;
use crate::sink::text::{Arrangement, FlowWriter, Printed};
use crate::sink::text_format::Style;
use nfdecode::convert::ConvertError;
use nfdecode::convert::program::Nfpcapd;
use nfdecode::convert::run::{Event, Job, Run, Summary};
use nfdecode::convert::workdir::WorkDir;
use nfdecode::scan::ScanInput;

/// nfpcapd moves all the time unless its disk is full.
const STALL: Duration = Duration::from_secs(60);
/// Bytes of files that are held back at most, until a capture is known to be good. nfpcapd waits then.
const HELD_MAX: u64 = 256 << 20;
/// Slots nfpcapd accepts.
const SLOTS: std::ops::RangeInclusive<u64> = 2..=0x7FFF_FFFF;

pub(crate) fn run(args: &ConvertArgs, report: &Report) -> Result<(), Stop> {
    if !SLOTS.contains(&args.slot.as_secs()) {
        return Err(Stop::Usage(
            "--slot must be between 2 seconds and 68 years".to_owned(),
        ));
    }
    let zone = env::zone(&args.output)?;
    // All flows are counted, to be held against what nfpcapd tells.
    let selection = Selection::new(&args.select, &zone, args.operand.as_deref())?.reading_all(true);
    if args.select.explain {
        return env::print(select::explain(&selection).as_bytes());
    }
    let style = Style::new(&args.output, Format::Json)?;
    let arrangement = if style.can_tell_files() {
        Arrangement::ByFile
    } else {
        Arrangement::Together
    };
    // A capture that is no capture is the more useful thing to be told of, a missing program the
    // quicker one; neither takes long.
    let capture = Capture::new(args, report)?;
    if let Some(output) = args.output.file() {
        paths::refuse_as_output([args.capture.as_path()], output)?;
    }
    let form = Form::of(&args.output)?.filter(|_| !args.select.count);
    if form.is_some_and(Form::is_remembered)
        && (args.capture.as_os_str() == "-" || !args.capture.is_file())
    {
        return Err(columns::no_file(&args.capture.display().to_string()));
    }
    let program = Nfpcapd::find(args.nfpcapd.as_deref()).map_err(Stop::failed)?;
    let keep = args.keep.as_deref().map(Keep::new).transpose()?;
    // What is wrong with the output is told before the work, not after it.
    let output = args.output.file();
    let gave_up = AtomicBool::new(false);
    let printer = match form {
        Some(form) => {
            let writer = ColumnWriter {
                columns: Form::columns(&args.output)?,
                with_file: true,
                scan: selection
                    .scan(std::iter::empty())
                    .threads(form.threads(args.output.jobs)),
                filter: selection.text(),
                limit: None,
                all_must_open: true,
                origin: Some((&args.capture, args.slot)),
                report,
            };
            Printer::Columns(writer, form.open(output)?)
        }
        None => {
            let writer = FlowWriter {
                style,
                arrangement,
                zone,
                scan: selection
                    .scan(std::iter::empty())
                    .threads(env::threads(args.output.jobs)),
                count_only: args.select.count,
                all_must_open: true,
                gave_up: &gave_up,
                report,
            };
            Printer::Text(writer, Target::open(output)?)
        }
    };

    let work = interrupt::temporary(WorkDir::new, WorkDir::path)
        .map_err(|error| Stop::failed(format!("cannot make a temporary directory: {error}")))?;
    let mut progress = Progress::new(
        args.output.progress,
        capture.size,
        "looking at the capture",
        report,
    );
    let prepared = capture.prepare(&work, &mut progress)?;
    if prepared.packets() == Some(0) {
        report.note(format!("{}: the capture holds no packets", capture.name()));
    }
    let conversion = Conversion {
        args,
        capture: &capture,
        program: &program,
        work: &work,
        keep: keep.as_ref(),
        report,
    };
    let target = match printer {
        Printer::Columns(writer, output) => {
            conversion.write_columns(writer, output, prepared, &mut progress)?;
            None
        }
        Printer::Text(writer, mut target) => {
            conversion.write_text(&writer, prepared, &mut target, &mut progress)?;
            Some(target)
        }
    };
    drop(progress);
    remove(work);
    target.map_or(Ok(()), Target::finish)
}

/// What prints the flows, and where they go.
enum Printer<'a> {
    Columns(ColumnWriter<'a>, Output<'a>),
    Text(FlowWriter<'a>, Target),
}

/// Removes the directory; whatever signal comes meanwhile, it goes.
fn remove(work: WorkDir) {
    let path = work.path().to_owned();
    drop(work);
    interrupt::forget(&path);
}

/// Where `--keep` puts files.
struct Keep<'a> {
    directory: &'a Path,
}

impl<'a> Keep<'a> {
    fn new(directory: &'a Path) -> Result<Self, Stop> {
        fs::create_dir_all(directory)
            .map_err(|error| Stop::failed(format!("{}: {error}", directory.display())))?;
        Ok(Self { directory })
    }

    /// Copies a file; an existing one of that name stays as it is, and that is an error.
    fn take(&self, file: &Path) -> Result<(), Stop> {
        let name = file.file_name().unwrap_or_default();
        let target = self.directory.join(name);
        let failed =
            |error: &dyn std::fmt::Display| Stop::failed(format!("{}: {error}", target.display()));
        let make = || tempfile::NamedTempFile::new_in(self.directory);
        let mut copy = interrupt::temporary(make, |copy| copy.path())
            .map_err(|error| failed(&target::of_the_system(&error)))?;
        let result = (|| {
            io::copy(&mut fs::File::open(file)?, copy.as_file_mut())?;
            use std::os::unix::fs::PermissionsExt as _;
            copy.as_file()
                .set_permissions(fs::Permissions::from_mode(0o644))
        })();
        result.map_err(|error| failed(&target::of_the_system(&error)))?;
        let temporary = copy.path().to_owned();
        let result = copy
            .persist_noclobber(&target)
            .map(drop)
            .map_err(|error| failed(&error.error));
        interrupt::forget(&temporary);
        result
    }
}

/// All that is needed to have nfpcapd convert the capture.
struct Conversion<'a> {
    args: &'a ConvertArgs,
    capture: &'a Capture<'a>,
    program: &'a Nfpcapd,
    work: &'a WorkDir,
    keep: Option<&'a Keep<'a>>,
    report: &'a Report,
}

/// A run of nfpcapd that went well.
struct Converted {
    summary: Summary,
    /// Packets of the capture.
    packets: u64,
}

impl Conversion<'_> {
    /// Columns are written when nfpcapd is done: which of them have values must be known first.
    fn write_columns(
        &self,
        mut writer: ColumnWriter<'_>,
        output: Output<'_>,
        prepared: Prepared,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        let (sender, receiver) = mpsc::channel();
        let gave_up = AtomicBool::new(false);
        let converted = self.watch(prepared, &sender, &gave_up, progress)?;
        drop(sender);
        let mut file_done = |input: &ScanInput| done_with(input, self.keep);
        writer.scan = writer.scan.with_inputs(receiver);
        let printed = writer.write(output, &mut |_| (), &mut file_done)?;
        self.judge(converted.as_ref(), printed);
        Ok(())
    }

    /// Runs nfpcapd and prints its files as they come.
    fn write_text(
        &self,
        writer: &FlowWriter<'_>,
        prepared: Prepared,
        target: &mut Target,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        let (watched, text) = thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel::<PathBuf>();
            let print = move || {
                let inputs = receiver.into_iter().map(ScanInput::path);
                let mut file_done = |input: &ScanInput| done_with(input, self.keep);
                writer.print(inputs, target, &mut |_| (), &mut file_done)
            };
            let printer = thread::Builder::new()
                .spawn_scoped(scope, print)
                .map_err(|error| Stop::failed(format!("cannot start a thread: {error}")))?;

            let watched = self.watch(prepared, &sender, writer.gave_up, progress);
            drop(sender);
            // What the printer has to say explains why the watcher stopped, if it did.
            let text = printer
                .join()
                .unwrap_or_else(|_| Err(Stop::failed("internal error while printing")))?;
            Ok((watched, text))
        })?;
        match watched {
            Ok(converted) => {
                self.judge(converted.as_ref(), text.printed);
                text.finish()
            }
            Err(stop) => {
                text.abandon();
                Err(stop)
            }
        }
    }

    /// Runs nfpcapd, again with a rewritten capture if it turns out that it cannot read this one. Its files
    /// go to `files` as it closes them. Nothing comes of a capture without packets.
    fn watch(
        &self,
        mut prepared: Prepared,
        files: &mpsc::Sender<PathBuf>,
        printer_gave_up: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<Option<Converted>, Stop> {
        if prepared.packets() == Some(0) {
            return Ok(None);
        }
        let deadline = self.args.timeout.map(|timeout| Instant::now() + timeout);
        loop {
            // Even of a capture that must be rewritten, all of it must be done in time.
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let converted = self.attempt(&mut prepared, left, files, printer_gave_up, progress)?;
            if converted.is_some() {
                return Ok(converted);
            }
            self.work
                .clear()
                .map_err(|error| Stop::failed(format!("temporary files: {error}")))?;
            prepared = self.capture.rewrite(self.work, progress)?;
        }
    }

    /// One run of nfpcapd. `None`: the capture must be rewritten; no file has been sent then.
    fn attempt(
        &self,
        prepared: &mut Prepared,
        timeout: Option<Duration>,
        files: &mpsc::Sender<PathBuf>,
        printer_gave_up: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<Option<Converted>, Stop> {
        let input = prepared.path.clone();
        progress.restart(prepared.size, "converting");
        let job = Job {
            capture: &input,
            // Compared below, when they are known for certain.
            packets: None,
            slot: self.args.slot,
            timeout,
            stall: STALL,
        };
        let mut run = Run::start(self.program, job, self.work).map_err(Stop::failed)?;
        let (mut held, mut held_bytes) = (Vec::new(), 0);
        loop {
            interrupt::check()?;
            if printer_gave_up.load(Ordering::Relaxed) {
                return Err(Stop::OutputClosed);
            }
            if !self.capture.is_good(prepared, Duration::ZERO)? {
                return Ok(None);
            }
            let event = run.next_event();
            // Of a capture that it cannot read, nothing it says counts but that there is no room or time.
            let is_final = !matches!(
                event,
                Ok(Event::File(_) | Event::Progress(_))
                    | Err(ConvertError::WriteFailed { .. } | ConvertError::TimedOut { .. })
            );
            if is_final && !self.capture.is_good_for_certain(prepared)? {
                return Ok(None);
            }
            let mut finished = None;
            match event.map_err(|error| self.failed(error))? {
                Event::File(path) => {
                    held_bytes += fs::metadata(&path).map_or(0, |found| found.len());
                    held.push(path);
                }
                Event::Progress(done) => progress.set(done),
                Event::Finished(summary) => finished = Some(summary),
            }
            if held_bytes > HELD_MAX
                && !run.suspended(|| self.capture.is_good_for_certain(prepared))?
            {
                return Ok(None);
            }
            let Some(packets) = prepared.packets() else {
                continue;
            };
            held_bytes = 0;
            // A closed channel means that the printer gave up, which the next turn sees, and it tells why.
            held.drain(..).for_each(|path| drop(files.send(path)));
            if let Some(mut summary) = finished {
                if prepared.has_changed() {
                    let name = self.capture.name();
                    self.report
                        .note(format!("{name}: the capture has changed while it was read"));
                } else {
                    summary.expect_packets(packets);
                }
                return Ok(Some(Converted { summary, packets }));
            }
        }
    }

    fn failed(&self, error: ConvertError) -> Stop {
        Stop::failed(match error {
            // The limit of the last attempt is what others have left of it.
            ConvertError::TimedOut { limit } => ConvertError::TimedOut {
                limit: self.args.timeout.unwrap_or(limit),
            },
            error => error,
        })
    }

    /// Whether what came out is what went in.
    fn judge(&self, converted: Option<&Converted>, printed: Printed) {
        let Some(Converted { summary, packets }) = converted else {
            return;
        };
        let (flows, report) = (printed.totals.read, self.report);
        for loss in &summary.losses {
            report.damage(loss);
        }
        for note in &summary.notes {
            report.note(note);
        }
        if printed.passed_over != 0 {
            return;
        }
        if flows != summary.flows {
            report.damage(format!(
                "nfpcapd wrote {} flows, {flows} could be read",
                summary.flows
            ));
        }
        if flows == 0 {
            report.note(format!("no flows came out of {packets} packets"));
        }
    }
}

/// Takes a file that has been printed out of the way.
fn done_with(input: &ScanInput, keep: Option<&Keep<'_>>) -> Result<(), Stop> {
    let Some(path) = input.as_path() else {
        return Ok(());
    };
    keep.map_or(Ok(()), |keep| keep.take(path))?;
    // The directory goes in the end anyway; this only keeps it small.
    let _ = fs::remove_file(path);
    Ok(())
}
