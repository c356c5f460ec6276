//! Any bytes as what is stored by us and read again: partial results of groups, and the state of a follower.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nfdecode::aggregate::{Grouping, Key, Table};
use nfdecode::follow::{Rules, State, Tracker};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

static GROUPING: LazyLock<Grouping> = LazyLock::new(|| {
    let keys = ["src_addr", "dst_port", "tls_sni"].map(|name| Key::field(name).expect("a key"));
    let builder = keys.into_iter().fold(Grouping::builder(), |builder, key| builder.key(key));
    builder.build().expect("a grouping")
});

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("state");
    nfdecode_fuzz::measure(bytes.len(), 65_536, || {
        if let Ok(table) = Table::read(&GROUPING, &mut &*bytes) {
            let mut written = Vec::new();
            table.write(&mut written).expect("memory takes it");
            let again = Table::read(&GROUPING, &mut written.as_slice()).expect("our own");
            assert_eq!(table.len(), again.len());
        }
        fs::write(&path, bytes).expect("written");
        let mut tracker = Tracker::new(Rules::default(), vec![FOLDER.path().to_owned()]);
        if let Ok(mut state) = State::open(&path, &mut tracker) {
            state.save(&mut tracker).expect("written");
            drop(state);
            let mut again = Tracker::new(Rules::default(), vec![FOLDER.path().to_owned()]);
            State::open(&path, &mut again).expect("our own");
            assert_eq!(tracker.counts(), again.counts());
        }
    });
});
