//! The parts joined: directories, tracker, state and waking.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::file::handle::File;
use crate::file::options::OpenOptions;
use crate::follow::entry::{Job, Progress};
use crate::follow::identity::{Fingerprint, Identity};
use crate::follow::listing::{Lister, Listing, Seen, look_at};
use crate::follow::rules::{Event, Rules};
use crate::follow::state::{State, StateError};
use crate::follow::tracker::Tracker;
use crate::follow::wake::Wake;
use crate::scan::fileset::is_unfinished;
use crate::scan::input::ScanInput;

/// How often all directories are listed, also those that seem unchanged.
const COMPLETE: Duration = Duration::from_secs(60);

/// How to follow.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Options {
    rules: Rules,
    open: OpenOptions,
    state: Option<PathBuf>,
    polls: bool,
}

impl Options {
    /// Finished files only, all of them, without a state.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is read.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Whether to read files that are still being written, block by block.
    pub fn live(mut self, wanted: bool) -> Self {
        self.rules.live = wanted;
        self
    }

    /// How to open files. They are opened [partially](OpenOptions::partial) in any case.
    pub fn open_with(mut self, open: OpenOptions) -> Self {
        self.open = open;
        self
    }

    /// The file that remembers what was read.
    pub fn state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// Does not ask the system to report changes.
    pub fn polls(mut self, wanted: bool) -> Self {
        self.polls = wanted;
        self
    }
}

/// A file that was opened to be read, and where reading begins.
#[derive(Debug)]
pub struct Opened {
    job: Job,
    file: File,
    look: (u64, u64),
    progress: Progress,
    label: String,
    event: Option<Event>,
}

impl Opened {
    /// What is read, and why.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The path under which it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.job.path
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// How far it was read before.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The name under which its flows are shown: it stays the same when the file gets its final name.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// That it was read before with other content.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        self.event.as_ref()
    }

    /// Bytes that are to be read at most.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.look
            .0
            .saturating_sub(self.progress.position().offset())
    }

    /// The file from where reading begins, for a [`Scan`](crate::Scan).
    #[must_use]
    pub fn input(&self) -> ScanInput {
        ScanInput::file(self.file.clone())
            .starting_at(self.progress.position(), self.progress.flows())
            .named(&self.label)
    }
}

/// Follows directories: says what to read, and remembers what was read.
#[derive(Debug)]
pub struct Follower {
    lister: Lister,
    tracker: Tracker,
    state: Option<State>,
    wake: Wake,
    open: OpenOptions,
    started: Instant,
    complete: Option<Instant>,
    queue: VecDeque<Job>,
    refused: Vec<(PathBuf, Error)>,
    /// Another look is due: a file was renamed since the last one, or was not read to its end.
    is_stale: bool,
}

impl Follower {
    /// Follows these directories and all below them. Looks at nothing yet.
    ///
    /// # Errors
    /// The state cannot be used.
    pub fn new(
        roots: impl IntoIterator<Item = impl Into<PathBuf>>,
        options: Options,
    ) -> io::Result<Self> {
        Self::try_new(roots, options).map_err(io::Error::other)
    }

    /// As [`new`](Self::new), with an error that says why.
    ///
    /// # Errors
    /// The state cannot be used.
    pub fn try_new(
        roots: impl IntoIterator<Item = impl Into<PathBuf>>,
        options: Options,
    ) -> Result<Self, StateError> {
        let lister = Lister::new(roots);
        let mut tracker = Tracker::new(options.rules, lister.roots().to_vec());
        let state = match &options.state {
            Some(path) => Some(State::open(path, &mut tracker)?),
            None => None,
        };
        // Before the first look, so that nothing is missed between.
        let wake = match options.polls {
            true => Wake::polling(),
            false => Wake::watching(lister.roots()),
        };
        Ok(Self {
            lister,
            tracker,
            state,
            wake,
            open: options.open.partial(true).cut_block(false),
            started: Instant::now(),
            complete: None,
            queue: VecDeque::new(),
            refused: Vec::new(),
            is_stale: false,
        })
    }

    /// The time since the start, which the tracker goes by.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// How changes are noticed.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// What is known of the files.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// As [`tracker`](Self::tracker), to be changed by those who read files in their own way.
    pub fn tracker_mut(&mut self) -> &mut Tracker {
        &mut self.tracker
    }

    /// Looks at the directories. Afterwards the files that are to be read are in the queue, in order.
    pub fn look(&mut self) -> Vec<Event> {
        let is_complete = self.complete.is_none_or(|last| last.elapsed() >= COMPLETE);
        if is_complete {
            self.complete = Some(Instant::now());
        }
        self.is_stale = false;
        let listing = self.list(is_complete);
        let mut now = self.now();
        let mut events = self.tracker.observe(&listing, now);
        let is_suspicious = self.tracker.suspects_gap();
        if is_suspicious || self.tracker.needs_look() {
            // Times of directories are not to be trusted where a loss is reported.
            let listing = self.list(is_suspicious);
            now = self.now();
            events.extend(self.tracker.observe(&listing, now));
            self.is_stale = self.tracker.suspects_gap();
        }
        self.queue = self.tracker.jobs(now).into();
        events
    }

    /// What changes without a change of its directory is looked at too.
    fn list(&mut self, is_complete: bool) -> Listing {
        let mut listing = self.lister.list(is_complete);
        for path in self.tracker.paused() {
            let is_listed = |parent| listing.directories.contains_key(parent);
            if !path.parent().is_some_and(is_listed) {
                listing.growing.extend(look_at(path));
            }
        }
        listing
    }

    /// How many files wait in the queue.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether another look is due at once: files were renamed since the last one, or not read to their end.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// The next file of the queue, without opening it.
    pub fn next_job(&mut self) -> Option<Job> {
        self.queue.pop_front()
    }

    /// Treats all files as if nothing more was expected, as at the end of a run.
    pub fn settle_all(&mut self) {
        for job in &mut self.queue {
            job.is_last |= !job.is_live;
        }
    }

    /// Opens the next file of the queue. Leaves out those that cannot be opened, see
    /// [`take_refused`](Self::take_refused). Ends at one that was renamed meanwhile: its flows come first, after another
    /// look.
    pub fn open_next(&mut self) -> Option<Opened> {
        while let Some(job) = self.queue.pop_front() {
            match self.open(&job) {
                Ok(Some(opened)) => return Some(opened),
                Ok(None) => {
                    self.tracker.lost(job.identity);
                    self.queue.clear();
                    self.is_stale = true;
                }
                Err(error) => self.refuse(&job, error),
            }
        }
        None
    }

    /// Files that cannot be opened, and why. Damaged ones are not tried again unless they change.
    pub fn take_refused(&mut self) -> Vec<(PathBuf, Error)> {
        std::mem::take(&mut self.refused)
    }

    /// A file of the queue cannot be opened. It may be written still, or be readable later.
    fn refuse(&mut self, job: &Job, error: Error) {
        if !job.is_last {
            if let Ok(metadata) = std::fs::metadata(&job.path) {
                let seen = Seen::new(job.path.to_path_buf(), &metadata);
                self.tracker.pause(job.identity, seen.size, seen.modified);
            }
            return;
        }
        if error.is_transient() {
            let now = self.now();
            if self.tracker.postpone(job.identity, now) {
                self.refused.push((job.path.to_path_buf(), error));
            }
            return;
        }
        // The current file of a collector may have no header yet.
        let is_empty = error.kind() == ErrorKind::Truncated && error.offset() == 0;
        if !(is_empty && is_unfinished(&job.path)) {
            self.refused.push((job.path.to_path_buf(), error));
        }
        self.tracker.finish(job.identity);
    }

    /// A file that was opened cannot be read now for a reason that may pass. Returns whether that is new.
    pub fn postpone(&mut self, opened: &Opened) -> bool {
        let now = self.now();
        self.tracker.postpone(opened.job.identity, now)
    }

    /// `None`: the path leads to another file, or nowhere.
    fn open(&mut self, job: &Job) -> Result<Option<Opened>, Error> {
        let io = |error| Error::from_io(error, "cannot be opened").in_file(&Arc::clone(&job.path));
        let bytes = match std::fs::File::open(&job.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let metadata = bytes.metadata().map_err(io)?;
        if Identity::of(&metadata) != job.identity {
            return Ok(None);
        }
        let seen = Seen::new(job.path.to_path_buf(), &metadata);
        let hashed = bytes.try_clone().map_err(io)?;
        let file = self.open.open_file(bytes, &*job.path)?;
        let fingerprint = Fingerprint::of(&file, &hashed).map_err(io)?;
        let found = self.tracker.resume(job.identity, fingerprint, seen.size);
        Ok(found.map(|(progress, label, event)| Opened {
            job: job.clone(),
            file,
            look: (seen.size, seen.modified),
            progress,
            label,
            event,
        }))
    }

    /// A part of a file was read, or nothing: reading goes on there after another look, which is due at once.
    pub fn advance(&mut self, opened: &Opened, progress: &Progress) {
        self.is_stale = true;
        self.tracker.advance(opened.job.identity, progress);
    }

    /// All of a file was read that it had, and breaks off there: it is read on when it changes.
    pub fn pause(&mut self, opened: &Opened, progress: &Progress) {
        self.tracker.advance(opened.job.identity, progress);
        let (size, modified) = opened.look;
        self.tracker.pause(opened.job.identity, size, modified);
    }

    /// A file was read to its end. A collector's current file is read on when it changes.
    pub fn finish(&mut self, opened: &Opened, progress: &Progress) {
        if opened.job.is_live {
            return self.pause(opened, progress);
        }
        self.tracker.advance(opened.job.identity, progress);
        self.tracker.finish(opened.job.identity);
    }

    /// Saves what was read, if there is a state.
    ///
    /// # Errors
    /// The state cannot be written.
    pub fn save(&mut self) -> Result<(), StateError> {
        match &mut self.state {
            Some(state) => state.save(&mut self.tracker),
            None => Ok(()),
        }
    }

    /// Waits until something has changed, at most this long. Returns whether the system reported a change.
    pub fn wait(&self, most: Duration) -> bool {
        self.is_stale || self.wake.wait(most)
    }
}
