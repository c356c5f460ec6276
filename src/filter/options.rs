//! Options of parsing a filter.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::value::zone::Zone;

/// A function that finds the addresses of a host name.
pub type Resolver = Arc<dyn Fn(&str) -> std::io::Result<Vec<IpAddr>> + Send + Sync>;

/// Which files `@include` may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Includes {
    /// No file.
    #[default]
    Refuse,
    /// Files below a directory. Names are relative to it.
    Below(PathBuf),
    /// Any file. Names are relative to the working directory.
    Anywhere,
}

/// Options of parsing a filter: time zone, included files, host names.
///
/// The defaults are safe for filters from untrusted sources: no file is read and no name resolved.
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) zone: Option<Zone>,
    pub(crate) includes: Includes,
    pub(crate) resolver: Option<Resolver>,
    pub(crate) name: Option<String>,
    pub(crate) unknown_places: bool,
}

impl Options {
    /// The defaults: times in the zone of the process, no included files, no host names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time zone of times in the text.
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// Sets which files `@include` may read.
    #[must_use]
    pub fn with_includes(mut self, includes: Includes) -> Self {
        self.includes = includes;
        self
    }

    /// Resolves host names with this function, each once per occurrence, while parsing.
    ///
    /// Of each name at most 1024 addresses are used.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Sets the name of the text in messages, such as the name of its file.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Accepts `geo CC` and `ip tor`, which then select nothing, as in nfdump without databases.
    ///
    /// Without this option they are errors.
    #[must_use]
    pub fn with_unknown_places(mut self) -> Self {
        self.unknown_places = true;
        self
    }

    pub(crate) fn zone(&self) -> Zone {
        self.zone.clone().unwrap_or_else(Zone::from_env)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("includes", &self.includes)
            .field("resolver", &self.resolver.is_some())
            .finish_non_exhaustive()
    }
}
