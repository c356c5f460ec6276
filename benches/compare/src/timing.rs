//! Times whole processes, interleaved, and takes medians.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What one process took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: Duration,
    /// Of all its threads, in user and kernel.
    pub cpu: Duration,
    /// Largest resident set, bytes.
    pub memory: u64,
}

/// One thing to be timed.
pub struct Contestant {
    pub name: String,
    command: Command,
    costs: Vec<Cost>,
}

impl Contestant {
    pub fn new(name: impl Into<String>, mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("TZ", "UTC");
        Self {
            name: name.into(),
            command,
            costs: Vec::new(),
        }
    }

    /// Median wall time.
    pub fn wall(&self) -> Duration {
        self.median(|cost| cost.wall)
    }

    /// Median processor time: what remains comparable when others use the machine too.
    pub fn cpu(&self) -> Duration {
        self.median(|cost| cost.cpu)
    }

    fn median(&self, of: impl Fn(&Cost) -> Duration) -> Duration {
        let mut values: Vec<_> = self.costs.iter().map(of).collect();
        values.sort();
        values.get(values.len() / 2).copied().unwrap_or_default()
    }

    /// Largest resident set of all runs, MiB.
    pub fn mebibytes(&self) -> f64 {
        let most = self.costs.iter().map(|cost| cost.memory).max();
        most.unwrap_or(0) as f64 / 1_048_576.0
    }
}

/// Runs all in turn, `rounds` times, after one round that does not count.
pub fn run(contestants: &mut [Contestant], rounds: usize) -> std::io::Result<()> {
    for round in 0..=rounds {
        for contestant in contestants.iter_mut() {
            let cost = attempt(&contestant.name, &mut contestant.command)?;
            if round > 0 {
                contestant.costs.push(cost);
            }
        }
    }
    Ok(())
}

/// Some programs die now and then (nfpcapd 1.7.10 of signal 6); that run does not count.
fn attempt(name: &str, command: &mut Command) -> std::io::Result<Cost> {
    for _ in 0..3 {
        match once(name, command) {
            Ok(cost) => return Ok(cost),
            Err(error) => eprintln!("{error}; once more"),
        }
    }
    once(name, command)
}

fn once(name: &str, command: &mut Command) -> std::io::Result<Cost> {
    let start = Instant::now();
    let child = command.spawn()?;
    let mut status = 0;
    // SAFETY: all bytes zero is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the process is our child and not waited for elsewhere; both pointers are writable.
    let waited = unsafe {
        libc::wait4(
            child.id() as libc::pid_t,
            &raw mut status,
            0,
            &raw mut usage,
        )
    };
    let wall = start.elapsed();
    if waited < 0 {
        return Err(std::io::Error::last_os_error());
    }
    let status = ExitStatus::from_raw(status);
    if !status.success() {
        return Err(std::io::Error::other(format!("{name}: {status}")));
    }
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    Ok(Cost {
        wall,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        memory: usage.ru_maxrss as u64 * 1024,
    })
}
