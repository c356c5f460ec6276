//! A capture of any content through our own rewriting: what comes out is one that every nfpcapd reads, or an error.
//!
//! Shared by a test of the program and a fuzz target.

use std::fmt::Display;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use nfdecode::convert::capture;

/// Rewrites a capture, with files in this folder. `false`: it was refused.
pub fn check(case: &dyn Display, bytes: &[u8], folder: &Path) -> bool {
    let mut go_on = |_: u64| ControlFlow::Continue(());
    let (input, out) = (folder.join("in"), folder.join("out"));
    fs::write(&input, bytes).expect("written");
    let scanned = capture::inspect(&input, &mut go_on);
    let found = match capture::normalize(bytes, &out, &mut go_on) {
        Ok(found) => found,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let again = capture::inspect(&out, &mut go_on).expect("a capture");
    if found.link_type == 1 && found.y2038 == 0 {
        assert_eq!(again.direct, Ok(()), "{case}");
        assert_eq!(again.packets, found.packets_written, "{case}");
    }
    if let Ok(scan) = scanned
        && scan.direct.is_ok()
    {
        assert_eq!(scan.packets, found.packets_written, "{case}");
    }
    true
}
