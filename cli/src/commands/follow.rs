//! `nfdecode follow`: the directories of collectors, each flow once.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nfdecode::Scan;
use nfdecode::columns::Projection;
use nfdecode::follow::{Begin, Follower, Opened, Options, Rules};
use nfdecode::value::Zone;

use crate::args::follow::{FollowArgs, FollowFormat};
use crate::args::slot::Slot;
use crate::args::{Addresses, SelectArgs};
use crate::follow::compact::Compaction;
use crate::follow::exec::Exec;
use crate::follow::lake::{Fate, Lake};
use crate::follow::metrics::Metrics;
use crate::follow::service::Service;
use crate::follow::stream::{Destination, Form, Printing, Reading};
use crate::follow::tell::{Counts, Tell};
use crate::follow::text::TextForm;
use crate::input::select::{self, Selection};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::merge;
use crate::sink::parquet::Stored;

/// How long files are read before directories are looked at again: what is written now comes first.
const SLICE: Duration = Duration::from_millis(500);
/// How long one file is read beyond that, unless files being written wait.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files, and bytes of them, between two checkpoints at most.
const FILES: usize = 64;
const BYTES: u64 = 64 << 20;
/// Directories are looked at as often as that takes a small part of the time.
const PART: u32 = 20;
/// Threads that format text.
const THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

pub(crate) fn run(args: &FollowArgs, report: &Report) -> Result<(), Stop> {
    let counts = Arc::new(Counts::default());
    let tell = Tell {
        report,
        counts: &counts,
    };
    let zone = env::zone_of(args.tz.as_deref(), args.utc)?;
    let (roots, operand) = select::take_filter(&args.operands)?;
    let select = SelectArgs {
        filter: args.filter.clone(),
        filter_file: args.filter_file.clone(),
        ..SelectArgs::default()
    };
    let selection = Selection::new(&select, &zone, operand)?;
    check_roots(roots)?;
    let format = format(args)?;
    let sink = sink(args, format, &zone, &selection)?;
    let state = match (&args.state, &sink) {
        (Some(state), _) => Some(state.clone()),
        (None, Sink::Lake(lake)) => Some(lake.path.join("_nfdecode").join("follow.state")),
        (None, _) => None,
    };
    let exec = match &args.exec {
        Some(text) => Some(Exec::new(text, args.tries.get(), state.as_deref())?),
        None => None,
    };
    let mut rules = Rules::default();
    rules.live = args.live;
    rules.begin = begin(args, state.is_some(), &zone)?;
    rules.settle = args.settle;
    rules.orphans = args.orphans;
    rules.zone = zone;
    let open = args.key.options(false)?;
    let mut options = Options::new().rules(rules).open_with(open).polls(args.poll);
    if let Some(state) = &state {
        if let (Sink::Lake(_), Some(directory)) = (&sink, state.parent()) {
            let made = std::fs::create_dir_all(directory);
            made.map_err(|error| Stop::failed(format!("{}: {error}", directory.display())))?;
        }
        options = options.state(state);
    }
    let follower = Follower::try_new(roots, options).map_err(Stop::failed)?;
    if let Some(problem) = follower.wake().problem() {
        tell.note(format!(
            "changes are not reported by the system ({problem}): looking every {} ms",
            args.interval
        ));
    }
    let threads = args.jobs.unwrap_or(THREADS).min(env::THREADS_MAX);
    let scan = selection
        .scan(std::iter::empty())
        .threads(threads)
        .memory(args.memory);
    let mut session = Session {
        args,
        follower,
        scan,
        sink,
        exec,
        metrics: Metrics::new(args.metrics.as_deref(), &counts)?,
        tell,
    };
    Service::watch(&counts);
    let service = Service::from_env();
    service.ready();
    let result = session.follow();
    service.stopping();
    session.end(result)
}

fn check_roots(roots: &[PathBuf]) -> Result<(), Stop> {
    if roots.is_empty() {
        return Err(Stop::Usage(
            "a filter is given, but no directory: name the directory of a collector".to_owned(),
        ));
    }
    for root in roots {
        let failed = |error| Stop::failed(format!("{}: {error}", root.display()));
        if !std::fs::metadata(root).map_err(failed)?.is_dir() {
            return Err(Stop::Usage(format!(
                "{}: not a directory: name the directory of a collector, or use nfdecode read",
                root.display()
            )));
        }
    }
    Ok(())
}

fn format(args: &FollowArgs) -> Result<FollowFormat, Stop> {
    let format = args.format.unwrap_or(match (&args.output, &args.exec) {
        (Some(_), _) => FollowFormat::Parquet,
        (None, Some(_)) => FollowFormat::None,
        (None, None) => FollowFormat::Ndjson,
    });
    let is_parquet = format == FollowFormat::Parquet;
    let wrong = match format {
        FollowFormat::Parquet if args.output.is_none() => "-f parquet needs a directory: -o DIR",
        FollowFormat::Parquet if args.live => {
            "--live is for standard output: Parquet has whole files only, so that each is written exactly once"
        }
        FollowFormat::None if args.exec.is_none() => "-f none needs --exec",
        FollowFormat::None if args.live => "--live needs a format: --exec runs for finished files",
        FollowFormat::None if args.filter.is_some() || args.filter_file.is_some() => {
            "-f none reads no flows: a filter has no effect"
        }
        _ if !is_parquet && args.output.is_some() => {
            "-o is for parquet: redirect standard output, or use -f parquet"
        }
        _ if !is_parquet
            && (args.partition_by.is_some()
                || args.bloom
                || args.compact.is_some()
                || args.addresses.is_some()) =>
        {
            "--partition-by, --compact, --bloom and --addresses need -f parquet"
        }
        _ => return Ok(format),
    };
    Err(Stop::Usage(wrong.to_owned()))
}

/// Where the user wants to begin. The default suits what they do: a state means that nothing is left out.
fn begin(args: &FollowArgs, has_state: bool, zone: &Zone) -> Result<Begin, Stop> {
    match args.from.as_deref() {
        Some("start") => Ok(Begin::Start),
        Some("now") => Ok(Begin::Now),
        Some(text) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let time = select::moment(text, now, zone);
            let time = time.map_err(|error| Stop::Usage(format!("--from {text}: {error}")))?;
            Ok(Begin::At(time))
        }
        None if has_state || args.once || args.exec.is_some() => Ok(Begin::Start),
        None => Ok(Begin::Now),
    }
}

/// Where flows go.
enum Sink {
    Stream(Box<Form>, Destination),
    Lake(Box<Lake>),
    Nowhere,
}

fn sink(
    args: &FollowArgs,
    format: FollowFormat,
    zone: &Zone,
    selection: &Selection,
) -> Result<Sink, Stop> {
    let columns = || -> Result<Option<Projection>, Stop> {
        let names = args.fields.as_deref();
        let parse = |names: &str| Projection::from_names(names.split(',').map(str::trim));
        let columns = names.map(parse).transpose();
        columns.map_err(|error| Stop::Usage(format!("--fields: {error}")))
    };
    match format {
        FollowFormat::None => Ok(Sink::Nowhere),
        FollowFormat::Parquet => {
            let path = args.output.clone().unwrap_or_default();
            // Also without new input: until then queries see flows twice.
            merge::recover(&path, true)
                .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))?;
            Ok(Sink::Lake(Box::new(Lake {
                path,
                slot: args.partition_by.unwrap_or(Slot::Hour),
                stored: Stored {
                    bloom: args.bloom,
                    text: args.addresses == Some(Addresses::Text),
                },
                columns: columns()?,
                selection: selection.clone(),
                options: args.key.options(false)?.partial(true),
                threads: args.jobs.unwrap_or(NonZeroUsize::MIN).min(env::THREADS_MAX),
                memory: args.memory,
                compaction: match (&args.output, args.compact) {
                    (Some(output), Some(quiet)) => Some(Compaction::new(output, quiet)?),
                    _ => None,
                },
            })))
        }
        _ => {
            let form = match TextForm::of(args, format, zone)? {
                Some(form) => Form::Text(Box::new(form)),
                None => {
                    use std::io::IsTerminal as _;
                    if std::io::stdout().is_terminal() {
                        return Err(Stop::Usage(
                            "not writing binary data to a terminal; redirect it".to_owned(),
                        ));
                    }
                    Form::arrow(&columns()?.unwrap_or_else(Projection::standard))?
                }
            };
            let destination = Destination::open(&form)?;
            Ok(Sink::Stream(Box::new(form), destination))
        }
    }
}

/// A run of the command.
struct Session<'a> {
    args: &'a FollowArgs,
    follower: Follower,
    scan: Scan,
    sink: Sink,
    exec: Option<Exec>,
    metrics: Metrics,
    tell: Tell<'a>,
}

impl Session<'_> {
    fn follow(&mut self) -> Result<(), Stop> {
        loop {
            interrupt::check()?;
            let started = Instant::now();
            for event in self.follower.look() {
                self.tell.event(&event);
            }
            let looked = started.elapsed();
            if self.args.once {
                self.follower.settle_all();
            }
            let until = Instant::now() + SLICE;
            let read = self.read(until);
            // Also after a failure: what was written must not be written again.
            self.save()?;
            read?;
            let mut is_more = self.follower.waiting() > 0 || self.follower.is_stale();
            if let Some(exec) = &mut self.exec {
                is_more |= exec.run(&mut self.follower, &self.tell)?;
                is_more |= self.args.once && exec.is_waiting();
            }
            if let Sink::Lake(lake) = &mut self.sink
                && let Some(compaction) = &mut lake.compaction
            {
                let is_last = self.args.once && !is_more;
                is_more |= compaction.run(Instant::now() + SLICE, is_last)?;
            }
            self.count();
            if is_more {
                continue;
            }
            if self.args.once {
                return Ok(());
            }
            self.wait(looked);
        }
    }

    fn save(&mut self) -> Result<(), Stop> {
        self.follower.save().map_err(Stop::failed)
    }

    fn count(&mut self) {
        let counts = self.tell.counts;
        Counts::add(&counts.beat, 1);
        Counts::set(&counts.waiting, self.follower.waiting() as u64);
        // Metrics are not worth an end of the work.
        let _ = self.metrics.write(counts, false);
    }

    /// Waits for a change, or for some time.
    fn wait(&mut self, looked: Duration) {
        let most = Duration::from_millis(self.args.interval);
        if self.follower.wait(most.max(looked)) {
            // Many changes in a row must not lead to as many looks.
            std::thread::sleep((looked * PART).min(most));
        } else {
            let rest = (looked * PART).saturating_sub(most);
            std::thread::sleep(rest.min(most));
        }
    }

    /// Reads what is in the queue, as long as there is time.
    fn read(&mut self, until: Instant) -> Result<(), Stop> {
        loop {
            let has_read = match &self.sink {
                Sink::Stream(..) => self.read_stream(until)?,
                Sink::Lake(_) => self.read_lake()?,
                Sink::Nowhere => self.hand_over(),
            };
            self.report_refused();
            if !has_read || Instant::now() >= until {
                return Ok(());
            }
            self.save()?;
            self.count();
            interrupt::check()?;
        }
    }

    fn report_refused(&mut self) {
        for (_, error) in self.follower.take_refused() {
            self.tell.damage(error);
        }
    }

    fn read_stream(&mut self, until: Instant) -> Result<bool, Stop> {
        let mut opened: Vec<Opened> = Vec::new();
        let mut bytes = 0;
        while opened.len() < FILES && bytes < BYTES {
            let Some(next) = self.follower.open_next() else {
                break;
            };
            bytes += next.unread();
            let is_silent = next.job().is_silent;
            if let Some(event) = next.event() {
                self.tell.event(event);
            }
            opened.push(next);
            // Those of one run are written, or not.
            if is_silent {
                break;
            }
        }
        let Some(last) = opened.last() else {
            return Ok(false);
        };
        let loud = opened.len() - usize::from(last.job().is_silent);
        let (loud, silent) = opened.split_at(loud);
        // Names of files that are written now must be known before anything is written under them.
        if loud.iter().any(|opened| opened.job().is_live) {
            self.save()?;
        }
        self.print(loud, until, false)?;
        self.print(silent, until, true)?;
        Ok(true)
    }

    fn print(&mut self, opened: &[Opened], until: Instant, is_silent: bool) -> Result<(), Stop> {
        if opened.is_empty() {
            return Ok(());
        }
        let Sink::Stream(form, out) = &mut self.sink else {
            return Ok(());
        };
        let printing = Printing {
            form,
            counts: self.tell.counts,
            is_silent,
            until,
            at_last: until + if self.args.live { SLICE } else { PATIENCE },
        };
        let (readings, result) = printing.run(&self.scan, opened, out);
        for (opened, reading) in opened.iter().zip(&readings) {
            self.note(opened, reading);
        }
        result
    }

    /// Takes note of how far a file was read.
    fn note(&mut self, opened: &Opened, reading: &Reading) {
        if !reading.is_begun {
            return self.follower.advance(opened, &opened.progress());
        }
        if !reading.is_over {
            self.follower.advance(opened, &reading.progress);
            return self.tell_damage(opened, reading, false);
        }
        self.set_lag(opened.path());
        let is_live = opened.job().is_live;
        let is_cut = reading.at_end.is_some() || opened.file().header().unfinished;
        if is_live || (is_cut && !opened.job().is_last) {
            self.follower.pause(opened, &reading.progress);
            return self.tell_damage(opened, reading, false);
        }
        self.follower.finish(opened, &reading.progress);
        if self.exec.is_some() {
            self.follower.tracker_mut().deliver(opened.job().identity);
        }
        Counts::add(&self.tell.counts.files, 1);
        self.tell_damage(opened, reading, true);
        self.account(opened, reading);
    }

    /// One line for all places that could not be read. A block that breaks off is one of them at the end only.
    fn tell_damage(&self, opened: &Opened, reading: &Reading, is_end: bool) {
        let at_end = reading.at_end.as_ref().filter(|_| is_end);
        let count = reading.gaps + u64::from(at_end.is_some());
        match (reading.first.as_ref().or(at_end), count) {
            (None, _) => {}
            (Some(first), 1) => self.tell.damage(first),
            (Some(first), count) => {
                self.tell
                    .damage(format!("{first} (and {} more places)", count - 1));
            }
        }
        if is_end && opened.file().header().unfinished && !opened.job().is_live {
            let path = opened.path().display();
            self.tell.damage(format!(
                "{path}: file is unfinished: its collector has abandoned it"
            ));
        }
    }

    /// Reports what the file's statistics say was lost.
    fn account(&self, opened: &Opened, reading: &Reading) {
        let path = opened.path().display();
        let lacking = reading.progress.lacking(opened.file());
        if lacking != 0 && !reading.is_skipped {
            let read = reading.progress.records();
            self.tell.gap(format!(
                "{path}: {read} flows read, but the file's statistics announce {lacking} more"
            ));
        }
        self.tell_failures(opened);
    }

    fn tell_failures(&self, opened: &Opened) {
        let statistics = opened.file().statistics();
        let failures = statistics.map_or(0, |found| found.sequence_failures);
        if failures != 0 {
            let noun = if failures == 1 { "gap" } else { "gaps" };
            self.tell.gap(format!(
                "{}: {failures} {noun} in the exporters' sequence numbers: packets were lost before the collector",
                opened.path().display()
            ));
        }
    }

    fn set_lag(&self, path: &std::path::Path) {
        let modified = std::fs::metadata(path).and_then(|found| found.modified());
        let lag = modified.ok().and_then(|time| time.elapsed().ok());
        if let Some(lag) = lag {
            let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
            Counts::set(&self.tell.counts.lag, lag);
        }
    }

    /// Writes finished files to the directory.
    fn read_lake(&mut self) -> Result<bool, Stop> {
        let mut opened: Vec<Opened> = Vec::new();
        let mut bytes = 0;
        while opened.len() < FILES && bytes < BYTES {
            let Some(next) = self.follower.open_next() else {
                break;
            };
            let is_cut = next.file().header().unfinished || next.file().appendix_damage().is_some();
            if is_cut && !next.job().is_last {
                let progress = next.progress();
                self.follower.pause(&next, &progress);
                continue;
            }
            bytes += next.file().header().file_size;
            opened.push(next);
        }
        if opened.is_empty() {
            return Ok(false);
        }
        let Sink::Lake(lake) = &mut self.sink else {
            return Ok(false);
        };
        let jobs: Vec<_> = opened.iter().map(|opened| opened.job().clone()).collect();
        let (fates, result) = lake.write(&jobs, &self.tell);
        for (opened, fate) in opened.iter().zip(fates) {
            if fate == Fate::Unread {
                // What is wrong was reported by the writer.
                self.follower.postpone(opened);
                continue;
            }
            self.set_lag(opened.path());
            self.follower.finish(opened, &opened.progress());
            if self.exec.is_some() {
                self.follower.tracker_mut().deliver(opened.job().identity);
            }
            Counts::add(&self.tell.counts.files, 1);
            self.tell_failures(opened);
        }
        result.map(|()| true)
    }

    /// Files that are not read are delivered.
    fn hand_over(&mut self) -> bool {
        let mut has_read = false;
        while let Some(opened) = self.follower.open_next() {
            let is_cut = opened.file().header().unfinished;
            if is_cut && !opened.job().is_last {
                let progress = opened.progress();
                self.follower.pause(&opened, &progress);
                continue;
            }
            has_read = true;
            self.set_lag(opened.path());
            self.follower.tracker_mut().deliver(opened.job().identity);
            Counts::add(&self.tell.counts.files, 1);
        }
        has_read
    }

    /// Ends the stream, and says how it ended.
    fn end(&mut self, result: Result<(), Stop>) -> Result<(), Stop> {
        let _ = self.metrics.write(self.tell.counts, true);
        match result {
            // The state is saved: ending by a signal is how a service ends.
            Ok(()) | Err(Stop::Interrupted) => match &mut self.sink {
                Sink::Stream(_, out) => out.finish(),
                _ => Ok(()),
            },
            Err(stop) => Err(stop),
        }
    }
}
