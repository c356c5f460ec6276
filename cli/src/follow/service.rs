//! Messages to systemd: ready, stopping, and that we are alive.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::follow::tell::Counts;

/// The service manager, if there is one.
pub(crate) struct Service(Option<(UnixDatagram, SocketAddr)>);

impl Service {
    /// The one that the environment names.
    pub(crate) fn from_env() -> Self {
        let open = || {
            let name = env::var_os("NOTIFY_SOCKET")?;
            let address = address(&name)?;
            Some((UnixDatagram::unbound().ok()?, address))
        };
        Self(open())
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.0 {
            // Without a listener there is nothing to do.
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }

    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Starts to say that we are alive, as long as something is done, or a slow reader keeps us waiting.
    pub(crate) fn watch(counts: &Arc<Counts>) {
        let micros = env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        let for_us = env::var("WATCHDOG_PID")
            .ok()
            .and_then(|text| text.parse::<u32>().ok());
        let Some(micros) = micros.filter(|_| for_us.is_none_or(|id| id == std::process::id()))
        else {
            return;
        };
        let pause = Duration::from_micros(micros / 3);
        let counts = Arc::clone(counts);
        let watch = move || {
            let service = Self::from_env();
            let mut before = u64::MAX;
            loop {
                let now = Counts::get(&counts.beat);
                if now != before || Counts::get(&counts.writing) != 0 {
                    service.send("WATCHDOG=1");
                }
                before = now;
                thread::sleep(pause);
            }
        };
        // Without the thread the manager ends us, which it will report.
        let _ = thread::Builder::new().spawn(watch);
    }
}

fn address(name: &OsStr) -> Option<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        return SocketAddr::from_abstract_name(name).ok();
    }
    SocketAddr::from_pathname(name).ok()
}
