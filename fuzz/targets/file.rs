//! Any bytes as a file, to all consumers: batches, groups, series, JSON, members, filters.
#![no_main]

#[path = "../../tests/support/consume.rs"]
mod consume;

use libfuzzer_sys::fuzz_target;

/// What any input may cost: a series has up to four million intervals, however far apart its flows are.
const FREE: usize = 1 << 19;

fuzz_target!(|bytes: &[u8]| {
    nfdecode_fuzz::measure(bytes.len(), FREE, || {
        consume::consume(&"this input", bytes, consume::filters());
    });
});
