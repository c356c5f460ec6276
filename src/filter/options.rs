//! How to read the text of a filter.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::value::zone::Zone;

/// Finds the addresses of a host name.
pub type Resolver = Arc<dyn Fn(&str) -> std::io::Result<Vec<IpAddr>> + Send + Sync>;

/// Which files `@include` may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Includes {
    /// None.
    #[default]
    Refuse,
    /// Those below a directory; names are relative to it.
    Below(PathBuf),
    /// All; names are relative to the working directory.
    Anywhere,
}

/// How to read the text of a filter.
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) zone: Option<Zone>,
    pub(crate) includes: Includes,
    pub(crate) resolver: Option<Resolver>,
    pub(crate) name: Option<String>,
    pub(crate) unknown_places: bool,
}

impl Options {
    /// Times in the zone of the process, no files, no host names, databases needed for places.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The zone of times in the text.
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// Which files may be included.
    #[must_use]
    pub fn with_includes(mut self, includes: Includes) -> Self {
        self.includes = includes;
        self
    }

    /// Resolves host names, once, while the text is read.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// What messages call the text, such as the name of its file.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// As nfdump without databases: `geo CC` and `ip tor` select nothing instead of being errors.
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
