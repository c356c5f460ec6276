//! Watching and ending child processes, and reading their last output.

use std::process::Child;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Waits at least two seconds for the reader of a pipe whose process has ended. Counted in turns
/// rather than measured: a paused machine gives the reader no time either.
pub(crate) fn drain<T>(reader: &JoinHandle<T>) {
    for _ in 0..2_000 {
        if reader.is_finished() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a child has ended; it stays a zombie, so that its number is not reused. Also `true` if that
/// is unknown: waiting then reports the error.
pub(crate) fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(Pid::from_child(child)), options) {
        Ok(status) => status.is_some(),
        Err(error) => error != Errno::INTR,
    }
}

/// Kills the process group that a child leads, and ignores that it may be gone.
pub(crate) fn kill_group(leader: &Child) {
    signal_group(leader, Signal::KILL);
}

/// Stops a process group until [`resume_group`].
pub(crate) fn suspend_group(leader: &Child) {
    signal_group(leader, Signal::STOP);
}

/// Continues a process group.
pub(crate) fn resume_group(leader: &Child) {
    signal_group(leader, Signal::CONT);
}

fn signal_group(leader: &Child, signal: Signal) {
    // The group is ours since the child made itself its leader; it may be gone.
    let _ = kill_process_group(Pid::from_child(leader), signal);
}
