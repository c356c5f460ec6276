//! What a page shows of a command line: paths, filter, and the arguments that its commands need.

use std::path::PathBuf;

use nfdecode::value::Zone;
use nfdecode_web::report::Options;

use crate::args::SelectArgs;
use crate::run::env;
use crate::run::stop::Stop;

/// The arguments that commands with pages share.
pub(crate) struct Shown<'a> {
    pub(crate) paths: &'a [PathBuf],
    pub(crate) select: &'a SelectArgs,
    /// The filter among the paths.
    pub(crate) operand: Option<&'a str>,
    pub(crate) tz: Option<&'a str>,
    pub(crate) utc: bool,
    pub(crate) limit: Option<u64>,
    pub(crate) memory: Option<u64>,
}

impl Shown<'_> {
    /// The settings of the page; `more`: arguments of its commands beside these.
    pub(crate) fn options(&self, zone: Zone, more: Vec<String>) -> Result<Options, Stop> {
        let mut arguments = self.arguments();
        arguments.extend(more);
        Ok(
            Options::new(self.paths.iter().map(|path| path.to_string_lossy()))
                .zone(zone)
                .filter(self.filter()?)
                .arguments(arguments)
                .memory(env::memory(self.memory), env::temporary()),
        )
    }

    /// The text of the filter, as it was given.
    fn filter(&self) -> Result<Option<String>, Stop> {
        match &self.select.filter_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                text.map(|text| Some(text.trim().to_owned()))
                    .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))
            }
            None => {
                let given = self.select.filter.as_deref().or(self.operand);
                Ok(given.map(str::to_owned))
            }
        }
    }

    /// What a command needs to read the same flows, apart from paths and filter.
    fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let texts = [
            ("--since", self.select.since.as_deref()),
            ("--until", self.select.until.as_deref()),
            ("--window", self.select.window.as_deref()),
            ("--tz", self.tz),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                words.extend([name.to_owned(), text.to_owned()]);
            }
        }
        if let Some(last) = self.select.last {
            words.extend(["--last".to_owned(), format!("{}s", last.as_secs())]);
        }
        let flags = [("--utc", self.utc), ("--resolve", self.select.resolve)];
        let given = flags.iter().filter(|(_, given)| *given);
        words.extend(given.map(|(name, _)| (*name).to_owned()));
        if let Some(limit) = self.limit {
            words.extend(["--limit".to_owned(), limit.to_string()]);
        }
        words
    }
}
