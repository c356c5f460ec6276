//! Isolation of nfpcapd, and the System V objects that it leaves when it is killed.
//!
//! nfpcapd derives the keys of its shared memory and semaphores from the path of its output directory,
//! so they can be found and removed. All `unsafe` code of the conversion is in this file: no crate in
//! use offers System V objects or a safe way to run code between fork and exec.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Keys of the shared memory and of the semaphores for an output directory (resolved, absolute).
fn keys(directory: &OsStr) -> (i32, i32) {
    let hash = directory.as_bytes().iter().fold(0_u32, |hash, byte| {
        hash.wrapping_mul(37).wrapping_add(u32::from(*byte))
    });
    let semaphores = hash.wrapping_mul(37).wrapping_add(u32::from(b'R'));
    (hash.cast_signed(), semaphores.cast_signed())
}

/// Removes the objects of a process that wrote to `directory`, if there are any.
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

/// Has the kernel kill the child when its parent dies, and gives it System V objects of its own where
/// that is allowed (to root), so that none remain even if both are killed.
pub(crate) fn isolate(command: &mut Command) {
    // SAFETY: the function makes system calls only and allocates nothing.
    unsafe {
        command.pre_exec(isolate_child);
    }
}

#[cfg(target_os = "linux")]
fn isolate_child() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // SAFETY: takes flags only. Ordinary users may not; `remove_leftovers` serves them.
    unsafe { libc::unshare(libc::CLONE_NEWIPC) };
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn isolate_child() -> io::Result<()> {
    Ok(())
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
