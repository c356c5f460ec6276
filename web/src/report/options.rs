//! What a report is about and how it is shown.

use std::path::PathBuf;

use nfdecode::value::Zone;

use crate::text;

/// What a report is about and how it is shown.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) paths: Vec<String>,
    pub(crate) filter: Option<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) title: Option<String>,
    pub(crate) top: usize,
    pub(crate) zone: Zone,
    pub(crate) memory: usize,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) captures: Option<Captures>,
}

/// What the flows of captures were turned into.
#[derive(Clone, Debug)]
pub(crate) struct Captures {
    /// The nfcapd files that commands read.
    pub(crate) directory: String,
    /// The command that writes them, if they are not there.
    pub(crate) command: Option<String>,
}

impl Options {
    /// A report of these paths, which are shown in commands: 20 rows for each list, UTC, 1 GiB of memory for groups.
    pub fn new(paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            filter: None,
            arguments: Vec::new(),
            title: None,
            top: 20,
            zone: Zone::utc(),
            memory: 1 << 30,
            directory: None,
            captures: None,
        }
    }

    /// Shows this filter, which the scan has. Filters of rows are joined to it.
    #[must_use]
    pub fn filter(mut self, filter: Option<String>) -> Self {
        self.filter = filter;
        self
    }

    /// Other arguments that commands need to read the same flows, such as `--since`.
    #[must_use]
    pub fn arguments(mut self, arguments: Vec<String>) -> Self {
        self.arguments = arguments;
        self
    }

    /// The title of the page.
    #[must_use]
    pub fn title(mut self, title: Option<String>) -> Self {
        self.title = title;
        self
    }

    /// Rows of each list, at least 1 and at most 100.
    #[must_use]
    pub fn top(mut self, rows: usize) -> Self {
        self.top = rows.clamp(1, 100);
        self
    }

    /// The zone of times.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Memory for groups, in bytes; more goes to temporary files without names in a directory, or that of the system.
    #[must_use]
    pub fn memory(mut self, bytes: usize, directory: Option<PathBuf>) -> Self {
        (self.memory, self.directory) = (bytes, directory);
        self
    }

    /// The paths are captures. Commands read this directory of nfcapd files instead. `arguments` are those of the
    /// command of nfdecode that writes it, if it is not there.
    #[must_use]
    pub fn captures(mut self, directory: impl Into<String>, arguments: Option<&[String]>) -> Self {
        let command = arguments.map(|words| {
            let words = words.iter().map(|word| text::quoted(word));
            let words: Vec<_> = std::iter::once("nfdecode".to_owned())
                .chain(words)
                .collect();
            words.join(" ")
        });
        self.captures = Some(Captures {
            directory: directory.into(),
            command,
        });
        self
    }

    /// A command of nfdecode that reads the same flows, and of these only what a filter selects.
    pub(crate) fn command(&self, words: &[&str], filter: Option<&str>) -> String {
        let mut command: Vec<String> = vec!["nfdecode".to_owned()];
        command.extend(words.iter().map(|word| text::quoted(word)));
        match &self.captures {
            Some(captures) => command.push(text::quoted(&captures.directory)),
            None => command.extend(self.paths.iter().map(|path| text::quoted(path))),
        }
        command.extend(self.arguments.iter().map(|word| text::quoted(word)));
        let joined = self.joined(filter);
        if let Some(filter) = joined {
            command.push("--filter".to_owned());
            command.push(format!("'{}'", filter.replace('\'', "'\\''")));
        }
        command.join(" ")
    }

    /// A filter and that of the report.
    pub(crate) fn joined(&self, filter: Option<&str>) -> Option<String> {
        match (&self.filter, filter) {
            (Some(own), Some(filter)) => Some(format!("({own}) and {filter}")),
            (Some(own), None) => Some(own.clone()),
            (None, filter) => filter.map(str::to_owned),
        }
    }
}
