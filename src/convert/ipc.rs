//! System V shared memory and semaphores that nfpcapd leaves behind when it does not end by itself, and the
//! processes that it is.
//!
//! It derives both keys from the path of its output directory, so we can find and remove them.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Waits a while, two seconds or more, for the last words of a process that has ended. Counted, not
/// measured: a machine that stands still gives the reader no time either.
pub(crate) fn drain<T>(reader: &JoinHandle<T>) {
    for _ in 0..2_000 {
        if reader.is_finished() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Keys of the shared memory and of the semaphores for an output directory (resolved, absolute).
fn keys(directory: &OsStr) -> (i32, i32) {
    let hash = directory.as_bytes().iter().fold(0_u32, |hash, byte| {
        hash.wrapping_mul(37).wrapping_add(u32::from(*byte))
    });
    let semaphores = hash.wrapping_mul(37).wrapping_add(u32::from(b'R'));
    (hash.cast_signed(), semaphores.cast_signed())
}

/// Removes what a process that wrote to `directory` has left. Does nothing if there is nothing.
pub(crate) fn remove_leftovers(directory: &Path) {
    let (memory_key, semaphore_key) = keys(directory.as_os_str());
    // SAFETY: shmget and shmctl(IPC_RMID) take numbers only; a null buffer is allowed for IPC_RMID.
    unsafe {
        let memory = libc::shmget(memory_key, 0, 0);
        if memory >= 0 {
            libc::shmctl(memory, libc::IPC_RMID, std::ptr::null_mut());
        }
    }
    // SAFETY: semget and semctl(IPC_RMID) take numbers only.
    unsafe {
        let semaphores = libc::semget(semaphore_key, 0, 0);
        if semaphores >= 0 {
            libc::semctl(semaphores, 0, libc::IPC_RMID);
        }
    }
}

/// For a child between fork and exec: has the kernel kill it when its parent dies, and gives it
/// shared memory and semaphores of its own where that is allowed (to root), so that none are left
/// even if both are killed.
pub(crate) fn isolate() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: PR_SET_PDEATHSIG takes a signal number.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: takes flags only. Refused to ordinary users, who then rely on `remove_leftovers`.
        unsafe { libc::unshare(libc::CLONE_NEWIPC) };
    }
    Ok(())
}

/// Whether a child has ended; it stays a zombie, so that its number is not given to others. Also if it
/// cannot be told: waiting then tells.
pub(crate) fn has_ended(child: u32) -> bool {
    // SAFETY: `siginfo_t` is plain data, for which all zeros are a value.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: writes into `found`, which lives until it returns.
    if unsafe { libc::waitid(libc::P_PID, child, &raw mut found, options) } != 0 {
        return std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted;
    }
    // SAFETY: waitid has filled in a child's state, or left the zeros.
    unsafe { found.si_pid() != 0 }
}

/// Kills the process group that `leader` leads, ignoring that it may be gone.
pub(crate) fn kill_group(leader: u32) {
    signal_group(leader, libc::SIGKILL);
}

/// Has a process group stand still until [`resume_group`].
pub(crate) fn suspend_group(leader: u32) {
    signal_group(leader, libc::SIGSTOP);
}

/// Lets a process group go on.
pub(crate) fn resume_group(leader: u32) {
    signal_group(leader, libc::SIGCONT);
}

fn signal_group(leader: u32, signal: i32) {
    if let Ok(leader) = i32::try_from(leader) {
        // SAFETY: takes numbers only; the group is ours since the child made itself its leader.
        unsafe { libc::kill(-leader, signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_path() {
        assert_eq!(keys(OsStr::new("")), (0, 82));
        assert_eq!(
            keys(OsStr::new("/a")),
            (47 * 37 + 97, (47 * 37 + 97) * 37 + 82)
        );
        let (memory, semaphores) = keys(OsStr::new("/tmp/a-rather-long-name-that-overflows/out"));
        assert_eq!(memory.wrapping_mul(37).wrapping_add(82), semaphores);
    }
}
