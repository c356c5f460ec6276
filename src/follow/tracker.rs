//! What to read next: a state machine over listings.
//!
//! Has no clock and opens no file. `now` is any time that only goes on, such as that since the start of the process:
//! jumps of the system's clock have no effect.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::follow::entry::{Entry, Job, Progress, Stage};
use crate::follow::identity::{Fingerprint, Identity};
use crate::follow::listing::{Listing, Seen};
use crate::follow::rules::{Begin, Event, Rules};
use crate::follow::slots::{self, Slots};
use crate::scan::fileset::is_unfinished;
use crate::value::zone::Zone;

/// Looks that must miss a file before it counts as vanished: it may be renamed while directories are listed.
const MISSED: u8 = 3;

/// So many new files in one look are a backlog, rather than what collectors have just finished.
const BACKLOG: usize = 1000;

/// Which files there are, how far they were read, and what comes next.
#[derive(Debug)]
pub struct Tracker {
    rules: Rules,
    roots: Vec<PathBuf>,
    files: HashMap<Identity, Entry>,
    /// The file that has each path now.
    paths: HashMap<Arc<Path>, Identity>,
    /// Files forgotten since the last save.
    forgotten: Vec<Identity>,
    slots: Slots,
    /// Files whose slots count after the next look: a file of an earlier slot that is renamed while directories are
    /// listed may be found only then.
    appeared: Vec<Arc<Path>>,
    unreachable: BTreeSet<PathBuf>,
    /// Directories that the last look found without files for the first time.
    empty: BTreeSet<PathBuf>,
    /// Nothing was known at the start, and nothing was seen yet.
    is_new: bool,
    /// Nothing was seen yet.
    is_first: bool,
    /// A look has not found some file.
    has_missing: bool,
}

impl Tracker {
    /// Knows no file. `roots` are the directories that labels of files are relative to.
    #[must_use]
    pub fn new(rules: Rules, roots: Vec<PathBuf>) -> Self {
        Self {
            rules,
            roots,
            files: HashMap::new(),
            paths: HashMap::new(),
            forgotten: Vec::new(),
            slots: Slots::default(),
            appeared: Vec::new(),
            unreachable: BTreeSet::new(),
            empty: BTreeSet::new(),
            is_new: true,
            is_first: true,
            has_missing: false,
        }
    }

    /// Something is known from earlier: new files are read whatever [`Rules::begin`] says.
    pub(crate) fn set_known(&mut self) {
        self.is_new = false;
    }

    /// Adds a file from a saved state.
    pub(crate) fn restore(&mut self, identity: Identity, entry: Entry) {
        self.is_new = false;
        self.paths.insert(Arc::clone(&entry.path), identity);
        self.files.insert(identity, entry);
    }

    /// Removes a file of a saved state.
    pub(crate) fn remove(&mut self, identity: Identity) {
        if let Some(entry) = self.files.remove(&identity)
            && self.paths.get(&entry.path) == Some(&identity)
        {
            self.paths.remove(&entry.path);
        }
    }

    /// The slots of all known files are there.
    pub(crate) fn learn_slots(&mut self) {
        let files = self.files.values().map(|entry| Arc::clone(&entry.path));
        let files: Vec<_> = files.collect();
        self.add_slots(files);
    }

    /// How many files are known, and how many of these are to be read.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let waiting = self
            .files
            .values()
            .filter(|entry| entry.stage == Stage::Reading);
        (self.files.len(), waiting.count())
    }

    /// Whether files that are being written wait for a second look.
    #[must_use]
    pub fn needs_look(&self) -> bool {
        let mut files = self.files.values();
        self.rules.live
            && files.any(|entry| entry.is_new && entry.missing == 0 && is_unfinished(&entry.path))
    }

    /// Whether a time slot or a directory seems to be missing. A file that was renamed during the look can be the reason, so
    /// another look is needed.
    #[must_use]
    pub fn suspects_gap(&self) -> bool {
        if !self.empty.is_empty() {
            return true;
        }
        // Another look does not help where a directory cannot be read.
        let visible = self.appeared.iter().filter(|path| !self.is_hidden(path));
        let visible = visible.cloned().collect();
        !missing_slots(&mut self.slots.clone(), &self.rules.zone, visible).is_empty()
    }

    fn is_hidden(&self, path: &Path) -> bool {
        self.unreachable.iter().any(|place| path.starts_with(place))
    }

    /// Takes note of what a look at the directories has found.
    pub fn observe(&mut self, listing: &Listing, now: Duration) -> Vec<Event> {
        let mut events = self.note_unreachable(listing);
        let follows_live = self.rules.live || self.rules.orphans.is_some();
        let all = listing
            .directories
            .values()
            .flatten()
            .chain(&listing.growing);
        let seen: Vec<&Seen> = all
            .filter(|seen| follows_live || !is_unfinished(&seen.path))
            .collect();
        let present: HashSet<(Identity, &Path)> = seen
            .iter()
            .map(|seen| (seen.identity, seen.path.as_path()))
            .collect();
        // Known files first: a new one may have got the name of a renamed one.
        let (known, new): (Vec<&Seen>, Vec<&Seen>) = seen
            .into_iter()
            .partition(|seen| self.files.contains_key(&seen.identity));
        let mut appeared = Vec::new();
        for seen in known {
            appeared.extend(self.see_again(seen, &present, now));
        }
        let is_first = std::mem::replace(&mut self.is_first, false);
        let is_backlog = is_first || new.len() >= BACKLOG;
        for seen in new {
            if self.files.contains_key(&seen.identity) {
                // Two names of the same new file.
                appeared.extend(self.see_again(seen, &present, now));
            } else {
                appeared.push(self.see_first(seen, is_backlog, now));
            }
        }
        let was_new = std::mem::replace(&mut self.is_new, false);
        if was_new && self.rules.begin != Begin::Start {
            // Nothing is missing before the begin.
            self.add_slots(appeared);
        } else {
            events.extend(self.confirm_slots(appeared));
        }
        self.miss(listing, &present, &mut events);
        events
    }

    fn note_unreachable(&mut self, listing: &Listing) -> Vec<Event> {
        let (mut places, mut empty) = (BTreeSet::new(), BTreeSet::new());
        let mut events = Vec::new();
        for (place, why) in &listing.unreachable {
            places.insert(place.clone());
            if !self.unreachable.contains(place) {
                events.push(Event::Unreachable(place.clone(), why.clone()));
            }
        }
        for root in &listing.empty {
            if !self
                .files
                .values()
                .any(|entry| entry.path.starts_with(root))
            {
                continue;
            }
            places.insert(root.clone());
            if self.empty.contains(root) {
                let why = "all files have vanished: is it mounted?".to_owned();
                events.push(Event::Unreachable(root.clone(), why));
            } else if !self.unreachable.contains(root) {
                // The only file may be renamed just now: the next look decides.
                empty.insert(root.clone());
            }
        }
        self.unreachable = places;
        self.empty = empty;
        events
    }

    /// Returns the path of a file that has got its final name.
    fn see_again(
        &mut self,
        seen: &Seen,
        present: &HashSet<(Identity, &Path)>,
        now: Duration,
    ) -> Option<Arc<Path>> {
        let entry = self.files.get_mut(&seen.identity)?;
        let mut finished = None;
        entry.missing = 0;
        entry.is_new = false;
        if *entry.path != *seen.path {
            let has_both = present.contains(&(seen.identity, &*entry.path));
            // One that is renamed while directories are listed may show both names; others are links.
            if has_both && (!is_unfinished(&entry.path) || is_unfinished(&seen.path)) {
                return None;
            }
            let path: Arc<Path> = seen.path.as_path().into();
            let before = std::mem::replace(&mut entry.path, Arc::clone(&path));
            if self.paths.get(&before) == Some(&seen.identity) {
                self.paths.remove(&before);
            }
            self.paths.insert(path, seen.identity);
            if is_unfinished(&before) != is_unfinished(&entry.path) {
                // It is finished now.
                entry.read = None;
                finished = Some(Arc::clone(&entry.path));
            }
            entry.since = now;
            entry.is_dirty = true;
        }
        let look = (seen.size, seen.modified);
        if entry.look != look {
            entry.look = look;
            entry.since = now;
            if entry.stage != Stage::Reading {
                entry.stage = Stage::Reading;
                entry.is_dirty = true;
            }
        }
        finished
    }

    fn see_first(&mut self, seen: &Seen, is_backlog: bool, now: Duration) -> Arc<Path> {
        let path: Arc<Path> = seen.path.as_path().into();
        let look = (seen.size, seen.modified);
        let mut entry = Entry::new(Arc::clone(&path), look, now);
        entry.is_backlog = is_backlog;
        let is_old = self.is_new
            && match self.rules.begin {
                Begin::Start => false,
                Begin::Now => true,
                Begin::At(time) => seen.modified / 1_000_000 < time.as_millis(),
            };
        if is_old && is_unfinished(&path) {
            entry.is_silent = true;
        } else if is_old {
            entry.stage = Stage::Done;
        }
        let before = self.paths.insert(Arc::clone(&path), seen.identity);
        // A collector uses the name of its current file again and again; other names belong to one file.
        if let Some(before) = before
            && !is_unfinished(&path)
            && let Some(mut replaced) = self.files.remove(&before)
        {
            self.forgotten.push(before);
            replaced.replaced = None;
            // Devices get other numbers when a system starts; a file that was left out stays so.
            if replaced.stage == Stage::Done
                && replaced.fingerprint.is_none()
                && replaced.look == look
            {
                entry.stage = Stage::Done;
            }
            entry.replaced = Some(Box::new(replaced));
        }
        self.files.insert(seen.identity, entry);
        path
    }

    fn add_slots(&mut self, paths: Vec<Arc<Path>>) -> Vec<Event> {
        missing_slots(&mut self.slots, &self.rules.zone, paths)
    }

    /// Adds the slots of the last look, with earlier ones that this look has found. Those in directories that cannot be read
    /// wait.
    fn confirm_slots(&mut self, appeared: Vec<Arc<Path>>) -> Vec<Event> {
        let zone = self.rules.zone.clone();
        let (mut waiting, mut due): (Vec<_>, Vec<_>) = std::mem::take(&mut self.appeared)
            .into_iter()
            .partition(|path| self.is_hidden(path));
        let mut last: HashMap<PathBuf, i64> = HashMap::new();
        for path in &due {
            if let Some(slot) = slots::slot_of(path, &zone) {
                let known = last.entry(slots::source_of(path).to_owned());
                let known = known.or_insert(slot);
                *known = slot.max(*known);
            }
        }
        for path in appeared {
            let slot = slots::slot_of(&path, &zone);
            let is_earlier = last
                .get(slots::source_of(&path))
                .is_some_and(|last| slot.is_some_and(|slot| slot < *last));
            match is_earlier {
                true => due.push(path),
                false => waiting.push(path),
            }
        }
        self.appeared = waiting;
        self.add_slots(due)
    }

    /// Counts the files that were not found, and forgets them after some looks.
    fn miss(
        &mut self,
        listing: &Listing,
        present: &HashSet<(Identity, &Path)>,
        events: &mut Vec<Event>,
    ) {
        let is_unchanged = listing.directories.is_empty() && listing.gone.is_empty();
        if is_unchanged && !listing.is_complete && !self.has_missing {
            return;
        }
        self.has_missing = false;
        let unreachable = &self.unreachable;
        let paths = &self.paths;
        let mut lost = Vec::new();
        for (identity, entry) in &mut self.files {
            if present.contains(&(*identity, &entry.path)) {
                continue;
            }
            if unreachable
                .iter()
                .any(|place| entry.path.starts_with(place))
            {
                continue;
            }
            let directory = entry.path.parent().unwrap_or(Path::new(""));
            let is_missed = entry.missing > 0
                || listing.is_complete
                || paths.get(&entry.path) != Some(identity)
                || listing.directories.contains_key(directory)
                || listing.gone.iter().any(|gone| gone == directory);
            entry.missing += u8::from(is_missed);
            self.has_missing |= is_missed;
            if entry.missing >= MISSED {
                lost.push(*identity);
            }
        }
        for identity in lost {
            if let Some(entry) = self.files.get(&identity)
                && entry.stage != Stage::Done
                && !entry.is_silent
                // The next current file of a collector is empty, and removed when it ends.
                && (!is_unfinished(&entry.path) || entry.fingerprint.is_some())
                && (!is_unfinished(&entry.path) || self.rules.live)
            {
                events.push(Event::Vanished(entry.path.to_path_buf()));
            }
            self.remove(identity);
            self.forgotten.push(identity);
        }
    }

    /// What is to be read, in order: files that were finished just now or begun before, then files being written, then
    /// a backlog. Each by their slots.
    #[must_use]
    pub fn jobs(&self, now: Duration) -> Vec<Job> {
        let ready = self.files.iter().filter_map(|(identity, entry)| {
            let job = self.job(*identity, entry, now)?;
            let is_begun = entry.progress.position.offset() > 0;
            let class = match job.is_live {
                true => 1,
                false if is_begun || !entry.is_backlog => 0,
                false => 2,
            };
            let slot = slots::slot_of(&entry.path, &self.rules.zone);
            let slot = slot.unwrap_or_else(|| (entry.look.1 / 1_000_000_000).cast_signed());
            Some(((class, slot, Arc::clone(&entry.path)), job))
        });
        let mut ready: Vec<_> = ready.collect();
        ready.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        ready.into_iter().map(|(_, job)| job).collect()
    }

    fn job(&self, identity: Identity, entry: &Entry, now: Duration) -> Option<Job> {
        if entry.stage != Stage::Reading || entry.missing > 0 {
            return None;
        }
        let age = now.saturating_sub(entry.since);
        let is_live = is_unfinished(&entry.path);
        let has_changed = entry.read != Some(entry.look);
        let is_orphan = self.rules.orphans.is_some_and(|orphans| age >= orphans);
        let (is_ready, is_last) = match is_live {
            // Once it was given up, it is done.
            true if is_orphan => (true, true),
            true => (self.rules.live && has_changed && !entry.is_new, false),
            false => {
                let is_settled = age >= self.rules.settle;
                (has_changed || is_settled, is_settled)
            }
        };
        is_ready.then(|| Job {
            path: Arc::clone(&entry.path),
            identity,
            is_live: is_live && !is_last,
            is_last,
            is_silent: entry.is_silent,
        })
    }

    /// Where reading of an open file begins, the name under which its flows are shown, and an event if it was
    /// read before with other content. `size` is that of the open file.
    pub fn resume(
        &mut self,
        identity: Identity,
        fingerprint: Option<Fingerprint>,
        size: u64,
    ) -> Option<(Progress, String, Option<Event>)> {
        let roots = &self.roots;
        let entry = self.files.get_mut(&identity)?;
        if let Some(replaced) = entry.replaced.take()
            && entry.fingerprint.is_none()
        {
            entry.fingerprint = replaced.fingerprint;
            entry.progress = replaced.progress;
            entry.label = replaced.label;
        }
        let is_same = match (entry.fingerprint, fingerprint) {
            (Some(before), Some(now)) => before == now,
            (None, _) => true,
            (Some(_), None) => false,
        };
        let mut event = None;
        if !is_same || size < entry.progress.position.offset() {
            event = Some(Event::Rewritten(entry.path.to_path_buf()));
            entry.progress = Progress::default();
            entry.label = None;
        }
        if entry.fingerprint != fingerprint || event.is_some() {
            entry.fingerprint = fingerprint;
            entry.is_dirty = true;
        }
        if entry.label.is_none() {
            let name = shown(&entry.path, roots);
            entry.label = match (is_unfinished(&entry.path), fingerprint) {
                (false, _) => Some(name.into()),
                // Unlike its name, this is of one file only.
                (true, Some(fingerprint)) => Some(format!("{name}#{fingerprint}").into()),
                (true, None) => None,
            };
            entry.is_dirty = true;
        }
        let label = entry.label.as_deref().unwrap_or_default().to_owned();
        Some((entry.progress, label, event))
    }

    /// A part of a file was read; there may be more.
    pub fn advance(&mut self, identity: Identity, progress: &Progress) {
        if let Some(entry) = self.files.get_mut(&identity) {
            let is_same = entry.progress.position.offset() == progress.position.offset()
                && entry.progress.flows == progress.flows;
            entry.is_dirty |= !is_same;
            entry.progress = *progress;
        }
    }

    /// All of a file was read that it had when it was opened with this size and time of modification. It is
    /// read on when it changes.
    pub fn pause(&mut self, identity: Identity, size: u64, modified: u64) {
        if let Some(entry) = self.files.get_mut(&identity) {
            entry.read = Some((size, modified));
            entry.is_silent = false;
            entry.is_postponed = false;
        }
    }

    /// The flows of a file are delivered; [`finish`](Self::finish) follows when all is done that they are for.
    pub fn deliver(&mut self, identity: Identity) {
        self.set_stage(identity, Stage::Delivered);
    }

    /// Nothing is left to do for a file.
    pub fn finish(&mut self, identity: Identity) {
        self.set_stage(identity, Stage::Done);
    }

    fn set_stage(&mut self, identity: Identity, stage: Stage) {
        if let Some(entry) = self.files.get_mut(&identity) {
            entry.is_dirty |= entry.stage != stage;
            entry.stage = stage;
            entry.is_silent = false;
            entry.read = Some(entry.look);
        }
    }

    /// A file cannot be read now for a reason that may pass: it is tried again when it changes, or after the time
    /// of [`Rules::settle`]. Returns whether that is new.
    pub fn postpone(&mut self, identity: Identity, now: Duration) -> bool {
        let Some(entry) = self.files.get_mut(&identity) else {
            return false;
        };
        entry.read = Some(entry.look);
        entry.since = now;
        !std::mem::replace(&mut entry.is_postponed, true)
    }

    /// A file could not be opened under its path: it is looked for again.
    pub fn lost(&mut self, identity: Identity) {
        if let Some(entry) = self.files.get_mut(&identity) {
            entry.missing = entry.missing.max(1);
            self.has_missing = true;
        }
    }

    /// Finished files that break off and are read on when they change.
    pub(crate) fn paused(&self) -> impl Iterator<Item = &Path> {
        let is_paused = |entry: &&Entry| {
            entry.stage == Stage::Reading && entry.read.is_some() && !is_unfinished(&entry.path)
        };
        let files = self.files.values().filter(is_paused);
        files.map(|entry| &*entry.path)
    }

    /// The files whose flows are delivered, and that are not finished, in order.
    #[must_use]
    pub fn delivered(&self) -> Vec<(Arc<Path>, Identity)> {
        let files = self.files.iter();
        let files = files.filter(|(_, entry)| entry.stage == Stage::Delivered);
        let mut files: Vec<_> = files
            .map(|(identity, entry)| (Arc::clone(&entry.path), *identity))
            .collect();
        files.sort_unstable();
        files
    }

    /// The length of slots in the directory of a file, in seconds, once it is known.
    #[must_use]
    pub fn slot_length(&self, path: &Path) -> Option<i64> {
        self.slots.length(slots::source_of(path))
    }

    /// Whether something is not saved.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.forgotten.is_empty() || self.files.values().any(|entry| entry.is_dirty)
    }

    /// All files.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Identity, &Entry)> {
        self.files.iter()
    }

    /// The files forgotten since the last save.
    pub(crate) fn forgotten(&self) -> &[Identity] {
        &self.forgotten
    }

    /// Everything is saved.
    pub(crate) fn set_saved(&mut self) {
        self.forgotten.clear();
        self.files
            .values_mut()
            .for_each(|entry| entry.is_dirty = false);
    }
}

/// Adds the slots of files. Returns those that are missing before them.
fn missing_slots(slots: &mut Slots, zone: &Zone, paths: Vec<Arc<Path>>) -> Vec<Event> {
    let slot = |path: Arc<Path>| slots::slot_of(&path, zone).map(|slot| (slot, path));
    let mut found: Vec<_> = paths.into_iter().filter_map(slot).collect();
    found.sort_unstable();
    let missing = found
        .into_iter()
        .filter_map(|(slot, path)| slots.add(slots::source_of(&path), slot));
    let event = |missing: slots::Missing| Event::MissingSlots {
        source: missing.source,
        from: missing.from,
        count: missing.count,
    };
    missing.map(event).collect()
}

/// A path relative to the one directory that is followed; with several, the whole path.
fn shown(path: &Path, roots: &[PathBuf]) -> String {
    let path = match roots {
        [root] => path.strip_prefix(root).unwrap_or(path),
        _ => path,
    };
    path.to_string_lossy().into_owned()
}
