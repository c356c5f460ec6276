//! `nfdecode convert`: from a capture to flows.
//!
//! Files are printed while nfpcapd is still at work: one thread watches it, another decodes each file
//! as soon as it is closed. A file is removed once printed, so disk use stays small.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::args::{ConvertArgs, Format};
use super::columns::{ColumnWriter, Form};
use super::flows::{Arrangement, FlowWriter, Printed, Source, Unfinished};
use super::formats::Style;
use super::inputs;
use super::interrupt;
use super::progress::Progress;
use super::report::{Report, Stop};
use super::select::{self, Selection};
use super::target::{self, Target};
use crate::convert::capture::{self, CaptureError, Normalized, Scan};
use crate::convert::program::Nfpcapd;
use crate::convert::run::{Event, Job, Run, Summary};
use crate::convert::workdir::WorkDir;
use crate::file::OpenOptions;

/// nfpcapd moves all the time unless its disk is full.
const STALL: Duration = Duration::from_secs(60);
/// Slots nfpcapd accepts.
const SLOTS: std::ops::RangeInclusive<u64> = 2..=0x7FFF_FFFF;

pub(super) fn run(args: &ConvertArgs, report: &Report) -> Result<(), Stop> {
    if !SLOTS.contains(&args.slot.as_secs()) {
        return Err(Stop::Usage(
            "--slot must be between 2 seconds and 68 years".to_owned(),
        ));
    }
    let zone = super::zone(&args.output)?;
    let selection = Selection::new(&args.select, &zone, args.operand.as_deref())?;
    if args.select.explain {
        return super::print(select::explain(&selection).as_bytes());
    }
    let style = Style::new(&args.output, Format::Json)?;
    let arrangement = if style.can_tell_files() {
        Arrangement::ByFile
    } else {
        Arrangement::Together
    };
    // A capture that is no capture is the more useful thing to be told of, a missing program the
    // quicker one; neither takes long.
    let size = if is_stdin(args) {
        0
    } else {
        capture_size(&args.capture)?
    };
    if let Some(output) = args.output.file() {
        inputs::refuse_as_output([args.capture.as_path()], output)?;
    }
    let program = Nfpcapd::find(args.nfpcapd.as_deref()).map_err(Stop::failed)?;
    let keep = args.keep.as_deref().map(Keep::new).transpose()?;

    let work = interrupt::temporary(WorkDir::new, WorkDir::path)
        .map_err(|error| Stop::failed(format!("cannot make a temporary directory: {error}")))?;
    let mut progress = Progress::new(args.output.progress, size, "looking at the capture", report);
    let prepared = prepare(args, &work, &mut progress, report)?;

    if let Some(form) = Form::of(&args.output)?
        && !args.select.count
    {
        return convert_to_columns(
            form,
            selection,
            args,
            &program,
            &prepared,
            &work,
            keep.as_ref(),
            &mut progress,
            report,
        );
    }

    let mut target = Target::open(args.output.file())?;
    let writer = FlowWriter {
        style,
        arrangement,
        zone,
        selection,
        count_only: args.select.count,
        limit: None,
        threads: super::threads(args.output.jobs),
        all_must_open: true,
        options: OpenOptions::new(),
        gave_up: &AtomicBool::new(false),
        report,
    };
    if prepared.packets == 0 {
        report.note(format!("{}: the capture holds no packets", name_of(args)));
        writer
            .print(
                std::iter::empty(),
                &mut target,
                &mut |_| (),
                &mut |_| Ok(()),
            )?
            .finish()?;
    } else {
        let job = prepared.job(args, &mut progress);
        let (watched, text) = convert(
            &program,
            job,
            &work,
            keep.as_ref(),
            &writer,
            &mut target,
            &mut progress,
        )?;
        match watched {
            Ok(summary) => {
                judge(&summary, text.printed, prepared.packets, report);
                text.finish()?;
            }
            Err(stop) => {
                text.abandon();
                return Err(stop);
            }
        }
    }
    drop(progress);
    interrupt::forget(work.path());
    drop(work);
    target.finish()
}

fn is_stdin(args: &ConvertArgs) -> bool {
    args.capture.as_os_str() == "-"
}

fn name_of(args: &ConvertArgs) -> String {
    if is_stdin(args) {
        "standard input".to_owned()
    } else {
        args.capture.display().to_string()
    }
}

fn capture_size(path: &Path) -> Result<u64, Stop> {
    let failed = |error: io::Error| Stop::failed(format!("{}: {error}", path.display()));
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    Ok(metadata.len())
}

/// A capture that nfpcapd can read.
struct Prepared {
    /// The rewritten one; `None`: the user's own will do.
    path: Option<PathBuf>,
    packets: u64,
}

impl Prepared {
    /// What nfpcapd has to do.
    fn job<'a>(&'a self, args: &'a ConvertArgs, progress: &mut Progress) -> Job<'a> {
        let input = self.path.as_deref().unwrap_or(&args.capture);
        progress.restart(
            fs::metadata(input).map_or(0, |found| found.len()),
            "converting",
        );
        Job {
            capture: input,
            packets: Some(self.packets),
            slot: args.slot,
            timeout: args.timeout,
            stall: STALL,
        }
    }
}

/// Looks at the capture and rewrites it if need be.
fn prepare(
    args: &ConvertArgs,
    work: &WorkDir,
    progress: &mut Progress,
    report: &Report,
) -> Result<Prepared, Stop> {
    let mut observer = |done: u64| {
        progress.set(done);
        if interrupt::interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let explain = |error: CaptureError| match error {
        CaptureError::Cancelled => Stop::Interrupted,
        error => Stop::failed(format!("{}: {error}", name_of(args))),
    };
    let is_file = !is_stdin(args) && fs::metadata(&args.capture).is_ok_and(|found| found.is_file());
    if is_file
        && let Scan {
            direct: Ok(()),
            packets,
            ..
        } = capture::scan(&args.capture, &mut observer).map_err(explain)?
    {
        return Ok(Prepared {
            path: None,
            packets,
        });
    }
    let out = work.capture();
    let normalized = if is_stdin(args) {
        capture::normalize(io::stdin().lock(), &out, &mut observer)
    } else {
        let failed = |error| Stop::failed(format!("{}: {error}", args.capture.display()));
        let input = fs::File::open(&args.capture).map_err(failed)?;
        capture::normalize(input, &out, &mut observer)
    };
    let normalized = normalized.map_err(explain)?;
    tell(&normalized, &name_of(args), report);
    Ok(Prepared {
        path: Some(out),
        packets: normalized.packets_written,
    })
}

/// What a user should know of a capture that had to be rewritten.
fn tell(found: &Normalized, name: &str, report: &Report) {
    if let Some(damage) = &found.damage {
        let (packet, offset) = (damage.packet, damage.offset);
        report.damage(format!(
            "{name}: packet {packet} (byte {offset}): {}; packets before it are converted",
            damage.reason
        ));
    }
    for (link_type, packets) in &found.left_out {
        let link = capture::link_type_name(*link_type).unwrap_or("unsupported");
        report.note(format!(
            "{name}: {packets} packets of link type {link_type} ({link}) are left out"
        ));
    }
    if found.clamped != 0 {
        report.note(format!(
            "{name}: {} packets have time stamps out of range",
            found.clamped
        ));
    }
    if found.y2038 != 0 {
        report.note(format!(
            "{name}: {} packets are later than 2038-01-19, which nfpcapd before 1.7.6 misreads",
            found.y2038
        ));
    }
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

/// Columns are written when nfpcapd is done: which of them have values must be known first.
#[expect(clippy::too_many_arguments)]
fn convert_to_columns(
    form: Form,
    selection: Selection,
    args: &ConvertArgs,
    program: &Nfpcapd,
    prepared: &Prepared,
    work: &WorkDir,
    keep: Option<&Keep<'_>>,
    progress: &mut Progress,
    report: &Report,
) -> Result<(), Stop> {
    let (sender, receiver) = mpsc::channel();
    let summary = if prepared.packets == 0 {
        report.note(format!("{}: the capture holds no packets", name_of(args)));
        None
    } else {
        let job = prepared.job(args, progress);
        let gave_up = AtomicBool::new(false);
        Some(watch(program, job, work, &sender, &gave_up, progress)?)
    };
    drop(sender);
    let writer = ColumnWriter {
        form,
        columns: Form::columns(&args.output)?,
        with_file: true,
        selection,
        limit: None,
        threads: form.threads(args.output.jobs),
        all_must_open: true,
        options: OpenOptions::new(),
        origin: Some(&args.capture),
        report,
    };
    let mut file_done = |source: &Source| done_with(source, keep);
    let printed = writer.write(
        receiver.into_iter().map(source_of).collect(),
        args.output.file(),
        &mut |_| (),
        &mut file_done,
    )?;
    if let Some(summary) = &summary {
        judge(summary, printed, prepared.packets, report);
    }
    interrupt::forget(work.path());
    Ok(())
}

fn source_of(path: PathBuf) -> Source {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Source {
        path,
        name,
        copied_from: None,
    }
}

/// Takes a file that has been printed out of the way.
fn done_with(source: &Source, keep: Option<&Keep<'_>>) -> Result<(), Stop> {
    keep.map_or(Ok(()), |keep| keep.take(&source.path))?;
    // The directory goes in the end anyway; this only keeps it small.
    let _ = fs::remove_file(&source.path);
    Ok(())
}

/// Runs nfpcapd and prints its files as they come. How the run ended, and what was printed.
fn convert<'t>(
    program: &Nfpcapd,
    job: Job<'_>,
    work: &WorkDir,
    keep: Option<&Keep<'_>>,
    writer: &FlowWriter<'_>,
    target: &'t mut Target,
    progress: &mut Progress,
) -> Result<(Result<Summary, Stop>, Unfinished<'t>), Stop> {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel::<PathBuf>();
        let printer = scope.spawn(move || {
            let sources = receiver.into_iter().map(source_of);
            let mut file_done = |source: &Source| done_with(source, keep);
            writer.print(sources, target, &mut |_| (), &mut file_done)
        });

        let watched = watch(program, job, work, &sender, writer.gave_up, progress);
        drop(sender);
        // What the printer has to say explains why the watcher stopped, if it did.
        let printed = printer
            .join()
            .unwrap_or_else(|_| Err(Stop::failed("internal error while printing")))?;
        Ok((watched, printed))
    })
}

fn watch(
    program: &Nfpcapd,
    job: Job<'_>,
    work: &WorkDir,
    files: &mpsc::Sender<PathBuf>,
    printer_gave_up: &AtomicBool,
    progress: &mut Progress,
) -> Result<Summary, Stop> {
    let mut run = Run::start(program, job, work).map_err(Stop::failed)?;
    loop {
        interrupt::check()?;
        if printer_gave_up.load(Ordering::Relaxed) {
            return Err(Stop::OutputClosed);
        }
        match run.next_event().map_err(Stop::failed)? {
            // A closed channel means that the printer gave up, which the next turn sees.
            Event::File(path) => drop(files.send(path)),
            Event::Progress(done) => progress.set(done),
            Event::Finished(summary) => return Ok(summary),
        }
    }
}

/// Whether what came out is what went in.
fn judge(summary: &Summary, printed: Printed, packets: u64, report: &Report) {
    let flows = printed.read;
    for loss in &summary.losses {
        report.damage(loss);
    }
    if flows != summary.flows {
        report.damage(format!(
            "nfpcapd wrote {} flows, {flows} could be read",
            summary.flows
        ));
    }
    for note in &summary.notes {
        report.note(note);
    }
    if flows == 0 {
        report.note(format!("no flows came out of {packets} packets"));
    }
}
