//! Any text as a filter: refused, or one that selects the flows which its opposite does not, and that is the same filter
//! when it is printed and read again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nfdecode::filter::Scope;
use nfdecode::{Block, Filter, OpenOptions};

static FLOWS: LazyLock<Vec<Block>> = LazyLock::new(|| {
    let files: [&[u8]; 2] = [
        include_bytes!("../../tests/fixtures/archive/nfcapd.202611241330"),
        include_bytes!("../../tests/fixtures/router/nfcapd.202601010000"),
    ];
    let files = files.map(|bytes| OpenOptions::new().from_bytes(bytes).expect("a file"));
    let blocks = files.iter().flat_map(|file| file.blocks());
    blocks.map(|block| block.expect("sound")).collect()
});

fn selected(filter: &Filter) -> Vec<Vec<u32>> {
    let select = |block| {
        let mut selected = Vec::new();
        filter.select(block, Scope::default(), &mut selected);
        selected
    };
    FLOWS.iter().map(select).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    LazyLock::force(&FLOWS);
    nfdecode_fuzz::measure(bytes.len(), 65_536, || {
        let filter = match Filter::parse(text) {
            Ok(filter) => filter,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        };
        let found = selected(&filter);
        let printed = filter.to_string();
        if let Ok(again) = Filter::parse(&printed) {
            assert_eq!(found, selected(&again), "{printed}");
        }
        // Nested too deeply, perhaps.
        if let Ok(opposite) = Filter::parse(&format!("not ({printed})")) {
            for ((block, some), others) in FLOWS.iter().zip(&found).zip(selected(&opposite)) {
                assert_eq!(some.len() + others.len(), block.len(), "{printed}");
            }
        }
    });
});
