//! How much of the capture a running nfpcapd has read, according to the kernel. Linux only.

use std::fs;
use std::io;
use std::path::Path;

use crate::convert::program::Version;

/// The first release that maps captures instead of reading them.
const MAPS: Version = Version {
    major: 1,
    minor: 7,
    patch: 6,
};

pub(crate) fn consumed(pid: u32, capture: &Path, version: Version) -> u64 {
    let found = if version >= MAPS {
        resident(pid)
    } else {
        position(pid, capture)
    };
    found.ok().flatten().unwrap_or(0)
}

/// Offset of the descriptor that is open on the capture.
fn position(pid: u32, capture: &Path) -> io::Result<Option<u64>> {
    let capture = capture.canonicalize()?;
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target == capture) {
            let info = fs::read_to_string(format!(
                "/proc/{pid}/fdinfo/{}",
                entry.file_name().to_string_lossy()
            ))?;
            return Ok(info
                .lines()
                .find_map(|line| line.strip_prefix("pos:")?.trim().parse().ok()));
        }
    }
    Ok(None)
}

/// Resident bytes of files: the mapping of the capture, which is read from front to back, and some
/// MB of libraries. That of the mapping alone would have to be counted page by page.
fn resident(pid: u32) -> io::Result<Option<u64>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status.lines().find_map(|line| {
        let text = line.strip_prefix("RssFile:")?.trim();
        text.strip_suffix(" kB")?.trim().parse::<u64>().ok()
    });
    Ok(kilobytes.map(|kilobytes| kilobytes * 1024))
}
