//! The state machine of following, with listings made up, and the state file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nfdecode::Scan;
use nfdecode::follow::{
    Begin, Event, Follower, Identity, Listing, Options, Rules, Seen, State, StateError, Tracker,
};

use crate::support;

const DIRECTORY: &str = "/a";

fn seen(name: &str, inode: u64, size: u64) -> Seen {
    Seen {
        path: Path::new(DIRECTORY).join(name),
        identity: Identity {
            device: 1,
            inode,
            born: 0,
        },
        size,
        modified: size,
    }
}

fn listing(files: &[Seen]) -> Listing {
    let mut listing = Listing::default();
    let mut directories: BTreeMap<PathBuf, Vec<Seen>> = BTreeMap::new();
    directories.insert(DIRECTORY.into(), Vec::new());
    for file in files {
        let directory = file.path.parent().expect("a directory");
        directories
            .entry(directory.to_owned())
            .or_default()
            .push(file.clone());
    }
    listing.directories = directories;
    listing.is_complete = true;
    listing
}

fn tracker(live: bool) -> Tracker {
    let mut rules = Rules::default();
    rules.live = live;
    Tracker::new(rules, vec![DIRECTORY.into()])
}

fn names(tracker: &Tracker, now: u64) -> Vec<String> {
    let jobs = tracker.jobs(Duration::from_secs(now));
    jobs.iter()
        .map(|job| {
            job.path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn observe(tracker: &mut Tracker, now: u64, files: &[Seen]) -> Vec<Event> {
    tracker.observe(&listing(files), Duration::from_secs(now))
}

#[test]
fn a_renamed_file_stays_the_same() {
    let mut tracker = tracker(true);
    observe(&mut tracker, 0, &[seen("nfcapd.current.1", 7, 100)]);
    // A second look: all files before it have their names by then.
    assert_eq!(names(&tracker, 0), [""; 0]);
    observe(&mut tracker, 0, &[seen("nfcapd.current.1", 7, 100)]);
    assert_eq!(names(&tracker, 0), ["nfcapd.current.1"]);
    let identity = seen("x", 7, 0).identity;
    let (mut progress, ..) = tracker.resume(identity, None, 100).expect("it is known");
    progress.skip_to(nfdecode::file::Position::new(90, 2));
    tracker.advance(identity, &progress);
    tracker.pause(identity, 100, 100);
    assert_eq!(names(&tracker, 1), [""; 0]);
    // Renamed, and another one has its name.
    let files = [
        seen("nfcapd.202601011200", 7, 120),
        seen("nfcapd.current.1", 8, 40),
    ];
    observe(&mut tracker, 2, &files);
    observe(&mut tracker, 2, &files);
    assert_eq!(
        names(&tracker, 2),
        ["nfcapd.202601011200", "nfcapd.current.1"]
    );
    let (progress, label, event) = tracker.resume(identity, None, 120).expect("it is known");
    assert_eq!((progress.position().offset(), event), (90, None));
    assert_eq!(label, "nfcapd.202601011200");
    tracker.finish(identity);
    assert_eq!(names(&tracker, 3), ["nfcapd.current.1"]);
}

#[test]
fn a_file_that_is_gone_for_one_look_has_not_vanished() {
    let mut tracker = tracker(false);
    let file = seen("nfcapd.202601011200", 7, 100);
    observe(&mut tracker, 0, std::slice::from_ref(&file));
    for now in 1..3 {
        assert_eq!(
            observe(&mut tracker, now, &[seen("nfcapd.202601011205", 8, 1)]),
            []
        );
        assert_eq!(names(&tracker, now), ["nfcapd.202601011205"]);
    }
    observe(
        &mut tracker,
        3,
        &[file.clone(), seen("nfcapd.202601011205", 8, 1)],
    );
    assert_eq!(names(&tracker, 3).len(), 2);
    let mut events = Vec::new();
    for now in 4..8 {
        events.extend(observe(
            &mut tracker,
            now,
            &[seen("nfcapd.202601011205", 8, 1)],
        ));
    }
    assert_eq!(events, [Event::Vanished(file.path)]);
    assert_eq!(tracker.counts(), (1, 1));
}

#[test]
fn inodes_are_used_again() {
    let mut tracker = tracker(false);
    let file = seen("nfcapd.202601011200", 7, 100);
    observe(&mut tracker, 0, std::slice::from_ref(&file));
    tracker.finish(file.identity);
    // Another file with the inode of one that was removed: only its content says so.
    let other = seen("nfcapd.202601011205", 7, 80);
    observe(&mut tracker, 1, std::slice::from_ref(&other));
    assert_eq!(names(&tracker, 1), ["nfcapd.202601011205"]);
}

#[test]
fn an_unmounted_archive_is_not_forgotten() {
    let mut tracker = tracker(false);
    let file = seen("nfcapd.202601011200", 7, 100);
    observe(&mut tracker, 0, std::slice::from_ref(&file));
    tracker.finish(file.identity);
    let mut nothing = listing(&[]);
    nothing.empty = vec![DIRECTORY.into()];
    let events: Vec<_> = (1..9)
        .flat_map(|now| tracker.observe(&nothing, Duration::from_secs(now)))
        .collect();
    assert!(
        matches!(&events[..], [Event::Unreachable(..)]),
        "{events:?}"
    );
    observe(&mut tracker, 9, &[file]);
    assert_eq!(tracker.counts(), (1, 0));
}

#[test]
fn begins_where_it_is_told() {
    let files = [
        seen("nfcapd.202601011200", 7, 1_000_000),
        seen("nfcapd.202601011205", 8, 9_000_000),
    ];
    let with = |begin| {
        let mut rules = Rules::default();
        rules.begin = begin;
        let mut tracker = Tracker::new(rules, vec![DIRECTORY.into()]);
        observe(&mut tracker, 0, &files);
        names(&tracker, 0).len()
    };
    let time = nfdecode::Timestamp::from_millis(5);
    assert_eq!(
        (with(Begin::Start), with(Begin::Now), with(Begin::At(time))),
        (2, 0, 1)
    );
}

#[test]
fn missing_slots_are_reported_once() {
    let mut tracker = tracker(false);
    let slots = [0, 5, 10, 15, 30];
    let files: Vec<_> = (0..)
        .zip(slots)
        .map(|(inode, minute)| seen(&format!("nfcapd.2026010112{minute:02}"), inode, 1))
        .collect();
    // A second look decides.
    assert_eq!(observe(&mut tracker, 0, &files), []);
    assert!(tracker.suspects_gap());
    let events = observe(&mut tracker, 0, &files);
    assert!(
        matches!(&events[..], [Event::MissingSlots { count: 2, .. }]),
        "{events:?}"
    );
    assert_eq!(
        events[0].to_string(),
        "/a: no file for 2 time slots, the first at 2026-01-01T12:20:00.000Z"
    );
    assert_eq!(observe(&mut tracker, 1, &files), []);
}

/// A listing may miss a file that is renamed meanwhile, and have the next one.
#[test]
fn a_file_that_one_look_misses_is_no_missing_slot() {
    let mut tracker = tracker(false);
    let file = |minute: u64| seen(&format!("nfcapd.2026010112{minute:02}"), minute, 1);
    let mut files: Vec<_> = (0..5).map(|number| file(number * 5)).collect();
    let mut events = observe(&mut tracker, 0, &files);
    for minute in [30, 40, 50] {
        files.push(file(minute));
        events.extend(observe(&mut tracker, minute, &files));
        assert!(tracker.suspects_gap());
        files.push(file(minute - 5));
        events.extend(observe(&mut tracker, minute, &files));
        assert!(!tracker.suspects_gap());
    }
    assert_eq!(events, []);
}

/// As above, with the only file.
#[test]
fn a_directory_that_is_empty_for_one_look_is_not_unmounted() {
    let mut tracker = tracker(true);
    observe(&mut tracker, 0, &[seen("nfcapd.current.1", 7, 1)]);
    let mut nothing = listing(&[]);
    nothing.empty = vec![DIRECTORY.into()];
    assert_eq!(tracker.observe(&nothing, Duration::from_secs(1)), []);
    assert!(tracker.suspects_gap());
    assert_eq!(
        observe(&mut tracker, 2, &[seen("nfcapd.202601011200", 7, 1)]),
        []
    );
}

/// Those that were seen while they were written count as the others do.
#[test]
fn slots_of_files_that_were_read_while_written_are_known() {
    let mut tracker = tracker(true);
    let name = |slot: u64| format!("nfcapd.2026010112{slot:02}");
    let mut files: Vec<Seen> = Vec::new();
    for slot in 0..8 {
        for _ in 0..2 {
            let with_current = [&files[..], &[seen("nfcapd.current.1", slot, 1)]].concat();
            assert_eq!(observe(&mut tracker, slot, &with_current), []);
        }
        files.push(seen(&name(slot), slot, 1));
    }
    // This one was written between two looks.
    files.push(seen(&name(8), 8, 1));
    for _ in 0..2 {
        assert_eq!(observe(&mut tracker, 9, &files), []);
    }
    assert_eq!(tracker.slot_length(&files[0].path), Some(60));
    files.push(seen(&name(11), 11, 1));
    observe(&mut tracker, 11, &files);
    let events = observe(&mut tracker, 11, &files);
    assert!(
        matches!(&events[..], [Event::MissingSlots { count: 2, .. }]),
        "{events:?}"
    );
}

/// Files get their names faster than a directory is listed.
#[test]
fn fast_rotation_leaves_out_no_slot() {
    const COUNT: usize = 3000;
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().to_owned();
    let name = |number: usize| {
        let (minute, second) = (number / 60, number % 60);
        format!(
            "nfcapd.20260101{:02}{:02}{second:02}",
            minute / 60,
            minute % 60
        )
    };
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let mut follower =
        Follower::new([&directory], Options::new().live(true).polls(true)).expect("it starts");
    let mut events = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..COUNT {
                let current = directory.join("nfcapd.current.7");
                fs::write(&current, [1]).expect("written");
                fs::rename(current, directory.join(name(number))).expect("renamed");
            }
            is_over.store(true, std::sync::atomic::Ordering::Release);
        });
        while !is_over.load(std::sync::atomic::Ordering::Acquire) {
            events.extend(follower.look());
        }
    });
    events.extend(follower.look());
    events.extend(follower.look());
    assert_eq!(events, []);
    assert_eq!(follower.tracker().counts().0, COUNT);
}

/// The fixtures, copied to a directory of its own.
fn archive() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().join("in");
    fs::create_dir(&directory).expect("a directory");
    for file in support::files_below(&support::root().join("tests/fixtures/archive")) {
        let name = file.file_name().expect("a name").to_owned();
        if name.to_string_lossy().starts_with("nfcapd.") {
            fs::copy(&file, directory.join(name)).expect("a copy");
        }
    }
    (place, directory)
}

/// Reads everything that is due.
fn read_all(follower: &mut Follower) -> (u64, Vec<Event>) {
    let mut flows = 0;
    let mut events = follower.look();
    while let Some(opened) = follower.open_next() {
        events.extend(opened.event().cloned());
        let mut progress = opened.progress();
        for block in Scan::new([opened.input()]).blocks() {
            let block = block.expect("it is intact");
            flows += block.len() as u64;
            progress.add(&block);
        }
        follower.finish(&opened, &progress);
    }
    follower.save().expect("it is saved");
    (flows, events)
}

#[test]
fn a_state_is_the_memory() {
    let (place, directory) = archive();
    let state = place.path().join("state");
    let open = || {
        let options = Options::new().state(&state).polls(true);
        Follower::try_new([&directory], options)
    };
    let mut follower = open().expect("a state");
    assert_eq!(read_all(&mut follower), (419, vec![]));
    assert!(matches!(open(), Err(StateError::InUse(_))));
    drop(follower);
    assert_eq!(read_all(&mut open().expect("a state")), (0, vec![]));

    // A line that a crash has cut off was not saved.
    let text = fs::read(&state).expect("readable");
    fs::write(&state, &text[..text.len() - 3]).expect("written");
    let (flows, _) = read_all(&mut open().expect("a state"));
    assert!([113, 148, 158].contains(&flows), "{flows}");
    assert_eq!(read_all(&mut open().expect("a state")), (0, vec![]));

    // Renamed: the same. Copied over itself, with another inode: the same. Other content: another file.
    let name = |name: &str| directory.join(name);
    fs::rename(name("nfcapd.202611241330"), name("nfcapd.202611241300")).expect("renamed");
    let bytes = fs::read(name("nfcapd.202611241335")).expect("readable");
    fs::write(name(".copy"), bytes).expect("written");
    fs::rename(name(".copy"), name("nfcapd.202611241335")).expect("renamed");
    let other = fs::read(name("nfcapd.202611241300")).expect("readable");
    fs::write(name("nfcapd.202611241340"), other).expect("written");
    let (flows, events) = read_all(&mut open().expect("a state"));
    assert_eq!(
        (flows, events),
        (113, vec![Event::Rewritten(name("nfcapd.202611241340"))])
    );

    // Damage in the middle is no such line.
    let mut text = fs::read(&state).expect("readable");
    text[30] ^= 1;
    fs::write(&state, &text).expect("written");
    let error = open().expect_err("damage").to_string();
    assert!(error.contains("line 2 of the state is damaged"), "{error}");
    fs::write(&state, "something else\n").expect("written");
    assert!(matches!(open(), Err(StateError::Foreign(_))));
}

#[test]
fn a_state_is_pruned() {
    let (place, directory) = archive();
    let state = place.path().join("state");
    let mut tracker = Tracker::new(Rules::default(), vec![directory.clone()]);
    let mut saved = State::open(&state, &mut tracker).expect("a state");
    for round in 0..3000 {
        let file = seen("nfcapd.202601011200", round, round);
        observe(&mut tracker, round, std::slice::from_ref(&file));
        tracker.finish(file.identity);
        saved.save(&mut tracker).expect("saved");
    }
    let length = fs::metadata(&state).expect("it exists").len();
    assert!(length < 500_000, "{length}");
    drop(saved);
    let mut tracker = Tracker::new(Rules::default(), vec![directory]);
    drop(State::open(&state, &mut tracker).expect("a state"));
    assert_eq!(tracker.counts(), (1, 0));
    let length = fs::metadata(&state).expect("it exists").len();
    assert!(length < 500, "{length}");
}

/// A block at a time, read on by position, numbers the flows as reading the whole file does.
#[test]
fn growing_files_are_read_block_by_block() {
    use support::damage;
    let originals = damage::originals();
    for original in originals.iter().filter(|original| original.layout != 3) {
        let ends: Vec<usize> = damage::blocks(&original.bytes)
            .iter()
            .map(|place| place.payload.end)
            .collect();
        let place = tempfile::tempdir().expect("a directory");
        let live = place.path().join("nfcapd.current.1");
        let options = Options::new().live(true).polls(true);
        let mut follower = Follower::new([place.path()], options).expect("it starts");
        let mut numbers = Vec::new();
        for end in ends.into_iter().chain([original.bytes.len()]) {
            // A part of the next block is there too.
            let end = (end + 5).min(original.bytes.len());
            fs::write(&live, &original.bytes[..end]).expect("written");
            follower.look();
            while let Some(opened) = follower.open_next() {
                let mut progress = opened.progress();
                for block in Scan::new([opened.input()]).blocks() {
                    let Ok(block) = block else { continue };
                    let ports = block.flows().map(|flow| flow.src_port());
                    numbers.extend((block.flows_before_in_file()..).zip(ports));
                    progress.add(&block);
                }
                follower.finish(&opened, &progress);
            }
        }
        let all = nfdecode::File::from_bytes(original.bytes.clone()).expect("it is intact");
        let ports: Vec<_> = all
            .flows()
            .map(|flow| flow.expect("it is intact").view().src_port())
            .collect();
        assert_eq!(numbers, (0..).zip(ports).collect::<Vec<_>>());
        assert_eq!(numbers.len(), original.flows);
    }
}
