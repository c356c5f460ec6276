//! Runs the program and measures it: CPU time of its own, and the peak of its memory.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::nfdecode;

/// When a command is ended, after so much time that no case is near it.
const PATIENCE: Duration = Duration::from_secs(240);

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// User and system time of the process, without its children.
    pub(super) time: Duration,
    /// Bytes of memory at most, as seen every two milliseconds.
    pub(super) peak: u64,
}

/// CPU time of children that have ended, by a process that has ended and was not waited for. In clock ticks, so
/// that it is exact to a hundredth of a second.
fn children(process: u32) -> Option<Duration> {
    const TICKS: u64 = 100;
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold anything; what follows it begins with the third field.
    let (_, fields) = text.rsplit_once(')')?;
    let fields = fields.split_whitespace().collect::<Vec<_>>();
    if *fields.first()? != "Z" {
        return None;
    }
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(
        (ticks(13)? + ticks(14)?) * 1000 / TICKS,
    ))
}

/// Peak memory so far of a process that runs.
fn peak(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The time of a process that has ended, and of its children; and its exit status.
fn collect(process: u32) -> (Duration, i32) {
    let mut status = 0;
    let pid = libc::pid_t::try_from(process).expect("a process");
    // SAFETY: `rusage` is plain numbers, for which zero is valid; both pointers are to locals that outlive the call.
    let (found, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    assert_eq!(found, pid, "it is ours and has ended");
    let time = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).expect("a duration");
        let micros = u64::try_from(time.tv_usec).expect("a duration");
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    };
    assert!(libc::WIFEXITED(status), "killed: {status:#x}");
    (
        time(usage.ru_utime) + time(usage.ru_stime),
        libc::WEXITSTATUS(status),
    )
}

/// Runs the program.
///
/// # Panics
///
/// If the program does.
pub(super) fn run(arguments: &[&str]) -> Usage {
    run_with(arguments, &[])
}

/// As [`run`], with variables of the environment.
///
/// # Panics
///
/// If the program does.
#[expect(
    clippy::zombie_processes,
    reason = "`collect` waits, since the standard library does not report what was used"
)]
pub(super) fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Usage {
    let mut child = nfdecode()
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begin = Instant::now();
    let mut highest = 0;
    let children = loop {
        highest = highest.max(peak(child.id()));
        if let Some(used) = children(child.id()) {
            break used;
        }
        if begin.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let (time, status) = collect(child.id());
    if status == 101 {
        let output = nfdecode().args(arguments).output().expect("it starts");
        panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Usage {
        time: time.saturating_sub(children),
        peak: highest,
    }
}
