//! What is served, to whom, and within which limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use nfdecode::value::Zone;

/// What is served, to whom, and within which limits.
#[derive(Clone)]
pub struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) token: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) paths: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) zone: Zone,
    pub(crate) zone_name: Option<String>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) follow: Option<Duration>,
    pub(crate) limit: Duration,
    pub(crate) queries: usize,
    pub(crate) memory: usize,
    pub(crate) temporary: Option<PathBuf>,
}

impl Settings {
    /// These paths, as commands name them: on a free port of 127.0.0.1, times in UTC, no cache on disk, 60 s for a
    /// request, 2 requests at once, 1 GiB for the groups of all of them.
    pub fn new(paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            token: None,
            hosts: Vec::new(),
            paths: paths.into_iter().map(Into::into).collect(),
            arguments: Vec::new(),
            zone: Zone::utc(),
            zone_name: None,
            cache: None,
            follow: None,
            limit: Duration::from_secs(60),
            queries: 2,
            memory: 1 << 30,
            temporary: None,
        }
    }

    /// The address to listen on. One that other machines reach needs a [token](Self::token).
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Answers only requests that have this token.
    #[must_use]
    pub fn token(mut self, token: Option<String>) -> Self {
        self.token = token;
        self
    }

    /// Names, beside addresses, that browsers may call this machine by.
    #[must_use]
    pub fn hosts(mut self, hosts: Vec<String>) -> Self {
        self.hosts = hosts;
        self
    }

    /// Arguments that commands need to read the same files, such as `--salvage`.
    #[must_use]
    pub fn arguments(mut self, arguments: Vec<String>) -> Self {
        self.arguments = arguments;
        self
    }

    /// The zone of times in filters and texts, and its name for browsers.
    #[must_use]
    pub fn zone(mut self, zone: Zone, name: Option<String>) -> Self {
        (self.zone, self.zone_name) = (zone, name);
        self
    }

    /// Keeps summaries of files in this directory.
    #[must_use]
    pub fn cache(mut self, directory: Option<PathBuf>) -> Self {
        self.cache = directory;
        self
    }

    /// Looks for new files this often.
    #[must_use]
    pub fn follow(mut self, every: Option<Duration>) -> Self {
        self.follow = every;
        self
    }

    /// How long a request may take, and how many are worked on at once.
    #[must_use]
    pub fn limits(mut self, time: Duration, queries: usize) -> Self {
        (self.limit, self.queries) = (time, queries.max(1));
        self
    }

    /// Memory for the groups of all requests in bytes; more goes to temporary files without names in a directory, or
    /// that of the system.
    #[must_use]
    pub fn memory(mut self, bytes: usize, directory: Option<PathBuf>) -> Self {
        (self.memory, self.temporary) = (bytes, directory);
        self
    }
}

/// Without the token.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
