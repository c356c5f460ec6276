//! Any bytes as a file, to all consumers: batches, groups, series, JSON, members, filters.
#![no_main]

#[path = "../../tests/support/consume.rs"]
mod consume;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    nfdecode_fuzz::measure(bytes.len(), 65_536, || {
        consume::consume(&"this input", bytes, consume::filters());
    });
});
