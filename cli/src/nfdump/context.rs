//! How flows and tables are printed: what the options say of it, in one place.

use nfdecode::output::TextBuffer;
use nfdecode::output::fmt::FmtOptions;
use nfdecode::value::Zone;
use nfdecode::writer::Encoding;
use nfdecode::{Filter, OwnedFlow};

use crate::nfdump::mode::{Mode, Printer};
use crate::nfdump::options::{Aggregation, Options};
use crate::nfdump::quit::Quit;
use crate::nfdump::read::parser;
use crate::nfdump::totals::Account;

/// How things are printed.
pub(crate) struct Context {
    pub(crate) mode: Mode,
    pub(crate) fmt: FmtOptions,
    pub(crate) quiet: bool,
    pub(crate) top: Option<u64>,
    pub(crate) zone: Zone,
    post_filter: Option<Filter>,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) window: std::ops::Range<u64>,
}

impl Context {
    pub(crate) fn new(options: &Options, zone: Zone) -> Result<Self, Quit> {
        let post_filter = match &options.post_filter {
            None => None,
            Some(text) => Some(
                parser(&zone)
                    .parse(text)
                    .map_err(|error| Quit::filter(&error, Some(text), None))?,
            ),
        };
        Ok(Self {
            mode: options.output_mode(),
            fmt: FmtOptions {
                long_addresses: options.shows_long_addresses(),
                plain_numbers: options.plain_numbers,
                tagged: options.tagged,
                no_tunnel_lines: matches!(options.aggregation, Some(Aggregation::Keys(_))),
            },
            quiet: options.quiet,
            top: options.top(),
            zone,
            post_filter,
            encoding: options.encoding,
            window: 0..u64::MAX,
        })
    }

    /// Whether `-P` lets a row pass.
    pub(crate) fn shows(&self, row: &OwnedFlow) -> bool {
        let filter = self.post_filter.as_ref();
        filter.is_none_or(|filter| filter.matches(&row.view()))
    }

    /// What prints flows.
    pub(crate) fn printer(&self) -> Option<Printer> {
        self.mode.format(self.fmt, self.quiet, &self.zone)
    }

    /// The last lines of a text, if it has any.
    pub(crate) fn trailer(&self, account: &Account, out: &mut TextBuffer) {
        if self.mode.has_trailer() && !self.quiet {
            account.trailer(&self.window, self.fmt.plain_numbers, &self.zone, out);
        }
    }
}
